package audit

import (
	"context"
	"slices"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// clone gives an independent copy.
func (e *edge) clone() *edge {
	c := &edge{tree: e.tree}
	for level, row := range e.rows {
		c.rows[level] = slices.Clone(row)
	}
	return c
}

// walk is the tree of one source's entries, held against the tiles of that
// source as it grows.
type walk struct {
	edge  *edge
	tiles TileSource // nil if the source has none
	full  []fullTile // of the last append
	emit  func(level uint8, index uint64, h merkle.Hash)
}

type fullTile struct {
	tile   tile.Tile
	hashes []merkle.Hash
}

// newWalk begins at a verified tree, which is copied.
func newWalk(start *edge, source Source) *walk {
	w := &walk{edge: start.clone()}
	w.tiles, _ = source.(TileSource)
	w.emit = w.take
	return w
}

func (w *walk) take(level uint8, index uint64, h merkle.Hash) {
	if w.tiles != nil && index%tile.Width == tile.Width-1 {
		hashes := append(slices.Clone(w.edge.rows[level]), h)
		w.full = append(w.full, fullTile{tile.Tile{Level: level, Index: index / tile.Width, Width: tile.Width}, hashes})
	}
	w.edge.emit(level, index, h)
}

// append adds an entry and judges the tiles that it fills.
func (w *walk) append(ctx context.Context, leaf merkle.Hash) error {
	w.full = w.full[:0]
	w.edge.tree.Append(leaf, w.emit)
	for _, f := range w.full {
		if err := w.tiles.CheckTile(ctx, f.tile, f.hashes); err != nil {
			return err
		}
	}
	return nil
}

// finish judges the partial tiles of the size that was reached.
func (w *walk) finish(ctx context.Context) error {
	if w.tiles == nil {
		return nil
	}
	for level, row := range w.edge.rows {
		if len(row) == 0 {
			continue
		}
		index := w.edge.tree.Size() >> (8 * uint(level)) / tile.Width
		if err := w.tiles.CheckTile(ctx, tile.Tile{Level: uint8(level), Index: index, Width: len(row)}, row); err != nil {
			return err
		}
	}
	return nil
}
