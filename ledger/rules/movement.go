package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// item finds the one item that the event advances and checks that the event builds
// on the last event on it. Who may move it is for the caller to judge.
func (j *judge) item() (Item, *ledger.Rejection) { return j.itemAt(j.event.Items[0]) }

func (j *judge) itemAt(ref ledger.ItemRef) (Item, *ledger.Rejection) {
	item, ok := j.state.Item(ref.Item)
	switch {
	case !ok:
		return Item{}, ledger.RejectField(ledger.UnknownItem, "item", "item %s is not on this ledger", ref.Item)
	case item.Status != Live:
		return Item{}, ended(item)
	case item.Last != ref.Prev:
		return Item{}, ledger.RejectField(ledger.StalePrev, "prev", "the last event on item %s is another one; read the item again and sign on its current state", ref.Item)
	case j.before(item.Occurred):
		return Item{}, ledger.RejectField(ledger.OccurredBehind, "occurred_at_ms", "%s is before %s, when the last event on item %s happened; events on an item are told in their order", date(j.event.OccurredAt), date(item.Occurred), ref.Item)
	}
	return item, nil
}

// before tells whether the event says that it happened before a time that another
// event gave. Each was written by a clock of its own, which may run ahead.
func (j *judge) before(at uint64) bool {
	return later(j.event.OccurredAt, ledger.OccurredAheadMax) < at
}

func ended(item Item) *ledger.Rejection {
	switch item.Status {
	case Voided:
		return ledger.RejectField(ledger.ItemVoided, "item", "the registration of item %s was taken back", item.ID)
	case Consumed:
		return ledger.RejectField(ledger.ItemConsumed, "item", "a change of matter used item %s up; what became of it has other ids", item.ID)
	}
	return ledger.RejectField(ledger.ItemDestroyed, "item", "item %s was destroyed", item.ID)
}

// matter gives what an item is made of. Every item has it.
func (j *judge) matter(id ledger.ItemID) Matter {
	matter, ok := j.state.Matter(id)
	if !ok {
		panic("rules: an item without matter")
	}
	return matter
}

// put writes the item with this event as the last one on it.
func (j *judge) put(item Item) {
	item.Last, item.LastIndex = j.event.ID, j.index
	item.Occurred = max(item.Occurred, j.event.OccurredAt)
	j.state.putItem(item)
}

// offer: the holder or owner offers an item to one party.
func (j *judge) offer(body *custodyv1.Offer) *ledger.Rejection {
	offer := Offer{
		Event: j.event.ID, Index: j.index,
		From: j.event.Party, To: ledger.PartyID(body.To), Mode: body.Mode,
		ExpiresAt: body.ExpiresAtMs, GoodsLeft: body.GoodsLeft, Until: body.UntilMs,
		Part: portion(body.Part), MayMemoOn: body.MayMemoOn,
	}
	if len(body.Agent) > 0 {
		offer.Agent = ledger.PartyID(body.Agent)
	}
	if rejection := j.offerTerms(offer); rejection != nil {
		return rejection
	}
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	item.Offers = j.standing(item.Offers)
	for _, judged := range []func(Item, Offer) *ledger.Rejection{j.receiver, j.mayOffer, j.unstopped, j.divisible} {
		if rejection := judged(item, offer); rejection != nil {
			return rejection
		}
	}
	for _, open := range item.Offers {
		if open.MovesCustody() && offer.MovesCustody() || open.MovesTitle() && offer.MovesTitle() {
			return ledger.RejectField(ledger.OfferOpen, "offer.item", "an offer of entry %d stands on item %s; withdraw it or wait for its answer", open.Index, item.ID)
		}
	}
	item.Offers = append(item.Offers, offer)
	item.Offered = true
	j.put(item)
	return nil
}

func portion(p *custodyv1.Portion) Portion {
	return Portion{Micrograms: p.GetMicrograms(), Count: p.GetCount()}
}

