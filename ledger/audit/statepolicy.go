package audit

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// The policy's part of the state file, see stateMagic. Names of nodes and
// associations are the genesis'.

func (w *stateWriter) policyState(s *State) {
	w.policy(s.policy.InForce)
	w.uint64(s.policy.Since)
	if s.policy.Since > 0 {
		w.policy(s.policy.Previous)
	}
	w.uint64(s.policy.AdoptedAt)
	proposals := s.policy.Proposals
	if s.policy.Adopted != nil {
		proposals = []rules.PolicyProposal{*s.policy.Adopted}
	}
	w.uint16(len(proposals))
	for i := range proposals {
		w.proposal(s, &proposals[i])
	}
}

func (w *stateWriter) policy(p ledger.Policy) {
	w.uint32(int(p.Quorum))
	for _, n := range p.Nodes {
		w.nodeKeys(n)
	}
}

func (w *stateWriter) nodeKeys(n ledger.PolicyNode) {
	for _, key := range []sign.PublicKey{n.Log, n.Cosigner, n.Statement} {
		wire := key.Bytes()
		w.uint16(len(wire))
		w.bytes(wire)
	}
}

func (w *stateWriter) proposal(s *State, p *rules.PolicyProposal) {
	w.uint64(p.Index)
	w.uint32(int(p.Quorum))
	w.flag(p.Node != nil)
	if p.Node != nil {
		w.uint8(uint8(slices.IndexFunc(s.policy.InForce.Nodes, func(n ledger.PolicyNode) bool { return n.ID == p.Node.ID })))
		w.nodeKeys(*p.Node)
	}
	w.uint8(uint8(len(p.Approvals)))
	for _, id := range p.Approvals {
		w.uint32(int(s.partyRow(id)))
	}
}

func (r *stateReader) policyState(s *State) {
	if r.err != nil {
		return
	}
	s.policy = rules.PolicyState{InForce: r.policy(s), Since: r.index(s)}
	if s.policy.Since > 0 {
		s.policy.Previous = r.policy(s)
	}
	s.policy.AdoptedAt = r.index(s)
	var proposals []rules.PolicyProposal
	r.each(uint64(r.uint16()), func() { proposals = append(proposals, r.proposal(s)) })
	if s.policy.AdoptedAt == 0 {
		s.policy.Proposals = proposals
		return
	}
	if len(proposals) != 1 {
		r.fail("%d adopted policies", len(proposals))
		return
	}
	s.policy.Adopted = &proposals[0]
}

func (r *stateReader) policy(s *State) ledger.Policy {
	p := s.genesis.Policy()
	p.Quorum = r.uint32()
	if r.err == nil && (p.Quorum == 0 || int(p.Quorum) > len(p.Nodes)) {
		r.fail("a quorum of %d of %d", p.Quorum, len(p.Nodes))
	}
	for i := range p.Nodes {
		r.nodeKeys(&p.Nodes[i])
	}
	return p
}

func (r *stateReader) nodeKeys(n *ledger.PolicyNode) {
	for _, key := range []*sign.PublicKey{&n.Log, &n.Cosigner, &n.Statement} {
		wire := []byte(r.short())
		if r.err != nil {
			return
		}
		public, err := sign.ParsePublicKey(wire)
		if err != nil {
			r.fail("key of a node: %v", err)
			return
		}
		*key = public
	}
}

func (r *stateReader) proposal(s *State) rules.PolicyProposal {
	p := rules.PolicyProposal{Index: r.index(s), Quorum: r.uint32()}
	if r.flag() {
		row := int(r.uint8())
		if r.err == nil && row >= len(s.policy.InForce.Nodes) {
			r.fail("node %d of %d", row, len(s.policy.InForce.Nodes))
		}
		if r.err != nil {
			return p
		}
		node := s.policy.InForce.Nodes[row]
		r.nodeKeys(&node)
		p.Node = &node
	}
	r.each(uint64(r.uint8()), func() {
		if row := r.row(len(s.parties)); r.err == nil {
			p.Approvals = append(p.Approvals, s.parties[row].ID)
		}
	})
	if r.err == nil && len(p.Approvals) == 0 {
		r.fail("a proposal that nobody made")
	}
	if r.err == nil {
		p.Event = s.events[p.Index]
	}
	return p
}
