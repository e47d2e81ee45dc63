package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	diamond = custodyv1.Material_MATERIAL_DIAMOND
	gem     = custodyv1.Material_MATERIAL_GEM
	pearl   = custodyv1.Material_MATERIAL_PEARL
	metal   = custodyv1.Material_MATERIAL_METAL

	single = custodyv1.Form_FORM_SINGLE
	parcel = custodyv1.Form_FORM_COUNTED_PARCEL
	bulk   = custodyv1.Form_FORM_BULK
	part   = custodyv1.Form_FORM_PART
	piece  = custodyv1.Form_FORM_PIECE

	estimated = custodyv1.CountBasis_COUNT_BASIS_ESTIMATED
	counted   = custodyv1.CountBasis_COUNT_BASIS_COUNTED
)

// goods are what a registration, an output or a line of a bill says about matter.
type goods struct {
	material    custodyv1.Material
	form        custodyv1.Form
	nature      custodyv1.Nature
	stage       custodyv1.Stage
	mass        *custodyv1.Mass
	count       uint32
	basis       custodyv1.CountBasis
	equalPieces bool
	description *custodyv1.Description
	composition []*custodyv1.Constituent
	fineness    uint32
	treatments  *custodyv1.Treatments
	hsCode      string
}

func registeredGoods(r *custodyv1.ItemRegister) goods {
	return goods{r.Material, r.Form, r.Nature, r.Stage, r.Mass, r.Count, r.CountBasis, r.EqualPieces, r.Description, r.Composition, r.FinenessPermyriad, r.Treatments, r.HsCode}
}

func outputGoods(o *custodyv1.Output) goods {
	return goods{o.Material, o.Form, o.Nature, o.Stage, o.Mass, o.Count, o.CountBasis, o.EqualPieces, o.Description, o.Composition, o.FinenessPermyriad, nil, o.HsCode}
}

func lineGoods(l *custodyv1.BillLine) goods {
	return goods{l.Material, l.Form, l.Nature, l.Stage, l.Mass, l.Count, l.CountBasis, false, l.Description, l.Composition, 0, l.Treatments, ""}
}

// check looks at nothing but what the goods say; the fields of a rejection have no
// path in front.
func (g *goods) check() *ledger.Rejection {
	if rejection := g.checkKind(); rejection != nil {
		return rejection
	}
	if rejection := g.checkCount(); rejection != nil {
		return rejection
	}
	if rejection := checkMass(g.mass, g.material, "mass"); rejection != nil {
		return rejection
	}
	if rejection := g.checkDescription(); rejection != nil {
		return rejection
	}
	if rejection := g.checkComposition(); rejection != nil {
		return rejection
	}
	return g.checkTreatments()
}

// checkKind: material, form, nature and stage fit each other.
func (g *goods) checkKind() *ledger.Rejection {
	stone := g.material == diamond || g.material == gem
	grows := stone || g.material == pearl
	worked := g.nature == custodyv1.Nature_NATURE_NATURAL || g.nature == custodyv1.Nature_NATURE_LAB_GROWN
	switch {
	case g.form == piece && g.material != 0:
		return ledger.RejectField(ledger.FormInvalid, "material", "a piece has no material of its own, its parts have; leave it out")
	case g.form != piece && g.material == 0:
		return ledger.RejectField(ledger.MissingField, "material", "goods other than a piece have a material")
	case g.form == part && grows:
		return ledger.RejectField(ledger.FormInvalid, "form", "parts are of metal or other material; stones and pearls are singles, parcels or bulk")
	case grows && g.nature == 0:
		return ledger.RejectField(ledger.MissingField, "nature", "stones and pearls say whether they are natural, lab-grown, cultured, imitation or composite")
	case !grows && g.nature != 0:
		return ledger.RejectField(ledger.NatureMismatch, "nature", "metals, other materials and pieces have no nature; leave it out")
	case g.nature == custodyv1.Nature_NATURE_CULTURED && g.material != pearl:
		return ledger.RejectField(ledger.NatureMismatch, "nature", "only pearls are cultured; stones are natural or lab-grown")
	case g.nature == custodyv1.Nature_NATURE_LAB_GROWN && g.material == pearl:
		return ledger.RejectField(ledger.NatureMismatch, "nature", "pearls are natural or cultured, not lab-grown")
	case stone && worked && g.stage == 0:
		return ledger.RejectField(ledger.MissingField, "stage", "diamonds and gems say whether they are rough or polished")
	case !stone && g.stage != 0:
		return ledger.RejectField(ledger.DescriptionInvalid, "stage", "only diamonds and gems are rough or polished; leave it out")
	}
	return nil
}

