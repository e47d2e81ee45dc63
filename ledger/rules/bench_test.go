package rules_test

import (
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
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

// BenchmarkApply runs the rules on one event of a kind, on a state that is there: no
// signature, no disk.
func BenchmarkApply(b *testing.B) {
	w := newWorld(b)
	a, c := w.dealer(), w.dealer()
	item := w.stone(a)
	offer := w.candidate(w.event(a.id, w.offerOf(item, c, sale)), a.key)
	sold := w.stone(a)
	made := w.do(a.id, w.offerOf(sold, c, sale), a.key)
	accept := w.candidate(w.event(c.id, w.accept(sold, made)), c.key)
	parcel := w.register(a, rough(minedIn(99*carat, "BW"), minedIn(1*carat, "RU")))
	parts := w.candidate(w.event(a.id, &custodyv1.Transform{Process: split, Inputs: w.refs(parcel), Outputs: []*custodyv1.Output{loose(2 * carat), loose(98 * carat)}}), a.key)
	var bars []ledger.ItemID
	for range 250 {
		bars = append(bars, w.register(a, alloy(custodyv1.Form_FORM_BULK, of(gold, minedIn(750, "GH", "ML")), of(silver, recycled(250)))))
	}
	var outputs []*custodyv1.Output
	for range 250 {
		outputs = append(outputs, ingot(custodyv1.Form_FORM_BULK, 1, 750, 2, 250))
	}
	largest := w.candidate(w.event(a.id, &custodyv1.Transform{Process: melt, Inputs: w.refs(bars...), Outputs: outputs}), a.key)
	for _, bench := range []struct {
		name      string
		candidate ledger.Candidate
	}{
		{"register", w.candidate(w.event(a.id, stone()), a.key)}, {"offer", offer}, {"accept", accept}, {"split", parts}, {"melt500", largest},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := rules.NewSequencer(w.id, 1, w.state, w.head)
				if outcome, _ := s.Append(ledger.Submission{bench.candidate}, w.now); outcome.Rejection != nil {
					b.Fatal(outcome.Rejection)
				}
			}
		})
	}
}
