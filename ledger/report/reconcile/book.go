// Package reconcile keeps one party's books from the outside: what came into its
// hands, what went out, and what must be left, by substance and by paper, from a log
// that was verified. Every entry that changes what the party has is accounted for by
// what that entry says; whatever is left over is a finding.
//
// It streams. What it keeps grows with what the party has, with the goods it has
// outside, and with the papers about goods that may still come to it.
package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Substance is what is weighed by itself: a material, of metal each element.
type Substance struct {
	Material custodyv1.Material
	Metal    custodyv1.Metal
}

// Matters gives what an item is made of after the event at hand.
type Matters func(ledger.ItemID) (rules.Matter, bool)

// Period is from the beginning of From to before Until, in unix milliseconds of
// ledger time; 0 is no bound.
type Period struct{ From, Until uint64 }

// Account is the movement of one substance through one party's hands, in micrograms.
// Opening and all that came in, less all that went out, is Closing.
type Account struct {
	Opening uint64

	Produced   uint64 // registered as produced
	Registered uint64 // registered, and come from outside
	Received   uint64
	CameBack   uint64 // from outside the ledger
	Added      uint64 // solder, master alloy, findings without ids
	Gained     uint64 // scales showed more

	Lost      uint64 // in changes of matter
	Short     uint64 // scales showed less
	HandedOn  uint64
	Released  uint64 // to somebody outside the ledger
	Destroyed uint64
	TakenBack uint64 // registrations voided

	Closing uint64
	Missing uint64 // of Closing: reported lost or stolen
}

func (a *Account) in() uint64 {
	return a.Opening + a.Produced + a.Registered + a.Received + a.CameBack + a.Added + a.Gained
}

func (a *Account) out() uint64 {
	return a.Lost + a.Short + a.HandedOn + a.Released + a.Destroyed + a.TakenBack
}

// Finding is what the books do not explain.
type Finding struct {
	Index uint64 // of the entry; ledger.NoLink for the books as a whole
	Text  string
}

// amounts are masses by substance.
type amounts map[Substance]int64

func (a amounts) add(b amounts, sign int64) {
	for s, m := range b {
		if a[s] += sign * m; a[s] == 0 {
			delete(a, s)
		}
	}
}

// goods is an item in the party's hands.
type goods struct {
	amounts amounts
	missing bool
}

// Book follows one party. Not safe for concurrent use.
type Book struct {
	party  ledger.PartyID
	period Period

	held     map[ledger.ItemID]goods
	away     map[ledger.ItemID]amounts // released by the party, as they went
	accounts map[Substance]*Account
	produced map[Substance]uint64 // since the genesis
	papers   papers
	findings []Finding
	opened   bool
	last     uint64
}

// NewBook starts at the genesis.
func NewBook(party ledger.PartyID, period Period) *Book {
	return &Book{
		party: party, period: period,
		held: map[ledger.ItemID]goods{}, away: map[ledger.ItemID]amounts{}, accounts: map[Substance]*Account{},
		produced: map[Substance]uint64{}, papers: newPapers(),
	}
}

// Apply takes the next event. Events come in the order of their indexes, all of
// them; those past the period are left out.
func (b *Book) Apply(a provenance.Applied, matters Matters) {
	if b.period.Until != 0 && a.RecordedAt >= b.period.Until {
		return
	}
	if !b.opened && a.RecordedAt >= b.period.From {
		b.open()
	}
	b.last = a.Index
	delta, came := b.change(a, matters)
	b.explain(a, delta)
	b.papers.apply(b, a, matters, came)
}

// open begins the period: what is there is the opening.
func (b *Book) open() {
	b.opened = true
	for _, account := range b.accounts {
		*account = Account{}
	}
	for _, g := range b.held {
		for s, m := range g.amounts {
			b.account(s).Opening += uint64(m)
		}
	}
	b.papers.open()
}

func (b *Book) account(s Substance) *Account {
	account := b.accounts[s]
	if account == nil {
		account = &Account{}
		b.accounts[s] = account
	}
	return account
}

