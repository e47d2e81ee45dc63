package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// onDisk founds a ledger in a folder of the disk, applies the steps and closes it.
func onDisk(t *testing.T, trade *storetest.Trade, steps []step) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	if err := store.Create(dir, trade.File, store.Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range steps[1:] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	return dir
}

// TestFlippedByte flips bytes all over every file of a folder, one at a time.
// Opening it for an audit or reading it either gives what was stored or an
// error; of an entry that cannot be read the error names the index, and all
// entries before it are right.
func TestFlippedByte(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	steps := script(trade, 12, 12)
	dir := onDisk(t, trade, steps)
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	refused, named, harmless := 0, 0, 0
	for _, file := range names {
		path := filepath.Join(dir, file.Name())
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for offset := 0; offset < len(whole); offset += 1 + len(whole)/30 {
			flipped := slices.Clone(whole)
			flipped[offset] ^= 0x10
			if err := os.WriteFile(path, flipped, 0o644); err != nil {
				t.Fatal(err)
			}
			switch entry, err := audit(t, dir, trade.Twin); {
			case err == nil:
				harmless++
			case entry >= 0:
				named++
			case errors.Is(err, store.ErrCorrupt), strings.HasPrefix(file.Name(), "OPTIONS"), errors.Is(err, errCut):
				refused++
			default:
				t.Errorf("byte %d of %s: %v", offset, file.Name(), err)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := audit(t, dir, trade.Twin); err != nil {
		t.Fatal("the whole folder: ", err)
	}
	t.Logf("%d flips refused, %d named the entry, %d harmless", refused, named, harmless)
	if named < 10 || refused < 10 {
		t.Fatal("too few flips hit anything")
	}
}

// errCut: the newest entries are gone. Pebble takes damage at the end of its
// logs for a write that a crash interrupted.
var errCut = errors.New("the end is missing")

// audit reads everything of a folder. It gives the entry that an error names,
// or -1.
func audit(t *testing.T, dir string, twin *storetest.Twin) (entry int64, err error) {
	t.Helper()
	s, err := store.Open(dir, store.Options{ReadOnly: true, Fatal: func(err error) { t.Error("an audit reported ", err) }})
	if err != nil {
		if errors.Is(err, store.ErrNotFounded) || errors.Is(err, store.ErrLocked) {
			t.Fatalf("damage is reported as %v", err)
		}
		return indexOf(err), err
	}
	defer closeStore(t, s)
	snapshot := s.Snapshot()
	defer snapshot.Close()
	next := uint64(0)
	err = snapshot.Entries(0, snapshot.Size(), func(i uint64, b []byte) error {
		if i != next || !slices.Equal(b, twin.Entries[i]) {
			t.Fatalf("entry %d is wrong", i)
		}
		next++
		return nil
	})
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) || indexOf(err) != int64(next) {
			t.Fatalf("after %d entries: %v", next, err)
		}
		return indexOf(err), err
	}
	if next != twin.Head.Size {
		return -1, errCut
	}
	readAll(t, s, twin)
	return -1, snapshot.Err()
}

func indexOf(err error) int64 {
	var corrupt *store.CorruptError
	if errors.As(err, &corrupt) {
		return corrupt.Entry
	}
	return store.NoEntry
}

// TestReplacedEntry changes entries behind the store's back, with checksums
// that hold. The store itself finds it where its head is concerned; all else is
// for the audit, which reads what is there.
func TestReplacedEntry(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	steps := script(trade, 5, 5)
	last := trade.Twin.Head.Size - 1
	for _, tt := range []struct {
		name  string
		index uint64
		entry []byte
		opens bool
	}{
		{"genesis", 0, trade.Twin.Entries[1], false},
		{"last", last, trade.Twin.Entries[1], false},
		{"last gone", last, nil, false},
		{"past the end", last + 1, trade.Twin.Entries[1], false},
		{"middle gone", 3, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := storetest.NewCrashable()
			s := found(t, trade, disk.Options())
			for _, st := range steps[1:] {
				if _, err := s.Apply(st.position, st.batches); err != nil {
					t.Fatal(err)
				}
			}
			closeStore(t, s)
			if err := storetest.ReplaceEntry(disk.FS(), folder, tt.index, tt.entry); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(folder, disk.Options())
			if tt.opens {
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				snapshot := s.Snapshot()
				defer snapshot.Close()
				err = snapshot.Entries(0, snapshot.Size(), func(uint64, []byte) error { return nil })
				if _, err := snapshot.Entry(tt.index); indexOf(err) != int64(tt.index) {
					t.Fatalf("entry: %v", err)
				}
			}
			if !errors.Is(err, store.ErrCorrupt) || indexOf(err) != int64(tt.index) {
				t.Fatalf("%v, want entry %d named", err, tt.index)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	disk := storetest.NewCrashable()
	opts := disk.Options()
	if _, err := store.Open(folder, opts); !errors.Is(err, store.ErrNotFounded) {
		t.Fatal("a folder that is not there: ", err)
	}
	if err := disk.FS().MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(folder, opts); !errors.Is(err, store.ErrNotFounded) {
		t.Fatal("an empty folder: ", err)
	}
	if err := store.Create(folder, []byte("{}"), opts); !errors.Is(err, ledger.ErrGenesis) {
		t.Fatal("a bad genesis: ", err)
	}
	s := found(t, trade, opts)
	if _, err := store.Open(folder, opts); !errors.Is(err, store.ErrLocked) {
		t.Fatal("opened twice: ", err)
	}
	if err := store.Create(folder, trade.File, opts); !errors.Is(err, store.ErrNotEmpty) {
		t.Fatal("founded twice: ", err)
	}
	if g, file := s.Genesis(); g.Name != trade.Genesis.Name || string(file) != string(trade.File) || s.LedgerID() != ledger.GenesisID(trade.File) {
		t.Fatal("another genesis")
	}
	closeStore(t, s)
	if err := s.Close(); err != nil {
		t.Fatal("second Close: ", err)
	}
	if snapshot := s.Snapshot(); !errors.Is(snapshot.Err(), store.ErrClosed) || snapshot.Close() != nil {
		t.Fatal("snapshot of a closed store: ", snapshot.Err())
	}
	if _, err := s.Apply(at(1), nil); !errors.Is(err, store.ErrClosed) {
		t.Fatal("apply to a closed store: ", err)
	}
}

// TestShortenedTable: a table that lost its end is damage too.
func TestShortenedTable(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	dir := onDisk(t, trade, script(trade, 4, 4))
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	if err := os.Truncate(tables[0], 100); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(dir, store.Options{ReadOnly: true}); !errors.Is(err, store.ErrCorrupt) {
		t.Fatal(err)
	}
}

// TestLocked: on the disk too, and for readers.
func TestLocked(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	dir := onDisk(t, trade, script(trade, 1, 1))
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		if _, err := store.Open(dir, store.Options{ReadOnly: readOnly}); !errors.Is(err, store.ErrLocked) {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
}

// TestReadOnly opens a folder as a crash left it, in the middle of its log, and
// leaves every byte of it as it was.
func TestReadOnly(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	steps := script(trade, 6, 6)
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	for _, st := range steps[1:] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SyncPointer(pointerTo(steps[len(steps)-1])); err != nil {
		t.Fatal(err)
	}
	crashed := disk.Crash()
	before := listing(t, crashed)
	opts := crashed.Options()
	opts.ReadOnly = true
	r := open(t, opts)
	compare(t, r, trade.Twin)
	for name, write := range map[string]func() error{
		"apply":  func() error { _, err := r.Apply(at(99), nil); return err },
		"target": func() error { return r.SetTarget(pointerTo(steps[1])) },
	} {
		if err := write(); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	closeStore(t, r)
	if after := listing(t, crashed); after != before {
		t.Fatalf("reading changed the folder:\n%s\nbefore\n%s", after, before)
	}
	closeStore(t, s)
}

// listing gives names and sizes, without the lock.
func listing(t *testing.T, disk *storetest.Crashable) string {
	t.Helper()
	names, err := disk.FS().List(folder)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		f, err := disk.FS().Open(folder + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, info.Size())
		if len(content) > 0 {
			if _, err := f.ReadAt(content, 0); err != nil {
				t.Fatal(err)
			}
		}
		b.WriteString(name + " " + string(content) + "\n")
		f.Close()
	}
	return b.String()
}
