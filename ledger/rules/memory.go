package rules

import (
	"maps"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Memory is the plainest view: maps. The maps are there to be read; Write and
// Record alone change them. Make one with NewMemory. Not safe for concurrent use
// while it changes.
type Memory struct {
	Parties      map[ledger.PartyID]Party
	Keys         map[sign.KeyID]Key
	Items        map[ledger.ItemID]Item
	Matters      map[ledger.ItemID]Matter
	Attestations map[ledger.EventID]Attestation
	Papers       map[PaperID]Paper

	claims        map[ledger.ItemID][]OutsideID
	registrations map[registrationKey]ledger.ItemID
	events        map[ledger.EventID]uint64
	policy        PolicyState
}

var _ View = (*Memory)(nil)

// NewMemory makes a view in which nothing is.
func NewMemory() *Memory {
	return &Memory{
		Parties: map[ledger.PartyID]Party{}, Keys: map[sign.KeyID]Key{},
		Items: map[ledger.ItemID]Item{}, Matters: map[ledger.ItemID]Matter{},
		Attestations: map[ledger.EventID]Attestation{}, Papers: map[PaperID]Paper{},
		claims: map[ledger.ItemID][]OutsideID{}, registrations: map[registrationKey]ledger.ItemID{}, events: map[ledger.EventID]uint64{},
	}
}

// Write takes over what the rules changed.
func (m *Memory) Write(c Changes) {
	for _, p := range c.Parties {
		m.Parties[p.ID] = p
	}
	for _, k := range c.Keys {
		m.Keys[k.Public.ID()] = k
	}
	for _, i := range c.Items {
		m.Items[i.ID] = i
	}
	for _, n := range c.Matters {
		m.Matters[n.Item] = n
	}
	for _, a := range c.Attestations {
		m.Attestations[a.Event] = a
	}
	for _, p := range c.Papers {
		m.Papers[p.ID] = p
	}
	for _, claim := range c.Claims {
		m.claim(claim)
	}
	for _, r := range c.Registrations {
		m.registrations[registrationKey{r.Party, r.Reference}] = r.Item
	}
	if c.Policy != nil {
		m.policy = *c.Policy
	}
}

// claim replaces the slice of an item, which a reader or a clone may hold. A claim
// that stands already keeps its place.
func (m *Memory) claim(c Claim) {
	ids := slices.Clone(m.claims[c.Item])
	switch at := slices.Index(ids, c.ID); {
	case c.Stands && at < 0:
		ids = append(ids, c.ID)
	case !c.Stands && at >= 0:
		ids = slices.Delete(ids, at, at+1)
	}
	m.claims[c.Item] = ids
}

// Record says which entry holds an event.
func (m *Memory) Record(event ledger.EventID, index uint64) { m.events[event] = index }

// Clone is a view that changes by itself from here.
func (m *Memory) Clone() *Memory {
	return &Memory{
		Parties: maps.Clone(m.Parties), Keys: maps.Clone(m.Keys), Items: maps.Clone(m.Items), Matters: maps.Clone(m.Matters),
		Attestations: maps.Clone(m.Attestations), Papers: maps.Clone(m.Papers),
		claims: maps.Clone(m.claims), registrations: maps.Clone(m.registrations), events: maps.Clone(m.events), policy: m.policy,
	}
}

// Party implements View.
func (m *Memory) Party(id ledger.PartyID) (Party, bool) { p, ok := m.Parties[id]; return p, ok }

// Key implements View.
func (m *Memory) Key(id sign.KeyID) (Key, bool) { k, ok := m.Keys[id]; return k, ok }

// Item implements View.
func (m *Memory) Item(id ledger.ItemID) (Item, bool) { i, ok := m.Items[id]; return i, ok }

// Registration implements View.
func (m *Memory) Registration(party ledger.PartyID, reference ledger.Reference) (ledger.ItemID, bool) {
	item, ok := m.registrations[registrationKey{party, reference}]
	return item, ok
}

// EventIndex implements View.
func (m *Memory) EventIndex(id ledger.EventID) (uint64, bool) { i, ok := m.events[id]; return i, ok }

// Matter implements View.
func (m *Memory) Matter(id ledger.ItemID) (Matter, bool) { n, ok := m.Matters[id]; return n, ok }

// Attestation implements View.
func (m *Memory) Attestation(id ledger.EventID) (Attestation, bool) {
	a, ok := m.Attestations[id]
	return a, ok
}

// Paper implements View.
func (m *Memory) Paper(id PaperID) (Paper, bool) { p, ok := m.Papers[id]; return p, ok }

// Claims implements View.
func (m *Memory) Claims(id ledger.ItemID) []OutsideID { return slices.Clone(m.claims[id]) }

// Policy implements View.
func (m *Memory) Policy() PolicyState { return m.policy }
