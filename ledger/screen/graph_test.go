package screen

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// made is a made-up log of which graphs are built: what the rules would write.
type made struct {
	t       *testing.T
	builder *provenance.Builder
	index   uint64
	at      uint64 // recorded, unix milliseconds
	items   map[ledger.ItemID]rules.Item
	matter  map[ledger.ItemID]rules.Matter
}

var anna, bert = ledger.PartyID{1}, ledger.PartyID{2}

func newMade(t *testing.T) *made {
	m := &made{t: t, builder: provenance.NewBuilder(ledger.LedgerID{}, &ledger.Genesis{}), at: at(t, "2024-01-15").Low,
		items: map[ledger.ItemID]rules.Item{}, matter: map[ledger.ItemID]rules.Matter{}}
	return m
}

func (m *made) apply(e *ledger.Event, items []rules.Item, matters []rules.Matter) {
	m.t.Helper()
	m.index++
	if e.OccurredAt == 0 {
		e.OccurredAt = m.at
	}
	for _, i := range items {
		m.items[i.ID] = i
	}
	for _, n := range matters {
		m.matter[n.Item] = n
	}
	err := m.builder.Apply(provenance.Applied{Event: e, Index: m.index, RecordedAt: m.at, Changes: rules.Changes{
		Items: items, Matters: matters, Parties: []rules.Party{{ID: anna, Country: "BE"}, {ID: bert, Country: "US"}},
	}})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *made) id() (e ledger.EventID) {
	binary.BigEndian.PutUint64(e[:], m.index+1)
	return e
}

func (m *made) event(party ledger.PartyID, body any, items ...ledger.ItemID) *ledger.Event {
	e := &ledger.Event{ID: m.id(), Party: party, Body: body}
	for _, id := range items {
		e.Items = append(e.Items, ledger.ItemRef{Item: id})
	}
	return e
}

func (m *made) register(country string, micrograms uint64, stage custodyv1.Stage) ledger.ItemID {
	body := &custodyv1.ItemRegister{Acquisition: custodyv1.Acquisition_ACQUISITION_PRODUCED}
	e := m.event(anna, body)
	id := ledger.NewItemID(e.ID, 0)
	kind := custodyv1.OriginKind_ORIGIN_KIND_MINED
	if country == "" {
		kind = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN
	}
	producer := ""
	if country != "" {
		producer = "Sample Mining"
	}
	m.apply(e, []rules.Item{{ID: id, Status: rules.Live, Registrant: anna, Registered: m.index + 1, Custody: rules.Inside(anna), Title: rules.Sole(rules.Inside(anna))}},
		[]rules.Matter{{Item: id, Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: stage, Mass: micrograms,
			Origin: []rules.Component{{Source: rules.Source{Kind: kind, Countries: country, Producer: producer}, Micrograms: micrograms}}}})
	return id
}

// change consumes items and makes one of them.
func (m *made) change(process custodyv1.Process, micrograms uint64, form custodyv1.Form, origin []rules.Component, from ...ledger.ItemID) ledger.ItemID {
	body := &custodyv1.Transform{Process: process, Outputs: []*custodyv1.Output{{}}}
	var items []rules.Item
	for _, id := range from {
		body.Inputs = append(body.Inputs, &custodyv1.ItemRef{Item: id[:]})
		in := m.items[id]
		in.Status = rules.Consumed
		items = append(items, in)
	}
	e := m.event(anna, body, from...)
	out := ledger.NewItemID(e.ID, 0)
	matter := m.matter[from[0]]
	matter.Item, matter.Mass, matter.Form, matter.Stage, matter.Origin = out, micrograms, form, custodyv1.Stage_STAGE_POLISHED, origin
	first := m.items[from[0]]
	m.apply(e, append(items, rules.Item{ID: out, Status: rules.Live, Registrant: anna, Custody: first.Custody, Title: first.Title}), []rules.Matter{matter})
	return out
}

func (m *made) give(id ledger.ItemID, to ledger.PartyID, occurred uint64) {
	i := m.items[id]
	i.Custody, i.Title = rules.Inside(to), rules.Sole(rules.Inside(to))
	e := m.event(to, &custodyv1.Accept{}, id)
	e.OccurredAt = occurred
	m.apply(e, []rules.Item{i}, nil)
}

func (m *made) graph(subjects ...ledger.ItemID) *provenance.Graph {
	m.t.Helper()
	g, err := m.builder.Graph(provenance.Reading{Size: m.index + 1, Time: m.at, Subjects: subjects})
	if err != nil {
		m.t.Fatal(err)
	}
	return g
}

const polished, rough = custodyv1.Stage_STAGE_POLISHED, custodyv1.Stage_STAGE_ROUGH

