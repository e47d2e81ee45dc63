package demo

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// trading is the load while it runs.
type trading struct {
	total int
	begun time.Time
	ended chan struct{}
	err   error // read after ended

	mu      sync.Mutex
	at      []time.Time // of every acknowledgement, in order of arrival
	changed chan struct{}
	marks   []story.Mark
}

// mark notes a moment for the chart.
func (t *trading) mark(at time.Time, name string) {
	t.marks = append(t.marks, story.Mark{At: at.Sub(t.begun), Name: name})
}

func (t *trading) acknowledged(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = append(t.at, at)
	close(t.changed)
	t.changed = make(chan struct{})
}

// wait returns when count events are acknowledged. It fails if the load ends
// before that.
func (t *trading) wait(ctx context.Context, count int) error {
	for {
		t.mu.Lock()
		have, changed := len(t.at), t.changed
		t.mu.Unlock()
		if have >= count {
			return nil
		}
		select {
		case <-changed:
		case <-t.ended:
			return errors.Join(t.err, fmt.Errorf("the trade ended after %d acknowledged events, expected %d", have, count))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gap is the longest time without an acknowledgement that contains a moment.
// The load must have ended.
func (t *trading) gap(moment time.Time) (time.Duration, error) {
	next, _ := slices.BinarySearchFunc(t.at, moment, time.Time.Compare)
	if next == 0 || next == len(t.at) {
		return 0, errors.New("no event was acknowledged before the kill, or none after it")
	}
	longest := t.at[next].Sub(t.at[next-1])
	// What was on its way when the leader died may still arrive just after.
	for i := next + 1; i < len(t.at) && t.at[i-1].Sub(moment) < 500*time.Millisecond; i++ {
		longest = max(longest, t.at[i].Sub(t.at[i-1]))
	}
	return longest, nil
}

const chartSlice = 50 * time.Millisecond

func (t *trading) chart() *story.Chart {
	chart := &story.Chart{
		Caption: fmt.Sprintf("Acknowledged events in every %d ms. Each was on the disks of two nodes or more, and checked, before it was acknowledged.", chartSlice.Milliseconds()),
		Slice:   chartSlice,
		Marks:   t.marks,
	}
	for _, at := range t.at {
		slice := int(at.Sub(t.begun) / chartSlice)
		for len(chart.Counts) <= slice {
			chart.Counts = append(chart.Counts, 0)
		}
		chart.Counts[slice]++
	}
	return chart
}

// readStones finds the item of every row of the spreadsheet, and the last event
// on it.
func (p *play) readStones(ctx context.Context) error {
	registrant := p.dealers[shop].Party()
	last := map[ledger.ItemID]ledger.EventID{}
	for view, err := range p.client.ListItems(ctx, client.ItemQuery{Registrant: &registrant}, client.Linearizable) {
		if err != nil {
			return err
		}
		last[ledger.ItemID(view.Item)] = ledger.EventID(view.Prev)
	}
	f, err := os.Open(p.path(itemsFile))
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range rows[1:] {
		item, err := ledger.ParseItemID(row[2])
		if err != nil {
			return err
		}
		prev, ok := last[item]
		if !ok {
			return fmt.Errorf("item %s of the spreadsheet is not on the ledger", item)
		}
		p.stones = append(p.stones, trade.Stone{ItemRef: ledger.ItemRef{Item: item, Prev: prev}})
	}
	if len(p.stones) != stonesCount {
		return fmt.Errorf("the ledger has %d stones of the shop, expected %d", len(p.stones), stonesCount)
	}
	return nil
}

// signRoutes signs everything that will happen to every stone.
func (p *play) signRoutes() error {
	p.chains = make([]trade.Chain, travellers)
	errs := make([]error, travellers)
	var done sync.WaitGroup
	const workers = 4
	for w := range workers {
		done.Go(func() {
			for i := w; i < travellers; i += workers {
				events, err := p.stones[i].Travel(p.dealers, routeOf(i))
				p.chains[i], errs[i] = trade.Writes(events...), err
			}
		})
	}
	done.Wait()
	return errors.Join(errs...)
}

// trade starts the load and comes back when part of it is acknowledged.
func (p *play) trade(ctx context.Context, act *story.Act) error {
	if err := p.readStones(ctx); err != nil {
		return err
	}
	signing := time.Now()
	if err := p.signRoutes(); err != nil {
		return err
	}
	signed := time.Since(signing)
	t := &trading{ended: make(chan struct{}), changed: make(chan struct{})}
	for _, chain := range p.chains {
		t.total += len(chain)
	}
	if err := p.startTrade(ctx, t); err != nil {
		return err
	}
	p.trading = t
	before := t.total * 2 / 5
	if err := t.wait(ctx, before); err != nil {
		return err
	}
	took := time.Since(t.begun)
	act.Sentence = fmt.Sprintf("%s stones are sold, sent on memo, returned and converted through four hands and more; "+
		"the first %s of %s signed events are recorded in %s, %s a second.",
		story.Count(travellers), story.Count(before), story.Count(t.total), story.Seconds(took), story.Count(int(float64(before)/took.Seconds())))
	act.Details = []story.Detail{
		story.Text(fmt.Sprintf("Each event names the one before it on its stone, so the whole way of every stone was signed beforehand, in %s, "+
			"and is sent without waiting, over one stream to each node.", story.Seconds(signed))),
		{Table: p.routesTable()},
	}
	return nil
}

// startTrade sends every chain, over one stream to each node.
func (p *play) startTrade(ctx context.Context, t *trading) error {
	var clients []*client.Client
	for i := range p.net.Nodes() {
		c, err := p.net.NewClient(i)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	t.begun = time.Now()
	go func() {
		defer close(t.ended)
		t.err = trade.Load(ctx, clients, p.chains, func(a trade.Acknowledged) {
			p.acknowledged[a.Receipt.Event] = a.Receipt
			t.acknowledged(a.At)
		})
		for _, c := range clients {
			c.Close()
		}
	}()
	return nil
}

// routesTable counts what is on its way.
func (p *play) routesTable() *story.Table {
	names := []string{"sales", "memos", "returns", "memo goods sold to their holder", "declined", "withdrawn"}
	counts := make([]int, len(names))
	for i := range travellers {
		for _, leg := range routeOf(i) {
			switch {
			case leg.Answer == trade.Declined:
				counts[4]++
			case leg.Answer == trade.Withdrawn:
				counts[5]++
			default:
				counts[leg.Mode-custodyv1.Mode_MODE_SALE]++
			}
		}
	}
	table := &story.Table{Caption: "Every movement is two events, an offer and its answer", Columns: []string{"movement", "of stones"}, Numbers: []bool{false, true}}
	for i, name := range names {
		table.Rows = append(table.Rows, []string{name, story.Count(counts[i])})
	}
	return table
}

// kill ends the leader's process while the load runs, and waits for the load.
func (p *play) kill(ctx context.Context, act *story.Act) error {
	leader, err := p.net.Leader(ctx)
	if err != nil {
		return err
	}
	pid := leader.PID()
	killed := time.Now()
	leader.Kill()
	p.killed = leader
	p.trading.mark(killed, "leader killed")
	next, err := p.net.Leader(ctx)
	if err != nil {
		return err
	}
	p.trading.mark(time.Now(), "new leader known")
	select {
	case <-p.trading.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := p.trading.err; err != nil {
		return err
	}
	if have := len(p.trading.at); have != p.trading.total {
		return fmt.Errorf("%d of %d events were acknowledged", have, p.trading.total)
	}
	gap, err := p.trading.gap(killed)
	if err != nil {
		return err
	}
	took := p.trading.at[len(p.trading.at)-1].Sub(p.trading.begun)
	act.Sentence = fmt.Sprintf("kill -9 ends %s, the leader: for %s nothing is written, then %s leads and the two others carry on to the last event.",
		leader.Member.Node, story.Seconds(gap), next.Member.Node)
	act.Details = []story.Detail{
		story.Text(fmt.Sprintf("Process %d was killed. The streams went on at the other nodes by themselves and sent again what had no answer; "+
			"sending again is safe, because an event is recorded once. All %s events were acknowledged in %s, %s a second with the gap included.",
			pid, story.Count(p.trading.total), story.Seconds(took), story.Count(int(float64(p.trading.total)/took.Seconds())))),
		{Chart: p.trading.chart()},
	}
	return nil
}

// comeBack starts the killed node again and holds all nodes against each other
// and against everything that was acknowledged.
func (p *play) comeBack(ctx context.Context, act *story.Act) error {
	begun := time.Now()
	if err := p.killed.Restart(ctx); err != nil {
		return err
	}
	ready := time.Since(begun)
	head, err := p.client.TreeHead(ctx, 0, client.Linearizable)
	if err != nil {
		return err
	}
	if err := p.killed.WaitSize(ctx, head.Size); err != nil {
		return err
	}
	caughtUp := time.Since(begun)
	if err := p.compare(ctx, head); err != nil {
		return err
	}
	act.Sentence = fmt.Sprintf("%s starts again and has caught up after %s; all %s acknowledged events stand once, at the same place, byte for byte alike on all three nodes.",
		p.killed.Member.Node, story.Seconds(caughtUp), story.Count(len(p.acknowledged)))
	act.Details = []story.Detail{story.Text(fmt.Sprintf(
		"It served again after %s. Then all %s entries of every node were read and compared, and every receipt was looked up.", story.Seconds(ready), story.Count(head.Size)))}
	return nil
}
