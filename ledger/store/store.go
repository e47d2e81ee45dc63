// Package store is one node's durable state on Pebble: entries, tree hashes,
// openings, the state of parties, keys and items, indexes, and how far the
// ledger has followed its Raft cluster. It is the only importer of Pebble.
//
// Everything that one apply changes, the position included, is one atomic
// batch. Batches are not synced one by one: what survives a crash is a prefix
// of them, and Raft gives the rest again. DESIGN.md beside this file has the
// layout of keys and the reasons.
package store

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Store is an open ledger folder.
//
//  1. Writing methods (Apply, ApplyFinal, Append, SyncPointer, SetTarget, AdoptTarget) are
//     called from one goroutine at a time; the store makes sure of it by a lock.
//     SignHead has a lock of its own. All other methods may be called at any time from any goroutine.
//  2. After a failed write or a failed read inside a write every writing method
//     fails with ErrFailed, and Options.Fatal has been told. A refusal that
//     names another error has changed nothing.
//  3. state is what the last batch left; it and the frontier are replaced only
//     after the batch is in.
type Store struct {
	db       *pebble.DB
	disk     *failStopFS
	cache    *pebble.Cache
	failure  *failure
	readOnly bool

	genesis     *ledger.Genesis
	genesisFile []byte
	id          ledger.LedgerID

	writing  sync.Mutex
	frontier *merkle.Frontier // under writing
	cached   stateCache       // under writing
	recent   recentEvents     // under writing

	signing sync.Mutex
	signed  atomic.Pointer[SignedHead] // written under signing; nil before the first

	state atomic.Pointer[state]
	tree  *treeCache

	copying sync.Mutex // one copy at a time

	lifecycle sync.RWMutex // held for reading while a snapshot is taken or a copy is made
	closed    bool         // under lifecycle
	snapshots atomic.Int64 // open ones
}

// state is immutable; every write makes a new one.
type state struct {
	head     storedHead
	policy   rules.PolicyState
	position ledger.Position
	pointer  *ledger.Pointer
	target   *ledger.Pointer
	final    *Final
}

func (s *Store) reading() reading {
	return reading{from: s.db, rulesVersion: s.genesis.RulesVersion}
}

// Genesis gives the ledger's genesis and its file. Neither may be changed.
func (s *Store) Genesis() (*ledger.Genesis, []byte) { return s.genesis, s.genesisFile }

// LedgerID gives the id of the ledger.
func (s *Store) LedgerID() ledger.LedgerID { return s.id }

// Head gives the number of entries and the root over them. A snapshot that is
// taken while an Apply runs may be one batch ahead of it.
func (s *Store) Head() (size uint64, root merkle.Hash) {
	head := s.state.Load().head
	return head.Size, head.Root
}

// Err is nil until the store fails, then it wraps ErrFailed and the cause.
func (s *Store) Err() error { return s.failure.err() }

// DiskBytes gives the size of the files of the folder; 0 once the store failed
// or is closed.
func (s *Store) DiskBytes() (n uint64) {
	s.lifecycle.RLock()
	defer s.lifecycle.RUnlock()
	if s.closed || s.failure.err() != nil {
		return 0
	}
	usage := make(chan uint64, 1)
	err := s.failure.guard(func() error {
		usage <- s.db.Metrics().DiskSpaceUsage()
		return nil
	})
	if err != nil {
		return 0
	}
	return <-usage
}

// Close writes what is in memory to the disk and lets the folder go. It fails
// with ErrBusy, and the store stays open, while a snapshot is open. After a
// failure it may have to leave files open and the folder locked until the
// process ends. A second Close does nothing.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.closed {
		return nil
	}
	if s.snapshots.Load() > 0 {
		return ErrBusy
	}
	s.closed = true
	err := s.failure.err()
	if !s.readOnly && err == nil {
		err = s.failure.guard(s.db.Flush)
	}
	if closeErr := s.failure.guard(s.db.Close); err == nil {
		err = closeErr
	}
	if !s.failure.isHalted() {
		s.cache.Unref()
	}
	return err
}
