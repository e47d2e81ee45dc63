package rules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	carat = 200_000

	gold     = custodyv1.Metal_METAL_GOLD
	silver   = custodyv1.Metal_METAL_SILVER
	platinum = custodyv1.Metal_METAL_PLATINUM
	copper   = custodyv1.Metal_METAL_COPPER

	cut         = custodyv1.Process_PROCESS_CUT
	split       = custodyv1.Process_PROCESS_SPLIT
	merge       = custodyv1.Process_PROCESS_MERGE
	melt        = custodyv1.Process_PROCESS_MELT
	refine      = custodyv1.Process_PROCESS_REFINE
	treat       = custodyv1.Process_PROCESS_TREAT
	assemble    = custodyv1.Process_PROCESS_ASSEMBLE
	disassemble = custodyv1.Process_PROCESS_DISASSEMBLE
	rework      = custodyv1.Process_PROCESS_REWORK
)

func massOf(micrograms uint64) *custodyv1.Mass {
	return &custodyv1.Mass{Micrograms: micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}
}

func unknownOrigin(micrograms uint64) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}
}

func minedIn(micrograms uint64, countries ...string) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: countries}
}

func recycled(micrograms uint64) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{Micrograms: micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_RECYCLED}
}

func of(m custodyv1.Metal, c *custodyv1.OriginComponent) *custodyv1.OriginComponent {
	c.Metal = m
	return c
}

// rough is bulk rough of such origins; its mass is theirs.
func rough(origins ...*custodyv1.OriginComponent) *custodyv1.ItemRegister {
	r := &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_BULK, Nature: custodyv1.Nature_NATURE_NATURAL,
		Stage: custodyv1.Stage_STAGE_ROUGH, Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED, Origin: origins,
	}
	total := uint64(0)
	for _, o := range origins {
		total += o.Micrograms
	}
	r.Mass = massOf(total)
	return r
}

// counts makes goods a counted parcel.
func counts(r *custodyv1.ItemRegister, count uint32) *custodyv1.ItemRegister {
	r.Form, r.Count = custodyv1.Form_FORM_COUNTED_PARCEL, count
	return r
}

// alloy is metal of such origins, each with its metal.
func alloy(form custodyv1.Form, origins ...*custodyv1.OriginComponent) *custodyv1.ItemRegister {
	r := &custodyv1.ItemRegister{Material: custodyv1.Material_MATERIAL_METAL, Form: form, Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED, Origin: origins}
	r.Composition, r.Mass = composed(origins)
	return r
}

func composed(origins []*custodyv1.OriginComponent) ([]*custodyv1.Constituent, *custodyv1.Mass) {
	var composition []*custodyv1.Constituent
	total := uint64(0)
	for m := gold; m <= custodyv1.Metal_METAL_OTHER; m++ {
		n := uint64(0)
		for _, o := range origins {
			if o.Metal == m {
				n += o.Micrograms
			}
		}
		if n > 0 {
			composition = append(composition, &custodyv1.Constituent{Metal: m, Micrograms: n})
			total += n
		}
	}
	return composition, massOf(total)
}

// register puts goods on the ledger.
func (w *world) register(owner *actor, body *custodyv1.ItemRegister) ledger.ItemID {
	w.t.Helper()
	return ledger.NewItemID(w.do(owner.id, body, owner.key), 0)
}

func (w *world) refs(items ...ledger.ItemID) []*custodyv1.ItemRef {
	var refs []*custodyv1.ItemRef
	for _, item := range items {
		refs = append(refs, w.on(item))
	}
	return refs
}

// changes carries a change of matter out and gives what came of it.
func (w *world) changes(by *actor, body *custodyv1.Transform) []ledger.ItemID {
	w.t.Helper()
	event := w.do(by.id, body, by.key)
	items := make([]ledger.ItemID, len(body.Outputs))
	for i := range items {
		items[i] = ledger.NewItemID(event, uint32(i))
	}
	w.sound()
	return items
}

func (w *world) refuses(reason ledger.Reason, by *actor, body any) {
	w.t.Helper()
	w.refuse(reason, w.event(by.id, body), by.key)
}

// polished is a single polished diamond.
func polished(micrograms uint64) *custodyv1.Output {
	return &custodyv1.Output{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL,
		Stage: custodyv1.Stage_STAGE_POLISHED, Mass: massOf(micrograms),
	}
}

// loose is a part of rough.
func loose(micrograms uint64) *custodyv1.Output {
	o := polished(micrograms)
	o.Form, o.Stage = custodyv1.Form_FORM_BULK, custodyv1.Stage_STAGE_ROUGH
	return o
}

// ingot is metal, its composition as metal and micrograms in turn.
func ingot(form custodyv1.Form, metals ...uint64) *custodyv1.Output {
	o := &custodyv1.Output{Material: custodyv1.Material_MATERIAL_METAL, Form: form}
	total := uint64(0)
	for i := 0; i < len(metals); i += 2 {
		o.Composition = append(o.Composition, &custodyv1.Constituent{Metal: custodyv1.Metal(metals[i]), Micrograms: metals[i+1]})
		total += metals[i+1]
	}
	o.Mass = massOf(total)
	return o
}

func lost(material custodyv1.Material, metal custodyv1.Metal, micrograms uint64) *custodyv1.Balance {
	return &custodyv1.Balance{Material: material, Metal: metal, LossMicrograms: micrograms}
}

const (
	diamonds = custodyv1.Material_MATERIAL_DIAMOND
	metals   = custodyv1.Material_MATERIAL_METAL
)

