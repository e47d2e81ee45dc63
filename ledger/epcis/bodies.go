package epcis

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// convert makes the EPCIS events of a ledger event.
func (c *change) convert() {
	switch body := c.Event.Body.(type) {
	case *custodyv1.ItemRegister:
		c.register(body)
	case *custodyv1.ItemVoid:
		c.void(body)
	case *custodyv1.Transform:
		c.transform(body)
	case *custodyv1.Reweigh:
		e := c.single("").transferred(c)
		e.Statement = render(body, "item")
		c.weighed(e, c.now(c.item().ID).Material, body.Mass)
	case *custodyv1.Correct:
		c.correct(body)
	case *custodyv1.Offer:
		c.offer(body)
	case *custodyv1.Accept:
		c.accept(body)
	case *custodyv1.Decline:
		c.decline(body)
	case *custodyv1.Withdraw:
		c.withdraw(body)
	case *custodyv1.Release:
		c.release(body)
	case *custodyv1.Reenter:
		e := c.single("").transferred(c)
		e.Statement = render(body, "item")
		c.weighed(e, c.now(c.item().ID).Material, body.Mass)
	case *custodyv1.Reclaim:
		e := c.single("").transferred(c)
		e.Statement = render(body, "item")
		for _, term := range c.before[c.item().ID].Terms {
			e.transaction(modeURI(term.Mode), eventURI(c.ID))
		}
	case *custodyv1.Share:
		e := c.single("").transferred(c).transaction(scheme+"btt:share", eventURI(c.ID))
		e.Statement = render(body, "item")
	case *custodyv1.BorderCross:
		c.borderCross(body)
	case *custodyv1.Attest:
		c.attest(body)
	case *custodyv1.AttestWithdraw:
		c.attestWithdraw(body)
	case *custodyv1.Dispute:
		e := c.single("").transferred(c).transaction(scheme+"btt:dispute", eventURI(c.ID))
		e.Statement = render(body, "item")
	case *custodyv1.Ruling:
		e := c.single("").transferred(c)
		if len(body.Dispute) > 0 {
			e.transaction(scheme+"btt:dispute", eventURI(ledger.EventID(body.Dispute)))
		}
		e.Statement = render(body, "item")
	case *custodyv1.Hold:
		e := c.single("").transferred(c).transaction(scheme+"btt:hold", eventURI(c.ID))
		e.Statement = render(body, "item")
	case *custodyv1.HoldRelease:
		e := c.single("").transferred(c).transaction(scheme+"btt:hold", eventURI(ledger.EventID(body.Hold)))
		e.Statement = render(body, "item")
	case *custodyv1.Incident:
		e := c.single("").transferred(c)
		e.Statement = render(body, "item")
	}
}

// item is the item of an event about one.
func (c *change) item() *provenance.Item { return c.Named[0] }

// single begins an event about the whole of one item as it is afterwards.
func (c *change) single(when string) *Event {
	return c.emit(when).goods(c.whole(c.now, c.item())...)
}

// transferred completes an event about one item with its registers, where it is
// and in what condition.
func (e *Event) transferred(c *change) *Event {
	before, after := c.before[c.item().ID], c.x.items[c.item().ID]
	e.transfer(&before, after)
	if e.Type == objectEvent {
		e.conditions(before, after)
	}
	if e.BizStep != "shipping" && e.BizStep != "departing" && e.BizStep != "retail_selling" {
		c.at(e, after.Custody)
	}
	return e
}

func (c *change) register(body *custodyv1.ItemRegister) {
	item := c.Made[0]
	e := c.commission(item, body)
	c.x.commissioned[item.ID] = commissioned{body, e}
}

// commission says that an item is new to the ledger and what was stated of it.
func (c *change) commission(item *provenance.Item, body *custodyv1.ItemRegister) *Event {
	after := c.x.items[item.ID]
	e := c.emit("").goods(c.whole(c.now, item)...)
	c.at(e.transfer(nil, after), after.Custody)
	made := &object{}
	made.add("item", itemURI(item.ID))
	if said := render(body); said != nil {
		*made = append(*made, *said...)
	}
	e.ILMD = &object{}
	e.ILMD.add("made", []*object{made})
	c.weighed(e, body.Material, body.Mass)
	return e
}

