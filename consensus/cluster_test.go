package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

var testCluster = [32]byte{0xc1}

// member is one server with its disks, across restarts.
type member struct {
	id      ServerID
	ledger  *memLedger
	disk    *memDisk
	source  *memCatchUp
	trans   *raft.InmemTransport
	node    *Node
	fatal   error
	running bool
}

// cluster runs several nodes in one test, connected in memory.
type cluster struct {
	t      testing.TB
	adjust func(*Config)

	mu      sync.Mutex
	members []*member
	cut     map[string]bool // node ids that nobody reaches
	terms   map[uint64]string
	acked   map[string]bool
}

func testServer(node string, incarnation byte) ServerID {
	return ServerID{Node: node, Incarnation: [IncarnationBytes]byte{incarnation}}
}

// newCluster founds a cluster of n nodes called a, b, c…
func newCluster(t testing.TB, n int, adjust func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, adjust: adjust, cut: make(map[string]bool), terms: make(map[uint64]string), acked: make(map[string]bool)}
	for i := range n {
		m := &member{id: testServer(string(rune('a'+i)), 1), ledger: newMemLedger(), disk: newMemDisk()}
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		c.start(m, ModeFound)
	}
	return c
}

func (c *cluster) founders() []ServerID {
	var ids []ServerID
	for _, m := range c.members {
		ids = append(ids, testServer(m.id.Node, 1))
	}
	return ids
}

func (c *cluster) config(m *member, mode Mode) Config {
	config := Config{
		Server: m.id, Cluster: testCluster, Mode: mode, Founders: c.founders(),
		Ledger: m.ledger, Machine: m.ledger, CatchUp: m.source,
		Fatal: func(err error) {
			c.mu.Lock()
			m.fatal = err
			c.mu.Unlock()
		},
		seams: seams{transport: m.trans, logs: m.disk, stable: m.disk, shortTrailing: true},
	}
	if c.adjust != nil {
		c.adjust(&config)
	}
	return config
}

func (c *cluster) start(m *member, mode Mode) {
	c.t.Helper()
	if err := c.tryStart(m, mode); err != nil {
		c.t.Fatalf("start %s: %v", m.id, err)
	}
}

func (c *cluster) tryStart(m *member, mode Mode) error {
	_, trans := raft.NewInmemTransportWithTimeout(raft.ServerAddress(m.id.String()), 300*time.Millisecond)
	c.mu.Lock()
	hold := (chan struct{})(nil)
	if m.source != nil {
		hold = m.source.hold
	}
	m.trans = trans
	m.source = &memCatchUp{to: m.ledger, from: func() *memLedger { return c.longest(m) }, hold: hold}
	m.fatal = nil
	c.mu.Unlock()
	node, err := Start(c.config(m, mode))
	if err != nil {
		return err
	}
	c.mu.Lock()
	m.node, m.running = node, true
	c.mu.Unlock()
	c.connect()
	return nil
}

// connect lets every running, reachable pair talk, and no other.
func (c *cluster) connect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		for _, o := range c.members {
			if m == o || m.trans == nil || o.trans == nil {
				continue
			}
			if m.running && o.running && !c.cut[m.id.Node] && !c.cut[o.id.Node] {
				m.trans.Connect(o.trans.LocalAddr(), o.trans)
			} else {
				m.trans.Disconnect(raft.ServerAddress(o.id.String()))
			}
		}
	}
}

func (c *cluster) isolate(m *member, cut bool) {
	c.mu.Lock()
	c.cut[m.id.Node] = cut
	c.mu.Unlock()
	c.connect()
}

// crash takes a node down as a power cut would: what its disks hold at this
// moment is what it finds again.
func (c *cluster) crash(m *member) {
	c.mu.Lock()
	m.running = false
	disk, mem := m.disk.crash(), m.ledger.crash()
	c.mu.Unlock()
	c.connect()
	m.node.Shutdown()
	c.mu.Lock()
	defer c.mu.Unlock()
	m.disk, m.ledger = disk, mem
}

// stop ends a node in order.
func (c *cluster) stop(m *member) {
	c.t.Helper()
	if err := m.node.Shutdown(); err != nil {
		c.t.Errorf("shut down %s: %v", m.id, err)
	}
	c.mu.Lock()
	m.running = false
	m.ledger = m.ledger.reopen()
	c.mu.Unlock()
	c.connect()
}

// close ends all nodes, then lets virtual time pass until raft's untracked
// goroutines, each of which waits for a timeout, have ended too: a bubble whose
// test has returned has no time left.
func (c *cluster) close() {
	for _, m := range c.running() {
		m.node.Shutdown()
	}
	time.Sleep(time.Minute)
}

func (c *cluster) running() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	var up []*member
	for _, m := range c.members {
		if m.running {
			up = append(up, m)
		}
	}
	return up
}

