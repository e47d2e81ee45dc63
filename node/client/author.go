package client

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// AuthorConfig is what an Author writes with. Every field but NotAfter is
// required.
type AuthorConfig struct {
	Ledger ledger.LedgerID
	Party  ledger.PartyID
	Key    sign.PrivateKey
	Now    func() time.Time
	Random io.Reader // a cryptographic source outside tests
	// NotAfter is how long after its making an event may be recorded; 0 means
	// ledger.NotAfterDefault, at most ledger.NotAfterMax.
	NotAfter time.Duration
}

// Author builds events of one party and signs them with one of its keys. It
// does not know the ledger's state: an event it builds may still be refused.
// Safe for concurrent use as far as Now and Random are.
//
// Each event on an item names the event before it on that item, so a chain can
// be signed before its first link is recorded: the next ledger.ItemRef.Prev is
// the ID of the event signed last.
type Author struct {
	config AuthorConfig
	group  *Group
}

// NewAuthor checks the configuration.
func NewAuthor(config AuthorConfig) (*Author, error) {
	if config.NotAfter == 0 {
		config.NotAfter = ledger.NotAfterDefault
	}
	switch {
	case config.Key.IsZero():
		return nil, errors.New("an author needs a signing key")
	case config.Now == nil || config.Random == nil:
		return nil, errors.New("an author needs a clock and a source of randomness")
	case config.NotAfter < time.Millisecond || config.NotAfter > ledger.NotAfterMax:
		return nil, fmt.Errorf("an event may wait to be recorded for at most %v, got %v", ledger.NotAfterMax, config.NotAfter)
	}
	return &Author{config: config}, nil
}

// Party gives the party that the author writes for.
func (a *Author) Party() ledger.PartyID { return a.config.Party }

// Key gives the public key that the author signs with.
func (a *Author) Key() sign.PublicKey { return a.config.Key.Public() }

// In gives an author whose next events stand in a group, at the group's next
// positions. Several parties' authors may take turns in one group.
func (a *Author) In(group *Group) *Author {
	return &Author{config: a.config, group: group}
}

// Private draws a salt for a private value. Given to a method that builds an
// event, only its salted hash stands in the event; the opening itself is the
// caller's to keep, and to send along if the nodes must know it.
func (a *Author) Private(field custodyv1.PrivateField, value string) (ledger.Opening, error) {
	return NewOpening(a.config.Random, field, value)
}

// NewOpening draws a salt for a private value.
func NewOpening(random io.Reader, field custodyv1.PrivateField, value string) (ledger.Opening, error) {
	opening := ledger.Opening{Field: field, Value: value}
	if _, err := io.ReadFull(random, opening.Salt[:]); err != nil {
		return ledger.Opening{}, fmt.Errorf("draw a salt: %w", err)
	}
	return opening, nil
}

// RegisteredItem gives the id of the item that a registration creates.
func RegisteredItem(registration ledger.SignedEvent) ledger.ItemID {
	return ledger.NewItemID(registration.ID(), 0)
}

// Register states that the party holds and owns goods new to the ledger. See
// RegisteredItem for the item's id.
func (a *Author) Register(goods *custodyv1.ItemRegister, private ...ledger.Opening) (ledger.SignedEvent, error) {
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_ItemRegister{ItemRegister: goods}}, private)
}

// Void takes back one's own registration before its first offer.
func (a *Author) Void(item ledger.ItemRef, reason custodyv1.VoidReason) (ledger.SignedEvent, error) {
	body := &custodyv1.ItemVoid{Item: itemRef(item), Reason: reason}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_ItemVoid{ItemVoid: body}}, nil)
}

// OfferTerms is what is offered to whom.
type OfferTerms struct {
	To        ledger.PartyID
	Mode      custodyv1.Mode
	ExpiresAt time.Time
	GoodsLeft bool      // the goods are on their way already: the offer never lapses
	Until     time.Time // end of the term; zero for none
	Part      *custodyv1.Portion
	Agent     ledger.PartyID // zero for none
	MayMemoOn bool
}

// Offer offers an item to one party.
func (a *Author) Offer(item ledger.ItemRef, terms OfferTerms, private ...ledger.Opening) (ledger.SignedEvent, error) {
	body := &custodyv1.Offer{
		Item:        itemRef(item),
		To:          terms.To[:],
		Mode:        terms.Mode,
		ExpiresAtMs: milliseconds(terms.ExpiresAt),
		GoodsLeft:   terms.GoodsLeft,
		UntilMs:     milliseconds(terms.Until),
		Part:        terms.Part,
		MayMemoOn:   terms.MayMemoOn,
	}
	if terms.Agent != (ledger.PartyID{}) {
		body.Agent = terms.Agent[:]
	}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_Offer{Offer: body}}, private)
}

// Accept receives all that an offer by a party is of.
func (a *Author) Accept(item ledger.ItemRef, offer ledger.EventID, from ledger.PartyID, private ...ledger.Opening) (ledger.SignedEvent, error) {
	return a.AcceptPart(item, offer, from, nil, private...)
}

