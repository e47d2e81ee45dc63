package epcis

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/world.jsonld anew")

func encoded(t testing.TB, d *Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatalf("not JSON:\n%s", b.Bytes())
	}
	return b.Bytes()
}

// The whole made-up world as it is exported: a change is looked at and wanted.
func TestWorldStaysAsItIs(t *testing.T) {
	w := newWorld(t)
	w.all()
	got := encoded(t, OfRange(w.graph(), 0, w.index+1))
	const path = "testdata/world.jsonld"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		a, b := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
		for n := range min(len(a), len(b)) {
			if a[n] != b[n] {
				t.Fatalf("line %d differs; -update writes it anew:\n got %s\nwant %s", n+1, a[n], b[n])
			}
		}
		t.Fatalf("%d lines, want %d", len(a), len(b))
	}
}

// Every row of the table comes out of the world, and nothing else does.
func TestEveryRowOccurs(t *testing.T) {
	w := newWorld(t)
	w.all()
	type shape struct{ body, kind, action, step, disposition string }
	rows := map[shape]bool{}
	for _, m := range Mappings {
		if strings.HasSuffix(m.Type, "Event") {
			rows[shape{m.Body, m.Type, m.Action, m.BizStep, m.Disposition}] = false
		}
	}
	declared := 0
	for e := range OfRange(w.graph(), 0, w.index+1).Events {
		s := shape{rowName(e.Body), e.Type, e.Action, e.BizStep, e.Disposition}
		if _, ok := rows[s]; !ok {
			t.Errorf("entry %d gives %+v, which the table does not have", e.Entry, s)
		}
		rows[s] = true
		if e.ErrorDeclaration != nil {
			declared++
		}
	}
	for s, seen := range rows {
		if !seen {
			t.Errorf("row %+v does not occur in the world", s)
		}
	}
	if declared != 5 {
		t.Errorf("%d error declarations, expected 5", declared)
	}
}
