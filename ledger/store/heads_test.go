package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// grown makes a ledger of a few applies.
func grown(t *testing.T, seed uint64, applies int) (*storetest.Trade, []step, *storetest.Crashable, *store.Store) {
	t.Helper()
	trade := storetest.NewTrade(storetest.Pseudorandom(seed))
	steps := script(trade, applies, 5)
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	for _, st := range steps[1:] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	return trade, steps, disk, s
}

func TestSignHead(t *testing.T) {
	_, steps, _, s := grown(t, 21, 6)
	defer s.Close()
	if _, ok := s.SignedHead(); ok {
		t.Error("a head before any was signed")
	}
	other := merkle.Hash{1}
	for _, c := range []struct {
		name string
		size uint64
		root merkle.Hash
		want error
	}{
		{"nothing", 0, merkle.EmptyRoot, store.ErrHeadForeign},
		{"past the end", steps[6].size + 1, steps[6].root, store.ErrHeadForeign},
		{"another root of an inner size", steps[3].size, other, store.ErrHeadForeign},
		{"another root of the whole", steps[6].size, other, store.ErrHeadForeign},
		{"an inner size", steps[3].size, steps[3].root, nil},
		{"again", steps[3].size, steps[3].root, nil},
		{"another root of what was signed", steps[3].size, other, store.ErrHeadSigned},
		{"a smaller one", steps[2].size, steps[2].root, store.ErrHeadOld},
		{"the whole", steps[6].size, steps[6].root, nil},
		{"the one before", steps[3].size, steps[3].root, store.ErrHeadOld},
	} {
		if _, err := s.SignHead(c.size, c.root, 7); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", c.name, err, c.want)
		}
	}
	if head, ok := s.SignedHead(); !ok || head.Size != steps[6].size || head.Root != steps[6].root {
		t.Errorf("the last signed head is %+v", head)
	}
}

// The time of a cosignature never goes back, whatever the clock does, also across
// a start.
func TestSignHeadNeverGoesBackInTime(t *testing.T) {
	_, steps, disk, s := grown(t, 27, 6)
	sign := func(i int, now, want uint64) {
		t.Helper()
		if at, err := s.SignHead(steps[i].size, steps[i].root, now); err != nil || at != want {
			t.Errorf("at %d: dated %d, %v; expected %d", now, at, err, want)
		}
		if head, _ := s.SignedHead(); head != (store.SignedHead{Size: steps[i].size, Root: steps[i].root, At: want}) {
			t.Errorf("remembers %+v", head)
		}
		lost := open(t, disk.Crash().Options())
		defer lost.Close()
		if head, ok := lost.SignedHead(); !ok || head.At != want {
			t.Errorf("after a power cut it remembers %+v", head)
		}
	}
	sign(2, 1_000, 1_000)
	sign(2, 400, 1_000)
	sign(2, 1_200, 1_200) // the same head anew, later
	sign(3, 900, 1_200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, disk.Options())
	defer s.Close()
	sign(4, 10, 1_200)
	sign(5, 1_300, 1_300)
	if _, err := s.SignHead(steps[4].size, steps[4].root, 9_999); !errors.Is(err, store.ErrHeadOld) {
		t.Error(err)
	}
	sign(5, 1_300, 1_300) // a refusal moves no time
}

func TestNoHeadIsSignedInACatchUp(t *testing.T) {
	_, steps, disk, s := grown(t, 22, 2)
	target := pointerTo(steps[2])
	target.Index, target.Size = target.Index+100, target.Size+100
	if err := s.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignHead(steps[2].size, steps[2].root, 7); !errors.Is(err, store.ErrCatchingUp) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignHead(steps[2].size, steps[2].root, 7); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	options := disk.Options()
	options.ReadOnly = true
	reader := open(t, options)
	defer reader.Close()
	if _, err := reader.SignHead(steps[2].size, steps[2].root, 7); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("a store for reading: %v", err)
	}
}

