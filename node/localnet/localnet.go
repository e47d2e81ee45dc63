// Package localnet founds a ledger of made-up associations and runs its nodes,
// each a custodyd process of its own, on the loopback address of one machine.
// Demonstrations, tests and measurements use it.
//
// The nodes' identities, the genesis file and the configurations are made by
// running `custodyd init`, as operators do; see founding.go. Everything lies
// under one folder:
//
//	genesis.json
//	<node>/identity/      keys
//	<node>/data/          ledger and raft log
//	<node>/custodyd.yaml
//	<node>/custodyd.log   output of every run
package localnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Member is an association and its node. Those of this package are made up.
type Member struct {
	Node        string // node id
	Association string
	Country     string
}

// MadeUp are three associations that do not exist.
func MadeUp() []Member {
	return []Member{
		{Node: "antwerp", Association: "antwerp.example.org", Country: "BE"},
		{Node: "mumbai", Association: "mumbai.example.org", Country: "IN"},
		{Node: "newyork", Association: "newyork.example.org", Country: "US"},
	}
}

// Options say what to found and where.
type Options struct {
	// Dir gets every file. It is made if it is missing and must be empty.
	Dir string
	// Program is the custodyd to run.
	Program string
	// Members default to MadeUp.
	Members []Member
	// Name is the ledger's name; default "trade.example.org/custody".
	Name string
	// Settings are lines added to every node's configuration.
	Settings string
}

func (o Options) withDefaults() Options {
	if o.Members == nil {
		o.Members = MadeUp()
	}
	if o.Name == "" {
		o.Name = "trade.example.org/custody"
	}
	return o
}

// Net is a founded ledger with its nodes.
type Net struct {
	options  Options
	genesis  []byte
	id       ledger.LedgerID
	nodes    []*Node
	launcher *launcher
	closed   sync.Once
}

// foundingTries bounds how often Run founds anew because a port was taken.
const foundingTries = 3

// Run founds a ledger and starts all its nodes. On return without an error
// every node serves. The caller closes the Net, which ends every process.
func Run(ctx context.Context, options Options) (*Net, error) {
	for try := 1; ; try++ {
		n, err := Found(ctx, options)
		if err != nil {
			return nil, err
		}
		if err = n.Start(ctx); err == nil {
			return n, nil
		}
		n.Close()
		if !errors.Is(err, ErrAddressInUse) || try == foundingTries {
			return nil, err
		}
		if err := n.remove(); err != nil {
			return nil, err
		}
	}
}

// Found makes keys, genesis, configurations and data folders. Nothing runs
// yet. The nodes' ports are held until each starts.
func Found(ctx context.Context, options Options) (*Net, error) {
	options = options.withDefaults()
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, err
	}
	options.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		return nil, errors.Join(err, fmt.Errorf("%s is not empty; a ledger is founded in an empty folder", dir))
	}
	n := &Net{options: options, launcher: newLauncher()}
	for _, member := range options.Members {
		ports, err := hold(3)
		if err != nil {
			n.Close()
			return nil, err
		}
		n.nodes = append(n.nodes, &Node{
			Member: member, net: n, ports: ports,
			PeerAddress: ports[0].address, ClientAddress: ports[1].address, HTTPAddress: ports[2].address,
		})
	}
	if err := n.found(ctx); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// remove deletes what Found made, for a second try.
