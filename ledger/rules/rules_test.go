package rules_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	sale       = custodyv1.Mode_MODE_SALE
	memo       = custodyv1.Mode_MODE_MEMO
	returning  = custodyv1.Mode_MODE_RETURN
	memoToSale = custodyv1.Mode_MODE_MEMO_TO_SALE
)

func TestCustodyAndTitleDiffer(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	w.hand(item, a, b, memo)
	w.holds(item, b, a)
	if len(w.state.Items[item].Terms) != 1 {
		t.Error("memo goods without a term")
	}
	w.refuse(ledger.NotOwner, w.event(b.id, w.offerOf(item, c, sale)), b.key)
	w.refuse(ledger.MayNotLend, w.event(b.id, w.offerOf(item, c, memo)), b.key)
	w.refuse(ledger.NotHolder, w.event(a.id, w.offerOf(item, c, sale)), a.key)
	w.refuse(ledger.ReceiverNotHolder, w.event(a.id, w.offerOf(item, c, memoToSale)), a.key)
	w.refuse(ledger.ReceiverNotOwner, w.event(b.id, w.offerOf(item, c, returning)), b.key)
	w.hand(item, b, a, returning)
	w.holds(item, a, a)
	w.refuse(ledger.OwnGoods, w.event(a.id, w.offerOf(item, b, returning)), a.key)
	w.refuse(ledger.OwnGoods, w.event(a.id, w.offerOf(item, b, memoToSale)), a.key)
	w.hand(item, a, b, memo)
	w.hand(item, a, b, memoToSale)
	w.holds(item, b, b)
	if len(w.state.Items[item].Terms) != 0 {
		t.Error("bought goods keep a memo term")
	}
	w.hand(item, b, c, sale)
	w.holds(item, c, c)
}

func TestOfTwoSalesOnOneHeadOneStands(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	first := w.candidate(w.event(a.id, w.offerOf(item, b, sale)), a.key)
	second := w.candidate(w.event(a.id, w.offerOf(item, c, sale)), a.key)
	if outcome := w.submit(first); outcome.Rejection != nil {
		t.Fatal(outcome.Rejection)
	}
	outcome := w.submit(second)
	if outcome.Rejection == nil || outcome.Rejection.Reason != ledger.StalePrev {
		t.Fatalf("second sale: %v", outcome.Rejection)
	}
	seen[ledger.StalePrev] = true
	w.refuse(ledger.OfferOpen, w.event(a.id, w.offerOf(item, c, sale)), a.key)
	w.refuse(ledger.OfferOpen, w.event(a.id, w.offerOf(item, c, memo)), a.key)
}

func TestResendGivesTheSameReceipt(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	c := w.candidate(w.event(a.id, stone()), a.key)
	first := w.submit(c)
	w.now += uint64(ledger.NotAfterDefault/time.Millisecond) + 1
	again := w.submit(c)
	if again.Rejection != nil || !again.Receipts[0].Duplicate || again.Receipts[0].Index != first.Receipts[0].Index {
		t.Fatalf("first %+v, again %+v", first, again)
	}
}

func TestOneRegisterOneOffer(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	w.hand(item, a, b, memo)
	back := w.do(b.id, w.offerOf(item, a, returning), b.key)
	title := w.do(a.id, w.offerOf(item, b, memoToSale), a.key)
	w.do(b.id, w.accept(item, title), b.key)
	w.holds(item, b, b)
	w.refuse(ledger.UnknownOffer, w.event(a.id, w.accept(item, back)), a.key)
	w.refuse(ledger.UnknownOffer, w.event(b.id, &custodyv1.Withdraw{Item: w.on(item), Offer: back[:]}), b.key)

	w = newWorld(t) // goods on their way back when they are sold: the offer waits for them
	a, b = w.dealer(), w.dealer()
	item = w.stone(a)
	w.hand(item, a, b, memo)
	left := w.offerOf(item, a, returning)
	left.GoodsLeft = true
	back = w.do(b.id, left, b.key)
	title = w.do(a.id, w.offerOf(item, b, memoToSale), a.key)
	w.do(b.id, w.accept(item, title), b.key)
	w.refuse(ledger.ReceiverNotOwner, w.event(a.id, w.accept(item, back)), a.key)
	w.do(b.id, &custodyv1.Withdraw{Item: w.on(item), Offer: back[:]}, b.key)

	w = newWorld(t)
	a, b = w.dealer(), w.dealer()
	item = w.stone(a)
	w.hand(item, a, b, memo)
	title = w.do(a.id, w.offerOf(item, b, memoToSale), a.key)
	w.hand(item, b, a, returning)
	w.hand(item, a, b, memo) // a second memo does not wake the offer of the first
	w.refuse(ledger.UnknownOffer, w.event(b.id, w.accept(item, title)), b.key)
	w.holds(item, b, a)

	w = newWorld(t)
	a, b = w.dealer(), w.dealer()
	item = w.stone(a)
	w.hand(item, a, b, memo)
	back = w.do(b.id, w.offerOf(item, a, returning), b.key)
	title = w.do(a.id, w.offerOf(item, b, memoToSale), a.key)
	w.do(a.id, w.accept(item, back), a.key)
	w.refuse(ledger.UnknownOffer, w.event(b.id, w.accept(item, title)), b.key)
}

