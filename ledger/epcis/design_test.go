package epcis

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// DESIGN.md prints the table of mappings as it is.
func TestDesignPrintsTheTable(t *testing.T) {
	b, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| body | when | type | action | bizStep | disposition |\n|---|---|---|---|---|---|\n")
	for _, m := range Mappings {
		fmt.Fprintf(&want, "| %s | %s | %s | %s | %s | %s |\n", m.Body, m.When, m.Type, m.Action, m.BizStep, m.Disposition)
	}
	if !strings.Contains(string(b), "\n"+want.String()+"\n") {
		t.Errorf("DESIGN.md does not hold this table:\n%s", want.String())
	}
}

// Every body of event.proto, every process and every incident has a row, and rows
// name nothing else.
func TestTableNamesEveryBody(t *testing.T) {
	bodies := map[string]bool{}
	fields := (&custodyv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for n := range fields.Len() {
		name := string(fields.Get(n).Message().Name())
		var values protoreflect.EnumValueDescriptors
		switch name {
		case "Transform":
			values = custodyv1.Process(0).Descriptor().Values()
		case "Incident":
			values = custodyv1.IncidentKind(0).Descriptor().Values()
		default:
			bodies[name] = true
			continue
		}
		for v := 1; v < values.Len(); v++ {
			bodies[name+" "+enumName(values.Get(v).Parent().(protoreflect.EnumDescriptor), values.Get(v).Number())] = true
		}
	}
	named := map[string]bool{}
	for _, m := range Mappings {
		words := strings.Fields(m.Body)
		if len(words) == 1 {
			named[m.Body] = true
		}
		for _, kind := range words[1:] {
			named[words[0]+" "+kind] = true
		}
	}
	for body := range bodies {
		if !named[body] {
			t.Errorf("%s has no row", body)
		}
	}
	for body := range named {
		if !bodies[body] {
			t.Errorf("%s has a row and is no body", body)
		}
	}
}

// Every field of the bodies that are exported can be rendered, and none twice
// under one name: nothing that an event says is lost.
func TestEveryFieldIsRendered(t *testing.T) {
	fields := (&custodyv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for n := range fields.Len() {
		of := fields.Get(n).Message()
		if m := row0(string(of.Name())); m != nil && (m.Type == masterData || m.Type == noEvent) {
			continue
		}
		message := (&custodyv1.Event{}).ProtoReflect().NewField(fields.Get(n)).Message()
		fill(message, 0)
		said := render(message.Interface())
		names := map[string]bool{}
		for _, m := range *said {
			if names[m.key] {
				t.Errorf("%s: %s twice", of.Name(), m.key)
			}
			names[m.key] = true
		}
		if len(names) != of.Fields().Len() {
			t.Errorf("%s: %d fields rendered of %d", of.Name(), len(names), of.Fields().Len())
		}
		text, err := marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := EventID(append(append([]byte(`{"type":"ObjectEvent","custody:statement":`), text...), '}'), map[string]string{"custody": Namespace}); err != nil {
			t.Errorf("%s: %v", of.Name(), err)
		}
	}
}

func row0(body string) *Mapping {
	for n := range Mappings {
		if Mappings[n].Body == body {
			return &Mappings[n]
		}
	}
	return nil
}

// fill gives every field of a message a value.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for n := range fields.Len() {
		f := fields.Get(n)
		value := func() protoreflect.Value {
			switch f.Kind() {
			case protoreflect.BytesKind:
				size := 20
				if kind := byteFields[strings.TrimPrefix(string(f.FullName()), "custody.v1.")]; kind == 'e' || kind == 'h' {
					size = 32
				}
				return protoreflect.ValueOfBytes(make([]byte, size))
			case protoreflect.StringKind:
				return protoreflect.ValueOfString("x")
			case protoreflect.Uint32Kind:
				return protoreflect.ValueOfUint32(1)
			case protoreflect.Uint64Kind:
				return protoreflect.ValueOfUint64(1)
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.EnumKind:
				return protoreflect.ValueOfEnum(1)
			}
			panic("kind of " + f.FullName())
		}
		switch {
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			element := m.Mutable(f).List().AppendMutable().Message()
			fill(element, depth+1)
		case f.IsList():
			m.Mutable(f).List().Append(value())
		case f.Kind() == protoreflect.MessageKind:
			fill(m.Mutable(f).Message(), depth+1)
		default:
			m.Set(f, value())
		}
	}
}

// Extension values never look like numbers or times to a hash, nor like bare words
// of CBV, which readers might replace.
func TestExtensionsAreUnambiguous(t *testing.T) {
	w := newWorld(t)
	w.all()
	bare := append(words("BizStep"), words("Disp")...)
	for e := range OfRange(w.graph(), 0, w.index+1).Events {
		for _, o := range append([]*object{e.Statement, e.ILMD, e.Group}, e.Goods...) {
			visit(o, func(key string, value any) {
				text, ok := value.(string)
				if !ok {
					return
				}
				if plainDecimal(text) && decimalText(text) != text || strings.ContainsAny(text, "eE") && decimalText(text) != text {
					t.Errorf("entry %d: %s: %q reads as a number", e.Entry, key, text)
				}
				for _, word := range bare {
					if text == word {
						t.Errorf("entry %d: %s: %q is a word of CBV", e.Entry, key, text)
					}
				}
			})
		}
	}
}

func visit(o *object, see func(string, any)) {
	if o == nil {
		return
	}
	for _, m := range *o {
		switch v := m.value.(type) {
		case *object:
			visit(v, see)
		case []*object:
			for _, inner := range v {
				visit(inner, see)
			}
		case []any:
			for _, inner := range v {
				if object, ok := inner.(*object); ok {
					visit(object, see)
				} else {
					see(m.key, inner)
				}
			}
		default:
			see(m.key, v)
		}
	}
}
