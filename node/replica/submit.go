package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
)

// Submit has a submission recorded, or refused, and returns when this node has
// applied it. It may be called on any node: one that does not lead forwards
// the submission to the leader, once.
//
// A rejection is an outcome, not an error. The errors are those of
// consensus.Node.Propose: with *consensus.NotLeaderError, ErrCatchingUp,
// ErrOverloaded and ErrStopped nothing was recorded and nothing will be.
// ErrOutcomeUnknown, also when ctx ends, says that only the ledger can tell, by
// the event's id; to submit the same again is always safe.
func (r *Replica) Submit(ctx context.Context, submission ledger.Submission) (ledger.Outcome, error) {
	started := time.Now()
	outcome, err := r.submit(ctx, submission)
	r.metrics.observeSubmit(outcome, err, time.Since(started))
	return outcome, err
}

func (r *Replica) submit(ctx context.Context, submission ledger.Submission) (ledger.Outcome, error) {
	if !r.enter() {
		return ledger.Outcome{}, consensus.ErrOverloaded
	}
	defer r.leave()
	outcome, _, err := r.propose(ctx, submission)
	var elsewhere *consensus.NotLeaderError
	if !errors.As(err, &elsewhere) || elsewhere.Leader == "" || elsewhere.Leader == r.self.Node {
		return outcome, err
	}
	return r.forward(ctx, elsewhere.Leader, submission)
}

// Propose is Submit without forwarding. It also gives the raft entry at which
// the submission was applied; none for one that was refused before.
func (r *Replica) Propose(ctx context.Context, submission ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	if !r.enter() {
		return ledger.Outcome{}, consensus.EntryID{}, consensus.ErrOverloaded
	}
	defer r.leave()
	return r.propose(ctx, submission)
}

// enter takes one of the places for submissions that are worked on at a time.
func (r *Replica) enter() bool {
	select {
	case r.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (r *Replica) leave() { <-r.slots }

func (r *Replica) propose(ctx context.Context, submission ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	if err := r.mayPropose(); err != nil {
		return ledger.Outcome{}, consensus.EntryID{}, err
	}
	w, rejection := newWaiting(submission)
	if rejection != nil {
		return ledger.Outcome{Rejection: rejection}, consensus.EntryID{}, nil
	}
	r.remember(submission)
	if err := r.batcher.Submit(w); err != nil {
		return ledger.Outcome{}, consensus.EntryID{}, err
	}
	select {
	case fate := <-w.fate:
		return fate.outcome, fate.entry, fate.err
	case <-ctx.Done():
		return ledger.Outcome{}, consensus.EntryID{}, unknown(context.Cause(ctx))
	}
}

// mayPropose spares a node that does not lead the way through the queue.
func (r *Replica) mayPropose() error {
	if r.node.IsLeader() {
		return nil
	}
	if err := r.live(); err != nil {
		return err
	}
	leader := r.node.Leader()
	if leader == r.self.Node {
		leader = "" // elected, and not ready yet
	}
	return &consensus.NotLeaderError{Leader: leader}
}

// live is nil unless the node is catching up or stopped.
func (r *Replica) live() error { return r.node.WaitApplied(context.Background(), 0) }

func (r *Replica) remember(submission ledger.Submission) {
	for _, candidate := range submission {
		r.machine.verified.put(candidate.VerifiedEvent)
	}
}

// forward lets the leader propose and answers from this node's own ledger. It
// believes a rejection; a receipt it has to find.
func (r *Replica) forward(ctx context.Context, leader string, submission ledger.Submission) (ledger.Outcome, error) {
	r.metrics.forwarded.Inc()
	r.remember(submission)
	outcome, entry, err := r.peers.Propose(ctx, leader, submission)
	if err != nil {
		return ledger.Outcome{}, err
	}
	if outcome.Rejection != nil && entry.Index == 0 {
		return outcome, nil // refused before it was proposed
	}
	if err := r.node.WaitCommitted(ctx, entry); err != nil {
		return ledger.Outcome{}, unknown(err)
	}
	if outcome.Rejection != nil {
		return outcome, nil
	}
	return r.confirm(submission, outcome)
}

// confirm replaces the leader's receipts by this node's own.
func (r *Replica) confirm(submission ledger.Submission, told ledger.Outcome) (ledger.Outcome, error) {
	if len(told.Receipts) != len(submission) {
		return ledger.Outcome{}, unknown(fmt.Errorf("the leader gave %d receipts for %d events", len(told.Receipts), len(submission)))
	}
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	var outcome ledger.Outcome
	for i, candidate := range submission {
		receipt, ok, err := snapshot.ReceiptAt(candidate.Event, told.Receipts[i].Index)
		if err != nil {
			return ledger.Outcome{}, unknown(err)
		}
		if !ok || receipt.Leaf != told.Receipts[i].Leaf {
			r.logger.Error("the leader gave a receipt that this node's ledger does not bear out", "index", told.Receipts[i].Index)
			return ledger.Outcome{}, unknown(errors.New("the leader's receipt does not fit this node's ledger"))
		}
		receipt.Duplicate = told.Receipts[i].Duplicate
		outcome.Receipts = append(outcome.Receipts, receipt)
	}
	return outcome, nil
}

func unknown(cause error) error {
	if errors.Is(cause, consensus.ErrOutcomeUnknown) {
		return cause
	}
	return fmt.Errorf("%w: %v", consensus.ErrOutcomeUnknown, cause)
}

// waiting is a submission on its way through the batcher.
type waiting struct {
	encoded []byte
	fate    chan fate // capacity 1: filled once
}

type fate struct {
	outcome ledger.Outcome
	entry   consensus.EntryID
	err     error
}

func newWaiting(submission ledger.Submission) (*waiting, *ledger.Rejection) {
	encoded, err := encodeSubmission(submission)
	if err != nil {
		return nil, ledger.RejectField(ledger.GroupTooLarge, "group", "the group is too large for one Raft entry of %d bytes; split it into smaller groups", CommandBytesMax)
	}
	return &waiting{encoded: encoded, fate: make(chan fate, 1)}, nil
}

func (w *waiting) size() int { return len(w.encoded) }

// deliver is called once by the batcher.
func (w *waiting) deliver(result any, position int, err error) {
	if err != nil {
		w.fate <- fate{err: err}
		return
	}
	a, ok := result.(*applied)
	switch {
	case !ok:
		w.fate <- fate{err: unknown(fmt.Errorf("the machine answered with a %T", result))}
	case a.refused != nil:
		w.fate <- fate{outcome: ledger.Outcome{Rejection: a.refused}, entry: a.entry}
	default:
		w.fate <- fate{outcome: a.outcomes[position], entry: a.entry}
	}
}

func (r *Replica) buildCommand(now time.Time, items []*waiting) ([]byte, error) {
	submissions, size := make([][]byte, len(items)), submissionsCountBytes
	for i, item := range items {
		submissions[i] = item.encoded
		size += len(item.encoded)
	}
	return r.proposer.seal(now, kindSubmissions, appendSubmissions(r.proposer.body(size), submissions))
}

// errorLabel is the outcome label of an error in the metrics.
func errorLabel(err error) string {
	var notLeader *consensus.NotLeaderError
	switch {
	case errors.Is(err, consensus.ErrOutcomeUnknown):
		return "unknown"
	case errors.Is(err, consensus.ErrOverloaded):
		return "overloaded"
	case errors.Is(err, consensus.ErrCatchingUp):
		return "catching_up"
	case errors.Is(err, consensus.ErrStopped):
		return "stopping"
	case errors.As(err, &notLeader):
		return "no_leader"
	}
	return "error"
}
