package rules_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// council is a world of several associations with a node each, and one without.
type council struct {
	*world
	members  []*member
	observer *actor
}

// member is an association and the keys of its node.
type member struct {
	*actor
	node     string
	log      sign.PrivateKey
	cosigner sign.PrivateKey
}

func newCouncil(t testing.TB, count, quorum int) *council {
	c := &council{world: emptyWorld(t)}
	g := &ledger.Genesis{Format: ledger.GenesisFormat, Name: "rules.example.org/council", CreatedMs: start, RulesVersion: 1, Quorum: uint32(quorum)}
	found := func(name string) *actor {
		a := &actor{key: c.newKey()}
		a.id = ledger.NewPartyID(a.key.Public().ID())
		g.Associations = append(g.Associations, ledger.Association{Name: name, Country: "BE", GovernanceKeys: []string{ledger.KeyText(a.key.Public())}})
		return a
	}
	for i := range count {
		name := fmt.Sprintf("member-%d.example.org", i)
		m := &member{actor: found(name), node: fmt.Sprintf("node-%d", i), log: c.newKey(), cosigner: c.newKey()}
		c.members = append(c.members, m)
		g.Nodes = append(g.Nodes, ledger.Node{
			ID: m.node, Association: name, PeerAddress: "127.0.0.1:1", ClientAddress: "127.0.0.1:2",
			Incarnation: fmt.Sprintf("%016x", i), TLSKeySHA256: fmt.Sprintf("%064x", i),
			LogKey: ledger.KeyText(m.log.Public()), CosignerKey: ledger.KeyText(m.cosigner.Public()), StatementKey: ledger.KeyText(c.newKey().Public()),
		})
	}
	c.observer = found("observer.example.org")
	c.found(g)
	return c
}

// keys makes new ones for a node.
func (c *council) keys(node string) (*custodyv1.NodeKeys, []sign.PrivateKey) {
	keys := []sign.PrivateKey{c.newKey(), c.newKey(), c.newKey()}
	return &custodyv1.NodeKeys{NodeId: node, LogKey: keys[0].Public().Bytes(), CosignerKey: keys[1].Public().Bytes(), StatementKey: keys[2].Public().Bytes()}, keys
}

func (c *council) propose(quorum int, node *custodyv1.NodeKeys) *custodyv1.PolicyPropose {
	base := c.state.Policy().InForce.ID()
	return &custodyv1.PolicyPropose{Base: base[:], Quorum: uint32(quorum), Node: node}
}

func (c *council) approve(proposal ledger.EventID) *custodyv1.PolicyApprove {
	return &custodyv1.PolicyApprove{Proposal: proposal[:]}
}

func (c *council) leaves() []merkle.Hash {
	var leaves []merkle.Hash
	for _, e := range c.entries {
		leaves = append(leaves, merkle.LeafHash(e))
	}
	return leaves
}

func (c *council) rootAt(size int) merkle.Hash {
	var tree merkle.Frontier
	for _, leaf := range c.leaves()[:size] {
		tree.Append(leaf, nil)
	}
	return tree.Root()
}

// note gives a checkpoint signed by some members' nodes.
func (c *council) note(size int, members ...*member) *checkpoint.Note {
	policy := c.state.Policy().InForce
	n := &checkpoint.Note{Checkpoint: checkpoint.Checkpoint{Origin: policy.Origin, Size: uint64(size), Root: c.rootAt(size)}}
	for _, m := range members {
		node, _ := policy.Node(m.node)
		n.Signatures = append(n.Signatures, policy.LogKey(node).Sign(m.log, n.Checkpoint, 0), policy.CosignerKey(node).Sign(m.cosigner, n.Checkpoint, 77))
	}
	return n
}

type leafReader []merkle.Hash

func (r leafReader) Hashes(_ uint8, from, to uint64) ([]merkle.Hash, error) { return r[from:to], nil }

