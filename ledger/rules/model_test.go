package rules_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// twin is a second, naive model of custody and title for one world. It knows
// people by number, keeps every offer for ever and searches through all of them.
type twin struct {
	stones []*twinStone
	now    uint64
}

type twinStone struct {
	id              ledger.ItemID
	by              int // registrant
	holder, owner   int // outside is -1
	releasedBy      int
	touched, voided bool
	offers          []*twinOffer
	last            ledger.EventID
}

type twinOffer struct {
	id       ledger.EventID
	from, to int
	mode     custodyv1.Mode
	expires  uint64
	left     bool
	declined bool
	closed   bool
}

const outside = -1

func (o *twinOffer) custody() bool { return o.mode != memoToSale }
func (o *twinOffer) title() bool   { return o.mode == sale || o.mode == memoToSale }
func (s *twinStone) standing(now uint64) []*twinOffer {
	var standing []*twinOffer
	for _, o := range s.offers {
		if !o.closed && (o.left || now <= o.expires) {
			standing = append(standing, o)
		}
	}
	return standing
}

// offer says what becomes of an offer: the reason, or nothing.
func (m *twin) offer(s *twinStone, stale bool, o *twinOffer) ledger.Reason {
	if o.from == o.to {
		return ledger.SelfTransfer
	}
	if o.left && !o.custody() {
		return ledger.GoodsLeftInvalid
	}
	if s.voided {
		return ledger.ItemVoided
	}
	if stale {
		return ledger.StalePrev
	}
	if o.custody() && s.holder != o.from {
		if s.holder == outside {
			return ledger.ItemOutside
		}
		return ledger.NotHolder
	}
	switch o.mode {
	case sale, memo:
		if s.owner == outside {
			return ledger.ItemOutside
		}
		if s.owner != o.from && o.mode == memo {
			return ledger.MayNotLend
		}
		if s.owner != o.from {
			return ledger.NotOwner
		}
	case returning:
		if s.owner == o.from {
			return ledger.OwnGoods
		}
		if s.owner != o.to {
			return ledger.ReceiverNotOwner
		}
	case memoToSale:
		if s.owner == outside {
			return ledger.ItemOutside
		}
		if s.owner != o.from {
			return ledger.NotOwner
		}
		if s.holder == o.from {
			return ledger.OwnGoods
		}
		if s.holder != o.to {
			return ledger.ReceiverNotHolder
		}
	}
	for _, open := range s.standing(m.now) {
		if open.custody() && o.custody() || open.title() && o.title() {
			return ledger.OfferOpen
		}
	}
	return ""
}

// answer judges an accept, decline or withdraw.
func (m *twin) answer(s *twinStone, stale bool, who int, verb string, o *twinOffer) ledger.Reason {
	switch {
	case s.voided:
		return ledger.ItemVoided
	case stale:
		return ledger.StalePrev
	case o == nil || o.closed || !slices.Contains(s.offers, o):
		return ledger.UnknownOffer
	}
	lapsed := m.now > o.expires && !o.left
	switch verb {
	case "withdraw":
		if o.from != who {
			return ledger.NotOfferer
		}
		if lapsed {
			return ledger.OfferExpired
		}
	case "decline":
		if o.to != who {
			return ledger.NotOffered
		}
		if o.declined {
			return ledger.OfferDeclined
		}
		if lapsed {
			return ledger.OfferExpired
		}
	case "accept":
		if o.to != who {
			return ledger.NotOffered
		}
		if lapsed {
			return ledger.OfferExpired
		}
		if o.declined {
			return ledger.OfferDeclined
		}
		if o.mode == returning && s.owner != o.to {
			return ledger.ReceiverNotOwner
		}
		if o.mode == memoToSale && s.holder != o.to {
			return ledger.ReceiverNotHolder
		}
	}
	return ""
}

