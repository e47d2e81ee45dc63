package consensus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
)

var testLedger = [32]byte{0x1d}

// selfSigned makes a TLS key with a certificate whose dates are long over:
// keys count, dates do not.
func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node.example.org"},
		NotBefore: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
}

// network is a set of nodes with keys and addresses on loopback.
type network struct {
	t     testing.TB
	certs map[string]tls.Certificate
	keys  map[string]KeyHash

	mu        sync.Mutex
	addresses map[string]string
}

func newNetwork(t testing.TB, nodes ...string) *network {
	t.Helper()
	n := &network{t: t, certs: make(map[string]tls.Certificate), keys: make(map[string]KeyHash), addresses: make(map[string]string)}
	for _, node := range nodes {
		n.certs[node] = selfSigned(t)
		n.keys[node] = HashKey(n.certs[node].Leaf)
	}
	return n
}

func (n *network) config(node string) PeersConfig {
	n.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	return PeersConfig{
		Node: node, LedgerID: testLedger, Certificate: n.certs[node], Keys: n.keys, Listener: l,
		Address: func(to string) (string, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if a, ok := n.addresses[to]; ok {
				return a, nil
			}
			return "", errors.New("unknown")
		},
	}
}

func (n *network) listen(node string, adjust func(*PeersConfig)) *Peers {
	n.t.Helper()
	c := n.config(node)
	if adjust != nil {
		adjust(&c)
	}
	p, err := ListenPeers(c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.mu.Lock()
	n.addresses[node] = p.Addr().String()
	n.mu.Unlock()
	n.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			n.t.Errorf("close peers of %s: %v", node, err)
		}
	})
	return p
}

func ignoreNothing(t *testing.T) { t.Cleanup(func() { goleak.VerifyNone(t) }) }

// A raft connection needs the pinned key, the ledger, the cluster, the server
// that is meant, and membership; each refusal says which of them it was.
func TestRaftConnectionRefusals(t *testing.T) {
	ignoreNothing(t)
	n := newNetwork(t, "a", "b", "stranger")
	stranger := n.certs["stranger"]
	delete(n.keys, "stranger")
	server := n.listen("b", nil)
	client := n.listen("a", nil)
	from, to := testServer("a", 1), testServer("b", 1)

	dial := func(p *Peers, from, to ServerID, cluster [32]byte) error {
		layer := newRaftLayer(p, from, cluster)
		conn, err := layer.Dial(raft.ServerAddress(to.String()), 5*time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	}
	refused := func(name string, err error, want helloAnswer) {
		t.Helper()
		var r *RefusedError
		if !errors.As(err, &r) || r.answer != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("before raft runs", dial(client, from, to, testCluster), helloNotReady)

	layer := newRaftLayer(server, to, testCluster)
	server.mu.Lock()
	server.layer = layer
	server.mu.Unlock()
	member := from
	server.admitServers(func(s ServerID) bool { return s == member })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := layer.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(io.Discard, c)
			}()
		}
	}()
	defer func() { layer.Close(); <-done }()

	if err := dial(client, from, to, testCluster); err != nil {
		t.Fatalf("a member: %v", err)
	}
	// A connection ends when its server is a member no more.
	own := newRaftLayer(client, from, testCluster)
	conn, err := own.Dial(raft.ServerAddress(to.String()), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	server.recheck() // still a member: nothing happens
	server.admitServers(func(ServerID) bool { return false })
	server.recheck()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection of a removed server: %v", err)
	}
	conn.Close()
	server.admitServers(func(s ServerID) bool { return s == member })

	refused("another incarnation of a member", dial(client, testServer("a", 2), to, testCluster), helloNotMember)
	refused("another cluster", dial(client, from, to, [32]byte{9}), helloOtherCluster)
	refused("another server than the one that runs", dial(client, from, testServer("b", 2), testCluster), helloOtherServer)
	refused("under another node's name", dial(client, testServer("b", 1), to, testCluster), helloMalformed)
	other := n.listen("a", func(c *PeersConfig) { c.LedgerID = [32]byte{2} })
	refused("another ledger", dial(other, from, to, testCluster), helloOtherLedger)

	// A key that is not pinned ends in TLS: no byte of ours is read.
	mallory := n.listen("a", func(c *PeersConfig) {
		c.Certificate = stranger
		c.Keys = map[string]KeyHash{"a": HashKey(stranger.Leaf), "b": n.keys["b"]}
	})
	var r *RefusedError
	if err := dial(mallory, from, to, testCluster); err == nil || errors.As(err, &r) {
		t.Errorf("a key that is not pinned: %v", err)
	}
	// And the one that dials knows whom it reached.
	n.mu.Lock()
	n.addresses["b"] = mallory.Addr().String()
	n.mu.Unlock()
	if err := dial(client, from, to, testCluster); err == nil || errors.As(err, &r) {
		t.Errorf("an impostor was reached: %v", err)
	}
}

