package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
)

const listBytesMax = 1 << 20

// bundleWritten says what stands in a file that was written.
type bundleWritten struct {
	File       string   `json:"file"`
	Bytes      int      `json:"bytes"`
	Items      []string `json:"items"`
	Size       uint64   `json:"size"`
	LedgerTime uint64   `json:"ledger_time_ms,omitempty"`
	Beyond     int      `json:"upstream_items_left_out,omitempty"`
}

func (r *bundleWritten) Text(w io.Writer) {
	if len(r.Items) == 0 {
		fmt.Fprintf(w, "%s: %d bytes prove the policy in force up to entry %d.\n", r.File, r.Bytes, r.Size-1)
		return
	}
	fmt.Fprintf(w, "%s: %d bytes prove %d items up to entry %d.\n", r.File, r.Bytes, len(r.Items), r.Size-1)
	if r.Beyond > 0 {
		fmt.Fprintf(w, "  upstream are %d more; it shows them until they were used up, not what was said of them later.\n", r.Beyond)
	}
	fmt.Fprintf(w, "  whoever has it and the ledger's policy ('custody policy') runs 'custody verify %s', without any node.\n", r.File)
}

func (a *app) bundleCommand() *cobra.Command {
	var out, list, offer string
	var asJSON, governance, upstream bool
	cmd := &cobra.Command{
		Use:   "bundle ITEM... -o FILE",
		Short: "Fetch one file that proves items to anybody, without any node",
		Long: `Fetch one file that proves items to anybody, without any node: every event on
them back to their registration, every party and key behind these, and what
several associations state about them now.

What an item was made of is in it up to the event that used it up. With --upstream the
file is about these items too, 100 in all, those with papers first: then it also shows
what was said of them later, such as a paper that was taken back.

With --governance the file is about no item: it shows how the keys and the quorum of the
associations changed since the founding, for 'custody policy --bundle' and 'custody
verify --bundle'.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				a.output = "json"
			}
			var items []ledger.ItemID
			var err error
			if governance && upstream {
				err = usage(cmd, "--governance is about no item, and --upstream about what items were made of")
			} else if !governance {
				items, err = bundleItems(cmd, args, list, offer)
			} else if len(args) > 0 || list != "" || offer != "" {
				err = usage(cmd, "--governance is about no item")
			}
			if err != nil {
				return err
			}
			if out == "" {
				return usage(cmd, "say where to write it: -o FILE")
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			var file []byte
			var report *bundle.Report
			beyond := 0
			switch {
			case governance:
				file, report, err = c.PolicyBundle(cmd.Context())
			case offer == "":
				file, report, err = c.Bundle(cmd.Context(), items...)
			default:
				id, parseErr := ledger.ParseEventID(offer)
				if parseErr != nil {
					return parseErr
				}
				file, report, err = c.OfferBundle(cmd.Context(), id)
			}
			if err != nil {
				return err
			}
			if upstream {
				var subjects []ledger.ItemID
				for _, i := range report.Items {
					subjects = append(subjects, i.ID)
				}
				with, err := upstreamBundle(cmd.Context(), c, subjects)
				if err != nil {
					return err
				}
				file, report, beyond = with.file, with.report, with.beyond
			}
			if err := writeNew(out, file); err != nil {
				return err
			}
			r := &bundleWritten{File: out, Bytes: len(file), Size: report.Checkpoint.Size, Beyond: beyond}
			for _, i := range report.Items {
				r.Items = append(r.Items, i.ID.String())
				if i.Stated != nil {
					r.LedgerTime = i.Stated.At
				}
			}
			return a.print(r)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` to write; it must not exist yet")
	cmd.Flags().StringVar(&list, "list", "", "`file` with one item id on a line")
	cmd.Flags().StringVar(&offer, "offer", "", "`event` id of an offer: its item, or the items of all offers of its group")
	cmd.Flags().BoolVar(&upstream, "upstream", false, "what the items were made of as items of the file, too")
	cmd.Flags().BoolVar(&governance, "governance", false, "no item: the changes of the policy alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "say in JSON what was written")
	return cmd
}

// bundleItems reads which items are meant: arguments, a list, or none with an offer.
func bundleItems(cmd *cobra.Command, args []string, list, offer string) ([]ledger.ItemID, error) {
	if list != "" {
		b, err := readLimited(list, listBytesMax)
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(b))
		for lines.Scan() {
			if text := strings.TrimSpace(lines.Text()); text != "" {
				args = append(args, text)
			}
		}
	}
	switch {
	case len(args) > 0 && offer != "":
		return nil, usage(cmd, "items or a --list of them, or an --offer: not both")
	case len(args) == 0 && offer == "" && list != "":
		return nil, fmt.Errorf("list %s names no item: expected one item id on a line", list)
	case len(args) == 0 && offer == "":
		return nil, usage(cmd, "name items, a --list of them, or an --offer")
	}
	var items []ledger.ItemID
	for _, text := range args {
		id, err := parseItem(text)
		if err != nil {
			return nil, err
		}
		items = append(items, id)
	}
	return items, nil
}

// writeNew writes a file that must not exist, whole or not at all.
func writeNew(path string, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

type policyReport struct {
	Policy string `json:"policy"`
}

func (r *policyReport) Text(w io.Writer) { io.WriteString(w, r.Policy) }

func (a *app) policyCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print whose signatures make a checkpoint final, as a policy file (C2SP tlog-policy)",
		Long: `Print whose signatures make a checkpoint final, as a policy file (C2SP
tlog-policy). It is all that 'custody verify' needs. The policy is the one of the
genesis, or with --bundle the one in force in a bundle, which is verified first.`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			file, genesis, err := a.genesis()
			if err != nil {
				return err
			}
			policy := genesis.Policy()
			if from != "" {
				b, err := readLimited(from, bundle.BytesMax)
				if err != nil {
					return err
				}
				trust, err := bundle.TrustGenesis(file)
				if err != nil {
					return err
				}
				report, err := bundle.Verify(b, trust)
				if err != nil {
					return notProven(from, err)
				}
				policy = report.Policy
			}
			text, err := policy.Checkpoint().Encode()
			if err != nil {
				return err
			}
			return a.print(&policyReport{Policy: string(text)})
		},
	}
	cmd.Flags().StringVar(&from, "bundle", "", "bundle `file` of the ledger, from which later changes of the policy are taken")
	return cmd
}