// offerTerms looks at nothing but the offer and the time.
func (j *judge) offerTerms(o Offer) *ledger.Rejection {
	mode := o.Mode
	needsEnd := mode == custodyv1.Mode_MODE_MEMO || mode == custodyv1.Mode_MODE_SERVICE || mode == custodyv1.Mode_MODE_LOAN
	switch {
	case o.To == o.From:
		return ledger.RejectField(ledger.SelfTransfer, "offer.to", "an offer goes to another party")
	case o.ExpiresAt <= j.now:
		return ledger.RejectField(ledger.ExpiryInvalid, "offer.expires_at_ms", "%s is not after ledger time %s", date(o.ExpiresAt), date(j.now))
	case o.ExpiresAt > later(j.now, ledger.OfferTermMax):
		return ledger.RejectField(ledger.ExpiryInvalid, "offer.expires_at_ms", "%s is more than a year after ledger time %s", date(o.ExpiresAt), date(j.now))
	case !o.Lends() && o.Until != 0:
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.until_ms", "only memo, service, carrier and loan have a term; leave it out")
	case needsEnd && o.Until == 0:
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.until_ms", "memo, service and loan say when they end")
	case o.Until != 0 && (o.Until <= j.now || o.Until > later(j.now, ledger.MemoTermMax)):
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.until_ms", "a term ends after ledger time %s and within five years", date(j.now))
	case o.Until != 0 && o.Until < o.ExpiresAt:
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.until_ms", "the term ends at %s, before the offer itself at %s", date(o.Until), date(o.ExpiresAt))
	case o.MayMemoOn && mode != custodyv1.Mode_MODE_MEMO:
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.may_memo_on", "only memo goods may be given on as memo; leave it out")
	case o.GoodsLeft && !o.MovesCustody():
		return ledger.RejectField(ledger.GoodsLeftInvalid, "offer.goods_left", "an offer of title alone moves no goods; leave it out")
	case o.Part != Portion{} && mode == custodyv1.Mode_MODE_TITLE:
		return ledger.RejectField(ledger.PortionInvalid, "offer.part", "title alone passes of the whole; leave the part out")
	case o.Agent != ledger.PartyID{} && (o.Agent == o.From || o.Agent == o.To):
		return ledger.RejectField(ledger.SelfTransfer, "offer.agent", "an agent is neither of the two parties")
	}
	return nil
}

// receiver judges the party that an offer is made to. A suspended party may
// still take back what it owns. An agent gets nothing, and must be somebody.
func (j *judge) receiver(_ Item, o Offer) *ledger.Rejection {
	to, ok := j.state.Party(o.To)
	switch {
	case !ok:
		return ledger.RejectField(ledger.UnknownParty, "offer.to", "party %s is not on this ledger; goods that go to somebody outside are released", o.To)
	case to.Association:
		return ledger.RejectField(ledger.AssociationExcluded, "offer.to", "party %s is an association; associations hold no goods", o.To)
	case to.Suspended() && o.Mode != custodyv1.Mode_MODE_RETURN:
		return ledger.RejectField(ledger.PartySuspended, "offer.to", "party %s is suspended by every sponsor and cannot receive", o.To)
	}
	if o.Agent == (ledger.PartyID{}) {
		return nil
	}
	switch agent, ok := j.state.Party(o.Agent); {
	case !ok:
		return ledger.RejectField(ledger.UnknownParty, "offer.agent", "party %s is not on this ledger; leave the agent out", o.Agent)
	case agent.Association:
		return ledger.RejectField(ledger.AssociationExcluded, "offer.agent", "party %s is an association; associations do not trade", o.Agent)
	}
	return nil
}

// mayOffer judges an offer against the item's two registers.
//
//	mode                            offerer                        receiver
//	sale                            holds and owns                 anybody
//	memo, service, carrier, loan    holds; owns or may lend on     anybody but the owner and who lent the goods
//	return                          holds, owns not                the owner, or whom it has the goods from
//	memo to sale                    owns, holds not                the holder
//	title                           owns, holds not                not the holder; of memo goods, somebody who lent them on
//
// What follows from where custody and title are, and not from who offers, is in
// fits.
func (j *judge) mayOffer(item Item, o Offer) *ledger.Rejection {
	holds, owns := item.Custody.Is(o.From), item.Owner().Is(o.From)
	if o.MovesCustody() && !holds {
		return j.notHolder(item)
	}
	switch {
	case o.Mode == custodyv1.Mode_MODE_RETURN && owns:
		return ledger.RejectField(ledger.OwnGoods, "offer.mode", "the party owns item %s; only goods of somebody else are returned", item.ID)
	case o.Lends() && !owns:
		if rejection := j.mayLendOn(item, o); rejection != nil {
			return rejection
		}
	case o.Mode != custodyv1.Mode_MODE_RETURN && !owns:
		return j.notOwner(item)
	case o.MovesTitle() && !o.MovesCustody() && holds:
		return ledger.RejectField(ledger.OwnGoods, "offer.mode", "the party holds item %s itself; use a sale", item.ID)
	}
	return fits(item, o, "offer.to")
}

