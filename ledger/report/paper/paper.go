// Package paper fills forms of the trade from the record of goods: a transfer document
// of the kind that a chain of custody asks for, the text of a warranty, and the two
// self-certifications that the United States ask of importers of diamonds.
//
// What the ledger does not know is left as a blank line to be filled in by hand, and
// never made up: names, addresses, invoice and certificate numbers, signatures. Where
// the record does not bear out what a form says, the document says so above the place
// for the signature. No form makes anything true; who signs it answers for it.
package paper

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Kind is a form.
type Kind string

const (
	Transfer  Kind = "transfer"   // of material in a chain of custody
	Warranty  Kind = "warranty"   // of diamonds, on an invoice or memo
	USLoose   Kind = "us-loose"   // self-certification, loose diamonds
	USJewelry Kind = "us-jewelry" // self-certification, jewelry and unsorted diamonds
)

// Kinds lists all forms.
var Kinds = []Kind{Transfer, Warranty, USLoose, USJewelry}

// The two statements are those of U.S. Customs and Border Protection, Cargo Systems
// Messaging Service no. 59635420 of 28 February 2024: works of the United States
// Government, in the public domain there (17 U.S.C. 105). Check that they are still
// the ones in force.
const (
	usLooseText   = "I certify that the non-industrial diamonds in this shipment were not mined, extracted, produced, or manufactured wholly or in part in the Russian Federation, notwithstanding whether such diamonds have been substantially transformed into other products outside of the Russian Federation."
	usJewelryText = "I certify that the diamond jewelry and unsorted diamonds in this shipment are not of Russian Federation origin or were not exported from the Russian Federation."
)

// warrantyText says in our words what a warranty of the trade says. The protected text
// is the World Diamond Council's; who uses its system puts that in.
const warrantyText = "DRAFT, in place of the wording of the system of warranties that you take part in: We bought the natural diamonds on this document from lawful sources that do not " +
	"pay for conflict, in keeping with the resolutions of the United Nations and with the national laws that apply. From what we know ourselves, and from the written warranties of those who " +
	"supplied them, we give our word that they are free of conflict, and that we hold to the system's guidelines on human rights, labour, money laundering and corruption."

const conformityText = "DRAFT, in place of the wording of your standard: We confirm that the material on this document is eligible under the chain of custody standard named above, and that it was kept apart from, or accounted for against, all other material as the standard asks."

// Document is a filled form.
type Document struct {
	Kind      Kind        `json:"kind"`
	Title     string      `json:"title"`
	Ledger    string      `json:"ledger"`
	Entries   uint64      `json:"entries"` // that the ledger had
	Fields    []Field     `json:"fields"`
	Lines     []Line      `json:"lines"`
	Matrix    []MatrixRow `json:"matrix"` // transfer document: metals by kind of origin
	Types     []Choice    `json:"types"`  // transfer document: what kind of transfer
	Statement string      `json:"statement"`
	Warnings  []string    `json:"warnings"` // what the record does not bear out
}

// Field is one thing to be said. An empty value is a blank to be filled in by hand.
type Field struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Choice is a box; it is ticked where the record shows that it holds.
type Choice struct {
	Text   string `json:"text"`
	Ticked bool   `json:"ticked"`
}

// Line is one part of the goods.
type Line struct {
	Item    string `json:"item"`
	Numbers string `json:"numbers"` // of reports, inscriptions, bars
	What    string `json:"what"`
	Count   string `json:"count"`
	Mass    string `json:"mass"`
	Origin  string `json:"origin"`
}

// MatrixRow is one metal by kinds of origin, as masses; "" for none.
type MatrixRow struct {
	Metal         string `json:"metal"`
	Mined         string `json:"mined"`
	ByProduct     string `json:"by_product"`
	Recycled      string `json:"recycled"`
	Grandfathered string `json:"grandfathered"`
	LessIsKnown   string `json:"not_known"`
}

// Parties names both ends; zero where not known.
type Parties struct{ From, To ledger.PartyID }

