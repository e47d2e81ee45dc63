package cosign

import (
	"context"
	"fmt"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/evidence"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// proposalsPages bounds what one node is asked for in one investigation.
	proposalsPages = 9
	// proposalsPage is the number of proposals in a full answer.
	proposalsPage = 1_000
	// proposalsTerms is how many terms of one leader are compared: those in which
	// it proposed, however far terms have gone since.
	proposalsTerms = 8
)

// differing is a head that a node signed and that this node's ledger
// contradicts.
type differing struct {
	node   string
	theirs *checkpoint.Note
}

// differs raises the alarm over a head that contradicts this node's ledger, and
// has the matter looked into. One of the two ledgers is wrong; this node goes on.
func (s *Cosigner) differs(node string, theirs *checkpoint.Note) {
	own := "unknown"
	if root, err := s.ledger.RootAt(theirs.Size); err == nil {
		own = root.String()
	}
	s.alarms.raise(AlarmHeadDiffers, node, fmt.Sprintf("node %s signed size %d with root %s; here it is %s. One of the two is wrong", node, theirs.Size, theirs.Root, own))
	select {
	case s.cases <- differing{node, theirs}:
	default: // one is being looked into; the next difference comes with the next head
	}
}

// investigate looks into one difference after the other.
func (s *Cosigner) investigate() {
	for {
		select {
		case c := <-s.cases:
			s.lookInto(c)
		case <-s.ctx.Done():
			return
		}
	}
}

// lookInto keeps the two heads, and asks the other nodes for what convicts: the
// suspect's signature under another head of that size, or two proposals for one
// counter.
func (s *Cosigner) lookInto(c differing) {
	trust, err := s.trust()
	if err != nil {
		s.logger.Error("no investigation", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, investigationTimeout)
	defer cancel()
	policy, err := s.ledger.Policy()
	if err != nil {
		return
	}
	heads := append(s.notes.ofSize(c.theirs.Size), c.theirs)
	for _, n := range s.others(policy) {
		response, err := s.peers.Heads(ctx, n.ID)
		if err != nil {
			continue
		}
		for _, raw := range [][]byte{response.Own, response.Final} {
			if note, err := checkpoint.ParseNote(raw); err == nil && note.Size == c.theirs.Size {
				heads = append(heads, note)
			}
		}
	}
	for i, a := range heads {
		for _, b := range heads[:i] {
			if a.Root == b.Root {
				continue
			}
			if e, err := evidence.Heads(trust, a, b); err == nil {
				s.keep(trust, e)
			}
		}
	}
	for _, leader := range policy.Nodes {
		s.compareProposals(ctx, trust, policy, leader.ID)
	}
}

// trust is what evidence is made and judged with here.
func (s *Cosigner) trust() (*evidence.Trust, error) {
	policy, err := s.ledger.Policy()
	if err != nil {
		return nil, err
	}
	return evidence.FromGenesis(s.config.GenesisFile, policy)
}

// keep stores an evidence file, once for a fact, and says whom it convicts.
func (s *Cosigner) keep(trust *evidence.Trust, e *evidence.Evidence) {
	verdict, err := e.Verify(trust)
	if err != nil {
		return
	}
	b, err := e.Encode()
	if err != nil {
		return
	}
	fresh, err := s.config.Keep(e.Name(), b)
	if err != nil {
		s.alarms.raise(AlarmEvidence, string(e.Kind()), fmt.Sprintf("evidence of kind %s could not be kept: %v", e.Kind(), err))
	}
	if fresh {
		s.metrics.evidenceKept.Inc()
		s.logger.Error("evidence kept", "file", e.Name(), "proves", strings.Join(verdict.Proves, " "))
	}
	for _, accused := range verdict.Convicted {
		s.alarms.raise(AlarmConvicted, accused.Name, fmt.Sprintf("%s is convicted by evidence/%s", accused.Name, e.Name()))
	}
}

// Contradicted keeps what it can about a note of a quorum that contradicts this
// node's ledger: the process is about to end for it. It tells whether there is a
// file that stands on its own.
func (s *Cosigner) Contradicted(own checkpoint.Checkpoint, raw []byte) bool {
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return false
	}
	trust, err := s.trust()
	if err != nil {
		return false
	}
	_, _ = s.sign(own.Size, own.Root) // refused if a larger head was signed meanwhile
	kept := false
	for _, mine := range s.notes.ofSize(note.Size) {
		if mine.Root == note.Root {
			continue
		}
		if e, err := evidence.Heads(trust, mine, note); err == nil {
			s.keep(trust, e)
			kept = true
		}
	}
	return kept
}

