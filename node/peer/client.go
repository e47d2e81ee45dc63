package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// messageBytesMax is above the largest message between nodes: a submission
	// of one command, or a run of entries, with what protobuf adds.
	messageBytesMax = 1 << 20

	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 5 * time.Second
	reconnectMax     = time.Second

	// answerPatience is how long a node may take for one proof or one run of
	// entries. Without it a peer that hangs would hold up a catch-up for ever.
	answerPatience = 30 * time.Second
	// statingMax bounds the statements that are asked of one node at a time. Clients
	// ask for them, and cosigning and reads share the streams of the connection.
	statingMax = streamsMax / 4
)

// Client calls the other nodes of the ledger. Connections are made when they
// are needed and made again after they broke. Safe for concurrent use.
type Client struct {
	dial func(ctx context.Context, node string) (net.Conn, error)

	ctx    context.Context // done when Close begins
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	conns   map[string]*grpc.ClientConn
	streams map[string]*proposeStream // the one that takes new submissions, by node
	stating map[string]chan struct{}  // a place for each statement that is asked of a node
	running sync.WaitGroup            // streams
}

// NewClient makes a client over a node's peer port.
func NewClient(port *consensus.Peers) *Client {
	c := &Client{
		dial:  func(ctx context.Context, node string) (net.Conn, error) { return port.DialGRPC(ctx, node) },
		conns: map[string]*grpc.ClientConn{}, streams: map[string]*proposeStream{}, stating: map[string]chan struct{}{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends every connection. What was sent and not answered has an unknown
// outcome.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	var errs []error
	for _, conn := range conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

func (c *Client) conn(node string) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connLocked(node)
}

// statingAt gives the places for statements of a node.
func (c *Client) statingAt(node string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stating[node] == nil {
		c.stating[node] = make(chan struct{}, statingMax)
	}
	return c.stating[node]
}

// connLocked is conn for a caller that holds mu.
func (c *Client) connLocked(node string) (*grpc.ClientConn, error) {
	if c.closed {
		return nil, consensus.ErrStopped
	}
	if conn := c.conns[node]; conn != nil {
		return conn, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+node,
		grpc.WithContextDialer(c.dial),
		grpc.WithTransportCredentials(established{}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageBytesMax), grpc.MaxCallSendMsgSize(messageBytesMax)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithReadBufferSize(64<<10),
		grpc.WithWriteBufferSize(64<<10),
	)
	if err != nil {
		return nil, err
	}
	c.conns[node] = conn
	return conn, nil
}

// ReadIndex asks a node, if it is the leader, from which raft index on a read
// is linearizable.
func (c *Client) ReadIndex(ctx context.Context, node string) (uint64, error) {
	conn, err := c.conn(node)
	if err != nil {
		return 0, err
	}
	response, err := custodyv1.NewPeerServiceClient(conn).ReadIndex(ctx, &custodyv1.ReadIndexRequest{})
	return response.GetRaftIndex(), readError(ctx, err)
}

// Entries gives the entries [from, to) of a node in order.
func (c *Client) Entries(ctx context.Context, node string, from, to uint64, each func([]audit.Raw) error) error {
	conn, err := c.conn(node)
	if err != nil {
		return err
	}
	caller := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := time.AfterFunc(answerPatience, cancel)
	defer patience.Stop()
	failed := func(err error) error {
		if caller.Err() == nil && ctx.Err() != nil {
			return fmt.Errorf("peer: node %s gave no entry for %v", node, answerPatience)
		}
		return readError(caller, err)
	}
	stream, err := custodyv1.NewPeerServiceClient(conn).PeerEntries(ctx, &custodyv1.PeerEntriesRequest{From: from, To: to})
	if err != nil {
		return failed(err)
	}
	for next := from; next < to; {
		patience.Reset(answerPatience)
		response, err := stream.Recv()
		patience.Stop()
		if err == io.EOF {
			return fmt.Errorf("peer: node %s ended its entries at %d of %d", node, next, to)
		}
		if err != nil {
			return failed(err)
		}
		if response.From != next || len(response.Entries) == 0 || uint64(len(response.Entries)) > to-next {
			return fmt.Errorf("peer: node %s gave %d entries from %d where %d to %d were asked for", node, len(response.Entries), response.From, next, to)
		}
		entries := make([]audit.Raw, len(response.Entries))
		for i, e := range response.Entries {
			entries[i] = audit.Raw{Entry: e.Entry, Openings: e.Openings}
		}
		if err := each(entries); err != nil {
			return err
		}
		next += uint64(len(entries))
	}
	return nil
}

// Consistency gives a node's proof that the tree of size from is a prefix of
// that of size to.
func (c *Client) Consistency(ctx context.Context, node string, from, to uint64) ([]merkle.Hash, error) {
	conn, err := c.conn(node)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	response, err := custodyv1.NewAuditServiceClient(conn).GetConsistencyProof(ctx, &custodyv1.GetConsistencyProofRequest{From: from, To: to})
	if err != nil {
		return nil, readError(ctx, err)
	}
	proof := make([]merkle.Hash, len(response.Proof))
	for i, h := range response.Proof {
		if len(h) != merkle.HashSize {
			return nil, fmt.Errorf("peer: node %s gave a proof with a hash of %d bytes", node, len(h))
		}
		proof[i] = merkle.Hash(h)
	}
	return proof, nil
}

// Rejoin asks a node, if it is the leader, to replace this node's old server
// by a new one. It returns when the new one has its vote.
func (c *Client) Rejoin(ctx context.Context, node string, server consensus.ServerID) error {
	conn, err := c.conn(node)
	if err != nil {
		return err
	}
	_, err = custodyv1.NewPeerServiceClient(conn).Rejoin(ctx, &custodyv1.RejoinRequest{ServerId: server.String()})
	return readError(ctx, err)
}

// Propose has a node propose a submission, if it is the leader. All submissions
// to one node share one stream.
func (c *Client) Propose(ctx context.Context, node string, submission ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	p := &proposal{message: submissionMessage(submission), answered: make(chan struct{})}
	for queued := false; !queued; {
		stream, err := c.stream(node)
		if err != nil {
			return ledger.Outcome{}, consensus.EntryID{}, err
		}
		if queued, err = stream.put(ctx, p); err != nil {
			return ledger.Outcome{}, consensus.EntryID{}, err
		}
	}
	select {
	case <-p.answered:
	case <-ctx.Done():
		return ledger.Outcome{}, consensus.EntryID{}, fmt.Errorf("%w: %w", consensus.ErrOutcomeUnknown, context.Cause(ctx))
	}
	if p.err != nil {
		return ledger.Outcome{}, consensus.EntryID{}, p.err
	}
	return outcomeOf(p.response, len(submission))
}

// stream gives the stream to a node, a new one if the last one has ended.
func (c *Client) stream(node string) (*proposeStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn, err := c.connLocked(node)
	if err != nil {
		return nil, err
	}
	if s := c.streams[node]; s != nil {
		select {
		case <-s.ended:
		default:
			return s, nil
		}
	}
	s := &proposeStream{queue: make(chan *proposal, proposalsQueued), ended: make(chan struct{}), sent: map[uint64]*proposal{}}
	c.streams[node] = s
	c.running.Go(func() { s.run(c.ctx, custodyv1.NewPeerServiceClient(conn)) })
	return s, nil
}
