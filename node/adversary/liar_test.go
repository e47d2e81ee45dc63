package adversary

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/consensus/consensustest"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/replica"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// liar is a program in the place of a member's node: it has the member's keys and ports, and says what it likes.
type liar struct {
	*network
	*member
	port     *consensus.Peers
	conns    map[string]*grpc.ClientConn // to the peer ports of others
	impostor *consensustest.Impostor

	mu    sync.Mutex
	heads *custodyv1.HeadsResponse // what it answers to Heads; nil is the clock alone
	asked int                      // how often it was
}

// corrupt stops a member's node, if it runs, and puts a liar in its place.
func (n *network) corrupt(m *member) *liar {
	n.Helper()
	n.stop(m)
	l := &liar{network: n, member: m, conns: map[string]*grpc.ClientConn{}}
	listener, err := net.Listen("tcp", m.config.PeerListen)
	n.must(err)
	keys := map[string]consensus.KeyHash{}
	for _, other := range n.members {
		keys[other.id] = consensus.HashKey(other.TLS.Leaf)
	}
	l.port, err = consensus.ListenPeers(consensus.PeersConfig{
		Node: m.id, LedgerID: n.id, Certificate: m.TLS, Keys: keys, Address: n.peerAddress, Listener: listener,
	})
	n.must(err)
	server := grpc.NewServer(grpc.Creds(passed{}))
	custodyv1.RegisterPeerServiceServer(server, &stub{liar: l})
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(l.port.GRPC()) })
	for _, other := range n.others(m) {
		l.conns[other.id], err = grpc.NewClient("passthrough:///"+other.id, grpc.WithTransportCredentials(passed{}),
			grpc.WithContextDialer(func(ctx context.Context, node string) (net.Conn, error) { return l.port.DialGRPC(ctx, node) }))
		n.must(err)
	}
	l.impostor = consensustest.NewImpostor(consensustest.ImpostorConfig{
		Self: m.server, Ledger: n.id, Cluster: replica.Cluster(n.id), Certificate: m.TLS, Address: n.peerAddress,
	})
	n.Cleanup(func() {
		n.must(l.impostor.Close())
		for _, conn := range l.conns {
			n.must(conn.Close())
		}
		server.Stop()
		n.must(l.port.Close())
		serving.Wait()
	})
	return l
}

func (n *network) peerAddress(id string) (string, error) {
	for _, m := range n.members {
		if m.id == id {
			return m.config.PeerListen, nil
		}
	}
	return "", errors.New("no such node")
}

// at gives the peer service of another node, which knows that the liar's member calls.
func (l *liar) at(m *member) custodyv1.PeerServiceClient {
	return custodyv1.NewPeerServiceClient(l.conns[m.id])
}

// sign makes the member's lines over a head: those of its log key and of its cosigner key.
func (m *member) sign(n *network, c checkpoint.Checkpoint) *checkpoint.Note {
	policy := n.genesis.Policy()
	own, ok := policy.Node(m.id)
	if !ok {
		n.Fatal("no such node")
	}
	return &checkpoint.Note{Checkpoint: c, Signatures: []checkpoint.Signature{
		policy.LogKey(own).Sign(m.Log, c, 0),
		policy.CosignerKey(own).Sign(m.Cosigner, c, uint64(n.clock.now().Unix())),
	}}
}

// signAll is a note that several members signed.
func (n *network) signAll(c checkpoint.Checkpoint, members ...*member) *checkpoint.Note {
	note := &checkpoint.Note{Checkpoint: c}
	for _, m := range members {
		note.Signatures = append(note.Signatures, m.sign(n, c).Signatures...)
	}
	return note
}

func (n *network) head(size uint64, root merkle.Hash) checkpoint.Checkpoint {
	return checkpoint.Checkpoint{Origin: n.genesis.Name, Size: size, Root: root}
}

// askCosign asks a node to cosign a head.
func (l *liar) askCosign(m *member, note *checkpoint.Note) *custodyv1.CosignResponse {
	l.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := l.at(m).Cosign(ctx, &custodyv1.CosignRequest{Note: note.Encode()})
	l.must(err)
	return response
}

// stub answers the other nodes as the liar likes.
type stub struct {
	custodyv1.UnimplementedPeerServiceServer
	liar *liar
}