// Make fills a form for items of a graph. From is by default the one who holds the
// first of them, To the one an open offer is made to.
func Make(kind Kind, g *provenance.Graph, items []*provenance.Item, p Parties) (*Document, error) {
	if len(items) == 0 {
		return nil, fmt.Errorf("paper: no items")
	}
	p = p.of(items)
	d := &Document{Kind: kind, Ledger: g.Name, Entries: g.Size}
	switch kind {
	case Transfer:
		d.transfer(g, items, p)
	case Warranty:
		d.warranty(g, items, p)
	case USLoose, USJewelry:
		d.us(g, items)
	default:
		return nil, fmt.Errorf("paper: form %.40q, expected one of %v", kind, Kinds)
	}
	return d, nil
}

func (p Parties) of(items []*provenance.Item) Parties {
	if p.From == (ledger.PartyID{}) && items[0].Custody.Outside == nil {
		p.From = items[0].Custody.Party
	}
	if p.To == (ledger.PartyID{}) && len(items[0].Offers) > 0 {
		p.To = items[0].Offers[len(items[0].Offers)-1].To
	}
	return p
}

func (d *Document) blanks(labels ...string) {
	for _, l := range labels {
		d.Fields = append(d.Fields, Field{Label: l})
	}
}

func (d *Document) fill(label, value string) { d.Fields = append(d.Fields, Field{label, value}) }

// party gives what the ledger knows of one: its pseudonym and country.
func (d *Document) party(g *provenance.Graph, role string, id ledger.PartyID) {
	d.blanks(role+": company", role+": address")
	if id == (ledger.PartyID{}) {
		d.blanks(role + ": party of the ledger")
		return
	}
	d.fill(role+": party of the ledger", id.String())
	d.fill(role+": country of admission", g.Parties[id].Country)
}

func (d *Document) transfer(g *provenance.Graph, items []*provenance.Item, p Parties) {
	d.Title = "Chain of custody: transfer document"
	d.blanks("Date", "Document number")
	d.party(g, "Issuer", p.From)
	d.blanks("Issuer: certificate number", "Issuer: certificate valid from", "Issuer: certificate valid to")
	d.party(g, "Receiver", p.To)
	d.blanks("Receiver: certificate number", "Receiver: certificate valid from", "Receiver: certificate valid to", "Responsible person", "Sales invoice number")
	total := uint64(0)
	for _, item := range items {
		total += item.Matter.Mass
	}
	d.fill("Total weight", vocabulary.Format(total, custodyv1.Unit_UNIT_GRAM))
	d.fill("Number of items", strconv.Itoa(len(items)))
	d.lines(items, nil)
	d.matrix(items)
	d.types(items)
	d.Statement = conformityText
	d.blanks("Further information", "Signature")
}

var metalKinds = []custodyv1.OriginKind{
	custodyv1.OriginKind_ORIGIN_KIND_MINED, custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT,
	custodyv1.OriginKind_ORIGIN_KIND_RECYCLED, custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED,
}

// matrix adds up the metals of a chain of custody by the kind of their origin.
func (d *Document) matrix(items []*provenance.Item) {
	covered := []custodyv1.Metal{
		custodyv1.Metal_METAL_GOLD, custodyv1.Metal_METAL_SILVER, custodyv1.Metal_METAL_PLATINUM, custodyv1.Metal_METAL_PALLADIUM,
		custodyv1.Metal_METAL_RHODIUM, custodyv1.Metal_METAL_IRIDIUM, custodyv1.Metal_METAL_RUTHENIUM,
	}
	for _, metal := range covered {
		var sums [5]uint64
		total := uint64(0)
		for _, item := range items {
			for _, part := range item.Parts() {
				for _, c := range part.Components {
					if c.Metal != metal {
						continue
					}
					at := slices.Index(metalKinds, c.Kind)
					if at < 0 {
						at = 4
					}
					sums[at], total = sums[at]+c.Micrograms, total+c.Micrograms
				}
			}
		}
		if total == 0 {
			continue
		}
		text := func(n int) string {
			if sums[n] == 0 {
				return ""
			}
			return vocabulary.Format(sums[n], custodyv1.Unit_UNIT_GRAM)
		}
		d.Matrix = append(d.Matrix, MatrixRow{vocabulary.Word(metal), text(0), text(1), text(2), text(3), text(4)})
		if sums[4] > 0 {
			d.Warnings = append(d.Warnings, fmt.Sprintf("the origin of %s of %s is not known: no standard has a column for it", text(4), vocabulary.Word(metal)))
		}
	}
	if len(d.Matrix) == 0 {
		d.Warnings = append(d.Warnings, "there is no gold, silver or platinum metal in these goods: a chain of custody of metals does not cover them")
	}
}