// handOver tries a handover as a store does.
func (c *council) handOver(note *checkpoint.Note) *ledger.Rejection {
	c.t.Helper()
	var proof []merkle.Hash
	if note.Size > 0 && note.Size <= c.head.Size {
		var err error
		if proof, err = merkle.ConsistencyProof(leafReader(c.leaves()), note.Size, c.head.Size); err != nil {
			c.t.Fatal(err)
		}
	}
	s := rules.NewSequencer(c.id, 1, c.state, c.head)
	appended, rejection := s.Handover(note.Encode(), proof, c.rootAt(len(c.entries)), c.now)
	if rejection != nil {
		if s.Head() != c.head || s.Changes().Policy != nil {
			c.t.Fatalf("refused with %v but something changed", rejection)
		}
		seen[rejection.Reason] = true
		return rejection
	}
	if entry, err := ledger.DecodeEntry(appended.Bytes); err != nil || entry.Kind != ledger.KindHandover || len(entry.Links) > 0 || merkle.LeafHash(appended.Bytes) != appended.Leaf {
		c.t.Fatalf("%+v, %v", entry, err)
	}
	c.entries = append(c.entries, appended.Bytes)
	c.state.Write(s.Changes())
	c.head = s.Head()
	return nil
}

func (c *council) refuseHandover(note *checkpoint.Note) {
	c.t.Helper()
	if rejection := c.handOver(note); rejection == nil || rejection.Reason != ledger.HandoverInvalid {
		c.t.Fatalf("handed over: %v", rejection)
	}
}

func TestPolicyIsProposedApprovedAndHandedOver(t *testing.T) {
	c := newCouncil(t, 3, 2)
	a, b, d := c.members[0], c.members[1], c.members[2]
	first := c.state.Policy().InForce
	node, keys := c.keys(a.node)
	proposal := c.do(a.id, c.propose(3, node), append(keys, a.key)...)
	if p := c.state.Policy(); len(p.Proposals) != 1 || p.Adopted != nil || p.HandoverDue(1<<62) {
		t.Fatalf("%+v", p)
	}
	if entry, err := ledger.DecodeEntry(c.entries[len(c.entries)-1]); err != nil || entry.Kind != ledger.KindGovernance || !slices.Equal(entry.Links, []uint64{0}) {
		t.Fatalf("%+v, %v", entry, err)
	}
	c.refuseHandover(c.note(len(c.entries), a, b))
	size := len(c.entries)
	c.do(b.id, c.approve(proposal), b.key)
	adopted := len(c.entries) - 1
	if p := c.state.Policy(); len(p.Proposals) != 0 || p.Adopted == nil || p.AdoptedAt != uint64(adopted) || p.InForce.ID() != first.ID() {
		t.Fatalf("%+v", p)
	}
	c.refuseHandover(c.note(size, a, b))
	c.refuseHandover(c.note(adopted+1, a))
	c.refuseHandover(c.note(adopted+1, a, a))
	c.now++
	c.member0Admits()
	if rejection := c.handOver(c.note(adopted+1, b, d)); rejection != nil {
		t.Fatal(rejection)
	}
	p := c.state.Policy()
	at := uint64(len(c.entries) - 1)
	if p.InForce.Quorum != 3 || p.Since != at || p.Adopted != nil || p.InForce.Nodes[0].Cosigner != keys[1].Public() || p.InForce.Nodes[1] != first.Nodes[1] {
		t.Fatalf("%+v", p)
	}
	if p.For(at).ID() != first.ID() || p.For(at+1).ID() != p.InForce.ID() {
		t.Error("a checkpoint is judged by the wrong policy")
	}
	a.log, a.cosigner = keys[0], keys[1]
	c.refuseHandover(c.note(len(c.entries), a, b, d))

	// The next one needs three, with the new keys.
	next := c.do(b.id, c.propose(2, nil), b.key)
	c.do(a.id, c.approve(next), a.key)
	if c.state.Policy().Adopted != nil {
		t.Fatal("adopted by two of three")
	}
	c.do(d.id, c.approve(next), d.key)
	c.refuseHandover(c.note(len(c.entries), a, b))
	if rejection := c.handOver(c.note(len(c.entries), a, b, d)); rejection != nil {
		t.Fatal(rejection)
	}
	if got := c.state.Policy().InForce.Quorum; got != 2 {
		t.Errorf("quorum %d", got)
	}
}

