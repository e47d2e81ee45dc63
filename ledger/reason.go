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
