package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// ledgerService is LedgerService.
type ledgerService struct {
	custodyv1.UnimplementedLedgerServiceServer
	config    Config
	backend   Backend
	guard     *guard
	verifiers *verifiers
	trust     bundle.Trust // in the genesis
}

// Append records one event, and answers when its request says.
func (s *ledgerService) Append(ctx context.Context, request *custodyv1.AppendRequest) (*custodyv1.AppendResponse, error) {
	if request.Wait > custodyv1.Wait_WAIT_RECEIVED || request.Wait < 0 {
		return nil, waitInvalid("wait", fmt.Sprintf("%d is no wait: committed, final or received", request.Wait))
	}
	submission, f := s.check(ctx, []*custodyv1.AppendRequest{request})
	if f != nil {
		return nil, f
	}
	if request.Wait == custodyv1.Wait_WAIT_RECEIVED {
		promise, f := s.promise(submission)
		if f != nil {
			return nil, f
		}
		return &custodyv1.AppendResponse{Promise: promise}, nil
	}
	receipts, f := s.record(ctx, submission)
	if f != nil {
		return nil, f
	}
	response := &custodyv1.AppendResponse{Receipt: receipts[0]}
	if request.Wait == custodyv1.Wait_WAIT_FINAL {
		if proofs := s.proofs(ctx, receipts); len(proofs) == 1 {
			response.Proof = proofs[0]
		}
	}
	return response, nil
}

// AppendGroup records the events of one group, and answers when its request
// says.
func (s *ledgerService) AppendGroup(ctx context.Context, request *custodyv1.AppendGroupRequest) (*custodyv1.AppendGroupResponse, error) {
	switch request.Wait {
	case custodyv1.Wait_WAIT_UNSPECIFIED, custodyv1.Wait_WAIT_COMMITTED, custodyv1.Wait_WAIT_FINAL:
	default:
		return nil, waitInvalid("wait", fmt.Sprintf("%d is no wait of a group: committed or final", request.Wait))
	}
	if f := checkWaits(request.Events); f != nil {
		return nil, f
	}
	submission, f := s.check(ctx, request.Events)
	if f != nil {
		return nil, f
	}
	receipts, f := s.record(ctx, submission)
	if f != nil {
		return nil, f
	}
	response := &custodyv1.AppendGroupResponse{Receipts: receipts}
	if request.Wait == custodyv1.Wait_WAIT_FINAL {
		response.Proofs = s.proofs(ctx, receipts)
	}
	return response, nil
}

// check makes a submission of what a unary call brings.
func (s *ledgerService) check(ctx context.Context, requests []*custodyv1.AppendRequest) (ledger.Submission, *fault) {
	w, f := s.accept(requests)
	if f != nil {
		s.guard.calls.observeWrite(nil, f)
		return nil, f
	}
	submission, f := s.verify(ctx, w)
	if f != nil {
		s.guard.calls.observeWrite(nil, f)
		return nil, f
	}
	return submission, nil
}

// record is submit for a unary call: where this node forwarded an event and does
// not know what became of it, the answer carries its promise.
func (s *ledgerService) record(ctx context.Context, submission ledger.Submission) ([]*custodyv1.Receipt, *fault) {
	if s.config.Voice == nil || len(submission) > 1 {
		return s.submit(ctx, submission)
	}
	ctx, cancel := ahead(ctx)
	defer cancel()
	receipts, f := s.submit(ctx, submission)
	if f != nil && f.unknown && f.code != codes.Canceled && s.backend.Status().State != custodyv1.NodeState_NODE_STATE_LEADER {
		if promise, none := s.promise(submission); none == nil {
			f.promise = promise
		}
	}
	return receipts, f
}

// accepted is a write whose form is checked and whose signatures are not.
type accepted struct {
	events   []*ledger.Event
	openings [][]ledger.Opening
}

