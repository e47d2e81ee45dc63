package store

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// The state values. Ids that the key holds are not in the value. Numbers are
// varints in their shortest form, texts have a length byte, counts stand before
// what they count.
const (
	partyVersion = 2
	keyVersion   = 1
	itemVersion  = 1
)

const partyAssociation = 1

// encodeParty writes
//
//	version u8 = 2 | flags u8 | name | country | role u8 | admitted | last index
//	memberships: count, (association 20, suspended u8)...
//	keys: count, key id 20...
func encodeParty(p rules.Party) ([]byte, error) {
	e := encoder{b: make([]byte, 0, 16+len(p.Name)+21*len(p.Memberships)+20*len(p.Keys))}
	e.uint8(partyVersion)
	e.uint8(bit(p.Association, partyAssociation))
	e.text(p.Name)
	e.text(p.Country)
	e.enum(int32(p.Role))
	e.number(p.Admitted)
	e.number(p.LastIndex)
	e.number(uint64(len(p.Memberships)))
	for _, m := range p.Memberships {
		e.bytes(m.Association[:])
		e.uint8(bit(m.Suspended, 1))
	}
	e.number(uint64(len(p.Keys)))
	for _, id := range p.Keys {
		e.bytes(id[:])
	}
	return e.b, e.err
}

func decodeParty(id ledger.PartyID, b []byte) (rules.Party, error) {
	d := decoder{b: b}
	d.version(partyVersion)
	p := rules.Party{ID: id}
	p.Association = d.flags(partyAssociation) != 0
	p.Name = d.text()
	p.Country = d.text()
	p.Role = custodyv1.Role(d.enum())
	p.Admitted = d.number()
	p.LastIndex = d.number()
	if n := d.count(21); n > 0 {
		p.Memberships = make([]rules.Membership, n)
	}
	for i := range p.Memberships {
		d.fill(p.Memberships[i].Association[:])
		p.Memberships[i].Suspended = d.flags(1) != 0
	}
	if n := d.count(sign.KeyIDSize); n > 0 {
		p.Keys = make([]sign.KeyID, n)
	}
	for i := range p.Keys {
		d.fill(p.Keys[i][:])
	}
	return p, d.end()
}

const keyRecovery = 1

// encodeKey writes
//
//	version u8 = 1 | flags u8 | wire form u8 length + bytes | party 20 | scopes | added | revoked + 1, 0 while live
func encodeKey(k rules.Key) ([]byte, error) {
	wire := k.Public.Bytes()
	e := encoder{b: make([]byte, 0, 40+len(wire))}
	e.uint8(keyVersion)
	e.uint8(bit(k.Recovery, keyRecovery))
	e.text(string(wire))
	e.bytes(k.Party[:])
	e.number(uint64(k.Scopes))
	e.number(k.Added)
	e.number(k.Revoked + 1)
	return e.b, e.err
}

func decodeKey(id sign.KeyID, b []byte) (rules.Key, error) {
	d := decoder{b: b}
	d.version(keyVersion)
	var k rules.Key
	k.Recovery = d.flags(keyRecovery) != 0
	wire := d.take(int(d.uint8()))
	d.fill(k.Party[:])
	scopes := d.number()
	if scopes > uint64(^ledger.Scopes(0)) {
		d.fail("scopes %d", scopes)
	}
	k.Scopes = ledger.Scopes(scopes)
	k.Added = d.number()
	k.Revoked = d.number() - 1
	if err := d.end(); err != nil {
		return rules.Key{}, err
	}
	public, err := sign.ParsePublicKey(wire)
	if err != nil {
		d.fail("%v", err)
	} else if public.ID() != id {
		d.fail("it holds key %s", ledger.KeyIDText(public.ID()))
	}
	k.Public = public
	return k, d.err
}

const (
	itemOffered          = 1 << iota // it was offered once
	itemHeldByRegistrant             // custody is left out: it is the registrant's
	itemOwnedByHolder                // title is left out: it equals custody
	itemFlags            = 1<<iota - 1
)

