package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/api/apitest"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// nobody gives an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

func TestUnreachable(t *testing.T) {
	w := apitest.New(t)
	address := nobody(t)
	c := w.Client(func(c *client.Config) { c.Addresses = []string{address} })
	_, err := c.Append(t.Context(), w.Register(w.Dealer()))
	var unreachable *client.Unreachable
	if !errors.As(err, &unreachable) || !errors.Is(err, client.ErrUnreachable) || errors.Is(err, client.ErrOutcomeUnknown) {
		t.Fatalf("%v", err)
	}
	if len(unreachable.Causes) != 1 || unreachable.Causes[0].Node != address || unreachable.Ended != nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	if _, err := client.Dial(t.Context(), client.Config{Genesis: w.File, Addresses: []string{address}}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("dial: %v", err)
	}
	err = c.Entries(t.Context(), 0, 1, func(uint64, []byte) error { return nil })
	if !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("entries: %v", err)
	}
	for _, err := range c.Watch(t.Context(), 0, nil) {
		if !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("watch: %v", err)
		}
	}
}

func TestPins(t *testing.T) {
	w := apitest.New(t)
	other := apitest.New(t) // same name, other TLS keys
	first, second, strange := w.Serve(0, w.Backend, nil), w.Serve(1, w.Backend, nil), other.Serve(0, other.Backend, nil)
	tests := []struct {
		address string
		ok      bool
	}{
		{first.Address, true},
		{second.Address, true},
		{"antwerp=" + first.Address, true},
		{"antwerp=" + second.Address, false},
		{"mumbai=" + second.Address, true},
		{strange.Address, false},
	}
	for _, test := range tests {
		c := w.Client(func(c *client.Config) { c.Addresses = []string{test.address} })
		_, err := c.Status(t.Context())
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.address, err)
		}
		if !test.ok && !strings.Contains(err.Error(), "TLS key") {
			t.Errorf("%s: %v does not say that the key is wrong", test.address, err)
		}
	}
	for _, bad := range []string{"nowhere", ":1", "host:", "rome=127.0.0.1:1", ""} {
		if _, err := client.New(client.Config{Genesis: w.File, Addresses: []string{bad}}); err == nil {
			t.Errorf("address %q was taken", bad)
		}
	}
	if _, err := client.New(client.Config{Genesis: w.File[1:]}); !errors.Is(err, ledger.ErrGenesis) {
		t.Errorf("a spoiled genesis: %v", err)
	}
}

func TestFailover(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	first, second := w.Serve(0, w.Backend, nil), w.Serve(1, w.Backend, nil)
	c := w.Client(nil, first, second)
	if _, err := c.Append(t.Context(), w.Register(dealer)); err != nil {
		t.Fatal(err)
	}
	apitest.Stop(first.Server, time.Second)
	for range 3 {
		if _, err := c.Append(t.Context(), w.Register(dealer)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.TreeHead(t.Context(), 0, client.Linearizable); err != nil {
		t.Error(err)
	}
}

func TestNoLeaderIsTriedAgain(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	var calls atomic.Int32
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(context.Context, ledger.Submission) error {
		if calls.Add(1) < 3 {
			return &consensus.NotLeaderError{Leader: "mumbai"}
		}
		return nil
	}}
	receipt, err := w.Client(nil, w.Serve(0, backend, nil)).Append(t.Context(), w.Register(dealer))
	if err != nil || receipt.Duplicate || calls.Load() != 3 {
		t.Errorf("%+v, %v after %d calls", receipt, err, calls.Load())
	}
}

func TestNoLeaderForGoodIsUnreachable(t *testing.T) {
	w := apitest.New(t)
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(context.Context, ledger.Submission) error { return &consensus.NotLeaderError{} }}
	c := w.Client(func(c *client.Config) { c.Patience = 300 * time.Millisecond }, w.Serve(0, backend, nil))
	event := w.Register(w.Dealer())
	for {
		_, err := c.Append(t.Context(), event)
		if errors.Is(err, client.ErrOutcomeUnknown) {
			continue // patience ended while a node was being asked: rightly unknown, ask again
		}
		if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "NO_LEADER") {
			t.Errorf("%v", err)
		}
		return
	}
}

