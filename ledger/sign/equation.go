package sign

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

// preparedKey is -A with its table of multiples.
type preparedKey struct {
	negA curve.ExpandedEdwardsPoint
}

// newPreparedKey returns nil if the key is no point.
func newPreparedKey(key *PublicKey) *preparedKey {
	var a curve.EdwardsPoint
	if !decode(&a, key.raw()) {
		return nil
	}
	p := new(preparedKey)
	p.negA.SetEdwardsPoint(a.Neg(&a))
	return p
}

// base is B with its table of multiples.
var base = *curve.NewExpandedEdwardsPoint(curve.ED25519_BASEPOINT_POINT)

// claim is a signature of which only R's being a point and clause 6 of the rule are open.
type claim struct {
	r [32]byte
	s [4]uint64 // little-endian words
	k scalar.Scalar
}

// set reads a signature that passed checkSignature. The digest, of which k is the residue, stands for R, key and
// message.
func (c *claim) set(key *PublicKey, message []byte, sig Signature) (digest [sha512.Size]byte) {
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key.raw()[:])
	h.Write(message)
	h.Sum(digest[:0])
	if _, err := c.k.SetBytesModOrderWide(digest[:]); err != nil {
		panic("sign: scalar of a fixed length refused")
	}
	copy(c.r[:], sig[:32])
	for i := range c.s {
		c.s[i] = binary.LittleEndian.Uint64(sig[32+8*i:])
	}
	return digest
}

// decide gives the verdict on the signature by itself. A nil key is no point.
func (c *claim) decide(key *preparedKey) Failure {
	var r, difference curve.EdwardsPoint
	if !decode(&r, &c.r) {
		return ErrRNotPoint
	}
	if key == nil {
		return ErrKeyNotPoint
	}
	var s scalar.Scalar
	setWords(&s, c.s[:])
	if !difference.ExpandedTripleScalarMulBasepointVartime(&c.k, &key.negA, &s, &r).IsSmallOrder() {
		return ErrEquation
	}
	return 0
}

// setWords sets s to the number of little-endian words, at most 8, reduced.
func setWords(s *scalar.Scalar, words []uint64) {
	var wide [64]byte
	for i, w := range words {
		binary.LittleEndian.PutUint64(wide[8*i:], w)
	}
	if _, err := s.SetBytesModOrderWide(wide[:]); err != nil {
		panic("sign: scalar of a fixed length refused")
	}
}

// equation decides clause 6 for up to equationMax claims at once: for coefficients z that whoever made the claims
// could not know,
//
//	[8](-(Σ z·S)·B + Σ z·R + Σ (z·k)·A) = 0
//
// where the k of claims by one key are added up first, so that many signatures by few keys cost about half of as many
// by as many keys. See Bernstein, Duif, Lange, Schwabe, Yang: High-speed high-security signatures, section 5.
type equation struct {
	claims []claim
	keyOf  []int // for each claim, index into keys
	z      []coefficient

	keys     []*preparedKey
	keyIndex map[PublicKey]int

	// Workspace of holds. The last of sums, and of what is made of it, is that of B.
	sums         []scalarSum
	scalars      []scalar.Scalar
	static       []*scalar.Scalar
	staticPoints []*curve.ExpandedEdwardsPoint
	large        largeTerms
	small        smallTerms
}

const (
	// equationMax is how many signatures go into one equation. With 64 keys, their terms are a tenth of its cost: more
	// signatures would save at most that.
	equationMax = 512
	// retryMax is how many claims are tried together again when an equation does not hold, so that one bad signature
	// makes few others be verified one by one.
	retryMax = 64
	// largeMin is from how many claims on the terms of the R are added up by digits; below, a table for each R costs
	// less.
	largeMin = 160
)

// next returns room for a further claim, which is part of the equation once commit is called.
func (e *equation) next() *claim {
	if len(e.claims) == cap(e.claims) {
		e.claims = append(make([]claim, 0, min(equationMax, max(16, 4*len(e.claims)))), e.claims...)
	}
	return &e.claims[:len(e.claims)+1][len(e.claims)]
}

func (e *equation) commit(key int) {
	e.claims = e.claims[:len(e.claims)+1]
	e.keyOf = append(e.keyOf, key)
}

func (e *equation) reset() {
	e.claims, e.keyOf = e.claims[:0], e.keyOf[:0]
	clear(e.keys)
	e.keys = e.keys[:0]
	clear(e.keyIndex)
}

// derive sets the coefficients of all claims.
func (e *equation) derive(seed *[sha256.Size]byte) {
	coefficients := coefficients{seed: *seed}
	e.z = e.z[:0]
	for range e.claims {
		e.z = append(e.z, coefficients.next())
	}
}

