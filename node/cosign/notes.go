package cosign

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// notes are the signed heads that a node remembers while it runs.
type notes struct {
	mu sync.Mutex
	// own is the last head that this node signed, with the log line of the leader
	// that asked for it.
	own *checkpoint.Note
	// newest is, by node, the newest head with that node's cosignature.
	newest map[string]*checkpoint.Note
	// recent are the last own and final notes, for a head that turns out to differ.
	recent []*checkpoint.Note

	lastRaw  []byte // the last final note that was parsed
	lastNote *checkpoint.Note
}

func (n *notes) setOwn(note *checkpoint.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.own = note
	n.keepRecent(note)
}

// recentMax is how many own and final notes are kept.
const recentMax = 256

// keepRecent is called under mu.
func (n *notes) keepRecent(note *checkpoint.Note) {
	if len(n.recent) >= recentMax {
		n.recent = append(n.recent[:0], n.recent[1:]...)
	}
	n.recent = append(n.recent, note)
}

// ofSize gives the recent own and final notes of a size.
func (n *notes) ofSize(size uint64) []*checkpoint.Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	var same []*checkpoint.Note
	for _, note := range n.recent {
		if note.Size == size {
			same = append(same, note)
		}
	}
	return same
}

func (n *notes) ownNote() *checkpoint.Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.own
}

// remember keeps a head with a node's cosignature, which was verified.
func (n *notes) remember(node string, note *checkpoint.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.newest == nil {
		n.newest = map[string]*checkpoint.Note{}
	}
	if last := n.newest[node]; last == nil || last.Size <= note.Size {
		n.newest[node] = note
	}
}

func (n *notes) of(node string) *checkpoint.Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.newest[node]
}

// parse reads a final note; the last one is kept.
func (n *notes) parse(raw []byte) (*checkpoint.Note, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lastNote != nil && bytes.Equal(raw, n.lastRaw) {
		return n.lastNote, nil
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return nil, err
	}
	n.lastRaw, n.lastNote = raw, note
	n.keepRecent(note)
	return note, nil
}

func encoded(note *checkpoint.Note) []byte {
	if note == nil {
		return nil
	}
	return note.Encode()
}

// lineOf finds a key's line in a note and checks it.
func lineOf(key checkpoint.Key, note *checkpoint.Note) (line checkpoint.Signature, at uint64, err error) {
	if at, err = key.Verify(note); err != nil {
		return line, 0, err
	}
	id := key.ID()
	for _, s := range note.Signatures {
		if s.Name == key.Name && s.KeyID == id {
			return s, at, nil
		}
	}
	return line, 0, fmt.Errorf("%w %s", checkpoint.ErrUnsigned, key)
}

// signedBy reads a note and demands that a node's log key signed it.
func signedBy(p ledger.Policy, node string, raw []byte) (*checkpoint.Note, checkpoint.Signature, error) {
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return nil, checkpoint.Signature{}, err
	}
	if note.Origin != p.Origin {
		return nil, checkpoint.Signature{}, fmt.Errorf("a checkpoint of %.100q", note.Origin)
	}
	n, ok := p.Node(node)
	if !ok {
		return nil, checkpoint.Signature{}, fmt.Errorf("the policy in force has no node %s", node)
	}
	line, _, err := lineOf(p.LogKey(n), note)
	return note, line, err
}