// mayLendOn: who has goods under a term may give them on under the same mode, not
// beyond its end; on memo only if it was permitted; a loan never.
func (j *judge) mayLendOn(item Item, o Offer) *ledger.Rejection {
	if len(item.Terms) == 0 {
		return j.notOwner(item)
	}
	term := item.Terms[len(item.Terms)-1]
	switch {
	case o.Mode != term.Mode || o.Mode == custodyv1.Mode_MODE_LOAN || o.Mode == custodyv1.Mode_MODE_MEMO && !term.MayMemoOn:
		return ledger.RejectField(ledger.MayNotLend, "offer.mode", "party %s has item %s under other terms and may not give it on so; it returns it first", o.From, item.ID)
	case len(item.Terms) >= ledger.TermsMax:
		return ledger.RejectField(ledger.MayNotLend, "offer.mode", "item %s was given on %d times; it is returned first", item.ID, len(item.Terms))
	case term.Until != 0 && (o.Until == 0 || o.Until > term.Until):
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.until_ms", "the party has item %s until %s itself", item.ID, date(term.Until))
	}
	return nil
}

// fits tells whether both parties are where the mode has them. It is asked again
// when the offer is accepted, as the other register may have moved since.
func fits(item Item, o Offer, field string) *ledger.Rejection {
	if o.Lends() {
		switch {
		case !item.Owner().Is(o.From) && len(item.Terms) == 0:
			return ledger.RejectField(ledger.NotOwner, field, "who offers item %s neither owns it nor has it under a term", item.ID)
		case item.Owner().Is(o.To) || lentBy(item, o.To) >= 0:
			return ledger.RejectField(ledger.MayNotLend, field, "the receiver owns item %s or has lent it itself; it gets it back by a return", item.ID)
		}
		return nil
	}
	switch o.Mode {
	case custodyv1.Mode_MODE_RETURN:
		if !item.Owner().Is(o.To) && (len(item.Terms) == 0 || item.Terms[len(item.Terms)-1].From != o.To) {
			return ledger.RejectField(ledger.ReceiverNotOwner, field, "a return of item %s goes to its owner, or to whom the party has it from", item.ID)
		}
	case custodyv1.Mode_MODE_MEMO_TO_SALE:
		if !item.Custody.Is(o.To) {
			return ledger.RejectField(ledger.ReceiverNotHolder, field, "the receiver does not hold item %s; to sell what somebody else holds, offer the title", item.ID)
		}
	case custodyv1.Mode_MODE_TITLE:
		switch {
		case item.Custody.Outside != nil:
			return ledger.RejectField(ledger.ItemOutside, field, "item %s is outside the ledger; it re-enters first", item.ID)
		case item.Custody.Is(o.From):
			return ledger.RejectField(ledger.OwnGoods, field, "who sells item %s holds it; the goods go with the title, by a sale", item.ID)
		case item.Custody.Is(o.To):
			return ledger.RejectField(ledger.ReceiverIsHolder, field, "the receiver holds item %s; use memo to sale", item.ID)
		case onMemo(item) && lentBy(item, o.To) < 0:
			return ledger.RejectField(ledger.OnMemo, field, "the holder has item %s on memo and may buy it; it is returned before others buy it", item.ID)
		}
	}
	return nil
}

func onMemo(item Item) bool {
	return slices.ContainsFunc(item.Terms, func(t Term) bool { return t.Mode == custodyv1.Mode_MODE_MEMO })
}

// lentBy finds the term that a party gave; -1 if none.
func lentBy(item Item, party ledger.PartyID) int {
	return slices.IndexFunc(item.Terms, func(t Term) bool { return t.From == party })
}

// unstopped asks whether the item's state permits what the offer would do.
func (j *judge) unstopped(item Item, o Offer) *ledger.Rejection {
	var wanted action
	switch {
	case o.Mode == custodyv1.Mode_MODE_RETURN:
		wanted = giveBack
	case o.MovesCustody():
		wanted = moveCustody
	}
	if o.MovesTitle() {
		wanted |= moveTitle
	}
	if o.Part != (Portion{}) {
		wanted |= change
	}
	return free(item, wanted)
}

