package rules

import "github.com/custodyledger/custodyledger/ledger"

// Genesis gives the state that a validated genesis founds: its associations and
// their governance keys.
func Genesis(g *ledger.Genesis) Changes {
	var changes Changes
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
	}
	return changes
}
