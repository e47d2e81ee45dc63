package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger/screen"
)

// screenResult is the verdict on every item that was asked about.
type screenResult struct {
	Items []*screen.Report `json:"items"`
}

func (r screenResult) Text(w io.Writer) {
	for _, report := range r.Items {
		report.Text(w)
	}
}

func (a *app) screenCommand() *cobra.Command {
	var policyPath, bundlePath, asOf string
	var moves bool
	cmd := &cobra.Command{
		Use:   "screen ITEM --policy FILE | --bundle FILE --policy FILE",
		Short: "Hold an item against a policy: clear, flagged or undetermined, and by what",
		Long: `Hold an item, and each of its components, against a policy: a file of rules about
countries, parties, producers and their owners, materials and sizes, at a date.
deploy/policies has examples and the list of keys.

  flagged       whatever is true of what the record leaves open, a rule hits
  clear         whatever is true, none does
  undetermined  it depends: a possible country, an unknown origin or producer,
                gold that is only called recycled, which no ledger can see

The item's record is fetched and verified, or with --bundle taken from a file,
without any node. With --moves the answer is given for every movement too: was the
rule in force for these goods when they moved?

What comes out is a reading of the record in the light of a file, and no legal
advice. The exit code is 0 whatever the verdict is: it stands in the output.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if policyPath == "" {
				return usage(cmd, "say which rules: --policy FILE; deploy/policies has examples")
			}
			if (len(args) == 1) == (bundlePath != "") || len(args) > 1 {
				return usage(cmd, "name an ITEM or a --bundle: one of them")
			}
			b, err := readLimited(policyPath, screen.PolicyBytesMax)
			if err != nil {
				return fmt.Errorf("policy: %w", err)
			}
			policy, err := screen.ParsePolicy(b)
			if err != nil {
				return fmt.Errorf("policy %s:\n%w", policyPath, err)
			}
			at := uint64(0)
			if asOf != "" {
				if at, err = screen.ParseDay(asOf); err != nil {
					return usage(cmd, "--as-of %v", err)
				}
			}
			g, err := a.itemGraph(cmd.Context(), args, bundlePath)
			if err != nil {
				return err
			}
			screener := screen.NewScreener(policy)
			var screened screenResult
			for _, item := range g.Subjects {
				var moved []screen.Moved
				if moves {
					moved = screener.Moves(g, item)
				}
				screened.Items = append(screened.Items, screen.NewReport(policy, screener.Item(g, item, at), moved))
			}
			return a.print(screened)
		},
	}
	cmd.Flags().StringVar(&policyPath, "policy", "", "`file` with the rules")
	cmd.Flags().StringVar(&bundlePath, "bundle", "", "bundle `file` to take the items from")
	cmd.Flags().StringVar(&asOf, "as-of", "", "`day` to screen for, such as 2024-09-01; default: the policy's, else the time of the record")
	cmd.Flags().BoolVar(&moves, "moves", false, "give a verdict for every movement too")
	return cmd
}
