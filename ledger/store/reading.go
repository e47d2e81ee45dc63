package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// reading reads stored values from the database or a snapshot of it.
type reading struct {
	from         pebble.Reader
	rulesVersion uint32
}

// get hands a value to use, which must not keep it.
func (r reading) get(key []byte, what string, use func(value []byte) error) (found bool, err error) {
	value, closer, err := r.from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, readError(err, what)
	}
	if err = use(value); err != nil {
		err = corrupt(err, "%s", what)
	}
	if closeErr := closer.Close(); err == nil && closeErr != nil {
		err = readError(closeErr, what)
	}
	return true, err
}

func readError(err error, what string) error {
	if pebble.IsCorruptionError(err) {
		return corrupt(err, "%s", what)
	}
	return fmt.Errorf("store: read %s: %w", what, err)
}

func readEntryError(err error, index uint64) error {
	if pebble.IsCorruptionError(err) {
		return corruptEntry(index, err, "it cannot be read")
	}
	return fmt.Errorf("store: read entry %d: %w", index, err)
}

func (r reading) bytes(key []byte, what string) (value []byte, found bool, err error) {
	found, err = r.get(key, what, func(v []byte) error {
		value = bytes.Clone(v)
		return nil
	})
	return value, found, err
}

// entry reads an entry that must be there.
func (r reading) entry(index uint64) ([]byte, error) {
	value, closer, err := r.from.Get(entryKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, corruptEntry(index, nil, "it is missing")
	}
	if err != nil {
		return nil, readEntryError(err, index)
	}
	entry := bytes.Clone(value)
	if err := closer.Close(); err != nil {
		return nil, readEntryError(err, index)
	}
	return entry, nil
}

// eventIndex finds the entry of an event. One that made an item stands where that item
// was registered and has no key of its own.
func (r reading) eventIndex(id ledger.EventID) (index uint64, found bool, err error) {
	if index, found, err = r.number(eventKey(id), "an event's index"); found || err != nil {
		return index, found, err
	}
	item, found, err := r.item(ledger.NewItemID(id, 0))
	return item.Registered, found, err
}

// matter finds what an item is made of. What stands in its registration has no key of
// its own.
func (r reading) matter(id ledger.ItemID) (m rules.Matter, found bool, err error) {
	found, err = r.get(matterKey(id), "the matter of an item", func(b []byte) (err error) {
		m, err = decodeMatter(id, b)
		return err
	})
	if found || err != nil {
		return m, found, err
	}
	item, found, err := r.item(id)
	if err != nil || !found {
		return rules.Matter{}, false, err
	}
	_, _, event, err := r.event(item.Registered)
	if err != nil {
		return rules.Matter{}, false, err
	}
	body, ok := event.Body.(*custodyv1.ItemRegister)
	if !ok {
		return rules.Matter{}, false, corruptEntry(item.Registered, nil, "it does not register item "+id.String())
	}
	return rules.Registered(id, body), true, nil
}

// decoded reads an entry that must be there, its bytes and what they say.
func (r reading) decoded(index uint64) ([]byte, *ledger.Entry, error) {
	b, err := r.entry(index)
	if err != nil {
		return nil, nil, err
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return nil, nil, corruptEntry(index, err, "it cannot be decoded")
	}
	return b, entry, nil
}

// event reads an entry that must hold an event.
func (r reading) event(index uint64) ([]byte, *ledger.Entry, *ledger.Event, error) {
	b, entry, err := r.decoded(index)
	if err != nil {
		return nil, nil, nil, err
	}
	event, rejection := ledger.DecodeEvent(r.rulesVersion, entry.Signed)
	if rejection != nil {
		return nil, nil, nil, corruptEntry(index, rejection, "its event cannot be decoded")
	}
	return b, entry, event, nil
}

func (r reading) item(id ledger.ItemID) (i rules.Item, found bool, err error) {
	found, err = r.get(itemKey(id), "an item", func(b []byte) (err error) {
		i, err = decodeItem(id, b)
		return err
	})
	return i, found, err
}

