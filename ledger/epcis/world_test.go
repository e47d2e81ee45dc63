package epcis

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// world is a made-up ledger whose events cover every row of the table. What the
// rules would write for each is written by hand, so that the export is tested
// apart from them.
type world struct {
	t       testing.TB
	builder *provenance.Builder
	items   map[ledger.ItemID]rules.Item
	matters map[ledger.ItemID]rules.Matter
	index   uint64
	last    ledger.EventID
}

var (
	association = party(0xa0)
	mine        = party(1)
	cutter      = party(2)
	dealer      = party(3)
	laboratory  = party(4)
	partner     = party(5)
)

const startMs = 1_800_000_000_000

func party(n byte) ledger.PartyID { return ledger.PartyID{0: n, 19: n} }

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, items: map[ledger.ItemID]rules.Item{}, matters: map[ledger.ItemID]rules.Matter{},
		builder: provenance.NewBuilder(ledger.LedgerID{1}, &ledger.Genesis{Name: "example.org/ledger"}),
	}
	w.parties(
		rules.Party{ID: association, Association: true, Name: "Example Association", Country: "BE"},
		rules.Party{ID: mine, Country: "BW", Role: custodyv1.Role_ROLE_MINER}, rules.Party{ID: cutter, Country: "IN", Role: custodyv1.Role_ROLE_CUTTER},
		rules.Party{ID: dealer, Country: "US", Role: custodyv1.Role_ROLE_DEALER, Memberships: []rules.Membership{{Association: association}}},
		rules.Party{ID: laboratory, Country: "BE", Role: custodyv1.Role_ROLE_LABORATORY},
		rules.Party{ID: partner, Country: "US", Role: custodyv1.Role_ROLE_DEALER, Memberships: []rules.Membership{{Association: association, Suspended: true}}},
	)
	return w
}

func (w *world) parties(list ...rules.Party) {
	w.apply(&ledger.Event{Party: association, Body: &custodyv1.PartyAdmit{}}, rules.Changes{Parties: list})
}

func (w *world) apply(e *ledger.Event, changes rules.Changes) {
	w.t.Helper()
	w.index++
	e.ID = ledger.EventID(sha256.Sum256(fmt.Appendf(nil, "event %d", w.index)))
	e.OccurredAt = startMs + w.index*1000
	w.last = e.ID
	for n := range changes.Items {
		changes.Items[n].Last, changes.Items[n].LastIndex = e.ID, w.index
		w.items[changes.Items[n].ID] = changes.Items[n]
	}
	for _, m := range changes.Matters {
		w.matters[m.Item] = m
	}
	err := w.builder.Apply(provenance.Applied{Event: e, Index: w.index, RecordedAt: e.OccurredAt + 250, Changes: changes})
	if err != nil {
		w.t.Fatal(err)
	}
}

// event applies a body that names items, after which the items are as edited.
func (w *world) event(by ledger.PartyID, body any, items []ledger.ItemID, edits ...func(*rules.Item, *rules.Matter)) ledger.EventID {
	w.t.Helper()
	e := &ledger.Event{Party: by, Body: body}
	for _, id := range items {
		e.Items = append(e.Items, ledger.ItemRef{Item: id, Prev: w.items[id].Last})
	}
	changes := rules.Changes{}
	for n, id := range items {
		item, matter := w.items[id], w.matters[id]
		item.Offers, item.Disputes, item.Holds = slices.Clone(item.Offers), slices.Clone(item.Disputes), slices.Clone(item.Holds)
		if n < len(edits) && edits[n] != nil {
			edits[n](&item, &matter)
		}
		changes.Items, changes.Matters = append(changes.Items, item), append(changes.Matters, matter)
	}
	w.apply(e, changes)
	return w.last
}

