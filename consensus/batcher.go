package consensus

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Group commit: how much of what waits goes into one command.
const (
	// BatchBytesTarget closes a batch once it has this much. Larger raft
	// entries delay each other; smaller ones waste the fsync.
	BatchBytesTarget = 128 << 10
	// BatchItemsMax bounds the items of one command.
	BatchItemsMax = 4096
)

// BatcherConfig says what a Batcher does with items of type T. An item is what
// must stay together: one event, or one group of events.
type BatcherConfig[T any] struct {
	// Begin hands a command to raft: Node.Begin.
	Begin func(command []byte) (*Proposal, error)
	// Size is the length that an item takes in a command.
	Size func(T) int
	// Overhead is the length of a command beside its items.
	Overhead int
	// Build makes the command of some items, at least one, stamped with the
	// leader's time. It is called from one goroutine, in the order in which
	// commands are proposed. Items of which it reports an error get that error
	// and outcome none.
	Build func(now time.Time, items []T) (command []byte, err error)
	// Deliver gives an item's fate back: the result of its command, which all
	// items of the command share, and its position in it; or one of Propose's
	// errors. It is called exactly once for each accepted item and must not
	// block.
	Deliver func(item T, result any, position int, err error)
	// Clock is the leader's clock; default time.Now.
	Clock func() time.Time

	// InFlight is how many commands may be on their way; default 4.
	InFlight int
	// QueueBytesMax and QueueItemsMax bound what waits; past them Submit
	// returns ErrOverloaded. Defaults 16 MiB and 16,384.
	QueueBytesMax int
	QueueItemsMax int
}

// Batcher gathers items into commands. When nothing is on its way an item goes
// out at once, alone; while a command is on its way items gather until there
// are BatchBytesTarget of them or a command returns.
type Batcher[T any] struct {
	config BatcherConfig[T]
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{} // capacity 1: the queue or the commands in flight changed
	waits  sync.WaitGroup

	mu      sync.Mutex
	queue   []T
	bytes   int // of queue
	flying  int // commands on their way
	stopped bool
}

// NewBatcher starts a batcher; Close ends it.
func NewBatcher[T any](c BatcherConfig[T]) (*Batcher[T], error) {
	if c.Begin == nil || c.Size == nil || c.Build == nil || c.Deliver == nil {
		return nil, errors.New("consensus: a batcher needs Begin, Size, Build and Deliver")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	setDefault(&c.InFlight, 4)
	setDefault(&c.QueueBytesMax, 16<<20)
	setDefault(&c.QueueItemsMax, 16_384)
	b := &Batcher[T]{config: c, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b, nil
}

// Submit queues an item; Deliver tells its fate. With an error nothing was
// queued and Deliver is not called: ErrOverloaded, ErrStopped, or ErrTooLarge
// for an item that fits no command.
func (b *Batcher[T]) Submit(item T) error {
	size := b.config.Size(item)
	if size+b.config.Overhead > CommandBytesMax {
		return ErrTooLarge
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopped:
		return ErrStopped
	case len(b.queue) >= b.config.QueueItemsMax || b.bytes+size > b.config.QueueBytesMax:
		return ErrOverloaded
	}
	b.queue = append(b.queue, item)
	b.bytes += size
	signal(b.wake)
	return nil
}

// Close delivers ErrStopped to what is queued, and ErrOutcomeUnknown to what
// is on its way, and returns when all of it is delivered.
func (b *Batcher[T]) Close() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	<-b.done
	b.waits.Wait()
	for items := b.take(); len(items) > 0; items = b.take() {
		b.fail(items, ErrStopped)
	}
}

func (b *Batcher[T]) run() {
	defer close(b.done)
	for {
		select {
		case <-b.wake:
		case <-b.ctx.Done():
			return
		}
		for b.ctx.Err() == nil && b.due() {
			b.propose(b.take())
		}
	}
}

// due decides whether a command goes out now.
func (b *Batcher[T]) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.queue) == 0 || b.flying >= b.config.InFlight:
		return false
	case b.flying == 0:
		return true
	}
	return b.bytes >= BatchBytesTarget || len(b.queue) >= BatchItemsMax
}

// take removes the items of the next command from the queue: up to the target,
// and one item past it when that one alone is larger.
func (b *Batcher[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	bytes, count := 0, 0
	for count < len(b.queue) && count < BatchItemsMax {
		size := b.config.Size(b.queue[count])
		if count > 0 && bytes+size+b.config.Overhead > BatchBytesTarget {
			break
		}
		bytes += size
		count++
	}
	items := b.queue[:count:count]
	b.queue = b.queue[count:]
	b.bytes -= bytes
	return items
}

func (b *Batcher[T]) propose(items []T) {
	command, err := b.config.Build(b.config.Clock(), items)
	if err != nil {
		b.fail(items, err)
		return
	}
	proposal, err := b.config.Begin(command)
	if err != nil {
		b.fail(items, err)
		return
	}
	b.mu.Lock()
	b.flying++
	b.mu.Unlock()
	b.waits.Add(1)
	go func() {
		defer b.waits.Done()
		result, err := proposal.Wait(b.ctx)
		b.mu.Lock()
		b.flying--
		b.mu.Unlock()
		signal(b.wake)
		for i, item := range items {
			b.config.Deliver(item, result, i, err)
		}
	}()
}

func (b *Batcher[T]) fail(items []T, err error) {
	for i, item := range items {
		b.config.Deliver(item, nil, i, err)
	}
}
