package rules_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	lose      = custodyv1.IncidentKind_INCIDENT_KIND_LOST
	stole     = custodyv1.IncidentKind_INCIDENT_KIND_STOLEN
	recovered = custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED
	damaged   = custodyv1.IncidentKind_INCIDENT_KIND_DAMAGED
	repaired  = custodyv1.IncidentKind_INCIDENT_KIND_REPAIRED
	destroyed = custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED

	dismissed = custodyv1.RulingOutcome_RULING_OUTCOME_DISMISSED
	upheld    = custodyv1.RulingOutcome_RULING_OUTCOME_UPHELD
	settled   = custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED
)

func (w *world) incident(item ledger.ItemID, kind custodyv1.IncidentKind) *custodyv1.Incident {
	return &custodyv1.Incident{Item: w.on(item), Kind: kind}
}

func disputeOf(item ledger.ItemID) *custodyv1.Dispute {
	return &custodyv1.Dispute{Item: item[:], Ground: custodyv1.DisputeGround_DISPUTE_GROUND_TITLE}
}

func holdOf(item ledger.ItemID, second *actor) *custodyv1.Hold {
	body := &custodyv1.Hold{Item: item[:], Authority: custodyv1.HoldAuthority_HOLD_AUTHORITY_COURT, OrderSha256: make([]byte, 32)}
	if second != nil {
		body.Second = second.id[:]
	}
	return body
}

func TestIncidents(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	report := func(by *actor, kind custodyv1.IncidentKind) {
		t.Helper()
		w.do(by.id, w.incident(item, kind), by.key)
	}
	refuse := func(reason ledger.Reason, by *actor, kind custodyv1.IncidentKind) {
		t.Helper()
		w.refuses(reason, by, w.incident(item, kind))
	}
	w.hand(item, a, b, service)
	refuse(ledger.NotHolder, c, stole)
	refuse(ledger.IncidentInvalid, a, recovered)
	refuse(ledger.IncidentInvalid, a, repaired)
	last := w.state.Items[item].Last
	report(b, lose)
	if w.state.Items[item].Last == last {
		t.Error("an incident does not advance the item")
	}
	refuse(ledger.IncidentInvalid, a, lose)
	report(b, recovered) // who lost it finds it
	report(b, lose)
	report(a, stole)
	refuse(ledger.IncidentInvalid, b, stole)
	refuse(ledger.NotOwner, b, recovered) // what is said to be stolen is recovered by its owner
	report(a, recovered)
	if i := w.state.Items[item]; i.Lost || i.Stolen {
		t.Errorf("recovered: %+v", i)
	}
	report(b, damaged)
	refuse(ledger.IncidentInvalid, a, damaged)
	report(a, repaired)
	report(a, damaged)
	refuse(ledger.NotOwner, b, destroyed)
	w.do(b.id, w.offerOf(item, a, returning), b.key)
	report(a, destroyed)
	if i := w.state.Items[item]; i.Status != rules.Destroyed || len(i.Offers) != 0 || !i.Damaged {
		t.Errorf("destroyed: %+v", i)
	}
	refuse(ledger.ItemDestroyed, a, recovered)
	w.refuses(ledger.ItemDestroyed, b, w.offerOf(item, a, returning))
	w.refuses(ledger.ItemDestroyed, a, disputeOf(item))
	w.refuses(ledger.ItemDestroyed, w.antwerp, holdOf(item, nil))

	// The managing owner reports what it has out, suspended or not.
	out := w.stone(a)
	w.do(a.id, &custodyv1.Release{Item: w.on(out), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_LOAN, Country: "US"}, a.key)
	w.do(w.antwerp.id, &custodyv1.PartySuspend{Party: a.id[:], Reason: 3}, w.antwerp.key)
	w.do(a.id, w.incident(out, stole), a.key)
	w.refuses(ledger.ItemOutside, b, w.incident(out, recovered))
	w.do(w.antwerp.id, &custodyv1.PartySponsor{Party: a.id[:]}, w.antwerp.key)
	w.refuses(ledger.ItemStolen, a, &custodyv1.Reenter{Item: w.on(out), Identity: 1})
	w.do(a.id, w.incident(out, recovered), a.key)
	w.do(a.id, &custodyv1.Reenter{Item: w.on(out), Identity: 1}, a.key)
	clerk := w.clerk(a, ledger.ScopesAll&^ledger.ScopeHandOver)
	w.refuse(ledger.MissingScope, w.event(a.id, w.incident(out, lose)), clerk)
}

