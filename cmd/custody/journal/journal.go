// Package journal remembers on disk what an import has signed, so that an
// interrupted import sends the same bytes again instead of signing new ones.
//
// A journal is a file of JSON objects, one a line, that only grows. The first
// line says whose it is:
//
//	{"format":"custody-import-journal/v1","ledger":"...","party":"..."}
//	{"reference":"...","content":"...","event":"...","signatures":["..."]}   signed, not yet answered
//	{"reference":"...","outcome":"recorded","index":17}                      answered
//
// A last line that was cut short by a crash is taken off when the journal is
// opened; a line that does not fit anywhere else is damage and refused.
package journal

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// Format is what the first line of every journal says.
const Format = "custody-import-journal/v1"

// lineBytesMax holds the largest event in base64 with room to spare.
const lineBytesMax = 4 * ledger.EventBytesMax

// ErrJournal is wrapped by every error about the content of a journal.
var ErrJournal = errors.New("not a valid import journal")

// Outcome of a registration, as far as it is known.
type Outcome string

// The outcomes. A refused registration is not settled: it is signed anew.
const (
	Open     Outcome = ""         // signed; whether it is recorded is not known
	Recorded Outcome = "recorded" // this event is on the ledger
	Taken    Outcome = "taken"    // another event registered the same goods before
	Refused  Outcome = "refused"  // refused for another reason, or its time was over
)

// Record is what a journal knows of one registration.
type Record struct {
	Reference ledger.Reference
	Content   [32]byte // hash of what the row said when it was signed
	Event     ledger.SignedEvent
	Outcome   Outcome
	Index     uint64 // of the entry, if Recorded
}

// Journal is an open journal. Not safe for concurrent use, and one process at a
// time may have it open.
type Journal struct {
	path    string
	file    *os.File
	w       *bufio.Writer
	records map[ledger.Reference]Record
}

type header struct {
	Format string `json:"format"`
	Ledger string `json:"ledger"`
	Party  string `json:"party"`
}

type line struct {
	Reference  string   `json:"reference"`
	Content    string   `json:"content,omitempty"`
	Event      []byte   `json:"event,omitempty"`
	Signatures [][]byte `json:"signatures,omitempty"`
	Outcome    Outcome  `json:"outcome,omitempty"`
	Index      uint64   `json:"index,omitempty"`
}

