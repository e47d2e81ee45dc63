package api

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Limits of what an error says.
const (
	messageBytesMax = 512
	fieldBytesMax   = 128
)

// fault is what a call is answered with when it is not answered. It is an error
// with a gRPC status of its own. It names no party, path or address that the
// caller did not send.
type fault struct {
	code    codes.Code
	reason  ledger.Reason
	field   string // path of the field at fault, or empty
	message string
	event   int           // position of the event at fault in the request
	unknown bool          // a write may have been recorded
	retry   time.Duration // when another try may help; 0: it does not
	leader  string        // node id, a hint
	size    uint64        // ledger size that was asked past; 0: none
	promise *custodyv1.Promise
}

func (f *fault) Error() string { return string(f.reason) + ": " + f.message }

// GRPCStatus is what grpc answers with.
func (f *fault) GRPCStatus() *status.Status {
	info := &errdetails.ErrorInfo{
		Reason:   string(f.reason),
		Domain:   client.ErrorDomain,
		Metadata: map[string]string{client.MetadataOutcome: client.OutcomeValueNone},
	}
	if f.unknown {
		info.Metadata[client.MetadataOutcome] = client.OutcomeValueUnknown
	}
	if f.leader != "" {
		info.Metadata[client.MetadataLeader] = f.leader
	}
	if f.event > 0 {
		info.Metadata[client.MetadataEvent] = strconv.Itoa(f.event)
	}
	if f.size > 0 {
		info.Metadata[client.MetadataSize] = strconv.FormatUint(f.size, 10)
	}
	details := []protoadapt.MessageV1{info}
	if f.field != "" {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
			Field: f.field, Description: f.message, Reason: string(f.reason),
		}}})
	}
	if f.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.retry)})
	}
	if f.promise != nil {
		details = append(details, protoadapt.MessageV1Of(f.promise))
	}
	s, err := status.New(f.code, f.message).WithDetails(details...)
	if err != nil {
		return status.New(f.code, f.message)
	}
	return s
}

// failure is the fault as an answer inside a stream.
func (f *fault) failure() *custodyv1.Failure {
	outcome := custodyv1.Outcome_OUTCOME_NONE
	if f.unknown {
		outcome = custodyv1.Outcome_OUTCOME_UNKNOWN
	}
	return &custodyv1.Failure{
		GrpcCode: uint32(f.code),
		Reason:   string(f.reason),
		Message:  f.message,
		Outcome:  outcome,
		Event:    uint32(f.event),
		Field:    f.field,
	}
}

// printable bounds a text and leaves nothing in it that could break a line, a
// terminal or a log.
func printable(text string, bytesMax int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) <= bytesMax {
		return text
	}
	cut := bytesMax - len("...")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}

// invalid is a fault of the request.
func invalid(reason ledger.Reason, field, message string) *fault {
	return &fault{code: codes.InvalidArgument, reason: reason, field: printable(field, fieldBytesMax), message: printable(message, messageBytesMax)}
}
