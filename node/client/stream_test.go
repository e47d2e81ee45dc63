package client_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
)

// collected keeps the results of a stream.
type collected struct {
	mu      sync.Mutex
	results map[uint64]client.Result
	twice   bool
}

func (c *collected) take(r client.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.results == nil {
		c.results = map[uint64]client.Result{}
	}
	_, c.twice = c.results[r.Sequence]
	c.results[r.Sequence] = r
}

func (c *collected) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.results)
}

// chains signs for each of several stones its registration and a few sales back
// and forth.
func chains(w *apitest.World, stones, sales int) []ledger.SignedEvent {
	a, b := w.Dealer(), w.Dealer()
	var events []ledger.SignedEvent
	for range stones {
		registration := w.Register(a)
		events = append(events, registration)
		item, prev, from, to := client.RegisteredItem(registration), registration.ID(), a, b
		for range sales {
			offer := w.Offer(from, item, prev, to.Party())
			accept := w.Signed(to.Accept(ledger.ItemRef{Item: item, Prev: offer.ID()}, offer.ID(), from.Party()))
			events = append(events, offer, accept)
			prev, from, to = accept.ID(), to, from
		}
	}
	return events
}

// TestStreamSurvivesItsNode shuts the first node down in the middle of a load
// of chains and has the second one answer some writes with an unknown outcome
// and some with no leader. Every event is recorded once.
func TestStreamSurvivesItsNode(t *testing.T) {
	w := apitest.New(t)
	events := chains(w, 40, 3)
	before, _ := w.Backend.Store.Head()
	first := w.Serve(0, w.Backend, nil)
	var calls atomic.Int32
	flaky := &apitest.Hooked{
		Backend: w.Backend,
		Before: func(context.Context, ledger.Submission) error {
			if calls.Add(1)%37 == 0 {
				return &consensus.NotLeaderError{}
			}
			return nil
		},
		After: func(context.Context, ledger.Submission) error {
			if calls.Load()%41 == 0 {
				return consensus.ErrOutcomeUnknown
			}
			return nil
		},
	}
	c := w.Client(nil, first, w.Serve(1, flaky, nil))
	var got collected
	stream := c.Stream(t.Context(), 64, got.take)
	for i, event := range events {
		sequence, err := stream.Send(client.Write{Event: event})
		if err != nil || sequence != uint64(i) {
			t.Fatalf("write %d got sequence %d, %v", i, sequence, err)
		}
		if i == len(events)/3 {
			go apitest.Stop(first.Server, 10*time.Second)
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Send(client.Write{Event: events[0]}); !errors.Is(err, client.ErrStreamClosed) {
		t.Errorf("send after close: %v", err)
	}
	if got.count() != len(events) || got.twice {
		t.Fatalf("%d results for %d writes, one twice: %v", got.count(), len(events), got.twice)
	}
	for i, event := range events {
		r := got.results[uint64(i)]
		if r.Err != nil || r.Receipts[0].Event != event.ID() {
			t.Errorf("write %d: %+v", i, r)
		}
	}
	if after, _ := w.Backend.Store.Head(); after != before+uint64(len(events)) {
		t.Errorf("%d entries for %d events", after-before, len(events))
	}
}

// TestStreamHoldsARefusalBack: the second write is refused only because the
// first one got lost; both are sent again and recorded.
func TestStreamHoldsARefusalBack(t *testing.T) {
	w := apitest.New(t)
	events := chains(w, 1, 1)
	var lost atomic.Bool
	submittedAlone := make(chan struct{}, 10)
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(_ context.Context, s ledger.Submission) error {
		switch {
		case s[0].ID == events[0].ID() && !lost.Swap(true):
			return &consensus.NotLeaderError{}
		case s[0].ID != events[0].ID():
			submittedAlone <- struct{}{}
		}
		return nil
	}}
	var got collected
	stream := w.Client(nil, w.Serve(0, backend, nil)).Stream(t.Context(), 0, got.take)
	for _, event := range events {
		if _, err := stream.Send(client.Write{Event: event}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if r := got.results[uint64(i)]; r.Err != nil {
			t.Errorf("write %d: %v", i, r.Err)
		}
	}
}

func TestStreamRefusals(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	good, bad := w.Register(dealer), w.Offer(dealer, ledger.ItemID{1}, ledger.EventID{2}, ledger.PartyID{3})
	var got collected
	stream := w.Client(nil, w.Serve(0, w.Backend, nil)).Stream(t.Context(), 2, got.take)
	for _, event := range []ledger.SignedEvent{bad, good, bad, good} {
		if _, err := stream.Send(client.Write{Event: event}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.Send(); err == nil {
		t.Error("nothing was sent, and taken")
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	for sequence, refused := range map[uint64]bool{0: true, 1: false, 2: true, 3: false} {
		if r := got.results[sequence]; errors.Is(r.Err, &client.Refused{Reason: ledger.UnknownItem}) != refused || (r.Err == nil) == refused {
			t.Errorf("write %d: %+v", sequence, r)
		}
	}
}

func TestStreamWithoutANode(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(func(c *client.Config) { c.Addresses = []string{nobody(t)} })
	var got collected
	stream := c.Stream(t.Context(), 0, got.take)
	if _, err := stream.Send(client.Write{Event: w.Register(w.Dealer())}); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if r := got.results[0]; !errors.Is(r.Err, client.ErrUnreachable) || errors.Is(r.Err, client.ErrOutcomeUnknown) {
		t.Errorf("%v", r.Err)
	}
}

func TestStreamCancelled(t *testing.T) {
	w := apitest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan struct{})
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(inner context.Context, _ ledger.Submission) error {
		close(held)
		<-inner.Done()
		return inner.Err()
	}}
	var got collected
	stream := w.Client(nil, w.Serve(0, backend, nil)).Stream(ctx, 1, got.take)
	event := w.Register(w.Dealer())
	if _, err := stream.Send(client.Write{Event: event}); err != nil {
		t.Fatal(err)
	}
	<-held
	waiting := make(chan error)
	go func() { // the window is full
		_, err := stream.Send(client.Write{Event: event})
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a send that waited: %v", err)
	}
	if err := stream.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	var unknown *client.OutcomeUnknown
	if r := got.results[0]; !errors.As(r.Err, &unknown) || unknown.Event != event.ID() {
		t.Errorf("%v", r.Err)
	}
}

func TestStreamLeavesASilentNode(t *testing.T) {
	w := apitest.New(t)
	silent := &apitest.Hooked{Backend: w.Backend, Before: func(ctx context.Context, _ ledger.Submission) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	c := w.Client(func(c *client.Config) { c.AttemptTimeout = 100 * time.Millisecond }, w.Serve(0, silent, nil), w.Serve(1, w.Backend, nil))
	var got collected
	stream := c.Stream(t.Context(), 0, got.take)
	for _, event := range chains(w, 2, 1) {
		if _, err := stream.Send(client.Write{Event: event}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	for sequence, r := range got.results {
		if r.Err != nil {
			t.Errorf("write %d: %v", sequence, r.Err)
		}
	}
}
