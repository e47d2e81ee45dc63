package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/export"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/client"
)

type exportReport struct {
	Folder string `json:"folder"`
	// Before and Size are of the folder's checkpoint, before and now.
	Before uint64 `json:"before"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
	Files  int    `json:"files_written"`
	Bytes  int64  `json:"bytes_written"`
}

func (r *exportReport) Text(w io.Writer) {
	if r.Before == r.Size {
		fmt.Fprintf(w, "Folder %s holds %d entries already, all that is final there; nothing was written.\n", r.Folder, r.Size)
		return
	}
	fmt.Fprintf(w, "Folder %s holds the %d final entries, %d of them new.\n  root   %s\n  files  %d written, %d bytes\nAny web server can serve it; 'custody audit' verifies it without a node.\n", r.Folder, r.Size, r.Size-r.Before, r.Root, r.Files, r.Bytes)
}

func (a *app) exportCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "export DIR [--data DIR]",
		Short: "Write the whole final ledger as files, or extend such a folder",
		Long: `Write everything up to the last final checkpoint as files: the genesis, the
checkpoint, and the tiles of C2SP tlog-tiles with all hashes and entries. The tree is
computed anew from the entries and must give the signed root, or nothing counts.

A folder that was exported before is extended; one that is of another ledger, whose
newest tiles do not fit its checkpoint, or that holds another history, is refused. The
older tiles are taken as they are: 'custody audit --dir DIR' verifies all of them. An
export that broke off is gone on with. The entries hold every member's trade: keep the
folder accordingly.`,
		Args: arguments("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.export(cmd.Context(), args[0], data) },
	}
	cmd.Flags().StringVar(&data, "data", "", "take it from the data `folder` of a node that is not running, instead of from a node")
	return cmd
}

func (a *app) export(ctx context.Context, folder, data string) error {
	file, _, err := a.genesis()
	if err != nil {
		return err
	}
	config := export.Config{Folder: folder, Genesis: file}
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if data == "" {
		err = fromNode(ctx, c, &config)
	} else {
		var source *folderSource
		if source, err = openFolder(data, c.LedgerID()); err != nil {
			return err
		}
		defer source.Close()
		err = fromStore(source.Store, &config)
	}
	if err != nil {
		return err
	}
	if config.Note == nil {
		return &coded{code: exitRefused, error: errors.New("nothing is final yet, so there is nothing to export")}
	}
	note, err := checkpoint.ParseNote(config.Note)
	if err != nil {
		return err
	}
	bar := a.newBar(note.Size, "export")
	config.Progress = bar.set
	result, err := export.Run(ctx, config)
	bar.done()
	switch {
	case errors.Is(err, export.ErrInconsistent):
		return &coded{code: exitTampered, error: err, hint: "Keep the folder: with its checkpoint it is evidence. 'custody audit' finds out more."}
	case errors.Is(err, export.ErrDamaged):
		return &coded{code: exitTampered, error: err, hint: "Export into an empty folder."}
	case err != nil:
		return err
	}
	return a.print(&exportReport{Folder: folder, Before: result.Before, Size: result.Size, Root: result.Root.String(), Files: result.Files, Bytes: result.Bytes})
}

// fromNode exports what a node has, under a checkpoint that was verified.
func fromNode(ctx context.Context, c *client.Client, config *export.Config) (err error) {
	_, config.Note, err = c.Final(ctx)
	config.Source = c
	return err
}

// fromStore exports what a node's folder has. The store verified the checkpoint
// when it took it, under the policy of its own log.
func fromStore(s *store.Store, config *export.Config) error {
	final, ok := s.Final()
	if !ok {
		return nil
	}
	note, err := checkpoint.ParseNote(final.Note)
	if err == nil {
		snapshot := s.Snapshot()
		policy := snapshot.Policy().For(final.Size)
		if err = snapshot.Close(); err == nil {
			_, err = policy.Checkpoint().Verify(note)
		}
	}
	if err != nil {
		return &coded{code: exitTampered, error: fmt.Errorf("the final checkpoint in the folder: %w", err)}
	}
	config.Note, config.Source = final.Note, storeEntries{s}
	return nil
}

type storeEntries struct{ store *store.Store }

func (s storeEntries) Entries(ctx context.Context, from, to uint64, use func(uint64, []byte) error) error {
	snapshot := s.store.Snapshot()
	defer snapshot.Close()
	if err := snapshot.Err(); err != nil {
		return err
	}
	return snapshot.Entries(from, to, func(index uint64, entry []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return use(index, entry)
	})
}
