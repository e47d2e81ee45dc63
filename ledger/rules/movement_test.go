package rules_test

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	service   = custodyv1.Mode_MODE_SERVICE
	carrier   = custodyv1.Mode_MODE_CARRIER
	loan      = custodyv1.Mode_MODE_LOAN
	titleOnly = custodyv1.Mode_MODE_TITLE
)

// try submits one event and gives its rejection, if any.
func (w *world) try(by *actor, body any, keys ...sign.PrivateKey) *ledger.Rejection {
	w.t.Helper()
	rejection := w.submit(w.candidate(w.event(by.id, body), append(keys, by.key)...)).Rejection
	if rejection != nil {
		seen[rejection.Reason] = true
	}
	return rejection
}

// lend gives goods on under a mode, with leave to give memo goods on further.
func (w *world) lend(item ledger.ItemID, from, to *actor, mode custodyv1.Mode) {
	w.t.Helper()
	o := w.offerOf(item, to, mode)
	o.MayMemoOn = mode == memo
	offer := w.do(from.id, o, from.key)
	w.do(to.id, w.accept(item, offer), to.key)
}

// registers checks the invariants of an item's registers.
func (w *world) registers(id ledger.ItemID) {
	w.t.Helper()
	i := w.state.Items[id]
	if (i.Custody.Party == ledger.PartyID{}) == (i.Custody.Outside == nil) {
		w.t.Fatalf("item %s has not exactly one holder: %+v", id, i.Custody)
	}
	total, whole := uint64(0), new(big.Rat)
	owners := map[ledger.PartyID]bool{}
	for _, share := range i.Title {
		if share.Parts == 0 || owners[share.Owner.Party] && share.Owner.Outside == nil {
			w.t.Fatalf("title %+v", i.Title)
		}
		owners[share.Owner.Party] = true
		total += uint64(share.Parts)
	}
	for _, share := range i.Title {
		whole.Add(whole, big.NewRat(int64(share.Parts), int64(total)))
	}
	if len(i.Title) == 0 || whole.Cmp(big.NewRat(1, 1)) != 0 {
		w.t.Fatalf("item %s: shares %+v add up to %s", id, i.Title, whole)
	}
	chain := map[ledger.PartyID]bool{i.Custody.Party: true}
	for _, term := range i.Terms {
		if chain[term.From] {
			w.t.Fatalf("item %s: a party stands twice in the chain %+v of %+v", id, i.Terms, i.Custody)
		}
		chain[term.From] = true
	}
	if len(i.Terms) > ledger.TermsMax || len(i.Terms) > 0 && !i.Owner().Is(i.Terms[0].From) {
		w.t.Fatalf("item %s: terms %+v of the title %+v", id, i.Terms, i.Title)
	}
	custody, title := 0, 0
	for _, o := range i.Offers {
		if !o.Lapsed(w.now) && o.MovesCustody() {
			custody++
		}
		if !o.Lapsed(w.now) && o.MovesTitle() {
			title++
		}
	}
	if custody > 1 || title > 1 || i.Status != rules.Live && len(i.Offers) > 0 {
		w.t.Fatalf("item %s: offers %+v", id, i.Offers)
	}
}

