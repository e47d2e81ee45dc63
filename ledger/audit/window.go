package audit

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// window is a run of entries behind a verified head, looked at without the
// state: indexes, chain, times, groups, and what Verify found.
type window struct {
	start    ledger.Head
	frontier *merkle.Frontier // at start
	items    []item
	end      *TreeHead // the ledger's head, where no entry follows the window

	// confirmed counts the items at the front that may be given out: whole
	// submissions whose last entry is confirmed by what follows.
	confirmed int
	wrong     *Finding // the first finding; nothing confirmed is at or behind it
	// probed counts the items at the front that the rules can be run on to say
	// more about wrong than that an entry is contradicted; not below confirmed.
	probed int

	complete  int // items up to the last end of a submission
	openGroup int // position of the first item of the unfinished group, or -1
}

// inspect finds what is confirmed and the first thing that does not hold. It
// stops where a verdict needs an entry that is yet to come.
func (w *window) inspect() {
	w.openGroup = -1
	for at := range w.items {
		if w.undecided(at) {
			break
		}
		if w.wrong = w.place(at); w.wrong != nil {
			break
		}
		w.confirmed = w.complete
		if w.wrong = w.content(at); w.wrong != nil {
			break
		}
		w.endSubmission(at)
	}
	if w.wrong == nil && w.end != nil {
		w.wrong = w.finish(*w.end)
	}
	w.probed = max(w.probed, w.confirmed)
}

func (w *window) index(at int) uint64 { return w.start.Size + uint64(at) }

// before gives the leaf and the recorded time in front of an item.
func (w *window) before(at int) (merkle.Hash, uint64) {
	if at == 0 {
		return w.start.LastLeaf, w.start.RecordedAt
	}
	return w.items[at-1].leaf, w.items[at-1].entry.RecordedAt
}

// undecided tells whether it takes the next entry to say which one is wrong.
func (w *window) undecided(at int) bool {
	entry := w.items[at].entry
	if entry == nil || w.end != nil || at+1 < len(w.items) {
		return false
	}
	leaf, _ := w.before(at)
	return entry.Index != w.index(at) || entry.Prev != leaf
}

// place checks that the item is an entry, the one that belongs here, and built
// on the one in front of it, which it confirms thereby.
func (w *window) place(at int) *Finding {
	it := &w.items[at]
	if it.entry == nil {
		return it.wrong.at(w.index(at))
	}
	if it.entry.Index != w.index(at) {
		return w.misplaced(at)
	}
	if leaf, _ := w.before(at); it.entry.Prev != leaf {
		return w.contradicted(at, leaf)
	}
	return nil
}

// misplaced tells a dropped entry from one that stands at the wrong place.
func (w *window) misplaced(at int) *Finding {
	index, found := w.index(at), w.items[at].entry.Index
	follows := w.index(len(w.items)) < w.endSize()
	if at+1 < len(w.items) {
		next := w.items[at+1].entry
		follows = next != nil && next.Index == found+1
	}
	if found > index && follows {
		return find(index, EntryMissing, "the entry is not there; the next one that is there stands in its place").against(index, found)
	}
	return find(index, OutOfPlace, "the entry at this place says another index").against(index, found)
}

func (w *window) endSize() uint64 {
	if w.end == nil {
		return 0
	}
	return w.end.Size
}

// contradicted decides, where an item's prev is not the leaf in front of it,
// which of the two entries was changed.
func (w *window) contradicted(at int, leaf merkle.Hash) *Finding {
	index, entry := w.index(at), w.items[at].entry
	repaired := *entry
	repaired.Prev = leaf
	own := w.confirms(at, leaf, leafOf(&repaired))
	switch {
	case own:
		return find(index, ChainBroken, "prev is not the leaf hash of entry %d; the entry after it, or the root, is built on the right one", index-1).
			against(leaf, entry.Prev)
	case at == 0:
		return find(index, NotConsistent, "the entry is not built on entry %d as it was verified", index-1).against(leaf, entry.Prev)
	case w.confirms(at, entry.Prev, w.items[at].leaf):
		w.probed = at
		return find(index-1, ChainBroken, "the entry is not the one that entry %d was built on", index).against(entry.Prev, leaf)
	}
	return find(index, ChainBroken, "prev is not the leaf hash of entry %d, and what follows fits neither entry", index-1).against(leaf, entry.Prev)
}

