package merkle

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sparse is a log of any length in which all leaves but a few are the same, so that a tree of 2^60 leaves fits in
// memory.
type sparse struct {
	other []uint64 // indexes of the leaves that differ, ascending
	fill  [64]Hash // root of a full subtree of 2^b common leaves
	reads int
	read  int
	asked map[[2]uint64]int
}

func newSparse(other []uint64) *sparse {
	slices.Sort(other)
	s := &sparse{other: slices.Compact(other), asked: make(map[[2]uint64]int)}
	s.fill[0] = LeafHash([]byte("common"))
	for b := 1; b < len(s.fill); b++ {
		s.fill[b] = NodeHash(s.fill[b-1], s.fill[b-1])
	}
	return s
}

// full returns the root of the full subtree of 2^b leaves from leaf begin.
func (s *sparse) full(b uint, begin uint64) Hash {
	i, _ := slices.BinarySearch(s.other, begin)
	switch {
	case i == len(s.other) || s.other[i]-begin >= 1<<b:
		return s.fill[b]
	case b == 0:
		return LeafHash(binary.BigEndian.AppendUint64(nil, begin))
	}
	return NodeHash(s.full(b-1, begin), s.full(b-1, begin+1<<(b-1)))
}

// root is MTH of the leaves from begin, which is aligned, by the recursion of RFC 6962.
func (s *sparse) root(begin, count uint64) Hash {
	if count&(count-1) == 0 {
		return s.full(uint(bits.TrailingZeros64(count)), begin)
	}
	k := uint64(1) << (bits.Len64(count-1) - 1)
	return NodeHash(s.root(begin, k), s.root(begin+k, count-k))
}

func (s *sparse) path(index, begin, count uint64) []Hash {
	if count == 1 {
		return nil
	}
	k := uint64(1) << (bits.Len64(count-1) - 1)
	if index < k {
		return append(s.path(index, begin, k), s.root(begin+k, count-k))
	}
	return append(s.path(index-k, begin+k, count-k), s.root(begin, k))
}

func (s *sparse) subproof(from, begin, count uint64, b bool) []Hash {
	if from == count {
		if b {
			return nil
		}
		return []Hash{s.root(begin, count)}
	}
	k := uint64(1) << (bits.Len64(count-1) - 1)
	if from <= k {
		return append(s.subproof(from, begin, k, b), s.root(begin+k, count-k))
	}
	return append(s.subproof(from-k, begin+k, count-k, false), s.root(begin, k))
}

func (s *sparse) Hashes(level uint8, from, to uint64) ([]Hash, error) {
	if from >= to || from/256 != (to-1)/256 || s.asked[[2]uint64{uint64(level), from}] > 0 {
		return nil, errors.New("the promise to readers is broken")
	}
	s.asked[[2]uint64{uint64(level), from}]++
	s.reads++
	s.read += int(to - from)
	hashes := make([]Hash, 0, to-from)
	b := 8 * uint(level)
	for i := from; i < to; i++ {
		hashes = append(hashes, s.full(b, i<<b))
	}
	return hashes, nil
}

// costs fails if the operation since the last call read more than the package comment says for a tree of this size.
func (s *sparse) costs(t *rapid.T, what string, rowsPerLevel int, size uint64) {
	levels := (bits.Len64(size) + 7) / 8
	hashesPerLevel := 255
	if rowsPerLevel == 2 {
		hashesPerLevel = 511
	}
	if s.reads > rowsPerLevel*levels || s.read > hashesPerLevel*levels {
		t.Fatalf("%s at size %d: %d rows, %d hashes", what, size, s.reads, s.read)
	}
	clear(s.asked)
	s.reads, s.read = 0, 0
}

// aroundBoundaries draws sizes of all magnitudes, and often ones next to where a row or a level begins.
func aroundBoundaries(least uint64) *rapid.Generator[uint64] {
	return rapid.Custom(func(t *rapid.T) uint64 {
		n := rapid.Uint64Range(0, 1<<rapid.IntRange(1, 62).Draw(t, "magnitude")).Draw(t, "n")
		if rapid.Bool().Draw(t, "boundary") {
			step := uint64(1) << (8 * rapid.IntRange(1, 3).Draw(t, "level"))
			n = n/step*step + rapid.Uint64Range(0, 3).Draw(t, "beside") - 1
			if n > 1<<62 {
				n = 0
			}
		}
		return max(n, least)
	})
}

func TestLargeTreesAgainstTheNaiveTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := aroundBoundaries(1).Draw(t, "size")
		index := aroundBoundaries(0).Draw(t, "index") % size
		from := max(1, aroundBoundaries(1).Draw(t, "from")%(size+1))
		s := newSparse([]uint64{index, from - 1, size - 1, rapid.Uint64().Draw(t, "other") % size})
		root := s.root(0, size)

		if got, err := RootAt(s, size); err != nil || got != root {
			t.Fatalf("RootAt = %v, %v, want %v", got, err, root)
		}
		s.costs(t, "RootAt", 1, size)

		proof, err := InclusionProof(s, index, size)
		if want := s.path(index, 0, size); err != nil || !slices.Equal(proof, want) {
			t.Fatalf("inclusion %d of %d: %v, %v, want %v", index, size, proof, err, want)
		}
		s.costs(t, "InclusionProof", 2, size)
		if err := VerifyInclusion(index, size, s.full(0, index), proof, root); err != nil {
			t.Fatal(err)
		}

		proof, err = ConsistencyProof(s, from, size)
		if want := s.subproof(from, 0, size, true); err != nil || !slices.Equal(proof, want) {
			t.Fatalf("consistency %d to %d: %v, %v, want %v", from, size, proof, err, want)
		}
		s.costs(t, "ConsistencyProof", 2, size)
		if err := VerifyConsistency(from, size, s.root(0, from), root, proof); err != nil {
			t.Fatal(err)
		}
		if len(proof) > 0 {
			i := rapid.IntRange(0, len(proof)-1).Draw(t, "position")
			proof[i] = flip(proof[i], rapid.IntRange(0, 255).Draw(t, "bit"))
			if err := VerifyConsistency(from, size, s.root(0, from), root, proof); !errors.Is(err, ErrProof) {
				t.Fatalf("flipped bit: %v", err)
			}
		}
	})
}

func TestLoadedFrontierGrowsOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := aroundBoundaries(0).Draw(t, "size")
		count := rapid.Uint64Range(1, 600).Draw(t, "count")
		s := newSparse([]uint64{size, size + count - 1, size / 2})
		f, err := LoadFrontier(size, s)
		if err != nil {
			t.Fatal(err)
		}
		s.costs(t, "LoadFrontier", 1, size)
		untouched := f.Clone()
		emitted := make(map[[2]uint64]Hash)
		for i := range count {
			f.Append(s.full(0, size+i), func(level uint8, index uint64, h Hash) {
				at := [2]uint64{uint64(level), index}
				if _, twice := emitted[at]; twice {
					t.Fatalf("level %d index %d emitted twice", level, index)
				}
				emitted[at] = h
			})
		}
		if f.Size() != size+count || f.Root() != s.root(0, size+count) {
			t.Fatalf("root of size %d differs", f.Size())
		}
		want := 0
		for level := uint8(0); level < 8; level++ {
			b := 8 * uint(level)
			for i := size >> b; i < (size+count)>>b; i++ {
				want++
				if h, ok := emitted[[2]uint64{uint64(level), i}]; !ok || h != s.full(b, i<<b) {
					t.Fatalf("level %d index %d: emitted %v, %v", level, i, h, ok)
				}
			}
		}
		if len(emitted) != want {
			t.Fatalf("%d hashes emitted, want %d", len(emitted), want)
		}
		if untouched.Size() != size || size > 0 && untouched.Root() != s.root(0, size) {
			t.Fatal("the clone changed")
		}
	})
}

// keeping is a reader that keeps rows.
type keeping struct {
	from func() Reader
	rows map[[3]uint64]*Row
}

func (k keeping) Hashes(level uint8, from, to uint64) ([]Hash, error) {
	return k.from().Hashes(level, from, to)
}

