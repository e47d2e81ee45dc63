package workload

import (
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Chain signs the story of one stone before its first event is sent: a registration,
// then so many sales, each an offer and its acceptance, between random parties of the
// cast. Every event names the one before, so they must be sent in order; chains of
// different seeds have nothing to do with each other. It runs no rules. Now is ledger
// time; the events can be recorded within 7 days of it.
func (c *Cast) Chain(seed uint64, sales int, now uint64) ([]ledger.SignedEvent, error) {
	s := &signer{cast: c, random: rand.New(rand.NewPCG(seed, 'h')), now: now}
	holder := s.party()
	last := s.sign(holder, stoneOf(s.random), nil)
	item := ledger.NewItemID(last, 0)
	for range sales {
		to := s.party()
		for to == holder {
			to = s.party()
		}
		offer := s.sign(holder, &custodyv1.Offer{
			Item: &custodyv1.ItemRef{Item: item[:], Prev: last[:]}, To: to.ID[:], Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: now + 30*day,
		}, nil)
		last = s.sign(to, &custodyv1.Accept{Item: &custodyv1.ItemRef{Item: item[:], Prev: offer[:]}, Offer: offer[:], From: holder.ID[:]}, nil)
		holder = to
	}
	return s.signed, s.err
}

// Parcel signs a group that registers so many stones of one party, 2 to 1,000, all or
// none.
func (c *Cast) Parcel(seed uint64, stones int, now uint64) ([]ledger.SignedEvent, error) {
	if stones < 2 || stones > ledger.GroupEventsMax {
		return nil, fmt.Errorf("a group of %d events; from 2 to %d are permitted", stones, ledger.GroupEventsMax)
	}
	s := &signer{cast: c, random: rand.New(rand.NewPCG(seed, 'p')), now: now}
	by, id := s.party(), randomBytes(s.random, 16)
	for i := range stones {
		s.sign(by, stoneOf(s.random), &custodyv1.Group{Id: id, Position: uint32(i), Count: uint32(stones)})
	}
	return s.signed, s.err
}

// signer collects events signed one after the other, and the first error.
type signer struct {
	cast   *Cast
	random *rand.Rand
	now    uint64
	signed []ledger.SignedEvent
	err    error
}

func (s *signer) party() *Actor { return s.cast.Parties[s.random.IntN(len(s.cast.Parties))] }

func (s *signer) sign(by *Actor, body proto.Message, group *custodyv1.Group) ledger.EventID {
	if s.err != nil {
		return ledger.EventID{}
	}
	e := &custodyv1.Event{LedgerId: s.cast.ledger.ID[:], Party: by.ID[:], Nonce: randomBytes(s.random, 16), OccurredAtMs: s.now, NotAfterMs: s.now + 7*day, Group: group}
	setBody(e, body)
	signed, err := ledger.Sign(e, by.Key)
	if err != nil {
		s.err = err
		return ledger.EventID{}
	}
	s.signed = append(s.signed, signed)
	return signed.ID()
}

// stoneOf is one real polished diamond of made-up origin.
func stoneOf(random *rand.Rand) *custodyv1.ItemRegister {
	s := stones[random.IntN(len(stones))]
	return &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass:        &custodyv1.Mass{Micrograms: s.micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED, Declared: s.carat, Unit: custodyv1.Unit_UNIT_CARAT},
		Description: &custodyv1.Description{Colour: s.colour, Clarity: s.clarity},
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin:      []*custodyv1.OriginComponent{{Micrograms: s.micrograms, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{diamondShares[random.IntN(len(diamondShares))].country}}},
		Reference:   randomBytes(random, 16),
	}
}
