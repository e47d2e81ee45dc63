package store_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// applier gives what applies one submission after the other, to a store and to its twin.
func applier(t *testing.T, trade *storetest.Trade, s *store.Store) func(ledger.Submission) {
	position := uint64(0)
	return func(submission ledger.Submission) {
		t.Helper()
		trade.Now++
		trade.Twin.Apply(trade.Now, submission)
		position++
		if _, err := s.Apply(at(position), []store.Batch{{At: trade.Now, Submissions: []ledger.Submission{submission}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLongHistory: an item of hundreds of entries is read in pages of any size from
// anywhere, and a page costs what is near it: damage far behind it is not met.
func TestLongHistory(t *testing.T) {
	const entries = 300
	trade := storetest.NewTrade(picks(9))
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	apply := applier(t, trade, s)
	apply(trade.Admit())
	registered := trade.Register(trade.Dealers[0])
	apply(registered)
	item := ledger.NewItemID(registered[0].ID, 0)
	for i := range entries {
		apply(trade.Lose(item))
		if i%3 == 0 {
			apply(trade.Register(trade.Dealers[0]))
		}
	}
	want := trade.Twin.ItemEntries(item)
	if len(want) != entries+1 {
		t.Fatalf("%d entries name the item", len(want))
	}
	snapshot := s.Snapshot()
	compareItemEntries(t, snapshot, item, want)
	snapshot.Close()
	closeStore(t, s)

	damaged := want[len(want)-2]
	if err := storetest.ReplaceEntry(disk.FS(), folder, damaged, nil); err != nil {
		t.Fatal(err)
	}
	s = open(t, disk.Options())
	defer closeStore(t, s)
	snapshot = s.Snapshot()
	defer snapshot.Close()
	read := func(from uint64, limit int) (got int, err error) {
		err = snapshot.ItemEntries(item, from, func(uint64, []byte) (bool, error) {
			got++
			return got < limit, nil
		})
		return got, err
	}
	for _, limit := range []int{1, 2, 100} {
		if got, err := read(0, limit); err != nil || got != limit {
			t.Errorf("%d entries of %d, far from the damage: %v", got, limit, err)
		}
	}
	got, err := read(0, entries+1)
	if !errors.Is(err, store.ErrCorrupt) || indexOf(err) != int64(damaged) {
		t.Errorf("%v, want entry %d named", err, damaged)
	}
	if got < entries/2 || got >= entries {
		t.Errorf("%d entries before the damage at %d of %d", got, entries-1, entries+1)
	}
}

// TestHistoryLinks: an entry that stands where another one belongs does not lead a
// history astray.
func TestHistoryLinks(t *testing.T) {
	trade := storetest.NewTrade(picks(9))
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	apply := applier(t, trade, s)
	apply(trade.Admit())
	first, second := trade.Register(trade.Dealers[0]), trade.Register(trade.Dealers[0])
	item := ledger.NewItemID(first[0].ID, 0)
	apply(first)
	apply(second)
	apply(trade.Lose(item))
	apply(trade.Lose(item))
	apply(trade.Lose(ledger.NewItemID(second[0].ID, 0)))
	closeStore(t, s)
	named := trade.Twin.ItemEntries(item)
	for name, entry := range map[string][]byte{
		"an event on another item": trade.Twin.Entries[named[2]+1],
		"a registration":           trade.Twin.Entries[named[0]],
		"the genesis":              trade.Twin.Entries[0],
		"what follows it":          trade.Twin.Entries[named[2]],
		"nothing that is an entry": []byte("no entry"),
	} {
		if err := storetest.ReplaceEntry(disk.FS(), folder, named[1], entry); err != nil {
			t.Fatal(err)
		}
		s := open(t, disk.Options())
		snapshot := s.Snapshot()
		err := snapshot.ItemEntries(item, 0, func(uint64, []byte) (bool, error) { return true, nil })
		if !errors.Is(err, store.ErrCorrupt) || indexOf(err) != int64(named[1]) {
			t.Errorf("%s: %v, want entry %d named", name, err, named[1])
		}
		snapshot.Close()
		closeStore(t, s)
	}
}

// TestMatterOfRegistration: what an item is made of is read from the entry that
// registered it, and from no other one that stands there.
func TestMatterOfRegistration(t *testing.T) {
	trade := storetest.NewTrade(picks(9))
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	batch := store.Batch{At: trade.Now, Submissions: []ledger.Submission{trade.Admit()}}
	registered := trade.Register(trade.Dealers[0])
	batch.Submissions = append(batch.Submissions, registered)
	trade.Twin.Apply(batch.At, batch.Submissions...)
	item := ledger.NewItemID(registered[0].ID, 0)
	batch.Submissions = append(batch.Submissions, trade.Lose(item))
	if _, err := s.Apply(at(1), []store.Batch{batch}); err != nil {
		t.Fatal(err)
	}
	trade.Twin.Apply(batch.At, batch.Submissions[2])
	closeStore(t, s)
	for name, entry := range map[string][]byte{
		"itself":               trade.Twin.Entries[2],
		"an event on the item": trade.Twin.Entries[3],
		"nothing":              nil,
	} {
		if err := storetest.ReplaceEntry(disk.FS(), folder, 2, entry); err != nil {
			t.Fatal(err)
		}
		s := open(t, disk.Options())
		snapshot := s.Snapshot()
		matter, ok := snapshot.Matter(item)
		if whole := name == "itself"; whole != ok || whole && !reflect.DeepEqual(matter, trade.Twin.Matters[item]) || !whole && indexOf(snapshot.Err()) != 2 {
			t.Errorf("%s: %v, %+v (%v)", name, ok, matter, snapshot.Err())
		}
		snapshot.Close()
		closeStore(t, s)
	}
}

// TestFormat5: a folder of the format before this one reads as it is, for an audit
// without a change, and goes on as one of this format.
func TestFormat5(t *testing.T) {
	trade := storetest.NewTrade(picks(6))
	steps := script(trade, 12, 6)
	half := len(steps) / 2
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	for _, st := range steps[1:half] {
		if err := st.apply(s); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	twin := twinAt(trade, steps, half-1)
	if err := twin.MakeFormat5(disk.FS(), folder); err != nil {
		t.Fatal(err)
	}
	before := listing(t, disk)
	opts := disk.Options()
	opts.ReadOnly = true
	s = open(t, opts)
	compare(t, s, twin)
	closeStore(t, s)
	if after := listing(t, disk); after != before {
		t.Fatalf("reading changed the folder:\n%s\nbefore\n%s", after, before)
	}
	for range 2 {
		s = open(t, disk.Options())
		compare(t, s, twin)
		closeStore(t, s)
	}
	s = open(t, disk.Options())
	defer closeStore(t, s)
	for _, st := range steps[half:] {
		if err := st.apply(s); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, s, trade.Twin)
}
