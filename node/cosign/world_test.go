package cosign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// world is a cluster in memory: one agreed log, and nodes that have applied
// some of it. Calls between nodes are function calls that can be cut.
type world struct {
	t       testing.TB
	genesis *ledger.Genesis
	file    []byte
	nodes   []*testNode

	mu     sync.Mutex
	log    []merkle.Hash
	leader string
	asks   int // Cosign calls that arrived
	cut    map[string]bool
	// bend changes what a node sends with Cosign, by receiver.
	bend func(from, to string, note []byte) []byte
}

type testNode struct {
	world    *world
	id       string
	keys     Keys
	cosigner *Cosigner
	clock    func() time.Time

	mu        sync.Mutex
	size      uint64
	changed   chan struct{}
	final     []byte
	finalSize uint64
	signed    *checkpoint.Checkpoint
	signedAt  uint64
	history   []checkpoint.Checkpoint // every head that SignHead took
	catching  bool

	// other is a history of its own from some size on.
	forked    uint64
	proposals []*custodyv1.SignedProposal
	evidence  map[string][]byte
}

func key(name string) sign.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	private, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return private
}

func newWorld(t testing.TB, count int, quorum uint32) *world {
	t.Helper()
	w := &world{t: t, leader: "node-0", cut: map[string]bool{}}
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "cosign.example.org/trade", CreatedMs: 1_800_000_000_000, RulesVersion: ledger.RulesVersion1, Quorum: quorum}
	for i := range count {
		id, association := fmt.Sprintf("node-%d", i), fmt.Sprintf("guild-%d.example.org", i)
		keys := Keys{
			Log: []sign.PrivateKey{key(id + " log")}, Cosigner: []sign.PrivateKey{key(id + " cosigner")}, Statement: []sign.PrivateKey{key(id + " statement")},
		}
		g.Associations = append(g.Associations, ledger.Association{Name: association, Country: "BE", GovernanceKeys: []string{ledger.KeyText(key(id + " governance").Public())}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: id, Association: association, Incarnation: "0123456789abcdef",
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+i), TLSKeySHA256: fmt.Sprintf("%064x", 170+i),
			LogKey: ledger.KeyText(keys.Log[0].Public()), CosignerKey: ledger.KeyText(keys.Cosigner[0].Public()), StatementKey: ledger.KeyText(keys.Statement[0].Public()),
		})
		w.nodes = append(w.nodes, &testNode{world: w, id: id, keys: keys, changed: make(chan struct{}), evidence: map[string][]byte{}, clock: time.Now})
	}
	file, err := g.Encode()
	must(t, err)
	w.genesis, w.file = g, file
	w.commit()
	for _, n := range w.nodes {
		n.apply()
		n.start(Config{})
	}
	return w
}

// start makes the node's cosigner; it does not run.
func (n *testNode) start(c Config) {
	n.world.t.Helper()
	c.Node, c.LedgerID, c.Genesis, c.GenesisFile = n.id, ledger.GenesisID(n.world.file), n.world.genesis, n.world.file
	c.Keys, c.Ledger, c.Peers, c.Keep, c.Clock = n.keys, n, calls{n}, n.keep, n.clock
	cosigner, err := New(c)
	must(n.world.t, err)
	n.cosigner = cosigner
}

func (w *world) run(nodes ...*testNode) {
	for _, n := range nodes {
		must(w.t, n.cosigner.Recall(context.Background(), 0))
		n.cosigner.Run()
	}
}

func (w *world) close() {
	for _, n := range w.nodes {
		must(w.t, n.cosigner.Close())
	}
}

// commit adds an entry to the agreed log.
func (w *world) commit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, merkle.LeafHash([]byte(fmt.Sprint("entry ", len(w.log)))))
}

// apply brings a node up to the agreed log.
func (n *testNode) apply() {
	n.world.mu.Lock()
	size := uint64(len(n.world.log))
	n.world.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.size = size
	close(n.changed)
	n.changed = make(chan struct{})
}

// grow commits an entry and has every node apply it.
func (w *world) grow(nodes ...*testNode) {
	w.commit()
	for _, n := range nodes {
		n.apply()
	}
}

