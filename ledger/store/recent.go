package store

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// recentEvents tells of a new event that makes an item that it is new without asking
// Pebble, where the lookup of a key that is not there costs more than the rules of a
// registration. An event may be recorded at the earliest ledger.OccurredAheadMax before
// its own time; if all such events that were recorded since then are remembered here,
// one that is not was never recorded. It is under Store.writing.
//
// What is remembered are bits of filters: "perhaps" sends the question on to Pebble.
// After a restart nothing before it is remembered, so that for the first minutes every
// answer is "perhaps".
type recentEvents struct {
	since   uint64 // every event that makes an item and was recorded later is in a filter
	perEach int    // events in one filter, after which another one begins
	filters []eventFilter
}

// Sizes of what is remembered: 8 MiB for 4 million events, five minutes of 14,000 a
// second.
const (
	recentFilters    = 4
	recentPerFilter  = 1 << 20
	filterBitsEach   = 16
	filterProbes     = 6
	filterBlockWords = 8 // of one cache line, in which all bits of an event lie
)

// newRecentEvents begins at a head. A ledger of a genesis alone has no events before it.
func newRecentEvents(head ledger.Head, perEach int) recentEvents {
	r := recentEvents{since: head.RecordedAt, perEach: perEach}
	if head.Size <= 1 {
		r.since = 0
	}
	return r
}

// record remembers the events of new entries. The one before them was recorded at the
// given time.
func (r *recentEvents) record(entries []rules.Sequenced, before uint64) {
	for _, e := range entries {
		if e.Candidate.Event != nil && e.Candidate.Makes() > 0 {
			r.put(e.Candidate.ID, before)
		}
		before = e.Entry.RecordedAt
	}
}

// put remembers an event; the entry before it was recorded at the given time.
func (r *recentEvents) put(id ledger.EventID, before uint64) {
	if last := len(r.filters) - 1; last < 0 || r.filters[last].count == r.perEach {
		r.begin(before)
	}
	r.filters[len(r.filters)-1].put(id)
}

// begin takes a new filter, of the memory of the oldest one if there are enough.
func (r *recentEvents) begin(before uint64) {
	next := eventFilter{since: before}
	switch len(r.filters) {
	case 0:
		next.since = r.since
	case recentFilters:
		next.words = r.filters[0].words
		clear(next.words)
		r.filters = slices.Delete(r.filters, 0, 1)
		r.since = r.filters[0].since
	}
	if next.words == nil {
		blocks := max(1, r.perEach*filterBitsEach/64/filterBlockWords)
		next.words = make([]uint64, blocks*filterBlockWords)
	}
	r.filters = append(r.filters, next)
}

// isNew tells whether an event that makes an item is surely in no entry; false says nothing.
func (r *recentEvents) isNew(event *ledger.Event) bool {
	if event.OccurredAt <= r.since+uint64(ledger.OccurredAheadMax/time.Millisecond) {
		return false
	}
	for i := range r.filters {
		if r.filters[i].may(event.ID) {
			return false
		}
	}
	return true
}

// eventFilter is a Bloom filter in blocks of a cache line (Putze, Sanders and Singler,
// "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). Ids are hashes, of which it
// takes parts.
type eventFilter struct {
	since uint64 // when the entry before its first one was recorded
	count int
	words []uint64
}

func (f *eventFilter) put(id ledger.EventID) {
	block := f.block(id)
	for bit := range f.bits(id) {
		block[bit/64] |= 1 << (bit % 64)
	}
	f.count++
}

func (f *eventFilter) may(id ledger.EventID) bool {
	block := f.block(id)
	for bit := range f.bits(id) {
		if block[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

func (f *eventFilter) block(id ledger.EventID) []uint64 {
	blocks := uint64(len(f.words) / filterBlockWords)
	at := binary.BigEndian.Uint64(id[:]) % blocks * filterBlockWords
	return f.words[at : at+filterBlockWords]
}

// bits gives the places of an id's bits in its block, 9 bits of the id each.
func (f *eventFilter) bits(id ledger.EventID) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for h, i := binary.BigEndian.Uint64(id[8:]), 0; i < filterProbes; i++ {
			if !yield(h % (filterBlockWords * 64)) {
				return
			}
			h >>= 9
		}
	}
}
