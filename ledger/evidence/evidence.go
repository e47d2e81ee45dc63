// Package evidence is files that convict: each holds what somebody signed, so
// that anybody can check offline that the signatures contradict each other or the
// ledger's rules, and whose they are.
//
// It is pure: no I/O, clock or randomness. A file may come from an attacker who
// wants somebody else convicted, so nothing in it counts but signatures by keys
// that the verifier's [Trust] knows, and a [Verdict] says no more than they show.
package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
)

// Format is the format of every file.
const Format = "custody-evidence/v1"

// BytesMax is the longest file that is read and written.
const BytesMax = 4 << 20

// Errors of a file. Every error of this package wraps exactly one.
var (
	// ErrForm: the bytes are no evidence file.
	ErrForm = errors.New("not an evidence file")
	// ErrUnproven: the file does not prove what it says.
	ErrUnproven = errors.New("the evidence does not hold")
	// ErrTrust: the evidence needs keys that the trust does not have; see Trust.
	ErrTrust = errors.New("not enough is known to judge the evidence")
)

// Kind says what a file shows. The list is closed and a kind never changes its
// meaning.
type Kind string

// The kinds of evidence.
const (
	// KindTwoHeads: one node signed two roots for one size.
	KindTwoHeads Kind = "two-heads"
	// KindHeadsDiffer: two nodes signed different roots for one size. At least one
	// of them is wrong.
	KindHeadsDiffer Kind = "heads-differ"
	// KindWentBack: one cosigner signed a smaller size at a later time.
	KindWentBack Kind = "went-back"
	// KindForked: two signed heads hold different entries at one index.
	KindForked Kind = "forked"
	// KindTwoProposals: one leader signed two proposals for one counter.
	KindTwoProposals Kind = "two-proposals"
	// KindBrokenPromise: an event that a node promised to see settled is not in the
	// ledger past the deadline.
	KindBrokenPromise Kind = "broken-promise"
	// KindTwoChildren: one key signed two events that follow the same event on one item.
	KindTwoChildren Kind = "two-children"
	// KindBadEntry: a signed head holds an entry that can stand in no ledger, or two
	// that cannot stand in the same one.
	KindBadEntry Kind = "bad-entry"
	// KindLateStamp: a leader's time on an event lies before another node received it.
	KindLateStamp Kind = "late-stamp"
)

// Evidence is one file: one kind of contradiction and what shows it. Only the
// constructors and Parse make one; it does not change afterwards.
type Evidence struct {
	kind    Kind
	ledger  ledger.LedgerID // zero if whoever made the file knew the log by its keys only
	genesis *genesisProof   // nil unless added
	content content
}

// content is what one kind holds. It is written as JSON and checks itself.
type content interface {
	verify(t *Trust) (Verdict, error)
	// fact names what happened, without what varies between two files about it.
	fact() []string
}

// contents gives an empty content of each kind.
var contents = map[Kind]func() content{
	KindTwoHeads:      func() content { return &twoHeads{} },
	KindHeadsDiffer:   func() content { return &headsDiffer{} },
	KindWentBack:      func() content { return &wentBack{} },
	KindForked:        func() content { return &forked{} },
	KindTwoProposals:  func() content { return &twoProposals{} },
	KindBrokenPromise: func() content { return &brokenPromise{} },
	KindTwoChildren:   func() content { return &twoChildren{} },
	KindBadEntry:      func() content { return &badEntry{} },
	KindLateStamp:     func() content { return &lateStamp{} },
}

// Kind says what the file shows.
func (e *Evidence) Kind() Kind { return e.kind }

// Ledger gives the id of the ledger that the file says it is about, and whether it
// names one. Verdict.Ledger is what was checked.
func (e *Evidence) Ledger() (ledger.LedgerID, bool) { return e.ledger, e.ledger != ledger.LedgerID{} }

// Name gives a file name. Two files about the same fact have the same name, also
// where their signatures differ.
func (e *Evidence) Name() string {
	fact := strings.Join(append([]string{string(e.kind), e.ledger.String()}, e.content.fact()...), "\n")
	sum := sha256.Sum256([]byte(fact))
	return fmt.Sprintf("%s-%x.json", e.kind, sum[:8])
}

