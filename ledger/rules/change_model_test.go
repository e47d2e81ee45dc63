package rules_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// books is a second, naive model of conservation. It knows of each live item what it
// weighs by metal (0: no metal) and of each source what it accounts for, in numbers of
// any size, and works every change out in fractions.
type books struct {
	w     *world
	owner *actor
	loose []ledger.ItemID
	metal []ledger.ItemID
	lost  map[custodyv1.Metal]*big.Int // by all changes together
	began map[custodyv1.Metal]*big.Int
}

// total is what all live items account for of a metal.
func (b *books) total(m custodyv1.Metal) *big.Int {
	total := new(big.Int)
	for _, id := range slices.Concat(b.loose, b.metal) {
		for _, c := range b.w.state.Matters[id].Origin {
			if c.Metal == m {
				total.Add(total, new(big.Int).SetUint64(c.Micrograms))
			}
		}
	}
	return total
}

var modelMetals = []custodyv1.Metal{0, gold, silver, copper}

func TestRandomChangesAgainstFractions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		b := &books{w: w, owner: w.dealer(), lost: map[custodyv1.Metal]*big.Int{}, began: map[custodyv1.Metal]*big.Int{}}
		amount := rapid.OneOf(rapid.Uint64Range(1, 20), rapid.Uint64Range(1, 1_000_000), rapid.Uint64Range(1, 1_000_000_000_000_000))
		country := rapid.SampledFrom([]string{"AO", "BW", "CA", "RU", "ZA"})
		for range 3 {
			var origin, alloyed []*custodyv1.OriginComponent
			for _, code := range rapid.SliceOfNDistinct(country, 1, 3, rapid.ID[string]).Draw(rt, "countries") {
				origin = append(origin, minedIn(amount.Draw(rt, "mass"), code))
				alloyed = append(alloyed, of(gold, minedIn(amount.Draw(rt, "gold"), code)))
			}
			alloyed = append(alloyed, of(gold, recycled(amount.Draw(rt, "scrap"))), of(copper, unknownOrigin(amount.Draw(rt, "copper"))))
			b.loose = append(b.loose, w.register(b.owner, rough(origin...)))
			b.metal = append(b.metal, w.register(b.owner, alloy(custodyv1.Form_FORM_BULK, alloyed...)))
		}
		for _, m := range modelMetals {
			b.lost[m], b.began[m] = new(big.Int), b.total(m)
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			b.step(rt)
			for _, m := range modelMetals {
				if now := new(big.Int).Add(b.total(m), b.lost[m]); now.Cmp(b.began[m]) != 0 {
					rt.Fatalf("of metal %d there were %s, now with what was lost %s", m, b.began[m], now)
				}
			}
		}
		w.sound()
	})
}

