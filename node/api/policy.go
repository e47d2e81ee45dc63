package api

import (
	"context"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
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
