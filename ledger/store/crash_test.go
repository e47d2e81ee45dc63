package store_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// step is one write and what the ledger is after it.
type step struct {
	position ledger.Position
	batches  []store.Batch
	final    bool   // a note instead of batches, see settle
	note     []byte // of a final step
	at       uint64
	size     uint64
	root     merkle.Hash
}

// script makes up applies. The first step is the founding.
func script(trade *storetest.Trade, applies, submissions int) []step {
	steps := []step{{size: 1, root: trade.Twin.Root()}}
	for i := range applies {
		batch := store.Batch{}
		for range submissions {
			s := trade.Next()
			batch.At = trade.Now
			trade.Twin.Apply(batch.At, s)
			batch.Submissions = append(batch.Submissions, s)
		}
		// The twin took them one by one; the store takes all at the last time.
		steps = append(steps, step{position: at(uint64(len(steps))), batches: []store.Batch{batch}})
		if trade.Council && i%2 == 1 {
			trade.Twin.ApplyFinal(trade.Now, trade.FinalNote(trade.Twin.Head.Size))
			steps = append(steps, step{position: at(uint64(len(steps))), final: true})
		}
	}
	return settle(trade, steps)
}

// apply runs a step on a store.
func (st step) apply(s *store.Store) error {
	if st.final {
		_, err := s.ApplyFinal(st.position, st.at, st.note)
		return err
	}
	_, err := s.Apply(st.position, st.batches)
	return err
}

// settle runs the steps on a new twin as a store runs them.
func settle(trade *storetest.Trade, steps []step) []step {
	trade.Twin = storetest.NewTwin(trade.Genesis, trade.File)
	for i := range steps {
		for _, b := range steps[i].batches {
			trade.Twin.Apply(b.At, b.Submissions...)
		}
		if steps[i].final {
			// Of what was there one step earlier, so that there is something to prove.
			steps[i].at, steps[i].note = trade.Now, trade.FinalNote(steps[max(i-2, 0)].size)
			if trade.Twin.Governs.HandoverDue(steps[i-1].size) {
				steps[i].note = trade.FinalNote(steps[i-1].size)
			}
			trade.Twin.ApplyFinal(steps[i].at, steps[i].note)
		}
		steps[i].size, steps[i].root = trade.Twin.Head.Size, trade.Twin.Root()
	}
	return steps
}

// twinAt gives the twin after the steps up to i.
func twinAt(trade *storetest.Trade, steps []step, i int) *storetest.Twin {
	twin := storetest.NewTwin(trade.Genesis, trade.File)
	for _, s := range steps[:i+1] {
		for _, b := range s.batches {
			twin.Apply(b.At, b.Submissions...)
		}
		if s.final {
			twin.ApplyFinal(s.at, s.note)
		}
	}
	return twin
}

func pointerTo(s step) ledger.Pointer {
	return ledger.Pointer{
		Cluster: s.position.Cluster, Index: s.position.Index, Term: s.position.Term, Size: s.size, Root: s.root,
		ConfigurationIndex: 1, Configuration: []byte("members"),
	}
}

// survivor opens what a crash left and tells after which step it stands. It
// must be exactly the state after one of them, not before durable.
func survivor(t tb, crashed *storetest.Crashable, steps []step, durable int) (s *store.Store, after int) {
	t.Helper()
	s, err := store.Open(folder, crashed.Options())
	if err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	after = slices.IndexFunc(steps, func(st step) bool { return st.position == s.Position() })
	if after < durable {
		t.Fatalf("the crash left step %d, step %d was synced", after, durable)
	}
	if size, root := s.Head(); size != steps[after].size || root != steps[after].root {
		t.Fatalf("position of step %d with %d entries, want %d", after, size, steps[after].size)
	}
	return s, after
}

// TestCrashLosesASuffix crashes at random moments with all or a part of what
// was not synced lost. What is left must be the state after one of the applies,
// with its position, at or past the last synced pointer; applying the rest again
// must lead to the same ledger.
func TestCrashLosesASuffix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trade := storetest.NewTrade(picks(rapid.Uint64().Draw(t, "seed")))
		trade.Council = true
		steps := script(trade, rapid.IntRange(1, 16).Draw(t, "applies"), rapid.IntRange(1, 8).Draw(t, "submissions"))
		disk := storetest.NewCrashable()
		opts := disk.Options()
		opts.MemTableBytes = 64 << 10 // so that logs are switched and tables flushed
		s := found(t, trade, opts)
		durable := 0
		for i, st := range steps[1:] {
			if err := st.apply(s); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 7).Draw(t, "sync") == 0 {
				if err := s.SyncPointer(pointerTo(st)); err != nil {
					t.Fatal(err)
				}
				durable = i + 1
			}
			if rapid.IntRange(0, 7).Draw(t, "crash") == 0 {
				crashed := disk.Crash()
				if rapid.Bool().Draw(t, "partly") {
					crashed = disk.CrashPartly(50, rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "pieces"))))
				}
				recover := func() {
					c, after := survivor(t, crashed, steps, durable)
					defer c.Close()
					if p, ok := c.Pointer(); durable > 0 && (!ok || p.Position() != steps[durable].position) {
						t.Fatalf("pointer %v, want step %d", p, durable)
					}
					compare(t, c, twinAt(trade, steps, after))
					for _, st := range steps[after+1:] {
						if err := st.apply(c); err != nil {
							t.Fatal(err)
						}
					}
					compare(t, c, trade.Twin)
				}
				recover()
			}
		}
		compare(t, s, trade.Twin)
		closeStore(t, s)
		if _, after := survivor(t, disk.Crash(), steps, len(steps)-1); after != len(steps)-1 {
			t.Fatal("Close lost something")
		}
	})
}

