package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
	"github.com/custodyledger/custodyledger/ledger/store"
)

const (
	tilesMax   = 128 // requests for checkpoint and tiles that are answered at a time
	bundlesMax = 8   // of them for entries, which read more

	checkpointCaching = "public, max-age=1"
	foreverCaching    = "max-age=31536000, immutable"
)

// Log is the ledger that tiles are served from; *store.Store is one.
type Log interface {
	Snapshot() *store.Snapshot
}

// tiles serves the log as C2SP tlog-tiles has it, up to the last final size.
type tiles struct {
	log       Log
	openReads bool
	logger    *slog.Logger
	places    chan struct{} // capacity tilesMax
	bundles   chan struct{} // capacity bundlesMax
}

func newTiles(c Config) *tiles {
	return &tiles{log: c.Log, openReads: c.OpenReads, logger: c.Logger, places: make(chan struct{}, tilesMax), bundles: make(chan struct{}, bundlesMax)}
}

// serves tells whether a path is one of the tiles'.
func (*tiles) serves(path string) bool {
	return path == "/"+tile.CheckpointPath || strings.HasPrefix(path, "/tile/")
}

// ServeHTTP answers GET and HEAD of a path that it serves.
func (s *tiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var t tile.Tile
	checkpoint := r.URL.Path == "/"+tile.CheckpointPath
	if !checkpoint {
		var err error
		if t, err = tile.Parse(r.URL.Path[1:]); err != nil {
			answer(w, http.StatusNotFound, "no such tile; the paths are those of c2sp.org/tlog-tiles")
			return
		}
	}
	if t.Entries && !s.mayReadContents(r) {
		answer(w, http.StatusForbidden, "this node shows contents of entries to callers on its own machine only; ask there, or ask its operator for open_reads")
		return
	}
	if !take(s.places) {
		busy(w)
		return
	}
	defer give(s.places)
	snapshot := s.log.Snapshot()
	defer snapshot.Close()
	final, ok := snapshot.Final()
	switch err := snapshot.Err(); {
	case err != nil:
		s.unreadable(w, err)
	case !ok:
		answer(w, http.StatusNotFound, "no checkpoint is final yet")
	case checkpoint:
		w.Header().Set("Cache-Control", checkpointCaching)
		content(w, r, "text/plain; charset=utf-8", final.Note)
	case !t.Within(final.Size):
		answer(w, http.StatusNotFound, fmt.Sprintf("the last final checkpoint has %d entries, and no such tile", final.Size))
	case t.Entries:
		s.bundle(w, r, snapshot, t)
	default:
		s.hashes(w, r, snapshot, t)
	}
}

func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func give(places chan struct{}) { <-places }

func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	answer(w, http.StatusServiceUnavailable, "as many requests as may be are being answered; try again, or ask another node")
}

func (s *tiles) unreadable(w http.ResponseWriter, err error) {
	if !errors.Is(err, store.ErrClosed) {
		s.logger.Error("a tile cannot be served for a reason of this node", "error", err)
	}
	answer(w, http.StatusServiceUnavailable, "this node cannot read its own data and does not guess; ask another node")
}

