package cosign

import (
	"context"
	"errors"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Cosign answers a leader that asks for this node's signatures under its head.
// It waits for a size that is not applied yet, but not for long. A refusal is an
// answer.
func (s *Cosigner) Cosign(ctx context.Context, caller string, raw []byte) *custodyv1.CosignResponse {
	lines, refusal, err := s.answer(ctx, caller, raw)
	response := &custodyv1.CosignResponse{Refusal: refusal, Own: encoded(s.notes.ownNote())}
	if refusal != "" {
		s.metrics.refusals.WithLabelValues(refusal).Inc()
		s.logger.Debug("refused to cosign", "asked", caller, "reason", refusal, "error", err)
		return response
	}
	for _, line := range lines {
		response.Lines = line.AppendLine(response.Lines)
	}
	return response
}

func (s *Cosigner) answer(ctx context.Context, caller string, raw []byte) (lines []checkpoint.Signature, refusal string, err error) {
	if err := s.ledger.Live(); err != nil {
		return nil, CatchingUp, err
	}
	if s.ledger.Leader() != caller {
		return nil, NotLeader, nil
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return nil, Malformed, err
	}
	if note.Origin != s.config.Genesis.Name || note.Size == 0 {
		return nil, Malformed, nil
	}
	ctx, cancel := context.WithTimeout(ctx, behindPatience)
	defer cancel()
	if err := s.ledger.WaitSize(ctx, note.Size); err != nil {
		return nil, Behind, err
	}
	policy, err := s.ledger.Policy()
	if err != nil {
		return nil, NotSigning, err
	}
	asked, line, err := signedBy(policy, caller, raw)
	if err != nil {
		return nil, Malformed, err
	}
	root, err := s.ledger.RootAt(asked.Size)
	if err != nil {
		return nil, NotSigning, err
	}
	if root != asked.Root {
		// What this node has at that size goes with the refusal, signed, if it may
		// still be signed: both ends keep both.
		_, err := s.sign(asked.Size, root)
		s.differs(caller, asked)
		return nil, HeadDiffers, err
	}
	if final, _, err := s.final(); err != nil || final != nil && asked.Size < final.Size {
		return nil, HeadOld, err
	}
	lines, err = s.sign(asked.Size, root, line)
	switch {
	case errors.Is(err, errHeadOld):
		return nil, HeadOld, err
	case err != nil:
		return nil, NotSigning, err
	}
	return lines, "", nil
}
