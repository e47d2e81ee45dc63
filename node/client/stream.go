package client

import (
	"context"
	"errors"
	"io"
	"sort"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	// StreamWindowDefault is how many writes of a stream wait for their answers.
	StreamWindowDefault = 512
	// StreamWindowBytesMax is how many bytes of them.
	StreamWindowBytesMax = 4 << 20
)

// Result is what became of one write of a stream.
type Result struct {
	Sequence uint64
	Receipts []ledger.Receipt // one an event; nil where Err is set
	// Err is *Refused, *OutcomeUnknown, *Unreachable or *Tampered.
	Err error
}

// Stream carries a bulk load over one connection at a time. Writes are sent and
// recorded in order, as far as one builds on another: a whole chain on one item
// may be sent without waiting. When the connection breaks, the stream goes on
// at the next node with everything that is not settled.
//
// A refusal is reported only when all writes before it are settled: what it was
// refused for may be that an earlier one was lost on the way, and then it is
// sent again.
//
// Up to three goroutines work for the stream; all end before Close returns.
type Stream struct {
	client  *Client
	ctx     context.Context
	deliver func(Result)
	window  int
	done    chan struct{} // closed when run ended
	work    chan struct{} // says that the state changed

	mu      sync.Mutex
	room    *sync.Cond      // signalled when pending shrinks or the stream ends
	pending []*pendingWrite // ascending by sequence
	unsent  int             // index in pending of the first not sent on this connection
	bytes   int             // of pending
	next    uint64          // sequence of the next write
	since   time.Time       // of the last progress, while something is pending
	closed  bool            // no more Send
	err     error           // set once: why the stream ended early
}

type pendingWrite struct {
	request  *custodyv1.AppendStreamRequest
	writes   []Write
	bytes    int
	sentOnce bool     // on any connection: its outcome may be unknown
	refused  *Refused // held until everything before it is settled
	settled  bool
}

// Stream starts a bulk load. window is how many writes may wait for an answer,
// 0 means StreamWindowDefault. deliver is called once for each write, one call
// at a time, in any order; it should return soon and must not call Send.
// ctx ends the stream as a whole.
func (c *Client) Stream(ctx context.Context, window int, deliver func(Result)) *Stream {
	if window <= 0 {
		window = StreamWindowDefault
	}
	s := &Stream{
		client:  c,
		ctx:     ctx,
		deliver: deliver,
		window:  window,
		done:    make(chan struct{}),
		work:    make(chan struct{}, 1),
	}
	s.room = sync.NewCond(&s.mu)
	go s.run()
	return s
}

// ErrStreamClosed is returned by Send after Close.
var ErrStreamClosed = errors.New("the stream is closed")

// Send hands over one event, or all events of one group. It waits while the
// window is full and returns the sequence number under which the result will be
// delivered. An error means that this write was not taken and will not be sent.
func (s *Stream) Send(writes ...Write) (uint64, error) {
	if len(writes) == 0 {
		return 0, errors.New("no event to send")
	}
	p := &pendingWrite{request: &custodyv1.AppendStreamRequest{}, writes: writes}
	for _, w := range writes {
		p.request.Events = append(p.request.Events, w.request())
	}
	if p.bytes = proto.Size(p.request); p.bytes > RequestBytesMax-sequenceBytesMax {
		return 0, tooLarge(p.bytes)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && !s.closed && len(s.pending) > 0 && (len(s.pending) >= s.window || s.bytes+p.bytes > StreamWindowBytesMax) {
		s.room.Wait()
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.closed:
		return 0, ErrStreamClosed
	}
	p.request.Sequence = s.next
	s.next++
	if len(s.pending) == 0 {
		s.since = time.Now()
	}
	s.pending = append(s.pending, p)
	s.bytes += p.bytes
	s.wake()
	return p.request.Sequence, nil
}

// Close waits until every write has its result and ends the stream. It gives
// the error that ended the stream early, if one did; results say of each write
// what became of it.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.room.Broadcast()
	s.wake()
	s.mu.Unlock()
	<-s.done
	return s.err
}

