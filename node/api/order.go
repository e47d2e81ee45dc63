package api

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// touched is something that a write reads or changes: an item, a party, a
// registration's reference or the policy.
type touched struct {
	kind byte
	id   [36]byte
}

const (
	touchesItem byte = iota + 1
	touchesParty
	touchesReference
	touchesPolicy
	touchesPaper
)

func touchedItem(id ledger.ItemID) touched {
	t := touched{kind: touchesItem}
	copy(t.id[:], id[:])
	return t
}

func touchedParty(id []byte) touched {
	t := touched{kind: touchesParty}
	copy(t.id[:], id)
	return t
}

// touchedPaper is every paper with a number, whoever issued it.
func touchedPaper(number string) touched {
	t := touched{kind: touchesPaper}
	copy(t.id[:], number)
	return t
}

func touchedReference(party ledger.PartyID, reference []byte) touched {
	t := touched{kind: touchesReference}
	copy(t.id[copy(t.id[:], party[:]):], reference)
	return t
}

// reach lists what events change, and what they only read. Two writes of which
// neither changes what the other touches may be recorded in either order.
func reach(events []*ledger.Event) (changes, reads []touched) {
	for _, event := range events {
		for _, item := range event.Touches() {
			changes = append(changes, touchedItem(item))
		}
		acting := touchedParty(event.Party[:])
		switch body := event.Body.(type) {
		case *custodyv1.PartyAdmit:
			reads = append(reads, acting)
			if key, err := sign.ParsePublicKey(body.Key); err == nil {
				admitted := ledger.NewPartyID(key.ID())
				changes = append(changes, touchedParty(admitted[:]))
			}
		case *custodyv1.PartySponsor:
			reads = append(reads, acting)
			changes = append(changes, touchedParty(body.Party))
		case *custodyv1.PartySuspend:
			reads = append(reads, acting)
			changes = append(changes, touchedParty(body.Party))
		case *custodyv1.KeyAdd, *custodyv1.KeyRevoke:
			changes = append(changes, acting)
		case *custodyv1.ItemRegister:
			reads = append(reads, acting)
			if len(body.Reference) > 0 {
				changes = append(changes, touchedReference(event.Party, body.Reference))
			}
		case *custodyv1.PolicyPropose, *custodyv1.PolicyApprove:
			reads = append(reads, acting)
			changes = append(changes, touched{kind: touchesPolicy})
		case *custodyv1.Attest:
			reads = append(reads, acting)
			if body.Quantity != nil {
				changes = append(changes, touchedPaper(body.Number))
			}
		default:
			for _, party := range event.Parties() {
				reads = append(reads, touchedParty(party[:]))
			}
		}
	}
	return changes, reads
}

// order holds back a write of one stream until those before it that touch the
// same are settled. It belongs to one goroutine; only the tickets it gives are
// shared.
type order struct {
	last  map[touched]*turn
	limit int // of last, past which what is settled is forgotten
}

// turn is who touched something last.
type turn struct {
	change *ticket   // the last that changes it
	reads  []*ticket // those after it that read it
	tidyAt int       // length of reads at which settled ones are dropped
}

// ticket is one write's place. The goroutine that has it sets lost before it
// closes done.
type ticket struct {
	after []*ticket
	done  chan struct{}
	lost  bool // it has no outcome: what waits for it must not be tried
}

func newOrder() *order { return &order{last: map[touched]*turn{}, limit: orderForgetAt} }

// orderForgetAt is how many touched things are remembered before those without
// a write on its way are forgotten.
const orderForgetAt = 4096

// take gives the next write's ticket.
func (o *order) take(events []*ledger.Event) *ticket {
	changes, reads := reach(events)
	t := &ticket{done: make(chan struct{})}
	for _, what := range changes {
		turn := o.turn(what)
		t.behind(turn.change)
		for _, reader := range turn.reads {
			t.behind(reader)
		}
		turn.change, turn.reads = t, nil
	}
	for _, what := range reads {
		turn := o.turn(what)
		t.behind(turn.change)
		if turn.change != t {
			turn.tidy()
			turn.reads = append(turn.reads, t)
		}
	}
	return t
}

func (t *ticket) behind(earlier *ticket) {
	if earlier != nil && earlier != t && !earlier.settled() {
		t.after = append(t.after, earlier)
	}
}

func (t *ticket) settled() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

func (o *order) turn(what touched) *turn {
	if found := o.last[what]; found != nil {
		return found
	}
	if len(o.last) >= o.limit {
		o.forget()
	}
	made := &turn{tidyAt: 64}
	o.last[what] = made
	return made
}

// forget drops what no write on its way touches.
func (o *order) forget() {
	for what, turn := range o.last {
		turn.reads = slices.DeleteFunc(turn.reads, (*ticket).settled)
		if len(turn.reads) == 0 && (turn.change == nil || turn.change.settled()) {
			delete(o.last, what)
		}
	}
	o.limit = max(orderForgetAt, 2*len(o.last))
}

// tidy drops settled readers now and then: a party's keys may be read by every
// write of a long stream.
func (t *turn) tidy() {
	if len(t.reads) < t.tidyAt {
		return
	}
	t.reads = slices.DeleteFunc(t.reads, (*ticket).settled)
	t.tidyAt = max(64, 2*len(t.reads))
}