func TestTheBuyerTakesTheLendersPlace(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	w.hand(item, a, b, service)
	w.refuses(ledger.ReceiverIsHolder, a, w.offerOf(item, b, titleOnly))
	w.refuses(ledger.NotOwner, b, w.offerOf(item, c, titleOnly))
	w.hand(item, a, c, titleOnly)
	w.holds(item, b, c)
	w.registers(item)
	w.refuses(ledger.ReceiverNotOwner, b, w.offerOf(item, a, returning)) // it has nothing to do with it any more
	w.hand(item, b, c, returning)
	w.holds(item, c, c)
	w.refuses(ledger.OwnGoods, c, w.offerOf(item, a, titleOnly))

	// A carrier brings what was sold on the way to who bought it, and gets no title.
	k := w.dealer()
	w.hand(item, c, k, carrier)
	w.refuses(ledger.NotOwner, k, w.offerOf(item, a, sale))
	w.refuses(ledger.MayNotLend, k, w.offerOf(item, a, service))
	w.refuses(ledger.NotOwner, k, &custodyv1.Release{Item: w.on(item), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"})
	w.lend(item, k, b, carrier)
	w.hand(item, c, a, titleOnly)
	w.registers(item)
	w.hand(item, b, a, returning)
	w.holds(item, a, a)
	if terms := w.state.Items[item].Terms; len(terms) != 0 {
		t.Errorf("terms of its own goods: %+v", terms)
	}
}

func TestLendingOn(t *testing.T) {
	w := newWorld(t)
	a, b, c, d := w.dealer(), w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	w.hand(item, a, b, memo)
	w.refuses(ledger.MayNotLend, b, w.offerOf(item, c, memo)) // not permitted
	w.hand(item, b, a, returning)
	w.hand(item, a, b, loan)
	w.refuses(ledger.MayNotLend, b, w.offerOf(item, c, loan))
	w.hand(item, b, a, returning)

	w.lend(item, a, b, memo)
	w.refuses(ledger.MayNotLend, b, w.offerOf(item, c, service)) // another mode
	w.refuses(ledger.MayNotLend, b, w.offerOf(item, a, memo))    // the owner: that is a return
	long := w.offerOf(item, c, memo)
	long.UntilMs++
	w.refuses(ledger.MemoTermInvalid, b, long)
	w.lend(item, b, c, memo)
	w.refuses(ledger.MayNotLend, c, w.offerOf(item, b, memo))
	w.refuses(ledger.NotHolder, b, w.offerOf(item, d, memo))
	w.refuses(ledger.OnMemo, a, w.offerOf(item, d, titleOnly))
	w.refuses(ledger.ReceiverNotOwner, c, w.offerOf(item, d, returning))
	w.hand(item, a, b, titleOnly) // b buys while c has it: what lies before b falls away
	w.registers(item)
	if terms := w.state.Items[item].Terms; len(terms) != 1 || terms[0].From != b.id {
		t.Errorf("terms %+v", terms)
	}
	w.hand(item, b, c, memoToSale)
	w.holds(item, c, c)

	// One step back, then all the way.
	w.lend(item, c, a, memo)
	w.lend(item, a, b, memo)
	w.lend(item, b, d, memo)
	w.hand(item, d, b, returning)
	w.refuses(ledger.ReceiverNotOwner, b, w.offerOf(item, d, returning))
	w.hand(item, b, c, returning)
	w.holds(item, c, c)
	w.registers(item)

	holder := c
	for range ledger.TermsMax {
		next := w.dealer()
		w.lend(item, holder, next, service)
		holder = next
	}
	w.refuses(ledger.MayNotLend, holder, w.offerOf(item, w.dealer(), service))
	w.registers(item)

	endless := w.stone(a)
	offer := w.offerOf(endless, b, carrier)
	offer.UntilMs = w.now + 2000
	w.do(b.id, w.accept(endless, w.do(a.id, offer, a.key)), b.key)
	w.refuses(ledger.MemoTermInvalid, b, w.offerOf(endless, c, carrier)) // without an end, beyond its own
	on := w.offerOf(endless, c, service)
	on.MayMemoOn = true
	w.refuses(ledger.MemoTermInvalid, b, on)
}

func TestOffersOvertaken(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)

	// The title of goods that came back is sold with the goods.
	w.hand(item, a, b, service)
	title := w.do(a.id, w.offerOf(item, c, titleOnly), a.key)
	w.hand(item, b, a, returning)
	w.refuses(ledger.UnknownOffer, c, w.accept(item, title))

	// Who bought goods is not lent them.
	w.hand(item, a, b, service)
	title = w.do(a.id, w.offerOf(item, c, titleOnly), a.key)
	lending := w.offerOf(item, c, service)
	lending.GoodsLeft = true
	left := w.do(b.id, lending, b.key)
	w.do(c.id, w.accept(item, title), c.key)
	w.refuses(ledger.MayNotLend, c, w.accept(item, left))
	w.do(b.id, &custodyv1.Withdraw{Item: w.on(item), Offer: left[:]}, b.key)
	w.hand(item, b, c, returning)

	// Who no longer manages the title lends nothing.
	lent := w.do(c.id, w.offerOf(item, a, service), c.key)
	body := &custodyv1.Share{Item: w.on(item), Owners: []*custodyv1.TitlePart{{Party: b.id[:], Parts: 1}, {Party: c.id[:], Parts: 1}}}
	w.do(c.id, body, c.key, b.key)
	w.refuses(ledger.UnknownOffer, a, w.accept(item, lent))
	w.refuses(ledger.NotOwner, c, w.offerOf(item, a, sale))
	w.refuses(ledger.NotOwner, c, w.offerOf(item, a, service))
	w.hand(item, c, b, returning)
	w.holds(item, b, b)
	w.registers(item)
}

func TestPartsAndShortAcceptance(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.register(a, rough(minedIn(800_000, "BW"), minedIn(200_000, "RU")))
	part := func(to *actor, mode custodyv1.Mode, micrograms uint64) *custodyv1.Offer {
		o := w.offerOf(item, to, mode)
		o.Part = &custodyv1.Portion{Micrograms: micrograms}
		return o
	}
	received := func(offer ledger.EventID, micrograms uint64) *custodyv1.Accept {
		accept := w.accept(item, offer)
		accept.Received = &custodyv1.Portion{Micrograms: micrograms}
		return accept
	}
	mass := func(id ledger.ItemID) uint64 { return w.state.Matters[id].Mass }

	w.refuses(ledger.PortionInvalid, a, part(b, sale, 1_000_000))
	w.refuses(ledger.PortionInvalid, a, part(b, sale, 1_000_001))
	offer := w.do(a.id, part(b, sale, 300_000), a.key)
	w.refuses(ledger.MissingField, b, w.accept(item, offer))
	w.refuses(ledger.PortionInvalid, b, received(offer, 300_001))
	bought := ledger.NewItemID(w.do(b.id, received(offer, 250_000), b.key), 0)
	if mass(bought) != 250_000 || mass(item) != 750_000 || len(w.state.Items[item].Offers) != 0 {
		t.Fatalf("bought %d, left %d", mass(bought), mass(item))
	}
	w.holds(bought, b, b)
	w.holds(item, a, a)
	w.hasOrigin(bought, "250000 mined BW RU")

	w.hand(item, a, b, memo)
	w.refuses(ledger.PortionInvalid, a, part(b, titleOnly, 1))
	offer = w.do(a.id, part(b, memoToSale, 50_000), a.key)
	w.refuses(ledger.PortionInvalid, b, received(offer, 49_999)) // it has them all
	kept := ledger.NewItemID(w.do(b.id, received(offer, 50_000), b.key), 0)
	w.holds(kept, b, b)
	w.holds(item, b, a)
	offer = w.do(b.id, part(a, returning, 200_000), b.key)
	back := ledger.NewItemID(w.do(a.id, received(offer, 200_000), a.key), 0)
	w.holds(back, a, a)
	w.holds(item, b, a)

	// Of a whole parcel 10,000 micrograms did not arrive: they stay with who sent them.
	short := w.offerOf(item, a, returning)
	short.GoodsLeft = true
	offer = w.do(b.id, short, b.key)
	w.refuses(ledger.PortionInvalid, a, received(offer, 500_001))
	w.refuses(ledger.PortionInvalid, a, received(offer, 500_000)) // that is all of it
	missing := ledger.NewItemID(w.do(a.id, received(offer, 490_000), a.key), 0)
	w.holds(item, a, a)
	w.holds(missing, b, a)
	if mass(missing) != 10_000 || len(w.state.Items[missing].Terms) != 1 || len(w.state.Items[item].Terms) != 0 {
		t.Errorf("missing %+v", w.state.Items[missing])
	}
	w.refuses(ledger.AlreadyOffered, a, &custodyv1.ItemVoid{Item: w.on(missing), Reason: 1})
	total := uint64(0)
	for id, m := range w.state.Matters {
		w.registers(id)
		total += m.Mass
	}
	if total != 1_000_000 {
		t.Errorf("%d micrograms of 1000000", total)
	}
	w.sound()

	single := w.stone(a)
	half := w.offerOf(single, b, sale)
	half.Part = &custodyv1.Portion{Micrograms: 23_000}
	w.refuses(ledger.PortionInvalid, a, half)
	offer = w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.do(b.id, &custodyv1.Dispute{Item: item[:], Ground: 1}, b.key)
	w.refuses(ledger.ItemDisputed, b, received(offer, 1))
}

func TestAgentsGetNothing(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	o := w.offerOf(item, b, sale)
	o.Agent = a.id[:]
	w.refuses(ledger.SelfTransfer, a, o)
	o.Agent = b.id[:]
	w.refuses(ledger.SelfTransfer, a, o)
	stranger := ledger.PartyID{7}
	o.Agent = stranger[:]
	w.refuses(ledger.UnknownParty, a, o)
	o.Agent = w.antwerp.id[:]
	w.refuses(ledger.AssociationExcluded, a, o)
	o.Agent = c.id[:]
	offer := w.do(a.id, o, a.key)
	w.refuses(ledger.NotOffered, c, w.accept(item, offer))
	w.refuses(ledger.NotConcerned, c, &custodyv1.Dispute{Item: item[:], Ground: 1})
	w.do(b.id, w.accept(item, offer), b.key)
	w.holds(item, b, b)
}

// Replays and races of the catalogue of bad input.
func TestReplayAndRace(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	stale := w.offerOf(item, b, sale)
	offer := w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.refuses(ledger.StalePrev, a, stale)
	w.refuses(ledger.OfferOpen, a, w.offerOf(item, c, sale))
	w.refuses(ledger.NotOffered, c, w.accept(item, offer))
	forged := w.accept(item, offer)
	forged.From = c.id[:]
	w.refuses(ledger.NotOfferer, b, forged)
	accept := w.event(b.id, w.accept(item, offer))
	first := w.submit(w.candidate(accept, b.key))
	again := w.submit(w.candidate(accept, b.key))
	if first.Rejection != nil || again.Rejection != nil || !again.Receipts[0].Duplicate {
		t.Errorf("an acceptance sent twice: %+v, %+v", first, again)
	}
	w.refuses(ledger.StalePrev, b, &custodyv1.Accept{Item: stale.Item, Offer: offer[:], From: a.id[:]})
	w.refuses(ledger.UnknownOffer, b, &custodyv1.Accept{Item: w.on(item), Offer: offer[:], From: a.id[:]})
	offer = w.do(b.id, w.offerOf(item, c, sale), b.key)
	w.do(b.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, b.key)
	w.refuses(ledger.UnknownOffer, c, &custodyv1.Accept{Item: w.on(item), Offer: offer[:], From: b.id[:]})
	offer = w.do(b.id, w.offerOf(item, c, sale), b.key)
	w.now += 1001
	w.refuses(ledger.OfferExpired, c, w.accept(item, offer))
}

// Rights and times of the catalogue of bad input.
func TestRightsAndTimes(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	w.hand(item, a, b, memo)
	w.refuses(ledger.NotOwner, b, w.offerOf(item, c, sale))
	child := w.stone(a)
	w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(child), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_000)}}})
	w.refuses(ledger.SetInPiece, a, w.offerOf(child, c, sale))
	stolen, held := w.stone(a), w.stone(a)
	w.do(a.id, &custodyv1.Incident{Item: w.on(stolen), Kind: stole}, a.key)
	w.refuses(ledger.ItemStolen, a, w.offerOf(stolen, c, sale))
	w.do(w.antwerp.id, &custodyv1.Hold{Item: held[:], Authority: 1, OrderSha256: make([]byte, 32)}, w.antwerp.key)
	w.refuses(ledger.ItemHeld, a, w.offerOf(held, c, sale))
	w.hand(item, b, a, returning)
	w.hand(item, a, b, carrier)
	w.refuses(ledger.NotOwner, b, w.offerOf(item, c, titleOnly))
	auditor := &actor{key: w.newKey()}
	auditor.id = ledger.NewPartyID(auditor.key.Public().ID())
	w.refuses(ledger.UnknownParty, auditor, stone())
	w.refuses(ledger.AssociationExcluded, w.antwerp, w.offerOf(item, c, sale))
	w.do(w.antwerp.id, &custodyv1.PartySuspend{Party: c.id[:], Reason: 3}, w.antwerp.key)
	w.refuses(ledger.PartySuspended, a, w.offerOf(w.stone(a), c, sale))
	w.refuses(ledger.PartySuspended, c, stone())

	future := w.event(a.id, stone())
	future.OccurredAtMs = 4_070_908_800_000 // 2099
	w.refuse(ledger.OccurredAhead, future, a.key)
	backwards := w.offerOf(w.stone(a), b, memo)
	backwards.UntilMs = w.now - 1
	w.refuses(ledger.MemoTermInvalid, a, backwards)
}

