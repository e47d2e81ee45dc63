// Package replica is one node's copy of the ledger under consensus: it takes
// submissions on any node, has the leader propose them, applies what is
// committed, and says when a read may begin.
//
//	Submit → here, or forwarded once → group commit → raft → machine → store
//
// Goroutines, all ended by Close:
//
//	consensus.Node     raft and its loops
//	consensus.Batcher  one that proposes, one for each command on its way
//	leaderReads        one that asks the leader from where on a read is fresh
package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
)

// CommandAheadMax is how far ahead of this node's clock the time in a command
// may be before this node refuses to store it for its leader: a leader that
// stamps a time far away would expire every offer for good.
const CommandAheadMax = 30 * time.Second

// Peers is how a replica calls other nodes. Errors are those of consensus;
// whatever reached the other node without an answer is ErrOutcomeUnknown.
type Peers interface {
	// Propose has a node propose a submission, if it is the leader, and returns
	// with the raft index at which it was applied there.
	Propose(ctx context.Context, node string, submission ledger.Submission) (ledger.Outcome, consensus.EntryID, error)
	// ReadIndex asks a node, if it is the leader, from which raft index on a
	// read is linearizable.
	ReadIndex(ctx context.Context, node string) (uint64, error)
	// Entries gives the entries [from, to) in order, in runs of bounded size.
	Entries(ctx context.Context, node string, from, to uint64, each func([]audit.Raw) error) error
	// Consistency gives the proof that the tree of size from is a prefix of that
	// of size to.
	Consistency(ctx context.Context, node string, from, to uint64) ([]merkle.Hash, error)
}

// Config is what a Replica is made of. Fields without a stated default are
// required.
type Config struct {
	Server consensus.ServerID // of this data folder
	Mode   consensus.Mode
	Store  *store.Store
	// RaftDir holds the raft log and this server's votes. It must exist.
	RaftDir string
	// Port is the peer port that raft runs over.
	Port *consensus.Peers
	// Peers calls the other nodes of the genesis.
	Peers Peers
	// Statement are the statement keys that this node holds, at least one. The one
	// that the policy in force has for the node signs what it proposes; while it is
	// not among them the node does not lead.
	Statement []sign.PrivateKey

	// MayLead is nil while this node may lead, as far as the caller knows; see
	// consensus.Config.MayLead. Default: always.
	MayLead func() error
	// SaveEvidence keeps the two sides of a contradiction: the text of this
	// ledger's own head, and the signed note that contradicts it. It is called
	// before the process is asked to end, must not block for long, and may be
	// called for one contradiction more than once. Default: nobody does.
	SaveEvidence func(kind string, own, final []byte)

	// Clock is what this node stamps commands with when it leads, and holds
	// other leaders' commands against; default time.Now.
	Clock   func() time.Time
	Metrics *Metrics     // default: figures that nobody sees
	Logger  *slog.Logger // default: none

	// HeartbeatTimeout, WriteTimeout and ApplyTimeout are those of
	// consensus.Config.
	HeartbeatTimeout time.Duration
	WriteTimeout     time.Duration
	ApplyTimeout     time.Duration
	// SubmissionsMax is how many submissions are worked on at a time; default
	// SubmissionsMaxDefault.
	SubmissionsMax int

	// Fatal is called at most once, from any goroutine, when this process must
	// end now, without waiting for Close.
	Fatal func(error)

	// adapt changes what consensus is started with, in tests; may be nil.
	adapt func(consensus.Config) consensus.Config
}

// SubmissionsMaxDefault is how many submissions a replica works on at a time.
const SubmissionsMaxDefault = 8_192

// Replica is one node's copy of the ledger. Its methods may be called from any
// goroutine.
type Replica struct {
	store     *store.Store
	genesis   *ledger.Genesis
	self      consensus.ServerID
	node      *consensus.Node
	batcher   *consensus.Batcher[*waiting]
	machine   *machine
	peers     Peers
	sizes     *sizes
	leader    *leaderReads
	metrics   *Metrics
	clock     func() time.Time
	logger    *slog.Logger
	slots     chan struct{}
	verifier  *sign.Verifier
	proposer  *proposer
	proposals *proposals
	keys      *statementKeys
	finals    *sizes
	// policySince is Since of the policy whose keys were learned last.
	policySince atomic.Uint64
	mayLead     func() error
}

