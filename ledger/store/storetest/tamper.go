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
	return Alter(fs, dir, func(b *pebble.Batch) error {
		key := binary.BigEndian.AppendUint64([]byte{'e'}, index)
		if entry == nil {
			return b.Delete(key, nil)
		}
		return b.Set(key, entry, nil)
	})
}

// MakeFormat5 gives a closed ledger folder the format before the present one, with keys
// that it had more: the entry of every event, and every entry that names an item. It had
// what every item is made of, too.
func (t *Twin) MakeFormat5(fs vfs.FS, dir string) error {
	return Alter(fs, dir, func(b *pebble.Batch) error {
		err := errors.Join(b.Set([]byte("mformat"), []byte{0, 0, 0, 5}, nil), b.Delete([]byte("mlatest"), nil))
		for id, index := range t.Events {
			err = errors.Join(err, b.Set(append([]byte{'v'}, id[:]...), binary.AppendUvarint(nil, index), nil))
		}
		for index := range t.Entries {
			event := t.event(uint64(index))
			if event == nil {
				continue
			}
			for _, item := range event.Names() {
				key := binary.BigEndian.AppendUint64(append([]byte{'n'}, item[:]...), uint64(index))
				err = errors.Join(err, b.Set(key, nil, nil))
			}
		}
		return err
	})
}

// Alter changes the keys of a closed ledger folder, on disk on return. A nil fs is the
// disk.
func Alter(fs vfs.FS, dir string, change func(*pebble.Batch) error) error {
	if fs == nil {
		fs = vfs.Default
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, ErrorIfNotExists: true, Logger: silent{}})
	if err != nil {
		return err
	}
	batch := db.NewBatch()
	if err = change(batch); err == nil {
		err = batch.Commit(pebble.Sync)
	}
	return errors.Join(err, batch.Close(), db.Close())
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, _ ...any) {
	panic("storetest: pebble: " + format)
}