func TestPathLeadsToTheRegistrationThatBroughtIt(t *testing.T) {
	m := newMade(t)
	botswana, russia := m.register("BW", 1_000_000, rough), m.register("RU", 400_000, rough)
	parcel := m.change(custodyv1.Process_PROCESS_MERGE, 1_400_000, custodyv1.Form_FORM_BULK, []rules.Component{
		m.matter[botswana].Origin[0], m.matter[russia].Origin[0],
	}, botswana, russia)
	split := []rules.Component{{Source: rules.Source{Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: "BW RU", Producer: "Sample Mining"}, Micrograms: 300_000}}
	part := m.change(custodyv1.Process_PROCESS_SPLIT, 300_000, custodyv1.Form_FORM_SINGLE, split, parcel)
	m.at = at(t, "2024-12-01").Low
	m.give(part, bert, 0)
	g := m.graph(part, parcel)

	r := shipped(t, "us-russian-diamonds.yaml").Item(g, g.Item(part), 0)
	if r.Verdict != Undetermined {
		t.Fatalf("%+v", r)
	}
	reason := r.Components[0].Reasons[0]
	var path []ledger.ItemID
	for _, s := range reason.Steps {
		path = append(path, s.Item)
	}
	if len(path) != 3 || path[0] != russia || path[1] != parcel || path[2] != part {
		t.Errorf("path %+v", reason.Steps)
	}
	if got := reason.Steps[0].What; got != "registered" {
		t.Errorf("only one of the parcels names Russia: %q", got)
	}

	r = shipped(t, "us-russian-diamonds.yaml").Item(g, g.Item(parcel), 0)
	if len(r.Components) != 2 || r.Components[0].Verdict != Clear || r.Components[1].Verdict != Undetermined {
		t.Fatalf("%+v", r)
	}
	if first := r.Components[1].Reasons[0].Steps[0]; first.Item != russia || first.Index != 2 {
		t.Errorf("the Russian part comes from %+v", first)
	}
}

func TestMoves(t *testing.T) {
	m := newMade(t)
	stone := m.register("RU", 120_000, rough) // 0.6 ct
	m.give(stone, bert, 0)                    // January 2024
	m.at = at(t, "2024-06-01").Low
	m.give(stone, anna, 0)
	m.at = at(t, "2024-09-02").Low
	m.give(stone, bert, at(t, "2024-08-31").Low) // signed before the rule, recorded after
	m.at = at(t, "2024-10-01").Low
	m.give(stone, anna, 0)
	gem := m.change(custodyv1.Process_PROCESS_CUT, 60_000, custodyv1.Form_FORM_SINGLE, []rules.Component{{Source: m.matter[stone].Origin[0].Source, Micrograms: 60_000}}, stone)
	m.give(gem, bert, 0) // 0.3 ct
	g := m.graph(gem)
	var got []string
	for _, move := range shipped(t, "us-russian-diamonds.yaml").Moves(g, g.Item(gem)) {
		got = append(got, move.Result.Verdict.String())
	}
	if want := []string{"clear", "clear", "undetermined", "flagged", "clear"}; !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
}

func TestLocated(t *testing.T) {
	m := newMade(t)
	one, two, three := m.register("RU", 300_000, rough), m.register("RU", 300_000, rough), m.register("RU", 300_000, rough)
	paper := func(id ledger.ItemID, kind custodyv1.DocumentKind, country string) {
		e := m.event(anna, &custodyv1.Attest{
			Item: id[:], Kind: kind, Country: country, IssuedMs: at(t, "2024-01-10").Low,
			Claims: []*custodyv1.ClaimMade{{Claim: custodyv1.Claim_CLAIM_LOCATION, Level: custodyv1.Evidence_EVIDENCE_STATED}},
		})
		m.apply(e, []rules.Item{m.items[id]}, nil)
	}
	const statement = custodyv1.DocumentKind_DOCUMENT_KIND_LOCATION_AT_DATE
	paper(one, statement, "BE")
	paper(two, custodyv1.DocumentKind_DOCUMENT_KIND_INVOICE, "BE") // the country of who wrote it
	paper(two, statement, "RU")
	m.at = at(t, "2024-06-01").Low
	paper(three, statement, "BE") // dated before, recorded afterwards
	parcel := m.change(custodyv1.Process_PROCESS_MERGE, 600_000, custodyv1.Form_FORM_BULK, []rules.Component{{Source: m.matter[one].Origin[0].Source, Micrograms: 600_000}}, one, two)
	g := m.graph(one, two, three, parcel)
	asOf := at(t, "2025-01-01").Low
	s := shipped(t, "us-russian-diamonds.yaml")
	for name, c := range map[string]struct {
		item  ledger.ItemID
		clear bool
	}{
		"stated and recorded in time": {one, true}, "stated to be in Russia": {two, false}, "recorded too late": {three, false}, "one of two": {parcel, false},
	} {
		if r := s.Item(g, g.Item(c.item), asOf); (r.Verdict == Clear) != c.clear {
			t.Errorf("%s: %s %+v", name, r.Verdict, r.Components)
		}
	}
	for i := range s.policy.Rules {
		for n := range s.policy.Rules[i].Exempt {
			s.policy.Rules[i].Exempt[n].Located.Signed = true
		}
	}
	if r := s.Item(g, g.Item(three), asOf); r.Verdict != Clear {
		t.Errorf("believing dates: %s", r.Verdict)
	}
}

func TestReportNamesEntriesAndItems(t *testing.T) {
	m := newMade(t)
	stone := m.register("RU", 300_000, polished)
	g := m.graph(stone)
	s := shipped(t, "us-russian-diamonds.yaml")
	var b strings.Builder
	NewReport(s.policy, s.Item(g, g.Item(stone), at(t, "2025-01-01").Low), nil).Text(&b)
	for _, want := range []string{"FLAGGED", "rule us-half-ct: mined in RU", "entry 1: " + stone.String() + " registered", "no legal advice"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
