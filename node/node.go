package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/api"
	"github.com/custodyledger/custodyledger/node/backup"
	"github.com/custodyledger/custodyledger/node/cosign"
	"github.com/custodyledger/custodyledger/node/peer"
	"github.com/custodyledger/custodyledger/node/replica"
	"github.com/custodyledger/custodyledger/node/web"
)

// Options are what a program gives a node beside its configuration.
type Options struct {
	Logger *slog.Logger     // default: none
	Clock  func() time.Time // default: time.Now
	// ProcessMetrics adds the figures of the process, and those of raft, which
	// are kept in one global place. For main to set: one node a process.
	ProcessMetrics bool
	// RecallPatience is how long the start waits for enough of the other nodes
	// to say what this one has signed; default RecallPatienceDefault. Without it
	// the node runs and votes, and signs no heads until they have.
	RecallPatience time.Duration
}

// RecallPatienceDefault is the default of Options.RecallPatience.
const RecallPatienceDefault = 5 * time.Second

// ErrFatal is wrapped by errors after which the process must end at once,
// because a write may hang or the disk may lie. What was being written has an
// unknown outcome.
var ErrFatal = errors.New("the node must stop")

// Run starts a node, runs it until ctx ends, and stops it. Only an error that
// wraps ErrFatal leaves goroutines and files behind: the process ends then.
func Run(ctx context.Context, config Config, options Options) error {
	n, err := Start(config, options)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-n.Fatal():
		return fmt.Errorf("%w: %w", ErrFatal, err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- n.Close() }()
	select {
	case err := <-stopped:
		return err
	case err := <-n.Fatal():
		return fmt.Errorf("%w: %w", ErrFatal, err)
	}
}

// Node is a running node.
type Node struct {
	config   Config
	logger   *slog.Logger
	registry *prometheus.Registry
	id       ledger.LedgerID
	genesis  *ledger.Genesis
	server   consensus.ServerID
	fatal    chan error // capacity 1
	stopping atomic.Bool
	faulty   atomic.Bool // a mistake of this program was caught

	// Each is stopped by Close, in the reverse of this order.
	store    *store.Store
	web      *web.Server
	port     *consensus.Peers
	calls    *peer.Client
	evidence *evidence
	cosigner *cosign.Cosigner
	peers    *peer.Server
	replica  atomic.Pointer[replica.Replica] // HTTP and peers ask it while it is being started
	api      *api.Server
	backups  *backup.Server // nil: none can be made while the node runs

	running   sync.WaitGroup // the goroutines of the node itself
	ctx       context.Context
	cancel    context.CancelFunc
	closed    sync.Once
	closeErr  error
	addresses Addresses
}

// Addresses are where a node listens; they matter when its configuration asks
// for any free port.
type Addresses struct{ Peer, Client, HTTP string }

