package storetest

import (
	"bytes"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Twin is the plainest ledger there is: maps and slices, no index, no batch. It
// does what a store must do, and tests compare. It implements rules.View.
type Twin struct {
	ID      ledger.LedgerID
	Head    ledger.Head
	Entries [][]byte
	Leaves  []merkle.Hash

	Parties       map[ledger.PartyID]rules.Party
	Keys          map[sign.KeyID]rules.Key
	Items         map[ledger.ItemID]rules.Item
	Matters       map[ledger.ItemID]rules.Matter
	Attestations  map[ledger.EventID]rules.Attestation
	Papers        map[rules.PaperID]rules.Paper
	Standing      map[ledger.ItemID][]rules.OutsideID // in the order in which they were claimed
	Registrations map[ledger.PartyID]map[ledger.Reference]ledger.ItemID
	Events        map[ledger.EventID]uint64
	Openings      map[uint64][]ledger.Opening
	Governs       rules.PolicyState

	decoded []*ledger.Event // of Entries, as far as it goes
}

// NewTwin founds one.
func NewTwin(genesis *ledger.Genesis, file []byte) *Twin {
	t := &Twin{
		ID:            ledger.GenesisID(file),
		Parties:       map[ledger.PartyID]rules.Party{},
		Keys:          map[sign.KeyID]rules.Key{},
		Items:         map[ledger.ItemID]rules.Item{},
		Matters:       map[ledger.ItemID]rules.Matter{},
		Attestations:  map[ledger.EventID]rules.Attestation{},
		Papers:        map[rules.PaperID]rules.Paper{},
		Standing:      map[ledger.ItemID][]rules.OutsideID{},
		Registrations: map[ledger.PartyID]map[ledger.Reference]ledger.ItemID{},
		Events:        map[ledger.EventID]uint64{},
		Openings:      map[uint64][]ledger.Opening{},
	}
	entry, err := genesis.Entry(file).Encode()
	if err != nil {
		panic(err)
	}
	t.append(entry)
	t.Head = ledger.Head{Size: 1, LastLeaf: t.Leaves[0], RecordedAt: genesis.CreatedMs}
	t.write(rules.Genesis(genesis))
	return t
}

// Apply records submissions and gives what a store's Apply gives, with the
// block that a catch-up would append.
func (t *Twin) Apply(at uint64, submissions ...ledger.Submission) ([]ledger.Outcome, rules.Block) {
	sequencer := rules.NewSequencer(t.ID, ledger.RulesVersion1, t, t.Head)
	var outcomes []ledger.Outcome
	var block rules.Block
	for _, submission := range submissions {
		outcome, appended := sequencer.Append(submission, at)
		outcomes = append(outcomes, outcome)
		block.Entries = append(block.Entries, appended...)
	}
	block.Changes = sequencer.Changes()
	for _, e := range block.Entries {
		t.Events[e.Candidate.ID] = uint64(len(t.Entries))
		if len(e.Candidate.Openings) > 0 {
			t.Openings[uint64(len(t.Entries))] = e.Candidate.Openings
		}
		t.append(e.Bytes)
	}
	t.write(block.Changes)
	t.Head = sequencer.Head()
	for _, outcome := range outcomes {
		for i := range outcome.Receipts {
			r := &outcome.Receipts[i]
			r.RecordedAt, r.Leaf = t.Entry(r.Index).RecordedAt, t.Leaves[r.Index]
		}
	}
	return outcomes, block
}

// ApplyFinal hands over where a final note, as Trade.FinalNote gives it, is due to.
func (t *Twin) ApplyFinal(at uint64, note []byte) rules.Block {
	parsed, err := checkpoint.ParseNote(note)
	if err != nil {
		panic(err)
	}
	if !t.Governs.HandoverDue(parsed.Size) {
		return rules.Block{}
	}
	sequencer := rules.NewSequencer(t.ID, ledger.RulesVersion1, t, t.Head)
	appended, rejection := sequencer.Handover(note, consistency(t.Leaves, int(parsed.Size), true), t.Root(), at)
	if rejection != nil {
		panic(rejection)
	}
	block := rules.Block{Entries: []rules.Sequenced{appended}, Changes: sequencer.Changes()}
	t.append(appended.Bytes)
	t.write(block.Changes)
	t.Head = sequencer.Head()
	return block
}

// consistency is RFC 6962's SUBPROOF(from, leaves, whole), word by word.
func consistency(leaves []merkle.Hash, from int, whole bool) []merkle.Hash {
	if from == len(leaves) {
		if whole {
			return nil
		}
		return []merkle.Hash{rootOf(leaves)}
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	if from <= k {
		return append(consistency(leaves[:k], from, whole), rootOf(leaves[k:]))
	}
	return append(consistency(leaves[k:], from-k, false), rootOf(leaves[:k]))
}

func (t *Twin) append(entry []byte) {
	t.Entries = append(t.Entries, bytes.Clone(entry))
	t.Leaves = append(t.Leaves, merkle.LeafHash(entry))
}

// Entry decodes an entry.
func (t *Twin) Entry(index uint64) *ledger.Entry {
	entry, err := ledger.DecodeEntry(t.Entries[index])
	if err != nil {
		panic(err)
	}
	return entry
}

func (t *Twin) write(c rules.Changes) {
	for _, p := range c.Parties {
		t.Parties[p.ID] = p
	}
	for _, k := range c.Keys {
		t.Keys[k.Public.ID()] = k
	}
	for _, i := range c.Items {
		t.Items[i.ID] = i
	}
	for _, m := range c.Matters {
		t.Matters[m.Item] = m
	}
	for _, a := range c.Attestations {
		t.Attestations[a.Event] = a
	}
	for _, p := range c.Papers {
		t.Papers[p.ID] = p
	}
	for _, claim := range c.Claims {
		stand := t.Standing[claim.Item]
		switch stood := slices.Contains(stand, claim.ID); {
		case claim.Stands && !stood:
			stand = append(stand, claim.ID)
		case !claim.Stands:
			stand = slices.DeleteFunc(stand, func(id rules.OutsideID) bool { return id == claim.ID })
		}
		t.Standing[claim.Item] = stand
	}
	for _, r := range c.Registrations {
		if t.Registrations[r.Party] == nil {
			t.Registrations[r.Party] = map[ledger.Reference]ledger.ItemID{}
		}
		t.Registrations[r.Party][r.Reference] = r.Item
	}
	if c.Policy != nil {
		t.Governs = *c.Policy
	}
}

// Root gives the tree's root by hashing every leaf again.
func (t *Twin) Root() merkle.Hash { return t.RootAt(uint64(len(t.Leaves))) }

// RootAt gives the root of the first size entries.
func (t *Twin) RootAt(size uint64) merkle.Hash { return rootOf(t.Leaves[:size]) }

func rootOf(leaves []merkle.Hash) merkle.Hash {
	var frontier merkle.Frontier
	for _, leaf := range leaves {
		frontier.Append(leaf, nil)
	}
	return frontier.Root()
}

// event decodes the event of an entry, once; nil for a genesis and a handover.
func (t *Twin) event(index uint64) *ledger.Event {
	for i := uint64(len(t.decoded)); i <= index; i++ {
		var event *ledger.Event
		if entry := t.Entry(i); entry.Kind == ledger.KindEvent || entry.Kind == ledger.KindGovernance {
			var rejection *ledger.Rejection
			if event, rejection = ledger.DecodeEvent(ledger.RulesVersion1, entry.Signed); rejection != nil {
				panic(rejection)
			}
		}
		t.decoded = append(t.decoded, event)
	}
	return t.decoded[index]
}

// ItemEntries finds the entries that name an item by reading all of them.
func (t *Twin) ItemEntries(item ledger.ItemID) []uint64 {
	var indexes []uint64
	for i := range t.Entries {
		event := t.event(uint64(i))
		if event == nil {
			continue
		}
		if slices.Contains(event.Outputs(), item) || slices.Contains(event.Names(), item) {
			indexes = append(indexes, uint64(i))
		}
	}
	return indexes
}

// ItemsWhere gives the ids of the items that fit, ascending.
func (t *Twin) ItemsWhere(fits func(rules.Item) bool) []ledger.ItemID {
	var items []ledger.ItemID
	for id, item := range t.Items {
		if fits(item) {
			items = append(items, id)
		}
	}
	slices.SortFunc(items, func(a, b ledger.ItemID) int { return bytes.Compare(a[:], b[:]) })
	return items
}

// OutsideClaims gives the live items of which an outside id stands, ascending.
func (t *Twin) OutsideClaims(id rules.OutsideID) []ledger.ItemID {
	return t.ItemsWhere(func(i rules.Item) bool {
		return rules.StandingOf(t, i) == rules.Live && slices.Contains(t.Standing[i.ID], id)
	})
}

// Contested tells whether a live item shares an outside id with another one.
func (t *Twin) Contested(item ledger.ItemID) bool {
	return rules.StandingOf(t, t.Items[item]) == rules.Live && slices.ContainsFunc(t.Standing[item], func(id rules.OutsideID) bool {
		return len(t.OutsideClaims(id)) > 1
	})
}

// Party implements rules.View.
func (t *Twin) Party(id ledger.PartyID) (rules.Party, bool) { p, ok := t.Parties[id]; return p, ok }

// Key implements rules.View.
func (t *Twin) Key(id sign.KeyID) (rules.Key, bool) { k, ok := t.Keys[id]; return k, ok }

// Item implements rules.View.
func (t *Twin) Item(id ledger.ItemID) (rules.Item, bool) { i, ok := t.Items[id]; return i, ok }

// Claims implements rules.View.
func (t *Twin) Claims(item ledger.ItemID) []rules.OutsideID { return t.Standing[item] }

// Matter implements rules.View.
func (t *Twin) Matter(id ledger.ItemID) (rules.Matter, bool) { m, ok := t.Matters[id]; return m, ok }

// Attestation implements rules.View.
func (t *Twin) Attestation(id ledger.EventID) (rules.Attestation, bool) {
	a, ok := t.Attestations[id]
	return a, ok
}

// Paper implements rules.View.
func (t *Twin) Paper(id rules.PaperID) (rules.Paper, bool) { p, ok := t.Papers[id]; return p, ok }

// Registration implements rules.View.
func (t *Twin) Registration(p ledger.PartyID, r ledger.Reference) (ledger.ItemID, bool) {
	i, ok := t.Registrations[p][r]
	return i, ok
}

// EventIndex implements rules.View.
func (t *Twin) EventIndex(id ledger.EventID) (uint64, bool) { i, ok := t.Events[id]; return i, ok }

// Policy implements rules.View.
func (t *Twin) Policy() rules.PolicyState { return t.Governs }
