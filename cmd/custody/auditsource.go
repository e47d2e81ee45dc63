package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/audit"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/backup"
	"github.com/custodyledger/custodyledger/node/client"
)

// sources opens the folders and connects to the servers and nodes that are to be
// audited.
func (a *app) sources(flags auditFlags, state *audit.State) (sources []audit.Source, closeAll func(), err error) {
	var closers []io.Closer
	closeAll = func() {
		for _, c := range closers {
			c.Close()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	for _, folder := range flags.data {
		source, err := openFolder(folder, state.LedgerID())
		if err != nil {
			return nil, closeAll, err
		}
		sources, closers = append(sources, source), append(closers, source)
	}
	for _, folder := range flags.dirs {
		source, err := audit.OpenTiles(folder)
		if err != nil {
			return nil, closeAll, fmt.Errorf("--dir: %w", err)
		}
		sources, closers = append(sources, source), append(closers, source)
	}
	for _, prefix := range flags.tiles {
		source, err := audit.TilesAt(prefix)
		if err != nil {
			return nil, closeAll, fmt.Errorf("--tiles: %w", err)
		}
		sources, closers = append(sources, source), append(closers, source)
	}
	addresses := a.nodes
	if len(sources) == 0 && len(addresses) == 0 {
		all, err := a.client()
		if err != nil {
			return nil, closeAll, err
		}
		addresses = all.Addresses()
		closers = append(closers, all)
	}
	for _, address := range addresses {
		c, err := a.clientOf([]string{address})
		if err != nil {
			return nil, closeAll, err
		}
		sources, closers = append(sources, nodeSource{c, address}), append(closers, c)
	}
	return sources, closeAll, nil
}

// nodeSource is one node. It answers from what it has applied itself: an audit
// wants this node's ledger, not the leader's.
type nodeSource struct {
	client  *client.Client
	address string
}

func (s nodeSource) Name() string { return "node " + s.address }

func (s nodeSource) Head(ctx context.Context) (audit.TreeHead, error) {
	head, err := s.client.TreeHead(ctx, 0, client.Stale)
	return audit.TreeHead{Size: head.Size, Root: head.Root}, err
}

func (s nodeSource) Checkpoint(ctx context.Context) (final, own []byte, err error) {
	return s.client.SignedHeads(ctx)
}

func (s nodeSource) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	return s.client.Entries(ctx, from, to, func(_ uint64, entry []byte) error { return yield(entry) })
}

// folderSource is the data folder of a node that is not running, or a copy.
type folderSource struct {
	backup.Source
	path string
}

// storeFolder is where a node keeps its ledger below its data folder.
const storeFolder = backup.LedgerFolder

func openFolder(path string, id ledger.LedgerID) (*folderSource, error) {
	ledgerPath := path
	if info, err := os.Stat(filepath.Join(path, storeFolder)); err == nil && info.IsDir() {
		ledgerPath = filepath.Join(path, storeFolder)
	}
	s, err := store.Open(ledgerPath, store.Options{ReadOnly: true})
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("%s: a node is running on it; audit the node with --node, or stop it, or audit a copy", path)
	case errors.Is(err, store.ErrCorrupt):
		return nil, damaged(path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if got := s.LedgerID(); got != id {
		return nil, errors.Join(fmt.Errorf("%s holds ledger %s, the genesis file is of ledger %s", path, got, id), s.Close())
	}
	return &folderSource{backup.Source{Label: "folder " + path, Store: s}, path}, nil
}

func (s *folderSource) Close() error { return s.Store.Close() }

func (s *folderSource) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	err := s.Source.Entries(ctx, from, to, yield)
	if errors.Is(err, store.ErrCorrupt) {
		return damaged(s.path, err)
	}
	return err
}

// damaged makes what a store says of its own files an audit's finding.
func damaged(path string, err error) error {
	var corrupt *store.CorruptError
	if errors.As(err, &corrupt) && corrupt.Entry != store.NoEntry {
		return &coded{code: exitTampered, error: &audit.Finding{Source: "folder " + path, Index: uint64(corrupt.Entry), Kind: dataDamaged, Message: err.Error()}}
	}
	return &coded{code: exitTampered, error: fmt.Errorf("folder %s: %s: %w", path, dataDamaged, err)}
}

// dataDamaged: the files of a folder do not fit their own checksums, or each
// other, so that an entry cannot be read at all.
const dataDamaged audit.Kind = "data-damaged"
