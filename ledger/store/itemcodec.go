package store

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	itemOffered          = 1 << iota // it was offered once, or something was made of it
	itemHeldByRegistrant             // custody is left out: it is the registrant's
	itemOwnedByHolder                // title is left out: the holder is the only owner
	itemHasTerms
	itemHasOffers
	itemHasMore // a second byte of flags follows
	itemFlags   = 1<<iota - 1
)

const (
	itemWithin = 1 << iota
	itemLost
	itemStolen
	itemDamaged
	itemHasDisputes
	itemHasHolds
	itemMoreFlags = 1<<iota - 1
)

// encodeItem writes
//
//	version u8 = 3 | status u8 | flags u8 | registrant 20 | registered | last 32 | last index | born | occurred - born
//	custody: u8 0, party 20 | u8 1, reason u8, country, since, released by 20
//	title: count, (holder as custody, parts)...
//	terms: count, (mode u8, from 20, until, may memo on u8)...
//	offers: count, (event 32, index, from 20, to 20, mode u8, expires at, flags u8, until, [part: micrograms, count], [agent 20])...
//	more flags u8 | within 20
//	disputes: count, (event 32, party 20, ground u8)...
//	holds: count, (event 32, authority u8)...
//
// What a flag says is not there, or follows from what stands before, is left out and
// may not be written: a stone with its registrant takes about 69 bytes.
func encodeItem(i rules.Item) ([]byte, error) {
	held, owned := i.Custody.Is(i.Registrant), ownedByHolder(i)
	more := bit(i.Set(), itemWithin) | bit(i.Lost, itemLost) | bit(i.Stolen, itemStolen) | bit(i.Damaged, itemDamaged) |
		bit(len(i.Disputes) > 0, itemHasDisputes) | bit(len(i.Holds) > 0, itemHasHolds)
	e := encoder{b: make([]byte, 0, 96+32*len(i.Title)+32*len(i.Terms)+128*len(i.Offers)+64*len(i.Disputes)+40*len(i.Holds))}
	e.uint8(itemVersion)
	e.uint8(uint8(i.Status))
	e.uint8(bit(i.Offered, itemOffered) | bit(held, itemHeldByRegistrant) | bit(owned, itemOwnedByHolder) |
		bit(len(i.Terms) > 0, itemHasTerms) | bit(len(i.Offers) > 0, itemHasOffers) | bit(more != 0, itemHasMore))
	e.bytes(i.Registrant[:])
	e.number(i.Registered)
	e.bytes(i.Last[:])
	e.number(i.LastIndex)
	if i.Occurred < i.Born {
		e.fail("an event on an item before it was born")
	}
	e.number(i.Born)
	e.number(i.Occurred - i.Born)
	if !held {
		e.holder(i.Custody)
	}
	if !owned {
		e.shares(i.Title)
	}
	listed(&e, i.Terms, (*encoder).term)
	listed(&e, i.Offers, (*encoder).offer)
	if more != 0 {
		e.uint8(more)
	}
	if i.Set() {
		e.bytes(i.Within[:])
	}
	listed(&e, i.Disputes, (*encoder).dispute)
	listed(&e, i.Holds, (*encoder).hold)
	return e.b, e.err
}

func decodeItem(id ledger.ItemID, b []byte) (rules.Item, error) {
	d := decoder{b: b}
	d.version(itemVersion)
	i := rules.Item{ID: id, Status: rules.Status(d.uint8())}
	if d.err == nil && (i.Status < rules.Live || i.Status > rules.Destroyed) {
		d.fail("item status %d", i.Status)
	}
	flags := d.flags(itemFlags)
	i.Offered = flags&itemOffered != 0
	d.fill(i.Registrant[:])
	i.Registered = d.number()
	d.fill(i.Last[:])
	i.LastIndex = d.number()
	i.Born = d.number()
	if i.Occurred = i.Born + d.number(); i.Occurred < i.Born {
		d.fail("an event after the end of time")
	}
	i.Custody = rules.Inside(i.Registrant)
	if flags&itemHeldByRegistrant == 0 {
		i.Custody = d.holder()
		if i.Custody.Is(i.Registrant) {
			d.fail("the registrant as holder is a flag")
		}
	}
	i.Title = rules.Sole(i.Custody)
	if flags&itemOwnedByHolder == 0 {
		i.Title = listOf(&d, true, shareBytesMin, (*decoder).share)
		if ownedByHolder(i) {
			d.fail("the holder as owner is a flag")
		}
	}
	i.Terms = listOf(&d, flags&itemHasTerms != 0, termBytesMin, (*decoder).term)
	i.Offers = listOf(&d, flags&itemHasOffers != 0, offerBytesMin, (*decoder).offer)
	if flags&itemHasMore != 0 {
		d.more(&i)
	}
	return i, d.end()
}

// more reads what stands behind the second byte of flags.
func (d *decoder) more(i *rules.Item) {
	flags := d.flags(itemMoreFlags)
	if flags == 0 {
		d.fail("an empty byte of flags")
	}
	i.Lost, i.Stolen, i.Damaged = flags&itemLost != 0, flags&itemStolen != 0, flags&itemDamaged != 0
	if flags&itemWithin != 0 {
		d.fill(i.Within[:])
		if !i.Set() {
			d.fail("an item within none")
		}
	}
	i.Disputes = listOf(d, flags&itemHasDisputes != 0, disputeBytes, (*decoder).dispute)
	i.Holds = listOf(d, flags&itemHasHolds != 0, holdBytes, (*decoder).hold)
}

