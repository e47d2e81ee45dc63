package screen

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Verdict is what a policy comes to. The greater is the worse.
type Verdict uint8

const (
	Clear Verdict = iota
	Undetermined
	Flagged
)

func (v Verdict) String() string { return [...]string{"clear", "undetermined", "flagged"}[v] }

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// possibility is one way in which things may be.
type possibility struct {
	country  string // "" for none
	producer string // plain; "" for one that the policy does not name
	owned    custodyv1.StateOwnership
	stone    uint64
	when     uint64
}

// box is a set of possibilities: every choice of one of each.
type box struct {
	countries []string
	producers []string
	owned     []custodyv1.StateOwnership
	stones    []uint64
	times     []uint64
}

// judged is a rule that covers a component, with what does not depend on the
// possibility worked out.
type judged struct {
	*Rule
	had      ownership // of Rule.Owners
	named    map[string]bool
	parties  answer // of parties and places, once and for all
	narrowed answer // maybe where the nature is open; never no
}

// Screener holds goods against one policy. Safe for concurrent use.
type Screener struct {
	policy *Policy
	had    []ownership
	named  []map[string]bool
}

// NewScreener prepares a policy.
func NewScreener(p *Policy) *Screener {
	s := &Screener{policy: p}
	for i := range p.Rules {
		s.had = append(s.had, p.ownership(p.Rules[i].Owners))
		named := map[string]bool{}
		for _, n := range p.Rules[i].Producers {
			named[plain(n)] = true
		}
		s.named = append(s.named, named)
	}
	return s
}

// Judge gives the verdict on one component, and why. It is Clear without reasons
// where no rule hits in any possibility.
func (s *Screener) Judge(f *Facts) (Verdict, []Reason) {
	rules := s.covering(f)
	face, widened := s.face(f), s.widened(f)
	stones, times := s.stones(f, rules), s.times(f, rules)
	verdict := judge(rules, s.classed(face, rules, stones, times))
	if verdict == Clear && widened != nil {
		if judge(rules, s.classed(*widened, rules, stones, times)) != Clear {
			verdict = Undetermined
		}
	}
	doubts := s.doubts(f)
	if verdict == Clear && len(doubts) > 0 && covered(rules, stones, times) {
		verdict = Undetermined
	}
	if verdict == Clear {
		return Clear, nil
	}
	return verdict, s.reasons(f, rules, doubts, face, widened, stones, times)
}

// Covers tells whether any rule of the policy is about such goods at all.
func (s *Screener) Covers(f *Facts) bool {
	rules := s.covering(f)
	return covered(rules, s.stones(f, rules), s.times(f, rules))
}

func covered(rules []judged, stones, times []uint64) bool {
	for i := range rules {
		for _, stone := range stones {
			for _, when := range times {
				if rules[i].applies(stone, when) {
					return true
				}
			}
		}
	}
	return false
}

// covering lists the rules that may be about a component, exemptions apart.
func (s *Screener) covering(f *Facts) []judged {
	var rules []judged
	for i := range s.policy.Rules {
		r := &s.policy.Rules[i]
		narrowed := r.narrow(f)
		if narrowed == no || r.exempts(f) {
			continue
		}
		rules = append(rules, judged{Rule: r, had: s.had[i], named: s.named[i], parties: r.aside(f), narrowed: narrowed})
	}
	return rules
}

func (r *Rule) narrow(f *Facts) answer {
	switch {
	case !allows(r.Materials, f.Material), !allows(r.Metals, f.Metal), !allows(r.Stages, f.Stage):
		return no
	case len(r.Species) > 0 && !slices.ContainsFunc(r.Species, func(s string) bool { return plain(s) == plain(f.Species) }):
		return no
	case r.Set == Loose && f.Set, r.Set == Jewelry && !f.Set:
		return no
	case !allows(r.HS, f.HSCode), f.HSCode != "" && slices.Contains(r.NotHS, f.HSCode):
		return no
	case len(r.Natures) > 0 && f.NatureOpen:
		return maybe
	case !allows(r.Natures, f.Nature):
		return no
	}
	return yes
}

func allows[E comparable](list []E, value E) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

