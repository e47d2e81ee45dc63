package store_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

const folder = "/ledger"

var cluster = [32]byte{1}

func at(index uint64) ledger.Position {
	return ledger.Position{Cluster: cluster, Index: index, Term: 1 + index/10}
}

// tb is what testing.TB and rapid.T share.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// found creates and opens a ledger.
func found(t tb, trade *storetest.Trade, opts store.Options) *store.Store {
	t.Helper()
	if err := store.Create(folder, trade.File, opts); err != nil {
		t.Fatal(err)
	}
	return open(t, opts)
}

func open(t tb, opts store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(folder, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t tb, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTwin applies random submissions to a store and to the naive twin. Whatever
// one can be asked, the other must answer alike: outcomes, entries, state, every
// index, tree; and so must the store after it was closed and opened.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trade := storetest.NewTrade(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		trade.Council = true
		final, finalAt := uint64(0), uint64(0)
		opts := storetest.NewCrashable().Options()
		opts.MemTableBytes = 256 << 10
		s := found(t, trade, opts)
		defer func() { s.Close() }()
		index := uint64(0)
		for range rapid.IntRange(0, 25).Draw(t, "applies") {
			var batches []store.Batch
			var want [][]ledger.Outcome
			for range rapid.IntRange(0, 3).Draw(t, "batches") {
				var submissions []ledger.Submission
				for range rapid.IntRange(0, 4).Draw(t, "submissions") {
					submissions = append(submissions, trade.Next())
				}
				outcomes, _ := trade.Twin.Apply(trade.Now, submissions...)
				batches = append(batches, store.Batch{At: trade.Now, Submissions: submissions})
				want = append(want, outcomes)
			}
			index += uint64(rapid.IntRange(1, 3).Draw(t, "skip"))
			got, err := s.Apply(at(index), batches)
			if err != nil {
				t.Fatal(err)
			}
			compareOutcomes(t, got, want)
			if rapid.IntRange(0, 3).Draw(t, "final") == 0 {
				note := trade.FinalNote(rapid.Uint64Range(1, trade.Twin.Head.Size).Draw(t, "size"))
				parsed, err := checkpoint.ParseNote(note)
				if err != nil {
					t.Fatal(err)
				}
				newer := parsed.Size > final || parsed.Size == final && trade.Now/1000 > finalAt
				holds := newer || trade.Twin.Governs.HandoverDue(parsed.Size)
				trade.Twin.ApplyFinal(trade.Now, note)
				index++
				outcome, err := s.ApplyFinal(at(index), trade.Now, note)
				if err != nil || (outcome.Refused == nil) != holds {
					t.Fatalf("a final note of size %d after %d: %+v, %v", parsed.Size, final, outcome, err)
				}
				if newer {
					final, finalAt = parsed.Size, trade.Now/1000
				}
				if stored, ok := s.Final(); !ok || stored.Size != final || newer && string(stored.Note) != string(note) {
					t.Fatalf("the last final checkpoint is %v, expected size %d", stored.Checkpoint, final)
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "reopen") == 0 {
				closeStore(t, s)
				s = open(t, opts)
			}
		}
		for range 2 {
			if index > 0 && s.Position() != at(index) {
				t.Fatalf("position %s, want %s", s.Position(), at(index))
			}
			compare(t, s, trade.Twin)
			closeStore(t, s)
			s = open(t, opts)
		}
	})
}

