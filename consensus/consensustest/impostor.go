package consensustest

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
)

// Impostor speaks raft to nodes over their peer ports, with the TLS key of a
// member and nothing behind it: no log, no votes, no rules. It says what a
// member that lies could say. The member's own node must not run meanwhile.
type Impostor struct {
	config ImpostorConfig
	trans  *raft.NetworkTransport
}

// ImpostorConfig says whose place an impostor takes.
type ImpostorConfig struct {
	Self        consensus.ServerID
	Ledger      [32]byte
	Cluster     [32]byte
	Certificate tls.Certificate
	// Address gives the host:port of a node's peer port.
	Address func(node string) (string, error)
}

// NewImpostor connects to nobody yet.
func NewImpostor(c ImpostorConfig) *Impostor {
	i := &Impostor{config: c}
	i.trans = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: &impostorLayer{config: c, closed: make(chan struct{})}, MaxPool: 2, Timeout: 5 * time.Second,
		Logger: hclog.NewNullLogger(),
	})
	return i
}

// Close ends every connection.
func (i *Impostor) Close() error {
	i.trans.CloseStreams()
	return i.trans.Close()
}

// Entry is an entry of a raft log that holds a command of consensus.
type Entry struct {
	Term    uint64
	Command []byte // as consensus.Config.CheckCommand gets it
	// Open is instead of Command: the payload of a command that opens a cluster.
	Open []byte
}

// Request is what a leader says to a follower.
type Request struct {
	Term                uint64
	PrevIndex, PrevTerm uint64
	Entries             []Entry // at PrevIndex+1 and on
	Commit              uint64
}

// Answer is what the follower says.
type Answer struct {
	Term, Last uint64
	Success    bool
}

// Append sends a leader's request to a server.
func (i *Impostor) Append(to consensus.ServerID, r Request) (Answer, error) {
	request := &raft.AppendEntriesRequest{
		RPCHeader: i.header(), Term: r.Term, Leader: i.address(), //lint:ignore SA1019 servers before protocol version 3 read it, and raft v1.7.3 still asks for it
		PrevLogEntry: r.PrevIndex, PrevLogTerm: r.PrevTerm, LeaderCommitIndex: r.Commit,
	}
	for n, e := range r.Entries {
		data := sealed(kindBatch, e.Command)
		if e.Open != nil {
			data = sealed(kindOpen, e.Open)
		}
		request.Entries = append(request.Entries, &raft.Log{
			Index: r.PrevIndex + uint64(n) + 1, Term: e.Term, Type: raft.LogCommand, Data: data,
		})
	}
	var response raft.AppendEntriesResponse
	err := i.trans.AppendEntries(raft.ServerID(to.String()), raft.ServerAddress(to.String()), request, &response)
	return Answer{Term: response.Term, Last: response.LastLog, Success: response.Success}, err
}

// RequestVote asks a server for its vote.
func (i *Impostor) RequestVote(to consensus.ServerID, term, lastIndex, lastTerm uint64) (granted bool, err error) {
	request := &raft.RequestVoteRequest{
		RPCHeader: i.header(), Term: term, Candidate: i.address(), //lint:ignore SA1019 as Leader above
		LastLogIndex: lastIndex, LastLogTerm: lastTerm, LeadershipTransfer: true,
	}
	var response raft.RequestVoteResponse
	err = i.trans.RequestVote(raft.ServerID(to.String()), raft.ServerAddress(to.String()), request, &response)
	return response.Granted, err
}

// SendPointer offers a server a pointer in the place of its log, in a term.
func (i *Impostor) SendPointer(to consensus.ServerID, term uint64, p ledger.Pointer) (success bool, err error) {
	b, err := p.AppendBinary(nil)
	if err != nil {
		return false, err
	}
	request := &raft.InstallSnapshotRequest{
		RPCHeader: i.header(), SnapshotVersion: raft.SnapshotVersionMax, Term: term, Leader: i.address(),
		LastLogIndex: p.Index, LastLogTerm: p.Term, Configuration: p.Configuration,
		ConfigurationIndex: p.ConfigurationIndex, Size: int64(len(b)),
	}
	var response raft.InstallSnapshotResponse
	err = i.trans.InstallSnapshot(raft.ServerID(to.String()), raft.ServerAddress(to.String()), request, &response, bytes.NewReader(b))
	return response.Success, err
}

// Members gives the configuration of a raft cluster with these voters, in
// raft's own encoding.
func Members(voters ...consensus.ServerID) []byte {
	var members raft.Configuration
	for _, v := range voters {
		members.Servers = append(members.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(v.String()), Address: raft.ServerAddress(v.String())})
	}
	return raft.EncodeConfiguration(members)
}

func (i *Impostor) address() []byte { return []byte(i.config.Self.String()) }

func (i *Impostor) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: i.address(), Addr: i.address()}
}

// Kinds of raft entries.
const (
	kindOpen  = 1
	kindBatch = 2
)

// sealed is the data of a raft entry: version 1, kind, CRC-32C, payload.
func sealed(kind byte, payload []byte) []byte {
	b := append([]byte{1, kind, 0, 0, 0, 0}, payload...)
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.BigEndian.PutUint32(b[2:], crc32.Update(crc32.Checksum(b[:2], table), table, b[6:]))
	return b
}

// impostorLayer opens raft connections and accepts none.
type impostorLayer struct {
	config ImpostorConfig
	closed chan struct{}
}

func (l *impostorLayer) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l *impostorLayer) Close() error {
	close(l.closed)
	return nil
}

func (l *impostorLayer) Addr() net.Addr { return impostorAddr(l.config.Self.String()) }

type impostorAddr string

func (impostorAddr) Network() string  { return "impostor" }
func (a impostorAddr) String() string { return string(a) }

// Dial implements raft.StreamLayer, with the hello of consensus.
func (l *impostorLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	to, err := consensus.ParseServerID(string(address))
	if err != nil {
		return nil, err
	}
	at, err := l.config.Address(to.Node)
	if err != nil {
		return nil, err
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: timeout}, "tcp", at, &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{l.config.Certificate},
		NextProtos: []string{"custody-raft/1"}, InsecureSkipVerify: true,
	})
	if err != nil {
		return nil, err
	}
	if err := l.greet(conn, to); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (l *impostorLayer) greet(conn net.Conn, to consensus.ServerID) error {
	b := append([]byte{0, 0, 1}, l.config.Ledger[:]...)
	b = append(b, l.config.Cluster[:]...)
	for _, server := range []string{l.config.Self.String(), to.String()} {
		b = append(append(b, byte(len(server))), server...)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	if _, err := conn.Write(b); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[0] != 0 {
		return fmt.Errorf("consensustest: %s answers the hello with %d", to, answer[0])
	}
	return nil
}
