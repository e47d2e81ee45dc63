package consensus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// narrow is a pipeline as raft's network transport makes it for two requests in
// flight: nothing is buffered, and an answer waits until it is taken.
type narrow struct {
	requests chan raft.AppendFuture
	answers  chan raft.AppendFuture
	closed   chan struct{}
}

func newNarrow() *narrow {
	n := &narrow{requests: make(chan raft.AppendFuture), answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go func() {
		for {
			select {
			case request := <-n.requests:
				select {
				case n.answers <- request:
				case <-n.closed:
					return
				}
			case <-n.closed:
				return
			}
		}
	}()
	return n
}

// numbered is a future that knows its place.
type numbered struct {
	raft.AppendFuture
	at uint64
}

func (n *narrow) AppendEntries(q *raft.AppendEntriesRequest, _ *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	f := numbered{at: q.PrevLogEntry}
	select {
	case n.requests <- f:
		return f, nil
	case <-n.closed:
		return nil, raft.ErrPipelineShutdown
	}
}

func (n *narrow) Consumer() <-chan raft.AppendFuture { return n.answers }
func (n *narrow) Close() error                       { close(n.closed); return nil }

// TestPipelineOutlivesItsReader: a sender whose answers nobody reads any more is
// not held up, and answers that are read come in order.
func TestPipelineOutlivesItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(newNarrow())
		defer p.Close()
		const requests = 10
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range uint64(requests) {
				if _, err := p.AppendEntries(&raft.AppendEntriesRequest{PrevLogEntry: i}, nil); err != nil {
					t.Error(err)
				}
			}
		}()
		select {
		case <-sent:
		case <-time.After(time.Hour):
			t.Fatal("the sender hangs")
		}
		for i := range uint64(requests) {
			if got := (<-p.Consumer()).(numbered).at; got != i {
				t.Fatalf("answer %d in the place of %d", got, i)
			}
		}
	})
}
