package growth

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

// TestGrowthOfASmallLedger goes the whole way with a few entries: what is asserted
// is what was recorded, never how fast.
func TestGrowthOfASmallLedger(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two ledgers of three nodes")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "../../custodyd")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	told := 0
	report, err := Run(t.Context(), Config{
		Program: filepath.Join(dir, "custodyd"), Dir: dir, Points: []uint64{200, 2_000}, Rounds: 1, Round: 50 * time.Millisecond,
		Measured: func(*Report) error { told++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Points) != 2 || told != 5 || report.EndedBecause != "" {
		t.Errorf("%d points, told %d times, ended because %q", len(report.Points), told, report.EndedBecause)
	}
	for _, p := range report.Points {
		if p.Size < p.Entries+uint64(p.Appends.Done) || p.Root == "" || p.RestartMs <= 0 || p.LedgerBytes == 0 || p.RaftBytes == 0 || p.EventBytes == 0 {
			t.Errorf("a figure is missing: %+v", p)
		}
	}
	last := report.Points[1]
	switch c, j, a := report.Compared, report.Rejoin, report.Audit; {
	case c == nil || j == nil || a == nil:
		t.Fatalf("not all was measured: %+v", report)
	case c.FullSize < last.Size+uint64(c.Full.Done) || c.EmptySize < uint64(c.Empty.Done):
		t.Errorf("compared: %+v", c)
	case j.Entries < c.FullSize || a.Entries < j.Entries:
		t.Errorf("%d entries, %d after a rejoin, %d in the audit", c.FullSize, j.Entries, a.Entries)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "custody-growth-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFillingEndsWithTheBudget(t *testing.T) {
	g := &grower{config: Config{Budget: time.Nanosecond, Step: func(string) {}}, dir: t.TempDir(), began: time.Now().Add(-time.Second), report: &Report{}}
	var p Point
	ended, err := g.fill(t.Context(), 1_000, &p) // would fail without a ledger
	if err != nil || !ended || p.Filled != 0 || !strings.Contains(g.report.EndedBecause, "budget") {
		t.Errorf("ended %v, %v, filled %d, because %q", ended, err, p.Filled, g.report.EndedBecause)
	}
}

func TestPointsEndWithWhatIsAsked(t *testing.T) {
	for entries, want := range map[uint64][]uint64{
		1: {1}, 1_000: {1_000}, 1_001: {1_000, 1_001}, 300_000: {1_000, 100_000, 300_000},
		10_000_000: {1_000, 100_000, 300_000, 1_000_000, 2_000_000, 3_000_000, 5_000_000, 10_000_000},
	} {
		if got := PointsTo(entries); !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", entries, got, want)
		}
	}
}

func TestRunRefusesWhatMeasuresNothing(t *testing.T) {
	good := Config{Points: []uint64{1}, Rounds: 1, Round: time.Second}
	for name, change := range map[string]func(*Config){
		"no points":   func(c *Config) { c.Points = nil },
		"point 0":     func(c *Config) { c.Points = []uint64{0, 1} },
		"descending":  func(c *Config) { c.Points = []uint64{2, 1} },
		"no rounds":   func(c *Config) { c.Rounds = 0 },
		"no time":     func(c *Config) { c.Round = 0 },
		"budget past": func(c *Config) { c.Budget = -1 },
	} {
		config := good
		change(&config)
		if config.validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := good.validate(); err != nil {
		t.Error(err)
	}
}

// TestLaneSignsChains holds the order in which a lane gives events against what each
// names as the one before.
func TestLaneSignsChains(t *testing.T) {
	var dealers []trade.Dealer
	for i := range byte(3) {
		key, err := sign.NewPrivateKey(bytes.Repeat([]byte{i + 1}, 32))
		if err != nil {
			t.Fatal(err)
		}
		dealer, err := trade.DealerOf(ledger.LedgerID{1}, "made up", key)
		if err != nil {
			t.Fatal(err)
		}
		dealers = append(dealers, dealer)
	}
	l := newLane(1, dealers)
	last := map[ledger.ItemID]ledger.EventID{}
	registered, sent := 0, uint64(0)
	for range 500 {
		signed, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		sent += eventBytes(signed)
		event, rejection := ledger.DecodeEvent(ledger.RulesVersion1, signed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		refs := event.Names()
		if len(refs) == 0 {
			registered++
			last[ledger.NewItemID(signed.ID(), 0)] = signed.ID()
			continue
		}
		if last[refs[0]] == (ledger.EventID{}) {
			t.Fatalf("item %s was not registered before", refs[0])
		}
		last[refs[0]] = signed.ID()
	}
	if registered < 50 || registered > 150 || l.bytes != sent {
		t.Errorf("%d of 500 are registrations; %d bytes counted of %d", registered, l.bytes, sent)
	}
}

func TestFlightTimesEitherOrderOfEnds(t *testing.T) {
	f := flight{timed: true}
	f.end(1)
	f.end(2)
	f.end(2)
	f.end(1)
	f.end(3)
	if len(f.latencies) != 2 || len(f.open) != 1 {
		t.Errorf("%d latencies, %d open", len(f.latencies), len(f.open))
	}
}

func TestComparisonIsOfTheRoundsOfATurn(t *testing.T) {
	at := func(n int, cpu time.Duration) round { return round{took: time.Second, done: n, cpu: cpu} }
	c := newComparison([]round{at(90, 180), at(300, 300), at(50, 0)}, []round{at(100, 100), at(200, 200), at(100, 0)})
	if c.Ratio != 0.9 || c.RatioMin != 0.5 || c.RatioMax != 1.5 || c.Full.PerSecond != 90 || c.Empty.PerSecond != 100 {
		t.Errorf("%+v", c)
	}
	if c := newComparison([]round{at(1, 0)}, []round{at(0, 0)}); c.Ratio != 0 {
		t.Errorf("against nothing: %+v", c) // a number that JSON can hold
	}
}

// full is a report with every part.
func full() *Report {
	r := &Report{Commit: "0123456789abcdef", Go: "go1", CPUs: 2, Nodes: 3, Asked: 10_000_000, EndedBecause: "the budget of 1h0m0s was up"}
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range PointsTo(4_000_000) {
		r.Points = append(r.Points, Point{
			Entries: n, Size: n, EventBytes: 400 * n, LedgerBytes: 700 * n, RaftBytes: 1 << 30, RestartMs: 900, AnonymousBytes: 300 << 20,
			Appends: Appends{PerSecond: 9000 + 100*random.Float64(), P99Ms: 40},
		})
	}
	r.Compared = &Comparison{Ratio: 0.8, FullSize: 4_100_000, EmptySize: 100_000}
	r.Rejoin = &Rejoin{Entries: 4_100_000, TookMs: 100_000, PerSecond: 41_000}
	r.Audit = &Audit{Entries: 4_100_000, TookMs: 50_000, PerSecond: 82_000}
	return r
}

func TestTextSaysWhatHoldsAndHowFarItCame(t *testing.T) {
	var b bytes.Buffer
	full().Text(&b)
	for _, want := range []string{
		"4,000,000 of 10,000,000 entries: the budget of 1h0m0s was up", "The bars are for 10,000,000 entries; this is 4,000,000.",
		"| ≥ 0.9     | 0.80", "1.75 × (700 bytes of 400)", "| 1.00 GiB", "41,000", "82000",
	} {
		if !strings.Contains(b.String(), strings.ReplaceAll(want, "41,000", "41000")) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if bars := full().bars(); len(bars) != 5 || bars[0].holds || !bars[1].holds || !bars[4].holds {
		t.Errorf("bars %+v", bars)
	}
	b.Reset()
	new(Report).Text(&b) // nothing was measured yet
}

func TestBarsHoldAtTheBarAndNotPast(t *testing.T) {
	r := &Report{Compared: &Comparison{Ratio: barRatio}, Points: []Point{{
		Size: 1, EventBytes: 100, LedgerBytes: 200, RaftBytes: barRaftBytes, RestartMs: barRestartMs, AnonymousBytes: barAnonymous,
	}}}
	for _, b := range r.bars() {
		if !b.holds {
			t.Errorf("at its bar: %+v", b)
		}
	}
	p := &r.Points[0]
	r.Compared.Ratio -= 0.001
	p.LedgerBytes, p.RaftBytes, p.RestartMs, p.AnonymousBytes = p.LedgerBytes+1, p.RaftBytes+1, p.RestartMs+1, p.AnonymousBytes+1
	for _, b := range r.bars() {
		if b.holds {
			t.Errorf("past its bar: %+v", b)
		}
	}
}

func TestSVGIsWellFormedAndHasEveryPoint(t *testing.T) {
	for name, r := range map[string]*Report{"full": full(), "empty": {}} {
		var b bytes.Buffer
		if err := r.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Count(b.String(), "<circle"), 8*len(r.Points); got != want {
			t.Errorf("%s: %d marks, want %d", name, got, want)
		}
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Errorf("%s: a mark has no place", name)
		}
		decoder := xml.NewDecoder(&b)
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestDiskFreeOfThisFolder(t *testing.T) {
	if free, known := diskFree(os.TempDir()); known && free == 0 {
		t.Error("no space left, and the test runs")
	}
}
