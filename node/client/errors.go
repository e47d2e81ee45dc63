package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Kinds of errors, for errors.Is. Every error of a call is one of these, an
// error of the caller's own arguments, or of the caller's context.
var (
	ErrRefused        = errors.New("refused")
	ErrUnreachable    = errors.New("no node could answer")
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
	ErrTampered       = errors.New("the answer does not verify")
)

// Refused says that a node looked at the request and will not do it. Sending
// the same again gives the same answer until the ledger changes.
type Refused struct {
	Reason  ledger.Reason
	Field   string // path of the field at fault, or empty
	Message string
	Code    codes.Code
	Event   int    // position of the event at fault in a group
	Node    string // address of the node that said so
	// EarlierSendUnknown tells that an earlier send of the same event got no
	// answer. At the time of the refusal the event was not recorded, but that
	// send may still be on its way until the event's not_after.
	EarlierSendUnknown bool
}

func (e *Refused) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "refused: %s", e.Reason)
	if e.Field != "" {
		fmt.Fprintf(&b, " (%s)", e.Field)
	}
	fmt.Fprintf(&b, ": %s", e.Message)
	if e.EarlierSendUnknown {
		b.WriteString("; an earlier send of the same event got no answer and may still be recorded before its not_after")
	}
	return b.String()
}

// Is matches ErrRefused, and a *Refused that sets nothing but a Reason.
func (e *Refused) Is(target error) bool {
	if target == ErrRefused {
		return true
	}
	want, ok := target.(*Refused)
	return ok && *want == Refused{Reason: e.Reason}
}

// NodeError is what one node, or the way to it, said.
type NodeError struct {
	Node string // address
	Err  error
}

func (e NodeError) Error() string { return e.Node + ": " + e.Err.Error() }

// isTampered tells whether an answer did not verify.
func isTampered(err error) bool { return errors.Is(err, ErrTampered) }

// Unreachable says that no node gave an answer. Of a write nothing was
// recorded and nothing will be.
type Unreachable struct {
	Causes []NodeError // the last of each node that was tried
	Ended  error       // why trying ended, if by a context
}

func (e *Unreachable) Error() string {
	var b strings.Builder
	b.WriteString("no node could answer")
	if e.Ended != nil {
		fmt.Fprintf(&b, " (%v)", e.Ended)
	}
	for i, cause := range e.Causes {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(cause.Error())
	}
	return b.String()
}

// Is matches ErrUnreachable.
func (e *Unreachable) Is(target error) bool { return target == ErrUnreachable }

func (e *Unreachable) Unwrap() error { return e.Ended }

// OutcomeUnknown says that a write may or may not be recorded.
// [Client.Receipt] settles it; so does sending the same event again.
type OutcomeUnknown struct {
	Event ledger.EventID // the first event of the write
	Cause error
	// Promises are what nodes that took the event gave their word on, verified.
	Promises []SignedPromise
}

func (e *OutcomeUnknown) Error() string {
	return fmt.Sprintf("it is unknown whether event %s is recorded: %v; ask for its receipt or send the same event again, which is always safe", e.Event, e.Cause)
}

// Is matches ErrOutcomeUnknown.
func (e *OutcomeUnknown) Is(target error) bool { return target == ErrOutcomeUnknown }

func (e *OutcomeUnknown) Unwrap() error { return e.Cause }

// Tampered says that an answer cannot be true: it contradicts itself, its
// proof, or what was asked.
type Tampered struct {
	Node  string // address of the node that gave the answer
	Index uint64 // entry concerned; ledger.NoLink if no single one is
	What  string
	Err   error // the check that failed, or nil
}

func (e *Tampered) Error() string {
	text := "the answer of " + e.Node + " does not verify: " + e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is matches ErrTampered.
func (e *Tampered) Is(target error) bool { return target == ErrTampered }

func (e *Tampered) Unwrap() error { return e.Err }

// answer is what a failed call means for the next step.
type answer struct {
	reason  ledger.Reason // empty: the node itself said nothing
	code    codes.Code
	field   string
	message string
	event   int
	retry   bool // another node or another time may do
	unknown bool // a write may have been recorded
	reached bool // a node answered
	after   time.Duration
	promise *custodyv1.Promise // not verified; nil if there is none
}

// classify reads a status error. Without details it comes from the library on
// either side, and of a write nothing is known then.
func classify(err error) answer {
	s := status.Convert(err)
	a := answer{code: s.Code(), message: s.Message()}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.Domain != ErrorDomain {
				continue
			}
			a.reason, a.reached = ledger.Reason(d.Reason), true
			a.unknown = d.Metadata[MetadataOutcome] == OutcomeValueUnknown
			a.event, _ = strconv.Atoi(d.Metadata[MetadataEvent])
		case *errdetails.BadRequest:
			if len(d.FieldViolations) > 0 {
				a.field = d.FieldViolations[0].Field
			}
		case *custodyv1.Promise:
			a.promise = d
		case *errdetails.RetryInfo:
			a.after = d.RetryDelay.AsDuration()
		}
	}
	if a.reason != "" {
		a.retry = a.unknown || retryable(a.reason)
		return a
	}
	switch a.code {
	case codes.ResourceExhausted, codes.Unimplemented, codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated:
		a.reached, a.reason = true, libraryReason(a.code)
	default:
		a.retry, a.unknown = true, true
	}
	return a
}

// libraryReason names what grpc itself refuses before a node's code runs.
func libraryReason(code codes.Code) ledger.Reason {
	switch code {
	case codes.ResourceExhausted:
		return ledger.TooLarge
	case codes.InvalidArgument:
		return ReasonInvalidArgument
	}
	return ReasonMethodClosed
}

func retryable(reason ledger.Reason) bool {
	switch reason {
	case ReasonNoLeader, ReasonOutcomeUnknown, ReasonOverloaded, ReasonCatchingUp, ReasonStopping, ReasonDeadline, ReasonDataFault, ReasonNodeFault, ReasonNotTried, ReasonSlowReader, ReasonIdle,
		ReasonNotFinal, ReasonMovedOn, ReasonItemMoved, ReasonNoQuorum, ReasonNotSigning:
		return true
	}
	return false
}

// classifyFailure reads a failure that came inside a stream.
func classifyFailure(f *custodyv1.Failure) answer {
	reason := ledger.Reason(f.Reason)
	unknown := f.Outcome == custodyv1.Outcome_OUTCOME_UNKNOWN
	return answer{
		reason:  reason,
		code:    codes.Code(f.GrpcCode),
		field:   f.Field,
		message: f.Message,
		event:   int(f.Event),
		retry:   unknown || retryable(reason),
		unknown: unknown,
		reached: true,
	}
}

func (a answer) refused(node string) *Refused {
	return &Refused{Reason: a.reason, Field: a.field, Message: a.message, Code: a.code, Event: a.event, Node: node}
}

// err is what the node, or the library, said in words.
func (a answer) err() error {
	if a.reason == "" {
		return errors.New(a.message)
	}
	return fmt.Errorf("%s: %s", a.reason, a.message)
}

// answerError carries an answer that came inside a stream.
type answerError struct{ answer answer }

func (e *answerError) Error() string { return e.answer.err().Error() }

// contextEnd tells whether an error is the end of the caller's own context.
func contextEnd(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