func TestOffersLapseUnlessTheGoodsLeft(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	offer := w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.now += 1001
	accept := w.accept(item, offer)
	w.refuse(ledger.OfferExpired, w.event(b.id, accept), b.key)
	w.refuse(ledger.OfferExpired, w.event(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}), a.key)
	w.refuse(ledger.OfferExpired, w.event(b.id, &custodyv1.Decline{Item: w.on(item), Offer: offer[:], Reason: 1}), b.key)

	left := w.offerOf(item, b, sale) // the lapsed one does not stand in its way
	left.GoodsLeft = true
	offer = w.do(a.id, left, a.key)
	w.now += 1001
	w.refuse(ledger.OfferOpen, w.event(a.id, w.offerOf(item, b, memo)), a.key)
	w.do(b.id, &custodyv1.Decline{Item: w.on(item), Offer: offer[:], Reason: 3}, b.key)
	w.refuse(ledger.OfferDeclined, w.event(b.id, &custodyv1.Decline{Item: w.on(item), Offer: offer[:], Reason: 1}), b.key)
	w.refuse(ledger.OfferOpen, w.event(a.id, w.offerOf(item, b, sale)), a.key)
	w.do(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, a.key)
	w.hand(item, a, b, sale)
	w.holds(item, b, b)

	late := w.offerOf(item, a, sale)
	late.GoodsLeft = true
	offer = w.do(b.id, late, b.key)
	w.now += 1001 // the goods arrive after the offer's term
	w.do(a.id, w.accept(item, offer), a.key)
	w.holds(item, a, a)
	w.hand(item, a, b, sale)

	declined := w.offerOf(item, a, sale)
	declined.GoodsLeft = true
	offer = w.do(b.id, declined, b.key)
	w.do(a.id, &custodyv1.Decline{Item: w.on(item), Offer: offer[:], Reason: 2}, a.key)
	w.refuse(ledger.OfferDeclined, w.event(a.id, w.accept(item, offer)), a.key)
}

func TestTermsOfAnOffer(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	for _, c := range []struct {
		reason ledger.Reason
		change func(*custodyv1.Offer)
	}{
		{ledger.SelfTransfer, func(o *custodyv1.Offer) { o.To = a.id[:] }},
		{ledger.UnknownParty, func(o *custodyv1.Offer) { o.To = make([]byte, 20) }},
		{ledger.AssociationExcluded, func(o *custodyv1.Offer) { o.To = w.antwerp.id[:] }},
		{ledger.ExpiryInvalid, func(o *custodyv1.Offer) { o.ExpiresAtMs = w.now }},
		{ledger.ExpiryInvalid, func(o *custodyv1.Offer) { o.ExpiresAtMs = w.now + ms(ledger.OfferTermMax) + 1 }},
		{ledger.MemoTermInvalid, func(o *custodyv1.Offer) { o.UntilMs = w.now + 1 }},
		{ledger.MemoTermInvalid, func(o *custodyv1.Offer) { o.Mode = memo }},
		{ledger.MemoTermInvalid, func(o *custodyv1.Offer) { o.Mode = memo; o.UntilMs = w.now }},
		{ledger.MemoTermInvalid, func(o *custodyv1.Offer) { o.Mode = memo; o.UntilMs = o.ExpiresAtMs - 1 }},
		{ledger.MemoTermInvalid, func(o *custodyv1.Offer) { o.Mode = memo; o.UntilMs = w.now + ms(ledger.MemoTermMax) + 1 }},
		{ledger.GoodsLeftInvalid, func(o *custodyv1.Offer) { o.Mode = memoToSale; o.GoodsLeft = true }},
		{ledger.UnknownItem, func(o *custodyv1.Offer) { o.Item.Item = make([]byte, 20) }},
		{ledger.StalePrev, func(o *custodyv1.Offer) { o.Item.Prev = make([]byte, 32) }},
	} {
		offer := w.offerOf(item, b, sale)
		c.change(offer)
		w.refuse(c.reason, w.event(a.id, offer), a.key)
	}
	longest := w.offerOf(item, b, memo)
	longest.ExpiresAtMs = w.now + ms(ledger.OfferTermMax)
	longest.UntilMs = w.now + ms(ledger.MemoTermMax)
	w.do(a.id, longest, a.key)
}

func ms(d time.Duration) uint64 { return uint64(d / time.Millisecond) }