// origin writes an item's origin as text, component after component.
func (w *world) origin(item ledger.ItemID) string {
	var parts []string
	for _, c := range w.state.Matters[item].Origin {
		text := fmt.Sprintf("%d %s", c.Micrograms, strings.ToLower(strings.TrimPrefix(c.Kind.String(), "ORIGIN_KIND_")))
		if c.Metal != 0 {
			text += " " + strings.ToLower(strings.TrimPrefix(c.Metal.String(), "METAL_"))
		}
		if c.Countries != "" {
			text += " " + c.Countries
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (w *world) hasOrigin(item ledger.ItemID, want string) {
	w.t.Helper()
	if got := w.origin(item); got != want {
		w.t.Errorf("origin %q, want %q", got, want)
	}
}

// sound checks the invariants of every item's matter.
func (w *world) sound() {
	w.t.Helper()
	for id, item := range w.state.Items {
		m := w.state.Matters[id]
		if item.Status != rules.Live {
			continue
		}
		if item.Set() && !slices.Contains(w.state.Matters[item.Within].Children, id) {
			w.t.Fatalf("item %s says it is set, its piece does not", id)
		}
		for _, child := range m.Children {
			if w.state.Items[child].Within != id {
				w.t.Fatalf("piece %s has a child that is not set in it", id)
			}
		}
		w.soundMatter(m)
		for _, line := range m.Bill {
			w.soundMatter(line)
		}
	}
}

func (w *world) soundMatter(m rules.Matter) {
	w.t.Helper()
	switch {
	case m.Form == custodyv1.Form_FORM_PIECE:
		if len(m.Origin)+len(m.Composition) != 0 || len(m.Bill)+len(m.Children) == 0 {
			w.t.Fatalf("piece %+v", m)
		}
		return
	case m.Mass == 0 || m.Book() == 0 || len(m.Origin) > ledger.OriginComponentsMax:
		w.t.Fatalf("matter %+v", m)
	case m.EqualPieces && (m.Count < 2 || m.Mass%uint64(m.Count) != 0):
		w.t.Fatalf("equal pieces that are not: %+v", m)
	case m.Count == 1 || (m.Count == 0) != (m.CountBasis == 0):
		w.t.Fatalf("count %+v", m)
	}
	if off := max(m.Book(), m.Mass) - min(m.Book(), m.Mass); off > max(m.Book()/200, 2000)+2 {
		w.t.Fatalf("book %d, mass %d", m.Book(), m.Mass)
	}
	books := map[custodyv1.Metal]uint64{}
	seenSources := map[rules.Source]bool{}
	for _, c := range m.Origin {
		if c.Micrograms == 0 || seenSources[c.Source] || (c.Metal != 0) != (m.Material == metals) {
			w.t.Fatalf("component %+v of %+v", c, m)
		}
		seenSources[c.Source] = true
		books[c.Metal] += c.Micrograms
	}
	if m.Material != metals {
		return
	}
	total := uint64(0)
	for _, c := range m.Composition {
		total += c.Micrograms
		book := books[c.Metal]
		if off := max(book, c.Micrograms) - min(book, c.Micrograms); off > max(m.Book()/200, 2000)+2 { // scales differ of each metal for itself
			w.t.Fatalf("of metal %s %d weighed, %d in the book: %+v", c.Metal, c.Micrograms, books[c.Metal], m)
		}
	}
	if total != m.Mass {
		w.t.Fatalf("composition %+v", m)
	}
}

// A parcel of 99 ct from Botswana and 1 ct from Russia: 2 ct split off unsorted may all
// be Russian. This is the example of DESIGN.md.
func TestTwoCaratsUnsortedMayBeRussian(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.register(a, rough(minedIn(99*carat, "BW"), minedIn(1*carat, "RU")))
	offer := w.offerOf(item, b, sale)
	offer.Part = &custodyv1.Portion{Micrograms: 2 * carat}
	made := w.do(a.id, offer, a.key)
	accept := w.accept(item, made)
	accept.Received = &custodyv1.Portion{Micrograms: 2 * carat}
	part := ledger.NewItemID(w.do(b.id, accept, b.key), 0)
	w.sound()
	w.hasOrigin(part, "400000 mined BW RU")
	w.hasOrigin(item, "19600000 mined BW RU")
	w.holds(part, b, b)
	w.holds(item, a, a)

	whole := w.register(a, rough(minedIn(99*carat, "BW"), minedIn(1*carat, "RU")))
	parts := w.changes(a, &custodyv1.Transform{Process: split, Inputs: w.refs(whole), Outputs: []*custodyv1.Output{loose(2 * carat), loose(98 * carat)}})
	w.hasOrigin(parts[0], "400000 mined BW RU")
	w.hasOrigin(parts[1], "19600000 mined BW RU")
	if w.state.Items[whole].Status != rules.Consumed {
		t.Error("a split item lives on")
	}

	sorted := w.register(a, rough(minedIn(99*carat, "BW"), minedIn(1*carat, "RU")))
	outputs := []*custodyv1.Output{loose(2 * carat), loose(98 * carat)}
	outputs[0].Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 2 * carat}}
	outputs[1].Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 97 * carat}, {Component: 2, Micrograms: carat}}
	parts = w.changes(a, &custodyv1.Transform{Process: split, Inputs: w.refs(sorted), Outputs: outputs})
	w.hasOrigin(parts[0], "400000 mined BW")
	w.hasOrigin(parts[1], "19400000 mined BW, 200000 mined RU")

	// Merged again, what was sorted is known, what was not is not.
	again := w.changes(a, &custodyv1.Transform{Process: merge, Inputs: w.refs(parts...), Outputs: []*custodyv1.Output{loose(100 * carat)}})
	w.hasOrigin(again[0], "19800000 mined BW, 200000 mined RU")
}

