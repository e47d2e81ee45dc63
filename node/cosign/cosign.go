// Package cosign makes heads of the ledger final: the leader asks every node to
// sign its head, each signs only what it has itself applied and computed, and a
// quorum goes through raft as a note. It also keeps the nodes' eyes on each
// other: their clocks, the heads they signed, and what they hold against one
// that differs.
//
//	size grows → SignHead (synced) → sign → ask the others → quorum → ProposeFinal
//
// Nothing that another node sends stops this one. DESIGN.md has the reasons.
//
// Goroutines, all ended by Close:
//
//	lead         a round at most once a second while this node leads
//	watch        asks the others for clock and heads; judges how late final is
//	investigate  one investigation at a time
//	measure      how long heads take from commit to final
package cosign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// roundPeriod is the least time between the beginnings of two rounds.
	roundPeriod = time.Second
	// idlePeriod is after how long a head that is final already is signed again.
	idlePeriod = 5 * time.Minute
	// roundTimeout bounds one round, and how long its note may take through raft.
	roundTimeout = 5 * time.Second
	// restPatience is how long a round that has its quorum waits for the rest.
	restPatience = 200 * time.Millisecond
	// behindPatience is how long a node that was asked waits until it has applied
	// the size.
	behindPatience = 2 * time.Second
	// leadPoll is how soon the leader notices that there is something new.
	leadPoll = 25 * time.Millisecond
	// headsPeriod is how often nodes ask each other for clock and heads.
	headsPeriod = 5 * time.Second
	// headsTimeout bounds one such question.
	headsTimeout = 3 * time.Second
	// investigationTimeout bounds one investigation.
	investigationTimeout = 30 * time.Second
	// lateAfter is how long something new may wait for a final checkpoint before
	// there is an alarm.
	lateAfter = time.Minute
)

// Refusals of Cosign. They are stable.
const (
	HeadDiffers = "HEAD_DIFFERS" // this node has another root at that size
	HeadOld     = "HEAD_OLD"     // this node has signed, or seen final, a larger head
	NotLeader   = "NOT_LEADER"   // the caller is not the leader that this node knows
	CatchingUp  = "CATCHING_UP"  // this node starts, or lacks entries that raft has truncated
	Behind      = "BEHIND"       // this node has not applied that size in time
	NotSigning  = "NOT_SIGNING"  // this node holds no key in force, or is not sure yet what it once signed
	Malformed   = "MALFORMED"    // not a checkpoint of this ledger with the caller's log signature
)

// Ledger is this node's own ledger under raft.
type Ledger interface {
	// Head gives the number of entries that are applied and the root over them.
	Head() (size uint64, root merkle.Hash)
	// RootAt gives the root over the first size entries, 1 to Head's size.
	RootAt(size uint64) (merkle.Hash, error)
	// Consistency proves that the tree of size from is a prefix of that of size to.
	Consistency(from, to uint64) ([]merkle.Hash, error)
	// Policy is the policy in force.
	Policy() (ledger.Policy, error)
	// Final gives the note of the last final checkpoint, nil before there is one.
	Final() ([]byte, error)
	// SignedHead gives the last head that SignHead stored.
	SignedHead() (head store.SignedHead, ok bool)
	// SignHead stores a head as the last one signed, synced together with
	// everything before it, and the time of its cosignature, unix seconds: now, or
	// that of the one before if that is later. It refuses a smaller size than the
	// one before or than the last final one, and another root for the same size.
	SignHead(size uint64, root merkle.Hash, now uint64) (at uint64, err error)
	// WaitSize returns when the ledger has at least size entries.
	WaitSize(ctx context.Context, size uint64) error
	// Live is nil unless the node starts, catches up or stops.
	Live() error
	// Leader is the node id of the leader that this node knows, or "".
	Leader() string
	// Leading tells whether this node is the leader and ready to propose.
	Leading() bool
	// ProposeFinal has raft replicate a final note; it returns when this node has
	// applied it, or with why it does not stand.
	ProposeFinal(ctx context.Context, note []byte) error
	// ProposalTerms gives the last terms in which a leader's proposals reached this
	// node, newest first, at most limit of them.
	ProposalTerms(node string, limit int) []uint64
	// Proposals gives the signed proposals of a leader as they reached this node,
	// ascending by counter. See custodyv1.ProposalsRequest.
	Proposals(node string, term, from uint64) []*custodyv1.SignedProposal
}