func TestWhoMayAnswer(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	offer := w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.refuse(ledger.NotOffered, w.event(c.id, w.accept(item, offer)), c.key)
	w.refuse(ledger.NotOffered, w.event(a.id, &custodyv1.Decline{Item: w.on(item), Offer: offer[:], Reason: 1}), a.key)
	w.refuse(ledger.NotOfferer, w.event(b.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}), b.key)
	w.refuse(ledger.UnknownOffer, w.event(b.id, w.accept(item, ledger.EventID{})), b.key)
	w.refuse(ledger.NotHolder, w.event(c.id, w.offerOf(item, b, sale)), c.key)
}

func TestReleaseAndReenter(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	release := func(reason custodyv1.OutsideReason) *custodyv1.Release {
		return &custodyv1.Release{Item: w.on(item), Reason: reason, Country: "US"}
	}
	sold, onMemo := custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, custodyv1.OutsideReason_OUTSIDE_REASON_MEMO
	w.refuse(ledger.ItemNotOutside, w.event(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: custodyv1.Identity_IDENTITY_STATED}), a.key)
	unknown := release(sold)
	unknown.Country = "XX"
	w.refuse(ledger.CountryInvalid, w.event(a.id, unknown), a.key)
	offer := w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.refuse(ledger.OfferOpen, w.event(a.id, release(sold)), a.key)
	w.do(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, a.key)

	w.do(a.id, release(onMemo), a.key)
	if i := w.state.Items[item]; i.Custody.Outside == nil || !i.Owner().Is(a.id) {
		t.Fatalf("memo outside: custody %+v title %+v", i.Custody, i.Title)
	}
	w.refuse(ledger.ItemOutside, w.event(a.id, w.offerOf(item, b, sale)), a.key)
	w.refuse(ledger.NotReleaser, w.event(b.id, &custodyv1.Reenter{Item: w.on(item), Identity: custodyv1.Identity_IDENTITY_STATED}), b.key)
	w.refuse(ledger.ItemOutside, w.event(a.id, release(onMemo)), a.key)
	w.refuse(ledger.ItemOutside, w.event(b.id, release(sold)), b.key)
	w.do(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: custodyv1.Identity_IDENTITY_STATED}, a.key)
	w.holds(item, a, a)
	w.do(a.id, release(onMemo), a.key)
	w.do(a.id, release(sold), a.key) // sold to whoever had it on memo
	if i := w.state.Items[item]; i.Owner().Outside == nil {
		t.Fatalf("sold outside: title %+v", i.Title)
	}
	w.do(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: custodyv1.Identity_IDENTITY_STATED}, a.key)
	nameless := w.event(a.id, release(sold))
	nameless.Commitments = nil
	w.refuse(ledger.MissingField, nameless, a.key)

	w.do(a.id, release(sold), a.key)
	w.refuse(ledger.ItemOutside, w.event(a.id, release(sold)), a.key)
	w.do(a.id, &custodyv1.Reenter{Item: w.on(item), Identity: custodyv1.Identity_IDENTITY_STATED}, a.key)
	w.holds(item, a, a)
	w.hand(item, a, b, memo)
	w.refuse(ledger.NotOwner, w.event(b.id, release(onMemo)), b.key)
}

func TestVoidOnlyBeforeTheFirstOffer(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	reference := bytes.Repeat([]byte{7}, 16)
	body := stone()
	body.Reference = reference
	item := ledger.NewItemID(w.do(a.id, body, a.key), 0)
	again := stone()
	again.Reference = reference
	w.refuse(ledger.ReferenceTaken, w.event(a.id, again), a.key)
	w.do(b.id, again, b.key) // references are the registrant's own
	w.refuse(ledger.NotRegistrant, w.event(b.id, &custodyv1.ItemVoid{Item: w.on(item), Reason: 1}), b.key)
	w.do(a.id, &custodyv1.ItemVoid{Item: w.on(item), Reason: 1}, a.key)
	w.refuse(ledger.ItemVoided, w.event(a.id, w.offerOf(item, b, sale)), a.key)
	item = ledger.NewItemID(w.do(a.id, again, a.key), 0)
	offer := w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.do(a.id, &custodyv1.Withdraw{Item: w.on(item), Offer: offer[:]}, a.key)
	w.refuse(ledger.AlreadyOffered, w.event(a.id, &custodyv1.ItemVoid{Item: w.on(item), Reason: 2}), a.key)
}

