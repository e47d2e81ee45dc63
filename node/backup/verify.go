package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/store"
)

// ErrDamaged: what a backup holds is not the ledger that its nodes agreed on.
var ErrDamaged = errors.New("the backup is damaged")

// Verify replays a backup from entry 0 as an auditor does: signatures, rules, chain,
// tree, and that the last final checkpoint was made final by the ledger's own policy.
// The error wraps ErrNotBackup or ErrDamaged, or is one of the file system or ctx.
func Verify(ctx context.Context, dir string, genesisFile []byte, progress Progress) (*Manifest, error) {
	m, err := Read(dir)
	if err != nil {
		return nil, err
	}
	state, err := audit.Start(genesisFile)
	if err != nil {
		return nil, err
	}
	if m.Ledger != state.LedgerID().String() {
		return nil, fmt.Errorf("%s is of ledger %.16s… (%s), the genesis file of %.16s…", dir, m.Ledger, m.LedgerName, state.LedgerID())
	}
	s, err := store.Open(filepath.Join(dir, LedgerFolder), store.Options{ReadOnly: true})
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFounded) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if has := describe(s, m.Node, m.Bytes); *has != *m {
		return nil, fmt.Errorf("%w: the ledger in %s has %d entries with root %s, %d of them final; its %s says %d with root %s, %d of them final",
			ErrDamaged, dir, has.Size, has.Root, has.FinalSize, manifestFile, m.Size, m.Root, m.FinalSize)
	}
	auditor := &audit.Auditor{State: state, Sources: []audit.Source{Source{"backup " + dir, s}}}
	if progress != nil {
		auditor.Progress = func(p audit.Progress) { progress(int64(p.Done), int64(p.Total)) }
	}
	report, err := auditor.Run(ctx)
	if err != nil {
		return nil, err
	}
	if findings := report.Findings(); len(findings) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, findings[0])
	}
	for _, source := range report.Sources {
		if errors.Is(source.Err, store.ErrCorrupt) {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, source.Err)
		}
		if source.Err != nil {
			return nil, source.Err
		}
	}
	return m, nil
}
