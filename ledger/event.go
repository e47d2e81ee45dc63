package ledger

import (
	"bytes"
	"crypto/sha256"
	"slices"

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
	// Items are the items that the event advances, each with the last event on it, in
	// the order in which they stand in the event: one for a movement, many for a change
	// of matter, none for events about parties, keys and policies, for a registration,
	// and for what is said about an item without moving it.
	Items []ItemRef
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
	parts := splitEvent(signed.Event)
	room := &eventRoom{}
	event := &room.Event
	*event = Event{
		Signed:       signed,
		Ledger:       LedgerID(parts.ledger),
		Party:        PartyID(parts.party),
		Signers:      room.signers[:0],
		Nonce:        Nonce(parts.nonce),
		OccurredAt:   parts.occurredAt,
		NotAfter:     parts.notAfter,
		signingBytes: SigningBytes(signed.Event),
	}
	event.ID = sha256.Sum256(event.signingBytes)
	var err error
	if event.Body, err = decodeBody(parts.bodyNumber, parts.body); err != nil {
		return nil, Reject(Malformed, "the event is not a protobuf message: %v", err)
	}
	event.Items = items(event.Body, room.items[:0])
	if rejection := event.setSigners(parts.signers[:parts.signersCount]); rejection != nil {
		return nil, rejection
	}
	if rejection := event.setGroup(parts.group); rejection != nil {
		return nil, rejection
	}
	if rejection := event.setCommitments(parts.commitments); rejection != nil {
		return nil, rejection
	}
	if rejection := event.checkItems(); rejection != nil {
		return nil, rejection
	}
	return event, nil
}

// eventRoom is an event with room for what most events have.
type eventRoom struct {
	Event
	signers [1]sign.PublicKey
	items   [1]ItemRef
}

// checkItems refuses a change of matter that names an item twice or too many.
func (e *Event) checkItems() *Rejection {
	transform, ok := e.Body.(*custodyv1.Transform)
	if !ok {
		return nil
	}
	if n := len(e.Items) + len(transform.Outputs); n > ChangeItemsMax {
		return RejectField(TooLarge, "transform", "%d items in and out, at most %d", n, ChangeItemsMax)
	}
	seen := make(map[ItemID]bool, len(e.Items))
	for _, ref := range e.Items {
		if seen[ref.Item] {
			return RejectField(RepeatedField, "transform.inputs", "item %s stands twice", ref.Item)
		}
		seen[ref.Item] = true
	}
	return nil
}

func (e *Event) setSigners(signers [][]byte) *Rejection {
	if len(e.Signed.Signatures) != len(signers) {
		return RejectField(WrongSigners, "signatures", "%d signatures for %d signers; send one for each, in the same order", len(e.Signed.Signatures), len(signers))
	}
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
		e.Signers = append(e.Signers, key)
	}
	return nil
}

func (e *Event) setGroup(b []byte) *Rejection {
	if b == nil {
		return nil
	}
	var group custodyv1.Group
	if err := unmarshalShared(b, &group); err != nil {
		return RejectField(Malformed, "group", "not a protobuf message: %v", err)
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

func (e *Event) setCommitments(commitments [][]byte) *Rejection {
	for i, b := range commitments {
		var c custodyv1.Commitment
		if err := unmarshalShared(b, &c); err != nil {
			return RejectField(Malformed, "commitments", "not a protobuf message: %v", err)
		}
		if i > 0 && c.Field <= e.Commitments[i-1].Field {
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

// Outputs lists the items that the event creates, in the order of their positions:
// the one of a registration, those of a change of matter, and the part that an
// acceptance separates.
func (e *Event) Outputs() []ItemID {
	ids := make([]ItemID, e.Makes())
	for i := range ids {
		ids[i] = NewItemID(e.ID, uint32(i))
	}
	return ids
}

// Makes gives the number of items that the event creates: the length of Outputs.
func (e *Event) Makes() int {
	switch b := e.Body.(type) {
	case *custodyv1.ItemRegister:
		return 1
	case *custodyv1.Transform:
		return len(b.Outputs)
	case *custodyv1.Accept:
		if b.Received != nil {
			return 1
		}
	}
	return 0
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
// one that acts, then the others that the event names, each once, in the order in
// which they stand in it. A party that it admits has no earlier record and is not
// among them.
func (e *Event) Parties() []PartyID {
	parties := []PartyID{e.Party}
	name := func(ids ...[]byte) {
		for _, id := range ids {
			if len(id) > 0 && !slices.Contains(parties, PartyID(id)) {
				parties = append(parties, PartyID(id))
			}
		}
	}
	switch b := e.Body.(type) {
	case *custodyv1.PartySponsor:
		name(b.Party)
	case *custodyv1.PartySuspend:
		name(b.Party)
	case *custodyv1.Offer:
		name(b.To, b.Agent)
	case *custodyv1.Accept:
		name(b.From)
	case *custodyv1.Reclaim:
		name(b.From, b.Association)
	case *custodyv1.Share:
		for _, owner := range b.Owners {
			name(owner.Party)
		}
		name(b.Leaving...)
	case *custodyv1.Correct:
		name(b.Holder)
	case *custodyv1.AttestWithdraw:
		name(b.Attestor)
	case *custodyv1.Ruling:
		name(b.Second)
	case *custodyv1.Hold:
		name(b.Second)
	case *custodyv1.HoldRelease:
		name(b.Second)
	}
	return parties
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

// Names lists the items whose history the entry of this event links to: those it
// advances, or the one that it is about, in the order in which they stand in the
// event. An item it creates has no earlier entry and is not among them.
func (e *Event) Names() []ItemID {
	if about := e.about(); about != nil {
		return []ItemID{ItemID(about)}
	}
	names := make([]ItemID, len(e.Items))
	for i, ref := range e.Items {
		names[i] = ref.Item
	}
	return names
}

// Touches lists the items in whose history the entry of this event stands: those of
// Names, then those of Outputs.
func (e *Event) Touches() []ItemID { return append(e.Names(), e.Outputs()...) }

// about gives the item of an event that says something about it and does not
// advance it.
func (e *Event) about() []byte {
	switch b := e.Body.(type) {
	case *custodyv1.Attest:
		return b.Item
	case *custodyv1.AttestWithdraw:
		return b.Item
	case *custodyv1.Dispute:
		return b.Item
	case *custodyv1.Ruling:
		return b.Item
	case *custodyv1.Hold:
		return b.Item
	case *custodyv1.HoldRelease:
		return b.Item
	}
	return nil
}
