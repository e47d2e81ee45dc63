package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// world is a ledger that is written, with the keys of everybody on it.
type world struct {
	testing.TB
	file    []byte
	id      ledger.LedgerID
	state   *State // after all entries
	entries [][]byte
	// goodsFrom is where the entries of goods begin; 0 if there are none.
	goodsFrom int
	now       uint64
	keys      map[string]sign.PrivateKey
	nonces    uint64
	last      map[ledger.ItemID]ledger.EventID
}

func seeded(name string) sign.PrivateKey {
	var seed [sign.SeedSize]byte
	copy(seed[:], name)
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func keyText(name string) string { return ledger.KeyText(seeded(name).Public()) }

func genesisFile(t testing.TB, name string) []byte {
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: name, CreatedMs: 1_700_000_000_000, RulesVersion: 1, Quorum: 2}
	for i, association := range []string{"north.example.org", "south.example.org", "west.example.org"} {
		g.Associations = append(g.Associations, ledger.Association{Name: association, Country: "BE", GovernanceKeys: []string{keyText("governs " + association)}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: fmt.Sprintf("node-%d", i), Association: association,
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+i),
			Incarnation: fmt.Sprintf("%016x", i+1), TLSKeySHA256: fmt.Sprintf("%064x", i+1),
			LogKey: keyText("log " + association), CosignerKey: keyText("cosigns " + association), StatementKey: keyText("states " + association),
		})
	}
	file, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func newWorld(t testing.TB) *world {
	file := genesisFile(t, "ledger.example.org/trade")
	state, err := Start(file)
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := ledger.DecodeGenesis(file)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := genesis.Entry(file).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		TB: t, file: file, id: ledger.GenesisID(file), state: state, entries: [][]byte{entry},
		now: 1_700_000_100_000, keys: map[string]sign.PrivateKey{}, last: map[ledger.ItemID]ledger.EventID{},
	}
}

func partyOf(name string) ledger.PartyID {
	switch name {
	case "north", "south", "west":
		return ledger.NewPartyID(seeded("governs " + name + ".example.org").Public().ID())
	}
	return ledger.NewPartyID(seeded(name).Public().ID())
}

func signerOf(name string) sign.PrivateKey {
	switch name {
	case "north", "south", "west":
		return seeded("governs " + name + ".example.org")
	}
	return seeded(name)
}

// event signs an event of a party, by its first key unless others are given.
func (w *world) event(party string, group *custodyv1.Group, body func(*custodyv1.Event), more ...sign.PrivateKey) ledger.SignedEvent {
	w.nonces++
	id := partyOf(party)
	message := &custodyv1.Event{
		LedgerId: w.id[:], Party: id[:], Nonce: binary.BigEndian.AppendUint64(make([]byte, 8), w.nonces),
		OccurredAtMs: w.now, NotAfterMs: w.now + 7*24*3600*1000, Group: group,
	}
	body(message)
	keys := more
	if len(more) == 0 || body == nil || message.GetPartyAdmit() != nil || message.GetKeyAdd() != nil {
		keys = append([]sign.PrivateKey{signerOf(party)}, more...)
	}
	signed, err := ledger.Sign(message, keys...)
	if err != nil {
		w.Fatal(err)
	}
	return signed
}

func candidates(t testing.TB, events ...ledger.SignedEvent) ledger.Submission {
	t.Helper()
	var decoded []*ledger.Event
	for _, signed := range events {
		event, rejection := ledger.DecodeEvent(1, signed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		decoded = append(decoded, event)
	}
	verified, rejections := ledger.Verify(sign.NewVerifier(16), decoded)
	var submission ledger.Submission
	for i := range verified {
		if rejections[i] != nil {
			t.Fatal(rejections[i])
		}
		submission = append(submission, ledger.Candidate{VerifiedEvent: verified[i]})
	}
	return submission
}

// add records events together.
func (w *world) add(events ...ledger.SignedEvent) ledger.EventID {
	w.Helper()
	w.now += 1000
	sequencer := rules.NewSequencer(w.id, 1, w.state, w.state.Head())
	outcome, appended := sequencer.Append(candidates(w, events...), w.now)
	if outcome.Rejection != nil {
		w.Fatal(outcome.Rejection)
	}
	w.state.Apply(rules.Block{Entries: appended, Changes: sequencer.Changes()})
	for _, a := range appended {
		w.entries = append(w.entries, a.Bytes)
		for _, ref := range a.Candidate.Items {
			w.last[ref.Item] = a.Candidate.ID
		}
		for _, id := range a.Candidate.Outputs() {
			w.last[id] = a.Candidate.ID
		}
	}
	return events[0].ID()
}

func (w *world) admit(association, dealer string) {
	recovery := seeded("recovers " + dealer)
	opening := ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, Salt: [32]byte{1}, Value: dealer}
	hash := opening.Commit(ledger.NewPartyID(seeded(dealer).Public().ID())).Hash
	w.add(w.event(association, nil, func(e *custodyv1.Event) {
		e.Commitments = []*custodyv1.Commitment{{Field: opening.Field, Hash: hash[:]}}
		e.Body = &custodyv1.Event_PartyAdmit{PartyAdmit: &custodyv1.PartyAdmit{
			Key: seeded(dealer).Public().Bytes(), Scopes: uint32(ledger.ScopesAll), RecoveryKey: recovery.Public().Bytes(), Country: "IN", Role: custodyv1.Role_ROLE_DEALER,
		}}
	}, seeded(dealer), recovery))
}

