package rules

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Origins are parted and joined in whole micrograms, and nothing is lost on the way:
// what is parted adds up again.

// share parts a total by weights in exact proportion: to each the whole micrograms of
// its share, and those that are left over to the largest remainders, of equal ones to
// the first. The weights add up to 1 or more and to less than 2^64. No part is larger
// than its weight if the total is not larger than their sum.
func share(total uint64, weights []uint64) []uint64 {
	sum := uint64(0)
	for _, w := range weights {
		sum += w
	}
	shares := make([]uint64, len(weights))
	remainders := make([]remainder, len(weights))
	left := total
	for i, w := range weights {
		high, low := bits.Mul64(total, w)
		shares[i], remainders[i].rest = bits.Div64(high, low, sum) // high < sum, as w ≤ sum and total < 2^64
		remainders[i].at = i
		left -= shares[i]
	}
	if left == 0 {
		return shares
	}
	slices.SortFunc(remainders, func(a, b remainder) int {
		return cmp.Or(cmp.Compare(b.rest, a.rest), cmp.Compare(a.at, b.at))
	})
	for _, r := range remainders[:left] { // fewer than there are weights
		shares[r.at]++
	}
	return shares
}

type remainder struct {
	rest uint64
	at   int
}

// perMille is n ‰ of total, rounded down; n is 1,000 or less.
func perMille(total, n uint64) uint64 {
	high, low := bits.Mul64(total, n)
	quotient, _ := bits.Div64(high, low, 1000)
	return quotient
}

// take parts micrograms off a pool, from each component in proportion, and gives what
// was taken. The pool has at least as many and keeps its components, empty ones too.
func take(pool []Component, micrograms uint64) []Component {
	if micrograms == 0 {
		return nil
	}
	weights := make([]uint64, len(pool))
	for i, c := range pool {
		weights[i] = c.Micrograms
	}
	taken := make([]Component, 0, len(pool))
	for i, n := range share(micrograms, weights) {
		if n == 0 {
			continue
		}
		pool[i].Micrograms -= n
		taken = append(taken, Component{pool[i].Source, n})
	}
	return taken
}

func sum(origin []Component) uint64 {
	total := uint64(0)
	for _, c := range origin {
		total += c.Micrograms
	}
	return total
}

// pooled adds up components of one source, in the order in which each came first.
func pooled(origins ...[]Component) []Component {
	n := 0
	for _, origin := range origins {
		n += len(origin)
	}
	pool := make([]Component, 0, n)
	if n <= ledger.OriginComponentsMax {
		for _, origin := range origins {
			for _, c := range origin {
				if at := slices.IndexFunc(pool, func(p Component) bool { return p.Source == c.Source }); at >= 0 {
					pool[at].Micrograms += c.Micrograms
				} else {
					pool = append(pool, c)
				}
			}
		}
		return pool
	}
	at := make(map[Source]int, n) // looked up only
	for _, origin := range origins {
		for _, c := range origin {
			i, ok := at[c.Source]
			if !ok {
				i = len(pool)
				at[c.Source] = i
				pool = append(pool, Component{Source: c.Source})
			}
			pool[i].Micrograms += c.Micrograms
		}
	}
	return pool
}

// bounded joins sources until there are no more of them than an item can have: first
// the mines and producers are forgotten, then the countries of each metal and kind are
// joined. What is left after that is few.
func bounded(pool []Component) ([]Component, *ledger.Rejection) {
	if len(pool) <= ledger.OriginComponentsMax {
		return pool, nil
	}
	for i, c := range pool {
		pool[i].Source = Source{Metal: c.Metal, Kind: c.Kind, Countries: c.Countries}
	}
	pool = pooled(pool)
	if len(pool) <= ledger.OriginComponentsMax {
		return pool, nil
	}
	type family struct {
		metal custodyv1.Metal
		kind  custodyv1.OriginKind
	}
	possible := map[family][]string{} // looked up only
	for _, c := range pool {
		f := family{c.Metal, c.Kind}
		possible[f] = append(possible[f], c.Countries)
	}
	joined := make(map[family]string, len(possible)) // looked up only
	for i, c := range pool {
		f := family{c.Metal, c.Kind}
		countries, ok := joined[f]
		if !ok {
			countries = union(possible[f])
			joined[f] = countries
		}
		pool[i].Countries = countries
	}
	pool = pooled(pool)
	if len(pool) > ledger.OriginComponentsMax {
		return nil, ledger.RejectField(ledger.TooManyOrigins, "transform.inputs", "%d origins in one item, at most %d", len(pool), ledger.OriginComponentsMax)
	}
	return pool, nil
}

// union joins sets of countries, each as a source has them.
func union(sets []string) string {
	all := strings.Fields(strings.Join(sets, " "))
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// mixed is what can be said of a part of loose goods that nobody sorted: each source may
// be all of it. One source stays what it is. Of several, the part may be from every
// country of any of them; its kind is theirs if they agree, and what they do not agree
// on is left out.
func mixed(origin []Component) Source {
	if len(origin) == 1 {
		return origin[0].Source
	}
	m := origin[0].Source
	sets := make([]string, len(origin))
	for i, c := range origin {
		sets[i] = c.Countries
		switch {
		case c.Kind == m.Kind:
		case mined(c.Kind) && mined(m.Kind):
			m.Kind = custodyv1.OriginKind_ORIGIN_KIND_MINED
		default:
			m.Kind = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
		}
		if c.Mine != m.Mine {
			m.Mine = ""
		}
		if c.Producer != m.Producer {
			m.Producer = ""
		}
		if c.StateOwnership != m.StateOwnership || c.OwnershipAsOf != m.OwnershipAsOf {
			m.StateOwnership, m.OwnershipAsOf = 0, 0
		}
	}
	if m.Producer == "" {
		m.StateOwnership, m.OwnershipAsOf = 0, 0
	}
	m.Countries = union(sets)
	return m
}

// unknown is the origin of matter of which nobody said more.
func unknown(m Matter) []Component {
	kind := custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
	if m.Material != metal {
		return []Component{{Source{Kind: kind}, m.Mass}}
	}
	origin := make([]Component, len(m.Composition))
	for i, c := range m.Composition {
		origin[i] = Component{Source{Metal: c.Metal, Kind: kind}, c.Micrograms}
	}
	return origin
}

// weaker gives the weaker of two custody models; an undeclared one is the weakest.
func weaker(a, b custodyv1.Model) custodyv1.Model { return min(a, b) }

// joinedModel is the strongest model that goods can have which were joined of others:
// none is stronger than the weakest of them, and goods of several sources in one are
// blended.
func joinedModel(inputs []Matter, pool []Component) custodyv1.Model {
	model := inputs[0].Model
	for _, m := range inputs[1:] {
		model = weaker(model, m.Model)
	}
	if len(inputs) == 1 {
		return model
	}
	for _, m := range inputs {
		if len(m.Origin) != len(pool) {
			return weaker(model, custodyv1.Model_MODEL_CONTROLLED_BLENDING)
		}
	}
	return weaker(model, custodyv1.Model_MODEL_SEGREGATED)
}
