package growth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
)

// compareRounds is how often the full ledger and an empty one are measured in turn.
// What a shared machine does to one round is more than the difference between them.
const compareRounds = 5

// compare measures the full ledger and one that was just founded in turn: A B, B A, …
func (g *grower) compare(ctx context.Context) error {
	g.config.Step("compare with an empty ledger")
	empty, err := g.found(ctx, "empty")
	if err != nil {
		return err
	}
	defer empty.net.Close()
	both := [2]*market{g.full, empty}
	var rounds [2][]round
	for _, m := range both {
		if err := m.warm(ctx); err != nil {
			return err
		}
	}
	for n := range compareRounds {
		order := []int{0, 1}
		if n%2 == 1 {
			slices.Reverse(order)
		}
		for _, which := range order {
			r, err := both[which].measure(ctx, g.config.Round)
			if err != nil {
				return err
			}
			rounds[which] = append(rounds[which], r)
		}
	}
	c := newComparison(rounds[0], rounds[1])
	if c.EmptySize, err = empty.size(ctx); err != nil {
		return err
	}
	if c.FullSize, err = g.full.size(ctx); err != nil {
		return err
	}
	g.report.Compared = c
	return nil
}

// rejoin takes the disk of a follower away and times its way back.
func (g *grower) rejoin(ctx context.Context) error {
	g.config.Step("empty a node and let it catch up")
	node, err := g.follower(ctx)
	if err != nil {
		return err
	}
	size, err := g.full.settled(ctx)
	if err != nil {
		return err
	}
	node.Kill()
	if err := node.Wipe(); err != nil {
		return err
	}
	if _, err := node.Custodyd(ctx, "rejoin", "--config", node.ConfigPath()); err != nil {
		return err
	}
	begin := time.Now()
	if err := node.Start(); err != nil {
		return err
	}
	memory := watchMemory([]int{node.PID()})
	defer memory.end()
	before := cpuTime(g.full.pids())
	if err := node.WaitSize(ctx, size); err != nil {
		return err
	}
	took := time.Since(begin)
	r := &Rejoin{Entries: size, TookMs: milliseconds(took), PerSecond: float64(size) / took.Seconds()}
	r.CPUMicroseconds = perEntry(cpuTime(g.full.pids())-before, size)
	r.AnonymousBytes = memory.end()
	if err := node.WaitReady(ctx); err != nil {
		return err
	}
	d, err := diskOf(node)
	if err != nil {
		return err
	}
	r.LedgerBytes = d.ledger
	if _, err := g.full.agreed(ctx, size); err != nil {
		return err
	}
	g.report.Rejoin = r
	return nil
}

// follower is a node that does not lead.
func (g *grower) follower(ctx context.Context) (*localnet.Node, error) {
	leader, err := g.full.net.Leader(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.Index(g.full.net.Nodes(), leader)
	return g.full.net.Nodes()[(at+1)%len(g.full.net.Nodes())], nil
}

// audit replays and verifies the whole ledger, from entry 0, at one node.
func (g *grower) audit(ctx context.Context) error {
	g.config.Step("audit everything")
	node, err := g.follower(ctx)
	if err != nil {
		return err
	}
	c, err := node.Client()
	if err != nil {
		return err
	}
	state, err := audit.Start(g.full.net.Genesis())
	if err != nil {
		return err
	}
	begin := time.Now()
	auditor := &audit.Auditor{State: state, Sources: []audit.Source{source{c, node.Member.Node}}}
	report, err := auditor.Run(ctx)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if !report.OK() {
		for _, s := range report.Sources {
			err = errors.Join(err, s.Err)
		}
		return errors.Join(fmt.Errorf("the ledger that was measured does not hold: %v", report.Findings()), err)
	}
	runtime.GC()
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	runtime.KeepAlive(auditor)
	g.report.Audit = &Audit{Entries: report.Head.Size, TookMs: milliseconds(took), PerSecond: float64(report.Head.Size) / took.Seconds(), HeapBytes: heap.HeapAlloc}
	return nil
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
