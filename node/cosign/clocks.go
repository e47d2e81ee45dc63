package cosign

import (
	"fmt"
	"sync"
	"time"
)

const (
	// clockOffMax is how far a node's clock may be off those of its peers if it
	// is to lead.
	clockOffMax = 10 * time.Second
	// clockStale is after how long a node that gives no time any more counts as
	// unreachable.
	clockStale = 3 * headsPeriod
)

// clocks is what is known about the clocks of the other nodes.
type clocks struct {
	mu      sync.Mutex
	samples map[string]clockSample
}

type clockSample struct {
	offset time.Duration // of the other clock, seen from this one
	rtt    time.Duration
	taken  time.Time
}

// off tells whether the two clocks are too far apart, whatever share of the
// round trip each way took.
func (c clockSample) off() bool { return c.offset.Abs()-c.rtt/2 > clockOffMax }

func (c *clocks) add(node string, s clockSample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.samples == nil {
		c.samples = map[string]clockSample{}
	}
	c.samples[node] = s
}

func (c *clocks) drop(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.samples, node)
}

// against counts the reachable others, and those that this clock is off.
func (c *clocks) against(now time.Time) (off, reachable int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.samples {
		if age := now.Sub(s.taken); age < 0 || age > clockStale {
			continue
		}
		reachable++
		if s.off() {
			off++
		}
	}
	return off, reachable
}

// MayLead is nil unless this node's clock is off those of a majority of the
// other nodes that it reaches: such a node would stamp entries with a wrong
// time. A single peer with a wrong clock, or a lie about it, takes nobody out of
// office when there are more than two nodes.
func (s *Cosigner) MayLead() error {
	off, reachable := s.clocks.against(time.Now())
	if off*2 <= reachable {
		s.alarms.clear(AlarmClock, s.node)
		return nil
	}
	err := fmt.Errorf("cosign: the clock of this node is more than %v off those of %d of the %d other nodes that answer; set it right", clockOffMax, off, reachable)
	s.alarms.raise(AlarmClock, s.node, err.Error())
	return err
}

// noteClock takes one answer of another node's clock.
func (s *Cosigner) noteClock(node string, theirs uint64, asked, answered time.Time, rtt time.Duration) {
	// Half-way between question and answer by this node's own clock, which a test
	// or an operator may have set wrong.
	middle := asked.Add(answered.Sub(asked) / 2)
	offset := time.Duration(int64(theirs)-middle.UnixMilli()) * time.Millisecond
	if theirs > 1<<62 {
		offset = time.Duration(1<<63 - 1)
	}
	sample := clockSample{offset: offset, rtt: rtt, taken: time.Now()}
	s.clocks.add(node, sample)
	s.metrics.offset.WithLabelValues(node).Set(offset.Seconds())
	if sample.off() {
		s.alarms.raise(AlarmClock, node, fmt.Sprintf("the clocks of node %s and of this node are %.0f s apart", node, offset.Abs().Seconds()))
	} else {
		s.alarms.clear(AlarmClock, node)
	}
}