func (c *council) member0Admits() *actor {
	c.antwerp = c.members[0].actor
	return c.dealer()
}

func TestPolicyEventsRefused(t *testing.T) {
	c := newCouncil(t, 4, 3)
	a, b, d, e := c.members[0], c.members[1], c.members[2], c.members[3]
	dealer := c.member0Admits()

	c.refuse(ledger.NotAssociation, c.event(dealer.id, c.propose(4, nil)), dealer.key)
	c.refuse(ledger.NoNode, c.event(c.observer.id, c.propose(4, nil)), c.observer.key)
	stale := c.propose(4, nil)
	stale.Base[0] ^= 1
	c.refuse(ledger.PolicyStale, c.event(a.id, stale), a.key)
	for _, quorum := range []int{1, 2, 5, 64} {
		c.refuse(ledger.QuorumInvalid, c.event(a.id, c.propose(quorum, nil)), a.key)
	}
	c.refuse(ledger.PolicyUnchanged, c.event(a.id, c.propose(3, nil)), a.key)
	node, keys := c.keys("node-9")
	c.refuse(ledger.UnknownNode, c.event(a.id, c.propose(3, node)), append(keys, a.key)...)
	node.NodeId = b.node
	c.refuse(ledger.UnknownNode, c.event(a.id, c.propose(3, node)), append(keys, a.key)...)
	node.NodeId = a.node
	c.refuse(ledger.WrongSigners, c.event(a.id, c.propose(3, node)), a.key)
	c.refuse(ledger.WrongSigners, c.event(a.id, c.propose(3, node)), a.key, keys[0], keys[1], c.newKey())
	for _, used := range []sign.PrivateKey{a.log, b.log, b.cosigner, b.key, dealer.key} {
		other, otherKeys := c.keys(a.node)
		other.CosignerKey, otherKeys[1] = used.Public().Bytes(), used
		c.refuse(ledger.KeyInUse, c.event(a.id, c.propose(3, other)), append(otherKeys, a.key)...)
	}
	twice, twiceKeys := c.keys(a.node)
	twice.CosignerKey = twice.LogKey
	c.refuse(ledger.KeyInUse, c.event(a.id, c.propose(3, twice)), twiceKeys[0], twiceKeys[2], a.key)
	c.refuse(ledger.MissingScope, c.event(a.id, c.propose(4, nil)), a.log)
	c.refuse(ledger.ForeignKey, c.event(a.id, c.propose(4, nil)), b.key)

	c.refuse(ledger.UnknownProposal, c.event(b.id, c.approve(ledger.EventID{1})), b.key)
	proposal := c.do(a.id, c.propose(3, node), append(keys, a.key)...)
	c.refuse(ledger.NoNode, c.event(c.observer.id, c.approve(proposal)), c.observer.key)
	c.refuse(ledger.AlreadyApproved, c.event(a.id, c.approve(proposal)), a.key)
	c.do(b.id, c.approve(proposal), b.key)
	c.refuse(ledger.AlreadyApproved, c.event(b.id, c.approve(proposal)), b.key)

	// Another proposal of the same association replaces its own, not another's.
	other := c.do(d.id, c.propose(4, nil), d.key)
	again := c.do(a.id, c.propose(4, nil), a.key)
	c.refuse(ledger.UnknownProposal, c.event(d.id, c.approve(proposal)), d.key)
	c.do(b.id, c.approve(other), b.key)
	c.do(b.id, c.approve(again), b.key)
	if p := c.state.Policy(); len(p.Proposals) != 2 || p.Adopted != nil {
		t.Fatalf("%+v", p)
	}
	c.do(e.id, c.approve(again), e.key)
	c.refuse(ledger.PolicyPending, c.event(d.id, c.approve(again)), d.key)
	c.refuse(ledger.UnknownProposal, c.event(d.id, c.approve(other)), d.key)
	c.refuse(ledger.PolicyPending, c.event(d.id, c.propose(3, nil)), d.key)
}

