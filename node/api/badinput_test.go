package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// rawCodec sends bytes as they are given and messages as grpc does.
type rawCodec struct{ messages encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.messages.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if b, ok := v.(*[]byte); ok {
		*b = data.Materialize()
		return nil
	}
	return c.messages.Unmarshal(data, v)
}

func (rawCodec) Name() string { return proto.Name }

// connect gives a connection that checks nothing and can send anything.
func connect(t testing.TB, server *apitest.Server, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2(proto.Name)})))
	conn, err := grpc.NewClient("passthrough:///"+server.Address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func invoke(ctx context.Context, conn *grpc.ClientConn, method string, request []byte) error {
	var answer []byte
	return conn.Invoke(ctx, method, request, &answer)
}

// problem is what an error says to a program.
type problem struct {
	code   codes.Code
	reason string
	field  string
	event  string
}

func problemOf(t testing.TB, err error) problem {
	t.Helper()
	s := status.Convert(err)
	p := problem{code: s.Code()}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			p.reason, p.event = d.Reason, d.Metadata[client.MetadataEvent]
			if o := d.Metadata[client.MetadataOutcome]; o != client.OutcomeValueNone && o != client.OutcomeValueUnknown {
				t.Errorf("%v: outcome %q", err, o)
			}
		case *errdetails.BadRequest:
			p.field = d.FieldViolations[0].Field
		}
	}
	return p
}

// answered demands a code that says something.
func answered(t testing.TB, what string, err error) problem {
	t.Helper()
	p := problemOf(t, err)
	switch {
	case p.code == codes.OK || p.code == codes.Internal || p.code == codes.Unknown:
		t.Errorf("%s: %v", what, err)
	case p.reason == "":
		t.Errorf("%s: no reason in %v", what, err)
	}
	return p
}

func marshal(t testing.TB, message protobuf.Message) []byte {
	t.Helper()
	b, err := protobuf.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func appendRequest(signed ledger.SignedEvent) *custodyv1.AppendRequest {
	return &custodyv1.AppendRequest{Event: &custodyv1.SignedEvent{Event: signed.Event, Signatures: signed.Signatures}}
}

// TestEveryFlipAndTruncation spoils a valid append in every possible single
// way: none is recorded, each gets an answer that says something.
func TestEveryFlipAndTruncation(t *testing.T) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, nil)
	conn := connect(t, server)
	dealer := w.Dealer()
	registration := w.Register(dealer)
	item := client.RegisteredItem(registration)
	w.Record(registration)
	valid := marshal(t, appendRequest(w.Signed(dealer.Void(ledger.ItemRef{Item: item, Prev: registration.ID()}, custodyv1.VoidReason_VOID_REASON_MISTAKE))))
	before, _ := w.Backend.Store.Head()

	seen := map[string]int{}
	try := func(what string, request []byte) {
		p := answered(t, what, invoke(t.Context(), conn, custodyv1.LedgerService_Append_FullMethodName, request))
		seen[p.reason]++
	}
	for length := range valid {
		try(fmt.Sprintf("the first %d bytes", length), valid[:length])
	}
	for bit := range 8 * len(valid) {
		flipped := bytes.Clone(valid)
		flipped[bit/8] ^= 1 << (bit % 8)
		try(fmt.Sprintf("bit %d flipped", bit), flipped)
	}
	for _, extra := range [][]byte{{0}, {0x0a}, {0x0a, 0x00}, {0x12, 0x00}, {0xf8, 0x07, 0x01}, valid} {
		try(fmt.Sprintf("followed by %.8x", extra), append(bytes.Clone(valid), extra...))
	}
	if after, _ := w.Backend.Store.Head(); after != before {
		t.Errorf("%d entries were recorded", after-before)
	}
	t.Logf("%d bytes: %v", len(valid), seen)
	if err := invoke(t.Context(), conn, custodyv1.LedgerService_Append_FullMethodName, valid); err != nil {
		t.Errorf("the request as it was: %v", err)
	}
}

