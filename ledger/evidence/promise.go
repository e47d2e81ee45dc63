package evidence

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// NodeSignature is one node's signature over what several nodes state alike.
type NodeSignature struct {
	Node      string
	Signature []byte
}

// BrokenPromise makes evidence of an event that a node promised to see settled, and
// that is not in the ledger past the deadline by the word of as many associations
// as the policy asks for. Absence is the payload that they signed.
func BrokenPromise(trust *Trust, promise Signed, absence []byte, signatures []NodeSignature) (*Evidence, error) {
	c := &brokenPromise{Promise: promise.json(), Absence: absenceJSON{Payload: absence, Signatures: []nodeSignature{}}}
	for _, s := range signatures {
		c.Absence.Signatures = append(c.Absence.Signatures, nodeSignature{s.Node, s.Signature})
	}
	return build(trust, KindBrokenPromise, c)
}

type brokenPromise struct {
	Promise signedJSON  `json:"promise"`
	Absence absenceJSON `json:"absence"`
}

type absenceJSON struct {
	Payload    octets          `json:"payload"`
	Signatures []nodeSignature `json:"signatures"`
}

type nodeSignature struct {
	Node      string `json:"node"`
	Signature octets `json:"signature"`
}

func (c *brokenPromise) verify(t *Trust) (Verdict, error) {
	promise, promiser, err := t.promise(c.Promise.signed())
	if err != nil {
		return Verdict{}, err
	}
	absence, err := ledger.ParseAbsence(c.Absence.Payload)
	if err != nil {
		return Verdict{}, unproven("%v", err)
	}
	switch {
	case absence.Ledger != t.ledger:
		return Verdict{}, unproven("the absence is stated of ledger %s, the trusted one is %s", absence.Ledger, t.ledger)
	case absence.Event != promise.Event:
		return Verdict{}, unproven("the promise is for event %s, the absence is stated of event %s", promise.Event, absence.Event)
	case absence.At <= promise.Deadline:
		return Verdict{}, unproven("the absence is stated at ledger time %d ms, the deadline is %d ms; it must be later", absence.At, promise.Deadline)
	}
	stating, err := t.quorum(c.Absence)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Answerable: []Accused{promiser.accused()}}
	v.prove("%s signed that event %s reached it at %d ms of unix time and is recorded or refused by %d ms of ledger time.", promiser.owner.name, promise.Event, promise.ReceivedAt, promise.Deadline)
	v.prove("By the word of %s, the event is not in the ledger of size %d, whose last entry was recorded at %d ms.", names(stating), absence.Size, absence.At)
	v.limit("that the event was not refused: whoever has it can run the rules on it; a refusal is not recorded")
	v.limit("which node held it back: the one that promised, by not forwarding it, or a leader, by ignoring it")
	return v, nil
}

func (c *brokenPromise) fact() []string {
	p, _ := ledger.ParsePromise(c.Promise.Payload)
	return []string{p.Node, p.Event.String()}
}

// quorum checks the signatures, each by a different node, and demands as many of
// different associations as one of the policies asks for.
func (t *Trust) quorum(a absenceJSON) ([]Accused, error) {
	var nodes []string
	var stating []Accused
	for _, s := range a.Signatures {
		if slices.Contains(nodes, s.Node) {
			return nil, unproven("node %.40q stands twice", s.Node)
		}
		key, err := t.stated(s.Node, sign.AbsencePayloadType, Signed{a.Payload, s.Signature})
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, s.Node)
		stating = append(stating, key.accused())
	}
	for _, p := range t.policies {
		count := uint32(0)
		for _, n := range p.Nodes {
			if slices.Contains(nodes, n.ID) {
				count++
			}
		}
		if count >= p.Quorum {
			return stating, nil
		}
	}
	return nil, unproven("%d nodes state the absence, which is no quorum", len(nodes))
}

// promise reads a promise on this ledger and checks who signed it.
func (t *Trust) promise(s Signed) (ledger.Promise, statementKey, error) {
	if err := t.needGenesis(); err != nil {
		return ledger.Promise{}, statementKey{}, err
	}
	p, err := ledger.ParsePromise(s.Payload)
	switch {
	case err != nil:
		return p, statementKey{}, unproven("%v", err)
	case p.Ledger != t.ledger:
		return p, statementKey{}, unproven("the promise is made on ledger %s, the trusted one is %s", p.Ledger, t.ledger)
	}
	key, err := t.stated(p.Node, sign.PromisePayloadType, s)
	return p, key, err
}