// types ticks what kind of transfer it is, as far as the record shows.
func (d *Document) types(items []*provenance.Item) {
	kinds := map[custodyv1.OriginKind]bool{}
	begins, jewelry := true, false
	for _, item := range items {
		begins = begins && item.Begins() && !item.Offered
		jewelry = jewelry || item.Matter.Form == custodyv1.Form_FORM_PIECE
		for _, part := range item.Parts() {
			for _, c := range part.Components {
				if c.Metal != 0 {
					kinds[c.Kind] = true
				}
			}
		}
	}
	mined := kinds[custodyv1.OriginKind_ORIGIN_KIND_MINED] || kinds[custodyv1.OriginKind_ORIGIN_KIND_BY_PRODUCT]
	known := !kinds[custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN] && len(kinds) > 0
	d.Types = []Choice{
		{"first declaration of eligible material", known && begins && !mined && len(kinds) == 1 && !jewelry},
		{"first declaration of eligible mined material", known && begins && mined && len(kinds) == 1 && !jewelry},
		{"later transfer of material of one kind", known && !begins && len(kinds) == 1 && !jewelry},
		{"jewelry, or material of several kinds", known && (jewelry || len(kinds) > 1)},
	}
}

func (d *Document) warranty(g *provenance.Graph, items []*provenance.Item, p Parties) {
	d.Title = "Warranty of diamonds, for an invoice or memo"
	d.blanks("Date", "Invoice or memo number")
	d.party(g, "Seller", p.From)
	d.blanks("Seller: number in the system of warranties")
	d.party(g, "Buyer", p.To)
	d.lines(items, naturalDiamond)
	if len(d.Lines) == 0 {
		d.Warnings = append(d.Warnings, "there is no natural diamond in these goods: such a warranty is not for them")
	}
	for _, item := range items {
		if !warranted(item) {
			d.Warnings = append(d.Warnings, fmt.Sprintf("item %s: no warranty that the seller received for it, or for what it was made of, is on the record", item.ID))
		}
	}
	d.Statement = warrantyText
	d.blanks("Name and function", "Signature")
}

// warranted tells whether a warranty about the item or something it was made of
// stands, or its holder produced all of it.
func warranted(item *provenance.Item) bool {
	produced := true
	for _, at := range provenance.Upstream(item) {
		for _, a := range at.Attestations {
			if a.Attest.Kind == custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY && a.Withdrawn == nil {
				return true
			}
		}
		if at.Begins() && !(at.Acquisition == custodyv1.Acquisition_ACQUISITION_PRODUCED && item.Custody.Is(at.Registrant)) {
			produced = false
		}
	}
	return produced
}

func (d *Document) us(g *provenance.Graph, items []*provenance.Item) {
	d.Title, d.Statement = "Self-certification: loose diamonds (United States)", usLooseText
	wanted := naturalDiamond
	if d.Kind == USJewelry {
		d.Title, d.Statement = "Self-certification: diamond jewelry and unsorted diamonds (United States)", usJewelryText
	}
	d.blanks("Company letterhead", "Date", "Entry number")
	d.lines(items, wanted)
	if len(d.Lines) == 0 {
		d.Warnings = append(d.Warnings, "there is no natural diamond in these goods")
	}
	for _, item := range items {
		piece := item.Matter.Form == custodyv1.Form_FORM_PIECE
		if piece && d.Kind == USLoose {
			d.Warnings = append(d.Warnings, fmt.Sprintf("item %s is set: the other wording is for jewelry", item.ID))
		}
		for _, part := range item.Parts() {
			if naturalDiamond(part) {
				d.russian(part)
			}
		}
		d.outOfRussia(item)
	}
	d.blanks("Name and function", "Signature")
}

const russia = "RU"

