package workload

import (
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (w *World) offerOf(t thing, to *Actor, mode custodyv1.Mode) *custodyv1.Offer {
	o := &custodyv1.Offer{Item: w.ref(t.ID), To: to.ID[:], Mode: mode, ExpiresAtMs: w.now + w.between(1, 10)*day}
	switch mode {
	case custodyv1.Mode_MODE_MEMO:
		o.UntilMs, o.MayMemoOn = o.ExpiresAtMs+w.between(1, 20)*day, w.chance(60)
	case custodyv1.Mode_MODE_SERVICE, custodyv1.Mode_MODE_LOAN:
		o.UntilMs = o.ExpiresAtMs + w.between(1, 20)*day
	case custodyv1.Mode_MODE_CARRIER:
		if w.chance(50) {
			o.UntilMs = o.ExpiresAtMs + w.between(1, 20)*day
		}
	}
	title := mode == custodyv1.Mode_MODE_MEMO_TO_SALE || mode == custodyv1.Mode_MODE_TITLE
	o.GoodsLeft = !title && w.chance(20)
	if w.chance(10) {
		agent := w.other(t.Custody.Party, to.ID, t.Title[0].Owner.Party)
		o.Agent = agent.ID[:]
	}
	return o
}

func (w *World) sell() *plan {
	t, ok := w.find(w.own)
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	to := w.other(t.Custody.Party)
	if !w.trusted(to) {
		return nil
	}
	return &plan{by: t.holder(w), body: w.offerOf(t, to, custodyv1.Mode_MODE_SALE)}
}

// offered finds an item with an offer that can be answered.
func (w *World) offered(fits func(thing, rules.Offer) bool) (thing, rules.Offer, bool) {
	var found rules.Offer
	t, ok := w.find(func(t thing) bool {
		if t.Status != rules.Live {
			return false
		}
		for _, o := range t.Offers {
			if (!w.careful || !o.Lapsed(w.now) && !o.Declined) && fits(t, o) {
				found = o
				return true
			}
		}
		return false
	})
	return t, found, ok
}

func (w *World) accepting(t thing, o rules.Offer) *custodyv1.Accept {
	return &custodyv1.Accept{Item: w.ref(t.ID), Offer: o.Event[:], From: o.From[:]}
}

func (w *World) answer() *plan {
	t, o, ok := w.offered(func(t thing, o rules.Offer) bool {
		returns := o.Mode == custodyv1.Mode_MODE_RETURN
		return o.Part == (rules.Portion{}) && w.clear(t) && (returns || w.trusted(w.actor(o.To))) && (!o.MovesTitle() || w.trusted(w.actor(o.From)))
	})
	if !ok {
		return nil
	}
	p := &plan{by: w.actor(o.To), body: w.accepting(t, o)}
	if len(t.Offers) > 1 || o.GoodsLeft && o.Mode != custodyv1.Mode_MODE_SALE || o.Lends() && t.Owner().Is(o.To) {
		p.want = Unsure // another register may have moved
	}
	return p
}

func (w *World) refuseOffer() *plan {
	t, o, ok := w.offered(func(thing, rules.Offer) bool { return true })
	switch {
	case !ok:
		return nil
	case w.chance(50):
		return &plan{by: w.actor(o.To), body: &custodyv1.Decline{Item: w.ref(t.ID), Offer: o.Event[:], Reason: custodyv1.DeclineReason(w.between(1, 3))}}
	}
	return &plan{by: w.actor(o.From), body: &custodyv1.Withdraw{Item: w.ref(t.ID), Offer: o.Event[:]}}
}

// twoOffers lets a deed go on beside an offer of the other register, now and then. Then
// what comes of either depends on which is answered first.
func (w *World) twoOffers() (fits func(thing) bool, want ledger.Reason) {
	if !w.chance(35) {
		return w.out, ""
	}
	return func(t thing) bool { return w.standing(t) && w.lent(t) }, Unsure
}

// out tells whether a thing is with a party that does not own it, and both are trusted.
func (w *World) out(t thing) bool { return w.lent(t) && !w.standing(t) }

func (w *World) lent(t thing) bool {
	return t.Custody.Outside == nil && t.Owner().Outside == nil && !t.Owner().Equal(t.Custody) && len(t.Terms) > 0 &&
		w.clear(t) && w.trusted(t.holder(w), t.owner(w))
}

func (w *World) sellTitle() *plan {
	fits, _ := w.twoOffers()
	t, ok := w.find(fits)
	if !ok {
		return nil
	}
	to := w.other(t.Custody.Party, t.Owner().Party)
	p := &plan{by: t.owner(w), body: w.offerOf(t, to, custodyv1.Mode_MODE_TITLE), want: Unsure}
	return p
}

func (w *World) lend() *plan {
	modes := []custodyv1.Mode{custodyv1.Mode_MODE_MEMO, custodyv1.Mode_MODE_MEMO, custodyv1.Mode_MODE_SERVICE, custodyv1.Mode_MODE_CARRIER, custodyv1.Mode_MODE_LOAN}
	mode := modes[w.random.IntN(len(modes))]
	if w.chance(30) { // on again
		t, ok := w.find(w.out)
		if !ok {
			return nil
		}
		term := t.Terms[len(t.Terms)-1]
		body := w.offerOf(t, w.other(t.Custody.Party), term.Mode)
		if term.Until != 0 && w.chance(80) && term.Until > w.now+1 {
			body.UntilMs = term.Until
			body.ExpiresAtMs = min(body.ExpiresAtMs, term.Until)
		}
		return &plan{by: t.holder(w), body: body, want: Unsure}
	}
	t, ok := w.find(w.own)
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	to := w.other(t.Custody.Party)
	if !w.trusted(to) {
		return nil
	}
	return &plan{by: t.holder(w), body: w.offerOf(t, to, mode)}
}

func (w *World) giveBack() *plan {
	fits, want := w.twoOffers()
	t, ok := w.find(fits)
	if !ok {
		return nil
	}
	to := t.Owner().Party
	if w.chance(50) {
		to = t.Terms[len(t.Terms)-1].From
	}
	return &plan{by: t.holder(w), want: want, body: w.offerOf(t, w.actor(to), custodyv1.Mode_MODE_RETURN)}
}

func (w *World) memoToSale() *plan {
	fits, want := w.twoOffers()
	t, ok := w.find(func(t thing) bool { return fits(t) && t.Terms[0].Mode == custodyv1.Mode_MODE_MEMO })
	if !ok {
		return nil
	}
	return &plan{by: t.owner(w), want: want, body: w.offerOf(t, t.holder(w), custodyv1.Mode_MODE_MEMO_TO_SALE)}
}

func (w *World) reclaim() *plan {
	t, ok := w.find(w.out)
	if !ok {
		return nil
	}
	if due := t.Terms[0].Until; due >= w.now && w.options.StepMs > 0 && w.chance(70) {
		w.now = due + uint64(w.random.IntN(2)) // the last moment, or one past it
	}
	by, from := w.association(), t.holder(w)
	if w.chance(60) {
		by = w.Cast.Associations[from.sponsor]
	}
	return &plan{by: t.owner(w), with: []*Actor{by}, want: Unsure, body: &custodyv1.Reclaim{Item: w.ref(t.ID), From: from.ID[:], Association: by.ID[:]}}
}

func (w *World) share() *plan {
	t, ok := w.find(func(t thing) bool {
		return t.Owner().Outside == nil && w.clear(t) && !w.standing(t) && w.trusted(t.owner(w))
	})
	if !ok || t.Owner().Outside != nil {
		return nil
	}
	by := t.owner(w)
	body := &custodyv1.Share{Item: w.ref(t.ID)}
	var with []*Actor
	for i, s := range t.Title {
		if i > 0 && w.chance(25) && len(body.Leaving) == 0 {
			leaver := s.Owner.Party
			body.Leaving, with = [][]byte{leaver[:]}, append(with, w.actor(leaver))
			continue
		}
		party := s.Owner.Party
		body.Owners = append(body.Owners, &custodyv1.TitlePart{Party: party[:], Parts: uint32(w.between(1, 5))})
		if i > 0 {
			with = append(with, w.actor(party))
		}
	}
	if len(t.Title) < 4 && w.chance(70) {
		var have []ledger.PartyID
		for _, s := range t.Title {
			have = append(have, s.Owner.Party)
		}
		partner := w.other(have...)
		body.Owners = append(body.Owners, &custodyv1.TitlePart{Party: partner.ID[:], Parts: uint32(w.between(1, 5))})
		with = append(with, partner)
	}
	return &plan{by: by, with: with, body: body, want: Unsure}
}

// portionOf gives a part of goods that can be parted.
func (w *World) portionOf(m rules.Matter) *custodyv1.Portion {
	if m.Mass < 10 {
		return nil
	}
	if m.Count < 2 || m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED {
		return &custodyv1.Portion{Micrograms: w.between(m.Mass/10+1, m.Mass-m.Mass/10-1)}
	}
	count := w.between(1, uint64(m.Count)-1)
	return &custodyv1.Portion{Micrograms: m.Mass / uint64(m.Count) * count, Count: uint32(count)}
}

// divisible tells whether a part can go by itself.
func divisible(m rules.Matter) bool {
	switch m.Form {
	case custodyv1.Form_FORM_COUNTED_PARCEL, custodyv1.Form_FORM_BULK:
		return true
	case custodyv1.Form_FORM_PART, custodyv1.Form_FORM_PIECE:
		return m.Count > 1 && len(m.Children) == 0
	}
	return false
}

func (w *World) offerPart() *plan {
	t, ok := w.find(func(t thing) bool { return divisible(t.m) && w.own(t) })
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	modes := []custodyv1.Mode{custodyv1.Mode_MODE_SALE, custodyv1.Mode_MODE_SALE, custodyv1.Mode_MODE_MEMO, custodyv1.Mode_MODE_SERVICE}
	to := w.other(t.Custody.Party)
	part := w.portionOf(t.m)
	if part == nil || !w.trusted(to) {
		return nil
	}
	body := w.offerOf(t, to, modes[w.random.IntN(len(modes))])
	body.Part = part
	return &plan{by: t.holder(w), body: body}
}

func (w *World) acceptPart() *plan {
	t, o, ok := w.offered(func(t thing, o rules.Offer) bool {
		return (o.Part != rules.Portion{} || divisible(t.m)) && w.clear(t) && w.trusted(w.actor(o.To), w.actor(o.From))
	})
	if !ok {
		return nil
	}
	body := w.accepting(t, o)
	switch {
	case o.Part == (rules.Portion{}):
		body.Received = w.portionOf(t.m)
	case w.chance(60):
		body.Received = &custodyv1.Portion{Micrograms: o.Part.Micrograms, Count: o.Part.Count}
	default:
		part := t.m
		part.Mass, part.Count = o.Part.Micrograms, o.Part.Count
		if part.Count == 1 {
			part.Count = 0
		}
		body.Received = w.portionOf(part)
	}
	return &plan{by: w.actor(o.To), body: body, want: Unsure}
}

func (w *World) release() *plan {
	t, ok := w.find(w.own)
	if !ok || t.Custody.Outside != nil {
		return nil
	}
	return &plan{by: t.holder(w), body: &custodyv1.Release{Item: w.ref(t.ID), Reason: custodyv1.OutsideReason(w.between(1, 6)), Country: w.country(diamondShares)}}
}

func (w *World) reenter() *plan {
	t, ok := w.find(func(t thing) bool { return t.Custody.Outside != nil && w.clear(t) })
	if !ok {
		return nil
	}
	by := w.actor(t.Custody.Outside.ReleasedBy)
	if !w.trusted(by) {
		return nil
	}
	if t.Owner().Outside == nil && w.chance(40) { // sold where it is
		return &plan{by: t.owner(w), want: Unsure, body: &custodyv1.Release{Item: w.ref(t.ID), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"}}
	}
	body := &custodyv1.Reenter{Item: w.ref(t.ID), Identity: custodyv1.Identity(w.between(1, 4))}
	want := ledger.Reason("")
	if w.chance(50) {
		body.Mass, want = w.weighed(t.m), Unsure
	}
	return &plan{by: by, body: body, want: want}
}

// weighed is what another scale shows, or one that is broken.
func (w *World) weighed(m rules.Matter) *custodyv1.Mass {
	off := m.Mass / 1000
	if w.chance(25) {
		off = m.Mass / 50
	}
	return &custodyv1.Mass{Micrograms: max(1, m.Mass-off+w.random.Uint64N(2*off+1)), Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}
}

func (w *World) country(shares []share) string {
	total := 0
	for _, s := range shares {
		total += s.weight
	}
	at := w.random.IntN(total)
	for _, s := range shares {
		if at -= s.weight; at < 0 {
			return s.country
		}
	}
	return shares[0].country
}

func (w *World) group() *plan {
	by := w.party()
	if !w.trusted(by) {
		return nil
	}
	p := &plan{by: by}
	for range max(2, w.options.Mix.GroupSize) {
		body := proto.Message(w.goods(by))
		if p.body == nil {
			p.body = body
		} else {
			p.again = append(p.again, body)
		}
	}
	return p
}