func (w *world) registration(dealer string, group *custodyv1.Group, n int) ledger.SignedEvent {
	return w.event(dealer, group, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
			Mass:        &custodyv1.Mass{Micrograms: 200_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
			Description: &custodyv1.Description{Shape: "round", Colour: "E", Clarity: "VS1", Cut: "Ideal", LengthUm: 4300, WidthUm: 4310, HeightUm: 2700},
			Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
			Origin:      []*custodyv1.OriginComponent{{Micrograms: 200_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED}},
			Reference:   binary.BigEndian.AppendUint64(make([]byte, 8), uint64(n)),
		}}
	})
}

func (w *world) register(dealer string, n int) ledger.ItemID {
	id := w.add(w.registration(dealer, nil, n))
	item := ledger.NewItemID(id, 0)
	w.last[item] = id
	return item
}

func (w *world) ref(item ledger.ItemID) *custodyv1.ItemRef {
	prev := w.last[item]
	return &custodyv1.ItemRef{Item: item[:], Prev: prev[:]}
}

func (w *world) offer(from, to string, item ledger.ItemID, mode custodyv1.Mode) ledger.EventID {
	return w.add(w.event(from, nil, func(e *custodyv1.Event) {
		receiver := partyOf(to)
		offer := &custodyv1.Offer{Item: w.ref(item), To: receiver[:], Mode: mode, ExpiresAtMs: w.now + 3600_000}
		if mode == custodyv1.Mode_MODE_MEMO {
			offer.UntilMs = w.now + 30*24*3600_000
			offer.GoodsLeft = true
		}
		e.Body = &custodyv1.Event_Offer{Offer: offer}
	}))
}

func (w *world) accept(party, from string, item ledger.ItemID, offer ledger.EventID) {
	w.add(w.event(party, nil, func(e *custodyv1.Event) {
		offerer := partyOf(from)
		e.Body = &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: w.ref(item), Offer: offer[:], From: offerer[:]}}
	}))
}

func (w *world) pass(from, to string, item ledger.ItemID, mode custodyv1.Mode) {
	w.accept(to, from, item, w.offer(from, to, item, mode))
}

