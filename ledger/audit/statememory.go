package audit

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// The part of the state file about signed heads, see stateMagic.

func (w *stateWriter) memory(m *memory) {
	if m.final == nil {
		w.uint32(0)
	} else {
		w.note(m.final)
		w.rows(m.tree)
		w.uint16(len(m.policies))
		for _, p := range m.policies {
			w.uint64(p.since)
			w.policy(p.policy)
		}
	}
	w.uint16(len(m.words))
	for _, word := range m.words {
		w.short(word.key.Name)
		wire := word.key.Public.Bytes()
		w.uint16(len(wire))
		w.bytes(wire)
		w.note(word.note)
	}
}

func (w *stateWriter) note(n *checkpoint.Note) {
	b := n.Encode()
	w.uint32(len(b))
	w.bytes(b)
}

func (w *stateWriter) rows(e *edge) {
	for level := range e.rows {
		for i := range e.rows[level] {
			w.bytes(e.rows[level][i][:])
		}
	}
}

func (r *stateReader) memory(s *State) {
	m := &s.memory
	if m.final = r.note(s, true); m.final != nil {
		m.tree = r.edge(m.final.Size)
		if r.err == nil && m.tree.tree.Root() != m.final.Root {
			r.fail("the tree of its final checkpoint has another root")
		}
		r.each(uint64(r.uint16()), func() { m.policies = append(m.policies, policySince{r.index(s), r.policy(s)}) })
		if r.err == nil && !validSinces(m.policies, m.final.Size) {
			r.fail("the policies since its final checkpoint are out of order")
		}
	}
	r.each(uint64(r.uint16()), func() { r.word(s) })
}

// validSinces: ascending, and the first is in force at the size of the final
// checkpoint.
func validSinces(policies []policySince, size uint64) bool {
	if len(policies) == 0 || policies[0].since >= size {
		return false
	}
	for i := 1; i < len(policies); i++ {
		if policies[i].since <= policies[i-1].since || policies[i].since < size {
			return false
		}
	}
	return true
}

// edge reads the incomplete tiles of a tree.
func (r *stateReader) edge(size uint64) *edge {
	e := new(edge)
	for level := range e.rows {
		for range rowLen(size, level) {
			e.rows[level] = append(e.rows[level], r.hash())
		}
	}
	if r.err == nil {
		if err := e.rebuild(size); err != nil {
			r.fail("%v", err)
		}
	}
	return e
}

// note reads a note of this ledger that covers no more than the state; none, a
// length of 0, only where that is allowed.
func (r *stateReader) note(s *State, noneAllowed bool) *checkpoint.Note {
	length := int(r.uint32())
	if length == 0 && noneAllowed || r.err != nil {
		return nil
	}
	if length > checkpoint.NoteBytesMax {
		r.fail("a note of %d bytes", length)
		return nil
	}
	b := make([]byte, 0, length)
	for len(b) < length && r.err == nil {
		b = append(b, r.take(min(len(r.buf), length-len(b)))...)
	}
	if r.err != nil {
		return nil
	}
	note, err := checkpoint.ParseNote(b)
	switch {
	case err != nil:
		r.fail("%v", err)
	case note.Origin != s.genesis.Name || note.Size == 0 || noneAllowed && note.Size > s.head.Size:
		r.fail("a checkpoint of log %.80q and size %d", note.Origin, note.Size)
	}
	if r.err != nil {
		return nil
	}
	return note
}

// word reads a cosigner's signature, and verifies it.
func (r *stateReader) word(s *State) {
	name := r.long()
	wire := []byte(r.short())
	note := r.note(s, false)
	if r.err != nil {
		return
	}
	public, err := sign.ParsePublicKey(wire)
	if err != nil {
		r.fail("key of a cosigner: %v", err)
		return
	}
	key, err := checkpoint.NewKey(name, checkpoint.CosignerKey, public)
	if err != nil {
		r.fail("key of a cosigner: %v", err)
		return
	}
	at, err := key.Verify(note)
	if err != nil || len(note.Signatures) != 1 {
		r.fail("word of %s: %d lines, %v", key, len(note.Signatures), err)
		return
	}
	if slices.ContainsFunc(s.memory.words, func(w word) bool { return w.key == key }) {
		r.fail("cosigner %s stands twice", key)
		return
	}
	s.memory.words = append(s.memory.words, word{key: key, at: at, note: note})
}

// long reads a text that may be longer than a short one, up to a key's name.
func (r *stateReader) long() string {
	n := int(r.uint16())
	if n > 2*len(r.buf) {
		r.fail("a text has %d bytes", n)
		return ""
	}
	b := append([]byte(nil), r.take(min(n, len(r.buf)))...)
	return string(append(b, r.take(n-len(b))...))
}
