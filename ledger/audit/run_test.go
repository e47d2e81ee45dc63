package audit

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestGroupOfTwoParties: the sequencer records what it is given as one
// submission; that a group is one party's is for the audit to see.
func TestGroupOfTwoParties(t *testing.T) {
	w := newWorld(t)
	w.admit("north", "asha")
	w.admit("north", "bram")
	id := []byte("sixteen bytes id")
	w.add(w.registration("asha", &custodyv1.Group{Id: id, Count: 2}, 1), w.registration("bram", &custodyv1.Group{Id: id, Position: 1, Count: 2}, 2))
	w.wants(t, "two parties", w.audit(w.source("copy")), 4, GroupBroken)
}

// TestLargestGroup: 1,000 events that stand together, longer than a run.
func TestLargestGroup(t *testing.T) {
	w := newWorld(t)
	w.admit("north", "asha")
	var events []ledger.SignedEvent
	for i := range ledger.GroupEventsMax {
		events = append(events, w.registration("asha", &custodyv1.Group{Id: []byte("sixteen bytes id"), Position: uint32(i), Count: ledger.GroupEventsMax}, i))
	}
	w.add(events...)
	w.register("asha", 5000)
	if finding, size := replayIn(t, w, w.entries[1:], 7); finding != "" || size != uint64(len(w.entries)) {
		t.Fatalf("%s at %d", finding, size)
	}
}

// brokenSource fails after some entries, and may be asked to wait.
type brokenSource struct {
	*copySource
	after int
	err   error
	wait  bool
}

func (s *brokenSource) Entries(ctx context.Context, from, to uint64, yield func([]byte) error) error {
	given := 0
	err := s.copySource.Entries(ctx, from, to, func(entry []byte) error {
		if given++; given > s.after {
			if s.wait {
				<-ctx.Done()
				return ctx.Err()
			}
			return s.err
		}
		return yield(entry)
	})
	return err
}

// TestSourceFails: what the world does is no finding, and what was verified
// before stays verified.
func TestSourceFails(t *testing.T) {
	w := story(t)
	broken := errors.New("the line is down")
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	auditor := Auditor{State: state, Sources: []Source{&brokenSource{copySource: w.source("broken"), after: 9, err: broken}}}
	report, err := auditor.Run(context.Background())
	if err != nil || report.OK() || len(report.Findings()) > 0 || !errors.Is(report.Sources[0].Err, broken) {
		t.Fatalf("%v, %+v", err, report)
	}
	if report.Head.Size == 0 || report.Head.Size > 10 || report.Head.Root != rootOf(w.entries[:report.Head.Size]) {
		t.Fatalf("%+v", report.Head)
	}
	auditor.Sources = []Source{w.source("mended")}
	if report, err := auditor.Run(context.Background()); err != nil || !report.OK() || report.Head != w.head() {
		t.Fatalf("%v, %+v", err, report)
	}
}

func TestContextEndsAudit(t *testing.T) {
	w := story(t)
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	source := &brokenSource{copySource: w.source("slow"), after: 5, wait: true}
	auditor := Auditor{State: state, Sources: []Source{source}}
	done := make(chan error)
	go func() {
		_, err := auditor.Run(ctx)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestProgress(t *testing.T) {
	w := story(t)
	state, err := Start(w.file)
	if err != nil {
		t.Fatal(err)
	}
	var last [2]Progress
	auditor := Auditor{State: state, Sources: []Source{w.source("one"), w.source("two")}, Progress: func(p Progress) {
		at := 0
		if p.Source == "two" {
			at = 1
		}
		if p.Done < last[at].Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last[at])
		}
		last[at] = p
	}}
	if report, err := auditor.Run(context.Background()); err != nil || !report.OK() {
		t.Fatalf("%v, %+v", err, report)
	}
	all := uint64(len(w.entries) - 1)
	if last[0] != (Progress{"one", all, all, true}) || last[1] != (Progress{"two", all, all, false}) {
		t.Errorf("%+v", last)
	}
	if _, err := (&Auditor{}).Run(context.Background()); err == nil {
		t.Error("nothing to audit is no audit")
	}
}

// BenchmarkState measures the memory of a state with a million items, each with
// a reference and one event.
func BenchmarkState(b *testing.B) {
	const items = 1_000_000
	for b.Loop() {
		w := newWorld(b)
		w.admit("north", "asha")
		s, party := w.state, partyOf("asha")
		before := liveBytes()
		for i := range uint64(items) {
			id := ledger.EventID{byte(i), byte(i >> 8), byte(i >> 16), 1}
			s.addEvent(id)
			item := ledger.NewItemID(id, 0)
			s.put(rules.Changes{
				Matters:       []rules.Matter{stone(item)},
				Items:         []rules.Item{{ID: item, Status: rules.Live, Registrant: party, Last: id, Custody: rules.Inside(party), Title: rules.Sole(rules.Inside(party))}},
				Registrations: []rules.Registration{{Party: party, Reference: ledger.Reference(id[:16]), Item: item}},
			})
		}
		b.ReportMetric(float64(liveBytes()-before)/items, "bytes/item")
		runtime.KeepAlive(s)
	}
}

// stone is the matter of a diamond of one origin.
func stone(item ledger.ItemID) rules.Matter {
	return rules.Matter{
		Item: item, Material: custodyv1.Material_MATERIAL_DIAMOND, Form: custodyv1.Form_FORM_SINGLE, Nature: custodyv1.Nature_NATURE_NATURAL, Stage: custodyv1.Stage_STAGE_POLISHED,
		Mass: 214_000, Basis: custodyv1.MassBasis_MASS_BASIS_WEIGHED,
		Origin: []rules.Component{{Source: rules.Source{Kind: custodyv1.OriginKind_ORIGIN_KIND_MINED, Countries: "BW CA ZA", Producer: "mine.example.org"}, Micrograms: 214_000}},
	}
}

func liveBytes() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
