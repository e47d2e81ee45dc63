package replica

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// A final note in the middle of what is applied at once is judged on exactly
// what the commands before it left.
func TestFinalNoteInTheMiddleOfAnApply(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(31))
	first, second, third := trade.Admit(), trade.Admit(), trade.Admit()
	one, all := newMachine(t, trade), newMachine(t, trade)
	command := func(s ledger.Submission) []byte { return encodeAll(t, trade.Now, []ledger.Submission{s}) }
	noteOf := func(m *machine) []byte {
		size, root := m.store.Head()
		return unsigned(trade.Now, kindFinal, trade.Note(size, root))
	}
	// One by one, to learn the notes.
	commands := [][]byte{command(first), command(second)}
	applyAll(t, one, 1, commands...)
	commands = append(commands, noteOf(one), unsigned(trade.Now, kindFinal, []byte("rubbish")), command(third))
	applyAll(t, one, 3, commands[2:]...)
	tooLate := noteOf(one) // of a size that is reached at the end only
	got := applyAll(t, all, 1, append([][]byte{commands[0], tooLate}, commands[1:]...)...)

	if got[0].outcomes == nil || got[2].outcomes == nil || got[5].outcomes == nil {
		t.Errorf("submissions around a note lack an outcome: %+v", got)
	}
	if got[1].final == nil || !errors.Is(got[1].final.Refused, store.ErrNotFinal) {
		t.Errorf("a note of a size to come: %+v", got[1].final)
	}
	if got[3].final == nil || got[3].final.Refused != nil {
		t.Errorf("the note: %+v", got[3].final)
	}
	if got[4].final == nil || !errors.Is(got[4].final.Refused, store.ErrNotFinal) {
		t.Errorf("rubbish: %+v", got[4])
	}
	size, root := all.store.Head()
	otherSize, otherRoot := one.store.Head()
	final, _ := all.store.Final()
	if size != otherSize || root != otherRoot || final.Size != 3 {
		t.Errorf("size %d, %d; final %v", size, otherSize, final.Checkpoint)
	}
}

// Nobody but a quorum for another ledger stops a machine, and it says why.
func TestQuorumForAnotherLedgerStopsTheMachine(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(32))
	m := newMachine(t, trade)
	applyAll(t, m, 1, encodeAll(t, trade.Now, []ledger.Submission{trade.Admit()}))
	size, root := m.store.Head()
	var kind string
	var own, note []byte
	m.evidence = func(k string, o, n []byte) { kind, own, note = k, o, n }

	wrong := trade.Note(size, merkle.Hash{1})
	data := unsigned(trade.Now, kindFinal, wrong)
	_, err := m.Apply(ledger.Position{Cluster: [32]byte{1}, Index: 2, Term: 1}, []consensus.Command{{Index: 2, Term: 1, Data: data}})
	if !errors.Is(err, consensus.ErrDiverged) || !strings.Contains(err.Error(), root.String()) {
		t.Errorf("got %v", err)
	}
	head, parseErr := checkpoint.Parse(own)
	if parseErr != nil || head.Root != root || head.Size != size || kind != EvidenceFinalDiffers || !bytes.Equal(note, wrong) {
		t.Errorf("evidence %q: %v, %q; %v", kind, head, note, parseErr)
	}
	if m.store.Position().Index != 1 {
		t.Error("the position moved")
	}
}

