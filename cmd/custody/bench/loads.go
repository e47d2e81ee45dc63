package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

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

// tally collects what the goroutines of one round did.
type tally struct {
	mu        sync.Mutex
	latencies []time.Duration
	failed    int
}

func (t *tally) add(latencies []time.Duration, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies = append(t.latencies, latencies...)
	t.failed += failed
}

func (t *tally) round(took time.Duration) round {
	return round{took: took, latencies: t.latencies, done: len(t.latencies), failed: t.failed}
}

// unary appends one event a call, each client one call at a time.
func (b *bencher) unary(ctx context.Context, clients int) (round, error) {
	events, err := b.pool(ctx, min(eventsPerSecondMax, 1000*clients))
	if err != nil {
		return round{}, err
	}
	var next atomic.Int64
	var registered sync.Map
	r, err := b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		at := int(next.Add(1)) - 1
		if at >= len(events) {
			return false, nil
		}
		_, err := c.Append(ctx, events[at])
		if err == nil {
			registered.Store(at, nil)
		}
		return true, err
	})
	registered.Range(func(at, _ any) bool {
		b.items = append(b.items, client.RegisteredItem(events[at.(int)]))
		return true
	})
	return r, err
}

// final appends one event a call, each client one call at a time, and waits for
// the proof under a final checkpoint, which it verifies.
func (b *bencher) final(ctx context.Context, clients int) (round, error) {
	events, err := b.pool(ctx, 10*clients)
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

// reads asks for items that were registered before, linearizably.
func (b *bencher) reads(ctx context.Context, clients int) (round, error) {
	if len(b.items) == 0 {
		return round{}, errors.New("nothing was registered to read")
	}
	return b.calls(ctx, clients, func(ctx context.Context, c *client.Client) (bool, error) {
		_, err := c.GetItem(ctx, b.items[rand.IntN(len(b.items))], client.Linearizable)
		return true, err
	})
}

// calls has each client make one call after the other until the round is over.
func (b *bencher) calls(ctx context.Context, clients int, call func(context.Context, *client.Client) (bool, error)) (round, error) {
	connections, err := b.connect(ctx, min(clients, connectionsMax))
	if err != nil {
		return round{}, err
	}
	defer closeAll(connections)
	for _, c := range connections {
		if _, err := c.Status(ctx); err != nil {
			return round{}, err
		}
	}
	var t tally
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
		t.add(latencies, failed)
		return ctx.Err()
	})
	return t.round(time.Since(begin)), err
}

// streamed appends over one stream a client.
func (b *bencher) streamed(ctx context.Context, clients int) (round, error) {
	events, err := b.pool(ctx, eventsPerSecondMax)
	if err != nil {
		return round{}, err
	}
	connections, err := b.connect(ctx, min(clients, connectionsMax))
	if err != nil {
		return round{}, err
	}
	defer closeAll(connections)
	var t tally
	begin := time.Now()
	var next atomic.Int64
	err = parallel(ctx, clients, func(worker int) error {
		var flight flight
		stream := connections[worker%len(connections)].Stream(ctx, streamWindow(clients), func(result client.Result) {
			flight.landed(result.Sequence, result.Err)
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
		t.add(flight.latencies, flight.failed)
		return err
	})
	return t.round(time.Since(begin)), err
}

// flight times the writes of one stream. A result may come before Send has
// returned, so that either end may be seen first.
type flight struct {
	mu        sync.Mutex
	open      map[uint64]time.Time
	latencies []time.Duration
	failed    int
}

func (f *flight) sent(sequence uint64) { f.end(sequence, time.Now()) }

func (f *flight) landed(sequence uint64, err error) {
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failed++
		return
	}
	f.end(sequence, time.Now())
}

// end notes one end of a write; the second one gives its latency.
func (f *flight) end(sequence uint64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
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
