package audit

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// nodeCopy is a node with its signed heads.
type nodeCopy struct {
	*copySource
	final, own []byte
	err        error
}

func (s *nodeCopy) Checkpoint(context.Context) (final, own []byte, err error) {
	return s.final, s.own, s.err
}

// node gives a source that has a final note and a head of its own.
func (w *world) node(name string, final, own *checkpoint.Note) *nodeCopy {
	n := &nodeCopy{copySource: w.source(name)}
	if final != nil {
		n.final = final.Encode()
	}
	if own != nil {
		n.own = own.Encode()
	}
	return n
}

// privateOf finds the private half of a node's key among those of the tests.
func privateOf(t testing.TB, public sign.PublicKey) sign.PrivateKey {
	t.Helper()
	for _, use := range []string{"log ", "cosigns "} {
		for _, of := range []string{"north.example.org", "south.example.org", "west.example.org", "north anew", "south anew"} {
			if key := seeded(use + of); key.Public() == public {
				return key
			}
		}
	}
	t.Fatal("a key of nobody")
	return sign.PrivateKey{}
}

// signs has nodes of the policy in force at the size sign the head of entries, at
// a time in unix seconds.
func (w *world) signs(entries [][]byte, at uint64, nodes ...string) *checkpoint.Note {
	w.Helper()
	policy := w.state.Policy().For(uint64(len(entries)))
	n := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: policy.Origin, Size: uint64(len(entries)), Root: rootOf(entries)}}
	return w.underwrite(n, policy, at, nodes...)
}

func (w *world) underwrite(n *checkpoint.Note, policy ledger.Policy, at uint64, nodes ...string) *checkpoint.Note {
	w.Helper()
	for _, id := range nodes {
		node, ok := policy.Node(id)
		if !ok {
			w.Fatal(id)
		}
		n.Signatures = append(n.Signatures,
			policy.LogKey(node).Sign(privateOf(w, node.Log), n.Checkpoint, 0),
			policy.CosignerKey(node).Sign(privateOf(w, node.Cosigner), n.Checkpoint, at))
	}
	return n
}

var everyNode = []string{"node-0", "node-1", "node-2"}

