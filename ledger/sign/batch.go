package sign

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// Batch verifies many signatures together, in a third of the time of one by one when they are hundreds and all of them
// hold, and in a half when they are dozens. The verdict for each is the one of [Verify], whatever stands beside
// it in the batch. A batch belongs to one goroutine; several batches may share a [Verifier].
//
// Signatures that all hold are accepted always. One that does not hold passes with probability 2^-128, over
// coefficients derived by SHA-256 from every signature of the batch up to the last one of the equation and from the
// SHA-512 of its R, key and message: to choose a bad signature that cancels out, one would have to know coefficients that depend on it.
type Batch struct {
	verifier *Verifier

	failures []Failure // one for each added signature, in order; 0 while it is not known to fail
	failed   bool      // some failure is not 0

	equation   equation
	positions  []int // for each claim of the equation, index into failures
	transcript hash.Hash
}

// NewBatch returns an empty batch that uses the verifier's prepared keys. It takes up to 300 KiB when it is full; using
// it again, or giving it back with [Batch.Release], is cheaper than making another one.
func (v *Verifier) NewBatch() *Batch {
	if b, ok := v.batches.Get().(*Batch); ok {
		return b
	}
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

// Release gives an empty batch's memory to the next one that is made. The batch must not be used any more.
func (b *Batch) Release() {
	if len(b.failures) > 0 {
		panic("sign: a batch that was not verified is released")
	}
	b.verifier.batches.Put(b)
}

// claim adds the signature to the equation unless one of the clauses 1 to 5 fails; whether R is a point is seen
// later, unless the key is none.
func (b *Batch) claim(key *PublicKey, message []byte, sig Signature) Failure {
	if key.Kind() != Ed25519 {
		return ErrKindUnknown
	}
	if f := checkSignature(sig); f != 0 {
		return f
	}
	e := &b.equation
	digest := e.next().set(key, message, sig)
	index, known := e.keyIndex[*key]
	if !known {
		prepared := b.verifier.prepare(key)
		if prepared == nil {
			return e.next().decide(nil)
		}
		index = len(e.keys)
		e.keys = append(e.keys, prepared)
		e.keyIndex[*key] = index
	}
	e.commit(index)
	b.record(&digest, sig)
	return 0
}

// record binds the coefficients to everything that the equation depends on: the digest is that of R, key and message.
func (b *Batch) record(digest *[sha512.Size]byte, sig Signature) {
	var message [sha512.Size + SignatureSize/2]byte
	copy(message[:], digest[:])
	copy(message[sha512.Size:], sig[SignatureSize/2:])
	b.transcript.Write(message[:])
}

// settle decides the signatures of the equation under construction and begins the next one.
func (b *Batch) settle() {
	if len(b.positions) == 0 {
		return
	}
	e := &b.equation
	n := len(e.claims)
	if n > 1 {
		var seed [sha256.Size]byte
		b.transcript.Sum(seed[:0])
		e.derive(&seed)
	}
	if n == 1 || !e.holds(0, n) {
		for from := 0; from < n; from += retryMax {
			b.retry(from, min(from+retryMax, n))
		}
	}
	e.reset()
	b.positions = b.positions[:0]
}

// retry decides the claims [from, to) of an equation that does not hold.
func (b *Batch) retry(from, to int) {
	e := &b.equation
	if to-from < len(e.claims) && to-from > 1 && e.holds(from, to) {
		return
	}
	for i := from; i < to; i++ {
		if f := e.claims[i].decide(e.keys[e.keyOf[i]]); f != 0 {
			b.fail(b.positions[i], f)
		}
	}
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
