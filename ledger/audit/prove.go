package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Why there is no evidence.
const (
	nobodySigned = "nobody signed the bytes that are wrong: the source may have been damaged, or something on the way from it"
	noOtherHead  = "no other signed head is at hand that contradicts it by itself; an earlier receipt or note from this source may"
	notCovered   = "no signed head covers the entry yet; the next one will"
)

// prove makes the evidence of every finding, where what was read suffices.
func (a *auditRun) prove(ctx context.Context) {
	for i := range a.report.Sources {
		r := &a.report.Sources[i]
		if r.Finding == nil {
			continue
		}
		e, err := a.evidenceOf(ctx, a.Sources[i], r)
		if r.Finding.Evidence = e; e == nil {
			r.Finding.NoEvidence = err.Error()
		}
	}
}

// evidenceOf makes evidence of one finding, or says why there is none.
func (a *auditRun) evidenceOf(ctx context.Context, source Source, r *SourceReport) (*evidence.Evidence, error) {
	switch r.Finding.Kind {
	case GenesisDiffers, TileWrong, TileMissing, CheckpointInvalid, OwnHeadInvalid, EntryMissing, OpeningWrong:
		return nil, errors.New(nobodySigned)
	case NotFinal:
		return nil, errors.New("too few signed it, and each of those who did may be right")
	}
	if len(r.heads) == 0 {
		return nil, errors.New("the source shows no signed head: " + nobodySigned)
	}
	var later []ledger.Policy
	for _, p := range a.policies {
		later = append(later, p.policy)
	}
	trust, err := evidence.FromGenesis(a.State.file, later...)
	if err != nil {
		return nil, err
	}
	switch f := r.Finding; f.Kind {
	case SourcesDiffer, EntryDiffers, NotConsistent:
		return a.differingEvidence(ctx, trust, source, r)
	case RootDiffers, SizeShrunk, CheckpointDiffers, CheckpointWentBack, OwnHeadDiffers, CosignatureWentBack, SignedTwice:
		return a.twoWords(trust, r)
	default:
		return a.badEntry(ctx, trust, source, r)
	}
}

// differingEvidence is about a source that has another history than what is
// verified: a fork, if signed heads hold both; else an entry that cannot stand
// where it stands, or two heads that contradict each other.
func (a *auditRun) differingEvidence(ctx context.Context, trust *evidence.Trust, source Source, r *SourceReport) (*evidence.Evidence, error) {
	fork, err := a.forkOf(ctx, trust, source, r)
	if fork != nil {
		if r.Finding.Kind == SourcesDiffer {
			r.Finding.Kind = NodesFork
		}
		return fork, nil
	}
	if r.Finding.Kind != SourcesDiffer {
		if bad, badErr := a.badEntry(ctx, trust, source, r); badErr == nil {
			return bad, nil
		}
	}
	if two, twoErr := a.twoWords(trust, r); twoErr == nil {
		return two, nil
	}
	return nil, err
}

// twoWords makes evidence of two heads that contradict each other by themselves.
func (a *auditRun) twoWords(trust *evidence.Trust, r *SourceReport) (*evidence.Evidence, error) {
	for _, h := range r.heads {
		if h.wrong != nil {
			continue
		}
		for _, other := range a.notes() {
			if other.Size == h.note.Size && other.Root != h.note.Root {
				return evidence.Heads(trust, other, h.note)
			}
		}
		for _, w := range wordsOf(a.policy(h.note.Size), h.note) {
			switch kind, other, ok := a.contradiction(w); {
			case ok && kind == SignedTwice:
				return evidence.TwoHeads(trust, other.note, w.note)
			case ok && other.note.Size > w.note.Size:
				return evidence.WentBack(trust, other.note, w.note)
			case ok:
				return evidence.WentBack(trust, w.note, other.note)
			}
		}
	}
	if r.Finding.Kind == SizeShrunk || r.Finding.Kind == CheckpointWentBack {
		return nil, errors.New("an old head that was right at its time convicts nobody; ask the other nodes")
	}
	return nil, errors.New(noOtherHead)
}

// notes are all signed heads that are known and whose lines hold.
func (a *auditRun) notes() []*checkpoint.Note {
	var notes []*checkpoint.Note
	for i := range a.report.Sources {
		for _, h := range a.report.Sources[i].heads {
			if h.wrong == nil {
				notes = append(notes, h.note)
			}
		}
	}
	return append(notes, a.remembered()...)
}

// forkOf makes evidence of two histories, each under a signed head: that of the
// source, and one of those that are verified.
func (a *auditRun) forkOf(ctx context.Context, trust *evidence.Trust, source Source, r *SourceReport) (*evidence.Evidence, error) {
	if a.reference == nil || a.reference == source {
		return nil, errors.New(noOtherHead)
	}
	indexes := []uint64{r.Finding.Index}
	if r.Finding.Kind == NotConsistent {
		var apart *Finding
		if err := a.differing(ctx, source, r.Head, min(r.Head.Size, a.State.head.Size)); errors.As(err, &apart) {
			indexes[0] = apart.Index
		}
		// The histories part below what was read. Each entry holds the leaf before it,
		// so that they differ in the last entry of what was verified, too, which heads
		// from before this audit hold.
		indexes = append(indexes, a.start.Size-1)
	}
	right := a.remembered()
	for i := range a.report.Sources {
		if other := &a.report.Sources[i]; other.Finding == nil && other.Err == nil {
			right = append(right, validNotes(other)...)
		}
	}
	var best *evidence.Evidence
	convicted, why := -1, errors.New(notCovered)
	for _, index := range indexes {
		theirs, err := a.sightings(ctx, source, []uint64{index}, validNotes(r))
		if err != nil {
			return nil, err
		}
		ours, err := a.sightings(ctx, a.reference, []uint64{index}, right)
		if err != nil {
			return nil, err
		}
		for _, x := range ours {
			for _, y := range theirs {
				e, err := evidence.Forked(trust, index, x.side(), y.side())
				if err != nil {
					why = err
					continue
				}
				if verdict, err := e.Verify(trust); err == nil && len(verdict.Convicted) > convicted {
					best, convicted = e, len(verdict.Convicted)
				}
			}
		}
	}
	if best == nil {
		return nil, why
	}
	return best, nil
}