func (c *change) void(body *custodyv1.ItemVoid) {
	c.declare(c.x.commissioned[c.item().ID].event, "did_not_occur", nil, render(body, "item"))
}

// correct declares the registration, as it stood, wrong and repeats it corrected.
func (c *change) correct(body *custodyv1.Correct) {
	item := c.item()
	old := c.x.commissioned[item.ID]
	corrected := applyCorrection(old.body, body)
	e := c.commission(item, corrected)
	e.SourceList, e.DestinationList, e.Title = old.event.SourceList, old.event.DestinationList, old.event.Title
	e.EPCList, e.QuantityList, e.Goods = old.event.EPCList, old.event.QuantityList, old.event.Goods
	e.SensorElementList = old.event.SensorElementList
	e.EventTime, e.BizLocation, e.Party = old.event.EventTime, old.event.BizLocation, old.event.Party
	e.Statement = render(body, "item")
	e.Part = 1
	c.events = nil
	c.declare(old.event, "incorrect_data", []string{e.identified().EventID}, nil)
	c.events = append(c.events, e)
	c.x.commissioned[item.ID] = commissioned{corrected, e}
}

// applyCorrection gives a registration with what a correction replaces.
func applyCorrection(old *custodyv1.ItemRegister, by *custodyv1.Correct) *custodyv1.ItemRegister {
	r := proto.Clone(old).(*custodyv1.ItemRegister)
	if by.Description != nil {
		r.Description = by.Description
	}
	if len(by.OutsideIds) > 0 {
		r.OutsideIds = by.OutsideIds
	}
	for _, field := range []struct {
		of    *string
		given string
	}{{&r.ProcessedIn, by.ProcessedIn}, {&r.CustomsOrigin, by.CustomsOrigin}, {&r.ExportedFrom, by.ExportedFrom}, {&r.HsCode, by.HsCode}} {
		if field.given != "" {
			*field.of = field.given
		}
	}
	for _, wider := range by.Origin {
		if wider.Component == 0 || int(wider.Component) > len(r.Origin) {
			continue
		}
		component := r.Origin[wider.Component-1]
		component.Countries = wider.Countries
		if len(wider.Countries) == 0 {
			r.Origin[wider.Component-1] = &custodyv1.OriginComponent{
				Micrograms: component.Micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, Metal: component.Metal,
			}
		}
	}
	return r
}

func (c *change) offer(body *custodyv1.Offer) {
	when := whenHere
	switch {
	case !movesCustody(body.Mode):
		when = whenTitle
	case body.GoodsLeft:
		when = whenGone
	}
	amount := c.whole(c.now, c.item())
	if body.Part != nil {
		amount[0].amount = rules.Portion{Micrograms: body.Part.Micrograms, Count: body.Part.Count}
	}
	e := c.emit(when).goods(amount...)
	item := c.x.items[c.item().ID]
	to := rules.Inside(ledger.PartyID(body.To))
	if movesCustody(body.Mode) {
		e.from("possessing_party", item.Custody)
		e.to("possessing_party", to)
	}
	if body.Mode == custodyv1.Mode_MODE_SALE || !movesCustody(body.Mode) {
		for _, share := range item.Title {
			e.from("owning_party", share.Owner)
		}
		e.to("owning_party", to)
	}
	if when != whenGone {
		c.at(e, item.Custody)
	}
	e.transaction(modeURI(body.Mode), eventURI(c.ID))
	if when == whenGone {
		e.transaction("desadv", eventURI(c.ID))
	}
	e.Statement = render(body, "item")
}

func movesCustody(mode custodyv1.Mode) bool { return rules.Offer{Mode: mode}.MovesCustody() }