// makes applies a body that makes items as well; they are held and owned by one party.
func (w *world) makes(by ledger.PartyID, body any, named []ledger.ItemID, outputs []rules.Matter, edits ...func(*rules.Item, *rules.Matter)) []ledger.ItemID {
	w.t.Helper()
	e := &ledger.Event{Party: by, Body: body}
	changes := rules.Changes{}
	for n, id := range named {
		e.Items = append(e.Items, ledger.ItemRef{Item: id, Prev: w.items[id].Last})
		item, matter := w.items[id], w.matters[id]
		if n < len(edits) && edits[n] != nil {
			edits[n](&item, &matter)
		}
		changes.Items, changes.Matters = append(changes.Items, item), append(changes.Matters, matter)
	}
	e.ID = ledger.EventID(sha256.Sum256(fmt.Appendf(nil, "event %d", w.index+1)))
	ids := e.Outputs()
	for n, m := range outputs {
		m.Item = ids[n]
		changes.Matters = append(changes.Matters, m)
		changes.Items = append(changes.Items, rules.Item{ID: ids[n], Status: rules.Live, Registrant: by, Custody: rules.Inside(by), Title: rules.Sole(rules.Inside(by))})
	}
	w.apply(e, changes)
	return ids
}

func (w *world) ref(id ledger.ItemID) *custodyv1.ItemRef {
	last := w.items[id].Last
	return &custodyv1.ItemRef{Item: id[:], Prev: last[:]}
}

func (w *world) refs(ids ...ledger.ItemID) []*custodyv1.ItemRef {
	var refs []*custodyv1.ItemRef
	for _, id := range ids {
		refs = append(refs, w.ref(id))
	}
	return refs
}

