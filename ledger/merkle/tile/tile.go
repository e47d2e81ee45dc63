// Package tile is how a tree and its entries lie in files and URLs: the paths
// and contents of C2SP tlog-tiles.
//
//	tile/<L>/<N>[.p/<W>]        hashes of level L, from index 256·N
//	tile/entries/<N>[.p/<W>]    entries from index 256·N
//
// N is written in groups of three digits, all but the last with an x in front:
// 1234067 is x001/x234/067. A tile with .p/<W> is a partial one of W elements, 1
// to 255; without it has 256. Levels are those of package merkle. A tile of
// hashes is these hashes one behind the other; a tile of entries, also called a
// bundle, has a length of two bytes, big-endian, before each.
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
	// Width is the number of elements of a full tile.
	Width = 256
	// EntryBytesMax is the longest entry that a bundle can hold.
	EntryBytesMax = 1<<16 - 1
	// HashesBytesMax and EntriesBytesMax are the longest tiles.
	HashesBytesMax  = Width * merkle.HashSize
	EntriesBytesMax = Width * (2 + EntryBytesMax)
	// LevelMax is the highest level that a log of 64-bit sizes has.
	LevelMax = 7
	// IndexMax is the highest index of a tile, of entries or of level 0.
	IndexMax = 1<<56 - 1
)

// ErrMalformed is wrapped by every error about a path or the bytes of a tile.
var ErrMalformed = errors.New("malformed tile")

// Tile names a tile.
type Tile struct {
	Entries bool
	Level   uint8 // 0 for entries
	Index   uint64
	Width   int // 1 to Width
}

// Path gives the path below the log's prefix, without a slash in front.
func (t Tile) Path() string {
	var b strings.Builder
	b.WriteString(t.Folder())
	if t.Width < Width {
		b.WriteString(".p/")
		b.WriteString(strconv.Itoa(t.Width))
	}
	return b.String()
}

// Folder gives the path of the full tile; with ".p" behind it, of the folder of
// the partial ones.
func (t Tile) Folder() string {
	var b strings.Builder
	b.WriteString("tile/")
	if t.Entries {
		b.WriteString("entries/")
	} else {
		b.WriteString(strconv.Itoa(int(t.Level)))
		b.WriteByte('/')
	}
	digits := strconv.FormatUint(t.Index, 10)
	digits = strings.Repeat("0", (3-len(digits)%3)%3) + digits
	for ; len(digits) > 3; digits = digits[3:] {
		b.WriteByte('x')
		b.WriteString(digits[:3])
		b.WriteByte('/')
	}
	b.WriteString(digits)
	return b.String()
}

// Parse reads what Path writes, and nothing else.
func Parse(path string) (Tile, error) {
	malformed := fmt.Errorf("%w: %.100q is not the path of a tile", ErrMalformed, path)
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, more := strings.Cut(rest, "/")
	if !ok || !more || len(path) > 64 {
		return Tile{}, malformed
	}
	t := Tile{Entries: level == "entries", Width: Width}
	if !t.Entries {
		n, err := strconv.ParseUint(level, 10, 8)
		if err != nil || n > LevelMax {
			return Tile{}, malformed
		}
		t.Level = uint8(n)
	}
	number, width, partial := strings.Cut(rest, ".p/")
	if partial {
		n, err := strconv.ParseUint(width, 10, 8)
		if err != nil || n == 0 {
			return Tile{}, malformed
		}
		t.Width = int(n)
	}
	var err error
	if t.Index, err = strconv.ParseUint(strings.NewReplacer("/", "", "x", "").Replace(number), 10, 64); err != nil || t.Index > IndexMax || t.Path() != path {
		return Tile{}, malformed
	}
	return t, nil
}

// BytesMax is the longest content of the tile.
func (t Tile) BytesMax() int {
	if t.Entries {
		return t.Width * (2 + EntryBytesMax)
	}
	return t.Width * merkle.HashSize
}

// Of gives the tile of a level that holds an index, as a tree of size leaves has
// it. The index is below size >> (8·level).
func Of(level uint8, index, size uint64) Tile {
	n := index / Width
	return Tile{Level: level, Index: n, Width: width(size>>(8*uint(level)), n)}
}

// EntriesOf gives the bundle that holds an entry, as a ledger of size entries
// has it.
func EntriesOf(index, size uint64) Tile {
	n := index / Width
	return Tile{Entries: true, Index: n, Width: width(size, n)}
}

func width(count, n uint64) int { return int(min(Width, count-n*Width)) }

// AppendHashes appends the content of a tile of hashes.
func AppendHashes(b []byte, hashes []merkle.Hash) []byte {
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// ParseHashes reads the content of a tile of width hashes.
func ParseHashes(b []byte, width int) ([]merkle.Hash, error) {
	if len(b) != width*merkle.HashSize {
		return nil, fmt.Errorf("%w: %d bytes, expected %d hashes", ErrMalformed, len(b), width)
	}
	hashes := make([]merkle.Hash, width)
	for i := range hashes {
		copy(hashes[i][:], b[i*merkle.HashSize:])
	}
	return hashes, nil
}

// AppendEntry appends an entry to the content of a bundle. It panics if the
// entry is longer than EntryBytesMax.
func AppendEntry(b, entry []byte) []byte {
	if len(entry) > EntryBytesMax {
		panic("tile: the entry is too long for a bundle")
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(entry)))
	return append(b, entry...)
}

// ParseEntries reads the content of a bundle of width entries. They share b.
func ParseEntries(b []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, min(width, Width))
	for range width {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return entries, fmt.Errorf("%w: the bundle ends in entry %d of %d", ErrMalformed, len(entries), width)
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		entries = append(entries, b[2:end:end])
		b = b[end:]
	}
	if len(b) > 0 {
		return entries, fmt.Errorf("%w: %d bytes behind the last of %d entries", ErrMalformed, len(b), width)
	}
	return entries, nil
}
