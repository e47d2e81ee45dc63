package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestTheCacheIsNotTheMemoryTables: tables in memory as large as the cache leave
// it what it is for. What was read once is not read from the disk again.
func TestTheCacheIsNotTheMemoryTables(t *testing.T) {
	opts := Options{FS: vfs.NewMem(), CacheBytes: 8 << 20, MemTableBytes: 8 << 20}.withDefaults()
	if err := opts.FS.MkdirAll("ledger", 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := openPebble("ledger", opts, func(p *pebble.Options) { p.ErrorIfExists = true })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	// Pebble's first tables in memory are small; the last one has its full size.
	const keys, valueBytes, readKeys = 32 << 10, 1 << 10, 4 << 10
	random := rand.NewChaCha8([32]byte{})
	value := make([]byte, valueBytes)
	key := func(i uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'z'}, i) }
	for i := range uint64(keys) {
		random.Read(value)
		if err := s.db.Set(key(i), value, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	read := func() int64 {
		before := s.db.Metrics().BlockCache.Misses
		for i := range uint64(readKeys) {
			_, closer, err := s.db.Get(key(i))
			if err != nil {
				t.Fatal(err)
			}
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return s.db.Metrics().BlockCache.Misses - before
	}
	first := read()
	if again := read(); again > first/10 {
		t.Errorf("%d blocks were read at first, and %d of them again", first, again)
	}
}