// wake makes whoever waits for work look at the stream's state.
func (s *Stream) wake() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// run goes from node to node until the stream is finished or gives up.
func (s *Stream) run() {
	defer close(s.done)
	t := &trial{client: s.client, delay: retryDelayMin}
	first := int(s.client.first.Load())
	for tries := 0; ; tries++ {
		if finished, ended := s.idle(); finished || ended != nil {
			s.end(ended)
			return
		}
		at := (first + tries) % len(s.client.nodes)
		session := &session{stream: s, node: s.client.nodes[at]}
		err := t.run(s.ctx, session.node, session.run)
		s.rewind()
		if err == nil {
			continue
		}
		a, _ := t.classify(err)
		if !a.retry {
			s.end(a.refused(session.node.address))
			return
		}
		t.note(session.node, a, false)
		if session.progress > 0 {
			s.client.first.Store(uint32(at))
			t.reached, t.rounds, t.delay = false, 0, retryDelayMin
		}
		if ended := contextEnd(s.ctx); ended != nil {
			s.end(t.ended(ended))
			return
		}
		if (tries+1)%len(s.client.nodes) == 0 {
			t.rounds++
		}
		unknown, stuck := s.outlook()
		if !t.reached && !unknown && t.rounds >= roundsUnreached {
			s.end(t.ended(nil))
			return
		}
		if stuck > s.client.patience {
			s.end(t.ended(errPatience))
			return
		}
		if ended := t.pause(s.ctx); ended != nil {
			s.end(t.ended(ended))
			return
		}
	}
}

// idle waits for something to send.
func (s *Stream) idle() (finished bool, ended error) {
	for {
		s.mu.Lock()
		pending, closed := len(s.pending), s.closed
		s.mu.Unlock()
		switch {
		case pending > 0:
			return false, nil
		case closed:
			return true, nil
		}
		select {
		case <-s.work:
		case <-s.ctx.Done():
			return false, &Unreachable{Ended: context.Cause(s.ctx)}
		}
	}
}

// outlook tells whether a pending write may have been recorded, and for how
// long there was no progress.
func (s *Stream) outlook() (unknown bool, stuck time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pending {
		unknown = unknown || p.sentOnce
	}
	if len(s.pending) > 0 {
		stuck = time.Since(s.since)
	}
	return unknown, stuck
}

// rewind puts everything that is pending back to be sent on the next
// connection.
func (s *Stream) rewind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsent = 0
	for _, p := range s.pending {
		p.refused = nil
	}
}

// end reports what is left and lets no more in.
func (s *Stream) end(cause error) {
	s.mu.Lock()
	left := s.pending
	s.pending, s.bytes = nil, 0
	s.closed = true
	s.err = cause
	s.room.Broadcast()
	s.mu.Unlock()
	for _, p := range left {
		err := cause
		if p.sentOnce {
			err = &OutcomeUnknown{Event: p.writes[0].Event.ID(), Cause: cause}
		}
		s.deliver(Result{Sequence: p.request.Sequence, Err: err})
	}
}

// session is a stream's use of one connection.
type session struct {
	stream   *Stream
	node     *node
	progress int // answers that settled something; owned by run until it returns
}

// errLeft ends a session that the stream does not need any more.
var errLeft = errors.New("the stream is finished")

// run sends what is pending and takes answers until the stream is finished,
// which gives nil, or the connection is of no more use.
func (x *session) run(ctx context.Context, n *node) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rpc, err := n.ledger.AppendStream(ctx)
	if err != nil {
		return err
	}
	silence := newSilence(x.stream.client.attempt, func() { cancel(errSilent) })
	defer silence.stop()

	received := make(chan error, 1)
	go func() {
		err := x.receive(rpc, silence)
		cancel(errLeft)
		received <- err
	}()
	sent := x.send(ctx, rpc, silence)
	if sent != nil {
		cancel(sent)
	}
	err = <-received
	switch {
	case errors.Is(err, io.EOF) && sent == nil:
		return nil
	case errors.Is(context.Cause(ctx), errSilent):
		return errSilent
	}
	return err
}

