package volume

import (
	"os"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const in2024 = 1_717_200_000_000 // June

type log struct {
	*Counter
	n byte
}

func (l *log) register(party byte, kind custodyv1.OriginKind, countries string, micrograms uint64) ledger.ItemID {
	l.n++
	id := ledger.ItemID{l.n}
	l.Apply(provenance.Applied{
		Event: &ledger.Event{Party: ledger.PartyID{party}, OccurredAt: in2024, Body: &custodyv1.ItemRegister{Acquisition: 1}},
		Changes: rules.Changes{Matters: []rules.Matter{{Item: id, Material: custodyv1.Material_MATERIAL_METAL,
			Origin: []rules.Component{{Source: rules.Source{Metal: 1, Kind: kind, Countries: countries}, Micrograms: micrograms}}}}},
	})
	return id
}

func TestSmallCellsAreLeftOut(t *testing.T) {
	l := &log{Counter: NewCounter()}
	for party := range byte(PartiesMin) {
		l.register(party, 1, "GH", 10)
		l.register(party, 1, "GH ML", 1)
		if party > 0 {
			l.register(party, 1, "ML", 100)
			l.register(party, 1, "ML", 100) // the same party twice is one party
		}
	}
	l.register(1, custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, "", 1000)
	table := l.Table(nil)
	want := map[string]Row{"GH": {Micrograms: 50}, "GH ML": {Micrograms: 5}, "ML": {Suppressed: true}}
	if len(table.Rows) != len(want) || table.Suppressed != 1 {
		t.Fatalf("%+v", table)
	}
	for _, row := range table.Rows {
		if w := want[row.Countries]; row.Micrograms != w.Micrograms || row.Suppressed != w.Suppressed {
			t.Errorf("%+v", row)
		}
	}
	var text strings.Builder
	table.Text(&text)
	for _, secret := range []string{"800", "0.0008"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the table shows what it leaves out:\n%s", text.String())
		}
	}
}

func TestMoreThanWasMined(t *testing.T) {
	reference, err := ParseReference(strings.NewReader("country,material,year,mined,unit\nGH,gold,2024,1,g\nTG,gold,2024,0,g\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := &log{Counter: NewCounter()}
	first := l.register(1, 1, "GH", 1_000_000)
	if got := l.Table(reference).Findings; len(got) != 0 {
		t.Fatalf("at the mass that was mined: %v", got)
	}
	l.register(1, 1, "GH TG", 5_000_000) // may be of either
	l.register(2, 1, "BF", 5_000_000)    // nothing is known of it
	l.register(2, 1, "TG", 1)
	l.register(2, 1, "GH", 1)
	voided := l.register(3, 1, "GH", 1)
	l.Apply(provenance.Applied{Event: &ledger.Event{Body: &custodyv1.ItemVoid{Item: &custodyv1.ItemRef{Item: voided[:]}}}})
	got := l.Table(reference).Findings
	if len(got) != 2 || got[0].Country != "GH" || got[1].Country != "TG" {
		t.Errorf("%v", got)
	}
	_ = first
}

func TestVoidedIsNotCounted(t *testing.T) {
	l := &log{Counter: NewCounter()}
	id := l.register(1, 1, "GH", 7)
	l.Apply(provenance.Applied{Event: &ledger.Event{Body: &custodyv1.ItemVoid{Item: &custodyv1.ItemRef{Item: id[:]}}},
		Changes: rules.Changes{Items: []rules.Item{{ID: id, Status: rules.Voided}}}})
	if rows := l.Table(nil).Rows; len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	const head = "country,material,year,mined,unit\n"
	for name, file := range map[string]string{
		"empty": "", "other columns": "a,b,c,d,e\n", "no country": head + "XX,gold,2024,1,g\n", "no material": head + "GH,metal,2024,1,g\n",
		"no year": head + "GH,gold,24,1,g\n", "no mass": head + "GH,gold,2024,-1,g\n", "no unit": head + "GH,gold,2024,1,stone\n",
		"twice": head + "GH,gold,2024,1,g\nGH,gold,2024,2,g\n", "a column less": head + "GH,gold,2024,1\n",
	} {
		if _, err := ParseReference(strings.NewReader(file)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestShippedReference(t *testing.T) {
	b, err := os.ReadFile("../../../deploy/policies/mined-example.csv")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := ParseReference(strings.NewReader(string(b)))
	if err != nil || len(reference) == 0 {
		t.Fatal(reference, err)
	}
	if !strings.HasPrefix(string(b), "# EXAMPLE") || !strings.Contains(string(b), "made up") {
		t.Error("it does not say that it is made up")
	}
}

func FuzzParseReference(f *testing.F) {
	f.Add("country,material,year,mined,unit\nGH,gold,2024,1.5,kg\n# x\n")
	f.Fuzz(func(t *testing.T, s string) {
		reference, err := ParseReference(strings.NewReader(s))
		if err == nil && reference == nil {
			t.Fatal("neither table nor error")
		}
	})
}
