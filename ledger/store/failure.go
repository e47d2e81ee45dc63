package store

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// failure remembers the first thing that went wrong for good and tells the
// owner of the process about it, once.
//
// Pebble reports what it cannot recover from by a log call that must not
// return, often while it holds its own locks. Such a call parks its goroutine
// for ever, and guard lets whoever waits for Pebble go.
type failure struct {
	log    *slog.Logger
	report func(error) // may be nil

	opened atomic.Bool // Pebble's Open has returned
	once   sync.Once
	cause  atomic.Pointer[error]
	halted chan struct{} // closed when Pebble stands still for good
	halt   sync.Once
}

func newFailure(opts Options) *failure {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &failure{log: log, report: opts.Fatal, halted: make(chan struct{})}
}

// set records err if it is the first and reports it. It gives err back.
func (f *failure) set(err error) error {
	f.once.Do(func() {
		f.cause.Store(&err)
		f.log.Error("the ledger's store failed", "error", err)
		if f.report != nil {
			f.report(err)
		}
	})
	return err
}

// err is nil while nothing went wrong, else it wraps ErrFailed and the cause.
func (f *failure) err() error {
	if cause := f.cause.Load(); cause != nil {
		return fmt.Errorf("%w: %w", ErrFailed, *cause)
	}
	return nil
}

func (f *failure) isHalted() bool {
	select {
	case <-f.halted:
		return true
	default:
		return false
	}
}

// guard runs a call into Pebble that may write. It returns when the call does,
// or as soon as Pebble stands still.
func (f *failure) guard(call func() error) error {
	if f.isHalted() {
		return f.err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("store: pebble: %v", p)
			}
		}()
		done <- call()
	}()
	select {
	case err := <-done:
		return err
	case <-f.halted:
		return f.err()
	}
}

// Infof implements pebble.Logger.
func (f *failure) Infof(format string, args ...any) {
	f.log.Debug(fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (f *failure) Errorf(format string, args ...any) {
	f.log.Error(fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger; it never returns.
func (f *failure) Fatalf(format string, args ...any) {
	f.stop(fmt.Errorf("store: pebble: "+format, args...))
}

// stop records err and parks the goroutine for ever: Pebble goes no further.
func (f *failure) stop(err error) {
	f.set(err)
	f.halt.Do(func() { close(f.halted) })
	select {}
}

// listener makes errors that Pebble itself would go on with into failures: a
// flush that cannot write, a checksum that does not hold.
//
// Pebble's Open waits, holding its lock, for a flush that it tries again for
// ever; stopping there lets guard go. Later failStopFS stops the flush itself.
func (f *failure) listener(readOnly bool) *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			err = fmt.Errorf("store: pebble in the background: %w", err)
			if !f.opened.Load() {
				f.stop(err)
			}
			f.set(err)
		},
		// A key that was set twice before a SingleDelete may come back.
		PossibleAPIMisuse: func(info pebble.PossibleAPIMisuseInfo) {
			f.log.Error("an index of the ledger's store may list what it should not; please report this", "key", info.UserKey, "pebble", info.String())
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			if !readOnly {
				f.set(corrupt(info.Details, "file %s", info.Path))
			}
		},
	}
}
