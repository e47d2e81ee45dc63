package consensus

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

func (c *cluster) fatalOf(m *member) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return m.fatal
}

// A leader whose disk hangs, fails, or whose apply hangs or fails, ends its
// process and is silent at once; the others go on and nothing that was
// acknowledged is lost. Its own proposals have an unknown outcome.
func TestFaultsOfTheLeader(t *testing.T) {
	errDisk := errors.New("input/output error")
	faults := map[string]struct {
		inject func(m *member) (lift func())
		want   error
		within time.Duration
	}{
		"the raft log hangs": {func(m *member) func() {
			hang := make(chan struct{})
			m.disk.mu.Lock()
			defer m.disk.mu.Unlock()
			m.disk.hang = hang
			return func() { close(hang) }
		}, ErrHung, 6 * time.Second},
		"the raft log fails": {func(m *member) func() {
			m.disk.mu.Lock()
			defer m.disk.mu.Unlock()
			m.disk.fault = errDisk
			return func() {}
		}, errDisk, time.Second},
		"an apply hangs": {func(m *member) func() {
			hang := make(chan struct{})
			m.ledger.mu.Lock()
			defer m.ledger.mu.Unlock()
			m.ledger.applyGate = hang
			return func() { close(hang) }
		}, ErrHung, 21 * time.Second},
		"an apply fails": {func(m *member) func() {
			m.ledger.mu.Lock()
			defer m.ledger.mu.Unlock()
			m.ledger.applyError = errDisk
			return func() {}
		}, errDisk, time.Second},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, nil)
				defer c.close()
				c.propose("before", 20)
				sick := c.leader()
				lift := fault.inject(sick)
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				p, err := sick.node.Begin([]byte("unknown"))
				if err != nil {
					t.Fatal(err)
				}
				c.until("the process to be asked to end", func() bool { return c.fatalOf(sick) != nil })
				if took := time.Since(begun); took > fault.within {
					t.Errorf("took %v", took)
				}
				if err := c.fatalOf(sick); !errors.Is(err, fault.want) {
					t.Errorf("ended with %v", err)
				}
				// The process is gone; what was on its disks at this moment stays.
				c.mu.Lock()
				sick.running = false
				disk, mem := sick.disk.crash(), sick.ledger.crash()
				c.mu.Unlock()
				c.connect()
				c.propose("without it", 20)
				if took := time.Since(begun); took > 30*time.Second {
					t.Errorf("the others took %v", took)
				}
				lift()
				if _, err := p.Wait(ctx); err != nil && !errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("its proposal: %v", err)
				}
				sick.node.Shutdown()
				sick.disk, sick.ledger = disk, mem
				c.start(sick, ModeRun)
				c.audit()
			})
		})
	}
}

// All nodes lose their power at once, right after a pointer and the
// truncation that follows it. What the pointer named was on disk before raft
// forgot it.
func TestPowerCutAfterTruncation(t *testing.T) {
	for round := range 6 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, func(c *Config) { c.PointerEntries, c.TrailingLogs = 8, 1 })
				defer c.close()
				c.propose("x", 40+3*round)
				before, _ := c.leader().disk.FirstIndex()
				for i := 0; ; i++ {
					c.propose(fmt.Sprint("until truncation ", i), 1)
					if first, _ := c.leader().disk.FirstIndex(); first > before {
						break
					}
				}
				for _, m := range c.members {
					c.crash(m)
				}
				for _, m := range c.members {
					c.start(m, ModeRun)
				}
				c.audit()
			})
		})
	}
}

// The same on a store that says it synced and did not: the gap is found at
// the start, before anything could be applied across it.
func TestStoreThatLiesAboutSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, func(c *Config) { c.PointerEntries, c.TrailingLogs = 8, 1 })
		defer c.close()
		liar := c.members[1]
		liar.ledger.mu.Lock()
		liar.ledger.lieOnSync = true
		liar.ledger.mu.Unlock()
		c.propose("x", 60)
		c.settle()
		c.crash(liar)
		if err := c.tryStart(liar, ModeRun); !errors.Is(err, ErrStateLost) {
			t.Fatalf("started with a gap: %v, %+v", err, liar.node.Status())
		}
		c.propose("y", 3)
	})
}

// The log is truncated after so many entries also when each run of the
// process is shorter than that: raft's own count begins anew at every start.
func TestTruncationAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, func(c *Config) { c.PointerEntries, c.TrailingLogs = 64, 4 })
		defer c.close()
		m := c.members[0]
		for run := range 12 {
			c.propose(fmt.Sprint("run ", run), 16)
			if run%2 == 0 {
				c.stop(m)
			} else {
				c.crash(m)
			}
			c.start(m, ModeRun)
		}
		first, _ := m.disk.FirstIndex()
		last, _ := m.disk.LastIndex()
		if first < last/2 {
			t.Errorf("the raft log reaches from %d to %d", first, last)
		}
		c.audit()
	})
}

// Large entries bring a pointer before their count does.
func TestPointerByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, func(c *Config) { c.PointerBytes = 1 << 20 })
		defer c.close()
		m := c.leader()
		for i := range 5 {
			if _, err := m.node.Propose(t.Context(), append(make([]byte, 300<<10), byte(i))); err != nil {
				t.Fatal(err)
			}
		}
		c.until("a pointer", func() bool { _, ok := m.ledger.Pointer(); return ok })
	})
}

// A node that repeats a long log on a busy machine is slow, not hung: what raft
// hands over at once may take longer than one apply may.
func TestSlowIsNotHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemLedger()
		m.onApply = func(uint64) { time.Sleep(300 * time.Millisecond) }
		f := &fsm{cluster: testCluster, ledger: m, machine: m, progress: newProgress(0), durable: onDisk,
			pointerDue: make(chan struct{}, 1), membersDue: make(chan struct{}, 1), limits: pointerLimits{entries: 1000, bytes: 1 << 30},
			dog: watchdog{limit: 20 * time.Second, fatal: func(err error) { t.Error(err) }}, fatal: func(err error) { t.Error(err) }}
		m.now.position = ledger.Position{Cluster: testCluster, Index: 1, Term: 2}
		f.start()
		var logs []*raft.Log
		for i := range maxAppendEntries {
			logs = append(logs, &raft.Log{Index: uint64(i + 2), Term: 2, Type: raft.LogCommand, Data: encodeBatch(append(make([]byte, BatchBytesTarget), byte(i)))})
		}
		begun := time.Now()
		for i, result := range f.ApplyBatch(logs) {
			if result != uint64(i+1) { // after entry 0
				t.Fatalf("command %d: %v", i, result)
			}
		}
		if took := time.Since(begun); took < f.dog.limit {
			t.Errorf("took only %v", took)
		}
		if m.Position().Index != logs[len(logs)-1].Index {
			t.Error(m.Position())
		}
	})
}

// No pointer names a state that is ahead of its raft index: after a restart
// raft repeats entries that the ledger has applied, and a pointer taken
// meanwhile would make a follower apply them twice.
func TestNoPointerWhileRaftRepeats(t *testing.T) {
	f := &fsm{cluster: testCluster, ledger: newMemLedger(), progress: newProgress(0), durable: onDisk, note: func() []byte { return nil },
		pointerDue: make(chan struct{}, 1), membersDue: make(chan struct{}, 1), limits: pointerLimits{entries: 1, bytes: 1},
		dog: watchdog{limit: time.Minute, fatal: func(err error) { t.Error(err) }}, fatal: func(err error) { t.Error(err) }}
	m := f.ledger.(*memLedger)
	f.machine = m
	m.now.position.Cluster, m.now.position.Index, m.now.position.Term = testCluster, 100, 2
	f.start()
	for _, i := range []uint64{98, 99} {
		f.ApplyBatch([]*raft.Log{{Index: i, Term: 2, Type: raft.LogCommand, Data: encodeBatch([]byte("old"))}})
		if _, err := f.Snapshot(); err == nil {
			t.Errorf("a pointer at raft index %d on a ledger at 100", i)
		}
	}
	f.ApplyBatch([]*raft.Log{{Index: 100, Term: 2, Type: raft.LogCommand, Data: encodeBatch([]byte("old"))}})
	if _, err := f.Snapshot(); err != nil {
		t.Error(err)
	}
	if len(m.applied) != 0 {
		t.Errorf("entries at or below the position were applied: %v", m.applied)
	}
}

