package vocabulary

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Word gives the plain words for a value of any enum of an event, such as "lab-grown":
// the same ones wherever people read it. A zero value is "not declared"; a value that
// this version does not know is "unknown value" and its number.
func Word(value protoreflect.Enum) string {
	if value.Number() == 0 {
		return "not declared"
	}
	d := value.Descriptor().Values().ByNumber(value.Number())
	if d == nil {
		return "unknown value " + strconv.Itoa(int(value.Number()))
	}
	return words[d.Name()]
}

// ParseWord gives the value of an enum that Word writes so, spaces or hyphens between
// the words; not ok if there is none.
func ParseWord[E interface {
	~int32
	protoreflect.Enum
}](word string) (value E, ok bool) {
	values := value.Descriptor().Values()
	for i := range values.Len() {
		v := values.Get(i)
		if v.Number() != 0 && spaced(words[v.Name()]) == spaced(word) {
			return E(v.Number()), true
		}
	}
	return value, false
}

func spaced(s string) string { return strings.ReplaceAll(s, "-", " ") }

// words has a row for every value but the zero ones.
var words = map[protoreflect.Name]string{
	"PRIVATE_FIELD_LEGAL_NAME":       "legal name",
	"PRIVATE_FIELD_PRICE":            "price",
	"PRIVATE_FIELD_INVOICE":          "invoice number",
	"PRIVATE_FIELD_COUNTERPARTY":     "counterparty",
	"PRIVATE_FIELD_DESCRIPTION":      "description",
	"PRIVATE_FIELD_STOCK_NUMBER":     "stock number",
	"PRIVATE_FIELD_MEMO_NUMBER":      "memo number",
	"PRIVATE_FIELD_REPORT_REFERENCE": "reference of the report",

	"ROLE_MINER":        "miner",
	"ROLE_CUTTER":       "cutter",
	"ROLE_DEALER":       "dealer",
	"ROLE_REFINER":      "refiner",
	"ROLE_MANUFACTURER": "manufacturer",
	"ROLE_RETAILER":     "retailer",
	"ROLE_LABORATORY":   "laboratory",
	"ROLE_CARRIER":      "carrier",

	"SUSPEND_REASON_MEMBERSHIP_ENDED": "membership ended",
	"SUSPEND_REASON_UNDER_REVIEW":     "under review",
	"SUSPEND_REASON_BREACH":           "breach of the association's rules",

	"REVOKE_REASON_REPLACED":    "replaced",
	"REVOKE_REASON_LOST":        "lost",
	"REVOKE_REASON_COMPROMISED": "in the hands of somebody else",
	"REVOKE_REASON_LEFT":        "its user left",

	"MATERIAL_DIAMOND": "diamond",
	"MATERIAL_GEM":     "gem",
	"MATERIAL_PEARL":   "pearl",
	"MATERIAL_METAL":   "metal",
	"MATERIAL_OTHER":   "other material",

	"FORM_SINGLE":         "single",
	"FORM_COUNTED_PARCEL": "counted parcel",
	"FORM_BULK":           "bulk",
	"FORM_PART":           "part",
	"FORM_PIECE":          "piece",

	"NATURE_NATURAL":   "natural",
	"NATURE_LAB_GROWN": "lab-grown",
	"NATURE_CULTURED":  "cultured",
	"NATURE_IMITATION": "imitation",
	"NATURE_COMPOSITE": "composite",

	"STAGE_ROUGH":    "rough",
	"STAGE_POLISHED": "polished",

	"GROWTH_CVD":          "CVD",
	"GROWTH_HPHT":         "HPHT",
	"GROWTH_FLUX":         "flux",
	"GROWTH_HYDROTHERMAL": "hydrothermal",
	"GROWTH_FLAME_FUSION": "flame fusion",
	"GROWTH_PULLED":       "pulled",

	"METAL_GOLD":      "gold",
	"METAL_SILVER":    "silver",
	"METAL_PLATINUM":  "platinum",
	"METAL_PALLADIUM": "palladium",
	"METAL_RHODIUM":   "rhodium",
	"METAL_IRIDIUM":   "iridium",
	"METAL_RUTHENIUM": "ruthenium",
	"METAL_COPPER":    "copper",
	"METAL_ZINC":      "zinc",
	"METAL_NICKEL":    "nickel",
	"METAL_OTHER":     "other metal",

	"MODEL_BOOK_AND_CLAIM":      "book and claim",
	"MODEL_MASS_BALANCE":        "mass balance",
	"MODEL_CONTROLLED_BLENDING": "controlled blending",
	"MODEL_SEGREGATED":          "segregated",
	"MODEL_IDENTITY_PRESERVED":  "identity preserved",

	"COUNT_BASIS_COUNTED":   "counted",
	"COUNT_BASIS_ESTIMATED": "estimated",

	"UNIT_CARAT":       "carat",
	"UNIT_GRAM":        "gram",
	"UNIT_KILOGRAM":    "kilogram",
	"UNIT_MILLIGRAM":   "milligram",
	"UNIT_TROY_OUNCE":  "troy ounce",
	"UNIT_PENNYWEIGHT": "pennyweight",
	"UNIT_PEARL_GRAIN": "pearl grain",
	"UNIT_MOMME":       "momme",
	"UNIT_TOLA":        "tola",

	"MASS_BASIS_WEIGHED":    "weighed",
	"MASS_BASIS_CALCULATED": "calculated",
	"MASS_BASIS_STATED":     "stated",

	"ACQUISITION_PRODUCED":               "produced",
	"ACQUISITION_BOUGHT_FROM_NON_MEMBER": "bought from a non-member",
	"ACQUISITION_STOCK_BEFORE_JOINING":   "stock held before joining",
	"ACQUISITION_TRADE_IN":               "trade-in",

	"ORIGIN_KIND_MINED":         "mined",
	"ORIGIN_KIND_BY_PRODUCT":    "mined as a by-product",
	"ORIGIN_KIND_RECYCLED":      "recycled",
	"ORIGIN_KIND_LAB_GROWN":     "lab-grown",
	"ORIGIN_KIND_GRANDFATHERED": "grandfathered",
	"ORIGIN_KIND_UNKNOWN":       "unknown",

	"EVIDENCE_STATED":         "stated",
	"EVIDENCE_DOCUMENTED":     "documented",
	"EVIDENCE_EXAMINED":       "examined",
	"EVIDENCE_SOURCE_MATCHED": "source-matched",

	"STATE_OWNERSHIP_NONE":     "not owned by a state",
	"STATE_OWNERSHIP_MINORITY": "a state owns a minority",
	"STATE_OWNERSHIP_MAJORITY": "a state owns the majority",
	"STATE_OWNERSHIP_UNKNOWN":  "state ownership unknown",

	"OUTSIDE_ID_KIND_LABORATORY_REPORT": "laboratory report",
	"OUTSIDE_ID_KIND_INSCRIPTION":       "inscription",
	"OUTSIDE_ID_KIND_BAR_SERIAL":        "bar serial",
	"OUTSIDE_ID_KIND_HUID":              "HUID",
	"OUTSIDE_ID_KIND_SGTIN":             "SGTIN",

	"VOID_REASON_MISTAKE":   "mistake",
	"VOID_REASON_DUPLICATE": "duplicate",

	"PROCESS_CUT":         "cut",
	"PROCESS_SPLIT":       "split",
	"PROCESS_MERGE":       "merge",
	"PROCESS_MELT":        "melt",
	"PROCESS_REFINE":      "refine",
	"PROCESS_TREAT":       "treat",
	"PROCESS_ASSEMBLE":    "assemble",
	"PROCESS_DISASSEMBLE": "take apart",
	"PROCESS_REWORK":      "rework",

	"CORRECT_REASON_INCORRECT_DATA":  "incorrect data",
	"CORRECT_REASON_INCOMPLETE_DATA": "incomplete data",

	"MODE_SALE":         "sale",
	"MODE_MEMO":         "memo",
	"MODE_RETURN":       "return",
	"MODE_MEMO_TO_SALE": "memo to sale",
	"MODE_SERVICE":      "service",
	"MODE_CARRIER":      "carrier",
	"MODE_LOAN":         "loan",
	"MODE_TITLE":        "title only",

	"DECLINE_REASON_NOT_WANTED":       "not wanted",
	"DECLINE_REASON_NOT_AS_DESCRIBED": "not as described",
	"DECLINE_REASON_NEVER_ARRIVED":    "never arrived",

	"OUTSIDE_REASON_SOLD":     "sold to a non-member",
	"OUTSIDE_REASON_MEMO":     "on memo to a non-member",
	"OUTSIDE_REASON_CONSUMER": "sold to a consumer",
	"OUTSIDE_REASON_SERVICE":  "with a non-member for service",
	"OUTSIDE_REASON_CARRIER":  "with a carrier that is no member",
	"OUTSIDE_REASON_LOAN":     "on loan to a non-member",

	"IDENTITY_STATED":         "stated",
	"IDENTITY_SEAL_INTACT":    "seal intact",
	"IDENTITY_NUMBER_MATCHED": "number matched",
	"IDENTITY_EXAMINED":       "examined",

	"DOCUMENT_KIND_KIMBERLEY_CERTIFICATE":   "Kimberley certificate",
	"DOCUMENT_KIND_WARRANTY":                "warranty",
	"DOCUMENT_KIND_GRADING_REPORT":          "grading report",
	"DOCUMENT_KIND_ORIGIN_REPORT":           "origin report",
	"DOCUMENT_KIND_ASSAY":                   "assay",
	"DOCUMENT_KIND_HALLMARK":                "hallmark",
	"DOCUMENT_KIND_TRANSFER_DOCUMENT":       "transfer document",
	"DOCUMENT_KIND_DUE_DILIGENCE_STATEMENT": "due diligence statement",
	"DOCUMENT_KIND_SELF_CERTIFICATION":      "self-certification",
	"DOCUMENT_KIND_G7_CERTIFICATE":          "G7 certificate",
	"DOCUMENT_KIND_LOCATION_AT_DATE":        "location at a date",
	"DOCUMENT_KIND_SCREENING":               "screening",
	"DOCUMENT_KIND_AUDIT":                   "audit",
	"DOCUMENT_KIND_SOURCE_MATCH":            "source match",
	"DOCUMENT_KIND_PRODUCER_RECORD":         "producer record",
	"DOCUMENT_KIND_INVOICE":                 "invoice",

	"CLAIM_IDENTITY":   "identity",
	"CLAIM_MASS":       "mass",
	"CLAIM_NATURE":     "nature",
	"CLAIM_TREATMENT":  "treatment",
	"CLAIM_FINENESS":   "fineness",
	"CLAIM_ORIGIN":     "origin",
	"CLAIM_PRODUCER":   "producer",
	"CLAIM_LOCATION":   "location",
	"CLAIM_CONFORMITY": "conformity",

	"ATTEST_WITHDRAW_REASON_RETRACTED": "retracted by its issuer",
	"ATTEST_WITHDRAW_REASON_MISTAKE":   "mistake",
	"ATTEST_WITHDRAW_REASON_FORGED":    "forged",

	"DISPUTE_GROUND_TITLE":    "title",
	"DISPUTE_GROUND_CUSTODY":  "custody",
	"DISPUTE_GROUND_IDENTITY": "identity",
	"DISPUTE_GROUND_ORIGIN":   "origin",
	"DISPUTE_GROUND_NATURE":   "nature",

	"RULING_OUTCOME_DISMISSED": "dismissed",
	"RULING_OUTCOME_UPHELD":    "upheld",
	"RULING_OUTCOME_SETTLED":   "settled",

	"HOLD_AUTHORITY_COURT":       "court",
	"HOLD_AUTHORITY_POLICE":      "police",
	"HOLD_AUTHORITY_CUSTOMS":     "customs",
	"HOLD_AUTHORITY_SANCTIONS":   "sanctions authority",
	"HOLD_AUTHORITY_ASSOCIATION": "association",

	"INCIDENT_KIND_LOST":      "lost",
	"INCIDENT_KIND_STOLEN":    "stolen",
	"INCIDENT_KIND_RECOVERED": "recovered",
	"INCIDENT_KIND_DAMAGED":   "damaged",
	"INCIDENT_KIND_REPAIRED":  "repaired",
	"INCIDENT_KIND_DESTROYED": "destroyed",
}
