package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
)

// codeOf gives the gRPC code of every reason of the rules. A test holds it
// complete.
var codeOf = map[ledger.Reason]codes.Code{
	ledger.Malformed:        codes.InvalidArgument,
	ledger.UnknownField:     codes.InvalidArgument,
	ledger.RepeatedField:    codes.InvalidArgument,
	ledger.NonCanonical:     codes.InvalidArgument,
	ledger.MissingField:     codes.InvalidArgument,
	ledger.InvalidField:     codes.InvalidArgument,
	ledger.UnknownEventType: codes.InvalidArgument,
	ledger.TooLarge:         codes.InvalidArgument,
	ledger.OpeningMismatch:  codes.InvalidArgument,

	ledger.WrongLedger:         codes.InvalidArgument,
	ledger.BadSignature:        codes.InvalidArgument,
	ledger.BadKey:              codes.InvalidArgument,
	ledger.UnknownKey:          codes.PermissionDenied,
	ledger.ForeignKey:          codes.PermissionDenied,
	ledger.KeyRevoked:          codes.FailedPrecondition,
	ledger.MissingScope:        codes.PermissionDenied,
	ledger.WrongSigners:        codes.InvalidArgument,
	ledger.KeyInUse:            codes.AlreadyExists,
	ledger.LastAdministerKey:   codes.FailedPrecondition,
	ledger.UnknownParty:        codes.NotFound,
	ledger.PartySuspended:      codes.FailedPrecondition,
	ledger.NotAssociation:      codes.PermissionDenied,
	ledger.NotSponsor:          codes.FailedPrecondition,
	ledger.AlreadySponsor:      codes.FailedPrecondition,
	ledger.AssociationExcluded: codes.FailedPrecondition,
	ledger.MissingLegalName:    codes.InvalidArgument,
	ledger.UnknownRevokedKey:   codes.NotFound,
	ledger.KeyRevokedAlready:   codes.FailedPrecondition,

	ledger.EventExpired:    codes.FailedPrecondition,
	ledger.NotAfterTooFar:  codes.FailedPrecondition,
	ledger.OccurredAhead:   codes.FailedPrecondition,
	ledger.OccurredBehind:  codes.FailedPrecondition,
	ledger.ExpiryInvalid:   codes.FailedPrecondition,
	ledger.MemoTermInvalid: codes.FailedPrecondition,

	ledger.UnknownItem:        codes.NotFound,
	ledger.ItemVoided:         codes.FailedPrecondition,
	ledger.StalePrev:          codes.Aborted,
	ledger.ReferenceTaken:     codes.AlreadyExists,
	ledger.MassMismatch:       codes.InvalidArgument,
	ledger.NatureMismatch:     codes.InvalidArgument,
	ledger.CountInvalid:       codes.InvalidArgument,
	ledger.DescriptionInvalid: codes.InvalidArgument,
	ledger.CountryInvalid:     codes.InvalidArgument,
	ledger.NotHolder:          codes.FailedPrecondition,
	ledger.NotOwner:           codes.FailedPrecondition,
	ledger.OwnGoods:           codes.FailedPrecondition,
	ledger.ReceiverNotOwner:   codes.FailedPrecondition,
	ledger.ReceiverNotHolder:  codes.FailedPrecondition,
	ledger.SelfTransfer:       codes.InvalidArgument,
	ledger.OfferOpen:          codes.FailedPrecondition,
	ledger.UnknownOffer:       codes.NotFound,
	ledger.NotOffered:         codes.FailedPrecondition,
	ledger.NotOfferer:         codes.FailedPrecondition,
	ledger.OfferExpired:       codes.FailedPrecondition,
	ledger.OfferDeclined:      codes.FailedPrecondition,
	ledger.GoodsLeftInvalid:   codes.FailedPrecondition,
	ledger.NotRegistrant:      codes.FailedPrecondition,
	ledger.AlreadyOffered:     codes.FailedPrecondition,
	ledger.ItemOutside:        codes.FailedPrecondition,
	ledger.ItemNotOutside:     codes.FailedPrecondition,
	ledger.NotReleaser:        codes.FailedPrecondition,

	ledger.SetInPiece:           codes.FailedPrecondition,
	ledger.ItemConsumed:         codes.FailedPrecondition,
	ledger.ItemDestroyed:        codes.FailedPrecondition,
	ledger.ItemStolen:           codes.FailedPrecondition,
	ledger.ItemLost:             codes.FailedPrecondition,
	ledger.ItemHeld:             codes.FailedPrecondition,
	ledger.ItemDisputed:         codes.FailedPrecondition,
	ledger.OnMemo:               codes.FailedPrecondition,
	ledger.ReceiverIsHolder:     codes.FailedPrecondition,
	ledger.MayNotLend:           codes.FailedPrecondition,
	ledger.PortionInvalid:       codes.FailedPrecondition,
	ledger.NotOverdue:           codes.FailedPrecondition,
	ledger.NotLent:              codes.FailedPrecondition,
	ledger.CountersignerInvalid: codes.FailedPrecondition,
	ledger.SharesInvalid:        codes.InvalidArgument,
	ledger.TitleDiffers:         codes.FailedPrecondition,
	ledger.MaterialMismatch:     codes.FailedPrecondition,
	ledger.FormInvalid:          codes.InvalidArgument,
	ledger.CompositionInvalid:   codes.InvalidArgument,
	ledger.FinenessInvalid:      codes.InvalidArgument,
	ledger.HSCodeInvalid:        codes.InvalidArgument,
	ledger.UnitMismatch:         codes.InvalidArgument,
	ledger.TreatmentInvalid:     codes.InvalidArgument,
	ledger.OutsideIDInvalid:     codes.InvalidArgument,
	ledger.ConservationViolated: codes.FailedPrecondition,
	ledger.LossTooLarge:         codes.FailedPrecondition,
	ledger.DifferenceTooLarge:   codes.FailedPrecondition,
	ledger.AllocationInvalid:    codes.FailedPrecondition,
	ledger.TooManyOrigins:       codes.FailedPrecondition,
	ledger.ProcessInvalid:       codes.InvalidArgument,
	ledger.NotPart:              codes.NotFound,
	ledger.CorrectionInvalid:    codes.InvalidArgument,
	ledger.BuiltOn:              codes.FailedPrecondition,
	ledger.PaperInvalid:         codes.InvalidArgument,
	ledger.PaperExpired:         codes.FailedPrecondition,
	ledger.PaperSpent:           codes.FailedPrecondition,
	ledger.PaperDiffers:         codes.FailedPrecondition,
	ledger.PaperMismatch:        codes.FailedPrecondition,
	ledger.ClaimTooStrong:       codes.InvalidArgument,
	ledger.NotIssuer:            codes.PermissionDenied,
	ledger.UnknownAttestation:   codes.NotFound,
	ledger.AttestationWithdrawn: codes.FailedPrecondition,
	ledger.NotAttestor:          codes.PermissionDenied,
	ledger.CertificateRequired:  codes.FailedPrecondition,
	ledger.NotConcerned:         codes.PermissionDenied,
	ledger.TooManyOpen:          codes.FailedPrecondition,
	ledger.UnknownDispute:       codes.NotFound,
	ledger.UnknownHold:          codes.NotFound,
	ledger.UnknownClaim:         codes.NotFound,
	ledger.TwoBodiesRequired:    codes.PermissionDenied,
	ledger.IncidentInvalid:      codes.FailedPrecondition,

	ledger.PolicyStale:     codes.FailedPrecondition,
	ledger.PolicyPending:   codes.FailedPrecondition,
	ledger.PolicyUnchanged: codes.FailedPrecondition,
	ledger.QuorumInvalid:   codes.InvalidArgument,
	ledger.UnknownNode:     codes.NotFound,
	ledger.NoNode:          codes.PermissionDenied,
	ledger.UnknownProposal: codes.NotFound,
	ledger.AlreadyApproved: codes.FailedPrecondition,
	ledger.HandoverInvalid: codes.FailedPrecondition,

	ledger.GroupIncomplete: codes.InvalidArgument,
	ledger.GroupMixed:      codes.FailedPrecondition,
	ledger.GroupTooLarge:   codes.InvalidArgument,
}