func (r *Rule) exempts(f *Facts) bool {
	for _, e := range r.Exempt {
		located := e.Located == nil || f.Shown != nil && f.Shown(*e.Located)
		grandfathered := e.Grandfathered == 0 || f.Kind == custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED && f.Level >= e.Grandfathered && !f.Disputed
		recorded := e.RecordedBefore == 0 || f.Begun != 0 && f.Begun < e.RecordedBefore
		if located && grandfathered && recorded {
			return true
		}
	}
	return false
}

// aside answers what a rule asks of parties and of places other than the mining
// country.
func (r *Rule) aside(f *Facts) answer {
	got := no
	open := func(asked, missing bool) {
		if asked && missing && !r.SilencePermitted {
			got = max(got, maybe)
		}
	}
	open(len(r.Parties)+len(r.PartyCountries) > 0, f.Gap)
	for _, h := range f.Hands {
		if r.hand(h) {
			return yes
		}
	}
	for place := range placesCount {
		open(len(r.places(place)) > 0, f.Silent[place])
	}
	for _, s := range f.Places {
		if slices.Contains(r.places(s.Place), s.Country) {
			return yes
		}
	}
	return got
}

func (r *Rule) hand(h Hand) bool {
	return h.Party != ledger.PartyID{} && slices.Contains(r.Parties, h.Party) || slices.Contains(r.PartyCountries, h.Country)
}

func (r *Rule) places(p Place) []string {
	return [...][]string{r.ExportedFrom, r.ProcessedIn, r.CustomsOrigin}[p]
}

func (r *Rule) applies(stone, when uint64) bool {
	return stone >= r.SizeFrom && when >= r.From && (r.Until == 0 || when < r.Until)
}

// hits answers for one possibility.
func (j *judged) hits(w possibility) answer {
	if !j.applies(w.stone, w.when) {
		return no
	}
	return min(j.narrowed, max(j.parties, j.country(w.country), j.producer(w.producer), j.state(w.owned)))
}

func (j *judged) country(c string) answer {
	if slices.Contains(j.MinedIn, c) || c != "" && len(j.MinedOutside) > 0 && !slices.Contains(j.MinedOutside, c) {
		return yes
	}
	return no
}

func (j *judged) producer(name string) answer {
	if j.named[name] {
		return yes
	}
	if len(j.Owners) == 0 || name == nobody {
		return no
	}
	return j.had.of(name)
}

func (j *judged) state(owned custodyv1.StateOwnership) answer {
	if j.StateOwned != 0 && owned >= j.StateOwned && owned <= custodyv1.StateOwnership_STATE_OWNERSHIP_MAJORITY {
		return yes
	}
	return no
}

// nobody stands for no producer at all, as of recycled metal.
const nobody = "\x00nobody"

// judge tells in how many of the possibilities a rule hits.
func judge(rules []judged, b box) Verdict {
	some, all := false, true
	b.each(func(w possibility) bool {
		worst := no
		for i := range rules {
			worst = max(worst, rules[i].hits(w))
		}
		some, all = some || worst > no, all && worst == yes
		return all || !some // else nothing more can change the verdict
	})
	switch {
	case !some:
		return Clear
	case all:
		return Flagged
	}
	return Undetermined
}

// each visits every possibility of the box until told to stop.
func (b box) each(visit func(possibility) bool) {
	for _, stone := range b.stones {
		for _, when := range b.times {
			for _, country := range b.countries {
				for _, producer := range b.producers {
					for _, owned := range b.owned {
						if !visit(possibility{country, producer, owned, stone, when}) {
							return
						}
					}
				}
			}
		}
	}
}

var anyOwnership = []custodyv1.StateOwnership{
	custodyv1.StateOwnership_STATE_OWNERSHIP_NONE,
	custodyv1.StateOwnership_STATE_OWNERSHIP_MINORITY,
	custodyv1.StateOwnership_STATE_OWNERSHIP_MAJORITY,
}

