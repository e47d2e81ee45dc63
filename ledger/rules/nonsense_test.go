package rules_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestNonsenseNeverPanics throws changes of matter that nobody thought about at goods of
// all kinds: each is refused, or leaves every item sound.
func TestNonsenseNeverPanics(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		a := w.dealer()
		var items []ledger.ItemID
		for range 4 {
			body := drawRegistration(rt)
			if !w.decodes(a, body) {
				continue
			}
			c := w.candidate(w.event(a.id, body), a.key)
			if outcome := w.submit(c); outcome.Rejection == nil {
				items = append(items, ledger.NewItemID(c.ID, 0))
			}
		}
		items = append(items, w.stone(a), w.register(a, alloy(custodyv1.Form_FORM_PART, of(gold, recycled(10)))))
		for range 12 {
			body := drawChange(rt, w, items)
			if !w.decodes(a, body) {
				continue
			}
			c := w.candidate(w.event(a.id, body), a.key)
			if outcome := w.submit(c); outcome.Rejection != nil {
				continue
			}
			if change, ok := body.(*custodyv1.Transform); ok {
				for i := range change.Outputs {
					items = append(items, ledger.NewItemID(c.ID, uint32(i)))
				}
			}
			w.sound()
		}
	})
}

// decodes tells whether the rules get to see an event.
func (w *world) decodes(by *actor, body any) bool {
	signed, err := ledger.Sign(w.event(by.id, body), by.key)
	if err != nil {
		w.t.Fatal(err)
	}
	_, rejection := ledger.DecodeEvent(1, signed)
	return rejection == nil
}

var (
	anyAmount = rapid.OneOf(rapid.Uint64Range(1, 12), rapid.SampledFrom([]uint64{46_000, ledger.MassMicrogramsMax - 1, ledger.MassMicrogramsMax}))
	anyCount  = rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Range(1, 6))
)

func drawRegistration(t *rapid.T) *custodyv1.ItemRegister {
	o := drawOutput(t)
	r := &custodyv1.ItemRegister{
		Material: o.Material, Form: o.Form, Nature: o.Nature, Mass: o.Mass, Count: o.Count, CountBasis: o.CountBasis, Description: o.Description,
		Composition: o.Composition, Stage: o.Stage, EqualPieces: o.EqualPieces, Acquisition: 1,
	}
	r.Origin = drawOrigin(t, o.Mass.Micrograms, o.Composition)
	if o.Form == custodyv1.Form_FORM_PIECE {
		r.Origin, r.Bill = nil, []*custodyv1.BillLine{drawLine(t)}
		r.Mass = massOf(r.Bill[0].Mass.Micrograms)
	}
	return r
}

// drawOrigin accounts for a mass, mostly.
func drawOrigin(t *rapid.T, mass uint64, composition []*custodyv1.Constituent) []*custodyv1.OriginComponent {
	if len(composition) == 0 {
		first := rapid.Uint64Range(1, mass).Draw(t, "first")
		origin := []*custodyv1.OriginComponent{minedIn(first, "BW")}
		if mass > first {
			origin = append(origin, unknownOrigin(mass-first))
		}
		return origin
	}
	var origin []*custodyv1.OriginComponent
	for _, c := range composition {
		origin = append(origin, of(c.Metal, recycled(c.Micrograms)))
	}
	return origin
}

