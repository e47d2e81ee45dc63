package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

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

// Empty is the view before the genesis.
type Empty struct{}

// Party finds nothing.
func (Empty) Party(ledger.PartyID) (Party, bool) { return Party{}, false }

// Key finds nothing.
func (Empty) Key(sign.KeyID) (Key, bool) { return Key{}, false }

// Item finds nothing.
func (Empty) Item(ledger.ItemID) (Item, bool) { return Item{}, false }

// Registration finds nothing.
func (Empty) Registration(ledger.PartyID, ledger.Reference) (ledger.ItemID, bool) {
	return ledger.ItemID{}, false
}

// EventIndex finds nothing.
func (Empty) EventIndex(ledger.EventID) (uint64, bool) { return 0, false }
