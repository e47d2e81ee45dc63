package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/bench"
)

func (a *app) benchCommand() *cobra.Command {
	var config bench.Config
	var jsonPath string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a ledger of three nodes on this machine",
		Long: `Found a ledger of made-up associations, run its three nodes on this machine with
fsync and TLS on, measure appends, reads and an audit, and delete it. No ledger that
was there before is touched. The nodes run the custodyd that lies beside this program.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config.Rounds < 1 || config.Round <= 0 {
				return usage(cmd, "--rounds and --round: expected more than nothing")
			}
			return a.bench(cmd.Context(), config, jsonPath)
		},
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&config.Clients, "clients", []int{1, 16, 64, 256}, "numbers of concurrent clients")
	flags.IntVar(&config.Rounds, "rounds", 3, "how often everything is measured, in turn")
	flags.DurationVar(&config.Round, "round", 2*time.Second, "how long one measurement lasts")
	flags.StringVar(&config.Plain, "plain", "", "also measure what cosigning and signed proposals cost, against this custodyd built with -tags plain (`file`)")
	flags.StringVar(&jsonPath, "json", "", "also write the figures as JSON to this `file`")
	cmd.AddCommand(a.growthCommand())
	return cmd
}

func (a *app) bench(ctx context.Context, config bench.Config, jsonPath string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config.Program = filepath.Join(filepath.Dir(self), "custodyd")
	if _, err := os.Stat(config.Program); err != nil {
		return fmt.Errorf("the nodes run the custodyd beside this program: %w; build it with make build", err)
	}
	if config.Plain != "" {
		// The nodes run in folders of their own.
		if config.Plain, err = filepath.Abs(config.Plain); err != nil {
			return err
		}
	}
	config.Step = func(step string) { fmt.Fprintln(a.err, step) }
	report, err := bench.Run(ctx, config)
	if err != nil {
		return err
	}
	if jsonPath != "" {
		if err := writeJSONFile(jsonPath, report); err != nil {
			return err
		}
	}
	return a.print(report)
}

func writeJSONFile(path string, value any) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := writeJSON(f, value); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
