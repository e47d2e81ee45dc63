package audit

import (
	"bytes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// Replayer runs a ledger's entries again, from a verified head onward. It is
// deterministic, keeps no more than the entries of one unfinished group and
// two, and holds no goroutine. Verify may run beside other calls, these not
// beside each other.
//
// Entries go in by runs of any length: Verify, then Replay in the same order,
// at last Finish. Replay gives out only entries that the next one confirms, so
// that one changed entry never reaches a store, and groups only whole. Whether
// all of them belong to the ledger that is wanted, Finish says. Who must know
// earlier verifies a consistency proof from the TreeHead reached to the one
// wanted before storing a block.
type Replayer struct {
	id           ledger.LedgerID
	rulesVersion uint32
	verifier     *sign.Verifier
	head         ledger.Head
	frontier     merkle.Frontier
	pending      []item // after head, not given out yet; begins with a submission
	failed       *Finding
}

// TreeHead is the size and root of a ledger.
type TreeHead struct {
	Size uint64      `json:"size"`
	Root merkle.Hash `json:"root"`
}

// NewReplayer continues a verified ledger at its head. The size is at least 1,
// and the frontier is the one of this size; it is copied.
func NewReplayer(genesis *ledger.Genesis, id ledger.LedgerID, head ledger.Head, frontier *merkle.Frontier) *Replayer {
	if head.Size == 0 || frontier.Size() != head.Size {
		panic("audit: a replay starts at a head of at least one entry, with the frontier of its size")
	}
	return &Replayer{
		id:           id,
		rulesVersion: genesis.RulesVersion,
		verifier:     sign.NewVerifier(sign.PreparedKeysDefault),
		head:         head,
		frontier:     *frontier,
	}
}

// Head is the end of what was given out so far.
func (r *Replayer) Head() ledger.Head { return r.head }

// TreeHead is the size and root of what was given out so far.
func (r *Replayer) TreeHead() TreeHead { return TreeHead{Size: r.head.Size, Root: r.frontier.Root()} }

// Frontier is a copy of the right edge of what was given out so far.
func (r *Replayer) Frontier() *merkle.Frontier { return r.frontier.Clone() }

// Pending counts the entries taken in and not given out yet.
func (r *Replayer) Pending() int { return len(r.pending) }

// Replay judges the next entries on the view, which is the state at Head, and
// gives the block to apply to it: possibly empty, always whole submissions.
//
// The error is a *Finding. The block beside it is what was confirmed before the
// finding and may be used; the replay is over, and every later call gives the
// same finding. A view whose read failed makes block and finding void.
func (r *Replayer) Replay(view rules.View, entries *Verified) (rules.Block, error) {
	return r.replay(view, entries, nil)
}

// Finish judges what is pending and demands that the ledger has exactly this
// head. It gives the last block, or a *Finding, as Replay does.
func (r *Replayer) Finish(view rules.View, head TreeHead) (rules.Block, error) {
	return r.replay(view, &Verified{}, &head)
}

func (r *Replayer) replay(view rules.View, entries *Verified, end *TreeHead) (rules.Block, error) {
	if r.failed != nil {
		return rules.Block{}, r.failed
	}
	w := window{start: r.head, frontier: &r.frontier, items: append(r.pending, entries.items...), end: end}
	w.inspect()
	block, wrong := r.judge(view, w.items[:w.confirmed], w.items[w.confirmed:w.probed])
	if wrong == nil {
		wrong = w.wrong
	}
	if wrong != nil {
		r.pending, r.failed = nil, wrong
		return block, wrong
	}
	r.pending = append([]item(nil), w.items[w.confirmed:]...)
	return block, nil
}

// judge runs the rules on submissions and demands byte-equal entries, first of
// those confirmed, then of those that are only probed for what is wrong with
// them. The block is what was confirmed before the finding.
func (r *Replayer) judge(view rules.View, confirmed, probed []item) (rules.Block, *Finding) {
	run := r.run(view)
	block := rules.Block{Entries: make([]rules.Sequenced, 0, len(confirmed))}
	wrong := eachSubmission(confirmed, func(items []item) *Finding {
		appended, wrong := run.judge(items)
		block.Entries = append(block.Entries, appended...)
		return wrong
	})
	if wrong == nil {
		wrong = eachSubmission(probed, func(items []item) *Finding {
			_, wrong := run.judge(items)
			return wrong
		})
	}
	if wrong != nil || len(probed) > 0 {
		// A second time, to have the changes of exactly what held.
		run = r.run(view)
		eachSubmission(confirmed[:len(block.Entries)], func(items []item) *Finding {
			_, wrong := run.judge(items)
			return wrong
		})
	}
	block.Changes = run.sequencer.Changes()
	r.frontier, r.head = run.tree, run.sequencer.Head()
	return block, wrong
}

// run judges entries behind a verified head, one submission after another.
type run struct {
	sequencer *rules.Sequencer
	tree      merkle.Frontier // of what the sequencer has
}

func (r *Replayer) run(view rules.View) *run {
	return &run{sequencer: rules.NewSequencer(r.id, r.rulesVersion, view, r.head), tree: r.frontier}
}

// judge runs the rules on one submission, or on one handover, and demands
// byte-equal entries.
func (r *run) judge(items []item) (appended []rules.Sequenced, wrong *Finding) {
	if items[0].handover() {
		appended, wrong = r.judgeHandover(&items[0])
	} else {
		appended, wrong = judgeSubmission(r.sequencer, items)
	}
	for i := range appended {
		r.tree.Append(appended[i].Leaf, nil)
	}
	return appended, wrong
}

func (r *run) judgeHandover(it *item) ([]rules.Sequenced, *Finding) {
	index := r.sequencer.Head().Size
	appended, rejection := r.sequencer.Handover(it.entry.Note, it.entry.Proof, r.tree.Root(), it.entry.RecordedAt)
	if rejection != nil {
		return nil, refused(index, HandoverWrong, rejection)
	}
	if wrong := compare(&appended, it); wrong != nil {
		return nil, wrong
	}
	return []rules.Sequenced{appended}, nil
}

// eachSubmission cuts items where submissions end; the last one may be cut
// short.
func eachSubmission(items []item, judge func([]item) *Finding) *Finding {
	for len(items) > 0 {
		count := 1
		if group := items[0].group(); group != nil {
			count = min(int(group.Count), len(items))
		}
		if wrong := judge(items[:count]); wrong != nil {
			return wrong
		}
		items = items[count:]
	}
	return nil
}

func submissionOf(items []item) ledger.Submission {
	submission := make(ledger.Submission, len(items))
	for i := range items {
		submission[i] = items[i].candidate
	}
	return submission
}

func judgeSubmission(sequencer *rules.Sequencer, items []item) ([]rules.Sequenced, *Finding) {
	submission := submissionOf(items)
	start := sequencer.Head().Size
	outcome, appended := sequencer.Append(submission, items[0].entry.RecordedAt)
	if rejection := outcome.Rejection; rejection != nil {
		kind := RuleBroken
		if rejection.Reason == ledger.GroupMixed {
			kind = GroupBroken
		}
		return nil, refused(start+uint64(outcome.At), kind, rejection)
	}
	if len(appended) == 0 {
		return nil, find(start, EventRepeated, "the event %s is recorded already, in entry %d", submission[0].ID, outcome.Receipts[0].Index)
	}
	for i := range items {
		if wrong := compare(&appended[i], &items[i]); wrong != nil {
			return nil, wrong
		}
	}
	return appended, nil
}

// compare demands that an entry is what the rules make of what it holds.
func compare(want *rules.Sequenced, found *item) *Finding {
	if bytes.Equal(want.Bytes, found.raw) {
		return nil
	}
	index := want.Entry.Index
	if found.handover() {
		return find(index, EntryDiffers, "the entry is not what the rules make of its note").against(want.Leaf, found.leaf)
	}
	if wrong := differingLinks(index, found.candidate.Event, want.Entry.Links, found.entry.Links); wrong != nil {
		return wrong
	}
	return find(index, EntryDiffers, "the entry is not what the rules make of its event").against(want.Leaf, found.leaf)
}

// differingLinks tells a link to a party's record from one to an item's history.
func differingLinks(index uint64, event *ledger.Event, want, found []uint64) *Finding {
	parties, items := event.Parties(), event.Names()
	if len(want) != len(found) {
		return find(index, LinkWrong, "the entry must have one back link for each of the %d parties and %d items that its event names", len(parties), len(items)).against(len(want), len(found))
	}
	for i, link := range want {
		switch {
		case link == found[i]:
		case i < len(parties):
			return find(index, LinkWrong, "back link %d does not name the last entry that changed the record of party %s", i, parties[i]).against(link, found[i])
		default:
			return find(index, LinkWrong, "back link %d does not name the previous entry on item %s", i, items[i-len(parties)]).against(link, found[i])
		}
	}
	return nil
}
