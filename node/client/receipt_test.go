package client_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// finalizing makes final whatever is recorded.
func finalizing(w *apitest.World) api.Backend {
	return &apitest.Hooked{Backend: w.Backend, After: func(context.Context, ledger.Submission) error { w.Finalize(); return nil }}
}

func speaking(w *apitest.World, node int, backend api.Backend) *apitest.Server {
	return w.Serve(node, backend, func(c *api.Config) { c.Finality, c.Voice = w.Backend, apitest.Voice{World: w, Node: node} })
}

func TestAppendFinal(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(nil, speaking(w, 0, finalizing(w)))
	dealer := w.Dealer()
	signed := w.Register(dealer)
	receipt, proof, err := c.AppendFinal(t.Context(), signed)
	if err != nil || proof == nil {
		t.Fatalf("%+v, %v", proof, err)
	}
	if proof.Index != receipt.Index || proof.Leaf != receipt.Leaf || merkle.LeafHash(proof.Entry) != receipt.Leaf || len(proof.Final.Cosigned) != 3 {
		t.Errorf("%+v", proof)
	}
	if again, err := c.VerifyProof(proof.Text, signed); err != nil || !bytes.Equal(again.Entry, proof.Entry) {
		t.Errorf("offline: %v", err)
	}

	g, err := client.NewGroup(w.Random(), 2)
	if err != nil {
		t.Fatal(err)
	}
	writes := []client.Write{{Event: w.Signed(dealer.In(g).Register(apitest.Stone()))}, {Event: w.Signed(dealer.In(g).Register(apitest.Stone()))}}
	receipts, proofs, err := c.AppendGroupFinal(t.Context(), writes)
	if err != nil || len(proofs) != 2 {
		t.Fatalf("%v, %v", proofs, err)
	}
	for i := range writes {
		if proofs[i].Leaf != receipts[i].Leaf || proofs[i].Entry == nil {
			t.Errorf("event %d of the group: %+v", i, proofs[i])
		}
	}
}

// TestProofsUnderAKnownNote: a client that has found a note final asks everything else
// of a proof under it, and takes no other note for it.
func TestProofsUnderAKnownNote(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(nil, speaking(w, 0, finalizing(w)))
	dealer := w.Dealer()
	for range 3 {
		if _, _, err := c.AppendFinal(t.Context(), w.Register(dealer)); err != nil {
			t.Fatal(err)
		}
	}
	signed, other := w.Register(dealer), w.Register(dealer)
	_, proof, err := c.AppendFinal(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.VerifyProof(proof.Text, other); err == nil {
		t.Error("it proves another event")
	}
	note := bytes.Index(proof.Text, []byte("\n\n")) + 2
	body := note + bytes.Index(proof.Text[note:], []byte("\n\n"))
	for at := range body { // the hashes of the proof, and what the note says; the lines of signatures follow
		damaged := bytes.Clone(proof.Text)
		damaged[at] ^= 1
		if _, err := c.VerifyProof(damaged, signed); err == nil {
			t.Errorf("byte %d, %q for %q", at, damaged[at], proof.Text[at])
		}
		if _, err := c.VerifyProof(proof.Text, signed); err != nil {
			t.Fatalf("the proof itself, after a damaged one: %v", err)
		}
	}
}

// TestFinalComesTooLate: an event that is recorded is never an error, and what is
// missing is the proof only.
func TestFinalComesTooLate(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(func(c *client.Config) { c.Patience, c.AttemptTimeout = 2*time.Second, time.Second }, speaking(w, 0, w.Backend))
	dealer := w.Dealer()
	signed := w.Register(dealer)
	receipt, proof, err := c.AppendFinal(t.Context(), signed)
	if err != nil || proof != nil || receipt.Index == 0 {
		t.Fatalf("%+v, %+v, %v", receipt, proof, err)
	}
	state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID(), WaitFinal: true})
	if err != nil || state.Status != custodyv1.ReceiptStatus_RECEIPT_STATUS_COMMITTED || state.Proof != nil {
		t.Fatalf("%+v, %v", state, err)
	}
	done := make(chan *client.ReceiptState, 1)
	go func() {
		state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID(), Signed: &signed, WaitFinal: true})
		if err != nil {
			t.Error(err)
		}
		done <- state
	}()
	w.Finalize()
	if state := <-done; state == nil || state.Proof == nil || state.Proof.Entry == nil {
		t.Errorf("final while it is waited for: %+v", state)
	}
}

