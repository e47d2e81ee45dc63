package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// checkpointFile is the name of the checkpoint beside the tiles.
const checkpointFile = "checkpoint"

// Tiles is a ledger in the form of C2SP tlog-tiles: its final checkpoint, its
// tree hashes and its entries. It keeps one bundle in memory.
type Tiles struct {
	name  string
	files tileFiles
	note  []byte
	head  TreeHead
}

var (
	_ CheckpointSource = (*Tiles)(nil)
	_ TileSource       = (*Tiles)(nil)
)

// tileFiles is where tiles are.
type tileFiles interface {
	// read gives a file. The error wraps fs.ErrNotExist if it is not there, and is
	// errTooLong if it has more than bytesMax bytes.
	read(ctx context.Context, path string, bytesMax int) ([]byte, error)
	// widths gives the widths of the partial tiles that are kept of one, where that
	// can be known.
	widths(ctx context.Context, t tile.Tile) ([]int, error)
}

var errTooLong = errors.New("longer than its format allows")

// Name implements Source.
func (s *Tiles) Name() string { return s.name }

// Checkpoint implements CheckpointSource: it reads the checkpoint anew.
func (s *Tiles) Checkpoint(ctx context.Context) (final, own []byte, err error) {
	b, err := s.files.read(ctx, checkpointFile, checkpoint.NoteBytesMax)
	if errors.Is(err, errTooLong) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil, find(0, CheckpointInvalid, "the checkpoint is not there, or is no checkpoint: %v", err)
	}
	if err != nil {
		return nil, nil, err
	}
	note, err := checkpoint.ParseNote(b)
	if err != nil {
		return nil, nil, find(0, CheckpointInvalid, "%v", err)
	}
	s.note, s.head = b, TreeHead{Size: note.Size, Root: note.Root}
	return b, nil, nil
}

// Head implements Source: the head of the checkpoint that was read last.
func (s *Tiles) Head(ctx context.Context) (TreeHead, error) {
	if s.note == nil {
		if _, _, err := s.Checkpoint(ctx); err != nil {
			return TreeHead{}, err
		}
	}
	return s.head, nil
}

// Entries implements Source. Every partial bundle that is kept must be the
// beginning of the one that is read.
func (s *Tiles) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	size := s.head.Size
	for to = min(to, size); from < to; {
		t := tile.EntriesOf(from, size)
		first := t.Index * tile.Width
		b, err := s.tile(ctx, t)
		if err != nil {
			return err
		}
		entries, err := tile.ParseEntries(b, t.Width)
		if err != nil {
			return find(first+uint64(len(entries)), TileWrong, "%s: %v", t.Path(), err)
		}
		if err := s.partials(ctx, t, b, func(width int) []byte { return b[:bundleBytes(entries[:width])] }); err != nil {
			return err
		}
		for _, entry := range entries[from-first : min(to-first, uint64(t.Width))] {
			if err := yield(entry); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

func bundleBytes(entries [][]byte) (n int) {
	for _, entry := range entries {
		n += 2 + len(entry)
	}
	return n
}

// CheckTile implements TileSource.
func (s *Tiles) CheckTile(ctx context.Context, t tile.Tile, hashes []merkle.Hash) error {
	want := tile.AppendHashes(nil, hashes)
	b, err := s.tile(ctx, t)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, want) {
		return s.wrong(t, want, b)
	}
	return s.partials(ctx, t, want, func(width int) []byte { return want[:width*merkle.HashSize] })
}

// tile reads a tile that the ledger must have; in the place of a partial one the
// full one may be there.
func (s *Tiles) tile(ctx context.Context, t tile.Tile) ([]byte, error) {
	read := func(t tile.Tile) ([]byte, error) { return s.files.read(ctx, t.Path(), t.BytesMax()) }
	b, err := tile.OrFull(t, read, fs.ErrNotExist)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, find(firstEntry(t), TileMissing, "%s is not there, and a ledger of %d entries has it", t.Path(), s.head.Size)
	case errors.Is(err, errTooLong), errors.Is(err, tile.ErrMalformed):
		return nil, find(firstEntry(t), TileWrong, "%s: %v", t.Path(), err)
	}
	return b, err
}

// partials demands that every partial tile that is kept beside t, and t as a
// full one, is what a tile of its width begins with. Tiles beyond the checkpoint
// are no part of what it says.
func (s *Tiles) partials(ctx context.Context, t tile.Tile, own []byte, cut func(width int) []byte) error {
	widths, err := s.files.widths(ctx, t)
	if err != nil {
		return err
	}
	for _, width := range widths {
		if width >= t.Width {
			continue
		}
		partial := t
		partial.Width = width
		b, err := s.tile(ctx, partial)
		if err != nil {
			return err
		}
		if want := cut(width); !bytes.Equal(b, want) {
			return s.wrong(partial, want, b)
		}
	}
	return nil
}

// wrong names the first entry that a tile is wrong about.
func (s *Tiles) wrong(t tile.Tile, want, found []byte) error {
	index := firstEntry(t)
	if t.Entries {
		return find(index, TileWrong, "%s does not hold the entries that other tiles hold from here on", t.Path()).against(len(want), len(found))
	}
	if len(found) != len(want) {
		return find(index, TileWrong, "%s has the wrong length", t.Path()).against(len(want), len(found))
	}
	for at := 0; at < len(want); at += merkle.HashSize {
		if w, f := merkle.Hash(want[at:]), merkle.Hash(found[at:]); w != f {
			index += uint64(at/merkle.HashSize) << (8 * uint(t.Level))
			return find(index, TileWrong, "hash %d of %s is not what the entries from here on hash to", at/merkle.HashSize, t.Path()).against(w, f)
		}
	}
	return fmt.Errorf("audit: equal tiles were held to differ")
}

// firstEntry is the index of the first entry below a tile.
func firstEntry(t tile.Tile) uint64 { return t.Index * tile.Width << (8 * uint(t.Level)) }