// divisible asks whether the goods have such a part.
func (j *judge) divisible(item Item, o Offer) *ledger.Rejection {
	if o.Part == (Portion{}) {
		return nil
	}
	return checkPortion(j.matter(item.ID), o.Part, "offer.part")
}

func (j *judge) notHolder(item Item) *ledger.Rejection {
	if item.Custody.Outside != nil {
		return ledger.RejectField(ledger.ItemOutside, "item", "item %s was released by entry %d to somebody outside the ledger", item.ID, item.Custody.Outside.Since)
	}
	return ledger.RejectField(ledger.NotHolder, "item", "party %s does not hold item %s", j.party.ID, item.ID)
}

func (j *judge) notOwner(item Item) *ledger.Rejection {
	if outside := item.Owner().Outside; outside != nil {
		return ledger.RejectField(ledger.ItemOutside, "item", "item %s was released by entry %d to somebody outside the ledger", item.ID, outside.Since)
	}
	return ledger.RejectField(ledger.NotOwner, "item", "party %s does not own item %s; goods on memo are returned, or bought first", j.party.ID, item.ID)
}

// standing leaves out the offers that have lapsed by ledger time.
func (j *judge) standing(offers []Offer) []Offer {
	var standing []Offer
	for _, offer := range offers {
		if !offer.Lapsed(j.now) {
			standing = append(standing, offer)
		}
	}
	return standing
}

// open finds an offer by its event id among the item's offers, lapsed or not,
// and gives the others that stand.
func (j *judge) open(item Item, field string, id []byte) (Offer, []Offer, *ledger.Rejection) {
	at := slices.IndexFunc(item.Offers, func(o Offer) bool { return o.Event == ledger.EventID(id) })
	if at < 0 {
		return Offer{}, nil, ledger.RejectField(ledger.UnknownOffer, field, "no open offer of item %s has this event id; read the item again", item.ID)
	}
	others := slices.Delete(slices.Clone(item.Offers), at, at+1)
	return item.Offers[at], j.standing(others), nil
}

// accept: the party an offer is made to receives the goods, all or a part.
func (j *judge) accept(body *custodyv1.Accept) *ledger.Rejection {
	item, offer, rejection := j.answer("accept.offer", body.Offer)
	if rejection != nil {
		return rejection
	}
	if offer.From != ledger.PartyID(body.From) {
		return ledger.RejectField(ledger.NotOfferer, "accept.from", "another party made the offer")
	}
	if rejection := j.acceptable(item, offer); rejection != nil {
		return rejection
	}
	if offer.Part != (Portion{}) || body.Received != nil {
		return j.acceptPart(item, offer, body.Received)
	}
	j.put(overtaken(j.moved(item, offer)))
	return nil
}

// overtaken ends the offers that the item's registers no longer fit, so that they do
// not wake up when the goods come back one day. Goods that have left are still
// somewhere: such an offer stands until the goods are back.
func overtaken(item Item) Item {
	var standing []Offer
	for _, o := range item.Offers {
		if o.GoodsLeft || fits(item, o, "") == nil {
			standing = append(standing, o)
		}
	}
	item.Offers = standing
	return item
}

// acceptable judges an offer at the time of its acceptance.
func (j *judge) acceptable(item Item, offer Offer) *ledger.Rejection {
	if offer.Mode != custodyv1.Mode_MODE_RETURN {
		if rejection := j.sponsored(rule{}); rejection != nil {
			return rejection
		}
	}
	if offer.Lapsed(j.now) {
		return ledger.RejectField(ledger.OfferExpired, "accept.offer", "the offer ended at %s, ledger time is %s; ask for a new one", date(offer.ExpiresAt), date(j.now))
	}
	if offer.Declined {
		return ledger.RejectField(ledger.OfferDeclined, "accept.offer", "the offer was declined; the goods go back")
	}
	if rejection := fits(item, offer, "accept.offer"); rejection != nil {
		return rejection
	}
	if from, _ := j.state.Party(offer.From); offer.MovesTitle() && !offer.GoodsLeft && from.Suspended() {
		return ledger.RejectField(ledger.PartySuspended, "accept.offer", "every sponsor of party %s has suspended it since it made the offer; title cannot pass now", from.ID)
	}
	return j.unstopped(item, offer)
}

