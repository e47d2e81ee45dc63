package workload_test

import (
	"slices"
	"sort"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	"github.com/custodyledger/custodyledger/node/workload"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// twin is a second, naive model of the rules, written from the design and not from
// ledger/rules, which it does not import. It keeps every offer for ever, searches
// through everything and calculates in big rationals. It says why an event is refused,
// or "" and then holds the state behind it.
type twin struct {
	parties map[ledger.PartyID]*twinParty
	keys    map[sign.KeyID]ledger.PartyID
	items   map[ledger.ItemID]*twinItem
	papers  map[twinPaperName]*twinPaper
	attests map[ledger.EventID]*twinAttest
	taken   map[twinReference]ledger.ItemID

	e   *ledger.Event
	who *twinParty
	now uint64
	dry bool // judge only
}

type twinParty struct {
	id          ledger.PartyID
	association bool
	role        custodyv1.Role
	sponsors    map[ledger.PartyID]bool // to whether it stands
}

func (p *twinParty) suspended() bool {
	for _, stands := range p.sponsors {
		if stands {
			return false
		}
	}
	return !p.association
}

type twinReference struct {
	party ledger.PartyID
	ref   ledger.Reference
}

// twinHolder is a party, or somebody outside whom a release made.
type twinHolder struct {
	party   ledger.PartyID
	release ledger.EventID
}

func (h twinHolder) outside() bool { return h.release != ledger.EventID{} }

type twinShare struct {
	owner twinHolder
	parts uint64
}

type twinTerm struct {
	mode      custodyv1.Mode
	from      ledger.PartyID
	until     uint64
	mayMemoOn bool
}

type twinOffer struct {
	id         ledger.EventID
	b          *custodyv1.Offer
	from, to   ledger.PartyID
	declined   bool
	closed     bool
	partMg     uint64
	partCount  uint64
	ofPart     bool
	takesGoods bool
	takesTitle bool
}

type twinItem struct {
	id         ledger.ItemID
	status     string // live, voided, consumed, destroyed
	registrant ledger.PartyID
	last       ledger.EventID
	times      []uint64 // when the events that advanced it happened
	holder     twinHolder
	releasedBy ledger.PartyID
	title      []twinShare
	terms      []twinTerm
	offers     []*twinOffer
	touched    bool
	within     ledger.ItemID
	lost       bool
	stolen     bool
	damaged    bool
	disputes   []twinDispute
	holds      []ledger.EventID
	claims     []twinClaim
	m          *twinMatter
	parents    []ledger.ItemID
}

type twinDispute struct {
	id ledger.EventID
	by ledger.PartyID
}

type twinClaim struct {
	kind           custodyv1.OutsideIdKind
	issuer, number string
}

type twinPaperName struct {
	kind    custodyv1.DocumentKind
	own     bool
	issuer  string
	country string
	number  string
}

type twinPaper struct {
	document            string
	mg, count           uint64
	spentMg, spentCount uint64
}

type twinAttest struct {
	item      ledger.ItemID
	by        ledger.PartyID
	kind      custodyv1.DocumentKind
	paper     *twinPaper
	mg, count uint64
	expires   uint64
	withdrawn bool
}

func newTwin(c *workload.Cast, state *workload.Ledger) *twin {
	t := &twin{
		parties: map[ledger.PartyID]*twinParty{}, keys: map[sign.KeyID]ledger.PartyID{}, items: map[ledger.ItemID]*twinItem{},
		papers: map[twinPaperName]*twinPaper{}, attests: map[ledger.EventID]*twinAttest{}, taken: map[twinReference]ledger.ItemID{},
	}
	for _, a := range c.Associations {
		t.parties[a.ID] = &twinParty{id: a.ID, association: true}
		t.keys[a.Key.Public().ID()] = a.ID
	}
	for _, p := range c.Parties {
		known, _ := state.Party(p.ID)
		t.parties[p.ID] = &twinParty{id: p.ID, role: p.Role, sponsors: map[ledger.PartyID]bool{known.Memberships[0].Association: true}}
		t.keys[p.Key.Public().ID()] = p.ID
	}
	return t
}

// judge predicts what becomes of a submission.
func (t *twin) judge(s ledger.Submission, now uint64) ledger.Reason {
	t.now = now
	for _, dry := range []bool{true, false} {
		if len(s) == 1 && dry {
			continue
		}
		for _, c := range s {
			t.e, t.dry = c.Event, dry
			if reason := t.one(); reason != "" {
				return reason
			}
		}
	}
	return ""
}

const (
	minutes = 60_000
	days    = 24 * 60 * minutes
)

func (t *twin) one() ledger.Reason {
	if t.now > t.e.NotAfter {
		return ledger.EventExpired
	}
	if t.e.NotAfter > t.now+90*days {
		return ledger.NotAfterTooFar
	}
	if t.e.OccurredAt > t.now+5*minutes {
		return ledger.OccurredAhead
	}
	t.who = t.parties[t.e.Party]
	if t.who == nil {
		return ledger.UnknownParty
	}
	switch t.kind() {
	case "association":
		if !t.who.association {
			return ledger.NotAssociation
		}
	case "dealer":
		if t.who.association {
			return ledger.AssociationExcluded
		}
	}
	if reason := t.signed(); reason != "" {
		return reason
	}
	if t.who.suspended() && !t.openToSuspended() {
		return ledger.PartySuspended
	}
	return t.effect()
}

func (t *twin) kind() string {
	switch t.e.Body.(type) {
	case *custodyv1.PartySponsor, *custodyv1.PartySuspend, *custodyv1.Hold, *custodyv1.HoldRelease:
		return "association"
	case *custodyv1.AttestWithdraw, *custodyv1.Dispute, *custodyv1.Ruling:
		return "either"
	}
	return "dealer"
}

// cosigner is who has to sign beside the acting party, and as what.
type cosigner struct {
	id          ledger.PartyID
	association bool
}

func (t *twin) cosigners() []cosigner {
	one := func(id []byte, association bool) []cosigner {
		if len(id) == 0 {
			return nil
		}
		return []cosigner{{ledger.PartyID(id), association}}
	}
	switch b := t.e.Body.(type) {
	case *custodyv1.Correct:
		return one(b.Holder, false)
	case *custodyv1.Reclaim:
		return one(b.Association, true)
	case *custodyv1.Ruling:
		return one(b.Second, true)
	case *custodyv1.Hold:
		return one(b.Second, true)
	case *custodyv1.HoldRelease:
		return one(b.Second, true)
	case *custodyv1.Share:
		var list []cosigner
		ids := slices.Clone(b.Leaving)
		for _, o := range b.Owners {
			ids = append(ids, o.Party)
		}
		for _, id := range ids {
			c := cosigner{ledger.PartyID(id), false}
			if c.id != t.e.Party && !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
		return list
	}
	return nil
}

func (t *twin) signed() ledger.Reason {
	others := t.cosigners()
	if len(t.e.Signers) != 1+len(others) {
		return ledger.WrongSigners
	}
	signers := map[ledger.PartyID]bool{}
	for _, key := range t.e.Signers {
		party, ok := t.keys[key.ID()]
		if !ok {
			return ledger.UnknownKey
		}
		if party != t.e.Party && !slices.ContainsFunc(others, func(c cosigner) bool { return c.id == party }) {
			return ledger.ForeignKey
		}
		if signers[party] {
			return ledger.WrongSigners
		}
		signers[party] = true
	}
	if !signers[t.e.Party] {
		return ledger.WrongSigners
	}
	for _, c := range others {
		p := t.parties[c.id]
		switch {
		case p == nil:
			return ledger.UnknownParty
		case c.id == t.e.Party:
			return ledger.CountersignerInvalid
		case c.association && !p.association:
			return ledger.NotAssociation
		case !c.association && p.association:
			return ledger.AssociationExcluded
		case !signers[c.id]:
			return ledger.WrongSigners
		}
	}
	return ""
}

func (t *twin) openToSuspended() bool {
	switch b := t.e.Body.(type) {
	case *custodyv1.ItemVoid, *custodyv1.Accept, *custodyv1.Decline, *custodyv1.Withdraw, *custodyv1.AttestWithdraw, *custodyv1.Dispute, *custodyv1.Ruling, *custodyv1.Incident:
		return true
	case *custodyv1.Offer:
		return b.Mode == custodyv1.Mode_MODE_RETURN
	}
	return false
}

func (t *twin) effect() ledger.Reason {
	switch b := t.e.Body.(type) {
	case *custodyv1.PartySponsor:
		return t.sponsor(b)
	case *custodyv1.PartySuspend:
		return t.suspend(b)
	case *custodyv1.ItemRegister:
		return t.register(b)
	case *custodyv1.ItemVoid:
		return t.void()
	case *custodyv1.Transform:
		return t.transform(b)
	case *custodyv1.Reweigh:
		return t.reweigh(b)
	case *custodyv1.Correct:
		return t.correct(b)
	case *custodyv1.Offer:
		return t.offer(b)
	case *custodyv1.Accept:
		return t.accept(b)
	case *custodyv1.Decline:
		return t.decline(b)
	case *custodyv1.Withdraw:
		return t.withdraw(b)
	case *custodyv1.Release:
		return t.release(b)
	case *custodyv1.Reenter:
		return t.reenter(b)
	case *custodyv1.Reclaim:
		return t.reclaim(b)
	case *custodyv1.Share:
		return t.share(b)
	case *custodyv1.BorderCross:
		return t.cross(b)
	case *custodyv1.Attest:
		return t.attest(b)
	case *custodyv1.AttestWithdraw:
		return t.attestWithdraw(b)
	case *custodyv1.Dispute:
		return t.dispute(b)
	case *custodyv1.Ruling:
		return t.ruling(b)
	case *custodyv1.Hold:
		return t.hold(b)
	case *custodyv1.HoldRelease:
		return t.holdRelease(b)
	case *custodyv1.Incident:
		return t.incident(b)
	}
	panic("the twin does not know this event")
}

func (t *twin) sponsor(b *custodyv1.PartySponsor) ledger.Reason {
	p := t.parties[ledger.PartyID(b.Party)]
	if p == nil {
		return ledger.UnknownParty
	}
	if p.sponsors[t.who.id] {
		return ledger.AlreadySponsor
	}
	p.sponsors[t.who.id] = true
	return ""
}

func (t *twin) suspend(b *custodyv1.PartySuspend) ledger.Reason {
	p := t.parties[ledger.PartyID(b.Party)]
	if p == nil {
		return ledger.UnknownParty
	}
	if !p.sponsors[t.who.id] {
		return ledger.NotSponsor
	}
	p.sponsors[t.who.id] = false
	return ""
}

// subject finds the item that an event is about.
func (t *twin) subject(id []byte) (*twinItem, ledger.Reason) {
	i := t.items[ledger.ItemID(id)]
	if i == nil {
		return nil, ledger.UnknownItem
	}
	if born := i.times[0]; t.e.OccurredAt+5*minutes < born {
		return nil, ledger.OccurredBehind
	}
	return i, ""
}

// advanced finds the item that a reference names and that its event may build on.
func (t *twin) advanced(ref ledger.ItemRef) (*twinItem, ledger.Reason) {
	i := t.items[ref.Item]
	if i == nil {
		return nil, ledger.UnknownItem
	}
	if reason := i.ended(); reason != "" {
		return nil, reason
	}
	if i.last != ref.Prev {
		return nil, ledger.StalePrev
	}
	for _, time := range i.times {
		if t.e.OccurredAt+5*minutes < time {
			return nil, ledger.OccurredBehind
		}
	}
	return i, ""
}

func (i *twinItem) ended() ledger.Reason {
	return map[string]ledger.Reason{"live": "", "voided": ledger.ItemVoided, "consumed": ledger.ItemConsumed, "destroyed": ledger.ItemDestroyed}[i.status]
}

// blocked is the table of what stops what.
func (i *twinItem) blocked(wants ...string) ledger.Reason {
	rows := []struct {
		is     bool
		stops  string
		reason ledger.Reason
	}{
		{i.within != ledger.ItemID{}, "custody title back reenter change cross befall destroy", ledger.SetInPiece},
		{i.stolen, "custody title back reenter change cross", ledger.ItemStolen},
		{i.lost, "custody title back reenter change cross", ledger.ItemLost},
		{len(i.holds) > 0, "custody title back change cross destroy", ledger.ItemHeld},
		{len(i.disputes) > 0, "title change destroy", ledger.ItemDisputed},
	}
	for _, r := range rows {
		for _, want := range wants {
			if r.is && contains(r.stops, want) {
				return r.reason
			}
		}
	}
	return ""
}

func (i *twinItem) held(p ledger.PartyID) bool  { return i.holder == twinHolder{party: p} }
func (i *twinItem) owned(p ledger.PartyID) bool { return i.title[0].owner == twinHolder{party: p} }

func (i *twinItem) part(p ledger.PartyID) uint64 {
	for _, s := range i.title {
		if s.owner == (twinHolder{party: p}) {
			return s.parts
		}
	}
	return 0
}

func (i *twinItem) lender(p ledger.PartyID) bool {
	return slices.ContainsFunc(i.terms, func(t twinTerm) bool { return t.from == p })
}

func (i *twinItem) memo() bool {
	return slices.ContainsFunc(i.terms, func(t twinTerm) bool { return t.mode == custodyv1.Mode_MODE_MEMO })
}

func (i *twinItem) notHolder() ledger.Reason {
	if i.holder.outside() {
		return ledger.ItemOutside
	}
	return ledger.NotHolder
}

func (i *twinItem) notOwner() ledger.Reason {
	if i.title[0].owner.outside() {
		return ledger.ItemOutside
	}
	return ledger.NotOwner
}

// standing are the open offers that have not lapsed.
func (t *twin) standing(i *twinItem) []*twinOffer {
	var list []*twinOffer
	for _, o := range i.offers {
		if !o.closed && !t.lapsed(o) {
			list = append(list, o)
		}
	}
	return list
}

func (t *twin) lapsed(o *twinOffer) bool { return t.now > o.b.ExpiresAtMs && !o.b.GoodsLeft }

// forget closes offers that lapsed; who moves the item on leaves them behind.
func (t *twin) forget(i *twinItem) {
	for _, o := range i.offers {
		if t.lapsed(o) {
			o.closed = true
		}
	}
}

func (t *twin) moved(i *twinItem) {
	i.last = t.e.ID
	i.times = append(i.times, t.e.OccurredAt)
}

func lends(mode custodyv1.Mode) bool {
	switch mode {
	case custodyv1.Mode_MODE_MEMO, custodyv1.Mode_MODE_SERVICE, custodyv1.Mode_MODE_CARRIER, custodyv1.Mode_MODE_LOAN:
		return true
	}
	return false
}

func (t *twin) offer(b *custodyv1.Offer) ledger.Reason {
	from, to, mode := t.who.id, ledger.PartyID(b.To), b.Mode
	titleOnly := mode == custodyv1.Mode_MODE_MEMO_TO_SALE || mode == custodyv1.Mode_MODE_TITLE
	takesTitle := titleOnly || mode == custodyv1.Mode_MODE_SALE
	until := b.UntilMs
	if to == from {
		return ledger.SelfTransfer
	}
	if b.ExpiresAtMs <= t.now || b.ExpiresAtMs > t.now+366*days {
		return ledger.ExpiryInvalid
	}
	if until != 0 && !lends(mode) || until == 0 && lends(mode) && mode != custodyv1.Mode_MODE_CARRIER {
		return ledger.MemoTermInvalid
	}
	if until != 0 && (until <= t.now || until > t.now+5*366*days || until < b.ExpiresAtMs) {
		return ledger.MemoTermInvalid
	}
	if b.MayMemoOn && mode != custodyv1.Mode_MODE_MEMO {
		return ledger.MemoTermInvalid
	}
	if b.GoodsLeft && titleOnly {
		return ledger.GoodsLeftInvalid
	}
	if b.Part != nil && mode == custodyv1.Mode_MODE_TITLE {
		return ledger.PortionInvalid
	}
	if len(b.Agent) > 0 && (ledger.PartyID(b.Agent) == from || ledger.PartyID(b.Agent) == to) {
		return ledger.SelfTransfer
	}
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	receiver := t.parties[to]
	switch {
	case receiver == nil:
		return ledger.UnknownParty
	case receiver.association:
		return ledger.AssociationExcluded
	case receiver.suspended() && mode != custodyv1.Mode_MODE_RETURN:
		return ledger.PartySuspended
	}
	o := &twinOffer{id: t.e.ID, b: b, from: from, to: to, takesGoods: !titleOnly, takesTitle: takesTitle}
	if b.Part != nil {
		o.ofPart, o.partMg, o.partCount = true, b.Part.Micrograms, uint64(b.Part.Count)
	}
	if o.takesGoods && !i.held(from) {
		return i.notHolder()
	}
	owns := i.owned(from)
	switch {
	case mode == custodyv1.Mode_MODE_RETURN:
		if owns {
			return ledger.OwnGoods
		}
	case lends(mode):
		if !owns {
			if reason := i.lendOn(b); reason != "" {
				return reason
			}
		}
	case !owns:
		return i.notOwner()
	case titleOnly && i.held(from):
		return ledger.OwnGoods
	}
	if reason := i.fits(o); reason != "" {
		return reason
	}
	if reason := i.blocked(o.wants()...); reason != "" {
		return reason
	}
	if o.ofPart {
		if reason := t.portion(i.m, o.partMg, o.partCount); reason != "" {
			return reason
		}
	}
	for _, other := range t.standing(i) {
		if other.takesGoods && o.takesGoods || other.takesTitle && o.takesTitle {
			return ledger.OfferOpen
		}
	}
	t.forget(i)
	i.offers = append(i.offers, o)
	i.touched = true
	t.moved(i)
	return ""
}

func (o *twinOffer) wants() []string {
	var wants []string
	switch {
	case o.b.Mode == custodyv1.Mode_MODE_RETURN:
		wants = append(wants, "back")
	case o.takesGoods:
		wants = append(wants, "custody")
	}
	if o.takesTitle {
		wants = append(wants, "title")
	}
	if o.ofPart {
		wants = append(wants, "change")
	}
	return wants
}

func (i *twinItem) lendOn(b *custodyv1.Offer) ledger.Reason {
	if len(i.terms) == 0 {
		return i.notOwner()
	}
	mine := i.terms[len(i.terms)-1]
	if b.Mode != mine.mode || b.Mode == custodyv1.Mode_MODE_LOAN || b.Mode == custodyv1.Mode_MODE_MEMO && !mine.mayMemoOn || len(i.terms) >= 8 {
		return ledger.MayNotLend
	}
	if mine.until != 0 && (b.UntilMs == 0 || b.UntilMs > mine.until) {
		return ledger.MemoTermInvalid
	}
	return ""
}

// fits asks whether both parties are where the mode has them.
func (i *twinItem) fits(o *twinOffer) ledger.Reason {
	switch {
	case lends(o.b.Mode):
		if !i.owned(o.from) && len(i.terms) == 0 {
			return ledger.NotOwner
		}
		if i.owned(o.to) || i.lender(o.to) {
			return ledger.MayNotLend
		}
	case o.b.Mode == custodyv1.Mode_MODE_RETURN:
		if !i.owned(o.to) && (len(i.terms) == 0 || i.terms[len(i.terms)-1].from != o.to) {
			return ledger.ReceiverNotOwner
		}
	case o.b.Mode == custodyv1.Mode_MODE_MEMO_TO_SALE:
		if !i.held(o.to) {
			return ledger.ReceiverNotHolder
		}
	case o.b.Mode == custodyv1.Mode_MODE_TITLE:
		switch {
		case i.holder.outside():
			return ledger.ItemOutside
		case i.held(o.from):
			return ledger.OwnGoods
		case i.held(o.to):
			return ledger.ReceiverIsHolder
		case i.memo() && !i.lender(o.to):
			return ledger.OnMemo
		}
	}
	return ""
}

func (i *twinItem) open(id []byte) *twinOffer {
	for _, o := range i.offers {
		if !o.closed && o.id == ledger.EventID(id) {
			return o
		}
	}
	return nil
}

func (t *twin) answered(id []byte) (*twinItem, *twinOffer, ledger.Reason) {
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return nil, nil, reason
	}
	o := i.open(id)
	if o == nil {
		return nil, nil, ledger.UnknownOffer
	}
	if o.to != t.who.id {
		return nil, nil, ledger.NotOffered
	}
	return i, o, ""
}

func (t *twin) accept(b *custodyv1.Accept) ledger.Reason {
	i, o, reason := t.answered(b.Offer)
	switch {
	case reason != "":
		return reason
	case o.from != ledger.PartyID(b.From):
		return ledger.NotOfferer
	case o.b.Mode != custodyv1.Mode_MODE_RETURN && t.who.suspended():
		return ledger.PartySuspended
	case t.lapsed(o):
		return ledger.OfferExpired
	case o.declined:
		return ledger.OfferDeclined
	}
	if reason := i.fits(o); reason != "" {
		return reason
	}
	if o.takesTitle && !o.b.GoodsLeft && t.parties[o.from].suspended() {
		return ledger.PartySuspended
	}
	if reason := i.blocked(o.wants()...); reason != "" {
		return reason
	}
	if o.ofPart || b.Received != nil {
		return t.acceptPart(i, o, b.Received)
	}
	o.closed = true
	t.pass(i, o)
	t.forget(i)
	i.overtake()
	t.moved(i)
	return ""
}

// pass moves the registers by an accepted offer.
func (t *twin) pass(i *twinItem, o *twinOffer) {
	if o.takesGoods {
		i.holder = twinHolder{party: o.to}
	}
	switch {
	case o.takesTitle:
		i.title = []twinShare{{twinHolder{party: o.to}, 1}}
		i.underOwner()
	case o.b.Mode == custodyv1.Mode_MODE_RETURN:
		if i.owned(o.to) {
			i.terms = nil
		} else {
			i.terms = i.terms[:len(i.terms)-1]
		}
	default:
		i.terms = append(slices.Clone(i.terms), twinTerm{o.b.Mode, o.from, o.b.UntilMs, o.b.MayMemoOn})
	}
}

// underOwner keeps of the terms what holds under the owner there is now.
func (i *twinItem) underOwner() {
	owner := i.title[0].owner
	if owner.outside() || i.holder == owner {
		i.terms = nil
	}
	if len(i.terms) == 0 {
		return
	}
	terms := slices.Clone(i.terms)
	for n, term := range terms {
		if term.from == owner.party {
			terms = terms[n:]
			break
		}
	}
	terms[0].from = owner.party
	i.terms = terms
}

// overtake closes offers that fit no longer, unless the goods are on their way.
func (i *twinItem) overtake() {
	for _, o := range i.offers {
		if !o.closed && !o.b.GoodsLeft && i.fits(o) != "" {
			o.closed = true
		}
	}
}

func (t *twin) acceptPart(i *twinItem, o *twinOffer, received *custodyv1.Portion) ledger.Reason {
	if received == nil {
		return ledger.MissingField
	}
	mg, count := received.Micrograms, uint64(received.Count)
	mostMg, mostCount := i.m.mass.Uint64(), i.m.count
	if o.ofPart {
		mostMg, mostCount = o.partMg, o.partCount
	}
	if mg > mostMg || count > mostCount || !o.takesGoods && (mg != mostMg || count != mostCount) {
		return ledger.PortionInvalid
	}
	if reason := t.portion(i.m, mg, count); reason != "" {
		return reason
	}
	if reason := i.blocked("change"); reason != "" {
		return reason
	}
	o.closed = true
	made := &twinItem{
		id: ledger.NewItemID(t.e.ID, 0), status: "live", registrant: t.who.id, last: t.e.ID, times: []uint64{t.e.OccurredAt}, holder: i.holder, releasedBy: i.releasedBy,
		title: i.title, terms: i.terms, touched: true, damaged: i.damaged, parents: []ledger.ItemID{i.id},
	}
	if o.ofPart {
		made.m, i.m = t.carve(i.m, mg, count)
		t.pass(made, o)
	} else { // what is missing stays with the offerer
		made.m, i.m = t.carve(i.m, i.m.mass.Uint64()-mg, i.m.count-count)
		t.pass(i, o)
	}
	t.items[made.id] = made
	t.forget(i)
	i.overtake()
	t.moved(i)
	return ""
}

func (t *twin) decline(b *custodyv1.Decline) ledger.Reason {
	i, o, reason := t.answered(b.Offer)
	switch {
	case reason != "":
		return reason
	case o.declined:
		return ledger.OfferDeclined
	case t.lapsed(o):
		return ledger.OfferExpired
	}
	if o.b.GoodsLeft {
		o.declined = true
	} else {
		o.closed = true
	}
	t.forget(i)
	t.moved(i)
	return ""
}

func (t *twin) withdraw(b *custodyv1.Withdraw) ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	o := i.open(b.Offer)
	switch {
	case o == nil:
		return ledger.UnknownOffer
	case o.from != t.who.id:
		return ledger.NotOfferer
	case t.lapsed(o):
		return ledger.OfferExpired
	}
	o.closed = true
	t.forget(i)
	t.moved(i)
	return ""
}

