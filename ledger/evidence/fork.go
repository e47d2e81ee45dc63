package evidence

import (
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Side is one of two histories: a signed head and the leaf that it holds at an
// index.
type Side struct {
	Note  *checkpoint.Note
	Leaf  merkle.Hash
	Proof []merkle.Hash // inclusion proof to the note's size
}

// Forked makes evidence of two signed heads that hold different leaves at one
// index. Lines of keys that the trust does not know are left out.
func Forked(trust *Trust, index uint64, a, b Side) (*Evidence, error) {
	notes, err := trust.reduce(a.Note, b.Note, nil)
	if err != nil {
		return nil, err
	}
	return build(trust, KindForked, &forked{Index: index, Sides: []sideJSON{
		{Note: notes[0], Leaf: a.Leaf, Proof: a.Proof},
		{Note: notes[1], Leaf: b.Leaf, Proof: b.Proof},
	}})
}

type forked struct {
	Index uint64     `json:"index"`
	Sides []sideJSON `json:"sides"`
}

type sideJSON struct {
	Note  string      `json:"note"`
	Leaf  merkle.Hash `json:"leaf"`
	Proof hashes      `json:"proof"`
}

func (c *forked) notes() []string {
	var notes []string
	for _, s := range c.Sides {
		notes = append(notes, s.Note)
	}
	return notes
}

func (c *forked) verify(t *Trust) (Verdict, error) {
	heads, err := t.readHeads(c.notes())
	if err != nil {
		return Verdict{}, err
	}
	for i, s := range c.Sides {
		note := heads[i].note
		if err := merkle.VerifyInclusion(c.Index, note.Size, s.Leaf, s.Proof, note.Root); err != nil {
			return Verdict{}, unproven("leaf %d of the head of size %d: %v", c.Index, note.Size, err)
		}
	}
	a, b := c.Sides[0], c.Sides[1]
	if a.Leaf == b.Leaf {
		return Verdict{}, unproven("both heads hold the same entry at index %d", c.Index)
	}
	v := Verdict{Origin: heads[0].note.Origin, Convicted: heads.both()}
	sizes := [2]uint64{heads[0].note.Size, heads[1].note.Size}
	if len(v.Convicted) > 0 {
		v.prove("%s signed two histories of log %s: at index %d the head of size %d has leaf %s, the head of size %d leaf %s.",
			names(v.Convicted), v.Origin, c.Index, sizes[0], a.Leaf, sizes[1], b.Leaf)
	} else {
		v.Answerable = append(heads[0].accused(), heads[1].accused()...)
		v.prove("Two histories of log %s were signed: at index %d the head of size %d, signed by %s, has leaf %s, and the head of size %d, signed by %s, leaf %s. Those who signed one of the two are wrong.",
			v.Origin, c.Index, sizes[0], names(heads[0].accused()), a.Leaf, sizes[1], names(heads[1].accused()), b.Leaf)
	}
	v.limit("which of the two histories is the true one")
	v.limit("whether those who signed meant it: a stolen key gives the same picture")
	v.limit("anything about those who signed one of the two only")
	return v, nil
}

func (c *forked) fact() []string { return lineFacts(c.notes()) }
