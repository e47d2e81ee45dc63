package reconcile

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// trade is a made-up log: it writes what the rules would write, for the events that
// books look at.
type trade struct {
	t       *testing.T
	r       *rand.Rand
	index   uint64
	items   map[ledger.ItemID]rules.Item
	matter  map[ledger.ItemID]rules.Matter
	order   []ledger.ItemID
	books   []*Book
	parties []ledger.PartyID
}

const start = 1_700_000_000_000

func newTrade(t *testing.T, seed uint64, period Period) *trade {
	w := &trade{t: t, r: rand.New(rand.NewPCG(seed, 4)), items: map[ledger.ItemID]rules.Item{}, matter: map[ledger.ItemID]rules.Matter{}}
	for i := range 3 {
		party := ledger.PartyID{byte(i + 1)}
		w.parties = append(w.parties, party)
		w.books = append(w.books, NewBook(party, period))
	}
	return w
}

func (w *trade) matters(id ledger.ItemID) (rules.Matter, bool) {
	m, ok := w.matter[id]
	return m, ok
}

func (w *trade) apply(party ledger.PartyID, body any, items []rules.Item, matters []rules.Matter) {
	w.index++
	var id ledger.EventID
	binary.BigEndian.PutUint64(id[:], w.index)
	for n := range items {
		if items[n].Status == 0 {
			items[n].Status = rules.Live
		}
		i := items[n]
		if _, known := w.items[i.ID]; !known {
			w.order = append(w.order, i.ID)
		}
		w.items[i.ID] = i
	}
	for _, m := range matters {
		w.matter[m.Item] = m
	}
	applied := provenance.Applied{
		Event: &ledger.Event{ID: id, Party: party, Body: body}, Index: w.index, RecordedAt: start + w.index,
		Changes: rules.Changes{Items: items, Matters: matters},
	}
	for _, b := range w.books {
		b.Apply(applied, w.matters)
	}
}

func (w *trade) newID() ledger.ItemID {
	var id ledger.ItemID
	binary.BigEndian.PutUint64(id[:], w.index+1)
	id[19] = byte(w.r.IntN(256))
	return id
}

func (w *trade) register(party ledger.PartyID, mass uint64) ledger.ItemID {
	id := w.newID()
	m := rules.Matter{Item: id, Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_BULK, Mass: mass}
	if w.r.IntN(2) == 0 {
		gold := mass * 3 / 4
		m.Material, m.Composition = custodyv1.Material_MATERIAL_METAL, []rules.Constituent{{Metal: custodyv1.Metal_METAL_GOLD, Micrograms: gold}, {Metal: custodyv1.Metal_METAL_COPPER, Micrograms: mass - gold}}
	}
	body := &custodyv1.ItemRegister{Acquisition: custodyv1.Acquisition(1 + w.r.IntN(2))}
	w.apply(party, body, []rules.Item{{ID: id, Custody: rules.Inside(party)}}, []rules.Matter{m})
	return id
}

func (w *trade) give(id ledger.ItemID, to ledger.PartyID) {
	i := w.items[id]
	from := i.Custody.Party
	i.Custody = rules.Inside(to)
	w.apply(to, &custodyv1.Accept{From: from[:]}, []rules.Item{i}, nil)
}

// step does something that may happen to a random item.
func (w *trade) step() {
	party := w.parties[w.r.IntN(len(w.parties))]
	if len(w.order) == 0 || w.r.IntN(4) == 0 {
		w.register(party, 1_000+uint64(w.r.IntN(1_000_000)))
		return
	}
	id := w.order[w.r.IntN(len(w.order))]
	i, m := w.items[id], w.matter[id]
	ref := &custodyv1.ItemRef{Item: id[:]}
	if i.Status != rules.Live || i.Set() {
		return
	}
	if i.Custody.Outside != nil {
		back := i
		back.Custody = rules.Inside(i.Custody.Outside.ReleasedBy)
		var matters []rules.Matter
		if m.Form != custodyv1.Form_FORM_PIECE && m.Material == custodyv1.Material_MATERIAL_DIAMOND && w.r.IntN(2) == 0 {
			m.Mass += uint64(w.r.IntN(7)) - 3
			matters = append(matters, m)
		}
		w.apply(i.Custody.Outside.ReleasedBy, &custodyv1.Reenter{Item: ref}, []rules.Item{back}, matters)
		return
	}
	holder := i.Custody.Party
	switch w.r.IntN(7) {
	case 0, 1:
		if party != holder {
			w.give(id, party)
		}
	case 2:
		i.Custody = rules.Holder{Outside: &rules.Outside{ReleasedBy: holder}}
		w.apply(holder, &custodyv1.Release{Item: ref}, []rules.Item{i}, nil)
	case 3:
		if m.Form == custodyv1.Form_FORM_BULK && m.Material == custodyv1.Material_MATERIAL_DIAMOND && m.Mass > 10 {
			m.Mass += uint64(w.r.IntN(7)) - 3
			w.apply(holder, &custodyv1.Reweigh{Item: ref}, []rules.Item{i}, []rules.Matter{m})
		}
	case 4:
		i.Status = rules.Destroyed
		w.apply(holder, &custodyv1.Incident{Item: ref, Kind: custodyv1.IncidentKind_INCIDENT_KIND_DESTROYED}, []rules.Item{i}, nil)
	case 5:
		w.cut(i, m, ref)
	case 6:
		w.assemble(i, m, ref)
	}
}

