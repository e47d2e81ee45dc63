package report

import (
	"fmt"
	"io"
	"strings"
)

// treeLevelsMax is how deep branches are indented; deeper ones say their level.
const treeLevelsMax = 20

// Tree writes the lineage for a terminal: the item first, and below each item what
// it was made of. Where there was one input, it stands below without another
// indentation, so that a long line of work stays readable. An item that stands
// above already is only named. At most lines items are written, all if it is 0,
// and the last line says how many there are more.
func (l *Lineage) Tree(w io.Writer, lines int) error {
	type visit struct {
		node   int
		level  int
		prefix string // of the node's own line
		below  string // of the lines below it
	}
	seen := make([]bool, len(l.Nodes))
	open := []visit{{node: l.subject()}}
	written := 0
	for len(open) > 0 {
		v := open[len(open)-1]
		open = open[:len(open)-1]
		n := &l.Nodes[v.node]
		if lines > 0 && written == lines {
			left := 0
			for _, s := range seen {
				if !s {
					left++
				}
			}
			_, err := fmt.Fprintf(w, "… and %d more items; --all or the JSON form has them\n", left)
			return err
		}
		written++
		again := seen[v.node]
		seen[v.node] = true
		if err := n.write(w, v.prefix, v.below, again); err != nil {
			return err
		}
		if again {
			continue
		}
		if len(n.inputs) == 1 {
			open = append(open, visit{node: n.inputs[0], level: v.level, prefix: v.below + "← ", below: v.below})
			continue
		}
		for at := len(n.inputs) - 1; at >= 0; at-- {
			next := visit{node: n.inputs[at], level: v.level + 1, prefix: v.below + "├─ ", below: v.below + "│  "}
			if at == len(n.inputs)-1 {
				next.prefix, next.below = v.below+"└─ ", v.below+"   "
			}
			if next.level > treeLevelsMax {
				indent := strings.Repeat("   ", treeLevelsMax)
				next.prefix, next.below = fmt.Sprintf("%s(%d) ", indent, next.level), indent
			}
			open = append(open, next)
		}
	}
	return nil
}

func (n *Node) write(w io.Writer, prefix, below string, again bool) error {
	if again {
		_, err := fmt.Fprintf(w, "%s%s, %s  %s  (see above)\n", prefix, n.What, n.Mass.Text, n.Item)
		return err
	}
	text := fmt.Sprintf("%s%s, %s  %s  (%s, %s)\n", prefix, n.What, n.Mass.Text, n.Item, n.Made, Date(n.Time))
	for _, origin := range n.Origins {
		text += fmt.Sprintf("%s     origin %s\n", below, origin)
	}
	if n.Evidence != "" {
		text += fmt.Sprintf("%s     weakest evidence: %s\n", below, n.Evidence)
	}
	if n.Withdrawn > 0 {
		text += fmt.Sprintf("%s     ! papers withdrawn: %d\n", below, n.Withdrawn)
	}
	if n.Findings > 0 {
		text += fmt.Sprintf("%s     ! examinations that found something else: %d\n", below, n.Findings)
	}
	_, err := io.WriteString(w, text)
	return err
}
