package adversary

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus/consensustest"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/node/cosign"
)

// usurp corrupts the leader once the others agree, and makes the liar the leader of a term of its own.
func (n *network) usurp() (r *reign, honest []*member) {
	n.Helper()
	leader, _ := n.leader()
	l := n.corrupt(leader)
	honest = n.others(l.member)
	n.leader()
	n.settle()
	n.quiet(honest)
	return l.seize(honest...), honest
}

// quiet waits until nodes know of the same committed raft entries.
func (n *network) quiet(members []*member) {
	n.Helper()
	n.eventually(func() error {
		var last uint64
		for _, m := range members {
			s := m.running.Replica().Status()
			if last != 0 && s.RaftCommitIndex != last {
				return fmt.Errorf("%s knows of %d committed raft entries, another node of %d", m.id, s.RaftCommitIndex, last)
			}
			last = s.RaftCommitIndex
		}
		return nil
	})
}

// has waits until a node has a size, and gives its head.
func (n *network) has(m *member, size uint64) checkpoint.Checkpoint {
	n.Helper()
	var c checkpoint.Checkpoint
	n.eventually(func() error {
		s := n.status(m)
		if s.Size != size {
			return fmt.Errorf("%s has %d entries, not %d", m.id, s.Size, size)
		}
		c = n.head(s.Size, [32]byte(s.Root))
		return nil
	})
	return c
}

// A leader that gives its followers different entries forks them, and the next request for a cosignature shows it: the
// followers compare what it signed. Nothing becomes final on either side, and nobody stops.
func TestLeaderTellsFollowersDifferentEntries(t *testing.T) {
	t.Parallel()
	tellsDifferent(t, 0)
}

// The same, by a leader that then has the terms run on, so that its own is long past when somebody looks.
func TestLeaderLeavesItsTermBehind(t *testing.T) {
	t.Parallel()
	tellsDifferent(t, 1_000)
}

func tellsDifferent(t *testing.T, later uint64) {
	t.Helper()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	before, _ := n.checkpoints(honest[0])
	size := n.status(honest[0]).Size
	var heads []checkpoint.Checkpoint
	for _, m := range honest {
		s := r.say(1, n.clock.now(), kindSubmissions, events(n.registration(trader.a)))
		n.must(r.give(m, true, s.command))
		heads = append(heads, n.has(m, size+1))
	}
	if heads[0].Root == heads[1].Root {
		t.Fatal("the followers are not forked")
	}
	r.abdicate()
	for _, m := range honest {
		_, err := r.impostor.Append(m.server, consensustest.Request{Term: r.term + later})
		n.must(err)
	}
	for _, m := range honest {
		n.evidenceOf(m, evidence.KindTwoProposals, r.member)
	}
	n.runs(honest...)
	for _, m := range honest {
		n.alarmed(m, r.member.id)
		if final, _ := n.checkpoints(m); final.Size > size {
			t.Errorf("%s has a final checkpoint beyond the fork: %v, after %v", m.id, final.Checkpoint, before.Checkpoint)
		}
	}
}

// A leader that gives one follower a proposal of its own term and the other one of the term before does not contradict
// itself by them: an honest leader may send in a later term what it built in an earlier one. The followers notice as
// before and nothing becomes final, but their evidence shows that one of the histories is wrong, not who made two.
func TestLeaderSignsInTwoTerms(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	size := n.status(honest[0]).Size
	for i, m := range honest {
		s := r.say(1, n.clock.now(), kindSubmissions, events(n.registration(trader.a)))
		s.Term -= uint64(i)
		n.must(r.give(m, true, r.seal(s).command))
		n.has(m, size+1)
	}
	r.abdicate()
	n.eventually(func() error {
		for _, m := range honest {
			for _, b := range n.evidenceFiles(m) {
				if convicted, answerable, kind := n.judge(b); kind == evidence.KindHeadsDiffer && len(convicted) == 0 && slices.Equal(answerable, idsOf(honest)) {
					return nil
				}
			}
		}
		return errors.New("no evidence")
	})
	n.runs(honest...)
	for _, m := range honest {
		if final, _ := n.checkpoints(m); final.Size > size {
			t.Errorf("%s has a final checkpoint beyond the fork: %v", m.id, final.Checkpoint)
		}
	}
}

