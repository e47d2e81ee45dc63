package trade

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// Chain is a list of events of which each builds on the one before, such as
// all that happens to one stone.
type Chain []client.Write

// Writes makes a chain of events without openings.
func Writes(events ...ledger.SignedEvent) Chain {
	chain := make(Chain, 0, len(events))
	for _, event := range events {
		chain = append(chain, client.Write{Event: event})
	}
	return chain
}

// Acknowledged is an event that the ledger said it has, and when it said so.
type Acknowledged struct {
	Receipt ledger.Receipt
	At      time.Time
}

// Load sends chains by several streams at once, each stream through a client of
// its own. Every chain stays on one stream; a stream takes turns between its
// chains, as dealers who do not wait for each other do. acknowledged is called
// once an event, never twice at a time.
//
// It returns when every event has an outcome. The error is that of the first
// event, by time, that was not acknowledged.
func Load(ctx context.Context, clients []*client.Client, chains []Chain, acknowledged func(Acknowledged)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	deliver := func(result client.Result) {
		at := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if result.Err != nil {
			cancel(fmt.Errorf("an event of the load was not acknowledged: %w", result.Err))
			return
		}
		for _, receipt := range result.Receipts {
			acknowledged(Acknowledged{Receipt: receipt, At: at})
		}
	}
	var done sync.WaitGroup
	for s, c := range clients {
		done.Go(func() {
			stream := c.Stream(ctx, 0, deliver)
			var mine []Chain
			for i := s; i < len(chains); i += len(clients) {
				mine = append(mine, chains[i])
			}
			err := errors.Join(sendInTurns(stream, mine), stream.Close())
			if err != nil {
				cancel(err)
			}
		})
	}
	done.Wait()
	return context.Cause(ctx)
}

// sendInTurns sends the first event of every chain, then the second, and so on.
func sendInTurns(stream *client.Stream, chains []Chain) error {
	for turn := 0; ; turn++ {
		sent := false
		for _, chain := range chains {
			if turn >= len(chain) {
				continue
			}
			sent = true
			if _, err := stream.Send(chain[turn]); err != nil {
				return err
			}
		}
		if !sent {
			return nil
		}
	}
}
