package audit

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

// genesisName is the genesis file that may lie beside the tiles of a folder.
const genesisName = "genesis.json"

// OpenTiles reads a folder that holds a checkpoint and tiles, and perhaps the
// genesis file, as an export writes them. Nothing outside the folder is read,
// through a link neither. The caller closes it.
func OpenTiles(folder string) (*TilesFolder, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	return &TilesFolder{Tiles{name: "folder " + folder, files: folderFiles{root}}, root}, nil
}

// TilesFolder is Tiles in a folder.
type TilesFolder struct {
	Tiles
	root *os.Root
}

// Checkpoint implements CheckpointSource. A genesis file in the folder must be
// that of entry 0.
func (f *TilesFolder) Checkpoint(ctx context.Context) (final, own []byte, err error) {
	if final, own, err = f.Tiles.Checkpoint(ctx); err != nil {
		return nil, nil, err
	}
	file, err := f.files.read(ctx, genesisName, ledger.GenesisBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return final, own, nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return nil, nil, err
	}
	err = f.Entries(ctx, 0, 1, func(b []byte) error {
		if entry, err := ledger.DecodeEntry(b); err == nil && string(entry.Genesis) == string(file) {
			return nil
		}
		return find(0, GenesisDiffers, "%s is not the genesis that entry 0 holds", genesisName)
	})
	return final, own, err
}

// Close closes the folder.
func (f *TilesFolder) Close() error { return f.root.Close() }

type folderFiles struct{ root *os.Root }

func (f folderFiles) read(_ context.Context, path string, bytesMax int) ([]byte, error) {
	file, err := f.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, bytesMax)
}

// readAll reads at most bytesMax bytes.
func readAll(r io.Reader, bytesMax int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(bytesMax)+1))
	if err == nil && len(b) > bytesMax {
		return nil, errTooLong
	}
	return b, err
}

func (f folderFiles) widths(_ context.Context, t tile.Tile) ([]int, error) {
	folder, err := f.root.Open(t.Folder() + ".p")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	var widths []int
	for _, name := range names {
		partial := t
		if partial.Width, _ = strconv.Atoi(name); partial.Width > 0 && partial.Width < tile.Width && strconv.Itoa(partial.Width) == name {
			widths = append(widths, partial.Width)
		}
	}
	return widths, err
}
