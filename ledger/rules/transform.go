package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// process is a row of the table of processes. DESIGN.md has it in words.
type process struct {
	inputsMin, inputsMax   int
	outputsMin, outputsMax int
	lossMax                uint64 // ‰ of what went in, of each substance
	sorted                 bool   // outputs may say which of the origins they have
	additions              bool
	ends                   bool // the inputs end
	pieces                 bool // there is a piece, of which parts are taken off or out
	judge                  func(*work) *ledger.Rejection
}

const many = ledger.ChangeItemsMax

var processes = [...]process{
	custodyv1.Process_PROCESS_CUT:         {inputsMin: 1, inputsMax: 1, outputsMin: 1, outputsMax: many, lossMax: 980, ends: true, judge: (*work).cut},
	custodyv1.Process_PROCESS_SPLIT:       {inputsMin: 1, inputsMax: 1, outputsMin: 2, outputsMax: many, lossMax: 10, ends: true, sorted: true, judge: (*work).split},
	custodyv1.Process_PROCESS_MERGE:       {inputsMin: 2, inputsMax: many, outputsMin: 1, outputsMax: 1, lossMax: 10, ends: true, judge: (*work).merge},
	custodyv1.Process_PROCESS_MELT:        {inputsMin: 1, inputsMax: many, outputsMin: 1, outputsMax: many, lossMax: 100, ends: true, additions: true, judge: (*work).melt},
	custodyv1.Process_PROCESS_REFINE:      {inputsMin: 1, inputsMax: many, outputsMin: 1, outputsMax: many, lossMax: 500, ends: true, additions: true, judge: (*work).melt},
	custodyv1.Process_PROCESS_TREAT:       {inputsMin: 1, inputsMax: 1, lossMax: 50, judge: (*work).treat},
	custodyv1.Process_PROCESS_ASSEMBLE:    {inputsMin: 1, inputsMax: many, outputsMin: 1, outputsMax: 1, additions: true, judge: (*work).assemble},
	custodyv1.Process_PROCESS_DISASSEMBLE: {inputsMin: 1, inputsMax: many, outputsMax: many, lossMax: 1000, judge: (*work).disassemble},
	custodyv1.Process_PROCESS_REWORK:      {inputsMin: 1, inputsMax: many, outputsMax: many, lossMax: 1000, additions: true, pieces: true, judge: (*work).rework},
}

// work is a change of matter while it is judged. Nothing is written before all of it
// is.
type work struct {
	*judge
	row  process
	body *custodyv1.Transform

	items   []Item   // in the order of the event: inputs, what is removed, what is filed
	matters []Matter // of items
	outputs []goods
	made    []Matter // of outputs; without ids
	added   []Line   // of additions
	balance balance  // as declared
	changed []Matter // of items that live on
}

// transform: a change of matter.
func (j *judge) transform(body *custodyv1.Transform) *ledger.Rejection {
	w := &work{judge: j, row: processes[body.Process], body: body}
	for _, step := range [...]func() *ledger.Rejection{w.checkForm, w.checkOutputs, w.checkAdditions, w.checkBalances, w.find} {
		if rejection := step(); rejection != nil {
			return rejection
		}
	}
	if rejection := w.row.judge(w); rejection != nil {
		return rejection
	}
	w.write()
	return nil
}

// checkForm asks whether the process has so many inputs, outputs and other things.
func (w *work) checkForm() *ledger.Rejection {
	b, row := w.body, w.row
	invalid := func(field, message string, args ...any) *ledger.Rejection {
		return ledger.RejectField(ledger.ProcessInvalid, "transform."+field, message, args...)
	}
	switch {
	case b.Country != "" && !ledger.IsCountry(b.Country):
		return ledger.RejectField(ledger.CountryInvalid, "transform.country", "%q is not an ISO 3166-1 alpha-2 code", b.Country)
	case len(b.Inputs) < row.inputsMin || len(b.Inputs) > row.inputsMax:
		return invalid("inputs", "%d inputs, this process has %d to %d", len(b.Inputs), row.inputsMin, row.inputsMax)
	case len(b.Outputs) < row.outputsMin || len(b.Outputs) > row.outputsMax:
		return invalid("outputs", "%d outputs, this process has %d to %d", len(b.Outputs), row.outputsMin, row.outputsMax)
	case len(b.Additions) > 0 && !row.additions:
		return invalid("additions", "nothing is added by this process")
	case len(b.Removed) > 0 && !row.pieces:
		return invalid("removed", "only a rework takes parts out of a piece that stays one")
	case len(b.Filings) > 0 && !row.pieces:
		return invalid("filings", "only a rework takes metal off the parts of a piece")
	case (b.Treatments != nil) != (b.Process == custodyv1.Process_PROCESS_TREAT):
		return invalid("treatments", "a treatment says what was done, other processes do not")
	}
	for _, o := range b.Outputs {
		if (o.BillLine != 0) != (b.Process == custodyv1.Process_PROCESS_DISASSEMBLE) {
			return invalid("outputs.bill_line", "the outputs of taking a piece apart are lines of its bill, others are not")
		}
		if len(o.Allocation) > 0 && !row.sorted {
			return ledger.RejectField(ledger.AllocationInvalid, "transform.outputs.allocation", "only a split is sorted by origin")
		}
	}
	return nil
}

