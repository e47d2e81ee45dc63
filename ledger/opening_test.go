package ledger

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestCommit(t *testing.T) {
	opening := Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_INVOICE, Salt: [32]byte{7}, Value: "INV 12"}
	subject := PartyID{9}
	message := append([]byte("custody/commitment/v1\n"), be32(3)...)
	message = append(append(append(message, subject[:]...), opening.Salt[:]...), "INV 12"...)
	if got, want := opening.Commit(subject).Hash, sha256.Sum256(message); got != want {
		t.Errorf("%x, expected %x", got, want)
	}
}

func TestDecodeOpenings(t *testing.T) {
	opening := func(field custodyv1.PrivateField, value string) *custodyv1.Opening {
		return &custodyv1.Opening{Field: field, Salt: bytes.Repeat([]byte{byte(field)}, 32), Value: value}
	}
	longest := strings.Repeat("é", OpeningValueBytesMax/2)
	event := &Event{}
	for _, m := range []*custodyv1.Opening{opening(1, "Asha & Sons"), opening(2, "100 EUR"), opening(4, longest), opening(5, longest+"x"), opening(6, "two\nlines")} {
		o := Opening{Field: m.Field, Salt: [32]byte(m.Salt), Value: m.Value}
		event.Commitments = append(event.Commitments, o.Commit(event.Subject()))
	}
	salted := func(m *custodyv1.Opening, salt []byte) *custodyv1.Opening { m.Salt = salt; return m }
	for _, c := range []struct {
		name     string
		messages []*custodyv1.Opening
		reason   Reason
		field    string
	}{
		{"none", nil, "", ""},
		{"some, in any order", []*custodyv1.Opening{opening(2, "100 EUR"), opening(1, "Asha & Sons")}, "", ""},
		{"longest", []*custodyv1.Opening{opening(4, longest)}, "", ""},
		{"one byte longer", []*custodyv1.Opening{opening(5, longest+"x")}, InvalidField, "openings.value"},
		{"empty value", []*custodyv1.Opening{opening(1, "")}, InvalidField, "openings.value"},
		{"two lines", []*custodyv1.Opening{opening(6, "two\nlines")}, InvalidField, "openings.value"},
		{"not UTF-8", []*custodyv1.Opening{opening(1, "\xff")}, InvalidField, "openings.value"},
		{"another value", []*custodyv1.Opening{opening(1, "Asha & Son")}, OpeningMismatch, "openings"},
		{"another salt", []*custodyv1.Opening{salted(opening(1, "Asha & Sons"), make([]byte, 32))}, OpeningMismatch, "openings"},
		{"another field", []*custodyv1.Opening{salted(opening(2, "Asha & Sons"), bytes.Repeat([]byte{1}, 32))}, OpeningMismatch, "openings"},
		{"not committed to", []*custodyv1.Opening{opening(3, "x")}, OpeningMismatch, "openings"},
		{"salt of 31 bytes", []*custodyv1.Opening{salted(opening(1, "Asha & Sons"), make([]byte, 31))}, InvalidField, "openings.salt"},
		{"no salt", []*custodyv1.Opening{salted(opening(1, "Asha & Sons"), nil)}, InvalidField, "openings.salt"},
		{"nothing at all", []*custodyv1.Opening{{}}, InvalidField, "openings.salt"},
		{"nil", []*custodyv1.Opening{nil}, InvalidField, "openings.salt"},
		{"twice", []*custodyv1.Opening{opening(1, "Asha & Sons"), opening(2, "100 EUR"), opening(1, "Asha & Sons")}, RepeatedField, "openings"},
		{"nine", make([]*custodyv1.Opening, CommitmentsMax+1), TooLarge, "openings"},
	} {
		openings, rejection := DecodeOpenings(event, c.messages)
		if c.reason == "" {
			if rejection != nil || len(openings) != len(c.messages) {
				t.Errorf("%s: %v", c.name, rejection)
			}
			for i := 1; i < len(openings); i++ {
				if openings[i-1].Field >= openings[i].Field {
					t.Errorf("%s: not ascending", c.name)
				}
			}
			continue
		}
		if openings != nil || rejection == nil || rejection.Reason != c.reason || rejection.Field != c.field {
			t.Errorf("%s: expected %s at %s, got %v", c.name, c.reason, c.field, rejection)
		}
	}
}
