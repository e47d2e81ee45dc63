package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// Progress says how far a long work is; may be nil.
type Progress func(done, total int64)

// Make copies the ledger of a node, running or stopped, from its data folder to a
// folder that must not exist or be empty. All of it is on disk on return, and the copy
// opens as a ledger. An error leaves no manifest, so that what there is of the copy is
// no backup.
func Make(ctx context.Context, dataDir, to, node string, progress Progress) (*Manifest, error) {
	if err := Absent(to); err != nil {
		return nil, err
	}
	from := dataDir
	folder, release, err := ask(ctx, dataDir)
	switch {
	case err == nil:
		defer release()
		from = folder
	case errors.Is(err, errNoNode):
		// The lock is held while the files are copied, so that none changes.
		stopped, openErr := store.Open(filepath.Join(dataDir, LedgerFolder), store.Options{ReadOnly: true})
		if errors.Is(openErr, store.ErrLocked) {
			return nil, fmt.Errorf("a node runs on %s and cannot be asked: %w. Stop it, or run this as its user", dataDir, err)
		}
		if openErr != nil {
			return nil, openErr
		}
		defer stopped.Close()
	default:
		return nil, err
	}
	copied := filepath.Join(to, LedgerFolder)
	bytes, err := CopyFolder(ctx, filepath.Join(from, LedgerFolder), copied, progress)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to, err)
	}
	s, err := store.Open(copied, store.Options{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("the copy in %s does not open: %w", copied, err)
	}
	defer s.Close()
	m := describe(s, node, bytes)
	return m, m.write(to)
}

// describe says what a ledger holds.
func describe(s *store.Store, node string, bytes int64) *Manifest {
	genesis, _ := s.Genesis()
	size, root := s.Head()
	m := &Manifest{
		Format: Format, Ledger: s.LedgerID().String(), LedgerName: genesis.Name, Node: node,
		Size: size, Root: root.String(), Bytes: bytes,
	}
	if final, ok := s.Final(); ok {
		m.FinalSize, m.FinalNote = final.Size, string(final.Note)
	}
	return m
}

// Absent accepts a folder that is missing or empty.
func Absent(dir string) error {
	names, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(names) > 0:
		return fmt.Errorf("%s is not empty: it holds %s; nothing was changed", dir, names[0].Name())
	}
	return nil
}

// CopyFolder copies the files of a folder without folders in it to a new one, and has
// them on disk on return.
func CopyFolder(ctx context.Context, from, to string, progress Progress) (bytes int64, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return 0, err
	}
	var total int64
	var files []string
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return 0, err
		}
		if !info.Mode().IsRegular() {
			return 0, fmt.Errorf("%s is no plain file; a ledger has none such", filepath.Join(from, entry.Name()))
		}
		total += info.Size()
		files = append(files, entry.Name())
	}
	for _, name := range files {
		if err := ctx.Err(); err != nil {
			return bytes, err
		}
		n, err := copyFile(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil {
			return bytes, err
		}
		if bytes += n; progress != nil {
			progress(bytes, total)
		}
	}
	return bytes, errors.Join(keyfile.SyncDir(to), keyfile.SyncDir(filepath.Dir(to)))
}

func copyFile(from, to string) (n int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return n, errors.Join(err, out.Close())
}