func TestReceiptStates(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(nil, speaking(w, 0, w.Backend))
	signed := w.Register(w.Dealer())
	ask := func(notAfter uint64) custodyv1.ReceiptStatus {
		t.Helper()
		state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID(), NotAfter: notAfter})
		if err != nil {
			t.Fatal(err)
		}
		return state.Status
	}
	if got := ask(0); got != custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN {
		t.Error(got)
	}
	if got := ask(5); got != custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED {
		t.Error(got)
	}
	w.Record(signed)
	if got := ask(5); got != custodyv1.ReceiptStatus_RECEIPT_STATUS_COMMITTED {
		t.Error(got)
	}
	if final, note, err := c.Final(t.Context()); final != nil || note != nil || err != nil {
		t.Errorf("a checkpoint before there is one: %v, %v", final, err)
	}
	w.Finalize()
	if got := ask(0); got != custodyv1.ReceiptStatus_RECEIPT_STATUS_FINAL {
		t.Error(got)
	}
	size, _ := w.Backend.Store.Head()
	if final, note, err := c.Final(t.Context()); err != nil || final.Size != size || len(note) == 0 {
		t.Errorf("%v, %v", final, err)
	}
}

func TestPromisesOfNodes(t *testing.T) {
	w := apitest.New(t)
	c := w.Client(nil, speaking(w, 1, w.Backend))
	signed := w.Register(w.Dealer())
	promise, err := c.AppendReceived(t.Context(), signed)
	if err != nil || promise.Event != signed.ID() || promise.Node != "mumbai" {
		t.Fatalf("%+v, %v", promise, err)
	}
	state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID()})
	for err == nil && state.Receipt == nil {
		state, err = c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID()})
	}
	if err != nil {
		t.Error(err)
	}

	// Of an unknown outcome the promises of both nodes come along.
	var release atomic.Bool
	lost := follower{&apitest.Hooked{Backend: w.Backend, Before: func(context.Context, ledger.Submission) error {
		if release.Load() {
			return nil
		}
		return consensus.ErrOutcomeUnknown
	}}}
	both := w.Client(func(c *client.Config) { c.Patience = time.Second }, speaking(w, 0, lost), speaking(w, 2, lost))
	another := w.Register(w.Dealer())
	_, err = both.Append(t.Context(), another)
	var unknown *client.OutcomeUnknown
	if !errors.As(err, &unknown) || len(unknown.Promises) != 2 || unknown.Promises[0].Node != "antwerp" || unknown.Promises[1].Node != "dubai" {
		t.Errorf("%v", err)
	}
	release.Store(true)
}

type follower struct{ api.Backend }

func (f follower) Status() *custodyv1.GetStatusResponse {
	s := f.Backend.Status()
	s.State = custodyv1.NodeState_NODE_STATE_FOLLOWER
	return s
}

