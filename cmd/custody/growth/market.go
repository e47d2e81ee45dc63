package growth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// lanesCount streams send at once, each with so many events on their way.
	lanesCount = 16
	laneWindow = 128
	// dealersCount is how many parties sign.
	dealersCount = 64
	// warmTime goes before a measurement: connections are made and caches filled.
	warmTime = time.Second
	// eventsPerSecondMax is above what two cores can record; it sizes what is signed
	// before a round begins, so that signing takes nothing from it.
	eventsPerSecondMax = 16_000
)

// market is a ledger and those who trade on it.
type market struct {
	net   *localnet.Net
	lanes []*lane
}

// open admits the dealers of a ledger.
func open(ctx context.Context, net *localnet.Net) (*market, error) {
	c, err := net.NewClient(0)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	node := net.Nodes()[0]
	association, err := trade.DealerOf(net.LedgerID(), node.Association, node.Governance)
	if err != nil {
		return nil, err
	}
	var dealers []trade.Dealer
	for i := range dealersCount {
		dealer, err := trade.NewDealer(net.LedgerID(), fmt.Sprintf("dealer-%d.example.org", i))
		if err != nil {
			return nil, err
		}
		event, opening, err := dealer.Admit(association, "BE", custodyv1.Role_ROLE_DEALER)
		if err != nil {
			return nil, err
		}
		if _, err := c.Append(ctx, event, opening); err != nil {
			return nil, fmt.Errorf("admit a dealer: %w", err)
		}
		dealers = append(dealers, dealer)
	}
	m := &market{net: net}
	for i := range lanesCount {
		m.lanes = append(m.lanes, newLane(uint64(i), dealers))
	}
	return m, nil
}

// bytes is how many bytes of signed events were sent.
func (m *market) bytes() (n uint64) {
	for _, l := range m.lanes {
		n += l.bytes
	}
	return n
}

func (m *market) pids() (pids []int) {
	for _, node := range m.net.Nodes() {
		pids = append(pids, node.PID())
	}
	return pids
}

// send appends so many events and returns when all are recorded.
func (m *market) send(ctx context.Context, count uint64) error {
	clients, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	var taken atomic.Uint64
	_, err = m.stream(ctx, clients, func() bool { return taken.Add(1) <= count }, nil)
	return err
}

// warm appends for a moment.
func (m *market) warm(ctx context.Context) error {
	clients, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	begin := time.Now()
	_, err = m.stream(ctx, clients, func() bool { return time.Since(begin) < warmTime }, nil)
	return err
}

// measure appends for a time what is signed before, and times every event.
func (m *market) measure(ctx context.Context, during time.Duration) (round, error) {
	perLane := int(during.Seconds()*eventsPerSecondMax)/len(m.lanes) + 1
	if err := each(runtime.NumCPU(), func(worker int) error {
		for i := worker; i < len(m.lanes); i += runtime.NumCPU() {
			if err := m.lanes[i].ahead(perLane); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return round{}, err
	}
	clients, err := m.connect(ctx)
	if err != nil {
		return round{}, err
	}
	defer closeAll(clients)
	pids := m.pids()
	before := cpuTime(pids)
	var t tally
	begin := time.Now()
	done, err := m.stream(ctx, clients, func() bool { return time.Since(begin) < during }, &t)
	r := round{took: time.Since(begin), done: done, latencies: t.latencies}
	r.cpu = cpuTime(pids) - before
	return r, err
}

// connect makes a client for every lane, spread over the nodes from the leader on,
// and has each connected.
func (m *market) connect(ctx context.Context) ([]*client.Client, error) {
	leader, err := m.net.Leader(ctx)
	if err != nil {
		return nil, err
	}
	first := slices.Index(m.net.Nodes(), leader)
	var clients []*client.Client
	for i := range m.lanes {
		c, err := m.net.NewClient((first + i) % len(m.net.Nodes()))
		if err == nil {
			clients = append(clients, c)
			_, err = c.Status(ctx)
		}
		if err != nil {
			closeAll(clients)
			return nil, err
		}
	}
	return clients, nil
}

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		c.Close()
	}
}