// moved gives the item's registers after an accepted offer.
func (j *judge) moved(item Item, offer Offer) Item {
	item.Terms = slices.Clone(item.Terms)
	if offer.MovesCustody() {
		item.Custody = Inside(offer.To)
	}
	switch {
	case offer.MovesTitle():
		item.Title = Sole(Inside(offer.To))
		item.Terms = owned(item)
	case offer.Mode == custodyv1.Mode_MODE_RETURN:
		item.Terms = returned(item, offer.To)
	default:
		item.Terms = append(item.Terms, Term{Mode: offer.Mode, From: offer.From, Until: offer.Until, MayMemoOn: offer.MayMemoOn})
	}
	return item
}

// owned gives the terms that are left under the item's managing owner, who may be a
// new one: who holds its own goods has them under none, who lent them on has lent its
// own, and anybody else takes the place of who lent them first, so that the holder
// gives them back to it and it may reclaim them.
func owned(item Item) []Term {
	owner := item.Owner()
	if owner.Outside != nil || item.Custody.Equal(owner) || len(item.Terms) == 0 {
		return nil
	}
	terms := slices.Clone(item.Terms[max(lentBy(item, owner.Party), 0):])
	terms[0].From = owner.Party
	return terms
}

// returned gives the terms that are left after a return to a party.
func returned(item Item, to ledger.PartyID) []Term {
	if item.Owner().Is(to) {
		return nil
	}
	return item.Terms[:len(item.Terms)-1]
}

// acceptPart: not all of the item is received. Of an offer of a part, the part
// received becomes a new item of the receiver. Of an offer of the whole, the item
// goes to the receiver without what is missing, which becomes a new item that stays
// where the whole was.
func (j *judge) acceptPart(item Item, offer Offer, body *custodyv1.Portion) *ledger.Rejection {
	const field = "accept.received"
	received, whole := portion(body), j.matter(item.ID)
	offered := offer.Part
	if offered == (Portion{}) {
		offered = whole.Portion()
	}
	switch {
	case body == nil:
		return ledger.RejectField(ledger.MissingField, field, "the offer is of a part; say how much was received")
	case received.Micrograms > offered.Micrograms || received.Count > offered.Count:
		return ledger.RejectField(ledger.PortionInvalid, field, "more than was offered: %d micrograms, %d pieces", offered.Micrograms, offered.Count)
	case !offer.MovesCustody() && received != offered:
		return ledger.RejectField(ledger.PortionInvalid, field, "the receiver holds the goods already; all that is offered is accepted")
	}
	if rejection := checkPortion(whole, received, field); rejection != nil {
		return rejection
	}
	if rejection := free(item, change); rejection != nil {
		return rejection
	}
	id := ledger.NewItemID(j.event.ID, 0)
	stays := item
	if offer.Part != (Portion{}) {
		part, rest := carve(whole, received)
		j.state.putMatter(rest)
		j.create(part, id, j.moved(item, offer))
	} else {
		missing, rest := carve(whole, Portion{whole.Mass - received.Micrograms, whole.Count - received.Count})
		j.state.putMatter(rest)
		j.create(missing, id, item)
		stays = j.moved(item, offer)
	}
	j.put(overtaken(stays))
	return nil
}

// create makes an item of this event, with the registers of another one.
func (j *judge) create(matter Matter, id ledger.ItemID, like Item) {
	matter.Item = id
	j.state.putMatter(matter)
	j.state.putItem(Item{
		ID: id, Status: Live,
		Registrant: j.party.ID, Registered: j.index, Last: j.event.ID, LastIndex: j.index,
		Born: j.event.OccurredAt, Occurred: j.event.OccurredAt,
		Custody: like.Custody, Title: like.Title, Terms: like.Terms,
		Offered: true, Damaged: like.Damaged,
	})
}

// answer finds the offer that the acting party answers and leaves the item
// without it.
func (j *judge) answer(field string, id []byte) (Item, Offer, *ledger.Rejection) {
	item, rejection := j.item()
	if rejection != nil {
		return Item{}, Offer{}, rejection
	}
	offer, others, rejection := j.open(item, field, id)
	if rejection != nil {
		return Item{}, Offer{}, rejection
	}
	if offer.To != j.party.ID {
		return Item{}, Offer{}, ledger.RejectField(ledger.NotOffered, field, "the offer is made to another party than %s", j.party.ID)
	}
	item.Offers = others
	return item, offer, nil
}

