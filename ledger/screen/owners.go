package screen

// answer is what can be said of one question: no, possibly, yes.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// ownership answers, for each company that a policy knows, whether one of the listed
// owners has it, directly or through companies that they have. A company is had by
// the listed if their shares in it come to the threshold; shares that nobody states
// may be theirs. An owner that is named, not listed and has no row of its own is taken
// for one that the policy's author knows. What a policy does not name at all has
// owners that nobody knows.
type ownership map[string]answer

func (p *Policy) ownership(listed []string) ownership {
	had := ownership{}
	for _, c := range p.Companies {
		had[plain(c.Name)] = no
		for _, o := range c.Owners {
			had[plain(o.Name)] = no
		}
	}
	for _, name := range listed {
		had[plain(name)] = yes
	}
	// Answers only grow, so this ends; what is possible is worked out with what is
	// certain, from below.
	for changed := true; changed; {
		changed = false
		for _, c := range p.Companies {
			key := plain(c.Name)
			if got := p.owned(c, had); got > had[key] {
				had[key], changed = got, true
			}
		}
	}
	return had
}

func (p *Policy) owned(c Company, had ownership) answer {
	certain, possible, stated := uint64(0), uint64(0), uint64(0)
	for _, o := range c.Owners {
		stated += o.Share
		switch had.of(o.Name) {
		case yes:
			certain += o.Share
		case maybe:
			possible += o.Share
		}
	}
	possible += 10000 - min(stated, 10000)
	switch {
	case certain >= p.OwnerPercent:
		return yes
	case certain+possible >= p.OwnerPercent:
		return maybe
	}
	return no
}

// of answers for a name.
func (o ownership) of(name string) answer {
	if got, known := o[plain(name)]; known {
		return got
	}
	return maybe
}