// remembered are the signed heads that were verified before this audit: the last
// final checkpoint and the newest word of each cosigner.
func (a *auditRun) remembered() []*checkpoint.Note {
	var notes []*checkpoint.Note
	if final := a.State.memory.final; final != nil {
		notes = append(notes, final)
	}
	for _, w := range a.State.memory.words {
		notes = append(notes, w.note)
	}
	return notes
}

func validNotes(r *SourceReport) []*checkpoint.Note {
	var notes []*checkpoint.Note
	for _, h := range r.heads {
		if h.wrong == nil {
			notes = append(notes, h.note)
		}
	}
	return notes
}

// badEntry makes evidence of a signed head that holds an entry which no ledger
// can hold, by itself or beside one other entry.
func (a *auditRun) badEntry(ctx context.Context, trust *evidence.Trust, source Source, r *SourceReport) (*evidence.Evidence, error) {
	index := r.Finding.Index
	wanted := append(a.beside(ctx, source, r.Finding), index)
	slices.Sort(wanted)
	seen, err := a.sightings(ctx, source, slices.Compact(wanted), validNotes(r))
	if err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, errors.New(notCovered)
	}
	for _, s := range seen {
		own := slices.IndexFunc(s.entries, func(e evidence.Included) bool { return e.Index == index })
		if e, err := evidence.BadEntry(trust, s.note, s.entries[own]); err == nil {
			return e, nil
		}
		for i := range s.entries {
			if i == own {
				continue
			}
			pair := []evidence.Included{s.entries[min(i, own)], s.entries[max(i, own)]}
			if e, err := evidence.BadEntry(trust, s.note, pair...); err == nil {
				return e, nil
			}
		}
	}
	return nil, errors.New("the entry is wrong only in the light of many others: whoever doubts it audits the ledger that the signed head covers")
}

// beside gives the indexes of entries that may contradict the one of a finding.
func (a *auditRun) beside(ctx context.Context, source Source, f *Finding) []uint64 {
	var indexes []uint64
	add := func(index uint64) {
		if index != f.Index && index != ledger.NoLink {
			indexes = append(indexes, index)
		}
	}
	switch f.Kind {
	case ChainBroken, NotConsistent:
		add(f.Index + 1)
		fallthrough
	case TimeBackwards, OutOfPlace:
		if f.Index > 0 {
			add(f.Index - 1)
		}
	case LinkWrong:
		for _, text := range []string{f.Expected, f.Found} {
			if link, err := strconv.ParseUint(text, 10, 64); err == nil && link < f.Index {
				add(link)
			}
		}
	case EventRepeated, RuleBroken:
		items, err := a.items(ctx, source, a.State.Replayer(), f.Index, f.Index+1)
		if err != nil || items[0].candidate.Event == nil {
			return nil
		}
		event := items[0].candidate.Event
		if earlier, known := a.State.EventIndex(event.ID); known {
			add(earlier)
		}
		for _, signer := range event.Signers {
			if key, known := a.State.Key(signer.ID()); known && !key.Live() {
				add(key.Revoked)
			}
		}
	}
	return indexes
}

// sighting is a signed head and entries that it holds.
type sighting struct {
	note    *checkpoint.Note
	entries []evidence.Included
}

func (s sighting) side() evidence.Side {
	return evidence.Side{Note: s.note, Leaf: merkle.LeafHash(s.entries[0].Entry), Proof: s.entries[0].Proof}
}

// sightings reads a source again and gives those of the notes that its entries
// have the root of, and that hold all of the entries asked for.
func (a *auditRun) sightings(ctx context.Context, source Source, indexes []uint64, notes []*checkpoint.Note) ([]sighting, error) {
	last, to := slices.Max(indexes), uint64(0)
	for _, n := range notes {
		if n.Size > last {
			to = max(to, n.Size)
		}
	}
	if to == 0 {
		return nil, nil
	}
	start := &a.base.tree
	if slices.Min(indexes) < start.Size() {
		start = new(merkle.Frontier)
	}
	found := make([]evidence.Included, len(indexes))
	trails := make([]*merkle.Trail, len(indexes))
	for i, index := range indexes {
		found[i].Index = index
		var err error
		if trails[i], err = merkle.NewTrail(start, index); err != nil {
			return nil, err
		}
	}
	var seen []sighting
	size := start.Size()
	err := a.entries(ctx, source, size, to, func(entry []byte) error {
		leaf := merkle.LeafHash(entry)
		for i := range trails {
			if size == indexes[i] {
				found[i].Entry = entry
			}
			trails[i].Append(leaf)
		}
		size++
		for _, n := range notes {
			if n.Size == size && size > last && n.Root == trails[0].Root() {
				s := sighting{note: n, entries: slices.Clone(found)}
				for i := range trails {
					var err error
					if s.entries[i].Proof, err = trails[i].Proof(); err != nil {
						return err
					}
				}
				seen = append(seen, s)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s again for evidence: %w", source.Name(), err)
	}
	return seen, nil
}
