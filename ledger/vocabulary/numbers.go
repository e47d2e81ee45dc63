package vocabulary

import (
	"errors"
	"fmt"
	"strings"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	numberBytesMax = 32
	serialBytesMax = 20 // GS1 application identifier 21
	huidBytes      = 6
	gtinDigits     = 14
	glnDigits      = 13

	// IssuerHUID issues India's hallmarking numbers: the Bureau of Indian Standards.
	IssuerHUID = "BIS"

	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numerals = "0123456789"
)

// CheckOutsideID refuses a number that cannot be one of its kind. Issuer and number
// are capital letters and digits; who issued it is a code such as GIA, except that
// - a HUID has six characters and the issuer BIS;
// - an SGTIN has a GTIN-14 as the issuer and a serial of at most 20 characters.
func CheckOutsideID(kind custodyv1.OutsideIdKind, issuer, number string) error {
	if err := checkCode("issuer", issuer); err != nil {
		return err
	}
	if err := checkCode("number", number); err != nil {
		return err
	}
	switch kind {
	case custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT,
		custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION,
		custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL:
		return nil
	case custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_HUID:
		if issuer != IssuerHUID {
			return fmt.Errorf("issuer %s: HUIDs are issued by %s", issuer, IssuerHUID)
		}
		if len(number) != huidBytes {
			return fmt.Errorf("number %s: a HUID has %d characters, not %d", number, huidBytes, len(number))
		}
		return nil
	case custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_SGTIN:
		if err := CheckGTIN(issuer); err != nil {
			return fmt.Errorf("issuer %s: %w", issuer, err)
		}
		if len(number) > serialBytesMax {
			return fmt.Errorf("number %s: a serial has at most %d characters, not %d", number, serialBytesMax, len(number))
		}
		return nil
	}
	return fmt.Errorf("kind %d: no such kind of number", kind)
}

func checkCode(field, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%s: missing", field)
	case len(s) > numberBytesMax:
		return fmt.Errorf("%s: %d characters, at most %d", field, len(s), numberBytesMax)
	case strings.Trim(s, capitals+numerals) != "":
		return fmt.Errorf("%s %q: capital letters and digits only, without spaces and hyphens", field, s)
	}
	return nil
}

// CheckGTIN refuses what is not a GTIN-14: 14 digits, the last of which checks the
// others. A shorter GTIN is filled up with zeroes in front.
func CheckGTIN(gtin string) error { return checkGS1("GTIN-14", gtin, gtinDigits) }

// CheckGLN refuses what is not a GLN, the GS1 number of a party or place: 13 digits, the
// last of which checks the others.
func CheckGLN(gln string) error { return checkGS1("GLN", gln, glnDigits) }

func checkGS1(what, s string, digits int) error {
	if len(s) != digits || strings.Trim(s, numerals) != "" {
		return fmt.Errorf("%q is no %s: expected %d digits", s, what, digits)
	}
	if strings.Trim(s, "0") == "" {
		return fmt.Errorf("%q is no %s: nothing but zeroes", s, what)
	}
	want, err := GS1CheckDigit(s[:digits-1])
	if err != nil {
		return err
	}
	if s[digits-1] != want {
		return fmt.Errorf("%q is no %s: the check digit should be %c; look for a mistyped digit", s, what, want)
	}
	return nil
}

// GS1CheckDigit gives the digit that follows the others of a GTIN, GLN or SSCC: weights
// 3 and 1 in turn from the right, and what is missing to the next ten.
func GS1CheckDigit(digits string) (byte, error) {
	if digits == "" || strings.Trim(digits, numerals) != "" {
		return 0, errors.New("a check digit is of digits")
	}
	sum := 0
	for i := range digits {
		weight := 1
		if (len(digits)-i)%2 == 1 {
			weight = 3
		}
		sum += weight * int(digits[i]-'0')
	}
	return byte('0' + (10-sum%10)%10), nil
}