// What a node has signed lies never above what survives, and is never
// forgotten: cut at any moment, with any part of what was not synced.
func TestSignedHeadSurvivesAPowerCut(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			trade := storetest.NewTrade(storetest.Pseudorandom(100 + seed))
			steps := script(trade, 24, 3)
			disk := storetest.NewCrashable()
			options := disk.Options()
			options.MemTableBytes = 64 << 10
			s := found(t, trade, options)
			random := rand.New(rand.NewPCG(seed, 9))

			// signing runs beside the applies, as cosigning does.
			var mu sync.Mutex
			var signed store.SignedHead // the last for which SignHead has returned
			var crashed *storetest.Crashable
			var before store.SignedHead // signed when the power was cut
			heads := make(chan store.SignedHead, len(steps))
			var signing sync.WaitGroup
			signing.Go(func() {
				for head := range heads {
					at, err := s.SignHead(head.Size, head.Root, head.At)
					if err != nil {
						t.Error(err)
					}
					head.At = at
					mu.Lock()
					signed = head
					mu.Unlock()
				}
			})
			cut := 1 + random.IntN(len(steps)-1)
			for i, st := range steps[1:] {
				if _, err := s.Apply(st.position, st.batches); err != nil {
					t.Fatal(err)
				}
				if random.IntN(3) == 0 {
					heads <- store.SignedHead{Size: st.size, Root: st.root, At: random.Uint64N(50)}
				}
				if i+1 == cut {
					mu.Lock()
					before = signed
					crashed = disk.CrashPartly([]int{0, 0, 50, 100}[random.IntN(4)], random)
					mu.Unlock()
				}
			}
			close(heads)
			signing.Wait()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			after := open(t, crashed.Options())
			defer after.Close()
			size, _ := after.Head()
			head, ok := after.SignedHead()
			switch {
			case before.Size > 0 && !ok, head.Size < before.Size, head.At < before.At:
				t.Fatalf("%+v was signed, the node remembers %+v", before, head)
			case head.Size > size:
				t.Fatalf("size %d was signed, %d entries survive", head.Size, size)
			case !ok:
				return
			}
			// The same ledger again: neither a smaller size nor another root.
			if _, err := after.SignHead(head.Size, merkle.Hash{9}, 99); !errors.Is(err, store.ErrHeadSigned) {
				t.Errorf("another root: %v", err)
			}
			if at, err := after.SignHead(head.Size, head.Root, 0); err != nil || at != head.At {
				t.Errorf("dated %d after %d: %v", at, head.At, err)
			}
			if _, err := after.SignHead(1, steps[0].root, 99); head.Size > 1 && !errors.Is(err, store.ErrHeadOld) {
				t.Errorf("a smaller one: %v", err)
			}
		})
	}
}

