package ledger

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

// LedgerID is the SHA-256 of the genesis file.
type LedgerID [32]byte

// EventID is the SHA-256 of an event's signing bytes.
type EventID [32]byte

// ItemID names one item for life; see NewItemID.
type ItemID [20]byte

// PartyID is a party's pseudonym; see NewPartyID.
type PartyID [20]byte

// Nonce makes equal statements different events.
type Nonce [16]byte

// Reference is an opaque key of a registration, unique for its registrant.
type Reference [16]byte

func (id LedgerID) String() string { return hex.EncodeToString(id[:]) }
func (id EventID) String() string  { return hex.EncodeToString(id[:]) }
func (id ItemID) String() string   { return idText(idItem, id) }
func (id PartyID) String() string  { return idText(idParty, id) }

// KeyIDText prints a key id with its check character.
func KeyIDText(id sign.KeyID) string { return idText(idKey, id) }

// NewItemID derives the id of the item at an output position of the event that
// creates it.
func NewItemID(event EventID, position uint32) ItemID {
	sum := sign.TagItemID.Sum(event[:], binary.BigEndian.AppendUint32(nil, position))
	return ItemID(sum[:20])
}

// NewPartyID derives a party's id from the id of its first key, so that it is
// known before admission and does not depend on who admits.
func NewPartyID(first sign.KeyID) PartyID {
	sum := sign.TagPartyID.Sum(first[:])
	return PartyID(sum[:20])
}

// ParseItemID reads an item id as a person types it: lower case, hyphens, and
// i, l, o for 1, 1, 0 are forgiven; a wrong check character is not.
func ParseItemID(s string) (ItemID, error) {
	id, err := parseID(idItem, s)
	return ItemID(id), err
}

// ParsePartyID reads a party id under the same rules as ParseItemID.
func ParsePartyID(s string) (PartyID, error) {
	id, err := parseID(idParty, s)
	return PartyID(id), err
}

// ParseKeyID reads a key id under the same rules as ParseItemID.
func ParseKeyID(s string) (sign.KeyID, error) {
	id, err := parseID(idKey, s)
	return sign.KeyID(id), err
}

// ParseEventID reads 64 hexadecimal digits.
func ParseEventID(s string) (EventID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(EventID{}) {
		return EventID{}, fmt.Errorf("an event id is 64 hexadecimal digits, got %d characters: %.80q", len(s), s)
	}
	return EventID(b), nil
}

// ErrIDText is wrapped by every error about the text form of an id.
var ErrIDText = errors.New("not a valid id")

// crockford is the base 32 alphabet without I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// idKind seeds the check character, so that an id of one kind typed where
// another is expected is refused by name.
type idKind byte

const (
	idItem idKind = iota + 1
	idParty
	idKey
)

func (k idKind) String() string {
	return [...]string{"", "item id", "party id", "key id"}[k]
}

// idDigits is the number of base 32 digits of 160 bits; a check digit follows.
const idDigits = 32

func idText(kind idKind, id [20]byte) string {
	var digits [idDigits]byte
	for i := range digits {
		bit := i * 5
		window := uint16(id[bit/8]) << 8
		if bit/8+1 < len(id) {
			window |= uint16(id[bit/8+1])
		}
		digits[i] = byte(window>>(11-bit%8)) & 31
	}
	text := make([]byte, 0, idDigits+1)
	for _, d := range digits {
		text = append(text, crockford[d])
	}
	return string(append(text, crockford[checkDigit(kind, digits[:])]))
}

// checkDigit is Damm's scheme over the field of 32 elements with the polynomial
// x^5+x^2+1: it finds every single wrong digit and every swap of neighbours.
func checkDigit(kind idKind, digits []byte) byte {
	c := double(byte(kind))
	for _, d := range digits {
		c = double(c ^ d)
	}
	return c
}

func double(x byte) byte {
	x <<= 1
	if x&32 != 0 {
		x ^= 0b100101
	}
	return x
}

func parseID(want idKind, s string) ([20]byte, error) {
	var id [20]byte
	digits := make([]byte, 0, idDigits+1)
	for i, r := range s {
		if r == '-' {
			continue
		}
		d, ok := digitOf(r)
		if !ok {
			return id, fmt.Errorf("%w: %s %.60q: character %d is not a base 32 digit", ErrIDText, want, s, i+1)
		}
		if len(digits) > idDigits {
			return id, fmt.Errorf("%w: %s %.60q is longer than %d characters", ErrIDText, want, s, idDigits+1)
		}
		digits = append(digits, d)
	}
	if len(digits) != idDigits+1 {
		return id, fmt.Errorf("%w: %s %.60q has %d characters, expected %d", ErrIDText, want, s, len(digits), idDigits+1)
	}
	body, check := digits[:idDigits], digits[idDigits]
	if checkDigit(want, body) != check {
		for kind := idItem; kind <= idKey; kind++ {
			if checkDigit(kind, body) == check {
				return id, fmt.Errorf("%w: %.60q is another kind of id: found %s, expected %s", ErrIDText, s, kind, want)
			}
		}
		return id, fmt.Errorf("%w: %s %.60q is mistyped: its check character does not fit", ErrIDText, want, s)
	}
	for i, d := range body {
		bit := i * 5
		window := uint16(d) << (11 - bit%8)
		id[bit/8] |= byte(window >> 8)
		if bit/8+1 < len(id) {
			id[bit/8+1] |= byte(window)
		}
	}
	return id, nil
}

func digitOf(r rune) (byte, bool) {
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'O':
		r = '0'
	case 'I', 'L':
		r = '1'
	}
	if r > 'Z' {
		return 0, false
	}
	d := strings.IndexByte(crockford, byte(r))
	return byte(d), d >= 0
}
