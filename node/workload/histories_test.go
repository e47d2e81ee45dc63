package workload_test

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/node/workload"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

var (
	histories = flag.Int("histories", 300, "how many random histories are compared with the naive model")
	firstSeed = flag.Uint64("first", 0, "the seed of the first history")
)

// mostSteps and leastSteps are how long a history is.
const (
	leastSteps = 20
	mostSteps  = 60
)

// The rules and the naive model say the same of every event, with the same reasons, and
// leave the same state; and nothing is made, lost or in two places on the way.
func TestHistories(t *testing.T) {
	c := cast(t)
	started := time.Now()
	var next, failed, events, accepted atomic.Int64
	var lock sync.Mutex
	reasons := map[ledger.Reason]int{}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			seen := map[ledger.Reason]int{}
			for {
				n := next.Add(1) - 1
				if n >= int64(*histories) || failed.Load() >= 5 {
					break
				}
				seed := *firstSeed + uint64(n)
				steps, err := history(c, seed, seen)
				events.Add(int64(steps))
				if err != nil {
					failed.Add(1)
					t.Errorf("seed %d (run again with -first %d -histories 1): %v", seed, seed, err)
				}
			}
			lock.Lock()
			defer lock.Unlock()
			for r, n := range seen {
				reasons[r] += n
			}
		})
	}
	workers.Wait()
	accepted.Add(int64(reasons[""]))
	delete(reasons, "")
	var list []string
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		list = append(list, fmt.Sprintf("%s %d", r, reasons[r]))
	}
	took := time.Since(started)
	t.Logf("%d histories, %d events in %v: %d recorded, the others refused for %d reasons: %s", *histories, events.Load(), took.Round(time.Millisecond), accepted.Load(), len(list), strings.Join(list, ", "))
}

// history plays one world. The error shows the history up to the step that failed, which
// is the shortest prefix that fails: every step before it was compared.
func history(c *workload.Cast, seed uint64, seen map[ledger.Reason]int) (steps int, err error) {
	w := workload.New(c, workload.Options{Seed: seed, Mix: workload.Everything, StepMs: 6 * 60 * minutes})
	twin, books := newTwin(c, w.Ledger), newAccounts(w.Ledger)
	length := leastSteps + int(seed*2_654_435_761%uint64(mostSteps-leastSteps+1))
	var told strings.Builder
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s%s", r, told.String(), debug.Stack())
		}
	}()
	for n := range length {
		s := w.Next()
		fmt.Fprintf(&told, "%3d %s by %s: %s\n", n, s.Deed, s.Submission[0].Party, orRecorded(s.Reason()))
		seen[s.Reason()]++
		want := twin.judge(s.Submission, s.At)
		switch {
		case want != s.Reason():
			return n + 1, fmt.Errorf("the naive model says %s, the rules say %v\n%s%+v", orRecorded(want), s.Got, told.String(), s.Submission[0].Body)
		case s.Want != workload.Unsure && s.Want != s.Reason():
			return n + 1, fmt.Errorf("the generator expects %s, the rules say %v\n%s%+v", orRecorded(s.Want), s.Got, told.String(), s.Submission[0].Body)
		}
		if want == "" {
			books.book(s)
		}
		err := books.check()
		if err == nil {
			err = twin.samePapers(w.Ledger)
		}
		if err != nil {
			return n + 1, fmt.Errorf("%w\n%s%+v", err, told.String(), s.Submission[0].Body)
		}
		for _, candidate := range s.Submission {
			for _, id := range candidate.Touches() {
				if err := twin.same(w.Ledger, id); err != nil {
					return n + 1, fmt.Errorf("%w\n%s%+v", err, told.String(), s.Submission[0].Body)
				}
			}
		}
	}
	for _, id := range w.Ledger.Items() {
		if err := twin.same(w.Ledger, id); err != nil {
			return length, fmt.Errorf("at the end: %w\n%s", err, told.String())
		}
	}
	return length, twin.acyclic()
}

func orRecorded(r ledger.Reason) string {
	if r == "" {
		return "recorded"
	}
	return string(r)
}

// same compares an item of both models.
func (t *twin) same(l *workload.Ledger, id ledger.ItemID) error {
	item, there := l.Item(id)
	twin := t.items[id]
	if there != (twin != nil) {
		return fmt.Errorf("item %s: in the rules %v, in the naive model %v", id, there, twin != nil)
	}
	if !there {
		return nil
	}
	m, _ := l.Matter(id)
	a, b := describe(item, m)+openOffers(item, t.now), twin.describe(t)+twin.openOffers(t)
	if a != b {
		return fmt.Errorf("item %s differs\nrules: %s\nnaive: %s", id, a, b)
	}
	return nil
}

