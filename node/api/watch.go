package api

import (
	"bytes"
	"context"
	"errors"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// What a streaming read takes from the store at once. Snapshots are not held
// while a caller takes its time.
const (
	chunkEntriesMax = 256
	chunkBytesMax   = 512 << 10
)

type rawEntry struct {
	index uint64
	bytes []byte
}

// Watch streams entries as this node applies them.
func (s *ledgerService) Watch(request *custodyv1.WatchRequest, stream custodyv1.LedgerService_WatchServer) error {
	ctx := stream.Context()
	var item *ledger.ItemID
	if len(request.Item) > 0 {
		if f := fixed(request.Item, len(ledger.ItemID{}), "item", "an item id"); f != nil {
			return f
		}
		id := ledger.ItemID(request.Item)
		item = &id
	}
	if err := s.mayWatch(ctx, request.FromIndex, item); err != nil {
		return err
	}
	next := request.FromIndex
	for {
		entries, upTo, err := s.chunk(ctx, next, item)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := stream.Send(&custodyv1.WatchResponse{Entry: &custodyv1.RawEntry{Index: e.index, Entry: e.bytes}}); err != nil {
				return err
			}
		}
		if next = upTo; len(entries) > 0 {
			continue
		}
		if err := s.backend.WaitSize(ctx, next+1); err != nil {
			return err
		}
	}
}

// mayWatch refuses what would wait for ever.
func (s *ledgerService) mayWatch(ctx context.Context, from uint64, item *ledger.ItemID) error {
	snapshot, err := reader{s.backend}.atLeast(ctx, from, "from_index")
	if err != nil {
		return err
	}
	if item != nil {
		if _, ok := snapshot.Item(*item); !ok {
			err = notFound("item", "item", snapshot)
		}
	}
	if broken := snapshot.Err(); broken != nil {
		err = broken
	}
	if closing := snapshot.Close(); err == nil {
		err = closing
	}
	return err
}

// chunk copies the next entries that are there, all or those that name an item,
// and gives the index from which to go on.
func (s *ledgerService) chunk(ctx context.Context, from uint64, item *ledger.ItemID) (entries []rawEntry, next uint64, err error) {
	snapshot, err := reader{s.backend}.sound(s.backend.Read(ctx, stale))
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if closing := snapshot.Close(); err == nil {
			err = closing
		}
	}()
	if snapshot.Size() <= from {
		return nil, from, nil
	}
	if item == nil {
		return copyEntries(snapshot, from, snapshot.Size())
	}
	size := 0
	next = snapshot.Size()
	err = snapshot.ItemEntries(*item, from, func(index uint64, entry []byte) (bool, error) {
		if len(entries) == chunkEntriesMax || size >= chunkBytesMax {
			next = index
			return false, nil
		}
		entries = append(entries, rawEntry{index, entry})
		size += len(entry)
		return true, nil
	})
	if err != nil {
		return nil, 0, err
	}
	return entries, next, nil
}

// copyEntries copies entries of [from, to) up to the size of a chunk.
func copyEntries(snapshot *store.Snapshot, from, to uint64) (entries []rawEntry, next uint64, err error) {
	to = min(to, from+chunkEntriesMax)
	size := 0
	err = snapshot.Entries(from, to, func(index uint64, entry []byte) error {
		if size > 0 && size+len(entry) > chunkBytesMax {
			return errChunkFull
		}
		entries = append(entries, rawEntry{index, bytes.Clone(entry)})
		size += len(entry)
		return nil
	})
	if err != nil && !errors.Is(err, errChunkFull) {
		return nil, 0, err
	}
	return entries, from + uint64(len(entries)), nil
}

var errChunkFull = errors.New("api: a chunk is full")
