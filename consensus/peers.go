package consensus

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// The protocols of the peer port, chosen by ALPN.
const (
	protocolRaft = "custody-raft/1"
	protocolGRPC = "h2"
)

const (
	// handshakesMax bounds the connections that have not yet shown who they
	// are; past it new ones are closed at once.
	handshakesMax = 64
	// raftConnsMax bounds one node's raft connections. raft uses a handful.
	raftConnsMax = 32

	handshakeTimeout = 10 * time.Second
	acceptPauseMax   = time.Second
)

// KeyHash is the SHA-256 of a TLS key's SubjectPublicKeyInfo. A node is who
// holds the key; the certificate around it, its names and its dates, says
// nothing.
type KeyHash [sha256.Size]byte

// HashKey returns the key hash of a certificate.
func HashKey(c *x509.Certificate) KeyHash { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// PeersConfig configures the port on which nodes talk to each other.
type PeersConfig struct {
	Node     string // own node id
	LedgerID [32]byte
	// Certificate is the node's own key with a self-signed certificate.
	Certificate tls.Certificate
	// Keys are the pinned keys of all nodes, this one among them, by node id.
	Keys map[string]KeyHash
	// Address gives the host:port of a node's peer port. It may be called at
	// any time and may change its mind.
	Address func(node string) (string, error)
	// Listener accepts TCP connections. Peers closes it.
	Listener net.Listener
	Logger   *slog.Logger // default: none
}

// Peers is the peer port: one TLS 1.3 listener for raft and for gRPC between
// nodes. Both ends show a pinned key; who has none never gets past TLS.
//
// It lives longer than the Node that uses it: peer gRPC serves before raft
// runs and while it stops.
type Peers struct {
	config PeersConfig
	tls    *tls.Config
	logger *slog.Logger
	grpc   *acceptQueue

	ctx    context.Context
	cancel context.CancelFunc
	conns  sync.WaitGroup
	slots  chan struct{}

	mu    sync.Mutex
	layer *raftLayer           // who takes raft connections; nil before Start
	admit func(ServerID) bool  // nil: nobody is admitted yet
	open  map[*raftConn]string // accepted raft connections with the server at the other end
}

// ListenPeers starts to accept connections at once. Raft connections are
// refused until a Node has started.
func ListenPeers(c PeersConfig) (*Peers, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Peers{
		config: c, logger: c.Logger, slots: make(chan struct{}, handshakesMax),
		grpc: newAcceptQueue(c.Listener.Addr()), open: make(map[*raftConn]string),
	}
	p.tls = &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{c.Certificate},
		NextProtos:             []string{protocolRaft, protocolGRPC},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := p.nodeOf(s)
			return err
		},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.conns.Add(1)
	go p.acceptLoop()
	return p, nil
}

func (c PeersConfig) validate() error {
	var problems []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("consensus: "+format, args...))
		}
	}
	require(c.LedgerID != [32]byte{}, "LedgerID is missing")
	require(c.Address != nil, "Address is missing")
	require(c.Listener != nil, "Listener is missing")
	holder := make(map[KeyHash]string)
	for node, key := range c.Keys {
		require(checkNodeID(node) == nil, "Keys: %v", checkNodeID(node))
		require(holder[key] == "", "nodes %s and %s have one TLS key", node, holder[key])
		holder[key] = node
	}
	own, err := leaf(c.Certificate)
	require(err == nil, "Certificate: %v", err)
	require(err != nil || c.Keys[c.Node] == HashKey(own), "the key of Certificate is not the one pinned for node %q", c.Node)
	return errors.Join(problems...)
}

