package ledger

import "fmt"

// Reason is a stable code that says why something a client sent was refused.
// The list is closed: a program may switch on it, and a code never changes its
// meaning. The same codes travel in google.rpc.ErrorInfo.
type Reason string

// Form: the bytes are not an acceptable event. Found before any state is read.
const (
	Malformed        Reason = "MALFORMED"          // not a protobuf message, or cut short
	UnknownField     Reason = "UNKNOWN_FIELD"      // a field that the rules version does not have
	RepeatedField    Reason = "REPEATED_FIELD"     // a field that may stand once stands twice
	NonCanonical     Reason = "NON_CANONICAL"      // a second way to write the same value
	MissingField     Reason = "MISSING_FIELD"      // a required field is absent
	InvalidField     Reason = "INVALID_FIELD"      // a value outside its range
	UnknownEventType Reason = "UNKNOWN_EVENT_TYPE" // an event of another rules version
	TooLarge         Reason = "TOO_LARGE"          // over a size limit
	OpeningMismatch  Reason = "OPENING_MISMATCH"   // an opening that fits no commitment
)

// Signature: who signed, and whether it holds.
const (
	WrongLedger         Reason = "WRONG_LEDGER"         // signed for another ledger
	BadSignature        Reason = "BAD_SIGNATURE"        // the signature does not hold
	BadKey              Reason = "BAD_KEY"              // a key that may not be registered
	UnknownKey          Reason = "UNKNOWN_KEY"          // a signer that no party has registered
	ForeignKey          Reason = "FOREIGN_KEY"          // a signer that is another party's key
	KeyRevoked          Reason = "KEY_REVOKED"          // a signer revoked earlier in the log
	MissingScope        Reason = "MISSING_SCOPE"        // the key may not do this
	WrongSigners        Reason = "WRONG_SIGNERS"        // too few or too many keys signed
	KeyInUse            Reason = "KEY_IN_USE"           // a new key that is registered already
	LastAdministerKey   Reason = "LAST_ADMINISTER_KEY"  // would leave the party without control
	UnknownParty        Reason = "UNKNOWN_PARTY"        // no such party
	PartySuspended      Reason = "PARTY_SUSPENDED"      // no sponsor stands
	NotAssociation      Reason = "NOT_ASSOCIATION"      // only an association may do this
	NotSponsor          Reason = "NOT_SPONSOR"          // the association does not sponsor the party
	AlreadySponsor      Reason = "ALREADY_SPONSOR"      // nothing to change
	AssociationExcluded Reason = "ASSOCIATION_EXCLUDED" // associations do not trade
	MissingLegalName    Reason = "MISSING_LEGAL_NAME"   // admission without a commitment to the name
	UnknownRevokedKey   Reason = "UNKNOWN_REVOKED_KEY"  // the key to revoke is not the party's
	KeyRevokedAlready   Reason = "KEY_REVOKED_ALREADY"  // nothing to change
)

// Time.
const (
	EventExpired    Reason = "EVENT_EXPIRED"     // recorded past not_after
	NotAfterTooFar  Reason = "NOT_AFTER_TOO_FAR" // not_after more than 90 days away
	OccurredAhead   Reason = "OCCURRED_AHEAD"    // happened after the ledger's time
	OccurredBehind  Reason = "OCCURRED_BEHIND"   // happened before the last event on the item, or before there was one
	ExpiryInvalid   Reason = "EXPIRY_INVALID"    // an offer that ends too early or too late
	MemoTermInvalid Reason = "MEMO_TERM_INVALID" // a memo without an end, or an end without a memo
)

