package client

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Write is an event on its way to the ledger, with the openings that the nodes
// shall keep beside its entry.
type Write struct {
	Event    ledger.SignedEvent
	Openings []ledger.Opening
}

func (w Write) request() *custodyv1.AppendRequest {
	request := &custodyv1.AppendRequest{Event: &custodyv1.SignedEvent{Event: w.Event.Event, Signatures: w.Event.Signatures}}
	for _, o := range w.Openings {
		request.Openings = append(request.Openings, &custodyv1.Opening{Field: o.Field, Salt: o.Salt[:], Value: o.Value})
	}
	return request
}

// Append records one event. On return without an error a majority of the nodes
// has it on disk, and the node that answered has applied it. Errors: *Refused,
// *Unreachable, *OutcomeUnknown, *Tampered.
//
// An outcome that is unknown is settled by sending the same event again, until
// ctx or Config.Patience ends. Calling Append again is always safe.
func (c *Client) Append(ctx context.Context, event ledger.SignedEvent, openings ...ledger.Opening) (ledger.Receipt, error) {
	write := Write{Event: event, Openings: openings}
	receipts, err := c.append(ctx, []Write{write}, func(ctx context.Context, n *node) ([]*custodyv1.Receipt, error) {
		response, err := n.ledger.Append(ctx, write.request())
		return []*custodyv1.Receipt{response.GetReceipt()}, err
	})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipts[0], nil
}

// AppendGroup records all events of one group in their order, or none. Errors
// and safety are those of Append; Refused.Event says which event is at fault.
func (c *Client) AppendGroup(ctx context.Context, writes []Write) ([]ledger.Receipt, error) {
	request := &custodyv1.AppendGroupRequest{}
	for _, w := range writes {
		request.Events = append(request.Events, w.request())
	}
	return c.append(ctx, writes, func(ctx context.Context, n *node) ([]*custodyv1.Receipt, error) {
		response, err := n.ledger.AppendGroup(ctx, request)
		return response.GetReceipts(), err
	})
}

func (c *Client) append(ctx context.Context, writes []Write, call func(context.Context, *node) ([]*custodyv1.Receipt, error)) ([]ledger.Receipt, error) {
	if len(writes) == 0 {
		return nil, errors.New("no event to send")
	}
	bytes := 0
	for _, w := range writes {
		bytes += proto.Size(w.request()) + sequenceBytesMax
	}
	if bytes > RequestBytesMax {
		return nil, tooLarge(bytes)
	}
	var receipts []ledger.Receipt
	trial, err := c.with(ctx, true, func(ctx context.Context, n *node) error {
		messages, err := call(ctx, n)
		if err != nil {
			return err
		}
		receipts, err = checkReceipts(n, writes, messages)
		return err
	})
	if err == nil {
		return receipts, nil
	}
	event := writes[0].Event.ID()
	var refused *Refused
	if errors.As(err, &refused) && refused.EarlierSendUnknown && len(writes) == 1 {
		if receipt, found := c.recordedAfterAll(ctx, event); found {
			return []ledger.Receipt{receipt}, nil
		}
	}
	return nil, trial.settle(event, err)
}

// recordedAfterAll looks once more for an event that was refused after a send
// without an answer.
func (c *Client) recordedAfterAll(ctx context.Context, event ledger.EventID) (ledger.Receipt, bool) {
	receipt, _, err := c.Receipt(ctx, event, Linearizable)
	if err != nil || receipt == nil {
		return ledger.Receipt{}, false
	}
	return *receipt, true
}

// tooLarge is what a node would say of a request that it does not even read.
func tooLarge(bytes int) *Refused {
	return &Refused{
		Reason:  ledger.TooLarge,
		Message: fmt.Sprintf("the request has %d bytes, nodes take at most %d; send fewer or smaller events", bytes, RequestBytesMax),
		Code:    codes.ResourceExhausted,
	}
}

// Receipt looks for an event by its id; nil when it is not recorded at the size
// of the answer. Once the ledger time of the answer is past the event's
// not_after, it never will be.
func (c *Client) Receipt(ctx context.Context, event ledger.EventID, consistency Consistency) (*ledger.Receipt, ReadAt, error) {
	var receipt *ledger.Receipt
	var at ReadAt
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) error {
		response, err := n.ledger.GetReceipt(ctx, &custodyv1.GetReceiptRequest{EventId: event[:], Consistency: consistency.message()})
		if err != nil {
			return err
		}
		at, receipt = readAt(response.ReadAt), nil
		if response.Receipt == nil {
			return nil
		}
		checked, err := checkReceipt(n, event, response.Receipt)
		receipt = &checked
		return err
	})
	if err != nil {
		return nil, ReadAt{}, err
	}
	return receipt, at, nil
}

func checkReceipts(n *node, writes []Write, messages []*custodyv1.Receipt) ([]ledger.Receipt, error) {
	if len(messages) != len(writes) {
		return nil, &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("%d receipts for %d events", len(messages), len(writes))}
	}
	receipts := make([]ledger.Receipt, 0, len(writes))
	for i, message := range messages {
		receipt, err := checkReceipt(n, writes[i].Event.ID(), message)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, receipt)
	}
	return receipts, nil
}

// checkReceipt reads a receipt and demands that it is one for the event.
func checkReceipt(n *node, event ledger.EventID, message *custodyv1.Receipt) (ledger.Receipt, error) {
	tampered := &Tampered{Node: n.address, Index: message.GetIndex()}
	switch {
	case message == nil:
		tampered.Index, tampered.What = ledger.NoLink, "it has no receipt"
		return ledger.Receipt{}, tampered
	case string(message.EventId) != string(event[:]):
		tampered.What = fmt.Sprintf("the receipt is for event %.64x, asked was %s", message.EventId, event)
		return ledger.Receipt{}, tampered
	case len(message.LeafHash) != merkle.HashSize:
		tampered.What = fmt.Sprintf("the receipt's leaf hash has %d bytes", len(message.LeafHash))
		return ledger.Receipt{}, tampered
	case message.Index == 0:
		tampered.What = "the receipt puts an event in the place of the genesis"
		return ledger.Receipt{}, tampered
	}
	return ledger.Receipt{
		Event:      event,
		Index:      message.Index,
		RecordedAt: message.RecordedAtMs,
		Leaf:       merkle.Hash(message.LeafHash),
		Duplicate:  message.Duplicate,
	}, nil
}