// step tries one change: an honest one, or one with a microgram too much or too little.
func (b *books) step(rt *rapid.T) {
	process := rapid.SampledFrom([]custodyv1.Process{split, merge, melt, refine}).Draw(rt, "process")
	list := &b.loose
	if process == melt || process == refine || rapid.Bool().Draw(rt, "metal") {
		list = &b.metal
	}
	count := 1
	if process != split {
		count = rapid.IntRange(1, len(*list)).Draw(rt, "inputs")
	}
	inputs := rapid.SliceOfNDistinct(rapid.SampledFrom(*list), count, count, rapid.ID[ledger.ItemID]).Draw(rt, "which")
	matters := make([]rules.Matter, len(inputs))
	for i, id := range inputs {
		matters[i] = b.w.state.Matters[id]
	}
	outputs := 1
	if process != merge {
		outputs = rapid.IntRange(1, 4).Draw(rt, "outputs")
	}
	body := &custodyv1.Transform{Process: process, Inputs: b.w.refs(inputs...)}
	metalGoods := matters[0].Material == metals
	lostNow := map[custodyv1.Metal]uint64{}
	made := make([]map[custodyv1.Metal]uint64, outputs)
	for i := range made {
		made[i] = map[custodyv1.Metal]uint64{}
	}
	proportional := process != refine
	for _, m := range modelMetals {
		in := uint64(0)
		for _, matter := range matters {
			if m == 0 && !metalGoods {
				in += matter.Mass
			}
			for _, c := range matter.Composition {
				if c.Metal == m {
					in += c.Micrograms
				}
			}
		}
		if in == 0 {
			continue
		}
		if rapid.IntRange(0, 3).Draw(rt, "loses") == 0 {
			lostNow[m] = rapid.Uint64Range(0, in/90).Draw(rt, "loss")
		}
		left := in - lostNow[m]
		for i := range made {
			n := left
			if i < outputs-1 && !proportional {
				n = rapid.Uint64Range(0, left).Draw(rt, "of metal")
			} else if i < outputs-1 {
				n = left / uint64(outputs-i)
			}
			made[i][m] = n
			left -= n
		}
	}
	if !metalGoods { // any parts: the material is one
		total := uint64(0)
		for i := range made {
			total += made[i][0]
		}
		for i := range made[:outputs-1] {
			made[i][0] = rapid.Uint64Range(0, total).Draw(rt, "part")
			total -= made[i][0]
		}
		made[outputs-1][0] = total
	}
	off := 0
	if rapid.IntRange(0, 4).Draw(rt, "honest") == 0 {
		off = rapid.SampledFrom([]int{1, -1}).Draw(rt, "by")
	}
	for i := range made {
		var output *custodyv1.Output
		if metalGoods {
			var parts []uint64
			for _, m := range modelMetals[1:] {
				if n := made[i][m]; n > 0 {
					parts = append(parts, uint64(m), n)
				}
			}
			output = ingot(custodyv1.Form_FORM_BULK, parts...)
		} else {
			output = loose(made[i][0])
		}
		if i == 0 && off != 0 && output.Mass.Micrograms > 1 {
			output.Mass.Micrograms += uint64(off)
			if metalGoods && output.Composition[0].Micrograms > 1 {
				output.Composition[0].Micrograms += uint64(off)
			}
		}
		if output.Mass.Micrograms == 0 {
			return // no such output
		}
		body.Outputs = append(body.Outputs, output)
	}
	for _, m := range modelMetals {
		if lostNow[m] > 0 {
			body.Balances = append(body.Balances, lost(matters[0].Material, m, lostNow[m]))
		}
	}
	want := b.expect(body, matters)
	outcome := b.w.submit(b.w.candidate(b.w.event(b.owner.id, body), b.owner.key))
	if (outcome.Rejection == nil) != (want == "") || outcome.Rejection != nil && outcome.Rejection.Reason != want {
		rt.Fatalf("%s of %+v to %v: the ledger says %v, the model %q", process, matters, body.Outputs, outcome.Rejection, want)
	}
	if want != "" {
		return
	}
	*list = slices.DeleteFunc(*list, func(id ledger.ItemID) bool { return slices.Contains(inputs, id) })
	event := b.w.state.Items[inputs[0]].Last
	for i := range body.Outputs {
		*list = append(*list, ledger.NewItemID(event, uint32(i)))
	}
	for m, n := range lostNow {
		b.lost[m].Add(b.lost[m], new(big.Int).SetUint64(n))
	}
	b.compare(rt, body, matters, event, lostNow)
}

// expect says what becomes of a change by its numbers alone.
func (b *books) expect(body *custodyv1.Transform, inputs []rules.Matter) ledger.Reason {
	if len(inputs) < 2 && body.Process == merge || len(body.Outputs) < 2 && body.Process == split {
		return ledger.ProcessInvalid
	}
	limit := map[custodyv1.Process]int64{split: 10, merge: 10, melt: 100, refine: 500}[body.Process]
	in, out, lost := map[custodyv1.Metal]*big.Int{}, map[custodyv1.Metal]*big.Int{}, map[custodyv1.Metal]*big.Int{}
	for _, m := range modelMetals {
		in[m], out[m], lost[m] = new(big.Int), new(big.Int), new(big.Int)
	}
	add := func(to map[custodyv1.Metal]*big.Int, m custodyv1.Metal, n uint64) {
		to[m].Add(to[m], new(big.Int).SetUint64(n))
	}
	for _, matter := range inputs {
		if matter.Material != metals {
			add(in, 0, matter.Mass)
		}
		for _, c := range matter.Composition {
			add(in, c.Metal, c.Micrograms)
		}
	}
	for _, o := range body.Outputs {
		composed := uint64(0)
		for _, c := range o.Composition {
			add(out, c.Metal, c.Micrograms)
			composed += c.Micrograms
		}
		if o.Material == metals && composed != o.Mass.Micrograms {
			return ledger.CompositionInvalid
		}
		if o.Material != metals {
			add(out, 0, o.Mass.Micrograms)
		}
	}
	if reason := b.uneven(body, inputs); reason != "" {
		return reason
	}
	for _, l := range body.Balances {
		add(lost, l.Metal, l.LossMicrograms)
	}
	for _, m := range modelMetals {
		if new(big.Int).Add(out[m], lost[m]).Cmp(in[m]) != 0 {
			return ledger.ConservationViolated
		}
		if new(big.Int).Mul(lost[m], big.NewInt(1000)).Cmp(new(big.Int).Mul(in[m], big.NewInt(limit))) > 0 {
			return ledger.LossTooLarge
		}
	}
	return ""
}

