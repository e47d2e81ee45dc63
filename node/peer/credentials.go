// Package peer carries what nodes call on each other beside raft: submissions
// that a follower forwards, read indexes, entries for catch-up, and the request
// to rejoin; and what they show and state to each other: heads to sign, clocks,
// signed proposals, statements.
//
// It speaks gRPC over connections on which consensus.Peers has already done
// TLS with pinned keys, so that the node at the other end is always known.
package peer

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"
	grpcpeer "google.golang.org/grpc/peer"

	"github.com/custodyledger/custodyledger/consensus"
)

// established are transport credentials for connections that come out of
// consensus.Peers: there is nothing left to shake hands about.
type established struct{}

// nodeInfo says which node is at the other end of a connection.
type nodeInfo struct {
	credentials.CommonAuthInfo
	node string
}

// AuthType implements credentials.AuthInfo.
func (nodeInfo) AuthType() string { return "custody-node" }

var errNotPeer = errors.New("peer: a connection that did not come through the peer port")

func (established) handshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	known, ok := conn.(*consensus.PeerConn)
	if !ok {
		return nil, nil, errNotPeer
	}
	info := nodeInfo{node: known.Node()}
	info.SecurityLevel = credentials.PrivacyAndIntegrity
	return conn, info, nil
}

func (e established) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return e.handshake(conn)
}

func (e established) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return e.handshake(conn)
}

func (established) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (e established) Clone() credentials.TransportCredentials { return e }
func (established) OverrideServerName(string) error           { return nil }

// callerOf names the node that makes a call.
func callerOf(ctx context.Context) (string, bool) {
	p, ok := grpcpeer.FromContext(ctx)
	if !ok {
		return "", false
	}
	info, ok := p.AuthInfo.(nodeInfo)
	return info.node, ok
}
