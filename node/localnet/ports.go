package localnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
)

const (
	portFirst = 10_000
	// portLast is below what the kernels in use hand out by themselves.
	portLast = 32_767
	// portTries bounds the search; a machine with that many ports in use is not
	// one to run nodes on.
	portTries = 1_000
)

// held is a port that is listened on until the process it is for starts.
//
// Ports are taken from below the range that the kernel gives to outgoing
// connections: in there, a node that dials a peer that is down can be given
// the peer's own port as its source, is then connected to itself, and holds
// the port when the peer wants to come back.
type held struct {
	listener net.Listener
	address  string
}

// hold listens on count free ports of the loopback address.
func hold(count int) ([]*held, error) {
	last := min(portLast, ephemeralFirst()-1)
	if last <= portFirst {
		return nil, fmt.Errorf("the kernel gives ports from %d on to outgoing connections; none is left above %d", last+1, portFirst)
	}
	var all []*held
	for range portTries {
		if len(all) == count {
			return all, nil
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(portFirst+rand.IntN(last-portFirst+1)))
		if listener, err := net.Listen("tcp", address); err == nil {
			all = append(all, &held{listener: listener, address: address})
		}
	}
	release(all)
	return nil, errors.New("no free port found on 127.0.0.1")
}

// release gives the port up for whoever binds it next. It may be called again.
func (h *held) release() {
	if h.listener != nil {
		h.listener.Close()
		h.listener = nil
	}
}

func release(all []*held) {
	for _, h := range all {
		h.release()
	}
}

// ephemeralFirst is the first port that the kernel hands out by itself.
func ephemeralFirst() int {
	const rfc6335 = 49_152 // where it is on systems without the file
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return rfc6335
	}
	fields := strings.Fields(string(b))
	if len(fields) != 2 {
		return rfc6335
	}
	first, err := strconv.Atoi(fields[0])
	if err != nil {
		return rfc6335
	}
	return first
}
