package screen

import (
	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Limits of a policy file.
const (
	PolicyBytesMax = 1 << 20
	RulesMax       = 64
	ListMax        = 4096 // names in one list
	CompaniesMax   = 4096
	OwnersMax      = 64 // of one company
	textBytesMax   = 2000
	nameBytesMax   = 128
)

// Policy is a file of rules, read by ParsePolicy.
type Policy struct {
	Name  string
	About string
	// AsOf is the day for which goods are screened unless the caller names another,
	// in unix milliseconds; 0 if the file names none.
	AsOf uint64
	// Evidence is the least level at which a claim of origin or producer counts for
	// the goods.
	Evidence custodyv1.Evidence
	// Recycled is the same for the claim that metal is recycled.
	Recycled custodyv1.Evidence
	// Reentry is how goods that were away must have been recognised.
	Reentry custodyv1.Identity
	// UnknownProducerPermitted: goods of an unknown first producer may be clear.
	UnknownProducerPermitted bool
	// OwnerPercent is from what share on somebody owns a company, alone or with other
	// listed ones, directly or through companies that they own.
	OwnerPercent uint64 // hundredths of a percent
	Companies    []Company
	Rules        []Rule
}

// Company is a producer, or an owner of one, and who owns it as far as the author of
// the policy knows. Names are compared without regard to case and spacing.
type Company struct {
	Name   string
	Owners []Owner
}

// Owner is a share of a company.
type Owner struct {
	Name  string
	Share uint64 // hundredths of a percent
}

// Rule says what hits. The first fields narrow it, and all of those that are set must
// hold; then come those that are looked for, any of which is enough.
type Rule struct {
	ID      string
	Because string

	From, Until uint64 // unix milliseconds: from the beginning of the one day to that of the other; 0: no bound
	Materials   []custodyv1.Material
	Metals      []custodyv1.Metal
	Species     []string
	Natures     []custodyv1.Nature
	Stages      []custodyv1.Stage
	Set         Setting
	SizeFrom    uint64   // micrograms of one stone; 0: any
	HS          []string // six digits; goods of which the record does not say the code are not of it
	NotHS       []string

	MinedIn        []string
	MinedOutside   []string
	Producers      []string
	Owners         []string
	StateOwned     custodyv1.StateOwnership // minority or majority and above; unspecified: not asked
	Parties        []ledger.PartyID
	PartyCountries []string
	ExportedFrom   []string
	ProcessedIn    []string
	CustomsOrigin  []string

	// SilencePermitted: what a record does not say of parties and of places other than
	// the mining country does not count. Otherwise it leaves them open.
	SilencePermitted bool
	Exempt           []Exemption
}

// Setting says whether a rule is about loose goods, set ones, or both.
type Setting uint8

const (
	Anywhere Setting = iota
	Loose
	Jewelry
)

// Exemption is what takes goods out of a rule; all that is set must hold.
type Exemption struct {
	// Located: by papers of at least the level, all that is in the goods was, at a time
	// before Before, in a country outside NotIn.
	Located *Located
	// Grandfathered: their origin is so, at this level or better.
	Grandfathered custodyv1.Evidence
	// RecordedBefore: every registration behind them was recorded before, in unix
	// milliseconds.
	RecordedBefore uint64
}

// Located is where goods were at a date.
type Located struct {
	NotIn    []string
	Before   uint64 // unix milliseconds
	Evidence custodyv1.Evidence
	// Signed believes the day that a paper is dated; otherwise it counts from its entry
	// on, because a statement that is recorded afterwards can be dated at will.
	Signed bool
}