func TestApplyFinal(t *testing.T) {
	trade, steps, disk, s := grown(t, 23, 6)
	next := steps[6].position.Index
	apply := func(note []byte) (store.FinalOutcome, error) {
		t.Helper()
		next++
		outcome, err := s.ApplyFinal(at(next), trade.Now, note)
		if err == nil && s.Position() != at(next) {
			t.Errorf("the ledger stands at %v, expected %v", s.Position(), at(next))
		}
		return outcome, err
	}
	size, root := s.Head()
	forged := trade.Note(steps[3].size, steps[3].root)
	forged[len(forged)-4] ^= 1
	for name, note := range map[string][]byte{
		"nothing":              nil,
		"no note":              []byte("a note"),
		"one node of two":      trade.Note(steps[3].size, steps[3].root, 0),
		"a size to come":       trade.Note(size+1, root),
		"a forged signature":   forged,
		"an empty ledger":      trade.Note(0, merkle.EmptyRoot),
		"a note of another":    bytes.Replace(trade.Note(steps[3].size, steps[3].root), []byte("store.example.org"), []byte("other.example.org"), 1),
		"another root, no two": trade.Note(steps[3].size, merkle.Hash{3}, 1),
	} {
		outcome, err := apply(note)
		if err != nil || !errors.Is(outcome.Refused, store.ErrNotFinal) || outcome.Contradicted != nil {
			t.Errorf("%s: %+v, %v", name, outcome, err)
		}
		if _, ok := s.Final(); ok {
			t.Fatalf("%s became final", name)
		}
	}
	if outcome, err := apply(trade.Note(steps[3].size, steps[3].root)); err != nil || outcome.Refused != nil || outcome.Final.Size != steps[3].size {
		t.Fatalf("%+v, %v", outcome, err)
	}
	for _, i := range []int{2, 3} {
		outcome, err := apply(trade.Note(steps[i].size, steps[i].root))
		if err != nil || !errors.Is(outcome.Refused, store.ErrNotFinal) || outcome.Contradicted != nil {
			t.Errorf("size %d after %d: %+v, %v", steps[i].size, steps[3].size, outcome, err)
		}
	}
	old := trade.Note(steps[2].size, merkle.Hash{4})
	if outcome, err := apply(old); err != nil || outcome.Refused == nil || outcome.Contradicted == nil || !bytes.Equal(outcome.Contradicted.Note, old) || outcome.Contradicted.Own.Root != steps[2].root {
		t.Errorf("a quorum for another ledger at an old size: %+v, %v", outcome, err)
	}
	if _, err := s.SignHead(steps[2].size, steps[2].root, 7); !errors.Is(err, store.ErrHeadOld) {
		t.Errorf("a head below the final one: %v", err)
	}

	// A quorum for another ledger: nothing changes, and there is evidence.
	before := s.Position()
	note := trade.Note(steps[5].size, merkle.Hash{5})
	_, err := s.ApplyFinal(at(next+1), trade.Now, note)
	var diverged *store.DivergedError
	if !errors.As(err, &diverged) || diverged.Own.Root != steps[5].root || diverged.Final.Root != (merkle.Hash{5}) || !bytes.Equal(diverged.Note, note) {
		t.Fatalf("got %v", err)
	}
	if s.Position() != before || s.Err() != nil {
		t.Error("it had an effect")
	}
	if outcome, err := s.CheckFinal(note); !errors.As(err, &diverged) {
		t.Errorf("asked beforehand: %+v, %v", outcome, err)
	}

	if _, err := apply(trade.Note(size, root)); err != nil {
		t.Fatal(err)
	}
	snapshot := s.Snapshot()
	final, ok := snapshot.Final()
	if !ok || final.Size != size || final.Root != root || !bytes.Equal(final.Note, trade.Note(size, root)) {
		t.Errorf("a snapshot has %v, %v", final.Checkpoint, ok)
	}
	snapshot.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, disk.Options())
	defer again.Close()
	if final, ok := again.Final(); !ok || final.Size != size {
		t.Errorf("after a start: %v", final.Checkpoint)
	}
}

