// Package bench measures a ledger of three nodes on this machine: how many
// signed events a second it records and how long each takes, how many items it
// reads, and how fast an audit runs.
//
// It founds a ledger of made-up associations for itself, with every check and
// every fsync on, and deletes it afterwards. It never writes to a ledger that
// was there before.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
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
	// Clients are the numbers of concurrent clients.
	Clients []int
	// Rounds is how often everything is measured, in turn.
	Rounds int
	// Round is how long one measurement lasts.
	Round time.Duration
	// Step is told what begins; may be nil.
	Step func(string)
}

// eventsPerSecondMax is above what two cores can record; it sizes the pool of
// events that is signed before the clock starts.
const eventsPerSecondMax = 16_000

// Run founds a ledger, measures it and deletes it.
func Run(ctx context.Context, config Config) (*Report, error) {
	dir, err := os.MkdirTemp("", "custody-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	net, err := localnet.Run(ctx, localnet.Options{Dir: dir, Program: config.Program})
	if err != nil {
		return nil, fmt.Errorf("start a ledger to measure: %w", err)
	}
	defer net.Close()
	b := &bencher{config: config, net: net}
	if b.config.Step == nil {
		b.config.Step = func(string) {}
	}
	if err := b.admit(ctx); err != nil {
		return nil, err
	}
	return b.measure(ctx)
}

type bencher struct {
	config     Config
	net        *localnet.Net
	dealers    []trade.Dealer
	eventBytes int
	items      []ledger.ItemID // registered while measuring appends
	// leaderFirst has the first client begin at the leader, so that two ledgers are
	// compared alike: through another node a write takes up to 10 ms longer.
	leaderFirst bool
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
	return nil
}

// load is one kind of load and its rounds so far.
type load struct {
	name    string
	clients int
	run     func(ctx context.Context, clients int) (round, error)
	rounds  []round
}

func (b *bencher) measure(ctx context.Context) (*Report, error) {
	var loads []*load
	for _, clients := range b.config.Clients {
		loads = append(loads, &load{name: "append, one event a call", clients: clients, run: b.unary})
	}
	for _, clients := range b.config.Clients {
		loads = append(loads, &load{name: "append, streamed", clients: clients, run: b.streamed})
	}
	loads = append(loads, &load{name: "append, proven final", clients: 16, run: b.final})
	for _, clients := range b.config.Clients {
		loads = append(loads, &load{name: "item read, linearizable", clients: clients, run: b.reads})
	}
	loads = append(loads, &load{name: "audit, entries", clients: 1, run: b.audit})
	for n := range b.config.Rounds {
		for _, l := range loads {
			b.config.Step(fmt.Sprintf("round %d of %d: %s, %d clients", n+1, b.config.Rounds, l.name, l.clients))
			r, err := l.run(ctx, l.clients)
			if err != nil {
				return nil, fmt.Errorf("%s, %d clients: %w", l.name, l.clients, err)
			}
			l.rounds = append(l.rounds, r)
		}
	}
	report := &Report{
		Commit: commit(), Go: runtime.Version(), CPUs: runtime.NumCPU(), Nodes: len(b.net.Nodes()),
		Fsync: true, TLS: true, EventBytes: b.eventBytes, RoundMs: b.config.Round.Milliseconds(),
	}
	for _, l := range loads {
		report.Rows = append(report.Rows, summarize(l.name, l.clients, l.rounds))
	}
	if b.config.Plain != "" {
		var err error
		b.net.Close() // two more ledgers are enough for one machine
		if report.Costs, err = costs(ctx, b.config); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// sign makes registrations of stones, spread over the dealers, on all cores.
func (b *bencher) sign(ctx context.Context, count int) ([]ledger.SignedEvent, error) {
	events := make([]ledger.SignedEvent, count)
	err := parallel(ctx, runtime.NumCPU(), func(worker int) error {
		random := rand.New(rand.NewPCG(uint64(worker), uint64(time.Now().UnixNano())))
		for i := worker; i < count; i += runtime.NumCPU() {
			dealer := b.dealers[random.IntN(len(b.dealers))]
			event, err := dealer.Register(stone(random))
			if err != nil {
				return err
			}
			events[i] = event
		}
		return nil
	})
	if err == nil && count > 0 {
		b.eventBytes = len(events[0].Event)
		for _, signature := range events[0].Signatures {
			b.eventBytes += len(signature)
		}
	}
	return events, err
}

// stone is a made-up polished diamond with everything that a dealer would say.
func stone(random *rand.Rand) *custodyv1.ItemRegister {
	micrograms := 40_000 + uint64(random.IntN(400_000))
	goods := trade.Polished(micrograms, &custodyv1.Description{
		Shape: "round", Colour: "G", Clarity: "VS2", Cut: "Premium",
		LengthUm: 4000 + uint32(random.IntN(3000)), WidthUm: 4000 + uint32(random.IntN(3000)), HeightUm: 2500 + uint32(random.IntN(1500)),
		DepthPermyriad: 6150, TablePermyriad: 5800,
	})
	goods.OutsideIds = []*custodyv1.OutsideId{{
		Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: fmt.Sprintf("%016X", random.Uint64()),
	}}
	return goods
}

func (b *bencher) pool(ctx context.Context, perSecond int) ([]ledger.SignedEvent, error) {
	return b.sign(ctx, int(b.config.Round.Seconds()*float64(perSecond)))
}

func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// connect makes clients spread over the nodes, one after the other.
func (b *bencher) connect(ctx context.Context, count int) ([]*client.Client, error) {
	nodes, first := len(b.net.Nodes()), 0
	if b.leaderFirst {
		leader, err := b.net.Leader(ctx)
		if err != nil {
			return nil, err
		}
		first = slices.Index(b.net.Nodes(), leader)
	}
	var clients []*client.Client
	for i := range count {
		c, err := b.net.NewClient((first + i) % nodes)
		if err != nil {
			closeAll(clients)
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		c.Close()
	}
}