// samePapers asks whether what is spent of all papers is what stands of attestations.
func (t *twin) samePapers(l *workload.Ledger) error {
	spent, drawn := uint64(0), uint64(0)
	for _, p := range l.Papers() {
		spent += p.Spent.Micrograms
	}
	for _, a := range t.attests {
		if !a.withdrawn {
			drawn += a.mg
		}
	}
	if spent != drawn {
		return fmt.Errorf("%d micrograms of papers are spent, %d are drawn by attestations that stand", spent, drawn)
	}
	return nil
}

// describe says all that both models know of an item.
func describe(i rules.Item, m rules.Matter) string {
	var s strings.Builder
	holder := func(h rules.Holder) string {
		if h.Outside != nil {
			return "outside"
		}
		return h.Party.String()
	}
	fmt.Fprintf(&s, "status %d last %s held %s within %x lost %v stolen %v damaged %v touched %v disputes %d holds %d", i.Status, i.Last, holder(i.Custody), i.Within, i.Lost, i.Stolen, i.Damaged, i.Offered, len(i.Disputes), len(i.Holds))
	for _, x := range i.Title {
		fmt.Fprintf(&s, " owner %s %d", holder(x.Owner), x.Parts)
	}
	for _, x := range i.Terms {
		fmt.Fprintf(&s, " term %d %s %d %v", x.Mode, x.From, x.Until, x.MayMemoOn)
	}
	s.WriteString(describeMatter(m))
	return s.String()
}

// openOffers are those that have not lapsed. The rules leave a lapsed one in the list
// until the item moves on.
func openOffers(i rules.Item, now uint64) string {
	var open []string
	for _, o := range i.Offers {
		if !o.Lapsed(now) {
			open = append(open, fmt.Sprintf("%s from %s to %s mode %d declined %v", o.Event, o.From, o.To, o.Mode, o.Declined))
		}
	}
	slices.Sort(open)
	return strings.Join(open, "; ")
}

func (i *twinItem) openOffers(t *twin) string {
	var open []string
	for _, o := range t.standing(i) {
		open = append(open, fmt.Sprintf("%s from %s to %s mode %d declined %v", o.id, o.from, o.to, o.b.Mode, o.declined))
	}
	slices.Sort(open)
	return strings.Join(open, "; ")
}

func describeMatter(m rules.Matter) string {
	var s strings.Builder
	fmt.Fprintf(&s, " (%d %d %d %d %q mass %d count %d estimated %v equal %v treated %v children %v", m.Material, m.Form, m.Nature, m.Stage, m.Species, m.Mass, m.Count, m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED, m.EqualPieces, m.Treatments, m.Children)
	for _, c := range m.Composition {
		fmt.Fprintf(&s, " alloy %d:%d", c.Metal, c.Micrograms)
	}
	for _, c := range m.Origin {
		fmt.Fprintf(&s, " origin %d of %d %d [%s] %q %q", c.Micrograms, c.Metal, c.Kind, c.Countries, c.Mine, c.Producer)
	}
	for _, l := range m.Bill {
		s.WriteString(describeMatter(l))
	}
	return s.String() + ")"
}

func (i *twinItem) describe(t *twin) string {
	var s strings.Builder
	holder := func(h twinHolder) string {
		if h.outside() {
			return "outside"
		}
		return h.party.String()
	}
	status := map[string]rules.Status{"live": rules.Live, "voided": rules.Voided, "consumed": rules.Consumed, "destroyed": rules.Destroyed}[i.status]
	fmt.Fprintf(&s, "status %d last %s held %s within %x lost %v stolen %v damaged %v touched %v disputes %d holds %d", status, i.last, holder(i.holder), i.within, i.lost, i.stolen, i.damaged, i.touched, len(i.disputes), len(i.holds))
	for _, x := range i.title {
		fmt.Fprintf(&s, " owner %s %d", holder(x.owner), x.parts)
	}
	for _, x := range i.terms {
		fmt.Fprintf(&s, " term %d %s %d %v", x.mode, x.from, x.until, x.mayMemoOn)
	}
	s.WriteString(i.m.describe())
	return s.String()
}

