package consensus

import (
	"context"
	"sync"
)

// progress is the highest raft index of which everything at or below is
// applied here, and a way to wait for it.
type progress struct {
	mu      sync.Mutex
	index   uint64
	changed chan struct{} // closed and replaced when index grows
}

func newProgress(index uint64) *progress {
	return &progress{index: index, changed: make(chan struct{})}
}

func (p *progress) load() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index
}

// advance moves index forward, never back.
func (p *progress) advance(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if index <= p.index {
		return
	}
	p.index = index
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait returns nil once index is reached.
func (p *progress) wait(ctx context.Context, index uint64, stopped <-chan struct{}) error {
	for {
		p.mu.Lock()
		reached, changed := p.index >= index, p.changed
		p.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-stopped:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
