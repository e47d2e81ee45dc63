package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

type auditFlags struct {
	data  []string
	state string
}

func (a *app) auditCommand() *cobra.Command {
	var flags auditFlags
	cmd := &cobra.Command{
		Use:   "audit [--data DIR] [--state FILE]",
		Short: "Verify the whole ledger: signatures, rules, chain and tree",
		Long: `Verify a ledger from its entries alone: decode every entry again, verify every
signature, run every rule, and demand the same bytes, the same chain and the same
root. Nothing a node says is trusted.

Without --node and --data every node of the genesis is audited. Several sources
must hold the same ledger. --data reads the data folder of a node, or a copy of
it, while no node runs on it.

With --state the audit goes on from a file that an earlier audit wrote, and writes
it anew if everything holds. A ledger that does not continue the one that was
verified then is refused. Keep the file where nobody else can change it.

Exit code 5: something does not hold; the index and what it is are named.
Exit code 3: a source could not be read to its end.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.audit(cmd.Context(), flags) },
	}
	cmd.Flags().StringArrayVar(&flags.data, "data", nil, "data `folder` of a node, may be repeated")
	cmd.Flags().StringVar(&flags.state, "state", "", "`file` with the state that an earlier audit verified")
	return cmd
}

func (a *app) audit(ctx context.Context, flags auditFlags) error {
	state, err := a.startState(flags.state)
	if err != nil {
		return err
	}
	sources, closeAll, err := a.sources(flags.data, state)
	if err != nil {
		return err
	}
	defer closeAll()
	progress := auditProgress{app: a}
	auditor := audit.Auditor{State: state, Sources: sources, Progress: progress.show}
	report, err := auditor.Run(ctx)
	progress.bar.done()
	if err != nil {
		return err
	}
	r := newAuditReport(report, state)
	if r.OK && flags.state != "" {
		if err := saveState(flags.state, state); err != nil {
			return err
		}
		r.State = flags.state
	}
	if err := a.print(r); err != nil {
		return err
	}
	return r.verdict()
}

// startState loads the saved state, or starts at the genesis.
func (a *app) startState(path string) (*audit.State, error) {
	file, _, err := a.genesis()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return audit.Start(file)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return audit.Start(file)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	state, err := audit.Load(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("saved state %s: %w; delete it to begin at index 0 again", path, err)
	}
	if id := ledger.GenesisID(file); state.LedgerID() != id {
		return nil, fmt.Errorf("saved state %s is of ledger %s, the genesis file is of ledger %s", path, state.LedgerID(), id)
	}
	return state, nil
}

// saveState replaces the state file, so that after a crash it is either the old
// one or the new one.
func saveState(path string, state *audit.State) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("save the verified state: %w", err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(state.Save(w), w.Flush(), f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return keyfile.SyncDir(filepath.Dir(path))
}

// sources opens the folders and connects to the nodes that are to be audited.
func (a *app) sources(folders []string, state *audit.State) (sources []audit.Source, closeAll func(), err error) {
	var closers []io.Closer
	closeAll = func() {
		for _, c := range closers {
			c.Close()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	for _, folder := range folders {
		source, err := openFolder(folder, state.LedgerID())
		if err != nil {
			return nil, closeAll, err
		}
		sources, closers = append(sources, source), append(closers, source)
	}
	addresses := a.nodes
	if len(folders) == 0 && len(addresses) == 0 {
		all, err := a.client()
		if err != nil {
			return nil, closeAll, err
		}
		addresses = all.Addresses()
		closers = append(closers, all)
	}
	for _, address := range addresses {
		c, err := a.clientOf([]string{address})
		if err != nil {
			return nil, closeAll, err
		}
		sources, closers = append(sources, nodeSource{c, address}), append(closers, c)
	}
	return sources, closeAll, nil
}

// nodeSource is one node. It answers from what it has applied itself: an audit
// wants this node's ledger, not the leader's.
type nodeSource struct {
	client  *client.Client
	address string
}

func (s nodeSource) Name() string { return "node " + s.address }

func (s nodeSource) Head(ctx context.Context) (audit.TreeHead, error) {
	head, err := s.client.TreeHead(ctx, 0, client.Stale)
	return audit.TreeHead{Size: head.Size, Root: head.Root}, err
}

func (s nodeSource) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	return s.client.Entries(ctx, from, to, func(_ uint64, entry []byte) error { return yield(entry) })
}

// folderSource is the data folder of a node that is not running, or a copy.
type folderSource struct {
	path  string
	store *store.Store
	head  audit.TreeHead
}

// storeFolder is where a node keeps its ledger below its data folder.
const storeFolder = "ledger"

func openFolder(path string, id ledger.LedgerID) (*folderSource, error) {
	ledgerPath := path
	if info, err := os.Stat(filepath.Join(path, storeFolder)); err == nil && info.IsDir() {
		ledgerPath = filepath.Join(path, storeFolder)
	}
	s, err := store.Open(ledgerPath, store.Options{ReadOnly: true})
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("%s: a node is running on it; audit the node with --node, or stop it, or audit a copy", path)
	case errors.Is(err, store.ErrCorrupt):
		return nil, damaged(path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	source := &folderSource{path: path, store: s}
	if got := s.LedgerID(); got != id {
		return nil, errors.Join(fmt.Errorf("%s holds ledger %s, the genesis file is of ledger %s", path, got, id), s.Close())
	}
	snapshot := s.Snapshot()
	defer snapshot.Close()
	source.head = audit.TreeHead{Size: snapshot.Size(), Root: snapshot.Root()}
	if err := snapshot.Err(); err != nil {
		return nil, errors.Join(damaged(path, err), s.Close())
	}
	return source, nil
}

func (s *folderSource) Name() string { return "folder " + s.path }

func (s *folderSource) Close() error { return s.store.Close() }

func (s *folderSource) Head(context.Context) (audit.TreeHead, error) { return s.head, nil }

func (s *folderSource) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	snapshot := s.store.Snapshot()
	defer snapshot.Close()
	err := snapshot.Entries(from, min(to, s.head.Size), func(_ uint64, entry []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return yield(append([]byte(nil), entry...))
	})
	if errors.Is(err, store.ErrCorrupt) {
		return damaged(s.path, err)
	}
	return err
}

// damaged makes what a store says of its own files an audit's finding.
func damaged(path string, err error) error {
	var corrupt *store.CorruptError
	if errors.As(err, &corrupt) && corrupt.Entry != store.NoEntry {
		return &coded{code: exitTampered, error: &audit.Finding{Source: "folder " + path, Index: uint64(corrupt.Entry), Kind: dataDamaged, Message: err.Error()}}
	}
	return &coded{code: exitTampered, error: fmt.Errorf("folder %s: %s: %w", path, dataDamaged, err)}
}

// dataDamaged: the files of a folder do not fit their own checksums, or each
// other, so that an entry cannot be read at all.
const dataDamaged audit.Kind = "data-damaged"

// auditProgress shows one bar for each source in turn.
type auditProgress struct {
	app  *app
	bar  bar
	what string
}

func (p *auditProgress) show(now audit.Progress) {
	verb := "compare "
	if now.Replay {
		verb = "verify "
	}
	if what := verb + now.Source; what != p.what {
		p.bar.done()
		p.what, p.bar = what, p.app.newBar(now.Total, what)
	}
	p.bar.set(now.Done)
}

// auditReport is the verdict.
type auditReport struct {
	OK       bool           `json:"ok"`
	Ledger   string         `json:"ledger_id"`
	From     uint64         `json:"from"`
	Size     uint64         `json:"size"`
	Root     string         `json:"root"`
	Items    int            `json:"items"`
	Sources  []sourceReport `json:"sources"`
	State    string         `json:"state_file,omitempty"`
	findings int
	unread   error
}

type sourceReport struct {
	Name    string         `json:"name"`
	Size    uint64         `json:"size"`
	Root    merkle.Hash    `json:"root"`
	Behind  bool           `json:"behind,omitempty"`
	Finding *audit.Finding `json:"finding,omitempty"`
	Problem string         `json:"problem,omitempty"`
}

func newAuditReport(report *audit.Report, state *audit.State) *auditReport {
	r := &auditReport{Ledger: report.Ledger.String(), From: report.From, Size: report.Head.Size, Root: report.Head.Root.String(), Items: state.Items()}
	for _, s := range report.Sources {
		line := sourceReport{Name: s.Name, Size: s.Head.Size, Root: s.Head.Root, Behind: s.Behind, Finding: s.Finding}
		var tampered *client.Tampered
		if errors.As(s.Err, &tampered) && line.Finding == nil {
			line.Finding = &audit.Finding{Source: s.Name, Index: tampered.Index, Kind: answerContradicts, Message: tampered.Error()}
		}
		switch {
		case line.Finding != nil:
			r.findings++
		case s.Err != nil:
			line.Problem, r.unread = s.Err.Error(), s.Err
		}
		r.Sources = append(r.Sources, line)
	}
	r.OK = r.findings == 0 && r.unread == nil
	return r
}

// answerContradicts: a node's answers contradict each other or what was asked.
const answerContradicts audit.Kind = "answer-contradicts"

func (r *auditReport) Text(w io.Writer) {
	for _, s := range r.Sources {
		switch {
		case s.Finding != nil:
			fmt.Fprintf(w, "%s: does not hold\n", s.Name)
		case s.Problem != "":
			fmt.Fprintf(w, "%s: could not be read: %s\n", s.Name, s.Problem)
		case s.Behind:
			fmt.Fprintf(w, "%s: %d entries, behind the ledger that was verified before; nothing to compare\n", s.Name, s.Size)
		default:
			fmt.Fprintf(w, "%s: %d entries, root %s\n", s.Name, s.Size, s.Root)
		}
	}
	if r.OK {
		fmt.Fprintf(w, "audit: ok: %s, %d items, root %s\n", r.verified(), r.Items, r.Root)
	}
	if r.State != "" {
		fmt.Fprintf(w, "verified state saved in %s\n", r.State)
	}
}

// verified says which entries this audit went through. The genesis is the one
// of the file, so that an audit from it begins with entry 0.
func (r *auditReport) verified() string {
	switch {
	case r.From == 1:
		return fmt.Sprintf("entries 0 to %d verified", r.Size-1)
	case r.From == r.Size:
		return fmt.Sprintf("%d entries verified before, nothing new", r.Size)
	}
	return fmt.Sprintf("entries %d to %d verified, those before them earlier", r.From, r.Size-1)
}

// verdict gives the findings as an error, which decides the exit code.
func (r *auditReport) verdict() error {
	if r.findings > 0 {
		var all []error
		for _, s := range r.Sources {
			if s.Finding != nil {
				all = append(all, s.Finding)
			}
		}
		return &coded{code: exitTampered, error: fmt.Errorf("audit: does not hold: %w", errors.Join(all...))}
	}
	if r.unread != nil {
		return &coded{code: exitUnreachable, error: fmt.Errorf("audit: not finished: %w", r.unread)}
	}
	return nil
}
