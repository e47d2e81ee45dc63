package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Matter is what an item is made of, after everything that happened to it. It is
// written when an item comes into being and when its matter changes, not when it
// moves.
//
//  1. Origin adds up to Book(), which no reweighing changes; Mass differs from it
//     by at most the tolerance for reweighing.
//  2. Of a metal, Composition adds up to Mass, and the components of each metal
//     to that metal's part of the book.
//  3. A piece has no Origin, Composition, Nature or Stage: its Bill and its
//     Children have.
type Matter struct {
	Item        ledger.ItemID
	Material    custodyv1.Material // unspecified for a piece
	Form        custodyv1.Form
	Nature      custodyv1.Nature
	Stage       custodyv1.Stage
	Species     string
	Mass        uint64 // micrograms
	Basis       custodyv1.MassBasis
	Count       uint32 // 0: not counted, or one
	CountBasis  custodyv1.CountBasis
	EqualPieces bool
	Composition []Constituent // ascending by metal
	Treatments  []string      // AGTA codes, ascending
	TreatedBy   uint32        // year of the list that the codes are of; the latest
	Origin      []Component   // 1 to ledger.OriginComponentsMax, no two of one Source
	Model       custodyv1.Model
	Bill        []Line          // parts without ids, in order of their being added
	Children    []ledger.ItemID // items set in it, in order of their being set
}

// Constituent is the mass of one metal.
type Constituent struct {
	Metal      custodyv1.Metal
	Micrograms uint64
}

// Component is a part of an item's mass and where it came from.
type Component struct {
	Source
	Micrograms uint64
}

// Source is where a component came from. Two components of one source are one.
type Source struct {
	Metal custodyv1.Metal // of an alloy: which metal
	Kind  custodyv1.OriginKind
	// Countries are the possible mining countries, ascending, with a space between
	// two. Beside an unknown kind they are what is known of a part of it.
	Countries      string
	Mine           string
	Producer       string
	StateOwnership custodyv1.StateOwnership
	OwnershipAsOf  uint64 // unix milliseconds
}

// Line is a part of a piece that has no id of its own. Its Item, Bill and Children
// are empty.
type Line = Matter

// Book is the mass that the origin accounts for.
func (m Matter) Book() uint64 {
	total := uint64(0)
	for _, c := range m.Origin {
		total += c.Micrograms
	}
	return total
}

// Portion is the whole of it.
func (m Matter) Portion() Portion { return Portion{Micrograms: m.Mass, Count: m.Count} }

// PaperID names a paper: SHA-256 of its kind, issuer, country and number.
type PaperID [32]byte

// Paper is an outside document with a quantity, of which attestations draw.
type Paper struct {
	ID       PaperID
	Document [32]byte // its SHA-256
	Quantity Portion
	Spent    Portion
}

// Attestation is what somebody attested about an item.
type Attestation struct {
	Event     ledger.EventID
	Index     uint64
	Item      ledger.ItemID
	Party     ledger.PartyID
	Kind      custodyv1.DocumentKind
	Paper     PaperID // zero if the paper has no quantity
	Drawn     Portion
	Expires   uint64 // unix milliseconds; 0 for never
	Withdrawn bool
}
