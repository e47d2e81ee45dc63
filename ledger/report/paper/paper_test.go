package paper

import (
	"regexp"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

var seller = ledger.PartyID{1}

// graph has one registered item, made up.
func graph(t *testing.T, m rules.Matter, body *custodyv1.ItemRegister, more ...*custodyv1.Attest) (*provenance.Graph, []*provenance.Item) {
	t.Helper()
	b := provenance.NewBuilder(ledger.LedgerID{}, &ledger.Genesis{Name: "ledger.example.org/<b>"})
	event := &ledger.Event{ID: ledger.EventID{1}, Party: seller, Body: body}
	m.Item = ledger.NewItemID(event.ID, 0)
	item := rules.Item{ID: m.Item, Status: rules.Live, Registrant: seller, Registered: 1, Custody: rules.Inside(seller), Title: rules.Sole(rules.Inside(seller))}
	apply := func(e *ledger.Event, index uint64, matters ...rules.Matter) {
		err := b.Apply(provenance.Applied{Event: e, Index: index, Changes: rules.Changes{
			Items: []rules.Item{item}, Matters: matters, Parties: []rules.Party{{ID: seller, Country: "BE"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	apply(event, 1, m)
	for n, a := range more {
		a.Item = m.Item[:]
		apply(&ledger.Event{ID: ledger.EventID{byte(n + 2)}, Party: seller, Body: a}, uint64(n+2))
	}
	g, err := b.Graph(provenance.Reading{Size: 9, Subjects: []ledger.ItemID{m.Item}})
	if err != nil {
		t.Fatal(err)
	}
	return g, g.Subjects
}

func diamond(countries string) rules.Matter {
	kind := custodyv1.OriginKind_ORIGIN_KIND_MINED
	if countries == "" {
		kind = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
	}
	return rules.Matter{
		Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED, Mass: 214_000,
		Origin: []rules.Component{{Source: rules.Source{Kind: kind, Countries: countries}, Micrograms: 214_000}},
	}
}

func alloy(kinds ...custodyv1.OriginKind) rules.Matter {
	m := rules.Matter{Material: custodyv1.Material_MATERIAL_METAL, Form: custodyv1.Form_FORM_BULK, Mass: uint64(len(kinds)) * 2_000_000,
		Composition: []rules.Constituent{{Metal: 1, Micrograms: uint64(len(kinds)) * 2_000_000}}}
	for _, kind := range kinds {
		m.Origin = append(m.Origin, rules.Component{Source: rules.Source{Metal: 1, Kind: kind}, Micrograms: 2_000_000})
	}
	return m
}

func text(t *testing.T, kind Kind, g *provenance.Graph, items []*provenance.Item) string {
	t.Helper()
	d, err := Make(kind, g, items, Parties{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	d.Text(&b)
	return b.String()
}

func TestSelfCertificationWarns(t *testing.T) {
	produced := &custodyv1.ItemRegister{Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED}
	labGrown := diamond("")
	labGrown.Nature, labGrown.Origin[0].Kind = custodyv1.Nature_NATURE_LAB_GROWN, custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN
	for _, c := range []struct {
		matter rules.Matter
		body   *custodyv1.ItemRegister
		want   string
	}{
		{diamond("RU"), produced, "says that it was mined in Russia"},
		{diamond("BW RU"), produced, "may be mined in Russia; possible are BW, RU"},
		{diamond(""), produced, "where it was mined is not known"},
		{diamond("BW"), produced, "is only stated"},
		{diamond("BW"), &custodyv1.ItemRegister{ExportedFrom: "RU"}, "country of export"},
		{labGrown, produced, "no natural diamond"},
	} {
		for _, kind := range []Kind{USLoose, USJewelry} {
			g, items := graph(t, c.matter, c.body)
			got := text(t, kind, g, items)
			if !strings.Contains(got, c.want) || !strings.Contains(got, "Look at these before you sign") {
				t.Errorf("%s: %q is missing in\n%s", kind, c.want, got)
			}
			if strings.Index(got, c.want) > strings.LastIndex(got, "Signature") {
				t.Errorf("%s: the warning stands below the signature", kind)
			}
		}
	}
	g, items := graph(t, diamond("BW"), produced, &custodyv1.Attest{
		Kind: custodyv1.DocumentKind_DOCUMENT_KIND_KIMBERLEY_CERTIFICATE, Countries: []string{"BW"},
		Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_ORIGIN, Level: custodyv1.Evidence_EVIDENCE_DOCUMENTED}},
	})
	if got := text(t, USLoose, g, items); strings.Contains(got, "!") {
		t.Errorf("a documented stone of Botswana has warnings:\n%s", got)
	}
}

func TestBlanksAreLeft(t *testing.T) {
	g, items := graph(t, alloy(custodyv1.OriginKind_ORIGIN_KIND_RECYCLED), &custodyv1.ItemRegister{Acquisition: 1})
	got := text(t, Transfer, g, items)
	for _, label := range []string{
		"Date", "Document number", "Issuer: company", "Issuer: address", "Issuer: certificate number", "Issuer: certificate valid from", "Issuer: certificate valid to",
		"Receiver: company", "Receiver: party of the ledger", "Receiver: certificate number", "Responsible person", "Sales invoice number", "Further information", "Signature",
	} {
		if !regexp.MustCompile(`(?m)^` + label + ` +____`).MatchString(got) {
			t.Errorf("%s is not left blank:\n%s", label, got)
		}
	}
	for _, known := range []string{seller.String(), "BE", "2 g", "[x] first declaration of eligible material\n", "[ ] first declaration of eligible mined material\n"} {
		if !strings.Contains(got, known) {
			t.Errorf("%q is missing in\n%s", known, got)
		}
	}
}

func TestTypesOfTransfer(t *testing.T) {
	const mined, recycled, unknown = custodyv1.OriginKind_ORIGIN_KIND_MINED, custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
	for _, c := range []struct {
		matter rules.Matter
		ticked string
	}{
		{alloy(mined), "first declaration of eligible mined material"},
		{alloy(recycled), "first declaration of eligible material"},
		{alloy(mined, recycled), "jewelry, or material of several kinds"},
		{alloy(mined, unknown), ""}, // nothing is ticked for what nobody knows
		{diamond("BW"), ""},
	} {
		g, items := graph(t, c.matter, &custodyv1.ItemRegister{Acquisition: 1})
		d, err := Make(Transfer, g, items, Parties{})
		if err != nil {
			t.Fatal(err)
		}
		var ticked []string
		for _, choice := range d.Types {
			if choice.Ticked {
				ticked = append(ticked, choice.Text)
			}
		}
		if got := strings.Join(ticked, "; "); got != c.ticked {
			t.Errorf("ticked %q, expected %q", got, c.ticked)
		}
		if c.ticked == "" && len(d.Warnings) == 0 {
			t.Error("nothing says why")
		}
	}
}

func TestWarranty(t *testing.T) {
	const missing = "no warranty that the seller received"
	g, items := graph(t, diamond("BW"), &custodyv1.ItemRegister{Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED})
	if got := text(t, Warranty, g, items); strings.Contains(got, missing) || !strings.Contains(got, "DRAFT") {
		t.Errorf("what the seller produced:\n%s", got)
	}
	bought := &custodyv1.ItemRegister{Acquisition: custodyv1.Acquisition_ACQUISITION_BOUGHT_FROM_NON_MEMBER}
	g, items = graph(t, diamond("BW"), bought)
	if got := text(t, Warranty, g, items); !strings.Contains(got, missing) {
		t.Errorf("what somebody bought:\n%s", got)
	}
	g, items = graph(t, diamond("BW"), bought, &custodyv1.Attest{Kind: custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY})
	if got := text(t, Warranty, g, items); strings.Contains(got, missing) {
		t.Errorf("with a warranty:\n%s", got)
	}
}

func TestHTMLIsOnePageOfItsOwn(t *testing.T) {
	for _, kind := range Kinds {
		g, items := graph(t, diamond("BW RU"), &custodyv1.ItemRegister{Acquisition: 1})
		d, err := Make(kind, g, items, Parties{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := d.HTML(&b); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		for _, bad := range []string{"<script", "http", "src=", "<b>", "ZgotmplZ"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s: the page has %q", kind, bad)
			}
		}
		for _, want := range []string{items[0].ID.String(), `class="blank"`, "&lt;b&gt;", "@page"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the page lacks %q", kind, want)
			}
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	g, items := graph(t, diamond("BW"), &custodyv1.ItemRegister{})
	if _, err := Make("receipt", g, items, Parties{}); err == nil {
		t.Error("a form that does not exist was filled")
	}
	if _, err := Make(Transfer, g, nil, Parties{}); err == nil {
		t.Error("a form of nothing was filled")
	}
}
