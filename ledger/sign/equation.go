package sign

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"

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
	keyOf  []int           // for each claim, index into keys
	z      []scalar.Scalar // coefficients, after derive

	keys     []*preparedKey
	keyIndex map[PublicKey]int

	// Workspace of holds. The last of scalars and of static is that of B.
	scalars       []scalar.Scalar
	static        []*scalar.Scalar
	staticPoints  []*curve.ExpandedEdwardsPoint
	points        []curve.EdwardsPoint
	dynamic       []*scalar.Scalar
	dynamicPoints []*curve.EdwardsPoint
}

const (
	// equationMax is how many signatures go into one equation. With 64 keys, their terms are a tenth of its cost: more
	// signatures would save at most that.
	equationMax = 512
	// retryMax is how many claims are tried together again when an equation does not hold, so that one bad signature
	// makes few others be verified one by one.
	retryMax = 64
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
	e.z = slices.Grow(e.z[:0], len(e.claims))[:len(e.claims)]
	for i := range e.z {
		coefficients.next(&e.z[i])
	}
}

// holds reports whether the claims [from, to) hold, after derive. It is false also where some R is no point.
func (e *equation) holds(from, to int) bool {
	keys := len(e.keys)
	e.makeRoom(keys+1, to-from)
	var sum, ofKeys curve.EdwardsPoint
	var s, product scalar.Scalar
	for i, c := range e.claims[from:to] {
		if !decode(&e.points[i], &c.r) {
			return false
		}
		z := &e.z[from+i]
		setWords(&s, c.s[:])
		ofKey, ofB := &e.scalars[e.keyOf[from+i]], &e.scalars[keys]
		ofKey.Add(ofKey, product.Mul(z, &c.k))
		ofB.Add(ofB, product.Mul(z, &s))
		e.dynamic[i], e.dynamicPoints[i] = z, &e.points[i]
	}
	for i := range e.scalars {
		point := &base
		if i < keys {
			point = &e.keys[i].negA
		}
		e.static[i], e.staticPoints[i] = &e.scalars[i], point
	}
	sum.MultiscalarMulVartime(e.dynamic, e.dynamicPoints)
	ofKeys.ExpandedMultiscalarMulVartime(e.static, e.staticPoints, nil, nil)
	return sum.Sub(&sum, &ofKeys).IsSmallOrder()
}

// makeRoom gives the workspace its lengths; the scalars begin at 0.
func (e *equation) makeRoom(static, dynamic int) {
	e.scalars = append(e.scalars[:0], make([]scalar.Scalar, static)...)
	e.static = slices.Grow(e.static[:0], static)[:static]
	e.staticPoints = slices.Grow(e.staticPoints[:0], static)[:static]
	e.points = slices.Grow(e.points[:0], dynamic)[:dynamic]
	e.dynamic = slices.Grow(e.dynamic[:0], dynamic)[:dynamic]
	e.dynamicPoints = slices.Grow(e.dynamicPoints[:0], dynamic)[:dynamic]
}

// coefficients are integers below 2^128: the quarters of SHA-512(seed || 0), SHA-512(seed || 1), ….
type coefficients struct {
	seed    [sha256.Size]byte
	block   [sha512.Size]byte
	blocks  uint64
	pending int // bytes of block that are not used yet
}

const coefficientSize = 16

func (c *coefficients) next(z *scalar.Scalar) {
	if c.pending == 0 {
		var message [sha256.Size + 8]byte
		copy(message[:], c.seed[:])
		binary.BigEndian.PutUint64(message[sha256.Size:], c.blocks)
		c.block = sha512.Sum512(message[:])
		c.blocks++
		c.pending = len(c.block)
	}
	var wide [scalar.ScalarSize]byte
	copy(wide[:coefficientSize], c.block[len(c.block)-c.pending:])
	c.pending -= coefficientSize
	if _, err := z.SetBits(wide[:]); err != nil {
		panic("sign: scalar of a fixed length refused")
	}
}