// What a start refuses, and how it says so.
func TestStartRefusesLostState(t *testing.T) {
	cases := map[string]struct {
		mode   Mode
		damage func(m *member)
	}{
		"the raft log and votes are gone": {ModeRun, func(m *member) { m.disk = newMemDisk() }},
		"gone, and founding again":        {ModeFound, func(m *member) { m.disk = newMemDisk() }},
		"the raft log is gone":            {ModeRun, func(m *member) { m.disk.logs = map[uint64]raft.Log{} }},
		"the end of the raft log is gone": {ModeRun, func(m *member) {
			_, last := m.disk.bounds()
			for i := m.ledger.now.position.Index; i <= last; i++ {
				delete(m.disk.logs, i)
			}
		}},
		"the beginning of the raft log is gone": {ModeRun, func(m *member) {
			m.ledger.now.pointer = nil
			delete(m.disk.logs, 1)
			delete(m.disk.logs, 2)
			m.ledger.now.position.Index = 1
		}},
		"the votes are gone":      {ModeRun, func(m *member) { m.disk.ints = map[string]uint64{} }},
		"another server's folder": {ModeRun, func(m *member) { m.id = testServer("a", 2) }},
		"the ledger lost entries below its pointer": {ModeRun, func(m *member) {
			p, _ := m.ledger.Pointer()
			m.ledger.now.entries = m.ledger.now.entries[:p.Size-1]
		}},
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 1, func(c *Config) {
					c.PointerEntries = 16
					c.Founders = append(c.Founders, testServer("a", 2))[:1]
				})
				defer c.close()
				m := c.members[0]
				c.propose("x", 40)
				for i := 0; ; i++ { // until the last entry comes after the last pointer
					c.stop(m)
					if p, ok := m.ledger.Pointer(); ok && m.ledger.Position().Index > p.Index+1 {
						break
					}
					c.start(m, ModeRun)
					c.propose(fmt.Sprint("more ", i), 3)
				}
				bad.damage(m)
				if err := c.tryStart(m, bad.mode); !errors.Is(err, ErrStateLost) {
					t.Errorf("started: %v", err)
				}
			})
		})
	}
}

// A founding that was cut short, and one that is repeated.
func TestFoundingCanBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		defer c.close()
		m := c.members[0]
		c.stop(m)
		m.disk, m.ledger = newMemDisk(), newMemLedger()
		m.disk.ints["CurrentTerm"] = 1 // raft sets it before it writes the members
		c.start(m, ModeFound)
		c.propose("x", 3)
		c.stop(m)
		c.start(m, ModeFound)
		c.audit()
	})
}

// A node that was never opened is not stopped by what one peer sends: an open
// command that does not fit its ledger is refused before raft stores it, and a
// command before the open one has no effect.
func TestAFalseOpenStopsNobody(t *testing.T) {
	m := newMemLedger()
	f := &fsm{cluster: testCluster, ledger: m, machine: m, progress: newProgress(0), durable: onDisk,
		pointerDue: make(chan struct{}, 1), membersDue: make(chan struct{}, 1), limits: pointerLimits{entries: 1000, bytes: 1 << 30},
		dog: watchdog{limit: time.Minute, fatal: func(err error) { t.Error(err) }}, fatal: func(err error) { t.Error(err) }}
	f.start()
	g := &gate{cluster: testCluster, opens: f.mayOpen}
	size, root := m.Head()
	entry := func(index uint64, data []byte) *raft.Log {
		return &raft.Log{Index: index, Term: 2, Type: raft.LogCommand, Data: data}
	}
	open := func(size uint64, root merkle.Hash) []byte {
		return encodeOpen(openCommand{cluster: testCluster, size: size, root: root})
	}
	admits := func(data []byte) bool {
		_, err := g.admit(&raft.AppendEntriesRequest{Term: 2, Entries: []*raft.Log{entry(1, data)}})
		return err == nil
	}
	for name, data := range map[string][]byte{"another size": open(size+1, root), "another root": open(size, merkle.Hash{9})} {
		if admits(data) {
			t.Errorf("%s was admitted", name)
		}
	}
	if !admits(open(size, root)) {
		t.Error("the honest open command was refused")
	}
	results := f.ApplyBatch([]*raft.Log{
		entry(1, encodeBatch([]byte("too early"))), entry(2, open(size, root)), entry(3, encodeBatch([]byte("x"))),
	})
	if !errors.Is(results[0].(error), errUnopened) || results[1] != nil || results[2] != uint64(1) {
		t.Errorf("results %v", results)
	}
	if now, _ := m.Head(); now != size+1 || m.Position().Index != 3 {
		t.Errorf("%d entries at %v", now, m.Position())
	}
	// It is opened: another open command changes nothing, and is let through.
	if !admits(open(size+7, merkle.Hash{9})) {
		t.Error("an open command that has no effect was refused")
	}
	f.ApplyBatch([]*raft.Log{entry(4, open(size+7, merkle.Hash{9}))})
	if now, _ := m.Head(); now != size+1 || !f.isLive() {
		t.Errorf("%d entries after a second open command", now)
	}
	// So is one that reaches a node which takes over what others have.
	other := newMemLedger()
	other.now.target = &ledger.Pointer{Cluster: testCluster, Index: 50, Term: 2, Size: 40}
	if err := (&fsm{cluster: testCluster, ledger: other}).mayOpen(openCommand{cluster: testCluster, size: 30}); err != nil {
		t.Error(err)
	}
}