// Items and movement.
const (
	UnknownItem        Reason = "UNKNOWN_ITEM"        // no such item
	ItemVoided         Reason = "ITEM_VOIDED"         // its registration was taken back
	StalePrev          Reason = "STALE_PREV"          // not the last event on the item
	ReferenceTaken     Reason = "REFERENCE_TAKEN"     // the registrant used this reference already
	MassMismatch       Reason = "MASS_MISMATCH"       // origin components do not add up
	NatureMismatch     Reason = "NATURE_MISMATCH"     // origin and nature contradict each other
	CountInvalid       Reason = "COUNT_INVALID"       // a count that the form does not have
	DescriptionInvalid Reason = "DESCRIPTION_INVALID" // a description the material does not have
	CountryInvalid     Reason = "COUNTRY_INVALID"     // not an ISO 3166-1 alpha-2 code, or not where it belongs
	NotHolder          Reason = "NOT_HOLDER"          // the party does not hold the item
	NotOwner           Reason = "NOT_OWNER"           // the party does not own the item
	OwnGoods           Reason = "OWN_GOODS"           // a return or memo sale of goods that are the party's own
	ReceiverNotOwner   Reason = "RECEIVER_NOT_OWNER"  // a return to somebody else
	ReceiverNotHolder  Reason = "RECEIVER_NOT_HOLDER" // memo goods sold to somebody who does not hold them
	SelfTransfer       Reason = "SELF_TRANSFER"       // from and to are the same party
	OfferOpen          Reason = "OFFER_OPEN"          // another offer stands on the same register
	UnknownOffer       Reason = "UNKNOWN_OFFER"       // no such open offer on the item
	NotOffered         Reason = "NOT_OFFERED"         // the offer is made to another party
	NotOfferer         Reason = "NOT_OFFERER"         // the offer is another party's
	OfferExpired       Reason = "OFFER_EXPIRED"       // accepted or declined too late
	OfferDeclined      Reason = "OFFER_DECLINED"      // declined before
	GoodsLeftInvalid   Reason = "GOODS_LEFT_INVALID"  // goods cannot leave where they already are
	NotRegistrant      Reason = "NOT_REGISTRANT"      // only the registrant may void
	AlreadyOffered     Reason = "ALREADY_OFFERED"     // too late to void
	ItemOutside        Reason = "ITEM_OUTSIDE"        // the item is with somebody outside the ledger
	ItemNotOutside     Reason = "ITEM_NOT_OUTSIDE"    // nothing to bring back
	NotReleaser        Reason = "NOT_RELEASER"        // another party released it
)

