package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
)

func shortLogs(c *Config) { c.PointerEntries, c.TrailingLogs = 16, 8 }

// leaveBehind cuts a follower off until the others have truncated what it
// would need, and connects it again with its catch-up held.
func leaveBehind(t *testing.T, c *cluster) (behind *member, release func()) {
	t.Helper()
	c.propose("before", 20)
	c.settle()
	leader := c.leader()
	for _, m := range c.members {
		if m != leader {
			behind = m
		}
	}
	c.isolate(behind, true)
	c.propose("while away", 120)
	last, err := behind.disk.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	c.until("truncation past the node that is away", func() bool {
		for _, m := range c.members {
			if first, _ := m.disk.FirstIndex(); m != behind && first <= last+1 {
				return false
			}
		}
		return true
	})
	hold := make(chan struct{})
	behind.source.mu.Lock()
	behind.source.hold = hold
	behind.source.mu.Unlock()
	c.isolate(behind, false)
	c.until("a catch-up target", func() bool { return behind.node.Status().CatchingUp })
	return behind, func() { close(hold) }
}

// The scenario of DESIGN section 7: a node is behind past truncation, the
// leader is killed in the middle of its catch-up, and its vote is needed for
// the next one.
func TestCatchUpWhileVoting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)

		old := c.leader()
		killed := old.node.raft.CurrentTerm()
		c.crash(old)
		c.propose("with its vote", 40)
		if term := c.leader().node.raft.CurrentTerm(); term <= killed {
			t.Errorf("term %d after the leader of term %d was killed", term, killed)
		}
		if c.leader() == behind {
			t.Error("a node that is catching up leads")
		}
		status := behind.node.Status()
		if !status.CatchingUp {
			t.Fatal("the catch-up ended although it is held")
		}
		if status.LastIndex <= status.Target.Index {
			t.Errorf("its raft log ends at %d, at or below its target %d", status.LastIndex, status.Target.Index)
		}
		if got := behind.ledger.Position(); got.Index >= status.Target.Index {
			t.Errorf("it applied up to %d while catching up to %d", got.Index, status.Target.Index)
		}
		if _, err := behind.node.fsm.Snapshot(); err == nil {
			t.Error("a pointer was taken while catching up")
		}
		if err := behind.node.WaitApplied(t.Context(), 1<<40); !errors.Is(err, ErrCatchingUp) {
			t.Errorf("a read while catching up: %v", err)
		}
		release()
		c.start(old, ModeRun)
		c.audit()
		for i := range status.Target.Index {
			if behind.ledger.applied[i] > 1 {
				t.Errorf("raft entry %d, below the target, was applied again", i)
			}
		}
	})
}

// A node that is catching up and becomes leader hands leadership on.
func TestLeadershipIsHandedOnWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)
		c.propose("more", 3)
		id := raft.ServerID(behind.id.String())
		var led atomic.Bool
		behind.node.raft.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
			if state, ok := o.Data.(raft.RaftState); ok && state == raft.Leader {
				led.Store(true)
			}
			return false
		}))
		if err := c.leader().node.raft.LeadershipTransferToServer(id, raft.ServerAddress(id)).Error(); err != nil {
			t.Fatal(err)
		}
		c.until("the node that is behind to have led", led.Load)
		if _, err := behind.node.Propose(t.Context(), []byte("too early")); err == nil {
			t.Error("a leader that is catching up took a proposal")
		}
		if err := behind.node.Barrier(t.Context()); err == nil {
			t.Error("a leader that is catching up served a linearizable read")
		}
		if c.leader() == behind {
			t.Error("it still leads")
		}
		release()
		c.audit()
	})
}

// A crash at any point of a catch-up: it goes on where it was, and applies
// nothing twice.
func TestCatchUpSurvivesCrashes(t *testing.T) {
	for _, at := range []int{30, 60, 100, 130} {
		t.Run(fmt.Sprint("with entries ", at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, shortLogs)
				defer c.close()
				behind, release := leaveBehind(t, c)
				c.propose("meanwhile", 50)
				release()
				c.until("some entries", func() bool { n, _ := behind.ledger.Head(); return int(n) >= at })
				c.crash(behind)
				behind.source = nil
				c.start(behind, ModeRun)
				c.audit()
			})
		})
	}
}

// A crash while the target is recorded and nothing is fetched yet: what the
// raft log held below the target is gone, and the node still votes.
func TestRestartWithTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)
		target := behind.node.Status().Target
		c.crash(behind)          // before or after raft has truncated its log
		c.start(behind, ModeRun) // its catch-up is still held
		if first, _ := behind.disk.FirstIndex(); first != 0 && first <= target.Index {
			t.Errorf("the raft log still begins at %d, below the target %d", first, target.Index)
		}
		if s := behind.node.Status(); !s.CatchingUp || s.Target.Index != target.Index {
			t.Fatalf("after the crash: %+v", s)
		}
		other := c.leader()
		c.crash(other)
		c.propose("with its vote", 5)
		release()
		c.start(other, ModeRun)
		c.audit()
	})
}

// A crash between recording the target and the truncation that raft does
// next leaves old entries: they are dropped at the start.
func TestStaleLogBelowTargetIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)
		target := behind.node.Status().Target
		c.crash(behind)
		behind.disk.logs = map[uint64]raft.Log{ // as before the truncation, with a tail that was never committed
			20: {Index: 20, Term: 1, Type: raft.LogCommand, Data: encodeBatch([]byte("stale"))},
			21: {Index: 21, Term: 1, Type: raft.LogCommand, Data: encodeBatch([]byte("stale"))},
		}
		release()
		c.start(behind, ModeRun)
		if first, _ := behind.disk.FirstIndex(); first != 0 && first <= target.Index {
			t.Errorf("the raft log begins at %d, the target is %d", first, target.Index)
		}
		c.audit()
	})
}

// A newer pointer during a catch-up takes the place of the older one.
func TestNewerTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)
		first := behind.node.Status().Target
		c.isolate(behind, true)
		c.propose("again away", 120)
		c.isolate(behind, false)
		c.until("a newer target", func() bool { return behind.node.Status().Target.Index > first.Index })
		release()
		c.audit()
	})
}

// Peers that give entries which do not lead to the target's root stop the
// node, with both roots as evidence; what it had of its own stays.
func TestForgedCatchUpStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)
		target := behind.node.Status().Target
		behind.source.forge = true
		had := behind.ledger.entries()
		release()
		c.until("the node to stop", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return behind.fatal != nil
		})
		if !errors.Is(behind.fatal, ErrDiverged) || !bytes.Contains([]byte(behind.fatal.Error()), []byte(fmt.Sprintf("%x", target.Root))) {
			t.Errorf("stopped with %v", behind.fatal)
		}
		if _, ok := behind.ledger.Target(); !ok {
			t.Error("the target was adopted")
		}
		for i, e := range had {
			if !bytes.Equal(behind.ledger.entries()[i], e) {
				t.Errorf("entry %d was changed", i)
			}
		}
		c.propose("without it", 3)
	})
}

// A catch-up that fails is tried again, with pauses that grow, and the node
// goes on voting.
func TestCatchUpIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, shortLogs)
		defer c.close()
		behind, release := leaveBehind(t, c)
		from := behind.source.from
		refused := 0
		behind.source.from = func() *memLedger {
			if refused++; refused < 6 {
				return nil
			}
			return from()
		}
		begun := time.Now()
		release()
		c.audit()
		if behind.source.calls < 6 {
			t.Errorf("%d calls", behind.source.calls)
		}
		if took := time.Since(begun); took < 3*time.Second {
			t.Errorf("six tries took %v of virtual time: no pauses", took)
		}
	})
}

// A leader that was cut off with a long tail of its own is offered a pointer
// below that tail's end. raft would refuse what follows for ever (issue 697);
// the process ends instead and a start from disk settles it.
func TestLongUncommittedTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, func(c *Config) {
			shortLogs(c)
			c.ProposalsMax = 1000
			c.TrailingLogs = 1
		})
		defer c.close()
		c.propose("before", 20)
		c.settle()
		old := c.leader()
		for i := range 200 { // raft's own log grows, nobody acknowledges
			if i == 0 {
				c.isolate(old, true)
			}
			if _, err := old.node.Begin([]byte(fmt.Sprint("tail ", i))); err != nil {
				t.Fatal(err)
			}
		}
		c.until("a new leader", func() bool { return old.node.raft.State() != raft.Leader })
		tail, _ := old.disk.LastIndex()
		c.propose("after", 60)
		c.until("truncation", func() bool {
			first, _ := c.leader().disk.FirstIndex()
			return first > 40
		})
		if head, _ := c.leader().disk.LastIndex(); head >= tail {
			t.Fatalf("the tail ends at %d, the cluster's log at %d", tail, head)
		}
		c.isolate(old, false)
		c.until("the process to ask for a restart", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return errors.Is(old.fatal, ErrRestartNeeded)
		})
		c.crash(old)
		c.start(old, ModeRun)
		c.audit()
	})
}

// What a leader sends as a pointer is judged before it is a target.
func TestReceivedPointerIsJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refuse error
		c := newCluster(t, 1, func(c *Config) {
			c.CheckPointer = func(ledger.Pointer) error { return refuse }
		})
		defer c.close()
		c.propose("x", 10)
		m := c.members[0]
		size, root := m.ledger.Head()
		members := m.node.members()
		good := ledger.Pointer{
			Cluster: testCluster, Index: 500, Term: 9, Size: size + 5, Root: root,
			ConfigurationIndex: 1, Configuration: raft.EncodeConfiguration(members),
		}
		offer := func(p ledger.Pointer, index uint64) error {
			sink, err := m.node.pointers.Create(raft.SnapshotVersionMax, index, p.Term, members, p.ConfigurationIndex, nil)
			if err != nil {
				return err
			}
			b, err := p.AppendBinary(nil)
			if err != nil {
				return err
			}
			if _, err := sink.Write(b); err != nil {
				return err
			}
			return sink.Close()
		}
		if err := offer(good, 500); err != nil {
			t.Errorf("a good pointer: %v", err)
		}
		bad := map[string]func(*ledger.Pointer) uint64{
			"another cluster": func(p *ledger.Pointer) uint64 { p.Cluster[0]++; return 500 },
			"another index":   func(p *ledger.Pointer) uint64 { return 501 },
			"behind":          func(p *ledger.Pointer) uint64 { p.Index = 3; return 3 },
			"other members": func(p *ledger.Pointer) uint64 {
				p.Configuration = raft.EncodeConfiguration(raft.Configuration{Servers: append(members.Servers, raft.Server{ID: "z.0000000000000000", Address: "z.0000000000000000"})})
				return 500
			},
			"unreadable members": func(p *ledger.Pointer) uint64 { p.Configuration = []byte{0xff, 0xff}; return 500 },
			"against a checkpoint": func(p *ledger.Pointer) uint64 {
				refuse = errors.New("does not extend the final checkpoint")
				return 500
			},
		}
		for name, change := range bad {
			p := good
			refuse = nil
			index := change(&p)
			if err := offer(p, index); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		refuse = nil
		sink, _ := m.node.pointers.Create(raft.SnapshotVersionMax, 500, 9, members, 1, nil)
		if _, err := sink.Write(make([]byte, pointerBytesMax+1)); err == nil {
			t.Error("a pointer past the limit was taken")
		}
		// However often somebody offers what does not extend a final checkpoint.
		refuse = errors.New("does not extend the final checkpoint")
		for range 3 * pointerOffersMax {
			if err := offer(good, 500); err == nil {
				t.Error("accepted")
			}
		}
		if m.fatal != nil {
			t.Error(m.fatal)
		}
		refuse = fmt.Errorf("%w: a quorum signed another root", ErrDiverged)
		if err := offer(good, 500); !errors.Is(err, ErrDiverged) || !errors.Is(m.fatal, ErrDiverged) {
			t.Errorf("a quorum for another ledger: %v, %v", err, m.fatal)
		}
	})
}

// However often somebody offers what a node has already, the node goes on; only
// where raft's memory and the disk disagree does it ask for a start.
func TestAUselessPointerStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		defer c.close()
		c.propose("x", 10)
		m := c.members[0]
		size, root := m.ledger.Head()
		members := m.node.members()
		var behind raft.Log
		if err := m.disk.GetLog(3, &behind); err != nil {
			t.Fatal(err)
		}
		p := ledger.Pointer{
			Cluster: testCluster, Index: 3, Term: behind.Term, Size: size, Root: root,
			ConfigurationIndex: 1, Configuration: raft.EncodeConfiguration(members),
		}
		offer := func() error {
			sink, err := m.node.pointers.Create(raft.SnapshotVersionMax, p.Index, p.Term, members, p.ConfigurationIndex, nil)
			if err != nil {
				return err
			}
			b, err := p.AppendBinary(nil)
			if err != nil {
				return err
			}
			if _, err := sink.Write(b); err != nil {
				return err
			}
			return sink.Close()
		}
		for range 5 * pointerOffersMax {
			if offer() == nil {
				t.Error("a pointer to what the node has was taken")
			}
		}
		if m.fatal != nil {
			t.Fatal(m.fatal)
		}
		c.propose("y", 3)
		astray := func() uint64 { return 999 }
		m.node.pointers.last.Store(&astray)
		_ = offer()
		if !errors.Is(m.fatal, ErrRestartNeeded) {
			t.Errorf("raft is at 999, the disk is not: %v", m.fatal)
		}
	})
}
