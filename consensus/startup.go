package consensus

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/ledger"
)

// Keys of raft's stable store. The first two are raft's own.
var (
	keyRaftTerm     = []byte("CurrentTerm")
	keyRaftVoteTerm = []byte("LastVoteTerm")
	keyServer       = []byte("custody/server/v1")
	// keyBase holds the raft index of the last pointer for which the raft log
	// was emptied. An empty log tells nothing; with this, a ledger that has
	// lost the pointer is found out.
	keyBase = []byte("custody/base/v1")
)

// serverMark is written once, when a server first starts: a raft log without
// the mark of its own server id is one that has been lost.
//
//	version u8 = 1 | floor u64 | server id
//
// floor is the applied index that the ledger had then: a ledger that a node
// kept when it rejoined may be ahead of its new, empty log up to there.
type serverMark struct {
	floor  uint64
	server string
}

func (m serverMark) encode() []byte {
	return append(binary.BigEndian.AppendUint64([]byte{1}, m.floor), m.server...)
}

func decodeServerMark(b []byte) (serverMark, error) {
	if len(b) < 9 || b[0] != 1 {
		return serverMark{}, fmt.Errorf("%w: unreadable server mark in the raft log", ErrStateLost)
	}
	return serverMark{floor: binary.BigEndian.Uint64(b[1:9]), server: string(b[9:])}, nil
}

// isNotFound knows the answer of raft's stable stores to a missing key; raft
// itself compares the text too.
func isNotFound(err error) bool { return err != nil && err.Error() == "not found" }

// prepare brings what is on disk into the state that raft may start from, or
// refuses to. Nothing of raft runs yet.
func prepare(c Config, log *watchedLog, stable *watchedStable, pointers *pointerStore, trans raft.Transport) error {
	b, err := stable.Get(keyServer)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("consensus: read the server mark: %w", err)
	}
	var mark serverMark
	if len(b) != 0 {
		if mark, err = decodeServerMark(b); err != nil {
			return err
		}
	}
	if len(b) == 0 || c.Mode == ModeRejoin && mark.server != c.Server.String() {
		if mark, err = firstStart(c, log, stable, trans); err != nil {
			return err
		}
	}
	if mark.server != c.Server.String() {
		return fmt.Errorf("%w: the raft log belongs to server %s, this is %s", ErrStateLost, mark.server, c.Server)
	}
	current, ok := pointers.current()
	if ok {
		if err := dropStaleLog(log, current); err != nil {
			return err
		}
	}
	base, err := stable.GetUint64(keyBase)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("consensus: read the base of the raft log: %w", err)
	}
	if base > 0 && base == current.Index {
		log.follow(current.Position())
	}
	return checkState(c, log, stable, mark, current, base)
}

// firstStart founds or begins to rejoin. The mark is written last: until it
// is there, whatever a crash, or an incarnation before, left in the raft log
// is not used. A server id that has never run has never voted.
func firstStart(c Config, log *watchedLog, stable *watchedStable, trans raft.Transport) (serverMark, error) {
	mark := serverMark{server: c.Server.String()}
	at := c.Ledger.Position()
	if at.Cluster == c.Cluster {
		mark.floor = at.Index
	}
	switch {
	case c.Mode == ModeRun:
		return mark, fmt.Errorf("%w: there is no raft log of server %s", ErrStateLost, c.Server)
	case c.Mode == ModeFound && at.Cluster == c.Cluster:
		return mark, fmt.Errorf("%w: this ledger has followed the cluster to raft entry %d, its raft log is gone", ErrStateLost, at.Index)
	}
	if err := emptyLog(log); err != nil {
		return mark, err
	}
	for _, key := range [][]byte{keyRaftTerm, keyRaftVoteTerm, keyBase} {
		if err := stable.SetUint64(key, 0); err != nil {
			return mark, err
		}
	}
	if c.Mode == ModeFound {
		members, err := foundingMembers(c.Founders, c.Server)
		if err != nil {
			return mark, err
		}
		if err := raft.BootstrapCluster(c.raftConfig(), log, stable, raft.NewDiscardSnapshotStore(), trans, members); err != nil {
			return mark, fmt.Errorf("consensus: found the cluster: %w", err)
		}
	}
	return mark, stable.Set(keyServer, mark.encode())
}

