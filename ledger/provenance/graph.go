package provenance

import (
	"cmp"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Graph is what some entries of a ledger say about items. Nothing in it may be
// changed. Safe for concurrent use.
type Graph struct {
	Ledger ledger.LedgerID
	Name   string // of the ledger, as its genesis says
	Size   uint64 // entries of the ledger that it was read at
	Time   uint64 // ledger time that it was read at, unix milliseconds
	// Whole tells that every entry to Size is in it, and not only what leads to Subjects.
	Whole    bool
	Subjects []*Item  // what was asked about, in the order of asking
	Items    []*Item  // all, by their first entry
	Events   []*Event // all, by index
	Parties  map[ledger.PartyID]rules.Party
	// Associations gives the names of associations.
	Associations map[ledger.PartyID]string

	items        map[ledger.ItemID]*Item
	events       map[ledger.EventID]*Event
	attestations map[ledger.EventID]*Attestation
	versions     []*version // in the order of their making
}

// Item finds an item; nil if it is not in the graph.
func (g *Graph) Item(id ledger.ItemID) *Item { return g.items[id] }

// Event finds an event; nil if it is not in the graph.
func (g *Graph) Event(id ledger.EventID) *Event { return g.events[id] }

// Attestation finds an attestation by its event; nil if it is not in the graph.
func (g *Graph) Attestation(id ledger.EventID) *Attestation { return g.attestations[id] }

// Event is an entry that holds an event, with what it did.
type Event struct {
	*ledger.Event
	Index      uint64
	RecordedAt uint64        // unix milliseconds
	Named      []*Item       // that it advances or is about, in the order of the event
	Made       []*Item       // that it creates, by position
	Changes    rules.Changes // all that the rules wrote
}

// Item is one item and what the graph knows of it. Its registers are those after
// the last event.
type Item struct {
	rules.Item
	Created  rules.Matter // as it came into being
	Matter   rules.Matter // as it is, or was when it ended
	MadeBy   *Event       // registration, change of matter, or acceptance of a part
	Position int          // among what MadeBy made
	EndedBy  *Event       // what consumed, destroyed or voided it; nil while it lives
	Events   []*Event     // that made or name it, by index
	Inputs   []Link       // what it was made of: inputs, what it was parted from, what was set in it
	Outputs  []Link       // what was made of it, and pieces that it was set in
	Children []*Item      // set in it now, or when it ended
	Piece    *Item        // that it is set in; nil if none
	Spans    []Span       // who had and who owned it, by time; never empty
	Described
	Attestations []*Attestation // about it, by index
	// Contested tells that another live item claims one of the same outside ids. Of a
	// bundle it is known for subjects with statements only.
	Contested bool
	// Stated tells that the bundle has statements of associations, which StatedBy names,
	// that the item is in this state at Graph.Size. Of others more may have been said
	// since.
	Stated   bool
	StatedBy []string
	Origin   []Component // of Matter.Origin, in its order, with their evidence
	Lines    []Part      // of Matter.Bill, in its order
	Claims   []Claim     // other than of origin and producer that a paper raised, ascending

	versions []*version
}

// Link is one step of a lineage.
type Link struct {
	Item *Item
	By   *Event
}

// Span says who had and who owned an item between two events.
type Span struct {
	Custody rules.Holder
	Title   []rules.Share
	Terms   []rules.Term
	Within  ledger.ItemID // the piece that it was set in, whose spans count; zero if none
	From    *Event
	To      *Event // nil for now
}

// Described is what was said of an item beside its matter, as corrections leave it.
type Described struct {
	Description   *custodyv1.Description // nil if none
	OutsideIDs    []OutsideID
	Declared      *custodyv1.Mass // as it came into being
	Fineness      uint32          // 1/10,000, as declared; 0 if not
	ProcessedIn   string
	CustomsOrigin string
	ExportedFrom  string
	HSCode        string
	Acquisition   custodyv1.Acquisition // of a registration; else unspecified
	Corrections   []*Event
}

// OutsideID is a number that somebody else gave an item.
type OutsideID struct {
	rules.OutsideID
	Struck *Event // the ruling by which it is not the item's; nil if it stands
}

// Attestation is a paper that somebody attested about an item.
type Attestation struct {
	*Event
	Attest    *custodyv1.Attest
	Item      *Item
	Withdrawn *Event // nil while it stands
	Reason    custodyv1.AttestWithdrawReason
	Expired   bool // by Graph.Time
}

// Level gives how well the paper bears out a claim; unspecified if it does not make
// it. It says so of a withdrawn paper too.
func (a *Attestation) Level(claim custodyv1.Claim) custodyv1.Evidence {
	for _, c := range a.Attest.Claims {
		if c.Claim == claim {
			return c.Level
		}
	}
	return custodyv1.Evidence_EVIDENCE_UNSPECIFIED
}

// Finding tells whether the paper found pieces of another nature.
func (a *Attestation) Finding() bool { return a.Attest.FoundCount > 0 }

// Component is a part of goods and where it came from, with its evidence.
type Component struct {
	rules.Component
	Number int // in its matter, from 1
	// Level of its kind and countries: unspecified if the kind is unknown, else stated
	// or better.
	Level custodyv1.Evidence
	// ProducerLevel is unspecified if no producer is named.
	ProducerLevel custodyv1.Evidence
	// Disputed: papers about it or what went into it name different countries, or an
	// open dispute is about its origin.
	Disputed bool
	// Sorted: a sorter's word is among what Level rests on.
	Sorted bool
	// Corrected: it was widened by a correction since the papers upstream.
	Corrected bool
	// Opinion lists the countries that the last examining paper names, with a space
	// between two; of an unknown origin it is all there is.
	Opinion string

	ground *ground
}

// Claim is what papers say of an item other than its origin.
type Claim struct {
	Claim    custodyv1.Claim
	Level    custodyv1.Evidence
	Disputed bool // papers contradict each other, or an open dispute is about it

	said   string // by the last examining paper
	ground *ground
}

// Part is goods that have an origin of their own: an item, or a line of a piece's
// bill.
type Part struct {
	Item       *Item // the item itself, or the piece on whose bill it stands
	Line       int   // from 1; 0 for the item itself
	Matter     rules.Matter
	Components []Component
}

// Parts lists what an item consists of: itself, or of a piece the lines of its bill
// and then those of what is set in it, in the order of setting.
func (i *Item) Parts() []Part {
	var parts []Part
	open := []*Item{i}
	for len(open) > 0 {
		item := open[len(open)-1]
		open = open[:len(open)-1]
		if item.Matter.Form != custodyv1.Form_FORM_PIECE {
			parts = append(parts, Part{Item: item, Matter: item.Matter, Components: item.Origin})
			continue
		}
		parts = append(parts, item.Lines...)
		for _, child := range slices.Backward(item.Children) {
			open = append(open, child)
		}
	}
	return parts
}

// Upstream lists the items and everything they were made of, each once, by their
// first entry.
func Upstream(of ...*Item) []*Item {
	seen := map[*Item]bool{}
	open := slices.Clone(of)
	var items []*Item
	for len(open) > 0 {
		item := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[item] {
			continue
		}
		seen[item] = true
		items = append(items, item)
		for _, in := range item.Inputs {
			open = append(open, in.Item)
		}
		open = append(open, item.Children...)
	}
	slices.SortFunc(items, compareItems)
	return items
}

// Begins lists the items upstream with which the record begins: those that were
// registered.
func Begins(of ...*Item) []*Item {
	return slices.DeleteFunc(Upstream(of...), func(i *Item) bool { return !i.Begins() })
}

// Begins tells whether the item came into being by a registration.
func (i *Item) Begins() bool {
	_, ok := i.MadeBy.Body.(*custodyv1.ItemRegister)
	return ok
}

func compareItems(a, b *Item) int {
	return cmp.Or(cmp.Compare(a.MadeBy.Index, b.MadeBy.Index), cmp.Compare(a.Position, b.Position))
}
