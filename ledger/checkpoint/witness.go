package checkpoint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// SizeContentType is the content type of a witness's answer 409, which says the
// size of the last checkpoint that it cosigned.
const SizeContentType = "text/x.tlog.size"

const (
	oldPrefix = "old "
	// witnessHashesMax is the number of proof lines that tlog-witness permits.
	witnessHashesMax = 63
	// AddCheckpointBytesMax is the longest request that is read.
	AddCheckpointBytesMax = NoteBytesMax + witnessHashesMax*45 + 64
)

// AddCheckpoint is what a log asks a witness (C2SP tlog-witness add-checkpoint):
// to cosign a note, given the proof that it continues the size that the witness
// cosigned last. Nothing in it is verified.
type AddCheckpoint struct {
	Old   uint64 // 0 if the witness has cosigned nothing of this log; then Proof is empty
	Proof []merkle.Hash
	Note  []byte // the signed checkpoint, verbatim
}

// Encode gives the body of the request.
func (a *AddCheckpoint) Encode() []byte {
	b := strconv.AppendUint([]byte(oldPrefix), a.Old, 10)
	b = append(b, '\n')
	b = appendHashes(b, a.Proof)
	b = append(b, '\n')
	return append(b, a.Note...)
}

// ParseAddCheckpoint reads exactly what Encode writes. The note's form is checked.
func ParseAddCheckpoint(body []byte) (*AddCheckpoint, error) {
	if len(body) > AddCheckpointBytesMax {
		return nil, fmt.Errorf("%w: a request of %d bytes, at most %d", ErrMalformed, len(body), AddCheckpointBytesMax)
	}
	old, rest, err := cutNumber(string(body), oldPrefix)
	if err != nil {
		return nil, fmt.Errorf("%w: old size line: %v", ErrMalformed, err)
	}
	proof, rest, err := cutHashes(rest, witnessHashesMax)
	if err != nil {
		return nil, fmt.Errorf("%w: consistency proof: %v", ErrMalformed, err)
	}
	a := &AddCheckpoint{Old: old, Proof: proof, Note: []byte(rest)}
	if _, err := ParseNote(a.Note); err != nil {
		return nil, err
	}
	return a, nil
}

// ParseCosignatures reads a witness's answer 200 to a checkpoint and gives the
// lines of the key, each verified. The error wraps ErrMalformed, ErrUnsigned or
// ErrSignature.
func (k Key) ParseCosignatures(c Checkpoint, body []byte) ([]Signature, error) {
	lines, err := ParseSignatures(body)
	if err != nil {
		return nil, err
	}
	n := &Note{Checkpoint: c, Signatures: lines}
	if _, err := k.Verify(n); err != nil {
		return nil, err
	}
	own := lines[:0]
	for _, line := range lines {
		if line.Name == k.Name && line.KeyID == k.ID() {
			own = append(own, line)
		}
	}
	return own, nil
}

// AppendSize and ParseSize write and read a witness's answer 409.
func AppendSize(b []byte, size uint64) []byte {
	return append(strconv.AppendUint(b, size, 10), '\n')
}

// ParseSize reads the size that a witness cosigned last.
func ParseSize(body []byte) (uint64, error) {
	text, ok := strings.CutSuffix(string(body[:min(len(body), 32)]), "\n")
	if !ok || len(body) > 32 {
		return 0, fmt.Errorf("%w: the size %.40q is not a number and a newline", ErrMalformed, body)
	}
	size, err := parseNumber(text)
	if err != nil {
		return 0, fmt.Errorf("%w: size: %v", ErrMalformed, err)
	}
	return size, nil
}
