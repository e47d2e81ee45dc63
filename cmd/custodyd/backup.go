package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/node"
	"github.com/custodyledger/custodyledger/node/backup"
)

func backupCommand() *cobra.Command {
	var configPath, to string
	command := &cobra.Command{
		Use:   "backup",
		Short: "Copy the node's ledger to another folder, while it runs or not",
		Long: `Copies the ledger of a node as it is at one moment: all entries, the openings
beside them, and the state. A node that runs goes on meanwhile. Run it as the
node's user. The folder is a backup once it has a backup.json in it.

Keys and raft's votes are not in it. Copy the identity folder apart, encrypted.
'custodyd restore' puts a backup back; 'custody audit --data FOLDER' checks one.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := node.LoadConfig(configPath)
			if err != nil {
				return err
			}
			m, err := node.Backup(command.Context(), config, to, tenths(command.ErrOrStderr(), "copied", "bytes"))
			if err != nil {
				return err
			}
			fmt.Fprintf(command.OutOrStdout(), "backup of %s in %s: %d entries, %d of them final, %d bytes\nroot %s\n", m.Node, to, m.Size, m.FinalSize, m.Bytes, m.Root)
			return nil
		},
	}
	configFlag(command, &configPath)
	command.Flags().StringVar(&to, "to", "", "folder to write, which must not exist or be empty")
	command.MarkFlagRequired("to")
	return command
}

func restoreCommand() *cobra.Command {
	var configPath, from string
	var runAfter bool
	command := &cobra.Command{
		Use:   "restore",
		Short: "Bring a node back from a backup",
		Long: `Makes a new data folder from a backup that this node has made. Every signature,
rule and hash in it is checked first. As after 'rejoin' the node has a new
incarnation: when it runs, it asks the leader to put the new server in the place
of the old one, fetches what came after the backup, and gets its vote back. The
cluster needs a majority without this node.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := node.LoadConfig(configPath)
			if err != nil {
				return err
			}
			server, m, err := node.Restore(command.Context(), config, from, rand.Reader,
				tenths(command.ErrOrStderr(), "checked", "entries"), tenths(command.ErrOrStderr(), "copied", "bytes"))
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			fmt.Fprintf(out, "data folder %s is made for server %s, with %d entries of the backup\n", config.DataDir, server, m.Size)
			if runAfter {
				return serve(command.Context(), configPath, config, os.Stderr)
			}
			fmt.Fprintf(out, "now start the node: custodyd run --config %s\n", configPath)
			return nil
		},
	}
	configFlag(command, &configPath)
	command.Flags().StringVar(&from, "from", "", "folder of the backup")
	command.MarkFlagRequired("from")
	command.Flags().BoolVar(&runAfter, "run", false, "run the node at once")
	return command
}

// tenths tells of a long work at every tenth of it.
func tenths(w io.Writer, done, what string) backup.Progress {
	next := int64(1)
	return func(n, total int64) {
		if total <= 0 || n*10 < next*total {
			return
		}
		next = n*10/total + 1
		fmt.Fprintf(w, "%s %d of %d %s\n", done, n, total, what)
	}
}
