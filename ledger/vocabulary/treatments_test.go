package vocabulary

import (
	"strings"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestCheckTreatments(t *testing.T) {
	other := custodyv1.Material_MATERIAL_OTHER
	for _, tt := range []struct {
		list     uint32
		codes    string
		material custodyv1.Material
		nature   custodyv1.Nature
		species  string
		refused  string // "" if it stands
	}{
		{2024, "H", gem, natural, "ruby", ""},
		{2024, "FH H", gem, natural, "ruby", ""},
		{2024, "F H", gem, composite, "ruby", ""},
		{2024, "ASBL", gem, composite, "opal", ""},
		{2024, "O", gem, natural, "emerald", ""},
		{2024, "F", gem, natural, "emerald", ""},
		{2024, "G", gem, natural, "topaz", ""},
		{2024, "U", gem, natural, "feldspar", ""},
		{2024, "N", gem, natural, "emerald", ""},
		{2024, "N", pearl, cultured, "akoya", ""},
		{2024, "B D", pearl, cultured, "freshwater", ""},
		{2024, "HP", diamond, natural, "", ""},
		{2024, "F L", diamond, natural, "", ""},
		{2024, "HP SYN", diamond, labGrown, "", ""},
		{2024, "SYN", gem, labGrown, "sapphire", ""},
		{2024, "IMIT", gem, imitation, "ruby", ""},
		{2024, "F IMIT", gem, imitation, "ruby", ""},
		{1981, "H", gem, natural, "ruby", ""},
		{2099, "H", gem, natural, "ruby", ""},

		{1980, "H", gem, natural, "ruby", "year of the list"},
		{2100, "H", gem, natural, "ruby", "year of the list"},
		{0, "H", gem, natural, "ruby", "year of the list"},
		{2024, "", gem, natural, "ruby", "no code"},
		{2024, "X", gem, natural, "ruby", "not a treatment code"},
		{2024, "h", gem, natural, "ruby", "not a treatment code"},
		{2024, "H H", gem, natural, "ruby", "each once"},
		{2024, "H FH", gem, natural, "ruby", "ascending"},
		{2024, "H N", gem, natural, "ruby", "stands alone"},
		{2024, "N O", gem, natural, "emerald", "stands alone"},
		{2024, "N", gem, labGrown, "emerald", "lab-grown"},
		{2024, "N", gem, composite, "emerald", "composite"},
		{2024, "N", gem, imitation, "emerald", "imitation"},
		{2024, "F", gem, natural, "ruby", "nature composite"},
		{2024, "F H", gem, natural, "corundum sapphire", "nature composite"},
		{2024, "F", gem, labGrown, "ruby", "nature composite"},
		{2024, "FH", gem, natural, "emerald", "ruby and sapphire only"},
		{2024, "FH", diamond, natural, "", "no treatment of diamond"},
		{2024, "O", diamond, natural, "", "no treatment of diamond"},
		{2024, "B", diamond, natural, "", "no treatment of diamond"},
		{2024, "D", diamond, natural, "", "no treatment of diamond"},
		{2024, "U", pearl, cultured, "", "no treatment of pearl"},
		{2024, "HP", pearl, cultured, "", "no treatment of pearl"},
		{2024, "SYN", pearl, cultured, "", "no treatment of pearl"},
		{2024, "SYN", gem, natural, "ruby", "not of goods that are natural"},
		{2024, "IMIT", gem, natural, "ruby", "not of goods that are natural"},
		{2024, "IMIT", gem, composite, "ruby", "not of goods that are composite"},
		{2024, "ASBL", gem, natural, "opal", "not of goods that are natural"},
		{2024, "H", metal, 0, "", "no treatment of metal"},
		{2024, "N", other, 0, "", "no treatment of other material"},
		{2024, "H", 0, 0, "", "no treatment of a piece"},
	} {
		err := CheckTreatments(tt.list, strings.Fields(tt.codes), tt.material, tt.nature, tt.species)
		switch {
		case tt.refused == "" && err != nil:
			t.Errorf("%s of %s %s %s: %v", tt.codes, Word(tt.nature), tt.species, Word(tt.material), err)
		case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
			t.Errorf("%s of %s %s %s: %v, want %q", tt.codes, Word(tt.nature), tt.species, Word(tt.material), err, tt.refused)
		}
	}
}

// No two treatments stand together of which one says that there is none.
func TestNoTreatmentBesideAnother(t *testing.T) {
	for _, row := range treatments {
		for _, n := range values[custodyv1.Nature]() {
			codes := []string{row.Code, "N"}
			if row.Code > "N" {
				codes = []string{"N", row.Code}
			}
			if CheckTreatments(2024, codes, gem, n, "ruby") == nil {
				t.Errorf("%v of %v stands", codes, n)
			}
		}
	}
}

func TestDisclosure(t *testing.T) {
	for _, row := range treatments {
		if (row.Disclosure() == "") != (row.Code == "N") || row.MustDisclose() != (row.Code != "N") {
			t.Errorf("%s: %q", row.Code, row.Disclosure())
		}
		if row.Fades != strings.Contains(row.Disclosure(), "may not last") {
			t.Errorf("%s fades %v: %q", row.Code, row.Fades, row.Disclosure())
		}
		if row.Care && row.Code != "ASBL" && !strings.Contains(row.Disclosure(), "care") {
			t.Errorf("%s needs care: %q", row.Code, row.Disclosure())
		}
	}
}
