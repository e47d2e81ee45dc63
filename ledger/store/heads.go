package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Final is a checkpoint that a quorum of associations made final.
type Final struct {
	checkpoint.Checkpoint
	Note []byte // the signed note, with every line that it came with
}

// SignedHead is a head that this node has signed.
type SignedHead struct {
	Size uint64
	Root merkle.Hash
	At   uint64 // unix seconds: the time of its last cosignature
}

// Errors of SignHead. With each of them nothing was recorded, and nothing may
// be signed.
var (
	// ErrHeadOld: a larger head has been signed here, or is final.
	ErrHeadOld = errors.New("store: a larger head was signed here or is final")
	// ErrHeadSigned: another root was signed here for the same size.
	ErrHeadSigned = errors.New("store: another head of this size was signed here")
	// ErrHeadForeign: this ledger does not have the head.
	ErrHeadForeign = errors.New("store: this ledger does not have that head")
)

// ErrNotFinal says why a note was refused. A refusal has no effect on the
// ledger; every node refuses the same notes.
var ErrNotFinal = errors.New("store: not a final checkpoint of this ledger")

// DivergedError says that a quorum made a checkpoint final that this ledger
// contradicts: the two heads are evidence against everybody who signed both.
type DivergedError struct {
	Own   checkpoint.Checkpoint // of this ledger, at the size of the note
	Final checkpoint.Checkpoint
	Note  []byte
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("store: a quorum made a checkpoint final that this ledger contradicts: final is %s; here size %d has root %s",
		e.Final, e.Own.Size, e.Own.Root)
}

// FinalOutcome says what became of a note.
type FinalOutcome struct {
	// Refused wraps ErrNotFinal; nil if the note stands: it is the last final one
	// now, or has handed over.
	Refused error
	// Final is the checkpoint, if it was not refused.
	Final Final
	// Contradicted is set for a note that is refused as an old one although a
	// quorum signed it, with a root that this ledger does not have.
	Contradicted *DivergedError
}

// Final gives the last final checkpoint that was applied or adopted here; ok is
// false before the first.
func (s *Store) Final() (final Final, ok bool) {
	if f := s.state.Load().final; f != nil {
		return *f, true
	}
	return Final{}, false
}

// Final gives the last final checkpoint as of the snapshot.
func (s *Snapshot) Final() (final Final, ok bool) {
	stored, err := s.reading.final(s.store.state.Load().final)
	s.fail(err)
	if err != nil || stored == nil {
		return Final{}, false
	}
	return *stored, true
}

// Policy gives the policy that is in force at the end of the ledger.
func (s *Store) Policy() ledger.Policy { return s.state.Load().policy.InForce }

// ApplyFinal verifies a signed note and makes its checkpoint the last final one.
// A note of the last final checkpoint itself takes the place of the stored one if a
// quorum cosigned it later, so that an idle ledger shows that its nodes still stand
// by it.
// Where it is the first that covers the adoption of a policy, the handover is
// appended at a ledger time, unix milliseconds. That alone changes the ledger,
// and follows from its entries and the note: which checkpoint was the last final
// one here decides nothing about it. Position is stored in the same batch, also if
// the note is refused. An accepted note is on disk on return: what was final
// stays so through a restart of all nodes, and with it what others know that
// this node's peers have signed. It refuses what Apply refuses.
//
// The error is a *DivergedError, with nothing changed, if a quorum signed
// another root than this ledger has at the note's size. Any other error that
// names no refusal of Apply's is a failure of the store.
func (s *Store) ApplyFinal(position ledger.Position, at uint64, raw []byte) (FinalOutcome, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mayWrite(); err != nil {
		return FinalOutcome{}, err
	}
	if err := s.mayApply(position, make([]Batch, 1)); err != nil {
		return FinalOutcome{}, err
	}
	outcome, err := s.judgeFinal(raw)
	var diverged *DivergedError
	switch {
	case errors.As(err, &diverged):
		return FinalOutcome{}, err
	case err != nil:
		return FinalOutcome{}, s.failure.set(err)
	}
	w := s.newWriter()
	if outcome.Refused == nil {
		if w.next.superseded(outcome.Final) {
			w.final(outcome.Final)
		}
		w.handover(outcome.Final, at)
	}
	w.position(position)
	if outcome.Refused != nil {
		return outcome, w.commit(written)
	}
	return outcome, w.commit(durable)
}

// CheckFinal says what ApplyFinal would make of a note, and changes nothing.
func (s *Store) CheckFinal(raw []byte) (FinalOutcome, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mayWrite(); err != nil {
		return FinalOutcome{}, err
	}
	return s.judgeFinal(raw)
}

