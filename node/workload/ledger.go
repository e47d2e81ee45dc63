package workload

import (
	"cmp"
	"maps"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Ledger is a ledger without a node: rules over maps. It is a rules.View.
type Ledger struct {
	ID   ledger.LedgerID
	Head ledger.Head

	parties       map[ledger.PartyID]rules.Party
	keys          map[sign.KeyID]rules.Key
	items         map[ledger.ItemID]rules.Item
	matters       map[ledger.ItemID]rules.Matter
	attestations  map[ledger.EventID]rules.Attestation
	papers        map[rules.PaperID]rules.Paper
	claims        map[ledger.ItemID][]rules.OutsideID
	registrations map[registration]ledger.ItemID
	events        map[ledger.EventID]uint64
	policy        rules.PolicyState

	order    []ledger.ItemID // items, as they came into being
	verifier *sign.Verifier
}

type registration struct {
	party     ledger.PartyID
	reference ledger.Reference
}

// NewLedger founds a ledger by a genesis file's content.
func NewLedger(g *ledger.Genesis) (*Ledger, error) {
	file, err := g.Encode()
	if err != nil {
		return nil, err
	}
	entry, err := g.Entry(file).Encode()
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		ID:            ledger.GenesisID(file),
		Head:          ledger.Head{Size: 1, LastLeaf: merkle.LeafHash(entry), RecordedAt: g.CreatedMs},
		parties:       map[ledger.PartyID]rules.Party{},
		keys:          map[sign.KeyID]rules.Key{},
		items:         map[ledger.ItemID]rules.Item{},
		matters:       map[ledger.ItemID]rules.Matter{},
		attestations:  map[ledger.EventID]rules.Attestation{},
		papers:        map[rules.PaperID]rules.Paper{},
		claims:        map[ledger.ItemID][]rules.OutsideID{},
		registrations: map[registration]ledger.ItemID{},
		events:        map[ledger.EventID]uint64{},
		verifier:      sign.NewVerifier(256),
	}
	l.write(rules.Genesis(g))
	return l, nil
}

// clone is a ledger that goes on by itself from here. Values are replaced, never
// changed, so that the two may share them.
func (l *Ledger) clone() *Ledger {
	c := *l
	c.parties, c.keys = maps.Clone(l.parties), maps.Clone(l.keys)
	c.items, c.matters = maps.Clone(l.items), maps.Clone(l.matters)
	c.attestations, c.papers = maps.Clone(l.attestations), maps.Clone(l.papers)
	c.claims, c.registrations = maps.Clone(l.claims), maps.Clone(l.registrations)
	c.events, c.order = maps.Clone(l.events), slices.Clone(l.order)
	c.verifier = sign.NewVerifier(256)
	return &c
}

func (l *Ledger) Party(id ledger.PartyID) (rules.Party, bool)  { p, ok := l.parties[id]; return p, ok }
func (l *Ledger) Key(id sign.KeyID) (rules.Key, bool)          { k, ok := l.keys[id]; return k, ok }
func (l *Ledger) Item(id ledger.ItemID) (rules.Item, bool)     { i, ok := l.items[id]; return i, ok }
func (l *Ledger) Matter(id ledger.ItemID) (rules.Matter, bool) { m, ok := l.matters[id]; return m, ok }
func (l *Ledger) Paper(id rules.PaperID) (rules.Paper, bool)   { p, ok := l.papers[id]; return p, ok }
func (l *Ledger) EventIndex(id ledger.EventID) (uint64, bool)  { i, ok := l.events[id]; return i, ok }
func (l *Ledger) Policy() rules.PolicyState                    { return l.policy }
func (l *Ledger) Claims(id ledger.ItemID) []rules.OutsideID    { return slices.Clone(l.claims[id]) }
func (l *Ledger) Attestation(id ledger.EventID) (rules.Attestation, bool) {
	a, ok := l.attestations[id]
	return a, ok
}
func (l *Ledger) Registration(p ledger.PartyID, r ledger.Reference) (ledger.ItemID, bool) {
	id, ok := l.registrations[registration{p, r}]
	return id, ok
}

// Items lists every item there is, in the order in which they came into being. The
// caller must not change it.
func (l *Ledger) Items() []ledger.ItemID { return l.order }

// Papers lists every paper with a quantity, in no order.
func (l *Ledger) Papers() []rules.Paper { return slices.Collect(maps.Values(l.papers)) }

// Decode decodes and verifies signed events as a node would.
func (l *Ledger) Decode(signed ...ledger.SignedEvent) (ledger.Submission, *ledger.Rejection) {
	events := make([]*ledger.Event, len(signed))
	for i, s := range signed {
		event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, s)
		if rejection != nil {
			return nil, rejection
		}
		events[i] = event
	}
	verified, rejections := ledger.Verify(l.verifier, events)
	submission := make(ledger.Submission, len(events))
	for i := range events {
		if rejections[i] != nil {
			return nil, rejections[i]
		}
		submission[i] = ledger.Candidate{VerifiedEvent: verified[i]}
	}
	return submission, nil
}

// Append records a submission at a time, or refuses it whole and changes nothing.
func (l *Ledger) Append(submission ledger.Submission, now uint64) *ledger.Rejection {
	s := rules.NewSequencer(l.ID, ledger.RulesVersion1, l, l.Head)
	outcome, appended := s.Append(submission, now)
	if outcome.Rejection != nil {
		return outcome.Rejection
	}
	for _, a := range appended {
		l.events[a.Candidate.ID] = a.Entry.Index
	}
	l.write(s.Changes())
	l.Head = s.Head()
	return nil
}

func (l *Ledger) write(c rules.Changes) {
	for _, p := range c.Parties {
		l.parties[p.ID] = p
	}
	for _, k := range c.Keys {
		l.keys[k.Public.ID()] = k
	}
	for _, i := range c.Items {
		if _, known := l.items[i.ID]; !known {
			l.order = append(l.order, i.ID)
		}
		l.items[i.ID] = i
	}
	for _, m := range c.Matters {
		l.matters[m.Item] = m
	}
	for _, a := range c.Attestations {
		l.attestations[a.Event] = a
	}
	for _, p := range c.Papers {
		l.papers[p.ID] = p
	}
	for _, claim := range c.Claims {
		ids := slices.DeleteFunc(slices.Clone(l.claims[claim.Item]), func(id rules.OutsideID) bool { return id == claim.ID })
		if claim.Stands {
			ids = append(ids, claim.ID)
			slices.SortFunc(ids, func(a, b rules.OutsideID) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Number, b.Number))
			})
		}
		l.claims[claim.Item] = ids
	}
	for _, r := range c.Registrations {
		l.registrations[registration{r.Party, r.Reference}] = r.Item
	}
	if c.Policy != nil {
		l.policy = *c.Policy
	}
}
