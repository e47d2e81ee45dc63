package replica

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/consensus/consensustest"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// A pointer every few raft entries and hardly any log below it: what a pointer
// says is on disk cannot come from the log again.
const (
	pointerEntries = 8
	trailingLogs   = 4
	memTableBytes  = 64 << 10 // so that tables are flushed and logs switched
	ledgerFolder   = "ledger"
)

// survivors is how much of what was not synced a power cut may leave, in
// percent. With all of it the ledger is ahead of its pointer, and raft gives it
// entries again.
var survivors = []int{0, 0, 50, 100}

// patience bounds every wait, in virtual time. It is never the time that a test
// takes.
const patience = time.Minute

// what is a step of a node after or before which its power may go.
type what string

const (
	logStored    what = "an entry of the raft log"
	logTruncated what = "a truncation of the raft log"
	voteStored   what = "a vote or term"
	entryApplied what = "an apply"
	pointerSet   what = "a pointer"
	targetSet    what = "a target"
	adopted      what = "the adoption of a target"
	fetched      what = "a run of a catch-up" // has only an after
)

// moment is right before a step, or right after it.
type moment struct {
	step what
	done bool
}

func (m moment) String() string {
	if m.done {
		return "after " + string(m.step)
	}
	return "before " + string(m.step)
}

// cluster is three nodes in memory under one supply of power.
type cluster struct {
	t       *testing.T
	random  *mathrand.Rand // of the test's own goroutine
	site    *consensustest.Site
	file    []byte
	id      ledger.LedgerID
	members []*member
	founder trade.Dealer // an association
	policy  ledger.Policy
	keys    map[string]nodeKeys // by node id
	guilds  []guild

	mu       sync.Mutex
	plan     *plan                              // the next power cut, if one is planned
	pieces   *mathrand.Rand                     // what survives of what was not synced
	states   map[ledger.Position]audit.TreeHead // what every node must have at a position
	between  map[ledger.Position]bool           // where an apply may be cut in two, around a final checkpoint
	counts   counts
	book     book
	promised promised
	lying    bool    // a leader sends what must be refused
	gated    []error // why commands of other leaders were refused
}

// counts says what a run was good for.
type counts struct {
	cuts, acknowledged, unknown, duplicates, refused, adoptions, restarts int
}

// member is one node with its disks, across power cuts.
type member struct {
	id      consensus.ServerID
	process *process // nil between a power cut and the start after it
	left    leftover
}

// leftover is what a power cut leaves.
type leftover struct {
	server *consensustest.Server
	disk   *storetest.Crashable
	synced uint64 // raft index that the disk must reach
}

// process is one run of a node. All but the first four are guarded by
// cluster.mu.
type process struct {
	cluster *cluster
	member  *member
	server  *consensustest.Server
	disk    *storetest.Crashable
	store   *store.Store
	replica *Replica // nil until it has started
	synced  uint64   // raft index of the last pointer that the store said is on disk
	fatal   error
}

// plan cuts the power of victims when member reaches a moment for the nth time.
type plan struct {
	member  *member
	at      moment
	nth     int
	victims []*member
	fired   chan struct{} // closed when the power is cut
}