// judgeFinal says what a note is to this ledger as it stands. The caller holds
// writing. The error is a *DivergedError or that of a read.
func (s *Store) judgeFinal(raw []byte) (FinalOutcome, error) {
	refuse := func(format string, args ...any) FinalOutcome {
		return FinalOutcome{Refused: fmt.Errorf("%w: "+format, append([]any{ErrNotFinal}, args...)...)}
	}
	st := s.state.Load()
	final, err := verifyFinal(st.policy, raw)
	if err != nil {
		return FinalOutcome{Refused: err}, nil
	}
	if final.Size > st.head.Size {
		return refuse("it is of size %d, the ledger has %d entries", final.Size, st.head.Size), nil
	}
	own, err := s.rootAt(final.Size)
	if err != nil {
		return FinalOutcome{}, err
	}
	var diverged *DivergedError
	if own != final.Root {
		diverged = &DivergedError{
			Own:   checkpoint.Checkpoint{Origin: final.Origin, Size: final.Size, Root: own},
			Final: final.Checkpoint, Note: raw,
		}
	}
	if last := st.final; !st.superseded(final) && !st.policy.HandoverDue(final.Size) {
		outcome := refuse("it is of size %d, size %d is final already, and cosigned no earlier", final.Size, last.Size)
		outcome.Contradicted = diverged
		return outcome, nil
	}
	if diverged != nil {
		return FinalOutcome{}, diverged
	}
	return FinalOutcome{Final: final}, nil
}

// verifyFinal reads a note and asks the policy for its size whether it is final.
// The error wraps ErrNotFinal. The result shares no memory with raw.
func verifyFinal(policy rules.PolicyState, raw []byte) (Final, error) {
	note, err := checkpoint.ParseNote(raw)
	if err == nil {
		_, err = policy.For(note.Size).Checkpoint().Verify(note)
	}
	if err == nil && note.Size == 0 {
		err = errors.New("a checkpoint of an empty ledger")
	}
	if err != nil {
		return Final{}, fmt.Errorf("%w: %w", ErrNotFinal, err)
	}
	return Final{Checkpoint: note.Checkpoint, Note: append([]byte(nil), raw...)}, nil
}

// superseded tells whether a note takes the place of the last final one: it is of
// a larger size, or of the same checkpoint and cosigned later by a quorum.
func (st *state) superseded(by Final) bool {
	last := st.final
	if last == nil || by.Size > last.Size {
		return true
	}
	return by.Checkpoint == last.Checkpoint && quorumTime(st.policy, by.Note) > quorumTime(st.policy, last.Note)
}

// quorumTime gives the latest time, unix seconds, at which or after which a quorum
// cosigned a note: at least one that tells the truth is not before it, so that
// nobody who names a time to come keeps later notes out. 0 for a note that is not
// final.
func quorumTime(policy rules.PolicyState, raw []byte) uint64 {
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return 0
	}
	p := policy.For(note.Size)
	final, err := p.Checkpoint().Verify(note)
	if err != nil || p.Quorum == 0 || int(p.Quorum) > len(final.Cosigned) {
		return 0
	}
	times := make([]uint64, len(final.Cosigned))
	for i, c := range final.Cosigned {
		times[i] = c.At
	}
	slices.Sort(times)
	return times[len(times)-int(p.Quorum)]
}

// rootAt gives the root over the first size entries, at most as many as the
// ledger has.
func (s *Store) rootAt(size uint64) (merkle.Hash, error) {
	if head := s.state.Load().head; head.Size == size {
		return head.Root, nil
	}
	return merkle.RootAt(s.reading(), size)
}

// adoptFinal takes over the last final checkpoint of a target that the ledger
// has reached, if it holds and is newer than the one that is known here.
func (w *writer) adoptFinal(target ledger.Pointer) {
	final, err := verifyFinal(w.next.policy, target.FinalNote)
	if err != nil || final.Size > target.Size {
		return
	}
	if !w.next.superseded(final) {
		return
	}
	root, err := w.store.rootAt(final.Size)
	w.fail(err)
	if err == nil && root == final.Root {
		w.final(final)
	}
}

// SignHead records that this node signs a head, and the time of its cosignature,
// in unix seconds: now, or that of the head signed before if that is later, so that
// no clock makes a larger head look older than a smaller one. On return the record
// is on disk, and with it everything that the head covers; only then may the head
// be signed, with the time that is returned.
//
// It fails with ErrHeadOld, ErrHeadSigned or ErrHeadForeign, with ErrCatchingUp
// while there is a target, or with a failure of the store. The head that was
// signed last may be signed again. It does not hold up Apply, and may be called
// from any goroutine.
func (s *Store) SignHead(size uint64, root merkle.Hash, now uint64) (at uint64, err error) {
	s.signing.Lock()
	defer s.signing.Unlock()
	s.lifecycle.RLock()
	defer s.lifecycle.RUnlock()
	if err := s.mayWrite(); err != nil {
		return 0, err
	}
	again, err := s.maySign(size, root)
	if err != nil {
		return 0, err
	}
	head := SignedHead{Size: size, Root: root, At: now}
	if last := s.signed.Load(); last != nil {
		head.At = max(now, last.At)
		if again && head.At == last.At {
			return head.At, nil
		}
	}
	batch := s.db.NewBatch()
	err = s.failure.guard(func() error {
		if err := batch.Set(metaSigned, head.encode(), nil); err != nil {
			return err
		}
		if err := batch.Commit(pebble.Sync); err != nil {
			return err
		}
		return batch.Close()
	})
	if err != nil {
		return 0, s.failure.set(fmt.Errorf("store: record a signed head: %w", err))
	}
	s.signed.Store(&head)
	return head.At, nil
}

