package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func testKey(t testing.TB, fill byte) sign.PrivateKey {
	t.Helper()
	key, err := sign.NewPrivateKey(bytes.Repeat([]byte{fill}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// parts are what a request is made of, to be changed by tests.
type parts struct {
	first, recovery, governance sign.PrivateKey
	name                        ledger.Opening
	draft                       *ledger.Draft
}

func newParts(t testing.TB) *parts {
	t.Helper()
	p := &parts{first: testKey(t, 1), recovery: testKey(t, 2), governance: testKey(t, 3)}
	p.name = ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Salt: [32]byte{4}, Value: "Anna Example BV"}
	draft, err := client.NewAdmission(client.AdmissionConfig{
		Ledger: ledger.LedgerID{5}, Association: ledger.PartyID{6}, Governance: p.governance.Public(),
		Applicant: client.Applicant{
			Key: p.first.Public(), Scopes: ledger.ScopesAll, RecoveryKey: p.recovery.Public(),
			Country: "BE", Role: custodyv1.Role_ROLE_DEALER, LegalName: p.name,
		},
		Now: time.UnixMilli(1_795_000_000_000), Random: bytes.NewReader(make([]byte, 64)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(draft.Sign(p.first), draft.Sign(p.recovery)); err != nil {
		t.Fatal(err)
	}
	p.draft = draft
	return p
}

func (p *parts) encode(t testing.TB) []byte {
	t.Helper()
	b, err := Encode(p.draft, p.name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequestReadsBackAndCanBeCountersigned(t *testing.T) {
	p := newParts(t)
	r, err := Decode(ledger.RulesVersion1, p.encode(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Party != ledger.NewPartyID(p.first.Public().ID()) || r.First != p.first.Public() || r.Recovery != p.recovery.Public() ||
		r.Governance != p.governance.Public() || r.LegalName != p.name || r.Ledger != (ledger.LedgerID{5}) || r.Association != (ledger.PartyID{6}) || r.Admit.Country != "BE" {
		t.Errorf("%+v", r)
	}
	if missing := r.Draft.Missing(); len(missing) != 1 || missing[0] != p.governance.Public() {
		t.Fatalf("missing: %v", missing)
	}
	if err := r.Draft.Sign(p.governance); err != nil {
		t.Fatal(err)
	}
	signed, err := r.Draft.Signed()
	if err != nil {
		t.Fatal(err)
	}
	event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed)
	if rejection != nil {
		t.Fatal(rejection)
	}
	if _, rejections := ledger.Verify(sign.NewVerifier(sign.PreparedKeysDefault), []*ledger.Event{event}); rejections[0] != nil {
		t.Error(rejections[0])
	}
}

// An association must never countersign anything but an admission whose content
// it has seen.
func TestRequestsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *parts, map[string]any)
		want   string
	}{
		"other format": {func(_ *testing.T, _ *parts, f map[string]any) { f["format"] = "custody-party-request/v2" }, "format"},
		"unknown key":  {func(_ *testing.T, _ *parts, f map[string]any) { f["note"] = "hello" }, "unknown field"},
		"other name":   {func(_ *testing.T, _ *parts, f map[string]any) { f["legal_name"].(map[string]any)["value"] = "Anne" }, "legal name is not the one"},
		"other salt": {func(_ *testing.T, _ *parts, f map[string]any) {
			f["legal_name"].(map[string]any)["salt"] = strings.Repeat("0", 64)
		}, "legal name is not the one"},
		"bad salt":      {func(_ *testing.T, _ *parts, f map[string]any) { f["legal_name"].(map[string]any)["salt"] = "x" }, "not hexadecimal"},
		"no event":      {func(_ *testing.T, _ *parts, f map[string]any) { f["event"] = "" }, "not acceptable"},
		"garbage event": {func(_ *testing.T, _ *parts, f map[string]any) { f["event"] = "/////w==" }, "cannot be decoded"},
		"a signature missing": {func(_ *testing.T, p *parts, f map[string]any) {
			delete(f["signatures"].(map[string]any), ledger.KeyIDText(p.recovery.Public().ID()))
		}, "1 signatures"},
		"signatures exchanged":  {exchangeSignatures, "does not hold"},
		"changed event":         {changeCountry, "does not hold"},
		"another kind of event": {otherEvent, "another kind of event than an admission"},
		"a fourth signer":       {fourthSigner, "4 keys are to sign"},
	} {
		p := newParts(t)
		var f map[string]any
		if err := json.Unmarshal(p.encode(t), &f); err != nil {
			t.Fatal(err)
		}
		c.change(t, p, f)
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(ledger.RulesVersion1, b); !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if _, err := Decode(ledger.RulesVersion1, append(newParts(t).encode(t), "{}"...)); !errors.Is(err, ErrRequest) {
		t.Errorf("something follows: %v", err)
	}
}

func exchangeSignatures(_ *testing.T, p *parts, f map[string]any) {
	signatures := f["signatures"].(map[string]any)
	first, recovery := ledger.KeyIDText(p.first.Public().ID()), ledger.KeyIDText(p.recovery.Public().ID())
	signatures[first], signatures[recovery] = signatures[recovery], signatures[first]
}

// changeCountry changes the event after it was signed.
func changeCountry(t *testing.T, p *parts, f map[string]any) {
	event := bytes.Replace(p.draft.Event, []byte("BE"), []byte("NL"), 1)
	if bytes.Equal(event, p.draft.Event) {
		t.Fatal("the event does not name its country as expected")
	}
	f["event"] = event
}

// otherEvent puts in place of the admission an event that a governance key must
// not be tricked into signing.
func otherEvent(t *testing.T, p *parts, f map[string]any) {
	party := ledger.PartyID{6}
	replace(t, p, f, &custodyv1.Event{
		Party: party[:],
		Body:  &custodyv1.Event_PartySuspend{PartySuspend: &custodyv1.PartySuspend{Party: party[:], Reason: custodyv1.SuspendReason_SUSPEND_REASON_BREACH}},
	})
}

func fourthSigner(t *testing.T, p *parts, f map[string]any) {
	name := p.name.Commit(ledger.PartyID{6})
	party := ledger.PartyID{6}
	replace(t, p, f, &custodyv1.Event{
		Party:       party[:],
		Commitments: []*custodyv1.Commitment{{Field: name.Field, Hash: name.Hash[:]}},
		Body: &custodyv1.Event_PartyAdmit{PartyAdmit: &custodyv1.PartyAdmit{
			Key: p.first.Public().Bytes(), RecoveryKey: p.recovery.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), Country: "BE", Role: custodyv1.Role_ROLE_DEALER,
		}},
	}, testKey(t, 9).Public())
}

func replace(t *testing.T, p *parts, f map[string]any, event *custodyv1.Event, more ...sign.PublicKey) {
	t.Helper()
	id := ledger.LedgerID{5}
	event.LedgerId, event.Nonce, event.OccurredAtMs, event.NotAfterMs = id[:], make([]byte, 16), 1, 2
	draft, err := ledger.NewDraft(event, append(more, p.first.Public(), p.recovery.Public(), p.governance.Public())...)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(draft.Sign(p.first), draft.Sign(p.recovery)); err != nil {
		t.Fatal(err)
	}
	p.draft = draft
	var again map[string]any
	if err := json.Unmarshal(p.encode(t), &again); err != nil {
		t.Fatal(err)
	}
	f["event"], f["signatures"] = again["event"], again["signatures"]
}

func FuzzDecode(f *testing.F) {
	good := newParts(f).encode(f)
	f.Add(good)
	f.Add([]byte(`{"format":"custody-party-request/v1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(ledger.RulesVersion1, b)
		if err != nil {
			return
		}
		again, err := Encode(r.Draft, r.LegalName)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(ledger.RulesVersion1, again); err != nil {
			t.Fatalf("what was read and written is refused: %v", err)
		}
	})
}
