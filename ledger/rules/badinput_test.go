package rules_test

import (
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const decoding = true // the bytes are refused before the rules see them

// TestBadGoods is the catalogue of bad input (domain.md 5.4) as far as a registration
// can be wrong about quantity, identity, origin and disclosure.
func TestBadGoods(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	bar := func() *custodyv1.ItemRegister {
		return alloy(custodyv1.Form_FORM_SINGLE, of(gold, recycled(999_900)), of(copper, unknownOrigin(100)))
	}
	parcel := func() *custodyv1.ItemRegister { return counts(rough(minedIn(1000, "BW")), 10) }
	ruby := func() *custodyv1.ItemRegister {
		r := stone()
		r.Material, r.Description = custodyv1.Material_MATERIAL_GEM, &custodyv1.Description{Species: "ruby"}
		return r
	}
	piece := func() *custodyv1.ItemRegister {
		return &custodyv1.ItemRegister{
			Form: custodyv1.Form_FORM_PIECE, Mass: massOf(4_000), Acquisition: custodyv1.Acquisition_ACQUISITION_TRADE_IN,
			Bill: []*custodyv1.BillLine{{Material: metals, Form: custodyv1.Form_FORM_PART, Mass: massOf(4_000), Composition: []*custodyv1.Constituent{{Metal: gold, Micrograms: 4_000}}}},
		}
	}
	type change = func(*custodyv1.ItemRegister)
	for _, c := range []struct {
		class, name string
		reason      ledger.Reason // empty: stands
		decoding    bool
		goods       func() *custodyv1.ItemRegister
		change      change
	}{
		{"quantity", "zero", ledger.MissingField, decoding, stone, func(r *custodyv1.ItemRegister) { r.Mass.Micrograms = 0 }},
		{"quantity", "a number that is none", ledger.UnitMismatch, false, stone, func(r *custodyv1.ItemRegister) { r.Mass.Declared, r.Mass.Unit = "0.23.", 1 }},
		{"quantity", "one past the largest", ledger.InvalidField, decoding, stone, func(r *custodyv1.ItemRegister) { r.Mass.Micrograms = ledger.MassMicrogramsMax + 1 }},
		{"quantity", "0.1 and 0.2 are 0.3", "", false, func() *custodyv1.ItemRegister { return rough(minedIn(20_000, "BW"), minedIn(40_000, "ZA")) }, func(r *custodyv1.ItemRegister) { r.Mass.Declared, r.Mass.Unit = "0.3", 1 }},
		{"quantity", "carats declared as grams", ledger.UnitMismatch, false, stone, func(r *custodyv1.ItemRegister) { r.Mass.Declared, r.Mass.Unit = "0.23", custodyv1.Unit_UNIT_GRAM }},
		{"quantity", "as declared", "", false, stone, func(r *custodyv1.ItemRegister) {
			r.Mass.Declared, r.Mass.Unit = "0.23", custodyv1.Unit_UNIT_CARAT
		}},
		{"quantity", "a unit without a number", ledger.UnitMismatch, false, stone, func(r *custodyv1.ItemRegister) { r.Mass.Unit = custodyv1.Unit_UNIT_CARAT }},
		{"quantity", "a number without a unit", ledger.UnitMismatch, false, stone, func(r *custodyv1.ItemRegister) { r.Mass.Declared = "0.23" }},
		{"quantity", "the troy ounce ten times too small", ledger.UnitMismatch, false, func() *custodyv1.ItemRegister {
			return alloy(custodyv1.Form_FORM_SINGLE, of(gold, recycled(3_110_348)))
		}, func(r *custodyv1.ItemRegister) {
			r.Mass.Declared, r.Mass.Unit = "1", custodyv1.Unit_UNIT_TROY_OUNCE
		}},
		{"quantity", "the troy ounce, halves to even", "", false, func() *custodyv1.ItemRegister {
			return alloy(custodyv1.Form_FORM_SINGLE, of(gold, recycled(31_103_477)))
		}, func(r *custodyv1.ItemRegister) {
			r.Mass.Declared, r.Mass.Unit = "1", custodyv1.Unit_UNIT_TROY_OUNCE
		}},
		{"quantity", "metal in carats", ledger.UnitMismatch, false, bar, func(r *custodyv1.ItemRegister) { r.Mass.Declared, r.Mass.Unit = "5", custodyv1.Unit_UNIT_CARAT }},
		{"quantity", "a parcel without a count", ledger.CountInvalid, false, parcel, func(r *custodyv1.ItemRegister) { r.Count = 0 }},
		{"quantity", "a parcel of one", ledger.CountInvalid, false, parcel, func(r *custodyv1.ItemRegister) { r.Count = 1 }},
		{"quantity", "a basis without a count", ledger.CountInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.CountBasis = 2 }},
		{"quantity", "counted bulk", ledger.CountInvalid, false, parcel, func(r *custodyv1.ItemRegister) { r.Form = custodyv1.Form_FORM_BULK }},
		{"quantity", "estimated bulk", "", false, parcel, func(r *custodyv1.ItemRegister) { r.Form, r.CountBasis = custodyv1.Form_FORM_BULK, 2 }},
		{"quantity", "equal pieces that are not", ledger.CountInvalid, false, parcel, func(r *custodyv1.ItemRegister) { r.EqualPieces, r.Count = true, 3 }},
		{"quantity", "equal pieces, estimated", ledger.CountInvalid, false, parcel, func(r *custodyv1.ItemRegister) { r.EqualPieces, r.CountBasis = true, 2 }},
		{"quantity", "equal bulk", ledger.CountInvalid, false, parcel, func(r *custodyv1.ItemRegister) {
			r.EqualPieces, r.Form, r.CountBasis = true, custodyv1.Form_FORM_BULK, 2
		}},
		{"quantity", "fineness 9,999", "", false, bar, func(r *custodyv1.ItemRegister) { r.FinenessPermyriad = 9_999 }},
		{"quantity", "fineness 999.9 typed as 9.999", ledger.FinenessInvalid, false, bar, func(r *custodyv1.ItemRegister) { r.FinenessPermyriad = 9 }},
		{"quantity", "fineness 999.9 typed as 99990", ledger.InvalidField, decoding, bar, func(r *custodyv1.ItemRegister) { r.FinenessPermyriad = 99_990 }},
		{"quantity", "fineness one too high", ledger.FinenessInvalid, false, bar, func(r *custodyv1.ItemRegister) { r.FinenessPermyriad = 10_000 }},
		{"quantity", "the fineness of copper", ledger.FinenessInvalid, false, bar, func(r *custodyv1.ItemRegister) { r.FinenessPermyriad = 1 }},
		{"quantity", "a fine diamond", ledger.FinenessInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.FinenessPermyriad = 1 }},
		{"quantity", "an alloy that does not add up", ledger.CompositionInvalid, false, bar, func(r *custodyv1.ItemRegister) { r.Composition[0].Micrograms++ }},
		{"quantity", "metal without a composition", ledger.CompositionInvalid, false, bar, func(r *custodyv1.ItemRegister) { r.Composition = nil }},
		{"quantity", "a metal twice", ledger.NonCanonical, false, bar, func(r *custodyv1.ItemRegister) { r.Composition[1].Metal = gold }},
		{"quantity", "an alloy of diamond", ledger.CompositionInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.Composition = []*custodyv1.Constituent{{Metal: gold, Micrograms: 46_000}}
		}},
		{"quantity", "a bill that does not add up", ledger.MassMismatch, false, piece, func(r *custodyv1.ItemRegister) { r.Mass.Micrograms++ }},
		{"quantity", "a piece of nothing", ledger.MissingField, false, piece, func(r *custodyv1.ItemRegister) { r.Bill = nil }},
		{"quantity", "a single part in two pieces", ledger.CountInvalid, false, piece, func(r *custodyv1.ItemRegister) { r.Count, r.Bill[0].Form = 2, custodyv1.Form_FORM_SINGLE }},

		{"identity", "gold of the kind diamond", ledger.NatureMismatch, false, bar, func(r *custodyv1.ItemRegister) { r.Nature = 1 }},
		{"identity", "no material", ledger.MissingField, false, stone, func(r *custodyv1.ItemRegister) { r.Material = 0 }},
		{"identity", "no nature", ledger.MissingField, false, stone, func(r *custodyv1.ItemRegister) { r.Nature = 0 }},
		{"identity", "no stage", ledger.MissingField, false, stone, func(r *custodyv1.ItemRegister) { r.Stage = 0 }},
		{"identity", "rough gold", ledger.DescriptionInvalid, false, bar, func(r *custodyv1.ItemRegister) { r.Stage = 1 }},
		{"identity", "a piece of a material", ledger.FormInvalid, false, piece, func(r *custodyv1.ItemRegister) { r.Material = metals }},
		{"identity", "a piece with an origin", ledger.FormInvalid, false, piece, func(r *custodyv1.ItemRegister) {
			r.Origin = []*custodyv1.OriginComponent{unknownOrigin(4_000)}
		}},
		{"identity", "a stone with a bill", ledger.FormInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.Bill = piece().Bill }},
		{"identity", "a piece in a bill", ledger.FormInvalid, false, piece, func(r *custodyv1.ItemRegister) {
			r.Bill[0].Form, r.Bill[0].Material, r.Bill[0].Composition = custodyv1.Form_FORM_PIECE, custodyv1.Material_MATERIAL_OTHER, nil
		}},
		{"identity", "a diamond as a part", ledger.FormInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.Form = custodyv1.Form_FORM_PART }},
		{"identity", "two species", ledger.DescriptionInvalid, false, ruby, func(r *custodyv1.ItemRegister) { r.Description.Species = "ruby spinel" }},
		{"identity", "a gem that is a pearl", ledger.DescriptionInvalid, false, ruby, func(r *custodyv1.ItemRegister) { r.Description.Species = "akoya" }},
		{"identity", "a check digit that is wrong", ledger.OutsideIDInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_SGTIN, Issuer: "00012345600013", Number: "1"}}
		}},
		{"identity", "an inscription on a parcel", ledger.OutsideIDInvalid, false, parcel, func(r *custodyv1.ItemRegister) {
			r.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION, Issuer: "LAB", Number: "1"}}
		}},
		{"identity", "a bar serial on a stone", ledger.OutsideIDInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL, Issuer: "REFINER", Number: "1"}}
		}},

		{"origin", "components that miss a microgram", ledger.MassMismatch, false, stone, func(r *custodyv1.ItemRegister) { r.Origin[0].Micrograms-- }},
		{"origin", "no origin", ledger.MissingField, false, stone, func(r *custodyv1.ItemRegister) { r.Origin = nil }},
		{"origin", "XX", ledger.CountryInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.Origin[0] = minedIn(46_000, "XX") }},
		{"origin", "a withdrawn code", ledger.CountryInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.Origin[0] = minedIn(46_000, "YU") }},
		{"origin", "mined nowhere", ledger.CountryInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.Origin[0] = minedIn(46_000) }},
		{"origin", "recycled in a country", ledger.CountryInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.Origin[0] = recycled(46_000)
			r.Origin[0].Countries = []string{"IT"}
		}},
		{"origin", "grandfathered from a country", "", false, stone, func(r *custodyv1.ItemRegister) {
			r.Origin[0] = minedIn(46_000, "RU")
			r.Origin[0].Kind = custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED
		}},
		{"origin", "lab-grown with a country", ledger.CountryInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0] = custodyv1.Nature_NATURE_LAB_GROWN, minedIn(46_000, "IN")
			r.Origin[0].Kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}},
		{"origin", "mined lab-grown", ledger.NatureMismatch, false, stone, func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0] = custodyv1.Nature_NATURE_LAB_GROWN, minedIn(46_000, "IN")
		}},
		{"origin", "lab-grown gold", ledger.NatureMismatch, false, bar, func(r *custodyv1.ItemRegister) {
			r.Origin[0].Kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}},
		{"origin", "gold of no metal", ledger.MissingField, false, bar, func(r *custodyv1.ItemRegister) { r.Origin[0].Metal = 0 }},
		{"origin", "diamond of a metal", ledger.CompositionInvalid, false, stone, func(r *custodyv1.ItemRegister) { r.Origin[0].Metal = gold }},
		{"origin", "one metal's origin under another", ledger.MassMismatch, false, bar, func(r *custodyv1.ItemRegister) { r.Origin[1].Metal = gold }},
		{"origin", "of a metal that is not there", ledger.MassMismatch, false, bar, func(r *custodyv1.ItemRegister) {
			r.Origin = append(r.Origin, of(silver, unknownOrigin(1)))
		}},
		{"origin", "an owner of a day to come", ledger.OccurredAhead, false, stone, func(r *custodyv1.ItemRegister) {
			r.Origin[0].Producer, r.Origin[0].StateOwnership, r.Origin[0].OwnershipAsOfMs = "Made up", 3, 4_070_908_800_000 // 2099
		}},
		{"origin", "an owner of no day", ledger.MissingField, false, stone, func(r *custodyv1.ItemRegister) {
			r.Origin[0].Producer, r.Origin[0].StateOwnership = "Made up", 3
		}},
		{"origin", "a day of no owner", ledger.MissingField, false, stone, func(r *custodyv1.ItemRegister) { r.Origin[0].OwnershipAsOfMs = 1 }},
		{"origin", "bill of lab-grown gold", ledger.NatureMismatch, false, piece, func(r *custodyv1.ItemRegister) {
			r.Bill[0].Origin = []*custodyv1.OriginComponent{of(gold, unknownOrigin(4_000))}
			r.Bill[0].Origin[0].Kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}},

		{"disclosure", "lab-grown under 7102", ledger.HSCodeInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0].Kind, r.HsCode = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN, "710239"
		}},
		{"disclosure", "lab-grown under 7104", "", false, stone, func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0].Kind, r.HsCode = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN, "710491"
		}},
		{"disclosure", "a ring as silver", ledger.HSCodeInvalid, false, piece, func(r *custodyv1.ItemRegister) { r.HsCode = "711311" }},
		{"disclosure", "a ring", "", false, piece, func(r *custodyv1.ItemRegister) { r.HsCode = "711319" }},
		{"disclosure", "treated with code N", ledger.TreatmentInvalid, false, ruby, func(r *custodyv1.ItemRegister) {
			r.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"H", "N"}}
		}},
		{"disclosure", "filled ruby as ruby", ledger.TreatmentInvalid, false, ruby, func(r *custodyv1.ItemRegister) {
			r.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"F", "H"}}
		}},
		{"disclosure", "codes out of order", ledger.NonCanonical, false, ruby, func(r *custodyv1.ItemRegister) {
			r.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"O", "H"}}
		}},
		{"disclosure", "treated gold", ledger.TreatmentInvalid, false, bar, func(r *custodyv1.ItemRegister) {
			r.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"C"}}
		}},
		{"disclosure", "a treated piece", ledger.TreatmentInvalid, false, piece, func(r *custodyv1.ItemRegister) {
			r.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"C"}}
		}},
		{"disclosure", "a natural stone that was grown", ledger.DescriptionInvalid, false, stone, func(r *custodyv1.ItemRegister) {
			r.Description = &custodyv1.Description{Growth: custodyv1.Growth_GROWTH_CVD}
		}},
	} {
		t.Run(c.class+"/"+c.name, func(t *testing.T) {
			w.t = t
			body := c.goods()
			c.change(body)
			switch {
			case c.decoding:
				w.undecodable(c.reason, a, body)
			case c.reason == "":
				w.register(a, body)
				w.sound()
			default:
				w.refuses(c.reason, a, body)
			}
		})
	}
}