// decline: the party an offer is made to does not take it. Where the goods had
// left, the offer stays open until the offerer says that they are back.
func (j *judge) decline(body *custodyv1.Decline) *ledger.Rejection {
	item, offer, rejection := j.answer("decline.offer", body.Offer)
	if rejection != nil {
		return rejection
	}
	switch {
	case offer.Declined:
		return ledger.RejectField(ledger.OfferDeclined, "decline.offer", "the offer was declined before")
	case offer.Lapsed(j.now):
		return ledger.RejectField(ledger.OfferExpired, "decline.offer", "the offer ended at %s; there is nothing to decline", date(offer.ExpiresAt))
	}
	if offer.GoodsLeft {
		offer.Declined = true
		item.Offers = append(item.Offers, offer)
	}
	j.put(item)
	return nil
}

// withdraw: the offerer takes an open offer back.
func (j *judge) withdraw(body *custodyv1.Withdraw) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	offer, others, rejection := j.open(item, "withdraw.offer", body.Offer)
	if rejection != nil {
		return rejection
	}
	if offer.From != j.party.ID {
		return ledger.RejectField(ledger.NotOfferer, "withdraw.offer", "another party made the offer")
	}
	if rejection := j.mayAct(offerScopes(offer.Mode)); rejection != nil {
		return rejection
	}
	if offer.Lapsed(j.now) {
		return ledger.RejectField(ledger.OfferExpired, "withdraw.offer", "the offer ended at %s; there is nothing to withdraw", date(offer.ExpiresAt))
	}
	item.Offers = others
	j.put(item)
	return nil
}

func sold(reason custodyv1.OutsideReason) bool {
	return reason == custodyv1.OutsideReason_OUTSIDE_REASON_SOLD || reason == custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER
}

// release: goods go to somebody who is not on the ledger.
func (j *judge) release(body *custodyv1.Release) *ledger.Rejection {
	if !ledger.IsCountry(body.Country) {
		return ledger.RejectField(ledger.CountryInvalid, "release.country", "%q is not an ISO 3166-1 alpha-2 code", body.Country)
	}
	if _, ok := j.event.Commitment(custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY); !ok && body.Reason != custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER {
		return ledger.RejectField(ledger.MissingField, "commitments", "a release commits to the name of who has the goods now (field 4)")
	}
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	item.Offers = j.standing(item.Offers)
	wanted := moveCustody
	if sold(body.Reason) {
		wanted |= moveTitle
	}
	switch {
	case !item.Custody.Is(j.party.ID) && !(sold(body.Reason) && j.onMemoOutside(item)):
		return j.notHolder(item)
	case !item.Owner().Is(j.party.ID):
		return j.notOwner(item)
	case len(item.Offers) > 0:
		return ledger.RejectField(ledger.OfferOpen, "release.item", "an offer of entry %d stands on item %s; withdraw it first", item.Offers[0].Index, item.ID)
	}
	if rejection := free(item, wanted); rejection != nil {
		return rejection
	}
	outside := Holder{Outside: &Outside{Reason: body.Reason, Country: body.Country, Since: j.index, ReleasedBy: j.party.ID}}
	item.Custody = outside
	if sold(body.Reason) {
		item.Title = Sole(outside)
	}
	item.Offered = true
	j.put(item)
	return nil
}

// onMemoOutside tells whether the acting party has the item out with somebody
// outside, who may buy it there.
func (j *judge) onMemoOutside(item Item) bool {
	outside := item.Custody.Outside
	return outside != nil && outside.ReleasedBy == j.party.ID && item.Owner().Is(j.party.ID)
}

// reenter: the party that released an item has it back, and says anew what it is.
func (j *judge) reenter(body *custodyv1.Reenter) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	outside := item.Custody.Outside
	switch {
	case outside == nil:
		return ledger.RejectField(ledger.ItemNotOutside, "reenter.item", "item %s is not outside the ledger", item.ID)
	case outside.ReleasedBy != j.party.ID:
		return ledger.RejectField(ledger.NotReleaser, "reenter.item", "another party released item %s; only that party brings it back, others register what they bought", item.ID)
	}
	if rejection := free(item, comeBack); rejection != nil {
		return rejection
	}
	if body.Mass != nil || body.Count != 0 {
		matter, rejection := j.reweighed(j.matter(item.ID), body.Mass, body.Count, "reenter")
		if rejection != nil {
			return rejection
		}
		j.state.putMatter(matter)
	}
	item.Custody = Inside(j.party.ID)
	if item.Owner().Outside != nil {
		item.Title = Sole(Inside(j.party.ID))
	}
	j.put(item)
	return nil
}
