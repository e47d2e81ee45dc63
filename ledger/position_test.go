package ledger_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
)

func somePointer() ledger.Pointer {
	return ledger.Pointer{
		Cluster:            [32]byte{1, 2, 3},
		Index:              9,
		Term:               4,
		Size:               1200,
		Root:               [32]byte{7},
		ConfigurationIndex: 3,
		Configuration:      []byte("members"),
		FinalNote:          []byte("note"),
	}
}

func TestPositionRoundTrip(t *testing.T) {
	want := ledger.Position{Cluster: [32]byte{9}, Index: 1 << 40, Term: 3}
	b, err := want.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ledger.ParsePosition(b)
	if err != nil || got != want {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(bytes.Clone(b), 0), append([]byte{2}, b[1:]...)} {
		if _, err := ledger.ParsePosition(bad); err == nil {
			t.Errorf("accepted %x", bad)
		}
	}
}

func TestPointerRoundTrip(t *testing.T) {
	want := somePointer()
	b, err := want.AppendBinary([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ledger.ParsePointer(b[len("before"):])
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got.Position() != (ledger.Position{Cluster: want.Cluster, Index: 9, Term: 4}) {
		t.Errorf("position %v", got.Position())
	}
}

func TestPointerLimits(t *testing.T) {
	atLimit := somePointer()
	atLimit.Configuration = make([]byte, ledger.PointerConfigurationBytesMax)
	atLimit.FinalNote = make([]byte, ledger.PointerFinalNoteBytesMax)
	b, err := atLimit.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.ParsePointer(b); err != nil {
		t.Fatal(err)
	}

	refused := map[string]func(*ledger.Pointer){
		"configuration past the limit": func(p *ledger.Pointer) { p.Configuration = append(p.Configuration, 0) },
		"note past the limit":          func(p *ledger.Pointer) { p.FinalNote = append(p.FinalNote, 0) },
		"no configuration":             func(p *ledger.Pointer) { p.Configuration = nil },
		"configuration from later":     func(p *ledger.Pointer) { p.ConfigurationIndex = p.Index + 1 },
		"no configuration index":       func(p *ledger.Pointer) { p.ConfigurationIndex = 0 },
		"no index":                     func(p *ledger.Pointer) { p.Index = 0 },
		"no term":                      func(p *ledger.Pointer) { p.Term = 0 },
		"empty ledger":                 func(p *ledger.Pointer) { p.Size = 0 },
	}
	for name, change := range refused {
		p := atLimit
		p.Configuration = bytes.Clone(atLimit.Configuration)
		p.FinalNote = bytes.Clone(atLimit.FinalNote)
		change(&p)
		if _, err := p.AppendBinary(nil); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func TestPointerRefusesEveryCutAndAnyTail(t *testing.T) {
	p := somePointer()
	b, err := p.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := ledger.ParsePointer(b[:n]); err == nil {
			t.Errorf("accepted the first %d of %d bytes", n, len(b))
		}
	}
	if _, err := ledger.ParsePointer(append(bytes.Clone(b), 0)); err == nil {
		t.Error("accepted a trailing byte")
	}
	if _, err := ledger.ParsePointer(append([]byte{2}, b[1:]...)); err == nil {
		t.Error("accepted another version")
	}
}

func FuzzParsePointer(f *testing.F) {
	p := somePointer()
	b, _ := p.AppendBinary(nil)
	f.Add(b)
	f.Add(b[:40])
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ledger.ParsePointer(in)
		if err != nil {
			return
		}
		out, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatalf("parsed but does not encode: %v", err)
		}
		if !bytes.Equal(in, out) {
			t.Fatalf("two encodings of one pointer:\n%x\n%x", in, out)
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	b, _ := ledger.Position{Index: 1}.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ledger.ParsePosition(in)
		if err != nil {
			return
		}
		if out, _ := p.AppendBinary(nil); !bytes.Equal(in, out) {
			t.Fatalf("two encodings of one position:\n%x\n%x", in, out)
		}
	})
}
