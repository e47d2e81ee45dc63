package describe_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/cmd/custody/describe"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestLines(t *testing.T) {
	like := &custodyv1.MatterView{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
	}
	g, err := describe.Parse("mass=1.02ct stage=polished shape=round colour=E report=GIA:2141438167")
	if err != nil {
		t.Fatal(err)
	}
	o, err := g.Output(like)
	if err != nil {
		t.Fatal(err)
	}
	if o.Mass.Micrograms != 204_000 || o.Mass.Declared != "1.02" || o.Mass.Unit != custodyv1.Unit_UNIT_CARAT || o.Stage != custodyv1.Stage_STAGE_POLISHED ||
		o.Material != like.Material || o.Nature != like.Nature || o.Form != custodyv1.Form_FORM_SINGLE || len(o.OutsideIds) != 1 {
		t.Errorf("%v", o)
	}
	g, err = describe.Parse("mass=4g alloy=gold750/silver125/copper125 form=part origin=recycled fineness=750")
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Registration(custodyv1.Acquisition_ACQUISITION_PRODUCED)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Composition) != 3 || r.Composition[0].Micrograms != 3_000_000 || len(r.Origin) != 3 || r.Origin[2].Metal != custodyv1.Metal_METAL_COPPER || r.FinenessPermyriad != 7500 {
		t.Errorf("%v", r)
	}
}

func TestRefused(t *testing.T) {
	for line, want := range map[string]string{
		"mass":                         "key=value",
		"weight=1ct":                   "none of the keys",
		"mass=1ct mass=2ct":            "twice",
		"mass=1":                       "its unit",
		"mass=-1ct":                    "its unit",
		"mass=1.02kt":                  "unit",
		"mass=0ct":                     "",
		"count=0":                      "number of pieces",
		"alloy=gold750":                "add up to 750",
		"alloy=gold500/gold500":        "twice",
		"alloy=750gold":                "a metal and its parts",
		"fineness=9.99.9":              "parts in a thousand",
		"fineness=99990":               "parts in a thousand",
		"equal=no":                     "yes",
		"report=2141438167":            "ISSUER:NUMBER",
		"treatments=H":                 "year of the list",
		"from=0:1ct":                   "origin component",
		"basis=weighed":                "add mass",
		"shape=round stage=half-baked": "not one of",
	} {
		if _, err := describe.Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

// TestComposition demands that an alloy adds up to its mass, each metal within a
// microgram of its part.
func TestComposition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.Uint64Range(1, 1_000_000), 1, 11).Draw(t, "parts")
		mass := rapid.Uint64Range(1, 9_000_000_000_000_000).Draw(t, "mass")
		var alloy []describe.Share
		var total uint64
		for i, p := range parts {
			alloy = append(alloy, describe.Share{Metal: custodyv1.Metal(i + 1), Parts: p})
			total += p
		}
		sum := uint64(0)
		for _, c := range describe.Composition(alloy, mass) {
			sum += c.Micrograms
			exact := float64(mass) / float64(total) * float64(parts[c.Metal-1])
			if diff := float64(c.Micrograms) - exact; diff > 1+exact/1e12 || diff < -1-exact/1e12 {
				t.Fatalf("metal %d has %d, its part is %f", c.Metal, c.Micrograms, exact)
			}
		}
		if sum != mass {
			t.Fatalf("%d of %d micrograms", sum, mass)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("mass=1.02ct stage=polished shape=round")
	f.Add("mass=4g alloy=gold750/silver125/copper125 form=part origin=BW/ZA mine=A_mine")
	f.Add("mass=10ct/3 from=1:0.5ct,2:1ct treatments=H+O@2020 count=~300")
	f.Fuzz(func(t *testing.T, line string) {
		g, err := describe.Parse(line)
		if err != nil {
			return
		}
		// Whatever was read can be made of it, or says that a mass is missing.
		_, _ = g.Registration(custodyv1.Acquisition_ACQUISITION_PRODUCED)
		_, _ = g.Output(&custodyv1.MatterView{})
		_, _ = g.Line()
	})
}