// change brings what the party has up to date and gives by how much it changed.
func (b *Book) change(a provenance.Applied, matters Matters) (delta amounts, came []ledger.ItemID) {
	delta = amounts{}
	for _, item := range a.Changes.Items {
		before, had := b.held[item.ID]
		if had {
			delta.add(before.amounts, -1)
		}
		has := item.Status == rules.Live && !item.Set() && item.Custody.Is(b.party)
		if !has {
			delete(b.held, item.ID)
			continue
		}
		now := goods{amounts: amounts{}, missing: item.Lost || item.Stolen}
		if !content(now.amounts, item.ID, matters) {
			b.find(a.Index, "item %s, or something set in it, has no matter", item.ID)
		}
		delta.add(now.amounts, 1)
		b.held[item.ID] = now
		if !had {
			came = append(came, item.ID)
		}
	}
	return delta, came
}

// content adds up what is in an item and in everything set in it.
func content(into amounts, id ledger.ItemID, matters Matters) bool {
	open := []ledger.ItemID{id}
	for len(open) > 0 {
		matter, ok := matters(open[len(open)-1])
		open = open[:len(open)-1]
		if !ok {
			return false
		}
		weigh(into, matter)
		for _, line := range matter.Bill {
			weigh(into, line)
		}
		open = append(open, matter.Children...)
	}
	return true
}

func weigh(into amounts, m rules.Matter) {
	if m.Form == custodyv1.Form_FORM_PIECE {
		return
	}
	if m.Material != custodyv1.Material_MATERIAL_METAL {
		into[Substance{Material: m.Material}] += int64(m.Mass)
		return
	}
	for _, c := range m.Composition {
		into[Substance{m.Material, c.Metal}] += int64(c.Micrograms)
	}
}

// explain books a change under what the event is.
func (b *Book) explain(a provenance.Applied, delta amounts) {
	switch body := a.Event.Body.(type) {
	case *custodyv1.ItemRegister:
		produced := body.Acquisition == custodyv1.Acquisition_ACQUISITION_PRODUCED
		for s, m := range delta {
			if produced {
				b.produced[s] += uint64(max(0, m))
			}
		}
		b.post(a.Index, delta, func(x *Account) *uint64 {
			if produced {
				return &x.Produced
			}
			return &x.Registered
		}, nil)
	case *custodyv1.ItemVoid:
		b.post(a.Index, delta, nil, func(x *Account) *uint64 { return &x.TakenBack })
	case *custodyv1.Accept, *custodyv1.Reclaim:
		b.post(a.Index, delta, func(x *Account) *uint64 { return &x.Received }, func(x *Account) *uint64 { return &x.HandedOn })
	case *custodyv1.Release:
		b.release(a, body, delta)
	case *custodyv1.Reenter:
		b.reenter(a, body, delta)
	case *custodyv1.Reweigh:
		b.scales(a.Index, delta)
	case *custodyv1.Incident:
		b.post(a.Index, delta, nil, func(x *Account) *uint64 { return &x.Destroyed })
	case *custodyv1.Transform:
		b.transform(a, body, delta)
	default:
		b.post(a.Index, delta, nil, nil)
	}
}

// post books what came in and what went out in one column each; without a column it
// is not explained.
func (b *Book) post(index uint64, delta amounts, in, out func(*Account) *uint64) {
	for _, s := range sorted(delta) {
		m := delta[s]
		switch {
		case m > 0 && in != nil:
			*in(b.account(s)) += uint64(m)
		case m < 0 && out != nil:
			*out(b.account(s)) += uint64(-m)
		case m != 0:
			b.find(index, "what the party has changes by %d micrograms of %s, which such an event does not explain", m, s)
		}
	}
}

func (b *Book) scales(index uint64, delta amounts) {
	b.post(index, delta, func(x *Account) *uint64 { return &x.Gained }, func(x *Account) *uint64 { return &x.Short })
}

func (b *Book) release(a provenance.Applied, body *custodyv1.Release, delta amounts) {
	if a.Event.Party == b.party {
		gone := amounts{}
		gone.add(delta, -1)
		if len(gone) > 0 { // else it was out already, and is now sold there
			b.away[ledger.ItemID(body.Item.Item)] = gone
		}
	}
	b.post(a.Index, delta, nil, func(x *Account) *uint64 { return &x.Released })
}