func TestRegistrations(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	mined := func(o *custodyv1.OriginComponent, countries ...string) {
		o.Kind, o.Countries = custodyv1.OriginKind_ORIGIN_KIND_MINED, countries
	}
	for name, c := range map[string]struct {
		reason ledger.Reason // empty: stands
		change func(*custodyv1.ItemRegister)
	}{
		"unknown origin":         {"", func(r *custodyv1.ItemRegister) {}},
		"mined somewhere":        {"", func(r *custodyv1.ItemRegister) { mined(r.Origin[0], "BW", "RU") }},
		"smallest":               {"", func(r *custodyv1.ItemRegister) { r.Mass.Micrograms, r.Origin[0].Micrograms = 1, 1 }},
		"largest":                {"", func(r *custodyv1.ItemRegister) { r.Mass.Micrograms, r.Origin[0].Micrograms = 9e15, 9e15 }},
		"parcel":                 {"", func(r *custodyv1.ItemRegister) { r.Form, r.Count = 2, 2 }},
		"parcel of one":          {ledger.CountInvalid, func(r *custodyv1.ItemRegister) { r.Form, r.Count = 2, 1 }},
		"parcel without a count": {ledger.CountInvalid, func(r *custodyv1.ItemRegister) { r.Form = 2 }},
		"single with a count":    {ledger.CountInvalid, func(r *custodyv1.ItemRegister) { r.Count = 2 }},
		"more pieces than µg":    {ledger.CountInvalid, func(r *custodyv1.ItemRegister) { r.Form, r.Count = 2, 46_001 }},
		"mass too small":         {ledger.MassMismatch, func(r *custodyv1.ItemRegister) { r.Mass.Micrograms++ }},
		"mass too large":         {ledger.MassMismatch, func(r *custodyv1.ItemRegister) { r.Origin[0].Micrograms++ }},
		"mined nowhere":          {ledger.CountryInvalid, func(r *custodyv1.ItemRegister) { mined(r.Origin[0]) }},
		"mined in no country":    {ledger.CountryInvalid, func(r *custodyv1.ItemRegister) { mined(r.Origin[0], "XX") }},
		"withdrawn country code": {ledger.CountryInvalid, func(r *custodyv1.ItemRegister) { mined(r.Origin[0], "SU") }},
		"countries out of order": {ledger.NonCanonical, func(r *custodyv1.ItemRegister) { mined(r.Origin[0], "RU", "BW") }},
		"country twice":          {ledger.NonCanonical, func(r *custodyv1.ItemRegister) { mined(r.Origin[0], "BW", "BW") }},
		"unknown with a country": {ledger.CountryInvalid, func(r *custodyv1.ItemRegister) { r.Origin[0].Countries = []string{"BW"} }},
		"unknown with a mine":    {ledger.NatureMismatch, func(r *custodyv1.ItemRegister) { r.Origin[0].Mine = "Orapa" }},
		"ownership of nobody":    {ledger.MissingField, func(r *custodyv1.ItemRegister) { r.Origin[0].StateOwnership = 1 }},
		"natural, grown": {ledger.NatureMismatch, func(r *custodyv1.ItemRegister) {
			r.Origin[0].Kind = custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}},
		"grown, mined": {ledger.NatureMismatch, func(r *custodyv1.ItemRegister) { r.Nature = 2; mined(r.Origin[0], "BW") }},
		"grown": {"", func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0].Kind = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}},
		"imitation, mined": {ledger.NatureMismatch, func(r *custodyv1.ItemRegister) { r.Nature = 4; mined(r.Origin[0], "BW") }},
		"cultured diamond": {ledger.NatureMismatch, func(r *custodyv1.ItemRegister) { r.Nature = custodyv1.Nature_NATURE_CULTURED }},
		"grown pearl":      {ledger.NatureMismatch, func(r *custodyv1.ItemRegister) { r.Material, r.Nature = 3, 2 }},
		"gem, no species":  {ledger.DescriptionInvalid, func(r *custodyv1.ItemRegister) { r.Material = 2 }},
		"gem": {"", func(r *custodyv1.ItemRegister) {
			r.Material, r.Description = 2, &custodyv1.Description{Species: "beryl"}
		}},
		"diamond, species":  {ledger.DescriptionInvalid, func(r *custodyv1.ItemRegister) { r.Description = &custodyv1.Description{Species: "beryl"} }},
		"processed nowhere": {ledger.CountryInvalid, func(r *custodyv1.ItemRegister) { r.ProcessedIn = "ZZ" }},
		"one origin in two parts": {ledger.RepeatedField, func(r *custodyv1.ItemRegister) {
			half := &custodyv1.OriginComponent{Micrograms: 1_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}
			r.Origin[0].Micrograms -= 1_000
			r.Origin = append(r.Origin, half)
		}},
		"composite, part grown": {"", func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0].Kind = custodyv1.Nature_NATURE_COMPOSITE, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
		}},
		"grown with a country": {ledger.CountryInvalid, func(r *custodyv1.ItemRegister) {
			r.Nature, r.Origin[0].Kind, r.Origin[0].Countries = 5, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN, []string{"IN"}
		}},
		"outside id twice": {ledger.RepeatedField, func(r *custodyv1.ItemRegister) {
			id := &custodyv1.OutsideId{Kind: 1, Issuer: "LAB", Number: "1"}
			r.OutsideIds = []*custodyv1.OutsideId{id, id}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			body := stone()
			c.change(body)
			if c.reason != "" {
				w.refuse(c.reason, w.event(a.id, body), a.key)
				return
			}
			item := ledger.NewItemID(w.do(a.id, body, a.key), 0)
			w.holds(item, a, a)
		})
	}
	w.t = t
	w.refuse(ledger.AssociationExcluded, w.event(w.antwerp.id, stone()), w.antwerp.key)
}

