package growth

import (
	"slices"
	"time"
)

// Report is everything that was measured and what it was measured on. Rates and
// latencies are medians over rounds; bytes and restarts are those of the worst node.
type Report struct {
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	CPUs    int    `json:"cpus"`
	Nodes   int    `json:"nodes"`
	Fsync   bool   `json:"fsync"`
	TLS     bool   `json:"tls"`
	Lanes   int    `json:"streams"`
	Window  int    `json:"events_on_their_way_a_stream"`
	Rounds  int    `json:"rounds"`
	RoundMs int64  `json:"round_ms"`
	// Asked is the size that was to be reached. EndedBecause says why filling ended
	// before, if it did.
	Asked        uint64 `json:"asked_entries"`
	EndedBecause string `json:"ended_because,omitempty"`

	Points []Point `json:"points"`
	// The last three are nil until they are measured.
	Compared *Comparison `json:"compared_with_empty,omitempty"`
	Rejoin   *Rejoin     `json:"rejoin,omitempty"`
	Audit    *Audit      `json:"audit,omitempty"`
}

// Point is what was measured at one size.
type Point struct {
	Entries         uint64  `json:"entries"` // when measuring began
	Filled          uint64  `json:"filled"`  // to get there, since the point before
	FilledPerSecond float64 `json:"filled_per_second"`
	Appends         Appends `json:"appends"`
	// AnonymousBytes is the most resident anonymous memory that a node had while the
	// ledger was filled to this point and measured.
	AnonymousBytes uint64 `json:"anonymous_bytes"`
	// Size is the number of entries after the appends: what the disk holds.
	Size        uint64 `json:"size"`
	EventBytes  uint64 `json:"event_bytes"` // of all signed events, signatures included
	LedgerBytes uint64 `json:"ledger_bytes"`
	RaftBytes   uint64 `json:"raft_bytes"`
	// RestartMs is from the start of a killed node to the first linearizable read.
	// RestartCPUMs is what the node itself had computed until then.
	RestartMs    float64 `json:"restart_ms"`
	RestartCPUMs float64 `json:"restart_cpu_ms"`
	Root         string  `json:"root"` // of all nodes, at Size
}

// eventBytesMean is what one entry's signed event has.
func (p Point) eventBytesMean() float64 { return float64(p.EventBytes) / float64(max(p.Size, 1)) }

// diskBytesMean is what one entry takes in the store of a node.
func (p Point) diskBytesMean() float64 { return float64(p.LedgerBytes) / float64(max(p.Size, 1)) }

// diskRatio is what the store of a node takes of the bytes of the signed events.
func (p Point) diskRatio() float64 { return float64(p.LedgerBytes) / float64(max(p.EventBytes, 1)) }

// Appends are the rounds of one load.
type Appends struct {
	Rounds          int     `json:"rounds"`
	Done            int     `json:"done"`
	PerSecond       float64 `json:"per_second"`
	PerSecondMin    float64 `json:"per_second_min"`
	PerSecondMax    float64 `json:"per_second_max"`
	P50Ms           float64 `json:"p50_ms"`
	P99Ms           float64 `json:"p99_ms"`
	CPUMicroseconds float64 `json:"cpu_us_an_entry"` // of all nodes together
}

// Comparison is the full ledger beside an empty one, in turn.
type Comparison struct {
	Full      Appends `json:"full"`
	Empty     Appends `json:"empty"`
	FullSize  uint64  `json:"full_size"`  // at the end
	EmptySize uint64  `json:"empty_size"` // at the end: "empty" was its beginning
	// Ratio is the median over the rounds of the two rates of a round; CPURatio that of
	// the CPU time an entry.
	Ratio    float64 `json:"ratio"`
	RatioMin float64 `json:"ratio_min"`
	RatioMax float64 `json:"ratio_max"`
	CPURatio float64 `json:"cpu_ratio"`
}

// Rejoin is the way back of a node that lost its disk.
type Rejoin struct {
	Entries         uint64  `json:"entries"`
	TookMs          float64 `json:"took_ms"`
	PerSecond       float64 `json:"per_second"`
	CPUMicroseconds float64 `json:"cpu_us_an_entry"` // of all nodes together
	AnonymousBytes  uint64  `json:"anonymous_bytes"`
	LedgerBytes     uint64  `json:"ledger_bytes"` // of its store, written in order
}

// Audit is the audit of everything from entry 0.
type Audit struct {
	Entries   uint64  `json:"entries"`
	TookMs    float64 `json:"took_ms"`
	PerSecond float64 `json:"per_second"`
	HeapBytes uint64  `json:"heap_bytes"` // of the auditor at its end: the state that it verified
}

// round is one measurement of appends.
type round struct {
	took      time.Duration
	done      int
	latencies []time.Duration
	cpu       time.Duration
}

func (r round) rate() float64 { return float64(r.done) / r.took.Seconds() }

// perEntry is CPU time in microseconds for each of so many entries.
func perEntry(cpu time.Duration, entries uint64) float64 {
	return float64(cpu.Microseconds()) / float64(max(entries, 1))
}

func (r round) cpuPerEntry() float64 { return perEntry(r.cpu, uint64(r.done)) }

func summarize(rounds []round) Appends {
	a := Appends{Rounds: len(rounds)}
	var rates, p50s, p99s, cpus []float64
	for _, r := range rounds {
		a.Done += r.done
		rates = append(rates, r.rate())
		cpus = append(cpus, r.cpuPerEntry())
		slices.Sort(r.latencies)
		p50s = append(p50s, quantile(r.latencies, 0.50))
		p99s = append(p99s, quantile(r.latencies, 0.99))
	}
	a.PerSecond, a.PerSecondMin, a.PerSecondMax = median(rates), slices.Min(rates), slices.Max(rates)
	a.P50Ms, a.P99Ms, a.CPUMicroseconds = median(p50s), median(p99s), median(cpus)
	return a
}

func newComparison(full, empty []round) *Comparison {
	c := &Comparison{Full: summarize(full), Empty: summarize(empty)}
	var rates, cpus []float64
	for i := range full {
		if rate := empty[i].rate(); rate > 0 {
			rates = append(rates, full[i].rate()/rate)
		}
		if cpu := empty[i].cpuPerEntry(); cpu > 0 {
			cpus = append(cpus, full[i].cpuPerEntry()/cpu)
		}
	}
	if c.CPURatio = median(cpus); len(rates) > 0 {
		c.Ratio, c.RatioMin, c.RatioMax = median(rates), slices.Min(rates), slices.Max(rates)
	}
	return c
}

// quantile gives a quantile of sorted durations in milliseconds; 0 of none.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return milliseconds(sorted[int(q*float64(len(sorted)-1))])
}

// median gives the middle of values, the upper one of two; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
