package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Progress says how far an audit is with one source.
type Progress struct {
	Source string
	Done   uint64 // entries, from Total's beginning
	Total  uint64
	Replay bool // all rules and signatures; false where entries are only compared
}

// Auditor audits one ledger at one or several sources.
//
// The longest source is replayed in full. The others must hold the same
// entries, by the root recomputed from their bytes at the size they have in
// common, and a root of their own head that fits their entries.
type Auditor struct {
	// State is where the audit starts; it is brought forward by Run to the
	// longest verified ledger. See Start and Load.
	State   *State
	Sources []Source
	// Progress is called now and then from the goroutine of Run; may be nil.
	Progress func(Progress)
}

// Report is the outcome of an audit.
type Report struct {
	Ledger ledger.LedgerID `json:"-"`
	From   uint64          `json:"from"`     // size the audit started from
	Head   TreeHead        `json:"verified"` // what is verified now
	// Final is the largest final checkpoint that is verified; nil before there is one.
	Final   *TreeHead      `json:"final,omitempty"`
	Sources []SourceReport `json:"sources"` // in the order of Auditor.Sources
}

// SourceReport is the verdict on one source.
type SourceReport struct {
	Name string   `json:"name"`
	Head TreeHead `json:"head"`
	// Final and Own are its last final checkpoint and the last head that the node
	// signed by itself, if it has them and they hold.
	Final *SignedReport `json:"final,omitempty"`
	Own   *SignedReport `json:"own,omitempty"`
	// Finding is what does not hold; nil if all does.
	Finding *Finding `json:"finding,omitempty"`
	// Behind tells that the source is shorter than what was verified before, or has
	// an older final checkpoint, while another one is not.
	Behind bool `json:"behind,omitempty"`
	// Err is the world's: the source could not be read to its end.
	Err error `json:"-"`

	heads []*signedHead
}

// OK tells whether every source was read and holds.
func (r *Report) OK() bool {
	for i := range r.Sources {
		if r.Sources[i].Finding != nil || r.Sources[i].Err != nil {
			return false
		}
	}
	return true
}

// Findings lists what does not hold, in the order of the sources.
func (r *Report) Findings() []*Finding {
	var findings []*Finding
	for i := range r.Sources {
		if f := r.Sources[i].Finding; f != nil {
			findings = append(findings, f)
		}
	}
	return findings
}

// Limits of what is verified at a time.
const (
	runEntries = 2048
	runBytes   = 4 << 20
)

// Run audits every source. What is wrong with a source stands in the report;
// the error is only that nothing was audited: no source, or the context is
// done, or a fault of Auditor.State.
//
// Run again goes on where the last one ended: it reads what came since, and
// refuses heads and final checkpoints that do not continue what was verified.
func (a *Auditor) Run(ctx context.Context) (*Report, error) {
	if a.State == nil || len(a.Sources) == 0 {
		return nil, errors.New("audit: a state to start from and at least one source are needed")
	}
	base := a.State.base().clone()
	run := auditRun{
		Auditor:  a,
		base:     base,
		start:    TreeHead{Size: base.tree.Size(), Root: base.tree.Root()},
		before:   a.State.TreeHead(),
		trees:    map[uint64]*edge{},
		policies: a.State.policies(),
		report:   &Report{Ledger: a.State.id, From: a.State.head.Size, Sources: make([]SourceReport, len(a.Sources))},
	}
	order := run.claims(ctx)
	for _, at := range order {
		run.source(ctx, a.Sources[at], &run.report.Sources[at])
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	run.checkpoints()
	run.prove(ctx)
	run.remember()
	run.report.Head = a.State.TreeHead()
	if final, ok := a.State.Final(); ok {
		head := headOf(final)
		run.report.Final = &head
	}
	return run.report, ctx.Err()
}

// Follow runs the audit once and then again at every tick, and calls each with
// every report, until a report has a finding, which it gives, or the context is
// done, which is its error. A source that cannot be read is tried again at the
// next tick.
func (a *Auditor) Follow(ctx context.Context, ticks <-chan time.Time, each func(*Report) error) (*Report, error) {
	for {
		report, err := a.Run(ctx)
		if err == nil {
			err = each(report)
		}
		if err != nil || len(report.Findings()) > 0 {
			return report, err
		}
		select {
		case <-ticks:
		case <-ctx.Done():
			return report, ctx.Err()
		}
	}
}

// auditRun is one call of Run.
type auditRun struct {
	*Auditor
	// base and start are the tree from which on every source is read: that of the
	// last final checkpoint, or before is one, all that is verified.
	base   *edge
	start  TreeHead
	before TreeHead // what was verified before
	// trees are those at the sizes of all heads of all sources, once verified, and
	// nil until then.
	trees    map[uint64]*edge
	policies []policySince // in force from start on
	words    []word        // of this run
	finalMax uint64        // size of the largest final checkpoint that a source has
	report   *Report
	// reference is the source that the state was brought forward from last, or
	// that was found to have all that was verified before.
	reference Source
}

// claims asks every source for its heads and gives the order of the audit: the
// longest first.
func (a *auditRun) claims(ctx context.Context) []int {
	var order []int
	longest := uint64(0)
	for i, source := range a.Sources {
		r := &a.report.Sources[i]
		r.Name = source.Name()
		if err := a.claim(ctx, source, r); err != nil {
			r.fail("head of", err)
			continue
		}
		order = append(order, i)
		longest = max(longest, r.Head.Size)
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Compare(a.report.Sources[y].Head.Size, a.report.Sources[x].Head.Size)
	})
	return slices.DeleteFunc(order, func(i int) bool {
		r := &a.report.Sources[i]
		switch {
		case r.Head.Size < a.before.Size && longest < a.before.Size, r.Head.Size == 0:
			r.Finding = find(r.Head.Size, SizeShrunk, "the head is smaller than the ledger that was verified before").against(a.before.Size, r.Head.Size)
			r.Finding.Source = r.Name
			return true
		case r.Head.Size < a.start.Size:
			r.Behind = true
			return true
		}
		return false
	})
}

