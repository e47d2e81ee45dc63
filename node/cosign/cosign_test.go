package cosign

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestThreeNodesReachFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		untilFinal(t, w.nodes[2], 1)
		note, err := checkpoint.ParseNote(w.nodes[1].note())
		must(t, err)
		policy := w.genesis.Policy()
		final, err := policy.Checkpoint().Verify(note)
		must(t, err)
		if len(final.Cosigned) != 3 || len(final.Logs) != 3 {
			t.Errorf("%d cosignatures, %d log lines: every node is up", len(final.Cosigned), len(final.Logs))
		}
		pass(2 * time.Second)
		w.grow(w.nodes...)
		if took := untilFinal(t, w.nodes[0], 2); took > 2*leadPoll {
			t.Errorf("after a quiet time a head is final after %v", took)
		}
		// While it grows all the time, there is one round a second.
		before := w.asked()
		for range 50 {
			pass(100 * time.Millisecond)
			w.grow(w.nodes...)
		}
		if rounds := (w.asked() - before) / 2; rounds < 4 || rounds > 6 {
			t.Errorf("%d rounds in 5 s", rounds)
		}
	})
}

func TestFinalWithOneNodeDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		untilFinal(t, w.nodes[0], 1)
		w.setCut("node-2", true)
		pass(2 * time.Second)
		w.grow(w.nodes[:2]...)
		if took := untilFinal(t, w.nodes[1], 2); took > restPatience+2*leadPoll {
			t.Errorf("final after %v", took)
		}
		// Two down: nothing is final, and an alarm says so after a minute.
		w.setCut("node-1", true)
		w.grow(w.nodes[0])
		pass(lateAfter - 2*time.Second)
		if alarms := w.nodes[0].cosigner.Alarms(); len(alarms) > 0 {
			t.Errorf("alarms before the time: %q", alarms)
		}
		pass(5 * time.Second)
		if alarms := strings.Join(w.nodes[0].cosigner.Alarms(), "\n"); !strings.Contains(alarms, AlarmLate) {
			t.Errorf("alarms: %q", alarms)
		}
		w.setCut("node-1", false)
		w.nodes[1].apply()
		untilFinal(t, w.nodes[1], 3)
		pass(time.Second)
		if alarms := w.nodes[0].cosigner.Alarms(); len(alarms) > 0 {
			t.Errorf("alarms that stay: %q", alarms)
		}
	})
}

func TestLeaderChangeChangesOnlyWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		for i := range 6 {
			w.setLeader(w.nodes[i%3].id)
			w.grow(w.nodes...)
			untilFinal(t, w.nodes[(i+1)%3], uint64(i+2))
		}
		for _, n := range w.nodes {
			checkSigned(t, n)
		}
	})
}

// checkSigned demands that what a node signed only grew, one root a size.
func checkSigned(t testing.TB, n *testNode) {
	t.Helper()
	for i := 1; i < len(n.history); i++ {
		before, now := n.history[i-1], n.history[i]
		if now.Size < before.Size || now.Size == before.Size && now.Root != before.Root {
			t.Errorf("%s signed %s after %s", n.id, now, before)
		}
	}
}

func TestIdleLedgerIsSignedAnewEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		untilFinal(t, w.nodes[0], 1)
		first := cosignedAt(t, w.nodes[1])
		before := w.asked()
		pass(16 * time.Minute)
		if rounds := (w.asked() - before) / 2; rounds != 3 {
			t.Errorf("%d rounds in 16 idle minutes", rounds)
		}
		if again := cosignedAt(t, w.nodes[1]); again < first+15*60 {
			t.Errorf("signed at %d and at %d", first, again)
		}
		for _, n := range w.nodes {
			if at := newestLine(w.genesis.Policy(), parsed(n.note())); at < first+15*60 {
				t.Errorf("%s: first final at %d, its final note is of %d", n.id, first, at)
			}
			n.cosigner.status.mu.Lock()
			if since := time.Since(n.cosigner.status.at); since > 2*time.Minute {
				t.Errorf("%s says that the final checkpoint came %v ago", n.id, since)
			}
			n.cosigner.status.mu.Unlock()
		}
	})
}

