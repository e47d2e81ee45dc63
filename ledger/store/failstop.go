package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failStopFS ends everything at the first write that the file system refuses.
//
// Pebble has no one way to bear such an error: it retries a flush for ever, and
// when it cannot switch logs it panics with its own lock in a state that ends
// the process without a word ("unlock of unlocked mutex", rotateWAL in v2.1.7).
// So it never gets to see one: the goroutine that hit it is parked, the failure
// is told, and whoever waits is let go by failure.guard. Nothing is written
// after a write that failed, and no fsync is tried a second time.
//
// It is armed when the store is open; before, errors go the usual way. So do those of a
// copy that is being made: nothing of the store is in it.
type failStopFS struct {
	vfs.FS
	failure *failure
	armed   atomic.Bool
	copy    atomic.Pointer[string] // folder of the copy that is being made; nil: none
}

func (fs *failStopFS) check(op, name string, err error) {
	if err != nil && fs.armed.Load() && !fs.ofCopy(name) {
		fs.failure.stop(fmt.Errorf("store: %s %s: %w", op, name, err))
	}
}

func (fs *failStopFS) ofCopy(name string) bool {
	folder := fs.copy.Load()
	return folder != nil && (name == *folder || strings.HasPrefix(name, *folder+"/"))
}

func (fs *failStopFS) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &failStopFile{File: f, fs: fs, name: name}, nil
}

func (fs *failStopFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	fs.check("create", name, err)
	return fs.file(name, f, err)
}

func (fs *failStopFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.OpenReadWrite(name, category, opts...)
	fs.check("open for writing", name, err)
	return fs.file(name, f, err)
}

func (fs *failStopFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, category)
	fs.check("reuse as", newname, err)
	return fs.file(newname, f, err)
}

func (fs *failStopFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	fs.check("open the folder", name, err)
	return fs.file(name, f, err)
}

func (fs *failStopFS) Link(oldname, newname string) error {
	err := fs.FS.Link(oldname, newname)
	fs.check("link", newname, err)
	return err
}

func (fs *failStopFS) Rename(oldname, newname string) error {
	err := fs.FS.Rename(oldname, newname)
	fs.check("rename", newname, err)
	return err
}

// Remove may find that the file is gone.
func (fs *failStopFS) Remove(name string) error {
	err := fs.FS.Remove(name)
	if !errors.Is(err, os.ErrNotExist) {
		fs.check("remove", name, err)
	}
	return err
}

func (fs *failStopFS) MkdirAll(dir string, perm os.FileMode) error {
	err := fs.FS.MkdirAll(dir, perm)
	fs.check("create the folder", dir, err)
	return err
}

// Unwrap implements vfs.FS.
func (fs *failStopFS) Unwrap() vfs.FS { return fs.FS }

type failStopFile struct {
	vfs.File
	fs   *failStopFS
	name string
}

func (f *failStopFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.fs.check("write", f.name, err)
	return n, err
}

func (f *failStopFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(p, offset)
	f.fs.check("write", f.name, err)
	return n, err
}

func (f *failStopFile) Sync() error {
	err := f.File.Sync()
	f.fs.check("sync", f.name, err)
	return err
}

func (f *failStopFile) SyncData() error {
	err := f.File.SyncData()
	f.fs.check("sync", f.name, err)
	return err
}

func (f *failStopFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	f.fs.check("sync", f.name, err)
	return full, err
}

func (f *failStopFile) Close() error {
	err := f.File.Close()
	f.fs.check("close", f.name, err)
	return err
}