func newCluster(t *testing.T, seed uint64) *cluster {
	t.Helper()
	c := &cluster{
		t: t, site: consensustest.NewSite(),
		random: mathrand.New(mathrand.NewPCG(seed, 1)), pieces: mathrand.New(mathrand.NewPCG(seed, 2)),
		states: make(map[ledger.Position]audit.TreeHead), between: make(map[ledger.Position]bool),
		keys: make(map[string]nodeKeys),
		book: newBook(), promised: newPromised(),
	}
	genesis := &ledger.Genesis{
		Format: ledger.GenesisFormat, Name: "powercut.example.org/trade", CreatedMs: uint64(time.Now().UnixMilli()),
		RulesVersion: ledger.RulesVersion1, Quorum: 2,
	}
	var governance sign.PrivateKey
	for i := range 3 {
		governance = newKey(t)
		keys := newNodeKeys(t)
		c.guilds = append(c.guilds, guild{ledger.NewPartyID(governance.Public().ID()), governance})
		name := fmt.Sprintf("guild-%d.example.org", i)
		genesis.Associations = append(genesis.Associations, ledger.Association{
			Name: name, Country: "BE", GovernanceKeys: []string{ledger.KeyText(governance.Public())},
		})
		genesis.Nodes = append(genesis.Nodes, ledger.Node{
			ID: fmt.Sprintf("node-%d", i), Association: name, Incarnation: fmt.Sprintf("%016x", i+1),
			PeerAddress: fmt.Sprintf("127.0.0.1:%d", 7000+i), ClientAddress: fmt.Sprintf("127.0.0.1:%d", 8000+i),
			TLSKeySHA256: fmt.Sprintf("%064x", i+1),
			LogKey:       ledger.KeyText(keys.log.Public()), CosignerKey: ledger.KeyText(keys.cosigner.Public()), StatementKey: ledger.KeyText(keys.statement.Public()),
		})
		c.keys[fmt.Sprintf("node-%d", i)] = keys
	}
	var err error
	if c.file, err = genesis.Encode(); err != nil {
		t.Fatal(err)
	}
	c.id, c.policy = ledger.GenesisID(c.file), genesis.Policy()
	if c.founder, err = trade.DealerOf(c.id, "guild", governance); err != nil {
		t.Fatal(err)
	}
	founders, err := Founders(genesis)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range founders {
		m := &member{id: id}
		m.left.server = c.site.NewServer(id, func(w consensustest.Write, done bool) { c.wrote(m, w, done) })
		m.left.disk = storetest.NewCrashable()
		if err := store.Create(ledgerFolder, c.file, m.left.disk.Options()); err != nil {
			t.Fatal(err)
		}
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		c.start(m)
	}
	return c
}

// nodeKeys are the keys that a node signs with.
type nodeKeys struct{ log, cosigner, statement sign.PrivateKey }

func newNodeKeys(t *testing.T) nodeKeys {
	t.Helper()
	return nodeKeys{newKey(t), newKey(t), newKey(t)}
}

