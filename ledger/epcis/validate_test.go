package epcis

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema compiles the JSON Schema of EPCIS 2.0 with formats asserted: without them
// it accepts invented words and extensions without a namespace.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	path := os.Getenv("EPCIS_SCHEMA")
	if path == "" {
		path = "testdata/schema/EPCISDocument.schema.json"
	} else {
		t.Logf("schema from EPCIS_SCHEMA: %s", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(compilePattern)
	if err := c.AddResource("epcis.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("epcis.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pattern is a regular expression of the schema. Go has none that look ahead; the
// schema has two, which refuse what begins in some way.
type pattern struct {
	*regexp.Regexp
	refuses bool
}

func (p pattern) MatchString(s string) bool { return p.Regexp.MatchString(s) != p.refuses }

func compilePattern(text string) (jsonschema.Regexp, error) {
	inner, refuses := strings.CutPrefix(text, "^(?!")
	if refuses {
		text = "^" + strings.TrimSuffix(inner, ")")
	}
	expression, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return pattern{expression, refuses}, nil
}

func world0(t testing.TB) []byte {
	t.Helper()
	w := newWorld(t)
	w.all()
	return encoded(t, OfRange(w.graph(), 0, w.index+1))
}

func TestSchema(t *testing.T) {
	s := schema(t)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(world0(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(document); err != nil {
		t.Fatalf("%#v", err)
	}
}

// Neighbours of valid events that both the schema and the strict check refuse.
func TestInvalidIsRefused(t *testing.T) {
	s := schema(t)
	valid := world0(t)
	event := func(change func(map[string]any)) func(map[string]any) {
		return func(d map[string]any) {
			change(d["epcisBody"].(map[string]any)["eventList"].([]any)[0].(map[string]any))
		}
	}
	set := func(key string, value any) func(map[string]any) {
		return event(func(e map[string]any) { e[key] = value })
	}
	without := func(keys ...string) func(map[string]any) {
		return event(func(e map[string]any) {
			for _, key := range keys {
				delete(e, key)
			}
		})
	}
	tests := map[string]func(map[string]any){
		"no context":                        func(d map[string]any) { delete(d, "@context") },
		"no creation date":                  func(d map[string]any) { delete(d, "creationDate") },
		"an extension without a namespace":  func(d map[string]any) { d["note"] = "x" },
		"no body":                           func(d map[string]any) { delete(d, "epcisBody") },
		"invented step":                     set("bizStep", "transforming"),
		"invented disposition":              set("disposition", "in_transport"),
		"invented action":                   set("action", "CREATE"),
		"a date for a time":                 set("eventTime", "22-07-2026"),
		"a time without an offset":          set("eventTime", "2026-07-22T10:30:00"),
		"Z for an offset":                   set("eventTimeZoneOffset", "Z"),
		"an offset too large":               set("eventTimeZoneOffset", "+14:30"),
		"certification by number":           set("certificationInfo", 42),
		"field without a namespace":         set("owner", "x"),
		"event id that is no URI":           set("eventID", "17"),
		"no action":                         without("action"),
		"no time":                           without("eventTime"),
		"no offset":                         without("eventTimeZoneOffset"),
		"nothing that it is about":          without("epcList", "sensorElementList"),
		"quantity as text":                  set("quantityList", []any{map[string]any{"epcClass": "urn:x:1", "quantity": "1"}}),
		"unknown field of a quantity":       set("quantityList", []any{map[string]any{"epcClass": "urn:x:1", "quantity": 1, "weight": 2}}),
		"unit in words":                     set("quantityList", []any{map[string]any{"epcClass": "urn:x:1", "quantity": 1, "uom": "carat"}}),
		"ilmd without a namespace":          set("ilmd", map[string]any{"materialType": "cotton"}),
		"ilmd of what was only seen":        set("action", "OBSERVE"),
		"place as a kind of source":         set("sourceList", []any{map[string]any{"type": "place", "source": "urn:x:1"}}),
		"source without a kind":             set("sourceList", []any{map[string]any{"source": "urn:x:1"}}),
		"transaction of an invented kind":   set("bizTransactionList", []any{map[string]any{"type": "memo", "bizTransaction": "urn:x:1"}}),
		"error without a time":              set("errorDeclaration", map[string]any{"reason": "did_not_occur"}),
		"error for an invented reason":      set("errorDeclaration", map[string]any{"declarationTime": "2026-07-22T10:30:00Z", "reason": "typo"}),
		"lasting condition that is no word": set("persistentDisposition", map[string]any{"set": []any{"lost"}}),
		"lasting condition without a list":  set("persistentDisposition", map[string]any{}),
		"measured in no way":                set("sensorElementList", []any{map[string]any{"sensorReport": []any{map[string]any{"value": 1}}}}),
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			var d map[string]any
			if err := json.Unmarshal(valid, &d); err != nil {
				t.Fatal(err)
			}
			change(d)
			b, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if s.Validate(document) == nil {
				t.Error("the schema accepts it")
			}
			if len(strict(b)) == 0 {
				t.Error("the strict check accepts it")
			}
		})
	}
}

func TestStrict(t *testing.T) {
	for _, complaint := range strict(world0(t)) {
		t.Error(complaint)
	}
}

// Expanded as JSON-LD nothing is dropped: every field stands for a URI. The
// context is written for this test, of the terms that an export uses with the URIs
// that the published one gives them; EPCIS_CONTEXT takes another.
func TestJSONLD(t *testing.T) {
	path := os.Getenv("EPCIS_CONTEXT")
	if path == "" {
		path = "testdata/context.jsonld"
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	context, err := ld.DocumentFromReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	loader := ld.NewCachingDocumentLoader(refuser{})
	loader.AddDocument(contextURL, context)
	options := ld.NewJsonLdOptions("")
	options.ProcessingMode = ld.JsonLd_1_1
	options.DocumentLoader = loader

	document, err := ld.DocumentFromReader(bytes.NewReader(world0(t)))
	if err != nil {
		t.Fatal(err)
	}
	// The published context has no terms for master data; what is below it is lost to
	// RDF, as in every EPCIS document.
	delete(document.(map[string]any), "epcisHeader")
	expanded, err := ld.NewJsonLdProcessor().Expand(document, options)
	if err != nil {
		t.Fatal(err)
	}
	before, after := map[string]int{}, map[string]int{}
	countLeaves(document, before)
	countLeaves(any(expanded), after)
	delete(before, "context")
	for kind, n := range before {
		if after[kind] != n {
			t.Errorf("%s: %d values before, %d after expansion", kind, n, after[kind])
		}
	}
	text, err := json.Marshal(expanded)
	if err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{
		`"https://ref.gs1.org/cbv/BizStep-commissioning"`, `"https://ref.gs1.org/cbv/Disp-stolen"`, `"https://ref.gs1.org/cbv/SDT-owning_party"`,
		`"https://ref.gs1.org/cbv/BTT-desadv"`, `"https://ref.gs1.org/cbv/ER-did_not_occur"`, `"https://ref.gs1.org/voc/Mass"`,
		`"urn:custody-ledger:disp:held"`, `"urn:custody-ledger:epcis/statement"`,
	} {
		if !bytes.Contains(text, []byte(uri)) {
			t.Errorf("expansion has no %s", uri)
		}
	}
	for _, word := range []string{`"@id":"commissioning"`, `"@type":"Mass"`, `"@id":"stolen"`} {
		if bytes.Contains(text, []byte(word)) {
			t.Errorf("%s stayed a bare word", word)
		}
	}
}

// refuser loads nothing: tests see no network.
type refuser struct{}

func (refuser) LoadDocument(url string) (*ld.RemoteDocument, error) {
	return nil, ld.NewJsonLdError(ld.LoadingDocumentFailed, url)
}

// countLeaves counts values by kind of JSON, apart from the context.
func countLeaves(v any, counts map[string]int) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			switch {
			case key == "@context":
			case key == "@type" && v["@value"] != nil: // of a typed value
			default:
				countLeaves(value, counts)
			}
		}
	case []any:
		for _, value := range v {
			countLeaves(value, counts)
		}
	case bool, nil:
		counts["other"]++
	case string:
		counts["string"]++
	default:
		counts["number"]++
	}
}

// Every event id is the hash of its event, and no two events have one unless one
// declares the other wrong.
func TestEventIDsAreIntrinsic(t *testing.T) {
	var d foreignDocument
	if err := json.Unmarshal(world0(t), &d); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n, raw := range d.Body.Events {
		var e struct {
			ID    string          `json:"eventID"`
			Error json.RawMessage `json:"errorDeclaration"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		id, err := EventID(raw, d.namespaces(t))
		if err != nil || id != e.ID {
			t.Errorf("event %d: id %s, hash %s (%v)", n, e.ID, id, err)
		}
		if seen[id] != (e.Error != nil) {
			t.Errorf("event %d: id seen before: %v, an error declaration: %v", n, seen[id], e.Error != nil)
		}
		seen[id] = true
		// White space, the order of fields and of lists, and the way a time is written do not matter.
		shuffled := strings.ReplaceAll(string(raw), `+00:00","recordTime"`, `Z","recordTime"`)
		var fields map[string]any
		decoder := json.NewDecoder(strings.NewReader(shuffled))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			t.Fatal(err)
		}
		again, err := json.MarshalIndent(fields, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if other, _ := EventID(again, d.namespaces(t)); other != id {
			t.Errorf("event %d: written otherwise it hashes to %s, not %s", n, other, id)
		}
	}
}
