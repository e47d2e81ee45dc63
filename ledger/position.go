package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Limits of a pointer's two variable fields.
const (
	PointerConfigurationBytesMax = 64 << 10
	PointerFinalNoteBytesMax     = 64 << 10
)

const (
	positionVersion = 1
	pointerVersion  = 1

	positionBytes      = 1 + 32 + 8 + 8
	pointerFixedBytes  = 1 + 32 + 8 + 8 + 8 + 32 + 8 + 4 + 4
	pointerConfigField = 1 + 32 + 8 + 8 + 8 + 32 + 8
)

var (
	errPositionLength  = errors.New("ledger: a stored position has the wrong length")
	errPositionVersion = errors.New("ledger: a stored position has an unknown version")
)

// Position says how far a ledger has followed one raft cluster: the raft
// entry whose command was the last one applied. The zero Position is a ledger
// that has followed no cluster yet.
//
// Index counts raft entries, not ledger entries: one raft entry may append
// many ledger entries or none.
type Position struct {
	Cluster [32]byte
	Index   uint64
	Term    uint64
}

// IsZero reports whether the ledger has followed no cluster yet.
func (p Position) IsZero() bool { return p == Position{} }

func (p Position) String() string {
	return fmt.Sprintf("%x at %d in term %d", p.Cluster[:4], p.Index, p.Term)
}

// AppendBinary appends the 49 bytes of p: version, cluster, index, term.
func (p Position) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, positionVersion)
	b = append(b, p.Cluster[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Index)
	return binary.BigEndian.AppendUint64(b, p.Term), nil
}

// ParsePosition reads exactly what AppendBinary wrote.
func ParsePosition(b []byte) (Position, error) {
	if len(b) != positionBytes {
		return Position{}, errPositionLength
	}
	if b[0] != positionVersion {
		return Position{}, errPositionVersion
	}
	p := Position{
		Cluster: [32]byte(b[1:33]),
		Index:   binary.BigEndian.Uint64(b[33:41]),
		Term:    binary.BigEndian.Uint64(b[41:49]),
	}
	return p, nil
}

// Pointer stands in for a copy of the ledger wherever raft wants a snapshot:
// it names a state instead of holding it. A node that lacks the state fetches
// and verifies the entries below Size from its peers.
//
// Invariants, checked by Validate and by both directions of the codec:
//  1. Index and Term are not zero, and neither is Size: entry 0, the genesis,
//     exists before any raft cluster does.
//  2. Every command in raft entries at or below Index is applied in the state
//     of Size and Root, and none above it.
//  3. ConfigurationIndex is between 1 and Index; Configuration, the members
//     in raft's own encoding, is not empty.
type Pointer struct {
	Cluster            [32]byte
	Index              uint64
	Term               uint64
	Size               uint64
	Root               merkle.Hash
	ConfigurationIndex uint64
	Configuration      []byte
	// FinalNote is the signed note of the last final checkpoint that the
	// writer knew, or empty before there is one.
	FinalNote []byte
}

// Position is the applied position of a ledger that is exactly in the state
// that p names.
func (p Pointer) Position() Position {
	return Position{Cluster: p.Cluster, Index: p.Index, Term: p.Term}
}

// Validate checks invariants 1 and 3 and the limits; invariant 2 is what
// verified catch-up is for.
func (p Pointer) Validate() error {
	switch {
	case p.Index == 0 || p.Term == 0:
		return errors.New("ledger: pointer without a raft index or term")
	case p.Size == 0:
		return errors.New("ledger: pointer to an empty ledger")
	case p.ConfigurationIndex == 0 || p.ConfigurationIndex > p.Index:
		return fmt.Errorf("ledger: pointer at %d with a configuration from %d", p.Index, p.ConfigurationIndex)
	case len(p.Configuration) == 0 || len(p.Configuration) > PointerConfigurationBytesMax:
		return fmt.Errorf("ledger: pointer with a configuration of %d bytes", len(p.Configuration))
	case len(p.FinalNote) > PointerFinalNoteBytesMax:
		return fmt.Errorf("ledger: pointer with a final note of %d bytes", len(p.FinalNote))
	}
	return nil
}

// AppendBinary appends the encoding of p:
//
//	version u8 = 1 | cluster 32 | index u64 | term u64 | size u64 | root 32
//	configuration index u64 | configuration u32 length + bytes
//	final note u32 length + bytes
//
// It refuses a pointer that breaks an invariant.
func (p Pointer) AppendBinary(b []byte) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	b = append(b, pointerVersion)
	b = append(b, p.Cluster[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Index)
	b = binary.BigEndian.AppendUint64(b, p.Term)
	b = binary.BigEndian.AppendUint64(b, p.Size)
	b = append(b, p.Root[:]...)
	b = binary.BigEndian.AppendUint64(b, p.ConfigurationIndex)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Configuration)))
	b = append(b, p.Configuration...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.FinalNote)))
	return append(b, p.FinalNote...), nil
}

// ParsePointer reads exactly what AppendBinary wrote: one encoding for one
// pointer, nothing trailing. The result shares no memory with b.
func ParsePointer(b []byte) (Pointer, error) {
	if len(b) < pointerFixedBytes {
		return Pointer{}, errors.New("ledger: pointer is cut short")
	}
	if b[0] != pointerVersion {
		return Pointer{}, fmt.Errorf("ledger: pointer of unknown version %d", b[0])
	}
	p := Pointer{
		Cluster:            [32]byte(b[1:33]),
		Index:              binary.BigEndian.Uint64(b[33:41]),
		Term:               binary.BigEndian.Uint64(b[41:49]),
		Size:               binary.BigEndian.Uint64(b[49:57]),
		Root:               merkle.Hash(b[57:89]),
		ConfigurationIndex: binary.BigEndian.Uint64(b[89:97]),
	}
	rest := b[pointerConfigField:]
	var err error
	if p.Configuration, rest, err = pointerField(rest, PointerConfigurationBytesMax); err != nil {
		return Pointer{}, err
	}
	if p.FinalNote, rest, err = pointerField(rest, PointerFinalNoteBytesMax); err != nil {
		return Pointer{}, err
	}
	if len(rest) != 0 {
		return Pointer{}, fmt.Errorf("ledger: %d bytes after the end of a pointer", len(rest))
	}
	return p, p.Validate()
}

func pointerField(b []byte, bytesMax uint32) (field, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errors.New("ledger: pointer is cut short")
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if n > bytesMax || uint64(n) > uint64(len(b)) {
		return nil, nil, fmt.Errorf("ledger: pointer names a field of %d bytes", n)
	}
	if n == 0 {
		return nil, b, nil
	}
	return append([]byte(nil), b[:n]...), b[n:], nil
}
