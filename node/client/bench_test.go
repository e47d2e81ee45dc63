package client_test

import (
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
)

// signedStones signs registrations of one dealer.
func signedStones(b *testing.B, w *apitest.World) []ledger.SignedEvent {
	b.Helper()
	dealer := w.Dealer()
	events := make([]ledger.SignedEvent, b.N)
	for i := range events {
		events[i] = w.Register(dealer)
	}
	return events
}

// BenchmarkAppend is one event a call, many callers, without raft: TLS, decoding,
// signatures, rules and the store.
func BenchmarkAppend(b *testing.B) {
	w := apitest.New(b)
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	events := signedStones(b, w)
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Append(b.Context(), events[next.Add(1)-1]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkStream is the same over one stream.
func BenchmarkStream(b *testing.B) {
	w := apitest.New(b)
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	events := signedStones(b, w)
	b.ReportAllocs()
	b.ResetTimer()
	stream := c.Stream(b.Context(), 0, func(r client.Result) {
		if r.Err != nil {
			b.Error(r.Err)
		}
	})
	for _, event := range events {
		if _, err := stream.Send(client.Write{Event: event}); err != nil {
			b.Fatal(err)
		}
	}
	if err := stream.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkGetItem is one read a call, many callers.
func BenchmarkGetItem(b *testing.B) {
	w := apitest.New(b)
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	registration := w.Register(w.Dealer())
	w.Record(registration)
	item := client.RegisteredItem(registration)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.GetItem(b.Context(), item, client.Linearizable); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkEntries reads a whole ledger from a node as an audit does: the store, gRPC and TLS on both sides, in one
// process.
func BenchmarkEntries(b *testing.B) {
	const entries = 20_000
	w := apitest.New(b)
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	dealer := w.Dealer()
	for range entries / 500 {
		events := make([]ledger.SignedEvent, 500)
		for i := range events {
			events[i] = w.Register(dealer)
		}
		w.Record(events...)
	}
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	read, bytes := 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		err := c.Entries(b.Context(), 0, 0, func(_ uint64, entry []byte) error {
			read, bytes = read+1, bytes+len(entry)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(read), "cpu-ns/entry")
	b.ReportMetric(float64(bytes)/float64(read), "bytes/entry")
}
