package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
)

// Kinds of what Config.SaveEvidence is given.
const (
	// EvidenceFinalDiffers: a quorum signed a root that this ledger does not have.
	EvidenceFinalDiffers = "final-differs"
)

// ErrNoteRefused says that a note was replicated, or could not be, and did not
// become the last final checkpoint: it is malformed, lacks a quorum, or is neither
// newer than the last one nor the same one cosigned later.
var ErrNoteRefused = errors.New("replica: the note does not make a checkpoint final")

// ProposeFinal has a signed note replicated, at the leader, and returns when it
// is applied here: the checkpoint is then the last final one. The errors are
// those of consensus.Node.Propose, and ErrNoteRefused.
func (r *Replica) ProposeFinal(ctx context.Context, note []byte) error {
	if len(note) == 0 || len(note) > checkpoint.NoteBytesMax {
		return fmt.Errorf("%w: it has %d bytes", ErrNoteRefused, len(note))
	}
	if err := r.mayPropose(); err != nil {
		return err
	}
	command, err := r.proposer.seal(r.clock(), kindFinal, append(r.proposer.body(len(note)), note...))
	if err != nil {
		return err
	}
	result, err := r.node.Propose(ctx, command)
	if err != nil {
		return err
	}
	a, ok := result.(*applied)
	switch {
	case !ok:
		return unknown(fmt.Errorf("the machine answered with a %T", result))
	case a.refused != nil:
		return fmt.Errorf("%w: %s", ErrNoteRefused, a.refused.Message)
	case a.final != nil && a.final.Refused != nil:
		return fmt.Errorf("%w: %w", ErrNoteRefused, a.final.Refused)
	}
	return nil
}

// Final gives the last final checkpoint that this node has applied; ok is false
// before the first.
func (r *Replica) Final() (final store.Final, ok bool) { return r.store.Final() }

// WaitFinal returns when a final checkpoint of at least a size is applied here,
// and gives the last one.
func (r *Replica) WaitFinal(ctx context.Context, size uint64) (store.Final, error) {
	if err := r.finals.wait(ctx, size); err != nil {
		return store.Final{}, err
	}
	final, _ := r.store.Final()
	return final, nil
}

// SignHead records durably that this node signs a head. See store.SignHead.
func (r *Replica) SignHead(size uint64, root merkle.Hash, now uint64) (at uint64, err error) {
	return r.store.SignHead(size, root, now)
}

// SignedHead gives the last head that this node has signed.
func (r *Replica) SignedHead() (head store.SignedHead, ok bool) { return r.store.SignedHead() }

// Head gives the number of entries that are applied here and the root over them.
func (r *Replica) Head() (size uint64, root merkle.Hash) { return r.store.Head() }

// RootAt gives the root over the first size entries; ErrOutOfRange for more than
// this node has.
func (r *Replica) RootAt(size uint64) (merkle.Hash, error) {
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	if size > snapshot.Size() {
		return merkle.Hash{}, fmt.Errorf("%w: size %d of a ledger of %d entries", ErrOutOfRange, size, snapshot.Size())
	}
	return merkle.RootAt(snapshot, size)
}

// ConsistencyProof proves that the tree of size from is a prefix of that of size
// to; ErrOutOfRange unless 1 ≤ from ≤ to ≤ the size of this ledger.
func (r *Replica) ConsistencyProof(from, to uint64) ([]merkle.Hash, error) {
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	if from == 0 || from > to || to > snapshot.Size() {
		return nil, fmt.Errorf("%w: sizes %d and %d of a ledger of %d entries", ErrOutOfRange, from, to, snapshot.Size())
	}
	return merkle.ConsistencyProof(snapshot, from, to)
}

// InclusionProof proves that an entry stands in the tree of a size; ErrOutOfRange
// unless index < size ≤ the size of this ledger.
func (r *Replica) InclusionProof(index, size uint64) ([]merkle.Hash, error) {
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	if index >= size || size > snapshot.Size() {
		return nil, fmt.Errorf("%w: entry %d at size %d of a ledger of %d entries", ErrOutOfRange, index, size, snapshot.Size())
	}
	return merkle.InclusionProof(snapshot, index, size)
}

// Policy gives the policy in force.
func (r *Replica) Policy() ledger.Policy { return r.store.Policy() }

// Leading gives the term in which this node leads and may propose; ok is false
// while it does not.
func (r *Replica) Leading() (term uint64, ok bool) { return r.node.Leading() }

// Live is nil unless the node starts, catches up or stops.
func (r *Replica) Live() error { return r.live() }

// diverged keeps the evidence and says that this process must end.
func (m *machine) diverged(err *store.DivergedError) error {
	m.evidence(EvidenceFinalDiffers, err.Own.Text(), err.Note)
	return fmt.Errorf("%w: %w", consensus.ErrDiverged, err)
}

// finalNote is consensus.Config.FinalNote.
func (r *Replica) finalNote() []byte {
	final, _ := r.store.Final()
	return final.Note
}

// checkPointer is consensus.Config.CheckPointer. What a pointer names must be
// what this ledger was, or come after the last checkpoint that is final here,
// as its own final note says. That note may have been made final under a policy
// that this node does not know yet; then two nodes that it knows must have
// cosigned it, so that no node alone can lead this one astray.
func (r *Replica) checkPointer(p ledger.Pointer) error {
	own, ok := r.store.Final()
	if !ok {
		return nil
	}
	if at := r.store.Position(); p.Cluster == at.Cluster && p.Index <= at.Index {
		return r.checkPast(p)
	}
	note, err := checkpoint.ParseNote(p.FinalNote)
	if err != nil {
		return fmt.Errorf("%w: its final note: %w", errPointer, err)
	}
	switch {
	case note.Origin != own.Origin || note.Size > p.Size || note.Size == p.Size && note.Root != p.Root:
		return fmt.Errorf("%w: of size %d, with the final note of %s", errPointer, p.Size, note.Checkpoint)
	case note.Size < own.Size || note.Size == own.Size && note.Root != own.Root:
		return fmt.Errorf("%w: its last final checkpoint is %s, here it is %s", errPointer, note.Checkpoint, own.Checkpoint)
	}
	policy := r.store.Policy()
	if _, err = policy.Checkpoint().Verify(note); err == nil {
		return r.checkRoot(note, p.FinalNote)
	}
	cosigned := 0
	for _, n := range policy.Nodes {
		if _, err := policy.CosignerKey(n).Verify(note); err == nil {
			cosigned++
		}
	}
	if cosigned < min(2, len(policy.Nodes)) {
		return fmt.Errorf("%w: its final note: %w", errPointer, err)
	}
	return nil
}

// errPointer is wrapped by every refusal of a pointer.
var errPointer = errors.New("replica: the pointer does not extend what is final here")

// checkPast asks whether the ledger was what a pointer names.
func (r *Replica) checkPast(p ledger.Pointer) error {
	root, err := r.RootAt(p.Size)
	if err != nil {
		return err
	}
	if root != p.Root {
		return fmt.Errorf("%w: it names root %s for size %d, which is %s here", errPointer, p.Root, p.Size, root)
	}
	return nil
}

// checkRoot holds a note that a quorum signed against this ledger, as far as it
// reaches.
func (r *Replica) checkRoot(note *checkpoint.Note, raw []byte) error {
	size, _ := r.store.Head()
	if note.Size > size {
		return nil
	}
	root, err := r.RootAt(note.Size)
	if err != nil || root == note.Root {
		return err
	}
	own := note.Checkpoint
	own.Root = root
	return r.machine.diverged(&store.DivergedError{Own: own, Final: note.Checkpoint, Note: raw})
}