// The same checkpoint, cosigned later by a quorum, replaces the stored note; one
// node's word about the time does not count.
func TestTheLastFinalCheckpointIsCosignedAnew(t *testing.T) {
	trade, steps, disk, s := grown(t, 28, 6)
	size, root := steps[4].size, steps[4].root
	next := steps[6].position.Index
	// dated makes a note of nodes at times, 0 for one that did not sign.
	dated := func(root merkle.Hash, times ...uint64) []byte {
		note := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: trade.Genesis.Name, Size: size, Root: root}}
		for i, at := range times {
			if at > 0 {
				note.Signatures = append(note.Signatures, trade.Nodes[i].Sign(trade.Genesis.Policy(), trade.Genesis.Nodes[i].ID, note.Checkpoint, at)...)
			}
		}
		return note.Encode()
	}
	for _, c := range []struct {
		name   string
		note   []byte
		stands bool
	}{
		{"the first", dated(root, 100, 100), true},
		{"again", dated(root, 100, 100), false},
		{"earlier", dated(root, 90, 90), false},
		{"one that says to be later", dated(root, 1<<50, 100), false},
		{"without a quorum", dated(root, 500), false},
		{"later", dated(root, 400, 401), true},
		{"later, with one in a time to come", dated(root, 1<<50, 402), true},
		{"later again", dated(root, 403, 403), true},
		{"another root", dated(merkle.Hash{1}, 900, 900), false},
	} {
		before, _ := s.Final()
		entries, _ := s.Head()
		next++
		outcome, err := s.ApplyFinal(at(next), trade.Now, c.note)
		if err != nil || (outcome.Refused == nil) != c.stands {
			t.Errorf("%s: %+v, %v", c.name, outcome.Refused, err)
		}
		want := before.Note
		if c.stands {
			want = c.note
		}
		if after, _ := s.Final(); !bytes.Equal(after.Note, want) {
			t.Errorf("%s: the stored note is\n%s", c.name, after.Note)
		}
		if now, _ := s.Head(); now != entries {
			t.Errorf("%s: it appended an entry", c.name)
		}
	}
	last, _ := s.Final()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, disk.Options())
	defer s.Close()
	if final, ok := s.Final(); !ok || !bytes.Equal(final.Note, last.Note) {
		t.Errorf("after a start: %s", final.Note)
	}
}

func TestTargetBringsItsFinalCheckpoint(t *testing.T) {
	for _, c := range []struct {
		name string
		note func(trade *storetest.Trade, steps []step) []byte
		want int // step whose size is final afterwards; -1 if none is
	}{
		{"none", func(*storetest.Trade, []step) []byte { return nil }, -1},
		{"one that holds", func(tr *storetest.Trade, st []step) []byte { return tr.Note(st[4].size, st[4].root) }, 4},
		{"of one node", func(tr *storetest.Trade, st []step) []byte { return tr.Note(st[4].size, st[4].root, 1) }, -1},
		{"of another ledger", func(tr *storetest.Trade, st []step) []byte { return tr.Note(st[4].size, merkle.Hash{1}) }, -1},
		{"past the target", func(tr *storetest.Trade, st []step) []byte { return tr.Note(st[5].size+1, st[5].root) }, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			trade, steps, disk, s := grown(t, 24, 5)
			target := pointerTo(steps[5])
			target.Index += 7
			target.FinalNote = c.note(trade, steps)
			if err := s.SetTarget(target); err != nil {
				t.Fatal(err)
			}
			if err := s.AdoptTarget(); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, disk.Crash().Options())
			defer s.Close()
			final, ok := s.Final()
			if c.want < 0 && ok || c.want >= 0 && final.Size != steps[c.want].size {
				t.Errorf("final is %v, %v", final.Checkpoint, ok)
			}
		})
	}
}

// A folder that has less than what its node signed was damaged or rolled back in part.
func TestOpenHoldsHeadsAgainstTheLedger(t *testing.T) {
	trade, steps, disk, s := grown(t, 25, 3)
	if _, err := s.SignHead(steps[3].size, steps[3].root, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyFinal(ledger.Position{Cluster: cluster, Index: 99, Term: 50}, trade.Now, trade.Note(steps[2].size, steps[2].root)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string][]byte{
		"msigned": append(append([]byte{2, 0, 0, 0, 0, 0, 0, 1, 0}, steps[3].root[:]...), make([]byte, 8)...),
		"mfinal":  append([]byte{1}, trade.Note(steps[2].size, merkle.Hash{7})...),
	} {
		tampered := disk.Crash()
		overwrite(t, tampered, key, value)
		if _, err := store.Open(folder, tampered.Options()); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// overwrite writes a value of a closed folder.
func overwrite(t *testing.T, disk *storetest.Crashable, key string, value []byte) {
	t.Helper()
	if err := storetest.Alter(disk.FS(), folder, func(b *pebble.Batch) error { return b.Set([]byte(key), value, nil) }); err != nil {
		t.Fatal(err)
	}
}
