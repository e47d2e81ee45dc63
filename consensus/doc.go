// Package consensus orders the commands of a permissioned ledger with raft.
//
// It proposes, applies and reads linearizably; keeps raft's log short with
// pointers in the place of snapshots; brings a node that is too far behind
// back by verified entries while it goes on voting; and carries raft between
// nodes over TLS with pinned keys. What a command means is the business of the
// [Machine] that the node gives it. DESIGN.md says why it is built this way.
//
// It is the only package that imports hashicorp/raft.
package consensus
