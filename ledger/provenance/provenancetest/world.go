// Package provenancetest is a ledger in memory, with made-up parties and goods, of
// which tests make graphs and bundles. Every entry passes the rules.
package provenancetest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Start is the ledger time of the genesis, unix milliseconds, and Day is one day.
const (
	Start = 1_800_000_000_000
	Day   = 24 * 3600 * 1000
)

// Party is somebody on the ledger, with the key that signs for it.
type Party struct {
	ID  ledger.PartyID
	Key sign.PrivateKey
}

// World is a ledger that tests write. Time is Now; a test moves it on.
type World struct {
	testing.TB
	Now          uint64
	Genesis      *ledger.Genesis
	GenesisFile  []byte
	ID           ledger.LedgerID
	Associations []*Party
	Applied      []provenance.Applied // every event, in their order
	state        *rules.Memory
	head         ledger.Head
	bytes        [][]byte
	leaves       []merkle.Hash
	verifier     *sign.Verifier
	seed         uint64
}

// New founds a ledger of two associations.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{TB: t, Now: Start, verifier: sign.NewVerifier(64)}
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "made-up.example.org/trade", CreatedMs: Start, RulesVersion: 1, Quorum: 2}
	for n, name := range []string{"north.example.org", "south.example.org"} {
		p := &Party{Key: w.key()}
		p.ID = ledger.NewPartyID(p.Key.Public().ID())
		w.Associations = append(w.Associations, p)
		g.Associations = append(g.Associations, ledger.Association{Name: name, Country: "BE", GovernanceKeys: []string{ledger.KeyText(p.Key.Public())}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: fmt.Sprintf("node-%d", n), Association: name,
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+n), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+n),
			Incarnation: fmt.Sprintf("%016x", n+1), TLSKeySHA256: fmt.Sprintf("%064x", n+1),
			LogKey: ledger.KeyText(nodeKey(n, "log").Public()), CosignerKey: ledger.KeyText(nodeKey(n, "cosigner").Public()), StatementKey: ledger.KeyText(nodeKey(n, "statement").Public()),
		})
	}
	var err error
	if w.GenesisFile, err = g.Encode(); err != nil {
		t.Fatal(err)
	}
	w.Genesis, w.ID = g, ledger.GenesisID(w.GenesisFile)
	first, err := g.Entry(w.GenesisFile).Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.bytes, w.leaves = [][]byte{first}, []merkle.Hash{merkle.LeafHash(first)}
	w.state, w.head = rules.NewMemory(), ledger.Head{Size: 1, LastLeaf: w.leaves[0], RecordedAt: Start}
	w.state.Write(rules.Genesis(g))
	return w
}

func nodeKey(n int, use string) sign.PrivateKey {
	var seed [sign.SeedSize]byte
	copy(seed[:], fmt.Sprintf("%s %d", use, n))
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func (w *World) key() sign.PrivateKey {
	w.seed++
	var seed [sign.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], w.seed)
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		w.Fatal(err)
	}
	return key
}

// Admit has the first association admit a party.
func (w *World) Admit(role custodyv1.Role, country string) *Party {
	w.Helper()
	p, recovery := &Party{Key: w.key()}, w.key()
	p.ID = ledger.NewPartyID(p.Key.Public().ID())
	w.Do(w.Associations[0], &custodyv1.PartyAdmit{
		Key: p.Key.Public().Bytes(), RecoveryKey: recovery.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), Country: country, Role: role,
	}, p.Key, recovery)
	return p
}

