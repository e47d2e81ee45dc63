// Command custodyd runs a node of the custody ledger.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/node"
)

func main() { os.Exit(run(os.Args[1:])) }

// run gives the exit code: 0, or 1 after any error. An interrupt or SIGTERM
// asks the command to end well; a second one ends it at once.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintf(os.Stderr, "custodyd: %v\n", err)
	}
	return 1
}

// errReported ends a command whose output has said already what is wrong.
var errReported = errors.New("reported")

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "custodyd",
		Short: "Run a node of the custody ledger",
		Long: `custodyd runs a node of the custody ledger.

Founding a ledger, once:
  each member   custodyd init node --id .. --association .. --country .. --dir ..
                and gives its part.json to the others
  one of them   custodyd init genesis --name .. part-a.json part-b.json part-c.json
                and gives genesis.json to the others
  each member   custodyd init fingerprint genesis.json
                and reads the fingerprint to the others, by voice
  each member   custodyd init found --config custodyd.yaml
                custodyd run --config custodyd.yaml`,
		Version:       node.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.AddCommand(
		initCommand(),
		runCommand(),
		rejoinCommand(),
		backupCommand(),
		restoreCommand(),
		statusCommand(),
		demoCommand(),
	)
	return root
}

// configFlag adds --config to a command.
func configFlag(command *cobra.Command, path *string) {
	command.Flags().StringVarP(path, "config", "c", "", "configuration file of the node")
	command.MarkFlagRequired("config")
	command.MarkFlagFilename("config", "yaml")
}
