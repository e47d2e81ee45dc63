package consensus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// termStepMax is how far above this node's own term that of a peer may be. Terms
// grow by elections, some a second at the worst; a peer that names the greatest
// number there is would end them for good.
const termStepMax = 1 << 32

// gate stands between the transport and raft and refuses requests that raft
// would take on trust, or panic on. A refusal is an answer to the peer; the
// connection and this node go on.
type gate struct {
	inner   raft.Transport
	cluster [32]byte
	check   func(term uint64, command []byte) error
	opens   func(openCommand) error // nil: any
	durable func() uint64           // raft index up to which this node's log is on its disk
	logger  *slog.Logger
	self    atomic.Pointer[selfFunc] // nil before raft has started

	beside    sync.RWMutex // held for reading while raft answers a heartbeat beside its main loop
	mainAlone bool         // under beside: it answers none there any more

	out  chan raft.RPC
	stop chan struct{}
	once sync.Once
	done chan struct{}
}

// selfFunc gives raft's own term, and whether it is a follower in it.
type selfFunc func() (term uint64, follower bool)

func newGate(inner raft.Transport, cluster [32]byte, check func(uint64, []byte) error, opens func(openCommand) error, durable func() uint64, logger *slog.Logger) *gate {
	g := &gate{
		inner: inner, cluster: cluster, check: check, opens: opens, durable: durable, logger: logger,
		out: make(chan raft.RPC), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go g.run()
	return g
}

func (g *gate) run() {
	defer close(g.done)
	for {
		select {
		case rpc := <-g.inner.Consumer():
			before, err := g.admit(rpc.Command)
			if err == nil {
				if !g.pass(rpc) {
					return
				}
				continue
			}
			g.logger.Error("refused a raft request", "error", err)
			if before != nil && !g.pass(raft.RPC{Command: before, RespChan: make(chan raft.RPCResponse, 1)}) {
				return
			}
			rpc.Respond(emptyResponse(rpc.Command), err)
		case <-g.stop:
			return
		}
	}
}

func (g *gate) pass(rpc raft.RPC) bool {
	select {
	case g.out <- rpc:
		return true
	case <-g.stop:
		return false
	}
}

// tell gives raft a request of this node's own; nobody hears the answer.
func (g *gate) tell(ctx context.Context, request *raft.AppendEntriesRequest) {
	select {
	case g.out <- raft.RPC{Command: request, RespChan: make(chan raft.RPCResponse, 1)}:
	case <-g.stop:
	case <-ctx.Done():
	}
}

// admit refuses a request with an error. Of a refused append request before is
// the part without the refused entry and those after it: raft gets it all the
// same, with what it says to be committed, and nobody its answer. What an entry
// is held against, such as whose keys hold, may be in the entries before it;
// refused with them, it would be refused for ever.
func (g *gate) admit(request any) (before *raft.AppendEntriesRequest, err error) {
	if err := g.admitTerm(termOf(request)); err != nil {
		return nil, err
	}
	switch r := request.(type) {
	case *raft.AppendEntriesRequest:
		for i, l := range r.Entries {
			if err := g.admitEntry(l, r.PrevLogEntry+uint64(i)+1, r.Term); err != nil {
				part := *r
				part.Entries = r.Entries[:i:i]
				return &part, err
			}
		}
	case *raft.InstallSnapshotRequest:
		if r.Size < 0 || r.Size > pointerBytesMax {
			return nil, fmt.Errorf("consensus: a pointer of %d bytes", r.Size)
		}
		_, err := decodeMembers(r.Configuration)
		return nil, err
	}
	return nil, nil
}

// admitTerm looks at the term of a request or an answer: raft takes over any that
// is above its own.
func (g *gate) admitTerm(term uint64) error {
	self := g.self.Load()
	if self == nil {
		return nil
	}
	if own, _ := (*self)(); term > own && term-own > termStepMax {
		return fmt.Errorf("consensus: a peer names term %d, this node is in term %d", term, own)
	}
	return nil
}

// follows reports whether raft is a follower in this term.
func (g *gate) follows(term uint64) bool {
	self := g.self.Load()
	if self == nil {
		return false
	}
	own, follower := (*self)()
	return follower && own == term
}

// termOf is 0 for a message without a term that raft takes over.
func termOf(message any) uint64 {
	switch m := message.(type) {
	case *raft.AppendEntriesRequest:
		return m.Term
	case *raft.InstallSnapshotRequest:
		return m.Term
	case *raft.RequestVoteRequest:
		return m.Term
	case *raft.RequestPreVoteRequest:
		return m.Term
	case *raft.RequestVoteResponse:
		return m.Term
	case *raft.RequestPreVoteResponse:
		return m.Term
	}
	return 0
}

func (g *gate) admitEntry(l *raft.Log, index, termMax uint64) error {
	if l == nil || l.Index != index || l.Term == 0 || l.Term > termMax {
		return fmt.Errorf("consensus: a raft entry that cannot stand at %d", index)
	}
	switch l.Type {
	case raft.LogCommand:
		c, err := decodeCommand(l.Data)
		if err == nil && c.kind == kindOpen && c.open.cluster != g.cluster {
			err = fmt.Errorf("it opens cluster %x, this node belongs to %x", c.open.cluster, g.cluster)
		}
		if err == nil && c.kind == kindOpen && g.opens != nil {
			err = g.opens(c.open)
		}
		if err == nil && c.kind == kindBatch && g.check != nil {
			err = g.check(l.Term, c.batch)
		}
		if err != nil {
			return fmt.Errorf("consensus: raft entry %d: %w", index, err)
		}
	case raft.LogConfiguration:
		if _, err := decodeMembers(l.Data); err != nil {
			return fmt.Errorf("consensus: raft entry %d: %w", index, err)
		}
	case raft.LogNoop, raft.LogBarrier:
	default:
		return fmt.Errorf("consensus: raft entry %d of type %d", index, l.Type)
	}
	return nil
}

// emptyResponse is the answer beside an error: in-memory transports copy it
// without a look at the error.
func emptyResponse(request any) any {
	switch request.(type) {
	case *raft.AppendEntriesRequest:
		return &raft.AppendEntriesResponse{}
	case *raft.InstallSnapshotRequest:
		return &raft.InstallSnapshotResponse{}
	case *raft.RequestVoteRequest:
		return &raft.RequestVoteResponse{}
	case *raft.RequestPreVoteRequest:
		return &raft.RequestPreVoteResponse{}
	}
	return nil
}

// close ends the gate and the transport behind it; the node is silent from
// then on.
func (g *gate) close() error {
	var err error
	g.once.Do(func() {
		close(g.stop)
		if t, ok := g.inner.(raft.WithClose); ok {
			err = t.Close()
		}
		if t, ok := g.inner.(interface{ CloseStreams() }); ok {
			t.CloseStreams()
		}
	})
	return err
}

// Close implements raft.WithClose.
func (g *gate) Close() error { return g.close() }

func (g *gate) Consumer() <-chan raft.RPC     { return g.out }
func (g *gate) LocalAddr() raft.ServerAddress { return g.inner.LocalAddr() }

// SetHeartbeatHandler implements raft.Transport. A heartbeat comes through
// Consumer only if it would change raft's state or term. raft is to change them
// in its main loop alone, and answers heartbeats beside it (v1.7.3): a leader
// that is deposed that way between two steps of dispatchLogs stores its own
// command as an entry of its successor's term, and takes it for the successor's
// entry of the same index.
func (g *gate) SetHeartbeatHandler(h func(raft.RPC)) {
	g.inner.SetHeartbeatHandler(func(rpc raft.RPC) {
		if err := g.admitTerm(termOf(rpc.Command)); err != nil {
			g.logger.Error("refused a heartbeat", "error", err)
			rpc.Respond(emptyResponse(rpc.Command), err)
			return
		}
		if !g.answerBeside(h, rpc) {
			g.pass(rpc)
		}
	})
}

func (g *gate) answerBeside(h func(raft.RPC), rpc raft.RPC) bool {
	g.beside.RLock()
	defer g.beside.RUnlock()
	if g.mainAlone || !g.follows(termOf(rpc.Command)) {
		return false
	}
	h(rpc)
	return true
}

// endBeside waits for the heartbeats that raft answers beside its main loop and
// has it answer no more of them there. It comes before raft's shutdown: raft
// waits for none of them, takes a node that shuts down for one that must become
// a follower, and then writes to a log that may be closed.
func (g *gate) endBeside() {
	g.beside.Lock()
	g.mainAlone = true
	g.beside.Unlock()
}

func (g *gate) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := g.inner.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	return newPipeline(clamped{inner, g}), nil
}

