package storetest

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ReplaceEntry writes other bytes over an entry of a closed ledger folder, or
// deletes it if they are nil, and nothing else: checksums of the disk hold, the
// tree, the head and every index stay as they were. It is what a node does that
// rewrites history on its own disk. A nil fs is the disk.
func ReplaceEntry(fs vfs.FS, dir string, index uint64, entry []byte) error {
	if fs == nil {
		fs = vfs.Default
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, ErrorIfNotExists: true, Logger: silent{}})
	if err != nil {
		return err
	}
	key := binary.BigEndian.AppendUint64([]byte{'e'}, index)
	if entry == nil {
		err = db.Delete(key, pebble.Sync)
	} else {
		err = db.Set(key, entry, pebble.Sync)
	}
	return errors.Join(err, db.Close())
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, _ ...any) {
	panic("storetest: pebble: " + format)
}
