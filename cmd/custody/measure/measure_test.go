package measure

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestCarats(t *testing.T) {
	for _, c := range []struct {
		text       string
		micrograms uint64 // 0: refused
	}{
		{"0.23", 46_000},
		{"1", 200_000},
		{"1.01", 202_000},
		{"0.000005", 1},
		{"0.0000050", 1},
		{"45000000000", 9_000_000_000_000_000},
		{"000000000000000001", 200_000},
		{"0.000001", 0}, // a fifth of a microgram
		{"0.000006", 0},
		{"0", 0},
		{"0.00", 0},
		{"", 0},
		{".5", 0},
		{"1.", 0},
		{"-1", 0},
		{"+1", 0},
		{"1e3", 0},
		{"1,01", 0},
		{" 1", 0},
		{"1 ct", 0},
		{"NaN", 0},
		{"0x10", 0},
		{"1_0", 0},
		{"1.0.0", 0},
		{"١", 0},
		{"0000000000000000001", 0}, // 19 digits
		{"999999999999999999", 0},  // does not fit
	} {
		got, err := Carats(c.text)
		if got != c.micrograms || (err == nil) != (c.micrograms > 0) {
			t.Errorf("Carats(%q) = %d, %v; want %d", c.text, got, err, c.micrograms)
		}
		if err != nil && !errors.Is(err, ErrDecimal) {
			t.Errorf("Carats(%q): error %v is not ErrDecimal", c.text, err)
		}
	}
}

func TestMillimetresAndPercentStopAtTheirLimits(t *testing.T) {
	for text, want := range map[string]uint32{"3.95": 3950, "0.001": 1, "999.999": 999_999, "1000": 0, "0": 0, "0.0001": 0, "4294967.296": 0} {
		if got, err := Millimetres(text); (err == nil) != (want > 0) || err == nil && got != want {
			t.Errorf("Millimetres(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]uint32{"61.5": 6150, "55": 5500, "0.01": 1, "999.99": 99_999, "1000": 0, "61.555": 0} {
		if got, err := Percent(text); (err == nil) != (want > 0) || err == nil && got != want {
			t.Errorf("Percent(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestAmount(t *testing.T) {
	for text, ok := range map[string]bool{"326": true, "0": true, "18823.50": true, "$326": false, "1,000": false, "": false} {
		if _, err := Amount(text); (err == nil) != ok {
			t.Errorf("Amount(%q): %v", text, err)
		}
	}
}

// What is written can be read back, and reading agrees with arbitrary
// precision arithmetic.
func TestAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micrograms := rapid.Uint64Range(1, 9_000_000_000_000_000).Draw(t, "micrograms")
		if got, err := Carats(FormatCarats(micrograms)); err != nil || got != micrograms {
			t.Fatalf("%d µg print as %s and read as %d, %v", micrograms, FormatCarats(micrograms), got, err)
		}
		um := rapid.Uint32Range(1, 999_999).Draw(t, "micrometres")
		if got, err := Millimetres(FormatMillimetres(um)); err != nil || got != um {
			t.Fatalf("%d µm print as %s and read as %d, %v", um, FormatMillimetres(um), got, err)
		}
		parts := rapid.Uint32Range(1, 99_999).Draw(t, "permyriad")
		if got, err := Percent(FormatPercent(parts)); err != nil || got != parts {
			t.Fatalf("%d print as %s and read as %d, %v", parts, FormatPercent(parts), got, err)
		}

		text := rapid.StringMatching(`[0-9]{1,12}(\.[0-9]{1,8})?`).Draw(t, "text")
		exact, _ := new(big.Rat).SetString(text)
		exact.Mul(exact, big.NewRat(MicrogramsPerCarat, 1))
		want := exact.Num()
		fits := exact.IsInt() && want.IsUint64() && want.Sign() > 0
		got, err := Carats(text)
		if (err == nil) != fits || fits && got != want.Uint64() {
			t.Fatalf("Carats(%q) = %d, %v; want %s", text, got, err, exact)
		}
	})
}
