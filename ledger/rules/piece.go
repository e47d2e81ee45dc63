package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A piece is a tree of items that cannot become anything else: what is set in is named
// by the events of its piece only, and a piece that is set in something sets nothing in.

// assemble: items become the parts of a new piece, and stay what they are.
func (w *work) assemble() *ledger.Rejection {
	if rejection := w.mayWork(w.items); rejection != nil {
		return rejection
	}
	out := w.outputs[0]
	switch {
	case out.form != piece:
		return ledger.RejectField(ledger.FormInvalid, output+".form", "parts are assembled to a piece")
	case out.count != 0:
		return ledger.RejectField(ledger.CountInvalid, output+".count", "one piece is assembled by one event; leave the count out")
	case len(w.items) > ledger.ChildrenMax:
		return ledger.RejectField(ledger.TooLarge, "transform.inputs", "%d items set in one piece, at most %d", len(w.items), ledger.ChildrenMax)
	case len(w.body.Balances) > 0:
		return ledger.RejectField(ledger.ConservationViolated, "transform.balances", "nothing is lost by setting; metal is filed off by a rework")
	}
	made := out.matter()
	made.Bill, made.Model = w.added, w.weakest(w.matters)
	made.Children = make([]ledger.ItemID, len(w.items))
	id := ledger.NewItemID(w.event.ID, 0)
	for i := range w.items {
		made.Children[i] = w.items[i].ID
		w.items[i].Within, w.items[i].Offers = id, nil
	}
	if mass := massOf(w.added) + massOf(w.matters); mass != made.Mass {
		return ledger.RejectField(ledger.ConservationViolated, output+".mass", "the parts weigh %d micrograms together, the piece %d", mass, made.Mass)
	}
	w.made = []Matter{made}
	return w.checkPieceHS(0, slices.Concat(w.matters, w.added))
}

// weakest gives the model of what goods are part of; what is added without an id has
// none.
func (w *work) weakest(matters []Matter) custodyv1.Model {
	model := matters[0].Model
	for _, m := range matters[1:] {
		model = weaker(model, m.Model)
	}
	if len(w.added) > 0 {
		return custodyv1.Model_MODEL_UNSPECIFIED
	}
	return model
}

func massOf(matters []Matter) uint64 {
	total := uint64(0)
	for _, m := range matters {
		total += m.Mass
	}
	return total
}

// checkPieceHS judges the customs code of an output that is a piece of such parts.
func (w *work) checkPieceHS(at int, parts []Matter) *ledger.Rejection {
	code := w.body.Outputs[at].HsCode
	if code == "" {
		return nil
	}
	rejection := checkPieceHS(code, parts)
	if rejection != nil {
		rejection.Field = output + "." + rejection.Field
	}
	return rejection
}

// thePiece judges the first input of an event that works on a piece.
func (w *work) thePiece(inputs int) *ledger.Rejection {
	if w.matters[0].Form != piece {
		return ledger.RejectField(ledger.FormInvalid, "transform.inputs", "the first input is the piece that is worked on")
	}
	return w.mayWork(w.items[:inputs])
}

// isPart asks whether an item is set in the piece and may be touched there.
func (w *work) isPart(item Item, field string) *ledger.Rejection {
	if item.Within != w.items[0].ID {
		return ledger.RejectField(ledger.NotPart, field, "item %s is not set in piece %s", item.ID, w.items[0].ID)
	}
	item.Within = ledger.ItemID{}
	return free(item, change)
}

// takenOut gives a part the registers of the piece that it was set in.
func (w *work) takenOut(item *Item) {
	whole := w.items[0]
	item.Within = ledger.ItemID{}
	item.Custody, item.Title, item.Terms = whole.Custody, whole.Title, whole.Terms
}