func (w *trade) cut(i rules.Item, m rules.Matter, ref *custodyv1.ItemRef) {
	if m.Form != custodyv1.Form_FORM_BULK || m.Material != custodyv1.Material_MATERIAL_DIAMOND || m.Mass < 100 {
		return
	}
	loss, short := m.Mass/10, uint64(w.r.IntN(3))
	out := m
	out.Item, out.Mass = w.newID(), m.Mass-loss-short
	made := rules.Item{ID: out.Item, Custody: i.Custody}
	i.Status = rules.Consumed
	w.apply(i.Custody.Party, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_CUT, Inputs: []*custodyv1.ItemRef{ref},
		Balances: []*custodyv1.Balance{{Material: m.Material, LossMicrograms: loss, ShortfallMicrograms: short}},
	}, []rules.Item{i, made}, []rules.Matter{out})
}

func (w *trade) assemble(i rules.Item, m rules.Matter, ref *custodyv1.ItemRef) {
	if m.Form == custodyv1.Form_FORM_PIECE {
		return
	}
	piece := w.newID()
	solder := rules.Matter{Material: custodyv1.Material_MATERIAL_METAL, Mass: 500, Composition: []rules.Constituent{{Metal: custodyv1.Metal_METAL_SILVER, Micrograms: 500}}}
	set := i
	set.Within = piece
	w.apply(i.Custody.Party, &custodyv1.Transform{
		Process: custodyv1.Process_PROCESS_ASSEMBLE, Inputs: []*custodyv1.ItemRef{ref},
		Additions: []*custodyv1.BillLine{{Material: solder.Material, Mass: &custodyv1.Mass{Micrograms: 500}, Composition: []*custodyv1.Constituent{{Metal: custodyv1.Metal_METAL_SILVER, Micrograms: 500}}}},
	}, []rules.Item{set, {ID: piece, Custody: i.Custody}},
		[]rules.Matter{{Item: piece, Form: custodyv1.Form_FORM_PIECE, Mass: m.Mass + 500, Bill: []rules.Matter{solder}, Children: []ledger.ItemID{i.ID}}})
}

func TestRandomTradesBalance(t *testing.T) {
	for seed := range uint64(60) {
		period := Period{}
		if seed%2 == 1 {
			period = Period{From: start + 40, Until: start + 160}
		}
		w := newTrade(t, seed, period)
		var atFrom map[ledger.ItemID]rules.Item
		matterFrom := map[ledger.ItemID]rules.Matter{}
		snapshot := func() {
			atFrom = map[ledger.ItemID]rules.Item{}
			for id, i := range w.items {
				atFrom[id] = i
			}
			for id, m := range w.matter {
				matterFrom[id] = m
			}
		}
		for w.index < 150 {
			if w.index == 39 && atFrom == nil {
				snapshot()
			}
			w.step()
		}
		for n, b := range w.books {
			s := b.Close(w.matters)
			if len(s.Findings) > 0 {
				t.Fatalf("seed %d: %+v", seed, s.Findings)
			}
			opening := amounts{}
			if period.From != 0 {
				opening = naive(atFrom, matterFrom, w.parties[n])
			}
			closing := naive(w.items, w.matter, w.parties[n])
			for _, l := range s.Lines {
				if uint64(opening[l.Substance]) != l.Opening || uint64(closing[l.Substance]) != l.Closing {
					t.Fatalf("seed %d, party %d: %s from %d to %d, counted %d to %d", seed, n, l.Substance, l.Opening, l.Closing, opening[l.Substance], closing[l.Substance])
				}
				delete(closing, l.Substance)
			}
			if len(closing) > 0 {
				t.Fatalf("seed %d: not in the books: %v", seed, closing)
			}
		}
		var given, got uint64
		for _, b := range w.books {
			for _, a := range b.accounts {
				given, got = given+a.HandedOn, got+a.Received
			}
		}
		if given != got {
			t.Fatalf("seed %d: %d handed on, %d received", seed, given, got)
		}
	}
}

