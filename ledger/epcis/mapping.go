package epcis

import custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"

// Mapping is a row of the table that says what a body becomes. Several rows of
// one body are several EPCIS events, or cases of it.
type Mapping struct {
	Body        string // of event.proto
	When        string // the case; empty for all
	Type        string // EPCIS event type; "master data", "error declaration" or "none" where there is no event
	Action      string // ADD, OBSERVE or DELETE; a TransformationEvent has none
	BizStep     string // of CBV; empty for none
	Disposition string // of CBV; empty for none
}

const (
	objectEvent         = "ObjectEvent"
	transactionEvent    = "TransactionEvent"
	transformationEvent = "TransformationEvent"
	associationEvent    = "AssociationEvent"
	masterData          = "master data"
	errorDeclared       = "error declaration"
	noEvent             = "none"

	add, observe, remove = "ADD", "OBSERVE", "DELETE"
)

// Cases that the table tells apart.
const (
	whenUnits     = "things with a number of their own come out"
	whenLoose     = "only loose goods come out"
	whenGone      = "the goods have left"
	whenHere      = "custody is offered, the goods have not left"
	whenStay      = "the goods have not left"
	whenTitle     = "title only"
	whenAll       = "all of it"
	whenShort     = "short: less than all"
	whenPart      = "a part, or what is missing, becomes an item"
	whenReturn    = "a return"
	whenConsumer  = "to a consumer"
	whenOthers    = "to others"
	whenFound     = "found to be of another nature"
	whenConforms  = "claims conformity"
	whenClaims    = "other claims"
	whenNever     = "the goods have left and never arrived"
	whenNotAs     = "the goods have left and are not as described"
	whenElse      = "the goods have left and are not wanted"
	whenPiece     = "the piece comes into being"
	whenSet       = "parts are set in"
	whenTakenOut  = "parts are taken out"
	whenFiled     = "metal filed off becomes an item"
	whenWork      = "the work itself"
	whenPartsBill = "parts without numbers become items"
	whenEnds      = "nothing else comes out"
)

// Mappings is the table of all bodies, in the order of event.proto. DESIGN.md
// prints it.
var Mappings = []Mapping{
	{"PartyAdmit", "", masterData, "", "", ""},
	{"PartySponsor", "", masterData, "", "", ""},
	{"PartySuspend", "", masterData, "", "", ""},
	{"KeyAdd", "", noEvent, "", "", ""},
	{"KeyRevoke", "", noEvent, "", "", ""},
	{"PolicyPropose", "", noEvent, "", "", ""},
	{"PolicyApprove", "", noEvent, "", "", ""},

	{"ItemRegister", "", objectEvent, add, "commissioning", "active"},
	{"ItemVoid", "", errorDeclared, "", "", ""},
	{"Transform CUT SPLIT MERGE MELT REFINE", whenUnits, transformationEvent, "", "commissioning", "active"},
	{"Transform CUT SPLIT MERGE MELT REFINE", whenLoose, transformationEvent, "", "creating_class_instance", "active"},
	{"Transform TREAT", "", objectEvent, observe, "other", "in_progress"},
	{"Transform ASSEMBLE", whenPiece, objectEvent, add, "commissioning", "active"},
	{"Transform ASSEMBLE", whenSet, associationEvent, add, "assembling", "in_progress"},
	{"Transform DISASSEMBLE", whenTakenOut, associationEvent, remove, "disassembling", "in_progress"},
	{"Transform DISASSEMBLE", whenPartsBill, transformationEvent, "", "disassembling", "active"},
	{"Transform DISASSEMBLE", whenEnds, objectEvent, remove, "decommissioning", "inactive"},
	{"Transform REWORK", whenTakenOut, associationEvent, remove, "removing", "in_progress"},
	{"Transform REWORK", whenFiled, transformationEvent, "", "removing", "active"},
	{"Transform REWORK", whenSet, associationEvent, add, "installing", "in_progress"},
	{"Transform REWORK", whenWork, objectEvent, observe, "repairing", "in_progress"},
	{"Reweigh", "", objectEvent, observe, "inspecting", ""},
	{"Correct", "", objectEvent, add, "commissioning", "active"}, // and the error declaration

	{"Offer", whenGone, objectEvent, observe, "shipping", "in_transit"},
	{"Offer", whenHere, transactionEvent, add, "staging_outbound", ""},
	{"Offer", whenTitle, transactionEvent, add, "", ""},
	{"Accept", whenPart, transformationEvent, "", "repackaging", "active"},
	{"Accept", whenAll, objectEvent, observe, "receiving", "in_progress"},
	{"Accept", whenShort, objectEvent, observe, "receiving", "mismatch_quantity"},
	{"Accept", whenReturn, objectEvent, observe, "receiving", "returned"},
	{"Accept", whenTitle, transactionEvent, observe, "accepting", ""},
	{"Decline", whenStay, transactionEvent, remove, "", ""},
	{"Decline", whenNever, transactionEvent, observe, "", "unknown"},
	{"Decline", whenNotAs, transactionEvent, observe, "", "mismatch_instance"},
	{"Decline", whenElse, transactionEvent, observe, "", ""},
	{"Withdraw", whenGone, objectEvent, observe, "void_shipping", "returned"},
	{"Withdraw", whenStay, transactionEvent, remove, "", ""},
	{"Release", whenConsumer, objectEvent, observe, "retail_selling", "retail_sold"},
	{"Release", whenOthers, objectEvent, observe, "shipping", "in_transit"},
	{"Reenter", "", objectEvent, observe, "receiving", "returned"},
	{"Reclaim", "", objectEvent, observe, "receiving", "returned"},
	{"Share", "", transactionEvent, observe, "accepting", ""},
	{"BorderCross", "", objectEvent, observe, "departing", "in_transit"},

	{"Attest", whenFound, objectEvent, observe, "inspecting", "non_conformant"},
	{"Attest", whenConforms, objectEvent, observe, "inspecting", "conformant"},
	{"Attest", whenClaims, objectEvent, observe, "inspecting", ""},
	{"AttestWithdraw", "", errorDeclared, "", "", ""},
	{"Dispute", "", objectEvent, observe, "holding", ""},
	{"Ruling", "", objectEvent, observe, "inspecting", ""},
	{"Hold", "", objectEvent, observe, "holding", "non_sellable_other"},
	{"HoldRelease", "", objectEvent, observe, "other", ""},
	{"Incident LOST", "", objectEvent, observe, "other", "unknown"},
	{"Incident STOLEN", "", objectEvent, observe, "other", "stolen"},
	{"Incident RECOVERED", "", objectEvent, observe, "other", "in_progress"},
	{"Incident DAMAGED", "", objectEvent, observe, "other", "damaged"},
	{"Incident REPAIRED", "", objectEvent, observe, "repairing", "in_progress"},
	{"Incident DESTROYED", "", objectEvent, remove, "destroying", "destroyed"},
}

// row finds the row of a case. A case without a row is an error of this package.
func row(body, when string) Mapping {
	for _, m := range Mappings {
		if m.Body == body && m.When == when {
			return m
		}
	}
	panic("epcis: no mapping for " + body + " " + when)
}

// transactionType says under which type of CBV a paper stands among the business
// transactions.
func transactionType(kind custodyv1.DocumentKind) string {
	switch kind {
	case custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT,
		custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY, custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING,
		custodyv1.DocumentKind_DOCUMENT_KIND_SOURCE_MATCH:
		return "testres"
	case custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE:
		return "inv"
	case custodyv1.DocumentKind_DOCUMENT_KIND_PRODUCER_RECORD:
		return "pedigree"
	}
	return "cert"
}
