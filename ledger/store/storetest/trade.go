package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Trade makes up signed events: associations that admit, dealers that register
// stones and pass them on, and some that try what the rules refuse. It looks at
// a Twin to know what would stand. The same picks give the same events.
type Trade struct {
	Genesis *ledger.Genesis
	File    []byte
	Twin    *Twin
	// Now is the ledger time of the next events, in unix milliseconds.
	Now          uint64
	Associations []*Actor
	Dealers      []*Actor
	Nodes        []NodeKeys // in the order of the genesis
	// Council makes the associations propose and approve policies too.
	Council bool

	pick     func(n int) int // one of 0 to n-1
	verifier *sign.Verifier
	counter  uint64
	past     []ledger.Submission
	private  map[sign.PublicKey]sign.PrivateKey // of nodes, proposed ones too
}

// Actor is a party with the keys it signs with.
type Actor struct {
	ID       ledger.PartyID
	Key      sign.PrivateKey
	Recovery sign.PrivateKey
	Spare    []sign.PrivateKey
}

// Start is the ledger time of the founding.
const Start = 1_800_000_000_000

const pastMax = 32

// NewTrade founds a ledger of two made-up associations.
func NewTrade(pick func(n int) int) *Trade {
	t := &Trade{Now: Start, pick: pick, verifier: sign.NewVerifier(256), private: map[sign.PublicKey]sign.PrivateKey{}}
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "store.example.org/trade", CreatedMs: Start, RulesVersion: ledger.RulesVersion1, Quorum: 2}
	for i, name := range []string{"antwerp.example.org", "mumbai.example.org"} {
		a := &Actor{Key: t.newKey()}
		a.ID = ledger.NewPartyID(a.Key.Public().ID())
		t.Associations = append(t.Associations, a)
		keys := t.newNodeKeys()
		t.Nodes = append(t.Nodes, keys)
		g.Associations = append(g.Associations, ledger.Association{Name: name, Country: "BE", GovernanceKeys: []string{ledger.KeyText(a.Key.Public())}})
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: fmt.Sprintf("node-%d", i), Association: name, Incarnation: "0123456789abcdef",
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+i),
			TLSKeySHA256: fmt.Sprintf("%064x", 170+i),
			LogKey:       ledger.KeyText(keys.Log.Public()), CosignerKey: ledger.KeyText(keys.Cosigner.Public()), StatementKey: ledger.KeyText(keys.Statement.Public()),
		})
	}
	file, err := g.Encode()
	if err != nil {
		panic(err)
	}
	t.Genesis, t.File, t.Twin = g, file, NewTwin(g, file)
	return t
}

// Pseudorandom gives picks that depend on the seed alone.
func Pseudorandom(seed uint64) func(n int) int {
	counter := uint64(0)
	return func(n int) int {
		counter++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), counter))
		return int(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
	}
}