func (w *world) graph() *provenance.Graph {
	w.t.Helper()
	g, err := w.builder.Graph(provenance.Reading{Size: w.index + 1, Time: startMs + 10_000_000, Whole: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func ended(i *rules.Item, _ *rules.Matter) { i.Status = rules.Consumed }

func within(piece *ledger.ItemID) func(*rules.Item, *rules.Matter) {
	return func(i *rules.Item, _ *rules.Matter) { i.Within = *piece }
}

func diamond(micrograms uint64, stage custodyv1.Stage, countries string) rules.Matter {
	return rules.Matter{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: stage, Mass: micrograms,
		Origin: []rules.Component{{Micrograms: micrograms, Source: rules.Source{Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: countries}}},
	}
}

func parcel(micrograms uint64, count uint32, countries string) rules.Matter {
	m := diamond(micrograms, custodyv1.Stage_STAGE_POLISHED, countries)
	m.Form, m.Count, m.CountBasis = custodyv1.Form_FORM_COUNTED_PARCEL, count, custodyv1.CountBasis_COUNT_BASIS_COUNTED
	return m
}

func gold(micrograms uint64) rules.Matter {
	return rules.Matter{
		Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: micrograms,
		Composition: []rules.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: micrograms}},
		Origin:      []rules.Component{{Micrograms: micrograms, Source: rules.Source{Metal: custodyv1.Metal_METAL_GOLD, Kind: custodyv1.OriginKind_ORIGIN_KIND_RECYCLED}}},
	}
}

func registration(m rules.Matter, ids ...*custodyv1.OutsideId) *custodyv1.ItemRegister {
	r := &custodyv1.ItemRegister{
		Material: m.Material, Form: m.Form, Nature: m.Nature, Stage: m.Stage, Count: m.Count, OutsideIds: ids,
		Mass:        &custodyv1.Mass{Micrograms: m.Mass, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
		Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED, Reference: make([]byte, 16), HsCode: "710231",
		Description: &custodyv1.Description{Shape: "round", Colour: "D", PhotoSha256: make([]byte, 32)},
	}
	for _, c := range m.Origin {
		component := &custodyv1.OriginComponent{Micrograms: c.Micrograms, Kind: c.Kind, Metal: c.Metal}
		if c.Countries != "" {
			component.Countries = []string{c.Countries}
		}
		r.Origin = append(r.Origin, component)
	}
	return r
}

func (w *world) register(by ledger.PartyID, m rules.Matter, ids ...*custodyv1.OutsideId) ledger.ItemID {
	return w.makes(by, registration(m, ids...), nil, []rules.Matter{m})[0]
}

// offer makes an offer that stands.
func (w *world) offer(by, to ledger.PartyID, item ledger.ItemID, mode custodyv1.Mode, gone bool, part *custodyv1.Portion) ledger.EventID {
	body := &custodyv1.Offer{Item: w.ref(item), To: to[:], Mode: mode, ExpiresAtMs: startMs + 5_000_000, GoodsLeft: gone, Part: part}
	id := ledger.EventID(sha256.Sum256(fmt.Appendf(nil, "event %d", w.index+1)))
	standing := rules.Offer{Event: id, Index: w.index + 1, From: by, To: to, Mode: mode, ExpiresAt: body.ExpiresAtMs, GoodsLeft: gone}
	if part != nil {
		standing.Part = rules.Portion{Micrograms: part.Micrograms, Count: part.Count}
	}
	return w.event(by, body, []ledger.ItemID{item}, func(i *rules.Item, _ *rules.Matter) { i.Offers = append(i.Offers, standing) })
}

func none(i *rules.Item, _ *rules.Matter) { i.Offers = nil }

// all plays every row of the table and gives the items of the story.
func (w *world) all() (ring, stone ledger.ItemID) {
	rough := w.register(mine, diamond(400_000, custodyv1.Stage_STAGE_ROUGH, "BW"))
	paper := w.event(mine, &custodyv1.Attest{
		Item: rough[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "Example Authority", Country: "BW", Number: "BW0012E4",
		IssuedMs: startMs, ExpiresMs: startMs + 9_000_000, DocumentSha256: make([]byte, 32), Countries: []string{"BW"},
		Claims:   []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}},
		Quantity: &custodyv1.Portion{Micrograms: 400_000}, Drawn: &custodyv1.Portion{Micrograms: 400_000},
	}, []ledger.ItemID{})
	w.event(mine, &custodyv1.BorderCross{Item: w.ref(rough), From: "BW", To: "IN", Certificate: paper[:], HsCode: "710231"}, []ledger.ItemID{rough})
	sale := w.offer(mine, cutter, rough, custodyv1.Mode_MODE_SALE, true, nil)
	w.event(cutter, &custodyv1.Accept{Item: w.ref(rough), Offer: sale[:], From: mine[:]}, []ledger.ItemID{rough}, func(i *rules.Item, _ *rules.Matter) {
		i.Offers, i.Custody, i.Title = nil, rules.Inside(cutter), rules.Sole(rules.Inside(cutter))
	})
	stone = w.makes(cutter, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_CUT, Inputs: w.refs(rough), Country: "IN",
		Outputs: []*custodyv1.Output{{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
			Mass:       &custodyv1.Mass{Micrograms: 200_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED, Declared: "1.00", Unit: custodyv1.Unit_UNIT_CARAT},
			OutsideIds: []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "0012E4"}},
		}},
		Balances: []*custodyv1.Balance{{Material: custodyv1.Material_MATERIAL_DIAMOND, LossMicrograms: 200_000}},
	}, []ledger.ItemID{rough}, []rules.Matter{diamond(200_000, custodyv1.Stage_STAGE_POLISHED, "BW")}, ended)[0]
	w.event(cutter, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_TREAT, Inputs: w.refs(stone), Treatments: &custodyv1.Treatments{List: 2024, Codes: []string{"H"}},
	}, []ledger.ItemID{stone}, func(_ *rules.Item, m *rules.Matter) { m.Treatments, m.TreatedBy = []string{"H"}, 2024 })
	w.event(cutter, &custodyv1.Reweigh{Item: w.ref(stone), Mass: &custodyv1.Mass{Micrograms: 199_995, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}},
		[]ledger.ItemID{stone}, func(_ *rules.Item, m *rules.Matter) { m.Mass = 199_995 })

	w.papers(stone)
	w.memo(stone)
	melee := w.parcels()
	ring = w.piece(stone, melee)
	w.aftermath(ring)
	w.corrections()
	return ring, stone
}

