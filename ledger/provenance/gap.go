package provenance

import (
	"cmp"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// GapKind says what the record does not show.
type GapKind uint8

const (
	// GapBegins: the record of the item begins with From, a registration. What was
	// before is what the registrant says.
	GapBegins GapKind = iota + 1
	// GapOutside: from From to To somebody outside the ledger had the goods.
	GapOutside
	// GapOnTheWay: goods left with the offer From and nobody acknowledged them. To says
	// that they are back; nil while they are not. Answer is a decline, nil if none.
	GapOnTheWay
	// GapShort: less was received, by From, than had been sent.
	GapShort
	// GapMissing: the item was lost or stolen from From to To.
	GapMissing
)

// Gap is a time, or a state of affairs, of which an item's record shows less than
// who had it.
type Gap struct {
	Kind   GapKind
	Item   *Item
	From   *Event
	To     *Event // nil if it is open
	Answer *Event // GapOnTheWay only
}

// Gaps lists the gaps in the record of the item itself, by their first entry. Those
// of what it was made of are theirs.
func (i *Item) Gaps() []Gap {
	var gaps []Gap
	sent := map[ledger.EventID]int{} // open GapOnTheWay
	missing := -1
	if i.Begins() {
		gaps = append(gaps, Gap{Kind: GapBegins, Item: i, From: i.MadeBy})
	}
	for _, span := range i.Spans {
		if span.Custody.Outside != nil {
			gaps = append(gaps, Gap{Kind: GapOutside, Item: i, From: span.From, To: span.To})
		}
	}
	for _, e := range i.Events {
		switch body := e.Body.(type) {
		case *custodyv1.Offer:
			if body.GoodsLeft {
				sent[e.ID] = len(gaps)
				gaps = append(gaps, Gap{Kind: GapOnTheWay, Item: i, From: e})
			}
		case *custodyv1.Accept:
			if at, ok := sent[ledger.EventID(body.Offer)]; ok {
				gaps[at].Kind = 0 // it arrived
			}
			if body.Received != nil && e != i.MadeBy && !i.partOf(body) {
				gaps = append(gaps, Gap{Kind: GapShort, Item: i, From: e})
			}
		case *custodyv1.Decline:
			if at, ok := sent[ledger.EventID(body.Offer)]; ok {
				gaps[at].Answer = e
			}
		case *custodyv1.Withdraw:
			if at, ok := sent[ledger.EventID(body.Offer)]; ok {
				gaps[at].To = e
			}
		case *custodyv1.Incident:
			switch body.Kind {
			case custodyv1.IncidentKind_INCIDENT_KIND_LOST, custodyv1.IncidentKind_INCIDENT_KIND_STOLEN:
				if missing < 0 {
					missing = len(gaps)
					gaps = append(gaps, Gap{Kind: GapMissing, Item: i, From: e})
				}
			case custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED:
				if missing >= 0 {
					gaps[missing].To, missing = e, -1
				}
			}
		}
	}
	gaps = slices.DeleteFunc(gaps, func(g Gap) bool { return g.Kind == 0 })
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.From.Index, b.From.Index) })
	return gaps
}

// partOf tells whether an acceptance took all of a part that was offered, so that
// nothing is short.
func (i *Item) partOf(accept *custodyv1.Accept) bool {
	for _, e := range i.Events {
		if offer, ok := e.Body.(*custodyv1.Offer); ok && e.ID == ledger.EventID(accept.Offer) {
			return offer.Part != nil && accept.Received.Micrograms == offer.Part.Micrograms && accept.Received.Count == offer.Part.Count
		}
	}
	return false
}

// Holders lists who had and owned an item by time. While it is set in a piece, the
// piece's holders are its own, and so on outwards.
func (g *Graph) Holders(item *Item) []Span {
	var holders []Span
	open := slices.Clone(item.Spans)
	for len(open) > 0 {
		span := open[0]
		open = open[1:]
		piece := g.items[span.Within]
		if piece == nil {
			holders = append(holders, span)
			continue
		}
		var inner []Span
		for _, p := range piece.Spans {
			if clipped, ok := clip(p, span); ok {
				inner = append(inner, clipped)
			}
		}
		open = append(inner, open...)
	}
	return holders
}

// clip cuts a piece's span to the time that something was set in it.
func clip(p, s Span) (Span, bool) {
	if p.To != nil && p.To.Index <= s.From.Index || s.To != nil && p.From.Index >= s.To.Index {
		return Span{}, false
	}
	if p.From.Index < s.From.Index {
		p.From = s.From
	}
	if s.To != nil && (p.To == nil || p.To.Index > s.To.Index) {
		p.To = s.To
	}
	return p, true
}