// stream sends by all lanes while more says so, and returns when everything that was
// sent is recorded. Whoever is refused anything has found a fault.
func (m *market) stream(ctx context.Context, clients []*client.Client, more func() bool, times *tally) (done int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var recorded atomic.Int64
	err = each(len(m.lanes), func(worker int) error {
		flight := flight{timed: times != nil}
		stream := clients[worker].Stream(ctx, laneWindow, func(result client.Result) {
			if result.Err != nil {
				cancel(fmt.Errorf("a good event was not recorded: %w", result.Err))
				return
			}
			recorded.Add(1)
			flight.end(result.Sequence)
		})
		err := m.lanes[worker].send(stream, &flight, more)
		err = errors.Join(err, stream.Close())
		if times != nil {
			times.add(flight.latencies)
		}
		return err
	})
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return int(recorded.Load()), err
}

func (l *lane) send(stream *client.Stream, flight *flight, more func() bool) error {
	for more() {
		event, err := l.next()
		if err != nil {
			return err
		}
		sequence, err := stream.Send(client.Write{Event: event})
		if err != nil {
			return err
		}
		flight.end(sequence)
	}
	return nil
}

// flight times the writes of one stream. Each write has two ends, its sending and
// its result, and either may be noted first.
type flight struct {
	timed bool

	mu        sync.Mutex
	open      map[uint64]time.Time
	latencies []time.Duration
}

func (f *flight) end(sequence uint64) {
	if !f.timed {
		return
	}
	now := time.Now()
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

// tally collects the latencies of all streams.
type tally struct {
	mu        sync.Mutex
	latencies []time.Duration
}

func (t *tally) add(latencies []time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies = append(t.latencies, latencies...)
}

// each runs a function on n goroutines and waits for all of them.
func each(n int, run func(worker int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for worker := range n {
		group.Go(func() { errs[worker] = run(worker) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// size is the number of entries of the ledger.
func (m *market) size(ctx context.Context) (uint64, error) {
	c, err := m.net.NewClient(0)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	head, err := c.TreeHead(ctx, 0, client.Linearizable)
	return head.Size, err
}

// settled waits until every node has all entries, and says how many there are.
func (m *market) settled(ctx context.Context) (uint64, error) {
	size, err := m.size(ctx)
	for _, node := range m.net.Nodes() {
		if err == nil {
			err = node.WaitSize(ctx, size)
		}
	}
	return size, err
}

// restart kills a node, starts it, and says how long it took from the start to the
// first linearizable read that it answered, and how much CPU time of the node.
func (m *market) restart(ctx context.Context, node *localnet.Node) (took, cpu time.Duration, err error) {
	node.Kill()
	begin := time.Now()
	if err := node.Start(); err != nil {
		return 0, 0, err
	}
	if err := node.WaitReady(ctx); err != nil {
		return 0, 0, err
	}
	// A client of before would wait before it dials again.
	c, err := client.New(client.Config{Genesis: m.net.Genesis(), Addresses: []string{node.Member.Node + "=" + node.ClientAddress}})
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	if _, err := c.TreeHead(ctx, 0, client.Linearizable); err != nil {
		return 0, 0, err
	}
	return time.Since(begin), cpuTime([]int{node.PID()}), nil
}

// agreed gives the root of all nodes at a size.
func (m *market) agreed(ctx context.Context, size uint64) (string, error) {
	var root merkle.Hash
	for i, node := range m.net.Nodes() {
		c, err := node.Client()
		if err != nil {
			return "", err
		}
		head, err := c.TreeHead(ctx, size, client.Linearizable)
		switch {
		case err != nil:
			return "", err
		case i == 0:
			root = head.Root
		case head.Root != root:
			return "", fmt.Errorf("%w: at %d entries %s has root %s, %s has %s", errDiffer, size, m.net.Nodes()[0].Member.Node, root, node.Member.Node, head.Root)
		}
	}
	return root.String(), nil
}
