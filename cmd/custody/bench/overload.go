package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Overload is what a ledger does with ten times the clients that already saturate it.
type Overload struct {
	Saturated Pressed `json:"saturated"`
	Pressed   Pressed `json:"overloaded"`
	// Kept is the accepted rate under overload over that of saturation, by round.
	Kept Spread `json:"kept"`
}

// Pressed is one number of clients, each of which sends one event a call without
// end and waits, where it is refused, as long as the node asks it to. Rates and
// latencies are medians over the rounds.
type Pressed struct {
	Clients  int     `json:"clients"`
	Accepted float64 `json:"accepted_per_second"`
	// Refused were answered RESOURCE_EXHAUSTED: nothing of them was recorded.
	Refused float64 `json:"refused_per_second"`
	// Failed had any other outcome, in all rounds.
	Failed int     `json:"failed"`
	P50Ms  float64 `json:"p50_ms"` // of what was accepted
	P99Ms  float64 `json:"p99_ms"`
	MaxMs  float64 `json:"max_ms"` // of anything
}

const (
	overloadFactor = 10
	// overloadConnections are so many that no connection's own limit on open calls
	// holds back what the ledger shall refuse.
	overloadConnections = 96
)

// pressedRound is one round of one number of clients.
type pressedRound struct {
	took            time.Duration
	accepted        []time.Duration
	refused, failed int
	longest         time.Duration
}

func (p pressedRound) rate() float64 { return float64(len(p.accepted)) / p.took.Seconds() }

// overload measures the number of clients that gave the best rate of one event a
// call, and ten times as many, in turn.
func (b *bencher) overload(ctx context.Context, rows []Row) (*Overload, error) {
	clients, best := saturating(rows)
	counts := []int{clients, overloadFactor * clients}
	rounds := make([][]pressedRound, len(counts))
	for n := range b.config.Rounds {
		turn := []int{0, 1}
		if n%2 == 1 {
			slices.Reverse(turn)
		}
		for _, at := range turn {
			b.config.Step(fmt.Sprintf("round %d of %d: overload, %d clients", n+1, b.config.Rounds, counts[at]))
			r, err := b.press(ctx, counts[at], best)
			if err != nil {
				return nil, fmt.Errorf("overload, %d clients: %w", counts[at], err)
			}
			rounds[at] = append(rounds[at], r)
		}
	}
	return newOverload(counts[0], counts[1], rounds[0], rounds[1]), nil
}

// saturating finds the clients of one event a call with the best rate.
func saturating(rows []Row) (clients int, rate float64) {
	for _, row := range rows {
		if row.Name == nameUnary && row.Rate > rate {
			clients, rate = row.Clients, row.Rate
		}
	}
	return clients, rate
}

func newOverload(saturating, overloading int, saturated, pressed []pressedRound) *Overload {
	o := &Overload{Saturated: summarizePressed(saturating, saturated), Pressed: summarizePressed(overloading, pressed)}
	var kept []float64
	for i := range pressed {
		kept = append(kept, pressed[i].rate()/saturated[i].rate())
	}
	o.Kept = spread(kept)
	return o
}

func summarizePressed(clients int, rounds []pressedRound) Pressed {
	p := Pressed{Clients: clients}
	var accepted, refused, p50s, p99s []float64
	for _, r := range rounds {
		slices.Sort(r.accepted)
		accepted = append(accepted, r.rate())
		refused = append(refused, float64(r.refused)/r.took.Seconds())
		p50s = append(p50s, milliseconds(quantile(r.accepted, 0.50)))
		p99s = append(p99s, milliseconds(quantile(r.accepted, 0.99)))
		p.Failed += r.failed
		p.MaxMs = max(p.MaxMs, milliseconds(r.longest))
	}
	p.Accepted, p.Refused, p.P50Ms, p.P99Ms = median(accepted), median(refused), median(p50s), median(p99s)
	return p
}

// press has clients send without the patience that the project's client has, so
// that every answer of a node is seen.
func (b *bencher) press(ctx context.Context, clients int, rate float64) (pressedRound, error) {
	requests, err := b.requests(ctx, clients+int(2*rate*b.config.Round.Seconds()))
	if err != nil {
		return pressedRound{}, err
	}
	services, closeThem, err := b.rawServices(ctx)
	if err != nil {
		return pressedRound{}, err
	}
	defer closeThem()
	var next atomic.Int64
	var mu sync.Mutex
	var all pressedRound
	runtime.GC()
	begin := time.Now()
	err = parallel(ctx, clients, func(worker int) error {
		mine := pressOne(ctx, services[worker%len(services)], begin.Add(b.config.Round), func() *custodyv1.AppendRequest {
			if at := int(next.Add(1)) - 1; at < len(requests) {
				return requests[at]
			}
			return nil
		})
		mu.Lock()
		defer mu.Unlock()
		all.accepted = append(all.accepted, mine.accepted...)
		all.refused, all.failed, all.longest = all.refused+mine.refused, all.failed+mine.failed, max(all.longest, mine.longest)
		return ctx.Err()
	})
	all.took = time.Since(begin)
	return all, err
}

// pressOne sends one event after the other, and a refused one again.
func pressOne(ctx context.Context, service custodyv1.LedgerServiceClient, end time.Time, more func() *custodyv1.AppendRequest) (r pressedRound) {
	request := more()
	for request != nil && time.Now().Before(end) && ctx.Err() == nil {
		sent := time.Now()
		_, err := service.Append(ctx, request)
		took := time.Since(sent)
		r.longest = max(r.longest, took)
		switch status.Code(err) {
		case codes.OK:
			r.accepted = append(r.accepted, took)
			request = more()
		case codes.ResourceExhausted:
			r.refused++
			wait(ctx, retryHint(err))
		default:
			r.failed++
			request = more()
		}
	}
	return r
}

// retryHint is how long a node asks to be left alone.
func retryHint(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.RetryDelay.AsDuration()
		}
	}
	return 0
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (b *bencher) requests(ctx context.Context, count int) ([]*custodyv1.AppendRequest, error) {
	events, err := b.sign(ctx, count)
	if err != nil {
		return nil, err
	}
	requests := make([]*custodyv1.AppendRequest, len(events))
	for i, event := range events {
		requests[i] = request(event)
	}
	return requests, nil
}

func request(event ledger.SignedEvent) *custodyv1.AppendRequest {
	return &custodyv1.AppendRequest{Event: &custodyv1.SignedEvent{Event: event.Event, Signatures: event.Signatures}}
}

// rawServices connects to the nodes in turn, the leader first.
func (b *bencher) rawServices(ctx context.Context) (services []custodyv1.LedgerServiceClient, closeThem func(), err error) {
	first, err := b.leader(ctx)
	if err != nil {
		return nil, nil, err
	}
	var connections []*grpc.ClientConn
	closeThem = func() {
		for _, c := range connections {
			c.Close()
		}
	}
	// Whose key answers is not what is measured here; the nodes are this program's own.
	secure := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	for i := range overloadConnections {
		node := b.net.Nodes()[(first+i)%len(b.net.Nodes())]
		c, err := grpc.NewClient("passthrough:///"+node.ClientAddress, grpc.WithTransportCredentials(secure))
		if err != nil {
			closeThem()
			return nil, nil, err
		}
		connections = append(connections, c)
		service := custodyv1.NewLedgerServiceClient(c)
		if _, err := service.GetStatus(ctx, &custodyv1.GetStatusRequest{}); err != nil {
			closeThem()
			return nil, nil, err
		}
		services = append(services, service)
	}
	return services, closeThem, nil
}
