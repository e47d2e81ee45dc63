package bundle

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// state is what the entries of a bundle give: of the parties and items in it,
// their whole record, because every link is followed.
//
// It lacks what other items know: a reference that the registrant used before, a
// key that another party has, what others have drawn of a paper. Those refusals the
// nodes alone can give: the rules here accept all that they accepted there.
type state struct {
	*rules.Memory
	first map[ledger.ItemID]rules.Holder // who held an item when it came into being
}

func newState(genesis *ledger.Genesis) *state {
	s := &state{Memory: rules.NewMemory(), first: map[ledger.ItemID]rules.Holder{}}
	s.Write(rules.Genesis(genesis))
	return s
}

// Write takes over what the rules changed, and keeps who held an item first.
func (s *state) Write(c rules.Changes) {
	for _, i := range c.Items {
		if _, known := s.Items[i.ID]; !known {
			s.first[i.ID] = i.Custody
		}
	}
	s.Memory.Write(c)
}

// Registration implements rules.View. A bundle does not show what else its
// registrant registered.
func (s *state) Registration(ledger.PartyID, ledger.Reference) (ledger.ItemID, bool) {
	return ledger.ItemID{}, false
}

// Paper implements rules.View. A bundle does not show what other items have drawn of
// a paper and given back, so that every draw is judged as the first one.
func (s *state) Paper(rules.PaperID) (rules.Paper, bool) { return rules.Paper{}, false }
