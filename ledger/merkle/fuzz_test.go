package merkle

import (
	"errors"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// split cuts bytes into hashes; a remainder is dropped.
func split(b []byte) []Hash {
	var hashes []Hash
	for ; len(b) >= HashSize; b = b[HashSize:] {
		hashes = append(hashes, Hash(b[:HashSize]))
	}
	return hashes
}

func join(hashes []Hash) []byte {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func one(b []byte) (h Hash) {
	copy(h[:], b)
	return h
}

// checkKinds fails unless an error is of exactly one of the two kinds.
func checkKinds(t *testing.T, err error) {
	t.Helper()
	if err != nil && errors.Is(err, ErrRange) == errors.Is(err, ErrProof) {
		t.Fatalf("error of no kind: %v", err)
	}
}

func FuzzVerifyInclusion(f *testing.F) {
	m, _, leaves := grow(f, 600)
	for _, size := range []uint64{1, 2, 3, 7, 8, 9, 255, 256, 257, 600} {
		for _, index := range []uint64{0, size / 2, size - 1} {
			root, _ := RootAt(m.operation(), size)
			hashes, _ := InclusionProof(m.operation(), index, size)
			f.Add(index, size, leaves[index][:], join(hashes), root[:])
		}
	}
	f.Fuzz(func(t *testing.T, index, size uint64, leaf, hashes, root []byte) {
		l, p, r := one(leaf), split(hashes), one(root)
		err := VerifyInclusion(index, size, l, p, r)
		checkKinds(t, err)
		theirs := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, l[:], raw(p), r[:])
		if (err == nil) != (theirs == nil) {
			t.Fatalf("ours: %v, theirs: %v", err, theirs)
		}
	})
}

func FuzzVerifyConsistency(f *testing.F) {
	m, _, _ := grow(f, 600)
	f.Add(uint64(0), uint64(1), EmptyRoot[:], EmptyRoot[:], []byte{})
	f.Add(uint64(0), uint64(0), EmptyRoot[:], EmptyRoot[:], []byte{})
	for _, to := range []uint64{1, 2, 3, 7, 8, 9, 255, 256, 257, 600} {
		for _, from := range []uint64{1, to/2 + 1, to} {
			rootFrom, _ := RootAt(m.operation(), from)
			rootTo, _ := RootAt(m.operation(), to)
			hashes, _ := ConsistencyProof(m.operation(), from, to)
			f.Add(from, to, rootFrom[:], rootTo[:], join(hashes))
		}
	}
	f.Fuzz(func(t *testing.T, from, to uint64, rootFrom, rootTo, hashes []byte) {
		a, b, p := one(rootFrom), one(rootTo), split(hashes)
		err := VerifyConsistency(from, to, a, b, p)
		checkKinds(t, err)
		if from == 0 {
			if !errors.Is(err, ErrRange) {
				t.Fatalf("from the empty tree: %v", err)
			}
			return
		}
		theirs := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, raw(p), a[:], b[:])
		if (err == nil) != (theirs == nil) {
			t.Fatalf("ours: %v, theirs: %v", err, theirs)
		}
	})
}

// FuzzProofs makes proofs for any question about a tree of any size up to 2^62 and expects them to hold.
func FuzzProofs(f *testing.F) {
	f.Add(uint64(0), uint64(1))
	f.Add(uint64(255), uint64(257))
	f.Add(uint64(65535), uint64(65537))
	f.Fuzz(func(t *testing.T, index, size uint64) {
		size %= 1 << 62
		s := newSparse([]uint64{index})
		hashes, err := InclusionProof(s, index, size)
		if index >= size {
			if !errors.Is(err, ErrRange) {
				t.Fatal(err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		root := s.root(0, size)
		if err := VerifyInclusion(index, size, s.full(0, index), hashes, root); err != nil {
			t.Fatal(err)
		}
		clear(s.asked)
		hashes, err = ConsistencyProof(s, index+1, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyConsistency(index+1, size, s.root(0, index+1), root, hashes); err != nil {
			t.Fatal(err)
		}
	})
}