// judged audits sources of any kind.
func (w *world) judged(state *State, sources ...Source) *Report {
	w.Helper()
	if state == nil {
		var err error
		if state, err = Start(w.file); err != nil {
			w.Fatal(err)
		}
	}
	report, err := (&Auditor{State: state, Sources: sources}).Run(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return report
}

// convicts demands that the finding carries evidence that somebody offline, with
// nothing but the genesis, verifies, of a kind and against nodes.
func (w *world) convicts(f *Finding, kind evidence.Kind, nodes ...string) {
	w.Helper()
	if f == nil || f.Evidence == nil {
		w.Fatalf("no evidence: %+v", f)
	}
	file, err := f.Evidence.Encode()
	if err != nil {
		w.Fatal(err)
	}
	read, err := evidence.Parse(file)
	if err != nil {
		w.Fatal(err)
	}
	trust, err := evidence.FromGenesis(w.file)
	if err != nil {
		w.Fatal(err)
	}
	verdict, err := read.Verify(trust)
	if err != nil {
		w.Fatal(err)
	}
	var convicted []string
	for _, accused := range verdict.Convicted {
		convicted = append(convicted, accused.Node)
	}
	if verdict.Kind != kind || !slices.Equal(convicted, nodes) {
		w.Fatalf("%s against %q, expected %s against %q", verdict.Kind, convicted, kind, nodes)
	}
}

// small is a ledger without a handover.
func small(t testing.TB) *world {
	w := newWorld(t)
	w.admit("north", "asha")
	w.admit("south", "bram")
	for n := range 6 {
		w.register("asha", n)
	}
	return w
}

// TestSignedHeads: heads of honest nodes hold, on both sides of a handover, and
// are remembered.
func TestSignedHeads(t *testing.T) {
	w := story(t)
	n, since := len(w.entries), int(w.state.Policy().Since)
	for _, size := range []int{1, 5, since - 1, since, since + 1, since + 2, n - 1, n} {
		head := w.entries[:size]
		signers := everyNode
		one := w.node("one", w.signs(head, 1000, signers...), w.signs(w.entries, 1001, "node-0"))
		two := w.node("two", w.signs(head, 1000, signers...), nil)
		three := w.node("three", nil, w.signs(head, 1000, "node-2"))
		three.entries, three.head = three.entries[:size], TreeHead{uint64(size), rootOf(head)}
		state, err := Start(w.file)
		if err != nil {
			t.Fatal(err)
		}
		report := w.judged(state, one, two, three)
		if !report.OK() {
			t.Fatalf("final size %d: %v", size, report.Findings())
		}
		first := report.Sources[0]
		switch {
		case report.Final == nil || report.Final.Size != uint64(size):
			t.Fatalf("%+v", report.Final)
		case len(first.Final.Cosigned) != 3 || first.Final.Cosigned[0] != (CosignedReport{"node-0", 1000}) || first.Own.Node != "node-0":
			t.Fatalf("%+v, %+v", first.Final, first.Own)
		}
		state = reloaded(t, state)
		if final, ok := state.Final(); !ok || final.Size != uint64(size) || len(state.memory.words) < 3 {
			t.Fatalf("%v, %v, %d words", final, ok, len(state.memory.words))
		}
		if report := w.judged(state, one, two, three); !report.OK() {
			t.Fatalf("again at final size %d: %v", size, report.Findings())
		}
		if !bytes.Equal(saved(t, reloaded(t, state)), saved(t, state)) {
			t.Fatal("another state")
		}
	}
}

// TestBadSignedHeads: what can be wrong with a head that a source shows beside
// entries that hold.
func TestBadSignedHeads(t *testing.T) {
	w := story(t)
	n, since := len(w.entries), int(w.state.Policy().Since)
	now := w.state.Policy().InForce
	head := func(change func(*checkpoint.Checkpoint), policy ledger.Policy, nodes ...string) *checkpoint.Note {
		note := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: policy.Origin, Size: uint64(n), Root: w.head().Root}}
		change(&note.Checkpoint)
		return w.underwrite(note, policy, 1000, nodes...)
	}
	same := func(*checkpoint.Checkpoint) {}
	otherRoot := func(c *checkpoint.Checkpoint) { c.Root[3] ^= 1 }
	damaged := head(same, now, everyNode...)
	damaged.Signatures[3].Bytes[20] ^= 1
	stray := head(same, now, everyNode...)
	stray.Signatures = append(stray.Signatures, checkpoint.Signature{Name: stray.Signatures[1].Name, KeyID: 77, Bytes: make([]byte, 72)})
	for _, c := range []struct {
		name       string
		final, own []byte
		index      int
		kind       Kind
		evidence   evidence.Kind
	}{
		{"no note", []byte("a note\n"), nil, 0, CheckpointInvalid, ""},
		{"no entries", head(func(c *checkpoint.Checkpoint) { c.Size = 0 }, now, everyNode...).Encode(), nil, 0, CheckpointInvalid, ""},
		{"of another log", head(func(c *checkpoint.Checkpoint) { c.Origin = "ledger.example.org/other" }, now, everyNode...).Encode(), nil, n - 1, CheckpointInvalid, ""},
		{"larger than the ledger", head(func(c *checkpoint.Checkpoint) { c.Size++ }, now, everyNode...).Encode(), nil, n, EntryMissing, ""},
		{"two of three", head(same, now, "node-1", "node-2").Encode(), nil, n - 1, NotFinal, ""},
		{"keys that were handed over", head(same, w.state.Policy().Previous, everyNode...).Encode(), nil, n - 1, NotFinal, ""},
		{"keys that are not in force yet", w.underwrite(&checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: now.Origin, Size: uint64(since), Root: rootOf(w.entries[:since])}}, now, 1000, "node-0").Encode(), nil, since - 1, NotFinal, ""},
		{"a signature damaged", damaged.Encode(), nil, n - 1, CheckpointInvalid, ""},
		{"a line of no key", stray.Encode(), nil, n - 1, CheckpointInvalid, ""},
		{"a root that all signed", head(otherRoot, now, everyNode...).Encode(), nil, n - 1, CheckpointDiffers, ""},
		{"a root that two of them took back", head(otherRoot, now, everyNode...).Encode(), head(same, now, "node-1").Encode(), n - 1, CheckpointDiffers, evidence.KindTwoHeads},
		{"own: no note", nil, []byte("a note\n"), 0, OwnHeadInvalid, ""},
		{"own: only a cosignature", nil, (&checkpoint.Note{Checkpoint: damaged.Checkpoint, Signatures: damaged.Signatures[1:2]}).Encode(), n - 1, OwnHeadInvalid, ""},
		{"own: damaged", nil, damaged.Encode(), n - 1, OwnHeadInvalid, ""},
		{"own: another root", nil, head(otherRoot, now, "node-1").Encode(), n - 1, OwnHeadDiffers, ""},
		{"own: another root than the final one", head(same, now, everyNode...).Encode(), head(otherRoot, now, "node-1").Encode(), n - 1, OwnHeadDiffers, evidence.KindTwoHeads},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := &nodeCopy{copySource: w.source("liar"), final: c.final, own: c.own}
			honest := w.node("honest", nil, nil)
			report := w.judged(nil, source, honest)
			w.wants(t, c.name, report, uint64(c.index), c.kind)
			f := report.Sources[0].Finding
			switch {
			case f == nil || report.Sources[1].Finding != nil:
				t.Fatalf("%+v", report.Findings())
			case c.evidence == "" && (f.Evidence != nil || f.NoEvidence == ""):
				t.Fatalf("evidence %+v, and %q", f.Evidence, f.NoEvidence)
			case c.evidence != "":
				w.convicts(f, c.evidence, "node-1")
			}
			if report.Head != w.head() {
				t.Error("the entries are verified all the same")
			}
		})
	}
}