// clamped is a pipeline whose requests name only commits that stand on this
// leader's disk.
type clamped struct {
	raft.AppendPipeline
	gate *gate
}

func (c clamped) AppendEntries(q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	return c.AppendPipeline.AppendEntries(c.gate.clamp(q), a)
}

// clamp lowers the commit index of a request to what is on this leader's disk:
// raft counts the leader for entries whose write has not returned.
func (g *gate) clamp(q *raft.AppendEntriesRequest) *raft.AppendEntriesRequest {
	durable := g.durable()
	if q.LeaderCommitIndex <= durable {
		return q
	}
	lowered := *q
	lowered.LeaderCommitIndex = durable
	return &lowered
}

func (g *gate) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	return g.inner.AppendEntries(id, to, g.clamp(q), a)
}

func (g *gate) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	return g.answered(a, g.inner.RequestVote(id, to, q, a))
}

// answered refuses an answer with a term that cannot be.
func (g *gate) answered(answer any, err error) error {
	if err != nil {
		return err
	}
	return g.admitTerm(termOf(answer))
}

// RequestPreVote implements raft.WithPreVote.
func (g *gate) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	return g.answered(a, g.inner.(raft.WithPreVote).RequestPreVote(id, to, q, a))
}

func (g *gate) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, data io.Reader) error {
	return g.inner.InstallSnapshot(id, to, q, a, data)
}

func (g *gate) TimeoutNow(id raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	return g.inner.TimeoutNow(id, to, q, a)
}

func (g *gate) EncodePeer(id raft.ServerID, a raft.ServerAddress) []byte {
	return g.inner.EncodePeer(id, a)
}
func (g *gate) DecodePeer(b []byte) raft.ServerAddress { return g.inner.DecodePeer(b) }
