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

// The states an item can be in.
const (
	Live   Status = 1
	Voided Status = 2
)

// Item is one stone or one parcel.
//
//  1. Exactly one holder and one owner at any time, inside or outside.
//  2. At most one open offer a register: Offers has at most one that moves
//     custody and at most one that moves title.
type Item struct {
	ID         ledger.ItemID
	Status     Status
	Registrant ledger.PartyID
	Registered uint64         // index of its first entry
	Last       ledger.EventID // last event on it: what the next one names as prev
	LastIndex  uint64         // index of the last entry that names it
	Custody    Holder
	Title      Holder // the managing owner; rules version 1 knows no shares
	Offers     []Offer
	Offered    bool   // it was offered or released at least once
	MemoUntil  uint64 // end of the memo term under which Custody has it; 0 if not on memo
}

// Holder is a party, or somebody outside the ledger.
type Holder struct {
	Party   ledger.PartyID // zero while outside
	Outside *Outside
}

// Is tells whether the holder is the given party.
func (h Holder) Is(party ledger.PartyID) bool { return h.Outside == nil && h.Party == party }

// Inside makes a party a holder.
func Inside(party ledger.PartyID) Holder { return Holder{Party: party} }

// Outside is somebody who is not on the ledger.
type Outside struct {
	Reason     custodyv1.OutsideReason
	Country    string
	Since      uint64 // index of the release
	ReleasedBy ledger.PartyID
}

// Offer is an open offer.
type Offer struct {
	Event     ledger.EventID
	Index     uint64
	From, To  ledger.PartyID
	Mode      custodyv1.Mode
	ExpiresAt uint64 // unix milliseconds
	GoodsLeft bool
	Declined  bool // only with GoodsLeft: open until the offerer has the goods back
	MemoUntil uint64
}

// MovesCustody and MovesTitle tell which registers an offer would change.
func (o Offer) MovesCustody() bool { return o.Mode != custodyv1.Mode_MODE_MEMO_TO_SALE }
func (o Offer) MovesTitle() bool {
	return o.Mode == custodyv1.Mode_MODE_SALE || o.Mode == custodyv1.Mode_MODE_MEMO_TO_SALE
}

// Expired tells whether the offer can no longer be accepted at a ledger time.
func (o Offer) Expired(now uint64) bool { return now > o.ExpiresAt }

// Lapsed tells whether the offer stands no longer although nobody closed it:
// expired, and the goods never left.
func (o Offer) Lapsed(now uint64) bool { return o.Expired(now) && !o.GoodsLeft }

// Registration records that a party used a reference.
type Registration struct {
	Party     ledger.PartyID
	Reference ledger.Reference
	Item      ledger.ItemID
}

// Changes are what events wrote, each value once in its last form, in the order
// in which they were first written.
type Changes struct {
	Parties       []Party
	Keys          []Key
	Items         []Item
	Registrations []Registration
	Policy        *PolicyState // nil if it stayed as it was
}
