package consensus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func progressOf(m *member) func(context.Context) (PeerProgress, error) {
	return func(context.Context) (PeerProgress, error) {
		s := m.node.Status()
		return PeerProgress{AppliedIndex: s.AppliedIndex, CatchingUp: s.CatchingUp}, nil
	}
}

// rejoin has the leader take a member in, whichever node leads.
func (c *cluster) rejoin(m *member) {
	c.t.Helper()
	c.until("the rejoined server to vote", func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
		defer cancel()
		err := c.leader().node.Rejoin(ctx, m.id, progressOf(m))
		if err != nil {
			c.t.Logf("rejoin %s: %v", m.id, err)
		}
		return err == nil
	})
	status := c.leader().node.Status()
	voters := make(map[string]int)
	for _, s := range status.Members {
		voters[s.Server.Node]++
		if s.Server == m.id && !s.Voter {
			c.t.Errorf("%s has no vote: %v", m.id, status.Members)
		}
	}
	for node, n := range voters {
		if n != 1 {
			c.t.Errorf("node %s has %d servers", node, n)
		}
	}
}

// A node whose folder was wiped comes back under a new incarnation: from the
// raft log while that still holds everything, and past truncation by verified
// entries.
func TestRejoinAfterWipe(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"from the log": nil, "past truncation": shortLogs} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, adjust)
				defer c.close()
				c.propose("before", 60)
				gone := c.members[1]
				c.stop(gone)
				c.propose("while it is away", 60)
				gone.id, gone.ledger, gone.disk, gone.source = testServer("b", 2), newMemLedger(), newMemDisk(), nil
				if err := c.tryStart(gone, ModeRun); !errors.Is(err, ErrStateLost) {
					t.Fatalf("an empty folder was started: %v", err)
				}
				c.start(gone, ModeRejoin)
				c.rejoin(gone)
				c.rejoin(gone) // again: nothing to do
				c.audit()

				// Its vote counts, also after a restart.
				c.crash(gone)
				c.start(gone, ModeRun)
				other := c.members[2]
				c.crash(other)
				c.propose("with its vote", 5)
				c.start(other, ModeRun)
				c.audit()
			})
		})
	}
}

// A node that lost its raft log and kept its ledger rejoins with what it has:
// nothing is fetched or applied twice.
func TestRejoinWithKeptLedger(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"from the log": nil, "past truncation": shortLogs} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, adjust)
				defer c.close()
				c.propose("before", 60)
				kept := c.members[1]
				c.settle()
				c.stop(kept)
				c.propose("while it is away", 10)
				kept.id, kept.disk = testServer("b", 2), newMemDisk()
				c.start(kept, ModeRejoin)
				c.rejoin(kept)
				c.audit()
				if n := len(kept.ledger.applied); n > 20 {
					t.Errorf("%d raft entries were applied again", n)
				}
				c.crash(kept)
				c.start(kept, ModeRun)
				c.audit()
			})
		})
	}
}

func TestRejoinRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("x", 3)
		leader := c.leader()
		never := func(context.Context) (PeerProgress, error) { return PeerProgress{}, errors.New("no answer") }
		if err := leader.node.Rejoin(t.Context(), testServer(leader.id.Node, 9), never); err == nil {
			t.Error("the leader replaced itself")
		}
		for _, m := range c.running() {
			if m == leader {
				continue
			}
			var notLeader *NotLeaderError
			if err := m.node.Rejoin(t.Context(), testServer("b", 9), never); !errors.As(err, &notLeader) {
				t.Errorf("at a follower: %v", err)
			}
		}
		// A server that never answers gets no vote.
		var out *member
		for _, m := range c.members {
			if m != leader {
				out = m
			}
		}
		c.stop(out)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		next := testServer(out.id.Node, 9)
		if err := leader.node.Rejoin(ctx, next, never); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a server that never answers: %v", err)
		}
		for _, s := range leader.node.Status().Members {
			if s.Server == next && s.Voter || s.Server == out.id {
				t.Errorf("members %v", leader.node.Status().Members)
			}
		}
		c.propose("y", 3)
	})
}
