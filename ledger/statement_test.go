package ledger

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func statements() []Statement {
	plain := Statement{
		Ledger: LedgerID{1}, Item: ItemID{2}, Status: StatedLive, Custody: StatedHolder{Party: PartyID{3}},
		Title: []StatedShare{{Parts: 1, Owner: StatedHolder{Party: PartyID{3}}}}, Registered: 7, Last: EventID{4}, LastIndex: 9, Size: 10, At: 5,
	}
	full := plain
	full.Contested, full.Lost, full.Stolen, full.Damaged, full.Disputed, full.Held, full.Status = true, true, true, true, true, true, StatedVoided
	full.Micrograms, full.Count, full.Within = 9, 3, ItemID{8}
	full.Terms = []StatedTerm{{Mode: custodyv1.Mode_MODE_MEMO, From: PartyID{3}, Until: 77, MayMemoOn: true}, {Mode: custodyv1.Mode_MODE_MEMO, From: PartyID{7}}}
	full.Custody = StatedHolder{Outside: &StatedOutside{Reason: custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, Country: "US", Since: 9, ReleasedBy: PartyID{5}}}
	full.Title = append(full.Title, StatedShare{Parts: 2, Owner: full.Custody})
	full.Offers = []StatedOffer{
		{Event: EventID{6}, Index: 8, From: PartyID{7}, To: PartyID{8}, Mode: custodyv1.Mode_MODE_RETURN, ExpiresAt: 3, GoodsLeft: true, Declined: true},
		{Event: EventID{9}, Index: 9, From: PartyID{7}, To: PartyID{8}, Mode: custodyv1.Mode_MODE_MEMO_TO_SALE, ExpiresAt: 3, Until: 1, Part: StatedPortion{Micrograms: 5, Count: 2}, Agent: PartyID{9}, MayMemoOn: true},
	}
	return []Statement{plain, full}
}

func TestStatementRoundTrip(t *testing.T) {
	for _, want := range statements() {
		b := want.Payload()
		got, err := ParseStatement(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n%+v\n%+v", err, got, want)
		}
		for n := range b {
			if _, err := ParseStatement(b[:n]); !errors.Is(err, ErrPayload) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
		if _, err := ParseStatement(append(b, 0)); !errors.Is(err, ErrPayload) {
			t.Fatalf("one byte too many: %v", err)
		}
	}
}

func TestStatementRefusals(t *testing.T) {
	for name, change := range map[string]func(*Statement){
		"status 0":           func(s *Statement) { s.Status = 0 },
		"status 5":           func(s *Statement) { s.Status = 5 },
		"no owner":           func(s *Statement) { s.Title = nil },
		"too many owners":    func(s *Statement) { s.Title = make([]StatedShare, StatedSharesMax+1) },
		"an owner of 0":      func(s *Statement) { s.Title = []StatedShare{{}} },
		"last at the size":   func(s *Statement) { s.LastIndex = s.Size },
		"named before":       func(s *Statement) { s.Registered = s.LastIndex + 1 },
		"no country":         func(s *Statement) { s.Custody.Outside.Country = "xx" },
		"reason 0":           func(s *Statement) { s.Custody.Outside.Reason = 0 },
		"reason 7":           func(s *Statement) { s.Custody.Outside.Reason = 7 },
		"mode 9":             func(s *Statement) { s.Offers[0].Mode = 9 },
		"term of mode 9":     func(s *Statement) { s.Terms[0].Mode = 9 },
		"too many terms":     func(s *Statement) { s.Terms = make([]StatedTerm, TermsMax+1) },
		"offers out of line": func(s *Statement) { s.Offers[1].Index = s.Offers[0].Index },
		"three offers":       func(s *Statement) { s.Offers = append(s.Offers, s.Offers[1]) },
	} {
		s := statements()[1]
		change(&s)
		if _, err := ParseStatement(s.Payload()); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzStatement(f *testing.F) {
	for _, s := range statements() {
		f.Add(s.Payload())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatement(b)
		if err == nil && !bytes.Equal(s.Payload(), b) {
			t.Fatalf("%x is written again as %x", b, s.Payload())
		}
	})
}
