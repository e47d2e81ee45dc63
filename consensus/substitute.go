package consensus

import "github.com/hashicorp/raft"

// Substitutes are what a test puts in place of raft.db and of the peer port.
type Substitutes struct {
	Transport raft.Transport
	Logs      raft.LogStore
	Stable    raft.StableStore
}

// Substitute gives c with them, and lets TrailingLogs be less than
// TrailingLogsMin: the log of a test is short. Dir and Peers are not used then.
// Package consensustest calls it for tests of other packages; no program does.
func (c Config) Substitute(s Substitutes) Config {
	c.seams.transport, c.seams.logs, c.seams.stable = s.Transport, s.Logs, s.Stable
	c.seams.shortTrailing = true
	return c
}