func TestKeysAndScopes(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	clerk := w.newKey()
	add := &custodyv1.KeyAdd{Key: clerk.Public().Bytes(), Scopes: uint32(ledger.ScopeReceive | ledger.ScopeRegister)}
	w.refuse(ledger.WrongSigners, w.event(a.id, add), a.key)
	w.refuse(ledger.WrongSigners, w.event(a.id, add), a.key, w.newKey())
	w.refuse(ledger.WrongSigners, w.event(a.id, add), a.key, clerk, b.key)
	w.do(a.id, add, a.key, clerk)
	w.refuse(ledger.KeyInUse, w.event(b.id, &custodyv1.KeyAdd{Key: clerk.Public().Bytes(), Scopes: 1}), b.key, clerk)
	w.refuse(ledger.MissingScope, w.event(a.id, w.offerOf(item, b, sale)), clerk)
	w.refuse(ledger.MissingScope, w.event(a.id, w.offerOf(item, b, sale)), a.recovery)
	w.refuse(ledger.ForeignKey, w.event(a.id, w.offerOf(item, b, sale)), b.key)
	w.refuse(ledger.UnknownKey, w.event(a.id, w.offerOf(item, b, sale)), w.newKey())
	w.refuse(ledger.WrongSigners, w.event(a.id, w.offerOf(item, b, sale)), a.key, b.key)
	w.refuse(ledger.UnknownParty, w.event(ledger.PartyID{1}, stone()), a.key)
	w.do(a.id, stone(), clerk)

	clerkID := clerk.Public().ID()
	w.refuse(ledger.UnknownRevokedKey, w.event(b.id, &custodyv1.KeyRevoke{KeyId: clerkID[:], Reason: 1}), b.key)
	w.do(a.id, &custodyv1.KeyRevoke{KeyId: clerkID[:], Reason: 4}, a.recovery)
	w.refuse(ledger.KeyRevoked, w.event(a.id, stone()), clerk)
	w.refuse(ledger.KeyRevokedAlready, w.event(a.id, &custodyv1.KeyRevoke{KeyId: clerkID[:], Reason: 1}), a.key)
	mainID, recoveryID := a.key.Public().ID(), a.recovery.Public().ID()
	w.do(a.id, &custodyv1.KeyRevoke{KeyId: mainID[:], Reason: 2}, a.recovery)
	planted := w.newKey()
	w.do(b.id, &custodyv1.KeyAdd{Key: planted.Public().Bytes(), Scopes: uint32(ledger.ScopesAll)}, b.key, planted) // by a thief
	lifeline := b.recovery.Public().ID()
	w.refuse(ledger.MissingScope, w.event(b.id, &custodyv1.KeyRevoke{KeyId: lifeline[:], Reason: 1}), planted)
	stolen, plantedID := b.key.Public().ID(), planted.Public().ID()
	w.do(b.id, &custodyv1.KeyRevoke{KeyId: stolen[:], Reason: 3}, b.recovery)
	w.do(b.id, &custodyv1.KeyRevoke{KeyId: plantedID[:], Reason: 3}, b.recovery)
	w.refuse(ledger.LastAdministerKey, w.event(a.id, &custodyv1.KeyRevoke{KeyId: recoveryID[:], Reason: 1}), a.recovery)

	identity := append([]byte{1, 1}, make([]byte, 31)...) // the neutral element
	for _, wire := range [][]byte{identity, append([]byte{1}, bytes.Repeat([]byte{0xff}, 32)...)} {
		w.refuse(ledger.BadKey, w.event(b.id, &custodyv1.KeyAdd{Key: wire, Scopes: 1}), b.recovery)
	}
}

func TestAssociationsCannotImpersonateTheirDealers(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	planted := w.newKey()
	add := &custodyv1.KeyAdd{Key: planted.Public().Bytes(), Scopes: uint32(ledger.ScopesAll)}
	w.refuse(ledger.ForeignKey, w.event(a.id, add), w.antwerp.key, planted)
	w.refuse(ledger.AssociationExcluded, w.event(w.antwerp.id, add), w.antwerp.key, planted)
	w.refuse(ledger.ForeignKey, w.event(a.id, w.offerOf(item, b, sale)), w.antwerp.key)
	w.refuse(ledger.NotAssociation, w.event(a.id, admission(&actor{key: planted, recovery: w.newKey()})), a.key, planted)
}