// mayReadContents is the rule of package api. A request that a proxy on this
// machine passed on, or that a web page made under another name of it, is not
// one of this machine.
func (s *tiles) mayReadContents(r *http.Request) bool {
	if s.openReads {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, passed := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(passed) != "" {
			return false
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	at, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && at.Unmap().IsLoopback()
}

// hashes answers with a tile of hashes.
func (s *tiles) hashes(w http.ResponseWriter, r *http.Request, snapshot *store.Snapshot, t tile.Tile) {
	first := t.Index * tile.Width
	row, err := snapshot.Hashes(t.Level, first, first+uint64(t.Width))
	if err != nil {
		s.unreadable(w, err)
		return
	}
	w.Header().Set("Cache-Control", "public, "+foreverCaching)
	content(w, r, "application/octet-stream", tile.AppendHashes(make([]byte, 0, len(row)*merkle.HashSize), row))
}

// content answers with bytes: HEAD, conditions and ranges too.
func content(w http.ResponseWriter, r *http.Request, contentType string, b []byte) {
	sum := sha256.Sum256(b)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Etag", fmt.Sprintf(`"%x"`, sum[:16]))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// bundle answers with a tile of entries. It reads them twice, so that they are
// held against the tree before the answer begins, and so that it never holds
// more than one of them.
func (s *tiles) bundle(w http.ResponseWriter, r *http.Request, snapshot *store.Snapshot, t tile.Tile) {
	if !take(s.bundles) {
		busy(w)
		return
	}
	defer give(s.bundles)
	size, etag, err := weigh(snapshot, t)
	if err != nil {
		s.unreadable(w, err)
		return
	}
	zipped := takesGzip(r)
	header := w.Header()
	header.Set("Vary", "Accept-Encoding")
	header.Set("X-Content-Type-Options", "nosniff")
	if zipped {
		etag += "-gzip"
	}
	header.Set("Etag", `"`+etag+`"`)
	header.Set("Cache-Control", s.bundleCaching())
	if namesTag(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/octet-stream")
	if zipped {
		header.Set("Content-Encoding", "gzip")
	} else {
		header.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	if r.Method == http.MethodHead {
		return
	}
	if zipped {
		err = zip(w, snapshot, t)
	} else {
		err = send(w, snapshot, t)
	}
	if err != nil {
		if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrFailed) {
			s.logger.Error("entries could not be read to their end", "tile", t.Path(), "error", err)
		}
		panic(http.ErrAbortHandler) // the one way to tell the caller that the answer is cut short
	}
}

// bundleCaching keeps contents that not everybody may read out of shared caches.
func (s *tiles) bundleCaching() string {
	if s.openReads {
		return "public, " + foreverCaching
	}
	return "private, " + foreverCaching
}

// weigh gives the length of a bundle, and a tag that follows from what is in it.
func weigh(snapshot *store.Snapshot, t tile.Tile) (size int64, etag string, err error) {
	first := t.Index * tile.Width
	leaves, err := snapshot.Hashes(0, first, first+uint64(t.Width))
	if err != nil {
		return 0, "", err
	}
	tag := sha256.New()
	err = snapshot.Entries(first, first+uint64(t.Width), func(index uint64, entry []byte) error {
		leaf := merkle.LeafHash(entry)
		if leaf != leaves[index-first] {
			return &store.CorruptError{Entry: int64(index), What: "the tree has another leaf for it"}
		}
		tag.Write(leaf[:])
		size += 2 + int64(len(entry))
		return nil
	})
	return size, fmt.Sprintf("%x", tag.Sum(nil)[:16]), err
}

func send(w http.ResponseWriter, snapshot *store.Snapshot, t tile.Tile) error {
	out := bufio.NewWriterSize(w, 64<<10)
	first := t.Index * tile.Width
	err := snapshot.Entries(first, first+uint64(t.Width), func(_ uint64, entry []byte) error {
		var length [2]byte
		binary.BigEndian.PutUint16(length[:], uint16(len(entry)))
		if _, err := out.Write(length[:]); err != nil {
			return err
		}
		_, err := out.Write(entry)
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// zipping is a ResponseWriter whose body is compressed.
type zipping struct {
	http.ResponseWriter
	to *gzip.Writer
}

func (z zipping) Write(b []byte) (int, error) { return z.to.Write(b) }

// zippers are *gzip.Writer that are used again: each takes about a megabyte, more
// than the tile that goes through it.
var zippers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // a level that there is
	}
	return z
}}

func zip(w http.ResponseWriter, snapshot *store.Snapshot, t tile.Tile) error {
	to := zippers.Get().(*gzip.Writer)
	defer zippers.Put(to)
	to.Reset(w)
	if err := send(zipping{w, to}, snapshot, t); err != nil {
		return err
	}
	return to.Close()
}

// takesGzip tells whether a request asks for gzip.
func takesGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for choice := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(choice, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			weight, has := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
			q, err := strconv.ParseFloat(weight, 64)
			return !has || err == nil && q > 0
		}
	}
	return false
}

// namesTag tells whether If-None-Match names a tag.
func namesTag(lines []string, etag string) bool {
	for _, line := range lines {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == "*" || tag == `"`+etag+`"` {
				return true
			}
		}
	}
	return false
}
