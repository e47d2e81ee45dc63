package audit

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

func saved(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reloaded(t testing.TB, s *State) *State {
	t.Helper()
	state, err := Load(bytes.NewReader(saved(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestSavedStateContinues: from every size, a state that was saved and loaded
// leads to the same state as an audit from the genesis, and to the same file.
func TestSavedStateContinues(t *testing.T) {
	w := story(t)
	want := saved(t, w.state)
	states, _ := prefixes(w)
	for _, state := range append(states, reloaded(t, w.state)) {
		from := state.Head().Size
		report := w.auditFrom(state, w.source("one"), w.source("two"))
		if !report.OK() || report.From != from {
			t.Fatalf("from %d: %v", from, report.Findings())
		}
		if !bytes.Equal(saved(t, state), want) {
			t.Fatalf("from %d: another state", from)
		}
	}
}

// TestStateRefusesOtherLedgers: heads that do not continue what was verified.
func TestStateRefusesOtherLedgers(t *testing.T) {
	one, other, at := fork(t)
	saved := func() *State { return reloaded(t, one.state) }
	n := uint64(len(one.entries))

	shrunk := one.source("shrunk")
	shrunk.head = TreeHead{Size: at, Root: rootOf(one.entries[:at])}
	one.wants(t, "shrunk", one.auditFrom(saved(), shrunk), at, SizeShrunk)
	if report := one.auditFrom(saved(), shrunk, one.source("whole")); !report.OK() || !report.Sources[0].Behind {
		t.Errorf("a follower behind the state: %+v", report)
	}

	root := one.source("root")
	root.head.Root[0] ^= 1
	one.wants(t, "same size, other root", one.auditFrom(saved(), root), n-1, NotConsistent)
	one.wants(t, "other history", one.auditFrom(saved(), other.source("other")), n, NotConsistent)

	other.register("asha", 203)
	one.register("asha", 102)
	one.register("asha", 103)
	state := reloaded(t, one.state)
	for range 3 {
		one.register("asha", int(one.nonces))
	}
	if report := one.auditFrom(state, one.source("one")); !report.OK() {
		t.Error(report.Findings())
	}
}

// TestDamagedStateFile flips every byte and cuts at every length.
func TestDamagedStateFile(t *testing.T) {
	w := newWorld(t)
	w.admit("north", "asha")
	w.register("asha", 1)
	file := saved(t, w.state)
	for i := range file {
		if _, err := Load(bytes.NewReader(flip(file, 8*i+i%8))); !errors.Is(err, ErrStateFile) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := Load(bytes.NewReader(file[:i])); !errors.Is(err, ErrStateFile) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := Load(bytes.NewReader(append(slices.Clone(file), 0))); !errors.Is(err, ErrStateFile) {
		t.Fatal(err)
	}
	failing := io.MultiReader(bytes.NewReader(file[:99]), failingReader{})
	if _, err := Load(failing); !errors.Is(err, io.ErrNoProgress) || errors.Is(err, ErrStateFile) {
		t.Fatalf("a reader that fails: %v", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// FuzzLoad: no bytes make Load panic, and what it accepts has no other form.
// The checksum is made right, so that the fuzzer gets behind it.
func FuzzLoad(f *testing.F) {
	small := newWorld(f)
	f.Add(saved(f, small.state))
	small.admit("north", "asha")
	f.Add(saved(f, small.state))
	f.Add(saved(f, story(f).state))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 32 {
			sum := sumOf(file[:len(file)-32])
			file = append(slices.Clone(file[:len(file)-32]), sum[:]...)
		}
		state, err := Load(bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, ErrStateFile) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(saved(t, state), file) {
			t.Fatal("a second form of the same state")
		}
		for i := range state.items {
			if _, ok := state.Item(state.items[i].id); !ok {
				t.Fatal("an item that is not found")
			}
		}
	})
}

// TestEdge: the tree is rebuilt from its incomplete tiles at every size around
// the ends of tiles.
func TestEdge(t *testing.T) {
	var e edge
	for size := uint64(1); size <= 66_000; size++ {
		e.append(merkle.Hash{byte(size), byte(size >> 8), byte(size >> 16)})
		if m := size % 256; m > 2 && m < 254 && size > 300 {
			continue
		}
		again := edge{rows: e.rows}
		if err := again.rebuild(size); err != nil {
			t.Fatal(err)
		}
		if again.tree.Root() != e.tree.Root() {
			t.Fatalf("size %d: another root", size)
		}
		for level := range e.rows {
			if len(e.rows[level]) != rowLen(size, level) {
				t.Fatalf("size %d: level %d has %d hashes", size, level, len(e.rows[level]))
			}
		}
	}
}

func TestTable(t *testing.T) {
	var rows []ledger.EventID
	table := newTable(func(row uint32) ledger.EventID { return rows[row] })
	for i := range 5000 {
		id := ledger.EventID{byte(i), byte(i >> 8)}
		if _, ok := table.find(id); ok {
			t.Fatalf("row %d is there before it was added", i)
		}
		rows = append(rows, id)
		table.add(uint32(i))
		for _, k := range []int{0, i / 2, i} {
			if row, ok := table.find(rows[k]); !ok || row != uint32(k) {
				t.Fatalf("row %d of %d: %d, %v", k, i, row, ok)
			}
		}
	}
}
