package client

import (
	"context"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
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

// PolicyBundle fetches a bundle of no items, which leads from the genesis to the
// policy in force at the last final checkpoint, and verifies it. From then on the
// client trusts that policy. A node may keep newer changes back: the report says at
// which size the policy was in force.
func (c *Client) PolicyBundle(ctx context.Context) (file []byte, report *bundle.Report, err error) {
	_, err = c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
		file, report, err = c.policyBundle(ctx, n)
		return err
	})
	return file, report, err
}

func (c *Client) policyBundle(ctx context.Context, n *node) ([]byte, *bundle.Report, error) {
	stream, err := n.audit.GetPolicyProof(ctx, &custodyv1.GetPolicyProofRequest{})
	if err != nil {
		return nil, nil, err
	}
	file, err := wholeBundle(n, stream.Recv)
	if err != nil {
		return nil, nil, err
	}
	_, report, err := c.verifyBundle(n, file)
	if err != nil {
		return nil, nil, err
	}
	c.learn(report)
	return file, report, nil
}

// learnPolicy asks a node to prove the policy in force: the one that the client knows
// may have been handed over from. It tells whether that is new to it.
func (c *Client) learnPolicy(ctx context.Context, n *node) bool {
	before := len(c.policies.all())
	_, _, err := c.policyBundle(ctx, n)
	return err == nil && len(c.policies.all()) > before
}

// GetPolicy asks a node whose signatures make a checkpoint final and what is
// proposed. It is the node's word: PolicyBundle proves what is in force.
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
