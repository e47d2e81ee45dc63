package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Kills says how long a client that goes on trying waited, from the moment the
// leader was killed, until its next write was committed.
type Kills struct {
	Count int     `json:"count"`
	P50Ms float64 `json:"p50_ms"`
	P95Ms float64 `json:"p95_ms"`
	MaxMs float64 `json:"max_ms"`
}

// kills kills the leader, has the next write recorded by the others, starts the
// node again and waits until it has caught up, so many times.
func (b *bencher) kills(ctx context.Context) (*Kills, error) {
	if b.config.Kills == 0 {
		return nil, nil
	}
	events, err := b.sign(ctx, b.config.Kills)
	if err != nil {
		return nil, err
	}
	var gaps []time.Duration
	for n, event := range events {
		b.config.Step(fmt.Sprintf("leader killed, %d of %d", n+1, b.config.Kills))
		first, err := b.leader(ctx)
		if err != nil {
			return nil, err
		}
		c, err := b.net.NewClient((first + 1) % len(b.net.Nodes()))
		if err != nil {
			return nil, err
		}
		defer c.Close()
		if _, err := c.Status(ctx); err != nil {
			return nil, err
		}
		leader := b.net.Nodes()[first]
		leader.Kill()
		killed := time.Now()
		receipt, err := c.Append(ctx, event)
		if err != nil {
			return nil, fmt.Errorf("the write after the leader was killed: %w", err)
		}
		gaps = append(gaps, time.Since(killed))
		if err := leader.Restart(ctx); err != nil {
			return nil, err
		}
		if err := leader.WaitSize(ctx, receipt.Index+1); err != nil {
			return nil, err
		}
	}
	slices.Sort(gaps)
	return &Kills{
		Count: len(gaps), P50Ms: milliseconds(quantile(gaps, 0.50)), P95Ms: milliseconds(quantile(gaps, 0.95)), MaxMs: milliseconds(gaps[len(gaps)-1]),
	}, nil
}
