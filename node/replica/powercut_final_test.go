package replica

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// promised is what nodes have signed, and what was made final: none of it may
// be lost, whatever power goes.
type promised struct {
	signed map[string]store.SignedHead // last one of each node
	final  checkpoint.Checkpoint       // largest that ProposeFinal acknowledged
	count  int                         // acknowledged finals
	since  map[uint64]bool             // handovers that were seen
}

func newPromised() promised {
	return promised{signed: make(map[string]store.SignedHead), since: make(map[uint64]bool)}
}

// cosigner makes heads final while there is load, as node/cosign does: every
// node stores what it signs before it signs it.
type cosigner struct {
	cluster *cluster
	random  *mathrand.Rand
	worker  *worker
	guilds  []guild // the founding associations
}

type guild struct {
	party ledger.PartyID
	key   sign.PrivateKey
}

func (c *cluster) newCosigner(seed uint64, w *worker) *cosigner {
	return &cosigner{cluster: c, random: mathrand.New(mathrand.NewPCG(seed, 4)), worker: w, guilds: c.guilds}
}

func (s *cosigner) run(stop <-chan struct{}) {
	for round := 0; !s.cluster.t.Failed(); round++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(s.random.IntN(4)) * time.Millisecond):
		}
		s.round()
		if round%6 == 3 {
			s.govern()
		}
	}
}

// round asks every node that has power to sign the leader's head.
func (s *cosigner) round() {
	c := s.cluster
	var leading *process
	up := c.running()
	for _, p := range up {
		if _, ok := p.replica.Leading(); ok {
			leading = p
		}
	}
	if leading == nil {
		return
	}
	head := checkpoint.Checkpoint{Origin: c.policy.Origin}
	head.Size, head.Root = leading.replica.Head()
	note := &checkpoint.Note{Checkpoint: head}
	policy := leading.store.Governance().For(head.Size)
	for _, p := range up {
		if p == leading || s.random.IntN(20) > 0 {
			note.Signatures = append(note.Signatures, s.sign(p, policy, head)...)
		}
	}
	if len(note.Signatures) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := leading.replica.ProposeFinal(ctx, note.Encode())
	if err != nil && !outcomeNone(err) && !errors.Is(err, consensus.ErrOutcomeUnknown) && !errors.Is(err, ErrNoteRefused) {
		c.t.Errorf("propose a final note: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && leading.server.HasPower() && head.Size > c.promised.final.Size {
		c.promised.final = head
		c.promised.count++
	}
}

func (s *cosigner) sign(p *process, policy ledger.Policy, head checkpoint.Checkpoint) []checkpoint.Signature {
	c := s.cluster
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if p.replica.Live() != nil || p.replica.WaitSize(ctx, head.Size) != nil {
		return nil
	}
	root, err := p.replica.RootAt(head.Size)
	if err != nil || root != head.Root {
		if err == nil {
			c.t.Errorf("%s has root %v for size %d, the leader %v", p.member.id, root, head.Size, head.Root)
		}
		return nil
	}
	at, err := p.replica.SignHead(head.Size, head.Root, uint64(time.Now().Unix()))
	if err != nil || !p.server.HasPower() {
		return nil
	}
	node, keys := p.member.id.Node, c.keys[p.member.id.Node]
	c.mu.Lock()
	if last := c.promised.signed[node]; last.Size == head.Size && last.Root != head.Root || last.Size > head.Size || last.At > at {
		c.t.Errorf("%s signed size %d with %v after size %d with %v", p.member.id, head.Size, head.Root, last.Size, last.Root)
	}
	c.promised.signed[node] = store.SignedHead{Size: head.Size, Root: head.Root, At: at}
	c.mu.Unlock()
	own, _ := policy.Node(node)
	return []checkpoint.Signature{
		policy.LogKey(own).Sign(keys.log, head, 0),
		policy.CosignerKey(own).Sign(keys.cosigner, head, at),
	}
}

// govern has the quorum changed: the next final checkpoint that covers it hands
// over. What comes of it hangs on what other rounds did.
func (s *cosigner) govern() {
	up := s.cluster.running()
	if len(up) == 0 {
		return
	}
	state := up[s.random.IntN(len(up))].store.Governance()
	if state.Adopted != nil {
		return
	}
	base := state.InForce.ID()
	propose := s.event(s.guilds[0], func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_PolicyPropose{PolicyPropose: &custodyv1.PolicyPropose{Base: base[:], Quorum: 5 - state.InForce.Quorum}}
	})
	if outcome, _ := s.worker.submit(propose); outcome.Rejection != nil || outcome.Receipts == nil {
		return
	}
	for _, g := range s.guilds[1:] {
		s.worker.submit(s.event(g, func(e *custodyv1.Event) {
			e.Body = &custodyv1.Event_PolicyApprove{PolicyApprove: &custodyv1.PolicyApprove{Proposal: propose[0].ID[:]}}
		}))
	}
}