// longest is the live ledger with the most entries: where catch-up fetches.
func (c *cluster) longest(but *member) *memLedger {
	c.mu.Lock()
	defer c.mu.Unlock()
	var best *memLedger
	var size uint64
	for _, m := range c.members {
		if m == but || !m.running || c.cut[m.id.Node] || c.cut[but.id.Node] || m.node == nil || m.node.fsm.isCatchingUp() {
			continue
		}
		if n, _ := m.ledger.Head(); n > size {
			best, size = m.ledger, n
		}
	}
	return best
}

// leader waits for a node that leads and is ready, and records its term.
func (c *cluster) leader() *member {
	c.t.Helper()
	var found *member
	c.until("a leader that is ready", func() bool {
		for m, node := range c.live() {
			c.mu.Lock()
			cut := c.cut[m.id.Node]
			c.mu.Unlock()
			if !cut && node.IsLeader() {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// live is the running nodes at this moment, for goroutines beside the test's.
func (c *cluster) live() map[*member]*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := make(map[*member]*Node)
	for _, m := range c.members {
		if m.running {
			up[m] = m.node
		}
	}
	return up
}

// until waits for a condition, in virtual time where there is one.
func (c *cluster) until(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		c.watchTerms()
		if time.Now().After(deadline) {
			for _, m := range c.running() {
				c.t.Logf("%s: %+v", m.id, m.node.Status())
				c.t.Logf("%s: %q", m.id, m.ledger.entries())
			}
			c.t.Fatalf("no %s in two minutes", what)
		}
		<-time.After(5 * time.Millisecond) // virtual time: it passes when everybody waits
	}
	c.watchTerms()
}

// watchTerms checks that no term has two leaders.
func (c *cluster) watchTerms() {
	for m, node := range c.live() {
		before := node.raft.CurrentTerm()
		leads := node.raft.State() == raft.Leader
		if term := node.raft.CurrentTerm(); leads && term == before {
			c.mu.Lock()
			if other, ok := c.terms[term]; ok && other != m.id.String() {
				c.t.Errorf("term %d has two leaders: %s and %s", term, other, m.id)
			}
			c.terms[term] = m.id.String()
			c.mu.Unlock()
		}
	}
}

// propose has commands committed, wherever the leader is, and remembers which
// were acknowledged.
func (c *cluster) propose(prefix string, count int) {
	c.t.Helper()
	for i := range count {
		command := fmt.Sprintf("%s-%d", prefix, i)
		for !c.proposeOnce(c.leader(), command) {
			c.watchTerms()
		}
	}
}

// proposeOnce reports whether the command was acknowledged. Sent again after
// an unknown outcome it is marked as another try.
func (c *cluster) proposeOnce(m *member, command string) bool {
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
	defer cancel()
	c.mu.Lock()
	node := m.node
	c.mu.Unlock()
	_, err := node.Propose(ctx, []byte(command))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && m.running {
		c.acked[command] = true
		return true
	}
	var notLeader *NotLeaderError
	if err != nil && !errors.As(err, &notLeader) && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrStopped) &&
		!errors.Is(err, ErrCatchingUp) && !errors.Is(err, ErrOverloaded) {
		c.t.Errorf("propose %q: %v", command, err)
	}
	return false
}

// settle waits until every running node has applied the same.
func (c *cluster) settle() {
	c.t.Helper()
	c.until("equal ledgers", func() bool {
		heads := make(map[string]bool)
		for _, m := range c.running() {
			if m.node.fsm.isCatchingUp() || m.node.Leader() == "" {
				return false
			}
			size, root := m.ledger.Head()
			heads[fmt.Sprintf("%d %x", size, root)] = true
		}
		return len(heads) == 1
	})
}

// audit checks what must hold at the end: equal ledgers, every acknowledged
// command in them, nothing applied twice.
func (c *cluster) audit() {
	c.t.Helper()
	c.propose("audit", 1)
	c.settle()
	var first [][]byte
	for _, m := range c.running() {
		entries := m.ledger.entries()
		if first == nil {
			first = entries
		}
		if !slices.EqualFunc(first, entries, bytes.Equal) {
			c.t.Errorf("%s has other entries", m.id)
		}
		if twice := m.ledger.appliedTwice(); len(twice) > 0 {
			c.t.Errorf("%s applied raft entries %v twice", m.id, twice)
		}
	}
	count := make(map[string]int)
	for _, e := range first {
		count[string(e)]++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, command := range slices.Sorted(maps.Keys(c.acked)) {
		if count[command] == 0 {
			c.t.Errorf("%q was acknowledged and is lost", command)
		}
		if count[command] > 1 && !strings.HasPrefix(command, "audit") {
			c.t.Logf("%q stands %d times: sent again after an unknown outcome", command, count[command])
		}
	}
}
