package report_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/provenance/provenancetest"
	"github.com/custodyledger/custodyledger/ledger/report"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	carat = provenancetest.Carat
	gram  = provenancetest.Gram

	cut      = custodyv1.Process_PROCESS_CUT
	split    = custodyv1.Process_PROCESS_SPLIT
	merge    = custodyv1.Process_PROCESS_MERGE
	melt     = custodyv1.Process_PROCESS_MELT
	assemble = custodyv1.Process_PROCESS_ASSEMBLE

	gold   = custodyv1.Metal_METAL_GOLD
	silver = custodyv1.Metal_METAL_SILVER
)

// world is a made-up trade of a ring that has a little of everything.
type world struct {
	*provenancetest.World
	miner, cutter, dealer, shop, lab *provenancetest.Party
	ring, emerald, melee             ledger.ItemID
	certificate                      ledger.EventID
	file                             []byte
	graph                            *provenance.Graph
}

func metal(form custodyv1.Form, micrograms uint64, of custodyv1.Metal) *custodyv1.Output {
	return &custodyv1.Output{Material: custodyv1.Material_MATERIAL_METAL, Form: form, Mass: provenancetest.Weighed(micrograms), Composition: []*custodyv1.Constituent{{Metal: of, Micrograms: micrograms}}}
}

func newWorld(t testing.TB) *world {
	w := &world{World: provenancetest.New(t)}
	w.miner = w.Admit(custodyv1.Role_ROLE_MINER, "BW")
	w.cutter = w.Admit(custodyv1.Role_ROLE_CUTTER, "IN")
	w.dealer = w.Admit(custodyv1.Role_ROLE_DEALER, "US")
	w.lab = w.Admit(custodyv1.Role_ROLE_LABORATORY, "BE")
	w.shop = w.Admit(custodyv1.Role_ROLE_RETAILER, "US")
	stone := w.stone()
	w.melee = w.unsorted()
	w.emerald = w.Make(w.dealer, provenancetest.Emerald(provenancetest.Unknown(2*carat)))[0]
	w.Do(w.lab, provenancetest.OriginReport(w.emerald, "R1", "CO"))
	for _, id := range []ledger.ItemID{stone, w.melee} {
		w.Pass(id, w.cutter, w.dealer, custodyv1.Mode_MODE_SALE)
	}
	w.assemble(stone, w.melee, w.emerald, w.gold())
	w.Pass(w.ring, w.dealer, w.shop, custodyv1.Mode_MODE_MEMO)
	w.Pass(w.ring, w.dealer, w.shop, custodyv1.Mode_MODE_MEMO_TO_SALE)
	w.Do(w.shop, &custodyv1.Release{Item: w.Ref(w.ring), Reason: custodyv1.OutsideReason_OUTSIDE_REASON_SERVICE, Country: "CH"})
	w.Do(w.shop, &custodyv1.Reenter{Item: w.Ref(w.ring), Identity: custodyv1.Identity_IDENTITY_STATED, Mass: provenancetest.Weighed(w.Matter(w.ring).Mass)})
	w.read()
	return w
}

// read makes the graph of the ring's bundle as it is now.
func (w *world) read() {
	w.Helper()
	var err error
	file, proved := w.Bundle(w.ring)
	if w.graph, err = provenance.OfBundle(proved); err != nil {
		w.Fatal(err)
	}
	w.file = file
}

// stone is cut with a great loss from rough with a certificate.
func (w *world) stone() ledger.ItemID {
	rough := w.Make(w.miner, provenancetest.Rough(provenancetest.Mined(10*carat, "BW")))[0]
	w.certificate = w.Do(w.miner, w.Certificate(rough, "BW0001", 10*carat, "BW"))
	w.Pass(rough, w.miner, w.cutter, custodyv1.Mode_MODE_SALE)
	change := w.Change(cut, []ledger.ItemID{rough}, provenancetest.PolishedOutput(carat))
	change.Balances = []*custodyv1.Balance{provenancetest.Lost(custodyv1.Material_MATERIAL_DIAMOND, 9*carat)}
	return w.Make(w.cutter, change)[0]
}