func leaf(c tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	if len(c.Certificate) == 0 {
		return nil, errors.New("there is none")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// nodeOf names the node at the other end by its key.
func (p *Peers) nodeOf(s tls.ConnectionState) (string, error) {
	if len(s.PeerCertificates) == 0 {
		return "", errors.New("consensus: the other end showed no key")
	}
	key := HashKey(s.PeerCertificates[0])
	for node, pinned := range p.config.Keys {
		if pinned == key {
			return node, nil
		}
	}
	return "", fmt.Errorf("consensus: the key %x is not pinned", key)
}

// Addr is the address of the listener.
func (p *Peers) Addr() net.Addr { return p.config.Listener.Addr() }

// GRPC returns the listener of peer gRPC connections. TLS is done on what it
// accepts: each is a *PeerConn that says which node is at the other end, and
// the gRPC server's transport credentials have only to pass that on.
func (p *Peers) GRPC() net.Listener { return p.grpc }

// PeerConn is an authenticated connection to another node.
type PeerConn struct {
	*tls.Conn
	node string
}

// Node is the node id whose pinned key the other end holds.
func (c *PeerConn) Node() string { return c.node }

func (p *Peers) acceptLoop() {
	defer p.conns.Done()
	pause := 5 * time.Millisecond
	for {
		conn, err := p.config.Listener.Accept()
		if err != nil {
			if p.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			p.logger.Warn("accept a peer", "error", err)
			select {
			case <-time.After(pause):
			case <-p.ctx.Done():
				return
			}
			pause = min(2*pause, acceptPauseMax)
			continue
		}
		pause = 5 * time.Millisecond
		select {
		case p.slots <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		p.conns.Add(1)
		go func() {
			defer p.conns.Done()
			defer func() { <-p.slots }()
			if err := p.greet(conn); err != nil {
				p.logger.Warn("refused a peer", "remote", conn.RemoteAddr().String(), "error", err)
				conn.Close()
			}
		}()
	}
}

// greet finds out who is at the other end and passes the connection on.
func (p *Peers) greet(raw net.Conn) error {
	ctx, cancel := context.WithTimeout(p.ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Server(raw, p.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	state := conn.ConnectionState()
	node, err := p.nodeOf(state)
	if err != nil {
		return err
	}
	switch state.NegotiatedProtocol {
	case protocolGRPC:
		return p.grpc.put(ctx, &PeerConn{Conn: conn, node: node})
	case protocolRaft:
		return p.greetRaft(ctx, conn, node)
	}
	return fmt.Errorf("consensus: node %s speaks none of this port's protocols", node)
}

// DialGRPC opens a connection for peer gRPC to a node. It fails unless the
// other end holds the key pinned for that node.
func (p *Peers) DialGRPC(ctx context.Context, node string) (*PeerConn, error) {
	conn, err := p.dial(ctx, node, protocolGRPC)
	if err != nil {
		return nil, err
	}
	return &PeerConn{Conn: conn, node: node}, nil
}

func (p *Peers) dial(ctx context.Context, node, protocol string) (*tls.Conn, error) {
	pinned, ok := p.config.Keys[node]
	if !ok {
		return nil, fmt.Errorf("consensus: no key is pinned for node %.70q", node)
	}
	address, err := p.config.Address(node)
	if err != nil {
		return nil, fmt.Errorf("consensus: address of node %s: %w", node, err)
	}
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{p.config.Certificate},
		NextProtos:   []string{protocol},
		// The pinned key takes the place of the certificate's name and dates.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || HashKey(s.PeerCertificates[0]) != pinned {
				return fmt.Errorf("consensus: %s does not hold the key of node %s", address, node)
			}
			if s.NegotiatedProtocol != protocol {
				return fmt.Errorf("consensus: node %s does not speak %s", node, protocol)
			}
			return nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// Close ends the listener, every raft connection and every greeting. gRPC
// connections belong to who accepted them.
func (p *Peers) Close() error {
	p.cancel()
	err := p.config.Listener.Close()
	p.grpc.Close()
	everyone := func(string) bool { return true }
	p.closeRaftConns(everyone)
	p.conns.Wait()
	p.closeRaftConns(everyone) // greeted meanwhile
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
