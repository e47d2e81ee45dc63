package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

func testIDs() [][20]byte {
	ids := [][20]byte{{}, {0: 0x80}, {19: 1}}
	for i := range ids[0] {
		ids[0][i] = 0xff
	}
	for i := range 40 {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))
		ids = append(ids, [20]byte(sum[:20]))
	}
	return append(ids, [20]byte{})
}

func TestIDText(t *testing.T) {
	for _, id := range testIDs() {
		for kind := idItem; kind <= idKey; kind++ {
			text := idText(kind, id)
			if len(text) != 33 || strings.ToUpper(text) != text {
				t.Fatalf("%s", text)
			}
			forms := []string{text, strings.ToLower(text), text[:8] + "-" + text[8:20] + "-" + text[20:],
				strings.NewReplacer("0", "o", "1", "l").Replace(text), strings.NewReplacer("0", "O", "1", "I").Replace(text), strings.ReplaceAll(text, "1", "i")}
			for _, form := range forms {
				if got, err := parseID(kind, form); err != nil || got != id {
					t.Fatalf("%s: %v", form, err)
				}
			}
			for other := idItem; other <= idKey; other++ {
				_, err := parseID(other, text)
				if other == kind {
					continue
				}
				if !errors.Is(err, ErrIDText) || !strings.Contains(err.Error(), "found "+kind.String()+", expected "+other.String()) {
					t.Fatalf("a %s read as a %s: %v", kind, other, err)
				}
			}
		}
	}
}

// TestMistypedID tries every single wrong character and every swap of two
// different neighbours, the check character included.
func TestMistypedID(t *testing.T) {
	for _, id := range testIDs() {
		for kind := idItem; kind <= idKey; kind++ {
			text := []byte(idText(kind, id))
			for at, right := range text {
				for _, wrong := range []byte(crockford) {
					if wrong == right {
						continue
					}
					text[at] = wrong
					if _, err := parseID(kind, string(text)); !errors.Is(err, ErrIDText) {
						t.Fatalf("%s is accepted with %c at %d", text, wrong, at)
					}
				}
				text[at] = right
				if at > 0 && text[at-1] != right {
					text[at-1], text[at] = text[at], text[at-1]
					if _, err := parseID(kind, string(text)); !errors.Is(err, ErrIDText) {
						t.Fatalf("%s is accepted with %d and %d swapped", text, at-1, at)
					}
					text[at-1], text[at] = text[at], text[at-1]
				}
			}
		}
	}
}

func TestWrongIDText(t *testing.T) {
	good := idText(idItem, [20]byte{1, 2, 3})
	for _, text := range []string{"", "-", good[:32], good + "0", good + "-0", " " + good, good + "\n", "U" + good[1:], "é" + good[1:], good[:10] + "\x00" + good[11:],
		strings.Repeat("0", 1000), good[:10] + "\u212a" + good[11:], strings.ReplaceAll(good, "0", "_")} {
		if id, err := ParseItemID(text); !errors.Is(err, ErrIDText) {
			t.Errorf("%.60q is accepted as %x", text, id)
		}
	}
}

// TestDoubleIsAField holds the check character's doubling against the
// multiplication table of GF(32): it must be a bijection without a fixed point
// but zero, and so must doubling and adding.
func TestDoubleIsAField(t *testing.T) {
	seen, sums := map[byte]bool{}, map[byte]bool{}
	for x := range byte(32) {
		seen[double(x)], sums[double(x)^x] = true, true
		if double(x) > 31 || x > 0 && double(x) == x {
			t.Errorf("double(%d) = %d", x, double(x))
		}
	}
	if len(seen) != 32 || len(sums) != 32 {
		t.Error("doubling is not a bijection")
	}
}

func TestDerivedIDs(t *testing.T) {
	event := EventID{1}
	if NewItemID(event, 0) == NewItemID(event, 1) || NewItemID(event, 0) == NewItemID(EventID{2}, 0) {
		t.Error("items of different events or positions have one id")
	}
	want := sha256.Sum256(append([]byte("custody/item-id/v1\n"), append(event[:], 0, 0, 0, 7)...))
	if got := NewItemID(event, 7); string(got[:]) != string(want[:20]) {
		t.Errorf("%x", got)
	}
	key := testKey("first").Public().ID()
	want = sha256.Sum256(append([]byte("custody/party-id/v1\n"), key[:]...))
	if got := NewPartyID(key); string(got[:]) != string(want[:20]) {
		t.Errorf("%x", got)
	}
}

func TestParseEventID(t *testing.T) {
	id := EventID{0xab, 31: 1}
	if got, err := ParseEventID(id.String()); err != nil || got != id {
		t.Error(err)
	}
	for _, text := range []string{"", id.String()[1:], id.String() + "0", strings.Repeat("g", 64), idText(idItem, [20]byte{})} {
		if _, err := ParseEventID(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestOtherIDTexts(t *testing.T) {
	id := [20]byte{5, 6, 7}
	if got, err := ParseItemID(ItemID(id).String()); err != nil || got != ItemID(id) {
		t.Error(err)
	}
	if got, err := ParsePartyID(PartyID(id).String()); err != nil || got != PartyID(id) {
		t.Error(err)
	}
	if got, err := ParseKeyID(KeyIDText(id)); err != nil || got != sign.KeyID(id) {
		t.Error(err)
	}
	if (LedgerID{0xab}).String() != (EventID{0xab}).String() {
		t.Error("hashes print alike")
	}
}

func FuzzParseID(f *testing.F) {
	for _, id := range testIDs()[:4] {
		f.Add(byte(1), idText(idItem, id))
		f.Add(byte(2), strings.ToLower(idText(idItem, id)))
	}
	f.Add(byte(3), "-------")
	f.Fuzz(func(t *testing.T, k byte, text string) {
		kind := idKind(k%3) + idItem
		id, err := parseID(kind, text)
		if err != nil {
			if !errors.Is(err, ErrIDText) || id != ([20]byte{}) {
				t.Fatalf("%v, %x", err, id)
			}
			return
		}
		plain := strings.NewReplacer("-", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
		if idText(kind, id) != plain {
			t.Fatalf("%q is read as %s", text, idText(kind, id))
		}
	})
}
