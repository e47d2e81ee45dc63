package provenance

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Coverage is how much of one substance is borne out how well. There is no figure
// over all substances, and none over all levels.
type Coverage struct {
	Material   custodyv1.Material
	Metal      custodyv1.Metal // of a metal
	Micrograms uint64
	// ByLevel splits Micrograms by level of evidence; at index 0, unspecified, is what
	// is of unknown origin.
	ByLevel [custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED + 1]uint64
}

// Weakest is the level of the weakest component: unspecified if any is of unknown
// origin.
func (c Coverage) Weakest() custodyv1.Evidence {
	for level, micrograms := range c.ByLevel {
		if micrograms > 0 {
			return custodyv1.Evidence(level)
		}
	}
	return unspecified
}

// Cover adds parts up by substance, in the order of materials and metals. A part
// of which nothing says where it came from is of unknown origin. Sums that do not
// fit 64 bits end at the largest number.
func Cover(parts []Part) []Coverage {
	type substance struct {
		material custodyv1.Material
		metal    custodyv1.Metal
	}
	sums := map[substance]*Coverage{}
	add := func(material custodyv1.Material, metal custodyv1.Metal, level custodyv1.Evidence, micrograms uint64) {
		s := substance{material, metal}
		if sums[s] == nil {
			sums[s] = &Coverage{Material: material, Metal: metal}
		}
		sums[s].Micrograms = Sum(sums[s].Micrograms, micrograms)
		sums[s].ByLevel[level] = Sum(sums[s].ByLevel[level], micrograms)
	}
	for _, part := range parts {
		for _, c := range part.Components {
			add(part.Matter.Material, c.Metal, c.Level, c.Micrograms)
		}
		if len(part.Components) > 0 {
			continue
		}
		for _, c := range part.Matter.Composition {
			add(part.Matter.Material, c.Metal, unspecified, c.Micrograms)
		}
		if len(part.Matter.Composition) == 0 {
			add(part.Matter.Material, 0, unspecified, part.Matter.Mass)
		}
	}
	var list []Coverage
	for _, c := range sums {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Coverage) int {
		return cmp.Or(cmp.Compare(a.Material, b.Material), cmp.Compare(a.Metal, b.Metal))
	})
	return list
}

// Weakest is the level of the weakest component of some parts: the headline of
// them all.
func Weakest(parts []Part) custodyv1.Evidence {
	weakest := custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED
	for _, c := range Cover(parts) {
		weakest = min(weakest, c.Weakest())
	}
	if len(parts) == 0 {
		return unspecified
	}
	return weakest
}

// Sum adds masses; a sum that does not fit 64 bits is the largest number.
func Sum(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry > 0 {
		return math.MaxUint64
	}
	return sum
}
