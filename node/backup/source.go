package backup

import (
	"context"

	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/store"
)

// Source is a ledger on disk, open for reading, as an auditor reads it. It implements
// audit.CheckpointSource.
type Source struct {
	Label string // what reports call it
	Store *store.Store
}

// Name implements audit.Source.
func (s Source) Name() string { return s.Label }

// Head implements audit.Source.
func (s Source) Head(context.Context) (audit.TreeHead, error) {
	size, root := s.Store.Head()
	return audit.TreeHead{Size: size, Root: root}, nil
}

// Checkpoint implements audit.CheckpointSource. Nobody signed the copy as such.
func (s Source) Checkpoint(context.Context) (final, own []byte, err error) {
	if last, ok := s.Store.Final(); ok {
		final = last.Note
	}
	return final, nil, nil
}

// Entries implements audit.Source; it ends where the ledger does.
func (s Source) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	snapshot := s.Store.Snapshot()
	defer snapshot.Close()
	return snapshot.Entries(from, min(to, snapshot.Size()), func(_ uint64, entry []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return yield(append([]byte(nil), entry...))
	})
}
