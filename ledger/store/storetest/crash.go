// Package storetest gives tests of the store, and of what stands on it, file
// systems that lose what was not synced, and folders that were tampered with.
package storetest

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/custodyledger/custodyledger/ledger/store"
)

// Crashable is a file system in memory that knows what was synced. Several
// folders may lie in it. It is safe for concurrent use.
type Crashable struct{ fs *vfs.MemFS }

// NewCrashable gives an empty file system.
func NewCrashable() *Crashable { return &Crashable{vfs.NewCrashableMem()} }

// FS is what store.Options.FS takes.
func (c *Crashable) FS() vfs.FS { return c.fs }

// Options gives options of a store on this file system.
func (c *Crashable) Options() store.Options { return store.Options{FS: c.fs} }

// Crash gives the file system as a power cut now would leave it: all that was
// not synced is lost. It may be called while a store writes; what is done to c
// afterwards does not show. Nothing is locked in it.
func (c *Crashable) Crash() *Crashable { return &Crashable{c.fs.CrashClone(vfs.CrashCloneCfg{})} }

// CrashPartly is Crash where each piece that was not synced survives with a
// probability in percent, as random decides.
func (c *Crashable) CrashPartly(percent int, random *rand.Rand) *Crashable {
	return &Crashable{c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random})}
}
