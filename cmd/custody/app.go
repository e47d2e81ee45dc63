package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// Environment variables that stand in for global flags.
const (
	genesisVariable = "CUSTODY_GENESIS"
	nodeVariable    = "CUSTODY_NODE"
	keyVariable     = "CUSTODY_KEY"
)

const userAgent = "custody"

// app is one run of the program: where it reads and writes, and the global
// flags. One goroutine uses it.
type app struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
	random   io.Reader
	prompt   keyfile.Prompt
	env      func(string) string

	genesisPath    string
	nodes          []string
	keyPath        string
	passphrasePath string
	partyText      string
	output         string
	timeout        time.Duration

	// late is what a command that did its work and printed it ends with all the
	// same: it is recorded, and not final in time.
	late      error
	waitFinal bool // --wait
	// writes tells whether the command records events.
	writes bool
}

// run executes one command line and gives the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.late
	}
	if err != nil {
		a.report(err)
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "custody",
		Short: "Record and verify who holds and who owns a stone, on a ledger run by several associations",
		Long: `Record and verify who holds and who owns a stone, on a ledger that several
trade associations run together. Everything you write is signed with your key.

Exit codes: 0 done, 1 wrong use or a local error, 2 refused by the ledger,
3 no node could be reached, 4 outcome unknown, or recorded and not final in time
(sending again is safe), 5 something does not verify.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
			a.writes = path == "import" || slices.Contains(writing, path)
			if a.output != "text" && a.output != "json" {
				return usage(cmd, "--output %q: expected text or json", a.output)
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%v", err) })
	flags := root.PersistentFlags()
	flags.StringVar(&a.genesisPath, "genesis", a.env(genesisVariable), "genesis `file` of the ledger [$"+genesisVariable+"]")
	flags.StringArrayVar(&a.nodes, "node", splitList(a.env(nodeVariable)), "`host:port` or id=host:port of a node, may be repeated; default: those of the genesis [$"+nodeVariable+", commas between]")
	flags.StringVar(&a.keyPath, "key", a.env(keyVariable), "key `file` to sign with [$"+keyVariable+"]")
	flags.StringVar(&a.passphrasePath, "passphrase-file", "", "`file` with the passphrase of the key; default: ask [$"+keyfile.PassphraseFileVariable+"]")
	flags.StringVar(&a.partyText, "party", "", "party `id` to act for; default: the one in the key file")
	flags.StringVarP(&a.output, "output", "o", "text", "text or json")
	flags.DurationVar(&a.timeout, "timeout", client.PatienceDefault, "how long to go on trying when nodes do not answer")
	root.AddCommand(
		a.keyCommand(), a.partyCommand(), a.itemCommand(), a.importCommand(),
		a.sendCommand(), a.receiveCommand(), a.declineCommand(), a.withdrawCommand(), a.releaseCommand(), a.reenterCommand(),
		a.transformCommand(), a.reweighCommand(), a.correctCommand(), a.attestCommand(), a.borderCommand(), a.shareCommand(), a.reclaimCommand(),
		a.incidentCommand(), a.disputeCommand(), a.ruleCommand(), a.holdCommand(), a.countersignCommand(), a.discloseCommand(),
		a.showCommand(), a.listCommand(), a.historyCommand(), a.auditCommand(), a.receiptCommand(), a.exportCommand(), a.epcisCommand(), a.screenCommand(), a.paperCommand(), a.reconcileCommand(), a.statsCommand(), a.bundleCommand(), a.verifyCommand(), a.lineageCommand(), a.reportCommand(), a.policyCommand(), a.govCommand(), a.statusCommand(), a.benchCommand(),
	)
	a.waitsOf(root)
	return root
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// group makes a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(cmd, "%s has no command %q", cmd.CommandPath(), args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// arguments demands exactly the arguments that the use line names.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage(cmd, "%d arguments, expected %d: %s", len(args), len(names), strings.Join(names, " "))
		}
		return nil
	}
}

// genesis reads the genesis file.
func (a *app) genesis() (file []byte, genesis *ledger.Genesis, err error) {
	if a.genesisPath == "" {
		return nil, nil, fmt.Errorf("no genesis file: say --genesis FILE or set %s; an association of the ledger gives it to you", genesisVariable)
	}
	file, err = readLimited(a.genesisPath, ledger.GenesisBytesMax)
	if err != nil {
		return nil, nil, fmt.Errorf("genesis: %w", err)
	}
	if genesis, err = ledger.DecodeGenesis(file); err != nil {
		return nil, nil, fmt.Errorf("genesis %s: %w", a.genesisPath, err)
	}
	return file, genesis, nil
}

// readLimited reads a file that must not be longer than a limit.
func readLimited(path string, bytesMax int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, bytesMax+1))
	if err == nil && int64(len(b)) > bytesMax {
		err = fmt.Errorf("%s has more than %d bytes, the most that this program reads", path, bytesMax)
	}
	return b, err
}

// client makes a client of the ledger. The caller closes it.
func (a *app) client() (*client.Client, error) { return a.clientOf(a.nodes) }

func (a *app) clientOf(nodes []string) (*client.Client, error) {
	file, _, err := a.genesis()
	if err != nil {
		return nil, err
	}
	if a.timeout <= 0 {
		return nil, fmt.Errorf("--timeout %v: expected a duration above 0, such as 30s", a.timeout)
	}
	return client.New(client.Config{Genesis: file, Addresses: nodes, Patience: a.timeout, UserAgent: userAgent})
}

// openKey asks for the passphrase and opens the key file.
func (a *app) openKey() (keyfile.Key, error) {
	if a.keyPath == "" {
		return keyfile.Key{}, fmt.Errorf("no key: say --key FILE or set %s; 'custody key new' makes one", keyVariable)
	}
	return openKeyFile(a.keyPath, a.passphrasePath, a.prompt)
}

func openKeyFile(path, passphrasePath string, prompt keyfile.Prompt) (keyfile.Key, error) {
	file, err := keyfile.Read(path)
	if err != nil {
		return keyfile.Key{}, fmt.Errorf("key: %w", err)
	}
	passphrase, err := keyfile.Passphrase(passphrasePath, prompt)
	if err != nil {
		return keyfile.Key{}, fmt.Errorf("passphrase of %s: %w", path, err)
	}
	return file.Open(passphrase)
}

// actor gives the party to act for: the one of --party, else the key's.
func (a *app) actor(key keyfile.Key) (ledger.PartyID, error) {
	if a.partyText != "" {
		return ledger.ParsePartyID(a.partyText)
	}
	if key.Party == (ledger.PartyID{}) {
		return ledger.PartyID{}, fmt.Errorf("key %s names no party: say --party ID, or have the key added with 'custody key add'", a.keyPath)
	}
	return key.Party, nil
}

// session is what a command that writes needs.
type session struct {
	*client.Client
	author *client.Author
	key    keyfile.Key
}

// session opens key and client. The caller closes it.
func (a *app) session() (*session, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	key, err := a.openKey()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	author, err := a.author(c.LedgerID(), key)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &session{Client: c, author: author, key: key}, nil
}

func (a *app) author(id ledger.LedgerID, key keyfile.Key) (*client.Author, error) {
	party, err := a.actor(key)
	if err != nil {
		return nil, err
	}
	return client.NewAuthor(client.AuthorConfig{Ledger: id, Party: party, Key: key.Private, Now: a.now, Random: a.random})
}

// parseItem and parseParty name the argument that could not be read.
func parseItem(text string) (ledger.ItemID, error) {
	id, err := ledger.ParseItemID(text)
	if err != nil {
		return id, fmt.Errorf("%w; 'custody list' shows item ids", err)
	}
	return id, nil
}

func parseParty(text string) (ledger.PartyID, error) {
	id, err := ledger.ParsePartyID(text)
	if err != nil {
		return id, fmt.Errorf("%w; ask the party for its id, as 'custody key show' prints it", err)
	}
	return id, nil
}

// choiceFlag is a flag that takes one of the words of an enum.
type choiceFlag[E words.Enum] struct{ value *E }

func (f choiceFlag[E]) String() string {
	if f.value == nil {
		return ""
	}
	return words.Of(*f.value)
}

func (f choiceFlag[E]) Set(text string) (err error) {
	*f.value, err = words.Parse[E](text)
	return err
}

func (f choiceFlag[E]) Type() string { return "word" }

// choice adds such a flag, with completion of its words.
func choice[E words.Enum](cmd *cobra.Command, value *E, name, help string) {
	cmd.Flags().Var(choiceFlag[E]{value}, name, help+": "+words.List(words.All[E](), "or"))
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words.All[E](), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err)
	}
}

// require says of flags of the command that it does not run without them. It panics
// if there is no such flag.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}
