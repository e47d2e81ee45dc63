package epcis

import (
	"regexp"
	"strings"
)

// epcKeys are the GS1 keys that an EPC URI can hold: how the key is called in a
// Digital Link, how many digits company prefix and reference have together, and
// how the serial number follows.
var epcKeys = map[string]struct {
	key       string
	digits    int
	serial    string // the qualifier that the serial number follows; "+" if it is joined to the key, empty if there is none
	leads     bool   // the reference begins with the indicator or extension digit, which leads the key
	zero      bool   // the key begins with a zero
	unchecked bool   // it has no check digit
}{
	"id:sgtin": {key: "01", digits: 13, serial: "21", leads: true}, "class:lgtin": {key: "01", digits: 13, serial: "10", leads: true},
	"idpat:sgtin": {key: "01", digits: 13, serial: "*", leads: true}, "id:sscc": {key: "00", digits: 17, leads: true},
	"id:sgln": {key: "414", digits: 12, serial: "254"}, "id:pgln": {key: "417", digits: 12},
	"id:gdti": {key: "253", digits: 12, serial: "+"}, "id:grai": {key: "8003", digits: 12, serial: "+", zero: true},
	"id:gsrn": {key: "8018", digits: 17}, "id:gsrnp": {key: "8017", digits: 17}, "id:giai": {key: "8004", unchecked: true},
}

// linkKeys are the keys that a canonical Digital Link keeps, each with the
// qualifiers of which it keeps the finest.
var linkPattern = regexp.MustCompile(`^https?://[^/?#]+(?:/[^?#]*?)?/(00/\d{18}|01/\d{14}(?:/22/[^/?#]+)?(?:/10/[^/?#]+)?(?:/21/[^/?#]+)?|01/\d{14}/235/[^/?#]+|253/\d{13}[^/?#]*|255/\d{13}\d*|401/[^/?#]+|402/\d{17}|414/\d{13}(?:/254/[^/?#]+)?|417/\d{13}|8003/\d{14}[^/?#]*|8004/[^/?#]+|8010/[^/?#]+(?:/8011/[^/?#]+)?|8017/\d{18}|8018/\d{18})(?:[?#].*)?$`)

// canonicalLink gives the constrained canonical GS1 Digital Link of an EPC URI or
// of another Digital Link; false for any other text.
func canonicalLink(text string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "urn:epc:"); ok {
		return linkOfEPC(rest)
	}
	found := linkPattern.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	path := found[1]
	if strings.HasPrefix(path, "01/") { // only the finest qualifier stays
		parts := strings.Split(path, "/")
		if len(parts) > 4 {
			parts = append(parts[:2], parts[len(parts)-2:]...)
		}
		path = strings.Join(parts, "/")
	}
	return "https://id.gs1.org/" + path, true
}

func linkOfEPC(text string) (string, bool) {
	kind, value, ok := cutSecond(text)
	k, known := epcKeys[kind]
	if !ok || !known {
		return "", false
	}
	company, rest, ok := strings.Cut(value, ".")
	if !ok || !allDigits(company) || len(company) < 6 || len(company) > 12 {
		return "", false
	}
	if k.unchecked {
		return "https://id.gs1.org/" + k.key + "/" + company + linkText(rest), rest != ""
	}
	reference, serial, hasSerial := strings.Cut(rest, ".")
	if len(company)+len(reference) != k.digits || reference != "" && !allDigits(reference) || hasSerial != (k.serial != "") {
		return "", false
	}
	digits := company + reference
	if k.leads {
		digits = reference[:1] + company + reference[1:]
	}
	if k.zero {
		digits = "0" + digits
	}
	link := "https://id.gs1.org/" + k.key + "/" + digits + checkDigit(digits)
	switch k.serial {
	case "", "*":
		return link, k.serial == "" || serial == "*"
	case "+":
		return link + linkText(serial), true
	case "254":
		if serial == "0" {
			return link, true
		}
	}
	return link + "/" + k.serial + "/" + linkText(serial), true
}

// cutSecond parts a text at its second colon.
func cutSecond(text string) (before, after string, ok bool) {
	first, rest, ok := strings.Cut(text, ":")
	if !ok {
		return "", "", false
	}
	second, rest, ok := strings.Cut(rest, ":")
	return first + ":" + second, rest, ok
}

// checkDigit is the GS1 check digit: weights 3 and 1 from the right.
func checkDigit(digits string) string {
	sum := 0
	for n := range len(digits) {
		weight := 1
		if (len(digits)-n)%2 == 1 {
			weight = 3
		}
		sum += weight * int(digits[n]-'0')
	}
	return string(rune('0' + (10-sum%10)%10))
}

// linkText writes the signs that a Digital Link escapes and an EPC URI does not.
func linkText(text string) string {
	return strings.NewReplacer("!", "%21", "(", "%28", ")", "%29", "*", "%2A", "+", "%2B", ",", "%2C", ":", "%3A").Replace(text)
}