// Garbage, silence and plain text on the port hold nothing and break nothing.
func TestPeerPortGarbage(t *testing.T) {
	ignoreNothing(t)
	n := newNetwork(t, "a", "b")
	server := n.listen("b", nil)
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", string(make([]byte, 1<<16))} {
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(text))
		conn.(*net.TCPConn).CloseWrite()
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	n.listen("a", nil)
	client := newRaftLayer(n.listen("a", nil), testServer("a", 1), testCluster)
	var r *RefusedError
	if _, err := client.Dial(raft.ServerAddress(testServer("b", 1).String()), 5*time.Second); !errors.As(err, &r) {
		t.Errorf("after the garbage: %v", err)
	}
}

// gRPC connections come out of their own listener with the node's name, over
// TLS 1.3 only.
func TestGRPCConnections(t *testing.T) {
	ignoreNothing(t)
	n := newNetwork(t, "a", "b")
	server, client := n.listen("b", nil), n.listen("a", nil)
	got := make(chan string, 1)
	go func() {
		conn, err := server.GRPC().Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer conn.Close()
		b := make([]byte, 4)
		io.ReadFull(conn, b)
		got <- conn.(*PeerConn).Node() + " says " + string(b)
	}()
	conn, err := client.DialGRPC(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Node() != "b" {
		t.Errorf("reached %q", conn.Node())
	}
	fmt.Fprint(conn, "ping")
	if s := <-got; s != "a says ping" {
		t.Error(s)
	}
	if _, err := client.DialGRPC(t.Context(), "nobody"); err == nil {
		t.Error("a node without a pinned key was dialed")
	}
	for name, bad := range map[string]*tls.Config{
		"TLS 1.2":             {MaxVersion: tls.VersionTLS12, NextProtos: []string{protocolGRPC}, Certificates: []tls.Certificate{n.certs["a"]}},
		"no key":              {NextProtos: []string{protocolGRPC}},
		"another protocol":    {NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{n.certs["a"]}},
		"no protocol by name": {Certificates: []tls.Certificate{n.certs["a"]}},
	} {
		bad.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", server.Addr().String(), bad)
		if err != nil {
			continue
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: got an answer", name)
		}
		conn.Close()
	}
}

func TestPeersConfigProblems(t *testing.T) {
	n := newNetwork(t, "a", "b")
	bad := map[string]func(*PeersConfig){
		"no ledger id":              func(c *PeersConfig) { c.LedgerID = [32]byte{} },
		"no addresses":              func(c *PeersConfig) { c.Address = nil },
		"another node's key":        func(c *PeersConfig) { c.Certificate = n.certs["b"] },
		"no certificate":            func(c *PeersConfig) { c.Certificate = tls.Certificate{} },
		"one key for two nodes":     func(c *PeersConfig) { c.Keys = map[string]KeyHash{"a": n.keys["a"], "c": n.keys["a"]} },
		"a node id of another form": func(c *PeersConfig) { c.Keys = map[string]KeyHash{"a": n.keys["a"], "B": n.keys["b"]} },
	}
	for name, change := range bad {
		c := n.config("a")
		change(&c)
		if _, err := ListenPeers(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
		c.Listener.Close()
	}
	if _, err := ListenPeers(PeersConfig{}); err == nil {
		t.Error("an empty configuration was accepted")
	}
}

// realMember is a node with a raft log on disk and TLS on loopback.
type realMember struct {
	id     ServerID
	dir    string
	ledger *memLedger
	peers  *Peers
	node   *Node
}

type realCluster struct {
	t       testing.TB
	net     *network
	members []*realMember
	adjust  func(*Config)
}

func newRealCluster(t testing.TB, adjust func(*Config)) *realCluster {
	t.Helper()
	c := &realCluster{t: t, net: newNetwork(t, "a", "b", "c"), adjust: adjust}
	for _, node := range []string{"a", "b", "c"} {
		c.members = append(c.members, &realMember{
			id: testServer(node, 1), dir: t.TempDir(), ledger: newMemLedger(), peers: c.net.listen(node, nil),
		})
	}
	for _, m := range c.members {
		c.start(m, ModeFound)
	}
	return c
}

func (c *realCluster) start(m *realMember, mode Mode) {
	c.t.Helper()
	config := Config{
		Server: m.id, Cluster: testCluster, Mode: mode, Dir: m.dir, Peers: m.peers,
		Founders: []ServerID{testServer("a", 1), testServer("b", 1), testServer("c", 1)},
		Ledger:   m.ledger, Machine: m.ledger, CatchUp: &memCatchUp{to: m.ledger, from: func() *memLedger { return c.other(m) }},
		Fatal: func(err error) { c.t.Errorf("%s: %v", m.id, err) },
		seams: seams{shortTrailing: true},
	}
	if c.adjust != nil {
		c.adjust(&config)
	}
	node, err := Start(config)
	if err != nil {
		c.t.Fatal(err)
	}
	m.node = node
	c.t.Cleanup(func() { node.Shutdown() })
}

func (c *realCluster) other(but *realMember) *memLedger {
	var best *memLedger
	var size uint64
	for _, m := range c.members {
		if n, _ := m.ledger.Head(); m != but && n > size {
			best, size = m.ledger, n
		}
	}
	return best
}

func (c *realCluster) until(what string, ok func() bool) {
	c.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			c.t.Fatalf("no %s within a minute", what)
		}
	}
}

