package ledger

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/custodyledger/custodyledger/ledger/sign"
)

// eventFields gives the table of Event in a rules version; nil for a version
// that does not exist. The table, not the binary, says which fields exist.
func eventFields(rulesVersion uint32) *message {
	if rulesVersion == RulesVersion1 {
		return eventV1
	}
	return nil
}

// RulesVersion1 is the first rules version.
const RulesVersion1 uint32 = 1

const (
	hashBytes    = 32
	idBytes      = 20
	ed25519Bytes = 33
	codeBytesMax = 32
	permyriadMax = 100_000 // ten times the width
	finenessMax  = 10_000
	hsDigits     = 6
	metalsV1     = 11 // the metals of this rules version

	treatmentCodesV1 = " N E B C D F FH G H HP I L O R U W ASBL SYN IMIT "
)

func identifier(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == ' ' || r == '-' || r == '+' || r == '.' || r == '/' || r == '(' || r == ')'
}

func upperLetter(r rune) bool { return r >= 'A' && r <= 'Z' }

// properName permits printable characters of any script, but no control, no
// bidirectional formatting, no invisible and no private characters. The ranges
// stand here and not in a Unicode table, which changes with the library.
func properName(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xad:
		return false
	case r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return false
	case r == 0x061c, r == 0x180e, r == 0xfeff, r >= 0xfff0 && r <= 0xffff, r >= 0xd800 && r <= 0xf8ff:
		return false
	case r >= 0x13430 && r <= 0x1345f, r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a:
		return false
	case r&0xfffe == 0xfffe, r > 0x3ffff:
		return false
	}
	return true
}

func (f field) must() field      { f.required = true; return f }
func (f field) upTo(n int) field { f.repeated = n; return f }

func number(n protowire.Number, name string, max uint64) field {
	return field{number: n, name: name, shape: shapeUint, max: max}
}
func flag(n protowire.Number, name string) field {
	return field{number: n, name: name, shape: shapeBool}
}
func choice(n protowire.Number, name string, last uint64) field {
	return field{number: n, name: name, shape: shapeEnum, max: last}
}
func fixed(n protowire.Number, name string, size int) field {
	return field{number: n, name: name, shape: shapeBytes, size: size}
}
func nested(n protowire.Number, name string, m *message) field {
	return field{number: n, name: name, shape: shapeMessage, message: m}
}
func country(n protowire.Number, name string) field {
	return field{number: n, name: name, shape: shapeString, size: 2, alphabet: upperLetter}
}
func digits(n protowire.Number, name string, size int) field {
	return field{number: n, name: name, shape: shapeString, size: size, alphabet: digit}
}

// decimal is a number as it was declared: digits and a point.
func decimal(n protowire.Number, name string) field {
	return field{number: n, name: name, shape: shapeString, max: DeclaredBytesMax, alphabet: digitOrPoint}
}

func digit(r rune) bool        { return r >= '0' && r <= '9' }
func digitOrPoint(r rune) bool { return digit(r) || r == '.' }

func name(n protowire.Number, fieldName string) field {
	return field{number: n, name: fieldName, shape: shapeString, max: StringBytesMax, alphabet: latinName}
}

// publicKey is a key of a kind that the rules version knows, whatever kinds the binary knows.
func publicKey(n protowire.Number, name string) field {
	return field{number: n, name: name, shape: shapeBytes, size: ed25519Bytes, first: byte(sign.Ed25519)}
}

// term is made of the words of a closed list, so that nobody can be named or priced in it.
func term(n protowire.Number, name, words string) field {
	return field{number: n, name: name, shape: shapeString, max: StringBytesMax, alphabet: identifier, words: words}
}

const (
	shapesV1  = " round oval cushion princess emerald asscher radiant pear marquise heart trillion baguette square rectangular triangle hexagon octagon briolette rose old-mine old-european cabochon bead button drop baroque near-round rough freeform other "
	speciesV1 = " corundum ruby sapphire padparadscha beryl emerald aquamarine morganite heliodor chrysoberyl alexandrite spinel garnet tsavorite demantoid rhodolite spessartine tourmaline rubellite indicolite paraiba topaz quartz amethyst citrine ametrine chalcedony agate onyx jasper opal zircon peridot zoisite tanzanite spodumene kunzite feldspar moonstone labradorite jadeite nephrite turquoise lapis-lazuli malachite rhodochrosite apatite diopside titanite iolite kyanite andalusite benitoite fluorite amber coral jet saltwater freshwater akoya south-sea tahitian abalone conch melo other "
	coloursV1 = " D E F G H I J K L M N O P Q R S T U V W X Y Z faint light fancy intense vivid deep dark medium near-colourless colourless white black grey brown pink red purple violet blue green yellow orange cream silver gold greenish bluish pinkish purplish yellowish brownish reddish orangey greyish "
	clarityV1 = " FL IF VVS1 VVS2 VS1 VS2 SI1 SI2 SI3 I1 I2 I3 eye-clean slightly moderately heavily included opaque translucent "
	cutsV1    = " Ideal Premium Excellent Very Good Fair Poor "
)

