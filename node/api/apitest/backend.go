package apitest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/api"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Backend is a ledger without a cluster: submissions are applied to the store
// one by one, as they come.
type Backend struct {
	Store *store.Store

	mu       sync.Mutex
	position ledger.Position
	now      uint64
	grown    chan struct{} // closed and replaced when the ledger grows or becomes final
}

func newBackend(tb testing.TB, genesis []byte) *Backend {
	tb.Helper()
	opts := memoryOptions()
	if err := store.Create("ledger", genesis, opts); err != nil {
		tb.Fatal(err)
	}
	s, err := store.Open("ledger", opts)
	if err != nil {
		tb.Fatal(err)
	}
	b := &Backend{Store: s, position: ledger.Position{Cluster: [32]byte{1}, Term: 1}, now: Start, grown: make(chan struct{})}
	b.position.Index++
	if _, err := s.Apply(b.position, nil); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store, a snapshot was left open: %v", err)
		}
	})
	return b
}

// Time is the ledger time of the next submission, in unix milliseconds.
func (b *Backend) Time() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Advance moves the ledger's time on.
func (b *Backend) Advance(by time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += uint64(by.Milliseconds())
}

// Submit applies a submission.
func (b *Backend) Submit(ctx context.Context, submission ledger.Submission) (ledger.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return ledger.Outcome{}, err
	}
	b.position.Index++
	outcomes, err := b.Store.Apply(b.position, []store.Batch{{At: b.now, Submissions: []ledger.Submission{submission}}})
	if err != nil {
		return ledger.Outcome{}, err
	}
	b.changed()
	return outcomes[0][0], nil
}

// changed wakes whoever waits for the ledger. The caller holds mu.
func (b *Backend) changed() {
	close(b.grown)
	b.grown = make(chan struct{})
}

// Read gives a snapshot; without a cluster every one is linearizable.
func (b *Backend) Read(ctx context.Context, consistency *custodyv1.Consistency) (*store.Snapshot, error) {
	if err := b.WaitSize(ctx, consistency.GetAtLeastSize()); err != nil {
		return nil, err
	}
	return b.Store.Snapshot(), nil
}

// WaitSize waits for a size.
func (b *Backend) WaitSize(ctx context.Context, size uint64) error {
	return b.wait(ctx, func() bool { has, _ := b.Store.Head(); return has >= size })
}

func (b *Backend) wait(ctx context.Context, reached func() bool) error {
	for {
		b.mu.Lock()
		grown := b.grown
		b.mu.Unlock()
		if reached() {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Status describes a node that leads itself.
func (b *Backend) Status() *custodyv1.GetStatusResponse {
	size, root := b.Store.Head()
	return &custodyv1.GetStatusResponse{NodeId: nodeNames[0], Size: size, Root: root[:], State: custodyv1.NodeState_NODE_STATE_LEADER, LeaderNodeId: nodeNames[0]}
}

var _ api.Backend = (*Backend)(nil)

// Hooked is a backend whose writes a test may hold up or spoil.
type Hooked struct {
	api.Backend
	// Before and After run around every Submit; an error is the answer instead.
	// Before's error means that nothing was submitted.
	Before, After func(context.Context, ledger.Submission) error
	// Reading runs before every Read.
	Reading func(context.Context) error
}

// Submit runs the hooks.
func (h *Hooked) Submit(ctx context.Context, submission ledger.Submission) (ledger.Outcome, error) {
	if h.Before != nil {
		if err := h.Before(ctx, submission); err != nil {
			return ledger.Outcome{}, err
		}
	}
	outcome, err := h.Backend.Submit(ctx, submission)
	if err == nil && h.After != nil {
		if err := h.After(ctx, submission); err != nil {
			return ledger.Outcome{}, err
		}
	}
	return outcome, err
}

// Read runs the hook.
func (h *Hooked) Read(ctx context.Context, consistency *custodyv1.Consistency) (*store.Snapshot, error) {
	if h.Reading != nil {
		if err := h.Reading(ctx); err != nil {
			return nil, err
		}
	}
	return h.Backend.Read(ctx, consistency)
}

// Stop shuts a server down and gives it some time.
func Stop(server *api.Server, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	server.Shutdown(ctx)
}
