package node

import (
	"os"
	"sync"
	"testing"

	"github.com/custodyledger/custodyledger/consensus"
)

// TestNodeLeftBehindTheRaftLogCatchesUp takes about a minute and a half, for
// the raft log keeps consensus.TrailingLogsMin entries. It runs where the
// variable CUSTODY_LONG_TESTS is set.
func TestNodeLeftBehindTheRaftLogCatchesUp(t *testing.T) {
	if os.Getenv("CUSTODY_LONG_TESTS") == "" {
		t.Skip("CUSTODY_LONG_TESTS is not set")
	}
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	leader, others := c.leader()
	behind := others[0]
	c.awaitEqual()
	c.stop(behind)
	const pointers = 2 * 1024
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() {
			for leader.running.Replica().Status().RaftCommitIndex < consensus.TrailingLogsMin+pointers {
				c.record(leader, c.submission(c.registration(dealer)))
			}
		})
	}
	load.Wait()
	c.start(behind)
	c.stone(behind, dealer)
	c.awaitEqual()
	caughtUp := 0.0
	families, err := behind.running.Metrics().Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "custody_catch_up_entries_total" {
			caughtUp = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if caughtUp == 0 {
		t.Error("it came back through the raft log alone")
	}
}
