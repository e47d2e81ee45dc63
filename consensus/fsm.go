package consensus

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
)

// fsmMode says what happens to a committed entry.
type fsmMode int32

const (
	modeLive      fsmMode = iota // applied as it comes
	modeFetching                 // noted: the entries below the target are not here yet
	modeReplaying                // noted: the raft log is being applied up to what was noted
	modeBroken                   // dropped: the process is about to end
)

// errNoted is the result of a proposal that was committed while its proposer
// was catching up: it will be applied, the result is not known here.
var errNoted = fmt.Errorf("%w: committed, not applied yet", ErrOutcomeUnknown)

// errUnopened is the result of a command that stands before its cluster's open
// command. It has no effect on any node: no honest leader proposes one.
var errUnopened = errors.New("consensus: the command comes before its cluster was opened; it has no effect")

// fsm is what raft applies to. It keeps four promises.
//
//  1. A command at or below the ledger's position, or at or below the target
//     of a catch-up, is never given to the machine again: a refused event on a
//     later state could be accepted, and the ledgers would fork.
//  2. Nothing that raft calls waits for entries to be fetched. raft calls
//     Restore while its main loop waits; a node that waits there cannot vote.
//  3. After the first error nothing is applied any more.
//  4. Nothing is applied that is not on this node's disk.
//
// raft calls ApplyBatch, Snapshot and Restore from one goroutine. The catch-up
// goroutine is the second user of the fields under mu.
type fsm struct {
	cluster  [32]byte
	ledger   Ledger
	machine  Machine
	dog      watchdog // for one apply
	fatal    func(error)
	progress *progress
	limits   pointerLimits
	note     func() []byte
	log      *watchedLog
	durable  func(index uint64) error // waits for an entry to be on this node's disk
	remember func(base uint64) error  // writes beside the raft log what it is about to be emptied for

	pointerDue chan struct{} // capacity 1: enough has been applied for a new pointer
	catchUpDue chan struct{} // capacity 1: there is a target
	membersDue chan struct{} // capacity 1: the members have changed

	// mu is held while the ledger or the machine is written to, except by
	// CatchUp.CatchUp.
	mu       sync.Mutex
	mode     modeCell
	seen     uint64 // index of the last entry that raft handed over, applied or noted
	replayed uint64 // in modeReplaying: index up to which the raft log is applied
	round    uint64 // grows with every new target
	cancel   func() // ends the fetching that runs for the current round
	unsaved  int64  // bytes of entries handed over since the last pointer
}

// modeCell is written under fsm.mu and read by anybody: readers and proposers
// do not wait for an apply to end.
type modeCell struct{ v atomic.Int32 }

func (m *modeCell) is(mode fsmMode) bool { return m.get() == mode }
func (m *modeCell) get() fsmMode         { return fsmMode(m.v.Load()) }
func (m *modeCell) set(mode fsmMode)     { m.v.Store(int32(mode)) }

// pointerLimits say when a new pointer is due: whichever comes first.
type pointerLimits struct {
	entries uint64
	bytes   int64
}

// position is where this ledger stands in this cluster; the index is 0 before
// the cluster's open command.
func (f *fsm) position() ledger.Position {
	if p := f.ledger.Position(); p.Cluster == f.cluster {
		return p
	}
	return ledger.Position{}
}

// start sets the state that the ledger on disk implies, before raft runs.
func (f *fsm) start() {
	if t, ok := f.ledger.Target(); ok && t.Cluster == f.cluster {
		f.mode.set(modeFetching)
		f.seen, f.round = t.Index, 1
		signal(f.catchUpDue)
		return
	}
	applied := f.position().Index
	if p, ok := f.ledger.Pointer(); ok && p.Cluster == f.cluster {
		applied = max(applied, p.Index)
		f.seen = p.Index
	}
	f.progress.advance(applied)
}

func (f *fsm) isLive() bool { return f.mode.is(modeLive) }

func (f *fsm) isCatchingUp() bool { return f.mode.is(modeFetching) || f.mode.is(modeReplaying) }

// Apply implements raft.FSM; raft calls ApplyBatch instead.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. A result is what Machine.Apply gave,
// or an error when the entry was not applied here and now.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	undurable := f.durable(logs[len(logs)-1].Index)
	f.mu.Lock()
	defer f.mu.Unlock()
	results := make([]any, len(logs))
	for i, l := range logs {
		f.seen = max(f.seen, l.Index)
		f.unsaved += int64(len(l.Data))
		results[i] = errNoted
		if l.Type == raft.LogConfiguration {
			signal(f.membersDue)
		}
	}
	if undurable != nil {
		f.stop(undurable)
	}
	if f.mode.is(modeLive) {
		if err := f.apply(logs, results); err != nil {
			f.stop(err)
			return results
		}
		if at := f.position().Index; f.seen >= at {
			f.progress.advance(f.seen)
		}
	}
	f.signalPointer()
	return results
}

