package replica

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// watch is two proposers, a and b, and the gate of a third node.
type watch struct {
	*proposalGate
	a, b   *proposer
	policy ledger.Policy
	now    time.Time
	term   uint64
}

func newWatch(tb testing.TB) *watch {
	tb.Helper()
	w := &watch{now: time.UnixMilli(1_800_000_000_000), term: 3}
	keys := map[string]sign.PrivateKey{}
	for i, node := range []string{"a", "b", "c"} {
		key, err := sign.NewPrivateKey(bytes.Repeat([]byte{byte(i + 1)}, sign.SeedSize))
		if err != nil {
			tb.Fatal(err)
		}
		keys[node] = key
		w.policy.Nodes = append(w.policy.Nodes, ledger.PolicyNode{ID: node, Log: key.Public(), Cosigner: key.Public(), Statement: key.Public()})
	}
	inForce := func() ledger.Policy { return w.policy }
	governance := func() rules.PolicyState { return rules.PolicyState{InForce: w.policy} }
	proposerOf := func(node string) *proposer {
		return &proposer{
			cluster: [32]byte{7}, node: node, held: []sign.PrivateKey{keys[node]}, policy: inForce, keep: newProposals().keep,
			term: func() uint64 { return w.term },
		}
	}
	w.a, w.b = proposerOf("a"), proposerOf("b")
	w.proposalGate = &proposalGate{
		cluster: [32]byte{7}, keys: newStatementKeys(w.policy, governance), seen: newProposals(),
		verifier: sign.NewVerifier(16), clock: func() time.Time { return w.now },
	}
	return w
}

