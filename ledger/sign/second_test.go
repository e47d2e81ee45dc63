package sign

import (
	"bytes"

	"filippo.io/edwards25519"
	"github.com/hdevalence/ed25519consensus"
)

// A second opinion on the rule, made of other libraries: ed25519consensus for ZIP-215, and filippo.io/edwards25519
// for what the rule asks of R and what registration asks of a key.

func secondOpinion(key PublicKey, message []byte, sig Signature) bool {
	return len(sig) == SignatureSize &&
		ed25519consensus.Verify(key.Bytes()[1:], message, sig) &&
		secondCanonical(sig[:32]) &&
		!secondSmallOrder(sig[:32])
}

// secondCanonical holds for an encoding that comes out again when the point is encoded.
func secondCanonical(encoded []byte) bool {
	p, err := new(edwards25519.Point).SetBytes(encoded)
	return err == nil && bytes.Equal(p.Bytes(), encoded)
}

func secondSmallOrder(encoded []byte) bool {
	p, err := new(edwards25519.Point).SetBytes(encoded)
	return err == nil && new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1
}

// secondTorsionFree holds where [L]P is the identity, computed as [L-1]P = -P.
func secondTorsionFree(encoded []byte) bool {
	p, err := new(edwards25519.Point).SetBytes(encoded)
	if err != nil {
		return false
	}
	one, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		panic(err)
	}
	orderMinusOne := edwards25519.NewScalar().Negate(one)
	return new(edwards25519.Point).ScalarMult(orderMinusOne, p).Equal(new(edwards25519.Point).Negate(p)) == 1
}

func secondRegistrable(encoded []byte) bool {
	return secondCanonical(encoded) && !secondSmallOrder(encoded) && secondTorsionFree(encoded)
}
