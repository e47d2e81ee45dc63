package node

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/cosign"
)

// Config is the configuration of one node. The keys of the YAML file are the
// yaml tags; deploy/ has commented examples. Relative paths count from the
// folder of the file.
type Config struct {
	// DataDir holds the node's ledger and raft log. `init found` or `rejoin`
	// makes it; `run` refuses to start without it.
	DataDir string `yaml:"data_dir"`
	// IdentityDir holds the node's private keys. A copy of it on another machine
	// is a second node under the same name: there must never be one.
	IdentityDir string `yaml:"identity_dir"`
	// Genesis is the genesis file, the same one on every node.
	Genesis string `yaml:"genesis"`

	// PeerListen is the host:port where the other nodes reach this one.
	PeerListen string `yaml:"peer_listen"`
	// ClientListen is the host:port for clients' gRPC calls.
	ClientListen string `yaml:"client_listen"`
	// HTTPListen is the host:port of /metrics, /livez and /readyz. It has no
	// encryption and no login: keep it on loopback or inside your own network.
	HTTPListen string `yaml:"http_listen"`
	// PeerAddresses replaces the addresses that the genesis gives for other
	// nodes, by node id.
	PeerAddresses map[string]string `yaml:"peer_addresses"`

	// Witnesses are cosigners outside the ledger (C2SP tlog-witness) that this node
	// asks, when it leads, to sign every checkpoint before it becomes final. Their
	// signatures join the note if they come in time. They must know the log keys of
	// all nodes.
	Witnesses []WitnessConfig `yaml:"witnesses"`

	// OpenReads lets everyone who reaches ClientListen read the contents of
	// entries, which is every member's trade. Otherwise contents are answered to
	// callers on this machine only.
	OpenReads bool `yaml:"open_reads"`
	// Reflection lets gRPC clients list the services without the .proto files.
	Reflection bool `yaml:"reflection"`

	Log    LogConfig    `yaml:"log"`
	Raft   RaftConfig   `yaml:"raft"`
	Limits LimitsConfig `yaml:"limits"`
}

// WitnessConfig is one witness.
type WitnessConfig struct {
	Name string `yaml:"name"` // for the node's log and metrics
	VKey string `yaml:"vkey"` // its cosigner key, name+id+key
	URL  string `yaml:"url"`  // its submission prefix, http or https
}

// LogConfig says what is logged, on standard error.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
}

// RaftConfig are the times of the Raft cluster.
type RaftConfig struct {
	// HeartbeatTimeout is how long a follower waits for a sign of its leader
	// before it stands for election. Shorter finds a dead leader faster; shorter
	// than a disk or network hiccup, it deposes live ones.
	HeartbeatTimeout time.Duration `yaml:"heartbeat_timeout"`
	// WriteTimeout is how long one write to the raft log may take before the
	// process ends and leaves the work to the other nodes.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// ApplyTimeout is the same for applying what is committed.
	ApplyTimeout time.Duration `yaml:"apply_timeout"`
}

// LimitsConfig bound what clients can make a node do.
type LimitsConfig struct {
	// StreamsPerConnection is how many calls one connection may have open.
	StreamsPerConnection uint32 `yaml:"streams_per_connection"`
	// ClientConnections is how many client connections are open at a time.
	ClientConnections int `yaml:"client_connections"`
	// SubmissionsInFlight is how many submissions of clients this node works on
	// at a time; beyond it they are refused as overloaded, outcome none.
	SubmissionsInFlight int `yaml:"submissions_in_flight"`
	// ConnectionAge is after how long a client connection is asked to come anew,
	// so that clients spread over the nodes again after one was down.
	ConnectionAge time.Duration `yaml:"connection_age"`
	// CacheBytes is how much memory the store keeps for reading.
	CacheBytes int64 `yaml:"cache_bytes"`
}

// DefaultConfig gives a configuration with everything that has a default.
func DefaultConfig() Config {
	return Config{
		HTTPListen: "127.0.0.1:7403",
		Log:        LogConfig{Level: "info", Format: "text"},
		Raft: RaftConfig{
			HeartbeatTimeout: 500 * time.Millisecond,
			WriteTimeout:     5 * time.Second,
			ApplyTimeout:     20 * time.Second,
		},
		Limits: LimitsConfig{
			StreamsPerConnection: 1_024,
			ClientConnections:    1_024,
			SubmissionsInFlight:  8_192,
			ConnectionAge:        2 * time.Hour,
			CacheBytes:           64 << 20,
		},
	}
}

// LoadConfig reads a configuration file. The error lists every problem with
// its line; unknown and repeated keys are problems.
func LoadConfig(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	config, err := ParseConfig(path, b)
	if err != nil {
		return Config{}, err
	}
	return config, nil
}

