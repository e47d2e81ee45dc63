package vocabulary

import (
	"strings"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// The table once more, as people would draw it. Columns: identity, mass, nature,
// treatment, fineness, origin, producer, location, conformity; a dot cannot be shown.
var evidenceTable = map[custodyv1.DocumentKind]string{
	custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE:   ".d...d...",
	custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY:                "..ss.s..s",
	custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT:          "eeee.....",
	custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT:           "eeee.e...",
	custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY:                   ".e..e....",
	custodyv1.DocumentKind_DOCUMENT_KIND_HALLMARK:                "....d....",
	custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT:       ".....d..d",
	custodyv1.DocumentKind_DOCUMENT_KIND_DUE_DILIGENCE_STATEMENT: ".....s..s",
	custodyv1.DocumentKind_DOCUMENT_KIND_SELF_CERTIFICATION:      ".....s.s.",
	custodyv1.DocumentKind_DOCUMENT_KIND_G7_CERTIFICATE:          ".....d...",
	custodyv1.DocumentKind_DOCUMENT_KIND_LOCATION_AT_DATE:        ".......s.",
	custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING:               "..e......",
	custodyv1.DocumentKind_DOCUMENT_KIND_AUDIT:                   "........e",
	custodyv1.DocumentKind_DOCUMENT_KIND_SOURCE_MATCH:            "m....mm..",
	custodyv1.DocumentKind_DOCUMENT_KIND_PRODUCER_RECORD:         ".....dd..",
	custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE:                 "sdsssssss",
}

func TestHighest(t *testing.T) {
	for _, kind := range values[custodyv1.DocumentKind]() {
		row := evidenceTable[kind]
		if len(row) != len(values[custodyv1.Claim]()) {
			t.Fatalf("%v: row %q", kind, row)
		}
		for i, claim := range values[custodyv1.Claim]() {
			want := custodyv1.Evidence(strings.IndexByte(".sdem", row[i]))
			if got := Highest(kind, claim); got != want {
				t.Errorf("%v shows %v %v, want %v", kind, claim, got, want)
			}
			if got := HighestOf(kind, claim, true); got != want {
				t.Errorf("its issuer: %v shows %v %v, want %v", kind, claim, got, want)
			}
			if got := HighestOf(kind, claim, false); got != min(want, documented) {
				t.Errorf("a copy: %v shows %v %v, want %v", kind, claim, got, min(want, documented))
			}
		}
	}
	if Highest(0, origin) != 0 || Highest(99, origin) != 0 || Highest(1, 0) != 0 || Highest(1, 99) != 0 {
		t.Error("what does not exist shows something")
	}
}

func TestWhoMayIssue(t *testing.T) {
	for kind, want := range map[custodyv1.DocumentKind]string{ // roles, "*" for any
		custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE: "",
		custodyv1.DocumentKind_DOCUMENT_KIND_G7_CERTIFICATE:        "",
		custodyv1.DocumentKind_DOCUMENT_KIND_AUDIT:                 "",
		custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT:        "laboratory",
		custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT:         "laboratory",
		custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING:             "laboratory",
		custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY:                 "laboratory",
		custodyv1.DocumentKind_DOCUMENT_KIND_SOURCE_MATCH:          "laboratory",
		custodyv1.DocumentKind_DOCUMENT_KIND_PRODUCER_RECORD:       "miner",
		custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY:              "*",
		custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE:               "*",
	} {
		d, _ := DocumentOf(kind)
		for _, role := range values[custodyv1.Role]() {
			if got := d.Issuer.May(role); got != (want == "*" || want == Word(role)) {
				t.Errorf("a %s may issue a %s: %v", Word(role), Word(kind), got)
			}
		}
		if d.Issuer.May(0) != (want == "*") || d.Issuer.String() == "" {
			t.Errorf("%v without a role", kind)
		}
	}
}

func TestNeed(t *testing.T) {
	for _, tt := range []struct {
		need            Need
		present, absent bool // whether it is fine
	}{{Optional, true, true}, {Required, true, false}, {Refused, false, true}} {
		if (tt.need.Check(true) == nil) != tt.present || (tt.need.Check(false) == nil) != tt.absent {
			t.Errorf("%v", tt.need)
		}
	}
	kimberley, _ := DocumentOf(custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE)
	for _, need := range []Need{kimberley.Number, kimberley.Country, kimberley.Quantity, kimberley.Issued, kimberley.Expiry} {
		if need != Required {
			t.Errorf("a Kimberley certificate has a field that is %v", need)
		}
	}
}

func TestCheckDocument(t *testing.T) {
	for _, tt := range []struct {
		kind     custodyv1.DocumentKind
		material custodyv1.Material
		nature   custodyv1.Nature
		stage    custodyv1.Stage
		fits     bool
	}{
		{custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, diamond, natural, rough, true},
		{custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, diamond, natural, polished, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, diamond, labGrown, rough, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, gem, natural, rough, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, 0, 0, 0, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT, gem, natural, polished, true},
		{custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT, diamond, natural, polished, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT, pearl, natural, 0, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, diamond, labGrown, polished, true},
		{custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, metal, 0, 0, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY, metal, 0, 0, true},
		{custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY, 0, 0, 0, true},
		{custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY, gem, natural, polished, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT, diamond, natural, polished, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_G7_CERTIFICATE, diamond, natural, polished, true},
		{custodyv1.DocumentKind_DOCUMENT_KIND_G7_CERTIFICATE, metal, 0, 0, false},
		{custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE, metal, 0, 0, true},
		{0, diamond, natural, rough, false},
		{17, diamond, natural, rough, false},
	} {
		if err := CheckDocument(tt.kind, tt.material, tt.nature, tt.stage); (err == nil) != tt.fits {
			t.Errorf("%v on %v %v %v: %v", tt.kind, tt.stage, tt.nature, tt.material, err)
		}
	}
	err := CheckDocument(custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, diamond, natural, polished)
	if want := "a Kimberley certificate is about rough natural diamonds, not about polished natural diamond"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
