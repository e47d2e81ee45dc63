package workload_test

import (
	"bytes"
	"testing"

	"github.com/custodyledger/custodyledger/node/workload"
)

func cast(t testing.TB) *workload.Cast {
	t.Helper()
	g, governance, err := workload.Genesis(1)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := workload.NewCast(g, governance, 1, workload.StartMs)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A world expects what the rules say, wherever it is sure.
func TestExpectations(t *testing.T) {
	c := cast(t)
	accepted, refused := 0, map[string]int{}
	deeds, done := map[string]int{}, map[string]int{}
	for seed := range uint64(300) {
		w := workload.New(c, workload.Options{Seed: seed, Mix: workload.Everything, StepMs: 3 * 3_600_000})
		for range 50 {
			s := w.Next()
			deeds[s.Deed]++
			if s.Got == nil {
				accepted++
				done[s.Deed]++
			} else {
				refused[string(s.Got.Reason)]++
			}
			if s.Want != workload.Unsure && s.Want != s.Reason() {
				t.Errorf("seed %d: %s: expected %q, got %v", seed, s.Deed, s.Want, s.Got)
			}
		}
	}
	t.Logf("%d accepted, refused %v", accepted, refused)
	t.Logf("%v", deeds)
	t.Logf("done %v", done)
}

// The same options give the same bytes.
func TestDeterministic(t *testing.T) {
	c := cast(t)
	a := workload.New(c, workload.Options{Seed: 7, Mix: workload.Everything, StepMs: 1000})
	b := workload.New(c, workload.Options{Seed: 7, Mix: workload.Everything, StepMs: 1000})
	for i := range 200 {
		x, y := a.Next(), b.Next()
		if len(x.Signed) != len(y.Signed) || !bytes.Equal(x.Signed[0].Event, y.Signed[0].Event) || !bytes.Equal(x.Signed[0].Signatures[0], y.Signed[0].Signatures[0]) {
			t.Fatalf("step %d differs: %s, %s", i, x.Deed, y.Deed)
		}
	}
}
