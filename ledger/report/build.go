package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// New makes the report of items of a graph: of its subjects, if none are given.
// Time and memory are in proportion to the graph for each item.
func New(g *provenance.Graph, options Options, items ...*provenance.Item) *Report {
	if len(items) == 0 {
		items = g.Subjects
	}
	b := &builder{graph: g, options: options, named: map[ledger.PartyID]bool{}, upstream: provenance.Upstream(items...)}
	r := &Report{
		Format: Format, Title: options.Title, Ledger: g.Ledger.String(), LedgerName: g.Name, Size: g.Size, Time: g.Time,
		Stated: len(items) > 0, Upstream: len(b.upstream),
	}
	var parts []provenance.Part
	for _, item := range items {
		own := item.Parts()
		parts = append(parts, own...)
		r.Items = append(r.Items, b.item(item, own))
		r.Stated = r.Stated && item.Stated
	}
	r.Weakest, r.Coverage = level(provenance.Weakest(parts)), coverage(parts)
	r.Totals = totals(items, parts)
	r.Begins = b.begins()
	r.Changes = b.changes()
	r.Flags = b.flags(items, parts)
	r.Unknown = b.unknown(items, parts, r.Begins)
	r.NotShown = notShown(r.Stated, options.Bundle != nil, b.unstated())
	r.Parties = b.parties()
	if r.Title == "" {
		r.Title = title(items)
	}
	if options.Bundle != nil {
		sum := sha256.Sum256(options.Bundle)
		r.Bundle = &Bundle{SHA256: hex.EncodeToString(sum[:]), Bytes: len(options.Bundle)}
		if options.Attach {
			r.attached = options.Bundle
		}
	}
	return r
}

// unstated counts the items upstream of which more may have been said.
func (b *builder) unstated() int {
	count := 0
	for _, i := range b.upstream {
		if !i.Stated && !b.graph.Whole {
			count++
		}
	}
	return count
}

func title(items []*provenance.Item) string {
	if len(items) == 1 {
		return fmt.Sprintf("%s, %s", What(items[0].Matter), weight(items[0].Matter.Mass, items[0].Matter.Material))
	}
	return fmt.Sprintf("shipment of %d items", len(items))
}

// builder carries what the parts of a report share.
type builder struct {
	graph    *provenance.Graph
	options  Options
	upstream []*provenance.Item
	named    map[ledger.PartyID]bool
}

// name writes who it is and lists it among the parties.
func (b *builder) name(id ledger.PartyID) string {
	b.named[id] = true
	return b.party(id)
}

func (b *builder) who(h rules.Holder) string {
	if h.Outside == nil {
		b.named[h.Party] = true
	} else {
		b.named[h.Outside.ReleasedBy] = true
	}
	return b.holder(h)
}

func (b *builder) item(i *provenance.Item, parts []provenance.Part) Item {
	m := i.Matter
	r := Item{
		Item: i.ID.String(), What: What(m), Status: status(i), Form: vocabulary.Word(m.Form),
		Mass: mass(m.Mass, m.Material), Count: m.Count,
		HSCode: i.HSCode, HSWords: vocabulary.HSWords(i.HSCode), ProcessedIn: i.ProcessedIn, CustomsOrigin: i.CustomsOrigin, ExportedFrom: i.ExportedFrom,
		Contested: i.Contested, Held: b.who(i.Custody),
		Weakest: level(provenance.Weakest(parts)), Coverage: coverage(parts),
		Treatments: treatments(m), Described: described(i),
	}
	r.Mass.Basis = vocabulary.Word(m.Basis)
	if i.Declared != nil && i.Declared.Declared != "" {
		r.Mass.Declared = i.Declared.Declared + " " + vocabulary.UnitWord(i.Declared.Unit)
	}
	if m.Material != 0 {
		r.Material = vocabulary.Word(m.Material)
	}
	if m.Nature != 0 {
		r.Nature = vocabulary.Word(m.Nature)
	}
	if m.Stage != 0 {
		r.Stage = vocabulary.Word(m.Stage)
	}
	if m.Count > 0 {
		r.CountBasis = vocabulary.Word(m.CountBasis)
	}
	if m.Model != 0 {
		r.Model = vocabulary.Word(m.Model)
	}
	for _, id := range i.OutsideIDs {
		r.OutsideIDs = append(r.OutsideIDs, Number{Kind: vocabulary.Word(id.Kind), Issuer: id.Issuer, Number: id.Number, Struck: id.Struck != nil})
	}
	of := uint64(0)
	for _, share := range i.Title {
		of += uint64(share.Parts)
	}
	for _, share := range i.Title {
		r.Owned = append(r.Owned, Owner{Owner: b.who(share.Owner), Parts: share.Parts, Of: of})
	}
	for _, part := range parts {
		r.Parts = append(r.Parts, b.part(part))
	}
	for _, a := range i.Papers() {
		r.Papers = append(r.Papers, b.paper(a))
	}
	for _, c := range i.Claims {
		r.Claims = append(r.Claims, Claim{Claim: vocabulary.Word(c.Claim), Evidence: level(c.Level), Disputed: c.Disputed, Papers: indexes(c.Papers())})
	}
	r.Holders = b.holders(i)
	for _, up := range provenance.Upstream(i) {
		for _, g := range up.Gaps() {
			if g.Kind != provenance.GapBegins {
				r.Gaps = append(r.Gaps, b.gap(g))
			}
		}
	}
	r.Open = b.open(i)
	return r
}