func TestCarveThenMerge(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	body := counts(rough(minedIn(600, "BW"), unknownOrigin(400)), 10)
	body.EqualPieces = true
	item := w.register(a, body)
	for _, portion := range []*custodyv1.Portion{
		{Micrograms: 300}, {Micrograms: 299, Count: 3}, {Micrograms: 1000, Count: 10}, {Micrograms: 1000, Count: 3}, {Micrograms: 300, Count: 10},
	} {
		offer := w.offerOf(item, b, sale)
		offer.Part = portion
		w.refuses(ledger.PortionInvalid, a, offer)
	}
	offer := w.offerOf(item, b, sale)
	offer.Part = &custodyv1.Portion{Micrograms: 900, Count: 9}
	made := w.do(a.id, offer, a.key)
	accept := w.accept(item, made)
	accept.Received = &custodyv1.Portion{Micrograms: 100, Count: 1} // short
	one := ledger.NewItemID(w.do(b.id, accept, b.key), 0)
	w.sound()
	if m := w.state.Matters[one]; m.Form != custodyv1.Form_FORM_SINGLE || m.Count != 0 {
		t.Errorf("one of a parcel is %+v", m)
	}
	w.hasOrigin(one, "100 unknown BW")
	w.hasOrigin(item, "900 unknown BW")

	offer = w.offerOf(item, b, sale)
	made = w.do(a.id, offer, a.key)
	accept = w.accept(item, made)
	accept.Received = &custodyv1.Portion{Micrograms: 800, Count: 8} // one is missing
	missing := ledger.NewItemID(w.do(b.id, accept, b.key), 0)
	w.sound()
	w.holds(item, b, b)
	w.holds(missing, a, a)
	w.hasOrigin(missing, "100 unknown BW")

	out := loose(900)
	out.Form, out.Count = custodyv1.Form_FORM_COUNTED_PARCEL, 8
	body2 := &custodyv1.Transform{Process: merge, Inputs: w.refs(item, one), Outputs: []*custodyv1.Output{out}}
	w.refuses(ledger.ConservationViolated, b, body2)
	out.Count, out.EqualPieces = 9, true
	joined := w.changes(b, body2)
	w.hasOrigin(joined[0], "900 unknown BW")
	if !w.state.Matters[joined[0]].EqualPieces {
		t.Error("equal pieces forgotten")
	}
}

func TestShortAcceptOfAnEstimate(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	body := counts(rough(minedIn(1000, "BW")), 100)
	body.CountBasis = custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
	item := w.register(a, body)
	made := w.do(a.id, w.offerOf(item, b, sale), a.key)
	accept := w.accept(item, made)
	accept.Received = &custodyv1.Portion{Micrograms: 990}
	missing := ledger.NewItemID(w.do(b.id, accept, b.key), 0)
	w.sound()
	if m, rest := w.state.Matters[missing], w.state.Matters[item]; m.Count != 0 || m.Form != custodyv1.Form_FORM_BULK || rest.Count != 99 {
		t.Errorf("missing %+v, received %+v", m, rest)
	}
}

func TestMeltsBlendInProportion(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	mine := w.register(a, alloy(custodyv1.Form_FORM_SINGLE, of(gold, minedIn(700, "GH"))))
	scrap := w.register(a, alloy(custodyv1.Form_FORM_BULK, of(gold, recycled(300)), of(copper, recycled(100))))
	body := &custodyv1.Transform{
		Process: melt, Inputs: w.refs(mine, scrap),
		Outputs:  []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, 500, 8, 55), ingot(custodyv1.Form_FORM_SINGLE, 1, 500, 8, 55)},
		Balances: []*custodyv1.Balance{},
		Additions: []*custodyv1.BillLine{{
			Material: metals, Form: custodyv1.Form_FORM_BULK, Mass: massOf(10),
			Composition: []*custodyv1.Constituent{{Metal: copper, Micrograms: 10}},
		}},
	}
	bars := w.changes(a, body)
	for _, bar := range bars {
		w.hasOrigin(bar, "350 mined gold GH, 150 recycled gold, 50 recycled copper, 5 unknown copper")
	}

	// A recycled claim does not come out of a mixed melt: no output can declare an origin.
	parted := w.changes(a, &custodyv1.Transform{
		Process: refine, Inputs: w.refs(bars...),
		Outputs:  []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, 999), ingot(custodyv1.Form_FORM_BULK, 1, 1, 8, 80)},
		Balances: []*custodyv1.Balance{lost(metals, copper, 30)},
	})
	w.hasOrigin(parted[0], "699 mined gold GH, 300 recycled gold")
	w.hasOrigin(parted[1], "1 mined gold GH, 73 recycled copper, 7 unknown copper")

	uneven := &custodyv1.Transform{Process: melt, Inputs: w.refs(parted...), Outputs: []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, 500), ingot(custodyv1.Form_FORM_SINGLE, 1, 500, 8, 80)}}
	w.refuses(ledger.CompositionInvalid, a, uneven)
}

