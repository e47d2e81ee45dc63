package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
)

// Limits of one read.
const (
	// PageMax is the largest limit of a paged read.
	PageMax = 4096
	// hashesMax is the largest number of tree hashes of one read.
	hashesMax = 256
)

// Snapshot is the ledger at one size. It stays as it is while the ledger grows
// and must be closed. All its methods may be called from several goroutines,
// but none after Close. It implements rules.View and merkle.Reader.
type Snapshot struct {
	view
	store *Store
	taken *pebble.Snapshot // nil when the store could not give one
	head  storedHead
	close sync.Once
}

// Snapshot takes a snapshot. It always gives one; on a store that failed or is
// closed, or when the head cannot be read, Err says so and nothing can be read.
func (s *Store) Snapshot() *Snapshot {
	s.lifecycle.RLock()
	defer s.lifecycle.RUnlock()
	snapshot := &Snapshot{store: s}
	err := s.failure.err()
	if s.closed {
		err = ErrClosed
	}
	if err != nil {
		snapshot.from = brokenReader{err}
		snapshot.fail(err)
		return snapshot
	}
	s.snapshots.Add(1)
	snapshot.taken = s.db.NewSnapshot()
	snapshot.from, snapshot.rulesVersion = snapshot.taken, s.genesis.RulesVersion
	snapshot.head, err = snapshot.stored()
	snapshot.fail(err)
	return snapshot
}

// Close lets the snapshot go. A second Close does nothing.
func (s *Snapshot) Close() error {
	var err error
	s.close.Do(func() {
		if s.taken != nil {
			err = s.store.failure.guard(s.taken.Close)
			s.store.snapshots.Add(-1)
		}
	})
	return err
}

// Size gives the number of entries.
func (s *Snapshot) Size() uint64 { return s.head.Size }

// Head gives the end of the ledger.
func (s *Snapshot) Head() ledger.Head { return s.head.Head }

// Root gives the root over all entries.
func (s *Snapshot) Root() merkle.Hash { return s.head.Root }

// Entry gives the bytes of an entry, as they were hashed. The error is ErrRange
// for an index past the end, or a CorruptError that names the entry.
func (s *Snapshot) Entry(index uint64) ([]byte, error) {
	if index >= s.head.Size {
		return nil, s.past(index)
	}
	return s.entry(index)
}

func (s *Snapshot) past(index uint64) error {
	if err := s.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: entry %d of a ledger of %d", ErrRange, index, s.head.Size)
}

// Entries hands the entries from index from up to, not including, index to to
// use, in order. The bytes are valid until use returns. An error of use ends the
// call and is returned as it is. Else the error is ErrRange, or a CorruptError
// that names the first entry that cannot be read.
func (s *Snapshot) Entries(from, to uint64, use func(index uint64, entry []byte) error) error {
	if from > to || to > s.head.Size {
		return s.past(to)
	}
	return s.entries(from, to, use)
}

func (r reading) entries(from, to uint64, use func(index uint64, entry []byte) error) error {
	iter, err := r.from.NewIter(&pebble.IterOptions{LowerBound: entryKey(from), UpperBound: entryKey(to)})
	if err != nil {
		return readEntryError(err, from)
	}
	next := from
	err = func() error {
		for ok := iter.First(); ok; ok = iter.Next() {
			if len(iter.Key()) != len(entryKey(0)) || binary.BigEndian.Uint64(iter.Key()[1:]) != next {
				return corruptEntry(next, nil, "it is missing")
			}
			entry, err := iter.ValueAndErr()
			if err != nil {
				return readEntryError(err, next)
			}
			if err := use(next, entry); err != nil {
				return err
			}
			next++
		}
		if err := iter.Error(); err != nil {
			return readEntryError(err, next)
		}
		if next < to {
			return corruptEntry(next, nil, "it is missing")
		}
		return nil
	}()
	if closeErr := iter.Close(); err == nil && closeErr != nil {
		err = readEntryError(closeErr, next)
	}
	return err
}

// Hashes implements merkle.Reader. The error is ErrRange for more than 256 hashes,
// or for such as this size of the ledger does not have.
func (s *Snapshot) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if err := s.hasHashes(level, to); err != nil {
		return nil, err
	}
	return s.reading.Hashes(level, from, to)
}

// Row implements merkle.RowReader. The error is that of Hashes.
func (s *Snapshot) Row(level uint8, from, to uint64) (*merkle.Row, error) {
	if err := s.hasHashes(level, to); err != nil {
		return nil, err
	}
	return s.store.tree.row(s.reading, level, from, to)
}

