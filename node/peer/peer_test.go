package peer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ports are the peer ports of two nodes, a and b.
func ports(t *testing.T) (a, b *consensus.Peers) {
	t.Helper()
	ids := []string{"a", "b"}
	keys, certificates := map[string]consensus.KeyHash{}, map[string]tls.Certificate{}
	listeners := map[string]net.Listener{}
	for _, id := range ids {
		certificates[id] = certificate(t)
		keys[id] = consensus.HashKey(certificates[id].Leaf)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		listeners[id] = listener
	}
	both := map[string]*consensus.Peers{}
	for _, id := range ids {
		port, err := consensus.ListenPeers(consensus.PeersConfig{
			Node: id, LedgerID: [32]byte{1}, Certificate: certificates[id], Keys: keys, Listener: listeners[id],
			Address: func(node string) (string, error) { return listeners[node].Addr().String(), nil },
		})
		must(t, err)
		t.Cleanup(func() { must(t, port.Close()) })
		both[id] = port
	}
	return both["a"], both["b"]
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// backend answers as its fields say.
type backend struct {
	propose func(context.Context, ledger.Submission) (ledger.Outcome, consensus.EntryID, error)
	err     error
	entries [][]byte
	opening ledger.Opening
	rejoin  func(consensus.ServerID) error
}

func (b *backend) Propose(ctx context.Context, s ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	return b.propose(ctx, s)
}

func (b *backend) ReadIndex(context.Context) (uint64, error) { return 42, b.err }

func (b *backend) Entries(from, to uint64, each func([]byte, []ledger.Opening) error) error {
	if b.err != nil {
		return b.err
	}
	for i := from; i < to; i++ {
		if i >= uint64(len(b.entries)) {
			return errors.New("out of range")
		}
		if err := each(b.entries[i], []ledger.Opening{b.opening}); err != nil {
			return err
		}
	}
	return nil
}

func (b *backend) Consistency(from, to uint64) ([]merkle.Hash, error) {
	return []merkle.Hash{{byte(from)}, {byte(to)}}, b.err
}

func (b *backend) Rejoin(_ context.Context, server consensus.ServerID) error { return b.rejoin(server) }

// connected gives a client of node a to a server of node b.
func connected(t *testing.T, b *backend) (*Client, *Server, *storetest.Trade) {
	t.Helper()
	trade := storetest.NewTrade(storetest.Pseudorandom(11))
	portA, portB := ports(t)
	server := Serve(portB.GRPC(), ServerConfig{Backend: b, Genesis: trade.Genesis, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(server.Stop)
	client := NewClient(portA)
	t.Cleanup(func() { must(t, client.Close()) })
	return client, server, trade
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func receiptsFor(submission ledger.Submission, index uint64) ledger.Outcome {
	var outcome ledger.Outcome
	for i, candidate := range submission {
		outcome.Receipts = append(outcome.Receipts, ledger.Receipt{
			Event: candidate.ID, Index: index + uint64(i), RecordedAt: 7, Leaf: merkle.Hash{byte(index)}, Duplicate: i%2 == 1,
		})
	}
	return outcome
}

func TestOutcomesComeBack(t *testing.T) {
	rejection := ledger.RejectField(ledger.StalePrev, "offer.item", "not the last event")
	for name, c := range map[string]struct {
		outcome ledger.Outcome
		err     error
		want    func(ledger.Outcome, consensus.EntryID, error) bool
	}{
		"rejection": {ledger.Outcome{Rejection: rejection}, nil, func(o ledger.Outcome, entry consensus.EntryID, err error) bool {
			return err == nil && entry == (consensus.EntryID{Index: 9, Term: 4}) && *o.Rejection == *rejection
		}},
		"not leader": {ledger.Outcome{}, &consensus.NotLeaderError{Leader: "c"}, func(_ ledger.Outcome, _ consensus.EntryID, err error) bool {
			var notLeader *consensus.NotLeaderError
			return errors.As(err, &notLeader) && notLeader.Leader == "c"
		}},
		"overloaded":  {ledger.Outcome{}, consensus.ErrOverloaded, is(consensus.ErrOverloaded)},
		"catching up": {ledger.Outcome{}, consensus.ErrCatchingUp, is(consensus.ErrCatchingUp)},
		"stopped":     {ledger.Outcome{}, consensus.ErrStopped, is(consensus.ErrStopped)},
		"unknown":     {ledger.Outcome{}, fmt.Errorf("%w: lost leadership", consensus.ErrOutcomeUnknown), is(consensus.ErrOutcomeUnknown)},
		"any other":   {ledger.Outcome{}, errors.New("disk on fire"), is(consensus.ErrOutcomeUnknown)},
		"no receipts": {ledger.Outcome{}, nil, is(consensus.ErrOutcomeUnknown)},
	} {
		t.Run(name, func(t *testing.T) {
			client, _, trade := connected(t, &backend{propose: func(context.Context, ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
				return c.outcome, consensus.EntryID{Index: 9, Term: 4}, c.err
			}})
			if outcome, entry, err := client.Propose(t.Context(), "b", trade.Admit()); !c.want(outcome, entry, err) {
				t.Errorf("got %+v, %v, %v", outcome, entry, err)
			}
		})
	}
}

func is(want error) func(ledger.Outcome, consensus.EntryID, error) bool {
	return func(_ ledger.Outcome, _ consensus.EntryID, err error) bool { return errors.Is(err, want) }
}

func TestManySubmissionsShareAStream(t *testing.T) {
	var got atomic.Int64
	client, _, trade := connected(t, &backend{propose: func(_ context.Context, s ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
		got.Add(1)
		for _, candidate := range s {
			if len(candidate.Openings) == 0 {
				return ledger.Outcome{}, consensus.EntryID{}, errors.New("the openings are gone")
			}
		}
		return receiptsFor(s, 5), consensus.EntryID{Index: 6}, nil
	}})
	var submissions []ledger.Submission
	for range 20 {
		submissions = append(submissions, trade.Admit())
	}
	var done sync.WaitGroup
	for i := range 500 {
		submission := submissions[i%len(submissions)]
		done.Go(func() {
			outcome, entry, err := client.Propose(t.Context(), "b", submission)
			if err != nil || entry.Index != 6 || outcome.Receipts[0] != receiptsFor(submission, 5).Receipts[0] {
				t.Errorf("got %+v, %v, %v", outcome, entry, err)
			}
		})
	}
	done.Wait()
	if got.Load() != 500 {
		t.Errorf("%d were proposed", got.Load())
	}
}

// TestTheLeaderVerifiesAgain has a node forward what it should not have taken.
func TestTheLeaderVerifiesAgain(t *testing.T) {
	client, _, trade := connected(t, &backend{propose: func(_ context.Context, s ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
		t.Error("proposed")
		return receiptsFor(s, 1), consensus.EntryID{Index: 1}, nil
	}})
	forge := func(change func(*ledger.Event)) ledger.Submission {
		s := trade.Admit()
		event := *s[0].Event
		event.Signed.Signatures = append([][]byte(nil), event.Signed.Signatures...)
		event.Signed.Signatures[0] = append([]byte(nil), event.Signed.Signatures[0]...)
		change(&event)
		s[0].Event = &event
		return s
	}
	two := append(trade.Admit(), trade.Admit()...)
	opening := trade.Admit()
	opening[0].Openings = append([]ledger.Opening(nil), opening[0].Openings...)
	opening[0].Openings[0].Value += "x"
	for _, c := range []struct {
		submission ledger.Submission
		want       ledger.Reason
	}{
		{forge(func(e *ledger.Event) { e.Signed.Signatures[0][5] ^= 1 }), ledger.BadSignature},
		{forge(func(e *ledger.Event) { e.Signed.Event = []byte{0xff} }), ledger.Malformed},
		{forge(func(e *ledger.Event) { e.Signed.Signatures = e.Signed.Signatures[:1] }), ledger.WrongSigners},
		{two, ledger.GroupIncomplete},
		{opening, ledger.OpeningMismatch},
		{nil, ledger.MissingField},
	} {
		outcome, entry, err := client.Propose(t.Context(), "b", c.submission)
		if err != nil || outcome.Rejection == nil || outcome.Rejection.Reason != c.want || entry != (consensus.EntryID{}) {
			t.Errorf("expected %s, got %+v, %v, %v", c.want, outcome, entry, err)
		}
	}
}

func TestABrokenConnectionLeavesTheOutcomeUnknown(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	b := &backend{propose: func(ctx context.Context, s ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
		close(arrived)
		<-release
		return receiptsFor(s, 1), consensus.EntryID{Index: 1}, nil
	}}
	client, server, trade := connected(t, b)
	submission := trade.Admit()
	failed := make(chan error)
	go func() {
		_, _, err := client.Propose(t.Context(), "b", submission)
		failed <- err
	}()
	<-arrived
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.Stop()
	}()
	if err := <-failed; !errors.Is(err, consensus.ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
	close(release)
	<-stopped
	// Nobody serves there any more: nothing is sent, the outcome is none.
	var notLeader *consensus.NotLeaderError
	for range 3 {
		_, _, err := client.Propose(t.Context(), "b", submission)
		if !errors.As(err, &notLeader) && !errors.Is(err, consensus.ErrOutcomeUnknown) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAContextThatEndsLeavesTheOutcomeUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, _, trade := connected(t, &backend{propose: func(served context.Context, s ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
		cancel()
		<-served.Done()
		return ledger.Outcome{}, consensus.EntryID{}, served.Err()
	}})
	if _, _, err := client.Propose(ctx, "b", trade.Admit()); !errors.Is(err, consensus.ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestUnreachableNode(t *testing.T) {
	portA, portB := ports(t)
	must(t, portB.Close())
	client := NewClient(portA)
	trade := storetest.NewTrade(storetest.Pseudorandom(12))
	var notLeader *consensus.NotLeaderError
	if _, _, err := client.Propose(t.Context(), "b", trade.Admit()); !errors.As(err, &notLeader) {
		t.Errorf("propose: %v", err)
	}
	if _, err := client.ReadIndex(t.Context(), "b"); !errors.As(err, &notLeader) {
		t.Errorf("read index: %v", err)
	}
	if _, _, err := client.Propose(t.Context(), "stranger", trade.Admit()); !errors.As(err, &notLeader) {
		t.Errorf("a node that is none: %v", err)
	}
	must(t, client.Close())
	if _, _, err := client.Propose(t.Context(), "b", trade.Admit()); !errors.Is(err, consensus.ErrStopped) {
		t.Errorf("after close: %v", err)
	}
}

func TestReadCalls(t *testing.T) {
	b := &backend{opening: ledger.Opening{Field: 1, Salt: [32]byte{3}, Value: "x"}}
	for i := range 40 {
		b.entries = append(b.entries, append([]byte{byte(i)}, make([]byte, ledger.EntryBytesMax-1)...))
	}
	client, _, _ := connected(t, b)
	if index, err := client.ReadIndex(t.Context(), "b"); err != nil || index != 42 {
		t.Errorf("read index %d, %v", index, err)
	}
	if proof, err := client.Consistency(t.Context(), "b", 3, 5); err != nil || len(proof) != 2 || proof[1] != (merkle.Hash{5}) {
		t.Errorf("proof %v, %v", proof, err)
	}
	var got []audit.Raw
	runs := 0
	err := client.Entries(t.Context(), "b", 2, 40, func(run []audit.Raw) error {
		runs++
		got = append(got, run...)
		return nil
	})
	if err != nil || len(got) != 38 || runs < 2 || got[0].Entry[0] != 2 || got[37].Entry[0] != 39 || got[0].Openings[0].Value != "x" {
		t.Errorf("%d entries in %d runs, %v", len(got), runs, err)
	}
	enough := errors.New("enough")
	if err := client.Entries(t.Context(), "b", 0, 40, func([]audit.Raw) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if err := client.Entries(t.Context(), "b", 0, 41, func([]audit.Raw) error { return nil }); err == nil {
		t.Error("more entries than there are")
	}
	b.err = consensus.ErrCatchingUp
	if err := client.Entries(t.Context(), "b", 0, 1, func([]audit.Raw) error { return nil }); !errors.Is(err, consensus.ErrCatchingUp) {
		t.Errorf("entries: %v", err)
	}
	if _, err := client.ReadIndex(t.Context(), "b"); !errors.Is(err, consensus.ErrCatchingUp) {
		t.Errorf("read index: %v", err)
	}
	b.err = &consensus.NotLeaderError{Leader: "c"}
	var notLeader *consensus.NotLeaderError
	if _, err := client.ReadIndex(t.Context(), "b"); !errors.As(err, &notLeader) || notLeader.Leader != "c" {
		t.Errorf("read index: %v", err)
	}
}

func TestANodeRejoinsForItselfOnly(t *testing.T) {
	var asked []consensus.ServerID
	client, _, _ := connected(t, &backend{rejoin: func(server consensus.ServerID) error {
		asked = append(asked, server)
		return nil
	}})
	own := consensus.ServerID{Node: "a", Incarnation: [8]byte{1}}
	must(t, client.Rejoin(t.Context(), "b", own))
	if err := client.Rejoin(t.Context(), "b", consensus.ServerID{Node: "c"}); err == nil {
		t.Error("node a rejoined for node c")
	}
	if err := client.Rejoin(t.Context(), "b", consensus.ServerID{Node: "A"}); err == nil {
		t.Error("a server id that is none was taken")
	}
	if len(asked) != 1 || asked[0] != own {
		t.Errorf("asked for %v", asked)
	}
}
