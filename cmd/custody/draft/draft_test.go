package draft_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/cmd/custody/draft"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func newKey(t testing.TB, seed byte) sign.PrivateKey {
	key, err := sign.NewPrivateKey(bytes.Repeat([]byte{seed}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func halfSigned(t testing.TB) (*ledger.Draft, sign.PrivateKey) {
	first, second := newKey(t, 1), newKey(t, 2)
	item := make([]byte, 20)
	d, err := ledger.NewDraft(&custodyv1.Event{
		LedgerId: make([]byte, 32), Party: make([]byte, 20), Nonce: make([]byte, 16), OccurredAtMs: 1, NotAfterMs: 2,
		Body: &custodyv1.Event_Hold{Hold: &custodyv1.Hold{Item: item, Authority: 1, OrderSha256: make([]byte, 32), Second: make([]byte, 20)}},
	}, first.Public(), second.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sign(first); err != nil {
		t.Fatal(err)
	}
	return d, second
}

// TestRoundTrip demands that a draft comes back as it was, and that the last
// signature makes an event that verifies.
func TestRoundTrip(t *testing.T) {
	d, second := halfSigned(t)
	file, err := draft.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	back, event, err := draft.Decode(1, file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Event, d.Event) || len(back.Missing()) != 1 || back.Missing()[0] != second.Public() {
		t.Fatalf("%+v", back)
	}
	if _, ok := event.Body.(*custodyv1.Hold); !ok {
		t.Fatalf("a %T", event.Body)
	}
	if err := back.Sign(second); err != nil {
		t.Fatal(err)
	}
	signed, err := back.Signed()
	if err != nil {
		t.Fatal(err)
	}
	decoded, rejection := ledger.DecodeEvent(1, signed)
	if rejection != nil {
		t.Fatal(rejection)
	}
	if _, rejections := ledger.Verify(sign.NewVerifier(2), []*ledger.Event{decoded}); rejections[0] != nil {
		t.Fatal(rejections[0])
	}
}

func TestRefused(t *testing.T) {
	d, _ := halfSigned(t)
	good, err := draft.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	id := ledger.KeyIDText(newKey(t, 1).Public().ID())
	other := ledger.KeyIDText(newKey(t, 3).Public().ID())
	for name, change := range map[string]func(string) string{
		"another format":         func(s string) string { return strings.Replace(s, draft.Format, "custody-draft/v2", 1) },
		"a field more":           func(s string) string { return strings.Replace(s, "{", `{"more": 1,`, 1) },
		"something behind":       func(s string) string { return s + "x" },
		"cut short":              func(s string) string { return s[:len(s)/2] },
		"a stranger's signature": func(s string) string { return strings.Replace(s, id, other, 1) },
		"an event that is none":  func(s string) string { return strings.Replace(s, `"event": "`, `"event": "AAAA`, 1) },
	} {
		if _, _, err := draft.Decode(1, []byte(change(string(good)))); !errors.Is(err, draft.ErrDraft) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryBit demands that no changed bit of the event leaves the signature on it
// standing.
func TestEveryBit(t *testing.T) {
	d, _ := halfSigned(t)
	for at := range len(d.Event) * 8 {
		changed := *d
		changed.Event = bytes.Clone(d.Event)
		changed.Event[at/8] ^= 1 << (at % 8)
		file, err := draft.Encode(&changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := draft.Decode(1, file); !errors.Is(err, draft.ErrDraft) {
			t.Fatalf("bit %d: %v", at, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	d, _ := halfSigned(f)
	file, err := draft.Encode(d)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _, err := draft.Decode(1, b)
		if err != nil {
			return
		}
		if _, err := draft.Encode(d); err != nil {
			t.Fatal(err)
		}
	})
}
