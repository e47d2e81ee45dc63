package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

const ms = time.Millisecond

func TestSummaryIsTheMedianOfTheRounds(t *testing.T) {
	row := summarize("x", 7, []round{
		{took: time.Second, done: 300, p50: 2 * ms, p99: 3 * ms},
		{took: time.Second, done: 100, p50: 9 * ms, p99: 9 * ms, failed: 2},
		{took: 2 * time.Second, done: 400, p50: 4 * ms, p99: 5 * ms},
	})
	want := Row{Name: "x", Clients: 7, Rounds: 3, Done: 800, Failed: 2, Rate: 200, RateMin: 100, RateMax: 300, P50Ms: 4, P99Ms: 5}
	if row != want {
		t.Errorf("row %+v, want %+v", row, want)
	}
}

func TestTallyCountsEventsAndTimesWrites(t *testing.T) {
	var y tally
	y.add([]time.Duration{3 * ms, 1 * ms}, 299, 1)
	y.add([]time.Duration{2 * ms}, 0, 0)
	want := round{took: time.Second, done: 302, failed: 1, p50: 2 * ms, p99: 3 * ms}
	if r := y.round(time.Second); r != want {
		t.Errorf("round %+v, want %+v", r, want)
	}
	if r := (&tally{}).round(time.Second); r != (round{took: time.Second}) {
		t.Errorf("of nothing: %+v", r)
	}
}

func TestQuantileIsTheNearestRank(t *testing.T) {
	var sorted []time.Duration
	for n := range 10 {
		sorted = append(sorted, time.Duration(n+1)*ms)
	}
	for q, want := range map[float64]time.Duration{0.50: 5 * ms, 0.90: 9 * ms, 0.95: 10 * ms, 1: 10 * ms} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
}

func TestFlightTimesEitherOrderOfEnds(t *testing.T) {
	var f flight
	f.sent(1)
	f.landed(1, 1, nil)
	f.landed(2, 300, nil)
	f.sent(2)
	f.sent(3)
	f.landed(3, 0, errors.New("refused"))
	if len(f.latencies) != 2 || f.failed != 1 || f.more != 299 {
		t.Errorf("%d latencies, %d failed, %d more", len(f.latencies), f.failed, f.more)
	}
	for _, l := range f.latencies {
		if l < 0 {
			t.Errorf("latency %v", l)
		}
	}
}

// Stories go on in turn, each in its order; a story that ends makes room.
func TestStoriesAreSentInTurn(t *testing.T) {
	waiting := [][]int{{10, 11, 12}, {20}, {30, 31}}
	var sent []int
	run := func(most int) []int {
		sent = nil
		left := waiting
		inTurn(2, func() [][]client.Write {
			if len(left) == 0 {
				return nil
			}
			var writes [][]client.Write
			for _, n := range left[0] {
				writes = append(writes, make([]client.Write, n))
			}
			left = left[1:]
			return writes
		}, func(w []client.Write) bool {
			sent = append(sent, len(w))
			return len(sent) < most
		})
		return sent
	}
	if got, want := run(100), []int{10, 20, 11, 30, 12, 31}; !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	if got := run(3); len(got) != 3 {
		t.Errorf("sent %v after the end", got)
	}
}

func TestGroupsAreOneWrite(t *testing.T) {
	chain := told{events: make([]ledger.SignedEvent, 3)}.writes()
	group := told{events: make([]ledger.SignedEvent, 3), group: true}.writes()
	if len(chain) != 3 || len(chain[0]) != 1 || len(group) != 1 || len(group[0]) != 3 {
		t.Errorf("%d writes of a chain, %d of a group", len(chain), len(group))
	}
}

func at(n int) round { return round{took: time.Second, done: n, p50: time.Duration(n) * ms} }

func TestCostIsTheMedianOfTheRatiosOfItsRounds(t *testing.T) {
	c := newCost("x", 1, []round{at(90), at(300), at(50)}, []round{at(100), at(200), at(100)})
	if c.Ratio != (Spread{0.9, 0.5, 1.5}) {
		t.Errorf("ratio %+v, want 0.9 (0.5–1.5)", c.Ratio)
	}
	if c.With.Rate != 90 || c.Without.Rate != 100 {
		t.Errorf("rates %v and %v, want 90 and 100", c.With.Rate, c.Without.Rate)
	}
}

// beside is a run of one client and of 64 with figures that are easy to tell apart.
func beside() []*load {
	put1 := &load{name: namePut, clients: 1, rounds: []round{at(100)}}
	put64 := &load{name: namePut, clients: 64, rounds: []round{at(1000)}}
	return []*load{
		{name: nameUnary, clients: 1, rounds: []round{at(90)}, etcd: put1},
		{name: nameUnary, clients: 64, rounds: []round{at(1300)}, etcd: put64},
		{name: nameStreamed, clients: 1, rounds: []round{at(2500)}},
		{name: nameStreamed, clients: 64, rounds: []round{at(1900)}},
		{name: nameMix, clients: 16, rounds: []round{at(2100)}},
		{name: nameRead, clients: 64, rounds: []round{at(900)}, etcd: &load{name: nameGet, clients: 64, rounds: []round{at(1000)}}},
		{name: nameProof, clients: 64, rounds: []round{at(1000)}},
		{name: nameAudit, clients: 1, rounds: []round{at(59_999)}},
	}
}

func reportOf(loads []*load) *Report {
	r := &Report{Comparisons: compare(loads), Kills: &Kills{Count: 10, P95Ms: 3000}}
	for _, l := range loads {
		r.Rows = append(r.Rows, summarize(l.name, l.clients, l.rounds))
	}
	r.Figures = figures(r)
	return r
}

