package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// durability says what holds when a commit returns.
type durability bool

const (
	// written: a crash leaves this batch and all before it, or a prefix of them.
	written durability = false
	// durable: this batch and all before it are on disk.
	durable durability = true
)

// writer collects one atomic batch. The first error makes commit fail without
// writing. The caller holds Store.writing.
type writer struct {
	store    *Store
	batch    *pebble.Batch
	view     *applyView
	frontier *merkle.Frontier
	next     state
	entries  []rules.Sequenced
	err      error
}

func (s *Store) newWriter() *writer {
	return &writer{
		store:    s,
		batch:    s.db.NewBatch(),
		view:     newApplyView(reading{s.db}),
		frontier: s.frontier.Clone(),
		next:     *s.state.Load(),
	}
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) set(key, value []byte)        { w.fail(w.batch.Set(key, value, nil)) }
func (w *writer) remove(key []byte)            { w.fail(w.batch.Delete(key, nil)) }
func (w *writer) put(key, v []byte, err error) { w.fail(err); w.set(key, v) }

// entry adds an entry and the tree hashes that it completes.
func (w *writer) entry(index uint64, entry []byte, leaf merkle.Hash) {
	w.set(entryKey(index), entry)
	w.frontier.Append(leaf, func(level uint8, at uint64, h merkle.Hash) { w.set(treeKey(level, at), h[:]) })
}

// block adds entries with all that is found by them.
func (w *writer) block(entries []rules.Sequenced) {
	w.entries = entries
	var number encoder
	for _, e := range entries {
		index := e.Entry.Index
		w.entry(index, e.Bytes, e.Leaf)
		number.b = number.b[:0]
		number.number(index)
		w.set(eventKey(e.Candidate.ID), number.b)
		for _, item := range e.Candidate.Names() {
			w.set(namedKey(item, index), nil)
		}
		if item, ok := e.Candidate.Output(); ok {
			w.set(namedKey(item, index), nil)
		}
		if len(e.Candidate.Openings) > 0 {
			value, err := encodeOpenings(e.Candidate.Openings)
			w.put(openingsKey(index), value, err)
		}
	}
}

// changes writes new states and moves the index entries of items.
func (w *writer) changes(c rules.Changes) {
	for _, p := range c.Parties {
		value, err := encodeParty(p)
		w.put(partyKey(p.ID), value, err)
	}
	for _, k := range c.Keys {
		value, err := encodeKey(k)
		w.put(keyKey(k.Public.ID()), value, err)
	}
	for _, i := range c.Items {
		before, existed := w.view.Item(i.ID)
		value, err := encodeItem(i)
		w.put(itemKey(i.ID), value, err)
		w.itemIndexes(before, existed, i)
	}
	for _, r := range c.Registrations {
		w.set(referenceKey(r.Party, r.Reference), r.Item[:])
	}
}

// itemIndexes writes the difference between the index entries that an item had
// and those that it has now.
func (w *writer) itemIndexes(before rules.Item, existed bool, after rules.Item) {
	for _, index := range itemsBy {
		from, was := index.party(before)
		to, is := index.party(after)
		was = was && existed
		if was && (!is || from != to) {
			w.remove(heldBy(index.prefix, from, after.ID))
		}
		if is && (!was || from != to) {
			w.set(heldBy(index.prefix, to, after.ID), nil)
		}
	}
	was, is := existed && before.Status == rules.Live, after.Status == rules.Live
	if was == is {
		return
	}
	ids, err := w.outsideIDs(after)
	w.fail(err)
	for _, id := range ids {
		prefix, err := outsideIDPrefix(id)
		w.fail(err)
		key := append(prefix, after.ID[:]...)
		if is {
			w.set(key, nil)
		} else {
			w.remove(key)
		}
	}
}

// itemsBy says under which party an item is found in each index.
var itemsBy = []struct {
	prefix byte
	party  func(rules.Item) (ledger.PartyID, bool)
}{
	{prefixHeld, func(i rules.Item) (ledger.PartyID, bool) {
		return i.Custody.Party, i.Status == rules.Live && i.Custody.Outside == nil
	}},
	{prefixOwned, func(i rules.Item) (ledger.PartyID, bool) {
		return i.Title.Party, i.Status == rules.Live && i.Title.Outside == nil
	}},
	{prefixRegistered, func(i rules.Item) (ledger.PartyID, bool) { return i.Registrant, true }},
}

// outsideIDs gives the outside ids in an item's registration, which is one of
// the writer's entries or a stored one.
func (w *writer) outsideIDs(item rules.Item) ([]*custodyv1.OutsideId, error) {
	if len(w.entries) > 0 && item.Registered >= w.entries[0].Entry.Index {
		at := item.Registered - w.entries[0].Entry.Index
		if at < uint64(len(w.entries)) {
			if body, ok := w.entries[at].Candidate.Body.(*custodyv1.ItemRegister); ok {
				return body.OutsideIds, nil
			}
		}
		return nil, fmt.Errorf("store: item %s says it was registered by entry %d, which registers nothing", item.ID, item.Registered)
	}
	b, err := w.view.entry(item.Registered)
	if err != nil {
		return nil, err
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return nil, corruptEntry(item.Registered, err, "it cannot be decoded")
	}
	var event custodyv1.Event
	if err := proto.Unmarshal(entry.Signed.Event, &event); err != nil {
		return nil, corruptEntry(item.Registered, err, "its event cannot be decoded")
	}
	return event.GetItemRegister().GetOutsideIds(), nil
}

// head sets the end of the ledger; the frontier has its entries already.
func (w *writer) head(head ledger.Head) {
	w.next.head = storedHead{Head: head, Root: w.frontier.Root()}
	if w.frontier.Size() != head.Size {
		w.fail(fmt.Errorf("store: %d leaves for a ledger of %d entries", w.frontier.Size(), head.Size))
	}
	w.set(metaHead, w.next.head.encode())
}

func (w *writer) position(p ledger.Position) {
	w.next.position = p
	value, err := p.AppendBinary(nil)
	w.put(metaPosition, value, err)
}

func (w *writer) pointer(p ledger.Pointer) {
	w.next.pointer = &p
	value, err := p.AppendBinary(nil)
	w.put(metaPointer, value, err)
}

func (w *writer) target(p ledger.Pointer) {
	w.next.target = &p
	value, err := p.AppendBinary(nil)
	w.put(metaTarget, value, err)
}

func (w *writer) noTarget() {
	w.next.target = nil
	w.remove(metaTarget)
}

// commit writes the batch and makes it visible, or neither. Any error is a
// failure of the store.
func (w *writer) commit(d durability) error {
	w.fail(w.view.Err())
	if w.err != nil {
		return w.store.failure.set(w.err)
	}
	options := pebble.NoSync
	if d == durable {
		options = pebble.Sync
	}
	err := w.store.failure.guard(func() error {
		if err := w.batch.Commit(options); err != nil {
			return err
		}
		return w.batch.Close()
	})
	if err != nil {
		return w.store.failure.set(fmt.Errorf("store: write a batch: %w", err))
	}
	w.store.frontier = w.frontier
	w.store.state.Store(&w.next)
	return nil
}
