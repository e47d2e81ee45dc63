package screen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const policies = "../../deploy/policies"

func shipped(t *testing.T, name string) *Screener {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(policies, name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePolicy(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return NewScreener(p)
}

func at(t *testing.T, day string) Range {
	t.Helper()
	ms, err := ParseDay(day)
	if err != nil {
		t.Fatal(err)
	}
	return Range{ms, ms}
}

// stone is a documented polished diamond of a known producer.
func stone(t *testing.T, micrograms uint64, day string, countries ...string) Facts {
	return Facts{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: countries, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED,
		Producer: "Sample Savings Fund", ProducerLevel: custodyv1.Evidence_EVIDENCE_DOCUMENTED, StateOwnership: custodyv1.StateOwnership_STATE_OWNERSHIP_NONE,
		Stone: Range{micrograms, micrograms}, When: at(t, day),
	}
}

func TestShippedPolicies(t *testing.T) {
	const us, eu, list = "us-russian-diamonds.yaml", "eu-russian-diamonds.yaml", "country-list.yaml"
	const ct = 200_000
	change := func(f Facts, by ...func(*Facts)) Facts {
		for _, c := range by {
			c(&f)
		}
		return f
	}
	unknown := func(f *Facts) {
		f.Kind, f.Level, f.Countries, f.Producer, f.ProducerLevel, f.StateOwnership = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, 0, nil, "", 0, 0
	}
	nobody := func(f *Facts) { f.Producer, f.ProducerLevel = "", 0 }
	labGrown := func(f *Facts) {
		f.Nature, f.Kind, f.Countries, f.Producer = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN, nil, ""
	}
	gold := func(f *Facts) {
		f.Material, f.Metal, f.Nature, f.Stage, f.Stone = custodyv1.Material_MATERIAL_METAL, custodyv1.Metal_METAL_GOLD, 0, 0, Range{}
	}
	recycled := func(level custodyv1.Evidence) func(*Facts) {
		return func(f *Facts) {
			f.Kind, f.Countries, f.Producer, f.ProducerLevel, f.Level = custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, nil, "", 0, level
		}
	}
	by := func(producer string) func(*Facts) { return func(f *Facts) { f.Producer = producer } }
	size := func(low, high uint64) func(*Facts) { return func(f *Facts) { f.Stone = Range{low, high} } }
	abroad := func(f *Facts) {
		f.Shown = func(l Located) bool { return len(l.NotIn) == 1 && l.NotIn[0] == "RU" }
	}
	set := func(f *Facts) { f.Set = true }
	said := func(p Place, c string) func(*Facts) {
		return func(f *Facts) { f.Places = append(f.Places, Saying{Place: p, Country: c}) }
	}
	between := func(from, to string) func(*Facts) {
		return func(f *Facts) { f.When = Range{at(t, from).Low, at(t, to).High} }
	}
	for _, c := range []struct {
		name, policy string
		facts        Facts
		want         Verdict
		why          string // part of a text
	}{
		{"1.0 ct of Russia in March", us, stone(t, ct, "2024-03-01", "RU"), Flagged, "mined in RU"},
		{"the day before", us, stone(t, ct, "2024-02-29", "RU"), Clear, ""},
		{"one microgram less", us, stone(t, ct-1, "2024-03-01", "RU"), Clear, ""},
		{"0.5 ct in August", us, stone(t, ct/2, "2024-08-31", "RU"), Clear, ""},
		{"0.5 ct in September", us, stone(t, ct/2, "2024-09-01", "RU"), Flagged, "mined in RU"},
		{"0.49 ct in September", us, stone(t, 98_000, "2024-09-01", "RU"), Clear, ""},
		{"Botswana", us, stone(t, ct, "2025-01-01", "BW"), Clear, ""},
		{"two possible countries", us, stone(t, ct, "2025-01-01", "BW", "RU"), Undetermined, "may be mined in RU: possible are BW, RU"},
		{"unknown", us, change(stone(t, ct, "2025-01-01"), unknown), Undetermined, "not known"},
		{"unknown producer", us, change(stone(t, ct, "2025-01-01", "BW"), nobody), Undetermined, "first producer"},
		{"unknown producer of Russia", us, change(stone(t, ct, "2025-01-01", "RU"), nobody), Flagged, "mined in RU"},
		{"lab-grown", us, change(stone(t, ct, "2025-01-01"), labGrown), Clear, ""},
		{"industrial", us, change(stone(t, ct, "2025-01-01", "RU"), func(f *Facts) { f.HSCode = "710221" }), Clear, ""},
		{"a parcel that may have one", us, change(stone(t, 0, "2025-01-01", "RU"), size(20_000, 300_000)), Undetermined, "largest stone"},
		{"a parcel of small ones", us, change(stone(t, 0, "2025-01-01", "RU"), size(1, 99_999)), Clear, ""},
		{"a parcel of 0.5 ct on average", us, change(stone(t, 0, "2025-01-01", "RU"), size(100_000, 900_000)), Flagged, "mined in RU"},
		{"shown to be abroad", us, change(stone(t, ct, "2025-01-01", "RU"), abroad), Clear, ""},
		{"moved when nobody knows", us, change(stone(t, ct, "2024-03-01", "RU"), between("2024-02-20", "2024-03-05")), Undetermined, "the rule changes in between"},
		{"always banned in between", us, change(stone(t, ct, "2024-03-01", "RU"), between("2024-08-20", "2024-09-05")), Flagged, "mined in RU"},
		{"small one in jewelry out of Russia", us, change(stone(t, 2_000, "2025-01-01", "BW"), set, said(ExportedFrom, "RU")), Flagged, "exported from RU"},
		{"the same loose", us, change(stone(t, 2_000, "2025-01-01", "BW"), said(ExportedFrom, "RU")), Clear, ""},
		{"unsorted", us, change(stone(t, 2_000, "2025-01-01", "RU"), func(f *Facts) { f.Stage, f.HSCode = custodyv1.Stage_STAGE_ROUGH, "710210" }), Flagged, "mined in RU"},
		{"disputed", us, change(stone(t, ct, "2025-01-01", "BW"), func(f *Facts) { f.Disputed = true }), Undetermined, "disputed"},
		{"gold under a rule of diamonds", us, change(stone(t, 0, "2025-01-01"), unknown, gold), Clear, ""},

		{"EU 0.5 ct", eu, stone(t, ct/2, "2026-01-01", "RU"), Flagged, "mined in RU"},
		{"EU direct, small", eu, change(stone(t, 2_000, "2024-01-01", "BW"), said(ExportedFrom, "RU")), Flagged, "exported from RU"},
		{"EU Botswana", eu, stone(t, ct/2, "2026-01-01", "BW"), Clear, ""},

		{"listed country", list, change(stone(t, 0, "2025-01-01", "VE"), gold), Flagged, "mined in VE"},
		{"not listed", list, change(stone(t, 0, "2025-01-01", "CA"), gold), Clear, ""},
		{"only said", list, change(stone(t, 0, "2025-01-01", "CA"), gold, func(f *Facts) { f.Level = 1 }), Undetermined, "only stated"},
		{"listed and only said", list, change(stone(t, 0, "2025-01-01", "VE"), gold, func(f *Facts) { f.Level = 1 }), Flagged, "mined in VE"},
		{"recycled, said", list, change(stone(t, 0, "2025-01-01"), gold, recycled(1)), Undetermined, "no ledger can see what was melted"},
		{"recycled, documented", list, change(stone(t, 0, "2025-01-01"), gold, recycled(2)), Clear, ""},
		{"had by a listed owner's company", list, change(stone(t, 0, "2025-01-01", "CA"), gold, by("Sample  HOLDING")), Flagged, "a listed owner has"},
		{"40 percent is not enough", list, change(stone(t, 0, "2025-01-01", "CA"), gold, by("Sample Alluvial Mining")), Clear, ""},
		{"owners not known", list, change(stone(t, 0, "2025-01-01", "CA"), gold, by("Sample Elsewhere")), Undetermined, "does not know all owners"},
		{"state", list, change(stone(t, 0, "2025-01-01", "CA"), gold, func(f *Facts) { f.StateOwnership = 3 }), Flagged, "a state owns"},
		{"state not known", list, change(stone(t, 0, "2025-01-01", "CA"), gold, func(f *Facts) { f.StateOwnership = 0 }), Undetermined, "whether a state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, reasons := shipped(t, c.policy).Judge(&c.facts)
			if got != c.want {
				t.Errorf("%s, expected %s: %+v", got, c.want, reasons)
			}
			var texts []string
			for _, r := range reasons {
				texts = append(texts, r.Texts...)
			}
			if all := strings.Join(texts, "; "); !strings.Contains(all, c.why) {
				t.Errorf("says %q, expected %q", all, c.why)
			}
		})
	}
}

func TestShippedPoliciesSayThatTheyAreExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(policies, "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := shipped(t, filepath.Base(file))
		if !strings.HasPrefix(s.policy.Name, "Example") || !strings.Contains(string(b), "no legal advice") {
			t.Errorf("%s does not say that it is an example and no legal advice", file)
		}
	}
}