func (w *world) papers(stone ledger.ItemID) {
	claim := func(c custodyv1.Claim) []*custodyv1.ClaimMade {
		return []*custodyv1.ClaimMade{{Claim: c, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}}
	}
	w.event(laboratory, &custodyv1.Attest{
		Item: stone[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_GRADING_REPORT, Own: true, Number: "0012E4", IssuedMs: startMs, Claims: claim(custodyv1.Claim_CLAIM_IDENTITY),
	}, nil)
	wrong := w.event(cutter, &custodyv1.Attest{
		Item: stone[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY, Issuer: "Example: Trader", IssuedMs: startMs, Claims: claim(custodyv1.Claim_CLAIM_CONFORMITY),
	}, nil)
	w.event(cutter, &custodyv1.AttestWithdraw{Item: stone[:], Attestation: wrong[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_MISTAKE}, nil)
	forged := w.event(laboratory, &custodyv1.Attest{
		Item: stone[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_SCREENING, Own: true, Number: "S1", IssuedMs: startMs, Claims: claim(custodyv1.Claim_CLAIM_NATURE),
		FoundCount: 1, FoundNature: custodyv1.Nature_NATURE_LAB_GROWN,
	}, nil)
	w.event(laboratory, &custodyv1.AttestWithdraw{Item: stone[:], Attestation: forged[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_RETRACTED}, nil)
}

// memo moves the stone from the cutter to the dealer and back in every way.
func (w *world) memo(stone ledger.ItemID) {
	one := []ledger.ItemID{stone}
	decline := func(offer ledger.EventID, reason custodyv1.DeclineReason) {
		w.event(dealer, &custodyv1.Decline{Item: w.ref(stone), Offer: offer[:], Reason: reason}, one, none)
	}
	decline(w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_MEMO, false, nil), custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED)
	withdraw := func(offer ledger.EventID) {
		w.event(cutter, &custodyv1.Withdraw{Item: w.ref(stone), Offer: offer[:]}, one, none)
	}
	withdraw(w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_MEMO, false, nil))
	for _, reason := range []custodyv1.DeclineReason{
		custodyv1.DeclineReason_DECLINE_REASON_NEVER_ARRIVED, custodyv1.DeclineReason_DECLINE_REASON_NOT_AS_DESCRIBED, custodyv1.DeclineReason_DECLINE_REASON_NOT_WANTED,
	} {
		offer := w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_LOAN, true, nil)
		w.event(dealer, &custodyv1.Decline{Item: w.ref(stone), Offer: offer[:], Reason: reason}, one, func(i *rules.Item, _ *rules.Matter) { i.Offers[0].Declined = true })
		withdraw(offer)
	}
	memo := w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_MEMO, false, nil)
	w.event(dealer, &custodyv1.Accept{Item: w.ref(stone), Offer: memo[:], From: cutter[:]}, one, func(i *rules.Item, _ *rules.Matter) {
		i.Offers, i.Custody, i.Terms = nil, rules.Inside(dealer), []rules.Term{{Mode: custodyv1.Mode_MODE_MEMO, From: cutter}}
	})
	w.event(cutter, &custodyv1.Reclaim{Item: w.ref(stone), From: dealer[:], Association: association[:]}, one, func(i *rules.Item, _ *rules.Matter) {
		i.Custody, i.Terms = rules.Inside(cutter), nil
	})
	service := w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_MEMO, true, nil)
	w.event(dealer, &custodyv1.Accept{Item: w.ref(stone), Offer: service[:], From: cutter[:]}, one, func(i *rules.Item, _ *rules.Matter) {
		i.Offers, i.Custody, i.Terms = nil, rules.Inside(dealer), []rules.Term{{Mode: custodyv1.Mode_MODE_MEMO, From: cutter}}
	})
	back := w.offer(dealer, cutter, stone, custodyv1.Mode_MODE_RETURN, true, nil)
	w.event(cutter, &custodyv1.Accept{Item: w.ref(stone), Offer: back[:], From: dealer[:]}, one, func(i *rules.Item, _ *rules.Matter) {
		i.Offers, i.Custody, i.Terms = nil, rules.Inside(cutter), nil
	})
	again := w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_MEMO, true, nil)
	w.event(dealer, &custodyv1.Accept{Item: w.ref(stone), Offer: again[:], From: cutter[:]}, one, func(i *rules.Item, _ *rules.Matter) {
		i.Offers, i.Custody, i.Terms = nil, rules.Inside(dealer), []rules.Term{{Mode: custodyv1.Mode_MODE_MEMO, From: cutter}}
	})
	bought := w.offer(cutter, dealer, stone, custodyv1.Mode_MODE_MEMO_TO_SALE, false, nil)
	w.event(dealer, &custodyv1.Accept{Item: w.ref(stone), Offer: bought[:], From: cutter[:]}, one, func(i *rules.Item, _ *rules.Matter) {
		i.Offers, i.Terms, i.Title = nil, nil, rules.Sole(rules.Inside(dealer))
	})
	w.event(dealer, &custodyv1.Share{Item: w.ref(stone), Owners: []*custodyv1.TitlePart{{Party: dealer[:], Parts: 2}, {Party: partner[:], Parts: 1}}}, one,
		func(i *rules.Item, _ *rules.Matter) {
			i.Title = []rules.Share{{Owner: rules.Inside(dealer), Parts: 2}, {Owner: rules.Inside(partner), Parts: 1}}
		})
	w.event(dealer, &custodyv1.Share{Item: w.ref(stone), Owners: []*custodyv1.TitlePart{{Party: dealer[:], Parts: 1}}, Leaving: [][]byte{partner[:]}}, one,
		func(i *rules.Item, _ *rules.Matter) { i.Title = rules.Sole(rules.Inside(dealer)) })
}

