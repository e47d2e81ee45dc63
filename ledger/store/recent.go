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
// registration. It remembers such events that were recorded, and of those that it forgot
// the highest own time: an event of a later one that it does not remember was never
// recorded. It is under Store.writing.
//
// What is remembered are bits of filters: "perhaps" sends the question on to Pebble. The
// highest own time is on disk, so that after a restart everything is forgotten and what
// happened since is known to be new at once.
type recentEvents struct {
	latest    uint64 // highest own time of all events that make an item, unix milliseconds
	forgotten uint64 // the same of those that are in no filter
	perEach   int    // events in one filter, after which another one begins
	filters   []eventFilter
}

// Sizes of what is remembered: 8 MiB for 4 million events, five minutes of 14,000 a
// second. An event may have happened, by its own time, ledger.OccurredAheadMax after it
// is recorded: with such events about, less would be of no use.
const (
	recentFilters    = 4
	recentPerFilter  = 1 << 20
	filterBitsEach   = 16
	filterProbes     = 6
	filterBlockWords = 8 // of one cache line, in which all bits of an event lie
)

// newRecentEvents remembers nothing of a ledger whose events that make an item have own
// times up to latest.
func newRecentEvents(latest uint64, perEach int) recentEvents {
	return recentEvents{latest: latest, forgotten: latest, perEach: perEach}
}

// latestWith gives the highest own time when entries come to those that are recorded.
func (r *recentEvents) latestWith(entries []rules.Sequenced) uint64 {
	latest := r.latest
	for _, e := range entries {
		if e.Candidate.Event != nil && e.Candidate.Makes() > 0 {
			latest = max(latest, e.Candidate.OccurredAt)
		}
	}
	return latest
}

// record remembers the events of new entries.
func (r *recentEvents) record(entries []rules.Sequenced) {
	for _, e := range entries {
		if e.Candidate.Event != nil && e.Candidate.Makes() > 0 {
			r.put(e.Candidate.Event)
		}
	}
}

func (r *recentEvents) put(event *ledger.Event) {
	if last := len(r.filters) - 1; last < 0 || r.filters[last].count == r.perEach {
		r.begin()
	}
	r.filters[len(r.filters)-1].put(event)
	r.latest = max(r.latest, event.OccurredAt)
}

// begin takes a new filter, of the memory of the oldest one if there are enough.
func (r *recentEvents) begin() {
	var next eventFilter
	if len(r.filters) == recentFilters {
		oldest := r.filters[0]
		r.forgotten = max(r.forgotten, oldest.latest)
		next.words = oldest.words
		clear(next.words)
		r.filters = slices.Delete(r.filters, 0, 1)
	}
	if next.words == nil {
		blocks := max(1, r.perEach*filterBitsEach/64/filterBlockWords)
		next.words = make([]uint64, blocks*filterBlockWords)
	}
	r.filters = append(r.filters, next)
}

// isNew tells whether an event that makes an item is surely in no entry; false says nothing.
func (r *recentEvents) isNew(event *ledger.Event) bool {
	if event.OccurredAt <= r.forgotten {
		return false
	}
	for i := range r.filters {
		if r.filters[i].may(event.ID) {
			return false
		}
	}
	return true
}

// latest is the highest own time on disk. Where there is none of the head's size, of an
// older program, it is what the rules allow.
func (r reading) latest(head ledger.Head) (uint64, error) {
	latest, known := uint64(0), false
	_, err := r.get(metaLatest, "the latest time", func(v []byte) error {
		d := decoder{b: v}
		known = d.uint64() == head.Size
		latest = d.uint64()
		return d.end()
	})
	if !known {
		latest = head.RecordedAt + uint64(ledger.OccurredAheadMax/time.Millisecond)
	}
	return latest, err
}

func (w *writer) latest(size, latest uint64) {
	value := binary.BigEndian.AppendUint64(nil, size)
	w.set(metaLatest, binary.BigEndian.AppendUint64(value, latest))
}

// eventFilter is a Bloom filter in blocks of a cache line (Putze, Sanders and Singler,
// "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). Ids are hashes, of which it
// takes parts.
type eventFilter struct {
	latest uint64 // highest own time of its events
	count  int
	words  []uint64
}

func (f *eventFilter) put(event *ledger.Event) {
	block := f.block(event.ID)
	for bit := range f.bits(event.ID) {
		block[bit/64] |= 1 << (bit % 64)
	}
	f.latest = max(f.latest, event.OccurredAt)
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
