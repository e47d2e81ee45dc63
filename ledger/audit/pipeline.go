package audit

import (
	"context"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
)

// pipeline reads a source and verifies signatures ahead of the rules. Two runs
// at most wait between its steps.
type pipeline struct {
	replayer *Replayer
	verified chan *Verified // closed after the last run, or when reading failed
	cancel   context.CancelFunc
	done     sync.WaitGroup
	err      error // of reading; read after verified is closed
}

func startPipeline(ctx context.Context, source Source, replayer *Replayer, from, to uint64) *pipeline {
	ctx, cancel := context.WithCancel(ctx)
	p := &pipeline{replayer: replayer, verified: make(chan *Verified), cancel: cancel}
	runs := make(chan []Raw)
	p.done.Go(func() {
		defer close(runs)
		p.err = readRuns(ctx, source, from, to, runs)
	})
	p.done.Go(func() {
		defer close(p.verified)
		for run := range runs {
			select {
			case p.verified <- replayer.Verify(run):
			case <-ctx.Done():
			}
		}
	})
	return p
}

// wait gives the error of reading, after verified was read to its end.
func (p *pipeline) wait() error {
	p.done.Wait()
	return p.err
}

// stop ends both goroutines and waits for them.
func (p *pipeline) stop() {
	p.cancel()
	p.done.Wait()
}

func readRuns(ctx context.Context, source Source, from, to uint64, runs chan<- []Raw) error {
	var run []Raw
	size, count := 0, uint64(0)
	send := func() error {
		select {
		case runs <- run:
		case <-ctx.Done():
			return ctx.Err()
		}
		run, size = make([]Raw, 0, runEntries), 0
		return nil
	}
	err := source.Entries(ctx, from, to, func(entry []byte) error {
		if count++; count > to-from {
			return tooMany(to - from)
		}
		run = append(run, Raw{Entry: entry})
		size += len(entry)
		if len(run) < runEntries && size < runBytes && !handsOver(entry) {
			return nil
		}
		return send()
	})
	if err == nil && len(run) > 0 {
		err = send()
	}
	return err
}

// handsOver tells a handover by its kind byte: a run ends with it, so that no two
// policies come into force within one block.
func handsOver(entry []byte) bool {
	return len(entry) > 1 && ledger.Kind(entry[1]) == ledger.KindHandover
}