func (c *realCluster) leader() *realMember {
	c.t.Helper()
	var found *realMember
	c.until("leader", func() bool {
		for _, m := range c.members {
			select {
			case <-m.node.gate.stop:
				continue
			default:
			}
			if m.node.IsLeader() {
				found = m
			}
		}
		return found != nil
	})
	return found
}

func (c *realCluster) propose(count int, name string) {
	c.t.Helper()
	for i := range count {
		c.until("acknowledgement", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, err := c.leader().node.Propose(ctx, fmt.Appendf(nil, "%s-%d", name, i))
			return err == nil
		})
	}
}

func (c *realCluster) settle() {
	c.t.Helper()
	c.until("equal ledgers", func() bool {
		size, root := c.members[0].ledger.Head()
		for _, m := range c.members[1:] {
			if s, r := m.ledger.Head(); s != size || r != root || m.node.fsm.isCatchingUp() {
				return false
			}
		}
		return true
	})
}

// Three nodes over TLS with bbolt logs on disk: commit, kill the leader,
// restart it, truncate, catch up, rejoin, and leave no goroutine behind.
func TestRealCluster(t *testing.T) {
	ignoreNothing(t)
	c := newRealCluster(t, func(c *Config) { c.PointerEntries, c.TrailingLogs = 32, 16 })
	c.propose(50, "first")
	c.settle()

	// As after a fatal error: the process is still there and says nothing.
	old := c.leader()
	old.node.gate.close()
	c.until("another leader", func() bool { return c.leader() != old })
	if err := old.node.Shutdown(); err != nil {
		t.Fatal(err)
	}
	c.propose(120, "without the leader")
	old.ledger = old.ledger.crash()
	c.start(old, ModeRun)
	c.propose(20, "with it again")
	c.settle()
	if s := old.node.Status(); s.FirstIndex <= 1 || s.PointerIndex == 0 {
		t.Errorf("nothing was truncated: %+v", s)
	}

	// The same node with another folder is refused until it has rejoined.
	if err := old.node.Shutdown(); err != nil {
		t.Fatal(err)
	}
	old.id, old.dir, old.ledger = testServer(old.id.Node, 2), t.TempDir(), newMemLedger()
	c.start(old, ModeRejoin)
	c.propose(5, "while it waits")
	if s := old.node.Status(); s.LastIndex != 0 || s.AppliedIndex != 0 {
		t.Errorf("a server that is no member got entries: %+v", s)
	}
	c.until("the vote of the new incarnation", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		return c.leader().node.Rejoin(ctx, old.id, func(context.Context) (PeerProgress, error) {
			s := old.node.Status()
			return PeerProgress{AppliedIndex: s.AppliedIndex, CatchingUp: s.CatchingUp}, nil
		}) == nil
	})
	c.propose(5, "with its vote")
	c.settle()
	for _, m := range c.members {
		if err := m.node.Shutdown(); err != nil {
			t.Error(err)
		}
	}
}
