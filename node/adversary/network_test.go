// Package adversary has tests only: of three associations' nodes, one or two lie, and somebody notices.
//
// A liar is a program that has a member's identity folder. It tells its lies from outside, over the ports that nodes
// have, with the member's real keys; the other nodes are the real program, in this process, on loopback. What honest
// parts a lie needs are taken from the real packages, so that the lie is the only thing that is wrong.
//
// The table of ledger/audit/DESIGN.md says for every lie who notices, and which test here shows it.
package adversary

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/node"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// patience bounds every wait of a test. It is never the time that a test takes.
const patience = 40 * time.Second

// clock is the time of all nodes of a network: the real one, moved on by a test.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time                 { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(by time.Duration)       { c.ahead.Add(int64(by)) }
func (c *clock) millis(by time.Duration) uint64 { return uint64(c.now().Add(by).UnixMilli()) }

// network is a founded ledger of three associations with their nodes.
type network struct {
	testing.TB
	dir     string
	file    []byte // the genesis
	genesis *ledger.Genesis
	id      ledger.LedgerID
	members []*member
	clock   clock
	client  *client.Client
}

// member is an association and its node, which runs or not.
type member struct {
	*node.Identity
	id         string
	server     consensus.ServerID
	config     node.Config
	governance trade.Dealer
	running    *node.Node
	conn       *grpc.ClientConn // to its client port, whoever answers there
}

// found makes three associations with folders and starts no node. A quorum of 0 is a majority.
func found(t testing.TB, quorum uint32) *network {
	t.Helper()
	n := &network{TB: t, dir: t.TempDir()}
	passphrase := []byte("made up")
	var parts []node.Part
	for _, name := range []string{"antwerp", "mumbai", "newyork"} {
		config := node.DefaultConfig()
		config.DataDir, config.IdentityDir = filepath.Join(n.dir, name, "data"), filepath.Join(n.dir, name, "identity")
		config.Genesis = filepath.Join(n.dir, "genesis.json")
		config.PeerListen, config.ClientListen, config.HTTPListen = freeAddress(t), freeAddress(t), "127.0.0.1:0"
		config.Raft.HeartbeatTimeout = 600 * time.Millisecond // a liar that leads must not be deposed on a busy machine
		config.OpenReads = true
		part, err := node.CreateIdentity(config.IdentityDir, node.IdentityRequest{
			ID: name, Association: name + ".example.org", Country: "BE",
			PeerAddress: config.PeerListen, ClientAddress: config.ClientListen,
			Passphrase: passphrase, KeyOptions: keyfile.Options{WorkFactor: 2}, Random: rand.Reader, Now: time.Now(),
		})
		n.must(err)
		parts = append(parts, part)
		n.members = append(n.members, &member{id: name, config: config})
	}
	var err error
	n.file, err = node.NewGenesis("adversary.example.org/trade", time.Now(), quorum, parts)
	n.must(err)
	n.must(os.WriteFile(n.members[0].config.Genesis, n.file, 0o644))
	n.genesis, err = ledger.DecodeGenesis(n.file)
	n.must(err)
	n.id = ledger.GenesisID(n.file)
	for _, m := range n.members {
		n.must(node.Found(m.config))
		m.Identity, err = node.LoadIdentity(m.config.IdentityDir)
		n.must(err)
		m.server, err = consensus.ParseServerID(m.Part.Node.ServerID())
		n.must(err)
		key, err := keyfile.Read(filepath.Join(m.config.IdentityDir, "governance.key"))
		n.must(err)
		opened, err := key.Open(passphrase)
		n.must(err)
		m.governance, err = trade.DealerOf(n.id, m.id, opened.Private)
		n.must(err)
		m.conn, err = grpc.NewClient("passthrough:///"+m.config.ClientListen, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, // whose key it is, these tests do not ask
		})))
		n.must(err)
		t.Cleanup(func() { n.must(m.conn.Close()) })
	}
	n.client = n.dial(n.members...)
	t.Cleanup(func() {
		for _, m := range n.members {
			n.stop(m)
		}
	})
	return n
}

// serve founds three nodes, starts them, and waits until they serve.
func serve(t testing.TB, quorum uint32) *network {
	t.Helper()
	n := found(t, quorum)
	n.start(n.members...)
	return n
}

// dial makes a client of some nodes only.
func (n *network) dial(members ...*member) *client.Client {
	n.Helper()
	var addresses []string
	for _, m := range members {
		addresses = append(addresses, m.id+"="+m.config.ClientListen)
	}
	c, err := client.New(client.Config{Genesis: n.file, Addresses: addresses, Patience: patience, AttemptTimeout: 5 * time.Second})
	n.must(err)
	n.Cleanup(func() { n.must(c.Close()) })
	return c
}

