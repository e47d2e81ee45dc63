package consensus

import (
	"sync"

	"github.com/hashicorp/raft"
)

// pipeline keeps a replication goroutine of raft from hanging for ever. raft
// v1.7.3 stops reading answers when one carries a newer term, but its sender may
// take one more turn before it notices: its request then waits behind an answer
// that nobody takes, and so does Raft.Shutdown behind it. Here answers are
// always taken. What is queued is bounded by the turns of a sender that has
// been told to stop, a handful.
type pipeline struct {
	raft.AppendPipeline
	answers chan raft.AppendFuture
	stop    chan struct{}
	once    sync.Once
}

func newPipeline(inner raft.AppendPipeline) *pipeline {
	p := &pipeline{AppendPipeline: inner, answers: make(chan raft.AppendFuture), stop: make(chan struct{})}
	go p.run()
	return p
}

func (p *pipeline) run() {
	var queue []raft.AppendFuture
	for {
		var out chan raft.AppendFuture // nil while there is nothing to hand over
		var first raft.AppendFuture
		if len(queue) > 0 {
			out, first = p.answers, queue[0]
		}
		select {
		case answer := <-p.AppendPipeline.Consumer():
			queue = append(queue, answer)
		case out <- first:
			queue = queue[1:]
		case <-p.stop:
			return
		}
	}
}

// Consumer implements raft.AppendPipeline.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

// Close implements raft.AppendPipeline.
func (p *pipeline) Close() error {
	p.once.Do(func() { close(p.stop) })
	return p.AppendPipeline.Close()
}
