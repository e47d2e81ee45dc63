package main

import (
	"context"
	"fmt"
	"io"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// written is what was recorded, or had been.
type written struct {
	Event      string `json:"event"`
	Item       string `json:"item,omitempty"`
	Party      string `json:"party,omitempty"`
	Index      uint64 `json:"index"`
	RecordedAt uint64 `json:"recorded_at_ms"`
	LeafHash   string `json:"leaf_hash"`
	// Duplicate tells that it had been recorded before.
	Duplicate bool `json:"duplicate,omitempty"`
	// State is committed: a majority of the nodes has it. Final, under a head
	// that several associations signed, comes later.
	State string `json:"state"`
	Done  string `json:"done"` // in a sentence
}

func newWritten(receipt ledger.Receipt, done string) *written {
	return &written{
		Event:      receipt.Event.String(),
		Index:      receipt.Index,
		RecordedAt: receipt.RecordedAt,
		LeafHash:   fmt.Sprintf("%x", receipt.Leaf[:]),
		Duplicate:  receipt.Duplicate,
		State:      "committed",
		Done:       done,
	}
}

func (r *written) Text(w io.Writer) {
	before := ""
	if r.Duplicate {
		before = "before, "
	}
	fmt.Fprintf(w, "%s\n  event  %s\n  entry  %d, recorded %s%s, %s\n", r.Done, r.Event, r.Index, before, words.Time(r.RecordedAt), r.State)
}

// append sends an event and prints what was done.
func (a *app) append(ctx context.Context, c *client.Client, event ledger.SignedEvent, done string, openings ...ledger.Opening) error {
	receipt, err := c.Append(ctx, event, openings...)
	if err != nil {
		return err
	}
	return a.print(newWritten(receipt, done))
}