func newKey(t *testing.T) sign.PrivateKey {
	t.Helper()
	key, err := sign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// start runs a node on what its disks hold. Its power may be cut in the middle
// of it; then it is started again.
func (c *cluster) start(m *member) {
	c.t.Helper()
	for {
		c.mu.Lock()
		p := &process{cluster: c, member: m, server: m.left.server, disk: m.left.disk}
		m.process = p
		c.mu.Unlock()
		err := p.start()
		if err == nil {
			return
		}
		if p.server.HasPower() {
			c.t.Fatalf("start %s: %v", m.id, err)
		}
		c.mu.Lock()
		m.process = nil
		c.mu.Unlock()
	}
}

func (p *process) start() error {
	c := p.cluster
	options := p.disk.Options()
	options.MemTableBytes, options.CacheBytes, options.Fatal = memTableBytes, 1<<20, p.fail
	s, err := store.Open(ledgerFolder, options)
	if err != nil {
		return err
	}
	c.mu.Lock()
	p.store = s
	c.mu.Unlock()
	c.checkSurvivor(p)
	c.checkPromised(p)
	r, err := Start(Config{
		Server: p.member.id, Mode: consensus.ModeFound, Store: s, Peers: &routes{process: p}, Fatal: p.fail,
		Statement: []sign.PrivateKey{c.keys[p.member.id.Node].statement},
		adapt: func(config consensus.Config) consensus.Config {
			config.PointerEntries, config.TrailingLogs = pointerEntries, trailingLogs
			if s.Position() != (ledger.Position{}) {
				config.Mode = consensus.ModeRun
			}
			config.Ledger = &watchedStore{Store: s, process: p}
			config.CheckCommand = p.honest(config.CheckCommand)
			check := config.CheckPointer
			config.CheckPointer = func(pointer ledger.Pointer) error {
				err := check(pointer)
				if err != nil && p.server.HasPower() {
					c.t.Errorf("%s refuses the pointer of an honest leader: %v", p.member.id, err)
				}
				return err
			}
			config.Machine = &watchedMachine{Machine: config.Machine, process: p}
			return p.server.Substitute(config)
		},
	})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	c.mu.Lock()
	p.replica = r
	c.mu.Unlock()
	return nil
}

// honest demands that no command is refused while nobody lies, whatever becomes
// of the leaders.
func (p *process) honest(check func(uint64, []byte) error) func(uint64, []byte) error {
	return func(term uint64, command []byte) error {
		err := check(term, command)
		p.cluster.mu.Lock()
		lying := p.cluster.lying
		if err != nil {
			p.cluster.gated = append(p.cluster.gated, err)
		}
		p.cluster.mu.Unlock()
		if err != nil && p.server.HasPower() && !lying {
			p.cluster.t.Errorf("%s refuses the command of an honest leader: %v", p.member.id, err)
		}
		return err
	}
}

// checkSurvivor holds what a store has after a power cut against what it had
// before: what was synced is there, and the entries are those of the position.
func (c *cluster) checkSurvivor(p *process) {
	c.t.Helper()
	position := p.store.Position()
	size, root := p.store.Head()
	if position.Index < p.member.left.synced {
		c.t.Errorf("%s stands at raft entry %d, %d was on disk", p.member.id, position.Index, p.member.left.synced)
	}
	c.mu.Lock()
	want, known := c.states[position]
	between := c.between[position]
	c.mu.Unlock()
	target, catchingUp := p.store.Target()
	switch {
	case catchingUp:
		if size < want.Size || size > target.Size {
			c.t.Errorf("%s has %d entries, at raft entry %d there are %d, the target has %d", p.member.id, size, position.Index, want.Size, target.Size)
		}
	case position.IsZero():
		if size != 1 {
			c.t.Errorf("%s has %d entries and has followed no cluster", p.member.id, size)
		}
	case !known && between:
		// What it holds there is compared when all have settled.
	case !known:
		c.t.Errorf("%s stands at raft entry %d of term %d, where nobody ever stood", p.member.id, position.Index, position.Term)
	case want.Size != size || want.Root != root:
		c.t.Errorf("%s at raft entry %d: %d entries with root %v, not %d with %v", p.member.id, position.Index, size, root, want.Size, want.Root)
	}
}

// mayPart notes where the batches of an apply end before its last one: a final
// checkpoint is stored by itself, and synced with what was stored before it.
func (c *cluster) mayPart(cluster [32]byte, commands []consensus.Command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, at := range commands {
		if decoded, err := decodeCommand(at.Data); err != nil || decoded.kind != kindFinal {
			continue
		}
		for _, end := range commands[max(i-1, 0) : i+1] {
			c.between[ledger.Position{Cluster: cluster, Index: end.Index, Term: end.Term}] = true
		}
	}
}

// stands notes what a node has at a position, and that all have the same.
func (c *cluster) stands(m *member, position ledger.Position, size uint64, root merkle.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head := audit.TreeHead{Size: size, Root: root}
	if other, ok := c.states[position]; ok && other != head {
		c.t.Errorf("at raft entry %d %s has %d entries with root %v, another node %d with %v", position.Index, m.id, size, root, other.Size, other.Root)
	}
	c.states[position] = head
}

func (p *process) fail(err error) {
	if !p.server.HasPower() {
		return
	}
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	if p.fatal = err; !errors.Is(err, consensus.ErrRestartNeeded) {
		p.cluster.t.Errorf("%s must end: %v", p.member.id, err)
	}
}

// watchedStore tells when consensus has something of its own stored.
type watchedStore struct {
	*store.Store
	process *process
}

func (w *watchedStore) SyncPointer(p ledger.Pointer) error {
	w.process.reached(moment{pointerSet, false})
	if err := w.Store.SyncPointer(p); err != nil {
		return err
	}
	w.process.cluster.stands(w.process.member, p.Position(), p.Size, p.Root)
	w.process.sync(p.Index)
	w.process.reached(moment{pointerSet, true})
	return nil
}

func (w *watchedStore) SetTarget(p ledger.Pointer) error {
	w.process.reached(moment{targetSet, false})
	if err := w.Store.SetTarget(p); err != nil {
		return err
	}
	w.process.reached(moment{targetSet, true})
	return nil
}

func (w *watchedStore) AdoptTarget() error {
	w.process.reached(moment{adopted, false})
	if err := w.Store.AdoptTarget(); err != nil {
		return err
	}
	size, root := w.Head()
	w.process.cluster.stands(w.process.member, w.Position(), size, root)
	w.process.sync(w.Position().Index)
	w.process.cluster.count(func(n *counts) { n.adoptions++ })
	w.process.reached(moment{adopted, true})
	return nil
}

// watchedMachine tells when something is applied.
type watchedMachine struct {
	consensus.Machine
	process *process
}

func (w *watchedMachine) Apply(position ledger.Position, commands []consensus.Command) ([]any, error) {
	w.process.reached(moment{entryApplied, false})
	w.process.cluster.mayPart(position.Cluster, commands)
	results, err := w.Machine.Apply(position, commands)
	if err != nil {
		return nil, err
	}
	size, root := w.process.store.Head()
	w.process.cluster.stands(w.process.member, position, size, root)
	w.process.reached(moment{entryApplied, true})
	return results, nil
}

func (p *process) sync(index uint64) {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	p.synced = index
}

func (c *cluster) wrote(m *member, w consensustest.Write, done bool) {
	c.reached(m, moment{map[consensustest.Write]what{
		consensustest.LogStored: logStored, consensustest.LogTruncated: logTruncated, consensustest.VoteStored: voteStored,
	}[w], done})
}

func (p *process) reached(at moment) {
	if p.server.HasPower() {
		p.cluster.reached(p.member, at)
	}
}

// reached is called by a node's own goroutine; the power goes before it
// returns, if that is the plan.
func (c *cluster) reached(m *member, at moment) {
	c.mu.Lock()
	plan := c.plan
	if plan == nil || plan.member != m || plan.at != at {
		c.mu.Unlock()
		return
	}
	if plan.nth--; plan.nth > 0 {
		c.mu.Unlock()
		return
	}
	c.plan = nil
	c.mu.Unlock()
	c.cut(plan.victims...)
	close(plan.fired)
}

// cut takes the power from nodes, at one instant.
func (c *cluster) cut(victims ...*member) {
	c.mu.Lock()
	processes := make(map[*consensustest.Server]*process)
	var servers []*consensustest.Server
	for _, m := range victims {
		if m.process != nil {
			processes[m.process.server] = m.process
			servers = append(servers, m.process.server)
		}
	}
	c.counts.cuts++
	c.mu.Unlock()
	disks := make(map[*consensustest.Server]*storetest.Crashable)
	synced := make(map[*consensustest.Server]uint64)
	after := c.site.Cut(func(cut []*consensustest.Server) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, server := range cut {
			p := processes[server]
			synced[server] = p.synced
			if percent := survivors[c.pieces.IntN(len(survivors))]; percent > 0 {
				disks[server] = p.disk.CrashPartly(percent, c.pieces)
			} else {
				disks[server] = p.disk.Crash()
			}
		}
	}, servers...)
	c.mu.Lock()
	defer c.mu.Unlock()
	for server, next := range after {
		processes[server].member.left = leftover{server: next, disk: disks[server], synced: synced[server]}
	}
}

