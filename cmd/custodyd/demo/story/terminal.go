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

func (t *Terminal) table(table *Table) {
	widths := make([]int, len(table.Columns))
	for _, row := range append([][]string{table.Columns}, table.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	t.row(table, widths, table.Columns)
	for _, row := range table.Rows {
		t.row(table, widths, row)
	}
}

func (t *Terminal) row(table *Table, widths []int, row []string) {
	var line strings.Builder
	line.WriteString("     ")
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if table.Numbers != nil && table.Numbers[i] {
			line.WriteString(" " + pad + cell + " ")
		} else {
			line.WriteString(" " + cell + pad + " ")
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
	var out strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case used == 0:
			out.WriteString(prefix)
			used = indent
		case used+1+length > lineWidth:
			out.WriteString("\n" + prefix)
			used = indent
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
	if d < 10*time.Second {
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