// cosignedAt is the time of a node's last cosignature.
func cosignedAt(t testing.TB, n *testNode) uint64 {
	t.Helper()
	note, err := checkpoint.ParseNote(n.cosigner.OwnNote())
	must(t, err)
	policy := n.world.genesis.Policy()
	own, _ := policy.Node(n.id)
	at, err := policy.CosignerKey(own).Verify(note)
	must(t, err)
	return at
}

func TestAClockSetBackDoesNotMakeANodeLookGuilty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		var back atomic.Int64
		clock := func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		n := w.nodes[1]
		n.clock = clock
		n.start(Config{})
		w.run(w.nodes...)
		defer w.close()
		untilFinal(t, n, 1)
		first := cosignedAt(t, n)
		back.Store(int64(time.Hour))
		w.grow(w.nodes...)
		untilFinal(t, n, 2)
		if again := cosignedAt(t, n); again < first {
			t.Errorf("a larger head is dated %d, the smaller one %d", again, first)
		}
		// Nor after a restart: the note that is final says when.
		must(t, n.cosigner.Close())
		n.start(Config{})
		w.run(n)
		w.grow(w.nodes...)
		untilFinal(t, n, 3)
		if again := cosignedAt(t, n); again < first {
			t.Errorf("after a restart: a larger head is dated %d, the smaller one %d", again, first)
		}
	})
}

// asking makes a note of a node as it would ask.
func asking(w *world, id string, size uint64, root merkle.Hash) []byte {
	policy := w.genesis.Policy()
	n, _ := policy.Node(id)
	head := checkpoint.Checkpoint{Origin: policy.Origin, Size: size, Root: root}
	note := checkpoint.Note{Checkpoint: head, Signatures: []checkpoint.Signature{policy.LogKey(n).Sign(w.node(id).keys.Log[0], head, 0)}}
	return note.Encode()
}

func TestALyingRequesterChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		old := asking(w, "node-0", 1, rootAt(t, w.nodes[0], 1))
		for range 4 {
			w.grow(w.nodes...)
			untilFinal(t, w.nodes[1], uint64(len(w.log)))
		}
		pass(2 * time.Second) // rounds are over
		size := uint64(len(w.log))
		good := rootAt(t, w.nodes[0], size)
		elsewhere := checkpoint.Checkpoint{Origin: "elsewhere.example.org/log", Size: size, Root: good}
		elsewhereKey, err := checkpoint.NewKey(elsewhere.Origin, checkpoint.LogKey, w.nodes[0].keys.Log[0].Public())
		must(t, err)
		unsigned := checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: w.genesis.Name, Size: size, Root: good},
			Signatures: []checkpoint.Signature{{Name: w.genesis.Name, KeyID: 7, Bytes: make([]byte, 64)}}}
		forged := string(asking(w, "node-0", size, good))
		at := strings.LastIndex(forged, "=") - 8
		forged = forged[:at] + string(forged[at]^1) + forged[at+1:]
		for _, c := range []struct {
			name, caller string
			note         []byte
			refusal      string
		}{
			{"wrong root", "node-0", asking(w, "node-0", size, merkle.Hash{1}), HeadDiffers},
			{"wrong root at a smaller size", "node-0", asking(w, "node-0", size-1, merkle.Hash{1}), HeadDiffers},
			{"smaller size", "node-0", asking(w, "node-0", size-1, rootAt(t, w.nodes[0], size-1)), HeadOld},
			{"an old note again", "node-0", old, HeadOld},
			{"size beyond the log", "node-0", asking(w, "node-0", 1<<63, good), Behind},
			{"size 0", "node-0", asking(w, "node-0", 0, merkle.Hash{}), Malformed},
			{"other origin", "node-0", (&checkpoint.Note{Checkpoint: elsewhere, Signatures: []checkpoint.Signature{elsewhereKey.Sign(w.nodes[0].keys.Log[0], elsewhere, 0)}}).Encode(), Malformed},
			{"not the leader", "node-2", asking(w, "node-2", size, good), NotLeader},
			{"another node's signature", "node-0", asking(w, "node-2", size, good), Malformed},
			{"unknown key", "node-0", unsigned.Encode(), Malformed},
			{"forged signature", "node-0", []byte(forged), Malformed},
			{"garbage", "node-0", []byte("garbage"), Malformed},
			{"nothing", "node-0", nil, Malformed},
			{"10,000 lines", "node-0", append(asking(w, "node-0", size, good), []byte(strings.Repeat("\u2014 x AAAAAAAA\n", 10_000))...), Malformed},
			{"101 lines", "node-0", append(asking(w, "node-0", size, good), []byte(strings.Repeat("\u2014 x AAAAAAAA\n", checkpoint.SignaturesMax))...), Malformed},
		} {
			honest := w.nodes[1]
			final, signed := honest.state()
			response := honest.cosigner.Cosign(t.Context(), c.caller, c.note)
			if response.Refusal != c.refusal || len(response.Lines) > 0 {
				t.Errorf("%s: answered %q with %d bytes of lines, expected %s", c.name, response.Refusal, len(response.Lines), c.refusal)
			}
			if finalNow, signedNow := honest.state(); finalNow != final || signedNow != signed {
				t.Errorf("%s: what is final or signed has changed", c.name)
			}
		}
		// 99 more lines of strangers are passed over; the node goes on as before.
		many := append(asking(w, "node-0", size, good), []byte(strings.Repeat("\u2014 x AAAAAAAA\n", checkpoint.SignaturesMax-1))...)
		if response := w.nodes[1].cosigner.Cosign(t.Context(), "node-0", many); response.Refusal != "" {
			t.Errorf("100 lines: %s", response.Refusal)
		}
		w.grow(w.nodes...)
		untilFinal(t, w.nodes[1], size+1)
		for _, n := range w.nodes {
			checkSigned(t, n)
		}
	})
}