// disassemble: a piece ends, and what was set in it stands by itself again. Lines of its
// bill become items or are lost.
func (w *work) disassemble() *ledger.Rejection {
	if rejection := w.thePiece(1); rejection != nil {
		return rejection
	}
	whole := w.matters[0]
	for i := range w.items[1:] {
		if rejection := w.isPart(w.items[1+i], "transform.inputs"); rejection != nil {
			return rejection
		}
		w.takenOut(&w.items[1+i])
	}
	if len(w.items)-1 != len(whole.Children) {
		return ledger.RejectField(ledger.ProcessInvalid, "transform.inputs", "%d items are set in the piece, %d are named; name all of them behind it", len(whole.Children), len(w.items)-1)
	}
	var in, none, out amounts
	for _, line := range whole.Bill {
		in.add(line)
	}
	w.made = make([]Matter, len(w.outputs))
	used := make([]bool, len(whole.Bill))
	for i, o := range w.body.Outputs {
		at := int(o.BillLine) - 1
		if at >= len(whole.Bill) || used[at] {
			return ledger.RejectField(ledger.NotPart, output+".bill_line", "the bill has %d lines, each becomes one item at most", len(whole.Bill))
		}
		used[at] = true
		line := whole.Bill[at]
		if !isLine(w.outputs[i].matter(), line) {
			return ledger.RejectField(ledger.NotPart, output, "the output is not what line %d of the bill says", o.BillLine)
		}
		line.Model = whole.Model
		out.add(line)
		w.made[i] = line
	}
	if w.balance.gain != none || w.balance.shortfall != none {
		return ledger.RejectField(ledger.DifferenceTooLarge, "transform.balances", "lines of a bill come out as they stand there; weigh them again afterwards")
	}
	w.items[0].Status = Consumed
	return conserve(&in, &none, &out, &w.balance, w.row.lossMax)
}

// isLine tells whether goods are what a line of a bill says.
func isLine(m Matter, line Line) bool {
	return m.Material == line.Material && m.Form == line.Form && m.Nature == line.Nature && m.Stage == line.Stage &&
		m.Mass == line.Mass && m.Count == line.Count && m.CountBasis == line.CountBasis && m.EqualPieces == line.EqualPieces &&
		sameSpecies(m.Species, line.Species) && slices.Equal(m.Composition, line.Composition)
}

// rework: the same piece, with parts set in, taken out or filed.
func (w *work) rework() *ledger.Rejection {
	b, inputs := w.body, len(w.body.Inputs)
	if rejection := w.thePiece(inputs); rejection != nil {
		return rejection
	}
	whole := w.matters[0]
	switch {
	case whole.Count > 1:
		return ledger.RejectField(ledger.CountInvalid, "transform.inputs", "%d pieces are one item; split off the one that is worked on", whole.Count)
	case inputs == 1 && len(b.Removed) == 0 && len(b.Filings) == 0 && len(b.Additions) == 0:
		return ledger.RejectField(ledger.ProcessInvalid, "transform", "nothing is set in, taken out, filed or added")
	case len(b.Filings) == 0 && len(b.Outputs)+len(b.Balances) > 0:
		return ledger.RejectField(ledger.ProcessInvalid, "transform.outputs", "only what is filed off comes out as metal or is lost; what is taken out keeps its id")
	case len(whole.Bill)+len(w.added) > ledger.BillLinesMax:
		return ledger.RejectField(ledger.TooLarge, "transform.additions", "more than %d lines in the bill of one piece", ledger.BillLinesMax)
	}
	whole.Bill = slices.Concat(whole.Bill, w.added)
	whole.Model = w.weakest(w.matters[:inputs])
	whole.Children = slices.Clone(whole.Children)
	for i := inputs; i < inputs+len(b.Removed); i++ {
		if rejection := w.isPart(w.items[i], "transform.removed"); rejection != nil {
			return rejection
		}
		whole.Children = slices.DeleteFunc(whole.Children, func(id ledger.ItemID) bool { return id == w.items[i].ID })
		w.takenOut(&w.items[i])
	}
	for i := 1; i < inputs; i++ {
		whole.Children = append(whole.Children, w.items[i].ID)
		w.items[i].Within, w.items[i].Offers = whole.Item, nil
	}
	switch {
	case len(whole.Children) > ledger.ChildrenMax:
		return ledger.RejectField(ledger.TooLarge, "transform.inputs", "%d items set in one piece, at most %d", len(whole.Children), ledger.ChildrenMax)
	case len(whole.Children)+len(whole.Bill) == 0:
		return ledger.RejectField(ledger.ProcessInvalid, "transform.removed", "nothing is left of the piece; take it apart instead")
	}
	if rejection := w.file(inputs + len(b.Removed)); rejection != nil {
		return rejection
	}
	whole.Mass, whole.Basis = massOf(whole.Bill)+w.massOfChildren(whole.Children), custodyv1.MassBasis_MASS_BASIS_CALCULATED
	if whole.Mass > ledger.MassMicrogramsMax {
		return ledger.RejectField(ledger.MassMismatch, "transform.inputs", "the piece would weigh %d micrograms, at most %d are permitted", whole.Mass, uint64(ledger.MassMicrogramsMax))
	}
	w.changed = append(w.changed, whole)
	return nil
}

