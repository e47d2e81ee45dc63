package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

type auditFlags struct {
	data     []string
	dirs     []string
	tiles    []string
	state    string
	evidence string
	watch    bool
}

func (a *app) auditCommand() *cobra.Command {
	var flags auditFlags
	cmd := &cobra.Command{
		Use:   "audit [--data DIR] [--dir DIR] [--tiles URL] [--state FILE] [--evidence DIR] [--watch]",
		Short: "Verify the whole ledger: signatures, rules, chain, tree and final checkpoints",
		Long: `Verify a ledger from its entries alone: decode every entry again, verify every
signature, run every rule, and demand the same bytes, the same chain and the same
root; then that root under the final checkpoint of each source, which as many
associations must have cosigned as the policy of that time asks for, and under the
head that each node signed by itself. Nothing a node says is trusted.

Without --node, --data, --dir and --tiles every node of the genesis is audited.
Several sources must hold the same ledger. --data reads the data folder of a node,
or a copy of it, while no node runs on it; --dir a folder with tiles, as
'custody export' writes it; --tiles the same from a server.

With --state the audit goes on from a file that an earlier audit wrote, and writes
it anew if nothing was found. A ledger or a checkpoint that does not continue what
was verified then, or is older, is refused. Keep the file where nobody else can
change it.

With --evidence every finding that signatures prove is kept as a file, which
'custody verify' checks offline.

With --watch the audit goes on: it looks every second, prints a line for every new
final checkpoint, and ends with exit code 5 at the first finding.

Exit code 5: something does not hold; the index and what it is are named.
Exit code 3: a source could not be read to its end; the others were audited.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.audit(cmd.Context(), flags) },
	}
	cmd.Flags().StringArrayVar(&flags.data, "data", nil, "data `folder` of a node, may be repeated")
	cmd.Flags().StringArrayVar(&flags.dirs, "dir", nil, "`folder` with tiles, may be repeated")
	cmd.Flags().StringArrayVar(&flags.tiles, "tiles", nil, "`URL` below which a server has tiles, may be repeated")
	cmd.Flags().StringVar(&flags.state, "state", "", "`file` with the state that an earlier audit verified")
	cmd.Flags().StringVar(&flags.evidence, "evidence", "", "`folder` for evidence of what is found")
	cmd.Flags().BoolVar(&flags.watch, "watch", false, "go on until something does not hold")
	return cmd
}

func (a *app) audit(ctx context.Context, flags auditFlags) error {
	state, err := a.startState(flags.state)
	if err != nil {
		return err
	}
	sources, closeAll, err := a.sources(flags, state)
	if err != nil {
		return err
	}
	defer closeAll()
	progress := auditProgress{app: a}
	auditor := &audit.Auditor{State: state, Sources: sources, Progress: progress.show}
	if flags.watch {
		return a.watchAudit(ctx, flags, auditor, &progress)
	}
	report, err := auditor.Run(ctx)
	progress.bar.done()
	if err != nil {
		return err
	}
	return a.conclude(flags, report, state)
}

// conclude keeps state and evidence, prints the report and gives the verdict.
func (a *app) conclude(flags auditFlags, report *audit.Report, state *audit.State) error {
	r, err := newAuditReport(report, state, flags.evidence)
	if err != nil {
		return err
	}
	if r.findings == 0 && r.read > 0 && flags.state != "" {
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

const (
	// watchEvery is how often a watching audit looks.
	watchEvery = time.Second
	// watchSaveEvery is how often it saves its state, which may be large.
	watchSaveEvery = 10 * time.Minute
)

// watchAudit follows the sources. An interrupt ends it in order.
func (a *app) watchAudit(ctx context.Context, flags auditFlags, auditor *audit.Auditor, progress *auditProgress) error {
	again := time.NewTicker(watchEvery)
	defer again.Stop()
	w := watching{app: a, problems: map[string]string{}}
	saved := a.now()
	report, err := auditor.Follow(ctx, again.C, func(report *audit.Report) error {
		progress.bar.done()
		auditor.Progress = nil
		if len(report.Findings()) > 0 {
			return nil
		}
		if err := w.show(report); err != nil {
			return err
		}
		if flags.state == "" || a.now().Sub(saved) < watchSaveEvery {
			return nil
		}
		saved = a.now()
		return saveState(flags.state, auditor.State)
	})
	progress.bar.done()
	switch {
	case err == nil: // a finding
		return a.conclude(flags, report, auditor.State)
	case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
		return err
	case flags.state == "" || report != nil && len(report.Findings()) > 0:
		return nil
	}
	return saveState(flags.state, auditor.State)
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
