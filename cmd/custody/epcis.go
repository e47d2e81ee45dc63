package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/bundle"
	"github.com/custodyledger/custodyledger/ledger/epcis"
	"github.com/custodyledger/custodyledger/ledger/provenance"
)

// epcisWritten says what stands in a file that was written.
type epcisWritten struct {
	File   string `json:"file"`
	Events int    `json:"events"`
	Size   uint64 `json:"size"`
}

func (r *epcisWritten) Text(w io.Writer) {
	fmt.Fprintf(w, "%s: %d EPCIS events, from the ledger of %d entries.\n", r.File, r.Events, r.Size)
	fmt.Fprint(w, "  It says what the ledger says and proves nothing; 'custody bundle' writes the proof.\n")
}

type epcisFlags struct {
	entries string
	bundle  string
	out     string
	log     auditFlags
}

func (a *app) epcisCommand() *cobra.Command {
	var flags epcisFlags
	cmd := &cobra.Command{
		Use:   "epcis ITEM | --bundle FILE | --range A:B",
		Short: "Export an item's story, or a range of entries, as EPCIS 2.0 (JSON-LD)",
		Long: `Export an item's story, or a range of entries, as one EPCIS 2.0 document in JSON-LD,
which GS1 software reads.

Of an item: everything upstream of it too, from a bundle that is fetched and verified,
or with --bundle from a file, without any node.

With --range the entries from A up to but not including B. What an entry changes is
known only from those before it, so the whole log is read from entry 0 and audited
first: from all nodes, or from --dir, --data or --tiles as 'custody audit' does.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.epcis(cmd, args, flags) },
	}
	cmd.Flags().StringVar(&flags.entries, "range", "", "`A:B`, entries from A up to but not including B")
	cmd.Flags().StringVar(&flags.bundle, "bundle", "", "bundle `file` to take the items from")
	cmd.Flags().StringVar(&flags.out, "out", "", "`file` to write; it must not exist yet; default: print the document")
	cmd.Flags().StringArrayVar(&flags.log.data, "data", nil, "data `folder` of a node that is not running")
	cmd.Flags().StringArrayVar(&flags.log.dirs, "dir", nil, "`folder` that 'custody export' wrote")
	cmd.Flags().StringArrayVar(&flags.log.tiles, "tiles", nil, "`URL` below which a server has tiles")
	return cmd
}

func (a *app) epcis(cmd *cobra.Command, args []string, flags epcisFlags) error {
	asked := len(args)
	if flags.bundle != "" {
		asked++
	}
	if flags.entries != "" {
		asked++
	}
	if asked != 1 {
		return usage(cmd, "name an ITEM, or a --bundle, or a --range: one of them")
	}
	if flags.entries == "" && len(flags.log.data)+len(flags.log.dirs)+len(flags.log.tiles) > 0 {
		return usage(cmd, "--data, --dir and --tiles are for a --range")
	}
	var document *epcis.Document
	var size uint64
	if flags.entries != "" {
		from, to, err := parseRange(flags.entries)
		if err != nil {
			return usage(cmd, "%v", err)
		}
		g, err := a.wholeGraph(cmd.Context(), flags.log)
		if err != nil {
			return err
		}
		if to > g.Size {
			return fmt.Errorf("--range %s: the ledger has %d entries, so B is at most %d", flags.entries, g.Size, g.Size)
		}
		document, size = epcis.OfRange(g, from, to), g.Size
	} else {
		g, err := a.itemGraph(cmd.Context(), args, flags.bundle)
		if err != nil {
			return err
		}
		document, size = epcis.OfItems(g, g.Subjects...), g.Size
	}
	if flags.out == "" {
		w := bufio.NewWriter(a.out)
		return errors.Join(document.Encode(w), w.Flush())
	}
	if err := streamNew(flags.out, document.Encode); err != nil {
		return err
	}
	return a.print(&epcisWritten{File: flags.out, Events: document.Written(), Size: size})
}

// parseRange reads A:B with A below B.
func parseRange(text string) (from, to uint64, err error) {
	first, last, ok := strings.Cut(text, ":")
	if ok {
		if from, err = strconv.ParseUint(first, 10, 64); err == nil {
			to, err = strconv.ParseUint(last, 10, 64)
		}
	}
	if !ok || err != nil || from >= to {
		return 0, 0, fmt.Errorf("--range %.60q: expected A:B, two indexes of entries with A below B", text)
	}
	return from, to, nil
}

// itemGraph makes the graph of an item from a bundle that is fetched or read, and verified.
func (a *app) itemGraph(ctx context.Context, items []string, path string) (*provenance.Graph, error) {
	if path != "" {
		file, _, err := a.genesis()
		if err != nil {
			return nil, err
		}
		b, err := readLimited(path, bundle.BytesMax)
		if err != nil {
			return nil, err
		}
		trust, err := bundle.TrustGenesis(file)
		if err != nil {
			return nil, err
		}
		report, err := bundle.Verify(b, trust)
		if err != nil {
			return nil, notProven(path, err)
		}
		return provenance.OfBundle(report)
	}
	item, err := parseItem(items[0])
	if err != nil {
		return nil, err
	}
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_, g, err := upstreamProof(ctx, c, []ledger.ItemID{item})
	return g, err
}

// wholeGraph makes the graph of a whole log, audited.
func (a *app) wholeGraph(ctx context.Context, flags auditFlags) (*provenance.Graph, error) {
	file, genesis, err := a.genesis()
	if err != nil {
		return nil, err
	}
	builder := provenance.NewBuilder(ledger.GenesisID(file), genesis)
	head, at, err := a.wholeLog(ctx, flags, builder.Apply)
	if err != nil {
		return nil, err
	}
	return builder.Graph(provenance.Reading{Size: head.Size, Time: at, Whole: true})
}

// streamNew writes a file that must not exist, whole or not at all.
func streamNew(path string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err = errors.Join(write(w), w.Flush(), f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
