package bundle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Report is what a bundle that verifies proves: that these are all events of the
// items up to Checkpoint, in a ledger on whose entries to that size a quorum of
// associations agreed. It proves nothing that came later, and nothing about the
// object that somebody says the item is.
type Report struct {
	Ledger  ledger.LedgerID
	Genesis *ledger.Genesis
	Policy  ledger.Policy // in force at Checkpoint
	// Policies are all that were ever in force up to Checkpoint, in their order.
	Policies   []InForce
	Checkpoint checkpoint.Checkpoint
	Cosigned   []Cosigned
	// Handovers are the indexes of the entries by which the policy changed.
	Handovers []uint64
	// OfFile tells that what was trusted is a policy file that is none of Policies.
	OfFile bool
	// Trusted counts those of them that lie between the genesis or policy that was
	// trusted and Checkpoint.
	Trusted int
	Parties map[ledger.PartyID]rules.Party // everybody who acted or is named
	Items   []Item
	// Applied is every event of the bundle that is not of the governance, by index.
	Applied []Applied
}

// Applied is an event and everything that the rules wrote when they were re-run on
// it.
type Applied struct {
	Event
	Changes rules.Changes
}

// InForce is a policy and the index of the handover that brought it into force; 0,
// the genesis, for the first.
type InForce struct {
	ledger.Policy
	Since uint64
}

// For gives the policy that judges a checkpoint of a size: the one that is in force
// after so many entries. Of what was handed over beyond Checkpoint it knows nothing.
func (r *Report) For(size uint64) ledger.Policy {
	for _, p := range slices.Backward(r.Policies) {
		if p.Since < size {
			return p.Policy
		}
	}
	return r.Policies[0].Policy
}

// Cosigned is one association's word that its node stores the log up to the
// checkpoint and has re-run every rule on it.
type Cosigned struct {
	Association string
	Node        string
	At          uint64 // unix seconds, by the node's clock
}

// Item is one subject: its state after its last event in the bundle.
type Item struct {
	rules.Item
	Matter       rules.Matter
	Registration *custodyv1.ItemRegister // nil if a change of matter or an acceptance made it
	Events       []Event                 // all of them, the one that made it first
	First        rules.Holder            // who held it when it came into being
	// Stated is nil if the bundle has no statements; nothing in it then shows that
	// Events are all up to the checkpoint.
	Stated *ledger.Statement
	// StatedBy names the associations that signed the statement.
	StatedBy []string
}

// Event is one entry on an item.
type Event struct {
	*ledger.Event
	Index      uint64
	RecordedAt uint64 // unix milliseconds
	Entry      []byte // as it was hashed
}

func (v *verifier) report() (*Report, error) {
	r := &Report{
		Ledger: v.ledger, Genesis: v.genesis, Policy: v.policy, Checkpoint: v.note.Checkpoint,
		Policies: v.policies(), OfFile: v.byFile,
		Trusted: v.trustedBy, Parties: v.state.Parties, Applied: v.applied,
	}
	for i, c := range v.final.Cosigned {
		for _, n := range v.policy.Nodes {
			if v.policy.CosignerKey(n) == c.Key {
				r.Cosigned = append(r.Cosigned, Cosigned{Association: n.Association, Node: n.ID, At: v.final.Cosigned[i].At})
			}
		}
	}
	for _, h := range v.handovers {
		r.Handovers = append(r.Handovers, h.index)
	}
	events := v.itemEvents()
	for i, id := range v.bundle.Subjects {
		item := Item{Item: v.state.Items[id], Matter: v.state.Matters[id], First: v.state.first[id], Events: events[id]}
		item.Registration, _ = item.Events[0].Body.(*custodyv1.ItemRegister)
		if len(v.statedKept) > 0 {
			item.Stated = &v.statedKept[i]
			for _, s := range v.bundle.Statements[i].Signatures {
				item.StatedBy = append(item.StatedBy, v.policy.Nodes[s.Node].Association)
			}
		}
		r.Items = append(r.Items, item)
	}
	return r, nil
}

func (v *verifier) policies() []InForce {
	var policies []InForce
	since := uint64(0)
	for _, h := range v.handovers {
		policies = append(policies, InForce{h.before, since})
		since = h.index
	}
	return append(policies, InForce{v.policy, since})
}

func (v *verifier) itemEvents() map[ledger.ItemID][]Event {
	events := map[ledger.ItemID][]Event{}
	for i, event := range v.events {
		if event.Event == nil {
			continue
		}
		for _, id := range event.Touches() {
			events[id] = append(events[id], Event{Event: event.Event, Index: v.entries[i].Index, RecordedAt: v.entries[i].RecordedAt, Entry: v.bundle.Entries[i].Bytes})
		}
	}
	return events
}

// Involved lists the dealers who acted or are named, by the entries that admitted
// them.
func (r *Report) Involved() []rules.Party {
	var parties []rules.Party
	for _, p := range r.Parties {
		if !p.Association {
			parties = append(parties, p)
		}
	}
	slices.SortFunc(parties, func(a, b rules.Party) int {
		return cmp.Or(cmp.Compare(a.Admitted, b.Admitted), strings.Compare(string(a.ID[:]), string(b.ID[:])))
	})
	return parties
}

// Holding says who has had an item since an event.
type Holding struct {
	Party   ledger.PartyID // zero if Outside
	Outside bool
	Event   Event
}

// Holders lists everybody who held the item, in order.
func (i Item) Holders() []Holding {
	offers := map[ledger.EventID]*custodyv1.Offer{}
	holders := []Holding{{Party: i.First.Party, Event: i.Events[0]}}
	for _, e := range i.Events[1:] {
		switch b := e.Body.(type) {
		case *custodyv1.Offer:
			offers[e.ID] = b
		case *custodyv1.Reenter, *custodyv1.Reclaim:
			holders = append(holders, Holding{Party: e.Party, Event: e})
		case *custodyv1.Accept:
			offer := offers[ledger.EventID(b.Offer)]
			if whole := offer.GetPart() == nil; whole && (rules.Offer{Mode: offer.GetMode()}).MovesCustody() {
				holders = append(holders, Holding{Party: e.Party, Event: e})
			}
		case *custodyv1.Release:
			holders = append(holders, Holding{Outside: true, Event: e})
		}
	}
	return holders
}
