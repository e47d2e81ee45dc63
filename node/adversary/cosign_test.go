package adversary

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Codes of a refused cosignature.
const (
	headDiffers = "HEAD_DIFFERS"
	notLeader   = "NOT_LEADER"
)

// trading is a network with two dealers and some trade that is final.
func trading(t testing.TB, quorum uint32) (*network, *trader) {
	t.Helper()
	n := serve(t, quorum)
	trader := newTrader(n)
	n.final(trader.sale().Index + 1)
	return n, trader
}

// alarmed waits until a node says in its status that it holds something against another one.
func (n *network) alarmed(m *member, subject string) {
	n.Helper()
	n.eventually(func() error {
		if alarms := n.status(m).Alarms; !slices.ContainsFunc(alarms, func(a string) bool { return strings.Contains(a, subject) }) {
			return fmt.Errorf("%s has no alarm about %s: %q", m.id, subject, alarms)
		}
		return nil
	})
}

// goesOn demands that the nodes that run still record and make final.
func (n *network) goesOn(trader *trader) *checkpoint.Note {
	n.Helper()
	return n.final(trader.sale().Index + 1)
}

// One false cosign request cannot stop honest nodes, be it from the leader: they refuse, keep both heads, and go on. The
// liar's own line under the true head of that size convicts it.
func TestFalseCosignRequest(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	leader, _ := n.leader()
	kept := n.signedBy(trader, leader)
	l := n.corrupt(leader)
	honest := n.others(l.member)
	before := n.goesOn(trader)
	lie := l.sign(n, n.head(kept.Size, merkle.Hash{1}))
	for _, m := range honest {
		if response := l.askCosign(m, lie); len(response.Lines) > 0 || response.Refusal != notLeader {
			t.Fatalf("%s answers somebody who does not lead with %+v", m.id, response)
		}
	}
	n.quiet(honest)
	r := l.seize(honest...)
	for _, m := range honest {
		if response := r.askCosign(m, lie); len(response.Lines) > 0 || response.Refusal != headDiffers {
			t.Fatalf("%s answers a false head with %+v", m.id, response)
		}
		n.evidenceOf(m, evidence.KindTwoHeads, l.member)
	}
	r.abdicate()
	n.runs(honest...)
	if after := n.goesOn(trader); after.Size <= before.Size {
		t.Fatalf("final went from %d to %d", before.Size, after.Size)
	}
	n.convictTwoHeads(kept, lie, l.member)
}
