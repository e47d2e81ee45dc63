package sign

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// batchChunk is how many signatures go into one equation. Twice as many gain 6 % more, and one bad signature makes
// all the others of its equation be verified one by one.
const batchChunk = 128

// Batch verifies many signatures together, in about half the time of one by one when they are many and all of them
// hold. The verdict for each is the one of [Verify], whatever stands beside it in the batch. A batch belongs to one
// goroutine; several batches may share a [Verifier].
//
// Signatures that all hold are accepted always. One that does not hold passes with probability 2^-128, over
// coefficients derived by SHA-256 from every key, message and signature of the batch up to the last one of the
// equation: to choose a bad signature that cancels out, one would have to know coefficients that depend on it.
type Batch struct {
	verifier *Verifier

	failures []Failure // one for each added signature, in order; 0 while it is not known to fail
	failed   bool      // some failure is not 0

	// The equation under construction.
	equation   *ed25519.BatchVerifier
	positions  []int      // index into failures of each of its signatures
	encodedRs  [][32]byte // R of each, to explain a failure
	transcript hash.Hash
}

// NewBatch returns an empty batch that uses the verifier's prepared keys.
func (v *Verifier) NewBatch() *Batch {
	b := &Batch{
		verifier:   v,
		equation:   ed25519.NewBatchVerifierWithCapacity(batchChunk),
		positions:  make([]int, 0, batchChunk),
		encodedRs:  make([][32]byte, 0, batchChunk),
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
	if key.Kind() != Ed25519 {
		b.fail(position, ErrKindUnknown)
		return
	}
	if f := checkSignature(sig); f != 0 {
		b.fail(position, f)
		return
	}
	encodedR := [32]byte(sig[:32])
	prepared := b.verifier.prepare(key)
	if prepared == nil {
		b.fail(position, explain(key.raw(), &encodedR))
		return
	}
	b.equation.AddExpandedWithOptions(prepared, message, sig, zip215)
	b.positions = append(b.positions, position)
	b.encodedRs = append(b.encodedRs, encodedR)
	b.record(&key, message, sig)
	if len(b.positions) == batchChunk {
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
	seed := b.transcript.Sum(nil)
	ok, valid := b.equation.Verify(bytes.NewReader(seed))
	if !ok {
		for i, position := range b.positions {
			if !valid[i] {
				b.fail(position, b.explainRefused(i))
			}
		}
	}
	b.equation.Reset()
	b.positions = b.positions[:0]
	b.encodedRs = b.encodedRs[:0]
}

// explainRefused names the clause by which signature i of the equation was refused. Its key is a point, else it
// would not be in the equation.
func (b *Batch) explainRefused(i int) Failure {
	var p curve.EdwardsPoint
	if !decode(&p, &b.encodedRs[i]) {
		return ErrRNotPoint
	}
	return ErrEquation
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