// With k = 2 of 3, one leader alone can have two heads of one size made final, one with each follower: quorums of two
// have only the liar in common. Its own signatures under both convict it, and the followers see each other's final
// checkpoint when they next ask each other for it, keep what convicts, and stop.
func TestLeaderForksFinality(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	size := n.status(honest[0]).Size
	var notes []*checkpoint.Note
	for _, m := range honest {
		s := r.say(1, n.clock.now(), kindSubmissions, events(n.registration(trader.a)))
		n.must(r.give(m, true, s.command))
		note := r.sign(n, n.has(m, size+1))
		response := r.askCosign(m, note)
		lines, err := checkpoint.ParseSignatures(response.Lines)
		if err != nil {
			t.Fatalf("%s: %v: %+v", m.id, err, response)
		}
		note.Signatures = append(note.Signatures, lines...)
		n.isFinal(note)
		notes = append(notes, note)
		final := r.say(2, n.clock.now(), kindFinal, noteBody(note))
		final = r.after(s, final)
		n.must(r.give(m, true, s.command, final.command))
	}
	n.convictTwoHeads(notes[0], notes[1], r.member)
	for _, m := range honest {
		n.evidenceOf(m, evidence.KindTwoHeads, r.member)
		if err := <-m.running.Fatal(); !errors.Is(err, cosign.ErrForked) {
			t.Errorf("%s stops for %v", m.id, err)
		}
	}
}

// A leader cannot stamp time far ahead: followers refuse the entry before raft sees it, and a leader that they do not
// follow is none.
func TestLeaderStampsFarAhead(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	size := n.status(honest[0]).Size
	for _, ahead := range []time.Duration{31 * time.Second, time.Hour, 70 * 365 * 24 * time.Hour} {
		for _, m := range honest {
			s := r.say(1, n.clock.now().Add(ahead+time.Second), kindSubmissions, events(n.registration(trader.a)))
			if err := r.give(m, true, s.command); err == nil {
				t.Errorf("%s takes a command from %v ahead", m.id, ahead)
			}
			if got := n.status(m).Size; got != size {
				t.Errorf("%s has %d entries, not %d", m.id, got, size)
			}
		}
	}
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)
}

// A leader that stamps an event earlier than another node received it has to answer for it, with that node's promise.
func TestLeaderStampsBack(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	size := n.status(honest[0]).Size
	before := n.clock.now()
	n.clock.advance(2 * time.Minute)
	event := n.registration(trader.a)
	promise := n.promised(honest[0], event)
	s := r.say(1, before, kindSubmissions, events(event))
	for _, m := range honest {
		n.must(r.give(m, true, s.command))
	}
	n.has(honest[0], size+1)
	e, err := evidence.LateStamp(n.trust(), 0, s.signed(), append([]byte{s.kind}, s.body...), event, promise)
	n.answer(e, err, r.member, honest[0])
	r.gave(1)
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)
}

// A leader that ignores what one association's node forwards breaks that node's promise. The other nodes state that the
// event is not there past the deadline: the promise shows when the node had it, its proposals would show when the leader
// had it, and until it answers the node that promised must.
func TestLeaderIgnoresAssociation(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	r, honest := n.usurp()
	victim := honest[0]
	size := n.status(victim).Size
	event := n.registration(trader.a)
	signed := n.promised(victim, event)
	promise, err := ledger.ParsePromise(signed.Payload)
	n.must(err)
	n.clock.advance(2 * time.Minute)

	other := r.say(1, n.clock.now(), kindSubmissions, events(n.registration(trader.b)))
	for _, m := range honest {
		n.must(r.give(m, true, other.command))
	}
	note := r.sign(n, n.has(victim, size+1))
	n.has(honest[1], size+1)
	lines, err := checkpoint.ParseSignatures(r.askCosign(victim, note).Lines)
	n.must(err)
	note.Signatures = append(note.Signatures, lines...)
	final := r.after(other, r.say(2, n.clock.now(), kindFinal, noteBody(note)))
	for _, m := range honest {
		n.must(r.give(m, true, other.command, final.command))
	}
	n.final(size + 1)

	payload, signatures := n.absent(victim, event.ID(), promise.Deadline)
	e, err := evidence.BrokenPromise(n.trust(), signed, payload, signatures)
	n.answer(e, err, victim)
	r.gave(2)
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)
}
