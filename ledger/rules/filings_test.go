package rules_test

import (
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A part that was weighed too little has more of a book than of a mass. When what is
// filed off it is all lost, what the book has beyond it is lost, too: there is no output
// that could take it. Found by seed 11309 of the histories of node/workload.
func TestAllFilingsLost(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	band := w.register(a, alloy(custodyv1.Form_FORM_PART, of(gold, recycled(1_000_000))))
	w.do(a.id, &custodyv1.Reweigh{Item: w.on(band), Mass: massOf(995_000)}, a.key)
	ring := w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(band), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(995_000)}}})[0]
	w.changes(a, &custodyv1.Transform{
		Process: rework, Inputs: w.refs(ring), Filings: []*custodyv1.Filing{{Item: w.on(band), Micrograms: 199_000}},
		Balances: []*custodyv1.Balance{lost(metals, gold, 199_000)},
	})
	w.hasOrigin(band, "800000 recycled gold")
	if m := w.state.Matters[band]; m.Mass != 796_000 {
		t.Errorf("the band weighs %d", m.Mass)
	}
}
