package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/cosign"
	"github.com/custodyledger/custodyledger/node/peer"
	"github.com/custodyledger/custodyledger/node/replica"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// startCosigner makes what answers the other nodes before raft runs.
func (n *Node) startCosigner(identity *Identity, file []byte, folder server, options Options) error {
	var witnesses []cosign.Witness
	for _, w := range n.config.Witnesses {
		witness, err := cosign.ParseWitness(w.Name, w.VKey, w.URL)
		if err != nil {
			return fmt.Errorf("witness %s: %w", w.Name, err)
		}
		witnesses = append(witnesses, witness)
	}
	kept, err := openEvidence(filepath.Join(n.config.DataDir, evidenceFolder))
	if err != nil {
		return err
	}
	n.evidence = kept
	n.cosigner, err = cosign.New(cosign.Config{
		Node: n.server.Node, LedgerID: n.id, Genesis: n.genesis, GenesisFile: file,
		Keys: identity.keys(), Ledger: ownLedger{n}, Peers: n.calls, Snapshot: n.store.Snapshot,
		Rejoining: folder.Origin == originRejoined && !folder.Joined,
		Witnesses: witnesses, Keep: kept.keep, Stop: n.stopProcess,
		Clock: options.Clock, Logger: n.logger, Metrics: n.registry,
	})
	return err
}

// saveEvidence keeps what replica found: a final note that contradicts this
// ledger.
func (n *Node) saveEvidence(kind string, own, note []byte) {
	if head, err := checkpoint.Parse(own); err == nil && n.cosigner.Contradicted(head, note) {
		return
	}
	// Not signed by this node, so that it proves nothing to others; people see it.
	if err := n.evidence.keepPair(kind, own, note); err != nil {
		n.logger.Error("evidence could not be kept", "kind", kind, "error", err)
	}
}

// ownLedger is this node's ledger as cosigning sees it: the store from the start
// on, and raft once it runs.
type ownLedger struct{ node *Node }

var _ cosign.Ledger = ownLedger{}

// errNotUnderRaft: raft does not run yet.
var errNotUnderRaft = errors.New("node: raft does not run yet")

func (l ownLedger) Head() (uint64, merkle.Hash)    { return l.node.store.Head() }
func (l ownLedger) Policy() (ledger.Policy, error) { return l.node.store.Policy(), nil }
func (l ownLedger) replica() (*replica.Replica, error) {
	if r := l.node.Replica(); r != nil {
		return r, nil
	}
	return nil, errNotUnderRaft
}

func (l ownLedger) RootAt(size uint64) (merkle.Hash, error) {
	if head, root := l.node.store.Head(); head == size {
		return root, nil
	}
	snapshot := l.node.store.Snapshot()
	defer snapshot.Close()
	return merkle.RootAt(snapshot, size)
}

func (l ownLedger) Consistency(from, to uint64) ([]merkle.Hash, error) {
	snapshot := l.node.store.Snapshot()
	defer snapshot.Close()
	return merkle.ConsistencyProof(snapshot, from, to)
}

func (l ownLedger) Final() ([]byte, error) {
	final, ok := l.node.store.Final()
	if !ok {
		return nil, nil
	}
	return final.Note, nil
}

func (l ownLedger) SignedHead() (store.SignedHead, bool) { return l.node.store.SignedHead() }

func (l ownLedger) SignHead(size uint64, root merkle.Hash, now uint64) (at uint64, err error) {
	return l.node.store.SignHead(size, root, now)
}

func (l ownLedger) WaitSize(ctx context.Context, size uint64) error {
	r, err := l.replica()
	if err != nil {
		return err
	}
	return r.WaitSize(ctx, size)
}

func (l ownLedger) Live() error {
	r, err := l.replica()
	if err != nil {
		return err
	}
	return r.Live()
}

func (l ownLedger) Leader() string {
	if r := l.node.Replica(); r != nil {
		return r.Leader()
	}
	return ""
}

func (l ownLedger) Leading() bool {
	r := l.node.Replica()
	if r == nil {
		return false
	}
	_, leading := r.Leading()
	return leading
}

func (l ownLedger) ProposalTerms(node string, limit int) []uint64 {
	if r := l.node.Replica(); r != nil {
		return r.ProposalTerms(node, limit)
	}
	return nil
}

func (l ownLedger) ProposeFinal(ctx context.Context, note []byte) error {
	r, err := l.replica()
	if err != nil {
		return err
	}
	return r.ProposeFinal(ctx, note)
}

func (l ownLedger) Proposals(node string, term, from uint64) []*custodyv1.SignedProposal {
	r := l.node.Replica()
	if r == nil {
		return nil
	}
	var proposals []*custodyv1.SignedProposal
	for _, p := range r.Proposals(node, term, from, peer.ProposalsMax) {
		proposals = append(proposals, &custodyv1.SignedProposal{Payload: p.Payload, Signature: p.Signature})
	}
	return proposals
}

// forPeers is what this node does for the others. Before raft runs it answers
// what needs no raft.
type forPeers struct {
	*cosign.Cosigner
	ownLedger
}

var (
	_ peer.Backend = forPeers{}
	_ peer.Witness = forPeers{}
)

func (f forPeers) Propose(ctx context.Context, s ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	r := f.node.Replica()
	if r == nil {
		return ledger.Outcome{}, consensus.EntryID{}, &consensus.NotLeaderError{}
	}
	return r.Propose(ctx, s)
}

func (f forPeers) ReadIndex(ctx context.Context) (uint64, error) {
	r := f.node.Replica()
	if r == nil {
		return 0, &consensus.NotLeaderError{}
	}
	return r.ReadIndex(ctx)
}

func (f forPeers) Entries(from, to uint64, each func([]byte, []ledger.Opening) error) error {
	r := f.node.Replica()
	if r == nil {
		return consensus.ErrCatchingUp
	}
	return r.Entries(from, to, each)
}

func (f forPeers) Consistency(from, to uint64) ([]merkle.Hash, error) {
	r := f.node.Replica()
	if r == nil {
		return nil, consensus.ErrCatchingUp
	}
	return r.Consistency(from, to)
}

func (f forPeers) Rejoin(ctx context.Context, server consensus.ServerID) error {
	r := f.node.Replica()
	if r == nil {
		return consensus.ErrCatchingUp
	}
	return r.Rejoin(ctx, server)
}

// described is the replica with what cosigning adds to its status.
type described struct {
	*replica.Replica
	cosigner *cosign.Cosigner
}

// Status implements api.Backend.
func (d described) Status() *custodyv1.GetStatusResponse {
	response := d.Replica.Status()
	d.cosigner.Describe(response)
	return response
}

// recall asks the others, before raft starts, what this node has signed.
func (n *Node) recall(options Options) error {
	patience := options.RecallPatience
	if n.store.Position().IsZero() {
		patience = 0 // it has followed no cluster: there is nothing that it could have forgotten
	}
	err := n.cosigner.Recall(n.ctx, patience)
	if errors.Is(err, cosign.ErrRolledBack) {
		return fmt.Errorf("%w. Move the data folder away, keep it, and come back with `custodyd rejoin`", err)
	}
	return err
}
