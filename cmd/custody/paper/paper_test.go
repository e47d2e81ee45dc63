package paper

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

func testKey(t *testing.T, fill byte) sign.PrivateKey {
	t.Helper()
	key, err := sign.NewPrivateKey(bytes.Repeat([]byte{fill}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestPaperReadsBack(t *testing.T) {
	for fill := range 256 {
		key := testKey(t, byte(fill))
		text := Encode(key)
		if len(text) != digits+digits/groupSize-1 {
			t.Fatalf("%q", text)
		}
		for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), strings.ReplaceAll(text, "-", "") + "\n",
			strings.NewReplacer("0", "o", "1", "l").Replace(text)} {
			got, err := Decode(typed)
			if err != nil || got.Public() != key.Public() {
				t.Fatalf("%q: %v", typed, err)
			}
		}
	}
}

// Every wrong digit and every swap of two neighbours is found.
func TestMistypedPaper(t *testing.T) {
	text := strings.ReplaceAll(Encode(testKey(t, 0xa7)), "-", "")
	for i := range text {
		for _, wrong := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
			if typed := text[:i] + string(wrong) + text[i+1:]; typed != text {
				if _, err := Decode(typed); !errors.Is(err, ErrMistyped) {
					t.Errorf("digit %d as %c: %v", i, wrong, err)
				}
			}
		}
		if i > 0 && text[i] != text[i-1] {
			typed := text[:i-1] + string(text[i]) + string(text[i-1]) + text[i+1:]
			if _, err := Decode(typed); !errors.Is(err, ErrMistyped) {
				t.Errorf("digits %d and %d swapped: %v", i-1, i, err)
			}
		}
	}
	for _, typed := range []string{"", text[1:], text + "0", strings.Replace(text, text[:1], "U", 1), strings.Repeat("é", digits/2)} {
		_, err := Decode(typed)
		if err == nil || typed != "" && strings.Contains(err.Error(), typed) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}
