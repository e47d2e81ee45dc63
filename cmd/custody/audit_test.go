package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custody/export"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// history is a made-up ledger whose nodes all sign what it comes to.
type history struct {
	testing.TB
	*storetest.Trade
	folder string // its export
}

func newHistory(t testing.TB) *history {
	h := &history{TB: t, Trade: storetest.NewTrade(storetest.Pseudorandom(1)), folder: t.TempDir()}
	h.record(h.Admit())
	h.record(h.Admit())
	return h
}

func (h *history) record(submissions ...ledger.Submission) {
	h.Helper()
	h.Now += 1000
	outcomes, _ := h.Twin.Apply(h.Now, submissions...)
	for _, o := range outcomes {
		if o.Rejection != nil {
			h.Fatal(o.Rejection)
		}
	}
}

// Entries implements export.Source.
func (h *history) Entries(_ context.Context, from, to uint64, use func(uint64, []byte) error) error {
	for i := from; i < to; i++ {
		if err := use(i, h.Twin.Entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// final exports all of it under a final checkpoint.
func (h *history) final() {
	h.Helper()
	note := h.FinalNote(uint64(len(h.Twin.Entries)))
	if _, err := export.Run(context.Background(), export.Config{Folder: h.folder, Genesis: h.File, Note: note, Source: h}); err != nil {
		h.Fatal(err)
	}
}

func (h *history) genesis() string {
	h.Helper()
	path := filepath.Join(h.TempDir(), "genesis.json")
	if err := os.WriteFile(path, h.File, 0o600); err != nil {
		h.Fatal(err)
	}
	return path
}

// commandLine runs one and gives its exit code and what it wrote.
func commandLine(ctx context.Context, out io.Writer, args ...string) (code int, stderr string) {
	var err bytes.Buffer
	a := &app{in: strings.NewReader(""), out: out, err: &err, now: time.Now, env: func(string) string { return "" }}
	code = a.run(ctx, args)
	return code, err.String()
}

// TestAuditOfForkedExports: two exports of one ledger that part are found, the
// signatures are kept as a file, and the file convicts offline.
func TestAuditOfForkedExports(t *testing.T) {
	one, other := newHistory(t), newHistory(t)
	one.final()
	other.final()
	server := httptest.NewServer(http.FileServer(http.Dir(other.folder)))
	t.Cleanup(server.Close)
	genesis, state, files := one.genesis(), filepath.Join(t.TempDir(), "verified.state"), filepath.Join(t.TempDir(), "evidence")
	args := []string{"audit", "--genesis", genesis, "--dir", one.folder, "--tiles", server.URL, "--state", state, "--evidence", files}

	var out bytes.Buffer
	if code, stderr := commandLine(t.Context(), &out, args...); code != exitDone || !strings.Contains(out.String(), "audit: ok: entries 0 to 2 verified") || !strings.Contains(out.String(), "final: 3 entries, cosigned by node-0, node-1") {
		t.Fatalf("%d, %s%s", code, &out, stderr)
	}
	if _, err := os.Stat(files); err == nil {
		t.Fatal("evidence of nothing")
	}

	one.record(one.Register(one.Dealers[0]))
	other.record(other.Register(other.Dealers[1]))
	one.final()
	other.final()
	out.Reset()
	code, stderr := commandLine(t.Context(), &out, append(args, "-o", "json")...)
	var report auditReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	found := report.Sources[1]
	if code != exitTampered || report.OK || found.Finding == nil || found.Finding.Kind != "nodes-fork" || found.Finding.Index != 3 || !strings.Contains(stderr, "entry 3: nodes-fork") {
		t.Fatalf("%d, %s%s", code, &out, stderr)
	}
	if filepath.Dir(found.Evidence) != files {
		t.Fatalf("evidence in %q", found.Evidence)
	}
	out.Reset()
	if code, stderr := commandLine(t.Context(), &out, "verify", found.Evidence, "--genesis", genesis); code != exitDone || !strings.Contains(out.String(), "node-0") {
		t.Fatalf("%d, %s%s", code, &out, stderr)
	}
	out.Reset()
	if code, _ := commandLine(t.Context(), &out, args...); code != exitTampered || !strings.Contains(out.String(), "evidence: "+found.Evidence) {
		t.Fatalf("again: %d, %s", code, &out)
	}
	server.Close()
	out.Reset()
	code, stderr = commandLine(t.Context(), &out, args...)
	if code != exitUnreachable || !strings.Contains(out.String(), "audit: not every source: entries 3 to 3 verified") || !strings.Contains(out.String(), "verified state saved in "+state) ||
		!strings.Contains(stderr, "The other sources were audited, and hold. What was verified is kept.") || strings.Contains(stderr, "Nothing was recorded") {
		t.Fatalf("%d, %s%s", code, &out, stderr)
	}
	out.Reset()
	if code, stderr := commandLine(t.Context(), &out, "audit", "--genesis", genesis, "--dir", one.folder, "--state", state); code != exitDone || !strings.Contains(out.String(), "4 entries verified before, nothing new") {
		t.Fatalf("%d, %s%s", code, &out, stderr)
	}
	out.Reset()
	if code, stderr := commandLine(t.Context(), &out, "audit", "--genesis", genesis, "--dir", other.folder, "--state", state, "--evidence", files); code != exitTampered || !strings.Contains(out.String(), "evidence: "+files) {
		t.Fatalf("the other history from the state of the first: %d, %s%s", code, &out, stderr)
	}
}

// printed is told what an audit prints.
type printed struct{ lines chan string }

func (w printed) Write(b []byte) (int, error) {
	w.lines <- string(b)
	return len(b), nil
}

// TestWatchingAudit: it prints every new final checkpoint, ends with the first finding
// and keeps its state when it is interrupted.
func TestWatchingAudit(t *testing.T) {
	one, other := newHistory(t), newHistory(t)
	one.final()
	other.final()
	state := filepath.Join(t.TempDir(), "verified.state")
	args := []string{"audit", "--watch", "--genesis", one.genesis(), "--dir", one.folder, "--dir", other.folder, "--state", state}
	out := printed{make(chan string, 10)}
	type ended struct {
		code   int
		stderr string
	}
	done := make(chan ended)
	watch := func(ctx context.Context) {
		code, stderr := commandLine(ctx, out, args...)
		done <- ended{code, stderr}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	go watch(ctx)
	if line := <-out.lines; !strings.HasPrefix(line, "final: 3 entries, root ") || !strings.Contains(line, "cosigned by node-0, node-1; at folder") {
		t.Fatal(line)
	}
	for _, h := range []*history{one, other} {
		h.record(h.Register(h.Dealers[0]))
		h.final()
	}
	if line := <-out.lines; !strings.HasPrefix(line, "final: 4 entries") {
		t.Fatal(line)
	}
	interrupt()
	if end := <-done; end.code != exitDone {
		t.Fatalf("%+v", end)
	}
	if _, err := os.Stat(state); err != nil {
		t.Fatal(err)
	}
	one.record(one.Register(one.Dealers[0]))
	other.record(other.Register(other.Dealers[1]))
	other.final()
	go watch(t.Context())
	if line := <-out.lines; !strings.HasPrefix(line, "final: ") {
		t.Fatal(line)
	}
	one.final()
	if end := <-done; end.code != exitTampered || !strings.Contains(end.stderr, "entry 4: not-consistent") {
		t.Fatalf("%+v", end)
	}
}
