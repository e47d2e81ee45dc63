package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func totals(items []*provenance.Item, parts []provenance.Part) Totals {
	t := Totals{Items: len(items)}
	for _, item := range items {
		words := vocabulary.HSWords(item.HSCode)
		if item.HSCode == "" {
			words = "no code declared"
		}
		t.HS = addTotal(t.HS, item.HSCode, words, item.Matter, item.Matter.Material)
	}
	for _, part := range parts {
		m := part.Matter
		t.Materials = addTotal(t.Materials, "", materialName(m), m, m.Material)
	}
	t.Countries = countries(parts)
	slices.SortFunc(t.HS, func(a, b Total) int { return strings.Compare(a.Code, b.Code) })
	slices.SortFunc(t.Materials, func(a, b Total) int { return strings.Compare(a.Words, b.Words) })
	return t
}

func addTotal(list []Total, code, words string, m rules.Matter, material custodyv1.Material) []Total {
	at := slices.IndexFunc(list, func(t Total) bool { return t.Code == code && t.Words == words })
	if at < 0 {
		at = len(list)
		list = append(list, Total{Code: code, Words: words})
	}
	t := &list[at]
	t.Items++
	switch {
	case m.Count > 0:
		t.Count += uint64(m.Count)
	case m.Form == custodyv1.Form_FORM_SINGLE || m.Form == custodyv1.Form_FORM_PIECE:
		t.Count++
	}
	t.Micrograms = provenance.Sum(t.Micrograms, m.Mass)
	t.Text = weight(t.Micrograms, material)
	return list
}

func countries(parts []provenance.Part) []Country {
	type row struct{ country, substance string }
	type sums struct {
		only, may uint64
		material  custodyv1.Material
	}
	rows := map[row]*sums{}
	add := func(country string, part provenance.Part, metal custodyv1.Metal, only, may uint64) {
		r := row{country, substance(part.Matter.Material, metal)}
		if rows[r] == nil {
			rows[r] = &sums{material: part.Matter.Material}
		}
		rows[r].only, rows[r].may = provenance.Sum(rows[r].only, only), provenance.Sum(rows[r].may, may)
	}
	for _, part := range parts {
		for _, c := range part.Components {
			possible := strings.Fields(c.Countries)
			if c.Kind == custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN {
				continue
			}
			mined := c.Kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || c.Kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT
			if !mined {
				add("", part, c.Metal, c.Micrograms, 0)
			}
			for _, country := range possible {
				if mined && len(possible) == 1 {
					add(country, part, c.Metal, c.Micrograms, 0)
				} else {
					add(country, part, c.Metal, 0, c.Micrograms)
				}
			}
		}
		if len(part.Components) == 0 {
			add("", part, 0, part.Matter.Mass, 0)
		}
	}
	var list []Country
	for r, s := range rows {
		list = append(list, Country{Country: r.country, Substance: r.substance, Only: s.only, OnlyText: weight(s.only, s.material), May: s.may, MayText: weight(s.may, s.material)})
	}
	slices.SortFunc(list, func(a, b Country) int {
		return cmp.Or(strings.Compare(a.Substance, b.Substance), strings.Compare(a.Country, b.Country))
	})
	return list
}

// materialName names a material with its nature and stage.
func materialName(m rules.Matter) string {
	var words []string
	if m.Stage != 0 {
		words = append(words, vocabulary.Word(m.Stage))
	}
	if m.Nature != 0 {
		words = append(words, vocabulary.Word(m.Nature))
	}
	name := substance(m.Material, 0)
	if m.Species != "" {
		name = m.Species
	}
	return strings.Join(append(words, name), " ")
}
