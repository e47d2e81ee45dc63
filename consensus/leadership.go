package consensus

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
)

// leadershipLoop follows this node's tenures as leader. Each tenure runs on a
// goroutine of its own and ends with the leadership.
func (n *Node) leadershipLoop() {
	end := func() {}
	for {
		select {
		case leading := <-n.raft.LeaderCh():
			end()
			end = func() {}
			if leading {
				end = n.beginTenure()
			}
		case <-n.ctx.Done():
			end()
			return
		}
	}
}

func (n *Node) beginTenure() (end func()) {
	ctx, cancel := context.WithCancel(n.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.tenure(ctx)
	}()
	return func() {
		cancel()
		<-done
		n.readyTerm.Store(0)
	}
}

// tenure makes the node ready to lead: an entry of its own term is committed,
// everything before it is applied, and the cluster is opened. A node that is
// catching up can do none of it and hands leadership on instead.
func (n *Node) tenure(ctx context.Context) {
	for n.raft.State() == raft.Leader && ctx.Err() == nil {
		if err := n.config.MayLead(); err != nil {
			n.abdicate(ctx, err)
		} else if n.takeOffice(ctx) {
			n.holdOffice(ctx)
		}
		wait(ctx, n.config.HeartbeatTimeout/5)
	}
}

// holdOffice returns when this node may lead no more, or its tenure ends.
func (n *Node) holdOffice(ctx context.Context) {
	n.unfit.turns = 0
	for ctx.Err() == nil && n.config.MayLead() == nil {
		wait(ctx, mayLeadPause)
	}
	if ctx.Err() == nil {
		n.readyTerm.Store(0)
	}
}

func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

const (
	// mayLeadPause is how often a leader asks whether it may still lead.
	mayLeadPause = time.Second
	// abdicationPauseMax is the longest time for which a node that may not lead
	// stays leader before it hands leadership on again.
	abdicationPauseMax = 30 * time.Second
	// abdicationsForgotten is how long a node remembers that it handed leadership on.
	abdicationsForgotten = 10 * time.Minute
)

// unfit is what a node remembers between two tenures in which it may not lead.
// It belongs to the tenure's goroutine.
type unfit struct {
	turns int       // how often in a row leadership was handed on
	last  time.Time // when it was
	next  int       // whose turn it is to get it
}

// pause is how long the node waits before it hands leadership on: not at all
// the first time, and ever longer since the last time while it comes back. If nobody may
// lead, leadership would else go round without end.
func (u *unfit) pause(now time.Time) time.Duration {
	if u.turns == 0 || now.Sub(u.last) > abdicationsForgotten {
		u.turns = 0
		return 0
	}
	pause := abdicationPauseMax
	if shift := u.turns - 1; shift < 5 {
		pause = time.Second << shift
	}
	return max(0, pause-now.Sub(u.last))
}

// abdicate hands leadership on because this node may not lead. Each time it is
// another voter's turn, so that one that may lead gets it. It returns early if
// the node may lead again.
func (n *Node) abdicate(ctx context.Context, reason error) {
	n.readyTerm.Store(0)
	deadline := time.Now().Add(n.unfit.pause(time.Now()))
	for left := time.Until(deadline); left > 0; left = time.Until(deadline) {
		wait(ctx, min(left, mayLeadPause))
		if ctx.Err() != nil || n.config.MayLead() == nil {
			return
		}
	}
	n.unfit.turns++
	n.unfit.last = time.Now()
	heir, ok := n.heir()
	if !ok {
		n.logger.Error("this node may not lead, and there is nobody else", "error", reason)
		return
	}
	err := n.await(ctx, func() raft.Future { return n.raft.LeadershipTransferToServer(heir.ID, heir.Address) })
	if n.unfit.turns > len(n.members().Servers) {
		n.logger.Error("this node may not lead, and leadership keeps coming back: is there a node that may?", "error", reason, "turns", n.unfit.turns)
	} else {
		n.logger.Error("this node may not lead: leadership handed on", "error", reason, "to", string(heir.ID), "result", err)
	}
}

// heir is the voter whose turn it is.
func (n *Node) heir() (raft.Server, bool) {
	var others []raft.Server
	for _, s := range n.members().Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != n.config.Server.String() {
			others = append(others, s)
		}
	}
	if len(others) == 0 {
		return raft.Server{}, false
	}
	n.unfit.next++
	return others[n.unfit.next%len(others)], true
}

func (n *Node) takeOffice(ctx context.Context) bool {
	if n.fsm.isCatchingUp() {
		err := n.await(ctx, func() raft.Future { return n.raft.LeadershipTransfer() })
		n.logger.Info("leader while catching up: leadership handed on", "error", err)
		return false
	}
	term := n.raft.CurrentTerm()
	if err := n.await(ctx, func() raft.Future { return n.raft.Barrier(0) }); err != nil {
		n.logger.Debug("not ready to lead", "error", err)
		return false
	}
	if n.fsm.position().IsZero() {
		size, root := n.config.Ledger.Head()
		p, err := n.begin(encodeOpen(openCommand{cluster: n.config.Cluster, size: size, root: root}), func() {})
		if err == nil {
			_, err = p.Wait(ctx)
		}
		if err != nil || n.fsm.position().IsZero() {
			n.logger.Warn("the cluster is not opened yet", "error", err)
			return false
		}
	}
	if !n.fsm.isLive() || n.raft.CurrentTerm() != term || n.raft.State() != raft.Leader {
		return false
	}
	n.readyTerm.Store(term)
	n.logger.Info("leading", "term", term)
	return true
}

// Leader returns the node id of the leader that this node knows, or "".
func (n *Node) Leader() string {
	_, id := n.raft.LeaderWithID()
	s, err := ParseServerID(string(id))
	if err != nil {
		return ""
	}
	return s.Node
}

// Leading gives the term in which this node leads and may propose; ok is false
// while it does not. It may be wrong by the time it returns.
func (n *Node) Leading() (term uint64, ok bool) {
	term = n.readyTerm.Load()
	return term, n.leading() == nil && term == n.readyTerm.Load()
}

// Term gives raft's current term, which never goes back, in another process
// neither.
func (n *Node) Term() uint64 { return n.raft.CurrentTerm() }

// IsLeader reports whether this node is the leader and ready to propose. It
// may be wrong by the time it returns; only Propose and Barrier know.
func (n *Node) IsLeader() bool { return n.leading() == nil }

// HandOn gives leadership to another voter, for maintenance.
func (n *Node) HandOn(ctx context.Context) error {
	if n.raft.State() != raft.Leader {
		return &NotLeaderError{Leader: n.Leader()}
	}
	return n.await(ctx, func() raft.Future { return n.raft.LeadershipTransfer() })
}
