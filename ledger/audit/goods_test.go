package audit

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// goods adds changes of matter, papers, shares and everything that can stand in the
// way of an item: state that an audit works out and a saved one carries.
func (w *world) goods() {
	w.Helper()
	w.goodsFrom = len(w.entries)
	day := uint64(24 * 3600_000)
	asha, bram, chen, south := partyOf("asha"), partyOf("bram"), partyOf("chen"), partyOf("south")
	does := func(party string, body func(*custodyv1.Event)) ledger.EventID {
		return w.add(w.event(party, nil, body))
	}
	both := func(party, second string, body func(*custodyv1.Event)) ledger.EventID {
		return w.add(w.event(party, nil, body, signerOf(party), signerOf(second)))
	}

	parcel := ledger.NewItemID(does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_ItemRegister{ItemRegister: &custodyv1.ItemRegister{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
			Mass: &custodyv1.Mass{Micrograms: 4_000_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}, Count: 10, CountBasis: custodyv1.CountBasis_COUNT_BASIS_COUNTED,
			Acquisition: custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER,
			Origin: []*custodyv1.OriginComponent{
				{Micrograms: 3_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW"}, Mine: "mine 1", Producer: "mine.example.org"},
				{Micrograms: 1_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"ZA"}},
			},
			OutsideIds: []*custodyv1.OutsideId{{Kind: custodyv1.OutsideIdKind_OUTSIDE_ID_KIND_LABORATORY_REPORT, Issuer: "LAB", Number: "1"}},
		}}
	}), 0)
	does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Attest{Attest: &custodyv1.Attest{
			Item: parcel[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "authority.example.org", Country: "BW", Number: "BW1",
			DocumentSha256: make([]byte, 32), IssuedMs: w.now - day, ExpiresMs: w.now + 60*day,
			Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}},
			Countries: []string{"BW", "ZA"},
			Quantity:  &custodyv1.Portion{Micrograms: 9_000_000, Count: 20}, Drawn: &custodyv1.Portion{Micrograms: 4_000_000, Count: 10},
		}}
	})
	part := func(mass uint64, count uint32) *custodyv1.Output {
		return &custodyv1.Output{
			Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
			Mass: &custodyv1.Mass{Micrograms: mass, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}, Count: count, CountBasis: custodyv1.CountBasis_COUNT_BASIS_COUNTED,
		}
	}
	split := does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Transform{Transform: &custodyv1.Transform{
			Process: custodyv1.Process_PROCESS_SPLIT, Inputs: []*custodyv1.ItemRef{w.ref(parcel)}, Outputs: []*custodyv1.Output{part(2_500_000, 6), part(1_500_000, 4)},
		}}
	})
	first, second := ledger.NewItemID(split, 0), ledger.NewItemID(split, 1)

	// A part of a parcel that was received short, and one that is offered still.
	offer := does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Offer{Offer: &custodyv1.Offer{
			Item: w.ref(first), To: bram[:], Mode: custodyv1.Mode_MODE_SALE, ExpiresAtMs: w.now + day, Part: &custodyv1.Portion{Micrograms: 800_000, Count: 2}, Agent: chen[:],
		}}
	})
	does("bram", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Accept{Accept: &custodyv1.Accept{Item: w.ref(first), Offer: offer[:], From: asha[:], Received: &custodyv1.Portion{Micrograms: 400_000, Count: 1}}}
	})
	does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Offer{Offer: &custodyv1.Offer{
			Item: w.ref(first), To: bram[:], Mode: custodyv1.Mode_MODE_MEMO, ExpiresAtMs: w.now + day, UntilMs: w.now + 30*day, MayMemoOn: true,
			Part: &custodyv1.Portion{Micrograms: 800_000, Count: 2}, Agent: chen[:],
		}}
	})

	both("asha", "bram", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Share{Share: &custodyv1.Share{Item: w.ref(second), Owners: []*custodyv1.TitlePart{{Party: asha[:], Parts: 2}, {Party: bram[:], Parts: 1}}}}
	})
	both("north", "south", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Hold{Hold: &custodyv1.Hold{Item: second[:], Authority: custodyv1.HoldAuthority_HOLD_AUTHORITY_CUSTOMS, OrderSha256: make([]byte, 32), Second: south[:]}}
	})
	does("north", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Dispute{Dispute: &custodyv1.Dispute{Item: second[:], Ground: custodyv1.DisputeGround_DISPUTE_GROUND_ORIGIN}}
	})
	does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Incident{Incident: &custodyv1.Incident{Item: w.ref(second), Kind: custodyv1.IncidentKind_INCIDENT_KIND_STOLEN}}
	})

	stone := w.register("asha", 11)
	mass := uint64(200_000)
	does("asha", func(e *custodyv1.Event) {
		e.Body = &custodyv1.Event_Transform{Transform: &custodyv1.Transform{
			Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: []*custodyv1.ItemRef{w.ref(stone)},
			Additions: []*custodyv1.BillLine{{
				Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_PART, Mass: &custodyv1.Mass{Micrograms: 3_000_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED},
				Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: 2_250_000}, {Metal: custodyv1.Metal_METAL_COPPER, Micrograms: 750_000}},
			}},
			Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: &custodyv1.Mass{Micrograms: mass + 3_000_000, Basis: custodyv1.MassBasis_MASS_BASIS_CALCULATED}}},
		}}
	})
	if item, _ := w.state.Item(stone); !item.Set() || rules.StandingOf(w.state, item) != rules.Live {
		w.Fatalf("the stone of a made-up piece is %+v", item)
	}
}
