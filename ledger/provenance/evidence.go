package provenance

import (
	"cmp"
	"slices"

	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

const (
	unspecified = custodyv1.Evidence_EVIDENCE_UNSPECIFIED
	stated      = custodyv1.Evidence_EVIDENCE_STATED
	documented  = custodyv1.Evidence_EVIDENCE_DOCUMENTED
	unknown     = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN

	claimsCount = custodyv1.Claim_CLAIM_CONFORMITY + 1
)

// ground is what the evidence for something rests on: papers about one version of
// an item, and the grounds of what went into it.
type ground struct {
	at     *version // nil of a blend
	papers []*Attestation
	from   []*ground
}

// walk visits a ground and all below it, each once.
func (g *ground) walk(visit func(*ground)) {
	if g == nil {
		return
	}
	seen := map[*ground]bool{g: true}
	open := []*ground{g}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		visit(at)
		for _, below := range at.from {
			if !seen[below] {
				seen[below] = true
				open = append(open, below)
			}
		}
	}
}

func (g *ground) collect() []*Attestation {
	var papers []*Attestation
	g.walk(func(at *ground) { papers = append(papers, at.papers...) })
	return ordered(papers)
}

// ordered sorts attestations by index and leaves each in once.
func ordered(papers []*Attestation) []*Attestation {
	slices.SortFunc(papers, func(a, b *Attestation) int { return cmp.Compare(a.Index, b.Index) })
	return slices.Compact(papers)
}

// Papers lists the attestations that stand and that the component's evidence rests
// on, here and upstream, by index. Some may have expired. Where the level is
// stated although there are some, they bear out a part of what was joined.
func (c Component) Papers() []*Attestation { return c.ground.collect() }

// Path lists the items through which the component came, by their first entry:
// from where it begins to the one that it is a component of.
func (c Component) Path() []*Item {
	seen := map[*Item]bool{}
	var path []*Item
	c.ground.walk(func(at *ground) {
		if at.at != nil && !seen[at.at.item] {
			seen[at.at.item] = true
			path = append(path, at.at.item)
		}
	})
	slices.SortFunc(path, compareItems)
	return path
}

// Papers lists the attestations that the claim rests on, by index.
func (c Claim) Papers() []*Attestation { return c.ground.collect() }

// weigh works out evidence, version by version in the order of their making.
func (g *Graph) weigh() {
	var w weigher
	for _, v := range g.versions {
		v.components = w.carry(v, v.matter.Origin, w.inflow(v))
		for n, line := range v.matter.Bill {
			var inflow []Component
			for _, from := range v.from {
				inflow = append(inflow, from.bill(n+1)...)
			}
			v.lines = append(v.lines, w.carry(v, line.Origin, mixOf(inflow)))
		}
		v.raise()
		v.claim()
	}
	for _, item := range g.Items {
		v := item.current()
		item.Origin = v.components
		for n, line := range v.lines {
			item.Lines = append(item.Lines, Part{Item: item, Line: n + 1, Matter: v.matter.Bill[n], Components: line})
		}
		for _, claim := range v.claims {
			if claim.Level != unspecified || claim.Disputed {
				item.Claims = append(item.Claims, claim)
			}
		}
	}
}

// weigher keeps what went into the last change of matter, of which all outputs are
// made: 250 bars melted into 250 are looked at once.
type weigher struct {
	event *Event
	flow  flow
	mix   *mix
}

// inflow gives what went into a version.
func (w *weigher) inflow(v *version) *mix {
	shared := v.flow == flowPart || v.flow == flowSorted || v.flow == flowJoined || v.flow == flowWorked
	if shared && w.event == v.event && w.flow == v.flow {
		return w.mix
	}
	var inflow []Component
	for _, from := range v.from {
		if v.flow == flowLine {
			inflow = append(inflow, from.bill(v.line)...)
		} else {
			inflow = append(inflow, from.components...)
		}
	}
	m := mixOf(inflow)
	if shared {
		w.event, w.flow, w.mix = v.event, v.flow, m
	}
	return m
}

// bill gives the components of a line of the bill, from 1; none if there is no such line.
func (v *version) bill(line int) []Component {
	if line < 1 || line > len(v.lines) {
		return nil
	}
	return v.lines[line-1]
}

// mix is components together, counted through.
type mix struct {
	components []Component
	whole      blend
	sources    map[rules.Source]*blend
	alike      map[likeness]*blend
}

// likeness is what sources keep in common when the rules join them to stay within
// their limit.
type likeness struct {
	metal custodyv1.Metal
	kind  custodyv1.OriginKind
}

