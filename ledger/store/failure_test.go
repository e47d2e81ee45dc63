package store_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// fault makes operations of a file system fail: while it is on, every one that
// fits, once left is used up.
type fault struct {
	on   atomic.Bool
	left atomic.Int64
	fits func(errorfs.Op) bool
	err  error
}

func (f *fault) String() string { return "fault" }

func (f *fault) MaybeError(op errorfs.Op) error {
	if f.on.Load() && f.fits(op) && f.left.Add(-1) < 0 {
		return f.err
	}
	return nil
}

func writes(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }

// TestWriteFailures fills the disk at every write in turn. The write that hits
// it, or a later one, must fail, Fatal must be told once, nothing may panic or
// hang, and what is on the disk must be the state after one of the applies, no
// earlier than the last pointer that was acknowledged.
func TestWriteFailures(t *testing.T) {
	trade := storetest.NewTrade(picks(3))
	steps := script(trade, 12, 8)
	failures := 0
	for nth := int64(0); ; nth++ {
		disk := storetest.NewCrashable()
		f := &fault{fits: writes, err: syscall.ENOSPC}
		f.left.Store(nth)
		var told atomic.Int64
		opts := disk.Options()
		opts.MemTableBytes = 64 << 10
		opts.FS = errorfs.Wrap(opts.FS, f)
		opts.Fatal = func(error) { told.Add(1) }
		s := found(t, trade, opts)
		f.on.Store(true)
		durable, err := play(s, steps)
		closed := s.Close()
		f.on.Store(false)
		if failed := err != nil || closed != nil; failed != (told.Load() > 0) && nth%7 == 0 {
			t.Logf("write %d: apply %v, close %v, told %d times", nth, err, closed, told.Load())
		}
		if told.Load() > 1 {
			t.Fatalf("write %d: Fatal was told %d times", nth, told.Load())
		}
		if err != nil && told.Load() == 0 {
			t.Fatalf("write %d: %v, and Fatal was not told", nth, err)
		}
		c, after := survivor(t, disk.Crash(), steps, durable)
		closeStore(t, c)
		if err == nil && closed == nil {
			if after != len(steps)-1 {
				t.Fatalf("write %d: nothing failed, but %d of %d steps survived", nth, after, len(steps)-1)
			}
			if told.Load() == 0 {
				break
			}
		}
		failures++
	}
	if failures < 20 {
		t.Fatalf("only %d writes could fail", failures)
	}
	t.Logf("%d writes failed in turn", failures)
}

// play applies steps, with a pointer after every fourth, until one fails.
func play(s *store.Store, steps []step) (durable int, err error) {
	for i, st := range steps[1:] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			return durable, err
		}
		if i%4 == 3 {
			if err := s.SyncPointer(pointerTo(st)); err != nil {
				return durable, err
			}
			durable = i + 1
		}
	}
	return durable, nil
}

// TestOpenOnAFullDisk: opening must write what the last run left in the log into
// a table, and Pebble tries that again for ever.
func TestOpenOnAFullDisk(t *testing.T) {
	trade := storetest.NewTrade(picks(12))
	steps := script(trade, 4, 4)
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	durable, err := play(s, steps)
	if err != nil {
		t.Fatal(err)
	}
	crashed := disk.Crash()
	closeStore(t, s)

	f := &fault{fits: func(op errorfs.Op) bool { return writes(op) && strings.HasSuffix(op.Path, ".sst") }, err: syscall.ENOSPC}
	f.on.Store(true)
	var told atomic.Int64
	opts := crashed.Options()
	opts.FS = errorfs.Wrap(opts.FS, f)
	opts.Fatal = func(error) { told.Add(1) }
	if _, err := store.Open(folder, opts); !errors.Is(err, syscall.ENOSPC) || told.Load() != 1 {
		t.Fatalf("%v; Fatal was told %d times", err, told.Load())
	}
	s, _ = survivor(t, crashed.Crash(), steps, durable)
	closeStore(t, s)
}

