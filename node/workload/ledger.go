package workload

import (
	"maps"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Ledger is a ledger without a node: rules over maps. It is a rules.View.
type Ledger struct {
	*rules.Memory
	ID   ledger.LedgerID
	Head ledger.Head

	order    []ledger.ItemID // items, as they came into being
	verifier *sign.Verifier
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
		Memory: rules.NewMemory(), ID: ledger.GenesisID(file),
		Head:     ledger.Head{Size: 1, LastLeaf: merkle.LeafHash(entry), RecordedAt: g.CreatedMs},
		verifier: sign.NewVerifier(256),
	}
	l.write(rules.Genesis(g))
	return l, nil
}

// clone is a ledger that goes on by itself from here. Values are replaced, never
// changed, so that the two may share them.
func (l *Ledger) clone() *Ledger {
	c := *l
	c.Memory, c.order = l.Memory.Clone(), slices.Clone(l.order)
	c.verifier = sign.NewVerifier(256)
	return &c
}

// Items lists every item there is, in the order in which they came into being. The
// caller must not change it.
func (l *Ledger) Items() []ledger.ItemID { return l.order }

// Papers lists every paper with a quantity, in no order.
func (l *Ledger) Papers() []rules.Paper { return slices.Collect(maps.Values(l.Memory.Papers)) }

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
		l.Record(a.Candidate.ID, a.Entry.Index)
	}
	l.write(s.Changes())
	l.Head = s.Head()
	return nil
}

func (l *Ledger) write(c rules.Changes) {
	for _, i := range c.Items {
		if _, known := l.Memory.Items[i.ID]; !known {
			l.order = append(l.order, i.ID)
		}
	}
	l.Memory.Write(c)
}