// naive adds up what a party has, item by item, set ones by following the piece.
func naive(items map[ledger.ItemID]rules.Item, matter map[ledger.ItemID]rules.Matter, party ledger.PartyID) amounts {
	sum := amounts{}
	for id, i := range items {
		top := i
		for top.Set() {
			top = items[top.Within]
		}
		if i.Status != rules.Live || top.Status != rules.Live || !top.Custody.Is(party) {
			continue
		}
		for _, m := range append([]rules.Matter{matter[id]}, matter[id].Bill...) {
			switch {
			case m.Form == custodyv1.Form_FORM_PIECE:
			case m.Material == custodyv1.Material_MATERIAL_METAL:
				for _, c := range m.Composition {
					sum[Substance{m.Material, c.Metal}] += int64(c.Micrograms)
				}
			default:
				sum[Substance{Material: m.Material}] += int64(m.Mass)
			}
		}
	}
	return sum
}

func TestBooksFind(t *testing.T) {
	diamond := func(id ledger.ItemID, mass uint64) rules.Matter {
		return rules.Matter{Item: id, Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_BULK, Mass: mass}
	}
	for name, c := range map[string]struct {
		do   func(*trade, ledger.ItemID)
		want string
	}{
		"matter that grows by a dispute": {func(w *trade, id ledger.ItemID) {
			w.apply(w.parties[0], &custodyv1.Dispute{}, []rules.Item{w.items[id]}, []rules.Matter{diamond(id, 1001)})
		}, "does not explain"},
		"a loss that was not declared": {func(w *trade, id ledger.ItemID) {
			i := w.items[id]
			i.Status = rules.Consumed
			out := w.newID()
			w.apply(w.parties[0], &custodyv1.Transform{}, []rules.Item{i, {ID: out, Custody: i.Custody}}, []rules.Matter{diamond(out, 999)})
		}, "-1 micrograms of diamond"},
		"a loss that did not happen": {func(w *trade, id ledger.ItemID) {
			w.apply(w.parties[0], &custodyv1.Transform{Balances: []*custodyv1.Balance{{Material: 1, LossMicrograms: 5}}}, []rules.Item{w.items[id]}, nil)
		}, "5 micrograms of diamond"},
		"goods that are not in the state": {func(w *trade, id ledger.ItemID) {
			w.matter[id] = diamond(id, 7)
		}, "must be left"},
		"a warranty for what nobody warranted": {func(w *trade, id ledger.ItemID) {
			w.apply(w.parties[0], &custodyv1.Attest{Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY, Own: true}, nil, nil)
		}, "warranties were issued for 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTrade(t, 1, Period{})
			id := w.newID()
			w.apply(w.parties[0], &custodyv1.ItemRegister{Acquisition: 2}, []rules.Item{{ID: id, Custody: rules.Inside(w.parties[0])}}, []rules.Matter{diamond(id, 1000)})
			c.do(w, id)
			s := w.books[0].Close(w.matters)
			if len(s.Findings) == 0 || !strings.Contains(s.Findings[0].Text, c.want) {
				t.Errorf("findings %+v, expected %q", s.Findings, c.want)
			}
		})
	}
}

func TestWarrantiesThatCame(t *testing.T) {
	w := newTrade(t, 1, Period{})
	id := w.newID()
	w.apply(w.parties[0], &custodyv1.ItemRegister{Acquisition: 1}, []rules.Item{{ID: id, Custody: rules.Inside(w.parties[0])}},
		[]rules.Matter{{Item: id, Material: 1, Form: custodyv1.Form_FORM_BULK, Mass: 1000}})
	warrant := func(n int) {
		w.apply(w.parties[n], &custodyv1.Attest{Item: id[:], Kind: custodyv1.DocumentKind_DOCUMENT_KIND_WARRANTY, Own: true}, nil, nil)
	}
	warrant(0) // before anybody knows who gets the goods
	w.give(id, w.parties[1])
	warrant(1)
	w.give(id, w.parties[2])
	for n, want := range []PaperLine{{Issued: 1000}, {Received: 1000, Issued: 1000}, {Received: 1000}} {
		s := w.books[n].Close(w.matters)
		if len(s.Papers) != 1 || s.Papers[0].Received != want.Received || s.Papers[0].Issued != want.Issued || len(s.Findings) > 0 {
			t.Errorf("party %d: %+v %v", n, s.Papers, s.Findings)
		}
	}
}