// What is set in a destroyed piece stays set: nothing moves it any more.
func TestADestroyedPieceTakesItsPartsWithIt(t *testing.T) {
	w := newWorld(t)
	a := w.dealer()
	child := w.stone(a)
	set := func(item ledger.ItemID) ledger.ItemID {
		return w.changes(a, &custodyv1.Transform{Process: assemble, Inputs: w.refs(item), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_000)}}})[0]
	}
	inner := set(child)
	outer := set(inner)
	standing := func() rules.Status { return rules.StandingOf(w.state, w.state.Items[child]) }
	if standing() != rules.Live {
		t.Errorf("status %d in a live piece", standing())
	}
	w.refuses(ledger.SetInPiece, a, w.incident(child, destroyed))
	w.do(a.id, w.incident(outer, destroyed), a.key)
	if w.state.Items[child].Status != rules.Live || standing() != rules.Destroyed {
		t.Errorf("status %d in a destroyed piece", standing())
	}
	w.refuses(ledger.SetInPiece, a, w.offerOf(child, w.dealer(), sale))
	w.refuses(ledger.ItemDestroyed, a, &custodyv1.Transform{Process: disassemble, Inputs: w.refs(outer, inner)})
	w.refuses(ledger.SetInPiece, a, &custodyv1.Transform{Process: disassemble, Inputs: w.refs(inner, child)})
}

func TestDisputes(t *testing.T) {
	c := newCouncil(t, 2, 2)
	c.antwerp = c.members[0].actor
	a, b, lender, stranger, offered := c.dealer(), c.dealer(), c.dealer(), c.dealer(), c.dealer()
	item := c.stone(a)
	c.hand(item, a, lender, sale)
	c.lend(item, lender, b, memo)
	c.do(b.id, func() *custodyv1.Offer { o := c.offerOf(item, offered, memo); return o }(), b.key)
	before := c.state.Items[item].Last
	c.refuses(ledger.NotConcerned, stranger, disputeOf(item))
	c.refuses(ledger.UnknownItem, a, disputeOf(ledger.ItemID{1}))
	clerk := c.clerk(a, ledger.ScopesAll&^ledger.ScopeAttest)
	c.refuse(ledger.MissingScope, c.event(a.id, disputeOf(item)), clerk)
	opened := map[*actor]ledger.EventID{}
	for _, party := range []*actor{a, b, lender, offered, c.observer} { // registrant, holder, owner, offered to, an association
		opened[party] = c.do(party.id, disputeOf(item), party.key)
		c.refuses(ledger.TooManyOpen, party, disputeOf(item))
	}
	if c.state.Items[item].Last != before {
		t.Error("a dispute advanced the item")
	}
	ruling := func(dispute ledger.EventID, outcome custodyv1.RulingOutcome, second *actor) *custodyv1.Ruling {
		r := &custodyv1.Ruling{Item: item[:], Dispute: dispute[:], Outcome: outcome}
		if second != nil {
			r.Second = second.id[:]
		}
		return r
	}
	one, two := c.members[0].actor, c.members[1].actor
	c.refuses(ledger.NotConcerned, stranger, ruling(opened[a], settled, nil))
	c.refuses(ledger.NotConcerned, b, ruling(opened[a], settled, nil))
	c.refuses(ledger.NotConcerned, one, ruling(opened[a], settled, nil))
	c.refuses(ledger.NotAssociation, a, ruling(opened[a], upheld, nil))
	c.refuses(ledger.UnknownDispute, a, ruling(ledger.EventID{1}, settled, nil))
	c.refuses(ledger.MissingField, a, &custodyv1.Ruling{Item: item[:], Outcome: settled})
	both := ruling(opened[a], settled, nil)
	both.OutsideId = &custodyv1.OutsideId{Kind: 1, Issuer: "LAB", Number: "1"}
	c.refuses(ledger.InvalidField, a, both)
	c.refuse(ledger.MissingScope, c.event(a.id, ruling(opened[a], settled, nil)), clerk)
	c.do(a.id, ruling(opened[a], settled, nil), a.key)
	c.refuses(ledger.UnknownDispute, a, ruling(opened[a], settled, nil))
	c.do(c.observer.id, ruling(opened[c.observer], settled, nil), c.observer.key)

	// Two associations; never one alone, one twice, or one and a dealer.
	body := func() *custodyv1.Ruling { return ruling(opened[b], dismissed, two) }
	c.refuses(ledger.TwoBodiesRequired, one, ruling(opened[b], dismissed, nil))
	c.refuses(ledger.WrongSigners, one, body())
	c.refuse(ledger.ForeignKey, c.event(one.id, body()), one.key, c.observer.key)
	c.refuse(ledger.WrongSigners, c.event(one.id, body()), one.key, two.key, c.observer.key)
	c.refuses(ledger.WrongSigners, one, ruling(opened[b], dismissed, one))
	c.refuse(ledger.NotAssociation, c.event(one.id, ruling(opened[b], dismissed, b)), one.key, b.key)
	c.do(one.id, body(), one.key, two.key)
	c.do(two.id, ruling(opened[lender], upheld, c.observer), two.key, c.observer.key)
	c.do(offered.id, ruling(opened[offered], settled, nil), offered.key)
	if len(c.state.Items[item].Disputes) != 0 || c.state.Items[item].Last != before {
		t.Errorf("item %+v", c.state.Items[item])
	}
}