// send writes what is pending, waits for more, and half-closes when the stream
// is finished. nil means that it half-closed.
func (x *session) send(ctx context.Context, rpc custodyv1.LedgerService_AppendStreamClient, silence *silence) error {
	s := x.stream
	for {
		s.mu.Lock()
		var p *pendingWrite
		if s.unsent < len(s.pending) {
			p = s.pending[s.unsent]
			p.sentOnce = true
			s.unsent++
		}
		finished := s.closed && len(s.pending) == 0
		s.mu.Unlock()
		switch {
		case finished:
			return rpc.CloseSend()
		case p != nil:
			silence.expect()
			if err := rpc.Send(p.request); err != nil {
				return err
			}
		default:
			select {
			case <-s.work:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// receive takes answers until the connection ends or an answer says that this
// node cannot go on.
func (x *session) receive(rpc custodyv1.LedgerService_AppendStreamClient, silence *silence) error {
	for {
		response, err := rpc.Recv()
		if err != nil {
			return err
		}
		settled, err := x.stream.take(x.node, response)
		x.progress += len(settled)
		for _, result := range settled {
			x.stream.deliver(result)
		}
		if err != nil {
			return err
		}
		silence.answered(x.stream.waiting())
		x.stream.wake()
	}
}

// waiting tells whether an answer is due.
func (s *Stream) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsent > 0
}

// take files one answer and gives the results that it settles. An error says
// that the connection must be given up.
func (s *Stream) take(n *node, response *custodyv1.AppendStreamResponse) ([]Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.pending[:s.unsent]
	at := sort.Search(len(sent), func(i int) bool { return sent[i].request.Sequence >= response.Sequence })
	if at == len(sent) || sent[at].request.Sequence != response.Sequence || sent[at].refused != nil {
		return nil, nil // an answer that nobody waits for changes nothing
	}
	p := sent[at]
	if response.Failure != nil {
		a := classifyFailure(response.Failure)
		if a.retry {
			return nil, &answerError{a}
		}
		p.refused = a.refused(n.address)
		return s.settle(), nil
	}
	receipts, err := checkReceipts(n, p.writes, response.Receipts)
	p.settled = true
	return append([]Result{{Sequence: p.request.Sequence, Receipts: receipts, Err: err}}, s.settle()...), nil
}

// settle removes what is settled, and gives the refusals before which nothing
// is open any more. The caller holds mu.
func (s *Stream) settle() []Result {
	var results []Result
	open := false
	kept := s.pending[:0]
	unsent := s.unsent
	for i, p := range s.pending {
		if !p.settled && !open && p.refused != nil {
			results = append(results, Result{Sequence: p.request.Sequence, Err: p.refused})
			p.settled = true
		}
		if !p.settled {
			kept, open = append(kept, p), true
			continue
		}
		s.bytes -= p.bytes
		if i < unsent {
			s.unsent--
		}
	}
	clear(s.pending[len(kept):])
	s.pending = kept
	s.since = time.Now()
	s.room.Broadcast()
	return results
}

// silence calls end when an answer is due and none comes for a time.
type silence struct {
	mu    sync.Mutex
	limit time.Duration
	timer *time.Timer
	armed bool
}

func newSilence(limit time.Duration, end func()) *silence {
	timer := time.AfterFunc(time.Hour, end)
	timer.Stop()
	return &silence{limit: limit, timer: timer}
}

func (q *silence) expect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.armed {
		q.armed = true
		q.timer.Reset(q.limit)
	}
}

func (q *silence) answered(moreDue bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timer.Stop()
	if q.armed = moreDue; moreDue {
		q.timer.Reset(q.limit)
	}
}

func (q *silence) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timer.Stop()
}