// claim asks a source for its heads, the signed ones first, and notes their
// sizes.
func (a *auditRun) claim(ctx context.Context, source Source, r *SourceReport) error {
	var final, own []byte
	var err error
	if signed, ok := source.(CheckpointSource); ok {
		if final, own, err = signed.Checkpoint(ctx); err != nil {
			return err
		}
	}
	if r.Head, err = source.Head(ctx); err != nil {
		return err
	}
	a.trees[r.Head.Size] = nil
	for _, raw := range []struct {
		note []byte
		own  bool
	}{{final, false}, {own, true}} {
		head, wrong := a.readHead(raw.note, raw.own)
		if wrong != nil {
			return wrong
		}
		if head == nil {
			continue
		}
		r.heads = append(r.heads, head)
		a.trees[head.note.Size] = nil
		if !raw.own {
			a.finalMax = max(a.finalMax, head.note.Size)
		}
	}
	return nil
}

// fail notes a finding or the world's error.
func (r *SourceReport) fail(doing string, err error) {
	var finding *Finding
	if errors.As(err, &finding) {
		finding.Source = r.Name
		r.Finding = finding
		return
	}
	r.Err = fmt.Errorf("%s %s: %w", doing, r.Name, err)
}

// source compares what a source has in common with what is verified already,
// and replays the rest of it.
func (a *auditRun) source(ctx context.Context, source Source, r *SourceReport) {
	w := newWalk(a.base, source)
	err := a.common(ctx, source, r.Head, w)
	if err == nil {
		err = a.rest(ctx, source, r.Head, w)
	}
	if err == nil {
		err = w.finish(ctx)
	}
	if err != nil {
		r.fail("read", err)
	}
}

// common demands that a source has the entries that are verified already, as
// far as it goes. From index 0 the genesis is one of them.
func (a *auditRun) common(ctx context.Context, source Source, head TreeHead, w *walk) error {
	to := min(head.Size, a.State.head.Size)
	if a.start.Size == 1 {
		if err := a.genesis(ctx, source); err != nil {
			return err
		}
	}
	trees := map[uint64]*edge{}
	note := func() {
		if _, wanted := a.trees[w.edge.tree.Size()]; wanted {
			trees[w.edge.tree.Size()] = w.edge.clone()
		}
	}
	note()
	err := a.entries(ctx, source, a.start.Size, to, func(entry []byte) error {
		if err := w.append(ctx, merkle.LeafHash(entry)); err != nil {
			return err
		}
		note()
		a.progress(source, w.edge.tree.Size()-a.start.Size, to-a.start.Size, false)
		return nil
	})
	if err != nil {
		return err
	}
	root := w.edge.tree.Root()
	switch {
	case root == a.root(to):
	case a.reference == nil:
		return find(a.start.Size, NotConsistent, "the entries from here up to entry %d are not those that were verified before", to-1).against(a.root(to), root)
	default:
		return a.differing(ctx, source, head, to)
	}
	if head.Size <= to && head.Root != root {
		return a.wrongHead(head, root)
	}
	if a.reference == nil {
		a.reference = source
		maps.Copy(a.trees, trees)
	}
	return nil
}

func (a *auditRun) wrongHead(head TreeHead, root merkle.Hash) *Finding {
	if head.Size == a.before.Size && a.before.Size > 1 {
		return find(head.Size-1, NotConsistent, "the head has another root than the ledger of this size that was verified before").against(root, head.Root)
	}
	return find(head.Size-1, RootDiffers, "the entries up to here have another root than the head of size %d says: the head is forged", head.Size).against(root, head.Root)
}

// genesis demands that entry 0 is the genesis that the audit starts from.
func (a *auditRun) genesis(ctx context.Context, source Source) error {
	want, err := a.State.genesis.Entry(a.State.file).Encode()
	if err != nil {
		return err
	}
	return a.entries(ctx, source, 0, 1, func(entry []byte) error {
		if string(entry) == string(want) {
			return nil
		}
		found := merkle.LeafHash(entry)
		decoded, err := ledger.DecodeEntry(entry)
		if err == nil && decoded.Kind == ledger.KindGenesis && ledger.GenesisID(decoded.Genesis) != a.State.id {
			return find(0, GenesisDiffers, "entry 0 founds another ledger").against("ledger "+a.State.id.String(), "ledger "+ledger.GenesisID(decoded.Genesis).String())
		}
		return find(0, GenesisDiffers, "entry 0 is not the genesis that the audit started from").against(merkle.LeafHash(want), found)
	})
}

