package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/workload"
)

// The trade's mix: out of 20 stories 14 are of one stone and its sales, three of a
// parcel that is split and sold in parts, two of parcels that become one, and one
// is a group of stones registered together.
const (
	mixStories = 20
	mixSales   = 4
	mixParts   = 4
	mixParents = 5
	mixGroup   = 300
	mixChains  = 14
	mixSplits  = 3
	mixMerges  = 2
	mixInTurn  = 16 // stories of one stream that go on at the same time
	castSeed   = 1
)

// told is what happens to some goods: events of which each may build on the one
// before, or all events of one group.
type told struct {
	events []ledger.SignedEvent
	group  bool
}

// admitCast admits the parties of the trade's mix.
func (b *bencher) admitCast(ctx context.Context, c *client.Client) error {
	genesis, err := ledger.DecodeGenesis(b.net.Genesis())
	if err != nil {
		return err
	}
	var governance []sign.PrivateKey
	for _, association := range genesis.Associations {
		for _, node := range b.net.Nodes() {
			if node.Association == association.Name {
				governance = append(governance, node.Governance)
			}
		}
	}
	cast, admissions, err := workload.NewCast(genesis, governance, castSeed, uint64(time.Now().UnixMilli()))
	if err != nil {
		return err
	}
	for _, admission := range admissions {
		if _, err := c.Append(ctx, admission); err != nil {
			return fmt.Errorf("admit a party of the mix: %w", err)
		}
	}
	b.cast = cast
	return nil
}

// tell signs the next so many stories of the mix, on all cores.
func (b *bencher) tell(ctx context.Context, count int) ([]told, error) {
	stories := make([]told, count)
	first := b.stories
	b.stories += uint64(count)
	now := uint64(time.Now().UnixMilli())
	err := parallel(ctx, runtime.NumCPU(), func(worker int) error {
		for i := worker; i < count; i += runtime.NumCPU() {
			var err error
			if stories[i], err = tellOne(b.cast, first+uint64(i), now); err != nil {
				return err
			}
		}
		return nil
	})
	return stories, err
}

// tellOne signs the story of a number; numbers have nothing to do with each other.
func tellOne(cast *workload.Cast, number, now uint64) (t told, err error) {
	switch kind := number % mixStories; {
	case kind < mixChains:
		t.events, err = cast.Chain(number, mixSales, now)
	case kind < mixChains+mixSplits:
		t.events, err = cast.Split(number, mixParts, now)
	case kind < mixChains+mixSplits+mixMerges:
		t.events, err = cast.Merge(number, mixParents, now)
	default:
		t.group = true
		t.events, err = cast.Parcel(number, mixGroup, now)
	}
	return t, err
}

// writes are what is sent, each in one go.
func (t told) writes() [][]client.Write {
	var sends [][]client.Write
	for i, event := range t.events {
		if i == 0 || !t.group {
			sends = append(sends, nil)
		}
		last := len(sends) - 1
		sends[last] = append(sends[last], client.Write{Event: event})
	}
	return sends
}

// mixEvents are the events of mixStories stories.
const mixEvents = mixChains*(1+2*mixSales) + mixSplits*(2+2*mixParts) + mixMerges*(mixParents+3) + mixGroup

// mix appends stories over one stream a client. A stream has several stories going
// on at a time and sends their writes in turn, without waiting for answers.
func (b *bencher) mix(ctx context.Context, clients int) (round, error) {
	events := b.config.Round.Seconds() * b.expected(nameMix, eventsPerSecondMax)
	stories, err := b.tell(ctx, mixStories*(1+int(events)/mixEvents))
	if err != nil {
		return round{}, err
	}
	connections, err := b.connect(ctx, min(clients, connectionsMax))
	if err != nil {
		return round{}, err
	}
	defer closeAll(connections)
	var t tally
	var next atomic.Int64
	runtime.GC()
	begin := time.Now()
	err = parallel(ctx, clients, func(worker int) error {
		var flight flight
		stream := connections[worker%len(connections)].Stream(ctx, streamWindow(clients), func(result client.Result) {
			flight.landed(result.Sequence, len(result.Receipts), result.Err)
		})
		inTurn(mixInTurn, func() [][]client.Write {
			if at := int(next.Add(1)) - 1; at < len(stories) && time.Since(begin) < b.config.Round {
				return stories[at].writes()
			}
			return nil
		}, func(writes []client.Write) bool {
			sequence, err := stream.Send(writes...)
			if err == nil {
				flight.sent(sequence)
			}
			return err == nil && time.Since(begin) < b.config.Round
		})
		err := stream.Close()
		t.add(flight.latencies, flight.more, flight.failed)
		return err
	})
	return t.round(time.Since(begin)), err
}

// inTurn sends the first write of each of so many stories, then the second of each,
// and takes a new story where one has ended, until there is none or send says no.
func inTurn(width int, more func() [][]client.Write, send func([]client.Write) bool) {
	open := make([][][]client.Write, width)
	for {
		sent := false
		for i := range open {
			if len(open[i]) == 0 {
				open[i] = more()
			}
			if len(open[i]) == 0 {
				continue
			}
			sent = true
			if !send(open[i][0]) {
				return
			}
			open[i] = open[i][1:]
		}
		if !sent {
			return
		}
	}
}