func (n *testNode) keep(name string, b []byte) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, known := n.evidence[name]
	n.evidence[name] = b
	return !known, nil
}

// files are the evidence files that the node has.
func (n *testNode) files() map[string][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.evidence)
}

func (n *testNode) note() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.final
}

// state is what is final and what is signed at a node.
func (n *testNode) state() (final string, signed checkpoint.Checkpoint) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.final), *n.signed
}

// convicted gives the names of the nodes that the node's files convict, each
// file verified from the genesis alone.
func (n *testNode) convicted(t testing.TB) map[string]evidence.Kind {
	t.Helper()
	trust, err := evidence.FromGenesis(n.world.file)
	must(t, err)
	found := map[string]evidence.Kind{}
	for name, b := range n.files() {
		e, err := evidence.Parse(b)
		must(t, err)
		verdict, err := e.Verify(trust)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, accused := range verdict.Convicted {
			found[accused.Node] = verdict.Kind
		}
	}
	return found
}

// leaves are the node's own log, which differs from the agreed one from forked on.
func (n *testNode) leaves(size uint64) ([]merkle.Hash, error) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if size == 0 || size > uint64(len(n.world.log)) {
		return nil, errors.New("no such size")
	}
	leaves := append([]merkle.Hash(nil), n.world.log[:size]...)
	for i := n.forked; n.forked > 0 && i < size; i++ {
		leaves[i] = merkle.LeafHash([]byte(n.id + " lies"))
	}
	return leaves, nil
}

type row []merkle.Hash

func (r row) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if level > 0 {
		return nil, errors.New("a small tree")
	}
	return r[from:to], nil
}

func (n *testNode) Head() (uint64, merkle.Hash) {
	n.mu.Lock()
	size := n.size
	n.mu.Unlock()
	root, err := n.RootAt(size)
	if err != nil {
		panic(err)
	}
	return size, root
}

func (n *testNode) RootAt(size uint64) (merkle.Hash, error) {
	leaves, err := n.leaves(size)
	if err != nil {
		return merkle.Hash{}, err
	}
	return merkle.RootAt(row(leaves), size)
}

func (n *testNode) Consistency(from, to uint64) ([]merkle.Hash, error) {
	leaves, err := n.leaves(to)
	if err != nil {
		return nil, err
	}
	return merkle.ConsistencyProof(row(leaves), from, to)
}

func (n *testNode) Policy() (ledger.Policy, error) { return n.world.genesis.Policy(), nil }

func (n *testNode) Final() ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.final, nil
}

// forget leaves a node as after a restart with nothing that is final, and gives
// the note of another node that it no longer knows.
func (n *testNode) forget(node string) *checkpoint.Note {
	known := &n.cosigner.notes
	known.mu.Lock()
	defer known.mu.Unlock()
	note := known.newest[node]
	delete(known.newest, node)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.final = nil
	return note
}

func (n *testNode) SignedHead() (store.SignedHead, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.signed == nil {
		return store.SignedHead{}, false
	}
	return store.SignedHead{Size: n.signed.Size, Root: n.signed.Root, At: n.signedAt}, true
}

