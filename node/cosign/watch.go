package cosign

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Heads answers another node: the time here, and the heads that this node
// knows. It answers before raft runs, too.
func (s *Cosigner) Heads(caller string) *custodyv1.HeadsResponse {
	response := &custodyv1.HeadsResponse{
		NowMs: uint64(max(0, s.clock().UnixMilli())),
		Own:   encoded(s.notes.ownNote()),
	}
	yours := s.notes.of(caller)
	if final, raw, err := s.final(); err == nil && final != nil {
		response.Final = raw
		if (yours == nil || yours.Size < final.Size) && s.cosignedBy(caller, final) {
			yours = final
		}
	}
	response.Yours = encoded(yours)
	return response
}

// cosignedBy tells whether a final note, which was verified when it came, has
// the line of a node.
func (s *Cosigner) cosignedBy(node string, note *checkpoint.Note) bool {
	policy := s.config.Genesis.Policy()
	n, ok := policy.Node(node)
	if !ok {
		return false
	}
	name := policy.CosignerKey(n).Name
	for _, line := range note.Signatures {
		if line.Name == name {
			return true
		}
	}
	return false
}

// watch asks the other nodes for their clock and heads, and judges how late
// final is.
func (s *Cosigner) watch() {
	var others []string
	for _, n := range s.config.Genesis.Nodes {
		if n.ID != s.node {
			others = append(others, n.ID)
		}
	}
	period := time.Duration(0)
	for s.pause(period) {
		s.askHeads(s.ctx, others)
		// Until enough have answered nothing is signed: ask again soon.
		if period = headsPeriod; !s.recallEnough() {
			period = recallAgain
		}
		s.noteFinal()
		_ = s.MayLead()
		if size, _ := s.ledger.Head(); s.ledger.Live() == nil {
			_ = s.mayRecall(size)
		}
	}
}

// askHeads asks nodes side by side and takes what they answer.
func (s *Cosigner) askHeads(ctx context.Context, nodes []string) {
	var asking sync.WaitGroup
	for _, node := range nodes {
		asking.Go(func() { s.askHead(ctx, node) })
	}
	asking.Wait()
}

func (s *Cosigner) askHead(ctx context.Context, node string) {
	ctx, cancel := context.WithTimeout(ctx, headsTimeout)
	defer cancel()
	asked, began := s.clock(), time.Now()
	response, err := s.peers.Heads(ctx, node)
	if err != nil {
		s.clocks.drop(node)
		return
	}
	s.noteClock(node, response.NowMs, asked, s.clock(), time.Since(began))
	s.noteRecall(node, response)
	s.judgeHeads(node, response)
}

// judgeHeads holds what another node signed against this node's ledger.
func (s *Cosigner) judgeHeads(node string, response *custodyv1.HeadsResponse) {
	policy, err := s.ledger.Policy()
	if err != nil {
		return
	}
	if own, _, err := signedBy(policy, node, response.Own); err == nil {
		s.compare(node, own)
		s.wentBack(node, own)
	}
	if len(response.Final) == 0 {
		return
	}
	note, err := checkpoint.ParseNote(response.Final)
	if err != nil {
		return
	}
	if _, err := policy.Checkpoint().Verify(note); err == nil && s.compare(node, note) {
		s.forked(node, note)
	}
}

// forked ends the process: a quorum made a head final that this node's ledger
// contradicts, so that one of the two is no ledger that anybody may build on.
// What convicts is gathered and kept first.
func (s *Cosigner) forked(node string, final *checkpoint.Note) {
	s.lookInto(differing{node, final})
	s.config.Stop(fmt.Errorf("%w: node %s has %s as final, which this node's ledger contradicts; see the evidence folder", ErrForked, node, final.Checkpoint))
}

// compare raises an alarm over a head that this node's ledger contradicts, and
// tells whether it does. One that is larger than the ledger tells nothing yet.
func (s *Cosigner) compare(node string, note *checkpoint.Note) (contradicts bool) {
	if size, _ := s.ledger.Head(); note.Size == 0 || note.Size > size {
		return false
	}
	root, err := s.ledger.RootAt(note.Size)
	if err != nil || root == note.Root {
		return false
	}
	s.differs(node, note)
	return true
}

// noteFinal keeps what the last final note says about others, so that they are
// told after a restart what they once signed even when raft has moved on, and the
// time of this node's own line.
func (s *Cosigner) noteFinal() {
	final, _, err := s.final()
	if err != nil || final == nil {
		return
	}
	policy, err := s.ledger.Policy()
	if err != nil {
		return
	}
	for _, n := range policy.Nodes {
		at, err := policy.CosignerKey(n).Verify(final)
		switch {
		case err != nil:
		case n.ID == s.node:
			s.notBefore(at)
		default:
			s.notes.remember(n.ID, final)
		}
	}
}

// measure follows the ledger's growth and the final checkpoints.
func (s *Cosigner) measure() {
	m := measurement{cosigner: s, began: time.Now()}
	for s.pause(leadPoll) {
		m.look(time.Now())
	}
}

// grownMax bounds the heads whose time is measured; past it they are passed over.
const grownMax = 1024

// measurement is the state of measure's goroutine.
type measurement struct {
	cosigner *Cosigner
	began    time.Time
	size     uint64
	final    uint64
	note     *checkpoint.Note // the last final one
	grown    []grown          // not final yet
	finalAt  time.Time
}

type grown struct {
	size uint64
	at   time.Time
}

func (m *measurement) look(now time.Time) {
	s := m.cosigner
	size, _ := s.ledger.Head()
	if size > m.size {
		// What was there when this process began has no time that could be measured.
		if m.size > 0 && len(m.grown) < grownMax {
			m.grown = append(m.grown, grown{size, now})
		}
		m.size = size
	}
	final, _, err := s.final()
	if err == nil && final != nil && final != m.note {
		m.final, m.note, m.finalAt = final.Size, final, now
		s.status.note(final, s.clock())
		s.metrics.finalSize.Set(float64(final.Size))
		for len(m.grown) > 0 && m.grown[0].size <= final.Size {
			s.metrics.commitFinal.Observe(now.Sub(m.grown[0].at).Seconds())
			m.grown = m.grown[1:]
		}
	}
	since := m.finalAt
	if since.IsZero() {
		since = m.began
	}
	s.metrics.finalAge.Set(now.Sub(since).Seconds())
	m.judge(now, since)
}

// judge raises the alarm over a final checkpoint that does not come. Readiness
// is not touched: the ledger takes and serves entries all the same.
func (m *measurement) judge(now, since time.Time) {
	s := m.cosigner
	waits := since
	if len(m.grown) > 0 && m.grown[0].at.After(since) {
		waits = m.grown[0].at
	}
	if m.size <= m.final || now.Sub(waits) < lateAfter {
		s.alarms.clear(AlarmLate, "")
		return
	}
	s.alarms.raise(AlarmLate, "", fmt.Sprintf("the ledger has %d entries, the last final checkpoint covers %d; none has come for more than %v", m.size, m.final, lateAfter))
}
