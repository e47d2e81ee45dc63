package sign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/oasisprotocol/curve25519-voi/curve"
)

// Kind says which signature scheme a key belongs to. It is the first byte of a key's wire form.
type Kind byte

const (
	// Ed25519 by the rule of the package comment.
	Ed25519 Kind = 1
	// P256 is reserved for keys in hardware that has no Ed25519: a compressed point, 33 bytes after the kind.
	P256 Kind = 2
)

const (
	// PublicKeySizeMax is the longest wire form of any kind, the reserved one included.
	PublicKeySizeMax = 1 + 33
	// ed25519WireSize is the wire form of an Ed25519 key.
	ed25519WireSize = 1 + 32
)

// PublicKey is a key of a known kind and the right length, and nothing more: it may still be no point of its curve,
// or not fit to be registered. It is comparable and fit as a map key. The zero value is no key; every signature by it
// is refused with [ErrKindUnknown].
type PublicKey struct {
	// wire is the kind followed by the raw key, then zeroes; only [ParsePublicKey] and [PrivateKey.Public] write it.
	wire [PublicKeySizeMax]byte
}

// ParsePublicKey reads a key's wire form, which must be complete and have nothing after it. The error is
// [ErrKindUnknown], [ErrKindUnsupported] or [ErrKeyLength].
func ParsePublicKey(wire []byte) (PublicKey, error) {
	if len(wire) == 0 {
		return PublicKey{}, ErrKindUnknown
	}
	switch Kind(wire[0]) {
	case Ed25519:
		if len(wire) != ed25519WireSize {
			return PublicKey{}, ErrKeyLength
		}
	case P256:
		return PublicKey{}, ErrKindUnsupported
	default:
		return PublicKey{}, ErrKindUnknown
	}
	var k PublicKey
	copy(k.wire[:], wire)
	return k, nil
}

// Kind returns the key's kind, 0 for the zero value.
func (k PublicKey) Kind() Kind { return Kind(k.wire[0]) }

// IsZero reports whether k is the zero value, which is no key.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// Bytes returns a fresh copy of the wire form, which [ParsePublicKey] reads back; nil for the zero value.
func (k PublicKey) Bytes() []byte {
	if k.IsZero() {
		return nil
	}
	return bytes.Clone(k.wire[:ed25519WireSize])
}

// String returns the wire form in lower-case hex.
func (k PublicKey) String() string { return hex.EncodeToString(k.Bytes()) }

// ID returns the key's id. It stands for kind and key together.
func (k PublicKey) ID() KeyID {
	var message [len(TagKeyID) + PublicKeySizeMax]byte
	n := copy(message[:], TagKeyID)
	n += copy(message[n:], k.wire[:ed25519WireSize])
	sum := sha256.Sum256(message[:n])
	return KeyID(sum[:KeyIDSize])
}

// CheckRegistrable reports whether the key may be registered: its encoding is the one encoding of its point, and the
// point lies in the subgroup of prime order and is not the identity. For such keys, and for signatures that were
// made honestly, all common verifiers agree with the rule of this package. The error is [ErrKindUnknown],
// [ErrKeyNotCanonical], [ErrKeyNotPoint], [ErrKeySmallOrder] or [ErrKeyTorsion]. About one verification's time.
func (k PublicKey) CheckRegistrable() error {
	if k.Kind() != Ed25519 {
		return ErrKindUnknown
	}
	raw := k.raw()
	if !canonical(raw) {
		return ErrKeyNotCanonical
	}
	var p curve.EdwardsPoint
	if !decode(&p, raw) {
		return ErrKeyNotPoint
	}
	if p.IsSmallOrder() {
		return ErrKeySmallOrder
	}
	if !p.IsTorsionFree() {
		return ErrKeyTorsion
	}
	return nil
}

// raw is the Ed25519 key without its kind.
func (k *PublicKey) raw() *[32]byte { return (*[32]byte)(k.wire[1:ed25519WireSize]) }

// KeyIDSize is the length of a key id in bytes.
const KeyIDSize = 20

// KeyID names a key. An event lists its signers in strictly ascending order of key id.
type KeyID [KeyIDSize]byte

// Compare orders key ids as byte strings: -1, 0 or +1.
func (id KeyID) Compare(other KeyID) int { return bytes.Compare(id[:], other[:]) }

// String returns the id in lower-case hex.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }
