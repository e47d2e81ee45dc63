package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestClusterAgrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("x", 200)
		c.audit()
		for _, m := range c.running() {
			if m.fatal != nil {
				t.Errorf("%s: %v", m.id, m.fatal)
			}
			if size, _ := m.ledger.Head(); size < 202 {
				t.Errorf("%s has %d entries", m.id, size)
			}
		}
	})
}

func TestOneNodeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		defer c.close()
		c.propose("x", 20)
		c.stop(c.members[0])
		c.start(c.members[0], ModeRun)
		c.audit()
	})
}

// No acknowledged command is lost, ledgers stay equal and terms have one
// leader while leaders are killed under load, with what they had not synced
// gone.
func TestLeaderKills(t *testing.T) {
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, func(c *Config) { c.PointerEntries, c.TrailingLogs = 32, 16 })
				defer c.close()
				done := make(chan struct{})
				for client := range 4 {
					go func() {
						defer func() { done <- struct{}{} }()
						for i := range 60 {
							for try := 0; ; try++ {
								if c.proposeOnce(c.leader(), fmt.Sprintf("%d-%d-%d", client, i, try)) {
									break
								}
							}
						}
					}()
				}
				for kill := range 4 {
					time.Sleep(time.Duration(7+3*round+11*kill) * time.Millisecond)
					m := c.leader()
					c.crash(m)
					c.start(m, ModeRun)
				}
				for range 4 {
					<-done
				}
				c.audit()
			})
		})
	}
}

func TestProposeAtFollowerNamesTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("x", 1)
		leader := c.leader()
		for _, m := range c.running() {
			if m == leader {
				continue
			}
			c.until("a known leader", func() bool { return m.node.Leader() != "" })
			_, err := m.node.Propose(t.Context(), []byte("y"))
			var notLeader *NotLeaderError
			if !errors.As(err, &notLeader) || notLeader.Leader != leader.id.Node {
				t.Errorf("%s: %v", m.id, err)
			}
			if err := m.node.Barrier(t.Context()); !errors.As(err, &notLeader) {
				t.Errorf("%s: barrier: %v", m.id, err)
			}
		}
	})
}

func TestProposeLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, func(c *Config) { c.ProposalsMax = 3 })
		defer c.close()
		m := c.leader()
		if _, err := m.node.Propose(t.Context(), make([]byte, CommandBytesMax)); err != nil {
			t.Errorf("at the limit: %v", err)
		}
		for _, size := range []int{0, CommandBytesMax + 1} {
			if _, err := m.node.Propose(t.Context(), make([]byte, size)); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		gate := make(chan struct{})
		m.ledger.mu.Lock()
		m.ledger.applyGate = gate
		m.ledger.mu.Unlock()
		var open []*Proposal
		for i := range 3 {
			p, err := m.node.Begin([]byte{byte(i + 1)})
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, p)
		}
		if _, err := m.node.Begin([]byte("one too many")); !errors.Is(err, ErrOverloaded) {
			t.Errorf("past the limit: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := open[0].Wait(ctx); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that ends early: %v", err)
		}
		close(gate)
		for _, p := range open {
			if _, err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := m.node.Propose(t.Context(), []byte("again")); err != nil {
			t.Errorf("after the load: %v", err)
		}
		c.stop(m)
		if _, err := m.node.Propose(t.Context(), []byte("late")); !errors.Is(err, ErrStopped) {
			t.Errorf("after shutdown: %v", err)
		}
		if err := m.node.Shutdown(); err != nil {
			t.Errorf("second shutdown: %v", err)
		}
	})
}

// A leader that was cut off answers no linearizable read, and learns that its
// proposal's outcome is unknown.
func TestCutOffLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("x", 3)
		old := c.leader()
		c.isolate(old, true)
		p, err := old.node.Begin([]byte("lost or not"))
		if err != nil {
			t.Fatal(err)
		}
		if err := old.node.Barrier(t.Context()); err == nil {
			t.Error("a leader that was cut off served a linearizable read")
		}
		if _, err := p.Wait(t.Context()); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("proposal of a leader that was cut off: %v", err)
		}
		c.propose("y", 3)
		c.isolate(old, false)
		c.audit()
	})
}

// After the leader's read index, any node that waits for it has applied every
// command that was acknowledged before, also when the newest raft entries are
// no commands.
func TestReadIndexAtFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		for round := range 5 {
			c.propose(fmt.Sprint("r", round), 4)
			if err := c.leader().node.HandOn(t.Context()); err != nil {
				t.Logf("hand on: %v", err)
			}
			leader := c.leader()
			want, _ := leader.ledger.Head()
			index, err := leader.node.ReadIndex(t.Context())
			if err != nil {
				t.Logf("read index: %v", err)
				continue
			}
			if commit := leader.node.raft.CommitIndex(); index >= commit {
				t.Errorf("read index %d at commit index %d: the newest entry is the new leader's own", index, commit)
			}
			for _, m := range c.running() {
				if err := m.node.WaitApplied(t.Context(), index); err != nil {
					t.Errorf("%s: %v", m.id, err)
				}
				if size, _ := m.ledger.Head(); size < want {
					t.Errorf("%s has %d entries, %d were acknowledged", m.id, size, want)
				}
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.leader().node.WaitApplied(ctx, 1<<40); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for an index far ahead: %v", err)
		}
		c.audit()
	})
}

// A node whose ledger began otherwise takes no part in the cluster: it stores
// nothing of it. One leader's word about how the cluster began stops nobody.
func TestOpenRefusesAnotherLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		odd := c.members[2]
		c.stop(odd)
		c.propose("x", 1)
		odd.ledger, odd.disk = newMemLedger(), newMemDisk()
		odd.ledger.now.entries = [][]byte{[]byte("another genesis")}
		c.start(odd, ModeFound)
		refused := odd.node.fsm.mayOpen(openCommand{cluster: testCluster, size: 1, root: fakeRoot([][]byte{[]byte("genesis")})})
		if refused == nil {
			t.Error("an open command of another ledger may stand")
		}
		c.propose("z", 20)
		pass := time.NewTimer(10 * time.Second)
		<-pass.C
		if err := c.fatalOf(odd); err != nil {
			t.Errorf("the odd node stopped: %v", err)
		}
		if !odd.ledger.Position().IsZero() {
			t.Errorf("the odd node stands at %v", odd.ledger.Position())
		}
		if !bytes.Equal(odd.ledger.entries()[0], []byte("another genesis")) || len(odd.ledger.entries()) != 1 {
			t.Error("the odd ledger was changed")
		}
		c.propose("y", 5)
	})
}

func TestRefusedCommandIsAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		m := c.leader()
		got, err := m.node.Propose(t.Context(), []byte("even:1"))
		if err != nil || got != "refused" {
			t.Fatalf("%v, %v", got, err)
		}
		c.audit()
	})
}
