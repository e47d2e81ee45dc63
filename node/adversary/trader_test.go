package adversary

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

// trader is trade that goes on: a stone that two dealers sell to each other.
type trader struct {
	*network
	a, b  trade.Dealer
	goods trade.Stone
}

func newTrader(n *network) *trader {
	n.Helper()
	t := &trader{network: n, a: n.dealer("asha"), b: n.dealer("bram")}
	t.goods = n.stone(t.a)
	return t
}

// sale records a sale of the stone, and gives the receipt of its last event.
func (t *trader) sale() ledger.Receipt {
	t.Helper()
	receipt := t.record(t.sell(&t.goods, t.a, t.b)...)
	t.a, t.b = t.b, t.a
	return receipt
}
