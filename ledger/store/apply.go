package store

import (
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Batch is what one command records: submissions in order, at one time.
type Batch struct {
	At          uint64 // unix milliseconds, set by the leader
	Submissions []ledger.Submission
}

// Apply runs the rules on every submission in order, stores the entries of
// those that stand together with position in one atomic batch, and gives one
// outcome a submission. The batch is visible on return and not synced. Without
// batches it stores the position alone. Receipts of duplicates are complete.
//
// It refuses, with nothing changed, a position at or below the one that is
// applied (ErrApplied: raft gives entries again after a crash, the caller skips
// those), submissions that would be the first of another cluster (a new cluster
// is opened by a position alone), and anything while there is a target
// (ErrCatchingUp). Any other error is a failure of the store.
func (s *Store) Apply(position ledger.Position, batches []Batch) ([][]ledger.Outcome, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mayWrite(); err != nil {
		return nil, err
	}
	if err := s.mayApply(position, batches); err != nil {
		return nil, err
	}
	w := s.newWriter()
	var outcomes [][]ledger.Outcome
	if len(batches) > 0 {
		outcomes = w.sequence(batches)
	}
	w.position(position)
	if err := w.commit(written); err != nil {
		return nil, err
	}
	return outcomes, nil
}

func (s *Store) mayWrite() error {
	if s.readOnly {
		return ErrReadOnly
	}
	if s.closed {
		return ErrClosed
	}
	return s.failure.err()
}

func (s *Store) mayApply(position ledger.Position, batches []Batch) error {
	st := s.state.Load()
	switch same := position.Cluster == st.position.Cluster; {
	case st.target != nil:
		return fmt.Errorf("%w: apply of %s while catching up to %s", ErrCatchingUp, position, st.target.Position())
	case position.IsZero():
		return errors.New("store: an apply needs a position")
	case same && position.Index <= st.position.Index:
		return fmt.Errorf("%w: %s, the ledger is at %s", ErrApplied, position, st.position)
	case !same && !st.position.IsZero() && len(batches) > 0:
		return fmt.Errorf("store: entries of raft cluster %x for a ledger that follows %x", position.Cluster, st.position.Cluster)
	}
	return nil
}

// sequence judges the batches and adds what they leave.
func (w *writer) sequence(batches []Batch) [][]ledger.Outcome {
	head := w.next.head.Head
	sequencer := rules.NewSequencer(w.store.id, w.store.genesis.RulesVersion, w.view, head)
	outcomes := make([][]ledger.Outcome, len(batches))
	events := 0
	for _, batch := range batches {
		for _, submission := range batch.Submissions {
			events += len(submission)
			w.view.expect(submission, &w.store.recent)
		}
	}
	sequencer.Expect(events)
	entries := make([]rules.Sequenced, 0, events)
	for b, batch := range batches {
		outcomes[b] = make([]ledger.Outcome, len(batch.Submissions))
		for i, submission := range batch.Submissions {
			outcome, appended := sequencer.Append(submission, batch.At)
			outcomes[b][i] = outcome
			entries = append(entries, appended...)
		}
	}
	if err := w.view.Err(); err != nil {
		w.fail(err)
		return nil
	}
	for b := range outcomes {
		for i := range outcomes[b] {
			w.completeReceipts(outcomes[b][i].Receipts, head.Size, entries)
		}
	}
	if len(entries) > 0 {
		w.block(entries)
		w.changes(sequencer.Changes())
		w.head(sequencer.Head())
	}
	return outcomes
}

// completeReceipts fills in what the sequencer leaves out of the receipts of
// duplicates. Entries are those from index first on.
func (w *writer) completeReceipts(receipts []ledger.Receipt, first uint64, entries []rules.Sequenced) {
	for i := range receipts {
		r := &receipts[i]
		if !r.Duplicate {
			continue
		}
		if r.Index >= first {
			e := entries[r.Index-first]
			r.RecordedAt, r.Leaf = e.Entry.RecordedAt, e.Leaf
			continue
		}
		stored, err := w.view.receipt(r.Event, r.Index)
		if err != nil {
			w.fail(err)
			return
		}
		r.RecordedAt, r.Leaf = stored.RecordedAt, stored.Leaf
	}
}

// View hands use the state that the next Append finds, read as an apply reads it: what
// is asked for again and again stays in memory. Writes wait until use returns, which
// must not keep the view. An error is one of a read and makes void what use found.
func (s *Store) View(use func(rules.View)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mayWrite(); err != nil {
		return err
	}
	view := newApplyView(s.reading(), &s.cached, s.state.Load().policy)
	use(view)
	return view.Err()
}

// Append stores a verified block of a catch-up in one atomic batch: entries and
// state, not the position. It refuses, with nothing changed, a block that does
// not continue this ledger (ErrNotNext), one that goes past the target, and any
// while there is no target (ErrCatchingUp). Any other error is a failure of the
// store. The batch is visible on return and not synced.
func (s *Store) Append(block rules.Block) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.mayWrite(); err != nil {
		return err
	}
	st := s.state.Load()
	if st.target == nil {
		return fmt.Errorf("%w: an append without a target", ErrCatchingUp)
	}
	head := st.head.Head
	for _, e := range block.Entries {
		switch {
		case e.Entry.Index != head.Size:
			return fmt.Errorf("%w: entry %d where %d is next", ErrNotNext, e.Entry.Index, head.Size)
		case e.Entry.Prev != head.LastLeaf:
			return fmt.Errorf("%w: entry %d names %s as the leaf before, it is %s", ErrNotNext, e.Entry.Index, e.Entry.Prev, head.LastLeaf)
		case head.Size >= st.target.Size:
			return fmt.Errorf("%w: entry %d lies past the target, which has %d entries", ErrNotNext, e.Entry.Index, st.target.Size)
		}
		head = ledger.Head{Size: head.Size + 1, LastLeaf: e.Leaf, RecordedAt: e.Entry.RecordedAt}
	}
	if len(block.Entries) == 0 {
		return nil
	}
	w := s.newWriter()
	w.block(block.Entries)
	w.changes(block.Changes)
	w.head(head)
	return w.commit(written)
}