// massOfChildren adds up what is set in the piece, as the event leaves it.
func (w *work) massOfChildren(children []ledger.ItemID) uint64 {
	total := uint64(0)
	for _, id := range children {
		at := slices.IndexFunc(w.changed, func(m Matter) bool { return m.Item == id })
		if at >= 0 {
			total += w.changed[at].Mass
		} else {
			total += w.matter(id).Mass
		}
	}
	return total
}

// file takes metal off the parts that the event names from so many items on, and makes
// outputs of it.
func (w *work) file(from int) *ledger.Rejection {
	const field = "transform.filings"
	var filings []Matter
	for i, f := range w.body.Filings {
		item, m := w.items[from+i], w.matters[from+i]
		if rejection := w.isPart(item, field+".item"); rejection != nil {
			return rejection
		}
		switch {
		case m.Material != metal:
			return ledger.RejectField(ledger.MaterialMismatch, field+".item", "metal is filed off metal")
		case f.Micrograms >= m.Mass:
			return ledger.RejectField(ledger.PortionInvalid, field+".micrograms", "%d of %d micrograms: some stay, or the part is taken out", f.Micrograms, m.Mass)
		case alike(m) && (m.Mass-f.Micrograms)%uint64(m.Count) != 0:
			return ledger.RejectField(ledger.CountInvalid, field+".micrograms", "what is left is not %d equal parts", m.Count)
		}
		filed, left := filedOff(m, f.Micrograms)
		if len(filed.Origin) == 0 || len(left.Origin) == 0 {
			return w.tooLittle()
		}
		filings = append(filings, filed)
		w.changed = append(w.changed, left)
	}
	if len(filings) == 0 {
		return nil
	}
	for _, out := range w.outputs {
		if out.material != metal {
			return ledger.RejectField(ledger.MaterialMismatch, output+".material", "filings are metal")
		}
	}
	w.make(Matter{}, 0)
	return w.blended(filings, nil)
}

// filedOff parts a metal part of a piece into filings and what is left of it.
func filedOff(m Matter, micrograms uint64) (filed, left Matter) {
	compositions := partedComposition(m.Composition, []uint64{micrograms, m.Mass - micrograms})
	filed, left = m, m
	filed.Form, filed.Count, filed.CountBasis, filed.EqualPieces = bulk, 0, 0, false
	filed.Mass, filed.Composition = micrograms, compositions[0]
	left.Mass, left.Composition = m.Mass-micrograms, compositions[1]
	origins := make([][]Component, 2)
	blend(m.Origin, []Matter{filed, left}, origins)
	filed.Origin, left.Origin = origins[0], origins[1]
	return filed, left
}
