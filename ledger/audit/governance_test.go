package audit

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// renewal is a node's new keys, made from a name.
type renewal struct {
	node string
	name string
}

func (r renewal) keys() []sign.PrivateKey {
	return []sign.PrivateKey{seeded("log " + r.name), seeded("cosigns " + r.name), seeded("states " + r.name)}
}

func (w *world) proposal(association string, quorum uint32, renew *renewal) ledger.SignedEvent {
	base := w.state.Policy().InForce.ID()
	body := &custodyv1.PolicyPropose{Base: base[:], Quorum: quorum}
	var keys []sign.PrivateKey
	if renew != nil {
		keys = renew.keys()
		body.Node = &custodyv1.NodeKeys{NodeId: renew.node, LogKey: keys[0].Public().Bytes(), CosignerKey: keys[1].Public().Bytes(), StatementKey: keys[2].Public().Bytes()}
	}
	return w.event(association, nil, func(e *custodyv1.Event) { e.Body = &custodyv1.Event_PolicyPropose{PolicyPropose: body} }, append(keys, signerOf(association))...)
}

func (w *world) approval(association string, proposal ledger.EventID) ledger.SignedEvent {
	return w.event(association, nil, func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_PolicyApprove{PolicyApprove: &custodyv1.PolicyApprove{Proposal: proposal[:]}}
	})
}

// note gives a checkpoint of the first entries, signed by the nodes of some
// associations with the keys that the genesis names.
func (w *world) note(entries [][]byte, associations ...string) *checkpoint.Note {
	policy := w.state.genesis.Policy()
	n := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: policy.Origin, Size: uint64(len(entries)), Root: rootOf(entries)}}
	for _, node := range policy.Nodes {
		if short := node.Association[:len(node.Association)-len(".example.org")]; slices.Contains(associations, short) {
			n.Signatures = append(n.Signatures,
				policy.LogKey(node).Sign(seeded("log "+node.Association), n.Checkpoint, 0),
				policy.CosignerKey(node).Sign(seeded("cosigns "+node.Association), n.Checkpoint, w.now/1000))
		}
	}
	return n
}

// flat is a tree of fewer than 256 leaves.
type flat []merkle.Hash

func (f flat) Hashes(_ uint8, from, to uint64) ([]merkle.Hash, error) { return f[from:to], nil }

func leavesOf(entries [][]byte) flat {
	var leaves flat
	for _, e := range entries {
		leaves = append(leaves, merkle.LeafHash(e))
	}
	return leaves
}

