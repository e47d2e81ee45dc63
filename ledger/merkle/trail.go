package merkle

import (
	"fmt"
	"math/bits"
)

// Trail follows one leaf of a growing tree and gives its inclusion proof at
// every size, for who reads leaves in order and keeps no tree. It takes about 4
// KiB and belongs to one goroutine.
type Trail struct {
	tree  Frontier
	index uint64
	leaf  Hash
	// beside are the hashes beside the way from the leaf to the root of the largest
	// full subtree that holds it, which has 2^len(beside) leaves.
	beside []Hash
}

// NewTrail follows the leaf at an index of the tree that start is the right
// edge of. Start is copied. The error is [ErrRange] if the leaf is in it already.
func NewTrail(start *Frontier, index uint64) (*Trail, error) {
	if index < start.size {
		return nil, fmt.Errorf("%w: leaf %d of a tree that has %d leaves already", ErrRange, index, start.size)
	}
	return &Trail{tree: *start, index: index}, nil
}

// Append adds the next leaf.
func (t *Trail) Append(leaf Hash) {
	at := t.tree.size
	if at == t.index {
		t.leaf = leaf
	}
	full := bits.TrailingZeros64(^at)
	h := leaf
	for b := range full {
		if at >= t.index && len(t.beside) == b && at>>(b+1) == t.index>>(b+1) {
			beside := h
			if at>>b == t.index>>b {
				beside = t.tree.roots[b]
			}
			t.beside = append(t.beside, beside)
		}
		h = NodeHash(t.tree.roots[b], h)
	}
	t.tree.roots[full] = h
	t.tree.size++
}

// Size returns how many leaves the tree has.
func (t *Trail) Size() uint64 { return t.tree.size }

// Root returns the root of the tree as it is.
func (t *Trail) Root() Hash { return t.tree.Root() }

// Leaf returns the leaf that is followed; ok is false before it came.
func (t *Trail) Leaf() (leaf Hash, ok bool) { return t.leaf, t.index < t.tree.size }

// Proof returns what [InclusionProof] gives for the leaf and the size of the
// tree as it is. The error is [ErrRange] before the leaf came.
func (t *Trail) Proof() ([]Hash, error) {
	if t.index >= t.tree.size {
		return nil, fmt.Errorf("%w: leaf %d of a tree of size %d", ErrRange, t.index, t.tree.size)
	}
	own := len(t.beside)
	proof := append(make([]Hash, 0, 64), t.beside...)
	lower := Frontier{size: t.tree.size & (1<<own - 1), roots: t.tree.roots}
	if lower.size > 0 {
		proof = append(proof, lower.Root())
	}
	for b := own + 1; b < 64; b++ {
		if t.tree.size>>b&1 != 0 {
			proof = append(proof, t.tree.roots[b])
		}
	}
	return proof, nil
}
