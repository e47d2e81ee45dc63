// Package rules is the ledger's state machine: given the state and a verified
// event at a recorded time, it says what changes or why the event is refused.
//
// It is pure. It sees no clock, no randomness, no I/O, no goroutine and no map
// order: the same events on the same state give the same outcome on every node
// and in every audit, for ever. table.go lists the events and their rules.
package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// View is the state that events are judged on. It never returns an error: an
// implementation whose read fails remembers that and lets nothing derived from
// it be written. Values it returns belong to the caller, except that slices
// and pointers inside them must not be changed.
type View interface {
	Party(ledger.PartyID) (Party, bool)
	Key(sign.KeyID) (Key, bool)
	Item(ledger.ItemID) (Item, bool)
	// Registration gives the last item a party registered under a reference.
	Registration(ledger.PartyID, ledger.Reference) (ledger.ItemID, bool)
	// EventIndex gives the index of the entry that holds an event.
	EventIndex(ledger.EventID) (uint64, bool)
	Matter(ledger.ItemID) (Matter, bool)
	Attestation(ledger.EventID) (Attestation, bool)
	Paper(PaperID) (Paper, bool)
	// Claims gives the outside ids that stand as an item's, in the order in which
	// they were claimed.
	Claims(ledger.ItemID) []OutsideID
	Policy() PolicyState
}

// Party is a dealer or an association.
type Party struct {
	ID          ledger.PartyID
	Association bool
	Name        string // associations only, from the genesis
	Country     string
	Role        custodyv1.Role // dealers only
	Admitted    uint64         // index of the entry
	LastIndex   uint64         // index of the last entry that changed this record; 0, the genesis, for associations
	Memberships []Membership   // dealers only, ascending by association
	Keys        []sign.KeyID   // its live keys, in order of addition
}

// Membership says that an association vouches for a party.
type Membership struct {
	Association ledger.PartyID
	Suspended   bool
}

// Suspended tells whether no sponsor of a dealer stands.
func (p Party) Suspended() bool {
	for _, m := range p.Memberships {
		if !m.Suspended {
			return false
		}
	}
	return !p.Association
}

// Key is a registered key. A key of a node has no scope.
type Key struct {
	Public   sign.PublicKey
	Party    ledger.PartyID
	Scopes   ledger.Scopes
	Recovery bool
	Added    uint64 // index of the entry
	Revoked  uint64 // index of the entry; ledger.NoLink while the key is live
}

// Live tells whether the key has not been revoked.
func (k Key) Live() bool { return k.Revoked == ledger.NoLink }

// Status of an item.
type Status uint8

// The states an item can be in. All but Live are final.
const (
	Live      Status = ledger.StatedLive
	Voided    Status = ledger.StatedVoided
	Consumed  Status = ledger.StatedConsumed // by a change of matter
	Destroyed Status = ledger.StatedDestroyed
)

// Item is who has something, who owns it, and what stands in its way. What it is
// made of is its Matter.
//
//  1. Exactly one holder and one list of owners at any time, inside or outside.
//  2. At most one open offer a register: Offers has at most one that moves
//     custody and at most one that moves title.
//  3. While Within names a piece, Custody, Title and Terms are those at the time it
//     was set in, and the piece's are the ones that count; it has no Offers.
//  4. Terms is empty or custody is with somebody else than where it began.
type Item struct {
	ID         ledger.ItemID
	Status     Status
	Registrant ledger.PartyID // who registered it, or made it by a change of matter
	Registered uint64         // index of its first entry
	Last       ledger.EventID // last event that advanced it: what the next one names as prev
	LastIndex  uint64         // index of the last entry that names it
	Born       uint64         // when the event happened that made it, unix milliseconds
	Occurred   uint64         // the latest time at which an event that advanced it happened; not before Born
	Custody    Holder
	Title      []Share // 1 or more, the managing owner first
	Terms      []Term  // what Custody has it under, the first one given by an owner
	Offers     []Offer
	Offered    bool          // it was offered or released at least once, or something was made of it
	Within     ledger.ItemID // the piece it is set in; zero if none
	Lost       bool
	Stolen     bool
	Damaged    bool
	Disputes   []Dispute // open ones, in order of entries
	Holds      []Hold    // open ones, in order of entries
}

// Owner is the managing owner, who signs.
func (i Item) Owner() Holder { return i.Title[0].Owner }

