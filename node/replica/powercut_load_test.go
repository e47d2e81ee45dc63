package replica

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// book is what the dealers remember of what they were told.
type book struct {
	receipts map[ledger.EventID]ledger.Receipt // acknowledged
	refused  map[ledger.EventID]bool           // and no try with an unknown outcome
	sent     map[ledger.EventID]bool
}

func newBook() book {
	return book{
		receipts: make(map[ledger.EventID]ledger.Receipt),
		refused:  make(map[ledger.EventID]bool),
		sent:     make(map[ledger.EventID]bool),
	}
}

// worker plays two dealers who trade with each other, one submission after the
// other, and sends each again until its outcome is known.
type worker struct {
	cluster  *cluster
	random   *mathrand.Rand
	verifier *sign.Verifier
	dealers  []trade.Dealer
	stones   []stone
	past     []ledger.Submission // acknowledged
}

type stone struct {
	trade.Stone
	holder int // of the two dealers
}

func (w *worker) fail(format string, args ...any) { w.cluster.t.Errorf(format, args...) }

func (c *cluster) newWorker(seed uint64) *worker {
	w := &worker{cluster: c, random: mathrand.New(mathrand.NewPCG(seed, 3)), verifier: sign.NewVerifier(16)}
	for i := range 2 {
		dealer, err := trade.NewDealer(c.id, fmt.Sprint("dealer ", i))
		if err != nil {
			c.t.Fatal(err)
		}
		admission, name, err := dealer.Admit(c.founder, "BE", custodyv1.Role_ROLE_DEALER)
		if err != nil {
			c.t.Fatal(err)
		}
		w.record(ledger.Submission{w.candidate(admission, name)})
		w.dealers = append(w.dealers, dealer)
	}
	return w
}

func (w *worker) candidate(event ledger.SignedEvent, openings ...ledger.Opening) ledger.Candidate {
	decoded, rejection := ledger.DecodeEvent(ledger.RulesVersion1, event)
	if rejection != nil {
		panic(rejection)
	}
	verified, rejections := ledger.Verify(w.verifier, []*ledger.Event{decoded})
	if rejections[0] != nil {
		panic(rejections[0])
	}
	return ledger.Candidate{VerifiedEvent: verified[0], Openings: openings}
}

// submit sends a submission to one node after the other until one of them
// knows its outcome, or the test has failed. certain is false if an earlier try may still have, or have
// had, an outcome of its own.
func (w *worker) submit(submission ledger.Submission) (outcome ledger.Outcome, certain bool) {
	c := w.cluster
	c.mu.Lock()
	for _, candidate := range submission {
		c.book.sent[candidate.ID] = true
	}
	c.mu.Unlock()
	certain = true
	for !c.t.Failed() {
		up := c.running()
		if len(up) > 0 {
			p := up[w.random.IntN(len(up))]
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			var err error
			outcome, err = p.replica.Submit(ctx, submission)
			cancel()
			switch {
			case !p.server.HasPower(), errors.Is(err, consensus.ErrOutcomeUnknown):
				certain = false
				c.count(func(n *counts) { n.unknown++ })
			case err == nil:
				w.remember(submission, outcome, certain)
				return outcome, certain
			case !outcomeNone(err):
				w.fail("submit: %v", err)
				return outcome, false
			}
		}
		<-time.After(time.Duration(10+w.random.IntN(40)) * time.Millisecond)
	}
	return outcome, false
}

func outcomeNone(err error) bool {
	var notLeader *consensus.NotLeaderError
	return errors.As(err, &notLeader) || errors.Is(err, consensus.ErrCatchingUp) ||
		errors.Is(err, consensus.ErrOverloaded) || errors.Is(err, consensus.ErrStopped)
}

// remember notes an outcome. A receipt is for life.
func (w *worker) remember(submission ledger.Submission, outcome ledger.Outcome, certain bool) {
	c := w.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if outcome.Rejection != nil {
		c.counts.refused++
		for _, candidate := range submission {
			if _, stands := c.book.receipts[candidate.ID]; stands {
				w.fail("an event that was acknowledged is refused: %v", outcome.Rejection)
			}
			if certain {
				c.book.refused[candidate.ID] = true
			}
		}
		return
	}
	if len(outcome.Receipts) != len(submission) {
		w.fail("%d receipts for %d events", len(outcome.Receipts), len(submission))
		return
	}
	for i, candidate := range submission {
		r := outcome.Receipts[i]
		before, again := c.book.receipts[candidate.ID]
		if r.Duplicate {
			c.counts.duplicates++
		}
		r.Duplicate = false
		switch {
		case r.Event != candidate.ID:
			w.fail("the receipt is for event %v", r.Event)
		case again && r != before:
			w.fail("two receipts for one event: %+v and %+v", before, r)
		case !again:
			c.book.receipts[candidate.ID] = r
			delete(c.book.refused, candidate.ID)
			c.counts.acknowledged++
		}
	}
}

// record demands that a submission stands.
func (w *worker) record(submission ledger.Submission) bool {
	outcome, _ := w.submit(submission)
	if outcome.Rejection != nil {
		w.fail("refused: %v", outcome.Rejection)
	}
	if outcome.Receipts == nil {
		return false
	}
	w.past = append(w.past, submission)
	return true
}

