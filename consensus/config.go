package consensus

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
)

// Mode says what Start may expect to find on disk.
type Mode int

const (
	// ModeRun continues a server that has run before. It fails on a folder
	// without that server's raft state.
	ModeRun Mode = iota
	// ModeFound is the first start of a founding server: it writes the members
	// that genesis names as the first raft entry. On a server that has run
	// before it is ModeRun. On a ledger that has followed this cluster already
	// it fails: the server has then lost its votes and must rejoin.
	ModeFound
	// ModeRejoin is the first start of a new incarnation, which waits to be
	// added by the leader. On a server that has run before it is ModeRun.
	ModeRejoin
)

const (
	// TrailingLogsMin is the least number of raft entries that stay in the log
	// below the newest pointer. With fewer, a leader that was cut off while it
	// wrote can be offered pointer after pointer and never rejoin (hashicorp/raft
	// issue 697); every short absence would cost a verified catch-up; and a
	// follower whose answers were lost is offered a pointer that it rightly
	// refuses, until the term ends, once more unanswered entries are in flight
	// than trail. In flight are at most two requests of maxAppendEntries each.
	// At 128 KiB an entry it is at most 1.3 GiB of disk.
	TrailingLogsMin = 10_240

	// commitTimeout is how long an idle leader takes to tell its followers what has
	// been committed: raft does so with the next entries, else after this time up to
	// twice. Whoever writes or reads through a follower waits for it, so that raft's
	// own 50 ms would be most of what one client sees.
	commitTimeout = 5 * time.Millisecond

	// maxAppendEntries bounds the entries of one append request to a follower,
	// and of one ApplyBatch.
	maxAppendEntries = 128

	// applyBytesTarget is how many bytes of commands the machine gets at once;
	// it may be one command more. A node that repeats its log gets 16 MiB from
	// raft in one ApplyBatch: some 30,000 events, for which a busy machine may
	// need longer than ApplyTimeout although nothing hangs.
	applyBytesTarget = 1 << 20
)

// Config is what a Node is made of. Fields without a stated default are
// required.
type Config struct {
	Server  ServerID // this data folder
	Cluster [32]byte // the raft cluster's id; every position and pointer carries it
	Mode    Mode
	// Founders are the servers that genesis names, all of them voters. Every
	// founding node gives the same ones. ModeFound needs them.
	Founders []ServerID

	// Dir holds raft.db, the raft log and this server's votes. It must exist.
	Dir string

	Ledger  Ledger
	Machine Machine
	CatchUp CatchUp
	// Peers is the listener for other nodes. Shutdown does not close it.
	Peers *Peers

	// CheckCommand judges a command before this node stores it in its raft
	// log, on behalf of another leader; term is that of the raft entry. nil
	// accepts every command. A refusal leaves the leader without this node's
	// vote for the entry and all after it, so it must depend on nothing but the
	// command, the clock, and what the entries before it lead to: those are
	// stored, and applied when they are committed, and the leader asks again.
	// It may be called with the same command more than once.
	CheckCommand func(term uint64, command []byte) error
	// MayLead is nil while this node may lead. With an error leadership is handed
	// on and nothing is proposed until it is nil again. It is asked when the node
	// becomes leader and every second while it leads, and must not block. nil
	// means that the node always may.
	MayLead func() error
	// CheckPointer judges a pointer that a leader sends, before it becomes the
	// target: it must extend the last final checkpoint. nil accepts it; its
	// entries are verified in any case. An error that wraps ErrDiverged ends the
	// process.
	CheckPointer func(ledger.Pointer) error
	// FinalNote returns the last final checkpoint's note for a new pointer;
	// nil or an empty result leaves it out. It must not block.
	FinalNote func() []byte

	// Fatal is called at most once, from any goroutine: this process must end
	// now, without waiting for Shutdown, because a write may hang. It must not
	// block. What was proposed has an unknown outcome. The node is silent
	// towards its peers from then on.
	Fatal func(error)

	Logger *slog.Logger // default: none

	// HeartbeatTimeout is how long a follower waits for its leader, and a
	// candidate for an election; default 500 ms.
	HeartbeatTimeout time.Duration
	// WriteTimeout is how long a write to the raft log may take; default 5 s.
	WriteTimeout time.Duration
	// ApplyTimeout is how long the machine may take for what it is given at
	// once, about 1 MiB of commands; default 20 s.
	ApplyTimeout time.Duration

	// TrailingLogs is the number of raft entries kept below the newest
	// pointer; default and least value TrailingLogsMin.
	TrailingLogs uint64
	// PointerEntries and PointerBytes say how much may be applied before a new
	// pointer is taken; defaults 1,024 raft entries and 64 MiB.
	PointerEntries uint64
	PointerBytes   int64

	// ProposalsMax and ProposalBytesMax bound what is proposed and not yet
	// answered; past them Propose returns ErrOverloaded. Defaults 64 and 16 MiB.
	ProposalsMax     int
	ProposalBytesMax int64

	seams seams
}

