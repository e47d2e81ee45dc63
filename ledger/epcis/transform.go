package epcis

import (
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// transform makes the events of a change of matter. What its body says stands in
// the last of them, or in the one there is.
func (c *change) transform(body *custodyv1.Transform) {
	inputs := c.Named[:len(body.Inputs)]
	removed := c.Named[len(body.Inputs) : len(body.Inputs)+len(body.Removed)]
	filed := c.Named[len(body.Inputs)+len(body.Removed):]
	switch body.Process {
	case custodyv1.Process_PROCESS_TREAT:
		c.single("").transferred(c)
	case custodyv1.Process_PROCESS_ASSEMBLE:
		c.assemble(inputs)
	case custodyv1.Process_PROCESS_DISASSEMBLE:
		c.disassemble(inputs)
	case custodyv1.Process_PROCESS_REWORK:
		c.rework(body, inputs, removed, filed)
	default:
		c.melted(inputs)
	}
	for _, e := range c.events {
		if body.Country != "" {
			e.ReadPoint = &Location{countryURI(body.Country)}
			e.BizLocation = &Location{countryURI(body.Country)}
		}
		e.TransformationID = ""
		if e.Type == transformationEvent {
			e.TransformationID = eventURI(c.ID)
		}
	}
	c.events[len(c.events)-1].Statement = render(body, "inputs", "outputs", "removed")
}

// transformation fills an event in which goods become other goods.
func (c *change) transformation(e *Event, inputs, outputs []lot) {
	e.InputEPCList, e.InputQuantityList = sortGoods(inputs)
	e.OutputEPCList, e.OutputQuantityList = sortGoods(outputs)
	e.Goods = append(goodsObjects(inputs), goodsObjects(outputs)...)
	e.TransformationID = eventURI(c.ID)
}

func (c *change) melted(inputs []*provenance.Item) {
	outputs := c.whole(c.now, c.Made...)
	when := whenLoose
	for _, l := range outputs {
		if instance(l.matter) {
			when = whenUnits
		}
	}
	e := c.emit(when)
	c.transformation(e, c.whole(c.then, inputs...), outputs)
	e.ILMD = c.made(c.Made...)
	c.at(e, c.x.items[inputs[0].ID].Custody)
}

func (c *change) assemble(inputs []*provenance.Item) {
	piece := c.Made[0]
	after := c.x.items[piece.ID]
	e := c.emit(whenPiece).goods(c.whole(c.now, piece)...)
	c.at(e.transfer(nil, after), after.Custody)
	e.ILMD = c.made(piece)
	c.at(c.association(whenSet, piece, inputs), after.Custody)
}

// association begins an event in which things are set in a piece or taken out.
func (c *change) association(when string, piece *provenance.Item, children []*provenance.Item) *Event {
	e := c.emit(when)
	lots := c.whole(c.then, children...)
	e.ParentID = itemURI(piece.ID)
	e.ChildEPCs, e.ChildQuantityList = sortGoods(lots)
	e.Goods = goodsObjects(lots)
	return e
}

func (c *change) disassemble(inputs []*provenance.Item) {
	piece, children := inputs[0], []*provenance.Item{}
	for _, item := range inputs {
		if c.was[item.ID].Form == custodyv1.Form_FORM_PIECE && c.before[item.ID].Within == (ledger.ItemID{}) {
			piece = item
		}
	}
	for _, item := range inputs {
		if item != piece {
			children = append(children, item)
		}
	}
	holder := c.before[piece.ID].Custody
	if len(children) > 0 {
		c.at(c.association(whenTakenOut, piece, children), holder)
	}
	if len(c.Made) == 0 {
		c.at(c.emit(whenEnds).goods(c.whole(c.then, piece)...), holder)
		return
	}
	e := c.emit(whenPartsBill)
	c.transformation(e, c.whole(c.then, piece), c.whole(c.now, c.Made...))
	e.ILMD = c.made(c.Made...)
	c.at(e, holder)
}

func (c *change) rework(body *custodyv1.Transform, inputs, removed, filed []*provenance.Item) {
	piece := inputs[0]
	holder := c.x.items[piece.ID].Custody
	if len(removed) > 0 {
		c.at(c.association(whenTakenOut, piece, removed), holder)
	}
	if len(c.Made) > 0 {
		sources := c.whole(c.then, filed...)
		for n := range sources {
			sources[n].amount = rules.Portion{Micrograms: body.Filings[n].Micrograms}
		}
		e := c.emit(whenFiled)
		c.transformation(e, sources, c.whole(c.now, c.Made...))
		e.ILMD = c.made(c.Made...)
		c.at(e, holder)
	}
	if len(inputs) > 1 {
		c.at(c.association(whenSet, piece, inputs[1:]), holder)
	}
	c.single(whenWork).transferred(c)
}

// made describes items that an event makes: what the event says of them, and what
// follows for their matter by the rules, the origin above all.
func (c *change) made(items ...*provenance.Item) *object {
	var list []*object
	for _, item := range items {
		o := &object{}
		o.add("item", itemURI(item.ID))
		if body, ok := c.Event.Body.(*custodyv1.Transform); ok {
			if said := render(body.Outputs[item.Position]); said != nil {
				*o = append(*o, *said...)
			}
		} else {
			o.add("partOf", itemURI(c.item().ID))
		}
		c.follows(o, c.x.matters[item.ID])
		list = append(list, o)
	}
	ilmd := &object{}
	ilmd.add("made", list)
	return ilmd
}

// follows adds what the rules worked out for an item.
func (c *change) follows(o *object, m rules.Matter) {
	if len(m.Origin) > 0 {
		o.add("origin", originObjects(m.Origin))
	}
	if len(m.Treatments) > 0 {
		treatments := &object{}
		treatments.add("list", m.TreatedBy)
		treatments.add("codes", m.Treatments)
		o.add("treatments", treatments)
	}
	if m.Model != 0 {
		o.add("model", enumText(m.Model))
	}
	if len(m.Bill) > 0 {
		var bill []*object
		for _, line := range m.Bill {
			l := &object{}
			if line.Material != 0 {
				l.add("material", enumText(line.Material))
			}
			l.add("form", enumText(line.Form))
			if line.Nature != 0 {
				l.add("nature", enumText(line.Nature))
			}
			if line.Species != "" {
				l.add("species", line.Species)
			}
			l.add("micrograms", line.Mass)
			if line.Count > 0 {
				l.add("count", line.Count)
			}
			l.add("origin", originObjects(line.Origin))
			bill = append(bill, l)
		}
		o.add("bill", bill)
	}
	if len(m.Children) > 0 {
		var children []string
		for _, id := range m.Children {
			children = append(children, itemURI(id))
		}
		o.add("children", children)
	}
}

// originObjects writes origin components as the registration of goods would.
func originObjects(components []rules.Component) []*object {
	list := []*object{}
	for _, component := range components {
		o := &object{}
		o.add("micrograms", component.Micrograms)
		o.add("kind", enumText(component.Kind))
		if component.Countries != "" {
			o.add("countries", strings.Fields(component.Countries))
		}
		if component.Mine != "" {
			o.add("mine", component.Mine)
		}
		if component.Producer != "" {
			o.add("producer", component.Producer)
		}
		if component.StateOwnership != 0 {
			o.add("stateOwnership", enumText(component.StateOwnership))
			o.add("ownershipAsOf", timeText(component.OwnershipAsOf))
		}
		if component.Metal != 0 {
			o.add("metal", enumText(component.Metal))
		}
		list = append(list, o)
	}
	return list
}
