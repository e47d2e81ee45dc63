package adversary

import (
	"slices"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
)

// forgedHistory has a member sign a history that differs from the one it signed before, at a size where its true head
// is signed too or beyond it, and asks everybody who could notice.
func forgedHistory(t *testing.T, lie func(at uint64, entries []*ledger.Entry) []*ledger.Entry) {
	t.Helper()
	n, trader := trading(t, 0)
	receipt := trader.sale()
	liarToBe, _ := n.leader()
	kept := n.signedBy(trader, liarToBe)
	remembered := n.remember(liarToBe)
	n.settle()
	n.quiet(n.members)
	l := n.corrupt(liarToBe)
	honest := n.others(l.member)
	n.goesOn(trader)
	n.quiet(honest)
	truth := asIs(n.entries(honest[0]))
	forged := n.forge(truth.entries, func(entries []*ledger.Entry) []*ledger.Entry { return lie(receipt.Index, entries) })
	head := l.sign(n, n.headOf(forged, forged.size()))

	// A peer, when it is asked for a cosignature: within the checkpoint that holds the lie.
	r := l.seize(honest...)
	for _, m := range honest {
		response := r.askCosign(m, head)
		if len(response.Lines) > 0 || response.Refusal == "" {
			t.Fatalf("%s answers %+v", m.id, response)
		}
	}
	r.abdicate()
	n.runs(honest...)

	// An auditor who was here before; with another node's help, what it remembers convicts. One who was not asks two.
	l.open(forged, nil, head)
	for _, f := range n.audits(remembered, l.member).Findings() {
		if f.Kind != audit.NotConsistent || f.NoEvidence == "" {
			t.Errorf("the audit finds %v, and says %q", f, f.NoEvidence)
		}
	}
	for _, e := range n.finds(n.audits(remembered, honest[0], l.member), l.member) {
		n.convict(e, nil, l.member)
	}
	for _, e := range n.finds(n.audits(nil, honest[0], l.member), l.member) {
		n.answer(e, nil, n.members...) // nobody signed both of these two heads
	}

	// The holder of a receipt.
	n.clientRefuses(l.member, receipt)

	n.convictForked(truth, kept, forged, head, receipt.Index, l.member)
}

// An old entry is rewritten and the tree built anew over it.
func TestNodeRewritesEntry(t *testing.T) {
	t.Parallel()
	forgedHistory(t, func(at uint64, entries []*ledger.Entry) []*ledger.Entry {
		entries[at].RecordedAt++
		for _, e := range entries[at:] {
			e.RecordedAt = max(e.RecordedAt, entries[at].RecordedAt)
		}
		return entries
	})
}

// An entry is left out.
func TestNodeDropsEntry(t *testing.T) {
	t.Parallel()
	forgedHistory(t, func(at uint64, entries []*ledger.Entry) []*ledger.Entry {
		return slices.Delete(entries, int(at), int(at)+1)
	})
}

// Two entries change places.
func TestNodeReordersEntries(t *testing.T) {
	t.Parallel()
	forgedHistory(t, func(at uint64, entries []*ledger.Entry) []*ledger.Entry {
		entries[at], entries[at-1] = entries[at-1], entries[at]
		return entries
	})
}

// Two roots for one size convict whoever signed both, without the entries.
func TestNodeSignsTwoRoots(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	m, _ := n.leader()
	kept := n.signedBy(trader, m)
	l := n.corrupt(m)
	lie := l.sign(n, n.head(kept.Size, [32]byte{1}))
	n.convictTwoHeads(kept, lie, m)
	for _, line := range []int{0, 1} { // one of the two keys is enough
		one := &checkpoint.Note{Checkpoint: lie.Checkpoint, Signatures: lie.Signatures[line : line+1]}
		n.convictTwoHeads(kept, one, m)
	}
}

// A node that takes a forged signature for a good one: as leader it has nothing recorded, because the others verify
// again; and a head that it signs over such an entry convicts it.
func TestNodeAcceptsForgedSignature(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	event := n.registration(trader.a)
	event.Signatures = [][]byte{slices.Clone(event.Signatures[0])}
	event.Signatures[0][40] ^= 1
	r, honest := n.usurp()
	size := n.status(honest[0]).Size
	good := n.registration(trader.a)
	command := r.say(1, n.clock.now(), kindSubmissions, events(event, good)).command
	for _, m := range honest {
		n.must(r.give(m, true, command))
	}
	for _, m := range honest {
		n.has(m, size+1) // the good one
	}
	r.gave(1)
	r.abdicate()
	n.runs(honest...)
	n.goesOn(trader)

	forged := n.forge(n.entries(honest[0]), func(entries []*ledger.Entry) []*ledger.Entry {
		return append(entries, recorded(entries, event))
	})
	n.convictBadEntry(r.liar, forged, evidence.FaultSignature, forged.size()-1)
	r.open(forged, nil, nil)
	r.auditFinds("BAD_SIGNATURE")
}

// A node that serves an old final checkpoint tells no lie by it: an old checkpoint is true, so that there is no evidence.
// Who knows a later one refuses it, and who asks two nodes sees that one is behind. A node that cosigns a smaller head
// after a larger one goes back on its word, which its own lines show.
func TestNodeServesOldHead(t *testing.T) {
	t.Parallel()
	n, trader := trading(t, 0)
	m, _ := n.leader()
	old := n.signedBy(trader, m)
	entries := n.entries(m)[:old.Size]
	later := n.signedBy(trader, m)
	remembered := n.remember(m)
	n.quiet(n.members)
	l := n.corrupt(m)
	l.open(asIs(entries), old, old)
	if report := n.audits(remembered, m); report.OK() {
		t.Error("an auditor who has seen more finds nothing")
	}
	if report := n.audits(nil, n.others(m)[0], m); !report.OK() {
		t.Errorf("an old ledger is a fault: %s", findings(report))
	}

	if _, err := evidence.WentBack(n.trust(), later, old); err == nil {
		t.Error("a checkpoint from before convicts")
	}
	n.clock.advance(2 * time.Second)
	back := l.sign(n, old.Checkpoint)
	e, err := evidence.WentBack(n.trust(), later, back)
	n.convict(e, err, m)
}
