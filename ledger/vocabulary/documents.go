package vocabulary

import (
	"fmt"
	"strings"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Need says whether a field of an attestation may stand.
type Need uint8

// The needs; the zero value leaves the choice.
const (
	Optional Need = iota
	Required
	Refused
)

// String gives the need in plain words.
func (n Need) String() string {
	switch n {
	case Required:
		return "required"
	case Refused:
		return "not permitted"
	}
	return "optional"
}

// Check refuses a field that is missing or must not stand.
func (n Need) Check(present bool) error {
	switch {
	case n == Required && !present:
		return fmt.Errorf("missing; a paper of this kind has it")
	case n == Refused && present:
		return fmt.Errorf("a paper of this kind has none; leave it out")
	}
	return nil
}

// Issuer says who may issue a kind of paper as a party of the ledger itself. Whoever
// is not on the ledger can issue any: somebody attests a copy of it.
type Issuer uint8

// The issuers.
const (
	Nobody     Issuer = iota // an authority that is no party: only copies are attested
	Anybody                  // a statement of a party's own
	Laboratory               // a party with the role laboratory, assay offices among them
	Miner                    // a party with the role miner
)

// May tells whether a party with a role may issue it.
func (i Issuer) May(role custodyv1.Role) bool {
	switch i {
	case Anybody:
		return true
	case Laboratory:
		return role == custodyv1.Role_ROLE_LABORATORY
	case Miner:
		return role == custodyv1.Role_ROLE_MINER
	}
	return false
}

// String gives the issuer in plain words.
func (i Issuer) String() string {
	switch i {
	case Anybody:
		return "any party"
	case Laboratory:
		return "a laboratory"
	case Miner:
		return "a miner"
	}
	return "no party of the ledger; its copy is attested"
}

// Document is what a kind of paper looks like and what it can show.
type Document struct {
	Kind   custodyv1.DocumentKind
	Issuer Issuer
	// A paper with a quantity is drawn down, and has a number to be known by: Quantity
	// stands beside Number only.
	Number, Country, Quantity, Issued, Expiry Need
	// Finds tells whether it may report pieces of another nature than the item says.
	Finds bool
	// On says what it can be about; see CheckDocument.
	on func(custodyv1.Material, custodyv1.Nature, custodyv1.Stage) bool
	// about is on in plain words.
	about string
	shows map[custodyv1.Claim]custodyv1.Evidence
}

type evidences = map[custodyv1.Claim]custodyv1.Evidence

const (
	stated     = custodyv1.Evidence_EVIDENCE_STATED
	documented = custodyv1.Evidence_EVIDENCE_DOCUMENTED
	examined   = custodyv1.Evidence_EVIDENCE_EXAMINED
	matched    = custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED

	identity   = custodyv1.Claim_CLAIM_IDENTITY
	mass       = custodyv1.Claim_CLAIM_MASS
	nature     = custodyv1.Claim_CLAIM_NATURE
	treatment  = custodyv1.Claim_CLAIM_TREATMENT
	fineness   = custodyv1.Claim_CLAIM_FINENESS
	origin     = custodyv1.Claim_CLAIM_ORIGIN
	producer   = custodyv1.Claim_CLAIM_PRODUCER
	location   = custodyv1.Claim_CLAIM_LOCATION
	conformity = custodyv1.Claim_CLAIM_CONFORMITY
)

// What papers can be about. A piece has no material of its own.
func anything(custodyv1.Material, custodyv1.Nature, custodyv1.Stage) bool { return true }

func roughNaturalDiamonds(m custodyv1.Material, n custodyv1.Nature, s custodyv1.Stage) bool {
	return m == custodyv1.Material_MATERIAL_DIAMOND && n == custodyv1.Nature_NATURE_NATURAL && s == custodyv1.Stage_STAGE_ROUGH
}

func colouredStones(m custodyv1.Material, _ custodyv1.Nature, _ custodyv1.Stage) bool {
	return m == custodyv1.Material_MATERIAL_GEM
}

func stonesPearlsPieces(m custodyv1.Material, _ custodyv1.Nature, _ custodyv1.Stage) bool {
	return m != custodyv1.Material_MATERIAL_METAL && m != custodyv1.Material_MATERIAL_OTHER
}

func diamondsPieces(m custodyv1.Material, _ custodyv1.Nature, _ custodyv1.Stage) bool {
	return m == custodyv1.Material_MATERIAL_DIAMOND || m == custodyv1.Material_MATERIAL_UNSPECIFIED
}

func metalsPieces(m custodyv1.Material, _ custodyv1.Nature, _ custodyv1.Stage) bool {
	return m == custodyv1.Material_MATERIAL_METAL || m == custodyv1.Material_MATERIAL_UNSPECIFIED
}

// documents is the table document kind × claim -> highest level, and what else holds
// for a kind. It is sober on purpose: who sells cannot raise what it says itself above
// stated; a scale on an invoice is a document; what was looked at is examined only for
// what one can see by looking, and where a diamond was mined is not among that.
var documents = []Document{
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: Nobody,
		Number: Required, Country: Required, Quantity: Required, Issued: Required, Expiry: Required,
		on: roughNaturalDiamonds, about: "rough natural diamonds",
		shows: evidences{mass: documented, origin: documented},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY, Issuer: Anybody,
		on: stonesPearlsPieces, about: "stones, pearls and pieces",
		shows: evidences{nature: stated, treatment: stated, origin: stated, conformity: stated},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, Issuer: Laboratory,
		Number: Required, Quantity: Refused, Finds: true,
		on: stonesPearlsPieces, about: "stones, pearls and pieces",
		shows: evidences{identity: examined, mass: examined, nature: examined, treatment: examined},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_ORIGIN_REPORT, Issuer: Laboratory,
		Number: Required, Quantity: Refused,
		on: colouredStones, about: "coloured stones: nothing in a diamond or pearl shows where it is from",
		shows: evidences{identity: examined, mass: examined, nature: examined, treatment: examined, origin: examined},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_ASSAY, Issuer: Laboratory,
		Number: Required,
		on:     metalsPieces, about: "metals and pieces",
		shows: evidences{mass: examined, fineness: examined},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_HALLMARK, Issuer: Laboratory,
		Quantity: Refused,
		on:       metalsPieces, about: "metals and pieces",
		shows: evidences{fineness: documented},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT, Issuer: Anybody,
		Number: Required,
		on:     metalsPieces, about: "metals and pieces",
		shows: evidences{origin: documented, conformity: documented},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_DUE_DILIGENCE_STATEMENT, Issuer: Anybody,
		on: diamondsPieces, about: "diamonds and pieces",
		shows: evidences{origin: stated, conformity: stated},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_SELF_CERTIFICATION, Issuer: Anybody,
		on: diamondsPieces, about: "diamonds and pieces",
		shows: evidences{origin: stated, location: stated},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_G7_CERTIFICATE, Issuer: Nobody,
		Number: Required, Country: Required,
		on: diamondsPieces, about: "diamonds and pieces",
		shows: evidences{origin: documented},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_LOCATION_AT_DATE, Issuer: Anybody,
		Quantity: Refused, Issued: Required,
		on: anything, about: "anything",
		shows: evidences{location: stated},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING, Issuer: Laboratory,
		Finds: true,
		on:    stonesPearlsPieces, about: "stones, pearls and pieces",
		shows: evidences{nature: examined},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_AUDIT, Issuer: Nobody,
		Quantity: Refused,
		on:       anything, about: "anything",
		shows: evidences{conformity: examined},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_SOURCE_MATCH, Issuer: Laboratory,
		Quantity: Refused,
		on:       stonesPearlsPieces, about: "stones, pearls and pieces",
		shows: evidences{identity: matched, origin: matched, producer: matched},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_PRODUCER_RECORD, Issuer: Miner,
		on: anything, about: "anything",
		shows: evidences{origin: documented, producer: documented},
	},
	{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE, Issuer: Anybody,
		on: anything, about: "anything",
		shows: evidences{
			identity: stated, mass: documented, nature: stated, treatment: stated, fineness: stated,
			origin: stated, producer: stated, location: stated, conformity: stated,
		},
	},
}

