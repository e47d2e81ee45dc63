package sign

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

// encodings gives count canonical encodings, of which about half are points. Small orders come first.
func encodings(count int) [][32]byte {
	out := slices.Clone(smallOrderY[:])
	for n := 0; len(out) < count; n++ {
		encoded := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
		if canonical(&encoded) {
			out = append(out, encoded)
		}
	}
	return out
}

// TestAffinePointDecodes: both libraries find the same encodings to be points, and the same ones.
func TestAffinePointDecodes(t *testing.T) {
	points := 0
	for _, encoded := range encodings(500) {
		var want curve.EdwardsPoint
		var got affinePoint
		isPoint := decode(&want, &encoded)
		if got.decode(&encoded) != isPoint {
			t.Fatalf("%x: a point is %v", encoded, isPoint)
		}
		if !isPoint {
			continue
		}
		points++
		for _, negative := range []bool{false, true} {
			var p, q sumPoint
			p.setAffine(&got, negative)
			q.y.One()
			q.z.One()
			q.addAffine(&got, negative)
			if p.point().Equal(&want) != 1 || q.point().Equal(&want) != 1 {
				t.Fatalf("%x, negative %v: another point", encoded, negative)
			}
			want.Neg(&want)
		}
	}
	if points < 200 {
		t.Fatalf("only %d points", points)
	}
}

// TestBucketSum compares with the other library's sum, for every width of digits, for equal points, points that cancel
// out, points of small order, and coefficients at their limits.
func TestBucketSum(t *testing.T) {
	var points []affinePoint
	var same []*curve.EdwardsPoint
	for _, encoded := range encodings(1200) {
		var p affinePoint
		q := new(curve.EdwardsPoint)
		if p.decode(&encoded) && decode(q, &encoded) {
			points, same = append(points, p), append(same, q)
		}
	}
	points[9], same[9] = points[8], same[8]
	points[11].plus, points[11].minus = points[10].minus, points[10].plus
	points[11].xy.Negate(&points[10].xy)
	points[11].d2xy.Negate(&points[10].d2xy)
	same[11] = new(curve.EdwardsPoint).Neg(same[10])
	limits := []coefficient{{}, {1, 0}, {^uint64(0), ^uint64(0)}, {0, 1 << 63}, {1 << 63, 0}, {0x8080808080808080, 0x8080808080808080}, {0x7f7f7f7f7f7f7f7f, 0x7f7f7f7f7f7f7f7f}}
	sums, widths := new(bucketSum), map[int]bool{}
	for _, n := range []int{1, 2, 12, 30, 100, 200, 400, len(points)} {
		widths[digitBits(n)] = true
		for round := range 2 {
			z := make([]coefficient, n)
			scalars := make([]*scalar.Scalar, n)
			source := coefficients{seed: sha256.Sum256([]byte{byte(round)})}
			for i := range z {
				if z[i] = source.next(); round == 1 || i >= 8 && i < 12 {
					z[i] = limits[(i/2)%len(limits)]
				}
				scalars[i] = new(scalar.Scalar)
				setWords(scalars[i], z[i][:])
			}
			want := new(curve.EdwardsPoint).MultiscalarMulVartime(scalars, same[:n])
			if sums.sum(z, points[:n]).Equal(want) != 1 {
				t.Errorf("%d points, round %d: another sum", n, round)
			}
		}
	}
	if len(widths) < 4 {
		t.Errorf("only the widths %v", widths)
	}
}

// TestScalarSum adds products at their limits and compares with big integers.
func TestScalarSum(t *testing.T) {
	top := ^uint64(0)
	var sum scalarSum
	want := new(big.Int)
	for i := range 2000 {
		z, words := coefficient{top, top}, [4]uint64{top, top, top, top}
		if i%3 == 1 {
			z, words = coefficient{uint64(i), top - 1}, [4]uint64{uint64(i) << 50, 0, top, 1}
		}
		sum.add(&z, &words)
		want.Add(want, new(big.Int).Mul(number(z[:]), number(words[:])))
	}
	if number(sum[:]).Cmp(want) != 0 {
		t.Errorf("%x, want %x", number(sum[:]), want)
	}
}

func number(words []uint64) *big.Int {
	n := new(big.Int)
	for _, w := range slices.Backward(words) {
		n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(w))
	}
	return n
}
