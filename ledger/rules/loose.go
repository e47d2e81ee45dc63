package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const output = "transform.outputs"

// cut: a stone, or stones that are not told apart, become others of the same kind.
func (w *work) cut() *ledger.Rejection {
	in := w.matters[0]
	if rejection := w.mayWork(w.items); rejection != nil {
		return rejection
	}
	if in.Material != diamond && in.Material != gem {
		return ledger.RejectField(ledger.MaterialMismatch, "transform.inputs", "only diamonds and gems are cut")
	}
	for _, out := range w.outputs {
		if rejection := sameKind(in, out, output); rejection != nil {
			return rejection
		}
		if out.stage != custodyv1.Stage_STAGE_POLISHED && out.stage != in.Stage {
			return ledger.RejectField(ledger.MaterialMismatch, output+".stage", "nothing becomes rough again by being cut")
		}
	}
	w.make(in, in.Model)
	return w.unsorted(false)
}

// unsorted gives each output of one input of loose goods its part of what is left.
func (w *work) unsorted(asBefore bool) *ledger.Rejection {
	pool, rejection := w.settle(w.matters[:1], nil, asBefore)
	if rejection != nil {
		return rejection
	}
	books, rejection := w.dealt(sum(pool))
	if rejection != nil {
		return rejection
	}
	source := mixed(w.matters[0].Origin)
	for i := range w.made {
		w.made[i].Origin = []Component{{source, books[i]}}
	}
	return nil
}

// split: goods of one item are parted. Nothing is worked on.
func (w *work) split() *ledger.Rejection {
	in := w.matters[0]
	if rejection := w.mayWork(w.items); rejection != nil {
		return rejection
	}
	switch {
	case !divided(in) && (in.Form != single || in.Material != metal):
		return ledger.RejectField(ledger.FormInvalid, "transform.inputs", "one thing is not split; stones are cut, pieces are taken apart")
	case len(in.Children) > 0:
		return ledger.RejectField(ledger.FormInvalid, "transform.inputs", "items are set in these pieces; they stay together")
	}
	for _, out := range w.outputs {
		if rejection := w.splitOff(in, out); rejection != nil {
			return rejection
		}
	}
	if rejection := w.countsAddUp(in); rejection != nil {
		return rejection
	}
	w.make(in, in.Model)
	switch sorted := w.isSorted(); {
	case in.Form == piece:
		return w.splitPieces(in)
	case sorted:
		return w.sortedOut(in)
	case in.Material == metal:
		return w.blended(w.matters, nil)
	}
	return w.unsorted(true)
}

// splitOff asks whether an output can be a part of the input.
func (w *work) splitOff(in Matter, out goods) *ledger.Rejection {
	if rejection := sameKind(in, out, output); rejection != nil {
		return rejection
	}
	whole := in.Form == part || in.Form == piece
	made := out.matter()
	switch {
	case out.stage != in.Stage:
		return ledger.RejectField(ledger.MaterialMismatch, output+".stage", "a split polishes nothing")
	case whole != (out.form == part || out.form == piece) || whole && out.form != in.Form:
		return ledger.RejectField(ledger.FormInvalid, output+".form", "%s is not split into %s", vocabulary.Word(in.Form), vocabulary.Word(out.form))
	case in.Material == metal && !inProportion(in, made):
		return ledger.RejectField(ledger.CompositionInvalid, output+".composition", "the parts of an alloy are made of what it is made of, in the same proportions")
	}
	return nil
}

// countsAddUp: what was counted is in the outputs, each thing once.
func (w *work) countsAddUp(in Matter) *ledger.Rejection {
	if !isCounted(in) {
		return nil
	}
	total := uint64(0)
	for _, out := range w.outputs {
		n := things(out)
		switch {
		case n == 0:
			return ledger.RejectField(ledger.CountInvalid, output+".count", "the goods were counted, and so are the parts of them")
		case alike(in) && out.mass.Micrograms != in.Mass/uint64(in.Count)*n:
			return ledger.RejectField(ledger.ConservationViolated, output+".mass", "each of %d equal pieces weighs %d micrograms; %d of them do not weigh %d", in.Count, in.Mass/uint64(in.Count), n, out.mass.Micrograms)
		}
		total += n
	}
	if total != uint64(in.Count) {
		return ledger.RejectField(ledger.ConservationViolated, output+".count", "%d pieces go in and %d come out", in.Count, total)
	}
	return nil
}

// things is how many there are, 0 if nobody counted them.
func things(g goods) uint64 {
	switch {
	case g.count != 0 && g.basis != estimated:
		return uint64(g.count)
	case g.count == 0 && (g.form == single || g.form == part || g.form == piece):
		return 1
	}
	return 0
}

