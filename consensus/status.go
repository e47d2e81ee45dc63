package consensus

import (
	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
)

// Member is one server of the cluster's latest configuration.
type Member struct {
	Server ServerID
	Voter  bool
}

// Status is what the node knows about itself and its cluster. The fields are
// read one after the other, so they may differ by what happened meanwhile.
type Status struct {
	Server  ServerID
	Cluster [32]byte
	// State is raft's word: Follower, Candidate, Leader or Shutdown.
	State string
	Term  uint64
	// Leader is the leader's node id, or "".
	Leader string
	// Ready says that this node leads and may propose.
	Ready bool
	// MayNotLead is why this node would hand leadership on, or "".
	MayNotLead string
	// FirstIndex and LastIndex bound the raft log on disk; 0 when it is empty.
	FirstIndex uint64
	LastIndex  uint64
	// CommitIndex is what this node knows to be committed.
	CommitIndex uint64
	// AppliedIndex is the index at or below which every command is applied.
	AppliedIndex uint64
	// Position is what the ledger itself stores.
	Position ledger.Position
	// PointerIndex is the raft index of the last pointer, or 0.
	PointerIndex uint64
	// CatchingUp says that the ledger lacks entries; Target is what it needs.
	CatchingUp bool
	Target     ledger.Pointer
	Members    []Member
}

// Voter reports whether the server itself has a vote.
func (s Status) Voter() bool {
	for _, m := range s.Members {
		if m.Server == s.Server {
			return m.Voter
		}
	}
	return false
}

// Status may be called at any time before Shutdown returns.
func (n *Node) Status() Status {
	s := Status{
		Server: n.config.Server, Cluster: n.config.Cluster,
		State: n.raft.State().String(), Term: n.raft.CurrentTerm(), Leader: n.Leader(), Ready: n.IsLeader(),
		CommitIndex: n.raft.CommitIndex(), AppliedIndex: n.AppliedIndex(), Position: n.config.Ledger.Position(),
		CatchingUp: n.fsm.isCatchingUp(),
	}
	s.FirstIndex, _ = n.log.FirstIndex()
	s.LastIndex, _ = n.log.LastIndex()
	if p, ok := n.config.Ledger.Pointer(); ok {
		s.PointerIndex = p.Index
	}
	if t, ok := n.config.Ledger.Target(); ok {
		s.Target = t
	}
	if err := n.config.MayLead(); err != nil {
		s.MayNotLead = err.Error()
	}
	for _, m := range n.members().Servers {
		if id, err := ParseServerID(string(m.ID)); err == nil {
			s.Members = append(s.Members, Member{Server: id, Voter: m.Suffrage == raft.Voter})
		}
	}
	return s
}

// Stats returns raft's own figures, for a person to read.
func (n *Node) Stats() map[string]string { return n.raft.Stats() }

// admits reports whether a server's raft connection may be accepted. A server
// that is not in the latest configuration is refused, unless that
// configuration says nothing about this cluster as it is now: it is empty, or
// it does not name this server itself, as after a rejoin.
func (n *Node) admits(server ServerID) bool {
	members := n.members()
	if _, ok := memberOf(members, server); ok {
		return true
	}
	_, self := memberOf(members, n.config.Server)
	return !self
}
