package ledger

import (
	"math/bits"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// shape is what a field's wire value must look like.
type shape uint8

const (
	shapeUint    shape = iota // varint, 1 to max
	shapeBool                 // varint, 1
	shapeEnum                 // varint, 1 to max
	shapeBytes                // length-delimited, 1 to max bytes, or exactly size
	shapeString               // as bytes, UTF-8 of the permitted characters
	shapeMessage              // length-delimited message
)

// field is one row of the table of fields that a rules version knows.
type field struct {
	number   protowire.Number
	name     string
	shape    shape
	required bool
	repeated int    // most occurrences; 0 for a field that stands once
	size     int    // exact length of bytes; 0 for 1 to max
	max      uint64 // greatest value, or greatest length
	alphabet func(rune) bool
	words    string // space on both sides of each: what a string is made of; empty for anything
	first    byte   // what the bytes begin with; 0 for anything
	message  *message
}

// message is the table of one message: its fields in ascending order.
type message struct {
	name   string
	fields []field
	// choice lists the first and last field number of a oneof of which exactly
	// one field must stand; 0 for none.
	choiceFirst, choiceLast protowire.Number

	// What index makes of the fields: by field number the position in fields, plus 1,
	// and a bit for each number that is required.
	at       [fieldNumberMax + 1]uint8
	required uint64
}

// fieldNumberMax is the greatest number that a field may have: the numbers of a
// message are remembered as bits of a word.
const fieldNumberMax = 63

// index prepares a table, and those of the messages in it, for being asked.
func (m *message) index() *message {
	for i := range m.fields {
		f := &m.fields[i]
		m.at[f.number] = uint8(i + 1)
		if f.required {
			m.required |= 1 << f.number
		}
		if f.message != nil {
			f.message.index()
		}
	}
	return m
}

func (m *message) field(number protowire.Number) *field {
	if number > fieldNumberMax || m.at[number] == 0 {
		return nil
	}
	return &m.fields[m.at[number]-1]
}

// check walks the wire bytes of one message. It accepts one form only: fields
// in ascending order, none unknown, none repeated unless the table says so,
// varints as short as they can be, no field that holds its zero value, nothing
// left over. It never decodes into a struct and never marshals, so a newer
// binary cannot accept what an older one refuses.
func (m *message) check(b []byte) *Rejection {
	var last protowire.Number
	var occurrences int
	var chosen string
	seen := uint64(0)
	for len(b) > 0 {
		number, wireType, n := consumeTag(b)
		if n < 0 {
			return Reject(Malformed, "the bytes end inside a field tag or the tag is not minimal; send the event as it was signed")
		}
		f := m.field(number)
		if f == nil {
			return m.unknown(number)
		}
		switch {
		case number < last:
			return RejectField(NonCanonical, f.name, "field %d stands after field %d; fields must stand in ascending order", number, last)
		case number > last:
			occurrences = 0
		case f.repeated == 0:
			return RejectField(RepeatedField, f.name, "the field may stand once")
		}
		if occurrences++; f.repeated > 0 && occurrences > f.repeated {
			return RejectField(TooLarge, f.name, "more than %d values", f.repeated)
		}
		last = number
		if number >= m.choiceFirst && number <= m.choiceLast {
			if chosen != "" {
				return RejectField(RepeatedField, f.name, "%s stands already; exactly one may stand", chosen)
			}
			chosen = f.name
		}
		used, rejection := f.check(wireType, b[n:])
		if rejection != nil {
			rejection.Field = join(f.name, rejection.Field)
			return rejection
		}
		b = b[n+used:]
		seen |= 1 << number
	}
	return m.complete(seen, chosen)
}

func (m *message) unknown(number protowire.Number) *Rejection {
	if number >= m.choiceFirst && number <= m.choiceLast {
		return Reject(UnknownEventType, "event type %d does not exist in this rules version; update the client or check the ledger's rules version", number)
	}
	return Reject(UnknownField, "field %d does not exist in %s of this rules version", number, m.name)
}

func (m *message) complete(seen uint64, chosen string) *Rejection {
	if missing := m.required &^ seen; missing != 0 {
		return RejectField(MissingField, m.field(protowire.Number(bits.TrailingZeros64(missing))).name, "the field is required")
	}
	if m.choiceFirst > 0 && chosen == "" {
		return Reject(MissingField, "the %s says nothing: exactly one body must stand", m.name)
	}
	return nil
}

func (f *field) check(wireType protowire.Type, b []byte) (int, *Rejection) {
	switch f.shape {
	case shapeUint, shapeBool, shapeEnum:
		if wireType != protowire.VarintType {
			return 0, wrongType(wireType)
		}
		v, n := consumeVarint(b)
		if n < 0 {
			return 0, Reject(NonCanonical, "the number is cut short or not written in the fewest bytes")
		}
		return n, f.checkNumber(v)
	default:
		if wireType != protowire.BytesType {
			return 0, wrongType(wireType)
		}
		length, n := consumeVarint(b)
		if n < 0 {
			return 0, Reject(NonCanonical, "the length is cut short or not written in the fewest bytes")
		}
		if length > uint64(len(b)-n) {
			return 0, Reject(Malformed, "the field says %d bytes, %d are left", length, len(b)-n)
		}
		value := b[n : n+int(length)]
		return n + int(length), f.checkValue(value)
	}
}

func (f *field) checkNumber(v uint64) *Rejection {
	if v == 0 {
		return Reject(NonCanonical, "a zero must be left out")
	}
	if f.shape == shapeBool && v != 1 {
		return Reject(NonCanonical, "true is written as 1")
	}
	if f.shape != shapeBool && v > f.max {
		return Reject(InvalidField, "%d is more than %d", v, f.max)
	}
	return nil
}

func (f *field) checkValue(value []byte) *Rejection {
	if f.shape == shapeMessage {
		if len(value) == 0 && len(f.message.fields) > 0 && f.message.required == 0 {
			return Reject(NonCanonical, "an empty message must be left out")
		}
		return f.message.check(value)
	}
	switch {
	case f.first != 0 && (len(value) == 0 || value[0] != f.first || len(value) != f.size):
		return Reject(BadKey, "%d bytes that are no key of a kind of this rules version", len(value))
	case f.size > 0 && len(value) != f.size:
		return Reject(InvalidField, "%d bytes, expected %d", len(value), f.size)
	case len(value) == 0:
		return Reject(NonCanonical, "an empty value must be left out")
	case f.size == 0 && uint64(len(value)) > f.max:
		return Reject(TooLarge, "%d bytes, at most %d", len(value), f.max)
	}
	if f.shape == shapeString {
		if rejection := checkString(string(value), f.alphabet); rejection != nil {
			return rejection
		}
		return f.checkWords(string(value))
	}
	return nil
}

func checkString(s string, alphabet func(rune) bool) *Rejection {
	if !utf8.ValidString(s) {
		return Reject(InvalidField, "not UTF-8: %.40q", s)
	}
	for _, r := range s {
		if !alphabet(r) {
			return Reject(InvalidField, "the character %q may not stand here: %.40q", r, s)
		}
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' || strings.Contains(s, "  ") {
		return Reject(InvalidField, "a space may not stand at the beginning, at the end or beside another: %.40q", s)
	}
	return nil
}

func (f *field) checkWords(s string) *Rejection {
	if f.words == "" {
		return nil
	}
	for word := range strings.SplitSeq(s, " ") {
		if !strings.Contains(f.words, " "+word+" ") {
			return Reject(InvalidField, "%.40q is not among the words for this field", word)
		}
	}
	return nil
}

func wrongType(wireType protowire.Type) *Rejection {
	return Reject(Malformed, "wire type %d is not the type of this field", wireType)
}

// consumeTag reads a minimal field tag with a number and type that exist.
func consumeTag(b []byte) (protowire.Number, protowire.Type, int) {
	v, n := consumeVarint(b)
	if n < 0 || v>>3 == 0 || v>>3 > uint64(protowire.MaxValidNumber) {
		return 0, 0, -1
	}
	return protowire.Number(v >> 3), protowire.Type(v & 7), n
}

// consumeVarint reads a varint written in the fewest bytes; n is negative
// otherwise.
func consumeVarint(b []byte) (v uint64, n int) {
	v, n = protowire.ConsumeVarint(b)
	if n < 0 || n != protowire.SizeVarint(v) {
		return 0, -1
	}
	return v, n
}

func join(path, name string) string {
	if name == "" {
		return path
	}
	return path + "." + name
}