// Start starts a node on its data folder. It returns when the node listens,
// before a leader is known. The errors say what to do. After one that wraps
// ErrFatal the process must end: something may still hang in it.
//
// Order: what is on disk, then the ports (so that a port in use is found before
// anything is written), then what answers on them. HTTP comes first, so that a
// node that starts for a long time can be asked why; then the peer port, over
// which nodes tell each other what they have signed before any of them votes.
func Start(config Config, options Options) (*Node, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	identity, genesis, file, err := loadMembership(config)
	if err != nil {
		return nil, err
	}
	if _, err := identity.inGenesis(genesis); err != nil {
		return nil, err
	}
	id := ledger.GenesisID(file)
	folder, server, err := openFolder(config.DataDir, identity.Part.Node.ID, id)
	if err != nil {
		return nil, err
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.RecallPatience == 0 {
		options.RecallPatience = RecallPatienceDefault
	}
	n := &Node{
		config: config, logger: options.Logger.With("node", server.Node), registry: prometheus.NewRegistry(),
		id: id, genesis: genesis, server: server, fatal: make(chan error, 1),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.logger.Info("ledger", "name", genesis.Name, "fingerprint", id.Fingerprint(), "server", server.String(), "open_reads", config.OpenReads)
	started := make(chan error, 1)
	go func() { started <- n.start(identity, file, folder, options) }()
	select {
	case err = <-started:
	case err := <-n.fatal: // what was being started may hang
		return nil, fmt.Errorf("%w: %w", ErrFatal, err)
	}
	if err != nil {
		n.logger.Debug("start failed, stopping", "error", err)
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) start(identity *Identity, file []byte, folder server, options Options) (err error) {
	if n.store, err = store.Open(filepath.Join(n.config.DataDir, ledgerFolder), store.Options{
		CacheBytes: n.config.Limits.CacheBytes, Fatal: n.stopProcess, Log: n.logger,
	}); err != nil {
		return err
	}
	if n.store.LedgerID() != n.id {
		return fmt.Errorf("the store in %s holds another ledger than the genesis names", n.config.DataDir)
	}
	listeners, err := n.listen()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			listeners.close()
		}
	}()
	if err := n.registerMetrics(options.ProcessMetrics); err != nil {
		return err
	}
	n.web = web.Serve(listeners.take("http"), web.Config{
		Metrics: n.registry, NotReady: n.NotReady, Logger: n.logger, Log: n.store, OpenReads: n.config.OpenReads,
	})
	if err := n.startPeers(identity, file, folder, listeners.take("peer"), options); err != nil {
		return err
	}
	if err := n.recall(options); err != nil {
		return err
	}
	if err := n.startReplica(identity, folder, options); err != nil {
		return err
	}
	if cosigning {
		n.cosigner.Run()
	}
	if err := n.startAPI(identity, listeners.take("client")); err != nil {
		return err
	}
	if n.backups, err = backup.Serve(n.config.DataDir, n.store, n.logger); err != nil {
		n.logger.Warn("backups can be made only while this node is stopped", "error", err)
	}
	n.running.Go(n.followReadiness)
	if !folder.Joined {
		n.running.Go(func() { n.join(folder) })
	}
	n.logger.Info("listening", "peers", n.addresses.Peer, "clients", n.addresses.Client, "http", n.addresses.HTTP)
	return nil
}

// listeners are the node's ports until somebody serves them.
type listeners map[string]net.Listener

// take gives a listener away: who takes it closes it.
func (l listeners) take(name string) net.Listener {
	listener := l[name]
	delete(l, name)
	return listener
}

func (l listeners) close() {
	for _, listener := range l {
		listener.Close()
	}
}

func (n *Node) listen() (listeners, error) {
	all := listeners{}
	for _, port := range []struct {
		name, address string
		bound         *string
	}{
		{"peer", n.config.PeerListen, &n.addresses.Peer},
		{"client", n.config.ClientListen, &n.addresses.Client},
		{"http", n.config.HTTPListen, &n.addresses.HTTP},
	} {
		listener, err := net.Listen("tcp", port.address)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("%s_listen: %w", port.name, err)
		}
		all[port.name], *port.bound = listener, listener.Addr().String()
	}
	return all, nil
}

