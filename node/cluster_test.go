package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/keyfile"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test. It is never the time that a test takes.
const patience = 60 * time.Second

// cluster is a founded ledger with nodes in this process, on loopback.
type cluster struct {
	tb       testing.TB
	genesis  []byte
	id       ledger.LedgerID
	members  []*member
	verifier *sign.Verifier
}

// member is a node, running or not.
type member struct {
	config     Config
	governance trade.Dealer
	running    *Node
}

func (m *member) id() string { return m.running.server.Node }

// found makes three nodes with folders and starts none.
func found(tb testing.TB) *cluster {
	tb.Helper()
	c := &cluster{tb: tb, verifier: sign.NewVerifier(64)}
	dir := tb.TempDir()
	passphrase := []byte("made up")
	var parts []Part
	for i := range 3 {
		peer, client := freeAddress(tb), freeAddress(tb)
		config := DefaultConfig()
		config.DataDir = filepath.Join(dir, fmt.Sprint(i), "data")
		config.IdentityDir = filepath.Join(dir, fmt.Sprint(i), "identity")
		config.Genesis = filepath.Join(dir, "genesis.json")
		config.PeerListen, config.ClientListen, config.HTTPListen = peer, client, "127.0.0.1:0"
		config.Raft.HeartbeatTimeout = 200 * time.Millisecond
		config.OpenReads = true
		part, err := CreateIdentity(config.IdentityDir, IdentityRequest{
			ID: fmt.Sprintf("node-%d", i), Association: fmt.Sprintf("guild-%d.example.org", i), Country: "BE",
			PeerAddress: peer, ClientAddress: client,
			Passphrase: passphrase, KeyOptions: keyfile.Options{WorkFactor: 2}, Random: rand.Reader, Now: time.Now(),
		})
		must(tb, err)
		parts = append(parts, part)
		c.members = append(c.members, &member{config: config})
	}
	file, err := NewGenesis("trade.example.org/test", time.Now(), 0, parts)
	must(tb, err)
	must(tb, os.WriteFile(c.members[0].config.Genesis, file, 0o644))
	c.genesis, c.id = file, ledger.GenesisID(file)
	for _, m := range c.members {
		must(tb, Found(m.config))
		key, err := keyfile.Read(filepath.Join(m.config.IdentityDir, governanceKeyFile))
		must(tb, err)
		opened, err := key.Open(passphrase)
		must(tb, err)
		m.governance, err = trade.DealerOf(c.id, "guild", opened.Private)
		must(tb, err)
	}
	tb.Cleanup(func() {
		for _, m := range c.members {
			c.stop(m)
		}
	})
	return c
}

// serve founds three nodes, starts them and waits until they serve.
func serve(tb testing.TB) *cluster {
	tb.Helper()
	c := found(tb)
	for _, m := range c.members {
		c.start(m)
	}
	c.awaitReady(c.members...)
	return c
}

func (c *cluster) start(m *member) {
	c.tb.Helper()
	n, err := Start(m.config, Options{Logger: testLogger(c.tb), RecallPatience: 100 * time.Millisecond})
	must(c.tb, err)
	m.running = n
}

func (c *cluster) stop(m *member) {
	c.tb.Helper()
	if m.running == nil {
		return
	}
	if err := m.running.Close(); err != nil {
		c.tb.Errorf("close: %v", err)
	}
	select {
	case err := <-m.running.Fatal():
		c.tb.Errorf("a node had to stop: %v", err)
	default:
	}
	m.running = nil
}

func (c *cluster) awaitReady(members ...*member) {
	c.tb.Helper()
	for _, m := range members {
		eventually(c.tb, func() error {
			if reasons := m.running.NotReady(); len(reasons) > 0 {
				return fmt.Errorf("%s: %q", m.id(), reasons)
			}
			return nil
		})
	}
}

// leader gives the member that leads, and the others.
func (c *cluster) leader() (leader *member, others []*member) {
	c.tb.Helper()
	eventually(c.tb, func() error {
		leader, others = nil, nil
		for _, m := range c.members {
			if m.running != nil && m.running.Replica().Status().State == custodyv1.NodeState_NODE_STATE_LEADER {
				leader = m
			} else {
				others = append(others, m)
			}
		}
		if leader == nil || len(others) != len(c.members)-1 {
			return errors.New("no single leader")
		}
		return nil
	})
	return leader, others
}

