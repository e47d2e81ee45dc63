package store

import (
	"sync"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// rowsMax is how many full rows of 256 tree hashes are kept, 8 KiB each.
const rowsMax = 1024

// treeCache keeps full rows of the tree, which never change: every proof reads
// those above level 0 again. Safe for concurrent use.
type treeCache struct {
	mu   sync.Mutex
	rows generations[rowID, []merkle.Hash] // under mu
}

type rowID struct {
	level uint8
	row   uint64
}

func newTreeCache() *treeCache {
	return &treeCache{rows: generations[rowID, []merkle.Hash]{max: rowsMax}}
}

// hashes reads through the cache what is exactly one full row.
func (c *treeCache) hashes(r reading, level uint8, from, to uint64) ([]merkle.Hash, error) {
	if from%hashesMax != 0 || to-from != hashesMax {
		return r.Hashes(level, from, to)
	}
	id := rowID{level, from / hashesMax}
	c.mu.Lock()
	row, ok := c.rows.get(id)
	c.mu.Unlock()
	if ok {
		return row, nil
	}
	row, err := r.Hashes(level, from, to)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.rows.put(id, row)
	c.mu.Unlock()
	return row, nil
}
