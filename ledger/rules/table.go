package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// judge applies one event to the state, or refuses it.
type judge struct {
	state *overlay
	event *ledger.Event
	index uint64 // of the entry the event would get
	now   uint64 // ledger time, unix milliseconds
	party Party  // the acting party, once found
}

// apply runs every rule on the event. Rules that look at nothing but the event
// come first, then who acts, then what it does.
func (j *judge) apply() *ledger.Rejection {
	if rejection := j.times(); rejection != nil {
		return rejection
	}
	switch body := j.event.Body.(type) {
	case *custodyv1.PartyAdmit:
		return j.partyAdmit(body)
	case *custodyv1.PartySponsor:
		return j.partySponsor(body)
	case *custodyv1.PartySuspend:
		return j.partySuspend(body)
	case *custodyv1.KeyAdd:
		return j.keyAdd(body)
	case *custodyv1.KeyRevoke:
		return j.keyRevoke(body)
	case *custodyv1.ItemRegister:
		return j.itemRegister(body)
	case *custodyv1.ItemVoid:
		return j.itemVoid(body)
	case *custodyv1.Offer:
		return j.offer(body)
	case *custodyv1.Accept:
		return j.accept(body)
	case *custodyv1.Decline:
		return j.decline(body)
	case *custodyv1.Withdraw:
		return j.withdraw(body)
	case *custodyv1.Release:
		return j.release(body)
	case *custodyv1.Reenter:
		return j.reenter(body)
	}
	panic("rules: an event body without a rule")
}
