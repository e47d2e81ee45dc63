package provenance

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
)

// OfBundle makes the graph of a bundle that verified. Its subjects are the items
// given, or those of the bundle, and its time is that of the statements or, without
// them, of the last entry.
//
// A bundle has what was said of its own subjects up to its checkpoint, and what was
// said of items upstream only up to where something was made of them. To see papers
// that were taken back since, have everything upstream among the subjects of the
// bundle, and give here the items that are meant.
func OfBundle(r *bundle.Report, about ...ledger.ItemID) (*Graph, error) {
	b := NewBuilder(r.Ledger, r.Genesis)
	for _, a := range r.Applied {
		if err := b.Apply(Applied{Event: a.Event.Event, Index: a.Index, RecordedAt: a.RecordedAt, Changes: a.Changes}); err != nil {
			return nil, err
		}
	}
	reading := Reading{Size: r.Checkpoint.Size, Subjects: about}
	for _, item := range r.Items {
		if len(about) == 0 {
			reading.Subjects = append(reading.Subjects, item.ID)
		}
		if item.Stated != nil {
			reading.Time = max(reading.Time, item.Stated.At)
		}
	}
	g, err := b.Graph(reading)
	if err != nil {
		return nil, err
	}
	for _, item := range r.Items {
		if i := g.Item(item.ID); item.Stated != nil {
			i.Stated, i.StatedBy, i.Contested = true, item.StatedBy, i.Contested || item.Stated.Contested
		}
	}
	return g, nil
}
