package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

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
	// Saved are the files of --save.
	Saved []string `json:"saved,omitempty"`
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
	for _, file := range r.Saved {
		fmt.Fprintf(w, "  saved     %s\n", file)
	}
}

type receiptFlags struct{ proof, save, notAfter string }

func (a *app) receiptCommand() *cobra.Command {
	var flags receiptFlags
	cmd := &cobra.Command{
		Use:   "receipt EVENT_ID",
		Short: "Say whether an event is recorded and final, and prove it",
		Long: `Say whether an event is recorded and final, and prove it.

Recorded means that most nodes have it. Final means that enough associations have
signed a checkpoint that covers it; --proof keeps that as a C2SP tlog-proof, which
convinces whoever has the ledger's policy and the event, without any node:
'custody verify sale.tlog-proof --event DIR/event.pb'. --save keeps the event for
that, and its parts, so that OpenSSL can check the signatures (ledger/SPEC.md,
section 3).`,
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
			return a.receipt(cmd.Context(), c, query, flags)
		},
	}
	a.waits(cmd, "what to wait for: committed, or final")
	cmd.Flags().StringVar(&flags.proof, "proof", "", "`file` to write the proof to, such as sale.tlog-proof; the event must be final")
	cmd.Flags().StringVar(&flags.save, "save", "", "`folder` to write the signed event to: event.pb, event.bin, and key.bin and signature.bin of each signer")
	cmd.Flags().StringVar(&flags.notAfter, "not-after", "", "`time` after which the event may not be recorded, as it says itself, such as 2027-01-31T18:00:00Z")
	return cmd
}

func (a *app) receipt(ctx context.Context, c *client.Client, query client.ReceiptQuery, flags receiptFlags) error {
	state, signed, tree, err := receiptOf(ctx, c, query)
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
	if signed != nil {
		r.Proven, r.TreeSize, r.TreeRoot = true, tree.Size, tree.Root.String()
	}
	switch {
	case state.Proof != nil:
		r.State, r.Final = "final", newFinalAt(state.Proof.Final)
	case query.WaitFinal:
		a.late = notFinal(query.Event, a.timeout)
	}
	if flags.proof != "" {
		if state.Proof == nil {
			return &coded{code: exitRefused, error: fmt.Errorf("event %s is recorded and not final yet, so there is no proof to write", query.Event), hint: "Say --wait final."}
		}
		if err := keyfile.Write(flags.proof, state.Proof.Text, 0o644); err != nil {
			return fmt.Errorf("--proof %s: %w", flags.proof, err)
		}
		r.ProofFile = flags.proof
	}
	if flags.save != "" {
		if signed == nil {
			return fmt.Errorf("--save %s: the node shows contents to its own machine only", flags.save)
		}
		if r.Saved, err = saveEvent(flags.save, *signed); err != nil {
			return fmt.Errorf("--save %s: %w", flags.save, err)
		}
	}
	return a.print(r)
}

// receiptOf asks where an event stands. Where the node shows contents, the entry
// is fetched and proven; the proof of a final event then covers the event itself.
func receiptOf(ctx context.Context, c *client.Client, query client.ReceiptQuery) (state *client.ReceiptState, signed *ledger.SignedEvent, tree client.InclusionProof, err error) {
	receipt, _, err := c.Receipt(ctx, query.Event, client.Linearizable)
	if err != nil {
		return nil, nil, tree, err
	}
	if receipt == nil {
		state, err = c.ReceiptState(ctx, query)
		if err != nil || state.Receipt == nil {
			return state, nil, tree, err
		}
		receipt = state.Receipt
	}
	held, tree, err := c.VerifyReceipt(ctx, *receipt)
	var refused *client.Refused
	switch {
	case err == nil:
		query.Signed = &held.Signed
	case !errors.As(err, &refused) || refused.Reason != client.ReasonReadsClosed:
		return nil, nil, tree, err
	}
	state, err = c.ReceiptState(ctx, query)
	return state, query.Signed, tree, err
}

// saveEvent writes a signed event and its parts into a folder, which it makes.
func saveEvent(dir string, signed ledger.SignedEvent) (files []string, err error) {
	event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed)
	if rejection != nil {
		return nil, rejection
	}
	whole, err := proto.Marshal(&custodyv1.SignedEvent{Event: signed.Event, Signatures: signed.Signatures})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	write := func(name string, b []byte) {
		if err == nil {
			path := filepath.Join(dir, name)
			err = keyfile.Write(path, b, 0o644)
			files = append(files, path)
		}
	}
	write("event.pb", whole)
	write("event.bin", signed.Event)
	for i, key := range event.Signers {
		number := ""
		if i > 0 {
			number = fmt.Sprintf("-%d", i+1)
		}
		write("key"+number+".bin", key.Bytes()[1:])
		write("signature"+number+".bin", signed.Signatures[i])
	}
	return files, err
}

func notRecorded(id ledger.EventID, state *client.ReceiptState) error {
	err := fmt.Errorf("event %s is not recorded: none of %d entries up to ledger time %s holds it; it can still be recorded until its own not_after, after that never", id, state.At.Size, words.Time(state.At.LedgerTime))
	if state.Status == custodyv1.ReceiptStatus_RECEIPT_STATUS_EXPIRED {
		err = fmt.Errorf("event %s is not recorded and never will be: none of %d entries up to ledger time %s, which is past its not_after, holds it", id, state.At.Size, words.Time(state.At.LedgerTime))
	}
	return &coded{code: exitRefused, error: err}
}
