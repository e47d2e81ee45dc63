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
	Versions
	CPUs       int   `json:"cpus"`
	Nodes      int   `json:"nodes"`
	Fsync      bool  `json:"fsync"`
	TLS        bool  `json:"tls"`
	EventBytes int   `json:"event_bytes"` // of a signed registration, signatures included; a value of etcd has as many
	RoundMs    int64 `json:"round_ms"`
	// Etcd is what ran beside the ledger; nil if nothing did, and then EtcdLeftOut
	// says why.
	Etcd        *Etcd        `json:"etcd"`
	EtcdLeftOut string       `json:"etcd_left_out,omitempty"`
	Rows        []Row        `json:"rows"`
	Comparisons []Comparison `json:"comparisons"`
	Overload    *Overload    `json:"overload"`
	Kills       *Kills       `json:"kills"`
	Costs       []Cost       `json:"costs,omitempty"`
	Figures     []Figure     `json:"figures"`
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

func summarize(name string, clients int, rounds []round) Row {
	row := Row{Name: name, Clients: clients, Rounds: len(rounds)}
	var rates, p50s, p99s []float64
	for _, r := range rounds {
		row.Done += r.done
		row.Failed += r.failed
		rates = append(rates, r.rate())
		p50s = append(p50s, milliseconds(r.p50))
		p99s = append(p99s, milliseconds(r.p99))
	}
	slices.Sort(rates)
	row.Rate, row.RateMin, row.RateMax = median(rates), rates[0], rates[len(rates)-1]
	row.P50Ms, row.P99Ms = median(p50s), median(p99s)
	return row
}

// Text prints the report as tables.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%d nodes on %d cores, load on the same machine; fsync on, TLS on; %d-byte signed events; rounds of %s\n",
		r.Nodes, r.CPUs, r.EventBytes, time.Duration(r.RoundMs)*time.Millisecond)
	fmt.Fprintf(w, "commit %s, %s, %s, %s, pebble %s\n", r.Commit, r.Go, r.Raft, r.Log, r.Pebble)
	if r.Etcd != nil {
		fmt.Fprintf(w, "beside it, in turn: etcd %s (raft %s, %s), %d nodes, fsync on, mutual TLS on, values of as many bytes\n", r.Etcd.Etcd, r.Etcd.Raft, r.Etcd.Go, r.Etcd.Nodes)
	} else {
		fmt.Fprintf(w, "etcd is left out: %s\n", r.EtcdLeftOut)
	}
	for _, part := range []func(io.Writer){r.rows, r.comparisons, r.overload, r.kills, r.costs, r.figures} {
		part(w)
	}
}

func (r *Report) rows(w io.Writer) {
	heading(w, "medians over the rounds", "%-36s %8s %12s %19s %10s %10s %8s", "load", "clients", "per second", "(lowest–highest)", "p50 ms", "p99 ms", "failed")
	for _, row := range r.Rows {
		span := fmt.Sprintf("(%.0f–%.0f)", row.RateMin, row.RateMax)
		fmt.Fprintf(w, "%-36s %8d %12.0f %19s %10.2f %10.2f %8d\n", row.Name, row.Clients, row.Rate, span, row.P50Ms, row.P99Ms, row.Failed)
	}
}

func (r *Report) comparisons(w io.Writer) {
	if len(r.Comparisons) == 0 {
		return
	}
	heading(w, "ours over etcd's, round by round", "%-36s %-26s %8s %8s %19s %10s", "load", "beside", "clients", "rate", "(lowest–highest)", "p50")
	for _, c := range r.Comparisons {
		clients, p50 := fmt.Sprint(c.Clients), fmt.Sprintf("%.2f", c.P50.Median)
		if c.Clients == 0 {
			clients, p50 = "best", "–"
		}
		fmt.Fprintf(w, "%-36s %-26s %8s %8.2f %19s %10s\n", c.Name, c.Etcd, clients, c.Rate.Median, c.Rate.span("%.2f"), p50)
	}
}

func (r *Report) overload(w io.Writer) {
	if r.Overload == nil {
		return
	}
	heading(w, "overload: one event a call, no client waits for another", "%8s %12s %12s %8s %10s %10s %10s", "clients", "accepted/s", "refused/s", "failed", "p50 ms", "p99 ms", "longest ms")
	for _, p := range []Pressed{r.Overload.Saturated, r.Overload.Pressed} {
		fmt.Fprintf(w, "%8d %12.0f %12.0f %8d %10.1f %10.1f %10.1f\n", p.Clients, p.Accepted, p.Refused, p.Failed, p.P50Ms, p.P99Ms, p.MaxMs)
	}
	fmt.Fprintf(w, "accepted rate kept: %.2f %s\n", r.Overload.Kept.Median, r.Overload.Kept.span("%.2f"))
}

func (r *Report) kills(w io.Writer) {
	if r.Kills != nil {
		fmt.Fprintf(w, "\nleader killed → next committed write, %d kills: p50 %.0f ms, p95 %.0f ms, longest %.0f ms\n", r.Kills.Count, r.Kills.P50Ms, r.Kills.P95Ms, r.Kills.MaxMs)
	}
}

func (r *Report) costs(w io.Writer) {
	if len(r.Costs) == 0 {
		return
	}
	heading(w, "what cosigning, signed proposals and a follower of the tiles cost: rates with and without, in turn", "%-36s %8s %12s %12s %8s %19s", "load", "clients", "with", "without", "ratio", "(lowest–highest)")
	for _, c := range r.Costs {
		fmt.Fprintf(w, "%-36s %8d %12.0f %12.0f %8.3f %19s\n", c.With.Name, c.With.Clients, c.With.Rate, c.Without.Rate, c.Ratio.Median, c.Ratio.span("%.3f"))
	}
}

func (r *Report) figures(w io.Writer) {
	heading(w, "the design's numbers", "%-60s %22s %22s  %s", "figure", "bar", "measured", "")
	for _, f := range r.Figures {
		sign, measured, note := "≥", "–", ""
		if f.AtMost {
			sign = "≤"
		}
		if f.Verdict != NotMeasured {
			measured = fmt.Sprintf("%.*f %s", decimals(f.Measured), f.Measured, f.Unit)
		}
		if f.Note != "" {
			note = " (" + f.Note + ")"
		}
		fmt.Fprintf(w, "%-60s %22s %22s  %s%s\n", f.Name, fmt.Sprintf("%s %g %s", sign, f.Bar, f.Unit), measured, f.Verdict, note)
	}
}

// decimals shows two, or none of what is large.
func decimals(value float64) int {
	if value >= 1000 {
		return 0
	}
	return 2
}

func heading(w io.Writer, title, format string, columns ...any) {
	line := fmt.Sprintf(format, columns...)
	fmt.Fprintf(w, "\n%s\n\n%s\n%s\n", title, line, strings.Repeat("-", len([]rune(line))))
}

func (s Spread) span(format string) string {
	return fmt.Sprintf("("+format+"–"+format+")", s.Lowest, s.Highest)
}