func (w *watch) command(tb testing.TB, p *proposer, at time.Time, body string) []byte {
	tb.Helper()
	b, err := p.seal(at, kindFinal, append(p.body(0), body...))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// forge changes a command's proposal and has it signed by a key.
func forge(tb testing.TB, b []byte, key *proposer, change func(*ledger.Proposal)) []byte {
	tb.Helper()
	o, err := openCommand(b)
	if err != nil {
		tb.Fatal(err)
	}
	change(&o.proposal)
	signed := SignedProposal{Payload: o.proposal.Payload()}
	signed.Signature = key.held[0].Sign(sign.PAE(sign.ProposalPayloadType, signed.Payload))
	return encodeCommand(signed, o.kind, o.body)
}

func TestGateRefusesWhatItsLeaderDidNotSign(t *testing.T) {
	w := newWatch(t)
	good := w.command(t, w.a, w.now, "note")
	same := func(*ledger.Proposal) {}
	flipped := func(at int) []byte {
		b := bytes.Clone(good)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	for _, c := range []struct {
		name    string
		command []byte
		term    uint64
		want    error
		says    string
	}{
		{"as it was signed", good, 3, nil, ""},
		{"once more, as raft sends entries again", good, 3, nil, ""},
		{"in a later term: its leader lost its office and got it back", good, 9, nil, ""},
		{"in an earlier term than it was signed for", good, 2, errProposal, "made in term 3"},
		{"not signed", encodeCommand(SignedProposal{Payload: mustOpen(t, good).signed.Payload, Signature: make([]byte, 64)}, kindFinal, []byte("note")), 3, errProposal, "signature"},
		{"a flipped signature", flipped(-len("note") - 1), 3, errProposal, "signature"},
		{"another content", flipped(-1), 3, errProposal, "content"},
		{"the same content as another kind", flippedKind(good), 3, errProposal, "content"},
		{"signed by another node", forge(t, good, w.b, same), 3, errProposal, "signature"},
		{"by a node that nobody knows", forge(t, good, w.b, func(p *ledger.Proposal) { p.Node = "z" }), 3, errProposal, "no node"},
		{"for another cluster", forge(t, good, w.a, func(p *ledger.Proposal) { p.Cluster[0]++ }), 3, errProposal, "cluster"},
		{"without a counter", forge(t, good, w.a, func(p *ledger.Proposal) { p.Counter = 0 }), 3, errProposal, "counter"},
		{"cut short", good[:40], 3, errCommand, ""},
		{"nothing", nil, 3, errCommand, ""},
		{"of a later version", append([]byte{commandVersion + 1}, good[1:]...), 3, errCommandVersion, ""},
	} {
		if err := w.check(c.term, c.command); !errors.Is(err, c.want) || c.says != "" && !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, expected %v, %q", c.name, err, c.want, c.says)
		}
	}
	if kept := w.seen.list("a", 3, 0, 10); len(kept) != 1 {
		t.Errorf("%d proposals are kept, expected the one that holds", len(kept))
	}
}

func mustOpen(tb testing.TB, b []byte) opened {
	tb.Helper()
	o, err := openCommand(b)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func flippedKind(b []byte) []byte {
	b = bytes.Clone(b)
	b[1] = byte(kindSubmissions)
	return b
}

func TestTimesFarAheadAreNotStored(t *testing.T) {
	w := newWatch(t)
	for _, c := range []struct {
		at   time.Time
		fits bool
	}{
		{w.now, true},
		{w.now.Add(-time.Hour), true}, // a slow clock only makes events expire later
		{w.now.Add(CommandAheadMax), true},
		{w.now.Add(CommandAheadMax + time.Millisecond), false},
		{time.UnixMilli(1 << 60), false},
	} {
		if err := w.check(3, w.command(t, w.a, c.at, "note")); (err == nil) != c.fits {
			t.Errorf("%v: %v", c.at, err)
		}
	}
}

// What a leader signs names what it signed before, and no counter comes twice.
func TestProposalsOfALeaderMakeAChain(t *testing.T) {
	w := newWatch(t)
	var previous [32]byte
	for i := range 5 {
		p := mustOpen(t, w.command(t, w.a, w.now, "note")).proposal
		if p.Term != 3 || p.Counter != uint64(i+1) || p.Previous != previous || p.Node != "a" || p.Cluster != [32]byte{7} {
			t.Fatalf("proposal %d is %+v", i, p)
		}
		previous = p.ID()
	}
	w.term = 8
	if p := mustOpen(t, w.command(t, w.a, w.now, "note")).proposal; p.Term != 8 || p.Counter != 1 || p.Previous != [32]byte{} {
		t.Errorf("the first proposal of a term is %+v", p)
	}
}

// Two proposals of one leader with one counter are what convicts it.
func TestTwoProposalsForOneCounterAreBothKept(t *testing.T) {
	w := newWatch(t)
	first := w.command(t, w.a, w.now, "note")
	second := forge(t, first, w.a, func(p *ledger.Proposal) { p.At++ })
	for _, b := range [][]byte{first, second, first, w.command(t, w.a, w.now, "next")} {
		if err := w.check(3, b); err != nil {
			t.Fatal(err)
		}
	}
	kept := w.seen.list("a", 3, 1, 10)
	if len(kept) != 3 {
		t.Fatalf("%d are kept", len(kept))
	}
	var counters []uint64
	for _, s := range kept {
		p, err := ledger.ParseProposal(s.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := sign.Verify(w.a.held[0].Public(), sign.PAE(sign.ProposalPayloadType, s.Payload), s.Signature); err != nil {
			t.Error(err)
		}
		counters = append(counters, p.Counter)
	}
	if counters[0] != 1 || counters[1] != 1 || counters[2] != 2 || bytes.Equal(kept[0].Payload, kept[1].Payload) {
		t.Errorf("counters %v", counters)
	}
	if got := w.seen.list("a", 3, 2, 10); len(got) != 1 {
		t.Errorf("%d from counter 2 on", len(got))
	}
	if got := w.seen.list("a", 3, 1, 2); len(got) != 2 {
		t.Errorf("%d of at most 2", len(got))
	}
	if len(w.seen.list("a", 4, 1, 10))+len(w.seen.list("b", 3, 1, 10)) != 0 {
		t.Error("proposals of another term or leader")
	}
}

func TestProposalsAreBounded(t *testing.T) {
	p := newProposals()
	keep := func(node string, counter uint64) {
		proposal := ledger.Proposal{Node: node, Term: 1, Counter: counter}
		p.keep(SignedProposal{Payload: proposal.Payload(), Signature: make([]byte, 64)}, proposal)
	}
	keep("b", 1)
	for i := range uint64(ProposalsMax) + 10 {
		keep("a", i+1)
		keep("a", i+1) // again
	}
	list := p.list("a", 1, 0, 2*ProposalsMax)
	if first := mustParse(t, list[0]); len(list) != ProposalsMax || first.Counter != 11 || len(p.leaders["a"].ids) != ProposalsMax {
		t.Errorf("%d are kept, from counter %d on", len(list), first.Counter)
	}
	if len(p.list("b", 1, 0, 1)) != 1 {
		t.Error("one leader pushed out what another one signed")
	}
	for term := range uint64(5) {
		p.keep(SignedProposal{Payload: []byte{byte(term)}, Signature: make([]byte, 64)}, ledger.Proposal{Node: "b", Term: 1000 * term, Counter: 1})
	}
	if got := p.terms("b", 3); !slices.Equal(got, []uint64{4000, 3000, 2000}) {
		t.Errorf("the last three terms are %d", got)
	}
	if got := p.terms("c", 3); len(got) != 0 {
		t.Errorf("a node that never led did in terms %d", got)
	}
}

func mustParse(tb testing.TB, s SignedProposal) ledger.Proposal {
	tb.Helper()
	p, err := ledger.ParseProposal(s.Payload)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// After a change of keys entries of before still come, from a leader that has
// not applied it yet or to a node that is brought up to date.
func TestKeysBeforeAHandoverStillHold(t *testing.T) {
	w := newWatch(t)
	next, err := sign.NewPrivateKey(bytes.Repeat([]byte{99}, sign.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	before := w.policy.Nodes[0]
	changed := w.policy
	changed.Nodes = append([]ledger.PolicyNode(nil), w.policy.Nodes...)
	changed.Nodes[0].Statement = next.Public()
	renewed := &proposer{cluster: w.a.cluster, node: "a", held: []sign.PrivateKey{next}, policy: w.a.policy, keep: w.a.keep, term: w.a.term}

	both := &proposer{cluster: w.a.cluster, node: "a", held: []sign.PrivateKey{w.a.held[0], next}, policy: w.a.policy, keep: newProposals().keep, term: w.a.term}
	old := w.command(t, both, w.now, "before")
	if _, err := renewed.seal(w.now, kindFinal, renewed.body(0)); !errors.As(err, new(*consensus.NotLeaderError)) || renewed.mayPropose() == nil {
		t.Errorf("a key that is not in force yet proposes: %v", err)
	}
	w.policy = changed
	if _, err := w.a.seal(w.now, kindFinal, w.a.body(0)); !errors.As(err, new(*consensus.NotLeaderError)) || w.a.mayPropose() == nil {
		t.Errorf("a key that is in force no more proposes: %v", err)
	}
	// One that holds both goes on where it was, with the other key.
	after := w.command(t, both, w.now, "after")
	if both.mayPropose() != nil || both.counter != 2 {
		t.Errorf("a node with both keys: %v, counter %d", both.mayPropose(), both.counter)
	}
	if c, err := openCommand(after); err != nil || w.verifier.Verify(next.Public(), sign.PAE(sign.ProposalPayloadType, c.signed.Payload), c.signed.Signature) != nil {
		t.Errorf("not signed with the key in force: %v", err)
	}
	for name, b := range map[string][]byte{"old": old, "new": after} {
		if err := w.check(3, b); err != nil {
			t.Errorf("by the %s key: %v", name, err)
		}
	}
	if keys := w.keys.of("a"); len(keys) != 2 || keys[1] != before.Statement {
		t.Errorf("%d keys are known", len(keys))
	}
}

// BenchmarkProposal is what signed proposals cost per raft entry: building and
// signing at the leader, hashing and verifying at each other node.
func BenchmarkProposal(b *testing.B) {
	for _, size := range []int{512, consensus.BatchBytesTarget} {
		w := newWatch(b)
		body := make([]byte, size)
		b.Run(fmt.Sprint("build/", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := w.a.seal(w.now, kindSubmissions, append(w.a.body(size), body...)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("verify/", size), func(b *testing.B) {
			command := w.command(b, w.a, w.now, string(body))
			for b.Loop() {
				w.seen = newProposals()
				if err := w.check(3, command); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