// parcels merges, splits and parts parcels and gives what the dealer has of them.
func (w *world) parcels() ledger.ItemID {
	a, b := w.register(dealer, parcel(1_000_000, 100, "BW")), w.register(dealer, parcel(500_000, 50, "CA"))
	merged := w.makes(dealer, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_MERGE, Inputs: w.refs(a, b), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_COUNTED_PARCEL, Count: 150}},
	}, []ledger.ItemID{a, b}, []rules.Matter{parcel(1_500_000, 150, "BW CA")}, ended, ended)[0]
	part := &custodyv1.Portion{Micrograms: 300_000, Count: 30}
	offer := w.offer(cutter, dealer, merged, custodyv1.Mode_MODE_SALE, true, part)
	received := w.makes(partner, &custodyv1.Accept{Item: w.ref(merged), Offer: offer[:], From: dealer[:], Received: part}, []ledger.ItemID{merged},
		[]rules.Matter{parcel(300_000, 30, "BW CA")}, func(i *rules.Item, m *rules.Matter) { i.Offers, m.Mass, m.Count = nil, 1_200_000, 120 })[0]
	short := w.offer(partner, dealer, received, custodyv1.Mode_MODE_SALE, true, nil)
	w.makes(dealer, &custodyv1.Accept{Item: w.ref(received), Offer: short[:], From: partner[:], Received: &custodyv1.Portion{Micrograms: 290_000, Count: 29}},
		[]ledger.ItemID{received}, []rules.Matter{parcel(10_000, 1, "BW CA")}, func(i *rules.Item, m *rules.Matter) {
			i.Offers, i.Custody, i.Title = nil, rules.Inside(dealer), rules.Sole(rules.Inside(dealer))
			m.Mass, m.Count = 290_000, 29
		})
	w.event(dealer, &custodyv1.Release{Item: w.ref(merged), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, Country: "FR"}, []ledger.ItemID{merged},
		func(i *rules.Item, _ *rules.Matter) {
			i.Custody = rules.Holder{Outside: &rules.Outside{Reason: custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, Country: "FR", Since: w.index + 1, ReleasedBy: dealer}}
		})
	w.event(dealer, &custodyv1.Reenter{Item: w.ref(merged), Identity: custodyv1.Identity_IDENTITY_SEAL_INTACT,
		Mass: &custodyv1.Mass{Micrograms: 1_200_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}}, []ledger.ItemID{merged},
		func(i *rules.Item, _ *rules.Matter) { i.Custody = rules.Inside(dealer) })
	return received
}