// refusal is the fault of an event that the rules refuse, or whose form they
// do.
func refusal(r *ledger.Rejection, event int) *fault {
	code, ok := codeOf[r.Reason]
	if !ok {
		code = codes.FailedPrecondition
	}
	return &fault{
		code:    code,
		reason:  r.Reason,
		field:   printable(r.Field, fieldBytesMax),
		message: printable(r.Message, messageBytesMax),
		event:   event,
	}
}

// How long a client should wait before it tries again.
const (
	retrySoon     = 100 * time.Millisecond // another node, or a moment
	retryElection = 300 * time.Millisecond
	retryCatchUp  = 2 * time.Second
)

// worldly is the fault behind an error that is neither the request's nor the
// rules'. write says that something may have been recorded unless the error
// says otherwise; logged is false where nobody needs to hear of it.
func worldly(err error, write bool) (f *fault, logged bool) {
	var own *fault
	if errors.As(err, &own) {
		return own, false
	}
	var notLeader *consensus.NotLeaderError
	switch {
	case errors.Is(err, consensus.ErrOutcomeUnknown):
		return &fault{
			code: codes.Unavailable, reason: client.ReasonOutcomeUnknown, unknown: true, retry: retrySoon,
			message: "the event may or may not be recorded; ask GetReceipt for its id, or send the same event again, which is always safe",
		}, false
	case errors.As(err, &notLeader):
		return &fault{
			code: codes.Unavailable, reason: client.ReasonNoLeader, retry: retryElection, leader: notLeader.Leader,
			message: "the nodes have no leader that could be asked; nothing was recorded; try again or ask another node",
		}, false
	case errors.Is(err, consensus.ErrOverloaded):
		return &fault{
			code: codes.ResourceExhausted, reason: client.ReasonOverloaded, retry: retrySoon,
			message: "the node has too many writes in flight; nothing was recorded; send fewer at a time or try again",
		}, false
	case errors.Is(err, consensus.ErrTooLarge):
		return invalid(ledger.GroupTooLarge, "group", fmt.Sprintf("the events take more than the %d bytes of one Raft entry; send them in smaller groups", consensus.CommandBytesMax)), false
	case errors.Is(err, consensus.ErrCatchingUp):
		return &fault{
			code: codes.Unavailable, reason: client.ReasonCatchingUp, retry: retryCatchUp,
			message: "the node is fetching and verifying what it missed; nothing was recorded; ask another node",
		}, false
	case errors.Is(err, consensus.ErrStopped), errors.Is(err, store.ErrClosed):
		return stopping(), false
	case errors.Is(err, context.Canceled):
		return &fault{
			code: codes.Canceled, reason: client.ReasonDeadline, unknown: write,
			message: "the call was cancelled",
		}, false
	case errors.Is(err, context.DeadlineExceeded):
		return &fault{
			code: codes.DeadlineExceeded, reason: client.ReasonDeadline, unknown: write, retry: retrySoon,
			message: "the time of the call ran out before the answer",
		}, false
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrFailed):
		return &fault{
			code: codes.Unavailable, reason: client.ReasonDataFault, unknown: write, retry: retrySoon,
			message: "this node cannot read its own data and does not guess; ask another node",
		}, true
	}
	return nodeFault(write), true
}

