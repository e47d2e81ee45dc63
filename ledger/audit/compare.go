package audit

import (
	"context"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// compareEntries is how many entries of two sources are held against each
// other at a time.
const compareEntries = 16_384

// differing names the first entry below a size in which a source differs from
// what is verified, and says what is wrong with it.
func (a *auditRun) differing(ctx context.Context, source Source, head TreeHead, to uint64) error {
	tree := a.base.tree
	for from := a.start.Size; from < to; from += compareEntries {
		want, err := a.leaves(ctx, a.reference, from, min(from+compareEntries, to))
		if err != nil {
			return err
		}
		found, err := a.leaves(ctx, source, from, min(from+compareEntries, to))
		if err != nil {
			return err
		}
		for i := range want {
			if want[i] != found[i] {
				return a.examine(ctx, source, head, &tree)
			}
			tree.Append(want[i], nil)
		}
	}
	return find(to-1, SourcesDiffer, "the source gave other entries when it was asked again")
}

func (a *auditRun) leaves(ctx context.Context, source Source, from, to uint64) ([]merkle.Hash, error) {
	leaves := make([]merkle.Hash, 0, to-from)
	err := a.entries(ctx, source, from, to, func(entry []byte) error {
		leaves = append(leaves, merkle.LeafHash(entry))
		return nil
	})
	return leaves, err
}

// examine says what is wrong with a source's entry behind the part that it
// shares with the verified ledger, without the state of that size.
func (a *auditRun) examine(ctx context.Context, source Source, head TreeHead, shared *merkle.Frontier) error {
	at := shared.Size()
	replayer := a.State.Replayer()
	want, err := a.items(ctx, a.reference, replayer, at-1, at+1)
	if err != nil {
		return err
	}
	to := min(at+3, head.Size)
	found, err := a.items(ctx, source, replayer, at, to)
	if err != nil {
		return err
	}
	before, want := &want[0], want[1:]
	w := window{
		start:    ledger.Head{Size: at, LastLeaf: before.leaf, RecordedAt: before.entry.RecordedAt},
		frontier: shared,
		items:    found,
	}
	if to == head.Size {
		w.end = &head
	}
	if wrong := w.first(&want[0]); wrong != nil {
		return wrong
	}
	return find(at, SourcesDiffer, "the source has another entry here than %s, and neither is wrong by itself: the history was forked", a.reference.Name()).
		against(want[0].leaf, found[0].leaf)
}

// first says what is wrong with the first entry of the window, given the one
// that is verified to stand in its place.
func (w *window) first(want *item) *Finding {
	if wrong := w.place(0); wrong != nil {
		return wrong
	}
	found := &w.items[0]
	if found.entry.RecordedAt < w.start.RecordedAt {
		return find(w.start.Size, TimeBackwards, "recorded before entry %d", w.start.Size-1).against(w.start.RecordedAt, found.entry.RecordedAt)
	}
	if found.wrong != nil {
		return found.wrong.at(w.start.Size)
	}
	if found.candidate.Event != nil && want.candidate.Event != nil && found.candidate.ID == want.candidate.ID {
		if wrong := differingLinks(w.start.Size, want.candidate.Event, want.entry.Links, found.entry.Links); wrong != nil {
			return wrong
		}
		return find(w.start.Size, EntryDiffers, "the same event was recorded otherwise than at the other source").against(want.leaf, found.leaf)
	}
	return nil
}

func (a *auditRun) items(ctx context.Context, source Source, replayer *Replayer, from, to uint64) ([]item, error) {
	var raws []Raw
	err := a.entries(ctx, source, from, to, func(entry []byte) error {
		raws = append(raws, Raw{Entry: entry})
		return nil
	})
	if err != nil {
		return nil, err
	}
	items := replayer.Verify(raws).items
	if from == 0 && items[0].entry == nil {
		return nil, find(0, GenesisDiffers, "entry 0 is not the genesis that the audit started from")
	}
	return items, nil
}