// TestLiesAboutReceipts changes one thing in each kind of receipt.
func TestLiesAboutReceipts(t *testing.T) {
	w := apitest.New(t)
	signed := w.Register(w.Dealer())
	receipt := w.Record(signed)[0]
	w.Finalize()
	w.Record(w.Register(w.Dealer()))
	w.Finalize()
	size, root := w.Backend.Store.Head()
	other := w.Register(w.Dealer())
	c, l := startLiar(t, w)
	ctx := t.Context()

	byID := func() error {
		_, err := c.ReceiptState(ctx, client.ReceiptQuery{Event: signed.ID()})
		return err
	}
	byEvent := func() error {
		_, err := c.ReceiptState(ctx, client.ReceiptQuery{Event: signed.ID(), Signed: &signed})
		return err
	}
	appending := func() error { _, _, err := c.AppendFinal(ctx, signed); return err }
	promising := func() error { _, err := c.AppendReceived(ctx, signed); return err }
	final := func() error { _, _, err := c.Final(ctx); return err }
	unknown := func() error {
		_, err := c.ReceiptState(ctx, client.ReceiptQuery{Event: other.ID(), NotAfter: w.Backend.Time() + 1})
		return err
	}

	proof := func(change func(text string) string) func(proto.Message) {
		return func(m proto.Message) {
			switch m := m.(type) {
			case *custodyv1.GetReceiptResponse:
				m.Proof = change(m.Proof)
			case *custodyv1.AppendResponse:
				m.Proof = change(m.Proof)
			}
		}
	}
	state := func(change func(*custodyv1.GetReceiptResponse)) func(proto.Message) {
		return func(m proto.Message) {
			if m, ok := m.(*custodyv1.GetReceiptResponse); ok {
				change(m)
			}
		}
	}
	checkpointed := func(note []byte) func(proto.Message) {
		return func(m proto.Message) {
			if m, ok := m.(*custodyv1.GetCheckpointResponse); ok {
				m.Final = note
			}
		}
	}
	line := func(prefix, instead string) func(string) string {
		return func(text string) string {
			before, rest, ok := strings.Cut(text, prefix)
			_, after, more := strings.Cut(rest, "\n")
			if !ok || !more {
				return ""
			}
			return before + instead + after
		}
	}
	note := func(bytes []byte) func(string) string {
		return func(text string) string {
			head, _, _ := strings.Cut(text, "\n\n")
			return head + "\n\n" + string(bytes)
		}
	}
	flipped := func(text string) string {
		before, rest, _ := strings.Cut(text, "extra ")
		extra, after, _ := strings.Cut(rest, "\n")
		b, err := base64.StdEncoding.DecodeString(extra)
		if err != nil {
			t.Fatal(err)
		}
		b[20] ^= 1
		return before + "extra " + base64.StdEncoding.EncodeToString(b) + "\n" + after
	}

	for _, test := range []struct {
		what string
		call func() error
		lie  func(proto.Message)
	}{
		{"no proof", byID, proof(func(string) string { return "" })},
		{"a proof with a line more", byID, proof(func(text string) string { return text + "\n" })},
		{"a proof of another index", byID, proof(line("index ", "index 0\n"))},
		{"a proof without hashes", byID, proof(func(text string) string {
			head, rest, _ := strings.Cut(text, "\nindex ")
			index, rest, _ := strings.Cut(rest, "\n")
			_, note, _ := strings.Cut(rest, "\n\n")
			return head + "\nindex " + index + "\n\n" + note
		})},
		{"a checkpoint of one association", byID, proof(note(w.Note(size, root, 0)))},
		{"a checkpoint with another root", byID, proof(note(w.Note(size, merkle.Hash{1})))},
		{"a checkpoint without the event", byID, proof(note(w.Note(receipt.Index, merkle.Hash{1})))},
		{"an extra line that does not fit the event", byEvent, proof(flipped)},
		{"no extra line", byEvent, proof(line("extra ", ""))},
		{"an extra line in the answer to a write", appending, proof(flipped)},
		{"a receipt of another leaf", byEvent, state(func(r *custodyv1.GetReceiptResponse) { r.Receipt.LeafHash[0] ^= 1 })},
		{"a receipt of another index", byEvent, state(func(r *custodyv1.GetReceiptResponse) { r.Receipt.Index++ })},
		{"final without a receipt", byID, state(func(r *custodyv1.GetReceiptResponse) { r.Receipt = nil })},
		{"committed without a receipt", byID, state(func(r *custodyv1.GetReceiptResponse) {
			r.Receipt, r.Status = nil, custodyv1.ReceiptStatus_RECEIPT_STATUS_COMMITTED
		})},
		{"unknown with a receipt", byID, state(func(r *custodyv1.GetReceiptResponse) { r.Status = custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN })},
		{"expired with a receipt", byID, state(func(r *custodyv1.GetReceiptResponse) { r.Status = custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED })},
		{"expired before its time", unknown, state(func(r *custodyv1.GetReceiptResponse) { r.Status = custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED })},
		{"no status", byID, state(func(r *custodyv1.GetReceiptResponse) { r.Status = 0 })},
		{"a status that is none", byID, state(func(r *custodyv1.GetReceiptResponse) { r.Status = 99 })},
		{"no promise", promising, func(m proto.Message) { m.(*custodyv1.AppendResponse).Promise = nil }},
		{"a promise with a flipped bit", promising, func(m proto.Message) { m.(*custodyv1.AppendResponse).Promise.Payload[70] ^= 1 }},
		{"a promise about another event", promising, func(m proto.Message) {
			m.(*custodyv1.AppendResponse).Promise = apitest.Voice{World: w}.Promise(other.ID())
		}},
		{"a final checkpoint of one association", final, checkpointed(w.Note(size, root, 2))},
		{"a final checkpoint that is none", final, checkpointed([]byte("?"))},
	} {
		l.tells(func(proto.Message) {})
		if err := test.call(); err != nil {
			t.Fatalf("%s, before the lie: %v", test.what, err)
		}
		l.tells(test.lie)
		if err := test.call(); !errors.Is(err, client.ErrTampered) {
			t.Errorf("%s: %v", test.what, err)
		}
	}
}

