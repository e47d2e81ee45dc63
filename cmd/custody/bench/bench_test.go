package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSummaryIsTheMedianOfTheRounds(t *testing.T) {
	ms := time.Millisecond
	rounds := []round{
		{took: time.Second, done: 300, latencies: []time.Duration{3 * ms, 1 * ms, 2 * ms}},
		{took: time.Second, done: 100, latencies: []time.Duration{9 * ms}, failed: 2},
		{took: 2 * time.Second, done: 400, latencies: []time.Duration{5 * ms, 4 * ms}},
	}
	row := summarize("x", 7, rounds)
	if row.Rate != 200 || row.RateMin != 100 || row.RateMax != 300 {
		t.Errorf("rates %v (%v–%v), want 200 (100–300)", row.Rate, row.RateMin, row.RateMax)
	}
	if row.P50Ms != 4 || row.Done != 800 || row.Failed != 2 || row.Clients != 7 || row.Rounds != 3 {
		t.Errorf("row %+v", row)
	}
}

func TestFlightTimesEitherOrderOfEnds(t *testing.T) {
	var f flight
	f.sent(1)
	f.landed(1, nil)
	f.landed(2, nil)
	f.sent(2)
	f.sent(3)
	f.landed(3, errors.New("refused"))
	if len(f.latencies) != 2 || f.failed != 1 {
		t.Errorf("%d latencies, %d failed", len(f.latencies), f.failed)
	}
	for _, l := range f.latencies {
		if l < 0 {
			t.Errorf("latency %v", l)
		}
	}
}

func TestReportNamesWhatItWasMeasuredOn(t *testing.T) {
	r := &Report{Commit: "abc", Go: "go1", CPUs: 2, Nodes: 3, Fsync: true, EventBytes: 400, RoundMs: 2000, Rows: []Row{{Name: "append, streamed", Clients: 16, Rate: 1234}}}
	var table bytes.Buffer
	r.Text(&table)
	for _, want := range []string{"3 nodes on 2 cores", "400-byte", "abc", "append, streamed", "1234"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	var back Report
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil || back.Rows[0] != r.Rows[0] {
		t.Errorf("JSON does not come back: %v, %+v", err, back)
	}
}

func TestCostIsTheMedianOfTheRatiosOfItsRounds(t *testing.T) {
	at := func(n int) round { return round{took: time.Second, done: n} }
	c := newCost("x", 1, []round{at(90), at(300), at(50)}, []round{at(100), at(200), at(100)})
	if c.Ratio != 0.9 || c.RatioMin != 0.5 || c.RatioMax != 1.5 {
		t.Errorf("ratio %v (%v–%v), want 0.9 (0.5–1.5)", c.Ratio, c.RatioMin, c.RatioMax)
	}
	if c.With.Rate != 90 || c.Without.Rate != 100 {
		t.Errorf("rates %v and %v, want 90 and 100", c.With.Rate, c.Without.Rate)
	}
}