// Seventy mines and twenty countries join to what one item can have; nothing is lost
// but what cannot be told.
func TestManyOriginsJoin(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	var inputs []ledger.ItemID
	for i := range 70 {
		o := of(gold, minedIn(1000, "GH"))
		o.Mine = fmt.Sprintf("Made up %d", i)
		inputs = append(inputs, w.register(a, alloy(custodyv1.Form_FORM_BULK, o)))
	}
	bar := w.changes(a, &custodyv1.Transform{Process: melt, Inputs: w.refs(inputs[:64]...), Outputs: []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, 64_000)}})
	if got := len(w.state.Matters[bar[0]].Origin); got != 64 {
		t.Errorf("64 mines became %d origins", got)
	}
	bar = w.changes(a, &custodyv1.Transform{Process: melt, Inputs: w.refs(append(inputs[64:], bar...)...), Outputs: []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, 70_000)}})
	w.hasOrigin(bar[0], "70000 mined gold GH")

	inputs = nil
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, x := range letters {
		for _, y := range letters {
			if code := string(x) + string(y); ledger.IsCountry(code) && len(inputs) < 70 {
				inputs = append(inputs, w.register(a, rough(minedIn(1000, code))))
			}
		}
	}
	joined := w.changes(a, &custodyv1.Transform{Process: merge, Inputs: w.refs(inputs...), Outputs: []*custodyv1.Output{loose(70_000)}})
	m := w.state.Matters[joined[0]]
	if len(m.Origin) != 1 || len(strings.Fields(m.Origin[0].Countries)) != 70 || m.Book() != 70_000 {
		t.Errorf("joined to %+v", m.Origin)
	}
}

func TestReweighingPumpsNothing(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	item := w.register(a, rough(minedIn(1_000_000, "BW")))
	weigh := func(micrograms uint64) *custodyv1.Reweigh {
		return &custodyv1.Reweigh{Item: w.on(item), Mass: massOf(micrograms)}
	}
	w.refuses(ledger.DifferenceTooLarge, a, weigh(1_005_001))
	w.do(a.id, weigh(1_005_000), a.key)
	w.refuses(ledger.DifferenceTooLarge, a, weigh(1_005_001)) // not 5 ‰ of what it weighs by now
	w.do(a.id, weigh(995_000), a.key)
	w.refuses(ledger.DifferenceTooLarge, a, weigh(994_999))
	w.hasOrigin(item, "1000000 mined BW")
	w.do(a.id, weigh(1_005_000), a.key)

	// Nor does parting and putting together: the book is counted, not the mass.
	parts := w.changes(a, &custodyv1.Transform{Process: split, Inputs: w.refs(item), Outputs: []*custodyv1.Output{loose(2_010), loose(1_002_990)}})
	w.hasOrigin(parts[0], "2000 mined BW")
	w.hasOrigin(parts[1], "998000 mined BW")
	item = parts[0]
	w.do(a.id, weigh(4_000), a.key) // a hundredth of a carat
	joined := &custodyv1.Transform{Process: merge, Inputs: w.refs(parts...), Outputs: []*custodyv1.Output{loose(1_006_990)}}
	w.refuses(ledger.DifferenceTooLarge, a, joined)
	joined.Balances = []*custodyv1.Balance{{Material: diamonds, ShortfallMicrograms: 1_990}}
	joined.Outputs[0].Mass.Micrograms -= 1_990
	whole := w.changes(a, joined)
	w.hasOrigin(whole[0], "1000000 mined BW")

	gain := &custodyv1.Transform{Process: melt, Inputs: w.refs(w.register(a, alloy(custodyv1.Form_FORM_BULK, of(gold, recycled(10))))),
		Outputs: []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, 2_010)}, Balances: []*custodyv1.Balance{{Material: metals, Metal: gold, GainMicrograms: 2_000}}}
	bar := w.changes(a, gain)
	gain.Inputs, gain.Outputs[0] = w.refs(bar...), ingot(custodyv1.Form_FORM_SINGLE, 1, 2_011)
	gain.Balances[0].GainMicrograms = 1
	w.refuses(ledger.DifferenceTooLarge, a, gain)

	item = w.register(a, alloy(custodyv1.Form_FORM_SINGLE, of(gold, recycled(750_000)), of(copper, recycled(250_000))))
	w.do(a.id, weigh(1_004_000), a.key)
	if c := w.state.Matters[item].Composition; c[0].Micrograms != 753_000 || c[1].Micrograms != 251_000 {
		t.Errorf("composition %+v", c)
	}
	w.sound()
}

func TestCounts(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	item := w.register(a, counts(rough(minedIn(100_000, "BW")), 1000))
	count := func(n uint32) *custodyv1.Reweigh {
		return &custodyv1.Reweigh{Item: w.on(item), Mass: massOf(100_000), Count: n}
	}
	w.refuses(ledger.DifferenceTooLarge, a, count(1006))
	w.refuses(ledger.CountInvalid, a, count(1))
	w.do(a.id, count(1005), a.key)
	if got := w.state.Matters[item].Count; got != 1005 {
		t.Errorf("count %d", got)
	}
	item = w.register(a, rough(minedIn(100_000, "BW")))
	w.refuses(ledger.CountInvalid, a, count(7))
}