// awaitEqual waits until all running nodes have the same ledger, and gives its
// size.
func (c *cluster) awaitEqual() (size uint64, root merkle.Hash) {
	c.tb.Helper()
	eventually(c.tb, func() error {
		size = 0
		for _, m := range c.members {
			if m.running == nil {
				continue
			}
			s, r := m.running.store.Head()
			if size != 0 && (s != size || r != root) {
				return fmt.Errorf("sizes %d and %d", size, s)
			}
			size, root = s, r
		}
		return nil
	})
	return size, root
}

func (c *cluster) candidate(event ledger.SignedEvent, openings ...ledger.Opening) ledger.Candidate {
	c.tb.Helper()
	decoded, rejection := ledger.DecodeEvent(ledger.RulesVersion1, event)
	if rejection != nil {
		c.tb.Fatal(rejection)
	}
	verified, rejections := ledger.Verify(c.verifier, []*ledger.Event{decoded})
	if rejections[0] != nil {
		c.tb.Fatal(rejections[0])
	}
	return ledger.Candidate{VerifiedEvent: verified[0], Openings: openings}
}

func (c *cluster) submission(event ledger.SignedEvent, openings ...ledger.Opening) ledger.Submission {
	c.tb.Helper()
	return ledger.Submission{c.candidate(event, openings...)}
}

// submit sends again until the outcome is known.
func (c *cluster) submit(m *member, submission ledger.Submission) ledger.Outcome {
	c.tb.Helper()
	var outcome ledger.Outcome
	eventually(c.tb, func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		outcome, err = m.running.Replica().Submit(ctx, submission)
		return err
	})
	return outcome
}

// record demands that a submission stands.
func (c *cluster) record(m *member, submission ledger.Submission) ledger.Receipt {
	c.tb.Helper()
	outcome := c.submit(m, submission)
	if outcome.Rejection != nil {
		c.tb.Fatalf("refused: %v", outcome.Rejection)
	}
	return outcome.Receipts[0]
}

// dealer admits a new dealer at a node.
func (c *cluster) dealer(m *member, name string) trade.Dealer {
	c.tb.Helper()
	dealer, err := trade.NewDealer(c.id, name)
	must(c.tb, err)
	event, legalName, err := dealer.Admit(c.members[0].governance, "BE", custodyv1.Role_ROLE_DEALER)
	must(c.tb, err)
	c.record(m, c.submission(event, legalName))
	return dealer
}

// registration signs a new stone.
func (c *cluster) registration(dealer trade.Dealer) ledger.SignedEvent {
	c.tb.Helper()
	body := trade.Polished(200_000_000, nil)
	body.Reference = make([]byte, len(ledger.Reference{}))
	rand.Read(body.Reference)
	event, err := dealer.Register(body)
	must(c.tb, err)
	return event
}

func (c *cluster) stone(m *member, dealer trade.Dealer) trade.Stone {
	c.tb.Helper()
	event := c.registration(dealer)
	c.record(m, c.submission(event))
	return trade.Registered(event)
}

// freeAddress finds a port below those that the kernel gives to outgoing
// connections.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+mathrand.IntN(20_000))
		if listener, err := net.Listen("tcp", address); err == nil {
			must(tb, listener.Close())
			return address
		}
	}
	tb.Fatal("no free port")
	return ""
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// eventually polls until a condition holds.
func eventually(tb testing.TB, condition func() error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			tb.Fatalf("does not come true: %v", err)
		}
	}
}

func testLogger(tb testing.TB) *slog.Logger {
	if os.Getenv("CUSTODY_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// isVoter tells whether a member's own server has a vote in the eyes of another.
func isVoter(in *member, server consensus.ServerID) bool {
	return slices.ContainsFunc(in.running.Replica().Status().Members, func(m *custodyv1.MemberStatus) bool {
		return m.ServerId == server.String() && m.Voter
	})
}
