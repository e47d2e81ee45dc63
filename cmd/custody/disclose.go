package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/journal"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// disclosureFormat is the value of "format" in a file that discloses a private value.
const disclosureFormat = "custody-disclosure/v1"

// disclosure shows one private value of one event to whoever has the file. The
// event is with it, so that a bundle or receipt is all that is needed beside it.
type disclosure struct {
	Format     string   `json:"format"`
	Ledger     string   `json:"ledger"`
	Event      string   `json:"event"`
	Field      string   `json:"field"`
	Salt       string   `json:"salt"`
	Value      string   `json:"value"`
	Signed     []byte   `json:"signed_event"` // base64
	Signatures [][]byte `json:"signatures"`
	Proof      string   `json:"proof"` // a receipt's tlog-proof of the event
}

func (a *app) discloseCommand() *cobra.Command {
	var field custodyv1.PrivateField
	var openings string
	cmd := &cobra.Command{
		Use:   "disclose EVENT FILE --field price",
		Short: "Show one private value of one of your events to whoever gets the file",
		Long: `Write a file that shows one private value of one of your events, with what proves
that the event is on the ledger. Whoever has it checks it with 'custody verify'; all
other values stay hidden. Nothing is sent to the ledger.`,
		Args: arguments("EVENT", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.disclose(cmd, args[0], args[1], field, openings)
		},
	}
	choice(cmd, &field, "field", "which value")
	openingsFlag(cmd, &openings)
	require(cmd, "field")
	return cmd
}

// disclosed is what a disclosure shows, once it was verified or made.
type disclosed struct {
	Kind  string       `json:"kind"`
	Event string       `json:"event"`
	Party string       `json:"party"`
	Field string       `json:"field"`
	Value string       `json:"value"`
	File  string       `json:"file,omitempty"`
	Proof *proofReport `json:"proof,omitempty"`
}

func (r *disclosed) Text(w io.Writer) {
	if r.File != "" {
		fmt.Fprintf(w, "%s shows the %s of event %s: %q. Whoever has the file can show it on.\n", r.File, r.Field, r.Event, r.Value)
		return
	}
	fmt.Fprintf(w, "The %s that party %s committed to is %q.\n  event  %s\n", r.Field, r.Party, r.Value, r.Event)
	r.Proof.Text(w)
}

func (a *app) disclose(cmd *cobra.Command, eventText, path string, field custodyv1.PrivateField, openings string) error {
	id, err := ledger.ParseEventID(eventText)
	if err != nil {
		return err
	}
	if openings == "" {
		if a.keyPath == "" {
			return errors.New("no file of private values: say --openings FILE, or --key FILE beside which it lies")
		}
		openings = a.keyPath + ".openings"
	}
	opening, err := journal.FindOpening(openings, id, field)
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	state, signed, _, err := receiptOf(cmd.Context(), c, client.ReceiptQuery{Event: id, WaitFinal: true})
	switch {
	case err != nil:
		return err
	case state.Receipt == nil:
		return notRecorded(id, state)
	case state.Proof == nil:
		return notFinal(id, a.timeout)
	case signed == nil:
		return errors.New("the node shows contents to its own machine only, and the file needs the event: ask a node of this machine")
	}
	d := &disclosure{
		Format: disclosureFormat, Ledger: c.LedgerID().String(), Event: id.String(), Field: words.Of(field),
		Salt: hex.EncodeToString(opening.Salt[:]), Value: opening.Value, Signed: signed.Event, Signatures: signed.Signatures, Proof: string(state.Proof.Text),
	}
	_, event, err := d.check()
	if err != nil {
		return fmt.Errorf("%s: %w", openings, err)
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := keyfile.WriteNew(path, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return a.print(&disclosed{Kind: "disclosure", Event: d.Event, Party: event.Party.String(), Field: d.Field, Value: d.Value, File: path})
}

// parseDisclosure reads a disclosure; ok is false if the file is something else.
func parseDisclosure(b []byte) (d *disclosure, ok bool, err error) {
	var head struct{ Format string }
	if json.Unmarshal(b, &head) != nil || head.Format != disclosureFormat {
		return nil, false, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	d = &disclosure{}
	if err := decoder.Decode(d); err != nil {
		return nil, true, fmt.Errorf("not a valid disclosure: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, true, errors.New("not a valid disclosure: something follows its end")
	}
	return d, true, nil
}

// check demands that the value is the one that the event commits to. That the event
// is on the ledger is for its proof to show.
func (d *disclosure) check() (ledger.SignedEvent, *ledger.Event, error) {
	signed := ledger.SignedEvent{Event: d.Signed, Signatures: d.Signatures}
	event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed)
	if rejection != nil {
		return signed, nil, fmt.Errorf("the event in it: %w", rejection)
	}
	field, err := words.Parse[custodyv1.PrivateField](d.Field)
	if err != nil {
		return signed, nil, err
	}
	salt, err := hex.DecodeString(d.Salt)
	if err != nil {
		return signed, nil, fmt.Errorf("salt: %w", err)
	}
	if event.ID.String() != d.Event || event.Ledger.String() != d.Ledger {
		return signed, nil, fmt.Errorf("it is about event %.64q of ledger %.64q, and holds event %s of ledger %s", d.Event, d.Ledger, event.ID, event.Ledger)
	}
	if _, rejection := ledger.DecodeOpenings(event, []*custodyv1.Opening{{Field: field, Salt: salt, Value: d.Value}}); rejection != nil {
		return signed, nil, rejection
	}
	return signed, event, nil
}

func verifyDisclosure(d *disclosure, trust trusted) (result, error) {
	signed, event, err := d.check()
	if err != nil {
		return nil, err
	}
	proof, err := verifyProof([]byte(d.Proof), signed, nil, trust)
	if err != nil {
		return nil, err
	}
	return &disclosed{Kind: "disclosure", Event: d.Event, Party: event.Subject().String(), Field: d.Field, Value: d.Value, Proof: proof}, nil
}