func (n *Net) remove() error {
	found, err := os.ReadDir(n.options.Dir)
	if err != nil {
		return err
	}
	for _, entry := range found {
		if err := os.RemoveAll(filepath.Join(n.options.Dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Start starts every node that does not run and waits until all serve.
func (n *Net) Start(ctx context.Context) error {
	for _, node := range n.nodes {
		if !node.Running() {
			if err := node.Start(); err != nil {
				return err
			}
		}
	}
	for _, node := range n.nodes {
		if err := node.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close ends every process, at once and by its own id, and waits until they
// are gone. The files stay.
func (n *Net) Close() {
	n.closed.Do(func() {
		for _, node := range n.nodes {
			release(node.ports)
			node.Kill()
			if node.client != nil {
				node.client.Close()
			}
		}
		n.launcher.close()
	})
}

// Stop ends every running node as an operator does and fails if one of them
// does not end well. Close is still due.
func (n *Net) Stop(ctx context.Context) error {
	errs := make([]error, len(n.nodes))
	var done sync.WaitGroup
	for i, node := range n.nodes {
		if node.Running() {
			done.Go(func() { errs[i] = node.Stop(ctx) })
		}
	}
	done.Wait()
	return errors.Join(errs...)
}

// Nodes lists the nodes in the order of the members.
func (n *Net) Nodes() []*Node { return n.nodes }

// GenesisPath is the genesis file.
func (n *Net) GenesisPath() string { return filepath.Join(n.options.Dir, "genesis.json") }

// Genesis gives the genesis file's bytes.
func (n *Net) Genesis() []byte { return n.genesis }

// LedgerID is the id of the ledger that was founded.
func (n *Net) LedgerID() ledger.LedgerID { return n.id }

// NewClient makes a client that may talk to every node and begins with the one
// at a position. The caller closes it.
func (n *Net) NewClient(first int) (*client.Client, error) {
	var addresses []string
	for i := range n.nodes {
		node := n.nodes[(first+i)%len(n.nodes)]
		addresses = append(addresses, node.Member.Node+"="+node.ClientAddress)
	}
	return client.New(client.Config{Genesis: n.genesis, Addresses: addresses, UserAgent: userAgent})
}

const userAgent = "localnet"

// Leader waits until a running node says that it leads, and gives it.
func (n *Net) Leader(ctx context.Context) (*Node, error) {
	for {
		for _, node := range n.nodes {
			if !node.Running() {
				continue
			}
			if status, err := node.Status(ctx); err == nil && status.State == custodyv1.NodeState_NODE_STATE_LEADER {
				return node, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no node leads: %w", context.Cause(ctx))
		case <-time.After(pollInterval):
		}
	}
}

// Status asks the node to describe itself.
func (n *Node) Status(ctx context.Context) (*custodyv1.GetStatusResponse, error) {
	c, err := n.Client()
	if err != nil {
		return nil, err
	}
	return c.Status(ctx)
}

// WaitSize waits until the node has applied at least size entries.
func (n *Node) WaitSize(ctx context.Context, size uint64) error {
	c, err := n.Client()
	if err != nil {
		return err
	}
	var last string
	for {
		status, err := c.Status(ctx)
		switch {
		case err == nil && status.Size >= size:
			return nil
		case err == nil:
			last = fmt.Sprintf("it has %d and is %s", status.Size, strings.ToLower(status.State.String()))
		default:
			last = err.Error()
		}
		select {
		case <-n.process.ended:
			return n.failure(n.process.outcome())
		case <-ctx.Done():
			return n.failure(fmt.Sprintf("has not reached %d entries, %s: %v", size, last, context.Cause(ctx)))
		case <-time.After(pollInterval):
		}
	}
}

// Log gives everything the node has written to its log.
func (n *Node) Log() ([]byte, error) { return os.ReadFile(n.LogPath()) }

func containsAddressInUse(log string) bool {
	return bytes.Contains([]byte(log), []byte("address already in use"))
}

// Name is the ledger's name.
func (n *Net) Name() string { return n.options.Name }

// Wait returns nil when ctx ends, and an error when a node that runs now ends
// before.
func (n *Net) Wait(ctx context.Context) error {
	ended := make(chan *Node, len(n.nodes))
	stop := make(chan struct{})
	defer close(stop)
	for _, node := range n.nodes {
		if !node.Running() {
			continue
		}
		go func() {
			select {
			case <-node.process.ended:
				ended <- node
			case <-stop:
			}
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case node := <-ended:
		return node.failure(node.process.outcome())
	}
}