func TestCheckPointer(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(33))
	m := newMachine(t, trade)
	r := &Replica{store: m.store, machine: m}
	var heads []checkpoint.Checkpoint // heads[i] is the ledger after raft entry i+1
	for i := range uint64(6) {
		applyAll(t, m, i+1, encodeAll(t, trade.Now, []ledger.Submission{trade.Admit()}))
		size, root := m.store.Head()
		heads = append(heads, checkpoint.Checkpoint{Size: size, Root: root})
	}
	at := func(index uint64, c checkpoint.Checkpoint, note []byte) ledger.Pointer {
		return ledger.Pointer{
			Cluster: [32]byte{1}, Index: index, Term: 9, Size: c.Size, Root: c.Root,
			ConfigurationIndex: 1, Configuration: []byte("members"), FinalNote: note,
		}
	}
	ahead := checkpoint.Checkpoint{Size: 500, Root: merkle.Hash{5}}
	if err := r.checkPointer(at(900, ahead, nil)); err != nil {
		t.Errorf("before anything is final here: %v", err)
	}
	applyAll(t, m, 7, unsigned(trade.Now, kindFinal, trade.Note(heads[3].Size, heads[3].Root)))
	for _, c := range []struct {
		name string
		p    ledger.Pointer
		want error
	}{
		{"with the same final checkpoint", at(900, ahead, trade.Note(heads[3].Size, heads[3].Root)), nil},
		{"with a later one that this ledger has", at(900, ahead, trade.Note(heads[5].Size, heads[5].Root)), nil},
		{"with a later one past this ledger", at(900, ahead, trade.Note(400, merkle.Hash{4})), nil},
		{"with its own head", at(900, ahead, trade.Note(ahead.Size, ahead.Root)), nil},
		{"without a final checkpoint", at(900, ahead, nil), errPointer},
		{"with rubbish", at(900, ahead, []byte("rubbish")), errPointer},
		{"with an older one", at(900, ahead, trade.Note(heads[2].Size, heads[2].Root)), errPointer},
		{"with another of the same size", at(900, ahead, trade.Note(heads[3].Size, merkle.Hash{1})), errPointer},
		{"with one past itself", at(900, ahead, trade.Note(501, merkle.Hash{4})), errPointer},
		{"with another root for itself", at(900, ahead, trade.Note(500, merkle.Hash{4})), errPointer},
		{"that one node alone says is final", at(900, ahead, trade.Note(400, merkle.Hash{4}, 0)), errPointer},
		{"to the past", at(3, heads[2], nil), nil},
		{"to another past", at(3, checkpoint.Checkpoint{Size: heads[2].Size, Root: merkle.Hash{8}}, nil), errPointer},
		{"to a past with more than there is", at(3, ahead, nil), ErrOutOfRange},
		{"that a quorum for another ledger backs", at(900, ahead, trade.Note(heads[5].Size, merkle.Hash{6})), consensus.ErrDiverged},
	} {
		if err := r.checkPointer(c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", c.name, err, c.want)
		}
	}
}

// finality makes the head of the leader final, by nodes that lie or not.
func (c *cluster) finality(root func(merkle.Hash) merkle.Hash, nodes ...string) error {
	c.t.Helper()
	leading := c.leader()
	head := checkpoint.Checkpoint{Origin: c.policy.Origin}
	head.Size, head.Root = leading.replica.Head()
	head.Root = root(head.Root)
	note := &checkpoint.Note{Checkpoint: head}
	for _, node := range nodes {
		n, _ := c.policy.Node(node)
		note.Signatures = append(note.Signatures,
			c.policy.LogKey(n).Sign(c.keys[node].log, head, 0),
			c.policy.CosignerKey(n).Sign(c.keys[node].cosigner, head, uint64(time.Now().Unix())))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return leading.replica.ProposeFinal(ctx, note.Encode())
}

func honestRoot(h merkle.Hash) merkle.Hash { return h }

func TestFinalNotesOnThreeNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		defer c.close()
		w := c.newWorker(1)
		w.register()
		leading := c.leader()
		waiting := make(chan error, len(c.members))
		size, _ := leading.replica.Head()
		for _, p := range c.running() {
			go func() {
				final, err := p.replica.WaitFinal(t.Context(), size)
				if err == nil && final.Size < size {
					err = errors.New("too early")
				}
				waiting <- err
			}()
		}
		if err := c.finality(honestRoot, "node-0"); !errors.Is(err, ErrNoteRefused) || !errors.Is(err, checkpoint.ErrNoQuorum) {
			t.Errorf("one of three: %v", err)
		}
		if err := leading.replica.ProposeFinal(t.Context(), make([]byte, checkpoint.NoteBytesMax+1)); !errors.Is(err, ErrNoteRefused) {
			t.Errorf("a note past its limit: %v", err)
		}
		if err := c.finality(honestRoot, "node-0", "node-2"); err != nil {
			t.Errorf("two of three: %v", err)
		}
		if err := c.finality(honestRoot, "node-0", "node-2"); !errors.Is(err, ErrNoteRefused) {
			t.Errorf("once more: %v", err)
		}
		for range c.members {
			if err := <-waiting; err != nil {
				t.Error(err)
			}
		}
		for _, p := range c.running() {
			if p == leading {
				continue
			}
			if err := p.replica.ProposeFinal(t.Context(), []byte("note")); !errors.As(err, new(*consensus.NotLeaderError)) {
				t.Errorf("%s, which does not lead: %v", p.member.id, err)
			}
			if list := p.replica.Proposals(leading.member.id.Node, leading.replica.node.Term(), 1, 1000); len(list) == 0 ||
				len(list) > len(leading.replica.Proposals(leading.member.id.Node, leading.replica.node.Term(), 1, 1000)) {
				t.Errorf("%s keeps %d proposals of the leader", p.member.id, len(list))
			}
		}
		w.register()
		c.check()
		c.checkFinal()
	})
}