// checkOutputs looks at what the outputs say, each by itself.
func (w *work) checkOutputs() *ledger.Rejection {
	w.outputs = make([]goods, len(w.body.Outputs))
	references := make(map[ledger.Reference]bool, len(w.body.Outputs)) // looked up only
	for i, o := range w.body.Outputs {
		g := outputGoods(o)
		w.outputs[i] = g
		rejection := g.check()
		if rejection == nil {
			rejection = checkOutsideIDs(o.OutsideIds, o.Material, o.Form)
		}
		if rejection == nil && o.Form != piece {
			rejection = g.checkHS()
		}
		if rejection != nil {
			rejection.Field = "transform.outputs." + rejection.Field
			return rejection
		}
		const field = "transform.outputs.reference"
		if rejection := w.checkReference(o.Reference, field); rejection != nil {
			return rejection
		}
		if len(o.Reference) > 0 {
			if references[ledger.Reference(o.Reference)] {
				return ledger.RejectField(ledger.ReferenceTaken, field, "two outputs under one reference")
			}
			references[ledger.Reference(o.Reference)] = true
		}
	}
	return nil
}

// checkAdditions: what is added without an id has no origin to declare.
func (w *work) checkAdditions() *ledger.Rejection {
	for _, line := range w.body.Additions {
		rejection := checkLine(line, 0)
		if rejection == nil && len(line.Origin) > 0 {
			rejection = ledger.RejectField(ledger.ProcessInvalid, "origin", "what is added without an id is of unknown origin; register it, if more is known")
		}
		if rejection != nil {
			rejection.Field = "transform.additions." + rejection.Field
			return rejection
		}
	}
	w.added = lines(w.body.Additions)
	return nil
}

func (w *work) checkBalances() (rejection *ledger.Rejection) {
	w.balance, rejection = balances(w.body.Balances)
	return rejection
}

// find looks up everything that the event names.
func (w *work) find() *ledger.Rejection {
	w.items, w.matters = make([]Item, len(w.event.Items)), make([]Matter, len(w.event.Items))
	for i, ref := range w.event.Items {
		item, rejection := w.itemAt(ref)
		if rejection != nil {
			return rejection
		}
		w.items[i], w.matters[i] = item, w.matter(item.ID)
	}
	return nil
}

// mayWork judges items that stand by themselves: the acting party holds them, owns them
// or has them for service, all under the same title and terms, and nothing stands in
// the way.
func (w *work) mayWork(items []Item) *ledger.Rejection {
	for i := range items {
		item := &items[i]
		item.Offers = w.standing(item.Offers)
		switch {
		case item.Set():
			return free(*item, change)
		case !item.Custody.Is(w.party.ID):
			return w.notHolder(*item)
		case !item.Owner().Is(w.party.ID) && !inService(*item):
			return w.notOwner(*item)
		case !sameTitle(*item, items[0]):
			return ledger.RejectField(ledger.TitleDiffers, "transform.inputs", "item %s has other owners or is held under other terms than the first input", item.ID)
		case len(item.Offers) > 0:
			return ledger.RejectField(ledger.OfferOpen, "transform.inputs", "an offer of entry %d stands on item %s; withdraw it first", item.Offers[0].Index, item.ID)
		}
		if rejection := free(*item, change); rejection != nil {
			return rejection
		}
	}
	return nil
}

