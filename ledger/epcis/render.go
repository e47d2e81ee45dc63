package epcis

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// render gives what a message of event.proto says as extension fields: every
// field that is present, in the order of the proto file, under its JSON name.
// Ids become URIs, times ISO 8601, enums the name of their value. Fields of skip
// are left out; they stand elsewhere in the event.
func render(message protoreflect.ProtoMessage, skip ...string) *object {
	m := message.ProtoReflect()
	fields := m.Descriptor().Fields()
	o := &object{}
	for n := range fields.Len() {
		field := fields.Get(n)
		if !m.Has(field) || contains(skip, string(field.Name())) {
			continue
		}
		value := m.Get(field)
		name := strings.TrimSuffix(field.JSONName(), "Ms")
		if !field.IsList() {
			o.add(name, renderValue(field, value))
			continue
		}
		list := make([]any, value.List().Len())
		for i := range list {
			list[i] = renderValue(field, value.List().Get(i))
		}
		o.add(name, list)
	}
	if len(*o) == 0 {
		return nil
	}
	return o
}

func contains(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

func renderValue(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind:
		switch m := value.Message().Interface().(type) {
		case *custodyv1.ItemRef:
			return itemURI(ledger.ItemID(m.Item))
		case *custodyv1.OutsideId:
			if link := digitalLink(m); link != "" {
				return link
			}
			return outsideIDURI(m)
		case protoreflect.ProtoMessage:
			if o := render(m); o != nil {
				return o
			}
			return &object{}
		}
	case protoreflect.EnumKind:
		return enumName(field.Enum(), value.Enum())
	case protoreflect.BytesKind:
		return bytesText(field.FullName(), value.Bytes())
	case protoreflect.Uint64Kind:
		if strings.HasSuffix(string(field.Name()), "_ms") {
			return timeText(value.Uint())
		}
		return value.Uint()
	case protoreflect.Uint32Kind:
		return uint32(value.Uint())
	case protoreflect.BoolKind:
		return value.Bool()
	case protoreflect.StringKind:
		if field.Name() == "number" || field.Name() == "declared" { // or a hash would read 0012 and 1E5 as numbers
			return scheme + string(field.Name()) + ":" + escape(value.String())
		}
		return value.String()
	}
	panic(fmt.Sprintf("epcis: field %s is of a kind that is not known", field.FullName()))
}

// bytesText gives bytes as the URI of what they are. A field that is not known is
// an error of this package: a test goes through all of them.
func bytesText(field protoreflect.FullName, b []byte) string {
	switch byteFields[strings.TrimPrefix(string(field), "custody.v1.")] {
	case 'i':
		return itemURI(ledger.ItemID(b))
	case 'p':
		return partyURI(ledger.PartyID(b))
	case 'e':
		return eventURI(ledger.EventID(b))
	case 'h':
		return hashURI(b)
	case 'r':
		return hexURI("reference", b)
	}
	panic(fmt.Sprintf("epcis: field %s holds bytes of a kind that is not known", field))
}

// byteFields says what the byte fields of the bodies hold: i item, p party, e event,
// h SHA-256, r reference of a registration.
var byteFields = map[string]byte{
	"Description.photo_sha256": 'h', "ItemRegister.reference": 'r', "Output.reference": 'r',
	"Correct.holder": 'p',
	"Offer.to":       'p', "Offer.agent": 'p', "Accept.offer": 'e', "Accept.from": 'p', "Decline.offer": 'e', "Withdraw.offer": 'e',
	"Reclaim.from": 'p', "Reclaim.association": 'p', "Share.leaving": 'p', "TitlePart.party": 'p', "BorderCross.certificate": 'e',
	"Attest.item": 'i', "Attest.document_sha256": 'h', "AttestWithdraw.item": 'i', "AttestWithdraw.attestation": 'e', "AttestWithdraw.attestor": 'p',
	"Dispute.item": 'i', "Dispute.event": 'e', "Dispute.evidence_sha256": 'h',
	"Ruling.item": 'i', "Ruling.dispute": 'e', "Ruling.second": 'p',
	"Hold.item": 'i', "Hold.order_sha256": 'h', "Hold.second": 'p', "HoldRelease.item": 'i', "HoldRelease.hold": 'e', "HoldRelease.second": 'p',
	"ItemRef.item": 'i', "ItemRef.prev": 'e',
}

type enum interface {
	Descriptor() protoreflect.EnumDescriptor
	Number() protoreflect.EnumNumber
}

// enumText gives the name of an enum's value without that of the enum.
func enumText(e enum) string { return enumName(e.Descriptor(), e.Number()) }

func enumName(of protoreflect.EnumDescriptor, number protoreflect.EnumNumber) string {
	zero := string(of.Values().ByNumber(0).Name())
	if value := of.Values().ByNumber(number); value != nil {
		return strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(zero, "UNSPECIFIED"))
	}
	return fmt.Sprint(number)
}
