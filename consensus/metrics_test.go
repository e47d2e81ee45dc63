package consensus

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The sink of another go-metrics fork stays silent without a build tag: raft's
// figures must really arrive.
//
// It runs in a process of its own: the sink is global, and must not see the
// virtual time of other tests.
func TestMetricsArrive(t *testing.T) {
	const inside = "CONSENSUS_METRICS_TEST"
	if os.Getenv(inside) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMetricsArrive$", "-test.count=1")
		child.Env = append(os.Environ(), inside+"=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	registry := prometheus.NewRegistry()
	if err := InstallMetrics(registry); err != nil {
		t.Fatal(err)
	}
	c := newRealCluster(t, nil)
	c.propose(20, "x")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool)
	for _, f := range families {
		have[f.GetName()] = true
	}
	for _, want := range []string{"raft_apply", "raft_commitTime", "raft_state_leader", "raft_fsm_applyBatch", "raft_rpc_appendEntries"} {
		if !have[want] {
			t.Errorf("%s is missing", want)
		}
	}
	for name := range have {
		if !strings.HasPrefix(name, "raft_") {
			t.Errorf("%s is not raft's", name)
		}
	}
	if err := InstallMetrics(registry); err == nil {
		t.Error("installed twice in one registry")
	}
}
