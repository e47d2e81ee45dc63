package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// item finds the item that the event moves and checks that the event builds on
// the last event on it. Who may move it is for the caller to judge.
func (j *judge) item() (Item, *ledger.Rejection) {
	ref := j.event.Item
	item, ok := j.state.Item(ref.Item)
	switch {
	case !ok:
		return Item{}, ledger.RejectField(ledger.UnknownItem, "item", "item %s is not on this ledger", ref.Item)
	case item.Status == Voided:
		return Item{}, ledger.RejectField(ledger.ItemVoided, "item", "the registration of item %s was taken back", ref.Item)
	case item.Last != ref.Prev:
		return Item{}, ledger.RejectField(ledger.StalePrev, "prev", "the last event on item %s is another one; read the item again and sign on its current state", ref.Item)
	}
	return item, nil
}

// put writes the item with this event as the last one on it.
func (j *judge) put(item Item) {
	item.Last, item.LastIndex = j.event.ID, j.index
	j.state.putItem(item)
}

// offer: the holder or owner offers an item to one party.
func (j *judge) offer(body *custodyv1.Offer) *ledger.Rejection {
	offer := Offer{
		Event: j.event.ID, Index: j.index,
		From: j.event.Party, To: ledger.PartyID(body.To), Mode: body.Mode,
		ExpiresAt: body.ExpiresAtMs, GoodsLeft: body.GoodsLeft, MemoUntil: body.MemoUntilMs,
	}
	if rejection := j.offerTerms(offer); rejection != nil {
		return rejection
	}
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	item.Offers = j.standing(item.Offers)
	if rejection := j.receiver(offer); rejection != nil {
		return rejection
	}
	if rejection := j.mayOffer(item, offer); rejection != nil {
		return rejection
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

func (j *judge) offerTerms(o Offer) *ledger.Rejection {
	memo := o.Mode == custodyv1.Mode_MODE_MEMO
	switch {
	case o.To == o.From:
		return ledger.RejectField(ledger.SelfTransfer, "offer.to", "an offer goes to another party")
	case o.ExpiresAt <= j.now:
		return ledger.RejectField(ledger.ExpiryInvalid, "offer.expires_at_ms", "%s is not after ledger time %s", date(o.ExpiresAt), date(j.now))
	case o.ExpiresAt > later(j.now, ledger.OfferTermMax):
		return ledger.RejectField(ledger.ExpiryInvalid, "offer.expires_at_ms", "%s is more than a year after ledger time %s", date(o.ExpiresAt), date(j.now))
	case memo && (o.MemoUntil <= j.now || o.MemoUntil > later(j.now, ledger.MemoTermMax)):
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.memo_until_ms", "a memo says when it ends, after ledger time %s and within five years", date(j.now))
	case memo && o.MemoUntil < o.ExpiresAt:
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.memo_until_ms", "the term ends at %s, before the offer itself at %s", date(o.MemoUntil), date(o.ExpiresAt))
	case !memo && o.MemoUntil != 0:
		return ledger.RejectField(ledger.MemoTermInvalid, "offer.memo_until_ms", "only a memo has a term; leave it out")
	case o.GoodsLeft && !o.MovesCustody():
		return ledger.RejectField(ledger.GoodsLeftInvalid, "offer.goods_left", "the receiver of a memo sale has the goods already; leave it out")
	}
	return nil
}

// receiver judges the party that an offer is made to. A suspended party may
// still take back what it owns.
func (j *judge) receiver(o Offer) *ledger.Rejection {
	to, ok := j.state.Party(o.To)
	switch {
	case !ok:
		return ledger.RejectField(ledger.UnknownParty, "offer.to", "party %s is not on this ledger; goods that go to somebody outside are released", o.To)
	case to.Association:
		return ledger.RejectField(ledger.AssociationExcluded, "offer.to", "party %s is an association; associations hold no goods", o.To)
	case to.Suspended() && o.Mode != custodyv1.Mode_MODE_RETURN:
		return ledger.RejectField(ledger.PartySuspended, "offer.to", "party %s is suspended by every sponsor and cannot receive", o.To)
	}
	return nil
}

// mayOffer judges an offer against the item's two registers.
//
//	mode          offerer            receiver
//	sale          holds and owns     anybody
//	memo          holds and owns     anybody
//	return        holds, owns not    the owner
//	memo to sale  owns, holds not    the holder
func (j *judge) mayOffer(item Item, o Offer) *ledger.Rejection {
	holds, owns := item.Custody.Is(o.From), item.Title.Is(o.From)
	if o.MovesCustody() && !holds {
		return j.notHolder(item)
	}
	switch o.Mode {
	case custodyv1.Mode_MODE_RETURN:
		if owns {
			return ledger.RejectField(ledger.OwnGoods, "offer.mode", "the party owns item %s; only goods of somebody else are returned", item.ID)
		}
		if !item.Title.Is(o.To) {
			return ledger.RejectField(ledger.ReceiverNotOwner, "offer.to", "a return goes to the owner of item %s", item.ID)
		}
	case custodyv1.Mode_MODE_MEMO_TO_SALE:
		if !owns {
			return j.notOwner(item)
		}
		if holds {
			return ledger.RejectField(ledger.OwnGoods, "offer.mode", "the party holds item %s itself; use a sale", item.ID)
		}
		if !item.Custody.Is(o.To) {
			return ledger.RejectField(ledger.ReceiverNotHolder, "offer.to", "memo goods are sold to the party that holds them")
		}
	default:
		if !owns {
			return j.notOwner(item)
		}
	}
	return nil
}

func (j *judge) notHolder(item Item) *ledger.Rejection {
	if item.Custody.Outside != nil {
		return ledger.RejectField(ledger.ItemOutside, "item", "item %s was released by entry %d to somebody outside the ledger", item.ID, item.Custody.Outside.Since)
	}
	return ledger.RejectField(ledger.NotHolder, "item", "party %s does not hold item %s", j.party.ID, item.ID)
}

func (j *judge) notOwner(item Item) *ledger.Rejection {
	if item.Title.Outside != nil {
		return ledger.RejectField(ledger.ItemOutside, "item", "item %s was released by entry %d to somebody outside the ledger", item.ID, item.Title.Outside.Since)
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

// accept: the party an offer is made to receives the item as a whole.
func (j *judge) accept(body *custodyv1.Accept) *ledger.Rejection {
	item, offer, rejection := j.answer("accept.offer", body.Offer)
	if rejection != nil {
		return rejection
	}
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
	if rejection := j.stillHolds(item, offer); rejection != nil {
		return rejection
	}
	if from, _ := j.state.Party(offer.From); offer.MovesTitle() && !offer.GoodsLeft && from.Suspended() {
		return ledger.RejectField(ledger.PartySuspended, "accept.offer", "every sponsor of party %s has suspended it since it made the offer; title cannot pass now", from.ID)
	}
	if offer.MovesCustody() {
		item.Custody = Inside(j.party.ID)
		item.MemoUntil = offer.MemoUntil
	}
	if offer.MovesTitle() {
		item.Title = Inside(j.party.ID)
		item.MemoUntil = 0
	}
	// What this has overtaken does not wake up when the goods come back one day.
	item.Offers = slices.DeleteFunc(item.Offers, func(o Offer) bool { return !o.GoodsLeft && j.stillHolds(item, o) != nil })
	j.put(item)
	return nil
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

// stillHolds refuses an offer that the other register has overtaken: a return to
// somebody who has sold the goods since, a memo sale to somebody who has
// returned them.
func (j *judge) stillHolds(item Item, offer Offer) *ledger.Rejection {
	switch {
	case offer.Mode == custodyv1.Mode_MODE_RETURN && !item.Title.Is(offer.To):
		return ledger.RejectField(ledger.ReceiverNotOwner, "accept.offer", "the receiver no longer owns item %s; the offer can only be withdrawn or declined", item.ID)
	case offer.Mode == custodyv1.Mode_MODE_MEMO_TO_SALE && !item.Custody.Is(offer.To):
		return ledger.RejectField(ledger.ReceiverNotHolder, "accept.offer", "the receiver no longer holds item %s; the offer can only be withdrawn or declined", item.ID)
	}
	return nil
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

// release: goods go to somebody who is not on the ledger.
func (j *judge) release(body *custodyv1.Release) *ledger.Rejection {
	if !ledger.IsCountry(body.Country) {
		return ledger.RejectField(ledger.CountryInvalid, "release.country", "%q is not an ISO 3166-1 alpha-2 code", body.Country)
	}
	if _, ok := j.event.Commitment(custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY); !ok {
		return ledger.RejectField(ledger.MissingField, "commitments", "a release commits to the name of who has the goods now (field 4)")
	}
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	item.Offers = j.standing(item.Offers)
	sold := body.Reason == custodyv1.OutsideReason_OUTSIDE_REASON_SOLD
	switch {
	case !item.Custody.Is(j.party.ID) && !(sold && j.onMemoOutside(item)):
		return j.notHolder(item)
	case !item.Title.Is(j.party.ID):
		return j.notOwner(item)
	case len(item.Offers) > 0:
		return ledger.RejectField(ledger.OfferOpen, "release.item", "an offer of entry %d stands on item %s; withdraw it first", item.Offers[0].Index, item.ID)
	}
	outside := Holder{Outside: &Outside{Reason: body.Reason, Country: body.Country, Since: j.index, ReleasedBy: j.party.ID}}
	item.Custody = outside
	if sold {
		item.Title = outside
	}
	item.Offered = true
	j.put(item)
	return nil
}

// onMemoOutside tells whether the acting party has the item out on memo with
// somebody outside, who may buy it there.
func (j *judge) onMemoOutside(item Item) bool {
	outside := item.Custody.Outside
	return outside != nil && outside.ReleasedBy == j.party.ID && item.Title.Is(j.party.ID)
}

// reenter: the party that released an item has it back.
func (j *judge) reenter() *ledger.Rejection {
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
	item.Custody = Inside(j.party.ID)
	if item.Title.Outside != nil {
		item.Title = Inside(j.party.ID)
	}
	j.put(item)
	return nil
}
