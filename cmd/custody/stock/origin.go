package stock

import (
	"errors"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Origin is where the whole of a row came from, as its registrant states it.
type Origin struct {
	Kind      custodyv1.OriginKind
	Countries []string // ascending
}

// separators may stand between countries, beside spaces.
const separators = "/;,"

var errOrigin = errors.New("unknown, recycled, grandfathered, lab-grown, or every possible mining country as ISO 3166-1 codes such as BW or BW/ZA")

// ParseOrigin reads one word, unknown, recycled, grandfathered or lab-grown, or
// the possible mining countries: BW, or BW/ZA where it may be either. Before
// the countries may stand by-product. An error says what is expected.
func ParseOrigin(text string) (*Origin, error) {
	kind, rest := custodyv1.OriginKind_ORIGIN_KIND_MINED, text
	if first, after, _ := strings.Cut(text, " "); len(first) > 2 && !strings.ContainsAny(first, separators) {
		var err error
		if kind, err = words.Parse[custodyv1.OriginKind](first); err != nil {
			return nil, errOrigin
		}
		rest = after
	}
	countries := strings.FieldsFunc(strings.ToUpper(rest), func(r rune) bool { return strings.ContainsRune(separators+" ", r) })
	slices.Sort(countries)
	countries = slices.Compact(countries)
	mined := kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT
	unknown := slices.ContainsFunc(countries, func(code string) bool { return !ledger.IsCountry(code) })
	if unknown || mined != (len(countries) > 0) || len(countries) > ledger.CountriesMax {
		return nil, errOrigin
	}
	return &Origin{Kind: kind, Countries: countries}, nil
}

// Component gives the origin as the one component of an item of that mass.
func (o *Origin) Component(micrograms uint64) *custodyv1.OriginComponent {
	return &custodyv1.OriginComponent{
		Micrograms: micrograms,
		Kind:       o.Kind,
		Countries:  o.Countries,
	}
}
