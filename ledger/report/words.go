package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// level is the word for how well something is borne out.
func level(e custodyv1.Evidence) string {
	if e == custodyv1.Evidence_EVIDENCE_UNSPECIFIED {
		return "unknown"
	}
	return vocabulary.Word(e)
}

// unit is what the trade weighs a material in.
func unit(m custodyv1.Material) custodyv1.Unit {
	switch m {
	case custodyv1.Material_MATERIAL_DIAMOND, custodyv1.Material_MATERIAL_GEM, custodyv1.Material_MATERIAL_PEARL:
		return custodyv1.Unit_UNIT_CARAT
	}
	return custodyv1.Unit_UNIT_GRAM
}

// weight writes a mass as the trade reads it.
func weight(micrograms uint64, m custodyv1.Material) string {
	if micrograms == 0 || micrograms > ledger.MassMicrogramsMax {
		return strconv.FormatUint(micrograms/1_000_000, 10) + " g"
	}
	return vocabulary.Format(micrograms, unit(m))
}

// What says in a few words what goods are, without their mass.
func What(m rules.Matter) string {
	if m.Form == custodyv1.Form_FORM_PIECE {
		if m.Count > 1 {
			return fmt.Sprintf("%d equal pieces", m.Count)
		}
		return "piece"
	}
	var words []string
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	switch m.Form {
	case custodyv1.Form_FORM_COUNTED_PARCEL:
		about := ""
		if m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED {
			about = "about "
		}
		add(fmt.Sprintf("parcel of %s%d", about, m.Count))
	case custodyv1.Form_FORM_BULK:
		add("bulk")
	case custodyv1.Form_FORM_PART:
		if m.Count > 1 {
			add(fmt.Sprintf("%d parts,", m.Count))
		} else {
			add("part,")
		}
	}
	if m.Stage != 0 {
		add(vocabulary.Word(m.Stage))
	}
	if m.Nature != 0 {
		add(vocabulary.Word(m.Nature))
	}
	several := m.Form == custodyv1.Form_FORM_COUNTED_PARCEL
	switch m.Material {
	case custodyv1.Material_MATERIAL_DIAMOND:
		add(map[bool]string{false: "diamond", true: "diamonds"}[several])
	case custodyv1.Material_MATERIAL_GEM:
		add(m.Species)
	case custodyv1.Material_MATERIAL_METAL:
		add(alloy(m))
	case custodyv1.Material_MATERIAL_PEARL:
		add(m.Species)
		add(map[bool]string{false: "pearl", true: "pearls"}[several])
	default:
		add(vocabulary.Word(m.Material))
	}
	return strings.Join(words, " ")
}

// alloy names the metals of an alloy, in thousandths where there is more than one.
func alloy(m rules.Matter) string {
	if len(m.Composition) == 1 {
		return vocabulary.Word(m.Composition[0].Metal)
	}
	if len(m.Composition) == 0 || m.Mass == 0 {
		return "metal"
	}
	var words []string
	for _, c := range m.Composition {
		words = append(words, fmt.Sprintf("%s %d", vocabulary.Word(c.Metal), (c.Micrograms*10+m.Mass/200)/max(m.Mass/100, 1)))
	}
	return strings.Join(words, "/")
}

// substance names what coverage is counted by.
func substance(m custodyv1.Material, metal custodyv1.Metal) string {
	switch {
	case metal != 0:
		return vocabulary.Word(metal)
	case m == 0:
		return "not declared"
	}
	return vocabulary.Word(m)
}

// party writes who it is: the reader's own name, else the pseudonym.
func (b *builder) party(id ledger.PartyID) string {
	if name := b.options.Names[id]; name != "" {
		return name
	}
	if name := b.graph.Associations[id]; name != "" {
		return name
	}
	return id.String()
}

func (b *builder) holder(h rules.Holder) string {
	if h.Outside != nil {
		return fmt.Sprintf("somebody outside the ledger, in %s (%s)", h.Outside.Country, vocabulary.Word(h.Outside.Reason))
	}
	return b.party(h.Party)
}

// Date writes a day, and Moment a time to the second, both in UTC.
func Date(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02") }
func Moment(ms uint64) string {
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02 15:04:05 UTC")
}

// origin says where a component came from.
func origin(c provenance.Component) string {
	countries := strings.Fields(c.Countries)
	var text string
	switch {
	case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN && len(countries) > 0:
		text = "unknown; some of it " + join(countries, "or")
	case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN:
		text = "unknown"
	case len(countries) == 0:
		text = vocabulary.Word(c.Kind)
	case len(countries) == 1:
		text = vocabulary.Word(c.Kind) + " in " + countries[0]
	default:
		text = vocabulary.Word(c.Kind) + " in " + join(countries, "or") + "; nothing shows in which"
	}
	if c.Opinion != "" && c.Opinion != c.Countries {
		text += "; a laboratory's opinion: " + join(strings.Fields(c.Opinion), "or")
	}
	return text
}

// join lists words.
func join(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + conjunction + " " + words[len(words)-1]
}

// doing says in a few words what an event did.
func doing(e *provenance.Event) string {
	switch body := e.Body.(type) {
	case *custodyv1.ItemRegister:
		return "registered: " + vocabulary.Word(body.Acquisition)
	case *custodyv1.Transform:
		return vocabulary.Word(body.Process)
	case *custodyv1.Accept:
		if len(e.Made) > 0 {
			return "a part was received"
		}
		return "received"
	case *custodyv1.Release:
		return "released: " + vocabulary.Word(body.Reason)
	case *custodyv1.Reenter:
		return "came back, recognised by: " + vocabulary.Word(body.Identity)
	case *custodyv1.Reclaim:
		return "taken back after the term"
	case *custodyv1.Share:
		return "shares agreed"
	case *custodyv1.Reweigh:
		return "weighed again"
	case *custodyv1.Correct:
		return "corrected: " + vocabulary.Word(body.Reason)
	case *custodyv1.Incident:
		return vocabulary.Word(body.Kind)
	}
	return "entry " + strconv.FormatUint(e.Index, 10)
}
