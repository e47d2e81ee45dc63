package main

import (
	"bytes"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/report/paper"
)

// paperResult prints a form; in JSON by its fields.
type paperResult struct{ *paper.Document }

func (r paperResult) Text(w io.Writer) { r.Document.Text(w) }

func (a *app) paperCommand() *cobra.Command {
	var bundlePath, html, to string
	cmd := &cobra.Command{
		Use:   "paper FORM ITEM | paper FORM --bundle FILE",
		Short: "Fill a form from the record: transfer document, warranty, self-certification",
		Long: `Fill a form of the trade from the record of goods:

  transfer    transfer document of a chain of custody
  warranty    text of a warranty for natural diamonds on an invoice or memo
  us-loose    self-certification for the United States, loose diamonds
  us-jewelry  the same for jewelry and unsorted diamonds

What the ledger does not know (names, addresses, numbers of invoices and certificates)
stays a blank line. What the record does not bear out is listed above the signature.
Whoever signs answers for it; the wordings of the warranty and of conformity are drafts
in place of the text of the system that you take part in.

The goods are an item, fetched and verified, or all items of a bundle.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || !slices.Contains(paper.Kinds, paper.Kind(args[0])) {
				return usage(cmd, "name a form: transfer, warranty, us-loose or us-jewelry")
			}
			if (len(args) == 2) == (bundlePath != "") || len(args) > 2 {
				return usage(cmd, "name an ITEM or a --bundle: one of them")
			}
			var parties paper.Parties
			if to != "" {
				party, err := parseParty(to)
				if err != nil {
					return err
				}
				parties.To = party
			}
			g, err := a.itemGraph(cmd.Context(), args[1:], bundlePath)
			if err != nil {
				return err
			}
			return a.fillPaper(paper.Kind(args[0]), g, parties, html)
		},
		ValidArgs: []string{"transfer", "warranty", "us-loose", "us-jewelry"},
	}
	cmd.Flags().StringVar(&bundlePath, "bundle", "", "bundle `file` to take the items from")
	cmd.Flags().StringVar(&html, "html", "", "`file` for a page that prints; it must not exist yet")
	cmd.Flags().StringVar(&to, "to", "", "`party` that receives the goods; default: the one they were sent to")
	return cmd
}

func (a *app) fillPaper(kind paper.Kind, g *provenance.Graph, parties paper.Parties, html string) error {
	document, err := paper.Make(kind, g, g.Subjects, parties)
	if err != nil {
		return err
	}
	if html != "" {
		var page bytes.Buffer
		if err := document.HTML(&page); err != nil {
			return err
		}
		if err := writeNew(html, page.Bytes()); err != nil {
			return err
		}
	}
	return a.print(paperResult{document})
}
