package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// streamsMax bounds the calls of one node that are open at a time. A node
	// needs a handful.
	streamsMax = 64
	// proposalsOpenMax bounds the submissions of one stream that are worked on;
	// past it the stream is not read.
	proposalsOpenMax = 4096
	// verifyRunMax is how many submissions are verified together.
	verifyRunMax = 128
	// runBytes is how much a message of entries holds at least, but for the last.
	runBytes = 256 << 10

	headerBytesMax = 16 << 10
)

// Backend is what a node does for the others. Propose and ReadIndex answer at
// the leader only.
type Backend interface {
	Propose(context.Context, ledger.Submission) (ledger.Outcome, consensus.EntryID, error)
	ReadIndex(context.Context) (uint64, error)
	Entries(from, to uint64, each func(entry []byte, openings []ledger.Opening) error) error
	Consistency(from, to uint64) ([]merkle.Hash, error)
	Rejoin(context.Context, consensus.ServerID) error
}

// Witness is what a node says to the others in its own name. It answers before
// raft runs, too.
type Witness interface {
	// Cosign answers a leader that asks for signatures under its head.
	Cosign(ctx context.Context, caller string, note []byte) *custodyv1.CosignResponse
	// Heads gives this node's time and the heads that it knows.
	Heads(caller string) *custodyv1.HeadsResponse
	// Proposals gives the signed proposals of a leader as they reached this node,
	// ascending by counter.
	Proposals(node string, term, from uint64) []*custodyv1.SignedProposal
	// State gives this node's statement. The error is a gRPC status.
	State(ctx context.Context, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error)
}

// Server answers the other nodes of the ledger.
type Server struct {
	grpc *grpc.Server
	// Serving ends when the listener is closed.
	serving sync.WaitGroup
}

// ServerConfig is what a Server is made of; all fields are required.
type ServerConfig struct {
	Backend Backend
	Witness Witness
	Genesis *ledger.Genesis
	Logger  *slog.Logger
}

// Serve answers on the gRPC connections of a peer port until Stop.
func Serve(listener net.Listener, c ServerConfig) *Server {
	s := &Server{grpc: grpc.NewServer(
		grpc.Creds(established{}),
		grpc.WaitForHandlers(true), // they read the store, which is closed next
		grpc.MaxConcurrentStreams(streamsMax),
		grpc.MaxRecvMsgSize(messageBytesMax),
		grpc.MaxSendMsgSize(messageBytesMax),
		grpc.MaxHeaderListSize(headerBytesMax),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveTime / 2, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.ReadBufferSize(64<<10),
		grpc.WriteBufferSize(64<<10),
	)}
	calls := &calls{backend: c.Backend, witness: c.Witness, rulesVersion: c.Genesis.RulesVersion, logger: c.Logger, verifier: sign.NewVerifier(sign.PreparedKeysDefault)}
	custodyv1.RegisterPeerServiceServer(s.grpc, calls)
	custodyv1.RegisterAuditServiceServer(s.grpc, proofs{backend: c.Backend})
	s.serving.Go(func() {
		if err := s.grpc.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			c.Logger.Error("peer calls ended", "error", err)
		}
	})
	return s
}

// Stop ends every call and connection.
func (s *Server) Stop() {
	s.grpc.Stop()
	s.serving.Wait()
}

// calls implements PeerService.
type calls struct {
	custodyv1.UnimplementedPeerServiceServer
	backend      Backend
	witness      Witness
	rulesVersion uint32
	verifier     *sign.Verifier
	logger       *slog.Logger
}

// Propose implements PeerService. Submissions are answered in any order.
func (c *calls) Propose(stream grpc.BidiStreamingServer[custodyv1.ProposeRequest, custodyv1.ProposeResponse]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	requests := make(chan *custodyv1.ProposeRequest, verifyRunMax)
	responses := make(chan *custodyv1.ProposeResponse, verifyRunMax)
	var working, sending sync.WaitGroup
	working.Go(func() { c.work(ctx, requests, responses) })
	sending.Go(func() {
		for response := range responses {
			if err := stream.Send(response); err != nil {
				cancel()
			}
		}
	})
	err := receiveAll(ctx, stream, requests)
	close(requests)
	if err != nil {
		cancel()
	}
	working.Wait()
	close(responses)
	sending.Wait()
	return err
}

