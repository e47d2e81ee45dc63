package main

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
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
		return "registered " + goods(b) + "; " + begins(b.Acquisition) + "; origin " + origins(b)
	case *custodyv1.ItemVoid:
		return "took the registration back (" + words.Of(b.Reason) + ")"
	case *custodyv1.Offer:
		text := "sent it to " + party(b.To) + " (" + words.Of(b.Mode) + "), answer due by " + words.Time(b.ExpiresAtMs)
		if b.GoodsLeft {
			text += ", the goods have left"
		}
		if b.MemoUntilMs != 0 {
			text += ", memo until " + words.Time(b.MemoUntilMs)
		}
		return text
	case *custodyv1.Accept:
		return "received it"
	case *custodyv1.Decline:
		return "declined it (" + words.Of(b.Reason) + ")"
	case *custodyv1.Withdraw:
		return "withdrew it"
	case *custodyv1.Release:
		return "released it (" + words.Of(b.Reason) + ") to somebody outside the ledger, in " + b.Country
	case *custodyv1.Reenter:
		return "has it back from outside"
	}
	return fmt.Sprintf("did something this program has no words for (%T)", body)
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
