package store

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

const (
	policyVersion = 1
	policyAdopted = 1 // the one proposal that stands is adopted

	policyNodeBytesMin     = 2 + 3*2
	policyProposalBytesMin = 32 + 1 + 1 + 1 + 1 + partyBytes
)

// encodePolicy writes
//
//	version u8 = 1 | flags u8 | policy | since | policy before, where since is not 0
//	proposals: count, (event 32, index, quorum, node count 0 or 1, node, approvals: count, party 20...)...
//	adopted at, where the flag is set
//
// A policy is origin | quorum | nodes: count, node...
// A node is id | association | log, cosigner, statement key: wire form u8 length + bytes.
func encodePolicy(s rules.PolicyState) ([]byte, error) {
	var e encoder
	e.uint8(policyVersion)
	e.uint8(bit(s.Adopted != nil, policyAdopted))
	e.policy(s.InForce)
	e.number(s.Since)
	if s.Since > 0 {
		e.policy(s.Previous)
	}
	proposals := s.Proposals
	if s.Adopted != nil {
		if len(proposals) > 0 {
			e.fail("open proposals beside an adopted one")
		}
		proposals = []rules.PolicyProposal{*s.Adopted}
	}
	e.number(uint64(len(proposals)))
	for _, p := range proposals {
		e.proposal(p)
	}
	if s.Adopted != nil {
		e.number(s.AdoptedAt)
	}
	return e.b, e.err
}

func decodePolicy(b []byte) (rules.PolicyState, error) {
	d := decoder{b: b}
	d.version(policyVersion)
	adopted := d.flags(policyAdopted) != 0
	s := rules.PolicyState{InForce: d.policy(), Since: d.number()}
	if s.Since > 0 {
		s.Previous = d.policy()
	}
	for range d.count(policyProposalBytesMin) {
		s.Proposals = append(s.Proposals, d.proposal())
	}
	if adopted {
		if len(s.Proposals) != 1 {
			d.fail("%d adopted policies", len(s.Proposals))
			return s, d.end()
		}
		s.Adopted, s.Proposals = &s.Proposals[0], nil
		s.AdoptedAt = d.number()
	}
	return s, d.end()
}

func (e *encoder) policy(p ledger.Policy) {
	e.text(p.Origin)
	e.number(uint64(p.Quorum))
	e.number(uint64(len(p.Nodes)))
	for _, n := range p.Nodes {
		e.policyNode(n)
	}
}

func (d *decoder) policy() ledger.Policy {
	p := ledger.Policy{Origin: d.text(), Quorum: d.small()}
	for range d.count(policyNodeBytesMin) {
		p.Nodes = append(p.Nodes, d.policyNode())
	}
	return p
}

func (e *encoder) proposal(p rules.PolicyProposal) {
	e.bytes(p.Event[:])
	e.number(p.Index)
	e.number(uint64(p.Quorum))
	e.uint8(bit(p.Node != nil, 1))
	if p.Node != nil {
		e.policyNode(*p.Node)
	}
	if len(p.Approvals) == 0 {
		e.fail("a proposal that nobody made")
	}
	e.number(uint64(len(p.Approvals)))
	for _, party := range p.Approvals {
		e.bytes(party[:])
	}
}

func (d *decoder) proposal() rules.PolicyProposal {
	var p rules.PolicyProposal
	d.fill(p.Event[:])
	p.Index = d.number()
	p.Quorum = d.small()
	if d.flags(1) != 0 {
		node := d.policyNode()
		p.Node = &node
	}
	for range d.count(partyBytes) {
		var party ledger.PartyID
		d.fill(party[:])
		p.Approvals = append(p.Approvals, party)
	}
	if len(p.Approvals) == 0 {
		d.fail("a proposal that nobody made")
	}
	return p
}

func (e *encoder) policyNode(n ledger.PolicyNode) {
	e.text(n.ID)
	e.text(n.Association)
	for _, key := range []sign.PublicKey{n.Log, n.Cosigner, n.Statement} {
		e.text(string(key.Bytes()))
	}
}

func (d *decoder) policyNode() ledger.PolicyNode {
	return ledger.PolicyNode{ID: d.text(), Association: d.text(), Log: d.publicKey(), Cosigner: d.publicKey(), Statement: d.publicKey()}
}

func (d *decoder) publicKey() sign.PublicKey {
	key, err := sign.ParsePublicKey(d.take(int(d.uint8())))
	if err != nil {
		d.fail("%v", err)
	}
	return key
}

// small reads a number of 32 bits.
func (d *decoder) small() uint32 {
	v := d.number()
	if v > 1<<32-1 {
		d.fail("the number %d", v)
	}
	return uint32(v)
}
