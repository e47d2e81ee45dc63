package rules

import (
	"cmp"
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
)

// Statement gives what a node states about the item in the state of a final
// checkpoint; at is the recorded time of the last entry below its size. Whether
// the item is contested follows from other items, and is for the caller to say.
func (i Item) Statement(id ledger.LedgerID, matter Matter, contested bool, final checkpoint.Checkpoint, at uint64) ledger.Statement {
	s := ledger.Statement{
		Ledger:     id,
		Item:       i.ID,
		Status:     uint8(i.Status),
		Custody:    i.Custody.stated(),
		Within:     i.Within,
		Contested:  contested,
		Lost:       i.Lost,
		Stolen:     i.Stolen,
		Damaged:    i.Damaged,
		Disputed:   len(i.Disputes) > 0,
		Held:       len(i.Holds) > 0,
		Micrograms: matter.Mass,
		Count:      matter.Count,
		Registered: i.Registered,
		Last:       i.Last,
		LastIndex:  i.LastIndex,
		Size:       final.Size,
		Root:       final.Root,
		At:         at,
	}
	for _, share := range i.Title {
		s.Title = append(s.Title, ledger.StatedShare{Parts: share.Parts, Owner: share.Owner.stated()})
	}
	for _, t := range i.Terms {
		s.Terms = append(s.Terms, ledger.StatedTerm{Mode: t.Mode, From: t.From, Until: t.Until, MayMemoOn: t.MayMemoOn})
	}
	for _, o := range i.Offers {
		s.Offers = append(s.Offers, ledger.StatedOffer{
			Event: o.Event, Index: o.Index, From: o.From, To: o.To, Mode: o.Mode,
			ExpiresAt: o.ExpiresAt, GoodsLeft: o.GoodsLeft, Declined: o.Declined, Until: o.Until,
			Part: ledger.StatedPortion(o.Part), Agent: o.Agent, MayMemoOn: o.MayMemoOn,
		})
	}
	slices.SortFunc(s.Offers, func(a, b ledger.StatedOffer) int { return cmp.Compare(a.Index, b.Index) })
	return s
}

func (h Holder) stated() ledger.StatedHolder {
	if h.Outside == nil {
		return ledger.StatedHolder{Party: h.Party}
	}
	return ledger.StatedHolder{Outside: &ledger.StatedOutside{
		Reason: h.Outside.Reason, Country: h.Outside.Country, Since: h.Outside.Since, ReleasedBy: h.Outside.ReleasedBy,
	}}
}
