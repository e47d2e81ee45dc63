package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// speaking serves a node that knows what is final and signs.
func speaking(w *apitest.World, backend api.Backend) *apitest.Server {
	return w.Serve(0, backend, func(c *api.Config) {
		c.Finality, c.Voice = w.Backend, apitest.Voice{World: w, Said: []string{"clock: 12 s off"}}
	})
}

// proven checks a proof of a signed event with our code and with torchwood's.
func proven(t *testing.T, w *apitest.World, signed ledger.SignedEvent, proof string) *checkpoint.Proof {
	t.Helper()
	p, err := checkpoint.ParseProof([]byte(proof))
	if err != nil {
		t.Fatalf("%v in\n%s", err, proof)
	}
	entry, err := ledger.EntryOf(p.Extra, signed)
	if err != nil {
		t.Fatal(err)
	}
	policy := w.Genesis.Policy().Checkpoint()
	if _, err := p.Verify(policy, merkle.LeafHash(entry)); err != nil {
		t.Fatal(err)
	}
	file, err := policy.Encode()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := torchwood.ParsePolicy(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := torchwood.VerifyProof(theirs, tlog.RecordHash(entry), []byte(proof)); err != nil {
		t.Fatalf("torchwood: %v", err)
	}
	return p
}

func TestAppendWaits(t *testing.T) {
	w := apitest.New(t)
	// Whatever is recorded becomes final at once.
	backend := &apitest.Hooked{Backend: w.Backend, After: func(context.Context, ledger.Submission) error { w.Finalize(); return nil }}
	service := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, backend)))
	dealer := w.Dealer()

	for _, wait := range []custodyv1.Wait{custodyv1.Wait_WAIT_UNSPECIFIED, custodyv1.Wait_WAIT_COMMITTED, custodyv1.Wait_WAIT_FINAL} {
		signed := w.Register(dealer)
		request := appendRequest(signed)
		request.Wait = wait
		response, err := service.Append(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if wait != custodyv1.Wait_WAIT_FINAL {
			if response.Proof != "" || response.Promise != nil || response.Receipt == nil {
				t.Errorf("%v: %v", wait, response)
			}
			continue
		}
		if p := proven(t, w, signed, response.Proof); p.Index != response.Receipt.Index {
			t.Errorf("a proof of entry %d, recorded as %d", p.Index, response.Receipt.Index)
		}
	}

	var signed []ledger.SignedEvent
	request := &custodyv1.AppendGroupRequest{Wait: custodyv1.Wait_WAIT_FINAL}
	g, err := client.NewGroup(w.Random(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		signed = append(signed, w.Signed(dealer.In(g).Register(apitest.Stone())))
		request.Events = append(request.Events, appendRequest(signed[len(signed)-1]))
	}
	response, err := service.AppendGroup(t.Context(), request)
	if err != nil || len(response.Proofs) != 3 {
		t.Fatalf("%v, %v", response, err)
	}
	for i, proof := range response.Proofs {
		proven(t, w, signed[i], proof)
	}
}

// TestFinalComesTooLate: what is recorded is answered as recorded.
func TestFinalComesTooLate(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, w.Backend)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	request := appendRequest(w.Register(w.Dealer()))
	request.Wait = custodyv1.Wait_WAIT_FINAL
	response, err := service.Append(ctx, request)
	if err != nil || response.Proof != "" || response.Receipt == nil {
		t.Fatalf("%v, %v", response, err)
	}
	nobody := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(1, w.Backend, nil)))
	if response, err := nobody.Append(t.Context(), request); err != nil || response.Proof != "" || !response.Receipt.GetDuplicate() {
		t.Errorf("a node that does not know of final: %v, %v", response, err)
	}
}

func TestPromises(t *testing.T) {
	w := apitest.New(t)
	var failures atomic.Int32
	failures.Store(2)
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(context.Context, ledger.Submission) error {
		if failures.Add(-1) >= 0 {
			return consensus.ErrOutcomeUnknown
		}
		return nil
	}}
	service := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, backend)))
	signed := w.Register(w.Dealer())
	request := appendRequest(signed)
	request.Wait = custodyv1.Wait_WAIT_RECEIVED
	response, err := service.Append(t.Context(), request)
	if err != nil || response.Receipt != nil || response.Proof != "" {
		t.Fatalf("%v, %v", response, err)
	}
	promised(t, w, signed.ID(), response.Promise)
	id := signed.ID()
	eventually(t, "the promised event is recorded", func() bool {
		response, err := service.GetReceipt(t.Context(), &custodyv1.GetReceiptRequest{EventId: id[:]})
		return err == nil && response.Receipt != nil
	})
}

