package bundle_test

import (
	"testing"

	"github.com/custodyledger/custodyledger/ledger/bundle"
)

func BenchmarkVerify(b *testing.B) {
	w, item := sold(b)
	file, trust := w.encode(w.bundle(associations, item)), w.trust()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := bundle.Verify(file, trust); err != nil {
			b.Fatal(err)
		}
	}
}
