// Package sign holds what a signature on the ledger is: kinds of keys, key ids, domain tags, the bytes that are
// signed, and the one rule by which every verifier decides whether a signature holds.
//
// # Keys
//
// A public key travels as its wire form, one kind byte followed by the raw key:
//
//	kind 1  Ed25519  1 + 32 bytes
//	kind 2  P-256    reserved; refused with [ErrKindUnsupported]
//
// The key id is the first 20 bytes of SHA-256([TagKeyID] || wire form).
//
// # The rule
//
// A signature (R, S) of 64 bytes by the Ed25519 key A over message M holds when all of this is true:
//
//  1. S, read as a little-endian integer, is below the group order L.
//  2. R is canonical: y < 2^255-19, and the sign bit is clear where x is 0.
//  3. R is not one of the eight points of small order.
//  4. R is the encoding of a point.
//  5. A is the encoding of a point; y ≥ 2^255-19 is tolerated here, and so is any order.
//  6. [8]S·B = [8]R + [8]k·A with k = SHA-512(R || A || M) mod L, over the bytes as received.
//
// 1, 4, 5 and 6 are ZIP-215; 2 and 3 are ours. The cofactor in 6 is what makes a batch and a single verification
// agree always, which the equation without it does not. [Verify], [Verifier.Verify] and [Batch] all implement
// exactly this rule and name the first clause that fails.
//
// Which keys may be registered is a separate, stricter question, asked once: [PublicKey.CheckRegistrable].
//
// # Purity
//
// Nothing here reads a clock, a file or a random source; [GenerateKey] takes the source it reads. The coefficients
// of a batch are derived from the batch itself.
package sign

// Failure is the reason why a key or a signature was refused. It is an error; compare with ==, errors.Is or
// errors.As. The list is closed: every error this package returns about bytes from outside is one of these.
type Failure uint8

const (
	// ErrKindUnknown: the kind byte is missing or names no kind of key.
	ErrKindUnknown Failure = iota + 1
	// ErrKindUnsupported: the kind is reserved, and no signature of it is accepted yet.
	ErrKindUnsupported
	// ErrKeyLength: the bytes after the kind byte are not as many as the kind asks for.
	ErrKeyLength
	// ErrSeedLength: a private key's seed is not [SeedSize] bytes.
	ErrSeedLength

	// ErrSignatureLength: the signature is not [SignatureSize] bytes.
	ErrSignatureLength
	// ErrSNotCanonical: clause 1 of the rule.
	ErrSNotCanonical
	// ErrRNotCanonical: clause 2 of the rule.
	ErrRNotCanonical
	// ErrRSmallOrder: clause 3 of the rule.
	ErrRSmallOrder
	// ErrRNotPoint: clause 4 of the rule.
	ErrRNotPoint
	// ErrKeyNotPoint: clause 5 of the rule; at registration too.
	ErrKeyNotPoint
	// ErrEquation: clause 6 of the rule. This key did not sign this message.
	ErrEquation

	// ErrKeyNotCanonical: registration only; the key's encoding is not the one encoding of its point.
	ErrKeyNotCanonical
	// ErrKeySmallOrder: registration only; such a key has signatures that hold for many messages.
	ErrKeySmallOrder
	// ErrKeyTorsion: registration only; the key has a component of small order.
	ErrKeyTorsion
)

var failureText = [...]string{
	ErrKindUnknown:     "unknown kind of key",
	ErrKindUnsupported: "kind of key is reserved and not supported yet",
	ErrKeyLength:       "wrong length of public key",
	ErrSeedLength:      "wrong length of private key seed",
	ErrSignatureLength: "wrong length of signature",
	ErrSNotCanonical:   "S of the signature is not canonical",
	ErrRNotCanonical:   "R of the signature is not canonical",
	ErrRSmallOrder:     "R of the signature has small order",
	ErrRNotPoint:       "R of the signature is not a point of the curve",
	ErrKeyNotPoint:     "public key is not a point of the curve",
	ErrEquation:        "signature does not match the key and the message",
	ErrKeyNotCanonical: "public key is not canonical",
	ErrKeySmallOrder:   "public key has small order",
	ErrKeyTorsion:      "public key has a component of small order",
}

// Error returns one sentence part without the package's name, fit to be shown to a person.
func (f Failure) Error() string {
	if f == 0 || int(f) >= len(failureText) {
		return "unknown failure of a key or signature"
	}
	return failureText[f]
}

// err turns "no failure" into a nil error.
func (f Failure) err() error {
	if f == 0 {
		return nil
	}
	return f
}
