package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// PatienceDefault is how long a call goes on trying when its context ends later.
	PatienceDefault = 30 * time.Second
	// AttemptTimeoutDefault is how long one node may take before the next is asked.
	AttemptTimeoutDefault = 10 * time.Second
	// AnswerBytesMax is the largest answer a client reads. Nodes keep theirs to
	// a quarter of it.
	AnswerBytesMax = 8 << 20

	// RequestBytesMax is the largest request that nodes take: a group that fills
	// one Raft entry, and room for its frame.
	RequestBytesMax = 1 << 20
	// sequenceBytesMax is what a sequence number adds to a request.
	sequenceBytesMax = 16

	// roundsUnreached is how often every node is tried before a call gives up,
	// while none of them could even be connected to and nothing was sent.
	roundsUnreached = 3

	retryDelayMin = 50 * time.Millisecond
	retryDelayMax = 500 * time.Millisecond
)

// Config says which ledger to talk to and how.
type Config struct {
	// Genesis is the genesis file, byte for byte. Required.
	Genesis []byte
	// Addresses are the nodes' client addresses, tried in this order: host:port,
	// where any node of the genesis may answer, or id=host:port, where only the
	// node of that id may. Empty means those of the genesis.
	Addresses []string
	// Patience is how long a call goes on trying when its context has no earlier
	// deadline; 0 means PatienceDefault. A write whose outcome is unknown is
	// settled until then.
	Patience time.Duration
	// AttemptTimeout is how long one node may take before the next is asked; 0
	// means AttemptTimeoutDefault.
	AttemptTimeout time.Duration
	// UserAgent is sent to the nodes, such as "custody/1.0".
	UserAgent string
}

// Client is a set of connections to the nodes of one ledger. Safe for
// concurrent use. Connections are made when they are needed.
type Client struct {
	genesis  *ledger.Genesis
	id       ledger.LedgerID
	trust    bundle.Trust // in the genesis
	patience time.Duration
	attempt  time.Duration
	verifier *sign.Verifier
	policies policies
	// lastJudged is nil before the first.
	lastJudged atomic.Pointer[judged]
	nodes      []*node
	first      atomic.Uint32 // index of the node that answered last
}

// node is one address and the connection to it.
type node struct {
	address string
	conn    *grpc.ClientConn
	ledger  custodyv1.LedgerServiceClient
	audit   custodyv1.AuditServiceClient
}

// New checks the configuration and makes a client. It asks no node anything.
func New(config Config) (*Client, error) {
	genesis, err := ledger.DecodeGenesis(config.Genesis)
	if err != nil {
		return nil, err
	}
	trust, err := bundle.TrustGenesis(config.Genesis)
	if err != nil {
		return nil, err
	}
	addresses, err := parseAddresses(genesis, config.Addresses)
	if err != nil {
		return nil, err
	}
	c := &Client{
		genesis:  genesis,
		id:       ledger.GenesisID(config.Genesis),
		trust:    trust,
		patience: config.Patience,
		attempt:  config.AttemptTimeout,
		verifier: sign.NewVerifier(sign.PreparedKeysDefault),
	}
	c.policies.add(genesis.Policy(), 0)
	if c.patience <= 0 {
		c.patience = PatienceDefault
	}
	if c.attempt <= 0 {
		c.attempt = AttemptTimeoutDefault
	}
	for _, address := range addresses {
		conn, err := dial(address, config.UserAgent)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("address %s: %w", address.hostPort, err), c.Close())
		}
		c.nodes = append(c.nodes, &node{
			address: address.hostPort,
			conn:    conn,
			ledger:  custodyv1.NewLedgerServiceClient(conn),
			audit:   custodyv1.NewAuditServiceClient(conn),
		})
	}
	return c, nil
}

// Dial is New, and then asks until one node has answered that it serves the
// ledger of the genesis. It gives *Unreachable when none does.
func Dial(ctx context.Context, config Config) (*Client, error) {
	c, err := New(config)
	if err != nil {
		return nil, err
	}
	if _, err := c.Status(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func dial(address address, userAgent string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address.hostPort,
		grpc.WithTransportCredentials(credentials.NewTLS(pinned(address.pins))),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(AnswerBytesMax)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: retryDelayMax},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDisableServiceConfig(),
		grpc.WithStatsHandler(sentRecorder{}),
		grpc.WithUserAgent(userAgent),
	)
}

// Close ends every connection. Calls that run end with an error.
func (c *Client) Close() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.conn.Close())
	}
	return errors.Join(errs...)
}

var _ io.Closer = (*Client)(nil)

// Genesis gives the genesis that the client started from. It must not be changed.
func (c *Client) Genesis() *ledger.Genesis { return c.genesis }

// LedgerID gives the ledger's id.
func (c *Client) LedgerID() ledger.LedgerID { return c.id }

// Addresses lists the nodes' addresses in the order of the configuration.
func (c *Client) Addresses() []string {
	addresses := make([]string, 0, len(c.nodes))
	for _, n := range c.nodes {
		addresses = append(addresses, n.address)
	}
	return addresses
}

// address is one place to connect to and the TLS keys that may answer there.
type address struct {
	hostPort string
	pins     []pin
}

func parseAddresses(genesis *ledger.Genesis, texts []string) ([]address, error) {
	var anyNode []pin
	ofNode := map[string]pin{}
	for _, n := range genesis.Nodes {
		p, err := parsePin(n.TLSKeySHA256)
		if err != nil {
			return nil, fmt.Errorf("node %s of the genesis: %w", n.ID, err)
		}
		ofNode[n.ID], anyNode = p, append(anyNode, p)
	}
	var addresses []address
	if len(texts) == 0 {
		for _, n := range genesis.Nodes {
			addresses = append(addresses, address{n.ClientAddress, []pin{ofNode[n.ID]}})
		}
		return addresses, nil
	}
	for _, text := range texts {
		id, hostPort, bound := strings.Cut(text, "=")
		if !bound {
			addresses = append(addresses, address{text, anyNode})
			continue
		}
		p, ok := ofNode[id]
		if !ok {
			return nil, fmt.Errorf("address %.100q: the genesis has no node %.40q", text, id)
		}
		addresses = append(addresses, address{hostPort, []pin{p}})
	}
	for _, a := range addresses {
		if host, port, ok := cutHostPort(a.hostPort); !ok || host == "" || port == "" {
			return nil, fmt.Errorf("address %.100q is not host:port or id=host:port", a.hostPort)
		}
	}
	return addresses, nil
}

func cutHostPort(s string) (host, port string, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}