func (t *twin) release(b *custodyv1.Release) ledger.Reason {
	if !ledger.IsCountry(b.Country) {
		return ledger.CountryInvalid
	}
	consumer := b.Reason == custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER
	sold := consumer || b.Reason == custodyv1.OutsideReason_OUTSIDE_REASON_SOLD
	if _, named := t.e.Commitment(custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY); !named && !consumer {
		return ledger.MissingField
	}
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	me := t.who.id
	soldOutThere := sold && i.holder.outside() && i.releasedBy == me && i.owned(me)
	if !i.held(me) && !soldOutThere {
		return i.notHolder()
	}
	if !i.owned(me) {
		return i.notOwner()
	}
	if len(t.standing(i)) > 0 {
		return ledger.OfferOpen
	}
	wants := []string{"custody"}
	if sold {
		wants = append(wants, "title")
	}
	if reason := i.blocked(wants...); reason != "" {
		return reason
	}
	i.holder, i.releasedBy = twinHolder{release: t.e.ID}, me
	if sold {
		i.title = []twinShare{{i.holder, 1}}
	}
	i.touched = true
	t.forget(i)
	t.moved(i)
	return ""
}

func (t *twin) reenter(b *custodyv1.Reenter) ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	switch {
	case reason != "":
		return reason
	case !i.holder.outside():
		return ledger.ItemNotOutside
	case i.releasedBy != t.who.id:
		return ledger.NotReleaser
	}
	if reason := i.blocked("reenter"); reason != "" {
		return reason
	}
	if b.Mass != nil || b.Count != 0 {
		m, reason := t.weighed(i.m, b.Mass, b.Count)
		if reason != "" {
			return reason
		}
		i.m = m
	}
	i.holder = twinHolder{party: t.who.id}
	if i.title[0].owner.outside() {
		i.title = []twinShare{{i.holder, 1}}
	}
	t.moved(i)
	return ""
}

