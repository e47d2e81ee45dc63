package bundle_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// formed is a bundle of the right form and no meaning.
func formed() *bundle.Bundle {
	return &bundle.Bundle{Subjects: []ledger.ItemID{{}}, Note: []byte("a note"), Entries: []bundle.Entry{{Bytes: []byte("an entry")}}}
}

// TestLimits tries every limit and one past it.
func TestLimits(t *testing.T) {
	subjects := func(n int) (ids []ledger.ItemID) {
		for i := range n {
			ids = append(ids, ledger.ItemID{byte(i >> 8), byte(i)})
		}
		return ids
	}
	for _, c := range []struct {
		name string
		most int
		set  func(b *bundle.Bundle, n int)
		says string // of Parse, one past the limit; "": Encode refuses
	}{
		{"subjects", bundle.SubjectsMax, func(b *bundle.Bundle, n int) { b.Subjects = subjects(n) }, ""},
		{"note", bundle.NoteBytesMax, func(b *bundle.Bundle, n int) { b.Note = make([]byte, n) }, ""},
		{"entries", bundle.EntriesMax, func(b *bundle.Bundle, n int) { b.Entries = make([]bundle.Entry, n) }, ""},
		{"handovers", bundle.HandoversMax, func(b *bundle.Bundle, n int) { b.Handovers = make([][]merkle.Hash, n) }, ""},
		{"proof", 64, func(b *bundle.Bundle, n int) { b.Entries[0].Proof = make([]merkle.Hash, n) }, "expected 0 to 64"},
		{"payload", 8 << 10, func(b *bundle.Bundle, n int) {
			b.Statements = []bundle.Statement{{Payload: make([]byte, n), Signatures: make([]bundle.Signature, 1)}}
		}, "more than 8192 bytes"},
		{"signatures", ledger.NodesMax, func(b *bundle.Bundle, n int) {
			b.Statements = []bundle.Statement{{Signatures: make([]bundle.Signature, n)}}
		}, "expected 1 to 64"},
		{"bytes", bundle.BytesMax, func(b *bundle.Bundle, n int) {
			// Entries of equal length fill the file but for the last one.
			rest := n - len(bundle.Magic) - 2 - 20 - 2 - len(b.Note) - 2 - 2 - 2
			b.Entries = nil
			for rest > 0 {
				size := min(rest-3, 65_535)
				if rest-3-size > 0 && rest-3-size < 3 {
					size -= 3
				}
				b.Entries = append(b.Entries, bundle.Entry{Bytes: make([]byte, size)})
				rest -= 3 + size
			}
		}, ""},
	} {
		b := formed()
		c.set(b, c.most)
		file, err := b.Encode()
		if err == nil {
			_, err = bundle.Parse(file)
		}
		if err != nil {
			t.Errorf("%s at the limit: %v", c.name, err)
		}
		b = formed()
		c.set(b, c.most+1)
		file, err = b.Encode()
		if c.says == "" {
			if !errors.Is(err, bundle.ErrTooLarge) {
				t.Errorf("%s past the limit: %v", c.name, err)
			}
			continue
		}
		if _, err = bundle.Parse(file); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s past the limit: %v", c.name, err)
		}
	}
	if _, err := bundle.Parse(bytes.Repeat([]byte(bundle.Magic), bundle.BytesMax/len(bundle.Magic)+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a file past the limit: %v", err)
	}
}