// holds reports whether the claims [from, to) hold, after derive. It is false also where some R is no point.
func (e *equation) holds(from, to int) bool {
	claims, z := e.claims[from:to], e.z[from:to]
	var sum, ofKeys curve.EdwardsPoint
	if len(claims) >= largeMin {
		if !e.large.sum(&sum, z, claims) {
			return false
		}
	} else if !e.small.sum(&sum, z, claims) {
		return false
	}
	keys := len(e.keys)
	e.sums = append(e.sums[:0], make([]scalarSum, keys+1)...)
	for i := range claims {
		var k [4]uint64
		words(&k, &claims[i].k)
		e.sums[e.keyOf[from+i]].add(&z[i], &k)
		e.sums[keys].add(&z[i], &claims[i].s)
	}
	if cap(e.scalars) <= keys {
		e.scalars = make([]scalar.Scalar, keys+1, 2*keys+2)
	}
	e.scalars = e.scalars[:keys+1]
	e.static, e.staticPoints = e.static[:0], e.staticPoints[:0]
	for i := range e.sums {
		if e.sums[i] == (scalarSum{}) {
			continue
		}
		point := &base
		if i < keys {
			point = &e.keys[i].negA
		}
		setWords(&e.scalars[i], e.sums[i][:])
		e.static, e.staticPoints = append(e.static, &e.scalars[i]), append(e.staticPoints, point)
	}
	ofKeys.ExpandedMultiscalarMulVartime(e.static, e.staticPoints, nil, nil)
	return sum.Sub(&sum, &ofKeys).IsSmallOrder()
}

func words(w *[4]uint64, s *scalar.Scalar) {
	var b [scalar.ScalarSize]byte
	if err := s.ToBytes(b[:]); err != nil {
		panic("sign: scalar of a fixed length refused")
	}
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

// largeTerms adds up many z·R.
type largeTerms struct {
	points []affinePoint
	sums   bucketSum
}

// sum sets out to Σ z·R; false if some R is no point.
func (t *largeTerms) sum(out *curve.EdwardsPoint, z []coefficient, claims []claim) bool {
	if cap(t.points) < len(claims) {
		t.points = make([]affinePoint, len(claims))
	}
	t.points = t.points[:len(claims)]
	for i := range claims {
		if !t.points[i].decode(&claims[i].r) {
			return false
		}
	}
	out.Set(t.sums.sum(z, t.points))
	return true
}

// smallTerms adds up few z·R.
type smallTerms struct {
	scalars   [largeMin]scalar.Scalar
	points    [largeMin]curve.EdwardsPoint
	scalarsOf []*scalar.Scalar
	pointsOf  []*curve.EdwardsPoint
}

// sum is that of largeTerms, for less than largeMin claims.
func (t *smallTerms) sum(out *curve.EdwardsPoint, z []coefficient, claims []claim) bool {
	t.scalarsOf, t.pointsOf = t.scalarsOf[:0], t.pointsOf[:0]
	for i := range claims {
		if !decode(&t.points[i], &claims[i].r) {
			return false
		}
		var wide [scalar.ScalarSize]byte
		binary.LittleEndian.PutUint64(wide[:], z[i][0])
		binary.LittleEndian.PutUint64(wide[8:], z[i][1])
		if _, err := t.scalars[i].SetBits(wide[:]); err != nil {
			panic("sign: scalar of a fixed length refused")
		}
		t.scalarsOf, t.pointsOf = append(t.scalarsOf, &t.scalars[i]), append(t.pointsOf, &t.points[i])
	}
	out.MultiscalarMulVartime(t.scalarsOf, t.pointsOf)
	return true
}

// coefficients are integers below 2^128: the quarters of SHA-512(seed || 0), SHA-512(seed || 1), ….
type coefficients struct {
	seed    [sha256.Size]byte
	block   [sha512.Size]byte
	blocks  uint64
	pending int // bytes of block that are not used yet
}

const coefficientSize = 16

func (c *coefficients) next() (z coefficient) {
	if c.pending == 0 {
		var message [sha256.Size + 8]byte
		copy(message[:], c.seed[:])
		binary.BigEndian.PutUint64(message[sha256.Size:], c.blocks)
		c.block = sha512.Sum512(message[:])
		c.blocks++
		c.pending = len(c.block)
	}
	quarter := c.block[len(c.block)-c.pending:]
	c.pending -= coefficientSize
	return coefficient{binary.LittleEndian.Uint64(quarter), binary.LittleEndian.Uint64(quarter[8:])}
}