// TestLongTwin: a trade long enough to set stones, draw on papers, strike numbers and
// destroy pieces; then the store, its twin and an audit have the same state.
func TestLongTwin(t *testing.T) {
	trade := storetest.NewTrade(picks(5))
	s := found(t, trade, storetest.NewCrashable().Options())
	defer closeStore(t, s)
	for index := range uint64(60) {
		var batches []store.Batch
		var want [][]ledger.Outcome
		for range 50 {
			submission := trade.Next()
			outcomes, _ := trade.Twin.Apply(trade.Now, submission)
			batches, want = append(batches, store.Batch{At: trade.Now, Submissions: []ledger.Submission{submission}}), append(want, outcomes)
		}
		got, err := s.Apply(at(index+1), batches)
		if err != nil {
			t.Fatal(err)
		}
		compareOutcomes(t, got, want)
	}
	compare(t, s, trade.Twin)
	state := audited(t, trade, s)
	for id, want := range trade.Twin.Items {
		got, ok := state.Item(id)
		matter, known := state.Matter(id)
		if !ok || !known || !reflect.DeepEqual(normalItem(got), normalItem(want)) || !reflect.DeepEqual(matter, trade.Twin.Matters[id]) {
			t.Fatalf("an audit has item %s as %+v of %+v, want %+v of %+v", id, got, matter, want, trade.Twin.Matters[id])
		}
		if !slices.Equal(state.Claims(id), trade.Twin.Standing[id]) {
			t.Fatalf("an audit has outside ids %v of item %s, want %v", state.Claims(id), id, trade.Twin.Standing[id])
		}
	}
	for id, want := range trade.Twin.Attestations {
		if got, ok := state.Attestation(id); !ok || got != want {
			t.Fatalf("an audit has attestation %+v, want %+v", got, want)
		}
	}
	for id, want := range trade.Twin.Papers {
		if got, ok := state.Paper(id); !ok || got != want {
			t.Fatalf("an audit has paper %+v, want %+v", got, want)
		}
	}
}

func compareOutcomes(t tb, got, want [][]ledger.Outcome) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("outcomes of %d batches, want %d", len(got), len(want))
	}
	for b := range want {
		if len(got[b]) != len(want[b]) {
			t.Fatalf("%d outcomes, want %d", len(got[b]), len(want[b]))
		}
		for i := range want[b] {
			if !reflect.DeepEqual(got[b][i], want[b][i]) {
				t.Fatalf("outcome %d of batch %d:\n%+v\nwant\n%+v", i, b, got[b][i], want[b][i])
			}
		}
	}
}

// compare asks a store everything that the twin knows.
func compare(t tb, s *store.Store, twin *storetest.Twin) {
	t.Helper()
	snapshot := s.Snapshot()
	defer snapshot.Close()
	compareEntries(t, snapshot, twin)
	compareState(t, snapshot, twin)
	compareIndexes(t, snapshot, twin)
	compareGovernance(t, snapshot, twin)
	if size, root := s.Head(); size != twin.Head.Size || root != twin.Root() {
		t.Fatalf("head %d %s, want %d %s", size, root, twin.Head.Size, twin.Root())
	}
	if err := snapshot.Err(); err != nil {
		t.Fatal(err)
	}
}

func compareEntries(t tb, snapshot *store.Snapshot, twin *storetest.Twin) {
	t.Helper()
	if snapshot.Head() != twin.Head || snapshot.Size() != twin.Head.Size || snapshot.Root() != twin.Root() {
		t.Fatalf("head %+v, want %+v", snapshot.Head(), twin.Head)
	}
	next := uint64(0)
	err := snapshot.Entries(0, snapshot.Size(), func(i uint64, entry []byte) error {
		if i != next || !bytes.Equal(entry, twin.Entries[i]) {
			t.Fatalf("entry %d differs", i)
		}
		next++
		return nil
	})
	if err != nil || next != snapshot.Size() {
		t.Fatalf("%d entries of %d: %v", next, snapshot.Size(), err)
	}
	for i, want := range twin.Entries {
		if entry, err := snapshot.Entry(uint64(i)); err != nil || !bytes.Equal(entry, want) {
			t.Fatalf("entry %d: %v", i, err)
		}
		openings, err := snapshot.Openings(uint64(i))
		if err != nil || !slices.Equal(openings, twin.Openings[uint64(i)]) {
			t.Fatalf("openings of entry %d: %v, %v", i, openings, err)
		}
	}
	for size := uint64(1); size <= snapshot.Size(); size += 1 + size/8 {
		if root, err := merkle.RootAt(snapshot, size); err != nil || root != twin.RootAt(size) {
			t.Fatalf("root at %d: %v, %v", size, root, err)
		}
	}
}

