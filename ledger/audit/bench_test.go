package audit

import (
	"crypto/sha256"
	"fmt"
	"syscall"
	"testing"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func sumOf(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// trade writes a ledger of stones that pass through hands: registrations,
// offers and acceptances in equal parts, by 64 dealers.
func trade(b *testing.B, entries int) *world {
	w := newWorld(b)
	dealers := make([]string, 64)
	for i := range dealers {
		dealers[i] = fmt.Sprintf("dealer %d", i)
		w.admit("north", dealers[i])
	}
	for n := 0; len(w.entries) < entries; n++ {
		seller, buyer := dealers[n%64], dealers[(n*7+1)%64]
		if seller == buyer {
			buyer = dealers[(n+1)%64]
		}
		w.pass(seller, buyer, w.register(seller, n), custodyv1.Mode_MODE_SALE)
	}
	return w
}

const benchEntries = 30_000

// perEntry starts the measure and returns what reports it: entries a second by
// the clock, and processor time an entry, which does not depend on what else
// the machine does.
func perEntry(b *testing.B, entries int) func() {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return func() {
		b.StopTimer()
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
			b.Fatal(err)
		}
		used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		all := float64(entries) * float64(b.N)
		b.ReportMetric(all/b.Elapsed().Seconds(), "entries/s")
		b.ReportMetric(float64(used)/all, "cpu-ns/entry")
	}
}

// BenchmarkAudit is a full audit: signatures, rules, chain, links, tree.
func BenchmarkAudit(b *testing.B) {
	w := trade(b, benchEntries)
	report := perEntry(b, len(w.entries))
	for b.Loop() {
		if report := w.audit(w.source("copy")); !report.OK() {
			b.Fatal(report.Findings())
		}
	}
	report()
}

// BenchmarkVerify is what all cores share, BenchmarkRules what one core must do
// in order.
func BenchmarkVerify(b *testing.B) {
	w := trade(b, 2*runEntries)
	r := w.state.Replayer()
	run := raws(w.entries[1:])
	report := perEntry(b, len(run))
	for b.Loop() {
		r.Verify(run)
	}
	report()
}

func BenchmarkRules(b *testing.B) {
	w := trade(b, benchEntries)
	start, err := Start(w.file)
	if err != nil {
		b.Fatal(err)
	}
	var runs []*Verified
	for at := 1; at < len(w.entries); at += runEntries {
		runs = append(runs, start.Replayer().Verify(raws(w.entries[at:min(at+runEntries, len(w.entries))])))
	}
	report := perEntry(b, len(w.entries))
	for b.Loop() {
		state, _ := Start(w.file)
		r := state.Replayer()
		for _, run := range runs {
			block, err := r.Replay(state, run)
			if err != nil {
				b.Fatal(err)
			}
			state.Apply(block)
		}
	}
	report()
}
