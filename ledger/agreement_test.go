package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// TestTableAgreesWithProto holds the table of rules version 1 against the
// generated descriptors, in both directions.
func TestTableAgreesWithProto(t *testing.T) {
	agree(t, "Event", eventV1, (&custodyv1.Event{}).ProtoReflect().Descriptor())
}

func agree(t *testing.T, path string, table *message, descriptor protoreflect.MessageDescriptor) {
	t.Helper()
	if string(descriptor.Name()) != table.name {
		t.Errorf("%s: the table says %s, the proto %s", path, table.name, descriptor.Name())
	}
	if len(table.fields) != descriptor.Fields().Len() {
		t.Errorf("%s: the table has %d fields, the proto %d", path, len(table.fields), descriptor.Fields().Len())
	}
	for i := range table.fields {
		f := &table.fields[i]
		if i > 0 && table.fields[i-1].number >= f.number {
			t.Errorf("%s.%s: the table is not in ascending order", path, f.name)
		}
		d := descriptor.Fields().ByNumber(f.number)
		if d == nil || string(d.Name()) != f.name {
			t.Errorf("%s.%s: field %d of the proto is %v", path, f.name, f.number, d)
			continue
		}
		agreeField(t, path+"."+f.name, f, d)
		inChoice := f.number >= table.choiceFirst && f.number <= table.choiceLast
		if one := d.ContainingOneof(); (one != nil && !one.IsSynthetic()) != inChoice {
			t.Errorf("%s.%s: the table and the proto disagree on what a body is", path, f.name)
		}
	}
}

func agreeField(t *testing.T, path string, f *field, d protoreflect.FieldDescriptor) {
	t.Helper()
	if (f.repeated > 0) != d.IsList() {
		t.Errorf("%s: repeated up to %d, the proto says %v", path, f.repeated, d.Cardinality())
	}
	if d.HasOptionalKeyword() || d.IsMap() {
		t.Errorf("%s: optional fields and maps have no row", path)
	}
	switch f.shape {
	case shapeUint:
		wide := d.Kind() == protoreflect.Uint64Kind
		if !wide && d.Kind() != protoreflect.Uint32Kind || !wide && f.max > 1<<32-1 || f.max == 0 {
			t.Errorf("%s: a number up to %d, the proto says %v", path, f.max, d.Kind())
		}
	case shapeBool:
		if d.Kind() != protoreflect.BoolKind {
			t.Errorf("%s: a flag, the proto says %v", path, d.Kind())
		}
	case shapeEnum:
		agreeEnum(t, path, f, d)
	case shapeBytes:
		if d.Kind() != protoreflect.BytesKind || f.size == 0 && f.max == 0 {
			t.Errorf("%s: bytes, the proto says %v", path, d.Kind())
		}
	case shapeString:
		if d.Kind() != protoreflect.StringKind || f.alphabet == nil || f.size == 0 && f.max == 0 {
			t.Errorf("%s: a string, the proto says %v", path, d.Kind())
		}
	case shapeMessage:
		if d.Kind() != protoreflect.MessageKind {
			t.Errorf("%s: a message, the proto says %v", path, d.Kind())
			return
		}
		agree(t, path, f.message, d.Message())
	}
}

// agreeEnum demands that the table permits exactly the values that have a name.
func agreeEnum(t *testing.T, path string, f *field, d protoreflect.FieldDescriptor) {
	t.Helper()
	if d.Kind() != protoreflect.EnumKind {
		t.Errorf("%s: a choice, the proto says %v", path, d.Kind())
		return
	}
	values := d.Enum().Values()
	if uint64(values.Len()) != f.max+1 {
		t.Errorf("%s: values up to %d, the proto has %d", path, f.max, values.Len())
	}
	for n := range protoreflect.EnumNumber(f.max + 1) {
		if values.ByNumber(n) == nil {
			t.Errorf("%s: value %d has no name", path, n)
		}
	}
}

// twin accepts what the walker must accept, by other means: the library decodes
// and encodes again, and the decoded message is looked at through reflection.
func twin(event []byte) bool {
	var message custodyv1.Event
	if proto.Unmarshal(event, &message) != nil {
		return false
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&message)
	return err == nil && bytes.Equal(event, again) && twinMessage(eventV1, message.ProtoReflect())
}

func twinMessage(table *message, m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return false
	}
	set, body := 0, false
	for i := range table.fields {
		f := &table.fields[i]
		d := m.Descriptor().Fields().ByNumber(f.number)
		if !m.Has(d) {
			if f.required {
				return false
			}
			continue
		}
		set++
		body = body || f.number >= table.choiceFirst && f.number <= table.choiceLast
		if !d.IsList() {
			if !twinValue(f, m.Get(d)) {
				return false
			}
			continue
		}
		list := m.Get(d).List()
		if list.Len() > f.repeated {
			return false
		}
		for k := range list.Len() {
			if !twinValue(f, list.Get(k)) {
				return false
			}
		}
	}
	return set > 0 && (table.choiceFirst == 0 || body)
}

func twinValue(f *field, v protoreflect.Value) bool {
	switch f.shape {
	case shapeUint:
		return v.Uint() > 0 && v.Uint() <= f.max
	case shapeEnum:
		return v.Enum() > 0 && uint64(v.Enum()) <= f.max
	case shapeBool:
		return v.Bool()
	case shapeMessage:
		return twinMessage(f.message, v.Message())
	}
	var value []byte
	if f.shape == shapeString {
		value = []byte(v.String())
	} else {
		value = v.Bytes()
	}
	if len(value) == 0 || f.size > 0 && len(value) != f.size || f.size == 0 && len(value) > int(f.max) {
		return false
	}
	if f.shape == shapeBytes {
		return f.first == 0 || value[0] == f.first
	}
	for _, word := range strings.Split(string(value), " ") {
		if word == "" || f.words != "" && !slices.Contains(strings.Fields(f.words), word) {
			return false
		}
	}
	for _, r := range string(value) {
		if !f.alphabet(r) {
			return false
		}
	}
	return true
}

// TestTwin compares the walker with its twin on everything that the tests of
// single changes build, and on every single bit of every event type.
func TestTwin(t *testing.T) {
	compare := func(event []byte) {
		t.Helper()
		rejection := eventV1.check(event)
		if want := twin(event); want != (rejection == nil) {
			t.Fatalf("%x: the twin says %v, the walker %v", event, want, rejection)
		}
	}
	for _, body := range bodies() {
		for _, c := range changes {
			walk(body, func(_ string, event *[]*node, siblings *[]*node, at int, _ *message) {
				if c.where((*siblings)[at].field) {
					c.apply(siblings, at)
					compare(encodeAll(*event))
				}
			})
		}
		event := encodeAll(full(body))
		for bit := range 8 * len(event) {
			event[bit/8] ^= 1 << (bit % 8)
			compare(event)
			event[bit/8] ^= 1 << (bit % 8)
		}
	}
}
