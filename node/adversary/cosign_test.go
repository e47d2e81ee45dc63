package adversary

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Codes of a refused cosignature.
const headDiffers = "HEAD_DIFFERS"

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

// One false cosign request cannot stop honest nodes: they refuse, keep both heads, and go on.
func TestFalseCosignRequest(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	leader, _ := n.leader()
	l := n.corrupt(leader)
	honest := n.others(l.member)
	true_ := n.goesOn(trader)
	_, own := n.checkpoints(honest[0])
	lie := l.sign(n, n.head(own.Size, merkle.Hash{1}))
	for _, m := range honest {
		response := l.askCosign(m, lie)
		if len(response.Lines) > 0 || response.Refusal == "" {
			t.Fatalf("%s signed a head that it does not have: %+v", m.id, response)
		}
	}
	n.runs(honest...)
	after := n.goesOn(trader)
	if after.Size <= true_.Size {
		t.Fatalf("final went from %d to %d", true_.Size, after.Size)
	}
}

var (
	_ = errors.Is
	_ = ledger.NoLink
	_ custodyv1.CosignRequest
)
