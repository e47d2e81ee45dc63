package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/node/client"
)

// connectionsMax bounds the connections that many clients share.
const connectionsMax = 24

// parallel runs a function on n goroutines and waits for all of them.
func parallel(ctx context.Context, n int, run func(worker int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for worker := range n {
		group.Go(func() {
			if errs[worker] = ctx.Err(); errs[worker] == nil {
				errs[worker] = run(worker)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// unary appends one event a call, each client one call at a time.
func (b *bencher) unary(ctx context.Context, clients int) (round, error) {
	events, err := b.pool(ctx, nameUnary, clients)
	if err != nil {
		return round{}, err
	}
	var next atomic.Int64
	registered := make([]bool, len(events))
	r, err := b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		at := int(next.Add(1)) - 1
		if at >= len(events) {
			return false, nil
		}
		_, err := c.Append(ctx, events[at])
		registered[at] = err == nil
		return true, err
	})
	for at, event := range events {
		if registered[at] && len(b.recorded) < recordedMax {
			b.recorded = append(b.recorded, event)
		}
	}
	return r, err
}

// final appends one event a call, each client one call at a time, and waits for
// the proof under a final checkpoint, which it verifies.
func (b *bencher) final(ctx context.Context, clients int) (round, error) {
	events, err := b.pool(ctx, nameFinal, clients)
	if err != nil {
		return round{}, err
	}
	var next atomic.Int64
	return b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		at := int(next.Add(1)) - 1
		if at >= len(events) {
			return false, nil
		}
		_, proof, err := c.AppendFinal(ctx, events[at])
		if err == nil && proof == nil {
			err = errors.New("not final in time")
		}
		return true, err
	})
}

// recordedMax bounds how many events the loads that read choose from.
const recordedMax = 200_000

// reads asks for items that were registered before, linearizably.
func (b *bencher) reads(ctx context.Context, clients int) (round, error) {
	return b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		_, err := c.GetItem(ctx, client.RegisteredItem(b.anyRecorded()), client.Linearizable)
		return true, err
	})
}

// proofs asks where events stand, linearizably, and verifies the proof that each is
// in the tree of a final checkpoint.
func (b *bencher) proofs(ctx context.Context, clients int) (round, error) {
	return b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		event := b.anyRecorded()
		state, err := c.ReceiptState(ctx, client.ReceiptQuery{Event: event.ID(), Signed: &event})
		if err == nil && state.Proof == nil {
			err = errors.New("it has no proof")
		}
		return true, err
	})
}

// stated asks for items under a final checkpoint, and verifies what several
// associations state of them and how each item came into being.
func (b *bencher) stated(ctx context.Context, clients int) (round, error) {
	return b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		_, err := c.FinalItem(ctx, client.RegisteredItem(b.anyRecorded()))
		return true, err
	})
}

func (b *bencher) anyRecorded() ledger.SignedEvent { return b.recorded[rand.IntN(len(b.recorded))] }

// calls has each client make one call after the other until the round is over.
func (b *bencher) calls(ctx context.Context, clients int, call func(context.Context, *client.Client) (bool, error)) (round, error) {
	connections, err := b.connect(ctx, min(clients, connectionsMax))
	if err != nil {
		return round{}, err
	}
	defer closeAll(connections)
	var t tally
	runtime.GC() // what was signed before is not collected while the clock runs
	begin := time.Now()
	err = parallel(ctx, clients, func(worker int) error {
		var latencies []time.Duration
		failed := 0
		for time.Since(begin) < b.config.Round && ctx.Err() == nil {
			sent := time.Now()
			more, err := call(ctx, connections[worker%len(connections)])
			if !more {
				break
			}
			if err != nil {
				failed++
				continue
			}
			latencies = append(latencies, time.Since(sent))
		}
		t.add(latencies, 0, failed)
		return ctx.Err()
	})
	return t.round(time.Since(begin)), err
}

// streamed appends over one stream a client.
func (b *bencher) streamed(ctx context.Context, clients int) (round, error) {
	events, err := b.pool(ctx, nameStreamed, clients)
	if err != nil {
		return round{}, err
	}
	connections, err := b.connect(ctx, min(clients, connectionsMax))
	if err != nil {
		return round{}, err
	}
	defer closeAll(connections)
	var t tally
	runtime.GC()
	begin := time.Now()
	var next atomic.Int64
	err = parallel(ctx, clients, func(worker int) error {
		var flight flight
		stream := connections[worker%len(connections)].Stream(ctx, streamWindow(clients), func(result client.Result) {
			flight.landed(result.Sequence, len(result.Receipts), result.Err)
		})
		for time.Since(begin) < b.config.Round {
			at := int(next.Add(1)) - 1
			if at >= len(events) {
				break
			}
			sequence, err := stream.Send(client.Write{Event: events[at]})
			if err != nil {
				break
			}
			flight.sent(sequence)
		}
		err := stream.Close()
		t.add(flight.latencies, flight.more, flight.failed)
		return err
	})
	return t.round(time.Since(begin)), err
}

// flight times the writes of one stream. A result may come before Send has
// returned, so that either end may be seen first.
type flight struct {
	mu        sync.Mutex
	open      map[uint64]time.Time
	latencies []time.Duration // of writes
	more      int             // events of groups beyond the first of each
	failed    int
}

func (f *flight) sent(sequence uint64) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.either(sequence, now)
}

func (f *flight) landed(sequence uint64, events int, err error) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.failed++
		return
	}
	f.more += events - 1
	f.either(sequence, now)
}

// either notes one end of a write; the second one gives its latency. The caller
// holds the lock.
func (f *flight) either(sequence uint64, now time.Time) {
	other, ok := f.open[sequence]
	if !ok {
		if f.open == nil {
			f.open = map[uint64]time.Time{}
		}
		f.open[sequence] = now
		return
	}
	delete(f.open, sequence)
	f.latencies = append(f.latencies, now.Sub(other).Abs())
}

// streamWindow shares a bounded number of events in flight among the streams.
func streamWindow(clients int) int { return max(8, 2048/clients) }

// audit replays and verifies the whole ledger of one node from entry 0.
func (b *bencher) audit(ctx context.Context, _ int) (round, error) {
	node := b.net.Nodes()[0]
	c, err := node.Client()
	if err != nil {
		return round{}, err
	}
	state, err := audit.Start(b.net.Genesis())
	if err != nil {
		return round{}, err
	}
	begin := time.Now()
	auditor := &audit.Auditor{State: state, Sources: []audit.Source{source{c, node.ClientAddress}}}
	report, err := auditor.Run(ctx)
	if err != nil {
		return round{}, err
	}
	if !report.OK() {
		return round{}, errors.New("the ledger that was measured does not hold")
	}
	return round{took: time.Since(begin), done: int(report.Head.Size)}, nil
}

// source is a node as an auditor reads it.
type source struct {
	client *client.Client
	name   string
}

func (s source) Name() string { return s.name }

func (s source) Head(ctx context.Context) (audit.TreeHead, error) {
	head, err := s.client.TreeHead(ctx, 0, client.Linearizable)
	return audit.TreeHead{Size: head.Size, Root: head.Root}, err
}

func (s source) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	return s.client.Entries(ctx, from, to, func(_ uint64, entry []byte) error { return yield(entry) })
}