func (k keeping) Row(level uint8, from, to uint64) (*Row, error) {
	id := [3]uint64{uint64(level), from, to}
	if row := k.rows[id]; row != nil {
		return row, nil
	}
	hashes, err := k.Hashes(level, from, to)
	if err != nil {
		return nil, err
	}
	k.rows[id] = NewRow(hashes)
	return k.rows[id], nil
}

// TestRows: from kept rows come the same proofs, roots and frontiers, at every size and
// index around the ends of rows, whatever was asked for before.
func TestRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := aroundBoundaries(1).Draw(t, "size")
		plain := func() Reader { return newSparse(nil) }
		kept := keeping{plain, map[[3]uint64]*Row{}}
		for range 4 {
			size := max(1, aroundBoundaries(1).Draw(t, "smaller")%(size+1))
			index := aroundBoundaries(0).Draw(t, "index") % size
			from := max(1, aroundBoundaries(1).Draw(t, "from")%(size+1))
			want, err := InclusionProof(plain(), index, size)
			if got, keptErr := InclusionProof(kept, index, size); err != nil || keptErr != nil || !slices.Equal(got, want) {
				t.Fatalf("inclusion %d of %d: %v, %v (%v), want %v", index, size, got, keptErr, err, want)
			}
			want, err = ConsistencyProof(plain(), from, size)
			if got, keptErr := ConsistencyProof(kept, from, size); err != nil || keptErr != nil || !slices.Equal(got, want) {
				t.Fatalf("consistency %d to %d: %v, %v (%v), want %v", from, size, got, keptErr, err, want)
			}
			root, err := RootAt(plain(), size)
			if got, keptErr := RootAt(kept, size); err != nil || keptErr != nil || got != root {
				t.Fatalf("size %d: RootAt = %v, %v (%v), want %v", size, got, keptErr, err, root)
			}
			frontier, err := LoadFrontier(size, plain())
			if got, keptErr := LoadFrontier(size, kept); err != nil || keptErr != nil || *got != *frontier {
				t.Fatalf("size %d: LoadFrontier differs (%v, %v)", size, keptErr, err)
			}
		}
	})
	m, _, _ := grow(t, 700)
	m.corrupt = func(h []Hash) []Hash { return h[1:] }
	if _, err := RootAt(keeping{func() Reader { return m }, map[[3]uint64]*Row{}}, 700); !errors.Is(err, ErrReader) {
		t.Errorf("a row that is too short: %v", err)
	}
}

// TestStoredTree grows a real tree over the boundaries of a row and of two levels.
func TestStoredTree(t *testing.T) {
	const size = 65536 + 300
	m, f, leaves := grow(t, size)
	if len(m.levels[0]) != size || len(m.levels[1]) != size/256 || len(m.levels[2]) != 1 || len(m.levels[3]) != 0 {
		t.Fatalf("levels have %d, %d, %d, %d hashes", len(m.levels[0]), len(m.levels[1]), len(m.levels[2]), len(m.levels[3]))
	}
	for level := 1; level <= 2; level++ {
		width := 1 << (8 * level)
		for i, h := range m.levels[level] {
			if h != naiveRoot(leaves[i*width:][:width]) {
				t.Fatalf("level %d index %d differs", level, i)
			}
		}
	}
	for _, size := range []uint64{255, 256, 257, 511, 512, 65535, 65536, 65537, 65791, 65792, 65793, size} {
		root := naiveRoot(leaves[:size])
		if got, err := RootAt(m.operation(), size); err != nil || got != root {
			t.Errorf("size %d: RootAt = %v, %v, want %v", size, got, err, root)
		}
		for _, index := range []uint64{0, 1, 254, 255, 256, 65534, 65535, 65536, size - 2, size - 1} {
			if index >= size {
				continue
			}
			proof, err := InclusionProof(m.operation(), index, size)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyInclusion(index, size, leaves[index], proof, root); err != nil {
				t.Error(err)
			}
		}
	}
	if f.Root() != naiveRoot(leaves) {
		t.Error("frontier's root differs")
	}
}