func (n *testNode) SignHead(size uint64, root merkle.Hash, now uint64) (uint64, error) {
	own, err := n.RootAt(size)
	if err != nil || own != root {
		return 0, errors.New("a head that this ledger does not have")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.signed != nil && (size < n.signed.Size || size == n.signed.Size && root != n.signed.Root) || size < n.finalSize {
		return 0, errors.New("an old head")
	}
	n.signedAt = max(n.signedAt, now)
	n.signed = &checkpoint.Checkpoint{Origin: n.world.genesis.Name, Size: size, Root: root}
	n.history = append(n.history, *n.signed)
	return n.signedAt, nil
}

func (n *testNode) WaitSize(ctx context.Context, size uint64) error {
	for {
		n.mu.Lock()
		reached, changed := n.size >= size, n.changed
		n.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (n *testNode) Live() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.catching {
		return errors.New("catching up")
	}
	return nil
}

func (n *testNode) Leader() string {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return n.world.leader
}

func (n *testNode) Leading() bool { return n.Leader() == n.id && !n.world.isCut(n.id) }

func (n *testNode) ProposalTerms(node string, limit int) []uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	var terms []uint64
	for _, p := range n.proposals {
		proposal, err := ledger.ParseProposal(p.Payload)
		if err == nil && proposal.Node == node && !slices.Contains(terms, proposal.Term) && len(terms) < limit {
			terms = append(terms, proposal.Term)
		}
	}
	return terms
}

// ProposeFinal applies the note on every node that can be reached, as raft and
// the store do.
func (n *testNode) ProposeFinal(_ context.Context, raw []byte) error {
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return err
	}
	policy := n.world.genesis.Policy()
	if _, err := policy.Checkpoint().Verify(note); err != nil {
		return err
	}
	for _, other := range n.world.nodes {
		if n.world.isCut(other.id) {
			continue
		}
		other.mu.Lock()
		if note.Size > other.finalSize || note.Size == other.finalSize && newestLine(policy, note) > newestLine(policy, parsed(other.final)) {
			other.final, other.finalSize = raw, note.Size
		}
		other.mu.Unlock()
	}
	return nil
}

func parsed(raw []byte) *checkpoint.Note {
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		panic(err)
	}
	return note
}

// newestLine gives the time of the newest cosignature of a note.
func newestLine(policy ledger.Policy, note *checkpoint.Note) (newest uint64) {
	for _, n := range policy.Nodes {
		if at, err := policy.CosignerKey(n).Verify(note); err == nil {
			newest = max(newest, at)
		}
	}
	return newest
}

func (n *testNode) Proposals(node string, term, from uint64) []*custodyv1.SignedProposal {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []*custodyv1.SignedProposal
	for _, p := range n.proposals {
		proposal, err := ledger.ParseProposal(p.Payload)
		if err == nil && proposal.Node == node && proposal.Term == term && proposal.Counter >= from {
			list = append(list, p)
		}
	}
	return list
}

func (w *world) isCut(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut[id]
}

func (w *world) setCut(id string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[id] = cut
}

func (w *world) setLeader(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leader = id
}

func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asks
}

func (w *world) node(id string) *testNode {
	for _, n := range w.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// calls are the calls that a node makes.
type calls struct{ from *testNode }

var errCut = errors.New("unreachable")

func (c calls) reach(id string) (*testNode, error) {
	w := c.from.world
	if w.isCut(id) || w.isCut(c.from.id) {
		return nil, errCut
	}
	return w.node(id), nil
}

func (c calls) Cosign(ctx context.Context, node string, note []byte) (*custodyv1.CosignResponse, error) {
	to, err := c.reach(node)
	if err != nil {
		return nil, err
	}
	w := c.from.world
	w.mu.Lock()
	w.asks++
	bend := w.bend
	w.mu.Unlock()
	if bend != nil {
		note = bend(c.from.id, node, note)
	}
	return to.cosigner.Cosign(ctx, c.from.id, note), nil
}

func (c calls) Heads(_ context.Context, node string) (*custodyv1.HeadsResponse, error) {
	to, err := c.reach(node)
	if err != nil {
		return nil, err
	}
	return to.cosigner.Heads(c.from.id), nil
}

func (c calls) Proposals(_ context.Context, node, leader string, term, from uint64) ([]*custodyv1.SignedProposal, error) {
	to, err := c.reach(node)
	if err != nil {
		return nil, err
	}
	return to.Proposals(leader, term, from), nil
}

func (c calls) State(ctx context.Context, node string, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	to, err := c.reach(node)
	if err != nil {
		return nil, err
	}
	return to.cosigner.State(ctx, request)
}

func (n *testNode) finalNow() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.finalSize
}

// untilFinal waits, in virtual time, until a node has a final checkpoint of that
// size, and says how long it took.
func untilFinal(t testing.TB, n *testNode, size uint64) time.Duration {
	t.Helper()
	began := time.Now()
	until(t, func() bool { return n.finalNow() >= size })
	return time.Since(began)
}

// until waits in virtual time.
func until(t testing.TB, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("does not come true")
		}
	}
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
