// Package growth fills a ledger of three nodes on this machine and measures at
// several sizes what could grow with it: the rate of appends and how long each
// takes, CPU time an entry, memory, disk, and the restart of a node. At the end
// it compares the full ledger with an empty one, empties a node and lets it
// catch up, and audits everything.
//
// It founds its ledgers itself, with every check and every fsync on, and deletes
// them afterwards. What is traded is made up.
package growth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/node/localnet"
)

// Config says how far to fill and how to measure.
type Config struct {
	// Program is the custodyd to run.
	Program string
	// Dir is where the ledgers are founded, each in a new folder that is deleted at
	// the end; "" means the folder for temporary files.
	Dir string
	// Points are the sizes at which everything is measured, ascending. The last one
	// is how far to fill.
	Points []uint64
	// Budget ends the filling when this much time is up; the size that was reached
	// then is the last point. 0 means no end.
	Budget time.Duration
	// Rounds is how often appends are measured at a point, and Round how long one lasts.
	Rounds int
	Round  time.Duration
	// Commit is what the programs were built from; "" means what they know themselves.
	Commit string
	// Step is told what begins; may be nil.
	Step func(string)
	// Measured is given the report as far as it is after every point, so that an
	// interrupted run leaves what it has found; may be nil.
	Measured func(*Report) error
}

// PointsTo gives the sizes at which a ledger of so many entries is measured.
func PointsTo(entries uint64) []uint64 {
	var points []uint64
	for _, point := range []uint64{1_000, 100_000, 300_000, 1_000_000, 2_000_000, 3_000_000, 5_000_000, 10_000_000} {
		if point < entries {
			points = append(points, point)
		}
	}
	return append(points, entries)
}

func (c Config) validate() error {
	switch {
	case len(c.Points) == 0 || !slices.IsSorted(c.Points) || c.Points[0] == 0:
		return fmt.Errorf("points %v: expected sizes above 0, ascending", c.Points)
	case c.Rounds < 1 || c.Round <= 0:
		return fmt.Errorf("%d rounds of %v: expected more than nothing", c.Rounds, c.Round)
	case c.Budget < 0:
		return fmt.Errorf("a budget of %v: expected 0 for none, or more", c.Budget)
	}
	return nil
}

// diskFreeMin is what filling leaves free on the disk.
const diskFreeMin = 4 << 30

// Run founds a ledger, fills and measures it and deletes it. When the budget is up or
// the disk nearly full, it measures what there is and says so in the report.
func Run(ctx context.Context, config Config) (*Report, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	if config.Step == nil {
		config.Step = func(string) {}
	}
	if config.Measured == nil {
		config.Measured = func(*Report) error { return nil }
	}
	dir, err := os.MkdirTemp(config.Dir, "custody-growth-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	g := &grower{config: config, dir: dir, began: time.Now()}
	if g.full, err = g.found(ctx, "full"); err != nil {
		return nil, err
	}
	defer g.full.net.Close()
	g.report = &Report{
		Commit: cmp.Or(config.Commit, commit()), Go: runtime.Version(), CPUs: runtime.NumCPU(), Nodes: len(g.full.net.Nodes()), Fsync: true, TLS: true,
		Lanes: lanesCount, Window: laneWindow, RoundMs: config.Round.Milliseconds(), Rounds: config.Rounds, Asked: config.Points[len(config.Points)-1],
	}
	return g.report, g.run(ctx)
}

type grower struct {
	config Config
	dir    string
	began  time.Time
	full   *market // the ledger that grows
	report *Report
}

// found founds a ledger in a folder of its own and admits its parties.
func (g *grower) found(ctx context.Context, name string) (*market, error) {
	net, err := localnet.Run(ctx, localnet.Options{Dir: filepath.Join(g.dir, name), Program: g.config.Program})
	if err != nil {
		return nil, fmt.Errorf("start a ledger to measure: %w", err)
	}
	m, err := open(ctx, net)
	if err != nil {
		net.Close()
	}
	return m, err
}

func (g *grower) run(ctx context.Context) error {
	for i, at := range g.config.Points {
		ended, err := g.point(ctx, at)
		if err != nil {
			return fmt.Errorf("at %d entries: %w", at, err)
		}
		if ended || i == len(g.config.Points)-1 {
			break
		}
		if err := g.step(ctx, g.restarts); err != nil {
			return err
		}
	}
	// A node that was just killed has cold caches and for some minutes asks its store
	// what others remember: the two ledgers are compared before that.
	for _, step := range []func(context.Context) error{g.compare, g.restarts, g.rejoin, g.audit} {
		if err := g.step(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// step measures something more and tells it.
func (g *grower) step(ctx context.Context, measure func(context.Context) error) error {
	if err := measure(ctx); err != nil {
		return err
	}
	return g.config.Measured(g.report)
}

// point fills up to a size and measures there. ended says that filling ended early.
func (g *grower) point(ctx context.Context, at uint64) (ended bool, err error) {
	size, err := g.full.size(ctx)
	if err != nil {
		return false, err
	}
	memory := watchMemory(g.full.pids())
	defer memory.end()
	var p Point
	if at > size {
		g.config.Step(fmt.Sprintf("fill from %d to %d entries", size, at))
		if ended, err = g.fill(ctx, at-size, &p); err != nil {
			return false, fmt.Errorf("fill: %w", err)
		}
	}
	if p.Entries, err = g.full.size(ctx); err != nil {
		return false, err
	}
	g.config.Step(fmt.Sprintf("measure at %d entries", p.Entries))
	rounds, err := g.rounds(ctx)
	if err != nil {
		return false, err
	}
	p.Appends = summarize(rounds)
	p.AnonymousBytes = memory.end()
	if err := g.inspect(ctx, &p); err != nil {
		return false, err
	}
	g.report.Points = append(g.report.Points, p)
	return ended, nil
}

// fill appends so many entries, or fewer when time or disk end. ended says so.
func (g *grower) fill(ctx context.Context, count uint64, p *Point) (ended bool, err error) {
	why := ""
	enough := func() bool {
		switch free, known := diskFree(g.dir); {
		case g.config.Budget > 0 && time.Since(g.began) >= g.config.Budget:
			why = fmt.Sprintf("the budget of %v was up", g.config.Budget)
		case known && free < diskFreeMin:
			why = fmt.Sprintf("less than %d GiB of disk were left", diskFreeMin>>30)
		}
		return why != ""
	}
	begin := time.Now()
	var done uint64
	for done < count && !enough() {
		part := min(count-done, fillPart)
		if err := g.full.send(ctx, part); err != nil {
			return false, err
		}
		done += part
		g.config.Step(fmt.Sprintf("  %d of %d, %.0f a second", done, count, float64(done)/time.Since(begin).Seconds()))
	}
	p.Filled, p.FilledPerSecond = done, float64(done)/time.Since(begin).Seconds()
	g.report.EndedBecause = why
	return why != "", nil
}

// fillPart is how many entries are appended between two looks at clock and disk.
const fillPart = 50_000

func (g *grower) rounds(ctx context.Context) ([]round, error) {
	if err := g.full.warm(ctx); err != nil {
		return nil, err
	}
	var rounds []round
	for range g.config.Rounds {
		r, err := g.full.measure(ctx, g.config.Round)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// inspect looks at what the nodes have on disk and holds their roots against each other.
func (g *grower) inspect(ctx context.Context, p *Point) error {
	var err error
	if p.Size, err = g.full.settled(ctx); err != nil {
		return err
	}
	p.EventBytes = g.full.bytes()
	for _, node := range g.full.net.Nodes() {
		d, err := diskOf(node)
		if err != nil {
			return err
		}
		p.LedgerBytes, p.RaftBytes = max(p.LedgerBytes, d.ledger), max(p.RaftBytes, d.raft)
	}
	p.Root, err = g.full.agreed(ctx, p.Size)
	return err
}

// restarts kills and starts the followers, one after the other, at the last point.
func (g *grower) restarts(ctx context.Context) error {
	p := &g.report.Points[len(g.report.Points)-1]
	g.config.Step(fmt.Sprintf("restart the followers at %d entries", p.Size))
	size, err := g.full.settled(ctx)
	if err != nil {
		return err
	}
	leader, err := g.full.net.Leader(ctx)
	if err != nil {
		return err
	}
	for _, node := range g.full.net.Nodes() {
		if node == leader {
			continue
		}
		took, cpu, err := g.full.restart(ctx, node)
		if err != nil {
			return fmt.Errorf("restart a node: %w", err)
		}
		p.RestartMs, p.RestartCPUMs = max(p.RestartMs, milliseconds(took)), max(p.RestartCPUMs, milliseconds(cpu))
	}
	_, err = g.full.agreed(ctx, size)
	return err
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

var errDiffer = errors.New("the nodes do not agree")
