package store_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// TestCheckpoint: a copy that is made while the ledger grows is the ledger as it was at
// one moment, no earlier than the call, and stays so.
func TestCheckpoint(t *testing.T) {
	trade := storetest.NewTrade(picks(5))
	steps := script(trade, 40, 8)
	disk := storetest.NewCrashable()
	opts := disk.Options()
	opts.MemTableBytes = 64 << 10
	s := found(t, trade, opts)
	roots := map[uint64]string{}
	note := func() {
		size, root := s.Head()
		roots[size] = root.String()
	}
	note()
	for i := range len(steps) - 1 {
		if _, err := play(s, steps[i:i+2]); err != nil {
			t.Fatal(err)
		}
		note()
		if i != len(steps)/2 {
			continue
		}
		if err := s.Checkpoint("/copy"); err != nil {
			t.Fatal(err)
		}
		if err := s.Checkpoint("/copy"); err == nil {
			t.Error("a copy is made over another one")
		}
		before, _ := s.Head()
		// Power is cut: the copy was on disk when the call returned.
		later := opts
		later.FS = disk.Crash().FS()
		check(t, "/copy", later, before, roots)
		defer func() { check(t, "/copy", opts, before, roots) }()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint("/late"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a copy of a closed store: %v", err)
	}
}

func check(t *testing.T, dir string, opts store.Options, size uint64, roots map[uint64]string) {
	t.Helper()
	opts.ReadOnly = true
	s, err := store.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, root := s.Head(); got != size || root.String() != roots[got] {
		t.Errorf("the copy has %d entries with root %v, the ledger had %d with %s", got, root, size, roots[size])
	}
	if err := s.Checkpoint("/copy-of-copy"); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("a copy of a store that is open for reading: %v", err)
	}
}

// TestCheckpointFailures: wherever the disk of the copy fails, the ledger goes on.
func TestCheckpointFailures(t *testing.T) {
	trade := storetest.NewTrade(picks(7))
	steps := script(trade, 12, 8)
	disk := storetest.NewCrashable()
	f := &fault{err: syscall.ENOSPC, fits: func(op errorfs.Op) bool {
		return writes(op) && op.Kind != errorfs.OpRemoveAll && strings.HasPrefix(op.Path, "/copy")
	}}
	opts := disk.Options()
	opts.FS = errorfs.Wrap(opts.FS, f)
	opts.Fatal = func(err error) { t.Errorf("a copy stopped the store: %v", err) }
	s := found(t, trade, opts)
	done, failed := 0, 0
	for nth := int64(0); nth < 60; nth++ {
		f.left.Store(nth)
		f.on.Store(true)
		err := s.Checkpoint("/copy")
		f.on.Store(false)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
			t.Errorf("write %d fails: %v", nth, err)
		}
		if _, err := opts.FS.Stat("/copy"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("write %d fails, and the copy is still there: %v", nth, err)
		}
		failed++
		if done < len(steps)-1 {
			if _, err := play(s, steps[done:done+2]); err != nil {
				t.Fatalf("after a copy failed: %v", err)
			}
			done++
		}
	}
	if failed < 5 {
		t.Errorf("%d copies failed, the fault is not reached", failed)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
