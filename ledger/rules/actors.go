package rules

import (
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// times judges the event's own times against the ledger's.
func (j *judge) times(rule) *ledger.Rejection {
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

// acting finds the acting party, which must be of the right kind: associations
// admit and suspend, dealers trade.
func (j *judge) acting(r rule) *ledger.Rejection {
	party, ok := j.state.Party(j.event.Party)
	switch {
	case !ok:
		return ledger.RejectField(ledger.UnknownParty, "party", "party %s is not on this ledger; an association admits it first", j.event.Party)
	case r.actor == association && !party.Association:
		return ledger.RejectField(ledger.NotAssociation, "party", "party %s is not an association of this ledger", party.ID)
	case r.actor == dealer && party.Association:
		return ledger.RejectField(ledger.AssociationExcluded, "party", "associations admit and suspend; they hold no goods, and their keys stand in the genesis")
	}
	j.party = party
	return nil
}

// newKeys judges the keys that the event introduces.
func (j *judge) newKeys(r rule) *ledger.Rejection {
	for _, introduced := range r.introduces {
		key, err := sign.ParsePublicKey(introduced.wire)
		if err == nil {
			err = key.CheckRegistrable()
		}
		if err != nil {
			return ledger.RejectField(ledger.BadKey, introduced.field, "%v", err)
		}
		if _, taken := j.state.Key(key.ID()); taken || slices.Contains(j.introduced, key) {
			return ledger.RejectField(ledger.KeyInUse, introduced.field, "key %s is in use already; a key belongs to one party, serves one use and is added once", ledger.KeyIDText(key.ID()))
		}
		j.introduced = append(j.introduced, key)
	}
	return nil
}

// countersigner is another party that has to sign, and the field that names it.
type countersigner struct {
	field  string
	party  ledger.PartyID
	kind   actor
	scopes ledger.Scopes
}

// signers demands that exactly one key of the acting party, one of every party
// that countersigns, each with all of its scopes, and every key that the event
// introduces signed: a key proves its possession by signing.
func (j *judge) signers(r rule) *ledger.Rejection {
	expected := 1 + len(j.introduced) + len(r.countersigned)
	if len(j.event.Signers) != expected {
		return ledger.RejectField(ledger.WrongSigners, "signers", "%d keys signed, expected %d: one of the party's keys, one of each party that countersigns and each key that the event introduces", len(j.event.Signers), expected)
	}
	for _, key := range j.introduced {
		if !slices.Contains(j.event.Signers, key) {
			return ledger.RejectField(ledger.WrongSigners, "signers", "key %s, which the event introduces, did not sign; it proves its possession by signing", ledger.KeyIDText(key.ID()))
		}
	}
	if rejection := j.knownSigners(r); rejection != nil {
		return rejection
	}
	if rejection := j.mayAct(r.scopes); rejection != nil {
		return rejection
	}
	for _, c := range r.countersigned {
		if rejection := j.countersigner(c); rejection != nil {
			return rejection
		}
	}
	return nil
}

// knownSigners looks up the keys that signed and were there before: live ones, each
// of another party that is to sign.
func (j *judge) knownSigners(r rule) *ledger.Rejection {
	for _, signer := range j.event.Signers {
		if slices.Contains(j.introduced, signer) {
			continue
		}
		id := signer.ID()
		key, ok := j.state.Key(id)
		switch {
		case !ok || key.Public != signer:
			return ledger.RejectField(ledger.UnknownKey, "signers", "key %s is not registered; the party adds it first", ledger.KeyIDText(id))
		case key.Party != j.party.ID && !slices.ContainsFunc(r.countersigned, func(c countersigner) bool { return c.party == key.Party }):
			return ledger.RejectField(ledger.ForeignKey, "signers", "key %s belongs to another party than %s", ledger.KeyIDText(id), j.party.ID)
		case slices.ContainsFunc(j.known, func(k Key) bool { return k.Party == key.Party }):
			return ledger.RejectField(ledger.WrongSigners, "signers", "two keys of one party signed; one of each suffices")
		case !key.Live():
			return ledger.RejectField(ledger.KeyRevoked, "signers", "key %s was revoked by entry %d; sign with a key that stands", ledger.KeyIDText(id), key.Revoked)
		}
		j.known = append(j.known, key)
	}
	return nil
}

// mayAct judges the key of the acting party.
func (j *judge) mayAct(scopes ledger.Scopes) *ledger.Rejection {
	return j.signedFor(j.party.ID, scopes)
}

func (j *judge) signedFor(party ledger.PartyID, scopes ledger.Scopes) *ledger.Rejection {
	at := slices.IndexFunc(j.known, func(k Key) bool { return k.Party == party })
	if at < 0 {
		return ledger.RejectField(ledger.WrongSigners, "signers", "no key of party %s signed", party)
	}
	if key := j.known[at]; !key.Scopes.Has(scopes) {
		return ledger.RejectField(ledger.MissingScope, "signers", "key %s may %s, this event needs %s", ledger.KeyIDText(key.Public.ID()), key.Scopes, scopes)
	}
	return nil
}

// countersigner judges a party that countersigns.
func (j *judge) countersigner(c countersigner) *ledger.Rejection {
	party, ok := j.state.Party(c.party)
	switch {
	case !ok:
		return ledger.RejectField(ledger.UnknownParty, c.field, "party %s is not on this ledger", c.party)
	case c.party == j.party.ID:
		return ledger.RejectField(ledger.CountersignerInvalid, c.field, "party %s acts itself; another one countersigns", c.party)
	case c.kind == association && !party.Association:
		return ledger.RejectField(ledger.NotAssociation, c.field, "party %s is not an association of this ledger", c.party)
	case c.kind == dealer && party.Association:
		return ledger.RejectField(ledger.AssociationExcluded, c.field, "party %s is an association; it holds and owns no goods", c.party)
	}
	return j.signedFor(c.party, c.scopes)
}

// sponsored refuses a party of which no sponsor stands, unless the event is
// open to it.
func (j *judge) sponsored(r rule) *ledger.Rejection {
	if !r.suspended && j.party.Suspended() {
		return ledger.RejectField(ledger.PartySuspended, "party", "every association that sponsored party %s has suspended it; it may return what it does not own, decline and withdraw", j.party.ID)
	}
	return nil
}

// later adds a duration to a time in unix milliseconds.
func later(at uint64, d time.Duration) uint64 { return at + uint64(d/time.Millisecond) }

// date prints unix milliseconds as UTC.
func date(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339) }
