package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is everything that was measured and what it was measured on.
type Report struct {
	Commit     string `json:"commit"`
	Go         string `json:"go"`
	CPUs       int    `json:"cpus"`
	Nodes      int    `json:"nodes"`
	Fsync      bool   `json:"fsync"`
	TLS        bool   `json:"tls"`
	EventBytes int    `json:"event_bytes"` // of a signed event, signatures included
	RoundMs    int64  `json:"round_ms"`
	Rows       []Row  `json:"rows"`
	Costs      []Cost `json:"costs,omitempty"`
}

// Row is one kind of load. Rates and latencies are medians over the rounds,
// with the lowest and highest rate beside them.
type Row struct {
	Name    string  `json:"name"`
	Clients int     `json:"clients"`
	Rounds  int     `json:"rounds"`
	Done    int     `json:"done"` // in all rounds
	Failed  int     `json:"failed"`
	Rate    float64 `json:"per_second"`
	RateMin float64 `json:"per_second_min"`
	RateMax float64 `json:"per_second_max"`
	P50Ms   float64 `json:"p50_ms"`
	P99Ms   float64 `json:"p99_ms"`
}

// round is one measurement of a row.
type round struct {
	took      time.Duration
	latencies []time.Duration // of what was done; may be fewer than done
	done      int
	failed    int
}

func (r round) rate() float64 { return float64(r.done) / r.took.Seconds() }

func summarize(name string, clients int, rounds []round) Row {
	row := Row{Name: name, Clients: clients, Rounds: len(rounds)}
	var rates, p50s, p99s []float64
	for _, r := range rounds {
		row.Done += r.done
		row.Failed += r.failed
		rates = append(rates, r.rate())
		if len(r.latencies) > 0 {
			slices.Sort(r.latencies)
			p50s = append(p50s, quantile(r.latencies, 0.50))
			p99s = append(p99s, quantile(r.latencies, 0.99))
		}
	}
	slices.Sort(rates)
	row.Rate, row.RateMin, row.RateMax = median(rates), rates[0], rates[len(rates)-1]
	row.P50Ms, row.P99Ms = median(p50s), median(p99s)
	return row
}

// quantile gives a quantile of sorted durations, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	at := int(q * float64(len(sorted)-1))
	return float64(sorted[at]) / float64(time.Millisecond)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Text prints the report as a table.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%d nodes on %d cores, load on the same machine; fsync on, TLS on; %d-byte signed events; rounds of %s; %s, commit %s\n\n",
		r.Nodes, r.CPUs, r.EventBytes, time.Duration(r.RoundMs)*time.Millisecond, r.Go, r.Commit)
	fmt.Fprintf(w, "%-32s %8s %12s %19s %10s %10s %8s\n", "load", "clients", "per second", "(lowest–highest)", "p50 ms", "p99 ms", "failed")
	fmt.Fprintln(w, strings.Repeat("-", 105))
	for _, row := range r.Rows {
		span := fmt.Sprintf("(%.0f–%.0f)", row.RateMin, row.RateMax)
		fmt.Fprintf(w, "%-32s %8d %12.0f %19s %10.2f %10.2f %8d\n", row.Name, row.Clients, row.Rate, span, row.P50Ms, row.P99Ms, row.Failed)
	}
	if len(r.Costs) == 0 {
		return
	}
	fmt.Fprintf(w, "\nwhat cosigning, signed proposals and a follower of the tiles cost: rates with and without, in turn\n\n")
	fmt.Fprintf(w, "%-32s %8s %12s %12s %8s %19s\n", "load", "clients", "with", "without", "ratio", "(lowest–highest)")
	fmt.Fprintln(w, strings.Repeat("-", 96))
	for _, c := range r.Costs {
		span := fmt.Sprintf("(%.3f–%.3f)", c.RatioMin, c.RatioMax)
		fmt.Fprintf(w, "%-32s %8d %12.0f %12.0f %8.3f %19s\n", c.With.Name, c.With.Clients, c.With.Rate, c.Without.Rate, c.Ratio, span)
	}
}
