package main

import (
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// goodsLike is what a registration, an output and a line of a bill have alike.
type goodsLike interface {
	GetMaterial() custodyv1.Material
	GetForm() custodyv1.Form
	GetNature() custodyv1.Nature
	GetStage() custodyv1.Stage
	GetMass() *custodyv1.Mass
	GetCount() uint32
	GetCountBasis() custodyv1.CountBasis
	GetComposition() []*custodyv1.Constituent
	GetDescription() *custodyv1.Description
}

// goods says in a few words what something is.
func goods(g goodsLike) string {
	d := g.GetDescription()
	noun := words.Of(g.GetMaterial())
	if d.GetSpecies() != "" {
		noun = d.GetSpecies()
	}
	if alloy := alloy(g.GetComposition(), g.GetMass().GetMicrograms()); alloy != "" {
		noun = alloy
	}
	parts := []string{strings.TrimSpace(strings.Join([]string{words.Of(g.GetStage()), words.Of(g.GetNature()), noun}, " "))}
	parts[0] = strings.Join(strings.Fields(parts[0]), " ")
	about := ""
	if g.GetCountBasis() == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED {
		about = "about "
	}
	switch form := g.GetForm(); {
	case form == custodyv1.Form_FORM_COUNTED_PARCEL:
		parts[0] = fmt.Sprintf("parcel of %s%d, %s", about, g.GetCount(), parts[0])
	case form == custodyv1.Form_FORM_PIECE && g.GetCount() > 1:
		parts[0] = fmt.Sprintf("%d equal pieces", g.GetCount())
	case form == custodyv1.Form_FORM_PIECE:
		parts[0] = "piece"
	case form == custodyv1.Form_FORM_PART && g.GetCount() > 1:
		parts[0] = fmt.Sprintf("%d equal parts, %s", g.GetCount(), parts[0])
	case form != custodyv1.Form_FORM_SINGLE && form != 0:
		parts[0] = words.Of(form) + ", " + parts[0]
	}
	parts = append(parts, fmt.Sprintf("%s (%s)", massText(g.GetMaterial(), g.GetMass().GetMicrograms()), words.Of(g.GetMass().GetBasis())))
	for _, named := range []struct{ name, value string }{{"", d.GetShape()}, {"cut ", d.GetCut()}, {"colour ", d.GetColour()}, {"clarity ", d.GetClarity()}} {
		if named.value != "" {
			parts = append(parts, named.name+named.value)
		}
	}
	var lengths []string
	for _, um := range []uint32{d.GetLengthUm(), d.GetWidthUm(), d.GetHeightUm()} {
		if um != 0 {
			lengths = append(lengths, measure.FormatMillimetres(um))
		}
	}
	if len(lengths) > 0 {
		parts = append(parts, strings.Join(lengths, " x ")+" mm")
	}
	for _, part := range []struct {
		name  string
		value uint32
	}{{"depth", d.GetDepthPermyriad()}, {"table", d.GetTablePermyriad()}} {
		if part.value != 0 {
			parts = append(parts, fmt.Sprintf("%s %s %%", part.name, measure.FormatPercent(part.value)))
		}
	}
	return strings.Join(parts, ", ")
}

// massText prints a mass in the unit that its trade uses: carats for stones and
// pearls, grams for all else.
func massText(material custodyv1.Material, micrograms uint64) string {
	switch material {
	case custodyv1.Material_MATERIAL_DIAMOND, custodyv1.Material_MATERIAL_GEM, custodyv1.Material_MATERIAL_PEARL:
		return measure.FormatCarats(micrograms) + " ct"
	}
	return vocabulary.Format(micrograms, custodyv1.Unit_UNIT_GRAM)
}

// alloy names the metals of an alloy with their parts in a thousand; empty for none.
func alloy(composition []*custodyv1.Constituent, micrograms uint64) string {
	var parts []string
	for _, c := range composition {
		parts = append(parts, fmt.Sprintf("%s %d", words.Of(c.Metal), (c.Micrograms*1000+micrograms/2)/max(micrograms, 1)))
	}
	return strings.Join(parts, "/")
}

// origins says where goods came from, as it was stated or follows from what was: how
// well papers bear it out is for 'custody report' to say.
func origins(material custodyv1.Material, components []*custodyv1.OriginComponent) string {
	var parts []string
	for _, o := range components {
		text := words.Of(o.Kind)
		if len(o.Countries) > 0 {
			text += " in " + words.List(o.Countries, "or")
		}
		if o.Mine != "" {
			text += ", mine " + o.Mine
		}
		if o.Producer != "" {
			text += ", producer " + o.Producer
		}
		if o.StateOwnership != 0 {
			text += ", state ownership " + words.Of(o.StateOwnership) + " on " + words.Time(o.OwnershipAsOfMs)
		}
		if o.Metal != 0 {
			text = words.Of(o.Metal) + " " + text
		}
		if len(components) > 1 {
			text = massText(material, o.Micrograms) + " " + text
		}
		parts = append(parts, text+" (stated)")
	}
	return strings.Join(parts, "; ")
}

// begins says how the goods came to whoever registered them.
func begins(a custodyv1.Acquisition) string {
	switch a {
	case custodyv1.Acquisition_ACQUISITION_PRODUCED:
		return "produced"
	case custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER:
		return "bought from a non-member"
	case custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING:
		return "stock held before joining"
	case custodyv1.Acquisition_ACQUISITION_TRADE_IN:
		return "trade-in"
	}
	return words.Of(a)
}

// party prints a party id given as bytes by a node.
func party(b []byte) string {
	if len(b) != len(ledger.PartyID{}) {
		return fmt.Sprintf("a party id of %d bytes", len(b))
	}
	return ledger.PartyID(b).String()
}

func holder(h *custodyv1.Holder) string {
	if outside := h.GetOutside(); outside != nil {
		return fmt.Sprintf("somebody outside the ledger in %s (%s), released by %s in entry %d", outside.Country, words.Of(outside.Reason), party(outside.ReleasedBy), outside.SinceIndex)
	}
	return party(h.GetParty())
}
