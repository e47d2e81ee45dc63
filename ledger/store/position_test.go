package store_test

import (
	"errors"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestTradeCovers: the made-up trade records every kind of event of rules
// version 1, is refused for many reasons, sends events twice and in groups.
func TestTradeCovers(t *testing.T) {
	trade := storetest.NewTrade(picks(1))
	reasons, duplicates, groups := map[ledger.Reason]int{}, 0, 0
	for range 3000 {
		submission := trade.Next()
		outcomes, _ := trade.Twin.Apply(trade.Now, submission)
		switch o := outcomes[0]; {
		case o.Rejection != nil:
			reasons[o.Rejection.Reason]++
		case o.Receipts[0].Duplicate:
			duplicates++
		case len(submission) > 1:
			groups++
		}
	}
	kinds := map[string]int{}
	for i := range trade.Twin.Entries[1:] {
		event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, trade.Twin.Entry(uint64(i+1)).Signed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		kinds[bodyName(event.Body)]++
	}
	for _, kind := range []string{"admit", "sponsor", "suspend", "key add", "key revoke", "register", "void", "offer", "accept", "decline", "withdraw", "release", "reenter",
		"transform", "correct", "share", "attest", "attest withdraw", "dispute", "ruling", "hold", "hold release", "incident"} {
		if kinds[kind] < 3 {
			t.Errorf("%d events of kind %s; reasons %v", kinds[kind], kind, reasons)
		}
	}
	if len(reasons) < 8 || duplicates < 5 || groups < 5 {
		t.Errorf("reasons %v, %d duplicates, %d groups", reasons, duplicates, groups)
	}
}

func bodyName(body any) string {
	switch body.(type) {
	case *custodyv1.PartyAdmit:
		return "admit"
	case *custodyv1.PartySponsor:
		return "sponsor"
	case *custodyv1.PartySuspend:
		return "suspend"
	case *custodyv1.KeyAdd:
		return "key add"
	case *custodyv1.KeyRevoke:
		return "key revoke"
	case *custodyv1.ItemRegister:
		return "register"
	case *custodyv1.Transform:
		return "transform"
	case *custodyv1.Correct:
		return "correct"
	case *custodyv1.Share:
		return "share"
	case *custodyv1.Attest:
		return "attest"
	case *custodyv1.AttestWithdraw:
		return "attest withdraw"
	case *custodyv1.Dispute:
		return "dispute"
	case *custodyv1.Ruling:
		return "ruling"
	case *custodyv1.Hold:
		return "hold"
	case *custodyv1.HoldRelease:
		return "hold release"
	case *custodyv1.Incident:
		return "incident"
	case *custodyv1.ItemVoid:
		return "void"
	case *custodyv1.Offer:
		return "offer"
	case *custodyv1.Accept:
		return "accept"
	case *custodyv1.Decline:
		return "decline"
	case *custodyv1.Withdraw:
		return "withdraw"
	case *custodyv1.Release:
		return "release"
	case *custodyv1.Reenter:
		return "reenter"
	}
	return "unknown"
}

// TestApplyRefuses: what an Apply refuses leaves everything as it was.
func TestApplyRefuses(t *testing.T) {
	trade := storetest.NewTrade(picks(9))
	steps := script(trade, 4, 6)
	s := found(t, trade, storetest.NewCrashable().Options())
	defer s.Close()
	if _, err := s.Apply(ledger.Position{}, steps[1].batches); err == nil {
		t.Fatal("applied at no position")
	}
	apply := func(p ledger.Position, b []store.Batch) error { _, err := s.Apply(p, b); return err }
	for _, st := range steps[1:3] {
		if err := apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	other := at(7)
	other.Cluster = [32]byte{2}
	for _, tt := range []struct {
		name     string
		position ledger.Position
		batches  []store.Batch
		want     error
	}{
		{"the same position", steps[2].position, steps[2].batches, store.ErrApplied},
		{"the same position, nothing to apply", steps[2].position, nil, store.ErrApplied},
		{"an earlier position", steps[1].position, steps[3].batches, store.ErrApplied},
		{"another cluster", other, steps[3].batches, nil},
	} {
		if err := apply(tt.position, tt.batches); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if s.Position() != steps[2].position || s.Err() != nil {
			t.Fatalf("%s: moved to %s, %v", tt.name, s.Position(), s.Err())
		}
	}
	compare(t, s, twinAt(trade, steps, 2))
	if err := apply(at(50), nil); err != nil || s.Position() != at(50) {
		t.Fatal("a position alone: ", err)
	}
	if err := apply(other, nil); err != nil || s.Position() != other {
		t.Fatal("the opening of another cluster: ", err)
	}
	compare(t, s, twinAt(trade, steps, 2))
}

// TestPointers: what pointers and targets refuse.
func TestPointers(t *testing.T) {
	trade := storetest.NewTrade(picks(9))
	steps := script(trade, 4, 6)
	s := found(t, trade, storetest.NewCrashable().Options())
	defer s.Close()
	if _, ok := s.Pointer(); ok {
		t.Fatal("a pointer before the first")
	}
	for _, st := range steps[1:3] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	wrongRoot := pointerTo(steps[2])
	wrongRoot.Root[0]++
	ahead := pointerTo(steps[2])
	ahead.Size++
	for name, refused := range map[string]func() error{
		"a pointer to a later position": func() error { return s.SyncPointer(pointerTo(steps[3])) },
		"a pointer to another root":     func() error { return s.SyncPointer(wrongRoot) },
		"a pointer to a larger size":    func() error { return s.SyncPointer(ahead) },
		"a target behind":               func() error { return s.SetTarget(pointerTo(steps[1])) },
		"no target to adopt":            func() error { return s.AdoptTarget() },
	} {
		if err := refused(); !errors.Is(err, store.ErrTarget) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.SyncPointer(ledger.Pointer{Cluster: cluster}); err == nil || s.Err() != nil {
		t.Fatalf("an invalid pointer: %v, %v", err, s.Err())
	}
	for _, st := range []step{steps[1], steps[2]} {
		if err := s.SyncPointer(pointerTo(st)); err != nil {
			t.Fatal(err)
		}
		if p, ok := s.Pointer(); !ok || p.Position() != st.position || p.Root != st.root {
			t.Fatalf("pointer %+v", p)
		}
	}
}

// TestCatchUp follows one store's blocks with another, through an unclean end in
// the middle, and finds the same ledger.
func TestCatchUp(t *testing.T) {
	trade := storetest.NewTrade(picks(10))
	steps := script(trade, 8, 8)
	target := pointerTo(steps[len(steps)-1])
	disk := storetest.NewCrashable()
	s := found(t, trade, disk.Options())
	twin := storetest.NewTwin(trade.Genesis, trade.File)
	var blocks []rules.Block
	for _, st := range steps[1:] {
		for _, b := range st.batches {
			_, block := twin.Apply(b.At, b.Submissions...)
			blocks = append(blocks, block)
		}
	}
	if err := s.Append(blocks[0]); !errors.Is(err, store.ErrCatchingUp) {
		t.Fatal("an append without a target: ", err)
	}
	short := pointerTo(steps[1])
	if err := s.SetTarget(short); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(blocks[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(blocks[1]); !errors.Is(err, store.ErrNotNext) {
		t.Fatal("an append past the target: ", err)
	}
	if err := s.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(at(99), nil); !errors.Is(err, store.ErrCatchingUp) {
		t.Fatal("an apply while catching up: ", err)
	}
	if err := s.AdoptTarget(); !errors.Is(err, store.ErrTarget) {
		t.Fatal("adopted too early: ", err)
	}
	forged := rules.Block{Entries: append([]rules.Sequenced(nil), blocks[1].Entries...), Changes: blocks[1].Changes}
	entry := *forged.Entries[0].Entry
	entry.Prev[0]++
	forged.Entries[0].Entry = &entry
	for name, block := range map[string]rules.Block{"again": blocks[0], "with a gap": blocks[2], "with another entry before": forged} {
		if err := s.Append(block); !errors.Is(err, store.ErrNotNext) {
			t.Fatalf("a block %s: %v", name, err)
		}
	}
	closeStore(t, s)
	s = open(t, disk.Options())
	if p, ok := s.Target(); !ok || p.Position() != target.Position() {
		t.Fatalf("target %+v after a restart", p)
	}
	for _, block := range append(blocks[1:], rules.Block{}) {
		if err := s.Append(block); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Position().IsZero() {
		t.Fatal("an append moved the position")
	}
	if err := s.AdoptTarget(); err != nil {
		t.Fatal(err)
	}
	pointer, ok := s.Pointer()
	if _, catching := s.Target(); catching || !ok || pointer.Position() != target.Position() || s.Position() != target.Position() {
		t.Fatalf("after adopting: at %s, pointer %+v", s.Position(), pointer)
	}
	compare(t, s, trade.Twin)
	if _, err := s.Apply(at(99), nil); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
}

// TestSnapshotStays: a snapshot does not see what is written after it, keeps the
// store from closing, and refuses what does not exist.
func TestSnapshotStays(t *testing.T) {
	trade := storetest.NewTrade(picks(11))
	steps := script(trade, 6, 8)
	s := found(t, trade, storetest.NewCrashable().Options())
	var snapshots []*store.Snapshot
	for _, st := range steps[1:] {
		snapshots = append(snapshots, s.Snapshot())
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	for i, snapshot := range snapshots {
		twin := twinAt(trade, steps, i)
		compareEntries(t, snapshot, twin)
		compareState(t, snapshot, twin)
		compareIndexes(t, snapshot, twin)
	}
	for name, refused := range map[string]func(*store.Snapshot) error{
		"entries past the end": func(s *store.Snapshot) error { return s.Entries(0, s.Size()+1, nil) },
		"entries backwards":    func(s *store.Snapshot) error { return s.Entries(1, 0, nil) },
		"page too large": func(s *store.Snapshot) error {
			_, err := s.Items(store.ByOwner, ledger.PartyID{}, ledger.ItemID{}, store.PageMax+1)
			return err
		},
		"no such list": func(s *store.Snapshot) error {
			_, err := s.Items(3, ledger.PartyID{}, ledger.ItemID{}, 1)
			return err
		},
		"no hashes":           func(s *store.Snapshot) error { _, err := s.Hashes(0, 1, 1); return err },
		"hashes past the end": func(s *store.Snapshot) error { _, err := s.Hashes(0, s.Size(), s.Size()+1); return err },
		"no such level":       func(s *store.Snapshot) error { _, err := s.Hashes(8, 0, 1); return err },
		"too many hashes":     func(s *store.Snapshot) error { _, err := s.Hashes(0, 0, 257); return err },
	} {
		if err := refused(snapshots[0]); !errors.Is(err, store.ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	if err := snapshots[0].Entries(0, 1, func(uint64, []byte) error { return stop }); err != stop {
		t.Fatal("the error of the reader: ", err)
	}
	if err := s.Close(); !errors.Is(err, store.ErrBusy) {
		t.Fatal("closed with open snapshots: ", err)
	}
	for _, snapshot := range snapshots {
		if err := errors.Join(snapshot.Close(), snapshot.Close()); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
}

// TestTreeRows reads the tree at many sizes past several full rows, by snapshots
// of different sizes that share what they read.
func TestTreeRows(t *testing.T) {
	trade := storetest.NewTrade(picks(13))
	s := found(t, trade, storetest.NewCrashable().Options())
	var snapshots []*store.Snapshot
	submissions := []ledger.Submission{trade.Admit()}
	for i := range uint64(7) {
		for len(submissions) < 100 {
			submissions = append(submissions, trade.Register(trade.Dealers[0]))
		}
		trade.Twin.Apply(trade.Now, submissions...)
		if _, err := s.Apply(at(i+1), []store.Batch{{At: trade.Now, Submissions: submissions}}); err != nil {
			t.Fatal(err)
		}
		submissions = nil
		snapshots = append(snapshots, s.Snapshot())
	}
	if size, _ := s.Head(); size < 600 {
		t.Fatal("too few entries for two full rows")
	}
	for _, snapshot := range snapshots {
		for size := uint64(1); size <= snapshot.Size(); size += 13 {
			if root, err := merkle.RootAt(snapshot, size); err != nil || root != trade.Twin.RootAt(size) {
				t.Fatalf("root at %d in a ledger of %d: %v", size, snapshot.Size(), err)
			}
			proof, err := merkle.InclusionProof(snapshot, size-1, snapshot.Size())
			if err != nil {
				t.Fatal(err)
			}
			if err := merkle.VerifyInclusion(size-1, snapshot.Size(), trade.Twin.Leaves[size-1], proof, snapshot.Root()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
