package audit

import (
	"errors"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// edge is a growing tree and the hashes of its incomplete tiles, one row a tile
// level: what the frontier can be rebuilt from after it was saved.
type edge struct {
	tree merkle.Frontier
	rows [8][]merkle.Hash
}

const edgeRow = 256

func (e *edge) append(leaf merkle.Hash) { e.tree.Append(leaf, e.emit) }

func (e *edge) emit(level uint8, index uint64, h merkle.Hash) {
	row := append(e.rows[level], h)
	if index%edgeRow == edgeRow-1 {
		row = row[:0]
	}
	e.rows[level] = row
}

// rowLen is the number of hashes in the incomplete tile of a level.
func rowLen(size uint64, level int) int { return int(size >> (8 * level) % edgeRow) }

// rebuild makes the tree of a size from the rows.
func (e *edge) rebuild(size uint64) error {
	tree, err := merkle.LoadFrontier(size, rowReader{e, size})
	if err != nil {
		return err
	}
	e.tree = *tree
	return nil
}

type rowReader struct {
	edge *edge
	size uint64
}

// Hashes gives the one row of a level that is kept, the incomplete one.
func (r rowReader) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	first := r.size >> (8 * uint(level)) / edgeRow * edgeRow
	row := r.edge.rows[level]
	if from < first || to-first > uint64(len(row)) {
		return nil, errors.New("audit: only the incomplete tiles are kept")
	}
	return row[from-first : to-first], nil
}
