package store

import (
	"bytes"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// roles are what a party is to an item, as bits. An item stands in the index
// of each party once, under all that the party is to it: registering or selling
// whole changes one key a party instead of three, and every list is a merge of
// the four sets that hold its bit.
type roles uint8

// By says which list of a party's items is meant.
type By roles

// The lists of a party's items.
const (
	// ByHolder: live items in the party's custody, without those set in a piece, which
	// are where the piece is.
	ByHolder By = 1
	// ByOwner: live items of which it owns a share, without those set in a piece.
	ByOwner By = 2
	// ByRegistrant: all items that it registered or made, those that are no longer live too.
	ByRegistrant By = 4

	rolesAll = roles(ByHolder | ByOwner | ByRegistrant)
)

func rolesOf(party ledger.PartyID, item rules.Item) roles {
	apart := item.Status == rules.Live && !item.Set()
	return roles(bit(apart && item.Custody.Is(party), uint8(ByHolder)) |
		bit(apart && owns(party, item), uint8(ByOwner)) |
		bit(item.Registrant == party, uint8(ByRegistrant)))
}

func owns(party ledger.PartyID, item rules.Item) bool {
	return slices.ContainsFunc(item.Title, func(s rules.Share) bool { return s.Owner.Is(party) })
}

// partyItems merges the sets of roles that have the bit, by item id.
func (r reading) partyItems(by By, party ledger.PartyID, afterItem ledger.ItemID, limit int) ([]ledger.ItemID, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	var sets []*pebble.Iterator
	items, err := func() ([]ledger.ItemID, error) {
		for set := roles(1); set <= rolesAll; set++ {
			if set&roles(by) == 0 {
				continue
			}
			prefix := partyItemPrefix(party, set)
			iter, err := r.from.NewIter(&pebble.IterOptions{LowerBound: above(prefix, afterItem), UpperBound: after(prefix)})
			if err != nil {
				return nil, err
			}
			sets = append(sets, iter)
		}
		return merge(sets, limit)
	}()
	for _, iter := range sets {
		if closeErr := iter.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return nil, readError(err, "a party's items")
	}
	return items, nil
}

// above gives the first key of an item above the given one; the zero item is
// below all.
func above(prefix []byte, item ledger.ItemID) []byte {
	key := append(append(make([]byte, 0, len(prefix)+itemBytes+1), prefix...), item[:]...)
	if item == (ledger.ItemID{}) {
		return key
	}
	return append(key, 0)
}

// merge takes items from sorted sets, the least first. An item is in one set
// only.
func merge(sets []*pebble.Iterator, limit int) ([]ledger.ItemID, error) {
	for _, set := range sets {
		set.First()
	}
	var items []ledger.ItemID
	for len(items) < limit {
		var least *pebble.Iterator
		for _, set := range sets {
			if set.Valid() && (least == nil || bytes.Compare(itemOf(set), itemOf(least)) < 0) {
				least = set
			}
		}
		if least == nil {
			break
		}
		items = append(items, ledger.ItemID(itemOf(least)))
		least.Next()
	}
	for _, set := range sets {
		if err := set.Error(); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// itemOf gives the item id that ends a key of the index.
func itemOf(set *pebble.Iterator) []byte { return set.Key()[2+partyBytes:] }
