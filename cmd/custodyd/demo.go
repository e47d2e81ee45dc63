package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo"
)

func demoCommand() *cobra.Command {
	var options demo.Options
	command := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole story on three nodes of this machine",
		Long: `Starts three nodes of three made-up associations on this machine, each in a
process of its own, and tells act by act how a shop's spreadsheet becomes signed
stock, how stones pass through several hands, what happens when the leader is
killed in the middle, which events are refused and why, how a ring comes from the
mine to a consumer and what is in it, and how an audit finds one flipped byte. The
same story is written as index.html.

The nodes go on serving until Ctrl-C; with --exit they stop at the end. The
program custody must lie beside this one. The exit status is 0 if every act held.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			options.Custodyd = self
			options.Custody = filepath.Join(filepath.Dir(self), "custody"+filepath.Ext(self))
			options.Out = command.OutOrStdout()
			return demo.Run(command.Context(), options)
		},
	}
	flags := command.Flags()
	flags.StringVar(&options.Dir, "dir", "", "empty folder for everything that is written (default a new temporary one)")
	flags.BoolVar(&options.Exit, "exit", false, "stop everything and exit after the last act")
	command.MarkFlagDirname("dir")
	return command
}
