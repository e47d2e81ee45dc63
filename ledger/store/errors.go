package store

import (
	"errors"
	"fmt"
)

// Errors that callers decide by.
var (
	// ErrNotFounded: the folder holds no ledger, or its founding was cut short
	// by a crash and nothing was ever recorded in it.
	ErrNotFounded = errors.New("store: no ledger has been founded here")
	// ErrNotEmpty: Create found something in the folder.
	ErrNotEmpty = errors.New("store: the folder is not empty")
	// ErrLocked: another process, or another Store of this one, has the folder.
	ErrLocked = errors.New("store: the folder is in use")
	// ErrNewerFormat: a later version of this program wrote the folder.
	ErrNewerFormat = errors.New("store: the folder was written by a newer version")
	// ErrCorrupt is what a CorruptError unwraps to.
	ErrCorrupt = errors.New("store: stored data is damaged")
	// ErrApplied: a batch at or below the position that is applied already.
	ErrApplied = errors.New("store: this position is applied already")
	// ErrNotNext: a block that does not continue this ledger.
	ErrNotNext = errors.New("store: the block does not continue this ledger")
	// ErrCatchingUp: an Apply while there is a target, or an Append without one.
	ErrCatchingUp = errors.New("store: entries come from raft or from a catch-up, not from both")
	// ErrTarget: the ledger is not in the state that a pointer names.
	ErrTarget = errors.New("store: the ledger is not in the state that the pointer names")
	// ErrReadOnly: a write to a store that was opened for reading.
	ErrReadOnly = errors.New("store: opened for reading only")
	// ErrFailed: an earlier read or write failed; only a new Open helps.
	ErrFailed = errors.New("store: stopped after an earlier failure")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("store: closed")
	// ErrBusy: snapshots are still open.
	ErrBusy = errors.New("store: snapshots are still open")
	// ErrRange: an index, size or limit that does not exist or is too large.
	ErrRange = errors.New("store: out of range")
)

// NoEntry stands in CorruptError.Entry when no single entry is at fault.
const NoEntry = -1

// CorruptError says that stored data is damaged or contradicts itself. It
// unwraps to ErrCorrupt and to its cause.
type CorruptError struct {
	Entry int64 // index of the first entry that cannot be read, or NoEntry
	What  string
	Err   error // may be nil
}

func (e *CorruptError) Error() string {
	text := ErrCorrupt.Error() + ": "
	if e.Entry != NoEntry {
		text += fmt.Sprintf("entry %d: ", e.Entry)
	}
	text += e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *CorruptError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrCorrupt}
	}
	return []error{ErrCorrupt, e.Err}
}

func corrupt(err error, format string, args ...any) error {
	return &CorruptError{Entry: NoEntry, What: fmt.Sprintf(format, args...), Err: err}
}

func corruptEntry(index uint64, err error, what string) error {
	return &CorruptError{Entry: int64(index), What: what, Err: err}
}
