package audit

import "hash/maphash"

// table finds rows of a slice by key. It holds four bytes a row, a third or
// more of its slots empty, and compares keys in the slice itself, so that no
// key is stored twice. Rows are never removed.
type table[K comparable] struct {
	seed  maphash.Seed
	slots []uint32 // row + 1, or 0
	rows  int
	key   func(row uint32) K
}

func newTable[K comparable](key func(row uint32) K) *table[K] {
	return &table[K]{seed: maphash.MakeSeed(), key: key}
}

func (t *table[K]) find(key K) (row uint32, ok bool) {
	if t.rows == 0 {
		return 0, false
	}
	slot := t.slots[t.slot(key)]
	return slot - 1, slot != 0
}

// add enters a row whose key, which the slice holds already, is not in the
// table.
func (t *table[K]) add(row uint32) {
	if (t.rows+1)*3 > len(t.slots)*2 {
		t.grow()
	}
	t.slots[t.slot(t.key(row))] = row + 1
	t.rows++
}

// slot gives the position of the key's row, or of the empty slot for it.
func (t *table[K]) slot(key K) uint64 {
	mask := uint64(len(t.slots) - 1)
	at := maphash.Comparable(t.seed, key) & mask
	for t.slots[at] != 0 && t.key(t.slots[at]-1) != key {
		at = (at + 1) & mask
	}
	return at
}

func (t *table[K]) grow() {
	before := t.slots
	t.slots = make([]uint32, max(16, 2*len(before)))
	for _, slot := range before {
		if slot != 0 {
			t.slots[t.slot(t.key(slot-1))] = slot
		}
	}
}
