package adversary

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Kinds of commands.
const (
	kindSubmissions = 1
	kindFinal       = 2
)

// said is a command that a liar made as leader, with its signed head.
type said struct {
	ledger.Proposal
	kind      byte
	signature []byte
	body      []byte
	command   []byte
}

// signed is the head of it as evidence holds it.
func (s said) signed() evidence.Signed {
	return evidence.Signed{Payload: s.Payload(), Signature: s.signature}
}

// say makes a command of the reign's term, well formed and well signed.
func (r *reign) say(counter uint64, at time.Time, kind byte, body []byte) said {
	p := ledger.Proposal{
		Cluster: r.cluster(), Node: r.member.id, Term: r.term, Counter: counter,
		At: uint64(at.UnixMilli()), Body: sha256.Sum256(append([]byte{kind}, body...)),
	}
	return r.seal(said{Proposal: p, kind: kind, body: body})
}

// after chains a command to the one before it.
func (r *reign) after(before, next said) said {
	next.Previous = before.ID()
	return r.seal(next)
}

func (r *reign) seal(s said) said {
	s.signature = r.Statement.Sign(sign.PAE(sign.ProposalPayloadType, s.Payload()))
	s.command = binary.BigEndian.AppendUint16([]byte{2, s.kind}, uint16(len(s.Payload())))
	s.command = append(s.command, s.Payload()...)
	s.command = append(s.command, s.signature...)
	s.command = append(s.command, s.body...)
	return s
}

// events is the body of a command with submissions of one event each.
func events(signed ...ledger.SignedEvent) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(signed)))
	for _, e := range signed {
		b = binary.BigEndian.AppendUint16(b, 1)
		b = append(b, byte(len(e.Signatures)))
		for _, s := range e.Signatures {
			b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
			b = append(b, s...)
		}
		b = append(b, 0) // openings
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Event)))
		b = append(b, e.Event...)
	}
	return b
}

func noteBody(note *checkpoint.Note) []byte { return note.Encode() }
