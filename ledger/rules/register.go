package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// itemRegister: a party states that it holds and owns goods new to the ledger.
func (j *judge) itemRegister(body *custodyv1.ItemRegister) *ledger.Rejection {
	if rejection := checkRegistration(body); rejection != nil {
		rejection.Field = "item_register." + rejection.Field
		return rejection
	}
	id := ledger.NewItemID(j.event.ID, 0)
	if len(body.Reference) > 0 {
		reference := ledger.Reference(body.Reference)
		if earlier, ok := j.state.Registration(j.party.ID, reference); ok && j.live(earlier) {
			return ledger.RejectField(ledger.ReferenceTaken, "item_register.reference", "item %s is registered under this reference already", earlier)
		}
		j.state.putRegistration(Registration{Party: j.party.ID, Reference: reference, Item: id})
	}
	j.state.putItem(Item{
		ID:         id,
		Status:     Live,
		Registrant: j.party.ID,
		Registered: j.index,
		Last:       j.event.ID,
		LastIndex:  j.index,
		Custody:    Inside(j.party.ID),
		Title:      Inside(j.party.ID),
	})
	return nil
}

func (j *judge) live(id ledger.ItemID) bool {
	item, ok := j.state.Item(id)
	return ok && item.Status == Live
}

// checkRegistration looks at nothing but what the registration says.
func checkRegistration(body *custodyv1.ItemRegister) *ledger.Rejection {
	for _, check := range []func(*custodyv1.ItemRegister) *ledger.Rejection{
		checkCount, checkDescription, checkCountries, checkOrigin, checkOutsideIDs,
	} {
		if rejection := check(body); rejection != nil {
			return rejection
		}
	}
	return nil
}

func checkCount(body *custodyv1.ItemRegister) *ledger.Rejection {
	single := body.Form == custodyv1.Form_FORM_SINGLE
	switch {
	case single && body.Count != 0:
		return ledger.RejectField(ledger.CountInvalid, "count", "a single has no count; leave it out")
	case !single && body.Count < 2:
		return ledger.RejectField(ledger.CountInvalid, "count", "a counted parcel has 2 pieces or more, got %d", body.Count)
	case !single && body.Mass.Micrograms < uint64(body.Count):
		return ledger.RejectField(ledger.CountInvalid, "count", "%d pieces cannot weigh %d micrograms together", body.Count, body.Mass.Micrograms)
	}
	return nil
}

func checkDescription(body *custodyv1.ItemRegister) *ledger.Rejection {
	species := body.Description.GetSpecies()
	switch {
	case body.Material == custodyv1.Material_MATERIAL_GEM && species == "":
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "a gem names its species, such as corundum or beryl")
	case body.Material == custodyv1.Material_MATERIAL_DIAMOND && species != "":
		return ledger.RejectField(ledger.DescriptionInvalid, "description.species", "a diamond has no further species; leave it out")
	case body.Nature == custodyv1.Nature_NATURE_CULTURED && body.Material != custodyv1.Material_MATERIAL_PEARL:
		return ledger.RejectField(ledger.NatureMismatch, "nature", "only pearls are cultured; stones are natural or lab-grown")
	case body.Nature == custodyv1.Nature_NATURE_LAB_GROWN && body.Material == custodyv1.Material_MATERIAL_PEARL:
		return ledger.RejectField(ledger.NatureMismatch, "nature", "pearls are natural or cultured, not lab-grown")
	}
	return nil
}

func checkCountries(body *custodyv1.ItemRegister) *ledger.Rejection {
	for _, c := range []struct{ field, code string }{
		{"processed_in", body.ProcessedIn}, {"customs_origin", body.CustomsOrigin}, {"exported_from", body.ExportedFrom},
	} {
		if c.code != "" && !ledger.IsCountry(c.code) {
			return ledger.RejectField(ledger.CountryInvalid, c.field, "%q is not an ISO 3166-1 alpha-2 code", c.code)
		}
	}
	return nil
}