func (b *Book) reenter(a provenance.Applied, body *custodyv1.Reenter, delta amounts) {
	id := ledger.ItemID(body.Item.Item)
	gone := b.away[id]
	delete(b.away, id)
	if a.Event.Party != b.party {
		gone = nil
	}
	b.post(a.Index, gone, func(x *Account) *uint64 { return &x.CameBack }, nil)
	rest := maps.Clone(delta)
	rest.add(gone, -1)
	b.scales(a.Index, rest)
}

// transform books what the event declares, and finds what is left over.
func (b *Book) transform(a provenance.Applied, body *custodyv1.Transform, delta amounts) {
	if a.Event.Party != b.party {
		b.post(a.Index, delta, nil, nil)
		return
	}
	rest := maps.Clone(delta)
	for _, line := range body.Additions {
		added := amounts{}
		if line.Material == custodyv1.Material_MATERIAL_METAL {
			for _, c := range line.Composition {
				added[Substance{line.Material, c.Metal}] += int64(c.Micrograms)
			}
		} else {
			added[Substance{Material: line.Material}] += int64(line.Mass.GetMicrograms())
		}
		for s, m := range added {
			b.account(s).Added += uint64(m)
		}
		rest.add(added, -1)
	}
	for _, balance := range body.Balances {
		account := b.account(Substance{balance.Material, balance.Metal})
		account.Lost += balance.LossMicrograms
		account.Gained += balance.GainMicrograms
		account.Short += balance.ShortfallMicrograms
		rest.add(amounts{{balance.Material, balance.Metal}: int64(balance.GainMicrograms) - int64(balance.LossMicrograms) - int64(balance.ShortfallMicrograms)}, -1)
	}
	b.post(a.Index, rest, nil, nil)
}

func (b *Book) find(index uint64, format string, args ...any) {
	b.findings = append(b.findings, Finding{index, fmt.Sprintf(format, args...)})
}

// Line is the account of one substance.
type Line struct {
	Substance
	Account
}

// Statement is what the books come to.
type Statement struct {
	Party    ledger.PartyID
	Period   Period
	Entries  uint64 // up to and with this index
	Items    int    // in the party's hands at the end
	Away     int    // outside the ledger, released by the party
	Lines    []Line // by substance
	Papers   []PaperLine
	Findings []Finding
}

// Close gives the statement. Matters are those at the end of the period, or nil: with
// them, everything that the party has is weighed once more, and has to be what the
// books say.
func (b *Book) Close(matters Matters) *Statement {
	if !b.opened {
		b.open()
	}
	s := &Statement{Party: b.party, Period: b.period, Entries: b.last, Items: len(b.held), Away: len(b.away)}
	held := amounts{}
	for id, g := range b.held {
		now := g.amounts
		if matters != nil {
			now = amounts{}
			content(now, id, matters)
		}
		held.add(now, 1)
		for substance, m := range now {
			if g.missing {
				b.account(substance).Missing += uint64(m)
			}
		}
	}
	for substance, m := range held {
		b.account(substance).Closing = uint64(m)
	}
	for _, substance := range slices.SortedFunc(maps.Keys(b.accounts), compare) {
		account := *b.accounts[substance]
		if account == (Account{}) {
			continue
		}
		s.Lines = append(s.Lines, Line{substance, account})
		if left := int64(account.in()) - int64(account.out()); left != int64(account.Closing) {
			b.find(ledger.NoLink, "%s: %d micrograms must be left, %d are there", substance, left, account.Closing)
		}
	}
	s.Papers = b.papers.lines(b)
	s.Findings = b.findings
	return s
}

func sorted(a amounts) []Substance { return slices.SortedFunc(maps.Keys(a), compare) }

func compare(a, b Substance) int {
	return cmp.Or(cmp.Compare(a.Material, b.Material), cmp.Compare(a.Metal, b.Metal))
}
