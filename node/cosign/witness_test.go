package cosign

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// testWitness is a witness over HTTP as C2SP tlog-witness has it.
type testWitness struct {
	key    checkpoint.Key
	logs   []checkpoint.Key
	mu     sync.Mutex
	size   uint64
	root   merkle.Hash
	asked  int
	mangle func(w http.ResponseWriter) bool // answers instead
}

func (t *testWitness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	if t.mangle != nil && t.mangle(w) {
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/witness/add-checkpoint" {
		http.NotFound(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	request, err := checkpoint.ParseAddCheckpoint(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	note, _ := checkpoint.ParseNote(request.Note)
	known := false
	for _, log := range t.logs {
		if _, err := log.Verify(note); err == nil {
			known = true
		}
	}
	switch {
	case !known:
		http.Error(w, "unknown log", http.StatusForbidden)
	case request.Old > note.Size:
		http.Error(w, "old", http.StatusBadRequest)
	case request.Old != t.size:
		w.Header().Set("Content-Type", checkpoint.SizeContentType)
		w.WriteHeader(http.StatusConflict)
		w.Write(checkpoint.AppendSize(nil, t.size))
	case t.size > 0 && merkle.VerifyConsistency(t.size, note.Size, t.root, note.Root, request.Proof) != nil:
		http.Error(w, "proof", http.StatusUnprocessableEntity)
	default:
		t.size, t.root = note.Size, note.Root
		line := t.key.Sign(key("witness"), note.Checkpoint, 1_800_000_000)
		stranger := checkpoint.Signature{Name: "stranger.example.org", KeyID: 7, Bytes: make([]byte, 72)}
		w.Write(line.AppendLine(stranger.AppendLine(nil)))
	}
}

func newTestWitness(t testing.TB, w *world) (*testWitness, *witnessClient) {
	t.Helper()
	witnessKey, err := checkpoint.NewKey("witness.example.org/w1", checkpoint.CosignerKey, key("witness").Public())
	must(t, err)
	witness := &testWitness{key: witnessKey}
	policy := w.genesis.Policy()
	for _, n := range policy.Nodes {
		witness.logs = append(witness.logs, policy.LogKey(n))
	}
	server := httptest.NewServer(witness)
	t.Cleanup(server.Close)
	parsed, err := ParseWitness("w1", witnessKey.String(), server.URL+"/witness/")
	must(t, err)
	client, err := newWitnessClient(parsed)
	must(t, err)
	t.Cleanup(client.close)
	return witness, client
}

func noteOf(t testing.TB, w *world, size uint64) *checkpoint.Note {
	t.Helper()
	note, err := checkpoint.ParseNote(asking(w, "node-0", size, rootAt(t, w.nodes[0], size)))
	must(t, err)
	return note
}

func TestWitnessCosigns(t *testing.T) {
	w := newWorld(t, 3, 2)
	defer w.close()
	for range 20 {
		w.grow(w.nodes...)
	}
	witness, client := newTestWitness(t, w)
	cosign := func(size uint64) {
		t.Helper()
		note := noteOf(t, w, size)
		line, err := client.cosign(t.Context(), note, w.nodes[0].Consistency)
		must(t, err)
		note.Signatures = append(note.Signatures, line)
		if at, err := witness.key.Verify(note); err != nil || at != 1_800_000_000 {
			t.Errorf("size %d: %d, %v", size, at, err)
		}
	}
	cosign(3) // its first: nothing to prove
	cosign(7)
	cosign(7) // the same again, as an idle ledger asks
	if witness.asked != 3 {
		t.Errorf("%d requests", witness.asked)
	}
	// Another node has asked in between: 409 says where the witness is.
	witness.size, witness.root = 12, rootAt(t, w.nodes[0], 12)
	cosign(19)
	if witness.asked != 5 {
		t.Errorf("%d requests; one is answered with 409 and repeated", witness.asked)
	}
	// A node that has just started knows nothing of the witness.
	client.size = 0
	cosign(20)
	// The witness is ahead of this node.
	witness.size, witness.root = 21, rootAt(t, w.nodes[0], 21)
	if _, err := client.cosign(t.Context(), noteOf(t, w, 20), w.nodes[0].Consistency); err == nil || !strings.Contains(err.Error(), "size 21") {
		t.Errorf("a witness that is ahead: %v", err)
	}
}

func TestWitnessThatMisbehaves(t *testing.T) {
	w := newWorld(t, 3, 2)
	defer w.close()
	w.grow(w.nodes...)
	witness, client := newTestWitness(t, w)
	note := noteOf(t, w, 2)
	other, err := checkpoint.NewKey(witness.key.Name, checkpoint.CosignerKey, key("another").Public())
	must(t, err)
	elsewhere := note.Checkpoint
	elsewhere.Root[0] ^= 1
	write := func(b []byte) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool { w.Write(b); return true }
	}
	for name, mangle := range map[string]func(http.ResponseWriter) bool{
		"nothing":      write(nil),
		"garbage":      write([]byte("garbage")),
		"another key":  write(other.Sign(key("another"), note.Checkpoint, 1).AppendLine(nil)),
		"another head": write(witness.key.Sign(key("witness"), elsewhere, 1).AppendLine(nil)),
		"10,000 lines": write([]byte(strings.Repeat("\u2014 x AAAAAAAA\n", 10_000))),
		"a flood":      write(make([]byte, 4<<20)),
		"500":          func(w http.ResponseWriter) bool { http.Error(w, "no", 500); return true },
		"redirect": func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "/witness/add-checkpoint")
			w.WriteHeader(307)
			return true
		},
		"409 of garbage":    conflictAnswer("x\n"),
		"409 of the size":   conflictAnswer("0\n"),
		"409 for ever":      conflictAnswer("1\n"),
		"409 of too much":   conflictAnswer("99999999999999999999\n"),
		"409 without type":  func(w http.ResponseWriter) bool { w.WriteHeader(409); w.Write([]byte("1\n")); return true },
		"409 ahead of both": conflictAnswer("9\n"),
	} {
		witness.mangle, witness.asked, client.size = mangle, 0, 0
		if _, err := client.cosign(t.Context(), note, w.nodes[0].Consistency); err == nil {
			t.Errorf("%s: taken as a cosignature", name)
		}
		if witness.asked > 2 {
			t.Errorf("%s: %d requests", name, witness.asked)
		}
	}
	// It recovers.
	witness.mangle = nil
	if _, err := client.cosign(t.Context(), note, w.nodes[0].Consistency); err != nil {
		t.Error(err)
	}
}