func TestPieces(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	stoneBody := stone()
	stoneBody.Model = custodyv1.Model_MODEL_IDENTITY_PRESERVED
	brilliant := w.register(a, stoneBody) // 46,000 µg
	band := w.register(a, alloy(custodyv1.Form_FORM_PART, of(gold, recycled(750_000)), of(copper, unknownOrigin(250_000))))
	solder := &custodyv1.BillLine{
		Material: metals, Form: custodyv1.Form_FORM_BULK, Mass: massOf(4_000),
		Composition: []*custodyv1.Constituent{{Metal: gold, Micrograms: 3_000}, {Metal: silver, Micrograms: 1_000}},
	}
	ring := &custodyv1.Output{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(1_050_000), HsCode: "711319"}
	body := &custodyv1.Transform{Process: assemble, Inputs: w.refs(brilliant, band), Outputs: []*custodyv1.Output{ring}, Additions: []*custodyv1.BillLine{solder}}
	ring.Mass.Micrograms++
	w.refuses(ledger.ConservationViolated, a, body)
	ring.Mass.Micrograms--
	item := w.changes(a, body)[0]

	// What is set moves with the piece.
	w.refuses(ledger.SetInPiece, a, w.offerOf(brilliant, b, sale))
	w.refuses(ledger.SetInPiece, a, &custodyv1.Transform{Process: cut, Inputs: w.refs(brilliant), Outputs: []*custodyv1.Output{polished(46_000)}})
	w.refuses(ledger.SetInPiece, a, &custodyv1.Reweigh{Item: w.on(brilliant), Mass: massOf(46_000)})
	w.refuses(ledger.AlreadyOffered, a, &custodyv1.ItemVoid{Item: w.on(brilliant), Reason: 1})
	w.hand(item, a, b, sale)
	w.holds(item, b, b)
	w.holds(brilliant, a, a) // as when it was set in

	// Rework: another stone, the first one out, gold filed off the band.
	other := w.stone(b)
	body = &custodyv1.Transform{
		Process: rework, Inputs: w.refs(item, other), Removed: w.refs(brilliant),
		Filings:  []*custodyv1.Filing{{Item: w.on(band), Micrograms: 10_000}},
		Outputs:  []*custodyv1.Output{ingot(custodyv1.Form_FORM_BULK, 1, 7_000, 8, 2_000)},
		Balances: []*custodyv1.Balance{lost(metals, gold, 500), lost(metals, copper, 500)},
	}
	sweeps := w.changes(b, body)[0]
	w.hasOrigin(sweeps, "7000 recycled gold, 2000 unknown copper")
	w.hasOrigin(band, "742500 recycled gold, 247500 unknown copper")
	w.holds(sweeps, b, b)
	w.holds(brilliant, b, b)
	if m := w.state.Matters[item]; m.Mass != 1_040_000 || len(m.Children) != 2 {
		t.Errorf("reworked %+v", m)
	}
	w.refuses(ledger.NotPart, b, &custodyv1.Transform{Process: rework, Inputs: w.refs(item), Removed: w.refs(brilliant)})
	w.refuses(ledger.ProcessInvalid, b, &custodyv1.Transform{Process: rework, Inputs: w.refs(item)})

	apart := &custodyv1.Transform{Process: disassemble, Inputs: w.refs(item, other)}
	w.refuses(ledger.ProcessInvalid, b, apart) // not all that is set in it
	apart.Inputs = w.refs(item, other, band)
	w.refuses(ledger.ConservationViolated, b, apart) // the solder is neither lost nor there
	apart.Balances = []*custodyv1.Balance{lost(metals, gold, 3_000), lost(metals, silver, 1_000)}
	w.changes(b, apart)
	w.holds(other, b, b)
	w.holds(band, b, b)
	if w.state.Items[item].Status != rules.Consumed {
		t.Error("a piece that was taken apart lives on")
	}
	w.hand(band, b, a, sale)

	// A piece with a bill: its lines become items.
	registered := &custodyv1.ItemRegister{
		Form: custodyv1.Form_FORM_PIECE, Mass: massOf(4_000), Acquisition: custodyv1.Acquisition_ACQUISITION_TRADE_IN, Bill: []*custodyv1.BillLine{solder},
	}
	item = w.register(a, registered)
	out := ingot(custodyv1.Form_FORM_BULK, 1, 3_000, 2, 1_000)
	out.BillLine = 2
	apart = &custodyv1.Transform{Process: disassemble, Inputs: w.refs(item), Outputs: []*custodyv1.Output{out}}
	w.refuses(ledger.NotPart, a, apart)
	out.BillLine = 1
	out.Composition[0].Micrograms, out.Composition[1].Micrograms = 3_500, 500
	w.refuses(ledger.NotPart, a, apart)
	out.Composition[0].Micrograms, out.Composition[1].Micrograms = 3_000, 1_000
	w.hasOrigin(w.changes(a, apart)[0], "3000 unknown gold, 1000 unknown silver")
}

func TestEqualPieces(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	lot := &custodyv1.ItemRegister{
		Form: custodyv1.Form_FORM_PIECE, Count: 10, Mass: massOf(10_000), Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED,
		Bill: []*custodyv1.BillLine{
			{Material: metals, Form: custodyv1.Form_FORM_PART, Count: 10, Mass: massOf(9_000), Composition: []*custodyv1.Constituent{{Metal: gold, Micrograms: 6_750}, {Metal: copper, Micrograms: 2_250}}},
			{
				Material: diamonds, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Count: 30, Mass: massOf(1_000), Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
				Origin: []*custodyv1.OriginComponent{minedIn(999, "BW"), minedIn(1, "RU")},
			},
		},
	}
	lot.Bill[1].Count = 31
	w.refuses(ledger.CountInvalid, a, lot)
	lot.Bill[1].Count = 30
	item := w.register(a, lot)
	offer := w.offerOf(item, b, sale)
	offer.Part = &custodyv1.Portion{Micrograms: 3_001, Count: 3}
	w.refuses(ledger.PortionInvalid, a, offer)
	offer.Part.Micrograms = 3_000
	made := w.do(a.id, offer, a.key)
	accept := w.accept(item, made)
	accept.Received = &custodyv1.Portion{Micrograms: 1_000, Count: 1}
	one := ledger.NewItemID(w.do(b.id, accept, b.key), 0)
	w.sound()
	m := w.state.Matters[one]
	if m.Count != 0 || m.Bill[1].Count != 3 || m.Bill[1].Origin[0].Countries != "BW RU" || m.Bill[0].Form != custodyv1.Form_FORM_PART || m.Bill[0].Count != 0 {
		t.Errorf("one of ten: %+v", m)
	}
	outputs := []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(1_000)}, {Form: custodyv1.Form_FORM_PIECE, Count: 8, Mass: massOf(8_000)}}
	pieces := w.changes(a, &custodyv1.Transform{Process: split, Inputs: w.refs(item), Outputs: outputs})
	if m := w.state.Matters[pieces[1]]; m.Count != 8 || m.Bill[0].Mass != 7_200 || m.Bill[1].Count != 24 {
		t.Errorf("eight of nine: %+v", m)
	}
}

