package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/growth"
)

func (a *app) growthCommand() *cobra.Command {
	var config growth.Config
	var entries uint64
	var jsonPath, publish string
	cmd := &cobra.Command{
		Use:   "growth",
		Short: "Fill a ledger of three nodes and measure what grows with it",
		Long: `Found a ledger of made-up associations, run its three nodes on this machine with
fsync and TLS on, fill it with made-up trade, and measure at several sizes: appends,
CPU time, memory, disk, and the restart of a killed node. At the end compare it with an
empty ledger in turn, empty a node and let it catch up, audit everything, and delete it.

10,000,000 entries take an hour or more on two cores, and about 30 GB of disk. When the
budget is up or the disk nearly full, filling ends and the rest is measured with what
there is. No ledger that was there before is touched.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if entries == 0 || config.Rounds < 1 || config.Round <= 0 || config.Budget < 0 {
				return usage(cmd, "--entries, --rounds and --round: expected more than nothing; --budget: 0 for none, or more")
			}
			config.Points = growth.PointsTo(entries)
			return a.growth(cmd.Context(), config, jsonPath, publish)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&entries, "entries", 10_000_000, "how many entries to fill")
	flags.DurationVar(&config.Budget, "budget", 0, "end filling after this time and measure what there is; 0 for no end")
	flags.IntVar(&config.Rounds, "rounds", 3, "how often appends are measured at a size")
	flags.DurationVar(&config.Round, "round", 3*time.Second, "how long one measurement lasts")
	flags.StringVar(&config.Commit, "commit", "", "what the programs were built from, for the report (`name`); by default what they know themselves")
	flags.StringVar(&config.Dir, "dir", "", "found the ledgers in new folders of this `folder`; default: that for temporary files")
	flags.StringVar(&jsonPath, "json", "", "also write the figures as JSON to this `file`, anew at every size")
	flags.StringVar(&publish, "publish", "", "also write the tables and a plot to growth.md and growth.svg in this `folder`, anew at every size")
	return cmd
}

func (a *app) growth(ctx context.Context, config growth.Config, jsonPath, publish string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config.Program = filepath.Join(filepath.Dir(self), "custodyd")
	if _, err := os.Stat(config.Program); err != nil {
		return fmt.Errorf("the nodes run the custodyd beside this program: %w; build it with make build", err)
	}
	config.Step = func(step string) { fmt.Fprintln(a.err, step) }
	config.Measured = func(report *growth.Report) error {
		if jsonPath != "" {
			if err := writeJSONFile(jsonPath, report); err != nil {
				return err
			}
		}
		if publish == "" {
			return nil
		}
		return publishGrowth(publish, report)
	}
	report, err := growth.Run(ctx, config)
	if err != nil {
		return err
	}
	return a.print(report)
}

// publishGrowth writes the tables and the plot for people to read.
func publishGrowth(dir string, report *growth.Report) error {
	tables := func(w io.Writer) error {
		_, err := fmt.Fprint(w, "# What grows with the ledger\n\nWritten by `make bench-growth`. What is traded is made up. The plot is in `growth.svg`.\n\n")
		report.Text(w)
		return err
	}
	if err := writeFile(filepath.Join(dir, "growth.md"), tables); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "growth.svg"), report.SVG)
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