func (t *Trade) newKey() sign.PrivateKey {
	t.counter++
	seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("storetest"), t.counter))
	key, err := sign.NewPrivateKey(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func (t *Trade) chance(percent int) bool { return t.pick(100) < percent }

// Next makes up a submission that fits the state of the twin, mostly. Hand it to
// Apply of the twin and of what is compared with it.
func (t *Trade) Next() ledger.Submission {
	t.Now += uint64(t.pick(2000))
	var s ledger.Submission
	switch n := t.pick(100); {
	case t.Council && t.chance(12):
		s = t.policy()
	case len(t.Dealers) < 2 || n < 4 && len(t.Dealers) < 8:
		s = t.Admit()
	case n < 34:
		s = t.Register(t.dealer())
	case n < 40:
		s = t.group()
	case n < 45:
		s = t.keys()
	case n < 49:
		s = t.sponsor()
	case n < 53 && len(t.past) > 0:
		return t.past[t.pick(len(t.past))]
	case n < 78:
		s = t.matter()
	default:
		s = t.move()
	}
	if t.past = append(t.past, s); len(t.past) > pastMax {
		t.past = t.past[1:]
	}
	return s
}

func (t *Trade) dealer() *Actor { return t.Dealers[t.pick(len(t.Dealers))] }

// Admit admits a new dealer, with an opening of its name.
func (t *Trade) Admit() ledger.Submission {
	a := &Actor{Key: t.newKey(), Recovery: t.newKey()}
	a.ID = ledger.NewPartyID(a.Key.Public().ID())
	t.Dealers = append(t.Dealers, a)
	association := t.Associations[t.pick(len(t.Associations))]
	event := t.envelope(association.ID)
	event.Body = &custodyv1.Event_PartyAdmit{PartyAdmit: &custodyv1.PartyAdmit{
		Key: a.Key.Public().Bytes(), RecoveryKey: a.Recovery.Public().Bytes(), Scopes: uint32(ledger.ScopesAll), Country: "IN", Role: custodyv1.Role_ROLE_DEALER,
	}}
	opening := t.commit(event, a.ID, custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, fmt.Sprintf("Dealer %d", len(t.Dealers)))
	return ledger.Submission{t.candidate(event, []ledger.Opening{opening}, association.Key, a.Key, a.Recovery)}
}

// commit adds a commitment to an event about a party and gives its opening.
// Fields ascend.
func (t *Trade) commit(event *custodyv1.Event, subject ledger.PartyID, field custodyv1.PrivateField, value string) ledger.Opening {
	t.counter++
	opening := ledger.Opening{Field: field, Value: value, Salt: sha256.Sum256(binary.BigEndian.AppendUint64([]byte("salt"), t.counter))}
	hash := opening.Commit(subject).Hash
	event.Commitments = append(event.Commitments, &custodyv1.Commitment{Field: field, Hash: hash[:]})
	return opening
}

// Register registers a stone of a dealer: an event of about 400 bytes.
func (t *Trade) Register(a *Actor) ledger.Submission {
	return ledger.Submission{t.registration(a, nil)}
}

func (t *Trade) registration(a *Actor, group *custodyv1.Group) ledger.Candidate {
	event := t.envelope(a.ID)
	event.Group = group
	carats := uint64(20_000 + t.pick(800_000))
	body := &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass: &custodyv1.Mass{Micrograms: carats, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Description: &custodyv1.Description{
			Shape: "round", Colour: []string{"D", "E", "F", "G", "H"}[t.pick(5)], Clarity: []string{"IF", "VVS1", "VS2", "SI1"}[t.pick(4)],
			LengthUm: uint32(3000 + t.pick(5000)), WidthUm: uint32(3000 + t.pick(5000)), HeightUm: uint32(2000 + t.pick(3000)),
			DepthPermyriad: uint32(5800 + t.pick(600)), TablePermyriad: uint32(5500 + t.pick(500)),
		},
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin: []*custodyv1.OriginComponent{{
			Micrograms: carats, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW", "CA", "ZA"},
			Producer: "mine.example.org",
		}},
		ProcessedIn: "IN",
	}
	if t.chance(70) {
		reference := sha256.Sum256([]byte(fmt.Sprint("reference ", t.counter)))
		if t.chance(5) {
			reference = sha256.Sum256([]byte{byte(t.pick(8))})
		}
		body.Reference = reference[:16]
	}
	if t.chance(50) {
		// Few numbers, so that several items claim the same one.
		for i := range 1 + t.pick(2) {
			body.OutsideIds = append(body.OutsideIds, &custodyv1.OutsideId{
				Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: []string{"LAB", "LAB2"}[i], Number: fmt.Sprint(t.pick(30)),
			})
		}
	}
	event.Body = &custodyv1.Event_ItemRegister{ItemRegister: body}
	var openings []ledger.Opening
	if t.chance(30) {
		openings = append(openings, t.commit(event, a.ID, custodyv1.PrivateField_PRIVATE_FIELD_PRICE, fmt.Sprint(t.pick(100_000))))
		openings = append(openings, t.commit(event, a.ID, custodyv1.PrivateField_PRIVATE_FIELD_STOCK_NUMBER, fmt.Sprint("S-", t.counter)))
	}
	return t.candidate(event, openings, a.Key)
}

// group registers several stones that stand or fall together.
func (t *Trade) group() ledger.Submission {
	t.counter++
	id := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("group"), t.counter))
	count := 2 + t.pick(4)
	a := t.dealer()
	var s ledger.Submission
	for i := range count {
		s = append(s, t.registration(a, &custodyv1.Group{Id: id[:16], Position: uint32(i), Count: uint32(count)}))
	}
	return s
}

