package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// with runs a read on one snapshot and lets go of it. A view whose read failed
// gives no answer.
func (s *ledgerService) with(ctx context.Context, consistency *custodyv1.Consistency, use func(*store.Snapshot) error) error {
	snapshot, err := reader{s.backend}.read(ctx, consistency)
	if err != nil {
		return err
	}
	err = use(snapshot)
	if broken := snapshot.Err(); broken != nil {
		err = broken
	}
	if closing := snapshot.Close(); err == nil {
		err = closing
	}
	return err
}

// GetReceipt finds an event by its id, and proves it once it is final.
func (s *ledgerService) GetReceipt(ctx context.Context, request *custodyv1.GetReceiptRequest) (*custodyv1.GetReceiptResponse, error) {
	if f := fixed(request.EventId, len(ledger.EventID{}), "event_id", "an event id"); f != nil {
		return nil, f
	}
	response := &custodyv1.GetReceiptResponse{}
	err := s.with(ctx, request.Consistency, func(snapshot *store.Snapshot) error {
		response.ReadAt = s.readAt(snapshot)
		receipt, ok, err := snapshot.Receipt(ledger.EventID(request.EventId))
		if err != nil {
			return err
		}
		if !ok {
			response.Status = custodyv1.ReceiptStatus_RECEIPT_STATUS_UNKNOWN
			// No later entry has an earlier time.
			if request.NotAfterMs != 0 && snapshot.Head().RecordedAt > request.NotAfterMs {
				response.Status = custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED
			}
			return nil
		}
		response.Receipt, response.Status = receiptMessage(receipt), custodyv1.ReceiptStatus_RECEIPT_STATUS_COMMITTED
		proofs, err := receiptProofs(snapshot, []*custodyv1.Receipt{response.Receipt})
		if len(proofs) == 1 {
			response.Proof, response.Status = proofs[0], custodyv1.ReceiptStatus_RECEIPT_STATUS_FINAL
		}
		return err
	})
	return answer(response, err)
}

// GetItem gives an item's state and registration.
func (s *ledgerService) GetItem(ctx context.Context, request *custodyv1.GetItemRequest) (*custodyv1.GetItemResponse, error) {
	if f := fixed(request.Item, len(ledger.ItemID{}), "item", "an item id"); f != nil {
		return nil, f
	}
	if request.Consistency.GetFinal() {
		return s.finalItem(ctx, ledger.ItemID(request.Item))
	}
	response := &custodyv1.GetItemResponse{}
	err := s.with(ctx, request.Consistency, func(snapshot *store.Snapshot) error {
		item, ok := snapshot.Item(ledger.ItemID(request.Item))
		if !ok {
			return notFound("item", "item", snapshot)
		}
		response.ReadAt = s.readAt(snapshot)
		var err error
		response.Item, err = s.itemView(snapshot, item)
		return err
	})
	return answer(response, err)
}

// ItemHistory lists the entries that name an item. A page token holds the next
// index, so that entries which came meanwhile follow at the end and none is
// given twice or left out.
func (s *ledgerService) ItemHistory(ctx context.Context, request *custodyv1.ItemHistoryRequest) (*custodyv1.ItemHistoryResponse, error) {
	if f := fixed(request.Item, len(ledger.ItemID{}), "item", "an item id"); f != nil {
		return nil, f
	}
	size, f := pageSize(request.PageSize)
	if f != nil {
		return nil, f
	}
	query := newQuery(s.config.Ledger, []byte("history"), request.Item)
	position, f := query.position(request.PageToken, 8)
	if f != nil {
		return nil, f
	}
	item := ledger.ItemID(request.Item)
	response := &custodyv1.ItemHistoryResponse{}
	err := s.with(ctx, request.Consistency, func(snapshot *store.Snapshot) error {
		if _, ok := snapshot.Item(item); !ok {
			return notFound("item", "item", snapshot)
		}
		response.ReadAt = s.readAt(snapshot)
		bytes := 0
		return snapshot.ItemEntries(item, indexOf(position), func(index uint64, entry []byte) (bool, error) {
			if len(response.Entries) == size || bytes >= PageBytesMax {
				response.NextPageToken = query.token(indexPosition(index))
				return false, nil
			}
			bytes += len(entry)
			response.Entries = append(response.Entries, &custodyv1.RawEntry{Index: index, Entry: entry})
			return true, nil
		})
	})
	return answer(response, err)
}

