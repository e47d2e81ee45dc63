package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
)

// catchUp brings the store to a target with entries that peers give and that
// are verified as an auditor would. It implements consensus.CatchUp.
//
// A peer is never believed. Before any block is stored, a consistency proof
// shows that the tree with it is a prefix of the target's: entries that are
// valid and in another order than the cluster's never reach the store.
type catchUp struct {
	store   *store.Store
	genesis *ledger.Genesis
	peers   Peers
	others  []string // node ids
	metrics *Metrics
	logger  *slog.Logger
	grew    func() // called when the ledger's size has grown
	// diverged keeps the evidence and makes the error that ends the process.
	diverged func(*store.DivergedError) error

	first int // index in others of the peer to ask first; of the one goroutine that catches up
}

func newCatchUp(c Config, genesis *ledger.Genesis, grew func(), diverged func(*store.DivergedError) error) *catchUp {
	u := &catchUp{store: c.Store, genesis: genesis, peers: c.Peers, metrics: c.Metrics, logger: c.Logger, grew: grew, diverged: diverged}
	for _, n := range genesis.Nodes {
		if n.ID != c.Server.Node {
			u.others = append(u.others, n.ID)
		}
	}
	return u
}

// notJoinedError says that what a peer gave cannot be joined to this ledger.
type notJoinedError struct {
	node string
	err  error
}

func (e *notJoinedError) Error() string { return fmt.Sprintf("what node %s gave: %v", e.node, e.err) }
func (e *notJoinedError) Unwrap() error { return e.err }

// CatchUp implements consensus.CatchUp. It asks one peer after the other. Only
// when a majority of the cluster answered and nothing that any of them gave
// can be joined is the ledger taken to be another one: a single peer that lies
// must not stop this node. Nor must a leader that lies: a ledger that the
// target's own final checkpoint continues is the cluster's.
func (u *catchUp) CatchUp(ctx context.Context, target ledger.Pointer) error {
	var errs []error
	notJoined := 0
	for range u.others {
		node := u.others[u.first%len(u.others)]
		before, _ := u.store.Head()
		err := u.from(ctx, node, target)
		if err == nil {
			err = u.checkFinal(target)
		}
		if err == nil || ctx.Err() != nil {
			u.metrics.catchUps.WithLabelValues(catchUpLabel(err)).Inc()
			return errors.Join(err, ctx.Err())
		}
		u.logger.Warn("catch-up from one peer ended", "peer", node, "error", err)
		errs = append(errs, err)
		var evidence *notJoinedError
		if errors.As(err, &evidence) {
			notJoined++
		}
		if after, _ := u.store.Head(); after > before {
			notJoined = 0
		}
		u.first++
	}
	if notJoined > 0 && notJoined >= len(u.genesis.Nodes)/2+1 && !u.extendedByFinal(ctx, target) {
		size, root := u.store.Head()
		u.metrics.catchUps.WithLabelValues("diverged").Inc()
		return fmt.Errorf("%w: this ledger has %d entries and root %v, the cluster has %d and %v at raft entry %d: %w",
			consensus.ErrDiverged, size, root, target.Size, target.Root, target.Index, errors.Join(errs...))
	}
	u.metrics.catchUps.WithLabelValues("failed").Inc()
	if len(errs) == 0 {
		return errors.New("replica: there is no other node to catch up from")
	}
	return errors.Join(errs...)
}

// extendedByFinal asks whether the final checkpoint that came with a target
// continues this ledger, as a peer can prove. Then it is the target that is
// another ledger, by the word of the one leader that sent it, and not this one.
func (u *catchUp) extendedByFinal(ctx context.Context, target ledger.Pointer) bool {
	note, err := checkpoint.ParseNote(target.FinalNote)
	if err != nil {
		return false
	}
	if _, err := u.store.Governance().For(note.Size).Checkpoint().Verify(note); err != nil {
		return false
	}
	size, root := u.store.Head()
	if note.Size < size {
		return false
	}
	for _, node := range u.others {
		proof, err := u.peers.Consistency(ctx, node, size, note.Size)
		if err == nil && merkle.VerifyConsistency(size, note.Size, root, note.Root, proof) == nil {
			u.logger.Error("a leader sent a pointer to another ledger than the one that is final", "raft_index", target.Index,
				"size", target.Size, "root", target.Root.String(), "final", note.Checkpoint.String())
			return true
		}
	}
	return false
}

// checkFinal holds what a target says is final against the ledger that it led
// to, before its position is taken over. A note that is not final under the
// policy that is in force by then proves nothing, and is not taken over.
func (u *catchUp) checkFinal(target ledger.Pointer) error {
	outcome, err := u.store.CheckFinal(target.FinalNote)
	var diverged *store.DivergedError
	switch {
	case errors.As(err, &diverged):
		return u.diverged(diverged)
	case err != nil:
		return err
	case outcome.Contradicted != nil:
		return u.diverged(outcome.Contradicted)
	case outcome.Refused != nil && len(target.FinalNote) > 0:
		u.logger.Warn("the final checkpoint of the catch-up's target was not taken over", "reason", outcome.Refused)
	}
	return nil
}

