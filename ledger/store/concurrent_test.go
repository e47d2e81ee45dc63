package store_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/custodyledger/custodyledger/ledger/merkle"
	"github.com/custodyledger/custodyledger/ledger/rules"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// TestConcurrentReaders reads snapshots while entries are applied. Each must be
// the state after one of the applies.
func TestConcurrentReaders(t *testing.T) {
	trade := storetest.NewTrade(picks(12))
	steps := script(trade, 40, 8)
	opts := storetest.NewCrashable().Options()
	opts.MemTableBytes = 64 << 10
	s := found(t, trade, opts)
	roots := map[uint64]merkle.Hash{}
	for _, st := range steps {
		roots[st.size] = st.root
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readSnapshot(s, trade.Twin, roots); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, st := range steps[1:] {
		if _, err := s.Apply(st.position, st.batches); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
	closeStore(t, s)
}

func readSnapshot(s *store.Store, twin *storetest.Twin, roots map[uint64]merkle.Hash) error {
	snapshot := s.Snapshot()
	defer snapshot.Close()
	size := snapshot.Size()
	if want, ok := roots[size]; !ok || snapshot.Root() != want {
		return fmt.Errorf("a snapshot of size %d has root %s", size, snapshot.Root())
	}
	if root, err := merkle.RootAt(snapshot, size); err != nil || root != snapshot.Root() {
		return fmt.Errorf("tree of size %d: %s, %w", size, root, err)
	}
	last, err := snapshot.Entry(size - 1)
	if err != nil || !bytes.Equal(last, twin.Entries[size-1]) {
		return fmt.Errorf("last entry of %d: %w", size, err)
	}
	for _, id := range twin.ItemsWhere(func(i rules.Item) bool { return i.Registered < size }) {
		if _, ok := snapshot.Item(id); !ok {
			return fmt.Errorf("item %s is missing at size %d", id, size)
		}
	}
	return snapshot.Err()
}
