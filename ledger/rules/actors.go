package rules

import (
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// times judges the event's own times against the ledger's.
func (j *judge) times() *ledger.Rejection {
	e := j.event
	switch {
	case j.now > e.NotAfter:
		return ledger.RejectField(ledger.EventExpired, "not_after_ms", "the event was to be recorded by %s, ledger time is %s; sign it again if it still holds", date(e.NotAfter), date(j.now))
	case e.NotAfter > later(j.now, ledger.NotAfterMax):
		return ledger.RejectField(ledger.NotAfterTooFar, "not_after_ms", "%s is more than %d days after ledger time %s", date(e.NotAfter), ledger.NotAfterMax/(24*time.Hour), date(j.now))
	case e.OccurredAt > later(j.now, ledger.OccurredAheadMax):
		return ledger.RejectField(ledger.OccurredAhead, "occurred_at_ms", "%s is after ledger time %s; check the clock of this computer", date(e.OccurredAt), date(j.now))
	}
	return nil
}

// actor finds the acting party.
func (j *judge) actor() *ledger.Rejection {
	party, ok := j.state.Party(j.event.Party)
	if !ok {
		return ledger.RejectField(ledger.UnknownParty, "party", "party %s is not on this ledger; an association admits it first", j.event.Party)
	}
	j.party = party
	return nil
}

// signedBy demands that exactly one key of the acting party, with all of the
// scopes, and the keys that the event introduces signed.
func (j *judge) signedBy(scopes ledger.Scopes, introduced ...sign.PublicKey) *ledger.Rejection {
	if len(j.event.Signers) != 1+len(introduced) {
		return ledger.RejectField(ledger.WrongSigners, "signers", "%d keys signed, expected %d: one of the party's keys and each key that the event introduces", len(j.event.Signers), 1+len(introduced))
	}
	acted := false
	for _, signer := range j.event.Signers {
		if contains(introduced, signer) {
			continue
		}
		if acted {
			return ledger.RejectField(ledger.WrongSigners, "signers", "a key that the event introduces did not sign; it proves its possession by signing")
		}
		if rejection := j.mayAct(signer, scopes); rejection != nil {
			return rejection
		}
		acted = true
	}
	if !acted {
		return ledger.RejectField(ledger.WrongSigners, "signers", "no key of the acting party signed")
	}
	return nil
}

func (j *judge) mayAct(signer sign.PublicKey, scopes ledger.Scopes) *ledger.Rejection {
	id := signer.ID()
	key, ok := j.state.Key(id)
	switch {
	case !ok || key.Public != signer:
		return ledger.RejectField(ledger.UnknownKey, "signers", "key %s is not registered; the party adds it first", ledger.KeyIDText(id))
	case key.Party != j.party.ID:
		return ledger.RejectField(ledger.ForeignKey, "signers", "key %s belongs to another party than %s", ledger.KeyIDText(id), j.party.ID)
	case !key.Live():
		return ledger.RejectField(ledger.KeyRevoked, "signers", "key %s was revoked by entry %d; sign with a key that stands", ledger.KeyIDText(id), key.Revoked)
	case !key.Scopes.Has(scopes):
		return ledger.RejectField(ledger.MissingScope, "signers", "key %s may %s, this event needs %s", ledger.KeyIDText(id), key.Scopes, scopes)
	}
	return nil
}

// dealer is signedBy for events about goods: associations do not trade.
func (j *judge) dealer(scopes ledger.Scopes) *ledger.Rejection {
	if rejection := j.actor(); rejection != nil {
		return rejection
	}
	if j.party.Association {
		return ledger.RejectField(ledger.AssociationExcluded, "party", "associations admit and suspend; they hold no goods")
	}
	return j.signedBy(scopes)
}

// unsuspended refuses a party of which no sponsor stands.
func (j *judge) unsuspended() *ledger.Rejection {
	if j.party.Suspended() {
		return ledger.RejectField(ledger.PartySuspended, "party", "every association that sponsored party %s has suspended it; it may return what it does not own, decline and withdraw", j.party.ID)
	}
	return nil
}

// newKey judges a key that an event introduces.
func (j *judge) newKey(field string, wire []byte) (sign.PublicKey, *ledger.Rejection) {
	key, err := sign.ParsePublicKey(wire)
	if err == nil {
		err = key.CheckRegistrable()
	}
	if err != nil {
		return key, ledger.RejectField(ledger.BadKey, field, "%v", err)
	}
	if _, taken := j.state.Key(key.ID()); taken {
		return key, ledger.RejectField(ledger.KeyInUse, field, "key %s is registered already; a key belongs to one party and is added once", ledger.KeyIDText(key.ID()))
	}
	return key, nil
}

func contains(keys []sign.PublicKey, key sign.PublicKey) bool {
	for _, k := range keys {
		if k == key {
			return true
		}
	}
	return false
}

// later adds a duration to a time in unix milliseconds.
func later(at uint64, d time.Duration) uint64 { return at + uint64(d/time.Millisecond) }

// date prints unix milliseconds as UTC.
func date(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339) }
