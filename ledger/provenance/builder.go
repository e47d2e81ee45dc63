package provenance

import (
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Applied is an event at its place in the ledger and everything that the rules
// wrote when they accepted it.
type Applied struct {
	Event      *ledger.Event
	Index      uint64
	RecordedAt uint64 // unix milliseconds
	Changes    rules.Changes
}

// Builder makes a graph of the events of a ledger. Not safe for concurrent use.
type Builder struct {
	graph Graph
}

// NewBuilder starts with what a genesis founds.
func NewBuilder(id ledger.LedgerID, genesis *ledger.Genesis) *Builder {
	b := &Builder{
		graph: Graph{
			Ledger: id, Name: genesis.Name,
			Parties: map[ledger.PartyID]rules.Party{}, Associations: map[ledger.PartyID]string{},
			items: map[ledger.ItemID]*Item{}, events: map[ledger.EventID]*Event{}, attestations: map[ledger.EventID]*Attestation{},
		},
	}
	for _, p := range rules.Genesis(genesis).Parties {
		b.graph.Parties[p.ID] = p
		if p.Association {
			b.graph.Associations[p.ID] = p.Name
		}
	}
	return b
}

// Apply adds the next event. Events come in the order of their indexes, and every
// item that one names was made before: an error says which was not, and the
// builder is of no use afterwards.
func (b *Builder) Apply(a Applied) error {
	if n := len(b.graph.Events); n > 0 && b.graph.Events[n-1].Index >= a.Index {
		return fmt.Errorf("provenance: entry %d after entry %d; entries come in order", a.Index, b.graph.Events[n-1].Index)
	}
	event := &Event{Event: a.Event, Index: a.Index, RecordedAt: a.RecordedAt, Changes: a.Changes}
	for _, id := range a.Event.Names() {
		item := b.graph.items[id]
		if item == nil {
			return fmt.Errorf("provenance: entry %d names item %s, which no entry before it made", a.Index, id)
		}
		event.Named = append(event.Named, item)
		item.Events = append(item.Events, event)
	}
	b.graph.Events = append(b.graph.Events, event)
	b.graph.events[event.ID] = event
	for _, p := range a.Changes.Parties {
		b.graph.Parties[p.ID] = p
	}
	if err := b.make(event); err != nil {
		return err
	}
	if err := b.registers(event); err != nil {
		return err
	}
	if err := b.matters(event); err != nil {
		return err
	}
	b.say(event)
	return nil
}

// make creates the items that come into being.
func (b *Builder) make(event *Event) error {
	for position, id := range event.Outputs() {
		if b.graph.items[id] != nil {
			return fmt.Errorf("provenance: entry %d makes item %s, which is there already", event.Index, id)
		}
		item := &Item{MadeBy: event, Position: position, Events: []*Event{event}}
		b.graph.items[id] = item
		b.graph.Items = append(b.graph.Items, item)
		event.Made = append(event.Made, item)
	}
	return nil
}

// registers takes over who has and owns what.
func (b *Builder) registers(event *Event) error {
	for _, after := range event.Changes.Items {
		item := b.graph.items[after.ID]
		if item == nil {
			return fmt.Errorf("provenance: entry %d changes item %s, which no entry makes", event.Index, after.ID)
		}
		if after.Status != rules.Live && item.EndedBy == nil {
			item.EndedBy = event
		}
		item.Item = after
		item.Piece = b.graph.items[after.Within]
		n := len(item.Spans)
		if n > 0 && sameSpan(item.Spans[n-1], after) {
			continue
		}
		if n > 0 {
			item.Spans[n-1].To = event
		}
		item.Spans = append(item.Spans, Span{Custody: after.Custody, Title: after.Title, Terms: after.Terms, Within: after.Within, From: event})
	}
	return nil
}

func sameSpan(s Span, i rules.Item) bool {
	return s.Custody.Equal(i.Custody) && s.Within == i.Within && slices.Equal(s.Terms, i.Terms) &&
		slices.EqualFunc(s.Title, i.Title, func(a, b rules.Share) bool { return a.Parts == b.Parts && a.Owner.Equal(b.Owner) })
}

// matters takes over what things are made of. All inputs are read before any is
// overwritten.
func (b *Builder) matters(event *Event) error {
	versions := make([]*version, len(event.Changes.Matters))
	for n, matter := range event.Changes.Matters {
		item := b.graph.items[matter.Item]
		if item == nil {
			return fmt.Errorf("provenance: entry %d changes the matter of item %s, which no entry makes", event.Index, matter.Item)
		}
		versions[n] = newVersion(item, matter, event)
	}
	for _, v := range versions {
		item := v.item
		if len(item.versions) == 0 {
			item.Created = v.matter
		}
		item.Matter = v.matter
		item.versions = append(item.versions, v)
		b.graph.versions = append(b.graph.versions, v)
		item.Children = item.Children[:0:0]
		for _, id := range v.matter.Children {
			if child := b.graph.items[id]; child != nil {
				item.Children = append(item.Children, child)
			}
		}
	}
	for _, item := range event.Made {
		if len(item.versions) == 0 || len(item.Spans) == 0 {
			return fmt.Errorf("provenance: entry %d makes item %s without matter or registers", event.Index, item.ID)
		}
		b.link(item, sources(event, item))
	}
	if body, ok := event.Body.(*custodyv1.Transform); ok && body.Process == custodyv1.Process_PROCESS_REWORK {
		b.link(event.Named[0], event.Named[1:len(body.Inputs)])
	}
	return nil
}

func (b *Builder) link(item *Item, inputs []*Item) {
	event := item.Events[len(item.Events)-1]
	for _, in := range inputs {
		item.Inputs = append(item.Inputs, Link{in, event})
		in.Outputs = append(in.Outputs, Link{item, event})
	}
}

// sources lists what an item that an event made was made of.
func sources(event *Event, item *Item) []*Item {
	switch body := event.Body.(type) {
	case *custodyv1.Accept:
		return event.Named
	case *custodyv1.Transform:
		switch body.Process {
		case custodyv1.Process_PROCESS_REWORK: // of what was filed
			return event.Named[len(event.Named)-len(body.Filings):]
		case custodyv1.Process_PROCESS_DISASSEMBLE: // of the piece's bill; what was set in it is what it was
			return event.Named[:1]
		}
		return event.Named[:len(body.Inputs)]
	}
	return nil
}

// say takes over what an event says of items without changing what they are.
func (b *Builder) say(event *Event) {
	switch body := event.Body.(type) {
	case *custodyv1.ItemRegister:
		event.Made[0].Described = ofRegistration(body)
	case *custodyv1.Transform:
		for n, output := range body.Outputs {
			event.Made[n].Described = ofOutput(output)
		}
	case *custodyv1.Accept:
		if len(event.Made) > 0 { // the same goods, as far as a description holds for a part
			whole := event.Named[0].Described
			event.Made[0].Described = Described{Description: whole.Description, ProcessedIn: whole.ProcessedIn,
				CustomsOrigin: whole.CustomsOrigin, ExportedFrom: whole.ExportedFrom, HSCode: whole.HSCode, Fineness: whole.Fineness}
		}
	case *custodyv1.Correct:
		event.Named[0].correct(event, body)
	case *custodyv1.Attest:
		b.attest(event, body)
	case *custodyv1.AttestWithdraw:
		if a := b.graph.attestations[ledger.EventID(body.Attestation)]; a != nil {
			a.Withdrawn, a.Reason = event, body.Reason
		}
	case *custodyv1.Ruling:
		if body.OutsideId != nil && body.Outcome == custodyv1.RulingOutcome_RULING_OUTCOME_UPHELD {
			event.Named[0].strike(outsideID(body.OutsideId), event)
		}
	}
}

func (b *Builder) attest(event *Event, body *custodyv1.Attest) {
	a := &Attestation{Event: event, Attest: body, Item: event.Named[0]}
	b.graph.attestations[event.ID] = a
	a.Item.Attestations = append(a.Item.Attestations, a)
	v := a.Item.current()
	v.attestations = append(v.attestations, a)
}

// Reading says what a graph is asked about, and where.
type Reading struct {
	Size     uint64 // entries of the ledger
	Time     uint64 // ledger time, unix milliseconds; no less than that of the last entry
	Whole    bool   // every entry to Size was applied
	Subjects []ledger.ItemID
}

// Graph works out evidence and gives what was built. The builder is of no use
// afterwards.
func (b *Builder) Graph(r Reading) (*Graph, error) {
	g := &b.graph
	g.Size, g.Time, g.Whole = r.Size, r.Time, r.Whole
	if n := len(g.Events); n > 0 {
		g.Time = max(g.Time, g.Events[n-1].RecordedAt)
	}
	for _, id := range r.Subjects {
		item := g.items[id]
		if item == nil {
			return nil, fmt.Errorf("provenance: item %s is not in the entries given", id)
		}
		g.Subjects = append(g.Subjects, item)
	}
	for _, a := range g.attestations {
		a.Expired = a.Attest.ExpiresMs != 0 && a.Attest.ExpiresMs < g.Time
	}
	slices.SortFunc(g.Items, compareItems)
	g.contest()
	g.weigh()
	return g, nil
}

// contest finds the outside ids that two live items claim.
func (g *Graph) contest() {
	claimed := map[rules.OutsideID][]*Item{}
	for _, item := range g.Items {
		if item.Status != rules.Live {
			continue
		}
		for _, id := range item.OutsideIDs {
			if id.Struck == nil {
				claimed[id.OutsideID] = append(claimed[id.OutsideID], item)
			}
		}
	}
	for _, item := range g.Items {
		for _, id := range item.OutsideIDs {
			if len(claimed[id.OutsideID]) > 1 && slices.Contains(claimed[id.OutsideID], item) {
				item.Contested = true
			}
		}
	}
}
