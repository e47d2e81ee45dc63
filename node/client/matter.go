package client

import (
	"strings"

	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// MatterView shows matter as nodes do.
func MatterView(m rules.Matter) *custodyv1.MatterView {
	view := &custodyv1.MatterView{
		Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage, Species: m.Species,
		Micrograms: m.Mass, Basis: m.Basis, Count: m.Count, CountBasis: m.CountBasis, EqualPieces: m.EqualPieces,
		Composition: composition(m), Treatments: treatments(m), Origin: origin(m), Model: m.Model,
	}
	for _, line := range m.Bill {
		view.Bill = append(view.Bill, billLine(line))
	}
	for _, child := range m.Children {
		view.Children = append(view.Children, child[:])
	}
	return view
}

func billLine(m rules.Line) *custodyv1.BillLine {
	line := &custodyv1.BillLine{
		Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage,
		Mass: &custodyv1.Mass{Micrograms: m.Mass, Basis: m.Basis}, Count: m.Count, CountBasis: m.CountBasis,
		Composition: composition(m), Treatments: treatments(m), Origin: origin(m),
	}
	if m.Species != "" {
		line.Description = &custodyv1.Description{Species: m.Species}
	}
	return line
}

func composition(m rules.Matter) []*custodyv1.Constituent {
	var constituents []*custodyv1.Constituent
	for _, c := range m.Composition {
		constituents = append(constituents, &custodyv1.Constituent{Metal: c.Metal, Micrograms: c.Micrograms})
	}
	return constituents
}

func treatments(m rules.Matter) *custodyv1.Treatments {
	if len(m.Treatments) == 0 {
		return nil
	}
	return &custodyv1.Treatments{List: m.TreatedBy, Codes: m.Treatments}
}

func origin(m rules.Matter) []*custodyv1.OriginComponent {
	var components []*custodyv1.OriginComponent
	for _, c := range m.Origin {
		components = append(components, &custodyv1.OriginComponent{
			Micrograms: c.Micrograms, Kind: c.Kind, Countries: strings.Fields(c.Countries), Mine: c.Mine, Producer: c.Producer,
			StateOwnership: c.StateOwnership, OwnershipAsOfMs: c.OwnershipAsOf, Metal: c.Metal,
		})
	}
	return components
}
