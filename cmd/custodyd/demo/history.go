package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// history turns the entries that name an item, oldest first, into a table that
// says who held it and who owned it after each.
type history struct {
	names  func(ledger.PartyID) string
	holder string
	owner  string
	offers map[ledger.EventID]*custodyv1.Offer
	rows   [][]string
}

func historyTable(caption string, names func(ledger.PartyID) string, entries []client.Entry) *story.Table {
	h := history{names: names, offers: map[ledger.EventID]*custodyv1.Offer{}}
	for _, entry := range entries {
		what := h.step(entry.Event)
		at := time.UnixMilli(int64(entry.RecordedAt)).UTC()
		h.rows = append(h.rows, []string{fmt.Sprint(entry.Index), at.Format("15:04:05.000"), names(entry.Event.Party), what, h.holder, h.owner})
	}
	return &story.Table{
		Caption: caption,
		Columns: []string{"entry", "recorded", "signed by", "what", "holder", "owner"},
		Numbers: []bool{true, false, false, false, false, false},
		Rows:    h.rows,
	}
}

// step moves the registers and says in words what the event did.
func (h *history) step(event *ledger.Event) string {
	by := h.names(event.Party)
	switch body := event.Body.(type) {
	case *custodyv1.ItemRegister:
		h.holder, h.owner = by, by
		return "registers " + describe(body)
	case *custodyv1.Offer:
		h.offers[event.ID] = body
		return fmt.Sprintf("%s %s", sends[body.Mode], h.names(ledger.PartyID(body.To)))
	case *custodyv1.Accept:
		offer := h.offers[ledger.EventID(body.Offer)]
		if offer == nil {
			return "receives it"
		}
		if offer.Mode != custodyv1.Mode_MODE_MEMO_TO_SALE {
			h.holder = by
		}
		if offer.Mode == custodyv1.Mode_MODE_SALE || offer.Mode == custodyv1.Mode_MODE_MEMO_TO_SALE {
			h.owner = by
		}
		return receives[offer.Mode]
	case *custodyv1.Decline:
		return "declines it"
	case *custodyv1.Withdraw:
		return "withdraws the offer"
	case *custodyv1.Release:
		h.holder = "outside, " + body.Country
		return "releases it to somebody outside the ledger"
	case *custodyv1.Reenter:
		h.holder = by
		return "brings it back"
	case *custodyv1.ItemVoid:
		return "takes the registration back"
	}
	return fmt.Sprintf("%T", event.Body)
}

var sends = map[custodyv1.Mode]string{
	custodyv1.Mode_MODE_SALE:         "sells it to",
	custodyv1.Mode_MODE_MEMO:         "sends it on memo to",
	custodyv1.Mode_MODE_RETURN:       "returns it to",
	custodyv1.Mode_MODE_MEMO_TO_SALE: "sells the memo goods to",
}

var receives = map[custodyv1.Mode]string{
	custodyv1.Mode_MODE_SALE:         "receives and owns it",
	custodyv1.Mode_MODE_MEMO:         "receives it on memo",
	custodyv1.Mode_MODE_RETURN:       "has it back",
	custodyv1.Mode_MODE_MEMO_TO_SALE: "owns what it holds",
}

// describe names a stone as its registration does, such as "0.70 ct, G, VS2".
func describe(body *custodyv1.ItemRegister) string {
	const carat = 200_000 // micrograms
	text := fmt.Sprintf("%.2f ct", float64(body.Mass.GetMicrograms())/carat)
	for _, word := range []string{body.Description.GetColour(), body.Description.GetClarity(), body.Description.GetCut()} {
		if word != "" {
			text += ", " + word
		}
	}
	return text
}

// history tells the whole way of the stone that went through the most hands.
func (p *play) history(ctx context.Context, act *story.Act) error {
	stone := p.stones[longest]
	var entries []client.Entry
	for entry, err := range p.client.History(ctx, stone.Item, client.Linearizable) {
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	if want := 1 + 2*len(routes[longest]); len(entries) < want {
		return fmt.Errorf("the history of item %s has %d entries, expected %d or more", stone.Item, len(entries), want)
	}
	hands := map[string]bool{}
	table := historyTable("Times are UTC, of the ledger. The price and the legal names are not in it: only salted hashes of them are.", p.nameOf, entries)
	for _, row := range table.Rows {
		hands[row[4]] = true
	}
	act.Sentence = fmt.Sprintf("One stone's %d entries tell who held it and who owned it after each, through %d hands; links from entry to entry prove that none is left out.", len(entries), len(hands))
	act.Details = []story.Detail{story.Text(fmt.Sprintf("Row %d of the spreadsheet, item %s.", longest+1, stone.Item)), {Table: table}}
	return nil
}

// nameOf gives the made-up name of a party, or its id.
func (p *play) nameOf(id ledger.PartyID) string {
	for _, party := range slices.Concat(p.associations, p.dealers, p.ring.guests) {
		if party.Party() == id {
			return strings.TrimSuffix(party.Name, ".example.org")
		}
	}
	return id.String()
}
