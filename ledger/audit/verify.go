package audit

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Raw is one entry as a source gives it, with the openings kept beside it, if
// the source gives any. The bytes must not change while the replay uses them.
type Raw struct {
	Entry    []byte
	Openings []*custodyv1.Opening
}

// Verified is a run of entries that were checked as far as that is possible
// without the state.
type Verified struct{ items []item }

// Len is the number of entries.
func (v *Verified) Len() int { return len(v.items) }

// item is one entry on its way through the replay.
type item struct {
	raw       []byte
	leaf      merkle.Hash
	entry     *ledger.Entry    // nil if the bytes are no entry
	candidate ledger.Candidate // its event is nil for a handover
	// wrong is what does not hold about the entry by itself, nil if all does.
	// The replay sets its index.
	wrong *Finding
}

// handover tells whether the item is an entry that no event stands in.
func (it *item) handover() bool { return it.entry.Kind == ledger.KindHandover }

// group gives the group that the item's event stands in, or nil.
func (it *item) group() *ledger.Group {
	if it.candidate.Event == nil {
		return nil
	}
	return it.candidate.Group
}

// verifyPiece is how many entries one core takes at a time.
const verifyPiece = 512

// Verify decodes entries and verifies every signature, on all cores. It needs
// no state, keeps the order, and may run on any goroutine, also while Replay
// judges what was verified before. What does not hold comes out of Replay.
func (r *Replayer) Verify(entries []Raw) *Verified {
	items := make([]item, len(entries))
	pieces := (len(entries) + verifyPiece - 1) / verifyPiece
	var next atomic.Int64
	var done sync.WaitGroup
	for range min(pieces, runtime.GOMAXPROCS(0)) {
		done.Go(func() {
			for {
				piece := int(next.Add(1)) - 1
				if piece >= pieces {
					return
				}
				from, to := piece*verifyPiece, min((piece+1)*verifyPiece, len(entries))
				r.verifyRun(entries[from:to], items[from:to])
			}
		})
	}
	done.Wait()
	return &Verified{items: items}
}

func (r *Replayer) verifyRun(entries []Raw, items []item) {
	events := make([]*ledger.Event, 0, len(entries))
	owners := make([]int, 0, len(entries))
	for i, raw := range entries {
		items[i] = r.decode(raw)
		if items[i].wrong == nil && !items[i].handover() {
			events = append(events, items[i].candidate.Event)
			owners = append(owners, i)
		}
	}
	verified, rejections := ledger.Verify(r.verifier, events)
	for k, i := range owners {
		items[i].candidate.VerifiedEvent = verified[k]
		if rejections[k] != nil {
			items[i].wrong = refused(0, SignatureBad, rejections[k])
		}
	}
}

func (r *Replayer) decode(raw Raw) item {
	it := item{raw: raw.Entry, leaf: merkle.LeafHash(raw.Entry)}
	entry, err := ledger.DecodeEntry(raw.Entry)
	if err != nil {
		it.wrong = find(0, EntryUndecodable, "%v", err)
		return it
	}
	it.entry = entry
	switch entry.Kind {
	case ledger.KindGenesis:
		it.wrong = find(0, EntryUndecodable, "only entry 0 is a genesis").against(kindText(ledger.KindEvent), kindText(entry.Kind))
		return it
	case ledger.KindHandover:
		if len(entry.Links) > 0 {
			it.wrong = find(0, LinkWrong, "a handover has no links").against(0, len(entry.Links))
		}
		return it
	}
	event, rejection := ledger.DecodeEvent(r.rulesVersion, entry.Signed)
	if rejection != nil {
		it.wrong = refused(0, EventInvalid, rejection)
		return it
	}
	it.candidate.Event = event
	if entry.Kind != event.Kind() {
		it.wrong = find(0, EntryDiffers, "the entry is not of the kind that its event belongs to").against(kindText(event.Kind()), kindText(entry.Kind))
		return it
	}
	if len(raw.Openings) == 0 {
		return it
	}
	openings, rejection := ledger.DecodeOpenings(event, raw.Openings)
	if rejection != nil {
		it.wrong = refused(0, OpeningWrong, rejection)
		return it
	}
	it.candidate.Openings = openings
	return it
}

func kindText(kind ledger.Kind) string { return fmt.Sprintf("kind %d", kind) }