func receiveAll(ctx context.Context, stream grpc.BidiStreamingServer[custodyv1.ProposeRequest, custodyv1.ProposeResponse], into chan<- *custodyv1.ProposeRequest) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case into <- request:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// work verifies what has come in together and has each proposed. It returns
// when requests is closed and everything is answered.
func (c *calls) work(ctx context.Context, requests <-chan *custodyv1.ProposeRequest, responses chan<- *custodyv1.ProposeResponse) {
	var open sync.WaitGroup
	defer open.Wait()
	slots := make(chan struct{}, proposalsOpenMax)
	for request := range requests {
		run := gatherRun(request, requests)
		for _, admitted := range c.admit(run) {
			if admitted.rejection != nil {
				responses <- responseOf(admitted.sequence, ledger.Outcome{Rejection: admitted.rejection, At: admitted.at}, consensus.EntryID{}, nil)
				continue
			}
			slots <- struct{}{}
			open.Go(func() {
				outcome, entry, err := c.backend.Propose(ctx, admitted.submission)
				responses <- responseOf(admitted.sequence, outcome, entry, err)
				<-slots
			})
		}
	}
}

// gatherRun takes what else is there already.
func gatherRun(first *custodyv1.ProposeRequest, more <-chan *custodyv1.ProposeRequest) []*custodyv1.ProposeRequest {
	run := []*custodyv1.ProposeRequest{first}
	for len(run) < verifyRunMax {
		select {
		case request, ok := <-more:
			if !ok {
				return run
			}
			run = append(run, request)
		default:
			return run
		}
	}
	return run
}

// ReadIndex implements PeerService.
func (c *calls) ReadIndex(ctx context.Context, _ *custodyv1.ReadIndexRequest) (*custodyv1.ReadIndexResponse, error) {
	index, err := c.backend.ReadIndex(ctx)
	if err != nil {
		return nil, statusOf(err)
	}
	return &custodyv1.ReadIndexResponse{RaftIndex: index}, nil
}

// PeerEntries implements PeerService.
func (c *calls) PeerEntries(request *custodyv1.PeerEntriesRequest, stream grpc.ServerStreamingServer[custodyv1.PeerEntriesResponse]) error {
	if request.From >= request.To {
		return status.Errorf(codes.InvalidArgument, "entries %d to %d", request.From, request.To)
	}
	run, bytes := &custodyv1.PeerEntriesResponse{From: request.From}, 0
	send := func() error {
		err := stream.Send(run)
		run, bytes = &custodyv1.PeerEntriesResponse{From: run.From + uint64(len(run.Entries))}, 0
		return err
	}
	err := c.backend.Entries(request.From, request.To, func(entry []byte, openings []ledger.Opening) error {
		run.Entries = append(run.Entries, &custodyv1.PeerEntry{Entry: append([]byte(nil), entry...), Openings: openingMessages(openings)})
		if bytes += len(entry); bytes < runBytes {
			return nil
		}
		return send()
	})
	if err == nil && len(run.Entries) > 0 {
		err = send()
	}
	if err != nil {
		return statusOf(err)
	}
	return nil
}

// Rejoin implements PeerService. A node can ask for itself only.
func (c *calls) Rejoin(ctx context.Context, request *custodyv1.RejoinRequest) (*custodyv1.RejoinResponse, error) {
	server, err := consensus.ParseServerID(request.ServerId)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "server_id: %v", err)
	}
	caller, ok := callerOf(ctx)
	if !ok || caller != server.Node {
		return nil, status.Errorf(codes.PermissionDenied, "node %s asks for a server of node %s", caller, server.Node)
	}
	c.logger.Info("a node asks to rejoin", "server", server.String())
	if err := c.backend.Rejoin(ctx, server); err != nil {
		return nil, statusOf(err)
	}
	c.logger.Info("a node has rejoined", "server", server.String())
	return &custodyv1.RejoinResponse{}, nil
}

// proofs implements the one call of AuditService that peers need.
type proofs struct {
	custodyv1.UnimplementedAuditServiceServer
	backend Backend
}

// GetConsistencyProof implements AuditService; between nodes, the answer is the
// proof alone.
func (p proofs) GetConsistencyProof(_ context.Context, request *custodyv1.GetConsistencyProofRequest) (*custodyv1.GetConsistencyProofResponse, error) {
	proof, err := p.backend.Consistency(request.From, request.To)
	if err != nil {
		return nil, statusOf(err)
	}
	response := &custodyv1.GetConsistencyProofResponse{From: request.From, To: request.To}
	for _, h := range proof {
		response.Proof = append(response.Proof, h[:])
	}
	return response, nil
}
