package peer

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Reasons between nodes, beside those of package ledger. They are the ones that
// clients see.
const (
	reasonNoLeader       = "NO_LEADER"
	reasonOutcomeUnknown = "OUTCOME_UNKNOWN"
	reasonOverloaded     = "OVERLOADED"
	reasonCatchingUp     = "CATCHING_UP"
	reasonStopping       = "STOPPING"

	errorDomain = "custodyledger"
)

// conditions pairs the errors of consensus with their reasons on the wire.
var conditions = []struct {
	err    error
	reason string
}{
	{consensus.ErrOutcomeUnknown, reasonOutcomeUnknown},
	{consensus.ErrOverloaded, reasonOverloaded},
	{consensus.ErrCatchingUp, reasonCatchingUp},
	{consensus.ErrStopped, reasonStopping},
}

// reasonOf gives the reason of an error, and the leader that it hints at.
func reasonOf(err error) (reason, leader string) {
	var notLeader *consensus.NotLeaderError
	for _, c := range conditions {
		if errors.Is(err, c.err) {
			return c.reason, ""
		}
	}
	if errors.As(err, &notLeader) {
		return reasonNoLeader, notLeader.Leader
	}
	return "", ""
}

// errorOf is the way back. A reason that this program does not know makes the
// outcome unknown: that is the one that cannot be wrong.
func errorOf(reason, leader string) error {
	for _, c := range conditions {
		if c.reason == reason {
			return c.err
		}
	}
	if reason == reasonNoLeader {
		return &consensus.NotLeaderError{Leader: leader}
	}
	return fmt.Errorf("%w: the leader answered %.40q", consensus.ErrOutcomeUnknown, reason)
}

// failureOf says in a Propose answer why nothing was recorded, or that nobody
// knows. A leader that the error hints at stands in the message.
func failureOf(err error) *custodyv1.Failure {
	reason, leader := reasonOf(err)
	outcome := custodyv1.Outcome_OUTCOME_NONE
	if reason == "" {
		reason = reasonOutcomeUnknown
	}
	if reason == reasonOutcomeUnknown {
		outcome = custodyv1.Outcome_OUTCOME_UNKNOWN
	}
	return &custodyv1.Failure{GrpcCode: uint32(codes.Unavailable), Reason: reason, Message: leader, Outcome: outcome}
}

func failureOfRejection(rejection *ledger.Rejection, at int) *custodyv1.Failure {
	return &custodyv1.Failure{
		GrpcCode: uint32(codes.FailedPrecondition), Reason: string(rejection.Reason), Message: rejection.Message,
		Outcome: custodyv1.Outcome_OUTCOME_NONE, Event: uint32(at), Field: rejection.Field,
	}
}

// responseOf is the answer to one submission.
func responseOf(sequence uint64, outcome ledger.Outcome, entry consensus.EntryID, err error) *custodyv1.ProposeResponse {
	response := &custodyv1.ProposeResponse{Sequence: sequence, RaftIndex: entry.Index, RaftTerm: entry.Term}
	switch {
	case err != nil:
		response.Failure = failureOf(err)
	case outcome.Rejection != nil:
		response.Failure = failureOfRejection(outcome.Rejection, outcome.At)
	}
	for _, r := range outcome.Receipts {
		response.Receipts = append(response.Receipts, &custodyv1.Receipt{
			EventId: r.Event[:], Index: r.Index, RecordedAtMs: r.RecordedAt, LeafHash: r.Leaf[:], Duplicate: r.Duplicate,
		})
	}
	return response
}

// outcomeOf reads the answer to a submission of that many events.
func outcomeOf(response *custodyv1.ProposeResponse, events int) (ledger.Outcome, consensus.EntryID, error) {
	entry := consensus.EntryID{Index: response.RaftIndex, Term: response.RaftTerm}
	if f := response.Failure; f != nil {
		if f.GrpcCode != uint32(codes.FailedPrecondition) {
			return ledger.Outcome{}, consensus.EntryID{}, errorOf(f.Reason, f.Message)
		}
		if int(f.Event) >= max(events, 1) {
			return ledger.Outcome{}, consensus.EntryID{}, fmt.Errorf("%w: the leader refuses event %d of %d", consensus.ErrOutcomeUnknown, f.Event, events)
		}
		rejection := &ledger.Rejection{Reason: ledger.Reason(f.Reason), Field: f.Field, Message: f.Message}
		return ledger.Outcome{Rejection: rejection, At: int(f.Event)}, entry, nil
	}
	var outcome ledger.Outcome
	for _, r := range response.Receipts {
		if len(r.EventId) != len(ledger.EventID{}) || len(r.LeafHash) != merkle.HashSize {
			return ledger.Outcome{}, consensus.EntryID{}, fmt.Errorf("%w: the leader's receipt is malformed", consensus.ErrOutcomeUnknown)
		}
		outcome.Receipts = append(outcome.Receipts, ledger.Receipt{
			Event: ledger.EventID(r.EventId), Index: r.Index, RecordedAt: r.RecordedAtMs, Leaf: merkle.Hash(r.LeafHash), Duplicate: r.Duplicate,
		})
	}
	if len(outcome.Receipts) != events {
		return ledger.Outcome{}, consensus.EntryID{}, fmt.Errorf("%w: the leader gave %d receipts for %d events", consensus.ErrOutcomeUnknown, len(outcome.Receipts), events)
	}
	return outcome, entry, nil
}

// statusOf is the error of a unary call or of a stream of entries.
func statusOf(err error) error {
	reason, leader := reasonOf(err)
	if reason == "" {
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			return status.FromContextError(err).Err()
		}
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	s, detailErr := status.New(codes.Unavailable, err.Error()).WithDetails(&errdetails.ErrorInfo{
		Reason: reason, Domain: errorDomain, Metadata: map[string]string{"leader": leader},
	})
	if detailErr != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	return s.Err()
}

// readError reads what statusOf wrote. These calls change nothing, so that an
// unreachable node is a node that does not lead.
func readError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := status.Convert(err)
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return errorOf(info.Reason, info.Metadata["leader"])
		}
	}
	if s.Code() == codes.Unavailable {
		return &consensus.NotLeaderError{}
	}
	return err
}

// submissionMessage puts a submission into its message.
func submissionMessage(submission ledger.Submission) *custodyv1.Submission {
	message := &custodyv1.Submission{}
	for _, candidate := range submission {
		message.Events = append(message.Events, &custodyv1.AppendRequest{
			Event:    &custodyv1.SignedEvent{Event: candidate.Signed.Event, Signatures: candidate.Signed.Signatures},
			Openings: openingMessages(candidate.Openings),
		})
	}
	return message
}

func openingMessages(openings []ledger.Opening) []*custodyv1.Opening {
	var messages []*custodyv1.Opening
	for _, o := range openings {
		messages = append(messages, &custodyv1.Opening{Field: o.Field, Salt: o.Salt[:], Value: o.Value})
	}
	return messages
}
