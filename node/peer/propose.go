package peer

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"github.com/custodyledger/custodyledger/consensus"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// proposalsQueued is how many submissions wait to be sent to one node before
// callers wait themselves.
const proposalsQueued = 256

// proposal is a submission on its way to another node.
type proposal struct {
	message  *custodyv1.Submission
	answered chan struct{} // closed when response or err is set
	response *custodyv1.ProposeResponse
	err      error
}

// proposeStream carries the submissions of all callers to one node. It lives
// until it breaks: what was sent then has an unknown outcome, what was only
// queued has none.
//
// One goroutine sends, one receives; run waits for both.
type proposeStream struct {
	queue chan *proposal
	ended chan struct{} // closed when nothing is taken from queue any more

	// putting is held for reading while a proposal is put into queue, so that
	// abandon finds every one that went in.
	putting sync.RWMutex

	mu   sync.Mutex
	sent map[uint64]*proposal // by sequence number; nil after the end
}

func (s *proposeStream) run(ctx context.Context, client custodyv1.PeerServiceClient) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Propose(ctx)
	if err == nil {
		received := make(chan struct{})
		go func() {
			defer close(received)
			defer cancel()
			s.receive(stream)
		}()
		s.send(ctx, stream)
		cancel()
		<-received
	}
	close(s.ended)
	s.putting.Lock()
	s.putting.Unlock() //lint:ignore SA2001 waits for those that were putting
	s.abandon()
}

// put queues a proposal; ok is false when the stream has ended without it.
func (s *proposeStream) put(ctx context.Context, p *proposal) (ok bool, err error) {
	s.putting.RLock()
	defer s.putting.RUnlock()
	select {
	case <-s.ended:
		return false, nil
	default:
	}
	select {
	case s.queue <- p:
		return true, nil
	case <-s.ended:
		return false, nil
	case <-ctx.Done():
		return false, &consensus.NotLeaderError{}
	}
}

func (s *proposeStream) send(ctx context.Context, stream grpc.BidiStreamingClient[custodyv1.ProposeRequest, custodyv1.ProposeResponse]) {
	for sequence := uint64(1); ; sequence++ {
		var p *proposal
		select {
		case p = <-s.queue:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		s.sent[sequence] = p
		s.mu.Unlock()
		if err := stream.Send(&custodyv1.ProposeRequest{Sequence: sequence, Submission: p.message}); err != nil {
			return
		}
	}
}

func (s *proposeStream) receive(stream grpc.BidiStreamingClient[custodyv1.ProposeRequest, custodyv1.ProposeResponse]) {
	for {
		response, err := stream.Recv()
		if err != nil {
			return
		}
		s.mu.Lock()
		p := s.sent[response.Sequence]
		delete(s.sent, response.Sequence)
		s.mu.Unlock()
		if p == nil {
			return // an answer to nothing: the other end is not to be understood
		}
		p.response = response
		close(p.answered)
	}
}

// abandon gives every proposal that has no answer its error.
func (s *proposeStream) abandon() {
	s.mu.Lock()
	sent := s.sent
	s.sent = nil
	s.mu.Unlock()
	for _, p := range sent {
		p.err = fmt.Errorf("%w: the connection to the leader broke", consensus.ErrOutcomeUnknown)
		close(p.answered)
	}
	for {
		select {
		case p := <-s.queue:
			p.err = &consensus.NotLeaderError{}
			close(p.answered)
		default:
			return
		}
	}
}
