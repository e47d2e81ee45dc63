package consensus

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

const (
	raftLogFile = "raft.db"

	// raftLogLockWait bounds the wait for another process that holds the file.
	raftLogLockWait = time.Second

	// logCacheEntries keeps the newest entries in memory, so that followers
	// are served, and committed entries applied, without reading the file. At
	// 128 KiB an entry it is 16 MiB.
	logCacheEntries = 128
)

// openBolt opens the raft log and vote store in dir, each write fsynced.
// bbolt reports some damage by panicking; that comes back as an error.
func openBolt(dir string) (store *raftboltdb.BoltStore, err error) {
	path := filepath.Join(dir, raftLogFile)
	defer func() {
		if p := recover(); p != nil {
			store, err = nil, fmt.Errorf("%w: %s is damaged: %v", ErrStateLost, path, p)
		}
	}()
	store, err = raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout: raftLogLockWait,
			// The free list is rebuilt when the file is opened instead of being
			// rewritten on every commit.
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("consensus: open %s: %w", path, err)
	}
	return store, nil
}

func cachedLog(store raft.LogStore) (raft.LogStore, error) {
	return raft.NewLogCache(logCacheEntries, store)
}