func rootAt(t testing.TB, n *testNode, size uint64) merkle.Hash {
	t.Helper()
	root, err := n.RootAt(size)
	must(t, err)
	return root
}

func TestTwoHeadsConvictTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		untilFinal(t, w.nodes[1], 1)
		// The leader shows node-2 another head than node-1, and signs both.
		w.mu.Lock()
		w.bend = func(from, to string, note []byte) []byte {
			honest, err := checkpoint.ParseNote(note)
			if to != "node-2" || err != nil {
				return note
			}
			return asking(w, from, honest.Size, merkle.Hash{9})
		}
		w.mu.Unlock()
		w.grow(w.nodes...)
		until(t, func() bool { return len(w.nodes[2].convicted(t)) > 0 })
		if kind := w.nodes[2].convicted(t)["node-0"]; kind != evidence.KindTwoHeads {
			t.Errorf("node-2 convicts %v", w.nodes[2].convicted(t))
		}
		// Final all the same, with the two that agree.
		untilFinal(t, w.nodes[2], 2)
		alarms := strings.Join(w.nodes[2].cosigner.Alarms(), "\n")
		if !strings.Contains(alarms, AlarmConvicted) || !strings.Contains(alarms, AlarmHeadDiffers) {
			t.Errorf("alarms: %q", alarms)
		}
	})
}

func TestANodeThatDiffersIsNoticedAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.nodes[2].forked = 1
		w.run(w.nodes...)
		defer w.close()
		w.grow(w.nodes...)
		untilFinal(t, w.nodes[1], 2)
		until(t, func() bool { return len(w.nodes[0].files()) > 0 && len(w.nodes[2].files()) > 0 })
		trust, err := evidence.FromGenesis(w.file)
		must(t, err)
		for _, n := range []*testNode{w.nodes[0], w.nodes[2]} {
			for _, b := range n.files() {
				e, err := evidence.Parse(b)
				must(t, err)
				if _, err := e.Verify(trust); err != nil || e.Kind() != evidence.KindHeadsDiffer {
					t.Errorf("%s keeps %s: %v", n.id, e.Kind(), err)
				}
			}
		}
	})
}

func TestTwoProposalsConvictTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		liar := w.nodes[0]
		propose := func(counter uint64, body byte) *custodyv1.SignedProposal {
			p := ledger.Proposal{
				Cluster: sign.TagRaftCluster.Sum(liarLedger(w), make([]byte, 4)), Node: liar.id, Term: 3, Counter: counter, At: 1, Body: [32]byte{body},
			}
			payload := p.Payload()
			return &custodyv1.SignedProposal{Payload: payload, Signature: liar.keys.Statement[0].Sign(sign.PAE(sign.ProposalPayloadType, payload))}
		}
		w.nodes[1].proposals = append(w.nodes[1].proposals, propose(1, 1))
		w.nodes[2].proposals = append(w.nodes[2].proposals, propose(1, 2))
		w.nodes[2].forked = 1 // it was told other entries
		w.run(w.nodes...)
		defer w.close()
		w.grow(w.nodes...)
		until(t, func() bool { return w.nodes[2].convicted(t)["node-0"] == evidence.KindTwoProposals })
	})
}

func liarLedger(w *world) []byte {
	id := ledger.GenesisID(w.file)
	return id[:]
}

func TestANodeThatWentBackIsConvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		for range 3 {
			w.grow(w.nodes...)
			untilFinal(t, w.nodes[0], uint64(len(w.log)))
		}
		pass(2 * time.Second)
		liar := w.nodes[2]
		policy := w.genesis.Policy()
		keys, err := liar.keys.under(policy, liar.id)
		must(t, err)
		head := checkpoint.Checkpoint{Origin: policy.Origin, Size: 2, Root: rootAt(t, liar, 2)}
		liar.cosigner.notes.setOwn(&checkpoint.Note{Checkpoint: head, Signatures: []checkpoint.Signature{
			policy.LogKey(keys.node).Sign(keys.log, head, 0),
			policy.CosignerKey(keys.node).Sign(keys.cosigner, head, uint64(time.Now().Unix())+5),
		}})
		until(t, func() bool { return w.nodes[0].convicted(t)["node-2"] == evidence.KindWentBack })
	})
}

func TestRolledBackNodeRefusesToRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		for range 3 {
			w.grow(w.nodes...)
			untilFinal(t, w.nodes[0], uint64(len(w.log)))
		}
		n := w.nodes[1]
		must(t, n.cosigner.Close())
		full, signed, final, finalSize := n.size, n.signed, n.final, n.finalSize
		n.size, n.signed, n.final, n.finalSize = 2, nil, nil, 0 // an old copy of its folder

		n.start(Config{})
		err := n.cosigner.Recall(t.Context(), 5*time.Second)
		if err == nil || !strings.Contains(err.Error(), ErrRolledBack.Error()) {
			t.Fatalf("an old copy may run: %v", err)
		}
		must(t, n.cosigner.Close())

		// As a node that rejoins it may run, and signs nothing below what it signed.
		n.start(Config{Rejoining: true})
		must(t, n.cosigner.Recall(t.Context(), 5*time.Second))
		n.cosigner.Run()
		if response := n.cosigner.Cosign(t.Context(), "node-0", asking(w, "node-0", 2, rootAt(t, n, 2))); response.Refusal != NotSigning {
			t.Errorf("a rejoining node that is behind answers %q", response.Refusal)
		}
		n.mu.Lock()
		n.size = full
		n.mu.Unlock()
		w.grow(w.nodes...)
		untilFinal(t, n, full+1)
		must(t, n.cosigner.Close())

		// Its own folder, as it was, runs.
		n.size, n.signed, n.final, n.finalSize = full, signed, final, finalSize
		n.start(Config{Rejoining: true})
		must(t, n.cosigner.Recall(t.Context(), 5*time.Second))
	})
}

