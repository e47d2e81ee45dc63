package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/custodyledger/custodyledger/cmd/custody/paper"
	"github.com/custodyledger/custodyledger/cmd/custody/request"
	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) partyCommand() *cobra.Command {
	return group("party", "Ask for admission, admit, suspend, sponsor and show parties",
		a.partyRequestCommand(), a.partyAdmitCommand(), a.partySuspendCommand(), a.partySponsorCommand(), a.partyShowCommand())
}

// requested is what a new dealer has to keep and to send.
type requested struct {
	Request     string `json:"request"`
	Party       string `json:"party"`
	KeyFile     string `json:"key_file"`
	KeyID       string `json:"key_id"`
	RecoveryKey string `json:"recovery_key"` // on paper; shown this once
	RecoveryID  string `json:"recovery_key_id"`
	Association string `json:"association"`
	NotAfter    uint64 `json:"not_after_ms"`
}

func (r *requested) Text(w io.Writer) {
	fmt.Fprintf(w, `Write this recovery key on paper now. It is shown this once and stored nowhere:

    %s

It gives your party back to you when every other key is lost or stolen.

  party id       %s
  first key      %s in %s
  recovery key   %s
  request        %s

Send the file %s to %s. It holds your legal name and
no secret; it can be admitted until %s.
`, r.RecoveryKey, r.Party, r.KeyID, r.KeyFile, r.RecoveryID, r.Request, r.Request, r.Association, words.Time(r.NotAfter))
}

type requestFlags struct {
	name, country, scopes, association string
	role                               custodyv1.Role
	validFor                           time.Duration
	newKeyFlags
}

func (a *app) partyRequestCommand() *cobra.Command {
	flags := requestFlags{role: custodyv1.Role_ROLE_DEALER}
	cmd := &cobra.Command{
		Use:   "request FILE --name NAME --country BE --association NAME --key FILE",
		Short: "Make your keys and the request by which an association admits you",
		Long: `Make your first signing key (--key, an encrypted file) and your recovery key
(printed once, for paper), and write the request that an association of the
ledger admits you by. The ledger gets only a salted hash of your legal name; the
association that you send the request to reads it.

A key file that is there already and names no other party is used as it is.`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.partyRequest(cmd, args[0], flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.name, "name", "", "your legal name, as in the trade register")
	f.StringVar(&flags.country, "country", "", "where you are registered, ISO 3166-1 `code` such as BE")
	f.StringVar(&flags.association, "association", "", "the association that admits you: its name in the genesis, or its party id")
	f.StringVar(&flags.scopes, "scopes", "all", "what the first key may do; must include administer")
	f.DurationVar(&flags.validFor, "valid-for", 30*24*time.Hour, "how long the association has for its answer")
	choice(cmd, &flags.role, "role", "what you do in the trade")
	require(cmd, "name", "country", "association")
	flags.add(cmd)
	return cmd
}

func (a *app) partyRequest(cmd *cobra.Command, path string, flags requestFlags) error {
	scopes, ok := ledger.ParseScopes(flags.scopes)
	switch {
	case !ok || !scopes.Has(ledger.ScopeAdminister):
		return usage(cmd, "--scopes %q: expected all, or administer and others of %s", flags.scopes, ledger.ScopesAll)
	case !ledger.IsCountry(flags.country):
		return usage(cmd, "--country %q: expected an ISO 3166-1 code of two letters such as BE", flags.country)
	case a.keyPath == "":
		return usage(cmd, "no key file: say --key FILE, where your new key is to be kept")
	}
	genesisFile, genesis, err := a.genesis()
	if err != nil {
		return err
	}
	association, governance, err := findAssociation(genesis, flags.association)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already; name another file", path)
	}
	key, err := a.firstKey(flags.newKeyFlags)
	if err != nil {
		return err
	}
	recovery, err := sign.GenerateKey(a.random)
	if err != nil {
		return err
	}
	name, err := client.NewOpening(a.random, custodyv1.PrivateField_PRIVATE_FIELD_LEGAL_NAME, strings.TrimSpace(flags.name))
	if err != nil {
		return err
	}
	draft, err := client.NewAdmission(client.AdmissionConfig{
		Ledger:      ledger.GenesisID(genesisFile),
		Association: association.AssociationID(),
		Governance:  governance,
		Applicant: client.Applicant{
			Key: key.Private.Public(), Scopes: scopes, RecoveryKey: recovery.Public(),
			Country: flags.country, Role: flags.role, LegalName: name,
		},
		Now: a.now(), Random: a.random, NotAfter: flags.validFor,
	})
	if err != nil {
		return err
	}
	if err := errors.Join(draft.Sign(key.Private), draft.Sign(recovery)); err != nil {
		return err
	}
	b, err := request.Encode(draft, name)
	if err != nil {
		return err
	}
	checked, err := request.Decode(genesis.RulesVersion, b)
	if err != nil {
		return err
	}
	if err := keyfile.WriteNew(path, b, 0o644); err != nil {
		return err
	}
	return a.print(&requested{
		Request: path, Party: checked.Party.String(), KeyFile: a.keyPath, KeyID: ledger.KeyIDText(checked.First.ID()),
		RecoveryKey: paper.Encode(recovery), RecoveryID: ledger.KeyIDText(recovery.Public().ID()),
		Association: association.Name, NotAfter: checked.NotAfter,
	})
}

