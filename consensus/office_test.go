package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errUnfit = errors.New("its clock is wrong")

// fitness says which nodes may lead.
type fitness struct {
	mu    sync.Mutex
	unfit map[string]bool
}

func (f *fitness) set(node string, unfit bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unfit[node] = unfit
}

func (f *fitness) adjust(c *Config) {
	node := c.Server.Node
	c.MayLead = func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.unfit[node] {
			return errUnfit
		}
		return nil
	}
}

func newFitness() *fitness { return &fitness{unfit: make(map[string]bool)} }

func TestUnfitLeaderHandsOnAndStaysOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFitness()
		c := newCluster(t, 3, f.adjust)
		defer c.close()
		c.propose("before", 3)
		first := c.leader()
		f.set(first.id.Node, true)
		c.until("another leader", func() bool { return c.leader() != first })
		if s := first.node.Status(); s.MayNotLead != errUnfit.Error() || s.Ready {
			t.Errorf("its status: %q, ready %v", s.MayNotLead, s.Ready)
		}
		c.propose("meanwhile", 3)
		// The others fall away one by one: it gets elected and hands on again.
		for range 3 {
			if second := c.leader(); second.node.HandOn(t.Context()) != nil {
				t.Log("leadership was not handed on")
			}
			for start := time.Now(); time.Since(start) < 20*time.Second; {
				if first.node.IsLeader() {
					t.Fatal("the node leads although it may not")
				}
				<-time.After(50 * time.Millisecond)
			}
			c.propose(fmt.Sprint("more-", time.Now().UnixNano()), 1)
		}
		for _, m := range c.members {
			f.set(m.id.Node, m != first)
		}
		c.until("leadership at the one that may again", func() bool { return c.leader() == first })
		c.audit()
	})
}

// Two of three may not lead: the third gets it, whoever was elected.
func TestTheOneThatMayLeadGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFitness()
		c := newCluster(t, 3, f.adjust)
		defer c.close()
		for _, fit := range []string{"a", "b", "c", "a"} {
			for _, node := range []string{"a", "b", "c"} {
				f.set(node, node != fit)
			}
			c.until("leadership at the one that may", func() bool { return c.leader().id.Node == fit })
			c.propose("under-"+fit, 2)
		}
		c.audit()
	})
}

// Nobody may lead: leadership goes round ever more slowly, every node says why,
// and all is well as soon as one may again.
func TestNobodyMayLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFitness()
		c := newCluster(t, 3, f.adjust)
		defer c.close()
		c.propose("before", 1)
		for _, m := range c.members {
			f.set(m.id.Node, true)
		}
		const minutes = 5
		before := c.leader().node.Term()
		for start := time.Now(); time.Since(start) < minutes*time.Minute; {
			<-time.After(200 * time.Millisecond)
			c.watchTerms()
		}
		// Each node begins with 0, 1, 2, 4… seconds between two turns and ends at 30.
		turns := c.members[0].node.Term() - before
		if most := uint64(3 * (7 + minutes*60/30)); turns > most {
			t.Errorf("leadership changed %d times in %d minutes, at most %d were expected", turns, minutes, most)
		}
		t.Logf("%d changes of leadership in %d minutes", turns, minutes)
		for _, m := range c.running() {
			if s := m.node.Status(); s.MayNotLead == "" || s.Ready {
				t.Errorf("%s: %+v", m.id, s)
			}
		}
		f.set("b", false)
		c.until("leadership at the one that may", func() bool { return c.leader().id.Node == "b" })
		c.audit()
	})
}

// A command that a node takes only after another one was applied does not hold
// that one up, although both come in one request.
func TestRefusedEntryDoesNotHoldUpThoseBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *cluster
		var mu sync.Mutex
		refused := 0
		c = newCluster(t, 3, func(config *Config) {
			mine := config.Ledger.(*memLedger)
			config.CheckCommand = func(_ uint64, command []byte) error {
				known := slices.ContainsFunc(mine.entries(), func(e []byte) bool { return string(e) == "the key-0" })
				if bytes.HasPrefix(command, []byte("locked")) && !known {
					mu.Lock()
					defer mu.Unlock()
					refused++
					return errors.New("it needs the key")
				}
				return nil
			}
		})
		defer c.close()
		c.propose("before", 2)
		c.settle()
		leader := c.leader()
		away := c.members[slices.IndexFunc(c.members, func(m *member) bool { return m != leader })]
		c.isolate(away, true)
		c.propose("the key", 1)
		c.propose("locked", 30)
		c.isolate(away, false)
		c.audit()
		if refused == 0 {
			t.Error("no request had to be refused in part")
		}
	})
}

// What was built in the term of one leader may be sent in a later one, and never
// stands in an earlier one than was written into it. (Who gets the office back is
// not waited for: leadership can go round between the two others for ever.)
func TestTermOfACommandIsNeverAheadOfItsEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		later := 0
		c := newCluster(t, 3, func(config *Config) {
			config.CheckCommand = func(term uint64, command []byte) error {
				var built uint64
				if _, err := fmt.Sscanf(string(command), "built in %d", &built); err == nil {
					mu.Lock()
					defer mu.Unlock()
					if built > term {
						t.Errorf("%q stands in term %d", command, term)
						return errUnfit
					}
					if built < term {
						later++
					}
				}
				return nil
			}
		})
		defer c.close()
		for i := range 12 {
			m := c.leader()
			command := fmt.Sprintf("built in %d, number %d", m.node.Term(), i)
			if i%2 == 0 {
				c.until("another leader", func() bool { _ = m.node.HandOn(t.Context()); return c.leader() != m })
			}
			c.until("an answer", func() bool { return c.proposeOnce(c.leader(), command) })
		}
		c.audit()
		if later == 0 {
			t.Error("no command was sent in a later term than it was built in")
		}
	})
}