func (n *Node) registerMetrics(process bool) error {
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "custody", Name: "ledger_entries", Help: "Entries that this node has."},
		func() float64 { size, _ := n.store.Head(); return float64(size) })
	disk := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "custody", Name: "store_bytes", Help: "Disk space of the ledger, the raft log apart."},
		func() float64 { return float64(n.store.DiskBytes()) })
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "custody", Name: "ready", Help: "1 while the node can serve."},
		func() float64 {
			if len(n.NotReady()) == 0 {
				return 1
			}
			return 0
		})
	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "custody", Name: "build_info", Help: "1, with the version as a label.",
		ConstLabels: prometheus.Labels{"version": Version()}})
	build.Set(1)
	all := []prometheus.Collector{size, disk, ready, build}
	if process {
		all = append(all, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		if err := consensus.InstallMetrics(n.registry); err != nil {
			return err
		}
	}
	for _, c := range all {
		if err := n.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// startPeers begins to answer the other nodes, what needs no raft at first.
func (n *Node) startPeers(identity *Identity, file []byte, folder server, listener net.Listener, options Options) error {
	keys := map[string]consensus.KeyHash{}
	for _, member := range n.genesis.Nodes {
		key, err := keyHash(member)
		if err != nil {
			listener.Close()
			return err
		}
		keys[member.ID] = key
	}
	var err error
	if n.port, err = consensus.ListenPeers(consensus.PeersConfig{
		Node: n.server.Node, LedgerID: n.id, Certificate: identity.TLS, Keys: keys,
		Address: n.peerAddress, Listener: listener, Logger: n.logger,
	}); err != nil {
		listener.Close()
		return err
	}
	n.calls = peer.NewClient(n.port)
	if err := n.startCosigner(identity, file, folder, options); err != nil {
		return err
	}
	backend := forPeers{Cosigner: n.cosigner, ownLedger: ownLedger{n}}
	n.peers = peer.Serve(n.port.GRPC(), peer.ServerConfig{Backend: backend, Witness: backend, Genesis: n.genesis, Logger: n.logger})
	return nil
}

func (n *Node) startReplica(identity *Identity, folder server, options Options) error {
	metrics, err := replica.NewMetrics(n.registry)
	if err != nil {
		return err
	}
	mode := consensus.ModeFound
	if folder.Origin == originRejoined {
		mode = consensus.ModeRejoin
	}
	raftDir := filepath.Join(n.config.DataDir, raftFolder)
	if _, err := os.Stat(raftDir); errors.Is(err, fs.ErrNotExist) {
		return stateLost(fmt.Errorf("%w: the folder %s is gone", consensus.ErrStateLost, raftDir))
	}
	r, err := replica.Start(replica.Config{
		Server: n.server, Mode: mode, Store: n.store, RaftDir: raftDir,
		Port: n.port, Peers: n.calls, Statement: identity.keys().Statement, MayLead: n.cosigner.MayLead, SaveEvidence: n.saveEvidence,
		Clock: options.Clock, Metrics: metrics, Logger: n.logger,
		HeartbeatTimeout: n.config.Raft.HeartbeatTimeout, WriteTimeout: n.config.Raft.WriteTimeout, ApplyTimeout: n.config.Raft.ApplyTimeout,
		SubmissionsMax: n.config.Limits.SubmissionsInFlight,
		Fatal:          n.stopProcess,
	})
	if err != nil {
		return stateLost(err)
	}
	n.replica.Store(r)
	return nil
}

// stateLost adds what to do.
func stateLost(err error) error {
	if errors.Is(err, consensus.ErrStateLost) {
		return fmt.Errorf("%w. Come back with `custodyd rejoin`; with --keep-ledger if only the raft log is lost", err)
	}
	return err
}

// peerAddress says where another node is reached.
func (n *Node) peerAddress(id string) (string, error) {
	if address, ok := n.config.PeerAddresses[id]; ok {
		return address, nil
	}
	for _, member := range n.genesis.Nodes {
		if member.ID == id {
			return member.PeerAddress, nil
		}
	}
	return "", fmt.Errorf("the genesis has no node %s", id)
}

func (n *Node) startAPI(identity *Identity, listener net.Listener) error {
	server, err := api.New(api.Config{
		Genesis: n.genesis, Ledger: n.id, Certificate: identity.TLS,
		OpenReads: n.config.OpenReads, Reflection: n.config.Reflection, SoftwareVersion: Version(),
		ConnectionsMax: n.config.Limits.ClientConnections, StreamsPerConnection: n.config.Limits.StreamsPerConnection,
		ConnectionAge: n.config.Limits.ConnectionAge,
		Finality:      n.Replica(), Voice: n.cosigner, Stating: n.cosigner,
		Logger: n.logger, Metrics: n.registry, OnFault: n.noteFault,
	}, described{n.Replica(), n.cosigner})
	if err != nil {
		listener.Close()
		return err
	}
	n.api = server
	n.running.Go(func() {
		if err := server.Serve(listener); err != nil {
			n.stopProcess(fmt.Errorf("client calls: %w", err))
		}
	})
	return nil
}

// noteFault takes a node out of use that has caught a mistake of this program:
// its answers go on, and whoever watches it is told.
func (n *Node) noteFault(err error) {
	n.logger.Error("a mistake of this program was caught; the node should be restarted", "error", err)
	n.faulty.Store(true)
}

// stopProcess asks for the end of the process.
func (n *Node) stopProcess(err error) {
	select {
	case n.fatal <- err:
	default:
	}
}

// Fatal gives the error after which the process must end, if there is one.
func (n *Node) Fatal() <-chan error { return n.fatal }

// Addresses says where the node listens.
func (n *Node) Addresses() Addresses { return n.addresses }

// Replica is the node's copy of the ledger.
func (n *Node) Replica() *replica.Replica { return n.replica.Load() }

// Metrics gives the node's figures.
func (n *Node) Metrics() prometheus.Gatherer { return n.registry }

// NotReady gives the reasons why the node cannot serve; none if it can.
func (n *Node) NotReady() []string {
	var reasons []string
	if n.stopping.Load() {
		reasons = append(reasons, "stopping")
	}
	if n.faulty.Load() {
		reasons = append(reasons, "a mistake of this program was caught; restart the node and report it")
	}
	if r := n.replica.Load(); r != nil {
		return append(reasons, r.NotReady()...)
	}
	return append(reasons, "starting")
}