// firstKey makes the key file, or takes the one that is there. The key names
// the party it founds from the start.
func (a *app) firstKey(flags newKeyFlags) (keyfile.Key, error) {
	_, err := os.Lstat(a.keyPath)
	if err == nil {
		key, err := a.openKey()
		if err != nil {
			return key, err
		}
		if own := ledger.NewPartyID(key.Private.Public().ID()); key.Party != (ledger.PartyID{}) && key.Party != own {
			return key, fmt.Errorf("%s is a key of party %s already; name a new file", a.keyPath, key.Party)
		}
		return a.claimKey(key, keyfile.Replace, keyfile.Passphrase, flags)
	}
	key, err := a.newSecretKey()
	if err != nil {
		return key, err
	}
	return a.claimKey(key, keyfile.Create, keyfile.NewPassphrase, flags)
}

func (a *app) claimKey(
	key keyfile.Key,
	write func(string, keyfile.Key, []byte, keyfile.Options) error,
	ask func(string, keyfile.Prompt) ([]byte, error),
	flags newKeyFlags,
) (keyfile.Key, error) {
	passphrase, err := ask(a.passphrasePath, a.prompt)
	if err != nil {
		return key, err
	}
	key.Party = ledger.NewPartyID(key.Private.Public().ID())
	return key, write(a.keyPath, key, passphrase, keyfile.Options{WorkFactor: flags.workFactor})
}

// findAssociation finds an association by name or id, and the key that it signs
// admissions with.
func findAssociation(genesis *ledger.Genesis, text string) (ledger.Association, sign.PublicKey, error) {
	at := slices.IndexFunc(genesis.Associations, func(known ledger.Association) bool {
		return known.Name == text || known.AssociationID().String() == strings.ToUpper(text)
	})
	if at < 0 {
		var names []string
		for _, known := range genesis.Associations {
			names = append(names, known.Name)
		}
		return ledger.Association{}, sign.PublicKey{}, fmt.Errorf("--association %q: the ledger's associations are %s", text, words.List(names, "and"))
	}
	association := genesis.Associations[at]
	key, err := ledger.ParseKeyText(association.GovernanceKeys[0])
	return association, key, err
}

// admission shows what the association is about to sign.
type admission struct {
	Party     string   `json:"party"`
	LegalName string   `json:"legal_name"`
	Country   string   `json:"country"`
	Role      string   `json:"role"`
	FirstKey  string   `json:"first_key"`
	Scopes    string   `json:"scopes"`
	Recovery  string   `json:"recovery_key"`
	NotAfter  uint64   `json:"not_after_ms"`
	Written   *written `json:"written,omitempty"`
}

func (r *admission) Text(w io.Writer) {
	if r.Written != nil {
		r.Written.Text(w)
		fmt.Fprintln(w, "Keep the request: it shows the name that the ledger holds as a hash only.")
		return
	}
	fmt.Fprintf(w, `This admits to the ledger, in the name of your association:

  legal name     %s
  country, role  %s, %s
  party id       %s
  first key      %s, which may: %s
  recovery key   %s
  valid until    %s

`, r.LegalName, r.Country, r.Role, r.Party, r.FirstKey, r.Scopes, r.Recovery, words.Time(r.NotAfter))
}

