package localnet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// programs is the folder with the programs of this tree, built once for all
// tests of the package.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "custody-programs-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/custodyd", "./cmd/custody")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, output)
	}
	return dir, nil
})

// builtIn is what programs made, for TestMain to remove.
var builtIn string

func TestMain(m *testing.M) {
	if parent := os.Getenv(parentVariable); parent != "" {
		os.Exit(playParent(parent))
	}
	status := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(status)
}

// program gives the path of a program of this tree.
func program(t testing.TB, name string) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	// Reading the sources makes the result of a test depend on them.
	if _, err := os.ReadDir(filepath.Join("..", "..", "cmd", name)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// network is three nodes in processes of their own, and five dealers.
type network struct {
	*localnet.Net
	t       testing.TB
	ctx     context.Context
	client  *client.Client
	dealers []trade.Dealer
	loads   int

	mu           sync.Mutex
	acknowledged []trade.Acknowledged
	changed      chan struct{}
}

// testTimeout bounds every test; nothing here takes half as long.
const testTimeout = 2 * time.Minute

// start founds a ledger and admits five dealers. The nodes end with the test.
func start(t testing.TB, prepare func(*localnet.Net)) *network {
	t.Helper()
	if testing.Short() {
		t.Skip("runs whole nodes; left out with -short")
	}
	if raceDetector && t.Name() != "TestKill/the_leader" {
		t.Skip("the nodes run without the race detector; one test of this kind is enough with it")
	}
	custodyd := program(t, "custodyd")
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	net, err := localnet.Found(ctx, localnet.Options{Dir: dataFolder(t), Program: custodyd})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(net.Close)
	if prepare != nil {
		prepare(net)
	}
	if err := net.Start(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := net.NewClient(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	n := &network{Net: net, t: t, ctx: ctx, client: c, changed: make(chan struct{})}
	n.admit()
	return n
}

// dataFolder gives a folder in memory where there is one: these tests end
// processes, not machines, and what a process wrote outlives it there as well.
func dataFolder(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "custody-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// admit admits five dealers, sponsored by one association after the other.
func (n *network) admit() {
	n.t.Helper()
	for i := range 5 {
		node := n.Nodes()[i%len(n.Nodes())]
		dealer, err := trade.NewDealer(n.LedgerID(), fmt.Sprintf("dealer-%d.example.org", i+1))
		n.must(err)
		association, err := trade.DealerOf(n.LedgerID(), node.Association, node.Governance)
		n.must(err)
		event, name, err := dealer.Admit(association, node.Country, custodyv1.Role_ROLE_DEALER)
		n.must(err)
		receipt, err := n.client.Append(n.ctx, event, name)
		n.must(err)
		n.note(trade.Acknowledged{Receipt: receipt, At: time.Now()})
		n.dealers = append(n.dealers, dealer)
	}
}

func (n *network) note(a trade.Acknowledged) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.acknowledged = append(n.acknowledged, a)
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *network) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.acknowledged)
}

// waitFor returns when count events are acknowledged in all.
func (n *network) waitFor(count int, load *load) {
	n.t.Helper()
	for {
		n.mu.Lock()
		have, changed := len(n.acknowledged), n.changed
		n.mu.Unlock()
		if have >= count {
			return
		}
		select {
		case <-changed:
		case <-load.ended:
			n.t.Fatalf("the load ended after %d acknowledged events, expected %d: %v", have, count, load.err)
		case <-n.ctx.Done():
			n.t.Fatalf("%d events are acknowledged, expected %d: %v", have, count, context.Cause(n.ctx))
		}
	}
}

// load is a trade that goes on in the background.
type load struct {
	events int
	ended  chan struct{}
	err    error // read after ended
}

// legs is what happens to every stone of a load.
var legs = []trade.Leg{
	trade.Sale(0, 1), trade.Memo(1, 2), trade.Return(2, 1), trade.Memo(1, 3), trade.MemoSale(1, 3),
	trade.Sale(3, 4).But(trade.Declined), trade.Sale(3, 4), trade.Sale(4, 0),
}

// trade registers stones and sends each on its way, over one stream to each
// node. It returns at once.
func (n *network) trade(stones int) *load {
	n.t.Helper()
	n.loads++
	l := &load{ended: make(chan struct{})}
	var chains []trade.Chain
	for range stones {
		registration, err := n.dealers[0].Register(trade.Polished(140_000, &custodyv1.Description{Colour: "G", Clarity: "VS2"}))
		n.must(err)
		stone := trade.Registered(registration)
		events, err := stone.Travel(n.dealers, legs)
		n.must(err)
		chain := trade.Writes(append([]ledger.SignedEvent{registration}, events...)...)
		chains = append(chains, chain)
		l.events += len(chain)
	}
	var clients []*client.Client
	for i := range n.Nodes() {
		c, err := n.NewClient(i)
		n.must(err)
		clients = append(clients, c)
	}
	go func() {
		defer close(l.ended)
		l.err = trade.Load(n.ctx, clients, chains, n.note)
		for _, c := range clients {
			c.Close()
		}
	}()
	return l
}

// finish waits for the end of a load, of which every event must have been
// acknowledged.
func (n *network) finish(l *load) {
	n.t.Helper()
	<-l.ended
	n.must(l.err)
}

// verify demands that every node has the same entries, that every acknowledged
// event stands in them once and where its receipt says, and that the audit of
// every node is good.
func (n *network) verify() {
	n.t.Helper()
	head, err := n.client.TreeHead(n.ctx, 0, client.Linearizable)
	n.must(err)
	var first [][]byte
	for _, node := range n.Nodes() {
		n.must(node.WaitSize(n.ctx, head.Size))
		entries := n.entries(node, head.Size)
		if first == nil {
			first = entries
			continue
		}
		for i := range entries {
			if !bytes.Equal(entries[i], first[i]) {
				n.t.Fatalf("entry %d of node %s is not that of node %s", i, node.Member.Node, n.Nodes()[0].Member.Node)
			}
		}
	}
	n.findAcknowledged(first)
	n.audit(head.Size)
}

func (n *network) entries(node *localnet.Node, size uint64) [][]byte {
	n.t.Helper()
	c, err := node.Client()
	n.must(err)
	var entries [][]byte
	n.must(c.Entries(n.ctx, 0, size, func(_ uint64, entry []byte) error {
		entries = append(entries, entry)
		return nil
	}))
	if uint64(len(entries)) != size {
		n.t.Fatalf("node %s gave %d entries, expected %d", node.Member.Node, len(entries), size)
	}
	return entries
}

func (n *network) findAcknowledged(entries [][]byte) {
	n.t.Helper()
	at := map[ledger.EventID]uint64{}
	for i, b := range entries[1:] {
		entry, err := ledger.DecodeEntry(b)
		n.must(err)
		id := entry.Signed.ID()
		if other, twice := at[id]; twice {
			n.t.Errorf("event %s stands in entry %d and in entry %d", id, other, i+1)
		}
		at[id] = uint64(i) + 1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.acknowledged {
		index, found := at[a.Receipt.Event]
		if !found || index != a.Receipt.Index || merkle.LeafHash(entries[index]) != a.Receipt.Leaf {
			n.t.Errorf("event %s was acknowledged as entry %d; found %t, as entry %d", a.Receipt.Event, a.Receipt.Index, found, index)
		}
	}
}

// audit has the program custody verify every node from the first entry on.
func (n *network) audit(size uint64) {
	n.t.Helper()
	arguments := []string{"audit", "--genesis", n.GenesisPath()}
	for _, node := range n.Nodes() {
		arguments = append(arguments, "--node", node.Member.Node+"="+node.ClientAddress)
	}
	output, err := exec.CommandContext(n.ctx, program(n.t, "custody"), append(arguments, "-o", "json")...).Output()
	var verdict struct {
		OK   bool   `json:"ok"`
		Size uint64 `json:"size"`
	}
	if err = errors.Join(err, json.Unmarshal(output, &verdict)); err != nil || !verdict.OK || verdict.Size != size {
		n.t.Fatalf("custody audit of %d entries: %v\n%s", size, err, output)
	}
}
