package audit

import (
	"context"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// Source is a ledger to be judged: a node, or a copy of a node's data. It is
// not trusted in anything. Its methods are called from one goroutine at a time,
// but for Entries, which may run beside CheckTile.
//
// An error that wraps a *Finding says what does not hold about the source; any
// other is the world's.
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

// CheckpointSource is a Source that has signed heads.
type CheckpointSource interface {
	Source
	// Checkpoint gives signed notes: the last final checkpoint, and the last head
	// that the node itself signed; nil where there is none. It is called before
	// Head, which gives no smaller size than either.
	Checkpoint(ctx context.Context) (final, own []byte, err error)
}

// TileSource is a Source that has tree hashes too, to be judged with the rest.
type TileSource interface {
	Source
	// CheckTile demands that the source's tile, and every partial one that it keeps
	// of it, holds these hashes, which were computed from its entries. The error
	// wraps a *Finding of kind TileWrong if not.
	CheckTile(ctx context.Context, t tile.Tile, hashes []merkle.Hash) error
}