func (t *twin) reclaim(b *custodyv1.Reclaim) ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	me, from := t.who.id, ledger.PartyID(b.From)
	switch {
	case !i.owned(me):
		return i.notOwner()
	case i.holder.outside():
		return ledger.ItemOutside
	case i.held(me):
		return ledger.OwnGoods
	case !i.held(from):
		return ledger.NotHolder
	case len(i.terms) == 0:
		return ledger.NotLent
	}
	due := i.terms[0].until
	if due == 0 {
		due = i.terms[len(i.terms)-1].until
	}
	if due == 0 || t.now <= due {
		return ledger.NotOverdue
	}
	stands, member := t.parties[from].sponsors[ledger.PartyID(b.Association)]
	if !member || !stands && !t.parties[from].suspended() {
		return ledger.CountersignerInvalid
	}
	if reason := i.blocked("back"); reason != "" {
		return reason
	}
	i.holder, i.terms = twinHolder{party: me}, nil
	t.forget(i)
	for _, o := range i.offers {
		if o.takesGoods {
			o.closed = true
		}
	}
	i.overtake()
	t.moved(i)
	return ""
}

func (t *twin) share(b *custodyv1.Share) ledger.Reason {
	title := map[ledger.PartyID]uint64{}
	total := uint64(0)
	for _, o := range b.Owners {
		id := ledger.PartyID(o.Party)
		if title[id] > 0 {
			return ledger.SharesInvalid
		}
		title[id] = uint64(o.Parts)
		total += uint64(o.Parts)
	}
	leaving := map[ledger.PartyID]bool{}
	for n, id := range b.Leaving {
		if n > 0 && string(id) <= string(b.Leaving[n-1]) {
			return ledger.NonCanonical
		}
		if title[ledger.PartyID(id)] > 0 {
			return ledger.SharesInvalid
		}
		leaving[ledger.PartyID(id)] = true
	}
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	if i.title[0].owner.outside() || i.part(t.who.id) == 0 {
		return i.notOwner()
	}
	before := uint64(0)
	for _, s := range i.title {
		before += s.parts
		if !leaving[s.owner.party] && title[s.owner.party] == 0 {
			return ledger.SharesInvalid
		}
	}
	for id := range leaving {
		if i.part(id) == 0 {
			return ledger.SharesInvalid
		}
	}
	same := func(id ledger.PartyID) bool { return i.part(id)*total == title[id]*before }
	changed := len(title) != len(i.title) || ledger.PartyID(b.Owners[0].Party) != i.title[0].owner.party
	suspended := false
	everybody := map[ledger.PartyID]bool{}
	for id := range title {
		everybody[id] = true
	}
	for _, s := range i.title {
		everybody[s.owner.party] = true
	}
	for id := range everybody {
		if !same(id) {
			changed = true
			suspended = suspended || t.parties[id].suspended()
		}
	}
	if !changed {
		return ledger.SharesInvalid
	}
	if suspended {
		return ledger.PartySuspended
	}
	for _, o := range t.standing(i) {
		if o.takesTitle {
			return ledger.OfferOpen
		}
	}
	for id := range title {
		if i.part(id) == 0 && i.memo() && !i.held(id) && !i.lender(id) {
			return ledger.OnMemo
		}
	}
	if reason := i.blocked("title"); reason != "" {
		return reason
	}
	i.title = nil
	for _, o := range b.Owners {
		i.title = append(i.title, twinShare{twinHolder{party: ledger.PartyID(o.Party)}, uint64(o.Parts)})
	}
	i.underOwner()
	t.forget(i)
	i.overtake()
	t.moved(i)
	return ""
}

