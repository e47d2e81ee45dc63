package replica

import (
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
)

// machine applies committed commands to the store: decode, verify what this
// node has not verified itself, sequence, store. It implements
// consensus.Machine.
//
// Everything that a peer can put into a command is either applied or refused,
// alike on every node; the only errors are a version that this node does not
// know, a store that fails, and a quorum that signed another ledger than this.
type machine struct {
	store        *store.Store
	rulesVersion uint32
	verifier     *sign.Verifier
	verified     *verifiedCache
	metrics      *Metrics
	applied      func() // called after each apply, when the ledger's size may have grown
	// evidence keeps both sides of a contradiction; see Config.SaveEvidence.
	evidence func(kind string, own, final []byte)
}

// applied is the result of one command.
type applied struct {
	entry    consensus.EntryID
	outcomes []ledger.Outcome
	// refused is set when the command as a whole could not be read; outcomes is
	// then empty.
	refused *ledger.Rejection
	// final is what became of a final checkpoint; nil for submissions.
	final *store.FinalOutcome
}

// Apply implements consensus.Machine.
func (m *machine) Apply(position ledger.Position, commands []consensus.Command) ([]any, error) {
	started := time.Now()
	decoded := make([]command, len(commands))
	results := make([]*applied, len(commands))
	for i, c := range commands {
		results[i] = &applied{entry: consensus.EntryID{Index: c.Index, Term: c.Term}}
		var err error
		switch decoded[i], err = decodeCommand(c.Data); {
		case errors.Is(err, errCommandVersion):
			return nil, err
		case err != nil:
			results[i].refused = ledger.Reject(ledger.Malformed, "%v", err)
		}
	}
	if err := m.storeRuns(position, commands, decoded, results); err != nil {
		return nil, err
	}
	if len(commands) > 0 {
		m.metrics.observeApply(results, time.Since(started))
	}
	m.applied()
	out := make([]any, len(results))
	for i := range results {
		out[i] = results[i]
	}
	return out, nil
}

// storeRuns stores commands in runs, each with the position of its own last
// command: a final checkpoint is judged on exactly what the commands before it
// left, so it makes a run of its own.
func (m *machine) storeRuns(position ledger.Position, commands []consensus.Command, decoded []command, results []*applied) error {
	judged := m.judge(decoded)
	batches, stand := standing(decoded, judged)
	for from, to := 0, 0; to < len(commands); from = to {
		if to = from + 1; decoded[from].kind != kindFinal {
			for to < len(commands) && decoded[to].kind != kindFinal {
				to++
			}
		}
		at := position
		if to < len(commands) {
			at = ledger.Position{Cluster: position.Cluster, Index: commands[to-1].Index, Term: commands[to-1].Term}
		}
		if decoded[from].kind == kindFinal {
			if err := m.storeFinal(at, decoded[from], results[from]); err != nil {
				return err
			}
			continue
		}
		outcomes, err := m.store.Apply(at, batches[from:to])
		if err != nil {
			return err
		}
		for i := from; i < to; i++ {
			results[i].outcomes = merge(judged[i], stand[i], outcomes[i-from])
		}
	}
	if len(commands) > 0 {
		return nil
	}
	_, err := m.store.Apply(position, nil)
	return err
}

func (m *machine) storeFinal(at ledger.Position, c command, result *applied) error {
	outcome, err := m.store.ApplyFinal(at, c.at, c.note)
	var diverged *store.DivergedError
	if errors.As(err, &diverged) {
		return m.diverged(diverged)
	}
	if outcome.Contradicted != nil {
		m.evidence(EvidenceFinalDiffers, outcome.Contradicted.Own.Text(), outcome.Contradicted.Note)
	}
	result.final = &outcome
	return err
}

// judgement is a submission whose form and signatures were looked at.
type judgement struct {
	submission ledger.Submission
	rejection  *ledger.Rejection
	at         int
}

func (j judgement) outcome() ledger.Outcome {
	return ledger.Outcome{Rejection: j.rejection, At: j.at}
}