// Offers that have lapsed concern nobody.
func TestALapsedOfferGivesNoSay(t *testing.T) {
	w := newWorld(t)
	a, b := w.dealer(), w.dealer()
	item := w.stone(a)
	w.do(a.id, w.offerOf(item, b, sale), a.key)
	w.now += 1001
	w.refuses(ledger.NotConcerned, b, disputeOf(item))
}

// A world of many associations, of which one has a node.
func manyAssociations(t *testing.T, n int) (*world, []*actor) {
	w := emptyWorld(t)
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "rules.example.org/many", CreatedMs: start, RulesVersion: 1, Quorum: 1}
	var associations []*actor
	for i := range n {
		a := &actor{key: w.newKey()}
		a.id = ledger.NewPartyID(a.key.Public().ID())
		associations = append(associations, a)
		g.Associations = append(g.Associations, ledger.Association{Name: fmt.Sprintf("body-%d.example.org", i), Country: "BE", GovernanceKeys: []string{ledger.KeyText(a.key.Public())}})
	}
	g.Nodes = []ledger.Node{{
		ID: "a", Association: "body-0.example.org", PeerAddress: "127.0.0.1:1", ClientAddress: "127.0.0.1:2", Incarnation: "0123456789abcdef",
		TLSKeySHA256: fmt.Sprintf("%064x", 1),
		LogKey:       ledger.KeyText(w.newKey().Public()), CosignerKey: ledger.KeyText(w.newKey().Public()), StatementKey: ledger.KeyText(w.newKey().Public()),
	}}
	w.found(g)
	w.antwerp = associations[0]
	return w, associations
}

func TestOpenDisputesAndHoldsAreBounded(t *testing.T) {
	w, associations := manyAssociations(t, ledger.DisputesMax)
	a := w.dealer()
	item := w.stone(a)
	for _, body := range associations {
		w.do(body.id, disputeOf(item), body.key)
	}
	w.refuses(ledger.TooManyOpen, a, disputeOf(item))
	for range ledger.HoldsMax {
		w.do(w.antwerp.id, holdOf(item, nil), w.antwerp.key)
	}
	w.refuses(ledger.TooManyOpen, w.antwerp, holdOf(item, nil))
}

