package epcis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// timeLayout is ISO 8601 with milliseconds and a numeric offset: EPCIS does not
// accept Z in eventTimeZoneOffset, and one form everywhere is easier to compare.
const (
	timeLayout = "2006-01-02T15:04:05.000-07:00"
	zoneOffset = "+00:00"
)

func timeText(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(timeLayout) }

// Document is an EPCISDocument. Encode writes it; the order of its members is the
// order of the fields.
type Document struct {
	Context       []any
	ID            string
	CreationDate  string
	Ledger        *object // extension: which ledger, read where
	Vocabularies  []vocabulary
	Events        iter.Seq[*Event]
	eventsWritten int
}

type vocabulary struct {
	Type     string              `json:"type"`
	Elements []vocabularyElement `json:"vocabularyElementList"`
}

type vocabularyElement struct {
	ID         string      `json:"id"`
	Attributes []attribute `json:"attributes"`
}

type attribute struct {
	ID    string `json:"id"`
	Value string `json:"attribute"`
}

// Event is one EPCIS event of any of the five types. Fields that a type does not
// have are empty. The order is that of the event hash.
type Event struct {
	Type                  string                 `json:"type"`
	EventID               string                 `json:"eventID"`
	EventTime             string                 `json:"eventTime"`
	RecordTime            string                 `json:"recordTime"`
	EventTimeZoneOffset   string                 `json:"eventTimeZoneOffset"`
	ErrorDeclaration      *ErrorDeclaration      `json:"errorDeclaration,omitempty"`
	CertificationInfo     []string               `json:"certificationInfo,omitempty"`
	EPCList               []string               `json:"epcList,omitempty"`
	ParentID              string                 `json:"parentID,omitempty"`
	InputEPCList          []string               `json:"inputEPCList,omitempty"`
	ChildEPCs             []string               `json:"childEPCs,omitempty"`
	QuantityList          []Quantity             `json:"quantityList,omitempty"`
	ChildQuantityList     []Quantity             `json:"childQuantityList,omitempty"`
	InputQuantityList     []Quantity             `json:"inputQuantityList,omitempty"`
	OutputEPCList         []string               `json:"outputEPCList,omitempty"`
	OutputQuantityList    []Quantity             `json:"outputQuantityList,omitempty"`
	Action                string                 `json:"action,omitempty"`
	TransformationID      string                 `json:"transformationID,omitempty"`
	BizStep               string                 `json:"bizStep,omitempty"`
	Disposition           string                 `json:"disposition,omitempty"`
	PersistentDisposition *PersistentDisposition `json:"persistentDisposition,omitempty"`
	ReadPoint             *Location              `json:"readPoint,omitempty"`
	BizLocation           *Location              `json:"bizLocation,omitempty"`
	BizTransactionList    []BizTransaction       `json:"bizTransactionList,omitempty"`
	SourceList            []Source               `json:"sourceList,omitempty"`
	DestinationList       []Destination          `json:"destinationList,omitempty"`
	SensorElementList     []SensorElement        `json:"sensorElementList,omitempty"`
	ILMD                  *object                `json:"ilmd,omitempty"`

	// Extensions: the ledger event that this was made from and what EPCIS has no place for.
	LedgerEvent string    `json:"custody:event"`
	Entry       uint64    `json:"custody:entry"`
	Part        int       `json:"custody:part"` // from 1, of the EPCIS events of one ledger event
	Body        string    `json:"custody:body"`
	Party       string    `json:"custody:party"` // who acted
	Group       *object   `json:"custody:group,omitempty"`
	Commitments []*object `json:"custody:commitments,omitempty"`
	Statement   *object   `json:"custody:statement,omitempty"` // what the body says
	Goods       []*object `json:"custody:goods,omitempty"`     // exact mass and count of what is moved
	Title       []*object `json:"custody:title,omitempty"`     // shares, where there are several owners afterwards
}

