package bench

import "fmt"

// Comparison is one load beside etcd's, round by round.
type Comparison struct {
	Name    string `json:"name"`
	Etcd    string `json:"etcd"`
	Clients int    `json:"clients"` // 0: the best of any number, on either side
	// Rate is our rate over etcd's; P50 our median latency over etcd's.
	Rate Spread `json:"rate"`
	P50  Spread `json:"p50,omitzero"`
}

// compare sets loads beside etcd's: those that ran in turn, reads with proof of which
// etcd has no like beside its reads of as many clients, and the best appends and
// reads of any number.
func compare(loads []*load) []Comparison {
	var comparisons []Comparison
	best := map[string]*load{}
	for _, l := range loads {
		for _, one := range []*load{l, l.etcd} {
			if one != nil && (best[one.name] == nil || one.rate() > best[one.name].rate()) {
				best[one.name] = one
			}
		}
		if l.etcd != nil {
			comparisons = append(comparisons, newComparison(l, l.etcd, l.clients))
		}
	}
	for _, l := range loads {
		if l.name != nameProof && l.name != nameStated {
			continue
		}
		for _, other := range loads {
			if other.etcd != nil && other.etcd.name == nameGet && other.clients == l.clients {
				comparisons = append(comparisons, newComparison(l, other.etcd, l.clients))
			}
		}
	}
	for _, pair := range [][2]string{{nameStreamed, namePut}, {nameMix, namePut}, {nameRead, nameGet}} {
		if ours, etcd := best[pair[0]], best[pair[1]]; ours != nil && etcd != nil {
			comparisons = append(comparisons, newComparison(ours, etcd, 0))
		}
	}
	return comparisons
}

// rate is the median of the rounds.
func (l *load) rate() float64 {
	var rates []float64
	for _, r := range l.rounds {
		rates = append(rates, r.rate())
	}
	return median(rates)
}

func newComparison(ours, etcd *load, clients int) Comparison {
	c := Comparison{Name: ours.name, Etcd: etcd.name, Clients: clients}
	var rates, p50s []float64
	for i := range ours.rounds {
		rates = append(rates, ours.rounds[i].rate()/etcd.rounds[i].rate())
		if clients != 0 {
			p50s = append(p50s, float64(ours.rounds[i].p50)/float64(etcd.rounds[i].p50))
		}
	}
	c.Rate = spread(rates)
	if clients != 0 {
		c.P50 = spread(p50s)
	}
	return c
}

// Verdict says whether a figure reaches its bar.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	HoldsNot    Verdict = "does not hold"
	NotMeasured Verdict = "not measured"
)

// Figure is one line of the design's numbers: what is asked for, what was measured.
type Figure struct {
	Name string `json:"name"`
	// Bar is asked for; AtMost says that less is better.
	Bar     float64 `json:"bar"`
	Further float64 `json:"further"`
	AtMost  bool    `json:"at_most"`
	Unit    string  `json:"unit"`
	// Measured is 0 where it is not.
	Measured float64 `json:"measured,omitempty"`
	Verdict  Verdict `json:"verdict"`
	// Note says why a figure is not measured, or of what it is.
	Note string `json:"note,omitempty"`
}

const (
	timesEtcd  = "× etcd"
	noteGrowth = "make bench-growth"
)

// figures gives every line of the design's numbers, in its order.
func figures(r *Report) []Figure {
	list := []Figure{
		r.ratio("signed appends, streamed, the trade's mix", nameMix, 0, 2, 3),
		r.ratio("signed appends, streamed, registrations only", nameStreamed, 0, 2, 3),
	}
	for _, row := range r.Rows {
		if row.Name == nameUnary {
			list = append(list, r.ratio(fmt.Sprintf("signed appends, one event a call, %d clients", row.Clients), nameUnary, row.Clients, 1.2, 2))
		}
	}
	list = append(list,
		r.latency(),
		r.ratio("item read, linearizable, without proof", nameRead, 0, 1, 2),
		r.ratio("receipt with proof, linearizable", nameProof, r.clientsOf(nameProof), 1, 2),
		r.ratio("item read with proof, final", nameStated, r.clientsOf(nameStated), 1, 2),
		r.auditRate(),
		Figure{Name: "append rate at 10 M entries over that of an empty ledger", Bar: 0.9, Further: 1, Unit: "×", Verdict: NotMeasured, Note: noteGrowth},
		Figure{Name: "restart to serving at 10 M entries", Bar: 3, Further: 1, AtMost: true, Unit: "s", Verdict: NotMeasured, Note: noteGrowth},
		Figure{Name: "resident anonymous memory at 10 M entries, a node", Bar: 512, Further: 256, AtMost: true, Unit: "MiB", Verdict: NotMeasured, Note: noteGrowth},
		Figure{Name: "disk a stored 400-byte event, a node", Bar: 2, Further: 1.4, AtMost: true, Unit: "× its bytes", Verdict: NotMeasured, Note: noteGrowth},
		r.killed(),
	)
	return list
}

// judge fills in what was measured.
func (f Figure) judge(measured float64) Figure {
	f.Measured, f.Verdict = measured, HoldsNot
	if f.AtMost && measured <= f.Bar || !f.AtMost && measured >= f.Bar {
		f.Verdict = Holds
	}
	return f
}

func (f Figure) leftOut(why string) Figure {
	f.Verdict, f.Note = NotMeasured, why
	return f
}

// ratio is the rate of a load over etcd's; 0 clients asks for the best of both.
func (r *Report) ratio(name, load string, clients int, bar, further float64) Figure {
	f := Figure{Name: name, Bar: bar, Further: further, Unit: timesEtcd}
	for _, c := range r.Comparisons {
		if c.Name == load && c.Clients == clients {
			return f.judge(c.Rate.Median)
		}
	}
	return f.leftOut("etcd did not run beside it")
}

// clientsOf is the number of clients of a load that runs with one number only.
func (r *Report) clientsOf(load string) int {
	for _, row := range r.Rows {
		if row.Name == load {
			return row.Clients
		}
	}
	return 0
}

func (r *Report) latency() Figure {
	f := Figure{Name: "one client, one event: p50", Bar: 1, Further: 0.7, AtMost: true, Unit: timesEtcd}
	for _, c := range r.Comparisons {
		if c.Name == nameUnary && c.Clients == 1 {
			return f.judge(c.P50.Median)
		}
	}
	return f.leftOut("etcd did not run beside one client")
}

func (r *Report) auditRate() Figure {
	f := Figure{Name: "full audit (signatures, rules, chain, tree)", Bar: 60_000, Further: 100_000, Unit: "entries/s"}
	for _, row := range r.Rows {
		if row.Name == nameAudit {
			return f.judge(row.Rate)
		}
	}
	return f.leftOut("no audit ran")
}

func (r *Report) killed() Figure {
	f := Figure{Name: "leader killed → next committed write, p95", Bar: 3, Further: 1.5, AtMost: true, Unit: "s"}
	if r.Kills == nil {
		return f.leftOut("--kills 0")
	}
	f.Note = fmt.Sprintf("%d kills", r.Kills.Count)
	return f.judge(r.Kills.P95Ms / 1000)
}
