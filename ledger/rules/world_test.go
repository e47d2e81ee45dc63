package rules_test

import (
	"encoding/binary"
	"regexp"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// world is a ledger without a node: rules, state and a clock that a test sets.
type world struct {
	t        testing.TB
	id       ledger.LedgerID
	state    *rules.Memory
	head     ledger.Head
	entries  [][]byte
	now      uint64
	nonce    uint64
	seed     uint64
	verifier *sign.Verifier
	antwerp  *actor
	mumbai   *actor
}

// actor is a party with the keys it signs with.
type actor struct {
	id       ledger.PartyID
	key      sign.PrivateKey
	recovery sign.PrivateKey
}

const start = 1_800_000_000_000

func emptyWorld(t testing.TB) *world {
	return &world{t: t, now: start, verifier: sign.NewVerifier(64), state: rules.NewMemory()}
}

func newWorld(t testing.TB) *world {
	w := emptyWorld(t)
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "rules.example.org", CreatedMs: start, RulesVersion: 1, Quorum: 1}
	for _, name := range []string{"antwerp.example.org", "mumbai.example.org"} {
		a := &actor{key: w.newKey()}
		a.id = ledger.NewPartyID(a.key.Public().ID())
		g.Associations = append(g.Associations, ledger.Association{Name: name, Country: "BE", GovernanceKeys: []string{ledger.KeyText(a.key.Public())}})
		if w.antwerp == nil {
			w.antwerp = a
		} else {
			w.mumbai = a
		}
	}
	g.Nodes = []ledger.Node{{
		ID: "a", Association: "antwerp.example.org", PeerAddress: "127.0.0.1:1", ClientAddress: "127.0.0.1:2", Incarnation: "0123456789abcdef",
		TLSKeySHA256: "00000000000000000000000000000000000000000000000000000000000000aa",
		LogKey:       ledger.KeyText(w.newKey().Public()), CosignerKey: ledger.KeyText(w.newKey().Public()), StatementKey: ledger.KeyText(w.newKey().Public()),
	}}
	w.found(g)
	return w
}

// found writes entry 0.
func (w *world) found(g *ledger.Genesis) {
	file, err := g.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.id = ledger.GenesisID(file)
	w.state.Write(rules.Genesis(g))
	entry, err := g.Entry(file).Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.entries = append(w.entries, entry)
	w.head = ledger.Head{Size: 1, LastLeaf: merkle.LeafHash(entry), RecordedAt: start}
}

