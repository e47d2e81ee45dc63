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

// MakeFormat5 gives a closed ledger folder the format before the present one, with the
// keys that it had more: the entry of every event, and every entry that names an item.
func (t *Twin) MakeFormat5(fs vfs.FS, dir string) error {
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, ErrorIfNotExists: true, Logger: silent{}})
	if err != nil {
		return err
	}
	batch := db.NewBatch()
	set := func(key, value []byte) { err = errors.Join(err, batch.Set(key, value, nil)) }
	set([]byte("mformat"), []byte{0, 0, 0, 5})
	for id, index := range t.Events {
		set(append([]byte{'v'}, id[:]...), binary.AppendUvarint(nil, index))
	}
	for index := range t.Entries {
		if event := t.event(uint64(index)); event != nil {
			for _, item := range event.Names() {
				set(binary.BigEndian.AppendUint64(append([]byte{'n'}, item[:]...), uint64(index)), nil)
			}
		}
	}
	return errors.Join(err, batch.Commit(pebble.Sync), db.Close())
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, _ ...any) {
	panic("storetest: pebble: " + format)
}
