package consensus

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
)

// watchedLog stands between raft and its log on disk.
//
//   - A write that fails or hangs ends the process. raft itself would go on
//     after an error, on a disk of which nobody knows what it holds.
//   - It says that it is monotonic, so that raft empties the whole log when it
//     takes over a pointer. Otherwise entries that were never committed stay
//     below the gap, and a later term of this node as leader would send them
//     to a follower that is empty.
//   - It knows which entries are not commands, so that a reader can wait for
//     the last command at or below the commit index: raft hands its no-ops to
//     nobody, and waiting for their index would wait for ever.
//   - It answers for the entry at the index of the pointer that was last taken
//     over, as far as its term goes. raft asks the log alone; without an answer
//     a follower whose first entry after a pointer conflicts with the leader's
//     would refuse everything, down to the leader's own pointer.
type watchedLog struct {
	inner  raft.LogStore
	dog    watchdog
	stored *progress // highest index that was ever stored here

	mu    sync.Mutex
	base  ledger.Position     // of the pointer that was last taken over; guarded by mu
	since uint64              // entries above it were stored by this process; guarded by mu
	other map[uint64]struct{} // of those, the ones that are not commands; guarded by mu
}

func newWatchedLog(inner raft.LogStore, dog watchdog) (*watchedLog, error) {
	last, err := inner.LastIndex()
	if err != nil {
		return nil, fmt.Errorf("consensus: read the raft log: %w", err)
	}
	return &watchedLog{inner: inner, dog: dog, stored: newProgress(last), since: last, other: make(map[uint64]struct{})}, nil
}

// IsMonotonic implements raft.MonotonicLogStore.
func (w *watchedLog) IsMonotonic() bool { return true }

func (w *watchedLog) FirstIndex() (uint64, error) {
	i, err := w.inner.FirstIndex()
	return i, w.failed("read the first index of the raft log", err)
}

func (w *watchedLog) LastIndex() (uint64, error) {
	i, err := w.inner.LastIndex()
	return i, w.failed("read the last index of the raft log", err)
}

func (w *watchedLog) GetLog(index uint64, log *raft.Log) error {
	err := w.inner.GetLog(index, log)
	if !errors.Is(err, raft.ErrLogNotFound) {
		return w.failed("read the raft log", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.base.Index == index && index > 0 {
		*log = raft.Log{Index: index, Term: w.base.Term, Type: logPlaceholder}
		return nil
	}
	return err
}

// logPlaceholder is the type of an entry of which only index and term are
// known. It never leaves this node: a leader asks for the entry before it
// first, which is not there; and every gate refuses it.
const logPlaceholder raft.LogType = 0xff

// follow says that the log goes on after a pointer that was taken over.
func (w *watchedLog) follow(base ledger.Position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.base = base
}

func (w *watchedLog) StoreLog(log *raft.Log) error { return w.StoreLogs([]*raft.Log{log}) }

func (w *watchedLog) StoreLogs(logs []*raft.Log) error {
	done := w.dog.watch("a write to the raft log")
	err := w.inner.StoreLogs(logs)
	done()
	if err != nil {
		return w.failed("write the raft log", err)
	}
	defer w.stored.advance(logs[len(logs)-1].Index)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range logs {
		if l.Index <= w.since {
			w.since = l.Index - 1
		}
		if l.Type == raft.LogCommand {
			delete(w.other, l.Index)
		} else {
			w.other[l.Index] = struct{}{}
		}
	}
	return nil
}

func (w *watchedLog) DeleteRange(first, last uint64) error {
	done := w.dog.watch("a truncation of the raft log")
	err := w.inner.DeleteRange(first, last)
	done()
	if err != nil {
		return w.failed("truncate the raft log", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.other {
		if first <= i && i <= last {
			delete(w.other, i)
		}
	}
	return nil
}

// lastCommand returns the index of the last command at or below index, or
// floor when there is none above it.
func (w *watchedLog) lastCommand(index, floor uint64) (uint64, error) {
	for ; index > floor; index-- {
		w.mu.Lock()
		_, other := w.other[index]
		known := index > w.since
		w.mu.Unlock()
		if known && !other {
			return index, nil
		}
		if known {
			continue
		}
		var l raft.Log
		if err := w.GetLog(index, &l); err != nil {
			return 0, err
		}
		if l.Type == raft.LogCommand {
			return index, nil
		}
	}
	return floor, nil
}

// holds reports whether the log itself has the entry of this index and term.
func (w *watchedLog) holds(index, term uint64) (bool, error) {
	var l raft.Log
	err := w.inner.GetLog(index, &l)
	if errors.Is(err, raft.ErrLogNotFound) {
		return false, nil
	}
	return err == nil && l.Term == term, w.failed("read the raft log", err)
}

func (w *watchedLog) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("consensus: %s: %w", what, err)
	w.dog.fatal(err)
	return err
}

// watchedStable is the same for the store of raft's term and vote.
type watchedStable struct {
	inner raft.StableStore
	dog   watchdog
}

func (w *watchedStable) Set(key, value []byte) error {
	defer w.dog.watch("a write of raft's vote")()
	return w.failed(w.inner.Set(key, value))
}

func (w *watchedStable) SetUint64(key []byte, value uint64) error {
	defer w.dog.watch("a write of raft's term")()
	return w.failed(w.inner.SetUint64(key, value))
}

func (w *watchedStable) Get(key []byte) ([]byte, error)       { return w.inner.Get(key) }
func (w *watchedStable) GetUint64(key []byte) (uint64, error) { return w.inner.GetUint64(key) }

func (w *watchedStable) failed(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("consensus: write raft's term or vote: %w", err)
	w.dog.fatal(err)
	return err
}
