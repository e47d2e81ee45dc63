package api

import (
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// itemView shows an item's state with what made it as that was signed.
func (s *ledgerService) itemView(snapshot *store.Snapshot, item rules.Item) (*custodyv1.ItemView, error) {
	made, madeAt, err := s.madeBy(snapshot, item)
	if err != nil {
		return nil, err
	}
	matter, ok := snapshot.Matter(item.ID)
	if !ok {
		return nil, cmp.Or(snapshot.Err(), damaged(item.Registered, errors.New("the item has no matter")))
	}
	view := &custodyv1.ItemView{
		Item:            item.ID[:],
		Status:          custodyv1.ItemStatus(item.Status),
		Prev:            item.Last[:],
		RegisteredIndex: item.Registered,
		LastIndex:       item.LastIndex,
		Custody:         holder(item.Custody),
		Title:           &custodyv1.Title{ManagingOwner: holder(item.Owner())},
		RegisteredBy:    item.Registrant[:],
		RegisteredAtMs:  madeAt,
		Matter:          client.MatterView(matter),
		Lost:            item.Lost,
		Stolen:          item.Stolen,
		Damaged:         item.Damaged,
	}
	if err := client.MadeBy(view, made); err != nil {
		return nil, damaged(item.Registered, err)
	}
	if item.Set() {
		view.Within = item.Within[:]
	}
	for _, share := range item.Title {
		view.Title.Shares = append(view.Title.Shares, &custodyv1.TitleShare{Owner: holder(share.Owner), Parts: share.Parts})
	}
	for _, t := range item.Terms {
		view.Terms = append(view.Terms, &custodyv1.Term{Mode: t.Mode, From: t.From[:], UntilMs: t.Until, MayMemoOn: t.MayMemoOn})
	}
	for _, o := range item.Offers {
		view.OpenOffers = append(view.OpenOffers, offer(o, snapshot.Head().RecordedAt))
	}
	for _, d := range item.Disputes {
		view.Disputes = append(view.Disputes, d.Event[:])
	}
	for _, h := range item.Holds {
		view.Holds = append(view.Holds, h.Event[:])
	}
	view.Contested, err = snapshot.Contested(item)
	return view, err
}

// madeBy reads the event that made an item. That it is one was checked when it was
// stored; what is found otherwise is damage.
func (s *ledgerService) madeBy(snapshot *store.Snapshot, item rules.Item) (*ledger.Event, uint64, error) {
	b, err := snapshot.Entry(item.Registered)
	if err != nil {
		return nil, 0, err
	}
	entry, err := ledger.DecodeEntry(b)
	if err != nil {
		return nil, 0, damaged(item.Registered, err)
	}
	event, rejection := ledger.DecodeEvent(s.config.Genesis.RulesVersion, entry.Signed)
	if rejection != nil {
		return nil, 0, damaged(item.Registered, rejection)
	}
	return event, entry.RecordedAt, nil
}

func damaged(index uint64, err error) error {
	return &store.CorruptError{Entry: int64(index), What: "it does not hold what the state says", Err: err}
}

func holder(h rules.Holder) *custodyv1.Holder {
	if h.Outside == nil {
		return &custodyv1.Holder{Who: &custodyv1.Holder_Party{Party: h.Party[:]}}
	}
	return &custodyv1.Holder{Who: &custodyv1.Holder_Outside{Outside: &custodyv1.Outside{
		Reason:     h.Outside.Reason,
		Country:    h.Outside.Country,
		SinceIndex: h.Outside.Since,
		ReleasedBy: h.Outside.ReleasedBy[:],
	}}}
}

func offer(o rules.Offer, now uint64) *custodyv1.OpenOffer {
	open := &custodyv1.OpenOffer{
		EventId:     o.Event[:],
		From:        o.From[:],
		To:          o.To[:],
		Mode:        o.Mode,
		ExpiresAtMs: o.ExpiresAt,
		GoodsLeft:   o.GoodsLeft,
		UntilMs:     o.Until,
		Index:       o.Index,
		Declined:    o.Declined,
		Expired:     o.Expired(now),
		MayMemoOn:   o.MayMemoOn,
	}
	if o.Part != (rules.Portion{}) {
		open.Part = &custodyv1.Portion{Micrograms: o.Part.Micrograms, Count: o.Part.Count}
	}
	if o.Agent != (ledger.PartyID{}) {
		open.Agent = o.Agent[:]
	}
	return open
}

func partyView(snapshot *store.Snapshot, party rules.Party) *custodyv1.PartyView {
	view := &custodyv1.PartyView{
		Party:         party.ID[:],
		Association:   party.Association,
		Name:          party.Name,
		Country:       party.Country,
		Role:          party.Role,
		Suspended:     party.Suspended(),
		AdmittedIndex: party.Admitted,
	}
	for _, m := range party.Memberships {
		view.Memberships = append(view.Memberships, &custodyv1.MembershipView{Association: m.Association[:], Suspended: m.Suspended})
	}
	for _, id := range party.Keys {
		key, ok := snapshot.Key(id)
		if !ok {
			continue // the snapshot's Err says why
		}
		k := &custodyv1.KeyView{
			Key:        key.Public.Bytes(),
			KeyId:      id[:],
			Scopes:     uint32(key.Scopes),
			Recovery:   key.Recovery,
			AddedIndex: key.Added,
		}
		view.Keys = append(view.Keys, k)
	}
	return view
}

func indexPosition(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

func indexOf(position []byte) uint64 {
	if position == nil {
		return 0
	}
	return binary.BigEndian.Uint64(position)
}
