package bundle_test

import (
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func weighed(micrograms uint64) *custodyv1.Mass {
	return &custodyv1.Mass{Micrograms: micrograms, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED}
}

func rough(micrograms uint64, count uint32) *custodyv1.Output {
	return &custodyv1.Output{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
		Mass: weighed(micrograms), Count: count, CountBasis: custodyv1.CountBasis_COUNT_BASIS_COUNTED,
	}
}

// certified draws of a Kimberley certificate for all of an item.
func (w *world) certified(by string, item ledger.ItemID, quantity uint64) ledger.EventID {
	w.Helper()
	return w.do(by, &custodyv1.Attest{
		Item: item[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Issuer: "authority.example.org", Country: "BW", Number: "BW1",
		DocumentSha256: make([]byte, 32), IssuedMs: w.now - 1000, ExpiresMs: 1_700_000_000_000 + 365*24*3600_000,
		Claims:    []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_STATED}},
		Countries: []string{"BW", "ZA"},
		Quantity:  &custodyv1.Portion{Micrograms: quantity}, Drawn: &custodyv1.Portion{Micrograms: w.state.Matters[item].Mass},
	})
}

// parted is a world in which a parcel was split, both halves are drawn of one paper,
// a part of one half was sold, and a stone was set in gold and sold with it.
func parted(t testing.TB) (w *world, parcel, half, otherHalf, part, set, piece ledger.ItemID) {
	w = newWorld(t)
	for _, dealer := range []string{"asha", "bram", "chen"} {
		w.admit("north.example.org", dealer)
	}
	parcel = ledger.NewItemID(w.do("asha", &custodyv1.ItemRegister{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_COUNTED_PARCEL, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_ROUGH,
		Mass: weighed(4_000_000), Count: 10, CountBasis: custodyv1.CountBasis_COUNT_BASIS_COUNTED,
		Acquisition: custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER,
		Origin: []*custodyv1.OriginComponent{
			{Micrograms: 3_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"BW"}},
			{Micrograms: 1_000_000, Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: []string{"ZA"}},
		},
	}), 0)
	split := w.do("asha", &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_SPLIT, Inputs: []*custodyv1.ItemRef{w.ref(parcel)}, Outputs: []*custodyv1.Output{rough(2_500_000, 6), rough(1_500_000, 4)},
	})
	half, otherHalf = ledger.NewItemID(split, 0), ledger.NewItemID(split, 1)
	w.skip(3)
	w.certified("asha", otherHalf, 4_000_000)
	w.certified("asha", half, 4_000_000) // with the other half the paper is spent

	offer := w.offer(half, "bram", sale)
	offer.Part = &custodyv1.Portion{Micrograms: 800_000, Count: 2}
	offered := w.do("asha", offer)
	asha := partyOf("asha")
	part = ledger.NewItemID(w.do("bram", &custodyv1.Accept{
		Item: w.ref(half), Offer: offered[:], From: asha[:], Received: &custodyv1.Portion{Micrograms: 400_000, Count: 1},
	}), 0)
	w.pass(part, "bram", "chen", sale)

	set = w.register("asha")
	gold := &custodyv1.BillLine{
		Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_PART, Mass: weighed(3_000_000),
		Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: 3_000_000}},
	}
	piece = ledger.NewItemID(w.do("asha", &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: []*custodyv1.ItemRef{w.ref(set)}, Additions: []*custodyv1.BillLine{gold},
		Outputs: []*custodyv1.Output{{Form: custodyv1.Form_FORM_PIECE, Mass: weighed(3_200_000)}},
	}), 0)
	w.pass(piece, "asha", "chen", sale)
	return w, parcel, half, otherHalf, part, set, piece
}

// TestBundleOfMadeItems: items that a change of matter or an acceptance made are
// proven with what they are made of, without what became of the rest.
func TestBundleOfMadeItems(t *testing.T) {
	w, parcel, half, otherHalf, part, set, piece := parted(t)
	for name, items := range map[string][]ledger.ItemID{
		"a half": {half}, "the other half": {otherHalf}, "a part that was sold": {part}, "the parcel itself": {parcel},
		"a piece": {piece}, "what is set in it": {set}, "all": {parcel, half, otherHalf, part, set, piece},
	} {
		r, err := bundle.Verify(w.encode(w.bundle(associations[:2], items...)), w.trust())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, got := range r.Items {
			want := w.state.Items[got.ID]
			if got.Last != want.Last || got.Status != want.Status || got.Within != want.Within || !got.Custody.Equal(want.Custody) || got.Matter.Mass != w.state.Matters[got.ID].Mass {
				t.Errorf("%s: %+v, want %+v", name, got.Item, want)
			}
			if (got.Registration != nil) != (got.ID == parcel || got.ID == set) {
				t.Errorf("%s: item %s has registration %v", name, got.ID, got.Registration)
			}
		}
	}
	sold := w.encode(w.bundle(nil, otherHalf))
	for _, party := range []string{"bram", "chen"} {
		if strings.Contains(string(sold), string(partyBytes(party))) {
			t.Errorf("the other half's bundle names %s, who bought of the first", party)
		}
	}
}

// TestBundleCannotLeaveDrawsOut: what others draw of a paper is not known to a bundle,
// and nothing is refused for that; but a draw on the item itself cannot be dropped.
func TestBundleCannotLeaveDrawsOut(t *testing.T) {
	w, _, half, _, _, _, _ := parted(t)
	b := w.bundle(nil, half)
	for i, e := range b.Entries {
		entry, err := ledger.DecodeEntry(e.Bytes)
		if err != nil || entry.Kind != ledger.KindEvent {
			continue
		}
		event, rejection := ledger.DecodeEvent(1, entry.Signed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		if _, ok := event.Body.(*custodyv1.Attest); !ok {
			continue
		}
		b.Entries = append(b.Entries[:i:i], b.Entries[i+1:]...)
		if _, err := bundle.Verify(w.encode(b), w.trust()); err == nil || !strings.Contains(err.Error(), "something was left out") {
			t.Errorf("without the attestation: %v", err)
		}
		return
	}
	t.Error("the bundle has no attestation")
}

// TestBundleRefusesMatterFromNothing: colluding nodes recorded a split whose outputs
// weigh more than the input.
func TestBundleRefusesMatterFromNothing(t *testing.T) {
	w, _, half, _, _, _, _ := parted(t)
	mass := w.state.Matters[half].Mass
	w.force(w.event("asha", &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_SPLIT, Inputs: []*custodyv1.ItemRef{w.ref(half)}, Outputs: []*custodyv1.Output{rough(mass, 2), rough(mass, 3)},
	}))
	_, err := bundle.Verify(w.encode(w.bundle(nil, half)), w.trust())
	if err == nil || !strings.Contains(err.Error(), "the rules refuse") {
		t.Errorf("twice the mass: %v", err)
	}
}
