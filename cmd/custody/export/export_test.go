package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// log is a made-up log of entries that say nothing.
type log struct {
	salt  string
	trees []merkle.Hash // root of every size
	asked []uint64      // where Entries began
	stop  uint64        // index at which it breaks off; 0: never
}

func newLog(salt string, size int) *log {
	l := &log{salt: salt, trees: []merkle.Hash{merkle.EmptyRoot}}
	var f merkle.Frontier
	for i := range size {
		f.Append(merkle.LeafHash(l.entry(uint64(i))), nil)
		l.trees = append(l.trees, f.Root())
	}
	return l
}

func (l *log) entry(i uint64) []byte {
	return fmt.Appendf(nil, "%s%d%s", l.salt, i, strings.Repeat("-", int(i%7)))
}

var errBrokeOff = errors.New("broke off")

func (l *log) Entries(ctx context.Context, from, to uint64, use func(uint64, []byte) error) error {
	l.asked = append(l.asked, from)
	for i := from; i < to; i++ {
		if l.stop != 0 && i == l.stop {
			return errBrokeOff
		}
		if err := use(i, l.entry(i)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

const origin = "ledger.example.org/export"

func (l *log) note(size uint64) []byte {
	n := checkpoint.Note{
		Checkpoint: checkpoint.Checkpoint{Origin: origin, Size: size, Root: l.trees[size]},
		Signatures: []checkpoint.Signature{{Name: origin, KeyID: 7, Bytes: make([]byte, 64)}},
	}
	return n.Encode()
}

var genesis = []byte("{\n  \"made\": \"up\"\n}\n")

func (l *log) export(dir string, size uint64) (Result, error) {
	return Run(context.Background(), Config{Folder: dir, Genesis: genesis, Note: l.note(size), Source: l})
}

// contents reads every file of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		relative, _ := filepath.Rel(dir, name)
		files[filepath.ToSlash(relative)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// demand compares a folder with what a log of a size is made of.
func demand(t *testing.T, dir string, l *log, size uint64, exactly bool) {
	t.Helper()
	want := map[string]string{tile.GenesisPath: string(genesis), tile.CheckpointPath: string(l.note(size))}
	var f merkle.Frontier
	rows := map[uint8][]merkle.Hash{}
	for i := range size {
		f.Append(merkle.LeafHash(l.entry(i)), func(level uint8, _ uint64, h merkle.Hash) { rows[level] = append(rows[level], h) })
	}
	for level, row := range rows {
		for index := uint64(0); index < uint64(len(row)); index += tile.Width {
			x := tile.Of(level, index, size)
			want[x.Path()] = string(tile.AppendHashes(nil, row[index:index+uint64(x.Width)]))
		}
	}
	for i := uint64(0); i < size; i += tile.Width {
		x := tile.EntriesOf(i, size)
		var b []byte
		for j := range uint64(x.Width) {
			b = tile.AppendEntry(b, l.entry(i+j))
		}
		want[x.Path()] = string(b)
	}
	got := contents(t, dir)
	for name, b := range want {
		if got[name] != b {
			t.Errorf("size %d: %s has %d bytes, expected %d", size, name, len(got[name]), len(b))
		}
	}
	if exactly && len(got) != len(want) {
		t.Errorf("size %d: %d files, expected %d", size, len(got), len(want))
	}
}

func TestExportAndExtend(t *testing.T) {
	l := newLog("entry ", 66_000)
	for _, size := range []uint64{1, 2, 255, 256, 257, 512, 513, 65_537} {
		dir := t.TempDir()
		result, err := l.export(dir, size)
		if err != nil || result.Size != size || result.Root != l.trees[size] || result.Before != 0 {
			t.Fatalf("size %d: %+v, %v", size, result, err)
		}
		demand(t, dir, l, size, true)
	}
	random := rand.New(rand.NewPCG(1, 1))
	dir := t.TempDir()
	for size := uint64(1); size < 3_000; size += 1 + random.Uint64N(600) {
		l.asked = nil
		result, err := l.export(dir, size)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.asked) > 0 && l.asked[0] != result.Before {
			t.Errorf("extending from %d asked for entries from %d", result.Before, l.asked[0])
		}
		demand(t, dir, l, size, false)
		for name := range contents(t, dir) {
			if strings.HasSuffix(name, unfinished) {
				t.Errorf("%s was left", name)
			}
			if full, _, partial := strings.Cut(name, ".p/"); partial && contents(t, dir)[full] != "" {
				t.Errorf("%s is beside the full tile", name)
			}
		}
	}
}

func TestNothingNew(t *testing.T) {
	l := newLog("entry ", 600)
	dir := t.TempDir()
	if _, err := l.export(dir, 600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	for _, size := range []uint64{600, 599, 300, 1} {
		result, err := l.export(dir, size)
		if err != nil || result.Size != 600 || result.Before != 600 || result.Files != 0 {
			t.Errorf("a checkpoint of size %d: %+v, %v", size, result, err)
		}
	}
	after := contents(t, dir)
	for name := range before {
		if before[name] != after[name] {
			t.Errorf("%s changed", name)
		}
	}
}

// TestBrokenOff: an export that ends anywhere is gone on with, and what it left
// is not fetched again.
func TestBrokenOff(t *testing.T) {
	l := newLog("entry ", 2_000)
	for _, stop := range []uint64{1, 255, 256, 257, 1_000, 1_999} {
		dir := t.TempDir()
		for _, size := range []uint64{300, 2_000} {
			if size == 2_000 && stop <= 300 {
				continue // before where it goes on
			}
			l.stop = min(stop, size-1)
			if _, err := l.export(dir, size); !errors.Is(err, errBrokeOff) {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(dir, tile.CheckpointPath)); err == nil && string(b) == string(l.note(size)) {
				t.Error("a checkpoint over what is not there")
			}
			l.stop, l.asked = 0, nil
			if _, err := l.export(dir, size); err != nil {
				t.Fatal(err)
			}
			demand(t, dir, l, size, false)
			if want := stop / tile.Width * tile.Width; size == 2_000 && stop > 300 && l.asked[0] != want {
				t.Errorf("broken off at %d, gone on at %d, expected %d", stop, l.asked[0], want)
			}
		}
	}
}

// TestLeftoversAreNotBelieved: bundles that no checkpoint covers may be of
// anything.
func TestLeftoversAreNotBelieved(t *testing.T) {
	l, other := newLog("entry ", 2_000), newLog("other ", 2_000)
	for name, leave := range map[string]func(path string){
		"another log's": func(path string) {
			var b []byte
			for i := range uint64(tile.Width) {
				b = tile.AppendEntry(b, other.entry(512+i))
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"cut short": func(path string) {
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		dir := t.TempDir()
		l.stop = 1_500
		if _, err := l.export(dir, 2_000); !errors.Is(err, errBrokeOff) {
			t.Fatal(err)
		}
		leave(filepath.Join(dir, "tile", "entries", "002"))
		l.stop = 0
		if _, err := l.export(dir, 2_000); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		demand(t, dir, l, 2_000, true)
	}
}

func TestRefusedFolders(t *testing.T) {
	l, other := newLog("entry ", 2_000), newLog("other ", 2_000)
	put := func(name, content string) func(string) {
		return func(dir string) {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	exported := func(after func(string)) func(string) {
		return func(dir string) {
			if _, err := l.export(dir, 600); err != nil {
				t.Fatal(err)
			}
			after(dir)
		}
	}
	flip := func(name string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(string) {
		return func(dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		prepare func(string)
		log     *log
		size    uint64
		want    error
	}{
		"somebody's photos":               {put("holiday.jpg", "?"), l, 2_000, ErrForeign},
		"a checkpoint alone":              {put("checkpoint", string(l.note(600))), l, 2_000, ErrForeign},
		"another ledger's genesis":        {put("genesis.json", "{}"), l, 2_000, ErrForeign},
		"a genesis that is too long":      {put("genesis.json", strings.Repeat(" ", 1<<20)), l, 2_000, nil},
		"another log's checkpoint":        {exported(put("checkpoint", strings.Replace(string(l.note(600)), "export", "import", 1))), l, 2_000, ErrForeign},
		"a checkpoint that is none":       {exported(put("checkpoint", "600")), l, 2_000, ErrDamaged},
		"a checkpoint of another root":    {exported(put("checkpoint", string(other.note(600)))), l, 2_000, ErrDamaged},
		"a checkpoint beyond the tiles":   {exported(put("checkpoint", string(l.note(2_000)))), l, 2_000, ErrDamaged},
		"a flipped hash":                  {exported(flip("tile/0/002.p/88")), l, 2_000, ErrDamaged},
		"a flipped entry":                 {exported(flip("tile/entries/002.p/88")), l, 2_000, ErrDamaged},
		"a missing tile":                  {exported(remove("tile/1/000.p/2")), l, 2_000, ErrDamaged},
		"a missing bundle":                {exported(remove("tile/entries/002.p/88")), l, 2_000, ErrDamaged},
		"another history":                 {exported(func(string) {}), other, 2_000, ErrInconsistent},
		"another history, smaller":        {exported(func(string) {}), other, 500, ErrInconsistent},
		"another history of equal length": {exported(func(string) {}), other, 600, ErrInconsistent},
		"entries that are not the head's": {func(string) {}, &log{salt: "third ", trees: other.trees}, 2_000, ErrInconsistent},
	} {
		dir := t.TempDir()
		test.prepare(dir)
		before := contents(t, dir)["checkpoint"]
		result, err := test.log.export(dir, test.size)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if after := contents(t, dir)["checkpoint"]; after != before {
			t.Errorf("%s: the checkpoint was replaced", name)
		}
	}
}

// TestOthersReadTheFolder: torchwood and x/mod verify entries and consistency
// from the exported files.
func TestOthersReadTheFolder(t *testing.T) {
	l := newLog("entry ", 66_000)
	dir := t.TempDir()
	files, err := torchwood.NewTileFS(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	client, err := torchwood.NewClient(files)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(2, 2))
	var before tlog.Tree
	for _, size := range []uint64{1, 300, 1_024, 66_000} {
		if _, err := l.export(dir, size); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := bytes.Cut(raw, []byte("\n\n"))
		c, err := torchwood.ParseCheckpoint(string(text) + "\n")
		if err != nil {
			t.Fatal(err)
		}
		hashes := torchwood.TileHashReaderWithContext(t.Context(), c.Tree, files)
		for range 20 {
			index := random.Int64N(c.N)
			entry, proof, err := client.Entry(t.Context(), c.Tree, index)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(proof, c.N, c.Hash, index, tlog.RecordHash(entry)); err != nil || string(entry) != string(l.entry(uint64(index))) {
				t.Errorf("entry %d of %d: %v", index, c.N, err)
			}
		}
		if before.N > 0 {
			proof, err := tlog.ProveTree(c.N, before.N, hashes)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(proof, c.N, c.Hash, before.N, before.Hash); err != nil {
				t.Error(err)
			}
		}
		before = c.Tree
	}
}