// AcceptPart receives a part: of an offer of a part, that part or less; of an offer
// of the whole, less than the whole. See ledger.NewItemID with position 0 for the
// item that it makes.
func (a *Author) AcceptPart(item ledger.ItemRef, offer ledger.EventID, from ledger.PartyID, received *custodyv1.Portion, private ...ledger.Opening) (ledger.SignedEvent, error) {
	body := &custodyv1.Accept{Item: itemRef(item), Offer: offer[:], From: from[:], Received: received}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_Accept{Accept: body}}, private)
}

// Decline does not take an item that is offered to the party.
func (a *Author) Decline(item ledger.ItemRef, offer ledger.EventID, reason custodyv1.DeclineReason) (ledger.SignedEvent, error) {
	body := &custodyv1.Decline{Item: itemRef(item), Offer: offer[:], Reason: reason}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_Decline{Decline: body}}, nil)
}

// Withdraw takes an open offer back; where the goods had left, it says that
// they are back.
func (a *Author) Withdraw(item ledger.ItemRef, offer ledger.EventID) (ledger.SignedEvent, error) {
	body := &custodyv1.Withdraw{Item: itemRef(item), Offer: offer[:]}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_Withdraw{Withdraw: body}}, nil)
}

// Release sends goods to somebody who is not on the ledger, whose name must be
// among private as PRIVATE_FIELD_COUNTERPARTY.
func (a *Author) Release(item ledger.ItemRef, reason custodyv1.OutsideReason, country string, private ...ledger.Opening) (ledger.SignedEvent, error) {
	body := &custodyv1.Release{Item: itemRef(item), Reason: reason, Country: country}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_Release{Release: body}}, private)
}

// Reenter says that an item the party released is back with it, and how it was
// recognised. mass and count are those found now; nil and 0 for as before.
func (a *Author) Reenter(item ledger.ItemRef, identity custodyv1.Identity, mass *custodyv1.Mass, count uint32) (ledger.SignedEvent, error) {
	body := &custodyv1.Reenter{Item: itemRef(item), Identity: identity, Mass: mass, Count: count}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_Reenter{Reenter: body}}, nil)
}

// KeyAdd adds a key of the party's own. The author, whose key must administer,
// has signed the draft; the new key has not.
func (a *Author) KeyAdd(key sign.PublicKey, scopes ledger.Scopes) (*ledger.Draft, error) {
	body := &custodyv1.KeyAdd{Key: key.Bytes(), Scopes: uint32(scopes)}
	return a.Draft(&custodyv1.Event{Body: &custodyv1.Event_KeyAdd{KeyAdd: body}}, nil, key)
}

// KeyRevoke revokes one of the party's keys, from the event's position on.
func (a *Author) KeyRevoke(key sign.KeyID, reason custodyv1.RevokeReason) (ledger.SignedEvent, error) {
	body := &custodyv1.KeyRevoke{KeyId: key[:], Reason: reason}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_KeyRevoke{KeyRevoke: body}}, nil)
}

// PartyAdmit admits a new party to the author's association. The author has
// signed the draft; the party's first key and its recovery key have not.
func (a *Author) PartyAdmit(applicant Applicant) (*ledger.Draft, error) {
	event, err := applicant.event()
	if err != nil {
		return nil, err
	}
	return a.Draft(event, []ledger.Opening{applicant.LegalName}, applicant.Key, applicant.RecoveryKey)
}

// PartySponsor makes the author's association a sponsor of an existing party,
// or lifts its own suspension of it.
func (a *Author) PartySponsor(party ledger.PartyID) (ledger.SignedEvent, error) {
	body := &custodyv1.PartySponsor{Party: party[:]}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_PartySponsor{PartySponsor: body}}, nil)
}

// PartySuspend suspends the author's association's membership of a party.
func (a *Author) PartySuspend(party ledger.PartyID, reason custodyv1.SuspendReason) (ledger.SignedEvent, error) {
	body := &custodyv1.PartySuspend{Party: party[:], Reason: reason}
	return a.sign(&custodyv1.Event{Body: &custodyv1.Event_PartySuspend{PartySuspend: body}}, nil)
}

func (a *Author) sign(event *custodyv1.Event, private []ledger.Opening) (ledger.SignedEvent, error) {
	draft, err := a.Draft(event, private)
	if err != nil {
		return ledger.SignedEvent{}, err
	}
	return draft.Signed()
}

// Draft builds an event of any body and signs it with the author's key. The caller
// sets Event.Body and nothing else. Others are the keys that sign it too; what
// their parties must be is for the rules to say.
func (a *Author) Draft(event *custodyv1.Event, private []ledger.Opening, others ...sign.PublicKey) (*ledger.Draft, error) {
	frame := frame{Ledger: a.config.Ledger, Party: a.config.Party, Now: a.config.Now(), NotAfter: a.config.NotAfter, Random: a.config.Random, Group: a.group}
	if err := frame.fill(event, private); err != nil {
		return nil, err
	}
	draft, err := ledger.NewDraft(event, append(others, a.config.Key.Public())...)
	if err != nil {
		return nil, err
	}
	return draft, draft.Sign(a.config.Key)
}

func itemRef(ref ledger.ItemRef) *custodyv1.ItemRef {
	return &custodyv1.ItemRef{Item: ref.Item[:], Prev: ref.Prev[:]}
}

// milliseconds gives unix milliseconds, 0 for the zero time and all before 1970.
func milliseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixMilli(), 0))
}
