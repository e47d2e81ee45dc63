package consensus

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// decodeMembers reads a raft configuration that came from a peer or from
// disk. raft's own decoder panics on what it cannot read; and a configuration
// that breaks the rules below would stop raft later.
func decodeMembers(b []byte) (members raft.Configuration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("consensus: unreadable raft configuration: %v", p)
		}
	}()
	members = raft.DecodeConfiguration(b)
	voters, nodes := 0, make(map[string]bool)
	for _, s := range members.Servers {
		id, err := ParseServerID(string(s.ID))
		if err != nil {
			return raft.Configuration{}, err
		}
		if string(s.Address) != string(s.ID) {
			return raft.Configuration{}, fmt.Errorf("consensus: server %s with the address %.100q", s.ID, s.Address)
		}
		if nodes[id.Node] {
			return raft.Configuration{}, fmt.Errorf("consensus: node %s stands twice in the raft configuration", id.Node)
		}
		nodes[id.Node] = true
		switch s.Suffrage {
		case raft.Voter:
			voters++
		case raft.Nonvoter:
		default:
			return raft.Configuration{}, fmt.Errorf("consensus: server %s with suffrage %d", s.ID, s.Suffrage)
		}
	}
	if voters == 0 {
		return raft.Configuration{}, fmt.Errorf("consensus: raft configuration without a voter")
	}
	return members, nil
}

// memberOf finds a server in a configuration.
func memberOf(members raft.Configuration, server ServerID) (raft.Server, bool) {
	id := raft.ServerID(server.String())
	for _, s := range members.Servers {
		if s.ID == id {
			return s, true
		}
	}
	return raft.Server{}, false
}
