package sign

import "sync"

// PreparedKeysDefault is how many prepared keys a [Verifier] keeps when its owner has no reason for another number:
// about 1.6 KiB each.
const PreparedKeysDefault = 4096

// Verifier verifies like [Verify] and keeps the prepared form of keys that it met, so that the next signature by the
// same key costs less, and many of them in a [Batch] much less. What it keeps never changes a verdict, only its time: a
// flood of unknown keys makes it as slow as if nothing were kept. Safe for concurrent use; it starts no goroutine.
type Verifier struct {
	keysMax int
	batches sync.Pool // of *Batch, empty ones that were released

	mu sync.Mutex
	// Two generations, both under mu: recent takes every key that is asked for, and becomes older when it holds half
	// of keysMax; what was older and not asked for since is forgotten.
	recent, older map[PublicKey]*preparedKey
}

// NewVerifier returns a verifier that keeps at most keysMax prepared keys; below 2 it keeps none.
func NewVerifier(keysMax int) *Verifier {
	return &Verifier{keysMax: keysMax, recent: make(map[PublicKey]*preparedKey)}
}

// Verify is [Verify], with the same verdict for the same input whatever the verifier met before.
func (v *Verifier) Verify(key PublicKey, message []byte, sig Signature) error {
	if key.Kind() != Ed25519 {
		return ErrKindUnknown
	}
	if f := checkSignature(sig); f != 0 {
		return f
	}
	var c claim
	c.set(&key, message, sig)
	if f := c.decide(v.prepare(&key)); f != 0 {
		return f
	}
	return nil
}

// prepare returns the prepared form of an Ed25519 key, or nil if the key is no point.
func (v *Verifier) prepare(key *PublicKey) *preparedKey {
	if prepared := v.kept(key); prepared != nil {
		return prepared
	}
	prepared := newPreparedKey(key)
	if prepared != nil {
		v.mu.Lock()
		v.keep(key, prepared)
		v.mu.Unlock()
	}
	return prepared
}

// kept returns the prepared form of a key if it is at hand, and remembers that it was asked for.
func (v *Verifier) kept(key *PublicKey) *preparedKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	if prepared := v.recent[*key]; prepared != nil {
		return prepared
	}
	prepared := v.older[*key]
	if prepared != nil {
		v.keep(key, prepared)
	}
	return prepared
}

// keep puts a key into the recent generation. The caller holds mu.
func (v *Verifier) keep(key *PublicKey, prepared *preparedKey) {
	generation := v.keysMax / 2
	if generation < 1 {
		return
	}
	if _, known := v.recent[*key]; !known && len(v.recent) >= generation {
		v.older = v.recent
		v.recent = make(map[PublicKey]*preparedKey, generation)
	}
	v.recent[*key] = prepared
}