// unsorted is melee of two countries, in which lab-grown was found.
func (w *world) unsorted() ledger.ItemID {
	botswana := w.Make(w.miner, provenancetest.Rough(provenancetest.Mined(99*carat, "BW")))[0]
	russia := w.Make(w.miner, provenancetest.Rough(provenancetest.Mined(carat, "RU")))[0]
	mixed := w.Make(w.miner, w.Change(merge, []ledger.ItemID{botswana, russia}, provenancetest.RoughOutput(100*carat)))[0]
	w.Pass(mixed, w.miner, w.cutter, custodyv1.Mode_MODE_SALE)
	parts := w.Make(w.cutter, w.Change(split, []ledger.ItemID{mixed}, provenancetest.RoughOutput(2*carat), provenancetest.RoughOutput(98*carat)))
	polished := provenancetest.PolishedOutput(carat)
	polished.Form, polished.Count = custodyv1.Form_FORM_COUNTED_PARCEL, 40
	change := w.Change(cut, parts[:1], polished)
	change.Balances = []*custodyv1.Balance{provenancetest.Lost(custodyv1.Material_MATERIAL_DIAMOND, carat)}
	melee := w.Make(w.cutter, change)[0]
	w.Do(w.lab, provenancetest.Screening(melee, "S1", 2))
	return melee
}

// gold is partly recycled, and partly from a country that mines none.
func (w *world) gold() ledger.ItemID {
	a := w.Make(w.dealer, provenancetest.Metal(custodyv1.Form_FORM_SINGLE, provenancetest.Of(gold, provenancetest.Recycled(5*gram))))[0]
	b := w.Make(w.dealer, provenancetest.Metal(custodyv1.Form_FORM_SINGLE, provenancetest.Of(gold, provenancetest.Mined(5*gram, "CH"))))[0]
	return w.Make(w.dealer, w.Change(melt, []ledger.ItemID{a, b}, metal(custodyv1.Form_FORM_BULK, 4*gram, gold), metal(custodyv1.Form_FORM_BULK, 6*gram, gold)))[0]
}

func (w *world) assemble(parts ...ledger.ItemID) {
	set := w.Change(assemble, parts, &custodyv1.Output{Form: custodyv1.Form_FORM_PIECE, Mass: provenancetest.Weighed(4*carat + 4*gram + gram/10), HsCode: "711319"})
	set.Additions = []*custodyv1.BillLine{{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: provenancetest.Weighed(gram / 10), Composition: []*custodyv1.Constituent{{Metal: silver, Micrograms: gram / 10}}}}
	w.ring = w.Make(w.dealer, set)[0]
}

func codes(r *report.Report) []string {
	var list []string
	for _, f := range r.Flags {
		list = append(list, f.Code)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestReport: what the ring is made of and what is not known of it.
func TestReport(t *testing.T) {
	w := newWorld(t)
	r := report.New(w.graph, report.Options{Bundle: w.file})
	if r.Weakest != "unknown" || !r.Stated || len(r.Items) != 1 || r.Upstream != 12 || len(r.Begins) != 6 || len(r.Changes) != 6 {
		t.Errorf("weakest %q, stated %v, %d items, %d upstream, %d begin, %d changes", r.Weakest, r.Stated, len(r.Items), r.Upstream, len(r.Begins), len(r.Changes))
	}
	item := r.Items[0]
	if len(item.Parts) != 5 || item.HSCode != "711319" || item.HSWords == "" || len(item.Papers) != 3 {
		t.Errorf("%d parts, code %q, %d papers", len(item.Parts), item.HSCode, len(item.Papers))
	}
	want := map[string]string{"gem": "unknown", "gold": "stated", "silver": "unknown", "diamond": "stated"}
	for _, c := range r.Coverage {
		if want[c.Substance] != c.Weakest || c.Unknown+c.Stated+c.Documented+c.Examined+c.SourceMatched != c.Micrograms {
			t.Errorf("coverage %+v", c)
		}
		delete(want, c.Substance)
	}
	if len(want) > 0 {
		t.Errorf("nothing covers %v", want)
	}
	if got := codes(r); !slices.Equal(got, []string{report.FlagCutLoss, report.FlagFinding, report.FlagIdentityStated, report.FlagNoKnownOutput}) {
		t.Errorf("flags %v", got)
	}
	unknown := strings.Join(r.Unknown, "\n")
	for _, text := range []string{"2 ct of polished natural emerald: where it came from is unknown", "may all be from BW or from RU", "called recycled (stated)", "bought from a non-member"} {
		if !strings.Contains(unknown, text) {
			t.Errorf("not said to be unknown: %q in\n%s", text, unknown)
		}
	}
	if n := len(item.Holders); n != 5 || item.Holders[n-1].To != 0 || !strings.Contains(item.Holders[3].Holder, "outside the ledger, in CH") {
		t.Errorf("holders %+v", item.Holders)
	}
	if len(item.Gaps) != 1 || item.Gaps[0].Kind != "outside" {
		t.Errorf("gaps %+v", item.Gaps)
	}
	if strings.Contains(unknown, "%") {
		t.Error("a percentage")
	}
}

// TestCountries: what may be from several countries counts in full for each, and for
// none as certain.
func TestCountries(t *testing.T) {
	w := newWorld(t)
	got := map[string][2]uint64{}
	for _, c := range report.New(w.graph, report.Options{}).Totals.Countries {
		got[c.Substance+" "+c.Country] = [2]uint64{c.Only, c.May}
	}
	for name, want := range map[string][2]uint64{
		"diamond BW": {carat, carat}, "diamond RU": {0, carat}, "gem ": {2 * carat, 0}, "silver ": {gram / 10, 0}, "gold CH": {2 * gram, 0}, "gold ": {2 * gram, 0},
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
}

// TestWithdrawnPaperShows: what relied on a forged certificate says so, in every form.
func TestWithdrawnPaperShows(t *testing.T) {
	w := newWorld(t)
	rough := w.graph.Attestation(w.certificate).Item.ID
	w.Do(w.miner, &custodyv1.AttestWithdraw{Item: rough[:], Attestation: w.certificate[:], Reason: custodyv1.AttestWithdrawReason_ATTEST_WITHDRAW_REASON_FORGED})
	// The withdrawal names the rough only, of which a bundle of the ring shows nothing
	// later than the cut.
	w.read()
	short := report.New(w.graph, report.Options{})
	if slices.Contains(codes(short), report.FlagWithdrawn) || !strings.Contains(strings.Join(short.NotShown, " "), "of 11 items upstream") {
		t.Errorf("the report of the ring's own bundle does not say what it lacks: %q", short.NotShown)
	}
	_, proved := w.Bundle(w.ring, rough)
	g, err := provenance.OfBundle(proved, w.ring)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Subjects) != 1 || g.Subjects[0].ID != w.ring || !g.Item(rough).Stated {
		t.Error("the bundle's other subject is not what the graph is about, but is stated")
	}
	ring := g.Item(w.ring)
	r := report.New(g, report.Options{}, ring)
	if !slices.Contains(codes(r), report.FlagWithdrawn) || !slices.ContainsFunc(r.Items[0].Papers, func(p report.Paper) bool { return p.Withdrawn == "forged" }) {
		t.Error("the report does not say that a paper was forged")
	}
	for _, c := range r.Coverage {
		if c.Substance == "diamond" && c.Documented != 0 {
			t.Error("a forged paper still bears out")
		}
	}
	var tree strings.Builder
	if err := report.NewLineage(g, ring, nil).Tree(&tree, 0); err != nil || !strings.Contains(tree.String(), "papers withdrawn: 1") {
		t.Errorf("the tree does not show it: %v", err)
	}
}

// TestJSON: field names are what the documentation promises, and nothing is lost in a
// round trip.
func TestJSON(t *testing.T) {
	w := newWorld(t)
	r := report.New(w.graph, report.Options{Bundle: w.file})
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"format", "ledger", "size", "time_ms", "bundle", "weakest", "coverage", "totals", "items", "begins", "unknown", "flags", "does_not_show", "changes", "parties"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("no field %q", name)
		}
	}
	var back report.Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(&back); !bytes.Equal(again, b) {
		t.Error("the round trip loses something")
	}
}

