// Package bench measures a ledger of three nodes on this machine: how many
// signed events a second it records and how long each takes, how many items it
// reads, how fast an audit runs, how soon it goes on when its leader dies, and
// what it does under more load than it can take. Beside it runs etcd, in turn.
//
// It founds a ledger of made-up associations for itself, with every check and
// every fsync on, and deletes it afterwards. It never writes to a ledger that
// was there before.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	"github.com/custodyledger/custodyledger/node/workload"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Config says what to measure.
type Config struct {
	// Program is the custodyd to run.
	Program string
	// Plain is a custodyd that was built with the tag plain: it neither signs
	// proposals nor cosigns. With it, the cost of both is measured too; "" leaves
	// that out.
	Plain string
	// Etcd is the program of scripts/etcd, which runs etcd beside the ledger; ""
	// leaves that out, and so does a program that cannot be run, which Step is told.
	Etcd string
	// Commit is what the programs were built from, if they do not know it themselves.
	Commit string
	// Clients are the numbers of concurrent clients, ascending.
	Clients []int
	// Rounds is how often everything is measured, in turn.
	Rounds int
	// Round is how long one measurement lasts.
	Round time.Duration
	// Kills is how often the leader is killed.
	Kills int
	// Step is told what begins; may be nil.
	Step func(string)
}