func TestUnknownIsSettledByTheSameAgain(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	before, _ := w.Backend.Store.Head()
	var calls atomic.Int32
	backend := &apitest.Hooked{Backend: w.Backend, After: func(context.Context, ledger.Submission) error {
		if calls.Add(1) == 1 {
			return consensus.ErrOutcomeUnknown
		}
		return nil
	}}
	receipt, err := w.Client(nil, w.Serve(0, backend, nil)).Append(t.Context(), w.Register(dealer))
	if err != nil || !receipt.Duplicate || receipt.Index != before {
		t.Errorf("%+v, %v", receipt, err)
	}
	if after, _ := w.Backend.Store.Head(); after != before+1 {
		t.Errorf("%d entries for one event", after-before)
	}
}

func TestOutcomeUnknown(t *testing.T) {
	w := apitest.New(t)
	event := w.Register(w.Dealer())
	backend := &apitest.Hooked{Backend: w.Backend, After: func(context.Context, ledger.Submission) error { return consensus.ErrOutcomeUnknown }}
	server := w.Serve(0, backend, nil)
	c := w.Client(func(c *client.Config) { c.Patience = 100 * time.Millisecond }, server)
	_, err := c.Append(t.Context(), event)
	var unknown *client.OutcomeUnknown
	if !errors.As(err, &unknown) || !errors.Is(err, client.ErrOutcomeUnknown) || unknown.Event != event.ID() {
		t.Fatalf("%v", err)
	}
	if receipt, _, err := c.Receipt(t.Context(), event.ID(), client.Linearizable); err != nil || receipt == nil {
		t.Errorf("its receipt: %v, %v", receipt, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the user pressed a key")
	backend.After = func(context.Context, ledger.Submission) error { cancel(cause); return consensus.ErrOutcomeUnknown }
	if _, err := c.Append(ctx, w.Register(w.Dealer())); !errors.As(err, &unknown) || !errors.Is(err, cause) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSilentNodeIsLeft(t *testing.T) {
	w := apitest.New(t)
	event := w.Register(w.Dealer())
	silent := &apitest.Hooked{Backend: w.Backend, Before: func(ctx context.Context, _ ledger.Submission) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	c := w.Client(func(c *client.Config) { c.AttemptTimeout = 100 * time.Millisecond }, w.Serve(0, silent, nil), w.Serve(1, w.Backend, nil))
	if _, err := c.Append(t.Context(), event); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	w := apitest.New(t)
	dealer, other := w.Dealer(), w.Dealer()
	registration := w.Register(dealer)
	w.Record(registration)
	item := client.RegisteredItem(registration)
	w.Record(w.Offer(dealer, item, registration.ID(), other.Party()))
	stale := w.Signed(dealer.Void(ledger.ItemRef{Item: item, Prev: registration.ID()}, custodyv1.VoidReason_VOID_REASON_MISTAKE))
	var calls atomic.Int32
	backend := &apitest.Hooked{Backend: w.Backend, Before: func(context.Context, ledger.Submission) error {
		if calls.Add(1) == 2 {
			return consensus.ErrOutcomeUnknown
		}
		return nil
	}}
	server := w.Serve(0, backend, nil)
	c := w.Client(nil, server)

	_, err := c.Append(t.Context(), stale)
	var refused *client.Refused
	if !errors.As(err, &refused) || !errors.Is(err, client.ErrRefused) || !errors.Is(err, &client.Refused{Reason: ledger.StalePrev}) || errors.Is(err, &client.Refused{Reason: ledger.NotHolder}) {
		t.Fatalf("%v", err)
	}
	if refused.Field == "" || refused.Message == "" || refused.Node != server.Address || refused.EarlierSendUnknown {
		t.Errorf("%+v", refused)
	}
	_, err = c.Append(t.Context(), stale)
	if !errors.As(err, &refused) || !refused.EarlierSendUnknown {
		t.Errorf("after a send without an answer: %v", err)
	}
	if _, err := c.GetItem(t.Context(), ledger.ItemID{1}, client.Linearizable); !errors.Is(err, &client.Refused{Reason: client.ReasonNotFound}) {
		t.Errorf("an unknown item: %v", err)
	}
	for _, err := range c.History(t.Context(), ledger.ItemID{1}, client.Linearizable) {
		if !errors.Is(err, client.ErrRefused) {
			t.Errorf("history of an unknown item: %v", err)
		}
	}
}

func TestGroup(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	c := w.Client(nil, w.Serve(0, w.Backend, nil))
	g, err := client.NewGroup(w.Random(), 3)
	if err != nil {
		t.Fatal(err)
	}
	author := dealer.In(g)
	var writes []client.Write
	for range 3 {
		writes = append(writes, client.Write{Event: w.Register(author)})
	}
	if _, err := author.Register(apitest.Stone()); err == nil {
		t.Error("a fourth event of a group of three")
	}
	if _, err := c.AppendGroup(t.Context(), writes[:2]); !errors.Is(err, &client.Refused{Reason: ledger.GroupIncomplete}) {
		t.Errorf("two of three: %v", err)
	}
	receipts, err := c.AppendGroup(t.Context(), writes)
	if err != nil || len(receipts) != 3 || receipts[2].Index != receipts[0].Index+2 {
		t.Errorf("%v, %v", receipts, err)
	}
	again, err := c.AppendGroup(t.Context(), writes)
	if err != nil || !again[0].Duplicate || again[0].Leaf != receipts[0].Leaf {
		t.Errorf("the same again: %v, %v", again, err)
	}
	if _, err := c.AppendGroup(t.Context(), nil); err == nil {
		t.Error("an empty group was sent")
	}
	for _, count := range []int{1, ledger.GroupEventsMax + 1} {
		if _, err := client.NewGroup(w.Random(), count); err == nil {
			t.Errorf("a group of %d", count)
		}
	}
	huge := make([]client.Write, 20)
	for i := range huge {
		huge[i].Event.Event = make([]byte, ledger.EventBytesMax)
	}
	if _, err := c.AppendGroup(t.Context(), huge); !errors.Is(err, &client.Refused{Reason: ledger.TooLarge}) {
		t.Errorf("over the request's limit: %v", err)
	}
}

// TestWatchGoesOnAtTheNextNode loses the node it watches in the middle.
func TestWatchGoesOnAtTheNextNode(t *testing.T) {
	w := apitest.New(t)
	dealer := w.Dealer()
	first, second := w.Serve(0, w.Backend, nil), w.Serve(1, w.Backend, nil)
	c := w.Client(nil, first, second)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	want := uint64(0)
	for entry, err := range c.Watch(ctx, 0, nil) {
		if err != nil {
			if want != 5 || !errors.Is(err, context.Canceled) {
				t.Errorf("after %d entries: %v", want, err)
			}
			return
		}
		if entry.Index != want {
			t.Fatalf("entry %d, want %d", entry.Index, want)
		}
		want++
		switch want {
		case 2:
			apitest.Stop(first.Server, time.Second)
			w.Record(w.Register(dealer))
		case 3, 4:
			w.Record(w.Register(dealer))
		case 5:
			cancel()
		}
	}
}

func TestReadsClosedIsRefused(t *testing.T) {
	w := apitest.New(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := w.Client(nil, w.ServeOn(0, w.Backend, far{listener}, func(*api.Config) {}))
	if _, err := c.GetParty(t.Context(), ledger.PartyID{1}, client.Linearizable); !errors.Is(err, &client.Refused{Reason: client.ReasonReadsClosed}) {
		t.Errorf("%v", err)
	}
	if _, err := c.TreeHead(t.Context(), 0, client.Linearizable); err != nil {
		t.Errorf("a tree head: %v", err)
	}
}

type far struct{ net.Listener }

func (l far) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return farConn{conn}, err
}

type farConn struct{ net.Conn }

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }
