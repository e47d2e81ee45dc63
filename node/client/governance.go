package client

import (
	"context"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// NodeKeys are the new keys of one node, which sign the proposal that names
// them.
type NodeKeys struct {
	Node                     string
	Log, Cosigner, Statement sign.PrivateKey
}

// PolicyPropose proposes, in the name of the author's association, what replaces
// the policy in force, whose id is base. keys is nil if no keys change.
func (a *Author) PolicyPropose(base ledger.PolicyID, quorum uint32, keys *NodeKeys) (ledger.SignedEvent, error) {
	body := &custodyv1.PolicyPropose{Base: base[:], Quorum: quorum}
	event := &custodyv1.Event{Body: &custodyv1.Event_PolicyPropose{PolicyPropose: body}}
	if keys == nil {
		return a.sign(event, nil)
	}
	body.Node = &custodyv1.NodeKeys{
		NodeId: keys.Node, LogKey: keys.Log.Public().Bytes(),
		CosignerKey: keys.Cosigner.Public().Bytes(), StatementKey: keys.Statement.Public().Bytes(),
	}
	draft, err := a.Draft(event, nil, keys.Log.Public(), keys.Cosigner.Public(), keys.Statement.Public())
	if err != nil {
		return ledger.SignedEvent{}, err
	}
	for _, key := range []sign.PrivateKey{keys.Log, keys.Cosigner, keys.Statement} {
		if err := draft.Sign(key); err != nil {
			return ledger.SignedEvent{}, err
		}
	}
	return draft.Signed()
}

// PolicyApprove approves a proposed policy in the name of the author's
// association.
func (a *Author) PolicyApprove(proposal ledger.EventID) (ledger.SignedEvent, error) {
	body := &custodyv1.PolicyApprove{Proposal: proposal[:]}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_PolicyApprove{PolicyApprove: body}}, nil)
}

// GetPolicy asks a node whose signatures make a checkpoint final and what is
// proposed. It is the node's word: an audit, or a bundle, proves it.
func (c *Client) GetPolicy(ctx context.Context, consistency Consistency) (*custodyv1.GetPolicyResponse, error) {
	var response *custodyv1.GetPolicyResponse
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
		response, err = n.audit.GetPolicy(ctx, &custodyv1.GetPolicyRequest{Consistency: consistency.message()})
		if err == nil && len(response.GetId()) != len(ledger.PolicyID{}) {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: "a policy without an id"}
		}
		return err
	})
	return keep(response, err)
}
