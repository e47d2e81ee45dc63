package ledger

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

// node is one field of an event on the wire, so that a test can write it in
// ways that no protobuf library writes.
type node struct {
	field    *field
	number   protowire.Number
	wireType protowire.Type
	tag      []byte // instead of the minimal tag, where set
	head     []byte // instead of the minimal number or length, where set
	value    uint64
	bytes    []byte
	children []*node // of a message
	message  bool
}

func (n *node) encode() []byte {
	b := n.tag
	if b == nil {
		b = protowire.AppendTag(nil, n.number, n.wireType)
	}
	b = slices.Clone(b)
	switch n.wireType {
	case protowire.VarintType:
		if n.head != nil {
			return append(b, n.head...)
		}
		return protowire.AppendVarint(b, n.value)
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(b, n.value)
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(b, uint32(n.value))
	case protowire.StartGroupType, protowire.EndGroupType:
		return b
	}
	body := n.bytes
	if n.message {
		body = encodeAll(n.children)
	}
	if n.head != nil {
		return append(append(b, n.head...), body...)
	}
	return protowire.AppendBytes(b, body)
}

func encodeAll(nodes []*node) []byte {
	var b []byte
	for _, n := range nodes {
		b = append(b, n.encode()...)
	}
	return b
}

func (n *node) clone() *node {
	c := *n
	c.children = nil
	for _, child := range n.children {
		c.children = append(c.children, child.clone())
	}
	return &c
}