// Do records an event of a party, signed by it and others. The rules must accept it.
func (w *World) Do(party *Party, body protoreflect.ProtoMessage, others ...sign.PrivateKey) ledger.EventID {
	w.Helper()
	w.seed++
	w.Now += 1000
	message := &custodyv1.Event{LedgerId: w.ID[:], Party: party.ID[:], Nonce: binary.BigEndian.AppendUint64(make([]byte, 8), w.seed), OccurredAtMs: w.Now, NotAfterMs: w.Now + Day}
	set(message, body)
	switch body.(type) {
	case *custodyv1.PartyAdmit:
		message.Commitments = []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Hash: make([]byte, 32)}}
	case *custodyv1.Release:
		message.Commitments = []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, Hash: make([]byte, 32)}}
	}
	signed, err := ledger.Sign(message, append([]sign.PrivateKey{party.Key}, others...)...)
	if err != nil {
		w.Fatal(err)
	}
	event, rejection := ledger.DecodeEvent(1, signed)
	if rejection != nil {
		w.Fatalf("%T: %v", body, rejection)
	}
	verified, rejections := ledger.Verify(w.verifier, []*ledger.Event{event})
	if rejections[0] != nil {
		w.Fatal(rejections[0])
	}
	sequencer := rules.NewSequencer(w.ID, 1, w.state, w.head)
	outcome, appended := sequencer.Append(ledger.Submission{{VerifiedEvent: verified[0]}}, w.Now)
	if outcome.Rejection != nil {
		w.Fatalf("%T refused: %v", body, outcome.Rejection)
	}
	changes, index := sequencer.Changes(), appended[0].Entry.Index
	w.state.Write(changes)
	w.state.Record(event.ID, index)
	w.head = sequencer.Head()
	w.Applied = append(w.Applied, provenance.Applied{Event: event, Index: index, RecordedAt: appended[0].Entry.RecordedAt, Changes: changes})
	w.bytes, w.leaves = append(w.bytes, appended[0].Bytes), append(w.leaves, appended[0].Leaf)
	return event.ID
}

// set puts a body into the field of the event that is of its type.
func set(message *custodyv1.Event, body protoreflect.ProtoMessage) {
	m := message.ProtoReflect()
	fields := m.Descriptor().Fields()
	for n := range fields.Len() {
		f := fields.Get(n)
		if f.ContainingOneof() != nil && f.Message() != nil && f.Message().FullName() == body.ProtoReflect().Descriptor().FullName() {
			m.Set(f, protoreflect.ValueOfMessage(body.ProtoReflect()))
			return
		}
	}
	panic("provenancetest: no such body")
}

// Item gives an item's registers.
func (w *World) Item(id ledger.ItemID) rules.Item { return w.state.Items[id] }

// Matter gives what an item is made of.
func (w *World) Matter(id ledger.ItemID) rules.Matter { return w.state.Matters[id] }

// Ref names an item and the last event on it.
func (w *World) Ref(id ledger.ItemID) *custodyv1.ItemRef {
	w.Helper()
	item, ok := w.state.Items[id]
	if !ok {
		w.Fatalf("no item %s", id)
	}
	return &custodyv1.ItemRef{Item: id[:], Prev: item.Last[:]}
}

// Make records an event that makes items and gives their ids.
func (w *World) Make(party *Party, body protoreflect.ProtoMessage, others ...sign.PrivateKey) []ledger.ItemID {
	w.Helper()
	w.Do(party, body, others...)
	return w.Applied[len(w.Applied)-1].Event.Outputs()
}

// Pass offers an item and has the offer accepted.
func (w *World) Pass(id ledger.ItemID, from, to *Party, mode custodyv1.Mode) {
	w.Helper()
	offer := w.Offer(id, from, to, mode, nil, false)
	w.Do(to, &custodyv1.Accept{Item: w.Ref(id), Offer: offer[:], From: from.ID[:]})
}

// Offer offers an item or a part of it.
func (w *World) Offer(id ledger.ItemID, from, to *Party, mode custodyv1.Mode, part *custodyv1.Portion, left bool) ledger.EventID {
	w.Helper()
	o := &custodyv1.Offer{Item: w.Ref(id), To: to.ID[:], Mode: mode, ExpiresAtMs: w.Now + 30*Day, Part: part, GoodsLeft: left}
	switch mode {
	case custodyv1.Mode_MODE_MEMO, custodyv1.Mode_MODE_SERVICE, custodyv1.Mode_MODE_LOAN:
		o.UntilMs = w.Now + 90*Day
	}
	return w.Do(from, o)
}