func TestAdmission(t *testing.T) {
	w := newWorld(t)
	admit := func(change func(*custodyv1.PartyAdmit)) (*custodyv1.Event, []sign.PrivateKey) {
		a := &actor{key: w.newKey(), recovery: w.newKey()}
		body := admission(a)
		change(body)
		return w.event(w.antwerp.id, body), []sign.PrivateKey{w.antwerp.key, a.key, a.recovery}
	}
	message, keys := admit(func(*custodyv1.PartyAdmit) {})
	w.refuse(ledger.WrongSigners, message, keys[:2]...)
	message.Commitments = nil
	w.refuse(ledger.MissingLegalName, message, keys...)
	message, keys = admit(func(p *custodyv1.PartyAdmit) { p.Country = "QQ" })
	w.refuse(ledger.CountryInvalid, message, keys...)
	message, keys = admit(func(p *custodyv1.PartyAdmit) { p.Scopes = uint32(ledger.ScopeReceive) })
	w.refuse(ledger.InvalidField, message, keys...)
	message, keys = admit(func(p *custodyv1.PartyAdmit) { p.RecoveryKey = p.Key })
	w.refuse(ledger.KeyInUse, message, keys...)
	member := w.dealer()
	w.refuse(ledger.KeyInUse, w.event(w.mumbai.id, admission(member)), w.mumbai.key, member.key, member.recovery)
}

func TestSuspensionBlocksWhenNoSponsorStands(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	own, held := w.stone(a), w.stone(b)
	w.hand(held, b, a, memo)
	waiting := w.do(b.id, w.offerOf(w.stone(b), a, sale), b.key)
	waitingItem := w.itemOf(waiting)

	suspend := &custodyv1.PartySuspend{Party: a.id[:], Reason: 3}
	sponsor := &custodyv1.PartySponsor{Party: a.id[:]}
	w.refuse(ledger.NotSponsor, w.event(w.mumbai.id, suspend), w.mumbai.key)
	w.refuse(ledger.AlreadySponsor, w.event(w.antwerp.id, sponsor), w.antwerp.key)
	w.refuse(ledger.NotAssociation, w.event(a.id, suspend), a.key)
	w.refuse(ledger.UnknownParty, w.event(w.antwerp.id, &custodyv1.PartySuspend{Party: make([]byte, 20), Reason: 1}), w.antwerp.key)
	w.refuse(ledger.AssociationExcluded, w.event(w.antwerp.id, &custodyv1.PartySuspend{Party: w.mumbai.id[:], Reason: 1}), w.antwerp.key)
	w.do(w.mumbai.id, sponsor, w.mumbai.key)
	w.do(w.antwerp.id, suspend, w.antwerp.key)
	w.do(a.id, stone(), a.key) // mumbai still stands
	w.do(w.mumbai.id, suspend, w.mumbai.key)
	w.refuse(ledger.NotSponsor, w.event(w.mumbai.id, suspend), w.mumbai.key)

	w.refuse(ledger.PartySuspended, w.event(a.id, stone()), a.key)
	w.refuse(ledger.PartySuspended, w.event(a.id, w.offerOf(own, b, sale)), a.key)
	w.refuse(ledger.PartySuspended, w.event(b.id, w.offerOf(w.stone(b), a, sale)), b.key)
	w.refuse(ledger.PartySuspended, w.event(a.id, w.accept(waitingItem, waiting)), a.key)
	w.refuse(ledger.PartySuspended, w.event(a.id, &custodyv1.Release{Item: w.on(own), Reason: 1, Country: "US"}), a.key)
	w.hand(held, a, b, returning)
	w.holds(held, b, b)
	w.do(a.id, &custodyv1.Decline{Item: w.on(waitingItem), Offer: waiting[:], Reason: 1}, a.key)
	w.do(w.mumbai.id, sponsor, w.mumbai.key)
	early := w.do(a.id, w.offerOf(own, b, sale), a.key)
	w.do(w.mumbai.id, suspend, w.mumbai.key)
	w.refuse(ledger.PartySuspended, w.event(b.id, w.accept(own, early)), b.key)
	w.do(a.id, &custodyv1.Withdraw{Item: w.on(own), Offer: early[:]}, a.key)
	w.do(w.mumbai.id, sponsor, w.mumbai.key)
	w.hand(own, a, b, sale)
}

func (w *world) itemOf(offer ledger.EventID) ledger.ItemID {
	for id, item := range w.state.Items {
		if item.Last == offer {
			return id
		}
	}
	w.t.Fatal("no item has this event last")
	return ledger.ItemID{}
}

