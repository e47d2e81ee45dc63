package epcis

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// EventID works out the CBV hash id of an EPCIS event, which is intrinsic to it:
//
//	ni:///sha-256;<64 hexadecimal digits>?ver=CBV2.0
//
// The event is one JSON object. Namespaces says what prefixes of extension fields
// stand for; those of EPCIS itself are known. recordTime, eventID,
// certificationInfo and errorDeclaration are not hashed, so that an event keeps
// its id when it is declared wrong.
func EventID(event []byte, namespaces map[string]string) (string, error) {
	text, err := preHash(event, namespaces)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(text))
	return "ni:///sha-256;" + hex.EncodeToString(sum[:]) + "?ver=CBV2.0", nil
}

var errEvent = errors.New("not an EPCIS event")

// preHash gives the canonical string of an event, by the rules of CBV 2.0: the
// fields in a fixed order, without separators, lists sorted, times in UTC with
// milliseconds, numbers without trailing zeros, words and GS1 keys as web URIs,
// then ilmd, then extensions inside standard fields, then those of the event.
func preHash(event []byte, namespaces map[string]string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return "", fmt.Errorf("%w: %w", errEvent, err)
	}
	kind, ok := fields["type"].(string)
	if !ok {
		return "", fmt.Errorf("%w: it has no type", errEvent)
	}
	h := &hasher{namespaces: namespaces}
	h.text.WriteString("eventType=" + kind)
	h.inOrder(fields, eventOrder)
	if ilmd, ok := fields["ilmd"]; ok {
		h.text.WriteString("ilmd" + h.extension(ilmd))
	}
	for _, field := range []string{"readPoint", "bizLocation", "sensorElementList"} {
		h.text.WriteString(h.inside(field, fields[field]))
	}
	own := map[string]any{}
	for key, value := range fields {
		if !slices.Contains(notHashed, key) && !slices.ContainsFunc(eventOrder, func(f hashed) bool { return f.name == key }) {
			own[key] = value
		}
	}
	h.text.WriteString(h.extension(own))
	return h.text.String(), h.err
}

var notHashed = []string{"type", "recordTime", "eventID", "certificationInfo", "errorDeclaration", "ilmd", "@context", "rdfs:comment", "comment"}

// hashed is a field in the canonical order.
type hashed struct {
	name     string
	word     string   // what a bare word of the vocabulary begins with as a URI
	element  string   // of a list: what each element is called
	children []hashed // of an object
	bare     bool     // its own name does not stand in the string
}

const (
	gs1Vocabulary = "https://ref.gs1.org/voc/"
	cbvVocabulary = "https://ref.gs1.org/cbv/"
)

var eventOrder = []hashed{
	{name: "eventTime"}, {name: "eventTimeZoneOffset"},
	{name: "epcList", element: "epc"}, {name: "parentID"}, {name: "inputEPCList", element: "epc"}, {name: "childEPCs", element: "epc"},
	quantities("quantityList"), quantities("childQuantityList"), quantities("inputQuantityList"),
	{name: "outputEPCList", element: "epc"}, quantities("outputQuantityList"),
	{name: "action"}, {name: "transformationID"},
	{name: "bizStep", word: cbvVocabulary + "BizStep-"}, {name: "disposition", word: cbvVocabulary + "Disp-"},
	{name: "persistentDisposition", children: []hashed{
		{name: "set", word: cbvVocabulary + "Disp-"}, {name: "unset", word: cbvVocabulary + "Disp-"},
	}},
	{name: "readPoint", children: []hashed{{name: "id"}}}, {name: "bizLocation", children: []hashed{{name: "id"}}},
	typed("bizTransactionList", "bizTransaction", "BTT-"), typed("sourceList", "source", "SDT-"), typed("destinationList", "destination", "SDT-"),
	{name: "sensorElementList", element: "sensorElement", bare: true, children: []hashed{
		{name: "sensorMetadata", children: []hashed{
			{name: "time"}, {name: "startTime"}, {name: "endTime"}, {name: "deviceID"}, {name: "deviceMetadata"}, {name: "rawData"},
			{name: "dataProcessingMethod"}, {name: "bizRules"},
		}},
		{name: "sensorReport", children: []hashed{
			{name: "type", word: gs1Vocabulary}, {name: "exception", word: gs1Vocabulary}, {name: "deviceID"}, {name: "deviceMetadata"},
			{name: "rawData"}, {name: "dataProcessingMethod"}, {name: "time"}, {name: "microorganism"}, {name: "chemicalSubstance"},
			{name: "value"}, {name: "component", word: cbvVocabulary + "Comp-"}, {name: "stringValue"}, {name: "booleanValue"},
			{name: "hexBinaryValue"}, {name: "uriValue"}, {name: "minValue"}, {name: "maxValue"}, {name: "meanValue"}, {name: "sDev"},
			{name: "percRank"}, {name: "percValue"}, {name: "uom"}, {name: "coordinateReferenceSystem"},
		}},
	}},
}

func quantities(name string) hashed {
	return hashed{name: name, element: "quantityElement", children: []hashed{{name: "epcClass"}, {name: "quantity"}, {name: "uom"}}}
}

func typed(list, id, words string) hashed {
	return hashed{name: list, children: []hashed{{name: "type", word: cbvVocabulary + words}, {name: id}}}
}

type hasher struct {
	namespaces map[string]string
	text       strings.Builder
	err        error
}

// inOrder writes fields in a given order.
func (h *hasher) inOrder(fields map[string]any, order []hashed) {
	for _, field := range order {
		h.text.WriteString(h.field(field, fields[field.name]))
	}
}