// checkCount: the forms have these counts.
//
//	single           none
//	counted parcel   2 or more, counted or estimated; of equal pieces: counted
//	bulk             none, or 2 or more estimated
//	part, piece      none, or 2 or more equal ones, counted
func (g *goods) checkCount() *ledger.Rejection {
	equal := g.equalPieces || g.count != 0 && (g.form == part || g.form == piece)
	switch {
	case g.count == 0 && g.basis != 0:
		return ledger.RejectField(ledger.CountInvalid, "count_basis", "there is no count; leave its basis out")
	case g.form == single && g.count != 0:
		return ledger.RejectField(ledger.CountInvalid, "count", "a single has no count; leave it out")
	case g.form == parcel && g.count == 0:
		return ledger.RejectField(ledger.CountInvalid, "count", "a counted parcel has 2 pieces or more; goods without a count are bulk")
	case g.count == 1:
		return ledger.RejectField(ledger.CountInvalid, "count", "a count is of 2 pieces or more, got 1")
	case g.form == bulk && g.count != 0 && g.basis != estimated:
		return ledger.RejectField(ledger.CountInvalid, "count_basis", "the count of bulk is estimated; counted goods are a parcel")
	case g.equalPieces && g.form != parcel:
		return ledger.RejectField(ledger.CountInvalid, "equal_pieces", "only a counted parcel says so; parts and pieces with a count are equal anyway")
	case equal && g.basis == estimated:
		return ledger.RejectField(ledger.CountInvalid, "count_basis", "equal pieces are counted, not estimated")
	case equal && g.mass.Micrograms%uint64(g.count) != 0:
		return ledger.RejectField(ledger.CountInvalid, "count", "%d micrograms are not %d equal pieces", g.mass.Micrograms, g.count)
	case g.mass.Micrograms < uint64(g.count):
		return ledger.RejectField(ledger.CountInvalid, "count", "%d pieces cannot weigh %d micrograms together", g.count, g.mass.Micrograms)
	}
	return nil
}

// checkMass: what was declared is what stands in micrograms.
func checkMass(m *custodyv1.Mass, material custodyv1.Material, field string) *ledger.Rejection {
	if m.Declared == "" && m.Unit == 0 {
		return nil
	}
	if m.Declared == "" || m.Unit == 0 {
		return ledger.RejectField(ledger.UnitMismatch, field, "a declared mass is a number and its unit; give both or neither")
	}
	if err := vocabulary.CheckUnit(m.Unit, material); err != nil {
		return ledger.RejectField(ledger.UnitMismatch, field+".unit", "%v", err)
	}
	micrograms, err := vocabulary.Micrograms(m.Declared, m.Unit)
	if err != nil {
		return ledger.RejectField(ledger.UnitMismatch, field+".declared", "%v", err)
	}
	if micrograms != m.Micrograms {
		return ledger.RejectField(ledger.UnitMismatch, field+".declared", "%s %s are %d micrograms, not %d", m.Declared, vocabulary.UnitWord(m.Unit), micrograms, m.Micrograms)
	}
	return nil
}

func (g *goods) checkDescription() *ledger.Rejection {
	return checkDescription(g.description, g.material, g.nature)
}

