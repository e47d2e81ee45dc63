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
	s := c.signer(seed, 'h', now)
	holder := s.party()
	last := s.sign(holder, stoneOf(s.random), nil)
	item := ledger.NewItemID(last, 0)
	for range sales {
		holder, last = s.sell(holder, item, last)
	}
	return s.signed, s.err
}

// Split signs the story of a counted parcel before its first event is sent: a
// registration, a change that makes so many parts of it, from 2 to
// partStones, and the sale of each part. The rest holds what Chain says.
func (c *Cast) Split(seed uint64, parts int, now uint64) ([]ledger.SignedEvent, error) {
	if parts < 2 || parts > partStones {
		return nil, fmt.Errorf("a parcel split in %d; from 2 to %d are permitted", parts, partStones)
	}
	s := c.signer(seed, 's', now)
	holder := s.party()
	whole := meleeOf(s.random, parts*partStones)
	registered := s.sign(holder, whole, nil)
	item := ledger.NewItemID(registered, 0)
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_SPLIT, Inputs: []*custodyv1.ItemRef{{Item: item[:], Prev: registered[:]}}}
	for range parts {
		body.Outputs = append(body.Outputs, meleeOut(whole.Mass.Micrograms/uint64(parts), partStones))
	}
	split := s.sign(holder, body, nil)
	for i := range parts {
		s.sell(holder, ledger.NewItemID(split, uint32(i)), split)
	}
	return s.signed, s.err
}

// Merge signs the story of so many parcels of one party, from 2 to partStones,
// before its first event is sent: the registrations, the change that makes one of
// them, and its sale. The rest holds what Chain says.
func (c *Cast) Merge(seed uint64, parents int, now uint64) ([]ledger.SignedEvent, error) {
	if parents < 2 || parents > partStones {
		return nil, fmt.Errorf("a merge of %d parcels; from 2 to %d are permitted", parents, partStones)
	}
	s := c.signer(seed, 'm', now)
	holder := s.party()
	body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_MERGE}
	total := uint64(0)
	for range parents {
		parcel := meleeOf(s.random, partStones)
		registered := s.sign(holder, parcel, nil)
		item := ledger.NewItemID(registered, 0)
		body.Inputs = append(body.Inputs, &custodyv1.ItemRef{Item: item[:], Prev: registered[:]})
		total += parcel.Mass.Micrograms
	}
	body.Outputs = []*custodyv1.Output{meleeOut(total, uint32(parents*partStones))}
	merged := s.sign(holder, body, nil)
	s.sell(holder, ledger.NewItemID(merged, 0), merged)
	return s.signed, s.err
}

// Parcel signs a group that registers so many stones of one party, 2 to 1,000, all or
// none.
func (c *Cast) Parcel(seed uint64, stones int, now uint64) ([]ledger.SignedEvent, error) {
	if stones < 2 || stones > ledger.GroupEventsMax {
		return nil, fmt.Errorf("a group of %d events; from 2 to %d are permitted", stones, ledger.GroupEventsMax)
	}
	s := c.signer(seed, 'p', now)
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

func (c *Cast) signer(seed, kind, now uint64) *signer {
	return &signer{cast: c, random: rand.New(rand.NewPCG(seed, kind)), now: now}
}

// sell signs an offer to another random party and its acceptance.
func (s *signer) sell(holder *Actor, item ledger.ItemID, last ledger.EventID) (*Actor, ledger.EventID) {
	to := s.party()
	for to == holder {
		to = s.party()
	}
	offer := s.sign(holder, &custodyv1.Offer{
		Item: &custodyv1.ItemRef{Item: item[:], Prev: last[:]}, To: to.ID[:], Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: s.now + 30*day,
	}, nil)
	return to, s.sign(to, &custodyv1.Accept{Item: &custodyv1.ItemRef{Item: item[:], Prev: offer[:]}, Offer: offer[:], From: holder.ID[:]}, nil)
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

// partStones are the stones in one part of a parcel.
const partStones = 20

// meleeOf is a counted parcel of small polished diamonds of made-up origin, each of
// the same mass.
func meleeOf(random *rand.Rand, count int) *custodyv1.ItemRegister {
	total := stones[random.IntN(len(stones))].micrograms * uint64(count)
	r := stoneOf(random)
	r.Form, r.Count, r.EqualPieces, r.Mass, r.Description = custodyv1.Form_FORM_COUNTED_PARCEL, uint32(count), true, mass(total), nil
	r.Origin[0].Micrograms = total
	return r
}

// meleeOut is such a parcel as what comes out of a change.
func meleeOut(micrograms uint64, count uint32) *custodyv1.Output {
	return &custodyv1.Output{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass: mass(micrograms), Count: count,
	}
}
