package merkle

import "math/bits"

// A tile is 256 hashes wide, which is 8 levels of a binary tree.
const (
	tileLevels = 8
	tileWidth  = 1 << tileLevels
)

// Frontier is the right edge of a growing tree: the roots of the full subtrees that a tree of its size is made of
// (a "compact range"). It is all that appending and the root need. The zero value is the empty tree, and copying a
// Frontier copies the tree. It takes about 2 KiB and belongs to one goroutine.
//
// Invariant: roots[b] is meaningful exactly where bit b of size is set; it is then the root of a full subtree of 2^b
// leaves, and from the highest bit to the lowest these subtrees cover the leaves from left to right without a gap.
type Frontier struct {
	size  uint64
	roots [64]Hash
}

// Size returns how many leaves the tree has.
func (f *Frontier) Size() uint64 { return f.size }

// Clone returns an independent copy.
func (f *Frontier) Clone() *Frontier {
	clone := *f
	return &clone
}

// Append adds a leaf and hands every hash that is complete now to emit, which may be nil: the leaf itself as level
// 0, index Size()-1, then, where the leaf is the last one of a full subtree of 256^L leaves, that subtree's root as
// level L. No (level, index) is emitted twice in the life of a tree, and those of one level come with indexes 0, 1,
// 2, …. Append itself does not allocate; emit should be made once, not for every call.
//
// It panics at 2^64-1 leaves, which no log reaches.
func (f *Frontier) Append(leaf Hash, emit func(level uint8, index uint64, h Hash)) {
	if f.size == 1<<64-1 {
		panic("merkle: tree is full")
	}
	if emit != nil {
		emit(0, f.size, leaf)
	}
	full := bits.TrailingZeros64(^f.size)
	h := leaf
	for b := range full {
		h = NodeHash(f.roots[b], h)
		if above := b + 1; above%tileLevels == 0 && emit != nil {
			emit(uint8(above/tileLevels), f.size>>above, h)
		}
	}
	f.roots[full] = h
	f.size++
}

// Root returns the root of the tree as it is, [EmptyRoot] for the empty one. At most 63 hashes.
func (f *Frontier) Root() Hash {
	if f.size == 0 {
		return EmptyRoot
	}
	b := bits.TrailingZeros64(f.size)
	root := f.roots[b]
	for rest := f.size >> b >> 1; rest != 0; rest >>= 1 {
		b++
		if rest&1 != 0 {
			root = NodeHash(f.roots[b], root)
		}
	}
	return root
}

// LoadFrontier returns the right edge of the first size leaves of a stored tree. The error is the reader's, or
// [ErrReader].
func LoadFrontier(size uint64, r Reader) (*Frontier, error) {
	f := &Frontier{size: size}
	rows := rowCache{reader: r, size: size}
	end := size
	for b := range uint(64) {
		if size>>b&1 == 0 {
			continue
		}
		begin := end - 1<<b
		root, err := rows.subtree(b, begin>>b)
		if err != nil {
			return nil, err
		}
		f.roots[b] = root
		end = begin
	}
	return f, nil
}
