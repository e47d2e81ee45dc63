package epcis

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// OfItems makes the document of items and everything upstream of them: all that
// was said of them, of what they were made of up to the event that made them of
// it, and papers on that which were taken back later. Encode it as often as
// wanted; the graph must not change meanwhile.
func OfItems(g *provenance.Graph, items ...*provenance.Item) *Document {
	name := ledgerURI(g.Ledger)
	for _, item := range items {
		name += ":" + item.ID.String()
	}
	return newDocument(g, name, upstream(items))
}

// OfRange makes the document of the entries from the first index up to but not
// including the second. The graph must be whole: what an entry changes is known
// from those before it.
func OfRange(g *provenance.Graph, from, to uint64) *Document {
	if !g.Whole {
		panic("epcis: a range of a graph that is not whole")
	}
	name := ledgerURI(g.Ledger) + ":entries:" + decimal(from, 0) + "-" + decimal(to, 0)
	return newDocument(g, name, func(e *provenance.Event) bool { return e.Index >= from && e.Index < to })
}

func newDocument(g *provenance.Graph, id string, selected func(*provenance.Event) bool) *Document {
	source := &object{}
	source.add("ledger", ledgerURI(g.Ledger))
	source.add("name", g.Name)
	source.add("size", g.Size)
	source.add("time", timeText(g.Time))
	return &Document{
		Context:      []any{contextURL, map[string]string{"custody": Namespace}},
		ID:           id + ":at:" + decimal(g.Size, 0),
		CreationDate: timeText(g.Time),
		Ledger:       source,
		Vocabularies: vocabularies(g, selected),
		Events:       events(g, selected),
	}
}

func events(g *provenance.Graph, selected func(*provenance.Event) bool) iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		x := newExporter(g)
		for _, e := range g.Events {
			made := x.apply(e)
			if !selected(e) {
				continue
			}
			for _, event := range made {
				if !yield(event.identified()) {
					return
				}
			}
		}
	}
}

// upstream tells which events belong to items: those that named an item of their
// lineage no later than the event by which it went into the next.
func upstream(items []*provenance.Item) func(*provenance.Event) bool {
	last := map[*provenance.Item]uint64{} // the index up to which an item counts
	type step struct {
		item *provenance.Item
		to   uint64
	}
	var open []step
	for _, item := range items {
		open = append(open, step{item, ledger.NoLink})
	}
	for len(open) > 0 {
		s := open[len(open)-1]
		open = open[:len(open)-1]
		if s.item.EndedBy != nil && s.item.EndedBy.Index <= s.to {
			s.to = ledger.NoLink // all that is said of it afterwards is about what went on
		}
		if to, seen := last[s.item]; seen && to >= s.to {
			continue
		}
		last[s.item] = s.to
		for _, in := range s.item.Inputs {
			if in.By.Index <= s.to {
				open = append(open, step{in.Item, in.By.Index})
			}
		}
		for _, child := range s.item.Children {
			open = append(open, step{child, s.to})
		}
	}
	return func(e *provenance.Event) bool {
		counts := func(item *provenance.Item) bool {
			to, ok := last[item]
			if !ok {
				return false
			}
			if body, withdraws := e.Body.(*custodyv1.AttestWithdraw); withdraws && e.Index > to {
				for _, a := range item.Attestations {
					if a.ID == ledger.EventID(body.Attestation) {
						return a.Index <= to
					}
				}
			}
			return e.Index <= to
		}
		return slices.ContainsFunc(e.Named, counts) || slices.ContainsFunc(e.Made, counts)
	}
}

// vocabularies give the master data of the parties and places that the events name.
func vocabularies(g *provenance.Graph, selected func(*provenance.Event) bool) []vocabulary {
	parties, countries := map[string]ledger.PartyID{}, map[string]bool{}
	for _, e := range g.Events {
		if !selected(e) {
			continue
		}
		for _, id := range e.Parties() {
			parties[partyURI(id)] = id
		}
		for _, id := range changedHolders(e) {
			parties[partyURI(id)] = id
		}
	}
	var elements []vocabularyElement
	for _, uri := range slices.Sorted(maps.Keys(parties)) {
		party, ok := g.Parties[parties[uri]]
		if !ok {
			continue
		}
		elements = append(elements, vocabularyElement{ID: uri, Attributes: partyAttributes(party)})
		if party.Country != "" {
			countries[party.Country] = true
		}
	}
	var places []vocabularyElement
	for _, country := range slices.Sorted(maps.Keys(countries)) {
		places = append(places, vocabularyElement{ID: countryURI(country), Attributes: []attribute{{cbvAttribute + "countryCode", country}}})
	}
	var list []vocabulary
	if elements != nil {
		list = append(list, vocabulary{Type: "urn:epcglobal:epcis:vtype:Party", Elements: elements})
	}
	if places != nil {
		list = append(list, vocabulary{Type: "urn:epcglobal:epcis:vtype:BusinessLocation", Elements: places})
	}
	return list
}