func (a *app) partyAdmitCommand() *cobra.Command {
	var yes, shareName bool
	cmd := &cobra.Command{
		Use:   "admit REQUEST --key GOVERNANCE_KEY",
		Short: "Association: show, countersign and send a request for admission",
		Long: `Check a dealer's request, show what it says, countersign it with a governance key
of your association and send it. Compare the party id with the one that the
dealer reads to you: whoever could swap the file could swap the keys in it.`,
		Args: arguments("REQUEST"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.partyAdmit(cmd, args[0], yes, shareName) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before signing")
	cmd.Flags().BoolVar(&shareName, "share-name", false, "let every association's node keep the legal name; otherwise only you know it")
	return cmd
}

func (a *app) partyAdmit(cmd *cobra.Command, path string, yes, shareName bool) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := a.readRequest(s, path)
	if err != nil {
		return err
	}
	shown := &admission{
		Party: r.Party.String(), LegalName: r.LegalName.Value, Country: r.Admit.Country, Role: words.Of(r.Admit.Role),
		FirstKey: ledger.KeyIDText(r.First.ID()), Scopes: ledger.Scopes(r.Admit.Scopes).String(),
		Recovery: ledger.KeyIDText(r.Recovery.ID()), NotAfter: r.NotAfter,
	}
	if a.output == "text" {
		if err := a.print(shown); err != nil {
			return err
		}
	}
	if !yes {
		if err := a.confirm("Sign and send this? Type yes: "); err != nil {
			return err
		}
	}
	if err := r.Draft.Sign(s.key.Private); err != nil {
		return err
	}
	event, err := r.Draft.Signed()
	if err != nil {
		return err
	}
	var openings []ledger.Opening
	if shareName {
		openings = append(openings, r.LegalName)
	}
	shown.Written, err = a.record(cmd.Context(), s.Client, event, fmt.Sprintf("Party %s is admitted.", r.Party), openings...)
	if err != nil {
		return err
	}
	shown.Written.Party = r.Party.String()
	return a.print(shown)
}

// readRequest reads a request that this association can sign with the key at
// hand.
func (a *app) readRequest(s *session, path string) (*request.Request, error) {
	b, err := readLimited(path, request.FileBytesMax)
	if err != nil {
		return nil, err
	}
	r, err := request.Decode(s.Genesis().RulesVersion, b)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case r.Ledger != s.LedgerID():
		return nil, fmt.Errorf("%s asks for admission to ledger %s, the genesis file is of ledger %s; ask the dealer to use the same genesis file", path, r.Ledger, s.LedgerID())
	case r.Association != s.author.Party():
		return nil, fmt.Errorf("%s asks association %s, your key is of %s; use that association's governance key", path, r.Association, s.author.Party())
	case r.Governance != s.key.Private.Public():
		return nil, fmt.Errorf("%s is to be signed by key %s, yours is %s", path, ledger.KeyIDText(r.Governance.ID()), ledger.KeyIDText(s.key.Private.Public().ID()))
	}
	return r, nil
}

// confirm asks a person. Without a terminal nobody is asked and nothing signed.
func (a *app) confirm(question string) error {
	file, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return errors.New("nobody is there to confirm; say --yes once you have read what it signs")
	}
	fmt.Fprint(a.err, question)
	answer, err := bufio.NewReader(file).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return errors.New("not confirmed; nothing was signed or sent")
	}
	return nil
}

func (a *app) partySuspendCommand() *cobra.Command {
	var reason custodyv1.SuspendReason
	cmd := &cobra.Command{
		Use:   "suspend PARTY --reason under-review",
		Short: "Association: suspend your sponsorship of a party",
		Long:  "Suspend your sponsorship of a party. It blocks the party only if no other\nassociation sponsors it; it may still return what it does not own.",
		Args:  arguments("PARTY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sponsorship(cmd, args[0], fmt.Sprintf("is suspended by your association (%s)", words.Of(reason)), func(author *client.Author, party ledger.PartyID) (ledger.SignedEvent, error) {
				return author.PartySuspend(party, reason)
			})
		},
	}
	choice(cmd, &reason, "reason", "why")
	require(cmd, "reason")
	return cmd
}

func (a *app) partySponsorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sponsor PARTY",
		Short: "Association: sponsor a party, or lift your suspension of it",
		Args:  arguments("PARTY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sponsorship(cmd, args[0], "is sponsored by your association", (*client.Author).PartySponsor)
		},
	}
}

func (a *app) sponsorship(cmd *cobra.Command, text, done string, sign func(*client.Author, ledger.PartyID) (ledger.SignedEvent, error)) error {
	party, err := parseParty(text)
	if err != nil {
		return err
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer s.Close()
	event, err := sign(s.author, party)
	if err != nil {
		return err
	}
	return a.append(cmd.Context(), s.Client, event, fmt.Sprintf("Party %s %s.", party, done))
}

func (a *app) partyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [PARTY]",
		Short: "Show a party, its sponsors and its keys",
		Long:  "Show a party, its sponsors and its keys. Without an id, the party of --key.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, "%d arguments, expected one party id or none", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			party, err := a.partyOf(args)
			if err != nil {
				return err
			}
			return a.showParty(cmd.Context(), party)
		},
	}
}

// partyOf gives the party of an argument, or the one of --party or --key, for
// which no passphrase is needed.
func (a *app) partyOf(args []string) (ledger.PartyID, error) {
	switch {
	case len(args) > 0:
		return parseParty(args[0])
	case a.partyText != "":
		return parseParty(a.partyText)
	case a.keyPath == "":
		return ledger.PartyID{}, fmt.Errorf("which party? Give its id, or say --key FILE or set %s for your own", keyVariable)
	}
	file, err := keyfile.Read(a.keyPath)
	if err != nil {
		return ledger.PartyID{}, err
	}
	if file.Party == (ledger.PartyID{}) {
		return ledger.PartyID{}, fmt.Errorf("key %s names no party; give the party id", a.keyPath)
	}
	return file.Party, nil
}
