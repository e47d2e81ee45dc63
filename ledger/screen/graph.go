package screen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Result is the verdict on an item and on each of its components.
type Result struct {
	Item       ledger.ItemID
	AsOf       Range // unix milliseconds
	Verdict    Verdict
	Components []ComponentResult
}

// ComponentResult is the verdict on one origin component of one part.
type ComponentResult struct {
	Item      ledger.ItemID // the part, or the piece on whose bill it stands
	Line      int           // of the bill, from 1; 0 for an item of its own
	Component int           // from 1; 0 where nothing is said of the origin
	What      string
	Verdict   Verdict
	Covered   bool // by any rule
	Reasons   []Reason
}

// Moved is the verdict on an item at one of its movements: whether the policy hit it
// when it moved, judged by what is known today.
type Moved struct {
	Step   Step
	Result Result
}

// Item screens an item of a graph as of a time in unix milliseconds; 0: the day of the
// policy, or if it names none the time that the graph was read at.
func (s *Screener) Item(g *provenance.Graph, item *provenance.Item, asOf uint64) Result {
	if asOf == 0 {
		asOf = s.policy.AsOf
	}
	if asOf == 0 {
		asOf = g.Time
	}
	return s.parts(g, item, item.Parts(), Range{asOf, asOf}, false)
}

// Moves screens an item, and everything that it was made of, at every movement: an
// acceptance, a release, a return from outside, a border. A movement was at any time
// between the one its signer says and the one at which it was recorded. Mass and count
// are those of that time; a piece is screened with the parts that it has now.
func (s *Screener) Moves(g *provenance.Graph, item *provenance.Item) []Moved {
	var moves []Moved
	for _, at := range provenance.Upstream(item) {
		matter := at.Created
		for _, e := range at.Events {
			for _, m := range e.Changes.Matters {
				if m.Item == at.ID {
					matter = m
				}
			}
			what := movement(e)
			if what == "" || !moved(e, at) {
				continue
			}
			parts := at.Parts()
			if matter.Form != custodyv1.Form_FORM_PIECE {
				parts = []provenance.Part{{Item: at, Matter: matter, Components: componentsOf(at, matter)}}
			}
			when := Range{min(e.OccurredAt, e.RecordedAt), e.RecordedAt}
			moves = append(moves, Moved{step(at, e, what), s.parts(g, at, parts, when, true)})
		}
	}
	slices.SortStableFunc(moves, func(a, b Moved) int { return int(int64(a.Step.Index) - int64(b.Step.Index)) })
	return moves
}

// moved tells whether an item is what went from hand to hand by an event: of goods
// received in part, one portion stays where it was.
func moved(e *provenance.Event, item *provenance.Item) bool {
	if _, ok := e.Body.(*custodyv1.Accept); !ok {
		return true
	}
	return slices.ContainsFunc(e.Changes.Items, func(i rules.Item) bool { return i.ID == item.ID && i.Custody.Is(e.Party) })
}

// componentsOf gives the components that the item has today if the matter of then is
// of the same sources, with the masses of then; else those of then, as stated.
func componentsOf(item *provenance.Item, matter rules.Matter) []provenance.Component {
	var components []provenance.Component
	for n, c := range matter.Origin {
		if n < len(item.Origin) && item.Origin[n].Source == c.Source {
			today := item.Origin[n]
			today.Micrograms = c.Micrograms
			components = append(components, today)
			continue
		}
		then := provenance.Component{Component: c, Number: n + 1, Level: custodyv1.Evidence_EVIDENCE_STATED}
		if c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
			then.Level = 0
		}
		if c.Producer != "" {
			then.ProducerLevel = custodyv1.Evidence_EVIDENCE_STATED
		}
		components = append(components, then)
	}
	return components
}

func movement(e *provenance.Event) string {
	switch b := e.Body.(type) {
	case *custodyv1.Accept:
		return "received"
	case *custodyv1.Release:
		return "released to " + b.Country
	case *custodyv1.Reenter:
		return "came back from outside"
	case *custodyv1.BorderCross:
		return "crossed from " + b.From + " to " + b.To
	}
	return ""
}

func (s *Screener) parts(g *provenance.Graph, item *provenance.Item, parts []provenance.Part, when Range, moving bool) Result {
	result := Result{Item: item.ID, AsOf: when}
	read := reader{graph: g, policy: s.policy, subject: item, moving: moving, upstream: map[*provenance.Item]*past{}}
	for _, part := range parts {
		components := part.Components
		if len(components) == 0 { // a line of which nothing is said
			components = []provenance.Component{{Component: rules.Component{Micrograms: part.Matter.Mass, Source: rules.Source{Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}}}}
		}
		for _, c := range components {
			f := read.facts(part, c, when)
			verdict, reasons := s.Judge(f)
			for i := range reasons {
				if reasons[i].Origin {
					reasons[i].Steps = append(read.path(part, c, reasons[i].mined), reasons[i].Steps...)
				}
			}
			result.Verdict = max(result.Verdict, verdict)
			result.Components = append(result.Components, ComponentResult{
				Item: part.Item.ID, Line: part.Line, Component: c.Number, What: what(part, c),
				Verdict: verdict, Covered: s.Covers(f), Reasons: reasons,
			})
		}
	}
	return result
}

