package replica

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// ProposalsMax is how many signed proposals of each leader are kept in memory.
const ProposalsMax = 8_192

// SignedProposal is the signed head of a raft entry, without its content.
type SignedProposal struct {
	Payload   []byte         // of a ledger.Proposal
	Signature sign.Signature // by its node's statement key
}

func (s SignedProposal) clone() SignedProposal {
	return SignedProposal{Payload: bytes.Clone(s.Payload), Signature: bytes.Clone(s.Signature)}
}

func (s SignedProposal) id() [32]byte {
	h := sha256.New()
	h.Write(s.Signature) // of fixed length
	h.Write(s.Payload)
	return [32]byte(h.Sum(nil))
}

// proposals keeps the signed proposals that reached this node, so that nodes
// can compare what one leader sent to each. Two with one counter are both kept.
// A leader can push out what it signed itself, and nothing of others.
type proposals struct {
	mu      sync.Mutex
	leaders map[string]*proposalRing
}

// proposalRing has the last ProposalsMax proposals of one leader.
type proposalRing struct {
	kept []keptProposal
	next int // where the next one goes, once kept is full
	ids  map[[32]byte]struct{}
}

type keptProposal struct {
	SignedProposal
	id            [32]byte
	term, counter uint64
}

func newProposals() *proposals { return &proposals{leaders: make(map[string]*proposalRing)} }

// has says whether exactly this proposal is kept: its signature holds.
func (p *proposals) has(node string, s SignedProposal) bool {
	id := s.id()
	p.mu.Lock()
	defer p.mu.Unlock()
	ring := p.leaders[node]
	if ring == nil {
		return false
	}
	_, ok := ring.ids[id]
	return ok
}

// keep takes over the memory of s, whose signature was verified.
func (p *proposals) keep(s SignedProposal, proposal ledger.Proposal) {
	k := keptProposal{SignedProposal: s, id: s.id(), term: proposal.Term, counter: proposal.Counter}
	p.mu.Lock()
	defer p.mu.Unlock()
	ring := p.leaders[proposal.Node]
	if ring == nil {
		ring = &proposalRing{ids: make(map[[32]byte]struct{})}
		p.leaders[proposal.Node] = ring
	}
	ring.add(k)
}

func (r *proposalRing) add(k keptProposal) {
	if _, ok := r.ids[k.id]; ok {
		return
	}
	r.ids[k.id] = struct{}{}
	if len(r.kept) < ProposalsMax {
		r.kept = append(r.kept, k)
		return
	}
	delete(r.ids, r.kept[r.next].id)
	r.kept[r.next] = k
	r.next = (r.next + 1) % ProposalsMax
}

// list gives a leader's proposals of a term from a counter on, ascending by
// counter.
func (p *proposals) list(node string, term, from uint64, limit int) []SignedProposal {
	p.mu.Lock()
	defer p.mu.Unlock()
	ring := p.leaders[node]
	if ring == nil {
		return nil
	}
	var found []keptProposal
	for _, k := range ring.kept {
		if k.term == term && k.counter >= from {
			found = append(found, k)
		}
	}
	slices.SortFunc(found, func(a, b keptProposal) int {
		return cmp.Or(cmp.Compare(a.counter, b.counter), bytes.Compare(a.id[:], b.id[:]))
	})
	var list []SignedProposal
	for _, k := range found[:min(max(limit, 0), len(found))] {
		list = append(list, k.SignedProposal)
	}
	return list
}

// terms gives the last terms of a leader of which proposals are kept, newest
// first, at most limit of them.
func (p *proposals) terms(node string, limit int) []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	ring := p.leaders[node]
	if ring == nil {
		return nil
	}
	seen := make(map[uint64]struct{})
	for _, k := range ring.kept {
		seen[k.term] = struct{}{}
	}
	terms := slices.SortedFunc(maps.Keys(seen), func(a, b uint64) int { return cmp.Compare(b, a) })
	return terms[:min(limit, len(terms))]
}

// ProposalTerms gives the last terms in which a leader's proposals reached this
// node, newest first, at most limit of them.
func (r *Replica) ProposalTerms(node string, limit int) []uint64 {
	return r.proposals.terms(node, limit)
}

// Proposals gives the signed proposals of a leader and term that reached this
// node, its own among them, from a counter on, ascending by it and at most limit
// of them. Where a leader signed two with one counter and both came here, both
// are in the list. The result must not be changed.
func (r *Replica) Proposals(node string, term, from uint64, limit int) []SignedProposal {
	return r.proposals.list(node, term, from, limit)
}