// cuts injects nothing: before every operation that changes a disk it keeps what
// a power cut would leave. Pebble calls it from several goroutines.
type cuts struct {
	disk *storetest.Crashable
	mu   sync.Mutex
	left []*storetest.Crashable
}

func (c *cuts) String() string { return "(cuts)" }

func (c *cuts) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.left = append(c.left, c.disk.Crash())
	}
	return nil
}

// take gives what was kept since it was called last.
func (c *cuts) take() []*storetest.Crashable {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.left
	c.left = nil
	return left
}

// TestCrashAtEveryWrite founds, applies, syncs and catches up on a disk that is
// cut off before every single operation that changes it.
func TestCrashAtEveryWrite(t *testing.T) {
	trade := storetest.NewTrade(picks(7))
	steps := script(trade, 12, 10)
	disk := storetest.NewCrashable()
	cuts := &cuts{disk: disk}
	opts := disk.Options()
	opts.MemTableBytes = 64 << 10
	opts.FS = errorfs.Wrap(opts.FS, cuts)

	if err := store.Create(folder, trade.File, opts); err != nil {
		t.Fatal(err)
	}
	moments := cuts.take()
	for i, crashed := range append(moments, disk.Crash()) {
		s, err := store.Open(folder, crashed.Options())
		if errors.Is(err, store.ErrNotFounded) && i < len(moments)-1 {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
	}
	t.Logf("founding: %d moments", len(moments))

	s := open(t, opts)
	durable := 0
	check := func() {
		t.Helper()
		for _, crashed := range append(cuts.take(), disk.Crash()) {
			c, _ := survivor(t, crashed, steps, durable)
			closeStore(t, c)
		}
	}
	for i, st := range steps[1:] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
		check()
		if i%4 == 3 {
			if err := s.SyncPointer(pointerTo(st)); err != nil {
				t.Fatal(err)
			}
			after := disk.Crash()
			check()
			durable = i + 1
			c, _ := survivor(t, after, steps, durable)
			closeStore(t, c)
			check()
		}
	}
	if names, err := disk.FS().List(folder); err != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".sst") }) {
		t.Fatalf("no table was flushed, the test is too small: %v %v", names, err)
	}
	closeStore(t, s)
}

// TestCrashDuringCatchUp cuts the disk off before every write of a catch-up.
// What is left has a target and is at the position before, or has none and is
// at the target's.
func TestCrashDuringCatchUp(t *testing.T) {
	trade := storetest.NewTrade(picks(8))
	steps := script(trade, 8, 10)
	last := steps[len(steps)-1]
	target := pointerTo(last)
	disk := storetest.NewCrashable()
	cuts := &cuts{disk: disk}
	opts := disk.Options()
	opts.FS = errorfs.Wrap(opts.FS, cuts)
	s := found(t, trade, opts)
	if _, err := s.Apply(steps[1].position, steps[1].batches); err != nil {
		t.Fatal(err)
	}
	if err := s.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	cuts.take()
	first := disk.Crash()
	twin := twinAt(trade, steps, 1)
	for _, st := range steps[2:] {
		for _, b := range st.batches {
			_, block := twin.Apply(b.At, b.Submissions...)
			if err := s.Append(block); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.AdoptTarget(); err != nil {
		t.Fatal(err)
	}
	moments := append([]*storetest.Crashable{first}, cuts.take()...)
	for i, crashed := range append(moments, disk.Crash()) {
		c, err := store.Open(folder, crashed.Options())
		if err != nil {
			t.Fatal(err)
		}
		got, catching := c.Target()
		size, root := c.Head()
		pointer, pointed := c.Pointer()
		switch {
		case catching && (c.Position() != steps[1].position || got.Position() != target.Position() || pointed):
			t.Fatalf("moment %d: catching up to %s at %s", i, got.Position(), c.Position())
		case !catching && (c.Position() != target.Position() || !pointed || pointer.Position() != target.Position() || size != last.size || root != last.root):
			t.Fatalf("moment %d: at %s with %d entries", i, c.Position(), size)
		case catching && i == len(moments):
			t.Fatal("AdoptTarget returned and was lost")
		}
		closeStore(t, c)
	}
	compare(t, s, trade.Twin)
	closeStore(t, s)
}
