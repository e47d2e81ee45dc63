package client

import (
	"context"
	"fmt"
	"iter"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Consistency says how fresh an answer must be.
type Consistency struct {
	atLeast uint64
	stale   bool
}

var (
	// Linearizable sees every write that was answered before the read began.
	Linearizable = Consistency{}
	// Stale takes whatever the answering node has applied.
	Stale = Consistency{stale: true}
)

// AtLeastSize sees the first size entries; with a receipt's Index+1 it reads
// one's own write at any node. Size 0 is Linearizable.
func AtLeastSize(size uint64) Consistency { return Consistency{atLeast: size} }

func (c Consistency) message() *custodyv1.Consistency {
	switch {
	case c.stale:
		return &custodyv1.Consistency{Level: &custodyv1.Consistency_Stale{Stale: true}}
	case c.atLeast > 0:
		return &custodyv1.Consistency{Level: &custodyv1.Consistency_AtLeastSize{AtLeastSize: c.atLeast}}
	}
	return nil
}

// ReadAt says at which ledger size an answer was read.
type ReadAt struct {
	Size       uint64
	LedgerTime uint64 // recorded time of the last entry, unix milliseconds
	// FinalSize is the size of the last final checkpoint that the node says it
	// has. What is above it rests on the node's word alone.
	FinalSize uint64
}

func readAt(message *custodyv1.ReadAt) ReadAt {
	return ReadAt{Size: message.GetSize(), LedgerTime: message.GetLedgerTimeMs(), FinalSize: message.GetFinalSize()}
}

// GetItem gives an item's state. *Refused with ReasonNotFound: no such item.
func (c *Client) GetItem(ctx context.Context, item ledger.ItemID, consistency Consistency) (*custodyv1.GetItemResponse, error) {
	var response *custodyv1.GetItemResponse
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
		response, err = n.ledger.GetItem(ctx, &custodyv1.GetItemRequest{Item: item[:], Consistency: consistency.message()})
		if err != nil {
			return err
		}
		if string(response.Item.GetItem()) != string(item[:]) {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("item %.40x, asked was %x", response.Item.GetItem(), item)}
		}
		return checkItemView(n, response.Item)
	})
	return keep(response, err)
}

// GetParty gives a party's state. *Refused with ReasonNotFound: no such party.
func (c *Client) GetParty(ctx context.Context, party ledger.PartyID, consistency Consistency) (*custodyv1.GetPartyResponse, error) {
	var response *custodyv1.GetPartyResponse
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
		response, err = n.ledger.GetParty(ctx, &custodyv1.GetPartyRequest{Party: party[:], Consistency: consistency.message()})
		if err == nil && string(response.Party.GetParty()) != string(party[:]) {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("party %.40x, asked was %x", response.Party.GetParty(), party)}
		}
		return err
	})
	return keep(response, err)
}

// Status asks the first node that answers to describe itself.
func (c *Client) Status(ctx context.Context) (*custodyv1.GetStatusResponse, error) {
	var response *custodyv1.GetStatusResponse
	_, err := c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
		response, err = n.ledger.GetStatus(ctx, &custodyv1.GetStatusRequest{})
		if err == nil && string(response.LedgerId) != string(c.id[:]) {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("it serves ledger %.64x, the genesis is of ledger %s", response.LedgerId, c.id)}
		}
		return err
	})
	return keep(response, err)
}

func keep[T any](response *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return response, nil
}

// checkItemView demands what a reader of the view relies on.
func checkItemView(n *node, view *custodyv1.ItemView) error {
	switch {
	case len(view.GetItem()) != len(ledger.ItemID{}):
		return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("an item id of %d bytes", len(view.GetItem()))}
	case len(view.Prev) != len(ledger.EventID{}):
		return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("a last event's id of %d bytes", len(view.Prev))}
	}
	for _, offer := range view.OpenOffers {
		if len(offer.EventId) != len(ledger.EventID{}) {
			return &Tampered{Node: n.address, Index: ledger.NoLink, What: fmt.Sprintf("an offer's id of %d bytes", len(offer.EventId))}
		}
	}
	return nil
}

// ItemQuery says which items to list: those of exactly one of its fields.
type ItemQuery struct {
	Holder     *ledger.PartyID
	Owner      *ledger.PartyID
	Registrant *ledger.PartyID
	OutsideID  *custodyv1.OutsideId
}

func (q ItemQuery) request() *custodyv1.ListItemsRequest {
	request := &custodyv1.ListItemsRequest{}
	switch {
	case q.Holder != nil:
		request.By = &custodyv1.ListItemsRequest_Holder{Holder: q.Holder[:]}
	case q.Owner != nil:
		request.By = &custodyv1.ListItemsRequest_Owner{Owner: q.Owner[:]}
	case q.Registrant != nil:
		request.By = &custodyv1.ListItemsRequest_Registrant{Registrant: q.Registrant[:]}
	case q.OutsideID != nil:
		request.By = &custodyv1.ListItemsRequest_OutsideId{OutsideId: q.OutsideID}
	}
	return request
}

// ListItems gives the live items of a query in ascending order of their ids,
// page by page. An item that stands in the answer throughout the listing is
// given exactly once; one that comes or goes meanwhile may or may not be. The
// last pair has an error if the listing could not be finished.
func (c *Client) ListItems(ctx context.Context, query ItemQuery, consistency Consistency) iter.Seq2[*custodyv1.ItemView, error] {
	return func(yield func(*custodyv1.ItemView, error) bool) {
		request := query.request()
		request.PageSize = pageSize
		request.Consistency = consistency.message()
		for {
			var response *custodyv1.ListItemsResponse
			_, err := c.with(ctx, false, func(ctx context.Context, n *node) (err error) {
				if response, err = n.ledger.ListItems(ctx, request); err != nil {
					return err
				}
				for _, view := range response.Items {
					if err := checkItemView(n, view); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, view := range response.Items {
				if !yield(view, nil) {
					return
				}
			}
			if len(response.NextPageToken) == 0 {
				return
			}
			request.PageToken = response.NextPageToken
			request.Consistency = AtLeastSize(response.ReadAt.GetSize()).message()
		}
	}
}

// pageSize is what a listing asks for at once.
const pageSize = 500
