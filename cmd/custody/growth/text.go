package growth

import (
	"fmt"
	"io"
	"strings"
	"time"
)

func format(text string, values ...any) string { return fmt.Sprintf(text, values...) }

// Text prints the report as tables in Markdown, which read as text too.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%d nodes on %d cores, load on the same machine; fsync on, TLS on; %d streams of %d events on their way; rounds of %v; %s, commit %s.\n",
		r.Nodes, r.CPUs, r.Lanes, r.Window, time.Duration(r.RoundMs)*time.Millisecond, r.Go, r.Commit)
	if r.EndedBecause != "" && len(r.Points) > 0 {
		fmt.Fprintf(w, "Filling ended at %s of %s entries: %s.\n", count(r.Points[len(r.Points)-1].Entries), count(r.Asked), r.EndedBecause)
	}
	table(w, rowsOf(r.Points))
	r.finish(w)
	r.judge(w)
}

func rowsOf(points []Point) [][]string {
	rows := [][]string{{"entries", "filled/s", "appends/s", "(lowest–highest)", "p50 ms", "p99 ms", "CPU µs/entry", "restart ms", "its CPU ms", "anonymous MiB", "event bytes", "disk/event", "ratio", "ledger MiB", "raft log MiB"}}
	for _, p := range points {
		filled := "–" // the rounds of the point before went past this one
		if p.Filled > 0 {
			filled = format("%.0f", p.FilledPerSecond)
		}
		rows = append(rows, []string{
			count(p.Entries), filled, format("%.0f", p.Appends.PerSecond), format("(%.0f–%.0f)", p.Appends.PerSecondMin, p.Appends.PerSecondMax),
			format("%.1f", p.Appends.P50Ms), format("%.1f", p.Appends.P99Ms), format("%.0f", p.Appends.CPUMicroseconds), format("%.0f", p.RestartMs), format("%.0f", p.RestartCPUMs),
			format("%.0f", mebibytes(p.AnonymousBytes)), format("%.0f", p.eventBytesMean()), format("%.0f", p.diskBytesMean()), format("%.2f", p.diskRatio()),
			format("%.0f", mebibytes(p.LedgerBytes)), format("%.0f", mebibytes(p.RaftBytes)),
		})
	}
	return rows
}

// finish prints what was measured once, at the end.
func (r *Report) finish(w io.Writer) {
	if c := r.Compared; c != nil {
		rows := [][]string{{"in turn", "entries at its end", "appends/s", "(lowest–highest)", "p99 ms", "CPU µs/entry"}}
		for _, side := range []struct {
			name    string
			size    uint64
			appends Appends
		}{{"full ledger", c.FullSize, c.Full}, {"empty ledger", c.EmptySize, c.Empty}} {
			a := side.appends
			rows = append(rows, []string{side.name, count(side.size), format("%.0f", a.PerSecond), format("(%.0f–%.0f)", a.PerSecondMin, a.PerSecondMax), format("%.1f", a.P99Ms), format("%.0f", a.CPUMicroseconds)})
		}
		table(w, append(rows, []string{"ratio of a round", "", format("%.2f", c.Ratio), format("(%.2f–%.2f)", c.RatioMin, c.RatioMax), "", format("%.2f", c.CPURatio)}))
	}
	rows := [][]string{{"once, at the end", "entries", "seconds", "entries/s", "MiB"}}
	if j := r.Rejoin; j != nil {
		rows = append(rows, []string{"catch-up of an emptied node", count(j.Entries), format("%.1f", j.TookMs/1000), format("%.0f", j.PerSecond), format("%.0f anonymous, %.0f on disk", mebibytes(j.AnonymousBytes), mebibytes(j.LedgerBytes))})
	}
	if a := r.Audit; a != nil {
		rows = append(rows, []string{"audit from entry 0", count(a.Entries), format("%.1f", a.TookMs/1000), format("%.0f", a.PerSecond), format("%.0f of state", mebibytes(a.HeapBytes))})
	}
	if len(rows) > 1 {
		table(w, rows)
	}
}

// judge prints the bars, and says so if the ledger is smaller than what they are for.
func (r *Report) judge(w io.Writer) {
	if len(r.Points) == 0 {
		return
	}
	if last := r.Points[len(r.Points)-1].Entries; last < barEntries {
		fmt.Fprintf(w, "\nThe bars are for %s entries; this is %s.\n", count(barEntries), count(last))
	}
	rows := [][]string{{"figure", "bar", "measured", "holds"}}
	for _, b := range r.bars() {
		holds := "no"
		if b.holds {
			holds = "yes"
		}
		rows = append(rows, []string{b.figure, b.want, b.measured, holds})
	}
	table(w, rows)
}

// table prints rows, the first one being the head, with an empty line before.
func table(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
	}
	fmt.Fprintln(w)
	for n, row := range rows {
		line(w, row, widths)
		if n == 0 {
			line(w, rule, widths)
		}
	}
}

func line(w io.Writer, cells []string, widths []int) {
	for i, cell := range cells {
		fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
	}
	fmt.Fprintln(w, "|")
}

// count writes a number with a comma every three digits.
func count(n uint64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
