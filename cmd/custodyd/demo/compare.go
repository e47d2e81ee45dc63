package demo

import (
	"bytes"
	"context"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/client"
)

// compare reads all entries of all nodes up to a head. It fails unless every
// node has the same bytes, no event stands twice, and every acknowledged event
// stands where its receipt says.
func (p *play) compare(ctx context.Context, head client.TreeHead) error {
	var first [][]byte
	for _, node := range p.net.Nodes() {
		c, err := node.Client()
		if err != nil {
			return err
		}
		var entries [][]byte
		err = c.Entries(ctx, 0, head.Size, func(index uint64, entry []byte) error {
			if first != nil && !bytes.Equal(first[index], entry) {
				return fmt.Errorf("entry %d of node %s is another one than on node %s", index, node.Member.Node, p.net.Nodes()[0].Member.Node)
			}
			entries = append(entries, entry)
			return nil
		})
		if err != nil {
			return err
		}
		if uint64(len(entries)) != head.Size {
			return fmt.Errorf("node %s has %d entries, expected %d", node.Member.Node, len(entries), head.Size)
		}
		if first == nil {
			first = entries
		}
	}
	return p.findAcknowledged(first)
}

// findAcknowledged looks every receipt up in the entries and counts the
// transfers among them.
func (p *play) findAcknowledged(entries [][]byte) error {
	at := make(map[ledger.EventID]uint64, len(entries))
	for index, b := range entries[1:] {
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			return err
		}
		id := entry.Signed.ID()
		if other, twice := at[id]; twice {
			return fmt.Errorf("event %s stands in entry %d and again in entry %d", id, other, entry.Index)
		}
		at[id] = uint64(index) + 1
	}
	for id, receipt := range p.acknowledged {
		index, found := at[id]
		switch {
		case !found:
			return fmt.Errorf("event %s was acknowledged as entry %d and is not in the ledger", id, receipt.Index)
		case index != receipt.Index || merkle.LeafHash(entries[index]) != receipt.Leaf:
			return fmt.Errorf("event %s was acknowledged as entry %d and stands in entry %d", id, receipt.Index, index)
		}
	}
	return nil
}