func status(i *provenance.Item) string {
	switch {
	case i.Status == rules.Voided:
		return "registration taken back"
	case i.Status == rules.Consumed:
		return "used up by a change of matter"
	case i.Status == rules.Destroyed:
		return "destroyed"
	case i.Set():
		return "set in " + i.Within.String()
	}
	return "live"
}

func mass(micrograms uint64, m custodyv1.Material) Mass {
	return Mass{Micrograms: micrograms, Text: weight(micrograms, m)}
}

func treatments(m rules.Matter) []Field {
	var list []Field
	for _, code := range m.Treatments {
		text := code
		if t, ok := vocabulary.TreatmentOf(code); ok {
			text = t.Words
			if disclosure := t.Disclosure(); disclosure != "" {
				text += ": " + disclosure
			}
		}
		list = append(list, Field{Name: code, Value: text})
	}
	return list
}

func described(i *provenance.Item) []Field {
	var list []Field
	add := func(name, value string) {
		if value != "" {
			list = append(list, Field{name, value})
		}
	}
	d := i.Description
	add("shape", d.GetShape())
	add("species", d.GetSpecies())
	add("colour", d.GetColour())
	add("clarity", d.GetClarity())
	add("cut", d.GetCut())
	var sides []string
	for _, side := range []uint32{d.GetLengthUm(), d.GetWidthUm(), d.GetHeightUm()} {
		if side > 0 {
			sides = append(sides, fmt.Sprintf("%d.%03d", side/1000, side%1000))
		}
	}
	if len(sides) > 0 {
		add("size", strings.Join(sides, " × ")+" mm")
	}
	if d.GetGrowth() != 0 {
		add("growth", vocabulary.Word(d.GetGrowth()))
	}
	if i.Fineness > 0 {
		add("fineness", fmt.Sprintf("%d.%d", i.Fineness/10, i.Fineness%10))
	}
	return list
}

func coverage(parts []provenance.Part) []Coverage {
	var list []Coverage
	for _, c := range provenance.Cover(parts) {
		list = append(list, Coverage{
			Substance: substance(c.Material, c.Metal), Micrograms: c.Micrograms, Text: weight(c.Micrograms, c.Material), Weakest: level(c.Weakest()),
			Unknown: c.ByLevel[0], Stated: c.ByLevel[1], Documented: c.ByLevel[2], Examined: c.ByLevel[3], SourceMatched: c.ByLevel[4],
			material: c.Material,
		})
	}
	return list
}

func (b *builder) part(p provenance.Part) Part {
	m := p.Matter
	r := Part{Item: p.Item.ID.String(), Line: p.Line, What: What(m), Mass: mass(m.Mass, m.Material), Count: m.Count, Treatments: treatments(m)}
	for _, c := range p.Components {
		r.Components = append(r.Components, component(c, m.Material))
	}
	if len(p.Components) == 0 {
		r.Components = []Component{{Mass: r.Mass, Kind: "unknown", Evidence: "unknown", Unknown: true, Text: "unknown: nothing was declared"}}
	}
	return r
}