func checkDescription(d *custodyv1.Description, material custodyv1.Material, nature custodyv1.Nature) *ledger.Rejection {
	species := d.GetSpecies()
	switch {
	case material == gem && species == "":
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "a gem names its species, such as corundum or beryl")
	case material != gem && material != pearl && species != "":
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "only gems and pearls have a species; leave it out")
	case d.GetGrowth() != 0 && nature != custodyv1.Nature_NATURE_LAB_GROWN:
		return ledger.RejectField(ledger.DescriptionInvalid, "description.growth", "only lab-grown goods say how they were grown")
	case species == "":
		return nil
	}
	group := vocabulary.SpeciesGroup(species)
	ofPearl := group == "saltwater" || group == "freshwater" || group == "abalone" || group == "conch" || group == "melo"
	switch {
	case group == "":
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "%q names two species; each has an item of its own", species)
	case material == pearl && !ofPearl && group != "other":
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "%q is no pearl", species)
	case material == gem && ofPearl:
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "%q is a pearl", species)
	}
	return nil
}

// checkComposition: metals say what they are made of, to the microgram.
func (g *goods) checkComposition() *ledger.Rejection {
	if g.material != metal {
		switch {
		case len(g.composition) > 0:
			return ledger.RejectField(ledger.CompositionInvalid, "composition", "only metals have a composition; leave it out")
		case g.fineness != 0:
			return ledger.RejectField(ledger.FinenessInvalid, "fineness_permyriad", "only metals have a fineness; leave it out")
		}
		return nil
	}
	total := uint64(0)
	for i, c := range g.composition {
		if i > 0 && c.Metal <= g.composition[i-1].Metal {
			return ledger.RejectField(ledger.NonCanonical, "composition", "metals must stand in ascending order, each once")
		}
		total += c.Micrograms // at most 11 × 9·10^15
	}
	if total != g.mass.Micrograms {
		return ledger.RejectField(ledger.CompositionInvalid, "composition", "the metals add up to %d micrograms, the goods weigh %d", total, g.mass.Micrograms)
	}
	if g.fineness != 0 && !g.isFine() {
		return ledger.RejectField(ledger.FinenessInvalid, "fineness_permyriad", "no precious metal of the composition has %d parts in 10,000", g.fineness)
	}
	return nil
}

// isFine tells whether the fineness is that of a precious metal in the composition, to
// less than one ten-thousandth.
func (g *goods) isFine() bool {
	for _, c := range g.composition {
		if c.Metal <= custodyv1.Metal_METAL_RUTHENIUM && near(c.Micrograms, g.mass.Micrograms, uint64(g.fineness), 10_000) {
			return true
		}
	}
	return false
}

// near tells whether a/b and c/d differ by less than 1/d.
func near(a, b, c, d uint64) bool {
	high, low := crossDifference(a, b, c, d)
	return high == 0 && low < b
}

func (g *goods) checkTreatments() *ledger.Rejection {
	if g.treatments == nil {
		return nil
	}
	return checkTreatments(g.treatments, g.material, g.nature, g.description.GetSpecies())
}

func checkTreatments(t *custodyv1.Treatments, material custodyv1.Material, nature custodyv1.Nature, species string) *ledger.Rejection {
	for i, code := range t.Codes {
		if i > 0 && code <= t.Codes[i-1] {
			return ledger.RejectField(ledger.NonCanonical, "treatments.codes", "codes must stand in ascending order, each once")
		}
	}
	if err := vocabulary.CheckTreatments(t.List, t.Codes, material, nature, species); err != nil {
		return ledger.RejectField(ledger.TreatmentInvalid, "treatments", "%v", err)
	}
	return nil
}

// checkHS judges the customs code of goods that are not a piece.
func (g *goods) checkHS() *ledger.Rejection {
	if g.hsCode == "" {
		return nil
	}
	return checkHS(g.hsCode, vocabulary.HSGoods{
		Material: g.material, Form: g.form, Nature: g.nature, Stage: g.stage,
		Species: g.description.GetSpecies(), Composition: g.composition,
	})
}

func checkHS(code string, goods vocabulary.HSGoods) *ledger.Rejection {
	if err := vocabulary.CheckHS(code, goods); err != nil {
		return ledger.RejectField(ledger.HSCodeInvalid, "hs_code", "%v", err)
	}
	return nil
}

// hsGoods is what the customs code of an item depends on.
func hsGoods(m Matter) vocabulary.HSGoods {
	return vocabulary.HSGoods{
		Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage, Species: m.Species,
		Composition: constituents(m.Composition),
	}
}

