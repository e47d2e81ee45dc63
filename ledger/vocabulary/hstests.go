package vocabulary

import (
	"errors"
	"fmt"
	"slices"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// test refuses goods that it does not fit.
type test func(HSGoods) error

func all(tests ...test) test {
	return func(g HSGoods) error {
		for _, t := range tests {
			if err := t(g); err != nil {
				return err
			}
		}
		return nil
	}
}

// loose is goods of one material, not metal, that are not set.
func loose(material custodyv1.Material, tests ...test) test {
	return all(append([]test{func(g HSGoods) error {
		switch {
		case g.Form == piece:
			return errors.New("a piece is not loose goods")
		case g.Material != material:
			return fmt.Errorf("these goods are %s", Word(g.Material))
		}
		return nil
	}}, tests...)...)
}

// manMadeStones are gems that were made, and what imitates gems and diamonds: cubic
// zirconia is a lab-grown stone to customs. Glass is in another chapter, but an event
// does not say which it is.
func manMadeStones(tests ...test) test {
	return all(append([]test{func(g HSGoods) error {
		if g.Material == diamond && g.Nature == imitation && g.Form != piece {
			return nil
		}
		return all(loose(gem), mineral, natures(labGrown, imitation, composite))(g)
	}}, tests...)...)
}

func forms(list ...custodyv1.Form) test {
	return func(g HSGoods) error {
		if !slices.Contains(list, g.Form) {
			return fmt.Errorf("not goods of form %s", Word(g.Form))
		}
		return nil
	}
}

func natures(list ...custodyv1.Nature) test {
	return func(g HSGoods) error {
		if !slices.Contains(list, g.Nature) {
			return fmt.Errorf("these goods are %s", Word(g.Nature))
		}
		return nil
	}
}

func stage(want custodyv1.Stage) test {
	return func(g HSGoods) error {
		if g.Stage != want {
			return fmt.Errorf("these goods are %s", Word(g.Stage))
		}
		return nil
	}
}

func group(want string) test {
	return func(g HSGoods) error {
		if SpeciesGroup(g.Species) != want {
			return fmt.Errorf("these goods are %s", g.Species)
		}
		return nil
	}
}

// mineral refuses what customs does not call a stone: amber and jet stand in heading
// 2530, coral in 0508, worked ones in 9601 and 9602.
func mineral(g HSGoods) error {
	switch SpeciesGroup(g.Species) {
	case "amber", "coral", "jet":
		return fmt.Errorf("loose %s is not in chapter 71; leave the code out", g.Species)
	}
	return nil
}

// Of a species that is only called corundum or beryl either code may be right.
func bigThree(g HSGoods) error {
	if !names(g.Species, "ruby", "sapphire", "padparadscha", "emerald", "corundum", "beryl", "other") ||
		names(g.Species, "aquamarine", "morganite", "heliodor") {
		return fmt.Errorf("these goods are %s", g.Species)
	}
	return nil
}

func notBigThree(g HSGoods) error {
	if names(g.Species, "ruby", "sapphire", "padparadscha", "emerald") {
		return fmt.Errorf("these goods are %s", g.Species)
	}
	return nil
}

// alloy is metal that is neither scrap nor an article.
func alloy(tests ...test) test {
	return all(append([]test{func(g HSGoods) error {
		switch {
		case g.Material != metal:
			return errors.New("these goods are not metal")
		case g.Scrap:
			return errors.New("these goods are scrap")
		}
		return nil
	}}, tests...)...)
}

// countsAs is an alloy that customs treats as one of the metals; see HSMetal.
func countsAs(list ...custodyv1.Metal) test {
	return func(g HSGoods) error {
		switch m := HSMetal(g.Composition); {
		case m == 0:
			return errors.New("these goods have less than 2 % of any precious metal")
		case !slices.Contains(list, m):
			return fmt.Errorf("by what they are made of, these goods count as %s", Word(m))
		}
		return nil
	}
}

func countsNotAs(m custodyv1.Metal) test {
	return func(g HSGoods) error {
		if HSMetal(g.Composition) == m {
			return fmt.Errorf("these goods are %s", Word(m))
		}
		return nil
	}
}

// clad is metal with a layer, the lesser part of it, of one of the metals upon others;
// under silver there is base metal only.
func clad(list ...custodyv1.Metal) test {
	return alloy(forms(single, bulk, part), holds(list...), func(g HSGoods) error {
		layer, total := massOf(g.Composition, list...), uint64(0)
		for _, c := range g.Composition {
			total += c.Micrograms
		}
		switch {
		case layer > total/2:
			return errors.New("these goods have little or nothing under the layer")
		case slices.Contains(list, silver) && massOf(g.Composition, goldPlatinum...) > 0:
			return errors.New("these goods have gold or platinum metals")
		}
		return nil
	})
}

// waste is what the metals are to be recovered from. A bar is none, unless it is known
// to be.
func waste(list ...custodyv1.Metal) test {
	return all(func(g HSGoods) error {
		switch {
		case g.Material != metal && g.Form != piece:
			return errors.New("these goods are not metal")
		case g.Scrap:
			return nil
		}
		return forms(bulk, part, piece)(g)
	}, holds(list...))
}

// holds is goods with some of one of the metals.
func holds(list ...custodyv1.Metal) test {
	return func(g HSGoods) error {
		if massOf(g.Composition, list...) == 0 {
			return errors.New("these goods have no such metal")
		}
		return nil
	}
}

// article is a piece, or something of metal that is to become part of one.
func article(tests ...test) test {
	return all(append([]test{func(g HSGoods) error {
		switch {
		case g.Form != piece && g.Material != metal:
			return errors.New("these goods are neither a piece nor metal")
		case g.Scrap:
			return errors.New("these goods are scrap")
		}
		return nil
	}}, tests...)...)
}

// ofSilver is articles with no more gold and platinum metals than silver.
func ofSilver(g HSGoods) error {
	switch s := massOf(g.Composition, silver); {
	case s == 0:
		return errors.New("these goods have no silver")
	case s < massOf(g.Composition, goldPlatinum...):
		return errors.New("these goods have more gold and platinum metals than silver")
	}
	return nil
}

// costume is what only looks precious.
func costume(g HSGoods) error {
	switch {
	case g.Pearls || g.Stones:
		return errors.New("these goods have pearls or stones that are no imitations")
	case HSMetal(g.Composition) != 0:
		return fmt.Errorf("these goods have %s", Word(HSMetal(g.Composition)))
	}
	return nil
}

func ofPearls(g HSGoods) error {
	if g.Form == piece && g.Pearls {
		return nil
	}
	return loose(pearl, natures(natural, cultured, composite))(g)
}

func ofStones(g HSGoods) error {
	if g.Form == piece && g.Stones {
		return nil
	}
	return all(loose(gem), mineral, natures(natural, labGrown, composite), stage(polished))(g)
}

// HSMetal gives the metal that an alloy counts as in the HS: of 2 % or more of platinum
// metals together, the one of them with the greatest mass; else gold, else silver, of 2 %
// or more; unspecified if it has less of each (chapter note 5 and subheading note 3). So
// white gold with a tenth of palladium is no gold to customs.
func HSMetal(composition []*custodyv1.Constituent) custodyv1.Metal {
	total := uint64(0)
	for _, c := range composition {
		total += c.Micrograms
	}
	counts := func(list ...custodyv1.Metal) bool {
		mass := massOf(composition, list...)
		return mass > 0 && mass >= total/50+min(total%50, 1)
	}
	switch {
	case counts(platinumGroup...):
		most := platinumGroup[0]
		for _, m := range platinumGroup[1:] {
			if massOf(composition, m) > massOf(composition, most) {
				most = m
			}
		}
		return most
	case counts(gold):
		return gold
	case counts(silver):
		return silver
	}
	return custodyv1.Metal_METAL_UNSPECIFIED
}

// massOf adds up the mass of some metals.
func massOf(composition []*custodyv1.Constituent, list ...custodyv1.Metal) uint64 {
	total := uint64(0)
	for _, c := range composition {
		if slices.Contains(list, c.Metal) {
			total += c.Micrograms
		}
	}
	return total
}