func drawOutput(t *rapid.T) *custodyv1.Output {
	o := &custodyv1.Output{
		Material: custodyv1.Material(rapid.SampledFrom([]int32{0, 1, 1, 2, 3, 4, 4, 5}).Draw(t, "material")),
		Form:     custodyv1.Form(rapid.Int32Range(1, 5).Draw(t, "form")),
		Count:    anyCount.Draw(t, "count"), Mass: massOf(anyAmount.Draw(t, "mass")),
		CountBasis: custodyv1.CountBasis(rapid.SampledFrom([]int32{0, 0, 2}).Draw(t, "basis")), EqualPieces: rapid.IntRange(0, 4).Draw(t, "equal") == 0,
	}
	switch o.Material {
	case 1, 2:
		o.Nature, o.Stage = 1, custodyv1.Stage(rapid.Int32Range(1, 2).Draw(t, "stage"))
	case 3:
		o.Nature = 1
	case 4:
		o.Composition = []*custodyv1.Constituent{{Metal: gold, Micrograms: o.Mass.Micrograms}}
		if o.Mass.Micrograms > 1 && rapid.Bool().Draw(t, "alloy") {
			n := rapid.Uint64Range(1, o.Mass.Micrograms-1).Draw(t, "copper")
			o.Composition[0].Micrograms -= n
			o.Composition = append(o.Composition, &custodyv1.Constituent{Metal: copper, Micrograms: n})
		}
	}
	if o.Material == 2 {
		o.Description = &custodyv1.Description{Species: rapid.SampledFrom([]string{"emerald", "beryl", "ruby"}).Draw(t, "species")}
	}
	if o.Form == custodyv1.Form_FORM_PIECE && rapid.IntRange(0, 3).Draw(t, "empty") > 0 {
		o.Material, o.Nature, o.Stage, o.Composition, o.Description = 0, 0, 0, nil, nil
	}
	if o.Form == custodyv1.Form_FORM_SINGLE && rapid.IntRange(0, 3).Draw(t, "one") > 0 {
		o.Count, o.CountBasis, o.EqualPieces = 0, 0, false
	}
	return o
}

func drawLine(t *rapid.T) *custodyv1.BillLine {
	o := drawOutput(t)
	return &custodyv1.BillLine{
		Material: o.Material, Form: o.Form, Nature: o.Nature, Mass: o.Mass, Count: o.Count, CountBasis: o.CountBasis,
		Description: o.Description, Composition: o.Composition, Stage: o.Stage,
	}
}

// like makes an output of what an item is, so that some changes stand.
func like(t *rapid.T, m rules.Matter) *custodyv1.Output {
	o := &custodyv1.Output{
		Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage, Count: m.Count, CountBasis: m.CountBasis, EqualPieces: m.EqualPieces,
		Mass: massOf(m.Mass),
	}
	if m.Species != "" {
		o.Description = &custodyv1.Description{Species: m.Species}
	}
	for _, c := range m.Composition {
		o.Composition = append(o.Composition, &custodyv1.Constituent{Metal: c.Metal, Micrograms: c.Micrograms})
	}
	if n := rapid.SampledFrom([]uint64{1, 1, 2, 3}).Draw(t, "divide"); n > 1 && m.Mass/n > 0 {
		o.Mass.Micrograms /= n
		o.Count /= uint32(n)
		for _, c := range o.Composition {
			c.Micrograms /= n
		}
	}
	return o
}

func drawChange(t *rapid.T, w *world, items []ledger.ItemID) any {
	item := rapid.SampledFrom(items)
	switch rapid.IntRange(0, 9).Draw(t, "verb") {
	case 0:
		return &custodyv1.Reweigh{Item: w.on(item.Draw(t, "item")), Mass: massOf(anyAmount.Draw(t, "mass")), Count: anyCount.Draw(t, "count")}
	case 1:
		c := &custodyv1.Correct{Item: w.on(item.Draw(t, "item")), Reason: 1, HsCode: rapid.SampledFrom([]string{"", "710239", "711319"}).Draw(t, "hs")}
		for i := range rapid.IntRange(0, 2).Draw(t, "corrections") {
			c.Origin = append(c.Origin, &custodyv1.OriginCorrection{Component: uint32(i + 1), Countries: rapid.SampledFrom([][]string{nil, {"BW"}, {"BW", "RU"}}).Draw(t, "countries")})
		}
		return c
	}
	body := &custodyv1.Transform{Process: custodyv1.Process(rapid.Int32Range(1, 9).Draw(t, "process"))}
	for range rapid.IntRange(1, 3).Draw(t, "inputs") {
		body.Inputs = append(body.Inputs, w.on(item.Draw(t, "input")))
	}
	first := w.state.Matters[ledger.ItemID(body.Inputs[0].Item)]
	for range rapid.IntRange(0, 3).Draw(t, "outputs") {
		o := like(t, first)
		if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
			o = drawOutput(t)
		}
		if body.Process == disassemble {
			o.BillLine = rapid.Uint32Range(0, 2).Draw(t, "line")
		}
		if body.Process == split && rapid.IntRange(0, 3).Draw(t, "sorted") == 0 {
			o.Allocation = []*custodyv1.Allocation{{Component: rapid.Uint32Range(0, 3).Draw(t, "component"), Micrograms: anyAmount.Draw(t, "allocated")}}
		}
		body.Outputs = append(body.Outputs, o)
	}
	if body.Process == assemble {
		body.Outputs = []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(0)}}
		for _, in := range body.Inputs {
			body.Outputs[0].Mass.Micrograms += w.state.Matters[ledger.ItemID(in.Item)].Mass
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "balances") == 0 {
		b := &custodyv1.Balance{Material: first.Material, LossMicrograms: rapid.Uint64Range(0, 9).Draw(t, "loss")}
		if first.Material == metals {
			b.Metal = gold
		}
		switch rapid.IntRange(0, 2).Draw(t, "scales") {
		case 0:
			b.GainMicrograms = anyAmount.Draw(t, "gain")
		case 1:
			b.ShortfallMicrograms = anyAmount.Draw(t, "shortfall")
		}
		body.Balances = []*custodyv1.Balance{b}
	}
	if rapid.IntRange(0, 5).Draw(t, "additions") == 0 {
		body.Additions = []*custodyv1.BillLine{drawLine(t)}
	}
	children := first.Children
	if body.Process == disassemble && rapid.Bool().Draw(t, "all") {
		body.Inputs = append(body.Inputs[:1], w.refs(children...)...)
	}
	if body.Process == rework && len(children) > 0 {
		child := rapid.SampledFrom(children).Draw(t, "child")
		if rapid.Bool().Draw(t, "out") {
			body.Inputs, body.Removed = body.Inputs[:1], w.refs(child)
		} else {
			body.Inputs, body.Filings = body.Inputs[:1], []*custodyv1.Filing{{Item: w.on(child), Micrograms: anyAmount.Draw(t, "filed")}}
		}
	}
	if body.Process == treat {
		body.Treatments = &custodyv1.Treatments{List: 2024, Codes: rapid.SampledFrom([][]string{{"N"}, {"H"}, {"L"}, {"C", "H"}}).Draw(t, "codes")}
		body.Inputs, body.Outputs = body.Inputs[:1], nil
	}
	return body
}

