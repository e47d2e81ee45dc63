package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Status describes the node as far as a replica knows it. What the rest of the
// node adds, such as its software version, is left empty.
func (r *Replica) Status() *custodyv1.GetStatusResponse {
	s := r.node.Status()
	id := r.store.LedgerID()
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	root := snapshot.Root()
	response := &custodyv1.GetStatusResponse{
		NodeId: r.self.Node, ServerId: r.self.String(),
		LedgerId: id[:], LedgerName: r.genesis.Name, RulesVersion: r.genesis.RulesVersion,
		Size: snapshot.Size(), Root: root[:], LedgerTimeMs: snapshot.Head().RecordedAt,
		State: state(s), LeaderNodeId: s.Leader,
		RaftTerm: s.Term, RaftCommitIndex: s.CommitIndex, RaftAppliedIndex: s.AppliedIndex,
	}
	if s.CatchingUp {
		response.CatchUpTargetSize = s.Target.Size
	}
	for _, m := range s.Members {
		response.Members = append(response.Members, &custodyv1.MemberStatus{NodeId: m.Server.Node, ServerId: m.Server.String(), Voter: m.Voter})
	}
	return response
}

func state(s consensus.Status) custodyv1.NodeState {
	switch {
	case s.CatchingUp:
		return custodyv1.NodeState_NODE_STATE_CATCHING_UP
	case s.State == "Leader":
		return custodyv1.NodeState_NODE_STATE_LEADER
	case s.State == "Follower":
		return custodyv1.NodeState_NODE_STATE_FOLLOWER
	case s.State == "Candidate":
		return custodyv1.NodeState_NODE_STATE_CANDIDATE
	}
	return custodyv1.NodeState_NODE_STATE_UNSPECIFIED
}

// NotReady says in one sentence each why this node cannot serve; empty if it
// can.
func (r *Replica) NotReady() []string {
	var reasons []string
	s := r.node.Status()
	if s.CatchingUp {
		reasons = append(reasons, fmt.Sprintf("catching up to %d entries", s.Target.Size))
	}
	if s.Leader == "" {
		reasons = append(reasons, "no leader is known")
	}
	if s.Leader == r.self.Node && !s.Ready {
		reasons = append(reasons, "elected leader, not ready to propose yet")
	}
	if s.MayNotLead != "" && s.Leader == r.self.Node {
		reasons = append(reasons, "may not lead: "+s.MayNotLead)
	}
	if s.Position.IsZero() {
		reasons = append(reasons, "the cluster has not been opened yet")
	}
	return reasons
}

// Size is the number of entries that this node has.
func (r *Replica) Size() uint64 {
	size, _ := r.store.Head()
	return size
}

// Voter reports whether this server has a vote, as far as it knows.
func (r *Replica) Voter() bool { return r.node.Status().Voter() }

// HandOn gives leadership to another node, for maintenance.
func (r *Replica) HandOn(ctx context.Context) error { return r.node.HandOn(ctx) }

// Entries gives a peer the entries [from, to) with what is kept beside them. A
// node that catches up itself gives none.
func (r *Replica) Entries(from, to uint64, each func(entry []byte, openings []ledger.Opening) error) error {
	if err := r.live(); err != nil {
		return err
	}
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	return snapshot.Entries(from, to, func(index uint64, entry []byte) error {
		openings, err := snapshot.Openings(index)
		if err != nil {
			return err
		}
		return each(entry, openings)
	})
}

// Consistency gives a peer the proof that the tree of size from is a prefix of
// that of size to.
func (r *Replica) Consistency(from, to uint64) ([]merkle.Hash, error) {
	if err := r.live(); err != nil {
		return nil, err
	}
	return r.ConsistencyProof(from, to)
}

// ErrOutOfRange says that this node does not have what was asked for.
var ErrOutOfRange = errors.New("replica: out of range")

// Rejoin replaces the server of a node by its new incarnation, at the leader.
// It returns when the new server has its vote. See consensus.Node.Rejoin.
//
// The new server counts as caught up when it serves the entry that is the last
// one here now: through its chain and tree an entry stands for all before it.
func (r *Replica) Rejoin(ctx context.Context, server consensus.ServerID) error {
	var wanted *landmark
	return r.node.Rejoin(ctx, server, func(ctx context.Context) (progress consensus.PeerProgress, err error) {
		if wanted == nil {
			if wanted, err = r.landmark(ctx); err != nil {
				return progress, err
			}
		}
		return r.reached(ctx, server.Node, wanted)
	})
}

// landmark is the last entry at a raft index.
type landmark struct {
	raftIndex uint64
	size      uint64
	entry     []byte
}

func (r *Replica) landmark(ctx context.Context) (*landmark, error) {
	if err := r.node.Barrier(ctx); err != nil {
		return nil, err
	}
	l := &landmark{raftIndex: r.node.AppliedIndex()}
	snapshot := r.store.Snapshot()
	defer snapshot.Close()
	if err := snapshot.Err(); err != nil {
		return nil, err
	}
	l.size = snapshot.Size()
	var err error
	l.entry, err = snapshot.Entry(l.size - 1)
	return l, err
}

func (r *Replica) reached(ctx context.Context, node string, wanted *landmark) (consensus.PeerProgress, error) {
	var got []byte
	err := r.peers.Entries(ctx, node, wanted.size-1, wanted.size, func(entries []audit.Raw) error {
		got = entries[0].Entry
		return nil
	})
	switch {
	case err != nil:
		return consensus.PeerProgress{CatchingUp: errors.Is(err, consensus.ErrCatchingUp)}, err
	case !bytes.Equal(got, wanted.entry):
		return consensus.PeerProgress{}, fmt.Errorf("%w: entry %d of node %s is not the one of this node", consensus.ErrDiverged, wanted.size-1, node)
	}
	return consensus.PeerProgress{AppliedIndex: wanted.raftIndex}, nil
}

// Leader is the node id of the leader that this node knows, or "".
func (r *Replica) Leader() string { return r.node.Leader() }
