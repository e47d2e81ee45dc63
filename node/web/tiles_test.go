package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/web"
)

// grow records stones until the ledger has a size.
func grow(w *apitest.World, dealer *client.Author, size uint64) {
	w.TB.Helper()
	for has, _ := w.Backend.Store.Head(); has < size; has++ {
		w.Record(w.Register(dealer))
	}
}

type site struct {
	*apitest.World
	url  string
	http *http.Client
}

func config(w *apitest.World) web.Config {
	return web.Config{Metrics: prometheus.NewRegistry(), NotReady: func() []string { return nil }, Logger: slog.New(slog.DiscardHandler), Log: w.Backend.Store}
}

// serve runs the node's HTTP on a real port.
func serve(t *testing.T, w *apitest.World, c web.Config) site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := web.Serve(listener, c)
	s := site{w, "http://" + listener.Addr().String(), &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a redirect") },
	}}
	t.Cleanup(func() {
		s.http.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s site) get(method, path string, header ...string) (*http.Response, []byte) {
	s.TB.Helper()
	request, err := http.NewRequestWithContext(s.TB.Context(), method, s.url+path, nil)
	if err != nil {
		s.TB.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.http.Do(request)
	if err != nil {
		s.TB.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.TB.Fatal(err)
	}
	return response, body
}

// read fetches a tile as it is.
func (s site) read(t tile.Tile) ([]byte, error) {
	response, body := s.get("GET", "/"+t.Path())
	switch response.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusNotFound:
		return nil, fs.ErrNotExist
	}
	return nil, fmt.Errorf("%s: %s", t.Path(), response.Status)
}

// tlogTiles makes golang.org/x/mod read our tiles.
type tlogTiles struct {
	read func(tile.Tile) ([]byte, error)
}

func (r tlogTiles) Height() int { return 8 }

func (r tlogTiles) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		b, err := r.read(tile.Tile{Level: uint8(t.L), Index: uint64(t.N), Width: t.W})
		if err != nil {
			return nil, err
		}
		data = append(data, b)
	}
	return data, nil
}

