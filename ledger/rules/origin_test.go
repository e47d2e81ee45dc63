package rules

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestShareAgainstRationals holds share against the largest remainder by fractions,
// searched for one microgram at a time.
func TestShareAgainstRationals(t *testing.T) {
	amount := rapid.OneOf(rapid.Uint64Range(0, 5), rapid.Uint64Range(0, 1_000_000), rapid.Uint64Range(0, ledger.MassMicrogramsMax))
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(amount, 1, 500).Draw(t, "weights")
		weights[0]++
		total := rapid.OneOf(amount, rapid.Uint64Range(math.MaxUint64-3, math.MaxUint64)).Draw(t, "total")
		sum := new(big.Int)
		for _, w := range weights {
			sum.Add(sum, new(big.Int).SetUint64(w))
		}
		want, rest, left := make([]uint64, len(weights)), make([]*big.Int, len(weights)), total
		for i, w := range weights {
			product := new(big.Int).Mul(new(big.Int).SetUint64(total), new(big.Int).SetUint64(w))
			quotient := new(big.Int)
			quotient, rest[i] = quotient.DivMod(product, sum, new(big.Int))
			want[i] = quotient.Uint64()
			left -= want[i]
		}
		for ; left > 0; left-- {
			largest := 0
			for i := range rest {
				if rest[i].Cmp(rest[largest]) > 0 {
					largest = i
				}
			}
			want[largest]++
			rest[largest].SetInt64(-1)
		}
		got := share(total, weights)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("part %d of %d by %v is %d, want %d", i, total, weights, got[i], want[i])
			}
			if new(big.Int).SetUint64(total).Cmp(sum) <= 0 && got[i] > weights[i] {
				t.Fatalf("part %d is larger than its weight", i)
			}
		}
	})
}

func TestNearAgainstRationals(t *testing.T) {
	mass := rapid.Uint64Range(1, ledger.MassMicrogramsMax)
	rapid.Check(t, func(t *rapid.T) {
		b, d := mass.Draw(t, "b"), mass.Draw(t, "d")
		a, c := rapid.Uint64Range(0, b).Draw(t, "a"), rapid.Uint64Range(0, d).Draw(t, "c")
		if rapid.Bool().Draw(t, "close") { // c/d about a/b
			high := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(d))
			c = high.Div(high, new(big.Int).SetUint64(b)).Uint64()
		}
		rat := func(x, y uint64) *big.Rat {
			return new(big.Rat).SetFrac(new(big.Int).SetUint64(x), new(big.Int).SetUint64(y))
		}
		off := new(big.Rat).Sub(rat(a, b), rat(c, d))
		off.Abs(off)
		if want := off.Cmp(rat(1, d)) < 0; near(a, b, c, d) != want {
			t.Fatalf("near(%d, %d, %d, %d) is %v", a, b, c, d, !want)
		}
		bound := new(big.Rat).Add(rat(1, 10_000), new(big.Rat).Add(rat(1, b), rat(1, d)))
		// The bound in integers is rounded down by less than one in b·d.
		exact := new(big.Rat).Sub(bound, rat(1, 1).Quo(rat(1, 1), new(big.Rat).Mul(rat(b, 1), rat(d, 1))))
		switch got := sameShare(a, b, c, d); {
		case got && off.Cmp(bound) > 0, !got && off.Cmp(exact) <= 0:
			t.Fatalf("sameShare(%d, %d, %d, %d) is %v", a, b, c, d, got)
		}
	})
}

