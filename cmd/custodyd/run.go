package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/node"
)

func runCommand() *cobra.Command {
	var configPath string
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the node until SIGTERM",
		Long: `Runs the node. SIGTERM ends it well: it hands on leadership, answers what is
open and closes its files. A folder without a node in it is refused, never
filled.

The exit status is 0 after SIGTERM and 1 after an error. A node that finds its
disk failing or its ledger differing from the others' ends itself.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := node.LoadConfig(configPath)
			if err != nil {
				return err
			}
			limitMemory(os.Getenv)
			return serve(command.Context(), configPath, config, os.Stderr)
		},
	}
	configFlag(command, &configPath)
	return command
}

// memorySoftMax is where garbage is collected before a node's memory grows on. What
// a node holds of a large ledger, mostly Pebble's cache and tables in memory, is about
// half of it and does not grow; left alone, the garbage may be as much again.
const memorySoftMax = 448 << 20

// limitMemory sets it, unless the runtime's own variable says something else. It is no
// wall: a node that needs more gets more.
func limitMemory(env func(string) string) {
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memorySoftMax)
	}
}

// serve runs a node until ctx ends, and logs to w.
func serve(ctx context.Context, configPath string, config node.Config, w io.Writer) error {
	logger := newLogger(config.Log, w)
	logger.Info("starting", "version", node.Version(), "config", configPath)
	err := node.Run(ctx, config, node.Options{Logger: logger, ProcessMetrics: true})
	if err != nil {
		logger.Error("stopped", "error", err)
		return errReported
	}
	logger.Info("stopped")
	return nil
}

// newLogger expects a validated configuration.
func newLogger(c node.LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
