package store

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of Create and Open. The zero value is right for a node.
type Options struct {
	// FS is where the folder lies; nil means the disk. Tests of other packages
	// take one that can lose what was not synced from package storetest. A
	// ledger in memory is gone when the process ends.
	FS vfs.FS
	// ReadOnly opens a folder, or a copy of one, for an audit: nothing in it is
	// changed, whatever was lost in a crash is lost for the reader only.
	ReadOnly bool
	// CacheBytes is how much of the cache of blocks is left while one table in
	// memory fills and another one is written out; 0 means CacheBytesDefault. With
	// one table alone it takes as much more as that table has.
	CacheBytes int64
	// MemTableBytes is the size of one table in memory, of which there may be
	// four; 0 means MemTableBytesDefault.
	MemTableBytes uint64
	// Fatal is told, once, about the first error that the store cannot go on
	// after. It is called from any goroutine, must return soon and must not call
	// the store. The process should then end: a store that failed refuses
	// everything and may not be able to close.
	Fatal func(error)
	// Log gets what Pebble has to say; nil means nobody does.
	Log *slog.Logger
}

// Defaults of Options.
const (
	CacheBytesDefault    = 64 << 20
	MemTableBytesDefault = 32 << 20
)

// pebbleFormat is the format of Pebble's own files. It may be raised, never
// lowered; Pebble upgrades a folder when it opens it.
const pebbleFormat = pebble.FormatTableFormatV6

const (
	blockBytes      = 16 << 10
	bloomBitsPerKey = 10
	openFilesMax    = 512
)

// pebbleOptions tunes Pebble for one writer that appends in batches, point
// reads of keys that mostly do not exist (a new event's id), and scans of keys
// that lie together. The measurements are in DESIGN.md.
func (o Options) pebbleOptions(f *failure) *pebble.Options {
	p := &pebble.Options{
		FS:                          o.FS,
		ReadOnly:                    o.ReadOnly,
		FormatMajorVersion:          pebbleFormat,
		Logger:                      f,
		EventListener:               f.listener(o.ReadOnly),
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               512 << 20,
		MaxOpenFiles:                openFilesMax,
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             1 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
	}
	// Reads never start a compaction: an iterator that closes would wait for
	// Pebble's lock.
	p.Experimental.ReadSamplingMultiplier = -1
	p.TargetFileSizes[0] = 4 << 20
	for i := range p.Levels {
		l := &p.Levels[i]
		l.BlockSize = blockBytes
		l.IndexBlockSize = 64 << 10
		l.FilterPolicy = pointFilter{bloom.FilterPolicy(bloomBitsPerKey)}
		l.Compression = func() *sstable.CompressionProfile { return block.FastCompression }
	}
	return p
}

// pebbleCacheBytes is the size of the cache as Pebble counts it: each table in
// memory takes its own size away from it. With CacheBytes alone the two that there
// are while one is written out left nothing of 64 MiB, and every lookup read the
// filter and the index of every table from the disk again.
func (o Options) pebbleCacheBytes() int64 { return o.CacheBytes + 2*int64(o.MemTableBytes) }

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = CacheBytesDefault
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = MemTableBytesDefault
	}
	return o
}
