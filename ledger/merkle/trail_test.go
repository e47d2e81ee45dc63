package merkle

import (
	"errors"
	"slices"
	"testing"
)

// TestTrail: from every start, for every leaf, at every size, the proof is the
// one that is made from a stored tree.
func TestTrail(t *testing.T) {
	const sizes = 70
	var leaves []Hash
	stored := map[[2]uint64]Hash{}
	var frontiers []Frontier
	var tree Frontier
	for i := range uint64(sizes) {
		frontiers = append(frontiers, tree)
		leaves = append(leaves, LeafHash([]byte{byte(i)}))
		tree.Append(leaves[i], func(level uint8, index uint64, h Hash) { stored[[2]uint64{uint64(level), index}] = h })
	}
	reader := trailReader(stored)
	for start := range uint64(sizes) {
		for index := start; index < sizes; index++ {
			trail, err := NewTrail(&frontiers[start], index)
			if err != nil {
				t.Fatal(err)
			}
			for size := start; ; size++ {
				proof, err := trail.Proof()
				_, there := trail.Leaf()
				switch {
				case size <= index && (!errors.Is(err, ErrRange) || there):
					t.Fatalf("leaf %d at size %d: %v", index, size, err)
				case size > index:
					want, wantErr := InclusionProof(reader, index, size)
					if err != nil || wantErr != nil || !slices.Equal(proof, want) {
						t.Fatalf("leaf %d from %d at size %d: %v, %v, %v", index, start, size, proof, err, wantErr)
					}
					if leaf, ok := trail.Leaf(); !ok || VerifyInclusion(index, size, leaf, proof, trail.Root()) != nil || leaf != leaves[index] {
						t.Fatalf("leaf %d from %d at size %d does not verify", index, start, size)
					}
				}
				if size == sizes {
					break
				}
				trail.Append(leaves[size])
			}
		}
	}
	if _, err := NewTrail(&tree, sizes-1); !errors.Is(err, ErrRange) {
		t.Fatal(err)
	}
}

type trailReader map[[2]uint64]Hash

func (r trailReader) Hashes(level uint8, from, to uint64) ([]Hash, error) {
	var hashes []Hash
	for i := from; i < to; i++ {
		hashes = append(hashes, r[[2]uint64{uint64(level), i}])
	}
	return hashes, nil
}
