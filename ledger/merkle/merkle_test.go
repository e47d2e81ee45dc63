package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// memory is a Reader over what Frontier.Append emitted, and checks both sides of the contract: levels are written
// once and in order, rows are asked for as promised.
type memory struct {
	t       testing.TB
	levels  [8][]Hash
	reads   int // calls of Hashes
	read    int // hashes returned
	asked   map[[2]uint64]bool
	corrupt func(hashes []Hash) []Hash // nil: none
}

func (m *memory) emit(level uint8, index uint64, h Hash) {
	if index != uint64(len(m.levels[level])) {
		m.t.Fatalf("level %d: emitted index %d, want %d", level, index, len(m.levels[level]))
	}
	m.levels[level] = append(m.levels[level], h)
}

var errBeyond = errors.New("read beyond what is stored")

func (m *memory) Hashes(level uint8, from, to uint64) ([]Hash, error) {
	if from >= to || to-from > 256 || from/256 != (to-1)/256 {
		m.t.Fatalf("asked for level %d from %d to %d", level, from, to)
	}
	key := [2]uint64{uint64(level), from}
	if m.asked[key] {
		m.t.Fatalf("asked twice for level %d from %d", level, from)
	}
	if m.asked == nil {
		m.asked = make(map[[2]uint64]bool)
	}
	m.asked[key] = true
	if to > uint64(len(m.levels[level])) {
		return nil, errBeyond
	}
	m.reads++
	m.read += int(to - from)
	hashes := slices.Clone(m.levels[level][from:to])
	if m.corrupt != nil {
		hashes = m.corrupt(hashes)
	}
	return hashes, nil
}

// operation forgets what was asked for by the operation before.
func (m *memory) operation() *memory {
	m.asked, m.reads, m.read = nil, 0, 0
	return m
}

func leafAt(i uint64) Hash {
	return LeafHash(binary.BigEndian.AppendUint64([]byte("entry "), i))
}

func grow(t testing.TB, size uint64) (*memory, *Frontier, []Hash) {
	t.Helper()
	m := &memory{t: t}
	f := new(Frontier)
	leaves := make([]Hash, 0, size)
	for i := range size {
		leaf := leafAt(i)
		leaves = append(leaves, leaf)
		f.Append(leaf, m.emit)
	}
	return m, f, leaves
}

const smallMax = 70

func TestSmallTreesAgainstTheNaiveTwin(t *testing.T) {
	m, _, leaves := grow(t, smallMax)
	roots := make([]Hash, smallMax+1)
	f := new(Frontier)
	for size := range uint64(smallMax + 1) {
		roots[size] = naiveRoot(leaves[:size])
		if f.Size() != size || f.Root() != roots[size] {
			t.Fatalf("size %d: frontier says size %d, root %v, want %v", size, f.Size(), f.Root(), roots[size])
		}
		if root, err := RootAt(m.operation(), size); err != nil || root != roots[size] {
			t.Fatalf("size %d: RootAt = %v, %v, want %v", size, root, err, roots[size])
		}
		loaded, err := LoadFrontier(size, m.operation())
		if err != nil || *loaded != canonicalFrontier(*f) {
			t.Fatalf("size %d: LoadFrontier differs (%v)", size, err)
		}
		if size < smallMax {
			f.Append(leaves[size], nil)
		}
	}
	for size := uint64(1); size <= smallMax; size++ {
		for index := range size {
			proof, err := InclusionProof(m.operation(), index, size)
			if want := naivePath(int(index), leaves[:size]); err != nil || !slices.Equal(proof, want) {
				t.Fatalf("inclusion %d of %d: %v, %v, want %v", index, size, proof, err, want)
			}
			checkInclusion(t, index, size, leaves[index], proof, roots[size])
		}
		for from := uint64(1); from <= size; from++ {
			proof, err := ConsistencyProof(m.operation(), from, size)
			if want := naiveSubproof(int(from), leaves[:size], true); err != nil || !slices.Equal(proof, want) {
				t.Fatalf("consistency %d to %d: %v, %v, want %v", from, size, proof, err, want)
			}
			checkConsistency(t, from, size, roots[from], roots[size], proof)
		}
	}
}

// canonicalFrontier clears what the invariant calls meaningless, so that two frontiers of one tree are equal.
func canonicalFrontier(f Frontier) Frontier {
	for b := range f.roots {
		if f.size>>b&1 == 0 {
			f.roots[b] = Hash{}
		}
	}
	return f
}

