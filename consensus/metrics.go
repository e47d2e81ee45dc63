package consensus

import (
	"fmt"

	"github.com/armon/go-metrics"
	metricsprom "github.com/armon/go-metrics/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// InstallMetrics sends raft's own figures to a registerer, as families named
// raft_*. raft keeps them in one global place, so this is for main to call,
// once in a process; nodes that share the process share the figures.
func InstallMetrics(to prometheus.Registerer) error {
	sink, err := metricsprom.NewPrometheusSinkFrom(metricsprom.PrometheusOpts{Registerer: to})
	if err != nil {
		return fmt.Errorf("consensus: register raft's metrics: %w", err)
	}
	config := metrics.DefaultConfig("")
	config.EnableHostname = false
	config.EnableRuntimeMetrics = false
	if _, err := metrics.NewGlobal(config, sink); err != nil {
		return fmt.Errorf("consensus: install raft's metrics: %w", err)
	}
	return nil
}
