package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// ErrPayload is wrapped by every error about the bytes of what a node signs with
// its statement key.
var ErrPayload = errors.New("not a valid payload")

// nodeIDBytesMax is the longest node id.
const nodeIDBytesMax = 32

// Proposal is the head of a raft entry: what its leader signs, so that two for
// one counter convict it. Each has a content, the body, of which it has the hash.
type Proposal struct {
	Cluster  [32]byte // raft cluster id
	Node     string   // the leader
	Term     uint64   // raft term in which it was proposed, or an earlier one
	Counter  uint64   // 1, 2, … within a term of this leader
	Previous [32]byte // ID of the proposal with Counter-1; zero before the first
	At       uint64   // the leader's clock, unix milliseconds
	Body     [32]byte // SHA-256 of the content
}

// Payload gives the bytes that are signed under sign.ProposalPayloadType:
//
//	cluster 32 | node u8 length + bytes | term u64 | counter u64 | previous 32 | time u64 | body 32
func (p Proposal) Payload() []byte {
	b := append([]byte(nil), p.Cluster[:]...)
	b = appendText(b, p.Node)
	b = binary.BigEndian.AppendUint64(b, p.Term)
	b = binary.BigEndian.AppendUint64(b, p.Counter)
	b = append(b, p.Previous[:]...)
	b = binary.BigEndian.AppendUint64(b, p.At)
	return append(b, p.Body[:]...)
}

// ID is SHA-256 of the signing bytes; the next proposal names it.
func (p Proposal) ID() [32]byte {
	return sha256.Sum256(sign.PAE(sign.ProposalPayloadType, p.Payload()))
}

// ParseProposal reads exactly what Payload writes.
func ParseProposal(b []byte) (Proposal, error) {
	r := reader{b: b}
	var p Proposal
	copy(p.Cluster[:], r.take(32))
	p.Node = r.text()
	p.Term, p.Counter = r.uint64(), r.uint64()
	copy(p.Previous[:], r.take(32))
	p.At = r.uint64()
	copy(p.Body[:], r.take(32))
	return p, r.end("proposal", p.Node)
}

// Promise is a node's word that an event has reached it, that its signatures
// hold, and that it is recorded or refused by a deadline.
type Promise struct {
	Ledger     LedgerID
	Event      EventID
	Node       string
	ReceivedAt uint64 // the node's clock, unix milliseconds
	Deadline   uint64 // ledger time, unix milliseconds
}

// Payload gives the bytes that are signed under sign.PromisePayloadType:
//
//	ledger 32 | event 32 | node u8 length + bytes | received u64 | deadline u64
func (p Promise) Payload() []byte {
	b := append([]byte(nil), p.Ledger[:]...)
	b = append(b, p.Event[:]...)
	b = appendText(b, p.Node)
	b = binary.BigEndian.AppendUint64(b, p.ReceivedAt)
	return binary.BigEndian.AppendUint64(b, p.Deadline)
}

// ParsePromise reads exactly what Payload writes.
func ParsePromise(b []byte) (Promise, error) {
	r := reader{b: b}
	var p Promise
	copy(p.Ledger[:], r.take(32))
	copy(p.Event[:], r.take(32))
	p.Node = r.text()
	p.ReceivedAt, p.Deadline = r.uint64(), r.uint64()
	return p, r.end("promise", p.Node)
}

// Absence states that an event is not in the ledger of a size. Nodes sign the
// same bytes.
type Absence struct {
	Ledger LedgerID
	Event  EventID
	Size   uint64
	Root   merkle.Hash
	At     uint64 // recorded time of entry Size-1
}

// Payload gives the bytes that are signed under sign.AbsencePayloadType:
//
//	ledger 32 | event 32 | size u64 | root 32 | time u64
func (a Absence) Payload() []byte {
	b := append([]byte(nil), a.Ledger[:]...)
	b = append(b, a.Event[:]...)
	b = binary.BigEndian.AppendUint64(b, a.Size)
	b = append(b, a.Root[:]...)
	return binary.BigEndian.AppendUint64(b, a.At)
}

// ParseAbsence reads exactly what Payload writes.
func ParseAbsence(b []byte) (Absence, error) {
	r := reader{b: b}
	var a Absence
	copy(a.Ledger[:], r.take(32))
	copy(a.Event[:], r.take(32))
	a.Size = r.uint64()
	copy(a.Root[:], r.take(32))
	a.At = r.uint64()
	return a, r.end("absence", "-")
}

func appendText(b []byte, s string) []byte {
	return append(append(b, byte(len(s))), s...)
}

// text takes a length of one byte and as many bytes.
func (r *reader) text() string { return string(r.take(int(r.uint8()))) }

// end is the error of what was read, nil if all of it was and nothing is left.
func (r *reader) end(what, node string) error {
	switch {
	case r.short:
		return fmt.Errorf("%w: %s is cut short", ErrPayload, what)
	case len(r.b) > 0:
		return fmt.Errorf("%w: %d bytes after the end of %s", ErrPayload, len(r.b), what)
	case node == "" || len(node) > nodeIDBytesMax:
		return fmt.Errorf("%w: %s of node %.40q", ErrPayload, what, node)
	}
	return nil
}
