package audit

import (
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// State is what a verified ledger comes to, in memory: the view that its next
// entries are judged on. An item takes about 255 bytes with its matter, reference and
// first event, every further event about 40. Not safe for concurrent use while
// it changes.
//
//  1. It is the state after exactly Head().Size entries, all of them verified.
//  2. Parties, keys, items, attestations, papers and registrations stand in the order in which the
//     ledger first named them, so that a ledger has one state file.
type State struct {
	file    []byte
	genesis *ledger.Genesis
	id      ledger.LedgerID
	head    ledger.Head
	edge    edge
	memory  memory

	events  []ledger.EventID // by entry index; zero for the genesis and handovers
	eventAt *table[ledger.EventID]

	parties []rules.Party
	partyAt *table[ledger.PartyID]

	keys  []keyRow
	keyAt *table[sign.KeyID]

	items  []itemRow
	itemAt *table[ledger.ItemID]
	// What few items have, by row of the item.
	offers map[uint32][]rules.Offer
	marks  map[uint32]marks
	claims map[uint32][]rules.OutsideID

	attestations  []rules.Attestation
	attestationAt *table[ledger.EventID]
	papers        []rules.Paper
	paperAt       *table[rules.PaperID]

	registrations  []registrationRow
	registrationAt *table[registrationKey]

	policy rules.PolicyState
}

type keyRow struct {
	id  sign.KeyID
	key rules.Key
}

type itemRow struct {
	id         ledger.ItemID
	registrant uint32 // row of the party
	custody    holderRow
	owner      holderRow // the managing one; all owners stand in marks where there are several
	matter     packed
	status     rules.Status
	offered    bool
	registered uint64
	last       uint64 // index of the entry that holds the last event
	lastIndex  uint64
	born       uint64
	occurred   uint64
}

// marks are what few items have. The zero value is none.
type marks struct {
	title    []rules.Share // unless the managing owner owns all
	terms    []rules.Term
	within   ledger.ItemID
	lost     bool
	stolen   bool
	damaged  bool
	disputes []rules.Dispute
	holds    []rules.Hold
}

func (m marks) none() bool {
	return len(m.title) == 0 && len(m.terms) == 0 && m.within == ledger.ItemID{} && !m.lost && !m.stolen && !m.damaged &&
		len(m.disputes) == 0 && len(m.holds) == 0
}

// holderRow is a party, or somebody outside.
type holderRow struct {
	party   uint32 // row of the party, if outside is nil
	outside *rules.Outside
}

type registrationKey struct {
	party     uint32
	reference ledger.Reference
}

type registrationRow struct {
	registrationKey
	item uint32
}

// Start gives the state that a genesis file founds: a ledger of one entry. The
// error is DecodeGenesis' own.
func Start(genesisFile []byte) (*State, error) {
	genesis, err := ledger.DecodeGenesis(genesisFile)
	if err != nil {
		return nil, err
	}
	entry := genesis.Entry(genesisFile)
	b, err := entry.Encode()
	if err != nil {
		return nil, err
	}
	s := newState(genesisFile, genesis)
	s.events = append(s.events, ledger.EventID{})
	s.put(rules.Genesis(genesis))
	s.advance(merkle.LeafHash(b), entry.RecordedAt)
	return s, nil
}

func newState(file []byte, genesis *ledger.Genesis) *State {
	s := &State{file: file, genesis: genesis, id: ledger.GenesisID(file), offers: map[uint32][]rules.Offer{}, marks: map[uint32]marks{}, claims: map[uint32][]rules.OutsideID{}}
	s.eventAt = newTable(func(row uint32) ledger.EventID { return s.events[row] })
	s.partyAt = newTable(func(row uint32) ledger.PartyID { return s.parties[row].ID })
	s.keyAt = newTable(func(row uint32) sign.KeyID { return s.keys[row].id })
	s.itemAt = newTable(func(row uint32) ledger.ItemID { return s.items[row].id })
	s.attestationAt = newTable(func(row uint32) ledger.EventID { return s.attestations[row].Event })
	s.paperAt = newTable(func(row uint32) rules.PaperID { return s.papers[row].ID })
	s.registrationAt = newTable(func(row uint32) registrationKey { return s.registrations[row].registrationKey })
	return s
}

// LedgerID says which ledger this is.
func (s *State) LedgerID() ledger.LedgerID { return s.id }

// GenesisFile is the file that the state was started from.
func (s *State) GenesisFile() []byte { return s.file }

// Head is the end of the verified ledger.
func (s *State) Head() ledger.Head { return s.head }

// TreeHead is the size and root of the verified ledger.
func (s *State) TreeHead() TreeHead { return TreeHead{Size: s.head.Size, Root: s.edge.tree.Root()} }

// Items is the number of items, voided ones included.
func (s *State) Items() int { return len(s.items) }

// Replayer continues the ledger behind this state.
func (s *State) Replayer() *Replayer {
	return NewReplayer(s.genesis, s.id, s.head, &s.edge.tree)
}

// Apply adds a block that a Replayer gave for this state. It panics if the
// block does not start at the state's size.
func (s *State) Apply(block rules.Block) {
	for i := range block.Entries {
		e := &block.Entries[i]
		if e.Entry.Index != s.head.Size || e.Entry.Prev != s.head.LastLeaf {
			panic(fmt.Sprintf("audit: a block with entry %d was applied to a state of size %d", e.Entry.Index, s.head.Size))
		}
		if e.Candidate.Event == nil {
			s.events = append(s.events, ledger.EventID{})
		} else {
			s.addEvent(e.Candidate.ID)
		}
		s.advance(e.Leaf, e.Entry.RecordedAt)
	}
	s.put(block.Changes)
}

func (s *State) addEvent(id ledger.EventID) {
	s.events = append(s.events, id)
	s.eventAt.add(uint32(len(s.events) - 1))
}

func (s *State) advance(leaf merkle.Hash, recordedAt uint64) {
	s.edge.append(leaf)
	s.head = ledger.Head{Size: s.head.Size + 1, LastLeaf: leaf, RecordedAt: recordedAt}
}

func (s *State) put(changes rules.Changes) {
	for _, p := range changes.Parties {
		s.putParty(p)
	}
	for _, k := range changes.Keys {
		s.putKey(k)
	}
	for _, i := range changes.Items {
		s.putItem(i)
	}
	for _, m := range changes.Matters {
		s.items[s.itemRow(m.Item)].matter = pack(m)
	}
	for _, a := range changes.Attestations {
		s.putAttestation(a)
	}
	for _, p := range changes.Papers {
		s.putPaper(p)
	}
	for _, c := range changes.Claims {
		s.putClaim(c)
	}
	for _, r := range changes.Registrations {
		s.putRegistration(r)
	}
	if changes.Policy != nil {
		s.policy = *changes.Policy
	}
}

func (s *State) putParty(p rules.Party) {
	if row, ok := s.partyAt.find(p.ID); ok {
		s.parties[row] = p
		return
	}
	s.parties = append(s.parties, p)
	s.partyAt.add(uint32(len(s.parties) - 1))
}

func (s *State) putKey(k rules.Key) {
	id := k.Public.ID()
	if row, ok := s.keyAt.find(id); ok {
		s.keys[row].key = k
		return
	}
	s.keys = append(s.keys, keyRow{id, k})
	s.keyAt.add(uint32(len(s.keys) - 1))
}

func (s *State) putItem(i rules.Item) {
	row, known := s.itemAt.find(i.ID)
	if !known {
		row = uint32(len(s.items))
		s.items = append(s.items, itemRow{id: i.ID})
		s.itemAt.add(row)
	}
	last, ok := s.EventIndex(i.Last)
	if !ok {
		panic(fmt.Sprintf("audit: the last event %s on item %s is not in the ledger", i.Last, i.ID))
	}
	s.items[row] = itemRow{
		id:         i.ID,
		registrant: s.partyRow(i.Registrant),
		custody:    s.holderRow(i.Custody),
		owner:      s.holderRow(i.Owner()),
		matter:     s.items[row].matter,
		status:     i.Status,
		offered:    i.Offered,
		registered: i.Registered,
		last:       last,
		lastIndex:  i.LastIndex,
		born:       i.Born,
		occurred:   i.Occurred,
	}
	m := marks{terms: i.Terms, within: i.Within, lost: i.Lost, stolen: i.Stolen, damaged: i.Damaged, disputes: i.Disputes, holds: i.Holds}
	if len(i.Title) > 1 || i.Title[0].Parts != 1 {
		m.title = i.Title
	}
	if m.none() {
		delete(s.marks, row)
	} else {
		s.marks[row] = m
	}
	if len(i.Offers) == 0 {
		delete(s.offers, row)
	} else {
		s.offers[row] = i.Offers
	}
}

func (s *State) putAttestation(a rules.Attestation) {
	if row, ok := s.attestationAt.find(a.Event); ok {
		s.attestations[row] = a
		return
	}
	s.attestations = append(s.attestations, a)
	s.attestationAt.add(uint32(len(s.attestations) - 1))
}

func (s *State) putPaper(p rules.Paper) {
	if row, ok := s.paperAt.find(p.ID); ok {
		s.papers[row] = p
		return
	}
	s.papers = append(s.papers, p)
	s.paperAt.add(uint32(len(s.papers) - 1))
}

func (s *State) putClaim(c rules.Claim) {
	row := s.itemRow(c.Item)
	ids := s.claims[row]
	switch at := slices.Index(ids, c.ID); {
	case c.Stands && at < 0:
		ids = append(ids, c.ID)
	case !c.Stands && at >= 0:
		ids = slices.Delete(slices.Clone(ids), at, at+1)
	}
	if len(ids) == 0 {
		delete(s.claims, row)
		return
	}
	s.claims[row] = ids
}

func (s *State) itemRow(id ledger.ItemID) uint32 {
	row, ok := s.itemAt.find(id)
	if !ok {
		panic(fmt.Sprintf("audit: item %s is not in the ledger", id))
	}
	return row
}

func (s *State) putRegistration(r rules.Registration) {
	item, ok := s.itemAt.find(r.Item)
	if !ok {
		panic(fmt.Sprintf("audit: a registration of item %s that is not in the ledger", r.Item))
	}
	key := registrationKey{s.partyRow(r.Party), r.Reference}
	if row, ok := s.registrationAt.find(key); ok {
		s.registrations[row].item = item
		return
	}
	s.registrations = append(s.registrations, registrationRow{key, item})
	s.registrationAt.add(uint32(len(s.registrations) - 1))
}

func (s *State) partyRow(id ledger.PartyID) uint32 {
	row, ok := s.partyAt.find(id)
	if !ok {
		panic(fmt.Sprintf("audit: party %s is not in the ledger", id))
	}
	return row
}

func (s *State) holderRow(h rules.Holder) holderRow {
	if h.Outside != nil {
		return holderRow{outside: h.Outside}
	}
	return holderRow{party: s.partyRow(h.Party)}
}

func (s *State) holder(h holderRow) rules.Holder {
	if h.outside != nil {
		return rules.Holder{Outside: h.outside}
	}
	return rules.Inside(s.parties[h.party].ID)
}

// Party implements rules.View.
func (s *State) Party(id ledger.PartyID) (rules.Party, bool) {
	row, ok := s.partyAt.find(id)
	if !ok {
		return rules.Party{}, false
	}
	return s.parties[row], true
}

// Key implements rules.View.
func (s *State) Key(id sign.KeyID) (rules.Key, bool) {
	row, ok := s.keyAt.find(id)
	if !ok {
		return rules.Key{}, false
	}
	return s.keys[row].key, true
}

// Item implements rules.View.
func (s *State) Item(id ledger.ItemID) (rules.Item, bool) {
	row, ok := s.itemAt.find(id)
	if !ok {
		return rules.Item{}, false
	}
	i, m := &s.items[row], s.marks[row]
	return rules.Item{
		ID:         i.id,
		Status:     i.status,
		Registrant: s.parties[i.registrant].ID,
		Registered: i.registered,
		Last:       s.events[i.last],
		LastIndex:  i.lastIndex,
		Born:       i.born,
		Occurred:   i.occurred,
		Custody:    s.holder(i.custody),
		Title:      s.title(row),
		Terms:      m.terms,
		Offers:     s.offers[row],
		Offered:    i.offered,
		Within:     m.within,
		Lost:       m.lost,
		Stolen:     m.stolen,
		Damaged:    m.damaged,
		Disputes:   m.disputes,
		Holds:      m.holds,
	}, true
}

func (s *State) title(row uint32) []rules.Share {
	if shares := s.marks[row].title; len(shares) > 0 {
		return shares
	}
	return rules.Sole(s.holder(s.items[row].owner))
}

// Claims implements rules.View.
func (s *State) Claims(id ledger.ItemID) []rules.OutsideID {
	row, ok := s.itemAt.find(id)
	if !ok {
		return nil
	}
	return s.claims[row]
}

// Matter implements rules.View.
func (s *State) Matter(id ledger.ItemID) (rules.Matter, bool) {
	row, ok := s.itemAt.find(id)
	if !ok {
		return rules.Matter{}, false
	}
	m, err := s.items[row].matter.unpack(id)
	if err != nil {
		panic(fmt.Sprintf("audit: item %s: %v", id, err)) // what pack gave, or Load has checked
	}
	return m, true
}

// Attestation implements rules.View.
func (s *State) Attestation(id ledger.EventID) (rules.Attestation, bool) {
	row, ok := s.attestationAt.find(id)
	if !ok {
		return rules.Attestation{}, false
	}
	return s.attestations[row], true
}

// Paper implements rules.View.
func (s *State) Paper(id rules.PaperID) (rules.Paper, bool) {
	row, ok := s.paperAt.find(id)
	if !ok {
		return rules.Paper{}, false
	}
	return s.papers[row], true
}

// Registration implements rules.View.
func (s *State) Registration(party ledger.PartyID, reference ledger.Reference) (ledger.ItemID, bool) {
	partyRow, ok := s.partyAt.find(party)
	if !ok {
		return ledger.ItemID{}, false
	}
	row, ok := s.registrationAt.find(registrationKey{partyRow, reference})
	if !ok {
		return ledger.ItemID{}, false
	}
	return s.items[s.registrations[row].item].id, true
}

// EventIndex implements rules.View.
func (s *State) EventIndex(id ledger.EventID) (uint64, bool) {
	row, ok := s.eventAt.find(id)
	return uint64(row), ok
}

// Policy implements rules.View.
func (s *State) Policy() rules.PolicyState { return s.policy }
