package bench

import (
	"math"
	"slices"
	"sync"
	"time"
)

// round is one measurement of a load.
type round struct {
	took     time.Duration
	done     int
	failed   int
	p50, p99 time.Duration // 0 where single calls were not timed
}

func (r round) rate() float64 { return float64(r.done) / r.took.Seconds() }

// tally collects what the goroutines of one round did.
type tally struct {
	mu        sync.Mutex
	latencies []time.Duration
	more      int // done beyond one a latency
	failed    int
}

func (t *tally) add(latencies []time.Duration, more, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies = append(t.latencies, latencies...)
	t.more += more
	t.failed += failed
}

func (t *tally) round(took time.Duration) round {
	slices.Sort(t.latencies)
	return round{
		took: took, done: len(t.latencies) + t.more, failed: t.failed,
		p50: quantile(t.latencies, 0.50), p99: quantile(t.latencies, 0.99),
	}
}

// quantile gives the least of sorted durations that so large a part of them does
// not exceed; 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median sorts the values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Spread is the median of a ratio over the rounds, with the lowest and highest.
type Spread struct {
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// spread sorts the values, of which there is at least one.
func spread(values []float64) Spread {
	return Spread{Median: median(values), Lowest: values[0], Highest: values[len(values)-1]}
}
