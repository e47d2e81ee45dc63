package evidence

import (
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// TwoChildren makes evidence of a key that signed two events which both follow the
// same event on one item, say different things, and could both have been recorded.
func TwoChildren(trust *Trust, a, b ledger.SignedEvent) (*Evidence, error) {
	return build(trust, KindTwoChildren, &twoChildren{Events: []eventJSON{eventOf(a), eventOf(b)}})
}

type twoChildren struct {
	Events []eventJSON `json:"events"`
}

type eventJSON struct {
	Event      octets   `json:"event"`
	Signatures []octets `json:"signatures"`
}

func eventOf(s ledger.SignedEvent) eventJSON {
	return eventJSON{Event: s.Event, Signatures: octetList(s.Signatures)}
}

func (e eventJSON) signed() ledger.SignedEvent {
	return ledger.SignedEvent{Event: e.Event, Signatures: byteList(e.Signatures)}
}

// framed gives the event's bytes as a proposal's content holds them, behind their
// length. Nothing else in a content can hold the bytes of an event: signatures and
// salts are too short, opened values are text.
func (e eventJSON) framed() []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(e.Event))), e.Event...)
}

func (c *twoChildren) verify(t *Trust) (Verdict, error) {
	if len(c.Events) != 2 {
		return Verdict{}, unproven("%d events, expected 2", len(c.Events))
	}
	var events [2]*ledger.Event
	for i, e := range c.Events {
		var err error
		if events[i], err = t.event(e.signed()); err != nil {
			return Verdict{}, err
		}
	}
	a, b := events[0], events[1]
	shared := sharedRefs(a, b)
	switch {
	case len(shared) == 0:
		return Verdict{}, unproven("the events do not follow the same event on the same item")
	case a.ID == b.ID:
		return Verdict{}, unproven("the events are the same")
	case proto.Equal(a.Body.(proto.Message), b.Body.(proto.Message)):
		return Verdict{}, unproven("the events say the same: one is the other, signed again")
	case a.NotAfter < b.OccurredAt || b.NotAfter < a.OccurredAt:
		return Verdict{}, unproven("one event had expired before the other was made")
	}
	v := Verdict{}
	for _, key := range a.Signers {
		if slices.Contains(b.Signers, key) {
			v.Answerable = append(v.Answerable, Accused{Name: "key " + ledger.KeyIDText(key.ID()), Keys: []string{ledger.KeyText(key)}})
		}
	}
	if len(v.Answerable) == 0 {
		return Verdict{}, unproven("no key signed both events")
	}
	v.prove("%s signed two events that both follow event %s on item %s and say different things: %s and %s. At most one of them can ever be recorded.",
		names(v.Answerable), shared[0].Prev, shared[0].Item, a.ID, b.ID)
	v.limit("that either event was recorded, or shown to a buyer")
	v.limit("intent: whoever signs again after a refusal does the same")
	v.limit("whose key it was and what it was permitted to do: the ledger says so")
	return v, nil
}

func (c *twoChildren) fact() []string {
	var facts []string
	var events []*ledger.Event
	for _, e := range c.Events {
		event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, e.signed())
		if rejection != nil {
			continue
		}
		events = append(events, event)
		for _, key := range event.Signers {
			facts = append(facts, ledger.KeyText(key))
		}
	}
	if len(events) == 2 {
		for _, ref := range sharedRefs(events[0], events[1]) {
			facts = append(facts, ref.Item.String(), ref.Prev.String())
		}
	}
	slices.Sort(facts)
	return slices.Compact(facts)
}

// sharedRefs lists the items that both events advance from the same event, in the
// order of the first: a change of matter advances many.
func sharedRefs(a, b *ledger.Event) []ledger.ItemRef {
	var shared []ledger.ItemRef
	for _, ref := range a.Items {
		if slices.Contains(b.Items, ref) {
			shared = append(shared, ref)
		}
	}
	return shared
}

// event reads an event of this ledger and verifies every signature.
func (t *Trust) event(s ledger.SignedEvent) (*ledger.Event, error) {
	if err := t.needGenesis(); err != nil {
		return nil, err
	}
	event, rejection := t.decode(s)
	if rejection != nil {
		return nil, unproven("an event in the file is not valid: %v", rejection)
	}
	if event.Ledger != t.ledger {
		return nil, unproven("event %s is signed for ledger %s, the trusted one is %s", event.ID, event.Ledger, t.ledger)
	}
	return event, nil
}

// decode gives an event whose form and signatures hold.
func (t *Trust) decode(s ledger.SignedEvent) (*ledger.Event, *ledger.Rejection) {
	event, rejection := ledger.DecodeEvent(t.genesis.RulesVersion, s)
	if rejection != nil {
		return nil, rejection
	}
	message := ledger.SigningBytes(s.Event)
	for i, key := range event.Signers {
		if err := sign.Verify(key, message, s.Signatures[i]); err != nil {
			return event, ledger.RejectField(ledger.BadSignature, "signatures", "signature %d, by key %s: %v", i, ledger.KeyIDText(key.ID()), err)
		}
	}
	return event, nil
}
