package store_test

import (
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/store"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
)

// TestDuplicatesAfterARestart: whatever was recorded is known again when the ledger is
// opened, also where an older program left no highest own time, or wrote entries and left
// the time of before.
func TestDuplicatesAfterARestart(t *testing.T) {
	latest := []byte("mlatest")
	for name, left := range map[string]func(b *pebble.Batch) error{
		"as it was left": func(*pebble.Batch) error { return nil },
		"by none":        func(b *pebble.Batch) error { return b.Delete(latest, nil) },
		"of a size before": func(b *pebble.Batch) error {
			return b.Set(latest, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 1), 0), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			trade := storetest.NewTrade(picks(11))
			disk := storetest.NewCrashable()
			s := found(t, trade, disk.Options())
			batch := store.Batch{At: trade.Now, Submissions: []ledger.Submission{trade.Admit()}}
			for range 30 {
				batch.Submissions = append(batch.Submissions, trade.Register(trade.Dealers[0]))
			}
			if _, err := s.Apply(at(1), []store.Batch{batch}); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			if err := storetest.Alter(disk.FS(), folder, left); err != nil {
				t.Fatal(err)
			}
			s = open(t, disk.Options())
			defer closeStore(t, s)
			outcomes, err := s.Apply(at(2), []store.Batch{batch})
			if err != nil {
				t.Fatal(err)
			}
			for i, outcome := range outcomes[0] {
				if outcome.Rejection != nil || len(outcome.Receipts) != 1 || !outcome.Receipts[0].Duplicate {
					t.Errorf("submission %d, recorded before the restart: %+v", i, outcome)
				}
			}
		})
	}
}