// A node that is down keeps no other one from signing after a restart, as long as
// a majority of all is up.
func TestRecallWaitsForNoNodeThatTheClusterCanDoWithout(t *testing.T) {
	for _, c := range []struct {
		nodes, down int
		quorum      uint32
	}{{3, 1, 2}, {5, 2, 3}, {4, 1, 3}} {
		t.Run(fmt.Sprintf("%d of %d down", c.down, c.nodes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.nodes, c.quorum)
				defer w.close()
				up := w.nodes[:c.nodes-c.down]
				for _, n := range w.nodes[c.nodes-c.down:] {
					w.setCut(n.id, true)
				}
				for _, n := range up {
					began := time.Now()
					must(t, n.cosigner.Recall(t.Context(), 5*time.Second))
					if took := time.Since(began); took > recallRest {
						t.Errorf("%s waited for %v", n.id, took)
					}
					n.cosigner.Run()
				}
				for _, n := range up {
					untilFinal(t, n, 1)
					if alarms := n.cosigner.Alarms(); len(alarms) > 0 {
						t.Errorf("alarms of a normal start: %q", alarms)
					}
				}
				// One more is missing: nothing may be signed.
				n := up[1]
				must(t, n.cosigner.Close())
				for _, other := range up[2:] {
					w.setCut(other.id, true)
				}
				if c.nodes == 3 {
					w.setCut("node-0", true)
				}
				n.start(Config{})
				must(t, n.cosigner.Recall(t.Context(), 0))
				if _, err := n.cosigner.sign(1, rootAt(t, n, 1)); !errors.Is(err, errNotSigning) {
					t.Errorf("signs with %d others down: %v", c.down+1, err)
				}
			})
		})
	}
}

// The answers that come after those that were enough count as well.
func TestALateRecallStopsSigning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.run(w.nodes...)
		defer w.close()
		for range 3 {
			w.grow(w.nodes...)
			untilFinal(t, w.nodes[1], uint64(len(w.log)))
		}
		n := w.nodes[1]
		must(t, n.cosigner.Close())
		n.size, n.signed, n.final, n.finalSize = 2, nil, nil, 0 // an old copy of its folder
		honest := w.nodes[0].forget("node-1")
		w.setCut("node-2", true)
		n.start(Config{})
		must(t, n.cosigner.Recall(t.Context(), 5*time.Second))
		n.cosigner.Run()
		w.nodes[2].cosigner.notes.remember("node-1", honest)
		w.setCut("node-2", false)
		until(t, func() bool {
			_, err := n.cosigner.sign(2, rootAt(t, n, 2))
			return errors.Is(err, errNotSigning)
		})
		until(t, func() bool { return strings.Contains(strings.Join(n.cosigner.Alarms(), " "), AlarmRecall) })
	})
}

func TestNothingIsSignedBeforeEnoughHaveSaidWhatWasSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		w.setCut("node-0", true)
		w.setCut("node-2", true)
		n := w.nodes[1]
		began := time.Now()
		must(t, n.cosigner.Recall(t.Context(), 5*time.Second))
		if took := time.Since(began); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("waited %v for an answer that does not come", took)
		}
		w.run(w.nodes[:2]...)
		defer w.close()
		if response := n.cosigner.Cosign(t.Context(), "node-0", asking(w, "node-0", 1, rootAt(t, w.nodes[0], 1))); response.Refusal != NotSigning {
			t.Errorf("answered %q", response.Refusal)
		}
		if alarms := n.cosigner.Alarms(); len(alarms) > 0 {
			t.Errorf("alarms before the time: %q", alarms)
		}
		until(t, func() bool { return len(n.cosigner.Alarms()) > 0 })
		if after := time.Since(began); after < recallLate || after > recallLate+2*recallAgain {
			t.Errorf("the alarm came after %v", after)
		}
		if alarms := strings.Join(n.cosigner.Alarms(), "\n"); !strings.Contains(alarms, "node-2 did not answer") {
			t.Errorf("alarms: %q", alarms)
		}
		w.setCut("node-0", false)
		untilFinal(t, n, 1)
		until(t, func() bool { return len(n.cosigner.Alarms()) == 0 })
	})
}

func TestAClockThatIsOffDoesNotLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		ahead := make([]atomic.Int64, 3)
		for i, n := range w.nodes {
			n.clock = func() time.Time { return time.Now().Add(time.Duration(ahead[i].Load())) }
			n.start(Config{})
		}
		ahead[0].Store(int64(11 * time.Second))
		w.run(w.nodes...)
		defer w.close()
		pass(headsPeriod + time.Second)
		if err := w.nodes[0].cosigner.MayLead(); err == nil {
			t.Error("a clock that is 11 s ahead of two others may lead")
		}
		for _, n := range w.nodes[1:] {
			if err := n.cosigner.MayLead(); err != nil {
				t.Errorf("%s, off one other only: %v", n.id, err)
			}
			if alarms := strings.Join(n.cosigner.Alarms(), "\n"); !strings.Contains(alarms, "node-0") {
				t.Errorf("%s: alarms %q", n.id, alarms)
			}
		}
		ahead[0].Store(int64(9 * time.Second))
		pass(headsPeriod + time.Second)
		if err := w.nodes[0].cosigner.MayLead(); err != nil {
			t.Errorf("9 s ahead: %v", err)
		}
		ahead[0].Store(int64(-time.Hour))
		pass(headsPeriod + time.Second)
		if w.nodes[0].cosigner.MayLead() == nil {
			t.Error("an hour behind may lead")
		}
		// Who reaches nobody has nobody to be off from.
		w.setCut("node-0", true)
		pass(2 * headsPeriod)
		if err := w.nodes[0].cosigner.MayLead(); err != nil {
			t.Errorf("alone: %v", err)
		}
	})
}

func TestClockOffsetGrantsTheRoundTrip(t *testing.T) {
	for _, c := range []struct {
		offset, rtt time.Duration
		off         bool
	}{
		{10 * time.Second, 0, false},
		{10*time.Second + time.Millisecond, 0, true},
		{-10*time.Second - time.Millisecond, 0, true},
		{11 * time.Second, 2 * time.Second, false},
		{11*time.Second + time.Millisecond, 2 * time.Second, true},
	} {
		if got := (clockSample{offset: c.offset, rtt: c.rtt}).off(); got != c.off {
			t.Errorf("offset %v, round trip %v: off is %v", c.offset, c.rtt, got)
		}
	}
}

func TestPromise(t *testing.T) {
	w := newWorld(t, 1, 1)
	defer w.close()
	promise := w.nodes[0].cosigner.Promise(ledger.EventID{7})
	parsed, err := ledger.ParsePromise(promise.Payload)
	must(t, err)
	if parsed.Event != (ledger.EventID{7}) || parsed.Node != "node-0" || parsed.Deadline != parsed.ReceivedAt+60_000 {
		t.Errorf("%+v", parsed)
	}
	must(t, sign.Verify(w.nodes[0].keys.Statement[0].Public(), sign.PAE(sign.PromisePayloadType, promise.Payload), promise.Signature))
	w.nodes[0].cosigner.config.Keys.Statement = nil
	if w.nodes[0].cosigner.Promise(ledger.EventID{7}) != nil {
		t.Error("a node without its key promises")
	}
}

func TestAlarmsAreBounded(t *testing.T) {
	w := newWorld(t, 1, 1)
	defer w.close()
	for i := range alarmsMax + 10 {
		w.nodes[0].cosigner.alarms.raise(AlarmConvicted, strings.Repeat("x", i), "a sentence")
	}
	if n := len(w.nodes[0].cosigner.Alarms()); n != alarmsMax {
		t.Errorf("%d alarms", n)
	}
}

func TestOneNodeAloneReachesFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1)
		w.run(w.nodes...)
		defer w.close()
		untilFinal(t, w.nodes[0], 1)
	})
}

func FuzzCosign(f *testing.F) {
	w := newWorld(f, 3, 2)
	f.Cleanup(w.close)
	for _, n := range w.nodes {
		must(f, n.cosigner.Recall(f.Context(), 0))
	}
	good := asking(w, "node-0", 1, rootAt(f, w.nodes[0], 1))
	f.Add(good)
	f.Add([]byte("garbage"))
	f.Add([]byte(strings.Replace(string(good), "\n1\n", "\n2\n", 1)))
	f.Fuzz(func(t *testing.T, note []byte) {
		n := w.nodes[1]
		if parsed, err := checkpoint.ParseNote(note); err == nil && parsed.Size > 1 {
			return // would be waited for
		}
		response := n.cosigner.Cosign(t.Context(), "node-0", note)
		if response.Refusal == "" && string(note) != string(good) {
			parsed, err := checkpoint.ParseNote(note)
			if err != nil || parsed.Root != rootAt(t, n, parsed.Size) {
				t.Errorf("signed for %q", note)
			}
		}
		checkSigned(t, n)
	})
}