func (t *Trade) keys() ledger.Submission {
	a := t.dealer()
	event := t.envelope(a.ID)
	if len(a.Spare) > 0 && t.chance(50) {
		revoked := a.Spare[t.pick(len(a.Spare))].Public().ID()
		event.Body = &custodyv1.Event_KeyRevoke{KeyRevoke: &custodyv1.KeyRevoke{KeyId: revoked[:], Reason: custodyv1.RevokeReason_REVOKE_REASON_REPLACED}}
		return ledger.Submission{t.candidate(event, nil, a.Key)}
	}
	key := t.newKey()
	a.Spare = append(a.Spare, key)
	event.Body = &custodyv1.Event_KeyAdd{KeyAdd: &custodyv1.KeyAdd{Key: key.Public().Bytes(), Scopes: uint32(ledger.ScopeRegister)}}
	return ledger.Submission{t.candidate(event, nil, a.Key, key)}
}

func (t *Trade) sponsor() ledger.Submission {
	association, a := t.Associations[t.pick(len(t.Associations))], t.dealer()
	event := t.envelope(association.ID)
	if t.chance(20) {
		event.Body = &custodyv1.Event_PartySuspend{PartySuspend: &custodyv1.PartySuspend{Party: a.ID[:], Reason: custodyv1.SuspendReason_SUSPEND_REASON_UNDER_REVIEW}}
	} else {
		event.Body = &custodyv1.Event_PartySponsor{PartySponsor: &custodyv1.PartySponsor{Party: a.ID[:]}}
	}
	return ledger.Submission{t.candidate(event, nil, association.Key)}
}

// policy proposes new keys for an association's node, or approves what stands.
func (t *Trade) policy() ledger.Submission {
	at := t.pick(len(t.Associations))
	association, state := t.Associations[at], t.Twin.Governs
	event := t.envelope(association.ID)
	if len(state.Proposals) > 0 && t.chance(70) {
		proposal := state.Proposals[t.pick(len(state.Proposals))].Event
		event.Body = &custodyv1.Event_PolicyApprove{PolicyApprove: &custodyv1.PolicyApprove{Proposal: proposal[:]}}
		return ledger.Submission{t.candidate(event, nil, association.Key)}
	}
	base, keys := state.InForce.ID(), t.newNodeKeys()
	event.Body = &custodyv1.Event_PolicyPropose{PolicyPropose: &custodyv1.PolicyPropose{Base: base[:], Quorum: state.InForce.Quorum, Node: &custodyv1.NodeKeys{
		NodeId: state.InForce.Nodes[at].ID, LogKey: keys.Log.Public().Bytes(), CosignerKey: keys.Cosigner.Public().Bytes(), StatementKey: keys.Statement.Public().Bytes(),
	}}}
	return ledger.Submission{t.candidate(event, nil, association.Key, keys.Log, keys.Cosigner, keys.Statement)}
}

func (t *Trade) newNodeKeys() NodeKeys {
	keys := NodeKeys{Log: t.newKey(), Cosigner: t.newKey(), Statement: t.newKey()}
	for _, key := range []sign.PrivateKey{keys.Log, keys.Cosigner, keys.Statement} {
		t.private[key.Public()] = key
	}
	return keys
}

// move does something with one of the items.
func (t *Trade) move() ledger.Submission {
	items := t.Twin.ItemsWhere(func(i rules.Item) bool { return i.Status == rules.Live })
	if len(items) == 0 {
		return t.Register(t.dealer())
	}
	offered := t.Twin.ItemsWhere(func(i rules.Item) bool { return i.Status == rules.Live && len(i.Offers) > 0 })
	if len(offered) > 0 && t.chance(40) { // or answers would be few, and mostly late
		items = offered
	}
	item := t.Twin.Items[items[t.pick(len(items))]]
	on := &custodyv1.ItemRef{Item: item.ID[:], Prev: item.Last[:]}
	if t.chance(3) {
		on.Prev = make([]byte, 32)
	}
	if item.Custody.Outside != nil {
		by := t.actor(item.Custody.Outside.ReleasedBy)
		if t.chance(30) {
			return t.release(on, by)
		}
		return t.signed(by, &custodyv1.Event_Reenter{Reenter: &custodyv1.Reenter{Item: on, Identity: custodyv1.Identity_IDENTITY_STATED}})
	}
	if len(item.Offers) > 0 && t.chance(85) {
		return t.answer(on, item.Offers[t.pick(len(item.Offers))])
	}
	holder := t.actor(item.Custody.Party)
	switch {
	case t.chance(15):
		return t.signed(t.actor(item.Registrant), &custodyv1.Event_ItemVoid{ItemVoid: &custodyv1.ItemVoid{Item: on, Reason: custodyv1.VoidReason_VOID_REASON_MISTAKE}})
	case t.chance(15):
		return t.release(on, holder)
	}
	return t.offer(on, item, holder)
}

