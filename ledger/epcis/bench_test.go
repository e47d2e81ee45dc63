package epcis

import (
	"io"
	"testing"
)

// BenchmarkEncode exports the made-up world: per EPCIS event.
func BenchmarkEncode(b *testing.B) {
	w := newWorld(b)
	w.all()
	g := w.graph()
	events := 0
	b.ReportAllocs()
	for b.Loop() {
		d := OfRange(g, 0, w.index+1)
		if err := d.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
		events += d.Written()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}
