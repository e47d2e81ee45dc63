package vocabulary

import (
	"fmt"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// HSGoods is what the customs code of goods depends on.
type HSGoods struct {
	Material custodyv1.Material // unspecified for a piece
	Form     custodyv1.Form
	Nature   custodyv1.Nature
	Stage    custodyv1.Stage
	Species  string // as a description has it
	// Composition is what a metal is made of; of a piece, all its metal parts together.
	Composition []*custodyv1.Constituent
	// Scrap: the goods are known to be waste or scrap. False says nothing, because
	// recycled gold may be a bar again.
	Scrap bool
	// Pearls and Stones: a piece has natural or cultured pearls, has stones that are no
	// imitations. Only of a piece.
	Pearls, Stones bool
}

// CheckHS refuses a code that is not of HS 2022 chapter 71 at six digits, or that such
// goods cannot stand under. It refuses what is certainly wrong only: where the code
// depends on what an event does not say (unwrought or semi-manufactured, industrial
// or not), each of them may stand.
func CheckHS(code string, goods HSGoods) error {
	row, ok := hsRowOf(code)
	if !ok {
		return fmt.Errorf("%q is no six-digit code of chapter 71 of the HS 2022", code)
	}
	if err := row.check(goods); err != nil {
		err = fmt.Errorf("%s is for %s: %w", code, row.words, err)
		if instead, ok := SuggestHS(goods); ok {
			err = fmt.Errorf("%w; expected %s", err, instead)
		}
		return err
	}
	return nil
}

// SuggestHS gives the code that such goods have; not ok where an event does not say
// enough to choose one, such as cultured pearls that may be drilled or not. Metal is
// taken for unwrought, a diamond for a gem, a piece and its parts for jewellery.
func SuggestHS(goods HSGoods) (code string, ok bool) {
	switch {
	case goods.Form == piece:
		code = suggestPiece(goods)
	case goods.Material == diamond:
		code = byStage(goods.Stage, natureCode(goods.Nature, "710231", "710421"), natureCode(goods.Nature, "710239", "710491"))
	case goods.Material == gem && mineral(goods) == nil:
		code = byStage(goods.Stage, natureCode(goods.Nature, "710310", "710429"), natureCode(goods.Nature, worked(goods.Species), "710499"))
	case goods.Material == pearl && goods.Nature == natural:
		code = "710110"
	case goods.Material == metal:
		code = suggestMetal(goods)
	}
	return code, code != ""
}

func byStage(s custodyv1.Stage, ifRough, ifPolished string) string {
	switch s {
	case rough:
		return ifRough
	case polished:
		return ifPolished
	}
	return ""
}

func natureCode(n custodyv1.Nature, ifNatural, ifLabGrown string) string {
	switch n {
	case natural:
		return ifNatural
	case labGrown:
		return ifLabGrown
	}
	return ""
}

// worked gives the code of a polished natural gem. All corundum is ruby or sapphire;
// beryl may be emerald or not.
func worked(species string) string {
	switch group := SpeciesGroup(species); {
	case group == groupCorundum, names(species, "emerald"):
		return "710391"
	case group == "", group == "other", group == "beryl" && !names(species, "aquamarine", "morganite", "heliodor"):
		return ""
	}
	return "710399"
}

func suggestPiece(goods HSGoods) string {
	switch m := HSMetal(goods.Composition); {
	case goods.Scrap:
		return scrapCode(m)
	case m != 0:
		return jewelleryCode(m)
	case goods.Pearls && !goods.Stones:
		return "711610"
	case goods.Stones && !goods.Pearls:
		return "711620"
	}
	return ""
}

func suggestMetal(goods HSGoods) string {
	m := HSMetal(goods.Composition)
	switch {
	case goods.Scrap:
		return scrapCode(m)
	case goods.Form == part:
		return jewelleryCode(m)
	case goods.Form == single || goods.Form == bulk:
		return map[custodyv1.Metal]string{
			gold: "710812", silver: "710691", platinum: "711011", palladium: "711021",
			rhodium: "711031", iridium: "711041", ruthenium: "711041",
		}[m]
	}
	return ""
}

func scrapCode(m custodyv1.Metal) string {
	switch m {
	case 0:
		return ""
	case gold:
		return "711291"
	case silver:
		return "711299"
	}
	return "711292"
}

func jewelleryCode(m custodyv1.Metal) string {
	switch m {
	case 0:
		return ""
	case silver:
		return "711311"
	}
	return "711319"
}

// HSWords describes a code in our words; "" if chapter 71 has no such code.
func HSWords(code string) string {
	row, _ := hsRowOf(code)
	return row.words
}

// HSCodes gives the six-digit codes of chapter 71, ascending.
func HSCodes() []string {
	codes := make([]string, len(hsRows))
	for i, row := range hsRows {
		codes[i] = row.code
	}
	return codes
}
