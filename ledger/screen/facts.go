package screen

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Facts are what a record says of one component, as far as policies ask.
type Facts struct {
	Material custodyv1.Material
	Metal    custodyv1.Metal
	Species  string
	Nature   custodyv1.Nature
	Stage    custodyv1.Stage
	HSCode   string
	Set      bool
	// NatureOpen: what was found or disputed leaves open what nature it is of.
	NatureOpen bool

	Kind           custodyv1.OriginKind
	Countries      []string // possible mining countries; none: any
	Level          custodyv1.Evidence
	Disputed       bool // the claim of origin
	Producer       string
	ProducerLevel  custodyv1.Evidence
	StateOwnership custodyv1.StateOwnership

	Stone Range // micrograms of the largest stone; zero for what has none
	When  Range // unix milliseconds

	Hands  []Hand   // who had or owned it, here and upstream
	Places []Saying // what is said of places other than the mining country
	// Gap tells that some of the hands are not on the record, and Silent which places
	// it does not name.
	Gap    bool
	Silent [placesCount]bool

	Doubts []Doubt

	// Begun is when the last of the registrations behind it was recorded.
	Begun uint64
	// Shown tells whether papers locate all of it as an exemption asks; nil if none do.
	Shown func(Located) bool
}

// Range is from Low to High, both possible.
type Range struct{ Low, High uint64 }

// Hand is somebody who had or owned goods.
type Hand struct {
	Party   ledger.PartyID // zero if outside the ledger
	Country string         // of the party, or where the goods went
	Step    Step
}

// Place tells apart what a record says of places.
type Place uint8

const (
	ExportedFrom Place = iota
	ProcessedIn
	CustomsOrigin
	placesCount
)

// Saying is a country that the record names for a place.
type Saying struct {
	Place   Place
	Country string
	Step    Step
}

// Doubt is why goods cannot be clear under any rule that covers them.
type Doubt struct {
	Text string
	Step Step
}

// Step is a place in the record.
type Step struct {
	Item  ledger.ItemID
	Event ledger.EventID
	Index uint64 // of the entry
	What  string
}

// natural tells whether the goods are such that grow in the earth, so that
// something of them was mined somewhere.
func (f *Facts) natural() bool {
	stone := f.Material == custodyv1.Material_MATERIAL_DIAMOND || f.Material == custodyv1.Material_MATERIAL_GEM
	return stone && f.Nature == custodyv1.Nature_NATURE_NATURAL
}

// mined tells whether the component is said to come, or may come, out of a mine, so
// that it has a first producer.
func (f *Facts) mined() bool {
	switch f.Kind {
	case custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN:
		return false
	}
	return true
}