func TestTimes(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	edge := func(change func(*custodyv1.Event)) *custodyv1.Event {
		e := w.event(a.id, stone())
		change(e)
		return e
	}
	w.refuse(ledger.EventExpired, edge(func(e *custodyv1.Event) { e.NotAfterMs = w.now - 1 }), a.key)
	w.refuse(ledger.NotAfterTooFar, edge(func(e *custodyv1.Event) { e.NotAfterMs = w.now + ms(ledger.NotAfterMax) + 1 }), a.key)
	w.refuse(ledger.OccurredAhead, edge(func(e *custodyv1.Event) { e.OccurredAtMs = w.now + ms(ledger.OccurredAheadMax) + 1 }), a.key)
	for _, change := range []func(*custodyv1.Event){
		func(e *custodyv1.Event) { e.NotAfterMs = w.now },
		func(e *custodyv1.Event) { e.NotAfterMs = w.now + ms(ledger.NotAfterMax) },
		func(e *custodyv1.Event) { e.OccurredAtMs = w.now + ms(ledger.OccurredAheadMax) },
		func(e *custodyv1.Event) { e.OccurredAtMs = 1 },
	} {
		if outcome := w.submit(w.candidate(edge(change), a.key)); outcome.Rejection != nil {
			t.Error(outcome.Rejection)
		}
	}
	last := w.head.RecordedAt
	w.now -= 60_000 // a leader whose clock is behind
	c := w.candidate(w.event(a.id, stone()), a.key)
	if outcome := w.submit(c); outcome.Receipts[0].RecordedAt != last {
		t.Errorf("time ran from %d to %d", last, outcome.Receipts[0].RecordedAt)
	}
}

// TestTimesOfAnItem: nothing happens to an item before it was there, and what advances
// it happens in order, as far as clocks agree.
func TestTimesOfAnItem(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	skew := ms(ledger.OccurredAheadMax)
	at := func(by *actor, body any, occurred uint64) *custodyv1.Event {
		e := w.event(by.id, body)
		e.OccurredAtMs = occurred
		return e
	}
	record := func(e *custodyv1.Event, by *actor) {
		t.Helper()
		if outcome := w.submit(w.candidate(e, by.key)); outcome.Rejection != nil {
			t.Fatal(outcome.Rejection)
		}
	}
	born := w.now - 90*24*3600*1000
	first := w.candidate(at(a, stone(), born), a.key)
	if outcome := w.submit(first); outcome.Rejection != nil {
		t.Fatal(outcome.Rejection)
	}
	item := ledger.NewItemID(first.ID, 0)
	dispute := &custodyv1.Dispute{Item: item[:], Ground: custodyv1.DisputeGround_DISPUTE_GROUND_TITLE}

	w.refuse(ledger.OccurredBehind, at(a, w.offerOf(item, b, custodyv1.Mode_MODE_SALE), born-skew-1), a.key)
	w.refuse(ledger.OccurredBehind, at(a, dispute, born-skew-1), a.key)
	record(at(a, dispute, born-skew), a)

	damaged := &custodyv1.Incident{Item: w.on(item), Kind: custodyv1.IncidentKind_INCIDENT_KIND_DAMAGED}
	record(at(a, damaged, w.now), a)
	repaired := func() *custodyv1.Incident {
		return &custodyv1.Incident{Item: w.on(item), Kind: custodyv1.IncidentKind_INCIDENT_KIND_REPAIRED}
	}
	w.refuse(ledger.OccurredBehind, at(a, repaired(), w.now-skew-1), a.key)
	record(at(a, repaired(), w.now-skew), a)
	damaged.Item = w.on(item) // clocks that are off do not add up
	w.refuse(ledger.OccurredBehind, at(a, damaged, w.now-skew-1), a.key)
}

func TestGroupsStandTogether(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	group := func(count uint32, spoil int) []ledger.Candidate {
		w.nonce++
		id := bytes.Repeat([]byte{byte(w.nonce)}, 16)
		var candidates []ledger.Candidate
		for i := range count {
			body := stone()
			if int(i) == spoil {
				body.Mass.Micrograms++
			}
			e := w.event(a.id, body)
			e.Group = &custodyv1.Group{Id: id, Position: i, Count: count}
			candidates = append(candidates, w.candidate(e, a.key))
		}
		return candidates
	}
	before := w.head
	outcome := w.submit(group(3, 2)...)
	if outcome.Rejection == nil || outcome.At != 2 || w.head != before {
		t.Fatalf("half a group: %+v", outcome)
	}
	whole := group(3, -1)
	if outcome = w.submit(whole...); outcome.Rejection != nil || len(outcome.Receipts) != 3 {
		t.Fatalf("whole group: %+v", outcome)
	}
	if again := w.submit(whole...); again.Rejection != nil || again.Receipts[2].Index != outcome.Receipts[2].Index || !again.Receipts[0].Duplicate {
		t.Fatalf("group sent again: %+v", again)
	}
	mixed := append(whole[:2:2], group(3, -1)[2])
	if outcome := w.submit(mixed...); outcome.Rejection == nil || outcome.Rejection.Reason != ledger.GroupMixed {
		t.Fatalf("mixed group: %+v", outcome)
	}
	seen[ledger.GroupMixed] = true
}

