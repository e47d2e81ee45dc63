package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/provenance"
	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// sentencesMax bounds the sentences of a kind; how many more there are is said.
const sentencesMax = 40

// unknown says in plain words what is not known.
func (b *builder) unknown(items []*provenance.Item, parts []provenance.Part, begins []Begin) []string {
	var list sentences
	for _, part := range parts {
		what := func(micrograms uint64, metal custodyv1.Metal) string {
			name := What(part.Matter)
			if metal != 0 {
				name = vocabulary.Word(metal)
			}
			return fmt.Sprintf("%s of %s", weight(micrograms, part.Matter.Material), name)
		}
		if len(part.Components) == 0 {
			list.add("%s: nobody declared where it came from.", what(part.Matter.Mass, 0))
		}
		for _, c := range part.Components {
			goods, countries := what(c.Micrograms, c.Metal), strings.Fields(c.Countries)
			switch {
			case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN && len(countries) > 0:
				list.add("%s: where all of it came from is unknown; of some of it, it is said to be %s.", goods, join(countries, "or"))
			case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN:
				list.add("%s: where it came from is unknown.", goods)
			case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_RECYCLED:
				list.add("%s is called recycled (%s): where it was first mined is unknown, and no ledger can see whether it is recycled.", goods, level(c.Level))
			case c.Kind == custodyv1.OriginKind_ORIGIN_KIND_GRANDFATHERED:
				list.add("%s was there before origins were recorded: where it was mined is unknown.", goods)
			case len(countries) > 1:
				list.add("%s may all be from %s: the record does not say which.", goods, join(countries, "or from"))
			}
			if c.Level == custodyv1.Evidence_EVIDENCE_STATED && c.Kind != custodyv1.OriginKind_ORIGIN_KIND_UNKNOWN {
				if len(c.Papers()) > 0 {
					list.add("%s: its origin is stated only; papers bear out a part of what it was joined from.", goods)
				} else {
					list.add("%s: its origin is stated only; no paper that stands bears it out.", goods)
				}
			}
			if c.Disputed {
				list.add("%s: its origin is disputed.", goods)
			}
		}
	}
	elsewhere := map[string]int{}
	for _, begin := range begins {
		elsewhere[begin.How]++
	}
	hows := make([]string, 0, len(elsewhere))
	for how := range elsewhere {
		hows = append(hows, how)
	}
	slices.Sort(hows)
	for _, how := range hows {
		if how != vocabulary.Word(custodyv1.Acquisition_ACQUISITION_PRODUCED) {
			list.add("The record of %s begins with how it came to who registered it: %s. Who had it before is not recorded.", plural(elsewhere[how], "item"), how)
		}
	}
	return list.list()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// sentences collects sentences, each once.
type sentences struct {
	seen map[string]int
	text []string
}

func (s *sentences) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	if s.seen[text]++; s.seen[text] == 1 {
		s.text = append(s.text, text)
	}
}

func (s *sentences) list() []string {
	var list []string
	for n, text := range s.text {
		if n == sentencesMax {
			return append(list, fmt.Sprintf("And %d more that read alike; each component says it itself.", len(s.text)-n))
		}
		if times := s.seen[text]; times > 1 {
			text = fmt.Sprintf("%s (%d times)", text, times)
		}
		list = append(list, text)
	}
	return list
}

// notShown says what no report can show, or this one does not.
func notShown(stated, proven bool, open int) []string {
	list := []string{
		"Whether the object that somebody has in hand is the one that the ledger is about.",
		"Whether what was registered was true: the ledger shows who said it, when, and with which papers.",
		"The contents of papers: they are named by their hashes.",
	}
	if !stated {
		list = append(list, "Whether something happened since the last entry: no association states it here.")
	}
	if open > 0 {
		list = append(list, fmt.Sprintf("What was said of %s upstream since it was last worked on, such as a paper taken back: the bundle does not have it.", plural(open, "item")))
	}
	if !proven {
		list = append(list, "Proof: this report was made without a bundle.")
	} else {
		list = append(list, "Proof of its own: the bundle proves it. Verify that with 'custody verify', and compare its SHA-256.")
	}
	return list
}
