package growth

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Measures of the drawing, in pixels.
const (
	panelWidth  = 400.0
	panelHeight = 210.0
	panelLeft   = 58.0
	panelRight  = 16.0
	panelTop    = 34.0
	panelBottom = 40.0
	panelsInRow = 2
	headHeight  = 46.0
)

// panel is one figure over the size of the ledger.
type panel struct {
	title string
	value func(Point) float64
	bar   float64 // drawn as a line; 0 for none
}

// SVG draws the figures of all points over the size of the ledger, which stands on a
// logarithmic scale. Every panel begins at 0. There are no scripts and no links; every
// mark has its value as a title.
func (r *Report) SVG(w io.Writer) error {
	panels := []panel{
		{"appends a second, streamed", func(p Point) float64 { return p.Appends.PerSecond }, 0},
		{"p99 of an append at full load, ms", func(p Point) float64 { return p.Appends.P99Ms }, 0},
		{"CPU time an entry, all nodes, µs", func(p Point) float64 { return p.Appends.CPUMicroseconds }, 0},
		{"restart to serving, s", func(p Point) float64 { return p.RestartMs / 1000 }, barRestartMs / 1000},
		{"anonymous memory, largest node, MiB", func(p Point) float64 { return mebibytes(p.AnonymousBytes) }, barAnonymous >> 20},
		{"raft log, largest node, MiB", func(p Point) float64 { return mebibytes(p.RaftBytes) }, barRaftBytes >> 20},
		{"ledger, largest node, GiB", func(p Point) float64 { return float64(p.LedgerBytes) / (1 << 30) }, 0},
		{"disk an event, of its bytes", func(p Point) float64 { return p.diskRatio() }, barDisk},
	}
	rows := (len(panels) + panelsInRow - 1) / panelsInRow
	width, height := panelsInRow*panelWidth, headHeight+float64(rows)*panelHeight
	d := &drawing{w: w}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="growth-title growth-text" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="11">`+"\n", width, height, width, height)
	d.printf("<title id=\"growth-title\">What grows with the ledger</title>\n")
	d.printf("<desc id=\"growth-text\">%d panels over the number of entries, on a logarithmic scale. Dashed red lines are the bars.</desc>\n", len(panels))
	d.printf("<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", width, height)
	d.printf("<text x=\"%.0f\" y=\"20\" font-size=\"14\" font-weight=\"600\">What grows with the ledger</text>\n", panelLeft)
	d.printf("<text x=\"%.0f\" y=\"36\" fill=\"#5b6068\">%d nodes on %d cores, fsync and TLS on, commit %.12s; dashed: the bar</text>\n", panelLeft, r.Nodes, r.CPUs, r.Commit)
	for i, p := range panels {
		d.panel(p, r.Points, float64(i%panelsInRow)*panelWidth, headHeight+float64(i/panelsInRow)*panelHeight)
	}
	d.printf("</svg>\n")
	return d.err
}

// drawing writes and keeps the first error.
type drawing struct {
	w   io.Writer
	err error
}

func (d *drawing) printf(format string, values ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format, values...)
	}
}

// scale maps sizes and values to pixels.
type scale struct {
	left, top, width, height float64
	first, last              float64 // logarithms of the sizes at both ends
	most                     float64 // value at the top
}

func newScale(p panel, points []Point, x, y float64) scale {
	s := scale{left: x + panelLeft, top: y + panelTop, width: panelWidth - panelLeft - panelRight, height: panelHeight - panelTop - panelBottom, first: 3, last: 4}
	most := p.bar
	for i, point := range points {
		at := math.Log10(float64(max(point.Entries, 1)))
		if i == 0 {
			s.first = math.Floor(at)
		}
		s.last = max(math.Ceil(at), s.first+1)
		most = max(most, p.value(point))
	}
	s.most = niceStep(most*1.05/gridLines) * gridLines
	return s
}

func (s scale) x(entries float64) float64 {
	return s.left + (math.Log10(max(entries, 1))-s.first)/(s.last-s.first)*s.width
}
func (s scale) y(value float64) float64 { return s.top + s.height*(1-value/s.most) }

// gridLines is how many horizontal lines lie above 0.
const gridLines = 4

// niceStep gives the next number at or above a value that is 1, 2, 2.5 or 5 times a
// power of ten; 1 for nothing.
func niceStep(value float64) float64 {
	if value <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, nice := range []float64{1, 2, 2.5, 5} {
		if nice*power >= value {
			return nice * power
		}
	}
	return 10 * power
}

func (d *drawing) panel(p panel, points []Point, x, y float64) {
	s := newScale(p, points, x, y)
	d.printf("<text x=\"%.1f\" y=\"%.1f\" font-weight=\"600\">%s</text>\n", s.left, s.top-10, p.title)
	for i := range gridLines + 1 {
		value := s.most * float64(i) / gridLines
		d.printf("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e3e5e8\"/>\n", s.left, s.y(value), s.left+s.width, s.y(value))
		d.printf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" fill=\"#5b6068\">%s</text>\n", s.left-6, s.y(value)+4, short(value))
	}
	for power := s.first; power <= s.last; power++ {
		entries := math.Pow(10, power)
		d.printf("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#8a8f98\"/>\n", s.x(entries), s.y(0), s.x(entries), s.y(0)+4)
		d.printf("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#5b6068\">%s</text>\n", s.x(entries), s.y(0)+17, short(entries))
	}
	if p.bar > 0 {
		d.printf("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#b3261e\" stroke-dasharray=\"5 4\"/>\n", s.left, s.y(p.bar), s.left+s.width, s.y(p.bar))
	}
	var line []string
	for _, point := range points {
		line = append(line, fmt.Sprintf("%.1f,%.1f", s.x(float64(point.Entries)), s.y(p.value(point))))
	}
	d.printf("<polyline points=\"%s\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1.6\"/>\n", strings.Join(line, " "))
	for _, point := range points {
		d.printf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" fill=\"#1f5fa8\"><title>%s entries: %s</title></circle>\n", s.x(float64(point.Entries)), s.y(p.value(point)), count(point.Entries), short(p.value(point)))
	}
}

// short writes a number in few characters.
func short(value float64) string {
	switch {
	case value >= 1_000_000:
		return fmt.Sprintf("%.4g M", value/1_000_000)
	case value >= 10_000:
		return fmt.Sprintf("%.4g k", value/1000)
	}
	return fmt.Sprintf("%.4g", value)
}
