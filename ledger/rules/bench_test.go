package rules_test

import (
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// BenchmarkDecode decodes one registration from its bytes.
func BenchmarkDecode(b *testing.B) {
	w := newWorld(b)
	a := w.dealer()
	signed := w.candidate(w.event(a.id, stone()), a.key).Signed
	b.SetBytes(int64(len(signed.Event)))
	b.ReportAllocs()
	for b.Loop() {
		if _, rejection := ledger.DecodeEvent(1, signed); rejection != nil {
			b.Fatal(rejection)
		}
	}
}

// BenchmarkSequence runs the rules on batches of 256 verified registrations and
// builds their entries: no signature, no disk.
func BenchmarkSequence(b *testing.B) {
	w := newWorld(b)
	a := w.dealer()
	batch := make([]ledger.Candidate, 256)
	for i := range batch {
		batch[i] = w.candidate(w.event(a.id, stone()), a.key)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := rules.NewSequencer(w.id, 1, w.state, w.head)
		for _, c := range batch {
			if outcome, _ := s.Append(ledger.Submission{c}, w.now); outcome.Rejection != nil {
				b.Fatal(outcome.Rejection)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/event")
}