// TestPartsOfAnything carves parts out of goods of all kinds, weighed again in between:
// what is carved and what stays are sound, and no microgram of the book is lost.
func TestPartsOfAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		a, b := w.dealer(), w.dealer()
		body := drawRegistration(rt)
		if !w.decodes(a, body) {
			return
		}
		c := w.candidate(w.event(a.id, body), a.key)
		if outcome := w.submit(c); outcome.Rejection != nil {
			return
		}
		item := ledger.NewItemID(c.ID, 0)
		book := w.state.Matters[item].Book()
		parts := []ledger.ItemID{item}
		for range 6 {
			m := w.state.Matters[item]
			if rapid.IntRange(0, 3).Draw(rt, "weigh") == 0 {
				off := rapid.Uint64Range(0, 3000).Draw(rt, "off")
				w.submit(w.candidate(w.event(a.id, &custodyv1.Reweigh{Item: w.on(item), Mass: massOf(min(m.Mass+off, ledger.MassMicrogramsMax))}), a.key))
				m = w.state.Matters[item]
			}
			portion := &custodyv1.Portion{Micrograms: rapid.Uint64Range(1, m.Mass).Draw(rt, "mass")}
			if m.Count > 1 {
				portion.Count = rapid.Uint32Range(0, m.Count).Draw(rt, "count")
				if rapid.Bool().Draw(rt, "fits") {
					portion.Micrograms = max(m.Mass/uint64(m.Count)*uint64(portion.Count), 1)
				}
			}
			offer := w.offerOf(item, b, sale)
			short := rapid.Bool().Draw(rt, "short")
			if !short {
				offer.Part = portion
			}
			made := w.candidate(w.event(a.id, offer), a.key)
			if outcome := w.submit(made); outcome.Rejection != nil {
				continue
			}
			accept := w.accept(item, made.ID)
			accept.Received = portion
			received := w.candidate(w.event(b.id, accept), b.key)
			if outcome := w.submit(received); outcome.Rejection != nil {
				w.do(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: made.ID[:]}, a.key)
				continue
			}
			w.sound()
			parts = append(parts, ledger.NewItemID(received.ID, 0))
			if short { // the item went, what was missing stayed
				break
			}
		}
		total := uint64(0)
		for _, part := range parts {
			total += w.state.Matters[part].Book()
		}
		if total != book {
			rt.Fatalf("%d accounted for, %d before", total, book)
		}
	})
}
