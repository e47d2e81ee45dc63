package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/node/client"
)

// written is what was recorded, or had been.
type written struct {
	Event string `json:"event"`
	Item  string `json:"item,omitempty"`
	// NewItem is what an acceptance separated from Item.
	NewItem    *separated `json:"new_item,omitempty"`
	Party      string     `json:"party,omitempty"`
	Index      uint64     `json:"index"`
	RecordedAt uint64     `json:"recorded_at_ms"`
	LeafHash   string     `json:"leaf_hash"`
	// Duplicate tells that it had been recorded before.
	Duplicate bool `json:"duplicate,omitempty"`
	// State is committed: a majority of the nodes has it; or final: it is under a
	// checkpoint that enough associations signed, and the proof of it was verified.
	State string   `json:"state"`
	Final *finalAt `json:"final,omitempty"`
	Done  string   `json:"done"` // in a sentence
}

// separated is a new item that was a part of another one.
type separated struct {
	Item string `json:"item"`
	// Is tells whether it was received or is missing; empty where nobody looked what
	// had been sent.
	Is string `json:"is,omitempty"`
}

// finalAt is the checkpoint that something is final under.
type finalAt struct {
	Size      uint64   `json:"size"`
	Root      string   `json:"root"`
	Cosigners []string `json:"cosigners"`
}

func newFinalAt(final *checkpoint.Final) *finalAt {
	f := &finalAt{Size: final.Size, Root: final.Root.String()}
	for _, cosigned := range final.Cosigned {
		f.Cosigners = append(f.Cosigners, cosigned.Key.Name)
	}
	return f
}

func (f *finalAt) String() string {
	return fmt.Sprintf("under a checkpoint of %d entries, cosigned by %s", f.Size, strings.Join(f.Cosigners, ", "))
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
	if n := r.NewItem; n != nil {
		fmt.Fprintf(w, "  new    item %s%s\n", n.Item, map[string]string{
			"received": ": what you received; the rest stays with the sender",
			"missing":  ": what is missing; it stays the sender's",
		}[n.Is])
	}
	if r.Final != nil {
		fmt.Fprintf(w, "  final  %s\n", r.Final)
	}
}

// waitFlag is what a writing command waits for.
type waitFlag struct{ final *bool }

func (f waitFlag) String() string {
	if f.final != nil && *f.final {
		return "final"
	}
	return "committed"
}

func (f waitFlag) Set(text string) error {
	switch text {
	case "committed", "final":
		*f.final = text == "final"
		return nil
	}
	return fmt.Errorf("%q: expected committed or final", text)
}

func (waitFlag) Type() string { return "word" }

// waits adds --wait.
func (a *app) waits(cmd *cobra.Command, help string) {
	cmd.Flags().Var(waitFlag{&a.waitFinal}, "wait", help)
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"committed", "final"}, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("wait", complete); err != nil {
		panic(err)
	}
}

// writing are the commands that record one event.
var writing = []string{
	"key add", "key revoke", "party admit", "party sponsor", "party suspend", "item register", "item void",
	"send", "receive", "decline", "withdraw", "release", "reenter", "gov propose", "gov approve",
	"transform", "reweigh", "correct", "attest", "attest withdraw", "border", "reclaim", "share", "incident", "dispute", "rule", "hold", "hold release", "countersign",
}

// waitsOf adds --wait to every writing command.
func (a *app) waitsOf(root *cobra.Command) {
	for _, path := range writing {
		cmd, left, err := root.Find(strings.Fields(path))
		if err != nil || len(left) > 0 {
			panic("no command " + path)
		}
		a.waits(cmd, "what to wait for: committed (most nodes have it) or final (enough associations signed it, proven)")
	}
}

// record sends an event, waits for what --wait says and tells what was done. An
// event that is not final in time is recorded all the same.
func (a *app) record(ctx context.Context, c *client.Client, event ledger.SignedEvent, done string, openings ...ledger.Opening) (*written, error) {
	if !a.waitFinal {
		receipt, err := c.Append(ctx, event, openings...)
		if err != nil {
			return nil, err
		}
		return newWritten(receipt, done), nil
	}
	receipt, proof, err := c.AppendFinal(ctx, event, openings...)
	if err != nil {
		return nil, err
	}
	w := newWritten(receipt, done)
	if proof != nil {
		w.State, w.Final = "final", newFinalAt(proof.Final)
	} else {
		a.late = notFinal(receipt.Event, a.timeout)
	}
	return w, nil
}

// notFinal is the end of a command that waited for final in vain: what it wrote
// is recorded, and whoever asked for final must not go on as if it were.
func notFinal(event ledger.EventID, waited time.Duration) error {
	return &coded{
		code: exitUnknown, error: fmt.Errorf("event %s is recorded, and was not final within %v", event, waited),
		hint: fmt.Sprintf("'custody receipt %s --wait final' goes on waiting.", event),
	}
}

// append sends an event and prints what was done.
func (a *app) append(ctx context.Context, c *client.Client, event ledger.SignedEvent, done string, openings ...ledger.Opening) error {
	w, err := a.record(ctx, c, event, done, openings...)
	if err != nil {
		return err
	}
	return a.print(w)
}
