package merkle

import "testing"

func TestAppendDoesNotAllocate(t *testing.T) {
	f := new(Frontier)
	emitted := 0
	emit := func(uint8, uint64, Hash) { emitted++ }
	leaf := LeafHash(nil)
	if allocs := testing.AllocsPerRun(1000, func() { f.Append(leaf, emit); f.Root() }); allocs != 0 {
		t.Errorf("%v allocations for each append and root", allocs)
	}
	entry := make([]byte, 400)
	if allocs := testing.AllocsPerRun(100, func() { leaf = LeafHash(entry) }); allocs > 0 {
		t.Errorf("%v allocations for each leaf", allocs)
	}
}

func BenchmarkLeafHash(b *testing.B) {
	entry := make([]byte, 400)
	b.ReportAllocs()
	for b.Loop() {
		LeafHash(entry)
	}
}

func BenchmarkAppend(b *testing.B) {
	f := new(Frontier)
	emitted := 0
	emit := func(uint8, uint64, Hash) { emitted++ }
	leaf := LeafHash(nil)
	b.ReportAllocs()
	for b.Loop() {
		f.Append(leaf, emit)
	}
}

func BenchmarkRoot10M(b *testing.B) {
	f, err := LoadFrontier(10_000_001, newSparse(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Root()
	}
}

// fixed answers every read from one slice, so that the benchmarks below measure this package alone.
type fixed [256]Hash

func (f *fixed) Hashes(_ uint8, from, to uint64) ([]Hash, error) { return f[:to-from], nil }

func BenchmarkLoadFrontier10M(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		LoadFrontier(10_000_001, new(fixed))
	}
}

func BenchmarkInclusionProof10M(b *testing.B) {
	r := new(fixed)
	b.ReportAllocs()
	for b.Loop() {
		InclusionProof(r, 5_000_000, 10_000_001)
	}
}

func BenchmarkConsistencyProof10M(b *testing.B) {
	r := new(fixed)
	b.ReportAllocs()
	for b.Loop() {
		ConsistencyProof(r, 5_000_003, 10_000_001)
	}
}

func BenchmarkVerifyInclusion10M(b *testing.B) {
	s := newSparse(nil)
	root, err := RootAt(s, 10_000_001)
	if err != nil {
		b.Fatal(err)
	}
	clear(s.asked)
	proof, err := InclusionProof(s, 5_000_000, 10_000_001)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := VerifyInclusion(5_000_000, 10_000_001, s.fill[0], proof, root); err != nil {
			b.Fatal(err)
		}
	}
}