// undecodable signs an event that is refused before the rules see it.
func (w *world) undecodable(reason ledger.Reason, by *actor, body any) {
	w.t.Helper()
	signed, err := ledger.Sign(w.event(by.id, body), by.key)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, rejection := ledger.DecodeEvent(1, signed); rejection == nil || rejection.Reason != reason {
		w.t.Fatalf("%v, want %s", rejection, reason)
	}
}

// TestBadChanges is the same catalogue for changes of matter, and the cheats.
func TestBadChanges(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	natural := w.register(a, rough(minedIn(1000, "BW")))
	second := w.register(a, rough(minedIn(1000, "RU")))
	grownBody := rough(unknownOrigin(1000))
	grownBody.Nature, grownBody.Origin[0].Kind = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
	grown := w.register(a, grownBody)
	gem := func(species string, codes ...string) ledger.ItemID {
		r := rough(unknownOrigin(1000))
		r.Material, r.Description = custodyv1.Material_MATERIAL_GEM, &custodyv1.Description{Species: species}
		if len(codes) > 0 {
			r.Treatments = &custodyv1.Treatments{List: 2024, Codes: codes}
		}
		return w.register(a, r)
	}
	emerald, beryl, oiled, ruby := gem("emerald"), gem("beryl"), gem("emerald", "O"), gem("ruby")
	bar := w.register(a, alloy(custodyv1.Form_FORM_SINGLE, of(gold, recycled(1000)), of(silver, unknownOrigin(1000))))
	dust := w.register(a, alloy(custodyv1.Form_FORM_BULK, of(gold, minedIn(1000, "GH"))))
	counted := w.register(a, counts(rough(minedIn(1000, "BW")), 10))
	estimatedBody := counts(rough(minedIn(1000, "BW")), 10)
	estimatedBody.CountBasis = custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
	single := w.register(a, stone())
	piece := w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(w.stone(a)), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_000)}}})[0]
	pieces := w.register(a, &custodyv1.ItemRegister{
		Form: custodyv1.Form_FORM_PIECE, Count: 2, Mass: massOf(20), Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED,
		Bill: []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_OTHER, Form: custodyv1.Form_FORM_BULK, Mass: massOf(20)}},
	})
	clasps := func(count uint32, each uint64) ledger.ItemID {
		r := alloy(custodyv1.Form_FORM_PART, of(gold, recycled(each*uint64(count))))
		r.Count = count
		return w.register(a, r)
	}
	clasp2, clasp3 := clasps(2, 10), clasps(3, 11)

	gemOutput := func(species string, micrograms uint64) *custodyv1.Output {
		o := loose(micrograms)
		o.Material, o.Description = custodyv1.Material_MATERIAL_GEM, &custodyv1.Description{Species: species}
		return o
	}
	with := func(o *custodyv1.Output, change func(*custodyv1.Output)) *custodyv1.Output {
		change(o)
		return o
	}
	type outputs = []*custodyv1.Output
	type items = []ledger.ItemID
	type balances = []*custodyv1.Balance
	gain := func(n uint64) *custodyv1.Balance {
		return &custodyv1.Balance{Material: diamonds, GainMicrograms: n}
	}
	half := func(n uint64) *custodyv1.Balance {
		return &custodyv1.Balance{Material: diamonds, ShortfallMicrograms: n}
	}
	for _, c := range []struct {
		class, name string
		reason      ledger.Reason
		process     custodyv1.Process
		inputs      items
		outputs     outputs
		balances    balances
		change      func(*custodyv1.Transform)
	}{
		{"quantity", "outputs above inputs", ledger.ConservationViolated, cut, items{natural}, outputs{polished(1001)}, nil, nil},
		{"quantity", "outputs below inputs", ledger.ConservationViolated, cut, items{natural}, outputs{polished(999)}, nil, nil},
		{"quantity", "mass from nothing", ledger.DifferenceTooLarge, cut, items{natural}, outputs{polished(3001)}, balances{gain(2001)}, nil},
		{"quantity", "a metal from nothing", ledger.DifferenceTooLarge, melt, items{dust}, outputs{ingot(1, 1, 1000, 2, 1)}, balances{{Material: metals, Metal: silver, GainMicrograms: 1}}, nil},
		{"quantity", "loss of 99 % on a cut", ledger.LossTooLarge, cut, items{natural}, outputs{polished(10)}, balances{lost(diamonds, 0, 990)}, nil},
		{"quantity", "a loss one past 98 %", ledger.LossTooLarge, cut, items{natural}, outputs{polished(19)}, balances{lost(diamonds, 0, 981)}, nil},
		{"quantity", "loss of 98 % on a cut: for reports to flag", "", cut, items{natural}, outputs{polished(20)}, balances{lost(diamonds, 0, 980)}, nil},
		{"quantity", "a shortfall that takes all", ledger.DifferenceTooLarge, cut, items{second}, outputs{polished(3)}, balances{{Material: diamonds, ShortfallMicrograms: 17, LossMicrograms: 980}}, func(b *custodyv1.Transform) {
			b.Balances[0].GainMicrograms, b.Balances[0].ShortfallMicrograms = 2001, 0
			b.Outputs[0].Mass = massOf(2021)
		}},
		{"quantity", "a loss in a split", ledger.LossTooLarge, split, items{second}, outputs{loose(500), loose(489)}, balances{lost(diamonds, 0, 11)}, nil},
		{"quantity", "a balance of nothing", ledger.NonCanonical, cut, items{second}, outputs{polished(1000)}, balances{{Material: diamonds}}, nil},
		{"quantity", "balances twice", ledger.NonCanonical, cut, items{second}, outputs{polished(998)}, balances{lost(diamonds, 0, 1), lost(diamonds, 0, 1)}, nil},
		{"quantity", "a balance of a metal that is none", ledger.InvalidField, cut, items{second}, outputs{polished(999)}, balances{lost(diamonds, gold, 1)}, nil},
		{"quantity", "a gain and a shortfall", ledger.InvalidField, cut, items{second}, outputs{polished(1000)}, balances{{Material: diamonds, GainMicrograms: 1, ShortfallMicrograms: 1}}, nil},
		{"quantity", "loss of what never was", ledger.ConservationViolated, cut, items{second}, outputs{polished(1000)}, balances{lost(metals, gold, 1)}, nil},
		{"quantity", "counted goods, uncounted parts", ledger.CountInvalid, split, items{counted}, outputs{loose(500), loose(500)}, nil, nil},
		{"quantity", "ten pieces become nine", ledger.ConservationViolated, split, items{counted}, outputs{with(loose(900), func(o *custodyv1.Output) { o.Form, o.Count = 2, 8 }), with(loose(100), func(o *custodyv1.Output) { o.Form = 1 })}, nil, nil},
		{"quantity", "equal parts that were not", ledger.CountInvalid, merge, items{clasp2, clasp3}, outputs{with(ingot(custodyv1.Form_FORM_PART, 1, 53), func(o *custodyv1.Output) { o.Count = 53 })}, nil, nil},
		{"quantity", "parts without a count", ledger.CountInvalid, merge, items{clasp2, clasp3}, outputs{ingot(custodyv1.Form_FORM_PART, 1, 53)}, nil, nil},
		{"quantity", "an alloy that is not the input's", ledger.CompositionInvalid, split, items{bar}, outputs{ingot(1, 1, 1000), ingot(1, 2, 1000)}, nil, nil},
		{"quantity", "ct declared as g", ledger.UnitMismatch, cut, items{second}, outputs{with(polished(1000), func(o *custodyv1.Output) { o.Mass.Declared, o.Mass.Unit = "0.005", 2 })}, nil, nil},

		{"identity", "a stone split", ledger.FormInvalid, split, items{single}, outputs{loose(23_000), loose(23_000)}, nil, nil},
		{"identity", "a metal cut", ledger.MaterialMismatch, cut, items{dust}, outputs{polished(1000)}, nil, nil},
		{"identity", "a stone melted", ledger.MaterialMismatch, melt, items{second}, outputs{ingot(1, 1, 1000)}, nil, nil},
		{"identity", "a metal melted to a stone", ledger.MaterialMismatch, melt, items{dust}, outputs{polished(1000)}, nil, nil},
		{"identity", "emerald cut to ruby", ledger.MaterialMismatch, cut, items{emerald}, outputs{with(gemOutput("ruby", 1000), func(o *custodyv1.Output) { o.Stage = 2 })}, nil, nil},
		{"identity", "ruby among emeralds", ledger.MaterialMismatch, merge, items{emerald, ruby}, outputs{gemOutput("emerald", 2000)}, nil, nil},
		{"identity", "polished made rough", ledger.MaterialMismatch, cut, items{single}, outputs{loose(46_000)}, nil, nil},
		{"identity", "a split that polishes", ledger.MaterialMismatch, split, items{second}, outputs{with(loose(500), func(o *custodyv1.Output) { o.Stage = 2 }), loose(500)}, nil, nil},
		{"identity", "rough and polished together", ledger.MaterialMismatch, merge, items{second, single}, outputs{loose(47_000)}, nil, nil},
		{"identity", "pieces merged", ledger.FormInvalid, merge, items{piece, pieces}, outputs{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_020)}}, nil, nil},
		{"identity", "pieces with set stones split", ledger.FormInvalid, split, items{piece}, outputs{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(23_000)}, {Form: custodyv1.Form_FORM_PIECE, Mass: massOf(23_000)}}, nil, nil},
		{"identity", "a piece that is no piece", ledger.FormInvalid, assemble, items{single}, outputs{polished(46_000)}, nil, nil},
		{"identity", "two pieces of one stone", ledger.CountInvalid, assemble, items{single}, outputs{{Form: custodyv1.Form_FORM_PIECE, Count: 2, Mass: massOf(46_000)}}, nil, nil},
		{"identity", "two pieces reworked at once", ledger.CountInvalid, rework, items{pieces, single}, nil, nil, nil},
		{"identity", "a stone reworked", ledger.FormInvalid, rework, items{single, second}, nil, nil, nil},
		{"identity", "a stone taken apart", ledger.FormInvalid, disassemble, items{single}, nil, nil, nil},
		{"identity", "a stranger taken out of a piece", ledger.NotPart, disassemble, items{piece, single}, nil, nil, nil},
		{"identity", "a line of the bill elsewhere", ledger.ProcessInvalid, cut, items{second}, outputs{with(polished(1000), func(o *custodyv1.Output) { o.BillLine = 1 })}, nil, nil},
		{"identity", "two inputs of a cut", ledger.ProcessInvalid, cut, items{second, single}, outputs{polished(47_000)}, nil, nil},
		{"identity", "a merge of one", ledger.ProcessInvalid, merge, items{second}, outputs{loose(1000)}, nil, nil},
		{"identity", "nothing comes out", ledger.ProcessInvalid, cut, items{second}, nil, balances{lost(diamonds, 0, 1000)}, nil},
		{"identity", "additions to a cut", ledger.ProcessInvalid, cut, items{second}, outputs{polished(1001)}, nil, func(b *custodyv1.Transform) {
			b.Additions = []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_OTHER, Form: custodyv1.Form_FORM_BULK, Mass: massOf(1)}}
		}},
		{"identity", "an addition of a stone to a melt", ledger.MaterialMismatch, melt, items{dust}, outputs{ingot(1, 1, 1000)}, nil, func(b *custodyv1.Transform) {
			b.Additions = []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_OTHER, Form: custodyv1.Form_FORM_BULK, Mass: massOf(1)}}
		}},
		{"identity", "taken out of a cut", ledger.ProcessInvalid, cut, items{second}, outputs{polished(1000)}, nil, func(b *custodyv1.Transform) { b.Removed = w.refs(single) }},
		{"identity", "filed off in a cut", ledger.ProcessInvalid, cut, items{second}, outputs{polished(1000)}, nil, func(b *custodyv1.Transform) {
			b.Filings = []*custodyv1.Filing{{Item: w.on(single), Micrograms: 1}}
		}},
		{"identity", "done nowhere", ledger.CountryInvalid, cut, items{second}, outputs{polished(1000)}, nil, func(b *custodyv1.Transform) { b.Country = "XX" }},

		{"origin", "lab-grown into a natural parcel", ledger.NatureMismatch, merge, items{second, grown}, outputs{loose(2000)}, nil, nil},
		{"origin", "a natural stone cut of a lab-grown one", ledger.NatureMismatch, cut, items{grown}, outputs{polished(1000)}, nil, nil},
		{"origin", "more sorted than there is", ledger.AllocationInvalid, split, items{second}, outputs{
			with(loose(500), func(o *custodyv1.Output) { o.Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 501}} }),
			with(loose(500), func(o *custodyv1.Output) { o.Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 500}} }),
		}, nil, nil},
		{"origin", "one part sorted", ledger.AllocationInvalid, split, items{second}, outputs{
			with(loose(500), func(o *custodyv1.Output) { o.Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 500}} }), loose(500),
		}, nil, nil},
		{"origin", "sorted to a component that is not there", ledger.AllocationInvalid, split, items{second}, outputs{
			with(loose(500), func(o *custodyv1.Output) { o.Allocation = []*custodyv1.Allocation{{Component: 2, Micrograms: 500}} }), loose(500),
		}, nil, nil},
		{"origin", "sorted metal", ledger.AllocationInvalid, split, items{dust}, outputs{
			with(ingot(1, 1, 500), func(o *custodyv1.Output) { o.Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 500}} }), ingot(1, 1, 500),
		}, nil, nil},
		{"origin", "a sorted melt", ledger.AllocationInvalid, melt, items{dust}, outputs{
			with(ingot(1, 1, 1000), func(o *custodyv1.Output) { o.Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 1000}} }),
		}, nil, nil},
		{"origin", "an addition that declares one", ledger.ProcessInvalid, melt, items{dust}, outputs{ingot(1, 1, 1001)}, nil, func(b *custodyv1.Transform) {
			b.Additions = []*custodyv1.BillLine{{
				Material: metals, Form: custodyv1.Form_FORM_BULK, Mass: massOf(1),
				Composition: []*custodyv1.Constituent{{Metal: gold, Micrograms: 1}}, Origin: []*custodyv1.OriginComponent{of(gold, recycled(1))},
			}}
		}},

		{"disclosure", "treated among untreated", ledger.MaterialMismatch, merge, items{emerald, oiled}, outputs{gemOutput("emerald", 2000)}, nil, nil},
		{"disclosure", "emerald among beryl", "", merge, items{emerald, beryl}, outputs{gemOutput("beryl", 2000)}, nil, nil},
		{"disclosure", "lab-grown cut under 7102", ledger.HSCodeInvalid, cut, items{grown}, outputs{with(polished(1000), func(o *custodyv1.Output) { o.Nature, o.HsCode = 2, "710239" })}, nil, nil},
		{"disclosure", "treated without saying how", ledger.ProcessInvalid, treat, items{second}, nil, nil, nil},
		{"disclosure", "a cut that treats", ledger.ProcessInvalid, cut, items{second}, outputs{polished(1000)}, nil, func(b *custodyv1.Transform) {
			b.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"L"}}
		}},
		{"disclosure", "a treated metal", ledger.TreatmentInvalid, treat, items{dust}, nil, nil, func(b *custodyv1.Transform) {
			b.Treatments = &custodyv1.Treatments{List: 2024, Codes: []string{"C"}}
		}},
		{"disclosure", "a silver ring of gold", ledger.HSCodeInvalid, assemble, items{dust}, outputs{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(1000), HsCode: "711311"}}, nil, nil},
		{"identity", "loss in a setting", ledger.ConservationViolated, assemble, items{single}, outputs{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(45_000)}}, balances{lost(diamonds, 0, 1000)}, nil},
		{"quantity", "the scales differ by a little", "", cut, items{second}, outputs{polished(998)}, balances{half(2)}, nil},
	} {
		t.Run(c.class+"/"+c.name, func(t *testing.T) {
			w.t = t
			body := &custodyv1.Transform{Process: c.process, Inputs: w.refs(c.inputs...), Outputs: c.outputs, Balances: c.balances}
			if c.change != nil {
				c.change(body)
			}
			if c.reason == "" {
				w.changes(a, body)
				return
			}
			w.refuses(c.reason, a, body)
		})
	}
}

