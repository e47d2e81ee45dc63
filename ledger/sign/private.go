package sign

import (
	"crypto/ed25519"
	"fmt"
	"io"
)

// SeedSize is the length of a private key's seed in bytes (RFC 8032 calls the seed the private key).
const SeedSize = ed25519.SeedSize

// PrivateKey signs. It prints as a fixed text under every verb of fmt, also inside another struct; only
// [PrivateKey.Seed] gives the secret away. The zero value is no key and panics when used. It is not comparable;
// compare public keys. Safe for concurrent use.
type PrivateKey struct {
	// A function, because fmt prints unexported fields of an enclosing struct without asking their methods, and
	// follows a pointer there under a verb that does not suit it; a function is printed as an address always.
	secret func() *secret
}

type secret struct {
	key    ed25519.PrivateKey
	public PublicKey
}

const redacted = "sign.PrivateKey(redacted)"

// NewPrivateKey returns the Ed25519 key of a seed, or [ErrSeedLength]. The seed is copied.
func NewPrivateKey(seed []byte) (PrivateKey, error) {
	if len(seed) != SeedSize {
		return PrivateKey{}, ErrSeedLength
	}
	key := ed25519.NewKeyFromSeed(seed)
	s := &secret{key: key}
	s.public.wire[0] = byte(Ed25519)
	copy(s.public.wire[1:], key[SeedSize:])
	return PrivateKey{func() *secret { return s }}, nil
}

// GenerateKey returns a new Ed25519 key whose seed is the next [SeedSize] bytes of random, which must be a
// cryptographic source outside tests. The error is that of random.
func GenerateKey(random io.Reader) (PrivateKey, error) {
	var seed [SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return PrivateKey{}, fmt.Errorf("sign: reading a seed: %w", err)
	}
	return NewPrivateKey(seed[:])
}

// Sign returns the RFC 8032 signature over message, the same for the same message every time. The caller has put a
// domain tag or a DSSE payload type in front; see [Tag].
func (k PrivateKey) Sign(message []byte) Signature {
	return ed25519.Sign(k.secret().key, message)
}

// Public returns the public key. It always passes [PublicKey.CheckRegistrable].
func (k PrivateKey) Public() PublicKey { return k.secret().public }

// Seed returns a fresh copy of the secret, for writing it into an encrypted file.
func (k PrivateKey) Seed() []byte { return k.secret().key.Seed() }

// IsZero reports whether k is the zero value, which is no key.
func (k PrivateKey) IsZero() bool { return k.secret == nil }

// String does not contain the secret.
func (k PrivateKey) String() string { return redacted }

// GoString does not contain the secret.
func (k PrivateKey) GoString() string { return redacted }

// Format writes the same text for every verb, also for %x, %d and %p.
func (k PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }
