package screen

import (
	"strings"
	"testing"
)

const head = "format: custody-screen/1\nname: made up\n"

func TestParsePolicyRefuses(t *testing.T) {
	rule := head + "rules:\n- id: a\n  mined_in: [RU]\n"
	for name, c := range map[string]struct{ file, want string }{
		"nothing":               {"", "empty"},
		"no rules":              {head, "rules: none"},
		"another format":        {strings.Replace(rule, "/1", "/2", 1), "format"},
		"unknown key":           {rule + "  mined_on: [RU]\n", "mined_on"},
		"unknown key at top":    {rule + "rule: 1\n", "rule"},
		"repeated key":          {rule + "  mined_in: [BW]\n", "mined_in"},
		"two documents":         {rule + "---\n" + rule, "second document"},
		"no country":            {head + "rules:\n- id: a\n  mined_in: [XX]\n", "XX"},
		"lower case country":    {head + "rules:\n- id: a\n  mined_in: [ru]\n", "ru"},
		"nothing to look for":   {head + "rules:\n- id: a\n  materials: [diamond]\n", "lists nothing"},
		"no such material":      {rule + "  materials: [diamonds]\n", "diamonds"},
		"same id":               {rule + "- id: a\n  mined_in: [BW]\n", "stands twice"},
		"no id":                 {head + "rules:\n- mined_in: [RU]\n", "id: missing"},
		"no such day":           {rule + "  from: 2023-02-29\n", "no day"},
		"ends before it begins": {rule + "  from: 2024-02-02\n  until: 2024-02-02\n", "not after"},
		"exempts everything":    {rule + "  exempt: [{}]\n", "exempts everything"},
		"half located":          {rule + "  exempt:\n  - located: {not_in: [RU]}\n", "not_in and before"},
		"not carats":            {rule + "  carats_from: half\n", "half"},
		"negative carats":       {rule + "  carats_from: -1\n", "carats_from"},
		"more than all":         {head + "companies:\n- name: A\n  owners: [{name: B, percent: 60}, {name: C, percent: 41}]\nrules:\n- id: a\n  owners: [B]\n", "more than 100"},
		"no party":              {head + "rules:\n- id: a\n  parties: [nonsense]\n", "parties"},
		"alias":                 {head + "about: &a x\nrules:\n- id: a\n  mined_in: [RU]\n  because: *a\n", "anchors"},
		"deep":                  {head + "rules: " + strings.Repeat("[", 500_000), "nested deeper"},
		"deep block":            {head + "rules:\n" + strings.Repeat("- ", 500_000), "nested deeper"},
		"not text":              {head + "about: \xff\n", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePolicy([]byte(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected one with %q", err, c.want)
			}
		})
	}
}

func TestParsePolicyReads(t *testing.T) {
	// NO and ON are words for false and true in older YAML.
	p, err := ParsePolicy([]byte(head + `as_of: 2024-02-29
owner_percent: 33.34
companies:
- name: Sample Mining
  owners: [{name: Sample State, percent: 33.34}]
rules:
- id: a
  from: 2024-03-01
  materials: [diamond]
  carats_from: 0.50
  mined_in: [RU, NO, BY, NO]
  owners: [Sample State]
  exempt:
  - located: {not_in: [RU], before: 2024-03-01}
`))
	if err != nil {
		t.Fatal(err)
	}
	r := p.Rules[0]
	if got := strings.Join(r.MinedIn, " "); got != "BY NO RU" {
		t.Errorf("countries %s", got)
	}
	if r.SizeFrom != 100_000 || Day(r.From) != "2024-03-01" || Day(p.AsOf) != "2024-02-29" || p.OwnerPercent != 3334 {
		t.Errorf("read %+v of %+v", r, p)
	}
}

func TestPolicyLimits(t *testing.T) {
	many := func(n int) []byte {
		var b strings.Builder
		b.WriteString(head + "rules:\n")
		for i := range n {
			b.WriteString("- id: r" + strings.Repeat("x", i) + "\n  mined_in: [RU]\n")
		}
		return []byte(b.String())
	}
	if _, err := ParsePolicy(many(RulesMax)); err != nil {
		t.Error("at the limit:", err)
	}
	if _, err := ParsePolicy(many(RulesMax + 1)); err == nil {
		t.Error("one rule past the limit was read")
	}
	full := []byte(head + "rules:\n- id: a\n  mined_in: [RU]\n")
	full = append(full, []byte(strings.Repeat("#\n", (PolicyBytesMax-len(full))/2))...)
	full = append(full, strings.Repeat("\n", PolicyBytesMax-len(full))...)
	if _, err := ParsePolicy(full); err != nil {
		t.Error("at the limit:", err)
	}
	if _, err := ParsePolicy(append(full, '\n')); err == nil {
		t.Error("one byte past the limit was read")
	}
}

func TestParseDay(t *testing.T) {
	for _, day := range []string{"1971-01-01", "2000-02-29", "2024-03-01", "2024-12-31", "2099-01-01"} {
		if ms, err := ParseDay(day); err != nil || Day(ms) != day {
			t.Errorf("%s reads as %s: %v", day, Day(ms), err)
		}
	}
	for _, day := range []string{"", "2024", "2024-3-1", "2024-02-30", "2100-02-29", "1970-01-01", "2024-00-10", "2024-13-01", "2024-03-01T00:00:00Z", "+024-03-01", "2024-+3-01"} {
		if _, err := ParseDay(day); err == nil {
			t.Errorf("%q was read", day)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(head + "rules:\n- id: a\n  mined_in: [RU]\n"))
	f.Add([]byte(head + "companies:\n- name: A\n  owners: [{name: B, percent: 60}]\nrules:\n- id: a\n  owners: [B]\n  exempt:\n  - grandfathered: documented\n"))
	f.Add([]byte("? - [a, {b: c}]\n: |\n  x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePolicy(b)
		if err != nil {
			return
		}
		if len(p.Rules) == 0 || len(p.Rules) > RulesMax {
			t.Fatalf("%d rules", len(p.Rules))
		}
		NewScreener(p).Judge(&Facts{Material: 1, Nature: 1, Kind: 6})
	})
}
