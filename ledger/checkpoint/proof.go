package checkpoint

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Limits of a proof.
const (
	// ProofExtraMax is the largest extra data in bytes.
	ProofExtraMax = 64 << 10
	// ProofHashesMax is the largest number of hashes: a tree has at most 64 levels.
	ProofHashesMax = 64
	// ProofBytesMax is the longest proof that is read.
	ProofBytesMax = NoteBytesMax + ProofExtraMax*4/3 + ProofHashesMax*45 + 256
)

const (
	proofHeader = "c2sp.org/tlog-proof@v1\n"
	extraPrefix = "extra "
	indexPrefix = "index "
)

// Proof shows that a leaf stands at an index of a log (C2SP tlog-proof@v1).
// Nothing in it is verified.
type Proof struct {
	// Extra is opaque and proven by nothing; empty if there is none.
	Extra  []byte
	Index  uint64
	Hashes []merkle.Hash
	// Note is the signed checkpoint, verbatim.
	Note []byte
}

// Encode gives the text of the proof.
//
//	c2sp.org/tlog-proof@v1
//	extra <base64>            only if there is any
//	index <decimal>
//	<base64 of a hash>        0 to 64 lines, from the leaf's sibling up
//	                          an empty line
//	<signed checkpoint>
func (p *Proof) Encode() []byte {
	b := []byte(proofHeader)
	if len(p.Extra) > 0 {
		b = append(b, extraPrefix...)
		b = base64.StdEncoding.AppendEncode(b, p.Extra)
		b = append(b, '\n')
	}
	b = append(b, indexPrefix...)
	b = strconv.AppendUint(b, p.Index, 10)
	b = append(b, '\n')
	b = appendHashes(b, p.Hashes)
	b = append(b, '\n')
	return append(b, p.Note...)
}

// ParseProof reads exactly what Encode writes. The note's form is checked.
func ParseProof(b []byte) (*Proof, error) {
	if len(b) > ProofBytesMax {
		return nil, fmt.Errorf("%w: a proof of %d bytes, at most %d", ErrMalformed, len(b), ProofBytesMax)
	}
	rest, ok := strings.CutPrefix(string(b), proofHeader)
	if !ok {
		return nil, fmt.Errorf("%w: a proof begins with the line %q", ErrMalformed, strings.TrimSuffix(proofHeader, "\n"))
	}
	p := &Proof{}
	var err error
	if strings.HasPrefix(rest, extraPrefix) {
		if p.Extra, rest, err = cutExtra(rest); err != nil {
			return nil, fmt.Errorf("%w: extra line of a proof: %v", ErrMalformed, err)
		}
	}
	if p.Index, rest, err = cutNumber(rest, indexPrefix); err != nil {
		return nil, fmt.Errorf("%w: index line of a proof: %v", ErrMalformed, err)
	}
	if p.Hashes, rest, err = cutHashes(rest, ProofHashesMax); err != nil {
		return nil, fmt.Errorf("%w: hashes of a proof: %v", ErrMalformed, err)
	}
	p.Note = []byte(rest)
	if _, err := ParseNote(p.Note); err != nil {
		return nil, err
	}
	return p, nil
}

// Verify checks the proof for a leaf: its checkpoint must be final under the
// policy, and the leaf stand in it. The error wraps ErrMalformed, ErrNoQuorum,
// ErrSignature, merkle.ErrRange or merkle.ErrProof.
func (p *Proof) Verify(policy *Policy, leaf merkle.Hash) (*Final, error) {
	n, err := ParseNote(p.Note)
	if err != nil {
		return nil, err
	}
	final, err := policy.Verify(n)
	if err != nil {
		return nil, err
	}
	if err := p.Under(final.Checkpoint, leaf); err != nil {
		return nil, err
	}
	return final, nil
}

// Under checks that the leaf stands in a checkpoint, which the caller has found
// final. The error wraps merkle.ErrRange or merkle.ErrProof.
func (p *Proof) Under(c Checkpoint, leaf merkle.Hash) error {
	return merkle.VerifyInclusion(p.Index, c.Size, leaf, p.Hashes, c.Root)
}

func cutExtra(s string) (extra []byte, rest string, err error) {
	line, rest, ok := strings.Cut(s[len(extraPrefix):], "\n")
	if !ok {
		return nil, "", fmt.Errorf("cut short")
	}
	if len(line) > base64.StdEncoding.EncodedLen(ProofExtraMax) {
		return nil, "", fmt.Errorf("%d characters, at most %d bytes in base64", len(line), ProofExtraMax)
	}
	extra, err = parseBase64(line)
	if err == nil && len(extra) == 0 {
		err = fmt.Errorf("without data; the line is left out then")
	}
	if len(extra) > ProofExtraMax {
		err = fmt.Errorf("%d bytes, at most %d", len(extra), ProofExtraMax)
	}
	return extra, rest, err
}

// cutNumber takes the line "<prefix><decimal>".
func cutNumber(s, prefix string) (n uint64, rest string, err error) {
	line, rest, ok := strings.Cut(s, "\n")
	text, found := strings.CutPrefix(line, prefix)
	if !ok || !found {
		return 0, "", fmt.Errorf("expected %q, a number and a newline", prefix)
	}
	n, err = parseNumber(text)
	return n, rest, err
}

// cutHashes takes lines of one hash each up to and with an empty line.
func cutHashes(s string, most int) (hashes []merkle.Hash, rest string, err error) {
	for {
		line, rest, ok := strings.Cut(s, "\n")
		switch {
		case !ok:
			return nil, "", fmt.Errorf("no empty line after them")
		case line == "":
			return hashes, rest, nil
		case len(hashes) == most:
			return nil, "", fmt.Errorf("more than %d", most)
		}
		h, err := parseHash(line)
		if err != nil {
			return nil, "", fmt.Errorf("hash %d: %v", len(hashes)+1, err)
		}
		hashes = append(hashes, h)
		s = rest
	}
}

func appendHashes(b []byte, hashes []merkle.Hash) []byte {
	for _, h := range hashes {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	return b
}
