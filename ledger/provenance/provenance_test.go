package provenance_test

import (
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/provenance/provenancetest"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	carat = provenancetest.Carat
	gram  = provenancetest.Gram

	unspecified = custodyv1.Evidence_EVIDENCE_UNSPECIFIED
	stated      = custodyv1.Evidence_EVIDENCE_STATED
	documented  = custodyv1.Evidence_EVIDENCE_DOCUMENTED
	examined    = custodyv1.Evidence_EVIDENCE_EXAMINED

	cut         = custodyv1.Process_PROCESS_CUT
	split       = custodyv1.Process_PROCESS_SPLIT
	merge       = custodyv1.Process_PROCESS_MERGE
	melt        = custodyv1.Process_PROCESS_MELT
	assemble    = custodyv1.Process_PROCESS_ASSEMBLE
	disassemble = custodyv1.Process_PROCESS_DISASSEMBLE
	rework      = custodyv1.Process_PROCESS_REWORK

	diamond = custodyv1.Material_MATERIAL_DIAMOND
)

type world struct {
	*provenancetest.World
	miner, cutter, dealer, lab *provenancetest.Party
}

func newWorld(t testing.TB) *world {
	w := &world{World: provenancetest.New(t)}
	w.miner = w.Admit(custodyv1.Role_ROLE_MINER, "BW")
	w.cutter = w.Admit(custodyv1.Role_ROLE_CUTTER, "IN")
	w.dealer = w.Admit(custodyv1.Role_ROLE_DEALER, "US")
	w.lab = w.Admit(custodyv1.Role_ROLE_LABORATORY, "BE")
	return w
}

func (w *world) register(by *provenancetest.Party, r *custodyv1.ItemRegister) ledger.ItemID {
	w.Helper()
	return w.Make(by, r)[0]
}

// level wants the only component of an item to be so well borne out.
func level(t *testing.T, g *provenance.Graph, id ledger.ItemID, want custodyv1.Evidence) provenance.Component {
	t.Helper()
	item := g.Item(id)
	if len(item.Origin) != 1 {
		t.Fatalf("item %s has %d components, want 1", id, len(item.Origin))
	}
	if got := item.Origin[0].Level; got != want {
		t.Errorf("item %s is %v, want %v", id, got, want)
	}
	return item.Origin[0]
}

// TestPaperFlowsDownstream: a certificate of the rough bears out the stone cut of
// it, until it is withdrawn; then everything says that it relied on it.
func TestPaperFlowsDownstream(t *testing.T) {
	w := newWorld(t)
	rough := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(10*carat, "BW")))
	certificate := w.Do(w.miner, w.Certificate(rough, "BW0001", 10*carat, "BW"))
	w.Pass(rough, w.miner, w.cutter, custodyv1.Mode_MODE_SALE)
	change := w.Change(cut, []ledger.ItemID{rough}, provenancetest.PolishedOutput(3*carat), provenancetest.PolishedOutput(carat))
	change.Balances = []*custodyv1.Balance{provenancetest.Lost(diamond, 6*carat)}
	stones := w.Make(w.cutter, change)

	g := w.Graph(stones[0])
	c := level(t, g, stones[0], documented)
	if papers := c.Papers(); len(papers) != 1 || papers[0].ID != certificate {
		t.Errorf("rests on %d papers, want the certificate", len(papers))
	}
	if path := c.Path(); len(path) != 2 || path[0].ID != rough || path[1].ID != stones[0] {
		t.Errorf("path of %d items, want rough and stone", len(path))
	}
	if up := provenance.Upstream(g.Item(stones[0])); len(up) != 2 {
		t.Errorf("%d items upstream, want 2", len(up))
	}

	w.Do(w.miner, &custodyv1.AttestWithdraw{Item: rough[:], Attestation: certificate[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_FORGED})
	g = w.Graph(stones[0])
	if papers := level(t, g, stones[1], stated).Papers(); len(papers) != 0 {
		t.Error("still rests on a forged paper")
	}
	if relied := g.Item(stones[1]).Withdrawn(); len(relied) != 1 || relied[0].ID != certificate {
		t.Error("does not say that it relied on the forged paper")
	}
}

