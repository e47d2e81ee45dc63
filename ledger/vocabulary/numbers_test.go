package vocabulary

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	report      = custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT
	inscription = custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION
	bar         = custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL
	huid        = custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_HUID
	sgtin       = custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_SGTIN
)

func TestCheckOutsideID(t *testing.T) {
	long := strings.Repeat("A", 32)
	for _, tt := range []struct {
		kind           custodyv1.OutsideIdKind
		issuer, number string
		stands         bool
	}{
		{report, "GIA", "2141438171", true},
		{report, "G", "1", true},
		{report, long, long, true},
		{report, long + "A", "1", false},
		{report, "GIA", long + "A", false},
		{report, "", "1", false},
		{report, "GIA", "", false},
		{report, "GIA", "12 34", false},
		{report, "GIA", "12-34", false},
		{report, "Gia", "1234", false},
		{report, "GIA", "12３4", false},
		{inscription, "GIA", "2141438171", true},
		{bar, "ARGOR", "AB123456", true},
		{huid, "BIS", "AB12CD", true},
		{huid, "BIS", "AB12C", false},
		{huid, "BIS", "AB12CDE", false},
		{huid, "BIS", "ab12cd", false},
		{huid, "GIA", "AB12CD", false},
		{sgtin, "04006381333931", "1", true},
		{sgtin, "04006381333931", strings.Repeat("9", 20), true},
		{sgtin, "04006381333931", strings.Repeat("9", 21), false},
		{sgtin, "04006381333931", "", false},
		{sgtin, "04006381333932", "1", false},
		{sgtin, "4006381333931", "1", false}, // a GTIN-13
		{sgtin, "00000000000000", "1", false},
		{0, "GIA", "1", false},
		{6, "GIA", "1", false},
	} {
		if err := CheckOutsideID(tt.kind, tt.issuer, tt.number); (err == nil) != tt.stands {
			t.Errorf("%v %q %q: %v", tt.kind, tt.issuer, tt.number, err)
		}
	}
	for _, kind := range values[custodyv1.OutsideIdKind]() {
		if CheckOutsideID(kind, "BIS", "AB12CD") != nil && CheckOutsideID(kind, "04006381333931", "AB12CD") != nil {
			t.Errorf("%v: nothing is a number of this kind", kind)
		}
	}
}

func TestGS1CheckDigit(t *testing.T) {
	for digits, want := range map[string]byte{
		"400638133393":  '1', // EAN-13 of a well-known pen
		"0400638133393": '1', // zeroes in front change nothing
		"629104150021":  '3', // the example in GS1's description of the sum
		"000000000000":  '0',
		"1":             '7',
	} {
		if got, err := GS1CheckDigit(digits); err != nil || got != want {
			t.Errorf("%s: %c (%v), want %c", digits, got, err, want)
		}
	}
	for _, bad := range []string{"", "12a", "-1", "１"} {
		if _, err := GS1CheckDigit(bad); err == nil {
			t.Errorf("%q has a check digit", bad)
		}
	}
	if err := CheckGLN("6291041500213"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "6291041500214", "629104150021", "62910415002133", "0000000000000", "629104150021X"} {
		if CheckGLN(bad) == nil {
			t.Errorf("%q is a GLN", bad)
		}
	}
}

// One wrong digit is always found.
func TestGS1CheckDigitFindsAWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[1-9][0-9]{12}`).Draw(t, "digits")
		check, err := GS1CheckDigit(body)
		if err != nil {
			t.Fatal(err)
		}
		gtin := []byte(body + string(check))
		if err := CheckGTIN(string(gtin)); err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(gtin)-1).Draw(t, "at")
		gtin[at] = '0' + (gtin[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if CheckGTIN(string(gtin)) == nil {
			t.Fatalf("%s stands", gtin)
		}
	})
}
