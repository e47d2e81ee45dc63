package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
)

const (
	catchUpPauseFirst = 100 * time.Millisecond
	catchUpPauseLast  = 5 * time.Second

	// replayEntriesMax is how many raft entries are replayed in one hold of
	// the state machine. While it is held raft can only queue what it commits.
	replayEntriesMax = 64
)

// catchingUp runs beside raft and brings the ledger up to the target, as often
// as there is one.
type catchingUp struct {
	fsm    *fsm
	log    *watchedLog
	source CatchUp
	logger *slog.Logger
}

func (c *catchingUp) run(ctx context.Context) {
	for {
		select {
		case <-c.fsm.catchUpDue:
		case <-ctx.Done():
			return
		}
		pause := catchUpPauseFirst
		for ctx.Err() == nil {
			more, err := c.step(ctx)
			if !more {
				break
			}
			if err == nil {
				pause = catchUpPauseFirst
				continue
			}
			c.logger.Warn("catch-up", "error", err, "again_in", pause)
			select {
			case <-time.After(pause):
			case <-c.fsm.catchUpDue: // a newer target
			case <-ctx.Done():
				return
			}
			pause = min(2*pause, catchUpPauseLast)
		}
	}
}

// step does what is next: fetch, or replay one stretch of the raft log. It
// returns false when there is nothing more to do.
func (c *catchingUp) step(ctx context.Context) (more bool, err error) {
	f := c.fsm
	f.mu.Lock()
	mode, round := f.mode.get(), f.round
	f.mu.Unlock()
	switch mode {
	case modeFetching:
		return true, c.fetch(ctx, round)
	case modeReplaying:
		return c.replay()
	}
	return false, nil
}

// fetch has the source append what is missing, then takes over the target's
// position. A round that a newer target has replaced ends without an effect.
func (c *catchingUp) fetch(ctx context.Context, round uint64) error {
	f := c.fsm
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	f.mu.Lock()
	target, ok := f.ledger.Target()
	if f.round != round || !f.mode.is(modeFetching) {
		f.mu.Unlock()
		return nil
	}
	f.cancel = cancel
	f.mu.Unlock()
	if !ok {
		err := errors.New("consensus: the ledger has lost its catch-up target")
		f.fatal(err)
		return err
	}

	size, _ := f.ledger.Head()
	c.logger.Info("catching up", "from", size, "to", target.Size, "raft_index", target.Index)
	err := c.source.CatchUp(ctx, target)

	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel = nil
	switch {
	case f.round != round || !f.mode.is(modeFetching):
		return nil
	case errors.Is(err, ErrDiverged):
		f.stop(err)
		return err
	case err != nil:
		return err
	}
	if size, root := f.ledger.Head(); size != target.Size || root != target.Root {
		f.stop(fmt.Errorf("%w: at raft entry %d the cluster has %d entries and root %x; what the peers gave leads to %d and %x",
			ErrDiverged, target.Index, target.Size, target.Root, size, root))
		return ErrDiverged
	}
	done := f.dog.watch("the end of a catch-up")
	err = f.ledger.AdoptTarget()
	done()
	if err == nil && f.ledger.Position() != target.Position() {
		err = fmt.Errorf("the ledger stands at %v", f.ledger.Position())
	}
	if err != nil {
		f.stop(fmt.Errorf("consensus: take over raft entry %d after a catch-up: %w", target.Index, err))
		return err
	}
	f.mode.set(modeReplaying)
	f.replayed = target.Index
	c.logger.Info("caught up, replaying the raft log", "from", target.Index, "to", f.seen)
	return nil
}

// replay applies the next stretch of what was noted, and goes live when there
// is none left. The entries are in this node's own log: raft stored them
// before it handed them over, and while this lasts no pointer is taken and so
// nothing is truncated.
func (c *catchingUp) replay() (more bool, err error) {
	f := c.fsm
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.mode.is(modeReplaying) {
		return true, nil
	}
	if f.replayed >= f.seen {
		f.mode.set(modeLive)
		f.progress.advance(f.seen)
		c.logger.Info("live", "raft_index", f.seen)
		return false, nil
	}
	last := min(f.seen, f.replayed+replayEntriesMax)
	logs := make([]*raft.Log, 0, last-f.replayed)
	for i := f.replayed + 1; i <= last; i++ {
		l := new(raft.Log)
		if err := c.log.GetLog(i, l); err != nil {
			err = fmt.Errorf("consensus: replay raft entry %d: %w", i, err)
			f.stop(err)
			return false, err
		}
		logs = append(logs, l)
	}
	if err := f.apply(logs, make([]any, len(logs))); err != nil {
		f.stop(err)
		return false, err
	}
	f.replayed = last
	f.progress.advance(last)
	return true, nil
}
