package vocabulary

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// unitRow is a unit of mass. The factor is exact in hundredths of a microgram,
// which the pennyweight needs.
type unitRow struct {
	unit   custodyv1.Unit
	factor uint64 // 1/100 microgram
	word   string // how the trade writes it behind a number
	code   string // UN/ECE Recommendation 20, if it has the unit
}

// The factors stand here and are not read from tables that circulate: one of them
// has the troy ounce ten times too small. Recommendation 20 has a grain, GRN, but
// that is the grain of 64.8 mg and not the one for pearls.
var units = []unitRow{
	{custodyv1.Unit_UNIT_CARAT, 20_000_000, "ct", "CTM"},
	{custodyv1.Unit_UNIT_GRAM, 100_000_000, "g", "GRM"},
	{custodyv1.Unit_UNIT_KILOGRAM, 100_000_000_000, "kg", "KGM"},
	{custodyv1.Unit_UNIT_MILLIGRAM, 100_000, "mg", "MGM"},
	{custodyv1.Unit_UNIT_TROY_OUNCE, 3_110_347_680, "ozt", "APZ"},
	{custodyv1.Unit_UNIT_PENNYWEIGHT, 155_517_384, "dwt", "DWT"},
	{custodyv1.Unit_UNIT_PEARL_GRAIN, 5_000_000, "gr", ""},
	{custodyv1.Unit_UNIT_MOMME, 375_000_000, "momme", ""},
	{custodyv1.Unit_UNIT_TOLA, 1_166_380_380, "tola", ""},
}

const (
	factorScale = 100 // factors are in 1/100 microgram
	placesMax   = 17  // 10^17 × factorScale fits 64 bits
)

func unitOf(unit custodyv1.Unit) (unitRow, bool) {
	for _, row := range units {
		if row.unit == unit {
			return row, true
		}
	}
	return unitRow{}, false
}

// Micrograms gives the mass that a decimal number of a unit is, halves rounded to
// even. The number is digits with at most one point between two of them, no sign,
// no exponent, no leading zero but the one before a point, at most
// ledger.DeclaredBytesMax bytes; trailing zeroes are permitted, 1.00 ct is what the
// scale shows. The mass must be 1 to ledger.MassMicrogramsMax.
func Micrograms(declared string, unit custodyv1.Unit) (uint64, error) {
	row, ok := unitOf(unit)
	if !ok {
		return 0, fmt.Errorf("unit %d: not a unit of mass of this ledger", unit)
	}
	digits, places, err := decimal(declared)
	if err != nil {
		return 0, fmt.Errorf("mass %q: %w", declared, err)
	}
	micrograms, ok := scaled(digits, places, row.factor)
	switch {
	case !ok || micrograms > ledger.MassMicrogramsMax:
		return 0, fmt.Errorf("mass %s %s: more than %d micrograms, the most that one item can weigh", declared, row.word, uint64(ledger.MassMicrogramsMax))
	case micrograms == 0:
		return 0, fmt.Errorf("mass %s %s: less than one microgram", declared, row.word)
	}
	return micrograms, nil
}

// wide is an integer below 2^128.
type wide struct{ high, low uint64 }

func product(a, b uint64) wide {
	high, low := bits.Mul64(a, b)
	return wide{high, low}
}

// times is w × by; the caller knows that it stays below 2^128.
func (w wide) times(by uint64) wide {
	p := product(w.low, by)
	return wide{p.high + w.high*by, p.low}
}

func (w wide) plus(n uint64) wide {
	low, carry := bits.Add64(w.low, n, 0)
	return wide{w.high + carry, low}
}

func (w wide) over(by uint64) (quotient wide, rest uint64) {
	quotient.high, rest = w.high/by, w.high%by
	quotient.low, rest = bits.Div64(rest, w.low, by)
	return quotient, rest
}

// rounded is w / by, halves to even; by is even. exact tells that w is no less than
// what is to be divided: if it was cut off before, a half is more than a half. Not ok
// if the result is 2^64 or more.
func (w wide) rounded(by uint64, exact bool) (n uint64, ok bool) {
	quotient, rest := w.over(by)
	if rest > by/2 || rest == by/2 && (!exact || quotient.low&1 == 1) {
		quotient = quotient.plus(1)
	}
	return quotient.low, quotient.high == 0
}

// decimal splits a canonical decimal number into its digits, as an integer below
// 10^ledger.DeclaredBytesMax, and how many of them stand behind the point.
func decimal(s string) (digits wide, places int, err error) {
	if len(s) > ledger.DeclaredBytesMax {
		return wide{}, 0, fmt.Errorf("%d characters, at most %d are read", len(s), ledger.DeclaredBytesMax)
	}
	whole, fraction, point := strings.Cut(s, ".")
	switch {
	case whole == "" || point && fraction == "":
		return wide{}, 0, errors.New("expected a number such as 1.07, with digits on both sides of the point")
	case strings.Trim(whole+fraction, "0123456789") != "":
		return wide{}, 0, errors.New("expected digits and at most one point, such as 1.07")
	case len(whole) > 1 && whole[0] == '0':
		return wide{}, 0, errors.New("a zero at the beginning that says nothing; leave it out")
	}
	for _, c := range []byte(whole + fraction) {
		digits = digits.times(10).plus(uint64(c - '0'))
	}
	return digits, len(fraction), nil
}

