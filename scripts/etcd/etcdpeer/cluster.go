package main

import (
	"context"
	"crypto/tls"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	nodesCount = 3
	// readyTimeout is how long a cluster may take to elect and to serve.
	readyTimeout = 60 * time.Second
	readyPoll    = 50 * time.Millisecond
)

// cluster is the running nodes, their files and what a client needs.
type cluster struct {
	program string
	dir     string
	nodes   []*node
	client  *tls.Config
	puts    atomic.Int64 // values stored so far; the keys are numbered
}

type node struct {
	name      string
	clientURL string
	peerURL   string
	command   *exec.Cmd
	ended     chan struct{}
}

// start makes keys and folders, runs three nodes and waits until a write is
// recorded.
func start(ctx context.Context, program string) (c *cluster, err error) {
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("the etcd server: %w; make bench builds it", err)
	}
	dir, err := os.MkdirTemp("", "etcdpeer-")
	if err != nil {
		return nil, err
	}
	c = &cluster{program: program, dir: dir}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	k, err := newKeys(dir)
	if err != nil {
		return nil, err
	}
	if err := k.certify("client"); err != nil {
		return nil, err
	}
	if c.client, err = k.client("client"); err != nil {
		return nil, err
	}
	urls, err := freeURLs(2 * nodesCount)
	if err != nil {
		return nil, err
	}
	var members []string
	for i := range nodesCount {
		n := &node{name: fmt.Sprintf("etcd%d", i), clientURL: urls[2*i], peerURL: urls[2*i+1]}
		if err := k.certify(n.name); err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
		members = append(members, n.name+"="+n.peerURL)
	}
	for _, n := range c.nodes {
		if err := n.start(program, dir, k, strings.Join(members, ",")); err != nil {
			return nil, err
		}
	}
	return c, c.waitReady(ctx)
}

func (n *node) start(program, dir string, k *keys, members string) error {
	log, err := os.Create(filepath.Join(dir, n.name+".log"))
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	n.command = exec.Command(program,
		"--name", n.name, "--data-dir", filepath.Join(dir, n.name),
		"--listen-client-urls", n.clientURL, "--advertise-client-urls", n.clientURL,
		"--listen-peer-urls", n.peerURL, "--initial-advertise-peer-urls", n.peerURL,
		"--initial-cluster", members, "--initial-cluster-state", "new", "--initial-cluster-token", filepath.Base(dir),
		"--client-cert-auth", "--trusted-ca-file", k.authorityPath(), "--cert-file", k.certificatePath(n.name), "--key-file", k.keyPath(n.name),
		"--peer-client-cert-auth", "--peer-trusted-ca-file", k.authorityPath(), "--peer-cert-file", k.certificatePath(n.name), "--peer-key-file", k.keyPath(n.name),
		"--log-level", "warn",
	)
	n.command.Stdout, n.command.Stderr = log, log
	n.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is for this program
	if err := n.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.ended = make(chan struct{})
	go func() {
		_ = n.command.Wait()
		close(n.ended)
	}()
	return nil
}

// freeURLs gives addresses that nobody listens on at the moment.
func freeURLs(count int) ([]string, error) {
	var urls []string
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // at the end, so that all differ
		urls = append(urls, "https://"+l.Addr().String())
	}
	return urls, nil
}

// dial connects to one node.
func (c *cluster) dial(n *node) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{n.clientURL}, TLS: c.client, DialTimeout: readyTimeout, Logger: zap.NewNop()})
}

func (c *cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("etcd does not serve after %v", readyTimeout))
	defer cancel()
	for {
		_, err := c.leader(ctx)
		if err == nil {
			return nil
		}
		for _, n := range c.nodes {
			select {
			case <-n.ended:
				return fmt.Errorf("%s ended: %v; its log ends with:\n%s", n.name, n.command.ProcessState, c.logEnd(n))
			default:
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(readyPoll):
		}
	}
}

func (c *cluster) logEnd(n *node) string {
	const bytesMax = 2000
	b, err := os.ReadFile(filepath.Join(c.dir, n.name+".log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-bytesMax):])
}

// leader gives the position of the node that leads, once every node answers.
func (c *cluster) leader(ctx context.Context) (int, error) {
	leader := -1
	for i, n := range c.nodes {
		status, err := c.status(ctx, n)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", n.name, err)
		}
		if status.Leader == status.Header.MemberId {
			leader = i
		}
	}
	if leader < 0 {
		return 0, errors.New("no etcd node leads")
	}
	return leader, nil
}

func (c *cluster) status(ctx context.Context, n *node) (*clientv3.StatusResponse, error) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := c.dial(n)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Status(ctx, n.clientURL)
}

// hello says what runs; the versions are those that the server was built of.
type hello struct {
	Etcd  string `json:"etcd"`
	Raft  string `json:"raft"`
	Go    string `json:"go"`
	Nodes int    `json:"nodes"`
	Fsync bool   `json:"fsync"`
	TLS   bool   `json:"mutual_tls"`
}

func (c *cluster) hello(ctx context.Context) hello {
	h := hello{Nodes: len(c.nodes), Fsync: true, TLS: true}
	if status, err := c.status(ctx, c.nodes[0]); err == nil {
		h.Etcd = status.Version
	}
	if info, err := buildinfo.ReadFile(c.program); err == nil {
		h.Go = info.GoVersion
		for _, dependency := range info.Deps {
			if dependency.Path == "go.etcd.io/raft/v3" {
				h.Raft = dependency.Version
			}
		}
	}
	return h
}

// close ends the nodes, waits until they are gone and deletes their files.
func (c *cluster) close() {
	for _, n := range c.nodes {
		if n.ended != nil {
			_ = n.command.Process.Kill()
			<-n.ended
		}
	}
	_ = os.RemoveAll(c.dir)
}