func proofOf(t testing.TB, entries [][]byte, from uint64) []merkle.Hash {
	proof, err := merkle.ConsistencyProof(leavesOf(entries), from, uint64(len(entries)))
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// handOver records what a store appends when a note becomes final.
func (w *world) handOver(note *checkpoint.Note) {
	w.Helper()
	w.now += 1000
	sequencer := rules.NewSequencer(w.id, 1, w.state, w.state.Head())
	appended, rejection := sequencer.Handover(rules.HandoverNote(w.state.Policy().InForce, note), proofOf(w, w.entries, note.Size), w.head().Root, w.now)
	if rejection != nil {
		w.Fatal(rejection)
	}
	w.state.Apply(rules.Block{Entries: []rules.Sequenced{appended}, Changes: sequencer.Changes()})
	w.entries = append(w.entries, appended.Bytes)
}

// govern changes the policy, and leaves a proposal open for the next one.
func (w *world) govern() {
	proposal := w.add(w.proposal("north", 3, &renewal{"node-0", "north anew"}))
	w.add(w.proposal("west", 3, nil))
	w.add(w.approval("south", proposal))
	adopted := w.entries[:len(w.entries):len(w.entries)]
	w.register("asha", 20)
	w.handOver(w.note(adopted, "north", "west"))
	w.add(w.proposal("west", 2, nil))
	open := w.add(w.proposal("south", 2, &renewal{"node-1", "south anew"}))
	w.add(w.approval("north", open))
}

// TestPolicyFollowsFromTheLog: who audits has the policy that the log leads to.
func TestPolicyFollowsFromTheLog(t *testing.T) {
	w := story(t)
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if report := w.auditFrom(state, w.source("one")); !report.OK() {
		t.Fatal(report.Findings())
	}
	got := reloaded(t, state).Policy()
	first := w.state.genesis.Policy()
	switch {
	case got.InForce.Quorum != 3 || got.InForce.Nodes[0].Cosigner != seeded("cosigns north anew").Public():
		t.Errorf("in force: %+v", got.InForce)
	case got.Previous.ID() != first.ID() || got.For(got.Since).ID() != first.ID() || got.For(got.Since+1).ID() != got.InForce.ID():
		t.Errorf("before %d: %+v", got.Since, got.Previous)
	case len(got.Proposals) != 2 || len(got.Proposals[1].Approvals) != 2 || got.Adopted != nil:
		t.Errorf("open: %+v", got.Proposals)
	}
	if kind := entryAt(t, w, got.Since).Kind; kind != ledger.KindHandover {
		t.Errorf("in force since entry %d of kind %d", got.Since, kind)
	}
}

// TestForgedHandovers: a ledger consistent in itself, with a handover that the
// rules do not bear out, or none where one must be.
func TestForgedHandovers(t *testing.T) {
	w := story(t)
	at := int(w.state.Policy().Since)
	adopted := at - 1 // size of the ledger up to the entry that adopts
	before := w.entries[:at]
	handover := func(change func(*ledger.Entry)) func([]*ledger.Entry) []*ledger.Entry {
		return func(es []*ledger.Entry) []*ledger.Entry {
			change(es[at])
			return es
		}
	}
	on := func(note *checkpoint.Note) func([]*ledger.Entry) []*ledger.Entry {
		return handover(func(e *ledger.Entry) {
			e.Note, e.Proof = note.Encode(), proofOf(t, before, min(note.Size, uint64(at)))
		})
	}
	cut := func(n *checkpoint.Note, keep ...int) *checkpoint.Note {
		some := *n
		some.Signatures = nil
		for _, i := range keep {
			some.Signatures = append(some.Signatures, n.Signatures[i])
		}
		return &some
	}
	full := w.note(before[:adopted], "north", "south", "west")
	otherRoot := *full
	otherRoot.Root[0] ^= 1
	forked := w.note(append(slices.Clone(before[:adopted-1]), []byte("another entry")), "north", "south", "west")
	stranger := checkpoint.Key{Name: "stranger.example.org", Type: checkpoint.CosignerKey, Public: seeded("a stranger").Public()}
	strange := cut(full, 0, 1, 2, 3)
	strange.Signatures = append(strange.Signatures, stranger.Sign(seeded("a stranger"), full.Checkpoint, 1))
	anew := w.state.Policy().InForce
	next := &checkpoint.Note{Checkpoint: full.Checkpoint, Signatures: slices.Clone(full.Signatures)}
	next.Signatures[0] = anew.LogKey(anew.Nodes[0]).Sign(seeded("log north anew"), full.Checkpoint, 0)
	next.Signatures[1] = anew.CosignerKey(anew.Nodes[0]).Sign(seeded("cosigns north anew"), full.Checkpoint, 1)

	for _, c := range []struct {
		name   string
		change func([]*ledger.Entry) []*ledger.Entry
		index  int
		kind   Kind
		reason ledger.Reason
	}{
		{"one association of two", on(cut(full, 0, 1)), at, HandoverWrong, ledger.HandoverInvalid},
		{"one association twice", on(cut(full, 0, 1, 1)), at, HandoverWrong, ledger.HandoverInvalid},
		{"log lines instead of cosignatures", on(cut(full, 0, 2, 4)), at, HandoverWrong, ledger.HandoverInvalid},
		{"no log line", on(cut(full, 1, 3)), at, HandoverWrong, ledger.HandoverInvalid},
		{"signatures of another root", on(&otherRoot), at, HandoverWrong, ledger.HandoverInvalid},
		{"a line of a stranger", on(strange), at, HandoverWrong, ledger.HandoverInvalid},
		{"under the new policy", on(next), at, HandoverWrong, ledger.HandoverInvalid},
		{"a final note of another ledger", on(forked), at, HandoverWrong, ledger.HandoverInvalid},
		{"a size that does not cover the adoption", on(w.note(before[:adopted-1], "north", "south")), at, HandoverWrong, ledger.HandoverInvalid},
		{"a size larger than the ledger", on(w.note(w.entries[:at+1], "north", "south")), at, HandoverWrong, ledger.HandoverInvalid},
		{"no note", handover(func(e *ledger.Entry) { e.Note = nil }), at, HandoverWrong, ledger.HandoverInvalid},
		{"a proof cut short", handover(func(e *ledger.Entry) { e.Proof = e.Proof[1:] }), at, HandoverWrong, ledger.HandoverInvalid},
		{"a proof with a hash more", handover(func(e *ledger.Entry) { e.Proof = append(e.Proof, merkle.Hash{}) }), at, HandoverWrong, ledger.HandoverInvalid},
		{"a link", handover(func(e *ledger.Entry) { e.Links = []uint64{0} }), at, LinkWrong, ""},
		{"before the adoption", func(es []*ledger.Entry) []*ledger.Entry {
			early := *es[at]
			early.RecordedAt = es[adopted-1].RecordedAt
			return slices.Insert(es, adopted-1, &early)
		}, adopted - 1, HandoverWrong, ledger.HandoverInvalid},
		{"a second one", func(es []*ledger.Entry) []*ledger.Entry {
			again := *es[at]
			return slices.Insert(es, at+1, &again)
		}, at + 1, HandoverWrong, ledger.HandoverInvalid},
		{"left out", func(es []*ledger.Entry) []*ledger.Entry { return slices.Delete(es, at, at+1) }, at, RuleBroken, ledger.PolicyPending},
		{"approval left out", func(es []*ledger.Entry) []*ledger.Entry { return slices.Delete(es, adopted-1, adopted) }, at - 1, HandoverWrong, ledger.HandoverInvalid},
		{"one association approves twice", func(es []*ledger.Entry) []*ledger.Entry {
			approve, err := ledger.DecodeEntry(w.entries[adopted-1])
			if err != nil {
				t.Fatal(err)
			}
			event, _ := ledger.DecodeEvent(1, approve.Signed)
			es[adopted-1].Signed = w.approval("north", ledger.EventID(event.Body.(*custodyv1.PolicyApprove).Proposal))
			es[adopted-1].Signed = resigned(t, es[adopted-1].Signed, es[adopted-1].RecordedAt, signerOf("north"))
			return es
		}, adopted - 1, RuleBroken, ledger.AlreadyApproved},
		{"governance as an event", func(es []*ledger.Entry) []*ledger.Entry { es[adopted-1].Kind = ledger.KindEvent; return es }, adopted - 1, EntryDiffers, ""},
		{"an event as governance", func(es []*ledger.Entry) []*ledger.Entry { es[4].Kind = ledger.KindGovernance; return es }, 4, EntryDiffers, ""},
		{"inside a group", func(es []*ledger.Entry) []*ledger.Entry {
			inside := *es[at]
			group := slices.IndexFunc(es, func(e *ledger.Entry) bool {
				event, rejection := ledger.DecodeEvent(1, e.Signed)
				return e.Kind == ledger.KindEvent && rejection == nil && event.Group != nil
			})
			inside.RecordedAt = es[group].RecordedAt
			return slices.Insert(es, group+1, &inside)
		}, groupOf(t, w) + 1, GroupBroken, ledger.GroupIncomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := w.audit(w.forge(t, c.change))
			w.wants(t, c.name, report, uint64(c.index), c.kind)
			if f := report.Findings(); len(f) == 1 && f[0].Reason != c.reason {
				t.Errorf("expected reason %q, found %v", c.reason, f[0])
			}
			if got := report.Head.Size; got > uint64(c.index) {
				t.Errorf("verified %d entries, the finding is at %d", got, c.index)
			}
		})
	}
}

