package provenance

import (
	"cmp"
	"slices"
	"strings"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// raise lets the papers about this version bear out its origin and producers.
func (v *version) raise() {
	v.raiseOn(v.components, custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED)
	// A paper about a piece does not say which of its parts it is about.
	most := custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED
	if len(v.lines) > 1 || len(v.matter.Children) > 0 {
		most = documented
	}
	for _, line := range v.lines {
		v.raiseOn(line, most)
	}
	if v == v.item.current() && disputed(v.item, custodyv1.DisputeGround_DISPUTE_GROUND_ORIGIN) {
		for n := range v.components {
			v.components[n].Disputed = true
		}
		for _, line := range v.lines {
			for n := range line {
				line[n].Disputed = true
			}
		}
	}
}

func disputed(item *Item, ground custodyv1.DisputeGround) bool {
	for _, d := range item.Disputes {
		if d.Ground == ground {
			return true
		}
	}
	return false
}

func (v *version) raiseOn(components []Component, most custodyv1.Evidence) {
	partial, partialLevel := v.partial()
	for _, a := range v.attestations {
		if a.Withdrawn != nil {
			continue
		}
		origin, producer := min(a.Level(custodyv1.Claim_CLAIM_ORIGIN), most), min(a.Level(custodyv1.Claim_CLAIM_PRODUCER), most)
		if !v.covers(a.Attest.Drawn) {
			if !partial {
				origin, producer = unspecified, unspecified
			}
			origin, producer = min(origin, partialLevel), min(producer, partialLevel)
		}
		for n := range components {
			c := &components[n]
			if origin != unspecified {
				c.examine(a, origin)
				if names(a.Attest.Countries, c.Countries) && c.Kind != unknown {
					c.Level = max(c.Level, origin)
					c.ground.papers = append(c.ground.papers, a)
				}
			}
			if producer != unspecified && c.Producer != "" && c.Producer == a.Attest.Producer {
				c.ProducerLevel = max(c.ProducerLevel, producer)
				c.ground.papers = append(c.ground.papers, a)
			}
		}
	}
}

// examine takes over what a laboratory finds. Two that name different countries
// both stand.
func (c *Component) examine(a *Attestation, level custodyv1.Evidence) {
	if level <= documented || len(a.Attest.Countries) == 0 {
		return
	}
	opinion := strings.Join(a.Attest.Countries, " ")
	if c.Opinion != "" && c.Opinion != opinion {
		c.Disputed = true
	}
	c.Opinion = opinion
}

// names tells whether a paper's countries include all possible ones of a component.
func names(paper []string, countries string) bool {
	for country := range strings.FieldsSeq(countries) {
		if !slices.Contains(paper, country) {
			return false
		}
	}
	return true
}

// covers tells whether what was drawn of a paper is all of the goods. A paper
// without a quantity is about the item.
func (v *version) covers(drawn *custodyv1.Portion) bool {
	return drawn.GetMicrograms() == 0 || drawn.Micrograms >= min(v.matter.Mass, v.matter.Book())
}

// partial tells whether papers that each cover a part cover the goods together, and
// gives the least level among them.
func (v *version) partial() (all bool, level custodyv1.Evidence) {
	sum := uint64(0)
	level = custodyv1.Evidence_EVIDENCE_SOURCE_MATCHED
	for _, a := range v.attestations {
		drawn, origin := a.Attest.Drawn, a.Level(custodyv1.Claim_CLAIM_ORIGIN)
		if a.Withdrawn != nil || v.covers(drawn) || origin == unspecified {
			continue
		}
		sum += drawn.Micrograms // at most ledger.MassMicrogramsMax each, and no more than the mass
		level = min(level, origin)
	}
	return sum >= min(v.matter.Mass, v.matter.Book()), level
}

// claim carries claims other than of origin and producer, and raises them.
func (v *version) claim() {
	for n := range v.claims {
		c := &v.claims[n]
		c.Claim = custodyv1.Claim(n)
		if v.carries(c.Claim) {
			for at, from := range v.from {
				in := from.claims[n]
				if at == 0 {
					c.Level, c.said = in.Level, in.said
				}
				c.Level = min(c.Level, in.Level)
				c.Disputed = c.Disputed || in.Disputed
				if c.said != in.said {
					c.said = ""
				}
				if in.ground != nil {
					c.grounded(v).from = append(c.ground.from, in.ground)
				}
			}
		}
	}
	for _, a := range v.attestations {
		if a.Withdrawn != nil {
			continue
		}
		for _, made := range a.Attest.Claims {
			if made.Claim != custodyv1.Claim_CLAIM_ORIGIN && made.Claim != custodyv1.Claim_CLAIM_PRODUCER {
				v.claims[made.Claim].raise(v, a, made.Level)
			}
		}
	}
	v.contradict()
}

func (c *Claim) grounded(v *version) *ground {
	if c.ground == nil {
		c.ground = &ground{at: v}
	}
	return c.ground
}

func (c *Claim) raise(v *version, a *Attestation, level custodyv1.Evidence) {
	finds := ""
	switch c.Claim {
	case custodyv1.Claim_CLAIM_NATURE:
		finds = "as stated"
		if a.Finding() {
			finds = a.Attest.FoundNature.String()
		}
	case custodyv1.Claim_CLAIM_TREATMENT:
		finds = strings.Join(a.Attest.Treatments.GetCodes(), " ")
	}
	if level > documented && finds != "" {
		if c.said != "" && c.said != finds {
			c.Disputed = true
		}
		c.said = finds
	}
	if !a.Finding() || c.Claim != custodyv1.Claim_CLAIM_NATURE {
		c.Level = max(c.Level, level)
	}
	c.grounded(v).papers = append(c.ground.papers, a)
}

// contradict marks what open disputes are about.
func (v *version) contradict() {
	if v != v.item.current() {
		return
	}
	for ground, claim := range map[custodyv1.DisputeGround]custodyv1.Claim{
		custodyv1.DisputeGround_DISPUTE_GROUND_IDENTITY: custodyv1.Claim_CLAIM_IDENTITY,
		custodyv1.DisputeGround_DISPUTE_GROUND_NATURE:   custodyv1.Claim_CLAIM_NATURE,
	} {
		if disputed(v.item, ground) {
			v.claims[claim].Disputed = true
		}
	}
}

// carries tells whether a claim about what went into a version holds for it too.
func (v *version) carries(claim custodyv1.Claim) bool {
	switch claim {
	case custodyv1.Claim_CLAIM_NATURE:
		return v.flow != flowLine
	case custodyv1.Claim_CLAIM_LOCATION:
		return v.flow != flowLine && v.flow != flowJoined
	case custodyv1.Claim_CLAIM_MASS, custodyv1.Claim_CLAIM_IDENTITY:
		return v.flow == flowCorrected || v.flow == flowSame && v.matter.Mass == v.from[0].matter.Mass
	case custodyv1.Claim_CLAIM_TREATMENT:
		return v.flow == flowPart || v.flow == flowSorted || (v.flow == flowSame || v.flow == flowCorrected) && slices.Equal(v.matter.Treatments, v.from[0].matter.Treatments)
	case custodyv1.Claim_CLAIM_FINENESS, custodyv1.Claim_CLAIM_CONFORMITY:
		return v.flow == flowPart || v.flow == flowSorted || v.flow == flowSame || v.flow == flowCorrected
	}
	return false
}

// Withdrawn lists the attestations that were withdrawn about the item or what it
// was made of: it relied on them. By index.
func (i *Item) Withdrawn() []*Attestation {
	return i.papers(func(a *Attestation) bool { return a.Withdrawn != nil })
}

// Findings lists the attestations that stand and that found, in the item or what it
// was made of, pieces of another nature. By index.
func (i *Item) Findings() []*Attestation {
	return i.papers(func(a *Attestation) bool { return a.Withdrawn == nil && a.Finding() })
}

// Papers lists all attestations about the item, what is set in it and what these
// were made of, withdrawn ones too. By index.
func (i *Item) Papers() []*Attestation {
	return i.papers(func(*Attestation) bool { return true })
}

// papers chooses among the attestations about every version that the item is of.
func (i *Item) papers(choose func(*Attestation) bool) []*Attestation {
	var papers []*Attestation
	seen, open := map[*version]bool{}, []*version{i.current()}
	for children := slices.Clone(i.Children); len(children) > 0; {
		child := children[len(children)-1]
		children = append(children[:len(children)-1], child.Children...)
		open = append(open, child.current())
	}
	for len(open) > 0 {
		v := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[v] {
			continue
		}
		seen[v] = true
		for _, a := range v.attestations {
			if choose(a) {
				papers = append(papers, a)
			}
		}
		open = append(open, v.from...)
	}
	slices.SortFunc(papers, func(a, b *Attestation) int { return cmp.Compare(a.Index, b.Index) })
	return papers
}
