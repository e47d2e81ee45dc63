package rules

import (
	"math/bits"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Scales differ from each other and from one day to the next. What an item weighs may
// differ from its book by so much, and no reweighing changes its book.
const (
	tolerancePerMille   = 5
	toleranceMicrograms = 2_000
	countPerMille       = 5 // by how much a count may be off, and by 1 in any case
)

func tolerance(book uint64) uint64 {
	return max(perMille(book, tolerancePerMille), toleranceMicrograms)
}

func difference(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// divided are the forms of which a part can be taken without working on it.
func divided(m Matter) bool {
	switch m.Form {
	case parcel, bulk:
		return true
	case part, piece:
		return m.Count > 1
	}
	return false
}

// alike tells whether each of so many things in it weighs the same.
func alike(m Matter) bool { return m.Count > 1 && (m.EqualPieces || m.Form == part || m.Form == piece) }

// isCounted tells whether somebody counted the things in it.
func isCounted(m Matter) bool { return m.Count > 1 && m.CountBasis != estimated }

// checkPortion asks whether goods can be parted so: both parts are left with
// something, and counts are given exactly where goods are counted.
func checkPortion(m Matter, p Portion, field string) *ledger.Rejection {
	switch {
	case !divided(m):
		return ledger.RejectField(ledger.PortionInvalid, field, "these goods have no parts that could go by themselves")
	case m.Form == piece && len(m.Children) > 0:
		return ledger.RejectField(ledger.PortionInvalid, field, "items are set in these pieces; they stay together")
	case p.Micrograms == 0 || p.Micrograms >= m.Mass:
		return ledger.RejectField(ledger.PortionInvalid, field, "%d of %d micrograms: some go and some stay", p.Micrograms, m.Mass)
	case isCounted(m) && (p.Count == 0 || p.Count >= m.Count):
		return ledger.RejectField(ledger.PortionInvalid, field, "%d of %d pieces: some go and some stay", p.Count, m.Count)
	case !isCounted(m) && p.Count > m.Count:
		return ledger.RejectField(ledger.PortionInvalid, field, "the goods are not counted; leave the count out")
	case isCounted(m) && (p.Micrograms < uint64(p.Count) || m.Mass-p.Micrograms < uint64(m.Count-p.Count)):
		return ledger.RejectField(ledger.PortionInvalid, field, "%d pieces of %d micrograms leave or are too many for their mass", p.Count, p.Micrograms)
	case alike(m) && p.Micrograms != m.Mass/uint64(m.Count)*uint64(p.Count):
		return ledger.RejectField(ledger.PortionInvalid, field, "each of %d equal pieces weighs %d micrograms; %d of them do not weigh %d", m.Count, m.Mass/uint64(m.Count), p.Count, p.Micrograms)
	}
	if m.Form == piece {
		return nil
	}
	// A part of a book of few micrograms can have none of them. Either part may be the one
	// that is carved out, and a remainder that both could have goes to that one.
	for _, out := range [...]Portion{p, {m.Mass - p.Micrograms, m.Count - p.Count}} {
		if part, rest := carve(m, out); part.Book() == 0 || rest.Book() == 0 {
			return ledger.RejectField(ledger.PortionInvalid, field, "too little for its origin to be parted")
		}
	}
	return nil
}

// carve parts unsorted goods, of which checkPortion permits it.
func carve(m Matter, p Portion) (part, rest Matter) {
	masses := []uint64{p.Micrograms, m.Mass - p.Micrograms}
	counts := []uint32{p.Count, m.Count - p.Count}
	switch {
	case m.Count == 0:
		counts[0], counts[1] = 0, 0
	case !isCounted(m): // an estimate is parted by mass
		estimate := share(uint64(m.Count), masses)
		counts[0], counts[1] = uint32(estimate[0]), uint32(estimate[1])
	}
	parts := parted(m, masses, counts)
	return parts[0], parts[1]
}

// parted parts unsorted goods in so many parts, which add up to the whole. Item ids are
// those of the whole.
func parted(m Matter, masses []uint64, counts []uint32) []Matter {
	parts := make([]Matter, len(masses))
	compositions := partedComposition(m.Composition, masses)
	for i := range parts {
		parts[i] = m
		parts[i].Mass = masses[i]
		parts[i].Composition = compositions[i]
		parts[i].Bill = nil
		recount(&parts[i], counts[i])
	}
	if m.Form == piece {
		partedBill(m, parts, counts)
		return parts
	}
	for i, origin := range partedOrigin(m, parts) {
		parts[i].Origin = origin
	}
	return parts
}

// recount gives goods another count. One thing is a single, or one part or piece.
func recount(m *Matter, count uint32) {
	m.Count = count
	if count > 1 {
		m.EqualPieces = m.EqualPieces && m.Mass%uint64(count) == 0
		return
	}
	if count == 1 && m.Form == parcel && m.CountBasis != estimated {
		m.Form = single
	}
	if m.Form == parcel { // an estimate of nearly nothing is none
		m.Form = bulk
	}
	m.Count, m.CountBasis, m.EqualPieces = 0, 0, false
}

// partedComposition parts an alloy, which is the same everywhere.
func partedComposition(whole []Constituent, masses []uint64) [][]Constituent {
	parts := make([][]Constituent, len(masses))
	if len(whole) == 0 {
		return parts
	}
	left := make([]uint64, len(whole))
	for i, c := range whole {
		left[i] = c.Micrograms
	}
	for i, mass := range masses {
		for at, n := range share(mass, left) {
			left[at] -= n
			if n > 0 {
				parts[i] = append(parts[i], Constituent{whole[at].Metal, n})
			}
		}
	}
	return parts
}

// partedOrigin parts the origin of goods that nobody sorted. Loose goods: a part may be
// all of any source. Metals: of each metal, each part has of every source in proportion.
func partedOrigin(whole Matter, parts []Matter) [][]Component {
	origins := make([][]Component, len(parts))
	if whole.Material != metal {
		masses := make([]uint64, len(parts))
		for i := range parts {
			masses[i] = parts[i].Mass
		}
		source := mixed(whole.Origin)
		for i, book := range share(whole.Book(), masses) {
			origins[i] = []Component{{source, book}}
		}
		return origins
	}
	blend(whole.Origin, parts, origins)
	return origins
}

// blend gives each part, of each metal, of every source of the pool in proportion to its
// mass of that metal. The pool is used up.
func blend(pool []Component, parts []Matter, origins [][]Component) {
	weights := make([]uint64, len(parts))
	var ofMetal []Component
	for m := custodyv1.Metal_METAL_GOLD; m <= custodyv1.Metal_METAL_OTHER; m++ {
		ofMetal = ofMetal[:0]
		for _, c := range pool {
			if c.Metal == m {
				ofMetal = append(ofMetal, c)
			}
		}
		total := uint64(0)
		for i := range parts {
			weights[i] = metalOf(parts[i], m)
			total += weights[i]
		}
		if len(ofMetal) == 0 {
			continue
		}
		for i := 0; i < len(parts) && total == 0; i++ { // too little to be weighed: by all of the mass
			weights[i] = parts[i].Mass
		}
		for i, book := range share(sum(ofMetal), weights) {
			origins[i] = append(origins[i], take(ofMetal, book)...)
		}
	}
}

// metalOf is how much of a metal there is.
func metalOf(m Matter, which custodyv1.Metal) uint64 {
	for _, c := range m.Composition {
		if c.Metal == which {
			return c.Micrograms
		}
	}
	return 0
}

// partedBill parts the bill of equal pieces: so many of them have so many of each line.
func partedBill(whole Matter, parts []Matter, pieces []uint32) {
	for _, line := range whole.Bill {
		masses := make([]uint64, len(parts))
		counts := make([]uint32, len(parts))
		for i := range parts {
			masses[i] = line.Mass / uint64(whole.Count) * uint64(pieces[i])
			counts[i] = line.Count / whole.Count * pieces[i]
		}
		for i, l := range parted(line, masses, counts) { // a line has no bill: this goes one deep
			parts[i].Bill = append(parts[i].Bill, l)
		}
	}
}

// reweighed gives matter with another mass or count, or refuses what is beyond the
// tolerance of scales. A nil mass or a count of 0 leaves it as before.
func (j *judge) reweighed(m Matter, mass *custodyv1.Mass, count uint32, field string) (Matter, *ledger.Rejection) {
	basis := m.CountBasis
	switch {
	case count == 0:
		count = m.Count
	case m.Form == parcel:
		basis = counted
	}
	if mass != nil {
		if rejection := checkMass(mass, m.Material, field+".mass"); rejection != nil {
			return Matter{}, rejection
		}
		if book := j.book(m); difference(mass.Micrograms, book) > tolerance(book) {
			return Matter{}, ledger.RejectField(ledger.DifferenceTooLarge, field+".mass", "%d micrograms where %d are accounted for; scales differ by at most %d, and what is missing is lost or was never there", mass.Micrograms, book, tolerance(book))
		}
		m.Basis = mass.Basis
		if mass.Micrograms != m.Mass {
			m.Composition = scaledComposition(m.Composition, mass.Micrograms)
			m.Mass = mass.Micrograms
		}
	}
	if rejection := recountable(m, count, field); rejection != nil {
		return Matter{}, rejection
	}
	m.Count, m.CountBasis = count, basis
	m.EqualPieces = m.EqualPieces && m.Mass%uint64(count) == 0
	return m, nil
}

// recountable asks whether so many things can be in goods that were counted before.
func recountable(m Matter, count uint32, field string) *ledger.Rejection {
	off := uint32(difference(uint64(count), uint64(m.Count)))
	switch {
	case (m.Form == part || m.Form == piece) && count > 1 && m.Mass%uint64(count) != 0:
		return ledger.RejectField(ledger.CountInvalid, field+".mass", "%d micrograms are not %d equal pieces; split off what weighs otherwise", m.Mass, count)
	case m.Mass < uint64(count):
		return ledger.RejectField(ledger.CountInvalid, field+".count", "%d pieces cannot weigh %d micrograms together", count, m.Mass)
	case off == 0:
		return nil
	case m.Count < 2 || m.Form == part || m.Form == piece:
		return ledger.RejectField(ledger.CountInvalid, field+".count", "these goods are not recounted; leave the count out")
	case count < 2:
		return ledger.RejectField(ledger.CountInvalid, field+".count", "a parcel has 2 pieces or more, got %d", count)
	case isCounted(m) && uint64(off) > max(perMille(uint64(m.Count), countPerMille), 1):
		return ledger.RejectField(ledger.DifferenceTooLarge, field+".count", "%d pieces where %d were counted; a count is off by at most %d ‰, or by 1", count, m.Count, countPerMille)
	}
	return nil
}

// scaledComposition is the same alloy of another mass.
func scaledComposition(composition []Constituent, mass uint64) []Constituent {
	if len(composition) == 0 {
		return nil
	}
	weights := make([]uint64, len(composition))
	for i, c := range composition {
		weights[i] = c.Micrograms
	}
	scaled := slices.Clone(composition)
	for i, n := range share(mass, weights) {
		scaled[i].Micrograms = n
	}
	return slices.DeleteFunc(scaled, func(c Constituent) bool { return c.Micrograms == 0 })
}

// book is the mass that is accounted for: the origin of goods, the parts of a piece.
func (j *judge) book(m Matter) uint64 {
	if m.Form != piece {
		return m.Book()
	}
	total := uint64(0)
	for _, line := range m.Bill {
		total += line.Mass
	}
	for _, child := range m.Children {
		total += j.matter(child).Mass
	}
	return total
}

// inProportion tells whether two alloys have the same fineness of every metal, to one
// ten-thousandth.
func inProportion(a, b Matter) bool {
	for m := custodyv1.Metal_METAL_GOLD; m <= custodyv1.Metal_METAL_OTHER; m++ {
		if !sameShare(metalOf(a, m), a.Mass, metalOf(b, m), b.Mass) {
			return false
		}
	}
	return true
}

// sameShare tells whether a/b and c/d differ by no more than 1/10,000 and the rounding
// of a microgram in each.
func sameShare(a, b, c, d uint64) bool {
	// |ad - cb| ≤ bd/10,000 + b + d, each below 2^128
	high, low := crossDifference(a, b, c, d)
	boundHigh, boundLow := bits.Mul64(b, d)
	quotientHigh, rest := boundHigh/10_000, boundHigh%10_000
	quotientLow, _ := bits.Div64(rest, boundLow, 10_000)
	quotientLow, carry := bits.Add64(quotientLow, b, 0)
	quotientHigh += carry
	quotientLow, carry = bits.Add64(quotientLow, d, 0)
	quotientHigh += carry
	return high < quotientHigh || high == quotientHigh && low <= quotientLow
}

// crossDifference is |ad - cb|: by how much a/b and c/d differ, times b and d.
func crossDifference(a, b, c, d uint64) (high, low uint64) {
	high1, low1 := bits.Mul64(a, d)
	high2, low2 := bits.Mul64(c, b)
	if high1 < high2 || high1 == high2 && low1 < low2 {
		high1, low1, high2, low2 = high2, low2, high1, low1
	}
	low, borrow := bits.Sub64(low1, low2, 0)
	high, _ = bits.Sub64(high1, high2, borrow)
	return high, low
}
