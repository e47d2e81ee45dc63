package epcis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// strict checks a document apart from the schema, by the rules of the standard
// that an export has to follow and some that the schema leaves out: amounts are
// above zero, times are not in the far future, words are those of CBV.
func strict(document []byte) []string {
	s := &strictness{}
	var d map[string]any
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		return []string{err.Error()}
	}
	s.only("document", d, "@context", "id", "type", "schemaVersion", "creationDate", "epcisHeader", "epcisBody")
	context, _ := d["@context"].([]any)
	if len(context) != 2 || context[0] != contextURL || d["type"] != "EPCISDocument" || d["schemaVersion"] != "2.0" {
		s.say("document: context, type or version")
	}
	s.time("creationDate", d["creationDate"])
	body, _ := d["epcisBody"].(map[string]any)
	events, ok := body["eventList"].([]any)
	if !ok {
		s.say("no eventList")
	}
	for n, e := range events {
		event, _ := e.(map[string]any)
		s.event(fmt.Sprintf("event %d", n), event)
	}
	return s.complaints
}

type strictness struct{ complaints []string }

func (s *strictness) say(format string, args ...any) {
	s.complaints = append(s.complaints, fmt.Sprintf(format, args...))
}

var (
	strictTime   = regexp.MustCompile(`^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}\+00:00$`)
	strictURI    = regexp.MustCompile(`^(urn:[a-z0-9][a-z0-9-]+:|https://id\.gs1\.org/|ni:///sha-256;)[!-~]+$`)
	strictNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`)
)

func (s *strictness) only(at string, fields map[string]any, names ...string) {
	for key := range fields {
		if !slices.Contains(names, key) && !strings.HasPrefix(key, prefix) {
			s.say("%s: field %s", at, key)
		}
	}
}

func (s *strictness) time(at string, v any) {
	if text, _ := v.(string); !strictTime.MatchString(text) {
		s.say("%s: time %v", at, v)
	}
}

func (s *strictness) uri(at string, v any) {
	if text, _ := v.(string); !strictURI.MatchString(text) {
		s.say("%s: URI %v", at, v)
	}
}

func (s *strictness) word(at string, v any, words ...string) {
	text, ok := v.(string)
	if v != nil && (!ok || !slices.Contains(words, text)) {
		s.say("%s: %v is none of %v", at, v, words)
	}
}

// fieldsOf lists what events of a type may have beside what all have.
var fieldsOf = map[string][]string{
	objectEvent:         {"epcList", "quantityList", "action", "persistentDisposition", "ilmd"},
	transactionEvent:    {"epcList", "quantityList", "action"},
	transformationEvent: {"inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList", "transformationID", "persistentDisposition", "ilmd"},
	associationEvent:    {"parentID", "childEPCs", "childQuantityList", "action"},
}

var ofAll = []string{
	"type", "eventID", "eventTime", "recordTime", "eventTimeZoneOffset", "errorDeclaration", "certificationInfo", "bizStep", "disposition", "readPoint", "bizLocation",
	"bizTransactionList", "sourceList", "destinationList", "sensorElementList",
}

func (s *strictness) event(at string, e map[string]any) {
	kind, _ := e["type"].(string)
	own, ok := fieldsOf[kind]
	if !ok {
		s.say("%s: type %q", at, kind)
		return
	}
	s.only(at, e, append(slices.Clone(ofAll), own...)...)
	s.uri(at+" eventID", e["eventID"])
	s.time(at+" eventTime", e["eventTime"])
	s.time(at+" recordTime", e["recordTime"])
	if e["eventTimeZoneOffset"] != "+00:00" {
		s.say("%s: offset %v", at, e["eventTimeZoneOffset"])
	}
	if kind != transformationEvent && e["action"] == nil || kind == transactionEvent && e["bizTransactionList"] == nil {
		s.say("%s: no action or business transaction", at)
	}
	s.word(at, e["action"], add, observe, remove)
	s.word(at, e["bizStep"], words("BizStep")...)
	s.word(at, e["disposition"], words("Disp")...)
	if e["ilmd"] != nil {
		ilmd, _ := e["ilmd"].(map[string]any)
		s.only(at+" ilmd", ilmd)
		if e["action"] == observe || e["action"] == remove {
			s.say("%s: ilmd with %v", at, e["action"])
		}
	}
	for _, name := range []string{"epcList", "inputEPCList", "outputEPCList", "childEPCs", "certificationInfo"} {
		list, ok := e[name].([]any)
		if e[name] != nil && (!ok || len(list) == 0) {
			s.say("%s: %s is no list, or empty", at, name)
		}
		seen := map[any]bool{}
		for _, uri := range list {
			s.uri(at+" "+name, uri)
			if seen[uri] {
				s.say("%s: %v twice in %s", at, uri, name)
			}
			seen[uri] = true
		}
	}
	about := 0
	for _, name := range []string{"epcList", "quantityList", "inputEPCList", "inputQuantityList", "childEPCs", "childQuantityList"} {
		list, _ := e[name].([]any)
		about += len(list)
	}
	outputs, _ := e["outputEPCList"].([]any)
	amounts, _ := e["outputQuantityList"].([]any)
	if about == 0 || kind == transformationEvent && len(outputs)+len(amounts) == 0 {
		s.say("%s: it is about nothing", at)
	}
	for _, name := range []string{"quantityList", "inputQuantityList", "outputQuantityList", "childQuantityList"} {
		list, _ := e[name].([]any)
		for _, v := range list {
			q, _ := v.(map[string]any)
			for key := range q {
				s.word(at+" "+name, key, "epcClass", "quantity", "uom")
			}
			s.uri(at+" "+name, q["epcClass"])
			s.number(at+" "+name, q["quantity"])
			s.word(at+" "+name, q["uom"], "CTM", "GRM", "KGM")
		}
	}
	s.parties(at, e)
	s.rest(at, e)
}

func (s *strictness) number(at string, v any) {
	if n, ok := v.(json.Number); !ok || !strictNumber.MatchString(n.String()) || n.String() == "0" {
		s.say("%s: number %v", at, v)
	}
}

func (s *strictness) parties(at string, e map[string]any) {
	for _, side := range []string{"source", "destination"} {
		list, _ := e[side+"List"].([]any)
		for _, v := range list {
			p, _ := v.(map[string]any)
			if p["type"] == nil {
				s.say("%s: %s without a type", at, side)
			}
			s.word(at+" "+side, p["type"], "owning_party", "possessing_party", "location")
			s.uri(at+" "+side, p[side])
		}
	}
	list, _ := e["bizTransactionList"].([]any)
	for _, v := range list {
		b, _ := v.(map[string]any)
		if text, _ := b["type"].(string); !strings.HasPrefix(text, scheme+"btt:") {
			s.word(at+" bizTransaction", b["type"], "cert", "desadv", "inv", "pedigree", "recadv", "testres")
		}
		s.uri(at+" bizTransaction", b["bizTransaction"])
	}
	for _, place := range []string{"readPoint", "bizLocation"} {
		if e[place] != nil {
			p, _ := e[place].(map[string]any)
			s.only(at+" "+place, p, "id")
			s.uri(at+" "+place, p["id"])
		}
	}
}

func (s *strictness) rest(at string, e map[string]any) {
	if e["certificationInfo"] != nil {
		if _, ok := e["certificationInfo"].([]any); !ok {
			s.say("%s: certificationInfo", at)
		}
	}
	if declared, ok := e["errorDeclaration"].(map[string]any); ok {
		s.only(at+" errorDeclaration", declared, "declarationTime", "reason", "correctiveEventIDs")
		s.time(at+" declarationTime", declared["declarationTime"])
		s.word(at+" reason", declared["reason"], "did_not_occur", "incorrect_data")
	}
	if p, ok := e["persistentDisposition"].(map[string]any); ok {
		if len(p) == 0 {
			s.say("%s: an empty persistentDisposition", at)
		}
		for _, side := range []string{"set", "unset"} {
			list, _ := p[side].([]any)
			for _, v := range list {
				if text, _ := v.(string); !strings.HasPrefix(text, scheme+"disp:") {
					s.word(at+" "+side, v, words("Disp")...)
				}
			}
		}
	}
	list, _ := e["sensorElementList"].([]any)
	for _, v := range list {
		element, _ := v.(map[string]any)
		reports, _ := element["sensorReport"].([]any)
		for _, r := range reports {
			report, _ := r.(map[string]any)
			if report["type"] != "Mass" {
				s.say("%s: sensor type %v", at, report["type"])
			}
			s.number(at+" sensor", report["value"])
		}
	}
}

// words lists the words of CBV 2.0 for business steps and dispositions.
func words(of string) []string {
	if of == "BizStep" {
		return strings.Fields(`accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting decommissioning
			departing destroying disassembling dispensing encoding entering_exiting holding inspecting installing killing loading other packing
			picking receiving removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting shipping
			staging_outbound stock_taking stocking storing transporting unloading unpacking void_shipping`)
	}
	return strings.Fields(`active available completeness_inferred completeness_verified conformant container_closed container_open damaged destroyed
		dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance mismatch_quantity
		needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned
		sellable_accessible sellable_not_accessible stolen unavailable unknown`)
}
