package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// saying writes everything that an event says, a field a line, with ids as people
// write them: nobody can compare base64 with a party id before signing it. What the
// envelope has for machines only, signers and nonce, is left out.
func saying(w io.Writer, event *custodyv1.Event) {
	said := event.ProtoReflect()
	saidFields(w, said, "  ", func(f protoreflect.FieldDescriptor) bool {
		return f.Name() != "signers" && f.Name() != "nonce" && f.ContainingOneof() == nil
	})
	if body := said.WhichOneof(said.Descriptor().Oneofs().ByName("body")); body != nil {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(string(body.Name()), "_", " "))
		saidFields(w, said.Get(body).Message(), "    ", func(protoreflect.FieldDescriptor) bool { return true })
	}
}

// saidFields writes the fields of a message that are there, in the order of their
// numbers.
func saidFields(w io.Writer, m protoreflect.Message, indent string, shown func(protoreflect.FieldDescriptor) bool) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) || !shown(f) {
			continue
		}
		if !f.IsList() {
			saidValue(w, f, m.Get(f), indent)
			continue
		}
		for n, list := 0, m.Get(f).List(); n < list.Len(); n++ {
			saidValue(w, f, list.Get(n), indent)
		}
	}
}

func saidValue(w io.Writer, f protoreflect.FieldDescriptor, v protoreflect.Value, indent string) {
	name := strings.ReplaceAll(strings.TrimSuffix(string(f.Name()), "_ms"), "_", " ")
	text := ""
	switch f.Kind() {
	case protoreflect.MessageKind:
		fmt.Fprintf(w, "%s%s\n", indent, name)
		saidFields(w, v.Message(), indent+"  ", func(protoreflect.FieldDescriptor) bool { return true })
		return
	case protoreflect.EnumKind:
		text = words.OfNumber(f.Enum(), v.Enum())
	case protoreflect.BytesKind:
		text = idText(f.Name(), v.Bytes())
	case protoreflect.Uint64Kind:
		if text = v.String(); strings.HasSuffix(string(f.Name()), "_ms") {
			text = words.Time(v.Uint())
		}
	default:
		text = v.String()
	}
	fmt.Fprintf(w, "%s%-14s %s\n", indent, name, text)
}

// idText writes bytes as the id that they are: of 20 bytes an item's or a party's,
// else hexadecimal.
func idText(field protoreflect.Name, b []byte) string {
	switch {
	case len(b) == len(ledger.ItemID{}) && field == "item":
		return ledger.ItemID(b).String()
	case len(b) == len(ledger.PartyID{}):
		return ledger.PartyID(b).String()
	}
	return hex.EncodeToString(b)
}
