package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// liar is a node with the right key that changes the answers of an honest one.
type liar struct {
	custodyv1.UnimplementedLedgerServiceServer
	custodyv1.UnimplementedAuditServiceServer
	ledger custodyv1.LedgerServiceClient
	audit  custodyv1.AuditServiceClient
	lie    atomic.Pointer[func(proto.Message)] // streams that a client left may still be told one
}

func (l *liar) tells(lie func(proto.Message)) { l.lie.Store(&lie) }

func tell[A any](l *liar, answer *A, err error) (*A, error) {
	if err == nil {
		(*l.lie.Load())(any(answer).(proto.Message))
	}
	return answer, err
}

func (l *liar) Append(ctx context.Context, r *custodyv1.AppendRequest) (*custodyv1.AppendResponse, error) {
	answer, err := l.ledger.Append(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetReceipt(ctx context.Context, r *custodyv1.GetReceiptRequest) (*custodyv1.GetReceiptResponse, error) {
	answer, err := l.ledger.GetReceipt(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetItem(ctx context.Context, r *custodyv1.GetItemRequest) (*custodyv1.GetItemResponse, error) {
	answer, err := l.ledger.GetItem(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetParty(ctx context.Context, r *custodyv1.GetPartyRequest) (*custodyv1.GetPartyResponse, error) {
	answer, err := l.ledger.GetParty(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) ListItems(ctx context.Context, r *custodyv1.ListItemsRequest) (*custodyv1.ListItemsResponse, error) {
	answer, err := l.ledger.ListItems(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) ItemHistory(ctx context.Context, r *custodyv1.ItemHistoryRequest) (*custodyv1.ItemHistoryResponse, error) {
	answer, err := l.ledger.ItemHistory(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetStatus(ctx context.Context, r *custodyv1.GetStatusRequest) (*custodyv1.GetStatusResponse, error) {
	answer, err := l.ledger.GetStatus(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetCheckpoint(ctx context.Context, r *custodyv1.GetCheckpointRequest) (*custodyv1.GetCheckpointResponse, error) {
	answer, err := l.audit.GetCheckpoint(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetTreeHead(ctx context.Context, r *custodyv1.GetTreeHeadRequest) (*custodyv1.GetTreeHeadResponse, error) {
	answer, err := l.audit.GetTreeHead(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetInclusionProof(ctx context.Context, r *custodyv1.GetInclusionProofRequest) (*custodyv1.GetInclusionProofResponse, error) {
	answer, err := l.audit.GetInclusionProof(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) GetConsistencyProof(ctx context.Context, r *custodyv1.GetConsistencyProofRequest) (*custodyv1.GetConsistencyProofResponse, error) {
	answer, err := l.audit.GetConsistencyProof(ctx, r)
	return tell(l, answer, err)
}

func (l *liar) Watch(r *custodyv1.WatchRequest, stream custodyv1.LedgerService_WatchServer) error {
	inner, err := l.ledger.Watch(stream.Context(), r)
	return relay(l, inner, err, stream.Send)
}

func (l *liar) Entries(r *custodyv1.EntriesRequest, stream custodyv1.AuditService_EntriesServer) error {
	inner, err := l.audit.Entries(stream.Context(), r)
	return relay(l, inner, err, stream.Send)
}

func (l *liar) GetPolicyProof(r *custodyv1.GetPolicyProofRequest, stream custodyv1.AuditService_GetPolicyProofServer) error {
	inner, err := l.audit.GetPolicyProof(stream.Context(), r)
	return relay(l, inner, err, stream.Send)
}

func relay[A any](l *liar, inner grpc.ServerStreamingClient[A], err error, send func(*A) error) error {
	lie := *l.lie.Load() // a stream that nobody reads any more tells no later one's
	for err == nil {
		var answer *A
		if answer, err = inner.Recv(); err == nil {
			lie(any(answer).(proto.Message))
			err = send(answer)
		}
	}
	return nil
}

// startLiar runs a liar as the second node of the world, in front of an honest
// first one.
func startLiar(t *testing.T, w *apitest.World) (*client.Client, *liar) {
	t.Helper()
	honest := w.Serve(0, w.Backend, func(c *api.Config) {
		c.Finality, c.Voice, c.Stating = w.Backend, apitest.Voice{World: w}, apitest.Stating{World: w, Nodes: []int{2, 0}}
	})
	conn, err := grpc.NewClient("passthrough:///"+honest.Address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})))
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{ledger: custodyv1.NewLedgerServiceClient(conn), audit: custodyv1.NewAuditServiceClient(conn)}
	l.tells(func(proto.Message) {})
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{w.Certificate(1)}})))
	custodyv1.RegisterLedgerServiceServer(server, l)
	custodyv1.RegisterAuditServiceServer(server, l)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	})
	return w.Client(func(c *client.Config) { c.Addresses = []string{listener.Addr().String()} }), l
}

// TestLiesAreFound changes one thing in each kind of answer.
func TestLiesAreFound(t *testing.T) {
	w := apitest.New(t)
	events := chains(w, 1, 2)
	item := client.RegisteredItem(events[0])
	var receipts []ledger.Receipt
	for _, event := range events {
		receipts = append(receipts, w.Record(event)...)
	}
	w.Record(w.Register(w.Dealer()))
	c, l := startLiar(t, w)
	ctx := t.Context()
	party := w.Genesis.Associations[0].AssociationID()
	holder := w.Submission(events[0])[0].Party

	appending := func() error { _, err := c.Append(ctx, events[0]); return err }
	receipt := func() error {
		_, _, err := c.Receipt(ctx, events[0].ID(), client.Linearizable)
		return err
	}
	getItem := func() error { _, err := c.GetItem(ctx, item, client.Linearizable); return err }
	getParty := func() error { _, err := c.GetParty(ctx, party, client.Linearizable); return err }
	status := func() error { _, err := c.Status(ctx); return err }
	list := func() (last error) {
		for _, err := range c.ListItems(ctx, client.ItemQuery{Holder: &holder}, client.Linearizable) {
			last = err
		}
		return last
	}
	history := func() (last error) {
		for _, err := range c.History(ctx, item, client.Linearizable) {
			last = err
		}
		return last
	}
	watching := func(of *ledger.ItemID) func() error {
		return func() error {
			n := 0
			for _, err := range c.Watch(ctx, 1, of) {
				if err != nil {
					return err
				}
				if n++; n == 5 {
					return nil
				}
			}
			return nil
		}
	}
	treeHead := func(size uint64) func() error {
		return func() error { _, err := c.TreeHead(ctx, size, client.Linearizable); return err }
	}
	inclusion := func() error { _, err := c.Inclusion(ctx, receipts[1].Index, 0, receipts[1].Leaf); return err }
	first, err := c.TreeHead(ctx, 3, client.Linearizable)
	if err != nil {
		t.Fatal(err)
	}
	consistency := func() error { _, err := c.Consistency(ctx, 3, first.Root, 0); return err }
	verify := func() error { _, _, err := c.VerifyReceipt(ctx, receipts[1]); return err }

	flip := func(b []byte) { b[len(b)/2] ^= 1 }
	inEntries := func(change func([]*custodyv1.RawEntry) []*custodyv1.RawEntry) func(proto.Message) {
		return func(m proto.Message) {
			if h, ok := m.(*custodyv1.ItemHistoryResponse); ok {
				h.Entries = change(h.Entries)
			}
		}
	}
	tests := []struct {
		what string
		call func() error
		lie  func(proto.Message)
	}{
		{"a receipt of another event", appending, func(m proto.Message) { flip(m.(*custodyv1.AppendResponse).Receipt.EventId) }},
		{"no receipt", appending, func(m proto.Message) { m.(*custodyv1.AppendResponse).Receipt = nil }},
		{"a leaf of 31 bytes", appending, func(m proto.Message) {
			r := m.(*custodyv1.AppendResponse).Receipt
			r.LeafHash = r.LeafHash[1:]
		}},
		{"an event as genesis", receipt, func(m proto.Message) { m.(*custodyv1.GetReceiptResponse).Receipt.Index = 0 }},
		{"a found receipt of another event", receipt, func(m proto.Message) { flip(m.(*custodyv1.GetReceiptResponse).Receipt.EventId) }},
		{"another item", getItem, func(m proto.Message) { flip(m.(*custodyv1.GetItemResponse).Item.Item) }},
		{"no item", getItem, func(m proto.Message) { m.(*custodyv1.GetItemResponse).Item = nil }},
		{"an item without its last event", getItem, func(m proto.Message) { m.(*custodyv1.GetItemResponse).Item.Prev = nil }},
		{"a listed item without an id", list, func(m proto.Message) { m.(*custodyv1.ListItemsResponse).Items[0].Item = nil }},
		{"another party", getParty, func(m proto.Message) { flip(m.(*custodyv1.GetPartyResponse).Party.Party) }},
		{"another ledger", status, func(m proto.Message) { flip(m.(*custodyv1.GetStatusResponse).LedgerId) }},

		{"a bit of an entry", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { flip(e[2].Entry); return e })},
		{"an entry left out", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { return append(e[:1:1], e[2:]...) })},
		{"the registration left out", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { return e[1:] })},
		{"an entry twice", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { return append(e, e[len(e)-1]) })},
		{"two entries swapped", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { e[1], e[2] = e[2], e[1]; return e })},
		{"an entry under another index", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { e[1].Index++; return e })},
		{"no entry in its place", history, inEntries(func(e []*custodyv1.RawEntry) []*custodyv1.RawEntry { e[1] = nil; return e })},

		{"a watched bit", watching(nil), func(m proto.Message) { flip(m.(*custodyv1.WatchResponse).Entry.Entry) }},
		{"a watched entry of another item", watching(&item), func(m proto.Message) { m.(*custodyv1.WatchResponse).Entry = foreign(w) }},
		{"nothing watched", watching(nil), func(m proto.Message) { m.(*custodyv1.WatchResponse).Entry = nil }},

		{"a root of 31 bytes", treeHead(0), func(m proto.Message) { h := m.(*custodyv1.GetTreeHeadResponse).Head; h.Root = h.Root[1:] }},
		{"another size", treeHead(2), func(m proto.Message) { m.(*custodyv1.GetTreeHeadResponse).Head.Size++ }},
		{"no head", treeHead(0), func(m proto.Message) { m.(*custodyv1.GetTreeHeadResponse).Head = nil }},
		{"a root", inclusion, func(m proto.Message) { flip(m.(*custodyv1.GetInclusionProofResponse).Root) }},
		{"a leaf", inclusion, func(m proto.Message) { flip(m.(*custodyv1.GetInclusionProofResponse).LeafHash) }},
		{"a hash of a proof", inclusion, func(m proto.Message) { flip(m.(*custodyv1.GetInclusionProofResponse).Proof[0]) }},
		{"a proof cut short", inclusion, func(m proto.Message) {
			p := m.(*custodyv1.GetInclusionProofResponse)
			p.Proof = p.Proof[1:]
		}},
		{"a proof of another index", inclusion, func(m proto.Message) { m.(*custodyv1.GetInclusionProofResponse).Index++ }},
		{"the later root", consistency, func(m proto.Message) { flip(m.(*custodyv1.GetConsistencyProofResponse).RootTo) }},
		{"a hash of a consistency proof", consistency, func(m proto.Message) { flip(m.(*custodyv1.GetConsistencyProofResponse).Proof[0]) }},
		{"a receipt's entry", verify, func(m proto.Message) {
			if e, ok := m.(*custodyv1.EntriesResponse); ok {
				flip(e.Entries[0])
			}
		}},
		{"entries from elsewhere", verify, func(m proto.Message) {
			if e, ok := m.(*custodyv1.EntriesResponse); ok {
				e.From++
			}
		}},
		{"no entries", verify, func(m proto.Message) {
			if e, ok := m.(*custodyv1.EntriesResponse); ok {
				e.Entries = nil
			}
		}},
	}
	for _, test := range tests {
		l.tells(func(proto.Message) {})
		if err := test.call(); err != nil {
			t.Fatalf("%s, before the lie: %v", test.what, err)
		}
		l.tells(test.lie)
		if err := test.call(); !errors.Is(err, client.ErrTampered) {
			t.Errorf("%s: %v", test.what, err)
		}
	}
	l.tells(func(proto.Message) {})
	forged := receipts[1]
	forged.Leaf = merkle.Hash{1}
	if _, _, err := c.VerifyReceipt(ctx, forged); !errors.Is(err, client.ErrTampered) {
		t.Errorf("a forged receipt: %v", err)
	}
	forged = receipts[1]
	forged.RecordedAt++
	if _, _, err := c.VerifyReceipt(ctx, forged); !errors.Is(err, client.ErrTampered) {
		t.Errorf("a receipt with another time: %v", err)
	}
}

// foreign is a sound entry that names none of the story's items.
func foreign(w *apitest.World) *custodyv1.RawEntry {
	snapshot := w.Backend.Store.Snapshot()
	defer snapshot.Close()
	index := snapshot.Size() - 1
	entry, err := snapshot.Entry(index)
	if err != nil {
		w.TB.Error(err)
	}
	return &custodyv1.RawEntry{Index: index, Entry: entry}
}

// TestLiesAboutFinalItems changes one thing in what several associations state of an
// item, and in what comes with it.
func TestLiesAboutFinalItems(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	registration, other := w.Register(dealer), w.Register(dealer)
	w.Record(registration)
	w.Record(other)
	w.Finalize()
	item := client.RegisteredItem(registration)
	c, l := startLiar(t, w)
	honest, err := c.FinalItem(t.Context(), item)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte) { b[len(b)/2] ^= 1 }
	for what, lie := range map[string]func(*custodyv1.GetItemResponse){
		"no statement":             func(m *custodyv1.GetItemResponse) { m.Final = nil },
		"no note":                  func(m *custodyv1.GetItemResponse) { m.Final.Note = nil },
		"a note that is cut short": func(m *custodyv1.GetItemResponse) { m.Final.Note = m.Final.Note[:len(m.Final.Note)-1] },
		"another payload":          func(m *custodyv1.GetItemResponse) { flip(m.Final.Payload) },
		"a signature":              func(m *custodyv1.GetItemResponse) { flip(m.Final.Signatures[1].Signature) },
		"one signature":            func(m *custodyv1.GetItemResponse) { m.Final.Signatures = m.Final.Signatures[:1] },
		"one signature twice":      func(m *custodyv1.GetItemResponse) { m.Final.Signatures[1] = m.Final.Signatures[0] },
		"a signature by nobody":    func(m *custodyv1.GetItemResponse) { m.Final.Signatures[0].NodeId = "nobody" },
		"signatures the other way": func(m *custodyv1.GetItemResponse) {
			m.Final.Signatures[0].NodeId, m.Final.Signatures[1].NodeId = m.Final.Signatures[1].NodeId, m.Final.Signatures[0].NodeId
		},
		"no registration":                   func(m *custodyv1.GetItemResponse) { m.Registration = nil },
		"a bit of the registration":         func(m *custodyv1.GetItemResponse) { flip(m.Registration.Entry) },
		"the registration of another item":  func(m *custodyv1.GetItemResponse) { m.Registration = entryOf(t, w, other) },
		"the registration in another place": func(m *custodyv1.GetItemResponse) { m.Registration.Index++ },
		"a view that is not as stated":      func(m *custodyv1.GetItemResponse) { m.Item.Lost = true },
	} {
		l.tells(func(m proto.Message) {
			if m, ok := m.(*custodyv1.GetItemResponse); ok {
				lie(m)
			}
		})
		var tampered *client.Tampered
		if got, err := c.FinalItem(t.Context(), item); !errors.As(err, &tampered) || got != nil {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	l.tells(func(proto.Message) {})
	again, err := c.FinalItem(t.Context(), item)
	if err != nil || !proto.Equal(again.Item, honest.Item) || !slices.Equal(again.By, honest.By) {
		t.Errorf("told the truth again: %+v, %v", again, err)
	}
}

// entryOf gives the entry of an event.
func entryOf(t *testing.T, w *apitest.World, event ledger.SignedEvent) *custodyv1.RawEntry {
	t.Helper()
	snapshot := w.Backend.Store.Snapshot()
	defer snapshot.Close()
	index, ok := snapshot.EventIndex(event.ID())
	if !ok {
		t.Fatal("the event is not recorded")
	}
	entry, err := snapshot.Entry(index)
	if err != nil {
		t.Fatal(err)
	}
	return &custodyv1.RawEntry{Index: index, Entry: entry}
}
