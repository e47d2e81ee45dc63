package consensus

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// behindLog has a leader's own write of new commands run beside their
// replication, as in Ongaro's dissertation, section 10.2.1: the disks are written
// at the same time instead of one after the other. raft then counts the leader
// for entries that may not be on its disk yet. Nobody acts on that:
//
//   - a follower is told of a commit only up to Durable (gate),
//   - this node applies, and so answers, only what is durable (fsm),
//   - once this node leads no more, an entry is on disk before raft reads it, and
//     before it stores another one: so it acknowledges none to a new leader that
//     it could still lose.
//
// An entry is therefore committed for anybody only when a majority has it on disk,
// the leader included. Entries that are no commands, which change members or begin
// a term, and all entries of a follower, are on disk when StoreLogs returns.
//
// StoreLogs is called from raft's main loop only, everything else from anywhere.
type behindLog struct {
	inner raft.LogStore
	dog   watchdog
	leads atomic.Pointer[func() bool] // whether this node is the leader; nil until raft runs

	mu      sync.Mutex
	changed *sync.Cond  // open, writing, durable or err changed
	open    []*raft.Log // stored by raft, on their way to inner, in order
	writing bool        // a goroutine moves open to inner
	durable uint64      // index of the last entry known to be in inner
	err     error       // of the first write that failed; nothing is stored any more
}

func newBehindLog(inner raft.LogStore, dog watchdog) (*behindLog, error) {
	last, err := inner.LastIndex()
	if err != nil {
		return nil, fmt.Errorf("consensus: read the raft log: %w", err)
	}
	b := &behindLog{inner: inner, dog: dog, durable: last}
	b.changed = sync.NewCond(&b.mu)
	return b, nil
}

// Durable is the index up to which entries are on this node's disk.
func (b *behindLog) Durable() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.durable
}

// WaitDurable returns when the entry of an index that raft has stored is on disk,
// or with the error that keeps it from there.
func (b *behindLog) WaitDurable(index uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.durable < index && b.err == nil {
		b.changed.Wait()
	}
	return b.err
}

// Flush returns when everything that raft had stored before the call is on disk.
func (b *behindLog) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flushed()
}

// flushed waits for what is open now, not for what comes meanwhile. The caller
// holds mu.
func (b *behindLog) flushed() error {
	if len(b.open) == 0 {
		return b.err
	}
	last := b.open[len(b.open)-1].Index
	for len(b.open) > 0 && b.open[0].Index <= last && b.err == nil {
		b.changed.Wait()
	}
	return b.err
}

func (b *behindLog) StoreLog(log *raft.Log) error { return b.StoreLogs([]*raft.Log{log}) }

// StoreLogs keeps the entries in memory until they are in inner; logs and their
// data must not change any more.
func (b *behindLog) StoreLogs(logs []*raft.Log) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mayWait(logs) {
		if b.err != nil {
			return b.err
		}
		b.open = append(b.open, logs...)
		if !b.writing {
			b.writing = true
			go b.write()
		}
		return nil
	}
	if err := b.flushed(); err != nil {
		return err
	}
	b.mu.Unlock()
	err := b.inner.StoreLogs(logs)
	b.mu.Lock()
	if err == nil && len(logs) > 0 {
		b.durable = logs[len(logs)-1].Index
		b.changed.Broadcast()
	}
	return err
}

// mayWait tells new commands of a leader from everything else.
func (b *behindLog) mayWait(logs []*raft.Log) bool {
	if !b.leading() {
		return false
	}
	for _, l := range logs {
		if l.Type != raft.LogCommand {
			return false
		}
	}
	return true
}

func (b *behindLog) leading() bool {
	leads := b.leads.Load()
	return leads != nil && (*leads)()
}

// write moves open to inner until there is nothing left. What came meanwhile goes
// with one write.
func (b *behindLog) write() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.open) > 0 && b.err == nil {
		logs := b.open
		b.mu.Unlock()
		done := b.dog.watch("a write to the raft log")
		err := b.inner.StoreLogs(logs)
		done()
		b.mu.Lock()
		if err != nil {
			b.err = fmt.Errorf("consensus: write the raft log: %w", err)
			b.dog.fatal(b.err)
			break
		}
		b.durable = logs[len(logs)-1].Index
		if b.open = b.open[len(logs):]; len(b.open) == 0 {
			b.open = nil
		}
		b.changed.Broadcast()
	}
	b.writing = false
	b.changed.Broadcast()
}

// GetLog gives an entry that is not on disk yet to a leader only. raft as follower
// reads what it is about to acknowledge without storing it again.
func (b *behindLog) GetLog(index uint64, log *raft.Log) error {
	b.mu.Lock()
	found := b.waiting(index)
	if found != nil && !b.leading() {
		if err := b.flushed(); err != nil {
			b.mu.Unlock()
			return err
		}
		found = nil
	}
	b.mu.Unlock()
	if found != nil {
		*log = *found
		return nil
	}
	return b.inner.GetLog(index, log)
}

// waiting gives an entry of open. The caller holds mu.
func (b *behindLog) waiting(index uint64) *raft.Log {
	if len(b.open) == 0 || index < b.open[0].Index || index-b.open[0].Index >= uint64(len(b.open)) {
		return nil
	}
	return b.open[index-b.open[0].Index]
}

func (b *behindLog) FirstIndex() (uint64, error) {
	if err := b.Flush(); err != nil {
		return 0, err
	}
	return b.inner.FirstIndex()
}

func (b *behindLog) LastIndex() (uint64, error) {
	if err := b.Flush(); err != nil {
		return 0, err
	}
	return b.inner.LastIndex()
}

// DeleteRange removes the oldest entries, or as follower the newest. Durable stays
// as it is: what a follower stores next sets it.
func (b *behindLog) DeleteRange(first, last uint64) error {
	if err := b.Flush(); err != nil {
		return err
	}
	return b.inner.DeleteRange(first, last)
}