func stopping() *fault {
	return &fault{
		code: codes.Unavailable, reason: client.ReasonStopping, retry: retrySoon,
		message: "the node is shutting down; nothing was recorded by this call; ask another node",
	}
}

func nodeFault(write bool) *fault {
	return &fault{
		code: codes.Unavailable, reason: client.ReasonNodeFault, unknown: write, retry: retrySoon,
		message: "the node met a fault of its own, which its log describes; ask another node",
	}
}

// received is the fault behind an error of receiving a request, which grpc made.
func received(err error) *fault {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return &fault{
			code: codes.ResourceExhausted, reason: ledger.TooLarge,
			message: fmt.Sprintf("the request is larger than %d bytes; send fewer or smaller events", client.RequestBytesMax),
		}
	case codes.Canceled:
		return &fault{code: codes.Canceled, reason: client.ReasonDeadline, message: "the call was cancelled"}
	case codes.DeadlineExceeded:
		return &fault{code: codes.DeadlineExceeded, reason: client.ReasonDeadline, retry: retrySoon, message: "the time of the call ran out before the request came"}
	case codes.Unavailable:
		return &fault{code: codes.Unavailable, reason: client.ReasonDeadline, retry: retrySoon, message: "the connection ended before the request came"}
	}
	return malformed("", "the request's frame is not valid")
}
