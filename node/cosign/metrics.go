package cosign

import "github.com/prometheus/client_golang/prometheus"

// metrics are a cosigner's figures.
type metrics struct {
	finalSize    prometheus.Gauge
	finalAge     prometheus.Gauge
	commitFinal  prometheus.Histogram
	rounds       *prometheus.CounterVec // of the leader, by result
	refusals     *prometheus.CounterVec // that this node gave, by reason
	refused      *prometheus.CounterVec // that this node got as leader, by reason
	offset       *prometheus.GaugeVec   // by node
	alarms       *prometheus.GaugeVec   // by kind
	witnessed    *prometheus.CounterVec // by witness and result
	evidenceKept prometheus.Counter
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "custody", Name: name, Help: help}
	}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "custody", Name: name, Help: help}
	}
	m := &metrics{
		finalSize: prometheus.NewGauge(gauge("final_size", "Size of the last final checkpoint that this node has.")),
		finalAge:  prometheus.NewGauge(gauge("final_age_seconds", "How long ago this node got its last final checkpoint.")),
		commitFinal: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "custody", Name: "commit_to_final_seconds", Help: "From the apply of entries to the final checkpoint over them, at this node.",
			Buckets: []float64{0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 3, 5, 10, 30, 60, 300},
		}),
		rounds:       prometheus.NewCounterVec(counter("cosign_rounds_total", "Rounds in which this node, as leader, asked the others to cosign, by result."), []string{"result"}),
		refusals:     prometheus.NewCounterVec(counter("cosign_refusals_total", "Requests to cosign that this node refused, by reason."), []string{"reason"}),
		refused:      prometheus.NewCounterVec(counter("cosign_refused_total", "Requests to cosign that other nodes refused or left unanswered, by reason."), []string{"reason"}),
		offset:       prometheus.NewGaugeVec(gauge("clock_offset_seconds", "How far another node's clock is ahead of this one's."), []string{"peer"}),
		alarms:       prometheus.NewGaugeVec(gauge("alarms", "Alarms that stand, by kind."), []string{"kind"}),
		witnessed:    prometheus.NewCounterVec(counter("witness_requests_total", "Requests to outside witnesses, by witness and result."), []string{"witness", "result"}),
		evidenceKept: prometheus.NewCounter(counter("evidence_files_total", "Evidence files that this node wrote since its start.")),
	}
	if to == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.finalSize, m.finalAge, m.commitFinal, m.rounds, m.refusals, m.refused, m.offset, m.alarms, m.witnessed, m.evidenceKept} {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
