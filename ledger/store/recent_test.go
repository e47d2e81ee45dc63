package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
)

func eventNumber(n uint64) ledger.EventID {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
}

// TestRecentEventsNeverWrong: whatever was recorded when, and wherever the memory of it
// begins, no event that was recorded is called new.
func TestRecentEventsNeverWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perEach := rapid.IntRange(1, 40).Draw(t, "events of a filter")
		recent := newRecentEvents(0, perEach)
		recorded := map[uint64]uint64{} // event -> its own time
		for step := range uint64(rapid.IntRange(1, 600).Draw(t, "steps")) {
			if rapid.IntRange(0, 99).Draw(t, "restart") == 0 {
				recent = newRecentEvents(recent.latest, perEach)
			}
			event := &ledger.Event{ID: eventNumber(step), OccurredAt: rapid.Uint64Range(1, 2*step+10).Draw(t, "own time")}
			recent.put(event)
			recorded[step] = event.OccurredAt
			earlier := rapid.Uint64Range(0, step).Draw(t, "earlier")
			if recent.isNew(&ledger.Event{ID: eventNumber(earlier), OccurredAt: recorded[earlier]}) {
				t.Fatalf("event %d of %d is called new", earlier, step)
			}
		}
	})
}

// TestRecentEventsKnowNewOnes: most new events are called new from the first entry of a
// ledger on, and so are those that happen after a restart.
func TestRecentEventsKnowNewOnes(t *testing.T) {
	const perEach, events = 1000, 20_000
	recent := newRecentEvents(0, perEach)
	perhaps := 0
	for i := range uint64(events) {
		if i == events/2 {
			recent = newRecentEvents(recent.latest, perEach)
		}
		event := &ledger.Event{ID: eventNumber(i), OccurredAt: 1<<40 + 1000*i - rand.Uint64N(1000)}
		if !recent.isNew(event) {
			perhaps++
		}
		recent.put(event)
	}
	if perhaps > events/100 {
		t.Errorf("%d of %d new events are not told to be new", perhaps, events)
	}
	if len(recent.filters) != recentFilters {
		t.Errorf("%d filters", len(recent.filters))
	}
}