func compareState(t tb, snapshot *store.Snapshot, twin *storetest.Twin) {
	t.Helper()
	for id, want := range twin.Parties {
		if got, ok := snapshot.Party(id); !ok || !reflect.DeepEqual(got, normalParty(want)) {
			t.Fatalf("party %s: %+v, want %+v", id, got, want)
		}
	}
	for id, want := range twin.Keys {
		if got, ok := snapshot.Key(id); !ok || got != want {
			t.Fatalf("key %s: %+v, want %+v", id, got, want)
		}
	}
	for id, want := range twin.Items {
		if got, ok := snapshot.Item(id); !ok || !reflect.DeepEqual(got, normalItem(want)) {
			t.Fatalf("item %s: %+v, want %+v", id, got, want)
		}
	}
	for id, want := range twin.Matters {
		if got, ok := snapshot.Matter(id); !ok || !reflect.DeepEqual(got, want) {
			t.Fatalf("matter of %s: %+v, want %+v", id, got, want)
		}
	}
	for id, want := range twin.Attestations {
		if got, ok := snapshot.Attestation(id); !ok || got != want {
			t.Fatalf("attestation %s: %+v, want %+v", id, got, want)
		}
	}
	for id, want := range twin.Papers {
		if got, ok := snapshot.Paper(id); !ok || got != want {
			t.Fatalf("paper %x: %+v, want %+v", id, got, want)
		}
	}
	if got := snapshot.Policy(); !reflect.DeepEqual(got, normalPolicy(twin.Governs)) {
		t.Fatalf("policy %+v, want %+v", got, twin.Governs)
	}
	for party, references := range twin.Registrations {
		for reference, want := range references {
			if got, ok := snapshot.Registration(party, reference); !ok || got != want {
				t.Fatalf("registration %x: %s, want %s", reference, got, want)
			}
		}
	}
	for id, want := range twin.Events {
		if got, ok := snapshot.EventIndex(id); !ok || got != want {
			t.Fatalf("event %s: %d, want %d", id, got, want)
		}
		receipt, ok, err := snapshot.Receipt(id)
		if err != nil || !ok || receipt != (ledger.Receipt{Event: id, Index: want, RecordedAt: twin.Entry(want).RecordedAt, Leaf: twin.Leaves[want]}) {
			t.Fatalf("receipt of event %s: %+v %v", id, receipt, err)
		}
	}
	absent(t, snapshot)
}

// compareGovernance holds the list of entries that made the policy against all
// entries.
func compareGovernance(t tb, snapshot *store.Snapshot, twin *storetest.Twin) {
	t.Helper()
	var want []uint64
	for i := range twin.Entries {
		if kind := twin.Entry(uint64(i)).Kind; kind == ledger.KindGovernance || kind == ledger.KindHandover {
			want = append(want, uint64(i))
		}
	}
	if got, err := snapshot.GovernanceEntries(snapshot.Size()); err != nil || !slices.Equal(got, want) {
		t.Fatalf("entries of governance %v, want %v: %v", got, want, err)
	}
}

// absent asks for what is nowhere.
func absent(t tb, snapshot *store.Snapshot) {
	t.Helper()
	_, party := snapshot.Party(ledger.PartyID{1})
	_, key := snapshot.Key([20]byte{1})
	_, item := snapshot.Item(ledger.ItemID{1})
	_, registration := snapshot.Registration(ledger.PartyID{1}, ledger.Reference{})
	_, event := snapshot.EventIndex(ledger.EventID{1})
	_, receipt, err := snapshot.Receipt(ledger.EventID{1})
	_, matter := snapshot.Matter(ledger.ItemID{1})
	_, attestation := snapshot.Attestation(ledger.EventID{1})
	_, paper := snapshot.Paper(rules.PaperID{1})
	if matter || attestation || paper || party || key || item || registration || event || receipt || err != nil {
		t.Fatal("found what is not there: ", err)
	}
	if _, err := snapshot.Entry(snapshot.Size()); !errors.Is(err, store.ErrRange) {
		t.Fatal(err)
	}
}

// normalItem writes empty lists as nil, the form in which the store gives them.
func normalItem(i rules.Item) rules.Item {
	if len(i.Offers) == 0 {
		i.Offers = nil
	}
	if len(i.Terms) == 0 {
		i.Terms = nil
	}
	if len(i.Disputes) == 0 {
		i.Disputes = nil
	}
	if len(i.Holds) == 0 {
		i.Holds = nil
	}
	return i
}

func normalPolicy(p rules.PolicyState) rules.PolicyState {
	if len(p.Proposals) == 0 {
		p.Proposals = nil
	}
	return p
}

func normalParty(p rules.Party) rules.Party {
	if len(p.Memberships) == 0 {
		p.Memberships = nil
	}
	return p
}