func (m *twin) carryOut(s *twinStone, verb string, o *twinOffer) {
	switch {
	case verb == "decline" && o.left:
		o.declined = true
		return
	case verb == "accept" && o.custody():
		s.holder = o.to
	}
	if verb == "accept" && o.title() {
		s.owner = o.to
	}
	o.closed = true
	for _, other := range s.offers {
		overtaken := other.mode == returning && s.owner != other.to || other.mode == memoToSale && s.holder != other.to
		if verb == "accept" && overtaken && !other.left {
			other.closed = true
		}
	}
}

// forget drops offers the ledger no longer keeps: those that had lapsed when
// another event passed over the item. The ledger then does not know them.
func (s *twinStone) forget(now uint64, keep *twinOffer) {
	for _, o := range s.offers {
		if o != keep && now > o.expires && !o.left {
			o.closed = true
		}
	}
}

func TestRandomHistoriesAgainstTheTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		people := []*actor{w.dealer(), w.dealer(), w.dealer()}
		m := &twin{}
		for range 2 {
			m.stones = append(m.stones, &twinStone{id: w.stone(people[0])})
		}
		for _, s := range m.stones {
			s.last = w.state.Items[s.id].Last
			s.by, s.holder, s.owner, s.releasedBy = 0, 0, 0, outside
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			w.now += rapid.Uint64Range(0, 400).Draw(rt, "wait")
			m.now = w.now
			s := rapid.SampledFrom(m.stones).Draw(rt, "stone")
			who := rapid.IntRange(0, 2).Draw(rt, "who")
			stale := rapid.IntRange(0, 9).Draw(rt, "stale") == 0
			ref := w.on(s.id)
			if stale {
				ref.Prev = make([]byte, 32)
			}
			want, body, effect := draw(rt, m, s, who, stale, ref, people)
			c := w.candidate(w.event(people[who].id, body), people[who].key)
			outcome := w.submit(c)
			var got ledger.Reason
			if outcome.Rejection != nil {
				got = outcome.Rejection.Reason
			} else {
				s.last = c.ID
			}
			if got != want {
				rt.Fatalf("%T by %d: the ledger says %q (%v), the twin %q; stone %+v", body, who, got, outcome.Rejection, want, s)
			}
			if want == "" {
				effect(c.ID)
			}
			agree(rt, w, s, people)
		}
	})
}