func (r tlogTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// TestOthersReadTheTiles: x/mod and torchwood verify checkpoint, tiles and
// entries at random sizes.
func TestOthersReadTheTiles(t *testing.T) {
	w := apitest.New(t)
	s := serve(t, w, config(w))
	dealer := w.Dealer()
	policyFile, err := w.Genesis.Policy().Checkpoint().Encode()
	if err != nil {
		t.Fatal(err)
	}
	policy, err := torchwood.ParsePolicy(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(w.Genesis.Policy().Checkpoint().Logs[0].Key.String())
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(s.url, torchwood.WithHTTPClient(s.http))
	if err != nil {
		t.Fatal(err)
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var before tlog.Tree
	for size := uint64(2); size < 900; size += 1 + random.Uint64N(150) {
		grow(w, dealer, size)
		w.Finalize()
		_, raw := s.get("GET", "/checkpoint")
		c, _, err := torchwood.VerifyCheckpoint(raw, policy)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(raw, note.VerifierList(verifier)); err != nil {
			t.Fatal(err)
		}
		if uint64(c.N) < size {
			t.Fatalf("the checkpoint is of size %d, final is %d", c.N, size)
		}
		hashes := tlog.TileHashReader(c.Tree, tlogTiles{s.read})
		if before.N > 0 {
			proof, err := tlog.ProveTree(c.N, before.N, hashes)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(proof, c.N, c.Hash, before.N, before.Hash); err != nil {
				t.Errorf("from %d to %d: %v", before.N, c.N, err)
			}
		}
		before = c.Tree
		for range 5 {
			index := random.Int64N(c.N)
			entry, proof, err := client.Entry(t.Context(), c.Tree, index)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(proof, c.N, c.Hash, index, tlog.RecordHash(entry)); err != nil {
				t.Error(err)
			}
			own, err := tlog.ProveRecord(c.N, index, hashes)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(own, c.N, c.Hash, index, tlog.RecordHash(entry)); err != nil {
				t.Error(err)
			}
		}
	}
	count := int64(0)
	for index := range client.AllEntries(t.Context(), before, 0) {
		if index != count {
			t.Fatalf("entry %d after %d", index, count)
		}
		count++
	}
	if client.Err() != nil || count != before.N {
		t.Errorf("%d entries of %d: %v", count, before.N, client.Err())
	}
	// Partial tiles of every earlier size are there, and give its root.
	for size := uint64(1); size <= uint64(before.N); size += 37 {
		root, err := merkle.RootAt(tile.Reader{Size: size, Read: s.read}, size)
		if err != nil {
			t.Fatal(err)
		}
		snapshot := w.Backend.Store.Snapshot()
		own, err := merkle.RootAt(snapshot, size)
		snapshot.Close()
		if err != nil || own != root {
			t.Errorf("size %d: %v, here %v, %v", size, root, own, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	w := apitest.New(t)
	s := serve(t, w, config(w))
	grow(w, w.Dealer(), 300)
	raw := w.Finalize()
	for _, test := range []struct{ path, contentType, caching string }{
		{"/checkpoint", "text/plain; charset=utf-8", "public, max-age=1"},
		{"/tile/0/000", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"/tile/0/001.p/44", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"/tile/1/000.p/1", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"/tile/entries/000", "application/octet-stream", "private, max-age=31536000, immutable"},
		{"/tile/entries/001.p/44", "application/octet-stream", "private, max-age=31536000, immutable"},
	} {
		response, body := s.get("GET", test.path)
		etag := response.Header.Get("Etag")
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != test.contentType || response.Header.Get("Cache-Control") != test.caching || len(etag) < 10 {
			t.Errorf("%s: %s %v", test.path, response.Status, response.Header)
		}
		if response.ContentLength != int64(len(body)) || response.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: length %d of %d, %v", test.path, response.ContentLength, len(body), response.Header)
		}
		head, empty := s.get("HEAD", test.path)
		if head.StatusCode != 200 || head.ContentLength != int64(len(body)) || len(empty) != 0 || head.Header.Get("Etag") != etag {
			t.Errorf("HEAD %s: %s %v", test.path, head.Status, head.Header)
		}
		if again, empty := s.get("GET", test.path, "If-None-Match", etag); again.StatusCode != 304 || len(empty) != 0 {
			t.Errorf("%s with its tag: %s", test.path, again.Status)
		}
		if other, _ := s.get("GET", test.path, "If-None-Match", `"other"`); other.StatusCode != 200 {
			t.Errorf("%s with another tag: %s", test.path, other.Status)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			if response, _ := s.get(method, test.path); response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %s", method, test.path, response.Status)
			}
		}
	}
	if _, body := s.get("GET", "/checkpoint"); !bytes.Equal(body, raw) {
		t.Errorf("%s", body)
	}
}

func TestGzip(t *testing.T) {
	w := apitest.New(t)
	s := serve(t, w, config(w))
	grow(w, w.Dealer(), 300)
	w.Finalize()
	_, plain := s.get("GET", "/tile/entries/000")
	for asked, want := range map[string]bool{
		"gzip": true, "GZIP": true, "gzip, identity": true, "identity, gzip;q=0.5": true, "gzip; q=1": true, "br;q=1, gzip": true,
		"identity": false, "gzip;q=0": false, "gzip;q=0.0": false, "br": false, "xgzip": false, "": false,
	} {
		response, body := s.get("GET", "/tile/entries/000", "Accept-Encoding", asked)
		if zipped := response.Header.Get("Content-Encoding") == "gzip"; zipped != want || response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", asked, response.Header)
			continue
		}
		if want {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
			if again, _ := s.get("GET", "/tile/entries/000", "Accept-Encoding", asked, "If-None-Match", response.Header.Get("Etag")); again.StatusCode != 304 {
				t.Errorf("%q with its tag: %s", asked, again.Status)
			}
		}
		if !bytes.Equal(body, plain) {
			t.Errorf("%q: %d bytes, plain %d", asked, len(body), len(plain))
		}
	}
	// Hash tiles do not compress and are sent as they are.
	if response, _ := s.get("GET", "/tile/0/000", "Accept-Encoding", "gzip"); response.Header.Get("Content-Encoding") != "" {
		t.Errorf("a hash tile: %v", response.Header)
	}
}

// TestBadPaths: nothing but a tile that the last final checkpoint has is
// answered, and nothing is an error of the node.
func TestBadPaths(t *testing.T) {
	w := apitest.New(t)
	s := serve(t, w, config(w))
	if response, _ := s.get("GET", "/checkpoint"); response.StatusCode != 404 || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a checkpoint before there is one: %s", response.Status)
	}
	if response, _ := s.get("GET", "/tile/0/000.p/1"); response.StatusCode != 404 {
		t.Errorf("a tile before there is a checkpoint: %s", response.Status)
	}
	grow(w, w.Dealer(), 300)
	w.Finalize()
	grow(w, w.Dealer(), 600)
	for _, path := range []string{
		"/checkpoint/", "/checkpoint//", "//checkpoint", "/./checkpoint", "/x/../checkpoint", "/Checkpoint", "/checkpoint%20", "/%63heckpoint", "/checkpoint.txt",
		"/tile", "/tile/", "/tile/0", "/tile/0/", "/tile/0/000/", "/tile/0/0", "/tile/0/00", "/tile/0/0000", "/tile/00/000", "/tile/-1/000", "/tile/+0/000",
		"//tile/0/000", "/tile//0/000", "/tile/0//000", "/tile/0/./000", "/tile/0/x/../000", "/tile/0/%30%30%30", "/tile/0/000%2Ep/1", "/tile%2F0/000",
		"/tile/0/x000/000", "/tile/0/x000", "/tile/0/000/000", "/tile/0/001.p", "/tile/0/001.p/", "/tile/0/001.p/0", "/tile/0/001.p/01", "/tile/0/001.p/256", "/tile/0/001.p/1/",
		"/tile/8/000.p/1", "/tile/63/000", "/tile/64/000", "/tile/255/000", "/tile/256/000", "/tile/99999999999999999999/000",
		"/tile/0/x999/x999/x999/x999/x999/x999/999", "/tile/0/x018/x446/x744/x073/x709/x551/615", "/tile/0/x072/x057/x594/x037/x927/935", "/tile/0/x072/x057/x594/x037/x927/936",
		"/tile/data/000", "/tile/8/data/000", "/tile/names/000", "/tile/entries", "/tile/entries/", "/tile/entries/0", "/tile/entries/000.p/256", "/tile/entries/000.p/0",
		"/tile/0/000;a", "/tile/0/000%00", "/tile/0/%e0%a5%a6", "/tile/" + strings.Repeat("0/", 2000),
		// Beyond the last final size, although the node has more.
		"/tile/0/001", "/tile/0/001.p/45", "/tile/0/002.p/1", "/tile/1/000.p/2", "/tile/1/000", "/tile/1/001.p/1", "/tile/2/000.p/1", "/tile/7/000.p/1",
		"/tile/entries/001", "/tile/entries/001.p/45", "/tile/entries/002.p/1", "/tile/entries/999", "/tile/entries/x001/000",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			response, body := s.get(method, path)
			if response.StatusCode != 404 && response.StatusCode != 400 || len(body) > 300 || response.StatusCode == 404 && response.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %.60s: %s %v %.100s", method, path, response.Status, response.Header, body)
			}
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 2_000 {
		any := tile.Tile{Entries: random.IntN(4) == 0, Index: random.Uint64N(1 << (1 + random.IntN(56))), Width: 1 + random.IntN(256)}
		if !any.Entries {
			any.Level = uint8(random.IntN(8))
		}
		response, _ := s.get("GET", "/"+any.Path())
		if want := map[bool]int{true: 200, false: 404}[any.Within(300)]; response.StatusCode != want {
			t.Errorf("%s: %s", any.Path(), response.Status)
		}
	}
}

func TestEntriesNeedTheRight(t *testing.T) {
	w := apitest.New(t)
	grow(w, w.Dealer(), 5)
	w.Finalize()
	closed, open := config(w), config(w)
	open.OpenReads = true
	ask := func(c web.Config, from, host, path string, header ...string) *http.Response {
		request := httptest.NewRequest("GET", "http://"+host+path, nil)
		request.RemoteAddr = from
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		recorder := httptest.NewRecorder()
		web.Handler(c).ServeHTTP(recorder, request)
		return recorder.Result()
	}
	const entries = "/tile/entries/000.p/5"
	for name, test := range map[string]struct {
		response *http.Response
		want     int
	}{
		"this machine":                 {ask(closed, "127.0.0.1:5", "127.0.0.1:7403", entries), 200},
		"this machine, IPv6":           {ask(closed, "[::1]:5", "[::1]:7403", entries), 200},
		"this machine, mapped":         {ask(closed, "[::ffff:127.0.0.1]:5", "localhost", entries), 200},
		"another machine":              {ask(closed, "192.0.2.1:5", "192.0.2.9:7403", entries), 403},
		"another machine says it is":   {ask(closed, "192.0.2.1:5", "127.0.0.1:7403", entries), 403},
		"a proxy on this machine":      {ask(closed, "127.0.0.1:5", "127.0.0.1:7403", entries, "X-Forwarded-For", "192.0.2.1"), 403},
		"a page under another name":    {ask(closed, "127.0.0.1:5", "rebound.example.org:7403", entries), 403},
		"nobody knows from where":      {ask(closed, "@", "127.0.0.1:7403", entries), 403},
		"a bundle that there is not":   {ask(closed, "192.0.2.1:5", "192.0.2.9:7403", "/tile/entries/999"), 403},
		"hashes for another machine":   {ask(closed, "192.0.2.1:5", "192.0.2.9:7403", "/tile/0/000.p/5"), 200},
		"a checkpoint for anybody":     {ask(closed, "192.0.2.1:5", "ledger.example.org", "/checkpoint"), 200},
		"open reads, another machine":  {ask(open, "192.0.2.1:5", "ledger.example.org", entries), 200},
		"open reads, behind a proxy":   {ask(open, "127.0.0.1:5", "ledger.example.org", entries, "Via", "1.1 proxy"), 200},
		"no log, so nothing is served": {ask(web.Config{Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)}, "127.0.0.1:5", "localhost", "/checkpoint"), 404},
	} {
		body, _ := io.ReadAll(test.response.Body)
		if test.response.StatusCode != test.want {
			t.Errorf("%s: %s %.100s", name, test.response.Status, body)
		}
		if test.want == 403 && !strings.Contains(string(body), "open_reads") {
			t.Errorf("%s: %q does not say what to do", name, body)
		}
	}
	if caching := ask(open, "192.0.2.1:5", "ledger.example.org", entries).Header.Get("Cache-Control"); !strings.HasPrefix(caching, "public,") {
		t.Errorf("open reads: %s", caching)
	}
}

// TestUnreadable: a store that cannot be read gives neither a tile nor an error
// that the caller is to blame for.
func TestUnreadable(t *testing.T) {
	w := apitest.New(t)
	options := storetest.NewCrashable().Options()
	if err := store.Create("other", w.File, options); err != nil {
		t.Fatal(err)
	}
	closed, err := store.Open("other", options)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	c := config(w)
	c.Log = closed
	s := serve(t, w, c)
	for _, path := range []string{"/checkpoint", "/tile/0/000.p/1", "/tile/entries/000.p/1"} {
		if response, body := s.get("GET", path); response.StatusCode != 503 || strings.Contains(string(body), "store:") || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
}

// waiting is a log that answers when it is told to.
type waiting struct {
	*store.Store
	came, release chan struct{}
}

func (l waiting) Snapshot() *store.Snapshot {
	l.came <- struct{}{}
	<-l.release
	return l.Store.Snapshot()
}

func TestRequestsAreBounded(t *testing.T) {
	const most = 128
	w := apitest.New(t)
	w.Finalize()
	log := waiting{w.Backend.Store, make(chan struct{}, most), make(chan struct{})}
	c := config(w)
	c.Log = log
	handler := web.Handler(c)
	ask := func() int {
		request := httptest.NewRequest("GET", "http://localhost/checkpoint", nil)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		return recorder.Code
	}
	codes := make(chan int, most)
	for range most {
		go func() { codes <- ask() }()
	}
	for range most {
		<-log.came
	}
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("one more than may be: %d", code)
	}
	close(log.release)
	for range most {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("one that was let in: %d", code)
		}
	}
	if code := ask(); code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
}