// Two that collude make the ledger final that they have: who has another stops,
// with both heads, and nobody else. What one node alone signs stops nobody.
func TestColludingQuorumStopsWhoDiffers(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(34))
	honest, forked := newMachine(t, trade), newMachine(t, trade)
	one, other := trade.Admit(), trade.Admit()
	applyAll(t, honest, 1, encodeAll(t, trade.Now, []ledger.Submission{one}))
	applyAll(t, forked, 1, encodeAll(t, trade.Now, []ledger.Submission{other}))
	size, root := forked.store.Head()
	kept := 0
	for _, m := range []*machine{honest, forked} {
		m.evidence = func(string, []byte, []byte) { kept++ }
	}
	apply := func(m *machine, note []byte) error {
		at := m.store.Position().Index + 1
		_, err := m.Apply(ledger.Position{Cluster: [32]byte{1}, Index: at, Term: 1},
			[]consensus.Command{{Index: at, Term: 1, Data: unsigned(trade.Now, kindFinal, note)}})
		return err
	}
	for _, m := range []*machine{honest, forked} {
		if err := apply(m, trade.Note(size, root, 0)); err != nil || kept > 0 {
			t.Errorf("one node alone: %v, evidence %d", err, kept)
		}
	}
	if err := apply(forked, trade.Note(size, root)); err != nil || kept > 0 {
		t.Errorf("the ledger that the quorum signed: %v, evidence %d", err, kept)
	}
	if err := apply(honest, trade.Note(size, root)); !errors.Is(err, consensus.ErrDiverged) || kept != 1 {
		t.Errorf("the ledger that differs: %v, evidence %d", err, kept)
	}
}

func TestLeaderWithoutTheKeyInForceHandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		defer c.close()
		stranger := newKey(t)
		first := c.leader()
		keys := c.keys[first.member.id.Node]
		c.keys[first.member.id.Node] = nodeKeys{keys.log, keys.cosigner, stranger}
		c.cut(first.member)
		c.restart()
		w := c.newWorker(2)
		w.register()
		back := c.at(first.member.id.Node)
		if reason := back.replica.node.Status().MayNotLead; !strings.Contains(reason, "statement key") {
			t.Errorf("it says %q", reason)
		}
		for range 5 {
			leading := c.leader()
			if leading == back {
				t.Fatal("a node without the key in force leads")
			}
			_ = leading.replica.HandOn(t.Context())
			w.register()
		}
		if list := c.leader().replica.Proposals(first.member.id.Node, back.replica.node.Term(), 0, 10); len(list) != 0 {
			t.Error("it proposed")
		}
	})
}

// What a leader did not sign, or signed for another time, cluster or content,
// reaches no raft log but its own; the others go on without it.
func TestLeaderThatDoesNotSignIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		defer c.close()
		w := c.newWorker(3)
		w.register()
		c.settle()
		liar := c.leader()
		c.mu.Lock()
		c.lying = true
		c.mu.Unlock()
		before := make(map[*process]uint64)
		for _, p := range c.running() {
			before[p], _ = p.server.LastIndex()
		}
		proposal, err := liar.replica.node.Begin(unsigned(uint64(time.Now().UnixMilli()), kindFinal, []byte("by nobody")))
		if err != nil {
			t.Fatal(err)
		}
		c.until("a refusal", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.gated) > 1
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := proposal.Wait(ctx); !errors.Is(err, consensus.ErrOutcomeUnknown) {
			t.Errorf("it was committed: %v", err)
		}
		for _, p := range c.running() {
			if last, _ := p.server.LastIndex(); p != liar && last != before[p] {
				t.Errorf("%s stores raft entry %d, it had %d", p.member.id, last, before[p])
			}
		}
		liar.server.Isolate(true)
		c.until("another leader", func() bool {
			for _, p := range c.running() {
				if p != liar && p.replica.node.IsLeader() {
					return true
				}
			}
			return false
		})
		liar.server.Isolate(false)
		c.mu.Lock()
		c.lying = false
		for _, err := range c.gated {
			if !errors.Is(err, errProposal) {
				t.Errorf("refused for another reason: %v", err)
			}
		}
		c.mu.Unlock()
		w.register()
		c.check()
	})
}

func TestStartNeedsTheStatementKey(t *testing.T) {
	for _, keys := range [][]sign.PrivateKey{nil, {{}}} {
		_, err := Start(Config{Statement: keys})
		if err != nil && strings.Contains(err.Error(), "statement key") {
			continue
		}
		t.Errorf("got %v", err)
	}
}
