package replica

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// source is what one peer in a test gives.
type source struct {
	machine *machine
	run     int // entries in a run
	// Each may spoil what is given.
	entry  func(index uint64, raw *audit.Raw)
	proof  func([]merkle.Hash) []merkle.Hash
	broken func(index uint64) error // before the run that begins at an index
}

// sources are the peers of a test by node id.
type sources map[string]*source

func (sources) Propose(context.Context, string, ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	return ledger.Outcome{}, consensus.EntryID{}, &consensus.NotLeaderError{}
}

func (sources) ReadIndex(context.Context, string) (uint64, error) {
	return 0, &consensus.NotLeaderError{}
}

func (s sources) Entries(ctx context.Context, node string, from, to uint64, each func([]audit.Raw) error) error {
	source, ok := s[node]
	if !ok {
		return errors.New("does not answer")
	}
	snapshot := source.machine.store.Snapshot()
	defer snapshot.Close()
	var run []audit.Raw
	begin := from
	send := func() error {
		if source.broken != nil {
			if err := source.broken(begin); err != nil {
				return err
			}
		}
		begin += uint64(len(run))
		err := each(run)
		run = nil
		return errors.Join(err, ctx.Err())
	}
	err := snapshot.Entries(from, to, func(index uint64, entry []byte) error {
		raw := audit.Raw{Entry: bytes.Clone(entry)}
		openings, err := snapshot.Openings(index)
		if err != nil {
			return err
		}
		for _, o := range openings {
			raw.Openings = append(raw.Openings, &custodyv1.Opening{Field: o.Field, Salt: o.Salt[:], Value: o.Value})
		}
		if source.entry != nil {
			source.entry(index, &raw)
		}
		if run = append(run, raw); len(run) < source.run {
			return nil
		}
		return send()
	})
	if err == nil && len(run) > 0 {
		err = send()
	}
	return err
}

func (s sources) Consistency(_ context.Context, node string, from, to uint64) ([]merkle.Hash, error) {
	source, ok := s[node]
	if !ok {
		return nil, errors.New("does not answer")
	}
	snapshot := source.machine.store.Snapshot()
	defer snapshot.Close()
	proof, err := merkle.ConsistencyProof(snapshot, from, to)
	if source.proof != nil {
		proof = source.proof(proof)
	}
	return proof, err
}

// history fills machines with the same made-up trade. Every machine applies
// it; a machine in until stops before that many submissions.
func history(t *testing.T, trade *storetest.Trade, submissions int, machines []*machine, until map[*machine]int) {
	t.Helper()
	for i := range submissions {
		submission := trade.Next()
		trade.Twin.Apply(trade.Now, submission)
		b := encodeAll(t, trade.Now, []ledger.Submission{submission})
		for _, m := range machines {
			if end, ok := until[m]; !ok || i < end {
				applyAll(t, m, uint64(i+1), b)
			}
		}
	}
}

// behind is a node that has to catch up, and peers that have everything.
type behind struct {
	*catchUp
	trade   *storetest.Trade
	machine *machine
	ahead   *machine
	target  ledger.Pointer
	sources sources
}

func newBehind(t *testing.T, nodes int) *behind {
	t.Helper()
	trade := storetest.NewTrade(storetest.Pseudorandom(7))
	m, ahead := newMachine(t, trade), newMachine(t, trade)
	const submissions = 200
	history(t, trade, submissions, []*machine{m, ahead}, map[*machine]int{m: 40})
	size, root := ahead.store.Head()
	target := ledger.Pointer{
		Cluster: [32]byte{1}, Index: submissions, Term: 1, Size: size, Root: root,
		ConfigurationIndex: 1, Configuration: []byte{1},
	}
	if err := m.store.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	metrics, err := NewMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	genesis, _ := m.store.Genesis()
	copied := *genesis
	copied.Nodes = nil
	b := &behind{trade: trade, machine: m, ahead: ahead, target: target, sources: sources{}}
	for i := range nodes {
		id := string(rune('a' + i))
		copied.Nodes = append(copied.Nodes, ledger.Node{ID: id})
		b.sources[id] = &source{machine: ahead, run: 16}
	}
	b.catchUp = newCatchUp(Config{
		Server: consensus.ServerID{Node: "a"}, Store: m.store, Peers: b.sources,
		Metrics: metrics, Logger: slog.New(slog.DiscardHandler),
	}, &copied, func() {}, m.diverged)
	return b
}

