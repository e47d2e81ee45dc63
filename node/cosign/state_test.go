package cosign

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// stating are nodes that sign whatever is asked, but for those that are down or
// answer nothing.
type stating struct {
	Peers
	world *world
	down  []string
	mute  []string

	mu    sync.Mutex
	asked []string
}

func (p *stating) State(ctx context.Context, node string, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	p.mu.Lock()
	p.asked = append(p.asked, node)
	p.mu.Unlock()
	switch {
	case slices.Contains(p.down, node):
		return nil, errors.New("connection refused")
	case slices.Contains(p.mute, node):
		<-ctx.Done()
		return nil, ctx.Err()
	}
	payload := request.GetItem()
	key := p.world.node(node).keys.Statement[0]
	return &custodyv1.StateResponse{Payload: payload, Signature: key.Sign(sign.PAE(sign.StatementPayloadType, payload))}, nil
}

// TestStatementsAskNoMoreThanTheQuorum: a quorum's signatures come from as few nodes as
// can give them, also when some are down or do not answer.
func TestStatementsAskNoMoreThanTheQuorum(t *testing.T) {
	w := newWorld(t, 5, 3)
	defer w.close()
	ids := make([]string, len(w.nodes))
	for i, n := range w.nodes {
		ids[i] = n.id
	}
	for name, c := range map[string]struct {
		down, mute   []string
		want         int // signatures
		least, most  int // nodes asked
		learnsSlow   bool
		fromPosition int
	}{
		"all up":                {want: 3, least: 2, most: 2},
		"all up, last node":     {want: 3, least: 2, most: 2, fromPosition: 4},
		"the next is down":      {down: ids[1:2], want: 3, least: 3, most: 3},
		"the next says nothing": {mute: ids[1:2], want: 3, least: 3, most: 4, learnsSlow: true},
		"two of each kind":      {down: ids[1:3], mute: ids[3:], want: 1, least: 4, most: 4},
		"one left":              {down: ids[1:4], want: 2, least: 4, most: 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.nodes[c.fromPosition].cosigner
			peers := &stating{Peers: s.peers, world: w, down: c.down, mute: c.mute}
			defer func(before Peers) { s.peers = before; s.slow.Store(0) }(s.peers)
			s.peers = peers
			policy := w.genesis.Policy()
			payload := []byte("what is stated")
			request := &custodyv1.StateRequest{Of: &custodyv1.StateRequest_Item{Item: payload}}
			signatures := s.collect(t.Context(), policy, request, payload, sign.StatementPayloadType)
			if len(signatures) != c.want {
				t.Fatalf("%d signatures, want %d", len(signatures), c.want)
			}
			seen := map[string]bool{}
			for _, signature := range signatures {
				n, ok := policy.Node(signature.NodeId)
				if !ok || seen[n.ID] {
					t.Fatalf("a signature by %q, again or by nobody", signature.NodeId)
				}
				seen[n.ID] = true
				must(t, sign.Verify(n.Statement, sign.PAE(sign.StatementPayloadType, payload), signature.Signature))
			}
			peers.mu.Lock()
			asked := slices.Clone(peers.asked)
			peers.mu.Unlock()
			if len(asked) < c.least || len(asked) > c.most {
				t.Errorf("%v were asked, want %d to %d nodes", asked, c.least, c.most)
			}
			if !c.learnsSlow {
				return
			}
			peers.asked = nil
			if got := s.collect(t.Context(), policy, request, payload, sign.StatementPayloadType); len(got) != c.want {
				t.Fatalf("%d signatures at the second time", len(got))
			}
			if slices.Contains(peers.asked, c.mute[0]) {
				t.Errorf("%v were asked, and %s had just said nothing", peers.asked, c.mute[0])
			}
		})
	}
}