func constituents(composition []Constituent) []*custodyv1.Constituent {
	var list []*custodyv1.Constituent
	for _, c := range composition {
		list = append(list, &custodyv1.Constituent{Metal: c.Metal, Micrograms: c.Micrograms})
	}
	return list
}

// checkPieceHS judges the customs code of a piece by its parts. Of a piece in it, only
// that is known.
func checkPieceHS(code string, parts []Matter) *ledger.Rejection {
	if !slices.ContainsFunc(parts, func(m Matter) bool { return m.Form == piece }) {
		return checkHS(code, hsPiece(parts))
	}
	if vocabulary.HSWords(code) == "" {
		return ledger.RejectField(ledger.HSCodeInvalid, "hs_code", "%q is no six-digit code of chapter 71 of the HS 2022", code)
	}
	return nil
}

// hsPiece is what the customs code of a piece depends on: all its parts together.
func hsPiece(parts []Matter) vocabulary.HSGoods {
	whole := vocabulary.HSGoods{Form: piece}
	var metals amounts
	for _, p := range parts {
		stone := p.Material == diamond || p.Material == gem
		switch {
		case stone && p.Nature != custodyv1.Nature_NATURE_IMITATION:
			whole.Stones = true
		case p.Material == pearl && p.Nature != custodyv1.Nature_NATURE_IMITATION:
			whole.Pearls = true
		}
		for _, c := range p.Composition {
			metals[metalSlot(c.Metal)] += c.Micrograms
		}
	}
	for m := custodyv1.Metal_METAL_GOLD; m <= custodyv1.Metal_METAL_OTHER; m++ {
		if n := metals[metalSlot(m)]; n > 0 {
			whole.Composition = append(whole.Composition, &custodyv1.Constituent{Metal: m, Micrograms: n})
		}
	}
	return whole
}

// matter gives what checked goods are made of; the origin is the caller's.
func (g *goods) matter() Matter {
	m := Matter{
		Material: g.material, Form: g.form, Nature: g.nature, Stage: g.stage, Species: g.description.GetSpecies(),
		Mass: g.mass.Micrograms, Basis: g.mass.Basis, Count: g.count, CountBasis: g.basis, EqualPieces: g.equalPieces,
		Treatments: g.treatments.GetCodes(), TreatedBy: g.treatments.GetList(),
	}
	if m.Count != 0 && m.CountBasis == 0 {
		m.CountBasis = counted
	}
	if len(g.composition) > 0 {
		m.Composition = make([]Constituent, len(g.composition))
		for i, c := range g.composition {
			m.Composition[i] = Constituent{c.Metal, c.Micrograms}
		}
	}
	return m
}

// checkOutsideIDs: numbers that can be such numbers, of things that can have them.
func checkOutsideIDs(ids []*custodyv1.OutsideId, material custodyv1.Material, form custodyv1.Form) *ledger.Rejection {
	for i, id := range ids {
		for _, other := range ids[:i] {
			if id.Kind == other.Kind && id.Issuer == other.Issuer && id.Number == other.Number {
				return ledger.RejectField(ledger.RepeatedField, "outside_ids", "the same outside id stands twice")
			}
		}
		if err := vocabulary.CheckOutsideID(id.Kind, id.Issuer, id.Number); err != nil {
			return ledger.RejectField(ledger.OutsideIDInvalid, "outside_ids", "%v", err)
		}
		switch id.Kind {
		case custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION:
			if form != single || material == metal {
				return ledger.RejectField(ledger.OutsideIDInvalid, "outside_ids", "an inscription stands on one stone")
			}
		case custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL:
			if form != single || material != metal {
				return ledger.RejectField(ledger.OutsideIDInvalid, "outside_ids", "a bar serial stands on one bar of metal")
			}
		}
	}
	return nil
}

func (j *judge) claim(item ledger.ItemID, ids []*custodyv1.OutsideId) {
	for _, id := range ids {
		j.state.putClaim(Claim{ID: outsideID(id), Item: item, Stands: true})
	}
}

func outsideID(id *custodyv1.OutsideId) OutsideID {
	return OutsideID{Kind: id.Kind, Issuer: id.Issuer, Number: id.Number}
}
