package consensus

import (
	"errors"
	"fmt"
)

// NotLeaderError says that nothing was proposed: outcome none. The caller may
// send the same proposal to the leader.
type NotLeaderError struct {
	// Leader is the node id of the leader, or empty while none is known.
	Leader string
}

func (e *NotLeaderError) Error() string {
	if e.Leader == "" {
		return "consensus: not the leader, and no leader is known"
	}
	return fmt.Sprintf("consensus: not the leader; %s is", e.Leader)
}

var (
	// ErrOutcomeUnknown: the proposal may or may not be committed, now or
	// later. Only the ledger itself can tell, by the event's id.
	ErrOutcomeUnknown = errors.New("consensus: the outcome of the proposal is unknown")

	// ErrOverloaded: a limit on proposals in flight is reached and nothing was
	// proposed: outcome none.
	ErrOverloaded = errors.New("consensus: too many proposals in flight")

	// ErrTooLarge: the command is longer than CommandBytesMax: outcome none.
	ErrTooLarge = errors.New("consensus: command is too large")

	// ErrCatchingUp: this node lacks entries that raft has truncated and is
	// fetching them; it can neither propose nor serve reads: outcome none.
	ErrCatchingUp = errors.New("consensus: this node is catching up")

	// ErrStopped: the node is stopped or stopping: outcome none.
	ErrStopped = errors.New("consensus: stopped")

	// ErrStateLost: the raft log, its votes or the ledger beside it have
	// forgotten what they once had on disk. Voting on would be unsafe: the
	// node must rejoin under a new incarnation.
	ErrStateLost = errors.New("consensus: durable state is missing; this server must rejoin under a new incarnation")

	// ErrRestartNeeded: a state that is safe and complete on disk but that
	// the running raft cannot pick up. Starting the process again is the cure.
	ErrRestartNeeded = errors.New("consensus: the process must be started again")

	// ErrHung: a write to disk or an apply took longer than it may. It may
	// still happen later, so the process must end.
	ErrHung = errors.New("consensus: a write hangs")
)