// The whole trade: matter, papers and what comes after.
const (
	SetInPiece           Reason = "SET_IN_PIECE"          // it moves with the piece that it is set in
	ItemConsumed         Reason = "ITEM_CONSUMED"         // a change of matter used it up
	ItemDestroyed        Reason = "ITEM_DESTROYED"        // it is no more
	ItemStolen           Reason = "ITEM_STOLEN"           // reported stolen
	ItemLost             Reason = "ITEM_LOST"             // reported lost
	ItemHeld             Reason = "ITEM_HELD"             // held by an authority
	ItemDisputed         Reason = "ITEM_DISPUTED"         // title and matter are disputed
	OnMemo               Reason = "ON_MEMO"               // the holder has it on memo and may buy it
	ReceiverIsHolder     Reason = "RECEIVER_IS_HOLDER"    // the receiver holds it already
	MayNotLend           Reason = "MAY_NOT_LEND"          // the holder may not give it on under this mode
	PortionInvalid       Reason = "PORTION_INVALID"       // not a part of these goods
	NotOverdue           Reason = "NOT_OVERDUE"           // the term has not ended, or there is none
	NotLent              Reason = "NOT_LENT"              // the holder has the goods under no term
	CountersignerInvalid Reason = "COUNTERSIGNER_INVALID" // not the party that has to countersign
	SharesInvalid        Reason = "SHARES_INVALID"        // owners that do not fit the title
	TitleDiffers         Reason = "TITLE_DIFFERS"         // goods of different owners, or under different terms, in one change
	MaterialMismatch     Reason = "MATERIAL_MISMATCH"     // goods of materials, species or stages that this may not join or make
	FormInvalid          Reason = "FORM_INVALID"          // a form that the material or process does not have
	CompositionInvalid   Reason = "COMPOSITION_INVALID"   // metals that do not add up, or where there are none
	FinenessInvalid      Reason = "FINENESS_INVALID"      // a fineness that does not follow from the composition
	HSCodeInvalid        Reason = "HS_CODE_INVALID"       // not an HS 2022 code for such goods
	UnitMismatch         Reason = "UNIT_MISMATCH"         // the declared mass is not the one in micrograms
	TreatmentInvalid     Reason = "TREATMENT_INVALID"     // a treatment that contradicts what the goods are
	OutsideIDInvalid     Reason = "OUTSIDE_ID_INVALID"    // not a number of this kind
	ConservationViolated Reason = "CONSERVATION_VIOLATED" // outputs, loss and differences do not add up to the inputs
	LossTooLarge         Reason = "LOSS_TOO_LARGE"        // more than this process may lose
	DifferenceTooLarge   Reason = "DIFFERENCE_TOO_LARGE"  // more than scales differ
	AllocationInvalid    Reason = "ALLOCATION_INVALID"    // sorted origins that the inputs do not have
	TooManyOrigins       Reason = "TOO_MANY_ORIGINS"      // more origin components than one item can have
	ProcessInvalid       Reason = "PROCESS_INVALID"       // inputs or outputs that the process does not have
	NotPart              Reason = "NOT_PART"              // not a part of the piece
	CorrectionInvalid    Reason = "CORRECTION_INVALID"    // nothing to correct, or not wider than before
	BuiltOn              Reason = "BUILT_ON"              // others have built on it
	PaperInvalid         Reason = "PAPER_INVALID"         // a paper of this kind cannot look so
	PaperExpired         Reason = "PAPER_EXPIRED"         // the paper is not valid now
	PaperSpent           Reason = "PAPER_SPENT"           // the paper covers less than that
	PaperDiffers         Reason = "PAPER_DIFFERS"         // another paper has this number
	PaperMismatch        Reason = "PAPER_MISMATCH"        // the paper does not fit the item
	ClaimTooStrong       Reason = "CLAIM_TOO_STRONG"      // a paper of this kind cannot show that
	NotIssuer            Reason = "NOT_ISSUER"            // the party may not issue such papers
	UnknownAttestation   Reason = "UNKNOWN_ATTESTATION"   // no such attestation of the item
	AttestationWithdrawn Reason = "ATTESTATION_WITHDRAWN" // taken back before
	NotAttestor          Reason = "NOT_ATTESTOR"          // somebody else attested it
	CertificateRequired  Reason = "CERTIFICATE_REQUIRED"  // rough diamonds cross borders with a Kimberley certificate
	NotConcerned         Reason = "NOT_CONCERNED"         // no party of the item's record
	TooManyOpen          Reason = "TOO_MANY_OPEN"         // as many as one item can have, or one by this party already
	UnknownDispute       Reason = "UNKNOWN_DISPUTE"       // no such open dispute
	UnknownHold          Reason = "UNKNOWN_HOLD"          // no such open hold
	UnknownClaim         Reason = "UNKNOWN_CLAIM"         // the outside id is not the item's
	TwoBodiesRequired    Reason = "TWO_BODIES_REQUIRED"   // two associations decide this
	IncidentInvalid      Reason = "INCIDENT_INVALID"      // nothing that can befall the item now
)

// Policy.
const (
	PolicyStale     Reason = "POLICY_STALE"     // not based on the policy in force
	PolicyPending   Reason = "POLICY_PENDING"   // an adopted policy waits for its handover
	PolicyUnchanged Reason = "POLICY_UNCHANGED" // the policy in force says the same
	QuorumInvalid   Reason = "QUORUM_INVALID"   // not a majority of the nodes, or more than all
	UnknownNode     Reason = "UNKNOWN_NODE"     // the association has no such node in the policy
	NoNode          Reason = "NO_NODE"          // the association has no node in the policy
	UnknownProposal Reason = "UNKNOWN_PROPOSAL" // no such open proposal
	AlreadyApproved Reason = "ALREADY_APPROVED" // nothing to change
	HandoverInvalid Reason = "HANDOVER_INVALID" // a handover that the log does not bear out
)

// Groups.
const (
	GroupIncomplete Reason = "GROUP_INCOMPLETE" // not all events of the group, each once, in order
	GroupMixed      Reason = "GROUP_MIXED"      // some of its events are recorded already
	GroupTooLarge   Reason = "GROUP_TOO_LARGE"  // does not fit one Raft entry
)

