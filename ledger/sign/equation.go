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

// claim is a signature of which only clause 6 of the rule is open.
type claim struct {
	r curve.EdwardsPoint
	s scalar.Scalar
	k scalar.Scalar
}

// set decodes a signature that passed checkSignature; false if R is no point.
func (c *claim) set(key *PublicKey, message []byte, sig Signature) bool {
	if !decode(&c.r, (*[32]byte)(sig[:32])) {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key.raw()[:])
	h.Write(message)
	var digest [sha512.Size]byte
	h.Sum(digest[:0])
	_, errK := c.k.SetBytesModOrderWide(digest[:])
	_, errS := c.s.SetBytesModOrder(sig[32:])
	if errK != nil || errS != nil {
		panic("sign: scalar of a fixed length refused")
	}
	return true
}

// holds decides clause 6 by itself: [8](S·B - k·A - R) = 0.
func (c *claim) holds(key *preparedKey) bool {
	var difference curve.EdwardsPoint
	return difference.ExpandedTripleScalarMulBasepointVartime(&c.k, &key.negA, &c.s, &c.r).IsSmallOrder()
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

	keys     []*preparedKey
	keyIndex map[PublicKey]int

	// Workspace of holds. Scalars of keys, and of B followed by those of the R.
	scalars       []scalar.Scalar
	static        []*scalar.Scalar
	staticPoints  []*curve.ExpandedEdwardsPoint
	dynamic       []*scalar.Scalar
	dynamicPoints []*curve.EdwardsPoint
}

// equationMax is how many signatures go into one equation. Twice as many gain a few percent more, and one bad signature
// makes all the others of its equation be verified one by one.
const equationMax = 128

// next returns room for a further claim, which is part of the equation once commit is called.
func (e *equation) next() *claim {
	if len(e.claims) == cap(e.claims) {
		e.claims = append(make([]claim, 0, equationMax), e.claims...)
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

// holds reports whether all claims hold. There is at least one.
func (e *equation) holds(seed *[sha256.Size]byte) bool {
	keys, claims := len(e.keys), len(e.claims)
	e.makeRoom(keys, 1+claims)
	ofKeys, ofB, ofRs := e.scalars[:keys], &e.scalars[keys], e.scalars[keys+1:]

	coefficients := coefficients{seed: *seed}
	var product scalar.Scalar
	for i := range e.claims {
		c, z, sum := &e.claims[i], &ofRs[i], &ofKeys[e.keyOf[i]]
		coefficients.next(z)
		ofB.Add(ofB, product.Mul(z, &c.s))
		sum.Add(sum, product.Mul(z, &c.k))
		e.dynamicPoints[1+i] = &c.r
	}
	ofB.Neg(ofB)
	e.dynamicPoints[0] = curve.ED25519_BASEPOINT_POINT
	for i := range ofKeys {
		ofKeys[i].Neg(&ofKeys[i]) // the prepared point is -A
		e.staticPoints[i] = &e.keys[i].negA
	}
	var sum curve.EdwardsPoint
	return sum.ExpandedMultiscalarMulVartime(e.static, e.staticPoints, e.dynamic, e.dynamicPoints).IsSmallOrder()
}

// makeRoom sizes the workspace and sets all scalars to 0.
func (e *equation) makeRoom(static, dynamic int) {
	if cap(e.scalars) < static+dynamic {
		e.scalars = make([]scalar.Scalar, 2*equationMax+1)
	}
	e.scalars = e.scalars[:static+dynamic]
	clear(e.scalars)
	e.static, e.dynamic = e.static[:0], e.dynamic[:0]
	for i := range e.scalars {
		if i < static {
			e.static = append(e.static, &e.scalars[i])
		} else {
			e.dynamic = append(e.dynamic, &e.scalars[i])
		}
	}
	e.staticPoints = append(e.staticPoints[:0], make([]*curve.ExpandedEdwardsPoint, static)...)
	e.dynamicPoints = append(e.dynamicPoints[:0], make([]*curve.EdwardsPoint, dynamic)...)
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
