package consensus

import (
	"context"
	"net"
	"sync"
)

// acceptQueue is a net.Listener fed by another one's accept loop. Nothing is
// queued: who puts waits until somebody accepts.
type acceptQueue struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newAcceptQueue(addr net.Addr) *acceptQueue {
	return &acceptQueue{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (q *acceptQueue) put(ctx context.Context, conn net.Conn) error {
	select {
	case q.conns <- conn:
		return nil
	case <-q.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *acceptQueue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		select {
		case <-q.closed:
			c.Close()
			return nil, net.ErrClosed
		default:
			return c, nil
		}
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *acceptQueue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *acceptQueue) Addr() net.Addr { return q.addr }