func testKey(name string) sign.PrivateKey {
	var seed [sign.SeedSize]byte
	copy(seed[:], name)
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

// full gives an event of one type with every field that the table knows, each
// with an acceptable value.
func full(body protowire.Number) []*node {
	var nodes []*node
	for i := range eventV1.fields {
		f := &eventV1.fields[i]
		if f.number >= eventV1.choiceFirst && f.number != body {
			continue
		}
		nodes = append(nodes, sample(f)...)
	}
	return nodes
}

// samples counts the items named so far.
var samples int

func sample(f *field) []*node {
	n := &node{field: f, number: f.number, wireType: protowire.VarintType, value: 1}
	switch f.shape {
	case shapeUint:
		n.value = min(f.max, 2)
	case shapeBool, shapeEnum:
	case shapeMessage:
		n.wireType, n.message = protowire.BytesType, true
		for i := range f.message.fields {
			n.children = append(n.children, sample(&f.message.fields[i])...)
		}
	default:
		n.wireType = protowire.BytesType
		n.bytes = []byte(strings.Repeat("A", max(f.size, 1)))
		if f.name == "item" { // no event may name one twice
			samples++
			n.bytes[0] = byte(samples)
		}
		if f.shape == shapeString {
			n.bytes = []byte(strings.Repeat(letterOf(f), max(f.size, 1)))
		}
		if f.first != 0 {
			n.bytes = testKey(f.name).Public().Bytes()
		}
		if f.words != "" {
			n.bytes = []byte(strings.Fields(f.words)[0])
		}
	}
	if f.name == "group" {
		n.children[1].value = 1
		n.children[2].value = 2
	}
	return []*node{n}
}

// decodeNodes decodes an event of nodes with as many signatures as it has
// signers.
func decodeNodes(nodes []*node) (*Event, *Rejection) {
	signed := SignedEvent{Event: encodeAll(nodes)}
	for _, n := range nodes {
		if n.number == 3 {
			signed.Signatures = append(signed.Signatures, make([]byte, sign.SignatureSize))
		}
	}
	return DecodeEvent(RulesVersion1, signed)
}

// walk calls visit for every field of a message and of the messages in it,
// with a copy of the whole event in which siblings[at] may be changed.
func walk(body protowire.Number, visit func(path string, event *[]*node, siblings *[]*node, at int, table *message)) {
	var descend func(steps []int, path []string, level []*node, table *message)
	descend = func(steps []int, path []string, level []*node, table *message) {
		for at, n := range level {
			event := cloneAll(full(body))
			siblings := &event
			for _, step := range steps {
				siblings = &(*siblings)[step].children
			}
			here := append(slices.Clone(path), n.field.name)
			visit(strings.Join(here, "."), &event, siblings, at, table)
			if n.message {
				descend(append(slices.Clone(steps), at), here, n.children, n.field.message)
			}
		}
	}
	descend(nil, nil, full(body), eventV1)
}

func cloneAll(nodes []*node) []*node {
	var clones []*node
	for _, n := range nodes {
		clones = append(clones, n.clone())
	}
	return clones
}

func bodies() []protowire.Number {
	var numbers []protowire.Number
	for _, f := range eventV1.fields {
		if f.number >= eventV1.choiceFirst {
			numbers = append(numbers, f.number)
		}
	}
	return numbers
}

// change is one thing done to a field that must have one outcome.
type change struct {
	name   string
	where  func(*field) bool
	apply  func(siblings *[]*node, at int)
	reason Reason // "" where the event is still accepted in form
	parent bool   // the path is the message's, not the field's
}

func every(*field) bool       { return true }
func isNumber(f *field) bool  { return f.shape <= shapeEnum }
func isUint(f *field) bool    { return f.shape == shapeUint || f.shape == shapeEnum }
func isMessage(f *field) bool { return f.shape == shapeMessage }
func isFixed(f *field) bool   { return f.size > 0 && f.first == 0 }
func isKey(f *field) bool     { return f.first != 0 }
func isOpen(f *field) bool    { return f.shape >= shapeBytes && f.shape <= shapeString && f.size == 0 }
func isTerm(f *field) bool    { return f.words != "" }
func isText(f *field) bool    { return f.shape == shapeString }
func atMost(n *node, length int) {
	n.bytes = []byte(strings.Repeat(letterOf(n.field), length))
}

// letterOf is a character that may stand in a string; any for bytes.
func letterOf(f *field) string {
	for _, letter := range "Aa1" {
		if f.shape != shapeString || f.alphabet(letter) {
			return string(letter)
		}
	}
	panic("a string of which this test knows no character")
}

func edit(f func(n *node)) func(*[]*node, int) {
	return func(siblings *[]*node, at int) { f((*siblings)[at]) }
}

var changes = []change{
	{"nothing", every, edit(func(*node) {}), "", false},
	{"missing", func(f *field) bool { return f.required }, func(s *[]*node, at int) { *s = slices.Delete(*s, at, at+1) }, MissingField, false},
	{"left out", func(f *field) bool { return !f.required && f.number < 16 && f.name != "position" }, func(s *[]*node, at int) { *s = slices.Delete(*s, at, at+1) }, "", false},
	{"twice", func(f *field) bool { return f.repeated == 0 }, func(s *[]*node, at int) { *s = slices.Insert(*s, at, (*s)[at].clone()) }, RepeatedField, false},
	{"unknown in front", every, func(s *[]*node, at int) {
		*s = slices.Insert(*s, at, &node{number: 900, wireType: protowire.VarintType, value: 1})
	}, UnknownField, true},
	{"unknown of type fixed64", every, func(s *[]*node, at int) {
		*s = append(*s, &node{number: 901, wireType: protowire.Fixed64Type})
	}, UnknownField, true},
	{"tag not minimal", every, edit(func(n *node) { n.tag = longer(protowire.AppendTag(nil, n.number, n.wireType)) }), Malformed, true},
	{"tag number 0", every, edit(func(n *node) { n.tag = []byte{byte(n.wireType)} }), Malformed, true},
	{"wire type fixed64", every, edit(func(n *node) { n.wireType = protowire.Fixed64Type }), Malformed, false},
	{"wire type fixed32", every, edit(func(n *node) { n.wireType = protowire.Fixed32Type }), Malformed, false},
	{"wire type group", every, edit(func(n *node) { n.wireType = protowire.StartGroupType }), Malformed, false},
	{"wire type end of group", every, edit(func(n *node) { n.wireType = protowire.EndGroupType }), Malformed, false},
	{"wire type 6", every, edit(func(n *node) { n.tag = protowire.AppendVarint(nil, uint64(n.number)<<3|6) }), Malformed, false},
	{"wire type 7", every, edit(func(n *node) { n.tag = protowire.AppendVarint(nil, uint64(n.number)<<3|7) }), Malformed, false},

	{"bytes for a number", isNumber, edit(func(n *node) { n.wireType, n.bytes = protowire.BytesType, []byte{1} }), Malformed, false},
	{"number not minimal", isNumber, edit(func(n *node) { n.head = longer(protowire.AppendVarint(nil, n.value)) }), NonCanonical, false},
	{"number of 11 bytes", isNumber, edit(func(n *node) { n.head = append([]byte(strings.Repeat("\xff", 10)), 1) }), NonCanonical, false},
	{"zero", isNumber, edit(func(n *node) { n.value = 0 }), NonCanonical, false},
	{"greatest", func(f *field) bool { return isUint(f) && f.name != "position" && f.name != "count" }, edit(func(n *node) { n.value = n.field.max }), "", false},
	{"one more than the greatest", isUint, edit(func(n *node) { n.value = n.field.max + 1 }), InvalidField, false},
	{"2^64-1", isUint, edit(func(n *node) { n.value = 1<<64 - 1 }), InvalidField, false},
	{"2^32 more", func(f *field) bool { return isUint(f) && f.max < 1<<32 }, edit(func(n *node) { n.value += 1 << 32 }), InvalidField, false},
	{"true as 2", func(f *field) bool { return f.shape == shapeBool }, edit(func(n *node) { n.value = 2 }), NonCanonical, false},

	{"number for bytes", func(f *field) bool { return !isNumber(f) }, edit(func(n *node) { n.wireType = protowire.VarintType }), Malformed, false},
	{"length not minimal", func(f *field) bool { return !isNumber(f) }, edit(func(n *node) {
		n.head = longer(protowire.AppendVarint(nil, uint64(len(n.body()))))
	}), NonCanonical, false},
	{"length past the end", func(f *field) bool { return !isNumber(f) }, edit(func(n *node) { n.head = protowire.AppendVarint(nil, 1<<40) }), Malformed, false},
	{"length 2^64-1", func(f *field) bool { return !isNumber(f) }, edit(func(n *node) { n.head = protowire.AppendVarint(nil, 1<<64-1) }), Malformed, false},

	{"empty", isOpen, edit(func(n *node) { n.bytes = nil }), NonCanonical, false},
	{"one byte too long", isOpen, edit(func(n *node) { atMost(n, int(n.field.max)+1) }), TooLarge, false},
	{"at its longest", func(f *field) bool { return isOpen(f) && f.words == "" }, edit(func(n *node) { atMost(n, int(n.field.max)) }), "", false},
	{"empty, of fixed length", isFixed, edit(func(n *node) { n.bytes = nil }), InvalidField, false},
	{"one byte short", isFixed, edit(func(n *node) { n.bytes = n.bytes[1:] }), InvalidField, false},
	{"empty key", isKey, edit(func(n *node) { n.bytes = nil }), BadKey, false},
	{"key one byte short", isKey, edit(func(n *node) { n.bytes = n.bytes[1:] }), BadKey, false},
	{"key one byte more", isKey, edit(func(n *node) { n.bytes = append(slices.Clone(n.bytes), 0) }), BadKey, false},
	{"key of kind 0", isKey, edit(func(n *node) { n.bytes[0] = 0 }), BadKey, false},
	{"key of kind 2, reserved", isKey, edit(func(n *node) { n.bytes = append([]byte{2}, make([]byte, 33)...) }), BadKey, false},
	{"key of kind 255", isKey, edit(func(n *node) { n.bytes[0] = 255 }), BadKey, false},
	{"one byte more", isFixed, edit(func(n *node) { atMost(n, n.field.size+1) }), InvalidField, false},

	{"not UTF-8", isText, edit(func(n *node) { n.bytes = []byte("A\xff") }), InvalidField, false},
	{"overlong UTF-8", isText, edit(func(n *node) { n.bytes = []byte("\xc1\x81") }), InvalidField, false},
	{"surrogate", func(f *field) bool { return isText(f) && isOpen(f) }, edit(func(n *node) { n.bytes = []byte("\xed\xa0\x80") }), InvalidField, false},
	{"control character", isText, edit(func(n *node) { n.bytes = []byte("A\n") }), InvalidField, false},
	{"NUL", isText, edit(func(n *node) { n.bytes = []byte("A\x00") }), InvalidField, false},
	{"right to left override", func(f *field) bool { return isText(f) && isOpen(f) }, edit(func(n *node) { n.bytes = []byte("A\u202eB") }), InvalidField, false},
	{"two spaces together", isText, edit(func(n *node) { n.bytes = []byte("A  B") }), InvalidField, false},
	{"a word that is not on the list", isTerm, edit(func(n *node) { n.bytes = []byte("xyzzy") }), InvalidField, false},
	{"such a word behind one that is", isTerm, edit(func(n *node) { n.bytes = append(slices.Clone(n.bytes), " xyzzy"...) }), InvalidField, false},
	{"part of a word", isTerm, edit(func(n *node) { n.bytes = append(slices.Clone(n.bytes), 'z') }), InvalidField, false},
	{"two words", isTerm, edit(func(n *node) { n.bytes = slices.Concat(n.bytes, []byte(" "), n.bytes) }), "", false},
	{"space in front", isText, edit(func(n *node) { n.bytes = []byte(" A") }), InvalidField, false},
	{"space behind", isText, edit(func(n *node) { n.bytes = []byte("A ") }), InvalidField, false},

	{"emptied message", isMessage, edit(func(n *node) { n.children = nil }), "", false},
	{"field after its end", isMessage, func(s *[]*node, at int) {
		n := (*s)[at]
		n.children = append(n.children, n.children[0].clone())
	}, "", false},
}

func (n *node) body() []byte {
	if n.message {
		return encodeAll(n.children)
	}
	return n.bytes
}

// longer writes a varint in one byte more than it needs.
func longer(varint []byte) []byte {
	b := slices.Clone(varint)
	b[len(b)-1] |= 0x80
	return append(b, 0)
}

// TestEveryFieldEveryChange does every change to every field of every event
// type, at every depth, and checks the reason and the path of the field.
func TestEveryFieldEveryChange(t *testing.T) {
	count := 0
	for _, body := range bodies() {
		for _, c := range changes {
			walk(body, func(path string, event *[]*node, siblings *[]*node, at int, table *message) {
				f := (*siblings)[at].field
				if !c.where(f) || table == eventV1 && f.number < 16 && body != 16 {
					return
				}
				reason, field := c.reason, path
				switch c.name {
				case "emptied message":
					reason, field = MissingField, path+"."+firstRequired(f.message)
					if f.message.required == 0 {
						reason, field = NonCanonical, path
					}
				case "field after its end":
					// The first field again: out of order, or repeated where it is the only one.
					reason, field = NonCanonical, path+"."+f.message.fields[0].name
					if len(f.message.fields) == 1 {
						reason = RepeatedField
						if f.message.fields[0].repeated > 0 {
							return
						}
					}
				case "twice":
					if n := (*siblings)[at]; n.number >= 16 && table == eventV1 {
						reason = RepeatedField
					}
				}
				if c.parent {
					field = strings.TrimSuffix(strings.TrimSuffix(path, f.name), ".")
				}
				c.apply(siblings, at)
				decoded, rejection := decodeNodes(*event)
				count++
				if reason == "" {
					if rejection != nil {
						t.Errorf("event %d: %s of %s: %v", body, c.name, path, rejection)
					}
					return
				}
				if decoded != nil || rejection == nil || rejection.Reason != reason || rejection.Field != field {
					t.Errorf("event %d: %s of %s: expected %s at %q, got %v", body, c.name, path, reason, field, rejection)
				}
			})
		}
	}
	t.Logf("%d events", count)
}

func firstRequired(m *message) string {
	for _, f := range m.fields {
		if f.required {
			return f.name
		}
	}
	return ""
}

// TestOutOfOrder swaps every two neighbouring fields of every message.
func TestOutOfOrder(t *testing.T) {
	for _, body := range bodies() {
		walk(body, func(path string, event *[]*node, siblings *[]*node, at int, table *message) {
			if at == 0 {
				return
			}
			s := *siblings
			s[at-1], s[at] = s[at], s[at-1]
			_, rejection := decodeNodes(*event)
			want := strings.TrimSuffix(path, s[at-1].field.name) + s[at].field.name
			if rejection == nil || rejection.Reason != NonCanonical || rejection.Field != want {
				t.Errorf("event %d: %s in front: expected %s at %s, got %v", body, path, NonCanonical, want, rejection)
			}
		})
	}
}

// TestEveryPrefix: an event cut anywhere is refused, and so is one with
// anything behind it.
func TestEveryPrefix(t *testing.T) {
	for _, body := range bodies() {
		event := encodeAll(full(body))
		signed := SignedEvent{Signatures: [][]byte{make([]byte, sign.SignatureSize)}}
		for n := range event {
			signed.Event = event[:n]
			if decoded, rejection := DecodeEvent(RulesVersion1, signed); rejection == nil || decoded != nil {
				t.Fatalf("event %d: %d of %d bytes are accepted", body, n, len(event))
			}
		}
		for b := range 256 {
			signed.Event = append(slices.Clone(event), byte(b))
			if _, rejection := DecodeEvent(RulesVersion1, signed); rejection == nil {
				t.Fatalf("event %d: accepted with a byte %d behind it", body, b)
			}
		}
	}
}

// TestUnknownNumbers tries every field number up to 2,000 and the ends of the
// range in every message.
func TestUnknownNumbers(t *testing.T) {
	numbers := []protowire.Number{protowire.MaxValidNumber, protowire.MaxValidNumber - 1, 19_000, 1 << 20}
	for n := protowire.Number(1); n <= 2000; n++ {
		numbers = append(numbers, n)
	}
	for _, number := range numbers {
		if eventV1.field(number) != nil {
			continue
		}
		event := full(43)
		event = append(event, &node{number: number, wireType: protowire.VarintType, value: 1})
		want := UnknownField
		if number >= 16 && number <= 63 {
			want = UnknownEventType
		}
		if _, rejection := decodeNodes(event); rejection == nil || rejection.Reason != want || rejection.Field != "" {
			t.Errorf("field %d: expected %s, got %v", number, want, rejection)
		}
	}
	event := append(full(43), &node{tag: protowire.AppendVarint(nil, (1<<29)<<3), wireType: protowire.VarintType})
	if _, rejection := decodeNodes(event); rejection == nil || rejection.Reason != Malformed {
		t.Errorf("field 2^29: %v", rejection)
	}
}

// TestOneBody: none, and every pair of two.
func TestOneBody(t *testing.T) {
	if _, rejection := decodeNodes(full(0)); rejection == nil || rejection.Reason != MissingField {
		t.Errorf("no body: %v", rejection)
	}
	for _, one := range bodies() {
		for _, other := range bodies() {
			if other <= one {
				continue
			}
			event := append(full(one), sample(eventV1.field(other))...)
			_, rejection := decodeNodes(event)
			if rejection == nil || rejection.Reason != RepeatedField || rejection.Field != eventV1.field(other).name {
				t.Errorf("bodies %d and %d: %v", one, other, rejection)
			}
		}
	}
}

// TestRepeatedLimits writes every repeated field as often as is permitted, and
// once more.
func TestRepeatedLimits(t *testing.T) {
	for _, body := range bodies() {
		walk(body, func(path string, _ *[]*node, siblings *[]*node, at int, table *message) {
			f := (*siblings)[at].field
			if f.repeated == 0 {
				return
			}
			var nodes []*node
			for range f.repeated {
				nodes = append(nodes, sample(f)...)
			}
			one := (&message{name: "one", fields: []field{*f}}).index()
			if rejection := one.check(encodeAll(nodes)); rejection != nil {
				t.Errorf("%s %d times: %v", path, f.repeated, rejection)
			}
			nodes = append(nodes, sample(f)...)
			if rejection := one.check(encodeAll(nodes)); rejection == nil || rejection.Reason != TooLarge || rejection.Field != f.name {
				t.Errorf("%s %d times: %v", path, f.repeated+1, rejection)
			}
		})
	}
}

func TestCharacters(t *testing.T) {
	for _, c := range []struct {
		alphabet func(rune) bool
		name     string
		good     string
		bad      []rune
	}{
		{identifier, "word", "ABCXYZabcxyz0189 -+./()", []rune{'_', ',', '@', '\'', '"', 'é', 'ß', '<', '\\', 0, '\t', 0x7f, 0xa0}},
		{upperLetter, "country", "AZ", []rune{'a', 'z', '0', ' ', 'Ä', '@', '['}},
		{upperOrDigit, "code", "AZ09", []rune{'a', ' ', '-', 'Ä', 0, '_'}},
		{latinName, "name", "Az09 é ß ñ Š ž Ş ț ạ ỹ &',-", []rune{0, '\n', '"', '<', 0xa0, 0xad, 0xd7, 0xf7, 'ĳ', 'ŉ', 'ſ', 0x301, 'а', 'Α', '中', 'ا', 0x200b, 0x202e, 0xff21, '𝐀'}},
		{properName, "opened value", "Aé ß 中 ا 𠮷 '!()\"&-\u0301", []rune{
			0, '\t', '\n', 0x1f, 0x7f, 0x80, 0x9f, 0xad, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0x206f,
			0xe000, 0xf8ff, 0xfeff, 0xfff9, 0xfffd, 0xffff, 0x1d173, 0x1fffe, 0x2ffff, 0xe0001, 0xe0020, 0xf0000, 0x10ffff,
		}},
	} {
		for _, r := range c.good {
			if !c.alphabet(r) {
				t.Errorf("%s: %U %q is refused", c.name, r, r)
			}
		}
		for _, r := range c.bad {
			if c.alphabet(r) {
				t.Errorf("%s: %U is accepted", c.name, r)
			}
		}
	}
}

// TestBeyondForm checks what DecodeEvent demands of an event whose form holds.
func TestBeyondForm(t *testing.T) {
	signers := func(keys ...[]byte) []*node {
		event := full(20)
		at := slices.IndexFunc(event, func(n *node) bool { return n.number == 3 })
		var nodes []*node
		for _, key := range keys {
			n := event[at].clone()
			n.bytes = key
			nodes = append(nodes, n)
		}
		return slices.Replace(event, at, at+1, nodes...)
	}
	var keys []sign.PublicKey
	for i := range SignersMax + 1 {
		keys = append(keys, testKey(fmt.Sprint("key ", i)).Public())
	}
	slices.SortFunc(keys, func(a, b sign.PublicKey) int { return a.ID().Compare(b.ID()) })
	var wires [][]byte
	for _, key := range keys {
		wires = append(wires, key.Bytes())
	}
	group := func(position, count uint64) []*node {
		event := full(20)
		at := slices.IndexFunc(event, func(n *node) bool { return n.number == 7 })
		event[at].children[1].value, event[at].children[2].value = position, count
		if position == 0 {
			event[at].children = slices.Delete(event[at].children, 1, 2)
		}
		return event
	}
	commitments := func(fields ...uint64) []*node {
		event := full(20)
		at := slices.IndexFunc(event, func(n *node) bool { return n.number == 8 })
		var nodes []*node
		for _, f := range fields {
			n := event[at].clone()
			n.children[0].value = f
			nodes = append(nodes, n)
		}
		return slices.Replace(event, at, at+1, nodes...)
	}
	for _, c := range []struct {
		name   string
		event  []*node
		reason Reason
		field  string
	}{
		{"8 signers", signers(wires[:8]...), "", ""},
		{"9 signers", signers(wires...), TooLarge, "signers"},
		{"signers descending", signers(wires[1], wires[0]), NonCanonical, "signers"},
		{"a signer twice", signers(wires[0], wires[0]), NonCanonical, "signers"},
		{"key kind 0", signers(append([]byte{0}, wires[0][1:]...)), BadKey, "signers"},
		{"key kind 2, reserved", signers(append([]byte{2}, make([]byte, 33)...)), BadKey, "signers"},
		{"key kind 3", signers(append([]byte{3}, wires[0][1:]...)), BadKey, "signers"},
		{"key one byte short", signers(wires[0][:32]), BadKey, "signers"},
		{"key one byte long", signers(append(slices.Clone(wires[0]), 0)), BadKey, "signers"},
		{"group of 1", group(0, 1), InvalidField, "group.count"},
		{"group of 2", group(0, 2), "", ""},
		{"last of 2", group(1, 2), "", ""},
		{"position 2 of 2", group(2, 2), InvalidField, "group.position"},
		{"last of 1000", group(999, 1000), "", ""},
		{"group of 1001", group(0, 1001), InvalidField, "group.count"},
		{"all commitments", commitments(1, 2, 3, 4, 5, 6), "", ""},
		{"commitments descending", commitments(2, 1), NonCanonical, "commitments"},
		{"a commitment twice", commitments(2, 2), NonCanonical, "commitments"},
	} {
		decoded, rejection := decodeNodes(c.event)
		if c.reason == "" {
			if rejection != nil {
				t.Errorf("%s: %v", c.name, rejection)
			}
			continue
		}
		if decoded != nil || rejection == nil || rejection.Reason != c.reason || rejection.Field != c.field {
			t.Errorf("%s: expected %s at %s, got %v", c.name, c.reason, c.field, rejection)
		}
	}
}

func TestSignatureForm(t *testing.T) {
	event := encodeAll(full(20))
	for _, c := range []struct {
		name       string
		signatures [][]byte
		reason     Reason
	}{
		{"none", nil, WrongSigners},
		{"two", [][]byte{make([]byte, 64), make([]byte, 64)}, WrongSigners},
		{"63 bytes", [][]byte{make([]byte, 63)}, BadSignature},
		{"65 bytes", [][]byte{make([]byte, 65)}, BadSignature},
		{"empty", [][]byte{nil}, BadSignature},
	} {
		_, rejection := DecodeEvent(RulesVersion1, SignedEvent{Event: event, Signatures: c.signatures})
		if rejection == nil || rejection.Reason != c.reason || rejection.Field != "signatures" {
			t.Errorf("%s: %v", c.name, rejection)
		}
	}
}

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
