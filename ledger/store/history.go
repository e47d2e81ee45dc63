package store

import (
	"encoding/binary"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// An item's history is read along the links of its entries, from the last one back.
// Every sixteenth entry or so has a landmark, at which a walk may begin: an item of few
// entries has none, and no page of a long history costs more than its own entries and
// about sixteen others. What has one follows from the entry's leaf, which nobody who
// signs an event can choose.

func isLandmark(leaf merkle.Hash) bool { return leaf[0]%16 == 0 }

// ItemEntries hands the entries that name an item to use, its registration first and
// those from index from on, until use says stop; use may keep the bytes. An item that
// is not in the ledger has none. An error of use ends the call and is returned as it
// is; another one is a CorruptError that names the entry.
func (s *Snapshot) ItemEntries(item ledger.ItemID, from uint64, use func(index uint64, entry []byte) (more bool, err error)) error {
	state, ok, err := s.item(item)
	if err != nil || !ok {
		return err
	}
	if from <= state.Registered {
		entry, err := s.entry(state.Registered)
		if err != nil {
			return err
		}
		if more, err := use(state.Registered, entry); err != nil || !more {
			return err
		}
	}
	for next := max(from, state.Registered+1); next <= state.LastIndex; {
		last, err := s.landmark(item, next, state.LastIndex)
		if err != nil {
			return err
		}
		walked, err := s.walkBack(item, last, next)
		if err != nil {
			return err
		}
		for _, w := range slices.Backward(walked) {
			if more, err := use(w.index, w.entry); err != nil || !more {
				return err
			}
		}
		next = last + 1
	}
	return nil
}

// landmark gives the first one of [from, last), else last.
func (r reading) landmark(item ledger.ItemID, from, last uint64) (uint64, error) {
	found := last
	err := r.scan(landmarkKey(item, from), landmarkKey(item, last), "a landmark of an item", func(key, _ []byte) (bool, error) {
		found = binary.BigEndian.Uint64(key[1+itemBytes:])
		return false, nil
	})
	return found, err
}

type walkedEntry struct {
	index uint64
	entry []byte
}

// walkBack gives the entries that name an item from index at, which does, back to the
// first one that is not below least.
func (r reading) walkBack(item ledger.ItemID, at, least uint64) ([]walkedEntry, error) {
	var walked []walkedEntry
	for at >= least {
		b, entry, event, err := r.event(at)
		if err != nil {
			return nil, err
		}
		links, named := event.ItemLinks(entry.Links), slices.Index(event.Names(), item)
		if named < 0 || named >= len(links) || links[named] >= at {
			return nil, corruptEntry(at, nil, "it has no link to the entry before it that names item "+item.String())
		}
		walked = append(walked, walkedEntry{at, b})
		at = links[named]
	}
	return walked, nil
}