// TestOwnHeadAfterARestart: a node that has just started shows the head that it
// signed last under its log line alone, until it cosigns again.
func TestOwnHeadAfterARestart(t *testing.T) {
	w := story(t)
	now := w.state.Policy().InForce
	own := w.underwrite(&checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: now.Origin, Size: uint64(len(w.entries)), Root: w.head().Root}}, now, 1000, "node-1")
	own.Signatures = slices.DeleteFunc(own.Signatures, func(s checkpoint.Signature) bool { return s.Name != now.Origin })
	if len(own.Signatures) != 1 {
		t.Fatalf("%d log lines", len(own.Signatures))
	}
	report := w.judged(nil, w.node("restarted", nil, own))
	if !report.OK() || report.Sources[0].Own == nil {
		t.Fatalf("%+v", report.Sources[0])
	}
}

// TestNodesFork: two histories that are both right, each under signed heads.
// Whoever signed both is convicted; without one, those that signed either answer.
func TestNodesFork(t *testing.T) {
	one, other := small(t), small(t)
	at := uint64(len(one.entries))
	one.register("asha", 100)
	other.register("asha", 200)
	one.register("asha", 101)
	other.register("asha", 201)
	other.register("asha", 202)
	for _, c := range []struct {
		name       string
		one, other []string
		convicted  []string
	}{
		{"two collude", []string{"node-0", "node-1"}, []string{"node-1", "node-2"}, []string{"node-1"}},
		{"all collude", everyNode, everyNode, everyNode},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := one.judged(nil, one.node("one", one.signs(one.entries, 1000, c.one...), nil), other.node("other", other.signs(other.entries, 1000, c.other...), nil))
			one.wants(t, c.name, report, at, NodesFork)
			one.convicts(report.Sources[0].Finding, evidence.KindForked, c.convicted...)
		})
	}
	apart := one.judged(nil, one.node("one", nil, one.signs(one.entries, 1000, "node-0")), other.node("other", nil, other.signs(other.entries, 1000, "node-2")))
	one.wants(t, "one node each", apart, at, NodesFork)
	one.convicts(apart.Sources[0].Finding, evidence.KindForked)
	unsigned := one.judged(nil, one.node("one", nil, nil), other.node("other", other.signs(other.entries, 1000, "node-1", "node-2"), nil))
	one.wants(t, "not signed", unsigned, at, SourcesDiffer)
	if f := unsigned.Sources[0].Finding; f.Evidence != nil || f.NoEvidence == "" {
		t.Fatalf("%+v", f)
	}
}

