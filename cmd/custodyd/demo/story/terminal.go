package story

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Terminal tells acts as they happen.
type Terminal struct{ w io.Writer }

// NewTerminal tells to w.
func NewTerminal(w io.Writer) *Terminal { return &Terminal{w: w} }

// Opening prints the title and the lead.
func (t *Terminal) Opening(s *Story) {
	fmt.Fprintf(t.w, "%s\n%s\n%s\n", s.Title, strings.Repeat("=", utf8.RuneCountInString(s.Title)), wrap(s.Lead, 0))
}

// Begin prints an act's number and title before it happens.
func (t *Terminal) Begin(number int, title string) {
	fmt.Fprintf(t.w, "\n%2d. %s\n", number, title)
}

// End prints what happened.
func (t *Terminal) End(a Act) {
	fmt.Fprintln(t.w, wrap(fmt.Sprintf("%s (%s)", a.Sentence, Seconds(a.Took)), 4))
	for _, d := range a.Details {
		switch {
		case d.Text != "":
			fmt.Fprintln(t.w, wrap(d.Text, 6))
		case d.Table != nil:
			t.table(d.Table)
		case d.Output != nil:
			t.output(d.Output)
		case d.Chart != nil:
			t.chart(d.Chart)
		}
	}
}

// tableIndent is what stands before the first column.
const tableIndent = 6

func (t *Terminal) table(table *Table) {
	widths := make([]int, len(table.Columns))
	for _, row := range append([][]string{table.Columns}, table.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	last := len(widths) - 1
	before := tableIndent
	for _, width := range widths[:last] {
		before += width + 2
	}
	const narrowest = 30
	widths[last] = min(widths[last], max(lineWidth-before, narrowest))
	t.row(table, widths, table.Columns)
	for _, row := range table.Rows {
		t.row(table, widths, row)
	}
}

// row prints one row. What is too long for the last column goes on below it.
func (t *Terminal) row(table *Table, widths []int, row []string) {
	var line strings.Builder
	line.WriteString(strings.Repeat(" ", tableIndent-1))
	last := len(row) - 1
	for i, cell := range row {
		var rest []string
		if i == last {
			broken := strings.Split(breakAt(cell, widths[i]), "\n")
			cell, rest = broken[0], broken[1:]
		}
		pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
		if table.Numbers != nil && table.Numbers[i] {
			cell, pad = pad+cell, ""
		}
		at := utf8.RuneCountInString(line.String()) + 1
		if i == last {
			line.WriteString(" " + cell)
		} else {
			line.WriteString(" " + cell + pad + " ")
		}
		for _, more := range rest {
			line.WriteString("\n" + strings.Repeat(" ", at) + more)
		}
	}
	fmt.Fprintln(t.w, strings.TrimRight(line.String(), " "))
}

func (t *Terminal) output(o *Output) {
	fmt.Fprintf(t.w, "      $ %s\n", o.Command)
	for line := range strings.Lines(o.Text) {
		fmt.Fprintf(t.w, "      %s\n", strings.TrimRight(line, "\r\n"))
	}
}

// bars are the heights of a chart one line high.
var bars = []rune(" ▁▂▃▄▅▆▇█")

func (t *Terminal) chart(c *Chart) {
	highest := 1
	for _, count := range c.Counts {
		highest = max(highest, count)
	}
	const columns = 100
	step := max(1, (len(c.Counts)+columns-1)/columns)
	var line strings.Builder
	for i := 0; i < len(c.Counts); i += step {
		top := 0
		for _, count := range c.Counts[i:min(i+step, len(c.Counts))] {
			top = max(top, count)
		}
		height := top * (len(bars) - 1) / highest
		if top > 0 {
			height = max(height, 1)
		}
		line.WriteRune(bars[height])
	}
	fmt.Fprintf(t.w, "      |%s|\n", line.String())
	fmt.Fprintln(t.w, wrap(c.Caption, 6))
}

const lineWidth = 110

// wrap breaks a text into lines, each indented.
func wrap(text string, indent int) string {
	prefix := strings.Repeat(" ", indent)
	return prefix + strings.ReplaceAll(breakAt(text, lineWidth-indent), "\n", "\n"+prefix)
}

// breakAt breaks a text between words into lines of a width. A word longer than
// that has a line of its own.
func breakAt(text string, width int) string {
	var out strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+length > width:
			out.WriteByte('\n')
			used = 0
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += length
	}
	return out.String()
}

// Seconds prints a duration for a person.
func Seconds(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Count prints a number with commas between thousands.
func Count[N ~int | ~int64 | ~uint64 | ~uint32](n N) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