func (s *Snapshot) hasHashes(level uint8, to uint64) error {
	if err := s.Err(); err != nil {
		return err
	}
	if level > 7 || to > s.head.Size>>(8*level) {
		return fmt.Errorf("%w: tree hash %d of level %d in a ledger of %d", ErrRange, to, level, s.head.Size)
	}
	return nil
}

// Receipt says where an event stands; ok is false for an event that is not in
// the ledger.
func (s *Snapshot) Receipt(id ledger.EventID) (receipt ledger.Receipt, ok bool, err error) {
	index, ok, err := s.eventIndex(id)
	if err != nil || !ok {
		return ledger.Receipt{}, false, err
	}
	receipt, err = s.receipt(id, index)
	return receipt, err == nil, err
}

// ReceiptAt is Receipt of an event that is said to stand at an index; ok is false where
// it does not.
func (s *Snapshot) ReceiptAt(event *ledger.Event, index uint64) (receipt ledger.Receipt, ok bool, err error) {
	if err := s.Err(); err != nil || index >= s.head.Size {
		return ledger.Receipt{}, false, err
	}
	b, entry, err := s.decoded(index)
	if err != nil || !bytes.Equal(entry.Signed.Event, event.Signed.Event) {
		return ledger.Receipt{}, false, err
	}
	return receiptOf(event.ID, index, b, entry), true, nil
}

func (r reading) receipt(id ledger.EventID, index uint64) (ledger.Receipt, error) {
	b, entry, err := r.decoded(index)
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receiptOf(id, index, b, entry), nil
}

func receiptOf(id ledger.EventID, index uint64, b []byte, entry *ledger.Entry) ledger.Receipt {
	return ledger.Receipt{Event: id, Index: index, RecordedAt: entry.RecordedAt, Leaf: merkle.LeafHash(b)}
}

// Openings gives the openings beside an entry, ascending by field; none is no
// error.
func (s *Snapshot) Openings(index uint64) (openings []ledger.Opening, err error) {
	_, err = s.get(openingsKey(index), "openings", func(b []byte) (err error) {
		openings, err = decodeOpenings(b)
		return err
	})
	return openings, err
}

// Items lists a party's items in the order of their ids, those above after, at
// most limit of them; the zero id begins at the first. More may follow after
// the last.
func (s *Snapshot) Items(by By, party ledger.PartyID, afterItem ledger.ItemID, limit int) ([]ledger.ItemID, error) {
	if by != ByHolder && by != ByOwner && by != ByRegistrant {
		return nil, fmt.Errorf("%w: list %d", ErrRange, by)
	}
	return s.partyItems(by, party, afterItem, limit)
}

// OutsideClaims lists the live items, set ones in live pieces too, of which an outside
// id stands, in the order of their ids, as Items does. Two make both contested.
func (s *Snapshot) OutsideClaims(id rules.OutsideID, afterItem ledger.ItemID, limit int) ([]ledger.ItemID, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	prefix, err := outsideIDPrefix(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRange, err)
	}
	var items []ledger.ItemID
	err = s.scan(above(prefix, afterItem), after(prefix), "claims of an outside id", func(key, _ []byte) (bool, error) {
		id := ledger.ItemID(key[len(prefix):])
		stands, err := s.standing(id)
		if stands {
			items = append(items, id)
		}
		return len(items) < limit, err
	})
	return items, err
}

// standing tells whether an item that the index has is live, and in no piece that is
// not: what is set in a destroyed piece keeps its own status. As rules.StandingOf, but
// a failed read is an error.
func (s *Snapshot) standing(id ledger.ItemID) (bool, error) {
	for {
		item, ok, err := s.item(id)
		switch {
		case err != nil:
			return false, err
		case !ok:
			return false, corrupt(nil, "item %s, which another value names, is missing", id)
		case !item.Set():
			return item.Status == rules.Live, nil
		}
		id = item.Within
	}
}

// OutsideIDs gives the outside ids that stand as an item's, in the order in which they
// were claimed: those that it came with, as corrected, without what a ruling struck.
func (s *Snapshot) OutsideIDs(item ledger.ItemID) ([]rules.OutsideID, error) {
	return s.outsideIDs(item)
}

// Contested tells whether an outside id of a live item stands as that of another live
// item too.
func (s *Snapshot) Contested(item rules.Item) (bool, error) {
	if stands, err := s.standing(item.ID); err != nil || !stands {
		return false, err
	}
	ids, err := s.outsideIDs(item.ID)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		claims, err := s.OutsideClaims(id, ledger.ItemID{}, 2)
		if err != nil || len(claims) > 1 {
			return err == nil, err
		}
	}
	return false, nil
}

func checkLimit(limit int) error {
	if limit < 1 || limit > PageMax {
		return fmt.Errorf("%w: a page of %d, expected 1 to %d", ErrRange, limit, PageMax)
	}
	return nil
}
