package vocabulary

import (
	"errors"
	"fmt"
	"slices"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Treatment is what a letter code of the American Gem Trade Association means, in our
// words.
type Treatment struct {
	Code  string
	Words string
	// Care, Fades and Value are why 16 CFR 23.24 has it disclosed: it needs special
	// care, it is or may not be permanent, it changes the value much. All false: there
	// is nothing to disclose, or Disclosure says what is to be asked.
	Care, Fades, Value bool

	on      []custodyv1.Material
	natures []custodyv1.Nature // nil for any
}

var (
	stones         = []custodyv1.Material{custodyv1.Material_MATERIAL_DIAMOND, custodyv1.Material_MATERIAL_GEM}
	gems           = []custodyv1.Material{custodyv1.Material_MATERIAL_GEM}
	gemsPearls     = []custodyv1.Material{custodyv1.Material_MATERIAL_GEM, custodyv1.Material_MATERIAL_PEARL}
	stonesPearls   = []custodyv1.Material{custodyv1.Material_MATERIAL_DIAMOND, custodyv1.Material_MATERIAL_GEM, custodyv1.Material_MATERIAL_PEARL}
	grownByItself  = []custodyv1.Nature{custodyv1.Nature_NATURE_NATURAL, custodyv1.Nature_NATURE_CULTURED}
	onlyLabGrown   = []custodyv1.Nature{custodyv1.Nature_NATURE_LAB_GROWN}
	onlyImitations = []custodyv1.Nature{custodyv1.Nature_NATURE_IMITATION}
	onlyComposites = []custodyv1.Nature{custodyv1.Nature_NATURE_COMPOSITE}
)

const (
	treatmentNone   = "N"
	treatmentFilled = "F"
	treatmentFlux   = "FH"
	groupCorundum   = "corundum"
)

// treatments is in ascending order of codes, as an event has them. Lists of different
// years differ in a few codes (FH, G, S); this one is what a rules version knows. What
// stands with which material is what laboratories report: lasers go into diamonds but
// also into gems, flux heals corundum only, dye, bleach and oil need pores or fissures
// that a diamond does not have.
var treatments = []Treatment{
	{Code: "ASBL", Words: "assembled from two or more pieces", Care: true, Value: true, on: stonesPearls, natures: onlyComposites},
	{Code: "B", Words: "bleached", Care: true, Value: true, on: gemsPearls},
	{Code: "C", Words: "coated", Care: true, Fades: true, Value: true, on: stonesPearls},
	{Code: "D", Words: "dyed", Care: true, Fades: true, Value: true, on: gemsPearls},
	{Code: "E", Words: "enhanced as is usual for its kind", on: gemsPearls},
	{Code: "F", Words: "cavities or fissures filled", Care: true, Fades: true, Value: true, on: stonesPearls},
	{Code: "FH", Words: "fissures healed with flux in heat", Value: true, on: gems},
	{Code: "G", Words: "irradiated by gamma rays or electrons", Fades: true, Value: true, on: stonesPearls},
	{Code: "H", Words: "heated", Value: true, on: stonesPearls},
	{Code: "HP", Words: "heated under pressure", Value: true, on: stones},
	{Code: "I", Words: "impregnated with a colourless substance", Care: true, Fades: true, Value: true, on: gemsPearls},
	{Code: "IMIT", Words: "imitation", Value: true, on: stonesPearls, natures: onlyImitations},
	{Code: "L", Words: "inclusions opened by laser", Value: true, on: stones},
	{Code: "N", Words: "not treated", on: stonesPearls, natures: grownByItself},
	{Code: "O", Words: "oiled or filled with resin", Care: true, Fades: true, Value: true, on: gemsPearls},
	{Code: "R", Words: "irradiated", Fades: true, Value: true, on: stonesPearls},
	{Code: "SYN", Words: "lab-grown", Value: true, on: stones, natures: onlyLabGrown},
	{Code: "U", Words: "coloured by diffusion", Care: true, Value: true, on: gems},
	{Code: "W", Words: "waxed or oiled at the surface", Care: true, Fades: true, Value: true, on: gemsPearls},
}

// The years that a list of codes can be of: the association was founded in the first,
// the last refuses mistyped ones.
const (
	TreatmentListFirst = 1981
	TreatmentListLast  = 2099
)

// TreatmentOf gives the row of a code.
func TreatmentOf(code string) (Treatment, bool) {
	for _, t := range treatments {
		if t.Code == code {
			return t, true
		}
	}
	return Treatment{}, false
}

// Disclosure says in plain words what 16 CFR 23.24 (and 23.23 for pearls) has a seller
// say about a treatment; "" if there is nothing to say.
func (t Treatment) Disclosure() string {
	switch {
	case t.Code == "E":
		return "say what was done; how lasting it is and what care it needs depends on that"
	case t.natures != nil && t.Value:
		return "say that it is not one natural stone or pearl"
	case t.Fades && t.Care:
		return "say so, that it may not last, and what care it needs"
	case t.Fades:
		return "say so, and that it may not last"
	case t.Care:
		return "say so, and what care it needs"
	case t.Value:
		return "say so, where it changes the value much"
	}
	return ""
}

// MustDisclose tells whether a seller has to say something about the treatment.
func (t Treatment) MustDisclose() bool { return t.Disclosure() != "" }

// CheckTreatments refuses codes that are not of the list, not ascending, contradict each
// other or cannot be of such goods. species is as a description has it, "" where there
// is none. A ruby or sapphire with filled fissures is a composite: most of it may be
// glass, and it must not be called a treated ruby (16 CFR 23.25).
func CheckTreatments(list uint32, codes []string, material custodyv1.Material, nature custodyv1.Nature, species string) error {
	if list < TreatmentListFirst || list > TreatmentListLast {
		return fmt.Errorf("list %d: expected the year of the list that the codes are of", list)
	}
	if len(codes) == 0 {
		return errors.New("no code; untreated goods have N, and goods of which nothing is known have no treatments at all")
	}
	for i, code := range codes {
		t, ok := TreatmentOf(code)
		switch {
		case !ok:
			return fmt.Errorf("code %q: not a treatment code", code)
		case i > 0 && code <= codes[i-1]:
			return fmt.Errorf("code %s: codes stand in ascending order, each once", code)
		case !slices.Contains(t.on, material):
			return fmt.Errorf("code %s (%s): no treatment of %s", code, t.Words, goodsWords(material, 0, 0))
		case t.natures != nil && !slices.Contains(t.natures, nature):
			return fmt.Errorf("code %s (%s): not of goods that are %s", code, t.Words, Word(nature))
		case code == treatmentNone && len(codes) > 1:
			return errors.New("code N (not treated) stands alone")
		}
	}
	corundum := material == custodyv1.Material_MATERIAL_GEM && SpeciesGroup(species) == groupCorundum
	switch {
	case slices.Contains(codes, treatmentFlux) && !corundum:
		return fmt.Errorf("code %s: flux heals fissures of ruby and sapphire only", treatmentFlux)
	case slices.Contains(codes, treatmentFilled) && corundum && nature != custodyv1.Nature_NATURE_COMPOSITE && nature != custodyv1.Nature_NATURE_IMITATION:
		return fmt.Errorf("code %s: a ruby or sapphire with filled fissures is of nature composite", treatmentFilled)
	}
	return nil
}
