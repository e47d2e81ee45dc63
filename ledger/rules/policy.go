package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// PolicyState is whose signatures make a checkpoint final, and what is to follow.
//
//  1. Either proposals are open or one is adopted, never both.
//  2. An association has at most one open proposal.
//  3. Every proposal is based on the policy in force, and none has been approved
//     by as many associations as that one asks for.
type PolicyState struct {
	InForce ledger.Policy
	Since   uint64 // index of the handover that brought it into force; 0, the genesis, for the first
	// Previous was in force until then; zero for the first policy.
	Previous ledger.Policy
	// Proposals are open, in the order in which they were recorded.
	Proposals []PolicyProposal
	// Adopted waits for its handover, AdoptedAt is the index of the entry that
	// adopted it; nil and 0 if none does.
	Adopted   *PolicyProposal
	AdoptedAt uint64
}

// PolicyProposal is what an association wants to be different from the policy in
// force.
type PolicyProposal struct {
	Event  ledger.EventID
	Index  uint64 // of the entry that proposes it
	Quorum uint32
	// Node is one node with its new keys; nil if no keys change.
	Node *ledger.PolicyNode
	// Approvals are of different associations that have a node in the policy, in
	// the order in which they were recorded; the first is the proposer.
	Approvals []ledger.PartyID
}

// Policy gives the policy that the proposal makes of the one it is based on.
func (p PolicyProposal) Policy(base ledger.Policy) ledger.Policy {
	next := ledger.Policy{Origin: base.Origin, Quorum: p.Quorum, Nodes: slices.Clone(base.Nodes)}
	for i := range next.Nodes {
		if p.Node != nil && next.Nodes[i].ID == p.Node.ID {
			next.Nodes[i] = *p.Node
		}
	}
	return next
}

// For gives the policy that judges a checkpoint of a size: the one in force after
// so many entries, looking back over one handover. The last final checkpoint
// never lies further back.
func (s PolicyState) For(size uint64) ledger.Policy {
	if s.Since > 0 && size <= s.Since {
		return s.Previous
	}
	return s.InForce
}

// Next gives the policy that is adopted and not in force yet.
func (s PolicyState) Next() (ledger.Policy, bool) {
	if s.Adopted == nil {
		return ledger.Policy{}, false
	}
	return s.Adopted.Policy(s.InForce), true
}

// HandoverDue tells whether a final checkpoint of a size brings the adopted
// policy into force: it covers the entry that adopted it.
func (s PolicyState) HandoverDue(size uint64) bool {
	return s.Adopted != nil && size > s.AdoptedAt
}

// policyPropose: an association proposes what replaces the policy in force. Its
// own open proposal falls.
func (j *judge) policyPropose(body *custodyv1.PolicyPropose) *ledger.Rejection {
	state := j.state.Policy()
	if rejection := j.hasNode(state); rejection != nil {
		return rejection
	}
	nodes := len(state.InForce.Nodes)
	switch {
	case state.Adopted != nil:
		return ledger.RejectField(ledger.PolicyPending, "policy_propose", "the policy that entry %d adopted is not in force yet; propose after its handover", state.AdoptedAt)
	case ledger.PolicyID(body.Base) != state.InForce.ID():
		return ledger.RejectField(ledger.PolicyStale, "policy_propose.base", "the policy in force is %s", state.InForce.ID())
	case int(body.Quorum) <= nodes/2 || int(body.Quorum) > nodes:
		return ledger.RejectField(ledger.QuorumInvalid, "policy_propose.quorum", "%d, expected a majority of %d nodes, at most all", body.Quorum, nodes)
	case body.Node == nil && body.Quorum == state.InForce.Quorum:
		return ledger.RejectField(ledger.PolicyUnchanged, "policy_propose", "the quorum is %d already, and no keys change", body.Quorum)
	}
	proposal := PolicyProposal{Event: j.event.ID, Index: j.index, Quorum: body.Quorum, Approvals: []ledger.PartyID{j.party.ID}}
	if body.Node != nil {
		node, ok := state.InForce.Node(body.Node.NodeId)
		if !ok || node.Association != j.party.Name {
			return ledger.RejectField(ledger.UnknownNode, "policy_propose.node.node_id", "association %s has no node %s in the policy; it replaces the keys of its own node only", j.party.Name, body.Node.NodeId)
		}
		node.Log, node.Cosigner, node.Statement = j.introduced[0], j.introduced[1], j.introduced[2]
		proposal.Node = &node
	}
	state.Proposals = slices.DeleteFunc(slices.Clone(state.Proposals), func(p PolicyProposal) bool { return p.Approvals[0] == j.party.ID })
	state.Proposals = append(state.Proposals, proposal)
	return j.putPolicy(state, len(state.Proposals)-1, "policy_propose")
}

