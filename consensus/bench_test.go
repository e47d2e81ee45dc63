package consensus

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
)

// BenchmarkPropose commits commands on three nodes over TLS with bbolt logs,
// all in this process: what raft, disk and TLS cost below the ledger.
func BenchmarkPropose(b *testing.B) {
	for _, bench := range []struct {
		bytes, clients int
	}{{400, 1}, {400, 16}, {400, 64}, {128 << 10, 1}, {128 << 10, 4}} {
		b.Run(fmt.Sprintf("bytes=%d/clients=%d", bench.bytes, bench.clients), func(b *testing.B) {
			c := newRealCluster(b, func(c *Config) { c.Machine = discard{c.Ledger.(*memLedger)} })
			node := c.leader().node
			command := make([]byte, bench.bytes)
			b.SetBytes(int64(bench.bytes))
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var clients sync.WaitGroup
			for range bench.clients {
				clients.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := node.Propose(context.Background(), command); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			clients.Wait()
			b.StopTimer()
		})
	}
}

// BenchmarkBarrier confirms leadership and waits for what is committed.
func BenchmarkBarrier(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			c := newRealCluster(b, nil)
			node := c.leader().node
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					for left.Add(-1) >= 0 {
						if err := node.Barrier(context.Background()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
		})
	}
}

// BenchmarkFailover stops the leader without a word and times the next
// acknowledged command.
func BenchmarkFailover(b *testing.B) {
	c := newRealCluster(b, nil)
	c.propose(1, "x")
	for b.Loop() {
		b.StopTimer()
		c.settle()
		old := c.leader()
		b.StartTimer()
		old.node.gate.close()
		for done := false; !done; time.Sleep(time.Millisecond) {
			for _, m := range c.members {
				if m == old || !m.node.IsLeader() {
					continue
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				_, err := m.node.Propose(ctx, []byte("x"))
				cancel()
				done = done || err == nil
			}
		}
		b.StopTimer()
		old.node.Shutdown()
		c.start(old, ModeRun)
		b.StartTimer()
	}
}

// discard is a machine that keeps the position and nothing else.
type discard struct{ *memLedger }

func (d discard) Apply(p ledger.Position, commands []Command) ([]any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now.position = p
	return make([]any, len(commands)), nil
}