// story writes a small ledger with every kind of event.
func story(t testing.TB) *world {
	w := newWorld(t)
	w.admit("north", "asha")
	w.admit("south", "bram")
	w.admit("west", "chen")
	a := w.register("asha", 1)
	b := w.register("asha", 2)
	w.pass("asha", "bram", a, custodyv1.Mode_MODE_SALE)
	w.pass("bram", "chen", a, custodyv1.Mode_MODE_MEMO)
	w.pass("bram", "chen", a, custodyv1.Mode_MODE_MEMO_TO_SALE)
	w.pass("asha", "chen", b, custodyv1.Mode_MODE_MEMO)
	w.pass("chen", "asha", b, custodyv1.Mode_MODE_RETURN)
	id := []byte("sixteen bytes id")
	w.add(
		w.registration("asha", &custodyv1.Group{Id: id, Count: 3}, 3),
		w.registration("asha", &custodyv1.Group{Id: id, Position: 1, Count: 3}, 4),
		w.event("asha", &custodyv1.Group{Id: id, Position: 2, Count: 3}, func(e *custodyv1.Event) {
			receiver := partyOf("bram")
			e.Body = &custodyv1.Event_Offer{Offer: &custodyv1.Offer{Item: w.ref(b), To: receiver[:], Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: w.now + 3600_000}}
		}),
	)
	offer := w.last[b]
	w.add(w.event("bram", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Decline{Decline: &custodyv1.Decline{Item: w.ref(b), Offer: offer[:], Reason: custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED}}
	}))
	offer = w.offer("asha", "chen", b, custodyv1.Mode_MODE_SALE)
	w.add(w.event("asha", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Withdraw{Withdraw: &custodyv1.Withdraw{Item: w.ref(b), Offer: offer[:]}}
	}))
	w.add(w.event("asha", nil, func(e *custodyv1.Event) {
		buyer := ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, Salt: [32]byte{2}, Value: "a buyer"}.Commit(partyOf("asha"))
		e.Commitments = []*custodyv1.Commitment{{Field: buyer.Field, Hash: buyer.Hash[:]}}
		e.Body = &custodyv1.Event_Release{Release: &custodyv1.Release{Item: w.ref(b), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SOLD, Country: "US"}}
	}))
	w.add(w.event("asha", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Reenter{Reenter: &custodyv1.Reenter{Item: w.ref(b), Identity: custodyv1.Identity_IDENTITY_STATED}}
	}))
	c := w.register("chen", 9)
	w.add(w.event("chen", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_ItemVoid{ItemVoid: &custodyv1.ItemVoid{Item: w.ref(c), Reason: custodyv1.VoidReason_VOID_REASON_MISTAKE}}
	}))
	clerk := seeded("clerk of chen")
	w.add(w.event("chen", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_KeyAdd{KeyAdd: &custodyv1.KeyAdd{Key: clerk.Public().Bytes(), Scopes: uint32(ledger.ScopeReceive)}}
	}, clerk))
	w.add(w.event("chen", nil, func(e *custodyv1.Event) {
		id := clerk.Public().ID()
		e.Body = &custodyv1.Event_KeyRevoke{KeyRevoke: &custodyv1.KeyRevoke{KeyId: id[:], Reason: custodyv1.RevokeReason_REVOKE_REASON_LEFT}}
	}))
	chen := partyOf("chen")
	w.add(w.event("north", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_PartySponsor{PartySponsor: &custodyv1.PartySponsor{Party: chen[:]}}
	}))
	w.add(w.event("west", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_PartySuspend{PartySuspend: &custodyv1.PartySuspend{Party: chen[:], Reason: custodyv1.SuspendReason_SUSPEND_REASON_UNDER_REVIEW}}
	}))
	w.govern()
	// One item outside on memo, one offer declined with the goods still away, one
	// offer open: states that a saved state must carry.
	d := w.register("asha", 10)
	w.add(w.event("asha", nil, func(e *custodyv1.Event) {
		buyer := ledger.Opening{Field: custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, Salt: [32]byte{2}, Value: "a buyer"}.Commit(partyOf("asha"))
		e.Commitments = []*custodyv1.Commitment{{Field: buyer.Field, Hash: buyer.Hash[:]}}
		e.Body = &custodyv1.Event_Release{Release: &custodyv1.Release{Item: w.ref(d), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, Country: "US"}}
	}))
	offer = w.offer("asha", "bram", b, custodyv1.Mode_MODE_MEMO)
	w.add(w.event("bram", nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Decline{Decline: &custodyv1.Decline{Item: w.ref(b), Offer: offer[:], Reason: custodyv1.DeclineReason_DECLINE_REASON_NEVER_ARRIVED}}
	}))
	w.offer("chen", "bram", a, custodyv1.Mode_MODE_SALE)
	w.goods()
	return w
}

func (w *world) head() TreeHead { return w.state.TreeHead() }

// copySource is a copy of a ledger's data.
type copySource struct {
	name    string
	entries [][]byte
	head    TreeHead
}

func (s *copySource) Name() string                           { return s.name }
func (s *copySource) Head(context.Context) (TreeHead, error) { return s.head, nil }
func (s *copySource) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	for i := from; i < min(to, uint64(len(s.entries))); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(s.entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) source(name string) *copySource {
	return &copySource{name: name, entries: append([][]byte(nil), w.entries...), head: w.head()}
}

// audit judges sources from the genesis.
func (w *world) audit(sources ...*copySource) *Report {
	w.Helper()
	state, err := Start(w.file)
	if err != nil {
		w.Fatal(err)
	}
	return w.auditFrom(state, sources...)
}

func (w *world) auditFrom(state *State, sources ...*copySource) *Report {
	w.Helper()
	auditor := Auditor{State: state}
	for _, s := range sources {
		auditor.Sources = append(auditor.Sources, s)
	}
	report, err := auditor.Run(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return report
}

func rootOf(entries [][]byte) merkle.Hash {
	var tree merkle.Frontier
	for _, e := range entries {
		tree.Append(merkle.LeafHash(e), nil)
	}
	return tree.Root()
}

func flip(b []byte, bit int) []byte {
	flipped := append([]byte(nil), b...)
	flipped[bit/8] ^= 1 << (bit % 8)
	return flipped
}
