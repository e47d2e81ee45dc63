package rules

import (
	"slices"

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
	matters       map[ledger.ItemID]int
	attestations  map[ledger.EventID]int
	papers        map[PaperID]int
	claims        map[claimKey]int
	registrations map[registrationKey]int
	events        map[ledger.EventID]uint64
	eventOrder    []ledger.EventID
}

type registrationKey struct {
	party     ledger.PartyID
	reference ledger.Reference
}

type claimKey struct {
	id   OutsideID
	item ledger.ItemID
}

// newOverlay makes no map before something is put in it: most overlays see one event.
func newOverlay(under View) *overlay { return &overlay{under: under} }

// expect makes room for what so many events may well change.
func (o *overlay) expect(events int) {
	o.items, o.events = make(map[ledger.ItemID]int, events), make(map[ledger.EventID]uint64, events)
	o.changes.Items = make([]Item, 0, events)
	o.eventOrder = make([]ledger.EventID, 0, events)
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

func (o *overlay) Matter(id ledger.ItemID) (Matter, bool) {
	if at, ok := o.matters[id]; ok {
		return o.changes.Matters[at], true
	}
	return o.under.Matter(id)
}

func (o *overlay) Attestation(id ledger.EventID) (Attestation, bool) {
	if at, ok := o.attestations[id]; ok {
		return o.changes.Attestations[at], true
	}
	return o.under.Attestation(id)
}

func (o *overlay) Paper(id PaperID) (Paper, bool) {
	if at, ok := o.papers[id]; ok {
		return o.changes.Papers[at], true
	}
	return o.under.Paper(id)
}

func (o *overlay) Claims(item ledger.ItemID) []OutsideID {
	ids := slices.Clone(o.under.Claims(item))
	for _, claim := range o.changes.Claims {
		if claim.Item != item {
			continue
		}
		at := slices.Index(ids, claim.ID)
		switch {
		case claim.Stands && at < 0:
			ids = append(ids, claim.ID)
		case !claim.Stands && at >= 0:
			ids = slices.Delete(ids, at, at+1)
		}
	}
	return ids
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
	put(&o.parties, p.ID, &o.changes.Parties, p)
}

func (o *overlay) putKey(k Key) {
	put(&o.keys, k.Public.ID(), &o.changes.Keys, k)
}

func (o *overlay) putItem(i Item) {
	put(&o.items, i.ID, &o.changes.Items, i)
}

func (o *overlay) putMatter(m Matter) {
	put(&o.matters, m.Item, &o.changes.Matters, m)
}

func (o *overlay) putAttestation(a Attestation) {
	put(&o.attestations, a.Event, &o.changes.Attestations, a)
}

func (o *overlay) putPaper(p Paper) {
	put(&o.papers, p.ID, &o.changes.Papers, p)
}

func (o *overlay) putClaim(c Claim) {
	put(&o.claims, claimKey{c.ID, c.Item}, &o.changes.Claims, c)
}

func (o *overlay) putRegistration(r Registration) {
	put(&o.registrations, registrationKey{r.Party, r.Reference}, &o.changes.Registrations, r)
}

func (o *overlay) putEvent(id ledger.EventID, index uint64) {
	if o.events == nil {
		o.events = map[ledger.EventID]uint64{}
	}
	o.events[id] = index
	o.eventOrder = append(o.eventOrder, id)
}

func put[K comparable, V any](at *map[K]int, key K, values *[]V, value V) {
	if i, ok := (*at)[key]; ok {
		(*values)[i] = value
		return
	}
	if *at == nil {
		*at = map[K]int{}
	}
	(*at)[key] = len(*values)
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
	for _, m := range o.changes.Matters {
		under.putMatter(m)
	}
	for _, a := range o.changes.Attestations {
		under.putAttestation(a)
	}
	for _, p := range o.changes.Papers {
		under.putPaper(p)
	}
	for _, c := range o.changes.Claims {
		under.putClaim(c)
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
