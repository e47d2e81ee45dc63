package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint makes a copy of the ledger as it is now, a folder for Open, and returns
// when it is on disk. The folder must not exist, and lies best on the disk of the
// ledger: what never changes any more is linked then, so that a copy of any size takes
// a moment and little room. Appends go on meanwhile; the copy has every batch that was
// in before the call, and it keeps no file of the ledger from being deleted.
//
// The error is ErrReadOnly, ErrClosed or ErrFailed, or one of the file system about the
// copy; nothing is left behind then, and the store is as it was.
func (s *Store) Checkpoint(dir string) error {
	s.copying.Lock()
	defer s.copying.Unlock()
	s.lifecycle.RLock()
	defer s.lifecycle.RUnlock()
	if err := s.mayWrite(); err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if _, err := s.disk.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: copy to %s: %w", dir, cmp.Or(err, os.ErrExist))
	}
	s.disk.copy.Store(&dir)
	defer s.disk.copy.Store(nil)
	err := s.failure.guard(func() error { return s.db.Checkpoint(dir, pebble.WithFlushedWAL()) })
	if err != nil {
		// Pebble panics about some errors of its marker file, and cleans up after the others.
		return errors.Join(fmt.Errorf("store: copy to %s: %w", dir, err), s.disk.RemoveAll(dir))
	}
	return nil
}