// russian warns where the record does not bear out that a part is not of Russia.
func (d *Document) russian(part provenance.Part) {
	if len(part.Components) == 0 {
		d.warn("%s: nothing is said of where it was mined", name(part))
	}
	for _, c := range part.Components {
		countries := strings.Fields(c.Countries)
		switch {
		case slices.Equal(countries, []string{russia}):
			d.warn("%s: the record says that it was mined in Russia", name(part))
		case slices.Contains(countries, russia):
			d.warn("%s: may be mined in Russia; possible are %s", name(part), strings.Join(countries, ", "))
		case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN || len(countries) == 0:
			d.warn("%s: where it was mined is not known", name(part))
		case c.Disputed:
			d.warn("%s: where it was mined is disputed", name(part))
		case c.Level <= custodyv1.Evidence_EVIDENCE_STATED:
			d.warn("%s: that it was mined in %s is only stated", name(part), strings.Join(countries, " or "))
		}
	}
}

func (d *Document) outOfRussia(item *provenance.Item) {
	for _, at := range provenance.Upstream(item) {
		if at.ExportedFrom == russia || at.CustomsOrigin == russia {
			d.warn("item %s: the record names Russia as customs origin or country of export", at.ID)
		}
		for _, e := range at.Events {
			if b, ok := e.Body.(*custodyv1.BorderCross); ok && b.From == russia {
				d.warn("item %s: entry %d takes it out of Russia", at.ID, e.Index)
			}
		}
	}
}

func (d *Document) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(d.Warnings, text) {
		d.Warnings = append(d.Warnings, text)
	}
}

func naturalDiamond(part provenance.Part) bool {
	return part.Matter.Material == custodyv1.Material_MATERIAL_DIAMOND && part.Matter.Nature == custodyv1.Nature_NATURE_NATURAL
}

func (d *Document) lines(items []*provenance.Item, wanted func(provenance.Part) bool) {
	for _, item := range items {
		for _, part := range item.Parts() {
			if wanted == nil || wanted(part) {
				d.Lines = append(d.Lines, line(part))
			}
		}
	}
}

func line(part provenance.Part) Line {
	m := part.Matter
	l := Line{Item: name(part)}
	if part.Line == 0 {
		var numbers []string
		for _, id := range part.Item.OutsideIDs {
			if id.Struck == nil {
				numbers = append(numbers, id.Issuer+" "+id.Number)
			}
		}
		l.Numbers = strings.Join(numbers, ", ")
	}
	var words []string
	if m.Nature != 0 {
		words = append(words, vocabulary.Word(m.Nature))
	}
	if m.Stage != 0 {
		words = append(words, vocabulary.Word(m.Stage))
	}
	switch {
	case m.Material == custodyv1.Material_MATERIAL_METAL:
		for _, c := range m.Composition {
			words = append(words, vocabulary.Word(c.Metal))
		}
	case m.Species != "":
		words = append(words, m.Species)
	default:
		words = append(words, vocabulary.Word(m.Material))
	}
	l.What = strings.Join(words, " ")
	switch {
	case m.Count > 0 && m.CountBasis == custodyv1.CountBasis_COUNT_BASIS_ESTIMATED:
		l.Count = fmt.Sprintf("about %d", m.Count)
	case m.Count > 0:
		l.Count = strconv.Itoa(int(m.Count))
	case m.Form == custodyv1.Form_FORM_SINGLE:
		l.Count = "1"
	}
	unit := custodyv1.Unit_UNIT_CARAT
	if m.Material == custodyv1.Material_MATERIAL_METAL || m.Material == custodyv1.Material_MATERIAL_OTHER {
		unit = custodyv1.Unit_UNIT_GRAM
	}
	l.Mass = vocabulary.Format(m.Mass, unit)
	l.Origin = origin(part.Components)
	return l
}

// origin says where a part is from, as the record has it.
func origin(components []provenance.Component) string {
	if len(components) == 0 {
		return "not known"
	}
	var texts []string
	for _, c := range components {
		text := vocabulary.Word(c.Kind)
		if c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
			text = "not known"
		} else {
			if c.Countries != "" {
				text += " in " + strings.ReplaceAll(c.Countries, " ", " or ")
			}
			text += " (" + vocabulary.Word(c.Level) + ")"
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

func name(part provenance.Part) string {
	if part.Line > 0 {
		return fmt.Sprintf("%s, line %d", part.Item.ID, part.Line)
	}
	return part.Item.ID.String()
}
