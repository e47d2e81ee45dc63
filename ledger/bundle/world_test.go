package bundle_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// world is a ledger of three associations that is written, with the keys of
// everybody on it. Most of its entries need not exist: skip leaves room.
type world struct {
	testing.TB
	file       []byte
	genesis    *ledger.Genesis
	id         ledger.LedgerID
	state      *rules.Memory
	head       ledger.Head
	tree       sparse
	entries    map[uint64][]byte
	governance []uint64
	now        uint64
	nonces     uint64
	keys       map[string]sign.PrivateKey // of nodes, in the policy in force, by use and association
}

var associations = []string{"north.example.org", "south.example.org", "west.example.org"}

func seeded(name string) sign.PrivateKey {
	var seed [sign.SeedSize]byte
	copy(seed[:], name)
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func keyText(name string) string { return ledger.KeyText(seeded(name).Public()) }

func newWorld(t testing.TB) *world { return newWorldOf(t, "ledger.example.org/trade") }

func newWorldOf(t testing.TB, name string) *world {
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: name, CreatedMs: 1_700_000_000_000, RulesVersion: 1, Quorum: 2}
	w := &world{TB: t, genesis: g, entries: map[uint64][]byte{}, now: 1_700_000_100_000, keys: map[string]sign.PrivateKey{}}
	for i, association := range associations {
		for _, use := range []string{"logs ", "cosigns ", "states "} {
			w.keys[use+association] = seeded(use + association)
		}
		g.Associations = append(g.Associations, ledger.Association{Name: association, Country: "BE", GovernanceKeys: []string{keyText("governs " + association)}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: fmt.Sprintf("node-%d", i), Association: association,
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+i),
			Incarnation: fmt.Sprintf("%016x", i+1), TLSKeySHA256: fmt.Sprintf("%064x", i+1),
			LogKey: keyText("logs " + association), CosignerKey: keyText("cosigns " + association), StatementKey: keyText("states " + association),
		})
	}
	var err error
	if w.file, err = g.Encode(); err != nil {
		t.Fatal(err)
	}
	w.id = ledger.GenesisID(w.file)
	w.state = rules.NewMemory()
	w.state.Write(rules.Genesis(g))
	w.write(g.Entry(w.file))
	return w
}

// write appends an entry as it is.
func (w *world) write(e *ledger.Entry) {
	w.Helper()
	b, err := e.Encode()
	if err != nil {
		w.Fatal(err)
	}
	leaf := merkle.LeafHash(b)
	w.entries[e.Index] = b
	w.tree.add(e.Index, leaf)
	w.head = ledger.Head{Size: e.Index + 1, LastLeaf: leaf, RecordedAt: e.RecordedAt}
	if e.Kind == ledger.KindGovernance || e.Kind == ledger.KindHandover {
		w.governance = append(w.governance, e.Index)
	}
}

// skip leaves out entries that nobody here looks at.
func (w *world) skip(n uint64) { w.head.Size += n }

// Entry implements bundle.Source.
func (w *world) Entry(index uint64) ([]byte, error) {
	b, ok := w.entries[index]
	if !ok {
		return nil, fmt.Errorf("entry %d was skipped", index)
	}
	return b, nil
}

// Hashes implements bundle.Source.
func (w *world) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	return w.tree.Hashes(level, from, to)
}

func (w *world) root(size uint64) merkle.Hash {
	w.Helper()
	root, err := merkle.RootAt(&w.tree, size)
	if err != nil {
		w.Fatal(err)
	}
	return root
}

// --- what is written

func isAssociation(name string) bool { return slices.Contains(associations, name) }

func signerOf(name string) sign.PrivateKey {
	if isAssociation(name) {
		return seeded("governs " + name)
	}
	return seeded(name)
}

func partyOf(name string) ledger.PartyID { return ledger.NewPartyID(signerOf(name).Public().ID()) }

