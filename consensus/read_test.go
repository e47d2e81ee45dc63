package consensus

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A follower that is told of a commit applies it at once; it does not wait for the
// leader's next request.
func TestWaitCommittedNeedsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("before", 5)
		leader := c.leader()
		for i := range 20 {
			c.settle()
			index := leader.node.raft.LastIndex() + 1
			if _, err := leader.node.Propose(t.Context(), []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			entry := EntryID{Index: index, Term: leader.node.raft.CurrentTerm()}
			for _, m := range c.members {
				if err := m.node.WaitCommitted(t.Context(), entry); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(begun); took >= commitTimeout { // of virtual time
				t.Errorf("command %d: took %v", i, took)
			}
		}
		c.audit()
	})
}

// What was said about another entry, another term, or by nobody in particular
// commits nothing.
func TestWaitCommittedBelievesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		c.propose("before", 5)
		c.settle()
		old := c.leader()
		term := old.node.raft.CurrentTerm()
		at := old.node.AppliedIndex()
		for _, m := range c.members {
			if m != old {
				c.isolate(m, true) // the command reaches nobody
			}
		}
		p, err := old.node.Begin([]byte("on one disk"))
		if err != nil {
			t.Fatal(err)
		}
		c.until("the command in the old leader's log", func() bool { return old.node.raft.LastIndex() > at })
		c.isolate(old, true)
		for _, m := range c.members {
			if m != old {
				c.isolate(m, false)
			}
		}
		c.until("another leader", func() bool { l := c.leader(); return l != nil && l != old })
		for what, entry := range map[string]EntryID{
			"the own entry, of the old term":           {at + 1, term},
			"an entry that is not there":               {at + 1000, term},
			"the own index with the new leader's term": {at + 1, c.leader().node.raft.CurrentTerm()},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if err := old.node.WaitCommitted(ctx, entry); err == nil {
				t.Errorf("%s was believed", what)
			}
			cancel()
		}
		if now := old.node.AppliedIndex(); now != at {
			t.Errorf("applied up to %d", now)
		}
		c.isolate(old, false)
		c.audit()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Wait(ctx); err == nil {
			t.Error("a command that was never committed was answered")
		}
	})
}
