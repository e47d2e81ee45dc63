package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
)

func eventNumber(n uint64) ledger.EventID {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
}

// TestRecentEventsNeverWrong: whatever was recorded when, and wherever the memory of it
// begins, no event that was recorded is called new.
func TestRecentEventsNeverWrong(t *testing.T) {
	const ahead = uint64(ledger.OccurredAheadMax / time.Millisecond)
	rapid.Check(t, func(t *rapid.T) {
		head := ledger.Head{Size: 1, RecordedAt: 1_000_000}
		recorded := map[uint64]uint64{} // event -> its own time
		perEach := rapid.IntRange(1, 40).Draw(t, "events of a filter")
		recent := newRecentEvents(head, perEach)
		called := 0
		for step := range uint64(rapid.IntRange(1, 600).Draw(t, "steps")) {
			if rapid.IntRange(0, 99).Draw(t, "restart") == 0 {
				recent = newRecentEvents(head, perEach)
			}
			at := head.RecordedAt + rapid.Uint64Range(0, ahead/20).Draw(t, "pause")
			occurred := rapid.OneOf(rapid.Uint64Range(0, at+ahead), rapid.Just(at+ahead), rapid.Uint64Range(at, at+ahead)).Draw(t, "own time")
			event := &ledger.Event{ID: eventNumber(step), OccurredAt: occurred}
			if recent.isNew(event) {
				called++
			}
			recent.put(event.ID, head.RecordedAt)
			head = ledger.Head{Size: head.Size + 1, RecordedAt: at}
			recorded[step] = occurred
			earlier := rapid.Uint64Range(0, step).Draw(t, "earlier")
			if recent.isNew(&ledger.Event{ID: eventNumber(earlier), OccurredAt: recorded[earlier]}) {
				t.Fatalf("event %d of %d is called new", earlier, step)
			}
		}
	})
}

// TestRecentEventsKnowNewOnes: most new events are called new from the first entry of a
// ledger on, and none for five minutes after a restart.
func TestRecentEventsKnowNewOnes(t *testing.T) {
	const ahead = uint64(ledger.OccurredAheadMax / time.Millisecond)
	const perEach, events = 1000, 20_000
	head := ledger.Head{Size: 1, RecordedAt: 1 << 40}
	recent := newRecentEvents(head, perEach)
	perhaps := 0
	for i := range uint64(events) {
		at := head.RecordedAt + ahead/1000
		event := &ledger.Event{ID: eventNumber(i), OccurredAt: at - rand.Uint64N(1000)}
		if !recent.isNew(event) {
			perhaps++
		}
		recent.put(event.ID, head.RecordedAt)
		head = ledger.Head{Size: head.Size + 1, RecordedAt: at}
	}
	if perhaps > events/100 {
		t.Errorf("%d of %d new events are not told to be new", perhaps, events)
	}
	if len(recent.filters) != recentFilters {
		t.Errorf("%d filters", len(recent.filters))
	}
	recent = newRecentEvents(head, perEach)
	for i := range uint64(1001) {
		event := &ledger.Event{ID: eventNumber(events + i), OccurredAt: head.RecordedAt + i*ahead/1000}
		if recent.isNew(event) {
			t.Fatalf("%d of 1000 parts of five minutes after a restart an event is called new", i)
		}
	}
}
