// Package measure turns what people write on a stock list, such as 1.01 ct or
// 6.48 mm, into the whole numbers of the ledger and back.
//
// It calculates with decimal digits, never with floating point: a value that
// is not a whole number of the ledger's unit is refused, not rounded.
package measure

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

const (
	// MicrogramsPerCarat is exact: the metric carat is 0.2 g.
	MicrogramsPerCarat = 200_000
	// DigitsMax is the number of digits a written number may have.
	DigitsMax = 18
)

// ErrDecimal is wrapped by every error of a parser of this package. The text
// of such an error says what was expected, fit to stand after "expected".
var ErrDecimal = errors.New("not a number as expected")

// Carats reads carats, such as "1.01", as micrograms.
func Carats(text string) (micrograms uint64, err error) {
	return scaled(text, MicrogramsPerCarat, "carats as a decimal number above 0, such as 1.01, in steps of 0.000005 ct (one microgram)")
}

// Millimetres reads millimetres, such as "6.48", as micrometres.
func Millimetres(text string) (micrometres uint32, err error) {
	const expected = "millimetres as a decimal number above 0 and below 1000, such as 6.48, with at most 3 decimals"
	um, err := scaled(text, 1_000, expected)
	if err == nil && um >= 1_000_000 {
		err = refuse(expected)
	}
	return uint32(um), err
}

// Percent reads percents, such as "61.5", as parts in 10,000.
func Percent(text string) (permyriad uint32, err error) {
	const expected = "percent as a decimal number above 0 and below 1000, such as 61.5, with at most 2 decimals"
	parts, err := scaled(text, 100, expected)
	if err == nil && parts >= 100_000 {
		err = refuse(expected)
	}
	return uint32(parts), err
}

// Amount checks that text is an amount of money, such as "326" or "326.50",
// and gives it unchanged.
func Amount(text string) (string, error) {
	if _, ok := parse(text); !ok {
		return "", refuse("an amount of money as a decimal number, such as 326 or 326.50, without a currency sign")
	}
	return text, nil
}

// FormatCarats writes micrograms as carats, exactly and with at least two
// decimals.
func FormatCarats(micrograms uint64) string {
	whole, rest := micrograms/MicrogramsPerCarat, micrograms%MicrogramsPerCarat
	fraction := fmt.Sprintf("%06d", rest*5)
	for len(fraction) > 2 && strings.HasSuffix(fraction, "0") {
		fraction = fraction[:len(fraction)-1]
	}
	return strconv.FormatUint(whole, 10) + "." + fraction
}

// FormatMillimetres writes micrometres as millimetres with at least two decimals.
func FormatMillimetres(micrometres uint32) string {
	text := fmt.Sprintf("%d.%03d", micrometres/1_000, micrometres%1_000)
	return strings.TrimSuffix(text, "0")
}

// FormatPercent writes parts in 10,000 as percents with at least one decimal.
func FormatPercent(permyriad uint32) string {
	text := fmt.Sprintf("%d.%02d", permyriad/100, permyriad%100)
	return strings.TrimSuffix(text, "0")
}

// decimal is coefficient / 10^places.
type decimal struct {
	coefficient uint64
	places      int
}

// parse reads digits, optionally a point and more digits: no sign, exponent,
// comma, space or digit of another script.
func parse(text string) (decimal, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	if whole == "" || point && fraction == "" || len(whole)+len(fraction) > DigitsMax {
		return decimal{}, false
	}
	digits := whole + fraction
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return decimal{}, false
		}
	}
	coefficient, err := strconv.ParseUint(digits, 10, 64)
	return decimal{coefficient, len(fraction)}, err == nil
}

// times gives the product with a whole number; ok only if it is a whole number
// that fits.
func (d decimal) times(factor uint64) (product uint64, ok bool) {
	divisor := uint64(1)
	for range d.places {
		divisor *= 10
	}
	high, low := bits.Mul64(d.coefficient, factor)
	if high >= divisor {
		return 0, false
	}
	product, rest := bits.Div64(high, low, divisor)
	return product, rest == 0
}

func scaled(text string, factor uint64, expected string) (uint64, error) {
	d, ok := parse(text)
	if !ok {
		return 0, refuse(expected)
	}
	value, ok := d.times(factor)
	if !ok || value == 0 {
		return 0, refuse(expected)
	}
	return value, nil
}

type refusal string

func refuse(expected string) error     { return refusal(expected) }
func (r refusal) Error() string        { return string(r) }
func (r refusal) Is(target error) bool { return target == ErrDecimal }