// apply gives the machine the commands among logs that it has not applied.
// The caller holds mu.
func (f *fsm) apply(logs []*raft.Log, results []any) error {
	applied, opened := f.position().Index, !f.position().IsZero()
	var run []Command
	var runAt []int
	var runBytes int
	flush := func() error {
		if len(run) == 0 {
			return nil
		}
		last := run[len(run)-1]
		out, err := f.applyRun(ledger.Position{Cluster: f.cluster, Index: last.Index, Term: last.Term}, run)
		if err != nil {
			return err
		}
		for i, at := range runAt {
			results[at] = out[i]
		}
		run, runAt, runBytes = run[:0], runAt[:0], 0
		return nil
	}
	for i, l := range logs {
		if l.Type != raft.LogCommand || l.Index <= applied {
			continue
		}
		c, err := decodeCommand(l.Data)
		if err != nil {
			return fmt.Errorf("%w: raft entry %d in this log: %w", ErrDiverged, l.Index, err)
		}
		if c.kind == kindBatch && !opened {
			results[i] = errUnopened
			continue
		}
		if c.kind == kindBatch {
			run, runAt = append(run, Command{Index: l.Index, Term: l.Term, Data: c.batch}), append(runAt, i)
			if runBytes += len(c.batch); runBytes >= applyBytesTarget {
				if err := flush(); err != nil {
					return err
				}
			}
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if err := f.open(l, c.open); err != nil {
			return err
		}
		results[i], opened = nil, true
	}
	return flush()
}

func (f *fsm) applyRun(position ledger.Position, run []Command) ([]any, error) {
	done := f.dog.watch("an apply")
	out, err := f.machine.Apply(position, run)
	done()
	if err != nil {
		return nil, fmt.Errorf("consensus: apply raft entries up to %d: %w", position.Index, err)
	}
	if len(out) != len(run) {
		return nil, fmt.Errorf("consensus: the machine gave %d results for %d commands", len(out), len(run))
	}
	if got := f.ledger.Position(); got != position {
		return nil, fmt.Errorf("consensus: after raft entry %d the ledger stands at %v", position.Index, got)
	}
	return out, nil
}

// open binds this ledger to the cluster, or finds that it is another ledger
// than the one that the cluster began with. Opening again changes nothing.
func (f *fsm) open(l *raft.Log, o openCommand) error {
	if o.cluster != f.cluster {
		return fmt.Errorf("%w: raft entry %d opens cluster %x, this node belongs to %x", ErrDiverged, l.Index, o.cluster, f.cluster)
	}
	if f.position().IsZero() {
		if size, root := f.ledger.Head(); size != o.size || root != o.root {
			return fmt.Errorf("%w: the cluster begins with %d entries and root %x, this ledger has %d and %x",
				ErrDiverged, o.size, o.root, size, root)
		}
	}
	_, err := f.applyRun(ledger.Position{Cluster: f.cluster, Index: l.Index, Term: l.Term}, nil)
	return err
}

// mayOpen refuses an open command, before raft stores it, that this ledger could
// not be opened with: it would end this process, on one peer's word. One that was
// opened already, or takes over a target, passes over it.
func (f *fsm) mayOpen(o openCommand) error {
	size, root := f.ledger.Head() // before the rest: it grows only once there is a target or a position
	if t, ok := f.ledger.Target(); ok && t.Cluster == f.cluster || !f.position().IsZero() {
		return nil
	}
	if size != o.size || root != o.root {
		return fmt.Errorf("it opens the cluster with %d entries and root %x, this ledger has %d and %x", o.size, o.root, size, root)
	}
	return nil
}

// stop ends all applying and the process. The caller holds mu.
func (f *fsm) stop(err error) {
	f.mode.set(modeBroken)
	f.fatal(err)
}

// Restore implements raft.FSM: it takes the pointer that raft received as the
// new target and returns. The entries are fetched beside raft.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, pointerBytesMax+1))
	if err == nil {
		err = f.setTarget(b)
	}
	if err != nil {
		f.fatal(fmt.Errorf("consensus: take over a pointer: %w", err))
	}
	return err
}

func (f *fsm) setTarget(b []byte) error {
	target, err := ledger.ParsePointer(b)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mode.is(modeBroken) {
		return errors.New("consensus: nothing is taken over after an error")
	}
	if err := f.compare(target); err != nil {
		return err
	}
	switch current, catchingUp := f.ledger.Target(); {
	case catchingUp && current.Cluster == f.cluster && current.Position() == target.Position():
		// offered again: the catch-up goes on
	case target.Index <= f.position().Index:
		// A ledger that a node kept when it rejoined: it has what the pointer
		// names, only its raft log does not reach there.
		if last, ok := f.ledger.Pointer(); !ok || last.Cluster != f.cluster || last.Index < target.Index {
			err = f.ledger.SyncPointer(target)
		}
	default:
		if err = f.ledger.SetTarget(target); err != nil {
			break
		}
		f.mode.set(modeFetching)
		f.round++
		if f.cancel != nil {
			f.cancel()
		}
		signal(f.catchUpDue)
	}
	if err != nil {
		return err
	}
	if err := f.remember(target.Index); err != nil {
		return err
	}
	f.log.follow(target.Position())
	f.seen, f.unsaved = target.Index, 0

	// raft keeps the index of its last entry in memory and would refuse what
	// follows the target for ever (hashicorp/raft issue 697).
	last, err := f.log.LastIndex()
	if err == nil && last > target.Index {
		f.fatal(fmt.Errorf("%w: the raft log held entries up to %d that the cluster never committed, and has moved to %d",
			ErrRestartNeeded, last, target.Index))
	}
	return err
}

// compare finds a ledger that cannot become what the target names: its
// entries would have to be the first ones of the target's.
func (f *fsm) compare(target ledger.Pointer) error {
	at := f.position()
	size, root := f.ledger.Head()
	behind := size < target.Size && at.Index < target.Index || size == target.Size && root == target.Root
	if behind || size > target.Size && at.Index > target.Index {
		return nil
	}
	return fmt.Errorf("%w: at raft entry %d the cluster has %d entries and root %x, this ledger, at raft entry %d, has %d and %x",
		ErrDiverged, target.Index, target.Size, target.Root, at.Index, size, root)
}

// signal wakes the reader of a channel of capacity 1.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
