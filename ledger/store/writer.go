package store

import (
	"fmt"
	"slices"

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
	changed  rules.Changes
	err      error
}

func (s *Store) newWriter() *writer {
	return &writer{
		store:    s,
		batch:    s.db.NewBatch(),
		view:     newApplyView(reading{s.db}, &s.cached, s.state.Load().policy),
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

// tree adds leaves and the tree hashes that they complete.
func (w *writer) tree(leaves ...merkle.Hash) {
	emit := func(level uint8, at uint64, h merkle.Hash) { w.set(treeKey(level, at), h[:]) }
	for _, leaf := range leaves {
		w.frontier.Append(leaf, emit)
	}
}

// block adds entries with all that is found by them; nothing is by a handover. Keys of one kind are added
// together: Pebble's memory table takes neighbours faster.
func (w *writer) block(entries []rules.Sequenced) {
	w.entries = entries
	leaves := make([]merkle.Hash, len(entries))
	for i, e := range entries {
		leaves[i] = e.Leaf
		w.set(entryKey(e.Entry.Index), e.Bytes)
	}
	w.tree(leaves...)
	var index encoder
	for _, e := range entries {
		if e.Candidate.Event == nil {
			continue
		}
		index.b = index.b[:0]
		index.number(e.Entry.Index)
		w.set(eventKey(e.Candidate.ID), index.b)
	}
	for _, e := range entries {
		if e.Candidate.Event != nil {
			w.named(e)
		}
		if e.Entry.Kind == ledger.KindGovernance || e.Entry.Kind == ledger.KindHandover {
			w.set(governanceKey(e.Entry.Index), nil)
		}
	}
}

// named adds what is found by the items and commitments of an entry.
func (w *writer) named(e rules.Sequenced) {
	for _, item := range e.Candidate.Names() {
		w.set(namedKey(item, e.Entry.Index), nil)
	}
	if len(e.Candidate.Openings) > 0 {
		value, err := encodeOpenings(e.Candidate.Openings)
		w.put(openingsKey(e.Entry.Index), value, err)
	}
}

// changes writes new states and moves the index entries of items.
func (w *writer) changes(c rules.Changes) {
	w.changed = c
	for _, p := range c.Parties {
		value, err := encodeParty(p)
		w.put(partyKey(p.ID), value, err)
	}
	for _, k := range c.Keys {
		value, err := encodeKey(k)
		w.put(keyKey(k.Public.ID()), value, err)
	}
	for _, i := range c.Items {
		var before rules.Item
		existed := i.Registered < w.first()
		if existed {
			if before, existed = w.view.Item(i.ID); !existed {
				w.fail(corrupt(nil, "item %s of entry %d is missing", i.ID, i.Registered))
			}
		}
		value, err := encodeItem(i)
		w.put(itemKey(i.ID), value, err)
		w.itemIndexes(before, existed, i)
	}
	for _, r := range c.Registrations {
		w.set(referenceKey(r.Party, r.Reference), r.Item[:])
	}
	if c.Policy != nil {
		w.next.policy = *c.Policy
		value, err := encodePolicy(*c.Policy)
		w.put(metaPolicy, value, err)
	}
}

// first is the index of the writer's first entry.
func (w *writer) first() uint64 { return w.store.state.Load().head.Size }

// itemIndexes writes the difference between the index entries that an item had
// and those that it has now.
func (w *writer) itemIndexes(before rules.Item, existed bool, after rules.Item) {
	parties := [...]ledger.PartyID{after.Registrant, after.Custody.Party, after.Title.Party, before.Custody.Party, before.Title.Party}
	for i, party := range parties {
		if slices.Contains(parties[:i], party) {
			continue
		}
		var was roles
		if existed {
			was = rolesOf(party, before)
		}
		is := rolesOf(party, after)
		if was != 0 && was != is {
			w.remove(partyItemKey(party, was, after.ID))
		}
		if is != 0 && was != is {
			w.set(partyItemKey(party, is, after.ID), nil)
		}
	}
	if was, is := existed && before.Status == rules.Live, after.Status == rules.Live; was != is {
		w.outsideClaims(after, is)
	}
}

// outsideClaims adds or removes what an item claims outside the ledger.
func (w *writer) outsideClaims(item rules.Item, add bool) {
	ids, err := w.outsideIDs(item)
	w.fail(err)
	for _, id := range ids {
		prefix, err := outsideIDPrefix(id)
		w.fail(err)
		key := append(prefix, item.ID[:]...)
		if add {
			w.set(key, nil)
		} else {
			w.remove(key)
		}
	}
}

// outsideIDs gives the outside ids in an item's registration, which is one of
// the writer's entries or a stored one.
func (w *writer) outsideIDs(item rules.Item) ([]*custodyv1.OutsideId, error) {
	if first := w.first(); item.Registered >= first {
		if at := item.Registered - first; at < uint64(len(w.entries)) {
			if event := w.entries[at].Candidate.Event; event != nil {
				if body, ok := event.Body.(*custodyv1.ItemRegister); ok {
					return body.OutsideIds, nil
				}
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
	w.store.cached.put(w.changed)
	w.store.frontier = w.frontier
	w.store.state.Store(&w.next)
	return nil
}