func (s *cosigner) event(g guild, body func(*custodyv1.Event)) ledger.Submission {
	now := uint64(time.Now().UnixMilli())
	event := &custodyv1.Event{
		LedgerId: s.cluster.id[:], Party: g.party[:], Nonce: make([]byte, 16),
		OccurredAtMs: now, NotAfterMs: now + uint64(ledger.NotAfterDefault/time.Millisecond),
	}
	rand.Read(event.Nonce)
	body(event)
	signed, err := ledger.Sign(event, g.key)
	if err != nil {
		panic(err)
	}
	return ledger.Submission{s.worker.candidate(signed)}
}

// checkPromised holds what a store has after a power cut against what its node
// has signed.
func (c *cluster) checkPromised(p *process) {
	c.t.Helper()
	c.mu.Lock()
	want := c.promised.signed[p.member.id.Node]
	c.mu.Unlock()
	size, _ := p.store.Head()
	head, ok := p.store.SignedHead()
	switch {
	case head.Size < want.Size || want.Size > 0 && !ok:
		c.t.Errorf("%s signed size %d and remembers %d", p.member.id, want.Size, head.Size)
	case head.Size == want.Size && head.Root != want.Root || head.At < want.At:
		c.t.Errorf("%s signed %+v and remembers %+v", p.member.id, want, head)
	case head.Size > size:
		c.t.Errorf("%s signed size %d, %d entries are left", p.member.id, head.Size, size)
	}
}

// checkFinal demands of settled nodes one final checkpoint, the last that was
// acknowledged or a later one, which holds under the policy that the log gives.
func (c *cluster) checkFinal() {
	c.t.Helper()
	c.mu.Lock()
	want := c.promised.final
	c.mu.Unlock()
	c.until("the last final checkpoint on three nodes", func() bool {
		sizes := make(map[uint64]bool)
		for _, p := range c.running() {
			final, _ := p.replica.Final()
			sizes[final.Size] = true
		}
		return len(sizes) == 1
	})
	for _, p := range c.running() {
		final, ok := p.replica.Final()
		if final.Size < want.Size || final.Size == want.Size && final.Checkpoint != want || !ok && want.Size > 0 {
			c.t.Errorf("%s has %v as its last final checkpoint, %v was final", p.member.id, final.Checkpoint, want)
		}
		if !ok {
			continue
		}
		state := p.store.Governance()
		note, err := checkpoint.ParseNote(final.Note)
		if err == nil {
			_, err = state.For(final.Size).Checkpoint().Verify(note)
		}
		if root, rootErr := p.replica.RootAt(final.Size); err != nil || rootErr != nil || root != final.Root {
			c.t.Errorf("%s: %v, %v: %v has root %v here", p.member.id, err, rootErr, final.Checkpoint, root)
		}
		c.mu.Lock()
		if state.Since > 0 {
			c.promised.since[state.Since] = true
		}
		c.mu.Unlock()
	}
}
