package rules

import (
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Sequencer turns submissions into entries: it runs the rules on each and
// builds the entries of those that stand. Nodes and auditors use the same one,
// so that an auditor can demand byte-equal entries. Not safe for concurrent use.
type Sequencer struct {
	ledger       ledger.LedgerID
	rulesVersion uint32
	state        *overlay
	head         ledger.Head

	// Memory for what is given out, taken for many events at a time. What is given
	// out is a part of it that nothing else is.
	receipts slab[ledger.Receipt]
	appended slab[Sequenced]
	entries  slab[ledger.Entry]
	indexes  slab[uint64]
}

// slab gives out slices without taking memory for each.
type slab[V any] struct {
	left []V
	size int // how many to take memory for at a time; 0: as many as are asked for
}

// slabMax is the most values that a slab takes memory for at a time, if not more are
// asked for.
const slabMax = 512

// take gives a slice of n zero values, which cannot grow into the next one.
func (s *slab[V]) take(n int) []V {
	if n > len(s.left) {
		s.left = make([]V, max(n, min(slabMax, s.size)))
	}
	taken := s.left[:n:n]
	s.left = s.left[n:]
	return taken
}

// Sequenced is an entry that was appended. A handover has no candidate; its event
// is nil.
type Sequenced struct {
	Entry     *ledger.Entry
	Bytes     []byte
	Leaf      merkle.Hash
	Candidate ledger.Candidate
}

// NewSequencer starts at a ledger's head on the state of that size. Its size is
// at least 1: the genesis is not sequenced.
func NewSequencer(id ledger.LedgerID, rulesVersion uint32, state View, head ledger.Head) *Sequencer {
	if rulesVersion != ledger.RulesVersion1 {
		panic(fmt.Sprintf("rules: version %d is unknown to this program; it must not guess", rulesVersion))
	}
	return &Sequencer{ledger: id, rulesVersion: rulesVersion, state: newOverlay(state), head: head}
}

// Expect says how many events are to come, before the first of them: with it, memory is
// taken once. Others may come.
func (s *Sequencer) Expect(events int) {
	s.state.expect(events)
	s.receipts.size, s.appended.size, s.entries.size, s.indexes.size = events, events, events, 3*events
}

// Append records a submission at a time in unix milliseconds, or refuses it
// whole. A time before the last entry's is moved up to it. Receipts of
// duplicates have their index only.
func (s *Sequencer) Append(submission ledger.Submission, at uint64) (ledger.Outcome, []Sequenced) {
	if outcome, known := s.known(submission); known {
		return outcome, nil
	}
	at = max(at, s.head.RecordedAt)
	state, head := s.state, s.head
	if len(submission) > 1 {
		state = newOverlay(s.state)
	}
	outcome := ledger.Outcome{Receipts: s.receipts.take(len(submission))[:0]}
	appended := s.appended.take(len(submission))[:0]
	for i, candidate := range submission {
		sequenced, rejection := s.step(state, head, candidate, at)
		if rejection != nil {
			return ledger.Outcome{Rejection: rejection, At: i}, nil
		}
		head = ledger.Head{Size: head.Size + 1, LastLeaf: sequenced.Leaf, RecordedAt: at}
		appended = append(appended, sequenced)
		outcome.Receipts = append(outcome.Receipts, ledger.Receipt{Event: candidate.ID, Index: sequenced.Entry.Index, RecordedAt: at, Leaf: sequenced.Leaf})
	}
	if state != s.state {
		state.mergeInto(s.state)
	}
	s.head = head
	return outcome, appended
}

// known settles a submission that was recorded before, in whole or in part.
func (s *Sequencer) known(submission ledger.Submission) (ledger.Outcome, bool) {
	var outcome ledger.Outcome
	missing := 0
	for i, candidate := range submission {
		index, ok := uint64(0), false
		if !s.isNew(candidate.Event) {
			index, ok = s.state.EventIndex(candidate.ID)
		}
		if !ok {
			missing = i
			continue
		}
		outcome.Receipts = append(outcome.Receipts, ledger.Receipt{Event: candidate.ID, Index: index, Duplicate: true})
	}
	switch len(outcome.Receipts) {
	case 0:
		return outcome, false
	case len(submission):
		return outcome, true
	}
	return ledger.Outcome{At: missing, Rejection: ledger.RejectField(ledger.GroupMixed, "group",
		"other events of the group are recorded already, this one is not; sign the remaining events as a new group")}, true
}

// isNew tells of most events that are new that they are, from what they are judged on
// anyway; false says nothing. An event that was recorded is the last on the items that
// it advanced or has others after it, so none of them stands at the event before it any
// more; and its reference is in the state for good.
func (s *Sequencer) isNew(event *ledger.Event) bool {
	if len(event.Items) > 0 {
		ref := event.Items[0]
		item, ok := s.state.Item(ref.Item)
		return ok && item.Last == ref.Prev
	}
	if body, ok := event.Body.(*custodyv1.ItemRegister); ok && len(body.Reference) > 0 {
		_, taken := s.state.Registration(event.Party, ledger.Reference(body.Reference))
		return !taken
	}
	return false
}

// step judges one event and builds its entry. It changes the state only if it
// gives no rejection.
func (s *Sequencer) step(state *overlay, head ledger.Head, candidate ledger.Candidate, at uint64) (Sequenced, *ledger.Rejection) {
	if candidate.Ledger != s.ledger {
		return Sequenced{}, ledger.RejectField(ledger.WrongLedger, "ledger_id", "the event is signed for ledger %s, this is ledger %s", candidate.Ledger, s.ledger)
	}
	links := s.links(state, candidate)
	j := judge{state: state, event: candidate.Event, index: head.Size, now: at}
	if rejection := j.apply(); rejection != nil {
		return Sequenced{}, rejection
	}
	entry := &s.entries.take(1)[0]
	*entry = ledger.Entry{
		Kind:       candidate.Kind(),
		Index:      head.Size,
		RecordedAt: at,
		Prev:       head.LastLeaf,
		Links:      links,
		Signed:     candidate.Signed,
	}
	b, err := entry.Encode()
	if err != nil {
		panic(fmt.Sprintf("rules: EventBytesMax leaves no room for an entry: %v", err))
	}
	state.putEvent(candidate.ID, entry.Index)
	return Sequenced{Entry: entry, Bytes: b, Leaf: merkle.LeafHash(b), Candidate: candidate}, nil
}

// links gives the entry's links in the state in front of it. A party or item that
// is not there has none: the event is refused.
func (s *Sequencer) links(state View, candidate ledger.Candidate) []uint64 {
	parties, names := candidate.Parties(), candidate.Names()
	links := s.indexes.take(len(parties) + len(names))[:0]
	for _, id := range parties {
		if party, ok := state.Party(id); ok {
			links = append(links, party.LastIndex)
		}
	}
	for _, id := range names {
		if item, ok := state.Item(id); ok {
			links = append(links, item.LastIndex)
		}
	}
	return links
}

// Head gives the head after everything appended so far.
func (s *Sequencer) Head() ledger.Head { return s.head }

// Changes gives everything written since the sequencer was made. The caller
// must not append afterwards while it uses them.
func (s *Sequencer) Changes() Changes { return s.state.changes }

// Block is what a sequencer produced: entries in order and the state they leave.
type Block struct {
	Entries []Sequenced
	Changes Changes
}