// TestKeysOfAnAdoptedPolicyAreInUse: also where another use came first.
func TestKeysOfAnAdoptedPolicyAreInUse(t *testing.T) {
	c := newCouncil(t, 3, 2)
	a, b := c.members[0], c.members[1]
	dealer := c.member0Admits()
	node, keys := c.keys(a.node)
	proposal := c.do(a.id, c.propose(2, node), append(keys, a.key)...)
	add := func(key sign.PrivateKey) *custodyv1.KeyAdd {
		return &custodyv1.KeyAdd{Key: key.Public().Bytes(), Scopes: uint32(ledger.ScopeReceive)}
	}
	c.do(dealer.id, add(keys[2]), dealer.key, keys[2])
	c.refuse(ledger.KeyInUse, c.event(b.id, c.approve(proposal)), b.key)
	node, keys = c.keys(a.node)
	proposal = c.do(a.id, c.propose(2, node), append(keys, a.key)...)
	c.do(b.id, c.approve(proposal), b.key)
	for _, key := range append(keys, b.log, b.cosigner) {
		c.refuse(ledger.KeyInUse, c.event(dealer.id, add(key)), dealer.key, key)
	}
}

// TestPolicyAgainstTwin plays random proposals, approvals and handovers against a
// twin that counts by hand.
func TestPolicyAgainstTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(1, 5).Draw(rt, "nodes")
		quorum := rapid.IntRange(count/2+1, count).Draw(rt, "quorum")
		c := newCouncil(t, count, quorum)
		type open struct {
			id     ledger.EventID
			by     int
			quorum int
			votes  map[int]bool
		}
		var standing []*open
		var waits *open
		waitsAt := 0
		vote := func(o *open, who int) {
			if o.votes[who] = true; len(o.votes) >= quorum {
				waits, waitsAt, standing = o, len(c.entries)-1, nil
			}
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			who := rapid.IntRange(0, count-1).Draw(rt, "who")
			m := c.members[who]
			c.now += rapid.Uint64Range(0, 2).Draw(rt, "later")
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				wanted := rapid.IntRange(0, count+1).Draw(rt, "wanted")
				body := c.propose(max(wanted, 1), nil)
				wanted = max(wanted, 1)
				outcome := c.submit(c.candidate(c.event(m.id, body), m.key))
				holds := waits == nil && wanted > count/2 && wanted <= count && wanted != quorum
				if (outcome.Rejection == nil) != holds {
					rt.Fatalf("quorum %d of %d instead of %d: %v", wanted, count, quorum, outcome.Rejection)
				}
				if holds {
					standing = slices.DeleteFunc(standing, func(o *open) bool { return o.by == who })
					o := &open{outcome.Receipts[0].Event, who, wanted, map[int]bool{}}
					standing = append(standing, o)
					vote(o, who)
				}
			case 1:
				if len(standing) == 0 {
					continue
				}
				o := rapid.SampledFrom(standing).Draw(rt, "proposal")
				outcome := c.submit(c.candidate(c.event(m.id, c.approve(o.id)), m.key))
				if (outcome.Rejection == nil) == o.votes[who] {
					rt.Fatalf("approval by %d: %v", who, outcome.Rejection)
				}
				if outcome.Rejection == nil {
					vote(o, who)
				}
			default:
				size := rapid.IntRange(1, len(c.entries)).Draw(rt, "size")
				signers := rapid.SliceOfNDistinct(rapid.IntRange(0, count-1), 1, count, rapid.ID[int]).Draw(rt, "signers")
				var members []*member
				for _, i := range signers {
					members = append(members, c.members[i])
				}
				rejection := c.handOver(c.note(size, members...))
				holds := waits != nil && size > waitsAt && len(members) >= quorum
				if (rejection == nil) != holds {
					rt.Fatalf("size %d, adopted at %d, %d of %d: %v", size, waitsAt, len(members), quorum, rejection)
				}
				if holds {
					quorum, waits = waits.quorum, nil
				}
			}
			p := c.state.Policy()
			if int(p.InForce.Quorum) != quorum || (p.Adopted != nil) != (waits != nil) || len(p.Proposals) != len(standing) {
				rt.Fatalf("%+v", p)
			}
		}
	})
}
