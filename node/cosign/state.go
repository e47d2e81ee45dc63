package cosign

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Reasons why a node states nothing. They travel in google.rpc.ErrorInfo between
// nodes and to clients.
const (
	// NotFinal: the ledger has no final checkpoint of that size yet, or the node
	// does not have it.
	NotFinal = "NOT_FINAL"
	// MovedOn: a larger size is final already; ask again.
	MovedOn = "MOVED_ON"
	// ItemMoved: an event on the item is recorded and not final yet.
	ItemMoved = "ITEM_MOVED"
	// NotFound: there is no such item at that size.
	NotFound = "NOT_FOUND"
	// Recorded: the event is in the ledger at that size, or will be at the next.
	Recorded = "RECORDED"
	// TooEarly: the time of the last final checkpoint is not past the one asked for.
	TooEarly = "TOO_EARLY"
	// NoQuorum: too few nodes stated the same at one size.
	NoQuorum = "NO_QUORUM"
)

const (
	// statePatience is how long a node waits for a final size that it does not
	// have yet.
	statePatience = 2 * time.Second
	// stateHedge is how long the nodes that were asked for a statement have, before
	// one more is asked.
	stateHedge = 200 * time.Millisecond
	// stateTries is how often statements are gathered anew when the ledger moves on.
	stateTries  = 4
	errorDomain = "custodyledger"
)

// unstated is the error of a statement that is not made: FAILED_PRECONDITION,
// NOT_FOUND or UNAVAILABLE with a reason.
func unstated(code codes.Code, reason, format string, args ...any) error {
	s := status.Newf(code, format, args...)
	if detailed, err := s.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain}); err == nil {
		s = detailed
	}
	return s.Err()
}

// ReasonOf gives the reason of an error of State, Statements or Absence, or "".
func ReasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return info.Reason
		}
	}
	return ""
}

// State answers another node: what this one states, with its signature, at the
// last final size, which must be the one that is asked for. It waits a moment
// for a size that it does not have yet. The error is a gRPC status; ReasonOf
// gives its reason.
func (s *Cosigner) State(ctx context.Context, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, statePatience)
	defer cancel()
	if err := s.awaitFinal(ctx, request.Size); err != nil {
		return nil, err
	}
	payload, payloadType, _, err := s.state(request)
	if err != nil {
		return nil, err
	}
	keys, err := s.signer()
	if err != nil {
		return nil, unstated(codes.FailedPrecondition, NotSigning, "%v", err)
	}
	return &custodyv1.StateResponse{Payload: payload, Signature: keys.statement.Sign(sign.PAE(payloadType, payload))}, nil
}

// awaitFinal returns when this node has a final checkpoint of at least size.
func (s *Cosigner) awaitFinal(ctx context.Context, size uint64) error {
	for {
		if err := s.ledger.Live(); err != nil {
			return unstated(codes.Unavailable, CatchingUp, "%v", err)
		}
		final, _, err := s.final()
		switch {
		case err != nil:
			return err
		case final != nil && final.Size >= size:
			return nil
		}
		select {
		case <-time.After(leadPoll):
		case <-ctx.Done():
			return unstated(codes.FailedPrecondition, NotFinal, "this node has no final checkpoint of size %d", size)
		}
	}
}

// state makes the payload that every node signs alike, and gives the note of the
// final checkpoint that it is of.
func (s *Cosigner) state(request *custodyv1.StateRequest) (payload []byte, payloadType string, final store.Final, err error) {
	snapshot := s.config.Snapshot()
	defer snapshot.Close()
	final, ok := snapshot.Final()
	switch {
	case snapshot.Err() != nil:
		return nil, "", final, snapshot.Err()
	case !ok || final.Size < request.Size:
		return nil, "", final, unstated(codes.FailedPrecondition, NotFinal, "this node has no final checkpoint of size %d", request.Size)
	case final.Size > request.Size:
		return nil, "", final, unstated(codes.Aborted, MovedOn, "size %d is final already", final.Size)
	}
	raw, err := snapshot.Entry(final.Size - 1)
	if err != nil {
		return nil, "", final, err
	}
	last, err := ledger.DecodeEntry(raw)
	if err != nil {
		return nil, "", final, err
	}
	switch of := request.Of.(type) {
	case *custodyv1.StateRequest_Item:
		if len(of.Item) != len(ledger.ItemID{}) {
			return nil, "", final, status.Error(codes.InvalidArgument, "item: not an item id")
		}
		statement, err := s.statement(snapshot, ledger.ItemID(of.Item), final.Checkpoint, last.RecordedAt)
		return statement, sign.StatementPayloadType, final, err
	case *custodyv1.StateRequest_AbsentEvent:
		if len(of.AbsentEvent) != len(ledger.EventID{}) {
			return nil, "", final, status.Error(codes.InvalidArgument, "absent_event: not an event id")
		}
		absence, err := s.absence(snapshot, ledger.EventID(of.AbsentEvent), final.Checkpoint, last.RecordedAt)
		return absence, sign.AbsencePayloadType, final, err
	}
	return nil, "", final, status.Error(codes.InvalidArgument, "neither an item nor an event is named")
}