// event signs an event of a party with the given keys, by default its first one.
func (w *world) event(party string, body any, keys ...sign.PrivateKey) ledger.SignedEvent {
	w.Helper()
	w.nonces++
	id := partyOf(party)
	e := &custodyv1.Event{
		LedgerId: w.id[:], Party: id[:], Nonce: binary.BigEndian.AppendUint64(make([]byte, 8), w.nonces),
		OccurredAtMs: w.now, NotAfterMs: w.now + 7*24*3600_000,
	}
	private := func(field custodyv1.PrivateField) {
		e.Commitments = []*custodyv1.Commitment{{Field: field, Hash: make([]byte, 32)}}
	}
	switch b := body.(type) {
	case *custodyv1.PartyAdmit:
		private(custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME)
		e.Body = &custodyv1.Event_PartyAdmit{PartyAdmit: b}
	case *custodyv1.PartySponsor:
		e.Body = &custodyv1.Event_PartySponsor{PartySponsor: b}
	case *custodyv1.KeyAdd:
		e.Body = &custodyv1.Event_KeyAdd{KeyAdd: b}
	case *custodyv1.KeyRevoke:
		e.Body = &custodyv1.Event_KeyRevoke{KeyRevoke: b}
	case *custodyv1.PolicyPropose:
		e.Body = &custodyv1.Event_PolicyPropose{PolicyPropose: b}
	case *custodyv1.PolicyApprove:
		e.Body = &custodyv1.Event_PolicyApprove{PolicyApprove: b}
	case *custodyv1.ItemRegister:
		e.Body = &custodyv1.Event_ItemRegister{ItemRegister: b}
	case *custodyv1.Offer:
		e.Body = &custodyv1.Event_Offer{Offer: b}
	case *custodyv1.Accept:
		e.Body = &custodyv1.Event_Accept{Accept: b}
	case *custodyv1.Release:
		private(custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY)
		e.Body = &custodyv1.Event_Release{Release: b}
	case *custodyv1.Transform:
		e.Body = &custodyv1.Event_Transform{Transform: b}
	case *custodyv1.Attest:
		e.Body = &custodyv1.Event_Attest{Attest: b}
	default:
		w.Fatalf("no event for %T", body)
	}
	if len(keys) == 0 {
		keys = []sign.PrivateKey{signerOf(party)}
	}
	signed, err := ledger.Sign(e, keys...)
	if err != nil {
		w.Fatal(err)
	}
	return signed
}

func (w *world) decode(signed ledger.SignedEvent) ledger.Candidate {
	w.Helper()
	event, rejection := ledger.DecodeEvent(1, signed)
	if rejection != nil {
		w.Fatal(rejection)
	}
	verified, _ := ledger.Verify(sign.NewVerifier(4), []*ledger.Event{event})
	if verified[0].Event == nil {
		verified[0] = ledger.VerifiedEvent{Event: event}
	}
	return ledger.Candidate{VerifiedEvent: verified[0]}
}

// do records an event that the rules accept.
func (w *world) do(party string, body any, keys ...sign.PrivateKey) ledger.EventID {
	w.Helper()
	w.now += 1000
	candidate := w.decode(w.event(party, body, keys...))
	s := rules.NewSequencer(w.id, 1, w.state, w.head)
	outcome, appended := s.Append(ledger.Submission{candidate}, w.now)
	if outcome.Rejection != nil {
		w.Fatal(outcome.Rejection)
	}
	w.write(appended[0].Entry)
	w.state.Write(s.Changes())
	w.state.Record(candidate.ID, appended[0].Entry.Index)
	return candidate.ID
}

// force records an event that the rules refuse, as colluding nodes could. The
// state stays, but for the last entry on an item that it names.
func (w *world) force(signed ledger.SignedEvent) {
	w.Helper()
	w.now += 1000
	candidate := w.decode(signed)
	e := &ledger.Entry{Kind: candidate.Kind(), Index: w.head.Size, RecordedAt: w.now, Prev: w.head.LastLeaf, Signed: signed}
	for _, id := range candidate.Parties() {
		p, _ := w.state.Party(id)
		e.Links = append(e.Links, p.LastIndex)
	}
	for _, id := range candidate.Names() {
		item := w.state.Items[id]
		e.Links = append(e.Links, item.LastIndex)
		item.Last, item.LastIndex = candidate.ID, e.Index
		w.state.Items[id] = item
	}
	w.write(e)
}

func (w *world) admit(association, dealer string) {
	w.Helper()
	first, recovery := seeded(dealer), seeded("recovers "+dealer)
	w.do(association, &custodyv1.PartyAdmit{
		Key: first.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), RecoveryKey: recovery.Public().Bytes(), Country: "IN", Role: custodyv1.Role_ROLE_DEALER,
	}, signerOf(association), first, recovery)
}

