package bundle

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// state is what the entries of a bundle give: of the parties and items in it,
// their whole record, because every link is followed.
//
// It lacks what other items know: a reference that the registrant used before, a
// key that another party has, whether who made an offer was suspended when it was
// accepted. Those refusals the nodes alone can give.
type state struct {
	parties map[ledger.PartyID]rules.Party
	keys    map[sign.KeyID]rules.Key
	items   map[ledger.ItemID]rules.Item
	events  map[ledger.EventID]uint64
	policy  rules.PolicyState
}

func newState(genesis *ledger.Genesis) *state {
	s := &state{
		parties: map[ledger.PartyID]rules.Party{}, keys: map[sign.KeyID]rules.Key{},
		items: map[ledger.ItemID]rules.Item{}, events: map[ledger.EventID]uint64{},
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
		s.items[i.ID] = i
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

// acceptance is the state as an acceptance is judged on it. An acceptance links
// to the record of the party that accepts, not to that of the one that offered:
// whether the latter's sponsors stood then is not in a bundle, however it stood
// before.
type acceptance struct {
	*state
	offerer ledger.PartyID
}

// Party implements rules.View.
func (a acceptance) Party(id ledger.PartyID) (rules.Party, bool) {
	p, ok := a.state.Party(id)
	if id == a.offerer {
		p.Memberships = []rules.Membership{{}}
	}
	return p, ok
}

// view gives the state that an event is judged on.
func (s *state) view(event ledger.VerifiedEvent) rules.View {
	body, ok := event.Body.(*custodyv1.Accept)
	if !ok {
		return s
	}
	for _, offer := range s.items[event.Item.Item].Offers {
		if offer.Event == ledger.EventID(body.Offer) {
			return acceptance{s, offer.From}
		}
	}
	return s
}