// accept checks everything about a write that takes no state and no signature.
func (s *ledgerService) accept(requests []*custodyv1.AppendRequest) (*accepted, *fault) {
	if len(requests) > ledger.GroupEventsMax {
		return nil, invalid(ledger.TooLarge, "events", fmt.Sprintf("%d events in one request, at most %d; send groups one by one", len(requests), ledger.GroupEventsMax))
	}
	w := &accepted{}
	for i, request := range requests {
		if request.GetEvent() == nil {
			f := invalid(ledger.MissingField, "event", "the field is required: the signed event")
			f.event = i
			return nil, f
		}
		signed := ledger.SignedEvent{Event: request.Event.Event, Signatures: request.Event.Signatures}
		event, rejection := ledger.DecodeEvent(s.config.Genesis.RulesVersion, signed)
		if rejection != nil {
			return nil, refusal(rejection, i)
		}
		if event.Ledger != s.config.Ledger {
			return nil, refusal(ledger.RejectField(ledger.WrongLedger, "ledger_id", "the event is signed for ledger %s, this is ledger %s; sign it for this one, or send it to the other", event.Ledger, s.config.Ledger), i)
		}
		openings, rejection := ledger.DecodeOpenings(event, request.Openings)
		if rejection != nil {
			return nil, refusal(rejection, i)
		}
		w.events = append(w.events, event)
		w.openings = append(w.openings, openings)
	}
	if at, rejection := ledger.CheckGroup(w.events); rejection != nil {
		return nil, refusal(rejection, at)
	}
	return w, nil
}

// acceptStreamed is accept for a stream, whose writes have no wait.
func (s *ledgerService) acceptStreamed(requests []*custodyv1.AppendRequest) (*accepted, *fault) {
	if f := checkWaits(requests); f != nil {
		return nil, f
	}
	return s.accept(requests)
}

func (s *ledgerService) verify(ctx context.Context, w *accepted) (ledger.Submission, *fault) {
	verified, at, rejection, err := s.verifiers.verify(ctx, w.events)
	if err != nil {
		f, _ := worldly(err, false)
		return nil, f
	}
	if rejection != nil {
		return nil, refusal(rejection, at)
	}
	submission := make(ledger.Submission, len(verified))
	for i := range verified {
		submission[i] = ledger.Candidate{VerifiedEvent: verified[i], Openings: w.openings[i]}
	}
	return submission, nil
}

// submit has a write recorded, or says why not.
func (s *ledgerService) submit(ctx context.Context, submission ledger.Submission) (receipts []*custodyv1.Receipt, f *fault) {
	outcome, err := s.backend.Submit(ctx, submission)
	defer func() { s.guard.calls.observeWrite(outcome.Receipts, f) }()
	switch {
	case err != nil:
		f, logged := worldly(err, true)
		if logged {
			s.config.Logger.Error("a write failed for a reason of this node", "reason", string(f.reason), "error", err)
		}
		return nil, f
	case outcome.Rejection != nil:
		return nil, refusal(outcome.Rejection, outcome.At)
	case len(outcome.Receipts) != len(submission):
		s.config.Logger.Error("a write was answered with the wrong number of receipts", "receipts", len(outcome.Receipts), "events", len(submission))
		return nil, nodeFault(true)
	}
	for _, r := range outcome.Receipts {
		receipts = append(receipts, receiptMessage(r))
	}
	return receipts, nil
}

func receiptMessage(r ledger.Receipt) *custodyv1.Receipt {
	return &custodyv1.Receipt{
		EventId:      r.Event[:],
		Index:        r.Index,
		RecordedAtMs: r.RecordedAt,
		LeafHash:     r.Leaf[:],
		Duplicate:    r.Duplicate,
	}
}

// notTried is the fault of a write that builds on one without an outcome.
func notTried() *fault {
	return &fault{
		code: codes.Unavailable, reason: client.ReasonNotTried, retry: retrySoon,
		message: "an earlier write of this stream on the same item or party has no outcome, so this one was not tried; send both again in their order",
	}
}
