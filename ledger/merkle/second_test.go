package merkle

import (
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// Second opinions: golang.org/x/mod/sumdb/tlog makes and checks the same proofs, transparency-dev/merkle checks them.

func raw(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// tlogTree returns tlog's own storage of the leaves.
func tlogTree(t testing.TB, leaves []Hash) tlog.HashReader {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			out[i] = stored[at]
		}
		return out, nil
	})
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(leaf), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	return reader
}

func fromTlog(hashes []tlog.Hash) []Hash {
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out
}

func TestAgainstTlogAndTransparencyDev(t *testing.T) {
	sizes := []uint64{}
	for size := uint64(1); size <= 66; size++ {
		sizes = append(sizes, size)
	}
	sizes = append(sizes, 255, 256, 257, 300, 511, 512, 513, 700)
	m, _, leaves := grow(t, 700)
	theirs := tlogTree(t, leaves)
	for _, size := range sizes {
		want, err := tlog.TreeHash(int64(size), theirs)
		if err != nil {
			t.Fatal(err)
		}
		root, err := RootAt(m.operation(), size)
		if err != nil || root != Hash(want) {
			t.Fatalf("size %d: root %v, %v, tlog says %v", size, root, err, want)
		}
		for index := range size {
			compareInclusion(t, m, theirs, index, size, leaves[index], root)
		}
		for from := uint64(1); from <= size; from++ {
			fromRoot, err := RootAt(m.operation(), from)
			if err != nil {
				t.Fatal(err)
			}
			compareConsistency(t, m, theirs, from, size, fromRoot, root)
		}
	}
}

func compareInclusion(t *testing.T, m *memory, theirs tlog.HashReader, index, size uint64, leaf, root Hash) {
	t.Helper()
	ours, err := InclusionProof(m.operation(), index, size)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tlog.ProveRecord(int64(size), int64(index), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ours, fromTlog(want)) {
		t.Fatalf("inclusion %d of %d: proofs differ", index, size)
	}
	if err := VerifyInclusion(index, size, leaf, fromTlog(want), root); err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf[:], raw(ours), root[:]); err != nil {
		t.Fatal(err)
	}
}

func compareConsistency(t *testing.T, m *memory, theirs tlog.HashReader, from, to uint64, rootFrom, rootTo Hash) {
	t.Helper()
	ours, err := ConsistencyProof(m.operation(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tlog.ProveTree(int64(to), int64(from), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ours, fromTlog(want)) {
		t.Fatalf("consistency %d to %d: proofs differ", from, to)
	}
	if err := VerifyConsistency(from, to, rootFrom, rootTo, fromTlog(want)); err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, raw(ours), rootFrom[:], rootTo[:]); err != nil {
		t.Fatal(err)
	}
}
