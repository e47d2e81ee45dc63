package cosign

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// foreignWitness is a C2SP tlog-witness of which nothing is ours: torchwood reads
// checkpoints and cosigns, x/mod opens notes and checks trees.
type foreignWitness struct {
	logs   note.Verifiers
	signer *torchwood.CosignatureSigner

	mu   sync.Mutex
	last tlog.Tree
	says []int // status codes, in order
}

// foreignKey makes an Ed25519 key of a seed by way of PKCS #8: signatures are the
// matter of ledger/sign, and this one is nobody's of ours.
func foreignKey(t testing.TB, seed []byte) crypto.Signer {
	t.Helper()
	header := []byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}
	private, err := x509.ParsePKCS8PrivateKey(append(header, seed...))
	must(t, err)
	return private.(crypto.Signer)
}

func (f *foreignWitness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	code, contentType, body := f.answer(r)
	f.says = append(f.says, code)
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(code)
	io.WriteString(w, body)
}

func (f *foreignWitness) answer(r *http.Request) (code int, contentType, body string) {
	if r.Method != http.MethodPost || r.URL.Path != "/add-checkpoint" {
		return http.StatusNotFound, "", ""
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest, "", err.Error()
	}
	head, signed, _ := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil || !strings.HasPrefix(lines[0], "old ") {
		return http.StatusBadRequest, "", "old"
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return http.StatusBadRequest, "", "proof"
		}
		proof = append(proof, tlog.Hash(hash))
	}
	opened, err := note.Open([]byte(signed), f.logs)
	if err != nil {
		return http.StatusForbidden, "", err.Error()
	}
	c, err := torchwood.ParseCheckpoint(opened.Text)
	switch {
	case err != nil || old > c.N:
		return http.StatusBadRequest, "", fmt.Sprint(err)
	case old != f.last.N:
		return http.StatusConflict, "text/x.tlog.size", fmt.Sprintf("%d\n", f.last.N)
	case old == c.N && f.last.Hash != c.Hash:
		return http.StatusConflict, "", "another root"
	case old > 0 && tlog.CheckTree(proof, c.N, c.Hash, old, f.last.Hash) != nil:
		return http.StatusUnprocessableEntity, "", "not consistent"
	}
	f.last = c.Tree
	cosigned, err := note.Sign(&note.Note{Text: opened.Text}, f.signer)
	if err != nil {
		return http.StatusInternalServerError, "", err.Error()
	}
	_, line, _ := strings.Cut(string(cosigned), "\n\n")
	return http.StatusOK, "text/plain; charset=utf-8", line
}

// TestWitnessOfTorchwood: a witness that others' code makes up takes what this
// program sends, and its lines join the final note.
func TestWitnessOfTorchwood(t *testing.T) {
	w := newWorld(t, 3, 2)
	defer w.close()
	signer, err := torchwood.NewCosignatureSigner("witness.example.org/torchwood", foreignKey(t, []byte("a made-up seed of 32 whole bytes")))
	must(t, err)
	var verifiers []note.Verifier
	policy := w.genesis.Policy()
	for _, n := range policy.Nodes {
		verifier, err := note.NewVerifier(policy.LogKey(n).String())
		must(t, err)
		verifiers = append(verifiers, verifier)
	}
	foreign := &foreignWitness{signer: signer, logs: note.VerifierList(verifiers...)}
	server := httptest.NewServer(foreign)
	defer server.Close()
	parsed, err := ParseWitness("torchwood", signer.Verifier().String(), server.URL)
	must(t, err)
	client, err := newWitnessClient(parsed)
	must(t, err)
	defer client.close()

	for range 20 {
		w.grow(w.nodes...)
	}
	cosign := func(size uint64) error {
		asked := noteOf(t, w, size)
		line, err := client.cosign(t.Context(), asked, w.nodes[0].Consistency)
		if err == nil {
			asked.Signatures = append(asked.Signatures, line)
			_, err = parsed.Key.Verify(asked)
		}
		return err
	}
	for _, size := range []uint64{3, 7, 7} {
		must(t, cosign(size))
	}
	client.size = 0 // a node that has just started
	must(t, cosign(12))
	if want := []int{200, 200, 200, 409, 200}; !slices.Equal(foreign.says, want) {
		t.Errorf("it answered %v, want %v", foreign.says, want)
	}
	if err := cosign(11); err == nil || !strings.Contains(err.Error(), "size 12") {
		t.Errorf("below what it cosigned: %v", err)
	}

	n := w.nodes[0]
	n.start(Config{Witnesses: []Witness{parsed}})
	for _, n := range w.nodes {
		must(t, n.cosigner.Recall(context.Background(), 0))
	}
	w.grow(w.nodes...)
	must(t, n.cosigner.round())
	final, err := checkpoint.ParseNote(n.final)
	must(t, err)
	if _, err := parsed.Key.Verify(final); err != nil {
		t.Errorf("its line is not in the final note: %v", err)
	}
	if _, err := note.Open(n.final, note.VerifierList(signer.Verifier())); err != nil {
		t.Errorf("x/mod does not find its line: %v", err)
	}
}
