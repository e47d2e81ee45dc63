package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// EntryVersion is the first byte of every entry.
const EntryVersion = 1

// Kind says what an entry holds.
type Kind uint8

// The kinds of entries. Others are reserved.
const (
	KindGenesis Kind = 1
	KindEvent   Kind = 2
	// KindGovernance holds an event about the policy. Anyone may read it.
	KindGovernance Kind = 3
	// KindHandover holds the final note from which an adopted policy is in force.
	// No party signs it; anyone may read it.
	KindHandover Kind = 4
)

// NoLink stands for "no earlier entry" wherever an entry index is optional. It
// is never written into an entry.
const NoLink = ^uint64(0)

// Entry is one line of the ledger: an event and what the ledger adds to it.
//
//  1. Prev is the leaf hash of the entry before; all zero in entry 0.
//  2. RecordedAt never runs backwards.
//  3. Links holds, for every party of Event.Parties, the index of the last entry
//     that changed its record, then for every item of Event.Names the index of the
//     previous entry that names it, both in their order.
//  4. Entry 0 and no other is the genesis.
type Entry struct {
	Kind       Kind
	Index      uint64
	RecordedAt uint64 // unix milliseconds, set by the leader
	Prev       merkle.Hash
	Links      []uint64
	Signed     SignedEvent // KindEvent, KindGovernance
	Genesis    []byte      // KindGenesis: the genesis file

	// KindHandover: a note that is final under the policy in force until here and
	// covers the adoption of the next one, and the RFC 6962 consistency proof from
	// its size to Index.
	Note  []byte
	Proof []merkle.Hash
}

// ErrEntry is wrapped by every error about the bytes of an entry.
var ErrEntry = errors.New("not a valid entry")

// Encode gives the entry's bytes, which every node builds alike. It fails only
// if they would be more than EntryBytesMax.
//
//	version u8 | kind u8 | index u64 | recorded_ms u64 | prev [32] | links u16, u64...
//	kinds event and governance: signatures u8, (length u16, bytes)... | length u32, event bytes
//	kind genesis:               length u32, genesis file
//	kind handover:              length u16, note | hashes u8, hash [32]...
func (e *Entry) Encode() ([]byte, error) {
	b := make([]byte, 0, 160+8*len(e.Links)+66*len(e.Signed.Signatures)+len(e.Signed.Event)+len(e.Genesis)+len(e.Note)+32*len(e.Proof))
	b = append(b, EntryVersion, byte(e.Kind))
	b = binary.BigEndian.AppendUint64(b, e.Index)
	b = binary.BigEndian.AppendUint64(b, e.RecordedAt)
	b = append(b, e.Prev[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Links)))
	for _, link := range e.Links {
		b = binary.BigEndian.AppendUint64(b, link)
	}
	switch e.Kind {
	case KindEvent, KindGovernance:
		b = append(b, byte(len(e.Signed.Signatures)))
		for _, signature := range e.Signed.Signatures {
			b = binary.BigEndian.AppendUint16(b, uint16(len(signature)))
			b = append(b, signature...)
		}
		b = appendPayload(b, e.Signed.Event)
	case KindHandover:
		if len(e.Proof) > HandoverProofMax {
			return nil, fmt.Errorf("%w: a proof of %d hashes, at most %d", ErrEntry, len(e.Proof), HandoverProofMax)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(e.Note)))
		b = append(b, e.Note...)
		b = append(b, byte(len(e.Proof)))
		for i := range e.Proof {
			b = append(b, e.Proof[i][:]...)
		}
	default:
		b = appendPayload(b, e.Genesis)
	}
	if len(b) > EntryBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEntry, len(b), EntryBytesMax)
	}
	return b, nil
}

func appendPayload(b, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// DecodeEntry reads what Encode writes and nothing else: no version, kind or
// count it does not know, no byte left over. The result shares memory with b.
func DecodeEntry(b []byte) (*Entry, error) {
	r := reader{b: b}
	if len(b) > EntryBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEntry, len(b), EntryBytesMax)
	}
	if version := r.uint8(); version != EntryVersion {
		return nil, fmt.Errorf("%w: version %d, expected %d", ErrEntry, version, EntryVersion)
	}
	room := &entryRoom{}
	e := &room.Entry
	e.Kind, e.Index, e.RecordedAt = Kind(r.uint8()), r.uint64(), r.uint64()
	copy(e.Prev[:], r.take(len(e.Prev)))
	links := int(r.uint16())
	if links > LinksMax {
		return nil, fmt.Errorf("%w: %d links, at most %d", ErrEntry, links, LinksMax)
	}
	if links > 0 {
		e.Links = room.links[:0]
	}
	for range links {
		e.Links = append(e.Links, r.uint64())
	}
	switch e.Kind {
	case KindEvent, KindGovernance:
		signatures := int(r.uint8())
		if signatures == 0 || signatures > SignersMax {
			return nil, fmt.Errorf("%w: %d signatures, expected 1 to %d", ErrEntry, signatures, SignersMax)
		}
		e.Signed.Signatures = room.signatures[:0]
		for range signatures {
			e.Signed.Signatures = append(e.Signed.Signatures, r.take(int(r.uint16())))
		}
		e.Signed.Event = r.take(int(r.uint32()))
	case KindGenesis:
		e.Genesis = r.take(int(r.uint32()))
	case KindHandover:
		e.Note = r.take(int(r.uint16()))
		hashes := int(r.uint8())
		if hashes > HandoverProofMax {
			return nil, fmt.Errorf("%w: a proof of %d hashes, at most %d", ErrEntry, hashes, HandoverProofMax)
		}
		for range hashes {
			var h merkle.Hash
			copy(h[:], r.take(len(h)))
			e.Proof = append(e.Proof, h)
		}
	default:
		return nil, fmt.Errorf("%w: kind %d is unknown to this version", ErrEntry, e.Kind)
	}
	if r.short {
		return nil, fmt.Errorf("%w: cut short after %d bytes", ErrEntry, len(b))
	}
	if len(r.b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes left over", ErrEntry, len(r.b))
	}
	return e, nil
}

// entryRoom is an entry with room for what most entries have.
type entryRoom struct {
	Entry
	links      [4]uint64
	signatures [1][]byte
}

// reader takes fixed-size values off a slice; once it is too short it stays so
// and gives zeros.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) uint8() uint8   { return uint8(r.unsigned(1)) }
func (r *reader) uint16() uint16 { return uint16(r.unsigned(2)) }
func (r *reader) uint32() uint32 { return uint32(r.unsigned(4)) }
func (r *reader) uint64() uint64 { return r.unsigned(8) }

func (r *reader) unsigned(n int) uint64 {
	var v uint64
	for _, b := range r.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// Head is the end of a ledger: what the next entry builds on.
type Head struct {
	Size       uint64      // entries so far
	LastLeaf   merkle.Hash // leaf hash of entry Size-1
	RecordedAt uint64      // of entry Size-1
}