// TestExpiryIsMarked: a paper counts as of when it was attested.
func TestExpiryIsMarked(t *testing.T) {
	w := newWorld(t)
	rough := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(carat, "BW")))
	w.Do(w.miner, w.Certificate(rough, "BW0001", carat, "BW"))
	w.Now += 61 * provenancetest.Day
	w.register(w.miner, provenancetest.Rough(provenancetest.Mined(carat, "BW")))
	c := level(t, w.Graph(rough), rough, documented)
	if papers := c.Papers(); len(papers) != 1 || !papers[0].Expired {
		t.Error("the certificate is not marked as expired")
	}
}

// TestLatePaperDoesNotReachWhatWasParted: a paper is about an item as it was when it was
// attested.
func TestLatePaperDoesNotReachWhatWasParted(t *testing.T) {
	w := newWorld(t)
	rough := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(10*carat, "BW")))
	offer := w.Offer(rough, w.miner, w.cutter, custodyv1.Mode_MODE_SALE, &custodyv1.Portion{Micrograms: 4 * carat}, false)
	part := w.Make(w.cutter, &custodyv1.Accept{Item: w.Ref(rough), Offer: offer[:], From: w.miner.ID[:], Received: &custodyv1.Portion{Micrograms: 4 * carat}})[0]
	w.Do(w.miner, w.Certificate(rough, "BW0001", 6*carat, "BW"))
	later := w.Make(w.miner, w.Change(split, []ledger.ItemID{rough}, provenancetest.RoughOutput(2*carat), provenancetest.RoughOutput(4*carat)))
	g := w.Graph(part)
	level(t, g, part, stated)
	level(t, g, rough, documented)
	level(t, g, later[0], documented)
}

// TestPartOfAPaper: a certificate of which less was drawn than the goods are bears them
// out only with another one for the rest.
func TestPartOfAPaper(t *testing.T) {
	w := newWorld(t)
	rough := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(10*carat, "BW")))
	w.Do(w.miner, w.Certificate(rough, "BW0001", 4*carat, "BW"))
	level(t, w.Graph(rough), rough, stated)
	w.Do(w.miner, w.Certificate(rough, "BW0002", 6*carat-1, "BW"))
	level(t, w.Graph(rough), rough, stated)
	w.Do(w.miner, w.Certificate(rough, "BW0003", 1, "BW"))
	level(t, w.Graph(rough), rough, documented)
}

// TestUnsortedIsTheWeakest: two carats parted from 99 of Botswana and one of Russia may
// be Russian, and are no better borne out than the Russian one.
func TestUnsortedIsTheWeakest(t *testing.T) {
	w := newWorld(t)
	botswana := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(99*carat, "BW")))
	w.Do(w.miner, w.Certificate(botswana, "BW0001", 99*carat, "BW"))
	russia := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(carat, "RU")))
	mixed := w.Make(w.miner, w.Change(merge, []ledger.ItemID{botswana, russia}, provenancetest.RoughOutput(100*carat)))[0]
	unsorted := w.Make(w.miner, w.Change(split, []ledger.ItemID{mixed}, provenancetest.RoughOutput(2*carat), provenancetest.RoughOutput(98*carat)))

	g := w.Graph(unsorted[0])
	whole := g.Item(mixed)
	if len(whole.Origin) != 2 || whole.Origin[0].Level != documented || whole.Origin[1].Level != stated {
		t.Fatalf("the mix has components %+v", whole.Origin)
	}
	c := level(t, g, unsorted[0], stated)
	if c.Countries != "BW RU" || c.Micrograms != 2*carat {
		t.Errorf("2 ct may be of %q, %d", c.Countries, c.Micrograms)
	}
	if len(c.Path()) != 4 || len(provenance.Begins(g.Item(unsorted[0]))) != 2 {
		t.Error("the part does not lead to both beginnings")
	}
	cover := provenance.Cover(g.Item(mixed).Parts())
	if len(cover) != 1 || cover[0].ByLevel[stated] != carat || cover[0].ByLevel[documented] != 99*carat || cover[0].Weakest() != stated {
		t.Errorf("coverage %+v", cover)
	}
}