func (w *worker) recordEvent(event ledger.SignedEvent, err error) bool {
	if err != nil {
		w.fail("sign: %v", err)
		return false
	}
	return w.record(ledger.Submission{w.candidate(event)})
}

// run works until stop is closed.
func (w *worker) run(stop <-chan struct{}) {
	for !w.cluster.t.Failed() {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(w.random.IntN(4)) * time.Millisecond):
		}
		w.step()
	}
}

func (w *worker) step() {
	switch n := w.random.IntN(100); {
	case len(w.stones) == 0 || n < 20:
		w.register()
	case n < 28:
		w.group()
	case n < 38 && len(w.past) > 0:
		w.again()
	case n < 46 && len(w.past) > 0:
		w.read()
	default:
		w.move()
	}
}

func (w *worker) register() {
	holder := w.random.IntN(2)
	event, err := w.dealers[holder].Register(trade.Polished(uint64(20_000_000+w.random.IntN(1_000_000)), nil))
	if w.recordEvent(event, err) {
		w.stones = append(w.stones, stone{trade.Registered(event), holder})
	}
}

// group registers stones that stand together, with prices beside the entries.
func (w *worker) group() {
	holder, count := w.random.IntN(2), 2+w.random.IntN(3)
	group, err := client.NewGroup(rand.Reader, count)
	if err != nil {
		w.fail("group: %v", err)
		return
	}
	author := w.dealers[holder].In(group)
	var submission ledger.Submission
	var stones []stone
	for range count {
		price, err := author.Private(custodyv1.PrivateField_PRIVATE_FIELD_PRICE, fmt.Sprint(w.random.IntN(100_000)))
		if err != nil {
			w.fail("price: %v", err)
			return
		}
		event, err := author.Register(trade.Polished(30_000_000, nil), price)
		if err != nil {
			w.fail("sign: %v", err)
			return
		}
		submission = append(submission, w.candidate(event, price))
		stones = append(stones, stone{trade.Registered(event), holder})
	}
	if w.record(submission) {
		w.stones = append(w.stones, stones...)
	}
}

// again sends what was acknowledged before.
func (w *worker) again() { w.record(w.past[w.random.IntN(len(w.past))]) }

// read demands that a linearizable read at any node shows what was
// acknowledged before it.
func (w *worker) read() {
	up := w.cluster.running()
	if len(up) == 0 {
		return
	}
	p := up[w.random.IntN(len(up))]
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	snapshot, err := p.replica.Read(ctx, nil)
	if err != nil {
		return
	}
	defer snapshot.Close()
	last := w.past[len(w.past)-1][0].ID
	if _, ok, err := snapshot.Receipt(last); p.server.HasPower() && (err != nil || !ok) {
		w.fail("a linearizable read at %s lacks an event that was acknowledged before: %v", p.member.id, err)
	}
}

// move does the next thing with one of the stones.
func (w *worker) move() {
	at := w.random.IntN(len(w.stones))
	s := &w.stones[at]
	holder, other := w.dealers[s.holder], w.dealers[1-s.holder]
	if s.Offer != (ledger.EventID{}) {
		w.answer(s, holder, other)
		return
	}
	switch w.random.IntN(4) {
	case 0:
		if !w.sellTwice(s, holder, other) {
			w.stones = append(w.stones[:at], w.stones[at+1:]...)
		}
	case 1, 2:
		if !w.acceptTooEarly(s, holder, other) {
			w.stones = append(w.stones[:at], w.stones[at+1:]...)
		}
	default:
		event, err := s.Send(holder, other, custodyv1.Mode_MODE_SALE)
		w.recordEvent(event, err)
	}
}

func (w *worker) answer(s *stone, holder, other trade.Dealer) {
	var event ledger.SignedEvent
	var err error
	switch w.random.IntN(4) {
	case 0:
		event, err = other.Decline(s.ItemRef, s.Offer, custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED)
	case 1:
		event, err = holder.Withdraw(s.ItemRef, s.Offer)
	default:
		event, err = other.Accept(s.ItemRef, s.Offer, holder.Party())
		s.holder = 1 - s.holder
	}
	w.recordEvent(event, err)
	s.Prev, s.Offer = event.ID(), ledger.EventID{}
}

// acceptTooEarly sends the answer to an offer before the offer. It is refused.
// Applied a second time, after the offer, it would stand: a node that repeats a
// raft entry then has another ledger.
func (w *worker) acceptTooEarly(s *stone, holder, other trade.Dealer) (goesOn bool) {
	offer, err := s.Send(holder, other, custodyv1.Mode_MODE_SALE)
	if err != nil {
		w.fail("sign: %v", err)
		return false
	}
	early, err := other.Accept(s.ItemRef, s.Offer, holder.Party())
	if err != nil {
		w.fail("sign: %v", err)
		return false
	}
	outcome, certain := w.submit(ledger.Submission{w.candidate(early)})
	if outcome.Receipts != nil {
		w.fail("an offer was accepted before it was made")
		return false
	}
	// A try of which nobody knows the outcome may still be on its way.
	return w.recordEvent(offer, nil) && certain
}