// TestRevokedKeyActsLater: an event by a key that its party revoked earlier.
func TestRevokedKeyActsLater(t *testing.T) {
	w := story(t)
	var revoked int
	for i := range w.entries[1:] {
		if entry := entryAt(t, w, uint64(i+1)); entry.Kind == ledger.KindEvent {
			event, rejection := ledger.DecodeEvent(1, entry.Signed)
			if rejection != nil {
				t.Fatal(rejection)
			}
			if _, ok := event.Body.(*custodyv1.KeyRevoke); ok {
				revoked = i + 1
			}
		}
	}
	forged := w.forge(t, func(es []*ledger.Entry) []*ledger.Entry {
		last := es[len(es)-1]
		signed := w.event("chen", nil, func(e *custodyv1.Event) {
			e.Body = &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: w.ref(ledger.ItemID{}), Offer: make([]byte, 32), From: make([]byte, 20)}}
		})
		entry := &ledger.Entry{Kind: ledger.KindEvent, RecordedAt: last.RecordedAt, Links: []uint64{uint64(revoked), 0}}
		entry.Signed = resigned(t, signed, last.RecordedAt, seeded("clerk of chen"))
		return append(es, entry)
	})
	report := w.audit(forged)
	w.wants(t, "revoked key", report, uint64(len(w.entries)), RuleBroken)
	if f := report.Findings(); len(f) == 1 && f[0].Reason != ledger.KeyRevoked {
		t.Error(f[0])
	}
}

func entryAt(t testing.TB, w *world, index uint64) *ledger.Entry {
	entry, err := ledger.DecodeEntry(w.entries[index])
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func groupOf(t testing.TB, w *world) int {
	for i := 1; i < len(w.entries); i++ {
		if event, rejection := ledger.DecodeEvent(1, entryAt(t, w, uint64(i)).Signed); rejection == nil && event.Group != nil {
			return i
		}
	}
	t.Fatal("no group")
	return 0
}

// resigned gives an event with other times and another signer.
func resigned(t testing.TB, signed ledger.SignedEvent, at uint64, key sign.PrivateKey) ledger.SignedEvent {
	var message custodyv1.Event
	if err := proto.Unmarshal(signed.Event, &message); err != nil {
		t.Fatal(err)
	}
	message.OccurredAtMs, message.NotAfterMs = at, at+1000
	again, err := ledger.Sign(&message, key)
	if err != nil {
		t.Fatal(err)
	}
	return again
}