// done demands that the node has exactly the target's ledger, entry by entry,
// and that it can take over the target's position.
func (b *behind) done(t *testing.T) {
	t.Helper()
	if size, root := b.store.Head(); size != b.target.Size || root != b.target.Root {
		t.Fatalf("the ledger has %d entries and root %v, expected %d and %v", size, root, b.target.Size, b.target.Root)
	}
	if err := b.store.AdoptTarget(); err != nil {
		t.Fatal(err)
	}
	mine, theirs := b.store.Snapshot(), b.ahead.store.Snapshot()
	defer mine.Close()
	defer theirs.Close()
	openings := 0
	for i := range b.target.Size {
		own, err := mine.Entry(i)
		other, otherErr := theirs.Entry(i)
		if err != nil || otherErr != nil || !bytes.Equal(own, other) {
			t.Fatalf("entry %d differs, %v, %v", i, err, otherErr)
		}
		a, _ := mine.Openings(i)
		o, _ := theirs.Openings(i)
		if len(a) != len(o) {
			t.Fatalf("entry %d has %d openings, expected %d", i, len(a), len(o))
		}
		openings += len(a)
	}
	if openings == 0 {
		t.Error("no opening was carried over")
	}
}

func TestCatchUp(t *testing.T) {
	for _, run := range []int{1, 7, 100, 10_000} {
		b := newBehind(t, 3)
		for _, s := range b.sources {
			s.run = run
		}
		if err := b.CatchUp(t.Context(), b.target); err != nil {
			t.Fatalf("runs of %d: %v", run, err)
		}
		b.done(t)
	}
}

func TestCatchUpGoesOnWithAnotherPeer(t *testing.T) {
	b := newBehind(t, 3)
	begin, _ := b.store.Head()
	b.sources["b"].broken = func(index uint64) error {
		if index > begin+100 {
			return errors.New("connection reset")
		}
		return nil
	}
	if err := b.CatchUp(t.Context(), b.target); err != nil {
		t.Fatal(err)
	}
	b.done(t)
}

func TestCatchUpKeepsWhatItHasWhenItEnds(t *testing.T) {
	b := newBehind(t, 2)
	begin, _ := b.store.Head()
	ctx, cancel := context.WithCancel(t.Context())
	b.sources["b"].broken = func(index uint64) error {
		if index > begin+100 {
			cancel()
		}
		return nil
	}
	if err := b.CatchUp(ctx, b.target); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if size, _ := b.store.Head(); size < begin+50 || size >= b.target.Size {
		t.Errorf("%d entries, began with %d", size, begin)
	}
	b.sources["b"].broken = nil
	if err := b.CatchUp(t.Context(), b.target); err != nil {
		t.Fatal(err)
	}
	b.done(t)
}

// TestCatchUpBelievesNobody has one peer lie in every way and another one be
// honest: what reaches the store is the cluster's ledger or nothing.
func TestCatchUpBelievesNobody(t *testing.T) {
	flip := func(at uint64, from int) func(uint64, *audit.Raw) {
		return func(index uint64, raw *audit.Raw) {
			if index == at {
				raw.Entry[len(raw.Entry)-1-from] ^= 1
			}
		}
	}
	for name, lie := range map[string]func(*source, *behind){
		"a bit in an event":    func(s *source, b *behind) { s.entry = flip(b.target.Size/2, 3) },
		"a bit in the last":    func(s *source, b *behind) { s.entry = flip(b.target.Size-1, 3) },
		"not an entry":         func(s *source, _ *behind) { s.entry = func(_ uint64, raw *audit.Raw) { raw.Entry = []byte("x") } },
		"no proof":             func(s *source, _ *behind) { s.proof = func([]merkle.Hash) []merkle.Hash { return nil } },
		"a wrong proof":        func(s *source, _ *behind) { s.proof = func(p []merkle.Hash) []merkle.Hash { p[0][0] ^= 1; return p } },
		"the wrong order":      func(s *source, b *behind) { s.machine = otherHistory(t, b, 40) },
		"another ledger":       func(s *source, b *behind) { s.machine = otherHistory(t, b, 0) },
		"an opening that lies": func(s *source, _ *behind) { s.entry = lyingOpening },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBehind(t, 3)
			lie(b.sources["b"], b)
			if err := b.CatchUp(t.Context(), b.target); err != nil {
				t.Fatal(err)
			}
			b.done(t)
		})
	}
}