func (w *world) newKey() sign.PrivateKey {
	w.seed++
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], w.seed)
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// event fills an envelope around a body.
func (w *world) event(party ledger.PartyID, body any) *custodyv1.Event {
	w.nonce++
	nonce := binary.BigEndian.AppendUint64(make([]byte, 8), w.nonce)
	e := &custodyv1.Event{LedgerId: w.id[:], Party: party[:], Nonce: nonce, OccurredAtMs: w.now, NotAfterMs: w.now + uint64(ledger.NotAfterDefault/time.Millisecond)}
	switch b := body.(type) {
	case *custodyv1.PartyAdmit:
		e.Body = &custodyv1.Event_PartyAdmit{PartyAdmit: b}
		e.Commitments = []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Hash: make([]byte, 32)}}
	case *custodyv1.PartySponsor:
		e.Body = &custodyv1.Event_PartySponsor{PartySponsor: b}
	case *custodyv1.PartySuspend:
		e.Body = &custodyv1.Event_PartySuspend{PartySuspend: b}
	case *custodyv1.KeyAdd:
		e.Body = &custodyv1.Event_KeyAdd{KeyAdd: b}
	case *custodyv1.KeyRevoke:
		e.Body = &custodyv1.Event_KeyRevoke{KeyRevoke: b}
	case *custodyv1.PolicyPropose:
		e.Body = &custodyv1.Event_PolicyPropose{PolicyPropose: b}
	case *custodyv1.PolicyApprove:
		e.Body = &custodyv1.Event_PolicyApprove{PolicyApprove: b}
	case *custodyv1.ItemRegister:
		e.Body = &custodyv1.Event_ItemRegister{ItemRegister: b}
	case *custodyv1.ItemVoid:
		e.Body = &custodyv1.Event_ItemVoid{ItemVoid: b}
	case *custodyv1.Offer:
		e.Body = &custodyv1.Event_Offer{Offer: b}
	case *custodyv1.Accept:
		e.Body = &custodyv1.Event_Accept{Accept: b}
	case *custodyv1.Decline:
		e.Body = &custodyv1.Event_Decline{Decline: b}
	case *custodyv1.Withdraw:
		e.Body = &custodyv1.Event_Withdraw{Withdraw: b}
	case *custodyv1.Release:
		e.Commitments = []*custodyv1.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, Hash: make([]byte, 32)}}
		e.Body = &custodyv1.Event_Release{Release: b}
	case *custodyv1.Reenter:
		e.Body = &custodyv1.Event_Reenter{Reenter: b}
	case *custodyv1.Transform:
		e.Body = &custodyv1.Event_Transform{Transform: b}
	case *custodyv1.Reweigh:
		e.Body = &custodyv1.Event_Reweigh{Reweigh: b}
	case *custodyv1.Correct:
		e.Body = &custodyv1.Event_Correct{Correct: b}
	case *custodyv1.Reclaim:
		e.Body = &custodyv1.Event_Reclaim{Reclaim: b}
	case *custodyv1.Share:
		e.Body = &custodyv1.Event_Share{Share: b}
	case *custodyv1.BorderCross:
		e.Body = &custodyv1.Event_BorderCross{BorderCross: b}
	case *custodyv1.Attest:
		e.Body = &custodyv1.Event_Attest{Attest: b}
	case *custodyv1.AttestWithdraw:
		e.Body = &custodyv1.Event_AttestWithdraw{AttestWithdraw: b}
	case *custodyv1.Dispute:
		e.Body = &custodyv1.Event_Dispute{Dispute: b}
	case *custodyv1.Ruling:
		e.Body = &custodyv1.Event_Ruling{Ruling: b}
	case *custodyv1.Hold:
		e.Body = &custodyv1.Event_Hold{Hold: b}
	case *custodyv1.HoldRelease:
		e.Body = &custodyv1.Event_HoldRelease{HoldRelease: b}
	case *custodyv1.Incident:
		e.Body = &custodyv1.Event_Incident{Incident: b}
	default:
		w.t.Fatalf("no event for %T", body)
	}
	return e
}

// candidate signs, decodes and verifies an event.
func (w *world) candidate(message *custodyv1.Event, keys ...sign.PrivateKey) ledger.Candidate {
	w.t.Helper()
	signed, err := ledger.Sign(message, keys...)
	if err != nil {
		w.t.Fatal(err)
	}
	event, rejection := ledger.DecodeEvent(1, signed)
	if rejection != nil {
		w.t.Fatal(rejection)
	}
	verified, rejections := ledger.Verify(w.verifier, []*ledger.Event{event})
	if rejections[0] != nil {
		w.t.Fatal(rejections[0])
	}
	return ledger.Candidate{VerifiedEvent: verified[0]}
}

// submit records candidates as one submission.
func (w *world) submit(candidates ...ledger.Candidate) ledger.Outcome {
	s := rules.NewSequencer(w.id, 1, w.state, w.head)
	outcome, appended := s.Append(candidates, w.now)
	if outcome.Rejection != nil && (len(appended) > 0 || s.Head() != w.head || len(s.Changes().Items)+len(s.Changes().Parties)+len(s.Changes().Keys) > 0) {
		w.t.Fatalf("refused with %v but something changed", outcome.Rejection)
	}
	for _, a := range appended {
		w.state.Record(a.Candidate.ID, a.Entry.Index)
		w.entries = append(w.entries, a.Bytes)
	}
	w.state.Write(s.Changes())
	w.head = s.Head()
	return outcome
}

// do submits one event that must stand and gives its id.
func (w *world) do(party ledger.PartyID, body any, keys ...sign.PrivateKey) ledger.EventID {
	w.t.Helper()
	c := w.candidate(w.event(party, body), keys...)
	if outcome := w.submit(c); outcome.Rejection != nil {
		w.t.Fatalf("%T refused: %v", body, outcome.Rejection)
	}
	return c.ID
}

