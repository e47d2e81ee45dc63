package epcis

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Namespace is what the prefix custody of extension fields stands for. It ends
// with a slash, as readers of extensions inside standard fields expect.
const Namespace = "urn:custody-ledger:epcis/"

const (
	prefix = "custody:"
	scheme = "urn:custody-ledger:"

	// contextURL is where EPCIS 2.0 publishes its JSON-LD context.
	contextURL = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
)

func ledgerURI(id ledger.LedgerID) string { return scheme + "ledger:" + id.String() }
func itemURI(id ledger.ItemID) string     { return scheme + "item:" + id.String() }
func partyURI(id ledger.PartyID) string   { return scheme + "party:" + id.String() }
func eventURI(id ledger.EventID) string   { return scheme + "event:" + id.String() }
func countryURI(code string) string       { return scheme + "country:" + code }
func hashURI(sum []byte) string           { return hexURI("sha-256", sum) }

func hexURI(kind string, b []byte) string { return scheme + kind + ":" + hex.EncodeToString(b) }

// holderURI names a party, or whoever is outside the ledger by the entry that
// released the goods to them: nothing else is known of them.
func holderURI(h rules.Holder) string {
	if h.Outside == nil {
		return partyURI(h.Party)
	}
	return scheme + "outside:" + strconv.FormatUint(h.Outside.Since, 10)
}

func modeURI(mode custodyv1.Mode) string {
	return scheme + "btt:" + strings.ReplaceAll(strings.ToLower(enumText(mode)), "_", "-")
}

func outsideIDURI(id *custodyv1.OutsideId) string {
	return scheme + "outside-id:" + enumText(id.Kind) + ":" + escape(id.Issuer) + ":" + escape(id.Number)
}

// digitalLink gives the GS1 Digital Link of an SGTIN; empty for other numbers. The
// older urn:epc:id:sgtin cannot be made: it needs the length of the company prefix,
// which a GTIN does not tell.
func digitalLink(id *custodyv1.OutsideId) string {
	if id.Kind != custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_SGTIN {
		return ""
	}
	return "https://id.gs1.org/01/" + escape(id.Issuer) + "/21/" + escape(id.Number)
}

// paperURI names a paper by what is printed on it.
func paperURI(a *custodyv1.Attest, attestor ledger.PartyID, event ledger.EventID) string {
	issuer := escape(a.Issuer)
	if a.Own {
		issuer = attestor.String()
	}
	number := escape(a.Number)
	if number == "" {
		number = event.String() // a paper without a number is known by who attested it
	}
	return scheme + "paper:" + enumText(a.Kind) + ":" + a.Country + ":" + issuer + ":" + number
}

// escape writes text so that it may stand in a URN: all but letters, digits and a
// few signs as percent codes of its UTF-8 bytes (RFC 3986).
func escape(text string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}