// seams are what tests put in place of disk and network.
type seams struct {
	transport        raft.Transport
	logs             raft.LogStore
	stable           raft.StableStore
	shortTrailing    bool
	shutdownPatience time.Duration
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MayLead == nil {
		c.MayLead = func() error { return nil }
	}
	if c.FinalNote == nil {
		c.FinalNote = func() []byte { return nil }
	}
	setDefault(&c.HeartbeatTimeout, 500*time.Millisecond)
	setDefault(&c.WriteTimeout, 5*time.Second)
	setDefault(&c.ApplyTimeout, 20*time.Second)
	setDefault(&c.TrailingLogs, TrailingLogsMin)
	setDefault(&c.PointerEntries, 1024)
	setDefault(&c.PointerBytes, 64<<20)
	setDefault(&c.ProposalsMax, 64)
	setDefault(&c.ProposalBytesMax, 16<<20)
	setDefault(&c.seams.shutdownPatience, 5*time.Second)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("consensus: "+format, args...))
		}
	}
	_, err := ParseServerID(c.Server.String())
	require(err == nil, "Server: %v", err)
	require(c.Cluster != [32]byte{}, "Cluster is missing")
	require(c.Mode >= ModeRun && c.Mode <= ModeRejoin, "unknown Mode %d", c.Mode)
	require(c.Mode != ModeFound || len(c.Founders) > 0, "ModeFound without Founders")
	if c.Mode == ModeFound {
		_, err := foundingMembers(c.Founders, c.Server)
		require(err == nil, "Founders: %v", err)
	}
	require(c.Ledger != nil, "Ledger is missing")
	require(c.Machine != nil, "Machine is missing")
	require(c.CatchUp != nil, "CatchUp is missing")
	require(c.Fatal != nil, "Fatal is missing")
	require(c.Peers != nil || c.seams.transport != nil, "Peers is missing")
	require(c.Dir != "" || c.seams.logs != nil, "Dir is missing")
	require(c.HeartbeatTimeout >= 20*time.Millisecond, "HeartbeatTimeout %v is below 20 ms", c.HeartbeatTimeout)
	require(c.WriteTimeout > 0, "WriteTimeout %v", c.WriteTimeout)
	require(c.ApplyTimeout > 0, "ApplyTimeout %v", c.ApplyTimeout)
	require(c.TrailingLogs >= TrailingLogsMin || c.seams.shortTrailing, "TrailingLogs %d is below %d", c.TrailingLogs, TrailingLogsMin)
	require(c.PointerBytes > 0, "PointerBytes %d", c.PointerBytes)
	require(c.ProposalsMax > 0, "ProposalsMax %d", c.ProposalsMax)
	require(c.ProposalBytesMax >= CommandBytesMax, "ProposalBytesMax %d is below one command", c.ProposalBytesMax)
	return errors.Join(problems...)
}

// raftConfig is raft's own configuration for c.
func (c Config) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.Server.String())
	rc.Logger = raftLogger(c.Logger)
	rc.HeartbeatTimeout = c.HeartbeatTimeout
	rc.ElectionTimeout = c.HeartbeatTimeout
	rc.LeaderLeaseTimeout = c.HeartbeatTimeout
	rc.CommitTimeout = commitTimeout
	rc.MaxAppendEntries = maxAppendEntries
	// Proposals queue in front of raft's main loop, so that those that came
	// while it was writing share the next write. It breaks the timeout that
	// raft.Apply offers; a caller's context and the limits above stand in.
	rc.BatchApplyCh = true
	// A removed leader steps down and stays reachable: its node may be about
	// to rejoin under a new incarnation, and only main ends a process.
	rc.ShutdownOnRemove = false
	rc.TrailingLogs = c.TrailingLogs
	// Pointers are asked for by the count of what is applied (pointerLoop).
	rc.SnapshotInterval = 365 * 24 * time.Hour
	rc.SnapshotThreshold = 1 << 62
	rc.NoSnapshotRestoreOnStart = true
	rc.NoLegacyTelemetry = true
	return rc
}
