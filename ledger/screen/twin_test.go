package screen

import (
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/custodyledger/custodyledger/ledger"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// twin enumerates every possibility, one by one, as the package comment defines
// them: every country, producer, ownership, size and moment, and for everything that
// the record leaves open a free choice for each rule.
func twin(p *Policy, f *Facts) Verdict {
	face := worldsOf(p, f, false)
	verdict := count(p, f, face)
	if verdict != Clear {
		return verdict
	}
	if weakClaim(p, f) && count(p, f, worldsOf(p, f, true)) != Clear {
		return Undetermined
	}
	doubt := len(f.Doubts) > 0 || f.mined() && f.Producer == "" && !p.UnknownProducerPermitted
	if doubt {
		for w := range face {
			for i := range p.Rules {
				if inScope(&p.Rules[i], f, w) != 0 {
					return Undetermined
				}
			}
		}
	}
	return Clear
}

type world struct {
	country, producer string
	owned             int
	stone, when       uint64
	bits              uint // three for each rule: aside, nature, owner
}

func weakClaim(p *Policy, f *Facts) bool {
	level := p.Evidence
	if f.Kind == custodyv1.OriginKind_ORIGIN_KIND_RECYCLED && p.Recycled > level {
		level = p.Recycled
	}
	return f.Disputed || f.Level < level || f.Producer != "" && f.Kind != custodyv1.OriginKind_ORIGIN_KIND_RECYCLED && f.ProducerLevel < p.Evidence
}

func worldsOf(p *Policy, f *Facts, wide bool) iter.Seq[world] {
	countries, producers, owned := f.Countries, []string{f.Producer}, []int{int(f.StateOwnership)}
	everybody := []string{"somebody else"}
	for _, c := range p.Companies {
		everybody = append(everybody, c.Name)
	}
	for _, r := range p.Rules {
		everybody = append(append(everybody, r.Producers...), r.Owners...)
	}
	everything := slices.Clone(allCountries)
	if f.Nature != custodyv1.Nature_NATURE_NATURAL || f.Material != custodyv1.Material_MATERIAL_DIAMOND && f.Material != custodyv1.Material_MATERIAL_GEM {
		everything = append(everything, "")
	}
	if f.Producer == "" {
		producers = everybody
	}
	if len(countries) == 0 {
		countries = allCountries
	}
	if owned[0] == 0 || owned[0] == 4 {
		owned = []int{1, 2, 3}
	}
	onlyProducer := false
	switch f.Kind {
	case custodyv1.OriginKind_ORIGIN_KIND_RECYCLED:
		countries, producers, owned = []string{""}, []string{"-"}, []int{1}
	case custodyv1.OriginKind_ORIGIN_KIND_LAB_GROWN:
		countries = []string{""}
	case custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN:
		countries, producers, owned = everything, everybody, []int{1, 2, 3}
	}
	if wide {
		needed := p.Evidence
		if f.Kind == custodyv1.OriginKind_ORIGIN_KIND_RECYCLED {
			needed = max(needed, p.Recycled)
		}
		onlyProducer = !f.Disputed && f.Level >= needed
		producers, owned = everybody, []int{1, 2, 3}
		if !onlyProducer {
			countries = everything
		}
	}
	return func(yield func(world) bool) {
		for bits := range uint(1) << (3 * len(p.Rules)) {
			for _, c := range countries {
				for _, name := range producers {
					for _, o := range owned {
						for stone := f.Stone.Low; stone <= f.Stone.High; stone++ {
							for when := f.When.Low; when <= f.When.High; when++ {
								if !yield(world{c, name, o, stone, when, bits}) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

func count(p *Policy, f *Facts, worlds iter.Seq[world]) Verdict {
	some, all := false, true
	for w := range worlds {
		hit := false
		for i := range p.Rules {
			hit = hit || hitIn(p, i, f, w)
		}
		some, all = some || hit, all && hit
		if some && !all {
			return Undetermined
		}
	}
	if some {
		return Flagged
	}
	return Clear
}

// inScope gives 0 for no, 1 for open, 2 for yes.
func inScope(r *Rule, f *Facts, w world) int {
	in := func(ok bool) bool { return ok }
	if !in(len(r.Materials) == 0 || slices.Contains(r.Materials, f.Material)) || r.Set == Loose && f.Set || r.Set == Jewelry && !f.Set {
		return 0
	}
	if w.stone < r.SizeFrom || w.when < r.From || r.Until != 0 && w.when >= r.Until {
		return 0
	}
	for _, e := range r.Exempt {
		ok := true
		if e.Grandfathered != 0 && (f.Kind != custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED || f.Level < e.Grandfathered || f.Disputed) {
			ok = false
		}
		if e.RecordedBefore != 0 && (f.Begun == 0 || f.Begun >= e.RecordedBefore) {
			ok = false
		}
		if ok {
			return 0
		}
	}
	if len(r.Natures) == 0 {
		return 2
	}
	if f.NatureOpen {
		return 1
	}
	if slices.Contains(r.Natures, f.Nature) {
		return 2
	}
	return 0
}

func hitIn(p *Policy, i int, f *Facts, w world) bool {
	r := &p.Rules[i]
	free := func(n uint) bool { return w.bits>>(3*uint(i)+n)&1 == 1 }
	switch inScope(r, f, w) {
	case 0:
		return false
	case 1:
		if !free(1) {
			return false
		}
	}
	if slices.Contains(r.MinedIn, w.country) || len(r.MinedOutside) > 0 && w.country != "" && !slices.Contains(r.MinedOutside, w.country) {
		return true
	}
	if slices.Contains(r.Producers, w.producer) || r.StateOwned != 0 && w.owned >= int(r.StateOwned) {
		return true
	}
	if len(r.Owners) > 0 && w.producer != "-" {
		switch ownedBy(p, r.Owners, w.producer, 0) {
		case 2:
			return true
		case 1:
			if free(2) {
				return true
			}
		}
	}
	for _, h := range f.Hands {
		if slices.Contains(r.PartyCountries, h.Country) || slices.Contains(r.Parties, h.Party) && h.Party != (ledger.PartyID{}) {
			return true
		}
	}
	if len(r.Parties)+len(r.PartyCountries) > 0 && f.Gap && !r.SilencePermitted && free(0) {
		return true
	}
	for _, s := range f.Places {
		if s.Place == ExportedFrom && slices.Contains(r.ExportedFrom, s.Country) {
			return true
		}
	}
	return len(r.ExportedFrom) > 0 && f.Silent[ExportedFrom] && !r.SilencePermitted && free(0)
}

// ownedBy follows shares down; companies in these tests own only later ones.
func ownedBy(p *Policy, listed []string, name string, depth int) int {
	if slices.Contains(listed, name) {
		return 2
	}
	for _, c := range p.Companies {
		if c.Name != name {
			continue
		}
		certain, open := uint64(0), uint64(10000)
		for _, o := range c.Owners {
			switch ownedBy(p, listed, o.Name, depth+1) {
			case 2:
				certain += o.Share
				open -= o.Share
			case 0:
				open -= o.Share
			}
		}
		if certain >= p.OwnerPercent {
			return 2
		}
		if certain+open >= p.OwnerPercent {
			return 1
		}
		return 0
	}
	for _, c := range p.Companies {
		for _, o := range c.Owners {
			if o.Name == name {
				return 0
			}
		}
	}
	return 1
}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func randomPolicy(r *rand.Rand) *Policy {
	p := &Policy{
		Name: "random", Evidence: custodyv1.Evidence(1 + r.IntN(2)), Recycled: custodyv1.Evidence(1 + r.IntN(2)),
		Reentry: 2, UnknownProducerPermitted: r.IntN(2) == 0, OwnerPercent: 5000,
	}
	names := []string{"a", "b", "c", "d"}
	for i := range r.IntN(3) {
		c := Company{Name: names[i]}
		if r.IntN(4) > 0 {
			c.Owners = append(c.Owners, Owner{names[i+1], pick[uint64](r, 2500, 5000, 10000)})
		}
		p.Companies = append(p.Companies, c)
	}
	for i := range 1 + r.IntN(2) {
		rule := Rule{ID: names[i], SilencePermitted: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			rule.SizeFrom = uint64(r.IntN(4))
		}
		if r.IntN(3) == 0 {
			rule.From = uint64(r.IntN(4))
		}
		if r.IntN(5) == 0 {
			rule.Until = rule.From + 1 + uint64(r.IntN(3))
		}
		if r.IntN(3) == 0 {
			rule.Materials = []custodyv1.Material{custodyv1.Material(1 + r.IntN(4))}
		}
		if r.IntN(4) == 0 {
			rule.Natures = []custodyv1.Nature{custodyv1.Nature(1 + r.IntN(2))}
		}
		rule.Set = Setting(r.IntN(3) * r.IntN(2))
		for range 1 + r.IntN(2) {
			switch r.IntN(8) {
			case 0, 1:
				rule.MinedIn = pick(r, []string{"RU"}, []string{"BW", "RU"}, []string{"BW", "CA", "RU"})
			case 2:
				rule.MinedOutside = pick(r, []string{"BW"}, []string{"BW", "CA"})
			case 3:
				rule.Producers = []string{pick(r, names...)}
			case 4:
				rule.Owners = []string{pick(r, names...)}
			case 5:
				rule.StateOwned = custodyv1.StateOwnership(2 + r.IntN(2))
			case 6:
				rule.PartyCountries = []string{"RU"}
			case 7:
				rule.ExportedFrom = []string{"RU"}
			}
		}
		if r.IntN(4) == 0 {
			rule.Exempt = append(rule.Exempt, Exemption{Grandfathered: custodyv1.Evidence(1 + r.IntN(2))})
		}
		if r.IntN(4) == 0 {
			rule.Exempt = append(rule.Exempt, Exemption{RecordedBefore: uint64(1 + r.IntN(3))})
		}
		p.Rules = append(p.Rules, rule)
	}
	return p
}

func randomFacts(r *rand.Rand) *Facts {
	low, early := uint64(r.IntN(3)), uint64(r.IntN(3))
	f := &Facts{
		Material: custodyv1.Material(1 + r.IntN(4)), Nature: custodyv1.Nature(1 + r.IntN(2)), Set: r.IntN(2) == 0, NatureOpen: r.IntN(8) == 0,
		Kind: custodyv1.OriginKind(1 + r.IntN(6)), Disputed: r.IntN(8) == 0,
		Producer: pick(r, "", "a", "b", "c", "x"), StateOwnership: custodyv1.StateOwnership(r.IntN(5)),
		Stone: Range{low, low + uint64(r.IntN(3))}, When: Range{early, early + uint64(r.IntN(2))},
		Gap: r.IntN(3) == 0, Begun: uint64(r.IntN(4)),
	}
	f.Countries = pick(r, nil, []string{"BW"}, []string{"RU"}, []string{"BW", "RU"}, []string{"CA"}, []string{"BW", "CA", "RU"})
	if f.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
		f.Producer = ""
	} else {
		f.Level = custodyv1.Evidence(1 + r.IntN(3))
	}
	if f.Producer != "" {
		f.ProducerLevel = custodyv1.Evidence(1 + r.IntN(2))
	}
	f.Silent[ExportedFrom] = r.IntN(2) == 0
	if r.IntN(4) == 0 {
		f.Hands = []Hand{{Country: pick(r, "RU", "BW")}}
	}
	if !f.Silent[ExportedFrom] {
		f.Places = []Saying{{Place: ExportedFrom, Country: pick(r, "RU", "BW")}}
	}
	if r.IntN(6) == 0 {
		f.Doubts = []Doubt{{Text: "made up"}}
	}
	return f
}

func TestJudgeAgainstEveryPossibility(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	seen := map[Verdict]int{}
	for i := range 400 {
		p, f := randomPolicy(r), randomFacts(r)
		got, reasons := NewScreener(p).Judge(f)
		if want := twin(p, f); got != want {
			t.Fatalf("case %d: %s, every possibility says %s\npolicy %+v\nfacts %+v", i, got, want, p, f)
		}
		if (got == Clear) != (len(reasons) == 0) {
			t.Fatalf("case %d: %s with %d reasons", i, got, len(reasons))
		}
		for _, reason := range reasons {
			if len(reason.Texts) == 0 {
				t.Fatalf("case %d: a reason without words: %+v\npolicy %+v\nfacts %+v", i, reason, p, f)
			}
		}
		seen[got]++
	}
	for v, n := range seen {
		if n < 20 {
			t.Errorf("only %d cases were %s", n, v)
		}
	}
	t.Log(seen)
}

// TestLessKnownIsNeverBetter: whatever is taken from the record, clear does not
// come out where it was not clear before, and flagged not where it was clear.
func TestLessKnownIsNeverBetter(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for i := range 20000 {
		p, f := randomPolicy(r), randomFacts(r)
		before, _ := NewScreener(p).Judge(f)
		less := *f
		switch r.IntN(4) {
		case 0:
			if f.Kind == custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED || !f.mined() {
				continue // an exemption goes with it; a policy may list every country there is
			}
			less.Kind, less.Level, less.Producer, less.Countries, less.StateOwnership = custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN, 0, "", nil, 0
		case 1:
			less.Producer, less.ProducerLevel, less.StateOwnership = "", 0, 0
		case 2:
			less.Stone.High += 2
		case 3:
			less.Doubts = []Doubt{{Text: "one more"}}
		}
		after, _ := NewScreener(p).Judge(&less)
		if after == Clear && before != Clear || after == Flagged && before == Clear {
			t.Fatalf("case %d: %s became %s\npolicy %+v\nfacts %+v\nless %+v", i, before, after, p, f, less)
		}
	}
}
