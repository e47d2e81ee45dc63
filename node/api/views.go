package api

import (
	"encoding/binary"
	"fmt"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// itemView shows an item's state with its registration as it was signed.
func (s *ledgerService) itemView(snapshot *store.Snapshot, item rules.Item) (*custodyv1.ItemView, error) {
	registration, registeredAt, err := s.registration(snapshot, item)
	if err != nil {
		return nil, err
	}
	view := &custodyv1.ItemView{
		Item:            item.ID[:],
		Status:          custodyv1.ItemStatus_ITEM_STATUS_LIVE,
		Prev:            item.Last[:],
		RegisteredIndex: item.Registered,
		LastIndex:       item.LastIndex,
		Custody:         holder(item.Custody),
		Title: &custodyv1.Title{
			ManagingOwner: holder(item.Title),
			Shares:        []*custodyv1.TitleShare{{Owner: holder(item.Title), Parts: 1}},
		},
		MemoUntilMs:    item.MemoUntil,
		Registration:   registration,
		RegisteredBy:   item.Registrant[:],
		RegisteredAtMs: registeredAt,
	}
	if item.Status != rules.Live {
		view.Status = custodyv1.ItemStatus_ITEM_STATUS_VOID
	}
	for _, o := range item.Offers {
		view.OpenOffers = append(view.OpenOffers, offer(o, snapshot.Head().RecordedAt))
	}
	view.Contested, err = contested(snapshot, item, registration)
	return view, err
}

// registration reads the entry that registered an item. That it is one was
// checked when it was stored; what is found otherwise is damage.
func (s *ledgerService) registration(snapshot *store.Snapshot, item rules.Item) (*custodyv1.ItemRegister, uint64, error) {
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
	registration, ok := event.Body.(*custodyv1.ItemRegister)
	if !ok {
		return nil, 0, damaged(item.Registered, fmt.Errorf("a %T where an item's registration should be", event.Body))
	}
	return registration, entry.RecordedAt, nil
}

func damaged(index uint64, err error) error {
	return &store.CorruptError{Entry: int64(index), What: "it does not hold what the state says", Err: err}
}

// contested tells whether another live item claims one of the same outside ids.
func contested(snapshot *store.Snapshot, item rules.Item, registration *custodyv1.ItemRegister) (bool, error) {
	if item.Status != rules.Live {
		return false, nil
	}
	for _, id := range registration.OutsideIds {
		claims, err := snapshot.OutsideClaims(id, ledger.ItemID{}, 2)
		if err != nil {
			return false, err
		}
		for _, other := range claims {
			if other != item.ID {
				return true, nil
			}
		}
	}
	return false, nil
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
	return &custodyv1.OpenOffer{
		EventId:     o.Event[:],
		From:        o.From[:],
		To:          o.To[:],
		Mode:        o.Mode,
		ExpiresAtMs: o.ExpiresAt,
		GoodsLeft:   o.GoodsLeft,
		MemoUntilMs: o.MemoUntil,
		Index:       o.Index,
		Declined:    o.Declined,
		Expired:     o.Expired(now),
	}
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