func (c *change) accept(body *custodyv1.Accept) {
	item := c.item()
	before := c.before[item.ID]
	offer, _ := lastOffer(before, body.Offer)
	received, when := item, whenAll
	switch {
	case !offer.MovesCustody():
		when = whenTitle
	case offer.Mode == custodyv1.Mode_MODE_RETURN:
		when = whenReturn
	}
	if len(c.Made) > 0 {
		part := c.Made[0]
		e := c.emit(whenPart)
		parted := c.whole(c.now, part)
		source := c.whole(c.then, item)
		source[0].amount = parted[0].amount
		c.transformation(e, source, parted)
		c.at(e, before.Custody)
		e.ILMD = c.made(part)
		e.transaction(modeURI(offer.Mode), eventURI(offer.Event))
		if offer.Part != (rules.Portion{}) {
			received = part
		} else {
			when = whenShort
		}
	}
	after := c.x.items[received.ID]
	e := c.emit(when).goods(c.whole(c.now, received)...)
	e.transfer(&before, after)
	if e.Type == objectEvent && received == item {
		e.conditions(before, after)
	}
	c.at(e, after.Custody)
	e.transaction(modeURI(offer.Mode), eventURI(offer.Event))
	if offer.MovesCustody() {
		e.transaction("recadv", eventURI(c.ID))
	}
	e.Statement = render(body, "item")
}

func (c *change) decline(body *custodyv1.Decline) {
	offer, _ := lastOffer(c.before[c.item().ID], body.Offer)
	when := whenStay
	if offer.GoodsLeft {
		switch body.Reason {
		case custodyv1.DeclineReason_DECLINE_REASON_NEVER_ARRIVED:
			when = whenNever
		case custodyv1.DeclineReason_DECLINE_REASON_NOT_AS_DESCRIBED:
			when = whenNotAs
		default:
			when = whenElse
		}
	}
	c.closes(when, offer).Statement = render(body, "item")
}

func (c *change) withdraw(body *custodyv1.Withdraw) {
	offer, _ := lastOffer(c.before[c.item().ID], body.Offer)
	when := whenStay
	if offer.GoodsLeft {
		when = whenGone
	}
	c.closes(when, offer).Statement = render(body, "item")
}

// closes begins an event that ends an offer, or says that it is not taken.
func (c *change) closes(when string, offer rules.Offer) *Event {
	amount := c.whole(c.now, c.item())
	if offer.Part != (rules.Portion{}) {
		amount[0].amount = offer.Part
	}
	e := c.emit(when).goods(amount...).transferred(c)
	if offer.GoodsLeft && e.BizStep == "" {
		e.BizLocation = nil // they are on their way, or nobody knows where
	}
	return e.transaction(modeURI(offer.Mode), eventURI(offer.Event))
}

func (c *change) release(body *custodyv1.Release) {
	when := whenOthers
	if body.Reason == custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER {
		when = whenConsumer
	}
	e := c.single(when).transferred(c)
	e.transaction(scheme+"btt:release", eventURI(c.ID))
	e.Statement = render(body, "item")
}

func (c *change) borderCross(body *custodyv1.BorderCross) {
	e := c.single("").transferred(c)
	e.ReadPoint = &Location{countryURI(body.From)}
	e.SourceList = append(e.SourceList, Source{"location", countryURI(body.From)})
	e.DestinationList = append(e.DestinationList, Destination{"location", countryURI(body.To)})
	if a := c.x.attested[ledger.EventID(body.Certificate)]; len(body.Certificate) > 0 && a != nil {
		e.CertificationInfo = a.CertificationInfo
		for _, uri := range a.CertificationInfo {
			e.transaction("cert", uri)
		}
	}
	e.Statement = render(body, "item")
}

func (c *change) attest(body *custodyv1.Attest) {
	when := whenClaims
	if slices.ContainsFunc(body.Claims, func(m *custodyv1.ClaimMade) bool { return m.Claim == custodyv1.Claim_CLAIM_CONFORMITY }) {
		when = whenConforms
	}
	if body.FoundCount > 0 {
		when = whenFound
	}
	e := c.single(when).transferred(c)
	paper := paperURI(body, c.Party, c.ID)
	e.CertificationInfo = []string{paper}
	e.transaction(transactionType(body.Kind), paper)
	e.Statement = render(body, "item")
	c.x.attested[c.ID] = e
}

func (c *change) attestWithdraw(body *custodyv1.AttestWithdraw) {
	reason := "incorrect_data"
	if body.Reason == custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_MISTAKE {
		reason = "did_not_occur"
	}
	if wrong := c.x.attested[ledger.EventID(body.Attestation)]; wrong != nil {
		c.declare(wrong, reason, nil, render(body, "item"))
	}
}
