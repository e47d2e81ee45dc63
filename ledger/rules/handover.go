package rules

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// HandoverNote gives the note that a handover records of a final one: only lines
// of the policy's keys, the first of each. It fits an entry always.
func HandoverNote(policy ledger.Policy, note *checkpoint.Note) []byte {
	own := &checkpoint.Note{Checkpoint: note.Checkpoint}
	seen := map[lineKey]bool{}
	for _, n := range policy.Nodes {
		seen[lineOf(policy.LogKey(n))], seen[lineOf(policy.CosignerKey(n))] = false, false
	}
	for _, s := range note.Signatures {
		key := lineKey{s.Name, s.KeyID}
		if used, known := seen[key]; known && !used {
			seen[key] = true
			own.Signatures = append(own.Signatures, s)
		}
	}
	return own.Encode()
}

// lineKey is what a signature line says of its key.
type lineKey struct {
	name string
	id   uint32
}

func lineOf(k checkpoint.Key) lineKey { return lineKey{k.Name, k.ID()} }

// Handover appends the entry that brings the adopted policy into force, or says
// why it may not stand here. The note is one that HandoverNote gave: final under
// the policy in force, and of a size that covers the adoption. The proof shows
// that the ledger up to here, whose root the caller computed, continues it. A
// time before the last entry's is moved up to it.
func (s *Sequencer) Handover(note []byte, proof []merkle.Hash, root merkle.Hash, at uint64) (Sequenced, *ledger.Rejection) {
	state := s.state.Policy()
	next, ok := state.Next()
	if !ok {
		return Sequenced{}, ledger.RejectField(ledger.HandoverInvalid, "note", "no policy is adopted that is not in force")
	}
	if rejection := checkHandover(state, note, proof, root, s.head.Size); rejection != nil {
		return Sequenced{}, rejection
	}
	entry := &ledger.Entry{
		Kind:       ledger.KindHandover,
		Index:      s.head.Size,
		RecordedAt: max(at, s.head.RecordedAt),
		Prev:       s.head.LastLeaf,
		Note:       note,
		Proof:      proof,
	}
	b, err := entry.Encode()
	if err != nil {
		return Sequenced{}, ledger.RejectField(ledger.HandoverInvalid, "note", "%v", err)
	}
	s.state.putPolicy(PolicyState{InForce: next, Since: entry.Index, Previous: state.InForce})
	leaf := merkle.LeafHash(b)
	s.head = ledger.Head{Size: s.head.Size + 1, LastLeaf: leaf, RecordedAt: entry.RecordedAt}
	return Sequenced{Entry: entry, Bytes: b, Leaf: leaf}, nil
}

// checkHandover judges a note and a proof against a state in which a policy is
// adopted, and against the ledger's size and root.
func checkHandover(state PolicyState, b []byte, proof []merkle.Hash, root merkle.Hash, size uint64) *ledger.Rejection {
	note, err := checkpoint.ParseNote(b)
	if err != nil {
		return ledger.RejectField(ledger.HandoverInvalid, "note", "%v", err)
	}
	if string(HandoverNote(state.InForce, note)) != string(b) {
		return ledger.RejectField(ledger.HandoverInvalid, "note", "it has lines that are not by keys of the policy in force, or two by one key")
	}
	if _, err := state.InForce.Checkpoint().Verify(note); err != nil {
		return ledger.RejectField(ledger.HandoverInvalid, "note", "under the policy in force: %v", err)
	}
	if !state.HandoverDue(note.Size) {
		return ledger.RejectField(ledger.HandoverInvalid, "note", "its size %d does not cover entry %d, which adopted the policy", note.Size, state.AdoptedAt)
	}
	if note.Size > size {
		return ledger.RejectField(ledger.HandoverInvalid, "note", "its size %d is larger than the ledger up to here, %d", note.Size, size)
	}
	if err := merkle.VerifyConsistency(note.Size, size, note.Root, root, proof); err != nil {
		return ledger.RejectField(ledger.HandoverInvalid, "proof", "%v", fmt.Errorf("the ledger up to here does not continue the note: %w", err))
	}
	return nil
}