// outsideIDs gives the outside ids that stand as an item's, in the order in which
// they were claimed.
func (r reading) outsideIDs(id ledger.ItemID) (ids []rules.OutsideID, err error) {
	_, err = r.get(outsideIDsKey(id), "the outside ids of an item", func(b []byte) (err error) {
		ids, err = decodeOutsideIDs(b)
		return err
	})
	return ids, err
}

// number reads a varint value, the only thing in it.
func (r reading) number(key []byte, what string) (n uint64, found bool, err error) {
	found, err = r.get(key, what, func(v []byte) error {
		d := decoder{b: v}
		n = d.number()
		return d.end()
	})
	return n, found, err
}

// scan hands the keys and values from lower up to, not including, upper to use
// until it says stop. What use gets is valid until it returns.
func (r reading) scan(lower, upper []byte, what string, use func(key, value []byte) (more bool, err error)) error {
	iter, err := r.from.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return readError(err, what)
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return errors.Join(readError(err, what), iter.Close())
		}
		more, err := use(iter.Key(), value)
		if err != nil {
			return errors.Join(err, iter.Close())
		}
		if !more {
			break
		}
	}
	err = iter.Error()
	if closeErr := iter.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return readError(err, what)
	}
	return nil
}

// Hashes implements merkle.Reader.
func (r reading) Hashes(level uint8, from, to uint64) ([]merkle.Hash, error) {
	if from >= to || to-from > hashesMax {
		return nil, fmt.Errorf("%w: tree hashes %d to %d, at most %d", ErrRange, from, to, hashesMax)
	}
	hashes := make([]merkle.Hash, 0, to-from)
	err := r.scan(treeKey(level, from), treeKey(level, to), "tree hashes", func(key, value []byte) (bool, error) {
		if at := binary.BigEndian.Uint64(key[2:]); at != from+uint64(len(hashes)) || len(value) != merkle.HashSize {
			return false, corrupt(nil, "tree hash %d of level %d", from+uint64(len(hashes)), level)
		}
		hashes = append(hashes, merkle.Hash(value))
		return true, nil
	})
	if err == nil && uint64(len(hashes)) != to-from {
		err = corrupt(nil, "tree hash %d of level %d is missing", from+uint64(len(hashes)), level)
	}
	return hashes, err
}

func (r reading) stored() (storedHead, error) {
	var head storedHead
	found, err := r.get(metaHead, "the head", func(v []byte) (err error) {
		head, err = decodeHead(v)
		return err
	})
	if err == nil && !found {
		err = corrupt(nil, "there is no head")
	}
	return head, err
}

func (r reading) state() (*state, error) {
	st := &state{}
	var err error
	if st.head, err = r.stored(); err != nil {
		return nil, err
	}
	if st.policy, err = r.policy(); err != nil {
		return nil, err
	}
	_, err = r.get(metaPosition, "the applied position", func(v []byte) (err error) {
		st.position, err = ledger.ParsePosition(v)
		return err
	})
	if err != nil {
		return nil, err
	}
	if st.final, err = r.final(nil); err != nil {
		return nil, err
	}
	if st.pointer, err = r.pointer(metaPointer, "the pointer"); err != nil {
		return nil, err
	}
	st.target, err = r.pointer(metaTarget, "the catch-up target")
	return st, err
}

func (r reading) policy() (rules.PolicyState, error) {
	var policy rules.PolicyState
	found, err := r.get(metaPolicy, "the policy", func(v []byte) (err error) {
		policy, err = decodePolicy(v)
		return err
	})
	if err == nil && !found {
		err = corrupt(nil, "there is no policy")
	}
	return policy, err
}

func (r reading) pointer(key []byte, what string) (*ledger.Pointer, error) {
	var pointer ledger.Pointer
	found, err := r.get(key, what, func(v []byte) (err error) {
		pointer, err = ledger.ParsePointer(v)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	return &pointer, nil
}