// Reasons is the closed list.
var Reasons = []Reason{
	Malformed,
	UnknownField,
	RepeatedField,
	NonCanonical,
	MissingField,
	InvalidField,
	UnknownEventType,
	TooLarge,
	OpeningMismatch,
	WrongLedger,
	BadSignature,
	BadKey,
	UnknownKey,
	ForeignKey,
	KeyRevoked,
	MissingScope,
	WrongSigners,
	KeyInUse,
	LastAdministerKey,
	UnknownParty,
	PartySuspended,
	NotAssociation,
	NotSponsor,
	AlreadySponsor,
	AssociationExcluded,
	MissingLegalName,
	UnknownRevokedKey,
	KeyRevokedAlready,
	EventExpired,
	NotAfterTooFar,
	OccurredAhead,
	OccurredBehind,
	ExpiryInvalid,
	MemoTermInvalid,
	UnknownItem,
	ItemVoided,
	StalePrev,
	ReferenceTaken,
	MassMismatch,
	NatureMismatch,
	CountInvalid,
	DescriptionInvalid,
	CountryInvalid,
	NotHolder,
	NotOwner,
	OwnGoods,
	ReceiverNotOwner,
	ReceiverNotHolder,
	SelfTransfer,
	OfferOpen,
	UnknownOffer,
	NotOffered,
	NotOfferer,
	OfferExpired,
	OfferDeclined,
	GoodsLeftInvalid,
	NotRegistrant,
	AlreadyOffered,
	ItemOutside,
	ItemNotOutside,
	NotReleaser,
	SetInPiece,
	ItemConsumed,
	ItemDestroyed,
	ItemStolen,
	ItemLost,
	ItemHeld,
	ItemDisputed,
	OnMemo,
	ReceiverIsHolder,
	MayNotLend,
	PortionInvalid,
	NotOverdue,
	NotLent,
	CountersignerInvalid,
	SharesInvalid,
	TitleDiffers,
	MaterialMismatch,
	FormInvalid,
	CompositionInvalid,
	FinenessInvalid,
	HSCodeInvalid,
	UnitMismatch,
	TreatmentInvalid,
	OutsideIDInvalid,
	ConservationViolated,
	LossTooLarge,
	DifferenceTooLarge,
	AllocationInvalid,
	TooManyOrigins,
	ProcessInvalid,
	NotPart,
	CorrectionInvalid,
	BuiltOn,
	PaperInvalid,
	PaperExpired,
	PaperSpent,
	PaperDiffers,
	PaperMismatch,
	ClaimTooStrong,
	NotIssuer,
	UnknownAttestation,
	AttestationWithdrawn,
	NotAttestor,
	CertificateRequired,
	NotConcerned,
	TooManyOpen,
	UnknownDispute,
	UnknownHold,
	UnknownClaim,
	TwoBodiesRequired,
	IncidentInvalid,
	PolicyStale,
	PolicyPending,
	PolicyUnchanged,
	QuorumInvalid,
	UnknownNode,
	NoNode,
	UnknownProposal,
	AlreadyApproved,
	HandoverInvalid,
	GroupIncomplete,
	GroupMixed,
	GroupTooLarge,
}

// Rejection says why an event was refused. It is an outcome, not a fault of
// the node: the same event on the same state is refused with the same
// Rejection on every node. Nothing is recorded.
type Rejection struct {
	Reason Reason
	// Field is the path of the field at fault, such as "offer.to"; empty if no
	// single field is.
	Field string
	// Message says what was wrong, what was expected and what to do. It names no
	// party that the sender did not name.
	Message string
}

// Error makes a Rejection usable as an error.
func (r *Rejection) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", r.Reason, r.Message)
	}
	return fmt.Sprintf("%s: %s: %s", r.Reason, r.Field, r.Message)
}

// Reject builds a Rejection without a field.
func Reject(reason Reason, format string, args ...any) *Rejection {
	return &Rejection{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// RejectField builds a Rejection that names the field at fault.
func RejectField(reason Reason, field, format string, args ...any) *Rejection {
	return &Rejection{Reason: reason, Field: field, Message: fmt.Sprintf(format, args...)}
}
