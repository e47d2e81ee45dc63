package consensus

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// IncarnationBytes is the length of the random part of a server id.
const IncarnationBytes = 8

const nodeIDBytesMax = 64

// ServerID names one data folder of one node. Raft counts votes by it. A node
// whose folder was lost or restored gets a new incarnation, and so a new
// server id: a voter that forgot its log must never vote under its old name.
//
// Its text form, "<node id>.<16 hex digits>", is also the server's address
// inside raft; host and port are looked up by node id when dialing.
type ServerID struct {
	Node        string
	Incarnation [IncarnationBytes]byte
}

// NewServerID draws an incarnation from random. Call it once, when the data
// folder is made, and store the result in that folder.
func NewServerID(node string, random io.Reader) (ServerID, error) {
	s := ServerID{Node: node}
	if err := checkNodeID(node); err != nil {
		return ServerID{}, err
	}
	if _, err := io.ReadFull(random, s.Incarnation[:]); err != nil {
		return ServerID{}, fmt.Errorf("consensus: draw an incarnation: %w", err)
	}
	return s, nil
}

// ParseServerID reads the text form; one server id has one text form.
func ParseServerID(text string) (ServerID, error) {
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 || len(text)-dot-1 != 2*IncarnationBytes {
		return ServerID{}, fmt.Errorf("consensus: %.100q is not <node id>.<%d hex digits>", text, 2*IncarnationBytes)
	}
	s := ServerID{Node: text[:dot]}
	if err := checkNodeID(s.Node); err != nil {
		return ServerID{}, err
	}
	if _, err := hex.Decode(s.Incarnation[:], []byte(text[dot+1:])); err != nil || s.String() != text {
		return ServerID{}, fmt.Errorf("consensus: %.100q does not end in lower-case hex digits", text)
	}
	return s, nil
}

// IsZero reports whether s names no server.
func (s ServerID) IsZero() bool { return s == ServerID{} }

func (s ServerID) String() string {
	return s.Node + "." + hex.EncodeToString(s.Incarnation[:])
}

func checkNodeID(node string) error {
	if node == "" || len(node) > nodeIDBytesMax {
		return fmt.Errorf("consensus: a node id has 1 to %d characters, %.100q has %d", nodeIDBytesMax, node, len(node))
	}
	for _, c := range []byte(node) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return errors.New("consensus: a node id holds a-z, 0-9, '-', '_' and '.' only")
		}
	}
	return nil
}
