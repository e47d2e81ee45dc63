package adversary

import (
	"math"
	"testing"

	"github.com/custodyledger/custodyledger/consensus/consensustest"
)

// A leader cannot stop its followers with an entry that says that they belong to another cluster.
func TestFalseOpening(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	open := append([]byte{1: 1, 39: 0}, make([]byte, 32)...) // another cluster, size 0, root 0
	for _, m := range honest {
		answer, err := r.impostor.Append(m.server, consensustest.Request{
			Term: r.term, PrevIndex: r.last, PrevTerm: r.prev, Commit: r.last + 1,
			Entries: []consensustest.Entry{{Term: r.term, Open: open}},
		})
		if err == nil && answer.Success {
			t.Errorf("%s takes the entry", m.id)
		}
	}
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)
}

// A member that names the last term there is does not end all elections.
func TestLastTerm(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	leader, _ := n.leader()
	l := n.corrupt(leader)
	honest := n.others(l.member)
	n.goesOn(trader)
	for _, m := range honest {
		l.impostor.Append(m.server, consensustest.Request{Term: math.MaxUint64})
		l.impostor.Append(m.server, consensustest.Request{Term: math.MaxUint64, PrevIndex: 1, PrevTerm: 1})
		l.impostor.RequestVote(m.server, math.MaxUint64, 0, 0)
	}
	n.goesOn(trader)
}
