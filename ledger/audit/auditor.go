package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Source is a ledger to be judged: a node, or a copy of a node's data. It is
// not trusted in anything.
type Source interface {
	// Name tells the source from others in findings and progress.
	Name() string
	// Head gives the size and root that the source claims.
	Head(ctx context.Context) (TreeHead, error)
	// Entries gives entries from index from up to, not including, index to, in
	// order. An error of yield ends it and is returned as it is. A source that
	// has fewer entries returns nil after its last one: the audit counts. The
	// slice given to yield belongs to it. Entries is called from one goroutine
	// at a time.
	Entries(ctx context.Context, from, to uint64, yield func(entry []byte) error) error
}

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
	Ledger  ledger.LedgerID `json:"-"`
	From    uint64          `json:"from"`     // size the audit started from
	Head    TreeHead        `json:"verified"` // what is verified now
	Sources []SourceReport  `json:"sources"`  // in the order of Auditor.Sources
}

// SourceReport is the verdict on one source.
type SourceReport struct {
	Name string   `json:"name"`
	Head TreeHead `json:"head"`
	// Finding is what does not hold; nil if all does.
	Finding *Finding `json:"finding,omitempty"`
	// Behind tells that the source is shorter than the state the audit started
	// from while another one is not, so that nothing could be compared.
	Behind bool `json:"behind,omitempty"`
	// Err is the world's: the source could not be read to its end.
	Err error `json:"-"`
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
func (a *Auditor) Run(ctx context.Context) (*Report, error) {
	if a.State == nil || len(a.Sources) == 0 {
		return nil, errors.New("audit: a state to start from and at least one source are needed")
	}
	run := auditRun{
		Auditor: a,
		start:   a.State.TreeHead(),
		edge:    a.State.edge.tree,
		roots:   map[uint64]merkle.Hash{},
		report:  &Report{Ledger: a.State.id, From: a.State.head.Size, Sources: make([]SourceReport, len(a.Sources))},
	}
	order := run.heads(ctx)
	for _, at := range order {
		run.source(ctx, a.Sources[at], &run.report.Sources[at])
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	run.report.Head = a.State.TreeHead()
	return run.report, nil
}

// auditRun is one call of Run.
type auditRun struct {
	*Auditor
	start  TreeHead
	edge   merkle.Frontier        // at start
	roots  map[uint64]merkle.Hash // recomputed, at start and at every source's size
	report *Report
	// reference is the source that the state was brought forward from last.
	reference Source
}

// heads asks every source for its head and gives the order of the audit: the
// longest first.
func (a *auditRun) heads(ctx context.Context) []int {
	var order []int
	longest := uint64(0)
	for i, source := range a.Sources {
		r := &a.report.Sources[i]
		r.Name = source.Name()
		if r.Head, r.Err = source.Head(ctx); r.Err != nil {
			r.Err = fmt.Errorf("head of %s: %w", r.Name, r.Err)
			continue
		}
		order = append(order, i)
		longest = max(longest, r.Head.Size)
		a.roots[r.Head.Size] = merkle.Hash{}
	}
	a.roots[a.start.Size] = a.start.Root
	slices.SortStableFunc(order, func(x, y int) int {
		return compareSizes(a.report.Sources[y].Head.Size, a.report.Sources[x].Head.Size)
	})
	for _, i := range order {
		r := &a.report.Sources[i]
		if r.Head.Size >= a.start.Size {
			continue
		}
		if r.Behind = longest >= a.start.Size && r.Head.Size > 0; !r.Behind {
			r.Finding = find(r.Head.Size, SizeShrunk, "the head is smaller than the ledger that was verified before").against(a.start.Size, r.Head.Size)
		}
	}
	return slices.DeleteFunc(order, func(i int) bool { return a.report.Sources[i].Head.Size < a.start.Size })
}

func compareSizes(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// source compares what a source has in common with what is verified already,
// and replays the rest of it.
func (a *auditRun) source(ctx context.Context, source Source, r *SourceReport) {
	err := a.common(ctx, source, r.Head)
	if err == nil {
		err = a.rest(ctx, source, r.Head)
	}
	var finding *Finding
	if errors.As(err, &finding) {
		finding.Source = r.Name
		r.Finding = finding
		return
	}
	if err != nil {
		r.Err = fmt.Errorf("read %s: %w", r.Name, err)
	}
}

// common demands that a source has the entries that are verified already, as
// far as it goes. From index 0 the genesis is one of them.
func (a *auditRun) common(ctx context.Context, source Source, head TreeHead) error {
	to := min(head.Size, a.State.head.Size)
	if a.start.Size == 1 {
		if err := a.genesis(ctx, source); err != nil {
			return err
		}
	}
	tree := a.edge
	err := a.entries(ctx, source, a.start.Size, to, func(entry []byte) error {
		tree.Append(merkle.LeafHash(entry), nil)
		a.progress(source, tree.Size()-a.start.Size, to-a.start.Size, false)
		return nil
	})
	if err != nil {
		return err
	}
	if tree.Root() != a.root(to) {
		return a.differing(ctx, source, head, to)
	}
	if head.Size <= to && head.Root != tree.Root() {
		return a.wrongHead(head, tree.Root())
	}
	return nil
}

func (a *auditRun) wrongHead(head TreeHead, root merkle.Hash) *Finding {
	if head.Size == a.start.Size && a.start.Size > 1 {
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
func (a *auditRun) rest(ctx context.Context, source Source, head TreeHead) error {
	from := a.State.head.Size
	if head.Size <= from {
		return nil
	}
	a.reference = source
	p := startPipeline(ctx, source, a.State.Replayer(), from, head.Size)
	defer p.stop()
	for run := range p.verified {
		block, err := p.replayer.Replay(a.State, run)
		a.apply(block)
		if err != nil {
			return err
		}
		a.progress(source, a.State.head.Size-from, head.Size-from, true)
	}
	if err := p.wait(); err != nil {
		return err
	}
	block, err := p.replayer.Finish(a.State, head)
	a.apply(block)
	if err == nil {
		a.progress(source, head.Size-from, head.Size-from, true)
	}
	return err
}

// apply brings the state forward and notes the root at every size that another
// source is to be compared at.
func (a *auditRun) apply(block rules.Block) {
	tree := a.State.edge.tree
	for i := range block.Entries {
		tree.Append(block.Entries[i].Leaf, nil)
		if _, wanted := a.roots[tree.Size()]; wanted {
			a.roots[tree.Size()] = tree.Root()
		}
	}
	a.State.Apply(block)
}

// root gives the verified root of a source's size, or of the state's.
func (a *auditRun) root(size uint64) merkle.Hash {
	if size == a.State.head.Size {
		return a.State.edge.tree.Root()
	}
	return a.roots[size]
}

func (a *auditRun) progress(source Source, done, total uint64, replay bool) {
	if a.Progress != nil && (replay || done%runEntries == 0 || done == total) {
		a.Progress(Progress{Source: source.Name(), Done: done, Total: total, Replay: replay})
	}
}