// TestPartyLinks holds the links of parties against a record of who was changed
// where, kept by hand.
func TestPartyLinks(t *testing.T) {
	w := newWorld(t)
	changed := map[ledger.PartyID]uint64{}
	check := func(parties ...ledger.PartyID) {
		t.Helper()
		entry, err := ledger.DecodeEntry(w.entries[len(w.entries)-1])
		if err != nil {
			t.Fatal(err)
		}
		if len(entry.Links) < len(parties) {
			t.Fatalf("entry %d has %d links", entry.Index, len(entry.Links))
		}
		for i, party := range parties {
			if entry.Links[i] != changed[party] {
				t.Errorf("entry %d links party %d to %d, want %d", entry.Index, i, entry.Links[i], changed[party])
			}
		}
	}
	changes := func(party ledger.PartyID) { changed[party] = uint64(len(w.entries) - 1) }
	a := w.dealer()
	check(w.antwerp.id)
	changes(a.id)
	b := w.dealer()
	check(w.antwerp.id)
	changes(b.id)
	item := w.stone(a)
	check(a.id)
	w.do(w.mumbai.id, &custodyv1.PartySponsor{Party: b.id[:]}, w.mumbai.key)
	check(w.mumbai.id, b.id)
	changes(b.id)
	clerk := w.newKey()
	w.do(a.id, &custodyv1.KeyAdd{Key: clerk.Public().Bytes(), Scopes: uint32(ledger.ScopesAll)}, a.key, clerk)
	check(a.id)
	changes(a.id)
	offer := w.do(a.id, w.offerOf(item, b, sale), clerk)
	check(a.id, b.id)
	w.do(w.antwerp.id, &custodyv1.PartySuspend{Party: b.id[:], Reason: 1}, w.antwerp.key)
	check(w.antwerp.id, b.id)
	changes(b.id)
	clerkID := clerk.Public().ID()
	w.do(a.id, &custodyv1.KeyRevoke{KeyId: clerkID[:], Reason: 4}, a.key)
	check(a.id)
	changes(a.id)
	w.do(b.id, w.accept(item, offer), b.key)
	check(b.id)
	w.stone(a)
	check(a.id)
}

func TestLinksNameThePreviousEntryOfTheItem(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item, other := w.stone(a), w.stone(a)
	w.hand(item, a, b, sale)
	w.hand(other, a, b, sale)
	w.hand(item, b, a, sale)
	last := map[ledger.ItemID]uint64{}
	for i, raw := range w.entries[1:] {
		entry, err := ledger.DecodeEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		event, _ := ledger.DecodeEvent(1, entry.Signed)
		for _, output := range event.Outputs() {
			last[output] = uint64(i + 1)
		}
		for n, name := range event.Names() {
			if link := event.ItemLinks(entry.Links)[n]; link != last[name] {
				t.Errorf("entry %d links to %d, want %d", i+1, link, last[name])
			}
			last[name] = uint64(i + 1)
		}
	}
}

func TestAnotherLedgersEventIsRefused(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	e := w.event(a.id, stone())
	e.LedgerId = bytes.Repeat([]byte{1}, 32)
	w.refuse(ledger.WrongLedger, e, a.key)
}

func TestUnknownRulesVersionStops(t *testing.T) {
	w := newWorld(t)
	defer func() {
		if recover() == nil {
			t.Error("a sequencer guessed the rules of version 2")
		}
	}()
	rules.NewSequencer(w.id, 2, w.state, w.head)
}

func TestLiveKeysAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	add := func() (*custodyv1.KeyAdd, sign.PrivateKey) {
		key := w.newKey()
		return &custodyv1.KeyAdd{Key: key.Public().Bytes(), Scopes: uint32(ledger.ScopeReceive)}, key
	}
	var last sign.PrivateKey
	for range 62 { // beside the first key and the recovery key
		body, key := add()
		w.do(a.id, body, a.key, key)
		last = key
	}
	body, key := add()
	w.refuse(ledger.TooLarge, w.event(a.id, body), a.key, key)
	lastID := last.Public().ID()
	w.do(a.id, &custodyv1.KeyRevoke{KeyId: lastID[:], Reason: 4}, a.key)
	w.do(a.id, body, a.key, key)
	w.refuse(ledger.KeyRevoked, w.event(a.id, stone()), last)
}

func TestAGroupIsOnePartys(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	var events []*ledger.Event
	for i, dealer := range []*actor{a, b} {
		e := w.event(dealer.id, stone())
		e.Group = &custodyv1.Group{Id: make([]byte, 16), Position: uint32(i), Count: 2}
		events = append(events, w.candidate(e, dealer.key).Event)
	}
	if at, rejection := ledger.CheckGroup(events); rejection == nil || rejection.Reason != ledger.GroupIncomplete || at != 1 {
		t.Errorf("a stranger's event in a group: %v at %d", rejection, at)
	}
}
