package ledger

import (
	"encoding/binary"
	"slices"

	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Commitment is a private field of an event, hidden behind a salt.
type Commitment struct {
	Field custodyv1.PrivateField
	Hash  [32]byte
}

// Opening shows what a commitment hides. It is kept beside an entry, never
// hashed into it, and may be erased without harm to any proof.
type Opening struct {
	Field custodyv1.PrivateField
	Salt  [32]byte
	Value string // UTF-8, 1 to OpeningValueBytesMax bytes
}

// Commit gives the commitment that the opening opens in an event about a
// subject, see Event.Subject. The subject is hashed too: a commitment copied into
// another party's event opens to nothing.
func (o Opening) Commit(subject PartyID) Commitment {
	field := binary.BigEndian.AppendUint32(nil, uint32(o.Field))
	return Commitment{Field: o.Field, Hash: sign.TagCommitment.Sum(field, subject[:], o.Salt[:], []byte(o.Value))}
}

// DecodeOpenings checks the openings that came with an event: each fits one of
// its commitments, none stands twice. The result is ascending by field.
func DecodeOpenings(event *Event, messages []*custodyv1.Opening) ([]Opening, *Rejection) {
	if len(messages) > CommitmentsMax {
		return nil, RejectField(TooLarge, "openings", "%d openings, at most %d", len(messages), CommitmentsMax)
	}
	var openings []Opening
	for _, m := range messages {
		if len(m.GetSalt()) != 32 {
			return nil, RejectField(InvalidField, "openings.salt", "%d bytes, expected 32", len(m.GetSalt()))
		}
		if len(m.GetValue()) == 0 || len(m.GetValue()) > OpeningValueBytesMax {
			return nil, RejectField(InvalidField, "openings.value", "%d bytes, expected 1 to %d", len(m.GetValue()), OpeningValueBytesMax)
		}
		if rejection := checkString(m.Value, properName); rejection != nil {
			rejection.Field = "openings.value"
			return nil, rejection
		}
		opening := Opening{Field: m.Field, Salt: [32]byte(m.Salt), Value: m.Value}
		hash, ok := event.Commitment(m.Field)
		if !ok || hash != opening.Commit(event.Subject()).Hash {
			return nil, RejectField(OpeningMismatch, "openings", "the opening of field %d fits no commitment of the event; open with the salt and value that were committed to", m.Field)
		}
		openings = append(openings, opening)
	}
	slices.SortFunc(openings, func(a, b Opening) int { return int(a.Field) - int(b.Field) })
	for i := 1; i < len(openings); i++ {
		if openings[i].Field == openings[i-1].Field {
			return nil, RejectField(RepeatedField, "openings", "field %d is opened twice", openings[i].Field)
		}
	}
	return openings, nil
}