// DocumentOf gives the row of a kind of paper.
func DocumentOf(kind custodyv1.DocumentKind) (Document, bool) {
	for _, d := range documents {
		if d.Kind == kind {
			return d, true
		}
	}
	return Document{}, false
}

// Highest gives the highest level of evidence that a kind of paper can be for a claim;
// unspecified if it cannot show it at all.
func Highest(kind custodyv1.DocumentKind, claim custodyv1.Claim) custodyv1.Evidence {
	d, _ := DocumentOf(kind)
	return d.shows[claim]
}

// HighestOf is Highest for a party that attests it: who issued the paper itself (own)
// may go up to that; who has a copy of somebody else's, at most up to documented.
func HighestOf(kind custodyv1.DocumentKind, claim custodyv1.Claim, own bool) custodyv1.Evidence {
	level := Highest(kind, claim)
	if !own {
		level = min(level, documented)
	}
	return level
}

// CheckDocument refuses a paper about goods that such papers are never about. A piece
// has material, nature and stage unspecified.
func CheckDocument(kind custodyv1.DocumentKind, material custodyv1.Material, nature custodyv1.Nature, stage custodyv1.Stage) error {
	d, ok := DocumentOf(kind)
	switch {
	case !ok:
		return fmt.Errorf("kind %d: no such kind of document", kind)
	case !d.on(material, nature, stage):
		return fmt.Errorf("a %s is about %s, not about %s", Word(kind), d.about, goodsWords(material, nature, stage))
	}
	return nil
}

func goodsWords(material custodyv1.Material, nature custodyv1.Nature, stage custodyv1.Stage) string {
	if material == custodyv1.Material_MATERIAL_UNSPECIFIED {
		return "a piece"
	}
	var words []string
	if stage != 0 {
		words = append(words, Word(stage))
	}
	if nature != 0 {
		words = append(words, Word(nature))
	}
	return strings.Join(append(words, Word(material)), " ")
}
