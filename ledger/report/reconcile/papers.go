package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// PaperLine is what papers of one kind say of one substance, in micrograms: of goods
// that the party received with one, and of goods that it issued one for.
type PaperLine struct {
	Kind custodyv1.DocumentKind
	Substance
	Papers   int // in the period
	Received uint64
	Issued   uint64
	// What was received and issued before the period.
	ReceivedBefore, IssuedBefore uint64
}

type paperKey struct {
	kind custodyv1.DocumentKind
	Substance
}

// attested is a paper about goods.
type attested struct {
	kind    custodyv1.DocumentKind
	by      ledger.PartyID
	own     bool
	amounts amounts
}

// papers counts every paper once: as issued, where the party issued it; as received,
// where it is about goods that the party had or got.
type papers struct {
	about   map[ledger.ItemID]map[ledger.EventID]attested // live goods that the party may still get
	counted map[ledger.EventID]attested
	rows    map[paperKey]*PaperLine
}

func newPapers() papers {
	return papers{
		about: map[ledger.ItemID]map[ledger.EventID]attested{}, counted: map[ledger.EventID]attested{},
		rows: map[paperKey]*PaperLine{},
	}
}

func (p *papers) open() {
	for _, line := range p.rows {
		line.ReceivedBefore, line.IssuedBefore = line.ReceivedBefore+line.Received, line.IssuedBefore+line.Issued
		line.Papers, line.Received, line.Issued = 0, 0, 0
	}
}

func (p *papers) apply(b *Book, a provenance.Applied, matters Matters, came []ledger.ItemID) {
	switch body := a.Event.Body.(type) {
	case *custodyv1.Attest:
		p.attest(b, a, body, matters)
	case *custodyv1.AttestWithdraw:
		p.withdraw(b, ledger.ItemID(body.Item), ledger.EventID(body.Attestation))
	}
	for _, id := range came {
		for event, paper := range p.about[id] {
			if paper.kind != custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY || paper.by == giver(a) {
				p.count(b, event, paper, 1)
			}
		}
		delete(p.about, id)
	}
	for _, item := range a.Changes.Items {
		if item.Status != rules.Live {
			delete(p.about, item.ID)
		}
	}
}

// giver is the party that goods come from. A warranty is between the two: those of
// earlier hands do not cover what follows.
func giver(a provenance.Applied) ledger.PartyID {
	if accept, ok := a.Event.Body.(*custodyv1.Accept); ok && len(accept.From) == len(ledger.PartyID{}) {
		return ledger.PartyID(accept.From)
	}
	return ledger.PartyID{}
}

func (p *papers) attest(b *Book, a provenance.Applied, body *custodyv1.Attest, matters Matters) {
	id := ledger.ItemID(body.Item)
	paper := attested{kind: body.Kind, by: a.Event.Party, own: body.Own, amounts: amounts{}}
	content(paper.amounts, id, matters)
	if drawn := body.Drawn.GetMicrograms(); drawn > 0 && len(paper.amounts) == 1 {
		for s := range paper.amounts {
			paper.amounts[s] = int64(drawn)
		}
	}
	_, held := b.held[id]
	if held || a.Event.Party == b.party {
		p.count(b, a.Event.ID, paper, 1)
		for _, spent := range a.Changes.Papers {
			if spent.Spent.Micrograms > spent.Quantity.Micrograms {
				b.find(a.Index, "a %s of %d micrograms backs %d", vocabulary.Word(body.Kind), spent.Quantity.Micrograms, spent.Spent.Micrograms)
			}
		}
		return
	}
	if p.about[id] == nil {
		p.about[id] = map[ledger.EventID]attested{}
	}
	p.about[id][a.Event.ID] = paper
}

func (p *papers) withdraw(b *Book, item ledger.ItemID, event ledger.EventID) {
	delete(p.about[item], event)
	if paper, ok := p.counted[event]; ok {
		p.count(b, event, paper, -1)
	}
}

func (p *papers) count(b *Book, event ledger.EventID, paper attested, sign int) {
	if sign > 0 {
		p.counted[event] = paper
	} else {
		delete(p.counted, event)
	}
	for s, m := range paper.amounts {
		key := paperKey{paper.kind, s}
		line := p.rows[key]
		if line == nil {
			line = &PaperLine{Kind: paper.kind, Substance: s}
			p.rows[key] = line
		}
		into := &line.Received
		if paper.by == b.party && paper.own {
			into = &line.Issued
		}
		if sign > 0 {
			*into += uint64(m)
			line.Papers++
			continue
		}
		*into -= min(*into, uint64(m))
		line.Papers = max(0, line.Papers-1)
	}
}

// lines gives the papers by kind, and finds warranties that nothing covers: more of a
// substance warranted than was received with a warranty or produced.
func (p *papers) lines(b *Book) []PaperLine {
	var lines []PaperLine
	for _, key := range slices.SortedFunc(maps.Keys(p.rows), func(a, b paperKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), compare(a.Substance, b.Substance))
	}) {
		line := *p.rows[key]
		lines = append(lines, line)
		if key.kind != custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY {
			continue
		}
		covered := line.Received + line.ReceivedBefore + b.produced[key.Substance]
		if issued := line.Issued + line.IssuedBefore; issued > covered {
			b.find(ledger.NoLink, "%s: warranties were issued for %d micrograms, and %d were received with one or produced", key.Substance, issued, covered)
		}
	}
	return lines
}
