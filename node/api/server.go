package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Backend is the node behind the services; *replica.Replica is one. Its errors
// are those of package consensus, of package store, or of ctx.
type Backend interface {
	// Submit has a submission recorded or refused and returns when this node has
	// applied it.
	Submit(ctx context.Context, submission ledger.Submission) (ledger.Outcome, error)
	// Read gives a snapshot that is as fresh as the consistency asks for,
	// linearizable if it is nil. The caller closes it.
	Read(ctx context.Context, consistency *custodyv1.Consistency) (*store.Snapshot, error)
	// WaitSize returns when the ledger has at least size entries.
	WaitSize(ctx context.Context, size uint64) error
	// Status describes the node.
	Status() *custodyv1.GetStatusResponse
}

// Defaults of Config.
const (
	CallTimeMaxDefault          = 30 * time.Second
	SendTimeMaxDefault          = 30 * time.Second
	IdleTimeMaxDefault          = 5 * time.Minute
	ConnectionsMaxDefault       = 1_024
	StreamsPerConnectionDefault = 1_024
	ConnectionAgeDefault        = 2 * time.Hour
	LongReadsMaxDefault         = 256

	headerBytesMax        = 16 << 10
	handshakeTimeMax      = 10 * time.Second
	connectionIdleMax     = 15 * time.Minute
	connectionAgeGrace    = time.Minute
	keepaliveTime         = time.Minute
	keepaliveTimeout      = 20 * time.Second
	keepaliveClientPeriod = 10 * time.Second
	receiveWindowBytes    = 1 << 20
)

// Config is what a Server is made of. Fields without a stated default are
// required.
type Config struct {
	Genesis *ledger.Genesis
	Ledger  ledger.LedgerID
	// Certificate is the node's TLS key, which clients know from the genesis.
	Certificate tls.Certificate
	// OpenReads answers everybody with contents. It shows every member's trade
	// to whoever reaches the port.
	OpenReads bool
	// Reflection lets everybody list the services.
	Reflection bool
	// SoftwareVersion is told in GetStatus.
	SoftwareVersion string

	// CallTimeMax bounds a unary call, whatever its caller allows.
	CallTimeMax time.Duration
	// SendTimeMax is how long a caller may leave one answer of a stream untaken.
	SendTimeMax time.Duration
	// IdleTimeMax is how long a caller may leave AppendStream unused.
	IdleTimeMax time.Duration
	// ConnectionsMax bounds the connections, StreamsPerConnection the calls on
	// each, ConnectionAge the life of one.
	ConnectionsMax       int
	StreamsPerConnection uint32
	ConnectionAge        time.Duration
	// LongReadsMax bounds the calls of Watch and Entries together.
	LongReadsMax int

	Logger  *slog.Logger          // default: none
	Metrics prometheus.Registerer // default: figures that nobody sees
	// OnFault is told about a mistake of this program that was caught: the node
	// should be taken out of use. Called from any goroutine. Default: nothing.
	OnFault func(error)

	// Finality is asked by writes that wait for final. Default: none ever is, and
	// they are answered when their time is up.
	Finality Finality
	// Voice signs for the node. Default: it signs nothing.
	Voice Voice
	// Stating gathers statements of several nodes. Default: there are none, and no
	// bundles.
	Stating Stating
}

