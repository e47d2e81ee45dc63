package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Genesis gives the state that a validated genesis founds: its associations, their
// governance keys, the keys of their nodes and the first policy.
func Genesis(g *ledger.Genesis) Changes {
	var changes Changes
	parties := map[string]ledger.PartyID{}
	for _, a := range g.Associations {
		party := Party{ID: a.AssociationID(), Association: true, Name: a.Name, Country: a.Country}
		for _, text := range a.GovernanceKeys {
			public, err := ledger.ParseKeyText(text)
			if err != nil {
				panic("rules: the genesis was not validated")
			}
			party.Keys = append(party.Keys, public.ID())
			changes.Keys = append(changes.Keys, Key{Public: public, Party: party.ID, Scopes: ledger.ScopeAdminister, Revoked: ledger.NoLink})
		}
		changes.Parties = append(changes.Parties, party)
		parties[a.Name] = party.ID
	}
	policy := g.Policy()
	for _, n := range policy.Nodes {
		for _, key := range []sign.PublicKey{n.Log, n.Cosigner, n.Statement} {
			changes.Keys = append(changes.Keys, nodeKey(key, parties[n.Association], 0))
		}
	}
	changes.Policy = &PolicyState{InForce: policy}
	return changes
}
