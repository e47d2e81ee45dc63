package demo

import (
	"testing"

	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Every stone passes through three hands or more beside the shop's, and each
// leg starts where the goods, or the title, are.
func TestRoutes(t *testing.T) {
	modes := map[custodyv1.Mode]bool{}
	for position := range len(routes) * len(cast) {
		holder, owner := shop, shop
		hands := map[int]bool{shop: true}
		for i, leg := range routeOf(position) {
			if leg.From == leg.To {
				t.Errorf("stone %d, leg %d: from and to are the same dealer", position, i)
			}
			start := holder
			if leg.Mode == custodyv1.Mode_MODE_MEMO_TO_SALE {
				start = owner
			}
			if leg.From != start {
				t.Errorf("stone %d, leg %d starts at dealer %d, the goods are with %d", position, i, leg.From, start)
			}
			if leg.Answer != trade.Received {
				continue
			}
			modes[leg.Mode] = true
			hands[leg.To] = true
			switch leg.Mode {
			case custodyv1.Mode_MODE_SALE:
				holder, owner = leg.To, leg.To
			case custodyv1.Mode_MODE_MEMO:
				holder = leg.To
			case custodyv1.Mode_MODE_RETURN:
				if leg.To != owner {
					t.Errorf("stone %d, leg %d returns to dealer %d, owner is %d", position, i, leg.To, owner)
				}
				holder = leg.To
			case custodyv1.Mode_MODE_MEMO_TO_SALE:
				if leg.To != holder {
					t.Errorf("stone %d, leg %d sells to dealer %d, holder is %d", position, i, leg.To, holder)
				}
				owner = leg.To
			}
		}
		if len(hands) < 4 {
			t.Errorf("stone %d passes through %d dealers, want the shop and three more", position, len(hands))
		}
	}
	if len(modes) != 4 {
		t.Errorf("%d modes are used, want all 4", len(modes))
	}
	for i := range routes {
		if len(routes[i]) > len(routes[longest]) {
			t.Errorf("route %d is longer than the one whose history is shown", i)
		}
	}
}