// judge decodes and verifies every event of every command, on all cores.
func (m *machine) judge(commands []command) [][]judgement {
	count := 0
	for _, c := range commands {
		for _, submission := range c.submissions {
			count += len(submission)
		}
	}
	events := make([]pendingEvent, 0, count)
	for _, c := range commands {
		for _, submission := range c.submissions {
			for _, u := range submission {
				events = append(events, pendingEvent{unverified: u})
			}
		}
	}
	m.verifyAll(events)
	g := gatherer{decoded: make([]*ledger.Event, count), submissions: make(ledger.Submission, count)}
	judged := make([][]judgement, len(commands))
	for i, c := range commands {
		judged[i] = make([]judgement, 0, len(c.submissions))
		for _, submission := range c.submissions {
			judged[i] = append(judged[i], g.gather(events[:len(submission)]))
			events = events[len(submission):]
		}
	}
	return judged
}

// pendingEvent is an event on its way to a candidate or a rejection.
type pendingEvent struct {
	unverified
	candidate ledger.Candidate
	rejection *ledger.Rejection
}

// verifyAll shares the events out over goroutines. No verdict depends on how.
func (m *machine) verifyAll(events []pendingEvent) {
	unknown := make([]*pendingEvent, 0, len(events))
	for i := range events {
		e := &events[i]
		event, ok := m.verified.take(e.signed)
		if ok {
			e.candidate.VerifiedEvent = event
			e.setOpenings()
			continue
		}
		unknown = append(unknown, e)
	}
	m.metrics.observeVerified(len(events)-len(unknown), len(unknown))
	shares := min(runtime.GOMAXPROCS(0), (len(unknown)+verifyShareMin-1)/verifyShareMin)
	if shares <= 1 {
		m.verifyShare(unknown)
		return
	}
	var group sync.WaitGroup
	for share := range shares {
		from, to := len(unknown)*share/shares, len(unknown)*(share+1)/shares
		group.Go(func() { m.verifyShare(unknown[from:to]) })
	}
	group.Wait()
}

func (m *machine) verifyShare(share []*pendingEvent) {
	events := make([]*ledger.Event, 0, len(share))
	owners := make([]*pendingEvent, 0, len(share))
	for _, e := range share {
		event, rejection := ledger.DecodeEvent(m.rulesVersion, e.signed)
		if rejection != nil {
			e.rejection = rejection
			continue
		}
		events, owners = append(events, event), append(owners, e)
	}
	verified, rejections := ledger.Verify(m.verifier, events)
	for i, e := range owners {
		if e.rejection = rejections[i]; e.rejection == nil {
			e.candidate.VerifiedEvent = verified[i]
			e.setOpenings()
		}
	}
}

func (e *pendingEvent) setOpenings() {
	if len(e.openings) > 0 {
		e.candidate.Openings, e.rejection = ledger.DecodeOpenings(e.candidate.Event, e.openings)
	}
}

// gatherer puts the events of each submission together again, in memory that is taken
// for all of them at once.
type gatherer struct {
	decoded     []*ledger.Event
	submissions ledger.Submission
}

func (g *gatherer) gather(events []pendingEvent) judgement {
	n := len(events)
	decoded, submission := g.decoded[:n:n], g.submissions[:n:n]
	g.decoded, g.submissions = g.decoded[n:], g.submissions[n:]
	for i := range events {
		e := &events[i]
		if e.rejection != nil {
			return judgement{rejection: e.rejection, at: i}
		}
		decoded[i], submission[i] = e.candidate.Event, e.candidate
	}
	at, rejection := ledger.CheckGroup(decoded)
	return judgement{submission: submission, rejection: rejection, at: at}
}

// standing gives the store one batch for each command, of the submissions that
// were not refused yet, and says which those are.
func standing(commands []command, judged [][]judgement) (batches []store.Batch, stand [][]int) {
	batches, stand = make([]store.Batch, len(commands)), make([][]int, len(commands))
	for i, c := range commands {
		batches[i].At = c.at
		batches[i].Submissions, stand[i] = make([]ledger.Submission, 0, len(judged[i])), make([]int, 0, len(judged[i]))
		for k, j := range judged[i] {
			if j.rejection == nil {
				batches[i].Submissions = append(batches[i].Submissions, j.submission)
				stand[i] = append(stand[i], k)
			}
		}
	}
	return batches, stand
}

// merge puts the store's outcomes back into the order of the command.
func merge(judged []judgement, stand []int, stored []ledger.Outcome) []ledger.Outcome {
	outcomes := make([]ledger.Outcome, len(judged))
	for k, j := range judged {
		outcomes[k] = j.outcome()
	}
	for i, k := range stand {
		outcomes[k] = stored[i]
	}
	return outcomes
}
