package cosign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// errNoQuorum: too few nodes cosigned in a round.
var errNoQuorum = errors.New("cosign: no quorum")

// lead begins rounds while this node leads: at once when there is something new
// and the last round began a second ago, and now and then when there is not.
func (s *Cosigner) lead() {
	var last time.Time
	for s.pause(leadPoll) {
		if !s.ledger.Leading() {
			continue
		}
		since := s.clock().Sub(last)
		if since < 0 {
			since = idlePeriod // the clock was set back
		}
		if since < roundPeriod || since < idlePeriod && !s.somethingNew() {
			continue
		}
		last = s.clock()
		err := s.round()
		s.metrics.rounds.WithLabelValues(roundResult(err)).Inc()
		if err != nil && s.ctx.Err() == nil {
			s.logger.Info("not final", "error", err)
		}
	}
}

func roundResult(err error) string {
	switch {
	case err == nil:
		return "final"
	case errors.Is(err, errNoQuorum):
		return "no_quorum"
	case errors.Is(err, errNotSigning):
		return "not_signing"
	}
	return "error"
}

func (s *Cosigner) somethingNew() bool {
	size, _ := s.ledger.Head()
	final, _, err := s.final()
	return err == nil && (final == nil || final.Size < size)
}

// answered is what one node or witness gave in a round.
type answered struct {
	from  string
	cosig *checkpoint.Signature // nil if it gave none that holds
	log   *checkpoint.Signature
}

// round asks everybody to sign this node's head and has raft replicate what a
// quorum signed.
func (s *Cosigner) round() error {
	ctx, cancel := context.WithTimeout(s.ctx, roundTimeout)
	defer cancel()
	size, root := s.ledger.Head()
	keys, err := s.signer()
	if err != nil {
		return err
	}
	own, err := s.sign(size, root)
	if err != nil {
		return err
	}
	head := checkpoint.Checkpoint{Origin: keys.policy.Origin, Size: size, Root: root}
	ask := &checkpoint.Note{Checkpoint: head, Signatures: own[:1]}
	others := s.others(keys.policy)
	answers := make(chan answered, len(others)+len(s.outside))
	asking, stop := context.WithCancel(ctx)
	defer stop()
	for _, n := range others {
		s.running.Go(func() { answers <- s.ask(asking, keys.policy, n, ask) })
	}
	for _, w := range s.outside {
		s.running.Go(func() { answers <- s.askWitness(asking, w, ask) })
	}
	g := gathered{quorum: int(keys.policy.Quorum), cosigs: own[1:2], logs: own[:1]}
	g.collect(ctx, answers, len(others)+len(s.outside))
	stop()
	if len(g.cosigs) < g.quorum {
		return fmt.Errorf("%w: %d of %d signed size %d", errNoQuorum, len(g.cosigs), g.quorum, size)
	}
	err = s.ledger.ProposeFinal(ctx, g.note(head).Encode())
	if final, _, finalErr := s.final(); finalErr == nil && final != nil && final.Size >= size {
		return nil // also if another round has made this size final
	}
	return err
}

// gathered are the signatures of a round.
type gathered struct {
	quorum    int
	cosigs    []checkpoint.Signature // of nodes
	logs      []checkpoint.Signature
	witnesses []checkpoint.Signature
}

// collect takes answers until all are in, or for a moment longer than the quorum
// takes.
func (g *gathered) collect(ctx context.Context, answers <-chan answered, expected int) {
	var enough <-chan time.Time
	for range expected {
		if len(g.cosigs) >= g.quorum && enough == nil {
			timer := time.NewTimer(restPatience)
			defer timer.Stop()
			enough = timer.C
		}
		select {
		case a := <-answers:
			g.add(a)
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (g *gathered) add(a answered) {
	switch {
	case a.cosig == nil:
	case a.log == nil:
		g.witnesses = append(g.witnesses, *a.cosig)
	default:
		g.cosigs, g.logs = append(g.cosigs, *a.cosig), append(g.logs, *a.log)
	}
}

// note puts as many lines under the head as a note may have: those that make it
// final first.
func (g *gathered) note(head checkpoint.Checkpoint) *checkpoint.Note {
	lines := append([]checkpoint.Signature{}, g.logs[0])
	lines = append(lines, g.cosigs...)
	lines = append(lines, g.witnesses...)
	lines = append(lines, g.logs[1:]...)
	return &checkpoint.Note{Checkpoint: head, Signatures: lines[:min(len(lines), checkpoint.SignaturesMax)]}
}

// ask asks one node. What it gives counts if both its signatures hold.
func (s *Cosigner) ask(ctx context.Context, policy ledger.Policy, n ledger.PolicyNode, ask *checkpoint.Note) answered {
	response, err := s.peers.Cosign(ctx, n.ID, ask.Encode())
	a := answered{from: n.ID}
	reason := ""
	switch {
	case err != nil && ctx.Err() != nil:
		reason = "LATE"
	case err != nil:
		reason = "UNREACHABLE"
	case response.Refusal != "":
		reason = refusalLabel(response.Refusal)
		s.hear(policy, n, ask, response)
	default:
		if a.cosig, a.log, err = s.verifyLines(policy, n, ask.Checkpoint, response.Lines); err != nil {
			reason = "INVALID"
		}
	}
	if reason != "" {
		s.metrics.refused.WithLabelValues(reason).Inc()
		s.logger.Debug("not cosigned", "node", n.ID, "reason", reason, "error", err)
	}
	return a
}

// refusalLabel keeps what a peer writes out of the names of figures.
func refusalLabel(refusal string) string {
	switch refusal {
	case HeadDiffers, HeadOld, NotLeader, CatchingUp, Behind, NotSigning, Malformed:
		return refusal
	}
	return "OTHER"
}

// hear looks at the refusal of a node. If it signed another root for the size
// that it was asked for, one of the two heads is wrong.
func (s *Cosigner) hear(policy ledger.Policy, n ledger.PolicyNode, ask *checkpoint.Note, response *custodyv1.CosignResponse) {
	if response.Refusal != HeadDiffers {
		return
	}
	theirs, _, err := signedBy(policy, n.ID, response.Own)
	if err != nil || theirs.Size != ask.Size || theirs.Root == ask.Root {
		s.logger.Warn("a node says that its head differs and does not show it", "node", n.ID, "error", err)
		return
	}
	s.differs(n.ID, theirs)
}

func (s *Cosigner) verifyLines(policy ledger.Policy, n ledger.PolicyNode, head checkpoint.Checkpoint, lines []byte) (cosig, log *checkpoint.Signature, err error) {
	signatures, err := checkpoint.ParseSignatures(lines)
	if err != nil {
		return nil, nil, err
	}
	note := &checkpoint.Note{Checkpoint: head, Signatures: signatures}
	c, _, err := lineOf(policy.CosignerKey(n), note)
	if err != nil {
		return nil, nil, err
	}
	l, _, err := lineOf(policy.LogKey(n), note)
	if err != nil {
		return nil, nil, err
	}
	s.notes.remember(n.ID, &checkpoint.Note{Checkpoint: head, Signatures: []checkpoint.Signature{l, c}})
	return &c, &l, nil
}