// inService tells whether the holder has the item to work on it.
func inService(item Item) bool {
	return len(item.Terms) > 0 && item.Terms[len(item.Terms)-1].Mode == custodyv1.Mode_MODE_SERVICE
}

func sameTitle(a, b Item) bool {
	return slices.EqualFunc(a.Title, b.Title, func(x, y Share) bool { return x.Owner.Equal(y.Owner) && x.Parts == y.Parts }) &&
		slices.Equal(a.Terms, b.Terms)
}

// write carries the judged change out.
func (w *work) write() {
	like := w.items[0]
	like.Damaged = false
	if w.body.Process == custodyv1.Process_PROCESS_SPLIT || w.body.Process == custodyv1.Process_PROCESS_MERGE {
		like.Damaged = slices.ContainsFunc(w.items, func(i Item) bool { return i.Damaged })
	}
	for i := range w.items {
		if w.row.ends {
			w.items[i].Status = Consumed
		}
		w.items[i].Offered = true
		w.put(w.items[i])
	}
	for _, m := range w.changed {
		w.state.putMatter(m)
	}
	for i, m := range w.made {
		id := ledger.NewItemID(w.event.ID, uint32(i))
		w.create(m, id, like)
		w.putReference(w.body.Outputs[i].Reference, id)
		w.claim(id, w.body.Outputs[i].OutsideIds)
	}
}

// sameKind asks whether an output is of what an input is of.
func sameKind(in Matter, out goods, field string) *ledger.Rejection {
	species := out.description.GetSpecies()
	switch {
	case out.material != in.Material:
		return ledger.RejectField(ledger.MaterialMismatch, field+".material", "%s does not become %s", vocabulary.Word(in.Material), vocabulary.Word(out.material))
	case out.nature != in.Nature:
		return ledger.RejectField(ledger.NatureMismatch, field+".nature", "no change of matter makes %s goods %s ones", vocabulary.Word(in.Nature), vocabulary.Word(out.nature))
	case !sameSpecies(in.Species, species):
		return ledger.RejectField(ledger.MaterialMismatch, field+".description.species", "%q does not become %q", in.Species, species)
	}
	return nil
}

func sameSpecies(a, b string) bool {
	if a == b {
		return true
	}
	return a != "" && b != "" && vocabulary.SpeciesGroup(a) == vocabulary.SpeciesGroup(b)
}

// settle demands that inputs, additions and outputs of goods balance, and gives the
// pool of origins that is left for the outputs.
func (w *work) settle(inputs []Matter, additions []Line, asBefore bool) ([]Component, *ledger.Rejection) {
	var in, added, out amounts
	origins := make([][]Component, 0, len(inputs)+len(additions))
	for _, m := range inputs {
		in.add(m)
		origins = append(origins, m.Origin)
	}
	for _, l := range additions {
		added.add(l)
		origins = append(origins, l.Origin)
	}
	for i := range w.outputs {
		out.add(w.made[i])
	}
	if rejection := conserve(&in, &added, &out, &w.balance, w.row.lossMax); rejection != nil {
		return nil, rejection
	}
	pool := pooled(origins...)
	if rejection := withoutLoss(inputs[0].Material, pool, &w.balance, &out, asBefore && len(w.body.Balances) == 0); rejection != nil {
		return nil, rejection
	}
	return pool, nil
}

// make gives the outputs the matter that they say, with the treatments of what they
// were made of.
func (w *work) make(of Matter, model custodyv1.Model) {
	w.made = make([]Matter, len(w.outputs))
	for i := range w.outputs {
		m := w.outputs[i].matter()
		m.Treatments, m.TreatedBy, m.Model = of.Treatments, of.TreatedBy, model
		w.made[i] = m
	}
}

// dealt gives each output its part of a book by its mass, 1 microgram at least.
func (w *work) dealt(book uint64) ([]uint64, *ledger.Rejection) {
	masses := make([]uint64, len(w.made))
	for i, m := range w.made {
		masses[i] = m.Mass
	}
	books := share(book, masses)
	if slices.Contains(books, 0) {
		return nil, w.tooLittle()
	}
	return books, nil
}

func (w *work) tooLittle() *ledger.Rejection {
	return ledger.RejectField(ledger.DifferenceTooLarge, "transform.outputs", "too little is accounted for to give every output a microgram of it")
}