func (m *twinMatter) describe() string {
	var s strings.Builder
	fmt.Fprintf(&s, " (%d %d %d %d %q mass %d count %d estimated %v equal %v treated %v children %v", m.material, m.form, m.nature, m.stage, m.species, m.mass, m.count, m.estimated, m.equal, m.treated, m.children)
	for _, x := range m.metals() {
		fmt.Fprintf(&s, " alloy %d:%d", x, m.alloy[x])
	}
	for _, c := range m.origin {
		fmt.Fprintf(&s, " origin %d of %d %d [%s] %q %q", c.mg, c.metal, c.kind, c.countries, c.mine, c.producer)
	}
	for _, l := range m.bill {
		s.WriteString(l.describe())
	}
	return s.String() + ")"
}

// acyclic walks up from every item.
func (t *twin) acyclic() error {
	state := map[ledger.ItemID]int{} // 1 on the way, 2 done
	var walk func(ledger.ItemID) error
	walk = func(id ledger.ItemID) error {
		switch state[id] {
		case 1:
			return fmt.Errorf("item %s is its own ancestor", id)
		case 2:
			return nil
		}
		state[id] = 1
		for _, parent := range t.items[id].parents {
			if err := walk(parent); err != nil {
				return err
			}
		}
		state[id] = 2
		return nil
	}
	for id := range t.items {
		if err := walk(id); err != nil {
			return err
		}
	}
	return nil
}

// accounts are a bookkeeper's: what was declared as coming in and going out has to be
// what is there. It knows no rules, only amounts.
type accounts struct {
	l       *workload.Ledger
	weighed map[substance]int64
	masses  map[ledger.ItemID]rules.Matter // of the step before
}

func newAccounts(l *workload.Ledger) *accounts {
	return &accounts{l: l, weighed: map[substance]int64{}, masses: map[ledger.ItemID]rules.Matter{}}
}

// weigh adds what goods weigh, of metals each.
func weigh(into map[substance]int64, m rules.Matter, sign int64) {
	if m.Form == custodyv1.Form_FORM_PIECE {
		for _, l := range m.Bill {
			weigh(into, l, sign)
		}
		return
	}
	if len(m.Composition) == 0 {
		into[substance{material: m.Material}] += sign * int64(m.Mass)
	}
	for _, c := range m.Composition {
		into[substance{m.Material, c.Metal}] += sign * int64(c.Micrograms)
	}
}

func weighSaid(into map[substance]int64, material custodyv1.Material, mass *custodyv1.Mass, composition []*custodyv1.Constituent) {
	if len(composition) == 0 {
		into[substance{material: material}] += int64(mass.Micrograms)
	}
	for _, c := range composition {
		into[substance{material, c.Metal}] += int64(c.Micrograms)
	}
}

// book takes what recorded events declare.
func (a *accounts) book(s workload.Step) {
	for _, c := range s.Submission {
		switch b := c.Body.(type) {
		case *custodyv1.ItemRegister:
			if b.Form != custodyv1.Form_FORM_PIECE {
				weighSaid(a.weighed, b.Material, b.Mass, b.Composition)
			}
			for _, l := range b.Bill {
				weighSaid(a.weighed, l.Material, l.Mass, l.Composition)
			}
		case *custodyv1.ItemVoid:
			weigh(a.weighed, a.masses[c.Items[0].Item], -1)
		case *custodyv1.Reweigh, *custodyv1.Reenter: // another scale: as it shows
			id := c.Items[0].Item
			weigh(a.weighed, a.masses[id], -1)
			m, _ := a.l.Matter(id)
			weigh(a.weighed, m, 1)
		case *custodyv1.Transform:
			for _, l := range b.Additions {
				weighSaid(a.weighed, l.Material, l.Mass, l.Composition)
			}
			for _, l := range b.Balances {
				a.weighed[substance{l.Material, l.Metal}] += int64(l.GainMicrograms) - int64(l.LossMicrograms) - int64(l.ShortfallMicrograms)
			}
		}
	}
}