// TestRandomMovementKeepsTheRegisters plays any event of movement, title and aftermath,
// sensible or not, and checks the invariants after each.
func TestRandomMovementKeepsTheRegisters(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		people := []*actor{w.dealer(), w.dealer(), w.dealer(), w.dealer()}
		items := []ledger.ItemID{w.stone(people[0]), w.register(people[1], rough(minedIn(600_000, "BW"), minedIn(400_000, "RU")))}
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			w.now += rapid.Uint64Range(0, 1500).Draw(rt, "wait")
			item := rapid.SampledFrom(items).Draw(rt, "item")
			before := w.state.Items[item]
			by := rapid.SampledFrom(people).Draw(rt, "by")
			body, keys, speaks := drawMovement(rt, w, item, by, people)
			c := w.candidate(w.event(by.id, body), append(keys, by.key)...)
			if w.submit(c).Rejection == nil {
				accepted++
				items = append(items, c.Outputs()...)
			}
			if after := w.state.Items[item]; speaks && after.Last != before.Last {
				rt.Fatalf("%T advanced the item", body)
			}
			total := uint64(0)
			for _, id := range items {
				w.registers(id)
				total += w.state.Matters[id].Mass
			}
			if total != 1_046_000 {
				rt.Fatalf("%T: %d micrograms", body, total)
			}
		}
		w.sound()
	})
	if accepted == 0 {
		t.Error("nothing was ever accepted")
	}
}

