package store

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// cachedMax is how many parties, and how many keys, the writer keeps decoded.
const cachedMax = 8192

// papersCachedMax is how many papers it keeps: a shipment draws on one again and again.
const papersCachedMax = 1024

// itemsCachedMax is how many items it keeps, about 400 bytes each: what was just offered
// is accepted soon, and a story that is sent at once goes on with what it just wrote.
const itemsCachedMax = 16_384

// mattersCachedMax is how many items it keeps what they are made of: what was just
// registered is soon split, merged or set.
const mattersCachedMax = 16_384

func newStateCache() stateCache {
	return stateCache{
		items:   generations[ledger.ItemID, *rules.Item]{max: itemsCachedMax},
		matters: generations[ledger.ItemID, *rules.Matter]{max: mattersCachedMax},
		parties: generations[ledger.PartyID, rules.Party]{max: cachedMax},
		keys:    generations[sign.KeyID, rules.Key]{max: cachedMax},
		papers:  generations[rules.PaperID, rules.Paper]{max: papersCachedMax},
	}
}

// stateCache keeps parties, keys, papers and what items were last, and made of, as they are after
// the last batch: nearly every event reads the same few. It is under Store.writing.
// What a pointer leads to is never changed.
type stateCache struct {
	items   generations[ledger.ItemID, *rules.Item]
	matters generations[ledger.ItemID, *rules.Matter]
	parties generations[ledger.PartyID, rules.Party]
	keys    generations[sign.KeyID, rules.Key]
	papers  generations[rules.PaperID, rules.Paper]
}

// put takes over what a batch that is in has changed.
func (c *stateCache) put(changes rules.Changes) {
	for _, p := range changes.Parties {
		c.parties.put(p.ID, p)
	}
	for _, k := range changes.Keys {
		c.keys.put(k.Public.ID(), k)
	}
	for _, i := range changes.Items {
		c.items.put(i.ID, &i)
	}
	for _, m := range changes.Matters {
		c.matters.put(m.Item, &m)
	}
	for _, p := range changes.Papers {
		c.papers.put(p.ID, p)
	}
}

// generations is a bounded cache without a clock: recent takes what is asked
// for and becomes older when it holds half; what was older is forgotten.
type generations[K comparable, V any] struct {
	max           int
	recent, older map[K]V
}

func (g *generations[K, V]) get(key K) (V, bool) {
	if v, ok := g.recent[key]; ok {
		return v, true
	}
	v, ok := g.older[key]
	if ok {
		g.put(key, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(key K, value V) {
	if g.recent == nil || len(g.recent) >= g.max/2 {
		g.recent, g.older = make(map[K]V), g.recent
	}
	g.recent[key] = value
}