// bareEnum finds values of enums that a message does not say in words.
var bareEnum = regexp.MustCompile(`\b(form|material|metal|nature|stage|mode|kind|process|unit|role) \d|[A-Z]+_[A-Z]+_[A-Z]+`)

// refuse submits one event that must be refused for a reason, in words.
func (w *world) refuse(reason ledger.Reason, message *custodyv1.Event, keys ...sign.PrivateKey) {
	w.t.Helper()
	outcome := w.submit(w.candidate(message, keys...))
	if outcome.Rejection == nil {
		w.t.Fatalf("accepted, want %s", reason)
	}
	if bareEnum.MatchString(outcome.Rejection.Message) {
		w.t.Errorf("a number where people read words: %q", outcome.Rejection.Message)
	}
	if outcome.Rejection.Reason != reason {
		w.t.Fatalf("refused with %v, want %s", outcome.Rejection, reason)
	}
	seen[reason] = true
}

// seen collects the reasons that tests of this package provoked.
var seen = map[ledger.Reason]bool{}

// dealer admits a party.
func (w *world) dealer() *actor {
	w.t.Helper()
	a := &actor{key: w.newKey(), recovery: w.newKey()}
	a.id = ledger.NewPartyID(a.key.Public().ID())
	w.do(w.antwerp.id, admission(a), w.antwerp.key, a.key, a.recovery)
	return a
}

func admission(a *actor) *custodyv1.PartyAdmit {
	return &custodyv1.PartyAdmit{
		Key: a.key.Public().Bytes(), RecoveryKey: a.recovery.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), Country: "IN", Role: custodyv1.Role_ROLE_DEALER,
	}
}

func stone() *custodyv1.ItemRegister {
	return &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass:        &custodyv1.Mass{Micrograms: 46_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin:      []*custodyv1.OriginComponent{{Micrograms: 46_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN}},
	}
}

// stone registers one for a dealer.
func (w *world) stone(owner *actor) ledger.ItemID {
	w.t.Helper()
	return ledger.NewItemID(w.do(owner.id, stone(), owner.key), 0)
}

// on names an item with its last event.
func (w *world) on(item ledger.ItemID) *custodyv1.ItemRef {
	last := w.state.Items[item].Last
	return &custodyv1.ItemRef{Item: item[:], Prev: last[:]}
}

func (w *world) offerOf(item ledger.ItemID, to *actor, mode custodyv1.Mode) *custodyv1.Offer {
	o := &custodyv1.Offer{Item: w.on(item), To: to.id[:], Mode: mode, ExpiresAtMs: w.now + 1000}
	if mode == custodyv1.Mode_MODE_MEMO || mode == custodyv1.Mode_MODE_SERVICE || mode == custodyv1.Mode_MODE_LOAN {
		o.UntilMs = w.now + 5000
	}
	return o
}

// accept answers an offer that was made of an item, now or earlier.
func (w *world) accept(item ledger.ItemID, offer ledger.EventID) *custodyv1.Accept {
	var from ledger.PartyID
	for _, o := range w.state.Items[item].Offers {
		if o.Event == offer {
			from = o.From
		}
	}
	return &custodyv1.Accept{Item: w.on(item), Offer: offer[:], From: from[:]}
}

// hand offers an item and accepts it.
func (w *world) hand(item ledger.ItemID, from, to *actor, mode custodyv1.Mode) {
	w.t.Helper()
	offer := w.do(from.id, w.offerOf(item, to, mode), from.key)
	w.do(to.id, w.accept(item, offer), to.key)
}

func (w *world) holds(item ledger.ItemID, holder, owner *actor) {
	w.t.Helper()
	i := w.state.Items[item]
	if !i.Custody.Is(holder.id) || !i.Owner().Is(owner.id) {
		w.t.Fatalf("custody %+v title %+v, want holder %s owner %s", i.Custody, i.Title, holder.id, owner.id)
	}
}
