package ledger

import "time"

// Limits of the format. Each holds inclusively and is tested at the limit and
// one past it.
const (
	// EntryBytesMax is the largest encoded entry (C2SP tlog-tiles entry bundles
	// carry a 16-bit length).
	EntryBytesMax = 65_535
	// EventBytesMax leaves room in an entry for eight signatures and all links.
	EventBytesMax = 56_000
	// SignersMax is the number of keys that may sign one event.
	SignersMax = 8
	// GroupEventsMax is the number of events in one group.
	GroupEventsMax = 1_000
	// ChangeItemsMax is the number of items a change of matter may name.
	ChangeItemsMax = 500
	// LinksMax is the number of links of an entry: one for each party, of which an
	// event names at most as many as sign it beside the acting one, and one for each
	// item.
	LinksMax = 1 + 2*SignersMax + ChangeItemsMax
	// HandoverProofMax is the number of hashes of the consistency proof in a
	// handover: no tree of 2^64 leaves or fewer needs more.
	HandoverProofMax = 65
	// CommitmentsMax is the number of private fields of one event.
	CommitmentsMax = 8
	// OriginComponentsMax is the number of origin components of one item.
	OriginComponentsMax = 64
	// CountriesMax is the number of possible countries of one component.
	CountriesMax = 64
	// BillLinesMax is the number of parts without ids of one piece, and of additions.
	BillLinesMax = 256
	// ChildrenMax is the number of items set in one piece; a piece can be taken
	// apart by one event.
	ChildrenMax = 400
	// BalancesMax is the number of substances of one change of matter.
	BalancesMax = 16
	// TreatmentsMax is the number of treatment codes of one item.
	TreatmentsMax = 19
	// TermsMax is how deep goods may be lent on.
	TermsMax = 8
	// DisputesMax and HoldsMax are the numbers of open ones on one item.
	DisputesMax = 16
	HoldsMax    = 16
	// TitlePartsMax is the largest number of parts of one owner.
	TitlePartsMax = 1_000_000
	// DeclaredBytesMax is the length of a mass as it was declared.
	DeclaredBytesMax = 24
	// OutsideIDsMax is the number of outside ids of one item.
	OutsideIDsMax = 8
	// StringBytesMax is the length of any string in an event, in bytes.
	StringBytesMax = 64
	// OpeningValueBytesMax is the length of an opened private value, in bytes.
	OpeningValueBytesMax = 256
	// MassMicrogramsMax is the largest mass, safe in a JSON number.
	MassMicrogramsMax = 9_000_000_000_000_000
	// PiecesMax is the largest count of a parcel.
	PiecesMax = 1_000_000_000

	// NotAfterMax is how far past its recorded time an event's not_after may lie.
	NotAfterMax = 90 * 24 * time.Hour
	// NotAfterDefault is what clients put in unless told otherwise.
	NotAfterDefault = 7 * 24 * time.Hour
	// OccurredAheadMax is how far an event's own time may run ahead of the ledger's,
	// and so how far one on an item may lie behind the one before it.
	OccurredAheadMax = 5 * time.Minute
	// OfferTermMax is how far past its recorded time an offer may expire.
	OfferTermMax = 366 * 24 * time.Hour
	// MemoTermMax is how far past its recorded time a memo may end.
	MemoTermMax = 5 * 366 * 24 * time.Hour
)
