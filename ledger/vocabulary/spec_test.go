package vocabulary

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestSpecTables holds the tables of SPEC.md that a verifier needs, units, species,
// treatments and papers, against those of this package. They stand between two marks.
func TestSpecTables(t *testing.T) {
	b, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- tables: checked by ledger/vocabulary -->\n", "<!-- end of these tables -->\n"
	_, rest, found := strings.Cut(string(b), begin)
	got, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("the marks are missing")
	}
	if want := specTables(); got != want {
		t.Errorf("the tables of SPEC.md are not those of this program; they should be:\n%s", want)
	}
}

func specTables() string {
	var s strings.Builder
	specUnits(&s)
	specSpecies(&s)
	specTreatments(&s)
	specPapers(&s)
	return s.String()
}

func specUnits(s *strings.Builder) {
	s.WriteString("| unit | hundredths of a microgram | of metal |\n|---|---|---|\n")
	for _, u := range units {
		metal := "yes"
		if CheckUnit(u.unit, custodyv1.Material_MATERIAL_METAL) != nil {
			metal = "no"
		}
		fmt.Fprintf(s, "| %d %s | %d | %s |\n", u.unit, Word(u.unit), u.factor, metal)
	}
}

func specSpecies(s *strings.Builder) {
	groups := map[string][]string{}
	for word, group := range speciesGroups {
		groups[group] = append(groups[group], word)
	}
	s.WriteString("\n| group | species |\n|---|---|\n")
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(s, "| %s | %s |\n", group, strings.Join(slices.Sorted(slices.Values(groups[group])), ", "))
	}
}

func specTreatments(s *strings.Builder) {
	s.WriteString("\n| code | of materials | of natures |\n|---|---|---|\n")
	for _, t := range treatments {
		natures := "any"
		if t.natures != nil {
			natures = numbered(t.natures)
		}
		fmt.Fprintf(s, "| %s | %s | %s |\n", t.Code, numbered(t.on), natures)
	}
}

func specPapers(s *strings.Builder) {
	s.WriteString("\n| kind | issued by | number | country | quantity | issued | expires | finds | about | shows, at most |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, d := range documents {
		finds := "no"
		if d.Finds {
			finds = "yes"
		}
		issuer := map[Issuer]string{Nobody: "a copy only", Anybody: "any party", Laboratory: "role 7", Miner: "role 1"}[d.Issuer]
		var shows []string
		for _, claim := range slices.Sorted(maps.Keys(d.shows)) {
			shows = append(shows, fmt.Sprintf("%d: %d", claim, d.shows[claim]))
		}
		fmt.Fprintf(s, "| %d %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", d.Kind, Word(d.Kind), issuer,
			needed(d.Number), needed(d.Country), needed(d.Quantity), needed(d.Issued), needed(d.Expiry), finds, specAbout(d), strings.Join(shows, ", "))
	}
}

func needed(n Need) string {
	return map[Need]string{Optional: "may", Required: "must", Refused: "no"}[n]
}

// specAbout asks the row about goods of every material, nature and stage.
func specAbout(d Document) string {
	natures := append(values[custodyv1.Nature](), 0)
	stages := append(values[custodyv1.Stage](), 0)
	materials := append(values[custodyv1.Material](), 0)
	var about []custodyv1.Material
	every := true
	for _, m := range materials {
		some := false
		for _, n := range natures {
			for _, stage := range stages {
				on := d.on(m, n, stage)
				some, every = some || on, every && on
			}
		}
		if some {
			about = append(about, m)
		}
	}
	switch {
	case every:
		return "all"
	case d.about == "rough natural diamonds":
		return "material 1, nature 1, stage 1"
	}
	slices.SortFunc(about, cmp.Compare[custodyv1.Material])
	return numbered(about)
}

func numbered[E ~int32](values []E) string {
	var text []string
	for _, v := range values {
		text = append(text, fmt.Sprint(int32(v)))
	}
	return strings.Join(text, ", ")
}
