package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// Proposal is a command that has been handed to raft.
type Proposal struct {
	done   chan struct{} // closed when result and err are set
	result any
	err    error
}

// Propose has a command committed and applied, and returns what the machine
// gave for it on this node.
//
// With *NotLeaderError, ErrCatchingUp, ErrOverloaded, ErrTooLarge and
// ErrStopped nothing was proposed. ErrOutcomeUnknown, also when ctx ends,
// says that the command may be committed now, later or never.
func (n *Node) Propose(ctx context.Context, command []byte) (any, error) {
	p, err := n.Begin(command)
	if err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// Begin hands a command to raft and returns without waiting for its fate.
// Commands of successive calls are ordered as the calls are. The node takes
// over the memory of nothing: command may be reused when Begin has returned.
func (n *Node) Begin(command []byte) (*Proposal, error) {
	if len(command) == 0 || len(command) > CommandBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(command), CommandBytesMax)
	}
	if err := n.leading(); err != nil {
		return nil, err
	}
	if !n.proposals.take(len(command)) {
		return nil, ErrOverloaded
	}
	p, err := n.begin(encodeBatch(command), func() { n.proposals.give(len(command)) })
	if err != nil {
		n.proposals.give(len(command))
	}
	return p, err
}

func (n *Node) begin(entry []byte, after func()) (*Proposal, error) {
	if !n.futures.begin() {
		return nil, ErrStopped
	}
	p := &Proposal{done: make(chan struct{})}
	future := n.raft.Apply(entry, 0)
	go func() {
		defer n.futures.done()
		defer close(p.done)
		defer after() // before the answer: its receiver may propose at once
		if p.err = n.outcome(future.Error()); p.err != nil {
			return
		}
		p.result = future.Response()
		if err, noted := p.result.(error); noted && errors.Is(err, ErrOutcomeUnknown) {
			p.result, p.err = nil, err
		}
	}()
	return p, nil
}

// Wait returns the proposal's result, or ErrOutcomeUnknown when ctx ends
// first. It may be called more than once.
func (p *Proposal) Wait(ctx context.Context) (any, error) {
	select {
	case <-p.done:
		return p.result, p.err
	default:
	}
	select {
	case <-p.done:
		return p.result, p.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrOutcomeUnknown, context.Cause(ctx))
	}
}

// leading returns nil when this node is the leader, has applied everything
// that was committed before its term, and may propose.
func (n *Node) leading() error {
	switch {
	case n.ctx.Err() != nil:
		return ErrStopped
	case n.raft.State() != raft.Leader:
		return &NotLeaderError{Leader: n.Leader()}
	case n.fsm.isCatchingUp():
		return ErrCatchingUp
	case n.readyTerm.Load() != n.raft.CurrentTerm():
		return &NotLeaderError{}
	}
	return nil
}

// outcome translates raft's errors. Only those of which raft's code shows
// that the entry was never written mean that nothing was proposed.
func (n *Node) outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		leader := n.Leader()
		if leader == n.config.Server.Node {
			leader = ""
		}
		return &NotLeaderError{Leader: leader}
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// inFlight bounds what is proposed and not yet answered.
type inFlight struct {
	mu       sync.Mutex
	count    int
	bytes    int64
	countMax int
	bytesMax int64
}

func (f *inFlight) limit(count int, bytes int64) { f.countMax, f.bytesMax = count, bytes }

func (f *inFlight) take(bytes int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count >= f.countMax || f.bytes+int64(bytes) > f.bytesMax {
		return false
	}
	f.count++
	f.bytes += int64(bytes)
	return true
}

func (f *inFlight) give(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count--
	f.bytes -= int64(bytes)
}