func compareIndexes(t tb, snapshot *store.Snapshot, twin *storetest.Twin) {
	t.Helper()
	for party := range twin.Parties {
		for by, fits := range map[store.By]func(rules.Item) bool{
			store.ByHolder: func(i rules.Item) bool { return i.Status == rules.Live && i.Custody.Is(party) && !i.Set() },
			store.ByOwner: func(i rules.Item) bool {
				return i.Status == rules.Live && slices.ContainsFunc(i.Title, func(s rules.Share) bool { return s.Owner.Is(party) }) && !i.Set()
			},
			store.ByRegistrant: func(i rules.Item) bool { return i.Registrant == party },
		} {
			got := pages(t, func(after ledger.ItemID, limit int) ([]ledger.ItemID, error) {
				return snapshot.Items(by, party, after, limit)
			})
			if want := twin.ItemsWhere(fits); !slices.Equal(got, want) {
				t.Fatalf("items by %d of %s:\n%v\nwant\n%v", by, party, got, want)
			}
		}
	}
	claimed := map[rules.OutsideID]bool{}
	for _, item := range twin.ItemsWhere(func(rules.Item) bool { return true }) {
		compareItemEntries(t, snapshot, item, twin.ItemEntries(item))
		if got, err := snapshot.Contested(twin.Items[item]); err != nil || got != twin.Contested(item) {
			t.Fatalf("item %s is contested: %v, want %v: %v", item, got, twin.Contested(item), err)
		}
		ids, err := snapshot.OutsideIDs(item)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, twin.Standing[item]) || !slices.Equal(ids, snapshot.Claims(item)) {
			t.Fatalf("outside ids of item %s are %v, want %v", item, ids, twin.Standing[item])
		}
		for _, id := range ids {
			claimed[id] = true
		}
	}
	for id := range claimed {
		got := pages(t, func(after ledger.ItemID, limit int) ([]ledger.ItemID, error) {
			return snapshot.OutsideClaims(id, after, limit)
		})
		if want := twin.OutsideClaims(id); !slices.Equal(got, want) {
			t.Fatalf("claims of %v: %v, want %v", id, got, want)
		}
	}
}

// pages reads a paged list in pages of several sizes, which must agree.
func pages(t tb, read func(after ledger.ItemID, limit int) ([]ledger.ItemID, error)) []ledger.ItemID {
	t.Helper()
	var whole []ledger.ItemID
	for _, limit := range []int{store.PageMax, 1, 3} {
		var all []ledger.ItemID
		var after ledger.ItemID
		for {
			page, err := read(after, limit)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
			if len(page) < limit {
				break
			}
			if len(page) > limit {
				t.Fatalf("a page of %d, limit %d", len(page), limit)
			}
			after = page[limit-1]
		}
		if limit != store.PageMax && !slices.Equal(all, whole) {
			t.Fatalf("pages of %d give %v, one page %v", limit, all, whole)
		}
		whole = all
	}
	return whole
}

func compareItemEntries(t tb, snapshot *store.Snapshot, item ledger.ItemID, want []uint64) {
	t.Helper()
	from := func(from uint64, limit int) []uint64 {
		var got []uint64
		err := snapshot.ItemEntries(item, from, func(index uint64, entry []byte) (bool, error) {
			if stored, err := snapshot.Entry(index); err != nil || !bytes.Equal(stored, entry) {
				t.Fatalf("entry %d of item %s is another one (%v)", index, item, err)
			}
			got = append(got, index)
			return len(got) < limit, nil
		})
		if err != nil {
			t.Fatalf("entries of item %s from %d: %v", item, from, err)
		}
		return got
	}
	if got := from(0, len(want)+1); !slices.Equal(got, want) {
		t.Fatalf("entries of item %s: %v, want %v", item, got, want)
	}
	for i, index := range want {
		if got := from(index, 1); !slices.Equal(got, want[i:i+1]) {
			t.Fatalf("entries of item %s from %d: %v", item, index, got)
		}
		if got := from(index+1, len(want)+1); !slices.Equal(got, want[i+1:]) {
			t.Fatalf("entries of item %s after %d: %v", item, index, got)
		}
	}
}

// picks reads picks from bytes, for tests that need the same trade every time.
func picks(seed uint64) func(int) int { return storetest.Pseudorandom(seed) }