func (t *twin) cross(b *custodyv1.BorderCross) ledger.Reason {
	if !ledger.IsCountry(b.From) || !ledger.IsCountry(b.To) || b.From == b.To {
		return ledger.CountryInvalid
	}
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	if !i.held(t.who.id) {
		return i.notHolder()
	}
	if reason := i.blocked("cross"); reason != "" {
		return reason
	}
	rough := i.m.material == custodyv1.Material_MATERIAL_DIAMOND && i.m.nature == custodyv1.Nature_NATURE_NATURAL && i.m.stage == custodyv1.Stage_STAGE_ROUGH
	if !rough {
		if len(b.Certificate) > 0 {
			return ledger.PaperMismatch
		}
		t.moved(i)
		return ""
	}
	if len(b.Certificate) == 0 {
		return ledger.CertificateRequired
	}
	a := t.attests[ledger.EventID(b.Certificate)]
	switch {
	case a == nil || a.item != i.id:
		return ledger.UnknownAttestation
	case a.kind != custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE:
		return ledger.CertificateRequired
	case a.withdrawn:
		return ledger.AttestationWithdrawn
	case a.expires < t.now:
		return ledger.PaperExpired
	}
	mass := i.m.mass.Uint64()
	if least := mass - min(mass, scales(i.m.mass).Uint64()); a.mg < least {
		return ledger.PaperSpent
	}
	t.moved(i)
	return ""
}

