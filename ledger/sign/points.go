package sign

import (
	"math/bits"

	"filippo.io/edwards25519/field"
	"github.com/oasisprotocol/curve25519-voi/curve"
)

// The points R of a large equation, and their sum with coefficients of 128 bits. The curve is
// -x² + y² = 1 + d·x²·y² over the field of 2^255 - 19 elements; the formulas are those of Hisil, Wong, Carter and
// Dawson: Twisted Edwards curves revisited, section 3.1, which hold for all points of this curve.

// curveD2 is 2d, curveD is d.
var curveD, curveD2 = curveConstants()

// curveConstants computes d = -121665/121666.
func curveConstants() (d, d2 field.Element) {
	var one, denominator field.Element
	one.One()
	d.Mult32(&one, 121665)
	denominator.Mult32(&one, 121666)
	denominator.Invert(&denominator)
	d.Multiply(&d, &denominator)
	d.Negate(&d)
	d2.Add(&d, &d)
	return d, d2
}

// affinePoint is a point in the form in which adding it costs least.
type affinePoint struct {
	plus, minus field.Element // y + x, y - x
	xy, d2xy    field.Element // x·y, 2d·x·y
}

// decode reads a canonical encoding; false if it is no point.
func (p *affinePoint) decode(encoded *[32]byte) bool {
	var one, x, y, yy, u, v field.Element
	one.One()
	if _, err := y.SetBytes(encoded[:]); err != nil {
		panic("sign: field element of a fixed length refused")
	}
	yy.Square(&y)
	u.Subtract(&yy, &one)
	v.Multiply(&yy, &curveD)
	v.Add(&v, &one)
	if _, square := x.SqrtRatio(&u, &v); square == 0 {
		return false
	}
	if encoded[31]&signBit != 0 {
		x.Negate(&x)
	}
	p.plus.Add(&y, &x)
	p.minus.Subtract(&y, &x)
	p.xy.Multiply(&x, &y)
	p.d2xy.Multiply(&p.xy, &curveD2)
	return true
}

// sumPoint is x = X/Z, y = Y/Z, T = X·Y/Z.
type sumPoint struct{ x, y, z, t field.Element }

// setAffine makes p the point q, or -q.
func (p *sumPoint) setAffine(q *affinePoint, negative bool) {
	p.x.Subtract(&q.plus, &q.minus)
	p.y.Add(&q.plus, &q.minus)
	p.z.One()
	p.z.Add(&p.z, &p.z)
	p.t.Add(&q.xy, &q.xy)
	if negative {
		p.x.Negate(&p.x)
		p.t.Negate(&p.t)
	}
}

// addAffine adds q to p, or subtracts it.
func (p *sumPoint) addAffine(q *affinePoint, negative bool) {
	plus, minus := &q.plus, &q.minus
	if negative {
		plus, minus = minus, plus
	}
	var a, b, c, d field.Element
	a.Subtract(&p.y, &p.x)
	a.Multiply(&a, minus)
	b.Add(&p.y, &p.x)
	b.Multiply(&b, plus)
	c.Multiply(&p.t, &q.d2xy)
	d.Add(&p.z, &p.z)
	p.complete(&a, &b, &c, &d, negative)
}

// add adds q to p.
func (p *sumPoint) add(q *sumPoint) {
	var a, b, c, d, other field.Element
	a.Subtract(&p.y, &p.x)
	other.Subtract(&q.y, &q.x)
	a.Multiply(&a, &other)
	b.Add(&p.y, &p.x)
	other.Add(&q.y, &q.x)
	b.Multiply(&b, &other)
	c.Multiply(&p.t, &q.t)
	c.Multiply(&c, &curveD2)
	d.Multiply(&p.z, &q.z)
	d.Add(&d, &d)
	p.complete(&a, &b, &c, &d, false)
}

// complete is the second half of an addition. Where the second point was negated, so is c.
func (p *sumPoint) complete(a, b, c, d *field.Element, negative bool) {
	var e, f, g, h field.Element
	e.Subtract(b, a)
	h.Add(b, a)
	if negative {
		f.Add(d, c)
		g.Subtract(d, c)
	} else {
		f.Subtract(d, c)
		g.Add(d, c)
	}
	p.x.Multiply(&e, &f)
	p.y.Multiply(&g, &h)
	p.t.Multiply(&e, &h)
	p.z.Multiply(&f, &g)
}

// double doubles p n times.
func (p *sumPoint) double(n int) {
	var xx, yy, zz, e, f, g, h field.Element
	for i := range n {
		xx.Square(&p.x)
		yy.Square(&p.y)
		zz.Square(&p.z)
		zz.Add(&zz, &zz)
		h.Add(&xx, &yy)
		e.Add(&p.x, &p.y)
		e.Square(&e)
		e.Subtract(&h, &e)
		g.Subtract(&xx, &yy)
		f.Add(&zz, &g)
		p.x.Multiply(&e, &f)
		p.y.Multiply(&g, &h)
		p.z.Multiply(&f, &g)
		if i == n-1 {
			p.t.Multiply(&e, &h)
		}
	}
}