func promised(t *testing.T, w *apitest.World, event ledger.EventID, promise *custodyv1.Promise) {
	t.Helper()
	p, err := ledger.ParsePromise(promise.GetPayload())
	if err != nil {
		t.Fatal(err)
	}
	if p.Event != event || p.Ledger != w.Ledger || p.Deadline <= p.ReceivedAt {
		t.Errorf("%+v", p)
	}
	node, ok := w.Genesis.Policy().Node(p.Node)
	if !ok {
		t.Fatalf("a promise of node %q", p.Node)
	}
	if err := sign.Verify(node.Statement, sign.PAE(sign.PromisePayloadType, promise.Payload), promise.Signature); err != nil {
		t.Error(err)
	}
}

// follower is a backend of a node that does not lead.
type follower struct{ api.Backend }

func (f follower) Status() *custodyv1.GetStatusResponse {
	s := f.Backend.Status()
	s.State = custodyv1.NodeState_NODE_STATE_FOLLOWER
	return s
}

// TestUnknownOutcomeCarriesPromise: where a node forwarded an event and lost
// sight of it, its word is in the answer, and the event is recorded in the end.
func TestUnknownOutcomeCarriesPromise(t *testing.T) {
	for what, lost := range map[string]error{"unknown": consensus.ErrOutcomeUnknown, "late": context.DeadlineExceeded} {
		t.Run(what, func(t *testing.T) {
			w := apitest.New(t)
			var once atomic.Bool
			hooked := &apitest.Hooked{Backend: w.Backend, Before: func(ctx context.Context, _ ledger.Submission) error {
				if once.Swap(true) {
					return nil
				}
				if lost == context.DeadlineExceeded {
					<-ctx.Done()
					return ctx.Err()
				}
				return lost
			}}
			service := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, follower{hooked})))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			signed := w.Register(w.Dealer())
			_, err := service.Append(ctx, appendRequest(signed))
			if p := problemOf(t, err); p.code != codes.Unavailable && p.code != codes.DeadlineExceeded {
				t.Fatalf("%+v", p)
			}
			var promise *custodyv1.Promise
			for _, d := range status.Convert(err).Details() {
				if p, ok := d.(*custodyv1.Promise); ok {
					promise = p
				}
			}
			promised(t, w, signed.ID(), promise)
			id := signed.ID()
			eventually(t, "the promised event is recorded", func() bool {
				response, err := service.GetReceipt(t.Context(), &custodyv1.GetReceiptRequest{EventId: id[:]})
				return err == nil && response.Receipt != nil
			})
		})
	}
	w := apitest.New(t)
	leader := &apitest.Hooked{Backend: w.Backend, Before: func(context.Context, ledger.Submission) error { return consensus.ErrOutcomeUnknown }}
	_, err := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, leader))).Append(t.Context(), appendRequest(w.Register(w.Dealer())))
	if details := status.Convert(err).Details(); len(details) != 2 {
		t.Errorf("the leader's own answer: %v", details)
	}
}

func TestPromisesAreBounded(t *testing.T) {
	w := apitest.New(t)
	release := make(chan struct{})
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(ctx context.Context, _ ledger.Submission) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	service := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, backend)))
	request := appendRequest(w.Register(w.Dealer()))
	request.Wait = custodyv1.Wait_WAIT_RECEIVED
	for i := range api.PursuitsMax {
		if _, err := service.Append(t.Context(), request); err != nil {
			t.Fatalf("promise %d: %v", i, err)
		}
	}
	_, err := service.Append(t.Context(), request)
	if p := problemOf(t, err); p.code != codes.ResourceExhausted || p.reason != "OVERLOADED" {
		t.Errorf("one more: %+v", p)
	}
	close(release)
	eventually(t, "there is room again", func() bool {
		_, err := service.Append(t.Context(), request)
		return err == nil
	})
}