func TestFiguresStandBesideTheirBars(t *testing.T) {
	want := map[string]struct {
		measured float64
		verdict  Verdict
	}{
		"signed appends, streamed, the trade's mix":                {2.1, Holds},
		"signed appends, streamed, registrations only":             {2.5, Holds},
		"signed appends, one event a call, 1 clients":              {0.9, HoldsNot},
		"signed appends, one event a call, 64 clients":             {1.3, Holds},
		"one client, one event: p50":                               {0.9, Holds},
		"item read, linearizable, without proof":                   {0.9, HoldsNot},
		"receipt with proof, linearizable":                         {1, Holds},
		"item read with proof, final":                              {0, NotMeasured},
		"full audit (signatures, rules, chain, tree)":              {59_999, HoldsNot},
		"leader killed → next committed write, p95":                {3, Holds},
		"restart to serving at 10 M entries":                       {0, NotMeasured},
		"resident anonymous memory at 10 M entries, a node":        {0, NotMeasured},
		"disk a stored 400-byte event, a node":                     {0, NotMeasured},
		"append rate at 10 M entries over that of an empty ledger": {0, NotMeasured},
	}
	got := reportOf(beside()).Figures
	if len(got) != len(want) {
		t.Errorf("%d figures, want %d", len(got), len(want))
	}
	for _, f := range got {
		w, ok := want[f.Name]
		if !ok || f.Measured != w.measured || f.Verdict != w.verdict {
			t.Errorf("%q: %v, %s; want %v, %s", f.Name, f.Measured, f.Verdict, w.measured, w.verdict)
		}
		if f.Verdict == NotMeasured && f.Note == "" {
			t.Errorf("%q is not measured and does not say why", f.Name)
		}
	}
}

// Without etcd nothing is compared, and nothing holds by default.
func TestFiguresWithoutEtcd(t *testing.T) {
	loads := beside()
	for _, l := range loads {
		l.etcd = nil
	}
	r := reportOf(loads)
	if len(r.Comparisons) != 0 {
		t.Errorf("compared: %+v", r.Comparisons)
	}
	for _, f := range r.Figures {
		if f.Unit == timesEtcd && (f.Verdict != NotMeasured || f.Measured != 0) {
			t.Errorf("%+v", f)
		}
	}
}

func TestBarsHoldAtTheBar(t *testing.T) {
	for _, c := range []struct {
		atMost   bool
		measured float64
		want     Verdict
	}{
		{false, 2, Holds}, {false, 1.999, HoldsNot}, {true, 2, Holds}, {true, 2.001, HoldsNot},
	} {
		if got := (Figure{Bar: 2, AtMost: c.atMost}).judge(c.measured).Verdict; got != c.want {
			t.Errorf("%v, at most %v: %s", c.measured, c.atMost, got)
		}
	}
}

func TestOverloadKeepsWhatIsAccepted(t *testing.T) {
	second := func(accepted, refused int) pressedRound {
		return pressedRound{took: time.Second, accepted: make([]time.Duration, accepted), refused: refused, longest: time.Duration(refused) * ms}
	}
	o := newOverload(64, 640, []pressedRound{second(100, 0), second(200, 0), second(100, 0)}, []pressedRound{second(80, 5), second(100, 9), second(100, 7)})
	if o.Kept != (Spread{0.8, 0.5, 1}) || o.Pressed.Refused != 7 || o.Pressed.Accepted != 100 || o.Pressed.MaxMs != 9 || o.Saturated.Clients != 64 {
		t.Errorf("%+v", o)
	}
	clients, rate := saturating(reportOf(beside()).Rows)
	if clients != 64 || rate != 1300 {
		t.Errorf("saturated by %d clients with %v/s", clients, rate)
	}
}

func TestReportNamesWhatItWasMeasuredOn(t *testing.T) {
	r := reportOf(beside())
	r.Versions = Versions{Commit: "abc", Go: "go1", Raft: "raft 1", Log: "log 2", Pebble: "v2"}
	r.CPUs, r.Nodes, r.Fsync, r.EventBytes, r.RoundMs = 2, 3, true, 400, 2000
	r.Etcd = &Etcd{Etcd: "3.7.3", Raft: "v3", Go: "go1", Nodes: 3}
	r.Overload = newOverload(64, 640, []pressedRound{{took: time.Second, accepted: []time.Duration{ms}}}, []pressedRound{{took: time.Second, accepted: []time.Duration{ms}}})
	r.Costs = []Cost{newCost("append", 1, []round{at(9)}, []round{at(10)})}
	var table bytes.Buffer
	r.Text(&table)
	for _, want := range []string{"3 nodes on 2 cores", "400-byte", "abc", "raft 1", "pebble v2", "etcd 3.7.3", nameStreamed, "2500", "10 kills", "does not hold", "make bench-growth", "accepted rate kept: 1.00"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	var back Report
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil || !reflect.DeepEqual(&back, r) {
		t.Errorf("JSON does not come back: %v\n%s", err, b)
	}
	r.Etcd, r.EtcdLeftOut = nil, "it could not be built"
	table.Reset()
	r.Text(&table)
	if !strings.Contains(table.String(), "etcd is left out: it could not be built") {
		t.Errorf("the table does not say why etcd is left out:\n%s", table.String())
	}
}

func TestPeerThatCannotRun(t *testing.T) {
	if _, err := startPeer(t.TempDir() + "/etcdpeer"); err == nil {
		t.Error("a missing program started")
	}
}
