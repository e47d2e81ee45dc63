package cosign

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// differing is a head that a node signed and that this node's ledger
// contradicts.
type differing struct {
	node   string
	theirs *checkpoint.Note
}

// differs raises the alarm over a head that contradicts this node's ledger, and
// has the matter looked into. One of the two ledgers is wrong; this node goes on.
func (s *Cosigner) differs(node string, theirs *checkpoint.Note) {
	own := "unknown"
	if root, err := s.ledger.RootAt(theirs.Size); err == nil {
		own = root.String()
	}
	s.alarms.raise(AlarmHeadDiffers, node, fmt.Sprintf("node %s signed size %d with root %s; here it is %s. One of the two is wrong", node, theirs.Size, theirs.Root, own))
	select {
	case s.cases <- differing{node, theirs}:
	default: // one is being looked into; the next difference comes with the next head
	}
}

// investigate looks into one difference after the other.
func (s *Cosigner) investigate() {
	for {
		select {
		case c := <-s.cases:
			s.lookInto(c)
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Cosigner) lookInto(differing) {}