// Start starts raft on what is on disk and returns; it does not wait for a
// leader. The errors are those of consensus.Start. The caller closes the store
// after Close.
func Start(c Config) (*Replica, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics, _ = NewMetrics(nil)
	}
	if c.SubmissionsMax == 0 {
		c.SubmissionsMax = SubmissionsMaxDefault
	}
	if c.MayLead == nil {
		c.MayLead = func() error { return nil }
	}
	if c.SaveEvidence == nil {
		c.SaveEvidence = func(string, []byte, []byte) {}
	}
	if len(c.Statement) == 0 || slices.ContainsFunc(c.Statement, sign.PrivateKey.IsZero) {
		return nil, errors.New("replica: the statement key is missing")
	}
	genesis, _ := c.Store.Genesis()
	size, _ := c.Store.Head()
	final, _ := c.Store.Final()
	r := &Replica{
		store: c.Store, genesis: genesis, self: c.Server, peers: c.Peers, sizes: newSizes(size), finals: newSizes(final.Size), mayLead: c.MayLead,
		proposals: newProposals(), keys: newStatementKeys(genesis.Policy(), c.Store.Governance),
		metrics: c.Metrics, clock: c.Clock, logger: c.Logger,
		slots: make(chan struct{}, c.SubmissionsMax), verifier: sign.NewVerifier(sign.PreparedKeysDefault),
	}
	r.machine = &machine{
		store: c.Store, rulesVersion: genesis.RulesVersion, verifier: r.verifier,
		verified: newVerifiedCache(), metrics: c.Metrics, applied: r.noteSize, evidence: r.evidence(c.SaveEvidence),
	}
	founders, err := Founders(genesis)
	if err != nil {
		return nil, err
	}
	cluster := Cluster(c.Store.LedgerID())
	r.proposer = &proposer{
		cluster: cluster, node: c.Server.Node, held: slices.Clone(c.Statement), policy: c.Store.Policy,
		term: func() uint64 { return r.node.Term() },
		keep: r.proposals.keep,
	}
	gate := &proposalGate{cluster: cluster, keys: r.keys, seen: r.proposals, verifier: r.verifier, clock: c.Clock}
	config := consensus.Config{
		Server: c.Server, Cluster: cluster, Mode: c.Mode, Founders: founders, Dir: c.RaftDir,
		Ledger: c.Store, Machine: r.machine, Peers: c.Port,
		CatchUp:      newCatchUp(c, genesis, r.noteSize, r.machine.diverged),
		CheckCommand: gate.check,
		CheckPointer: r.checkPointer,
		FinalNote:    r.finalNote,
		MayLead:      r.mayHoldOffice,
		Fatal:        c.Fatal, Logger: c.Logger,
		HeartbeatTimeout: c.HeartbeatTimeout, WriteTimeout: c.WriteTimeout, ApplyTimeout: c.ApplyTimeout,
	}
	if c.adapt != nil {
		config = c.adapt(config)
	}
	if r.node, err = consensus.Start(config); err != nil {
		return nil, err
	}
	r.batcher, err = consensus.NewBatcher(consensus.BatcherConfig[*waiting]{
		Begin: r.node.Begin, Size: (*waiting).size, Overhead: commandHeaderBytes,
		Build: r.buildCommand, Deliver: (*waiting).deliver, Clock: c.Clock,
	})
	if err != nil {
		return nil, errors.Join(err, r.node.Shutdown())
	}
	r.leader = newLeaderReads(r.readIndexFromLeader)
	return r, nil
}

// Cluster gives the id of the raft cluster that founds a ledger.
func Cluster(id ledger.LedgerID) [32]byte {
	return sign.TagRaftCluster.Sum(id[:], make([]byte, 4))
}

// Founders gives the servers that a genesis names.
func Founders(genesis *ledger.Genesis) ([]consensus.ServerID, error) {
	var founders []consensus.ServerID
	for _, n := range genesis.Nodes {
		server, err := consensus.ParseServerID(n.ServerID())
		if err != nil {
			return nil, fmt.Errorf("genesis: node %s: %w", n.ID, err)
		}
		founders = append(founders, server)
	}
	return founders, nil
}

// Close hands leadership on, answers what is open as far as the cluster still
// answers, and stops raft. Nothing is applied after it returned.
func (r *Replica) Close() error {
	r.batcher.Close()
	err := r.node.Shutdown()
	r.leader.close()
	return err
}

// mayHoldOffice is consensus.Config.MayLead.
func (r *Replica) mayHoldOffice() error {
	if err := r.proposer.mayPropose(); err != nil {
		return err
	}
	return r.mayLead()
}

func (r *Replica) evidence(save func(kind string, own, final []byte)) func(string, []byte, []byte) {
	return func(kind string, own, final []byte) {
		r.logger.Error("evidence: a note that a quorum signed contradicts this ledger", "kind", kind, "own", string(own), "note", string(final))
		save(kind, own, final)
	}
}

func (r *Replica) noteSize() {
	size, _ := r.store.Head()
	r.sizes.advance(size)
	if final, ok := r.store.Final(); ok {
		r.finals.advance(final.Size)
	}
	if since := r.store.Governance().Since; r.policySince.Swap(since) != since {
		r.keys.learn()
	}
}