// reader turns parts of a graph into facts. What it finds out about an item it keeps.
type reader struct {
	graph    *provenance.Graph
	policy   *Policy
	subject  *provenance.Item
	moving   bool // what is set in a piece now was loose when it moved by itself
	upstream map[*provenance.Item]*past
}

// past is what an item's record says that is not its matter.
type past struct {
	hands  []Hand
	places []Saying
	gap    bool
	silent [placesCount]bool
	doubts []Doubt
	nature bool
	begun  uint64
}

func (r *reader) facts(part provenance.Part, c provenance.Component, when Range) *Facts {
	p := r.past(part.Item)
	m := part.Matter
	f := &Facts{
		Material: m.Material, Metal: c.Metal, Species: m.Species, Nature: m.Nature, Stage: m.Stage,
		Set:  part.Line > 0 || part.Item != r.subject || r.subject.Matter.Form == custodyv1.Form_FORM_PIECE || part.Item.Set() && !r.moving,
		Kind: c.Kind, Level: c.Level, Disputed: c.Disputed, Producer: c.Producer, ProducerLevel: c.ProducerLevel, StateOwnership: c.StateOwnership,
		Stone: largest(m, c), When: when,
		Hands: p.hands, Places: p.places, Gap: p.gap, Silent: p.silent, Doubts: p.doubts, NatureOpen: p.nature, Begun: p.begun,
	}
	if part.Line == 0 {
		f.HSCode = part.Item.HSCode
	}
	if c.Kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
		f.Countries = strings.Fields(c.Countries)
	}
	f.Shown = func(l Located) bool { return located(part.Item, l) }
	return f
}

// largest says between what masses the largest stone of a component weighs. Of n
// stones the largest is no less than the n-th part, and no more than all.
func largest(m rules.Matter, c provenance.Component) Range {
	switch {
	case m.Material != custodyv1.Material_MATERIAL_DIAMOND && m.Material != custodyv1.Material_MATERIAL_GEM && m.Material != custodyv1.Material_MATERIAL_PEARL:
		return Range{}
	case m.Form == custodyv1.Form_FORM_SINGLE:
		return Range{m.Mass, m.Mass}
	case m.EqualPieces && m.Count > 0:
		return Range{m.Mass / uint64(m.Count), m.Mass / uint64(m.Count)}
	}
	high := m.Mass
	if len(m.Origin) > 1 { // what the scales show more or less may be anywhere
		high = min(m.Mass, c.Micrograms+max(m.Mass, m.Book())-m.Book())
	}
	if m.Count == 0 || m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED {
		return Range{1, high}
	}
	low := uint64(1)
	if len(m.Origin) <= 1 {
		low = (m.Mass + uint64(m.Count) - 1) / uint64(m.Count)
	} else if others := uint32(len(m.Origin) - 1); m.Count > others {
		least := c.Micrograms - min(c.Micrograms, m.Book()-min(m.Book(), m.Mass))
		low = max(1, least/uint64(m.Count-others))
	}
	return Range{low, max(low, high)}
}

// past gathers what stands about an item, everything upstream of it, and the pieces
// that it was set in while it was.
func (r *reader) past(item *provenance.Item) *past {
	if p := r.upstream[item]; p != nil {
		return p
	}
	p := &past{silent: [placesCount]bool{true, true, true}}
	r.upstream[item] = p
	for _, at := range provenance.Upstream(item) {
		r.item(p, at)
		r.places(p, at)
		if _, ok := at.MadeBy.Body.(*custodyv1.ItemRegister); ok {
			p.begun = max(p.begun, at.MadeBy.RecordedAt)
			if at.Acquisition != custodyv1.Acquisition_ACQUISITION_PRODUCED {
				p.gap = true
			}
		}
	}
	for piece := item.Piece; piece != nil; piece = piece.Piece {
		r.item(p, piece)
		r.places(p, piece)
	}
	if item != r.subject && r.subject.Matter.Form == custodyv1.Form_FORM_PIECE && item.Piece == nil {
		r.places(p, r.subject)
	}
	return p
}