// wentBack looks for a node that signed a smaller head after a larger one.
func (s *Cosigner) wentBack(node string, now *checkpoint.Note) {
	before := s.notes.of(node)
	if before == nil || now.Size >= before.Size {
		return
	}
	trust, err := s.trust()
	if err != nil {
		return
	}
	if e, err := evidence.WentBack(trust, before, now); err == nil {
		s.keep(trust, e)
	}
}

// compareProposals looks for two proposals of one leader that cannot both stand,
// among what reached this node and the others.
func (s *Cosigner) compareProposals(ctx context.Context, trust *evidence.Trust, policy ledger.Policy, leader string) {
	for _, term := range s.ledger.ProposalTerms(leader, proposalsTerms) {
		seen := proposalSet{byCounter: map[uint64][]evidence.Signed{}}
		own := func(from uint64) ([]*custodyv1.SignedProposal, error) {
			return s.ledger.Proposals(leader, term, from), nil
		}
		seen.addAll(leader, term, own)
		for _, n := range s.others(policy) {
			seen.addAll(leader, term, func(from uint64) ([]*custodyv1.SignedProposal, error) {
				return s.peers.Proposals(ctx, n.ID, leader, term, from)
			})
		}
		for _, pair := range seen.contradictions() {
			if e, err := evidence.TwoProposals(trust, 0, pair[0], pair[1]); err == nil {
				s.keep(trust, e)
				return
			}
		}
	}
}

// proposalSet are proposals of one leader and term; nothing about them is
// verified.
type proposalSet struct {
	byCounter map[uint64][]evidence.Signed
}

func (p *proposalSet) addAll(leader string, term uint64, ask func(from uint64) ([]*custodyv1.SignedProposal, error)) {
	from := uint64(0)
	for range proposalsPages {
		answer, err := ask(from)
		if err != nil {
			return
		}
		last := from
		for _, signed := range answer {
			proposal, err := ledger.ParseProposal(signed.Payload)
			if err != nil || proposal.Node != leader || proposal.Term != term || proposal.Counter < from {
				continue
			}
			last = max(last, proposal.Counter)
			p.add(proposal.Counter, evidence.Signed{Payload: signed.Payload, Signature: signed.Signature})
		}
		if len(answer) < proposalsPage || last == from {
			return
		}
		from = last
	}
}

// sameCounterMax bounds what is kept for one counter: two that hold convict, and
// one that does not hold must not crowd them out.
const sameCounterMax = 8

func (p *proposalSet) add(counter uint64, signed evidence.Signed) {
	for _, known := range p.byCounter[counter] {
		if string(known.Payload) == string(signed.Payload) && string(known.Signature) == string(signed.Signature) {
			return
		}
	}
	if len(p.byCounter[counter]) < sameCounterMax {
		p.byCounter[counter] = append(p.byCounter[counter], signed)
	}
}

// contradictions are pairs of which at most one can stand, if both are signed.
func (p *proposalSet) contradictions() (pairs [][2]evidence.Signed) {
	for counter, same := range p.byCounter {
		for i, a := range same {
			for _, b := range same[:i] {
				if string(a.Payload) != string(b.Payload) {
					pairs = append(pairs, [2]evidence.Signed{a, b})
				}
			}
			for _, next := range p.byCounter[counter+1] {
				first, _ := ledger.ParseProposal(a.Payload)
				second, _ := ledger.ParseProposal(next.Payload)
				if second.Previous != first.ID() {
					pairs = append(pairs, [2]evidence.Signed{a, next})
				}
			}
		}
	}
	return pairs
}
