package api_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(20 * time.Second); !holds(); {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

func send(t *testing.T, stream custodyv1.LedgerService_AppendStreamClient, sequence uint64, events ...ledger.SignedEvent) {
	t.Helper()
	request := &custodyv1.AppendStreamRequest{Sequence: sequence}
	for _, e := range events {
		request.Events = append(request.Events, appendRequest(e))
	}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
}

func openStream(t *testing.T, conn *grpc.ClientConn) custodyv1.LedgerService_AppendStreamClient {
	t.Helper()
	stream, err := custodyv1.NewLedgerServiceClient(conn).AppendStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// TestStreamKeepsChainsInOrder sends a whole chain, from the admission of both
// parties on, without waiting, while its first link is held up. Something else
// overtakes it.
func TestStreamKeepsChainsInOrder(t *testing.T) {
	w := apitest.New(t)
	old := w.Dealer()
	unrelated := w.Register(old)
	seller, admission1 := w.Applicant()
	buyer, admission2 := w.Applicant()
	registration := w.Register(seller)
	item := client.RegisteredItem(registration)
	chain := []ledger.SignedEvent{admission1, admission2, registration}
	prev, from, to := registration.ID(), seller, buyer
	for range 20 {
		offer := w.Offer(from, item, prev, to.Party())
		accept := w.Signed(to.Accept(ledger.ItemRef{Item: item, Prev: offer.ID()}, offer.ID(), from.Party()))
		chain = append(chain, offer, accept)
		prev, from, to = accept.ID(), to, from
	}
	overtaken := make(chan struct{})
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(ctx context.Context, s ledger.Submission) error {
		switch s[0].ID {
		case unrelated.ID():
			close(overtaken)
		case admission1.ID():
			select {
			case <-overtaken:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}}
	stream := openStream(t, connect(t, w.Serve(0, backend, nil)))
	for i, event := range chain {
		send(t, stream, uint64(i), event)
	}
	send(t, stream, 1_000, unrelated)
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	indexes := map[uint64]uint64{}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || answer.Failure != nil {
			t.Fatalf("%v, %v", answer, err)
		}
		indexes[answer.Sequence] = answer.Receipts[0].Index
	}
	if len(indexes) != len(chain)+1 {
		t.Fatalf("%d answers for %d writes", len(indexes), len(chain)+1)
	}
	behind := func(later, earlier uint64) {
		if indexes[later] <= indexes[earlier] {
			t.Errorf("link %d was recorded at %d, link %d at %d", later, indexes[later], earlier, indexes[earlier])
		}
	}
	behind(2, 0) // the seller registers once it is admitted
	behind(3, 1) // and offers once the buyer is, too
	for i := 3; i < len(chain); i++ {
		behind(uint64(i), uint64(i-1))
	}
	if indexes[1_000] > indexes[0] {
		t.Errorf("what has nothing to do with the chain waited for it: %d, %d", indexes[1_000], indexes[0])
	}
}

// TestStreamDoesNotTryWhatBuildsOnTheLost fails one link for want of a leader.
func TestStreamDoesNotTryWhatBuildsOnTheLost(t *testing.T) {
	w := apitest.New(t)
	seller, buyer := w.Dealer(), w.Dealer()
	registration, unrelated := w.Register(seller), w.Register(seller)
	item := client.RegisteredItem(registration)
	offer := w.Offer(seller, item, registration.ID(), buyer.Party())
	accept := w.Signed(buyer.Accept(ledger.ItemRef{Item: item, Prev: offer.ID()}, offer.ID(), seller.Party()))
	queued := make(chan struct{})
	var submitted []ledger.EventID
	var mu sync.Mutex
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(ctx context.Context, s ledger.Submission) error {
		mu.Lock()
		submitted = append(submitted, s[0].ID)
		mu.Unlock()
		switch s[0].ID {
		case registration.ID():
			<-queued
			return &consensus.NotLeaderError{}
		case unrelated.ID(): // it came last, so the others have their places
			close(queued)
		}
		return nil
	}}
	stream := openStream(t, connect(t, w.Serve(0, backend, nil)))
	for i, event := range []ledger.SignedEvent{registration, offer, accept, unrelated} {
		send(t, stream, uint64(i), event)
	}
	reasons := map[uint64]string{}
	for range 4 {
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		reasons[answer.Sequence] = answer.GetFailure().GetReason()
		if f := answer.Failure; f != nil && f.Outcome != custodyv1.Outcome_OUTCOME_NONE {
			t.Errorf("write %d: %v", answer.Sequence, f)
		}
	}
	want := map[uint64]string{0: "NO_LEADER", 1: "NOT_TRIED", 2: "NOT_TRIED", 3: ""}
	for sequence, reason := range want {
		if reasons[sequence] != reason {
			t.Errorf("write %d: %q, want %q", sequence, reasons[sequence], reason)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if slices.Contains(submitted, offer.ID()) || slices.Contains(submitted, accept.ID()) {
		t.Error("what builds on the lost write was submitted")
	}
}

func TestStreamAnswersEachByItself(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	stream := openStream(t, connect(t, w.Serve(0, w.Backend, nil)))
	good := w.Register(dealer)
	send(t, stream, 7, good)
	send(t, stream, 8, ledger.SignedEvent{Event: good.Event, Signatures: [][]byte{make([]byte, 64)}})
	send(t, stream, 9)
	send(t, stream, 10, w.Offer(dealer, ledger.ItemID{1}, good.ID(), ledger.PartyID{2}))
	send(t, stream, 7, good) // sequences are the client's own
	want := map[string]int{"": 2, "BAD_SIGNATURE": 1, "MISSING_FIELD": 1, "UNKNOWN_ITEM": 1}
	got := map[string]int{}
	for range 5 {
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got[answer.GetFailure().GetReason()]++
	}
	for reason, n := range want {
		if got[reason] != n {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestStreamEndsWithWhatCannotBeRead(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	conn := connect(t, w.Serve(0, w.Backend, nil))
	stream, err := conn.NewStream(t.Context(), anyStream, custodyv1.LedgerService_AppendStream_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	good := &custodyv1.AppendStreamRequest{Sequence: 1, Events: []*custodyv1.AppendRequest{appendRequest(w.Register(dealer))}}
	if err := stream.SendMsg(good); err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg([]byte{0x7a, 0x01, 0x00}); err != nil {
		t.Fatal(err)
	}
	var answer custodyv1.AppendStreamResponse
	if err := stream.RecvMsg(&answer); err != nil || len(answer.Receipts) != 1 {
		t.Errorf("the write before it: %v, %v", &answer, err)
	}
	if p := problemOf(t, stream.RecvMsg(&answer)); p != (problem{code: codes.InvalidArgument, reason: "UNKNOWN_FIELD"}) {
		t.Errorf("%+v", p)
	}
}

func TestStreamLeftIdle(t *testing.T) {
	w := apitest.New(t)
	stream := openStream(t, connect(t, w.Serve(0, w.Backend, func(c *api.Config) { c.IdleTimeMax = 10 * time.Millisecond })))
	_, err := stream.Recv()
	if p := problemOf(t, err); p != (problem{code: codes.Unavailable, reason: "IDLE"}) {
		t.Errorf("%+v", p)
	}
}

// TestSlowReaderIsCutOff asks for entries and sends writes, and reads nothing.
func TestSlowReaderIsCutOff(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	for range 600 { // more than the windows of a connection hold
		w.Record(w.Register(dealer))
	}
	registry := prometheus.NewRegistry()
	server := w.Serve(0, w.Backend, func(c *api.Config) { c.SendTimeMax, c.Metrics = 50*time.Millisecond, registry })
	narrow := []grpc.DialOption{grpc.WithInitialWindowSize(64 << 10), grpc.WithInitialConnWindowSize(64 << 10)}
	cut := func(method string) func() bool {
		return func() bool { return callsWith(t, registry, method, codes.ResourceExhausted) == 1 }
	}

	watch, err := custodyv1.NewLedgerServiceClient(connect(t, server, narrow...)).Watch(t.Context(), &custodyv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watch is cut off", cut(custodyv1.LedgerService_Watch_FullMethodName))
	var last error
	for last == nil {
		_, last = watch.Recv()
	}
	if p := problemOf(t, last); p != (problem{code: codes.ResourceExhausted, reason: "SLOW_READER"}) {
		t.Errorf("%+v", p)
	}

	if _, err := custodyv1.NewAuditServiceClient(connect(t, server, narrow...)).Entries(t.Context(), &custodyv1.EntriesRequest{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the entries are cut off", cut(custodyv1.AuditService_Entries_FullMethodName))

	bulk := openStream(t, connect(t, server, narrow...))
	again := w.Register(dealer)
	sending := make(chan struct{})
	go func() { // until the window is full and the server gives up
		defer close(sending)
		for sequence := uint64(0); ; sequence++ {
			if bulk.Send(&custodyv1.AppendStreamRequest{Sequence: sequence, Events: []*custodyv1.AppendRequest{appendRequest(again)}}) != nil {
				return
			}
		}
	}()
	eventually(t, "the bulk load is cut off", cut(custodyv1.LedgerService_AppendStream_FullMethodName))
	for last = nil; last == nil; {
		_, last = bulk.Recv()
	}
	if p := problemOf(t, last); p != (problem{code: codes.ResourceExhausted, reason: "SLOW_READER"}) {
		t.Errorf("%+v", p)
	}
	<-sending
}

func callsWith(t *testing.T, registry *prometheus.Registry, method string, code codes.Code) int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "custody_api_calls_total" {
			continue
		}
		for _, m := range family.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["method"] == method && labels["code"] == code.String() {
				return int(m.Counter.GetValue())
			}
		}
	}
	return 0
}

func TestMetricsShowNoIds(t *testing.T) {
	w := apitest.New(t)
	registry := prometheus.NewRegistry()
	conn := connect(t, w.Serve(0, w.Backend, func(c *api.Config) { c.Metrics = registry }))
	_ = invoke(t.Context(), conn, "/custody.v1.LedgerService/secret-item-id", nil)
	_ = invoke(t.Context(), conn, custodyv1.LedgerService_GetItem_FullMethodName, []byte("secret"))
	_ = invoke(t.Context(), conn, custodyv1.LedgerService_GetStatus_FullMethodName, nil)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "custody_api_calls_total" && len(family.Metric) != 2 {
			t.Errorf("%d series, want those of the 2 methods that exist: %v", len(family.Metric), family)
		}
	}
}

// TestWatch sees the old, follows the new, keeps to its item, and ends when the
// node does.
func TestWatch(t *testing.T) {
	w := apitest.New(t)
	dealer, other := w.Dealer(), w.Dealer()
	registration := w.Register(dealer)
	item := client.RegisteredItem(registration)
	w.Record(registration)
	server := w.Serve(0, w.Backend, nil)
	service := custodyv1.NewLedgerServiceClient(connect(t, server))
	all, err := service.Watch(t.Context(), &custodyv1.WatchRequest{FromIndex: 1})
	if err != nil {
		t.Fatal(err)
	}
	one, err := service.Watch(t.Context(), &custodyv1.WatchRequest{Item: item[:]})
	if err != nil {
		t.Fatal(err)
	}
	next := func(stream custodyv1.LedgerService_WatchClient, want uint64) {
		t.Helper()
		got, err := stream.Recv()
		if err != nil || got.Entry.Index != want {
			t.Fatalf("got %v, %v, want entry %d", got.GetEntry().GetIndex(), err, want)
		}
		stored := w.Backend.Store.Snapshot()
		defer stored.Close()
		if b, err := stored.Entry(want); err != nil || string(b) != string(got.Entry.Entry) {
			t.Errorf("entry %d is not the stored one: %v", want, err)
		}
	}
	for index := range uint64(3) {
		next(all, index+1)
	}
	next(one, 3)
	w.Record(w.Register(dealer))
	offer := w.Offer(dealer, item, registration.ID(), other.Party())
	w.Record(offer)
	next(all, 4)
	next(all, 5)
	next(one, 5)

	go server.Shutdown(context.WithoutCancel(t.Context()))
	for _, stream := range []custodyv1.LedgerService_WatchClient{all, one} {
		_, err := stream.Recv()
		if p := problemOf(t, err); p != (problem{code: codes.Unavailable, reason: "STOPPING"}) {
			t.Errorf("%+v", p)
		}
	}
}

func TestLongReadsAreBounded(t *testing.T) {
	w := apitest.New(t)
	service := custodyv1.NewLedgerServiceClient(connect(t, w.Serve(0, w.Backend, func(c *api.Config) { c.LongReadsMax = 1 })))
	first, err := service.Watch(t.Context(), &custodyv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recv(); err != nil {
		t.Fatal(err)
	}
	if p := problemOf(t, firstOf(service.Watch(t.Context(), &custodyv1.WatchRequest{}))); p != (problem{code: codes.ResourceExhausted, reason: "OVERLOADED"}) {
		t.Errorf("%+v", p)
	}
}

// fromFar is a listener whose callers seem to come from another machine.
type fromFar struct{ net.Listener }

func (l fromFar) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return farConn{conn}, err
}

type farConn struct{ net.Conn }

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }

func TestReadPolicy(t *testing.T) {
	w := apitest.New(t)
	listen := func() net.Listener {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return fromFar{listener}
	}
	far := connect(t, w.ServeOn(0, w.Backend, listen(), nil))
	open := connect(t, w.ServeOn(1, w.Backend, listen(), func(c *api.Config) { c.OpenReads = true }))
	near := connect(t, w.Serve(2, w.Backend, nil))
	closed := map[string]bool{
		"GetItem": true, "ItemHistory": true, "ListItems": true, "GetParty": true, "Watch": true, "Entries": true,
		"GetBundle": true, "GetAbsence": true, "GetCheckpoint": false, "GetPolicy": false, "GetPolicyProof": false,
		"Append": false, "AppendGroup": false, "AppendStream": false, "GetReceipt": false, "GetStatus": false,
		"GetTreeHead": false, "GetInclusionProof": false, "GetConsistencyProof": false,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, service := range []*grpc.ServiceDesc{&custodyv1.LedgerService_ServiceDesc, &custodyv1.AuditService_ServiceDesc} {
		var names []string
		for _, m := range service.Methods {
			names = append(names, m.MethodName)
		}
		for _, s := range service.Streams {
			names = append(names, s.StreamName)
		}
		for _, name := range names {
			contents, known := closed[name]
			if !known {
				t.Errorf("%s is not in this test: decide who may read it", name)
			}
			method := "/" + service.ServiceName + "/" + name
			garbage := []byte{0xff}
			if got := problemOf(t, invoke(ctx, far, method, garbage)).reason == "READS_CLOSED"; got != contents {
				t.Errorf("%s from another machine: closed is %v", name, got)
			}
			for where, conn := range map[string]*grpc.ClientConn{"open reads": open, "this machine": near} {
				if p := problemOf(t, invoke(ctx, conn, method, garbage)); p.reason != "MALFORMED" {
					t.Errorf("%s with %s: %+v", name, where, p)
				}
			}
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	w := apitest.New(t)
	server := w.Serve(0, w.Backend, func(c *api.Config) { c.ConnectionsMax = 1 })
	first := connect(t, server)
	if err := invoke(t.Context(), first, custodyv1.LedgerService_GetStatus_FullMethodName, nil); err != nil {
		t.Fatal(err)
	}
	if err := invoke(t.Context(), connect(t, server), custodyv1.LedgerService_GetStatus_FullMethodName, nil); err == nil {
		t.Error("a second connection was served")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the place of the first is free", func() bool {
		return invoke(t.Context(), connect(t, server), custodyv1.LedgerService_GetStatus_FullMethodName, nil) == nil
	})
}
