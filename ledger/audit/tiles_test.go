package audit

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// export writes tiles by the simplest code there is: every tile of every size
// that was final, from all stored hashes.
func export(t testing.TB, folder string, entries [][]byte, note *checkpoint.Note, finals ...int) {
	t.Helper()
	levels := map[uint8][]merkle.Hash{}
	var tree merkle.Frontier
	for _, e := range entries {
		tree.Append(merkle.LeafHash(e), func(level uint8, _ uint64, h merkle.Hash) { levels[level] = append(levels[level], h) })
	}
	write := func(path string, b []byte) {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range finals {
		for n := 0; n < size; n += tile.Width {
			at := tile.EntriesOf(uint64(n), uint64(size))
			var bundle []byte
			for _, e := range entries[n : n+at.Width] {
				bundle = tile.AppendEntry(bundle, e)
			}
			write(at.Path(), bundle)
		}
		for level, hashes := range levels {
			for n := 0; n < size>>(8*level); n += tile.Width {
				at := tile.Of(level, uint64(n), uint64(size))
				write(at.Path(), tile.AppendHashes(nil, hashes[n:n+at.Width]))
			}
		}
	}
	write(checkpointFile, note.Encode())
}

// long is a ledger of more than one tile.
func long(t testing.TB, entries int) *world {
	w := newWorld(t)
	w.admit("north", "asha")
	for n := 0; len(w.entries) < entries; n++ {
		w.register("asha", n)
	}
	return w
}

func (w *world) folder(folder string) *TilesFolder {
	w.Helper()
	source, err := OpenTiles(folder)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { source.Close() })
	return source
}

// TestEveryByteOfAFolder flips a bit of every byte of every file of an export,
// partial tiles of earlier final sizes and the genesis file among them. The note has the quorum and no
// line more.
func TestEveryByteOfAFolder(t *testing.T) {
	w := newWorld(t)
	w.admit("north", "asha")
	w.register("asha", 1)
	w.register("asha", 2)
	folder := t.TempDir()
	n := len(w.entries)
	note := w.signs(w.entries, 1000, "node-0", "node-2")
	note.Signatures = slices.Delete(note.Signatures, 2, 3) // one log line is enough
	export(t, folder, w.entries, note, n-2, n)
	if err := os.WriteFile(filepath.Join(folder, genesisName), w.file, 0o600); err != nil {
		t.Fatal(err)
	}
	if report := w.judged(nil, w.folder(folder)); !report.OK() || report.Head != w.head() || len(report.Sources[0].Final.Cosigned) != 2 {
		t.Fatalf("%+v", report.Findings())
	}
	source := w.folder(folder)
	step := 1
	if testing.Short() || raceDetector {
		step = 17
	}
	kinds := map[Kind]int{}
	files := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for at := 0; at < len(whole); at += step {
			if err := os.WriteFile(path, flip(whole, 8*at+at%8), 0o600); err != nil {
				return err
			}
			report := w.judged(w.started(), source)
			if f := report.Sources[0].Finding; f == nil {
				t.Fatalf("byte %d of %s: not found; %v", at, path, report.Sources[0].Err)
			} else {
				kinds[f.Kind]++
			}
		}
		return os.WriteFile(path, whole, 0o600)
	})
	if err != nil || files != 6 {
		t.Fatalf("%d files, %v", files, err)
	}
	t.Log(kinds)
	for _, kind := range []Kind{CheckpointInvalid, NotFinal, TileWrong, GenesisDiffers} {
		if kinds[kind] == 0 {
			t.Errorf("no flipped byte was found as %s", kind)
		}
	}
}

// started is Start without reading the genesis file again.
func (w *world) started() *State {
	s := newState(w.file, w.state.genesis)
	s.events = append(s.events, ledger.EventID{})
	s.put(rules.Genesis(s.genesis))
	s.advance(merkle.LeafHash(w.entries[0]), s.genesis.CreatedMs)
	return s
}

