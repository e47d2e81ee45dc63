package trade

import (
	"fmt"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Terms of what is offered here.
const (
	OfferTerm = 7 * 24 * time.Hour
	MemoTerm  = 30 * 24 * time.Hour
)

// Leg is one movement of a stone between two dealers, who are numbered as in
// the list that travels with a route: an offer and its answer.
type Leg struct {
	From, To int
	Mode     custodyv1.Mode
	Answer   Answer
}

// Answer says what becomes of an offer.
type Answer int

// The answers.
const (
	Received Answer = iota
	Declined
	Withdrawn
)

// Sale passes custody and title.
func Sale(from, to int) Leg { return Leg{From: from, To: to, Mode: custodyv1.Mode_MODE_SALE} }

// Memo passes custody; title stays.
func Memo(from, to int) Leg { return Leg{From: from, To: to, Mode: custodyv1.Mode_MODE_MEMO} }

// Return passes custody back to the owner.
func Return(from, to int) Leg { return Leg{From: from, To: to, Mode: custodyv1.Mode_MODE_RETURN} }

// MemoSale passes title from the owner to the dealer who holds the goods.
func MemoSale(from, to int) Leg {
	return Leg{From: from, To: to, Mode: custodyv1.Mode_MODE_MEMO_TO_SALE}
}

// But is the leg with another answer than received.
func (l Leg) But(a Answer) Leg {
	l.Answer = a
	return l
}

// Stone is an item as its next signer sees it.
type Stone struct {
	ledger.ItemRef
	// Offer is the open offer, if one stands.
	Offer ledger.EventID
}

// Registered is the stone that a registration creates.
func Registered(registration ledger.SignedEvent) Stone {
	return Stone{ItemRef: ledger.ItemRef{Item: client.RegisteredItem(registration), Prev: registration.ID()}}
}

// Send signs an offer of the stone, which moves on to it.
func (s *Stone) Send(from, to Dealer, mode custodyv1.Mode) (ledger.SignedEvent, error) {
	now := time.Now()
	terms := client.OfferTerms{To: to.Party(), Mode: mode, ExpiresAt: now.Add(OfferTerm)}
	if mode == custodyv1.Mode_MODE_MEMO {
		terms.Until = now.Add(MemoTerm)
	}
	event, err := from.Offer(s.ItemRef, terms)
	if err != nil {
		return ledger.SignedEvent{}, err
	}
	s.Prev = event.ID()
	s.Offer = s.Prev
	return event, nil
}

// answer signs the end of the open offer.
func (s *Stone) answer(leg Leg, dealers []Dealer) (event ledger.SignedEvent, err error) {
	switch leg.Answer {
	case Received:
		event, err = dealers[leg.To].Accept(s.ItemRef, s.Offer, dealers[leg.From].Party())
	case Declined:
		event, err = dealers[leg.To].Decline(s.ItemRef, s.Offer, custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED)
	case Withdrawn:
		event, err = dealers[leg.From].Withdraw(s.ItemRef, s.Offer)
	}
	if err != nil {
		return ledger.SignedEvent{}, err
	}
	s.Prev, s.Offer = event.ID(), ledger.EventID{}
	return event, nil
}

// Travel signs the stone's way along a route, two events a leg, each event
// naming the one before it. The stone moves on to the last one.
func (s *Stone) Travel(dealers []Dealer, route []Leg) ([]ledger.SignedEvent, error) {
	events := make([]ledger.SignedEvent, 0, 2*len(route))
	for _, leg := range route {
		offer, err := s.Send(dealers[leg.From], dealers[leg.To], leg.Mode)
		if err != nil {
			return nil, fmt.Errorf("sign a leg of item %s: %w", s.Item, err)
		}
		answer, err := s.answer(leg, dealers)
		if err != nil {
			return nil, fmt.Errorf("sign a leg of item %s: %w", s.Item, err)
		}
		events = append(events, offer, answer)
	}
	return events, nil
}

// Polished is the registration of a natural polished diamond whose origin
// nobody knows: what most stock looks like on the day it joins a ledger.
func Polished(micrograms uint64, description *custodyv1.Description) *custodyv1.ItemRegister {
	return &custodyv1.ItemRegister{
		Material:    custodyv1.Material_MATERIAL_DIAMOND,
		Form:        custodyv1.Form_FORM_SINGLE,
		Nature:      custodyv1.Nature_NATURE_NATURAL,
		Stage:       custodyv1.Stage_STAGE_POLISHED,
		Mass:        &custodyv1.Mass{Micrograms: micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Description: description,
		Acquisition: custodyv1.Acquisition_ACQUISITION_STOCK_BEFORE_JOINING,
		Origin: []*custodyv1.OriginComponent{{
			Micrograms: micrograms,
			Kind:       custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN,
		}},
	}
}
