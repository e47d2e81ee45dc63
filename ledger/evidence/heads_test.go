package evidence

import (
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

const (
	n0 = "node n0 of a0.example.org"
	n1 = "node n1 of a1.example.org"
	n2 = "node n2 of a2.example.org"
)

// forks gives two histories that part at index 2.
func (w *world) forks() (a, b *chain) {
	key, party := w.association(0)
	a, b = w.chain(), w.chain()
	first, second, third := w.event(party, register, key), w.event(party, register, key), w.event(party, register, key)
	for _, c := range []*chain{a, b} {
		c.append(first, []uint64{0})
	}
	a.append(second, []uint64{0})
	b.append(third, []uint64{0})
	for _, c := range []*chain{a, b} {
		c.append(first, []uint64{0})
		c.append(first, []uint64{0})
	}
	return a, b
}

func TestTwoHeads(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	left, right := w.note(a.end(), at, 0, 1), w.note(b.end(), at+5, 0, 2)
	e, err := TwoHeads(w.trust, left, right)
	v := w.holds(e, err, w.trust, n0, "")
	if v.Ledger != w.id || v.Origin != w.genesis.Name || len(v.Convicted[0].Keys) != 2 {
		t.Errorf("%+v", v)
	}
	w.holds(e, err, w.files, "log ledger.example.org/trade, key id "+keyID(w, 0)+" and witness a0.example.org/custody-validator", "")

	again, err := TwoHeads(w.trust, w.note(b.end(), at+99, 0), left)
	if w.holds(again, err, w.trust, n0, ""); again.Name() != e.Name() {
		t.Errorf("one fact has two names, %s and %s", e.Name(), again.Name())
	}

	crossed, err := TwoHeads(w.trust, &checkpoint.Note{Checkpoint: a.end(), Signatures: []checkpoint.Signature{w.log(0, a.end())}},
		&checkpoint.Note{Checkpoint: b.end(), Signatures: []checkpoint.Signature{w.cosig(0, b.end(), at)}})
	w.holds(crossed, err, w.trust, n0, "")
	if _, err := crossed.Verify(w.files); err == nil {
		t.Error("a policy file does not say that two keys are one node's")
	}

	flipped := w.note(b.end(), at, 0, 2)
	flipped.Signatures[0].Bytes[3] ^= 1
	other := newWorld(t, "other.example.org")
	foreign := a.end()
	foreign.Origin = "other.example.org"
	for name, test := range map[string]struct {
		a, b *checkpoint.Note
		says string
	}{
		"the same head":         {left, left, "the heads are the same"},
		"honest sizes":          {w.note(a.head(3), at, 0), w.note(a.end(), at, 0), "sizes 3 and 5"},
		"two signers":           {w.note(a.end(), at, 1), w.note(b.end(), at, 2), "no known key signed both"},
		"a flipped signature":   {left, flipped, "does not hold"},
		"keys of another world": {other.note(a.end(), at, 0), other.note(b.end(), at, 0), "no known key"},
		"another log's name":    {w.note(foreign, at, 0), w.note(foreign, at, 0), "not the trusted one"},
	} {
		_, err := TwoHeads(w.trust, test.a, test.b)
		refuses(t, name, err, ErrUnproven, test.says)
	}
	_, err = e.Verify(other.trust)
	refuses(t, "another ledger", err, ErrUnproven, "the file is about ledger")
	_, err = e.Verify(other.files)
	refuses(t, "another policy", err, ErrUnproven, "not the trusted one")
}

func keyID(w *world, node int) string {
	return w.policy.LogKey(w.policy.Nodes[node]).String()[len(w.policy.Origin)+1:][:8]
}

// TestRotatedKeys: keys of a later policy count once the caller knows it.
func TestRotatedKeys(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	later := w.policy
	later.Nodes = append([]ledger.PolicyNode{}, w.policy.Nodes...)
	later.Nodes[0].Log, later.Nodes[0].Cosigner = w.newKey().Public(), w.newKey().Public()
	trust, err := FromGenesis(w.file, later)
	if err != nil {
		t.Fatal(err)
	}
	left := w.note(a.end(), at, 0)
	w.policy = later
	right := w.note(b.end(), at, 0)
	e, err := TwoHeads(trust, left, right)
	w.holds(e, err, trust, n0, "")
	_, err = e.Verify(w.trust)
	refuses(t, "founding keys only", err, ErrUnproven, "no known key")
}

func TestHeadsDiffer(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	e, err := Heads(w.trust, w.note(a.end(), at, 0, 1), w.note(b.end(), at, 2))
	w.holds(e, err, w.trust, "", n0+", "+n1+" and "+n2)
	if e.Kind() != KindHeadsDiffer {
		t.Errorf("kind %s", e.Kind())
	}
	both, err := Heads(w.trust, w.note(a.end(), at, 0, 1), w.note(b.end(), at, 1, 2))
	if w.holds(both, err, w.trust, n1, ""); both.Kind() != KindTwoHeads {
		t.Errorf("kind %s", both.Kind())
	}
	_, err = Heads(w.trust, w.note(a.end(), at, 0), w.note(a.end(), at, 2))
	refuses(t, "equal heads", err, ErrUnproven, "the same")
	_, err = Heads(w.trust, w.note(a.end(), at, 0), w.note(b.head(4), at, 2))
	refuses(t, "two sizes", err, ErrUnproven, "sizes 5 and 4")
	notes := []string{string(w.note(a.end(), at, 0).Encode()), string(w.note(b.end(), at, 0).Encode())}
	_, err = build(w.trust, KindHeadsDiffer, &headsDiffer{Notes: notes})
	refuses(t, "one signer", err, ErrUnproven, "two-heads")
}

func TestWentBack(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, _ := w.forks()
	e, err := WentBack(w.trust, w.note(a.end(), at, 0, 1), w.note(a.head(3), at+1, 1, 2))
	w.holds(e, err, w.trust, n1, "")
	w.holds(e, err, w.files, "witness a1.example.org/custody-validator", "")
	for name, test := range map[string]struct{ first, second *checkpoint.Note }{
		"grown":           {w.note(a.head(3), at, 1), w.note(a.end(), at+1, 1)},
		"one second":      {w.note(a.end(), at, 1), w.note(a.head(3), at, 1)},
		"smaller earlier": {w.note(a.end(), at+1, 1), w.note(a.head(3), at, 1)},
		"same size":       {w.note(a.end(), at, 1), w.note(a.end(), at+1, 1)},
		"another node":    {w.note(a.end(), at, 1), w.note(a.head(3), at+1, 2)},
		"log keys only": {&checkpoint.Note{Checkpoint: a.end(), Signatures: []checkpoint.Signature{w.log(1, a.end())}},
			&checkpoint.Note{Checkpoint: a.head(3), Signatures: []checkpoint.Signature{w.log(1, a.head(3))}}},
	} {
		_, err := WentBack(w.trust, test.first, test.second)
		refuses(t, name, err, ErrUnproven, "")
	}
}

// TestKeyTwiceUnderOneHead: a second line of a key is refused in a file, so that
// nobody chooses which of two times counts.
func TestKeyTwiceUnderOneHead(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, _ := w.forks()
	first := w.note(a.end(), at, 1)
	first.Signatures = append(first.Signatures, w.cosig(1, a.end(), at-9))
	notes := []string{string(first.Encode()), string(w.note(a.head(3), at-5, 1).Encode())}
	_, err := build(w.trust, KindWentBack, &wentBack{Notes: notes})
	refuses(t, "twice", err, ErrUnproven, "stands twice")
}

func TestForked(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	side := func(c *chain, index, size uint64, nodes ...int) Side {
		return Side{Note: w.note(c.head(size), at, nodes...), Leaf: c.leaves[index], Proof: c.proof(index, size)}
	}
	e, err := Forked(w.trust, 2, side(a, 2, 3, 0, 1), side(b, 2, 5, 0, 1, 2))
	w.holds(e, err, w.trust, n0+" and "+n1, "")
	apart, err := Forked(w.trust, 2, side(a, 2, 3, 0, 1), side(b, 2, 5, 2))
	w.holds(apart, err, w.trust, "", n0+", "+n1+" and "+n2)

	wrong := side(b, 2, 5, 0)
	wrong.Leaf = merkle.LeafHash([]byte("never recorded"))
	cut := side(b, 2, 5, 0)
	cut.Proof = cut.Proof[1:]
	elsewhere := side(b, 3, 5, 0)
	for name, test := range map[string]struct {
		a, b Side
		says string
	}{
		"the same side":         {side(a, 2, 3, 0), side(a, 2, 3, 0), "the same entry"},
		"one history, two":      {side(a, 2, 3, 0), side(a, 2, 5, 0), "the same entry"},
		"a leaf never recorded": {side(a, 2, 3, 0), wrong, "proof does not hold"},
		"a proof cut short":     {side(a, 2, 3, 0), cut, "proof does not hold"},
		"another index":         {side(a, 2, 3, 0), elsewhere, "proof does not hold"},
	} {
		_, err := Forked(w.trust, 2, test.a, test.b)
		refuses(t, name, err, ErrUnproven, test.says)
	}
	_, err = Forked(w.trust, 9, side(a, 2, 3, 0), side(b, 2, 5, 0))
	refuses(t, "index beyond the size", err, ErrUnproven, "out of range")
}

// TestWitnessOutside: a witness outside the ledger is judged by its own key.
func TestWitnessOutside(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	private := w.newKey()
	key, err := checkpoint.NewKey("witness.example.org/w1", checkpoint.CosignerKey, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := FromGenesis(w.file)
	if err != nil {
		t.Fatal(err)
	}
	trust.AddWitnesses(&checkpoint.Policy{Witnesses: []checkpoint.WitnessLine{{Name: "w1", Key: key}}, Quorum: "w1"})
	note := func(c *chain) *checkpoint.Note {
		return &checkpoint.Note{Checkpoint: c.end(), Signatures: []checkpoint.Signature{key.Sign(private, c.end(), at)}}
	}
	e, err := TwoHeads(trust, note(a), note(b))
	w.holds(e, err, trust, "witness witness.example.org/w1", "")
	_, err = e.Verify(w.trust)
	refuses(t, "a witness unknown", err, ErrUnproven, "no known key")
}

// TestWithGenesis: what needs statement keys verifies with a policy file alone once
// the genesis is proven inside.
func TestWithGenesis(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	policy := w.policy.Checkpoint()
	one, two := w.proposal(0, 1, 0), w.proposal(0, 1, 1)
	e, err := TwoProposals(w.trust, 0, one, two)
	w.holds(e, err, w.trust, n0, "")
	_, err = e.Verify(w.files)
	refuses(t, "without the genesis", err, ErrTrust, "genesis")
	final := w.note(a.end(), at, 0, 1)
	with, err := e.WithGenesis(policy, w.file, final, a.proof(0, 5))
	w.holds(with, err, w.files, n0, "")
	w.holds(with, err, w.trust, n0, "")

	other := newWorld(t, "other.example.org")
	for name, test := range map[string]struct {
		file  []byte
		note  *checkpoint.Note
		proof []merkle.Hash
		says  string
	}{
		"not final":       {w.file, w.note(a.end(), at, 0), a.proof(0, 5), "not final"},
		"another genesis": {other.file, final, a.proof(0, 5), "of log"},
		"another proof":   {w.file, final, b.proof(0, 5), "not the log's"},
		"no genesis":      {[]byte("{}"), final, a.proof(0, 5), "not a valid genesis"},
	} {
		_, err := e.WithGenesis(policy, test.file, test.note, test.proof)
		refuses(t, name, err, ErrUnproven, test.says)
	}
	same := *w.genesis
	same.CreatedMs++
	file, err := same.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.WithGenesis(policy, file, final, a.proof(0, 5))
	refuses(t, "a genesis changed", err, ErrUnproven, "not the log's")
	trust, err := FromGenesis(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = with.Verify(trust)
	refuses(t, "a trusted genesis that differs", err, ErrUnproven, "the trusted one is")
	nobody := FromPolicy(&checkpoint.Policy{Quorum: checkpoint.QuorumNone})
	_, err = with.Verify(nobody)
	refuses(t, "a policy of nobody", err, ErrUnproven, "not final")
	noLogs := *policy
	noLogs.Logs = nil
	_, err = with.Verify(FromPolicy(&noLogs))
	refuses(t, "a policy without logs, whose witnesses sign for any log", err, ErrUnproven, "not final")
}

// proposal is a node's signed proposal in term 3.
func (w *world) proposal(node int, counter, variant uint64) Signed {
	p := ledger.Proposal{Cluster: clusterID(w.id, 0), Node: w.policy.Nodes[node].ID, Term: 3, Counter: counter, At: start + variant}
	return w.state(node, sign.ProposalPayloadType, p.Payload())
}

func clusterID(id ledger.LedgerID, number byte) [32]byte {
	return sign.TagRaftCluster.Sum(id[:], []byte{0, 0, 0, number})
}

// TestTwoLogs: one witness of two logs signs heads of one size for both, which is no
// contradiction.
func TestTwoLogs(t *testing.T) {
	w := newWorld(t, "ledger.example.org/trade")
	a, b := w.forks()
	private := w.newKey()
	key, err := checkpoint.NewKey("witness.example.org/w1", checkpoint.CosignerKey, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	logs := []checkpoint.LogLine{{Key: w.policy.LogKey(w.policy.Nodes[0])}, {Key: w.policy.LogKey(w.policy.Nodes[1])}}
	logs[1].Key.Name = "other.example.org"
	trust := FromPolicy(&checkpoint.Policy{Logs: logs, Witnesses: []checkpoint.WitnessLine{{Name: "w1", Key: key}}, Quorum: "w1"})
	one, two := a.end(), b.end()
	two.Origin = "other.example.org"
	for name, make := range map[string]func(*Trust, *checkpoint.Note, *checkpoint.Note) (*Evidence, error){"heads": Heads, "two heads": TwoHeads, "went back": WentBack} {
		if name == "went back" {
			two.Size--
		}
		_, err := make(trust, &checkpoint.Note{Checkpoint: one, Signatures: []checkpoint.Signature{key.Sign(private, one, at)}},
			&checkpoint.Note{Checkpoint: two, Signatures: []checkpoint.Signature{key.Sign(private, two, at+1)}})
		refuses(t, name, err, ErrUnproven, "different logs")
		two.Size = one.Size
	}
}
