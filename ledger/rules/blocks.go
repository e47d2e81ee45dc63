package rules

import "github.com/custodyledger/custodyledger/ledger"

// action is what somebody wants to do with an item, as bits.
type action uint8

const (
	moveCustody action = 1 << iota // to somebody else: offer and accept, release
	moveTitle                      // offer and accept, release, shares
	giveBack                       // return, reclaim
	comeBack                       // re-enter
	change                         // change of matter, reweigh, correct, part of a parcel
	cross                          // a border
	befall                         // an incident
	destroy                        // the last one
)

// blocks says what stands in the way of what. Decline and withdraw are always
// open, and so is what is said about an item without moving it.
var blocks = []struct {
	holds   func(Item) bool
	stops   action
	reason  ledger.Reason
	message string
}{
	{Item.Set, moveCustody | moveTitle | giveBack | comeBack | change | cross | befall | destroy, ledger.SetInPiece, "item %s is set in a piece and moves with it; take it out by a rework or take the piece apart"},
	{func(i Item) bool { return i.Stolen }, moveCustody | moveTitle | giveBack | comeBack | change | cross, ledger.ItemStolen, "item %s is reported stolen; report it recovered first"},
	{func(i Item) bool { return i.Lost }, moveCustody | moveTitle | giveBack | comeBack | change | cross, ledger.ItemLost, "item %s is reported lost; report it recovered first"},
	{func(i Item) bool { return len(i.Holds) > 0 }, moveCustody | moveTitle | giveBack | change | cross | destroy, ledger.ItemHeld, "item %s is held by an authority; it moves again when the associations release the hold"},
	{func(i Item) bool { return len(i.Disputes) > 0 }, moveTitle | change | destroy, ledger.ItemDisputed, "item %s is disputed; title and matter stay as they are until the dispute is ruled on"},
}

// free refuses what an item's state does not permit.
func free(item Item, wanted action) *ledger.Rejection {
	for _, b := range blocks {
		if b.stops&wanted != 0 && b.holds(item) {
			return ledger.RejectField(b.reason, "item", b.message, item.ID)
		}
	}
	return nil
}