// confirms tells whether what comes after an item, the next entry or the root
// of the ledger, fits a leaf for the item and one for the entry in front of it.
func (w *window) confirms(at int, front, leaf merkle.Hash) bool {
	if at+1 < len(w.items) {
		next := w.items[at+1].entry
		return next != nil && next.Index == w.index(at+1) && next.Prev == leaf
	}
	tree := w.frontier.Clone()
	for i := range w.items[:at] {
		if i == at-1 {
			tree.Append(front, nil)
			continue
		}
		tree.Append(w.items[i].leaf, nil)
	}
	tree.Append(leaf, nil)
	return w.end != nil && tree.Size() == w.end.Size && tree.Root() == w.end.Root
}

func leafOf(entry *ledger.Entry) merkle.Hash {
	b, err := entry.Encode()
	if err != nil {
		return merkle.Hash{}
	}
	return merkle.LeafHash(b)
}

// content checks the item itself, at a place that is its own.
func (w *window) content(at int) *Finding {
	it := &w.items[at]
	if _, time := w.before(at); it.entry.RecordedAt < time {
		return find(w.index(at), TimeBackwards, "recorded before entry %d", w.index(at)-1).against(time, it.entry.RecordedAt)
	}
	if it.wrong != nil {
		return it.wrong.at(w.index(at))
	}
	return w.group(at)
}

// group checks that groups are contiguous, in order, and of one time.
func (w *window) group(at int) *Finding {
	it := &w.items[at]
	group := it.group()
	if w.openGroup < 0 {
		if group == nil {
			return nil
		}
		if group.Position != 0 {
			return w.broken(at, "the group begins in its middle").against("position 0", group.Position)
		}
		w.openGroup = at
		return nil
	}
	first := &w.items[w.openGroup]
	want := *first.candidate.Group
	want.Position = uint32(at - w.openGroup)
	if group == nil || *group != want || it.candidate.Party != first.candidate.Party {
		return w.broken(at, "the group that began at entry %d is not whole: its event %d of %d does not stand here", w.index(w.openGroup), want.Position, want.Count)
	}
	if it.entry.RecordedAt != first.entry.RecordedAt {
		return w.broken(at, "the group was not recorded at one time").against(first.entry.RecordedAt, it.entry.RecordedAt)
	}
	return nil
}

func (w *window) broken(at int, format string, args ...any) *Finding {
	wrong := find(w.index(at), GroupBroken, format, args...)
	wrong.Reason = ledger.GroupIncomplete
	return wrong
}

func (w *window) endSubmission(at int) {
	if w.openGroup >= 0 && at+1-w.openGroup < int(w.items[w.openGroup].candidate.Group.Count) {
		return
	}
	w.openGroup = -1
	w.complete = at + 1
}

// finish holds the whole window against the ledger's head.
func (w *window) finish(end TreeHead) *Finding {
	size := w.index(len(w.items))
	if size < end.Size {
		return find(size, EntryMissing, "the ledger ends here, its head says %d entries", end.Size).against(end.Size, size)
	}
	if size > end.Size {
		return find(end.Size, SizeShrunk, "the head covers fewer entries than were replayed").against(size, end.Size)
	}
	if w.complete < len(w.items) {
		return w.broken(len(w.items)-1, "the ledger ends inside a group")
	}
	tree := w.frontier.Clone()
	for i := range w.items {
		tree.Append(w.items[i].leaf, nil)
	}
	if root := tree.Root(); root != end.Root {
		w.probed = len(w.items)
		return find(size-1, RootDiffers, "the entries up to here have another root than the head of size %d says: the head is forged, or the last entry was changed", size).
			against(end.Root, root)
	}
	w.confirmed = len(w.items)
	return nil
}
