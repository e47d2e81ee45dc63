package store_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	auditor "github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// TestHandover changes the policy twice at one store, brings another one up by
// blocks, and has an auditor judge what both have.
func TestHandover(t *testing.T) {
	trade := storetest.NewTrade(picks(31))
	trade.Council = true
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	defer func() { s.Close() }()
	var blocks []rules.Block
	index := uint64(0)
	grow := func(until func(rules.PolicyState) bool) {
		t.Helper()
		for range 2000 {
			if until(s.Governance()) {
				return
			}
			submission := trade.Next()
			_, block := trade.Twin.Apply(trade.Now, submission)
			blocks = append(blocks, block)
			index++
			if _, err := s.Apply(at(index), []store.Batch{{At: trade.Now, Submissions: []ledger.Submission{submission}}}); err != nil {
				t.Fatal(err)
			}
		}
		t.Fatal("no policy was adopted")
	}
	final := func(size uint64, appends bool) {
		t.Helper()
		note := trade.FinalNote(size)
		before := trade.Twin.Head.Size
		if block := trade.Twin.ApplyFinal(trade.Now, note); len(block.Entries) > 0 {
			blocks = append(blocks, block)
		}
		index++
		outcome, err := s.ApplyFinal(at(index), trade.Now, note)
		if err != nil || outcome.Refused != nil {
			t.Fatalf("%+v, %v", outcome, err)
		}
		if got := trade.Twin.Head.Size > before; got != appends {
			t.Fatalf("size %d: a handover was appended: %v", size, got)
		}
		compare(t, s, trade.Twin)
	}
	for round := range 2 {
		grow(func(p rules.PolicyState) bool { return p.Adopted != nil })
		was := s.Policy()
		adopted := s.Governance().AdoptedAt
		final(adopted, false)
		grow(func(rules.PolicyState) bool { return trade.Twin.Head.Size > adopted+3 })
		final(adopted+1, true)
		now := s.Governance()
		if now.Since != trade.Twin.Head.Size-1 || now.InForce.ID() == was.ID() || now.Previous.ID() != was.ID() {
			t.Fatalf("round %d: %+v", round, now)
		}
		final(trade.Twin.Head.Size, false)
		closeStore(t, s)
		s = open(t, disk.Options())
		if got := s.Governance(); !reflect.DeepEqual(got, normalPolicy(trade.Twin.Governs)) {
			t.Fatalf("after a start: %+v", got)
		}
		index++
		genesis := trade.Note(trade.Twin.Head.Size, trade.Twin.Root())
		if outcome, err := s.ApplyFinal(at(index), trade.Now, genesis); err != nil || !errors.Is(outcome.Refused, store.ErrNotFinal) {
			t.Fatalf("a note by keys that were replaced: %+v, %v", outcome, err)
		}
	}
	caughtUp(t, trade, s, blocks, at(index))
	audited(t, trade, s)
}

// caughtUp appends blocks to an empty store and compares. The target's final
// note is judged by the policy for its size.
func caughtUp(t *testing.T, trade *storetest.Trade, s *store.Store, blocks []rules.Block, position ledger.Position) {
	t.Helper()
	last, _ := s.Final()
	other := found(t, trade, storetest.NewCrashable().Options())
	defer other.Close()
	size, root := s.Head()
	target := pointerTo(step{position: position, size: size, root: root})
	target.FinalNote = last.Note
	if err := other.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks {
		if err := other.Append(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.AdoptTarget(); err != nil {
		t.Fatal(err)
	}
	compare(t, other, trade.Twin)
	if got, ok := other.Final(); !ok || string(got.Note) != string(last.Note) {
		t.Errorf("its last final checkpoint is %v, %v", got.Checkpoint, ok)
	}
}

// audited replays every entry of a store and gives what it comes to.
func audited(t *testing.T, trade *storetest.Trade, s *store.Store) *auditor.State {
	t.Helper()
	state, err := auditor.Start(trade.File)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := s.Snapshot()
	defer snapshot.Close()
	var raws []auditor.Raw
	err = snapshot.Entries(1, snapshot.Size(), func(_ uint64, entry []byte) error {
		raws = append(raws, auditor.Raw{Entry: append([]byte(nil), entry...)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := state.Replayer()
	block, err := r.Replay(state, r.Verify(raws))
	state.Apply(block)
	if err == nil {
		block, err = r.Finish(state, auditor.TreeHead{Size: snapshot.Size(), Root: snapshot.Root()})
		state.Apply(block)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(normalPolicy(state.Policy()), s.Governance()) {
		t.Errorf("the audit's policy is %+v, the store's %+v", state.Policy(), s.Governance())
	}
	return state
}
