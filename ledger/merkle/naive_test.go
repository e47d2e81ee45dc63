package merkle

import "math/bits"

// The naive twin: RFC 6962 section 2.1 as it is written, recursive, over leaf hashes in memory.

func naiveRoot(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return EmptyRoot
	case 1:
		return leaves[0]
	}
	k := naiveSplit(len(leaves))
	return NodeHash(naiveRoot(leaves[:k]), naiveRoot(leaves[k:]))
}

// naivePath is PATH(m, D[n]).
func naivePath(m int, leaves []Hash) []Hash {
	if len(leaves) == 1 {
		return nil
	}
	k := naiveSplit(len(leaves))
	if m < k {
		return append(naivePath(m, leaves[:k]), naiveRoot(leaves[k:]))
	}
	return append(naivePath(m-k, leaves[k:]), naiveRoot(leaves[:k]))
}

// naiveSubproof is SUBPROOF(m, D[n], b).
func naiveSubproof(m int, leaves []Hash, b bool) []Hash {
	if m == len(leaves) {
		if b {
			return nil
		}
		return []Hash{naiveRoot(leaves)}
	}
	k := naiveSplit(len(leaves))
	if m <= k {
		return append(naiveSubproof(m, leaves[:k], b), naiveRoot(leaves[k:]))
	}
	return append(naiveSubproof(m-k, leaves[k:], false), naiveRoot(leaves[:k]))
}

// naiveSplit is the largest power of two below n, which is at least 2.
func naiveSplit(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }
