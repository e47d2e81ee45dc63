// Package tile names and reads the static resources that a log is made of when
// it is served or kept as files (C2SP tlog-tiles):
//
//	checkpoint                    the signed checkpoint
//	tile/<L>/<N>[.p/<W>]          hashes of a level, 256 of them, or W
//	tile/entries/<N>[.p/<W>]      as many entries, each behind its length (u16)
//
// <N> is written in elements of three digits, all but the last behind an x:
// 1234067 is x001/x234/067. Every name has one form.
//
// It is pure. What it reads may come from an attacker: no length in it is
// believed before it is there.
package tile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

const (
	// Width is how many hashes or entries a full tile has.
	Width = 1 << height
	// LevelMax is the highest level of which a log of less than 2^64 entries has
	// a hash. Names go up to level 63, so that those have a form too.
	LevelMax = 7
	// EntryBytesMax is the longest entry that a bundle can hold.
	EntryBytesMax = 1<<16 - 1
	// BundleBytesMax is the longest bundle of entries.
	BundleBytesMax = Width * (2 + EntryBytesMax)
	// CheckpointPath is where the checkpoint is.
	CheckpointPath = "checkpoint"
	// GenesisPath is where an exported folder has the genesis file.
	GenesisPath = "genesis.json"

	height        = 8
	namedLevelMax = 63
	pathBytesMax  = 64
)

// Errors of names and contents.
var (
	ErrPath    = errors.New("not the name of a tile")
	ErrContent = errors.New("not the content of the tile")
)

// Tile names the Index-th row of hashes of a level, or of entries. It is
// comparable.
type Tile struct {
	Entries bool  // a bundle of entries; Level is 0
	Level   uint8 // 0: leaf hashes; L: roots of full subtrees of 256^L leaves
	Index   uint64
	Width   int // 1 to 256
}

// First is the index, within its level, of the first hash or entry.
func (t Tile) First() uint64 { return t.Index * Width }

// Path gives the name.
func (t Tile) Path() string {
	kind := "entries"
	if !t.Entries {
		kind = strconv.Itoa(int(t.Level))
	}
	number := fmt.Sprintf("%03d", t.Index%1000)
	for n := t.Index / 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	path := "tile/" + kind + "/" + number
	if t.Width < Width {
		path += ".p/" + strconv.Itoa(t.Width)
	}
	return path
}

func (t Tile) String() string { return t.Path() }

// Within tells whether a tree of a size has all that the tile is made of.
func (t Tile) Within(size uint64) bool {
	count := levelCount(t.Level, size)
	return t.Index <= count/Width && uint64(t.Width) <= count-t.First()
}

// levelCount is how many hashes of a level a tree of a size has.
func levelCount(level uint8, size uint64) uint64 {
	if level > LevelMax {
		return 0
	}
	return size >> (height * uint(level))
}

// Hashes gives the tile with which a tree of a size shows hash index of a level:
// a full one if the tree has it. ok is false if it does not have the hash.
func Hashes(level uint8, index, size uint64) (t Tile, ok bool) {
	count := levelCount(level, size)
	if index >= count {
		return Tile{}, false
	}
	t = Tile{Level: level, Index: index / Width}
	t.Width = int(min(Width, count-t.First()))
	return t, true
}

// Bundle gives the tile with which a tree of a size shows an entry.
func Bundle(index, size uint64) (t Tile, ok bool) {
	t, ok = Hashes(0, index, size)
	t.Entries = ok
	return t, ok
}

// Parse reads exactly what Path writes. The error wraps ErrPath.
func Parse(path string) (Tile, error) {
	wrong := fmt.Errorf("%w: %.80q", ErrPath, path)
	rest, ok := strings.CutPrefix(path, "tile/")
	kind, rest, found := strings.Cut(rest, "/")
	if !ok || !found || len(path) > pathBytesMax {
		return Tile{}, wrong
	}
	t := Tile{Width: Width}
	if t.Entries = kind == "entries"; !t.Entries {
		level, err := strconv.ParseUint(kind, 10, 8)
		if err != nil || level > namedLevelMax {
			return Tile{}, wrong
		}
		t.Level = uint8(level)
	}
	number, width, partial := strings.Cut(rest, ".p/")
	if partial {
		w, err := strconv.ParseUint(width, 10, 8)
		if err != nil || w == 0 {
			return Tile{}, wrong
		}
		t.Width = int(w)
	}
	if t.Index, ok = parseIndex(number); !ok || t.Path() != path {
		return Tile{}, wrong
	}
	return t, nil
}

func parseIndex(text string) (n uint64, ok bool) {
	for element := range strings.SplitSeq(text, "/") {
		digits, err := strconv.ParseUint(strings.TrimPrefix(element, "x"), 10, 10)
		if err != nil || n > (1<<64-1-digits)/1000 {
			return 0, false
		}
		n = n*1000 + digits
	}
	return n, true
}

// ParseHashes reads the content of a tile of hashes. The error wraps ErrContent.
func (t Tile) ParseHashes(b []byte) ([]merkle.Hash, error) {
	if len(b) != t.Width*merkle.HashSize {
		return nil, fmt.Errorf("%w %s: %d bytes, expected %d", ErrContent, t, len(b), t.Width*merkle.HashSize)
	}
	hashes := make([]merkle.Hash, 0, t.Width)
	for ; len(b) > 0; b = b[merkle.HashSize:] {
		hashes = append(hashes, merkle.Hash(b[:merkle.HashSize]))
	}
	return hashes, nil
}

// AppendHashes appends the content of a tile of hashes.
func AppendHashes(b []byte, hashes []merkle.Hash) []byte {
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// AppendEntry appends an entry of at most EntryBytesMax bytes to the content of
// a bundle.
func AppendEntry(b, entry []byte) []byte {
	if len(entry) > EntryBytesMax {
		panic(fmt.Sprintf("tile: an entry of %d bytes", len(entry)))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(entry)))
	return append(b, entry...)
}

// ParseEntries reads the content of a bundle: exactly Width entries, in slices of
// b. The error wraps ErrContent.
func (t Tile) ParseEntries(b []byte) ([][]byte, error) {
	entries := make([][]byte, 0, t.Width)
	for range t.Width {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, fmt.Errorf("%w %s: it ends within entry %d of %d", ErrContent, t, len(entries), t.Width)
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		entries = append(entries, b[2:end:end])
		b = b[end:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w %s: %d bytes after its last entry", ErrContent, t, len(b))
	}
	return entries, nil
}