const cbvAttribute = "urn:epcglobal:cbv:mda:"

func partyAttributes(p rules.Party) []attribute {
	var list []attribute
	give := func(id, value string) {
		if value != "" {
			list = append(list, attribute{id, value})
		}
	}
	give(cbvAttribute+"name", p.Name)
	give(cbvAttribute+"countryCode", p.Country)
	if p.Association {
		give(Namespace+"role", "ASSOCIATION")
	} else if p.Role != 0 {
		give(Namespace+"role", enumText(p.Role))
	}
	for _, m := range p.Memberships {
		if m.Suspended {
			give(Namespace+"suspendedBy", partyURI(m.Association))
		} else {
			give(Namespace+"sponsoredBy", partyURI(m.Association))
		}
	}
	return list
}

// changedHolders lists who holds or owns what an event changes.
func changedHolders(e *provenance.Event) []ledger.PartyID {
	var list []ledger.PartyID
	take := func(h rules.Holder) {
		if h.Outside == nil {
			list = append(list, h.Party)
		}
	}
	for _, item := range e.Changes.Items {
		take(item.Custody)
		for _, share := range item.Title {
			take(share.Owner)
		}
	}
	return list
}

// exporter follows the state of items from event to event.
type exporter struct {
	graph   *provenance.Graph
	items   map[ledger.ItemID]rules.Item
	matters map[ledger.ItemID]rules.Matter
	// commissioned is how the registration of an item stands, corrections included.
	commissioned map[ledger.ItemID]commissioned
	attested     map[ledger.EventID]*Event
}

type commissioned struct {
	body  *custodyv1.ItemRegister
	event *Event
}

func newExporter(g *provenance.Graph) *exporter {
	return &exporter{
		graph: g, items: map[ledger.ItemID]rules.Item{}, matters: map[ledger.ItemID]rules.Matter{},
		commissioned: map[ledger.ItemID]commissioned{}, attested: map[ledger.EventID]*Event{},
	}
}

// change is a ledger event between the states before and after it.
type change struct {
	*provenance.Event
	x      *exporter
	name   string // as the table of mappings has it
	before map[ledger.ItemID]rules.Item
	was    map[ledger.ItemID]rules.Matter
	events []*Event
}

// apply takes the next event of the graph and gives the EPCIS events it becomes.
func (x *exporter) apply(e *provenance.Event) []*Event {
	c := &change{Event: e, x: x, name: bodyName(e.Body), before: map[ledger.ItemID]rules.Item{}, was: map[ledger.ItemID]rules.Matter{}}
	for _, item := range e.Named {
		c.before[item.ID], c.was[item.ID] = x.items[item.ID], x.matters[item.ID]
	}
	for _, item := range e.Changes.Items {
		x.items[item.ID] = item
	}
	for _, matter := range e.Changes.Matters {
		x.matters[matter.Item] = matter
	}
	c.convert()
	part := 0
	for _, event := range c.events {
		if event.ErrorDeclaration == nil { // else it keeps the id and the part of what it declares wrong
			part++
			event.Part = part
		}
	}
	return c.events
}

// identified gives the event with its hash id, which is worked out when it is
// needed: most events of a log that a range is taken from never are.
func (e *Event) identified() *Event {
	if e.EventID != "" {
		return e
	}
	text, err := marshal(e)
	if err != nil {
		panic("epcis: an event does not marshal: " + err.Error())
	}
	id, err := EventID(text, map[string]string{"custody": Namespace})
	if err != nil {
		panic("epcis: an event of this package has no hash: " + err.Error())
	}
	e.EventID = id
	return e
}

// bodyName gives the name of a body as the table of mappings has it.
func bodyName(body any) string {
	switch b := body.(type) {
	case *custodyv1.Transform:
		return "Transform " + enumText(b.Process)
	case *custodyv1.Incident:
		return "Incident " + enumText(b.Kind)
	case protoreflect.ProtoMessage:
		return string(b.ProtoReflect().Descriptor().Name())
	}
	panic("epcis: not a body of an event")
}

// lot is an amount of an item's goods.
type lot struct {
	matter rules.Matter
	amount rules.Portion
}

// instance tells whether the item is one thing, and not an amount of goods.
func instance(m rules.Matter) bool {
	switch m.Form {
	case custodyv1.Form_FORM_SINGLE:
		return true
	case custodyv1.Form_FORM_PART, custodyv1.Form_FORM_PIECE:
		return m.Count == 0
	}
	return false
}