func catchUpLabel(err error) string {
	if err == nil {
		return "done"
	}
	return "ended"
}

// from fetches everything that is missing from one peer.
func (u *catchUp) from(ctx context.Context, node string, target ledger.Pointer) error {
	replayer, err := u.replayer()
	if err != nil {
		return err
	}
	f := fetching{catchUp: u, node: node, target: target, replayer: replayer}
	start := replayer.TreeHead()
	switch {
	case start.Size == target.Size && start.Root == target.Root:
		return nil
	case start.Size >= target.Size:
		return fmt.Errorf("%w: this ledger has %d entries and root %v, the cluster has %d and %v at raft entry %d",
			consensus.ErrDiverged, start.Size, start.Root, target.Size, target.Root, target.Index)
	}
	if err := f.prove(ctx); err != nil {
		return err
	}
	if err := f.stream(ctx, start.Size); err != nil {
		return err
	}
	return f.finish()
}

// replayer continues at the end of this node's own ledger.
func (u *catchUp) replayer() (*audit.Replayer, error) {
	snapshot := u.store.Snapshot()
	defer snapshot.Close()
	frontier, err := merkle.LoadFrontier(snapshot.Size(), snapshot)
	if err != nil {
		return nil, err
	}
	return audit.NewReplayer(u.genesis, u.store.LedgerID(), snapshot.Head(), frontier), nil
}

// fetching is one stretch of catch-up from one peer.
type fetching struct {
	*catchUp
	node     string
	target   ledger.Pointer
	replayer *audit.Replayer
}

// stream fetches and verifies one run of entries while the one before it is judged and
// stored.
func (f *fetching) stream(ctx context.Context, from uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	verified := make(chan *audit.Verified)
	var fetched error
	var fetcher sync.WaitGroup
	fetcher.Go(func() {
		defer close(verified)
		fetched = f.peers.Entries(ctx, f.node, from, f.target.Size, func(entries []audit.Raw) error {
			select {
			case verified <- f.replayer.Verify(entries):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	var taken error
	for run := range verified {
		if taken = f.take(ctx, run); taken != nil {
			cancel()
			break
		}
	}
	fetcher.Wait()
	if taken != nil {
		return taken
	}
	return fetched
}

// take stores those entries of a run that are confirmed.
func (f *fetching) take(ctx context.Context, verified *audit.Verified) error {
	block, err := f.judge(func(view rules.View) (rules.Block, error) { return f.replayer.Replay(view, verified) })
	if err != nil || len(block.Entries) == 0 {
		return err
	}
	if err := f.prove(ctx); err != nil {
		return err
	}
	return f.append(block)
}

// finish stores the rest, of which the target's root is the proof.
func (f *fetching) finish() error {
	end := audit.TreeHead{Size: f.target.Size, Root: f.target.Root}
	block, err := f.judge(func(view rules.View) (rules.Block, error) { return f.replayer.Finish(view, end) })
	if err != nil {
		return err
	}
	return f.append(block)
}

// judge replays on the state that the store has now, which is that of the
// replayer's head.
func (f *fetching) judge(replay func(rules.View) (rules.Block, error)) (block rules.Block, err error) {
	var refused error
	err = f.store.View(func(view rules.View) { block, refused = replay(view) })
	if err == nil && refused != nil {
		err = &notJoinedError{node: f.node, err: refused}
	}
	if err != nil {
		return rules.Block{}, err
	}
	return block, nil
}

// prove demands that what the replayer has reached is a prefix of the target.
func (f *fetching) prove(ctx context.Context) error {
	reached := f.replayer.TreeHead()
	if reached.Size == f.target.Size {
		if reached.Root == f.target.Root {
			return nil
		}
		return &notJoinedError{node: f.node, err: fmt.Errorf("%d entries have root %v, the target %v", reached.Size, reached.Root, f.target.Root)}
	}
	proof, err := f.peers.Consistency(ctx, f.node, reached.Size, f.target.Size)
	if err != nil {
		return err
	}
	if err := merkle.VerifyConsistency(reached.Size, f.target.Size, reached.Root, f.target.Root, proof); err != nil {
		return &notJoinedError{node: f.node, err: fmt.Errorf("no proof that %d entries with root %v are the beginning of the %d with root %v: %w",
			reached.Size, reached.Root, f.target.Size, f.target.Root, err)}
	}
	return nil
}

func (f *fetching) append(block rules.Block) error {
	if len(block.Entries) == 0 {
		return nil
	}
	if err := f.store.Append(block); err != nil {
		return err
	}
	f.metrics.caughtUp.Add(float64(len(block.Entries)))
	f.grew()
	return nil
}
