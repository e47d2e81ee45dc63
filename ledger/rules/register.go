package rules

import (
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// itemRegister: a party states that it holds and owns goods new to the ledger.
func (j *judge) itemRegister(body *custodyv1.ItemRegister) *ledger.Rejection {
	rejection := checkRegistration(body)
	if rejection == nil {
		rejection = j.checkAsOf(body)
	}
	if rejection != nil {
		rejection.Field = "item_register." + rejection.Field
		return rejection
	}
	if rejection := j.checkReference(body.Reference, "item_register.reference"); rejection != nil {
		return rejection
	}
	id := ledger.NewItemID(j.event.ID, 0)
	j.putReference(body.Reference, id)
	j.claim(id, body.OutsideIds)
	j.state.putMatter(Registered(id, body))
	j.state.putItem(Item{
		ID:         id,
		Status:     Live,
		Registrant: j.party.ID,
		Registered: j.index,
		Last:       j.event.ID,
		LastIndex:  j.index,
		Born:       j.event.OccurredAt,
		Occurred:   j.event.OccurredAt,
		Custody:    Inside(j.party.ID),
		Title:      Sole(Inside(j.party.ID)),
	})
	return nil
}

// checkReference refuses one under which the party has a live item.
func (j *judge) checkReference(reference []byte, field string) *ledger.Rejection {
	if len(reference) == 0 {
		return nil
	}
	if earlier, ok := j.state.Registration(j.party.ID, ledger.Reference(reference)); ok && j.live(earlier) {
		return ledger.RejectField(ledger.ReferenceTaken, field, "item %s is registered under this reference already", earlier)
	}
	return nil
}

func (j *judge) putReference(reference []byte, id ledger.ItemID) {
	if len(reference) > 0 {
		j.state.putRegistration(Registration{Party: j.party.ID, Reference: ledger.Reference(reference), Item: id})
	}
}

func (j *judge) live(id ledger.ItemID) bool {
	item, ok := j.state.Item(id)
	return ok && item.Status == Live
}

// checkRegistration looks at nothing but what the registration says.
func checkRegistration(body *custodyv1.ItemRegister) *ledger.Rejection {
	g := registeredGoods(body)
	if rejection := g.check(); rejection != nil {
		return rejection
	}
	if rejection := checkCountries(body.ProcessedIn, body.CustomsOrigin, body.ExportedFrom); rejection != nil {
		return rejection
	}
	if rejection := checkOutsideIDs(body.OutsideIds, body.Material, body.Form); rejection != nil {
		return rejection
	}
	if body.Form == piece {
		return checkPiece(body)
	}
	switch {
	case len(body.Bill) > 0:
		return ledger.RejectField(ledger.FormInvalid, "bill", "only a piece has a bill of materials; leave it out")
	case len(body.Origin) == 0:
		return ledger.RejectField(ledger.MissingField, "origin", "goods say where they come from; if that is not known, that their origin is unknown")
	}
	if rejection := g.checkOrigin(body.Origin); rejection != nil {
		return rejection
	}
	return g.checkHS()
}

// checkPiece: a piece has what its bill has.
func checkPiece(body *custodyv1.ItemRegister) *ledger.Rejection {
	switch {
	case len(body.Origin) > 0:
		return ledger.RejectField(ledger.FormInvalid, "origin", "a piece has the origins of its bill; leave it out")
	case body.Treatments != nil:
		return ledger.RejectField(ledger.TreatmentInvalid, "treatments", "the parts of a piece are treated; say so in its bill")
	case len(body.Bill) == 0:
		return ledger.RejectField(ledger.MissingField, "bill", "a piece says what it is made of")
	}
	total := uint64(0)
	for _, line := range body.Bill {
		if rejection := checkLine(line, body.Count); rejection != nil {
			rejection.Field = "bill." + rejection.Field
			return rejection
		}
		total += line.Mass.Micrograms // at most 256 × 9·10^15
	}
	if total != body.Mass.Micrograms {
		return ledger.RejectField(ledger.MassMismatch, "bill", "the lines add up to %d micrograms, the piece weighs %d", total, body.Mass.Micrograms)
	}
	if body.HsCode == "" {
		return nil
	}
	return checkPieceHS(body.HsCode, lines(body.Bill))
}

// checkLine judges a line in the bill of one piece or of so many equal ones.
func checkLine(line *custodyv1.BillLine, pieces uint32) *ledger.Rejection {
	if line.Form == piece {
		return ledger.RejectField(ledger.FormInvalid, "form", "a piece is no part of a bill; register it and set it in")
	}
	g := lineGoods(line)
	if rejection := g.check(); rejection != nil {
		return rejection
	}
	if len(line.Origin) > 0 {
		if rejection := g.checkOrigin(line.Origin); rejection != nil {
			return rejection
		}
	}
	if pieces < 2 {
		return nil
	}
	switch {
	case line.Form == single:
		return ledger.RejectField(ledger.CountInvalid, "form", "one thing is in one piece; of %d pieces the line is of as many parts", pieces)
	case line.Mass.Micrograms%uint64(pieces) != 0 || line.Count%pieces != 0:
		return ledger.RejectField(ledger.CountInvalid, "count", "the line is not the same in each of %d equal pieces", pieces)
	}
	return nil
}

func checkCountries(processedIn, customsOrigin, exportedFrom string) *ledger.Rejection {
	for _, c := range [...]struct{ field, code string }{
		{"processed_in", processedIn}, {"customs_origin", customsOrigin}, {"exported_from", exportedFrom},
	} {
		if c.code != "" && !ledger.IsCountry(c.code) {
			return ledger.RejectField(ledger.CountryInvalid, c.field, "%q is not an ISO 3166-1 alpha-2 code", c.code)
		}
	}
	return nil
}

// checkAsOf: nobody knows who will own a producer.
func (j *judge) checkAsOf(body *custodyv1.ItemRegister) *ledger.Rejection {
	if rejection := j.asOf(body.Origin, "origin"); rejection != nil {
		return rejection
	}
	for _, line := range body.Bill {
		if rejection := j.asOf(line.Origin, "bill.origin"); rejection != nil {
			return rejection
		}
	}
	return nil
}

func (j *judge) asOf(origin []*custodyv1.OriginComponent, field string) *ledger.Rejection {
	for _, c := range origin {
		if c.OwnershipAsOfMs > later(j.now, ledger.OccurredAheadMax) {
			return ledger.RejectField(ledger.OccurredAhead, field+".ownership_as_of_ms", "%s is after ledger time %s", date(c.OwnershipAsOfMs), date(j.now))
		}
	}
	return nil
}

// checkOrigin: the components account for the mass, of an alloy for each metal.
func (g *goods) checkOrigin(origin []*custodyv1.OriginComponent) *ledger.Rejection {
	var totals amounts
	for i, component := range origin {
		for _, other := range origin[:i] {
			if sameOrigin(component, other) {
				return ledger.RejectField(ledger.RepeatedField, "origin", "two components differ in their micrograms only; add them up")
			}
		}
		if rejection := g.checkComponent(component); rejection != nil {
			return rejection
		}
		totals[metalSlot(component.Metal)] += component.Micrograms // at most 64 × 9·10^15
	}
	if g.material != metal {
		if total := totals[metalSlot(0)]; total != g.mass.Micrograms {
			return ledger.RejectField(ledger.MassMismatch, "origin", "the components add up to %d micrograms, the goods weigh %d", total, g.mass.Micrograms)
		}
		return nil
	}
	for _, c := range g.composition {
		if total := totals[metalSlot(c.Metal)]; total != c.Micrograms {
			return ledger.RejectField(ledger.MassMismatch, "origin", "the components of %s add up to %d micrograms, the composition has %d", vocabulary.Word(c.Metal), total, c.Micrograms)
		}
		totals[metalSlot(c.Metal)] = 0
	}
	for _, component := range origin {
		if totals[metalSlot(component.Metal)] != 0 {
			return ledger.RejectField(ledger.MassMismatch, "origin.metal", "the composition has no %s", vocabulary.Word(component.Metal))
		}
	}
	return nil
}

func sameOrigin(a, b *custodyv1.OriginComponent) bool {
	if a.Kind != b.Kind || a.Metal != b.Metal || len(a.Countries) != len(b.Countries) {
		return false
	}
	for i := range a.Countries {
		if a.Countries[i] != b.Countries[i] {
			return false
		}
	}
	return a.Mine == b.Mine && a.Producer == b.Producer && a.StateOwnership == b.StateOwnership && a.OwnershipAsOfMs == b.OwnershipAsOfMs
}

func (g *goods) checkComponent(c *custodyv1.OriginComponent) *ledger.Rejection {
	for i, code := range c.Countries {
		if !ledger.IsCountry(code) {
			return ledger.RejectField(ledger.CountryInvalid, "origin.countries", "%q is not an ISO 3166-1 alpha-2 code", code)
		}
		if i > 0 && code <= c.Countries[i-1] {
			return ledger.RejectField(ledger.NonCanonical, "origin.countries", "countries must stand in ascending order, each once")
		}
	}
	if rejection := g.checkOriginKind(c.Kind); rejection != nil {
		return rejection
	}
	fromGround := mined(c.Kind)
	switch {
	case g.material == metal && c.Metal == 0:
		return ledger.RejectField(ledger.MissingField, "origin.metal", "of a metal, each component says which metal it is")
	case g.material != metal && c.Metal != 0:
		return ledger.RejectField(ledger.CompositionInvalid, "origin.metal", "only metals have components of a metal; leave it out")
	case fromGround && len(c.Countries) == 0:
		return ledger.RejectField(ledger.CountryInvalid, "origin.countries", "mined goods name every possible mining country; if none is known, the origin is unknown")
	case !fromGround && c.Kind != custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED && len(c.Countries) > 0:
		return ledger.RejectField(ledger.CountryInvalid, "origin.countries", "only mined and grandfathered goods have mining countries")
	case !fromGround && c.Mine != "":
		return ledger.RejectField(ledger.NatureMismatch, "origin.mine", "only mined goods have a mine")
	case c.StateOwnership != 0 && c.Producer == "":
		return ledger.RejectField(ledger.MissingField, "origin.producer", "state ownership is a statement about a producer; name it")
	case (c.StateOwnership == 0) != (c.OwnershipAsOfMs == 0):
		return ledger.RejectField(ledger.MissingField, "origin.ownership_as_of_ms", "state ownership and the day it was so stand together; give both or neither")
	}
	return nil
}

// checkOriginKind: what grew in a laboratory was not mined, and the other way round.
func (g *goods) checkOriginKind(kind custodyv1.OriginKind) *ledger.Rejection {
	grown := kind == custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
	composite := g.nature == custodyv1.Nature_NATURE_COMPOSITE
	found := g.nature == custodyv1.Nature_NATURE_NATURAL || g.nature == 0 || composite
	switch {
	case grown && g.nature != custodyv1.Nature_NATURE_LAB_GROWN && !composite:
		return ledger.RejectField(ledger.NatureMismatch, "origin.kind", "only lab-grown and composite goods have lab-grown origin")
	case g.nature == custodyv1.Nature_NATURE_LAB_GROWN && !grown && kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN:
		return ledger.RejectField(ledger.NatureMismatch, "origin.kind", "lab-grown goods have lab-grown or unknown origin")
	case mined(kind) && !found:
		return ledger.RejectField(ledger.NatureMismatch, "origin.kind", "only natural and composite goods, metals and other materials are mined")
	}
	return nil
}

// mined tells whether an origin is a place in the ground.
func mined(kind custodyv1.OriginKind) bool {
	return kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT
}

// itemVoid: the registrant takes its registration back before the first offer.
func (j *judge) itemVoid(*custodyv1.ItemVoid) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	switch {
	case item.Registrant != j.party.ID:
		return ledger.RejectField(ledger.NotRegistrant, "item_void.item", "another party registered the item; only the registrant may void it")
	case item.Offered:
		return ledger.RejectField(ledger.AlreadyOffered, "item_void.item", "the item was offered, released or worked on before; its registration can no longer be taken back")
	}
	if rejection := free(item, change); rejection != nil {
		return rejection
	}
	item.Status = Voided
	j.put(item)
	return nil
}

