package bundle

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// state is what the entries of a bundle give: of the parties and items in it,
// their whole record, because every link is followed.
//
// It lacks what other items know: a reference that the registrant used before, a
// key that another party has, what others have drawn of a paper. Those refusals the
// nodes alone can give: the rules here accept all that they accepted there.
type state struct {
	parties      map[ledger.PartyID]rules.Party
	keys         map[sign.KeyID]rules.Key
	items        map[ledger.ItemID]rules.Item
	matters      map[ledger.ItemID]rules.Matter
	attestations map[ledger.EventID]rules.Attestation
	claims       map[ledger.ItemID][]rules.OutsideID
	first        map[ledger.ItemID]rules.Holder // who held an item when it came into being
	events       map[ledger.EventID]uint64
	policy       rules.PolicyState
}

func newState(genesis *ledger.Genesis) *state {
	s := &state{
		parties: map[ledger.PartyID]rules.Party{}, keys: map[sign.KeyID]rules.Key{},
		items: map[ledger.ItemID]rules.Item{}, matters: map[ledger.ItemID]rules.Matter{},
		attestations: map[ledger.EventID]rules.Attestation{},
		claims:       map[ledger.ItemID][]rules.OutsideID{}, first: map[ledger.ItemID]rules.Holder{}, events: map[ledger.EventID]uint64{},
	}
	s.write(rules.Genesis(genesis))
	return s
}

func (s *state) write(c rules.Changes) {
	for _, p := range c.Parties {
		s.parties[p.ID] = p
	}
	for _, k := range c.Keys {
		s.keys[k.Public.ID()] = k
	}
	for _, i := range c.Items {
		if _, known := s.items[i.ID]; !known {
			s.first[i.ID] = i.Custody
		}
		s.items[i.ID] = i
	}
	for _, m := range c.Matters {
		s.matters[m.Item] = m
	}
	for _, a := range c.Attestations {
		s.attestations[a.Event] = a
	}
	for _, claim := range c.Claims {
		standing := slices.DeleteFunc(s.claims[claim.Item], func(id rules.OutsideID) bool { return id == claim.ID })
		if claim.Stands {
			standing = append(standing, claim.ID)
		}
		s.claims[claim.Item] = standing
	}
	if c.Policy != nil {
		s.policy = *c.Policy
	}
}

// Party implements rules.View.
func (s *state) Party(id ledger.PartyID) (rules.Party, bool) { p, ok := s.parties[id]; return p, ok }

// Key implements rules.View.
func (s *state) Key(id sign.KeyID) (rules.Key, bool) { k, ok := s.keys[id]; return k, ok }

// Item implements rules.View.
func (s *state) Item(id ledger.ItemID) (rules.Item, bool) { i, ok := s.items[id]; return i, ok }

// EventIndex implements rules.View.
func (s *state) EventIndex(id ledger.EventID) (uint64, bool) { i, ok := s.events[id]; return i, ok }

// Registration implements rules.View. A bundle does not show what else its
// registrant registered.
func (s *state) Registration(ledger.PartyID, ledger.Reference) (ledger.ItemID, bool) {
	return ledger.ItemID{}, false
}

// Policy implements rules.View.
func (s *state) Policy() rules.PolicyState { return s.policy }

// Matter implements rules.View.
func (s *state) Matter(id ledger.ItemID) (rules.Matter, bool) { m, ok := s.matters[id]; return m, ok }

// Attestation implements rules.View.
func (s *state) Attestation(id ledger.EventID) (rules.Attestation, bool) {
	a, ok := s.attestations[id]
	return a, ok
}

// Paper implements rules.View. A bundle does not show what other items have drawn of
// a paper and given back, so that every draw is judged as the first one.
func (s *state) Paper(rules.PaperID) (rules.Paper, bool) { return rules.Paper{}, false }

// Claims implements rules.View.
func (s *state) Claims(id ledger.ItemID) []rules.OutsideID { return slices.Clone(s.claims[id]) }