// field gives the string of a field; empty where there is nothing in it. A list
// names its field once and sorts its elements.
func (h *hasher) field(f hashed, value any) string {
	var parts []string
	for _, v := range elements(value) {
		switch v := v.(type) {
		case map[string]any:
			inner := &hasher{namespaces: h.namespaces}
			inner.inOrder(v, f.children)
			h.err = errors.Join(h.err, inner.err)
			if inner.text.Len() > 0 {
				parts = append(parts, f.element+inner.text.String())
			}
		default:
			name := f.element
			if name == "" {
				name = f.name
			}
			if text := h.value(f, v); text != "" {
				parts = append(parts, name+"="+text)
			}
		}
	}
	slices.Sort(parts)
	switch {
	case len(parts) == 0:
		return ""
	case f.bare, f.element == "" && len(f.children) == 0:
		return strings.Join(parts, "")
	case f.name == "sensorReport": // its name stands before each, not once
		return f.name + strings.Join(parts, f.name)
	}
	return f.name + strings.Join(parts, "")
}

// inside gives the extensions inside a standard field, led by the names on the way.
func (h *hasher) inside(name string, value any) string {
	standard := map[string][]string{
		"readPoint": {}, "bizLocation": {}, "sensorElementList": {"sensorMetadata", "sensorReport"}, "sensorMetadata": {}, "sensorReport": {},
	}[name]
	text := ""
	for _, v := range elements(value) {
		fields, ok := v.(map[string]any)
		if !ok {
			continue
		}
		inner := ""
		for _, field := range standard {
			inner += h.inside(field, fields[field])
		}
		own := map[string]any{}
		for key, value := range fields {
			if strings.Contains(key, ":") {
				own[key] = value
			}
		}
		if inner += h.extension(own); inner == "" {
			continue
		}
		if name == "sensorElementList" {
			inner = "sensorElement" + inner
		} else {
			inner = name + inner
		}
		text += inner
	}
	return text
}

// extension gives the string of fields of other namespaces: each with its
// namespace in braces, sorted at every level.
func (h *hasher) extension(value any) string {
	fields, ok := value.(map[string]any)
	if !ok {
		return ""
	}
	var parts []string
	for key, value := range fields {
		if key == "rdfs:comment" || key == "comment" {
			continue
		}
		key = h.expand(key)
		for _, v := range elements(value) {
			if _, ok := v.(map[string]any); ok {
				parts = append(parts, key+h.extension(v))
			} else if text := h.value(hashed{name: key}, v); text != "" {
				parts = append(parts, key+"="+text)
			} else {
				parts = append(parts, key)
			}
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

// expand writes the namespace of a key out.
func (h *hasher) expand(key string) string {
	prefix, local, ok := strings.Cut(key, ":")
	if !ok {
		return key
	}
	if space, ok := h.namespaces[prefix]; ok {
		return "{" + space + "}" + local
	}
	if space, ok := knownPrefixes[prefix]; ok {
		return "{" + space + "}" + local
	}
	return key
}

var knownPrefixes = map[string]string{
	"gs1": gs1Vocabulary, "cbv": cbvVocabulary, "epcis": "https://ref.gs1.org/epcis/", "cbvmda": "urn:epcglobal:cbv:mda:",
}

// value gives a value in its canonical form.
func (h *hasher) value(f hashed, value any) string {
	switch v := value.(type) {
	case json.Number:
		return decimalText(v.String())
	case bool:
		return fmt.Sprint(v)
	case string:
		return h.string(f, strings.TrimSpace(v))
	case nil:
		return ""
	}
	h.err = errors.Join(h.err, fmt.Errorf("%w: field %s has a value of a kind that has no place there", errEvent, f.name))
	return ""
}

func (h *hasher) string(f hashed, text string) string {
	if strings.Contains(strings.ToLower(f.name), "time") && f.name != "eventTimeZoneOffset" {
		if instant, ok := utcText(text); ok {
			return instant
		}
		return text
	}
	if f.word != "" && text != "" && !strings.Contains(text, ":") {
		return f.word + text
	}
	for urn, uri := range map[string]string{
		"urn:epcglobal:cbv:bizstep:": "BizStep-", "urn:epcglobal:cbv:disp:": "Disp-", "urn:epcglobal:cbv:btt:": "BTT-",
		"urn:epcglobal:cbv:sdt:": "SDT-", "urn:epcglobal:cbv:er:": "ER-",
	} {
		if rest, ok := strings.CutPrefix(text, urn); ok {
			return cbvVocabulary + uri + rest
		}
	}
	if prefix, local, ok := strings.Cut(text, ":"); ok && prefix != "cbvmda" {
		if space, ok := knownPrefixes[prefix]; ok {
			return space + local
		}
	}
	if plainDecimal(text) {
		return decimalText(text)
	}
	if link, ok := canonicalLink(text); ok {
		return link
	}
	return text
}

// elements gives what a value holds: a list's elements, or the value itself.
func elements(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

// numberDigitsMax bounds what is read as a number.
const numberDigitsMax = 400

func plainDecimal(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || len(digits) > numberDigitsMax {
		return false
	}
	whole, fraction, point := strings.Cut(digits, ".")
	return allDigits(whole) && (!point || allDigits(fraction))
}

// decimalText writes a number without anything superfluous. Text that is no
// number, or one with a large exponent, stays as it is.
func decimalText(text string) string {
	if mantissa, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if !plainDecimal(mantissa) || len(strings.TrimLeft(exponent, "+-0")) > 2 {
			return text
		}
	} else if !plainDecimal(text) {
		return text
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	places, _ := number.FloatPrec()
	return number.FloatString(places)
}

func allDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
