package cosign

import (
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// errHeadOld: a head below one that this node has signed or seen final.
var errHeadOld = errors.New("cosign: a larger head was signed already")

// sign signs a head of this node's own ledger: its log line and its cosignature.
// The head is on disk as the last one signed before the first signature exists.
// beside are lines of others that the own note keeps.
//
// The error wraps errHeadOld or errNotSigning, or is that of the ledger.
func (s *Cosigner) sign(size uint64, root merkle.Hash, beside ...checkpoint.Signature) ([]checkpoint.Signature, error) {
	keys, err := s.signer()
	if err != nil {
		s.alarms.raise(AlarmNotSigning, "", err.Error())
		return nil, err
	}
	s.alarms.clear(AlarmNotSigning, "")
	if err := s.mayRecall(size); err != nil {
		return nil, err
	}
	s.signing.Lock()
	defer s.signing.Unlock()
	if last, ok := s.ledger.SignedHead(); ok && size < last.Size {
		return nil, fmt.Errorf("%w: %d, this one has %d", errHeadOld, last.Size, size)
	}
	// A clock that was set back must not make a larger head look older than a
	// smaller one: that is what convicts a node which went back.
	at, err := s.ledger.SignHead(size, root, max(s.signedAt, uint64(max(0, s.clock().Unix()))))
	if err != nil {
		return nil, err
	}
	s.signedAt = at
	return s.lines(keys, size, root, beside), nil
}

// lines makes the two signatures and the own note. The caller holds signing and
// has stored the head and signedAt.
func (s *Cosigner) lines(keys signer, size uint64, root merkle.Hash, beside []checkpoint.Signature) []checkpoint.Signature {
	head := checkpoint.Checkpoint{Origin: keys.policy.Origin, Size: size, Root: root}
	lines := []checkpoint.Signature{
		keys.policy.LogKey(keys.node).Sign(keys.log, head, 0),
		keys.policy.CosignerKey(keys.node).Sign(keys.cosigner, head, s.signedAt),
	}
	s.notes.setOwn(&checkpoint.Note{Checkpoint: head, Signatures: append(beside, lines...)})
	return lines
}

// notBefore keeps later cosignatures from being dated before one that is known:
// a node that rejoined has no store that remembers its own.
func (s *Cosigner) notBefore(at uint64) {
	s.signing.Lock()
	defer s.signing.Unlock()
	s.signedAt = max(s.signedAt, at)
}

// remakeOwn signs again what was stored as signed last: the note itself is not
// stored.
func (s *Cosigner) remakeOwn() error {
	last, ok := s.ledger.SignedHead()
	if !ok {
		return nil
	}
	keys, err := s.signer()
	if errors.Is(err, errNotSigning) {
		return nil
	}
	if err != nil {
		return err
	}
	if final, _, err := s.final(); err != nil {
		return err
	} else if final != nil {
		if at, err := keys.policy.CosignerKey(keys.node).Verify(final); err == nil {
			s.notBefore(at)
		}
	}
	head := checkpoint.Checkpoint{Origin: keys.policy.Origin, Size: last.Size, Root: last.Root}
	// The log line alone: it has no time, so that it is the same bytes again.
	s.notes.setOwn(&checkpoint.Note{Checkpoint: head, Signatures: []checkpoint.Signature{keys.policy.LogKey(keys.node).Sign(keys.log, head, 0)}})
	return nil
}