func TestReceiptStatus(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, w.Backend)))
	dealer := w.Dealer()
	signed := w.Register(dealer)
	id := signed.ID()
	ask := func(notAfter uint64) *custodyv1.GetReceiptResponse {
		t.Helper()
		response, err := service.GetReceipt(t.Context(), &custodyv1.GetReceiptRequest{EventId: id[:], NotAfterMs: notAfter})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	now := w.Backend.Time() // of the last entry too
	for notAfter, want := range map[uint64]custodyv1.ReceiptStatus{
		0: custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN, now - 1: custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED,
		now: custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN, now + 1: custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN,
		^uint64(0): custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN, 1: custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED,
	} {
		if got := ask(notAfter); got.Status != want || got.Receipt != nil || got.Proof != "" || got.ReadAt.FinalSize != 0 {
			t.Errorf("not after %d: %v, expected %v", notAfter, got, want)
		}
	}
	w.Record(signed)
	if got := ask(1); got.Status != custodyv1.ReceiptStatus_RECEIPT_STATUS_COMMITTED || got.Receipt == nil || got.Proof != "" {
		t.Errorf("recorded: %v", got)
	}
	w.Finalize()
	got := ask(0)
	if got.Status != custodyv1.ReceiptStatus_RECEIPT_STATUS_FINAL || got.ReadAt.FinalSize != got.ReadAt.Size {
		t.Errorf("final: %v", got)
	}
	proven(t, w, signed, got.Proof)
	w.Record(w.Register(dealer))
	again := ask(0)
	if again.ReadAt.Size != got.ReadAt.Size+1 || again.ReadAt.FinalSize != got.ReadAt.Size {
		t.Errorf("after one more entry: %v", again.ReadAt)
	}
	proven(t, w, signed, again.Proof)
}

func TestFinalInAnswers(t *testing.T) {
	w := apitest.New(t)
	conn := connect(t, speaking(w, w.Backend))
	service, auditor := custodyv1.NewLedgerServiceClient(conn), custodyv1.NewAuditServiceClient(conn)
	before, err := auditor.GetCheckpoint(t.Context(), &custodyv1.GetCheckpointRequest{})
	if err != nil || before.Final != nil || before.Own == nil {
		t.Errorf("before: %v, %v", before, err)
	}
	dealer := w.Dealer()
	registration := w.Register(dealer)
	w.Record(registration)
	note := w.Finalize()
	checkpoints, err := auditor.GetCheckpoint(t.Context(), &custodyv1.GetCheckpointRequest{})
	if err != nil || string(checkpoints.Final) != string(note) || !strings.HasPrefix(string(checkpoints.Own), w.Genesis.Name+"\n") {
		t.Errorf("%v, %v", checkpoints, err)
	}
	s, err := service.GetStatus(t.Context(), &custodyv1.GetStatusRequest{})
	if err != nil || s.FinalSize != s.Size || string(s.FinalRoot) != string(s.Root) || fmt.Sprint(s.FinalCosigners) != "[antwerp.example.org mumbai.example.org dubai.example.org]" || len(s.Alarms) != 1 {
		t.Errorf("%v, %v", s, err)
	}
	item := ledger.NewItemID(registration.ID(), 0)
	party := dealer.Party()
	for what, at := range map[string]func() (*custodyv1.ReadAt, error){
		"item": func() (*custodyv1.ReadAt, error) {
			r, err := service.GetItem(t.Context(), &custodyv1.GetItemRequest{Item: item[:]})
			return r.GetReadAt(), err
		},
		"history": func() (*custodyv1.ReadAt, error) {
			r, err := service.ItemHistory(t.Context(), &custodyv1.ItemHistoryRequest{Item: item[:]})
			return r.GetReadAt(), err
		},
		"list": func() (*custodyv1.ReadAt, error) {
			r, err := service.ListItems(t.Context(), &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_Holder{Holder: party[:]}})
			return r.GetReadAt(), err
		},
		"party": func() (*custodyv1.ReadAt, error) {
			r, err := service.GetParty(t.Context(), &custodyv1.GetPartyRequest{Party: party[:]})
			return r.GetReadAt(), err
		},
	} {
		if at, err := at(); err != nil || at.FinalSize != s.FinalSize {
			t.Errorf("%s: %v, %v", what, at, err)
		}
	}
}