func stone() *custodyv1.ItemRegister {
	return &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass:        &custodyv1.Mass{Micrograms: 200_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Description: &custodyv1.Description{Shape: "round", Colour: "E", Clarity: "VS1", Cut: "Ideal", LengthUm: 4300, WidthUm: 4310, HeightUm: 2700},
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin:      []*custodyv1.OriginComponent{{Micrograms: 200_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED}},
		OutsideIds:  []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION, Issuer: "GIA", Number: "2141438171"}},
	}
}

func (w *world) register(dealer string) ledger.ItemID {
	w.Helper()
	return ledger.NewItemID(w.do(dealer, stone()), 0)
}

func (w *world) ref(item ledger.ItemID) *custodyv1.ItemRef {
	last := w.state.Items[item].Last
	return &custodyv1.ItemRef{Item: item[:], Prev: last[:]}
}

func (w *world) offer(item ledger.ItemID, to string, mode custodyv1.Mode) *custodyv1.Offer {
	receiver := partyOf(to)
	o := &custodyv1.Offer{Item: w.ref(item), To: receiver[:], Mode: mode, ExpiresAtMs: w.now + 3600_000}
	if mode == custodyv1.Mode_MODE_MEMO {
		o.UntilMs = w.now + 30*24*3600_000
	}
	return o
}

func (w *world) pass(item ledger.ItemID, from, to string, mode custodyv1.Mode) {
	w.Helper()
	offer := w.do(from, w.offer(item, to, mode))
	sender := partyOf(from)
	w.do(to, &custodyv1.Accept{Item: w.ref(item), Offer: offer[:], From: sender[:]})
}

// adopt proposes a policy and has it approved; the second approval adopts it.
func (w *world) adopt(quorum uint32, nodeOf, generation string) {
	w.Helper()
	state := w.state.Policy()
	base := state.InForce.ID()
	body := &custodyv1.PolicyPropose{Base: base[:], Quorum: quorum}
	keys := []sign.PrivateKey{signerOf(associations[0])}
	if nodeOf != "" {
		node := slices.IndexFunc(state.InForce.Nodes, func(n ledger.PolicyNode) bool { return n.Association == nodeOf })
		fresh := func(use string) sign.PrivateKey { return seeded(use + generation + nodeOf) }
		body.Node = &custodyv1.NodeKeys{
			NodeId: state.InForce.Nodes[node].ID,
			LogKey: fresh("l").Public().Bytes(), CosignerKey: fresh("c").Public().Bytes(), StatementKey: fresh("s").Public().Bytes(),
		}
		keys = []sign.PrivateKey{signerOf(nodeOf), fresh("l"), fresh("c"), fresh("s")}
	}
	proposer := associations[0]
	if nodeOf != "" {
		proposer = nodeOf
	}
	proposal := w.do(proposer, body, keys...)
	approvals := 1
	for _, other := range associations {
		if other != proposer && approvals < int(state.InForce.Quorum) {
			w.do(other, &custodyv1.PolicyApprove{Proposal: proposal[:]})
			approvals++
		}
	}
}

// handOver brings the adopted policy into force under a note of the current size.
func (w *world) handOver(nodeOf, generation string) {
	w.Helper()
	note := w.note(w.head.Size, associations...)
	w.skip(3)
	policy := w.state.Policy().InForce
	proof, err := merkle.ConsistencyProof(&w.tree, note.Size, w.head.Size)
	if err != nil {
		w.Fatal(err)
	}
	s := rules.NewSequencer(w.id, 1, w.state, w.head)
	appended, rejection := s.Handover(rules.HandoverNote(policy, note), proof, w.root(w.head.Size), w.now)
	if rejection != nil {
		w.Fatal(rejection)
	}
	w.write(appended.Entry)
	w.state.Write(s.Changes())
	if nodeOf != "" {
		w.keys["logs "+nodeOf] = seeded("l" + generation + nodeOf)
		w.keys["cosigns "+nodeOf] = seeded("c" + generation + nodeOf)
		w.keys["states "+nodeOf] = seeded("s" + generation + nodeOf)
	}
}

// --- what is made of it

