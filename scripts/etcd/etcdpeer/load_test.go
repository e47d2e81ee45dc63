package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestResultsAreCountedAndRanked(t *testing.T) {
	latencies := []time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}
	got := summarize(time.Second, latencies, []int{1, 0, 2})
	if want := (result{Done: 3, Failed: 3, TookMs: 1000, P50Ms: 2, P99Ms: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := summarize(time.Second, nil, nil); got != (result{TookMs: 1000}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// Orders that make no sense are answered, not obeyed.
func TestOrdersRefused(t *testing.T) {
	for _, o := range []order{
		{},
		{Load: "put", Clients: 0, RoundMs: 1},
		{Load: "put", Clients: 1, RoundMs: 0},
		{Load: "put", Clients: 1, RoundMs: 1, ValueBytes: -1},
		{Load: "drop", Clients: 1, RoundMs: 1},
		{Load: "get", Clients: 1, RoundMs: 1}, // nothing was put
	} {
		if got := new(cluster).run(t.Context(), o); got.Error == "" {
			t.Errorf("%+v: %+v", o, got)
		}
	}
}

func TestOrdersEndWithTheirInput(t *testing.T) {
	orders, ended := read(strings.NewReader(`{"load":"put","clients":3}{"load":"get"}`))
	if got := []order{<-orders, <-orders}; !slices.Equal(got, []order{{Load: "put", Clients: 3}, {Load: "get"}}) {
		t.Errorf("%+v", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, input := range []string{`{"lode":"put"}`, `{"load":`, `x`} {
		if _, ended := read(strings.NewReader(input)); <-ended == nil {
			t.Errorf("%s was read", input)
		}
	}
}

func TestKeysAreDistinctAndOfOneSize(t *testing.T) {
	for _, n := range []int64{0, 1, 1 << 62} {
		if got := key(n); len(got) != 32 {
			t.Errorf("key %d: %q", n, got)
		}
	}
	if key(1) == key(10) {
		t.Error("two numbers, one key")
	}
}

// Every node and client gets a certificate that the authority of the run signed.
func TestKeysOfARun(t *testing.T) {
	k, err := newKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.certify("client"); err != nil {
		t.Fatal(err)
	}
	config, err := k.client("client")
	if err != nil {
		t.Fatal(err)
	}
	if err := config.Certificates[0].Leaf.CheckSignatureFrom(k.authority); err != nil {
		t.Error(err)
	}
}
