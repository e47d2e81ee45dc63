package storetest

import (
	"reflect"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
)

// TestTradeReachesEverything: a made-up trade brings about every state that a store
// keeps, or what compares stores would look at nothing.
func TestTradeReachesEverything(t *testing.T) {
	trade := NewTrade(Pseudorandom(1))
	stood, refused := map[reflect.Type]int{}, map[ledger.Reason]int{}
	for range 3000 {
		s := trade.Next()
		outcomes, _ := trade.Twin.Apply(trade.Now, s)
		if r := outcomes[0].Rejection; r != nil {
			refused[r.Reason]++
			continue
		}
		stood[reflect.TypeOf(s[0].Body)]++
	}
	reached := map[string]int{}
	for id, item := range trade.Twin.Items {
		for what, is := range map[string]bool{
			"shares": len(item.Title) > 1, "terms": len(item.Terms) > 0, "set": item.Set(), "lost": item.Lost, "stolen": item.Stolen, "damaged": item.Damaged,
			"disputed": len(item.Disputes) > 0, "held": len(item.Holds) > 0, "contested": trade.Twin.Contested(id), "outside": item.Custody.Outside != nil,
		} {
			if is {
				reached[what]++
			}
		}
		reached["status "+string('0'+rune(item.Status))]++
		for _, o := range item.Offers {
			if o.Part.Micrograms > 0 {
				reached["offer of a part"]++
			}
		}
	}
	for _, m := range trade.Twin.Matters {
		if len(m.Bill) > 0 {
			reached["bill"]++
		}
		if len(m.Children) > 0 {
			reached["children"]++
		}
		if len(m.Treatments) > 0 {
			reached["treated"]++
		}
	}
	for _, p := range trade.Twin.Papers {
		if p.Spent.Micrograms > 0 {
			reached["paper drawn"]++
		}
	}
	for _, a := range trade.Twin.Attestations {
		if a.Withdrawn {
			reached["attestation withdrawn"]++
		}
	}
	for _, what := range []string{
		"shares", "terms", "set", "lost", "stolen", "damaged", "disputed", "held", "contested", "outside", "status 1", "status 2", "status 3", "status 4",
		"offer of a part", "bill", "children", "treated", "paper drawn", "attestation withdrawn",
	} {
		if reached[what] == 0 {
			t.Errorf("nothing is %s", what)
		}
	}
	t.Log(reached, stood, refused)
}