func (s *Cosigner) statement(snapshot *store.Snapshot, id ledger.ItemID, final checkpoint.Checkpoint, at uint64) ([]byte, error) {
	item, ok := snapshot.Item(id)
	switch {
	case snapshot.Err() != nil:
		return nil, snapshot.Err()
	case !ok || item.Registered >= final.Size:
		return nil, unstated(codes.NotFound, NotFound, "there is no such item at size %d", final.Size)
	case item.LastIndex >= final.Size:
		return nil, unstated(codes.Aborted, ItemMoved, "entry %d on the item is not final yet; the last final size is %d", item.LastIndex, final.Size)
	}
	matter, ok := snapshot.Matter(id)
	if !ok {
		return nil, cmp.Or(snapshot.Err(), fmt.Errorf("item %s has no matter", id))
	}
	contested, err := contested(snapshot, item, final.Size)
	if err != nil {
		return nil, err
	}
	return item.Statement(s.config.LedgerID, matter, contested, final, at).Payload(), nil
}

// contested tells whether another item claims one of the same outside ids. Items
// that were made at or after size do not count; one below it that ended since
// counts no more.
func contested(snapshot *store.Snapshot, item rules.Item, size uint64) (bool, error) {
	if item.Status != rules.Live {
		return false, nil
	}
	ids, err := snapshot.OutsideIDs(item.ID)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		claims, err := snapshot.OutsideClaims(id, ledger.ItemID{}, store.PageMax)
		if err != nil {
			return false, err
		}
		for _, claim := range claims {
			if other, ok := snapshot.Item(claim); ok && claim != item.ID && other.Registered < size {
				return true, nil
			}
		}
	}
	return false, snapshot.Err()
}

func (s *Cosigner) absence(snapshot *store.Snapshot, id ledger.EventID, final checkpoint.Checkpoint, at uint64) ([]byte, error) {
	index, ok := snapshot.EventIndex(id)
	switch {
	case snapshot.Err() != nil:
		return nil, snapshot.Err()
	case ok:
		return nil, unstated(codes.FailedPrecondition, Recorded, "the event is entry %d", index)
	}
	return ledger.Absence{Ledger: s.config.LedgerID, Event: id, Size: final.Size, Root: final.Root, At: at}.Payload(), nil
}

// Statements gathers what as many associations as the policy asks for state
// about an item at a final size of at least size, which it waits for until ctx
// ends. The error is that of ctx, of a read, or a gRPC status; ReasonOf gives
// its reason.
func (s *Cosigner) Statements(ctx context.Context, size uint64, item ledger.ItemID) (*custodyv1.FinalStatement, error) {
	return s.gather(ctx, size, 0, &custodyv1.StateRequest{Of: &custodyv1.StateRequest_Item{Item: item[:]}}, sign.StatementPayloadType)
}

// Absence gathers what as many associations as the policy asks for state: that
// an event is not in the ledger of a final size whose last entry was recorded
// after the given unix milliseconds. It does not wait for such a one. Errors are
// as those of Statements.
func (s *Cosigner) Absence(ctx context.Context, event ledger.EventID, after uint64) (*custodyv1.FinalStatement, error) {
	return s.gather(ctx, 1, after, &custodyv1.StateRequest{Of: &custodyv1.StateRequest_AbsentEvent{AbsentEvent: event[:]}}, sign.AbsencePayloadType)
}