// TestProofsOfEverySize asks for every inclusion and consistency proof of a
// small ledger, and for those just outside it.
func TestProofsOfEverySize(t *testing.T) {
	w := apitest.New(t)
	auditor := custodyv1.NewAuditServiceClient(connect(t, w.Serve(0, w.Backend, nil)))
	dealer := w.Dealer()
	roots := map[uint64]merkle.Hash{}
	for {
		size, root := w.Backend.Store.Head()
		if roots[size] = root; size == 12 {
			break
		}
		w.Record(w.Register(dealer))
	}
	size, _ := w.Backend.Store.Head()
	refused := func(what string, err error, reason, field string) {
		t.Helper()
		if p := problemOf(t, err); p.code != codes.OutOfRange || p.reason != reason || p.field != field {
			t.Errorf("%s: %+v", what, p)
		}
	}
	for n := uint64(1); n <= size+1; n++ {
		for i := uint64(0); i <= n+1; i++ {
			response, err := auditor.GetInclusionProof(t.Context(), &custodyv1.GetInclusionProofRequest{Index: i, Size: n})
			what := fmt.Sprintf("entry %d of %d", i, n)
			switch {
			case n > size:
				refused(what, err, "OUT_OF_RANGE", "size")
			case i >= n:
				refused(what, err, "OUT_OF_RANGE", "index")
			case err != nil:
				t.Errorf("%s: %v", what, err)
			default:
				var path []merkle.Hash
				for _, h := range response.Proof {
					path = append(path, merkle.Hash(h))
				}
				err := merkle.VerifyInclusion(i, n, merkle.Hash(response.LeafHash), path, merkle.Hash(response.Root))
				if root, known := roots[n]; err != nil || known && root != merkle.Hash(response.Root) {
					t.Errorf("%s: %v", what, err)
				}
			}
			response2, err := auditor.GetConsistencyProof(t.Context(), &custodyv1.GetConsistencyProofRequest{From: i, To: n})
			what = fmt.Sprintf("from %d to %d", i, n)
			switch {
			case i == 0 || i > n:
				refused(what, err, "OUT_OF_RANGE", "from")
			case n > size:
				refused(what, err, "OUT_OF_RANGE", "to")
			case err != nil:
				t.Errorf("%s: %v", what, err)
			default:
				var path []merkle.Hash
				for _, h := range response2.Proof {
					path = append(path, merkle.Hash(h))
				}
				if err := merkle.VerifyConsistency(i, n, merkle.Hash(response2.RootFrom), merkle.Hash(response2.RootTo), path); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
	}
}

func TestBadWaits(t *testing.T) {
	w := apitest.New(t)
	speaks := custodyv1.NewLedgerServiceClient(connect(t, speaking(w, w.Backend)))
	mute := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(1, w.Backend, nil)))
	dealer := w.Dealer()
	size, _ := w.Backend.Store.Head()
	waiting := func(wait custodyv1.Wait) *custodyv1.AppendRequest {
		request := appendRequest(w.Register(dealer))
		request.Wait = wait
		return request
	}
	streamed := func(request *custodyv1.AppendRequest) error {
		stream, err := speaks.AppendStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(stream.Send(&custodyv1.AppendStreamRequest{Events: []*custodyv1.AppendRequest{request}}), stream.CloseSend()); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		failure := answer.GetFailure()
		if failure.GetField() != "wait" || failure.GetReason() != "INVALID_ARGUMENT" {
			t.Errorf("in a stream: %v", answer)
		}
		return nil
	}
	if err := streamed(waiting(custodyv1.Wait_WAIT_FINAL)); err != nil {
		t.Error(err)
	}
	invalid := problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "wait"}
	second := func(_ any, err error) error { return err }
	for what, test := range map[string]struct {
		err  error
		want problem
	}{
		"no such wait":           {second(speaks.Append(t.Context(), waiting(4))), invalid},
		"a negative wait":        {second(speaks.Append(t.Context(), waiting(-1))), invalid},
		"a promise of a group":   {second(speaks.AppendGroup(t.Context(), &custodyv1.AppendGroupRequest{Wait: custodyv1.Wait_WAIT_RECEIVED})), invalid},
		"a group's unknown wait": {second(speaks.AppendGroup(t.Context(), &custodyv1.AppendGroupRequest{Wait: 77})), invalid},
		"a wait inside a group":  {second(speaks.AppendGroup(t.Context(), &custodyv1.AppendGroupRequest{Events: []*custodyv1.AppendRequest{waiting(0), waiting(1)}})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "wait", event: "1"}},
		"nobody promises":        {second(mute.Append(t.Context(), waiting(custodyv1.Wait_WAIT_RECEIVED))), problem{code: codes.FailedPrecondition, reason: "METHOD_CLOSED", field: "wait"}},
		"a final receipt":        {second(speaks.GetReceipt(t.Context(), &custodyv1.GetReceiptRequest{EventId: make([]byte, 32), Consistency: &custodyv1.Consistency{Level: &custodyv1.Consistency_Final{Final: true}}})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "consistency.final"}},
	} {
		if got := problemOf(t, test.err); got != test.want {
			t.Errorf("%s: %+v, expected %+v", what, got, test.want)
		}
	}
	forged := appendRequest(w.Register(dealer))
	forged.Event.Signatures[0][5] ^= 1
	forged.Wait = custodyv1.Wait_WAIT_RECEIVED
	if p := problemOf(t, second(speaks.Append(t.Context(), forged))); p.reason != "BAD_SIGNATURE" {
		t.Errorf("a promise of a forged event: %+v", p)
	}
	if after, _ := w.Backend.Store.Head(); after != size {
		t.Errorf("%d entries were recorded", after-size)
	}
}