// bury ends the goroutines of nodes without power, and gives their members.
func (c *cluster) bury() (down []*member) {
	for _, m := range c.members {
		c.mu.Lock()
		p := m.process
		c.mu.Unlock()
		if p != nil && !p.server.HasPower() {
			p.close()
			c.mu.Lock()
			m.process = nil
			c.mu.Unlock()
			p = nil
		}
		if p == nil {
			down = append(down, m)
		}
	}
	return down
}

// close ends a process; without power it may complain.
func (p *process) close() {
	err := p.replica.Close()
	if err = errors.Join(err, p.store.Close()); err != nil && p.server.HasPower() {
		p.cluster.t.Errorf("close %s: %v", p.member.id, err)
	}
}

// restart starts what is down, in any order.
func (c *cluster) restart() {
	c.t.Helper()
	down := c.bury()
	c.random.Shuffle(len(down), func(i, k int) { down[i], down[k] = down[k], down[i] })
	for _, m := range down {
		c.start(m)
	}
}

// close ends all nodes, then lets virtual time pass until raft's untracked
// goroutines, each of which waits for a timeout, have ended too.
func (c *cluster) close() {
	c.bury()
	for _, p := range c.running() {
		p.close()
	}
	time.Sleep(time.Minute)
}

// running gives the nodes that have started and have power.
func (c *cluster) running() []*process {
	c.mu.Lock()
	defer c.mu.Unlock()
	var up []*process
	for _, m := range c.members {
		if p := m.process; p != nil && p.replica != nil && p.server.HasPower() {
			up = append(up, p)
		}
	}
	return up
}

// at gives the running process of a node, by its id.
func (c *cluster) at(node string) *process {
	for _, p := range c.running() {
		if p.member.id.Node == node {
			return p
		}
	}
	return nil
}

func (c *cluster) count(add func(*counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.counts)
}

// until waits for a condition. A node that asks to be started again is.
func (c *cluster) until(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if c.t.Failed() {
			c.t.FailNow()
		}
		if time.Now().After(deadline) {
			for _, p := range c.running() {
				c.t.Logf("%s: %+v", p.member.id, p.replica.node.Status())
			}
			c.t.Fatalf("no %s in %v", what, patience)
		}
		<-time.After(5 * time.Millisecond)
		c.restartFailed()
	}
}