// sellTwice signs two offers on one head and sends them at the same time: one
// stands.
func (w *worker) sellTwice(s *stone, holder, other trade.Dealer) bool {
	first, second := *s, *s
	var events [2]ledger.SignedEvent
	var outcomes [2]ledger.Outcome
	for i, copied := range []*stone{&first, &second} {
		var err error
		if events[i], err = copied.Send(holder, other, custodyv1.Mode_MODE_SALE); err != nil {
			w.fail("sign: %v", err)
			return false
		}
	}
	rival := &worker{cluster: w.cluster, random: mathrand.New(mathrand.NewPCG(w.random.Uint64(), 4)), verifier: sign.NewVerifier(16)}
	var both sync.WaitGroup
	both.Go(func() { outcomes[1], _ = rival.submit(ledger.Submission{rival.candidate(events[1])}) })
	outcomes[0], _ = w.submit(ledger.Submission{w.candidate(events[0])})
	both.Wait()
	switch {
	case outcomes[0].Receipts != nil && outcomes[1].Rejection != nil:
		*s = first
	case outcomes[0].Rejection != nil && outcomes[1].Receipts != nil:
		*s = second
	case w.cluster.t.Failed():
		return false
	default:
		w.fail("of two offers on one head: %v and %v", outcomes[0].Rejection, outcomes[1].Rejection)
		return false
	}
	return true
}

// startLoad runs all workers until stop; stop returns when the last outcome is
// known, for which the cluster must be able to answer.
func startLoad(workers []*worker, cosigning *cosigner) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { w.run(done) })
	}
	group.Go(func() { cosigning.run(done) })
	return func() {
		close(done)
		group.Wait()
	}
}

// check demands of three settled nodes: equal entries, byte by byte; an audit
// that finds nothing; every acknowledged event once, where its receipt says;
// no event that was refused or never sent; and a position that is the
// entries'.
func (c *cluster) check() {
	c.t.Helper()
	c.settle()
	state, err := audit.Start(c.file)
	if err != nil {
		c.t.Fatal(err)
	}
	auditor := &audit.Auditor{State: state}
	var first [][]byte
	for _, p := range c.running() {
		snapshot := p.store.Snapshot()
		defer snapshot.Close()
		auditor.Sources = append(auditor.Sources, &held{name: p.member.id.Node, snapshot: snapshot})
		entries := entriesOf(c.t, snapshot)
		if first == nil {
			first = entries
			c.checkBook(entries)
		}
		for i := range max(len(first), len(entries)) {
			if i >= len(first) || i >= len(entries) || !bytes.Equal(first[i], entries[i]) {
				c.t.Fatalf("%s differs from entry %d on", p.member.id, i)
			}
		}
		c.mu.Lock()
		want, known := c.states[p.store.Position()]
		c.mu.Unlock()
		if !known || want.Size != snapshot.Size() || want.Root != snapshot.Root() {
			c.t.Errorf("%s at raft entry %d has %d entries, not %d", p.member.id, p.store.Position().Index, snapshot.Size(), want.Size)
		}
	}
	report, err := auditor.Run(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	if !report.OK() || report.Head.Size != uint64(len(first)) {
		c.t.Errorf("the audit of %d entries: %+v", len(first), report)
	}
}

func (c *cluster) checkBook(entries [][]byte) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	at := make(map[ledger.EventID]uint64)
	for i, b := range entries[1:] {
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			c.t.Fatal(err)
		}
		if entry.Kind == ledger.KindHandover {
			continue
		}
		id := entry.Signed.ID()
		if earlier, twice := at[id]; twice {
			c.t.Errorf("event %v is entry %d and entry %d", id, earlier, i+1)
		}
		at[id] = uint64(i + 1)
		if !c.book.sent[id] || c.book.refused[id] {
			c.t.Errorf("entry %d: event %v was refused or never sent", i+1, id)
		}
	}
	for id, r := range c.book.receipts {
		if index, ok := at[id]; !ok || index != r.Index {
			c.t.Errorf("event %v was acknowledged as entry %d and is %d", id, r.Index, index)
		}
	}
}

func entriesOf(t *testing.T, snapshot *store.Snapshot) [][]byte {
	t.Helper()
	var entries [][]byte
	err := snapshot.Entries(0, snapshot.Size(), func(_ uint64, entry []byte) error {
		entries = append(entries, bytes.Clone(entry))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// held is a node's ledger for the auditor.
type held struct {
	name     string
	snapshot *store.Snapshot
}

func (h *held) Name() string { return h.name }

func (h *held) Head(context.Context) (audit.TreeHead, error) {
	return audit.TreeHead{Size: h.snapshot.Size(), Root: h.snapshot.Root()}, nil
}

func (h *held) Entries(_ context.Context, from, to uint64, yield func([]byte) error) error {
	return h.snapshot.Entries(from, to, func(_ uint64, entry []byte) error { return yield(bytes.Clone(entry)) })
}
