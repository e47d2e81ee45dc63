package audit

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// memory is what a state knows of signed heads, so that a later audit refuses
// what goes back or contradicts them.
type memory struct {
	// final is the largest final checkpoint that was verified, nil before the first,
	// tree the tree at its size.
	final *checkpoint.Note
	tree  *edge
	// policies are those in force from the size of final on, ascending.
	policies []policySince
	// words are the newest of each cosigner, in the order in which they first came.
	words []word
}

// policySince is a policy and the index of the entry that brought it into force:
// it judges checkpoints of a greater size.
type policySince struct {
	since  uint64
	policy ledger.Policy
}

// word is one cosigner's signature that was verified.
type word struct {
	key  checkpoint.Key
	at   uint64           // unix seconds
	note *checkpoint.Note // with this key's line only
}

// newer tells whether a cosigner's word is the one to remember: that of the
// greater size, which an honest one signs at the later time.
func (w word) newer(than word) bool {
	if w.note.Size != than.note.Size {
		return w.note.Size > than.note.Size
	}
	return w.at > than.at
}

// remember keeps a cosigner's word if it is newer than the one known.
func (m *memory) remember(w word) {
	at := slices.IndexFunc(m.words, func(known word) bool { return known.key == w.key })
	switch {
	case at < 0:
		m.words = append(m.words, w)
	case w.newer(m.words[at]):
		m.words[at] = w
	}
}

// Final gives the largest final checkpoint that was verified; ok is false before
// there was one.
func (s *State) Final() (final checkpoint.Checkpoint, ok bool) {
	if s.memory.final == nil {
		return checkpoint.Checkpoint{}, false
	}
	return s.memory.final.Checkpoint, true
}

// base is the tree from which on every source is asked for its entries: that of
// the last final checkpoint, so that every later one can be judged.
func (s *State) base() *edge {
	if s.memory.final != nil {
		return s.memory.tree
	}
	return &s.edge
}

// policies gives those in force from the base on.
func (s *State) policies() []policySince {
	now := s.Policy()
	known := slices.Clone(s.memory.policies)
	if len(known) == 0 || known[len(known)-1].since != now.Since {
		known = append(known, policySince{now.Since, now.InForce})
	}
	return known
}

// wordsOf gives the word of every cosigner of a policy whose line under a note
// holds.
func wordsOf(policy ledger.Policy, note *checkpoint.Note) []word {
	var words []word
	for _, n := range policy.Nodes {
		key := policy.CosignerKey(n)
		at, err := key.Verify(note)
		if err != nil {
			continue
		}
		words = append(words, word{key: key, at: at, note: only(note, key)})
	}
	return words
}

// only gives a note with the first line of one key.
func only(note *checkpoint.Note, key checkpoint.Key) *checkpoint.Note {
	id := key.ID()
	for _, s := range note.Signatures {
		if s.Name == key.Name && s.KeyID == id {
			return &checkpoint.Note{Checkpoint: note.Checkpoint, Signatures: []checkpoint.Signature{s}}
		}
	}
	return nil
}

func headOf(c checkpoint.Checkpoint) TreeHead {
	return TreeHead{Size: c.Size, Root: merkle.Hash(c.Root)}
}