func (r *reader) item(p *past, at *provenance.Item) {
	for _, span := range at.Spans {
		if span.Within != (ledger.ItemID{}) {
			if piece := r.graph.Item(span.Within); piece != nil && piece != at.Piece {
				r.spans(p, piece, span)
			}
			continue
		}
		r.span(p, at, span)
	}
	for _, d := range at.Disputes {
		e := r.graph.Event(d.Event)
		if e == nil {
			continue
		}
		switch d.Ground {
		case custodyv1.DisputeGround_DISPUTE_GROUND_NATURE:
			p.nature = true
			fallthrough
		case custodyv1.DisputeGround_DISPUTE_GROUND_IDENTITY, custodyv1.DisputeGround_DISPUTE_GROUND_ORIGIN:
			p.doubts = append(p.doubts, Doubt{"an open dispute is about its " + vocabulary.Word(d.Ground), step(at, e, "dispute")})
		}
	}
	if at.Contested {
		p.doubts = append(p.doubts, Doubt{"another item claims the same report, inscription or serial number", step(at, at.MadeBy, "claims the number")})
	}
	for _, a := range at.Attestations {
		if a.Finding() && a.Withdrawn == nil {
			p.nature = true
			p.doubts = append(p.doubts, Doubt{
				fmt.Sprintf("an examination found %d that are %s", a.Attest.FoundCount, vocabulary.Word(a.Attest.FoundNature)), step(at, a.Event, "examination"),
			})
		}
	}
	for _, e := range at.Events {
		if b, ok := e.Body.(*custodyv1.Reenter); ok && b.Identity < r.policy.Reentry {
			p.doubts = append(p.doubts, Doubt{
				fmt.Sprintf("it was outside the ledger and came back with its identity %s; the policy asks for %s", vocabulary.Word(b.Identity), vocabulary.Word(r.policy.Reentry)), step(at, e, "came back"),
			})
		}
	}
}

// spans adds those of a piece that an item was set in, while it was.
func (r *reader) spans(p *past, piece *provenance.Item, while provenance.Span) {
	for _, span := range piece.Spans {
		after := while.To != nil && span.From.Index >= while.To.Index
		before := span.To != nil && span.To.Index <= while.From.Index
		if !after && !before && span.Within == (ledger.ItemID{}) {
			r.span(p, piece, span)
		}
	}
}

func (r *reader) span(p *past, at *provenance.Item, span provenance.Span) {
	holders := []rules.Holder{span.Custody}
	for _, share := range span.Title {
		holders = append(holders, share.Owner)
	}
	for _, h := range holders {
		hand := Hand{Step: step(at, span.From, "had or owned it from here")}
		if h.Outside != nil {
			hand.Country, p.gap = h.Outside.Country, true
		} else {
			hand.Party, hand.Country = h.Party, r.graph.Parties[h.Party].Country
		}
		if !slices.ContainsFunc(p.hands, func(o Hand) bool { return o.Party == hand.Party && o.Country == hand.Country }) {
			p.hands = append(p.hands, hand)
		}
	}
}

func (r *reader) places(p *past, at *provenance.Item) {
	say := func(place Place, country string, e *provenance.Event) {
		if country == "" {
			return
		}
		p.silent[place] = false
		if !slices.ContainsFunc(p.places, func(s Saying) bool { return s.Place == place && s.Country == country }) {
			p.places = append(p.places, Saying{place, country, step(at, e, placeWords[place]+" "+country)})
		}
	}
	say(ExportedFrom, at.ExportedFrom, at.MadeBy)
	say(ProcessedIn, at.ProcessedIn, at.MadeBy)
	say(CustomsOrigin, at.CustomsOrigin, at.MadeBy)
	for _, e := range at.Events {
		switch b := e.Body.(type) {
		case *custodyv1.BorderCross:
			say(ExportedFrom, b.From, e)
		case *custodyv1.Transform:
			say(ProcessedIn, b.Country, e)
		}
	}
}

// located tells whether papers show where all of an item was: one about it, or about
// everything that it was made of, without a way around.
func located(item *provenance.Item, l Located) bool {
	seen := map[*provenance.Item]bool{}
	open := []*provenance.Item{item}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[at] || slices.ContainsFunc(at.Attestations, func(a *provenance.Attestation) bool { return shows(a, l) }) {
			continue
		}
		if len(at.Inputs) == 0 {
			return false
		}
		seen[at] = true
		for _, in := range at.Inputs {
			open = append(open, in.Item)
		}
	}
	return true
}

// shows tells whether a paper locates goods as asked. Of a statement of location its
// country says where they were and its date when; other papers have their issuer's.
func shows(a *provenance.Attestation, l Located) bool {
	level := a.Level(custodyv1.Claim_CLAIM_LOCATION)
	if a.Withdrawn != nil || a.Attest.Kind != custodyv1.DocumentKind_DOCUMENT_KIND_LOCATION_AT_DATE || level == 0 || level < l.Evidence {
		return false
	}
	at := a.Attest.IssuedMs
	if !l.Signed {
		at = max(at, a.RecordedAt)
	}
	return a.Attest.Country != "" && at != 0 && at < l.Before && !slices.Contains(l.NotIn, a.Attest.Country)
}

