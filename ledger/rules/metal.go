package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// melt: metals become metals, and nobody can tell any more which part of one came from
// where. A melt is the same in all of its outputs; a refining parts metals from each
// other.
func (w *work) melt() *ledger.Rejection {
	if rejection := w.mayWork(w.items); rejection != nil {
		return rejection
	}
	for _, in := range w.matters {
		if in.Material != metal {
			return ledger.RejectField(ledger.MaterialMismatch, "transform.inputs", "only metals are melted and refined; stones are taken out first")
		}
	}
	for _, l := range w.added {
		if l.Material != metal {
			return ledger.RejectField(ledger.MaterialMismatch, "transform.additions", "only metals are melted and refined")
		}
	}
	for _, out := range w.outputs {
		if out.material != metal {
			return ledger.RejectField(ledger.MaterialMismatch, output+".material", "metals become metals")
		}
	}
	w.make(Matter{}, 0)
	if w.body.Process == custodyv1.Process_PROCESS_MELT {
		for _, m := range w.made[1:] {
			if !inProportion(m, w.made[0]) {
				return ledger.RejectField(ledger.CompositionInvalid, output+".composition", "a melt is the same in all of its outputs; metals are parted by refining")
			}
		}
	}
	return w.blended(w.matters, w.added)
}

// blended gives every output, of each metal, of every source in proportion.
func (w *work) blended(inputs []Matter, additions []Line) *ledger.Rejection {
	pool, rejection := w.settle(inputs, additions, len(inputs) == 1)
	if rejection != nil || len(w.made) == 0 {
		// Filings that are all lost: what they were weighed too little by goes with them.
		return rejection
	}
	model := joinedModel(inputs, pool)
	if len(additions) > 0 {
		model = custodyv1.Model_MODEL_UNSPECIFIED
	}
	if pool, rejection = bounded(present(pool)); rejection != nil {
		return rejection
	}
	origins := make([][]Component, len(w.made))
	blend(pool, w.made, origins)
	for i := range w.made {
		if len(origins[i]) == 0 {
			return w.tooLittle()
		}
		w.made[i].Origin, w.made[i].Model = origins[i], model
	}
	return nil
}