// policyApprove: an association joins those that approve a proposal.
func (j *judge) policyApprove(body *custodyv1.PolicyApprove) *ledger.Rejection {
	state := j.state.Policy()
	if rejection := j.hasNode(state); rejection != nil {
		return rejection
	}
	at := slices.IndexFunc(state.Proposals, func(p PolicyProposal) bool { return p.Event == ledger.EventID(body.Proposal) })
	switch {
	case state.Adopted != nil && state.Adopted.Event == ledger.EventID(body.Proposal):
		return ledger.RejectField(ledger.PolicyPending, "policy_approve.proposal", "entry %d adopted it; it comes into force with the next final checkpoint", state.AdoptedAt)
	case at < 0:
		return ledger.RejectField(ledger.UnknownProposal, "policy_approve.proposal", "no open proposal has this event id")
	case slices.Contains(state.Proposals[at].Approvals, j.party.ID):
		return ledger.RejectField(ledger.AlreadyApproved, "policy_approve.proposal", "the association has approved it already")
	}
	state.Proposals = slices.Clone(state.Proposals)
	p := &state.Proposals[at]
	p.Approvals = append(slices.Clone(p.Approvals), j.party.ID)
	return j.putPolicy(state, at, "policy_approve.proposal")
}

// hasNode refuses an association that has no node in the policy in force: who
// makes checkpoints final says who will.
func (j *judge) hasNode(state PolicyState) *ledger.Rejection {
	if !slices.ContainsFunc(state.InForce.Nodes, func(n ledger.PolicyNode) bool { return n.Association == j.party.Name }) {
		return ledger.RejectField(ledger.NoNode, "party", "association %s has no node in the policy in force", j.party.Name)
	}
	return nil
}

// putPolicy writes the state in which one proposal was made or approved. Where
// that fills the quorum in force it is adopted, and all others fall. The keys of
// an adopted policy are the ledger's from then on.
func (j *judge) putPolicy(state PolicyState, at int, field string) *ledger.Rejection {
	p := state.Proposals[at]
	if len(p.Approvals) < int(state.InForce.Quorum) {
		j.state.putPolicy(state)
		return nil
	}
	var keys []sign.PublicKey
	if p.Node != nil {
		keys = []sign.PublicKey{p.Node.Log, p.Node.Cosigner, p.Node.Statement}
	}
	for _, key := range keys {
		if _, taken := j.state.Key(key.ID()); taken {
			return ledger.RejectField(ledger.KeyInUse, field, "key %s came into use since it was proposed; propose other keys", ledger.KeyIDText(key.ID()))
		}
	}
	for _, key := range keys {
		j.state.putKey(nodeKey(key, p.Approvals[0], j.index))
	}
	state.Proposals, state.Adopted, state.AdoptedAt = nil, &p, j.index
	j.state.putPolicy(state)
	return nil
}

// nodeKey registers a key of a node, so that it serves no other use: it has no
// scope and signs no event.
func nodeKey(key sign.PublicKey, association ledger.PartyID, index uint64) Key {
	return Key{Public: key, Party: association, Added: index, Revoked: ledger.NoLink}
}
