package consensus

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// rejoinPause is how often a rejoining server is asked how far it is.
const rejoinPause = 200 * time.Millisecond

// PeerProgress is what a rejoining server says about itself.
type PeerProgress struct {
	AppliedIndex uint64
	CatchingUp   bool
}

// Rejoin replaces whatever server stands for a node by a new incarnation, at
// the leader: the old server is removed, the new one is added without a vote,
// and gets the vote when it has applied what was committed when it was added.
// One node never has two voters.
//
// progress asks the new server how far it is; an error means that it does not
// answer yet. Rejoin goes on asking until ctx ends, and may then be called
// again: it continues where the cluster stands.
//
// While the node is out the cluster has one voter less. Removing the server
// needs a majority of the members before and after.
func (n *Node) Rejoin(ctx context.Context, server ServerID, progress func(context.Context) (PeerProgress, error)) error {
	n.rejoining.Lock()
	defer n.rejoining.Unlock()
	if err := n.leading(); err != nil {
		return err
	}
	if server.Node == n.config.Server.Node {
		return fmt.Errorf("consensus: the leader cannot replace itself; hand leadership on first")
	}
	if _, err := ParseServerID(server.String()); err != nil {
		return err
	}
	change := changes{n: n, term: n.raft.CurrentTerm()}
	for _, s := range n.members().Servers {
		id, err := ParseServerID(string(s.ID))
		if err != nil || id.Node != server.Node || id == server {
			continue
		}
		if err := change.await(ctx, func() raft.Future { return n.raft.RemoveServer(s.ID, 0, 0) }); err != nil {
			return fmt.Errorf("remove server %s: %w", s.ID, err)
		}
	}
	id, address := raft.ServerID(server.String()), raft.ServerAddress(server.String())
	s, known := memberOf(n.members(), server)
	if known && s.Suffrage == raft.Voter {
		return nil
	}
	if !known {
		if err := change.await(ctx, func() raft.Future { return n.raft.AddNonvoter(id, address, 0, 0) }); err != nil {
			return fmt.Errorf("add server %s: %w", server, err)
		}
	}
	if err := n.awaitPeer(ctx, server, progress); err != nil {
		return err
	}
	if err := change.await(ctx, func() raft.Future { return n.raft.AddVoter(id, address, 0, 0) }); err != nil {
		return fmt.Errorf("give server %s its vote: %w", server, err)
	}
	return nil
}

func (n *Node) awaitPeer(ctx context.Context, server ServerID, progress func(context.Context) (PeerProgress, error)) error {
	index, err := n.ReadIndex(ctx)
	if err != nil {
		return err
	}
	for {
		p, err := progress(ctx)
		if err == nil && !p.CatchingUp && p.AppliedIndex >= index {
			return nil
		}
		if err := n.leading(); err != nil {
			return err
		}
		n.logger.Info("waiting for a rejoining server", "peer", server.String(), "applied", p.AppliedIndex,
			"of", index, "catching_up", p.CatchingUp, "error", err)
		select {
		case <-time.After(rejoinPause):
		case <-ctx.Done():
			return fmt.Errorf("server %s has not caught up: %w", server, ctx.Err())
		}
	}
}

func (n *Node) members() raft.Configuration {
	return n.raft.GetConfiguration().Configuration()
}

// changes makes several changes of the members in one term. raft can hold a
// change to the configuration that it was decided on, but does not tell its
// index (GetConfiguration of v1.7.3 always gives 0). Within one term only this
// leader changes anything, and it does so under Node.rejoining.
type changes struct {
	n    *Node
	term uint64
}

func (c changes) await(ctx context.Context, begin func() raft.Future) error {
	if c.n.raft.CurrentTerm() != c.term {
		return &NotLeaderError{Leader: c.n.Leader()}
	}
	err := c.n.await(ctx, begin)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return c.n.outcome(err)
}
