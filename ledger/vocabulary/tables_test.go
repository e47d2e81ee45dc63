package vocabulary

import (
	"encoding/csv"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// values lists the numbers of an enum but zero.
func values[E interface {
	~int32
	protoreflect.Enum
}]() []E {
	var zero E
	var list []E
	all := zero.Descriptor().Values()
	for i := range all.Len() {
		if n := all.Get(i).Number(); n != 0 {
			list = append(list, E(n))
		}
	}
	return list
}

// wordsOf reads a list of words out of the table of fields, which keeps it to itself.
func wordsOf(t *testing.T, name string) []string {
	t.Helper()
	source, err := os.ReadFile("../fields.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\b` + name + `\s*= "([^"]*)"`).FindSubmatch(source)
	if found == nil {
		t.Fatalf("../fields.go has no %s", name)
	}
	return strings.Fields(string(found[1]))
}

func TestEveryEnumValueHasItsWord(t *testing.T) {
	spare := map[protoreflect.Name]bool{}
	for name := range words {
		spare[name] = true
	}
	enums := custodyv1.File_custody_v1_event_proto.Enums()
	for i := range enums.Len() {
		seen := map[string]bool{}
		values := enums.Get(i).Values()
		for j := range values.Len() {
			v := values.Get(j)
			if v.Number() == 0 {
				continue
			}
			word := words[v.Name()]
			delete(spare, v.Name())
			switch {
			case word == "":
				t.Errorf("%s has no word", v.Name())
			case seen[spaced(word)]:
				t.Errorf("%s: %q is the word of another value as well", v.Name(), word)
			case strings.TrimSpace(word) != word || strings.Contains(word, "_"):
				t.Errorf("%s: %q is not plain", v.Name(), word)
			}
			seen[spaced(word)] = true
		}
	}
	for name := range spare {
		t.Errorf("%s has a word and does not exist", name)
	}
}

func TestWord(t *testing.T) {
	for _, tt := range []struct {
		value protoreflect.Enum
		want  string
	}{
		{custodyv1.Nature_NATURE_LAB_GROWN, "lab-grown"},
		{custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED, "source-matched"},
		{custodyv1.Stage_STAGE_UNSPECIFIED, "not declared"},
		{custodyv1.Process(77), "unknown value 77"},
		{custodyv1.Process(-1), "unknown value -1"},
	} {
		if got := Word(tt.value); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.value, got, tt.want)
		}
	}
}

func TestParseWord(t *testing.T) {
	for _, mode := range values[custodyv1.Mode]() {
		for _, word := range []string{Word(mode), strings.ReplaceAll(Word(mode), " ", "-")} {
			if got, ok := ParseWord[custodyv1.Mode](word); !ok || got != mode {
				t.Errorf("%q: %v %v, want %v", word, got, ok, mode)
			}
		}
	}
	for _, word := range []string{"", "not declared", "Memo", "lab-grown", "memo  to sale"} {
		if got, ok := ParseWord[custodyv1.Mode](word); ok || got != 0 {
			t.Errorf("%q is taken for %v", word, got)
		}
	}
}

func TestEverySpeciesHasItsGroup(t *testing.T) {
	species := wordsOf(t, "speciesV1")
	for _, word := range species {
		if group := SpeciesGroup(word); group == "" {
			t.Errorf("%s has no group", word)
		} else if !slices.Contains(species, group) {
			t.Errorf("%s: its group %s is no word", word, group)
		}
	}
	if len(species) != len(speciesGroups) {
		t.Errorf("%d words, %d groups: one too many", len(species), len(speciesGroups))
	}
	for word, group := range speciesGroups {
		if speciesGroups[group] != group {
			t.Errorf("%s: group %s is in group %s", word, group, speciesGroups[group])
		}
	}
}

func TestSpeciesGroup(t *testing.T) {
	for species, want := range map[string]string{
		"ruby": "corundum", "padparadscha sapphire": "corundum", "quartz amethyst": "quartz", "emerald": "beryl",
		"alexandrite": "chrysoberyl", "chrysoberyl beryl": "", "tanzanite": "zoisite", "akoya": "saltwater",
		"saltwater akoya": "saltwater", "freshwater akoya": "", "other": "other", "other ruby": "corundum",
		"ruby other": "corundum", "ruby spinel": "", "": "", "Ruby": "", "ruby ": "", "glass": "", "nephrite": "nephrite",
	} {
		if got := SpeciesGroup(species); got != want {
			t.Errorf("%q: %q, want %q", species, got, want)
		}
	}
}

func TestEveryTreatmentCodeHasItsRow(t *testing.T) {
	codes := wordsOf(t, "treatmentCodesV1")
	for _, code := range codes {
		if row, ok := TreatmentOf(code); !ok || row.Words == "" || len(row.on) == 0 {
			t.Errorf("%s has no complete row", code)
		}
	}
	if len(codes) != len(treatments) || len(codes) != ledger.TreatmentsMax {
		t.Errorf("%d codes, %d rows, TreatmentsMax %d", len(codes), len(treatments), ledger.TreatmentsMax)
	}
	if !slices.IsSortedFunc(treatments, func(a, b Treatment) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("rows are not ascending")
	}
}

func TestEveryUnitHasItsRow(t *testing.T) {
	seen := map[string]bool{}
	for _, unit := range values[custodyv1.Unit]() {
		row, ok := unitOf(unit)
		if !ok || row.factor == 0 || row.factor%2 != 0 || row.word == "" || seen[row.word] {
			t.Errorf("%v: row %+v", unit, row)
		}
		seen[row.word] = true
		if back, err := ParseUnit(UnitWord(unit)); err != nil || back != unit {
			t.Errorf("%v: its word is read as %v, %v", unit, back, err)
		}
		if code := UnitCode(unit); code != "" && (len(code) != 3 || seen[code]) {
			t.Errorf("%v: code %q", unit, code)
		}
		seen[UnitCode(unit)] = UnitCode(unit) != ""
	}
	if len(units) != len(values[custodyv1.Unit]()) {
		t.Error("a row too many")
	}
	for _, word := range []string{"", "CT", "ct ", "carat", "oz", "lb"} {
		if unit, err := ParseUnit(word); err == nil {
			t.Errorf("%q is taken for %v", word, unit)
		}
	}
}

func TestEveryCodeOfChapter71(t *testing.T) {
	f, err := os.Open("testdata/hs71.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range records[1:] {
		if len(r[1]) == 6 {
			want = append(want, r[1])
		}
	}
	slices.Sort(want)
	if got := HSCodes(); !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
	for _, code := range want {
		if HSWords(code) == "" || strings.ToLower(HSWords(code)[:1]) != HSWords(code)[:1] {
			t.Errorf("%s is called %q", code, HSWords(code))
		}
	}
}

func TestEveryDocumentHasItsRow(t *testing.T) {
	for _, kind := range values[custodyv1.DocumentKind]() {
		d, ok := DocumentOf(kind)
		if !ok || d.on == nil || d.about == "" || len(d.shows) == 0 {
			t.Errorf("%v has no complete row", kind)
			continue
		}
		if d.Quantity == Required && d.Number != Required {
			t.Errorf("%v has a quantity, and no number to be known by", kind)
		}
		for claim, level := range d.shows {
			if claim == 0 || level == 0 {
				t.Errorf("%v: an empty cell", kind)
			}
		}
	}
	if len(documents) != len(values[custodyv1.DocumentKind]()) {
		t.Error("a row too many")
	}
}

func TestListsHaveCountries(t *testing.T) {
	for _, list := range []string{diamondCountries, goldCountries} {
		codes := strings.Fields(list)
		for i, code := range codes {
			if !ledger.IsCountry(code) || i > 0 && code <= codes[i-1] {
				t.Errorf("%s is no country, or not in its place", code)
			}
		}
		if " "+strings.Join(codes, " ")+" " != list {
			t.Error("the list is not one space between two codes")
		}
	}
	for country, want := range map[string][2]bool{
		"BW": {true, true}, "RU": {true, true}, "BE": {false, false}, "AE": {false, false}, "CH": {false, false},
		"TG": {true, false}, "PE": {false, true}, "": {false, false}, " ": {false, false}, "A": {false, false},
		"O ": {false, false}, "AO AU": {false, false}, "bw": {false, false},
	} {
		if got := [2]bool{MinesDiamonds(country), MinesGold(country)}; got != want {
			t.Errorf("%q mines diamonds and gold: %v, want %v", country, got, want)
		}
	}
}