// ErrorDeclaration says that an earlier event, repeated with it under the same
// eventID, is wrong.
type ErrorDeclaration struct {
	DeclarationTime    string   `json:"declarationTime"`
	Reason             string   `json:"reason"`
	CorrectiveEventIDs []string `json:"correctiveEventIDs,omitempty"`
	LedgerEvent        string   `json:"custody:event"`
	Entry              uint64   `json:"custody:entry"`
	Body               string   `json:"custody:body"`
	Party              string   `json:"custody:party"`
	Statement          *object  `json:"custody:statement,omitempty"`
}

// PersistentDisposition changes conditions that hold until they are taken back.
type PersistentDisposition struct {
	Set   []string `json:"set,omitempty"`
	Unset []string `json:"unset,omitempty"`
}

// Location is a place.
type Location struct {
	ID string `json:"id"`
}

// BizTransaction names a business transaction.
type BizTransaction struct {
	Type string `json:"type"`
	ID   string `json:"bizTransaction"`
}

// Source is a party or place that something comes from.
type Source struct {
	Type string `json:"type"`
	ID   string `json:"source"`
}

// Destination is a party or place that something goes to.
type Destination struct {
	Type string `json:"type"`
	ID   string `json:"destination"`
}

// Quantity is an amount of goods that have no number of their own for each piece.
type Quantity struct {
	Class    string  `json:"epcClass"`
	Quantity Decimal `json:"quantity,omitempty"`
	UOM      string  `json:"uom,omitempty"`
}

// SensorElement is what a scale showed.
type SensorElement struct {
	Metadata SensorMetadata `json:"sensorMetadata"`
	Reports  []SensorReport `json:"sensorReport"`
}

// SensorMetadata says when.
type SensorMetadata struct {
	Time string `json:"time"`
}

// SensorReport is one value.
type SensorReport struct {
	Type  string  `json:"type"`
	Value Decimal `json:"value"`
	UOM   string  `json:"uom"`
}

// Decimal is a JSON number written exactly; no float is ever made of it.
type Decimal string

// MarshalJSON writes the digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d), nil }

// object is a JSON object with its members in order.
type object []member

type member struct {
	key   string
	value any
}

func (o *object) add(key string, value any) { *o = append(*o, member{prefix + key, value}) }

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for n, m := range o {
		if n > 0 {
			b = append(b, ',')
		}
		key, err := marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := marshal(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// marshal is json.Marshal without its escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Encode writes the document as JSON, one event after the other, so that a long
// range needs no more memory than one event. Its errors are those of w.
func (d *Document) Encode(w io.Writer) error {
	out := &writer{w: w}
	out.text("{\n  \"@context\": ").json(d.Context)
	out.text(",\n  \"id\": ").json(d.ID)
	out.text(",\n  \"type\": \"EPCISDocument\",\n  \"schemaVersion\": \"2.0\",\n  \"creationDate\": ").json(d.CreationDate)
	out.text(",\n  \"" + prefix + "source\": ").json(d.Ledger)
	if len(d.Vocabularies) > 0 {
		out.text(",\n  \"epcisHeader\": {\"epcisMasterData\": {\"vocabularyList\": ").json(d.Vocabularies).text("}}")
	}
	out.text(",\n  \"epcisBody\": {\"eventList\": [")
	separator := "\n"
	for event := range d.Events {
		out.text(separator).json(event)
		separator = ",\n"
		d.eventsWritten++
		if out.err != nil {
			return out.err
		}
	}
	out.text("\n  ]}\n}\n")
	return out.err
}

// Written tells how many events Encode has written.
func (d *Document) Written() int { return d.eventsWritten }

type writer struct {
	w   io.Writer
	err error
}

func (w *writer) text(s string) *writer {
	if w.err == nil {
		_, w.err = io.WriteString(w.w, s)
	}
	return w
}

// json writes a value indented below where it stands. A value that has no JSON is
// an error of this package.
func (w *writer) json(v any) *writer {
	compact, err := marshal(v)
	if err != nil {
		panic(fmt.Sprintf("epcis: %T does not marshal: %v", v, err))
	}
	return w.text(strings.TrimSpace(string(compact)))
}
