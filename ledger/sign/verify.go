package sign

import (
	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// SignatureSize is the length of a signature in bytes.
const SignatureSize = 64

// Signature is bytes that claim to be a signature, of any length and content; only verification says more.
// Signature bytes never name anything: whoever holds the key can make many that hold for one message.
type Signature []byte

// zip215 covers clauses 1, 4, 5 and 6 of the rule; [checkSignature] covers 1, 2 and 3.
var zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}

// Verify reports whether sig is a signature over message by the key, by the rule of the package comment; nil when it
// holds, else a [Failure] that names the first clause, in the rule's order, that does not. No input makes it
// panic. It keeps nothing; [Verifier] is faster for keys that come again.
func Verify(key PublicKey, message []byte, sig Signature) error {
	if key.Kind() != Ed25519 {
		return ErrKindUnknown
	}
	if f := checkSignature(sig); f != 0 {
		return f
	}
	if ed25519.VerifyWithOptions(key.raw()[:], message, sig, zip215) {
		return nil
	}
	return explain(key.raw(), (*[32]byte)(sig[:32]))
}

// checkSignature decides clauses 1 to 3, which can be read off the bytes.
func checkSignature(sig Signature) Failure {
	if len(sig) != SignatureSize {
		return ErrSignatureLength
	}
	r, s := (*[32]byte)(sig[:32]), (*[32]byte)(sig[32:])
	switch {
	case !lessLittleEndian(s, &groupOrder):
		return ErrSNotCanonical
	case !canonical(r):
		return ErrRNotCanonical
	case smallOrder(r):
		return ErrRSmallOrder
	}
	return 0
}

// explain names the clause behind a refusal of a signature that passed checkSignature.
func explain(key, r *[32]byte) Failure {
	var p curve.EdwardsPoint
	switch {
	case !decode(&p, r):
		return ErrRNotPoint
	case !decode(&p, key):
		return ErrKeyNotPoint
	}
	return ErrEquation
}

func decode(p *curve.EdwardsPoint, encoded *[32]byte) bool {
	_, err := p.SetCompressedY((*curve.CompressedEdwardsY)(encoded))
	return err == nil
}