// check looks at the whole state.
func (a *accounts) check() error {
	there := map[substance]int64{}
	places := map[ledger.ItemID]ledger.ItemID{}
	for _, id := range a.l.Items() {
		i, _ := a.l.Item(id)
		m, ok := a.l.Matter(id)
		if !ok {
			return fmt.Errorf("item %s has no matter", id)
		}
		a.masses[id] = m
		if i.Status != rules.Consumed && i.Status != rules.Voided {
			weigh(there, m, 1)
			for _, child := range m.Children {
				if _, twice := places[child]; twice {
					return fmt.Errorf("item %s is set in two pieces", child)
				}
				places[child] = id
			}
		}
		if err := sound(i, m); err != nil {
			return fmt.Errorf("item %s: %w", id, err)
		}
	}
	for _, id := range a.l.Items() {
		if i, _ := a.l.Item(id); i.Within != places[id] {
			return fmt.Errorf("item %s says that it is in %s, it is in %s", id, i.Within, places[id])
		}
	}
	for _, sums := range []map[substance]int64{there, a.weighed} {
		for x := range sums {
			if there[x] != a.weighed[x] {
				return fmt.Errorf("of %v there are %d micrograms, %d were declared", x, there[x], a.weighed[x])
			}
		}
	}
	for _, p := range a.l.Papers() {
		if p.Spent.Micrograms > p.Quantity.Micrograms || p.Spent.Count > p.Quantity.Count {
			return fmt.Errorf("paper %x: %v of %v is spent", p.ID, p.Spent, p.Quantity)
		}
	}
	return nil
}

// sound asks of one item what has to hold of each at any time.
func sound(i rules.Item, m rules.Matter) error {
	if (i.Custody.Party == ledger.PartyID{}) == (i.Custody.Outside == nil) {
		return fmt.Errorf("not one holder: %+v", i.Custody)
	}
	if len(i.Title) == 0 {
		return fmt.Errorf("no owner")
	}
	for n, s := range i.Title {
		if s.Parts == 0 || (s.Owner.Party == ledger.PartyID{}) == (s.Owner.Outside == nil) {
			return fmt.Errorf("not an owner: %+v", s)
		}
		for _, other := range i.Title[:n] {
			if other.Owner.Equal(s.Owner) {
				return fmt.Errorf("an owner twice: %+v", i.Title)
			}
		}
	}
	goods, titles := 0, 0
	for _, o := range i.Offers {
		if o.MovesCustody() {
			goods++
		}
		if o.MovesTitle() {
			titles++
		}
	}
	if goods > 1 || titles > 1 {
		return fmt.Errorf("%d offers of custody and %d of title are open", goods, titles)
	}
	if m.Form == custodyv1.Form_FORM_PIECE {
		return nil
	}
	book, tolerance := m.Book(), max(m.Book()*5/1000, 2000)
	if len(m.Origin) == 0 || book == 0 {
		return fmt.Errorf("no origin")
	}
	for n, c := range m.Origin {
		for _, other := range m.Origin[:n] {
			if c.Source == other.Source && len(m.Origin) > 1 && c.Micrograms == 0 {
				return fmt.Errorf("an empty origin twice")
			}
		}
	}
	// Goods that are merely parted take the difference of the whole along, and its rounding.
	if diff := max(book, m.Mass) - min(book, m.Mass); diff > 2*tolerance+64 {
		return fmt.Errorf("%d micrograms, %d are accounted for", m.Mass, book)
	}
	sum := uint64(0)
	for _, c := range m.Composition {
		sum += c.Micrograms
	}
	if len(m.Composition) > 0 && sum != m.Mass {
		return fmt.Errorf("an alloy of %d micrograms that weighs %d", sum, m.Mass)
	}
	return nil
}

// What was recorded once is a duplicate for good, with its own index, whatever came
// after it: the rules may know an event for new without asking for it, and must not be
// wrong.
func TestSentAgain(t *testing.T) {
	c := cast(t)
	for seed := range uint64(30) {
		w := workload.New(c, workload.Options{Seed: *firstSeed + seed, Mix: workload.Everything, StepMs: 6 * 60 * minutes})
		var recorded []ledger.Submission
		for range mostSteps {
			s := w.Next()
			if s.Reason() == "" {
				recorded = append(recorded, s.Submission)
			}
			for _, again := range recorded {
				outcome, appended := rules.NewSequencer(w.Ledger.ID, ledger.RulesVersion1, w.Ledger, w.Ledger.Head).Append(again, s.At)
				if outcome.Rejection != nil || len(appended) > 0 || len(outcome.Receipts) != len(again) {
					t.Fatalf("seed %d: %s sent again: %+v, %d entries", seed, again[0].ID, outcome, len(appended))
				}
				for i, r := range outcome.Receipts {
					if at, _ := w.Ledger.EventIndex(again[i].ID); !r.Duplicate || r.Index != at {
						t.Fatalf("seed %d: event %s of entry %d sent again: %+v", seed, again[i].ID, at, r)
					}
				}
			}
		}
	}
}
