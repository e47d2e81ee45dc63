package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// trial is one call's way through the nodes.
type trial struct {
	client *Client
	causes []NodeError // the last of each node
	// promises are the last one of each node, not verified.
	promises map[*node]*custodyv1.Promise
	unknown  bool // a write may have been recorded
	reached  bool // some node answered
	rounds   int
	delay    time.Duration
}

// with calls op on one node after the other until it succeeds, is refused, or
// time is up. write says that op may record something, so that its silence is
// not the end. Errors of op that are no status errors end the call as they are.
func (c *Client) with(ctx context.Context, write bool, op func(context.Context, *node) error) (*trial, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, errPatience)
	defer cancel()
	t := &trial{client: c, delay: retryDelayMin}
	first := c.first.Load()
	for {
		for i := range c.nodes {
			at := (int(first) + i) % len(c.nodes)
			n := c.nodes[at]
			sent, err := t.attempt(ctx, n, op)
			if err == nil {
				c.first.Store(uint32(at))
				return t, nil
			}
			a, ours := t.classify(err)
			if ours || !a.retry {
				return t, t.final(n, a, err, ours)
			}
			t.note(n, a, write && sent)
			if ended := contextEnd(ctx); ended != nil {
				return t, t.ended(ended)
			}
			if a.after > 0 {
				t.delay = max(t.delay, min(a.after, retryDelayMax))
			}
		}
		t.rounds++
		if !t.unknown && !t.reached && t.rounds >= roundsUnreached {
			return t, t.ended(nil)
		}
		if ended := t.pause(ctx); ended != nil {
			return t, t.ended(ended)
		}
	}
}

// errPatience ends a call that found no node able to answer in time.
var errPatience = errors.New("patience ran out")

// attempt asks one node for as long as one may take; sent tells whether
// anything went out to it.
func (t *trial) attempt(ctx context.Context, n *node, op func(context.Context, *node) error) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.client.attempt)
	defer cancel()
	ctx, record := recordSent(ctx)
	err = t.run(ctx, n, op)
	return record.Load(), err
}

// run asks one node, after a fresh attempt to connect if the last one failed.
func (t *trial) run(ctx context.Context, n *node, op func(context.Context, *node) error) error {
	if n.conn.GetState() == connectivity.TransientFailure {
		n.conn.ResetConnectBackoff()
	}
	return op(ctx, n)
}

// classify reads an error of op; ours says that it came from checking an
// answer, not from the call.
func (t *trial) classify(err error) (a answer, ours bool) {
	if tampered := (*Tampered)(nil); errors.As(err, &tampered) {
		return answer{}, true
	}
	if said := (*answerError)(nil); errors.As(err, &said) {
		return said.answer, false
	}
	return classify(err), false
}

// final is the error of a call that no other node would answer otherwise.
func (t *trial) final(n *node, a answer, err error, ours bool) error {
	if ours {
		return err
	}
	refused := a.refused(n.address)
	refused.EarlierSendUnknown = t.unknown
	return refused
}

// note keeps what one node said. written says that it may have recorded
// something if its answer leaves that open.
func (t *trial) note(n *node, a answer, written bool) {
	t.reached = t.reached || a.reached
	t.unknown = t.unknown || (written && a.unknown)
	if a.promise != nil {
		if t.promises == nil {
			t.promises = map[*node]*custodyv1.Promise{}
		}
		t.promises[n] = a.promise
	}
	cause := NodeError{Node: n.address, Err: a.err()}
	for i := range t.causes {
		if t.causes[i].Node == n.address {
			t.causes[i] = cause
			return
		}
	}
	t.causes = append(t.causes, cause)
}

func (t *trial) ended(cause error) error { return &Unreachable{Causes: t.causes, Ended: cause} }

// pause waits between two rounds, longer each time, never twice the same.
func (t *trial) pause(ctx context.Context) error {
	wait := t.delay/2 + rand.N(t.delay)
	t.delay = min(2*t.delay, retryDelayMax)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle turns the end of a write's trial into the error its caller sees.
func (t *trial) settle(event ledger.EventID, err error) error {
	var unreachable *Unreachable
	if t.unknown && errors.As(err, &unreachable) {
		return &OutcomeUnknown{Event: event, Cause: err, Promises: t.kept(event)}
	}
	return err
}

// kept gives the promises that hold, in the order of the nodes.
func (t *trial) kept(event ledger.EventID) []SignedPromise {
	var promises []SignedPromise
	for _, n := range t.client.nodes {
		if promise, err := t.client.checkPromise(event, t.promises[n]); err == nil {
			promises = append(promises, promise)
		}
	}
	return promises
}
