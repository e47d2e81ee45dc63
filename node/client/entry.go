package client

import (
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Entry is one line of the ledger as it was hashed, decoded and with the
// signatures of its event verified.
type Entry struct {
	*ledger.Entry
	Bytes []byte
	Leaf  merkle.Hash
	// Event is nil for the genesis and for handovers.
	Event *ledger.Event
}

// Names tells whether the entry stands in the item's history.
func (e Entry) Names(item ledger.ItemID) bool {
	return e.Event != nil && slices.Contains(e.Event.Touches(), item)
}

// decodeEntry reads an entry and checks what can be checked of it alone.
func (c *Client) decodeEntry(n *node, raw *custodyv1.RawEntry) (Entry, error) {
	tampered := &Tampered{Node: n.address, Index: raw.GetIndex()}
	decoded, err := ledger.DecodeEntry(raw.GetEntry())
	if err != nil {
		tampered.What, tampered.Err = "an entry does not decode", err
		return Entry{}, tampered
	}
	entry := Entry{Entry: decoded, Bytes: raw.Entry, Leaf: merkle.LeafHash(raw.Entry)}
	if decoded.Index != raw.Index {
		tampered.What = fmt.Sprintf("entry %d was sent as entry %d", decoded.Index, raw.Index)
		return Entry{}, tampered
	}
	if decoded.Kind == ledger.KindGenesis {
		if ledger.GenesisID(decoded.Genesis) != c.id || decoded.Index != 0 {
			tampered.What = "an entry holds a genesis that is not this ledger's first"
			return Entry{}, tampered
		}
		return entry, nil
	}
	if decoded.Kind == ledger.KindHandover {
		return entry, nil
	}
	event, rejection := ledger.DecodeEvent(c.genesis.RulesVersion, decoded.Signed)
	if rejection != nil {
		tampered.What, tampered.Err = "an entry's event is not one of this ledger's rules version", rejection
		return Entry{}, tampered
	}
	if decoded.Kind != event.Kind() {
		tampered.What = fmt.Sprintf("an entry of kind %d holds an event of kind %d", decoded.Kind, event.Kind())
		return Entry{}, tampered
	}
	if event.Ledger != c.id {
		tampered.What = fmt.Sprintf("an entry's event is signed for ledger %s", event.Ledger)
		return Entry{}, tampered
	}
	if _, rejections := ledger.Verify(c.verifier, []*ledger.Event{event}); rejections[0] != nil {
		tampered.What, tampered.Err = "a signature in an entry does not hold", rejections[0]
		return Entry{}, tampered
	}
	entry.Event = event
	return entry, nil
}

// linked checks that an entry follows another one in an item's history: its
// back link is that one's index, so that nothing between them names the item.
func linked(n *node, item ledger.ItemID, previous, entry Entry) error {
	tampered := &Tampered{Node: n.address, Index: entry.Index}
	at, links := -1, []uint64(nil)
	if entry.Event != nil {
		at, links = slices.Index(entry.Event.Names(), item), entry.Event.ItemLinks(entry.Links)
	}
	switch {
	case at < 0 || at >= len(links):
		tampered.What = fmt.Sprintf("the entry does not move item %s", item)
	case links[at] != previous.Index:
		tampered.What = fmt.Sprintf("its link to the entry before on the item is %d, the entry before it in the answer is %d: something was left out or put in", links[at], previous.Index)
	default:
		return nil
	}
	return tampered
}
