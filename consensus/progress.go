package consensus

import (
	"context"
	"sync"
)

// progress is a raft index that grows, such as the one at or below which
// everything is applied here, and a way to wait for it.
type progress struct {
	mu      sync.Mutex
	index   uint64
	changed chan struct{} // closed and replaced when index grows
}

func newProgress(index uint64) *progress {
	return &progress{index: index, changed: make(chan struct{})}
}

func (p *progress) load() uint64 {
	index, _ := p.now()
	return index
}

// now gives the index and what is closed when it grows.
func (p *progress) now() (index uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index, p.changed
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
		now, changed := p.now()
		if now >= index {
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
