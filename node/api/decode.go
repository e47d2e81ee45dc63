package api

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// nestingMax is how deep messages of a request may stand in each other; the
// deepest of custody.v1 is 3.
const nestingMax = 8

// decode reads a request strictly: no field that this version does not know,
// none twice that stands once, every one of its wire type. A field that is
// skipped in silence could have been the one that mattered to its sender.
func decode(b []byte, into proto.Message) *fault {
	message := into.ProtoReflect()
	if f := checkWire(b, message.Descriptor(), "", 0); f != nil {
		return f
	}
	if err := proto.Unmarshal(b, into); err != nil {
		return malformed("", "the request cannot be decoded as "+string(message.Descriptor().Name()))
	}
	return nil
}

func malformed(field, what string) *fault {
	return invalid(ledger.Malformed, field, what+"; send a protobuf message of custody.v1")
}

// checkWire walks the wire bytes of one message.
func checkWire(b []byte, d protoreflect.MessageDescriptor, path string, depth int) *fault {
	if depth > nestingMax {
		return malformed(path, "messages stand too deep in each other")
	}
	seen := map[protoreflect.FieldNumber]bool{}
	size := len(b)
	for len(b) > 0 {
		offset := size - len(b)
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 {
			return malformed(path, fmt.Sprintf("no field begins at byte %d of %s", offset, d.Name()))
		}
		field := d.Fields().ByNumber(number)
		if field == nil {
			return invalid(ledger.UnknownField, path, fmt.Sprintf("%s has no field %d in this version of the node; leave it out or ask a newer node", d.Name(), number))
		}
		at := join(path, string(field.Name()))
		if f := checkOnce(seen, field, at); f != nil {
			return f
		}
		if wireType != wireTypeOf(field.Kind()) {
			return malformed(at, fmt.Sprintf("wire type %d at byte %d of %s, expected %d", wireType, offset, d.Name(), wireTypeOf(field.Kind())))
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, wireType, b)
		if n < 0 {
			return malformed(at, fmt.Sprintf("the value at byte %d of %s is cut short or not valid", offset, d.Name()))
		}
		if f := checkValue(b[:n], field, at, depth); f != nil {
			return f
		}
		b = b[n:]
	}
	return nil
}

func checkOnce(seen map[protoreflect.FieldNumber]bool, field protoreflect.FieldDescriptor, at string) *fault {
	if field.IsList() {
		return nil
	}
	numbers := []protoreflect.FieldNumber{field.Number()}
	if oneof := field.ContainingOneof(); oneof != nil {
		for i := range oneof.Fields().Len() {
			numbers = append(numbers, oneof.Fields().Get(i).Number())
		}
	}
	for _, number := range numbers {
		if seen[number] {
			return invalid(ledger.RepeatedField, at, "the field, or another one of which only one may stand, stands already")
		}
	}
	seen[field.Number()] = true
	return nil
}

func checkValue(value []byte, field protoreflect.FieldDescriptor, at string, depth int) *fault {
	switch field.Kind() {
	case protoreflect.MessageKind:
		inner, _ := protowire.ConsumeBytes(value)
		return checkWire(inner, field.Message(), at, depth+1)
	case protoreflect.StringKind:
		if inner, _ := protowire.ConsumeBytes(value); !utf8.Valid(inner) {
			return invalid(ledger.InvalidField, at, "the text is not UTF-8")
		}
	}
	return nil
}

// wireTypeOf gives the wire type of the kinds that requests of custody.v1,
// health checks and reflection use.
func wireTypeOf(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.BytesKind, protoreflect.StringKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fixed demands a byte field of an exact length.
func fixed(value []byte, size int, field, what string) *fault {
	switch len(value) {
	case size:
		return nil
	case 0:
		return invalid(ledger.MissingField, field, fmt.Sprintf("the field is required: %s, %d bytes", what, size))
	}
	return invalid(client.ReasonInvalidArgument, field, fmt.Sprintf("%s has %d bytes, got %d", what, size, len(value)))
}