// TestRefusesWhatGoesBack: a state that knows a final checkpoint refuses older and
// other ones, from the file too.
func TestRefusesWhatGoesBack(t *testing.T) {
	w := small(t)
	n := len(w.entries)
	early, late := w.entries[:n-2], w.entries
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if report := w.judged(state, w.node("one", w.signs(late, 1000, everyNode...), nil)); !report.OK() {
		t.Fatal(report.Findings())
	}
	again := func() *State { return reloaded(t, state) }

	old := w.node("one", w.signs(early, 900, everyNode...), nil)
	report := w.judged(again(), old)
	w.wants(t, "old", report, uint64(n-3), CheckpointWentBack)
	if f := report.Sources[0].Finding; f.Evidence != nil || f.NoEvidence == "" {
		t.Errorf("%+v", f)
	}
	none := w.judged(again(), w.node("one", nil, nil))
	w.wants(t, "none any more", none, 0, CheckpointWentBack)
	shrunk := w.node("one", w.signs(early, 900, everyNode...), nil)
	shrunk.entries, shrunk.head = early, TreeHead{uint64(n - 2), rootOf(early)}
	w.wants(t, "shrunk", w.judged(again(), shrunk), uint64(n-2), SizeShrunk)
	if report := w.judged(again(), shrunk, w.node("two", w.signs(late, 1000, everyNode...), nil)); !report.OK() || !report.Sources[0].Behind {
		t.Errorf("a node behind the others: %+v", report)
	}

	back := w.judged(again(), w.node("one", w.signs(early, 1100, "node-0", "node-2"), nil))
	w.wants(t, "cosigned later", back, uint64(n-3), CosignatureWentBack)
	w.convicts(back.Sources[0].Finding, evidence.KindWentBack, "node-0")

	fork := small(t)
	fork.register("asha", 300)
	w.register("asha", 301)
	forked := w.judged(again(), w.node("honest", w.signs(w.entries, 2000, everyNode...), nil), fork.node("forked", fork.signs(fork.entries, 2000, "node-0", "node-1"), nil))
	w.wants(t, "fork behind the state", forked, uint64(n), NodesFork)
	w.convicts(forked.Sources[1].Finding, evidence.KindForked, "node-0", "node-1")

	other := newWorld(t)
	other.admit("north", "asha")
	for i := range n {
		other.register("asha", 500+i)
	}
	alone := w.judged(again(), other.node("other", other.signs(other.entries, 2000, everyNode...), nil))
	w.wants(t, "another history", alone, uint64(n), NotConsistent)
	twice := other.node("other", other.signs(other.entries[:n], 2000, everyNode...), nil)
	twice.entries, twice.head = other.entries[:n], TreeHead{uint64(n), rootOf(other.entries[:n])}
	report = w.judged(again(), twice)
	w.wants(t, "another history of this size", report, uint64(n-1), NotConsistent)
	w.convicts(report.Sources[0].Finding, evidence.KindTwoHeads, everyNode...)
}

// TestStateBeyondFinal: what was verified behind the last final checkpoint must
// be there again, and every later checkpoint is judged, also one below the end.
func TestStateBeyondFinal(t *testing.T) {
	w := small(t)
	n := len(w.entries)
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if report := w.judged(state, w.node("one", w.signs(w.entries[:n-4], 1000, everyNode...), nil)); !report.OK() {
		t.Fatal(report.Findings())
	}
	state = reloaded(t, state)
	between := w.node("one", w.signs(w.entries[:n-2], 1010, everyNode...), nil)
	if report := w.judged(reloaded(t, state), between); !report.OK() || report.Final.Size != uint64(n-2) {
		t.Fatalf("%+v", report)
	}
	lying := w.signs(w.entries[:n-2], 1010)
	lying.Root[0] ^= 1
	w.underwrite(lying, w.state.Policy().InForce, 1010, everyNode...)
	w.wants(t, "another root between", w.judged(reloaded(t, state), w.node("one", lying, nil)), uint64(n-3), CheckpointDiffers)

	changed := w.node("one", nil, nil)
	changed.entries[n-3] = flip(changed.entries[n-3], 77)
	report := w.judged(reloaded(t, state), changed)
	w.wants(t, "changed behind the final checkpoint", report, uint64(n-4), NotConsistent)
}

// TestBadEntryEvidence: nodes that collude on a ledger that breaks a rule have
// signed it.
func TestBadEntryEvidence(t *testing.T) {
	w := small(t)
	linked := len(w.entries)
	w.offer("asha", "bram", w.lastItem(), 1)
	w.register("bram", 7)
	stranger := seeded("a stranger")
	for _, c := range []struct {
		name   string
		change func([]*ledger.Entry) []*ledger.Entry
		kind   Kind
		proven bool
	}{
		{"signature", func(es []*ledger.Entry) []*ledger.Entry {
			es[linked].Signed.Signatures = [][]byte{stranger.Sign(ledger.SigningBytes(es[linked].Signed.Event))}
			return es
		}, SignatureBad, true},
		{"link", func(es []*ledger.Entry) []*ledger.Entry { es[linked].Links[1] = 1; return es }, LinkWrong, true},
		{"time", func(es []*ledger.Entry) []*ledger.Entry {
			es[linked].RecordedAt = es[linked-1].RecordedAt - 1
			return es
		}, TimeBackwards, true},
		{"twice", func(es []*ledger.Entry) []*ledger.Entry {
			again := *es[4]
			again.RecordedAt = es[linked].RecordedAt
			return slices.Insert(es, linked, &again)
		}, EventRepeated, true},
		{"rule", func(es []*ledger.Entry) []*ledger.Entry {
			es[len(es)-1].RecordedAt += 90 * 24 * 3600_000
			return es
		}, RuleBroken, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			forged := &nodeCopy{copySource: w.forge(t, c.change)}
			forged.final = w.signs(forged.entries, 1000, "node-0", "node-2").Encode()
			sources := []Source{forged, w.node("honest", nil, nil)}
			if !c.proven { // beside an honest source it is a fork
				sources = sources[:1]
			}
			report := w.judged(nil, sources...)
			f := report.Sources[0].Finding
			if f == nil || f.Kind != c.kind {
				t.Fatalf("%+v", f)
			}
			if c.proven {
				w.convicts(f, evidence.KindBadEntry, "node-0", "node-2")
			} else if f.Evidence != nil || f.NoEvidence == "" {
				t.Fatalf("%+v", f)
			}
		})
	}
}

