package vocabulary

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// rational is Micrograms once more, with rational numbers and factors in grams as the
// trade writes them. nil if it is to be refused.
func rational(declared string, unit custodyv1.Unit) *big.Int {
	grams := map[custodyv1.Unit]string{
		custodyv1.Unit_UNIT_CARAT: "0.2", custodyv1.Unit_UNIT_GRAM: "1", custodyv1.Unit_UNIT_KILOGRAM: "1000",
		custodyv1.Unit_UNIT_MILLIGRAM: "0.001", custodyv1.Unit_UNIT_TROY_OUNCE: "31.1034768",
		custodyv1.Unit_UNIT_PENNYWEIGHT: "1.55517384", custodyv1.Unit_UNIT_PEARL_GRAIN: "0.05",
		custodyv1.Unit_UNIT_MOMME: "3.75", custodyv1.Unit_UNIT_TOLA: "11.6638038",
	}
	factor, ok := new(big.Rat).SetString(grams[unit])
	if !ok || len(declared) > 24 || !regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`).MatchString(declared) {
		return nil
	}
	r, _ := new(big.Rat).SetString(declared)
	r.Mul(r, factor).Mul(r, big.NewRat(1_000_000, 1))
	n := evenly(r)
	if n.Sign() == 0 || n.Cmp(big.NewInt(ledger.MassMicrogramsMax)) > 0 {
		return nil
	}
	return n
}

// evenly rounds halves to even.
func evenly(r *big.Rat) *big.Int {
	twice := new(big.Int).Mul(r.Num(), big.NewInt(2))
	n, rest := new(big.Int).QuoRem(twice.Add(twice, r.Denom()), new(big.Int).Mul(r.Denom(), big.NewInt(2)), new(big.Int))
	if rest.Sign() == 0 && n.Bit(0) == 1 {
		n.Sub(n, big.NewInt(1))
	}
	return n
}

func same(t rapid.TB, declared string, unit custodyv1.Unit) {
	t.Helper()
	got, err := Micrograms(declared, unit)
	want := rational(declared, unit)
	switch {
	case want == nil && err == nil:
		t.Fatalf("%q %v is %d, want a refusal", declared, unit, got)
	case want != nil && (err != nil || got != want.Uint64()):
		t.Fatalf("%q %v is %d (%v), want %s", declared, unit, got, err, want)
	case err != nil && got != 0:
		t.Fatalf("%q %v: %d beside an error", declared, unit, got)
	}
}

func TestMicrograms(t *testing.T) {
	for _, tt := range []struct {
		declared string
		unit     custodyv1.Unit
		want     uint64 // 0: refused
	}{
		{"1.07", custodyv1.Unit_UNIT_CARAT, 214_000},
		{"1.00", custodyv1.Unit_UNIT_CARAT, 200_000},
		{"0.30", custodyv1.Unit_UNIT_CARAT, 60_000}, // 0.1 + 0.2, without a drift
		{"1", custodyv1.Unit_UNIT_GRAM, 1_000_000},
		{"1", custodyv1.Unit_UNIT_KILOGRAM, 1_000_000_000},
		{"0.001", custodyv1.Unit_UNIT_MILLIGRAM, 1},
		{"1", custodyv1.Unit_UNIT_TROY_OUNCE, 31_103_477}, // 31,103,476.8
		{"400", custodyv1.Unit_UNIT_TROY_OUNCE, 12_441_390_720},
		{"1", custodyv1.Unit_UNIT_PENNYWEIGHT, 1_555_174}, // 1,555,173.84
		{"25", custodyv1.Unit_UNIT_PENNYWEIGHT, 38_879_346},
		{"4", custodyv1.Unit_UNIT_PEARL_GRAIN, 200_000}, // a four-grainer is a carat
		{"1", custodyv1.Unit_UNIT_MOMME, 3_750_000},
		{"1", custodyv1.Unit_UNIT_TOLA, 11_663_804}, // 11,663,803.8
		{"0.0000005", custodyv1.Unit_UNIT_GRAM, 0},  // a half, to the even zero
		{"0.0000015", custodyv1.Unit_UNIT_GRAM, 2},
		{"0.0000025", custodyv1.Unit_UNIT_GRAM, 2},
		{"0.0000025000000000000001", custodyv1.Unit_UNIT_GRAM, 3}, // more than a half
		{"0.0000024999999999999999", custodyv1.Unit_UNIT_GRAM, 2},
		{"0.0000005000000000000001", custodyv1.Unit_UNIT_GRAM, 1},
		{"9000000", custodyv1.Unit_UNIT_KILOGRAM, ledger.MassMicrogramsMax},
		{"9000000.0000000004", custodyv1.Unit_UNIT_KILOGRAM, ledger.MassMicrogramsMax}, // rounds down to it
		{"9000000.000000001", custodyv1.Unit_UNIT_KILOGRAM, 0},
		{"9000000000000", custodyv1.Unit_UNIT_MILLIGRAM, ledger.MassMicrogramsMax},
		{"18446744073709551616", custodyv1.Unit_UNIT_KILOGRAM, 0},
		{"999999999999999999999999", custodyv1.Unit_UNIT_KILOGRAM, 0},
		{"1.0000000000000000000000", custodyv1.Unit_UNIT_GRAM, 1_000_000}, // 24 characters
		{"1.00000000000000000000000", custodyv1.Unit_UNIT_GRAM, 0},        // 25
		{"0", custodyv1.Unit_UNIT_GRAM, 0},
		{"0.00", custodyv1.Unit_UNIT_GRAM, 0},
		{"", custodyv1.Unit_UNIT_GRAM, 0},
		{".", custodyv1.Unit_UNIT_GRAM, 0},
		{".5", custodyv1.Unit_UNIT_GRAM, 0},
		{"5.", custodyv1.Unit_UNIT_GRAM, 0},
		{"1.0.0", custodyv1.Unit_UNIT_GRAM, 0},
		{"00.5", custodyv1.Unit_UNIT_GRAM, 0},
		{"01", custodyv1.Unit_UNIT_GRAM, 0},
		{"-1", custodyv1.Unit_UNIT_GRAM, 0},
		{"+1", custodyv1.Unit_UNIT_GRAM, 0},
		{"1e3", custodyv1.Unit_UNIT_GRAM, 0},
		{"1e400", custodyv1.Unit_UNIT_GRAM, 0},
		{"NaN", custodyv1.Unit_UNIT_GRAM, 0},
		{"1,07", custodyv1.Unit_UNIT_GRAM, 0},
		{" 1", custodyv1.Unit_UNIT_GRAM, 0},
		{"1 ct", custodyv1.Unit_UNIT_CARAT, 0},
		{"١", custodyv1.Unit_UNIT_GRAM, 0},
		{"1", custodyv1.Unit_UNIT_UNSPECIFIED, 0},
		{"1", custodyv1.Unit(10), 0},
	} {
		got, err := Micrograms(tt.declared, tt.unit)
		if got != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%q %v: %d (%v), want %d", tt.declared, tt.unit, got, err, tt.want)
		}
		same(t, tt.declared, tt.unit)
	}
}

func TestMicrogramsAgainstRationals(t *testing.T) {
	numbers := rapid.OneOf(
		rapid.StringMatching(`[1-9][0-9]{0,5}\.[0-9]{1,9}`),
		rapid.StringMatching(`0\.0{0,6}[0-9]{1,15}`),
		rapid.StringMatching(`[0-9]{0,13}\.?[0-9]{0,13}`),
		rapid.StringMatching(`[0-9]{0,8}\.[0-9]{0,6}50{0,8}1?`), // around halves
	)
	rapid.Check(t, func(t *rapid.T) {
		same(t, numbers.Draw(t, "declared"), rapid.SampledFrom(units).Draw(t, "unit").unit)
	})
}

func masses() *rapid.Generator[uint64] {
	return rapid.OneOf(
		rapid.Uint64Range(1, 1000),
		rapid.Uint64Range(1, 1_000_000_000_000),
		rapid.Uint64Range(ledger.MassMicrogramsMax-1000, ledger.MassMicrogramsMax),
		rapid.Uint64Range(1, ledger.MassMicrogramsMax),
	)
}

// What Decimal writes is read back as the same mass, and nothing shorter is.
func TestDecimalIsTheShortestThatReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micrograms, row := masses().Draw(t, "micrograms"), rapid.SampledFrom(units).Draw(t, "unit")
		written := Decimal(micrograms, row.unit)
		back, err := Micrograms(written, row.unit)
		if err != nil || back != micrograms {
			t.Fatalf("%d µg is written %s %s and read as %d (%v)", micrograms, written, row.word, back, err)
		}
		whole, fraction, point := strings.Cut(written, ".")
		if !point {
			return
		}
		shorter := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(int64(micrograms)), big.NewInt(factorScale)), big.NewInt(int64(row.factor)))
		places := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction)-1)), nil)
		near := new(big.Rat).SetFrac(evenly(shorter.Mul(shorter, new(big.Rat).SetInt(places))), places).FloatString(len(fraction) - 1)
		if n := rational(near, row.unit); n != nil && n.Uint64() == micrograms {
			t.Fatalf("%d µg is written %s.%s, but %s would do", micrograms, whole, fraction, near)
		}
	})
}

func TestRoundedAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micrograms, row := masses().Draw(t, "micrograms"), rapid.SampledFrom(units).Draw(t, "unit")
		places := rapid.IntRange(0, 6).Draw(t, "places")
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(int64(micrograms)), big.NewInt(factorScale)), big.NewInt(int64(row.factor)))
		n := evenly(exact.Mul(exact, new(big.Rat).SetInt(scale)))
		want := new(big.Rat).SetFrac(n, scale).FloatString(places) + " " + row.word
		if got := Rounded(micrograms, row.unit, places); got != want {
			t.Fatalf("%d µg is %q, want %q", micrograms, got, want)
		}
	})
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		micrograms uint64
		unit       custodyv1.Unit
		want       string
	}{
		{214_000, custodyv1.Unit_UNIT_CARAT, "1.07 ct"},
		{1, custodyv1.Unit_UNIT_CARAT, "0.000005 ct"},
		{31_103_477, custodyv1.Unit_UNIT_TROY_OUNCE, "1 ozt"},
		{ledger.MassMicrogramsMax, custodyv1.Unit_UNIT_CARAT, "45000000000 ct"},
		{ledger.MassMicrogramsMax, custodyv1.Unit_UNIT_MILLIGRAM, "9000000000000 mg"},
		{5, custodyv1.Unit_UNIT_UNSPECIFIED, "5 µg"},
		{0, custodyv1.Unit_UNIT_CARAT, "0 µg"},
		{ledger.MassMicrogramsMax + 1, custodyv1.Unit_UNIT_CARAT, "9000000000000001 µg"},
	} {
		if got := Format(tt.micrograms, tt.unit); got != tt.want {
			t.Errorf("%d µg in %v: %q, want %q", tt.micrograms, tt.unit, got, tt.want)
		}
	}
	for want, got := range map[string]string{
		"1.07 ct": Rounded(214_000, custodyv1.Unit_UNIT_CARAT, 2),
		"0.00 ct": Rounded(0, custodyv1.Unit_UNIT_CARAT, 2),
		"1 ct":    Rounded(214_000, custodyv1.Unit_UNIT_CARAT, -3),
		"7 µg":    Rounded(7, custodyv1.Unit_UNIT_UNSPECIFIED, 2),
		fmt.Sprintf("%d.000000000 mg", 9_000_000_000): Rounded(9_000_000_000_000, custodyv1.Unit_UNIT_MILLIGRAM, 12),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCheckUnit(t *testing.T) {
	for _, unit := range values[custodyv1.Unit]() {
		for _, material := range append(values[custodyv1.Material](), 0) {
			refused := material == metal && (unit == custodyv1.Unit_UNIT_CARAT || unit == custodyv1.Unit_UNIT_PEARL_GRAIN)
			if err := CheckUnit(unit, material); (err != nil) != refused {
				t.Errorf("%v of %v: %v", unit, material, err)
			}
		}
	}
}

func FuzzMicrograms(f *testing.F) {
	for _, s := range []string{"1.07", "0", "00", "1e9", ".", "0.0000025000000000000001", "9000000.000000001", "999999999999999999999999"} {
		f.Add(s, int32(1))
		f.Add(s, int32(6))
	}
	f.Fuzz(func(t *testing.T, declared string, unit int32) {
		same(t, declared, custodyv1.Unit(unit))
	})
}
