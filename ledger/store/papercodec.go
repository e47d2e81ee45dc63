package store

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	attestationVersion = 1
	paperVersion       = 1
	claimsVersion      = 1
)

const (
	attestationWithdrawn = 1 << iota
	attestationOfPaper   // paper and what was drawn of it follow
	attestationExpires
	attestationFlags = 1<<iota - 1
)

// encodeAttestation writes
//
//	version u8 = 1 | flags u8 | index | item 20 | party 20 | kind u8
//	paper 32, drawn: micrograms, count | expires
func encodeAttestation(a rules.Attestation) ([]byte, error) {
	paper := a.Paper != rules.PaperID{} || a.Drawn != rules.Portion{}
	e := encoder{b: make([]byte, 0, 104)}
	e.uint8(attestationVersion)
	e.uint8(bit(a.Withdrawn, attestationWithdrawn) | bit(paper, attestationOfPaper) | bit(a.Expires != 0, attestationExpires))
	e.number(a.Index)
	e.bytes(a.Item[:])
	e.bytes(a.Party[:])
	e.enum(int32(a.Kind))
	if paper {
		e.bytes(a.Paper[:])
		e.portion(a.Drawn)
	}
	if a.Expires != 0 {
		e.number(a.Expires)
	}
	return e.b, e.err
}

func decodeAttestation(id ledger.EventID, b []byte) (rules.Attestation, error) {
	d := decoder{b: b}
	d.version(attestationVersion)
	flags := d.flags(attestationFlags)
	a := rules.Attestation{Event: id, Index: d.number(), Withdrawn: flags&attestationWithdrawn != 0}
	d.fill(a.Item[:])
	d.fill(a.Party[:])
	a.Kind = custodyv1.DocumentKind(d.enum())
	if flags&attestationOfPaper != 0 {
		d.fill(a.Paper[:])
		if a.Drawn = d.portion(); a.Paper == (rules.PaperID{}) && a.Drawn == (rules.Portion{}) {
			d.fail("an empty paper")
		}
	}
	if flags&attestationExpires != 0 {
		if a.Expires = d.number(); a.Expires == 0 {
			d.fail("an empty end")
		}
	}
	return a, d.end()
}

// encodePaper writes
//
//	version u8 = 1 | document 32 | quantity: micrograms, count | spent: micrograms, count
func encodePaper(p rules.Paper) ([]byte, error) {
	e := encoder{b: make([]byte, 0, 64)}
	e.uint8(paperVersion)
	e.bytes(p.Document[:])
	e.portion(p.Quantity)
	e.portion(p.Spent)
	return e.b, e.err
}

func decodePaper(id rules.PaperID, b []byte) (rules.Paper, error) {
	d := decoder{b: b}
	d.version(paperVersion)
	p := rules.Paper{ID: id}
	d.fill(p.Document[:])
	p.Quantity, p.Spent = d.portion(), d.portion()
	return p, d.end()
}

const outsideIDBytesMin = 1 + 1 + 1

// encodeOutsideIDs writes
//
//	version u8 = 1 | count, (kind u8, issuer, number)...
func encodeOutsideIDs(ids []rules.OutsideID) ([]byte, error) {
	e := encoder{b: make([]byte, 0, 2+32*len(ids))}
	e.uint8(claimsVersion)
	listed(&e, ids, (*encoder).outsideID)
	return e.b, e.err
}

func decodeOutsideIDs(b []byte) ([]rules.OutsideID, error) {
	d := decoder{b: b}
	d.version(claimsVersion)
	ids := listOf(&d, true, outsideIDBytesMin, (*decoder).outsideID)
	return ids, d.end()
}

func (e *encoder) outsideID(id rules.OutsideID) {
	e.enum(int32(id.Kind))
	e.text(id.Issuer)
	e.text(id.Number)
}

func (d *decoder) outsideID() rules.OutsideID {
	return rules.OutsideID{Kind: custodyv1.OutsideIdKind(d.enum()), Issuer: d.text(), Number: d.text()}
}