// entries reads a range of which none may be missing.
func (a *auditRun) entries(ctx context.Context, source Source, from, to uint64, yield func([]byte) error) error {
	if from >= to {
		return nil
	}
	at := from
	err := source.Entries(ctx, from, to, func(entry []byte) error {
		if at == to {
			return tooMany(to - from)
		}
		at++
		return yield(entry)
	})
	if err != nil {
		return err
	}
	if at < to {
		return find(at, EntryMissing, "the source ends here, its head says %d entries or more", to).against(to, at)
	}
	return nil
}

func tooMany(asked uint64) error {
	return fmt.Errorf("the source gives more entries than the %d it was asked for", asked)
}

// rest replays what a source has behind the verified ledger.
func (a *auditRun) rest(ctx context.Context, source Source, head TreeHead, w *walk) error {
	from := a.State.head.Size
	if head.Size <= from {
		return nil
	}
	a.reference = source
	p := startPipeline(ctx, source, a.State.Replayer(), from, head.Size)
	defer p.stop()
	for run := range p.verified {
		block, wrong := p.replayer.Replay(a.State, run)
		if err := a.apply(ctx, block, w); err != nil {
			return err
		}
		if wrong != nil {
			return wrong
		}
		a.progress(source, a.State.head.Size-from, head.Size-from, true)
	}
	if err := p.wait(); err != nil {
		return err
	}
	block, wrong := p.replayer.Finish(a.State, head)
	if err := a.apply(ctx, block, w); err != nil {
		return err
	}
	if wrong == nil {
		a.progress(source, head.Size-from, head.Size-from, true)
	}
	return wrong
}

// apply brings the state forward and notes the tree at every size that a head is
// to be compared at. The error is about the source's
// tiles; the state holds.
func (a *auditRun) apply(ctx context.Context, block rules.Block, w *walk) (err error) {
	for i := range block.Entries {
		e := &block.Entries[i]
		if err == nil {
			err = w.append(ctx, e.Leaf)
		} else {
			w.edge.append(e.Leaf)
		}
		if _, wanted := a.trees[w.edge.tree.Size()]; wanted {
			a.trees[w.edge.tree.Size()] = w.edge.clone()
		}
	}
	a.State.Apply(block)
	if now := a.State.Policy(); now.Since != a.policies[len(a.policies)-1].since {
		a.policies = append(a.policies, policySince{now.Since, now.InForce})
	}
	return err
}

// root gives the verified root of a source's size, or of the state's.
func (a *auditRun) root(size uint64) merkle.Hash {
	if size == a.State.head.Size {
		return a.State.edge.tree.Root()
	}
	if tree := a.trees[size]; tree != nil {
		return tree.tree.Root()
	}
	return merkle.Hash{}
}

// headOnly are findings that also a head of wrong size or root leads to, so that
// a head that is not signed explains them.
var headOnly = []Kind{RootDiffers, EntryMissing, TileMissing, TileWrong, GroupBroken, SizeShrunk, NotConsistent}

// checkpoints judges the signed heads of all sources.
func (a *auditRun) checkpoints() {
	for i := range a.report.Sources {
		for _, h := range a.report.Sources[i].heads {
			a.judge(h)
		}
	}
	for i := range a.report.Sources {
		r := &a.report.Sources[i]
		for _, h := range r.heads {
			if r.Finding != nil && h.wrong != nil && headOf(h.note.Checkpoint) == r.Head && slices.Contains(headOnly, r.Finding.Kind) {
				r.Finding = nil
			}
		}
		if r.Finding != nil || r.Err != nil {
			continue
		}
		wrong := a.signed(r, r.heads)
		if wrong == nil {
			wrong = a.gone(a.Sources[i], r)
		}
		if wrong != nil {
			wrong.Source = r.Name
			r.Finding = wrong
		}
	}
}

// remember keeps the largest final checkpoint that holds, and what cosigners
// said.
func (a *auditRun) remember() {
	m := &a.State.memory
	for i := range a.report.Sources {
		r := &a.report.Sources[i]
		if r.Finding != nil || r.Err != nil {
			continue
		}
		for _, h := range r.heads {
			for _, w := range wordsOf(a.policy(h.note.Size), h.note) {
				m.remember(w)
			}
			if tree := a.trees[h.note.Size]; h.final != nil && tree != nil && (m.final == nil || h.note.Size > m.final.Size) {
				m.final, m.tree = h.note, tree
			}
		}
	}
	if m.final != nil {
		m.policies = slices.Clone(a.policies[a.policyAt(m.final.Size):])
	}
}

func (a *auditRun) progress(source Source, done, total uint64, replay bool) {
	if a.Progress != nil && (replay || done%runEntries == 0 || done == total) {
		a.Progress(Progress{Source: source.Name(), Done: done, Total: total, Replay: replay})
	}
}
