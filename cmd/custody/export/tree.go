package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// exporter extends a folder from one size to that of a checkpoint.
type exporter struct {
	Config
	folder *folder
	from   uint64
	to     checkpoint.Checkpoint
	// filled are the full tiles that were written in the place of partial ones.
	filled []tile.Tile
}

// run computes the tree from the entries and writes what is missing. Entries that
// an export before left without a checkpoint over them are used, unless the root
// does not come out with them.
func (x *exporter) run(ctx context.Context) error {
	kept, err := x.kept()
	if err != nil {
		return err
	}
	for {
		g, err := x.start()
		if err != nil {
			return err
		}
		if err := g.addKept(ctx, kept); err != nil {
			return err
		}
		if err := x.Source.Entries(ctx, g.tree.Size(), x.to.Size, g.add); err != nil {
			return err
		}
		if root := g.tree.Root(); g.tree.Size() != x.to.Size || root != x.to.Root {
			if kept > x.from {
				kept = x.from
				continue
			}
			return fmt.Errorf("%w: its %d entries give root %v, its checkpoint of size %d says %v", ErrInconsistent, g.tree.Size(), root, x.to.Size, x.to.Root)
		}
		x.filled = g.filled
		return g.rest()
	}
}

// kept gives the size up to which whole bundles lie in the folder.
func (x *exporter) kept() (uint64, error) {
	n := x.from / tile.Width
	for ; (n+1)*tile.Width <= x.to.Size; n++ {
		_, err := x.folder.root.Stat(tile.Tile{Entries: true, Index: n, Width: tile.Width}.Path())
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	return max(x.from, n*tile.Width), nil
}

// growth is a tree while it grows, and the rows of it that are not written.
type growth struct {
	x      *exporter
	tree   *merkle.Frontier
	rows   [tile.LevelMax + 1][]merkle.Hash // hashes since the last full tile
	counts [tile.LevelMax + 1]uint64
	bundle []byte // entries since the last full one
	filled []tile.Tile
	err    error // of writing a row
}

// start takes up the tree of the folder's checkpoint.
func (x *exporter) start() (*growth, error) {
	g := &growth{x: x}
	reader := x.folder.reader(x.from)
	var err error
	if g.tree, err = merkle.LoadFrontier(x.from, reader); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for level := range g.rows {
		g.counts[level] = x.from >> (8 * level)
		if width := g.counts[level] % tile.Width; width > 0 {
			row, err := reader.Hashes(uint8(level), g.counts[level]-width, g.counts[level])
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			g.rows[level] = append(g.rows[level], row...)
		}
	}
	if x.from%tile.Width == 0 {
		return g, nil
	}
	t := tile.EntriesOf(x.from-1, x.from)
	bundle, err := x.folder.tile(t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	entries, err := tile.ParseEntries(bundle, t.Width)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, t.Path(), err)
	}
	for i, entry := range entries {
		if merkle.LeafHash(entry) != g.rows[0][i] {
			return nil, fmt.Errorf("%w: %s: entry %d is not the one of the tree", ErrDamaged, t.Path(), t.Index*tile.Width+uint64(i))
		}
		g.bundle = tile.AppendEntry(g.bundle, entry)
	}
	return g, nil
}

// addKept adds entries of whole bundles up to a size. One that cannot be read
// ends it: the rest comes from the source.
func (g *growth) addKept(ctx context.Context, size uint64) error {
	for g.tree.Size() < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := tile.Tile{Entries: true, Index: g.tree.Size() / tile.Width, Width: tile.Width}
		bundle, err := g.x.folder.read(t.Path(), int64(t.BytesMax()))
		if err != nil {
			return err
		}
		entries, err := tile.ParseEntries(bundle, t.Width)
		if err != nil {
			return nil
		}
		for _, entry := range entries[g.tree.Size()%tile.Width:] {
			if err := g.add(g.tree.Size(), entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// add appends the next entry and writes the tiles that it fills.
func (g *growth) add(index uint64, entry []byte) error {
	if index != g.tree.Size() || index >= g.x.to.Size || len(entry) > tile.EntryBytesMax {
		return fmt.Errorf("%w: entry %d of %d bytes, due was %d of %d", ErrInconsistent, index, len(entry), g.tree.Size(), g.x.to.Size)
	}
	g.bundle = tile.AppendEntry(g.bundle, entry)
	g.tree.Append(merkle.LeafHash(entry), g.hash)
	if g.err == nil && g.tree.Size()%tile.Width == 0 {
		g.fill(tile.Tile{Entries: true, Index: index / tile.Width, Width: tile.Width}, g.bundle)
		g.bundle = g.bundle[:0]
		if g.x.Progress != nil {
			g.x.Progress(g.tree.Size())
		}
	}
	return g.err
}

// hash takes a hash that is complete.
func (g *growth) hash(level uint8, index uint64, h merkle.Hash) {
	if g.err != nil || level > tile.LevelMax {
		return
	}
	g.rows[level] = append(g.rows[level], h)
	g.counts[level] = index + 1
	if len(g.rows[level]) == tile.Width {
		g.fill(tile.Tile{Level: level, Index: index / tile.Width, Width: tile.Width}, tile.AppendHashes(nil, g.rows[level]))
		g.rows[level] = g.rows[level][:0]
	}
}

// fill writes a full tile.
func (g *growth) fill(t tile.Tile, b []byte) {
	if g.err = g.x.folder.write(t.Path(), b); g.err == nil {
		g.filled = append(g.filled, t)
	}
}

// rest writes the partial tiles of the size that is reached.
func (g *growth) rest() error {
	if width := int(g.tree.Size() % tile.Width); width > 0 {
		t := tile.Tile{Entries: true, Index: g.tree.Size() / tile.Width, Width: width}
		if err := g.x.folder.write(t.Path(), g.bundle); err != nil {
			return err
		}
	}
	for level, row := range g.rows {
		if len(row) == 0 {
			continue
		}
		t := tile.Tile{Level: uint8(level), Index: g.counts[level] / tile.Width, Width: len(row)}
		if err := g.x.folder.write(t.Path(), tile.AppendHashes(nil, row)); err != nil {
			return err
		}
	}
	return nil
}
