package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/paper"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/keyfile"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Make, show, add and revoke signing keys",
		a.keyNewCommand(), a.keyShowCommand(), a.keyRestoreCommand(), a.keyAddCommand(), a.keyRevokeCommand())
}

// keyReport describes a key file.
type keyReport struct {
	File      string `json:"file"`
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"`
	Party     string `json:"party,omitempty"`
	// FirstParty is the id of the party whose first key this would be.
	FirstParty string `json:"party_as_first_key"`
}

func newKeyReport(path string, key sign.PublicKey, party ledger.PartyID) *keyReport {
	r := &keyReport{File: path, KeyID: ledger.KeyIDText(key.ID()), PublicKey: ledger.KeyText(key), FirstParty: ledger.NewPartyID(key.ID()).String()}
	if party != (ledger.PartyID{}) {
		r.Party = party.String()
	}
	return r
}

func (r *keyReport) Text(w io.Writer) {
	party := r.Party
	if party == "" {
		party = "none yet"
	}
	fmt.Fprintf(w, "key file    %s\nkey id      %s\npublic key  %s\nparty       %s\n", r.File, r.KeyID, r.PublicKey, party)
}

// newKeyFlags are the flags of commands that write a key file.
type newKeyFlags struct{ workFactor int }

func (f *newKeyFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.workFactor, "work-factor", 0, "cost of opening the file; a small one protects nothing and is for tests")
	if err := cmd.Flags().MarkHidden("work-factor"); err != nil {
		panic(err)
	}
}

// newSecretKey draws a key with a secret for references to stock numbers.
func (a *app) newSecretKey() (keyfile.Key, error) {
	private, err := sign.GenerateKey(a.random)
	if err != nil {
		return keyfile.Key{}, err
	}
	secret := make([]byte, keyfile.ReferenceSecretBytes)
	if _, err := io.ReadFull(a.random, secret); err != nil {
		return keyfile.Key{}, fmt.Errorf("draw a secret: %w", err)
	}
	return keyfile.Key{Private: private, ReferenceSecret: secret}, nil
}

func (a *app) keyNewCommand() *cobra.Command {
	var flags newKeyFlags
	cmd := &cobra.Command{
		Use:   "new FILE",
		Short: "Make a signing key in an encrypted file",
		Long:  "Make a signing key in a file that only its passphrase opens. Nobody can restore\nthe passphrase. The key is on no ledger until 'party admit' or 'key add'.",
		Args:  arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := a.newSecretKey()
			if err != nil {
				return err
			}
			passphrase, err := keyfile.NewPassphrase(a.passphrasePath, a.prompt)
			if err != nil {
				return err
			}
			if err := keyfile.Create(args[0], key, passphrase, keyfile.Options{WorkFactor: flags.workFactor}); err != nil {
				return err
			}
			return a.print(newKeyReport(args[0], key.Private.Public(), key.Party))
		},
	}
	flags.add(cmd)
	return cmd
}

func (a *app) keyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Show what a key file says without its passphrase",
		Args:  arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := keyfile.Read(args[0])
			if err != nil {
				return err
			}
			return a.print(newKeyReport(args[0], file.Public, file.Party))
		},
	}
}

// keyRestoreCommand is the way back from paper: a recovery key is of use only
// if it can be typed in again.
func (a *app) keyRestoreCommand() *cobra.Command {
	var flags newKeyFlags
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a key file from a key on paper, such as the recovery key",
		Long:  "Make a key file from the digits of a key on paper, read from standard input or\nasked for on a terminal. Say with --party whose key it is.",
		Args:  arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			private, err := a.readPaper()
			if err != nil {
				return err
			}
			key := keyfile.Key{Private: private}
			if a.partyText != "" {
				if key.Party, err = parseParty(a.partyText); err != nil {
					return err
				}
			}
			passphrase, err := keyfile.NewPassphrase(a.passphrasePath, a.prompt)
			if err != nil {
				return err
			}
			if err := keyfile.Create(args[0], key, passphrase, keyfile.Options{WorkFactor: flags.workFactor}); err != nil {
				return err
			}
			return a.print(newKeyReport(args[0], private.Public(), key.Party))
		},
	}
	flags.add(cmd)
	return cmd
}

