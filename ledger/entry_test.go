package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

func testEntries() []*Entry {
	return []*Entry{
		{Kind: KindGenesis, RecordedAt: 1, Genesis: []byte("{}\n")},
		{Kind: KindEvent, Index: 1, RecordedAt: 2, Prev: merkle.Hash{3}, Signed: SignedEvent{Event: []byte("event"), Signatures: [][]byte{bytes.Repeat([]byte{4}, 64)}}},
		{Kind: KindEvent, Index: 1<<64 - 1, RecordedAt: 1<<64 - 1, Prev: merkle.Hash{31: 9}, Links: []uint64{0, 7, 1<<64 - 2},
			Signed: SignedEvent{Event: []byte{0}, Signatures: [][]byte{{1}, bytes.Repeat([]byte{5}, 300), {2, 3}}}},
		{Kind: KindGovernance, Index: 3, RecordedAt: 4, Prev: merkle.Hash{5}, Links: []uint64{0}, Signed: SignedEvent{Event: []byte("event"), Signatures: [][]byte{bytes.Repeat([]byte{4}, 64)}}},
		{Kind: KindHandover, Index: 5, RecordedAt: 6, Prev: merkle.Hash{7}, Note: []byte("a note\n"), Proof: []merkle.Hash{{8}, {31: 9}}},
		{Kind: KindHandover, Index: 5, RecordedAt: 6, Prev: merkle.Hash{7}, Note: []byte("a note\n")},
	}
}

func TestEntryRoundTrip(t *testing.T) {
	for _, want := range testEntries() {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeEntry(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: %+v", err, got)
		}
		for n := range b {
			if _, err := DecodeEntry(b[:n]); !errors.Is(err, ErrEntry) {
				t.Fatalf("cut to %d of %d bytes: %v", n, len(b), err)
			}
		}
		if _, err := DecodeEntry(append(slices.Clone(b), 0)); !errors.Is(err, ErrEntry) {
			t.Fatalf("one byte behind: %v", err)
		}
		for bit := range 8 * len(b) {
			flipped := slices.Clone(b)
			flipped[bit/8] ^= 1 << (bit % 8)
			other, err := DecodeEntry(flipped)
			if err != nil {
				continue
			}
			again, err := other.Encode()
			if err != nil || !bytes.Equal(again, flipped) || reflect.DeepEqual(other, want) {
				t.Fatalf("bit %d: %v", bit, err)
			}
		}
	}
}

// TestEntryLayout writes an entry by hand.
func TestEntryLayout(t *testing.T) {
	entry := testEntries()[2]
	b := []byte{1, 2}
	b = binary.BigEndian.AppendUint64(b, entry.Index)
	b = binary.BigEndian.AppendUint64(b, entry.RecordedAt)
	b = append(b, entry.Prev[:]...)
	b = append(b, 0, 3)
	for _, link := range entry.Links {
		b = binary.BigEndian.AppendUint64(b, link)
	}
	b = append(b, 3, 0, 1, 1, 1, 44)
	b = append(b, entry.Signed.Signatures[1]...)
	b = append(b, 0, 2, 2, 3, 0, 0, 0, 1, 0)
	got, err := entry.Encode()
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%v\n%x\n%x", err, got, b)
	}
}

func TestEntryRefused(t *testing.T) {
	good, err := testEntries()[1].Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		edit func([]byte) []byte
	}{
		{"version 0", func(b []byte) []byte { b[0] = 0; return b }},
		{"version 2", func(b []byte) []byte { b[0] = 2; return b }},
		{"kind 0", func(b []byte) []byte { b[1] = 0; return b }},
		{"kind 5", func(b []byte) []byte { b[1] = 5; return b }},
		{"kind 255", func(b []byte) []byte { b[1] = 255; return b }},
		{"one link too many", func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[50:], LinksMax+1)
			return slices.Insert(b, 52, make([]byte, (LinksMax+1)*8)...)
		}},
		{"no signature", func(b []byte) []byte { b[52] = 0; return b }},
		{"9 signatures", func(b []byte) []byte {
			b[52] = 9
			return slices.Insert(b, 53, make([]byte, 16)...)
		}},
		{"event length 2^32-1", func(b []byte) []byte { copy(b[len(b)-9:], []byte{255, 255, 255, 255}); return b }},
		{"too long", func(b []byte) []byte { return make([]byte, EntryBytesMax+1) }},
		{"empty", func([]byte) []byte { return nil }},
	} {
		if entry, err := DecodeEntry(c.edit(slices.Clone(good))); !errors.Is(err, ErrEntry) || entry != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestEntryLimits: all links and 8 signatures around the largest event fit, and
// an entry may have EntryBytesMax bytes and no more.
func TestEntryLimits(t *testing.T) {
	entry := &Entry{Kind: KindEvent, Links: make([]uint64, LinksMax), Signed: SignedEvent{Event: make([]byte, EventBytesMax)}}
	for range SignersMax {
		entry.Signed.Signatures = append(entry.Signed.Signatures, make([]byte, 64))
	}
	b, err := entry.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeEntry(b); err != nil {
		t.Fatal(err)
	}
	entry.Signed.Event = make([]byte, EventBytesMax+EntryBytesMax-len(b))
	if b, err = entry.Encode(); err != nil || len(b) != EntryBytesMax {
		t.Fatalf("%v, %d bytes", err, len(b))
	}
	if _, err := DecodeEntry(b); err != nil {
		t.Fatal(err)
	}
	entry.Signed.Event = append(entry.Signed.Event, 0)
	if _, err := entry.Encode(); !errors.Is(err, ErrEntry) {
		t.Fatal(err)
	}
	if _, err := DecodeEntry(append(b, 0)); !errors.Is(err, ErrEntry) {
		t.Fatal(err)
	}
}

// TestHandoverLimits: a proof has HandoverProofMax hashes and no more, and a note
// fills an entry and no more.
func TestHandoverLimits(t *testing.T) {
	entry := &Entry{Kind: KindHandover, Proof: make([]merkle.Hash, HandoverProofMax)}
	b, err := entry.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeEntry(b); err != nil {
		t.Fatal(err)
	}
	entry.Note = make([]byte, EntryBytesMax-len(b))
	if b, err = entry.Encode(); err != nil || len(b) != EntryBytesMax {
		t.Fatalf("%v, %d bytes", err, len(b))
	}
	if _, err := DecodeEntry(b); err != nil {
		t.Fatal(err)
	}
	for _, note := range []int{len(entry.Note) + 1, 1 << 16, 1<<16 + 1} {
		entry.Note = make([]byte, note)
		if _, err := entry.Encode(); !errors.Is(err, ErrEntry) {
			t.Fatalf("a note of %d bytes: %v", note, err)
		}
	}
	entry.Note, entry.Proof = nil, make([]merkle.Hash, HandoverProofMax+1)
	if _, err := entry.Encode(); !errors.Is(err, ErrEntry) {
		t.Fatal(err)
	}
	entry.Proof = entry.Proof[1:]
	if b, err = entry.Encode(); err != nil {
		t.Fatal(err)
	}
	b[54]++ // behind 52 bytes and the length of the note
	if _, err := DecodeEntry(append(b, make([]byte, 32)...)); !errors.Is(err, ErrEntry) {
		t.Fatal(err)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, entry := range testEntries() {
		b, err := entry.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entry, err := DecodeEntry(b)
		if err != nil {
			if !errors.Is(err, ErrEntry) || entry != nil {
				t.Fatalf("%v, %+v", err, entry)
			}
			return
		}
		again, err := entry.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v: %x", err, again)
		}
	})
}