func (w *work) isSorted() bool {
	for _, o := range w.body.Outputs {
		if len(o.Allocation) > 0 {
			return true
		}
	}
	return false
}

// sortedOut gives each output the origins that it says: all of its book, and of no
// component more than there is.
func (w *work) sortedOut(in Matter) *ledger.Rejection {
	const field = output + ".allocation"
	if in.Material == metal {
		return ledger.RejectField(ledger.AllocationInvalid, field, "metals of several origins cannot be told apart; leave it out")
	}
	pool, rejection := w.settle(w.matters, nil, true)
	if rejection != nil {
		return rejection
	}
	books, rejection := w.dealt(sum(pool))
	if rejection != nil {
		return rejection
	}
	left := make([]uint64, len(in.Origin))
	for i, c := range in.Origin {
		left[i] = c.Micrograms
	}
	for i, o := range w.body.Outputs {
		book := uint64(0)
		origin := make([]Component, len(o.Allocation))
		for n, a := range o.Allocation {
			switch {
			case a.Component == 0 || int64(a.Component) > int64(len(left)):
				return ledger.RejectField(ledger.AllocationInvalid, field+".component", "component %d of %d", a.Component, len(left))
			case n > 0 && a.Component <= o.Allocation[n-1].Component:
				return ledger.RejectField(ledger.NonCanonical, field, "components must stand in ascending order, each once")
			case a.Micrograms > left[a.Component-1]:
				return ledger.RejectField(ledger.AllocationInvalid, field+".micrograms", "output %d takes %d micrograms of component %d, %d are left", i, a.Micrograms, a.Component, left[a.Component-1])
			}
			left[a.Component-1] -= a.Micrograms
			book += a.Micrograms
			origin[n] = Component{in.Origin[a.Component-1].Source, a.Micrograms}
		}
		if book != books[i] {
			return ledger.RejectField(ledger.AllocationInvalid, field, "output %d is allocated %d micrograms, its part of what is accounted for is %d", i, book, books[i])
		}
		w.made[i].Origin = origin
	}
	return nil
}

// splitPieces: so many of equal pieces have so many of each line of the bill.
func (w *work) splitPieces(in Matter) *ledger.Rejection {
	if len(w.body.Balances) > 0 {
		return ledger.RejectField(ledger.ConservationViolated, "transform.balances", "pieces are counted out; nothing is lost by it")
	}
	masses, counts := make([]uint64, len(w.outputs)), make([]uint32, len(w.outputs))
	for i, out := range w.outputs {
		masses[i], counts[i] = out.mass.Micrograms, uint32(things(out))
	}
	for i, m := range parted(in, masses, counts) {
		if rejection := w.checkPieceHS(i, m.Bill); rejection != nil {
			return rejection
		}
		m.Basis = w.made[i].Basis
		w.made[i] = m
	}
	return nil
}

// merge: goods are put together, and each stays what it is.
func (w *work) merge() *ledger.Rejection {
	if rejection := w.mayWork(w.items); rejection != nil {
		return rejection
	}
	first, out := w.matters[0], w.outputs[0]
	for _, in := range w.matters {
		if rejection := mergeable(in, first, out); rejection != nil {
			return rejection
		}
	}
	if rejection := w.mergedCount(out); rejection != nil {
		return rejection
	}
	w.make(first, 0)
	for _, in := range w.matters {
		w.made[0].TreatedBy = max(w.made[0].TreatedBy, in.TreatedBy)
	}
	pool, rejection := w.settle(w.matters, nil, false)
	if rejection != nil {
		return rejection
	}
	w.made[0].Model = joinedModel(w.matters, pool)
	w.made[0].Origin, rejection = bounded(present(pool))
	return rejection
}

func mergeable(in, first Matter, out goods) *ledger.Rejection {
	const field = "transform.inputs"
	if rejection := sameKind(in, out, output); rejection != nil {
		return rejection
	}
	parts := in.Form == part
	switch {
	case in.Form == piece || parts != (out.form == part) || out.form == single || out.form == piece:
		return ledger.RejectField(ledger.FormInvalid, output+".form", "%s is not put together to %s", vocabulary.Word(in.Form), vocabulary.Word(out.form))
	case in.Stage != out.stage:
		return ledger.RejectField(ledger.MaterialMismatch, field, "rough and polished goods stay apart")
	case treated(in.Treatments) != treated(first.Treatments):
		return ledger.RejectField(ledger.MaterialMismatch, field, "goods of different treatments stay apart, or the treatment of some would be forgotten")
	}
	return nil
}