func checkOrigin(body *custodyv1.ItemRegister) *ledger.Rejection {
	total := uint64(0)
	for i, component := range body.Origin {
		for _, other := range body.Origin[:i] {
			if sameOrigin(component, other) {
				return ledger.RejectField(ledger.RepeatedField, "origin", "two components differ in their micrograms only; add them up")
			}
		}
		total += component.Micrograms // at most 64 × 9·10^15, no overflow
		if rejection := checkComponent(body.Nature, component); rejection != nil {
			return rejection
		}
	}
	if total != body.Mass.Micrograms {
		return ledger.RejectField(ledger.MassMismatch, "origin", "the components add up to %d micrograms, the item weighs %d", total, body.Mass.Micrograms)
	}
	return nil
}

func sameOrigin(a, b *custodyv1.OriginComponent) bool {
	return a.Kind == b.Kind && slices.Equal(a.Countries, b.Countries) && a.Evidence == b.Evidence &&
		a.Mine == b.Mine && a.Producer == b.Producer && a.StateOwnership == b.StateOwnership
}

func checkComponent(nature custodyv1.Nature, c *custodyv1.OriginComponent) *ledger.Rejection {
	for i, code := range c.Countries {
		if !ledger.IsCountry(code) {
			return ledger.RejectField(ledger.CountryInvalid, "origin.countries", "%q is not an ISO 3166-1 alpha-2 code", code)
		}
		if i > 0 && code <= c.Countries[i-1] {
			return ledger.RejectField(ledger.NonCanonical, "origin.countries", "countries must stand in ascending order, each once")
		}
	}
	grown := c.Kind == custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
	fromGround := c.Kind == custodyv1.OriginKind_ORIGIN_KIND_MINED || c.Kind == custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT
	natural, composite := nature == custodyv1.Nature_NATURE_NATURAL, nature == custodyv1.Nature_NATURE_COMPOSITE
	switch {
	case grown && nature != custodyv1.Nature_NATURE_LAB_GROWN && !composite:
		return ledger.RejectField(ledger.NatureMismatch, "origin.kind", "only lab-grown and composite goods have lab-grown origin")
	case nature == custodyv1.Nature_NATURE_LAB_GROWN && !grown && c.Kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN:
		return ledger.RejectField(ledger.NatureMismatch, "origin.kind", "lab-grown goods have lab-grown or unknown origin")
	case fromGround && !natural && !composite:
		return ledger.RejectField(ledger.NatureMismatch, "origin.kind", "only natural and composite goods are mined")
	case fromGround && len(c.Countries) == 0:
		return ledger.RejectField(ledger.CountryInvalid, "origin.countries", "mined goods name every possible mining country; if none is known, the origin is unknown")
	case !fromGround && len(c.Countries) > 0:
		return ledger.RejectField(ledger.CountryInvalid, "origin.countries", "only mined goods have mining countries")
	case !fromGround && c.Mine != "":
		return ledger.RejectField(ledger.NatureMismatch, "origin.mine", "only mined goods have a mine")
	case c.StateOwnership != 0 && c.Producer == "":
		return ledger.RejectField(ledger.MissingField, "origin.producer", "state ownership is a statement about a producer; name it")
	}
	return nil
}

func checkOutsideIDs(body *custodyv1.ItemRegister) *ledger.Rejection {
	for i, id := range body.OutsideIds {
		for _, other := range body.OutsideIds[:i] {
			if id.Kind == other.Kind && id.Issuer == other.Issuer && id.Number == other.Number {
				return ledger.RejectField(ledger.RepeatedField, "outside_ids", "the same outside id stands twice")
			}
		}
	}
	return nil
}

// itemVoid: the registrant takes its registration back before the first offer.
func (j *judge) itemVoid() *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	switch {
	case item.Registrant != j.party.ID:
		return ledger.RejectField(ledger.NotRegistrant, "item_void.item", "another party registered the item; only the registrant may void it")
	case item.Offered:
		return ledger.RejectField(ledger.AlreadyOffered, "item_void.item", "the item was offered or released before; its registration can no longer be taken back")
	}
	item.Status = Voided
	j.put(item)
	return nil
}
