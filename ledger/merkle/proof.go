package merkle

import (
	"errors"
	"fmt"
	"math/bits"
)

// ErrRange is returned for an index or size that no proof can exist for, whatever the hashes: the question is
// wrong, not the answer.
var ErrRange = errors.New("merkle: index or size out of range")

// ErrProof is what [LengthError] and [RootError] unwrap to: the question is in range, and the proof does not hold.
var ErrProof = errors.New("merkle: proof does not hold")

// LengthError says that a proof does not have the one number of hashes that its indexes and sizes call for.
type LengthError struct {
	Got, Want int
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("%v: %d hashes where %d belong", ErrProof, e.Got, e.Want)
}

func (e *LengthError) Unwrap() error { return ErrProof }

// RootError says that a proof leads to another root than the one claimed. With the arguments of the call it is the
// evidence.
type RootError struct {
	Size     uint64 // of the tree whose root differs
	Claimed  Hash
	Computed Hash
}

func (e *RootError) Error() string {
	return fmt.Sprintf("%v: root of size %d is claimed to be %v, computed %v", ErrProof, e.Size, e.Claimed, e.Computed)
}

func (e *RootError) Unwrap() error { return ErrProof }

// RootAt returns the root of the first size leaves of a stored tree, [EmptyRoot] for size 0. The error is the
// reader's, or [ErrReader].
func RootAt(r Reader, size uint64) (Hash, error) {
	if size == 0 {
		return EmptyRoot, nil
	}
	rows := rowCache{reader: r, size: size}
	return rows.rightEdge(0)
}

// InclusionProof returns the proof that a leaf is the index-th of the tree of the first size leaves (RFC 6962
// section 2.1.1). The error is [ErrRange] unless index < size, else the reader's, or [ErrReader].
func InclusionProof(r Reader, index, size uint64) ([]Hash, error) {
	if index >= size {
		return nil, fmt.Errorf("%w: leaf %d of a tree of size %d", ErrRange, index, size)
	}
	rows := rowCache{reader: r, size: size}
	return rows.path(make([]Hash, 0, bits.Len64(size-1)), 0, index)
}

// ConsistencyProof returns the proof that the tree of the first to leaves begins with the tree of the first from
// leaves (RFC 6962 section 2.1.2); it is empty where from equals to. The error is [ErrRange] unless
// 1 ≤ from ≤ to, else the reader's, or [ErrReader]. On from = 0 see [VerifyConsistency].
func ConsistencyProof(r Reader, from, to uint64) ([]Hash, error) {
	if err := checkSizes(from, to); err != nil {
		return nil, err
	}
	if from == to {
		return []Hash{}, nil
	}
	rows := rowCache{reader: r, size: to}
	proof := make([]Hash, 0, 1+bits.Len64(to-1))
	b := uint(bits.TrailingZeros64(from))
	last := from>>b - 1 // the rightmost of the full subtrees that make up the first from leaves
	if last != 0 {
		h, err := rows.subtree(b, last)
		if err != nil {
			return nil, err
		}
		proof = append(proof, h)
	}
	return rows.path(proof, b, last)
}

// path appends to proof the hashes beside the way from a node, the index-th full subtree of 2^b leaves, to the root.
func (c *rowCache) path(proof []Hash, b uint, index uint64) ([]Hash, error) {
	for last := (c.size - 1) >> b; last != 0; last >>= 1 {
		var h Hash
		var err error
		beside := index ^ 1
		switch {
		case beside < last:
			h, err = c.subtree(b, beside)
		case beside == last:
			h, err = c.rightEdge(beside << b)
		}
		if err != nil {
			return nil, err
		}
		if beside <= last {
			proof = append(proof, h)
		}
		index >>= 1
		b++
	}
	return proof, nil
}

