// Package export writes a ledger as files: the same checkpoint and tiles that a
// node serves (C2SP tlog-tiles), and the genesis. Such a folder is served by any
// web server, audited without any node, and outlives them all.
//
//	genesis.json                 the genesis file
//	checkpoint                   the final checkpoint that the rest is under
//	tile/<L>/<N>[.p/<W>]         tree hashes of its size
//	tile/entries/<N>[.p/<W>]     entries of its size
//
// Every file is synced, and the checkpoint is written last, so that it never
// names what is not there. What an export that broke off has left is used by the
// next one; a later one extends the folder.
package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// Errors of a folder.
var (
	// ErrForeign: the folder is not an export, or one of another ledger.
	ErrForeign = errors.New("the folder is not an export of this ledger")
	// ErrDamaged: the folder's tiles do not give the root of its checkpoint.
	ErrDamaged = errors.New("the folder is damaged")
	// ErrInconsistent: the ledger is not a continuation of what the folder holds,
	// or its entries do not give the root of its own checkpoint.
	ErrInconsistent = errors.New("the ledger contradicts itself")
)

// Source gives entries, unverified.
type Source interface {
	// Entries hands entries [from, to) in order to use. The slice is use's to keep.
	Entries(ctx context.Context, from, to uint64, use func(index uint64, entry []byte) error) error
}

// Config says what to export.
type Config struct {
	Folder  string
	Genesis []byte // the genesis file
	// Note is the final checkpoint to export under, verified by the caller.
	Note   []byte
	Source Source
	// Progress is told how many entries are written; may be nil.
	Progress func(entries uint64)
}

// Result says what an export did.
type Result struct {
	Before uint64 // size of the folder's checkpoint before, 0 if it had none
	Size   uint64 // and now
	Root   merkle.Hash
	Files  int   // written
	Bytes  int64 // in them
}

// Run makes the folder hold everything under the checkpoint. A folder whose
// checkpoint is larger already is left as it is. The error wraps ErrForeign,
// ErrDamaged or ErrInconsistent, or is the source's or the file system's.
func Run(ctx context.Context, c Config) (Result, error) {
	note, err := checkpoint.ParseNote(c.Note)
	if err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return Result{}, err
	}
	root, err := os.OpenRoot(c.Folder)
	if err != nil {
		return Result{}, err
	}
	defer root.Close()
	f := &folder{root: root, touched: map[string]bool{".": true}}
	before, err := f.claim(c.Genesis, note.Origin)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", c.Folder, err)
	}
	result := Result{Before: before.Size, Size: before.Size, Root: before.Root}
	if before.Size >= note.Size {
		return result, f.continues(note.Checkpoint, before)
	}
	x := &exporter{Config: c, folder: f, to: note.Checkpoint, from: before.Size}
	if err := x.run(ctx); err != nil {
		return result, err
	}
	if err := f.finish(c.Note, x.filled); err != nil {
		return result, err
	}
	return Result{Before: before.Size, Size: note.Size, Root: note.Root, Files: f.files, Bytes: f.bytes}, nil
}

// folder is the export's folder.
type folder struct {
	root    *os.Root
	touched map[string]bool // folders to sync
	files   int
	bytes   int64
}

// claim checks that the folder may be written to: empty, or an export of this
// ledger whose checkpoint and tiles fit. It gives the head of the checkpoint, of
// size 0 if there is none yet.
func (f *folder) claim(genesis []byte, origin string) (checkpoint.Checkpoint, error) {
	var none checkpoint.Checkpoint
	own, err := f.read(tile.GenesisPath, ledger.GenesisBytesMax)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := f.empty(); err != nil {
			return none, err
		}
		return none, f.write(tile.GenesisPath, genesis)
	case err != nil:
		return none, err
	case !bytes.Equal(own, genesis):
		return none, fmt.Errorf("%w: its %s is of ledger %s", ErrForeign, tile.GenesisPath, ledger.GenesisID(own))
	}
	raw, err := f.read(tile.CheckpointPath, checkpoint.NoteBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	note, err := checkpoint.ParseNote(raw)
	if err != nil {
		return none, fmt.Errorf("%w: its checkpoint: %w", ErrDamaged, err)
	}
	if note.Origin != origin {
		return none, fmt.Errorf("%w: its checkpoint is of log %s", ErrForeign, note.Origin)
	}
	computed, err := merkle.RootAt(f.reader(note.Size), note.Size)
	if err != nil {
		return none, fmt.Errorf("%w: its tiles of size %d: %w", ErrDamaged, note.Size, err)
	}
	if computed != note.Root {
		return none, fmt.Errorf("%w: its tiles give root %v for size %d, its checkpoint says %v", ErrDamaged, computed, note.Size, note.Root)
	}
	return note.Checkpoint, nil
}

func (f *folder) empty() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != tile.GenesisPath+unfinished {
			return fmt.Errorf("%w: it is not empty and has no %s", ErrForeign, tile.GenesisPath)
		}
	}
	return nil
}

// continues tells whether the folder's tree begins with that of a checkpoint that
// is not larger.
func (f *folder) continues(head, before checkpoint.Checkpoint) error {
	computed, err := merkle.RootAt(f.reader(before.Size), head.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if computed != head.Root {
		return fmt.Errorf("%w: at size %d the checkpoint has root %v, the folder has %v", ErrInconsistent, head.Size, head.Root, computed)
	}
	return nil
}

// reader reads the tree of a size from the folder's tiles.
func (f *folder) reader(size uint64) tile.Reader {
	return tile.Reader{Size: size, Read: f.tile}
}

// tile reads a tile, or the full one in the place of a partial one.
func (f *folder) tile(t tile.Tile) ([]byte, error) {
	return tile.OrFull(t, func(t tile.Tile) ([]byte, error) { return f.read(t.Path(), int64(t.BytesMax())) }, fs.ErrNotExist)
}

func (f *folder) read(name string, bytesMax int64) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, bytesMax+1))
	if err == nil && int64(len(b)) > bytesMax {
		err = fmt.Errorf("%s has more than %d bytes", name, bytesMax)
	}
	return b, err
}

// unfinished ends the name of a file that is being written.
const unfinished = ".tmp"

// write makes a file hold exactly b, atomically and synced, unless it does.
func (f *folder) write(name string, b []byte) error {
	if own, err := f.read(name, int64(len(b))); err == nil && bytes.Equal(own, b) {
		return nil
	}
	dir := path.Dir(name)
	if !f.touched[dir] {
		if err := f.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for up := dir; up != "."; up = path.Dir(up) {
			f.touched[up] = true
		}
	}
	file, err := f.root.OpenFile(name+unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	f.files++
	f.bytes += int64(len(b))
	return f.root.Rename(name+unfinished, name)
}

// sync makes the names of everything that was written last.
func (f *folder) sync() error {
	for name := range f.touched {
		dir, err := f.root.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the checkpoint, which makes everything else count, and lets go
// of partial tiles that have become full ones.
func (f *folder) finish(note []byte, filled []tile.Tile) error {
	if err := f.sync(); err != nil {
		return err
	}
	f.touched = map[string]bool{".": true}
	if err := f.write(tile.CheckpointPath, note); err != nil {
		return err
	}
	if err := f.sync(); err != nil {
		return err
	}
	for _, t := range filled {
		if err := f.root.RemoveAll(t.Folder() + ".p"); err != nil {
			return err
		}
	}
	return nil
}
