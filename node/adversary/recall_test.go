package adversary

import (
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A member that claims that another node has signed more than it has cannot keep it from starting: the node believes
// its own signature only.
func TestFalseRecall(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	leader, followers := n.leader()
	l := n.corrupt(leader)
	victim := followers[0]
	n.goesOn(trader)
	n.stop(victim)
	lie := n.signAll(n.head(1_000_000, merkle.Hash{1}), l.member, victim)
	for i := range lie.Signatures[2:] {
		lie.Signatures[2+i].Bytes[20] ^= 1 // the liar does not have the victim's keys
	}
	l.answers(&custodyv1.HeadsResponse{Own: lie.Encode(), Final: lie.Encode(), Yours: lie.Encode()})
	n.start(victim)
	n.runs(n.others(leader)...)
	n.goesOn(trader)
}

// A member whose clock is far off, or that says so, does not keep the others from leading.
func TestFalseClock(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	leader, _ := n.leader()
	l := n.corrupt(leader)
	l.answers(&custodyv1.HeadsResponse{NowMs: n.clock.millis(time.Hour)})
	l.awaitAsked(4)
	n.runs(n.others(leader)...)
	n.goesOn(trader)
}
