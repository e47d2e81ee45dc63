package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/report"
	"github.com/custodyledger/custodyledger/node/client"
)

// proofOf says where a verified bundle comes from: a file, or a node.
type proofOf struct {
	bundle, policy, offer string
}

func (f *proofOf) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.bundle, "bundle", "", "bundle `file` to read instead of asking a node")
	cmd.Flags().StringVar(&f.policy, "policy", "", "with --bundle: policy `file` of the ledger; default: the policy of the genesis")
}

// proven gives a bundle that verified and its graph, which is about the items named
// or else all of the bundle.
func (a *app) proven(cmd *cobra.Command, items []string, from proofOf) ([]byte, *provenance.Graph, error) {
	if from.bundle == "" {
		return a.fetchProof(cmd, items, from)
	}
	if from.offer != "" {
		return nil, nil, usage(cmd, "a --bundle or an --offer: not both")
	}
	about, err := parseItems(items)
	if err != nil {
		return nil, nil, err
	}
	file, err := readLimited(from.bundle, bundle.BytesMax)
	if err != nil {
		return nil, nil, err
	}
	trust, err := a.trusted(from.policy)
	if err != nil {
		return nil, nil, err
	}
	with, err := trust.bundle()
	if err != nil {
		return nil, nil, err
	}
	proved, err := bundle.Verify(file, with)
	if err != nil {
		return nil, nil, notProven(from.bundle, err)
	}
	g, err := provenance.OfBundle(proved, about...)
	return file, g, err
}