// release gives goods to somebody outside, with an opening of the name.
func (t *Trade) release(on *custodyv1.ItemRef, by *Actor) ledger.Submission {
	event := t.envelope(by.ID)
	event.Body = &custodyv1.Event_Release{Release: &custodyv1.Release{Item: on, Reason: custodyv1.OutsideReason(1 + t.pick(2)), Country: "US"}}
	opening := t.commit(event, by.ID, custodyv1.PrivateField_PRIVATE_FIELD_COUNTERPARTY, fmt.Sprintf("Customer %d", t.counter))
	return ledger.Submission{t.candidate(event, []ledger.Opening{opening}, by.Key)}
}

func (t *Trade) offer(on *custodyv1.ItemRef, item rules.Item, holder *Actor) ledger.Submission {
	offer := &custodyv1.Offer{Item: on, Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: t.Now + uint64(5000+t.pick(20_000)), GoodsLeft: t.chance(30)}
	from, to := holder, t.dealer()
	switch {
	case item.Custody.Is(item.Owner().Party) && t.chance(50):
		offer.Mode, offer.UntilMs = custodyv1.Mode_MODE_MEMO, t.Now+1_000_000
	case !item.Custody.Is(item.Owner().Party) && t.chance(50):
		offer.Mode, to = custodyv1.Mode_MODE_RETURN, t.actor(item.Owner().Party)
	case !item.Custody.Is(item.Owner().Party):
		offer.Mode, offer.GoodsLeft, from, to = custodyv1.Mode_MODE_MEMO_TO_SALE, false, t.actor(item.Owner().Party), holder
	}
	offer.To = to.ID[:]
	return t.signed(from, &custodyv1.Event_Offer{Offer: offer})
}

func (t *Trade) answer(on *custodyv1.ItemRef, offer rules.Offer) ledger.Submission {
	switch n := t.pick(100); {
	case n < 70:
		return t.signed(t.actor(offer.To), &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: on, Offer: offer.Event[:], From: offer.From[:]}})
	case n < 85:
		return t.signed(t.actor(offer.To), &custodyv1.Event_Decline{Decline: &custodyv1.Decline{Item: on, Offer: offer.Event[:], Reason: custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED}})
	}
	return t.signed(t.actor(offer.From), &custodyv1.Event_Withdraw{Withdraw: &custodyv1.Withdraw{Item: on, Offer: offer.Event[:]}})
}

// actor finds a dealer by its id; any dealer for an id that is none's.
func (t *Trade) actor(id ledger.PartyID) *Actor {
	for _, a := range t.Dealers {
		if a.ID == id {
			return a
		}
	}
	return t.dealer()
}

func (t *Trade) envelope(party ledger.PartyID) *custodyv1.Event {
	t.counter++
	nonce := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("nonce"), t.counter))
	return &custodyv1.Event{
		LedgerId: t.Twin.ID[:], Party: party[:], Nonce: nonce[:16],
		OccurredAtMs: t.Now, NotAfterMs: t.Now + uint64(ledger.NotAfterDefault/time.Millisecond),
	}
}

// signed makes the submission of an event with one of the bodies of
// custodyv1.Event, signed by a party's first key.
func (t *Trade) signed(a *Actor, body any) ledger.Submission {
	event := t.envelope(a.ID)
	switch b := body.(type) {
	case *custodyv1.Event_ItemVoid:
		event.Body = b
	case *custodyv1.Event_Offer:
		event.Body = b
	case *custodyv1.Event_Accept:
		event.Body = b
	case *custodyv1.Event_Decline:
		event.Body = b
	case *custodyv1.Event_Withdraw:
		event.Body = b
	case *custodyv1.Event_Reenter:
		event.Body = b
	default:
		panic(fmt.Sprintf("storetest: no event for %T", body))
	}
	return ledger.Submission{t.candidate(event, nil, a.Key)}
}

// candidate signs, decodes and verifies an event.
func (t *Trade) candidate(message *custodyv1.Event, openings []ledger.Opening, keys ...sign.PrivateKey) ledger.Candidate {
	signed, err := ledger.Sign(message, keys...)
	if err != nil {
		panic(err)
	}
	event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed)
	if rejection != nil {
		panic(rejection)
	}
	verified, rejections := ledger.Verify(t.verifier, []*ledger.Event{event})
	if rejections[0] != nil {
		panic(rejections[0])
	}
	return ledger.Candidate{VerifiedEvent: verified[0], Openings: openings}
}