func TestTreatments(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	body := rough(unknownOrigin(1000))
	body.Material, body.Description = custodyv1.Material_MATERIAL_GEM, &custodyv1.Description{Species: "beryl"}
	body.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"N"}}
	item := w.register(a, body)
	do := func(codes ...string) *custodyv1.Transform {
		return &custodyv1.Transform{Process: treat, Inputs: w.refs(item), Treatments: &custodyv1.Treatments{List: 2025, Codes: codes}}
	}
	w.refuses(ledger.TreatmentInvalid, a, do("N"))
	w.changes(a, do("O"))
	if got := w.state.Matters[item].Treatments; !slices.Equal(got, []string{"O"}) {
		t.Errorf("treatments %v", got)
	}
	w.refuses(ledger.TreatmentInvalid, a, do("O"))
	w.refuses(ledger.TreatmentInvalid, a, do("N"))
	with := do("D", "H")
	with.Balances = []*custodyv1.Balance{lost(custodyv1.Material_MATERIAL_GEM, 0, 51)}
	w.refuses(ledger.LossTooLarge, a, with)
	with.Balances[0].LossMicrograms = 50
	w.changes(a, with)
	m := w.state.Matters[item]
	if !slices.Equal(m.Treatments, []string{"D", "H", "O"}) || m.TreatedBy != 2025 || m.Mass != 950 || m.Book() != 950 {
		t.Errorf("treated %+v", m)
	}
	out := loose(900)
	out.Material, out.Stage, out.Description = body.Material, custodyv1.Stage_STAGE_POLISHED, &custodyv1.Description{Species: "emerald"}
	recut := w.changes(a, &custodyv1.Transform{Process: cut, Inputs: w.refs(item), Outputs: []*custodyv1.Output{out}, Balances: []*custodyv1.Balance{lost(body.Material, 0, 50)}})
	if got := w.state.Matters[recut[0]].Treatments; !slices.Equal(got, m.Treatments) {
		t.Errorf("recutting forgot treatments: %v", got)
	}
}

func TestWhoMayChangeMatter(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	recut := func(item ledger.ItemID) *custodyv1.Transform {
		return &custodyv1.Transform{Process: cut, Inputs: w.refs(item), Outputs: []*custodyv1.Output{polished(46_000)}}
	}
	item := w.stone(a)
	w.refuses(ledger.NotHolder, b, recut(item))
	w.hand(item, a, b, memo)
	w.refuses(ledger.NotOwner, b, recut(item))
	w.refuses(ledger.NotHolder, a, recut(item))
	w.hand(item, b, a, returning)
	offer := w.do(a.id, w.offerOf(item, b, custodyv1.Mode_MODE_SERVICE), a.key)
	w.refuses(ledger.OfferOpen, a, recut(item))
	w.do(b.id, w.accept(item, offer), b.key)
	mine := w.stone(b)
	w.refuses(ledger.TitleDiffers, b, &custodyv1.Transform{Process: assemble, Inputs: w.refs(mine, item), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(92_000)}}})
	made := w.changes(b, recut(item))[0]
	w.holds(made, b, a) // the cutter holds it, who sent it owns it
	w.hand(made, b, a, returning)
	w.holds(made, a, a)
	w.refuses(ledger.ItemConsumed, b, recut(item))

	released := w.stone(a)
	w.do(a.id, &custodyv1.Release{Item: w.on(released), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SERVICE, Country: "US"}, a.key)
	w.refuses(ledger.ItemOutside, a, recut(released))
}

func TestCorrections(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	body := rough(minedIn(1000, "BW"), minedIn(500, "RU"), unknownOrigin(10))
	body.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "1"}}
	item := w.register(a, body)
	correct := func(origin ...*custodyv1.OriginCorrection) *custodyv1.Correct {
		return &custodyv1.Correct{Item: w.on(item), Reason: 1, Origin: origin}
	}
	w.refuses(ledger.CorrectionInvalid, a, correct())
	for _, c := range []*custodyv1.OriginCorrection{
		{Component: 1, Countries: []string{"BW"}}, {Component: 1, Countries: []string{"ZA"}}, {Component: 3}, {Component: 4}, {Component: 3, Countries: []string{"BW"}},
	} {
		w.refuses(ledger.CorrectionInvalid, a, correct(c))
	}
	w.refuses(ledger.CountryInvalid, a, correct(&custodyv1.OriginCorrection{Component: 1, Countries: []string{"BW", "XX"}}))
	w.refuses(ledger.NonCanonical, a, correct(&custodyv1.OriginCorrection{Component: 2}, &custodyv1.OriginCorrection{Component: 1}))
	w.refuses(ledger.NotRegistrant, b, correct(&custodyv1.OriginCorrection{Component: 1}))
	w.do(a.id, correct(&custodyv1.OriginCorrection{Component: 1, Countries: []string{"BW", "RU"}}, &custodyv1.OriginCorrection{Component: 2, Countries: []string{"BW", "RU"}}), a.key)
	w.sound()
	w.hasOrigin(item, "1500 mined BW RU, 10 unknown")

	again := correct()
	again.OutsideIds = body.OutsideIds
	w.refuses(ledger.CorrectionInvalid, a, again)
	again.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "2"}}
	w.do(a.id, again, a.key)
	if claims := w.state.Claims(item); len(claims) != 1 || claims[0].Number != "2" {
		t.Errorf("claims %v", claims)
	}

	w.hand(item, a, b, sale)
	wide := correct(&custodyv1.OriginCorrection{Component: 1})
	w.refuses(ledger.BuiltOn, a, wide)
	wide.Holder = b.id[:]
	w.refuse(ledger.WrongSigners, w.event(a.id, wide), a.key)
	w.do(a.id, wide, a.key, b.key)
	w.hasOrigin(item, "1510 unknown")
	narrow := correct()
	narrow.ProcessedIn, narrow.Holder = "IN", a.id[:]
	w.refuse(ledger.WrongSigners, w.event(a.id, narrow), a.key)
	w.hand(item, b, a, sale)
	narrow = correct()
	narrow.ProcessedIn, narrow.Holder = "IN", b.id[:]
	w.refuse(ledger.CountersignerInvalid, w.event(a.id, narrow), a.key, b.key)
}

