package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/report/reconcile"
	"github.com/custodyledger/custodyledger/ledger/report/volume"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/screen"
)

// logSources adds the flags that say where a whole log is read from.
func logSources(cmd *cobra.Command, flags *auditFlags) {
	cmd.Flags().StringArrayVar(&flags.data, "data", nil, "data `folder` of a node that is not running")
	cmd.Flags().StringArrayVar(&flags.dirs, "dir", nil, "`folder` that 'custody export' wrote")
	cmd.Flags().StringArrayVar(&flags.tiles, "tiles", nil, "`URL` below which a server has tiles")
}

type reconcileResult struct{ *reconcile.Statement }

func (r reconcileResult) MarshalJSON() ([]byte, error) { return json.Marshal(r.Report()) }

func (a *app) reconcileCommand() *cobra.Command {
	var flags auditFlags
	var from, until string
	cmd := &cobra.Command{
		Use:   "reconcile PARTY",
		Short: "Balance what came into a party's hands against what went out, by substance and paper",
		Long: `Balance what came into a party's hands against what went out and what is left, by
substance and by kind of paper, over a period of ledger time. It must come out
exactly; whatever an entry changes and does not explain is a finding, and so are
warranties for more than was received with one or produced.

The whole log is read and audited first: from all nodes, or from --dir, --data or
--tiles as 'custody audit' does. Exit code 5: there are findings.`,
		Args: arguments("PARTY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			party, err := parseParty(args[0])
			if err != nil {
				return err
			}
			period, err := parsePeriod(cmd, from, until)
			if err != nil {
				return err
			}
			known := false
			var matters reconcile.Matters // at the end of the log
			book := reconcile.NewBook(party, period)
			_, _, err = a.wholeLogStates(cmd.Context(), flags, func(applied provenance.Applied, state rules.View) error {
				if !known {
					_, known = state.Party(party)
				}
				if matters == nil && period.Until == 0 {
					matters = state.Matter
				}
				book.Apply(applied, state.Matter)
				return nil
			})
			if err != nil {
				return err
			}
			if !known {
				return fmt.Errorf("party %s is not on this ledger", party)
			}
			statement := book.Close(matters)
			if err := a.print(reconcileResult{statement}); err != nil {
				return err
			}
			if n := len(statement.Findings); n > 0 {
				return &coded{code: exitTampered, error: fmt.Errorf("%d findings", n), hint: "The output names the entries."}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first `day` of the period, such as 2026-01-01; default: the beginning of the ledger")
	cmd.Flags().StringVar(&until, "until", "", "`day` after the last one of the period; default: its end")
	logSources(cmd, &flags)
	return cmd
}

func parsePeriod(cmd *cobra.Command, from, until string) (period reconcile.Period, err error) {
	if from != "" {
		if period.From, err = screen.ParseDay(from); err != nil {
			return period, usage(cmd, "--from %v", err)
		}
	}
	if until != "" {
		if period.Until, err = screen.ParseDay(until); err != nil {
			return period, usage(cmd, "--until %v", err)
		}
		if period.Until <= period.From {
			return period, usage(cmd, "--until %s is not after --from %s", until, from)
		}
	}
	return period, nil
}

type statsResult struct{ *volume.Table }

func (r statsResult) MarshalJSON() ([]byte, error) { return json.Marshal(r.Report()) }

func (r statsResult) Text(w io.Writer) { r.Table.Text(w) }

// referenceBytesMax bounds a reference table.
const referenceBytesMax = 16 << 20

func (a *app) statsCommand() *cobra.Command {
	var flags auditFlags
	var referencePath string
	cmd := &cobra.Command{
		Use:   "stats [--reference FILE]",
		Short: "Count what was registered, by material, country and year, against what was mined",
		Long: `Count what was registered, by material, possible mining countries and year, and hold
it against a table of what was mined. More than that is a finding.

A cell of fewer than five parties is left out, and there are no totals, so that none
can be worked out from the others. --reference is a file of comma-separated values:
country, material, year, mined, unit; deploy/policies/mined-example.csv is made up.

The whole log is read and audited first: from all nodes, or from --dir, --data or
--tiles as 'custody audit' does.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var reference volume.Reference
			if referencePath != "" {
				b, err := readLimited(referencePath, referenceBytesMax)
				if err == nil {
					reference, err = volume.ParseReference(bytes.NewReader(b))
				}
				if err != nil {
					return err
				}
			}
			counter := volume.NewCounter()
			_, _, err := a.wholeLog(cmd.Context(), flags, func(applied provenance.Applied) error {
				counter.Apply(applied)
				return nil
			})
			if err != nil {
				return err
			}
			return a.print(statsResult{counter.Table(reference)})
		},
	}
	cmd.Flags().StringVar(&referencePath, "reference", "", "`file` with what was mined")
	logSources(cmd, &flags)
	return cmd
}
