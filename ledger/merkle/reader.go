package merkle

import (
	"errors"
	"fmt"
	"math/bits"
)

// Reader gives access to stored tree hashes by tile level; see the package comment. The log must hold at least as
// many leaves as the size that the caller of this package passes beside the reader.
type Reader interface {
	// Hashes returns the stored hashes of a level from index from up to, not including, index to. This package asks
	// for 1 to 256 of them, never across a multiple of 256, never twice for the same in one operation, and does not
	// write to the slice. The slice must stay as it is until the operation returns. An error ends the operation and
	// is returned wrapped.
	Hashes(level uint8, from, to uint64) ([]Hash, error)
}

// RowReader is a [Reader] that keeps rows with what was computed over them, so that a proof computes nothing where
// the rows that it touches were asked for before.
type RowReader interface {
	Reader
	// Row is Hashes with the roots over them. What holds of Hashes holds of it.
	Row(level uint8, from, to uint64) (*Row, error)
}

// Row is stored hashes of one level that lie together from a multiple of 256 on, at most 256, with the roots of all
// full subtrees over them, up to half a full row. It is never changed and takes 64 bytes a hash.
type Row struct {
	roots [tileLevels][]Hash // by level above the stored one
}

// NewRow computes the roots over hashes, which the row keeps a copy of.
func NewRow(hashes []Hash) *Row {
	r := &Row{}
	nodes := append(make([]Hash, 0, 2*len(hashes)), hashes...)
	for b, from := 0, 0; b < tileLevels; b++ {
		r.roots[b] = nodes[from:len(nodes):len(nodes)]
		from = len(nodes)
		for i := 1; i < len(r.roots[b]); i += 2 {
			nodes = append(nodes, NodeHash(r.roots[b][i-1], r.roots[b][i]))
		}
	}
	return r
}

// Hashes returns the stored hashes. They are shared and must not be changed.
func (r *Row) Hashes() []Hash { return r.roots[0] }

// ErrReader is returned when a [Reader] answers with another number of hashes than it was asked for: the store is
// damaged, or smaller than its caller said.
var ErrReader = errors.New("merkle: stored tree hashes are incomplete")

// rowCache reads the rows that one operation on a tree of a given size touches, each of them once. A row is the part
// of a tile that a tree of this size has. An operation touches at most two rows of a level: one on the path of its
// node, one on the right edge.
type rowCache struct {
	reader Reader
	size   uint64
	rows   []row
}

type row struct {
	level uint8
	from  uint64
	*Row
}

// subtree returns the root of the full subtree of 2^b leaves that is the index-th of its size. The subtree must lie
// within the tree.
func (c *rowCache) subtree(b uint, index uint64) (Hash, error) {
	level, within := uint8(b/tileLevels), b%tileLevels
	from := index << within
	row, err := c.row(level, from)
	if err != nil {
		return Hash{}, err
	}
	return row.roots[within][from%tileWidth>>within], nil
}

// rightEdge returns the root of the leaves from begin to the end of the tree. There is at least one, and begin is a
// multiple of a power of two that is not below their number.
func (c *rowCache) rightEdge(begin uint64) (Hash, error) {
	var root Hash
	count, end := c.size-begin, c.size
	for b := range uint(bits.Len64(count)) {
		if count>>b&1 == 0 {
			continue
		}
		left, err := c.subtree(b, (end-1)>>b)
		if err != nil {
			return Hash{}, err
		}
		if end == c.size {
			root = left
		} else {
			root = NodeHash(left, root)
		}
		end -= 1 << b
	}
	return root, nil
}

// row returns the row of a level that holds index at.
func (c *rowCache) row(level uint8, at uint64) (*Row, error) {
	from := at &^ (tileWidth - 1)
	for _, r := range c.rows {
		if r.level == level && r.from == from {
			return r.Row, nil
		}
	}
	to := min(from+tileWidth, c.size>>(tileLevels*uint(level)))
	r, err := c.read(level, from, to)
	if err != nil {
		return nil, fmt.Errorf("merkle: reading tree hashes of level %d from %d to %d: %w", level, from, to, err)
	}
	if got := len(r.Hashes()); uint64(got) != to-from {
		return nil, fmt.Errorf("%w: level %d from %d to %d: got %d", ErrReader, level, from, to, got)
	}
	c.rows = append(c.rows, row{level, from, r})
	return r, nil
}

func (c *rowCache) read(level uint8, from, to uint64) (*Row, error) {
	if keeper, ok := c.reader.(RowReader); ok {
		return keeper.Row(level, from, to)
	}
	hashes, err := c.reader.Hashes(level, from, to)
	if err != nil {
		return nil, err
	}
	return NewRow(hashes), nil
}