// sortGoods parts lots into those with a number of their own and amounts.
func sortGoods(lots []lot) (epcs []string, quantities []Quantity) {
	for _, l := range lots {
		if instance(l.matter) {
			epcs = append(epcs, itemURI(l.matter.Item))
			continue
		}
		amount, unit := quantityOf(l.matter.Material, l.amount.Micrograms)
		quantities = append(quantities, Quantity{Class: itemURI(l.matter.Item), Quantity: amount, UOM: unit})
	}
	return epcs, quantities
}

// quantityOf gives a mass in carats for stones and pearls, else in grams, from one
// kilogram on in kilograms. All are exact.
func quantityOf(material custodyv1.Material, micrograms uint64) (Decimal, string) {
	switch material {
	case custodyv1.Material_MATERIAL_DIAMOND, custodyv1.Material_MATERIAL_GEM, custodyv1.Material_MATERIAL_PEARL:
		return Decimal(decimal(5*micrograms, 6)), "CTM"
	}
	if micrograms >= 1_000_000_000 {
		return Decimal(decimal(micrograms, 9)), "KGM"
	}
	return Decimal(decimal(micrograms, 6)), "GRM"
}

// decimal writes n / 10^places without anything superfluous.
func decimal(n uint64, places int) string {
	digits := []byte{}
	for n > 0 || len(digits) <= places {
		digits = append(digits, byte('0'+n%10))
		n /= 10
	}
	slices.Reverse(digits)
	if places == 0 {
		return string(digits)
	}
	whole, fraction := digits[:len(digits)-places], strings.TrimRight(string(digits[len(digits)-places:]), "0")
	if fraction == "" {
		return string(whole)
	}
	return string(whole) + "." + fraction
}

func goodsObjects(lots []lot) []*object {
	var list []*object
	for _, l := range lots {
		o := &object{}
		o.add("item", itemURI(l.matter.Item))
		o.add("micrograms", l.amount.Micrograms)
		if l.amount.Count > 0 {
			o.add("count", l.amount.Count)
		}
		list = append(list, o)
	}
	return list
}

// whole gives all of items, as they are now or were before the event.
func (c *change) whole(of func(ledger.ItemID) rules.Matter, items ...*provenance.Item) []lot {
	lots := make([]lot, len(items))
	for n, item := range items {
		matter := of(item.ID)
		matter.Item = item.ID
		lots[n] = lot{matter, matter.Portion()}
	}
	return lots
}

func (c *change) now(id ledger.ItemID) rules.Matter { return c.x.matters[id] }
func (c *change) then(id ledger.ItemID) rules.Matter {
	if m, ok := c.was[id]; ok {
		return m
	}
	return c.x.matters[id]
}

// emit begins an EPCIS event by a row of the table.
func (c *change) emit(when string) *Event {
	r := row(rowName(c.name), when)
	event := &Event{
		Type: r.Type, EventTime: timeText(c.OccurredAt), RecordTime: timeText(c.RecordedAt), EventTimeZoneOffset: zoneOffset,
		Action: r.Action, BizStep: r.BizStep, Disposition: r.Disposition,
		LedgerEvent: eventURI(c.ID), Entry: c.Index, Body: c.name, Party: partyURI(c.Party),
	}
	if c.Group != nil {
		id := hexURI("group", c.Group.ID[:])
		event.Group = &object{}
		event.Group.add("id", id)
		event.Group.add("position", c.Group.Position)
		event.Group.add("count", c.Group.Count)
		event.BizTransactionList = append(event.BizTransactionList, BizTransaction{scheme + "btt:group", id})
	}
	for _, commitment := range c.Commitments {
		o := &object{}
		o.add("field", enumText(commitment.Field))
		o.add("hash", hashURI(commitment.Hash[:]))
		event.Commitments = append(event.Commitments, o)
	}
	c.events = append(c.events, event)
	return event
}

// rowName gives the name under which a body stands in the table: some processes
// share a row.
func rowName(name string) string {
	process, ok := strings.CutPrefix(name, "Transform ")
	if !ok {
		return name
	}
	for _, m := range Mappings {
		if fields := strings.Fields(m.Body); fields[0] == "Transform" && slices.Contains(fields[1:], process) {
			return m.Body
		}
	}
	panic("epcis: no mapping for " + name)
}

// goods says what an ObjectEvent or TransactionEvent is about.
func (e *Event) goods(lots ...lot) *Event {
	e.EPCList, e.QuantityList = sortGoods(lots)
	e.Goods = goodsObjects(lots)
	return e
}