// Verdict is what a file proves to somebody with a trust.
type Verdict struct {
	Kind   Kind
	Ledger ledger.LedgerID // zero if the trust has no genesis and the file proves none
	Origin string          // the log's name; "" where no checkpoint is involved
	// Convicted signed what no honest holder of their keys signs.
	Convicted []Accused
	// Answerable signed what needs an explanation that they, and only they, can give.
	Answerable []Accused
	// Proves and DoesNotProve are sentences for a person.
	Proves       []string
	DoesNotProve []string
}

// Accused is a node, a witness or the holder of a party's key.
type Accused struct {
	// Name is "node ID of ASSOCIATION", "witness NAME", "log NAME" or "key KEYID".
	Name        string
	Node        string // "" unless a node of a genesis or policy of the ledger
	Association string
	// Keys are those whose signatures show it: vkeys, and statement and party keys
	// in the text form of the genesis.
	Keys []string
}

// file is the JSON form.
type file struct {
	Format  string          `json:"format"`
	Kind    Kind            `json:"kind"`
	Ledger  string          `json:"ledger"`
	Genesis *genesisProof   `json:"genesis,omitempty"`
	Content json.RawMessage `json:"content"`
}

// Encode gives the file: JSON with two spaces of indent, in the one form that
// Parse accepts.
func (e *Evidence) Encode() ([]byte, error) {
	content, err := marshal(e.content)
	if err != nil {
		return nil, err
	}
	f := file{Format: Format, Kind: e.kind, Genesis: e.genesis, Content: content}
	if id, ok := e.Ledger(); ok {
		f.Ledger = id.String()
	}
	b, err := marshal(f)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, b, "", "  "); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if indented.Len() > BytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrForm, indented.Len(), BytesMax)
	}
	return indented.Bytes(), nil
}

// marshal writes JSON with a newline behind it.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrForm, err)
	}
	return b.Bytes(), nil
}

// Parse reads exactly what Encode writes: no unknown or repeated field, nothing
// behind the end. It checks the form only; see Verify. The error wraps ErrForm.
func Parse(b []byte) (*Evidence, error) {
	if len(b) > BytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrForm, len(b), BytesMax)
	}
	var f file
	if err := unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Format != Format {
		return nil, fmt.Errorf("%w: format is %.60q, expected %q", ErrForm, f.Format, Format)
	}
	empty, ok := contents[f.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: kind %.60q is unknown to this program", ErrForm, f.Kind)
	}
	e := &Evidence{kind: f.Kind, genesis: f.Genesis, content: empty()}
	if f.Ledger != "" {
		id, err := hex.DecodeString(f.Ledger)
		if err != nil || len(id) != len(e.ledger) {
			return nil, fmt.Errorf("%w: ledger %.80q is not 64 hexadecimal digits", ErrForm, f.Ledger)
		}
		copy(e.ledger[:], id)
	}
	if err := unmarshal(f.Content, e.content); err != nil {
		return nil, err
	}
	again, err := e.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		at := 0
		for at < len(b) && at < len(again) && b[at] == again[at] {
			at++
		}
		return nil, fmt.Errorf("%w: not in its one form from byte %d on (order of fields, spacing, or a field that stands twice)", ErrForm, at)
	}
	return e, nil
}

func unmarshal(b []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w: %v", ErrForm, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("%w: something stands behind the end", ErrForm)
	}
	return nil
}

// Verify checks every signature and every claim of the file. The error wraps
// ErrUnproven or ErrTrust.
func (e *Evidence) Verify(trust *Trust) (Verdict, error) {
	if e.genesis != nil {
		known, err := e.genesis.extend(trust)
		if err != nil {
			return Verdict{}, err
		}
		trust = known
	}
	if id, ok := e.Ledger(); ok && trust.genesis != nil && id != trust.ledger {
		return Verdict{}, unproven("the file is about ledger %s, the trusted one is %s", id, trust.ledger)
	}
	verdict, err := e.content.verify(trust)
	if err != nil {
		return Verdict{}, err
	}
	verdict.Kind, verdict.Ledger = e.kind, trust.ledger
	return verdict, nil
}

// build makes evidence of a content and refuses what would not verify.
func build(trust *Trust, kind Kind, c content) (*Evidence, error) {
	e := &Evidence{kind: kind, ledger: trust.ledger, content: c}
	b, err := e.Encode()
	if err != nil {
		return nil, err
	}
	if e, err = Parse(b); err != nil {
		return nil, err
	}
	if _, err := e.Verify(trust); err != nil {
		return nil, err
	}
	return e, nil
}

func unproven(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnproven, fmt.Sprintf(format, args...))
}
