package provenance

import (
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// version is what an item was made of between two changes of its matter. Matter,
// and evidence with it, flows from version to version and never back.
type version struct {
	item   *Item
	event  *Event // that made it
	matter rules.Matter
	from   []*version // what it was made of: the version before, or the inputs
	flow   flow
	line   int // disassembled: which line of the piece's bill it was, from 1

	attestations []*Attestation // about the item while it was so
	components   []Component
	lines        [][]Component
	claims       [claimsCount]Claim
}

// flow is how components and claims pass from what a version was made of.
type flow uint8

const (
	flowNew       flow = iota // out of nothing: a registration
	flowSame                  // the same goods, in part or in another state
	flowCorrected             // the same goods, of which something else is said
	flowPart                  // unsorted goods parted: any piece may be of any component
	flowSorted                // sorted goods parted
	flowJoined                // components side by side
	flowWorked                // as flowPart, and worked on
	flowLine                  // a line of a bill becomes an item
)

// newVersion finds what a version is made of, before any other version of the
// same event is entered.
func newVersion(item *Item, matter rules.Matter, event *Event) *version {
	v := &version{item: item, matter: matter, event: event}
	if len(item.versions) > 0 {
		v.from, v.flow = []*version{item.current()}, flowSame
		switch event.Body.(type) {
		case *custodyv1.Accept: // what is left when a part is gone
			v.flow = flowPart
		case *custodyv1.Correct:
			v.flow = flowCorrected
		}
		return v
	}
	for _, in := range sources(event, item) {
		v.from = append(v.from, in.current())
	}
	switch body := event.Body.(type) {
	case *custodyv1.Accept:
		v.flow = flowPart
	case *custodyv1.Transform:
		output := body.Outputs[item.Position]
		switch body.Process {
		case custodyv1.Process_PROCESS_SPLIT:
			v.flow = flowPart
			if len(output.Allocation) > 0 {
				v.flow = flowSorted
			}
			if matter.Material == custodyv1.Material_MATERIAL_METAL {
				v.flow = flowJoined // metal parts in proportion
			}
		case custodyv1.Process_PROCESS_CUT:
			v.flow = flowWorked
		case custodyv1.Process_PROCESS_DISASSEMBLE:
			v.flow, v.line = flowLine, int(output.BillLine)
		case custodyv1.Process_PROCESS_ASSEMBLE:
			v.flow, v.from = flowNew, nil // its children keep their matter
		default:
			v.flow = flowJoined
		}
	}
	return v
}

func (i *Item) current() *version { return i.versions[len(i.versions)-1] }