func TestHolds(t *testing.T) {
	c := newCouncil(t, 2, 2)
	one, two := c.members[0].actor, c.members[1].actor
	c.antwerp = one
	a, b := c.dealer(), c.dealer()
	item := c.stone(a)
	before := c.state.Items[item].Last
	c.refuses(ledger.NotAssociation, a, holdOf(item, nil))
	c.refuses(ledger.TwoBodiesRequired, one, holdOf(item, nil))
	c.refuses(ledger.WrongSigners, one, holdOf(item, two))
	c.refuses(ledger.WrongSigners, one, holdOf(item, one))
	c.refuse(ledger.ForeignKey, c.event(one.id, holdOf(item, two)), one.key, c.observer.key)
	c.refuse(ledger.NotAssociation, c.event(one.id, holdOf(item, a)), one.key, a.key)
	c.refuse(ledger.UnknownItem, c.event(one.id, holdOf(ledger.ItemID{1}, two)), one.key, two.key)
	hold := c.do(one.id, holdOf(item, two), one.key, two.key)
	if c.state.Items[item].Last != before {
		t.Error("a hold advanced the item")
	}
	c.refuses(ledger.ItemHeld, a, c.offerOf(item, b, sale))
	release := func(hold ledger.EventID, second *actor) *custodyv1.HoldRelease {
		r := &custodyv1.HoldRelease{Item: item[:], Hold: hold[:]}
		if second != nil {
			r.Second = second.id[:]
		}
		return r
	}
	c.refuses(ledger.TwoBodiesRequired, one, release(hold, nil))
	c.refuses(ledger.WrongSigners, one, release(hold, two))
	c.refuse(ledger.UnknownHold, c.event(one.id, release(ledger.EventID{1}, two)), one.key, two.key)
	c.do(two.id, release(hold, c.observer), two.key, c.observer.key) // others than those who placed it
	c.refuse(ledger.UnknownHold, c.event(one.id, release(hold, two)), one.key, two.key)
	c.hand(item, a, b, sale)

	w := newWorld(t) // one association with a node decides alone
	alone := w.stone(w.dealer())
	w.do(w.mumbai.id, holdOf(alone, nil), w.mumbai.key)
}

func TestRulingsOnOutsideIDs(t *testing.T) {
	c := newCouncil(t, 2, 2)
	one, two := c.members[0].actor, c.members[1].actor
	c.antwerp = one
	a, lab := c.dealer(), c.partyOf(custodyv1.Role_ROLE_LABORATORY)
	number := &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "7"}
	mark := &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION, Issuer: "LAB", Number: "7"}
	serial := &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_BAR_SERIAL, Issuer: "MINT", Number: "7"}
	body := stone()
	body.OutsideIds = []*custodyv1.OutsideId{number, mark}
	item, copied := c.register(a, body), c.register(a, body)
	ingots := alloy(custodyv1.Form_FORM_SINGLE, of(gold, recycled(1_000)))
	ingots.OutsideIds = []*custodyv1.OutsideId{serial}
	bar := c.register(a, ingots)
	ruling := func(item ledger.ItemID, id *custodyv1.OutsideId, outcome custodyv1.RulingOutcome, second *actor) *custodyv1.Ruling {
		r := &custodyv1.Ruling{Item: item[:], OutsideId: id, Outcome: outcome}
		if second != nil {
			r.Second = second.id[:]
		}
		return r
	}
	before := c.state.Items[copied].Last
	c.refuses(ledger.NotAssociation, a, ruling(item, number, upheld, nil))
	c.refuses(ledger.NotAssociation, lab, ruling(bar, serial, upheld, nil))
	c.refuses(ledger.InvalidField, lab, ruling(item, number, settled, nil))
	c.refuses(ledger.TwoBodiesRequired, one, ruling(item, number, upheld, nil))
	c.refuses(ledger.UnknownClaim, lab, ruling(bar, number, upheld, nil))
	c.do(lab.id, ruling(item, number, dismissed, nil), lab.key)
	if len(c.state.Claims(item)) != 2 {
		t.Errorf("claims %+v after a dismissal", c.state.Claims(item))
	}
	c.do(lab.id, ruling(copied, number, upheld, nil), lab.key)
	c.do(one.id, ruling(copied, mark, upheld, two), one.key, two.key)
	c.do(one.id, ruling(bar, serial, upheld, two), one.key, two.key)
	c.refuses(ledger.UnknownClaim, lab, ruling(copied, number, dismissed, nil))
	if len(c.state.Claims(item)) != 2 || len(c.state.Claims(copied)) != 0 || len(c.state.Claims(bar)) != 0 || c.state.Items[copied].Last != before {
		t.Errorf("claims %+v and %+v", c.state.Claims(item), c.state.Claims(copied))
	}
	c.do(one.id, &custodyv1.PartySuspend{Party: lab.id[:], Reason: 3}, one.key)
	c.refuses(ledger.PartySuspended, lab, ruling(item, number, upheld, nil))
}