func TestOwnersTogether(t *testing.T) {
	p := &Policy{OwnerPercent: 5000, Companies: []Company{
		{Name: "Mine", Owners: []Owner{{"A", 2500}, {"B", 2500}, {"C", 5000}}},
		{Name: "Half known", Owners: []Owner{{"C", 5000}}},
		{Name: "Ring", Owners: []Owner{{"Ring 2", 10000}}}, {Name: "Ring 2", Owners: []Owner{{"Ring", 10000}}},
		{Name: "C"},
	}}
	p.Companies[4].Owners = []Owner{{"D", 10000}}
	p.Companies = append(p.Companies, Company{Name: "D", Owners: []Owner{{"E", 10000}}}, Company{Name: "E", Owners: []Owner{{"D", 10000}}})
	had := p.ownership([]string{"a", " B "})
	for name, want := range map[string]answer{"mine": yes, "half  KNOWN": maybe, "Ring": no, "C": no, "A": yes, "nobody knows": maybe} {
		if got := had.of(name); got != want {
			t.Errorf("%s: %d, expected %d", name, got, want)
		}
	}
}

func TestParties(t *testing.T) {
	listed, other := ledger.PartyID{1}, ledger.PartyID{2}
	p := &Policy{Evidence: 1, UnknownProducerPermitted: true, Rules: []Rule{{ID: "p", Parties: []ledger.PartyID{listed}}}}
	f := stone(t, 1, "2025-01-01", "BW")
	for _, c := range []struct {
		hands []Hand
		gap   bool
		want  Verdict
	}{
		{nil, false, Clear},
		{[]Hand{{Party: other}}, false, Clear},
		{[]Hand{{Party: other}}, true, Undetermined},
		{[]Hand{{Party: other}, {Party: listed}}, true, Flagged},
	} {
		f.Hands, f.Gap = c.hands, c.gap
		if got, _ := NewScreener(p).Judge(&f); got != c.want {
			t.Errorf("%v, gap %v: %s, expected %s", c.hands, c.gap, got, c.want)
		}
	}
	p.Rules[0].SilencePermitted = true
	f.Hands, f.Gap = nil, true
	if got, _ := NewScreener(p).Judge(&f); got != Clear {
		t.Errorf("silence permitted: %s", got)
	}
}
