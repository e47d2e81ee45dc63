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
	itemVersion  = 3
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

func bit(set bool, b uint8) uint8 {
	if set {
		return b
	}
	return 0
}
