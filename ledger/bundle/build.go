package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

// Source is where a bundle is made of: a ledger of at least the size of the final
// checkpoint.
type Source interface {
	// Entry gives the bytes of an entry, as they were hashed.
	Entry(index uint64) ([]byte, error)
	merkle.Reader
}

// Subject is an item and the last entry that names it.
type Subject struct {
	Item ledger.ItemID
	Last uint64
}

// Final is the checkpoint that a bundle is made under.
type Final struct {
	RulesVersion uint32
	Note         *checkpoint.Note
	Policy       ledger.Policy // in force there
	// Governance lists every entry of kinds governance and handover below its size,
	// in order.
	Governance []uint64
}

// Build makes a bundle without statements; without subjects it shows the policy
// alone. Every subject's last entry must lie
// below the size of the final checkpoint.
//
// The error is the source's, or wraps ErrTooLarge. What is built should be
// verified before it is given to somebody.
func Build(source Source, final Final, subjects []Subject) (*Bundle, error) {
	c := collector{source: source, size: final.Note.Size, entries: map[uint64][]byte{}, open: []uint64{0}}
	b := &Bundle{Note: boundLines(final.Note, final.Policy)}
	for _, s := range subjects {
		b.Subjects = append(b.Subjects, s.Item)
		c.open = append(c.open, s.Last)
	}
	slices.SortFunc(b.Subjects, func(x, y ledger.ItemID) int { return strings.Compare(string(x[:]), string(y[:])) })
	b.Subjects = slices.Compact(b.Subjects)
	if err := c.governance(final.RulesVersion, final.Governance); err != nil {
		return nil, err
	}
	if err := c.collect(); err != nil {
		return nil, err
	}
	for _, index := range c.indexes() {
		proof, err := merkle.InclusionProof(source, index, c.size)
		if err != nil {
			return nil, fmt.Errorf("prove entry %d: %w", index, err)
		}
		b.Entries = append(b.Entries, Entry{Bytes: c.entries[index], Proof: proof})
	}
	return b, c.proveHandovers(b)
}

// boundLines keeps the lines of the policy's keys, in the order that Verify demands.
func boundLines(note *checkpoint.Note, policy ledger.Policy) []byte {
	bound := checkpoint.Note{Checkpoint: note.Checkpoint}
	for _, key := range policyKeys(policy) {
		for _, line := range note.Signatures {
			if line.Name == key.Name && line.KeyID == key.ID() {
				bound.Signatures = append(bound.Signatures, line)
				break
			}
		}
	}
	return bound.Encode()
}

// collector follows links.
type collector struct {
	source    Source
	size      uint64
	entries   map[uint64][]byte
	bytes     int
	open      []uint64
	handovers []uint64
}

func (c *collector) read(index uint64) (*ledger.Entry, error) {
	if index >= c.size {
		return nil, fmt.Errorf("entry %d is not under the checkpoint of size %d", index, c.size)
	}
	b, err := c.source.Entry(index)
	if err != nil {
		return nil, fmt.Errorf("read entry %d: %w", index, err)
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return nil, fmt.Errorf("read entry %d: %w", index, err)
	}
	return entry, nil
}

func (c *collector) collect() error {
	for len(c.open) > 0 {
		index := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		if _, known := c.entries[index]; known {
			continue
		}
		entry, err := c.read(index)
		if err != nil {
			return err
		}
		b, err := entry.Encode()
		if err != nil {
			return fmt.Errorf("read entry %d: %w", index, err)
		}
		c.entries[index] = b
		if c.bytes += len(b); c.bytes > BytesMax || len(c.entries) > EntriesMax {
			return fmt.Errorf("%w: more than %d entries or %d bytes; ask for fewer items", ErrTooLarge, EntriesMax, BytesMax)
		}
		c.open = append(c.open, entry.Links...)
	}
	return nil
}

func (c *collector) indexes() []uint64 {
	indexes := make([]uint64, 0, len(c.entries))
	for index := range c.entries {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	return indexes
}
