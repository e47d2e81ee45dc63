package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Read gives a snapshot of the ledger that is as fresh as the consistency asks
// for, linearizable if it is nil. The caller closes it.
//
// The errors are *consensus.NotLeaderError while no leader is known or none
// confirms itself, ErrCatchingUp, ErrStopped, or that of ctx: a size that the
// ledger does not reach is waited for until ctx ends. For the consistency final
// it is what this node has applied; the caller has waited for its size.
func (r *Replica) Read(ctx context.Context, consistency *custodyv1.Consistency) (*store.Snapshot, error) {
	started := time.Now()
	label, err := r.fresh(ctx, consistency)
	if err != nil {
		return nil, err
	}
	r.metrics.reads.WithLabelValues(label).Observe(time.Since(started).Seconds())
	return r.store.Snapshot(), nil
}

func (r *Replica) fresh(ctx context.Context, consistency *custodyv1.Consistency) (label string, err error) {
	if err := r.live(); err != nil {
		return "", err
	}
	switch level := consistency.GetLevel().(type) {
	case *custodyv1.Consistency_AtLeastSize:
		return "at_least_size", r.WaitSize(ctx, level.AtLeastSize)
	case *custodyv1.Consistency_Stale:
		if level.Stale {
			return "stale", nil
		}
	case *custodyv1.Consistency_Final:
		if level.Final {
			return "final", nil
		}
	}
	return "linearizable", r.linearize(ctx)
}

// linearize returns when this node has applied everything that was
// acknowledged anywhere before the call.
func (r *Replica) linearize(ctx context.Context) error {
	index, err := r.node.ReadIndex(ctx)
	var elsewhere *consensus.NotLeaderError
	if errors.As(err, &elsewhere) && elsewhere.Leader != "" && elsewhere.Leader != r.self.Node {
		index, err = r.leader.wait(ctx)
	}
	if err != nil {
		return err
	}
	return r.node.WaitApplied(ctx, index)
}

// ReadIndex is consensus.Node.ReadIndex: it answers at the leader only.
func (r *Replica) ReadIndex(ctx context.Context) (uint64, error) { return r.node.ReadIndex(ctx) }

func (r *Replica) readIndexFromLeader(ctx context.Context) (uint64, error) {
	leader := r.node.Leader()
	if leader == "" || leader == r.self.Node {
		return r.node.ReadIndex(ctx)
	}
	return r.peers.ReadIndex(ctx, leader)
}

// WaitSize returns when the ledger has at least size entries.
func (r *Replica) WaitSize(ctx context.Context, size uint64) error { return r.sizes.wait(ctx, size) }

// sizes is the ledger's size and a way to wait for it.
type sizes struct {
	mu      sync.Mutex
	size    uint64
	changed chan struct{} // closed and replaced when size grows
}

func newSizes(size uint64) *sizes { return &sizes{size: size, changed: make(chan struct{})} }

func (s *sizes) advance(size uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size <= s.size {
		return
	}
	s.size = size
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *sizes) wait(ctx context.Context, size uint64) error {
	for {
		s.mu.Lock()
		reached, changed := s.size >= size, s.changed
		s.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leaderReadTimeout bounds one question to the leader. Readers wait as long as
// their own context lets them, for question after question.
const leaderReadTimeout = 2 * time.Second

// leaderReads asks the leader for a read index on behalf of all readers that
// wait at the same time. A reader is served only by a question that was asked
// after it came.
type leaderReads struct {
	ask    func(context.Context) (uint64, error)
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	due    chan struct{} // capacity 1

	mu   sync.Mutex
	next *leaderRound // nil while nobody waits for the next question
}

type leaderRound struct {
	done  chan struct{} // closed when index and err are set
	index uint64
	err   error
}

func newLeaderReads(ask func(context.Context) (uint64, error)) *leaderReads {
	l := &leaderReads{ask: ask, done: make(chan struct{}), due: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	go l.run()
	return l
}

func (l *leaderReads) wait(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	if l.next == nil {
		l.next = &leaderRound{done: make(chan struct{})}
		select {
		case l.due <- struct{}{}:
		default:
		}
	}
	round := l.next
	l.mu.Unlock()
	select {
	case <-round.done:
		return round.index, round.err
	case <-l.ctx.Done():
		return 0, consensus.ErrStopped
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (l *leaderReads) run() {
	defer close(l.done)
	for {
		select {
		case <-l.due:
		case <-l.ctx.Done():
			return
		}
		l.mu.Lock()
		round := l.next
		l.next = nil
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(l.ctx, leaderReadTimeout)
		round.index, round.err = l.ask(ctx)
		cancel()
		if errors.Is(round.err, context.DeadlineExceeded) {
			round.err = &consensus.NotLeaderError{}
		}
		close(round.done)
	}
}

func (l *leaderReads) close() {
	l.cancel()
	<-l.done
}
