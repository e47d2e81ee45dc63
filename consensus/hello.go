package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// After TLS has said which node is at the other end, the one that dialed says
// which server it is and whom it means, in one frame:
//
//	length u16 of what follows | version u8 = 1 | ledger id 32 | cluster 32
//	from: length u8 + server id | to: length u8 + server id
//
// and gets one byte back, an answer. raft's own messages follow.
type hello struct {
	ledgerID [32]byte
	cluster  [32]byte
	from, to ServerID
}

const (
	helloVersion    = 1
	helloBytesMax   = 1 + 32 + 32 + 2*(1+nodeIDBytesMax+1+2*IncarnationBytes)
	helloFixedBytes = 1 + 32 + 32
)

type helloAnswer byte

const (
	helloWelcome helloAnswer = iota
	helloMalformed
	helloOtherLedger
	helloOtherCluster
	helloOtherServer
	helloNotMember
	helloNotReady
	helloTooMany
)

var helloReasons = map[helloAnswer]string{
	helloMalformed:    "it could not read this node's hello",
	helloOtherLedger:  "it keeps another ledger",
	helloOtherCluster: "it belongs to another raft cluster",
	helloOtherServer:  "another server runs there: the data folder is not the one in this node's raft configuration",
	helloNotMember:    "this server is not in its raft configuration",
	helloNotReady:     "it does not run raft yet",
	helloTooMany:      "it has too many connections from this node",
}

// RefusedError says why the other node closed a raft connection.
type RefusedError struct {
	By     string // server id that was dialed
	answer helloAnswer
}

func (e *RefusedError) Error() string {
	reason, ok := helloReasons[e.answer]
	if !ok {
		reason = fmt.Sprintf("answer %d", e.answer)
	}
	return fmt.Sprintf("consensus: %s refused this server: %s", e.By, reason)
}

func (h hello) encode() []byte {
	b := make([]byte, 2, 2+helloBytesMax)
	b = append(b, helloVersion)
	b = append(b, h.ledgerID[:]...)
	b = append(b, h.cluster[:]...)
	for _, s := range []ServerID{h.from, h.to} {
		text := s.String()
		b = append(b, byte(len(text)))
		b = append(b, text...)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	return b
}

// decodeHello reads the frame without its length.
func decodeHello(b []byte) (hello, error) {
	if len(b) < helloFixedBytes || len(b) > helloBytesMax || b[0] != helloVersion {
		return hello{}, errors.New("consensus: hello of the wrong length or version")
	}
	h := hello{ledgerID: [32]byte(b[1:33]), cluster: [32]byte(b[33:65])}
	rest := b[helloFixedBytes:]
	for _, s := range []*ServerID{&h.from, &h.to} {
		if len(rest) == 0 || len(rest)-1 < int(rest[0]) {
			return hello{}, errors.New("consensus: hello is cut short")
		}
		var err error
		if *s, err = ParseServerID(string(rest[1 : 1+int(rest[0])])); err != nil {
			return hello{}, err
		}
		rest = rest[1+int(rest[0]):]
	}
	if len(rest) != 0 {
		return hello{}, errors.New("consensus: bytes after the end of a hello")
	}
	return h, nil
}

func readHello(r io.Reader) (hello, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return hello{}, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > helloBytesMax {
		return hello{}, fmt.Errorf("consensus: hello of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return hello{}, err
	}
	return decodeHello(b)
}