// path gives the steps by which a component came: from the first registration that
// names one of the mining countries, or if none does may have brought it, to the part.
func (r *reader) path(part provenance.Part, c provenance.Component, mined []string) []Step {
	in := map[*provenance.Item]bool{}
	for _, item := range c.Path() {
		in[item] = true
	}
	from := map[*provenance.Item]provenance.Link{}
	open := []*provenance.Item{part.Item}
	seen := map[*provenance.Item]bool{part.Item: true}
	var begins []*provenance.Item
	for len(open) > 0 {
		at := open[0]
		open = open[1:]
		if at.Begins() && (len(in) == 0 || in[at]) && brings(at, c) {
			begins = append(begins, at)
		}
		for _, link := range at.Inputs {
			if !seen[link.Item] && (len(in) == 0 || in[link.Item]) {
				seen[link.Item] = true
				from[link.Item] = provenance.Link{Item: at, By: link.By}
				open = append(open, link.Item)
			}
		}
	}
	first, count := bringer(begins, c, mined)
	if first == nil {
		first = part.Item
	}
	begun := "registered"
	if !first.Begins() {
		begun = "made"
	} else if count > 1 {
		begun = fmt.Sprintf("registered, as one of %d that may have brought it", count)
	}
	steps := []Step{step(first, first.MadeBy, begun)}
	for at := first; at != part.Item; {
		next, ok := from[at]
		if !ok {
			break
		}
		steps = append(steps, step(next.Item, next.By, "made of it"))
		at = next.Item
	}
	if part.Item != r.subject && part.Item.Piece != nil {
		for at := part.Item; at.Piece != nil; at = at.Piece {
			for _, link := range at.Outputs {
				if link.Item == at.Piece {
					steps = append(steps, step(at.Piece, link.By, "set in"))
					break
				}
			}
		}
	}
	return steps
}

// bringer picks the registration that a path begins at and counts those that it might
// as well begin at. Goods that name one of the countries come before goods of which
// the country is not known, and those before goods of other countries.
func bringer(begins []*provenance.Item, c provenance.Component, mined []string) (first *provenance.Item, count int) {
	best := no
	for _, at := range begins {
		named := minedIn(at, c, mined)
		if first == nil || named > best {
			first = at
		}
		if best == no && named > no {
			count = 0
		}
		if best = max(best, named); named > no || best == no {
			count++
		}
	}
	return first, count
}

// minedIn tells whether registered goods say that they may be of one of the countries.
func minedIn(item *provenance.Item, c provenance.Component, countries []string) answer {
	if len(countries) == 0 {
		return no
	}
	got := no
	for _, own := range item.Origin {
		switch {
		case own.Metal != c.Metal && c.Metal != 0:
		case own.Countries == "" && own.Kind != custodyv1.OriginKind_ORIGIN_KIND_RECYCLED:
			got = max(got, maybe)
		case slices.ContainsFunc(strings.Fields(own.Countries), func(country string) bool { return slices.Contains(countries, country) }):
			return yes
		}
	}
	return got
}

// brings tells whether a registered item may have brought any of a component.
func brings(item *provenance.Item, c provenance.Component) bool {
	if item.Matter.Form == custodyv1.Form_FORM_PIECE {
		return true
	}
	for _, own := range item.Origin {
		if own.Metal != c.Metal && c.Metal != 0 {
			continue
		}
		if own.Source == c.Source || own.Countries == "" || c.Countries == "" || c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
			return true
		}
		for _, country := range strings.Fields(own.Countries) {
			if slices.Contains(strings.Fields(c.Countries), country) {
				return true
			}
		}
	}
	return false
}

func step(item *provenance.Item, e *provenance.Event, what string) Step {
	return Step{Item: item.ID, Event: e.ID, Index: e.Index, What: what}
}

// what names a component for a reader.
func what(part provenance.Part, c provenance.Component) string {
	m := part.Matter
	var words []string
	if m.Nature != 0 {
		words = append(words, vocabulary.Word(m.Nature))
	}
	if m.Stage != 0 {
		words = append(words, vocabulary.Word(m.Stage))
	}
	switch {
	case c.Metal != 0:
		words = append(words, vocabulary.Word(c.Metal))
	case m.Species != "":
		words = append(words, m.Species)
	default:
		words = append(words, vocabulary.Word(m.Material))
	}
	unit := custodyv1.Unit_UNIT_CARAT
	if m.Material == custodyv1.Material_MATERIAL_METAL || m.Material == custodyv1.Material_MATERIAL_OTHER {
		unit = custodyv1.Unit_UNIT_GRAM
	}
	return strings.Join(words, " ") + ", " + vocabulary.Format(c.Micrograms, unit)
}