// The models of ISO 22095 never get stronger.
func TestModels(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	item := func(model custodyv1.Model, country string) ledger.ItemID {
		body := rough(minedIn(1000, country))
		body.Model = model
		return w.register(a, body)
	}
	const preserved, segregated, blended = custodyv1.Model_MODEL_IDENTITY_PRESERVED, custodyv1.Model_MODEL_SEGREGATED, custodyv1.Model_MODEL_CONTROLLED_BLENDING
	for _, c := range []struct {
		inputs []ledger.ItemID
		want   custodyv1.Model
	}{
		{[]ledger.ItemID{item(preserved, "BW"), item(preserved, "BW")}, segregated},
		{[]ledger.ItemID{item(preserved, "BW"), item(preserved, "ZA")}, blended},
		{[]ledger.ItemID{item(custodyv1.Model_MODEL_MASS_BALANCE, "BW"), item(preserved, "ZA")}, custodyv1.Model_MODEL_MASS_BALANCE},
		{[]ledger.ItemID{item(0, "BW"), item(preserved, "BW")}, 0},
	} {
		made := w.changes(a, &custodyv1.Transform{Process: merge, Inputs: w.refs(c.inputs...), Outputs: []*custodyv1.Output{loose(2000)}})
		if got := w.state.Matters[made[0]].Model; got != c.want {
			t.Errorf("model %s, want %s", got, c.want)
		}
	}
}

func TestChainsAndLimits(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	// Depth: a thousand cuts of one stone.
	item := w.register(a, stone())
	for i := range uint64(1000) {
		event := w.do(a.id, &custodyv1.Transform{Process: cut, Inputs: w.refs(item), Outputs: []*custodyv1.Output{polished(46_000 - i - 1)}, Balances: []*custodyv1.Balance{lost(diamonds, 0, 1)}}, a.key)
		item = ledger.NewItemID(event, 0)
	}
	if m := w.state.Matters[item]; m.Mass != 45_000 || m.Book() != 45_000 {
		t.Errorf("after 1,000 cuts %+v", m)
	}
	// Depth: a thousand pieces, each set in the next.
	for range 1000 {
		event := w.do(a.id, &custodyv1.Transform{Process: assemble, Inputs: w.refs(item), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(45_000)}}}, a.key)
		item = ledger.NewItemID(event, 0)
	}
	w.sound()

	for _, mass := range []uint64{1, ledger.MassMicrogramsMax} {
		one := w.register(a, rough(minedIn(mass, "BW")))
		w.changes(a, &custodyv1.Transform{Process: cut, Inputs: w.refs(one), Outputs: []*custodyv1.Output{polished(mass)}})
		w.changes(a, &custodyv1.Transform{Process: melt, Inputs: w.refs(w.register(a, alloy(custodyv1.Form_FORM_BULK, of(gold, minedIn(mass, "GH"))))), Outputs: []*custodyv1.Output{ingot(custodyv1.Form_FORM_SINGLE, 1, mass)}})
	}
	grain := w.register(a, rough(minedIn(1, "BW"), minedIn(1, "RU"), minedIn(1, "ZA")))
	w.refuses(ledger.ConservationViolated, a, &custodyv1.Transform{Process: split, Inputs: w.refs(grain), Outputs: []*custodyv1.Output{loose(1), loose(1)}})
	w.changes(a, &custodyv1.Transform{Process: split, Inputs: w.refs(grain), Outputs: []*custodyv1.Output{loose(1), loose(1), loose(1)}})

	// Five hundred items, in and out. All of the largest do not fit one.
	var inputs []ledger.ItemID
	for range 250 {
		inputs = append(inputs, w.register(a, alloy(custodyv1.Form_FORM_BULK, of(gold, minedIn(ledger.MassMicrogramsMax-2, "GH")), of(silver, recycled(2)))))
	}
	var outputs []*custodyv1.Output
	for range 250 {
		outputs = append(outputs, ingot(custodyv1.Form_FORM_BULK, 1, ledger.MassMicrogramsMax-2, 2, 2))
	}
	body := &custodyv1.Transform{Process: melt, Inputs: w.refs(inputs...), Outputs: outputs}
	bars := w.changes(a, body)
	w.hasOrigin(bars[249], "8999999999999998 mined gold GH, 2 recycled silver")
	body.Inputs = w.refs(bars...)
	body.Outputs = append(outputs, ingot(custodyv1.Form_FORM_BULK, 1, 1))
	signed, err := ledger.Sign(w.event(a.id, body), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, rejection := ledger.DecodeEvent(1, signed); rejection == nil || rejection.Reason != ledger.TooLarge {
		t.Errorf("501 items: %v", rejection)
	}
	over := &custodyv1.Transform{Process: merge, Inputs: w.refs(bars[:2]...), Outputs: []*custodyv1.Output{ingot(custodyv1.Form_FORM_BULK, 1, ledger.MassMicrogramsMax)}}
	w.refuses(ledger.ConservationViolated, a, over)

	var stones []ledger.ItemID
	for range ledger.ChildrenMax + 1 {
		stones = append(stones, w.stone(a))
	}
	ring := &custodyv1.Transform{Process: assemble, Inputs: w.refs(stones...), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_000 * (ledger.ChildrenMax + 1))}}}
	w.refuses(ledger.TooLarge, a, ring)
	ring.Inputs, ring.Outputs[0].Mass = ring.Inputs[1:], massOf(46_000*ledger.ChildrenMax)
	full := w.changes(a, ring)[0]
	w.refuses(ledger.TooLarge, a, &custodyv1.Transform{Process: rework, Inputs: w.refs(full, stones[0])})
	w.changes(a, &custodyv1.Transform{Process: disassemble, Inputs: w.refs(append([]ledger.ItemID{full}, stones[1:]...)...)})
}

