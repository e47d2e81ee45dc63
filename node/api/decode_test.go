package api

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// requests lists every request of the two services.
func requests(tb testing.TB) []protoreflect.MessageType {
	tb.Helper()
	var types []protoreflect.MessageType
	for _, file := range []protoreflect.FileDescriptor{custodyv1.File_custody_v1_ledger_proto, custodyv1.File_custody_v1_audit_proto} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				message, err := protoregistry.GlobalTypes.FindMessageByName(methods.Get(j).Input().FullName())
				if err != nil {
					tb.Fatal(err)
				}
				types = append(types, message)
			}
		}
	}
	return types
}

// full fills every field of a message, the first of each oneof.
func full(message protoreflect.Message, depth int) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if oneof := field.ContainingOneof(); oneof != nil && oneof.Fields().Get(0) != field {
			continue
		}
		var value protoreflect.Value
		switch field.Kind() {
		case protoreflect.MessageKind:
			inner := message.NewField(field)
			if field.IsList() {
				inner = inner.List().NewElement()
			}
			full(inner.Message(), depth+1)
			value = inner
		case protoreflect.BytesKind:
			value = protoreflect.ValueOfBytes([]byte("01234567890123456789"))
		case protoreflect.StringKind:
			value = protoreflect.ValueOfString("text")
		case protoreflect.EnumKind:
			value = protoreflect.ValueOfEnum(1)
		case protoreflect.BoolKind:
			value = protoreflect.ValueOfBool(true)
		case protoreflect.Uint32Kind:
			value = protoreflect.ValueOfUint32(1)
		default:
			value = protoreflect.ValueOfUint64(1)
		}
		if field.IsList() {
			list := message.Mutable(field).List()
			list.Append(value)
			list.Append(value)
			continue
		}
		message.Set(field, value)
	}
}

func encoded(tb testing.TB, message proto.Message) []byte {
	tb.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestDecodeTakesWhatClientsEncode(t *testing.T) {
	for _, message := range requests(t) {
		request := message.New()
		full(request, 0)
		for _, in := range []proto.Message{request.Interface(), message.New().Interface()} {
			out := message.New().Interface()
			if f := decode(encoded(t, in), out); f != nil {
				t.Errorf("%s: %v", message.Descriptor().Name(), f)
			}
			if !proto.Equal(in, out) {
				t.Errorf("%s: %v was decoded as %v", message.Descriptor().Name(), in, out)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	event := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("event"))
	inAppend := func(inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
	}
	tests := []struct {
		name   string
		bytes  []byte
		into   proto.Message
		reason ledger.Reason
		field  string
	}{
		{"not protobuf", []byte{0xff}, &custodyv1.AppendRequest{}, ledger.Malformed, ""},
		{"field number 0", []byte{0x02, 0x00}, &custodyv1.AppendRequest{}, ledger.Malformed, ""},
		{"cut short", inAppend(event)[:5], &custodyv1.AppendRequest{}, ledger.Malformed, "event"},
		{"unknown field", protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1), &custodyv1.AppendRequest{}, ledger.UnknownField, ""},
		{"unknown field inside", inAppend(protowire.AppendVarint(protowire.AppendTag(event, 99, protowire.VarintType), 1)), &custodyv1.AppendRequest{}, ledger.UnknownField, "event"},
		{"unknown field in a status request", []byte{0x08, 0x01}, &custodyv1.GetStatusRequest{}, ledger.UnknownField, ""},
		{"field twice", append(inAppend(event), inAppend(event)...), &custodyv1.AppendRequest{}, ledger.RepeatedField, "event"},
		{"field twice inside", inAppend(append(event, event...)), &custodyv1.AppendRequest{}, ledger.RepeatedField, "event.event"},
		{"both of a choice", append(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("a")), protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte("b"))...), &custodyv1.ListItemsRequest{}, ledger.RepeatedField, "owner"},
		{"wrong wire type", protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1), &custodyv1.AppendRequest{}, ledger.Malformed, "event"},
		{"group wire type", []byte{0x0b, 0x0c}, &custodyv1.AppendRequest{}, ledger.Malformed, "event"},
		{"endless varint", []byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, &custodyv1.EntriesRequest{}, ledger.Malformed, "from"},
		{"not UTF-8", protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), append(protowire.AppendTag(nil, 3, protowire.BytesType), 1, 0xff)), &custodyv1.ListItemsRequest{}, ledger.InvalidField, "outside_id.number"},
	}
	for _, test := range tests {
		f := decode(test.bytes, test.into)
		if f == nil || f.reason != test.reason || f.field != test.field {
			t.Errorf("%s: %+v, want %s at %q", test.name, f, test.reason, test.field)
		}
	}
}

func TestDecodeNesting(t *testing.T) {
	// No message of the services nests deeper, so the limit is met with one that
	// nests in itself.
	deep := func(levels int) []byte {
		var b []byte
		for range levels {
			b = protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), b)
		}
		return b
	}
	d := (&descriptorpb.DescriptorProto{}).ProtoReflect().Descriptor() // nested_type = 3
	if f := checkWire(deep(nestingMax), d, "", 0); f != nil {
		t.Errorf("at the limit: %v", f)
	}
	if f := checkWire(deep(nestingMax+1), d, "", 0); f == nil || f.reason != ledger.Malformed || !strings.Contains(f.message, "deep") {
		t.Errorf("one past the limit: %v", f)
	}
}

func FuzzDecode(f *testing.F) {
	types := requests(f)
	for i, message := range types {
		request := message.New()
		full(request, 0)
		f.Add(uint8(i), encoded(f, request.Interface()))
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		message := types[int(which)%len(types)].New().Interface()
		fault := decode(b, message)
		if fault != nil {
			if forbidden[fault.code] || fault.reason == "" || len(fault.message) > messageBytesMax {
				t.Fatalf("%+v", fault)
			}
			return
		}
		if len(message.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("an unknown field was taken: %x", b)
		}
		again := message.ProtoReflect().New().Interface()
		if fault := decode(encoded(t, message), again); fault != nil || !proto.Equal(message, again) {
			t.Fatalf("%x was taken, its own encoding is not: %v", b, fault)
		}
	})
}
