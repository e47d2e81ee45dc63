// Package checkpoint is how a ledger's tree head is written, signed by its
// nodes and judged by a policy: C2SP tlog-checkpoint without extension lines,
// signed-note, tlog-cosignature (Ed25519) and tlog-policy, and tlog-proof on top.
//
// It is pure: no I/O, clock or randomness. Everything it reads may come from an
// attacker; lengths and counts are bounded before memory is taken for them.
package checkpoint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// ErrMalformed is wrapped by every error about the form of a checkpoint, note,
// key or proof.
var ErrMalformed = errors.New("malformed")

// originBytesMax bounds the first line of a checkpoint.
const originBytesMax = 256

// Checkpoint is the head of a log: what one line of a signed note each says.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   merkle.Hash
}

// Text gives the note text: origin, size and root, a line each (tlog-checkpoint).
func (c Checkpoint) Text() []byte {
	b := make([]byte, 0, len(c.Origin)+80)
	b = append(b, c.Origin...)
	b = append(b, '\n')
	b = strconv.AppendUint(b, c.Size, 10)
	b = append(b, '\n')
	b = base64.StdEncoding.AppendEncode(b, c.Root[:])
	return append(b, '\n')
}

func (c Checkpoint) String() string {
	return fmt.Sprintf("%s, size %d, root %s", c.Origin, c.Size, c.Root)
}

// Parse reads exactly what Text writes. Extension lines are refused: nobody
// could audit them.
func Parse(text []byte) (Checkpoint, error) {
	lines := strings.SplitN(string(text), "\n", 5)
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w: a checkpoint has three lines: origin, size and root", ErrMalformed)
	}
	if lines[0] == "" || len(lines[0]) > originBytesMax {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint origin of %d bytes, expected 1 to %d", ErrMalformed, len(lines[0]), originBytesMax)
	}
	if !validText([]byte(lines[0])) {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint origin %.60q is not UTF-8 without control characters", ErrMalformed, lines[0])
	}
	size, err := parseNumber(lines[1])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint size: %v", ErrMalformed, err)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint root: %v", ErrMalformed, err)
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root}
	if !bytes.Equal(c.Text(), text) {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint text is not in its one form", ErrMalformed)
	}
	return c, nil
}

// validText tells whether bytes may stand in a note: UTF-8, and below U+0020
// nothing but newlines.
func validText(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return r < 0x20 && r != '\n' }) < 0
}

// parseNumber reads a decimal number without sign or leading zeroes.
func parseNumber(s string) (uint64, error) {
	if s == "" || len(s) > 20 || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%.30q is not a decimal number without leading zeroes", s)
	}
	return strconv.ParseUint(s, 10, 64)
}

// parseBase64 reads standard base64 in its one form.
func parseBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err == nil && strings.ContainsAny(s, "\r\n") {
		err = errors.New("a line break")
	}
	if err != nil {
		return nil, fmt.Errorf("not base64: %v", err)
	}
	return b, nil
}

func parseHash(s string) (merkle.Hash, error) {
	if len(s) > 64 {
		return merkle.Hash{}, fmt.Errorf("a hash of %d characters", len(s))
	}
	b, err := parseBase64(s)
	if err == nil && len(b) != merkle.HashSize {
		err = fmt.Errorf("%d bytes, expected %d", len(b), merkle.HashSize)
	}
	if err != nil {
		return merkle.Hash{}, err
	}
	return merkle.Hash(b), nil
}
