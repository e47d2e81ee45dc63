package report_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/provenance/provenancetest"
	"github.com/custodyledger/custodyledger/ledger/report"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// ancestors is how many events stand behind the item of these tests.
const ancestors = 10_000

// deep makes an item with 10,000 events behind it: gold of 40 countries, registered,
// attested and melted together, then worked on a thousand times.
func deep(t testing.TB) (*provenancetest.World, ledger.ItemID) {
	w := provenancetest.New(t)
	dealer := w.Admit(custodyv1.Role_ROLE_REFINER, "CH")
	countries := []string{"AO", "AR", "AU", "BO", "BR", "BW", "CA", "CL", "CN", "CO"}
	var melted []ledger.ItemID
	total := uint64(0)
	for len(melted) < 30 {
		var bars []ledger.ItemID
		for n := range 149 {
			origin := provenancetest.Mined(10*gram, countries[(n+len(melted))%len(countries)])
			id := w.Make(dealer, provenancetest.Metal(custodyv1.Form_FORM_SINGLE, provenancetest.Of(gold, origin)))[0]
			w.Do(dealer, &custodyv1.Attest{Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT, Own: true, Number: "T1", DocumentSha256: make([]byte, 32),
				Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_STATED}}, Countries: origin.Countries})
			bars = append(bars, id)
		}
		melted = append(melted, w.Make(dealer, w.Change(melt, bars, metal(custodyv1.Form_FORM_SINGLE, 1490*gram, gold)))[0])
		total += 1490 * gram
	}
	item := w.Make(dealer, w.Change(melt, melted, metal(custodyv1.Form_FORM_SINGLE, total, gold)))[0]
	for len(w.Applied) < ancestors {
		total -= gram
		item = w.Make(dealer, w.Change(melt, []ledger.ItemID{item}, metal(custodyv1.Form_FORM_SINGLE, total, gold), metal(custodyv1.Form_FORM_SINGLE, gram, gold)))[0]
	}
	return w, item
}

// TestTenThousandAncestors: lineage and report of a piece with 10,000 events behind it,
// from the verified bundle on, in bounded memory; depth does not matter. How long it
// takes is for BenchmarkTenThousandAncestors to say.
func TestTenThousandAncestors(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 10,000 events")
	}
	w, item := deep(t)
	_, proved := w.Bundle(item)
	readOnce(t, proved)
}

// readOnce makes everything of a bundle that was verified.
func readOnce(t *testing.T, proved *bundle.Report) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	g, err := provenance.OfBundle(proved)
	if err != nil {
		t.Fatal(err)
	}
	l := report.NewLineage(g, g.Subjects[0], nil)
	r := report.New(g, report.Options{})
	if err := r.HTML(io.Discard, l); err != nil {
		t.Fatal(err)
	}
	if err := l.Tree(io.Discard, 0); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if len(g.Events) < ancestors || r.Upstream < 5000 {
		t.Fatalf("%d events, %d items", len(g.Events), r.Upstream)
	}
	const bytesMax = 128 << 20
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > bytesMax {
		t.Errorf("%d bytes allocated, at most %d", allocated, bytesMax)
	}
}

func BenchmarkTenThousandAncestors(b *testing.B) {
	w, item := deep(b)
	file, proved := w.Bundle(item)
	trust, err := bundle.TrustGenesis(w.GenesisFile)
	if err != nil {
		b.Fatal(err)
	}
	graph := func() *provenance.Graph {
		g, err := provenance.OfBundle(proved)
		if err != nil {
			b.Fatal(err)
		}
		return g
	}
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			if _, err := bundle.Verify(file, trust); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("graph", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			graph()
		}
	})
	g := graph()
	b.Run("report", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			report.New(g, report.Options{})
		}
	})
	b.Run("html", func(b *testing.B) {
		r, l := report.New(g, report.Options{}), report.NewLineage(g, g.Subjects[0], nil)
		for b.Loop() {
			if err := r.HTML(io.Discard, l); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lineage", func(b *testing.B) {
		for b.Loop() {
			l := report.NewLineage(g, g.Subjects[0], nil)
			if err := l.SVG(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}