func conflictAnswer(body string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", checkpoint.SizeContentType)
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, body)
		return true
	}
}

func TestWitnessThatHangsHoldsNothingUp(t *testing.T) {
	w := newWorld(t, 3, 2)
	defer w.close()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	witnessKey, err := checkpoint.NewKey("witness.example.org/w1", checkpoint.CosignerKey, key("witness").Public())
	must(t, err)
	parsed, err := ParseWitness("w1", witnessKey.String(), server.URL)
	must(t, err)
	for _, n := range w.nodes {
		n.start(Config{Witnesses: []Witness{parsed}})
		must(t, n.cosigner.Recall(context.Background(), 0))
	}
	began := time.Now()
	must(t, w.nodes[0].cosigner.round())
	if took := time.Since(began); took > roundTimeout {
		t.Errorf("a round takes %v", took)
	}
	if w.nodes[1].finalNow() != 1 {
		t.Error("not final")
	}
}

func TestWitnessJoinsTheNote(t *testing.T) {
	w := newWorld(t, 3, 2)
	defer w.close()
	witness, client := newTestWitness(t, w)
	n := w.nodes[0]
	n.start(Config{Witnesses: []Witness{client.Witness}})
	for _, n := range w.nodes {
		must(t, n.cosigner.Recall(context.Background(), 0))
	}
	must(t, n.cosigner.round())
	note, err := checkpoint.ParseNote(n.final)
	must(t, err)
	if _, err := witness.key.Verify(note); err != nil {
		t.Error(err)
	}
}

func TestWitnessConfiguration(t *testing.T) {
	w := newWorld(t, 1, 1)
	defer w.close()
	good, err := checkpoint.NewKey("witness.example.org/w1", checkpoint.CosignerKey, key("witness").Public())
	must(t, err)
	log, err := checkpoint.NewKey("witness.example.org/w1", checkpoint.LogKey, key("witness").Public())
	must(t, err)
	for _, c := range []struct {
		vkey, url string
		ok        bool
	}{
		{good.String(), "https://witness.example.org", true},
		{good.String(), "http://127.0.0.1:8080/prefix/", true},
		{log.String(), "https://witness.example.org", false},
		{"garbage", "https://witness.example.org", false},
		{good.String(), "ftp://witness.example.org", false},
		{good.String(), "https://witness.example.org/?q=1", false},
		{good.String(), "https://user@witness.example.org/", false},
		{good.String(), "witness.example.org", false},
		{good.String(), "", false},
	} {
		if _, err := ParseWitness("w1", c.vkey, c.url); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.url, err)
		}
	}
}
