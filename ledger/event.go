package ledger

import (
	"bytes"
	"crypto/sha256"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// SignedEvent is what a client sends and what an entry holds: the exact bytes
// of the event and one signature a signer, in the order of its signers.
type SignedEvent struct {
	Event      []byte
	Signatures [][]byte
}

// ID gives the event's id: SHA-256 of the signing bytes, never of a signature.
func (s SignedEvent) ID() EventID { return sha256.Sum256(SigningBytes(s.Event)) }

// SigningBytes gives what a signer signs: DSSE's pre-authentication encoding of
// the event bytes.
func SigningBytes(event []byte) []byte { return sign.PAE(sign.EventPayloadType, event) }

// Group says which group an event stands in and where.
type Group struct {
	ID       Nonce
	Position uint32
	Count    uint32
}

// ItemRef names an item and the last event on it.
type ItemRef struct {
	Item ItemID
	Prev EventID
}

// Event is a decoded event. Its form is checked, its signatures are not: only
// Verify makes a VerifiedEvent of it. The fields share memory with the bytes it
// was decoded from and must not be changed.
type Event struct {
	Signed      SignedEvent
	ID          EventID
	Ledger      LedgerID
	Party       PartyID
	Signers     []sign.PublicKey // strictly ascending by key id
	Nonce       Nonce
	OccurredAt  uint64 // unix milliseconds
	NotAfter    uint64 // unix milliseconds
	Group       *Group // nil outside a group
	Commitments []Commitment
	// Item is the item the event moves; nil for events about parties, keys and
	// policies and for a registration, which creates its item.
	Item *ItemRef
	// Body is one of the body messages of custodyv1.Event, such as
	// *custodyv1.Offer. Byte fields of fixed length have that length.
	Body any

	signingBytes []byte
}

// DecodeEvent decodes an event by the table of a rules version. A rejection
// names the field at fault. The version must exist.
func DecodeEvent(rulesVersion uint32, signed SignedEvent) (*Event, *Rejection) {
	if len(signed.Event) > EventBytesMax {
		return nil, Reject(TooLarge, "the event has %d bytes, at most %d are permitted", len(signed.Event), EventBytesMax)
	}
	if rejection := eventFields(rulesVersion).check(signed.Event); rejection != nil {
		return nil, rejection
	}
	var message custodyv1.Event
	if err := proto.Unmarshal(signed.Event, &message); err != nil {
		return nil, Reject(Malformed, "the event is not a protobuf message: %v", err)
	}
	signingBytes := SigningBytes(signed.Event)
	event := &Event{
		Signed:       signed,
		ID:           sha256.Sum256(signingBytes),
		Ledger:       LedgerID(message.LedgerId),
		Party:        PartyID(message.Party),
		Nonce:        Nonce(message.Nonce),
		OccurredAt:   message.OccurredAtMs,
		NotAfter:     message.NotAfterMs,
		signingBytes: signingBytes,
	}
	event.Body, event.Item = body(&message)
	if rejection := event.setSigners(message.Signers); rejection != nil {
		return nil, rejection
	}
	if rejection := event.setGroup(message.Group); rejection != nil {
		return nil, rejection
	}
	if rejection := event.setCommitments(message.Commitments); rejection != nil {
		return nil, rejection
	}
	return event, nil
}

func body(message *custodyv1.Event) (any, *ItemRef) {
	switch b := message.Body.(type) {
	case *custodyv1.Event_PartyAdmit:
		return b.PartyAdmit, nil
	case *custodyv1.Event_PartySponsor:
		return b.PartySponsor, nil
	case *custodyv1.Event_PartySuspend:
		return b.PartySuspend, nil
	case *custodyv1.Event_KeyAdd:
		return b.KeyAdd, nil
	case *custodyv1.Event_KeyRevoke:
		return b.KeyRevoke, nil
	case *custodyv1.Event_PolicyPropose:
		return b.PolicyPropose, nil
	case *custodyv1.Event_PolicyApprove:
		return b.PolicyApprove, nil
	case *custodyv1.Event_ItemRegister:
		return b.ItemRegister, nil
	case *custodyv1.Event_ItemVoid:
		return b.ItemVoid, itemRef(b.ItemVoid.Item)
	case *custodyv1.Event_Offer:
		return b.Offer, itemRef(b.Offer.Item)
	case *custodyv1.Event_Accept:
		return b.Accept, itemRef(b.Accept.Item)
	case *custodyv1.Event_Decline:
		return b.Decline, itemRef(b.Decline.Item)
	case *custodyv1.Event_Withdraw:
		return b.Withdraw, itemRef(b.Withdraw.Item)
	case *custodyv1.Event_Release:
		return b.Release, itemRef(b.Release.Item)
	case *custodyv1.Event_Reenter:
		return b.Reenter, itemRef(b.Reenter.Item)
	}
	panic("ledger: the field table permits a body that this binary does not know")
}

func itemRef(ref *custodyv1.ItemRef) *ItemRef {
	return &ItemRef{Item: ItemID(ref.Item), Prev: EventID(ref.Prev)}
}

func (e *Event) setSigners(signers [][]byte) *Rejection {
	if len(e.Signed.Signatures) != len(signers) {
		return RejectField(WrongSigners, "signatures", "%d signatures for %d signers; send one for each, in the same order", len(e.Signed.Signatures), len(signers))
	}
	e.Signers = make([]sign.PublicKey, len(signers))
	for i, wire := range signers {
		key, err := sign.ParsePublicKey(wire)
		if err != nil {
			return RejectField(BadKey, "signers", "signer %d: %v", i, err)
		}
		if length := len(e.Signed.Signatures[i]); length != sign.SignatureSize {
			return RejectField(BadSignature, "signatures", "signature %d has %d bytes, expected %d", i, length, sign.SignatureSize)
		}
		if i > 0 {
			previous, id := e.Signers[i-1].ID(), key.ID()
			if bytes.Compare(previous[:], id[:]) >= 0 {
				return RejectField(NonCanonical, "signers", "signers must stand in ascending order of their key ids, each once")
			}
		}
		e.Signers[i] = key
	}
	return nil
}

func (e *Event) setGroup(group *custodyv1.Group) *Rejection {
	if group == nil {
		return nil
	}
	if group.Count < 2 {
		return RejectField(InvalidField, "group.count", "%d, expected 2 to %d", group.Count, GroupEventsMax)
	}
	if group.Position >= group.Count {
		return RejectField(InvalidField, "group.position", "%d, expected less than the count %d", group.Position, group.Count)
	}
	e.Group = &Group{ID: Nonce(group.Id), Position: group.Position, Count: group.Count}
	return nil
}

func (e *Event) setCommitments(commitments []*custodyv1.Commitment) *Rejection {
	for i, c := range commitments {
		if i > 0 && c.Field <= commitments[i-1].Field {
			return RejectField(NonCanonical, "commitments", "commitments must stand in ascending order of their fields, each once")
		}
		e.Commitments = append(e.Commitments, Commitment{Field: c.Field, Hash: [32]byte(c.Hash)})
	}
	return nil
}

// Commitment gives the hash committed to for a private field.
func (e *Event) Commitment(field custodyv1.PrivateField) ([32]byte, bool) {
	for _, c := range e.Commitments {
		if c.Field == field {
			return c.Hash, true
		}
	}
	return [32]byte{}, false
}

// Subject is the party that the event's private fields are about: the party it
// admits, else the one that acts.
func (e *Event) Subject() PartyID {
	admit, ok := e.Body.(*custodyv1.PartyAdmit)
	if !ok {
		return e.Party
	}
	first, err := sign.ParsePublicKey(admit.Key)
	if err != nil {
		panic("ledger: the field table permits a key that this binary does not know")
	}
	return NewPartyID(first.ID())
}

// Output gives the item that a registration creates; false for other events.
func (e *Event) Output() (ItemID, bool) {
	if _, ok := e.Body.(*custodyv1.ItemRegister); !ok {
		return ItemID{}, false
	}
	return NewItemID(e.ID, 0), true
}

// Kind is the kind of entry that holds the event.
func (e *Event) Kind() Kind {
	switch e.Body.(type) {
	case *custodyv1.PolicyPropose, *custodyv1.PolicyApprove:
		return KindGovernance
	}
	return KindEvent
}

// Parties lists the parties to whose records the entry of this event links: the
// one that acts, then the other one that the event names, if it names one. A
// party that it admits has no earlier record and is not among them.
func (e *Event) Parties() []PartyID {
	switch b := e.Body.(type) {
	case *custodyv1.PartySponsor:
		return []PartyID{e.Party, PartyID(b.Party)}
	case *custodyv1.PartySuspend:
		return []PartyID{e.Party, PartyID(b.Party)}
	case *custodyv1.Offer:
		return []PartyID{e.Party, PartyID(b.To)}
	}
	return []PartyID{e.Party}
}

// ItemLinks gives those of its entry's links that are about the items of Names.
// It is nil if there are too few.
func (e *Event) ItemLinks(links []uint64) []uint64 {
	parties := len(e.Parties())
	if len(links) < parties {
		return nil
	}
	return links[parties:]
}

// Names lists the items whose history the entry of this event links to: those
// it moves, in the order in which they stand in the event. An item it creates
// has no earlier entry and is not among them.
func (e *Event) Names() []ItemID {
	if e.Item == nil {
		return nil
	}
	return []ItemID{e.Item.Item}
}