// TestSortedIsTheSortersWord: what somebody sorted is stated, however well the mix was
// borne out, but not where there was nothing to sort.
func TestSortedIsTheSortersWord(t *testing.T) {
	w := newWorld(t)
	sorted := func(inputs ...ledger.ItemID) []ledger.ItemID {
		whole := inputs[0]
		if len(inputs) > 1 {
			whole = w.Make(w.miner, w.Change(merge, inputs, provenancetest.RoughOutput(20*carat)))[0]
		}
		outputs := []*custodyv1.Output{provenancetest.RoughOutput(10 * carat), provenancetest.RoughOutput(10 * carat)}
		outputs[0].Allocation = []*custodyv1.Allocation{{Component: 1, Micrograms: 10 * carat}}
		outputs[1].Allocation = []*custodyv1.Allocation{{Component: uint32(len(inputs)), Micrograms: 10 * carat}}
		return w.Make(w.miner, w.Change(split, []ledger.ItemID{whole}, outputs...))
	}
	parcel := func(number string, micrograms uint64, country string) ledger.ItemID {
		id := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(micrograms, country)))
		w.Do(w.miner, w.Certificate(id, number, micrograms, country))
		return id
	}
	two := sorted(parcel("BW0001", 10*carat, "BW"), parcel("RU0001", 10*carat, "RU"))
	one := sorted(parcel("BW0002", 20*carat, "BW"))
	g := w.Graph(two[0])
	if c := level(t, g, two[0], stated); c.Countries != "BW" || !c.Sorted {
		t.Errorf("sorted from two: %+v", c)
	}
	if c := level(t, g, one[0], documented); c.Sorted {
		t.Error("sorted from one component is marked as a sorter's word")
	}
}

// TestFindingsShowDownstream: n lab-grown found in a parcel shows on what came of it.
func TestFindingsShowDownstream(t *testing.T) {
	w := newWorld(t)
	r := provenancetest.Rough(provenancetest.Mined(10*carat, "BW"))
	r.Form, r.Count = custodyv1.Form_FORM_COUNTED_PARCEL, 20
	rough := w.register(w.miner, r)
	w.Do(w.lab, provenancetest.Screening(rough, "S1", 0))
	screening := w.Do(w.lab, provenancetest.Screening(rough, "S2", 2))
	out := func(n uint32, micrograms uint64) *custodyv1.Output {
		o := provenancetest.RoughOutput(micrograms)
		o.Form, o.Count = custodyv1.Form_FORM_COUNTED_PARCEL, n
		return o
	}
	parts := w.Make(w.miner, w.Change(split, []ledger.ItemID{rough}, out(5, 2*carat), out(15, 8*carat)))
	g := w.Graph(parts[0])
	item := g.Item(parts[0])
	if found := item.Findings(); len(found) != 1 || found[0].ID != screening {
		t.Fatal("the part does not show what was found in the whole")
	}
	at := slices.IndexFunc(item.Claims, func(c provenance.Claim) bool { return c.Claim == custodyv1.Claim_CLAIM_NATURE })
	if at < 0 || item.Claims[at].Level != examined || !item.Claims[at].Disputed {
		t.Errorf("two screenings that contradict each other give %+v", item.Claims)
	}
}

