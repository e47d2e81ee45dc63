package main

import (
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custody/measure"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// goods says in a few words what was registered.
func goods(r *custodyv1.ItemRegister) string {
	d := r.GetDescription()
	noun := words.Of(r.GetMaterial())
	if d.GetSpecies() != "" {
		noun = d.GetSpecies()
	}
	parts := []string{words.Of(r.GetNature()) + " " + noun}
	if r.GetForm() == custodyv1.Form_FORM_COUNTED_PARCEL {
		parts = []string{fmt.Sprintf("parcel of %d, %s", r.GetCount(), parts[0])}
	}
	parts = append(parts, fmt.Sprintf("%s ct (%s)", measure.FormatCarats(r.GetMass().GetMicrograms()), words.Of(r.GetMass().GetBasis())))
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

// origins says where goods came from and how well that is shown.
func origins(r *custodyv1.ItemRegister) string {
	var parts []string
	for _, o := range r.GetOrigin() {
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
			text += ", state ownership " + words.Of(o.StateOwnership)
		}
		if len(r.Origin) > 1 {
			text = measure.FormatCarats(o.Micrograms) + " ct " + text
		}
		parts = append(parts, text+" ("+words.Of(o.Evidence)+")")
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
