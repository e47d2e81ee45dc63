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
		if n.takeOffice(ctx) {
			return
		}
		select {
		case <-time.After(n.config.HeartbeatTimeout / 5):
		case <-ctx.Done():
		}
	}
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
