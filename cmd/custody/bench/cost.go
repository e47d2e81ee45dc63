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
)

// Cost is what watching the leader and making checkpoints final takes away from
// one kind of append: the rate with it, while somebody follows the tiles, beside
// that of the same program built without it.
type Cost struct {
	With    Row `json:"with"`
	Without Row `json:"without"`
	// Ratio is the median over the rounds of the two rates of a round.
	Ratio Spread `json:"ratio"`
}

// costRounds is how often the two are measured in turn: their difference is
// smaller than what a shared machine does to one round.
const costRounds = 15

// costs runs every kind of append on two ledgers in turn: A B, B A, A B, … Both
// are founded for it: a ledger that has grown writes more an event than a fresh one.
func costs(ctx context.Context, config Config) ([]Cost, error) {
	dir, err := os.MkdirTemp("", "custody-bench-cost-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var both [2]*bencher
	for i, program := range []string{config.Program, config.Plain} {
		if both[i], err = found(ctx, config, filepath.Join(dir, fmt.Sprint(i)), program); err != nil {
			return nil, err
		}
		defer both[i].net.Close()
	}
	b, plain := both[0], both[1]
	var mirror follower
	kinds := []struct {
		name    string
		clients int
		run     func(*bencher) (round, error)
	}{
		{nameUnary, 1, func(b *bencher) (round, error) { return b.unary(ctx, 1) }},
		{nameUnary, 64, func(b *bencher) (round, error) { return b.unary(ctx, 64) }},
		{nameStreamed, 16, func(b *bencher) (round, error) { return b.streamed(ctx, 16) }},
	}
	var costs []Cost
	for _, kind := range kinds {
		var with, without []round
		for n := range costRounds {
			b.config.Step(fmt.Sprintf("cost, round %d of %d: %s, %d clients", n+1, costRounds, kind.name, kind.clients))
			measure := []func() error{
				func() error {
					r, err := b.followed(ctx, &mirror, kind.run)
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
	c.Ratio = spread(ratios)
	return c
}

// followed runs a load while somebody follows the checkpoints and tiles of one
// node, as a mirror does.
func (b *bencher) followed(ctx context.Context, mirror *follower, run func(*bencher) (round, error)) (round, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		mirror.follow(ctx, "http://"+b.net.Nodes()[0].HTTPAddress)
	}()
	r, err := run(b)
	cancel()
	<-done
	return r, err
}

// follower mirrors the tiles of one ledger. It keeps its place: what came last in
// one round is fetched in the next, and nothing twice.
type follower struct{ next uint64 } // index of the next full tile of level 0

// follow reads the checkpoint each second and the full tiles of hashes and
// entries that have come since.
func (f *follower) follow(ctx context.Context, base string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
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
		for f.next < note.Size/tile.Width && f.take(ctx, base) == nil {
			f.next++
		}
	}
}

// take fetches the next tile of hashes and that of its entries.
func (f *follower) take(ctx context.Context, base string) error {
	for _, t := range []tile.Tile{{Index: f.next, Width: tile.Width}, {Entries: true, Index: f.next, Width: tile.Width}} {
		if _, err := fetch(ctx, base+"/"+t.Path()); err != nil {
			return err
		}
	}
	return nil
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