// TestFolderOfSeveralTiles: full tiles, levels above, and partial tiles beside
// full ones, of which some may be gone.
func TestFolderOfSeveralTiles(t *testing.T) {
	w := long(t, 600)
	folder := t.TempDir()
	export(t, folder, w.entries, w.signs(w.entries, 1000, everyNode...), 100, 300, 513, 600)
	if report := w.judged(nil, w.folder(folder)); !report.OK() || report.Head != w.head() {
		t.Fatalf("%+v", report.Findings())
	}
	for _, c := range []struct {
		path  string
		kind  Kind
		index uint64
	}{
		{"tile/0/000", TileWrong, 4},
		{"tile/0/001", TileWrong, 260},
		{"tile/0/002.p/1", TileWrong, 512},
		{"tile/0/002.p/88", TileWrong, 516},
		{"tile/1/000.p/1", TileWrong, 0},
		{"tile/1/000.p/2", TileWrong, 256},
		{"tile/0/000.p/100", TileWrong, 4},
		{"tile/entries/000.p/100", TileWrong, 0},
		{"tile/entries/001.p/44", TileWrong, 256},
	} {
		path := filepath.Join(folder, c.path)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := min(len(whole)-1, 4*merkle.HashSize+3)
		if err := os.WriteFile(path, flip(whole, 8*at), 0o600); err != nil {
			t.Fatal(err)
		}
		w.wants(t, c.path, w.judged(nil, w.folder(folder)), c.index, c.kind)
		if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
			t.Fatal(err)
		}
		if report := w.judged(nil, w.folder(folder)); len(report.Findings()) != 1 || report.Findings()[0].Kind != TileWrong {
			t.Errorf("%s cut short: %+v", c.path, report.Findings())
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path  string
		kind  Kind
		index uint64
	}{
		{"tile/entries/001", TileMissing, 256},
		{"tile/0/000", TileMissing, 0},
		{"tile/0/002.p/88", TileMissing, 512},
		{"tile/1/000.p/2", TileMissing, 0},
		{"tile/0/000.p/100", "", 0},
		{"checkpoint", CheckpointInvalid, 0},
	} {
		path := filepath.Join(folder, c.path)
		if err := os.Rename(path, path+"-away"); err != nil {
			t.Fatal(err)
		}
		report := w.judged(nil, w.folder(folder))
		if c.kind == "" && !report.OK() || c.kind != "" && (len(report.Findings()) != 1 || report.Findings()[0].Kind != c.kind || report.Findings()[0].Index != c.index) {
			t.Errorf("%s gone: %+v", c.path, report.Findings())
		}
		if err := os.Rename(path+"-away", path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNaiveForgeriesOfAFolder: a folder whose tiles, and whose checkpoint too,
// were made for a forged ledger.
func TestNaiveForgeriesOfAFolder(t *testing.T) {
	w := small(t)
	forged := slices.Clone(w.entries)
	forged[5] = flip(forged[5], 70*8)
	folder := t.TempDir()
	export(t, folder, forged, w.signs(w.entries, 1000, everyNode...), len(forged))
	w.wants(t, "tiles of a changed entry", w.judged(nil, w.folder(folder)), 5, SignatureBad)

	folder = t.TempDir()
	export(t, folder, forged, w.signs(forged, 1000), len(forged))
	if _, err := os.ReadFile(filepath.Join(folder, checkpointFile)); err != nil {
		t.Fatal(err)
	}
	w.wants(t, "a checkpoint that nobody signed", w.judged(nil, w.folder(folder)), 0, CheckpointInvalid)

	folder = t.TempDir()
	export(t, folder, forged, w.signs(forged, 1000, "node-1", "node-2"), len(forged))
	report := w.judged(nil, w.folder(folder))
	w.wants(t, "a checkpoint that a quorum signed", report, 5, SignatureBad)
	w.convicts(report.Sources[0].Finding, "bad-entry", "node-1", "node-2")

	// Shorter than what is there: an honest head of before.
	folder = t.TempDir()
	export(t, folder, w.entries, w.signs(w.entries[:6], 1000, everyNode...), 6, len(w.entries))
	if report := w.judged(nil, w.folder(folder)); !report.OK() || report.Head.Size != 6 {
		t.Errorf("%+v", report)
	}
	// Longer than what is there.
	folder = t.TempDir()
	export(t, folder, w.entries[:6], w.signs(w.entries, 1000, everyNode...), 6)
	w.wants(t, "entries left out", w.judged(nil, w.folder(folder)), 0, TileMissing)

	// A link out of the folder is not followed.
	folder = t.TempDir()
	export(t, folder, w.entries, w.signs(w.entries, 1000, everyNode...), len(w.entries))
	outside := filepath.Join(t.TempDir(), "note")
	if err := os.Rename(filepath.Join(folder, checkpointFile), outside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(folder, checkpointFile)); err != nil {
		t.Fatal(err)
	}
	if report := w.judged(nil, w.folder(folder)); report.OK() {
		t.Error("a link out of the folder was followed")
	}
}

// TestTilesOverHTTP: the same over HTTP, beside a node, and on from a state.
func TestTilesOverHTTP(t *testing.T) {
	w := long(t, 300)
	folder := t.TempDir()
	export(t, folder, w.entries[:280], w.signs(w.entries[:280], 1000, everyNode...), 280)
	server := httptest.NewServer(http.StripPrefix("/log/", http.FileServer(http.Dir(folder))))
	t.Cleanup(server.Close)
	source, err := TilesAt(server.URL + "/log/")
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if report := w.judged(state, source, w.node("node", w.signs(w.entries, 1001, everyNode...), nil)); !report.OK() || report.Final.Size != 300 || report.Sources[0].Final.Size != 280 {
		t.Fatalf("%+v", report)
	}
	export(t, folder, w.entries, w.signs(w.entries, 1002, everyNode...), 280, 300)
	if report := w.judged(reloaded(t, state), source); !report.OK() || report.Final.Size != 300 || report.From != 300 {
		t.Fatalf("%+v", report)
	}
	w.register("asha", 999)
	export(t, folder, w.entries, w.signs(w.entries, 1003, everyNode...), 280, 301)
	if report := w.judged(state, source); !report.OK() || report.Final.Size != 301 {
		t.Fatalf("%+v", report)
	}
}

// TestServersThatMisbehave: endless answers, redirects to others, errors.
func TestServersThatMisbehave(t *testing.T) {
	w := small(t)
	folder := t.TempDir()
	export(t, folder, w.entries, w.signs(w.entries, 1000, everyNode...), len(w.entries))
	files := http.FileServer(http.Dir(folder))
	var other atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		other.Add(1)
		files.ServeHTTP(answer, request)
	}))
	t.Cleanup(elsewhere.Close)
	endless := func(answer http.ResponseWriter, request *http.Request) {
		for request.Context().Err() == nil {
			if _, err := answer.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	for _, c := range []struct {
		name   string
		path   string // is answered by handle, all others as they should
		handle http.HandlerFunc
		kind   Kind // "" for an error of the world
	}{
		{"endless checkpoint", "/checkpoint", endless, CheckpointInvalid},
		{"endless bundle", "/tile/entries/", endless, TileWrong},
		{"endless tile", "/tile/0/", endless, TileWrong},
		{"no tile", "/tile/0/", http.NotFound, TileMissing},
		{"no bundle", "/tile/entries/", http.NotFound, TileMissing},
		{"no checkpoint", "/checkpoint", http.NotFound, ""},
		{"bundles for those entitled", "/tile/entries/", func(answer http.ResponseWriter, _ *http.Request) {
			http.Error(answer, "not for you", http.StatusForbidden)
		}, ""},
		{"out of order", "/checkpoint", func(answer http.ResponseWriter, _ *http.Request) {
			http.Error(answer, "later", http.StatusInternalServerError)
		}, ""},
		{"to another server", "/tile/", func(answer http.ResponseWriter, request *http.Request) {
			http.Redirect(answer, request, elsewhere.URL+request.URL.Path, http.StatusFound)
		}, ""},
		{"in a circle", "/tile/", func(answer http.ResponseWriter, request *http.Request) {
			http.Redirect(answer, request, request.URL.Path, http.StatusFound)
		}, ""},
		{"cut short", "/tile/entries/", func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("Content-Length", "5000")
			answer.Write([]byte("a part"))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
				if strings.HasPrefix(request.URL.Path, c.path) {
					c.handle(answer, request)
					return
				}
				files.ServeHTTP(answer, request)
			}))
			defer server.Close()
			source, err := TilesAt(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			r := w.judged(nil, source).Sources[0]
			if c.kind == "" && (r.Finding != nil || r.Err == nil) || c.kind != "" && (r.Finding == nil || r.Finding.Kind != c.kind) {
				t.Errorf("%v, %v", r.Finding, r.Err)
			}
		})
	}
	if other.Load() > 0 {
		t.Error("another server was asked")
	}
	server := httptest.NewServer(files)
	source, err := TilesAt(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	server.Close()
	if r := w.judged(nil, source).Sources[0]; r.Finding != nil || r.Err == nil {
		t.Errorf("a server that is away: %+v", r)
	}
	for _, bad := range []string{"", "tiles.example.org", "ftp://tiles.example.org", "http://", "https://a:b@tiles.example.org", "https://tiles.example.org/?x=1", "https://tiles.example.org/#a", "://"} {
		if _, err := TilesAt(bad); err == nil {
			t.Errorf("%q is a prefix", bad)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&Auditor{State: w.state, Sources: []Source{source}}).Run(ctx); err == nil {
		t.Error("the context is done")
	}
}