// note signs the head of a size, log line and cosignature of each association.
func (w *world) note(size uint64, by ...string) *checkpoint.Note {
	return w.noteOf(checkpoint.Checkpoint{Origin: w.genesis.Name, Size: size, Root: w.root(size)}, by...)
}

func (w *world) noteOf(c checkpoint.Checkpoint, by ...string) *checkpoint.Note {
	policy := w.state.Policy().InForce
	note := &checkpoint.Note{Checkpoint: c}
	for i, n := range policy.Nodes {
		if slices.Contains(by, n.Association) {
			note.Signatures = append(note.Signatures,
				policy.LogKey(n).Sign(w.keys["logs "+n.Association], c, 0),
				policy.CosignerKey(n).Sign(w.keys["cosigns "+n.Association], c, w.now/1000+uint64(i)))
		}
	}
	return note
}

// bundle makes a bundle at the current size, with statements by those named.
func (w *world) bundle(statedBy []string, items ...ledger.ItemID) *bundle.Bundle {
	w.Helper()
	return w.bundleUnder(w.note(w.head.Size, associations...), statedBy, items...)
}

func (w *world) bundleUnder(note *checkpoint.Note, statedBy []string, items ...ledger.ItemID) *bundle.Bundle {
	w.Helper()
	var subjects []bundle.Subject
	for _, id := range items {
		subjects = append(subjects, bundle.Subject{Item: id, Last: w.state.Items[id].LastIndex})
	}
	final := bundle.Final{RulesVersion: 1, Note: note, Policy: w.state.Policy().InForce, Governance: w.governance}
	b, err := bundle.Build(w, final, subjects)
	if err != nil {
		w.Fatal(err)
	}
	if len(statedBy) > 0 {
		for _, id := range b.Subjects {
			b.Statements = append(b.Statements, w.state1(w.state.Items[id].Statement(w.id, w.state.Matters[id], false, note.Checkpoint, w.now), statedBy...))
		}
	}
	return b
}

// state1 signs a statement.
func (w *world) state1(s ledger.Statement, by ...string) bundle.Statement {
	stated := bundle.Statement{Payload: s.Payload()}
	for i, n := range w.state.Policy().InForce.Nodes {
		if slices.Contains(by, n.Association) {
			signature := w.keys["states "+n.Association].Sign(sign.PAE(sign.StatementPayloadType, stated.Payload))
			stated.Signatures = append(stated.Signatures, bundle.Signature{Node: uint8(i), Bytes: [64]byte(signature)})
		}
	}
	return stated
}

func (w *world) encode(b *bundle.Bundle) []byte {
	w.Helper()
	file, err := b.Encode()
	if err != nil {
		w.Fatal(err)
	}
	return file
}

func (w *world) trust() bundle.Trust {
	w.Helper()
	trust, err := bundle.TrustGenesis(w.file)
	if err != nil {
		w.Fatal(err)
	}
	return trust
}

func policyFile(t testing.TB, p ledger.Policy) []byte {
	t.Helper()
	file, err := p.Checkpoint().Encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// --- the plainest tree

// sparse is a tree in which most leaves are alike.
type sparse struct {
	indexes []uint64 // ascending
	leaves  map[uint64]merkle.Hash
	alike   []merkle.Hash // root of 2^n alike leaves
}

func (s *sparse) add(index uint64, leaf merkle.Hash) {
	if s.leaves == nil {
		s.leaves = map[uint64]merkle.Hash{}
		h := merkle.LeafHash([]byte("skipped"))
		for range 64 {
			s.alike = append(s.alike, h)
			h = merkle.NodeHash(h, h)
		}
	}
	s.indexes = append(s.indexes, index)
	s.leaves[index] = leaf
}

func (s *sparse) subtree(height uint, at uint64) merkle.Hash {
	from, to := at<<height, (at+1)<<height
	first, _ := slices.BinarySearch(s.indexes, from)
	switch {
	case first == len(s.indexes) || s.indexes[first] >= to:
		return s.alike[height]
	case height == 0:
		return s.leaves[from]
	}
	return merkle.NodeHash(s.subtree(height-1, 2*at), s.subtree(height-1, 2*at+1))
}

func (s *sparse) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	hashes := make([]merkle.Hash, 0, to-from)
	for at := from; at < to; at++ {
		hashes = append(hashes, s.subtree(8*uint(level), at))
	}
	return hashes, nil
}
