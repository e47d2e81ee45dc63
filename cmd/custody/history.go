package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// line is one entry of an item's history.
type line struct {
	Index      uint64   `json:"index"`
	RecordedAt uint64   `json:"recorded_at_ms"`
	OccurredAt uint64   `json:"occurred_at_ms"`
	Event      string   `json:"event"`
	Party      string   `json:"party"`
	Keys       []string `json:"keys"`
	What       string   `json:"what"`
	LeafHash   string   `json:"leaf_hash"`
	Entry      string   `json:"entry"` // as it was hashed, hexadecimal
}

func newLine(entry client.Entry) line {
	e := entry.Event
	l := line{
		Index: entry.Index, RecordedAt: entry.RecordedAt, OccurredAt: e.OccurredAt, Event: e.ID.String(), Party: e.Party.String(),
		What: deed(e.Body), LeafHash: entry.Leaf.String(), Entry: hex.EncodeToString(entry.Bytes),
	}
	for _, key := range e.Signers {
		l.Keys = append(l.Keys, ledger.KeyIDText(key.ID()))
	}
	return l
}

// deed says what an event did, fit to stand after the party.
func deed(body any) string {
	switch b := body.(type) {
	case *custodyv1.ItemRegister:
		return "registered " + goods(b) + "; " + begins(b.Acquisition) + "; origin " + origins(b.Material, b.Origin)
	case *custodyv1.ItemVoid:
		return "took the registration back (" + words.Of(b.Reason) + ")"
	case *custodyv1.Transform:
		return transformDeed(b)
	case *custodyv1.Reweigh:
		return "weighed it anew: " + vocabulary.Format(b.Mass.GetMicrograms(), custodyv1.Unit_UNIT_GRAM)
	case *custodyv1.Correct:
		return "corrected what was registered (" + words.Of(b.Reason) + ")"
	case *custodyv1.Offer:
		return offerDeed(b)
	case *custodyv1.Accept:
		if b.Received != nil {
			return "received " + portionText(b.Received) + " of it"
		}
		return "received it"
	case *custodyv1.Decline:
		return "declined it (" + words.Of(b.Reason) + ")"
	case *custodyv1.Withdraw:
		return "withdrew it"
	case *custodyv1.Release:
		return "released it (" + words.Of(b.Reason) + ") to somebody outside the ledger, in " + b.Country
	case *custodyv1.Reenter:
		return "has it back from outside, recognised by: " + words.Of(b.Identity)
	case *custodyv1.Reclaim:
		return "took custody back from " + party(b.From) + " after the term, with the countersignature of " + party(b.Association)
	case *custodyv1.Share:
		var owners []string
		for _, o := range b.Owners {
			owners = append(owners, fmt.Sprintf("%s %d", party(o.Party), o.Parts))
		}
		return "agreed on shares: " + strings.Join(owners, ", ")
	case *custodyv1.BorderCross:
		return "took it from " + b.From + " to " + b.To
	case *custodyv1.Attest:
		return attestDeed(b)
	case *custodyv1.AttestWithdraw:
		return "took the attestation " + ledger.EventID(b.Attestation).String() + " back (" + words.Of(b.Reason) + ")"
	case *custodyv1.Dispute:
		return "disputes its " + words.Of(b.Ground)
	case *custodyv1.Ruling:
		return "ruled on it: " + words.Of(b.Outcome)
	case *custodyv1.Hold:
		return "holds it for an authority (" + words.Of(b.Authority) + ")"
	case *custodyv1.HoldRelease:
		return "released the hold " + ledger.EventID(b.Hold).String()
	case *custodyv1.Incident:
		return "reported it " + words.Of(b.Kind)
	}
	return fmt.Sprintf("did something this program has no words for (%T)", body)
}

func transformDeed(b *custodyv1.Transform) string {
	text := fmt.Sprintf("%s: %d in, %d out", words.Of(b.Process), len(b.Inputs), len(b.Outputs))
	for _, o := range b.Outputs[:min(len(b.Outputs), 3)] {
		text += "; " + goods(o)
	}
	if more := len(b.Outputs) - 3; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	if b.Treatments != nil {
		text += "; " + strings.Join(b.Treatments.Codes, "+")
	}
	for _, balance := range b.Balances {
		if balance.LossMicrograms > 0 {
			text += "; lost " + substance{balance.Material, balance.Metal, balance.LossMicrograms}.String()
		}
	}
	return text
}

func offerDeed(b *custodyv1.Offer) string {
	text := "sent it to " + party(b.To) + " (" + words.Of(b.Mode) + "), answer due by " + words.Time(b.ExpiresAtMs)
	if b.Part != nil {
		text += ", of it " + portionText(b.Part)
	}
	if b.GoodsLeft {
		text += ", the goods have left"
	}
	if b.UntilMs != 0 {
		text += ", " + words.Of(b.Mode) + " until " + words.Time(b.UntilMs)
	}
	if len(b.Agent) > 0 {
		text += ", through " + party(b.Agent)
	}
	return text
}

func attestDeed(b *custodyv1.Attest) string {
	text := "attested a " + words.Of(b.Kind)
	if b.Number != "" {
		text += " " + b.Number
	}
	if b.Issuer != "" {
		text += " of " + b.Issuer
	}
	text += ": " + claimsText(b.Claims)
	if len(b.Countries) > 0 {
		text += ", mined in " + words.List(b.Countries, "or")
	}
	if b.FoundCount > 0 {
		text += fmt.Sprintf(", found %d %s", b.FoundCount, words.Of(b.FoundNature))
	}
	return text
}

// claimsText says how well each claim is borne out.
func claimsText(claims []*custodyv1.ClaimMade) string {
	var texts []string
	for _, c := range claims {
		texts = append(texts, words.Of(c.Claim)+" "+words.Of(c.Level))
	}
	return strings.Join(texts, ", ")
}

func portionText(p *custodyv1.Portion) string {
	text := vocabulary.Format(p.GetMicrograms(), custodyv1.Unit_UNIT_CARAT)
	if p.GetCount() > 0 {
		text += fmt.Sprintf(", %d pieces", p.GetCount())
	}
	return text
}

// historyReport is the life of an item. Every entry was verified: its
// signatures hold, and each links to the one before, so that nothing between
// the first and the last is missing.
type historyReport struct {
	Item     string `json:"item"`
	Entries  []line `json:"entries"`
	Verified string `json:"verified"`
}

func (h *historyReport) Text(w io.Writer) {
	fmt.Fprintf(w, "Item %s\n", h.Item)
	for _, l := range h.Entries {
		fmt.Fprintf(w, "  entry %d  %s\n    %s\n    %s\n", l.Index, words.Time(l.RecordedAt), l.Party, l.What)
	}
	fmt.Fprintf(w, "%d entries: %s.\n", len(h.Entries), h.Verified)
}

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history ITEM",
		Short: "Show and verify everything that happened to an item",
		Args:  arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			item, err := parseItem(args[0])
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			h := &historyReport{Item: item.String(), Verified: "every signature holds, and each entry links to the one before"}
			for entry, err := range c.History(cmd.Context(), item, client.Linearizable) {
				if err != nil {
					return err
				}
				h.Entries = append(h.Entries, newLine(entry))
			}
			return a.print(h)
		},
	}
}