// start starts nodes and waits until they serve.
func (n *network) start(members ...*member) {
	n.Helper()
	errs := make([]error, len(members))
	var starting sync.WaitGroup
	for i, m := range members {
		starting.Go(func() { errs[i] = n.tryStart(m) }) // each waits for what the others know of it
	}
	starting.Wait()
	n.must(errors.Join(errs...))
	for _, m := range members {
		n.eventually(func() error {
			if reasons := m.running.NotReady(); len(reasons) > 0 {
				return fmt.Errorf("%s is not ready: %q", m.id, reasons)
			}
			return nil
		})
	}
}

// tryStart starts a node and does not wait for it.
func (n *network) tryStart(m *member) error {
	logger := slog.New(slog.DiscardHandler)
	if os.Getenv("CUSTODY_TEST_LOG") != "" {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	running, err := node.Start(m.config, node.Options{Logger: logger, Clock: n.clock.now})
	if err == nil {
		m.running = running
	}
	return err
}

// stop stops a node that must not have had to stop by itself.
func (n *network) stop(m *member) {
	n.Helper()
	if m.running == nil {
		return
	}
	select {
	case err := <-m.running.Fatal():
		n.Errorf("%s had to stop: %v", m.id, err)
	default:
		n.must(m.running.Close())
	}
	m.running = nil
}

// awaitStop waits until a node ends its process by itself, and says why.
func (n *network) awaitStop(m *member) error {
	n.Helper()
	select {
	case err := <-m.running.Fatal():
		m.running.Close() // in a program, the process ends here
		m.running = nil
		return err
	case <-time.After(patience):
		n.Fatalf("%s goes on", m.id)
		return nil
	}
}

// runs fails when one of the nodes had to stop.
func (n *network) runs(members ...*member) {
	n.Helper()
	for _, m := range members {
		select {
		case err := <-m.running.Fatal():
			n.Errorf("%s stopped: %v", m.id, err)
		default:
		}
	}
}

// leader gives the member that leads, and the others that run.
func (n *network) leader() (leader *member, others []*member) {
	n.Helper()
	n.eventually(func() error {
		leader, others = nil, nil
		for _, m := range n.members {
			switch {
			case m.running == nil:
			case m.running.Replica().Status().State == custodyv1.NodeState_NODE_STATE_LEADER:
				leader = m
			default:
				others = append(others, m)
			}
		}
		if leader == nil {
			return errors.New("no leader")
		}
		return nil
	})
	return leader, others
}

func (n *network) others(but ...*member) []*member {
	return slices.DeleteFunc(slices.Clone(n.members), func(m *member) bool { return slices.Contains(but, m) })
}

// settle waits until the nodes that run have one ledger, and gives its size.
func (n *network) settle() uint64 {
	n.Helper()
	var size uint64
	n.eventually(func() error {
		size = 0
		for _, m := range n.members {
			if m.running == nil {
				continue
			}
			s := m.running.Replica().Status()
			if s.LeaderNodeId == "" || size != 0 && s.Size != size {
				return fmt.Errorf("%s has %d entries, another node %d", m.id, s.Size, size)
			}
			size = s.Size
		}
		return nil
	})
	return size
}

func (n *network) status(m *member) *custodyv1.GetStatusResponse {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	status, err := custodyv1.NewLedgerServiceClient(m.conn).GetStatus(ctx, &custodyv1.GetStatusRequest{})
	n.must(err)
	return status
}

// checkpoints are the last final checkpoint of a node and the last head that it signed; nil before there is one.
func (n *network) checkpoints(m *member) (final, own *checkpoint.Note) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := custodyv1.NewAuditServiceClient(m.conn).GetCheckpoint(ctx, &custodyv1.GetCheckpointRequest{})
	n.must(err)
	return n.note(response.Final), n.note(response.Own)
}

func (n *network) note(b []byte) *checkpoint.Note {
	n.Helper()
	if len(b) == 0 {
		return nil
	}
	note, err := checkpoint.ParseNote(b)
	n.must(err)
	return note
}

// final waits until every node that runs has one and the same final checkpoint that covers a size.
func (n *network) final(size uint64) *checkpoint.Note {
	n.Helper()
	var note *checkpoint.Note
	n.eventually(func() error {
		note = nil
		for _, m := range n.members {
			if m.running == nil {
				continue
			}
			final, _ := n.checkpoints(m)
			switch {
			case final == nil || final.Size < size:
				return fmt.Errorf("%s has no final checkpoint of %d entries: %v", m.id, size, final)
			case note != nil && final.Checkpoint != note.Checkpoint:
				return fmt.Errorf("%s has %v, another node %v", m.id, final.Checkpoint, note.Checkpoint)
			}
			note = final
		}
		return nil
	})
	n.isFinal(note)
	return note
}