// Run founds a ledger, measures it and deletes it.
func Run(ctx context.Context, config Config) (*Report, error) {
	if config.Step == nil {
		config.Step = func(string) {}
	}
	dir, err := os.MkdirTemp("", "custody-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, err := found(ctx, config, filepath.Join(dir, "ledger"), config.Program)
	if err != nil {
		return nil, err
	}
	defer b.net.Close()
	report := &Report{
		Versions: versions(config), CPUs: runtime.NumCPU(), Nodes: len(b.net.Nodes()),
		Fsync: true, TLS: true, RoundMs: config.Round.Milliseconds(),
	}
	etcd, err := startPeer(config.Etcd)
	switch {
	case err == nil:
		defer etcd.close()
		report.Etcd = &etcd.about
	case config.Etcd == "":
		report.EtcdLeftOut = "not asked for; --etcd names the program that runs it"
	default:
		report.EtcdLeftOut = err.Error() + "; make bench builds it from scripts/etcd"
	}
	if report.Etcd == nil {
		config.Step("etcd is left out: " + report.EtcdLeftOut)
	}
	if err := b.measure(ctx, etcd, report); err != nil {
		return nil, err
	}
	if config.Plain != "" {
		b.net.Close() // two more ledgers are enough for one machine
		if report.Costs, err = costs(ctx, config); err != nil {
			return nil, err
		}
	}
	report.Figures = figures(report)
	return report, nil
}

// bencher is one ledger that is measured.
type bencher struct {
	config  Config
	net     *localnet.Net
	dealers []trade.Dealer
	cast    *workload.Cast
	stories uint64 // signed so far; each has a seed of its own
	// eventBytes is the size of a signed registration, signatures included.
	eventBytes int
	recorded   []ledger.SignedEvent // registrations, while measuring appends
	// fastest is the best rate of each load so far; it sizes what is signed.
	fastest map[string]float64
}

// found makes a ledger, starts its nodes and admits who signs. The caller closes
// its net.
func found(ctx context.Context, config Config, dir, program string) (*bencher, error) {
	net, err := localnet.Run(ctx, localnet.Options{Dir: dir, Program: program})
	if err != nil {
		return nil, fmt.Errorf("start a ledger of %s to measure: %w", program, err)
	}
	b := &bencher{config: config, net: net, fastest: map[string]float64{}}
	if err := b.admit(ctx); err != nil {
		net.Close()
		return nil, err
	}
	return b, nil
}

// dealersCount is how many parties sign: enough that their keys differ within a
// batch, few enough that every node has them prepared, as in a market day.
const dealersCount = 64

func (b *bencher) admit(ctx context.Context) error {
	c, err := b.net.NewClient(0)
	if err != nil {
		return err
	}
	defer c.Close()
	node := b.net.Nodes()[0]
	association, err := trade.DealerOf(b.net.LedgerID(), node.Association, node.Governance)
	if err != nil {
		return err
	}
	for i := range dealersCount {
		dealer, err := trade.NewDealer(b.net.LedgerID(), fmt.Sprintf("dealer-%d.example.org", i))
		if err != nil {
			return err
		}
		event, opening, err := dealer.Admit(association, "BE", custodyv1.Role_ROLE_DEALER)
		if err != nil {
			return err
		}
		if _, err := c.Append(ctx, event, opening); err != nil {
			return fmt.Errorf("admit a dealer: %w", err)
		}
		b.dealers = append(b.dealers, dealer)
	}
	return b.admitCast(ctx, c)
}

// load is one kind of load and its rounds so far.
type load struct {
	name    string
	clients int
	run     func(ctx context.Context, clients int) (round, error)
	// etcd is what is measured beside it; may be nil.
	etcd   *load
	rounds []round
}

// The names of loads that the table of bars asks for.
const (
	nameUnary    = "append, one event a call"
	nameStreamed = "append, streamed"
	nameFinal    = "append, proven final"
	nameMix      = "append, the trade's mix, streamed"
	nameRead     = "item read, linearizable"
	nameProof    = "receipt with proof, linearizable"
	nameStated   = "item read with proof, final"
	nameAudit    = "audit, entries"
	namePut      = "etcd: put"
	nameGet      = "etcd: get, linearizable"
)

func (b *bencher) loads(etcd *peer) []*load {
	beside := func(name, order string, clients int) *load {
		if etcd == nil {
			return nil
		}
		return &load{name: name, clients: clients, run: etcd.load(order, b)}
	}
	var loads []*load
	each := func(name string, run func(context.Context, int) (round, error), etcdName, order string) {
		for _, clients := range b.config.Clients {
			l := &load{name: name, clients: clients, run: run}
			if order != "" {
				l.etcd = beside(etcdName, order, clients)
			}
			loads = append(loads, l)
		}
	}
	each(nameUnary, b.unary, namePut, "put")
	each(nameStreamed, b.streamed, "", "")
	loads = append(loads, &load{name: nameMix, clients: 16, run: b.mix}, &load{name: nameFinal, clients: 16, run: b.final})
	each(nameRead, b.reads, nameGet, "get")
	for _, clients := range b.config.Clients[len(b.config.Clients)/2 : len(b.config.Clients)/2+1] {
		loads = append(loads, &load{name: nameProof, clients: clients, run: b.proofs}, &load{name: nameStated, clients: clients, run: b.stated})
	}
	return append(loads, &load{name: nameAudit, clients: 1, run: b.audit})
}

// warmUpMost bounds how long a load is warmed up.
const warmUpMost = time.Second

// warmUp runs every load once and forgets what it did: connections, caches, files
// and heaps are then as they are later, and there are items to read.
func (b *bencher) warmUp(ctx context.Context, loads []*load) error {
	b.config.Step("warm-up")
	length := b.config.Round
	defer func() { b.config.Round = length }()
	b.config.Round = min(length, warmUpMost)
	for _, l := range loads {
		for _, one := range []*load{l, l.etcd} {
			if one == nil || one.name == nameAudit {
				continue
			}
			if _, err := b.run(ctx, one); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bencher) run(ctx context.Context, l *load) (round, error) {
	r, err := l.run(ctx, l.clients)
	if err == nil && r.done == 0 {
		err = errors.New("nothing was done")
	}
	if err != nil {
		return round{}, fmt.Errorf("%s, %d clients: %w", l.name, l.clients, err)
	}
	b.fastest[l.name] = max(b.fastest[l.name], r.rate())
	return r, nil
}

func (b *bencher) measure(ctx context.Context, etcd *peer, report *Report) error {
	loads := b.loads(etcd)
	if err := b.warmUp(ctx, loads); err != nil {
		return err
	}
	for n := range b.config.Rounds {
		for _, l := range loads {
			b.config.Step(fmt.Sprintf("round %d of %d: %s, %d clients", n+1, b.config.Rounds, l.name, l.clients))
			pair := []*load{l}
			if l.etcd != nil {
				pair = append(pair, l.etcd)
			}
			if n%2 == 1 {
				slices.Reverse(pair)
			}
			for _, one := range pair {
				r, err := b.run(ctx, one)
				if err != nil {
					return err
				}
				one.rounds = append(one.rounds, r)
			}
		}
	}
	report.EventBytes = b.eventBytes
	for _, l := range loads {
		report.Rows = append(report.Rows, summarize(l.name, l.clients, l.rounds))
		if l.etcd != nil {
			report.Rows = append(report.Rows, summarize(l.etcd.name, l.clients, l.etcd.rounds))
		}
	}
	report.Comparisons = compare(loads)
	var err error
	if report.Overload, err = b.overload(ctx, report.Rows); err != nil {
		return err
	}
	report.Kills, err = b.kills(ctx)
	return err
}

// connect makes clients spread over the nodes, the leader first: through another
// node a write takes longer, and what is compared must begin alike. Each has
// connected when it returns.
func (b *bencher) connect(ctx context.Context, count int) ([]*client.Client, error) {
	first, err := b.leader(ctx)
	if err != nil {
		return nil, err
	}
	nodes := len(b.net.Nodes())
	var clients []*client.Client
	for i := range count {
		c, err := b.net.NewClient((first + i) % nodes)
		if err != nil {
			closeAll(clients)
			return nil, err
		}
		clients = append(clients, c)
		if _, err := c.Status(ctx); err != nil {
			closeAll(clients)
			return nil, err
		}
	}
	return clients, nil
}

// leader gives the position of the leader's node.
func (b *bencher) leader(ctx context.Context) (int, error) {
	leader, err := b.net.Leader(ctx)
	if err != nil {
		return 0, err
	}
	return slices.Index(b.net.Nodes(), leader), nil
}

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		c.Close()
	}
}
