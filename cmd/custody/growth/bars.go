package growth

// The bars of what may grow, and the size at which they are to hold.
const (
	barEntries   = 10_000_000
	barRatio     = 0.9
	barRestartMs = 3_000
	barAnonymous = 512 << 20
	barDisk      = 2.0
	barRaftBytes = 13 << 30 / 10
)

// bar is one figure beside what it should be.
type bar struct {
	figure   string
	want     string
	measured string
	holds    bool
}

// bars gives those that the report has figures for, at its last point.
func (r *Report) bars() []bar {
	var bars []bar
	if c := r.Compared; c != nil {
		bars = append(bars, bar{"append rate against an empty ledger", "≥ 0.9", format("%.2f (%.2f–%.2f)", c.Ratio, c.RatioMin, c.RatioMax), c.Ratio >= barRatio})
	}
	if len(r.Points) == 0 {
		return bars
	}
	p := r.Points[len(r.Points)-1]
	if p.RestartMs > 0 {
		bars = append(bars, bar{"restart to serving", "≤ 3 s", format("%.2f s", p.RestartMs/1000), p.RestartMs <= barRestartMs})
	}
	if p.AnonymousBytes > 0 {
		bars = append(bars, bar{"resident anonymous memory, a node", "≤ 512 MiB", format("%.0f MiB", mebibytes(p.AnonymousBytes)), p.AnonymousBytes <= barAnonymous})
	}
	return append(bars,
		bar{"disk an event, a node, of its bytes", "≤ 2.0 ×", format("%.2f × (%.0f bytes of %.0f)", p.diskRatio(), p.diskBytesMean(), p.eventBytesMean()), p.diskRatio() <= barDisk},
		bar{"raft log, a node", "≤ 1.3 GiB", format("%.2f GiB", float64(p.RaftBytes)/(1<<30)), p.RaftBytes <= barRaftBytes},
	)
}

func mebibytes(n uint64) float64 { return float64(n) / (1 << 20) }