// drawMovement picks an event; speaks tells whether it is one that must not advance
// the item.
func drawMovement(rt *rapid.T, w *world, item ledger.ItemID, by *actor, people []*actor) (body any, keys []sign.PrivateKey, speaks bool) {
	state := w.state.Items[item]
	other := rapid.SampledFrom(people).Draw(rt, "other")
	offer := ledger.EventID{1}
	if n := len(state.Offers); n > 0 {
		offer = state.Offers[rapid.IntRange(0, n-1).Draw(rt, "offer")].Event
	}
	portion := func() *custodyv1.Portion {
		if !rapid.Bool().Draw(rt, "portion") {
			return nil
		}
		return &custodyv1.Portion{Micrograms: rapid.Uint64Range(1, w.state.Matters[item].Mass+1).Draw(rt, "micrograms")}
	}
	switch rapid.SampledFrom([]string{"offer", "offer", "offer", "accept", "accept", "accept", "accept", "decline", "withdraw", "release", "reenter", "share", "share", "reclaim", "incident", "dispute", "settle", "attest"}).Draw(rt, "verb") {
	case "offer":
		o := w.offerOf(item, other, custodyv1.Mode(rapid.IntRange(1, 8).Draw(rt, "mode")))
		o.GoodsLeft, o.MayMemoOn, o.Part = rapid.Bool().Draw(rt, "left"), o.Mode == memo, portion()
		return o, nil, false
	case "accept":
		accept := w.accept(item, offer)
		accept.Received = portion()
		if rapid.Bool().Draw(rt, "all") {
			accept.Received = nil
		}
		for _, o := range state.Offers {
			if o.Event == offer && o.Part != (rules.Portion{}) && accept.Received == nil {
				accept.Received = &custodyv1.Portion{Micrograms: o.Part.Micrograms}
			}
		}
		return accept, nil, false
	case "decline":
		return &custodyv1.Decline{Item: w.on(item), Offer: offer[:], Reason: 1}, nil, false
	case "withdraw":
		return &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, nil, false
	case "release":
		return &custodyv1.Release{Item: w.on(item), Country: "US", Reason: custodyv1.OutsideReason(rapid.IntRange(1, 6).Draw(rt, "reason"))}, nil, false
	case "reenter":
		return &custodyv1.Reenter{Item: w.on(item), Identity: 1}, nil, false
	case "share":
		body, keys := w.shares(item, by, rapid.SliceOfNDistinct(rapid.SampledFrom(people), 1, 4, func(a *actor) ledger.PartyID { return a.id }).Draw(rt, "owners"), func() uint32 { return rapid.Uint32Range(1, 3).Draw(rt, "parts") }, people)
		return body, keys, false
	case "reclaim":
		return &custodyv1.Reclaim{Item: w.on(item), From: state.Custody.Party[:], Association: w.antwerp.id[:]}, []sign.PrivateKey{w.antwerp.key}, false
	case "incident":
		return &custodyv1.Incident{Item: w.on(item), Kind: rapid.SampledFrom([]custodyv1.IncidentKind{lose, stole, recovered, recovered, recovered, 4, 5}).Draw(rt, "kind")}, nil, false
	case "dispute":
		return &custodyv1.Dispute{Item: item[:], Ground: 1}, nil, true
	case "settle":
		id := ledger.EventID{2}
		for _, d := range state.Disputes {
			if d.Party == by.id {
				id = d.Event
			}
		}
		return &custodyv1.Ruling{Item: item[:], Dispute: id[:], Outcome: custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED}, nil, true
	}
	return w.invoice(item), nil, true
}

