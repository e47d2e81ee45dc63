package adversary

import (
	"fmt"
	"testing"

	"github.com/custodyledger/custodyledger/consensus/consensustest"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A pointer from a higher term takes the place of a follower's log, and raft asks nobody. A follower refuses one that
// does not extend its last final checkpoint, and goes on.
func TestPointerThatDoesNotExtend(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	old := n.goesOn(trader)
	final := n.goesOn(trader)
	r, honest := n.usurp()
	size := n.status(honest[0]).Size
	base := ledger.Pointer{
		Cluster: n.cluster(), Index: r.last + 100, Term: r.term, Size: size + 5, Root: merkle.Hash{1},
		ConfigurationIndex: 1, Configuration: n.raftMembers(),
	}
	unsigned := r.sign(n, n.head(size+4, merkle.Hash{2}))
	for _, lie := range []struct {
		name string
		note *checkpoint.Note
		size uint64
	}{
		{"without a final checkpoint", nil, size + 5},
		{"with an older final checkpoint", old, size + 5},
		{"with a checkpoint that is not final", unsigned, size + 5},
		{"smaller than the final checkpoint", final, final.Size - 1},
		{"with another root for the final size", final, final.Size},
	} {
		t.Run(lie.name, func(t *testing.T) {
			p := base
			p.FinalNote, p.Size = encoded(lie.note), lie.size
			for _, m := range honest {
				if ok, err := r.impostor.SendPointer(m.server, r.term, p); ok {
					t.Errorf("%s takes the pointer: %v", m.id, err)
				}
				if s := n.status(m); s.State == custodyv1.NodeState_NODE_STATE_CATCHING_UP || s.Size != size {
					t.Errorf("%s has %d entries in state %v, target %d", m.id, s.Size, s.State, s.CatchUpTargetSize)
				}
			}
		})
	}
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)
}

// A pointer that names the true final checkpoint and a root beyond it that nobody has looks like any other. A node that
// takes it keeps what it has, and the other nodes go on; it does not serve a ledger that it could not verify.
func TestPointerToLedgerThatDoesNotExist(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	final := n.goesOn(trader)
	r, honest := n.usurp()
	victim := honest[0]
	size := n.status(victim).Size
	ok, err := r.impostor.SendPointer(victim.server, r.term, ledger.Pointer{
		Cluster: n.cluster(), Index: r.last + 100, Term: r.term, Size: size + 5, Root: merkle.Hash{1},
		ConfigurationIndex: 1, Configuration: n.raftMembers(),
		FinalNote: encoded(final),
	})
	t.Logf("the node answers %v, %v", ok, err)
	r.abdicate()
	n.runs(honest...)
	if got := n.status(victim); got.Size != size {
		t.Errorf("%s has %d entries, had %d", victim.id, got.Size, size)
	}
	if ok {
		n.eventually(func() error {
			if s := n.status(victim); s.State != custodyv1.NodeState_NODE_STATE_CATCHING_UP {
				return fmt.Errorf("state %v", s.State)
			}
			return nil
		})
	}
}

// A leader cannot stop a follower with a pointer to another ledger of the follower's own size.
func TestPointerToAnotherLedger(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	final := n.goesOn(trader)
	r, honest := n.usurp()
	victim := honest[0]
	size := n.status(victim).Size
	for ahead := range uint64(2) {
		ok, err := r.impostor.SendPointer(victim.server, r.term, ledger.Pointer{
			Cluster: n.cluster(), Index: r.last + 100, Term: r.term, Size: max(final.Size, size-ahead), Root: merkle.Hash{1},
			ConfigurationIndex: 1, Configuration: n.raftMembers(), FinalNote: final.Encode(),
		})
		if ok {
			t.Errorf("%s takes the pointer: %v", victim.id, err)
		}
	}
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)
}

func (n *network) raftMembers() []byte {
	return consensustest.Members(n.members[0].server, n.members[1].server, n.members[2].server)
}