// Registered gives what a recorded registration says that an item is made of.
func Registered(id ledger.ItemID, body *custodyv1.ItemRegister) Matter {
	g := registeredGoods(body)
	m := g.matter()
	m.Item, m.Model = id, body.Model
	m.Origin = components(body.Origin)
	m.Bill = lines(body.Bill)
	return m
}

func components(origin []*custodyv1.OriginComponent) []Component {
	if len(origin) == 0 {
		return nil
	}
	list := make([]Component, len(origin))
	for i, c := range origin {
		list[i] = Component{Micrograms: c.Micrograms, Source: Source{
			Metal: c.Metal, Kind: c.Kind, Countries: strings.Join(c.Countries, " "), Mine: c.Mine, Producer: c.Producer,
			StateOwnership: c.StateOwnership, OwnershipAsOf: c.OwnershipAsOfMs,
		}}
	}
	return list
}

// lines are the matter of checked bill lines. Where a line is silent about its
// origin, that is unknown.
func lines(bill []*custodyv1.BillLine) []Line {
	if len(bill) == 0 {
		return nil
	}
	list := make([]Line, len(bill))
	for i, line := range bill {
		g := lineGoods(line)
		list[i] = g.matter()
		list[i].Origin = components(line.Origin)
		if len(line.Origin) == 0 {
			list[i].Origin = unknown(list[i])
		}
	}
	return list
}