// shares makes the event by which owners follow on those of an item, and the keys
// that sign it beside the acting party's.
func (w *world) shares(item ledger.ItemID, by *actor, owners []*actor, parts func() uint32, people []*actor) (*custodyv1.Share, []sign.PrivateKey) {
	body := &custodyv1.Share{Item: w.on(item)}
	signers := map[ledger.PartyID]bool{by.id: true}
	var keys []sign.PrivateKey
	sign := func(a *actor) {
		if !signers[a.id] {
			signers[a.id] = true
			keys = append(keys, a.key)
		}
	}
	for _, owner := range owners {
		body.Owners = append(body.Owners, &custodyv1.TitlePart{Party: owner.id[:], Parts: parts()})
		sign(owner)
	}
	for _, share := range w.state.Items[item].Title {
		at := slices.IndexFunc(people, func(a *actor) bool { return share.Owner.Is(a.id) })
		if at >= 0 && !slices.Contains(owners, people[at]) {
			body.Leaving = append(body.Leaving, people[at].id[:])
			sign(people[at])
		}
	}
	slices.SortFunc(body.Leaving, slices.Compare)
	return body, keys
}

// What comes back is weighed again: within the tolerance it has the new mass, beyond
// it something is missing and it does not come back so.
func TestWhatComesBackIsWeighed(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	item := w.register(a, rough(minedIn(1_000_000, "BW")))
	out := func() {
		w.do(a.id, &custodyv1.Release{Item: w.on(item), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SERVICE, Country: "US"}, a.key)
	}
	out()
	w.refuses(ledger.DifferenceTooLarge, a, &custodyv1.Reenter{Item: w.on(item), Identity: 2, Mass: massOf(994_999)})
	w.do(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: 2, Mass: massOf(995_000)}, a.key)
	if m := w.state.Matters[item]; m.Mass != 995_000 || m.Book() != 1_000_000 {
		t.Errorf("matter %+v", m)
	}
	clerk := w.clerk(a, ledger.ScopesAll&^ledger.ScopePassTitle)
	offer := w.do(a.id, w.offerOf(item, w.dealer(), sale), a.key)
	w.refuse(ledger.MissingScope, w.event(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}), clerk)
	w.do(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, a.key)
	out()
	w.do(w.antwerp.id, holdOf(item, nil), w.antwerp.key) // a hold keeps nothing outside
	w.do(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: 2}, a.key)
	w.refuses(ledger.ItemHeld, a, &custodyv1.Release{Item: w.on(item), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SERVICE, Country: "US"})
}
