package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func commands(from, to uint64) (logs []*raft.Log) {
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: fmt.Appendf(nil, "command %d", i)})
	}
	return logs
}

type behindWorld struct {
	*testing.T
	log     *behindLog
	disk    *memDisk
	leading atomic.Bool
	fatal   atomic.Pointer[error]
}

func newBehindWorld(t *testing.T) *behindWorld {
	w := &behindWorld{T: t, disk: newMemDisk()}
	var err error
	w.log, err = newBehindLog(w.disk, watchdog{limit: time.Minute, fatal: func(err error) { w.fatal.Store(&err) }})
	if err != nil {
		t.Fatal(err)
	}
	leads := w.leading.Load
	w.log.leads.Store(&leads)
	return w
}

// hang has writes wait until the result is called.
func (w *behindWorld) hang() (lift func()) {
	hang := make(chan struct{})
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	w.disk.hang = hang
	return func() {
		w.disk.mu.Lock()
		w.disk.hang = nil
		w.disk.mu.Unlock()
		close(hang)
	}
}

func (w *behindWorld) store(logs ...*raft.Log) {
	w.Helper()
	if err := w.log.StoreLogs(logs); err != nil {
		w.Fatal(err)
	}
}

// waits reports whether a call does not return while the disk hangs; it has
// returned without an error when the disk goes on.
func (w *behindWorld) waits(call func() error) func() {
	w.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	synctest.Wait()
	select {
	case err := <-done:
		w.Fatalf("did not wait for the disk: %v", err)
	default:
	}
	return func() {
		w.Helper()
		if err := <-done; err != nil {
			w.Fatal(err)
		}
	}
}

// A leader's commands are read back and counted before they are on disk, in their
// order, and all of them get there.
func TestBehindLogAsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBehindWorld(t)
		w.store(commands(1, 3)...) // not as leader
		w.leading.Store(true)
		lift := w.hang()
		w.store(commands(4, 5)...)
		synctest.Wait()
		w.store(commands(6, 9)...)
		if at := w.log.Durable(); at != 3 {
			t.Fatalf("durable up to %d, expected 3", at)
		}
		if _, last := w.disk.bounds(); last != 3 {
			t.Fatalf("%d entries on disk", last)
		}
		for i := uint64(1); i <= 9; i++ {
			var l raft.Log
			if err := w.log.GetLog(i, &l); err != nil || l.Index != i || string(l.Data) != fmt.Sprintf("command %d", i) {
				t.Fatalf("entry %d: %+v, %v", i, l, err)
			}
		}
		var l raft.Log
		if err := w.log.GetLog(10, &l); !errors.Is(err, raft.ErrLogNotFound) {
			t.Fatalf("an entry that is not there: %v", err)
		}
		if err := w.log.WaitDurable(3); err != nil {
			t.Fatal(err)
		}
		durable := w.waits(func() error { return w.log.WaitDurable(8) })
		flushed := w.waits(w.log.Flush)
		lift()
		durable()
		flushed()
		if at := w.log.Durable(); at != 9 {
			t.Fatalf("durable up to %d, expected 9", at)
		}
		if first, last := w.disk.bounds(); first != 1 || last != 9 || len(w.disk.logs) != 9 {
			t.Fatalf("entries %d to %d on disk, %d in all", first, last, len(w.disk.logs))
		}
	})
}

// What is no command of a leader is on disk when StoreLogs returns, and what came
// before it too.
func TestBehindLogWaits(t *testing.T) {
	for name, c := range map[string]struct {
		leads bool
		last  raft.LogType
	}{
		"a change of members": {true, raft.LogConfiguration},
		"a new term":          {true, raft.LogNoop},
		"a follower":          {false, raft.LogCommand},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newBehindWorld(t)
				w.leading.Store(true)
				lift := w.hang()
				w.store(commands(1, 4)...)
				w.leading.Store(c.leads)
				next := commands(5, 6)
				next[1].Type = c.last
				stored := w.waits(func() error { return w.log.StoreLogs(next) })
				lift()
				stored()
				if at := w.log.Durable(); at != 6 {
					t.Fatalf("durable up to %d, expected 6", at)
				}
				if _, last := w.disk.bounds(); last != 6 {
					t.Fatalf("%d entries on disk", last)
				}
			})
		})
	}
}

// A node that leads no more reads only what it cannot lose: raft acknowledges to
// the new leader what it finds in its log.
func TestBehindLogOfAFormerLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBehindWorld(t)
		w.leading.Store(true)
		lift := w.hang()
		w.store(commands(1, 4)...)
		w.leading.Store(false)
		var l raft.Log
		read := w.waits(func() error { return w.log.GetLog(2, &l) })
		truncated := w.waits(func() error { return w.log.DeleteRange(4, 4) })
		lift()
		read()
		truncated()
		if l.Index != 2 {
			t.Fatalf("read entry %d", l.Index)
		}
		w.store(commands(4, 5)...)
		if at := w.log.Durable(); at != 5 {
			t.Fatalf("durable up to %d, expected 5", at)
		}
	})
}

// After a write that failed nothing is stored any more, and whoever waits is told.
func TestBehindLogFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBehindWorld(t)
		w.leading.Store(true)
		broken := errors.New("input/output error")
		w.disk.fault = broken
		w.store(commands(1, 2)...)
		for what, err := range map[string]error{
			"waiting":            w.log.WaitDurable(2),
			"a later command":    w.log.StoreLogs(commands(3, 3)),
			"a write that waits": func() error { w.leading.Store(false); return w.log.StoreLogs(commands(3, 3)) }(),
		} {
			if !errors.Is(err, broken) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := w.fatal.Load(); err == nil || !errors.Is(*err, broken) {
			t.Errorf("the process was not asked to end: %v", err)
		}
	})
}

// While the leader's disk hangs a majority may have a command on disk. Nobody
// applies it, and a leader that loses it takes nothing from anybody.
func TestNoCommitBeforeTheLeadersDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("before", 10)
		leader := c.leader()
		c.settle()
		applied := map[*member]uint64{}
		for _, m := range c.members {
			applied[m] = m.node.AppliedIndex()
		}
		at := leader.node.raft.LastIndex() + 1
		hang := make(chan struct{})
		lift := sync.OnceFunc(func() { close(hang) })
		defer lift()
		leader.disk.mu.Lock()
		leader.disk.hang = hang
		leader.disk.mu.Unlock()
		p, err := leader.node.Begin([]byte("on two disks of three"))
		if err != nil {
			t.Fatal(err)
		}
		c.until("both followers to store the command", func() bool {
			for _, m := range c.members {
				if last, _ := m.disk.LastIndex(); m != leader && last < at {
					return false
				}
			}
			return true
		})
		c.until("the leader to hear of it", func() bool { return leader.node.raft.CommitIndex() >= at })
		time.Sleep(time.Second) // of virtual time: heartbeats and commit indexes go round
		for _, m := range c.members {
			if now := m.node.AppliedIndex(); now != applied[m] {
				t.Errorf("%s applied up to %d, before the leader's disk had it: %d", m.id, now, applied[m])
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.Wait(ctx); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("the command was answered: %v", err)
		}
		disk, mem := leader.disk.crash(), leader.ledger.crash()
		if last, _ := disk.LastIndex(); last >= at {
			t.Fatalf("the leader's disk has entry %d", last)
		}
		c.mu.Lock()
		leader.running = false
		c.mu.Unlock()
		c.connect()
		c.propose("without it", 10)
		lift()
		leader.node.Shutdown()
		leader.disk, leader.ledger = disk, mem
		c.start(leader, ModeRun)
		c.audit()
	})
}
