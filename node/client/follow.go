package client

import (
	"context"
	"errors"
	"time"
)

// errSilent ends a stream whose node sends nothing for too long.
var errSilent = errors.New("the node sent nothing for too long")

// handlerError carries an error of the caller's own code out of a stream.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// follow runs a stream on one node after the other, each time from where the
// last one stopped, until run returns nil, is refused, or makes no progress for
// as long as the client's patience lasts.
func (c *Client) follow(ctx context.Context, progress func() uint64, run func(context.Context, *node) error) error {
	t := &trial{client: c, delay: retryDelayMin}
	lastProgress := time.Now()
	first := int(c.first.Load())
	for tries := 1; ; tries++ {
		at := (first + tries - 1) % len(c.nodes)
		n := c.nodes[at]
		before := progress()
		err := t.run(ctx, n, run)
		if err == nil {
			c.first.Store(uint32(at))
			return nil
		}
		if own := (*handlerError)(nil); errors.As(err, &own) {
			return own.err
		}
		a, ours := t.classify(err)
		if ours || !a.retry {
			return t.final(n, a, err, ours)
		}
		t.note(n, a, false)
		if ended := contextEnd(ctx); ended != nil {
			return t.ended(ended)
		}
		if progress() != before {
			t.reached, t.rounds, t.delay, lastProgress = false, 0, retryDelayMin, time.Now()
			continue
		}
		if tries%len(c.nodes) != 0 {
			continue
		}
		t.rounds++
		switch {
		case !t.reached && t.rounds >= roundsUnreached:
			return t.ended(nil)
		case time.Since(lastProgress) > c.patience:
			return t.ended(errPatience)
		}
		if ended := t.pause(ctx); ended != nil {
			return t.ended(ended)
		}
	}
}
