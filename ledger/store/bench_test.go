package store_test

import (
	"fmt"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// stock makes signed registrations of one dealer's stones, about 400 bytes each.
func stock(b *testing.B, n int) (trade *storetest.Trade, submissions []ledger.Submission, eventBytes int) {
	b.Helper()
	trade = storetest.NewTrade(picks(1))
	submissions = append(submissions, trade.Admit(), trade.Admit())
	for range n {
		submissions = append(submissions, trade.Register(trade.Dealers[0]))
	}
	for _, s := range submissions {
		eventBytes += len(s[0].Signed.Event)
	}
	return trade, submissions, eventBytes
}

// BenchmarkApply applies registrations on the disk; an operation is one event,
// its signature verified before.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 64, 300} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			trade, submissions, eventBytes := stock(b, b.N)
			dir := b.TempDir() + "/ledger"
			if err := store.Create(dir, trade.File, store.Options{}); err != nil {
				b.Fatal(err)
			}
			s, err := store.Open(dir, store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			index := uint64(0)
			for from := 0; from < len(submissions); from += size {
				index++
				to := min(from+size, len(submissions))
				if _, err := s.Apply(at(index), []store.Batch{{At: trade.Now, Submissions: submissions[from:to]}}); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(eventBytes)/float64(len(submissions)), "event-B")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			s, err = store.Open(dir, store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(s.DiskBytes())/float64(len(submissions)), "disk-B/event")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkProof reads an item, its receipt and an inclusion proof from a new
// snapshot of a ledger of 50,000 entries.
func BenchmarkProof(b *testing.B) {
	trade, submissions, _ := stock(b, 50_000)
	dir := b.TempDir() + "/ledger"
	if err := store.Create(dir, trade.File, store.Options{}); err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < len(submissions); from += 500 {
		to := min(from+500, len(submissions))
		if _, err := s.Apply(at(uint64(to)), []store.Batch{{At: trade.Now, Submissions: submissions[from:to]}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		event := submissions[2+i*7919%50_000][0].ID
		snapshot := s.Snapshot()
		_, item := snapshot.Item(ledger.NewItemID(event, 0))
		receipt, ok, err := snapshot.Receipt(event)
		if err != nil || ok != item {
			b.Fatal(ok, item, err)
		}
		if _, err := merkle.InclusionProof(snapshot, receipt.Index, snapshot.Size()); err != nil {
			b.Fatal(err)
		}
		if err := snapshot.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
