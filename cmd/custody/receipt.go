package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// receiptReport is where an event stands.
type receiptReport struct {
	Event      string `json:"event"`
	Recorded   bool   `json:"recorded"`
	Index      uint64 `json:"index,omitempty"`
	RecordedAt uint64 `json:"recorded_at_ms,omitempty"`
	LeafHash   string `json:"leaf_hash,omitempty"`
	// State is committed or final; with final the proof was verified.
	State string   `json:"state"`
	Final *finalAt `json:"final,omitempty"`
	// Proven tells that the entry was fetched and an inclusion proof to the root
	// below verified; false where the node does not show contents here.
	Proven   bool   `json:"proven"`
	TreeSize uint64 `json:"tree_size"`
	TreeRoot string `json:"tree_root,omitempty"`
	// ProofFile is where the proof was written to.
	ProofFile string `json:"proof_file,omitempty"`
}

func (r *receiptReport) Text(w io.Writer) {
	fmt.Fprintf(w, "Event %s is recorded.\n  entry     %d, %s, %s\n  leaf      %s\n", r.Event, r.Index, words.Time(r.RecordedAt), r.State, r.LeafHash)
	if r.Proven {
		fmt.Fprintf(w, "  verified  the entry holds the event and stands under root %s of %d entries\n", r.TreeRoot, r.TreeSize)
	} else {
		fmt.Fprintln(w, "  not verified: this node shows contents to its own machine only, so that the leaf is of the event is its word")
	}
	if r.Final != nil {
		fmt.Fprintf(w, "  final     %s\n", r.Final)
	}
	if r.ProofFile != "" {
		fmt.Fprintf(w, "  proof     %s\n", r.ProofFile)
	}
}

type receiptFlags struct{ proof, notAfter string }

func (a *app) receiptCommand() *cobra.Command {
	var flags receiptFlags
	cmd := &cobra.Command{
		Use:   "receipt EVENT_ID",
		Short: "Say whether an event is recorded and final, and prove it",
		Long: `Say whether an event is recorded and final, and prove it.

Recorded means that most nodes have it. Final means that enough associations have
signed a checkpoint that covers it; --proof keeps that as a C2SP tlog-proof, which
convinces whoever has the ledger's policy and the event, without any node.`,
		Args: arguments("EVENT_ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := ledger.ParseEventID(args[0])
			if err != nil {
				return err
			}
			query := client.ReceiptQuery{Event: id, WaitFinal: a.waitFinal}
			if flags.notAfter != "" {
				at, err := deadline(a.now(), flags.notAfter)
				if err != nil {
					return fmt.Errorf("--not-after %q: %w", flags.notAfter, err)
				}
				query.NotAfter = uint64(at.UnixMilli())
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			return a.receipt(cmd.Context(), c, query, flags.proof)
		},
	}
	a.waits(cmd, "what to wait for: committed, or final")
	cmd.Flags().StringVar(&flags.proof, "proof", "", "`file` to write the proof to, such as sale.tlog-proof; the event must be final")
	cmd.Flags().StringVar(&flags.notAfter, "not-after", "", "`time` after which the event may not be recorded, as it says itself, such as 2027-01-31T18:00:00Z")
	return cmd
}

func (a *app) receipt(ctx context.Context, c *client.Client, query client.ReceiptQuery, proofFile string) error {
	state, entry, tree, err := receiptOf(ctx, c, query)
	if err != nil {
		return err
	}
	if state.Receipt == nil {
		return notRecorded(query.Event, state)
	}
	r := &receiptReport{
		Event: query.Event.String(), Recorded: true, Index: state.Receipt.Index, RecordedAt: state.Receipt.RecordedAt,
		LeafHash: state.Receipt.Leaf.String(), State: "committed", TreeSize: state.At.Size,
	}
	if entry {
		r.Proven, r.TreeSize, r.TreeRoot = true, tree.Size, tree.Root.String()
	}
	if state.Proof != nil {
		r.State, r.Final = "final", newFinalAt(state.Proof.Final)
	}
	if proofFile != "" {
		if state.Proof == nil {
			return &coded{code: exitRefused, error: fmt.Errorf("event %s is recorded and not final yet, so there is no proof to write", query.Event), hint: "Say --wait final."}
		}
		if err := writeWhole(proofFile, state.Proof.Text); err != nil {
			return fmt.Errorf("--proof %s: %w", proofFile, err)
		}
		r.ProofFile = proofFile
	}
	return a.print(r)
}

// receiptOf asks where an event stands. Where the node shows contents, the entry
// is fetched and proven; the proof of a final event then covers the event itself.
func receiptOf(ctx context.Context, c *client.Client, query client.ReceiptQuery) (state *client.ReceiptState, entry bool, tree client.InclusionProof, err error) {
	receipt, _, err := c.Receipt(ctx, query.Event, client.Linearizable)
	if err != nil {
		return nil, false, tree, err
	}
	if receipt == nil {
		state, err = c.ReceiptState(ctx, query)
		if err != nil || state.Receipt == nil {
			return state, false, tree, err
		}
		receipt = state.Receipt
	}
	held, tree, err := c.VerifyReceipt(ctx, *receipt)
	var refused *client.Refused
	switch {
	case err == nil:
		query.Signed = &held.Signed
	case !errors.As(err, &refused) || refused.Reason != client.ReasonReadsClosed:
		return nil, false, tree, err
	}
	state, err = c.ReceiptState(ctx, query)
	return state, query.Signed != nil, tree, err
}

func notRecorded(id ledger.EventID, state *client.ReceiptState) error {
	err := fmt.Errorf("event %s is not recorded: none of %d entries up to ledger time %s holds it; it can still be recorded until its own not_after, after that never", id, state.At.Size, words.Time(state.At.LedgerTime))
	if state.Status == custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED {
		err = fmt.Errorf("event %s is not recorded and never will be: none of %d entries up to ledger time %s, which is past its not_after, holds it", id, state.At.Size, words.Time(state.At.LedgerTime))
	}
	return &coded{code: exitRefused, error: err}
}

// writeWhole writes a file, or replaces it, so that after a crash it is the old
// or the new one.
func writeWhole(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return keyfile.SyncDir(filepath.Dir(path))
}
