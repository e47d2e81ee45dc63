package ledger

import (
	"bytes"
	"errors"
	"testing"
)

func receiptEntry(links ...uint64) *Entry {
	return &Entry{
		Kind: KindEvent, Index: 7, RecordedAt: 9, Prev: [32]byte{1}, Links: links,
		Signed: SignedEvent{Event: []byte("an event"), Signatures: [][]byte{bytes.Repeat([]byte{3}, 64), bytes.Repeat([]byte{4}, 64)}},
	}
}

func TestReceiptExtra(t *testing.T) {
	for _, links := range [][]uint64{nil, {0}, {1, 2, 1 << 63}, make([]uint64, LinksMax)} {
		e := receiptEntry(links...)
		entry, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		extra, err := ReceiptExtra(entry)
		if err != nil || len(extra) != 52+8*len(links) || !bytes.HasPrefix(entry, extra) {
			t.Fatalf("%d links: %d bytes, %v", len(links), len(extra), err)
		}
		if again, err := EntryOf(extra, e.Signed); err != nil || !bytes.Equal(again, entry) {
			t.Errorf("%d links: %x, %v", len(links), again, err)
		}
		for cut := range extra {
			if _, err := EntryOf(extra[:cut], e.Signed); !errors.Is(err, ErrEntry) {
				t.Fatalf("extra data cut to %d bytes: %v", cut, err)
			}
		}
		if _, err := EntryOf(append(bytes.Clone(extra), 0), e.Signed); !errors.Is(err, ErrEntry) {
			t.Errorf("a byte more: %v", err)
		}
	}
}

func TestReceiptExtraRefuses(t *testing.T) {
	e := receiptEntry(5)
	entry, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	extra, err := ReceiptExtra(entry)
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := (&Entry{Kind: KindGenesis, Genesis: []byte("{}")}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReceiptExtra(genesis); !errors.Is(err, ErrEntry) {
		t.Errorf("the genesis: %v", err)
	}
	if _, err := ReceiptExtra(entry[:60]); !errors.Is(err, ErrEntry) {
		t.Errorf("half an entry: %v", err)
	}
	kind := bytes.Clone(extra)
	kind[1] = byte(KindGenesis)
	// A signature may be as long as its length says, and with its bytes an extra
	// could end elsewhere: links that swallow the signatures.
	swallow := bytes.Clone(extra)
	swallow[51] = 2
	for name, test := range map[string]struct {
		extra  []byte
		signed SignedEvent
	}{
		"no signature":            {extra, SignedEvent{Event: e.Signed.Event}},
		"too many signatures":     {extra, SignedEvent{Event: e.Signed.Event, Signatures: make([][]byte, SignersMax+1)}},
		"a long signature":        {extra, SignedEvent{Event: e.Signed.Event, Signatures: [][]byte{make([]byte, 1<<17)}}},
		"a long event":            {extra, SignedEvent{Event: make([]byte, EntryBytesMax), Signatures: e.Signed.Signatures}},
		"a genesis":               {kind, e.Signed},
		"more links than it has":  {swallow, e.Signed},
		"nothing":                 {nil, e.Signed},
		"another version's entry": {append([]byte{2}, extra[1:]...), e.Signed},
	} {
		if b, err := EntryOf(test.extra, test.signed); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}
