package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// The window of one AppendStream: what is past it waits in the transport, where
// flow control holds the client back.
const (
	StreamWritesMax = 1_024
	StreamBytesMax  = 8 << 20
)

// AppendStream records writes as they come. Writes that touch the same item or
// party are recorded in the order in which they came; others in any order. Each
// has its own answer. A request that cannot be read ends the stream after the
// writes before it are answered.
func (s *ledgerService) AppendStream(stream custodyv1.LedgerService_AppendStreamServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	b := &bulk{
		service: s,
		ctx:     ctx,
		order:   newOrder(),
		window:  newWindow(),
		answers: make(chan bulkAnswer, StreamWritesMax),
	}
	readEnd := make(chan error, 1)
	s.guard.handlers.Go(func() {
		readEnd <- s.guard.safely(custodyv1.LedgerService_AppendStream_FullMethodName, method{write: true}, func() error { return b.read(stream) })
	})
	idle := time.NewTimer(s.config.IdleTimeMax)
	defer idle.Stop()
	stop, read := s.guard.stop.Done(), readEnd
	var ended error
	for read != nil || !b.window.empty() {
		select {
		case answer := <-b.answers:
			if err := stream.Send(answer.response); err != nil {
				return err
			}
			b.window.give(answer.bytes)
			idle.Reset(s.config.IdleTimeMax)
		case ended = <-read:
			read = nil
		case <-stop:
			stop, read, ended = nil, nil, stopping()
			b.stopped.Store(true)
		case <-idle.C:
			if read != nil && b.window.empty() {
				return &fault{code: codes.Unavailable, reason: client.ReasonIdle, retry: retrySoon, message: fmt.Sprintf("nothing was sent for %v; open a stream when there is something to send", s.config.IdleTimeMax)}
			}
			idle.Reset(s.config.IdleTimeMax)
		}
	}
	return ended
}

// bulk is one AppendStream.
type bulk struct {
	service *ledgerService
	ctx     context.Context
	order   *order // of the goroutine that reads
	window  *window
	answers chan bulkAnswer // never full: the window is as large
	stopped atomic.Bool     // take no more
}

type bulkAnswer struct {
	response *custodyv1.AppendStreamResponse
	bytes    int // that the write has in the window
}

// read takes writes as far as the window has room for them.
func (b *bulk) read(stream custodyv1.LedgerService_AppendStreamServer) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) || b.stopped.Load() {
			return nil
		}
		if err != nil {
			return err
		}
		bytes := proto.Size(request)
		if err := b.window.take(b.ctx, bytes); err != nil {
			return err
		}
		b.begin(request, bytes)
	}
}

// begin starts a write. Its place in the order is taken here, in the order in
// which writes came.
func (b *bulk) begin(request *custodyv1.AppendStreamRequest, bytes int) {
	w, f := b.service.acceptStreamed(request.Events)
	if f != nil {
		b.service.guard.calls.observeWrite(nil, f)
		b.answer(request.Sequence, bytes, nil, f)
		return
	}
	ticket := b.order.take(w.events)
	b.service.guard.handlers.Go(func() {
		receipts, f := b.record(ticket, w)
		ticket.lost = f != nil && (f.unknown || f.retry > 0)
		close(ticket.done)
		b.answer(request.Sequence, bytes, receipts, f)
	})
}

// record verifies a write, waits for its turn and has it recorded.
func (b *bulk) record(ticket *ticket, w *accepted) (receipts []*custodyv1.Receipt, f *fault) {
	defer func() {
		if p := recover(); p != nil {
			receipts, f = nil, b.service.guard.panicked("a write of a stream", p, true)
		}
	}()
	submission, f := b.service.verify(b.ctx, w)
	for _, earlier := range ticket.after {
		select {
		case <-earlier.done:
		case <-b.ctx.Done():
			f, _ := worldly(b.ctx.Err(), false)
			return nil, f
		}
		if earlier.lost && f == nil {
			f = notTried()
		}
	}
	if f != nil {
		b.service.guard.calls.observeWrite(nil, f)
		return nil, f
	}
	return b.service.submit(b.ctx, submission)
}

func (b *bulk) answer(sequence uint64, bytes int, receipts []*custodyv1.Receipt, f *fault) {
	response := &custodyv1.AppendStreamResponse{Sequence: sequence, Receipts: receipts}
	if f != nil {
		response.Failure = f.failure()
	}
	b.answers <- bulkAnswer{response, bytes}
}

// window bounds the writes of one stream that are not answered. One goroutine
// takes, another gives.
type window struct {
	mu     sync.Mutex
	writes int
	bytes  int
	freed  chan struct{} // capacity 1
}

func newWindow() *window { return &window{freed: make(chan struct{}, 1)} }

// take waits for room; a single write always has it.
func (w *window) take(ctx context.Context, bytes int) error {
	for {
		w.mu.Lock()
		if w.writes == 0 || w.writes < StreamWritesMax && w.bytes+bytes <= StreamBytesMax {
			w.writes++
			w.bytes += bytes
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		select {
		case <-w.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *window) give(bytes int) {
	w.mu.Lock()
	w.writes--
	w.bytes -= bytes
	w.mu.Unlock()
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

func (w *window) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes == 0
}
