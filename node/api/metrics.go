package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/custodyledger/custodyledger/ledger"
)

// metrics count calls. Labels are methods, codes and reasons, which are closed
// lists; never an id.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	writes  *prometheus.CounterVec
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "custody_api_calls_total",
			Help: "Calls that ended, by method and gRPC code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "custody_api_call_seconds",
			Help:    "How long calls took, streams until their end.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 17),
		}, []string{"method"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "custody_api_writes_total",
			Help: "Events and groups that clients sent, by what became of them: recorded, duplicate, or the reason.",
		}, []string{"outcome"}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.seconds, m.writes} {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(method string, code codes.Code, took time.Duration) {
	m.calls.WithLabelValues(method, code.String()).Inc()
	m.seconds.WithLabelValues(method).Observe(took.Seconds())
}

func (m *metrics) observeWrite(receipts []ledger.Receipt, f *fault) {
	outcome := "recorded"
	switch {
	case f != nil:
		outcome = string(f.reason)
	case len(receipts) > 0 && receipts[0].Duplicate:
		outcome = "duplicate"
	}
	m.writes.WithLabelValues(outcome).Inc()
}