// OpenFile opens the journal of a party's imports to a ledger, and makes it if
// it is not there. It refuses a journal of another party or ledger.
func OpenFile(path string, id ledger.LedgerID, party ledger.PartyID) (*Journal, error) {
	want := header{Format: Format, Ledger: id.String(), Party: party.String()}
	first, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	err = keyfile.WriteNew(path, append(first, '\n'), 0o600)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make the import journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("open the import journal: %w", err)
	}
	j := &Journal{path: path, file: file, records: map[ledger.Reference]Record{}}
	j.w = bufio.NewWriterSize(file, 1<<20)
	if err := j.read(want); err != nil {
		return nil, errors.Join(fmt.Errorf("import journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

// read takes in every whole line and cuts off a last one without its end.
func (j *Journal) read(want header) error {
	r := bufio.NewReaderSize(j.file, 1<<20)
	whole := int64(0)
	for number := 1; ; number++ {
		text, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return j.cut(whole, len(text))
		case errors.Is(err, bufio.ErrBufferFull) || len(text) > lineBytesMax:
			return fmt.Errorf("%w: line %d has more than %d bytes", ErrJournal, number, lineBytesMax)
		case err != nil:
			return err
		}
		if number == 1 {
			err = checkHeader(text, want)
		} else {
			err = j.take(text)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		whole += int64(len(text))
	}
}

func (j *Journal) cut(whole int64, torn int) error {
	if whole == 0 {
		return fmt.Errorf("%w: it is empty", ErrJournal)
	}
	if torn == 0 {
		return nil
	}
	return errors.Join(j.file.Truncate(whole), j.file.Sync())
}

func checkHeader(text []byte, want header) error {
	var got header
	if err := strict(text, &got); err != nil || got.Format != Format {
		return fmt.Errorf("%w: it does not begin with the header of format %s", ErrJournal, Format)
	}
	switch {
	case got.Ledger != want.Ledger:
		return fmt.Errorf("it belongs to imports to ledger %.64s, this is ledger %s; name another file with --journal", got.Ledger, want.Ledger)
	case got.Party != want.Party:
		return fmt.Errorf("it belongs to imports of party %.33s, the key is of party %s; name another file with --journal", got.Party, want.Party)
	}
	return nil
}

// take reads one line: what was signed, or what became of it.
func (j *Journal) take(text []byte) error {
	var l line
	if err := strict(text, &l); err != nil {
		return fmt.Errorf("%w: %v", ErrJournal, err)
	}
	raw, err := hex.DecodeString(l.Reference)
	if err != nil || len(raw) != len(ledger.Reference{}) {
		return fmt.Errorf("%w: a reference is 32 hexadecimal digits", ErrJournal)
	}
	reference := ledger.Reference(raw)
	if l.Event == nil {
		record, ok := j.records[reference]
		if !ok || l.Outcome == Open {
			return fmt.Errorf("%w: an outcome of nothing that was signed", ErrJournal)
		}
		record.Outcome, record.Index = l.Outcome, l.Index
		j.records[reference] = record
		return nil
	}
	content, err := hex.DecodeString(l.Content)
	if err != nil || len(content) != 32 || len(l.Signatures) == 0 {
		return fmt.Errorf("%w: an event without signature or content hash", ErrJournal)
	}
	j.records[reference] = Record{Reference: reference, Content: [32]byte(content), Event: ledger.SignedEvent{Event: l.Event, Signatures: l.Signatures}}
	return nil
}

func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if rest, err := io.ReadAll(d.Buffered()); err != nil || len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// Lookup gives what is known of a registration.
func (j *Journal) Lookup(reference ledger.Reference) (Record, bool) {
	record, ok := j.records[reference]
	return record, ok
}

// Sign notes events that are about to be sent. They are on disk on return:
// before that nothing of them may leave this computer.
func (j *Journal) Sign(records []Record) error {
	for _, r := range records {
		l := line{
			Reference:  hex.EncodeToString(r.Reference[:]),
			Content:    hex.EncodeToString(r.Content[:]),
			Event:      r.Event.Event,
			Signatures: r.Event.Signatures,
		}
		if err := j.write(l); err != nil {
			return err
		}
		r.Outcome, r.Index = Open, 0
		j.records[r.Reference] = r
	}
	return j.Sync()
}

// Settle notes what became of a registration. It may be lost in a crash, which
// does no harm: the event is then sent once more.
func (j *Journal) Settle(reference ledger.Reference, outcome Outcome, index uint64) error {
	record, ok := j.records[reference]
	if !ok {
		return fmt.Errorf("%w: an outcome of nothing that was signed", ErrJournal)
	}
	record.Outcome, record.Index = outcome, index
	j.records[reference] = record
	return j.write(line{Reference: hex.EncodeToString(reference[:]), Outcome: outcome, Index: index})
}

func (j *Journal) write(l line) error {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = j.w.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the import journal: %w", err)
	}
	return nil
}

// Sync puts everything noted on disk.
func (j *Journal) Sync() error {
	if err := errors.Join(j.w.Flush(), j.file.Sync()); err != nil {
		return fmt.Errorf("write the import journal: %w", err)
	}
	return nil
}

// Close puts everything noted on disk and closes the file.
func (j *Journal) Close() error {
	return errors.Join(j.Sync(), j.file.Close())
}

// Path names the journal's file.
func (j *Journal) Path() string { return filepath.Clean(j.path) }
