package story

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"seconds": Seconds,
	"day":     func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"number":  func(t *Table, column int) bool { return t.Numbers != nil && t.Numbers[column] },
	"picture": (*Chart).picture,
}).Parse(pageText))

// WritePage writes the story as one HTML document that needs nothing else: no
// server, no network, no script, no font from elsewhere.
func (s *Story) WritePage(w io.Writer) error { return page.Execute(w, s) }

const (
	chartWidth  = 720
	chartHeight = 150
	chartTop    = 34 // room for the names of the marks
)

// picture draws the chart as SVG.
func (c *Chart) picture() template.HTML {
	highest := 1
	for _, count := range c.Counts {
		highest = max(highest, count)
	}
	total := time.Duration(len(c.Counts)) * c.Slice
	if total == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartTop+chartHeight+22, template.HTMLEscapeString(c.Caption))
	column := float64(chartWidth) / float64(len(c.Counts))
	for i, count := range c.Counts {
		height := float64(chartHeight) * float64(count) / float64(highest)
		fmt.Fprintf(&b, `<rect class="bar" x="%.2f" y="%.2f" width="%.2f" height="%.2f"/>`,
			float64(i)*column, float64(chartTop+chartHeight)-height, max(column-0.6, 0.4), height)
	}
	fmt.Fprintf(&b, `<line class="axis" x1="0" y1="%d" x2="%d" y2="%d"/>`, chartTop+chartHeight, chartWidth, chartTop+chartHeight)
	for i, mark := range c.Marks {
		x := float64(chartWidth) * float64(mark.At) / float64(total)
		anchor, dx := "start", 5.0
		if x > chartWidth*3/4 {
			anchor, dx = "end", -5
		}
		fmt.Fprintf(&b, `<line class="mark" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, x, 4+15*(i%2), x, chartTop+chartHeight)
		fmt.Fprintf(&b, `<text class="mark" x="%.1f" y="%d" text-anchor="%s">%s</text>`, x+dx, 14+15*(i%2), anchor, template.HTMLEscapeString(mark.Name))
	}
	for second := time.Duration(0); second <= total; second += tick(total) {
		x := float64(chartWidth) * float64(second) / float64(total)
		anchor := "middle"
		if second == 0 {
			anchor = "start"
		}
		if x > chartWidth-30 {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<text class="axis" x="%.1f" y="%d" text-anchor="%s">%g s</text>`, x, chartTop+chartHeight+17, anchor, second.Seconds())
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// tick is the distance between two labels of the time axis.
func tick(total time.Duration) time.Duration {
	for _, step := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second} {
		if total/step <= 10 {
			return step
		}
	}
	return time.Minute
}