// VerifyInclusion reports whether leaf is the index-th leaf, counted from 0, of the tree of size leaves with the
// given root. The error is [ErrRange] unless index < size, else a [LengthError] or a [RootError]. A proof of the
// wrong length is refused before anything is hashed; nobody's input makes it do more than 64 hashes.
func VerifyInclusion(index, size uint64, leaf Hash, proof []Hash, root Hash) error {
	if index >= size {
		return fmt.Errorf("%w: leaf %d of a tree of size %d", ErrRange, index, size)
	}
	inner, border := pathLengths(index, size)
	if len(proof) != inner+border {
		return &LengthError{Got: len(proof), Want: inner + border}
	}
	computed := climb(leaf, index, proof[:inner], proof[inner:])
	if computed != root {
		return &RootError{Size: size, Claimed: root, Computed: computed}
	}
	return nil
}

// VerifyConsistency reports whether the tree of size to with root rootTo begins with all leaves of the tree of size
// from with root rootFrom. The error is [ErrRange] unless 1 ≤ from ≤ to, else a [LengthError] or a [RootError];
// where both roots differ, the one of from is reported. Where from equals to, only the empty proof and equal roots
// hold.
//
// from = 0 is refused, also with to = 0: every tree begins with the empty one, so that such a proof would accept
// any root, and a caller that lost its state would not notice. Who has no verified size yet starts from entry 0,
// the genesis, which it knows: [VerifyInclusion] of index 0, or from = 1 with the genesis leaf as root.
func VerifyConsistency(from, to uint64, rootFrom, rootTo Hash, proof []Hash) error {
	if err := checkSizes(from, to); err != nil {
		return err
	}
	if from == to {
		return verifySameSize(from, rootFrom, rootTo, proof)
	}
	b := bits.TrailingZeros64(from)
	inner, border := pathLengths(from-1, to)
	inner -= b

	// Where the tree of size from is one full subtree, its root is the start of the way up and not sent.
	start, sent := rootFrom, 0
	if from != 1<<b {
		sent = 1
	}
	if len(proof) != sent+inner+border {
		return &LengthError{Got: len(proof), Want: sent + inner + border}
	}
	if sent == 1 {
		start = proof[0]
	}
	inners, borders := proof[sent:sent+inner], proof[sent+inner:]
	index := (from - 1) >> b
	if computed := climbLeft(start, index, inners, borders); computed != rootFrom {
		return &RootError{Size: from, Claimed: rootFrom, Computed: computed}
	}
	if computed := climb(start, index, inners, borders); computed != rootTo {
		return &RootError{Size: to, Claimed: rootTo, Computed: computed}
	}
	return nil
}

func verifySameSize(size uint64, rootFrom, rootTo Hash, proof []Hash) error {
	if len(proof) != 0 {
		return &LengthError{Got: len(proof), Want: 0}
	}
	if rootFrom != rootTo {
		return &RootError{Size: size, Claimed: rootTo, Computed: rootFrom}
	}
	return nil
}

func checkSizes(from, to uint64) error {
	if from == 0 || from > to {
		return fmt.Errorf("%w: from size %d to size %d", ErrRange, from, to)
	}
	return nil
}

// pathLengths returns how many hashes a proof for a leaf has: inner ones up to where its way meets the way of the
// tree's last leaf, and border ones from there, each of which stands on the left.
func pathLengths(index, size uint64) (inner, border int) {
	inner = bits.Len64(index ^ (size - 1))
	return inner, bits.OnesCount64(index >> inner)
}

// climb hashes from a node to the root; bit i of index says that the i-th inner hash stands on the left.
func climb(h Hash, index uint64, inner, border []Hash) Hash {
	for i, beside := range inner {
		if index>>i&1 == 0 {
			h = NodeHash(h, beside)
		} else {
			h = NodeHash(beside, h)
		}
	}
	for _, beside := range border {
		h = NodeHash(beside, h)
	}
	return h
}

// climbLeft is climb in the tree that ends with the node: what stands on the right is not there yet.
func climbLeft(h Hash, index uint64, inner, border []Hash) Hash {
	for i, beside := range inner {
		if index>>i&1 != 0 {
			h = NodeHash(beside, h)
		}
	}
	for _, beside := range border {
		h = NodeHash(beside, h)
	}
	return h
}