// TestLaboratoriesThatDiffer: both stand, and the origin is disputed. An opinion does
// not make an unknown origin known.
func TestLaboratoriesThatDiffer(t *testing.T) {
	w := newWorld(t)
	emerald := w.register(w.dealer, provenancetest.Emerald(provenancetest.Unknown(2*carat)))
	w.Do(w.lab, provenancetest.OriginReport(emerald, "R1", "CO"))
	c := level(t, w.Graph(emerald), emerald, unspecified)
	if c.Opinion != "CO" || c.Disputed {
		t.Errorf("one opinion: %+v", c)
	}
	other := w.Admit(custodyv1.Role_ROLE_LABORATORY, "CH")
	w.Do(other, provenancetest.OriginReport(emerald, "R9", "ZM"))
	if c := level(t, w.Graph(emerald), emerald, unspecified); !c.Disputed {
		t.Errorf("two opinions: %+v", c)
	}
}

// TestCorrectionIsStated: what a correction widens is its registrant's word again.
func TestCorrectionIsStated(t *testing.T) {
	w := newWorld(t)
	rough := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(carat, "BW")))
	w.Do(w.miner, w.Certificate(rough, "BW0001", carat, "BW"))
	w.Do(w.miner, &custodyv1.Correct{Item: w.Ref(rough), Reason: custodyv1.CorrectReason_CORRECT_REASON_INCORRECT_DATA,
		Origin: []*custodyv1.OriginCorrection{{Component: 1, Countries: []string{"BW", "ZA"}}}})
	g := w.Graph(rough)
	if c := level(t, g, rough, stated); !c.Corrected || c.Countries != "BW ZA" {
		t.Errorf("corrected: %+v", c)
	}
	if len(g.Item(rough).Corrections) != 1 || g.Item(rough).Created.Origin[0].Countries != "BW" {
		t.Error("the registration does not stay readable")
	}
}

// ring assembles a piece of a cut stone, an emerald of unknown origin and gold.
func (w *world) ring() (ring, stone, emerald, gold ledger.ItemID) {
	w.Helper()
	rough := w.register(w.miner, provenancetest.Rough(provenancetest.Mined(3*carat, "BW")))
	w.Do(w.miner, w.Certificate(rough, "BW0001", 3*carat, "BW"))
	w.Pass(rough, w.miner, w.dealer, custodyv1.Mode_MODE_SALE)
	change := w.Change(cut, []ledger.ItemID{rough}, provenancetest.PolishedOutput(carat))
	change.Balances = []*custodyv1.Balance{provenancetest.Lost(diamond, 2*carat)}
	stone = w.Make(w.dealer, change)[0]
	emerald = w.register(w.dealer, provenancetest.Emerald(provenancetest.Unknown(2*carat)))
	gold = w.register(w.dealer, provenancetest.Metal(custodyv1.Form_FORM_PART,
		provenancetest.Of(custodyv1.Metal_METAL_GOLD, provenancetest.Recycled(3*gram)), provenancetest.Of(custodyv1.Metal_METAL_SILVER, provenancetest.Mined(gram, "PE"))))
	set := w.Change(assemble, []ledger.ItemID{stone, emerald, gold}, &custodyv1.Output{Form: custodyv1.Form_FORM_PIECE, Mass: provenancetest.Weighed(3*carat + 4*gram + gram/10)})
	set.Additions = []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: provenancetest.Weighed(gram / 10),
		Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_SILVER, Micrograms: gram / 10}}}}
	ring = w.Make(w.dealer, set)[0]
	return ring, stone, emerald, gold
}

