package ledger

import (
	"encoding/binary"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Limits of a statement.
const (
	// StatedSharesMax is the number of owners that a statement can name.
	StatedSharesMax = 64
	// StatedOffersMax is the number of open offers of one item: one that moves
	// custody and one that moves title.
	StatedOffersMax = 2
)

// Values of Statement.Status.
const (
	StatedLive      = 1
	StatedVoided    = 2
	StatedConsumed  = 3
	StatedDestroyed = 4
)

// Statement is what a node says about one item in the ledger of a final size.
// It does not name the node, so that all nodes sign the same bytes.
type Statement struct {
	Ledger     LedgerID
	Item       ItemID
	Status     uint8
	Custody    StatedHolder
	Title      []StatedShare // 1 to StatedSharesMax, the managing owner first
	Terms      []StatedTerm  // what Custody has it under; at most TermsMax
	Within     ItemID        // the piece it is set in, whose statement counts; zero if none
	Contested  bool          // another live item claims one of the same outside ids
	Lost       bool
	Stolen     bool
	Damaged    bool
	Disputed   bool
	Held       bool
	Micrograms uint64        // mass as last weighed
	Count      uint32        // 0 if it has none
	Offers     []StatedOffer // ascending by Index
	Registered uint64        // index of the registration
	Last       EventID       // last event on the item
	LastIndex  uint64        // index of the last entry that names it; less than Size
	Size       uint64
	Root       merkle.Hash
	At         uint64 // recorded time of entry Size-1, unix milliseconds
}

// StatedHolder is a party, or somebody outside the ledger.
type StatedHolder struct {
	Party   PartyID // zero while outside
	Outside *StatedOutside
}

// StatedOutside is somebody who is not on the ledger.
type StatedOutside struct {
	Reason     custodyv1.OutsideReason
	Country    string // two capital letters
	Since      uint64 // index of the release
	ReleasedBy PartyID
}

// StatedShare is one owner's part of the title.
type StatedShare struct {
	Parts uint32 // of the sum over all owners
	Owner StatedHolder
}

// StatedOffer is an offer that nobody closed. Whether it has lapsed follows from
// its end and the time of the statement.
type StatedOffer struct {
	Event     EventID
	Index     uint64
	From, To  PartyID
	Mode      custodyv1.Mode
	ExpiresAt uint64 // unix milliseconds
	GoodsLeft bool
	Declined  bool
	Until     uint64        // unix milliseconds; 0 if none
	Part      StatedPortion // zero: the whole
	Agent     PartyID       // zero: none
	MayMemoOn bool
}

// StatedPortion is a part of the goods.
type StatedPortion struct {
	Micrograms uint64
	Count      uint32
}

// StatedTerm is what a holder has goods under that it does not own.
type StatedTerm struct {
	Mode      custodyv1.Mode
	From      PartyID
	Until     uint64 // unix milliseconds; 0 for no end
	MayMemoOn bool
}

const (
	holderParty   = 1
	holderOutside = 2

	flagContested = 1
	flagLost      = 2
	flagStolen    = 4
	flagDamaged   = 8
	flagDisputed  = 16
	flagHeld      = 32
	flagsItem     = 63

	flagGoodsLeft = 1
	flagDeclined  = 2
	flagMayMemoOn = 4
)

// Payload gives the bytes that are signed under sign.StatementPayloadType:
//
//	ledger 32 | item 20 | status u8 | custody holder
//	| title u8, each: parts u32, holder
//	| terms u8, each: mode u8, from 20, until u64, flags u8
//	| within 20 | flags u8 | micrograms u64 | count u32
//	| offers u8, each: event 32, index u64, from 20, to 20, mode u8, expires u64, flags u8, until u64,
//	  part micrograms u64, part count u32, agent 20
//	| registered u64 | last event 32 | last index u64 | size u64 | root 32 | time u64
//	holder: 1 u8, party 20, or 2 u8, reason u8, country 2, since u64, released by 20
func (s Statement) Payload() []byte {
	b := append([]byte(nil), s.Ledger[:]...)
	b = append(b, s.Item[:]...)
	b = append(b, s.Status)
	b = s.Custody.append(b)
	b = append(b, byte(len(s.Title)))
	for _, share := range s.Title {
		b = binary.BigEndian.AppendUint32(b, share.Parts)
		b = share.Owner.append(b)
	}
	b = append(b, byte(len(s.Terms)))
	for _, term := range s.Terms {
		b = append(append(b, byte(term.Mode)), term.From[:]...)
		b = binary.BigEndian.AppendUint64(b, term.Until)
		b = append(b, bit(term.MayMemoOn, flagMayMemoOn))
	}
	b = append(b, s.Within[:]...)
	b = append(b, bit(s.Contested, flagContested)|bit(s.Lost, flagLost)|bit(s.Stolen, flagStolen)|
		bit(s.Damaged, flagDamaged)|bit(s.Disputed, flagDisputed)|bit(s.Held, flagHeld))
	b = binary.BigEndian.AppendUint64(b, s.Micrograms)
	b = binary.BigEndian.AppendUint32(b, s.Count)
	b = append(b, byte(len(s.Offers)))
	for _, offer := range s.Offers {
		b = offer.append(b)
	}
	b = binary.BigEndian.AppendUint64(b, s.Registered)
	b = append(b, s.Last[:]...)
	b = binary.BigEndian.AppendUint64(b, s.LastIndex)
	b = binary.BigEndian.AppendUint64(b, s.Size)
	b = append(b, s.Root[:]...)
	return binary.BigEndian.AppendUint64(b, s.At)
}

func (h StatedHolder) append(b []byte) []byte {
	if h.Outside == nil {
		return append(append(b, holderParty), h.Party[:]...)
	}
	b = append(b, holderOutside, byte(h.Outside.Reason))
	b = append(b, h.Outside.Country...)
	b = binary.BigEndian.AppendUint64(b, h.Outside.Since)
	return append(b, h.Outside.ReleasedBy[:]...)
}

func (o StatedOffer) append(b []byte) []byte {
	b = append(b, o.Event[:]...)
	b = binary.BigEndian.AppendUint64(b, o.Index)
	b = append(append(b, o.From[:]...), o.To[:]...)
	b = append(b, byte(o.Mode))
	b = binary.BigEndian.AppendUint64(b, o.ExpiresAt)
	b = append(b, bit(o.GoodsLeft, flagGoodsLeft)|bit(o.Declined, flagDeclined)|bit(o.MayMemoOn, flagMayMemoOn))
	b = binary.BigEndian.AppendUint64(b, o.Until)
	b = binary.BigEndian.AppendUint64(b, o.Part.Micrograms)
	b = binary.BigEndian.AppendUint32(b, o.Part.Count)
	return append(b, o.Agent[:]...)
}

func bit(set bool, value byte) byte {
	if set {
		return value
	}
	return 0
}

// ParseStatement reads exactly what Payload writes. It refuses what no node
// could state: an unknown status, holder, mode or flag, a title of nobody, an
// item that was last named at or beyond the size.
func ParseStatement(b []byte) (Statement, error) {
	r := statementReader{reader: reader{b: b}}
	var s Statement
	copy(s.Ledger[:], r.take(32))
	copy(s.Item[:], r.take(20))
	s.Status = r.choice("status", StatedDestroyed)
	s.Custody = r.holder()
	for range r.count("owners", 1, StatedSharesMax) {
		share := StatedShare{Parts: r.uint32(), Owner: r.holder()}
		r.require(share.Parts > 0, "an owner of no part")
		s.Title = append(s.Title, share)
	}
	for range r.count("terms", 0, TermsMax) {
		s.Terms = append(s.Terms, r.term())
	}
	copy(s.Within[:], r.take(20))
	flags := r.flags(flagsItem)
	s.Contested, s.Lost, s.Stolen = flags&flagContested != 0, flags&flagLost != 0, flags&flagStolen != 0
	s.Damaged, s.Disputed, s.Held = flags&flagDamaged != 0, flags&flagDisputed != 0, flags&flagHeld != 0
	s.Micrograms, s.Count = r.uint64(), r.uint32()
	for range r.count("offers", 0, StatedOffersMax) {
		offer := r.offer()
		r.require(len(s.Offers) == 0 || offer.Index > s.Offers[len(s.Offers)-1].Index, "offers out of order")
		s.Offers = append(s.Offers, offer)
	}
	s.Registered = r.uint64()
	copy(s.Last[:], r.take(32))
	s.LastIndex, s.Size = r.uint64(), r.uint64()
	copy(s.Root[:], r.take(32))
	s.At = r.uint64()
	r.require(s.Registered <= s.LastIndex && s.LastIndex < s.Size, "entries %d to %d of a ledger of %d", s.Registered, s.LastIndex, s.Size)
	if err := r.end("statement", "-"); err != nil {
		return Statement{}, err
	}
	return s, r.err
}

// statementReader keeps the first problem of what it reads.
type statementReader struct {
	reader
	err error
}

func (r *statementReader) require(ok bool, format string, args ...any) {
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%w: statement: %s", ErrPayload, fmt.Sprintf(format, args...))
	}
}

