package replica

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/workload"
)

// benchEvents is how many events one command of a benchmark carries.
const benchEvents = 300

// benchCasts times the parties of a cast is how many dealers sign.
const benchCasts = 6

// BenchmarkMachine applies commands of 300 signed events of as many stones (each is
// registered and sold five times) to a ledger on the disk, without raft and without a
// network. Figures are of CPU time, an event: cpu-us of the whole process, with what Go
// and Pebble do behind; the others of the goroutine that applies. In "leader" the
// signatures were verified before, as a node does with what it was sent itself.
//
// Run it with -cpu 1, so that all of the verifying is on that goroutine.
func BenchmarkMachine(b *testing.B) {
	for _, c := range []struct {
		name     string
		verified bool
	}{{"follower", false}, {"leader", true}} {
		b.Run(c.name, func(b *testing.B) { benchmarkMachine(b, c.verified) })
	}
}

func benchmarkMachine(b *testing.B, verified bool) {
	// A machine's goroutine stays on one thread, whose time is then the goroutine's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m, admissions, chains := benchWorld(b, b.N)
	index := uint64(0)
	at := func() ledger.Position {
		index++
		return ledger.Position{Cluster: [32]byte{1}, Index: index, Term: 1}
	}
	first := at()
	if _, err := m.Apply(first, []consensus.Command{{Index: first.Index, Term: 1, Data: encodeSigned(b, admissions)}}); err != nil {
		b.Fatal(err)
	}
	var commands [][]byte
	for from := 0; from < len(chains); from += benchEvents {
		encoded := encodeSigned(b, chains[from:min(from+benchEvents, len(chains))])
		commands = append(commands, encoded)
	}
	known := func(data []byte) (skipped time.Duration) {
		before := cpuTime(b, syscall.RUSAGE_SELF)
		c, err := decodeCommand(data)
		if err != nil {
			b.Fatal(err)
		}
		for _, j := range m.judge([]command{c})[0] {
			m.verified.put(j.submission[0].VerifiedEvent)
		}
		return cpuTime(b, syscall.RUSAGE_SELF) - before
	}
	var stages struct{ decode, judge, store time.Duration }
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	process := cpuTime(b, syscall.RUSAGE_SELF)
	for _, data := range commands {
		if verified {
			b.StopTimer()
			process += known(data)
			b.StartTimer()
		}
		start := cpuTime(b, rusageThread)
		c, err := decodeCommand(data)
		if err != nil {
			b.Fatal(err)
		}
		decoded := cpuTime(b, rusageThread)
		judged := m.judge([]command{c})
		verified := cpuTime(b, rusageThread)
		batches, _ := standing([]command{c}, judged)
		outcomes, err := m.store.Apply(at(), batches)
		if err != nil {
			b.Fatal(err)
		}
		stored := cpuTime(b, rusageThread)
		for _, outcome := range outcomes[0] {
			if outcome.Rejection != nil {
				b.Fatal(outcome.Rejection)
			}
		}
		stages.decode += decoded - start
		stages.judge += verified - decoded
		stages.store += stored - verified
	}
	b.StopTimer()
	process = cpuTime(b, syscall.RUSAGE_SELF) - process
	report := func(d time.Duration, unit string) {
		b.ReportMetric(float64(d.Microseconds())/float64(len(chains)), unit)
	}
	report(process, "cpu-us")
	report(stages.decode, "decode-us")
	report(stages.judge, "verify-us")
	report(stages.store, "store-us")
}

// benchWorld gives a machine on an empty ledger on the disk, the events that admit the
// dealers, and n events to apply after them: neighbours are of different stones.
func benchWorld(b *testing.B, n int) (*machine, []ledger.SignedEvent, []ledger.SignedEvent) {
	b.Helper()
	g, governance, err := workload.Genesis(1)
	if err != nil {
		b.Fatal(err)
	}
	file, err := g.Encode()
	if err != nil {
		b.Fatal(err)
	}
	var admissions, events []ledger.SignedEvent
	var casts []*workload.Cast
	for seed := range uint64(benchCasts) {
		cast, admitted, err := workload.NewCast(g, governance, seed, workload.StartMs)
		if err != nil {
			b.Fatal(err)
		}
		casts, admissions = append(casts, cast), append(admissions, admitted...)
	}
	for seed := uint64(0); len(events) < n; {
		stories := make([][]ledger.SignedEvent, benchEvents)
		for i := range stories {
			if stories[i], err = casts[seed%benchCasts].Chain(seed, 5, workload.StartMs); err != nil {
				b.Fatal(err)
			}
			seed++
		}
		for step := range stories[0] {
			for _, story := range stories {
				events = append(events, story[step])
			}
		}
	}
	dir := b.TempDir() + "/ledger"
	if err := store.Create(dir, file, store.Options{}); err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	metrics, err := NewMetrics(nil)
	if err != nil {
		b.Fatal(err)
	}
	return &machine{
		store: s, rulesVersion: ledger.RulesVersion1, verifier: sign.NewVerifier(4096),
		verified: newVerifiedCache(), metrics: metrics, applied: func() {}, evidence: func(string, []byte, []byte) {},
	}, admissions, events[:n]
}

// encodeSigned gives a command of submissions of one event each.
func encodeSigned(b *testing.B, events []ledger.SignedEvent) []byte {
	b.Helper()
	submissions := make([]ledger.Submission, len(events))
	for i, signed := range events {
		submissions[i] = ledger.Submission{{VerifiedEvent: ledger.VerifiedEvent{Event: &ledger.Event{Signed: signed}}}}
	}
	return encodeAll(b, workload.StartMs, submissions)
}

// rusageThread asks for the calling thread alone (getrusage(2), Linux).
const rusageThread = 1

func cpuTime(b *testing.B, who int) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(who, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
