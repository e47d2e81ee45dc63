package tile

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		tile Tile
		size uint64
		want bool
	}{
		{Tile{Width: 1}, 0, false},
		{Tile{Width: 1}, 1, true},
		{Tile{Width: 2}, 1, false},
		{Tile{Width: 256}, 255, false},
		{Tile{Width: 256}, 256, true},
		{Tile{Index: 1, Width: 1}, 256, false},
		{Tile{Index: 1, Width: 1}, 257, true},
		{Tile{Level: 1, Width: 1}, 255, false},
		{Tile{Level: 1, Width: 1}, 256, true},
		{Tile{Level: 1, Width: 256}, 70_000, true},
		{Tile{Level: 1, Index: 1, Width: 18}, 70_000, false},
		{Tile{Level: 1, Index: 1, Width: 17}, 70_000, true},
		{Tile{Level: 2, Width: 1}, 70_000, true},
		{Tile{Level: 2, Width: 2}, 70_000, false},
		{Tile{Level: 8, Width: 1}, 1<<64 - 1, false},
		{Tile{Level: 63, Width: 1}, 1<<64 - 1, false},
		{Tile{Index: 1<<64 - 1, Width: 256}, 1<<64 - 1, false},
		{Tile{Index: 1 << 56, Width: 256}, 1<<64 - 1, false},
		{Tile{Index: 1<<56 - 1, Width: 255}, 1<<64 - 1, true},
		{Tile{Index: 1<<56 - 1, Width: 256}, 1<<64 - 1, false},
	} {
		if got := test.tile.Within(test.size); got != test.want {
			t.Errorf("%s in a tree of %d: %v", test.tile.Path(), test.size, got)
		}
	}
}

// tree keeps every tile of a tree in its full width only.
type tree struct{ rows map[uint8][]merkle.Hash }

func newTree(size int) (tree, []merkle.Hash) {
	t, roots := tree{map[uint8][]merkle.Hash{}}, []merkle.Hash{merkle.EmptyRoot}
	var f merkle.Frontier
	for i := range size {
		f.Append(merkle.LeafHash([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), func(level uint8, _ uint64, h merkle.Hash) { t.rows[level] = append(t.rows[level], h) })
		roots = append(roots, f.Root())
	}
	return t, roots
}

func (x tree) read(t Tile) ([]byte, error) {
	first, end := t.Index*Width, t.Index*Width+uint64(t.Width)
	if count := uint64(len(x.rows[t.Level])); end > count || t.Width < Width && first+Width <= count { // dropped
		return nil, fs.ErrNotExist
	}
	return AppendHashes(nil, x.rows[t.Level][first:end]), nil
}

func TestReader(t *testing.T) {
	stored, roots := newTree(70_000)
	for _, size := range []uint64{1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 69_887, 69_999, 70_000} {
		r := Reader{Size: size, Read: func(t Tile) ([]byte, error) { return OrFull(t, stored.read, fs.ErrNotExist) }}
		if root, err := merkle.RootAt(r, size); err != nil || root != roots[size] {
			t.Errorf("size %d: %v, %v", size, root, err)
		}
	}
	if _, err := (Reader{Size: 10, Read: stored.read}).Hashes(0, 5, 11); err == nil {
		t.Error("a hash past the tree was given")
	}
}

var otherBadPaths = []string{
	"", "tile", "tile/", "tile/0", "tile/0/", "tile//000", "/tile/0/000", "tile/0/000/", "tile/0//000", "tile/00/000",
	"tile/+1/000", "tile/-1/000", "tile/64/000", "tile/256/000", "tile/entry/000", "tile/Entries/000", "tile/data/000",
	"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/1000", "tile/0/x000", "tile/0/x000/000", "tile/0/x000/123", "tile/0/001/000",
	"tile/0/x001", "tile/0/xx01/000", "tile/0/x1/000", "tile/0/x001/x000", "tile/0/ab1", "tile/0/ 01", "tile/0/+01",
	"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/-1",
	"tile/0/000.p/1/", "tile/0/000.p/1/2", "tile/0/000.p/1.p/1", "tile/0/000.P/1", "tile/0/000.x/1", "tile/0/x000.p/1/000", "tile/entries/x001.p/1/000",
	"tile/63/x018/x446/x744/x073/x709/x551/616", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
	"tile/0/../000", "tile/0/./000", "tile/0/000\x00", "tile/0/000\n", "tile/0/000 ", "tile/0/%30%30%30", "tile/0/०००", "checkpoint",
	"tile/0/" + strings.Repeat("x000/", 1_000_000) + "000",
}

func TestOtherBadPaths(t *testing.T) {
	for _, path := range otherBadPaths {
		if got, err := Parse(path); !errors.Is(err, ErrMalformed) || len(err.Error()) > 500 {
			t.Errorf("%.60q: %+v, %v", path, got, err)
		}
	}
}

func FuzzParseEntries(f *testing.F) {
	f.Add([]byte{0, 1, 7, 0, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, width uint8) {
		entries, err := ParseEntries(b, int(width)+1)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			again = AppendEntry(again, e)
		}
		if !bytes.Equal(again, b) || len(entries) != int(width)+1 {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
