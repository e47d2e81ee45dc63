package store

import (
	"encoding/binary"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

const headVersion = 1

// storedHead is the end of the ledger and the root over all of it.
type storedHead struct {
	ledger.Head
	Root merkle.Hash
}

// encode writes
//
//	version u8 = 1 | size u64 | last leaf 32 | recorded ms u64 | root 32
func (h storedHead) encode() []byte {
	b := make([]byte, 0, 81)
	b = append(b, headVersion)
	b = binary.BigEndian.AppendUint64(b, h.Size)
	b = append(b, h.LastLeaf[:]...)
	b = binary.BigEndian.AppendUint64(b, h.RecordedAt)
	return append(b, h.Root[:]...)
}

func decodeHead(b []byte) (storedHead, error) {
	d := decoder{b: b}
	d.version(headVersion)
	var h storedHead
	h.Size = d.uint64()
	d.fill(h.LastLeaf[:])
	h.RecordedAt = d.uint64()
	d.fill(h.Root[:])
	if d.err == nil && h.Size == 0 {
		d.fail("a ledger without its genesis")
	}
	return h, d.end()
}
