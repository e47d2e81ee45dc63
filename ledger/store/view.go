package store

import (
	"sync/atomic"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// view implements rules.View. A read that fails finds nothing and poisons the
// view: whatever was derived from it since must not be used.
type view struct {
	reading
	poison atomic.Pointer[error]
}

// Err gives the first error of a read; nil while the view can be relied on.
func (v *view) Err() error {
	if err := v.poison.Load(); err != nil {
		return *err
	}
	return nil
}

func (v *view) fail(err error) {
	if err != nil {
		v.poison.CompareAndSwap(nil, &err)
	}
}

// Party implements rules.View.
func (v *view) Party(id ledger.PartyID) (p rules.Party, ok bool) {
	ok, err := v.get(partyKey(id), "a party", func(b []byte) (err error) {
		p, err = decodeParty(id, b)
		return err
	})
	v.fail(err)
	return p, ok && err == nil
}

// Key implements rules.View.
func (v *view) Key(id sign.KeyID) (k rules.Key, ok bool) {
	ok, err := v.get(keyKey(id), "a key", func(b []byte) (err error) {
		k, err = decodeKey(id, b)
		return err
	})
	v.fail(err)
	return k, ok && err == nil
}

// Item implements rules.View.
func (v *view) Item(id ledger.ItemID) (rules.Item, bool) {
	i, ok, err := v.item(id)
	v.fail(err)
	return i, ok && err == nil
}

// Matter implements rules.View.
func (v *view) Matter(id ledger.ItemID) (rules.Matter, bool) {
	m, ok, err := v.matter(id)
	v.fail(err)
	return m, ok && err == nil
}

// Attestation implements rules.View.
func (v *view) Attestation(id ledger.EventID) (a rules.Attestation, ok bool) {
	ok, err := v.get(attestationKey(id), "an attestation", func(b []byte) (err error) {
		a, err = decodeAttestation(id, b)
		return err
	})
	v.fail(err)
	return a, ok && err == nil
}

// Paper implements rules.View.
func (v *view) Paper(id rules.PaperID) (p rules.Paper, ok bool) {
	ok, err := v.get(paperKey(id), "a paper", func(b []byte) (err error) {
		p, err = decodePaper(id, b)
		return err
	})
	v.fail(err)
	return p, ok && err == nil
}

// Claims implements rules.View.
func (v *view) Claims(item ledger.ItemID) []rules.OutsideID {
	ids, err := v.outsideIDs(item)
	v.fail(err)
	return ids
}

// Registration implements rules.View.
func (v *view) Registration(party ledger.PartyID, reference ledger.Reference) (item ledger.ItemID, ok bool) {
	ok, err := v.get(referenceKey(party, reference), "a registration", func(b []byte) error {
		d := decoder{b: b}
		d.fill(item[:])
		return d.end()
	})
	v.fail(err)
	return item, ok && err == nil
}

// EventIndex implements rules.View.
func (v *view) EventIndex(id ledger.EventID) (uint64, bool) {
	index, ok, err := v.eventIndex(id)
	v.fail(err)
	return index, ok && err == nil
}

// Policy implements rules.View.
func (v *view) Policy() rules.PolicyState {
	policy, err := v.policy()
	v.fail(err)
	return policy
}

// applyView is the view of one apply. It remembers the items that were read:
// what an item was before decides which index entries change.
type applyView struct {
	view
	cache *stateCache
	now   rules.PolicyState
	items map[ledger.ItemID]*rules.Item
	// unused are references that are not in the ledger: each is asked for twice, when
	// an event is looked for and when it is judged.
	unused map[registration]struct{}
	// fresh are events that are in no entry.
	fresh map[ledger.EventID]struct{}
}

type registration struct {
	party     ledger.PartyID
	reference ledger.Reference
}

func newApplyView(r reading, cache *stateCache, policy rules.PolicyState) *applyView {
	return &applyView{
		view: view{reading: r}, cache: cache, now: policy,
		items: map[ledger.ItemID]*rules.Item{}, unused: map[registration]struct{}{}, fresh: map[ledger.EventID]struct{}{},
	}
}

// expect says which events are to be judged.
func (v *applyView) expect(submission ledger.Submission, recent *recentEvents) {
	for _, candidate := range submission {
		if candidate.Makes() > 0 && recent.isNew(candidate.Event) {
			v.fresh[candidate.ID] = struct{}{}
		}
	}
}

// EventIndex implements rules.View.
func (v *applyView) EventIndex(id ledger.EventID) (uint64, bool) {
	if _, fresh := v.fresh[id]; fresh {
		return 0, false
	}
	return v.view.EventIndex(id)
}

// Party implements rules.View.
func (v *applyView) Party(id ledger.PartyID) (rules.Party, bool) {
	if p, ok := v.cache.parties.get(id); ok {
		return p, true
	}
	p, ok := v.view.Party(id)
	if ok {
		v.cache.parties.put(id, p)
	}
	return p, ok
}

// Key implements rules.View.
func (v *applyView) Key(id sign.KeyID) (rules.Key, bool) {
	if k, ok := v.cache.keys.get(id); ok {
		return k, true
	}
	k, ok := v.view.Key(id)
	if ok {
		v.cache.keys.put(id, k)
	}
	return k, ok
}

// Item implements rules.View.
func (v *applyView) Item(id ledger.ItemID) (rules.Item, bool) {
	if item, ok := v.items[id]; ok {
		return *item, true
	}
	if item, ok := v.cache.items.get(id); ok {
		v.items[id] = item
		return *item, true
	}
	item, ok := v.view.Item(id)
	if ok {
		v.items[id] = &item
		v.cache.items.put(id, &item)
	}
	return item, ok
}

// Matter implements rules.View.
func (v *applyView) Matter(id ledger.ItemID) (rules.Matter, bool) {
	if m, ok := v.cache.matters.get(id); ok {
		return *m, true
	}
	m, ok := v.view.Matter(id)
	if ok {
		v.cache.matters.put(id, &m)
	}
	return m, ok
}

// Registration implements rules.View.
func (v *applyView) Registration(party ledger.PartyID, reference ledger.Reference) (ledger.ItemID, bool) {
	asked := registration{party, reference}
	if _, unused := v.unused[asked]; unused {
		return ledger.ItemID{}, false
	}
	item, ok := v.view.Registration(party, reference)
	if !ok {
		v.unused[asked] = struct{}{}
	}
	return item, ok
}

// Paper implements rules.View.
func (v *applyView) Paper(id rules.PaperID) (rules.Paper, bool) {
	if p, ok := v.cache.papers.get(id); ok {
		return p, true
	}
	p, ok := v.view.Paper(id)
	if ok {
		v.cache.papers.put(id, p)
	}
	return p, ok
}

// Policy implements rules.View.
func (v *applyView) Policy() rules.PolicyState { return v.now }