// TestFailedStore: after a failed write nothing can be written or read any more.
func TestFailedStore(t *testing.T) {
	trade := storetest.NewTrade(picks(4))
	steps := script(trade, 4, 4)
	f := &fault{fits: writes, err: syscall.EIO}
	told := make(chan error, 1)
	opts := storetest.NewCrashable().Options()
	opts.FS = errorfs.Wrap(opts.FS, f)
	opts.Fatal = func(err error) { told <- err }
	s := found(t, trade, opts)
	if _, err := s.Apply(steps[1].position, steps[1].batches); err != nil {
		t.Fatal(err)
	}
	before := s.Position()
	f.on.Store(true)
	if err := s.SyncPointer(pointerTo(steps[1])); err == nil {
		t.Fatal("a sync on a broken disk succeeded")
	}
	if err := <-told; !strings.Contains(err.Error(), syscall.EIO.Error()) {
		t.Fatalf("Fatal was told %v", err)
	}
	f.on.Store(false)
	for name, write := range map[string]func() error{
		"apply":         func() error { _, err := s.Apply(steps[2].position, steps[2].batches); return err },
		"apply nothing": func() error { _, err := s.Apply(steps[2].position, nil); return err },
		"pointer":       func() error { return s.SyncPointer(pointerTo(steps[1])) },
		"target":        func() error { return s.SetTarget(pointerTo(steps[3])) },
		"adopt":         func() error { return s.AdoptTarget() },
		"err":           func() error { return s.Err() },
		"snapshot": func() error {
			snapshot := s.Snapshot()
			defer snapshot.Close()
			if _, ok := snapshot.EventIndex(ledger.EventID{}); ok {
				t.Error("found an event in a failed store")
			}
			if _, err := snapshot.Entry(0); !errors.Is(err, store.ErrFailed) {
				t.Error("entry: ", err)
			}
			return snapshot.Err()
		},
	} {
		if err := write(); !errors.Is(err, store.ErrFailed) {
			t.Errorf("%s: %v, want ErrFailed", name, err)
		}
	}
	if s.Position() != before {
		t.Fatal("the position moved")
	}
	_ = s.Close()
}

// TestReadFailures breaks reading in the middle. Apply must fail and write
// nothing, views must say that they cannot be relied on, entries must be named.
func TestReadFailures(t *testing.T) {
	trade := storetest.NewTrade(picks(5))
	steps := script(trade, 20, 10)
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	for _, st := range steps[1 : len(steps)-1] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	last := steps[len(steps)-1]
	for nth := int64(0); ; nth++ {
		f := &fault{err: syscall.EIO, fits: func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileReadAt }}
		f.left.Store(nth)
		opts := disk.Crash().Options()
		told := 0
		opts.Fatal = func(error) { told++ }
		opts.FS = errorfs.Wrap(opts.FS, f)
		f.on.Store(true)
		s, err := store.Open(folder, opts)
		if err != nil {
			if !errors.Is(err, syscall.EIO) && !strings.Contains(err.Error(), "input/output error") {
				t.Fatalf("read %d: %v", nth, err)
			}
			continue
		}
		readAll(t, s, trade.Twin)
		_, err = s.Apply(last.position, last.batches)
		f.on.Store(false)
		position, size := steps[len(steps)-2].position, steps[len(steps)-2].size
		if err == nil {
			position, size = last.position, last.size
		} else if told != 1 || s.Err() == nil {
			t.Fatalf("read %d: %v, Fatal told %d times", nth, err, told)
		}
		if got, _ := s.Head(); s.Position() != position || got != size {
			t.Fatalf("read %d: at %s with %d entries after %v", nth, s.Position(), got, err)
		}
		_ = s.Close()
		if err == nil && f.left.Load() > 0 {
			break
		}
	}
}

// readAll reads everything that the twin knows. What is not refused with an
// error must be right.
func readAll(t *testing.T, s *store.Store, twin *storetest.Twin) {
	t.Helper()
	snapshot := s.Snapshot()
	defer snapshot.Close()
	for id, want := range twin.Events {
		if want >= snapshot.Size() {
			continue
		}
		got, ok := snapshot.EventIndex(id)
		if (!ok || got != want) && snapshot.Err() == nil {
			t.Fatalf("event %s at %d, %v, want %d", id, got, ok, want)
		}
		if r, ok, err := snapshot.Receipt(id); err == nil && (!ok || r.Index != want || r.Leaf != twin.Leaves[want]) {
			t.Fatalf("receipt %+v", r)
		}
	}
	for id := range twin.Items {
		if _, ok := snapshot.Item(id); !ok && snapshot.Err() == nil && twin.Items[id].Registered < snapshot.Size() {
			t.Fatalf("item %s is missing", id)
		}
		if err := snapshot.ItemEntries(id, 0, func(uint64, []byte) (bool, error) { return true, nil }); err != nil && !isReadError(err) {
			t.Fatal(err)
		}
	}
	next := uint64(0)
	err := snapshot.Entries(0, snapshot.Size(), func(i uint64, entry []byte) error {
		if i != next || !slices.Equal(entry, twin.Entries[i]) {
			t.Fatalf("entry %d is wrong", i)
		}
		next++
		return nil
	})
	if err == nil && next != snapshot.Size() {
		t.Fatalf("%d of %d entries", next, snapshot.Size())
	}
	if err != nil && !isReadError(err) {
		t.Fatal(err)
	}
}

func isReadError(err error) bool {
	return errors.Is(err, store.ErrCorrupt) || strings.Contains(err.Error(), syscall.EIO.Error())
}