// ListItems lists live items in the order of their ids. A page token holds the
// last id given, so that an item which is in the answer throughout is given
// exactly once, whatever comes and goes between the pages.
func (s *ledgerService) ListItems(ctx context.Context, request *custodyv1.ListItemsRequest) (*custodyv1.ListItemsResponse, error) {
	size, f := pageSize(request.PageSize)
	if f != nil {
		return nil, f
	}
	list, question, f := listing(request)
	if f != nil {
		return nil, f
	}
	query := newQuery(s.config.Ledger, question...)
	position, f := query.position(request.PageToken, len(ledger.ItemID{}))
	if f != nil {
		return nil, f
	}
	var after ledger.ItemID
	copy(after[:], position)
	response := &custodyv1.ListItemsResponse{}
	err := s.with(ctx, request.Consistency, func(snapshot *store.Snapshot) error {
		response.ReadAt = s.readAt(snapshot)
		ids, err := list(snapshot, after, size+1)
		if err != nil {
			return err
		}
		bytes := 0
		for i, id := range ids {
			if i == size || bytes >= PageBytesMax {
				response.NextPageToken = query.token(ids[i-1][:])
				break
			}
			item, ok := snapshot.Item(id)
			if !ok || item.Status != rules.Live {
				continue // the index of registrants keeps voided ones
			}
			view, err := s.itemView(snapshot, item)
			if err != nil {
				return err
			}
			bytes += proto.Size(view)
			response.Items = append(response.Items, view)
		}
		return nil
	})
	return answer(response, err)
}

type lister func(snapshot *store.Snapshot, after ledger.ItemID, limit int) ([]ledger.ItemID, error)

// listing reads what a listing is about, and the question that its page tokens
// are bound to.
func listing(request *custodyv1.ListItemsRequest) (lister, [][]byte, *fault) {
	byParty := func(by store.By, field string, party []byte) (lister, [][]byte, *fault) {
		if f := fixed(party, len(ledger.PartyID{}), field, "a party id"); f != nil {
			return nil, nil, f
		}
		return func(snapshot *store.Snapshot, after ledger.ItemID, limit int) ([]ledger.ItemID, error) {
			return snapshot.Items(by, ledger.PartyID(party), after, limit)
		}, [][]byte{[]byte(field), party}, nil
	}
	switch by := request.By.(type) {
	case *custodyv1.ListItemsRequest_Holder:
		return byParty(store.ByHolder, "holder", by.Holder)
	case *custodyv1.ListItemsRequest_Owner:
		return byParty(store.ByOwner, "owner", by.Owner)
	case *custodyv1.ListItemsRequest_Registrant:
		return byParty(store.ByRegistrant, "registrant", by.Registrant)
	case *custodyv1.ListItemsRequest_OutsideId:
		return byOutsideID(by.OutsideId)
	}
	return nil, nil, invalid(ledger.MissingField, "holder", "name one of holder, owner, registrant and outside_id")
}

func byOutsideID(id *custodyv1.OutsideId) (lister, [][]byte, *fault) {
	switch {
	case id.GetKind() == 0 || custodyv1.OutsideIdKind_name[int32(id.GetKind())] == "":
		return nil, nil, invalid(client.ReasonInvalidArgument, "outside_id.kind", "not a kind of outside id, such as a laboratory report or an inscription")
	case len(id.Number) == 0 || len(id.Number) > ledger.StringBytesMax:
		return nil, nil, invalid(client.ReasonInvalidArgument, "outside_id.number", "a number has 1 to 64 bytes")
	case len(id.Issuer) > ledger.StringBytesMax:
		return nil, nil, invalid(client.ReasonInvalidArgument, "outside_id.issuer", "an issuer has at most 64 bytes")
	}
	claimed := rules.OutsideID{Kind: id.Kind, Issuer: id.Issuer, Number: id.Number}
	list := func(snapshot *store.Snapshot, after ledger.ItemID, limit int) ([]ledger.ItemID, error) {
		return snapshot.OutsideClaims(claimed, after, limit)
	}
	return list, [][]byte{[]byte("outside_id"), {byte(id.Kind)}, []byte(id.Issuer), []byte(id.Number)}, nil
}

// GetParty gives a party's state.
func (s *ledgerService) GetParty(ctx context.Context, request *custodyv1.GetPartyRequest) (*custodyv1.GetPartyResponse, error) {
	if f := fixed(request.Party, len(ledger.PartyID{}), "party", "a party id"); f != nil {
		return nil, f
	}
	response := &custodyv1.GetPartyResponse{}
	err := s.with(ctx, request.Consistency, func(snapshot *store.Snapshot) error {
		party, ok := snapshot.Party(ledger.PartyID(request.Party))
		if !ok {
			return notFound("party", "party", snapshot)
		}
		response.ReadAt = s.readAt(snapshot)
		response.Party = partyView(snapshot, party)
		return nil
	})
	return answer(response, err)
}

// GetStatus describes the node.
func (s *ledgerService) GetStatus(ctx context.Context, _ *custodyv1.GetStatusRequest) (*custodyv1.GetStatusResponse, error) {
	response := s.backend.Status()
	s.describeFinal(ctx, response)
	response.LedgerId = s.config.Ledger[:]
	response.LedgerName = s.config.Genesis.Name
	response.RulesVersion = s.config.Genesis.RulesVersion
	response.OpenReads = s.config.OpenReads
	response.SoftwareVersion = s.config.SoftwareVersion
	return response, nil
}

func answer[T any](response *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return response, nil
}
