package localnet_test

import (
	"sync"
	"testing"

	"github.com/custodyledger/custodyledger/node/localnet"
)

// Nodes are killed in the middle of a load and started again. Whatever was
// acknowledged is there, once, on every node.
func TestKill(t *testing.T) {
	for _, tt := range []struct {
		name    string
		victims func(*network) []*localnet.Node
	}{
		{"the leader", func(n *network) []*localnet.Node { return []*localnet.Node{n.leader()} }},
		{"a follower", func(n *network) []*localnet.Node { return n.followers()[:1] }},
		{"all three at once", func(n *network) []*localnet.Node { return n.Nodes() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t, nil)
			load := n.trade(500)
			n.waitFor(load.events/3, load)
			victims := tt.victims(n)
			var killed sync.WaitGroup
			for _, node := range victims {
				killed.Go(node.Kill)
			}
			killed.Wait()
			if len(victims) == 1 {
				// The two others carry on before it is back.
				n.waitFor(n.count()+load.events/10, load)
			}
			for _, node := range victims {
				n.must(node.Start())
			}
			for _, node := range victims {
				n.must(node.WaitReady(n.ctx))
			}
			n.finish(load)
			n.verify()
		})
	}
}

// Every node is killed several times, in turn, while a load goes on.
func TestKillInTurn(t *testing.T) {
	n := start(t, nil)
	load := n.trade(800)
	for round := range 6 {
		n.waitFor((round+1)*load.events/8, load)
		node := n.Nodes()[round%len(n.Nodes())]
		node.Kill()
		n.must(node.Restart(n.ctx))
	}
	n.finish(load)
	n.verify()
}

func (n *network) leader() *localnet.Node {
	n.t.Helper()
	leader, err := n.Leader(n.ctx)
	n.must(err)
	return leader
}

func (n *network) followers() []*localnet.Node {
	n.t.Helper()
	leader := n.leader()
	var followers []*localnet.Node
	for _, node := range n.Nodes() {
		if node != leader {
			followers = append(followers, node)
		}
	}
	return followers
}