func (n *network) policy() *checkpoint.Policy { return n.genesis.Policy().Checkpoint() }

func (n *network) isFinal(note *checkpoint.Note) {
	n.Helper()
	if _, err := n.policy().Verify(note); err != nil {
		n.Fatalf("%v is not final: %v", note.Checkpoint, err)
	}
}

func (n *network) notFinal(note *checkpoint.Note) {
	n.Helper()
	if _, err := n.policy().Verify(note); !errors.Is(err, checkpoint.ErrNoQuorum) {
		n.Fatalf("%v: %v, not %v", note.Checkpoint, err, checkpoint.ErrNoQuorum)
	}
}

// record has events recorded one after the other, and gives the receipt of the last one.
func (n *network) record(events ...ledger.SignedEvent) ledger.Receipt {
	n.Helper()
	var receipt ledger.Receipt
	for _, event := range events {
		receipt = n.recordAt(n.client, event)
	}
	return receipt
}

func (n *network) recordAt(c *client.Client, event ledger.SignedEvent, openings ...ledger.Opening) ledger.Receipt {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	receipt, err := c.Append(ctx, event, openings...)
	n.must(err)
	return receipt
}

// refused demands that an event is refused with a reason.
func (n *network) refused(event ledger.SignedEvent, reason ledger.Reason) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := n.client.Append(ctx, event)
	var refused *client.Refused
	if !errors.As(err, &refused) || refused.Reason != reason {
		n.Fatalf("%v, not a refusal with %s", err, reason)
	}
}

// dealer admits a new dealer.
func (n *network) dealer(name string) trade.Dealer {
	n.Helper()
	dealer, err := trade.NewDealer(n.id, name)
	n.must(err)
	event, legalName, err := dealer.Admit(n.members[0].governance, "BE", custodyv1.Role_ROLE_DEALER)
	n.must(err)
	n.recordAt(n.client, event, legalName)
	return dealer
}

// registration signs a new stone of a dealer.
func (n *network) registration(dealer trade.Dealer) ledger.SignedEvent {
	n.Helper()
	body := trade.Polished(200_000_000, nil)
	body.Reference = make([]byte, len(ledger.Reference{}))
	rand.Read(body.Reference)
	event, err := dealer.Register(body)
	n.must(err)
	return event
}

// stone registers a new stone.
func (n *network) stone(dealer trade.Dealer) trade.Stone {
	n.Helper()
	event := n.registration(dealer)
	n.record(event)
	return trade.Registered(event)
}

// sell signs a sale: offer and receipt.
func (n *network) sell(stone *trade.Stone, from, to trade.Dealer) []ledger.SignedEvent {
	n.Helper()
	events, err := stone.Travel([]trade.Dealer{from, to}, []trade.Leg{trade.Sale(0, 1)})
	n.must(err)
	return events
}

// entries are the bytes of the ledger as one node serves them.
func (n *network) entries(m *member) [][]byte {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := n.dial(m)
	head, err := c.TreeHead(ctx, 0, client.Stale)
	n.must(err)
	var entries [][]byte
	n.must(c.Entries(ctx, 0, head.Size, func(_ uint64, entry []byte) error {
		entries = append(entries, bytes.Clone(entry))
		return nil
	}))
	return entries
}

// evidenceFiles are the evidence that a node has put down, by file name.
func (n *network) evidenceFiles(m *member) map[string][]byte {
	n.Helper()
	found, err := filepath.Glob(filepath.Join(m.config.DataDir, "evidence", "*"))
	n.must(err)
	files := map[string][]byte{}
	for _, path := range found {
		if strings.HasPrefix(filepath.Base(path), ".") {
			continue
		}
		b, err := os.ReadFile(path)
		n.must(err)
		files[filepath.Base(path)] = b
	}
	return files
}

// restoreFolder makes a folder what a copy of it was.
func (n *network) restoreFolder(to, from string) {
	n.Helper()
	n.must(os.RemoveAll(to))
	n.must(os.CopyFS(to, os.DirFS(from)))
}

func (n *network) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// eventually polls until a condition holds.
func (n *network) eventually(condition func() error) {
	n.Helper()
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
			n.Fatalf("does not come true: %v", err)
		}
	}
}

// ports goes round through a range below that which the kernel gives to outgoing connections, so that networks side by
// side never take each other's: a node that is stopped comes back to its port.
var ports atomic.Uint32

const portsFrom, portsCount = 30_000, 2_700

func init() { ports.Store(mathrand.Uint32N(portsCount)) }

// freeAddress finds a port that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", portsFrom+ports.Add(1)%portsCount)
		if listener, err := net.Listen("tcp", address); err == nil {
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}