// uneven tells whether the outputs of a split or melt are different alloys: by more than
// a ten-thousandth and the rounding of a microgram.
func (b *books) uneven(body *custodyv1.Transform, inputs []rules.Matter) ledger.Reason {
	if body.Outputs[0].Material != metals || body.Process == refine || body.Process == merge {
		return ""
	}
	fineness := func(composition []rules.Constituent, mass uint64, m custodyv1.Metal) *big.Rat {
		for _, c := range composition {
			if c.Metal == m {
				return new(big.Rat).SetFrac(new(big.Int).SetUint64(c.Micrograms), new(big.Int).SetUint64(mass))
			}
		}
		return new(big.Rat)
	}
	alloyOf := func(o *custodyv1.Output) (list []rules.Constituent) {
		for _, c := range o.Composition {
			list = append(list, rules.Constituent{Metal: c.Metal, Micrograms: c.Micrograms})
		}
		return list
	}
	whole, mass := alloyOf(body.Outputs[0]), body.Outputs[0].Mass.Micrograms
	if body.Process == split {
		whole, mass = inputs[0].Composition, inputs[0].Mass
	}
	one := big.NewInt(1)
	for _, o := range body.Outputs {
		for _, m := range modelMetals[1:] {
			off := new(big.Rat).Sub(fineness(whole, mass, m), fineness(alloyOf(o), o.Mass.Micrograms, m))
			off.Abs(off)
			slack := big.NewRat(1, 10_000)
			slack.Add(slack, new(big.Rat).SetFrac(one, new(big.Int).SetUint64(mass)))
			slack.Add(slack, new(big.Rat).SetFrac(one, new(big.Int).SetUint64(o.Mass.Micrograms)))
			if off.Cmp(slack) > 0 {
				return ledger.CompositionInvalid
			}
		}
	}
	return ""
}

// compare holds the origins of the outputs against the inputs'.
func (b *books) compare(rt *rapid.T, body *custodyv1.Transform, inputs []rules.Matter, event ledger.EventID, lost map[custodyv1.Metal]uint64) {
	before, after := map[rules.Source]*big.Rat{}, map[rules.Source]*big.Rat{}
	add := func(to map[rules.Source]*big.Rat, c rules.Component, factor *big.Rat) {
		if to[c.Source] == nil {
			to[c.Source] = new(big.Rat)
		}
		n := new(big.Rat).SetInt(new(big.Int).SetUint64(c.Micrograms))
		to[c.Source].Add(to[c.Source], n.Mul(n, factor))
	}
	possible := map[string]bool{}
	for _, m := range inputs {
		for _, c := range m.Origin {
			share := big.NewRat(1, 1)
			if n := lost[c.Metal]; n > 0 {
				whole := new(big.Int)
				for _, in := range inputs {
					for _, other := range in.Origin {
						if other.Metal == c.Metal {
							whole.Add(whole, new(big.Int).SetUint64(other.Micrograms))
						}
					}
				}
				share.SetFrac(new(big.Int).Sub(whole, new(big.Int).SetUint64(n)), whole)
			}
			add(before, c, share)
			for code := range strings.FieldsSeq(c.Countries) {
				possible[code] = true
			}
		}
	}
	unsorted := inputs[0].Material != metals && body.Process == split
	for i, o := range body.Outputs {
		m := b.w.state.Matters[ledger.NewItemID(event, uint32(i))]
		if m.Mass != o.Mass.Micrograms || m.Book() != m.Mass {
			rt.Fatalf("output %+v", m)
		}
		for _, c := range m.Origin {
			add(after, c, big.NewRat(1, 1))
		}
		if unsorted && (len(m.Origin) != 1 || len(strings.Fields(m.Origin[0].Countries)) != len(possible)) {
			rt.Fatalf("%v unsorted became %v", inputs[0].Origin, m.Origin)
		}
	}
	if unsorted {
		return
	}
	// In proportion to a microgram for the loss and each output; no source appears.
	bound := big.NewRat(int64(len(body.Outputs))+1, 1)
	for source, n := range after {
		was := before[source]
		if was == nil {
			rt.Fatalf("%+v came from nowhere", source)
		}
		if off := new(big.Rat).Sub(n, was); off.Abs(off).Cmp(bound) > 0 {
			rt.Fatalf("%+v was %s, is %s", source, was.FloatString(3), n.FloatString(3))
		}
	}
}