func mixOf(components []Component) *mix {
	m := &mix{components: components, sources: map[rules.Source]*blend{}, alike: map[likeness]*blend{}}
	for _, c := range components {
		like := likeness{c.Metal, c.Kind}
		if m.sources[c.Source] == nil {
			m.sources[c.Source] = &blend{}
		}
		if m.alike[like] == nil {
			m.alike[like] = &blend{}
		}
		m.whole.add(c)
		m.sources[c.Source].add(c)
		m.alike[like].add(c)
	}
	return m
}

// blend is what some components are together: as good as the weakest.
type blend struct {
	count           int
	micrograms      uint64
	level, producer custodyv1.Evidence
	opinion         string
	disputed        bool
	sorted          bool
	corrected       bool
	ground          ground
}

func (b *blend) add(c Component) {
	if b.count == 0 {
		b.level, b.producer, b.opinion = c.Level, c.ProducerLevel, c.Opinion
	}
	if b.opinion != c.Opinion {
		b.opinion = ""
	}
	b.count++
	b.micrograms += c.Micrograms
	b.level, b.producer = min(b.level, c.Level), min(b.producer, c.ProducerLevel)
	b.disputed = b.disputed || c.Disputed
	b.sorted = b.sorted || c.Sorted
	b.corrected = b.corrected || c.Corrected
	b.ground.from = append(b.ground.from, c.ground)
}

// carry gives components the evidence of what went into them.
func (w *weigher) carry(v *version, origin []rules.Component, in *mix) []Component {
	components := make([]Component, len(origin))
	for n, c := range origin {
		components[n] = v.component(c, n+1, in)
	}
	return components
}

func (v *version) component(c rules.Component, number int, in *mix) Component {
	made := Component{Component: c, Number: number, ground: &ground{at: v}}
	made.Level, made.ProducerLevel = said(c.Source)
	b := v.blend(c, in)
	if b == nil || b.count == 0 {
		return made
	}
	made.Level = known(c.Kind, b.level)
	if c.Producer != "" {
		made.ProducerLevel = max(b.producer, stated)
	}
	made.Opinion, made.Disputed, made.Sorted, made.Corrected = b.opinion, b.disputed, b.sorted, b.corrected
	made.ground.from = []*ground{&b.ground}
	switch {
	case v.flow == flowSorted && len(in.components) > 1:
		made.Sorted = true
		made.Level, made.ProducerLevel = min(made.Level, stated), min(made.ProducerLevel, stated)
	case v.flow == flowCorrected && v.widened(in)[c.Source]:
		made.Corrected = true
		made.Level, made.ProducerLevel = said(c.Source)
	}
	return made
}

// blend chooses what of the inflow may be in a component.
func (v *version) blend(c rules.Component, in *mix) *blend {
	unsorted := v.flow == flowPart || v.flow == flowWorked
	switch {
	case unsorted && v.matter.Material != custodyv1.Material_MATERIAL_METAL:
		return &in.whole
	case v.flow == flowSorted && len(in.components) > 1:
		in = mixOf(v.allocated(in.components))
	case v.flow == flowCorrected && in.sources[c.Source] == nil:
		return &in.whole // what it was before cannot be told apart
	}
	same := in.sources[c.Source]
	if same == nil || same.micrograms < c.Micrograms {
		return in.alike[likeness{c.Metal, c.Kind}]
	}
	return same
}

// allocated chooses what a sorter put into the version.
func (v *version) allocated(inflow []Component) []Component {
	var chosen []Component
	for _, a := range v.event.Body.(*custodyv1.Transform).Outputs[v.item.Position].Allocation {
		if n := int(a.Component); n >= 1 && n <= len(inflow) {
			chosen = append(chosen, inflow[n-1])
		}
	}
	return chosen
}

// widened gives the sources that a correction touches: as they are now, and not as
// they were with the same micrograms.
func (v *version) widened(in *mix) map[rules.Source]bool {
	touched := map[rules.Source]bool{}
	for _, c := range v.matter.Origin {
		before := in.sources[c.Source]
		if before == nil || before.micrograms != c.Micrograms {
			touched[c.Source] = true
		}
	}
	return touched
}

// said gives the evidence of what is only said.
func said(s rules.Source) (level, producer custodyv1.Evidence) {
	if s.Producer != "" {
		producer = stated
	}
	return known(s.Kind, stated), producer
}

// known gives the level of a kind: nothing bears out what is unknown.
func known(kind custodyv1.OriginKind, level custodyv1.Evidence) custodyv1.Evidence {
	if kind == unknown {
		return unspecified
	}
	return level
}
