package consensus

import (
	"context"
	"errors"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// ErrDiverged marks an error that proves, or would make, this ledger another
// one than the cluster's: a root that does not fit, entries that cannot be
// joined. A CatchUp or Machine that returns an error wrapping it stops the
// process; the error's text is the evidence that reaches the log, so it names
// both sides.
var ErrDiverged = errors.New("consensus: this ledger is not the cluster's")

// Ledger is the durable bookkeeping that consensus keeps inside the ledger's
// own store, so that it can never say more than the entries beside it.
//
// Consensus calls the writing methods from one goroutine at a time and never
// while Machine.Apply runs; while CatchUp.CatchUp runs it calls SetTarget
// alone. The reading methods may be called at any time from any goroutine. An
// error from a writing method ends the process: the write may or may not have
// reached the disk.
type Ledger interface {
	// Position returns what the last Machine.Apply or AdoptTarget stored.
	// After a crash it is the position that belongs to exactly the entries
	// that survived.
	Position() ledger.Position

	// Head returns the number of ledger entries and their Merkle root.
	Head() (size uint64, root merkle.Hash)

	// Pointer returns the last pointer that SyncPointer or AdoptTarget
	// stored; ok is false before the first.
	Pointer() (p ledger.Pointer, ok bool)

	// SyncPointer stores p in place of the pointer before. On return p and
	// every batch that was written before the call are on disk: raft deletes
	// the log entries that could rebuild them as soon as it returns. p is at or
	// below Position, and names what the ledger is or was.
	SyncPointer(p ledger.Pointer) error

	// Target returns the pointer that this ledger is catching up to; ok is
	// false when it is not.
	Target() (p ledger.Pointer, ok bool)

	// SetTarget stores p as the target, in place of one that may be there.
	// On return it is on disk. Entries, position and pointer stay as they are.
	SetTarget(p ledger.Pointer) error

	// AdoptTarget ends a catch-up, in one atomic write that is on disk on
	// return: position becomes the target's, the target becomes the pointer,
	// and there is no target any more. It fails without writing when the
	// ledger does not have the target's size and root.
	AdoptTarget() error
}

// Command is one committed raft entry that carries a command.
type Command struct {
	Index uint64
	Term  uint64
	// Data is what was given to Propose. It is owned by raft: valid until
	// Apply returns, never to be changed.
	Data []byte
}

// Machine is the replicated state machine. Every node gives its machine the
// same commands in the same order, so what it does may depend on nothing
// else: no clock, randomness or map order.
type Machine interface {
	// Apply applies commands in order and returns one result for each. On
	// return Ledger.Position is position, which is at or above the last
	// command. Entries and position are written together, in one batch or in
	// several of which each holds the position of its own last command, so
	// that a crash never parts them. They need not be on disk: raft gives what
	// a crash lost again.
	//
	// An empty list of commands stores the position alone.
	//
	// A command that the rules refuse is a result, never an error. An error
	// ends the process: this node can not follow the cluster.
	//
	// Consensus calls it from one goroutine at a time.
	Apply(position ledger.Position, commands []Command) (results []any, err error)
}

// CatchUp brings a ledger that is too far behind for the raft log up to a
// target.
type CatchUp interface {
	// CatchUp fetches the entries from the ledger's own size up to exactly
	// target.Size from peers, verifies them as an auditor would, and appends
	// them without moving the position. It returns nil only when the ledger
	// has target.Size entries and target.Root.
	//
	// It runs on its own goroutine while raft goes on voting. What it appended
	// stays when it fails; it is called again after a pause with the same or a
	// newer target. An error that wraps ErrDiverged stops the process instead.
	// It returns soon after ctx is done and writes nothing after it returned.
	CatchUp(ctx context.Context, target ledger.Pointer) error
}