// TestHTML: one file without scripts or network, what is unknown is marked, and the
// bundle in it is the one that proves it.
func TestHTML(t *testing.T) {
	w := newWorld(t)
	hostile := `<script>alert(1)</script>"' & <!-- `
	r := report.New(w.graph, report.Options{Bundle: w.file, Attach: true, Title: hostile, Names: map[ledger.PartyID]string{w.shop.ID: hostile}})
	var b strings.Builder
	if err := r.HTML(&b, report.NewLineage(w.graph, w.graph.Subjects[0], map[ledger.PartyID]string{w.shop.ID: hostile, w.dealer.ID: hostile})); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<script") || regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(page) || strings.Contains(page, "@import") || regexp.MustCompile(`\son[a-z]+=`).MatchString(page) {
		t.Error("the page has a script or needs the network")
	}
	for _, text := range []string{"What is not known", `class="red">unknown`, "<svg", `lang="en"`, r.Bundle.SHA256, "@page"} {
		if !strings.Contains(page, text) {
			t.Errorf("no %q in the page", text)
		}
	}
	data := regexp.MustCompile(`base64,([A-Za-z0-9+/=]+)"`).FindStringSubmatch(strings.ReplaceAll(page, "&#43;", "+"))
	if data == nil {
		t.Fatal("no bundle attached")
	}
	attached, err := base64.StdEncoding.DecodeString(data[1])
	if err != nil || !bytes.Equal(attached, w.file) {
		t.Errorf("another bundle is attached: %v", err)
	}
	w.Verify(attached)
}

// TestText: the terminal form has the same headline and no percentage.
func TestText(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	report.New(w.graph, report.Options{}).Text(&b)
	for _, text := range []string{"weakest evidence  unknown", "Not known", "may be from there", "made without a bundle"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("no %q in\n%s", text, b.String())
		}
	}
	if strings.Contains(b.String(), "%") {
		t.Error("a percentage, or a format that went wrong")
	}
}

// wellFormed demands that a drawing is XML with as many boxes as it should have.
func wellFormed(t testing.TB, drawing string) (titles []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawing))
	inTitle := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return titles
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "script" || e.Name.Local == "a" {
				t.Errorf("the drawing has a <%s>", e.Name.Local)
			}
			inTitle = e.Name.Local == "title"
		case xml.CharData:
			if inTitle {
				titles = append(titles, string(e))
				inTitle = false
			}
		}
	}
}

// TestSVG: every item of a small lineage has a box with its text.
func TestSVG(t *testing.T) {
	w := newWorld(t)
	l := report.NewLineage(w.graph, w.graph.Subjects[0], map[ledger.PartyID]string{w.dealer.ID: `<&"'>`})
	var b strings.Builder
	if err := l.SVG(&b); err != nil {
		t.Fatal(err)
	}
	titles := strings.Join(wellFormed(t, b.String()), "\n")
	for _, n := range l.Nodes {
		if !strings.Contains(titles, n.Item) {
			t.Errorf("no box for %s, %s", n.What, n.Item)
		}
	}
	if len(l.Nodes) != 12 || len(l.Edges) != 11 {
		t.Errorf("%d nodes, %d edges", len(l.Nodes), len(l.Edges))
	}
	noOverlap(t, b.String())
}

