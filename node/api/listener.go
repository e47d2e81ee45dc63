package api

import (
	"net"
	"sync"
)

// limited accepts a bounded number of connections at a time. One more is closed
// at once: a queue of them would only hide that the node is full.
type limited struct {
	net.Listener
	places chan struct{}
}

func newLimited(listener net.Listener, connectionsMax int) *limited {
	return &limited{Listener: listener, places: make(chan struct{}, connectionsMax)}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			_ = conn.Close() // nothing was said on it
		}
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