// Nothing a stranger says keeps what was signed before from standing.
func TestNobodyStallsAnItem(t *testing.T) {
	w := newWorld(t)
	a, b, stranger := w.dealer(), w.dealer(), w.dealer()
	item := w.stone(a)
	offer := w.candidate(w.event(a.id, w.offerOf(item, b, sale)), a.key)
	paper := w.do(stranger.id, w.invoice(item), stranger.key)
	w.do(stranger.id, &custodyv1.AttestWithdraw{Item: item[:], Attestation: paper[:], Reason: 2}, stranger.key)
	w.refuses(ledger.NotConcerned, stranger, disputeOf(item))
	w.refuses(ledger.NotAssociation, stranger, holdOf(item, nil))
	w.refuses(ledger.NotHolder, stranger, w.incident(item, stole))
	w.refuses(ledger.NotHolder, stranger, &custodyv1.BorderCross{Item: w.on(item), From: "BW", To: "BE"})
	hold := w.do(w.antwerp.id, holdOf(item, nil), w.antwerp.key)
	w.do(w.antwerp.id, &custodyv1.HoldRelease{Item: item[:], Hold: hold[:]}, w.antwerp.key)
	if outcome := w.submit(offer); outcome.Rejection != nil {
		t.Errorf("an offer signed before: %v", outcome.Rejection)
	}
}

// TestWhatBlocksWhat holds the table of DESIGN.md against the code, and the code
// against events.
func TestWhatBlocksWhat(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := rules.BlocksTable(); !strings.Contains(string(design), table) {
		t.Errorf("DESIGN.md does not have this table:\n%s", table)
	}
	states := map[ledger.Reason]func(w *world, item ledger.ItemID, holder *actor, owner *actor){
		ledger.SetInPiece: func(w *world, item ledger.ItemID, holder, _ *actor) {
			w.changes(holder, &custodyv1.Transform{Process: assemble, Inputs: w.refs(item), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: massOf(46_000)}}})
		},
		ledger.ItemStolen: func(w *world, item ledger.ItemID, _, owner *actor) {
			w.do(owner.id, w.incident(item, stole), owner.key)
		},
		ledger.ItemLost: func(w *world, item ledger.ItemID, _, owner *actor) {
			w.do(owner.id, w.incident(item, lose), owner.key)
		},
		ledger.ItemHeld: func(w *world, item ledger.ItemID, _, _ *actor) {
			w.do(w.antwerp.id, holdOf(item, nil), w.antwerp.key)
		},
		ledger.ItemDisputed: func(w *world, item ledger.ItemID, _, _ *actor) {
			w.do(w.antwerp.id, disputeOf(item), w.antwerp.key)
		},
	}
	for _, row := range rules.Obstacles() {
		for at, action := range rules.Actions {
			if row.Reason == ledger.SetInPiece && action == "come back" {
				continue // what is outside cannot be set
			}
			t.Run(string(row.Reason)+"/"+action, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.dealer(), w.dealer()
				item, holder := w.stone(a), a
				switch action {
				case "give back":
					w.hand(item, a, b, service)
					holder = b
				case "come back":
					w.do(a.id, &custodyv1.Release{Item: w.on(item), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_LOAN, Country: "US"}, a.key)
				}
				states[row.Reason](w, item, holder, a)
				var keys []sign.PrivateKey
				var body any
				switch action {
				case "move custody":
					body = w.offerOf(item, b, loan)
				case "move title":
					body, keys = &custodyv1.Share{Item: w.on(item), Owners: []*custodyv1.TitlePart{part(a, 1), part(b, 1)}}, []sign.PrivateKey{b.key}
				case "give back":
					body = w.offerOf(item, a, returning)
				case "come back":
					body = &custodyv1.Reenter{Item: w.on(item), Identity: 1}
				case "change of matter":
					body = &custodyv1.Reweigh{Item: w.on(item), Mass: massOf(46_001)}
				case "border":
					body = &custodyv1.BorderCross{Item: w.on(item), From: "BW", To: "BE"}
				case "incident":
					body = w.incident(item, damaged)
				case "destroyed":
					body = w.incident(item, destroyed)
				}
				rejection := w.try(holder, body, keys...)
				switch {
				case row.Stops[at] && (rejection == nil || rejection.Reason != row.Reason):
					t.Errorf("%v, want %s", rejection, row.Reason)
				case !row.Stops[at] && rejection != nil:
					t.Errorf("refused: %v", rejection)
				}
			})
		}
	}
}