// No event makes an item part of itself.
func TestNoPieceHoldsItself(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	set := func(item ledger.ItemID, mass uint64) ledger.ItemID {
		return w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(item), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(mass)}}})[0]
	}
	inner := set(w.stone(a), 46_000)
	outer := set(inner, 46_000)
	w.refuses(ledger.SetInPiece, a, &custodyv1.Transform{Process: rework, Inputs: w.refs(inner, outer)})
	w.refuses(ledger.SetInPiece, a, &custodyv1.Transform{Process: rework, Inputs: w.refs(outer, inner)})
	signed, err := ledger.Sign(w.event(a.id, &custodyv1.Transform{Process: rework, Inputs: w.refs(outer, outer)}), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, rejection := ledger.DecodeEvent(1, signed); rejection == nil || rejection.Reason != ledger.RepeatedField {
		t.Errorf("a piece set in itself: %v", rejection)
	}
	// Its own id as an output's: an id is a hash of the event that would have to name it.
	id := ledger.NewItemID(ledger.EventID{1}, 0)
	w.refuses(ledger.UnknownItem, a, &custodyv1.Transform{Process: rework, Inputs: []*custodyv1.ItemRef{w.on(outer), {Item: id[:], Prev: make([]byte, 32)}}})
}

func TestCorrectionsOfWhatIsSaid(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	body := stone()
	body.Material, body.Description = custodyv1.Material_MATERIAL_GEM, &custodyv1.Description{Species: "corundum"}
	item := w.register(a, body)
	correct := func(species, code string) *custodyv1.Correct {
		c := &custodyv1.Correct{Item: w.on(item), Reason: 1, HsCode: code}
		if species != "" {
			c.Description = &custodyv1.Description{Species: species}
		}
		return c
	}
	w.refuses(ledger.CorrectionInvalid, a, correct("spinel", ""))
	w.refuses(ledger.DescriptionInvalid, a, correct("ruby spinel", ""))
	w.refuses(ledger.HSCodeInvalid, a, correct("", "710239"))
	w.do(a.id, correct("ruby", "710391"), a.key)
	if got := w.state.Matters[item].Species; got != "ruby" {
		t.Errorf("species %q", got)
	}
	bad := correct("", "")
	bad.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL, Issuer: "REFINER", Number: "1"}}
	w.refuses(ledger.OutsideIDInvalid, a, bad)
	bad = correct("", "")
	bad.CustomsOrigin = "XX"
	w.refuses(ledger.CountryInvalid, a, bad)

	band := w.register(a, alloy(custodyv1.Form_FORM_PART, of(gold, recycled(1000))))
	ring := w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(item, band), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(47_000)}}})[0]
	w.refuses(ledger.SetInPiece, a, correct("sapphire", ""))
	item = ring
	w.refuses(ledger.HSCodeInvalid, a, correct("", "711311"))
	w.do(a.id, correct("", "711319"), a.key) // who made it corrects it
	weigh := &custodyv1.Reweigh{Item: w.on(ring), Mass: massOf(49_001)}
	w.refuses(ledger.DifferenceTooLarge, a, weigh)
	weigh.Mass.Micrograms--
	w.do(a.id, weigh, a.key)
	weigh = &custodyv1.Reweigh{Item: w.on(ring), Mass: massOf(51_000)} // held against its parts
	w.refuses(ledger.DifferenceTooLarge, a, weigh)
	weigh = &custodyv1.Reweigh{Item: w.on(ring), Mass: &custodyv1.Mass{Micrograms: 47_000, Basis: 1, Declared: "0.047", Unit: custodyv1.Unit_UNIT_CARAT}}
	w.refuses(ledger.UnitMismatch, a, weigh)

	filings := &custodyv1.Transform{Process: rework, Inputs: w.refs(ring), Filings: []*custodyv1.Filing{{Item: w.on(band), Micrograms: 1000}}}
	w.refuses(ledger.PortionInvalid, a, filings)
	filings.Filings[0].Micrograms = 10
	w.refuses(ledger.ConservationViolated, a, filings)
	filings.Balances = []*custodyv1.Balance{lost(metals, gold, 10)}
	w.changes(a, filings)
	if m := w.state.Matters[ring]; m.Mass != 46_990 {
		t.Errorf("filed to %d", m.Mass)
	}
	ruby := ledger.ItemID(w.state.Matters[ring].Children[0])
	w.refuses(ledger.MaterialMismatch, a, &custodyv1.Transform{Process: rework, Inputs: w.refs(ring), Filings: []*custodyv1.Filing{{Item: w.on(ruby), Micrograms: 1}}})
	w.refuses(ledger.ProcessInvalid, a, &custodyv1.Transform{Process: rework, Inputs: w.refs(ring), Removed: w.refs(ruby, band)})
	w.refuses(ledger.NotPart, a, &custodyv1.Transform{Process: rework, Inputs: w.refs(ring), Removed: w.refs(w.stone(a))})
}
