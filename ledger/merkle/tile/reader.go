package tile

import (
	"errors"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Where a log has what is no tile.
const (
	// CheckpointPath is where the checkpoint is.
	CheckpointPath = "checkpoint"
	// GenesisPath is where an exported folder has the genesis file.
	GenesisPath = "genesis.json"
)

// Within tells whether a tree of a size has all that the tile is made of.
func (t Tile) Within(size uint64) bool {
	if t.Level > LevelMax {
		return false
	}
	count := size >> (8 * uint(t.Level))
	return t.Index <= count/Width && uint64(t.Width) <= count-t.Index*Width
}

// Reader is a merkle.Reader over tiles of hashes, for a tree of a size. It
// believes what it reads: compare merkle.RootAt of it with a root you trust, or
// verify the proof that was made with it.
type Reader struct {
	Size uint64
	// Read gives the content of a tile. What it gives must not change.
	Read func(Tile) ([]byte, error)
}

// Hashes implements merkle.Reader.
func (r Reader) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if level > LevelMax || from >= to || to > r.Size>>(8*uint(level)) || from/Width != (to-1)/Width {
		return nil, fmt.Errorf("tile: no tile holds hashes [%d, %d) of level %d of a tree of size %d", from, to, level, r.Size)
	}
	t := Of(level, from, r.Size)
	b, err := r.Read(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Path(), err)
	}
	hashes, err := ParseHashes(b, t.Width)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Path(), err)
	}
	first := t.Index * Width
	return hashes[from-first : to-first], nil
}

// OrFull reads a tile, and where that is not there the full tile in its place,
// cut to its width: who keeps tiles may drop a partial one once there is the full
// one (tlog-tiles). absent tells which errors say that a tile is not there.
func OrFull(t Tile, read func(Tile) ([]byte, error), absent error) ([]byte, error) {
	b, err := read(t)
	if err == nil || t.Width == Width || !errors.Is(err, absent) {
		return b, err
	}
	full := t
	full.Width = Width
	whole, fullErr := read(full)
	if fullErr != nil {
		return nil, err // of the one that was asked for
	}
	if !t.Entries {
		if _, err := ParseHashes(whole, Width); err != nil {
			return nil, err
		}
		return whole[:t.Width*merkle.HashSize], nil
	}
	entries, err := ParseEntries(whole, Width)
	if err != nil {
		return nil, err
	}
	end := 0
	for _, entry := range entries[:t.Width] {
		end += 2 + len(entry)
	}
	return whole[:end], nil
}