// point gives p to the library that has the other terms of the equation.
func (p *sumPoint) point() *curve.EdwardsPoint {
	var inverse, x, y field.Element
	inverse.Invert(&p.z)
	x.Multiply(&p.x, &inverse)
	y.Multiply(&p.y, &inverse)
	encoded := [32]byte(y.Bytes())
	if x.IsNegative() == 1 {
		encoded[31] |= signBit
	}
	var out curve.EdwardsPoint
	if !decode(&out, &encoded) {
		panic("sign: a sum of points is no point")
	}
	return &out
}

// coefficient is a number below 2^128, the low half first.
type coefficient [2]uint64

// bucketSum adds up points times coefficients, by digits: the points with the same digit at the same place are added
// once, then multiplied together. See Bernstein, Doumen, Lange, Oosterwijk: Faster batch forgery identification, section
// 4, after Pippenger. It is workspace that is used again.
type bucketSum struct {
	digits  []int16 // by place, then by point
	buckets []sumPoint
	filled  []bool
}

// digitBits gives the width of a digit at which n points cost least: each place takes n additions and two for each
// bucket, which cost a third more.
func digitBits(n int) int {
	best, least := 0, 0
	for width := 4; width <= 10; width++ {
		cost := places(width) * (3*n + 8<<(width-1))
		if best == 0 || cost < least {
			best, least = width, cost
		}
	}
	return best
}

// places is how many signed digits hold 128 bits and the carry.
func places(width int) int { return 128/width + 1 }

// sum gives Σ coefficients[i]·points[i].
func (s *bucketSum) sum(coefficients []coefficient, points []affinePoint) *curve.EdwardsPoint {
	n, width := len(points), digitBits(len(points))
	s.recode(coefficients, width)
	if cap(s.buckets) < 1<<(width-1) {
		s.buckets, s.filled = make([]sumPoint, 1<<(width-1)), make([]bool, 1<<(width-1))
	}
	s.buckets, s.filled = s.buckets[:1<<(width-1)], s.filled[:1<<(width-1)]
	var total sumPoint
	total.y.One()
	total.z.One()
	for place := places(width) - 1; place >= 0; place-- {
		total.double(width)
		s.fill(s.digits[place*n:][:n], points)
		s.empty(&total)
	}
	return total.point()
}

// recode writes the coefficients with digits from -2^(width-1) to 2^(width-1).
func (s *bucketSum) recode(coefficients []coefficient, width int) {
	n := len(coefficients)
	if cap(s.digits) < places(width)*n {
		s.digits = make([]int16, places(width)*n)
	}
	s.digits = s.digits[:places(width)*n]
	for i, c := range coefficients {
		carry := 0
		for place := range places(width) {
			digit := int(c[0]&(1<<width-1)) + carry
			c[0] = c[0]>>width | c[1]<<(64-width)
			c[1] >>= width
			if carry = 0; digit > 1<<(width-1) {
				digit, carry = digit-1<<width, 1
			}
			s.digits[place*n+i] = int16(digit)
		}
	}
}

// fill adds every point to the bucket of its digit.
func (s *bucketSum) fill(digits []int16, points []affinePoint) {
	clear(s.filled)
	for i, digit := range digits {
		if digit == 0 {
			continue
		}
		negative := digit < 0
		at := max(digit, -digit) - 1
		if s.filled[at] {
			s.buckets[at].addAffine(&points[i], negative)
			continue
		}
		s.buckets[at].setAffine(&points[i], negative)
		s.filled[at] = true
	}
}

// empty adds every bucket to the total, as often as its digit says: the sums from the last bucket down to each.
func (s *bucketSum) empty(total *sumPoint) {
	var running sumPoint
	any := false
	for at := len(s.buckets) - 1; at >= 0; at-- {
		switch {
		case s.filled[at] && any:
			running.add(&s.buckets[at])
		case s.filled[at]:
			running, any = s.buckets[at], true
		case !any:
			continue
		}
		total.add(&running)
	}
}

// scalarSum is a sum of products of a coefficient and a scalar, not reduced: below 2^448, so that 2^64 of them fit.
type scalarSum [7]uint64

// add adds z·scalar; the scalar is given as little-endian words.
func (s *scalarSum) add(z *coefficient, words *[4]uint64) {
	var product [6]uint64
	for i := range z {
		var carry uint64
		for j := range words {
			hi, lo := bits.Mul64(z[i], words[j])
			var c uint64
			lo, c = bits.Add64(lo, product[i+j], 0)
			hi += c
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			product[i+j], carry = lo, hi
		}
		product[i+4] = carry
	}
	var carry uint64
	for i := range product {
		s[i], carry = bits.Add64(s[i], product[i], carry)
	}
	s[6] += carry
}
