package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// still is a ledger that refuses every write and answers every read.
type still struct{ store *store.Store }

func (still) Submit(context.Context, ledger.Submission) (ledger.Outcome, error) {
	return ledger.Outcome{Rejection: ledger.Reject(ledger.EventExpired, "too late")}, nil
}

func (s still) Read(context.Context, *custodyv1.Consistency) (*store.Snapshot, error) {
	return s.store.Snapshot(), nil
}

func (still) WaitSize(context.Context, uint64) error { return context.Canceled }

func (still) Status() *custodyv1.GetStatusResponse { return &custodyv1.GetStatusResponse{} }

// quiet is a stream whose answers nobody sees.
type quiet struct{ ctx context.Context }

func (q quiet) Context() context.Context   { return q.ctx }
func (quiet) SetHeader(metadata.MD) error  { return nil }
func (quiet) SendHeader(metadata.MD) error { return nil }
func (quiet) SetTrailer(metadata.MD)       {}
func (quiet) SendMsg(any) error            { return nil }
func (quiet) RecvMsg(any) error            { return errors.New("no more") }

type quietWatch struct{ quiet }

func (quietWatch) Send(*custodyv1.WatchResponse) error { return nil }

type quietPolicyProof struct{ quiet }

func (quietPolicyProof) Send(*custodyv1.GetPolicyProofResponse) error { return nil }

type quietBundle struct{ quiet }

func (quietBundle) Send(*custodyv1.GetBundleResponse) error { return nil }

type quietEntries struct{ quiet }

func (quietEntries) Send(*custodyv1.EntriesResponse) error { return nil }

func traded(f *testing.F) (*store.Store, *storetest.Trade) {
	f.Helper()
	trade := storetest.NewTrade(storetest.Pseudorandom(1))
	opts := storetest.NewCrashable().Options()
	if err := store.Create("ledger", trade.File, opts); err != nil {
		f.Fatal(err)
	}
	s, err := store.Open("ledger", opts)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	position := ledger.Position{Cluster: [32]byte{1}, Term: 1, Index: 1}
	if _, err := s.Apply(position, nil); err != nil {
		f.Fatal(err)
	}
	for range 200 {
		position.Index++
		submission := trade.Next()
		if _, err := s.Apply(position, []store.Batch{{At: trade.Now, Submissions: []ledger.Submission{submission}}}); err != nil {
			f.Fatal(err)
		}
		trade.Twin.Apply(trade.Now, submission)
	}
	return s, trade
}

// FuzzCalls gives every request of every method to the services, behind the
// same decoding as over the wire. Nothing panics, and every fault says
// something.
func FuzzCalls(f *testing.F) {
	s, trade := traded(f)
	config := Config{Genesis: trade.Genesis, Ledger: s.LedgerID()}.withDefaults()
	stop, cancel := context.WithCancel(context.Background())
	f.Cleanup(cancel)
	calls, err := newMetrics(config.Metrics)
	if err != nil {
		f.Fatal(err)
	}
	config.OnFault = func(err error) { panic(err) }
	g := &guard{config: config, calls: calls, stop: stop}
	v := newVerifiers(g, sign.NewVerifier(16))
	f.Cleanup(v.close)
	ls := &ledgerService{config: config, backend: still{s}, guard: g, verifiers: v}
	as := &auditService{reader: reader{still{s}}}

	types := requests(f)
	for i, message := range types {
		request := message.New()
		full(request, 0)
		f.Add(uint8(i), encoded(f, request.Interface()))
		f.Add(uint8(i), []byte{})
	}
	for id := range trade.Twin.Items {
		f.Add(uint8(4), encoded(f, &custodyv1.GetItemRequest{Item: id[:]}))
		f.Add(uint8(5), encoded(f, &custodyv1.ItemHistoryRequest{Item: id[:], PageSize: 1}))
		break
	}
	for range 5 {
		for _, candidate := range trade.Next() {
			signed := &custodyv1.SignedEvent{Event: candidate.Signed.Event, Signatures: candidate.Signed.Signatures}
			f.Add(uint8(0), encoded(f, &custodyv1.AppendRequest{Event: signed}))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		message := types[int(which)%len(types)].New().Interface()
		if fault := decode(b, message); fault != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx = peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}})
		err := call(ctx, ls, as, message)
		if err == nil {
			return
		}
		fault, logged := worldly(err, true)
		if forbidden[fault.code] || logged || fault.reason == "" || fault.GRPCStatus() == nil {
			t.Fatalf("%v: %+v (%v)", message.ProtoReflect().Descriptor().Name(), fault, err)
		}
	})
}

func call(ctx context.Context, ls *ledgerService, as *auditService, message proto.Message) (err error) {
	switch m := message.(type) {
	case *custodyv1.AppendRequest:
		_, err = ls.Append(ctx, m)
	case *custodyv1.AppendGroupRequest:
		_, err = ls.AppendGroup(ctx, m)
	case *custodyv1.AppendStreamRequest:
		if w, f := ls.accept(m.Events); f != nil {
			err = f
		} else {
			newOrder().take(w.events)
		}
	case *custodyv1.GetReceiptRequest:
		_, err = ls.GetReceipt(ctx, m)
	case *custodyv1.GetItemRequest:
		_, err = ls.GetItem(ctx, m)
	case *custodyv1.ItemHistoryRequest:
		_, err = ls.ItemHistory(ctx, m)
	case *custodyv1.ListItemsRequest:
		_, err = ls.ListItems(ctx, m)
	case *custodyv1.GetPartyRequest:
		_, err = ls.GetParty(ctx, m)
	case *custodyv1.GetBundleRequest:
		err = ls.GetBundle(m, quietBundle{quiet{ctx}})
	case *custodyv1.GetAbsenceRequest:
		_, err = ls.GetAbsence(ctx, m)
	case *custodyv1.WatchRequest:
		err = ls.Watch(m, quietWatch{quiet{ctx}})
	case *custodyv1.GetStatusRequest:
		_, err = ls.GetStatus(ctx, m)
	case *custodyv1.GetTreeHeadRequest:
		_, err = as.GetTreeHead(ctx, m)
	case *custodyv1.GetPolicyRequest:
		_, err = as.GetPolicy(ctx, m)
	case *custodyv1.GetPolicyProofRequest:
		err = as.GetPolicyProof(m, quietPolicyProof{quiet{ctx}})
	case *custodyv1.GetCheckpointRequest:
		_, err = as.GetCheckpoint(ctx, m)
	case *custodyv1.EntriesRequest:
		err = as.Entries(m, quietEntries{quiet{ctx}})
	case *custodyv1.GetInclusionProofRequest:
		_, err = as.GetInclusionProof(ctx, m)
	case *custodyv1.GetConsistencyProofRequest:
		_, err = as.GetConsistencyProof(ctx, m)
	default:
		panic("a request that no method of this test takes")
	}
	return err
}

func FuzzPageToken(f *testing.F) {
	q := newQuery(ledger.LedgerID(sha256.Sum256([]byte("ledger"))), []byte("history"), make([]byte, 20))
	f.Add(q.token(make([]byte, 8)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, token []byte) {
		position, fault := q.position(token, 8)
		switch {
		case fault == nil && len(token) > 0 && string(q.token(position)) != string(token):
			t.Fatalf("%x was read as %x", token, position)
		case fault == nil && position != nil && len(position) != 8:
			t.Fatalf("a position of %d bytes", len(position))
		}
	})
}