func (s *Cosigner) gather(ctx context.Context, least, after uint64, request *custodyv1.StateRequest, payloadType string) (statement *custodyv1.FinalStatement, err error) {
	for range stateTries {
		if err = s.awaitFinal(ctx, least); err != nil {
			return nil, err
		}
		final, _, finalErr := s.final()
		if finalErr != nil {
			return nil, finalErr
		}
		// A question of an earlier try may still be on its way to a node.
		statement, err = s.gatherOnce(ctx, after, &custodyv1.StateRequest{Size: final.Size, Of: request.Of}, payloadType)
		switch ReasonOf(err) {
		case MovedOn, NoQuorum:
		case ItemMoved:
			least = final.Size + 1
		default:
			return statement, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

func (s *Cosigner) gatherOnce(ctx context.Context, after uint64, request *custodyv1.StateRequest, payloadType string) (*custodyv1.FinalStatement, error) {
	payload, _, final, err := s.state(request)
	if err != nil {
		return nil, err
	}
	if absence, err := ledger.ParseAbsence(payload); payloadType == sign.AbsencePayloadType && (err != nil || absence.At <= after) {
		return nil, unstated(codes.FailedPrecondition, TooEarly, "the last final checkpoint is of time %d, not past %d", absence.At, after)
	}
	policy, err := s.ledger.Policy()
	if err != nil {
		return nil, err
	}
	signatures := s.collect(ctx, policy, request, payload, payloadType)
	if len(signatures) < int(policy.Quorum) {
		return nil, unstated(codes.Unavailable, NoQuorum, "%d of %d nodes stated the same at size %d", len(signatures), policy.Quorum, request.Size)
	}
	return &custodyv1.FinalStatement{Note: final.Note, Payload: payload, Signatures: signatures}, nil
}

// collect gives the signatures of a quorum under a payload, this node's first; fewer if
// all nodes were asked and too few gave one.
func (s *Cosigner) collect(ctx context.Context, policy ledger.Policy, request *custodyv1.StateRequest, payload []byte, payloadType string) (signatures []*custodyv1.NodeSignature) {
	if keys, err := s.config.Keys.under(policy, s.node); err == nil {
		signatures = append(signatures, &custodyv1.NodeSignature{NodeId: s.node, Signature: keys.statement.Sign(sign.PAE(payloadType, payload))})
	}
	ctx, cancel := context.WithTimeout(ctx, statePatience+time.Second)
	defer cancel()
	others := s.askOrder(policy)
	answers := make(chan *custodyv1.NodeSignature, len(others))
	waiting := 0
	ask := func() {
		n := others[0]
		others = others[1:]
		waiting++
		go func() { answers <- s.askState(ctx, n, request, payload, payloadType) }()
	}
	hedge := time.NewTimer(stateHedge)
	defer hedge.Stop()
	for len(signatures) < int(policy.Quorum) {
		for len(others) > 0 && len(signatures)+waiting < int(policy.Quorum) {
			ask()
		}
		if waiting == 0 {
			break
		}
		select {
		case signature := <-answers:
			waiting--
			if signature != nil {
				signatures = append(signatures, signature)
			}
		case <-hedge.C:
			s.slow.Add(1)
			if len(others) > 0 {
				ask()
				hedge.Reset(stateHedge)
			}
		}
	}
	return signatures
}

// askOrder gives the other nodes, the one first that is asked first: the next of the
// policy, until one is slow. No more are asked than the quorum needs, because each
// statement costs a signature and two verifications.
func (s *Cosigner) askOrder(policy ledger.Policy) []ledger.PolicyNode {
	others := s.others(policy)
	if len(others) == 0 {
		return nil
	}
	own := slices.IndexFunc(policy.Nodes, func(n ledger.PolicyNode) bool { return n.ID == s.node })
	first := (max(own, 0) + int(s.slow.Load())) % len(others)
	return slices.Concat(others[first:], others[:first])
}

// askState gives a node's signature over the payload, nil unless it holds.
func (s *Cosigner) askState(ctx context.Context, n ledger.PolicyNode, request *custodyv1.StateRequest, payload []byte, payloadType string) *custodyv1.NodeSignature {
	response, err := s.peers.State(ctx, n.ID, request)
	if err == nil && string(response.Payload) != string(payload) {
		s.logger.Warn("a node states something else than this one", "node", n.ID, "size", request.Size)
		return nil
	}
	if err == nil {
		err = s.verifier.Verify(n.Statement, sign.PAE(payloadType, payload), response.Signature)
	}
	if err != nil {
		s.logger.Debug("no statement", "node", n.ID, "error", err)
		return nil
	}
	return &custodyv1.NodeSignature{NodeId: n.ID, Signature: response.Signature}
}
