package adversary

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// witness is an honest C2SP tlog-witness that belongs to no member.
type witness struct {
	key     checkpoint.Key
	private sign.PrivateKey
	url     string

	mu   sync.Mutex
	logs []checkpoint.Key // whose log signature it takes
	last checkpoint.Checkpoint
	now  func() uint64
}

func newWitness(t testing.TB) *witness {
	t.Helper()
	w := &witness{}
	var err error
	if w.private, err = sign.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if w.key, err = checkpoint.NewKey("witness.example.org", checkpoint.CosignerKey, w.private.Public()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// watch makes it the witness of a network's log.
func (w *witness) watch(n *network) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range n.policy().Logs {
		w.logs = append(w.logs, l.Key)
	}
	w.now = func() uint64 { return uint64(n.clock.now().Unix()) }
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, checkpoint.AddCheckpointBytesMax+1))
	if err != nil || r.URL.Path != "/add-checkpoint" {
		http.NotFound(rw, r)
		return
	}
	request, err := checkpoint.ParseAddCheckpoint(body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	line, err := w.cosign(request)
	var old oldSize
	switch {
	case errors.As(err, &old):
		rw.Header().Set("Content-Type", checkpoint.SizeContentType)
		rw.WriteHeader(http.StatusConflict)
		rw.Write(checkpoint.AppendSize(nil, uint64(old)))
	case err != nil:
		http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
	default:
		rw.Write(line.AppendLine(nil))
	}
}

// oldSize says that the log thinks that the witness is at another size.
type oldSize uint64

func (oldSize) Error() string { return "the witness is at another size" }

// cosign signs a head that continues the last one it signed.
func (w *witness) cosign(request *checkpoint.AddCheckpoint) (checkpoint.Signature, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	note, err := checkpoint.ParseNote(request.Note)
	if err != nil {
		return checkpoint.Signature{}, err
	}
	if !slices.ContainsFunc(w.logs, func(k checkpoint.Key) bool { _, err := k.Verify(note); return err == nil }) {
		return checkpoint.Signature{}, errors.New("no log key that this witness knows")
	}
	if request.Old != w.last.Size {
		return checkpoint.Signature{}, oldSize(w.last.Size)
	}
	if request.Old > 0 {
		if err := merkle.VerifyConsistency(request.Old, note.Size, w.last.Root, note.Root, request.Proof); err != nil {
			return checkpoint.Signature{}, err
		}
	}
	w.last = note.Checkpoint
	return w.key.Sign(w.private, note.Checkpoint, w.now()), nil
}

// cosigned is the last head that it signed.
func (w *witness) cosigned() checkpoint.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// policyWith is the ledger's policy as somebody writes it who trusts a checkpoint only with the outside witness too.
func (n *network) policyWith(w *witness) *checkpoint.Policy {
	n.Helper()
	p := n.policy()
	members := []string{p.Quorum, "outside"}
	p.Witnesses = append(p.Witnesses, checkpoint.WitnessLine{Name: "outside", Key: w.key})
	p.Groups = append(p.Groups, checkpoint.GroupLine{Name: "both", Threshold: len(members), Members: members})
	p.Quorum = "both"
	file, err := p.Encode()
	n.must(err)
	parsed, err := checkpoint.ParsePolicy(file)
	n.must(err)
	return parsed
}