func (w *world) lastItem() ledger.ItemID { return w.state.items[len(w.state.items)-1].id }

// TestUnreachableSource: the others are judged, and the state is theirs.
func TestUnreachableSource(t *testing.T) {
	w := small(t)
	down := w.node("down", nil, nil)
	down.err = errors.New("the line is down")
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	report := w.judged(state, down, w.node("up", w.signs(w.entries, 1000, everyNode...), nil))
	if report.OK() || len(report.Findings()) > 0 || !errors.Is(report.Sources[0].Err, down.err) || report.Sources[1].Final == nil {
		t.Fatalf("%+v", report)
	}
	if final, ok := reloaded(t, state).Final(); !ok || final.Size != uint64(len(w.entries)) {
		t.Fatal("nothing is remembered of the node that answers")
	}
}

// TestFollow: an audit that follows sees a fork with the first checkpoint that
// has it, and goes on while a node is away.
func TestFollow(t *testing.T) {
	one, other := small(t), small(t)
	honest := one.node("honest", one.signs(one.entries, 1000, everyNode...), nil)
	forking := other.node("forking", other.signs(other.entries, 1000, everyNode...), nil)
	state, err := Start(one.file)
	if err != nil {
		t.Fatal(err)
	}
	ticks := make(chan time.Time, 1)
	round := 0
	var at uint64
	report, err := (&Auditor{State: state, Sources: []Source{honest, forking}}).Follow(context.Background(), ticks, func(r *Report) error {
		round++
		switch round {
		case 1, 2:
			one.register("asha", 100+round)
			other.register("asha", 100+round)
		case 3:
			forking.err = errors.New("away")
		case 4:
			if r.Sources[1].Err == nil || r.Sources[0].Err != nil {
				t.Errorf("%+v", r.Sources)
			}
			forking.err = nil
			at = uint64(len(one.entries))
			one.register("asha", 300)
			other.register("asha", 400)
		}
		*honest = *one.node("honest", one.signs(one.entries, 1000+uint64(round), everyNode...), nil)
		err := forking.err
		*forking = *other.node("forking", other.signs(other.entries, 1000+uint64(round), everyNode...), nil)
		forking.err = err
		ticks <- time.Time{}
		return nil
	})
	if err != nil || round != 5 {
		t.Fatalf("%d rounds, %v", round, err)
	}
	one.wants(t, "fork", report, at, NodesFork)
	one.convicts(report.Sources[1].Finding, evidence.KindForked, everyNode...)

	ctx, cancel := context.WithCancel(context.Background())
	if _, err := (&Auditor{State: state, Sources: []Source{honest}}).Follow(ctx, nil, func(*Report) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestDamagedMemory flips every byte of a state file that remembers signed heads.
func TestDamagedMemory(t *testing.T) {
	w := small(t)
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if report := w.judged(state, w.node("one", w.signs(w.entries[:5], 1000, everyNode...), w.signs(w.entries, 1001, "node-1"))); !report.OK() {
		t.Fatal(report.Findings())
	}
	file := saved(t, state)
	for i := range file {
		changed := flip(file, 8*i+i%8)
		if _, err := Load(bytes.NewReader(changed)); !errors.Is(err, ErrStateFile) {
			t.Fatalf("byte %d: %v", i, err)
		}
		// With a checksum that fits, what is accepted has this one form.
		sum := sumOf(changed[:len(changed)-32])
		copy(changed[len(changed)-32:], sum[:])
		if state, err := Load(bytes.NewReader(changed)); err == nil && !bytes.Equal(saved(t, state), changed) {
			t.Fatalf("byte %d: a second form", i)
		}
	}
}
