package rules

import (
	"bytes"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// partyAdmit: an association admits a party with its first key and its recovery
// key. Both sign too.
func (j *judge) partyAdmit(body *custodyv1.PartyAdmit) *ledger.Rejection {
	first, recovery := j.introduced[0], j.introduced[1]
	scopes := ledger.Scopes(body.Scopes)
	switch {
	case !scopes.Has(ledger.ScopeAdminister):
		return ledger.RejectField(ledger.InvalidField, "party_admit.scopes", "the first key must be able to administer")
	case !ledger.IsCountry(body.Country):
		return ledger.RejectField(ledger.CountryInvalid, "party_admit.country", "%q is not an ISO 3166-1 alpha-2 code", body.Country)
	}
	if _, ok := j.event.Commitment(custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME); !ok {
		return ledger.RejectField(ledger.MissingLegalName, "commitments", "an admission commits to the party's legal name (field 1)")
	}
	party := Party{
		ID:          ledger.NewPartyID(first.ID()),
		Country:     body.Country,
		Role:        body.Role,
		Admitted:    j.index,
		Memberships: []Membership{{Association: j.party.ID}},
		Keys:        []sign.KeyID{first.ID(), recovery.ID()},
	}
	j.putParty(party)
	j.state.putKey(Key{Public: first, Party: party.ID, Scopes: scopes, Added: j.index, Revoked: ledger.NoLink})
	j.state.putKey(Key{Public: recovery, Party: party.ID, Scopes: ledger.ScopeAdminister, Recovery: true, Added: j.index, Revoked: ledger.NoLink})
	return nil
}

// putParty writes a party's record with this entry as the last one that changed it.
func (j *judge) putParty(party Party) {
	party.LastIndex = j.index
	j.state.putParty(party)
}

// partySponsor: an association joins a party's sponsors, or lifts its suspension.
func (j *judge) partySponsor(body *custodyv1.PartySponsor) *ledger.Rejection {
	party, at, rejection := j.membership("party_sponsor.party", body.Party)
	if rejection != nil {
		return rejection
	}
	memberships := slices.Clone(party.Memberships)
	switch {
	case at < 0:
		memberships = append(memberships, Membership{Association: j.party.ID})
		slices.SortFunc(memberships, func(a, b Membership) int { return bytes.Compare(a.Association[:], b.Association[:]) })
	case memberships[at].Suspended:
		memberships[at].Suspended = false
	default:
		return ledger.RejectField(ledger.AlreadySponsor, "party_sponsor.party", "the association sponsors party %s already", party.ID)
	}
	party.Memberships = memberships
	j.putParty(party)
	return nil
}

// partySuspend: a sponsor suspends its membership of a party.
func (j *judge) partySuspend(body *custodyv1.PartySuspend) *ledger.Rejection {
	party, at, rejection := j.membership("party_suspend.party", body.Party)
	if rejection != nil {
		return rejection
	}
	if at < 0 || party.Memberships[at].Suspended {
		return ledger.RejectField(ledger.NotSponsor, "party_suspend.party", "the association does not sponsor party %s now", party.ID)
	}
	party.Memberships = slices.Clone(party.Memberships)
	party.Memberships[at].Suspended = true
	j.putParty(party)
	return nil
}

// membership finds a dealer and the acting association's place among its sponsors.
func (j *judge) membership(field string, id []byte) (Party, int, *ledger.Rejection) {
	party, ok := j.state.Party(ledger.PartyID(id))
	if !ok {
		return Party{}, 0, ledger.RejectField(ledger.UnknownParty, field, "party %s is not on this ledger", ledger.PartyID(id))
	}
	if party.Association {
		return Party{}, 0, ledger.RejectField(ledger.AssociationExcluded, field, "party %s is an association; nobody sponsors it", party.ID)
	}
	at := slices.IndexFunc(party.Memberships, func(m Membership) bool { return m.Association == j.party.ID })
	return party, at, nil
}

// keyAdd: a party adds a key of its own. The new key signs too.
func (j *judge) keyAdd(body *custodyv1.KeyAdd) *ledger.Rejection {
	key, party := j.introduced[0], j.party
	if len(party.Keys) >= partyKeysMax {
		return ledger.RejectField(ledger.TooLarge, "key_add.key", "the party has %d live keys, no more are permitted; revoke one first", partyKeysMax)
	}
	party.Keys = append(slices.Clone(party.Keys), key.ID())
	j.putParty(party)
	j.state.putKey(Key{Public: key, Party: party.ID, Scopes: ledger.Scopes(body.Scopes), Added: j.index, Revoked: ledger.NoLink})
	return nil
}

// partyKeysMax bounds a party's live keys, and with them the work of finding its
// last administering key.
const partyKeysMax = 64

// keyRevoke: a party revokes a key of its own, from this entry on.
func (j *judge) keyRevoke(body *custodyv1.KeyRevoke) *ledger.Rejection {
	id := sign.KeyID(body.KeyId)
	key, ok := j.state.Key(id)
	switch {
	case !ok || key.Party != j.party.ID:
		return ledger.RejectField(ledger.UnknownRevokedKey, "key_revoke.key_id", "key %s is not a key of party %s", ledger.KeyIDText(id), j.party.ID)
	case !key.Live():
		return ledger.RejectField(ledger.KeyRevokedAlready, "key_revoke.key_id", "key %s was revoked by entry %d", ledger.KeyIDText(id), key.Revoked)
	case key.Recovery && !slices.ContainsFunc(j.event.Signers, func(k sign.PublicKey) bool { return k.ID() == id }):
		return ledger.RejectField(ledger.MissingScope, "key_revoke.key_id", "the recovery key is revoked by itself only, so that it outlives a stolen key")
	case !j.administerable(id):
		return ledger.RejectField(ledger.LastAdministerKey, "key_revoke.key_id", "no other live key of the party can administer; add one first")
	}
	key.Revoked = j.index
	j.state.putKey(key)
	party := j.party
	party.Keys = slices.DeleteFunc(slices.Clone(party.Keys), func(k sign.KeyID) bool { return k == id })
	j.putParty(party)
	return nil
}

// administerable tells whether the party could still administer without a key.
func (j *judge) administerable(without sign.KeyID) bool {
	for _, id := range j.party.Keys {
		if id == without {
			continue
		}
		if key, ok := j.state.Key(id); ok && key.Live() && key.Scopes.Has(ledger.ScopeAdminister) {
			return true
		}
	}
	return false
}