// piece sets the stone in a ring, reworks it and takes another one apart.
func (w *world) piece(stone, melee ledger.ItemID) ledger.ItemID {
	bar := w.register(dealer, gold(3_000_000_000))
	wire := w.makes(dealer, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_MELT, Inputs: w.refs(bar), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_BULK}},
	}, []ledger.ItemID{bar}, []rules.Matter{gold(2_999_000_000)}, ended)[0]
	piece := func(children ...ledger.ItemID) rules.Matter {
		m := rules.Matter{Form: custodyv1.Form_FORM_PIECE, Children: children, Mass: 4_000_000}
		m.Bill = []rules.Line{gold(1_000)}
		return m
	}
	id := w.next()
	set := within(&id)
	ring := w.makes(dealer, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: w.refs(stone, melee, wire), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE}},
		Additions: []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: &custodyv1.Mass{Micrograms: 1_000, Basis: custodyv1.MassBasis_MASS_BASIS_CALCULATED}}},
	}, []ledger.ItemID{stone, melee, wire}, []rules.Matter{piece(stone, melee, wire)}, set, set, set)[0]
	free := within(new(ledger.ItemID))
	w.makes(dealer, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_REWORK, Inputs: w.refs(ring), Removed: w.refs(melee), Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_BULK}},
		Filings: []*custodyv1.Filing{{Item: w.ref(wire), Micrograms: 2_000}},
	}, []ledger.ItemID{ring, melee, wire}, []rules.Matter{gold(2_000)}, nil, free, nil)
	w.event(dealer, &custodyv1.Transform{Process: custodyv1.Process_PROCESS_REWORK, Inputs: w.refs(ring, melee)}, []ledger.ItemID{ring, melee}, nil, set)

	pearl := diamond(100_000, 0, "JP")
	pearl.Material = custodyv1.Material_MATERIAL_PEARL
	for _, outputs := range [][]rules.Matter{{gold(1_000)}, {}} {
		drop := w.register(dealer, pearl)
		id := w.next()
		brooch := w.makes(dealer, &custodyv1.Transform{Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: w.refs(drop), Outputs: []*custodyv1.Output{{}}},
			[]ledger.ItemID{drop}, []rules.Matter{piece(drop)}, within(&id))[0]
		body := &custodyv1.Transform{Process: custodyv1.Process_PROCESS_DISASSEMBLE, Inputs: w.refs(brooch, drop)}
		for range outputs {
			body.Outputs = append(body.Outputs, &custodyv1.Output{BillLine: 1})
		}
		w.makes(dealer, body, []ledger.ItemID{brooch, drop}, outputs, ended, free)
	}
	return ring
}

// next is the id of the first item that the next event makes.
func (w *world) next() ledger.ItemID {
	return ledger.NewItemID(sha256.Sum256(fmt.Appendf(nil, "event %d", w.index+1)), 0)
}