func (t *twin) attest(b *custodyv1.Attest) ledger.Reason {
	row, _ := vocabulary.DocumentOf(b.Kind)
	kimberley := b.Kind == custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE
	switch {
	case !b.Own && b.Issuer == "":
		return ledger.MissingField
	case b.Own && b.Issuer != "":
		return ledger.PaperInvalid
	case b.Own && !row.Issuer.May(t.who.role):
		return ledger.NotIssuer
	}
	for _, f := range []struct {
		need vocabulary.Need
		has  bool
	}{{row.Number, b.Number != ""}, {row.Country, b.Country != ""}, {row.Quantity, b.Quantity != nil}, {row.Issued, b.IssuedMs != 0}, {row.Expiry, b.ExpiresMs != 0}} {
		if f.need == vocabulary.Required && !f.has {
			return ledger.MissingField
		}
		if f.need == vocabulary.Refused && f.has {
			return ledger.PaperInvalid
		}
	}
	switch {
	case b.Quantity != nil && (b.Number == "" || b.Drawn == nil):
		return ledger.MissingField
	case b.Quantity == nil && b.Drawn != nil:
		return ledger.PaperInvalid
	case b.Country != "" && !ledger.IsCountry(b.Country) && !(kimberley && b.Country == "EU"):
		return ledger.CountryInvalid
	case kimberley && (len(b.Number) < 2 || b.Number[:2] != b.Country):
		return ledger.PaperInvalid
	case b.IssuedMs > t.now+5*minutes:
		return ledger.PaperInvalid
	case b.ExpiresMs != 0 && b.IssuedMs >= b.ExpiresMs:
		return ledger.PaperInvalid
	case b.ExpiresMs != 0 && b.ExpiresMs < t.now:
		return ledger.PaperExpired
	}
	made := map[custodyv1.Claim]bool{}
	before := custodyv1.Claim(0)
	for _, c := range b.Claims {
		if c.Claim <= before {
			return ledger.NonCanonical
		}
		before = c.Claim
		if c.Level > vocabulary.HighestOf(b.Kind, c.Claim, b.Own) {
			return ledger.ClaimTooStrong
		}
		made[c.Claim] = true
	}
	for n, code := range b.Countries {
		if !ledger.IsCountry(code) {
			return ledger.CountryInvalid
		}
		if n > 0 && code <= b.Countries[n-1] {
			return ledger.NonCanonical
		}
	}
	aboutOrigin := made[custodyv1.Claim_CLAIM_ORIGIN]
	switch {
	case len(b.Countries) > 0 && !aboutOrigin:
		return ledger.PaperInvalid
	case b.Producer != "" && !made[custodyv1.Claim_CLAIM_PRODUCER]:
		return ledger.PaperInvalid
	case b.Producer == "" && made[custodyv1.Claim_CLAIM_PRODUCER]:
		return ledger.MissingField
	case b.Treatments != nil && !made[custodyv1.Claim_CLAIM_TREATMENT]:
		return ledger.PaperInvalid
	case b.Treatments == nil && made[custodyv1.Claim_CLAIM_TREATMENT]:
		return ledger.MissingField
	case (b.FoundCount != 0) != (b.FoundNature != 0):
		return ledger.MissingField
	case b.FoundCount != 0 && !row.Finds:
		return ledger.PaperInvalid
	}
	i, reason := t.subject(b.Item)
	if reason != "" {
		return reason
	}
	if i.status == "voided" {
		return ledger.ItemVoided
	}
	if vocabulary.CheckDocument(b.Kind, i.m.material, i.m.nature, i.m.stage) != nil {
		return ledger.PaperMismatch
	}
	things := i.m.count
	if things == 0 && i.m.form != custodyv1.Form_FORM_BULK {
		things = 1
	}
	if b.Drawn != nil && (b.Drawn.Micrograms > i.m.mass.Uint64() || uint64(b.Drawn.Count) > things || b.Drawn.Count > 0 && b.Quantity.Count == 0) {
		return ledger.PaperMismatch
	}
	if kimberley && !aboutOrigin {
		return ledger.MissingField
	}
	if aboutOrigin {
		possible := t.countries(i.m)
		if (len(possible) > 0 || kimberley) && !slices.Equal(possible, b.Countries) {
			return ledger.PaperMismatch
		}
	}
	if b.FoundCount != 0 {
		loose := i.m.form != custodyv1.Form_FORM_PIECE
		if b.FoundNature == i.m.nature || loose && things > 0 && !i.m.estimated && uint64(b.FoundCount) > things {
			return ledger.PaperMismatch
		}
	}
	a := &twinAttest{item: i.id, by: t.who.id, kind: b.Kind, expires: b.ExpiresMs}
	if b.Quantity != nil {
		name := twinPaperName{kind: b.Kind, own: b.Own, issuer: b.Issuer, country: b.Country, number: b.Number}
		if b.Own {
			name.issuer = string(t.who.id[:])
		}
		p := t.papers[name]
		if p == nil || p.spentMg == 0 && p.spentCount == 0 {
			p = &twinPaper{document: string(b.DocumentSha256), mg: b.Quantity.Micrograms, count: uint64(b.Quantity.Count)}
		}
		if p.document != string(b.DocumentSha256) || p.mg != b.Quantity.Micrograms || p.count != uint64(b.Quantity.Count) {
			return ledger.PaperDiffers
		}
		if p.spentMg+b.Drawn.Micrograms > p.mg || p.spentCount+uint64(b.Drawn.Count) > p.count {
			return ledger.PaperSpent
		}
		p.spentMg += b.Drawn.Micrograms
		p.spentCount += uint64(b.Drawn.Count)
		t.papers[name] = p
		a.paper, a.mg, a.count = p, b.Drawn.Micrograms, uint64(b.Drawn.Count)
	}
	t.attests[t.e.ID] = a
	return ""
}

