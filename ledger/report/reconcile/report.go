package reconcile

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
)

// Report is a statement as programs read it: words and texts, masses in micrograms.
type Report struct {
	Party      string          `json:"party"`
	From       uint64          `json:"from_ms,omitempty"`
	Until      uint64          `json:"until_ms,omitempty"`
	LastEntry  uint64          `json:"last_entry"`
	Items      int             `json:"items"`
	Away       int             `json:"items_away"`
	Substances []ReportLine    `json:"substances"`
	Papers     []ReportPaper   `json:"papers"`
	Findings   []ReportFinding `json:"findings"`
}

// ReportLine is a Line.
type ReportLine struct {
	Substance  string `json:"substance"`
	Opening    uint64 `json:"opening"`
	Produced   uint64 `json:"produced"`
	Registered uint64 `json:"registered"`
	Received   uint64 `json:"received"`
	CameBack   uint64 `json:"came_back"`
	Added      uint64 `json:"added"`
	Gained     uint64 `json:"scales_more"`
	Lost       uint64 `json:"lost"`
	Short      uint64 `json:"scales_less"`
	HandedOn   uint64 `json:"handed_on"`
	Released   uint64 `json:"released"`
	Destroyed  uint64 `json:"destroyed"`
	TakenBack  uint64 `json:"taken_back"`
	Closing    uint64 `json:"closing"`
	Missing    uint64 `json:"missing"`
}

// ReportPaper is a PaperLine.
type ReportPaper struct {
	Kind           string `json:"kind"`
	Substance      string `json:"substance"`
	Papers         int    `json:"papers"`
	Received       uint64 `json:"received"`
	Issued         uint64 `json:"issued"`
	ReceivedBefore uint64 `json:"received_before"`
	IssuedBefore   uint64 `json:"issued_before"`
}

// ReportFinding is a Finding; of the books as a whole without an entry.
type ReportFinding struct {
	Entry *uint64 `json:"entry,omitempty"`
	Text  string  `json:"text"`
}

// Report writes a statement for programs.
func (s *Statement) Report() *Report {
	r := &Report{
		Party: s.Party.String(), From: s.Period.From, Until: s.Period.Until, LastEntry: s.Entries, Items: s.Items, Away: s.Away,
		Substances: []ReportLine{}, Papers: []ReportPaper{}, Findings: []ReportFinding{},
	}
	for _, l := range s.Lines {
		r.Substances = append(r.Substances, ReportLine{
			Substance: l.Substance.String(), Opening: l.Opening, Produced: l.Produced, Registered: l.Registered, Received: l.Received, CameBack: l.CameBack,
			Added: l.Added, Gained: l.Gained, Lost: l.Lost, Short: l.Short, HandedOn: l.HandedOn, Released: l.Released, Destroyed: l.Destroyed,
			TakenBack: l.TakenBack, Closing: l.Closing, Missing: l.Missing,
		})
	}
	for _, p := range s.Papers {
		r.Papers = append(r.Papers, ReportPaper{vocabulary.Word(p.Kind), p.Substance.String(), p.Papers, p.Received, p.Issued, p.ReceivedBefore, p.IssuedBefore})
	}
	for _, f := range s.Findings {
		rf := ReportFinding{Text: f.Text}
		if f.Index != ledger.NoLink {
			rf.Entry = &f.Index
		}
		r.Findings = append(r.Findings, rf)
	}
	return r
}