// foundingMembers is the first raft configuration: the same bytes at every
// founder.
func foundingMembers(founders []ServerID, self ServerID) (raft.Configuration, error) {
	sorted := slices.SortedFunc(slices.Values(founders), func(a, b ServerID) int {
		return strings.Compare(a.String(), b.String())
	})
	var members raft.Configuration
	for _, s := range sorted {
		members.Servers = append(members.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(s.String()), Address: raft.ServerAddress(s.String()),
		})
	}
	if _, err := decodeMembers(raft.EncodeConfiguration(members)); err != nil {
		return raft.Configuration{}, err
	}
	if _, ok := memberOf(members, self); !ok {
		return raft.Configuration{}, fmt.Errorf("consensus: %s is not a founding server", self)
	}
	return members, nil
}

func emptyLog(log *watchedLog) error {
	first, err := log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := log.LastIndex()
	if err != nil || last == 0 {
		return err
	}
	return log.DeleteRange(first, last)
}

// dropStaleLog empties a raft log that does not reach the pointer, or holds
// another entry in its place. A crash between recording a target and
// truncating leaves one; its entries below the target may never have been
// committed.
func dropStaleLog(log *watchedLog, current ledger.Pointer) error {
	first, err := log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := log.LastIndex()
	if err != nil || last == 0 {
		return err
	}
	if first > current.Index && first <= current.Index+1 {
		return nil
	}
	if held, err := log.holds(current.Index, current.Term); held || err != nil {
		return err
	}
	if first > current.Index+1 {
		return nil // checkState refuses the gap
	}
	return log.DeleteRange(first, last)
}

// checkState refuses a state in which raft would apply twice, apply with a
// gap, or vote without what it once promised.
func checkState(c Config, log *watchedLog, stable *watchedStable, mark serverMark, current ledger.Pointer, base uint64) error {
	first, err := log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	term, err := stable.GetUint64(keyRaftTerm)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("consensus: read raft's term: %w", err)
	}
	at := c.Ledger.Position()
	if at.Cluster != c.Cluster {
		at = ledger.Position{}
	}
	var lastTerm uint64
	if last > 0 {
		var l raft.Log
		if err := log.GetLog(last, &l); err != nil {
			return err
		}
		lastTerm = l.Term
	}
	lost := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrStateLost}, args...)...)
	}
	target, _ := c.Ledger.Target()
	if target.Cluster != c.Cluster {
		target = ledger.Pointer{}
	}
	if own, ok := c.Ledger.Pointer(); ok && own.Cluster == c.Cluster {
		if size, _ := c.Ledger.Head(); size < own.Size {
			return lost("the ledger has %d entries, its own pointer names %d", size, own.Size)
		}
	}
	switch {
	case base > max(at.Index, current.Index):
		return lost("the raft log was emptied for a pointer to %d, the ledger's names %d", base, current.Index)
	case first > max(at.Index, target.Index)+1:
		return lost("the raft log begins at %d, the ledger ends at raft entry %d", first, max(at.Index, target.Index))
	case first > current.Index+1:
		return lost("the raft log begins at %d, the last pointer names %d", first, current.Index)
	case max(last, current.Index, mark.floor) < at.Index:
		return lost("the ledger has applied raft entry %d, the raft log ends at %d", at.Index, last)
	case mark.floor < at.Index && term < at.Term, term < lastTerm:
		return lost("the raft term on disk is %d, entries of term %d are stored", term, max(at.Term, lastTerm))
	}
	return nil
}
