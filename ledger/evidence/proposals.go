package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// TwoProposals makes evidence of two proposals of one leader in one term of which
// at most one can stand: both have one counter, or the second one follows the
// first by its counter and names another one as its previous. Cluster is the number
// of the raft cluster, 0 for the founding one.
func TwoProposals(trust *Trust, cluster uint32, a, b Signed) (*Evidence, error) {
	return build(trust, KindTwoProposals, &twoProposals{Cluster: cluster, Proposals: []signedJSON{a.json(), b.json()}})
}

type twoProposals struct {
	Cluster   uint32       `json:"cluster"`
	Proposals []signedJSON `json:"proposals"`
}

func (c *twoProposals) verify(t *Trust) (Verdict, error) {
	if len(c.Proposals) != 2 {
		return Verdict{}, unproven("%d proposals, expected 2", len(c.Proposals))
	}
	var p [2]ledger.Proposal
	var keys [2]statementKey
	for i, s := range c.Proposals {
		var err error
		if p[i], keys[i], err = t.proposal(c.Cluster, s.signed()); err != nil {
			return Verdict{}, err
		}
	}
	a, b := p[0], p[1]
	if a.Node != b.Node || a.Term != b.Term {
		return Verdict{}, unproven("proposals of different leaders or terms: %s in term %d, %s in term %d", a.Node, a.Term, b.Node, b.Term)
	}
	var v Verdict
	switch {
	case a == b:
		return Verdict{}, unproven("the proposals are the same")
	case a.Counter == b.Counter:
		v.prove("%s, leading in term %d, signed two different proposals with counter %d: %x and %x.", keys[0].owner.name, a.Term, a.Counter, a.ID(), b.ID())
	case a.Counter+1 == b.Counter && b.Previous != a.ID():
		v.prove("%s, leading in term %d, signed proposal %x with counter %d, and proposal %x with counter %d that names %x as the one before: two for counter %d.",
			keys[0].owner.name, a.Term, a.ID(), a.Counter, b.ID(), b.Counter, b.Previous, a.Counter)
	default:
		return Verdict{}, unproven("proposals %d and %d do not contradict each other", a.Counter, b.Counter)
	}
	accused := keys[0].accused()
	if keys[1].public != keys[0].public {
		accused.Keys = append(accused.Keys, ledger.KeyText(keys[1].public))
	}
	v.Convicted = []Accused{accused}
	v.limit("which of the two proposals was recorded, or that either was")
	v.limit("whether the association meant it: a stolen key or a node run twice on two copies of its data gives the same picture")
	return v, nil
}

func (c *twoProposals) fact() []string {
	for _, s := range c.Proposals {
		if p, err := ledger.ParseProposal(s.Payload); err == nil {
			return []string{p.Node, fmt.Sprintf("%x %d", p.Cluster, p.Term)}
		}
	}
	return nil
}

// proposal reads a proposal of this ledger's cluster and checks who signed it.
func (t *Trust) proposal(cluster uint32, s Signed) (ledger.Proposal, statementKey, error) {
	if err := t.needGenesis(); err != nil {
		return ledger.Proposal{}, statementKey{}, err
	}
	p, err := ledger.ParseProposal(s.Payload)
	if err != nil {
		return p, statementKey{}, unproven("%v", err)
	}
	if p.Cluster != sign.TagRaftCluster.Sum(t.ledger[:], binary.BigEndian.AppendUint32(nil, cluster)) {
		return p, statementKey{}, unproven("the proposal is not of raft cluster %d of ledger %s", cluster, t.ledger)
	}
	key, err := t.stated(p.Node, sign.ProposalPayloadType, s)
	return p, key, err
}

// LateStampMs is by how much a promise must be younger than the time of the
// proposal that holds its event, in milliseconds.
const LateStampMs = 60_000

// LateStamp makes evidence of a leader whose time on an event lies more than
// LateStampMs before another node promised that it had received it. Content is what
// the proposal's body is the hash of, its first byte, the kind, included.
func LateStamp(trust *Trust, cluster uint32, proposal Signed, content []byte, event ledger.SignedEvent, promise Signed) (*Evidence, error) {
	return build(trust, KindLateStamp, &lateStamp{
		Cluster: cluster, Proposal: proposal.json(), Body: content, Event: eventOf(event), Promise: promise.json(),
	})
}

// submissionsKind is the first byte of a content that holds events.
const submissionsKind = 1

type lateStamp struct {
	Cluster  uint32     `json:"cluster"`
	Proposal signedJSON `json:"proposal"`
	Body     octets     `json:"body"`
	Event    eventJSON  `json:"event"`
	Promise  signedJSON `json:"promise"`
}

func (c *lateStamp) verify(t *Trust) (Verdict, error) {
	proposal, leader, err := t.proposal(c.Cluster, c.Proposal.signed())
	if err != nil {
		return Verdict{}, err
	}
	promise, promiser, err := t.promise(c.Promise.signed())
	if err != nil {
		return Verdict{}, err
	}
	event, err := t.event(c.Event.signed())
	if err != nil {
		return Verdict{}, err
	}
	switch {
	case sha256.Sum256(c.Body) != proposal.Body:
		return Verdict{}, unproven("the content is not what the proposal was signed for")
	case len(c.Body) == 0 || c.Body[0] != submissionsKind || !bytes.Contains(c.Body, c.Event.framed()):
		return Verdict{}, unproven("event %s does not stand in the proposal", event.ID)
	case promise.Event != event.ID:
		return Verdict{}, unproven("the promise is for event %s, the proposal holds event %s", promise.Event, event.ID)
	case promise.Node == proposal.Node:
		return Verdict{}, unproven("node %s promised and proposed; it takes two clocks", promise.Node)
	case promise.ReceivedAt <= proposal.At || promise.ReceivedAt-proposal.At <= LateStampMs:
		return Verdict{}, unproven("the promise says %d ms, the proposal %d ms; it must be more than %d ms earlier", promise.ReceivedAt, proposal.At, LateStampMs)
	}
	v := Verdict{Answerable: []Accused{leader.accused(), promiser.accused()}}
	v.prove("%s stamped event %s with %d ms of unix time, and %s signed that it received it at %d ms, %d ms later.",
		leader.owner.name, event.ID, proposal.At, promiser.owner.name, promise.ReceivedAt, promise.ReceivedAt-proposal.At)
	v.limit("which of the two clocks was wrong")
	v.limit("that the leader stamped it too early: the same event may have reached the leader by another way first, and this node when it was sent again")
	return v, nil
}

func (c *lateStamp) fact() []string {
	p, _ := ledger.ParseProposal(c.Proposal.Payload)
	return []string{p.Node, fmt.Sprintf("%x %d", p.Cluster, p.Term), c.Event.signed().ID().String()}
}