func parseItems(items []string) ([]ledger.ItemID, error) {
	var ids []ledger.ItemID
	for _, text := range items {
		id, err := parseItem(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (a *app) fetchProof(cmd *cobra.Command, items []string, from proofOf) ([]byte, *provenance.Graph, error) {
	if from.policy != "" {
		return nil, nil, usage(cmd, "--policy goes with --bundle; what a node gives is held against the genesis")
	}
	ids, err := bundleItems(cmd, items, "", from.offer)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	if from.offer != "" {
		offer, err := ledger.ParseEventID(from.offer)
		if err != nil {
			return nil, nil, err
		}
		_, proved, err := c.OfferBundle(cmd.Context(), offer)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range proved.Items {
			ids = append(ids, i.ID)
		}
	}
	return upstreamProof(cmd.Context(), c, ids)
}

// proofItemsMax is the number of subjects of a bundle that nodes give.
const proofItemsMax = 100

// upstreamProof gives a bundle of items with what is upstream of them, and its graph.
func upstreamProof(ctx context.Context, c *client.Client, ids []ledger.ItemID) ([]byte, *provenance.Graph, error) {
	with, err := upstreamBundle(ctx, c, ids)
	if err != nil {
		return nil, nil, err
	}
	g, err := provenance.OfBundle(with.report, ids...)
	return with.file, g, err
}

// withUpstream is a bundle and what it could not be about.
type withUpstream struct {
	file   []byte
	report *bundle.Report
	beyond int // items upstream that are no subjects: it shows them until they were used up
}

// upstreamBundle fetches a bundle of items together with what is upstream of them as
// subjects of their own. A bundle of the items alone ends, for what they were made
// of, where that was used up, and does not show what was taken back later. Where
// there is more than nodes give in one bundle, items with papers go first, and a
// report says of how many it knows no more.
func upstreamBundle(ctx context.Context, c *client.Client, ids []ledger.ItemID) (withUpstream, error) {
	file, proved, err := c.Bundle(ctx, ids...)
	if err != nil {
		return withUpstream{}, err
	}
	g, err := provenance.OfBundle(proved, ids...)
	if err != nil {
		return withUpstream{}, err
	}
	upstream := slices.DeleteFunc(provenance.Upstream(g.Subjects...), func(i *provenance.Item) bool { return i.Stated })
	alone := withUpstream{file, proved, len(upstream)}
	if len(upstream) == 0 || len(ids) >= proofItemsMax {
		return alone, nil
	}
	slices.SortStableFunc(upstream, func(a, b *provenance.Item) int { return cmp.Compare(len(b.Attestations), len(a.Attestations)) })
	all := slices.Clone(ids)
	for _, i := range upstream[:min(len(upstream), proofItemsMax-len(ids))] {
		all = append(all, i.ID)
	}
	whole, provedWhole, err := c.Bundle(ctx, all...)
	if errors.Is(err, &client.Refused{Reason: ledger.TooLarge}) {
		return alone, nil
	}
	return withUpstream{whole, provedWhole, len(upstream) + len(ids) - len(all)}, err
}

// writeTo writes what a function gives to a file that must not exist, whole.
func writeTo(path string, write func(io.Writer) error) error {
	var b strings.Builder
	if err := write(&b); err != nil {
		return err
	}
	return writeNew(path, []byte(b.String()))
}

func (a *app) reportCommand() *cobra.Command {
	var from proofOf
	var html, title string
	var attach bool
	cmd := &cobra.Command{
		Use:   "report ITEM...|--offer ID|--bundle FILE",
		Short: "Report what goods are made of, where each part came from, and what is unknown",
		Long: `Report what goods are made of, where each part came from and how well that is
borne out, who had them, gaps, open disputes and holds, and what is unknown: the
disclosure report of a piece or of the items of an offer.

Everything is taken from a bundle, freshly fetched or read from a file, that is
verified first. With --html the report is written as one file that prints on A4 and
Letter and needs no network; --attach puts the bundle into it. No figure is blended:
each substance stands by itself, and the headline is the weakest component.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, g, err := a.proven(cmd, args, from)
			if err != nil {
				return err
			}
			r := report.New(g, report.Options{Title: title, Bundle: file, Attach: attach})
			if html != "" {
				var lineages []*report.Lineage
				for _, item := range g.Subjects[:min(len(g.Subjects), lineagesMax)] {
					lineages = append(lineages, report.NewLineage(g, item, nil))
				}
				if err := writeTo(html, func(w io.Writer) error { return r.HTML(w, lineages...) }); err != nil {
					return err
				}
			}
			return a.print(r)
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVar(&from.offer, "offer", "", "event `id` of an offer: its item, or the items of all offers of its group")
	cmd.Flags().StringVar(&html, "html", "", "`file` to write the report to as a page; it must not exist yet")
	cmd.Flags().BoolVar(&attach, "attach", false, "with --html: put the bundle into the page")
	cmd.Flags().StringVar(&title, "title", "", "`text` to head it with; default: what it is about")
	return cmd
}

// lineagesMax is the number of drawings in one page.
const lineagesMax = 20

// treeLines is the number of items that a lineage shows in a terminal.
const treeLines = 200

// lineageResult is a lineage as it is printed.
type lineageResult struct {
	*report.Lineage
	lines int
}

func (r lineageResult) Text(w io.Writer) { r.Tree(w, r.lines) } // to a buffer; it does not fail

func (a *app) lineageCommand() *cobra.Command {
	var from proofOf
	var svg string
	var all bool
	cmd := &cobra.Command{
		Use:   "lineage ITEM [--bundle FILE]",
		Short: "Show everything that an item was made of, back to where its record begins",
		Long: `Show everything that an item was made of, back to where its record begins, as a
tree, as a drawing (--svg FILE) or as data (-o json). What stands below an item is
what it was made of; it is taken from a bundle that is verified first.`,
		Args: arguments("ITEM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, g, err := a.proven(cmd, args, from)
			if err != nil {
				return err
			}
			l := report.NewLineage(g, g.Subjects[0], nil)
			if svg != "" {
				if err := writeTo(svg, l.SVG); err != nil {
					return err
				}
			}
			lines := treeLines
			if all {
				lines = 0
			}
			return a.print(lineageResult{l, lines})
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVar(&svg, "svg", "", "`file` to write a drawing to; it must not exist yet")
	cmd.Flags().BoolVar(&all, "all", false, fmt.Sprintf("show every item, not the first %d only", treeLines))
	return cmd
}