// noOverlap demands that no two boxes of a drawing lie on each other.
func noOverlap(t testing.TB, drawing string) {
	t.Helper()
	box := regexp.MustCompile(`</title><rect x="([0-9.-]+)" y="([0-9.-]+)" width="([0-9.]+)" height="([0-9.]+)"`)
	var boxes [][4]float64
	for _, m := range box.FindAllStringSubmatch(drawing, -1) {
		var b [4]float64
		for n := range b {
			fmt.Sscan(m[n+1], &b[n])
		}
		for _, o := range boxes {
			if b[0] < o[0]+o[2] && o[0] < b[0]+b[2] && b[1] < o[1]+o[3] && o[1] < b[1]+b[3] {
				t.Errorf("boxes at %v and %v overlap", b, o)
			}
		}
		boxes = append(boxes, b)
	}
	if len(boxes) == 0 {
		t.Error("no boxes")
	}
}

// TestFold: a lineage that is too large to draw says how much it leaves out, and
// leaves out nothing without saying so.
func TestFold(t *testing.T) {
	w := provenancetest.New(t)
	miner := w.Admit(custodyv1.Role_ROLE_MINER, "BW")
	for _, shape := range []struct{ inputs, runs, steps int }{{5, 3, 2}, {200, 1, 0}, {3, 60, 3}, {16, 1, 50}, {2, 2, 300}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			var ends []ledger.ItemID
			mass := uint64(0)
			for run := range shape.runs {
				var inputs []ledger.ItemID
				for n := range shape.inputs {
					inputs = append(inputs, w.Make(miner, provenancetest.Rough(provenancetest.Mined(uint64(1000+n)*carat, "BW")))[0])
				}
				_ = run
				sum := uint64(0)
				for _, id := range inputs {
					sum += w.Matter(id).Mass
				}
				end := w.Make(miner, w.Change(merge, inputs, provenancetest.RoughOutput(sum)))[0]
				for range shape.steps {
					sum -= carat
					end = w.Make(miner, w.Change(split, []ledger.ItemID{end}, provenancetest.RoughOutput(sum), provenancetest.RoughOutput(carat)))[0]
				}
				ends, mass = append(ends, end), mass+sum
			}
			last := ends[0]
			if len(ends) > 1 {
				last = w.Make(miner, w.Change(merge, ends, provenancetest.RoughOutput(mass)))[0]
			}
			g := w.Graph(last)
			l := report.NewLineage(g, g.Subjects[0], nil)
			var b strings.Builder
			if err := l.SVG(&b); err != nil {
				t.Fatal(err)
			}
			noOverlap(t, b.String())
			drawn, folded := -1, 0 // the first title is the drawing's
			for _, title := range wellFormed(t, b.String()) {
				var n int
				if _, err := fmt.Sscanf(title, "%d more items", &n); err == nil {
					folded += n
				} else if _, err := fmt.Sscanf(title, "%d steps", &n); err == nil {
					folded += n
				} else {
					drawn++
				}
			}
			if drawn+folded != len(l.Nodes) {
				t.Errorf("%d drawn and %d folded of %d", drawn, folded, len(l.Nodes))
			}
			if drawn > report.DrawnMax+20 {
				t.Errorf("%d boxes drawn", drawn)
			}
			var tree strings.Builder
			if err := l.Tree(&tree, 0); err != nil {
				t.Fatal(err)
			}
			for _, n := range l.Nodes {
				if !strings.Contains(tree.String(), n.Item) {
					t.Fatalf("the tree leaves out %s", n.Item)
				}
			}
			tree.Reset()
			if err := l.Tree(&tree, 3); err != nil || !strings.Contains(tree.String(), fmt.Sprintf("and %d more items", len(l.Nodes)-3)) {
				t.Errorf("a tree of 3 items ends with %.200q", tree.String())
			}
		})
	}
}
