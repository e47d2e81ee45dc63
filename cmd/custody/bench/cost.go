package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
	"github.com/custodyledger/custodyledger/node/localnet"
)

// Cost is what watching the leader and making checkpoints final takes away from
// one kind of append: the rate with it, while somebody follows the tiles, beside
// that of the same program built without it.
type Cost struct {
	With    Row `json:"with"`
	Without Row `json:"without"`
	// Ratio is the median over the rounds of the two rates of a round.
	Ratio    float64 `json:"ratio"`
	RatioMin float64 `json:"ratio_min"`
	RatioMax float64 `json:"ratio_max"`
}

// costRounds is how often the two are measured in turn: their difference is
// smaller than what a shared machine does to one round.
const costRounds = 7

// costs runs every kind of append on two ledgers in turn: A B, B A, A B, …
func (b *bencher) costs(ctx context.Context, plainProgram string) ([]Cost, error) {
	dir, err := os.MkdirTemp("", "custody-bench-plain-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	net, err := localnet.Run(ctx, localnet.Options{Dir: filepath.Join(dir, "net"), Program: plainProgram})
	if err != nil {
		return nil, fmt.Errorf("start a ledger without cosigning and signed proposals: %w", err)
	}
	defer net.Close()
	plain := &bencher{config: b.config, net: net}
	if err := plain.admit(ctx); err != nil {
		return nil, err
	}
	kinds := []struct {
		name    string
		clients int
		run     func(*bencher) (round, error)
	}{
		{"append, one event a call", 1, func(b *bencher) (round, error) { return b.unary(ctx, 1) }},
		{"append, one event a call", 64, func(b *bencher) (round, error) { return b.unary(ctx, 64) }},
		{"append, streamed", 16, func(b *bencher) (round, error) { return b.streamed(ctx, 16) }},
	}
	var costs []Cost
	for _, kind := range kinds {
		var with, without []round
		for n := range costRounds {
			b.config.Step(fmt.Sprintf("cost, round %d of %d: %s, %d clients", n+1, costRounds, kind.name, kind.clients))
			measure := []func() error{
				func() error {
					r, err := b.followed(ctx, kind.run)
					with = append(with, r)
					return err
				},
				func() error {
					r, err := kind.run(plain)
					without = append(without, r)
					return err
				},
			}
			if n%2 == 1 {
				slices.Reverse(measure)
			}
			for _, m := range measure {
				if err := m(); err != nil {
					return nil, fmt.Errorf("%s, %d clients: %w", kind.name, kind.clients, err)
				}
			}
		}
		costs = append(costs, newCost(kind.name, kind.clients, with, without))
	}
	return costs, nil
}

func newCost(name string, clients int, with, without []round) Cost {
	c := Cost{With: summarize(name, clients, with), Without: summarize(name, clients, without)}
	var ratios []float64
	for i := range with {
		ratios = append(ratios, with[i].rate()/without[i].rate())
	}
	slices.Sort(ratios)
	c.Ratio, c.RatioMin, c.RatioMax = median(ratios), ratios[0], ratios[len(ratios)-1]
	return c
}

// followed runs a load while somebody follows the checkpoints and tiles of one
// node, as a mirror does.
func (b *bencher) followed(ctx context.Context, run func(*bencher) (round, error)) (round, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		follow(ctx, "http://"+b.net.Nodes()[0].HTTPAddress)
	}()
	r, err := run(b)
	cancel()
	<-done
	return r, err
}

// follow reads the checkpoint each second and the full tiles of hashes and
// entries that have come since.
func follow(ctx context.Context, base string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var next uint64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		b, err := fetch(ctx, base+"/"+tile.CheckpointPath)
		if err != nil {
			continue
		}
		note, err := checkpoint.ParseNote(b)
		if err != nil {
			continue
		}
		for ; next < note.Size/tile.Width; next++ {
			for _, t := range []tile.Tile{{Index: next, Width: tile.Width}, {Entries: true, Index: next, Width: tile.Width}} {
				fetch(ctx, base+"/"+t.Path())
			}
		}
	}
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, err
}