// face gives the possibilities that the record leaves open, taken at its word.
func (s *Screener) face(f *Facts) box {
	b := box{countries: f.Countries, producers: []string{plain(f.Producer)}, owned: []custodyv1.StateOwnership{f.StateOwnership}}
	if f.StateOwnership == 0 || f.StateOwnership == custodyv1.StateOwnership_STATE_OWNERSHIP_UNKNOWN {
		b.owned = anyOwnership
	}
	switch f.Kind {
	case custodyv1.OriginKind_ORIGIN_KIND_RECYCLED:
		return box{countries: []string{""}, producers: []string{nobody}, owned: anyOwnership[:1]}
	case custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN:
		b.countries = []string{""}
	case custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, custodyv1.OriginKind_ORIGIN_KIND_UNSPECIFIED:
		return s.anything(f)
	default:
		if len(f.Countries) == 0 {
			b.countries = allCountries
		}
	}
	if f.Producer == "" {
		b.producers = s.anybody()
	}
	return b
}

// widened gives the possibilities that are left where a claim is too weak, or
// disputed, to count for the goods; nil where nothing is.
func (s *Screener) widened(f *Facts) *box {
	needed := s.policy.Evidence
	if f.Kind == custodyv1.OriginKind_ORIGIN_KIND_RECYCLED {
		needed = max(needed, s.policy.Recycled)
	}
	if f.Disputed || f.Level < needed {
		b := s.anything(f)
		return &b
	}
	if f.Producer != "" && f.Kind != custodyv1.OriginKind_ORIGIN_KIND_RECYCLED && f.ProducerLevel < s.policy.Evidence {
		b := s.face(f)
		b.producers, b.owned = s.anybody(), anyOwnership
		return &b
	}
	return nil
}

// anything is what a component may be of which nothing is known.
func (s *Screener) anything(f *Facts) box {
	countries := allCountries
	if !f.natural() {
		countries = append([]string{""}, allCountries...)
	}
	return box{countries: countries, producers: s.anybody(), owned: anyOwnership}
}

// anybody lists every producer that the policy names, and one that it does not.
func (s *Screener) anybody() []string {
	names := []string{""}
	for _, c := range s.policy.Companies {
		names = append(names, plain(c.Name))
	}
	for i := range s.policy.Rules {
		for _, n := range s.policy.Rules[i].Producers {
			names = append(names, plain(n))
		}
		for _, n := range s.policy.Rules[i].Owners {
			names = append(names, plain(n))
		}
	}
	return names
}

// stones and times give one value for each part of a range between the bounds of the
// rules: within a part all rules answer alike.
func (s *Screener) stones(f *Facts, rules []judged) []uint64 {
	var bounds []uint64
	for i := range rules {
		bounds = append(bounds, rules[i].SizeFrom)
	}
	return parts(f.Stone, bounds)
}

func (s *Screener) times(f *Facts, rules []judged) []uint64 {
	var bounds []uint64
	for i := range rules {
		bounds = append(bounds, rules[i].From, rules[i].Until)
	}
	return parts(f.When, bounds)
}

func parts(r Range, bounds []uint64) []uint64 {
	values := []uint64{r.Low}
	for _, b := range bounds {
		if b > r.Low && b <= r.High {
			values = append(values, b)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// classed keeps one of all countries, and one of all producers, that every rule
// answers alike for, so that a policy with long lists is judged quickly.
func (s *Screener) classed(b box, rules []judged, stones, times []uint64) box {
	b.stones, b.times = stones, times
	b.countries = classes(b.countries, rules, (*judged).country)
	b.producers = classes(b.producers, rules, (*judged).producer)
	return b
}

func classes(values []string, rules []judged, ask func(*judged, string) answer) []string {
	if len(values) < 2 {
		return values
	}
	seen := map[string]bool{}
	var kept []string
	answers := make([]byte, len(rules))
	for _, v := range values {
		for i := range rules {
			answers[i] = byte(ask(&rules[i], v))
		}
		if !seen[string(answers)] {
			seen[string(answers)] = true
			kept = append(kept, v)
		}
	}
	return kept
}

// doubts lists what keeps goods from being clear.
func (s *Screener) doubts(f *Facts) []Doubt {
	doubts := f.Doubts
	if f.mined() && f.Producer == "" && !s.policy.UnknownProducerPermitted {
		doubts = append(slices.Clip(doubts), Doubt{Text: "the first producer is not known"})
	}
	return doubts
}

var allCountries = func() []string {
	var all []string
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if code := string([]rune{a, b}); ledger.IsCountry(code) {
				all = append(all, code)
			}
		}
	}
	return all
}()
