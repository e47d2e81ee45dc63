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

	countersigned []countersigner
}

// actor is the kind of party that may do something.
type actor uint8

const (
	association actor = iota
	dealer
	either
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
	passTitle  = ledger.ScopePassTitle
	transform  = ledger.ScopeTransform
	attest     = ledger.ScopeAttest
	administer = ledger.ScopeAdminister
)

// rule gives the row of the event's body. This is the table of rules version 1.
func (j *judge) rule() rule {
	switch b := j.event.Body.(type) {
	case *custodyv1.PartyAdmit:
		keys := []newKey{{"party_admit.key", b.Key}, {"party_admit.recovery_key", b.RecoveryKey}}
		return rule{actor: association, scopes: administer, introduces: keys, effect: effect(j.partyAdmit, b)}
	case *custodyv1.PartySponsor:
		return rule{actor: association, scopes: administer, effect: effect(j.partySponsor, b)}
	case *custodyv1.PartySuspend:
		return rule{actor: association, scopes: administer, effect: effect(j.partySuspend, b)}
	case *custodyv1.KeyAdd:
		return rule{actor: dealer, scopes: administer, introduces: []newKey{{"key_add.key", b.Key}}, suspended: true, effect: effect(j.keyAdd, b)}
	case *custodyv1.KeyRevoke:
		return rule{actor: dealer, scopes: administer, suspended: true, effect: effect(j.keyRevoke, b)}
	case *custodyv1.PolicyPropose:
		return rule{actor: association, scopes: administer, introduces: nodeKeys(b.Node), effect: effect(j.policyPropose, b)}
	case *custodyv1.PolicyApprove:
		return rule{actor: association, scopes: administer, effect: effect(j.policyApprove, b)}

	case *custodyv1.ItemRegister:
		return rule{actor: dealer, scopes: register, effect: effect(j.itemRegister, b)}
	case *custodyv1.ItemVoid:
		return rule{actor: dealer, scopes: register, suspended: true, effect: effect(j.itemVoid, b)}
	case *custodyv1.Transform:
		return rule{actor: dealer, scopes: transform, effect: effect(j.transform, b)}
	case *custodyv1.Reweigh:
		return rule{actor: dealer, scopes: transform, effect: effect(j.reweigh, b)}
	case *custodyv1.Correct:
		r := rule{actor: dealer, scopes: register, effect: effect(j.correct, b)}
		if len(b.Holder) > 0 {
			r.countersigned = []countersigner{{"correct.holder", ledger.PartyID(b.Holder), dealer, receive}}
		}
		return r

	case *custodyv1.Offer:
		returns := b.Mode == custodyv1.Mode_MODE_RETURN
		return rule{actor: dealer, scopes: offerScopes(b.Mode), suspended: returns, effect: effect(j.offer, b)}
	case *custodyv1.Accept: // while suspended: of a return only, see accept
		return rule{actor: dealer, scopes: receive, suspended: true, effect: effect(j.accept, b)}
	case *custodyv1.Decline:
		return rule{actor: dealer, scopes: receive, suspended: true, effect: effect(j.decline, b)}
	case *custodyv1.Withdraw: // scopes: those of the offer, see withdraw
		return rule{actor: dealer, suspended: true, effect: effect(j.withdraw, b)}
	case *custodyv1.Release:
		return rule{actor: dealer, scopes: releaseScopes(b.Reason), effect: effect(j.release, b)}
	case *custodyv1.Reenter:
		return rule{actor: dealer, scopes: register | receive, effect: effect(j.reenter, b)}
	case *custodyv1.Reclaim:
		return rule{actor: dealer, scopes: receive, effect: effect(j.reclaim, b),
			countersigned: []countersigner{{"reclaim.association", ledger.PartyID(b.Association), association, administer}}}
	case *custodyv1.Share:
		return rule{actor: dealer, scopes: passTitle, effect: effect(j.share, b), countersigned: partners(j.event.Party, b)}
	case *custodyv1.BorderCross:
		return rule{actor: dealer, scopes: handOver, effect: effect(j.borderCross, b)}

	case *custodyv1.Attest:
		return rule{actor: dealer, scopes: attest, effect: effect(j.attest, b)}
	case *custodyv1.AttestWithdraw: // scopes: attest of a dealer, administer of an association, see attestWithdraw
		return rule{actor: either, suspended: true, effect: effect(j.attestWithdraw, b)}
	case *custodyv1.Dispute: // scopes as above
		return rule{actor: either, suspended: true, effect: effect(j.dispute, b)}
	case *custodyv1.Ruling: // scopes as above
		return rule{actor: either, suspended: true, effect: effect(j.ruling, b), countersigned: second("ruling.second", b.Second)}
	case *custodyv1.Hold:
		return rule{actor: association, scopes: administer, effect: effect(j.hold, b), countersigned: second("hold.second", b.Second)}
	case *custodyv1.HoldRelease:
		return rule{actor: association, scopes: administer, effect: effect(j.holdRelease, b), countersigned: second("hold_release.second", b.Second)}
	case *custodyv1.Incident:
		return rule{actor: dealer, scopes: handOver, suspended: true, effect: effect(j.incident, b)}
	}
	panic("rules: an event body without a rule")
}

func effect[B any](apply func(B) *ledger.Rejection, body B) func() *ledger.Rejection {
	return func() *ledger.Rejection { return apply(body) }
}

// second is the association that countersigns what two must decide, if one is named.
func second(field string, id []byte) []countersigner {
	if len(id) == 0 {
		return nil
	}
	return []countersigner{{field, ledger.PartyID(id), association, administer}}
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
	if sold(reason) {
		return handOver | passTitle
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
	known      []Key            // keys that signed and were there before
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