// Set tells whether the item is set in a piece.
func (i Item) Set() bool { return i.Within != ledger.ItemID{} }

// Holder is a party, or somebody outside the ledger.
type Holder struct {
	Party   ledger.PartyID // zero while outside
	Outside *Outside
}

// Is tells whether the holder is the given party.
func (h Holder) Is(party ledger.PartyID) bool { return h.Outside == nil && h.Party == party }

// Equal tells whether two holders are the same.
func (h Holder) Equal(other Holder) bool {
	if h.Outside == nil || other.Outside == nil {
		return h.Outside == other.Outside && h.Party == other.Party
	}
	return *h.Outside == *other.Outside
}

// Inside makes a party a holder.
func Inside(party ledger.PartyID) Holder { return Holder{Party: party} }

// Sole makes a holder the only owner.
func Sole(owner Holder) []Share { return []Share{{Owner: owner, Parts: 1}} }

// Share is one owner's part of the title.
type Share struct {
	Owner Holder
	Parts uint32 // of the sum over all owners
}

// Outside is somebody who is not on the ledger.
type Outside struct {
	Reason     custodyv1.OutsideReason
	Country    string
	Since      uint64 // index of the release
	ReleasedBy ledger.PartyID
}

// Term is what a holder has goods under that it does not own.
type Term struct {
	Mode      custodyv1.Mode // memo, service, carrier or loan
	From      ledger.PartyID // who gave them
	Until     uint64         // unix milliseconds; 0 for no end
	MayMemoOn bool
}

// Portion is a part of goods.
type Portion struct {
	Micrograms uint64
	Count      uint32 // 0 where goods are not counted
}

// Offer is an open offer.
type Offer struct {
	Event     ledger.EventID
	Index     uint64
	From, To  ledger.PartyID
	Mode      custodyv1.Mode
	ExpiresAt uint64 // unix milliseconds
	GoodsLeft bool
	Declined  bool           // only with GoodsLeft: open until the offerer has the goods back
	Until     uint64         // end of the term it would begin; 0 for none
	Part      Portion        // zero: the whole
	Agent     ledger.PartyID // zero: none
	MayMemoOn bool
}

// MovesCustody and MovesTitle tell which registers an offer would change.
func (o Offer) MovesCustody() bool {
	return o.Mode != custodyv1.Mode_MODE_MEMO_TO_SALE && o.Mode != custodyv1.Mode_MODE_TITLE
}
func (o Offer) MovesTitle() bool {
	return o.Mode == custodyv1.Mode_MODE_SALE || !o.MovesCustody()
}

// Lends tells whether the offer gives custody for a term, without title.
func (o Offer) Lends() bool {
	return o.MovesCustody() && !o.MovesTitle() && o.Mode != custodyv1.Mode_MODE_RETURN
}

// Expired tells whether the offer can no longer be accepted at a ledger time.
func (o Offer) Expired(now uint64) bool { return now > o.ExpiresAt }

// Lapsed tells whether the offer stands no longer although nobody closed it:
// expired, and the goods never left.
func (o Offer) Lapsed(now uint64) bool { return o.Expired(now) && !o.GoodsLeft }

// Dispute is an open dispute about an item.
type Dispute struct {
	Event  ledger.EventID
	Party  ledger.PartyID // who opened it
	Ground custodyv1.DisputeGround
}

// Hold stops an item.
type Hold struct {
	Event     ledger.EventID
	Authority custodyv1.HoldAuthority
}

// Registration records that a party used a reference.
type Registration struct {
	Party     ledger.PartyID
	Reference ledger.Reference
	Item      ledger.ItemID
}

// Claim says whether an outside id stands as an item's. Two live items of which it
// stands are contested; see Contested.
type Claim struct {
	ID     OutsideID
	Item   ledger.ItemID
	Stands bool
}

// OutsideID is a number that somebody else gave an item.
type OutsideID struct {
	Kind   custodyv1.OutsideIdKind
	Issuer string
	Number string
}

// Changes are what events wrote, each value once in its last form, in the order
// in which they were first written.
type Changes struct {
	Parties       []Party
	Keys          []Key
	Items         []Item
	Matters       []Matter
	Attestations  []Attestation
	Papers        []Paper
	Claims        []Claim
	Registrations []Registration
	Policy        *PolicyState // nil if it stayed as it was
}
