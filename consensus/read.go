package consensus

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Barrier returns when this node, the leader, has applied everything that was
// acknowledged anywhere before the call. A read of the ledger that begins
// after it is linearizable.
func (n *Node) Barrier(ctx context.Context) error {
	index, err := n.ReadIndex(ctx)
	if err != nil {
		return err
	}
	return n.WaitApplied(ctx, index)
}

// ReadIndex returns, at the leader, the index that a node must have applied to
// serve a linearizable read that began before the call: the last command at or
// below the commit index, under a leadership that a majority has confirmed
// since the call. A follower asks its leader for it and then calls
// WaitApplied.
//
// Calls that wait at the same time share one confirmation.
func (n *Node) ReadIndex(ctx context.Context) (uint64, error) {
	if err := n.leading(); err != nil {
		return 0, err
	}
	round := n.reads.join()
	select {
	case <-round.done:
		return round.index, round.err
	case <-n.ctx.Done():
		return 0, ErrStopped
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// WaitApplied returns when this node has applied everything at or below a raft
// index that ReadIndex gave. While the node is catching up it returns
// ErrCatchingUp at once: it cannot say how long that takes.
func (n *Node) WaitApplied(ctx context.Context, index uint64) error {
	if n.fsm.progress.load() >= index && n.fsm.isLive() {
		return nil
	}
	if n.fsm.isCatchingUp() {
		return ErrCatchingUp
	}
	return n.fsm.progress.wait(ctx, index, n.ctx.Done())
}

// EntryID names a raft entry: no two have the same index and term.
type EntryID struct{ Index, Term uint64 }

// WaitCommitted is WaitApplied for an entry of which the leader said that it is
// committed. It spares the wait for raft to hear of it, see [Node.learn].
func (n *Node) WaitCommitted(ctx context.Context, entry EntryID) error {
	n.learn(ctx, entry)
	return n.WaitApplied(ctx, entry.Index)
}

// learn tells raft what the leader of a term has said outside of raft: that an entry
// of its term is committed. raft hears of it with the next entries only, or when
// commitTimeout has passed. It comes to raft as the request that the leader would send:
// raft believes it only in that term, and only about an entry that is in its own
// log with that index and term, whose predecessors are then the leader's too. It is
// the word of the node that raft takes for the leader, as every request is.
func (n *Node) learn(ctx context.Context, entry EntryID) {
	address, leader := n.raft.LeaderWithID()
	switch {
	case leader == "" || leader == raft.ServerID(n.config.Server.String()):
		return
	case n.raft.State() != raft.Follower || n.raft.CurrentTerm() != entry.Term || n.raft.CommitIndex() >= entry.Index:
		return
	case !raise(&n.learned, entry.Index):
		return // somebody else tells
	}
	for { // the entry may be on its way still: another follower was faster
		applied, more := n.fsm.progress.now()
		stored, change := n.log.stored.now()
		if applied >= entry.Index {
			return
		}
		if stored >= entry.Index {
			break
		}
		select {
		case <-more:
		case <-change:
		case <-n.ctx.Done():
			return
		case <-ctx.Done():
			return
		}
	}
	n.gate.tell(ctx, &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(leader), Addr: n.gate.EncodePeer(leader, address)},
		Term:      entry.Term, PrevLogEntry: entry.Index, PrevLogTerm: entry.Term, LeaderCommitIndex: entry.Index,
	})
}

// raise reports whether it has made a number larger.
func raise(number *atomic.Uint64, to uint64) bool {
	for {
		now := number.Load()
		if now >= to {
			return false
		}
		if number.CompareAndSwap(now, to) {
			return true
		}
	}
}

// AppliedIndex returns the raft index at or below which every command is
// applied on this node.
func (n *Node) AppliedIndex() uint64 { return n.fsm.progress.load() }

// readRounds gathers the readers that one confirmation of leadership serves.
type readRounds struct {
	due  chan struct{} // capacity 1
	mu   sync.Mutex
	next *readRound
}

type readRound struct {
	done  chan struct{} // closed when index and err are set
	index uint64
	err   error
}

// join enters the round that has not begun: its commit index is read after
// this call.
func (r *readRounds) join() *readRound {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &readRound{done: make(chan struct{})}
		signal(r.due)
	}
	return r.next
}

func (r *readRounds) take() *readRound {
	r.mu.Lock()
	defer r.mu.Unlock()
	round := r.next
	r.next = nil
	return round
}

func (n *Node) readLoop() {
	for {
		select {
		case <-n.reads.due:
		case <-n.ctx.Done():
			return
		}
		if round := n.reads.take(); round != nil {
			round.index, round.err = n.confirmRead()
			close(round.done)
		}
	}
}

func (n *Node) confirmRead() (uint64, error) {
	term := n.raft.CurrentTerm()
	if err := n.leading(); err != nil {
		return 0, err
	}
	commit := n.raft.CommitIndex()
	if err := n.await(n.ctx, func() raft.Future { return n.raft.VerifyLeader() }); err != nil {
		if n.ctx.Err() != nil {
			return 0, ErrStopped
		}
		return 0, &NotLeaderError{}
	}
	if err := n.leading(); err != nil {
		return 0, err
	}
	if n.raft.CurrentTerm() != term {
		return 0, &NotLeaderError{Leader: n.Leader()}
	}
	base, _ := n.pointers.base()
	index, err := n.log.lastCommand(commit, base)
	if err != nil {
		return 0, fmt.Errorf("consensus: find the last command at or below %d: %w", commit, err)
	}
	return index, nil
}
