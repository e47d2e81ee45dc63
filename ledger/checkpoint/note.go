package checkpoint

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a signed note.
const (
	// NoteBytesMax is the longest note that is read: 16 of the longest signatures
	// that signed-note warns of fit.
	NoteBytesMax = 128 << 10
	// SignaturesMax is the largest number of signature lines that is read, and
	// written: golang.org/x/mod reads no more.
	SignaturesMax = 100
	// keyNameBytesMax bounds the name of a key.
	keyNameBytesMax = 256
	// signatureTextMax bounds the base64 of one signature line; ML-DSA-87, the
	// longest that signed-note warns of, has 6,200 characters.
	signatureTextMax = 8 << 10
)

const signatureLine = "\u2014 " // em dash and space begin every signature line

// Signature is one signature line of a note.
type Signature struct {
	Name  string
	KeyID uint32
	// Bytes are what follows the key id: a plain Ed25519 signature of 64 bytes, or
	// a cosignature of 8 bytes of time and 64 of signature.
	Bytes []byte
}

// AppendLine appends the line with its newline.
func (s Signature) AppendLine(b []byte) []byte {
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(s.Bytes)), s.KeyID)
	raw = append(raw, s.Bytes...)
	b = append(b, signatureLine...)
	b = append(b, s.Name...)
	b = append(b, ' ')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '\n')
}

// Note is a checkpoint with signature lines. Nothing in it is verified.
type Note struct {
	Checkpoint
	Signatures []Signature
}

// Encode gives the signed note.
func (n *Note) Encode() []byte {
	b := append(n.Text(), '\n')
	for _, s := range n.Signatures {
		b = s.AppendLine(b)
	}
	return b
}

// Add appends the signatures of which the note has none yet with the same name
// and key id: the first one stays. A caller that takes lines from others adds
// only what [Key.Verify] accepted, or one false line keeps the true one out.
func (n *Note) Add(signatures ...Signature) {
	for _, s := range signatures {
		if !slices.ContainsFunc(n.Signatures, s.sameKey) {
			n.Signatures = append(n.Signatures, s)
		}
	}
}

func (s Signature) sameKey(other Signature) bool {
	return s.Name == other.Name && s.KeyID == other.KeyID
}

// ParseNote reads a signed checkpoint with 1 to SignaturesMax lines of
// signatures by anybody. What Encode writes of the result equals b.
func ParseNote(b []byte) (*Note, error) {
	if len(b) > NoteBytesMax {
		return nil, fmt.Errorf("%w: a note of %d bytes, at most %d", ErrMalformed, len(b), NoteBytesMax)
	}
	if !validText(b) {
		return nil, fmt.Errorf("%w: a note is UTF-8 without control characters", ErrMalformed)
	}
	at := bytes.LastIndex(b, []byte("\n\n"))
	if at < 0 {
		return nil, fmt.Errorf("%w: a note has an empty line before its signatures", ErrMalformed)
	}
	c, err := Parse(b[:at+1])
	if err != nil {
		return nil, err
	}
	signatures, err := ParseSignatures(b[at+2:])
	if err != nil {
		return nil, err
	}
	return &Note{Checkpoint: c, Signatures: signatures}, nil
}

// ParseSignatures reads 1 to SignaturesMax signature lines.
func ParseSignatures(b []byte) ([]Signature, error) {
	if len(b) > NoteBytesMax {
		return nil, fmt.Errorf("%w: signature lines of %d bytes, at most %d", ErrMalformed, len(b), NoteBytesMax)
	}
	if !validText(b) {
		return nil, fmt.Errorf("%w: signature lines are UTF-8 without control characters", ErrMalformed)
	}
	count := bytes.Count(b, []byte("\n"))
	if count == 0 || b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("%w: a note ends with signature lines", ErrMalformed)
	}
	if count > SignaturesMax {
		return nil, fmt.Errorf("%w: %d signature lines, at most %d", ErrMalformed, count, SignaturesMax)
	}
	signatures := make([]Signature, 0, count)
	for line := range strings.SplitSeq(string(b[:len(b)-1]), "\n") {
		s, err := parseSignature(line)
		if err != nil {
			return nil, fmt.Errorf("%w: signature line %d: %v", ErrMalformed, len(signatures)+1, err)
		}
		signatures = append(signatures, s)
	}
	return signatures, nil
}

func parseSignature(line string) (Signature, error) {
	rest, ok := strings.CutPrefix(line, signatureLine)
	if !ok {
		return Signature{}, fmt.Errorf("expected a dash (U+2014), a space, a key name, a space and base64")
	}
	name, text, _ := strings.Cut(rest, " ")
	if !validKeyName(name) {
		return Signature{}, fmt.Errorf("%.60q is not a key name", name)
	}
	if len(text) > signatureTextMax {
		return Signature{}, fmt.Errorf("a signature of %d characters", len(text))
	}
	raw, err := parseBase64(text)
	if err != nil {
		return Signature{}, err
	}
	if len(raw) <= 4 {
		return Signature{}, fmt.Errorf("a signature of %d bytes", len(raw))
	}
	return Signature{Name: name, KeyID: binary.BigEndian.Uint32(raw), Bytes: raw[4:]}, nil
}

// validKeyName tells whether a name may stand in a signature line and in a vkey.
func validKeyName(name string) bool {
	if name == "" || len(name) > keyNameBytesMax || !utf8.ValidString(name) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return r == '+' || r < 0x20 || unicode.IsSpace(r) }) < 0
}
