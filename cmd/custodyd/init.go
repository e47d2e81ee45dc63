package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

func initCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "init",
		Short: "Found a ledger: keys, genesis, data folder",
		Args:  cobra.NoArgs,
	}
	command.AddCommand(initNodeCommand(), initKeysCommand(), initGenesisCommand(), initFingerprintCommand(), initFoundCommand())
	return command
}

func initNodeCommand() *cobra.Command {
	var request node.IdentityRequest
	var dir, passphraseFile, governanceKey string
	command := &cobra.Command{
		Use:   "node",
		Short: "Make a node's keys and its public part of the genesis",
		Long: `Makes the keys of a node and of its association in a new folder, and part.json,
which holds their public halves for the genesis.

The governance key admits the association's dealers. Its file is encrypted with
a passphrase; move it to where the association keeps its keys. The other keys
stay on the node. Back the folder up; never run two nodes with it.`,
		Example: `  custodyd init node --id node-a --association guild-a.example.org --country BE \
    --peer-address a.example.org:7401 --client-address a.example.org:7402 --dir identity`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if governanceKey == "" {
				var err error
				if request.Passphrase, err = keyfile.NewPassphrase(passphraseFile, keyfile.TerminalPrompt); err != nil {
					return err
				}
			} else {
				public, err := ledger.ParseKeyText(governanceKey)
				if err != nil {
					return fmt.Errorf("--governance-key: %w", err)
				}
				request.GovernanceKey = &public
			}
			request.Random, request.Now = rand.Reader, time.Now()
			part, err := node.CreateIdentity(dir, request)
			if err != nil {
				return err
			}
			return printIdentity(command.OutOrStdout(), dir, part)
		},
	}
	flags := command.Flags()
	flags.StringVar(&request.ID, "id", "", "id of the node: lower-case letters, digits and hyphens")
	flags.StringVar(&request.Association, "association", "", "name of the association, such as guild-a.example.org")
	flags.StringVar(&request.Country, "country", "", "country of the association, ISO 3166-1 alpha-2")
	flags.StringVar(&request.PeerAddress, "peer-address", "", "host:port where the other nodes reach this one")
	flags.StringVar(&request.ClientAddress, "client-address", "", "host:port where clients reach this one")
	flags.StringVar(&dir, "dir", "", "new folder for the keys")
	flags.StringVar(&passphraseFile, "passphrase-file", "", "file with the passphrase of the governance key (else $"+keyfile.PassphraseFileVariable+", else asked)")
	flags.StringVar(&governanceKey, "governance-key", "", "public governance key in hexadecimal, if the association has one already; none is made")
	for _, name := range []string{"id", "association", "country", "peer-address", "client-address", "dir"} {
		command.MarkFlagRequired(name)
	}
	return command
}

func printIdentity(w io.Writer, dir string, part node.Part) error {
	_, err := fmt.Fprintf(w, `identity of node %s in %s
association %s, party %s
public part for the genesis: %s
`, part.Node.ID, dir, part.Association.Name, part.Association.AssociationID(), filepath.Join(dir, "part.json"))
	return err
}

func initKeysCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "keys",
		Short: "Make further log, cosigner and statement keys for a change of keys",
		Long: `Makes a further log, cosigner and statement key beside those in an identity
folder and prints their public halves, for a policy that the association
proposes. The node signs with them once that policy is in force; start it again
after that, so that it may lead. Keep the old keys: they still tell the node
what it once signed.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			part, err := node.AddNodeKeys(dir, rand.Reader)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "log_key       %s\ncosigner_key  %s\nstatement_key %s\n",
				part.Node.LogKey, part.Node.CosignerKey, part.Node.StatementKey)
			return err
		},
	}
	command.Flags().StringVar(&dir, "dir", "identity", "identity folder")
	return command
}

func initGenesisCommand() *cobra.Command {
	var name, out, created string
	var quorum uint32
	command := &cobra.Command{
		Use:   "genesis part.json...",
		Short: "Put the genesis together from the members' public parts",
		Long: `Puts the genesis together from the public parts of all founding members. One of