// draw picks an event on a stone and gives what the twin expects of it.
func draw(rt *rapid.T, m *twin, s *twinStone, who int, stale bool, ref *custodyv1.ItemRef, people []*actor) (ledger.Reason, any, func(ledger.EventID)) {
	simple := func(reason ledger.Reason) ledger.Reason {
		switch {
		case s.voided:
			return ledger.ItemVoided
		case stale:
			return ledger.StalePrev
		}
		return reason
	}
	verb := rapid.SampledFrom([]string{"offer", "offer", "offer", "accept", "accept", "accept", "decline", "withdraw", "release", "reenter", "void"}).Draw(rt, "verb")
	switch verb {
	case "offer":
		o := &twinOffer{
			from: who, to: rapid.IntRange(0, 2).Draw(rt, "to"), expires: m.now + rapid.Uint64Range(1, 1000).Draw(rt, "term"),
			mode: rapid.SampledFrom([]custodyv1.Mode{sale, memo, returning, memoToSale}).Draw(rt, "mode"), left: rapid.Bool().Draw(rt, "left"),
		}
		body := &custodyv1.Offer{Item: ref, To: people[o.to].id[:], Mode: o.mode, ExpiresAtMs: o.expires, GoodsLeft: o.left}
		if o.mode == memo {
			body.UntilMs = o.expires
		}
		return m.offer(s, stale, o), body, func(id ledger.EventID) {
			s.forget(m.now, nil)
			o.id = id
			s.offers, s.touched = append(s.offers, o), true
		}
	case "accept", "decline", "withdraw":
		var o *twinOffer
		id, from := ledger.EventID{1}, ledger.PartyID{}
		if len(s.offers) > 0 {
			back := rapid.IntRange(1, min(3, len(s.offers))).Draw(rt, "offer")
			o = s.offers[len(s.offers)-back]
			id, from = o.id, people[o.from].id
		}
		effect := func(ledger.EventID) {
			s.forget(m.now, o)
			m.carryOut(s, verb, o)
		}
		want := m.answer(s, stale, who, verb, o)
		switch verb {
		case "accept":
			return want, &custodyv1.Accept{Item: ref, Offer: id[:], From: from[:]}, effect
		case "decline":
			return want, &custodyv1.Decline{Item: ref, Offer: id[:], Reason: 1}, effect
		}
		return want, &custodyv1.Withdraw{Item: ref, Offer: id[:]}, effect
	case "release":
		sold := rapid.Bool().Draw(rt, "sold")
		body := &custodyv1.Release{Item: ref, Country: "US", Reason: custodyv1.OutsideReason_OUTSIDE_REASON_MEMO}
		if sold {
			body.Reason = custodyv1.OutsideReason_OUTSIDE_REASON_SOLD
		}
		var want ledger.Reason
		switch {
		case s.holder == outside && sold && s.releasedBy == who && s.owner == who:
		case s.holder == outside:
			want = ledger.ItemOutside
		case s.holder != who:
			want = ledger.NotHolder
		case s.owner != who:
			want = ledger.NotOwner
		case len(s.standing(m.now)) > 0:
			want = ledger.OfferOpen
		}
		return simple(want), body, func(ledger.EventID) {
			s.forget(m.now, nil)
			s.holder, s.releasedBy, s.touched = outside, who, true
			if sold {
				s.owner = outside
			}
		}
	case "reenter":
		var want ledger.Reason
		switch {
		case s.holder != outside:
			want = ledger.ItemNotOutside
		case s.releasedBy != who:
			want = ledger.NotReleaser
		}
		return simple(want), &custodyv1.Reenter{Item: ref, Identity: custodyv1.Identity_IDENTITY_STATED}, func(ledger.EventID) {
			s.holder = who
			if s.owner == outside {
				s.owner = who
			}
		}
	}
	var want ledger.Reason
	switch {
	case s.by != who:
		want = ledger.NotRegistrant
	case s.touched:
		want = ledger.AlreadyOffered
	}
	return simple(want), &custodyv1.ItemVoid{Item: ref, Reason: 1}, func(ledger.EventID) { s.voided = true }
}

// agree compares the ledger's registers of a stone with the twin's and checks
// the invariants of rules.Item.
func agree(rt *rapid.T, w *world, s *twinStone, people []*actor) {
	item := w.state.Items[s.id]
	same := func(register string, h rules.Holder, want int) {
		if want == outside && h.Outside == nil || want != outside && !h.Is(people[want].id) {
			rt.Fatalf("%s of the ledger %+v, of the twin %d", register, h, want)
		}
	}
	same("custody", item.Custody, s.holder)
	same("title", item.Owner(), s.owner)
	if item.Last != s.last || (item.Status == rules.Voided) != s.voided {
		rt.Fatalf("item %+v, twin %+v", item, s)
	}
	custody, title := 0, 0
	for _, o := range item.Offers {
		if o.Lapsed(w.now) {
			continue
		}
		if o.MovesCustody() {
			custody++
		}
		if o.MovesTitle() {
			title++
		}
	}
	if custody > 1 || title > 1 {
		rt.Fatalf("%d open offers of custody, %d of title", custody, title)
	}
}

// TestMain demands that a whole run provoked every reason the rules can give.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && !testing.Short() && flag.Lookup("test.fuzz").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" {
		code = unprovoked()
	}
	os.Exit(code)
}

func unprovoked() (code int) {
	notRules := []ledger.Reason{ // found while decoding, verifying or grouping
		ledger.Malformed, ledger.UnknownField, ledger.RepeatedField, ledger.UnknownEventType, ledger.TooLarge,
		ledger.OpeningMismatch, ledger.BadSignature, ledger.GroupIncomplete, ledger.GroupTooLarge,
		ledger.TooManyOrigins, // joining finds room for all that there can be, see TestBoundedFindsRoom
	}
	for _, reason := range ledger.Reasons {
		if !seen[reason] && !slices.Contains(notRules, reason) {
			fmt.Printf("no test provokes %s\n", reason)
			code = 1
		}
	}
	return code
}