// countries are the possible ones of goods and of all that is set in them.
func (t *twin) countries(m *twinMatter) []string {
	set := map[string]bool{}
	var walk func(*twinMatter)
	walk = func(m *twinMatter) {
		for _, c := range m.origin {
			for _, code := range words(c.countries) {
				set[code] = true
			}
		}
		for _, line := range m.bill {
			walk(line)
		}
		for _, child := range m.children {
			walk(t.items[child].m)
		}
	}
	walk(m)
	var list []string
	for code := range set {
		list = append(list, code)
	}
	sort.Strings(list)
	return list
}

func (t *twin) attestWithdraw(b *custodyv1.AttestWithdraw) ledger.Reason {
	i, reason := t.subject(b.Item)
	if reason != "" {
		return reason
	}
	a := t.attests[ledger.EventID(b.Attestation)]
	if a == nil || a.item != i.id {
		return ledger.UnknownAttestation
	}
	_, sponsors := t.parties[a.by].sponsors[t.who.id]
	named := len(b.Attestor) > 0
	if named != (a.by != t.who.id) || named && a.by != ledger.PartyID(b.Attestor) || a.by != t.who.id && !sponsors {
		return ledger.NotAttestor
	}
	if a.withdrawn {
		return ledger.AttestationWithdrawn
	}
	a.withdrawn = true
	if a.paper != nil {
		a.paper.spentMg -= a.mg
		a.paper.spentCount -= a.count
	}
	return ""
}