// ParseConfig is LoadConfig on bytes; path is for messages and for relative
// paths.
func ParseConfig(path string, b []byte) (Config, error) {
	config := DefaultConfig()
	problems := decodeYAML(b, &config)
	config.resolvePaths(filepath.Dir(path))
	problems.add(config.problems()...)
	return config, problems.err(path)
}

func (c *Config) resolvePaths(dir string) {
	for _, p := range []*string{&c.DataDir, &c.IdentityDir, &c.Genesis} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// problem is one thing wrong with a configuration, at a key such as
// "raft.heartbeat_timeout".
type problem struct {
	key  string
	text string
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var list problemList
	list.add(c.problems()...)
	return list.err("configuration")
}

func (c Config) problems() []problem {
	var list []problem
	require := func(ok bool, key, format string, args ...any) {
		if !ok {
			list = append(list, problem{key, fmt.Sprintf(format, args...)})
		}
	}
	require(c.DataDir != "", "data_dir", "is required: the folder of the node's ledger and raft log")
	require(c.IdentityDir != "", "identity_dir", "is required: the folder that `custodyd init node` made")
	require(c.Genesis != "", "genesis", "is required: the genesis file of the ledger")
	require(c.DataDir == "" || c.DataDir != c.IdentityDir, "data_dir", "is the identity_dir; keys must outlive the data")
	for _, listen := range []struct{ key, address string }{
		{"peer_listen", c.PeerListen}, {"client_listen", c.ClientListen}, {"http_listen", c.HTTPListen},
	} {
		require(isListenAddress(listen.address), listen.key, "%.80q is not host:port, such as 0.0.0.0:7401", listen.address)
	}
	for _, node := range sortedKeys(c.PeerAddresses) {
		address := c.PeerAddresses[node]
		require(isDialAddress(address), "peer_addresses."+node, "%.80q is not host:port", address)
	}
	require(len(c.Witnesses) <= cosign.WitnessesMax, "witnesses", "%d, at most %d", len(c.Witnesses), cosign.WitnessesMax)
	list = append(list, witnessProblems(c.Witnesses)...)
	var level slog.Level
	require(level.UnmarshalText([]byte(c.Log.Level)) == nil, "log.level", "%.20q is not debug, info, warn or error", c.Log.Level)
	require(c.Log.Format == "text" || c.Log.Format == "json", "log.format", "%.20q is not text or json", c.Log.Format)
	between(require, "raft.heartbeat_timeout", c.Raft.HeartbeatTimeout, 50*time.Millisecond, time.Minute)
	between(require, "raft.write_timeout", c.Raft.WriteTimeout, time.Second, time.Hour)
	between(require, "raft.apply_timeout", c.Raft.ApplyTimeout, time.Second, time.Hour)
	between(require, "limits.streams_per_connection", c.Limits.StreamsPerConnection, 1, 1<<20)
	between(require, "limits.client_connections", c.Limits.ClientConnections, 1, 1<<20)
	between(require, "limits.submissions_in_flight", c.Limits.SubmissionsInFlight, 1, 1<<20)
	between(require, "limits.connection_age", c.Limits.ConnectionAge, time.Minute, 30*24*time.Hour)
	between(require, "limits.cache_bytes", c.Limits.CacheBytes, 1<<20, 1<<40)
	return list
}

func witnessProblems(witnesses []WitnessConfig) (list []problem) {
	names, keys := map[string]bool{}, map[string]bool{}
	for i, w := range witnesses {
		at := fmt.Sprintf("witnesses.%d", i)
		if !witnessName.MatchString(w.Name) {
			list = append(list, problem{at + ".name", fmt.Sprintf("%.40q: expected 1 to 32 lower-case letters, digits, dots and hyphens", w.Name)})
		}
		if _, err := cosign.ParseWitness(w.Name, w.VKey, w.URL); err != nil {
			list = append(list, problem{at, err.Error()})
		}
		if names[w.Name] || keys[w.VKey] {
			list = append(list, problem{at, "stands twice, by its name or its key"})
		}
		names[w.Name], keys[w.VKey] = true, true
	}
	return list
}

var witnessName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?$`)

func between[T time.Duration | uint32 | int | int64](require func(bool, string, string, ...any), key string, value, least, most T) {
	require(value >= least && value <= most, key, "%v, expected %v to %v", value, least, most)
}

// checkAgainst finds what only shows beside the genesis.
func (c Config) checkAgainst(genesis *ledger.Genesis) error {
	var list problemList
	for _, id := range sortedKeys(c.PeerAddresses) {
		known := false
		for _, n := range genesis.Nodes {
			known = known || n.ID == id
		}
		if !known {
			list.add(problem{"peer_addresses." + id, "the genesis has no such node"})
		}
	}
	return list.err("configuration")
}

// isListenAddress takes host:port, where an empty host is every interface and
// port 0 any free one.
func isListenAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && isPort(port)
}

func isDialAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != "0" && isPort(port)
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