// encodeItem writes
//
//	version u8 = 1 | status u8 | flags u8 | registrant 20 | registered | last 32 | last index
//	custody, title: u8 0, party 20 | u8 1, reason u8, country, since, released by 20
//	memo until
//	offers: count, (event 32, index, from 20, to 20, mode u8, expires at, flags u8, memo until)...
//
// A holder that a flag describes is left out and may not be written.
func encodeItem(i rules.Item) ([]byte, error) {
	held, owned := i.Custody.Is(i.Registrant), sameHolder(i.Custody, i.Title)
	e := encoder{b: make([]byte, 0, 128+128*len(i.Offers))}
	e.uint8(itemVersion)
	e.uint8(uint8(i.Status))
	e.uint8(bit(i.Offered, itemOffered) | bit(held, itemHeldByRegistrant) | bit(owned, itemOwnedByHolder))
	e.bytes(i.Registrant[:])
	e.number(i.Registered)
	e.bytes(i.Last[:])
	e.number(i.LastIndex)
	if !held {
		e.holder(i.Custody)
	}
	if !owned {
		e.holder(i.Title)
	}
	e.number(i.MemoUntil)
	e.number(uint64(len(i.Offers)))
	for _, o := range i.Offers {
		e.offer(o)
	}
	return e.b, e.err
}

func decodeItem(id ledger.ItemID, b []byte) (rules.Item, error) {
	d := decoder{b: b}
	d.version(itemVersion)
	i := rules.Item{ID: id, Status: rules.Status(d.uint8())}
	if d.err == nil && i.Status != rules.Live && i.Status != rules.Voided {
		d.fail("item status %d", i.Status)
	}
	flags := d.flags(itemFlags)
	i.Offered = flags&itemOffered != 0
	d.fill(i.Registrant[:])
	i.Registered = d.number()
	d.fill(i.Last[:])
	i.LastIndex = d.number()
	i.Custody = rules.Inside(i.Registrant)
	if flags&itemHeldByRegistrant == 0 {
		i.Custody = d.holder()
		if i.Custody.Is(i.Registrant) {
			d.fail("the registrant as holder is a flag")
		}
	}
	i.Title = i.Custody
	if flags&itemOwnedByHolder == 0 {
		i.Title = d.holder()
		if sameHolder(i.Custody, i.Title) {
			d.fail("the holder as owner is a flag")
		}
	}
	i.MemoUntil = d.number()
	if n := d.count(offerBytesMin); n > 0 {
		i.Offers = make([]rules.Offer, n)
	}
	for o := range i.Offers {
		i.Offers[o] = d.offer()
	}
	return i, d.end()
}

func sameHolder(a, b rules.Holder) bool {
	if a.Outside == nil || b.Outside == nil {
		return a.Outside == b.Outside && a.Party == b.Party
	}
	return a.Party == b.Party && *a.Outside == *b.Outside
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

const (
	offerGoodsLeft = 1 << iota
	offerDeclined
	offerFlags = 1<<iota - 1

	offerBytesMin = 32 + 1 + 20 + 20 + 1 + 1 + 1 + 1
)

func (e *encoder) offer(o rules.Offer) {
	e.bytes(o.Event[:])
	e.number(o.Index)
	e.bytes(o.From[:])
	e.bytes(o.To[:])
	e.enum(int32(o.Mode))
	e.number(o.ExpiresAt)
	e.uint8(bit(o.GoodsLeft, offerGoodsLeft) | bit(o.Declined, offerDeclined))
	e.number(o.MemoUntil)
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
	o.GoodsLeft, o.Declined = flags&offerGoodsLeft != 0, flags&offerDeclined != 0
	o.MemoUntil = d.number()
	return o
}

func bit(set bool, b uint8) uint8 {
	if set {
		return b
	}
	return 0
}
