package bundle

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// handover is one change of policy that took effect.
type handover struct {
	index  uint64 // of the handover entry
	note   *checkpoint.Note
	before ledger.Policy // in force until it
}

// replayGovernance derives the policy in force at the note from the one of the
// genesis. Governance depends on nothing else in the ledger, so it can be
// judged first.
func (v *verifier) replayGovernance() error {
	var places []int
	for i, entry := range v.entries {
		if entry.Kind == ledger.KindGovernance {
			places = append(places, i)
		}
	}
	if err := v.readEvents(places); err != nil {
		return err
	}
	for i, entry := range v.entries {
		var err error
		switch entry.Kind {
		case ledger.KindGovernance:
			err = v.replay(i)
		case ledger.KindHandover:
			err = v.handOver(i)
		}
		if err != nil {
			return err
		}
	}
	v.policy = v.state.Policy().InForce
	return v.handoverProofs()
}

// handoverProofs shows that every handover's note is of the tree of the final one.
func (v *verifier) handoverProofs() error {
	if n := len(v.bundle.Handovers); n != len(v.handovers) {
		return fail("the handovers", "there are %d consistency proofs for %d handover entries", n, len(v.handovers))
	}
	for i, h := range v.handovers {
		if err := merkle.VerifyConsistency(h.note.Size, v.note.Size, h.note.Root, v.note.Root, v.bundle.Handovers[i]); err != nil {
			return failed(fmt.Sprintf("the consistency proof of handover entry %d (%s of the file)", h.index, v.bundle.at.handovers[i]), err,
				"the checkpoint of size %d is not proven to be part of the final one", h.note.Size)
		}
	}
	return nil
}

// handOver brings the adopted policy into force. The handover's own proof, to the
// ledger up to it, was for the nodes; the bundle has one to the final checkpoint.
func (v *verifier) handOver(i int) error {
	entry, state := v.entries[i], v.state.Policy()
	next, ok := state.Next()
	if !ok {
		return fail(v.where(i), "a handover, but the bundle shows no adopted policy: a proposal or an approval was left out")
	}
	note, err := checkpoint.ParseNote(entry.Note)
	if err != nil {
		return failed(v.where(i), err, "the checkpoint of the handover cannot be read")
	}
	if _, err := state.InForce.Checkpoint().Verify(note); err != nil {
		return failed(v.where(i), err, "the checkpoint of the handover is not final under the policy before")
	}
	switch {
	case string(rules.HandoverNote(state.InForce, note)) != string(entry.Note):
		return fail(v.where(i), "the checkpoint of the handover has lines that the policy before does not know")
	case len(entry.Links) > 0:
		return fail(v.where(i), "a handover has no links")
	case !state.HandoverDue(note.Size) || note.Size > entry.Index:
		return fail(v.where(i), "its checkpoint of size %d does not stand between the adoption in entry %d and itself", note.Size, state.AdoptedAt)
	}
	v.need(state.Adopted.Event)
	v.needed[i] = true
	v.handovers = append(v.handovers, handover{index: entry.Index, note: note, before: state.InForce})
	v.state.Write(rules.Changes{Policy: &rules.PolicyState{InForce: next, Since: entry.Index}})
	return nil
}

// need marks the proposal of an adopted policy and its approvals.
func (v *verifier) need(proposal ledger.EventID) {
	for i, event := range v.events {
		if event.Event != nil && proposalOf(event.Event) == proposal {
			v.needed[i] = true
		}
	}
}

// proposalOf gives the proposal that an event of the governance makes or approves.
func proposalOf(event *ledger.Event) ledger.EventID {
	switch b := event.Body.(type) {
	case *custodyv1.PolicyPropose:
		return event.ID
	case *custodyv1.PolicyApprove:
		return ledger.EventID(b.Proposal)
	}
	return ledger.EventID{}
}

// governance chooses, of all entries of governance and handovers, those that made
// the policy in force. What was adopted is what the last event before a handover
// is about: after an adoption none is recorded until the handover.
func (c *collector) governance(rulesVersion uint32, indexes []uint64) error {
	about := map[ledger.EventID][]uint64{}
	var last ledger.EventID
	for _, index := range indexes {
		entry, err := c.read(index)
		if err != nil {
			return err
		}
		if entry.Kind == ledger.KindHandover {
			c.open = append(append(c.open, index), about[last]...)
			c.handovers = append(c.handovers, index)
			clear(about)
			continue
		}
		event, rejection := ledger.DecodeEvent(rulesVersion, entry.Signed)
		if rejection != nil {
			return fmt.Errorf("read entry %d: %w", index, rejection)
		}
		last = proposalOf(event)
		about[last] = append(about[last], index)
	}
	return nil
}

// proveHandovers adds the consistency proofs of the handovers among the entries.
func (c *collector) proveHandovers(b *Bundle) error {
	for _, index := range c.handovers {
		entry, err := c.read(index)
		if err != nil {
			return err
		}
		note, err := checkpoint.ParseNote(entry.Note)
		if err != nil {
			return fmt.Errorf("read handover entry %d: %w", index, err)
		}
		proof, err := merkle.ConsistencyProof(c.source, note.Size, c.size)
		if err != nil {
			return fmt.Errorf("prove the handover of entry %d: %w", index, err)
		}
		b.Handovers = append(b.Handovers, proof)
	}
	return nil
}