// restartFailed starts nodes again that ask for it, and the leader with them: a
// leader that lost a follower's answers and has truncated what they were about
// offers its pointer until another term. It takes more entries without an
// answer than trailingLogs; with consensus.TrailingLogsMin there are never so
// many on their way.
func (c *cluster) restartFailed() {
	c.t.Helper()
	var again []*member
	for _, p := range c.running() {
		c.mu.Lock()
		failed := p.fatal != nil
		c.mu.Unlock()
		if failed {
			again = append(again, p.member)
		}
	}
	if len(again) == 0 {
		return
	}
	for _, p := range c.running() {
		if p.replica.node.IsLeader() && !slices.Contains(again, p.member) {
			again = append(again, p.member)
		}
	}
	c.count(func(n *counts) { n.restarts++ })
	c.cut(again...)
	c.bury()
	for _, m := range again {
		c.start(m)
	}
}

// leader waits for a node that leads and may propose.
func (c *cluster) leader() *process {
	c.t.Helper()
	var leader *process
	c.until("leader", func() bool {
		up := c.running()
		at := slices.IndexFunc(up, func(p *process) bool { return p.replica.node.IsLeader() })
		if at >= 0 {
			leader = up[at]
		}
		return at >= 0
	})
	return leader
}

// settle waits until all three nodes are up, live and equal.
func (c *cluster) settle() {
	c.t.Helper()
	c.until("equal ledgers on three nodes", func() bool {
		heads := make(map[audit.TreeHead]bool)
		up := c.running()
		for _, p := range up {
			status := p.replica.node.Status()
			if status.CatchingUp || status.Leader == "" {
				return false
			}
			size, root := p.store.Head()
			heads[audit.TreeHead{Size: size, Root: root}] = true
		}
		return len(up) == len(c.members) && len(heads) == 1
	})
}

// routes is how a node calls the others: straight into their replicas, as far
// as both have power and a network. An answer that does not arrive is an
// unknown outcome.
type routes struct{ process *process }

var errUnreachable = errors.New("does not answer")

func (r *routes) to(node string) (*process, error) {
	p := r.process.cluster.at(node)
	if p == nil || !r.process.server.Reaches(p.server) {
		return nil, errUnreachable
	}
	return p, nil
}

func (r *routes) Propose(ctx context.Context, node string, submission ledger.Submission) (ledger.Outcome, consensus.EntryID, error) {
	p, err := r.to(node)
	if err != nil {
		return ledger.Outcome{}, consensus.EntryID{}, &consensus.NotLeaderError{}
	}
	outcome, entry, err := p.replica.Propose(ctx, submission)
	if !r.process.server.Reaches(p.server) {
		return ledger.Outcome{}, consensus.EntryID{}, consensus.ErrOutcomeUnknown
	}
	return outcome, entry, err
}

func (r *routes) ReadIndex(ctx context.Context, node string) (uint64, error) {
	p, err := r.to(node)
	if err != nil {
		return 0, &consensus.NotLeaderError{}
	}
	index, err := p.replica.ReadIndex(ctx)
	if !r.process.server.Reaches(p.server) {
		return 0, &consensus.NotLeaderError{}
	}
	return index, err
}

func (r *routes) Entries(ctx context.Context, node string, from, to uint64, each func([]audit.Raw) error) error {
	p, err := r.to(node)
	if err != nil {
		return err
	}
	const runMax = 7
	var run []audit.Raw
	send := func() error {
		if !r.process.server.Reaches(p.server) {
			return errUnreachable
		}
		err := each(run)
		run = nil
		r.process.reached(moment{fetched, true})
		return errors.Join(err, ctx.Err())
	}
	err = p.replica.Entries(from, to, func(entry []byte, openings []ledger.Opening) error {
		raw := audit.Raw{Entry: slices.Clone(entry)}
		for _, o := range openings {
			raw.Openings = append(raw.Openings, &custodyv1.Opening{Field: o.Field, Salt: o.Salt[:], Value: o.Value})
		}
		if run = append(run, raw); len(run) < runMax {
			return nil
		}
		return send()
	})
	if err == nil && len(run) > 0 {
		err = send()
	}
	return err
}

func (r *routes) Consistency(_ context.Context, node string, from, to uint64) ([]merkle.Hash, error) {
	p, err := r.to(node)
	if err != nil {
		return nil, err
	}
	return p.replica.Consistency(from, to)
}
