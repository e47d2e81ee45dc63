package store

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

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
		view:     newApplyView(s.reading(), &s.cached, s.state.Load().policy),
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
func (w *writer) put(key, v []byte, err error) { w.fail(err); w.set(key, v) }
func (w *writer) remove(key []byte)            { w.fail(w.batch.Delete(key, nil)) }

// annul removes a key that was set once since it was last removed: it and what set it
// go as soon as they meet, where a removal would sink below all that may hold the key.
func (w *writer) annul(key []byte) { w.fail(w.batch.SingleDelete(key, nil)) }

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
		if e.Candidate.Event == nil || e.Candidate.Makes() > 0 {
			continue // a handover, or found by the first item that it made
		}
		index.b = index.b[:0]
		index.number(e.Entry.Index)
		w.set(eventKey(e.Candidate.ID), index.b)
	}
	for _, e := range entries {
		if e.Candidate.Event != nil {
			w.beside(e)
		}
		if e.Entry.Kind == ledger.KindGovernance || e.Entry.Kind == ledger.KindHandover {
			w.set(governanceKey(e.Entry.Index), nil)
		}
	}
}

// beside adds what is kept of an event beside its entry.
func (w *writer) beside(e rules.Sequenced) {
	if isLandmark(e.Leaf) {
		for _, item := range e.Candidate.Names() {
			w.set(landmarkKey(item, e.Entry.Index), nil)
		}
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
		before, existed := w.before(i)
		value, err := encodeItem(i)
		w.put(itemKey(i.ID), value, err)
		w.itemIndexes(before, existed, i)
	}
	w.matters(c)
	for _, a := range c.Attestations {
		value, err := encodeAttestation(a)
		w.put(attestationKey(a.Event), value, err)
	}
	for _, p := range c.Papers {
		value, err := encodePaper(p)
		w.put(paperKey(p.ID), value, err)
	}
	w.outsideIDs(c)
	for _, r := range c.Registrations {
		w.set(referenceKey(r.Party, r.Reference), r.Item[:])
	}
	if c.Policy != nil {
		w.next.policy = *c.Policy
		value, err := encodePolicy(*c.Policy)
		w.put(metaPolicy, value, err)
	}
}

// matters writes what items are made of, unless their registrations say just that.
func (w *writer) matters(c rules.Changes) {
	said := make(map[ledger.ItemID]*custodyv1.ItemRegister, len(c.Matters))
	for _, item := range c.Items {
		if item.Registered < w.first() {
			continue
		}
		if body, ok := w.entries[item.Registered-w.first()].Candidate.Body.(*custodyv1.ItemRegister); ok {
			said[item.ID] = body
		}
	}
	for _, m := range c.Matters {
		value, err := encodeMatter(m)
		if body, ok := said[m.Item]; ok {
			registered, err := encodeMatter(rules.Registered(m.Item, body))
			if err == nil && bytes.Equal(value, registered) {
				continue
			}
		}
		w.put(matterKey(m.Item), value, err)
	}
}

// first is the index of the writer's first entry.
func (w *writer) first() uint64 { return w.store.state.Load().head.Size }

// before gives what a changed item was before this writer's entries, if it was.
func (w *writer) before(changed rules.Item) (rules.Item, bool) {
	if changed.Registered >= w.first() {
		return rules.Item{}, false
	}
	before, existed := w.view.Item(changed.ID)
	if !existed {
		w.fail(corrupt(nil, "item %s of entry %d is missing", changed.ID, changed.Registered))
	}
	return before, existed
}

// itemIndexes writes the difference between the index entries that an item had
// and those that it has now.
func (w *writer) itemIndexes(before rules.Item, existed bool, after rules.Item) {
	parties := append(make([]ledger.PartyID, 0, 8), after.Registrant, after.Custody.Party, before.Custody.Party)
	for _, title := range [][]rules.Share{after.Title, before.Title} {
		for _, share := range title {
			parties = append(parties, share.Owner.Party)
		}
	}
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
			w.annul(partyItemKey(party, was, after.ID))
		}
		if is != 0 && was != is {
			w.set(partyItemKey(party, is, after.ID), nil)
		}
	}
}

// outsideIDs writes which outside ids stand as whose, and which live items are found by
// them: the index changes where a claim does, and where an item comes to its end.
func (w *writer) outsideIDs(c rules.Changes) {
	claims := make(map[ledger.ItemID][]rules.Claim, len(c.Claims))
	for _, claim := range c.Claims {
		claims[claim.Item] = append(claims[claim.Item], claim)
	}
	for _, item := range c.Items {
		before, existed := w.before(item)
		wasLive, isLive := existed && before.Status == rules.Live, item.Status == rules.Live
		if len(claims[item.ID]) == 0 && wasLive == isLive {
			continue
		}
		w.claims(item, existed, wasLive, claims[item.ID])
		delete(claims, item.ID)
	}
	for _, claim := range c.Claims { // of items that did not change themselves
		changed, left := claims[claim.Item]
		if !left {
			continue
		}
		item, ok := w.view.Item(claim.Item)
		if !ok {
			w.fail(fmt.Errorf("store: a claim of item %s, which is not in the ledger", claim.Item))
			return
		}
		w.claims(item, true, item.Status == rules.Live, changed)
		delete(claims, claim.Item)
	}
}

// claims writes the changed claims of one item.
func (w *writer) claims(item rules.Item, existed, wasLive bool, changed []rules.Claim) {
	var stood []rules.OutsideID
	if existed {
		var err error
		stood, err = w.view.outsideIDs(item.ID)
		w.fail(err)
	}
	stand := slices.Clone(stood)
	for _, claim := range changed {
		at := slices.Index(stand, claim.ID)
		switch {
		case claim.Stands && at < 0:
			stand = append(stand, claim.ID)
		case !claim.Stands && at >= 0:
			stand = slices.Delete(stand, at, at+1)
		}
	}
	if !slices.Equal(stood, stand) {
		if len(stand) == 0 {
			w.remove(outsideIDsKey(item.ID))
		} else {
			value, err := encodeOutsideIDs(stand)
			w.put(outsideIDsKey(item.ID), value, err)
		}
	}
	isLive := item.Status == rules.Live
	for _, id := range stood {
		if wasLive && !(isLive && slices.Contains(stand, id)) {
			w.remove(w.claimKey(id, item.ID))
		}
	}
	for _, id := range stand {
		if isLive && !(wasLive && slices.Contains(stood, id)) {
			w.set(w.claimKey(id, item.ID), nil)
		}
	}
}

func (w *writer) claimKey(id rules.OutsideID, item ledger.ItemID) []byte {
	prefix, err := outsideIDPrefix(id)
	w.fail(err)
	return append(prefix, item[:]...)
}

// head sets the end of the ledger; the frontier has its entries already.
func (w *writer) head(head ledger.Head) {
	w.next.head = storedHead{Head: head, Root: w.frontier.Root()}
	if w.frontier.Size() != head.Size {
		w.fail(fmt.Errorf("store: %d leaves for a ledger of %d entries", w.frontier.Size(), head.Size))
	}
	w.set(metaHead, w.next.head.encode())
	w.latest(head.Size, w.store.recent.latestWith(w.entries))
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
	w.store.recent.record(w.entries)
	w.store.cached.put(w.changed)
	w.store.frontier = w.frontier
	w.store.state.Store(&w.next)
	return nil
}