func component(c provenance.Component, material custodyv1.Material) Component {
	r := Component{
		Mass: mass(c.Micrograms, material), Kind: vocabulary.Word(c.Kind), Countries: strings.Fields(c.Countries), Mine: c.Mine, Producer: c.Producer,
		OwnershipAsOf: c.OwnershipAsOf, Evidence: level(c.Level), Papers: indexes(c.Papers()),
		Disputed: c.Disputed, Sorted: c.Sorted, Corrected: c.Corrected, Text: origin(c),
		Unknown: c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN,
	}
	if c.Opinion != c.Countries {
		r.Opinion = strings.Fields(c.Opinion)
	}
	if c.Metal != 0 {
		r.Metal = vocabulary.Word(c.Metal)
	}
	if c.Producer != "" {
		r.ProducerEvidence = level(c.ProducerLevel)
	}
	if c.StateOwnership != 0 {
		r.Ownership = vocabulary.Word(c.StateOwnership)
	}
	return r
}

func indexes(papers []*provenance.Attestation) []uint64 {
	var list []uint64
	for _, a := range papers {
		list = append(list, a.Index)
	}
	return list
}

func (b *builder) paper(a *provenance.Attestation) Paper {
	t := a.Attest
	p := Paper{
		Index: a.Index, Event: a.ID.String(), Time: a.RecordedAt, Item: a.Item.ID.String(), Kind: vocabulary.Word(t.Kind), Party: b.name(a.Party),
		Issuer: t.Issuer, Country: t.Country, Number: t.Number, Issued: t.IssuedMs, Expires: t.ExpiresMs, Expired: a.Expired,
		Countries: t.Countries, Document: hex.EncodeToString(t.DocumentSha256), FoundCount: t.FoundCount,
	}
	if t.Own {
		p.Issuer = p.Party
	}
	if a.Finding() {
		p.Found = vocabulary.Word(t.FoundNature)
	}
	for _, c := range t.Claims {
		p.Claims = append(p.Claims, vocabulary.Word(c.Claim)+": "+level(c.Level))
	}
	if a.Withdrawn != nil {
		p.Withdrawn = vocabulary.Word(a.Reason)
	}
	return p
}

func (b *builder) holders(i *provenance.Item) []Holder {
	var list []Holder
	for _, span := range b.graph.Holders(i) {
		h := Holder{Holder: b.who(span.Custody), Owner: b.who(span.Title[0].Owner), From: span.From.RecordedAt, Index: span.From.Index, How: doing(span.From)}
		if n := len(span.Title); n > 1 {
			h.Owner += fmt.Sprintf(" and %d more", n-1)
		}
		if n := len(span.Terms); n > 0 {
			h.Under = vocabulary.Word(span.Terms[n-1].Mode)
		}
		if span.To != nil {
			h.To = span.To.RecordedAt
		}
		list = append(list, h)
	}
	return list
}

func (b *builder) gap(g provenance.Gap) Gap {
	r := Gap{Item: g.Item.ID.String(), From: g.From.RecordedAt}
	until := "and has not come back"
	if g.To != nil {
		r.To = g.To.RecordedAt
		until = "until " + Date(r.To)
	}
	switch g.Kind {
	case provenance.GapOutside:
		r.Kind = "outside"
		r.Text = fmt.Sprintf("Somebody outside the ledger had it from %s %s.", Date(r.From), until)
		if g.To != nil {
			if back, ok := g.To.Body.(*custodyv1.Reenter); ok {
				r.Text = fmt.Sprintf("Somebody outside the ledger had it from %s %s; how it was recognised: %s.", Date(r.From), until, vocabulary.Word(back.Identity))
			}
		}
	case provenance.GapOnTheWay:
		r.Kind = "on the way"
		r.Text = fmt.Sprintf("%s sent it off on %s and nobody acknowledged it %s.", b.name(g.From.Party), Date(r.From), until)
		if g.To == nil {
			r.Text = fmt.Sprintf("%s sent it off on %s and nobody has acknowledged it.", b.name(g.From.Party), Date(r.From))
		}
		if g.Answer != nil {
			r.Text += " The receiver answered: " + vocabulary.Word(g.Answer.Body.(*custodyv1.Decline).Reason) + "."
		}
	case provenance.GapShort:
		r.Kind = "short"
		r.Text = fmt.Sprintf("%s received less than was sent on %s.", b.name(g.From.Party), Date(r.From))
	case provenance.GapMissing:
		r.Kind = "missing"
		r.Text = fmt.Sprintf("Reported %s from %s %s.", doing(g.From), Date(r.From), until)
	}
	return r
}

