package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// CommandBytesMax is the largest command that Propose takes.
const CommandBytesMax = 512 << 10

// A raft entry's data:
//
//	version u8 = 1 | kind u8 | CRC-32C u32 over version, kind, payload | payload
//
//	kind 1, open:  cluster 32 | size u64 | root 32
//	kind 2, batch: the bytes given to Propose, 1 to CommandBytesMax
//
// The checksum is there because neither raft nor bbolt checks an entry from
// end to end: a bit that flips in one node's log must stop that node, not fork
// it.
const (
	commandVersion = 1

	kindOpen  = 1
	kindBatch = 2

	commandHeaderBytes = 1 + 1 + 4
	openPayloadBytes   = 32 + 8 + 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type openCommand struct {
	cluster [32]byte
	size    uint64
	root    merkle.Hash
}

type decodedCommand struct {
	kind  byte
	open  openCommand
	batch []byte
}

func encodeOpen(o openCommand) []byte {
	b := make([]byte, commandHeaderBytes, commandHeaderBytes+openPayloadBytes)
	b = append(b, o.cluster[:]...)
	b = binary.BigEndian.AppendUint64(b, o.size)
	b = append(b, o.root[:]...)
	return sealCommand(b, kindOpen)
}

func encodeBatch(data []byte) []byte {
	b := make([]byte, commandHeaderBytes, commandHeaderBytes+len(data))
	return sealCommand(append(b, data...), kindBatch)
}

func sealCommand(b []byte, kind byte) []byte {
	b[0], b[1] = commandVersion, kind
	binary.BigEndian.PutUint32(b[2:], commandChecksum(b))
	return b
}

func commandChecksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:2], castagnoli), castagnoli, b[commandHeaderBytes:])
}

// decodeCommand reads what encodeOpen or encodeBatch wrote. The batch shares
// memory with b.
func decodeCommand(b []byte) (decodedCommand, error) {
	if len(b) < commandHeaderBytes {
		return decodedCommand{}, errors.New("consensus: command is cut short")
	}
	if b[0] != commandVersion {
		return decodedCommand{}, fmt.Errorf("consensus: command of unknown version %d", b[0])
	}
	payload := b[commandHeaderBytes:]
	switch {
	case b[1] == kindOpen && len(payload) != openPayloadBytes:
		return decodedCommand{}, fmt.Errorf("consensus: open command of %d bytes", len(payload))
	case b[1] == kindBatch && (len(payload) == 0 || len(payload) > CommandBytesMax):
		return decodedCommand{}, fmt.Errorf("consensus: batch command of %d bytes", len(payload))
	case b[1] != kindOpen && b[1] != kindBatch:
		return decodedCommand{}, fmt.Errorf("consensus: command of unknown kind %d", b[1])
	}
	if binary.BigEndian.Uint32(b[2:]) != commandChecksum(b) {
		return decodedCommand{}, errors.New("consensus: command does not match its checksum")
	}
	if b[1] == kindBatch {
		return decodedCommand{kind: kindBatch, batch: payload}, nil
	}
	return decodedCommand{kind: kindOpen, open: openCommand{
		cluster: [32]byte(payload[:32]),
		size:    binary.BigEndian.Uint64(payload[32:40]),
		root:    merkle.Hash(payload[40:]),
	}}, nil
}
