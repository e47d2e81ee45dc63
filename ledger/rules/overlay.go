package rules

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// overlay is a view with changes on top. Maps are only looked up; the order of
// changes is kept in slices.
type overlay struct {
	under   View
	changes Changes

	parties       map[ledger.PartyID]int
	keys          map[sign.KeyID]int
	items         map[ledger.ItemID]int
	registrations map[registrationKey]int
	events        map[ledger.EventID]uint64
	eventOrder    []ledger.EventID
}

type registrationKey struct {
	party     ledger.PartyID
	reference ledger.Reference
}

func newOverlay(under View) *overlay {
	return &overlay{
		under:         under,
		parties:       map[ledger.PartyID]int{},
		keys:          map[sign.KeyID]int{},
		items:         map[ledger.ItemID]int{},
		registrations: map[registrationKey]int{},
		events:        map[ledger.EventID]uint64{},
	}
}

func (o *overlay) Party(id ledger.PartyID) (Party, bool) {
	if at, ok := o.parties[id]; ok {
		return o.changes.Parties[at], true
	}
	return o.under.Party(id)
}

func (o *overlay) Key(id sign.KeyID) (Key, bool) {
	if at, ok := o.keys[id]; ok {
		return o.changes.Keys[at], true
	}
	return o.under.Key(id)
}

func (o *overlay) Item(id ledger.ItemID) (Item, bool) {
	if at, ok := o.items[id]; ok {
		return o.changes.Items[at], true
	}
	return o.under.Item(id)
}

func (o *overlay) Registration(party ledger.PartyID, reference ledger.Reference) (ledger.ItemID, bool) {
	if at, ok := o.registrations[registrationKey{party, reference}]; ok {
		return o.changes.Registrations[at].Item, true
	}
	return o.under.Registration(party, reference)
}

func (o *overlay) EventIndex(id ledger.EventID) (uint64, bool) {
	if index, ok := o.events[id]; ok {
		return index, true
	}
	return o.under.EventIndex(id)
}

func (o *overlay) Policy() PolicyState {
	if o.changes.Policy != nil {
		return *o.changes.Policy
	}
	return o.under.Policy()
}

func (o *overlay) putPolicy(s PolicyState) { o.changes.Policy = &s }

func (o *overlay) putParty(p Party) {
	put(o.parties, p.ID, &o.changes.Parties, p)
}

func (o *overlay) putKey(k Key) {
	put(o.keys, k.Public.ID(), &o.changes.Keys, k)
}

func (o *overlay) putItem(i Item) {
	put(o.items, i.ID, &o.changes.Items, i)
}

func (o *overlay) putRegistration(r Registration) {
	put(o.registrations, registrationKey{r.Party, r.Reference}, &o.changes.Registrations, r)
}

func (o *overlay) putEvent(id ledger.EventID, index uint64) {
	o.events[id] = index
	o.eventOrder = append(o.eventOrder, id)
}

func put[K comparable, V any](at map[K]int, key K, values *[]V, value V) {
	if i, ok := at[key]; ok {
		(*values)[i] = value
		return
	}
	at[key] = len(*values)
	*values = append(*values, value)
}

// mergeInto writes the overlay's changes to the one it stands on.
func (o *overlay) mergeInto(under *overlay) {
	for _, p := range o.changes.Parties {
		under.putParty(p)
	}
	for _, k := range o.changes.Keys {
		under.putKey(k)
	}
	for _, i := range o.changes.Items {
		under.putItem(i)
	}
	for _, r := range o.changes.Registrations {
		under.putRegistration(r)
	}
	if o.changes.Policy != nil {
		under.putPolicy(*o.changes.Policy)
	}
	for _, id := range o.eventOrder {
		under.putEvent(id, o.events[id])
	}
}
