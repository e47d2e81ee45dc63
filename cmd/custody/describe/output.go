package describe

import (
	"cmp"
	"errors"

	"github.com/custodyledger/custodyledger/cmd/custody/stock"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// ErrNoMass is returned for goods of which no mass is said.
var ErrNoMass = errors.New("mass is missing, such as mass=1.02ct")

// Output makes of a line what a change of matter makes. What it does not say of
// material, nature, stage and species is as in like, the first of the inputs.
func (g *Goods) Output(like *custodyv1.MatterView) (*custodyv1.Output, error) {
	if g.Mass == nil {
		return nil, ErrNoMass
	}
	if err := g.Refuse("the ledger works it out from what goes in", "origin", "mine", "producer", "treatments"); err != nil {
		return nil, err
	}
	o := &custodyv1.Output{
		Form: g.form(), Mass: g.Mass, Count: g.Count, CountBasis: g.CountBasis, EqualPieces: g.EqualPieces,
		Description: g.Description, HsCode: g.HSCode, OutsideIds: g.OutsideIDs,
		Allocation: g.Allocation, BillLine: g.BillLine, FinenessPermyriad: g.Fineness,
	}
	if o.Form == custodyv1.Form_FORM_PIECE {
		return o, nil
	}
	o.Material = cmp.Or(g.Material, like.GetMaterial())
	o.Nature = cmp.Or(g.Nature, like.GetNature())
	o.Stage = cmp.Or(g.Stage, like.GetStage())
	if o.Material != like.GetMaterial() {
		o.Nature, o.Stage = g.Nature, g.Stage
	} else if species := like.GetSpecies(); species != "" && g.Description.GetSpecies() == "" {
		o.Description = g.description()
		o.Description.Species = species
	}
	if o.Material == custodyv1.Material_MATERIAL_METAL {
		alloy := g.Alloy
		if alloy == nil {
			alloy = Proportions(like.GetComposition())
		}
		o.Composition = Composition(alloy, g.Mass.Micrograms)
	}
	return o, nil
}

// Line makes of a line a part of a piece that has no id of its own.
func (g *Goods) Line() (*custodyv1.BillLine, error) {
	if g.Mass == nil {
		return nil, ErrNoMass
	}
	if err := g.Refuse("only items have it", "fineness", "hs", "report", "inscription", "serial", "huid", "sgtin", "equal", "from", "line"); err != nil {
		return nil, err
	}
	l := &custodyv1.BillLine{
		Material: g.Material, Form: g.form(), Nature: g.Nature, Stage: g.Stage, Mass: g.Mass, Count: g.Count, CountBasis: g.CountBasis,
		Description: g.Description, Treatments: g.Treatments,
	}
	if g.Alloy != nil {
		l.Material = cmp.Or(g.Material, custodyv1.Material_MATERIAL_METAL)
		l.Composition = Composition(g.Alloy, g.Mass.Micrograms)
	}
	if g.Origins != nil {
		var err error
		if l.Origin, err = g.components(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Registration makes of a line goods that are new to the ledger.
func (g *Goods) Registration(acquired custodyv1.Acquisition) (*custodyv1.ItemRegister, error) {
	if g.Mass == nil {
		return nil, ErrNoMass
	}
	if err := g.Refuse("it is about what a change of matter makes", "from", "line"); err != nil {
		return nil, err
	}
	r := &custodyv1.ItemRegister{
		Material: g.Material, Form: g.form(), Nature: g.Nature, Stage: g.Stage, Mass: g.Mass, Count: g.Count, CountBasis: g.CountBasis,
		EqualPieces: g.EqualPieces, Description: g.Description, Treatments: g.Treatments, HsCode: g.HSCode, OutsideIds: g.OutsideIDs,
		FinenessPermyriad: g.Fineness, Acquisition: acquired,
	}
	if g.Alloy != nil {
		r.Material = cmp.Or(g.Material, custodyv1.Material_MATERIAL_METAL)
		r.Composition = Composition(g.Alloy, g.Mass.Micrograms)
	}
	if r.Form == custodyv1.Form_FORM_PIECE {
		return r, nil
	}
	var err error
	r.Origin, err = g.components()
	return r, err
}

// ErrOrigins is returned for an alloy of several origins.
var ErrOrigins = errors.New("an alloy has one origin here; register each part and melt them together, so that the ledger blends them")

// components gives the goods the origin that the line says, an alloy for each of
// its metals; unknown if it says none, and lab-grown if the goods are.
func (g *Goods) components() ([]*custodyv1.OriginComponent, error) {
	origins := g.Origins
	if origins == nil {
		kind := custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
		if g.Nature == custodyv1.Nature_NATURE_LAB_GROWN {
			kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}
		origins = []Origin{{Origin: stock.Origin{Kind: kind}}}
	}
	metals := []*custodyv1.Constituent{{Micrograms: g.Mass.Micrograms}}
	if g.Alloy != nil {
		metals = Composition(g.Alloy, g.Mass.Micrograms)
	}
	if len(origins) > 1 && len(metals) > 1 {
		return nil, ErrOrigins
	}
	var components []*custodyv1.OriginComponent
	for _, metal := range metals {
		for _, origin := range origins {
			c := origin.Component(cmp.Or(origin.Micrograms, metal.Micrograms))
			c.Metal, c.Mine, c.Producer = metal.Metal, g.Mine, g.Producer
			components = append(components, c)
		}
	}
	return components, nil
}

// form is a parcel where there is a count, else a single, unless the line says.
func (g *Goods) form() custodyv1.Form {
	switch {
	case g.Form != 0:
		return g.Form
	case g.Count > 1:
		return custodyv1.Form_FORM_COUNTED_PARCEL
	}
	return custodyv1.Form_FORM_SINGLE
}

// Proportions gives those of an alloy, for Composition.
func Proportions(composition []*custodyv1.Constituent) []Share {
	var alloy []Share
	for _, c := range composition {
		alloy = append(alloy, Share{c.Metal, c.Micrograms})
	}
	return alloy
}
