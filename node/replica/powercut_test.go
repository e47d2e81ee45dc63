package replica

import (
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

const (
	// Environment variables that ask for more seeds than seedsDefault, and for
	// another first one.
	powerCutSeeds = "CUSTODY_POWERCUT_SEEDS"
	powerCutFirst = "CUSTODY_POWERCUT_FIRST"

	cutsOfSeed    = 4 // cuts of one ledger, one after the other
	workersOfSeed = 6
)

// whom says who loses power, as seen from the node that reaches the moment.
type whom string

const (
	itself whom = "the node itself"
	leader whom = "the leader"
	other  whom = "another node"
	all    whom = "all three"
)

// scenario is one kind of power cut.
type scenario struct {
	name string
	// run plans the cut and brings it about; it returns when the power is gone.
	run func(c *cluster, at moment, whom whom)
	at  moment
	cut whom
}

func (s scenario) String() string { return fmt.Sprintf("%s, %v, %s", s.name, s.at, s.cut) }

// scenarios are all of them.
func scenarios() []scenario {
	var list []scenario
	add := func(name string, run func(*cluster, moment, whom), cuts []whom, steps ...what) {
		for _, step := range steps {
			for _, done := range []bool{false, true} {
				for _, cut := range cuts {
					if step != fetched || done {
						list = append(list, scenario{name, run, moment{step, done}, cut})
					}
				}
			}
		}
	}
	add("under load, at the leader", atLeader, []whom{itself, other, all}, logStored, entryApplied, pointerSet, logTruncated)
	add("under load, at a follower", atFollower, []whom{itself, leader, all}, logStored, entryApplied, pointerSet, logTruncated)
	add("in an election", inElection, []whom{itself, other}, voteStored)
	add("in a start after a power cut", inStart, []whom{itself, all}, voteStored, logStored, entryApplied)
	add("in a catch-up", inCatchUp, []whom{itself, leader, all}, targetSet, logTruncated, fetched, adopted, entryApplied)
	return list
}

// TestPowerCut runs three whole nodes, stores, raft logs and catch-ups, under a
// load of signed events, and cuts their power at every kind of moment, alone or
// all at once. Whatever was not synced is lost, of the ledger and of the raft
// log. Afterwards nothing that was acknowledged is missing, nothing stands
// twice, and all nodes are equal and hold in an audit.
func TestPowerCut(t *testing.T) {
	seeds, first := number(t, powerCutSeeds, seedsDefault), number(t, powerCutFirst, 0)
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { powerCuts(t, uint64(seed)) })
		})
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text, ok := os.LookupEnv(variable)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

func powerCuts(t *testing.T, seed uint64) {
	c := newCluster(t, seed)
	defer c.close()
	var workers []*worker
	for i := range workersOfSeed {
		workers = append(workers, c.newWorker(seed<<8+uint64(i)))
	}
	cosigning := c.newCosigner(seed, c.newWorker(seed<<8+workersOfSeed))
	list := scenarios()
	// Each pass over the seeds has all scenarios, in another order.
	turn := int(seed) * cutsOfSeed
	for i := range cutsOfSeed {
		pass := (turn + i) / len(list)
		order := mathrand.New(mathrand.NewPCG(uint64(pass), 5)).Perm(len(list))
		s := list[order[(turn+i)%len(list)]]
		stop := startLoad(workers, cosigning)
		s.run(c, s.at, s.cut)
		t.Log(s)
		if down := c.bury(); len(down) == 1 {
			c.acknowledge(c.random.IntN(40)) // without it
		}
		c.restart()
		c.acknowledge(10)
		stop()
		if t.Failed() {
			return
		}
		c.check()
		c.checkFinal()
	}
	t.Logf("%+v, %d final checkpoints, %d handovers", c.counts, c.promised.count, len(c.promised.since))
}

// acknowledge waits until so many more events are acknowledged.
func (c *cluster) acknowledge(more int) {
	c.t.Helper()
	acknowledged := func() (n int) {
		c.count(func(s *counts) { n = s.acknowledged })
		return n
	}
	enough := acknowledged() + more
	c.until(fmt.Sprint(more, " more events"), func() bool { return acknowledged() >= enough })
}

// expect plans a cut and returns a wait for it.
func (c *cluster) expect(m *member, at moment, nth int, victims []*member) (wait func()) {
	p := &plan{member: m, at: at, nth: nth, victims: victims, fired: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = p
	return func() {
		c.t.Helper()
		c.until(fmt.Sprint(at, " at ", m.id), func() bool {
			select {
			case <-p.fired:
				return true
			default:
				return false
			}
		})
	}
}

// victims are the members to cut when m reaches the moment.
func (c *cluster) victims(m *member, w whom) []*member {
	switch w {
	case itself:
		return []*member{m}
	case leader:
		return []*member{c.leader().member}
	case all:
		return c.members
	}
	return []*member{c.others(m)[c.random.IntN(2)]}
}

func (c *cluster) others(m *member) (others []*member) {
	for _, o := range c.members {
		if o != m {
			others = append(others, o)
		}
	}
	return others
}

// nth is after how many of a step the cut comes. Some steps are rare.
func (c *cluster) nth(step what) int {
	switch step {
	case logStored, entryApplied:
		return 1 + c.random.IntN(30)
	}
	return 1 + c.random.IntN(3)
}

func atLeader(c *cluster, at moment, w whom) {
	m := c.leader().member
	c.expect(m, at, c.nth(at.step), c.victims(m, w))()
}

func atFollower(c *cluster, at moment, w whom) {
	m := c.others(c.leader().member)[c.random.IntN(2)]
	c.expect(m, at, c.nth(at.step), c.victims(m, w))()
}

// inElection takes the leader, and then one of the two that elect another.
func inElection(c *cluster, at moment, w whom) {
	c.acknowledge(c.random.IntN(10))
	old := c.leader().member
	remaining := c.others(old)
	m := remaining[c.random.IntN(2)]
	victims := []*member{m}
	if w == other {
		victims = remaining
	}
	wait := c.expect(m, at, 1+c.random.IntN(3), victims)
	c.cut(old)
	wait()
}

// inStart takes all, and then again one or all while they start.
func inStart(c *cluster, at moment, w whom) {
	c.acknowledge(c.random.IntN(40))
	c.cut(c.members...)
	m := c.members[c.random.IntN(len(c.members))]
	victims := c.members
	if w == itself {
		victims = []*member{m}
	}
	wait := c.expect(m, at, 1+c.random.IntN(4), victims)
	c.restart()
	wait()
}

// inCatchUp leaves a follower behind until the others have truncated what it
// lacks, and cuts while it catches up.
func inCatchUp(c *cluster, at moment, w whom) {
	c.acknowledge(1)
	leader := c.leader()
	behind := c.others(leader.member)[c.random.IntN(2)]
	c.mu.Lock()
	server := behind.process.server
	c.mu.Unlock()
	server.Isolate(true)
	c.acknowledge(50)
	c.until("truncation past the node that is away", func() bool {
		last, _ := server.LastIndex()
		for _, p := range c.running() {
			if first, _ := p.server.FirstIndex(); p.member != behind && first <= last+1 {
				return false
			}
		}
		return true
	})
	nth := 1
	if at.step == fetched || at.step == entryApplied {
		nth = 1 + c.random.IntN(4)
	}
	wait := c.expect(behind, at, nth, c.victims(behind, w))
	server.Isolate(false)
	wait()
	<-time.After(time.Duration(c.random.IntN(3)) * time.Millisecond)
}