// Peers calls the other nodes.
type Peers interface {
	Cosign(ctx context.Context, node string, note []byte) (*custodyv1.CosignResponse, error)
	Heads(ctx context.Context, node string) (*custodyv1.HeadsResponse, error)
	Proposals(ctx context.Context, node, leader string, term, from uint64) ([]*custodyv1.SignedProposal, error)
	State(ctx context.Context, node string, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error)
}

// Config is what a Cosigner is made of. Fields without a stated default are
// required.
type Config struct {
	Node     string // own node id
	LedgerID ledger.LedgerID
	Genesis  *ledger.Genesis
	// GenesisFile is the file of the genesis, for evidence.
	GenesisFile []byte
	// Keys are all that the node holds; it signs with those that the policy in
	// force names.
	Keys   Keys
	Ledger Ledger
	Peers  Peers
	// Snapshot gives the ledger at one size, for statements.
	Snapshot func() *store.Snapshot
	// Rejoining says that this node lost what it had and is being taken in again:
	// heads that it signed before may be larger than its ledger.
	Rejoining bool
	// Witnesses outside the ledger are asked for a cosignature too.
	Witnesses []Witness
	// Keep stores an evidence file, unless one of that name is there already:
	// fresh is false then. It bounds their number.
	Keep func(name string, b []byte) (fresh bool, err error)
	// Stop is told that this process must end, with an error that wraps ErrForked;
	// default: nothing ends.
	Stop func(error)

	Clock   func() time.Time      // default time.Now
	Logger  *slog.Logger          // default: none
	Metrics prometheus.Registerer // default: figures that nobody sees
}

// Cosigner is a node's part in making heads final. Its methods may be called
// from any goroutine.
type Cosigner struct {
	config  Config
	node    string
	ledger  Ledger
	peers   Peers
	clock   func() time.Time
	logger  *slog.Logger
	metrics *metrics
	alarms  *alarms
	clocks  clocks
	recall  recall
	notes   notes
	status  received
	outside []*witnessClient

	// signing is held over SignHead, so that what is signed is what was stored.
	signing  sync.Mutex
	signedAt uint64 // under signing: unix seconds, no cosignature is dated before

	verifier *sign.Verifier
	slow     atomic.Uint32 // how often a node that was asked for a statement was slow

	cases   chan differing // investigations to come
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New makes a Cosigner that answers Heads and refuses to sign. Recall and Run
// follow; Close must be called also if they never are.
func New(c Config) (*Cosigner, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Stop == nil {
		c.Stop = func(error) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Cosigner{
		config: c, node: c.Node, ledger: c.Ledger, peers: c.Peers, clock: c.Clock, logger: c.Logger,
		metrics: m, cases: make(chan differing, 1),
		verifier: sign.NewVerifier(sign.PreparedKeysDefault),
	}
	s.alarms = newAlarms(m.alarms, c.Logger)
	s.recall.init(c.Genesis, c.Node)
	for _, w := range c.Witnesses {
		client, err := newWitnessClient(w)
		if err != nil {
			return nil, err
		}
		s.outside = append(s.outside, client)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, s.remakeOwn()
}

// Run begins to cosign, once the ledger is under raft. It does not block.
func (s *Cosigner) Run() {
	s.running.Go(s.lead)
	s.running.Go(s.watch)
	s.running.Go(s.investigate)
	s.running.Go(s.measure)
}

// Close ends what Run began. Calls that are being answered end with their own
// contexts.
func (s *Cosigner) Close() error {
	s.cancel()
	s.running.Wait()
	for _, w := range s.outside {
		w.close()
	}
	return nil
}

// Alarms are what this node holds against others or the cluster; a sentence each.
func (s *Cosigner) Alarms() []string { return s.alarms.sentences() }

// pause waits, and tells whether to go on.
func (s *Cosigner) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// others are the nodes of a policy but for this one.
func (s *Cosigner) others(p ledger.Policy) []ledger.PolicyNode {
	var others []ledger.PolicyNode
	for _, n := range p.Nodes {
		if n.ID != s.node {
			others = append(others, n)
		}
	}
	return others
}

// final gives the last final note; nil before there is one.
func (s *Cosigner) final() (*checkpoint.Note, []byte, error) {
	raw, err := s.ledger.Final()
	if err != nil || raw == nil {
		return nil, nil, err
	}
	note, err := s.notes.parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("the last final note: %w", err)
	}
	return note, raw, nil
}

// errNotSigning is why this node does not sign at all.
var errNotSigning = errors.New("cosign: this node does not sign")