// TestBadInput goes through the rows of the bad-input matrix that clients can
// cause.
func TestBadInput(t *testing.T) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, nil)
	conn := connect(t, server)
	ledgerService := custodyv1.NewLedgerServiceClient(conn)
	auditService := custodyv1.NewAuditServiceClient(conn)
	ctx := t.Context()

	dealer, other, stranger := w.Dealer(), w.Dealer(), w.Author(ledger.PartyID{1}, w.Key())
	registration := w.Register(dealer)
	item := client.RegisteredItem(registration)
	w.Record(registration)
	ref := ledger.ItemRef{Item: item, Prev: registration.ID()}
	offer := w.Offer(dealer, item, registration.ID(), other.Party())
	w.Record(offer)
	taken := w.Register(dealer)
	w.Record(taken)
	takenItem := client.RegisteredItem(taken)
	size, _ := w.Backend.Store.Head()

	appending := func(signed ledger.SignedEvent) error {
		_, err := ledgerService.Append(ctx, appendRequest(signed))
		return err
	}
	elsewhere, err := client.NewAuthor(client.AuthorConfig{Ledger: ledger.LedgerID{9}, Party: dealer.Party(), Key: w.Key(), Now: w.Now, Random: w.Random()})
	if err != nil {
		t.Fatal(err)
	}
	resigned := func(signed ledger.SignedEvent, change func(*custodyv1.Event), keys ...sign.PrivateKey) ledger.SignedEvent {
		t.Helper()
		var event custodyv1.Event
		if err := protobuf.Unmarshal(signed.Event, &event); err != nil {
			t.Fatal(err)
		}
		change(&event)
		return w.Signed(ledger.Sign(&event, keys...))
	}
	spoiled := func(signed ledger.SignedEvent, change func(event []byte) []byte) ledger.SignedEvent {
		return ledger.SignedEvent{Event: change(bytes.Clone(signed.Event)), Signatures: signed.Signatures}
	}
	strangersKey := w.Key()
	id20, id32 := make([]byte, 20), make([]byte, 32)

	tests := []struct {
		row  string
		err  error
		want problem
		text string // stands in the message
	}{
		{"4 unknown method", invoke(ctx, conn, "/custody.v1.LedgerService/Erase", nil), problem{code: codes.Unimplemented}, ""},
		{"4 unknown service", invoke(ctx, conn, "/custody.v1.AdminService/Erase", nil), problem{code: codes.Unimplemented}, ""},
		{"4 peer service", invoke(ctx, conn, custodyv1.PeerService_ReadIndex_FullMethodName, nil), problem{code: codes.Unimplemented}, ""},
		{"5 message over the limit", invoke(ctx, conn, custodyv1.LedgerService_Append_FullMethodName, make([]byte, client.RequestBytesMax+1)), problem{code: codes.ResourceExhausted}, fmt.Sprint(client.RequestBytesMax)},
		{"5 message at the limit", invoke(ctx, conn, custodyv1.LedgerService_Append_FullMethodName, make([]byte, client.RequestBytesMax)), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, ""},
		{"6 undecodable", invoke(ctx, conn, custodyv1.LedgerService_Append_FullMethodName, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, "byte 0"},
		{"6 undecodable, a stream", streamed(ctx, conn, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, "byte 0"},
		{"6 undecodable, audit", invoke(ctx, conn, custodyv1.AuditService_GetTreeHead_FullMethodName, []byte{0xff}), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, ""},
		{"6 undecodable, health", invoke(ctx, conn, "/grpc.health.v1.Health/Check", []byte{0xff}), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, ""},
		{"7 unknown field", invoke(ctx, conn, custodyv1.LedgerService_GetStatus_FullMethodName, []byte{0x08, 0x01}), problem{code: codes.InvalidArgument, reason: "UNKNOWN_FIELD"}, "field 1"},
		{"7 unknown field in the signed part", appending(spoiled(registration, func(b []byte) []byte { return append(b, 0x82, 0x06, 0x00) })), problem{code: codes.InvalidArgument, reason: "UNKNOWN_FIELD"}, "field 96"},
		{"7 event of another rules version", appending(spoiled(registration, func(b []byte) []byte { return append(b, 0xfa, 0x03, 0x00) })), problem{code: codes.InvalidArgument, reason: "UNKNOWN_EVENT_TYPE"}, "63"},
		{"7 field twice in the signed part", appending(spoiled(registration, func(b []byte) []byte { return append(b[:34:34], b...) })), problem{code: codes.InvalidArgument, reason: "REPEATED_FIELD", field: "ledger_id"}, ""},
		{"7 padded number", appending(spoiled(registration, func(b []byte) []byte { return append([]byte{0x8a, 0x00}, b[1:]...) })), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, ""},
		{"8 no event", invoke(ctx, conn, custodyv1.LedgerService_Append_FullMethodName, nil), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD", field: "event"}, ""},
		{"8 empty event", appending(ledger.SignedEvent{}), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD", field: "ledger_id"}, ""},
		{"8 no body", appending(w.Signed(ledger.Sign(bodiless(w, dealer), w.Key()))), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD"}, ""},
		{"9 control character", appending(w.Signed(dealer.Register(withShape("round\x07\u202e")))), problem{code: codes.InvalidArgument, reason: "INVALID_FIELD", field: "item_register.description.shape"}, `\a`},
		{"9 string too long", appending(w.Signed(dealer.Register(withShape(strings.Repeat("x", 65))))), problem{code: codes.InvalidArgument, reason: "TOO_LARGE", field: "item_register.description.shape"}, "64"},
		{"10 signature of 63 bytes", appending(ledger.SignedEvent{Event: registration.Event, Signatures: [][]byte{registration.Signatures[0][:63]}}), problem{code: codes.InvalidArgument, reason: "BAD_SIGNATURE", field: "signatures"}, "64"},
		{"10 signature with S beyond the order", appending(ledger.SignedEvent{Event: taken.Event, Signatures: [][]byte{append(bytes.Clone(taken.Signatures[0][:32]), bytes.Repeat([]byte{0xff}, 32)...)}}), problem{code: codes.InvalidArgument, reason: "BAD_SIGNATURE", field: "signatures"}, ""},
		{"10 no signature", appending(ledger.SignedEvent{Event: registration.Event}), problem{code: codes.InvalidArgument, reason: "WRONG_SIGNERS", field: "signatures"}, ""},
		{"11 signature of another event", appending(ledger.SignedEvent{Event: registration.Event, Signatures: taken.Signatures}), problem{code: codes.InvalidArgument, reason: "BAD_SIGNATURE", field: "signatures"}, ""},
		{"12 another ledger", appending(w.Signed(elsewhere.Register(apitest.Stone()))), problem{code: codes.InvalidArgument, reason: "WRONG_LEDGER", field: "ledger_id"}, w.Ledger.String()},
		{"13 a stranger's key", appending(resigned(registration, func(*custodyv1.Event) {}, strangersKey)), problem{code: codes.PermissionDenied, reason: "UNKNOWN_KEY", field: "signers"}, ""},
		{"13 a stranger", appending(w.Signed(stranger.Register(apitest.Stone()))), problem{code: codes.NotFound, reason: "UNKNOWN_PARTY", field: "party"}, ""},
		{"18 not the holder", appending(w.Offer(other, takenItem, taken.ID(), dealer.Party())), problem{code: codes.FailedPrecondition, reason: "NOT_HOLDER", field: "item"}, ""},
		{"18 unknown item", appending(w.Offer(dealer, ledger.ItemID{5}, registration.ID(), other.Party())), problem{code: codes.NotFound, reason: "UNKNOWN_ITEM", field: "item"}, ""},
		{"19 stale prev", appending(w.Signed(dealer.Void(ref, custodyv1.VoidReason_VOID_REASON_MISTAKE))), problem{code: codes.Aborted, reason: "STALE_PREV", field: "prev"}, ""},
		{"20 to oneself", appending(w.Offer(dealer, takenItem, taken.ID(), dealer.Party())), problem{code: codes.InvalidArgument, reason: "SELF_TRANSFER", field: "offer.to"}, ""},
		{"20 receiver not on the ledger", appending(w.Offer(dealer, takenItem, taken.ID(), ledger.PartyID{7})), problem{code: codes.NotFound, reason: "UNKNOWN_PARTY", field: "offer.to"}, ""},
		{"24 too many events", group(ctx, ledgerService, make([]*custodyv1.AppendRequest, ledger.GroupEventsMax+1)), problem{code: codes.InvalidArgument, reason: "TOO_LARGE", field: "events"}, "1000"},
		{"24 empty group", group(ctx, ledgerService, nil), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD"}, ""},
		{"24 no group named", group(ctx, ledgerService, []*custodyv1.AppendRequest{appendRequest(registration), appendRequest(taken)}), problem{code: codes.InvalidArgument, reason: "GROUP_INCOMPLETE", field: "group"}, ""},
		{"24 one bad of two", group(ctx, ledgerService, []*custodyv1.AppendRequest{appendRequest(registration), {}}), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD", field: "event", event: "1"}, ""},
		{"24 half a group", appending(halfAGroup(t, w, dealer)), problem{code: codes.InvalidArgument, reason: "GROUP_INCOMPLETE", field: "group.count"}, ""},
		{"25 forged token", second(ledgerService.ItemHistory(ctx, &custodyv1.ItemHistoryRequest{Item: item[:], PageToken: []byte("forged")})), problem{code: codes.InvalidArgument, reason: "PAGE_TOKEN_INVALID", field: "page_token"}, ""},
		{"25 page size", second(ledgerService.ItemHistory(ctx, &custodyv1.ItemHistoryRequest{Item: item[:], PageSize: api.PageSizeMax + 1})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "page_size"}, "1000"},
		{"25 page size of a list", second(ledgerService.ListItems(ctx, &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_Holder{Holder: id20}, PageSize: 1 << 31})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "page_size"}, ""},
		{"25 size beyond the head", second(ledgerService.GetItem(ctx, &custodyv1.GetItemRequest{Item: item[:], Consistency: atLeast(size + 1)})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "consistency.at_least_size"}, fmt.Sprint(size)},
		{"25 from past to", firstOf(auditService.Entries(ctx, &custodyv1.EntriesRequest{From: 2, To: 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from"}, ""},
		{"25 to beyond the head", firstOf(auditService.Entries(ctx, &custodyv1.EntriesRequest{To: size + 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "to"}, fmt.Sprint(size)},
		{"25 from beyond the head", firstOf(auditService.Entries(ctx, &custodyv1.EntriesRequest{From: size + 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from"}, fmt.Sprint(size)},
		{"25 largest numbers", firstOf(auditService.Entries(ctx, &custodyv1.EntriesRequest{From: ^uint64(0), To: ^uint64(0)})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "to"}, ""},
		{"25 watch beyond the head", firstOf(ledgerService.Watch(ctx, &custodyv1.WatchRequest{FromIndex: size + 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from_index"}, ""},
		{"25 watch the last number", firstOf(ledgerService.Watch(ctx, &custodyv1.WatchRequest{FromIndex: ^uint64(0)})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from_index"}, ""},
		{"26 index at the size", second(auditService.GetInclusionProof(ctx, &custodyv1.GetInclusionProofRequest{Index: size})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "index"}, fmt.Sprint(size)},
		{"26 size beyond the tree", second(auditService.GetInclusionProof(ctx, &custodyv1.GetInclusionProofRequest{Size: size + 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "size"}, fmt.Sprint(size)},
		{"26 head beyond the tree", second(auditService.GetTreeHead(ctx, &custodyv1.GetTreeHeadRequest{Size: ^uint64(0)})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "size"}, fmt.Sprint(size)},
		{"26 consistency from 0", second(auditService.GetConsistencyProof(ctx, &custodyv1.GetConsistencyProofRequest{To: 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from"}, ""},
		{"26 consistency backwards", second(auditService.GetConsistencyProof(ctx, &custodyv1.GetConsistencyProofRequest{From: 2, To: 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from"}, ""},
		{"26 consistency from beyond", second(auditService.GetConsistencyProof(ctx, &custodyv1.GetConsistencyProofRequest{From: size + 1})), problem{code: codes.OutOfRange, reason: "OUT_OF_RANGE", field: "from"}, ""},
		{"32 two requests in a unary call", twice(ctx, conn, custodyv1.LedgerService_GetStatus_FullMethodName), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, "more than one"},
		{"32 no request in a unary call", never(ctx, conn, custodyv1.LedgerService_GetStatus_FullMethodName), problem{code: codes.InvalidArgument, reason: "MALFORMED"}, "without a request"},

		{"event id of 31 bytes", second(ledgerService.GetReceipt(ctx, &custodyv1.GetReceiptRequest{EventId: id32[1:]})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "event_id"}, "31"},
		{"item id of 21 bytes", second(ledgerService.GetItem(ctx, &custodyv1.GetItemRequest{Item: id32[:21]})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "item"}, "21"},
		{"no item id", second(ledgerService.GetItem(ctx, &custodyv1.GetItemRequest{})), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD", field: "item"}, "20"},
		{"unknown item", second(ledgerService.GetItem(ctx, &custodyv1.GetItemRequest{Item: id20})), problem{code: codes.NotFound, reason: "NOT_FOUND", field: "item"}, ""},
		{"history of an unknown item", second(ledgerService.ItemHistory(ctx, &custodyv1.ItemHistoryRequest{Item: id20})), problem{code: codes.NotFound, reason: "NOT_FOUND", field: "item"}, ""},
		{"watch an unknown item", firstOf(ledgerService.Watch(ctx, &custodyv1.WatchRequest{Item: id20})), problem{code: codes.NotFound, reason: "NOT_FOUND", field: "item"}, ""},
		{"watch half an item", firstOf(ledgerService.Watch(ctx, &custodyv1.WatchRequest{Item: id20[:10]})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "item"}, ""},
		{"unknown party", second(ledgerService.GetParty(ctx, &custodyv1.GetPartyRequest{Party: id20})), problem{code: codes.NotFound, reason: "NOT_FOUND", field: "party"}, ""},
		{"party id of 0 bytes in a list", second(ledgerService.ListItems(ctx, &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_Owner{}})), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD", field: "owner"}, ""},
		{"list of nothing", second(ledgerService.ListItems(ctx, &custodyv1.ListItemsRequest{})), problem{code: codes.InvalidArgument, reason: "MISSING_FIELD", field: "holder"}, ""},
		{"list of a kind that is none", second(ledgerService.ListItems(ctx, &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_OutsideId{OutsideId: &custodyv1.OutsideId{Kind: 77, Number: "1"}}})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "outside_id.kind"}, ""},
		{"list of no number", second(ledgerService.ListItems(ctx, &custodyv1.ListItemsRequest{By: &custodyv1.ListItemsRequest_OutsideId{OutsideId: &custodyv1.OutsideId{Kind: 1}}})), problem{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", field: "outside_id.number"}, ""},
	}
	for _, test := range tests {
		if got := problemOf(t, test.err); got != test.want {
			t.Errorf("%s: %+v, want %+v: %v", test.row, got, test.want, test.err)
		}
		message := status.Convert(test.err).Message()
		if !strings.Contains(message, test.text) {
			t.Errorf("%s: %q does not say %q", test.row, message, test.text)
		}
		if strings.ContainsAny(message, "\n\x1b") || len(message) > 1024 {
			t.Errorf("%s: %q", test.row, message)
		}
	}
	if after, _ := w.Backend.Store.Head(); after != size {
		t.Errorf("%d entries were recorded", after-size)
	}
}

func second[T any](_ T, err error) error { return err }

// firstOf gives the error that a stream of answers begins with.
func firstOf[T any](stream grpc.ServerStreamingClient[T], err error) error {
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

func group(ctx context.Context, c custodyv1.LedgerServiceClient, events []*custodyv1.AppendRequest) error {
	for i, e := range events {
		if e == nil {
			events[i] = &custodyv1.AppendRequest{}
		}
	}
	_, err := c.AppendGroup(ctx, &custodyv1.AppendGroupRequest{Events: events})
	return err
}

var anyStream = &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// streamed sends bytes on AppendStream and gives how it ends.
func streamed(ctx context.Context, conn *grpc.ClientConn, request []byte) error {
	stream, err := conn.NewStream(ctx, anyStream, custodyv1.LedgerService_AppendStream_FullMethodName)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil {
		return err
	}
	var answer []byte
	return stream.RecvMsg(&answer)
}

func twice(ctx context.Context, conn *grpc.ClientConn, method string) error {
	stream, err := conn.NewStream(ctx, anyStream, method)
	if err != nil {
		return err
	}
	for range 2 {
		if err := stream.SendMsg([]byte{}); err != nil {
			return err
		}
	}
	var answer []byte
	return stream.RecvMsg(&answer)
}

func never(ctx context.Context, conn *grpc.ClientConn, method string) error {
	stream, err := conn.NewStream(ctx, anyStream, method)
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var answer []byte
	return stream.RecvMsg(&answer)
}

func atLeast(size uint64) *custodyv1.Consistency {
	return &custodyv1.Consistency{Level: &custodyv1.Consistency_AtLeastSize{AtLeastSize: size}}
}

func withShape(shape string) *custodyv1.ItemRegister {
	stone := apitest.Stone()
	stone.Description = &custodyv1.Description{Shape: shape}
	return stone
}

func bodiless(w *apitest.World, author *client.Author) *custodyv1.Event {
	party := author.Party()
	return &custodyv1.Event{LedgerId: w.Ledger[:], Party: party[:], Nonce: make([]byte, 16), OccurredAtMs: apitest.Start, NotAfterMs: apitest.Start + 1000}
}

func halfAGroup(t testing.TB, w *apitest.World, author *client.Author) ledger.SignedEvent {
	t.Helper()
	g, err := client.NewGroup(w.Random(), 2)
	if err != nil {
		t.Fatal(err)
	}
	return w.Signed(author.In(g).Register(apitest.Stone()))
}

func TestHeadersOverTheLimit(t *testing.T) {
	w := apitest.New(t)
	conn := connect(t, w.Serve(0, w.Backend, nil))
	pairs := make([]string, 0, 20_000)
	for i := range 10_000 {
		pairs = append(pairs, fmt.Sprintf("key-%d", i), "value")
	}
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs(pairs...))
	if _, err := custodyv1.NewLedgerServiceClient(conn).GetStatus(ctx, &custodyv1.GetStatusRequest{}); err == nil {
		t.Error("10,000 metadata keys were taken")
	}
	huge := connect(t, w.Serve(1, w.Backend, nil), grpc.WithAuthority(strings.Repeat("a", 32<<10)))
	if _, err := custodyv1.NewLedgerServiceClient(huge).GetStatus(t.Context(), &custodyv1.GetStatusRequest{}); err == nil {
		t.Error("an :authority of 32 KiB was taken")
	}
	if _, err := custodyv1.NewLedgerServiceClient(conn).GetStatus(t.Context(), &custodyv1.GetStatusRequest{}); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestDeadlineIsCapped(t *testing.T) {
	w := apitest.New(t)
	backend := &apitest.Hooked{Backend: w.Backend, Reading: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	conn := connect(t, w.Serve(0, backend, func(c *api.Config) { c.CallTimeMax = 20 * time.Millisecond }))
	var trailer metadata.MD
	_, err := custodyv1.NewLedgerServiceClient(conn).GetParty(t.Context(), &custodyv1.GetPartyRequest{Party: make([]byte, 20)}, grpc.Trailer(&trailer))
	if p := problemOf(t, err); p != (problem{code: codes.DeadlineExceeded, reason: "DEADLINE"}) {
		t.Errorf("%+v", p)
	}
	if got := trailer.Get("custody-deadline-ms"); len(got) != 1 || got[0] != "20" {
		t.Errorf("the cap in the trailer is %q", got)
	}
}

func TestPanicIsCaught(t *testing.T) {
	w := apitest.New(t)
	faults := make(chan error, 10)
	backend := &apitest.Hooked{
		Backend: w.Backend,
		Before:  func(context.Context, ledger.Submission) error { panic("a mistake in /srv/secret") },
		Reading: func(context.Context) error { panic("a mistake in /srv/secret") },
	}
	conn := connect(t, w.Serve(0, backend, func(c *api.Config) { c.OnFault = func(err error) { faults <- err } }))
	service := custodyv1.NewLedgerServiceClient(conn)
	registration := appendRequest(w.Register(w.Author(ledger.PartyID{1}, w.Key())))
	stream, err := service.AppendStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&custodyv1.AppendStreamRequest{Sequence: 5, Events: []*custodyv1.AppendRequest{registration}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || answer.GetFailure().GetReason() != "NODE_FAULT" || answer.Failure.Outcome != custodyv1.Outcome_OUTCOME_UNKNOWN {
		t.Errorf("a write of a stream: %v, %v", answer, err)
	}
	for what, err := range map[string]error{
		"append":  second(service.Append(t.Context(), registration)),
		"read":    second(service.GetReceipt(t.Context(), &custodyv1.GetReceiptRequest{EventId: make([]byte, 32)})),
		"watch":   firstOf(service.Watch(t.Context(), &custodyv1.WatchRequest{})),
		"entries": firstOf(custodyv1.NewAuditServiceClient(conn).Entries(t.Context(), &custodyv1.EntriesRequest{})),
	} {
		if p := problemOf(t, err); p != (problem{code: codes.Unavailable, reason: "NODE_FAULT"}) {
			t.Errorf("%s: %+v", what, p)
		}
		if strings.Contains(status.Convert(err).String(), "srv") {
			t.Errorf("%s: the answer shows the panic: %v", what, err)
		}
	}
	if len(faults) != 5 {
		t.Errorf("%d faults were reported, want 5", len(faults))
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

func TestDamagedStoreIsNotGuessedAt(t *testing.T) {
	w := apitest.New(t)
	backend := &apitest.Hooked{Backend: w.Backend, Reading: func(context.Context) error { return errors.New("open /srv/secret: input/output error") }}
	conn := connect(t, w.Serve(0, backend, nil))
	err := second(custodyv1.NewLedgerServiceClient(conn).GetReceipt(t.Context(), &custodyv1.GetReceiptRequest{EventId: make([]byte, 32)}))
	if p := problemOf(t, err); p != (problem{code: codes.Unavailable, reason: "NODE_FAULT"}) || strings.Contains(err.Error(), "srv") {
		t.Errorf("%+v: %v", p, err)
	}
}
