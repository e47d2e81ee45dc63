package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Node is one member of a raft cluster that replicates a ledger. Its methods
// may be called from any goroutine.
type Node struct {
	config   Config
	logger   *slog.Logger
	raft     *raft.Raft
	fsm      *fsm
	log      *watchedLog
	pointers *pointerStore
	gate     *gate
	closeLog func() error

	ctx    context.Context // done when Shutdown begins
	cancel context.CancelFunc
	loops  sync.WaitGroup

	fatalOnce sync.Once
	readyTerm atomic.Uint64 // term in which this node, as leader, has applied all of its predecessors; 0 when not
	learned   atomic.Uint64 // highest index that learn has told raft of
	proposals inFlight
	unfit     unfit
	futures   pending
	reads     readRounds
	rejoining sync.Mutex
}

// Start checks what is on disk, starts raft and returns; it does not wait for
// a leader. An error that wraps ErrStateLost means that this server may never
// vote again under its id.
//
// On a ledger that was catching up it goes on with that.
func Start(c Config) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := &Node{config: c, logger: c.Logger.With("server", c.Server.String())}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.proposals.limit(c.ProposalsMax, c.ProposalBytesMax)
	n.reads.due = make(chan struct{}, 1)
	if err := n.start(); err != nil {
		n.cancel()
		return nil, err
	}
	return n, nil
}

func (n *Node) start() (err error) {
	c := n.config
	logs, stable := c.seams.logs, c.seams.stable
	n.closeLog = func() error { return nil }
	if logs == nil {
		store, err := openBolt(c.Dir)
		if err != nil {
			return err
		}
		n.closeLog, stable = store.Close, store
		if logs, err = cachedLog(store); err != nil {
			return errors.Join(err, store.Close())
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.closeLog())
		}
	}()

	writes := watchdog{limit: c.WriteTimeout, fatal: n.fatal}
	votes := &watchedStable{inner: stable, dog: writes}
	n.pointers = &pointerStore{cluster: c.Cluster, ledger: c.Ledger, check: c.CheckPointer, fatal: n.fatal}
	behind, err := newBehindLog(logs, writes)
	if err != nil {
		return err
	}
	closeLog := n.closeLog
	n.closeLog = func() error {
		behind.Flush() // its error ended the process
		return closeLog()
	}
	if n.log, err = newWatchedLog(behind, writes); err != nil {
		return err
	}
	n.fsm = &fsm{
		cluster: c.Cluster, ledger: c.Ledger, machine: c.Machine, log: n.log,
		dog: watchdog{limit: c.ApplyTimeout, fatal: n.fatal}, fatal: n.fatal,
		progress: newProgress(0), note: c.FinalNote, durable: behind.WaitDurable,
		limits:     pointerLimits{entries: c.PointerEntries, bytes: c.PointerBytes},
		pointerDue: make(chan struct{}, 1), catchUpDue: make(chan struct{}, 1), membersDue: make(chan struct{}, 1),
	}
	n.fsm.remember = func(base uint64) error { return votes.SetUint64(keyBase, base) }
	n.pointers.fsm, n.pointers.log = n.fsm, n.log

	trans := c.seams.transport
	if trans == nil {
		trans = c.Peers.raftTransport(c.Server, c.Cluster, n.logger)
	}
	n.gate = newGate(trans, c.Cluster, c.CheckCommand, n.fsm.mayOpen, behind.Durable, n.logger)
	defer func() {
		if err != nil {
			err = errors.Join(err, n.gate.close())
			<-n.gate.done
		}
	}()
	if err := prepare(c, n.log, votes, n.pointers, n.gate); err != nil {
		return err
	}
	n.fsm.start()
	if n.raft, err = raft.NewRaft(c.raftConfig(), n.fsm, n.log, votes, n.pointers, n.gate); err != nil {
		return fmt.Errorf("consensus: start raft: %w", err)
	}
	leads := func() bool { return n.raft.State() == raft.Leader }
	behind.leads.Store(&leads)
	self := selfFunc(func() (uint64, bool) { return n.raft.CurrentTerm(), n.raft.State() == raft.Follower })
	n.gate.self.Store(&self)
	last := n.raft.LastIndex
	n.pointers.last.Store(&last)
	if c.Peers != nil {
		c.Peers.admitServers(n.admits)
	}
	catchUp := &catchingUp{fsm: n.fsm, log: n.log, source: c.CatchUp, logger: n.logger}
	n.goLoop(func() { catchUp.run(n.ctx) })
	n.goLoop(n.leadershipLoop)
	n.goLoop(n.pointerLoop)
	n.goLoop(n.readLoop)
	n.goLoop(n.membersLoop)
	return nil
}