// maySign is nil for a head that may be signed; again says that it is the one
// that was signed last. The caller holds signing.
func (s *Store) maySign(size uint64, root merkle.Hash) (again bool, err error) {
	st := s.state.Load()
	switch last := s.signed.Load(); {
	case st.target != nil:
		return false, fmt.Errorf("%w: no head is signed meanwhile", ErrCatchingUp)
	case last == nil:
	case size < last.Size:
		return false, fmt.Errorf("%w: size %d, after %d", ErrHeadOld, size, last.Size)
	case size == last.Size && root != last.Root:
		return false, fmt.Errorf("%w: at size %d root %s was signed, not %s", ErrHeadSigned, size, last.Root, root)
	case size == last.Size:
		return true, nil
	}
	switch {
	case st.final != nil && size < st.final.Size:
		return false, fmt.Errorf("%w: size %d, size %d is final", ErrHeadOld, size, st.final.Size)
	case size == 0 || size > st.head.Size:
		return false, fmt.Errorf("%w: size %d, it has %d entries", ErrHeadForeign, size, st.head.Size)
	}
	own, err := s.rootAt(size)
	if err != nil {
		return false, err
	}
	if own != root {
		return false, fmt.Errorf("%w: size %d has root %s here, not %s", ErrHeadForeign, size, own, root)
	}
	return false, nil
}

// SignedHead gives the last head that SignHead recorded; ok is false before the
// first.
func (s *Store) SignedHead() (head SignedHead, ok bool) {
	if h := s.signed.Load(); h != nil {
		return *h, true
	}
	return SignedHead{}, false
}

const (
	signedHeadVersion = 2
	finalVersion      = 1
)

// encode writes
//
//	version u8 = 2 | size u64 | root 32 | time u64
func (h SignedHead) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{signedHeadVersion}, h.Size)
	return binary.BigEndian.AppendUint64(append(b, h.Root[:]...), h.At)
}

func decodeSignedHead(b []byte) (SignedHead, error) {
	d := decoder{b: b}
	d.version(signedHeadVersion)
	h := SignedHead{Size: d.uint64()}
	d.fill(h.Root[:])
	h.At = d.uint64()
	return h, d.end()
}

// final sets the last final checkpoint:
//
//	version u8 = 1 | signed note
func (w *writer) final(f Final) {
	w.next.final = &f
	w.set(metaFinal, append([]byte{finalVersion}, f.Note...))
}

// decodeFinal gives known, which may be nil, where the bytes are of that one: reading
// a note costs more than the rest of a read.
func decodeFinal(b []byte, known *Final) (Final, error) {
	d := decoder{b: b}
	d.version(finalVersion)
	if d.err != nil {
		return Final{}, d.err
	}
	if known != nil && bytes.Equal(d.b, known.Note) {
		return *known, nil
	}
	raw := append([]byte(nil), d.b...)
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return Final{}, err
	}
	return Final{Checkpoint: note.Checkpoint, Note: raw}, nil
}

func (r reading) final(known *Final) (*Final, error) {
	var final Final
	found, err := r.get(metaFinal, "the last final checkpoint", func(v []byte) (err error) {
		final, err = decodeFinal(v, known)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	return &final, nil
}

func (r reading) signedHead() (*SignedHead, error) {
	var head SignedHead
	found, err := r.get(metaSigned, "the last signed head", func(v []byte) (err error) {
		head, err = decodeSignedHead(v)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	return &head, nil
}

// checkHeads holds what this node has signed, and what it knows to be final,
// against the ledger that is here: both were on disk after what they cover.
func (s *Store) checkHeads(r reading, st *state, signed *SignedHead) error {
	check := func(what string, size uint64, root merkle.Hash) error {
		if size > st.head.Size {
			return corrupt(nil, "the %s is of size %d, the ledger has %d entries", what, size, st.head.Size)
		}
		own, err := merkle.RootAt(r, size)
		if err == nil && own != root {
			err = corrupt(nil, "the %s of size %d has root %s, the tree gives %s", what, size, root, own)
		}
		return err
	}
	if st.final != nil {
		if err := check("last final checkpoint", st.final.Size, st.final.Root); err != nil {
			return err
		}
	}
	if signed == nil {
		return nil
	}
	return check("last signed head", signed.Size, signed.Root)
}
