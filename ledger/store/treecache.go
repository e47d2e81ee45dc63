package store

import (
	"sync"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// rowsMax is how many rows of at most 256 tree hashes are kept, up to 16 KiB each.
const rowsMax = 1024

// treeCache keeps rows of the tree with the roots over them. What is written never
// changes, so that a row is right for every ledger that has it. Proofs read the rows
// of the upper levels, and those at the end of the last final checkpoint, again and
// again; those of level 0 as long as what they prove is new. Safe for concurrent use.
type treeCache struct {
	mu   sync.Mutex
	rows generations[rowID, *merkle.Row] // under mu
}

type rowID struct {
	level    uint8
	from, to uint64
}

func newTreeCache() *treeCache {
	return &treeCache{rows: generations[rowID, *merkle.Row]{max: rowsMax}}
}

// row reads through the cache.
func (c *treeCache) row(r reading, level uint8, from, to uint64) (*merkle.Row, error) {
	id := rowID{level, from, to}
	c.mu.Lock()
	row, ok := c.rows.get(id)
	c.mu.Unlock()
	if ok {
		return row, nil
	}
	hashes, err := r.Hashes(level, from, to)
	if err != nil {
		return nil, err
	}
	row = merkle.NewRow(hashes)
	c.mu.Lock()
	c.rows.put(id, row)
	c.mu.Unlock()
	return row, nil
}
