package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// rule is one row of the table of events: who may do it, with what, and what it
// does. Every event passes the same gates in the same order: its times, the
// acting party, the keys it introduces, its signers, suspension, then its
// effect, which for an item begins with the last event on it.
type rule struct {
	actor      actor
	scopes     ledger.Scopes // what the acting party's key must have, all of it
	introduces []newKey      // keys that become the ledger's and sign too
	suspended  bool          // open to a party of which no sponsor stands
	effect     func() *ledger.Rejection
}

// actor is the kind of party that may do something.
type actor uint8

const (
	association actor = iota
	dealer
)

// newKey is a public key that an event introduces, and the field it stands in.
type newKey struct {
	field string
	wire  []byte
}

const (
	register   = ledger.ScopeRegister
	receive    = ledger.ScopeReceive
	handOver   = ledger.ScopeHandOver
	administer = ledger.ScopeAdminister
)

// rule gives the row of the event's body. This is the table of rules version 1.
func (j *judge) rule() rule {
	switch b := j.event.Body.(type) {
	case *custodyv1.PartyAdmit:
		keys := []newKey{{"party_admit.key", b.Key}, {"party_admit.recovery_key", b.RecoveryKey}}
		return rule{association, administer, keys, false, func() *ledger.Rejection { return j.partyAdmit(b) }}
	case *custodyv1.PartySponsor:
		return rule{association, administer, nil, false, func() *ledger.Rejection { return j.partySponsor(b) }}
	case *custodyv1.PartySuspend:
		return rule{association, administer, nil, false, func() *ledger.Rejection { return j.partySuspend(b) }}
	case *custodyv1.KeyAdd:
		keys := []newKey{{"key_add.key", b.Key}}
		return rule{dealer, administer, keys, true, func() *ledger.Rejection { return j.keyAdd(b) }}
	case *custodyv1.KeyRevoke:
		return rule{dealer, administer, nil, true, func() *ledger.Rejection { return j.keyRevoke(b) }}
	case *custodyv1.PolicyPropose:
		return rule{association, administer, nodeKeys(b.Node), false, func() *ledger.Rejection { return j.policyPropose(b) }}
	case *custodyv1.PolicyApprove:
		return rule{association, administer, nil, false, func() *ledger.Rejection { return j.policyApprove(b) }}
	case *custodyv1.ItemRegister:
		return rule{dealer, register, nil, false, func() *ledger.Rejection { return j.itemRegister(b) }}
	case *custodyv1.ItemVoid:
		return rule{dealer, register, nil, true, j.itemVoid}
	case *custodyv1.Offer:
		returns := b.Mode == custodyv1.Mode_MODE_RETURN
		return rule{dealer, offerScopes(b.Mode), nil, returns, func() *ledger.Rejection { return j.offer(b) }}
	case *custodyv1.Accept: // while suspended: of a return only, see accept
		return rule{dealer, receive, nil, true, func() *ledger.Rejection { return j.accept(b) }}
	case *custodyv1.Decline:
		return rule{dealer, receive, nil, true, func() *ledger.Rejection { return j.decline(b) }}
	case *custodyv1.Withdraw: // scopes: those of the offer, see withdraw
		return rule{dealer, 0, nil, true, func() *ledger.Rejection { return j.withdraw(b) }}
	case *custodyv1.Release:
		return rule{dealer, releaseScopes(b.Reason), nil, false, func() *ledger.Rejection { return j.release(b) }}
	case *custodyv1.Reenter:
		return rule{dealer, register | receive, nil, false, j.reenter}
	}
	panic("rules: an event body without a rule")
}

func nodeKeys(node *custodyv1.NodeKeys) []newKey {
	if node == nil {
		return nil
	}
	const path = "policy_propose.node."
	return []newKey{{path + "log_key", node.LogKey}, {path + "cosigner_key", node.CosignerKey}, {path + "statement_key", node.StatementKey}}
}

// offerScopes: handing over custody and passing title are separate rights.
func offerScopes(mode custodyv1.Mode) ledger.Scopes {
	offer := Offer{Mode: mode}
	var scopes ledger.Scopes
	if offer.MovesCustody() {
		scopes |= handOver
	}
	if offer.MovesTitle() {
		scopes |= ledger.ScopePassTitle
	}
	return scopes
}

func releaseScopes(reason custodyv1.OutsideReason) ledger.Scopes {
	if reason == custodyv1.OutsideReason_OUTSIDE_REASON_SOLD {
		return handOver | ledger.ScopePassTitle
	}
	return handOver
}

// judge applies one event to the state, or refuses it and changes nothing.
type judge struct {
	state *overlay
	event *ledger.Event
	index uint64 // of the entry the event would get
	now   uint64 // ledger time, unix milliseconds

	party      Party            // the acting party
	introduced []sign.PublicKey // keys that the event introduces, in the order of its fields
}

func (j *judge) apply() *ledger.Rejection {
	row := j.rule()
	for _, gate := range []func(rule) *ledger.Rejection{j.times, j.acting, j.newKeys, j.signers, j.sponsored} {
		if rejection := gate(row); rejection != nil {
			return rejection
		}
	}
	return row.effect()
}
