package epcis

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type foreignDocument struct {
	Context []json.RawMessage `json:"@context"`
	Body    struct {
		Events []json.RawMessage `json:"eventList"`
	} `json:"epcisBody"`
}

func (d *foreignDocument) namespaces(t testing.TB) map[string]string {
	t.Helper()
	spaces := map[string]string{}
	for _, raw := range d.Context {
		var context map[string]string
		if json.Unmarshal(raw, &context) == nil {
			maps.Copy(spaces, context)
		}
	}
	return spaces
}

func readForeign(t testing.TB, path string) *foreignDocument {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := &foreignDocument{}
	if err := json.Unmarshal(b, d); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return d
}

func lines(t testing.TB, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// The vectors are those of the reference implementation of the event hash.
func TestEventIDVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/event-hash/*.jsonld")
	if err != nil || len(files) != 9 {
		t.Fatalf("%d vector files (%v), expected 9", len(files), err)
	}
	compared := 0
	for _, file := range files {
		name := strings.TrimSuffix(file, ".jsonld")
		document := readForeign(t, file)
		hashes, prehashes := lines(t, name+".hashes"), lines(t, name+".prehashes")
		if len(hashes) != len(document.Body.Events) {
			t.Fatalf("%s: %d hashes for %d events", file, len(hashes), len(document.Body.Events))
		}
		for n, event := range document.Body.Events {
			if strings.HasSuffix(name, "custom-extensions") && n == 0 {
				continue // see SOURCE.txt
			}
			text, err := preHash(event, document.namespaces(t))
			if err != nil {
				t.Errorf("%s, event %d: %v", file, n, err)
				continue
			}
			if prehashes != nil && text != prehashes[n] {
				t.Errorf("%s, event %d:\n got %s\nwant %s", file, n, text, prehashes[n])
			}
			if id, _ := EventID(event, document.namespaces(t)); id != hashes[n] {
				t.Errorf("%s, event %d: %s, want %s, of\n%s", file, n, id, hashes[n], text)
			}
			compared++
		}
	}
	if compared != 24 {
		t.Errorf("%d events compared, expected 24", compared)
	}
}
