package adversary

import (
	"errors"
	"testing"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/node"
)

// conspiracy is two members that lie, with the true entries, and a final checkpoint that all three cosigned.
type conspiracy struct {
	*network
	trader   *trader
	one, two *liar
	honest   *member
	entries  [][]byte
	all      *checkpoint.Note
	receipt  uint64 // index of an entry under it
}

func conspire(t *testing.T, quorum uint32) *conspiracy {
	t.Helper()
	n, trader := trading(t, quorum)
	c := &conspiracy{network: n, trader: trader}
	c.receipt = trader.sale().Index
	c.all = n.signedBy(trader, n.members...)
	n.settle()
	n.quiet(n.members)
	c.entries = n.entries(n.members[0])
	c.one, c.two, c.honest = n.corrupt(n.members[0]), n.corrupt(n.members[1]), n.members[2]
	return c
}

// dated is the history with another time in the entry of the receipt, and on it all that follows.
func (c *conspiracy) dated(by uint64) *forgery {
	return c.forge(c.entries, func(entries []*ledger.Entry) []*ledger.Entry {
		for _, e := range entries[c.receipt:] {
			e.RecordedAt += by
		}
		return entries
	})
}

// Two that lie differently never get a final head: each lie has one cosignature, and the honest node gives neither one.
func TestTwoLieDifferently(t *testing.T) {
	t.Parallel()
	c := conspire(t, 0)
	size := uint64(len(c.entries))
	r := c.one.seize(c.honest)
	for i, l := range []*liar{c.one, c.two} {
		lie := l.sign(c.network, c.headOf(c.dated(uint64(1+i)), size))
		c.notFinal(lie)
		if response := r.askCosign(c.honest, l.sign(c.network, lie.Checkpoint)); i == 0 && (len(response.Lines) > 0 || response.Refusal != headDiffers) {
			t.Fatalf("the honest node answers %+v", response)
		}
	}
	c.runs(c.honest)
}

// Two that collude on one head get it final where k = 2. The third node stops when the note comes to it, and its head,
// or any receipt from before, convicts both.
func TestTwoCollude(t *testing.T) {
	t.Parallel()
	c := conspire(t, 0)
	r := c.one.seize(c.honest)
	true_ := r.say(1, c.clock.now(), kindSubmissions, events(c.registration(c.trader.a)))
	c.must(r.give(c.honest, true, true_.command))
	c.has(c.honest, uint64(len(c.entries))+1)
	c.entries = c.network.entries(c.honest)
	forged := c.dated(1)
	lie := c.signAll(c.headOf(forged, uint64(len(c.entries))), c.one.member, c.two.member)
	c.isFinal(lie)
	if response := r.askCosign(c.honest, c.one.sign(c.network, lie.Checkpoint)); response.Refusal != headDiffers {
		t.Fatalf("the honest node answers %+v", response)
	}
	s := r.after(true_, r.say(2, c.clock.now(), kindFinal, noteBody(lie)))
	c.must(r.give(c.honest, true, true_.command, s.command))
	if err := c.awaitStop(c.honest); !errors.Is(err, consensus.ErrDiverged) {
		t.Fatalf("the honest node stopped because %v", err)
	}
	c.convictForked(asIs(c.entries), c.all, forged, lie, c.receipt, c.one.member, c.two.member)
}

// A final head of two that collude, of a size that is final already at the third node, is no news to it: the note is
// refused like any old one. What it says is kept as evidence all the same, and the node goes on.
func TestTwoColludeOnWhatIsFinal(t *testing.T) {
	t.Parallel()
	c := conspire(t, 0)
	forged := c.dated(1)
	lie := c.signAll(c.headOf(forged, c.all.Size), c.one.member, c.two.member)
	c.isFinal(lie)
	r := c.one.seize(c.honest)
	s := r.say(1, c.clock.now(), kindFinal, noteBody(lie))
	next := r.after(s, r.say(2, c.clock.now(), kindSubmissions, events(c.registration(c.trader.a))))
	c.must(r.give(c.honest, true, s.command, next.command))
	c.has(c.honest, uint64(len(c.entries))+1)
	c.runs(c.honest)
	c.evidenceOf(c.honest, evidence.KindTwoHeads, c.one.member, c.two.member)
	c.convictTwoHeads(c.all, lie, c.one.member, c.two.member)
}

// With k = 3 two that collude have no final head: the third node refuses the note and goes on.
func TestTwoColludeQuorumThree(t *testing.T) {
	t.Parallel()
	c := conspire(t, 3)
	forged := c.dated(1)
	lie := c.signAll(c.headOf(forged, uint64(len(c.entries))), c.one.member, c.two.member)
	c.notFinal(lie)
	r := c.one.seize(c.honest)
	s := r.say(1, c.clock.now(), kindFinal, noteBody(lie))
	next := r.after(s, r.say(2, c.clock.now(), kindFinal, noteBody(lie)))
	c.must(r.give(c.honest, true, s.command, next.command))
	c.runs(c.honest)
	if final, _ := c.checkpoints(c.honest); final.Checkpoint == lie.Checkpoint {
		t.Fatal("the lie is final")
	}
	c.convictForked(asIs(c.entries), c.all, forged, lie, c.receipt, c.one.member, c.two.member)
}

// With an outside witness two that collude have no final head for whoever asks for the witness's cosignature: it has
// seen the true history and signs no other.
func TestTwoColludeOutsideWitness(t *testing.T) {
	t.Parallel()
	w := newWitness(t)
	n := found(t, 0)
	w.watch(n)
	for _, m := range n.members {
		m.config.Witnesses = []node.WitnessConfig{{Name: "outside", VKey: w.key.String(), URL: w.url}}
	}
	n.start(n.members...)
	trader := newTrader(n)
	receipt := trader.sale()
	policy := n.policyWith(w)
	var all *checkpoint.Note
	n.eventually(func() error {
		all = n.signedBy(trader, n.members...)
		_, err := policy.Verify(all)
		return err
	})
	n.settle()
	c := &conspiracy{network: n, entries: n.entries(n.members[0]), all: all, receipt: receipt.Index}
	c.one, c.two, c.honest = n.corrupt(n.members[0]), n.corrupt(n.members[1]), n.members[2]
	forged := c.dated(1)
	lie := c.signAll(c.headOf(forged, uint64(len(c.entries))), c.one.member, c.two.member)
	c.isFinal(lie) // to whoever does not ask for the witness
	last := w.cosigned()
	for _, request := range []checkpoint.AddCheckpoint{
		{Old: 0, Note: lie.Encode()},
		{Old: last.Size, Note: lie.Encode()},
		{Old: last.Size, Note: lie.Encode(), Proof: c.consistency(forged, last.Size, lie.Size)},
		{Old: c.receipt, Note: lie.Encode(), Proof: c.consistency(forged, c.receipt, lie.Size)},
	} {
		if line, err := w.cosign(&request); err == nil {
			lie.Signatures = append(lie.Signatures, line)
			t.Errorf("the witness signed a head that it could not have seen, from size %d", request.Old)
		}
	}
	if _, err := policy.Verify(lie); !errors.Is(err, checkpoint.ErrNoQuorum) {
		t.Errorf("with the witness in the policy: %v", err)
	}
	c.convictForked(asIs(c.entries), c.all, forged, lie, c.receipt, c.one.member, c.two.member)
}

// consistency is the liars' proof that their log continues an earlier size.
func (c *conspiracy) consistency(f *forgery, from, to uint64) []merkle.Hash {
	c.Helper()
	if from > to {
		return nil
	}
	proof, err := merkle.ConsistencyProof(f, from, to)
	c.must(err)
	return proof
}
