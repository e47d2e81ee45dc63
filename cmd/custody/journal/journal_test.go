package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

var (
	thisLedger = ledger.LedgerID{1}
	thisParty  = ledger.PartyID{2}
)

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenFile(path, thisLedger, thisParty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.file.Close() })
	return j
}

func record(n byte) Record {
	return Record{
		Reference: ledger.Reference{n},
		Content:   [32]byte{n, n},
		Event:     ledger.SignedEvent{Event: bytes.Repeat([]byte{n}, 300), Signatures: [][]byte{bytes.Repeat([]byte{n}, 64)}},
	}
}

// What was signed is there after the process ended without a Close, and byte
// for byte the same.
func TestWhatWasSignedIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	if err := j.Sign([]Record{record(1), record(2), record(3)}); err != nil {
		t.Fatal(err)
	}
	if err := j.Settle(ledger.Reference{2}, Recorded, 17); err != nil {
		t.Fatal(err)
	}

	lost := open(t, path) // the outcome was not on disk yet
	if got, ok := lost.Lookup(ledger.Reference{2}); !ok || !reflect.DeepEqual(got, record(2)) {
		t.Errorf("after a crash: %v, %v", got, ok)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if got, _ := again.Lookup(ledger.Reference{2}); got.Outcome != Recorded || got.Index != 17 {
		t.Errorf("after a close: %+v", got)
	}
	if got, ok := again.Lookup(ledger.Reference{3}); !ok || got.Outcome != Open || !reflect.DeepEqual(got, record(3)) {
		t.Errorf("open one: %v, %v", got, ok)
	}
	if _, ok := again.Lookup(ledger.Reference{4}); ok {
		t.Error("it knows what was never signed")
	}
	if err := again.Settle(ledger.Reference{4}, Recorded, 1); !errors.Is(err, ErrJournal) {
		t.Errorf("settled what was never signed: %v", err)
	}
	// Signed anew after a refusal: the newer event counts, and is open.
	newer := record(2)
	newer.Event.Event = []byte("newer")
	if err := again.Sign([]Record{newer}); err != nil {
		t.Fatal(err)
	}
	if got, _ := open(t, path).Lookup(ledger.Reference{2}); !reflect.DeepEqual(got, newer) {
		t.Errorf("signed anew: %+v", got)
	}
}

// A crash can cut the last line short at any byte; the lines before it stand.
func TestTornLastLine(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	j := open(t, whole)
	if err := j.Sign([]Record{record(1), record(2)}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{}
	for i, b := range content {
		if b == '\n' {
			ends = append(ends, i+1)
		}
	}
	for size := ends[0]; size <= len(content); size = next(size, ends) {
		path := filepath.Join(t.TempDir(), "torn")
		if err := os.WriteFile(path, content[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		torn := open(t, path)
		_, first := torn.Lookup(ledger.Reference{1})
		_, second := torn.Lookup(ledger.Reference{2})
		if first != (size >= ends[1]) || second != (size >= ends[2]) {
			t.Fatalf("cut at %d of %v: %v, %v", size, ends, first, second)
		}
		if err := torn.Sign([]Record{record(3)}); err != nil {
			t.Fatal(err)
		}
		if _, third := open(t, path).Lookup(ledger.Reference{3}); !third {
			t.Fatalf("cut at %d: what was signed afterwards is gone", size)
		}
	}
}

func TestJournalsThatAreRefused(t *testing.T) {
	good := `{"format":"custody-import-journal/v1","ledger":"` + thisLedger.String() + `","party":"` + thisParty.String() + `"}` + "\n"
	for name, c := range map[string]struct{ content, want string }{
		"empty":          {"", "it is empty"},
		"no header":      {"{}\n", "header of format"},
		"other format":   {strings.Replace(good, "v1", "v2", 1), "header of format"},
		"other ledger":   {strings.Replace(good, "01", "02", 1), "it belongs to imports to ledger"},
		"other party":    {strings.Replace(good, thisParty.String(), ledger.PartyID{9}.String(), 1), "it belongs to imports of party"},
		"not JSON":       {good + "x\n" + good, "line 2: not a valid import journal"},
		"unknown key":    {good + `{"reference":"` + strings.Repeat("0", 32) + `","more":1}` + "\n", "line 2"},
		"two objects":    {good + "{}{}\n", "something follows"},
		"bad reference":  {good + `{"reference":"00"}` + "\n", "32 hexadecimal digits"},
		"orphan outcome": {good + `{"reference":"` + strings.Repeat("0", 32) + `","outcome":"recorded"}` + "\n", "nothing that was signed"},
		"long line":      {good + strings.Repeat("x", 2<<20) + "\n", "line 2 has more than"},
	} {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(path, thisLedger, thisParty); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestOpeningsGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "openings")
	price := ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_PRICE, Salt: [32]byte{5}, Value: "326 USD"}
	for range 2 {
		o, err := OpenOpenings(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.Add(ledger.EventID{1}, ledger.ItemID{2}, price), o.Close()); err != nil {
			t.Fatal(err)
		}
		// A crash in the middle of a line.
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0); err != nil || errors.Join(second(f.WriteString(`{"torn`)), f.Close()) != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) != 4 || lines[0] != lines[2] || !strings.Contains(lines[0], `"field":"price","salt":"05`) || !strings.Contains(lines[0], `"value":"326 USD"`) {
		t.Errorf("%q", lines)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func second(_ int, err error) error { return err }

// next goes on in steps that leave no end of a line out, nor the byte before it.
func next(size int, ends []int) int {
	step := size + 31
	for _, end := range ends {
		if size < end-1 {
			return min(step, end-1)
		}
		if size < end {
			return end
		}
	}
	return step
}