func ownedByHolder(i rules.Item) bool {
	return len(i.Title) == 1 && i.Title[0].Parts == 1 && i.Title[0].Owner.Equal(i.Custody)
}

// listed writes a list that a flag says is there; none is no byte.
func listed[V any](e *encoder, values []V, write func(*encoder, V)) {
	if len(values) == 0 {
		return
	}
	e.number(uint64(len(values)))
	for _, v := range values {
		write(e, v)
	}
}

// listOf reads a list of one or more elements of at least size bytes.
func listOf[V any](d *decoder, there bool, size int, read func(*decoder) V) []V {
	if !there {
		return nil
	}
	n := d.count(size)
	if n == 0 {
		d.fail("an empty list")
		return nil
	}
	values := make([]V, n)
	for i := range values {
		values[i] = read(d)
	}
	return values
}

func (e *encoder) holder(h rules.Holder) {
	if h.Outside == nil {
		e.uint8(0)
		e.bytes(h.Party[:])
		return
	}
	if h.Party != (ledger.PartyID{}) {
		e.fail("a holder both inside and outside")
	}
	e.uint8(1)
	e.enum(int32(h.Outside.Reason))
	e.text(h.Outside.Country)
	e.number(h.Outside.Since)
	e.bytes(h.Outside.ReleasedBy[:])
}

func (d *decoder) holder() rules.Holder {
	var h rules.Holder
	if d.flags(1) == 0 {
		d.fill(h.Party[:])
		return h
	}
	h.Outside = &rules.Outside{Reason: custodyv1.OutsideReason(d.enum()), Country: d.text(), Since: d.number()}
	d.fill(h.Outside.ReleasedBy[:])
	return h
}

const shareBytesMin = 1 + 20 + 1

func (e *encoder) shares(title []rules.Share) {
	if len(title) == 0 {
		e.fail("an item that nobody owns")
	}
	e.number(uint64(len(title)))
	for _, s := range title {
		e.holder(s.Owner)
		e.number(uint64(s.Parts))
	}
}

func (d *decoder) share() rules.Share {
	return rules.Share{Owner: d.holder(), Parts: d.uint32()}
}

const termBytesMin = 1 + 20 + 1 + 1

func (e *encoder) term(t rules.Term) {
	e.enum(int32(t.Mode))
	e.bytes(t.From[:])
	e.number(t.Until)
	e.uint8(bit(t.MayMemoOn, 1))
}

func (d *decoder) term() rules.Term {
	t := rules.Term{Mode: custodyv1.Mode(d.enum())}
	d.fill(t.From[:])
	t.Until = d.number()
	t.MayMemoOn = d.flags(1) != 0
	return t
}

const (
	offerGoodsLeft = 1 << iota
	offerDeclined
	offerMayMemoOn
	offerOfPart
	offerHasAgent
	offerFlags = 1<<iota - 1

	offerBytesMin = 32 + 1 + 20 + 20 + 1 + 1 + 1 + 1
)

func (e *encoder) offer(o rules.Offer) {
	part, agent := o.Part != rules.Portion{}, o.Agent != ledger.PartyID{}
	e.bytes(o.Event[:])
	e.number(o.Index)
	e.bytes(o.From[:])
	e.bytes(o.To[:])
	e.enum(int32(o.Mode))
	e.number(o.ExpiresAt)
	e.uint8(bit(o.GoodsLeft, offerGoodsLeft) | bit(o.Declined, offerDeclined) | bit(o.MayMemoOn, offerMayMemoOn) |
		bit(part, offerOfPart) | bit(agent, offerHasAgent))
	e.number(o.Until)
	if part {
		e.portion(o.Part)
	}
	if agent {
		e.bytes(o.Agent[:])
	}
}

func (d *decoder) offer() rules.Offer {
	var o rules.Offer
	d.fill(o.Event[:])
	o.Index = d.number()
	d.fill(o.From[:])
	d.fill(o.To[:])
	o.Mode = custodyv1.Mode(d.enum())
	o.ExpiresAt = d.number()
	flags := d.flags(offerFlags)
	o.GoodsLeft, o.Declined, o.MayMemoOn = flags&offerGoodsLeft != 0, flags&offerDeclined != 0, flags&offerMayMemoOn != 0
	o.Until = d.number()
	if flags&offerOfPart != 0 {
		if o.Part = d.portion(); o.Part == (rules.Portion{}) {
			d.fail("an offer of a part of nothing")
		}
	}
	if flags&offerHasAgent != 0 {
		d.fill(o.Agent[:])
		if o.Agent == (ledger.PartyID{}) {
			d.fail("an agent that is nobody")
		}
	}
	return o
}

func (e *encoder) portion(p rules.Portion) {
	e.number(p.Micrograms)
	e.number(uint64(p.Count))
}

func (d *decoder) portion() rules.Portion {
	return rules.Portion{Micrograms: d.number(), Count: d.uint32()}
}

const disputeBytes = 32 + 20 + 1

func (e *encoder) dispute(v rules.Dispute) {
	e.bytes(v.Event[:])
	e.bytes(v.Party[:])
	e.enum(int32(v.Ground))
}

func (d *decoder) dispute() (v rules.Dispute) {
	d.fill(v.Event[:])
	d.fill(v.Party[:])
	v.Ground = custodyv1.DisputeGround(d.enum())
	return v
}

const holdBytes = 32 + 1

func (e *encoder) hold(v rules.Hold) {
	e.bytes(v.Event[:])
	e.enum(int32(v.Authority))
}

func (d *decoder) hold() (v rules.Hold) {
	d.fill(v.Event[:])
	v.Authority = custodyv1.HoldAuthority(d.enum())
	return v
}