// code is what identifies and is compared: it has one way to be written.
func code(n protowire.Number, name string) field {
	return field{number: n, name: name, shape: shapeString, max: codeBytesMax, alphabet: upperOrDigit}
}

// nodeID is a node's id as the genesis writes it.
func nodeID(n protowire.Number, name string) field {
	return field{number: n, name: name, shape: shapeString, max: nodeIDBytesMax, alphabet: lowerDigitHyphen}
}

func lowerDigitHyphen(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-'
}

func upperOrDigit(r rune) bool { return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }

// latinName permits composed Latin letters beside identifier: no combining mark, no letter of another script that looks
// like a Latin one, so that a name has one form and can be screened.
func latinName(r rune) bool {
	return identifier(r) || r == '&' || r == '\'' || r == ',' ||
		r >= 0xc0 && r <= 0x17e && r != 0xd7 && r != 0xf7 && r != 0x132 && r != 0x133 && r != 0x13f && r != 0x140 && r != 0x149 ||
		r >= 0x218 && r <= 0x21b || r >= 0x1ea0 && r <= 0x1ef9
}

// times are unix milliseconds before the year 10000, so that every language
// can print them.
const timeMax = 253_402_300_799_999

var (
	itemRefV1 = &message{name: "ItemRef", fields: []field{
		fixed(1, "item", idBytes).must(),
		fixed(2, "prev", hashBytes).must(),
	}}
	groupV1 = &message{name: "Group", fields: []field{
		fixed(1, "id", len(Nonce{})).must(),
		number(2, "position", GroupEventsMax-1),
		number(3, "count", GroupEventsMax).must(),
	}}
	commitmentV1 = &message{name: "Commitment", fields: []field{
		choice(1, "field", 8).must(),
		fixed(2, "hash", hashBytes).must(),
	}}
	massV1 = &message{name: "Mass", fields: []field{
		number(1, "micrograms", MassMicrogramsMax).must(),
		choice(2, "basis", 3).must(),
		decimal(3, "declared"),
		choice(4, "unit", 9),
	}}
	portionV1 = &message{name: "Portion", fields: []field{
		number(1, "micrograms", MassMicrogramsMax).must(),
		number(2, "count", PiecesMax),
	}}
	constituentV1 = &message{name: "Constituent", fields: []field{
		choice(1, "metal", metalsV1).must(),
		number(2, "micrograms", MassMicrogramsMax).must(),
	}}
	treatmentsV1 = &message{name: "Treatments", fields: []field{
		number(1, "list", 9999).must(),
		term(2, "codes", treatmentCodesV1).upTo(TreatmentsMax).must(),
	}}
	originV1 = &message{name: "OriginComponent", fields: []field{
		number(1, "micrograms", MassMicrogramsMax).must(),
		choice(2, "kind", 6).must(),
		country(3, "countries").upTo(CountriesMax),
		name(5, "mine"),
		name(6, "producer"),
		choice(7, "state_ownership", 4),
		number(8, "ownership_as_of_ms", timeMax),
		choice(9, "metal", metalsV1),
	}}
	descriptionV1 = &message{name: "Description", fields: []field{
		term(1, "shape", shapesV1),
		term(2, "species", speciesV1),
		term(3, "colour", coloursV1),
		term(4, "clarity", clarityV1),
		term(5, "cut", cutsV1),
		number(6, "length_um", math.MaxUint32),
		number(7, "width_um", math.MaxUint32),
		number(8, "height_um", math.MaxUint32),
		number(9, "depth_permyriad", permyriadMax),
		number(10, "table_permyriad", permyriadMax),
		fixed(11, "photo_sha256", hashBytes),
		choice(12, "growth", 6),
	}}
	outsideIDV1 = &message{name: "OutsideId", fields: []field{
		choice(1, "kind", 5).must(),
		code(2, "issuer").must(),
		code(3, "number").must(),
	}}

	partyAdmitV1 = &message{name: "PartyAdmit", fields: []field{
		publicKey(1, "key").must(),
		number(2, "scopes", uint64(ScopesAll)).must(),
		publicKey(3, "recovery_key").must(),
		country(4, "country").must(),
		choice(5, "role", 8).must(),
	}}
	partySponsorV1 = &message{name: "PartySponsor", fields: []field{
		fixed(1, "party", idBytes).must(),
	}}
	partySuspendV1 = &message{name: "PartySuspend", fields: []field{
		fixed(1, "party", idBytes).must(),
		choice(2, "reason", 3).must(),
	}}
	keyAddV1 = &message{name: "KeyAdd", fields: []field{
		publicKey(1, "key").must(),
		number(2, "scopes", uint64(ScopesAll)).must(),
	}}
	keyRevokeV1 = &message{name: "KeyRevoke", fields: []field{
		fixed(1, "key_id", idBytes).must(),
		choice(2, "reason", 4).must(),
	}}
	nodeKeysV1 = &message{name: "NodeKeys", fields: []field{
		nodeID(1, "node_id").must(),
		publicKey(2, "log_key").must(),
		publicKey(3, "cosigner_key").must(),
		publicKey(4, "statement_key").must(),
	}}
	policyProposeV1 = &message{name: "PolicyPropose", fields: []field{
		fixed(1, "base", len(PolicyID{})).must(),
		number(2, "quorum", NodesMax).must(),
		nested(3, "node", nodeKeysV1),
	}}
	policyApproveV1 = &message{name: "PolicyApprove", fields: []field{
		fixed(1, "proposal", hashBytes).must(),
	}}
	billLineV1 = &message{name: "BillLine", fields: []field{
		choice(1, "material", 5).must(),
		choice(2, "form", 5).must(),
		choice(3, "nature", 5),
		nested(4, "mass", massV1).must(),
		number(5, "count", PiecesMax),
		choice(6, "count_basis", 2),
		nested(7, "description", descriptionV1),
		nested(8, "composition", constituentV1).upTo(metalsV1),
		choice(9, "stage", 2),
		nested(10, "treatments", treatmentsV1),
		nested(11, "origin", originV1).upTo(OriginComponentsMax),
	}}
	itemRegisterV1 = &message{name: "ItemRegister", fields: []field{
		choice(1, "material", 5),
		choice(2, "form", 5).must(),
		choice(3, "nature", 5),
		nested(4, "mass", massV1).must(),
		number(5, "count", PiecesMax),
		nested(6, "description", descriptionV1),
		choice(7, "acquisition", 4).must(),
		nested(8, "origin", originV1).upTo(OriginComponentsMax),
		nested(9, "outside_ids", outsideIDV1).upTo(OutsideIDsMax),
		fixed(10, "reference", len(Reference{})),
		country(11, "processed_in"),
		country(12, "customs_origin"),
		country(13, "exported_from"),
		choice(14, "count_basis", 2),
		nested(15, "composition", constituentV1).upTo(metalsV1),
		number(16, "fineness_permyriad", finenessMax),
		choice(17, "stage", 2),
		nested(18, "treatments", treatmentsV1),
		digits(19, "hs_code", hsDigits),
		choice(20, "model", 5),
		nested(21, "bill", billLineV1).upTo(BillLinesMax),
		flag(22, "equal_pieces"),
	}}
	itemVoidV1 = &message{name: "ItemVoid", fields: []field{
		nested(1, "item", itemRefV1).must(),
		choice(2, "reason", 2).must(),
	}}
	allocationV1 = &message{name: "Allocation", fields: []field{
		number(1, "component", math.MaxUint32).must(),
		number(2, "micrograms", MassMicrogramsMax).must(),
	}}
	outputV1 = &message{name: "Output", fields: []field{
		choice(1, "material", 5),
		choice(2, "form", 5).must(),
		choice(3, "nature", 5),
		nested(4, "mass", massV1).must(),
		number(5, "count", PiecesMax),
		choice(6, "count_basis", 2),
		nested(7, "description", descriptionV1),
		nested(8, "composition", constituentV1).upTo(metalsV1),
		number(9, "fineness_permyriad", finenessMax),
		choice(10, "stage", 2),
		digits(11, "hs_code", hsDigits),
		nested(12, "allocation", allocationV1).upTo(OriginComponentsMax),
		nested(13, "outside_ids", outsideIDV1).upTo(OutsideIDsMax),
		fixed(14, "reference", len(Reference{})),
		flag(15, "equal_pieces"),
		number(16, "bill_line", BillLinesMax),
	}}
	balanceV1 = &message{name: "Balance", fields: []field{
		choice(1, "material", 5).must(),
		choice(2, "metal", metalsV1),
		number(3, "loss_micrograms", MassMicrogramsMax),
		number(4, "gain_micrograms", MassMicrogramsMax),
		number(5, "shortfall_micrograms", MassMicrogramsMax),
	}}
	filingV1 = &message{name: "Filing", fields: []field{
		nested(1, "item", itemRefV1).must(),
		number(2, "micrograms", MassMicrogramsMax).must(),
	}}
	transformV1 = &message{name: "Transform", fields: []field{
		choice(1, "process", 9).must(),
		nested(2, "inputs", itemRefV1).upTo(ChangeItemsMax).must(),
		nested(3, "outputs", outputV1).upTo(ChangeItemsMax),
		nested(4, "balances", balanceV1).upTo(BalancesMax),
		nested(5, "additions", billLineV1).upTo(BillLinesMax),
		nested(6, "removed", itemRefV1).upTo(ChangeItemsMax),
		nested(7, "filings", filingV1).upTo(ChangeItemsMax),
		nested(8, "treatments", treatmentsV1),
		country(9, "country"),
	}}
	reweighV1 = &message{name: "Reweigh", fields: []field{
		nested(1, "item", itemRefV1).must(),
		nested(2, "mass", massV1).must(),
		number(3, "count", PiecesMax),
	}}
	originCorrectionV1 = &message{name: "OriginCorrection", fields: []field{
		number(1, "component", OriginComponentsMax).must(),
		country(2, "countries").upTo(CountriesMax),
	}}
	correctV1 = &message{name: "Correct", fields: []field{
		nested(1, "item", itemRefV1).must(),
		choice(2, "reason", 2).must(),
		fixed(3, "holder", idBytes),
		nested(4, "description", descriptionV1),
		nested(5, "outside_ids", outsideIDV1).upTo(OutsideIDsMax),
		country(6, "processed_in"),
		country(7, "customs_origin"),
		country(8, "exported_from"),
		digits(9, "hs_code", hsDigits),
		nested(10, "origin", originCorrectionV1).upTo(OriginComponentsMax),
	}}
	offerV1 = &message{name: "Offer", fields: []field{
		nested(1, "item", itemRefV1).must(),
		fixed(2, "to", idBytes).must(),
		choice(3, "mode", 8).must(),
		number(4, "expires_at_ms", timeMax).must(),
		flag(5, "goods_left"),
		number(6, "until_ms", timeMax),
		nested(7, "part", portionV1),
		fixed(8, "agent", idBytes),
		flag(9, "may_memo_on"),
	}}
	acceptV1 = &message{name: "Accept", fields: []field{
		nested(1, "item", itemRefV1).must(),
		fixed(2, "offer", hashBytes).must(),
		fixed(3, "from", idBytes).must(),
		nested(4, "received", portionV1),
	}}
	declineV1 = &message{name: "Decline", fields: []field{
		nested(1, "item", itemRefV1).must(),
		fixed(2, "offer", hashBytes).must(),
		choice(3, "reason", 3).must(),
	}}
	withdrawV1 = &message{name: "Withdraw", fields: []field{
		nested(1, "item", itemRefV1).must(),
		fixed(2, "offer", hashBytes).must(),
	}}
	releaseV1 = &message{name: "Release", fields: []field{
		nested(1, "item", itemRefV1).must(),
		choice(2, "reason", 6).must(),
		country(3, "country").must(),
	}}
	reenterV1 = &message{name: "Reenter", fields: []field{
		nested(1, "item", itemRefV1).must(),
		choice(2, "identity", 4).must(),
		nested(3, "mass", massV1),
		number(4, "count", PiecesMax),
	}}
	reclaimV1 = &message{name: "Reclaim", fields: []field{
		nested(1, "item", itemRefV1).must(),
		fixed(2, "from", idBytes).must(),
		fixed(3, "association", idBytes).must(),
	}}
	titlePartV1 = &message{name: "TitlePart", fields: []field{
		fixed(1, "party", idBytes).must(),
		number(2, "parts", TitlePartsMax).must(),
	}}
	shareV1 = &message{name: "Share", fields: []field{
		nested(1, "item", itemRefV1).must(),
		nested(2, "owners", titlePartV1).upTo(SignersMax).must(),
		fixed(3, "leaving", idBytes).upTo(SignersMax),
	}}
	borderCrossV1 = &message{name: "BorderCross", fields: []field{
		nested(1, "item", itemRefV1).must(),
		country(2, "from").must(),
		country(3, "to").must(),
		fixed(4, "certificate", hashBytes),
		digits(5, "hs_code", hsDigits),
	}}
	claimMadeV1 = &message{name: "ClaimMade", fields: []field{
		choice(1, "claim", 9).must(),
		choice(2, "level", 4).must(),
	}}
	attestV1 = &message{name: "Attest", fields: []field{
		fixed(1, "item", idBytes).must(),
		choice(2, "kind", 16).must(),
		flag(3, "own"),
		name(4, "issuer"),
		country(5, "country"),
		code(6, "number"),
		fixed(7, "document_sha256", hashBytes).must(),
		number(8, "issued_ms", timeMax),
		number(9, "expires_ms", timeMax),
		nested(10, "claims", claimMadeV1).upTo(9).must(),
		country(11, "countries").upTo(CountriesMax),
		name(12, "producer"),
		nested(13, "quantity", portionV1),
		nested(14, "drawn", portionV1),
		number(15, "found_count", PiecesMax),
		choice(16, "found_nature", 5),
		nested(17, "treatments", treatmentsV1),
	}}
	attestWithdrawV1 = &message{name: "AttestWithdraw", fields: []field{
		fixed(1, "item", idBytes).must(),
		fixed(2, "attestation", hashBytes).must(),
		choice(3, "reason", 3).must(),
		fixed(4, "attestor", idBytes),
	}}
	disputeV1 = &message{name: "Dispute", fields: []field{
		fixed(1, "item", idBytes).must(),
		choice(2, "ground", 5).must(),
		fixed(3, "event", hashBytes),
		fixed(4, "evidence_sha256", hashBytes),
	}}
	rulingV1 = &message{name: "Ruling", fields: []field{
		fixed(1, "item", idBytes).must(),
		fixed(2, "dispute", hashBytes),
		nested(3, "outside_id", outsideIDV1),
		choice(4, "outcome", 3).must(),
		fixed(5, "second", idBytes),
	}}
	holdV1 = &message{name: "Hold", fields: []field{
		fixed(1, "item", idBytes).must(),
		choice(2, "authority", 5).must(),
		fixed(3, "order_sha256", hashBytes).must(),
		fixed(4, "second", idBytes),
	}}
	holdReleaseV1 = &message{name: "HoldRelease", fields: []field{
		fixed(1, "item", idBytes).must(),
		fixed(2, "hold", hashBytes).must(),
		fixed(3, "second", idBytes),
	}}
	incidentV1 = &message{name: "Incident", fields: []field{
		nested(1, "item", itemRefV1).must(),
		choice(2, "kind", 6).must(),
	}}

	eventV1 = (&message{name: "Event", choiceFirst: 16, choiceLast: 63, fields: []field{
		fixed(1, "ledger_id", hashBytes).must(),
		fixed(2, "party", idBytes).must(),
		publicKey(3, "signers").upTo(SignersMax).must(),
		fixed(4, "nonce", len(Nonce{})).must(),
		number(5, "occurred_at_ms", timeMax).must(),
		number(6, "not_after_ms", timeMax).must(),
		nested(7, "group", groupV1),
		nested(8, "commitments", commitmentV1).upTo(CommitmentsMax),
		nested(16, "party_admit", partyAdmitV1),
		nested(17, "party_sponsor", partySponsorV1),
		nested(18, "party_suspend", partySuspendV1),
		nested(19, "key_add", keyAddV1),
		nested(20, "key_revoke", keyRevokeV1),
		nested(21, "policy_propose", policyProposeV1),
		nested(22, "policy_approve", policyApproveV1),
		nested(32, "item_register", itemRegisterV1),
		nested(33, "item_void", itemVoidV1),
		nested(34, "transform", transformV1),
		nested(35, "reweigh", reweighV1),
		nested(36, "correct", correctV1),
		nested(40, "offer", offerV1),
		nested(41, "accept", acceptV1),
		nested(42, "decline", declineV1),
		nested(43, "withdraw", withdrawV1),
		nested(44, "release", releaseV1),
		nested(45, "reenter", reenterV1),
		nested(46, "reclaim", reclaimV1),
		nested(47, "share", shareV1),
		nested(48, "border_cross", borderCrossV1),
		nested(52, "attest", attestV1),
		nested(53, "attest_withdraw", attestWithdrawV1),
		nested(54, "dispute", disputeV1),
		nested(55, "ruling", rulingV1),
		nested(56, "hold", holdV1),
		nested(57, "hold_release", holdReleaseV1),
		nested(58, "incident", incidentV1),
	}}).index()
)
