package demo

import (
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// part is a dealer of the story. Every name is made up.
type part struct {
	name    string // also the legal name that the admission commits to
	country string
	role    custodyv1.Role
	sponsor int // position of the association that admits it
}

// shop is the dealer whose spreadsheet becomes stock; the others trade with it.
const shop = 0

var cast = []part{
	{"corner-shop.example.org", "BE", custodyv1.Role_ROLE_RETAILER, 0},
	{"north-gems.example.org", "BE", custodyv1.Role_ROLE_DEALER, 0},
	{"harbour-stones.example.org", "IN", custodyv1.Role_ROLE_CUTTER, 1},
	{"blue-door-trading.example.org", "US", custodyv1.Role_ROLE_DEALER, 2},
	{"ring-makers.example.org", "US", custodyv1.Role_ROLE_MANUFACTURER, 2},
}

// routes are the ways stones take from the shop, at least four hands each. The
// numbers beside the shop's stand for the other dealers, in an order that
// changes from stone to stone.
var routes = [][]trade.Leg{
	{trade.Sale(shop, 1), trade.Sale(1, 2), trade.Sale(2, 3)},
	{trade.Memo(shop, 1), trade.Return(1, shop), trade.Sale(shop, 2), trade.Sale(2, 3)},
	{trade.Memo(shop, 1), trade.MemoSale(shop, 1), trade.Sale(1, 2), trade.Memo(2, 3), trade.Return(3, 2)},
	{trade.Sale(shop, 1).But(trade.Declined), trade.Sale(shop, 2), trade.Memo(2, 3), trade.MemoSale(2, 3), trade.Sale(3, 4)},
	{trade.Sale(shop, 1), trade.Sale(1, 2).But(trade.Withdrawn), trade.Memo(1, 3), trade.Return(3, 1), trade.Sale(1, 4), trade.Sale(4, 2)},
}

// longest is the route with the most legs, the one whose history is shown.
const longest = 4

// routeOf gives the way of the stone at a position in the spreadsheet.
func routeOf(position int) []trade.Leg {
	turn := position / len(routes)
	dealer := func(number int) int {
		if number == shop {
			return shop
		}
		return 1 + (number-1+turn)%(len(cast)-1)
	}
	route := routes[position%len(routes)]
	legs := make([]trade.Leg, len(route))
	for i, leg := range route {
		leg.From, leg.To = dealer(leg.From), dealer(leg.To)
		legs[i] = leg
	}
	return legs
}