// TestTakenApartAddsUp parts pools piece by piece until nothing is left.
func TestTakenApartAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pool []Component
		for i, n := range rapid.SliceOfN(rapid.Uint64Range(1, 1000), 1, 64).Draw(t, "pool") {
			pool = append(pool, Component{Source{OwnershipAsOf: uint64(i)}, n})
		}
		whole := pooled(pool)
		var parts [][]Component
		for left := sum(pool); left > 0; left = sum(pool) {
			n := rapid.Uint64Range(1, left).Draw(t, "part")
			part := take(pool, n)
			if sum(part) != n {
				t.Fatalf("%d taken, got %v", n, part)
			}
			for _, c := range part {
				at := int(c.OwnershipAsOf)
				exact := float64(n) / float64(left) * float64(pool[at].Micrograms+c.Micrograms)
				if math.Abs(exact-float64(c.Micrograms)) > 1.001 {
					t.Fatalf("%d of %d took %d, in proportion %f", n, left, c.Micrograms, exact)
				}
			}
			parts = append(parts, part)
		}
		for _, c := range pooled(parts...) {
			if c != whole[c.OwnershipAsOf] {
				t.Fatalf("component %+v, was %+v", c, whole[c.OwnershipAsOf])
			}
		}
	})
}

// TestMixedNeverSaysMore holds the union of sources against one worked out by sets.
func TestMixedNeverSaysMore(t *testing.T) {
	countries := rapid.SampledFrom([]string{"", "BW", "RU", "BW RU", "AO BW ZA"})
	kinds := rapid.SampledFrom([]custodyv1.OriginKind{1, 2, 3, 5, 6})
	rapid.Check(t, func(t *rapid.T) {
		origin := make([]Component, rapid.IntRange(2, 5).Draw(t, "n"))
		possible, seen := map[string]bool{}, map[custodyv1.OriginKind]bool{}
		for i := range origin {
			origin[i].Countries, origin[i].Kind = countries.Draw(t, "countries"), kinds.Draw(t, "kind")
			origin[i].Mine = rapid.SampledFrom([]string{"", "A"}).Draw(t, "mine")
			origin[i].Micrograms = 1
			for _, c := range []string{"AO", "BW", "RU", "ZA"} {
				if containsWord(origin[i].Countries, c) {
					possible[c] = true
				}
			}
			seen[origin[i].Kind] = true
		}
		m := mixed(origin)
		for _, c := range []string{"AO", "BW", "RU", "ZA"} {
			if containsWord(m.Countries, c) != possible[c] {
				t.Fatalf("%v become %+v", origin, m)
			}
		}
		want := custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
		switch {
		case len(seen) == 1:
			want = origin[0].Kind
		case len(seen) == 2 && seen[1] && seen[2]:
			want = custodyv1.OriginKind_ORIGIN_KIND_MINED
		}
		if m.Kind != want {
			t.Fatalf("%v become %+v", origin, m)
		}
		for _, c := range origin {
			if m.Mine != "" && c.Mine != m.Mine {
				t.Fatalf("%v become %+v", origin, m)
			}
		}
	})
}

func containsWord(s, word string) bool { return union([]string{s, word}) == union([]string{s}) }

// TestBoundedFindsRoom: the most origins there can be join to what one item can have.
func TestBoundedFindsRoom(t *testing.T) {
	var pool []Component
	for m := custodyv1.Metal_METAL_GOLD; m <= custodyv1.Metal_METAL_OTHER; m++ {
		for k := custodyv1.OriginKind_ORIGIN_KIND_MINED; k <= custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN; k++ {
			for _, countries := range []string{"", "AO", "BW RU", "ZA"} {
				for _, mine := range []string{"", "A", "B"} {
					if k != custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN {
						pool = append(pool, Component{Source{Metal: m, Kind: k, Countries: countries, Mine: mine}, 7})
					}
				}
			}
		}
	}
	before := sum(pool)
	joined, rejection := bounded(pool)
	if rejection != nil || sum(joined) != before || len(joined) != 55 {
		t.Fatalf("%d joined to %d of %d: %v", len(pool), len(joined), sum(joined), rejection)
	}
	if joined[0].Countries != "AO BW RU ZA" {
		t.Errorf("joined to %+v", joined[0])
	}
}
