package localnet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
)

const (
	// readyTimeout is how long a node may take to come up.
	readyTimeout = 30 * time.Second
	// stopTimeout is how long a node may take to end after SIGTERM.
	stopTimeout = 20 * time.Second
	// pollInterval is the distance between two looks at a condition.
	pollInterval = 10 * time.Millisecond
)

// ErrAddressInUse says that another program took a node's port between the
// choice and the start. The ledger's genesis names the port, so that only a
// new ledger helps.
var ErrAddressInUse = errors.New("a port was taken by another program")

// Node is one node: its files, and its process while it runs. Its methods are
// not safe for concurrent use on the same node.
type Node struct {
	Member
	PeerAddress   string
	ClientAddress string
	HTTPAddress   string
	// Governance is the key of the node's association. Only made-up associations
	// hand it out.
	Governance sign.PrivateKey

	net     *Net
	ports   []*held
	process *process // nil before the first start
	client  *client.Client
}

// Dir is the folder of everything that belongs to the node.
func (n *Node) Dir() string { return filepath.Join(n.net.options.Dir, n.Member.Node) }

// ConfigPath is the node's configuration file.
func (n *Node) ConfigPath() string { return filepath.Join(n.Dir(), "custodyd.yaml") }

// IdentityDir holds the node's keys.
func (n *Node) IdentityDir() string { return filepath.Join(n.Dir(), "identity") }

// DataDir holds the node's ledger and raft log.
func (n *Node) DataDir() string { return filepath.Join(n.Dir(), "data") }

// LogPath is where the output of every run of the node goes.
func (n *Node) LogPath() string { return filepath.Join(n.Dir(), "custodyd.log") }

// PID is the process id of the node's current or last run, 0 before the first.
func (n *Node) PID() int {
	if n.process == nil {
		return 0
	}
	return n.process.command.Process.Pid
}

// Running tells whether the node's process has not ended.
func (n *Node) Running() bool { return n.process != nil && n.process.running() }

// Start starts the node's process and does not wait for it.
func (n *Node) Start() error {
	if n.Running() {
		return fmt.Errorf("node %s runs already", n.Member.Node)
	}
	release(n.ports)
	command := exec.Command(n.net.options.Program, "run", "--config", n.ConfigPath())
	p, err := n.net.launcher.start(command, n.LogPath())
	if err != nil {
		return fmt.Errorf("start node %s: %w", n.Member.Node, err)
	}
	n.process = p
	return nil
}

// WaitReady returns once the node says that it serves. It fails with the last
// lines of the log when the process ends or takes too long.
func (n *Node) WaitReady(ctx context.Context) error {
	if n.process == nil {
		return fmt.Errorf("node %s was not started", n.Member.Node)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready after %v", readyTimeout))
	defer cancel()
	for {
		if n.probe(ctx, "/readyz") {
			return nil
		}
		select {
		case <-n.process.ended:
			return n.failure(n.process.outcome())
		case <-ctx.Done():
			return n.failure(context.Cause(ctx).Error())
		case <-time.After(pollInterval):
		}
	}
}

func (n *Node) probe(ctx context.Context, path string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.HTTPAddress+path, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// failure names what happened to the node, with the end of its log.
func (n *Node) failure(what string) error {
	text := tail(n.LogPath())
	err := fmt.Errorf("node %s (pid %d): %s; the end of %s:\n%s", n.Member.Node, n.PID(), what, n.LogPath(), text)
	if containsAddressInUse(text) {
		return errors.Join(ErrAddressInUse, err)
	}
	return err
}

// Kill ends the node's process with SIGKILL and waits until it is gone.
func (n *Node) Kill() {
	if n.process != nil {
		n.process.kill()
	}
}

// Stop ends the node as an operator does, with SIGTERM. It fails when the
// process does not end by itself with status 0.
func (n *Node) Stop(ctx context.Context) error {
	if !n.Running() {
		return fmt.Errorf("node %s does not run", n.Member.Node)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	n.process.terminate()
	select {
	case <-n.process.ended:
	case <-ctx.Done():
		n.process.quit()
		return n.failure("did not end after SIGTERM and was made to; where its goroutines were stands in the log")
	}
	if n.process.err != nil {
		return n.failure("after SIGTERM " + n.process.outcome())
	}
	return nil
}

// Restart starts the node again and waits until it serves.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Start(); err != nil {
		return err
	}
	return n.WaitReady(ctx)
}

// Wipe deletes the node's data folder, as a lost disk would. Keys and
// configuration stay. The node must not run.
func (n *Node) Wipe() error {
	if n.Running() {
		return fmt.Errorf("node %s runs", n.Member.Node)
	}
	return os.RemoveAll(n.DataDir())
}

// Custodyd runs the node's program with arguments to its end and gives what it
// printed. The error of a program that failed is *exec.ExitError.
func (n *Node) Custodyd(ctx context.Context, arguments ...string) (output string, err error) {
	return n.net.custodyd(ctx, arguments...)
}

// Client gives a client that talks to this node only. The Net closes it.
func (n *Node) Client() (*client.Client, error) {
	if n.client != nil {
		return n.client, nil
	}
	c, err := client.New(client.Config{
		Genesis:   n.net.genesis,
		Addresses: []string{n.Member.Node + "=" + n.ClientAddress},
		UserAgent: userAgent,
	})
	n.client = c
	return c, err
}

// WaitEnd waits until the node's process has ended by itself.
func (n *Node) WaitEnd(ctx context.Context) error {
	select {
	case <-n.process.ended:
		return nil
	case <-ctx.Done():
		return n.failure(fmt.Sprintf("still runs: %v", context.Cause(ctx)))
	}
}

// LedgerDir holds the node's store.
func (n *Node) LedgerDir() string { return filepath.Join(n.DataDir(), "ledger") }

// Rejoin makes a data folder with a new incarnation in place of the one that is
// gone, starts the node and waits until it serves.
func (n *Node) Rejoin(ctx context.Context) error {
	if _, err := n.Custodyd(ctx, "rejoin", "--config", n.ConfigPath()); err != nil {
		return err
	}
	return n.Restart(ctx)
}