func (r *statementReader) choice(what string, last uint8) uint8 {
	v := r.uint8()
	r.require(v >= 1 && v <= last, "%s %d", what, v)
	return v
}

func (r *statementReader) count(what string, least, most uint8) uint8 {
	n := r.uint8()
	r.require(n >= least && n <= most, "%d %s, expected %d to %d", n, what, least, most)
	return min(n, most)
}

func (r *statementReader) flags(known uint8) uint8 {
	v := r.uint8()
	r.require(v&^known == 0, "flags %#02x", v)
	return v
}

func (r *statementReader) holder() StatedHolder {
	var h StatedHolder
	if r.choice("holder", holderOutside) == holderParty {
		copy(h.Party[:], r.take(20))
		return h
	}
	reasons := uint8(len(custodyv1.OutsideReason_name) - 1)
	h.Outside = &StatedOutside{Reason: custodyv1.OutsideReason(r.choice("reason", reasons)), Country: string(r.take(2)), Since: r.uint64()}
	copy(h.Outside.ReleasedBy[:], r.take(20))
	r.require(IsCountry(h.Outside.Country), "country %q", h.Outside.Country)
	return h
}

func (r *statementReader) term() StatedTerm {
	t := StatedTerm{Mode: custodyv1.Mode(r.choice("mode", uint8(len(custodyv1.Mode_name)-1)))}
	copy(t.From[:], r.take(20))
	t.Until = r.uint64()
	t.MayMemoOn = r.flags(flagMayMemoOn) != 0
	return t
}

func (r *statementReader) offer() StatedOffer {
	var o StatedOffer
	copy(o.Event[:], r.take(32))
	o.Index = r.uint64()
	copy(o.From[:], r.take(20))
	copy(o.To[:], r.take(20))
	o.Mode = custodyv1.Mode(r.choice("mode", uint8(len(custodyv1.Mode_name)-1)))
	o.ExpiresAt = r.uint64()
	flags := r.flags(flagGoodsLeft | flagDeclined | flagMayMemoOn)
	o.GoodsLeft, o.Declined, o.MayMemoOn = flags&flagGoodsLeft != 0, flags&flagDeclined != 0, flags&flagMayMemoOn != 0
	o.Until = r.uint64()
	o.Part = StatedPortion{Micrograms: r.uint64(), Count: r.uint32()}
	copy(o.Agent[:], r.take(20))
	return o
}
