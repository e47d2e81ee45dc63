package screen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// Reason says why a component is not clear.
type Reason struct {
	Rule    string // its id; "" for a doubt
	Because string // as the policy says
	Verdict Verdict
	Texts   []string
	Steps   []Step // where in the record it comes from
	// Origin tells that it comes with the component's origin, whose path is to be
	// added.
	Origin bool

	mined []string // the mining countries of the component that the rule hit
}

// reasons explains a verdict rule by rule. A rule that hits in some possibilities
// only is undetermined, also where several together flag.
func (s *Screener) reasons(f *Facts, rules []judged, doubts []Doubt, face box, widened *box, stones, times []uint64) []Reason {
	var reasons []Reason
	for i := range rules {
		one := rules[i : i+1]
		verdict := judge(one, s.classed(face, one, stones, times))
		wide := false
		if verdict == Clear && widened != nil {
			verdict = min(Undetermined, judge(one, s.classed(*widened, one, stones, times)))
			wide = verdict != Clear
		}
		if verdict != Clear {
			reasons = append(reasons, s.reason(f, &rules[i], verdict, face, wide))
		}
	}
	for _, d := range doubts {
		if !covered(rules, stones, times) {
			break
		}
		r := Reason{Verdict: Undetermined, Texts: []string{d.Text}, Origin: d.Step == Step{}}
		if !r.Origin {
			r.Steps = []Step{d.Step}
		}
		reasons = append(reasons, r)
	}
	return reasons
}

func (s *Screener) reason(f *Facts, j *judged, verdict Verdict, face box, wide bool) Reason {
	r := Reason{Rule: j.ID, Because: j.Because, Verdict: verdict}
	say := func(format string, args ...any) { r.Texts = append(r.Texts, fmt.Sprintf(format, args...)) }
	if wide {
		say("%s", s.weak(f))
		r.Origin = true
	} else {
		j.countryText(f, face, &r)
		j.producerText(f, face, &r)
		j.stateText(f, face, &r)
	}
	j.asideTexts(f, &r)
	if j.SizeFrom > f.Stone.Low {
		say("the largest stone weighs something between %s and %s; the rule is for %s and more", carats(f.Stone.Low), carats(f.Stone.High), carats(j.SizeFrom))
	}
	if f.When.Low != f.When.High && (j.From > f.When.Low && j.From <= f.When.High || j.Until > f.When.Low && j.Until <= f.When.High) {
		say("it was between %s, as signed, and %s, as recorded; the rule changes in between", Day(f.When.Low), Day(f.When.High))
	}
	if j.narrowed == maybe {
		say("papers or a dispute leave open whether it is %s", vocabulary.Word(f.Nature))
	}
	return r
}

// weak says why a claim of origin does not count for the goods.
func (s *Screener) weak(f *Facts) string {
	switch {
	case f.Disputed:
		return "the origin is disputed, so the goods may come from anywhere"
	case f.Kind == custodyv1.OriginKind_ORIGIN_KIND_RECYCLED && f.Level < max(s.policy.Evidence, s.policy.Recycled):
		return "it is said to be recycled, with nothing behind it; no ledger can see what was melted, so it may come from any mine"
	case f.Level < s.policy.Evidence:
		return fmt.Sprintf("the origin is only %s, the policy asks for %s", levelWord(f.Level), vocabulary.Word(s.policy.Evidence))
	}
	return fmt.Sprintf("the producer is only %s, the policy asks for %s", levelWord(f.ProducerLevel), vocabulary.Word(s.policy.Evidence))
}

func levelWord(level custodyv1.Evidence) string {
	if level == 0 {
		return "unknown"
	}
	return vocabulary.Word(level)
}

func (j *judged) countryText(f *Facts, face box, r *Reason) {
	if len(j.MinedIn)+len(j.MinedOutside) == 0 {
		return
	}
	var hit []string
	for _, c := range face.countries {
		if j.country(c) == yes {
			hit = append(hit, c)
		}
	}
	switch {
	case len(hit) == 0:
		return
	case len(face.countries) >= len(allCountries):
		r.Texts = append(r.Texts, "the mining country is not known")
	case len(hit) == len(face.countries):
		r.Texts = append(r.Texts, "mined in "+strings.Join(hit, " or "))
	default:
		r.Texts = append(r.Texts, fmt.Sprintf("may be mined in %s: possible are %s", strings.Join(hit, " or "), strings.Join(face.countries, ", ")))
	}
	r.Origin, r.mined = true, hit
}

func (j *judged) producerText(f *Facts, face box, r *Reason) {
	if len(j.named) == 0 && len(j.Owners) == 0 || slices.Equal(face.producers, []string{nobody}) {
		return
	}
	got := no
	for _, p := range face.producers {
		got = max(got, j.producer(p))
	}
	if got == no {
		return
	}
	r.Origin = true
	switch {
	case f.Producer == "":
		r.Texts = append(r.Texts, "the first producer is not known and may be one that the rule lists")
	case j.named[plain(f.Producer)]:
		r.Texts = append(r.Texts, fmt.Sprintf("produced by %s", f.Producer))
	case got == yes:
		r.Texts = append(r.Texts, fmt.Sprintf("produced by %s, which a listed owner has", f.Producer))
	default:
		r.Texts = append(r.Texts, fmt.Sprintf("produced by %s, of which the policy does not know all owners", f.Producer))
	}
}

func (j *judged) stateText(f *Facts, face box, r *Reason) {
	got := false
	for _, o := range face.owned {
		got = got || j.state(o) == yes
	}
	if !got {
		return
	}
	r.Origin = true
	if len(face.owned) > 1 {
		r.Texts = append(r.Texts, "whether a state owns the producer is not known")
		return
	}
	r.Texts = append(r.Texts, "a state owns the producer: "+vocabulary.Word(f.StateOwnership))
}

var placeWords = [...]string{"exported from", "worked on in", "of customs origin"}

func (j *judged) asideTexts(f *Facts, r *Reason) {
	seen := map[string]bool{}
	add := func(text string, step Step) {
		if !seen[text] {
			seen[text] = true
			r.Texts = append(r.Texts, text)
			r.Steps = append(r.Steps, step)
		}
	}
	for _, h := range f.Hands {
		if !j.hand(h) {
			continue
		}
		who := "somebody outside the ledger"
		if h.Party != (Hand{}).Party {
			who = "party " + h.Party.String()
		}
		add(fmt.Sprintf("%s (%s) had or owned it", who, h.Country), h.Step)
	}
	for _, s := range f.Places {
		if slices.Contains(j.places(s.Place), s.Country) {
			add(placeWords[s.Place]+" "+s.Country, s.Step)
		}
	}
	if j.SilencePermitted || j.parties == yes {
		return
	}
	if len(j.Parties)+len(j.PartyCountries) > 0 && f.Gap {
		r.Texts = append(r.Texts, "not everybody who had it is on the record")
	}
	for place := range placesCount {
		if len(j.places(place)) > 0 && f.Silent[place] {
			r.Texts = append(r.Texts, fmt.Sprintf("the record does not say what it is %s", placeWords[place]))
		}
	}
}

func carats(micrograms uint64) string {
	return vocabulary.Format(micrograms, custodyv1.Unit_UNIT_CARAT)
}
