package rules

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// subject finds the item that an event says something about without advancing it.
func (j *judge) subject(id []byte) (Item, *ledger.Rejection) {
	item, ok := j.state.Item(ledger.ItemID(id))
	switch {
	case !ok:
		return Item{}, ledger.RejectField(ledger.UnknownItem, "item", "item %s is not on this ledger", ledger.ItemID(id))
	case j.before(item.Born):
		return Item{}, ledger.RejectField(ledger.OccurredBehind, "occurred_at_ms", "%s is before %s, from when on there is an item %s", date(j.event.OccurredAt), date(item.Born), item.ID)
	}
	return item, nil
}

// touch writes an item that the event is about. What the next event on it names as
// prev stays, so that nobody can stall an item by talking about it.
func (j *judge) touch(item Item) {
	item.LastIndex = j.index
	j.state.putItem(item)
}

// maySpeak judges the key of a party that says something about an item: dealers
// attest, associations administer.
func (j *judge) maySpeak() *ledger.Rejection {
	if j.party.Association {
		return j.mayAct(administer)
	}
	return j.mayAct(attest)
}

// twoBodies demands that a second association signed, unless only one has a node and
// could decide everything anyway.
func (j *judge) twoBodies(field string, second []byte) *ledger.Rejection {
	nodes := j.state.Policy().InForce.Nodes
	alone := !slices.ContainsFunc(nodes, func(n ledger.PolicyNode) bool { return n.Association != nodes[0].Association })
	if len(second) == 0 && !alone {
		return ledger.RejectField(ledger.TwoBodiesRequired, field, "two associations decide this; a second one countersigns")
	}
	return nil
}

// dispute: a party of the item's record, or an association, disputes something.
func (j *judge) dispute(body *custodyv1.Dispute) *ledger.Rejection {
	if rejection := j.maySpeak(); rejection != nil {
		return rejection
	}
	item, rejection := j.subject(body.Item)
	if rejection != nil {
		return rejection
	}
	switch {
	case item.Status != Live:
		return ended(item)
	case !j.party.Association && !j.concerned(item):
		return ledger.RejectField(ledger.NotConcerned, "dispute.item", "party %s neither registered, holds, owns or lent item %s nor has an open offer of it", j.party.ID, item.ID)
	case slices.ContainsFunc(item.Disputes, func(d Dispute) bool { return d.Party == j.party.ID }):
		return ledger.RejectField(ledger.TooManyOpen, "dispute.item", "the party disputes item %s already", item.ID)
	case len(item.Disputes) >= ledger.DisputesMax:
		return ledger.RejectField(ledger.TooManyOpen, "dispute.item", "%d disputes about item %s are open, no more are permitted", len(item.Disputes), item.ID)
	}
	item.Disputes = append(slices.Clone(item.Disputes), Dispute{Event: j.event.ID, Party: j.party.ID, Ground: body.Ground})
	j.touch(item)
	return nil
}

// concerned tells whether the acting party stands in the item's registers.
func (j *judge) concerned(item Item) bool {
	party := j.party.ID
	return item.Registrant == party || item.Custody.Is(party) || partOf(item.Title, party) > 0 || lentBy(item, party) >= 0 ||
		slices.ContainsFunc(j.standing(item.Offers), func(o Offer) bool { return o.From == party || o.To == party })
}

// ruling: a dispute ends, or it is said whether an outside id is the item's.
func (j *judge) ruling(body *custodyv1.Ruling) *ledger.Rejection {
	if rejection := j.maySpeak(); rejection != nil {
		return rejection
	}
	item, rejection := j.subject(body.Item)
	if rejection != nil {
		return rejection
	}
	switch {
	case len(body.Dispute) > 0 && body.OutsideId != nil:
		return ledger.RejectField(ledger.InvalidField, "ruling.outside_id", "a ruling is about a dispute or an outside id, not both")
	case len(body.Dispute) > 0:
		return j.rulingOnDispute(item, body)
	case body.OutsideId != nil:
		return j.rulingOnOutsideID(item, body)
	}
	return ledger.RejectField(ledger.MissingField, "ruling.dispute", "a ruling names the dispute or the outside id that it is about")
}

func (j *judge) rulingOnDispute(item Item, body *custodyv1.Ruling) *ledger.Rejection {
	at := slices.IndexFunc(item.Disputes, func(d Dispute) bool { return d.Event == ledger.EventID(body.Dispute) })
	if at < 0 {
		return ledger.RejectField(ledger.UnknownDispute, "ruling.dispute", "no open dispute about item %s has this event id", item.ID)
	}
	settled := body.Outcome == custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED
	switch {
	case settled && item.Disputes[at].Party != j.party.ID:
		return ledger.RejectField(ledger.NotConcerned, "ruling.outcome", "only the party that opened a dispute settles it; associations dismiss or uphold it")
	case !settled && !j.party.Association:
		return ledger.RejectField(ledger.NotAssociation, "ruling.outcome", "associations dismiss and uphold; the party that opened a dispute may settle it")
	case !settled:
		if rejection := j.twoBodies("ruling.second", body.Second); rejection != nil {
			return rejection
		}
	}
	item.Disputes = slices.Delete(slices.Clone(item.Disputes), at, at+1)
	j.touch(item)
	return nil
}

