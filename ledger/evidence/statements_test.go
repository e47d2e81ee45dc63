package evidence

import (
	"crypto/sha256"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestTwoProposals(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	make := func(node int, change func(*ledger.Proposal)) Signed {
		p := ledger.Proposal{Cluster: clusterID(w.id, 0), Node: w.policy.Nodes[node].ID, Term: 3, Counter: 7, At: start}
		change(&p)
		return w.state(node, sign.ProposalPayloadType, p.Payload())
	}
	plain := make(0, func(*ledger.Proposal) {})
	for name, other := range map[string]Signed{
		"another time":     make(0, func(p *ledger.Proposal) { p.At++ }),
		"another body":     make(0, func(p *ledger.Proposal) { p.Body[0]++ }),
		"another previous": make(0, func(p *ledger.Proposal) { p.Previous[0]++ }),
		"not its follower": make(0, func(p *ledger.Proposal) { p.Counter, p.Previous = 8, [32]byte{1} }),
	} {
		e, err := TwoProposals(w.trust, 0, plain, other)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w.holds(e, err, w.trust, n0, "")
	}
	first, err := ledger.ParseProposal(plain.Payload)
	if err != nil {
		t.Fatal(err)
	}
	flipped := make(0, func(p *ledger.Proposal) { p.At++ })
	flipped.Signature[5] ^= 1
	impostor := make(0, func(p *ledger.Proposal) { p.At++ })
	impostor.Signature = w.state(1, sign.ProposalPayloadType, impostor.Payload).Signature
	promise := make(0, func(p *ledger.Proposal) { p.At++ })
	promise.Signature = w.state(0, sign.PromisePayloadType, promise.Payload).Signature
	for name, test := range map[string]struct {
		other Signed
		says  string
	}{
		"the same twice":         {plain, "the same"},
		"its follower":           {make(0, func(p *ledger.Proposal) { p.Counter, p.Previous = 8, first.ID() }), "do not contradict"},
		"one further on":         {make(0, func(p *ledger.Proposal) { p.Counter = 9 }), "do not contradict"},
		"another term":           {make(0, func(p *ledger.Proposal) { p.Term++ }), "different leaders or terms"},
		"another leader":         {make(1, func(*ledger.Proposal) {}), "different leaders or terms"},
		"another cluster":        {make(0, func(p *ledger.Proposal) { p.Cluster = clusterID(w.id, 1) }), "raft cluster 0"},
		"another ledger":         {make(0, func(p *ledger.Proposal) { p.Cluster = clusterID(ledger.LedgerID{}, 0) }), "raft cluster 0"},
		"a node unknown":         {make(0, func(p *ledger.Proposal) { p.Node = "x" }), "no node"},
		"a flipped signature":    {flipped, "does not hold"},
		"signed by another":      {impostor, "does not hold"},
		"signed as a promise":    {promise, "does not hold"},
		"a payload cut short":    {Signed{plain.Payload[:40], plain.Signature}, "cut short"},
		"a payload with a byte":  {Signed{append(append([]byte{}, plain.Payload...), 0), plain.Signature}, "after the end"},
		"nothing":                {Signed{}, "cut short"},
		"a signature cut short":  {Signed{plain.Payload, plain.Signature[:63]}, "does not hold"},
		"no signature whatever":  {Signed{plain.Payload, nil}, "does not hold"},
		"a signature of nothing": {Signed{plain.Payload, []byte{}}, "does not hold"},
	} {
		_, err := TwoProposals(w.trust, 0, plain, test.other)
		refuses(t, name, err, ErrUnproven, test.says)
	}
	_, err = TwoProposals(w.files, 0, plain, make(0, func(p *ledger.Proposal) { p.At++ }))
	refuses(t, "a policy file only", err, ErrTrust, "genesis")
}

func TestBrokenPromise(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	event := ledger.EventID{1}
	promise := func(change func(*ledger.Promise)) Signed {
		p := ledger.Promise{Ledger: w.id, Event: event, Node: "n1", ReceivedAt: start, Deadline: start + 60_000}
		change(&p)
		return w.state(1, sign.PromisePayloadType, p.Payload())
	}
	absence := func(change func(*ledger.Absence)) []byte {
		a := ledger.Absence{Ledger: w.id, Event: event, Size: 9, Root: merkle.LeafHash(nil), At: start + 60_001}
		change(&a)
		return a.Payload()
	}
	by := func(payload []byte, nodes ...int) (list []NodeSignature) {
		for _, n := range nodes {
			list = append(list, NodeSignature{w.policy.Nodes[n].ID, w.state(n, sign.AbsencePayloadType, payload).Signature})
		}
		return list
	}
	plain, none := promise(func(*ledger.Promise) {}), absence(func(*ledger.Absence) {})
	e, err := BrokenPromise(w.trust, plain, none, by(none, 0, 2))
	w.holds(e, err, w.trust, "", n1)
	e, err = BrokenPromise(w.trust, plain, none, by(none, 0, 1, 2))
	w.holds(e, err, w.trust, "", n1)

	flipped := by(none, 0, 2)
	flipped[1].Signature[9] ^= 1
	renamed := by(none, 0, 2)
	renamed[1].Node = "n1"
	stranger := append(by(none, 0, 2), NodeSignature{Node: "x"})
	onTime := absence(func(a *ledger.Absence) { a.At = start + 60_000 })
	otherEvent := absence(func(a *ledger.Absence) { a.Event[0]++ })
	otherLedger := absence(func(a *ledger.Absence) { a.Ledger[0]++ })
	for name, test := range map[string]struct {
		promise    Signed
		absence    []byte
		signatures []NodeSignature
		says       string
	}{
		"at the deadline":               {plain, onTime, by(onTime, 0, 2), "must be later"},
		"one node's word":               {plain, none, by(none, 0), "no quorum"},
		"nobody's word":                 {plain, none, nil, "no quorum"},
		"one node's word twice":         {plain, none, by(none, 0, 0), "stands twice"},
		"a flipped signature":           {plain, none, flipped, "does not hold"},
		"another node's name":           {plain, none, renamed, "does not hold"},
		"a stranger beside a quorum":    {plain, none, stranger, "no node"},
		"signed over another absence":   {plain, none, by(otherEvent, 0, 2), "does not hold"},
		"absence of another event":      {plain, otherEvent, by(otherEvent, 0, 2), "absence is stated of event"},
		"absence on another ledger":     {plain, otherLedger, by(otherLedger, 0, 2), "absence is stated of ledger"},
		"promise on another ledger":     {promise(func(p *ledger.Promise) { p.Ledger[0]++ }), none, by(none, 0, 2), "promise is made on ledger"},
		"promise of another node":       {promise(func(p *ledger.Promise) { p.Node = "n0" }), none, by(none, 0, 2), "does not hold"},
		"promise with a later deadline": {promise(func(p *ledger.Promise) { p.Deadline += 1 }), none, by(none, 0, 2), "must be later"},
	} {
		_, err := BrokenPromise(w.trust, test.promise, test.absence, test.signatures)
		refuses(t, name, err, ErrUnproven, test.says)
	}
}

func TestTwoChildren(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	seller, clerk := w.newKey(), w.newKey()
	party := ledger.NewPartyID(seller.Public().ID())
	buyer, other := ledger.PartyID{1}, ledger.PartyID{2}
	item, prev := ledger.ItemID{9}, ledger.EventID{9}
	first := w.event(party, offer(item, prev, buyer), seller)
	accused := "key " + ledger.KeyIDText(seller.Public().ID())
	e, err := TwoChildren(w.trust, first, w.event(party, offer(item, prev, other), seller))
	v := w.holds(e, err, w.trust, "", accused)
	e, err = TwoChildren(w.trust, first, w.event(party, withdraw(item, prev, ledger.EventID{3}), seller))
	w.holds(e, err, w.trust, "", accused)
	// Of a change of matter any item counts, wherever it stands.
	change := func(inputs ...ledger.ItemID) func(*custodyv1.Event) {
		return func(e *custodyv1.Event) {
			body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_MERGE, Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_BULK, Mass: &custodyv1.Mass{Micrograms: 1, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}}}}
			for _, input := range inputs {
				body.Inputs = append(body.Inputs, &custodyv1.ItemRef{Item: input[:], Prev: prev[:]})
			}
			e.Body = &custodyv1.Event_Transform{Transform: body}
		}
	}
	e, err = TwoChildren(w.trust, first, w.event(party, change(ledger.ItemID{7}, item), seller))
	w.holds(e, err, w.trust, "", accused)
	e, err = TwoChildren(w.trust, w.event(party, change(item, ledger.ItemID{7}), seller), w.event(party, change(ledger.ItemID{6}, ledger.ItemID{7}), seller))
	w.holds(e, err, w.trust, "", accused)
	_, err = TwoChildren(w.trust, first, w.event(party, change(ledger.ItemID{6}, ledger.ItemID{7}), seller))
	refuses(t, "changes of other items", err, ErrUnproven, "do not follow the same event")
	if v.Answerable[0].Keys[0] != ledger.KeyText(seller.Public()) {
		t.Errorf("%+v", v)
	}

	flipped := w.event(party, offer(item, prev, other), seller)
	flipped.Signatures[0][40] ^= 1
	elsewhere := newWorld(t, "other.example.org")
	expired := func(e *custodyv1.Event) {
		offer(item, prev, other)(e)
		e.OccurredAtMs = start + 86_400_001
		e.NotAfterMs = e.OccurredAtMs + 1
	}
	for name, test := range map[string]struct {
		other ledger.SignedEvent
		says  string
	}{
		"the same event":             {first, "are the same"},
		"the same offer again":       {w.event(party, offer(item, prev, buyer), seller), "signed again"},
		"made when one had expired":  {w.event(party, expired, seller), "expired before"},
		"the next event on the item": {w.event(party, offer(item, first.ID(), other), seller), "do not follow the same event"},
		"another item":               {w.event(party, offer(ledger.ItemID{8}, prev, other), seller), "do not follow the same event"},
		"an event about no item":     {w.event(party, register, seller), "do not follow the same event"},
		"another key":                {w.event(party, offer(item, prev, other), clerk), "no key signed both"},
		"a flipped signature":        {flipped, "BAD_SIGNATURE"},
		"another ledger":             {elsewhere.event(party, offer(item, prev, other), seller), "signed for ledger"},
		"no event":                   {ledger.SignedEvent{Event: []byte("x")}, "not valid"},
	} {
		_, err := TwoChildren(w.trust, first, test.other)
		refuses(t, name, err, ErrUnproven, test.says)
		_, err = TwoChildren(w.trust, test.other, first)
		refuses(t, name+", the other way round", err, ErrUnproven, test.says)
	}
	_, err = TwoChildren(w.files, first, first)
	refuses(t, "a policy file only", err, ErrTrust, "genesis")
}

