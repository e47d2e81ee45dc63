package merkle

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestOutOfRange(t *testing.T) {
	m, _, _ := grow(t, 10)
	var h Hash
	cases := map[string]error{
		"inclusion in the empty tree":   VerifyInclusion(0, 0, h, nil, EmptyRoot),
		"inclusion at the size":         VerifyInclusion(10, 10, h, nil, h),
		"inclusion of the last index":   VerifyInclusion(math.MaxUint64, math.MaxUint64, h, nil, h),
		"consistency from 0":            VerifyConsistency(0, 10, EmptyRoot, h, nil),
		"consistency from 0 to 0":       VerifyConsistency(0, 0, EmptyRoot, EmptyRoot, nil),
		"consistency backwards":         VerifyConsistency(10, 9, h, h, nil),
		"proof of index = size":         second(InclusionProof(m, 10, 10)),
		"proof in the empty tree":       second(InclusionProof(m, 0, 0)),
		"consistency proof from 0":      second(ConsistencyProof(m, 0, 10)),
		"consistency proof from 0 to 0": second(ConsistencyProof(m, 0, 0)),
		"consistency proof backwards":   second(ConsistencyProof(m, 10, 9)),
	}
	for what, err := range cases {
		if !errors.Is(err, ErrRange) || errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if m.reads != 0 {
		t.Errorf("%d reads for questions out of range", m.reads)
	}
}

func second(_ []Hash, err error) error { return err }

// TestLargestSizes asks the verifiers for the largest numbers there are: the lengths must not overflow.
func TestLargestSizes(t *testing.T) {
	var h Hash
	for _, size := range []uint64{1 << 63, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		for _, index := range []uint64{0, 1, 1<<63 - 1, size / 2, size - 2, size - 1} {
			inner, border := pathLengths(index, size)
			if inner+border > 64 {
				t.Errorf("%d of %d: %d hashes", index, size, inner+border)
			}
			wantLengthError(t, "empty proof", VerifyInclusion(index, size, h, nil, h))
			wantRootError(t, "zeroes", VerifyInclusion(index, size, h, make([]Hash, inner+border), h))
			wantLengthError(t, "too long", VerifyInclusion(index, size, h, make([]Hash, 65), h))
			if from := index + 1; from < size {
				wantLengthError(t, "too long", VerifyConsistency(from, size, h, h, make([]Hash, 66)))
			}
		}
	}
}

func TestAppendToAFullTreePanics(t *testing.T) {
	f := &Frontier{size: math.MaxUint64}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f.Append(Hash{}, nil)
}

func TestReaderThatFails(t *testing.T) {
	m, _, _ := grow(t, 700)
	operations := map[string]func() error{
		"RootAt":           func() error { _, err := RootAt(m, 700); return err },
		"LoadFrontier":     func() error { _, err := LoadFrontier(700, m); return err },
		"InclusionProof":   func() error { return second(InclusionProof(m, 3, 700)) },
		"ConsistencyProof": func() error { return second(ConsistencyProof(m, 300, 700)) },
	}
	answers := map[string]func([]Hash) []Hash{
		"nothing":  func([]Hash) []Hash { return nil },
		"too few":  func(h []Hash) []Hash { return h[1:] },
		"too many": func(h []Hash) []Hash { return append(h, Hash{}) },
	}
	for what, operation := range operations {
		for how, answer := range answers {
			m.operation().corrupt = answer
			if err := operation(); !errors.Is(err, ErrReader) || errors.Is(err, ErrProof) {
				t.Errorf("%s, %s: %v", what, how, err)
			}
		}
		m.operation().corrupt = nil
	}

	small, _, _ := grow(t, 600)
	if _, err := RootAt(small, 700); !errors.Is(err, errBeyond) || !strings.Contains(err.Error(), "level 0 from 512 to 700") {
		t.Errorf("reader's own error: %v", err)
	}
}

func TestHashText(t *testing.T) {
	h := LeafHash([]byte("entry"))
	parsed, err := ParseHash(h.String())
	if err != nil || parsed != h {
		t.Fatalf("%v, %v", parsed, err)
	}
	text, _ := h.MarshalText()
	var read Hash
	if err := read.UnmarshalText(text); err != nil || read != h {
		t.Fatalf("%v, %v", read, err)
	}
	for _, bad := range []string{"", h.String()[1:], h.String() + "0", strings.ToUpper(h.String()), "g" + h.String()[1:], " " + h.String()[1:]} {
		if _, err := ParseHash(bad); !errors.Is(err, ErrHashText) {
			t.Errorf("%q: %v", bad, err)
		}
		if err := read.UnmarshalText([]byte(bad)); !errors.Is(err, ErrHashText) || read != h {
			t.Errorf("%q: %v, %v", bad, err, read)
		}
	}
}

// TestKnownHashes pins the hashing itself: RFC 6962 as published for the empty tree, an empty leaf, and a node.
func TestKnownHashes(t *testing.T) {
	leaf := LeafHash(nil)
	for got, want := range map[string]string{
		EmptyRoot.String(): "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		leaf.String():      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		NodeHash(leaf, LeafHash([]byte{0})).String(): "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
