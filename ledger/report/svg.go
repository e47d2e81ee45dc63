package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Measures of a drawing, in pixels.
const (
	boxWidth   = 216.0
	boxHeight  = 66.0
	boxGap     = 14.0
	layerGap   = 64.0
	margin     = 14.0
	legend     = 34.0
	lineHeight = 14.0
	charsMax   = 33
	sweeps     = 12
)

// SVG draws the lineage: what it begins with on the left, the item on the right.
// Up to DrawnMax items are drawn one by one. Of more, long runs and the smallest
// inputs are folded into boxes that say how many there are. The drawing has no
// scripts and no links, and every box has its full text as a title.
func (l *Lineage) SVG(w io.Writer) error {
	boxes := layered(l.fold())
	rows := byLayer(boxes)
	arrange(boxes, rows)
	height := place(boxes, rows)
	width := 2*margin + float64(len(rows))*boxWidth + float64(max(len(rows)-1, 0))*layerGap
	d := &drawing{w: w, layers: len(rows)}
	height += 2*margin + legend
	width = max(width, 640)
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="lineage-title lineage-text" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="11">`+"\n", width, height, width, height)
	subject := l.Nodes[l.subject()]
	d.printf("<title id=\"lineage-title\">Lineage of %s, %s</title>\n", escape(subject.What), escape(l.Item))
	d.printf("<desc id=\"lineage-text\">%d items, from where their record begins on the left to %s on the right. Dashed red boxes are of unknown origin.</desc>\n", len(l.Nodes), escape(subject.What))
	d.printf("<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", width, height)
	d.printf(`<g fill="none" stroke="#8a8f98" stroke-width="1.2">` + "\n")
	for _, b := range boxes {
		for _, in := range b.inputs {
			d.edge(boxes[in], b)
		}
	}
	d.printf("</g>\n")
	for _, b := range boxes {
		switch {
		case b.dummy:
		case b.node < 0:
			d.folded(b)
		default:
			d.item(b, &l.Nodes[b.node], b.node == l.subject())
		}
	}
	d.legend(height - legend + 8)
	d.printf("</svg>\n")
	return d.err
}

// layered gives every box a layer, 0 on the right, and boxes that are no items where
// an edge passes layers.
func layered(boxes []*box) []*box {
	waiting := make([]int, len(boxes))
	for _, b := range boxes {
		for _, in := range b.inputs {
			waiting[in]++
		}
	}
	open := []int{0}
	for len(open) > 0 {
		b := boxes[open[len(open)-1]]
		open = open[:len(open)-1]
		for _, in := range b.inputs {
			boxes[in].layer = max(boxes[in].layer, b.layer+1)
			if waiting[in]--; waiting[in] == 0 {
				open = append(open, in)
			}
		}
	}
	for at := range len(boxes) {
		b := boxes[at]
		for n, in := range b.inputs {
			end := &b.inputs[n] // of the edge so far
			for layer := b.layer + 1; layer < boxes[in].layer; layer++ {
				passing := &box{node: -1, layer: layer, dummy: true, inputs: []int{in}}
				*end, end = len(boxes), &passing.inputs[0]
				boxes = append(boxes, passing)
			}
		}
	}
	return boxes
}

func byLayer(boxes []*box) [][]int {
	var rows [][]int
	for at, b := range boxes {
		for len(rows) <= b.layer {
			rows = append(rows, nil)
		}
		b.order = len(rows[b.layer])
		rows[b.layer] = append(rows[b.layer], at)
	}
	return rows
}

// arrange orders each layer so that edges cross little: every box goes to the mean
// of its neighbours, forth and back.
func arrange(boxes []*box, rows [][]int) {
	outputs := make([][]int, len(boxes))
	for at, b := range boxes {
		for _, in := range b.inputs {
			outputs[in] = append(outputs[in], at)
		}
	}
	mean := func(at int, of []int) float64 {
		if len(of) == 0 {
			return float64(boxes[at].order)
		}
		sum := 0.0
		for _, other := range of {
			sum += float64(boxes[other].order)
		}
		return sum / float64(len(of))
	}
	for sweep := range sweeps {
		for n := range rows {
			row := rows[n]
			if sweep%2 == 1 {
				row = rows[len(rows)-1-n]
			}
			weight := make(map[int]float64, len(row))
			for _, at := range row {
				if sweep%2 == 0 {
					weight[at] = mean(at, outputs[at])
				} else {
					weight[at] = mean(at, boxes[at].inputs)
				}
			}
			slices.SortStableFunc(row, func(x, y int) int { return cmp.Compare(weight[x], weight[y]) })
			for order, at := range row {
				boxes[at].order = order
			}
		}
	}
}

func (b *box) height() float64 {
	if b.dummy {
		return 8
	}
	return boxHeight
}

// place gives every box its height on the page, near its neighbours, and returns
// how high the page is.
func place(boxes []*box, rows [][]int) float64 {
	neighbours := make([][]int, len(boxes))
	for at, b := range boxes {
		for _, in := range b.inputs {
			neighbours[at] = append(neighbours[at], in)
			neighbours[in] = append(neighbours[in], at)
		}
	}
	for _, row := range rows {
		y := 0.0
		for _, at := range row {
			boxes[at].y = y
			y += boxes[at].height() + boxGap
		}
	}
	for range sweeps {
		for _, row := range rows {
			settle(boxes, row, neighbours)
		}
	}
	least, most := math.Inf(1), 0.0
	for _, b := range boxes {
		least = min(least, b.y)
	}
	for _, b := range boxes {
		b.y += margin - least
		most = max(most, b.y+b.height())
	}
	return most - margin
}

// settle moves the boxes of a layer to the middle of their neighbours as far as
// their order leaves room: groups that push each other move together.
func settle(boxes []*box, row []int, neighbours [][]int) {
	type group struct {
		from, to int     // places in the row
		want     float64 // sum of where its members want its top to be
		height   float64
	}
	var groups []group
	for n, at := range row {
		b := boxes[at]
		want := b.y
		if len(neighbours[at]) > 0 {
			sum := 0.0
			for _, other := range neighbours[at] {
				sum += boxes[other].y + boxes[other].height()/2
			}
			want = sum/float64(len(neighbours[at])) - b.height()/2
		}
		groups = append(groups, group{n, n + 1, want, b.height() + boxGap})
		for len(groups) > 1 {
			above, last := groups[len(groups)-2], groups[len(groups)-1]
			top := func(g group) float64 { return g.want / float64(g.to-g.from) }
			if top(above)+above.height <= top(last) {
				break
			}
			above.want += last.want - above.height*float64(last.to-last.from)
			above.height += last.height
			above.to = last.to
			groups = append(groups[:len(groups)-2], above)
		}
	}
	for _, g := range groups {
		y := g.want / float64(g.to-g.from)
		for _, at := range row[g.from:g.to] {
			boxes[at].y = y
			y += boxes[at].height() + boxGap
		}
	}
}

// drawing writes and remembers the first error.
type drawing struct {
	w      io.Writer
	layers int
	err    error
}

func (d *drawing) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format, args...)
	}
}

func (d *drawing) x(b *box) float64 {
	return margin + float64(d.layers-1-b.layer)*(boxWidth+layerGap)
}

func (d *drawing) edge(from, to *box) {
	x1, x2 := d.x(from)+boxWidth, d.x(to)
	y1, y2 := from.y+from.height()/2, to.y+to.height()/2
	if from.dummy {
		d.printf("<path d=\"M%.1f %.1fH%.1f\"/>\n", x1-boxWidth, y1, x1)
	}
	bend := (x2 - x1) / 2
	d.printf("<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"/>\n", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
}

// colours by level of evidence. Every box says its level in words too.
var colours = map[string]string{
	"unknown": "#b00020", "stated": "#8a5a00", "documented": "#1f5fa8", "examined": "#0f766e", "source-matched": "#1b7a2f", "": "#444b55",
}

func (d *drawing) item(b *box, n *Node, subject bool) {
	x, colour, dash, fill, thick := d.x(b), colours[n.Evidence], "", "#ffffff", 1.4
	evidence := n.Evidence
	if n.Unknown || n.Evidence == "unknown" {
		colour, dash, fill = colours["unknown"], ` stroke-dasharray="5 3"`, "#fff3f3"
	}
	if subject {
		thick = 3
	}
	origins := strings.Join(n.Origins, "; ")
	if len(n.Origins) == 0 {
		origins, evidence = "made of the items on its left", ""
	}
	if evidence != "" && evidence != "unknown" {
		origins += " (" + evidence + ")"
	}
	full := fmt.Sprintf("%s, %s. %s on %s by %s. Origin: %s. Item %s, %s.", n.What, n.Mass.Text, n.Made, Date(n.Time), n.Party, origins, n.Item, n.Status)
	if n.Withdrawn > 0 {
		full += fmt.Sprintf(" Papers withdrawn: %d.", n.Withdrawn)
	}
	if n.Findings > 0 {
		full += fmt.Sprintf(" Examinations that found something else: %d.", n.Findings)
	}
	d.printf("<g><title>%s</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"6\" fill=\"%s\" stroke=\"%s\" stroke-width=\"%.1f\"%s/>", escape(full), x, b.y, boxWidth, boxHeight, fill, colour, thick, dash)
	d.line(x, b.y, 0, `font-weight="600" fill="#15181d"`, n.What)
	d.line(x, b.y, 1, `fill="#15181d"`, n.Mass.Text+" · "+n.Made)
	d.line(x, b.y, 2, fmt.Sprintf(`fill="%s"`, colour), origins)
	last := Date(n.Time) + " · " + n.Item[:8] + "…" + n.Item[len(n.Item)-4:]
	if n.Withdrawn > 0 || n.Findings > 0 {
		last = "⚠ papers: read the report"
	}
	d.line(x, b.y, 3, `fill="#5a616c" font-size="10"`, last)
	d.printf("</g>\n")
}

func (d *drawing) folded(b *box) {
	x := d.x(b)
	d.printf("<g><title>%s, not drawn one by one</title>", escape(b.text))
	for n := range 3 {
		shift := float64(2-n) * 4
		d.printf("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"6\" fill=\"#f1f3f6\" stroke=\"#8a8f98\"/>", x+shift, b.y+shift, boxWidth-8, boxHeight-8)
	}
	d.printf("<text x=\"%.1f\" y=\"%.1f\" fill=\"#15181d\" font-weight=\"600\">… %s …</text></g>\n", x+10, b.y+boxHeight/2, escape(b.text))
}

func (d *drawing) line(x, y float64, n int, style, text string) {
	d.printf("<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>", x+8, y+16+float64(n)*lineHeight, style, escape(shorten(text)))
}

func (d *drawing) legend(y float64) {
	x := margin
	for _, name := range []string{"unknown", "stated", "documented", "examined", "source-matched"} {
		dash := ""
		if name == "unknown" {
			dash = ` stroke-dasharray="4 2"`
		}
		d.printf("<rect x=\"%.0f\" y=\"%.0f\" width=\"14\" height=\"10\" rx=\"2\" fill=\"#ffffff\" stroke=\"%s\" stroke-width=\"1.6\"%s/><text x=\"%.0f\" y=\"%.0f\" fill=\"#15181d\">%s</text>\n", x, y, colours[name], dash, x+20, y+9, name)
		x += 112
	}
}

func shorten(text string) string {
	runes := []rune(text)
	if len(runes) <= charsMax {
		return text
	}
	return string(runes[:charsMax-1]) + "…"
}

func escape(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text))
	return b.String()
}
