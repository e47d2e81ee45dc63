package cosign

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Kinds of alarms.
const (
	AlarmHeadDiffers = "head_differs" // another node signed a head that this node's ledger does not have
	AlarmConvicted   = "convicted"    // an evidence file convicts a node
	AlarmClock       = "clock"        // this node's clock, or another's, is off
	AlarmLate        = "final_late"   // something new waits for a final checkpoint
	AlarmRecall      = "recall"       // this node does not know yet what it once signed
	AlarmNotSigning  = "not_signing"  // this node holds no key in force
	AlarmEvidence    = "evidence"     // an evidence file could not be kept
)

// alarmsMax bounds the alarms that stand at a time. There are a few a node; a
// peer cannot make more than one of a kind.
const alarmsMax = 256

// alarms are what a node holds against others or the cluster, each under a kind
// and a subject, until it is cleared or the node ends. Safe for concurrent use.
type alarms struct {
	gauge  *prometheus.GaugeVec
	logger *slog.Logger

	mu    sync.Mutex
	stand map[alarmKey]string // sentence
}

type alarmKey struct{ kind, subject string }

func newAlarms(gauge *prometheus.GaugeVec, logger *slog.Logger) *alarms {
	for _, kind := range []string{AlarmHeadDiffers, AlarmConvicted, AlarmClock, AlarmLate, AlarmRecall, AlarmNotSigning, AlarmEvidence} {
		gauge.WithLabelValues(kind).Set(0)
	}
	return &alarms{gauge: gauge, logger: logger, stand: map[alarmKey]string{}}
}

// raise sets an alarm, or its sentence anew. It is logged when it is set.
func (a *alarms) raise(kind, subject, sentence string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := alarmKey{kind, subject}
	_, stands := a.stand[key]
	if !stands && len(a.stand) >= alarmsMax {
		return
	}
	a.stand[key] = sentence
	if !stands {
		a.gauge.WithLabelValues(kind).Inc()
		a.logger.Error("alarm", "kind", kind, "subject", subject, "alarm", sentence)
	}
}

// clear ends an alarm, if it stands.
func (a *alarms) clear(kind, subject string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := alarmKey{kind, subject}
	if _, stands := a.stand[key]; stands {
		delete(a.stand, key)
		a.gauge.WithLabelValues(kind).Dec()
		a.logger.Info("alarm ended", "kind", kind, "subject", subject)
	}
}

// sentences gives every alarm that stands, in order of kind and subject.
func (a *alarms) sentences() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []alarmKey
	for key := range a.stand {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y alarmKey) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.subject, y.subject))
	})
	var sentences []string
	for _, key := range keys {
		sentences = append(sentences, key.kind+": "+a.stand[key])
	}
	return sentences
}