them does it and gives the file to the others; the same parts, name, quorum and
time give the same file, in whatever order the parts are named.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, paths []string) error {
			at := time.Now()
			if created != "" {
				var err error
				if at, err = time.Parse(time.RFC3339, created); err != nil {
					return fmt.Errorf("--created: %w", err)
				}
			}
			var parts []node.Part
			for _, path := range paths {
				part, err := node.ReadPart(path)
				if err != nil {
					return err
				}
				parts = append(parts, part)
			}
			file, err := node.NewGenesis(name, at, quorum, parts)
			if err != nil {
				return err
			}
			if err := keyfile.WriteNew(out, file, 0o644); err != nil {
				return err
			}
			return printGenesis(command.OutOrStdout(), out, file)
		},
	}
	flags := command.Flags()
	flags.StringVar(&name, "name", "", "name of the ledger, such as ledger.example.org/trade")
	flags.StringVar(&out, "out", "genesis.json", "file to write; it must not exist")
	flags.Uint32Var(&quorum, "quorum", 0, "associations that make a checkpoint final (default a majority)")
	flags.StringVar(&created, "created", "", "time of the founding in RFC 3339 (default now)")
	command.MarkFlagRequired("name")
	return command
}

func initFingerprintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "fingerprint genesis.json",
		Short: "Show what a genesis founds, and its fingerprint",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			_, file, err := node.ReadGenesis(args[0])
			if err != nil {
				return err
			}
			return printGenesis(command.OutOrStdout(), args[0], file)
		},
	}
}

func printGenesis(w io.Writer, path string, file []byte) error {
	genesis, err := ledger.DecodeGenesis(file)
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "ledger %s in %s\n", genesis.Name, path)
	fmt.Fprintf(&text, "ledger id:   %s\n", ledger.GenesisID(file))
	fmt.Fprintf(&text, "fingerprint: %s\n", ledger.GenesisID(file).Fingerprint())
	fmt.Fprintf(&text, "founded:     %s, quorum %d of %d\n", time.UnixMilli(int64(genesis.CreatedMs)).UTC().Format(time.RFC3339), genesis.Quorum, len(genesis.Nodes))
	fmt.Fprintf(&text, "quorum:      %s\n", quorumMeans(genesis.Quorum, len(genesis.Nodes)))
	for _, a := range genesis.Associations {
		fmt.Fprintf(&text, "association: %s, %s, party %s\n", a.Name, a.Country, a.AssociationID())
	}
	for _, n := range genesis.Nodes {
		fmt.Fprintf(&text, "node:        %s of %s, peers %s, clients %s\n", n.ID, n.Association, n.PeerAddress, n.ClientAddress)
	}
	_, err = io.WriteString(w, text.String())
	return err
}

// quorumMeans says what a quorum protects against. Two quorums share at least 2k-n
// associations, and two histories can be made final when all that they share lie.
func quorumMeans(quorum uint32, nodes int) string {
	down, liars := nodes-int(quorum), 2*int(quorum)-nodes
	return fmt.Sprintf("nodes that may be down while entries become final: %d of %d; liars that a second final history takes: %d of %d (deploy/final.md)", down, nodes, liars, nodes)
}

func initFoundCommand() *cobra.Command {
	var configPath string
	command := &cobra.Command{
		Use:   "found",
		Short: "Make the data folder of a founding node, once",
		Long: `Makes the data folder of a founding node from the genesis. This works once: a
node that lost its data folder has forgotten what it voted for, and must come
back with 'custodyd rejoin'.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := node.LoadConfig(configPath)
			if err != nil {
				return err
			}
			if err := node.Found(config); err != nil {
				return err
			}
			fmt.Fprintf(command.OutOrStdout(), "data folder %s is founded\nnow start the node: custodyd run --config %s\n", config.DataDir, configPath)
			return nil
		},
	}
	configFlag(command, &configPath)
	return command
}

func rejoinCommand() *cobra.Command {
	var configPath string
	var keepLedger, runAfter bool
	command := &cobra.Command{
		Use:   "rejoin",
		Short: "Bring a node back that lost its data folder",
		Long: `Makes a new data folder for a node that lost its own. The node gets a new
incarnation: its old votes are forgotten, so nothing may vote under the old name
again. When the node runs, it asks the leader to put the new server in the place
of the old one, fetches and verifies the whole ledger, and gets its vote back.
The cluster needs a majority without this node.

With --keep-ledger the ledger in the data folder is kept and only the raft log is
begun anew; the old one is kept beside it.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := node.LoadConfig(configPath)
			if err != nil {
				return err
			}
			server, err := node.Rejoin(config, keepLedger, rand.Reader)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			fmt.Fprintf(out, "data folder %s is made for server %s\n", config.DataDir, server)
			if runAfter {
				return serve(command.Context(), configPath, config, os.Stderr)
			}
			fmt.Fprintf(out, "now start the node: custodyd run --config %s\n", configPath)
			return nil
		},
	}
	configFlag(command, &configPath)
	command.Flags().BoolVar(&keepLedger, "keep-ledger", false, "keep the ledger in the data folder, begin only the raft log anew")
	command.Flags().BoolVar(&runAfter, "run", false, "run the node at once")
	return command
}