func (t *twin) dispute(b *custodyv1.Dispute) ledger.Reason {
	i, reason := t.subject(b.Item)
	if reason != "" {
		return reason
	}
	if reason := i.ended(); reason != "" {
		return reason
	}
	me := t.who.id
	concerned := t.who.association || i.registrant == me || i.held(me) || i.part(me) > 0 || i.lender(me)
	for _, o := range t.standing(i) {
		concerned = concerned || o.from == me || o.to == me
	}
	if !concerned {
		return ledger.NotConcerned
	}
	for _, d := range i.disputes {
		if d.by == me {
			return ledger.TooManyOpen
		}
	}
	i.disputes = append(i.disputes, twinDispute{t.e.ID, me})
	return ""
}

func (t *twin) ruling(b *custodyv1.Ruling) ledger.Reason {
	i, reason := t.subject(b.Item)
	if reason != "" {
		return reason
	}
	settled := b.Outcome == custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED
	if b.OutsideId != nil {
		laboratorys := b.OutsideId.Kind == custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT || b.OutsideId.Kind == custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION
		switch {
		case settled:
			return ledger.InvalidField
		case t.who.association:
			if len(b.Second) == 0 {
				return ledger.TwoBodiesRequired
			}
		case t.who.role != custodyv1.Role_ROLE_LABORATORY || !laboratorys:
			return ledger.NotAssociation
		case t.who.suspended():
			return ledger.PartySuspended
		}
		at := slices.Index(i.claims, twinClaim{b.OutsideId.Kind, b.OutsideId.Issuer, b.OutsideId.Number})
		if at < 0 {
			return ledger.UnknownClaim
		}
		if b.Outcome == custodyv1.RulingOutcome_RULING_OUTCOME_UPHELD {
			i.claims = slices.Delete(slices.Clone(i.claims), at, at+1)
		}
		return ""
	}
	at := slices.IndexFunc(i.disputes, func(d twinDispute) bool { return d.id == ledger.EventID(b.Dispute) })
	switch {
	case at < 0:
		return ledger.UnknownDispute
	case settled && i.disputes[at].by != t.who.id:
		return ledger.NotConcerned
	case !settled && !t.who.association:
		return ledger.NotAssociation
	case !settled && len(b.Second) == 0:
		return ledger.TwoBodiesRequired
	}
	i.disputes = slices.Delete(slices.Clone(i.disputes), at, at+1)
	return ""
}

