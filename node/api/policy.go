package api

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// GetPolicy gives whose signatures make a checkpoint final, and what is to follow.
func (s *auditService) GetPolicy(ctx context.Context, request *custodyv1.GetPolicyRequest) (*custodyv1.GetPolicyResponse, error) {
	snapshot, err := s.reader.read(ctx, request.Consistency)
	if err != nil {
		return nil, err
	}
	var response *custodyv1.GetPolicyResponse
	err = closing(snapshot, func() error {
		response = policyMessage(snapshot.Policy())
		response.ReadAt = &custodyv1.ReadAt{Size: snapshot.Size(), LedgerTimeMs: snapshot.Head().RecordedAt}
		if final, ok := snapshot.Final(); ok {
			response.ReadAt.FinalSize = final.Size
		}
		return snapshot.Err()
	})
	return answer(response, err)
}

// GetPolicyProof streams a bundle of the policy alone, under the last final checkpoint.
func (s *auditService) GetPolicyProof(_ *custodyv1.GetPolicyProofRequest, stream custodyv1.AuditService_GetPolicyProofServer) error {
	ctx := stream.Context()
	snapshot, err := s.reader.read(ctx, stale)
	if err != nil {
		return err
	}
	var b *bundle.Bundle
	err = closing(snapshot, func() error {
		final, ok := snapshot.Final()
		if !ok {
			return &fault{code: codes.Unavailable, reason: client.ReasonNoQuorum, retry: retrySoon, message: "no checkpoint is final yet"}
		}
		note, err := checkpoint.ParseNote(final.Note)
		if err != nil {
			return err
		}
		governance, err := snapshot.GovernanceEntries(note.Size)
		if err != nil {
			return err
		}
		b, err = bundle.Build(source{ctx, snapshot}, bundle.Final{
			RulesVersion: s.rulesVersion, Note: note, Policy: snapshot.Policy().For(note.Size), Governance: governance,
		}, nil)
		return tooLarge(err)
	})
	if err != nil {
		return err
	}
	file, err := sealed(b, s.trust)
	if err != nil {
		return err
	}
	return inChunks(file, func(chunk []byte) error { return stream.Send(&custodyv1.GetPolicyProofResponse{Chunk: chunk}) })
}

func policyMessage(state rules.PolicyState) *custodyv1.GetPolicyResponse {
	id := state.InForce.ID()
	m := &custodyv1.GetPolicyResponse{Id: id[:], Quorum: state.InForce.Quorum, SinceIndex: state.Since}
	for _, n := range state.InForce.Nodes {
		m.Nodes = append(m.Nodes, &custodyv1.PolicyNode{Association: n.Association, Keys: nodeKeys(n)})
	}
	for _, p := range state.Proposals {
		m.Proposals = append(m.Proposals, proposalMessage(p))
	}
	if state.Adopted != nil {
		m.Adopted, m.AdoptedIndex = proposalMessage(*state.Adopted), state.AdoptedAt
	}
	return m
}

func proposalMessage(p rules.PolicyProposal) *custodyv1.PolicyProposal {
	m := &custodyv1.PolicyProposal{EventId: p.Event[:], Index: p.Index, Quorum: p.Quorum}
	if p.Node != nil {
		m.Node = nodeKeys(*p.Node)
	}
	for _, association := range p.Approvals {
		m.Approvals = append(m.Approvals, association[:])
	}
	return m
}

func nodeKeys(n ledger.PolicyNode) *custodyv1.NodeKeys {
	return &custodyv1.NodeKeys{NodeId: n.ID, LogKey: n.Log.Bytes(), CosignerKey: n.Cosigner.Bytes(), StatementKey: n.Statement.Bytes()}
}
