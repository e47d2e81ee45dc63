package sign

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Batch verifies many signatures together, in about half the time of one by one when they are many and all of them
// hold, and in a third when they are by few keys. The verdict for each is the one of [Verify], whatever stands beside
// it in the batch. A batch belongs to one goroutine; several batches may share a [Verifier].
//
// Signatures that all hold are accepted always. One that does not hold passes with probability 2^-128, over
// coefficients derived by SHA-256 from every key, message and signature of the batch up to the last one of the
// equation: to choose a bad signature that cancels out, one would have to know coefficients that depend on it.
type Batch struct {
	verifier *Verifier

	failures []Failure // one for each added signature, in order; 0 while it is not known to fail
	failed   bool      // some failure is not 0

	equation   equation
	positions  []int // for each claim of the equation, index into failures
	transcript hash.Hash
}

// NewBatch returns an empty batch that uses the verifier's prepared keys. It takes about 60 KiB when it is full; using
// it again is cheaper than making another one.
func (v *Verifier) NewBatch() *Batch {
	b := &Batch{
		verifier:   v,
		equation:   equation{keyIndex: make(map[PublicKey]int)},
		transcript: sha256.New(),
	}
	b.reset()
	return b
}

// Add puts a signature into the batch. It keeps neither message nor sig. Now and then it does the work for earlier
// additions, so that a batch of any length holds a bounded number of points in memory.
func (b *Batch) Add(key PublicKey, message []byte, sig Signature) {
	b.failures = append(b.failures, 0)
	position := len(b.failures) - 1
	if f := b.claim(&key, message, sig); f != 0 {
		b.fail(position, f)
		return
	}
	b.positions = append(b.positions, position)
	b.record(&key, message, sig)
	if len(b.positions) == equationMax {
		b.settle()
	}
}

// Len returns how many signatures were added since the last [Batch.Verify].
func (b *Batch) Len() int { return len(b.failures) }

// Verify reports whether every signature holds; an empty batch holds. If not, verdicts has one element for each
// signature in the order of addition, nil or a [Failure], equal to what [Verify] says of it alone. The batch is
// empty afterwards and can be used again.
func (b *Batch) Verify() (ok bool, verdicts []error) {
	b.settle()
	if b.failed {
		verdicts = make([]error, len(b.failures))
		for i, f := range b.failures {
			verdicts[i] = f.err()
		}
	}
	ok = !b.failed
	b.reset()
	return ok, verdicts
}

// claim adds the signature to the equation unless one of the clauses 1 to 5 fails.
func (b *Batch) claim(key *PublicKey, message []byte, sig Signature) Failure {
	if key.Kind() != Ed25519 {
		return ErrKindUnknown
	}
	if f := checkSignature(sig); f != 0 {
		return f
	}
	e := &b.equation
	if !e.next().set(key, message, sig) {
		return ErrRNotPoint
	}
	index, known := e.keyIndex[*key]
	if !known {
		prepared := b.verifier.prepare(key)
		if prepared == nil {
			return ErrKeyNotPoint
		}
		index = len(e.keys)
		e.keys = append(e.keys, prepared)
		e.keyIndex[*key] = index
	}
	e.commit(index)
	return 0
}

// record binds the coefficients to everything that the equation depends on. Only the message has no fixed length, so
// that it is preceded by it.
func (b *Batch) record(key *PublicKey, message []byte, sig Signature) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(message)))
	b.transcript.Write(key.wire[:])
	b.transcript.Write(sig)
	b.transcript.Write(length[:])
	b.transcript.Write(message)
}

// settle decides the signatures of the equation under construction and begins the next one.
func (b *Batch) settle() {
	if len(b.positions) == 0 {
		return
	}
	e := &b.equation
	var seed [sha256.Size]byte
	b.transcript.Sum(seed[:0])
	if len(e.claims) == 1 || !e.holds(&seed) {
		for i, position := range b.positions {
			if !e.claims[i].holds(e.keys[e.keyOf[i]]) {
				b.fail(position, ErrEquation)
			}
		}
	}
	e.reset()
	b.positions = b.positions[:0]
}

func (b *Batch) fail(position int, f Failure) {
	b.failures[position] = f
	b.failed = true
}

func (b *Batch) reset() {
	b.failures = b.failures[:0]
	b.failed = false
	b.transcript.Reset()
	b.transcript.Write([]byte(TagBatch))
}