func (s *stub) Heads(context.Context, *custodyv1.HeadsRequest) (*custodyv1.HeadsResponse, error) {
	s.liar.mu.Lock()
	defer s.liar.mu.Unlock()
	s.liar.asked++
	response := &custodyv1.HeadsResponse{NowMs: s.liar.clock.millis(0)}
	if h := s.liar.heads; h != nil {
		response.Own, response.Final, response.Yours = h.Own, h.Final, h.Yours
		if h.NowMs != 0 {
			response.NowMs = h.NowMs
		}
	}
	return response, nil
}

// answers sets what the liar says about itself.
func (l *liar) answers(heads *custodyv1.HeadsResponse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads, l.asked = heads, 0
}

// awaitAsked waits until the others have asked that often since.
func (l *liar) awaitAsked(times int) {
	l.Helper()
	l.eventually(func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.asked < times {
			return fmt.Errorf("asked %d times", l.asked)
		}
		return nil
	})
}

// Propose takes submissions and answers none.
func (s *stub) Propose(stream grpc.BidiStreamingServer[custodyv1.ProposeRequest, custodyv1.ProposeResponse]) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

// reign is the liar as the leader of a term that it has given itself. Followers believe whoever holds a member's key
// and names a higher term.
type reign struct {
	*liar
	term  uint64
	last  uint64 // raft index of the last entry that all followers have
	prev  uint64 // its term
	stop  chan struct{}
	beats sync.WaitGroup
}

// seize makes the liar the leader of followers, until the end of the test or abdicate.
func (l *liar) seize(followers ...*member) *reign {
	l.Helper()
	r := &reign{liar: l, stop: make(chan struct{})}
	var term uint64
	for _, f := range followers {
		answer, err := l.impostor.Append(f.server, consensustest.Request{Term: 1})
		l.must(err)
		term = max(term, answer.Term)
	}
	r.term = term + 10 // an election that is on its way does not reach it
	for range 2 {      // what was being stored when the new term came is there the second time
		r.last = math.MaxUint64
		for _, f := range followers {
			answer, err := l.impostor.Append(f.server, consensustest.Request{Term: r.term})
			l.must(err)
			if !answer.Success {
				l.Fatalf("%s answers %+v", f.id, answer)
			}
			r.last = min(r.last, answer.Last) // what only one of them has is not committed
		}
	}
	for r.prev = 1; ; r.prev++ {
		answer, err := l.impostor.Append(followers[0].server, consensustest.Request{Term: r.term, PrevIndex: r.last, PrevTerm: r.prev})
		l.must(err)
		if answer.Success {
			break
		}
		if r.prev > r.term {
			l.Fatalf("the term of raft entry %d cannot be found", r.last)
		}
	}
	for _, f := range followers {
		r.beats.Go(func() {
			ticker := time.NewTicker(50 * time.Millisecond)
			defer ticker.Stop()
			for {
				l.impostor.Append(f.server, consensustest.Request{Term: r.term})
				select {
				case <-ticker.C:
				case <-r.stop:
					return
				}
			}
		})
	}
	l.Cleanup(r.abdicate)
	return r
}

// abdicate lets the others elect a leader.
func (r *reign) abdicate() {
	if r.stop == nil {
		return
	}
	close(r.stop)
	r.beats.Wait()
	r.stop = nil
}

// give has a follower store commands behind the log that all have, and commit them if it likes.
func (r *reign) give(to *member, commit bool, commands ...[]byte) error {
	request := consensustest.Request{Term: r.term, PrevIndex: r.last, PrevTerm: r.prev}
	for _, c := range commands {
		request.Entries = append(request.Entries, consensustest.Entry{Term: r.term, Command: c})
	}
	if commit {
		request.Commit = r.last + uint64(len(commands))
	}
	answer, err := r.impostor.Append(to.server, request)
	if err == nil && !answer.Success {
		err = errors.New("the follower says no")
	}
	return err
}

// gave moves on behind commands that all followers have.
func (r *reign) gave(commands int) {
	if commands > 0 {
		r.last, r.prev = r.last+uint64(commands), r.term
	}
}

// passed are transport credentials over connections on which the peer port has done TLS.
type passed struct{}

func (passed) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, passedInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (p passed) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return p.ClientHandshake(context.Background(), "", conn)
}

func (passed) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (p passed) Clone() credentials.TransportCredentials { return p }
func (passed) OverrideServerName(string) error           { return nil }

type passedInfo struct{ credentials.CommonAuthInfo }

func (passedInfo) AuthType() string { return "passed" }

func (n *network) cluster() [32]byte { return replica.Cluster(n.id) }
