package workload

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	gold   = custodyv1.Metal_METAL_GOLD
	silver = custodyv1.Metal_METAL_SILVER
	copper = custodyv1.Metal_METAL_COPPER
)

func mass(micrograms uint64) *custodyv1.Mass {
	return &custodyv1.Mass{Micrograms: micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}
}

// alloy is gold of a fineness in ‰, the rest half silver, half copper.
func alloy(micrograms, fineness uint64) []*custodyv1.Constituent {
	fine := micrograms / 1000 * fineness
	rest := micrograms - fine
	if rest < 2 {
		return []*custodyv1.Constituent{{Metal: gold, Micrograms: micrograms}}
	}
	return []*custodyv1.Constituent{{Metal: gold, Micrograms: fine}, {Metal: silver, Micrograms: rest / 2}, {Metal: copper, Micrograms: rest - rest/2}}
}

func (w *World) register() *plan {
	by := w.party()
	if !w.trusted(by) || by.Role == custodyv1.Role_ROLE_CARRIER || by.Role == custodyv1.Role_ROLE_LABORATORY {
		return nil
	}
	return &plan{by: by, body: w.goods(by)}
}

// goods are what a party of its kind has.
func (w *World) goods(by *Actor) *custodyv1.ItemRegister {
	var r *custodyv1.ItemRegister
	switch by.Role {
	case custodyv1.Role_ROLE_MINER:
		r = w.rough(by)
	case custodyv1.Role_ROLE_REFINER, custodyv1.Role_ROLE_MANUFACTURER:
		r = w.metal()
	default:
		r = w.loose()
	}
	r.Acquisition = custodyv1.Acquisition(w.between(1, 4))
	if w.chance(30) {
		r.Reference = randomBytes(w.random, 16)
	}
	if w.chance(20) {
		r.Model = custodyv1.Model(w.between(1, 5))
	}
	return r
}

// rough is what a miner digs: a stone, a counted parcel, or goods by mass.
func (w *World) rough(by *Actor) *custodyv1.ItemRegister {
	r := &custodyv1.ItemRegister{Material: custodyv1.Material_MATERIAL_DIAMOND, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH, HsCode: "710231", ExportedFrom: by.Country}
	total := w.between(100_000, 20_000_000)
	switch w.random.IntN(3) {
	case 0:
		r.Form = custodyv1.Form_FORM_SINGLE
	case 1:
		r.Form = custodyv1.Form_FORM_COUNTED_PARCEL
		r.Count = uint32(w.between(2, 50))
		if w.chance(30) {
			r.EqualPieces = true
			total -= total % uint64(r.Count)
		}
	default:
		r.Form = custodyv1.Form_FORM_BULK
		if w.chance(30) {
			r.Count, r.CountBasis = uint32(w.between(2, 500)), custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
		}
	}
	r.Mass = mass(total)
	r.Origin = []*custodyv1.OriginComponent{{Micrograms: total, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{w.country(diamondShares)}, Mine: by.Name, Producer: by.Name}}
	if w.chance(30) {
		w.secondOrigin(r, custodyv1.OriginKind_ORIGIN_KIND_MINED, diamondShares)
	}
	return r
}

// secondOrigin makes a part of the goods of another source.
func (w *World) secondOrigin(r *custodyv1.ItemRegister, kind custodyv1.OriginKind, shares []share) {
	first := r.Origin[0]
	if first.Micrograms < 2 {
		return
	}
	second := w.between(1, first.Micrograms-1)
	countries := []string{w.country(shares), w.country(shares)}
	slices.Sort(countries)
	r.Origin = append(r.Origin, &custodyv1.OriginComponent{Micrograms: second, Kind: kind, Countries: slices.Compact(countries), Metal: first.Metal, Producer: "other.example.org"})
	first.Micrograms -= second
}

// loose are stones and pearls as dealers have them.
func (w *World) loose() *custodyv1.ItemRegister {
	s := stones[w.random.IntN(len(stones))]
	r := &custodyv1.ItemRegister{Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED}
	r.Mass = &custodyv1.Mass{Micrograms: s.micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED, Declared: s.carat, Unit: custodyv1.Unit_UNIT_CARAT}
	kind, countries := custodyv1.OriginKind_ORIGIN_KIND_MINED, []string{w.country(diamondShares)}
	switch w.random.IntN(6) {
	case 0: // grown
		r.Nature, kind, countries = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN, nil
		r.Description = &custodyv1.Description{Growth: custodyv1.Growth_GROWTH_CVD}
	case 1, 2: // melee
		r.Form, r.Count = custodyv1.Form_FORM_COUNTED_PARCEL, uint32(w.between(2, 60))
		r.Mass = mass(s.micrograms * uint64(r.Count))
		r.EqualPieces = w.chance(40)
	case 3: // a coloured stone or a lot of them
		r.Material, countries = custodyv1.Material_MATERIAL_GEM, []string{w.country(gemShares)}
		r.Description = &custodyv1.Description{Species: []string{"beryl emerald", "corundum ruby"}[w.random.IntN(2)]}
		if w.chance(40) {
			r.Treatments = &custodyv1.Treatments{List: 2020, Codes: []string{[]string{"H", "N"}[w.random.IntN(2)]}}
		}
		if w.chance(50) {
			r.Form, r.Mass = custodyv1.Form_FORM_BULK, mass(w.between(100_000, 9_000_000))
		}
	case 4: // pearls
		r.Material, r.Stage, r.Nature = custodyv1.Material_MATERIAL_PEARL, 0, custodyv1.Nature_NATURE_CULTURED
		r.Mass, kind, countries = mass(w.between(300_000, 4_000_000)), custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, nil
	default:
		r.Description = &custodyv1.Description{Colour: s.colour, Clarity: s.clarity}
		if w.chance(60) {
			w.number++
			r.OutsideIds = []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "BENCHLAB", Number: fmt.Sprintf("%d", w.random.IntN(20))}}
		}
	}
	if kind == custodyv1.OriginKind_ORIGIN_KIND_MINED && w.chance(25) {
		kind, countries = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, nil
	}
	r.Origin = []*custodyv1.OriginComponent{{Micrograms: r.Mass.Micrograms, Kind: kind, Countries: countries}}
	if kind == custodyv1.OriginKind_ORIGIN_KIND_MINED && w.chance(30) {
		w.secondOrigin(r, kind, diamondShares)
	}
	return r
}