// TestRing: every part of a piece has its own origin, and the headline is the weakest.
func TestRing(t *testing.T) {
	w := newWorld(t)
	ring, stone, emerald, gold := w.ring()
	buyer := w.Admit(custodyv1.Role_ROLE_RETAILER, "US")
	w.Pass(ring, w.dealer, buyer, custodyv1.Mode_MODE_MEMO)
	w.Pass(ring, w.dealer, buyer, custodyv1.Mode_MODE_MEMO_TO_SALE)
	g := w.Graph(ring)
	parts := g.Item(ring).Parts()
	if len(parts) != 4 || parts[0].Line != 1 || parts[1].Item.ID != stone || parts[2].Item.ID != emerald || parts[3].Item.ID != gold {
		t.Fatalf("%d parts", len(parts))
	}
	if provenance.Weakest(parts) != unspecified || provenance.Weakest(parts[1:2]) != documented {
		t.Error("the headline is not the weakest component")
	}
	for _, c := range provenance.Cover(parts) {
		if c.Metal == custodyv1.Metal_METAL_SILVER && (c.ByLevel[unspecified] != gram/10 || c.ByLevel[stated] != gram) {
			t.Errorf("silver %+v", c)
		}
	}
	if len(g.Item(ring).Inputs) != 3 || len(provenance.Upstream(g.Item(ring))) != 5 {
		t.Error("lineage of the ring")
	}
	holders := g.Holders(g.Item(stone))
	if n := len(holders); n != 4 || !holders[n-1].Custody.Is(buyer.ID) || !holders[n-1].Title[0].Owner.Is(buyer.ID) || !holders[n-2].Title[0].Owner.Is(w.dealer.ID) {
		t.Errorf("the stone's holders: %+v", holders)
	}
}

// TestTakenOut: what is taken out of a piece is what it was, bench sweeps come of the
// metal that was filed, and a line of a bill keeps what is known of it.
func TestTakenOut(t *testing.T) {
	w := newWorld(t)
	ring, stone, _, gold := w.ring()
	change := w.Change(rework, []ledger.ItemID{ring}, &custodyv1.Output{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: provenancetest.Weighed(400_000),
		Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: 300_000}, {Metal: custodyv1.Metal_METAL_SILVER, Micrograms: 100_000}}})
	change.Removed = []*custodyv1.ItemRef{w.Ref(stone)}
	change.Filings = []*custodyv1.Filing{{Item: w.Ref(gold), Micrograms: 400_000}}
	sweeps := w.Make(w.dealer, change)[0]
	g := w.Graph(ring)
	if in := g.Item(sweeps).Inputs; len(in) != 1 || in[0].Item.ID != gold {
		t.Error("sweeps do not come of the metal that was filed")
	}
	if len(g.Item(sweeps).Origin) != 2 || g.Item(sweeps).Origin[0].Level != stated {
		t.Errorf("sweeps: %+v", g.Item(sweeps).Origin)
	}
	if g.Item(stone).Set() || len(g.Item(ring).Children) != 2 {
		t.Error("the stone is still set")
	}
	level(t, g, stone, documented)

	apart := w.Change(disassemble, []ledger.ItemID{ring}, &custodyv1.Output{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: provenancetest.Weighed(gram / 10), BillLine: 1,
		Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_SILVER, Micrograms: gram / 10}}})
	for _, id := range w.Matter(ring).Children {
		apart.Inputs = append(apart.Inputs, w.Ref(id))
	}
	solder := w.Make(w.dealer, apart)[0]
	g = w.Graph(solder)
	level(t, g, solder, unspecified)
	if in := g.Item(solder).Inputs; len(in) != 1 || in[0].Item.ID != ring {
		t.Error("a line of a bill does not come of the piece")
	}
}

// TestMelt: metal keeps its components, each as good as the weakest of one source.
func TestMelt(t *testing.T) {
	w := newWorld(t)
	paper := func(id ledger.ItemID) {
		w.Do(w.dealer, &custodyv1.Attest{Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_TRANSFER_DOCUMENT, Own: true, Number: "T1", DocumentSha256: make([]byte, 32),
			Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: stated}}, Countries: []string{"PE"}})
	}
	bar := func(country string, micrograms uint64) ledger.ItemID {
		return w.register(w.dealer, provenancetest.Metal(custodyv1.Form_FORM_SINGLE, provenancetest.Of(custodyv1.Metal_METAL_GOLD, provenancetest.Mined(micrograms, country))))
	}
	a, b, c := bar("PE", 10*gram), bar("PE", 20*gram), bar("GH", 30*gram)
	paper(a)
	out := &custodyv1.Output{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_SINGLE, Mass: provenancetest.Weighed(60 * gram),
		Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: 60 * gram}}}
	melted := w.Make(w.dealer, w.Change(melt, []ledger.ItemID{a, b, c}, out))[0]
	g := w.Graph(melted)
	if o := g.Item(melted).Origin; len(o) != 2 || o[0].Micrograms+o[1].Micrograms != 60*gram || len(o[0].Path())+len(o[1].Path()) != 5 {
		t.Errorf("melted: %+v", o)
	}
}

