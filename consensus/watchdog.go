package consensus

import (
	"fmt"
	"time"
)

// watchdog ends the process when one write takes longer than limit. Without
// it a leader whose disk hangs keeps the whole cluster waiting: heartbeats
// come from goroutines of their own, so its followers see a healthy leader
// (hashicorp/raft issue 503).
type watchdog struct {
	limit time.Duration
	fatal func(error)
}

// watch arms the watchdog for one write; the caller calls the result when the
// write has returned.
func (w watchdog) watch(what string) (done func() bool) {
	return time.AfterFunc(w.limit, func() {
		w.fatal(fmt.Errorf("%w: %s has not returned in %v", ErrHung, what, w.limit))
	}).Stop
}