// An outside id on two live items is no reason to refuse the second: both are shown as
// contested, and somebody rules.
func TestOneNumberOnTwoStones(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	body := stone()
	body.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "7"}}
	first, second := w.register(a, body), w.register(b, body)
	if w.state.Claims(first)[0] != w.state.Claims(second)[0] {
		t.Error("one of the claims is missing")
	}
	// A recut stone is another one: the number stays with what it was given to.
	out := polished(40_000)
	recut := w.changes(a, &custodyv1.Transform{Process: cut, Inputs: w.refs(first), Outputs: []*custodyv1.Output{out}, Balances: []*custodyv1.Balance{lost(diamonds, 0, 6_000)}})
	if claims := w.state.Claims(recut[0]); len(claims) != 0 {
		t.Errorf("a recut stone inherits %v", claims)
	}
}

// References are the registrant's own, among its live items, those of changes too.
func TestReferencesOfOutputs(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	reference := make([]byte, 16)
	reference[0] = 1
	item := w.register(a, rough(minedIn(1000, "BW")))
	outputs := []*custodyv1.Output{loose(500), loose(500)}
	outputs[0].Reference, outputs[1].Reference = reference, reference
	body := &custodyv1.Transform{Process: split, Inputs: w.refs(item), Outputs: outputs}
	w.refuses(ledger.ReferenceTaken, a, body)
	outputs[1].Reference = nil
	parts := w.changes(a, body)
	body = &custodyv1.Transform{Process: cut, Inputs: w.refs(parts[1]), Outputs: []*custodyv1.Output{polished(500)}}
	body.Outputs[0].Reference = reference
	w.refuses(ledger.ReferenceTaken, a, body)
	body.Inputs = w.refs(parts[0]) // it ends by this, but it lives while it is judged
	w.refuses(ledger.ReferenceTaken, a, body)
}
