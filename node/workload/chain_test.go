package workload_test

import (
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/workload"
)

// What was signed before the first event is sent is recorded, chain by chain.
func TestChains(t *testing.T) {
	c := cast(t)
	l := workload.New(c, workload.Options{Mix: workload.Plain}).Ledger
	record := func(signed ...ledger.SignedEvent) {
		t.Helper()
		submission, rejection := l.Decode(signed...)
		if rejection == nil {
			rejection = l.Append(submission, workload.StartMs+1)
		}
		if rejection != nil {
			t.Fatal(rejection)
		}
	}
	for seed := range uint64(5) {
		chain, err := c.Chain(seed, 6, workload.StartMs)
		if err != nil || len(chain) != 13 {
			t.Fatalf("%d events, %v", len(chain), err)
		}
		for _, signed := range chain {
			record(signed)
		}
	}
	for _, n := range []int{2, 300, ledger.GroupEventsMax} {
		parcel, err := c.Parcel(uint64(n), n, workload.StartMs)
		if err != nil {
			t.Fatal(err)
		}
		record(parcel...)
	}
	for _, n := range []int{1, ledger.GroupEventsMax + 1} {
		if _, err := c.Parcel(1, n, workload.StartMs); err == nil {
			t.Errorf("a group of %d", n)
		}
	}
	if got := len(l.Items()); got != 5+2+300+1000 {
		t.Errorf("%d items", got)
	}
	for name, c := range map[string]struct {
		sign         func(uint64, int, uint64) ([]ledger.SignedEvent, error)
		events, most int
	}{
		"split": {c.Split, 1 + 1 + 2*4, 20},
		"merge": {c.Merge, 4 + 1 + 2, 20},
	} {
		for seed := range uint64(5) {
			signed, err := c.sign(seed, 4, workload.StartMs)
			if err != nil || len(signed) != c.events {
				t.Fatalf("%s: %d events, %v", name, len(signed), err)
			}
			for _, event := range signed {
				record(event)
			}
		}
		if signed, err := c.sign(1, c.most, workload.StartMs); err != nil || len(signed) == 0 {
			t.Errorf("%s of %d: %v", name, c.most, err)
		}
		for _, n := range []int{1, c.most + 1} {
			if _, err := c.sign(1, n, workload.StartMs); err == nil {
				t.Errorf("%s of %d", name, n)
			}
		}
	}
	if got := len(l.Items()); got != 5+2+300+1000+5*(1+4)+5*(4+1) {
		t.Errorf("%d items", got)
	}
}

// With a clock that stands still, a trade without mistakes is recorded as expected.
func TestTradeStandsStill(t *testing.T) {
	c := cast(t)
	for _, mix := range []workload.Mix{workload.Plain, workload.Trade} {
		w := workload.New(c, workload.Options{Seed: 3, Mix: mix})
		recorded := 0
		for range 2000 {
			s := w.Next()
			if s.At != workload.StartMs {
				t.Fatal("the clock moved")
			}
			if s.Got == nil {
				recorded++
			}
			if s.Want != workload.Unsure && s.Want != s.Reason() {
				t.Errorf("%s: expected %q, got %v", s.Deed, s.Want, s.Got)
			}
		}
		if recorded < 1600 {
			t.Errorf("only %d of 2000 recorded", recorded)
		}
	}
}