// open lists what stands in the way of an item.
func (b *builder) open(i *provenance.Item) []string {
	var list []string
	for _, d := range i.Disputes {
		list = append(list, fmt.Sprintf("%s disputes its %s", b.name(d.Party), vocabulary.Word(d.Ground)))
	}
	for _, h := range i.Holds {
		list = append(list, "held by order of: "+vocabulary.Word(h.Authority))
	}
	for _, state := range []struct {
		is   bool
		text string
	}{{i.Lost, "reported lost"}, {i.Stolen, "reported stolen"}, {i.Damaged, "reported damaged"}, {i.Contested, "another live item claims one of the same numbers"}} {
		if state.is {
			list = append(list, state.text)
		}
	}
	for _, o := range i.Offers {
		switch {
		case o.Declined:
			list = append(list, fmt.Sprintf("sent to %s, who declined; it is not back", b.name(o.To)))
		case !o.Lapsed(b.graph.Time):
			list = append(list, fmt.Sprintf("offered to %s (%s), open until %s", b.name(o.To), vocabulary.Word(o.Mode), Date(o.ExpiresAt)))
		}
	}
	return list
}

func (b *builder) begins() []Begin {
	var list []Begin
	for _, i := range b.upstream {
		if i.Begins() {
			list = append(list, Begin{
				Item: i.ID.String(), What: What(i.Created), Index: i.MadeBy.Index, Time: i.MadeBy.RecordedAt,
				Party: b.name(i.MadeBy.Party), How: vocabulary.Word(i.Acquisition),
			})
		}
	}
	return list
}

func (b *builder) changes() []Change {
	var list []Change
	seen := map[*provenance.Event]bool{}
	for _, i := range b.upstream {
		for _, e := range i.Events {
			body, ok := e.Body.(*custodyv1.Transform)
			if !ok || seen[e] {
				continue
			}
			seen[e] = true
			c := Change{Index: e.Index, Time: e.RecordedAt, Party: b.name(e.Party), Process: vocabulary.Word(body.Process), Country: body.Country, Lost: losses(e, body)}
			for _, in := range e.Named {
				c.Inputs = append(c.Inputs, in.ID.String())
			}
			for _, out := range e.Made {
				c.Outputs = append(c.Outputs, out.ID.String())
			}
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.Index, b.Index) })
	return list
}

// losses says what a change of matter lost, and of stones and pearls how much of
// what went in.
func losses(e *provenance.Event, body *custodyv1.Transform) []Lost {
	var list []Lost
	for _, balance := range body.Balances {
		if balance.LossMicrograms == 0 {
			continue
		}
		in := uint64(0)
		for _, item := range e.Named {
			if item.Matter.Material == balance.Material && balance.Metal == 0 {
				in = provenance.Sum(in, item.Matter.Mass)
			}
		}
		lost := Lost{Substance: substance(balance.Material, balance.Metal), Mass: mass(balance.LossMicrograms, balance.Material)}
		if in > 0 {
			lost.Permille = permille(balance.LossMicrograms, in)
		}
		list = append(list, lost)
	}
	return list
}

// permille is part of whole in thousandths, rounded down; the arguments are masses.
func permille(part, whole uint64) uint64 {
	if part > 1<<53 {
		return part / max(whole/1000, 1)
	}
	return part * 1000 / whole
}

func (b *builder) parties() []Party {
	var list []Party
	for id := range b.named {
		p, ok := b.graph.Parties[id]
		if !ok || p.Association {
			continue
		}
		party := Party{Party: id.String(), Name: b.options.Names[id], Role: vocabulary.Word(p.Role), Country: p.Country}
		for _, m := range p.Memberships {
			if !m.Suspended {
				party.Sponsors = append(party.Sponsors, b.party(m.Association))
			}
		}
		list = append(list, party)
	}
	slices.SortFunc(list, func(a, b Party) int { return strings.Compare(a.Party, b.Party) })
	return list
}
