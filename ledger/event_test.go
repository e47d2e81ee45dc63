package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func keyAddMessage(key sign.PublicKey) *custodyv1.Event {
	return &custodyv1.Event{
		LedgerId: bytes.Repeat([]byte{1}, 32), Party: bytes.Repeat([]byte{2}, 20), Nonce: bytes.Repeat([]byte{3}, 16),
		OccurredAtMs: 1_700_000_000_000, NotAfterMs: 1_700_600_000_000,
		Body: &custodyv1.Event_KeyAdd{KeyAdd: &custodyv1.KeyAdd{Key: key.Bytes(), Scopes: uint32(ScopesAll)}},
	}
}

// TestDraft signs in several hands and in any order.
func TestDraft(t *testing.T) {
	keys := []sign.PrivateKey{testKey("a"), testKey("b"), testKey("c")}
	draft, err := NewDraft(keyAddMessage(keys[0].Public()), keys[0].Public(), keys[1].Public(), keys[2].Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := draft.Sign(testKey("stranger")); !errors.Is(err, ErrNotSigner) {
		t.Error(err)
	}
	for i, key := range keys {
		if _, err := draft.Signed(); err == nil || len(draft.Missing()) != 3-i {
			t.Errorf("%d signatures missing: %v", len(draft.Missing()), err)
		}
		if err := draft.Sign(key); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := draft.Signed()
	if err != nil {
		t.Fatal(err)
	}
	event, rejection := DecodeEvent(RulesVersion1, signed)
	if rejection != nil {
		t.Fatal(rejection)
	}
	want := sha256.Sum256([]byte(fmt.Sprintf("DSSEv1 41 application/vnd.custody.event.v1+protobuf %d %s", len(signed.Event), signed.Event)))
	if event.ID != want || signed.ID() != want {
		t.Errorf("event id %s, expected %x", event.ID, want)
	}
	at, err := Sign(keyAddMessage(keys[0].Public()), keys[2], keys[0], keys[1])
	if err != nil || at.ID() != event.ID {
		t.Errorf("signed in another order: %v, %s", err, at.ID())
	}
	verified, rejections := Verify(sign.NewVerifier(4), []*Event{event})
	if rejections[0] != nil || verified[0].Event != event {
		t.Error(rejections[0])
	}
	for _, account := range [][][]byte{{signed.Signatures[1], signed.Signatures[0], signed.Signatures[2]}, {signed.Signatures[0], signed.Signatures[0], signed.Signatures[0]}} {
		signed.Signatures = account
		wrong, rejection := DecodeEvent(RulesVersion1, signed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		if verified, rejections := Verify(sign.NewVerifier(4), []*Event{event, wrong, event}); rejections[0] != nil || rejections[2] != nil || rejections[1] == nil || rejections[1].Reason != BadSignature || verified[1].Event != nil {
			t.Errorf("%v", rejections)
		}
	}
}

// TestEveryEventBitIsSigned flips every bit of a signed event: none decodes and
// verifies.
func TestEveryEventBitIsSigned(t *testing.T) {
	key := testKey("a")
	signed, err := Sign(keyAddMessage(key.Public()), key)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(signed.Event) {
		flipped := SignedEvent{Event: slices.Clone(signed.Event), Signatures: signed.Signatures}
		flipped.Event[bit/8] ^= 1 << (bit % 8)
		event, rejection := DecodeEvent(RulesVersion1, flipped)
		if rejection != nil {
			continue
		}
		if _, rejections := Verify(sign.NewVerifier(0), []*Event{event}); rejections[0] == nil {
			t.Fatalf("bit %d", bit)
		}
	}
}

func TestEventBytesMax(t *testing.T) {
	_, rejection := DecodeEvent(RulesVersion1, SignedEvent{Event: make([]byte, EventBytesMax+1)})
	if rejection == nil || rejection.Reason != TooLarge {
		t.Error(rejection)
	}
	_, rejection = DecodeEvent(RulesVersion1, SignedEvent{Event: make([]byte, EventBytesMax)})
	if rejection == nil || rejection.Reason != Malformed {
		t.Error(rejection)
	}
	// The largest registration without a bill that the table permits stays below the limit, so
	// that its limits, and not its size, refuse an event.
	message := keyAddMessage(testKey("a").Public())
	word := strings.Repeat("W", StringBytesMax)
	component := &custodyv1.OriginComponent{Micrograms: MassMicrogramsMax, Kind: 6, Mine: word, Producer: word, StateOwnership: 4}
	for range CountriesMax {
		component.Countries = append(component.Countries, "BW")
	}
	register := &custodyv1.ItemRegister{Material: 3, Form: 2, Nature: 5, Mass: &custodyv1.Mass{Micrograms: 64 * MassMicrogramsMax, Basis: 3}, Count: PiecesMax, Acquisition: 4}
	for range OriginComponentsMax {
		register.Origin = append(register.Origin, component)
	}
	for range OutsideIDsMax {
		register.OutsideIds = append(register.OutsideIds, &custodyv1.OutsideId{Kind: 2, Issuer: word, Number: word})
	}
	message.Body = &custodyv1.Event_ItemRegister{ItemRegister: register}
	b, err := proto.Marshal(message)
	if err != nil || len(b) > EventBytesMax/2 {
		t.Errorf("%v, %d bytes", err, len(b))
	}
}

// TestCheckGroup tries every way of sending a group of three wrongly.
func TestCheckGroup(t *testing.T) {
	member := func(id byte, position, count uint32) *Event {
		return &Event{Group: &Group{ID: Nonce{id}, Position: position, Count: count}}
	}
	alone := &Event{}
	for _, c := range []struct {
		name   string
		events []*Event
		reason Reason
		at     int
	}{
		{"nothing", nil, MissingField, 0},
		{"one", []*Event{alone}, "", 0},
		{"two alone", []*Event{alone, alone}, GroupIncomplete, 0},
		{"whole", []*Event{member(1, 0, 3), member(1, 1, 3), member(1, 2, 3)}, "", 0},
		{"two of three", []*Event{member(1, 0, 3), member(1, 1, 3)}, GroupIncomplete, 0},
		{"four of three", []*Event{member(1, 0, 3), member(1, 1, 3), member(1, 2, 3), member(1, 2, 3)}, GroupIncomplete, 0},
		{"one of three", []*Event{member(1, 0, 3)}, GroupIncomplete, 0},
		{"wrong order", []*Event{member(1, 1, 3), member(1, 0, 3), member(1, 2, 3)}, GroupIncomplete, 0},
		{"one twice", []*Event{member(1, 0, 3), member(1, 0, 3), member(1, 2, 3)}, GroupIncomplete, 1},
		{"another group's", []*Event{member(1, 0, 3), member(1, 1, 3), member(2, 2, 3)}, GroupIncomplete, 2},
		{"another count", []*Event{member(1, 0, 3), member(1, 1, 4), member(1, 2, 3)}, GroupIncomplete, 1},
		{"a stranger among them", []*Event{member(1, 0, 3), alone, member(1, 2, 3)}, GroupIncomplete, 1},
		{"another party's", []*Event{member(1, 0, 2), {Party: PartyID{1}, Group: &Group{ID: Nonce{1}, Position: 1, Count: 2}}}, GroupIncomplete, 1},
		{"a group behind a single", []*Event{alone, member(1, 1, 2)}, GroupIncomplete, 0},
	} {
		at, rejection := CheckGroup(c.events)
		if c.reason == "" && rejection != nil || c.reason != "" && (rejection == nil || rejection.Reason != c.reason || at != c.at) {
			t.Errorf("%s: expected %q at %d, got %v at %d", c.name, c.reason, c.at, rejection, at)
		}
	}
}

func TestScopes(t *testing.T) {
	for scopes := Scopes(1); scopes <= ScopesAll; scopes++ {
		if got, ok := ParseScopes(scopes.String()); !ok || got != scopes {
			t.Errorf("%s: %d", scopes, got)
		}
	}
	if len(scopeNames) != 7 || ScopesAll != 127 || ScopeAdminister != 64 {
		t.Error("a bit was moved")
	}
	for _, text := range []string{"", "receiv", "receive,", "all,receive", "RECEIVE"} {
		if scopes, ok := ParseScopes(text); ok {
			t.Errorf("%q is %s", text, scopes)
		}
	}
	if all, ok := ParseScopes("all"); !ok || all != ScopesAll {
		t.Error("all")
	}
}

// TestReasons: the list is closed, has no code twice, and each is written as
// google.rpc.ErrorInfo demands.
func TestReasons(t *testing.T) {
	seen := map[Reason]bool{}
	for _, reason := range Reasons {
		if seen[reason] || len(reason) > 63 || strings.Trim(string(reason), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" || strings.HasPrefix(string(reason), "_") {
			t.Errorf("%q", reason)
		}
		seen[reason] = true
	}
}

func TestCountries(t *testing.T) {
	count := 0
	for a := byte('A'); a <= 'Z'; a++ {
		for b := byte('A'); b <= 'Z'; b++ {
			if IsCountry(string([]byte{a, b})) {
				count++
			}
		}
	}
	if count != 249 {
		t.Errorf("%d countries", count)
	}
	for _, code := range []string{"", "B", "BEL", "be", "  ", " B", "B ", "XX", "UK", "EU", "BE DE"} {
		if IsCountry(code) {
			t.Errorf("%q", code)
		}
	}
}

// FuzzDecodeEvent: no bytes make it panic, and it accepts exactly what the twin
// of the walker accepts.
func FuzzDecodeEvent(f *testing.F) {
	for _, body := range bodies() {
		f.Add(encodeAll(full(body)))
	}
	signed, err := Sign(keyAddMessage(testKey("a").Public()), testKey("a"), testKey("b"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed.Event)
	f.Fuzz(func(t *testing.T, b []byte) {
		var message custodyv1.Event
		signed := SignedEvent{Event: b}
		if proto.Unmarshal(b, &message) == nil {
			for range message.Signers {
				signed.Signatures = append(signed.Signatures, make([]byte, sign.SignatureSize))
			}
		}
		before := slices.Clone(b)
		event, rejection := DecodeEvent(RulesVersion1, signed)
		if (event == nil) == (rejection == nil) {
			t.Fatalf("%v and %v", event, rejection)
		}
		if len(b) <= EventBytesMax && (eventV1.check(b) == nil) != twin(b) {
			t.Fatalf("the twin says %v", twin(b))
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the bytes were changed")
		}
		if rejection != nil {
			if !slices.Contains(Reasons, rejection.Reason) || rejection.Message == "" {
				t.Fatalf("%v", rejection)
			}
			return
		}
		sameAsWhole(t, event)
		if _, rejections := Verify(sign.NewVerifier(0), []*Event{event}); rejections[0] == nil {
			t.Fatal("zeros are a signature")
		}
		entry := Entry{Kind: KindEvent, Links: make([]uint64, LinksMax), Signed: signed}
		if _, err := entry.Encode(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestEventIsDecodedInParts compares with the whole message, for every body there
// is, with every field and with only those that are required.
func TestEventIsDecodedInParts(t *testing.T) {
	for _, body := range bodies() {
		event, rejection := decodeNodes(full(body))
		if rejection != nil {
			t.Fatalf("body %d: %v", body, rejection)
		}
		sameAsWhole(t, event)
	}
}

// sameAsWhole holds an event against its bytes decoded as one message.
func sameAsWhole(t *testing.T, event *Event) {
	t.Helper()
	var message custodyv1.Event
	if err := proto.Unmarshal(event.Signed.Event, &message); err != nil {
		t.Fatal(err)
	}
	field := message.ProtoReflect().WhichOneof(message.ProtoReflect().Descriptor().Oneofs().ByName("body"))
	if want := message.ProtoReflect().Get(field).Message().Interface(); !proto.Equal(want, event.Body.(proto.Message)) {
		t.Fatalf("%v, want %v", event.Body, want)
	}
	if string(message.LedgerId) != string(event.Ledger[:]) || string(message.Party) != string(event.Party[:]) || string(message.Nonce) != string(event.Nonce[:]) ||
		message.OccurredAtMs != event.OccurredAt || message.NotAfterMs != event.NotAfter {
		t.Fatalf("%+v, want %v", event, &message)
	}
	if len(message.Signers) != len(event.Signers) || len(message.Commitments) != len(event.Commitments) {
		t.Fatalf("%d signers and %d commitments, want %v", len(event.Signers), len(event.Commitments), &message)
	}
	for i, wire := range message.Signers {
		if !bytes.Equal(wire, event.Signers[i].Bytes()) {
			t.Fatalf("signer %d: %s, want %x", i, event.Signers[i], wire)
		}
	}
	for i, c := range message.Commitments {
		if c.Field != event.Commitments[i].Field || !bytes.Equal(c.Hash, event.Commitments[i].Hash[:]) {
			t.Fatalf("commitment %d: %v, want %v", i, event.Commitments[i], c)
		}
	}
	if g := message.Group; (g == nil) != (event.Group == nil) || g != nil && (!bytes.Equal(g.Id, event.Group.ID[:]) || g.Position != event.Group.Position || g.Count != event.Group.Count) {
		t.Fatalf("group %v, want %v", event.Group, g)
	}
}

// FuzzDecodeOpenings: no openings make it panic.
func FuzzDecodeOpenings(f *testing.F) {
	f.Add(int32(1), make([]byte, 32), "Asha", true)
	f.Fuzz(func(t *testing.T, field int32, salt []byte, value string, committed bool) {
		event := &Event{}
		if committed && len(salt) == 32 {
			event.Commitments = []Commitment{Opening{Field: custodyv1.PrivateField(field), Salt: [32]byte(salt), Value: value}.Commit(event.Subject())}
		}
		message := &custodyv1.Opening{Field: custodyv1.PrivateField(field), Salt: salt, Value: value}
		openings, rejection := DecodeOpenings(event, []*custodyv1.Opening{message})
		if (openings == nil) == (rejection == nil) {
			t.Fatalf("%v and %v", openings, rejection)
		}
		if rejection == nil && !committed {
			t.Fatal("an opening of nothing")
		}
	})
}