// scaled gives digits × factor / (10^places × factorScale), halves to even; not ok if
// that is 2^64 or more. 10^24 × the largest factor is below 2^128.
func scaled(digits wide, places int, factor uint64) (micrograms uint64, ok bool) {
	w, exact := digits.times(factor), true
	for ; places > placesMax; places-- { // so that the divisor fits 64 bits
		quotient, rest := w.over(10)
		w, exact = quotient, exact && rest == 0
	}
	return w.rounded(factorScale*power(places), exact)
}

// inUnits gives micrograms × 10^places × factorScale / factor, halves to even; not ok
// if that is 2^64 or more.
func inUnits(micrograms uint64, places int, factor uint64) (digits uint64, ok bool) {
	return product(micrograms, factorScale*power(places)).rounded(factor, true)
}

// power is 10^n, for n up to placesMax.
func power(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// Decimal gives the shortest decimal number of a unit that Micrograms reads back as
// the same mass; "" for a mass or unit that it refuses.
func Decimal(micrograms uint64, unit custodyv1.Unit) string {
	if micrograms == 0 || micrograms > ledger.MassMicrogramsMax {
		return ""
	}
	row, ok := unitOf(unit)
	if !ok {
		return ""
	}
	for places := 0; places <= placesMax; places++ {
		digits, ok := inUnits(micrograms, places, row.factor)
		if !ok {
			return ""
		}
		if back, ok := scaled(wide{low: digits}, places, row.factor); ok && back == micrograms {
			return point(digits, places)
		}
	}
	return ""
}

// Format is Decimal with the unit behind it, such as 1.07 ct: exact, and what people
// read.
func Format(micrograms uint64, unit custodyv1.Unit) string {
	number := Decimal(micrograms, unit)
	if number == "" {
		return fmt.Sprintf("%d µg", micrograms)
	}
	return number + " " + UnitWord(unit)
}

// Rounded gives a mass in a unit with so many digits behind the point (at most 9),
// halves to even: for columns, where Format would be too long. It cannot be read
// back.
func Rounded(micrograms uint64, unit custodyv1.Unit, places int) string {
	row, ok := unitOf(unit)
	if !ok {
		return fmt.Sprintf("%d µg", micrograms)
	}
	places = min(max(places, 0), 9)
	digits, ok := inUnits(micrograms, places, row.factor)
	if !ok {
		return fmt.Sprintf("%d µg", micrograms)
	}
	return point(digits, places) + " " + row.word
}

func point(digits uint64, places int) string {
	s := fmt.Sprintf("%0*d", places+1, digits)
	if places == 0 {
		return s
	}
	return s[:len(s)-places] + "." + s[len(s)-places:]
}

// ParseUnit gives the unit that a word means, as UnitWord writes it.
//
// "gr" is the grain of pearls. Some write it for gram: callers who know the goods ask
// CheckUnit as well.
func ParseUnit(word string) (custodyv1.Unit, error) {
	for _, row := range units {
		if row.word == word {
			return row.unit, nil
		}
	}
	words := make([]string, len(units))
	for i, row := range units {
		words[i] = row.word
	}
	return 0, fmt.Errorf("unit %q: expected one of %s", word, strings.Join(words, ", "))
}

// UnitWord is how the trade writes a unit behind a number, such as ct; "" if there is
// no such unit.
func UnitWord(unit custodyv1.Unit) string {
	row, _ := unitOf(unit)
	return row.word
}

// UnitCode is the code of UN/ECE Recommendation 20, such as CTM; "" where it has none
// for the unit. Such a mass is best written in grams.
func UnitCode(unit custodyv1.Unit) string {
	row, _ := unitOf(unit)
	return row.code
}

// CheckUnit refuses a unit that the trade never weighs a material in, because it was
// then mistaken for another: carats of metal (which mean fineness) and grains of metal
// (which mean grams). A piece has no material of its own and may be weighed in any.
func CheckUnit(unit custodyv1.Unit, material custodyv1.Material) error {
	if material != custodyv1.Material_MATERIAL_METAL {
		return nil
	}
	switch unit {
	case custodyv1.Unit_UNIT_CARAT:
		return errors.New("metal is not weighed in carats; give grams or troy ounces, and the fineness apart")
	case custodyv1.Unit_UNIT_PEARL_GRAIN:
		return errors.New("metal is not weighed in pearl grains of 0.05 g; grams are written g")
	}
	return nil
}