func flip(h Hash, bit int) Hash {
	h[bit/8] ^= 1 << (bit % 8)
	return h
}

// checkInclusion expects the proof to hold, and each of its neighbours not to.
func checkInclusion(t *testing.T, index, size uint64, leaf Hash, proof []Hash, root Hash) {
	t.Helper()
	at := fmt.Sprintf("inclusion %d of %d", index, size)
	if err := VerifyInclusion(index, size, leaf, proof, root); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	bit := int(index*31+size) % 256
	wantRootError(t, at+", leaf flipped", VerifyInclusion(index, size, flip(leaf, bit), proof, root))
	wantRootError(t, at+", root flipped", VerifyInclusion(index, size, leaf, proof, flip(root, bit)))
	for i := range proof {
		bad := slices.Clone(proof)
		bad[i] = flip(bad[i], (bit+i)%256)
		wantRootError(t, fmt.Sprintf("%s, hash %d flipped", at, i), VerifyInclusion(index, size, leaf, bad, root))
	}
	for what, bad := range wrongLengths(proof) {
		wantLengthError(t, at+", "+what, VerifyInclusion(index, size, leaf, bad, root))
	}
	for other := range size {
		if other != index && VerifyInclusion(other, size, leaf, proof, root) == nil {
			t.Fatalf("%s: holds for index %d too", at, other)
		}
	}
	if err := VerifyInclusion(size, size, leaf, proof, root); !errors.Is(err, ErrRange) || errors.Is(err, ErrProof) {
		t.Fatalf("%s, index = size: %v", at, err)
	}
}

func checkConsistency(t *testing.T, from, to uint64, rootFrom, rootTo Hash, proof []Hash) {
	t.Helper()
	at := fmt.Sprintf("consistency %d to %d", from, to)
	if err := VerifyConsistency(from, to, rootFrom, rootTo, proof); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	bit := int(from*31+to) % 256
	wantRootError(t, at+", first root flipped", VerifyConsistency(from, to, flip(rootFrom, bit), rootTo, proof))
	wantRootError(t, at+", second root flipped", VerifyConsistency(from, to, rootFrom, flip(rootTo, bit), proof))
	for i := range proof {
		bad := slices.Clone(proof)
		bad[i] = flip(bad[i], (bit+i)%256)
		wantRootError(t, fmt.Sprintf("%s, hash %d flipped", at, i), VerifyConsistency(from, to, rootFrom, rootTo, bad))
	}
	for what, bad := range wrongLengths(proof) {
		wantLengthError(t, at+", "+what, VerifyConsistency(from, to, rootFrom, rootTo, bad))
	}
	if from != to {
		if err := VerifyConsistency(to, from, rootTo, rootFrom, proof); !errors.Is(err, ErrRange) {
			t.Fatalf("%s, sizes swapped: %v", at, err)
		}
		wantProofError(t, at+", roots swapped", VerifyConsistency(from, to, rootTo, rootFrom, proof))
	}
}

func wrongLengths(proof []Hash) map[string][]Hash {
	wrong := map[string][]Hash{
		"hash too many at the end":   append(slices.Clone(proof), Hash{1}),
		"hash too many at the start": append([]Hash{{1}}, proof...),
		"far too long":               append(slices.Clone(proof), make([]Hash, 1000)...),
	}
	if len(proof) > 0 {
		wrong["last hash missing"] = proof[:len(proof)-1]
		wrong["first hash missing"] = proof[1:]
		wrong["empty"] = nil
	}
	return wrong
}

func wantProofError(t *testing.T, at string, err error) {
	t.Helper()
	if !errors.Is(err, ErrProof) || errors.Is(err, ErrRange) {
		t.Fatalf("%s: got %v, want a proof that does not hold", at, err)
	}
}

func wantRootError(t *testing.T, at string, err error) {
	t.Helper()
	wantProofError(t, at, err)
	if e, ok := errors.AsType[*RootError](err); !ok || e.Claimed == e.Computed {
		t.Fatalf("%s: got %#v, want a RootError with two roots", at, err)
	}
}

func wantLengthError(t *testing.T, at string, err error) {
	t.Helper()
	wantProofError(t, at, err)
	if e, ok := errors.AsType[*LengthError](err); !ok || e.Got == e.Want {
		t.Fatalf("%s: got %#v, want a LengthError with two lengths", at, err)
	}
}
