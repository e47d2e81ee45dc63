package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type testItem struct {
	data []byte
	fate chan testFate
}

type testFate struct {
	result   any
	position int
	err      error
}

func newItem(data string) testItem {
	return testItem{data: []byte(data), fate: make(chan testFate, 1)}
}

// fakeLine takes commands and answers them when told to.
type fakeLine struct {
	mu       sync.Mutex
	commands [][]byte
	open     []*Proposal
	refuse   error
}

func (l *fakeLine) Begin(command []byte) (*Proposal, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return nil, l.refuse
	}
	p := &Proposal{done: make(chan struct{})}
	l.commands, l.open = append(l.commands, command), append(l.open, p)
	return p, nil
}

func (l *fakeLine) answer(result any, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.open[0]
	l.open = l.open[1:]
	p.result, p.err = result, err
	close(p.done)
}

func newTestBatcher(t *testing.T, line *fakeLine, adjust func(*BatcherConfig[testItem])) *Batcher[testItem] {
	c := BatcherConfig[testItem]{
		Begin: line.Begin,
		Size:  func(i testItem) int { return len(i.data) + 1 },
		Build: func(_ time.Time, items []testItem) ([]byte, error) {
			var b []byte
			for _, i := range items {
				if bytes.Equal(i.data, []byte("poison")) {
					return nil, errors.New("poison")
				}
				b = append(append(b, i.data...), ';')
			}
			return b, nil
		},
		Deliver: func(i testItem, result any, position int, err error) { i.fate <- testFate{result, position, err} },
	}
	if adjust != nil {
		adjust(&c)
	}
	b, err := NewBatcher(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// One item alone goes out at once; what comes meanwhile goes together.
func TestBatcherAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := new(fakeLine)
		b := newTestBatcher(t, line, nil)
		defer b.Close()
		var items []testItem
		for i := range 5 {
			items = append(items, newItem(fmt.Sprint(i)))
			if err := b.Submit(items[i]); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := fmt.Sprintf("%s", line.commands); got != "[0;]" {
			t.Fatalf("while the first is on its way: %s", got)
		}
		line.answer("r0", nil)
		synctest.Wait()
		if got := fmt.Sprintf("%s", line.commands); got != "[0; 1;2;3;4;]" {
			t.Fatalf("after it: %s", got)
		}
		line.answer("r1", nil)
		for i, item := range items {
			want := testFate{result: "r1", position: i - 1}
			if i == 0 {
				want = testFate{result: "r0"}
			}
			if got := <-item.fate; got != want {
				t.Errorf("item %d: %v", i, got)
			}
		}
	})
}

// Full batches leave while others are on their way, up to InFlight; an item is
// never split, and one that is larger than the target goes alone.
func TestBatcherFillsAndPipelines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := new(fakeLine)
		b := newTestBatcher(t, line, func(c *BatcherConfig[testItem]) { c.InFlight = 2 })
		defer b.Close()
		half := string(make([]byte, BatchBytesTarget/2))
		huge := string(make([]byte, 3*BatchBytesTarget))
		for _, data := range []string{"first", half, half, huge, "x", "y"} {
			if err := b.Submit(newItem(data)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		sizes := func() (s []int) {
			for _, c := range line.commands {
				s = append(s, len(c))
			}
			return s
		}
		want := fmt.Sprint([]int{6, len(half) + 1})
		if got := fmt.Sprint(sizes()); got != want {
			t.Fatalf("two in flight: %s, want %s", got, want)
		}
		line.answer(nil, nil)
		synctest.Wait()
		line.answer(nil, nil)
		synctest.Wait()
		line.answer(nil, nil)
		synctest.Wait()
		line.answer(nil, nil)
		synctest.Wait()
		want = fmt.Sprint([]int{6, len(half) + 1, len(half) + 1, len(huge) + 1, 4})
		if got := fmt.Sprint(sizes()); got != want {
			t.Fatalf("all: %s, want %s", got, want)
		}
	})
}

func TestBatcherLimitsAndErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := new(fakeLine)
		b := newTestBatcher(t, line, func(c *BatcherConfig[testItem]) { c.QueueItemsMax, c.Overhead = 2, 10 })
		fits := newItem(string(make([]byte, CommandBytesMax-11)))
		if err := b.Submit(newItem(string(make([]byte, CommandBytesMax-10)))); !errors.Is(err, ErrTooLarge) {
			t.Errorf("past a command: %v", err)
		}
		if err := b.Submit(fits); err != nil {
			t.Errorf("at the limit: %v", err)
		}
		synctest.Wait()
		queued := []testItem{newItem("a"), newItem("b")}
		for _, i := range queued {
			if err := b.Submit(i); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Submit(newItem("c")); !errors.Is(err, ErrOverloaded) {
			t.Errorf("past the queue: %v", err)
		}
		line.mu.Lock()
		line.refuse = &NotLeaderError{Leader: "b"}
		line.mu.Unlock()
		line.answer(nil, ErrOutcomeUnknown)
		if f := <-fits.fate; !errors.Is(f.err, ErrOutcomeUnknown) {
			t.Errorf("lost on its way: %v", f.err)
		}
		for _, i := range queued {
			var notLeader *NotLeaderError
			if f := <-i.fate; !errors.As(f.err, &notLeader) {
				t.Errorf("refused at once: %v", f.err)
			}
		}
		line.mu.Lock()
		line.refuse = nil
		line.mu.Unlock()
		poison := newItem("poison")
		b.Submit(poison)
		if f := <-poison.fate; f.err == nil || f.err.Error() != "poison" {
			t.Errorf("not built: %v", f.err)
		}
		flying, waiting := newItem("flying"), newItem("waiting")
		b.Submit(flying)
		synctest.Wait()
		b.Submit(waiting)
		synctest.Wait()
		b.Close()
		if f := <-flying.fate; !errors.Is(f.err, ErrOutcomeUnknown) || !errors.Is(f.err, context.Canceled) {
			t.Errorf("on its way at the end: %v", f.err)
		}
		if f := <-waiting.fate; !errors.Is(f.err, ErrStopped) {
			t.Errorf("queued at the end: %v", f.err)
		}
		if err := b.Submit(newItem("late")); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
		line.answer(nil, nil)
	})
}

// Through a real cluster: every item's fate is told once, and what was
// acknowledged is in the ledger, batch by batch.
func TestBatcherOverCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		defer c.close()
		m := c.leader()
		b, err := NewBatcher(BatcherConfig[testItem]{
			Begin: m.node.Begin,
			Size:  func(i testItem) int { return len(i.data) + 1 },
			Build: func(_ time.Time, items []testItem) ([]byte, error) {
				var out []byte
				for _, i := range items {
					out = append(append(out, i.data...), ';')
				}
				return out, nil
			},
			Deliver: func(i testItem, result any, position int, err error) { i.fate <- testFate{result, position, err} },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var items []testItem
		for i := range 500 {
			items = append(items, newItem(fmt.Sprint("item-", i)))
			if err := b.Submit(items[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i, item := range items {
			f := <-item.fate
			if f.err != nil {
				t.Fatal(f.err)
			}
			entry := m.ledger.entries()[f.result.(uint64)]
			if got := string(bytes.Split(entry, []byte(";"))[f.position]); got != fmt.Sprint("item-", i) {
				t.Errorf("item %d stands as %q", i, got)
			}
		}
		c.settle()
		if size, _ := m.ledger.Head(); size > 100 {
			t.Errorf("500 items made %d entries: not grouped", size)
		}
	})
}
