package ledger

import "github.com/custodyledger/custodyledger/ledger/merkle"

// Candidate is a verified event with the openings that came with it.
type Candidate struct {
	VerifiedEvent
	Openings []Opening // ascending by field, each fitting a commitment of the event
}

// Submission is one event, or all events of one group in their order. It is
// recorded whole or not at all.
type Submission []Candidate

// CheckGroup tells whether events may be submitted together: one event without
// a group, or every position of one group, each once and in order. It says
// which event is at fault.
func CheckGroup(events []*Event) (at int, rejection *Rejection) {
	if len(events) == 0 {
		return 0, Reject(MissingField, "no event was sent; send one event, or all events of a group")
	}
	group := events[0].Group
	if group == nil {
		if len(events) > 1 {
			return 0, RejectField(GroupIncomplete, "group", "%d events that name no group; send them one by one, or sign them as one group", len(events))
		}
		return 0, nil
	}
	if len(events) != int(group.Count) {
		return 0, RejectField(GroupIncomplete, "group.count", "%d of %d events of the group were sent; send all of them in one request", len(events), group.Count)
	}
	for i, event := range events {
		if event.Group == nil || event.Group.ID != group.ID || event.Group.Count != group.Count || int(event.Group.Position) != i || event.Party != events[0].Party {
			return i, RejectField(GroupIncomplete, "group", "event %d does not stand at position %d of the same group of the same party; send the group's events in order", i, i)
		}
	}
	return 0, nil
}

// Receipt says where an event stands in the ledger.
type Receipt struct {
	Event      EventID
	Index      uint64
	RecordedAt uint64 // unix milliseconds
	Leaf       merkle.Hash
	// Duplicate tells that the event had been recorded before this submission.
	Duplicate bool
}

// Outcome is what became of a submission: receipts, one an event, or a
// rejection of the event at position At.
type Outcome struct {
	Receipts  []Receipt
	Rejection *Rejection
	At        int
}
