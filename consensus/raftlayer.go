package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	raftConnPool   = 3
	raftRPCTimeout = 10 * time.Second
)

// raftLayer is raft's stream layer on a peer port: it accepts and opens raft
// connections of one server in one cluster.
type raftLayer struct {
	*acceptQueue
	peers   *Peers
	server  ServerID
	cluster [32]byte

	mu     sync.Mutex
	dialed map[*dialedConn]struct{} // nil once closed
}

func newRaftLayer(p *Peers, server ServerID, cluster [32]byte) *raftLayer {
	return &raftLayer{
		acceptQueue: newAcceptQueue(raftAddr(server)), peers: p, server: server, cluster: cluster,
		dialed: make(map[*dialedConn]struct{}),
	}
}

// dialedConn is a raft connection that this server opened.
type dialedConn struct {
	net.Conn
	layer *raftLayer
}

func (c *dialedConn) Close() error {
	c.layer.mu.Lock()
	delete(c.layer.dialed, c)
	c.layer.mu.Unlock()
	return c.Conn.Close()
}

// raftAddr is a server id in the place of a network address.
type raftAddr ServerID

func (a raftAddr) Network() string { return protocolRaft }
func (a raftAddr) String() string  { return ServerID(a).String() }

func (p *Peers) raftTransport(server ServerID, cluster [32]byte, logger *slog.Logger) raft.Transport {
	layer := newRaftLayer(p, server, cluster)
	p.mu.Lock()
	p.layer = layer
	p.mu.Unlock()
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: layer, MaxPool: raftConnPool, Timeout: raftRPCTimeout, Logger: raftLogger(logger),
	})
}

// Close implements net.Listener. It also closes every connection and opens
// none any more: raft's transport would wait for the other ends of those it
// accepted, and a leader would go on sending heartbeats over those it opened.
func (l *raftLayer) Close() error {
	l.acceptQueue.Close()
	l.mu.Lock()
	dialed := l.dialed
	l.dialed = nil
	l.mu.Unlock()
	for c := range dialed {
		c.Conn.SetDeadline(time.Unix(1, 0))
		c.Conn.Close()
	}
	l.peers.mu.Lock()
	if l.peers.layer == l {
		l.peers.layer, l.peers.admit = nil, nil
	}
	l.peers.mu.Unlock()
	l.peers.closeRaftConns(func(string) bool { return true })
	return nil
}

// Dial implements raft.StreamLayer. The address is a server id.
func (l *raftLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	to, err := ParseServerID(string(address))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(l.peers.ctx, timeout)
	defer cancel()
	conn, err := l.peers.dial(ctx, to.Node, protocolRaft)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	answer := [1]byte{}
	h := hello{ledgerID: l.peers.config.LedgerID, cluster: l.cluster, from: l.server, to: to}
	if _, err = conn.Write(h.encode()); err == nil {
		_, err = io.ReadFull(conn, answer[:])
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil && helloAnswer(answer[0]) != helloWelcome {
		err = &RefusedError{By: to.String(), answer: helloAnswer(answer[0])}
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return l.keep(conn)
}

// keep counts a dialed connection, unless the layer is closed.
func (l *raftLayer) keep(conn net.Conn) (net.Conn, error) {
	c := &dialedConn{Conn: conn, layer: l}
	l.mu.Lock()
	open := l.dialed != nil
	if open {
		l.dialed[c] = struct{}{}
	}
	l.mu.Unlock()
	if !open {
		conn.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// greetRaft reads the hello of a node and hands the connection to raft when
// everything fits.
func (p *Peers) greetRaft(ctx context.Context, conn net.Conn, node string) error {
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	h, err := readHello(conn)
	if err != nil {
		conn.Write([]byte{byte(helloMalformed)})
		return err
	}
	layer, tracked, answer := p.judge(h, conn, node)
	if answer != helloWelcome {
		conn.Write([]byte{byte(answer)})
		return fmt.Errorf("consensus: server %s: %s", h.from, helloReasons[answer])
	}
	if _, err = conn.Write([]byte{byte(helloWelcome)}); err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err == nil {
		err = layer.put(ctx, tracked)
	}
	if err != nil {
		tracked.Close()
	}
	return err
}

// judge decides on a hello and, when it is welcome, counts the connection.
func (p *Peers) judge(h hello, conn net.Conn, node string) (*raftLayer, *raftConn, helloAnswer) {
	p.mu.Lock()
	layer, admit := p.layer, p.admit
	p.mu.Unlock()
	switch {
	case h.ledgerID != p.config.LedgerID:
		return nil, nil, helloOtherLedger
	case h.from.Node != node:
		return nil, nil, helloMalformed
	case layer == nil || admit == nil:
		return nil, nil, helloNotReady
	case h.cluster != layer.cluster:
		return nil, nil, helloOtherCluster
	case h.to != layer.server:
		return nil, nil, helloOtherServer
	case !admit(h.from):
		return nil, nil, helloNotMember
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for _, server := range p.open {
		if id, err := ParseServerID(server); err == nil && id.Node == node {
			count++
		}
	}
	if count >= raftConnsMax {
		return nil, nil, helloTooMany
	}
	tracked := &raftConn{Conn: conn, peers: p}
	p.open[tracked] = h.from.String()
	return layer, tracked, helloWelcome
}

// raftConn is an accepted raft connection.
type raftConn struct {
	net.Conn
	peers *Peers
}

func (c *raftConn) Close() error {
	c.peers.mu.Lock()
	delete(c.peers.open, c)
	c.peers.mu.Unlock()
	return c.Conn.Close()
}

// admitServers sets who may open raft connections; nil admits nobody.
func (p *Peers) admitServers(admit func(ServerID) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.admit = admit
}

// recheck closes the raft connections of servers that are admitted no more.
func (p *Peers) recheck() {
	p.mu.Lock()
	admit := p.admit
	p.mu.Unlock()
	if admit == nil {
		return
	}
	p.closeRaftConns(func(server string) bool {
		id, err := ParseServerID(server)
		return err != nil || !admit(id)
	})
}

func (p *Peers) closeRaftConns(which func(server string) bool) {
	p.mu.Lock()
	var closing []*raftConn
	for c, server := range p.open {
		if which(server) {
			closing = append(closing, c)
		}
	}
	p.mu.Unlock()
	for _, c := range closing {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			p.logger.Debug("close a raft connection", "error", err)
		}
	}
}
