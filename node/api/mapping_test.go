package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
)

// forbidden are codes that say nothing to a client, or that blame it for what
// it did not do.
var forbidden = map[codes.Code]bool{codes.OK: true, codes.Unknown: true, codes.Internal: true, codes.Unauthenticated: true}

func TestEveryReasonHasACode(t *testing.T) {
	for _, reason := range ledger.Reasons {
		code, ok := codeOf[reason]
		if !ok {
			t.Errorf("%s has no gRPC code", reason)
		}
		if forbidden[code] || code == codes.Unavailable || code == codes.ResourceExhausted {
			t.Errorf("%s: %v, but a refusal is final", reason, code)
		}
	}
	if len(codeOf) != len(ledger.Reasons) {
		t.Errorf("%d reasons have a code, %d exist", len(codeOf), len(ledger.Reasons))
	}
}

func TestRefusalOnTheWire(t *testing.T) {
	for _, reason := range ledger.Reasons {
		r := ledger.RejectField(reason, "offer.to", "it is %s", "so")
		s := status.Convert(refusal(r, 3))
		info, field, retry := details(t, s)
		if s.Code() != codeOf[reason] || info.Reason != string(reason) || info.Domain != client.ErrorDomain {
			t.Errorf("%s: %v %v", reason, s.Code(), info)
		}
		if info.Metadata[client.MetadataOutcome] != client.OutcomeValueNone || info.Metadata[client.MetadataEvent] != "3" {
			t.Errorf("%s: metadata %v", reason, info.Metadata)
		}
		if field != "offer.to" || retry {
			t.Errorf("%s: field %q, retry %v", reason, field, retry)
		}
	}
}

func details(t *testing.T, s *status.Status) (info *errdetails.ErrorInfo, field string, retry bool) {
	t.Helper()
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.BadRequest:
			field = d.FieldViolations[0].Field
		case *errdetails.RetryInfo:
			retry = true
		}
	}
	if info == nil {
		t.Fatalf("%v has no ErrorInfo", s)
	}
	return info, field, retry
}

func TestWorldly(t *testing.T) {
	const secret = "/srv/custody/node-7/ledger"
	tests := []struct {
		err            error
		code           codes.Code
		reason         ledger.Reason
		unknownOnWrite bool
		retry, logged  bool
	}{
		{consensus.ErrOutcomeUnknown, codes.Unavailable, client.ReasonOutcomeUnknown, true, true, false},
		{fmt.Errorf("%w: %v", consensus.ErrOutcomeUnknown, context.DeadlineExceeded), codes.Unavailable, client.ReasonOutcomeUnknown, true, true, false},
		{&consensus.NotLeaderError{Leader: "mumbai"}, codes.Unavailable, client.ReasonNoLeader, false, true, false},
		{consensus.ErrOverloaded, codes.ResourceExhausted, client.ReasonOverloaded, false, true, false},
		{consensus.ErrTooLarge, codes.InvalidArgument, ledger.GroupTooLarge, false, false, false},
		{consensus.ErrCatchingUp, codes.Unavailable, client.ReasonCatchingUp, false, true, false},
		{consensus.ErrStopped, codes.Unavailable, client.ReasonStopping, false, true, false},
		{context.Canceled, codes.Canceled, client.ReasonDeadline, true, false, false},
		{context.DeadlineExceeded, codes.DeadlineExceeded, client.ReasonDeadline, true, true, false},
		{&store.CorruptError{Entry: 7, What: secret}, codes.Unavailable, client.ReasonDataFault, true, true, true},
		{fmt.Errorf("%w: %s", store.ErrFailed, secret), codes.Unavailable, client.ReasonDataFault, true, true, true},
		{consensus.ErrHung, codes.Unavailable, client.ReasonNodeFault, true, true, true},
		{consensus.ErrStateLost, codes.Unavailable, client.ReasonNodeFault, true, true, true},
		{errors.New("open " + secret), codes.Unavailable, client.ReasonNodeFault, true, true, true},
	}
	for _, test := range tests {
		for _, write := range []bool{false, true} {
			f, logged := worldly(fmt.Errorf("somewhere: %w", test.err), write)
			s := status.Convert(f)
			info, _, retry := details(t, s)
			if s.Code() != test.code || info.Reason != string(test.reason) || retry != test.retry || logged != test.logged {
				t.Errorf("%v: %v %s, retry %v, logged %v", test.err, s.Code(), info.Reason, retry, logged)
			}
			unknown := info.Metadata[client.MetadataOutcome] == client.OutcomeValueUnknown
			if want := test.unknownOnWrite && (write || errors.Is(test.err, consensus.ErrOutcomeUnknown)); unknown != want {
				t.Errorf("%v, write %v: outcome unknown is %v, want %v", test.err, write, unknown, want)
			}
			if strings.Contains(s.String(), "srv") {
				t.Errorf("%v: the answer shows a path: %v", test.err, s)
			}
		}
	}
	f, _ := worldly(&consensus.NotLeaderError{Leader: "mumbai"}, true)
	if info, _, _ := details(t, status.Convert(f)); info.Metadata[client.MetadataLeader] != "mumbai" {
		t.Errorf("no leader hint in %v", info)
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ text, want string }{
		{"plain é 钻", "plain é 钻"},
		{"line\nbreak\x1b[31m\x00\u202e", "line?break?[31m??"},
		{"bad \xff utf8", "bad ? utf8"},
		{strings.Repeat("钻", 20), strings.Repeat("钻", 9) + "..."},
		{strings.Repeat("x", 32), strings.Repeat("x", 32)},
		{strings.Repeat("x", 33), strings.Repeat("x", 29) + "..."},
	}
	for _, test := range tests {
		if got := printable(test.text, 32); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}