// rulingOnOutsideID: a laboratory may rule alone on what laboratories give.
func (j *judge) rulingOnOutsideID(item Item, body *custodyv1.Ruling) *ledger.Rejection {
	id := outsideID(body.OutsideId)
	laboratorys := id.Kind == custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT || id.Kind == custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_INSCRIPTION
	switch {
	case body.Outcome == custodyv1.RulingOutcome_RULING_OUTCOME_SETTLED:
		return ledger.RejectField(ledger.InvalidField, "ruling.outcome", "an outside id is the item's or not; dismiss or uphold")
	case j.party.Association:
		if rejection := j.twoBodies("ruling.second", body.Second); rejection != nil {
			return rejection
		}
	case j.party.Role != custodyv1.Role_ROLE_LABORATORY || !laboratorys:
		return ledger.RejectField(ledger.NotAssociation, "ruling.outside_id", "associations rule on outside ids, laboratories on reports and inscriptions")
	default:
		if rejection := j.sponsored(rule{}); rejection != nil {
			return rejection
		}
	}
	if !slices.Contains(j.state.Claims(item.ID), id) {
		return ledger.RejectField(ledger.UnknownClaim, "ruling.outside_id", "the outside id does not stand as that of item %s", item.ID)
	}
	if body.Outcome == custodyv1.RulingOutcome_RULING_OUTCOME_UPHELD {
		j.state.putClaim(Claim{ID: id, Item: item.ID})
	}
	j.touch(item)
	return nil
}

// hold: two associations stop an item.
func (j *judge) hold(body *custodyv1.Hold) *ledger.Rejection {
	if rejection := j.twoBodies("hold.second", body.Second); rejection != nil {
		return rejection
	}
	item, rejection := j.subject(body.Item)
	switch {
	case rejection != nil:
		return rejection
	case item.Status != Live:
		return ended(item)
	case len(item.Holds) >= ledger.HoldsMax:
		return ledger.RejectField(ledger.TooManyOpen, "hold.item", "item %s is held %d times, no more are permitted", item.ID, len(item.Holds))
	}
	item.Holds = append(slices.Clone(item.Holds), Hold{Event: j.event.ID, Authority: body.Authority})
	j.touch(item)
	return nil
}

// holdRelease: two associations end a hold, not necessarily those that placed it.
func (j *judge) holdRelease(body *custodyv1.HoldRelease) *ledger.Rejection {
	if rejection := j.twoBodies("hold_release.second", body.Second); rejection != nil {
		return rejection
	}
	item, rejection := j.subject(body.Item)
	if rejection != nil {
		return rejection
	}
	at := slices.IndexFunc(item.Holds, func(h Hold) bool { return h.Event == ledger.EventID(body.Hold) })
	if at < 0 {
		return ledger.RejectField(ledger.UnknownHold, "hold_release.hold", "no open hold of item %s has this event id", item.ID)
	}
	item.Holds = slices.Delete(slices.Clone(item.Holds), at, at+1)
	j.touch(item)
	return nil
}

// incident: the holder or the managing owner reports what befell an item.
//
// Only the owner says that it is no more, because nothing undoes that; and only the
// owner says that it is no longer stolen, or whoever it was stolen by could.
func (j *judge) incident(body *custodyv1.Incident) *ledger.Rejection {
	item, rejection := j.item()
	if rejection != nil {
		return rejection
	}
	owns := item.Owner().Is(j.party.ID)
	if !owns && !item.Custody.Is(j.party.ID) {
		return j.notHolder(item)
	}
	wanted := befall
	if body.Kind == custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED {
		wanted = destroy
	}
	if rejection := free(item, wanted); rejection != nil {
		return rejection
	}
	nothing := ledger.RejectField(ledger.IncidentInvalid, "incident.kind", "item %s is so already, or there is nothing to take back", item.ID)
	switch body.Kind {
	case custodyv1.IncidentKind_INCIDENT_KIND_LOST:
		if item.Lost {
			return nothing
		}
		item.Lost = true
	case custodyv1.IncidentKind_INCIDENT_KIND_STOLEN:
		if item.Stolen {
			return nothing
		}
		item.Stolen = true
	case custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED:
		switch {
		case !item.Lost && !item.Stolen:
			return nothing
		case item.Stolen && !owns:
			return j.notOwner(item)
		}
		item.Lost, item.Stolen = false, false
	case custodyv1.IncidentKind_INCIDENT_KIND_DAMAGED:
		if item.Damaged {
			return nothing
		}
		item.Damaged = true
	case custodyv1.IncidentKind_INCIDENT_KIND_REPAIRED:
		if !item.Damaged {
			return nothing
		}
		item.Damaged = false
	case custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED:
		if !owns {
			return j.notOwner(item)
		}
		item.Status, item.Offers = Destroyed, nil
	}
	j.put(item)
	return nil
}

// StandingOf gives the status that counts of an item: its own, or, while it is set,
// that of the outermost piece around it. What is set in a destroyed piece stays set
// and is out of circulation with it. Matter cannot be set into itself, so the way up
// ends.
func StandingOf(state View, item Item) Status {
	for item.Set() {
		piece, ok := state.Item(item.Within)
		if !ok {
			panic("rules: an item is set in a piece that does not exist")
		}
		item = piece
	}
	return item.Status
}
