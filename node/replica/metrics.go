package replica

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/custodyledger/custodyledger/ledger"
)

// Metrics are a replica's figures. No label names a party, an item or an event.
type Metrics struct {
	submissions *prometheus.CounterVec   // by outcome, as this node answered them
	rejections  *prometheus.CounterVec   // by reason, as this node answered them
	forwarded   prometheus.Counter       // submissions sent on to the leader
	submit      prometheus.Histogram     // from Submit to its answer
	apply       prometheus.Histogram     // one apply
	applyEvents prometheus.Histogram     // events in one apply
	verified    *prometheus.CounterVec   // events in applies, by where they were verified
	reads       *prometheus.HistogramVec // until the snapshot is ready, by consistency
	caughtUp    prometheus.Counter       // entries fetched and verified in catch-ups
	catchUps    *prometheus.CounterVec   // by result
}

// NewMetrics registers a replica's figures. A nil registerer keeps them to
// itself.
func NewMetrics(to prometheus.Registerer) (*Metrics, error) {
	const namespace = "custody"
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}
	}
	seconds := prometheus.ExponentialBuckets(0.0001, 2, 18)
	m := &Metrics{
		submissions: prometheus.NewCounterVec(counter("submissions_total", "Submissions answered by this node, by outcome."), []string{"outcome"}),
		rejections:  prometheus.NewCounterVec(counter("rejections_total", "Submissions that this node answered with a rejection, by reason."), []string{"reason"}),
		forwarded:   prometheus.NewCounter(counter("forwarded_total", "Submissions sent on to the leader.")),
		submit:      prometheus.NewHistogram(histogram("submit_seconds", "From a submission to its answer.", seconds)),
		apply:       prometheus.NewHistogram(histogram("apply_seconds", "Verifying, judging and storing what one apply holds.", seconds)),
		applyEvents: prometheus.NewHistogram(histogram("apply_events", "Events in one apply.", prometheus.ExponentialBuckets(1, 2, 14))),
		verified:    prometheus.NewCounterVec(counter("apply_signatures_total", "Events in applies, by when this node verified them: before the proposal or in apply."), []string{"verified"}),
		reads:       prometheus.NewHistogramVec(histogram("read_wait_seconds", "Until a read may begin, by consistency.", seconds), []string{"consistency"}),
		caughtUp:    prometheus.NewCounter(counter("catch_up_entries_total", "Entries fetched from peers and verified.")),
		catchUps:    prometheus.NewCounterVec(counter("catch_ups_total", "Attempts to catch up, by result."), []string{"result"}),
	}
	if to == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.submissions, m.rejections, m.forwarded, m.submit, m.apply, m.applyEvents, m.verified, m.reads, m.caughtUp, m.catchUps} {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) observeApply(results []*applied, took time.Duration) {
	events := 0
	for _, r := range results {
		for _, outcome := range r.outcomes {
			events += max(1, len(outcome.Receipts))
		}
	}
	m.apply.Observe(took.Seconds())
	m.applyEvents.Observe(float64(events))
}

func (m *Metrics) observeVerified(before, now int) {
	m.verified.WithLabelValues("before").Add(float64(before))
	m.verified.WithLabelValues("apply").Add(float64(now))
}

func (m *Metrics) observeSubmit(outcome ledger.Outcome, err error, took time.Duration) {
	m.submit.Observe(took.Seconds())
	switch {
	case err != nil:
		m.submissions.WithLabelValues(errorLabel(err)).Inc()
	case outcome.Rejection != nil:
		m.submissions.WithLabelValues("rejected").Inc()
		m.rejections.WithLabelValues(string(outcome.Rejection.Reason)).Inc()
	case len(outcome.Receipts) > 0 && outcome.Receipts[0].Duplicate:
		m.submissions.WithLabelValues("duplicate").Inc()
	default:
		m.submissions.WithLabelValues("recorded").Inc()
	}
}