func (t *twin) hold(b *custodyv1.Hold) ledger.Reason {
	if len(b.Second) == 0 {
		return ledger.TwoBodiesRequired
	}
	i, reason := t.subject(b.Item)
	if reason != "" {
		return reason
	}
	if reason := i.ended(); reason != "" {
		return reason
	}
	if len(i.holds) >= 16 {
		return ledger.TooManyOpen
	}
	i.holds = append(i.holds, t.e.ID)
	return ""
}

func (t *twin) holdRelease(b *custodyv1.HoldRelease) ledger.Reason {
	if len(b.Second) == 0 {
		return ledger.TwoBodiesRequired
	}
	i, reason := t.subject(b.Item)
	if reason != "" {
		return reason
	}
	at := slices.Index(i.holds, ledger.EventID(b.Hold))
	if at < 0 {
		return ledger.UnknownHold
	}
	i.holds = slices.Delete(slices.Clone(i.holds), at, at+1)
	return ""
}

func (t *twin) incident(b *custodyv1.Incident) ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	if reason != "" {
		return reason
	}
	me := t.who.id
	owns := i.owned(me)
	if !owns && !i.held(me) {
		return i.notHolder()
	}
	want := "befall"
	if b.Kind == custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED {
		want = "destroy"
	}
	if reason := i.blocked(want); reason != "" {
		return reason
	}
	flag := func(at *bool, to bool) ledger.Reason {
		if *at == to {
			return ledger.IncidentInvalid
		}
		*at = to
		return ""
	}
	switch b.Kind {
	case custodyv1.IncidentKind_INCIDENT_KIND_LOST:
		reason = flag(&i.lost, true)
	case custodyv1.IncidentKind_INCIDENT_KIND_STOLEN:
		reason = flag(&i.stolen, true)
	case custodyv1.IncidentKind_INCIDENT_KIND_DAMAGED:
		reason = flag(&i.damaged, true)
	case custodyv1.IncidentKind_INCIDENT_KIND_REPAIRED:
		reason = flag(&i.damaged, false)
	case custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED:
		switch {
		case !i.lost && !i.stolen:
			return ledger.IncidentInvalid
		case i.stolen && !owns:
			return i.notOwner()
		}
		i.lost, i.stolen = false, false
	case custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED:
		if !owns {
			return i.notOwner()
		}
		i.status = "destroyed"
		for _, o := range i.offers {
			o.closed = true
		}
	}
	if reason == "" {
		t.moved(i)
	}
	return reason
}

func (t *twin) void() ledger.Reason {
	i, reason := t.advanced(t.e.Items[0])
	switch {
	case reason != "":
		return reason
	case i.registrant != t.who.id:
		return ledger.NotRegistrant
	case i.touched:
		return ledger.AlreadyOffered
	}
	if reason := i.blocked("change"); reason != "" {
		return reason
	}
	i.status = "voided"
	t.moved(i)
	return ""
}