// Graph makes the graph of the whole log.
func (w *World) Graph(subjects ...ledger.ItemID) *provenance.Graph {
	w.Helper()
	b := provenance.NewBuilder(w.ID, w.Genesis)
	for _, a := range w.Applied {
		if err := b.Apply(a); err != nil {
			w.Fatal(err)
		}
	}
	g, err := b.Graph(provenance.Reading{Size: w.head.Size, Time: w.Now, Whole: true, Subjects: subjects})
	if err != nil {
		w.Fatal(err)
	}
	return g
}

// Entry implements bundle.Source.
func (w *World) Entry(index uint64) ([]byte, error) { return w.bytes[index], nil }

// Bundle makes a bundle with statements and verifies it.
func (w *World) Bundle(subjects ...ledger.ItemID) ([]byte, *bundle.Report) {
	w.Helper()
	tree := newTree(w.leaves)
	root, err := merkle.RootAt(tree, uint64(len(w.leaves)))
	if err != nil {
		w.Fatal(err)
	}
	policy := w.Genesis.Policy()
	c := checkpoint.Checkpoint{Origin: w.Genesis.Name, Size: uint64(len(w.leaves)), Root: root}
	note := &checkpoint.Note{Checkpoint: c}
	for n, node := range policy.Nodes {
		note.Signatures = append(note.Signatures,
			policy.LogKey(node).Sign(nodeKey(n, "log"), c, 0), policy.CosignerKey(node).Sign(nodeKey(n, "cosigner"), c, w.Now/1000))
	}
	var wanted []bundle.Subject
	for _, id := range subjects {
		wanted = append(wanted, bundle.Subject{Item: id, Last: w.Item(id).LastIndex})
	}
	b, err := bundle.Build(source{w, tree}, bundle.Final{RulesVersion: 1, Note: note, Policy: policy}, wanted)
	if err != nil {
		w.Fatal(err)
	}
	for _, id := range b.Subjects {
		payload := w.Item(id).Statement(w.ID, w.Matter(id), false, c, w.Now).Payload()
		stated := bundle.Statement{Payload: payload}
		for n := range policy.Nodes {
			signature := nodeKey(n, "statement").Sign(sign.PAE(sign.StatementPayloadType, payload))
			stated.Signatures = append(stated.Signatures, bundle.Signature{Node: uint8(n), Bytes: [64]byte(signature)})
		}
		b.Statements = append(b.Statements, stated)
	}
	file, err := b.Encode()
	if err != nil {
		w.Fatal(err)
	}
	return file, w.Verify(file)
}

// Verify verifies a bundle.
func (w *World) Verify(file []byte) *bundle.Report {
	w.Helper()
	trust, err := bundle.TrustGenesis(w.GenesisFile)
	if err != nil {
		w.Fatal(err)
	}
	report, err := bundle.Verify(file, trust)
	if err != nil {
		w.Fatal(err)
	}
	return report
}

type source struct {
	*World
	tree
}

// tree keeps every level of hashes that proofs are made of.
type tree [][]merkle.Hash

func newTree(leaves []merkle.Hash) tree {
	t := tree{leaves}
	for len(t[len(t)-1]) >= 256 {
		below := t[len(t)-1]
		var level []merkle.Hash
		for n := 0; n+256 <= len(below); n += 256 {
			row := append([]merkle.Hash(nil), below[n:n+256]...)
			for len(row) > 1 {
				for k := 0; k < len(row)/2; k++ {
					row[k] = merkle.NodeHash(row[2*k], row[2*k+1])
				}
				row = row[:len(row)/2]
			}
			level = append(level, row[0])
		}
		t = append(t, level)
	}
	return t
}

// Hashes implements merkle.Reader.
func (t tree) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if int(level) >= len(t) || to > uint64(len(t[level])) {
		return nil, fmt.Errorf("no hashes %d to %d of level %d", from, to, level)
	}
	return t[level][from:to], nil
}
