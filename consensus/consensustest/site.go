// Package consensustest gives tests of what stands on consensus a network in
// memory, and raft logs that lose their power.
package consensustest

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/custodyledger/custodyledger/consensus"
)

// rpcTimeout is how long a raft request waits for its answer.
const rpcTimeout = 300 * time.Millisecond

// Site is where the servers of a cluster stand: one supply of power, one
// network. Its methods may be called from any goroutine.
type Site struct {
	power sync.RWMutex // held for reading by each write to a disk

	mu       sync.Mutex
	servers  []*Server        // with power
	isolated map[*Server]bool // reached by nobody
}

// NewSite gives an empty site.
func NewSite() *Site { return &Site{isolated: make(map[*Server]bool)} }

// Server is one run of a server: its raft log and votes on a disk, and its place
// in the network. It ends with a power cut.
type Server struct {
	*disk
	site  *Site
	trans *raft.InmemTransport
}

// NewServer gives a server with an empty disk, connected to the others.
//
// wrote is called before and after each write to the disk, from the writer's
// goroutine; it may cut the power.
func (s *Site) NewServer(id consensus.ServerID, wrote func(w Write, done bool)) *Server {
	return s.add(id.String(), newDisk(&s.power, wrote))
}

func (s *Site) add(address string, d *disk) *Server {
	_, trans := raft.NewInmemTransportWithTimeout(raft.ServerAddress(address), rpcTimeout)
	server := &Server{disk: d, site: s, trans: trans}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers = append(s.servers, server)
	s.connect()
	return server
}

// Substitute puts the server's disk and network into c.
func (s *Server) Substitute(c consensus.Config) consensus.Config {
	return c.Substitute(consensus.Substitutes{Transport: s.trans, Logs: s.disk, Stable: s.disk})
}

// Isolate takes a server off the network, or back on it.
func (s *Server) Isolate(isolated bool) {
	s.site.mu.Lock()
	defer s.site.mu.Unlock()
	s.site.isolated[s] = isolated
	s.site.connect()
}

// Reaches reports whether a message from s arrives at another server.
func (s *Server) Reaches(other *Server) bool {
	s.site.mu.Lock()
	defer s.site.mu.Unlock()
	return s.site.reachable(s) && s.site.reachable(other)
}

// HasPower is true until the power of the server is cut.
func (s *Server) HasPower() bool { return s.powered.Load() }

// Cut cuts the power of servers, all at one instant, in which also is called:
// what it takes of other disks fits what the raft logs hold. Nothing that a
// server does afterwards reaches its disk or another server; it is to be shut
// down all the same. A server that has no power already is left out.
//
// The result has, for each server that was cut, one that starts from what its
// disk held.
func (s *Site) Cut(also func(cut []*Server), servers ...*Server) map[*Server]*Server {
	s.power.Lock()
	var cut []*Server
	disks := make(map[*Server]*disk)
	for _, server := range servers {
		if server.powered.CompareAndSwap(true, false) {
			cut = append(cut, server)
			disks[server] = server.survivor()
		}
	}
	also(cut)
	s.power.Unlock()

	s.mu.Lock()
	s.servers = slices.DeleteFunc(s.servers, func(o *Server) bool { return slices.Contains(cut, o) })
	for _, server := range cut {
		delete(s.isolated, server)
		server.trans.DisconnectAll()
	}
	s.connect()
	s.mu.Unlock()

	after := make(map[*Server]*Server)
	for _, server := range cut {
		after[server] = s.add(string(server.trans.LocalAddr()), disks[server])
	}
	return after
}

func (s *Site) reachable(server *Server) bool { return server.powered.Load() && !s.isolated[server] }

// connect lets every reachable pair talk, and no other. The caller holds mu.
func (s *Site) connect() {
	for _, from := range s.servers {
		from.trans.DisconnectAll()
	}
	for _, from := range s.servers {
		for _, to := range s.servers {
			if from != to && s.reachable(from) && s.reachable(to) {
				from.trans.Connect(to.trans.LocalAddr(), to.trans)
			}
		}
	}
}
