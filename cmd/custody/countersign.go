package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/cmd/custody/draft"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// drafted is an event that waits in a file for the signatures of others.
type drafted struct {
	File    string   `json:"file"`
	Event   string   `json:"event"`
	Missing []string `json:"missing"` // key ids
}

func (r *drafted) Text(w io.Writer) {
	fmt.Fprintf(w, "The event is signed and waits in %s.\n  event  %s\n", r.File, r.Event)
	for _, id := range r.Missing {
		fmt.Fprintf(w, "  needs  key %s\n", id)
	}
	fmt.Fprintln(w, "Whoever signs last sends it: 'custody countersign FILE'.")
}

// countersigners finds a key of each party that can sign with the scopes: the one
// of the caller's choice, else its first one that is no recovery key.
func countersigners(ctx context.Context, c *client.Client, scopes ledger.Scopes, chosen []string, parties ...ledger.PartyID) ([]sign.PublicKey, error) {
	var keys []sign.PublicKey
	for _, party := range parties {
		response, err := c.GetParty(ctx, party, client.Linearizable)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(response.Party.Keys, func(k *custodyv1.KeyView) bool {
			named := slices.Contains(chosen, ledger.KeyIDText(sign.KeyID(k.KeyId)))
			return named || len(chosen) == 0 && !k.Recovery && ledger.Scopes(k.Scopes).Has(scopes)
		})
		if at < 0 {
			return nil, fmt.Errorf("party %s has no key to countersign with: expected one that may %s; name one with --with", party, scopes)
		}
		key, err := sign.ParsePublicKey(response.Party.Keys[at].Key)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// countersigned drafts an event that other parties sign too, and writes it to a
// file for them.
func (a *app) countersigned(s *session, path string, event *custodyv1.Event, keys []sign.PublicKey, openings ...ledger.Opening) error {
	if path == "" {
		return errors.New("others have to sign this event: say --draft FILE, where it waits for them")
	}
	d, err := s.author.Draft(event, openings, keys...)
	if err != nil {
		return err
	}
	b, err := draft.Encode(d)
	if err != nil {
		return err
	}
	if err := keyfile.WriteNew(path, b, 0o644); err != nil {
		return err
	}
	return a.print(newDrafted(path, d))
}

func newDrafted(path string, d *ledger.Draft) *drafted {
	r := &drafted{File: path, Event: ledger.SignedEvent{Event: d.Event}.ID().String()}
	for _, key := range d.Missing() {
		r.Missing = append(r.Missing, ledger.KeyIDText(key.ID()))
	}
	return r
}

func draftFlags(cmd *cobra.Command, path *string, with *[]string) {
	cmd.Flags().StringVar(path, "draft", "", "`file` in which the event waits for the other signatures")
	cmd.Flags().StringSliceVar(with, "with", nil, "`key` ids to be countersigned with; default: the first fitting key of each party")
}

func (a *app) countersignCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "countersign FILE",
		Short: "Sign an event that another party drafted, and send it when all have signed",
		Long: `Show an event that another party drafted and signed, sign it with your key, and,
if yours was the last signature that it needs, send it. Else it is written back
for the next one. Read what it says: your signature is your word.`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.countersign(cmd, args[0], yes) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "sign without asking")
	return cmd
}

func (a *app) countersign(cmd *cobra.Command, path string, yes bool) error {
	b, err := readLimited(path, draft.FileBytesMax)
	if err != nil {
		return err
	}
	_, genesis, err := a.genesis()
	if err != nil {
		return err
	}
	d, event, err := draft.Decode(genesis.RulesVersion, b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var message custodyv1.Event
	if err := proto.Unmarshal(d.Event, &message); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "Party %s: %s. All that it says:\n\n", event.Party, deed(event.Body))
	saying(a.err, &message)
	fmt.Fprintln(a.err)
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	if event.Ledger != s.LedgerID() {
		return fmt.Errorf("%s: the event is for ledger %s, this is ledger %s", path, event.Ledger, s.LedgerID())
	}
	if !yes {
		if err := a.confirm("Sign this? Type yes: "); err != nil {
			return err
		}
	}
	if err := d.Sign(s.key.Private); err != nil {
		return fmt.Errorf("%s: %w; it names %d others", path, err, len(d.Signers))
	}
	if len(d.Missing()) > 0 {
		if b, err = draft.Encode(d); err != nil {
			return err
		}
		if err := keyfile.Write(path, b, 0o644); err != nil {
			return err
		}
		return a.print(newDrafted(path, d))
	}
	signed, err := d.Signed()
	if err != nil {
		return err
	}
	if err := a.append(cmd.Context(), s.Client, signed, "All have signed; the event is recorded."); err != nil {
		return err
	}
	return os.Remove(path)
}
