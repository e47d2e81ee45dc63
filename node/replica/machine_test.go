package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// newMachine makes a machine on an empty ledger in memory.
func newMachine(t *testing.T, trade *storetest.Trade) *machine {
	t.Helper()
	disk := storetest.NewCrashable()
	if err := store.Create("ledger", trade.File, disk.Options()); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open("ledger", disk.Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	metrics, err := NewMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &machine{
		store: s, rulesVersion: ledger.RulesVersion1, verifier: sign.NewVerifier(64),
		verified: newVerifiedCache(), metrics: metrics, applied: func() {}, evidence: func(string, []byte, []byte) {},
	}
}

// applyAll applies commands at consecutive raft indexes from first on.
func applyAll(t *testing.T, m *machine, first uint64, commands ...[]byte) []*applied {
	t.Helper()
	var list []consensus.Command
	for i, data := range commands {
		list = append(list, consensus.Command{Index: first + uint64(i), Term: 1, Data: bytes.Clone(data)})
	}
	position := ledger.Position{Cluster: [32]byte{1}, Index: first + uint64(len(commands)) - 1, Term: 1}
	results, err := m.Apply(position, list)
	if err != nil {
		t.Fatal(err)
	}
	if m.store.Position() != position {
		t.Fatalf("the ledger stands at %v, expected %v", m.store.Position(), position)
	}
	var out []*applied
	for i, r := range results {
		a := r.(*applied)
		if a.entry.Index != first+uint64(i) {
			t.Errorf("result %d is of raft index %d", i, a.entry.Index)
		}
		out = append(out, a)
	}
	return out
}

func TestMachineAgreesWithTheTwin(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(2))
	cold, warm := newMachine(t, trade), newMachine(t, trade)
	index := uint64(1)
	for range 30 {
		var commands [][]byte
		var want []ledger.Outcome
		for range 20 {
			submission := trade.Next()
			outcomes, _ := trade.Twin.Apply(trade.Now, submission)
			want = append(want, outcomes...)
			commands = append(commands, encodeAll(t, trade.Now, []ledger.Submission{submission}))
			for _, candidate := range submission {
				warm.verified.put(candidate.VerifiedEvent)
			}
		}
		for _, m := range []*machine{cold, warm} {
			for i, got := range applyAll(t, m, index, commands...) {
				if got.refused != nil || len(got.outcomes) != 1 {
					t.Fatalf("got %+v", got)
				}
				sameOutcome(t, got.outcomes[0], want[i])
			}
		}
		index += uint64(len(commands))
	}
	size, root := cold.store.Head()
	otherSize, otherRoot := warm.store.Head()
	if size < 100 || size != otherSize || root != otherRoot || root != trade.Twin.Root() {
		t.Errorf("cold %d %v, warm %d %v, twin %v", size, root, otherSize, otherRoot, trade.Twin.Root())
	}
}

func sameOutcome(t *testing.T, got, want ledger.Outcome) {
	t.Helper()
	if (got.Rejection == nil) != (want.Rejection == nil) || len(got.Receipts) != len(want.Receipts) {
		t.Fatalf("got %+v, expected %+v", got, want)
	}
	if got.Rejection != nil {
		if *got.Rejection != *want.Rejection || got.At != want.At {
			t.Fatalf("got %v at %d, expected %v at %d", got.Rejection, got.At, want.Rejection, want.At)
		}
		return
	}
	for i := range want.Receipts {
		if got.Receipts[i] != want.Receipts[i] {
			t.Fatalf("got %+v, expected %+v", got.Receipts[i], want.Receipts[i])
		}
	}
}

