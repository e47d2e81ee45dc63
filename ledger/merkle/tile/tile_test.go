package tile

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// TestPathsOfOtherCode: x/mod writes the same numbers into paths, below
// tile/<height>/.
func TestPathsOfOtherCode(t *testing.T) {
	for _, n := range []uint64{0, 1, 9, 10, 99, 100, 255, 999, 1000, 1_234_067, 999_999, 1_000_000, 1 << 40} {
		for _, w := range []int{1, 9, 10, 255, Width} {
			for level := range uint8(LevelMax + 1) {
				want := tlog.Tile{H: 8, L: int(level), N: int64(n), W: w}.Path()
				own := Tile{Level: level, Index: n, Width: w}
				if got := own.Path(); "tile/8/"+got[len("tile/"):] != want {
					t.Fatalf("%+v: %s, x/mod writes %s", own, got, want)
				}
				if back, err := Parse(own.Path()); err != nil || back != own {
					t.Fatalf("%s: %+v, %v", own.Path(), back, err)
				}
			}
			entries := Tile{Entries: true, Index: n, Width: w}
			want := tlog.Tile{H: 8, L: -1, N: int64(n), W: w}.Path()
			if got := entries.Path(); "tile/8/data/"+got[len("tile/entries/"):] != want {
				t.Fatalf("%+v: %s, x/mod writes %s", entries, got, want)
			}
			if back, err := Parse(entries.Path()); err != nil || back != entries {
				t.Fatalf("%s: %+v, %v", entries.Path(), back, err)
			}
		}
	}
}

func TestBadPaths(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/1", "tile/0/01", "tile/0/0001", "tile/0/x000/001", "tile/0/001.p", "tile/0/001.p/",
		"tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/01", "tile/0/001.p/-1", "tile/8/001", "tile/00/001", "tile/-1/001", "tile/data/001",
		"/tile/0/001", "tile/0/001/", "tile/0/1234", "tile/0/x1/234", "tile/0/001/x234", "tile/0/xx01", "tile/0/00x", "tile/0/+01", "tile/0/001.p/1/",
		"tile/0/../000", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/entries/1",
	} {
		if got, err := Parse(path); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v, %v", path, got, err)
		}
	}
}

func TestWidths(t *testing.T) {
	for _, c := range []struct {
		level       uint8
		index, size uint64
		want        Tile
	}{
		{0, 0, 1, Tile{Width: 1}},
		{0, 255, 256, Tile{Width: 256}},
		{0, 256, 257, Tile{Index: 1, Width: 1}},
		{0, 3, 257, Tile{Width: 256}},
		{1, 0, 257, Tile{Level: 1, Width: 1}},
		{1, 1, 600, Tile{Level: 1, Width: 2}},
	} {
		if got := Of(c.level, c.index, c.size); got != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if got := EntriesOf(600, 700); got != (Tile{Entries: true, Index: 2, Width: 188}) {
		t.Errorf("%+v", got)
	}
}

func TestContents(t *testing.T) {
	var entries [][]byte
	var hashes []merkle.Hash
	var bundle []byte
	for i := range 5 {
		entry := bytes.Repeat([]byte{byte(i)}, i*i)
		entries, hashes = append(entries, entry), append(hashes, merkle.LeafHash(entry))
		bundle = AppendEntry(bundle, entry)
	}
	got, err := ParseEntries(bundle, 5)
	if err != nil || !slices.EqualFunc(got, entries, bytes.Equal) {
		t.Fatalf("%v, %v", got, err)
	}
	for n := range bundle {
		if _, err := ParseEntries(bundle[:n], 5); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
	for _, width := range []int{0, 4, 6, Width} {
		if _, err := ParseEntries(bundle, width); !errors.Is(err, ErrMalformed) {
			t.Errorf("as %d entries: %v", width, err)
		}
	}
	b := AppendHashes(nil, hashes)
	if got, err := ParseHashes(b, 5); err != nil || !slices.Equal(got, hashes) {
		t.Fatalf("%v, %v", got, err)
	}
	for _, width := range []int{4, 6} {
		if _, err := ParseHashes(b, width); !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	}
	if full := AppendEntry(nil, make([]byte, EntryBytesMax)); len(full) != EntryBytesMax+2 {
		t.Error("the longest entry")
	}
	defer func() {
		if recover() == nil {
			t.Error("an entry one byte too long")
		}
	}()
	AppendEntry(nil, make([]byte, EntryBytesMax+1))
}

func FuzzParse(f *testing.F) {
	f.Add("tile/0/x001/x234/067.p/3")
	f.Add("tile/entries/001")
	f.Fuzz(func(t *testing.T, path string) {
		if got, err := Parse(path); err == nil && got.Path() != path {
			t.Fatalf("%q is read as %+v", path, got)
		}
	})
}