func (w *world) aftermath(ring ledger.ItemID) {
	one := []ledger.ItemID{ring}
	incident := func(kind custodyv1.IncidentKind, edit func(*rules.Item, *rules.Matter)) {
		w.event(dealer, &custodyv1.Incident{Item: w.ref(ring), Kind: kind}, one, edit)
	}
	incident(custodyv1.IncidentKind_INCIDENT_KIND_LOST, func(i *rules.Item, _ *rules.Matter) { i.Lost = true })
	incident(custodyv1.IncidentKind_INCIDENT_KIND_STOLEN, func(i *rules.Item, _ *rules.Matter) { i.Stolen = true })
	incident(custodyv1.IncidentKind_INCIDENT_KIND_RECOVERED, func(i *rules.Item, _ *rules.Matter) { i.Lost, i.Stolen = false, false })
	incident(custodyv1.IncidentKind_INCIDENT_KIND_DAMAGED, func(i *rules.Item, _ *rules.Matter) { i.Damaged = true })
	incident(custodyv1.IncidentKind_INCIDENT_KIND_REPAIRED, func(i *rules.Item, _ *rules.Matter) { i.Damaged = false })

	says := func(by ledger.PartyID, body any, edit func(*rules.Item)) ledger.EventID { // names the item without advancing it
		item := w.items[ring]
		edit(&item)
		w.apply(&ledger.Event{Party: by, Body: body}, rules.Changes{Items: []rules.Item{item}})
		return w.last
	}
	dispute := says(partner, &custodyv1.Dispute{Item: ring[:], Ground: custodyv1.DisputeGround_DISPUTE_GROUND_TITLE}, func(i *rules.Item) { i.Disputes = []rules.Dispute{{Party: partner}} })
	says(association, &custodyv1.Ruling{Item: ring[:], Dispute: dispute[:], Outcome: custodyv1.RulingOutcome_RULING_OUTCOME_DISMISSED}, func(i *rules.Item) { i.Disputes = nil })
	hold := says(association, &custodyv1.Hold{Item: ring[:], Authority: custodyv1.HoldAuthority_HOLD_AUTHORITY_COURT, OrderSha256: make([]byte, 32)}, func(i *rules.Item) { i.Holds = []rules.Hold{{}} })
	says(association, &custodyv1.HoldRelease{Item: ring[:], Hold: hold[:]}, func(i *rules.Item) { i.Holds = nil })
	w.event(dealer, &custodyv1.Release{Item: w.ref(ring), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER, Country: "US"}, one, func(i *rules.Item, _ *rules.Matter) {
		consumer := rules.Holder{Outside: &rules.Outside{Reason: custodyv1.OutsideReason_OUTSIDE_REASON_CONSUMER, Country: "US", Since: w.index + 1, ReleasedBy: dealer}}
		i.Custody, i.Title = consumer, rules.Sole(consumer)
	})
}

func (w *world) corrections() {
	sgtin := &custodyv1.OutsideId{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_SGTIN, Issuer: "04012345111118", Number: "A1"}
	stone := w.register(dealer, diamond(200_000, custodyv1.Stage_STAGE_ROUGH, "BW"), sgtin)
	for _, countries := range [][]string{{"BW", "RU"}, nil} {
		w.event(dealer, &custodyv1.Correct{
			Item: w.ref(stone), Reason: custodyv1.CorrectReason_CORRECT_REASON_INCORRECT_DATA, HsCode: "710210",
			Origin: []*custodyv1.OriginCorrection{{Component: 1, Countries: countries}},
		}, []ledger.ItemID{stone})
	}
	twice := w.register(dealer, diamond(200_000, custodyv1.Stage_STAGE_ROUGH, "BW"))
	w.event(dealer, &custodyv1.ItemVoid{Item: w.ref(twice), Reason: custodyv1.VoidReason_VOID_REASON_DUPLICATE}, []ledger.ItemID{twice}, func(i *rules.Item, _ *rules.Matter) { i.Status = rules.Voided })
	w.event(dealer, &custodyv1.Incident{Item: w.ref(stone), Kind: custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED}, []ledger.ItemID{stone}, func(i *rules.Item, _ *rules.Matter) { i.Status = rules.Destroyed })
	w.apply(&ledger.Event{Party: dealer, Body: registration(parcel(9_000_000_000_000_000, 2, "BW")), Group: &ledger.Group{ID: ledger.Nonce{7}, Position: 1, Count: 2},
		Commitments: []ledger.Commitment{{Field: custodyv1.PrivateField_PRIVATE_FIELD_PRICE, Hash: [32]byte{9}}}}, w.registered(parcel(9_000_000_000_000_000, 2, "BW")))
}

func (w *world) registered(m rules.Matter) rules.Changes {
	m.Item = w.next()
	return rules.Changes{
		Items:   []rules.Item{{ID: m.Item, Custody: rules.Inside(dealer), Title: rules.Sole(rules.Inside(dealer))}},
		Matters: []rules.Matter{m},
	}
}