func (e *Event) transaction(kind, id string) *Event {
	e.BizTransactionList = append(e.BizTransactionList, BizTransaction{kind, id})
	return e
}

// transfer says which registers changed between two states of an item, from whom
// and to whom. An item that had no state before has its registers begun.
func (e *Event) transfer(before *rules.Item, after rules.Item) *Event {
	if before == nil || !before.Custody.Equal(after.Custody) {
		if before != nil {
			e.from("possessing_party", before.Custody)
		}
		e.to("possessing_party", after.Custody)
		if outside := after.Custody.Outside; outside != nil && outside.Country != "" {
			e.DestinationList = append(e.DestinationList, Destination{"location", countryURI(outside.Country)})
		}
	}
	if before == nil || !sameTitle(before.Title, after.Title) {
		if before != nil {
			for _, share := range before.Title {
				e.from("owning_party", share.Owner)
			}
		}
		for _, share := range after.Title {
			e.to("owning_party", share.Owner)
			if len(after.Title) > 1 {
				o := &object{}
				o.add("owner", holderURI(share.Owner))
				o.add("parts", share.Parts)
				e.Title = append(e.Title, o)
			}
		}
	}
	return e
}

func (e *Event) from(kind string, h rules.Holder) {
	e.SourceList = append(e.SourceList, Source{kind, holderURI(h)})
}

func (e *Event) to(kind string, h rules.Holder) {
	e.DestinationList = append(e.DestinationList, Destination{kind, holderURI(h)})
}

func sameTitle(a, b []rules.Share) bool {
	return slices.EqualFunc(a, b, func(a, b rules.Share) bool { return a.Parts == b.Parts && a.Owner.Equal(b.Owner) })
}

// at says where the goods are afterwards: in the country with which their holder is
// registered, the only place that the ledger knows.
func (c *change) at(e *Event, holder rules.Holder) *Event {
	country := ""
	if holder.Outside != nil {
		country = holder.Outside.Country
	} else if party, ok := c.x.graph.Parties[holder.Party]; ok {
		country = party.Country
	}
	if country != "" {
		e.BizLocation = &Location{countryURI(country)}
	}
	return e
}

// conditions says which lasting conditions began and which ended.
func (e *Event) conditions(before, after rules.Item) *Event {
	p := &PersistentDisposition{}
	for _, condition := range []struct {
		uri        string
		was, holds bool
	}{
		{scheme + "disp:lost", before.Lost, after.Lost},
		{"stolen", before.Stolen, after.Stolen},
		{"damaged", before.Damaged, after.Damaged},
		{scheme + "disp:disputed", len(before.Disputes) > 0, len(after.Disputes) > 0},
		{scheme + "disp:held", len(before.Holds) > 0, len(after.Holds) > 0},
	} {
		switch {
		case condition.holds && !condition.was:
			p.Set = append(p.Set, condition.uri)
		case condition.was && !condition.holds:
			p.Unset = append(p.Unset, condition.uri)
		}
	}
	if len(p.Set)+len(p.Unset) > 0 {
		e.PersistentDisposition = p
	}
	return e
}

// weighed adds what a scale showed, if one did.
func (c *change) weighed(e *Event, material custodyv1.Material, mass *custodyv1.Mass) {
	if mass == nil || mass.Basis != custodyv1.MassBasis_MASS_BASIS_WEIGHED {
		return
	}
	value, unit := quantityOf(material, mass.Micrograms)
	e.SensorElementList = append(e.SensorElementList, SensorElement{
		Metadata: SensorMetadata{Time: timeText(c.OccurredAt)}, Reports: []SensorReport{{Type: "Mass", Value: value, UOM: unit}},
	})
}

// declare repeats an event as wrong.
func (c *change) declare(wrong *Event, reason string, corrective []string, statement *object) {
	copied := *wrong.identified()
	copied.RecordTime = timeText(c.RecordedAt)
	copied.ErrorDeclaration = &ErrorDeclaration{
		DeclarationTime: timeText(c.RecordedAt), Reason: reason, CorrectiveEventIDs: corrective,
		LedgerEvent: eventURI(c.ID), Entry: c.Index, Body: c.name, Party: partyURI(c.Party), Statement: statement,
	}
	c.events = append(c.events, &copied)
}

// lastOffer finds an offer among those that stood on an item before the event.
func lastOffer(item rules.Item, id []byte) (rules.Offer, bool) {
	n := slices.IndexFunc(item.Offers, func(o rules.Offer) bool { return o.Event == ledger.EventID(id) })
	if n < 0 {
		return rules.Offer{}, false
	}
	return item.Offers[n], true
}