// TestGaps: what the record does not show is listed.
func TestGaps(t *testing.T) {
	w := newWorld(t)
	stone := w.register(w.dealer, provenancetest.Emerald(provenancetest.Unknown(2*carat)))
	kinds := func(want ...provenance.GapKind) []provenance.Gap {
		t.Helper()
		gaps := w.Graph(stone).Item(stone).Gaps()
		var got []provenance.GapKind
		for _, g := range gaps {
			got = append(got, g.Kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("gaps %v, want %v", got, want)
		}
		return gaps
	}
	kinds(provenance.GapBegins)
	lost := w.Offer(stone, w.dealer, w.cutter, custodyv1.Mode_MODE_MEMO, nil, true)
	if gaps := kinds(provenance.GapBegins, provenance.GapOnTheWay); gaps[1].To != nil {
		t.Error("goods on the way are back")
	}
	w.Do(w.cutter, &custodyv1.Decline{Item: w.Ref(stone), Offer: lost[:], Reason: custodyv1.DeclineReason_DECLINE_REASON_NEVER_ARRIVED})
	w.Do(w.dealer, &custodyv1.Withdraw{Item: w.Ref(stone), Offer: lost[:]})
	if gaps := kinds(provenance.GapBegins, provenance.GapOnTheWay); gaps[1].To == nil || gaps[1].Answer == nil {
		t.Error("goods that came back are not")
	}
	w.Pass(stone, w.dealer, w.cutter, custodyv1.Mode_MODE_SALE)
	arrives := w.Offer(stone, w.cutter, w.dealer, custodyv1.Mode_MODE_SALE, nil, true)
	w.Do(w.dealer, &custodyv1.Accept{Item: w.Ref(stone), Offer: arrives[:], From: w.cutter.ID[:]})
	kinds(provenance.GapBegins, provenance.GapOnTheWay)
	w.Do(w.dealer, &custodyv1.Release{Item: w.Ref(stone), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_MEMO, Country: "CH"})
	w.Do(w.dealer, &custodyv1.Reenter{Item: w.Ref(stone), Identity: custodyv1.Identity_IDENTITY_STATED, Mass: provenancetest.Weighed(2 * carat)})
	gaps := kinds(provenance.GapBegins, provenance.GapOnTheWay, provenance.GapOutside)
	if gaps[2].To == nil {
		t.Error("goods that re-entered are outside")
	}
}

// TestBundleGivesTheSame: the graph of a bundle says of its subject what the graph of the
// whole log says.
func TestBundleGivesTheSame(t *testing.T) {
	w := newWorld(t)
	ring, stone, _, _ := w.ring()
	w.register(w.miner, provenancetest.Rough(provenancetest.Mined(carat, "ZA"))) // somebody else's
	_, report := w.Bundle(ring)
	part, err := provenance.OfBundle(report)
	if err != nil {
		t.Fatal(err)
	}
	whole := w.Graph(ring)
	if !part.Subjects[0].Stated || part.Whole || !whole.Whole || len(part.Items) != 5 || len(whole.Items) != 6 {
		t.Fatalf("bundle: %d items, log: %d", len(part.Items), len(whole.Items))
	}
	a, b := part.Item(ring).Parts(), whole.Item(ring).Parts()
	for n := range a {
		if a[n].Item.ID != b[n].Item.ID || len(a[n].Components) != len(b[n].Components) || len(a[n].Components) > 0 && a[n].Components[0].Level != b[n].Components[0].Level {
			t.Errorf("part %d differs", n)
		}
	}
	if len(part.Item(stone).Papers()) != 1 {
		t.Error("the bundle does not hold the paper of the rough")
	}
}