func (c Config) withDefaults() Config {
	set(&c.CallTimeMax, CallTimeMaxDefault)
	set(&c.SendTimeMax, SendTimeMaxDefault)
	set(&c.IdleTimeMax, IdleTimeMaxDefault)
	set(&c.ConnectionsMax, ConnectionsMaxDefault)
	set(&c.StreamsPerConnection, StreamsPerConnectionDefault)
	set(&c.ConnectionAge, ConnectionAgeDefault)
	set(&c.LongReadsMax, LongReadsMaxDefault)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.OnFault == nil {
		c.OnFault = func(error) {}
	}
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server serves the client port of one node.
type Server struct {
	config    Config
	guard     *guard
	grpc      *grpc.Server
	health    *health.Server
	verifiers *verifiers
	stop      context.CancelFunc
	giveUp    context.CancelFunc // of promised events
	shutdown  sync.Once
}

// New makes a server. It serves nothing before Serve; health says NOT_SERVING
// before SetServing. Shutdown must be called also if Serve never is.
func New(config Config, backend Backend) (*Server, error) {
	if config.Genesis == nil || len(config.Certificate.Certificate) == 0 || backend == nil {
		return nil, errors.New("api: a server needs a genesis, a certificate and a backend")
	}
	config = config.withDefaults()
	file, err := config.Genesis.Encode()
	if err != nil {
		return nil, err
	}
	trust, err := bundle.TrustGenesis(file)
	if err != nil {
		return nil, err
	}
	calls, err := newMetrics(config.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Server{config: config, health: health.NewServer()}
	s.grpc = grpc.NewServer(options(config)...)
	s.guard = &guard{server: s.grpc, config: config, calls: calls, long: make(chan struct{}, config.LongReadsMax), pursuits: make(chan struct{}, PursuitsMax)}
	s.guard.stop, s.stop = context.WithCancel(context.Background())
	s.guard.pursuing, s.giveUp = context.WithCancel(context.Background())
	s.verifiers = newVerifiers(s.guard, sign.NewVerifier(sign.PreparedKeysDefault))

	ledgerService := &ledgerService{config: config, backend: backend, guard: s.guard, verifiers: s.verifiers, trust: trust}
	custodyv1.RegisterLedgerServiceServer(s.guard, ledgerService)
	custodyv1.RegisterAuditServiceServer(s.guard, &auditService{
		reader: reader{backend}, voice: config.Voice, rulesVersion: config.Genesis.RulesVersion, trust: trust,
	})
	healthv1.RegisterHealthServer(s.guard, s.health)
	if config.Reflection {
		reflection.Register(reflected{s.guard, s.grpc})
	}
	s.SetServing(false)
	return s, nil
}

// reflected lets reflection register behind the guard and list what is there.
type reflected struct {
	*guard
	server *grpc.Server
}

func (r reflected) GetServiceInfo() map[string]grpc.ServiceInfo { return r.server.GetServiceInfo() }

func options(config Config) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(credentials.NewTLS(&tls.Config{
			MinVersion:             tls.VersionTLS13,
			Certificates:           []tls.Certificate{config.Certificate},
			SessionTicketsDisabled: true,
		})),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(client.RequestBytesMax),
		grpc.MaxSendMsgSize(client.AnswerBytesMax),
		grpc.MaxConcurrentStreams(config.StreamsPerConnection),
		grpc.MaxHeaderListSize(headerBytesMax),
		grpc.ConnectionTimeout(handshakeTimeMax),
		grpc.InitialWindowSize(receiveWindowBytes),
		grpc.InitialConnWindowSize(2 * receiveWindowBytes),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     connectionIdleMax,
			MaxConnectionAge:      config.ConnectionAge,
			MaxConnectionAgeGrace: connectionAgeGrace,
			Time:                  keepaliveTime,
			Timeout:               keepaliveTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveClientPeriod, PermitWithoutStream: false}),
	}
}

// SetServing says in grpc.health.v1 whether the node serves.
func (s *Server) SetServing(serving bool) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthv1.HealthCheckResponse_SERVING
	}
	for _, service := range []string{"", custodyv1.LedgerService_ServiceDesc.ServiceName, custodyv1.AuditService_ServiceDesc.ServiceName} {
		s.health.SetServingStatus(service, status)
	}
}

// Serve answers calls on a listener until Shutdown, which makes it return nil.
// It closes the listener.
func (s *Server) Serve(listener net.Listener) error {
	err := s.grpc.Serve(newLimited(listener, s.config.ConnectionsMax))
	if s.guard.stop.Err() != nil {
		return nil
	}
	return err
}

// Shutdown says NOT_SERVING, ends watches and streams with STOPPING, waits for
// calls that are being answered, and for events that were promised, until ctx
// ends, and then cuts them off. Nothing
// of the server runs after it returned. The backend must work until then. A
// second call waits for the first.
func (s *Server) Shutdown(ctx context.Context) {
	s.shutdown.Do(func() { s.end(ctx) })
}

func (s *Server) end(ctx context.Context) {
	s.health.Shutdown()
	s.stop()
	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		s.grpc.GracefulStop()
	}()
	select {
	case <-graceful:
	case <-ctx.Done():
		s.grpc.Stop()
		<-graceful
	}
	ended := context.AfterFunc(ctx, s.giveUp)
	s.guard.handlers.Wait()
	ended()
	s.giveUp()
	s.verifiers.close()
}
