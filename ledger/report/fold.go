package report

import (
	"cmp"
	"fmt"
	"slices"
)

// Limits of a drawing.
const (
	// DrawnMax is the number of items drawn; what is more is folded.
	DrawnMax = 80
	// drawnInputsMax is the number of inputs drawn of one item.
	drawnInputsMax = 16
	// runMin is the number of items one after another from which on a drawing that is
	// too large leaves out those in between.
	runMin = 4
)

// box is what stands in a drawing: an item, or a fold of many.
type box struct {
	node   int // place among the nodes; -1 for a fold
	folded int // items in a fold
	text   string
	inputs []int // places among the boxes

	layer, order int
	y            float64
	dummy        bool // where an edge passes a layer
}

// fold chooses what is drawn. All of it, if it is at most DrawnMax items.
func (l *Lineage) fold() []*box {
	f := &folder{lineage: l, drawn: map[int]int{}, tight: len(l.Nodes) > DrawnMax}
	f.draw(l.subject())
	for at := 0; at < len(f.boxes); at++ {
		if b := f.boxes[at]; b.node >= 0 && len(b.inputs) == 0 {
			f.expand(at)
		}
	}
	return f.boxes
}

type folder struct {
	lineage *Lineage
	boxes   []*box
	drawn   map[int]int // node to box
	tight   bool
}

func (f *folder) draw(node int) int {
	f.drawn[node] = len(f.boxes)
	f.boxes = append(f.boxes, &box{node: node})
	return len(f.boxes) - 1
}

// expand draws the inputs of a box.
func (f *folder) expand(at int) {
	nodes, b := f.lineage.Nodes, f.boxes[at]
	inputs := slices.Clone(nodes[b.node].inputs)
	if f.tight { // the largest are drawn, and those of which nothing is known
		slices.SortStableFunc(inputs, func(x, y int) int {
			if nodes[x].Unknown != nodes[y].Unknown {
				if nodes[x].Unknown {
					return -1
				}
				return 1
			}
			return cmp.Compare(nodes[y].Mass.Micrograms, nodes[x].Mass.Micrograms)
		})
	}
	var left []int
	for n, in := range inputs {
		if box, ok := f.drawn[in]; ok {
			b.inputs = append(b.inputs, box)
			continue
		}
		if f.tight && (n >= drawnInputsMax || len(f.boxes) >= DrawnMax) {
			left = append(left, in)
			continue
		}
		b.inputs = append(b.inputs, f.run(in))
	}
	if len(left) > 0 {
		count := f.upstream(left)
		b.inputs = append(b.inputs, len(f.boxes))
		f.boxes = append(f.boxes, &box{node: -1, folded: count, text: fmt.Sprintf("%d more items", count)})
	}
}

// run draws an item, and behind a fold the end of the run that it begins, if the
// drawing is tight and the run is long. It gives the box of the item.
func (f *folder) run(node int) int {
	first := f.draw(node)
	if !f.tight {
		return first
	}
	nodes := f.lineage.Nodes
	length, last := 0, node
	for len(nodes[last].inputs) == 1 {
		next := nodes[last].inputs[0]
		if _, ok := f.drawn[next]; ok || len(nodes[next].outputs) != 1 {
			break
		}
		last = next
		length++
	}
	if length < runMin {
		return first
	}
	fold := len(f.boxes)
	f.boxes = append(f.boxes, &box{node: -1, folded: length - 1, text: fmt.Sprintf("%d steps", length-1)})
	f.boxes[first].inputs = []int{fold}
	f.boxes[fold].inputs = []int{f.draw(last)}
	for n := nodes[node].inputs[0]; n != last; n = nodes[n].inputs[0] {
		f.drawn[n] = fold
	}
	return first
}

// upstream counts the items that lead to some nodes, with them, and are not drawn.
func (f *folder) upstream(of []int) int {
	seen := map[int]bool{}
	open := slices.Clone(of)
	for len(open) > 0 {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if _, ok := f.drawn[n]; ok || seen[n] {
			continue
		}
		seen[n] = true
		open = append(open, f.lineage.Nodes[n].inputs...)
	}
	return len(seen)
}