func (n *Node) goLoop(f func()) {
	n.loops.Add(1)
	go func() {
		defer n.loops.Done()
		f()
	}()
}

// fatal ends the node's part in the cluster at once and asks for the end of
// the process. It does not block: it is called with locks held, and while a
// write hangs.
func (n *Node) fatal(err error) {
	n.fatalOnce.Do(func() {
		n.logger.Error("this process must end", "error", err)
		n.readyTerm.Store(0)
		if n.gate != nil {
			go n.gate.close()
		}
		n.config.Fatal(err)
	})
}

// pointerLoop takes a pointer whenever enough has been applied. raft then
// truncates its log.
func (n *Node) pointerLoop() {
	for {
		select {
		case <-n.fsm.pointerDue:
		case <-n.ctx.Done():
			return
		}
		if err := n.await(n.ctx, func() raft.Future { return n.raft.Snapshot() }); err != nil {
			n.logger.Debug("no pointer now", "error", err)
		}
	}
}

// membersLoop closes the connections of servers that are members no more.
func (n *Node) membersLoop() {
	for {
		select {
		case <-n.fsm.membersDue:
		case <-n.ctx.Done():
			return
		}
		if n.config.Peers != nil {
			n.config.Peers.recheck()
		}
	}
}

// Shutdown stops the node: leadership is handed on, what is proposed gets its
// answer if the cluster still gives one, raft stops, and the raft log is
// closed. When it returns nothing of the node runs, and nothing more is
// applied. After Fatal it may take until a hanging write returns.
func (n *Node) Shutdown() error {
	if !n.futures.stop() {
		n.loops.Wait()
		return nil
	}
	if n.raft.State() == raft.Leader {
		n.handOn()
	}
	n.cancel()
	n.readyTerm.Store(0)
	if !n.futures.drain(n.config.seams.shutdownPatience) {
		n.logger.Warn("shutting down while proposals are open")
	}
	if n.config.Peers != nil {
		n.config.Peers.admitServers(nil)
	}
	n.gate.endBeside()
	err := n.raft.Shutdown().Error()
	err = errors.Join(err, n.gate.close())
	<-n.gate.done
	n.loops.Wait()
	return errors.Join(err, n.closeLog())
}

// handOn asks another voter to become leader.
func (n *Node) handOn() error {
	f := n.raft.LeadershipTransfer()
	done := make(chan error, 1)
	n.futures.add()
	go func() {
		defer n.futures.done()
		done <- f.Error()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(2 * n.config.HeartbeatTimeout):
		return errors.New("consensus: leadership was not handed on in time")
	}
}

// await waits for a raft future. raft answers a future when it likes, so the
// wait ends with ctx too.
func (n *Node) await(ctx context.Context, begin func() raft.Future) error {
	if !n.futures.begin() {
		return ErrStopped
	}
	done := make(chan error, 1)
	go func() {
		defer n.futures.done()
		done <- begin().Error()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pending counts the raft futures that somebody waits for. raft forgets a
// future that is queued when it stops; so it is stopped only after they are
// answered.
type pending struct {
	mu      sync.Mutex
	open    int
	stopped bool
	idle    chan struct{} // closed when stopped and open is 0
}

// begin counts one more, unless the node stops.
func (p *pending) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	p.open++
	return true
}

// add counts one more while the node stops.
func (p *pending) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
}

func (p *pending) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open--; p.open == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// stop reports whether it was the first to stop.
func (p *pending) stop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.stopped
	p.stopped = true
	return first
}

// drain waits until none is open.
func (p *pending) drain(patience time.Duration) bool {
	p.mu.Lock()
	if p.open == 0 {
		p.mu.Unlock()
		return true
	}
	idle := make(chan struct{})
	p.idle = idle
	p.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-time.After(patience):
		return false
	}
}