// metal is a bar, scrap, grain, findings, or a piece that is bought as such.
func (w *World) metal() *custodyv1.ItemRegister {
	total := w.between(1_000, 60_000) * 1000
	fineness := []uint64{1000, 750, 585, 375}[w.random.IntN(4)]
	kind := []custodyv1.OriginKind{custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, custodyv1.OriginKind_ORIGIN_KIND_MINED, custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}[w.random.IntN(3)]
	r := &custodyv1.ItemRegister{Material: custodyv1.Material_MATERIAL_METAL}
	switch w.random.IntN(6) {
	case 0, 1:
		r.Form = custodyv1.Form_FORM_SINGLE
	case 2, 3:
		r.Form = custodyv1.Form_FORM_BULK
	case 4:
		r.Form = custodyv1.Form_FORM_PART
		if w.chance(60) {
			r.Count = uint32(w.between(2, 12))
			total -= total % (1000 * uint64(r.Count))
		}
	default:
		return w.piece(total)
	}
	r.Mass, r.Composition = mass(total), alloy(total, fineness)
	for _, c := range r.Composition {
		o := &custodyv1.OriginComponent{Micrograms: c.Micrograms, Metal: c.Metal, Kind: kind}
		if kind == custodyv1.OriginKind_ORIGIN_KIND_MINED {
			o.Countries = []string{w.country(goldShares)}
		}
		r.Origin = append(r.Origin, o)
	}
	if kind == custodyv1.OriginKind_ORIGIN_KIND_RECYCLED && w.chance(40) {
		w.secondOrigin(r, custodyv1.OriginKind_ORIGIN_KIND_MINED, goldShares)
	}
	return r
}

// piece is finished jewellery whose parts have no ids, one or several equal ones.
func (w *World) piece(metal uint64) *custodyv1.ItemRegister {
	pieces := uint32(w.between(1, 4))
	metal -= metal % (1000 * uint64(pieces))
	metal = max(metal, 1000*uint64(pieces))
	stone := w.between(10_000, 90_000) * uint64(pieces)
	r := &custodyv1.ItemRegister{Form: custodyv1.Form_FORM_PIECE, Mass: mass(metal + stone)}
	set := &custodyv1.BillLine{Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED, Mass: mass(stone)}
	frame := &custodyv1.BillLine{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_PART, Mass: mass(metal), Composition: alloy(metal, 750)}
	if pieces > 1 {
		r.Count = pieces
		set.Form, set.Count, frame.Count = custodyv1.Form_FORM_COUNTED_PARCEL, pieces, pieces
	}
	if w.chance(50) {
		set.Origin = []*custodyv1.OriginComponent{{Micrograms: stone, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{w.country(diamondShares)}}}
	}
	r.Bill = []*custodyv1.BillLine{set, frame}
	return r
}

// outputLike is an output of the same goods with another mass and count.
func outputLike(m rules.Matter, micrograms uint64, count uint32) *custodyv1.Output {
	o := &custodyv1.Output{Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage, Mass: mass(micrograms), Count: count}
	if m.Species != "" {
		o.Description = &custodyv1.Description{Species: m.Species}
	}
	if count > 0 {
		o.CountBasis = m.CountBasis
		o.EqualPieces = m.EqualPieces && count > 1 && micrograms%uint64(count) == 0
	}
	if count == 1 && m.Form == custodyv1.Form_FORM_COUNTED_PARCEL && m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED {
		o.Form = custodyv1.Form_FORM_BULK
	} else if count == 1 && m.Form == custodyv1.Form_FORM_COUNTED_PARCEL {
		o.Form = custodyv1.Form_FORM_SINGLE
	}
	if count < 2 {
		o.Count, o.CountBasis = 0, 0
	}
	o.Composition = compositionOf(scaled(m, micrograms))
	return o
}

func compositionOf(c []rules.Constituent) []*custodyv1.Constituent {
	var list []*custodyv1.Constituent
	for _, x := range c {
		if x.Micrograms > 0 {
			list = append(list, &custodyv1.Constituent{Metal: x.Metal, Micrograms: x.Micrograms})
		}
	}
	return list
}

// scaled is an alloy of another mass, the last metal taking the rest.
func scaled(m rules.Matter, micrograms uint64) []rules.Constituent {
	list := slices.Clone(m.Composition)
	left := micrograms
	for i := range list {
		n := left
		if i < len(list)-1 {
			n = min(left, proportion(list[i].Micrograms, micrograms, m.Mass))
		}
		list[i].Micrograms = n
		left -= n
	}
	return list
}

// proportion is a × b / c, rounded down; a is at most c.
func proportion(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	quotient, _ := bits.Div64(high, low, c)
	return quotient
}
