package vocabulary

import (
	"slices"
	"strings"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// alloyOf makes a composition of metals and their masses in turn.
func alloyOf(parts ...any) (c []*custodyv1.Constituent) {
	for i := 0; i < len(parts); i += 2 {
		c = append(c, &custodyv1.Constituent{Metal: parts[i].(custodyv1.Metal), Micrograms: uint64(parts[i+1].(int))})
	}
	return c
}

const copper = custodyv1.Metal_METAL_COPPER

var (
	gold18    = alloyOf(gold, 750, silver, 125, copper, 125)
	whiteGold = alloyOf(gold, 750, palladium, 100, copper, 150)
	sterling  = alloyOf(silver, 925, copper, 75)
	brass     = alloyOf(copper, 600, custodyv1.Metal_METAL_ZINC, 400)
	plated    = alloyOf(gold, 10, copper, 990)
	vermeil   = alloyOf(gold, 15, silver, 985)
)

func stone(m custodyv1.Material, f custodyv1.Form, n custodyv1.Nature, s custodyv1.Stage, species string) HSGoods {
	return HSGoods{Material: m, Form: f, Nature: n, Stage: s, Species: species}
}

func ofMetal(f custodyv1.Form, composition []*custodyv1.Constituent) HSGoods {
	return HSGoods{Material: metal, Form: f, Composition: composition}
}

func TestCheckHS(t *testing.T) {
	scrap := ofMetal(bulk, gold18)
	scrap.Scrap = true
	for _, tt := range []struct {
		name    string
		goods   HSGoods
		suggest string // "" if not decided
		also    string // other codes that may stand
	}{
		{"natural rough", stone(diamond, parcel, natural, rough, ""), "710231", "710210 710221"},
		{"one natural rough", stone(diamond, single, natural, rough, ""), "710231", "710221"},
		{"natural polished", stone(diamond, single, natural, polished, ""), "710239", "710229"},
		{"melee without a count", stone(diamond, bulk, natural, polished, ""), "710239", "710229 710210 710510"},
		{"lab-grown rough", stone(diamond, single, labGrown, rough, ""), "710421", ""},
		{"lab-grown polished", stone(diamond, parcel, labGrown, polished, ""), "710491", ""},
		{"diamond imitation", stone(diamond, single, imitation, polished, ""), "", "710499"},
		{"diamond doublet", stone(diamond, single, composite, polished, ""), "", "710239 710491"},

		{"rough emerald", stone(gem, single, natural, rough, "emerald"), "710310", ""},
		{"polished emerald", stone(gem, single, natural, polished, "emerald"), "710391", "711620"},
		{"polished beryl", stone(gem, single, natural, polished, "beryl"), "", "710391 710399 711620"},
		{"polished aquamarine", stone(gem, single, natural, polished, "aquamarine"), "710399", "711620"},
		{"beryl that is aquamarine", stone(gem, single, natural, polished, "beryl aquamarine"), "710399", "711620"},
		{"padparadscha", stone(gem, single, natural, polished, "padparadscha"), "710391", "711620"},
		{"corundum", stone(gem, single, natural, polished, "corundum"), "710391", "710399 711620"},
		{"tanzanite", stone(gem, single, natural, polished, "tanzanite"), "710399", "711620"},
		{"lab-grown ruby", stone(gem, single, labGrown, polished, "ruby"), "710499", "711620"},
		{"lab-grown rough quartz", stone(gem, single, labGrown, rough, "quartz"), "710429", "710410"},
		{"glass ruby", stone(gem, single, imitation, polished, "ruby"), "", "710499"},
		{"lead-glass ruby", stone(gem, single, composite, polished, "ruby"), "", "710391 710499 711620"},
		{"amber", stone(gem, single, natural, polished, "amber"), "", ""},
		{"coral", stone(gem, single, natural, rough, "coral"), "", ""},

		{"natural pearls", stone(pearl, parcel, natural, 0, "saltwater"), "710110", "711610"},
		{"cultured pearls", stone(pearl, parcel, cultured, 0, "akoya"), "", "710121 710122 711610"},
		{"imitation pearls", stone(pearl, parcel, imitation, 0, ""), "", ""},

		{"gold bar", ofMetal(single, alloyOf(gold, 9999, silver, 1)), "710812", "710813 710820 711590 711890"},
		{"gold grain", ofMetal(bulk, gold18), "710812", "710811 710813 710820 711230 711291 711299"},
		{"scrap gold", scrap, "711291", "711230 711299"},
		{"white gold with palladium", ofMetal(single, whiteGold), "711021", "711029 711100 711510 711590 711810 711890"},
		{"silver bar", ofMetal(single, sterling), "710691", "710692 711590 711810 711890"},
		{"platinum", ofMetal(single, alloyOf(platinum, 950, ruthenium, 50)), "711011", "711019 711510 711590 711810 711890"},
		{"brass", ofMetal(single, brass), "", "711810 711890"},
		{"gold-filled wire", ofMetal(part, alloyOf(gold, 50, copper, 950)), "711319", "710813 710900 711230 711291 711299 711320 711419 711420 711590 711890"},
		{"brass clad with silver", ofMetal(bulk, alloyOf(silver, 100, copper, 900)), "710691", "710610 710692 710700 711230 711299"},
		{"gold chain", ofMetal(part, gold18), "711319", "710813 711291 711230 711299 711320 711419 711420 711590 711890"},
		{"silver clasp", ofMetal(part, sterling), "711311", "710692 711230 711299 711320 711411 711420 711590 711810 711890"},

		{"gold ring with a diamond", HSGoods{Form: piece, Composition: gold18, Stones: true}, "711319", "711230 711291 711299 711320 711419 711420 711590 711620 711890"},
		{"silver ring", HSGoods{Form: piece, Composition: sterling}, "711311", "711230 711299 711320 711411 711420 711590 711810 711890"},
		{"vermeil ring", HSGoods{Form: piece, Composition: vermeil}, "711311", "711230 711291 711299 711319 711320 711411 711419 711420 711590 711810 711890"},
		{"pearl necklace on silk", HSGoods{Form: piece, Pearls: true}, "711610", "711810 711890"},
		{"bead necklace", HSGoods{Form: piece, Stones: true}, "711620", "711810 711890"},
		{"beads and pearls", HSGoods{Form: piece, Stones: true, Pearls: true}, "", "711610 711620 711810 711890"},
		{"plated brass ring with glass", HSGoods{Form: piece, Composition: plated}, "", "711230 711291 711299 711319 711320 711419 711420 711590 711711 711719 711790 711810 711890"},
		{"brass ring with a ruby", HSGoods{Form: piece, Composition: brass, Stones: true}, "711620", "711810 711890"},

		{"silk", HSGoods{Material: custodyv1.Material_MATERIAL_OTHER, Form: bulk}, "", ""},
	} {
		suggest, ok := SuggestHS(tt.goods)
		if suggest != tt.suggest || ok != (tt.suggest != "") {
			t.Errorf("%s: suggests %q %v, want %q", tt.name, suggest, ok, tt.suggest)
		}
		want := strings.Fields(tt.suggest + " " + tt.also)
		slices.Sort(want)
		var got []string
		for _, code := range HSCodes() {
			if CheckHS(code, tt.goods) == nil {
				got = append(got, code)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: may stand under\n%v, want\n%v", tt.name, got, want)
		}
	}
}

// Whatever is suggested may stand.
func TestSuggestionsStand(t *testing.T) {
	species := []string{"", "other"}
	for word := range speciesGroups {
		species = append(species, word)
	}
	for _, m := range append(values[custodyv1.Material](), 0) {
		for _, f := range values[custodyv1.Form]() {
			for _, n := range append(values[custodyv1.Nature](), 0) {
				for _, s := range append(values[custodyv1.Stage](), 0) {
					for _, composition := range [][]*custodyv1.Constituent{nil, gold18, whiteGold, sterling, brass, plated, vermeil} {
						for i, word := range species {
							goods := HSGoods{m, f, n, s, word, composition, i%2 == 0, i%3 == 0, i%5 == 0}
							if code, ok := SuggestHS(goods); ok && CheckHS(code, goods) != nil {
								t.Fatal(goods, code, CheckHS(code, goods))
							}
						}
					}
				}
			}
		}
	}
}

func TestCheckHSSaysWhatWouldBeRight(t *testing.T) {
	err := CheckHS("710239", stone(diamond, single, labGrown, polished, ""))
	if err == nil || err.Error() != "710239 is for natural diamonds, polished: these goods are lab-grown; expected 710491" {
		t.Error(err)
	}
	for _, code := range []string{"", "7102", "710200", "71023", "7102391", "010121", "710239 ", "97O239"} {
		if CheckHS(code, stone(diamond, single, natural, polished, "")) == nil {
			t.Errorf("%q stands", code)
		}
	}
}

func TestHSMetal(t *testing.T) {
	for _, tt := range []struct {
		composition []*custodyv1.Constituent
		want        custodyv1.Metal
	}{
		{nil, 0},
		{brass, 0},
		{gold18, gold},
		{whiteGold, palladium},
		{sterling, silver},
		{alloyOf(platinum, 20, gold, 980), platinum}, // at two per cent
		{alloyOf(platinum, 19, gold, 981), gold},
		{alloyOf(gold, 20, silver, 980), gold},
		{alloyOf(gold, 19, silver, 981), silver},
		{alloyOf(silver, 20, copper, 980), silver},
		{alloyOf(silver, 19, copper, 981), 0},
		{alloyOf(silver, 20, copper, 981), 0},                        // 1.998 %
		{alloyOf(platinum, 10, palladium, 11, gold, 979), palladium}, // together two per cent
		{alloyOf(platinum, 500, iridium, 500), platinum},             // a tie: the first
		{alloyOf(gold, 9_000_000_000_000_000), gold},                 // at the limit of a mass
		{alloyOf(silver, 1, copper, 8_999_999_999_999_999), 0},
	} {
		if got := HSMetal(tt.composition); got != tt.want {
			t.Errorf("%v counts as %v, want %v", tt.composition, got, tt.want)
		}
	}
}