func lyingOpening(_ uint64, raw *audit.Raw) {
	for _, o := range raw.Openings {
		o.Value += "x"
	}
}

// otherHistory is a valid ledger of the same genesis that leaves the cluster's
// after some submissions: what a peer that reorders could offer.
func otherHistory(t *testing.T, b *behind, same int) *machine {
	t.Helper()
	trade := storetest.NewTrade(storetest.Pseudorandom(7))
	m := newMachine(t, trade)
	if m.store.LedgerID() != b.store.LedgerID() {
		t.Fatal("the same picks founded another ledger")
	}
	history(t, trade, same, []*machine{m}, nil)
	if same == 0 {
		admission := trade.Admit()
		applyAll(t, m, 1, encodeAll(t, trade.Now, []ledger.Submission{admission}))
		same = 1
	}
	for i := range 300 {
		submission := trade.Register(trade.Dealers[i%len(trade.Dealers)])
		trade.Twin.Apply(trade.Now, submission)
		applyAll(t, m, uint64(same+i+1), encodeAll(t, trade.Now, []ledger.Submission{submission}))
	}
	if size, _ := m.store.Head(); size < b.target.Size {
		t.Fatalf("the other history has %d entries, the target %d", size, b.target.Size)
	}
	return m
}

func TestOnePeerThatLiesDoesNotStopANode(t *testing.T) {
	b := newBehind(t, 3)
	delete(b.sources, "c")
	b.sources["b"].proof = func([]merkle.Hash) []merkle.Hash { return nil }
	before, _ := b.store.Head()
	if err := b.CatchUp(t.Context(), b.target); err == nil || errors.Is(err, consensus.ErrDiverged) {
		t.Errorf("got %v", err)
	}
	if after, _ := b.store.Head(); after != before {
		t.Errorf("%d entries were stored", after-before)
	}
}

// A leader names a target that nobody has, beside a checkpoint that is final:
// this node cannot get there, and is not the one that is wrong.
func TestATargetThatNobodyHasDoesNotStopANode(t *testing.T) {
	b := newBehind(t, 3)
	size, root := b.ahead.store.Head()
	b.target.Root[0] ^= 1
	snapshot := b.ahead.store.Snapshot()
	inner, err := merkle.RootAt(snapshot, size-1)
	if err = errors.Join(err, snapshot.Close()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		note  []byte
		stops bool
	}{
		"the cluster's": {b.trade.Note(size-1, inner), false},
		"of one node":   {b.trade.Note(size-1, inner, 0), true},
		"of another":    {b.trade.Note(size-1, root), true},
		"below":         {b.trade.Note(1, root), true},
		"none":          {nil, true},
	} {
		b.target.FinalNote = c.note
		if err := b.CatchUp(t.Context(), b.target); err == nil || errors.Is(err, consensus.ErrDiverged) != c.stops {
			t.Errorf("final checkpoint %s: %v", name, err)
		}
	}
}

func TestALedgerThatIsNotTheClustersStops(t *testing.T) {
	b := newBehind(t, 3)
	b.target.Root[0] ^= 1
	err := b.CatchUp(t.Context(), b.target)
	if !errors.Is(err, consensus.ErrDiverged) {
		t.Fatalf("got %v", err)
	}
	size, root := b.store.Head()
	for _, evidence := range []string{root.String(), b.target.Root.String()} {
		if !bytes.Contains([]byte(err.Error()), []byte(evidence)) {
			t.Errorf("%s is not in the evidence: %v", evidence, err)
		}
	}
	if after, _ := b.store.Head(); after != size {
		t.Errorf("%d entries were stored", after-size)
	}
	// At the target's size with another root there is nothing to ask for.
	b = newBehind(t, 3)
	if err := b.CatchUp(t.Context(), b.target); err != nil {
		t.Fatal(err)
	}
	b.target.Root[0] ^= 1
	if err := b.CatchUp(t.Context(), b.target); !errors.Is(err, consensus.ErrDiverged) {
		t.Errorf("got %v", err)
	}
}
