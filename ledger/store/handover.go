package store

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Governance gives whose signatures make a checkpoint of this ledger final, and
// what is to follow, after the last batch. What it points to must not be changed.
func (s *Store) Governance() rules.PolicyState { return s.state.Load().policy }

// handover appends, at a ledger time, the entry that brings the adopted policy
// into force, if a checkpoint is the first final one that covers its adoption;
// else nothing. The caller has found it final and its root to be this ledger's,
// and sequences nothing else with this writer.
func (w *writer) handover(final Final, at uint64) {
	state := w.next.policy
	if !state.HandoverDue(final.Size) {
		return
	}
	head := w.next.head
	note, err := checkpoint.ParseNote(final.Note)
	if err != nil {
		w.fail(err)
		return
	}
	proof, err := merkle.ConsistencyProof(w.view.reading, final.Size, head.Size)
	if err != nil {
		w.fail(err)
		return
	}
	sequencer := rules.NewSequencer(w.store.id, w.store.genesis.RulesVersion, w.view, head.Head)
	appended, rejection := sequencer.Handover(rules.HandoverNote(state.InForce, note), proof, head.Root, at)
	if rejection != nil {
		w.fail(fmt.Errorf("store: the final checkpoint of size %d does not hand over: %w", final.Size, rejection))
		return
	}
	w.block([]rules.Sequenced{appended})
	w.changes(sequencer.Changes())
	w.head(sequencer.Head())
}