// TestBadCommandsAreRejectionsAlike is what a faulty leader could have
// committed: every machine refuses it the same way and goes on.
func TestBadCommandsAreRejectionsAlike(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(3))
	good := trade.Admit()
	other := trade.Admit()
	encoded := func(s ledger.Submission) []byte {
		b, err := encodeSubmission(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	forged := bytes.Clone(encoded(good))
	forged[2+1+2] ^= 1 // first byte of the first signature
	cut := encodeAt(trade.Now, [][]byte{encoded(good)})
	cut = cut[:len(cut)-1]
	undecodable := append([]byte{0, 1, 1, 0, 64}, make([]byte, 64)...)
	undecodable = binary.BigEndian.AppendUint32(append(undecodable, 0), 3)
	undecodable = append(undecodable, 0xff, 0xff, 0xff)
	wrongOpening := ledger.Submission{good[0]}
	wrongOpening[0].Openings = append([]ledger.Opening(nil), good[0].Openings...)
	wrongOpening[0].Openings[0].Value += "x"
	together := append(binary.BigEndian.AppendUint16(nil, 2), encoded(good)[2:]...)
	together = append(together, encoded(other)[2:]...)

	for name, c := range map[string]struct {
		command []byte
		want    []ledger.Reason // of each submission; empty if it stands
	}{
		"not a command":       {cut, nil},
		"forged signature":    {encodeAt(trade.Now, [][]byte{forged, encoded(other)}), []ledger.Reason{ledger.BadSignature, ""}},
		"not an event":        {encodeAt(trade.Now, [][]byte{encoded(other), undecodable}), []ledger.Reason{"", ledger.Malformed}},
		"opening of another":  {encodeAt(trade.Now, [][]byte{encoded(wrongOpening)}), []ledger.Reason{ledger.OpeningMismatch}},
		"no group, two event": {encodeAt(trade.Now, [][]byte{together}), []ledger.Reason{ledger.GroupIncomplete}},
	} {
		t.Run(name, func(t *testing.T) {
			m, after := newMachine(t, trade), newMachine(t, trade)
			// The second machine has verified the good event itself, before.
			after.verified.put(good[0].VerifiedEvent)
			for _, m := range []*machine{m, after} {
				got := applyAll(t, m, 1, c.command)[0]
				if c.want == nil {
					if got.refused == nil || got.refused.Reason != ledger.Malformed || len(got.outcomes) != 0 {
						t.Fatalf("got %+v", got)
					}
				}
				for i, reason := range c.want {
					outcome := got.outcomes[i]
					if reason == "" && len(outcome.Receipts) != 1 || reason != "" && (outcome.Rejection == nil || outcome.Rejection.Reason != reason) {
						t.Errorf("submission %d: %+v, expected %q", i, outcome, reason)
					}
				}
			}
			size, root := m.store.Head()
			if otherSize, otherRoot := after.store.Head(); size != otherSize || root != otherRoot {
				t.Error("the two machines differ")
			}
		})
	}
}

func TestUnknownCommandVersionStopsTheNode(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(4))
	m := newMachine(t, trade)
	b := encodeAll(t, trade.Now, []ledger.Submission{trade.Admit()})
	b[0] = 9
	before := m.store.Position()
	_, err := m.Apply(ledger.Position{Cluster: [32]byte{1}, Index: 1, Term: 1}, []consensus.Command{{Index: 1, Term: 1, Data: b}})
	if !errors.Is(err, errCommandVersion) {
		t.Errorf("got %v", err)
	}
	if m.store.Position() != before {
		t.Error("the position moved")
	}
}

func TestSeveralCommandsOfOneApplyKeepTheirOutcomes(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(5))
	m := newMachine(t, trade)
	first, second := trade.Admit(), trade.Admit()
	one := encodeAll(t, trade.Now, []ledger.Submission{first})
	two := encodeAll(t, trade.Now+5, []ledger.Submission{first, second})
	got := applyAll(t, m, 1, one, []byte{commandVersion, 1}, two)
	if got[0].outcomes[0].Receipts[0].Duplicate || got[1].refused == nil {
		t.Errorf("got %+v, %+v", got[0], got[1])
	}
	again := got[2].outcomes[0].Receipts[0]
	if !again.Duplicate || again.Leaf != got[0].outcomes[0].Receipts[0].Leaf || again.RecordedAt != trade.Now {
		t.Errorf("the duplicate is %+v", again)
	}
	if next := got[2].outcomes[1].Receipts[0]; next.Index != 2 || next.RecordedAt != trade.Now+5 {
		t.Errorf("the next is %+v", next)
	}
}

func TestVerifiedCacheIsBoundedAndKeyedBySignatures(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(6))
	submission := trade.Admit()
	c := newVerifiedCache()
	c.put(submission[0].VerifiedEvent)
	forged := submission[0].Signed
	forged.Signatures = append([][]byte(nil), forged.Signatures...)
	forged.Signatures[0] = bytes.Clone(forged.Signatures[0])
	forged.Signatures[0][3] ^= 1
	if _, ok := c.take(forged); ok {
		t.Error("another signature is taken as verified")
	}
	if _, ok := c.take(submission[0].Signed); !ok {
		t.Error("a verified event is not found")
	}
	if _, ok := c.take(submission[0].Signed); ok {
		t.Error("an event is found twice")
	}
	for i := range 3 * verifiedEventsMax {
		signed := ledger.SignedEvent{Event: []byte{1}, Signatures: [][]byte{binary.BigEndian.AppendUint64(nil, uint64(i))}}
		c.put(ledger.VerifiedEvent{Event: &ledger.Event{Signed: signed}})
		if n := len(c.recent) + len(c.older); n > 2*verifiedEventsMax {
			t.Fatalf("%d events are kept", n)
		}
	}
	large := make([]byte, ledger.EventBytesMax)
	for i := range 3 * verifiedBytesMax / len(large) {
		large = bytes.Clone(large)
		binary.BigEndian.PutUint64(large, uint64(i))
		c.put(ledger.VerifiedEvent{Event: &ledger.Event{Signed: ledger.SignedEvent{Event: large, Signatures: [][]byte{large[:8]}}}})
		if c.bytes > verifiedBytesMax {
			t.Fatalf("%d bytes are kept", c.bytes)
		}
	}
}

func TestSubmissionsPastTheLimitAreRefused(t *testing.T) {
	metrics, err := NewMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &Replica{slots: make(chan struct{}, 2), metrics: metrics}
	for range cap(r.slots) {
		if !r.enter() {
			t.Fatal("a place up to the limit is refused")
		}
	}
	if _, err := r.Submit(t.Context(), nil); !errors.Is(err, consensus.ErrOverloaded) {
		t.Errorf("submit: %v", err)
	}
	if _, _, err := r.Propose(t.Context(), nil); !errors.Is(err, consensus.ErrOverloaded) {
		t.Errorf("propose: %v", err)
	}
	r.leave()
	if !r.enter() {
		t.Error("a place that was given back is refused")
	}
}