// TestTrustPolicy: a client takes a policy that its caller has derived.
func TestTrustPolicy(t *testing.T) {
	w := apitest.New(t)
	signed := w.Register(w.Dealer())
	w.Record(signed)
	w.Finalize()
	c := w.Client(nil, speaking(w, 0, w.Backend))
	state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID(), Signed: &signed})
	if err != nil {
		t.Fatal(err)
	}
	size, root := w.Backend.Store.Head()
	head, _, _ := strings.Cut(string(state.Proof.Text), "\n\n")
	one := []byte(head + "\n\n" + string(w.Note(size, root, 1)))
	if _, err := c.VerifyProof(one, signed); err == nil {
		t.Fatal("one of three associations was enough")
	}
	weaker := w.Genesis.Policy()
	weaker.Quorum = 1
	c.TrustPolicy(weaker)
	if _, err := c.VerifyProof(one, signed); err != nil {
		t.Error(err)
	}
	if _, err := c.VerifyProof(state.Proof.Text, signed); err != nil {
		t.Error(err)
	}
}

// TestPolicyIsLearnt: after a handover the genesis's policy knows too few of those
// who sign, and a client derives the one in force.
func TestPolicyIsLearnt(t *testing.T) {
	w := apitest.New(t)
	w.Rekey(0)
	w.Record(w.Register(w.Dealer()))
	signed := w.Register(w.Dealer())
	w.Record(signed)
	w.Finalize(0, 1)
	size, _ := w.Backend.Store.Head()
	server := w.Serve(0, w.Backend, func(c *api.Config) { c.Finality, c.Stating = w.Backend, apitest.Stating{World: w, Nodes: []int{0, 1}} })
	c := w.Client(nil, server)
	state, err := c.ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID(), Signed: &signed})
	if err != nil || state.Proof == nil || state.Proof.Final.Size != size {
		t.Errorf("%+v, %v", state, err)
	}
	if final, _, err := w.Client(nil, server).Final(t.Context()); err != nil || final.Size != size {
		t.Errorf("%v, %v", final, err)
	}
	if state, err := w.Client(nil, server).ReceiptState(t.Context(), client.ReceiptQuery{Event: signed.ID()}); err != nil || state.Proof == nil {
		t.Errorf("without the event: %+v, %v", state, err)
	}
	fresh := w.Client(nil, server)
	file, report, err := fresh.PolicyBundle(t.Context())
	if err != nil || len(report.Policies) != 2 || len(report.Items) != 0 || report.Checkpoint.Size != size {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := fresh.VerifyProof(state.Proof.Text, signed); err != nil {
		t.Errorf("the client has not learnt the policy that it gave: %v", err)
	}
	if len(file) > 8<<10 {
		t.Errorf("the policy alone takes %d bytes", len(file))
	}
}

// TestPolicyProofOfALiar: a node cannot teach a client a policy that does not follow
// from the genesis.
func TestPolicyProofOfALiar(t *testing.T) {
	w := apitest.New(t)
	w.Rekey(0)
	w.Record(w.Register(w.Dealer()))
	w.Finalize(0, 1)
	c, l := startLiar(t, w)
	l.tells(func(m proto.Message) {
		if r, ok := m.(*custodyv1.GetPolicyProofResponse); ok {
			r.Chunk[len(r.Chunk)/2] ^= 1
		}
	})
	if _, _, err := c.PolicyBundle(t.Context()); !errors.Is(err, client.ErrTampered) {
		t.Errorf("a flipped bit: %v", err)
	}
	if _, _, err := c.Final(t.Context()); !errors.Is(err, client.ErrTampered) {
		t.Errorf("a final checkpoint of a policy that could not be learnt: %v", err)
	}
	l.tells(func(proto.Message) {})
	if _, _, err := c.Final(t.Context()); err != nil {
		t.Error(err)
	}
}