func (a *app) readPaper() (sign.PrivateKey, error) {
	text, err := a.prompt("The digits on the paper: ")
	if errors.Is(err, keyfile.ErrNoTerminal) {
		text, err = io.ReadAll(io.LimitReader(a.in, 1024))
	}
	if err != nil {
		return sign.PrivateKey{}, err
	}
	return paper.Decode(string(text))
}

func (a *app) keyAddCommand() *cobra.Command {
	var scopesText, newPassphrasePath string
	var flags newKeyFlags
	cmd := &cobra.Command{
		Use:   "add FILE --scopes register,receive",
		Short: "Put a further key of your party on the ledger",
		Long: `Put the key in FILE on the ledger as a further key of your party. --key signs and
must be able to administer; the new key signs too. A clerk's key gets only what
the clerk may do: ` + ledger.ScopesAll.String() + `.`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			scopes, ok := ledger.ParseScopes(scopesText)
			if !ok {
				return usage(cmd, "--scopes %q: expected %s or all, with commas between", scopesText, ledger.ScopesAll)
			}
			s, err := a.session()
			if err != nil {
				return err
			}
			defer s.Close()
			added, err := a.adoptKey(s, args[0], newPassphrasePath, flags)
			if err != nil {
				return err
			}
			draft, err := s.author.KeyAdd(added.Public(), scopes)
			if err == nil {
				err = draft.Sign(added)
			}
			if err != nil {
				return err
			}
			event, err := draft.Signed()
			if err != nil {
				return err
			}
			return a.append(cmd.Context(), s.Client, event, fmt.Sprintf("Key %s of party %s may now: %s.", ledger.KeyIDText(added.Public().ID()), s.author.Party(), scopes))
		},
	}
	cmd.Flags().StringVar(&scopesText, "scopes", "", "what the key may do, with commas between")
	cmd.Flags().StringVar(&newPassphrasePath, "new-passphrase-file", "", "`file` with the passphrase of the key that is added; default: as for --key")
	require(cmd, "scopes")
	flags.add(cmd)
	return cmd
}

// adoptKey opens the key file that is to be added and notes in it the party and
// the secret that the party's references are made with, so that an import gives
// the same references whichever of the party's keys signs.
func (a *app) adoptKey(s *session, path, passphrasePath string, flags newKeyFlags) (sign.PrivateKey, error) {
	file, err := keyfile.Read(path)
	if err != nil {
		return sign.PrivateKey{}, err
	}
	if passphrasePath == "" {
		passphrasePath = a.passphrasePath
	}
	passphrase, err := keyfile.Passphrase(passphrasePath, a.prompt)
	if err != nil {
		return sign.PrivateKey{}, fmt.Errorf("passphrase of %s: %w", path, err)
	}
	key, err := file.Open(passphrase)
	if err != nil {
		return sign.PrivateKey{}, err
	}
	if key.Party != (ledger.PartyID{}) && key.Party != s.author.Party() {
		return sign.PrivateKey{}, fmt.Errorf("%s is a key of party %s, not of %s; make a new one", path, key.Party, s.author.Party())
	}
	key.Party = s.author.Party()
	if s.key.ReferenceSecret != nil {
		key.ReferenceSecret = s.key.ReferenceSecret
	}
	return key.Private, keyfile.Replace(path, key, passphrase, keyfile.Options{WorkFactor: flags.workFactor})
}

func (a *app) keyRevokeCommand() *cobra.Command {
	reason := custodyv1.RevokeReason_REVOKE_REASON_REPLACED
	cmd := &cobra.Command{
		Use:   "revoke KEY_ID --reason lost",
		Short: "Revoke a key of your party, from now on",
		Args:  arguments("KEY_ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := ledger.ParseKeyID(args[0])
			if err != nil {
				return fmt.Errorf("%w; 'custody party show' lists the keys of a party", err)
			}
			s, err := a.session()
			if err != nil {
				return err
			}
			defer s.Close()
			event, err := s.author.KeyRevoke(id, reason)
			if err != nil {
				return err
			}
			return a.append(cmd.Context(), s.Client, event, fmt.Sprintf("Key %s of party %s is revoked (%s). What it signed before stands.", ledger.KeyIDText(id), s.author.Party(), words.Of(reason)))
		},
	}
	choice(cmd, &reason, "reason", "why")
	return cmd
}
