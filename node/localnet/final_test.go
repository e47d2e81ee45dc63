package localnet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Every event becomes final, with all nodes up and with one of them killed, and
// the log of the test says how soon after its commit.
func TestFinal(t *testing.T) {
	n := start(t, nil)
	leader := n.leader()
	n.timeFinal("all up", leader, 60)
	n.followers()[0].Kill()
	n.timeFinal("one follower killed", leader, 60)
}

// timeFinal registers stones, one after the other while time goes on, and says
// how long each was committed before it was final at the leader.
func (n *network) timeFinal(what string, leader *localnet.Node, stones int) {
	n.t.Helper()
	committed := make([]time.Time, 0, stones)
	indexes := make([]uint64, 0, stones)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	done := make(chan error, 1)
	go func() {
		for range stones {
			event, err := n.dealers[0].Register(trade.Polished(140_000, &custodyv1.Description{Colour: "G", Clarity: "VS2"}))
			if err != nil {
				done <- err
				return
			}
			receipt, err := n.client.Append(n.ctx, event)
			if err != nil {
				done <- err
				return
			}
			committed, indexes = append(committed, time.Now()), append(indexes, receipt.Index)
			<-ticker.C
		}
		done <- nil
	}()
	// finals is when the leader was first seen with a final size.
	type seen struct {
		size uint64
		at   time.Time
	}
	var finals []seen
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	last, ended := uint64(0), false
	for !ended || last <= indexes[len(indexes)-1] {
		select {
		case err := <-done:
			n.must(err)
			ended = true
		case <-look.C:
		case <-n.ctx.Done():
			n.t.Fatalf("%s: final size %d", what, last)
		}
		status, err := leader.Status(n.ctx)
		n.must(err)
		if status.FinalSize > last {
			last = status.FinalSize
			finals = append(finals, seen{last, time.Now()})
		}
	}
	var took []time.Duration
	for i, index := range indexes {
		at := slices.IndexFunc(finals, func(f seen) bool { return f.size > index })
		took = append(took, finals[at].at.Sub(committed[i]))
	}
	slices.Sort(took)
	n.t.Logf("%s: from commit to final: median %v, 90 of 100 within %v, all within %v", what,
		took[len(took)/2].Round(time.Millisecond), took[len(took)*9/10].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}