func TestLateStamp(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	key, party := w.association(0)
	event, other := w.event(party, register, key), w.event(party, register, key)
	body := append([]byte{1, 0, 0}, eventOf(event).framed()...)
	proposal := func(change func(*ledger.Proposal)) Signed {
		p := ledger.Proposal{Cluster: clusterID(w.id, 0), Node: "n0", Term: 3, Counter: 7, At: start, Body: sha256.Sum256(body)}
		change(&p)
		return w.state(0, sign.ProposalPayloadType, p.Payload())
	}
	promise := func(node int, late uint64, event ledger.EventID) Signed {
		p := ledger.Promise{Ledger: w.id, Event: event, Node: w.policy.Nodes[node].ID, ReceivedAt: start + late, Deadline: start + late + 60_000}
		return w.state(node, sign.PromisePayloadType, p.Payload())
	}
	plain := proposal(func(*ledger.Proposal) {})
	final := append([]byte{2}, body[1:]...)
	e, err := LateStamp(w.trust, 0, plain, body, event, promise(1, LateStampMs+1, event.ID()))
	w.holds(e, err, w.trust, "", n0+" and "+n1)
	for name, test := range map[string]struct {
		proposal Signed
		body     []byte
		event    ledger.SignedEvent
		promise  Signed
		says     string
	}{
		"within bounds":           {plain, body, event, promise(1, LateStampMs, event.ID()), "more than 60000 ms"},
		"received before":         {proposal(func(p *ledger.Proposal) { p.At += 999_999 }), body, event, promise(1, 0, event.ID()), "more than 60000 ms"},
		"another body":            {plain, body[1:], event, promise(1, 99_999, event.ID()), "not what the proposal was signed for"},
		"an event not in it":      {plain, body, other, promise(1, 99_999, other.ID()), "does not stand in"},
		"promise for another":     {plain, body, event, promise(1, 99_999, other.ID()), "the promise is for event"},
		"the leader's promise":    {plain, body, event, promise(0, 99_999, event.ID()), "two clocks"},
		"proposal of a forger":    {Signed{plain.Payload, w.state(1, sign.ProposalPayloadType, plain.Payload).Signature}, body, event, promise(1, 99_999, event.ID()), "does not hold"},
		"a part of the event":     {plain, body, ledger.SignedEvent{Event: event.Event[:20], Signatures: event.Signatures}, promise(1, 99_999, event.ID()), "not valid"},
		"promise cut short":       {plain, body, event, Signed{promise(1, 99_999, event.ID()).Payload[:70], nil}, "cut short"},
		"content of another kind": {proposal(func(p *ledger.Proposal) { p.Body = sha256.Sum256(final) }), final, event, promise(1, 99_999, event.ID()), "does not stand in"},
		"proposal with no body":   {proposal(func(p *ledger.Proposal) { p.Body = sha256.Sum256(nil) }), nil, event, promise(1, 99_999, event.ID()), "does not stand in"},
	} {
		_, err := LateStamp(w.trust, 0, test.proposal, test.body, test.event, test.promise)
		refuses(t, name, err, ErrUnproven, test.says)
	}
}