// treated is a set of treatments to compare.
func treated(codes []string) (set [ledger.TreatmentsMax]string) {
	copy(set[:], codes)
	return set
}

// mergedCount: if all was counted, and what comes of it is, no thing is forgotten or made
// up; equal pieces were as equal before.
func (w *work) mergedCount(out goods) *ledger.Rejection {
	made := out.matter()
	total, known := uint64(0), true
	for _, in := range w.matters {
		n := uint64(in.Count)
		switch {
		case in.Form == single || in.Form == part && n == 0:
			n = 1
		case !isCounted(in):
			known = false
		}
		total += n
		if alike(made) && (!known || n > 1 && !alike(in) || in.Mass != made.Mass/uint64(made.Count)*n) {
			return ledger.RejectField(ledger.CountInvalid, output+".equal_pieces", "the pieces were not equal to these before")
		}
	}
	if out.form == part && !isCounted(made) {
		return ledger.RejectField(ledger.CountInvalid, output+".count", "say how many parts these are")
	}
	if known && isCounted(made) && total != uint64(made.Count) {
		return ledger.RejectField(ledger.ConservationViolated, output+".count", "%d pieces go in and %d come out", total, made.Count)
	}
	return nil
}

// treat: the same goods, of which more is to be disclosed.
func (w *work) treat() *ledger.Rejection {
	const field = "transform.treatments"
	if rejection := w.mayWork(w.items); rejection != nil {
		return rejection
	}
	m := w.matters[0]
	if m.Material == metal || m.Material == 0 {
		return ledger.RejectField(ledger.TreatmentInvalid, field, "only stones and pearls are treated")
	}
	if rejection := checkTreatments(w.body.Treatments, m.Material, m.Nature, m.Species); rejection != nil {
		rejection.Field = "transform." + rejection.Field
		return rejection
	}
	codes, rejection := joinTreatments(m.Treatments, w.body.Treatments.Codes)
	if rejection != nil {
		return rejection
	}
	m.Treatments, m.TreatedBy = codes, max(m.TreatedBy, w.body.Treatments.List)
	if len(w.body.Balances) > 0 {
		if rejection := w.treatedMass(&m); rejection != nil {
			return rejection
		}
	}
	w.changed = []Matter{m}
	return nil
}

// joinTreatments adds codes to those that are there. N says that there are none, and
// goes with the first one.
func joinTreatments(before, add []string) ([]string, *ledger.Rejection) {
	const none = "N"
	joined := make([]string, 0, len(before)+len(add))
	i, n := 0, 0
	for i < len(before) || n < len(add) {
		switch {
		case i < len(before) && before[i] == none:
			i++
		case n == len(add) || i < len(before) && before[i] < add[n]:
			joined = append(joined, before[i])
			i++
		case i < len(before) && before[i] == add[n]:
			i++
		default:
			joined = append(joined, add[n])
			n++
		}
	}
	switch {
	case add[0] == none:
		return nil, ledger.RejectField(ledger.TreatmentInvalid, "transform.treatments.codes", "no treatment takes another one away; N is for goods that were never treated")
	case len(joined) == len(before) && (len(before) == 0 || before[0] != none):
		return nil, ledger.RejectField(ledger.TreatmentInvalid, "transform.treatments.codes", "the goods have these treatments already")
	}
	return joined, nil
}

// treatedMass takes what a treatment cost off the goods.
func (w *work) treatedMass(m *Matter) *ledger.Rejection {
	at := int(m.Material)
	var in, none, out amounts
	in.add(*m)
	b := &w.balance
	if m.Mass+b.gain[at] <= b.loss[at]+b.shortfall[at] {
		return ledger.RejectField(ledger.LossTooLarge, "transform.balances", "nothing is left of the goods")
	}
	out[at] = m.Mass + b.gain[at] - b.loss[at] - b.shortfall[at]
	if rejection := conserve(&in, &none, &out, b, w.row.lossMax); rejection != nil {
		return rejection
	}
	if out[at] > ledger.MassMicrogramsMax || out[at] < uint64(m.Count) {
		return ledger.RejectField(ledger.MassMismatch, "transform.balances", "%d micrograms come out", out[at])
	}
	pool := pooled(m.Origin)
	if rejection := withoutLoss(m.Material, pool, b, &out, false); rejection != nil {
		return rejection
	}
	m.Mass, m.Origin = out[at], present(pool)
	m.EqualPieces = m.EqualPieces && m.Mass%uint64(m.Count) == 0
	return nil
}
