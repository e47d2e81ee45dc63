package workload

// Mix says how often what happens: weights against each other, and Mistakes, the
// events in 100 that are wrong on purpose.
type Mix struct {
	Register  int // new goods
	Sales     int // sale, title alone, shares, answers to all offers
	Lending   int // memo, memo on, service, carrier, loan, return, reclaim
	Parts     int // parts of parcels, short acceptances
	Outside   int // release and re-enter, borders
	Splits    int // parcels split, sorted and unsorted
	Merges    int // up to five parents
	Cuts      int // cut and treat
	Melts     int // melt and refine
	Pieces    int // assemble, rework, disassemble
	Scales    int // reweigh, correct, void
	Papers    int // attest and withdraw
	Incidents int // dispute, ruling, hold, loss, theft, damage, suspension
	Groups    int // groups of GroupSize registrations or offers
	Wild      int // events made without looking
	Mistakes  int // percent

	GroupSize int
}

// Everything is a mix for tests: all there is, a third of it wrong.
var Everything = Mix{
	Register: 14, Sales: 20, Lending: 14, Parts: 6, Outside: 5, Splits: 6, Merges: 5, Cuts: 6, Melts: 5, Pieces: 8, Scales: 5, Papers: 9, Incidents: 8,
	Groups: 2, Wild: 8, Mistakes: 24, GroupSize: 4,
}

// Plain is a mix of what most of the trade does most of the time.
var Plain = Mix{Register: 30, Sales: 60, Lending: 10}

// Trade is a mix of everything that people do, without mistakes.
var Trade = Mix{Register: 20, Sales: 30, Lending: 12, Parts: 4, Outside: 3, Splits: 6, Merges: 4, Cuts: 6, Melts: 4, Pieces: 4, Scales: 2, Papers: 8, Incidents: 1}

// deed is something that people do; plan gives nil if nobody can do it now.
type deed struct {
	name   string
	weight func(Mix) int
	plan   func(*World) *plan
}

var (
	mistakes []deed
	deeds    []deed
)

// The lists are filled here because deeds refer to each other's makers.
func init() {
	registers := func(m Mix) int { return m.Register }
	sales := func(m Mix) int { return m.Sales }
	lending := func(m Mix) int { return m.Lending }
	parts := func(m Mix) int { return m.Parts }
	outside := func(m Mix) int { return m.Outside }
	cuts := func(m Mix) int { return m.Cuts }
	melts := func(m Mix) int { return m.Melts }
	pieces := func(m Mix) int { return m.Pieces }
	scales := func(m Mix) int { return m.Scales }
	papers := func(m Mix) int { return m.Papers }
	incidents := func(m Mix) int { return m.Incidents }
	deeds = []deed{
		{"register", registers, (*World).register},
		{"sell", sales, (*World).sell},
		{"answer", func(m Mix) int { return 2*m.Sales + m.Lending + m.Parts }, (*World).answer},
		{"decline or withdraw", func(m Mix) int { return m.Sales / 4 }, (*World).refuseOffer},
		{"sell the title", func(m Mix) int { return m.Sales / 5 }, (*World).sellTitle},
		{"share", func(m Mix) int { return m.Sales / 5 }, (*World).share},
		{"lend", lending, (*World).lend},
		{"give back", lending, (*World).giveBack},
		{"memo to sale", lending, (*World).memoToSale},
		{"reclaim", func(m Mix) int { return m.Lending / 3 }, (*World).reclaim},
		{"offer a part", parts, (*World).offerPart},
		{"accept a part", parts, (*World).acceptPart},
		{"release", outside, (*World).release},
		{"re-enter", outside, (*World).reenter},
		{"cross a border", outside, (*World).cross},
		{"split", func(m Mix) int { return m.Splits }, (*World).split},
		{"merge", func(m Mix) int { return m.Merges }, (*World).merge},
		{"cut", cuts, (*World).cut},
		{"treat", func(m Mix) int { return m.Cuts / 3 }, (*World).treat},
		{"melt", melts, (*World).melt},
		{"assemble", pieces, (*World).assemble},
		{"rework", func(m Mix) int { return m.Pieces / 2 }, (*World).rework},
		{"disassemble", func(m Mix) int { return m.Pieces / 3 }, (*World).disassemble},
		{"reweigh", scales, (*World).reweigh},
		{"correct", scales, (*World).correct},
		{"void", func(m Mix) int { return m.Scales / 3 }, (*World).void},
		{"attest", papers, (*World).attest},
		{"withdraw an attestation", func(m Mix) int { return m.Papers / 3 }, (*World).attestWithdraw},
		{"dispute", func(m Mix) int { return m.Incidents / 4 }, (*World).dispute},
		{"rule", func(m Mix) int { return m.Incidents / 2 }, (*World).rule},
		{"hold", func(m Mix) int { return m.Incidents / 4 }, (*World).hold},
		{"release a hold", func(m Mix) int { return m.Incidents / 3 }, (*World).holdRelease},
		{"incident", incidents, (*World).incident},
		{"suspend or sponsor", func(m Mix) int { return m.Incidents / 4 }, (*World).membership},
		{"group", func(m Mix) int { return m.Groups }, (*World).group},
		{"wild", func(m Mix) int { return m.Wild }, (*World).wild},
	}
	mistakes = wrongs()
}
