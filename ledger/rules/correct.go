package rules

import (
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// reweigh: the holder finds another mass or count. Whoever has the goods may weigh them.
func (j *judge) reweigh(body *custodyv1.Reweigh) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	if !item.Set() && !item.Custody.Is(j.party.ID) {
		return j.notHolder(item)
	}
	if rejection := free(item, change); rejection != nil {
		return rejection
	}
	matter, rejection := j.reweighed(j.matter(item.ID), body.Mass, body.Count, "reweigh")
	if rejection != nil {
		return rejection
	}
	item.Offered = true
	j.state.putMatter(matter)
	j.put(item)
	return nil
}

// correct: who registered an item, or made it, says better what it is. What others could
// rely on only gets wider.
func (j *judge) correct(body *custodyv1.Correct) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	if rejection := j.mayCorrect(item, body); rejection != nil {
		return rejection
	}
	m := j.matter(item.ID)
	corrected, rejection := j.corrected(m, body)
	if rejection != nil {
		rejection.Field = "correct." + rejection.Field
		return rejection
	}
	before := j.state.Claims(item.ID)
	if !says(body) && (len(body.OutsideIds) == 0 || sameIDs(before, body.OutsideIds)) {
		return ledger.RejectField(ledger.CorrectionInvalid, "correct", "nothing is corrected")
	}
	if len(body.OutsideIds) > 0 {
		for _, id := range before {
			j.state.putClaim(Claim{ID: id, Item: item.ID})
		}
		j.claim(item.ID, body.OutsideIds)
	}
	if len(body.Origin) > 0 || corrected.Species != m.Species {
		j.state.putMatter(corrected)
	}
	j.put(item)
	return nil
}

func (j *judge) mayCorrect(item Item, body *custodyv1.Correct) *ledger.Rejection {
	holder := len(body.Holder) > 0
	switch {
	case item.Registrant != j.party.ID:
		return ledger.RejectField(ledger.NotRegistrant, "correct.item", "another party registered or made the item; only that party corrects it")
	case holder && (item.Set() || !item.Custody.Is(ledger.PartyID(body.Holder))):
		return ledger.RejectField(ledger.CountersignerInvalid, "correct.holder", "the holder of the item countersigns, this party does not hold it")
	case !item.Set() && !holder && !item.Custody.Is(j.party.ID):
		return ledger.RejectField(ledger.BuiltOn, "correct.holder", "somebody else has the item now; the holder countersigns, who is on the ledger for it")
	}
	return free(item, change)
}

// says tells whether a correction has anything beside outside ids.
func says(b *custodyv1.Correct) bool {
	return b.Description != nil || b.ProcessedIn != "" || b.CustomsOrigin != "" || b.ExportedFrom != "" || b.HsCode != "" || len(b.Origin) > 0
}

func sameIDs(before []OutsideID, ids []*custodyv1.OutsideId) bool {
	if len(before) != len(ids) {
		return false
	}
	for _, id := range ids {
		if !slices.Contains(before, outsideID(id)) {
			return false
		}
	}
	return true
}

// corrected gives the matter after a correction that stands, by what a registration of it
// would have to say.
func (j *judge) corrected(m Matter, b *custodyv1.Correct) (Matter, *ledger.Rejection) {
	if b.Description != nil {
		if rejection := checkDescription(b.Description, m.Material, m.Nature); rejection != nil {
			return m, rejection
		}
		if species := b.Description.Species; species != m.Species {
			if m.Species != "" && !sameSpecies(m.Species, species) {
				return m, ledger.RejectField(ledger.CorrectionInvalid, "description.species", "%q is another species than %q; goods that are something else are another item", species, m.Species)
			}
			m.Species = species
		}
	}
	if rejection := checkCountries(b.ProcessedIn, b.CustomsOrigin, b.ExportedFrom); rejection != nil {
		return m, rejection
	}
	if rejection := checkOutsideIDs(b.OutsideIds, m.Material, m.Form); rejection != nil {
		return m, rejection
	}
	if b.HsCode != "" {
		if rejection := j.checkItemHS(b.HsCode, m); rejection != nil {
			return m, rejection
		}
	}
	return widened(m, b.Origin)
}

// checkItemHS judges a customs code of what an item is made of now.
func (j *judge) checkItemHS(code string, m Matter) *ledger.Rejection {
	if m.Form != piece {
		return checkHS(code, hsGoods(m))
	}
	parts := slices.Clone(m.Bill)
	for _, child := range m.Children {
		parts = append(parts, j.matter(child))
	}
	return checkPieceHS(code, parts)
}

// widened gives matter of which less is known: more possible countries, or none.
func widened(m Matter, corrections []*custodyv1.OriginCorrection) (Matter, *ledger.Rejection) {
	if len(corrections) == 0 {
		return m, nil
	}
	origin := slices.Clone(m.Origin)
	for i, c := range corrections {
		at := int(c.Component) - 1
		switch {
		case i > 0 && c.Component <= corrections[i-1].Component:
			return m, ledger.RejectField(ledger.NonCanonical, "origin", "components must stand in ascending order, each once")
		case at >= len(origin):
			return m, ledger.RejectField(ledger.CorrectionInvalid, "origin.component", "component %d of %d", c.Component, len(origin))
		}
		source, rejection := wider(origin[at].Source, c.Countries)
		if rejection != nil {
			return m, rejection
		}
		origin[at].Source = source
	}
	m.Origin = pooled(origin)
	return m, nil
}

func wider(s Source, countries []string) (Source, *ledger.Rejection) {
	const unknown = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
	for i, code := range countries {
		if !ledger.IsCountry(code) {
			return s, ledger.RejectField(ledger.CountryInvalid, "origin.countries", "%q is not an ISO 3166-1 alpha-2 code", code)
		}
		if i > 0 && code <= countries[i-1] {
			return s, ledger.RejectField(ledger.NonCanonical, "origin.countries", "countries must stand in ascending order, each once")
		}
	}
	if len(countries) == 0 {
		if (s == Source{Metal: s.Metal, Kind: unknown}) {
			return s, ledger.RejectField(ledger.CorrectionInvalid, "origin", "the origin is unknown already")
		}
		return Source{Metal: s.Metal, Kind: unknown}, nil
	}
	before := strings.Fields(s.Countries)
	for _, code := range before {
		if !slices.Contains(countries, code) {
			return s, ledger.RejectField(ledger.CorrectionInvalid, "origin.countries", "%s was possible before and is left out; a correction only adds", code)
		}
	}
	if len(before) == 0 || len(before) == len(countries) {
		return s, ledger.RejectField(ledger.CorrectionInvalid, "origin.countries", "no country is added to those that were possible before")
	}
	s.Countries, s.Mine = strings.Join(countries, " "), "" // a mine is in one country
	return s, nil
}
