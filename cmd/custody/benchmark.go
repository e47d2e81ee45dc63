package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/bench"
)

func (a *app) benchCommand() *cobra.Command {
	var config bench.Config
	var jsonPath string
	var quick bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a ledger of three nodes on this machine",
		Long: `Found a ledger of made-up associations, run its three nodes on this machine with
fsync and TLS on, measure appends, reads, an audit, overload and the death of the
leader, and delete it. No ledger that was there before is touched. The nodes run the
custodyd that lies beside this program. With --etcd, three nodes of etcd run beside
them and are loaded in turn.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick {
				shorten(&config, cmd.Flags().Changed)
			}
			if config.Rounds < 1 || config.Round <= 0 || config.Kills < 0 {
				return usage(cmd, "--rounds and --round: expected more than nothing; --kills: expected 0 or more")
			}
			slices.Sort(config.Clients)
			config.Clients = slices.Compact(config.Clients)
			if len(config.Clients) == 0 || config.Clients[0] < 1 || config.Clients[len(config.Clients)-1] > clientsMax {
				return usage(cmd, "--clients: expected numbers from 1 to %d", clientsMax)
			}
			return a.bench(cmd.Context(), config, jsonPath)
		},
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&config.Clients, "clients", []int{1, 64, 256, 1000}, "numbers of concurrent clients")
	flags.IntVar(&config.Rounds, "rounds", 5, "how often everything is measured, in turn")
	flags.DurationVar(&config.Round, "round", 2*time.Second, "how long one measurement lasts")
	flags.IntVar(&config.Kills, "kills", 10, "how often the leader is killed")
	flags.BoolVar(&quick, "quick", false, "a short form that shows that everything runs, not how fast")
	flags.StringVar(&config.Etcd, "etcd", "", "also measure etcd, in turn, by this program of scripts/etcd (`file`)")
	flags.StringVar(&config.Plain, "plain", "", "also measure what cosigning and signed proposals cost, against this custodyd built with -tags plain (`file`)")
	flags.StringVar(&config.Commit, "commit", "", "what the programs were built from, for the report (`name`); by default what they know themselves")
	flags.StringVar(&jsonPath, "json", "", "also write the figures as JSON to this `file`")
	cmd.AddCommand(a.growthCommand())
	return cmd
}

// clientsMax bounds the clients of one load; overload has ten times as many.
const clientsMax = 5_000

// shorten sets what a quick run does where nothing else was asked for.
func shorten(config *bench.Config, asked func(string) bool) {
	if !asked("clients") {
		config.Clients = []int{1, 8}
	}
	if !asked("rounds") {
		config.Rounds = 1
	}
	if !asked("round") {
		config.Round = 200 * time.Millisecond
	}
	if !asked("kills") {
		config.Kills = 1
	}
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
	for _, program := range []*string{&config.Plain, &config.Etcd} {
		if *program == "" {
			continue
		}
		// The nodes run in folders of their own.
		if *program, err = filepath.Abs(*program); err != nil {
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
